"""VGG-16 as FCN uses it: the fully-connected layers become convolutions, so that any image size fits.

Shape legend
    B       batch
    H, W    size of the image, any size >= 32
    c1..c4  pool1..pool4, at stride 2, 4, 8, 16
    c5      fc7 as a map at stride 32
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from jpu_edu.backbones.resnet import he_init
from jpu_edu.layers.checks import check_count
from jpu_edu.layers.features import Features
from jpu_edu.layers.norm import NormKind, make_norm

#: Channels of the convolutions of each stage; a pooling ends the stage.
STAGES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


def linear_to_conv(linear: nn.Linear, *, channels: int) -> nn.Conv2d:
    """The convolution that computes what `linear` computes on a flattened (channels, k, k) map.

    Notice: no number changes. A Linear on a flattened map is a convolution whose kernel is as large
    as the map; on a larger map the same weights answer once for every window.

    Args:
        linear: in_features must be channels * k * k.
        channels: C of the map that was flattened.

    Returns:
        A convolution with a copy of the weights, on their device and in their dtype.

    Raises:
        ValueError: in_features is not channels times a square.

    Convention: the flattening is PyTorch's (channel, row, column).

    Source: FCN, section 3.1; walkthrough 05.
    """
    kernel = math.isqrt(linear.in_features // channels)
    if channels * kernel * kernel != linear.in_features:
        raise ValueError(
            f"linear_to_conv: in_features={linear.in_features}, channels={channels}; in_features must be "
            f"channels times a square, such as {channels} * 7 * 7 = {49 * channels}"
        )
    weight, bias = linear.weight, linear.bias
    conv = nn.Conv2d(
        channels, linear.out_features, kernel, bias=bias is not None, device=weight.device, dtype=weight.dtype
    )
    with torch.no_grad():
        conv.weight.copy_(weight.view_as(conv.weight))
        if bias is not None:
            conv.bias.copy_(bias)
    return conv


class Pool(nn.Module):
    """Max pooling 2x2. At stride 1 and rate r the two taps lie r apart, so that phase 0 stays what it was.

    Notice: sizes are rounded up, as in Caffe, where FCN was written. Rounded down, the last row of an
    odd map would be lost, and a dilated network would have a row that the strided one lacks.
    """

    def __init__(self, *, stride: int = 2, rate: int = 1) -> None:
        super().__init__()
        check_count(stride, name="stride", what="Pool")
        check_count(rate, name="rate", what="Pool")
        self.stride, self.rate = stride, rate

    def extra_repr(self) -> str:
        return f"2x2, stride={self.stride}, rate={self.rate}"

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C h w"]:
        if self.stride == 1:
            x = F.pad(x, (0, self.rate, 0, self.rate), value=-math.inf)
        return F.max_pool2d(x, 2, stride=self.stride, dilation=self.rate, ceil_mode=self.stride > 1)


class VGG16(nn.Module):
    """Thirteen 3x3 convolutions, five poolings, and fc6, fc7 as convolutions.

    Notice: fc6 is a 7x7 convolution with 102.8 M weights, three quarters of the network. It is padded
    by 3, so that c5 has the size of pool5; its value at pixel (3, 3) of a 7x7 map is the classifier's.

    Args:
        norm: None (the original has none) or a kind of normalisation after each 3x3 convolution.
        width: channels of the first stage, 64 in the paper; every other number of channels scales with it.

    Attributes:
        channels: of c1..c5, (64, 128, 256, 512, 4096).  strides: (2, 4, 8, 16, 32).
        stages, spec: as for ResNet.

    Source: Simonyan and Zisserman 2015; FCN, section 4.1 (which pads the image by 100 pixels instead,
        and crops); walkthrough 05.
    """

    def __init__(self, *, norm: NormKind | None = None, width: int = 64) -> None:
        super().__init__()
        check_count(width, name="width", what="VGG16")
        in_channels, maps = 3, []
        for channels in STAGES:
            layers: list[nn.Module] = []
            for out_channels in (c * width // 64 for c in channels):
                layers.append(nn.Conv2d(in_channels, out_channels, 3, padding=1))
                layers += [] if norm is None else [make_norm(norm, out_channels)]
                layers.append(nn.ReLU(inplace=True))
                in_channels = out_channels
            maps.append(nn.Sequential(*layers, Pool()))
        top = 64 * width
        self.stage1, self.stage2, self.stage3, self.stage4, self.stage5 = maps
        self.fc6 = nn.Sequential(nn.Conv2d(in_channels, top, 7, padding=3), nn.ReLU(inplace=True), nn.Dropout2d(0.5))
        self.fc7 = nn.Sequential(nn.Conv2d(top, top, 1), nn.ReLU(inplace=True), nn.Dropout2d(0.5))
        self.channels = (width, 2 * width, 4 * width, 8 * width, top)
        self.strides = (2, 4, 8, 16, 32)
        self.spec = {"name": "vgg16", "stem": None, "norm": "batch", "width": width}
        if norm is not None:
            self.spec |= {"name": "vgg16_bn", "norm": norm}
        he_init(self)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.zeros_(module.bias)

    @property
    def stages(self) -> tuple[nn.Sequential, nn.Sequential]:
        return self.stage4, nn.Sequential(*self.stage5, *self.fc6, *self.fc7)

    def forward(self, x: Float[Tensor, "B 3 H W"]) -> Features:
        c1 = self.stage1(x)
        c2 = self.stage2(c1)
        c3 = self.stage3(c2)
        c4 = self.stage4(c3)
        c5 = self.fc7(self.fc6(self.stage5(c4)))
        return Features(c1, c2, c3, c4, c5)


def vgg16(*, norm: NormKind | None = None, width: int = 64) -> VGG16:
    """VGG-16 with fc6 and fc7 as convolutions: 134.3 M parameters, c5 has 4096 channels."""
    return VGG16(norm=norm, width=width)
