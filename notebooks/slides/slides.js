(function () {
  "use strict";
  const root = document.documentElement, slides = [...document.querySelectorAll(".slide")];
  const panel = document.getElementById("notes"), number = document.querySelector("footer .number");
  const [back, next] = document.querySelectorAll(".edge"), tool = (name) => document.querySelector(`[data-tool="${name}"]`);
  const WIDTH = 1280, HEIGHT = 720, SMALLEST = 0.5, LARGEST = 1.6;
  let here = 0, speaker = null, since = 0;
  root.classList.add("js");

  // ---- size: the stage fills the window, words and widgets fill the stage

  function scale() {
    const below = panel.hidden ? 0 : Math.round(innerHeight * (innerWidth < 700 ? 0.55 : 0.36));
    root.style.setProperty("--below", below + "px");
    root.style.setProperty("--scale", Math.min(innerWidth / WIDTH, (innerHeight - below) / HEIGHT));
  }

  function fit(slide) {  // the largest letters with which the body does not overflow
    const body = slide.querySelector(".body");
    if (body.querySelector(".widget")) return;
    body.style.fontSize = "";
    const full = parseFloat(getComputedStyle(body).fontSize);
    for (let share = 1; share > SMALLEST && (body.scrollHeight > body.clientHeight + 1 || body.scrollWidth > body.clientWidth + 1);) {
      share -= 0.03;
      body.style.fontSize = full * share + "px";
    }
  }

  function grow(box) {  // a widget keeps its layout; it is scaled until it fills its place, and never grows back: no flicker
    const widget = box.querySelector(":scope > div"), most = Math.min(LARGEST, Number(box.dataset.grow || LARGEST));
    const high = (element) => parseFloat(getComputedStyle(element).height);  // to a part of a pixel: on a large screen it shows
    const share = Math.min(most, high(box) / high(widget), box.clientWidth / widget.offsetWidth);
    box.dataset.grow = share;
    box.style.setProperty("--grow", share);
  }

  function zoom(root) {  // a chapter that needs a part of the picture only has that part, larger
    const picture = root.querySelector('svg[role="img"]'), chapters = {}, marks = {};
    const { size, frames } = JSON.parse(root.querySelector('script[type="application/json"]').textContent);
    for (const { chapter, change } of frames) {
      Object.assign(marks, change);
      const shown = Object.values(marks).filter((mark) => mark && mark[7] !== "hidden");
      const reach = (axis) => Math.max(...shown.map((mark) => mark[1 + axis] + (mark[3 + axis] || 24))) + 6;
      const box = (chapters[chapter] = chapters[chapter] || [0, 0]);
      [0, 1].forEach((axis) => { box[axis] = Math.min(size[axis], Math.max(box[axis], reach(axis))); });
    }
    let now = size, frame = 0;
    picture.setAttribute("preserveAspectRatio", "xMinYMin");  // no slack on the left of it
    function turn() {
      const wanted = chapters[frames[root.dataset.step].chapter], from = now, since = performance.now();
      const time = matchMedia("(prefers-reduced-motion: reduce)").matches ? 1 : 400;  // as long as the marks fly
      cancelAnimationFrame(frame);
      (function draw() {
        const share = Math.min(1, (performance.now() - since) / time);
        now = from.map((length, axis) => length + share * (wanted[axis] - length));
        picture.setAttribute("viewBox", "0 0 " + now.join(" "));
        if (share < 1) frame = requestAnimationFrame(draw);
      })();
    }
    new MutationObserver(turn).observe(root, { attributeFilter: ["data-step"] });
    turn();
  }

  // ---- where we are

  function go(wanted) {
    const old = slides[here];
    here = Math.max(0, Math.min(slides.length - 1, wanted));
    if (old !== slides[here] && old.contains(document.activeElement)) document.activeElement.blur();
    slides.forEach((slide, i) => slide.classList.toggle("here", i === here));
    const heading = slides[here].querySelector("h2").textContent;
    number.innerHTML = `${here + 1} / ${slides.length}<span class="unseen"></span>`;
    number.lastChild.textContent = ": " + heading;
    root.style.setProperty("--done", (100 * here) / (slides.length - 1) + "%");
    back.disabled = here === 0;
    next.disabled = here === slides.length - 1;
    panel.innerHTML = slides[here].querySelector(":scope > .notes").innerHTML;
    panel.scrollTop = 0;
    if (location.hash !== "#" + (here + 1)) history.replaceState(null, "", "#" + (here + 1));
    tell();
  }
  const fromAddress = () => (Number(location.hash.slice(1)) || 1) - 1;

  // ---- the tools: notes, the speaker's window, dark, keys

  function notes() {
    panel.hidden = !panel.hidden;
    tool("notes").setAttribute("aria-pressed", !panel.hidden);
    scale();
  }

  function dark() {
    tool("dark").setAttribute("aria-pressed", root.classList.toggle("dark"));
    for (const range of document.querySelectorAll(".jpu-stepper input[type=range]")) range.dispatchEvent(new Event("input"));  // it looks at its ink
  }

  function openSpeaker() {
    speaker = window.open("", "_blank", "popup,width=900,height=760");
    if (!speaker) return panel.hidden ? notes() : undefined;  // the browser forbids windows
    since = Date.now();
    const page = speaker.document;
    page.title = "Speaker: " + document.title;
    page.documentElement.lang = "en";
    page.head.append(page.importNode(document.querySelector("style"), true));
    page.body.className = "speaker";
    page.body.innerHTML = '<header><b></b><span></span><time></time></header><div class="said"></div>';
    page.addEventListener("keydown", keys);
    tell();
  }

  function tell() {
    if (!speaker || speaker.closed) return;
    const title = (i) => (slides[i] ? `${i + 1}. ${slides[i].querySelector("h2").textContent.replace(/^\d+\. /, "")}` : "the end");
    const page = speaker.document;
    page.querySelector("header b").textContent = title(here);
    page.querySelector("header span").textContent = "Next: " + title(here + 1);
    page.querySelector(".said").innerHTML = slides[here].querySelector(":scope > .notes").innerHTML;
    speaker.scrollTo(0, 0);
  }
  setInterval(() => {
    if (!speaker || speaker.closed) return;
    const seconds = Math.floor((Date.now() - since) / 1000), two = (n) => String(n).padStart(2, "0");
    speaker.document.querySelector("time").textContent = two(Math.floor(seconds / 60)) + ":" + two(seconds % 60);
  }, 500);

  const help = document.createElement("dialog");
  help.setAttribute("aria-label", "Keys");
  help.innerHTML = "<table>" + [
    ["→ space PageDown", "next slide"], ["← PageUp", "the one before"], ["Home End", "first, last"], ["n", "speaker notes below the slide"],
    ["w", "speaker notes in a window of their own, with a clock"], ["d", "dark or light (on a poll with an option D: the button below)"],
    ["p", "print: one slide a page, with its notes"], ["A to H", "on a poll: count a hand; with Shift, or − afterwards: take one away"],
    ["r", "on a poll: reveal the answer"], ["v", "on a poll: vote again, the first vote stays as a line"],
    ["Esc", "leave a picture: until then the arrow keys are its own"],
  ].map(([key, what]) => `<tr><th><kbd>${key}</kbd></th><td>${what}</td></tr>`).join("") + "</table><form method=dialog><button>Close</button></form>";
  document.body.append(help);
  const TOOLS = { n: notes, w: openSpeaker, d: dark, p: () => print(), "?": () => help.showModal() };
  for (const [key, name] of [["n", "notes"], ["w", "speaker"], ["d", "dark"], ["?", "keys"]]) tool(name).addEventListener("click", () => TOOLS[key]());

  // ---- polls

  const polls = new Map();

  function poll(slide) {
    const reveal = slide.querySelector(".reveal"), letters = [...slide.querySelectorAll("[data-letter]")];
    const state = { votes: {}, last: "" };
    function show() {
      const most = Math.max(1, ...Object.values(state.votes));
      for (const item of letters) {
        const count = state.votes[item.dataset.letter] || 0, button = item.firstElementChild;
        button.style.setProperty("--share", (100 * count) / most + "%");
        button.querySelector("output").textContent = count;
      }
    }
    state.count = (letter, by) => {
      if (!letters.some((item) => item.dataset.letter === letter)) return false;
      state.votes[letter] = Math.max(0, (state.votes[letter] || 0) + by);
      state.last = letter;
      show();
      return true;
    };
    state.reveal = () => {
      reveal.setAttribute("aria-expanded", slide.classList.toggle("revealed"));
      reveal.textContent = slide.classList.contains("revealed") ? "Hide" : "Reveal";
      fit(slide);
    };
    state.again = () => {
      const most = Math.max(1, ...Object.values(state.votes));
      for (const item of letters) item.firstElementChild.style.setProperty("--first", (100 * (state.votes[item.dataset.letter] || 0)) / most + "%");
      state.votes = {};
      show();
    };
    reveal.addEventListener("click", state.reveal);
    for (const item of letters) item.firstElementChild.addEventListener("click", (event) => state.count(item.dataset.letter, event.shiftKey ? -1 : 1));
    if (letters.length) slide.querySelector(".again").addEventListener("click", state.again);
    else numbers(slide);
    polls.set(slide, state);
  }

  function numbers(slide) {  // the room says numbers; a click takes one away
    const read = (text) => text.split(/[\s,;]+/).filter(Boolean).map(Number);
    const truth = read(slide.dataset.truth), within = Number(slide.dataset.within) + 1e-9, heard = slide.querySelector(".heard");
    slide.querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault();
      const input = slide.querySelector("input"), said = read(input.value);
      input.value = "";
      if (!said.length || said.some(Number.isNaN)) return;
      const button = document.createElement("button"), item = document.createElement("li");
      button.type = "button";
      button.textContent = said.join(", ");
      button.title = "Take away";
      const same = (other) => other.length === said.length && other.every((value, i) => Math.abs(value - said[i]) <= within);
      if (same(truth)) button.className = "right";
      for (const row of slide.querySelectorAll(".wrong li")) if (same(read(row.dataset.value))) row.classList.add("heard");
      button.addEventListener("click", () => item.remove());
      item.append(button);
      heard.append(item);
      fit(slide);
    });
  }

  // ---- keys, swipes, edges

  const MOVES = { ArrowRight: 1, ArrowDown: 1, PageDown: 1, " ": 1, ArrowLeft: -1, ArrowUp: -1, PageUp: -1, Home: -Infinity, End: Infinity };

  function keys(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
    const at = event.target.closest ? event.target : document.body, key = event.key;
    if (key === "Escape") return document.activeElement.blur();
    if (at.closest("textarea, select, input:not([type=range], [type=radio], [type=checkbox])")) return;  // words are typed
    if ((key === " " || key === "Enter") && at.closest("button, summary, a, [type=radio], [type=checkbox]")) return;
    if (at.closest(".widget") && key in MOVES && key !== " " && (at.type === "range" || !key.startsWith("Page"))) return;  // its own keys
    const now = polls.get(slides[here]), letter = key.toUpperCase();
    if (now && key.length === 1 && now.count(letter, event.shiftKey ? -1 : 1)) return event.preventDefault();
    if (now && key === "-" && now.last) return now.count(now.last, -1);
    if (now && key === "r") return now.reveal();
    if (now && key === "v") return now.again();
    if (key in MOVES) {
      if (at.closest("#notes") && key !== "PageDown" && key !== "PageUp") return;
      event.preventDefault();
      return go(here + MOVES[key]);
    }
    if (TOOLS[key]) {
      event.preventDefault();
      TOOLS[key]();
    }
  }
  document.addEventListener("keydown", keys);
  back.addEventListener("click", () => go(here - 1));
  next.addEventListener("click", () => go(here + 1));
  let from = null;
  document.addEventListener("touchstart", (event) => {
    from = event.touches.length === 1 && !event.target.closest(".widget, #notes") ? event.touches[0] : null;
  }, { passive: true });
  document.addEventListener("touchend", (event) => {
    if (!from) return;
    const to = event.changedTouches[0], dx = to.clientX - from.clientX;
    if (Math.abs(dx) > 50 && Math.abs(dx) > 2 * Math.abs(to.clientY - from.clientY)) go(here + (dx < 0 ? 1 : -1));
    from = null;
  }, { passive: true });
  addEventListener("resize", scale);
  addEventListener("hashchange", () => go(fromAddress()));

  // ---- begin

  scale();
  slides.filter((slide) => slide.classList.contains("poll")).forEach(poll);
  for (const image of document.querySelectorAll(".picture img")) {
    const shape = () => image.style.setProperty("--ratio", image.naturalWidth / image.naturalHeight);
    image.complete ? shape() : image.addEventListener("load", shape);
  }
  slides.forEach(fit);
  document.querySelectorAll(".widget > .jpu-stepper").forEach(zoom);
  const watch = new ResizeObserver((changes) => changes.forEach(({ target }) => grow(target.parentElement)));
  for (const widget of document.querySelectorAll(".widget > div")) watch.observe(widget);
  go(fromAddress());
})();
