"""How many outputs fit: the taps of every output under the pixels that they read, and the one that does not fit."""

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from jpu_edu.draw import style
from jpu_edu.draw.show import show
from jpu_edu.widgets.matrix import output_size, taps_of

#: The sliders of `explore_sizes`: name -> (smallest, largest, start).
RANGES = {"size": (1, 20, 8), "kernel": (1, 6, 3), "stride": (1, 4, 1), "padding": (0, 5, 1), "rate": (1, 5, 1)}


def draw_taps(axes: Axes, *, size: int, kernel: int, stride: int = 1, padding: int = 0, rate: int = 1) -> Axes:
    """Draw a padded signal and, below it, a row for each output with a dot under every pixel that it reads.

    Notice: the last row is the first output that does not fit: a tap of it has run out of pixels. Counting
    the rows above it is the formula for the output size. At rate 2 and more the colours are the phases.
    """
    places = dict(kernel=kernel, stride=stride, padding=padding, rate=rate)
    rows = taps_of(size, **places)
    extra = tuple(len(rows) * stride + k * rate - padding for k in range(kernel))
    first, last = -padding, size + padding - 1
    axes.set(xlim=(first - 1.6, max(last, extra[-1]) + 1.2), ylim=(len(rows) + 0.7, -1.6), aspect="equal")
    axes.axis("off")
    axes.set_anchor("N")
    for j in range(first, last + 1):
        real = 0 <= j < size
        look = {"fc": style.tint(style.soft(), 0.18)} if real else {"fc": "none", "ls": (0, (2, 2))}
        axes.add_patch(plt.Rectangle((j - 0.44, -1.44), 0.88, 0.88, ec=style.soft(), lw=0.8, **look))
        style.write(axes, j, -1.0, str(j) if real else "0", size=9, colour=None if real else style.soft())
    for i, taps in enumerate([*rows, extra]):
        fits = i < len(rows)
        k = i * stride % rate
        colour = style.phase_colour(k, rate=(1, rate)) if rate > 1 else style.ink()
        marker = style.phase_marker(k, rate=(1, rate)) if rate > 1 else "o"
        if not fits:
            colour = style.mix(style.soft(), style.paper(), 0.7)
        axes.plot([taps[0], taps[-1]], [i, i], color=colour, lw=1, ls="-" if fits else ":", zorder=1)
        for j in taps:
            read = first <= j <= last
            real = 0 <= j < size
            axes.plot(
                j, i, marker if read else "x", ms=7 if read else 8, mec=colour, zorder=2, mew=1.4,
                mfc=colour if real and fits else style.paper(),
            )  # fmt: skip
        name = f"y[{i}]" if fits else ("does not fit" if len(rows) else "no output")
        axes.annotate(
            name, (taps[0], i), xytext=(-10, 0), textcoords="offset points", ha="right", va="center", fontsize=10,
            color=style.ink() if fits else style.soft(), annotation_clip=False,
        )  # fmt: skip
    return axes


def formula(*, size: int, kernel: int, stride: int, padding: int, rate: int) -> str:
    """The output size with its numbers in it, in one line."""
    span = rate * (kernel - 1) + 1
    count = output_size(size, kernel=kernel, stride=stride, padding=padding, rate=rate)
    return (
        f"span {rate}·({kernel} − 1) + 1 = {span};  room {size} + 2·{padding} − {span} = {size + 2 * padding - span};  "
        + (f"outputs ⌊room / {stride}⌋ + 1 = {count}" if count else "the kernel does not fit: no output")
    )


def explore_sizes(*, size: int, kernel: int, stride: int, padding: int, rate: int) -> None:
    """The redraw behind the sliders of walkthrough 01: the formula in numbers, and the taps."""
    choice = dict(size=size, kernel=kernel, stride=stride, padding=padding, rate=rate)
    count = output_size(**choice)
    print(formula(**choice))
    width = size + 2 * padding + 4
    scale = min(0.36, 9.3 / width)
    figure, axes = plt.subplots(figsize=(scale * (width + 3), scale * (count + 2.6)), layout="constrained")
    draw_taps(axes, **choice)
    show(
        figure,
        alt=f"{count} outputs of a kernel of {kernel} taps on {size} pixels, each with a dot per pixel that it reads.",
    )
