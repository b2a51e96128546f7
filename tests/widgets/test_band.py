"""The disc that is a few pixels off: its scores against geometry, its corners, its words."""

from itertools import product

import matplotlib.pyplot as plt
import pytest

from jpu_edu.widgets.band import RANGES, band_formula, draw_shifted, explore_band, shifted_disc


@pytest.mark.parametrize("radius", [2, 7, 60])
def test_nothing_is_wrong_without_a_shift(radius):
    assert shifted_disc(radius=radius, shift=0, width=3)[3:] == (1.0, 1.0, 1.0)


@pytest.mark.parametrize(("shift", "width"), [(1, 1), (1, 3), (2, 3), (3, 6), (5, 12)])
def test_in_the_band_the_radius_cancels(shift, width):
    found = [shifted_disc(radius=radius, shift=shift, width=width).band_miou for radius in (20, 30, 44, 60)]
    assert max(found) - min(found) < 0.05
    assert found[-1] == pytest.approx(band_formula(shift=shift, width=width), abs=0.05)


def test_over_all_pixels_a_small_disc_loses_most():
    found = [shifted_disc(radius=radius, shift=2, width=3) for radius in (3, 6, 14, 30, 60)]
    assert [one.miou for one in found] == sorted(one.miou for one in found)
    assert [one.accuracy for one in found] == sorted((one.accuracy for one in found), reverse=True)


def test_the_wrong_pixels_are_those_that_are_black():
    figure, axes = plt.subplots()
    found = shifted_disc(radius=9, shift=3, width=2)
    draw_shifted(axes, found, reach=30)
    black = axes.images[0].get_array()[..., 3] == 1
    assert black.sum() == (found.truth != found.predicted).sum().item() > 0
    plt.close(figure)


@pytest.mark.parametrize("corner", list(product(*((low, high) for low, high, _ in RANGES.values()))))
def test_every_corner_is_drawn(corner, capsys):
    explore_band(**dict(zip(RANGES, corner, strict=True)))
    plt.close("all")
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("pixel accuracy") and first.count("%") == 3 and "nan" not in first
