"""Real pairs from scikit-image's pictures: each filter wins where its assumption about the world holds."""

import numpy as np
import pytest
import torch
from skimage import data, exposure

from jpu_edu.classic.bilateral import joint_bilateral_upsample
from jpu_edu.classic.guided import fast_guided_filter
from jpu_edu.ops.interp import phase_aligned, resize
from jpu_edu.ops.phases import reduce


def as_map(picture):
    return torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].float()


@pytest.fixture(scope="module")
def motorcycle():
    """A photograph and the measured disparity of each pixel, with the pixels where it is known."""
    left, _, disparity = data.stereo_motorcycle()
    window = (..., slice(100, 356), slice(200, 456))
    guide, depth = as_map(left)[window] / 255, torch.from_numpy(disparity)[None, None][window]
    known = depth.isfinite()
    return guide, depth.where(known, depth[known].median()), known


@pytest.fixture(scope="module")
def cat():
    """A photograph and its local contrast enhancement: a slow colour transform worth computing small."""
    picture = data.chelsea()[20:276, 100:356] / 255.0
    return as_map(picture), as_map(exposure.equalize_adapthist(picture, kernel_size=64))


def mean_error(got, want, known=None):
    difference = (got - want).abs()
    return difference.mean().item() if known is None else difference[known].mean().item()


@pytest.mark.parametrize("rate", [4, 8])
def test_depth_gains_from_the_bilateral_weights_and_loses_from_lines(motorcycle, rate):
    """Depth jumps where colour jumps (who is averaged), but it is no line in the colour (what is copied)."""
    guide, depth, known = motorcycle
    low = reduce(depth, rate=rate)
    plain = mean_error(phase_aligned(low, rate=rate, size=(256, 256)), depth, known)
    alike = joint_bilateral_upsample(guide, low, sigma_spatial=0.5, sigma_range=0.1, rate=rate)
    lines = fast_guided_filter(guide, low, radius=1, epsilon=1e-3, rate=rate)
    assert mean_error(alike, depth, known) < 0.9 * plain
    assert mean_error(lines, depth, known) > 1.1 * plain


@pytest.mark.parametrize("factor", [4, 8])
def test_a_colour_transform_gains_from_both_and_most_from_lines(cat, factor):
    """Locally the transform *is* nearly a line in the colour: 4 times less error than bilinear and more."""
    guide, want = cat
    low = resize(want, size=(256 // factor, 256 // factor), mode="area")
    plain = mean_error(resize(low, size=(256, 256), align_corners=False), want)
    alike = joint_bilateral_upsample(guide, low, sigma_spatial=1.0, sigma_range=0.05, rate=None)
    lines = fast_guided_filter(guide, low, radius=1, epsilon=1e-4, rate=None)
    assert mean_error(alike, want) < 0.6 * plain
    assert mean_error(lines, want) < 0.25 * plain
