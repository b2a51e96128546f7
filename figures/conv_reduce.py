"""Figure: a strided convolution is a regular convolution, then reduce."""

import example
from matplotlib.figure import Figure

from jpu_edu.draw import style
from jpu_edu.draw.chains import draw_arrow, draw_chain, operator
from jpu_edu.draw.grids import draw_kernel, draw_map, inputs_of
from jpu_edu.ops.compare import max_error
from jpu_edu.ops.convs import regular_conv, strided_conv
from jpu_edu.ops.phases import reduce

TITLE = "A strided convolution is a regular convolution, then reduce"
CAPTION = (
    "A strided convolution equals a regular convolution that computes all 36 numbers and keeps phase 0, "
    "9 of them; in practice the other 27 are never computed, which is all that a stride saves."
)

CELL, TOP = 32, 92
HALF = 3 * CELL
X, FULL, SMALL = 134, 488, 796  # centres of the three maps


def draw() -> Figure:
    """Upper way: x, the regular convolution, its phase 0. Lower way: the strided convolution."""
    x, weight, stride = example.MAP, example.KERNEL, example.RATE
    everywhere = regular_conv(x[None, None], weight[None, None], padding=1)[0, 0]
    kept = strided_conv(x[None, None], weight[None, None], stride=stride, padding=1)[0, 0]

    figure, ax = style.canvas(900, 452)
    middle = TOP + HALF
    reached = reduce(everywhere, rate=stride)
    pixel = (1, 1)
    place = (pixel[0] * stride, pixel[1] * stride)
    thrown = [(i, j) for i in range(6) for j in range(6) if i % stride or j % stride]
    draw_map(ax, x, inputs=inputs_of(pixel, kernel=3, size=(6, 6), stride=stride), at=(X - HALF, TOP), cell=CELL)
    draw_map(ax, everywhere, rate=stride, ghost=thrown, highlight=[place], at=(FULL - HALF, TOP), cell=CELL)
    draw_map(ax, kept, rate=stride, phase=0, highlight=[pixel], at=(SMALL - HALF / 2, middle - HALF / 2), cell=CELL)

    for centre, symbol, words in (
        (X, r"$x$", "a map"),
        (FULL, r"$x \rightarrow C_r$", "all 36 numbers"),
    ):
        style.write(ax, centre, TOP - 44, symbol, size=18)
        style.write(ax, centre, TOP - 20, words, colour=style.soft())
    style.write(ax, SMALL, middle - HALF / 2 - 44, r"$x \rightarrow C_s$", size=18)
    style.write(ax, SMALL, middle - HALF / 2 - 20, "phase 0: 9 numbers", colour=style.soft())

    kernel = (X + FULL) / 2
    draw_arrow(ax, (X + HALF + 12, middle), (kernel - 39 - 10, middle))
    draw_arrow(ax, (kernel + 39 + 10, middle), (FULL - HALF - 12, middle))
    draw_kernel(ax, weight, at=(kernel - 39, middle - 39), cell=26)
    draw_chain(ax, operator("$C_r$"), at=(kernel - 20, middle - 78))
    where = (FULL + HALF + SMALL - HALF / 2) / 2
    draw_arrow(ax, (FULL + HALF + 12, middle), (SMALL - HALF / 2 - 12, middle))
    draw_chain(ax, operator("$R$"), at=(where - 24, middle))

    low = 338
    ax.plot([X, X, SMALL], [TOP + 2 * HALF + 12, low, low], color=style.soft(), lw=1.2, zorder=1)
    draw_arrow(ax, (SMALL, low), (SMALL, middle + HALF / 2 + 12))
    draw_chain(ax, operator("$C_s$"), at=((X + SMALL) / 2 - 20, low))
    style.write(
        ax,
        (X + SMALL) / 2 + 34,
        low - 13,
        "stride 2: computes these 9 only",
        colour=style.soft(),
        size=10,
        align="left",
    )
    verdict = f"the outlined number, both ways   ·   all {kept.numel()} exact, max error {max_error(reached, kept):g}"
    style.write(ax, (X + SMALL) / 2, low + 46, example.worked_sum(weight, x[1:4, 1:4]))
    style.write(ax, (X + SMALL) / 2, low + 70, verdict, colour=style.soft(), size=10)
    return figure
