"""What a check answers: a short yes, or what is wrong, with a picture and the hint for that mistake.

Everything is text first. The picture repeats it for the eye, and its words travel with it.
"""

import html
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import matplotlib
from matplotlib.figure import Figure
from torch import Tensor

from jpu_edu.draw import style
from jpu_edu.draw.grids import READABLE, draw_map, number
from jpu_edu.draw.show import picture
from jpu_edu.exercises.fault import size

MARKS = {"right": "✓ Yes.", "blank": "○ Not written yet."}


class Panel(NamedTuple):
    """One map of the picture: its title and numbers, the cells in question, the phases if it shows them."""

    title: str
    values: Tensor
    outlined: Sequence[tuple[int, int]] = ()
    rate: int | None = None
    phase: int | None = None


@dataclass(frozen=True)
class Verdict:
    """The answer of a check; a notebook shows it with its picture, a terminal as text.

    Attributes:
        kind: "right", "blank", "changed", "endless", or the kind of a `Fault`.
        said: what was tried, or what is wrong with which input.
        help: hints and the like.
        panels: input, target and answer of the smallest case that is wrong.
        share: of the cases that are right, 0 to 1.
        mistake: the name of the mistake that was recognised.
    """

    kind: str
    said: str
    help: tuple[str, ...] = ()
    panels: tuple[Panel, ...] = ()
    share: float = 0.0
    mistake: str | None = None

    @property
    def passed(self) -> bool:
        return self.kind == "right"

    def points(self, full: float) -> float:
        """All points for all cases; else half of them times the share of right cases, rounded down to halves."""
        return float(full) if self.passed else math.floor(full * self.share) / 2

    @property
    def alt(self) -> str:
        """The picture in words."""
        words = []
        for title, values, outlined, *_ in self.panels:
            numbers = ", ".join(map(number, values.flatten().tolist())) if values.numel() <= 25 else ""
            marked = f"; {len(outlined)} of its cells outlined, {list(outlined[0])} first" if outlined else ""
            words.append(f"{title}, {size(values)}{f': {numbers}' if numbers else ''}{marked}")
        return f"Side by side: {'. '.join(words)}."

    def __repr__(self) -> str:
        head = f"{MARKS.get(self.kind, '✗ Not yet.')} {self.said}"
        return "\n".join([head, *self.help, *([f"Picture. {self.alt}"] if self.panels else [])])

    def _repr_html_(self) -> str:
        shown = picture(draw_panels(self.panels), alt=self.alt) if self.panels else ""
        head, *rest = (_markup(line) for line in (f"{MARKS.get(self.kind, '✗ Not yet.')} {self.said}", *self.help))
        paragraphs = "".join(f'<p style="white-space: pre-wrap">{line}</p>' for line in rest)
        edge = "border-left: 4px solid currentColor; padding-left: 12px"
        return f'<div style="{edge}"><p>{head}</p>{shown}{paragraphs}</div>'

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": repr(self)}


def _markup(text: str) -> str:
    fenced = re.compile(r"```\n(.*?)\n```|`([^`]+)`", re.DOTALL)
    code = fenced.sub(lambda found: f"<code>{found[1] or found[2]}</code>", html.escape(text))
    code = re.sub(r"\*\*([A-Z][^*\n]*)\*\*", r"<strong>\1</strong>", code)
    code = re.sub(r"(?<![\w*])\*(\w[^*\n]*)\*(?![\w*])", r"<em>\1</em>", code)
    return re.sub(r"^(. [\w ]+\.|[A-Z]\w+( \d)?\.)(?=\s)", r"<strong>\1</strong>", code)


def as_map(value: Any, channel: Sequence[int] = ()) -> Tensor | None:
    """A tensor as a map, one channel of it (by default the first); None for anything else."""
    if not isinstance(value, Tensor) or value.numel() == 0:
        return None
    value = value.detach().double()[(None,) * max(0, 2 - value.ndim)]
    return value[tuple(channel) if len(channel) == value.ndim - 2 else (0,) * (value.ndim - 2)]


def draw_panels(panels: Sequence[Panel]) -> Figure:
    """The panels from left to right; in one row if their numbers stay readable.

    Notice: all maps with numbers have cells of one side, larger ones where the numbers are long.
    """
    written = [panel.values for panel in panels if max(panel.values.shape) <= READABLE]
    longest = max((len(number(value)) for values in written for value in values.flatten().tolist()), default=0)
    fits = (868 - 34 * len(panels)) / max(1, sum(values.shape[1] for values in written))
    cell = max(22.0, min(44.0, 9.0 * longest), min(34.0, fits))
    places, left, top, lowest = [], 16.0, 40.0, 0.0
    for panel in panels:
        largest = max(panel.values.shape)
        side = cell if largest <= READABLE else 200.0 / largest
        height, width = (n * side for n in panel.values.shape)
        width = max(width, 7.0 * len(panel.title))
        if left > 16.0 and left + width > 884.0:
            left, top = 16.0, lowest + 44.0
        places.append((left, top, side))
        left, lowest = left + width + 34.0, max(lowest, top + height)
    with matplotlib.rc_context(style.rc()):
        figure, axes = style.canvas(900.0, lowest + 16.0)
        for (title, values, outlined, rate, phase), (x, y, side) in zip(panels, places, strict=True):
            draw_map(axes, values, at=(x, y), cell=side, highlight=outlined, rate=rate, phase=phase)
            style.write(axes, x, y - 16.0, title, size=10, align="left", colour=style.soft())
    return figure
