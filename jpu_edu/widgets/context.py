"""The sliders of walkthrough 09: a rate against the size of the map, and how many of the nine taps find a place."""

import matplotlib.pyplot as plt
import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from torch import Tensor

from jpu_edu.data.photos import photo
from jpu_edu.draw import style
from jpu_edu.draw.show import show

#: The sliders of `explore_context`: name -> (smallest, largest, start). Row and column stop at the last place.
RANGES = {"size": (8, 97, 60), "rate": (1, 100, 36), "row": (0, 96, 22), "column": (0, 96, 44)}


def mean_taps(size: int, *, rate: int) -> float:
    """How many of the nine taps of a 3x3 kernel land on a size x size map, on average over all outputs.

    Notice: an outer tap misses its map for the first `rate` outputs of a line, or for the last. So one axis keeps
    1 + 2 (1 - rate / size) taps of 3, and from rate = size on the centre alone. Both axes together: the square.

    Raises:
        ValueError: a size or a rate below 1.

    Source: DeepLabv3 (Chen et al. 2017), figure 4, which counts them on a map of 65 x 65; walkthrough 09.
    """
    if size < 1 or rate < 1:
        raise ValueError(f"mean_taps: size={size}, rate={rate}; both must be >= 1 (rate 1 means no dilation)")
    return (1 + 2 * max(0, size - rate) / size) ** 2


def taps_of(place: tuple[int, int], *, rate: int) -> list[tuple[int, int]]:
    """The nine places that the output at `place` reads, row by row; some may lie outside the map."""
    return [(place[0] + i * rate, place[1] + j * rate) for i in (-1, 0, 1) for j in (-1, 0, 1)]


def _within(start: tuple[int, int], end: tuple[int, int], *, low: float, high: float) -> list[float]:
    """Where the way from start to end leaves the square; the end if it does not."""
    pairs = list(zip(start, end, strict=True))
    share = min([1.0, *(((high if b > a else low) - a) / (b - a) for a, b in pairs if a != b)])
    return [a + share * (b - a) for a, b in pairs]


def draw_taps(
    axes: Axes, picture: Float[Tensor, "3 H W"], *, size: int, rate: int, place: tuple[int, int], view: float = 0.5
) -> int:
    """The photograph as a size x size map with the nine taps of one output; returns how many land on it.

    Args:
        picture: values in [0, 1].
        size, rate: of the map and of the kernel.
        place: (row, column) of the output.
        view: how much of the padding around the map is shown, in sizes of the map. A tap beyond is drawn on the
            rim, in its direction.
    """
    low, high = -view * size - 0.5, (1 + view) * size - 0.5
    pale = 0.45 * picture + 0.55
    axes.imshow(pale.permute(1, 2, 0).numpy(), extent=(-0.5, size - 0.5, size - 0.5, -0.5), interpolation="bilinear")
    margin = 0.03 * size
    landed = 0
    for row, column in taps_of(place, rate=rate):
        y, x = _within(place, (row, column), low=low + margin, high=high - margin)
        on_map = 0 <= row < size and 0 <= column < size
        landed += on_map
        axes.plot([place[1], x], [place[0], y], color=style.soft(), lw=0.8, ls="-" if on_map else ":", zorder=2)
        if on_map:
            axes.plot(x, y, "o", ms=8, mfc=style.ink(), mec=style.paper(), mew=1, zorder=3)
        else:
            axes.plot(x, y, "x", ms=6, mec=style.soft(), mew=1.2, zorder=3)
    axes.set(xlim=(low, high), ylim=(high, low), xticks=[], yticks=[], aspect="equal")
    axes.set_facecolor(style.tint(style.soft(), 0.14))
    axes.spines[:].set_visible(False)
    style.write(axes, -0.5, (1 + 0.07) * size, "zeros", size=9, colour=style.soft(), align="left")
    return landed


def explore_context(*, size: int, rate: int, row: int, column: int) -> None:
    """The redraw behind the sliders: one output's nine taps on the map, and the mean over all outputs."""
    place = min(row, size - 1), min(column, size - 1)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.0, 3.9), layout="constrained", width_ratios=(1, 1.15))
    landed = draw_taps(left, photo("astronaut", size=(128, 128))[0], size=size, rate=rate, place=place)
    mean = mean_taps(size, rate=rate)
    what = "a 1 x 1 convolution" if rate >= size else f"{mean / 9:.0%} of the multiplications meet the map"
    print(f"map {size} x {size} (a picture of {8 * size} at stride 8), rate {rate}, output {place}")
    print(f"{landed} of its 9 taps land on the map; over all outputs {mean:.2f}: {what}")
    rates = torch.linspace(0, 1.25, 101)
    right.plot(rates, (1 + 2 * (1 - rates).clamp(min=0)) ** 2, color=style.ink())
    right.axhline(1, color=style.soft(), lw=0.8, ls=(0, (4, 3)))
    right.text(0.02, 1.15, "the centre tap alone", color=style.soft(), fontsize=10)
    at = min(rate / size, 1.25)
    right.plot(at, mean, "o", ms=9, mfc=style.ink(), mec=style.paper(), zorder=3)
    right.set(xlim=(0, 1.27), ylim=(0, 9.4), yticks=[1, 3, 5, 7, 9], xticks=[0, 0.25, 0.5, 0.75, 1, 1.25])
    right.set_xlabel("rate / size of the map" + (f" (now {rate / size:.1f})" if rate > 1.25 * size else ""))
    right.set_title(f"taps on the map, mean: {mean:.2f} of 9", fontsize=11)
    left.set_title(f"this output: {landed} of 9", fontsize=11)
    show(
        figure,
        alt=f"Left, a photograph as a map of {size} x {size} places and the nine taps of one output at rate {rate}: "
        f"{landed} land on it, the others outside. Right, the mean over all outputs falls from 9 to 1 as the rate "
        f"grows to the size of the map; here it is {mean:.2f}.",
    )
