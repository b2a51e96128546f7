"""VGG-16 with its fully-connected layers as convolutions: the same numbers, at any image size."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from jpu_edu.backbones.vgg import Pool, linear_to_conv, vgg16
from jpu_edu.ops.compare import compare
from jpu_edu.ops.phases import reduce


@given(
    channels=st.integers(1, 5), kernel=st.integers(1, 4), out=st.integers(1, 6), bias=st.booleans(),
    extra=st.tuples(st.integers(0, 3), st.integers(0, 3)),
)  # fmt: skip
def test_a_linear_layer_is_a_convolution_at_every_window(
    channels: int, kernel: int, out: int, bias: bool, extra: tuple[int, int]
) -> None:
    linear = nn.Linear(channels * kernel**2, out, bias=bias).double()
    x = torch.randn(2, channels, kernel + extra[0], kernel + extra[1], dtype=torch.float64)
    windows = x.unfold(2, kernel, 1).unfold(3, kernel, 1).permute(0, 2, 3, 1, 4, 5).flatten(3)
    want = linear(windows).permute(0, 3, 1, 2)
    assert compare("fc = conv", linear_to_conv(linear, channels=channels)(x), want.contiguous()).passed


def test_convention_linear_to_conv_flattens_channel_then_row_then_column() -> None:
    """The weight of input (c, i, j) is column (c * k + i) * k + j of the linear layer."""
    linear = nn.Linear(3 * 4, 1, bias=False)
    linear.weight.data = torch.arange(12.0)[None]
    weight = linear_to_conv(linear, channels=3).weight
    assert all(weight[0, c, i, j] == (c * 2 + i) * 2 + j for c in range(3) for i in range(2) for j in range(2))


def test_linear_to_conv_says_what_fits() -> None:
    with pytest.raises(ValueError, match=r"in_features=90, channels=4.*196"):
        linear_to_conv(nn.Linear(90, 2), channels=4)


def test_the_centre_of_fc6_is_the_classifier() -> None:
    net = vgg16(width=4).eval().double()
    x = torch.randn(1, 3, 224, 224, dtype=torch.float64)
    pool5 = net.stage5(net.stage4(net.stage3(net.stage2(net.stage1(x)))))
    conv6, conv7 = net.fc6[0], net.fc7[0]
    fc6 = (conv6.weight.flatten(1) @ pool5.flatten() + conv6.bias).relu()
    fc7 = (conv7.weight.flatten(1) @ fc6 + conv7.bias).relu()
    assert compare("fc7", net(x).c5[0, :, 3, 3], fc7).passed


def test_parameters_are_the_published_ones_without_the_last_layer() -> None:
    with torch.device("meta"):
        net = vgg16()
    assert sum(p.numel() for p in net.parameters()) + 4097 * 1000 == 138_357_544


@given(height=st.integers(32, 66), width=st.integers(32, 66))
def test_every_map_has_the_image_size_over_its_stride_rounded_up(height: int, width: int) -> None:
    net = vgg16(width=2, norm="group").eval()
    for x, channels, stride in zip(net(torch.randn(1, 3, height, width)), net.channels, net.strides, strict=True):
        assert x.shape == (1, channels, -(-height // stride), -(-width // stride))


@given(height=st.integers(1, 12), width=st.integers(1, 12), rate=st.integers(1, 3))
def test_a_dilated_pool_keeps_every_phase(height: int, width: int, rate: int) -> None:
    x = torch.randn(1, 2, height, width) - 5  # below zero: padding with zeros would win the maximum
    dilated = Pool(stride=1, rate=rate)(x)
    phase = reduce(x, rate=rate)
    assert dilated.shape == x.shape
    assert torch.equal(reduce(reduce(dilated, rate=rate), rate=2), Pool()(phase))
