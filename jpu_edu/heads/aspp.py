"""DeepLabv3's head: the same map seen at several rates at once, and the mean of the whole image.

Shape legend
    C    channels of y
    w    width: channels of every branch
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from jpu_edu.layers.blocks import Classifier, ConvBNReLU
from jpu_edu.layers.checks import check_channels, require_batch_statistics
from jpu_edu.layers.features import Features, SegOutput
from jpu_edu.layers.norm import NormKind


class ASPP(nn.Module):
    """Atrous spatial pyramid pooling: 1x1, 3x3 at each rate, image mean; joined and reduced to w channels.

    Notice: a rate as large as the map leaves the centre tap of a 3x3 alone inside it: the branch becomes a
    1x1 convolution. The image mean was added for that reason.

    Args:
        in_channels: C.
        width: w.
        rates: of the 3x3 branches; (12, 24, 36) belongs to output stride 8, (6, 12, 18) to 16.
        image_pooling: whether the mean of the image is a branch.
        norm: see `make_norm`.

    Convention: branches are joined as [1x1, rates in order, image].

    Official keys: `b0` is `point`, `b1` to `b3` are `branches.0` to `branches.2`, `b4.gap.1` and `.2` are
        `image.conv` and `image.norm`, `project` is `project` (each `.0` conv, `.1` norm). In torchvision
        `convs.0` to `convs.3` are `point` and `branches`, `convs.4.1` and `.2` are `image`.

    Source: DeepLabv3 (Chen et al. 2017), section 3.3; walkthrough 09.
    """

    def __init__(
        self,
        in_channels: int,
        width: int,
        *,
        rates: tuple[int, ...] = (12, 24, 36),
        image_pooling: bool = True,
        norm: NormKind = "batch",
    ) -> None:
        super().__init__()
        self.point = ConvBNReLU(in_channels, width, 1, norm=norm)
        self.branches = nn.ModuleList(ConvBNReLU(in_channels, width, rate=rate, norm=norm) for rate in rates)
        self.image = ConvBNReLU(in_channels, width, 1, norm=norm) if image_pooling else None
        parts = 1 + len(rates) + image_pooling
        self.project = ConvBNReLU(parts * width, width, 1, norm=norm)
        self.dropout = nn.Dropout2d(0.5)

    def forward(self, y: Float[Tensor, "B C H W"]) -> Float[Tensor, "B w H W"]:
        parts = [self.point(y), *(branch(y) for branch in self.branches)]
        if self.image is not None:
            mean = y.mean((2, 3), keepdim=True)
            require_batch_statistics(mean, self.image.norm, what="ASPP")
            parts.append(self.image(mean).expand(-1, -1, *y.shape[-2:]))
        return self.dropout(self.project(torch.cat(parts, dim=1)))


class ASPPHead(nn.Module):
    """ASPP -> 3x3 -> dropout -> 1x1 scores.

    Args:
        in_channels, classes: C and K.
        width: an eighth of `in_channels` by default, 256 for 2048.
        rates, norm: as in `ASPP`.

    Official keys: `aspp` is `aspp`, `block.0` is `block.conv`, `block.1` is `block.norm`, `block.4` is
        `classifier.1`; in torchvision's DeepLabHead `0`, `1`, `2`, `4`.

    Source: DeepLabv3 (Chen et al. 2017), figure 5; walkthrough 09.
    """

    def __init__(
        self,
        in_channels: int,
        classes: int,
        *,
        width: int | None = None,
        rates: tuple[int, ...] = (12, 24, 36),
        norm: NormKind = "batch",
    ) -> None:
        super().__init__()
        width = in_channels // 8 if width is None else width
        if width < 1:
            raise ValueError(f"ASPPHead: in_channels={in_channels} leave width={width}; give width >= 1")
        self.in_channels = in_channels
        self.aspp = ASPP(in_channels, width, rates=rates, norm=norm)
        self.block = ConvBNReLU(width, width, norm=norm)
        self.classifier = Classifier(width, classes)

    def forward(self, y: Float[Tensor, "B C H W"], features: Features) -> SegOutput:
        check_channels(y, self.in_channels, what="ASPPHead")
        return SegOutput(self.classifier(self.block(self.aspp(y))))
