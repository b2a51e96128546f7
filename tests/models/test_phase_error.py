"""Errors by phase: what is exact is 0, the mean is 1, and the phases make up the whole."""

import pytest
import torch

from jpu_edu.models.phase_error import phase_error


def test_an_approximation_that_is_y_d_has_no_error_and_the_mean_has_error_one() -> None:
    y_d = torch.randn(2, 3, 9, 7, dtype=torch.float64)
    exact = phase_error("y_d", y_d, y_d, rate=2)
    assert (exact.overall, exact.phases) == (0.0, (0.0,) * 4)
    mean = phase_error("mean", y_d.mean((0, 2, 3), keepdim=True).expand_as(y_d), y_d, rate=4)
    assert mean.overall == pytest.approx(1.0, abs=1e-12)
    assert len(mean.phases) == 16


def test_an_error_on_one_pixel_is_found_in_its_phase_and_on_the_map() -> None:
    y_d = torch.randn(1, 2, 8, 8, dtype=torch.float64)
    y = y_d.clone()
    y[0, 0, 5, 2] += 1.0
    found = phase_error("one pixel", y, y_d, rate=4)
    assert [k for k, e in enumerate(found.phases) if e > 0] == [4 * (5 % 4) + 2 % 4]
    assert found.map.nonzero().tolist() == [[5, 2]]


def test_the_phases_make_up_the_whole() -> None:
    y, y_d = torch.randn(2, 2, 3, 9, 11, dtype=torch.float64)
    found = phase_error("noise", y, y_d, rate=2)
    pixels = [5 * 6, 5 * 5, 4 * 6, 4 * 5]
    whole = sum(n * e**2 for n, e in zip(pixels, found.phases, strict=True)) / 99
    assert found.overall**2 == pytest.approx(whole, rel=1e-12)
    assert found.overall**2 == pytest.approx(found.map.square().mean().item(), rel=1e-12)


def test_errors_say_what_to_do(unchecked: None) -> None:
    y = torch.zeros(1, 2, 4, 4)
    with pytest.raises(ValueError, match="resize y to y_d first"):
        phase_error("y", y, y[..., :3], rate=2)
