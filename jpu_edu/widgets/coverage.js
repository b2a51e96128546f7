const PALE = 0.16, LAYERS = ["first", "second", "third"];
const many = (n, word) => n + " " + word + (n === 1 ? "" : "s");

// On one axis: the number of paths to each input, counted from the window's first one.
function pathsOf(rates, kernel) {
  return rates.reduce((paths, rate) => {
    const longer = new Array(paths.length + (kernel - 1) * rate).fill(0);
    for (let k = 0; k < kernel; k++) paths.forEach((count, at) => { longer[at + k * rate] += count; });
    return longer;
  }, [1]);
}
// On one axis: every path to that input, as the steps of its layers, the first layer first.
function walksTo(at, [rate, ...rest], kernel) {
  if (rate === undefined) return at === 0 ? [[]] : [];
  return Array.from({ length: kernel }, (_, k) => walksTo(at - k * rate, rest, kernel)
    .map((steps) => [(k - (kernel - 1) / 2) * rate, ...steps])).flat();
}
function reason(rates, kernel) {
  const divisor = rates.reduce(function common(a, b) { return b ? common(b, a % b) : a; });
  let stretch = 1, broken = 0;
  for (const rate of [...rates].sort((a, b) => a - b)) {
    if (rate > stretch) { broken = rate; break; }
    stretch += (kernel - 1) * rate;
  }
  if (!broken) return "Sorted by rate, no step is longer than the stretch that is already covered: no holes.";
  if (divisor > 1) return "Every rate is a multiple of " + divisor + ": a pixel meets only its own phase, one of " + divisor ** 2 + ".";
  if (stretch === 1) return "No rate is 1: from the outermost pixel inwards, the next that is reached lies " + broken + " away.";
  return "Smaller rates reach " + stretch + " pixels in a row. Rate " + broken + " lays copies of them " + broken +
    " apart and misses " + many(broken - stretch, "pixel") + " in between.";
}

begin((root, data, alt, id) => {
  let { rates, kernel } = data, paths, span, point = null;

  const presets = make(root, "div", { class: "controls", role: "group", "aria-label": "Rates" });
  const buttons = data.presets.map((preset) => button(presets, preset.join(", "), () => { rates = preset; show(); }));
  const panels = make(root, "div", { class: "panels" });
  const map = make(panels, "div", { class: "map", tabindex: 0, role: "application", "aria-label": "Inputs around one output. The arrow keys point at one.", ...quiet });
  const picture = make(map, "svg:svg", { role: "img" });
  const pattern = make(make(picture, "svg:defs"), "svg:pattern", { id, width: 1, height: 1, patternUnits: "userSpaceOnUse" });
  make(pattern, "svg:circle", { cx: 0.5, cy: 0.5, r: 0.27 });
  const holes = make(picture, "svg:path", { fill: "url(#" + id + ")" });
  const pixels = make(picture, "svg:g", { class: "pixels" }), walk = make(picture, "svg:g", { class: "walk" });

  const side = make(panels, "div", { class: "side" });
  const large = make(side, "p", { class: "large", "aria-hidden": "true" });
  const share = make(large, "span"), sizes = make(large, "small");
  const sliders = [...LAYERS.map((name) => name + " rate"), "kernel"].map((name, k) => {
    const label = make(side, "label"), [low, high] = k < 3 ? data.rate : data.size;
    make(label, "span", {}, name);
    const input = slider(label, { min: low, max: high, "aria-label": name }, (value) => {
      if (k < 3) rates = rates.map((rate, l) => (l === k ? value : rate));
      else kernel = value;
      show();
    });
    return { input, shown: make(label, "output") };
  });
  const told = make(side, "p", { class: "told", "aria-live": "polite" });
  const path = make(root, "p", { class: "path", "aria-live": "polite" });
  const key = make(root, "p", { class: "key" });

  function show() {
    paths = pathsOf(rates, kernel);
    span = paths.length;
    const reached = paths.filter(Boolean).length, most = Math.max(...paths) ** 2, percent = Math.round(100 * (reached / span) ** 2);
    picture.setAttribute("viewBox", "-0.1 -0.1 " + (span + 0.2) + " " + (span + 0.2));

    // Whole rows of holes, and the holes between the pixels of the other rows.
    const gaps = paths.map((n, j) => (n ? "" : "M" + j + " ROWh1v1h-1z")).join("");
    holes.setAttribute("d", paths.map((n, i) => (n ? gaps.replaceAll("ROW", i) : "M0 " + i + "h" + span + "v1h-" + span + "z")).join(""));
    const shades = new Map();  // pixels with equally many paths are one shape
    paths.forEach((n, i) => n && paths.forEach((m, j) => m &&
      shades.set(n * m, (shades.get(n * m) || "") + "M" + (j + 0.04) + " " + (i + 0.04) + "h.92v.92h-.92z")));
    pixels.replaceChildren();
    for (const [n, d] of shades) {
      make(pixels, "svg:path", { d, "fill-opacity": PALE + (1 - PALE) * Math.log(n) / Math.log(Math.max(2, most)) });
    }

    share.textContent = percent + "\u00a0%";
    sizes.textContent = "of " + span + " \u00d7 " + span + " inputs are reached";
    told.textContent = "Span " + span + " \u00d7 " + span + ", reached " + reached + " \u00d7 " + reached + ", coverage " + percent +
      "\u00a0%. " + reason(rates, kernel);
    picture.setAttribute("aria-label", told.textContent);
    key.textContent = (most === 1 ? "Filled: one path leads there, and no more. " : "The stronger the ink, the more paths lead there: 1 to " + most +
      ", on a logarithmic scale. ") + (reached < span ? "Empty circle: none does. " : "") + "Point at an input to see one.";
    [...rates, kernel].forEach((value, k) => {
      sliders[k].input.value = value;
      sliders[k].shown.textContent = k < 3 ? value : value + " \u00d7 " + value;
    });
    buttons.forEach((button, k) => button.setAttribute("aria-pressed", String(data.presets[k]) === String(rates)));
    root.dataset.paths = paths.join(" ");
    select(null);
  }

  function select(wanted) {
    point = wanted && wanted.map((at) => Math.max(0, Math.min(span - 1, at)));
    walk.replaceChildren();
    path.textContent = "";
    if (!point) return;
    const middle = (span - 1) / 2, place = (at) => minus(at - middle), n = paths[point[0]] * paths[point[1]];
    make(walk, "svg:rect", { x: point[1], y: point[0], width: 1, height: 1 });
    const where = "Row " + place(point[0]) + ", column " + place(point[1]) + ", from the middle: ";
    if (!n) {
      const lost = point.findIndex((at) => !paths[at]);
      path.textContent = where + "no path. No three steps, one a layer, make a " + ["row", "column"][lost] + " of " + place(point[lost]) + ".";
      return;
    }
    const length = (steps) => steps.reduce((sum, step) => sum + Math.abs(step), 0);
    const [down, across] = point.map((at) => walksTo(at, rates, kernel).sort((a, b) => length(a) - length(b))[0]);
    let y = middle + 0.5, x = middle + 0.5, line = "M" + x + " " + y;
    const stops = [[x, y]], steps = [];
    for (const l of [2, 1, 0]) {  // from the output down: the last layer steps first
      stops.push([x += across[l], y += down[l]]);
      line += "L" + x + " " + y;
      steps.push(LAYERS[l] + " layer (" + minus(down[l]) + ", " + minus(across[l]) + ")");
    }
    for (const look of ["halo", "line"]) make(walk, "svg:path", { class: look, d: line });
    for (const [cx, cy] of stops) make(walk, "svg:circle", { cx, cy, r: Math.min(0.3, span / 90) });
    path.textContent = where + many(n, "path") + ", " + paths[point[0]] + " for the row times " + paths[point[1]] + " for the column. " +
      (n === 1 ? "It: " : "One: ") + steps.join(", ") + ".";
  }

  map.addEventListener("keydown", (event) => {
    const move = MOVES[event.key];
    if (!move) return;
    event.preventDefault();
    const middle = Math.floor((span - 1) / 2);
    select((point || [middle, middle]).map((at, axis) => at + move[axis]));
  });
  for (const kind of ["pointermove", "pointerdown"]) picture.addEventListener(kind, (event) => {
    const box = picture.getBoundingClientRect();
    select([(event.clientY - box.top) / box.height, (event.clientX - box.left) / box.width].map((part) => Math.floor(part * (span + 0.2) - 0.1)));
  });
  show();
});
