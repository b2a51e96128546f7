"""Figure: a dilated convolution is split, regular convolution, merge."""

from collections.abc import Sequence

import example
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from jpu_edu.draw import style
from jpu_edu.draw.chains import draw_arrow, draw_chain, operator
from jpu_edu.draw.grids import draw_kernel, draw_map, inputs_of
from jpu_edu.ops.compare import max_error
from jpu_edu.ops.convs import dilated_conv, regular_conv
from jpu_edu.ops.phases import merge, split

TITLE = "A dilated convolution is split, regular convolution, merge"
CAPTION = (
    "A dilated convolution reads one phase of the map at a time, so it equals a regular convolution on each "
    "phase: going across (kernel with holes) and going around (split, the same nine numbers without holes, "
    "merge) give the same 36 numbers."
)

CELL = 32
LEFT, RIGHT, TOP, BOTTOM = 150, 750, 84, 372  # centres of the columns, upper edges of the rows
PIXEL = (2, 2)  # the output that the reader computes along; it lies in phase 0, at (1, 1)


def draw() -> Figure:
    """The square: x at the top left, its dilated convolution at the top right, the phases below."""
    x, weight, rate = example.MAP, example.KERNEL, example.RATE
    across = dilated_conv(x[None, None], weight[None, None], rate=rate, padding=rate)[0, 0]
    phases = split(x, rate=rate)
    done = [regular_conv(phase[None, None], weight[None, None], padding=1)[0, 0] for phase in phases]
    around = merge(done, rate=rate)

    figure, ax = style.canvas(900, 612)
    half = 3 * CELL
    read = inputs_of(PIXEL, kernel=3, rate=rate, size=(6, 6))
    draw_map(ax, x, rate=rate, inputs=read, at=(LEFT - half, TOP), cell=CELL)
    draw_map(ax, across, rate=rate, highlight=[PIXEL], at=(RIGHT - half, TOP), cell=CELL)
    _phases(ax, phases, LEFT, {"inputs": inputs_of((1, 1), kernel=3, size=(3, 3))})
    _phases(ax, done, RIGHT, {"highlight": [(1, 1)]})

    style.write(ax, LEFT, TOP - 44, r"$x$", size=18)
    style.write(ax, LEFT, TOP - 20, "a map, coloured by phase", colour=style.soft())
    style.write(ax, RIGHT, TOP - 44, r"$x \rightarrow C_d$", size=18)
    style.write(ax, RIGHT, TOP - 20, "dilated, rate 2", colour=style.soft())

    middle = (LEFT + RIGHT) / 2
    _across(ax, middle, TOP + half, r"$C_d$", "nine numbers, with holes", 2)
    _across(ax, middle, BOTTOM + 104, r"$C_r$", "the same nine, without", 1)
    for place, symbol, word, start, end in (
        (LEFT, "$S$", "split", TOP + 2 * half + 8, BOTTOM - 10),
        (RIGHT, "$M$", "merge", BOTTOM - 10, TOP + 2 * half + 8),
    ):
        draw_arrow(ax, (place, start), (place, end))
        _badge(ax, place, (start + end) / 2, symbol)
        style.write(ax, place + 32, (start + end) / 2, word, colour=style.soft(), align="left")

    verdict = f"the outlined number, both ways   ·   all {x.numel()} exact, max error {max_error(around, across):g}"
    style.write(ax, middle, 312, example.worked_sum(weight, x[0:5:2, 0:5:2]))
    style.write(ax, middle, 336, verdict, colour=style.soft(), size=10)
    return figure


def _phases(ax: Axes, phases: Sequence[Tensor], centre: float, marks: dict[str, list[tuple[int, int]]]) -> None:
    block, gap = 3 * CELL, 16
    for k, phase in enumerate(phases):
        corner = (centre - block - gap / 2 + (k % 2) * (block + gap), BOTTOM + (k // 2) * (block + gap))
        draw_map(ax, phase, rate=2, phase=k, at=corner, cell=CELL, **(marks if k == 0 else {}))


def _badge(ax: Axes, x: float, y: float, symbol: str) -> None:
    draw_chain(ax, operator(symbol), at=(x - 20, y))


def _across(ax: Axes, middle: float, y: float, symbol: str, words: str, rate: int) -> None:
    cell = 26
    span = (2 * rate + 1) * cell
    draw_arrow(ax, (LEFT + 3 * CELL + 22, y), (middle - span / 2 - 14, y))
    draw_arrow(ax, (middle + span / 2 + 14, y), (RIGHT - 3 * CELL - 22, y))
    draw_kernel(ax, example.KERNEL, rate=rate, at=(middle - span / 2, y - span / 2), cell=cell)
    _badge(ax, middle, y - span / 2 - 32, symbol)
    style.write(ax, middle, y + span / 2 + 18, words, colour=style.soft(), size=10)
