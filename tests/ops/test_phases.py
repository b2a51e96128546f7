"""S, M and R against plain slicing: every size, every rate, every dtype, and what they refuse."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import gradcheck

from jpu_edu.ops.phases import merge, merge_from_batch, rate_pair, reduce, split, split_to_batch

rates = st.one_of(st.integers(1, 8), st.tuples(st.integers(1, 8), st.integers(1, 8)))
sizes = st.tuples(st.integers(1, 13), st.integers(1, 13))
leading = st.lists(st.integers(1, 3), max_size=3).map(tuple)
dtypes = st.sampled_from([torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.uint8, torch.bool])


def numbered(*shape, dtype=torch.float64):
    """A map in which every pixel has its own number, so that a pixel out of place shows."""
    return torch.arange(torch.Size(shape).numel()).reshape(shape).to(dtype)


# ------------------------------------------------------------------------------------------------ split


@given(size=sizes, rate=rates, lead=leading)
def test_convention_split_phase_k_is_the_slice_at_p_and_q(size, rate, lead):
    x = numbered(*lead, *size)
    rate_h, rate_w = rate_pair(rate)
    phases = split(x, rate=rate)
    assert len(phases) == rate_h * rate_w
    for k, phase in enumerate(phases):
        p, q = k // rate_w, k % rate_w
        assert torch.equal(phase, x[..., p::rate_h, q::rate_w])


@pytest.mark.parametrize(
    ("rate", "shapes"),
    [
        (2, [(4, 3), (4, 2), (3, 3), (3, 2)]),
        ((1, 2), [(7, 3), (7, 2)]),
        ((8, 1), [(1, 5)] * 7 + [(0, 5)]),
    ],
)
def test_convention_split_gives_the_first_phases_the_extra_pixel(rate, shapes):
    assert [tuple(phase.shape) for phase in split(numbered(7, 5), rate=rate)] == shapes


def test_split_copies_nothing_so_writing_to_a_phase_writes_to_the_map():
    x = torch.zeros(2, 5, 7)
    phases = split(x, rate=2)
    assert {phase.untyped_storage().data_ptr() for phase in phases} == {x.untyped_storage().data_ptr()}
    phases[3].fill_(1)
    assert torch.equal(x[0], x[1]) and torch.equal(x[0, 1::2, 1::2], torch.ones(2, 3)) and x[0].sum() == 6


@given(size=sizes, rate=rates)
def test_the_phases_hold_every_pixel_exactly_once(size, rate):
    together = torch.cat([phase.flatten() for phase in split(numbered(*size, dtype=torch.int64), rate=rate)])
    assert torch.equal(together.sort().values, torch.arange(size[0] * size[1]))


# ------------------------------------------------------------------------------------------------ merge


@given(size=sizes, rate=rates, lead=leading, dtype=dtypes)
def test_convention_merge_undoes_split_bit_for_bit(size, rate, lead, dtype):
    x = (torch.randint(0, 2 if dtype == torch.bool else 251, (*lead, *size))).to(dtype)
    merged = merge(split(x, rate=rate), rate=rate)
    assert merged.dtype == dtype and torch.equal(merged, x)


def test_merge_keeps_nan_and_infinity_where_they_were():
    x = torch.tensor([[float("nan"), 1.0, -0.0], [float("inf"), -float("inf"), 2.0]])
    assert torch.equal(merge(split(x, rate=2), rate=2).view(torch.int32), x.view(torch.int32))


@given(size=sizes, rate=rates)
def test_split_undoes_merge(size, rate):
    phases = [torch.randn_like(phase) for phase in split(numbered(2, *size), rate=rate)]
    for back, phase in zip(split(merge(phases, rate=rate), rate=rate), phases, strict=True):
        assert torch.equal(back, phase)


def test_merge_gives_a_tensor_of_its_own():
    x = numbered(4, 4)
    merge(split(x, rate=2), rate=2).zero_()
    assert torch.equal(x, numbered(4, 4))


def test_merge_says_which_rate_was_meant():
    with pytest.raises(ValueError, match=r"got 4 phases for rate=3; rate 3 needs 9 \(3 x 3\)\. Did you mean rate=2\?"):
        merge(split(numbered(6, 6), rate=2), rate=3)


def test_merge_suggests_no_rate_where_none_fits():
    with pytest.raises(ValueError, match=r"got 3 phases for rate=2; rate 2 needs 4 \(2 x 2\)\.$"):
        merge(split(numbered(6, 6), rate=2)[:3], rate=2)
    with pytest.raises(ValueError, match=r"got 0 phases for rate=1; rate 1 needs 1 \(1 x 1\)\.$"):
        merge([], rate=1)


def test_merge_notices_phases_of_an_odd_map_in_the_wrong_order():
    first, second, third, fourth = split(numbered(5, 5), rate=2)
    with pytest.raises(ValueError, match=r"phase 0 \(p=0, q=0\) has shape \(3, 2\).* Are the phases in the order"):
        merge([second, first, third, fourth], rate=2)
    with pytest.raises(ValueError, match=r"phase 2 \(p=1, q=0\) has shape \(2, 2\).*map of 5 x 5.*\(2, 3\)"):
        merge([first, second, fourth, third], rate=2)


def test_merge_refuses_phases_that_differ_in_channels_or_dtype():
    one, *others = split(numbered(2, 4, 4), rate=2)
    with pytest.raises(ValueError, match=r"phase 1 .* has shape \(1, 2, 2\)"):
        merge([one, others[0][:1], *others[1:]], rate=2)
    with pytest.raises(ValueError, match=r"phase 3 is torch\.float32 on cpu, phase 0 is torch\.float64"):
        merge([one, *others[:2], others[2].float()], rate=2)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("wrong", [np.zeros((2, 2)), torch.zeros(3), 1.0])
def test_merge_refuses_phases_that_are_no_maps(wrong):
    with pytest.raises(TypeError, match=r"every phase must be a torch tensor of shape \(\.\.\., H, W\)"):
        merge([wrong], rate=1)


# ----------------------------------------------------------------------------------------------- reduce


@given(size=sizes, rate=rates, lead=leading)
def test_convention_reduce_keeps_phase_0(size, rate, lead):
    x = numbered(*lead, *size)
    reduced = reduce(x, rate=rate)
    assert torch.equal(reduced, split(x, rate=rate)[0])
    assert reduced[..., 0, 0].flatten().tolist() == x[..., 0, 0].flatten().tolist()


def test_convention_reduce_keeps_even_rows_and_columns_at_rate_2():
    assert reduce(numbered(3, 5, dtype=torch.int64), rate=2).tolist() == [[0, 2, 4], [10, 12, 14]]


def test_reduce_is_a_view():
    x = torch.zeros(6, 6)
    reduce(x, rate=3).fill_(1)
    assert x.nonzero().tolist() == [[0, 0], [0, 3], [3, 0], [3, 3]]


@given(size=sizes, a=st.integers(1, 4), b=st.integers(1, 4))
def test_reducing_twice_is_reducing_once_by_the_product(size, a, b):
    x = numbered(*size)
    assert torch.equal(reduce(reduce(x, rate=a), rate=b), reduce(x, rate=a * b))


# -------------------------------------------------------------------------------- phases on the batch axis


@given(
    b=st.integers(1, 3), c=st.integers(1, 3), h=st.integers(1, 4), w=st.integers(1, 4), rate=rates, last=st.booleans()
)
def test_convention_split_to_batch_stacks_the_phases_of_each_image(b, c, h, w, rate, last):
    rate_h, rate_w = rate_pair(rate)
    x = numbered(b, c, h * rate_h, w * rate_w)
    if last:
        x = x.contiguous(memory_format=torch.channels_last)
    assert torch.equal(split_to_batch(x, rate=rate), torch.stack(split(x, rate=rate), dim=1).flatten(0, 1))


@given(size=sizes, rate=rates, last=st.booleans())
def test_split_to_batch_fills_odd_maps_with_zeros_at_the_bottom_and_right(size, rate, last):
    x = 1 + numbered(2, 3, *size)
    if last:
        x = x.contiguous(memory_format=torch.channels_last)
    batch = split_to_batch(x, rate=rate).unflatten(0, (2, -1))
    for k, phase in enumerate(split(x, rate=rate)):
        h, w = phase.shape[-2:]
        assert torch.equal(batch[:, k, :, :h, :w], phase)
        assert batch[:, k].count_nonzero() == phase.numel()


@given(size=sizes, rate=rates, last=st.booleans())
def test_merge_from_batch_undoes_split_to_batch_at_every_size(size, rate, last):
    x = torch.randn(2, 3, *size)
    if last:
        x = x.contiguous(memory_format=torch.channels_last)
    assert torch.equal(merge_from_batch(split_to_batch(x, rate=rate), rate=rate, size=size), x)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("size", [(8, 12), (7, 9)])
def test_split_to_batch_and_back_keep_the_memory_layout(layout, size):
    x = torch.randn(2, 5, *size).contiguous(memory_format=layout)
    phases = split_to_batch(x, rate=2)
    assert phases.is_contiguous(memory_format=layout)
    # The crop of an odd map is a view; its order of axes in memory is what must be kept.
    back = merge_from_batch(phases, rate=2, size=size)
    assert back.contiguous(memory_format=layout).stride() == x.stride()
    assert (back.stride(1) == 1) == (layout == torch.channels_last)


def test_merge_from_batch_refuses_a_batch_or_a_size_that_cannot_be():
    phases = torch.zeros(8, 1, 2, 3)
    with pytest.raises(ValueError, match=r"batch of 8 phases; rate=3 needs a multiple of 9"):
        merge_from_batch(phases, rate=3, size=(4, 4))
    for size in [(5, 6), (4, 7), (0, 6), (4, -1)]:
        with pytest.raises(ValueError, match=r"size=.*phases of 2 x 3 at rate=2 fill \(4, 6\)"):
            merge_from_batch(phases, rate=2, size=size)


# -------------------------------------------------------------------------------------------- gradients


@pytest.mark.parametrize("rate", [1, 2, 3, (1, 2), (3, 2), 6])
def test_gradcheck(rate):
    x = torch.randn(2, 1, 5, 4, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda x: split(x, rate=rate), x)
    assert gradcheck(lambda x: reduce(x, rate=rate), x)
    assert gradcheck(lambda x: split_to_batch(x, rate=rate), x)
    assert gradcheck(lambda x: merge_from_batch(split_to_batch(x, rate=rate), rate=rate, size=(5, 4)), x)
    phases = [phase.detach().clone().requires_grad_() for phase in split(x, rate=rate)]
    assert gradcheck(lambda *phases: merge(phases, rate=rate), phases)


def test_each_phase_receives_the_gradient_of_its_own_pixels():
    phases = [phase.clone().requires_grad_() for phase in split(torch.zeros(5, 5), rate=2)]
    coefficients = numbered(5, 5, dtype=torch.float32)
    (merge(phases, rate=2) * coefficients).sum().backward()
    for phase, expected in zip(phases, split(coefficients, rate=2), strict=True):
        assert torch.equal(phase.grad, expected)


# ----------------------------------------------------------------------------------------- what is refused

operators = pytest.mark.parametrize(
    ("name", "call"),
    [
        ("split", lambda x, rate: split(x, rate=rate)),
        ("reduce", lambda x, rate: reduce(x, rate=rate)),
        ("merge", lambda x, rate: merge([x], rate=rate)),
        ("split_to_batch", lambda x, rate: split_to_batch(x, rate=rate)),
        ("merge_from_batch", lambda x, rate: merge_from_batch(x, rate=rate, size=(1, 1))),
    ],
)


@operators
@pytest.mark.parametrize("rate", [0, -1, -8, (0, 2), (2, -3)])
def test_a_rate_below_1_is_refused_with_its_value(name, call, rate):
    with pytest.raises(ValueError) as error:
        call(torch.zeros(1, 1, 4, 4), rate)
    assert str(error.value) == f"{name}: rate={rate!r}; rate must be an integer >= 1 (1 means no dilation)"


@pytest.mark.usefixtures("unchecked")
@operators
@pytest.mark.parametrize("rate", [2.0, 1.5, True, "2", None, (2,), (2, 2, 2), (2, 2.0), (True, 2), np.int64(2)])
def test_a_rate_that_is_no_integer_is_refused_with_its_value(name, call, rate):
    with pytest.raises(TypeError) as error:
        call(torch.zeros(1, 1, 4, 4), rate)
    assert str(error.value).startswith(f"{name}: rate={rate!r}; rate must be an integer >= 1 or a pair of them")


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(("name", "call"), [("split", split), ("reduce", reduce), ("split_to_batch", split_to_batch)])
def test_what_is_no_map_is_refused(name, call):
    axes, needs, rule = r"\(\.\.\., H, W\)", "at least the two axes H and W", "H and W"
    if name == "split_to_batch":
        axes, needs, rule = r"\(B, C, H, W\)", "four axes", "every axis"
    with pytest.raises(TypeError, match=rf"{name}: x is ndarray; pass a torch tensor {axes}"):
        call(np.zeros((4, 4)), rate=2)
    with pytest.raises(ValueError, match=rf"{name}: x has shape \(4,\); it needs {needs}"):
        call(torch.zeros(4), rate=2)
    for empty in [(1, 1, 0, 4), (1, 1, 4, 0)]:
        with pytest.raises(ValueError, match=rf"{name}: x is empty, shape .*0.*; {rule} must be >= 1"):
            call(torch.zeros(empty), rate=2)


@pytest.mark.usefixtures("unchecked")
def test_the_batch_forms_refuse_a_map_without_batch_or_channels():
    with pytest.raises(ValueError, match=r"split_to_batch: x has shape \(3, 4, 4\); .*\(B, C, H, W\); .*x\[None\]"):
        split_to_batch(torch.zeros(3, 4, 4), rate=2)
    with pytest.raises(ValueError, match=r"merge_from_batch: phases has shape \(4, 2, 2\); .*\(B \* r_h \* r_w, C"):
        merge_from_batch(torch.zeros(4, 2, 2), rate=2, size=(4, 4))


@pytest.mark.usefixtures("unchecked")
def test_what_would_take_days_or_is_no_phase_is_refused_with_its_number():
    x = torch.zeros(1, 1, 9, 11)
    for function in (split, split_to_batch):
        with pytest.raises(ValueError, match=r"rate=1000000 makes 1000000000000 phases.* map of 9 x 11"):
            function(x, rate=10**6)
    with pytest.raises(ValueError, match=f"rate={2**40}; .*below {2**31}"):
        reduce(x, rate=2**40)
    with pytest.raises(TypeError, match="merge: got int; pass the phases"):
        merge(5, rate=1)
    with pytest.raises(TypeError, match="merge: phase 3 is NoneType"):
        merge([x, x, x, None], rate=2)
    for size in ((3,), 3):
        with pytest.raises(TypeError, match=r"size=.*; pass \(H, W\)"):
            merge_from_batch(x, rate=1, size=size)
