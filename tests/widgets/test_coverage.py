"""The coverage map: its rule and its words against plain enumeration, its corners."""

import html
import re
from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import pytest

from jpu_edu.cost.receptive import receptive_field
from jpu_edu.draw.coverage import draw_coverage
from jpu_edu.widgets.coverage import SIZE, coverage_map, gap, reason


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


@pytest.mark.parametrize(
    ("rates", "words"),
    [
        ((2, 2, 2), "one of 4"),
        ((1, 2, 3), "no holes"),
        ((9, 2, 1), "reach 7 pixels in a row. Rate 9 lays copies of them 9 apart and misses 2 pixels in between"),
        ((1, 8, 2), "misses 1 pixel in between"),
        ((2, 3, 4), "No rate is 1: from the outermost pixel inwards, the next that is reached lies 2 away"),
    ],
)
def test_the_reason_is_given(rates, words):
    assert words in reason(rates, kernel=3)


@pytest.mark.parametrize("kernel", range(SIZE[0], SIZE[1] + 1))
def test_what_the_reason_counts_is_there(kernel):
    """The first pixels in a row, and the missing ones behind them, are those of the enumeration."""
    for rates in product(range(1, 10), repeat=3):
        places, why = reached(rates, kernel), reason(rates, kernel=kernel)
        numbers = [int(n) for n in re.findall(r"\d+", why)]
        if why.startswith("Smaller"):
            row, rate, _, missed = numbers
            assert row + missed == rate
            assert [place in places for place in range(rate + 1)] == [True] * row + [False] * missed + [True], rates
        elif why.startswith("No rate"):
            assert sorted(places)[1] == numbers[1] > 1, rates
        elif why.startswith("Every"):
            assert all(place % numbers[0] == 0 for place in places) and numbers[1] == numbers[0] ** 2, rates


def test_the_widget_says_its_numbers_and_its_page_is_the_same_every_time():
    shown = coverage_map(rates=(1, 2, 9))
    assert shown.says.startswith("Span 25 \u00d7 25, reached 21 \u00d7 21, coverage 71 %. Smaller rates")
    assert "rates 1, 2 and 9; holes are empty circles. Span 25" in repr(shown)
    assert shown._repr_html_() == shown._repr_html_() != coverage_map()._repr_html_()
    assert html.escape(shown.alt) in shown._repr_html_()


@pytest.mark.parametrize("corner", [(1, 1, 1, 2), (9, 9, 9, 5), (9, 1, 9, 2)])
def test_every_corner_has_its_poster(corner):
    shown = coverage_map(rates=corner[:3], kernel=corner[3])
    assert shown._repr_mimebundle_()["image/png"]


@pytest.mark.parametrize(("rates", "kernel"), [((0, 2, 2), 3), ((2, 10, 2), 3), ((2, 2, 2), 1), ((2, 2, 2), 6)])
def test_errors_name_the_values(rates, kernel):
    with pytest.raises(ValueError, match=re.escape(f"rates={rates}, kernel={kernel}; choose rates 1 to 9")):
        coverage_map(rates=rates, kernel=kernel)
