const EXACT = 1e-6;
const short = (error) => (error < EXACT ? "0" : error < 0.005 ? "<.01" : error.toFixed(2));

begin((root, data, alt, id) => {
  const { rate, top, size: [H, W] } = data;
  const methods = Object.keys(data.methods), plain = methods.filter((name) => !data.methods[name]).pop();
  const now = { depth: data.start[0], method: data.start[1], sees: data.start[2], fitted: data.start[3] };
  if (!data.methods[now.method]) [now.sees, now.fitted] = [data.sees[0], data.fitted[0]];
  const state = (method) => data.states[[now.depth, method, ...(data.methods[method] ? [now.sees, now.fitted] : ["y_s", "nothing"])].join("|")];

  // Four questions, each a row of radio buttons: the arrow keys walk through a row.
  const controls = make(root, "div", { class: "controls" }), rows = {};
  function ask(name, title, options) {
    const set = rows[name] = make(controls, "fieldset");
    letters(make(set, "legend"), title);
    for (const value of options) {
      choice(set, { name: id + name, value }, value, () => { now[name] = value; show(); }).checked = value === now[name];
    }
  }
  ask("depth", "the layers between y_m and y_s", Object.keys(data.depths));
  ask("method", "y is made by", methods);
  ask("sees", "h sees", data.sees);
  ask("fitted", "h is fitted to", data.fitted);
  const told = make(root, "p", { class: "told", "aria-live": "polite" });

  // The chain. What y is made of, and what each arrow is.
  const chain = make(root, "svg:svg", { class: "chain", viewBox: "0 0 860 134", role: "img", "aria-label": alt });
  const tip = make(make(chain, "svg:defs", {}), "svg:marker", { id, viewBox: "0 0 8 8", refX: 7, refY: 4,
    markerWidth: 8, markerHeight: 8, markerUnits: "userSpaceOnUse", orient: "auto" });
  make(tip, "svg:path", { d: "M0 1L8 4L0 7z", class: "tip" });
  const arrow = (d, classes) => make(chain, "svg:path", { d, class: "arrow " + classes, "marker-end": "url(#" + id + ")" });
  function symbol(x, y, letter, sub) {
    const text = make(chain, "svg:text", { x, y: y + 6, class: "symbol" }, letter);
    if (sub) make(text, "svg:tspan", { dy: 5, class: "sub" }, sub);
  }
  const note = (x, y, text, classes) => make(chain, "svg:text", { x, y, class: "note " + (classes || "") }, text);
  symbol(20, 44, "x");
  arrow("M36 44H118", "exact");
  note(76, 34, "C\u1d63").setAttribute("class", "note operator");
  note(76, 62, "exact");
  symbol(142, 44, "y", "m");
  const fromGuide = arrow("M166 44H352", "exact");
  note(259, 34, "S", "operator");
  note(259, 62, "exact");
  arrow("M142 62V106H222", "exact");
  note(180, 98, "R, C\u1d63\u207f", "operator");
  note(180, 124, "exact");
  symbol(250, 106, "y", "s");
  const fromStrided = arrow("M274 106H430V72", "exact");
  make(chain, "svg:rect", { x: 356, y: 20, width: 148, height: 48, rx: 9, class: "box" });
  const inBox = note(430, 49, "", "name");
  const made = arrow("M508 44H640", "");
  note(572, 34, "M", "operator");
  const kind = note(572, 64, "", "kind");
  symbol(662, 44, "y");
  const gap = make(chain, "svg:text", { x: 738, y: 53, class: "gap" });
  note(738, 78, "all phases");
  symbol(826, 44, "y", "d");
  const rings = { y_s: make(chain, "svg:circle", { cx: 250, cy: 107, r: 22, class: "ring y_s" }),
    y_d: make(chain, "svg:circle", { cx: 826, cy: 45, r: 24, class: "ring y_d" }) };
  const target = note(0, 0, "fitted to this", "target");

  const panels = make(root, "div", { class: "panels" });
  const bars = make(panels, "svg:svg", { class: "bars", viewBox: "0 0 420 236", role: "img", "aria-label": "The error of each phase" });
  const FOOT = 190, ROOM = 176, STEP = 22, AT = (k) => 34 + k * STEP + Math.floor(k / rate) * 10, wide = AT(rate * rate) - 8;
  bars.setAttribute("viewBox", "0 0 " + wide + " 236");
  const height = (error) => ROOM * Math.min(error / top, 1);
  for (const line of [0, 0.5, 1]) {
    make(bars, "svg:line", { x1: 28, x2: wide, y1: FOOT - height(line), y2: FOOT - height(line), class: "grid" });
    make(bars, "svg:text", { x: 22, y: FOOT - height(line) + 4, class: "tick" }, line);
  }
  const columns = data.phases.map((phase, k) => {
    const group = make(bars, "svg:g", { class: "bar", style: "--c: " + phase.colour });
    make(group, "svg:rect", { x: AT(k) - 2, y: 0, width: STEP, height: 236, class: "target" });
    make(group, "svg:rect", { x: AT(k), y: FOOT - ROOM, width: STEP - 4, height: ROOM, class: "error" });
    make(group, "svg:path", { d: phase.mark, transform: "translate(" + (AT(k) + 9) + " 201) scale(4.2)", class: "sign" });
    const zero = make(group, "svg:text", { x: AT(k) + 9, y: FOOT - 5, class: "zero" }, "0");
    const base = make(group, "svg:line", { x1: AT(k) - 1, x2: AT(k) + STEP - 3, class: "base" });
    group.addEventListener("click", () => pick(picked === k ? null : k));
    return { group, zero, base, error: group.querySelector(".error") };
  });
  for (let p = 0; p < rate; p++) make(bars, "svg:text", { x: (AT(p * rate) + AT(p * rate + rate - 1)) / 2 + 9, y: 228, class: "rank" }, "p = " + p);

  const middle = make(panels, "div", { class: "middle" });
  const pad = make(middle, "div", { class: "pad", role: "group", "aria-label": "The error of phase (row, column)",
    style: "grid-template-columns: repeat(" + rate + ", 52px)" });
  const cells = data.phases.map((phase, k) => button(pad, "", () => pick(picked === k ? null : k), { style: "--c: " + phase.colour }));
  walk(pad, cells, pick);
  pad.addEventListener("keydown", (event) => { if (event.key === "Escape") pick(null); });
  letters(make(middle, "p", { class: "key" }), "row p, column q; pick one to see its pixels");

  const pictures = make(panels, "div", { class: "pictures" });
  const canvases = ["y", "y_d"].map((name) => {
    const figure = make(pictures, "figure", {});
    const canvas = make(figure, "canvas", { width: W, height: H, role: "img", "aria-label": "A part of one channel of " + name });
    letters(make(figure, "figcaption"), name);
    return canvas.getContext("2d");
  });
  letters(make(root, "p", { class: "key" }), "Errors: root mean square of y \u2212 y_d over all channels, in deviations of y_d; " +
    "1 is as bad as a constant. Thin ticks: " + plain + ".");

  let picked = null;
  function paint(canvas, encoded) {
    const grey = atob(encoded), image = canvas.createImageData(W, H);
    for (let n = 0; n < H * W; n++) {
      const p = (Math.floor(n / W) + data.corner[0]) % rate, q = ((n % W) + data.corner[1]) % rate;
      image.data.fill(grey.charCodeAt(n), 4 * n, 4 * n + 3);
      image.data[4 * n + 3] = picked === null || p * rate + q === picked ? 255 : 60;
    }
    canvas.putImageData(image, 0, 0);
  }
  function pick(k) {
    picked = k;
    show();
  }
  function show() {
    const fits = data.methods[now.method], one = state(now.method), plainly = state(plain);
    for (const name of ["sees", "fitted"]) rows[name].disabled = !fits;
    inBox.textContent = now.method;
    made.setAttribute("class", "arrow made " + one.label);
    kind.textContent = one.label;
    fromGuide.classList.toggle("off", !fits || now.sees === "y_s");
    fromStrided.classList.toggle("off", fits && now.sees === "y_m");
    gap.textContent = one.all < EXACT ? "= 0" : (one.all < 0.005 ? "" : "\u2248 ") + short(one.all);
    const to = fits ? now.fitted.slice(0, 3) : "";
    for (const name in rings) rings[name].classList.toggle("on", name === to);
    target.textContent = to ? "fitted to this" : "";
    target.setAttribute("x", to === "y_s" ? 336 : 812);
    target.setAttribute("y", to === "y_s" ? 124 : 92);
    one.phases.forEach((error, k) => {
      const { group, zero, base, error: bar } = columns[k], exact = error < EXACT;
      bar.style.transform = "scaleY(" + height(error) / ROOM + ")";
      zero.style.display = exact ? "" : "none";
      for (const end of ["y1", "y2"]) base.setAttribute(end, FOOT - height(plainly.phases[k]));
      group.classList.toggle("dim", picked !== null && picked !== k);
      cells[k].textContent = short(error);
      cells[k].style.setProperty("--e", Math.min(error / top, 1) * 46 + "%");
      cells[k].setAttribute("aria-pressed", picked === k);
      cells[k].setAttribute("aria-label", "phase " + Math.floor(k / rate) + ", " + (k % rate) + ": " + short(error));
      cells[k].tabIndex = k === (picked || 0) ? 0 : -1;
    });
    paint(canvases[0], one.pixels);
    paint(canvases[1], data.depths[now.depth]);
    letters(told, one.says + (picked === null ? "" : " Phase (" + Math.floor(picked / rate) + ", " + (picked % rate) + "): " +
      short(one.phases[picked]) + "; " + plain + " " + short(plainly.phases[picked]) + "."));
    root.dataset.state = [now.depth, now.method, now.sees, now.fitted].join("|");
  }
  show();
});
