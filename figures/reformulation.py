"""Figure: the dilated path and the strided path, from x to y_d and y_s."""

import example
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from jpu_edu.draw import style
from jpu_edu.draw.chains import centres, draw_arrow, draw_brace, draw_chain, operator, tensor
from jpu_edu.draw.grids import draw_kernel, draw_signal
from jpu_edu.ops.chains import Layer, dilated_chain, guide, strided_chain
from jpu_edu.ops.compare import max_error
from jpu_edu.ops.phases import reduce, split

TITLE = "The strided path is phase 0 of the dilated path"
CAPTION = (
    "Written out, the dilated path and the strided path share their first convolution and their weights: "
    "the inner M and S cancel, each phase runs alone, and y_s is phase 0 of y_d, number for number."
)

RATE = (1, example.RATE)  # a signal is a map that is one pixel high
CELL = 28
GUIDE, PHASES, DONE, RESULT = 36, 318, 500, 696  # left edges of the strips
SPLIT, LAYERS, MERGE = 261, 451, 640  # centres of the operators between them
LANES = (212, 284, 418)  # middle lines: phase 0 and phase 1 of the dilated path, the strided path
UPPER = (LANES[0] + LANES[1]) / 2
HIGH, LOW = 84, 534  # middle lines of the two paths in letters
START, MIDDLE = 206, 352  # middle lines of x and y_m


def draw() -> Figure:
    """Top and bottom: the two paths in letters. Between them: the same in numbers."""
    x = example.as_map(example.SIGNAL)
    layers = [Layer(example.as_map(example.FIRST))] + [Layer(example.as_map(example.NEXT))] * example.N
    y_m, y_s, y_d = guide(x, layers), strided_chain(x, layers, rate=RATE), dilated_chain(x, layers, rate=RATE)
    phases = split(y_m, rate=RATE)
    done = phases
    for layer in layers[1:]:
        done = [layer.regular(phase) for phase in done]

    figure, ax = style.canvas(900, 618)
    _in_letters(ax)
    _strip(ax, x, GUIDE, START, "$x$")
    _strip(ax, y_m, GUIDE, MIDDLE, "$y_m$", rate=2)
    style.write(ax, GUIDE + 3 * CELL, MIDDLE + 30, "the guide", size=10, colour=style.soft())
    draw_arrow(ax, (GUIDE + 3 * CELL, START + 18), (GUIDE + 3 * CELL, MIDDLE - 42))
    _box(ax, GUIDE + 3 * CELL, (START + MIDDLE) / 2 - 10, "$C_r$")
    draw_kernel(ax, example.FIRST[None], at=(GUIDE + 3 * CELL + 32, (START + MIDDLE) / 2 - 20), cell=20)

    _elbow(ax, (GUIDE + 6 * CELL + 6, MIDDLE), UPPER, SPLIT - 26)
    _elbow(ax, (GUIDE + 6 * CELL + 6, MIDDLE), LANES[2], SPLIT - 26)
    _box(ax, SPLIT, UPPER, "$S$")
    _box(ax, SPLIT, LANES[2], "$R$")
    for k, lane in enumerate(LANES[:2]):
        _elbow(ax, (SPLIT + 20, UPPER), lane, PHASES - 6, turn=10)
        _strip(ax, phases[k], PHASES, lane, f"$y_m^{k}$", rate=2, phase=k)
        _layers(ax, lane, DONE - 6)
        _strip(ax, done[k], DONE, lane, "", rate=2, phase=k)
        _elbow(ax, (DONE + 3 * CELL + 4, lane), UPPER, MERGE - 24)
    _box(ax, MERGE, UPPER, "$M$")
    draw_arrow(ax, (MERGE + 24, UPPER), (RESULT - 6, UPPER))
    draw_arrow(ax, (SPLIT + 23, LANES[2]), (PHASES - 6, LANES[2]))
    _strip(ax, phases[0], PHASES, LANES[2], "$y_m^0$", rate=2, phase=0)
    _layers(ax, LANES[2], RESULT - 6)
    draw_kernel(ax, example.NEXT[None], at=(LAYERS - 30, 318), cell=20)
    style.write(ax, LAYERS, 353, f"$n = {example.N}$ times, in every lane", size=10, colour=style.soft())

    _strip(ax, y_d, RESULT, UPPER, "$y_d$", rate=2, colour=style.Y_D)
    _strip(ax, y_s, RESULT, LANES[2], "", rate=2, phase=0, colour=style.Y_S, pitch=2)
    style.write(ax, RESULT + 3 * CELL, LANES[2] + 30, "$y_s$", size=15)
    for k in range(3):
        place = RESULT + (2 * k + 0.5) * CELL
        ax.plot([place, place], [UPPER + 20, LANES[2] - 20], color=style.Y_S, lw=1.2, zorder=1)
    verdict = f"exact · max error {max_error(reduce(y_d, rate=RATE), y_s):g}"
    place = (RESULT + 2.5 * CELL, (UPPER + LANES[2]) / 2)
    ax.text(*place, verdict, ha="center", va="center", fontsize=10, bbox={"fc": style.paper(), "lw": 0, "pad": 5})
    return figure


def _in_letters(ax: Axes) -> None:
    box, left, gap = operator("$C_r$"), 170, 24
    pair = [operator(letter, struck=True) for letter in ("$M$", "$S$")]
    dilated = [
        tensor("$x$"), box, operator("$S$"), box, *pair, box, operator("$M$"), tensor("$y_d$", colour=style.Y_D),
    ]  # fmt: skip
    strided = [tensor("$x$"), box, operator("$R$"), box, box, tensor("$y_s$", colour=style.Y_S)]
    places = centres(dilated, left=left, gap=gap)
    for words, steps, y in (("dilated path", dilated, HIGH), ("strided path", strided, LOW)):
        style.write(ax, GUIDE, y, words, align="left")
        draw_chain(ax, *steps, at=(left, y), gap=gap)
    for start, end in ((2, 4), (5, 7)):
        draw_brace(ax, (places[start] - 20, places[end] + 20), HIGH - 26, "$C_d$", drop=-8)
    draw_brace(ax, (places[1] - 20, places[2] + 20), LOW + 26, "$C_s$")
    style.write(ax, RESULT + 3 * CELL, LOW, r"$y_d \rightarrow R \; = \; y_s$", size=16)
    style.write(ax, (places[4] + places[5]) / 2, HIGH + 34, "cancel", size=10, colour=style.soft())


def _strip(ax: Axes, x: Tensor, left: float, middle: float, label: str, **look) -> None:
    signal = x.flatten()
    draw_signal(ax, signal, at=(left, middle - CELL / 2), cell=CELL, **look)
    if label:
        style.write(ax, left + len(signal) * CELL / 2, middle - 32, label, size=15)


def _box(ax: Axes, x: float, y: float, symbol: str) -> None:
    draw_chain(ax, operator(symbol), at=(x - 20, y))


def _layers(ax: Axes, lane: float, end: float) -> None:
    draw_arrow(ax, (PHASES + 3 * CELL + 6, lane), (LAYERS - 23, lane))
    draw_arrow(ax, (LAYERS + 23, lane), (end, lane))
    _box(ax, LAYERS, lane, "$C_r^n$")


def _elbow(ax: Axes, start: tuple[float, float], y: float, end: float, *, turn: float = 14) -> None:
    bend = start[0] + turn
    ax.plot([start[0], bend, bend], [start[1], start[1], y], color=style.soft(), lw=1.2, zorder=1)
    draw_arrow(ax, (bend, y), (end, y))
