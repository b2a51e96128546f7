"""The Encoding layer: its definition by loops, the reference's numbers and gradients, and its memory."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from jpu_edu.layers.encoding import Encoding, encode
from tests import reference


def by_definition(x, codewords, scale):
    """Equation 1 of EncNet with every residual written down: B x N x K x D numbers."""
    residual = x.flatten(2).transpose(1, 2)[:, :, None] - codewords
    assignment = (scale * residual.square().sum(3)).softmax(2)
    return (assignment[..., None] * residual).sum(1)


@pytest.fixture
def golden():
    x = reference.randn(2, 12, 6, 7, seed=22)
    return x, reference.fill_value("codewords", (5, 12)).double(), reference.fill_value("scale", (5,)).double()


def test_codes_and_all_three_gradients_are_the_official_ones(golden):
    inputs = [tensor.requires_grad_() for tensor in golden]
    codes = encode(*inputs)
    torch.testing.assert_close(codes, reference.array("encoding_layer__out0"), rtol=1e-9, atol=1e-9)
    weights = torch.linspace(-1, 1, codes.numel(), dtype=torch.float64).view_as(codes)
    gradients = torch.autograd.grad((codes * weights).sum(), inputs)
    for name, gradient in zip(("x", "codewords", "scale"), gradients, strict=True):
        want = reference.array(f"encoding_layer__grad_{name}_plain")
        torch.testing.assert_close(gradient, want, rtol=1e-9, atol=1e-9)


@given(b=st.integers(1, 3), d=st.integers(1, 6), h=st.integers(1, 5), w=st.integers(1, 5), k=st.integers(1, 5))
def test_two_matrix_products_equal_the_definition(b, d, h, w, k):
    x, codewords, scale = torch.randn(b, d, h, w).double(), torch.randn(k, d).double(), torch.randn(k).double()
    torch.testing.assert_close(encode(x, codewords, scale), by_definition(x, codewords, scale), rtol=0, atol=1e-9)


def test_dropping_the_square_of_x_changes_the_codes_because_the_scales_differ():
    """|x|^2 is common to all codewords, but each has its own scale; with equal scales it would cancel."""
    x, codewords = torch.randn(1, 4, 3, 3).double(), torch.randn(3, 4).double()

    def without_square(scale):
        pixels = x.flatten(2)
        distance = -2 * codewords @ pixels + codewords.square().sum(1, keepdim=True)
        assignment = (scale[:, None] * distance).softmax(1)
        return assignment @ pixels.transpose(1, 2) - assignment.sum(2, keepdim=True) * codewords

    equal, different = torch.full((3,), -0.5).double(), torch.tensor([-0.1, -0.5, -0.9]).double()
    torch.testing.assert_close(without_square(equal), encode(x, codewords, equal), rtol=0, atol=1e-12)
    assert (without_square(different) - encode(x, codewords, different)).abs().max() > 1e-2


def test_gradients_also_where_a_scale_is_exactly_zero():
    """The official hand-written backward pass divides by the scale and gives NaN here."""
    x = torch.randn(1, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    codewords = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    scale = torch.tensor([0.0, -0.5, 0.0, 0.3], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(encode, (x, codewords, scale))


def test_no_tensor_is_larger_than_the_input_or_the_assignment():
    """B x N x K x D never exists, forward or backward."""
    largest = 0

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            nonlocal largest
            out = func(*args, **(kwargs or {}))
            tensors = out if isinstance(out, tuple | list) else (out,)
            largest = max([largest, *(t.numel() for t in tensors if isinstance(t, torch.Tensor))])
            return out

    x = torch.randn(2, 8, 10, 10, requires_grad=True)
    layer = Encoding(8, 5)
    with Watch():
        layer(x).sum().backward()
    assert largest == x.numel() == 2 * 8 * 100


def test_convention_the_nearest_codeword_takes_the_pixel_when_the_scale_is_very_negative():
    codewords = torch.tensor([[0.0, 0.0], [10.0, 0.0]])
    x = torch.tensor([1.0, 0.5])[None, :, None, None]
    codes = encode(x, codewords, torch.full((2,), -50.0))
    torch.testing.assert_close(codes, torch.tensor([[[1.0, 0.5], [0.0, 0.0]]]))


def test_the_layer_starts_as_published():
    layer = Encoding(16, 32)
    bound = (16 * 32) ** -0.5
    assert 0.9 * bound < layer.codewords.abs().max() <= bound
    assert -1 <= layer.scale.min() < layer.scale.max() <= 0


def test_errors_carry_the_numbers(unchecked):
    with pytest.raises(ValueError, match=r"encode: got a map of shape \(1, 3, 2, 2\), expected \(B, 4, H, W\)"):
        Encoding(4, 2)(torch.zeros(1, 3, 2, 2))
    with pytest.raises(ValueError, match=r"channels=4, codes=0"):
        Encoding(4, 0)


def test_one_scale_a_codeword(unchecked):
    with pytest.raises(ValueError, match=r"scale has shape \(3,\), there are 2 codewords"):
        encode(torch.zeros(1, 4, 2, 2), torch.zeros(2, 4), torch.zeros(3))
