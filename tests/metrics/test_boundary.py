"""The band around boundaries: against its definition pixel by pixel, at void, at the edge of the image."""

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given
from scipy.ndimage import distance_transform_cdt

from jpu_edu.metrics.boundary import boundary_band

VOID = 255


def band_by_distance(truth: torch.Tensor, width: int) -> torch.Tensor:
    """For each class: the Chebyshev distance of its pixels to the nearest pixel of another class, by scipy."""
    near = torch.zeros_like(truth, dtype=torch.bool)
    for labels, out in zip(truth.numpy(), near.numpy(), strict=True):
        for k in np.unique(labels[labels != VOID]):
            others = (labels != k) & (labels != VOID)
            if others.any():
                out |= (labels == k) & (distance_transform_cdt(~others, metric="chessboard") <= width)
    return near


@given(seed=st.integers(0, 10**6), width=st.integers(1, 6), height=st.integers(1, 12), across=st.integers(1, 12))
def test_convention_boundary_band_is_the_chebyshev_distance(seed, width, height, across):
    g = torch.Generator().manual_seed(seed)
    coarse = torch.randint(3, (2, -(-height // 3), -(-across // 3)), generator=g)
    truth = coarse.repeat_interleave(3, 1).repeat_interleave(3, 2)[:, :height, :across].clone()
    truth[torch.rand(truth.shape, generator=g) < 0.15] = VOID
    assert torch.equal(boundary_band(truth, width=width), band_by_distance(truth, width))


def test_a_straight_boundary_has_a_band_of_twice_the_width():
    truth = torch.zeros(1, 5, 20, dtype=torch.uint8)
    truth[..., 10:] = 3
    for width in (1, 3, 30):
        columns = boundary_band(truth, width=width)[0, 2].nonzero().flatten().tolist()
        assert columns == list(range(max(0, 10 - width), min(20, 10 + width)))


def test_void_makes_no_boundary_but_does_not_hide_one():
    truth = torch.zeros(1, 1, 12, dtype=torch.uint8)
    truth[..., 5:7] = VOID
    assert not boundary_band(truth, width=4).any()
    truth[..., 7:] = 1  # another class beyond two pixels of void
    assert not boundary_band(truth, width=2).any()
    assert boundary_band(truth, width=4)[0, 0].nonzero().flatten().tolist() == [3, 4, 7, 8]


def test_another_void():
    truth = torch.tensor([[[-1, 0, 0, 1]]])
    assert boundary_band(truth, width=1, void=-1).tolist() == [[[False, False, True, True]]]
    assert boundary_band(truth, width=1).tolist() == [[[True, True, True, True]]], "-1 is a class here"


@pytest.mark.parametrize(
    ("labels", "width", "error", "words"),
    [
        (torch.zeros(1, 4, 4), 1, TypeError, "torch.float32; pass class numbers"),
        ([[0]], 1, TypeError, "list; pass class numbers"),
        (torch.zeros(4, 4).long(), 1, ValueError, r"shape \(4, 4\); .*labels\[None\]"),
        (torch.zeros(1, 4, 4).long(), 0, ValueError, "width=0"),
        (torch.zeros(1, 4, 4).long(), 1.5, ValueError, "width=1.5"),
    ],
)
def test_what_is_refused(unchecked, labels, width, error, words):
    with pytest.raises(error, match=words):
        boundary_band(labels, width=width)


def test_a_width_beyond_the_map_costs_no_more_than_the_map():
    truth = torch.tensor([[[0, 0, 1, 255]]])
    assert boundary_band(truth, width=10**9).equal(boundary_band(truth, width=4))
