const FORMS = { dilated: "dilated", jpu: "JPU", jpu_x: "JPU_X", bilinear: "bilinear" };
const HEADS = { "fcn": "FCN", "enc 3x3": "Enc, 3 \u00d7 3", "enc 1x1": "Enc, 1 \u00d7 1", "psp": "PSP", "aspp": "ASPP" };
const MIB = 1048576;
const sum = (values) => values.reduce((a, b) => a + b, 0);
const times = (ratio) => ratio.toFixed(2) + "\u00d7";

begin((root, data, alt, id) => {
  let size = data.size, chosen = {};

  // ---- controls
  const presets = make(root, "div", { class: "presets", role: "group", "aria-label": "Pairs" });
  const buttons = data.pairs.map((pair) => button(presets, pair.name.replace("1x1", "1 \u00d7 1"), () => pick(pair)));
  const radios = {};
  const networks = make(root, "div", { class: "networks" });
  for (const side of ["a", "b"]) {
    const row = make(networks, "div", { class: "network " + side, role: "group", "aria-label": "Network " + side.toUpperCase() });
    make(row, "span", { class: "tag", "aria-hidden": "true" }, side.toUpperCase());
    radios[side] = {};
    const groups = { depth: [data.depths, "ResNet", (d) => d], form: [data.forms, "Form", (f) => FORMS[f]], head: [data.heads, "Head", (h) => HEADS[h]] };
    for (const field in groups) {
      const [values, title, words] = groups[field];
      const group = make(row, "span", { class: "group", role: "radiogroup", "aria-label": title + " of " + side.toUpperCase() });
      make(group, "span", { class: "title", "aria-hidden": "true" }, title);
      radios[side][field] = values.map((value) => choice(group, { name: id + side + field, value }, words(value), () => {
        chosen[side] = { ...chosen[side], [field]: value };
        show();
      }));
    }
  }
  const label = make(root, "label", { class: "size" }, "image");
  const side = slider(label, { min: data.sizes[0], max: data.sizes[1], step: 32, "aria-label": "side of the image in pixels" }, (value) => {
    size = value;
    show();
  });
  const shown = make(label, "output");

  // ---- the sheet
  const sheet = make(root, "div", { class: "sheet" });
  const front = make(sheet, "div", { class: "front" });
  const large = make(front, "p", { class: "large" });
  make(large, "small", {}, "A does");
  const ratio = make(large, "span");
  make(large, "small", {}, "the work of B");
  const beside = make(front, "p", { class: "beside" });
  const bars = make(sheet, "div", { class: "work", role: "img" });
  const tracks = {};
  for (const side of ["a", "b"]) {
    const row = make(bars, "div", { class: "line " + side });
    make(row, "span", { class: "tag" }, side.toUpperCase());
    const track = make(row, "div", { class: "track" });
    const twin = side === "b" ? make(track, "div", { class: "twin" }) : null;
    const parts = data.parts.map((part) => make(track, "div", { class: "part " + part, title: part }));
    tracks[side] = { track, twin, parts, sum: make(track, "span", { class: "sum" }) };
  }
  const measures = make(sheet, "div", { class: "measures" }), small = {};
  const titles = { params: ["parameters", "M"], kept: ["memory to train, an image", "MiB"], peak: ["memory to use", "MiB"] };
  for (const key in titles) {
    const box = make(measures, "div", { class: "measure", role: "img" });
    const title = make(box, "p", {}, titles[key][0] + " ");
    const entry = small[key] = { box, words: titles[key], ratio: make(title, "b") };
    for (const side of ["a", "b"]) {
      const row = make(box, "div", { class: "line " + side });
      make(row, "span", { class: "tag" }, side.toUpperCase());
      const track = make(row, "div", { class: "track" });
      entry[side] = { bar: make(track, "div", { class: "bar" }), sum: make(track, "span", { class: "sum" }) };
    }
  }
  const told = make(root, "p", { class: "told", "aria-live": "polite" });

  // ---- the numbers
  function billOf(one) {
    const lines = data.networks[one.depth + " " + one.form + " " + one.head], square = (size / 32) ** 2;
    const at = ([fixed, growing]) => fixed + square * growing;
    const macs = lines.macs.map((line) => at(line) / 1e9);
    return { macs, work: sum(macs), params: sum(lines.params) / 1e6, kept: at(lines.kept) / 2 / MIB, peak: at(lines.peak) / MIB };
  }
  const same = (x, y) => x.depth === y.depth && x.form === y.form && x.head === y.head;
  const named = (c) => "ResNet-" + c.depth + ", " + FORMS[c.form] + ", head " + HEADS[c.head];

  function pick(pair) {
    chosen = { a: { ...pair.a }, b: { ...pair.b } };
    show();
  }

  function show() {
    const full = root.clientWidth > 620 ? 84 : 68, bills = { a: billOf(chosen.a), b: billOf(chosen.b) }, most = Math.max(bills.a.work, bills.b.work);
    const pair = data.pairs.find((one) => same(one.a, chosen.a) && same(one.b, chosen.b));
    buttons.forEach((button, k) => button.setAttribute("aria-pressed", data.pairs[k] === pair));
    for (const side of ["a", "b"]) {
      for (const field in radios[side]) for (const input of radios[side][field]) {
        input.checked = input.value === String(chosen[side][field]);
      }
      const { parts, sum: total, track } = tracks[side], bill = bills[side];
      bill.macs.forEach((value, k) => {
        const share = (full * value) / most, name = data.parts[k];
        const words = name === "neck" ? FORMS[chosen[side].form] : name;
        parts[k].style.width = share + "%";
        parts[k].classList.toggle("nothing", value === 0);
        parts[k].title = words + ": " + value.toFixed(1) + " GMAC";
        parts[k].replaceChildren();
        const pixels = (share / 100) * track.clientWidth;
        if (pixels > 9 * words.length + 2) make(parts[k], "b", {}, words);
        if (pixels > Math.max(30, 9 * words.length + 2)) make(parts[k], "span", {}, value.toFixed(1));
      });
      total.textContent = bill.work.toFixed(bill.work < 10 ? 2 : 1) + " GMAC";
    }
    tracks.b.twin.style.width = (full * bills.a.work) / most + "%";
    for (const key in small) {
      const top = Math.max(bills.a[key], bills.b[key]), unit = small[key].words[1];
      for (const side of ["a", "b"]) {
        small[key][side].bar.className = "bar " + chosen[side].form;
        small[key][side].bar.style.width = (64 * bills[side][key]) / top + "%";
        small[key][side].sum.textContent = bills[side][key].toFixed(key === "params" ? 1 : 0) + " " + unit;
      }
      small[key].ratio.textContent = "A/B " + (bills.a[key] / bills.b[key]).toFixed(2);
      small[key].box.setAttribute("aria-label", small[key].words[0] + ": A " + small[key].a.sum.textContent + ", B " + small[key].b.sum.textContent);
    }
    const worth = bills.a.work / bills.b.work;
    ratio.textContent = times(worth);
    const known = [];
    if (pair && pair.paper) known.push(times(pair.paper) + " in the paper");
    if (pair && pair.measured) known.push(times(pair.measured) + " on " + data.machine);
    beside.replaceChildren();
    if (known.length) make(beside, "small", {}, "and in time, at 512 \u00d7 512:");
    known.forEach((words) => {
      const [first, ...rest] = words.split(" ");
      const line = make(beside, "span", {});
      make(line, "b", {}, first);
      line.append(" " + rest.join(" "));
    });
    side.value = size;
    shown.textContent = size + " \u00d7 " + size;
    side.setAttribute("aria-valuetext", shown.textContent);
    told.textContent = "A: " + named(chosen.a) + ". B: " + named(chosen.b) + ". At " + size + " \u00d7 " + size + " A does " +
      times(worth) + " the work of B: " + tracks.a.sum.textContent + " against " + tracks.b.sum.textContent + ".";
    bars.setAttribute("aria-label", told.textContent);
    root.dataset.a = Object.values(chosen.a).join(" ");
    root.dataset.b = Object.values(chosen.b).join(" ");
  }
  root.setAttribute("aria-label", alt);
  pick(data.pairs.find((pair) => pair.name === data.start));
});
