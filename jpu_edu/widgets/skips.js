(function () {
  function make(parent, name, attributes, text) {
    const node = document.createElement(name);
    for (const key in attributes) node.setAttribute(key, attributes[key]);
    if (text !== undefined) node.textContent = text;
    parent.append(node);
    return node;
  }

  function start(root, count) {
    const data = JSON.parse(root.querySelector('script[type="application/json"]').textContent);
    root.querySelector("img.poster").remove();
    const grid = make(root, "div", { class: "grid" });
    const told = make(root, "p", { class: "told", "aria-live": "polite" });
    const boxes = {}, pictures = {}, frames = {};
    let source = 0;

    function panel(key, caption, attributes) {
      const frame = frames[key] = make(grid, "figure", { "data-key": key, ...attributes });
      const head = make(frame, "figcaption", {});
      if (["c5", "c4", "c3"].includes(key)) {
        const label = make(head, "label", {});
        const box = boxes[key] = make(label, "input", { type: "checkbox", "data-name": key, "data-lm-suppress-shortcuts": "true" });
        box.checked = true;
        box.addEventListener("change", show);
        label.append(caption);
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
        const label = make(choices, "label", {});
        const radio = make(label, "input", { type: "radio", name: "skips-KEY-" + count, "data-lm-suppress-shortcuts": "true" });
        radio.checked = number === 0;
        radio.addEventListener("change", () => { source = number; show(); });
        label.append(one.name);
      });
    }
    panel("c4", "c4 at stride 16: adds " + data.thin + ", takes it (black)", { "data-down": "\u2193 +" });
    panel("c3", "c3: the same, at stride 8", { "data-down": "\u2193 +" });
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
  }

  for (const root of document.querySelectorAll('.jpu-skips[data-key="KEY"]:not([data-ready])')) {
    root.dataset.ready = "yes";
    start(root, document.querySelectorAll(".jpu-skips[data-ready]").length);
  }
})();
