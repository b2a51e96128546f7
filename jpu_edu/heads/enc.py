"""EncNet's head: encode the whole image, let the code weigh the channels, and ask which classes are there.

Shape legend
    C, w    channels of y, and of the head (width)
    K       number of classes
    N       number of codewords
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from jpu_edu.layers.blocks import Classifier, ConvBNReLU
from jpu_edu.layers.checks import check_channels, check_count
from jpu_edu.layers.encoding import Encoding
from jpu_edu.layers.features import Features, SegOutput
from jpu_edu.layers.norm import NormKind, make_norm
from jpu_edu.ops.interp import resize


class ContextEncoding(nn.Module):
    """x * (1 + gate(x)), where the gate is one number a channel, read from the code of the whole image.

    Notice: the code has no position. It changes which channels matter everywhere, as "this is a kitchen"
    does; and since the gate multiplies by 1 to 2, it can stress a channel, never silence it.

    Args:
        channels: w.
        classes: K of the presence scores; None for none.
        codes: N.
        norm: see `make_norm`; over the codes it is the 1-D kind.

    Returns:
        The weighted map, and one score a class for "is it in the image?", or None.

    Official keys: `encoding.0` and `.1` are `reduce.conv` and `reduce.norm`, `encoding.3` is `encoding`,
        `encoding.4` is `code_norm`, `fc.0` is `gate`, `selayer` is `presence`.

    Source: EncNet (Zhang et al. 2018), sections 3.1 and 3.2; walkthrough 09.
    """

    def __init__(self, channels: int, *, classes: int | None, codes: int = 32, norm: NormKind = "batch") -> None:
        super().__init__()
        if classes is not None:
            check_count(classes, name="classes", what="ContextEncoding")
        self.reduce = ConvBNReLU(channels, channels, 1, norm=norm)
        self.encoding = Encoding(channels, codes)
        self.code_norm = make_norm(norm, codes, dims=1)
        self.gate = nn.Linear(channels, channels)
        self.presence = None if classes is None else nn.Linear(channels, classes)

    def read(self, reduced: Float[Tensor, "B w H W"]) -> tuple[Float[Tensor, "B w"], Float[Tensor, "B K"] | None]:
        """The gate of each channel and the presence scores, from the map behind `reduce`."""
        code = torch.relu(self.code_norm(self.encoding(reduced))).mean(1)
        return torch.sigmoid(self.gate(code)), None if self.presence is None else self.presence(code)

    def forward(self, x: Float[Tensor, "B w H W"]) -> tuple[Float[Tensor, "B w H W"], Float[Tensor, "B K"] | None]:
        gate, se = self.read(self.reduce(x))
        return torch.relu(x + x * gate[:, :, None, None]), se


class EncHead(nn.Module):
    """Convolution to w channels -> context encoding -> dropout -> 1x1 scores; `se` beside them.

    Notice: behind the JPU the first convolution is 1x1, on a dilated backbone 3x3. At 512 x 512 that alone
    saves 34 of the 83 GMACs between the two networks (ResNet-50).

    Args:
        in_channels, classes: C and K.
        width: w.
        codes: N.
        kernel: 1 behind the JPU, 3 otherwise.
        se: whether to score the presence of every class.
        lateral: channels of (c3, c4), to join both maps with y before encoding; None for neither.
        norm: see `make_norm`.
        align_corners: where c3 or c4 differ from y in size, see `ops.interp`.

    Official keys: `conv5` is `block`, `connect.0` and `.1` are `laterals.0` and `.1`, `fusion` is `fusion`
        (each `.0` conv, `.1` norm), `encmodule` is `context`, `conv6.1` is `classifier.1`.

    Source: EncNet (Zhang et al. 2018), figure 2; FastFCN, section 4.1; walkthrough 09.
    """

    def __init__(
        self,
        in_channels: int,
        classes: int,
        *,
        width: int = 512,
        codes: int = 32,
        kernel: int = 1,
        se: bool = True,
        lateral: tuple[int, int] | None = None,
        norm: NormKind = "batch",
        align_corners: bool = True,
    ) -> None:
        super().__init__()
        self.align_corners = align_corners
        self.block = ConvBNReLU(in_channels, width, kernel, norm=norm)
        self.laterals = nn.ModuleList(ConvBNReLU(c, width, 1, norm=norm) for c in lateral or ())
        self.fusion = ConvBNReLU(3 * width, width, norm=norm) if lateral else None
        self.context = ContextEncoding(width, classes=classes if se else None, codes=codes, norm=norm)
        self.classifier = Classifier(width, classes)

    def joined(self, x: Float[Tensor, "B w H W"], features: Features) -> Float[Tensor, "B w H W"]:
        """x beside c3 and c4, fused; x itself in a head without laterals."""
        if self.fusion is None:
            return x
        lateral = zip(self.laterals, (features.c3, features.c4), strict=True)
        parts = [resize(block(c), size=x.shape[-2:], align_corners=self.align_corners) for block, c in lateral]
        return self.fusion(torch.cat([x, *parts], dim=1))

    def forward(self, y: Float[Tensor, "B C H W"], features: Features) -> SegOutput:
        check_channels(y, self.block.conv.in_channels, what="EncHead")
        x, se = self.context(self.joined(self.block(y), features))
        return SegOutput(self.classifier(x), se=se)
