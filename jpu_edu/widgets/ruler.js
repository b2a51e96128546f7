const ROWS = 176, LEFT = 14, RIGHT = 44, STAND = 54, SHOWN = 112;
const short = (n) => String(Math.round(n * 100) / 100);

begin((root, data, alt, id) => {
  const photo = new Image();
  const { coarse, fine, sizes: [low, high] } = data;
  let size = data.size, way = data.way, at = stretch(), film = 0;

  const head = make(root, "div", { class: "controls head" });
  const choices = make(head, "div", { class: "controls", role: "radiogroup", "aria-label": "Resize" });
  const gap = make(head, "p", { class: "gap", "aria-hidden": "true" });
  const number = make(gap, "span");
  make(gap, "small", {}, "pixels, the largest gap");
  const picture = make(root, "svg:svg", { role: "img", "aria-label": alt });
  const marks = make(picture, "svg:g"), grip = make(picture, "svg:g", { class: "grip" });
  make(grip, "svg:circle", { r: 20 });
  make(grip, "svg:path", { d: "M-2.5 -8v16M2.5 -8v16M-7 -4l-4 4l4 4M7 -4l4 4l-4 4" });
  const canvas = make(root, "canvas", { "aria-hidden": "true" }), brush = canvas.getContext("2d");
  make(root, "p", { class: "key" }, "Stripes with a bar have gone through the resize (places only, without its blur). The others show where things are.");
  const controls = make(root, "div", { class: "controls" });
  const label = make(controls, "label", { class: "size" }, "size");
  const length = slider(label, { min: low, max: high, "aria-label": "size in pixels" }, resize);
  const shown = make(label, "output");
  for (const one of [480, 481, 512, 513]) button(controls, one, () => resize(one));
  const told = make(root, "p", { class: "told", "aria-live": "polite" });
  for (const name of data.ways) {
    choice(choices, { name: id, value: name }, name, () => { way = name; glide(); }).checked = name === way;
  }

  // Every resize is a stretch and a shift [a, b]: the sample that stands at pixel p is shown at a * p + b.
  function stretch() {
    const h = Math.ceil(size / coarse), H = Math.ceil(size / fine);
    if (way === "align_corners=True") return [(fine * (H - 1)) / (coarse * (h - 1)), 0];
    return way === "align_corners=False" ? [(fine * H) / (coarse * h), (fine * (H / h - 1)) / 2] : [1, 0];
  }
  function resize(wanted) {
    size = Math.max(low, Math.min(high, wanted));
    cancelAnimationFrame(film);
    at = stretch();
    draw();
    say();
  }
  function glide() {  // the marks slide from one convention to the next
    const from = at, to = stretch(), began = performance.now();
    const time = still() ? 0 : 350;
    cancelAnimationFrame(film);
    say();
    (function tick() {
      const t = time ? Math.min(1, (performance.now() - began) / time) : 1, e = t * t * (3 - 2 * t);
      at = from.map((value, i) => value + e * (to[i] - value));
      draw();
      if (t < 1) film = requestAnimationFrame(tick);
    })();
  }

  const scaleOf = (width) => (width - LEFT - RIGHT) / high;  // of the ruler: its units are pixels of the page
  function draw() {
    const width = root.clientWidth, scale = scaleOf(width);
    if (scale <= 0) return;
    const x = (pixel) => LEFT + (pixel + 0.5) * scale, h = Math.ceil(size / coarse), every = Math.ceil(34 / (coarse * scale));
    const places = Array.from({ length: h }, (_, k) => [k * coarse, at[0] * k * coarse + at[1]]);
    const most = Math.max(...places.map(([stands, is]) => Math.abs(is - stands)));
    let lit = most < 0.005, ticks = "M" + x(-0.5) + " " + SHOWN + "H" + x(size - 0.5);
    for (let pixel = 0; pixel < size; pixel += fine) ticks += "M" + x(pixel) + " " + (SHOWN - 4) + "v8";
    picture.setAttribute("viewBox", "0 0 " + width + " 142");
    marks.replaceChildren();
    make(marks, "svg:text", { x: LEFT, y: 14 }, "where the stride left the " + h + " samples of c5");
    make(marks, "svg:text", { x: LEFT, y: 135 }, "where the resize shows them, on the " + Math.ceil(size / fine) + " of c3");
    make(marks, "svg:path", { class: "ticks", d: ticks });
    places.forEach(([stands, is], k) => {
      const worst = !lit && Math.abs(is - stands) > most - 1e-9;
      lit = lit || worst;
      make(marks, "svg:path", { class: worst ? "lean worst" : "lean", d: "M" + x(stands) + " " + STAND + "v26L" + x(is) + " " + SHOWN });
      make(marks, "svg:circle", { class: "stands", cx: x(stands), cy: STAND, r: 5 });
      make(marks, "svg:path", { class: "shown", "data-at": is, d: "M" + (x(is) - 6) + " " + SHOWN + "l6 -6l6 6l-6 6z" });
      if (k % every === 0) make(marks, "svg:text", { class: "place", x: x(stands), y: STAND - 13 }, stands);
    });
    grip.setAttribute("transform", "translate(" + (x(size - 0.5) + 22) + " " + SHOWN + ")");
    number.textContent = short(most);
    paint(x, scale, width, places[0][1], places[h - 1][1], (h - 1) * coarse);
  }

  function paint(x, scale, width, first, last, end) {
    const sharp = window.devicePixelRatio || 1, step = ROWS / data.stripes, high = step * scale;
    canvas.width = width * sharp;
    canvas.height = ROWS * scale * sharp;
    brush.scale(sharp, sharp);
    brush.fillStyle = data.colour;
    for (let i = 0; i < data.stripes; i++) {
      const part = (from, wide, left, right) => right > left &&
        brush.drawImage(photo, from, i * step, wide, step, x(left), i * high, (right - left) * scale, high);
      if (i % 2 === 0) {
        part(0, size, -0.5, size - 0.5);
      } else {  // before the first sample and beyond the last one the value is held
        part(0, 1, -0.5, first);
        part(end, 1, last, size - 0.5);
        part(0.5, end, first, last);
        brush.fillRect(LEFT - 9, i * high, 4, high);
      }
    }
  }

  function say() {
    const [a, b] = stretch(), end = Math.floor((size - 1) / coarse) * coarse, gaps = [b, a * end + b - end];
    const [left, right] = gaps.map((n) => Math.abs(n) < 0.005 ? "in its place" : short(Math.abs(n)) + " too far " + (n > 0 ? "right" : "left"));
    const most = short(Math.max(...gaps.map(Math.abs)));
    told.textContent = size + " pixels, " + way + ". " + (left === right ? "Every sample is shown " + left + ". "
      : "Sample 0 is shown " + left + ", the last sample " + right + ", and in between it changes evenly. ") +
      (size - 1 > end ? "Beyond pixel " + end + ", where the last sample stands, no resize has anything to go by." : "The last sample stands on the last pixel.");
    length.value = shown.value = size;
    length.setAttribute("aria-valuetext", size + " pixels, largest gap " + most);
    root.dataset.gap = most;
  }

  let held = 0;  // where the pointer took the grip, in sizes beyond the one shown
  function sizeAt(event) {  // a slide scales the ruler after it is drawn
    const box = picture.getBoundingClientRect(), width = root.clientWidth;
    return ((event.clientX - box.left) * width) / box.width / scaleOf(width);
  }
  grip.addEventListener("pointerdown", (event) => {
    grip.setPointerCapture(event.pointerId);
    held = sizeAt(event) - size;
  });
  grip.addEventListener("pointermove", (event) => {
    if (grip.hasPointerCapture(event.pointerId)) resize(Math.round(sizeAt(event) - held));
  });
  photo.onload = draw;
  photo.src = data.photo;
  new ResizeObserver(draw).observe(root);
  say();
});
