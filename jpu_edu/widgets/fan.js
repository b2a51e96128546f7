begin((root, data, alt, id) => {
  const narrow = root.clientWidth > 0 && root.clientWidth < 560;  // names above their rows, dots closer together
  const LEFT = narrow ? 0 : 130, STEP = Math.min(narrow ? 12 : 22, 690 / data.size), GAP = 72, DOT = Math.min(5, STEP / 2.6);
  const most = Math.max(...data.stacks.map((stack) => stack.levels.length));
  const width = LEFT + data.size * STEP, height = most * GAP;
  const x = (position) => LEFT + (position + 0.5) * STEP;
  const y = (level) => height - 34 - level * GAP;

  const choices = make(root, "div", { class: "controls", role: "radiogroup", "aria-label": "Stack" });
  const picture = make(root, "svg:svg", { viewBox: "0 0 " + width + " " + height, role: "img", "aria-label": alt });
  const controls = make(root, "div", { class: "controls" });
  const told = make(root, "p", { class: "told", "aria-live": "polite" });
  const [levelAt, sampleAt] = ["level", "sample"].map((name) =>
    slider(make(controls, "label", {}, name), { min: 0, "aria-label": name, "data-name": name }, () =>
      select(Number(levelAt.value), Number(sampleAt.value))));
  let levels, dots, lines;

  data.stacks.forEach((stack, number) => {
    if (data.stacks.length < 2) return;
    choice(choices, { name: id }, stack.name, () => draw(number)).checked = number === 0;
  });

  function draw(number) {
    levels = data.stacks[number].levels;
    picture.replaceChildren();
    lines = [];
    dots = levels.map(() => []);
    levels.forEach((level, l) => level.reads.forEach((reads, i) => reads.forEach((j) => {
      const node = make(picture, "svg:line", { x1: x(level.positions[i]), y1: y(l), x2: x(levels[l - 1].positions[j]),
        y2: y(l - 1) });
      lines.push({ node, l, i, j });
    })));
    levels.forEach((level, l) => {
      make(picture, "svg:text", { x: 0, y: y(l) + (narrow ? -11 : 4) }, level.name);
      for (const place of level.dropped) make(picture, "svg:circle", { class: "dropped", cx: x(place), cy: y(l), r: 0.6 * DOT });
      level.positions.forEach((place, i) => dots[l].push(make(picture, "svg:circle", { cx: x(place), cy: y(l), r: DOT })));
    });
    for (let j = 0; j < data.size; j += 4) {
      make(picture, "svg:text", { x: x(j), y: y(0) + 27, "text-anchor": "middle" }, j);
    }
    levels.forEach((level, l) => level.positions.forEach((place, i) => {  // large invisible targets, painted last
      const wide = (level.positions[1] - level.positions[0] || 2) * STEP;
      const target = make(picture, "svg:rect", { class: "target", x: x(place) - wide / 2, y: y(l) - 14, width: wide, height: 28,
        "data-at": l + "," + i });
      target.addEventListener("pointerenter", () => select(l, i));
      target.addEventListener("click", () => select(l, i));
    }));
    levelAt.max = levels.length - 1;
    select(levels.length - 1, Math.floor(levels[levels.length - 1].positions.length / 2));
  }

  function select(l, i) {
    i = Math.min(i, levels[l].positions.length - 1);
    const below = levels.map(() => new Set()), above = levels.map(() => new Set());
    below[l].add(i);
    above[l].add(i);
    for (let d = l; d > 0; d--) for (const k of below[d]) for (const j of levels[d].reads[k]) below[d - 1].add(j);
    for (let d = l + 1; d < levels.length; d++) levels[d].reads.forEach((reads, k) => {
      if (reads.some((j) => above[d - 1].has(j))) above[d].add(k);
    });
    for (const { node, l: d, i: k, j } of lines) {
      node.setAttribute("class", d <= l && below[d].has(k) ? "below" : d > l && above[d - 1].has(j) ? "above" : "");
    }
    dots.forEach((row, d) => row.forEach((node, k) => {
      node.setAttribute("class", d === l && k === i ? "chosen" : d < l && below[d].has(k) ? "below"
        : d > l && above[d].has(k) ? "above" : "");
    }));
    picture.querySelectorAll(".window").forEach((node) => node.remove());
    if (l > 0 && below[0].size) {
      const first = Math.min(...below[0]), last = Math.max(...below[0]);
      make(picture, "svg:path", { class: "window", d: "M" + (x(first) - 7) + " " + (y(0) + 9) + "v5H" + (x(last) + 7) + "v-5" });
    }
    levelAt.value = l;
    sampleAt.max = levels[l].positions.length - 1;
    sampleAt.value = i;
    const top = levels.length - 1;
    told.textContent = levels[l].says[i] + (l < top ? " " + above[top].size + " of " + levels[top].positions.length +
      " samples at the top depend on it (dashed)." : "");
    root.dataset.pick = l + "," + i;
  }
  draw(0);
});
