"""Bars and map show every error at its phase, in the phase's colour, and say "0" where a phase is exact."""

import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from jpu_edu.draw import style
from jpu_edu.draw.phase_bars import draw_phase_bars, draw_phase_map

ERRORS = [0.0, 0.25, 0.5, 0.75]


def test_a_bar_is_as_high_as_the_error_and_has_the_colour_of_its_phase():
    axes = draw_phase_bars(Figure().subplots(), ERRORS, rate=2)
    assert [bar.get_height() for bar in axes.patches] == ERRORS
    assert [to_hex(bar.get_facecolor()).upper() for bar in axes.patches] == [style.phase_colour(k) for k in range(4)]
    places = [bar.get_x() for bar in axes.patches]
    assert places[2] - places[1] > places[1] - places[0]  # a gap between the rows of phases


def test_only_the_exact_phase_is_written_out_as_0():
    axes = draw_phase_bars(Figure().subplots(), ERRORS, rate=2)
    assert [text.get_text() for text in axes.texts] == ["0", "p = 0", "p = 1"]


def test_the_baseline_stands_at_its_errors():
    axes = draw_phase_bars(Figure().subplots(), ERRORS, rate=2, baseline=[1, 2, 3, 4])
    ticks = [line.get_ydata() for line in axes.lines if line.get_marker() == "None"]
    assert [list(tick) for tick in ticks] == [[k, k] for k in (1, 2, 3, 4)]


def test_the_map_has_the_errors_where_the_phases_lie_and_darker_ones_for_larger():
    axes = draw_phase_map(Figure().subplots(), ERRORS, rate=2)
    assert {text.get_position(): text.get_text() for text in axes.texts} == {
        (0.5, 0.52): "0", (1.5, 0.52): "0.25", (0.5, 1.52): "0.50", (1.5, 1.52): "0.75",
    }  # fmt: skip
    shades = [sum(patch.get_facecolor()[:3]) for patch in axes.patches]
    assert shades == sorted(shades, reverse=True) and len(set(shades)) == 4


@pytest.mark.parametrize("draw", [draw_phase_bars, draw_phase_map])
def test_another_number_of_errors_is_refused(draw):
    with pytest.raises(ValueError, match="3 errors at rate=2; it needs 4, one for each phase"):
        draw(Figure().subplots(), [0.0, 1.0, 2.0], rate=2)
