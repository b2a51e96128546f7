"""A triptych shows two pictures on one scale, and prints how far apart they are."""

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from jpu_edu.draw.triptych import draw_triptych
from jpu_edu.ops.compare import max_error


def test_the_third_picture_is_the_difference_and_its_title_the_error():
    got, want = torch.rand(5, 7), torch.rand(5, 7)
    axes = draw_triptych(Figure().subplots(1, 3), got, want, names=("one", "other"))
    shown = [ax.images[0].get_array().data for ax in axes]
    np.testing.assert_allclose(shown[2], (got - want).abs(), atol=1e-7)
    assert [ax.get_title(loc="left") or ax.get_title() for ax in axes[:2]] == ["one", "other"]
    title = axes[2].get_title(loc="left") or axes[2].get_title()
    assert title == f"max error {max_error(got, want):.1e}"


def test_both_pictures_share_one_grey_scale():
    axes = draw_triptych(Figure().subplots(1, 3), torch.zeros(2, 2), torch.full((2, 2), 4.0), names=("a", "b"))
    assert axes[0].images[0].get_clim() == axes[1].images[0].get_clim() == (0, 4)


def test_equal_pictures_have_error_0_and_a_black_difference():
    x = torch.rand(3, 3)
    axes = draw_triptych(Figure().subplots(1, 3), x, x, names=("a", "b"))
    assert (axes[2].get_title(loc="left") or axes[2].get_title()) == "max error 0"
    assert axes[2].images[0].get_clim() == (0, 1)


def test_two_axes_are_not_enough():
    with pytest.raises(ValueError, match="got 2 axes; it needs 3"):
        draw_triptych(Figure().subplots(1, 2), torch.ones(2, 2), torch.ones(2, 2), names=("a", "b"))


def test_shapes_that_differ_are_refused(unchecked):
    with pytest.raises(ValueError, match="shapes differ"):
        draw_triptych(Figure().subplots(1, 3), torch.ones(2, 2), torch.ones(2, 3), names=("a", "b"))
