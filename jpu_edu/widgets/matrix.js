begin((root, data, alt) => {
  const H = data.x.length, W = data.x[0].length, signal = H === 1;
  const kh = data.weight.length, kw = data.weight[0].length;
  const values = (name) => [...new Set(data.settings.map((s) => s[name][1]))].sort((a, b) => a - b);
  const most = (name) => Math.max(...values(name));
  const P = most("padding"), tallest = Math.max(...data.settings.map((s) => s.y.length));
  const widest = Math.max(...data.settings.map((s) => s.y[0].length));

  // Places. A signal stands above its matrix, column above column; a map stands beside it, or above it on a phone.
  const CELL = signal ? 32 : 28, TOP = 26, narrow = root.clientWidth > 0 && root.clientWidth < 560;
  const xw = (W + 2 * P) * CELL, yh = (tallest + kh) * CELL + 34;
  const at = signal
    ? { x: [0, TOP], m: [P * CELL, TOP + CELL + 34], y: [xw + 26, TOP + CELL + 34], k: [xw + 26, TOP] }
    : narrow ? { x: [0, TOP], y: [xw + 24, TOP], k: [xw + 24, TOP + tallest * CELL + 34],
        m: [0, TOP + Math.max((H + 2 * P) * CELL, yh) + 34] }
    : { x: [0, TOP], m: [Math.max(xw, CELL * (widest + kw + 1)) + 40, TOP], y: [0, TOP + (H + 2 * P) * CELL + 34],
        k: [CELL * (widest + 1), TOP + (H + 2 * P) * CELL + 34] };
  const mw = signal ? CELL : narrow ? (xw + 24 + Math.max(widest, kw) * CELL) / (H * W) : 16;
  const room = narrow ? H * W * mw : at.y[1] + Math.max(tallest, kh) * CELL - TOP;
  const width = signal ? at.k[0] + Math.max(kw, 3) * CELL + 4 : at.m[0] + H * W * mw + 4;
  const height = signal ? at.y[1] + widest * CELL + 4 : (narrow ? at.m[1] : TOP) + room + 4;

  const controls = make(root, "div", { class: "controls" });
  const picture = make(root, "svg:svg", { viewBox: "-3 0 " + (width + 6) + " " + height, role: "img", "aria-label": alt });
  if (!narrow) picture.style.maxWidth = width + "px";
  const told = make(root, "p", { class: "told", "aria-live": "polite" });

  let now = data.settings[data.start], pick = null;  // pick: {kind: "y" | "x", index}
  const sliders = {};
  for (const name of ["stride", "padding", "rate"]) {
    const list = values(name);
    if (list.length < 2) continue;
    const label = make(controls, "label", {}, name + " ");
    const input = slider(label, { min: 0, max: list.length - 1, "aria-label": name, "data-name": name }, choose);
    input.value = list.indexOf(now[name][1]);
    sliders[name] = { list, input, shown: make(label, "output") };
  }
  const label = make(controls, "label", {}, "output ");
  const walker = slider(label, { min: 0, "aria-label": "output", "data-name": "output" }, (index) => select({ kind: "y", index }));
  const walked = make(label, "output");

  function choose() {
    const want = {};
    for (const name in sliders) want[name] = sliders[name].list[Number(sliders[name].input.value)];
    const found = data.settings.find((s) => Object.keys(want).every((name) => s[name][1] === want[name]));
    for (const name in sliders) sliders[name].shown.textContent = want[name];
    if (!found) {
      const span = (want.rate || 1) * (kw - 1) + 1;
      picture.replaceChildren();
      walker.disabled = true;
      told.textContent = "The kernel does not fit: at rate " + (want.rate || 1) + " it spans " + span +
        " pixels, and the padded map has " + (W + 2 * (want.padding || 0)) + ". There is no output.";
      return;
    }
    now = found;
    walker.disabled = false;
    draw();
  }

  const outputs = () => now.y.length * now.y[0].length;
  const rowOf = (index) => {  // the taps of one output: [row of x, column of x, weight]
    const w = now.y[0].length, list = [];
    now.taps[0][Math.floor(index / w)].forEach((c, u) => now.taps[1][index % w].forEach((d, v) =>
      list.push([c, d, data.weight[u][v]])));
    return list;
  };
  const inside = (c, d) => c >= 0 && c < H && d >= 0 && d < W;

  let nodes;
  function cell(kind, index, x, y, w, h, text, colour, classes) {
    const group = make(picture, "svg:g", { class: kind + " " + (classes || ""), transform: "translate(" + x + " " + y + ")" });
    make(group, "svg:rect", { x: 1, y: 1, width: w - 2, height: h - 2, rx: Math.min(3, h / 4) });
    if (colour) {
      group.dataset.c = "";
      group.style.setProperty("--c", colour[0]);
      if (h >= 20) make(group, "svg:path", { class: "sign", d: colour[1], transform: "translate(6 6) scale(2.3)" });
    }
    const size = Math.min(h * 0.5, w * (String(text).length > 2 ? 0.42 : 0.56), 15);
    if (text !== "" && size >= 6) make(group, "svg:text", { x: w / 2, y: h / 2 + 0.5, "font-size": size }, minus(text));
    if (index !== null) {
      const target = { kind: kind === "x" || kind === "column" ? "x" : "y", index };
      group.addEventListener("pointerenter", () => select(target));
      group.addEventListener("click", () => select(target));
      (nodes[kind][index] = nodes[kind][index] || []).push(group);
    }
    return group;
  }
  function title(x, y, name, rest) {
    const text = make(picture, "svg:text", { class: "label", x, y }, name);
    if (rest) make(text, "svg:tspan", {}, " " + rest);
  }

  function draw() {
    const [ph, pw] = now.padding, h = now.y.length, w = now.y[0].length, n = h * w;
    const mh = signal ? CELL : Math.min(mw, room / n);
    const colours = data.colours[now.rate.join(",")];
    // The phase of an output, and of the padded pixels that outputs of that phase read.
    const phase = (a, b) => colours && colours[(a % now.rate[0]) * now.rate[1] + (b % now.rate[1])];
    nodes = { x: {}, y: {}, entry: {}, column: {}, zero: {} };
    picture.replaceChildren();
    const used = new Set();
    for (let i = 0; i < n; i++) for (const [c, d] of rowOf(i)) used.add(c + "," + d);
    const colourOf = (c, d) => (used.has(c + "," + d) ? phase(c + ph, d + pw) : undefined);

    title(at.x[0] + (signal ? (P - pw) * CELL : 0), TOP - 14, "x", signal ? W + " numbers" : H + " \u00d7 " + W);
    const left = at.x[0] + (P - pw) * CELL, top = at.x[1] + (signal ? 0 : (P - ph) * CELL);
    for (let c = -ph; c < H + ph; c++) for (let d = -pw; d < W + pw; d++) {
      const x = left + (d + pw) * CELL, y = top + (c + ph) * CELL;
      const group = inside(c, d) ? cell("x", c * W + d, x, y, CELL, CELL, data.x[c][d], colourOf(c, d))
        : cell("zero", null, x, y, CELL, CELL, 0);
      make(group, "svg:text", { class: "weight", x: CELL - 3, y: 8 });
      nodes.x[c + "," + d] = [group];
    }
    title(at.k[0], at.k[1] - 14, "kernel");
    data.weight.forEach((row, u) => row.forEach((value, v) =>
      cell("tap", null, at.k[0] + v * CELL, at.k[1] + u * CELL, CELL, CELL, value)));

    title(at.y[0], at.y[1] - 14, "y", signal ? w + " numbers" : h + " \u00d7 " + w);
    for (let a = 0; a < h; a++) for (let b = 0; b < w; b++) {
      const x = at.y[0] + (signal ? 0 : b * CELL), y = at.y[1] + (signal ? b : a) * CELL;
      const from = now.stride;
      cell("y", a * w + b, x, y, CELL, signal ? mh : CELL, now.y[a][b], phase(a * from[0], b * from[1]));
    }

    let filled = 0, dots = "";
    const [mx, my] = at.m;
    for (let i = 0; i < n; i++) {
      const here = new Set();
      for (const [c, d, value] of rowOf(i)) {
        const y = my + i * mh;
        if (!inside(c, d)) {
          if (signal) cell("entry", i, mx + d * mw, y, mw, mh, value, undefined, "lost");
          continue;
        }
        const j = c * W + d, from = now.stride;
        here.add(j);
        if (value === 0) continue;
        filled += 1;
        const group = cell("entry", i, mx + j * mw, y, mw, mh, value, phase(Math.floor(i / w) * from[0], (i % w) * from[1]));
        (nodes.column[j] = nodes.column[j] || []).push(group);
        group.dataset.j = j;
      }
      for (let j = 0; j < H * W; j++) {
        if (!here.has(j) || rowOf(i).every(([c, d, v]) => c * W + d !== j || v === 0)) {
          dots += "M" + (mx + (j + 0.5) * mw) + " " + (my + (i + 0.5) * mh) + "h0";
        }
      }
      const reach = make(picture, "svg:g", { class: "entry", transform: "translate(" + mx + " " + (my + i * mh) + ")" });
      make(reach, "svg:rect", { class: "reach", width: mw * H * W, height: mh });
      reach.addEventListener("pointerenter", () => select({ kind: "y", index: i }));
      reach.addEventListener("click", () => select({ kind: "y", index: i }));
      picture.insertBefore(reach, picture.firstChild);
    }
    const path = make(picture, "svg:path", { class: "dots", d: dots });
    path.style.strokeWidth = Math.min(2.2, mh / 5);
    if (!signal) {
      let rules = "";
      for (let c = 1; c < H; c++) rules += "M" + (mx + c * W * mw) + " " + my + "v" + n * mh;
      for (let a = 1; a < h; a++) rules += "M" + mx + " " + (my + a * w * mh) + "h" + H * W * mw;
      make(picture, "svg:path", { class: "rules", d: rules });
    }
    title(mx, my - 14, "A", n + " \u00d7 " + H * W + ", " + filled + " of " + n * H * W + " entries not zero");
    nodes.band = make(picture, "svg:rect", { class: "band", rx: 3 });
    nodes.geometry = { mx, my, mh, n, filled };
    walker.max = n - 1;
    if (!pick || pick.kind === "x" || pick.index >= n) pick = { kind: "y", index: Math.floor(h / 2) * w + Math.floor(w / 2) };
    select(pick);
  }

  function select(target) {
    pick = target;
    for (const list of [nodes.x, nodes.y, nodes.entry]) for (const key in list) for (const group of list[key]) {
      group.classList.remove("near", "chosen");
      const weight = group.querySelector(".weight");
      if (weight) weight.textContent = "";
    }
    const { mx, my, mh, n } = nodes.geometry, w = now.y[0].length;
    const frame = (x, y, width, height) => {
      for (const [key, value] of Object.entries({ x: x - 1, y: y - 1, width: width + 2, height: height + 2 })) {
        nodes.band.setAttribute(key, value);
      }
    };
    if (target.kind === "y") {
      const taps = rowOf(target.index);
      for (const [c, d, value] of taps) for (const group of nodes.x[c + "," + d] || []) {
        group.classList.add("near");
        group.querySelector(".weight").textContent = "\u00d7" + minus(value);
      }
      for (const group of nodes.entry[target.index] || []) group.classList.add("near");
      for (const group of nodes.y[target.index]) group.classList.add("chosen");
      const lost = signal ? Math.max(0, -Math.min(...taps.map((t) => t[1]))) * mw : 0;
      const past = signal ? Math.max(0, Math.max(...taps.map((t) => t[1])) - W + 1) * mw : 0;
      frame(mx - lost, my + target.index * mh, mw * H * W + lost + past, mh);
      walker.value = target.index;
      const a = Math.floor(target.index / w), b = target.index % w;
      const sum = taps.map(([c, d, value], i) => (value < 0 ? (i ? " \u2212 " : "\u2212") : (i ? " + " : "")) + Math.abs(value) +
        "\u00b7" + (inside(c, d) ? minus(data.x[c][d]) : "0")).join("");
      const out = taps.filter(([c, d]) => !inside(c, d)).length;
      walked.textContent = target.index + 1 + " of " + n;
      told.textContent = (signal ? "y[" + b + "]" : "y[" + a + ", " + b + "]") + " = " + sum + " = " + minus(now.y[a][b]) +
        ". It is row " + target.index + " of A." +
        (out ? " " + out + (out === 1 ? " tap falls" : " taps fall") + " on padding and " + (out === 1 ? "leaves" : "leave") +
          " no entry in the row." : "");
    } else {
      const c = Math.floor(target.index / W), d = target.index % W;
      const users = [];
      for (let i = 0; i < n; i++) if (rowOf(i).some(([e, f]) => e === c && f === d)) users.push(i);
      for (const group of nodes.x[c + "," + d]) group.classList.add("chosen");
      for (const i of users) for (const group of nodes.y[i]) group.classList.add("near");
      for (const group of nodes.column[target.index] || []) group.classList.add("near");
      frame(mx + target.index * mw, my, mw, mh * n);
      told.textContent = (signal ? "x[" + d + "]" : "x[" + c + ", " + d + "]") + " is read by " + users.length +
        (users.length === 1 ? " output" : " outputs") + ": column " + target.index + " of A. " +
        (users.length ? "The gradient with respect to this pixel is that column times the gradient at y."
          : "No output reads it: its gradient is always 0.");
    }
    root.dataset.pick = target.kind + target.index;
  }
  choose();
});
