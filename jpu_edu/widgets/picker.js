const LIGHT = 500;  // milliseconds that a phase is lit before it flies
const grouped = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, ",");

begin((root, data, alt) => {
  const rate = data.rate;
  const [h, w, H, W] = [data.y_s.length, data.y_s[0].length, data.y_d.length, data.y_d[0].length];
  const all = data.y_d.flat(), low = Math.min(...all), step = 255 / (Math.max(...all) - low || 1);
  const grey = (value) => { const v = Math.round((value - low) * step); return "rgb(" + v + "," + v + "," + v + ")"; };

  // Places: y_s left and y_d right; one above the other where the page is narrow.
  const narrow = root.clientWidth > 0 && root.clientWidth < 560, TOP = 30;
  const big = (narrow ? 380 : 290) / w, small = 420 / W;
  const at = narrow ? { s: [20, TOP], d: [0, 2 * TOP + h * big + 82] } : { s: [0, TOP], d: [w * big + 60, TOP] };
  const width = at.d[0] + W * small, height = Math.max(at.d[1] + H * small, at.s[1] + h * big + 72);
  const picture = make(root, "svg:svg", { viewBox: "-2 0 " + (width + 4) + " " + (height + 2), role: "img", "aria-label": alt });
  function map(name, title, [x, y], values, side) {
    const text = make(picture, "svg:text", { class: "title", x, y: y - 12 });
    make(text, "svg:tspan", { class: "letter" }, "y");
    make(text, "svg:tspan", { class: "letter sub", dy: 4 }, name[2]);
    make(text, "svg:tspan", { dy: -4 }, "  " + values.length + " \u00d7 " + values[0].length + title);
    make(picture, "svg:rect", { class: "frame", x: x - 1, y: y - 1, width: values[0].length * side + 2, height: values.length * side + 2 });
    const group = make(picture, "svg:g", { class: name });
    values.forEach((row, i) => row.forEach((value, j) =>
      make(group, "svg:rect", { x: x + j * side, y: y + i * side, width: side, height: side, fill: grey(value) })));
    return group;
  }
  map("y_s", ", stride 32", at.s, data.y_s, big);
  map("y_d", ", stride " + 32 / rate + ", same weights", at.d, data.y_d, small).addEventListener("click", (event) => {
    const cells = [...event.currentTarget.children], n = cells.indexOf(event.target);
    if (n >= 0) pick((Math.floor(n / W) % rate) * rate + ((n % W) % rate));
  });
  const home = make(picture, "svg:g", { class: "home" }), flyers = make(picture, "svg:g", { class: "flyers" });
  const middle = at.s[0] + w * big / 2, below = at.s[1] + h * big;
  const tally = make(picture, "svg:g", { class: "tally" });
  make(tally, "svg:rect", { x: middle - 120, y: below + 14, width: 240, height: 54, rx: 8 });
  const count = make(tally, "svg:text", { class: "count", x: middle, y: below + 39 });
  const of = make(tally, "svg:text", { x: middle, y: below + 59 });

  const row = make(root, "div", { class: "below" });
  const pad = make(row, "div", { class: "pad", role: "radiogroup", "aria-label": "Phase (row, column)",
    style: "grid-template-columns: repeat(" + rate + ", 46px)" });
  const told = make(row, "p", { class: "told", "aria-live": "polite" });
  const buttons = data.phases.map((phase, k) => {
    const name = Math.floor(k / rate) + ", " + (k % rate);
    const node = button(pad, "", () => pick(k), { role: "radio", "aria-label": "phase " + name,
      style: "--c: " + phase.colour + "; --on: " + phase.ink });
    const icon = make(node, "svg:svg", { viewBox: "-1.3 -1.3 2.6 2.6", width: 9, height: 9, "aria-hidden": "true" });
    make(icon, "svg:path", { d: phase.mark });
    make(node, "span", {}, name);
    return node;
  });
  walk(pad, buttons, pick);

  let timer;
  function pick(k) {
    const p = Math.floor(k / rate), q = k % rate, { counts: [values, differing, bits], colour } = data.phases[k];
    const rows = Math.ceil((H - p) / rate), columns = Math.ceil((W - q) / rate), inset = big * data.inset;
    clearTimeout(timer);
    root.classList.remove("landed");
    root.dataset.pick = k;
    root.style.setProperty("--picked", colour);
    buttons.forEach((node, n) => {
      node.setAttribute("aria-checked", n === k);
      node.tabIndex = n === k ? 0 : -1;
    });
    home.replaceChildren();
    flyers.replaceChildren();
    let wrong = 0;  // in the channel that is drawn
    for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) {
      const value = data.y_d[i * rate + p][j * rate + q], differs = value !== data.y_s[i][j];
      const x = at.d[0] + (j * rate + q) * small, y = at.d[1] + (i * rate + p) * small;
      make(home, "svg:rect", { x, y, width: small, height: small, fill: grey(value) });
      wrong += differs;
      const [X, Y] = [at.s[0] + (j + 0.5) * big - inset / 2, at.s[1] + (i + 0.5) * big - inset / 2];
      make(flyers, "svg:rect", { width: 1, height: 1, fill: grey(value), class: differs ? "differs" : "equal",
        style: "--home: translate(" + x + "px," + y + "px) scale(" + small + "); --land: translate(" + X + "px," + Y +
          "px) scale(" + inset + ")" });
    }
    count.textContent = grouped(bits) + " bits differ";
    of.textContent = "of " + grouped(8 * values) + " in all channels";
    tally.classList.toggle("none", bits === 0);
    const missing = [rows < h ? "a row" : "", columns < w ? "a column" : ""].filter(Boolean).join(" and ");
    letters(told, "Phase (" + p + ", " + q + "), " + rows + " \u00d7 " + columns + ". " + (bits
      ? "In the map shown " + wrong + " of " + rows * columns + " pixels differ from y_s; in all channels " +
        grouped(differing) + " of " + grouped(values) + " values, " + Math.round(100 * differing / values) + " %."
      : "Every value is that of y_s, in every channel: the frames vanish.") +
      (missing ? " It is " + missing + " short: " + rate + " does not divide the size." : ""));
    timer = setTimeout(() => root.classList.add("landed"), still() ? 0 : LIGHT);
  }
  pick(data.start);
});
