
(function () {
  for (const root of document.querySelectorAll('.jpu-quiz[data-key="@KEY@"]:not([data-ready])')) {
    root.dataset.ready = "yes";
    for (const question of root.querySelectorAll("li[data-answer]")) {
      const list = question.querySelector("ol");
      const reasons = [...question.querySelectorAll("details li")].map((item) => item.innerHTML);
      const peer = "peer" in question.dataset;
      const told = document.createElement("p");
      told.className = "told";
      told.setAttribute("aria-live", "polite");
      let votes = 0, first = "";
      list.className = "choices";
      list.setAttribute("aria-label", question.querySelector("p").textContent);
      const buttons = [...list.children].map((item, index) => {
        const letter = "ABCDEFGH"[index];
        const button = document.createElement("button");
        button.type = "button";
        button.dataset.lmSuppressShortcuts = "true";
        button.setAttribute("aria-pressed", "false");
        button.innerHTML = "<b>" + letter + "</b><span>" + item.innerHTML + "</span>";
        item.replaceChildren(button);
        button.addEventListener("click", () => {
          votes += 1;
          buttons.forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
          if (peer && votes === 1) {
            first = letter;
            told.dataset.told = "vote";
            told.textContent = "First vote: " + letter + ". Now turn to a neighbour who chose another letter, or " +
              "write one sentence that would convince them. Then vote again.";
            return;
          }
          const right = letter === question.dataset.answer;
          button.dataset.told = told.dataset.told = right ? "right" : "wrong";
          told.innerHTML = "<strong>" + letter + ".</strong> " + reasons[index] +
            (peer && votes === 2 ? " <em>Your first vote was " + first + ".</em>" : "") +
            (right ? "" : " Choose again.");
        });
        return button;
      });
      question.querySelector("details").replaceWith(told);
    }
  }
})();
