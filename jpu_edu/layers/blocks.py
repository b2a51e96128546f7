"""The blocks that necks and heads share: convolution, norm, ReLU; and the separable convolution of the JPU.

Shape legend
    C, D    input and output channels
    H, W    height and width; every block keeps them at stride 1
"""

from jaxtyping import Float
from torch import Tensor, nn

from jpu_edu.layers.checks import check_count
from jpu_edu.layers.norm import NormKind, make_norm
from jpu_edu.ops.convs import dilated_conv, same_padding


class DepthwiseConv(nn.Conv2d):
    """One 3x3 filter a channel, at any rate, zero-padded so that H and W stay.

    Notice: a plain nn.Conv2d to everything that looks at it (weights, hooks, counters). Only `forward`
    differs: `dilated_conv(by="auto")` may split the map into phases, which gives the same numbers sooner.

    Source: FastFCN, section 3.3 (C_d = S -> C_r -> M); walkthrough 04.
    """

    def __init__(self, channels: int, *, rate: int = 1) -> None:
        padding = same_padding(3, rate=rate)
        super().__init__(channels, channels, 3, padding=padding, dilation=rate, groups=channels, bias=False)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        return dilated_conv(
            x, self.weight, self.bias, rate=self.dilation, padding=self.padding, groups=self.groups, by="auto"
        )


class ConvBNReLU(nn.Module):
    """Convolution without bias -> norm -> ReLU, "same" padding.

    Notice: no bias, since the norm has its own shift.

    Args:
        in_channels, out_channels: C and D.
        kernel: odd size of the kernel.
        stride, rate: 1 for neither stride nor dilation.
        norm: the kind of norm, see `make_norm`.

    Official keys: `<name>.0` is `conv`, `<name>.1` is `norm`.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int = 3,
        *,
        stride: int = 1,
        rate: int = 1,
        norm: NormKind = "batch",
    ) -> None:
        super().__init__()
        for name, count in (("in_channels", in_channels), ("out_channels", out_channels), ("stride", stride)):
            check_count(count, name=name, what="ConvBNReLU")
        padding = same_padding(kernel, rate=rate)
        self.conv = nn.Conv2d(
            in_channels, out_channels, kernel, stride=stride, padding=padding, dilation=rate, bias=False
        )
        self.norm = make_norm(norm, out_channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D _ _"]:
        return self.relu(self.norm(self.conv(x)))


class SeparableConv(nn.Module):
    """Depthwise 3x3 at a rate -> norm -> pointwise 1x1.

    Notice: no ReLU in the middle, so that at inference all three are one linear map. It costs
    C * 9 + C * D multiplications a pixel instead of C * D * 9.

    Official keys: `conv1` is `depthwise`, `bn` is `norm`, `pointwise` is `pointwise`.

    Source: Chollet 2017 (Xception); FastFCN, section 3.4; walkthrough 11.
    """

    def __init__(self, in_channels: int, out_channels: int, *, rate: int = 1, norm: NormKind = "batch") -> None:
        super().__init__()
        self.depthwise = DepthwiseConv(in_channels, rate=rate)
        self.norm = make_norm(norm, in_channels)
        self.pointwise = nn.Conv2d(in_channels, out_channels, 1, bias=False)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D H W"]:
        return self.pointwise(self.norm(self.depthwise(x)))


class SeparableBNReLU(nn.Module):
    """SeparableConv -> norm -> ReLU: one branch of the JPU.

    Official keys: `dilationN.0` is `separable`, `dilationN.1` is `norm`.
    """

    def __init__(self, in_channels: int, out_channels: int, *, rate: int = 1, norm: NormKind = "batch") -> None:
        super().__init__()
        self.separable = SeparableConv(in_channels, out_channels, rate=rate, norm=norm)
        self.norm = make_norm(norm, out_channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D H W"]:
        return self.relu(self.norm(self.separable(x)))


class Classifier(nn.Sequential):
    """Dropout of whole channels -> 1x1 convolution to the class scores: the end of every head.

    Args:
        in_channels, classes: C and K.
        dropout: the probability that a channel is zeroed while training; 0 for none.

    Raises:
        ValueError: fewer than one class.

    Official keys: the last two modules of the head's last nn.Sequential; the convolution is `[1]`.
    """

    def __init__(self, in_channels: int, classes: int, *, dropout: float = 0.1) -> None:
        check_count(classes, name="classes", what="Classifier")
        super().__init__(nn.Dropout2d(dropout), nn.Conv2d(in_channels, classes, 1))
