"""A chain shows every step once, in order, with the arrow that its claim deserves."""

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch

from jpu_edu.draw import chains, style
from jpu_edu.draw.chains import operator, tensor


@pytest.fixture
def ax() -> Axes:
    return Figure(figsize=(8, 1)).add_subplot()


def arrows(axes: Axes) -> list[FancyArrowPatch]:
    return [patch for patch in axes.patches if isinstance(patch, FancyArrowPatch)]


def test_steps_stand_from_left_to_right_with_an_arrow_between_neighbours(ax):
    assert chains.draw_chain(ax, tensor("$x$"), operator("$C_r$"), operator("$R$"), tensor("$y_s$")) is ax
    assert [text.get_text() for text in ax.texts] == ["$x$", "$C_r$", "$R$", "$y_s$"]
    places = [text.xy[0] for text in ax.texts]
    assert places == sorted(places)
    assert len(arrows(ax)) == 3


def test_only_cancelled_operators_are_struck_out(ax):
    steps = [operator("$S$"), operator("$M$", struck=True), operator("$S$", struck=True), operator("$M$")]
    chains.draw_chain(ax, *steps, at=(0, 0))
    struck = [sum(line.get_xdata()) / 2 for line in ax.lines if line.get_gid() == "struck"]
    assert struck == pytest.approx(chains.centres(steps)[1:3])


def test_an_arrow_is_solid_dashed_or_dotted_by_its_claim(ax):
    steps = [tensor("$x$"), *(operator("h", label=label) for label in style.LINES)]
    chains.draw_chain(ax, *steps)
    assert [arrow.get_gid() for arrow in arrows(ax)] == ["arrow exact", "arrow approximate", "arrow learned"]
    assert len({str(arrow.get_linestyle()) for arrow in arrows(ax)}) == 3


def test_a_tensor_is_underlined_in_its_colour(ax):
    chains.draw_chain(ax, tensor("$x$"), tensor("$y_s$", colour=style.Y_S))
    assert [line.get_color() for line in ax.lines if line.get_gid() == "colour"] == [style.Y_S]


def test_centres_leave_the_gap_between_the_edges():
    assert chains.centres([operator("S", width=40), tensor("x", width=20)], left=10, gap=5) == [30, 65]


def test_a_chain_without_steps_is_refused(ax):
    with pytest.raises(ValueError, match="no steps; pass at least one"):
        chains.draw_chain(ax)


@pytest.mark.parametrize("drop", [8, -8])
def test_the_words_of_a_brace_stand_beyond_it(ax, drop):
    chains.draw_brace(ax, (10, 50), 100, "$C_d$", drop=drop)
    (text,) = ax.texts
    assert text.xy[0] == 30
    assert (text.xy[1] - 100) / drop > 1
