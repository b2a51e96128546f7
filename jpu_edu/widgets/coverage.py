"""The coverage map of walkthrough 04: three rates and a kernel, and the inputs that they reach. Needs no kernel."""

import math
from collections.abc import Sequence

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from jpu_edu.cost.receptive import receptive_field
from jpu_edu.draw.coverage import draw_coverage
from jpu_edu.widgets.page import Page

#: The smallest and the largest rate and kernel of the sliders.
RATE, SIZE = (1, 9), (2, 5)

#: What the buttons choose: a common divisor, no holes twice, one path to each pixel, islands.
PRESETS = ((2, 2, 2), (1, 2, 3), (1, 2, 5), (1, 3, 9), (1, 2, 9))


def gap(rates: list[int], *, kernel: int) -> tuple[int, int] | None:
    """The first rate that is too large for the layers with smaller ones, and the largest that would do; or None.

    Notice: sort the rates. Layers with rates r_1 <= ... <= r_i reach every pixel of a stretch of
    1 + (k - 1)(r_1 + ... + r_i). The next layer lays k copies of it r_{i+1} apart: they touch or overlap if r_{i+1}
    is no longer than the stretch.

    Source: ours; it is exact, and Wang et al. (WACV 2018), equation 2, is a special case; walkthrough 04.
    """
    stretch = 1
    for rate in sorted(rates):
        if rate > stretch:
            return rate, stretch
        stretch += (kernel - 1) * rate
    return None


def reason(rates: Sequence[int], *, kernel: int) -> str:
    """Why there are holes, or why there are none."""
    broken, divisor = gap(list(rates), kernel=kernel), math.gcd(*rates)
    if broken is None:
        return "Sorted by rate, no step is longer than the stretch that is already covered: no holes."
    if divisor > 1:
        return f"Every rate is a multiple of {divisor}: a pixel meets only its own phase, one of {divisor**2}."
    rate, stretch = broken
    if stretch == 1:
        return f"No rate is 1: from the outermost pixel inwards, the next that is reached lies {rate} away."
    missed = "1 pixel" if rate - stretch == 1 else f"{rate - stretch} pixels"
    return (
        f"Smaller rates reach {stretch} pixels in a row. Rate {rate} lays copies of them {rate} apart and misses "
        f"{missed} in between."
    )


class CoverageMap(Page):
    """What `coverage_map` returns; the last line of a cell shows it. The page counts its paths itself, live."""

    name = "coverage"

    def __init__(self, rates: tuple[int, int, int], kernel: int) -> None:
        self.rates, self.kernel = rates, kernel

    @property
    def says(self) -> str:
        """Span, coverage, and the reason of both."""
        field = receptive_field([(self.kernel, 1, rate) for rate in self.rates])
        span, reached = (f"{n} \u00d7 {n}" for n in (field.size, len(field.touched)))
        why = reason(self.rates, kernel=self.kernel)
        return f"Span {span}, reached {reached}, coverage {100 * field.coverage:.0f} %. {why}"

    @property
    def alt(self) -> str:
        first, second, third = self.rates
        return (
            f"The inputs around one output behind layers of rates {first}, {second} and {third}; holes are empty "
            f"circles. {self.says}"
        )

    def data(self) -> dict[str, object]:
        """Everything that the page is given."""
        return {"rates": self.rates, "kernel": self.kernel, "rate": RATE, "size": SIZE, "presets": PRESETS}

    def figure(self) -> Figure:
        figure, axes = plt.subplots(figsize=(4.4, 4.4), layout="constrained")
        draw_coverage(axes, self.rates, kernel=self.kernel)
        axes.set_title(f"rates {', '.join(map(str, self.rates))}", fontsize=11)
        return figure

    def __repr__(self) -> str:
        return f"{self.alt}\nOn a page with scripts: choose the rates and the kernel, and point at an input."


def coverage_map(*, rates: tuple[int, int, int] = (2, 2, 2), kernel: int = 3) -> CoverageMap:
    """Show the window of one output behind three layers; the reader chooses the rates and points at an input.

    Notice: a hole needs no common divisor. Rates 1, 2, 9 have none, and leave holes all the same.

    Args:
        rates: at the start, first layer first, 1 to 9 each.
        kernel: at the start, 2 to 5.

    Raises:
        ValueError: a rate or a kernel that the sliders do not have.

    Source: walkthrough 04.
    """
    if not all(RATE[0] <= rate <= RATE[1] for rate in rates) or not SIZE[0] <= kernel <= SIZE[1]:
        raise ValueError(
            f"coverage_map: rates={rates}, kernel={kernel}; choose rates {RATE[0]} to {RATE[1]} and a kernel "
            f"{SIZE[0]} to {SIZE[1]}"
        )
    return CoverageMap(rates, kernel)
