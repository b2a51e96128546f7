"""ResNet-18 to 152, with the 7x7 stem (torchvision) or the deep stem (three 3x3, the official FastFCN).

Shape legend
    B       batch
    H, W    size of the image, any size >= 32
    c1..c5  the maps at stride 2, 4, 8, 16, 32; sizes are rounded up at every stride
"""

from collections.abc import Sequence
from typing import Literal, get_args

from jaxtyping import Float
from torch import Tensor, nn

from jpu_edu.layers.checks import check_count
from jpu_edu.layers.features import Features
from jpu_edu.layers.norm import NormKind, make_norm

Stem = Literal["7x7", "deep"]

#: The kind of residual block and how many of them make layer1..layer4.
DEPTHS = {
    "resnet18": ("basic", (2, 2, 2, 2)),
    "resnet34": ("basic", (3, 4, 6, 3)),
    "resnet50": ("bottleneck", (3, 4, 6, 3)),
    "resnet101": ("bottleneck", (3, 4, 23, 3)),
    "resnet152": ("bottleneck", (3, 8, 36, 3)),
    "tiny": ("basic", (1, 1, 1, 1)),
}


def _conv3x3(in_channels: int, out_channels: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False)


def _shortcut(in_channels: int, out_channels: int, stride: int, norm: NormKind) -> nn.Sequential | None:
    if stride == 1 and in_channels == out_channels:
        return None
    conv = nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False)
    return nn.Sequential(conv, make_norm(norm, out_channels))


def he_init(module: nn.Module) -> None:
    """Every convolution N(0, sqrt(2 / (k * k * out_channels))), as in He et al. and the official code."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d) and not layer.weight.is_meta:  # on meta there is nothing to fill
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut. The stride is on the first."""

    expansion = 1

    def __init__(self, in_channels: int, width: int, *, stride: int = 1, norm: NormKind = "batch") -> None:
        super().__init__()
        self.conv1 = _conv3x3(in_channels, width, stride)
        self.bn1 = make_norm(norm, width)
        self.conv2 = _conv3x3(width, width)
        self.bn2 = make_norm(norm, width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(in_channels, width, stride, norm)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D h w"]:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return self.relu(y.add_(x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 and a shortcut. Notice: the stride is on the 3x3, as in torchvision and FastFCN."""

    expansion = 4

    def __init__(self, in_channels: int, width: int, *, stride: int = 1, norm: NormKind = "batch") -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1 = make_norm(norm, width)
        self.conv2 = _conv3x3(width, width, stride)
        self.bn2 = make_norm(norm, width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = make_norm(norm, 4 * width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(in_channels, 4 * width, stride, norm)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D h w"]:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return self.relu(y.add_(x if self.downsample is None else self.downsample(x)))


def stage(
    block: Literal["basic", "bottleneck"],
    in_channels: int,
    width: int,
    *,
    blocks: int,
    stride: int,
    norm: NormKind = "batch",
) -> nn.Sequential:
    """`blocks` residual blocks in a row, initialised. Notice: only the first one has the stride."""
    kind = BasicBlock if block == "basic" else Bottleneck
    first = kind(in_channels, width, stride=stride, norm=norm)
    rest = (kind(kind.expansion * width, width, norm=norm) for _ in range(blocks - 1))
    made = nn.Sequential(first, *rest)
    he_init(made)
    return made


class ResNet(nn.Module):
    """A stem at stride 2, a max pooling, and four stages of residual blocks: the maps c1 to c5.

    Notice: a stride stands in four places, and only there: stem, pooling, and the first block of
    layer2, layer3 and layer4. `dilate` removes the last two or the last one.

    Args:
        block: "basic" (18, 34) or "bottleneck" (50, 101, 152).
        blocks: how many blocks layer1..layer4 have, each >= 1.
        stem: "7x7" (one convolution, 64 channels) or "deep" (three 3x3: 64, 64, 128 channels).
        norm: the kind of every normalisation.
        width: channels of the stem; 64 in the paper. layer1..layer4 have 1, 2, 4, 8 times as many
            (and 4 times that after a bottleneck).
        name: what checkpoints call this network.

    Attributes:
        channels: of c1..c5.  strides: the real ones, (2, 4, 8, 16, 32).
        stages: the modules that make c4 and c5, which is where `dilate` works.
        spec: the arguments of the builder below that makes this network again; None if there is none.

    Convention: parameter names are torchvision's (conv1, bn1, layer1.0.conv1, ...), without `fc`.

    Source: He et al. 2016; the deep stem: PSPNet, and the official FastFCN for every ResNet. Walkthrough 08.
    """

    def __init__(
        self,
        *,
        block: Literal["basic", "bottleneck"],
        blocks: Sequence[int],
        stem: Stem = "7x7",
        norm: NormKind = "batch",
        width: int = 64,
        name: str | None = None,
    ) -> None:
        super().__init__()
        if block not in ("basic", "bottleneck"):
            raise ValueError(f"ResNet: block={block!r}; choose one of basic, bottleneck")
        if stem not in get_args(Stem):
            raise ValueError(f"ResNet: stem={stem!r}; choose one of {', '.join(get_args(Stem))}")
        if len(blocks) != 4 or min(blocks) < 1:
            raise ValueError(f"ResNet: blocks={tuple(blocks)}; give four numbers >= 1, such as (3, 4, 6, 3)")
        check_count(width, name="width", what="ResNet")
        if stem == "7x7":
            c1 = width
            self.conv1 = nn.Conv2d(3, c1, 7, stride=2, padding=3, bias=False)
        else:
            c1 = 2 * width
            self.conv1 = nn.Sequential(
                _conv3x3(3, width, stride=2), make_norm(norm, width), nn.ReLU(inplace=True),
                _conv3x3(width, width), make_norm(norm, width), nn.ReLU(inplace=True),
                _conv3x3(width, c1),
            )  # fmt: skip
        self.bn1 = make_norm(norm, c1)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        c2, c3, c4, c5 = (width * (4 if block == "bottleneck" else 1) * m for m in (1, 2, 4, 8))
        self.layer1 = stage(block, c1, width, blocks=blocks[0], stride=1, norm=norm)
        self.layer2 = stage(block, c2, 2 * width, blocks=blocks[1], stride=2, norm=norm)
        self.layer3 = stage(block, c3, 4 * width, blocks=blocks[2], stride=2, norm=norm)
        self.layer4 = stage(block, c4, 8 * width, blocks=blocks[3], stride=2, norm=norm)
        self.channels = (c1, c2, c3, c4, c5)
        self.strides = (2, 4, 8, 16, 32)
        self.spec = None if name is None else {"name": name, "stem": stem, "norm": norm, "width": width}
        he_init(self.conv1)

    @property
    def stages(self) -> tuple[nn.Sequential, nn.Sequential]:
        return self.layer3, self.layer4

    def forward(self, x: Float[Tensor, "B 3 H W"]) -> Features:
        c1 = self.relu(self.bn1(self.conv1(x)))
        c2 = self.layer1(self.maxpool(c1))
        c3 = self.layer2(c2)
        c4 = self.layer3(c3)
        c5 = self.layer4(c4)
        return Features(c1, c2, c3, c4, c5)


def named(name: str, *, stem: Stem, norm: NormKind, width: int) -> ResNet:
    """The ResNet that has this name in DEPTHS."""
    block, blocks = DEPTHS[name]
    return ResNet(block=block, blocks=blocks, stem=stem, norm=norm, width=width, name=name)


def resnet18(*, stem: Stem = "7x7", norm: NormKind = "batch", width: int = 64) -> ResNet:
    """ResNet-18: two basic blocks a stage, 11.2 M parameters, c5 has 512 channels."""
    return named("resnet18", stem=stem, norm=norm, width=width)


def resnet34(*, stem: Stem = "7x7", norm: NormKind = "batch", width: int = 64) -> ResNet:
    """ResNet-34: 3, 4, 6, 3 basic blocks, 21.3 M parameters, c5 has 512 channels."""
    return named("resnet34", stem=stem, norm=norm, width=width)


def resnet50(*, stem: Stem = "7x7", norm: NormKind = "batch", width: int = 64) -> ResNet:
    """ResNet-50: 3, 4, 6, 3 bottlenecks, 23.5 M parameters, c5 has 2048 channels."""
    return named("resnet50", stem=stem, norm=norm, width=width)


def resnet101(*, stem: Stem = "7x7", norm: NormKind = "batch", width: int = 64) -> ResNet:
    """ResNet-101: 3, 4, 23, 3 bottlenecks, 42.5 M parameters, c5 has 2048 channels."""
    return named("resnet101", stem=stem, norm=norm, width=width)


def resnet152(*, stem: Stem = "7x7", norm: NormKind = "batch", width: int = 64) -> ResNet:
    """ResNet-152: 3, 8, 36, 3 bottlenecks, 58.1 M parameters, c5 has 2048 channels."""
    return named("resnet152", stem=stem, norm=norm, width=width)
