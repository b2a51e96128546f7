"""JPU_X, the authors' later variant: joint upsampling by two, twice.

Shape legend
    B      batch
    h, w   size of the low-resolution map
    H, W   size of the high-resolution map, the guide
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from jpu_edu.layers.blocks import ConvBNReLU, SeparableBNReLU
from jpu_edu.layers.checks import check_channels, check_levels
from jpu_edu.layers.features import Features
from jpu_edu.layers.norm import NormKind
from jpu_edu.ops.interp import resize


class JUM(nn.Module):
    """One joint upsampling: the low map at the size of its guide, and three branches that saw both.

    Notice: the upsampled low-resolution map itself is part of the result, so the branches add to bilinear
    upsampling instead of replacing it.

    Args:
        low_channels, high_channels: channels of the two inputs.
        width: channels of each of the four parts of the result.
        rate: the branches use rate, 2 * rate and 4 * rate.
        norm: of the two input convolutions. The branches have GroupNorm, as in the official code.
        align_corners: see `ops.interp`.

    Convention: the result is [low resized, rate, 2 * rate, 4 * rate], 4 * width channels.

    Official keys: `conv_l` is `low`, `conv_h` is `high` (each `.0` conv, `.1` norm); `dilation1` to
        `dilation3` are `branches.0` to `branches.2`, inside them as in the JPU.
    """

    def __init__(
        self,
        low_channels: int,
        high_channels: int,
        *,
        width: int,
        rate: int,
        norm: NormKind = "batch",
        align_corners: bool = True,
    ) -> None:
        super().__init__()
        self.align_corners = align_corners
        self.out_channels = 4 * width
        self.low = ConvBNReLU(low_channels, width, norm=norm)
        self.high = ConvBNReLU(high_channels, width, norm=norm)
        self.branches = nn.ModuleList(
            SeparableBNReLU(2 * width, width, rate=r, norm="group") for r in (rate, 2 * rate, 4 * rate)
        )

    def forward(
        self, low: Float[Tensor, "B C_low h w"], high: Float[Tensor, "B C_high H W"]
    ) -> Float[Tensor, "B D H W"]:
        check_channels(low, self.low.conv.in_channels, what="JUM: low")
        check_channels(high, self.high.conv.in_channels, what="JUM: high")
        guide = self.high(high)
        low = resize(self.low(low), size=guide.shape[-2:], align_corners=self.align_corners)
        joined = torch.cat([low, guide], dim=1)
        return torch.cat([low, *(branch(joined) for branch in self.branches)], dim=1)


class JPU_X(nn.Module):
    """y = JUM(c5, guided by JUM(c4, guided by c3)): 4 * width channels at the size of c3.

    Notice: c4 and c3 meet first, and their result guides c5. The JPU joins all three at once.

    Args:
        in_channels: channels of c1..c5.
        width: of the second JUM; the first has half of it.
        norm, align_corners: as in `JUM`.

    Raises:
        ValueError: an odd width.

    Official keys: `jpu.jum_1` is `first`, `jpu.jum_2` is `second`. There `second.high` takes its channels
        from c4, which fits for width 512 alone; here they follow from the width, so any even width works.

    Source: the official repository, 2020, not in the paper (wuhuikai/FastFCN#73); walkthrough 11.
    """

    def __init__(
        self,
        in_channels: tuple[int, int, int, int, int],
        *,
        width: int = 512,
        norm: NormKind = "batch",
        align_corners: bool = True,
    ) -> None:
        super().__init__()
        if width < 2 or width % 2:
            raise ValueError(f"JPU_X: width={width}; the first JUM has half the width, so it must be even, 2 or more")
        check_levels(in_channels, what="JPU_X")
        _, _, c3, c4, c5 = in_channels
        self.first = JUM(c4, c3, width=width // 2, rate=1, norm=norm, align_corners=align_corners)
        guide = self.first.out_channels
        self.second = JUM(c5, guide, width=width, rate=2, norm=norm, align_corners=align_corners)
        self.out_channels = self.second.out_channels

    def forward(self, features: Features) -> Float[Tensor, "B D H3 W3"]:
        return self.second(features.c5, self.first(features.c4, features.c3))
