"""Joint bilateral upsampling against Eq. 3 written as loops, and against its limits."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from jpu_edu.classic.bilateral import joint_bilateral_upsample
from jpu_edu.ops.phases import reduce

sizes = st.tuples(st.integers(1, 7), st.integers(1, 7))
rates = st.sampled_from([1, 2, 3, (1, 2)])


def pair_of(size, rate, *, guides=2, channels=2, batch=2):
    guide = torch.rand(batch, guides, *size, dtype=torch.float64)
    target = reduce(torch.rand(batch, channels, *size, dtype=torch.float64), rate=rate)
    return guide, target


def by_loop(guide, target, guide_low, place, *, sigma_spatial, sigma_range, radius):
    """Kopf et al., Eq. 3, pixel by pixel. `place(i, axis)` is the pixel's position in samples."""
    batch, _, height, width = guide.shape
    h, w = target.shape[-2:]
    out = torch.zeros(batch, target.shape[1], height, width, dtype=guide.dtype)
    for b in range(batch):
        for i in range(height):
            for j in range(width):
                u, v = place(i, 0), place(j, 1)
                near_u = min(max(math.floor(u + 0.5), 0), h - 1)
                near_v = min(max(math.floor(v + 0.5), 0), w - 1)
                total = 0.0
                for k in range(max(near_u - radius, 0), min(near_u + radius, h - 1) + 1):
                    for m in range(max(near_v - radius, 0), min(near_v + radius, w - 1) + 1):
                        f = math.exp(-((u - k) ** 2 + (v - m) ** 2) / (2 * sigma_spatial**2))
                        unlike = (guide[b, :, i, j] - guide_low[b, :, k, m]).square().sum().item()
                        weight = f * math.exp(-unlike / (2 * sigma_range**2))
                        total += weight
                        out[b, :, i, j] += weight * target[b, :, k, m]
                out[b, :, i, j] /= total
    return out


@given(size=sizes, rate=rates, radius=st.integers(0, 2), guides=st.sampled_from([1, 3]))
def test_equals_the_equation_by_loops_at_phase_0(size, rate, radius, guides):
    guide, target = pair_of(size, rate, guides=guides)
    r = rate if isinstance(rate, tuple) else (rate, rate)
    setting = {"sigma_spatial": 0.7, "sigma_range": 0.3, "radius": radius}
    want = by_loop(guide, target, reduce(guide, rate=rate), lambda i, axis: i / r[axis], **setting)
    got = joint_bilateral_upsample(guide, target, rate=rate, **setting)
    torch.testing.assert_close(got, want, rtol=0, atol=1e-12)


@given(low=st.tuples(st.integers(1, 3), st.integers(1, 3)), factor=st.integers(1, 3))
def test_equals_the_equation_by_loops_at_centres(low, factor):
    guide = torch.rand(1, 3, low[0] * factor, low[1] * factor, dtype=torch.float64)
    target = torch.rand(1, 2, *low, dtype=torch.float64)
    guide_low = torch.nn.functional.avg_pool2d(guide, factor)
    setting = {"sigma_spatial": 0.6, "sigma_range": 0.2, "radius": 2}
    want = by_loop(guide, target, guide_low, lambda i, _: (i + 0.5) / factor - 0.5, **setting)
    torch.testing.assert_close(joint_bilateral_upsample(guide, target, rate=None, **setting), want, rtol=0, atol=1e-12)


def test_a_constant_guide_gives_the_plain_gaussian_filter():
    _, target = pair_of((9, 10), 2)
    setting = {"sigma_spatial": 0.8, "radius": 2, "rate": 2}
    flat = torch.full((2, 3, 9, 10), 0.4, dtype=torch.float64)
    plain = by_loop(flat, target, reduce(flat, rate=2), lambda i, _: i / 2, sigma_spatial=0.8, sigma_range=1, radius=2)
    got = joint_bilateral_upsample(flat, target, sigma_range=1e-3, **setting)
    torch.testing.assert_close(got, plain, rtol=0, atol=1e-12)
    any_guide = torch.rand(2, 3, 9, 10, dtype=torch.float64)
    ignored = joint_bilateral_upsample(any_guide, target, sigma_range=1e9, **setting)
    torch.testing.assert_close(ignored, plain, rtol=0, atol=1e-12)


def test_an_edge_of_the_guide_is_never_crossed():
    """A two-colour guide and a target constant on each side: bilinear mixes, this does not."""
    guide = torch.zeros(1, 1, 8, 11, dtype=torch.float64)
    guide[..., 5:] = 1.0
    target = reduce(guide, rate=4) * 3 - 1
    got = joint_bilateral_upsample(guide, target, sigma_spatial=2.0, sigma_range=0.02, rate=4)
    torch.testing.assert_close(got, guide * 3 - 1, rtol=0, atol=1e-12)


@given(size=sizes, rate=rates, scale=st.floats(-3, 3), shift=st.floats(-3, 3))
def test_linear_in_the_target_and_bounded_by_it(size, rate, scale, shift):
    guide, target = pair_of(size, rate)
    setting = {"sigma_spatial": 1.0, "sigma_range": 0.2, "rate": rate}
    lifted = joint_bilateral_upsample(guide, target, **setting)
    moved = joint_bilateral_upsample(guide, scale * target + shift, **setting)
    torch.testing.assert_close(moved, scale * lifted + shift, rtol=0, atol=1e-12)
    assert lifted.min() >= target.min() - 1e-12
    assert lifted.max() <= target.max() + 1e-12


@given(size=sizes, scale=st.floats(0.1, 10), shift=st.floats(-3, 3))
def test_sigma_range_has_the_guide_s_unit(size, scale, shift):
    guide, target = pair_of(size, 2)
    setting = {"sigma_spatial": 1.0, "rate": 2}
    one = joint_bilateral_upsample(guide, target, sigma_range=0.2, **setting)
    other = joint_bilateral_upsample(scale * guide + shift, target, sigma_range=0.2 * scale, **setting)
    torch.testing.assert_close(other, one, rtol=0, atol=1e-9)


@given(size=sizes, rate=rates)
def test_convention_phase_0_sits_on_multiples_of_the_rate(size, rate):
    """With a narrow f, pixel k * r returns sample k: the sample sits there and nowhere else."""
    guide, target = pair_of(size, rate)
    got = joint_bilateral_upsample(guide, target, sigma_spatial=0.05, sigma_range=10.0, rate=rate)
    torch.testing.assert_close(reduce(got, rate=rate), target, rtol=0, atol=1e-12)


def test_convention_without_a_rate_samples_sit_at_the_centres_of_their_shares():
    """Mirrored input gives mirrored output. At phase 0 it does not: samples sit at the left of their cells."""
    guide = torch.rand(1, 1, 6, 9, dtype=torch.float64)
    target = torch.rand(1, 2, 2, 3, dtype=torch.float64)

    def mirrored_error(rate):
        setting = {"sigma_spatial": 0.7, "sigma_range": 0.5, "rate": rate}
        straight = joint_bilateral_upsample(guide, target, **setting)
        mirrored = joint_bilateral_upsample(guide.flip(-1), target.flip(-1), **setting).flip(-1)
        return (straight - mirrored).abs().max().item()

    assert mirrored_error(None) < 1e-12
    assert mirrored_error(3) > 1e-2


def test_a_tiny_sigma_range_picks_the_most_alike_and_stays_finite():
    """Every weight of Eq. 3 underflows to 0 here; the quotient 0 / 0 must not appear."""
    guide, target = pair_of((6, 6), 2)
    got = joint_bilateral_upsample(guide.float(), target.float(), sigma_spatial=1.0, sigma_range=1e-6, rate=2)
    assert got.isfinite().all()
    assert (got >= target.min().float() - 1e-6).all() and (got <= target.max().float() + 1e-6).all()


def test_gradcheck_for_guide_and_target():
    guide, target = pair_of((3, 4), 2, batch=1)
    for rate in (2, None):
        assert torch.autograd.gradcheck(
            lambda g, t, rate=rate: joint_bilateral_upsample(
                g, t, sigma_spatial=0.8, sigma_range=0.5, radius=1, rate=rate
            ),
            (guide.requires_grad_(), target.requires_grad_()),
        )


GOOD = {"sigma_spatial": 0.5, "sigma_range": 0.1, "rate": 2}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"sigma_spatial": 0.0},
            r"sigma_spatial=0\.0; sigma_spatial must be a finite number > 0 \(in low-resolution",
        ),
        (
            {"sigma_range": -1.0},
            r"sigma_range=-1\.0; sigma_range must be a finite number > 0 \(in the guide's units",
        ),
        ({"sigma_range": math.nan}, r"sigma_range=nan"),
        ({"radius": -1}, r"radius=-1; radius must be an integer >= 0"),
        ({"rate": 0}, r"rate=0; rate must be an integer >= 1"),
        ({"rate": 4}, r"at rate=4 phase 0 of a guide \(8, 8\) is \(2, 2\), the target is \(4, 4\)"),
    ],
)
def test_a_wrong_value_is_named_with_its_remedy(change, message):
    with pytest.raises(ValueError, match=message):
        joint_bilateral_upsample(torch.rand(1, 3, 8, 8), torch.rand(1, 1, 4, 4), **(GOOD | change))


@pytest.mark.usefixtures("unchecked")
def test_a_guide_and_a_target_that_do_not_fit_are_refused():
    guide, target = torch.rand(2, 3, 8, 8), torch.rand(2, 1, 4, 4)
    with pytest.raises(ValueError, match=r"1 guides for 2 targets; expand"):
        joint_bilateral_upsample(guide[:1], target, **GOOD)
    with pytest.raises(ValueError, match=r"target has shape \(1, 4, 4\); it needs four axes \(B, channels, H, W\)"):
        joint_bilateral_upsample(guide, target[0], **GOOD)
    with pytest.raises(ValueError, match=r"guide is torch\.float64 .* target is torch\.float32"):
        joint_bilateral_upsample(guide.double(), target, **GOOD)
    with pytest.raises(TypeError, match=r"target is torch\.int64; pass floating point"):
        joint_bilateral_upsample(guide, target.long(), **GOOD)
    with pytest.raises(TypeError, match=r"guide is ndarray"):
        joint_bilateral_upsample(guide.numpy(), target, **GOOD)
    with pytest.raises(TypeError, match=r"sigma_range='0\.1'"):
        joint_bilateral_upsample(guide, target, **(GOOD | {"sigma_range": "0.1"}))
    with pytest.raises(ValueError, match=r"target \(16, 4\) is larger than guide \(8, 8\)"):
        joint_bilateral_upsample(guide, torch.rand(2, 1, 16, 4), **(GOOD | {"rate": None}))
