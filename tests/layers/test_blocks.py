"""The shared blocks: what the reference computes, "same" sizes, and errors before a convolution's own."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from jpu_edu.layers import blocks, checks
from tests import reference

SEPARABLE_CONV = {r"^depthwise": "conv1", r"^norm": "bn"}


def test_the_separable_convolution_is_the_official_one():
    module = reference.filled(blocks.SeparableConv(6, 10, rate=2), SEPARABLE_CONV, run="sepconv_d2")
    got = module(reference.randn(2, 6, 9, 11, seed=20))
    torch.testing.assert_close(got, reference.array("sepconv_d2__out0"), rtol=1e-9, atol=1e-9)


@given(
    h=st.integers(1, 13), w=st.integers(1, 13), stride=st.integers(1, 2), rate=st.integers(1, 9), k=st.integers(0, 2)
)
def test_a_block_keeps_the_size_at_stride_1_and_halves_it_upwards_at_stride_2(h, w, stride, rate, k):
    block = blocks.ConvBNReLU(2, 3, 2 * k + 1, stride=stride, rate=rate).eval()
    assert block(torch.randn(1, 2, h, w)).shape == (1, 3, -(-h // stride), -(-w // stride))


@given(h=st.integers(1, 21), w=st.integers(1, 21), rate=st.integers(1, 25), grad=st.booleans())
def test_the_depthwise_convolution_is_pytorchs_at_every_rate_even_one_larger_than_the_map(h, w, rate, grad):
    block = blocks.DepthwiseConv(3, rate=rate).double()
    x = torch.randn(2, 3, h, w, dtype=torch.float64, requires_grad=grad)
    want = nn.functional.conv2d(x, block.weight, padding=rate, dilation=rate, groups=3)
    torch.testing.assert_close(block(x), want, rtol=0, atol=1e-12)


def test_gradients_of_the_separable_convolution():
    block = blocks.SeparableConv(2, 3, rate=2, norm="group").double()
    x = torch.randn(1, 2, 9, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(block, (x,))


def test_there_is_no_relu_between_depthwise_and_pointwise():
    block = blocks.SeparableConv(2, 3, norm="frozen").double()
    x, y = torch.randn(2, 1, 2, 6, 6, dtype=torch.float64)
    torch.testing.assert_close(block(x) + block(y), block(x + y), rtol=0, atol=1e-12)


@pytest.mark.parametrize("norm", ["batch", "frozen", "group", "sync"])
def test_every_norm_fits_a_block(norm):
    block = blocks.SeparableBNReLU(4, 6, rate=2, norm=norm)
    assert block(torch.randn(2, 4, 5, 7)).min() >= 0


def test_a_channel_is_dropped_whole_in_training_and_never_in_eval():
    classifier = blocks.Classifier(64, 2, dropout=0.5)
    x = torch.ones(1, 64, 3, 3)
    dropped = classifier[0](x)
    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    assert all(channel.unique().numel() == 1 for channel in dropped[0])
    assert torch.equal(classifier.eval()[0](x), x)


def test_errors_carry_the_numbers_and_the_remedy():
    with pytest.raises(ValueError, match=r"classes=0; classes must be an integer >= 1"):
        blocks.Classifier(4, 0)
    with pytest.raises(ValueError, match=r"ConvBNReLU: stride=0; stride must be an integer >= 1"):
        blocks.ConvBNReLU(4, 4, stride=0)
    with pytest.raises(ValueError, match=r"JPU: in_channels=\(4, 4\); give those of c1..c5"):
        checks.check_levels((4, 4), what="JPU")
    with pytest.raises(ValueError, match=r"JPU: c5: got a map of shape \(1, 3, 2, 2\), expected \(B, 4, H, W\)"):
        checks.check_channels(torch.zeros(1, 3, 2, 2), 4, what="JPU: c5")
    with pytest.raises(ValueError, match=r"BatchNorm needs two; use a batch of 2 or more, or norm=.group"):
        checks.require_batch_statistics(torch.zeros(1, 3, 1, 1), nn.BatchNorm2d(3), what="ASPP")
    for fine in (nn.BatchNorm2d(3).eval(), nn.GroupNorm(1, 3)):
        checks.require_batch_statistics(torch.zeros(1, 3, 1, 1), fine, what="ASPP")
