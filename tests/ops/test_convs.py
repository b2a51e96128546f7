"""Every convolution against a loop over pixels and against PyTorch, with its gradients, at any size and rate."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import gradcheck

from jpu_edu.ops.compare import max_error, tolerance_of
from jpu_edu.ops.convs import (
    dilated_by_phases,
    dilated_conv,
    regular_conv,
    same_padding,
    strided_by_reduce,
    strided_conv,
)
from jpu_edu.ops.phases import rate_pair, reduce, split


@dataclass(frozen=True)
class Case:
    """One convolution: its tensors in float64 and its numbers. `rate` also serves as the stride."""

    x: torch.Tensor
    weight: torch.Tensor
    bias: torch.Tensor | None
    rate: int | tuple[int, int]
    padding: int | tuple[int, int]
    groups: int

    def tensors(self, dtype=torch.float64, *, grad=False):
        """Fresh leaves in the memory layout of the case."""
        leaves = [None if t is None else t.to(dtype) for t in (self.x, self.weight, self.bias)]
        return [None if t is None else t.clone().requires_grad_(grad) for t in leaves]

    def __repr__(self):
        layout = "channels-last" if self.x.is_contiguous(memory_format=torch.channels_last) else "channels-first"
        return (
            f"Case(x {tuple(self.x.shape)} {layout}, weight {tuple(self.weight.shape)}, bias {self.bias is not None}, "
            f"rate {self.rate}, padding {self.padding}, groups {self.groups})"
        )


def one_or_pair(numbers):
    return st.one_of(numbers, st.tuples(numbers, numbers))


@st.composite
def cases(draw, *, holes=True):
    """Kernels odd, even and oblong; any padding, more than "same" included; maps down to one pixel."""
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    rate = draw(one_or_pair(st.integers(1, 8)))
    span = [(r if holes else 1) * (k - 1) + 1 for r, k in zip(rate_pair(rate), kernel, strict=True)]
    if draw(st.booleans()):
        padding = draw(st.integers(0, max(span) + 1))
        pads = (padding, padding)
    else:
        padding = pads = tuple(draw(st.integers(0, s + 1)) for s in span)
    smallest = [max(1, s - 2 * p) for s, p in zip(span, pads, strict=True)]
    size = [n + draw(st.integers(0, 9)) for n in smallest]
    groups = draw(st.integers(1, 3))
    inputs, outputs = draw(st.sampled_from([(1, 1), (1, 2), (2, 1), (2, 3)]))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**20)))
    normal = lambda *shape: torch.randn(*shape, dtype=torch.float64, generator=generator)  # noqa: E731
    x = normal(draw(st.integers(1, 2)), groups * inputs, *size)
    if draw(st.booleans()):
        x = x.contiguous(memory_format=torch.channels_last)
    bias = normal(groups * outputs) if draw(st.booleans()) else None
    return Case(x, normal(groups * outputs, inputs, *kernel), bias, rate, padding, groups)


def conv_by_loop(case, *, rate=1, stride=1):
    """The definition, in numpy: for each output pixel, the sum over the taps that fall inside the map."""
    x, weight = case.x.numpy(), case.weight.numpy()
    (rate_h, rate_w), (stride_h, stride_w), (pad_h, pad_w) = rate_pair(rate), rate_pair(stride), pair(case.padding)
    batch, _, height, width = x.shape
    outputs, inputs, kernel_h, kernel_w = weight.shape
    out_h = (height + 2 * pad_h - rate_h * (kernel_h - 1) - 1) // stride_h + 1
    out_w = (width + 2 * pad_w - rate_w * (kernel_w - 1) - 1) // stride_w + 1
    y = np.zeros((batch, outputs, out_h, out_w))
    for i in range(out_h):
        for j in range(out_w):
            for a in range(kernel_h):
                for b in range(kernel_w):
                    row, column = i * stride_h + a * rate_h - pad_h, j * stride_w + b * rate_w - pad_w
                    if 0 <= row < height and 0 <= column < width:
                        pixel = x[:, :, row, column].reshape(batch, case.groups, 1, inputs)
                        taps = weight[:, :, a, b].reshape(case.groups, outputs // case.groups, inputs)
                        y[:, :, i, j] += (pixel * taps).sum(-1).reshape(batch, outputs)
    if case.bias is not None:
        y += case.bias.numpy()[:, None, None]
    return torch.from_numpy(y)


def pair(padding):
    return padding if isinstance(padding, tuple) else (padding, padding)


def by_phases_in_batch(*args, **kwargs):
    return dilated_conv(*args, **kwargs, by="phases")


def by_padded(*args, **kwargs):
    return dilated_conv(*args, **kwargs, by="padded")


def by_auto(*args, **kwargs):
    return dilated_conv(*args, **kwargs, by="auto")


dilated_ways = pytest.mark.parametrize("way", [dilated_by_phases, by_phases_in_batch, by_padded, by_auto, dilated_conv])
by_identity = pytest.mark.parametrize("way", [dilated_by_phases, by_phases_in_batch])


def assert_equal(got, want):
    assert max_error(got, want) <= tolerance_of(want.dtype)


# ------------------------------------------------------------------------------ values, against two oracles


@given(case=cases(holes=False))
def test_regular_conv_is_the_sum_over_the_taps(case):
    got = regular_conv(case.x, case.weight, case.bias, padding=case.padding, groups=case.groups)
    assert_equal(got, conv_by_loop(case))


@dilated_ways
@given(case=cases())
def test_dilated_is_the_sum_over_taps_that_stand_rate_apart(way, case):
    got = way(case.x, case.weight, case.bias, rate=case.rate, padding=case.padding, groups=case.groups)
    assert_equal(got, conv_by_loop(case, rate=case.rate))


@pytest.mark.parametrize("way", [strided_conv, strided_by_reduce])
@given(case=cases(holes=False))
def test_strided_is_the_sum_over_the_taps_at_every_stride_th_pixel(way, case):
    got = way(case.x, case.weight, case.bias, stride=case.rate, padding=case.padding, groups=case.groups)
    assert_equal(got, conv_by_loop(case, stride=case.rate))


@by_identity
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@given(case=cases())
def test_dilated_by_the_identity_equals_pytorch(way, dtype, case):
    x, weight, bias = case.tensors(dtype)
    want = F.conv2d(x, weight, bias, dilation=case.rate, padding=case.padding, groups=case.groups)
    assert_equal(way(x, weight, bias, rate=case.rate, padding=case.padding, groups=case.groups), want)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@given(case=cases(holes=False))
def test_strided_by_reduce_equals_pytorch(dtype, case):
    x, weight, bias = case.tensors(dtype)
    want = F.conv2d(x, weight, bias, stride=case.rate, padding=case.padding, groups=case.groups)
    assert_equal(strided_by_reduce(x, weight, bias, stride=case.rate, padding=case.padding, groups=case.groups), want)


@by_identity
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_stays_within_its_tolerance(way, dtype):
    x, weight = torch.randn(2, 8, 17, 19, dtype=dtype), torch.randn(8, 1, 3, 3, dtype=dtype)
    want = F.conv2d(x.double(), weight.double(), dilation=3, padding=3, groups=8).to(dtype)
    assert_equal(way(x, weight, rate=3, padding=3, groups=8), want)


@pytest.mark.parametrize("way", [by_phases_in_batch, by_auto, dilated_conv])
def test_under_autocast_the_map_may_be_bfloat16_and_the_weights_float32(way):
    """As in training: the layer before gave bfloat16, the parameters stay float32."""
    x, weight, bias = torch.randn(1, 8, 9, 10).bfloat16(), torch.randn(8, 1, 3, 3, requires_grad=True), torch.zeros(8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = way(x, weight, bias, rate=2, padding=2, groups=8)
        want = F.conv2d(x, weight, bias, dilation=2, padding=2, groups=8)
    assert y.dtype == torch.bfloat16
    assert_equal(y, want)
    y.float().sum().backward()
    assert weight.grad.dtype == torch.float32


# -------------------------------------------------------------------------------------- shapes and borders


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (3, 5), (7, 8), (8, 8)])
@by_identity
def test_maps_smaller_than_the_rate_work_where_some_phases_are_empty(way, size):
    x, weight, bias = torch.randn(1, 2, *size).double(), torch.randn(3, 2, 3, 3).double(), torch.randn(3).double()
    got = way(x, weight, bias, rate=8, padding=8)
    assert got.shape == (1, 3, *size)
    assert_equal(got, F.conv2d(x, weight, bias, dilation=8, padding=8))


@given(
    kernel=st.tuples(st.sampled_from([1, 3, 5, 7]), st.sampled_from([1, 3, 5])),
    rate=one_or_pair(st.integers(1, 8)),
    size=st.tuples(st.integers(1, 12), st.integers(1, 12)),
)
def test_same_padding_keeps_the_size_of_any_map(kernel, rate, size):
    y = dilated_conv(
        torch.zeros(1, 1, *size), torch.zeros(1, 1, *kernel), rate=rate, padding=same_padding(kernel, rate=rate)
    )
    assert y.shape[-2:] == size


def test_convention_dilated_conv_padding_counts_pixels_of_the_input():
    """At rate 4 a 3 x 3 kernel needs 4 zeros a side to keep the size; 1 zero a side loses 6 pixels."""
    x, weight = torch.zeros(1, 1, 16, 16), torch.zeros(1, 1, 3, 3)
    assert same_padding(3, rate=4) == (4, 4)
    assert dilated_conv(x, weight, rate=4, padding=4).shape[-2:] == (16, 16)
    assert dilated_conv(x, weight, rate=4, padding=1).shape[-2:] == (10, 10)


def test_convention_regular_conv_does_not_flip_the_kernel():
    """A single 1 in the map paints the kernel upside down, as a cross-correlation does."""
    x = torch.zeros(1, 1, 3, 3)
    x[..., 1, 1] = 1
    kernel = torch.arange(9.0).reshape(1, 1, 3, 3)
    assert torch.equal(regular_conv(x, kernel, padding=1), kernel.flip(-2, -1))


def test_a_dilated_kernel_reaches_rate_pixels_and_touches_nothing_between():
    x = torch.zeros(1, 1, 9, 9)
    x[..., 4, 4] = 1
    reached = dilated_conv(x, torch.ones(1, 1, 3, 3), rate=3, padding=3).nonzero()[:, 2:]
    assert {tuple(at) for at in reached.tolist()} == {(i, j) for i in (1, 4, 7) for j in (1, 4, 7)}


@dilated_ways
def test_the_phases_never_talk_to_one_another(way):
    """Poison one phase of the input with NaN: the same phase of the output is NaN, and no other."""
    x = torch.randn(1, 2, 10, 11)
    split(x, rate=2)[1].fill_(float("nan"))
    poisoned = [
        phase.isnan().any().item() for phase in split(way(x, torch.randn(2, 2, 3, 3), rate=2, padding=2), rate=2)
    ]
    assert poisoned == [False, True, False, False]


@by_identity
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_noncontiguous_map_gives_the_same_numbers(way, layout):
    x = torch.randn(2, 6, 40, 30).double().contiguous(memory_format=layout)[:, 1:4, ::2, 3:]
    weight = torch.randn(3, 1, 3, 3).double()
    assert_equal(way(x, weight, rate=2, padding=2, groups=3), F.conv2d(x, weight, dilation=2, padding=2, groups=3))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("size", [(16, 16), (15, 17)])
def test_by_phases_keeps_the_memory_layout_of_the_map(layout, size):
    x = torch.randn(2, 8, *size).contiguous(memory_format=layout)
    y = dilated_conv(x, torch.randn(8, 1, 3, 3), rate=2, padding=2, groups=8, by="phases")
    assert (y.stride(1) == 1) == (layout == torch.channels_last)


# ---------------------------------------------------------------------------------------------- gradients


@by_identity
@given(case=cases())
def test_gradients_of_dilated_by_the_identity_equal_the_native_ones(way, case):
    assert_gradients_equal(
        case,
        lambda x, w, b: way(x, w, b, rate=case.rate, padding=case.padding, groups=case.groups),
        lambda x, w, b: F.conv2d(x, w, b, dilation=case.rate, padding=case.padding, groups=case.groups),
    )


@given(case=cases(holes=False))
def test_gradients_of_strided_by_reduce_equal_the_native_ones(case):
    assert_gradients_equal(
        case,
        lambda x, w, b: strided_by_reduce(x, w, b, stride=case.rate, padding=case.padding, groups=case.groups),
        lambda x, w, b: F.conv2d(x, w, b, stride=case.rate, padding=case.padding, groups=case.groups),
    )


def assert_gradients_equal(case, ours, native):
    """The gradients of x, weight and bias for one random gradient of the output, in both dtypes."""
    for dtype in (torch.float64, torch.float32):
        leaves, theirs = case.tensors(dtype, grad=True), case.tensors(dtype, grad=True)
        y, want = ours(*leaves), native(*theirs)
        upstream = torch.randn_like(want)
        y.backward(upstream)
        want.backward(upstream)
        for got, expected in zip(leaves, theirs, strict=True):
            if got is not None:
                assert_equal(got.grad, expected.grad)


@pytest.mark.parametrize(
    ("size", "kernel", "rate", "padding", "groups"),
    [((5, 4), (3, 3), 2, 2, 1), ((5, 6), (2, 3), (3, 2), (1, 4), 2), ((1, 3), (3, 1), 4, (4, 0), 2)],
)
@by_identity
def test_gradcheck_of_dilated_by_the_identity(way, size, kernel, rate, padding, groups):
    leaves = [
        torch.randn(*shape, dtype=torch.float64, requires_grad=True)
        for shape in [(1, 2, *size), (2, 2 // groups, *kernel), (2,)]
    ]
    assert gradcheck(lambda x, w, b: way(x, w, b, rate=rate, padding=padding, groups=groups), leaves)


@pytest.mark.parametrize("stride", [2, 3, (1, 2)])
def test_gradcheck_of_strided_by_reduce(stride):
    leaves = [torch.randn(*s, dtype=torch.float64, requires_grad=True) for s in [(1, 2, 5, 4), (2, 2, 3, 2), (2,)]]
    assert gradcheck(lambda x, w, b: strided_by_reduce(x, w, b, stride=stride, padding=1), leaves)


# ----------------------------------------------------------------------------------------- the paper's lines


@given(case=cases(holes=False))
def test_strided_is_regular_then_reduce(case):
    regular = regular_conv(case.x, case.weight, case.bias, padding=case.padding, groups=case.groups)
    strided = strided_conv(case.x, case.weight, case.bias, stride=case.rate, padding=case.padding, groups=case.groups)
    assert_equal(strided, reduce(regular, rate=case.rate))


@given(case=cases(holes=False))
def test_at_rate_1_all_of_them_are_the_regular_convolution(case):
    x, weight, bias = case.tensors()
    numbers = {"padding": case.padding, "groups": case.groups}
    want = regular_conv(x, weight, bias, **numbers)
    for got in (
        dilated_by_phases(x, weight, bias, rate=1, **numbers),
        dilated_conv(x, weight, bias, rate=1, by="phases", **numbers),
        strided_by_reduce(x, weight, bias, stride=1, **numbers),
    ):
        assert_equal(got, want)


# --------------------------------------------------------------------------------------------- what is refused

maps = torch.zeros(1, 4, 6, 6)
kernels = torch.zeros(4, 4, 3, 3)

every_conv = pytest.mark.parametrize(
    ("name", "call"),
    [
        ("regular_conv", regular_conv),
        ("strided_conv", lambda *args, **kwargs: strided_conv(*args, stride=2, **kwargs)),
        ("regular_conv", lambda *args, **kwargs: strided_by_reduce(*args, stride=2, **kwargs)),
        ("dilated_by_phases", lambda *args, **kwargs: dilated_by_phases(*args, rate=2, **kwargs)),
        ("dilated_conv", lambda *args, **kwargs: dilated_conv(*args, rate=2, **kwargs)),
        ("dilated_conv", lambda *args, **kwargs: dilated_conv(*args, rate=2, by="phases", **kwargs)),
    ],
    ids=["regular", "strided", "strided_by_reduce", "dilated_by_phases", "dilated", "dilated-phases"],
)


@pytest.mark.usefixtures("unchecked")
@every_conv
@pytest.mark.parametrize(
    ("x", "weight", "bias", "numbers", "error", "words"),
    [
        (np.zeros((1, 4, 6, 6)), kernels, None, {}, TypeError, "x is ndarray; pass a torch tensor (B, C, H, W)"),
        (maps[0], kernels, None, {}, ValueError, "x has shape (4, 6, 6); it needs four axes (B, C, H, W)"),
        (maps, kernels[0], None, {}, ValueError, "weight has shape (4, 3, 3); it needs four axes (D, C / groups, k_h"),
        (maps[:0], kernels, None, {}, ValueError, "x is empty, shape (0, 4, 6, 6); every axis must be >= 1"),
        (maps[..., :0], kernels, None, {}, ValueError, "x is empty, shape (1, 4, 6, 0); every axis must be >= 1"),
        (maps, kernels[:0], None, {}, ValueError, "weight is empty, shape (0, 4, 3, 3)"),
        (
            maps.long(),
            kernels,
            None,
            {},
            TypeError,
            "x is torch.int64; pass floating point, for example x.float()",
        ),
        (maps, kernels.int(), None, {}, TypeError, "weight is torch.int32; pass floating point"),
        (
            maps,
            kernels.double(),
            None,
            {},
            ValueError,
            "x is torch.float32 on cpu, weight torch.float64 on cpu; make them",
        ),
        (maps[:, :3], kernels, None, {}, ValueError, "x has 3 channels, weight (4, 4, 3, 3) with groups=1 needs 4"),
        (maps, kernels, None, {"groups": 2}, ValueError, "x has 4 channels, weight (4, 4, 3, 3) with groups=2 needs 8"),
        (
            maps,
            kernels,
            None,
            {"groups": 3},
            ValueError,
            "groups=3; it must be an integer >= 1 that divides the 4 output",
        ),
        (maps, kernels, None, {"groups": 0}, ValueError, "groups=0; it must be an integer >= 1"),
        (maps, kernels, None, {"groups": True}, ValueError, "groups=True; it must be an integer >= 1"),
        (maps, kernels, torch.zeros(3), {}, ValueError, "bias has shape (3,); weight has 4 output channels"),
        (maps, kernels, torch.zeros(4, 1), {}, ValueError, "bias has shape (4, 1); weight has 4 output channels"),
        (maps, kernels, torch.zeros(4).double(), {}, ValueError, "x is torch.float32 on cpu, bias torch.float64"),
        (maps, kernels, None, {"padding": -1}, ValueError, "padding=-1; padding must be an integer >= 0 (crop the"),
        (maps, kernels, None, {"padding": (1, -2)}, ValueError, "padding=(1, -2); padding must be an integer >= 0"),
        (maps, kernels, None, {"padding": 1.0}, TypeError, "padding=1.0; padding must be an integer >= 0 or a pair"),
        (
            maps,
            kernels,
            None,
            {"padding": "same"},
            TypeError,
            "padding='same'; padding must be an integer >= 0 or a pair",
        ),
        (maps, kernels, None, {"padding": True}, TypeError, "padding=True; padding must be an integer >= 0 or a pair"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_with_their_numbers(name, call, x, weight, bias, numbers, error, words):
    with pytest.raises(error) as caught:
        call(x, weight, bias, **numbers)
    assert str(caught.value).startswith(f"{name}: {words}")


@dilated_ways
def test_a_kernel_that_spans_more_than_the_padded_map_is_refused(way):
    with pytest.raises(
        ValueError, match=r"along W a kernel of 3 at rate 4 spans 9 pixels, the padded map has 8; pad more"
    ):
        way(torch.zeros(1, 1, 9, 6), torch.zeros(1, 1, 3, 3), rate=4, padding=(0, 1))
    way(torch.zeros(1, 1, 9, 7), torch.zeros(1, 1, 3, 3), rate=4, padding=(0, 1))


@dilated_ways
@pytest.mark.parametrize("rate", [0, -2, (1, 0)])
def test_a_rate_below_1_is_refused(way, rate):
    with pytest.raises(ValueError) as caught:
        way(maps, kernels, rate=rate)
    assert f"rate={rate!r}; rate must be an integer >= 1 (1 means no dilation)" in str(caught.value)


@pytest.mark.usefixtures("unchecked")
@dilated_ways
@pytest.mark.parametrize("rate", [2.0, True, "2", np.int32(2)])
def test_a_rate_that_is_no_integer_is_refused(way, rate):
    with pytest.raises(TypeError) as caught:
        way(maps, kernels, rate=rate)
    assert f"rate={rate!r}; rate must be an integer >= 1 or a pair of them" in str(caught.value)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(("name", "way"), [("strided_conv", strided_conv), ("strided_by_reduce", strided_by_reduce)])
def test_a_stride_that_is_no_integer_above_0_is_refused(name, way):
    with pytest.raises(ValueError, match=f"{name}: stride=0; stride must be an integer >= 1"):
        way(maps, kernels, stride=0)
    with pytest.raises(TypeError, match=rf"{name}: stride=1\.5; stride must be an integer"):
        way(maps, kernels, stride=1.5)


@pytest.mark.usefixtures("unchecked")
def test_an_unknown_way_is_refused_with_the_choices():
    with pytest.raises(ValueError, match=r"dilated_conv: by='fast'; choose one of native, padded, phases, auto"):
        dilated_conv(maps, kernels, rate=1, by="fast")


@pytest.mark.parametrize("kernel", [2, (3, 4), (4, 3)])
def test_same_padding_refuses_an_even_kernel(kernel):
    kernel_h, kernel_w = kernel if isinstance(kernel, tuple) else (kernel, kernel)
    with pytest.raises(ValueError, match=rf"kernel {kernel_h} x {kernel_w} is even; give its padding as a number"):
        same_padding(kernel)


@pytest.mark.parametrize("way", ["native", "padded", "phases"])
def test_auto_does_what_the_rule_says(monkeypatch, way):
    """The rule's answer is followed: the convolution that PyTorch is asked for is the one of that way."""
    asked = []
    conv2d = F.conv2d

    def watched(x, *args, padding, dilation=(1, 1), **kwargs):
        asked.append((tuple(x.shape), tuple(padding), tuple(dilation)))
        return conv2d(x, *args, padding=padding, dilation=dilation, **kwargs)

    monkeypatch.setattr(F, "conv2d", watched)
    monkeypatch.setattr("jpu_edu.ops.convs.fastest_way", lambda *args, **kwargs: way)
    dilated_conv(torch.zeros(2, 8, 16, 12), torch.zeros(8, 1, 3, 3), rate=4, padding=4, groups=8, by="auto")
    assert asked == [
        {
            "native": ((2, 8, 16, 12), (4, 4), (4, 4)),
            "padded": ((2, 8, 16, 20), (4, 0), (4, 4)),
            "phases": ((32, 8, 4, 3), (1, 1), (1, 1)),
        }[way]
    ]
