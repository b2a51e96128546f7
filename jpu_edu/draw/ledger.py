"""The bill of many networks as one sheet: counted work, kept memory, and time against the dilated twin."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from jpu_edu.draw import style

Bill = Mapping[str, str | float | None]

ROW, GAP, HEAD, FOOT = 25, 13, 78, 44
NAME, PARAMS = 24, 236  # where the names begin, where the parameters end
WORK, KEPT, TIME = (262, 458), (512, 628), (684, 820)  # left and right end of each column's scale


def draw_ledger(bills: Sequence[Sequence[Bill]]) -> Figure:
    """Draw one row a network, in groups; the first of a group is the dilated one that the others are compared with.

    Notice: MACs and bytes are counted, the same on every machine. The ratio is a time, and belongs to one machine.

    Args:
        bills: groups of rows with `name`, `gmac`, `params` (millions), `kept_mib`, and `ratio` and `paper`, the time
            of the group's dilated network over its own, here and in the paper, or None.

    Returns:
        A figure of 900 CSS pixels, with one axes.

    Raises:
        ValueError: no rows.
    """
    rows = [bill for group in bills for bill in group]
    if not rows:
        raise ValueError("draw_ledger: got no bills; pass at least one group with one network")
    height = HEAD + ROW * len(rows) + GAP * (len(bills) - 1) + FOOT
    figure, axes = style.canvas(900, height)
    most = {key: max(float(bill[key]) for bill in rows) for key in ("gmac", "kept_mib")}
    ratios = [float(bill[key]) for bill in rows for key in ("ratio", "paper") if bill[key] is not None]
    top = max([2.0, *ratios])
    _heads(axes, height - FOOT + 6, top)
    y = HEAD
    for group in bills:
        for i, bill in enumerate(group):
            _row(axes, y + ROW / 2, bill, dilated=i == 0, most=most, top=top)
            y += ROW
        y += GAP
    return figure


def save_ledger(bills: Sequence[Sequence[Bill]], path: str) -> None:
    """Draw the bills into a file, complete or not at all; its ending says the kind (.svg, .png, .pdf).

    Raises:
        OSError: a folder that does not exist or cannot be written.
        ValueError: another ending, from matplotlib.
    """
    target = Path(path)
    partial = target.with_name(f".{target.name}.tmp")
    try:
        with matplotlib.rc_context(style.rc()):
            draw_ledger(bills).savefig(partial, format=target.suffix[1:] or "svg")
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)


def _place(value: float, top: float) -> float:
    return TIME[0] + (TIME[1] - TIME[0]) * value / top


def _heads(axes: Axes, bottom: float, top: float) -> None:
    soft = style.soft()
    for x, text, note in (
        (WORK[0], "work", "GMAC, counted"),
        (KEPT[0], "memory to train", "MiB an image, counted"),
        (TIME[0], "times as fast as dilated", ""),
    ):
        style.write(axes, x, 30, text, size=11, align="left")
        style.write(axes, x, 50, note, size=8.5, colour=soft, align="left")
    style.write(axes, PARAMS, 30, "parameters", size=11, align="right")
    style.write(axes, PARAMS, 50, "millions", size=8.5, colour=soft, align="right")
    for ratio in range(1, int(top) + 1):
        x = _place(ratio, top)
        axes.plot([x, x], [HEAD - 8, bottom - 4], color=soft, lw=0.6 if ratio > 1 else 1.1, alpha=0.6, zorder=0)
        style.write(axes, x, bottom + 8, f"{ratio}x", size=8.5, colour=soft)
    for x, marker, filled, text in ((TIME[0] + 5, "o", True, "measured"), (TIME[0] + 84, "D", False, "(in the paper)")):
        _mark(axes, x, 50, marker, filled)
        style.write(axes, x + 8, 50, text, size=8.5, colour=soft, align="left")


def _mark(axes: Axes, x: float, y: float, marker: str, filled: bool) -> None:
    face = style.ink() if filled else style.paper()
    axes.plot([x], [y], marker, ms=5.2, mfc=face, mec=style.ink(), mew=1.0, zorder=4)


def _row(axes: Axes, y: float, bill: Bill, *, dilated: bool, most: Mapping[str, float], top: float) -> None:
    name = str(bill["name"])
    jpu = "JPU" in name
    look = {
        "facecolor": style.Y_D if dilated else style.tint(style.soft(), 0.15 if jpu else 0.45),
        "hatch": style.Y_HATCH if jpu else None,
        "edgecolor": style.ink() if jpu else "none",
        "linewidth": 0.7 if jpu else 0,
    }
    style.write(axes, NAME, y, name, size=10, align="left")
    style.write(axes, PARAMS, y, f"{bill['params']:.1f}", size=9, colour=style.soft(), align="right")
    for key, (left, right) in (("gmac", WORK), ("kept_mib", KEPT)):
        length = (right - left) * float(bill[key]) / most[key]
        axes.add_patch(Rectangle((left, y - 7.5), length, 15, **look))
        style.write(axes, left + length + 5, y, f"{bill[key]:.0f}", size=9, align="left")
    if bill["ratio"] is None or dilated:
        return
    here = _place(float(bill["ratio"]), top)
    ends = [here]
    if bill["paper"] is not None:
        ends.append(_place(float(bill["paper"]), top))
        axes.plot(ends, [y, y], color=style.soft(), lw=0.9, zorder=2)
        _mark(axes, ends[1], y, "D", False)
    _mark(axes, here, y, "o", True)
    label = max(ends) + 8
    text = f"{bill['ratio']:.1f}x" if bill["paper"] is None else f"{bill['ratio']:.1f}x ({bill['paper']:.1f})"
    axes.add_patch(Rectangle((label - 1, y - 7), 5.6 * len(text), 14, facecolor=style.paper(), linewidth=0, zorder=1))
    style.write(axes, label, y, text, size=9, align="left")
