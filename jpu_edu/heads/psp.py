"""PSPNet's head: what is in this image, in this quarter of it, in this 36th of it?

Shape legend
    C    channels of y
    n    bins a side of one level of the pyramid
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from jpu_edu.layers.blocks import Classifier, ConvBNReLU
from jpu_edu.layers.checks import check_channels, check_count, require_batch_statistics
from jpu_edu.layers.features import Features, SegOutput
from jpu_edu.layers.norm import NormKind
from jpu_edu.layers.pooling import adaptive_avg_pool
from jpu_edu.ops.interp import resize


class PyramidPooling(nn.Module):
    """y beside its means over 1, 4, 9 and 36 boxes, each reduced to C / 4 channels and resized back.

    Notice: the pooling is `adaptive_avg_pool`, a matrix product, so the network exports to ONNX with a
    dynamic size.

    Args:
        in_channels: C.
        bins: boxes a side of every level.
        norm, align_corners: see `make_norm` and `ops.interp`.

    Convention: the result is [y, levels in the order of `bins`], 2 C channels for the default.

    Official keys: `conv1` to `conv4` are `levels.0` to `levels.3` (`.0` conv, `.1` norm).

    Source: PSPNet (Zhao et al. 2017), section 3.2; walkthrough 09.
    """

    def __init__(
        self,
        in_channels: int,
        *,
        bins: tuple[int, ...] = (1, 2, 3, 6),
        norm: NormKind = "batch",
        align_corners: bool = True,
    ) -> None:
        super().__init__()
        if not bins or in_channels < len(bins):
            raise ValueError(
                f"PyramidPooling: bins={bins} on {in_channels} channels; give one bin or more, "
                "and at least one channel for each"
            )
        width = in_channels // len(bins)
        self.bins = tuple(bins)
        self.align_corners = align_corners
        self.levels = nn.ModuleList(ConvBNReLU(in_channels, width, 1, norm=norm) for _ in bins)
        self.out_channels = in_channels + width * len(bins)

    def forward(self, y: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D H W"]:
        parts = [y]
        for level, means in zip(self.levels, adaptive_avg_pool(y, bins=self.bins), strict=True):
            require_batch_statistics(means, level.norm, what="PyramidPooling")
            parts.append(resize(level(means), size=y.shape[-2:], align_corners=self.align_corners))
        return torch.cat(parts, dim=1)


class PSPHead(nn.Module):
    """Pyramid pooling -> 3x3 to a quarter of the channels -> dropout -> 1x1 scores.

    Args:
        in_channels, classes: C and K.
        bins, norm, align_corners: as in `PyramidPooling`.

    Official keys: `conv5.0` is `pyramid`, `conv5.1` is `block.conv`, `conv5.2` is `block.norm`, `conv5.5`
        is `classifier.1`.

    Source: PSPNet (Zhao et al. 2017), figure 3; walkthrough 09.
    """

    def __init__(
        self,
        in_channels: int,
        classes: int,
        *,
        bins: tuple[int, ...] = (1, 2, 3, 6),
        norm: NormKind = "batch",
        align_corners: bool = True,
    ) -> None:
        super().__init__()
        check_count(in_channels // 4, name=f"a quarter of in_channels={in_channels}", what="PSPHead")
        self.in_channels = in_channels
        self.pyramid = PyramidPooling(in_channels, bins=bins, norm=norm, align_corners=align_corners)
        self.block = ConvBNReLU(self.pyramid.out_channels, in_channels // 4, norm=norm)
        self.classifier = Classifier(in_channels // 4, classes)

    def forward(self, y: Float[Tensor, "B C H W"], features: Features) -> SegOutput:
        check_channels(y, self.in_channels, what="PSPHead")
        return SegOutput(self.classifier(self.block(self.pyramid(y))))
