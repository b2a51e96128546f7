// What the scripts of all widgets share; page.py puts it before each of them, inside one function.
const SVG = "http://www.w3.org/2000/svg";
const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
const quiet = { "data-lm-suppress-shortcuts": "true" };  // the keys pressed here are not JupyterLab's
const minus = (n) => String(n).replace("-", "\u2212");
const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

// Runs once for each widget: with its element, its data, the words of its poster, and a name that no other has.
function begin(start) {
  for (const root of document.querySelectorAll('.jpu-@NAME@[data-key="@KEY@"]:not([data-ready])')) {
    const data = root.querySelector('script[type="application/json"]'), poster = root.querySelector("img.poster");
    root.dataset.ready = "yes";
    if (poster) poster.remove();
    start(root, data && JSON.parse(data.textContent), poster && poster.alt,
      "@NAME@-@KEY@-" + document.querySelectorAll("[data-ready]").length);
  }
}

function make(parent, name, attributes, text) {
  const node = name.startsWith("svg:") ? document.createElementNS(SVG, name.slice(4)) : document.createElement(name);
  for (const key in attributes) node.setAttribute(key, attributes[key]);
  if (text !== undefined) node.textContent = text;
  parent.append(node);
  return node;
}

function button(parent, words, act, attributes) {
  const node = make(parent, "button", { type: "button", ...quiet, ...attributes }, words);
  node.addEventListener("click", act);
  return node;
}

function slider(parent, attributes, act) {
  const node = make(parent, "input", { type: "range", ...quiet, ...attributes });
  node.addEventListener("input", () => act(Number(node.value)));
  return node;
}

function choice(parent, attributes, words, act) {  // a radio button, unless the attributes say checkbox, and its label
  const label = make(parent, "label"), node = make(label, "input", { type: "radio", ...quiet, ...attributes });
  node.addEventListener("change", act);
  letters(make(label, "span"), words);
  return node;
}

function letters(node, text) {  // "y_s at n = 2" with italic letters and a true subscript
  node.replaceChildren();
  String(text).split(/\b(y_[a-z]|[hnpqy])\b/).forEach((part, i) => {
    if (i % 2 === 0) return node.append(part);
    make(node, "i", {}, part[0]);
    if (part[2]) make(node, "sub", {}, part[2]);
  });
}

function walk(pad, buttons, pick) {  // the arrow keys walk through a square of buttons and around its edges
  const side = Math.sqrt(buttons.length), wrap = (n) => (n + side) % side;
  pad.addEventListener("keydown", (event) => {
    const move = MOVES[event.key], from = buttons.indexOf(event.target);
    if (!move) return;
    event.preventDefault();
    const k = wrap(Math.floor(from / side) + move[0]) * side + wrap((from % side) + move[1]);
    pick(k);
    buttons[k].focus();
  });
}
