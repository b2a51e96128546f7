begin((root, data, alt, id) => {
  const grid = make(root, "div", { class: "grid" });
  const told = make(root, "p", { class: "told", "aria-live": "polite" });
  const boxes = {}, pictures = {}, frames = {};
  let source = 0;

  function panel(key, caption, attributes) {
    const frame = frames[key] = make(grid, "figure", { "data-key": key, ...attributes });
    const head = make(frame, "figcaption");
    if (["c5", "c4", "c3"].includes(key)) {
      boxes[key] = choice(head, { type: "checkbox", "data-name": key }, caption, show);
      boxes[key].checked = true;
    } else head.append(caption);
    pictures[key] = make(frame, "img", { alt: caption });
  }

  const side = make(grid, "div", { class: "side" });
  for (const name in data.colours) {
    const line = make(side, "span", {});
    make(line, "span", { class: "swatch", style: "background:" + data.colours[name] });
    line.append(name);
  }
  if (data.sources.length > 1) {
    const choices = make(side, "div", { role: "radiogroup", "aria-label": "Scores" });
    data.sources.forEach((one, number) => {
      choice(choices, { name: id }, one.name, () => { source = number; show(); }).checked = number === 0;
    });
  }
  panel("c4", "c4, stride 16: " + data.thin + " added; black: taken away", { "data-down": "\u2193 +" });
  panel("c3", "c3, stride 8: the same", { "data-down": "\u2193 +" });
  panel("photograph", "photograph", { class: "smooth" });
  pictures.photograph.src = data.photograph;
  panel("c5", "c5: scores at stride 32");
  panel("sum16", "up two, + c4", { "data-arrow": "\u2192" });
  panel("sum8", "up two, + c3", { "data-arrow": "\u2192" });
  panel("labels", "up to the picture, and the largest score wins", { "data-arrow": "\u2192" });
  make(frames.labels, "img", { class: "over", alt: "outline of the " + data.thin, src: data.outline });

  function show() {
    const on = ["c5", "c4", "c3"].map((key) => boxes[key].checked);
    const number = on[0] + 2 * on[1] + 4 * on[2];
    const maps = data.sources[source], state = maps.states[number];
    for (const key of ["c5", "c4", "c3"]) {
      pictures[key].src = maps[key];
      frames[key].classList.toggle("off", !boxes[key].checked);
    }
    for (const key of ["sum16", "sum8", "labels"]) pictures[key].src = state[key];
    frames.sum16.classList.toggle("off", !on[1] && !on[2]);
    frames.sum8.classList.toggle("off", !on[2]);
    told.textContent = state.says;
    root.dataset.state = number;
  }
  show();
});
