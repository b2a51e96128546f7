begin((root) => {
  for (const question of root.querySelectorAll("li[data-answer]")) {
    const list = question.querySelector("ol"), peer = "peer" in question.dataset;
    const reasons = [...question.querySelectorAll("details li")].map((item) => item.innerHTML);
    const told = make(question, "p", { class: "told", "aria-live": "polite" });
    let votes = 0, first = "";
    list.className = "choices";
    list.setAttribute("aria-label", question.querySelector("p").textContent);
    const buttons = [...list.children].map((item, index) => {
      const letter = "ABCDEFGH"[index], words = item.innerHTML;
      item.replaceChildren();
      const node = button(item, "", () => {
        votes += 1;
        buttons.forEach((other) => other.setAttribute("aria-pressed", other === node));
        if (peer && votes === 1) {
          first = letter;
          told.dataset.told = "vote";
          told.textContent = "First vote: " + letter + ". Now turn to a neighbour who chose another letter, or " +
            "write one sentence that would convince them. Then vote again.";
          return;
        }
        const right = letter === question.dataset.answer;
        node.dataset.told = told.dataset.told = right ? "right" : "wrong";
        told.innerHTML = "<strong>" + letter + ".</strong> " + reasons[index] +
          (peer && votes === 2 ? " <em>Your first vote was " + first + ".</em>" : "") +
          (right ? "" : " Choose again.");
      }, { "aria-pressed": "false" });
      node.innerHTML = "<b>" + letter + "</b><span>" + words + "</span>";
      return node;
    });
    question.querySelector("details").replaceWith(told);
  }
});
