"""The sliders of walkthrough 04: three rates and a kernel, and the pixels that they reach between them."""

import math

import matplotlib.pyplot as plt

from jpu_edu.cost.receptive import receptive_field
from jpu_edu.draw.coverage import draw_coverage
from jpu_edu.draw.show import show

#: The range of each slider, both ends included, and where it starts.
RANGES = {"first": (1, 9, 2), "second": (1, 9, 2), "third": (1, 9, 2), "kernel": (2, 5, 3)}


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


def explore_coverage(*, first: int, second: int, third: int, kernel: int) -> None:
    """Draw the window of one output behind three layers, and say in numbers what it reaches and why."""
    rates = [first, second, third]
    field = receptive_field([(kernel, 1, rate) for rate in rates])
    reached = len(field.touched)
    print(f"span {field.size} x {field.size}; reached {reached} x {reached}; coverage {field.coverage:.0%}")
    broken = gap(rates, kernel=kernel)
    if broken is None:
        print("Sorted by rate, no step is longer than the stretch that is already covered: no holes.")
    elif math.gcd(*rates) > 1:
        divisor = math.gcd(*rates)
        print(f"Every rate is a multiple of {divisor}: a pixel meets only its own phase, one of {divisor**2}.")
    else:
        print(f"The layers below reach {broken[1]} pixels in a row; rate {broken[0]} steps over the next ones.")
    figure, axes = plt.subplots(figsize=(4.4, 4.4), layout="constrained")
    draw_coverage(axes, rates, kernel=kernel)
    axes.set_title(
        f"rates {first}, {second}, {third}: {field.coverage:.0%} of {field.size} x {field.size}", fontsize=11
    )
    show(
        figure,
        alt=f"The {field.size} x {field.size} inputs around one output behind layers of rates {first}, {second} and "
        f"{third}: {field.coverage:.0%} of them are reached, the rest are empty circles.",
    )
