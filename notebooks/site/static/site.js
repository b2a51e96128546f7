// The theme's toggles in the sidebar have a picture and no name.
for (const toggle of document.querySelectorAll(".toctree-l1 > details > summary")) {
  toggle.setAttribute("aria-label", `pages of ${toggle.closest("li").querySelector("a").textContent}`);
}

// A prediction is a commitment, here too: choose an answer, and the reveal shows it beside the truth. Nothing is stored.
for (const word of document.querySelectorAll("p > strong:first-child")) {
  if (word.textContent !== "Predict.") continue;
  const question = word.parentElement;
  const reveal = [...document.querySelectorAll("details")].find(
    (one) => one.querySelector("summary")?.textContent === "Show the answer"
      && question.compareDocumentPosition(one) & Node.DOCUMENT_POSITION_FOLLOWING);
  if (!reveal) continue;
  const said = document.createElement("p");
  said.className = "predict-said";
  said.setAttribute("aria-live", "polite");
  const commit = (answer) => {
    said.textContent = answer ? `You predict: ${answer}` : "";
    if (answer) reveal.querySelector("summary").after(said);
  };
  const list = question.nextElementSibling;
  if (list?.tagName === "OL") {
    const choices = [...list.children].map((item, k) => {
      const choice = document.createElement("button");
      choice.type = "button";
      choice.className = "predict-choice";
      choice.setAttribute("role", "radio");
      choice.setAttribute("aria-checked", "false");
      choice.textContent = item.textContent;
      choice.onclick = () => {
        choices.forEach((other) => other.setAttribute("aria-checked", String(other === choice)));
        commit(`${"ABCDEFGH"[k]}. ${choice.textContent}`);
      };
      item.replaceChildren(choice);
      return choice;
    });
    list.setAttribute("role", "radiogroup");
    list.setAttribute("aria-label", "your prediction");
    [...list.children].forEach((item) => item.setAttribute("role", "presentation"));
  } else {
    const box = document.createElement("input");
    box.type = "text";
    box.setAttribute("aria-label", "your prediction");
    box.placeholder = "your prediction";
    box.onchange = () => commit(box.value.trim());
    question.after(box);
  }
}

// A formula that is wider than the page scrolls, so the keyboard must reach it; the others would only be in its way.
const formulas = document.querySelectorAll("div.math, span.math.long");
const reach = () => formulas.forEach((one) => {
  if (one.scrollWidth > one.clientWidth && one.clientWidth > 0) one.tabIndex = 0;
  else one.removeAttribute("tabindex");
});
reach();
addEventListener("resize", reach);
