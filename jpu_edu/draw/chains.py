"""Chains of S, M, R, C_r, C_d, C_s as boxes and arrows, read from left to right.

A tensor is a letter, an operator is a box, a cancelled operator is struck out. An arrow is solid where
the step is exact, dashed where it is approximate, dotted where it is learned.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from jpu_edu.draw import style
from jpu_edu.ops.compare import Label

Place = tuple[float, float]


@dataclass(frozen=True)
class Step:
    """One link of a chain. Make it with `tensor` or `operator`."""

    text: str
    boxed: bool
    struck: bool = False
    label: Label = "exact"
    colour: str | None = None
    width: float = 40.0


def tensor(text: str, *, colour: str | None = None, label: Label = "exact", width: float = 34.0) -> Step:
    """A tensor, written as its letter, such as r"$y_m$". `label` is that of the arrow that leads to it."""
    return Step(text, boxed=False, colour=colour, label=label, width=width)


def operator(
    text: str, *, struck: bool = False, colour: str | None = None, label: Label = "exact", width: float = 40.0
) -> Step:
    """An operator in its box, such as r"$C_r$". A struck one is cancelled by its neighbour."""
    return Step(text, boxed=True, struck=struck, colour=colour, label=label, width=width)


def centres(steps: Sequence[Step], *, left: float = 0.0, gap: float = 26.0) -> list[float]:
    """Where the steps of a chain stand: the x of each centre."""
    places = []
    for step in steps:
        places.append(left + step.width / 2)
        left += step.width + gap
    return places


def draw_chain(
    axes: Axes,
    *steps: Step,
    at: Place | None = None,
    gap: float = 26.0,
    height: float = 34.0,
    size: float = 14.0,
) -> Axes:
    """Draw a chain of steps with an arrow between neighbours.

    Args:
        steps: from `tensor` and `operator`, in the order in which they are applied.
        at: left end and middle line, in CSS pixels as on a `style.canvas`; None takes the whole axes.
        gap, height, size: length of an arrow, height of a box, size of the letters in points.

    Raises:
        ValueError: no steps.
    """
    if not steps:
        raise ValueError("draw_chain: no steps; pass at least one tensor(...) or operator(...)")
    left, middle = at or (0.0, 0.0)
    places = centres(steps, left=left, gap=gap)
    if at is None:
        right = places[-1] + steps[-1].width / 2
        axes.set(xlim=(-6, right + 6), ylim=(height, -height), aspect="equal")
        axes.axis("off")
    for place, step in zip(places, steps, strict=True):
        tone = style.soft() if step.struck else style.ink()
        if step.boxed:
            look = {"boxstyle": "round,pad=0,rounding_size=6", "fc": style.paper(), "ec": tone, "lw": 1.1}
            corner = (place - step.width / 2, middle - height / 2)
            axes.add_patch(FancyBboxPatch(corner, step.width, height, zorder=2, **look))
        style.write(axes, place, middle, step.text, size=size, colour=tone)
        if step.colour:
            bar = {"color": step.colour, "lw": 3, "solid_capstyle": "round", "gid": "colour"}
            axes.plot([place - 11, place + 11], [middle + 0.55 * height] * 2, zorder=2, **bar)
        if step.struck:
            reach = step.width / 2 + 3
            ends = [place - reach, place + reach], [middle + height / 2 + 3, middle - height / 2 - 3]
            axes.plot(*ends, color=style.ink(), lw=1.3, zorder=6, solid_capstyle="round", gid="struck")
    for i in range(1, len(steps)):
        start = places[i - 1] + steps[i - 1].width / 2
        end = places[i] - steps[i].width / 2
        draw_arrow(axes, (start + 3, middle), (end - 3, middle), label=steps[i].label)
    return axes


def draw_arrow(axes: Axes, start: Place, end: Place, *, label: Label = "exact") -> Axes:
    """Draw one arrow: solid, dashed or dotted by its label."""
    look = {"color": style.soft(), "lw": 1.2, "linestyle": style.LINES[label], "joinstyle": "miter", "zorder": 2}
    head = "-|>,head_length=4.5,head_width=2.2"
    arrow = FancyArrowPatch(start, end, arrowstyle=head, shrinkA=0, shrinkB=0, mutation_scale=1, **look)
    arrow.set_gid(f"arrow {label}")
    axes.add_patch(arrow)
    return axes


def draw_brace(axes: Axes, ends: Place, y: float, text: str, *, drop: float = 8.0) -> Axes:
    """Draw a bracket from ends[0] to ends[1] with its text beyond it. A negative `drop` opens it downwards."""
    left, right = ends
    axes.plot([left, left, right, right], [y, y + drop, y + drop, y], color=style.soft(), lw=1.0, zorder=2)
    style.write(axes, (left + right) / 2, y + drop + (11 if drop > 0 else -11), text, colour=style.soft())
    return axes
