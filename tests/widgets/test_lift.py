"""The sliders of walkthrough 07: every end of every range, and errors that mean what they say."""

from itertools import product

import matplotlib.pyplot as plt
import pytest
import torch

from jpu_edu.ops.phases import reduce
from jpu_edu.widgets import lift
from jpu_edu.widgets.lift import RANGES, draw_profile, explore_lift, task

START = {name: start for name, (_, _, start) in RANGES.items()}
FILTERS = ("sigma_spatial", "sigma_range", "radius", "epsilon")


@pytest.fixture
def shown(monkeypatch):
    """The figures that were shown, still open, and their words."""
    kept = []
    monkeypatch.setattr(lift, "show", lambda figure, *, alt: kept.append((figure, alt)))
    yield kept
    plt.close("all")


@pytest.mark.parametrize("target", ["mask", "colours"])
@pytest.mark.parametrize("ends", list(product((0, 1), repeat=len(FILTERS))))
def test_the_sliders_work_at_every_combination_of_their_ends(shown, capsys, target, ends):
    choice = {name: RANGES[name][end] for name, end in zip(FILTERS, ends, strict=True)}
    explore_lift(target=target, row=RANGES["row"][ends[0]], **choice)
    figure, alt = shown[0]
    assert "nan" not in alt and "inf" not in alt
    assert "bilateral 0.00" in capsys.readouterr().out, "a mean of samples stays between them"
    plt.close(figure)


def test_every_slider_changes_what_is_drawn(shown):
    def lines(**change):
        explore_lift(target="mask", **(START | change))
        return [line.get_ydata() for axes in shown[-1][0].axes[3:] for line in axes.lines]

    start = lines()
    for name, other in (("sigma_spatial", 2.0), ("sigma_range", 1.0), ("radius", 3), ("epsilon", 0.1), ("row", 8)):
        assert any((a != b).any() for a, b in zip(start, lines(**{name: other}), strict=True)), name


def test_the_words_carry_the_errors_of_the_two_filters(shown):
    explore_lift(target="colours", **START)
    one = task("colours", crop=True)
    lines = one.by_lines(radius=START["radius"], epsilon=START["epsilon"])
    assert f"{one.error(lines):.1f} % (by lines)" in shown[0][1]


def test_the_crop_is_a_part_of_the_whole_and_its_samples_sit_where_they_sat():
    whole, part = task("mask"), task("mask", crop=True)
    assert torch.equal(part.picture, whole.picture[..., lift.ROWS, lift.COLUMNS])
    for one in (whole, part):
        assert torch.equal(one.target, reduce(one.truth, rate=lift.FACTOR))
    colours = task("colours", crop=True)
    assert [8 * n for n in colours.target.shape[-2:]] == list(colours.truth.shape[-2:])


def test_the_error_leaves_out_what_was_not_measured():
    one = task("mask", crop=True)
    wrong = one.truth + 0.25
    assert one.error(wrong) == pytest.approx(25, abs=1e-4)
    assert one.error(torch.where(one.known, wrong, 99.0)) == pytest.approx(25, abs=1e-4)


def test_a_profile_is_one_row_of_each():
    truth = torch.arange(24.0).reshape(1, 2, 3, 4)
    figure, axes = plt.subplots()
    draw_profile(axes, truth + 1, truth, row=2, columns=slice(1, 4))
    want, got = (line.get_ydata() for line in axes.lines)
    assert want.tolist() == [15.0, 16.0, 17.0] and (got - want).tolist() == [1.0, 1.0, 1.0]
    plt.close(figure)


@pytest.mark.usefixtures("unchecked")
def test_another_target_is_refused():
    with pytest.raises(ValueError, match="target='depth'; choose mask or colours"):
        task("depth")
