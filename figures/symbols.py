"""Figure: the symbol map of the course."""

import example
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from jpu_edu.draw import style
from jpu_edu.draw.chains import draw_arrow
from jpu_edu.draw.grids import draw_kernel, draw_signal
from jpu_edu.ops.chains import Layer, dilated_chain, guide, strided_chain
from jpu_edu.ops.convs import dilated_conv, regular_conv, strided_conv
from jpu_edu.ops.phases import reduce, split
from jpu_edu.ops.solve import fit_h

TITLE = "The letters of the course"
CAPTION = (
    "S, M and R only move numbers and C_r, C_d and C_s compute them; each tensor is a chain of these "
    "applied to x, and only h is fitted, so only y is an approximation."
)

RATE = (1, example.RATE)  # a signal is a map that is one pixel high
CELL = 24
LONG, SHORT = 6 * CELL, 3 * CELL
LEFT, RIGHT = 40, 470  # left edges of the two columns
PICTURE, WORDS = 58, 58 + LONG + 26  # the parts of a row, from the left edge of its column
FIRST_ROW, ROW = 122, 94
DOWN = 20  # how far the strips of a pair stand above and below the middle of their row


def draw() -> Figure:
    """Left the operators, right the tensors: letter, picture, words."""
    figure, ax = style.canvas(900, 660)
    operators = (
        ("$C_r$", "regular convolution", "reads neighbours"),
        ("$C_d$", "dilated convolution", "reads one phase"),
        ("$C_s$", "strided convolution", "every second output"),
        ("$S$", "split", "a map into its phases"),
        ("$M$", "merge", "the phases into a map"),
        ("$R$", "reduce", "keeps phase 0"),
    )
    tensors = (
        ("$x$", "the input", "of the stage"),
        ("$y_m$", "the guide", r"$x \rightarrow C_r$"),
        ("$y_s$", "the strided path", r"$x \rightarrow C_s \rightarrow C_r^n$"),
        ("$y_d$", "the dilated path", r"$x \rightarrow C_r \rightarrow C_d^n$"),
        (r"$\hat{h}$", "the fitted h", r"$y_m^0 \rightarrow \hat{h} \approx y_s$"),
        ("$y$", "the approximation", r"$y_m \rightarrow S \rightarrow \hat{h} \rightarrow M$"),
    )
    for left, title, rows in ((LEFT, "What is done", operators), (RIGHT, "What comes out", tensors)):
        style.write(ax, left, 52, title, size=13, align="left")
        ax.plot([left, left + 400], [72, 72], color=style.mix(style.soft(), style.paper(), 0.4), lw=0.8)
        for k, (symbol, name, meaning) in enumerate(rows):
            y = FIRST_ROW + k * ROW
            style.write(ax, left, y, symbol, size=21, align="left")
            style.write(ax, left + WORDS, y - 11, name, align="left")
            size = 13 if meaning.startswith("$") else 10
            style.write(ax, left + WORDS, y + 13, meaning, size=size, colour=style.soft(), align="left")
    _operators(ax)
    _tensors(ax)
    return figure


def _operators(ax: Axes) -> None:
    x, first, following = (example.as_map(t) for t in (example.SIGNAL, example.FIRST, example.NEXT))
    near = regular_conv(x, first, padding=(0, 1))
    apart = dilated_conv(x, following, rate=RATE, padding=(0, example.RATE))
    fewer = strided_conv(x, first, stride=RATE, padding=(0, 1))
    phases = split(x, rate=RATE)

    _strip(ax, 0, -DOWN, x, inputs=[1, 2, 3])
    _strip(ax, 0, DOWN, near, highlight=[2])
    _rays(ax, 0, [1, 2, 3], 2)
    _strip(ax, 1, -DOWN, x, rate=2, inputs=[0, 2, 4])
    _strip(ax, 1, DOWN, apart, rate=2, highlight=[2])
    _rays(ax, 1, [0, 2, 4], 2)
    _strip(ax, 2, -DOWN, x, inputs=[1, 2, 3])
    _strip(ax, 2, DOWN, fewer, pitch=2, highlight=[1])
    _rays(ax, 2, [1, 2, 3], 2)
    for row, whole, parts in ((3, -DOWN, DOWN), (4, DOWN, -DOWN)):
        _strip(ax, row, whole, x, rate=2)
        for k, shift in ((0, -6), (1, SHORT + 6)):
            _strip(ax, row, parts, phases[k], rate=2, phase=k, shift=shift)
        _arrow(ax, LEFT, row)
    _strip(ax, 5, -DOWN, x, rate=2, ghost=[1, 3, 5])
    _strip(ax, 5, DOWN, reduce(x, rate=RATE), rate=2, phase=0, shift=SHORT / 2)
    _arrow(ax, LEFT, 5)


def _tensors(ax: Axes) -> None:
    x = example.as_map(example.SIGNAL)
    layers = [Layer(example.as_map(example.FIRST))] + [Layer(example.as_map(example.NEXT))] * example.N
    y_m, y_s, y_d = guide(x, layers), strided_chain(x, layers, rate=RATE), dilated_chain(x, layers, rate=RATE)
    y_m0 = reduce(y_m, rate=RATE)
    h_hat = fit_h(y_m0, y_s, kernel=(1, 3))

    _strip(ax, 0, 0, x, left=RIGHT)
    _strip(ax, 1, 0, y_m, left=RIGHT, rate=2)
    _strip(ax, 2, 0, y_s, left=RIGHT, rate=2, phase=0, pitch=2, colour=style.Y_S)
    _strip(ax, 3, 0, y_d, left=RIGHT, rate=2, colour=style.Y_D)
    _strip(ax, 4, -DOWN - 6, y_m0, left=RIGHT, rate=2, phase=0)
    _strip(ax, 4, DOWN + 6, y_s, left=RIGHT, rate=2, phase=0, colour=style.Y_S)
    middle = FIRST_ROW + 4 * ROW
    place = RIGHT + PICTURE + SHORT / 2
    draw_arrow(ax, (place, middle - 13), (place, middle + 12), label="learned")
    draw_kernel(ax, h_hat.weight[0, 0], at=(RIGHT + PICTURE + SHORT + 14, middle - 10), cell=20)
    _strip(ax, 5, 0, h_hat.on_guide(y_m, rate=RATE), left=RIGHT, rate=2, hatch=style.Y_HATCH)


def _strip(ax: Axes, row: int, offset: float, x: Tensor, *, left: float = LEFT, shift: float = 0, **look) -> None:
    place = (left + PICTURE + shift, FIRST_ROW + row * ROW + offset - CELL / 2)
    draw_signal(ax, x.flatten(), at=place, cell=CELL, **look)


def _arrow(ax: Axes, left: float, row: int) -> None:
    x, y = left + PICTURE + LONG / 2, FIRST_ROW + row * ROW
    draw_arrow(ax, (x, y - 7), (x, y + 7))


def _rays(ax: Axes, row: int, reads: list[int], output: int) -> None:
    """Thin lines from the cells that are read to the output."""
    middle = FIRST_ROW + row * ROW
    reach = DOWN - CELL / 2 - 1
    for read in reads:
        xs = [LEFT + PICTURE + (place + 0.5) * CELL for place in (read, output)]
        ax.plot(xs, [middle - reach, middle + reach], color=style.ink(), lw=1.0, zorder=2)
