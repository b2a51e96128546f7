"""The coverage widget: its rule against plain enumeration, its corners, its words."""

from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import pytest

from jpu_edu.cost.receptive import receptive_field
from jpu_edu.draw.coverage import draw_coverage
from jpu_edu.widgets.coverage import RANGES, explore_coverage, gap


def reached(rates, kernel):
    places = {0}
    for rate in rates:
        places = {place + tap * rate for place in places for tap in range(kernel)}
    return places


@pytest.mark.parametrize("kernel", [2, 3, 4, 5])
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_the_rule_says_there_is_a_hole_exactly_where_counting_finds_one(layers, kernel):
    for rates in product(range(1, 8), repeat=layers):
        places = reached(rates, kernel)
        assert (gap(list(rates), kernel=kernel) is None) == (len(places) == max(places) + 1), rates


def test_the_picture_is_dark_where_paths_lead_and_dotted_where_none_does():
    figure, axes = plt.subplots()
    draw_coverage(axes, (2, 2, 2))
    shown = axes.images[0].get_array()
    field = receptive_field([(3, 1, 2)] * 3)
    np.testing.assert_array_equal(shown.filled(0), np.outer(field.paths, field.paths))
    assert len(axes.collections[0].get_offsets()) == 13 * 13 - 7 * 7
    plt.close(figure)


@pytest.mark.parametrize("corner", list(product(*((low, high) for low, high, _ in RANGES.values()))))
def test_every_corner_is_drawn(corner, capsys):
    explore_coverage(**dict(zip(RANGES, corner, strict=True)))
    plt.close("all")
    assert "coverage" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("rates", "words"),
    [((2, 2, 2), "one of 4"), ((1, 2, 3), "no holes"), ((9, 2, 1), "reach 7 pixels in a row; rate 9 steps over")],
)
def test_the_reason_is_given(rates, words, capsys):
    explore_coverage(first=rates[0], second=rates[1], third=rates[2], kernel=3)
    plt.close("all")
    assert words in capsys.readouterr().out
