"""What `bench gpu` prints: one short text for each part, from the measurements that are there."""

import statistics
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jpu_edu.ops.columns import columns

Found = Mapping[str, Mapping[str, Any]]
GAIN = 1.1  # a way of convolving that is this much faster is worth a rule


def exact(found: Found) -> str:
    """A row a claim, a column a precision; "!" where the claim does not hold, or a counterexample does not break."""
    claims = {row["name"]: row["breaks"] for rows in found.values() for row in rows["rows"]}
    cells = {
        (column, row["name"]): ("-" if row["error"] is None else f"{row['error']:.1e}") + " !"[not row["passed"]]
        for column, rows in found.items()
        for row in rows["rows"]
    }
    names = sorted(claims, key=claims.get)
    body = [[f"{'breaks: ' * claims[n]}{n}", *(cells.get((column, n), "") for column in found)] for n in names]
    return columns([["claim", *found], *body])


def speed(found: Found) -> str:
    """Times, ratios, parts and batches."""
    lines = []
    for name, one in found.items():
        if "ways" in one:
            rows = [
                [way, *(f"{ms:.2f}" for ms in t["ms"].values()), f"{t['ratio']:.2f}"] for way, t in one["ways"].items()
            ]
            paper = f"; the paper's ratio {one['paper']:.2f}" if one.get("paper") else ""
            lines += [f"{name}{paper}", columns([["way", "dilated ms", "FastFCN ms", "ratio"], *rows])]
        elif "batches" in one:
            rows = [
                [count, *(f"{v:.0f}" for v in t["images_per_second"].values()), f"{t['ratio']:.2f}",
                 *("-" if v is None else f"{v:.0f}" for v in t["peak_mib"].values())]
                for count, t in one["batches"].items()
            ]  # fmt: skip
            head = ["batch", "dilated images/s", "FastFCN images/s", "ratio", "dilated MiB", "FastFCN MiB"]
            lines += [name, columns([head, *rows])]
        elif "limits" in one:
            for which in ("dilated", "FastFCN"):
                parts = {"whole": one[which]["whole"], **one[which]["parts"]}
                rows = [
                    [part, f"{p['ms']:.3f}", f"{p['floor_ms']:.3f}", f"{p['gmac']:.1f}", f"{p['tflops']:.0f}",
                     f"{100 * p['tflops'] / one['limits']['tflops']:.0f}"]
                    for part, p in parts.items()
                ]  # fmt: skip
                head = ["part", "ms alone", "floor ms", "GMAC", "TFLOP/s", "% of limit"]
                lines += [f"{name}, {which}; eager {one[which]['eager_ms']:.3f} ms", columns([head, *rows])]
        else:
            lines.append(f"{name}: {one['tflops']:.1f} TFLOP/s bfloat16 product, {one['gbytes']:.0f} GB/s copy")
    return "\n".join(lines)


def conv(found: Found) -> str:
    """Milliseconds of the kernels, and where phases are worth a rule."""
    lines, gains = [], []
    for name, group in found.items():
        rows = [
            [f"rate {r['rate']}, {'both' if r['backward'] else 'forward'}", *(f"{ms:.3f}" for ms in r["ms"].values()),
             f"{r['native/phases']:.2f}", f"{r['eager_ms']['native'] / r['eager_ms']['phases']:.2f}"]
            for r in group["rows"]
        ]  # fmt: skip
        head = ["", "native ms", "padded ms", "phases ms", "native/phases", "the same, eager"]
        lines += [name, columns([head, *rows])]
        gains += [f"{name}, {row[0]}" for row, r in zip(rows, group["rows"], strict=True) if r["native/phases"] >= GAIN]
    return "\n".join([*lines, f"Phases are faster by {GAIN} or more: {'; '.join(gains) or 'nowhere'}."])


def networks(found: Found) -> str:
    """A row a training, the best on the test set first."""
    rows = [
        [name, f"{r['test']['miou']:.3f}", f"{r['test']['band_miou']:.3f}", f"{r['test']['pixel_accuracy']:.3f}",
         f"{r['images_per_second']:.0f}", f"{r['peak_memory_gib']:.1f}" if "peak_memory_gib" in r else "-",
         f"{r['macs'] / 1e9:.1f}", f"{r['parameters'] / 1e6:.1f}"]
        for name, r in sorted(found.items(), key=lambda item: -item[1]["test"]["miou"])
    ]  # fmt: skip
    return columns([["test", "mIoU", "band", "accuracy", "images/s", "GiB", "GMAC", "M param"], *rows])


def slim(found: Found) -> str:
    """The written file against the network before rounding."""
    return "\n".join(
        f"{r['file']}: {r['bytes'] / 1e6:.1f} MB, test mIoU {r['half']['miou']:.4f} in half precision, "
        f"{r['test']['miou']:.4f} before"
        for r in found.values()
    )


def resemble(found: Found) -> str:
    """R2 of the maps, of the JPU whose task is y_d, and R2 beside mIoU."""
    lines = []
    if "linear maps" in found:
        maps, minus = found["linear maps"]["maps"], found["linear maps"]["JPU minus"]
        rows = [
            [name, str(m["channels"]), f"{m['r2']:.3f}", f"{m['r2_new_phases']:.3f}",
             f"{min(m['r2_by_phase']):.3f} to {max(m['r2_by_phase']):.3f}",
             "" if name not in minus else "{difference:+.3f} ({low:+.3f} to {high:+.3f})".format(**minus[name])]
            for name, m in maps.items()
        ]  # fmt: skip
        lines += [
            "How much of y_d a linear map of each explains, on test images",
            columns([["map", "channels", "R2", "new phases", "by phase", "JPU minus it (95 %)"], *rows]),
            f"The trained JPU explains more than {_list(n for n, m in minus.items() if m['low'] > 0)}; "
            f"not more than {_list(n for n, m in minus.items() if m['low'] <= 0)}.",
        ]
    if tasks := [r for r in found.values() if "n" in r]:
        rows = [
            [str(r["n"]), str(r["rate"]), *(f"{r[who][what]:.3f}" for who in ("JPU", "interpolated y_s")
             for what in ("r2", "r2_new_phases"))]
            for r in tasks
        ]  # fmt: skip
        head = ["blocks", "rate", "JPU R2", "new phases", "interpolated R2", "new phases"]
        lines += ["A JPU whose task is y_d", columns([head, *rows])]
    behind: dict[str, dict[str, list[Mapping[str, Any]]]] = {}
    for r in found.values():
        if "pull" in r:  # the first records had one backbone and did not name it
            behind.setdefault(r.get("backbone", "fastfcn_fcn"), {}).setdefault(r["name"], []).append(r)
    for backbone, pulled in behind.items():
        rows = [
            [name, str(len(runs)), f"{statistics.mean(r['r2_new_phases'] for r in runs):.3f}",
             f"{statistics.mean(r['test']['miou'] for r in runs):.4f}",
             " ".join(f"{r['test']['miou']:.4f}" for r in runs)]
            for name, runs in pulled.items()
        ]  # fmt: skip
        head = ["between backbone and head", "seeds", "R2, new phases", "test mIoU", "by seed"]
        lines += [f"Does being closer to y_d help? The frozen backbone of {backbone}", columns([head, *rows])]
        plain = {r["seed"]: r["test"]["miou"] for r in pulled.get("JPU", [])}
        for name, runs in pulled.items():
            if gains := [f"{r['test']['miou'] - plain[r['seed']]:+.4f}" for r in runs if r["seed"] in plain]:
                lines += [f"mIoU of {name!r} minus 'JPU', by seed: {', '.join(gains)}"] * (name != "JPU")
    return "\n".join(lines)


def _list(names: Iterable[str]) -> str:
    return "; ".join(names) or "nothing"


def pictures(found: Found) -> str:
    """Pixel accuracy of each network on each frame."""
    lines = []
    for one in found.values():
        rows = [[name, *(f"{a:.3f}" for a in values)] for name, values in one["pixel_accuracy"].items()]
        lines.append(columns([["frame", *map(str, one["frames"])], *rows]))
    return "\n".join(lines)


TABLES: dict[str, Callable[[Found], str]] = {
    "exact": exact, "speed": speed, "conv": conv, "slim": slim, "camvid": networks, "resemble": resemble,
    "pictures": pictures,
}  # fmt: skip
