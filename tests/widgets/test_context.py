"""Rate against map size: the mean by its formula and by counting, the taps drawn, every corner of the sliders."""

import re
from itertools import product

import matplotlib.pyplot as plt
import pytest
import torch
import torch.nn.functional as F

from jpu_edu.widgets.context import RANGES, draw_taps, explore_context, mean_taps, taps_of


@pytest.mark.parametrize("size", [1, 2, 7, 12])
@pytest.mark.parametrize("rate", [1, 2, 6, 7, 11, 12, 30])
def test_the_mean_is_what_a_kernel_of_ones_counts_on_a_map_of_ones(size, rate):
    ones, nine = torch.ones(1, 1, size, size).double(), torch.ones(1, 1, 3, 3).double()
    counted = F.conv2d(ones, nine, dilation=rate, padding=rate).mean().item()
    assert mean_taps(size, rate=rate) == pytest.approx(counted, abs=1e-12)


def test_the_numbers_of_the_walkthrough():
    assert mean_taps(60, rate=36) == pytest.approx(3.24)
    assert mean_taps(64, rate=64) == 1
    assert mean_taps(65, rate=64) > 1


def test_nine_taps_of_which_those_inside_are_counted():
    assert taps_of((20, 40), rate=36)[0] == (-16, 4) and len(set(taps_of((20, 40), rate=36))) == 9
    figure, axes = plt.subplots()
    landed = draw_taps(axes, torch.rand(3, 8, 8), size=60, rate=36, place=(20, 40))
    assert landed == 4
    assert [line.get_marker() for line in axes.lines].count("o") == 4
    assert [line.get_marker() for line in axes.lines].count("x") == 5
    plt.close(figure)


def test_a_tap_far_outside_is_drawn_on_the_rim():
    figure, axes = plt.subplots()
    draw_taps(axes, torch.rand(3, 8, 8), size=8, rate=100, place=(0, 0))
    low, high = axes.get_xlim()
    ends = [(line.get_xdata(), line.get_ydata()) for line in axes.lines]
    assert all(low < n < high for x, y in ends for n in (*x, *y))
    ways = [(x[1] - x[0], y[1] - y[0]) for x, y in ends if len(x) == 2]
    assert all(dx == 0 or dy == 0 or abs(abs(dx) - abs(dy)) < 1e-9 for dx, dy in ways)  # still straight or diagonal
    plt.close(figure)


@pytest.mark.parametrize("corner", list(product(*((low, high) for low, high, _ in RANGES.values()))))
def test_every_corner_of_the_sliders_is_drawn(corner, capsys):
    choice = dict(zip(RANGES, corner, strict=True))
    explore_context(**choice)
    plt.close("all")
    said = capsys.readouterr().out
    landed = int(re.search(r"(\d) of its 9 taps", said)[1])
    assert 1 <= landed <= 9
    assert ("a 1 x 1 convolution" in said) == (choice["rate"] >= choice["size"])


def test_sizes_and_rates_below_one_are_refused():
    with pytest.raises(ValueError, match=r"mean_taps: size=0, rate=3; both must be >= 1"):
        mean_taps(0, rate=3)
