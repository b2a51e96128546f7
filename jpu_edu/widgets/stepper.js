const KEYS = { ArrowRight: 1, ArrowDown: 1, PageDown: 1, ArrowLeft: -1, ArrowUp: -1, PageUp: -1, Home: -1e6, End: 1e6 };

begin((root, data, alt, id) => {
  const full = [];  // every frame's marks in full: a frame stores only what changes
  data.frames.forEach((frame, i) => {
    const marks = Object.assign({}, full[i - 1], frame.change);
    for (const key in marks) if (marks[key] === null) delete marks[key];
    full.push(marks);
  });
  const last = data.frames.length - 1;
  const linked = data.frames.findIndex((frame) => frame.lit.length);
  let step = 0, view = data.views[0] || "", timer = 0, until = last;

  // The page around the picture: chapters and controls above it (both stay in view), what this step says, sums.
  const chapterRow = make(root, "div", { class: "chapters", role: "group", "aria-label": "Chapters" });
  const controls = make(root, "div", { class: "controls", role: "group", "aria-label": "Steps" });
  const turn = (wanted) => { stop(); show(wanted); };
  const first = button(controls, "First", () => turn(0));
  const back = button(controls, "Back", () => turn(step - 1));
  const next = button(controls, "Next", () => turn(step + 1));
  const play = button(controls, "Play", () => { timer ? stop() : run(last); });
  const range = slider(controls, { min: 0, max: last, "aria-label": "Step" }, turn);
  const picture = make(root, "svg:svg", { viewBox: "0 0 " + data.size.join(" "), role: "img", "aria-label": alt });
  const caption = make(root, "p", { class: "caption", "aria-live": "polite" });
  const follow = data.views.length > 1 && make(root, "div", { class: "follow", role: "radiogroup", "aria-label": "Follow" });
  const notes = make(root, "ul", { class: "notes" });
  const chapters = [...new Set(data.frames.map((frame) => frame.chapter))].map((name) => button(chapterRow, name, () => {
    const steps = data.frames.flatMap((frame, i) => (frame.chapter === name ? [i] : []));
    turn(steps[0]);
    if (steps.length > 1 && !still()) run(steps[steps.length - 1]);
  }));

  function paint(node, colour) {
    if (!colour) return;
    node.style.setProperty("--c", data.palette[colour].colour);
    node.style.setProperty("--on", data.palette[colour].ink);
    node.dataset.colour = colour;
  }
  function sign(parent, colour) {
    const box = make(parent, "svg:svg", { viewBox: "-1.4 -1.4 2.8 2.8", class: "sign", "aria-hidden": "true" });
    make(box, "svg:path", { d: data.palette[colour].outline });
    paint(box, colour);
    return box;
  }

  if (follow) {
    make(follow, "span", {}, "Follow ");
    for (const colour of data.views) {
      const radio = choice(follow, { name: id, value: colour }, data.palette[colour].name, () => { view = colour; show(step); });
      radio.after(sign(radio.parentNode, colour));
    }
  }

  // One group for every mark that ever appears, in the order of the frames; steps only move and fade them.
  const nodes = new Map();
  for (const marks of full) {
    for (const key in marks) {
      if (nodes.has(key)) continue;
      const [kind, x, y, width, height, , colour, , marker] = marks[key];
      const group = make(picture, "svg:g", { class: kind + " gone", "data-key": key });
      group.style.transform = "translate(" + x + "px," + y + "px)";
      paint(group, colour);
      if (kind !== "label") make(group, "svg:rect", { x: 1, y: 1, width: width - 2, height: height - 2, rx: 3 });
      if (colour && marker && kind === "cell") {
        make(group, "svg:path", { d: data.palette[colour].outline, transform: "translate(5.5 5.5) scale(2.1)" });
      }
      if (kind !== "window") {
        const text = make(group, "svg:text", kind === "cell" ? { x: width / 2, y: height / 2 + 1 } : {});
        if (Math.min(width, height) < 22) text.classList.add("tiny");
      }
      nodes.set(key, group);
    }
  }

  function shade() {
    const ink = getComputedStyle(root).color.match(/[\d.]+/g).map(Number);
    root.classList.toggle("dark", ink[0] + ink[1] + ink[2] > 382);  // light ink: the page around us is dark
  }
  function show(wanted) {
    shade();
    step = Math.max(0, Math.min(last, wanted));
    const frame = data.frames[step], marks = full[step], lit = new Set(frame.lit);
    for (const [key, group] of nodes) {
      const mark = marks[key];
      if (!mark) {
        group.classList.add("gone");
        continue;
      }
      const [kind, x, y, width, height, text, colour, look] = mark;
      if (kind === "window") {  // it is narrower where it covers padding
        Object.assign(group.firstChild.style, { width: width - 2 + "px", height: height - 2 + "px" });
      }
      if (colour !== (group.dataset.colour || "")) paint(group, colour);
      group.style.transform = "translate(" + x + "px," + y + "px)";
      const followed = colour && (colour === view || !data.views.length);
      group.setAttribute("class", [kind, look, lit.has(key) && "lit", followed && "followed",
        data.links[key] && step >= linked && "linked"].filter(Boolean).join(" "));
      const label = group.querySelector("text");
      if (label) {
        if (label.textContent !== text) label.textContent = text;
        label.classList.toggle("long", kind === "cell" && text.length > (width < 30 ? 1 : 2));
      }
    }
    chapters.forEach((node) => node.setAttribute("aria-current", node.textContent === frame.chapter ? "step" : "false"));
    caption.textContent = "Step " + (step + 1) + " of " + (last + 1) + ". " + frame.caption;
    notes.replaceChildren();
    for (const [colour, text] of frame.notes) {
      const item = make(notes, "li", { class: colour === view || !data.views.length ? "followed" : "" });
      if (colour) sign(item, colour);
      make(item, "span", {}, text);
    }
    if (follow) {
      follow.hidden = !frame.notes.length;
      for (const radio of follow.querySelectorAll("input")) radio.checked = radio.value === view;
    }
    range.value = step;
    range.setAttribute("aria-valuetext", caption.textContent);
    first.disabled = back.disabled = step === 0;
    next.disabled = step === last;
    root.dataset.step = step;
    root.dataset.view = view;
  }

  function run(to) {
    if (step === last) show(0);
    until = to;
    play.textContent = "Pause";
    caption.setAttribute("aria-live", "off");  // a voice cannot keep up with a film
    timer = setTimeout(function tick() {
      show(step + 1);
      if (step < until) timer = setTimeout(tick, data.frames[step].hold);
      else stop();
    }, data.frames[step].hold / 2);
  }
  function stop() {
    clearTimeout(timer);
    timer = 0;
    play.textContent = "Play";
    caption.setAttribute("aria-live", "polite");
  }

  root.addEventListener("keydown", (event) => {
    if (!(event.key in KEYS) || event.target.type === "radio" || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    turn(step + KEYS[event.key]);
  });
  root.addEventListener("transitionend", (event) => { if (event.target === root) shade(); });  // its colour has changed
  let from = null;
  picture.addEventListener("pointerdown", (event) => { from = event.button === 0 ? [event.clientX, event.clientY] : null; });
  picture.addEventListener("pointercancel", () => { from = null; });
  picture.addEventListener("pointerup", (event) => {  // no click: a browser swallows the tap that follows a swipe
    if (!from) return;
    const dx = event.clientX - from[0], dy = event.clientY - from[1];
    const swipe = Math.abs(dx) > 30 && Math.abs(dx) > 2 * Math.abs(dy), tap = Math.hypot(dx, dy) < 12;
    const mark = event.target.closest("g[data-key]"), link = mark && step >= linked && data.links[mark.dataset.key];
    from = null;
    if (!swipe && !tap) return;
    stop();
    if (tap && link) view = link[1] || view;
    show(tap && link ? link[0] : step + (swipe && dx > 0 ? -1 : 1));
  });
  show(0);
  requestAnimationFrame(() => requestAnimationFrame(() => root.classList.add("moving")));
});
