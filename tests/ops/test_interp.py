"""Resizing: where each sample lands, read off a ramp in pixels, and what is refused."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import gradcheck

from jpu_edu.ops.compare import max_error
from jpu_edu.ops.interp import nearest, phase_aligned, resize
from jpu_edu.ops.phases import rate_pair, reduce

lengths = st.integers(1, 12)
rates = st.one_of(st.integers(1, 8), st.tuples(st.integers(1, 8), st.integers(1, 8)))


def ramp(h, w):
    """Two channels: the row number and the column number. Resized, they say where each output pixel looks."""
    rows, columns = torch.meshgrid(torch.arange(h).double(), torch.arange(w).double(), indexing="ij")
    return torch.stack([rows, columns])[None]


def positions(resized):
    """(row read by each output row, column read by each output column)."""
    return resized[0, 0, :, 0], resized[0, 1, 0, :]


# ------------------------------------------------------------------------------------------- align_corners


@given(low=st.tuples(lengths, lengths), high=st.tuples(st.integers(2, 30), st.integers(2, 30)))
def test_convention_resize_with_align_corners_reads_at_i_times_h_minus_1_over_H_minus_1(low, high):
    for read, h, size in zip(positions(resize(ramp(*low), size=high, align_corners=True)), low, high, strict=True):
        expected = [i * (h - 1) / (size - 1) for i in range(size)]
        assert read.tolist() == pytest.approx(expected, abs=1e-12)


@given(low=st.tuples(lengths, lengths), high=st.tuples(st.integers(2, 30), st.integers(2, 30)))
def test_convention_resize_with_align_corners_keeps_the_four_corners(low, high):
    x = torch.randn(1, 1, *low).double()
    y = resize(x, size=high, align_corners=True)
    assert max_error(y[..., [0, 0, -1, -1], [0, -1, 0, -1]], x[..., [0, 0, -1, -1], [0, -1, 0, -1]]) <= 1e-12


@given(low=st.tuples(lengths, lengths), high=st.tuples(st.integers(1, 30), st.integers(1, 30)))
def test_without_align_corners_the_edges_of_the_pixels_meet(low, high):
    for read, h, size in zip(positions(resize(ramp(*low), size=high, align_corners=False)), low, high, strict=True):
        expected = [min(max((i + 0.5) * h / size - 0.5, 0), h - 1) for i in range(size)]
        assert read.tolist() == pytest.approx(expected, abs=1e-12)


def test_at_a_factor_of_8_the_two_conventions_differ_by_half_a_low_resolution_pixel_at_the_border():
    """60 samples to 480 pixels: 7/16 of a sample is 3.5 pixels of the output."""
    true, false = (positions(resize(ramp(60, 60), size=(480, 480), align_corners=a))[0] for a in (True, False))
    gap = ((true - (torch.arange(480) + 0.5) / 8 + 0.5) * 8).abs()
    assert gap.max().item() == pytest.approx(3.5, abs=1e-9)
    assert (true - false).abs()[240].item() < 1 / 16


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("align_corners", [True, False])
def test_the_same_size_gives_the_same_map(mode, align_corners):
    x = torch.randn(1, 2, 7, 5).double()
    assert max_error(resize(x, size=(7, 5), mode=mode, align_corners=align_corners), x) <= 1e-12


def test_bicubic_is_not_bilinear():
    x = torch.randn(1, 1, 6, 6).double()
    bilinear, bicubic = (resize(x, size=(11, 11), mode=m, align_corners=True) for m in ("bilinear", "bicubic"))
    assert max_error(bilinear, bicubic) > 0.01


# --------------------------------------------------------------------------------------------- area, nearest


@given(low=st.tuples(lengths, lengths), high=st.tuples(lengths, lengths))
def test_area_is_the_mean_over_each_output_pixels_box(low, high):
    x = torch.randn(2, 3, *low).double()
    got = resize(x, size=high, mode="area")
    assert max_error(got, F.adaptive_avg_pool2d(x, high)) <= 1e-12
    for i in range(high[0]):
        rows = slice(i * low[0] // high[0], -(-(i + 1) * low[0] // high[0]))
        columns = slice(0, -(-low[1] // high[1]))
        assert max_error(got[..., i, 0], x[..., rows, columns].mean((-2, -1))) <= 1e-12


@given(low=st.tuples(lengths, lengths), factors=st.tuples(st.integers(1, 4), st.integers(1, 4)), whole=st.booleans())
def test_convention_nearest_repeats_each_sample_from_the_top_left(low, factors, whole):
    x = torch.randint(0, 256, (2, 1, *low))
    x = x if whole else x.double() / 7
    size = (low[0] * factors[0], low[1] * factors[1])
    repeated = x.repeat_interleave(factors[0], -2).repeat_interleave(factors[1], -1)
    assert torch.equal(nearest(x, size=size), repeated)


@given(low=st.tuples(lengths, lengths), high=st.tuples(st.integers(1, 30), st.integers(1, 30)))
def test_nearest_takes_the_sample_at_the_floor(low, high):
    for read, h, size in zip(positions(nearest(ramp(*low), size=high)), low, high, strict=True):
        assert read.tolist() == [i * h // size for i in range(size)]


@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.bool, torch.float16])
def test_nearest_keeps_any_dtype_and_makes_no_new_label(dtype):
    x = torch.tensor([[[[0, 1], [1, 0]]]]).to(dtype)
    y = nearest(x, size=(5, 3))
    assert y.dtype == dtype and set(y.flatten().tolist()) <= {0, 1} and y.shape == (1, 1, 5, 3)


# ------------------------------------------------------------------------------------------------ phase-aligned


@given(low=st.tuples(lengths, lengths), rate=rates, cut=st.tuples(st.integers(0, 7), st.integers(0, 7)))
def test_convention_phase_aligned_keeps_phase_0(low, rate, cut):
    """At every size whose phase (0, 0) has the shape of the map, not only at multiples of the rate."""
    x = torch.randn(2, 1, *low).double()
    size = tuple(h * r - min(c, r - 1) for h, r, c in zip(low, rate_pair(rate), cut, strict=True))
    y = phase_aligned(x, rate=rate, size=size)
    assert y.shape[-2:] == size
    assert max_error(reduce(y, rate=rate), x) <= 1e-12


@given(low=st.tuples(lengths, lengths), rate=rates)
def test_phase_aligned_reads_at_i_over_rate_and_holds_the_last_sample(low, rate):
    for read, h, r in zip(positions(phase_aligned(ramp(*low), rate=rate)), low, rate_pair(rate), strict=True):
        assert read.tolist() == pytest.approx([min(i / r, h - 1) for i in range(h * r)], abs=1e-12)


@pytest.mark.parametrize("rate", [2, 3, 4, 8])
def test_neither_align_corners_keeps_phase_0(rate):
    """False looks (rate - 1) / 2 pixels away, and True stretches the grid."""
    x = ramp(9, 9)
    y = resize(x, size=(9 * rate, 9 * rate), align_corners=False)
    shift = (reduce(y, rate=rate) - x)[0, 0, 4, 4].item() * rate
    assert shift == pytest.approx(-(rate - 1) / 2, abs=1e-12)
    stretched = resize(x, size=(9 * rate, 9 * rate), align_corners=True)
    assert max_error(reduce(stretched, rate=rate), x) > 0.01
    exact = resize(x, size=(8 * rate + 1, 8 * rate + 1), align_corners=True)
    assert max_error(reduce(exact, rate=rate), x) <= 1e-12


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_phase_aligned_in_other_dtypes_keeps_phase_0_within_their_tolerance(dtype):
    x = torch.randn(1, 2, 40, 30).to(dtype)
    y = phase_aligned(x, rate=8)
    assert y.dtype == dtype and max_error(reduce(y, rate=8), x) <= {torch.float32: 1e-5}.get(dtype, 3e-2)


@pytest.mark.parametrize(("rate", "size"), [(2, (6, 8)), (3, (7, 12)), ((1, 4), (3, 13))])
def test_gradcheck_of_phase_aligned(rate, size):
    x = torch.randn(1, 2, 3, 4, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda x: phase_aligned(x, rate=rate, size=size), x)


# -------------------------------------------------------------------------------------------- what is refused

x = torch.zeros(1, 1, 4, 6)

every_resize = pytest.mark.parametrize(
    ("name", "call"),
    [
        ("resize", lambda x, size: resize(x, size=size, align_corners=True)),
        ("nearest", lambda x, size: nearest(x, size=size)),
        ("phase_aligned", lambda x, size: phase_aligned(x, rate=2, size=size)),
    ],
)


@pytest.mark.usefixtures("unchecked")
@every_resize
def test_what_is_no_map_is_refused(name, call):
    with pytest.raises(TypeError, match=rf"{name}: x is ndarray; pass a torch tensor \(B, C, H, W\)"):
        call(np.zeros((1, 1, 4, 4)), (8, 8))
    for shape in [(4, 6), (1, 4, 6), (4,), (1, 1, 1, 4, 6)]:
        with pytest.raises(ValueError) as error:
            call(torch.zeros(shape), (8, 8))
        remedy = "; add the batch axis: x[None]" if len(shape) == 3 else ""
        assert str(error.value) == f"{name}: x has shape {shape}; it needs four axes (B, C, H, W){remedy}"
    with pytest.raises(ValueError, match=rf"{name}: x is empty, shape \(1, 1, 0, 6\); every axis must be >= 1"):
        call(x[:, :, :0], (8, 8))


@pytest.mark.usefixtures("unchecked")
@every_resize
@pytest.mark.parametrize("size", [(0, 8), (8, -1), (8,), (8, 8, 8)])
def test_a_size_that_cannot_be_is_refused(name, call, size):
    with pytest.raises(ValueError) as error:
        call(x, size)
    assert str(error.value) == f"{name}: size={size!r}; pass (H, W), two integers >= 1"


@pytest.mark.usefixtures("unchecked")
@every_resize
@pytest.mark.parametrize("size", [8, 8.0, (8.0, 8), (True, 8), (8, "8"), (float("nan"), 8)])
def test_a_size_that_is_no_pair_of_integers_is_refused(name, call, size):
    with pytest.raises(TypeError) as error:
        call(x, size)
    assert str(error.value) == f"{name}: size={size!r}; pass (H, W), two integers >= 1"


@pytest.mark.usefixtures("unchecked")
def test_integers_are_refused_where_they_would_be_interpolated():
    for name, call in [
        ("resize", lambda: resize(x.long(), size=(8, 8), align_corners=True)),
        ("phase_aligned", lambda: phase_aligned(x.long(), rate=2)),
    ]:
        with pytest.raises(TypeError, match=rf"{name}: x is torch\.int64; pass floating point, .* or use `nearest`"):
            call()


@pytest.mark.usefixtures("unchecked")
def test_the_callers_choice_of_align_corners_and_mode_is_not_guessed():
    for mode in ("bilinear", "bicubic"):
        with pytest.raises(ValueError, match=f"resize: align_corners=None with mode='{mode}'; say True or False"):
            resize(x, size=(8, 8), mode=mode)
    for value in (True, False):
        with pytest.raises(ValueError, match=f"resize: align_corners={value} with mode='area'; leave it out"):
            resize(x, size=(2, 2), mode="area", align_corners=value)
    with pytest.raises(
        ValueError, match=r"mode='nearest'; choose one of bilinear, bicubic, area \(or call `nearest`\)"
    ):
        resize(x, size=(8, 8), mode="nearest", align_corners=True)


@pytest.mark.parametrize("size", [(6, 12), (9, 12), (8, 10), (8, 13)])
def test_phase_aligned_refuses_a_size_with_another_phase_0(size):
    with pytest.raises(ValueError) as error:
        phase_aligned(x, rate=2, size=size)
    assert f"size={size} at rate=2 has a phase (0, 0) of" in str(error.value)
    assert "the map is 4 x 6; choose H from 7 to 8, W from 11 to 12" in str(error.value)


@pytest.mark.parametrize("rate", [0, -2])
def test_phase_aligned_refuses_a_rate_below_1(rate):
    with pytest.raises(ValueError, match=f"phase_aligned: rate={rate}; rate must be an integer >= 1"):
        phase_aligned(x, rate=rate)


@pytest.mark.usefixtures("unchecked")
def test_phase_aligned_refuses_a_rate_that_is_no_integer():
    with pytest.raises(TypeError, match=r"phase_aligned: rate=2\.0; rate must be an integer >= 1"):
        phase_aligned(x, rate=2.0)


@pytest.mark.usefixtures("unchecked")
def test_a_size_beyond_any_memory_and_a_word_for_align_corners_are_refused():
    x = torch.zeros(1, 1, 4, 4)
    with pytest.raises(ValueError, match=r"size=\(1000000, 1000000\); no memory .* smaller"):
        resize(x, size=(10**6, 10**6), align_corners=True)
    with pytest.raises(ValueError, match=r"align_corners='no' .*say True or False"):
        resize(x, size=(2, 2), align_corners="no")
