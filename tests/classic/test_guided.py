"""The guided filters against a least-squares fit in every window, and against what a line must do."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from jpu_edu.classic.box import box_mean
from jpu_edu.classic.guided import fast_guided_filter, guided_coefficients, guided_filter
from jpu_edu.classic.pair import low_guide
from jpu_edu.ops.interp import phase_aligned, resize
from jpu_edu.ops.phases import reduce

sizes = st.tuples(st.integers(1, 7), st.integers(1, 7))
guides = st.sampled_from([1, 2, 3])


def by_loop(guide, target, *, radius, epsilon):
    """Eq. 4 minimised in each window by a general least-squares solver, then averaged as in Eq. 7."""
    batch, count, height, width = guide.shape
    out, hits = torch.zeros_like(target), torch.zeros(height, width, dtype=target.dtype)
    for b in range(batch):
        for i in range(height):
            for j in range(width):
                rows = slice(max(i - radius, 0), i + radius + 1)
                columns = slice(max(j - radius, 0), j + radius + 1)
                x, y = guide[b, :, rows, columns].flatten(1).T, target[b, :, rows, columns].flatten(1).T
                samples = torch.cat([x, torch.ones_like(x[:, :1])], 1)
                penalty = torch.eye(count, count + 1, dtype=x.dtype) * math.sqrt(len(x) * epsilon)
                rhs = torch.cat([y, torch.zeros(count, y.shape[1], dtype=y.dtype)])
                line = torch.linalg.lstsq(torch.cat([samples, penalty]), rhs).solution
                window = target[b, :, rows, columns].shape[1:]
                out[b, :, rows, columns] += (samples @ line).T.unflatten(1, window)
                hits[rows, columns] += b == 0
    return out / hits


@given(size=sizes, count=guides, radius=st.integers(0, 3))
def test_equals_a_least_squares_fit_in_every_window_by_loops(size, count, radius):
    guide = torch.rand(2, count, *size, dtype=torch.float64)
    target = torch.rand(2, 2, *size, dtype=torch.float64)
    want = by_loop(guide, target, radius=radius, epsilon=0.01)
    got = guided_filter(guide, target, radius=radius, epsilon=0.01)
    torch.testing.assert_close(got, want, rtol=0, atol=1e-10)


@given(size=sizes, count=guides, radius=st.integers(0, 4))
def test_a_constant_guide_gives_the_mean_of_the_mean(size, count, radius):
    target = torch.rand(1, 2, *size, dtype=torch.float64)
    guide = torch.full((1, count, *size), 0.7, dtype=torch.float64)
    plain = box_mean(box_mean(target, radius=radius), radius=radius)
    torch.testing.assert_close(guided_filter(guide, target, radius=radius, epsilon=1e-4), plain, rtol=0, atol=1e-11)


@given(size=sizes, count=guides, radius=st.integers(1, 3), power=st.integers(2, 8))
def test_a_linear_target_comes_back_within_the_stated_bound(size, count, radius, power):
    """|error| <= |a| * sqrt(n * epsilon) / 2 for any guide: it shrinks to 0 with epsilon."""
    epsilon = 10.0**-power
    guide = torch.rand(1, count, *size, dtype=torch.float64)
    slope = torch.randn(count, dtype=torch.float64)
    target = (slope[:, None, None] * guide).sum(1, keepdim=True) + 0.3
    error = (guided_filter(guide, target, radius=radius, epsilon=epsilon) - target).abs().max()
    assert error <= slope.norm() * (2 * radius + 1) * math.sqrt(epsilon) / 2 + 1e-9


def test_a_linear_target_is_recovered_exactly_as_epsilon_goes_to_zero():
    guide = torch.rand(1, 3, 9, 12, dtype=torch.float64)
    target = 2 * guide[:, :1] - 0.5 * guide[:, 1:2] + guide[:, 2:] - 0.2
    errors = [
        (guided_filter(guide, target, radius=2, epsilon=epsilon) - target).abs().max().item()
        for epsilon in (1e-3, 1e-6, 1e-9)
    ]
    assert errors[0] > 100 * errors[1] > 1e4 * errors[2]
    assert errors[2] < 1e-7


@given(scale=st.floats(-3, 3), shift=st.floats(-3, 3), count=guides)
def test_linear_in_the_target(scale, shift, count):
    guide, target = (torch.rand(1, c, 6, 5, dtype=torch.float64) for c in (count, 2))
    setting = {"radius": 2, "epsilon": 0.01}
    moved = guided_filter(guide, scale * target + shift, **setting)
    torch.testing.assert_close(moved, scale * guided_filter(guide, target, **setting) + shift, rtol=0, atol=1e-11)


@given(scale=st.floats(0.1, 10), shift=st.floats(-3, 3), count=guides)
def test_epsilon_has_the_squared_unit_of_the_guide(scale, shift, count):
    guide, target = (torch.rand(1, c, 6, 5, dtype=torch.float64) for c in (count, 2))
    one = guided_filter(guide, target, radius=2, epsilon=0.01)
    other = guided_filter(scale * guide + shift, target, radius=2, epsilon=0.01 * scale**2)
    torch.testing.assert_close(other, one, rtol=0, atol=1e-8)


def test_a_colour_guide_sees_an_edge_that_its_grey_version_does_not():
    """Red beside green of one brightness: the mean over the channels is constant."""
    guide = torch.zeros(1, 3, 8, 8, dtype=torch.float64)
    guide[:, 0, :, :4], guide[:, 1, :, 4:] = 1.0, 1.0
    target = guide[:, :1].clone()
    setting = {"radius": 2, "epsilon": 1e-6}
    assert (guided_filter(guide, target, **setting) - target).abs().max() < 1e-4
    assert (guided_filter(guide.mean(1, keepdim=True), target, **setting) - target).abs().max() > 0.3


def test_float32_agrees_with_float64_at_a_small_epsilon():
    guide, target = torch.rand(1, 3, 40, 40), torch.rand(1, 2, 40, 40)
    guide = 100 + 1e-2 * guide  # a bright, nearly flat guide: its variance is lost in float32
    exact = guided_filter(guide.double(), target.double(), radius=3, epsilon=1e-6)
    got = guided_filter(guide, target, radius=3, epsilon=1e-6)
    assert got.dtype == torch.float32
    torch.testing.assert_close(got.double(), exact, rtol=0, atol=1e-6)


@given(size=sizes, count=guides)
def test_fast_at_rate_1_is_the_guided_filter(size, count):
    guide, target = (torch.rand(2, c, *size, dtype=torch.float64) for c in (count, 2))
    setting = {"radius": 1, "epsilon": 0.01}
    want = guided_filter(guide, target, **setting)
    for rate in (1, None):
        torch.testing.assert_close(fast_guided_filter(guide, target, rate=rate, **setting), want, rtol=0, atol=1e-11)


@given(low=st.tuples(st.integers(2, 5), st.integers(2, 5)), rate=st.sampled_from([2, 3, 4, None]), count=guides)
def test_fast_lifts_a_linear_target_exactly_as_epsilon_goes_to_zero(low, rate, count):
    """Where the target is a line in the guide, the high resolution is recovered, not guessed."""
    factor = rate or 3
    guide = torch.rand(1, count, low[0] * factor, low[1] * factor, dtype=torch.float64)
    slope = torch.randn(count, 1, 1, dtype=torch.float64)
    below = low_guide(guide, size=low, rate=rate)
    target = (slope * below).sum(1, keepdim=True) - 0.4
    want = (slope * guide).sum(1, keepdim=True) - 0.4
    got = fast_guided_filter(guide, target, radius=2, epsilon=1e-12, rate=rate)
    if count < low[0] * low[1]:  # enough samples in a window to determine the line
        torch.testing.assert_close(got, want, rtol=0, atol=1e-3)


def test_convention_fast_puts_phase_0_on_multiples_of_the_rate():
    """Phase 0 of the result is the low-resolution filter of the low-resolution pair."""
    guide = torch.rand(1, 1, 9, 10, dtype=torch.float64)
    target = torch.rand(1, 1, 3, 4, dtype=torch.float64)
    setting = {"radius": 1, "epsilon": 0.01}
    got = fast_guided_filter(guide, target, rate=3, **setting)
    below = guided_filter(reduce(guide, rate=3), target, **setting)
    torch.testing.assert_close(reduce(got, rate=3), below, rtol=0, atol=1e-12)


def test_convention_fast_without_a_rate_is_symmetric():
    guide = torch.rand(1, 2, 6, 9, dtype=torch.float64)
    target = torch.rand(1, 1, 2, 3, dtype=torch.float64)

    def mirrored_error(rate):
        setting = {"radius": 1, "epsilon": 0.1, "rate": rate}
        straight = fast_guided_filter(guide, target, **setting)
        return (straight - fast_guided_filter(guide.flip(-1), target.flip(-1), **setting).flip(-1)).abs().max().item()

    assert mirrored_error(None) < 1e-12
    assert mirrored_error(3) > 1e-3


@pytest.mark.parametrize(("rate", "size"), [(None, (6, 9)), (3, (5, 8)), ((3, 1), (4, 3))])
def test_convention_fast_interpolates_its_coefficients_at_the_stated_positions(rate, size):
    """A constant guide leaves the offset alone: what remains is the plain upsampling of the convention."""
    target = torch.rand(1, 2, 2, 3, dtype=torch.float64)
    plain = box_mean(box_mean(target, radius=1), radius=1)
    centres = resize(plain, size=size, align_corners=False)
    want = centres if rate is None else phase_aligned(plain, rate=rate, size=size)
    flat = torch.full((1, 1, *size), 0.5, dtype=torch.float64)
    got = fast_guided_filter(flat, target, radius=1, epsilon=1e-3, rate=rate)
    torch.testing.assert_close(got, want, rtol=0, atol=1e-12)


def test_coefficients_have_one_slope_for_each_pair_of_channels():
    slope, offset = guided_coefficients(torch.rand(2, 3, 5, 6), torch.rand(2, 4, 5, 6), radius=1, epsilon=0.1)
    assert slope.shape == (2, 3, 4, 5, 6)
    assert offset.shape == (2, 4, 5, 6)


@pytest.mark.parametrize("count", [1, 3])
def test_gradcheck_for_guide_and_target(count):
    guide = torch.rand(1, count, 4, 4, dtype=torch.float64, requires_grad=True)
    target = torch.rand(1, 1, 4, 4, dtype=torch.float64, requires_grad=True)
    small = torch.rand(1, 1, 2, 2, dtype=torch.float64, requires_grad=True)
    setting = {"radius": 1, "epsilon": 0.05}
    assert torch.autograd.gradcheck(lambda g, t: guided_filter(g, t, **setting), (guide, target))
    assert torch.autograd.gradcheck(lambda g, t: fast_guided_filter(g, t, rate=2, **setting), (guide, small))
    assert torch.autograd.gradcheck(lambda g, t: fast_guided_filter(g, t, rate=None, **setting), (guide, small))


def test_a_wrong_value_is_named_with_its_remedy():
    guide, target = torch.rand(1, 3, 8, 8), torch.rand(1, 1, 4, 4)
    with pytest.raises(ValueError, match=r"epsilon=0\.0; epsilon must be a finite number > 0 \(in squared units"):
        guided_filter(guide, guide, radius=1, epsilon=0.0)
    with pytest.raises(ValueError, match=r"radius=-2"):
        guided_filter(guide, guide, radius=-2, epsilon=0.1)
    with pytest.raises(ValueError, match=r"phase 0 of a guide \(8, 8\) is \(3, 3\), the target is \(4, 4\)"):
        fast_guided_filter(guide, target, radius=1, epsilon=0.1, rate=3)


@pytest.mark.usefixtures("unchecked")
def test_sizes_that_differ_point_to_the_fast_filter():
    with pytest.raises(ValueError, match=r"guide is \(8, 8\), target is \(4, 4\); .* call fast_guided_filter"):
        guided_filter(torch.rand(1, 3, 8, 8), torch.rand(1, 1, 4, 4), radius=1, epsilon=0.1)
