"""The Joint Pyramid Upsampling module: from c3, c4, c5 at strides 8, 16, 32 to one map at stride 8.

Shape legend
    B         batch
    H_3, W_3  size of the finest level, c3; any size
    w         width: channels of every level and of every branch
    n         number of rates
"""

from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from jpu_edu.layers.blocks import ConvBNReLU, SeparableBNReLU
from jpu_edu.layers.checks import check_channels, check_levels
from jpu_edu.layers.features import Features
from jpu_edu.layers.norm import NormKind
from jpu_edu.ops.interp import resize

Order = Literal["deep_first", "shallow_first"]


class JPU(nn.Module):
    """y = the joint upsampling of c5 (x4) and c4 (x2) with c3 as guide, in one module.

    Notice: all branches read the same joined map. Rate 1 relates y_m^0 to the rest of y_m; the taps of
    rates 2, 4 and 8 stay within one phase, as the map h from y_m^0 to y_s does. Split and merge are
    nowhere to be seen: a dilated convolution is both (walkthrough 03).

    Args:
        in_channels: channels of c1..c5.
        levels: which maps to join, shallow to deep; the first one gives the size.
        width: w; FastFCN uses 512, and a small backbone needs a small width.
        rates: one branch a rate.
        norm: see `make_norm`.
        order: "deep_first" joins [c5, c4, c3] as the official code, "shallow_first" [c3, c4, c5] as
            mmsegmentation. The same function with the branches' input channels permuted.
        align_corners: True as the official code, False as mmsegmentation.

    Raises:
        ValueError: fewer than two levels, levels out of order or outside 1..5, no rates, an unknown order;
            in forward, a map with other channels than announced.

    Convention: the result has n * w channels, ordered as the rates, and the size of the first level.

    Official keys: `jpu.conv5` is `inputs.c5`, `jpu.conv4` is `inputs.c4`, `jpu.conv3` is `inputs.c3`
        (each `.0` conv, `.1` norm); `jpu.dilation1` to `dilation4` are `branches.0` to `branches.3`
        (`.0.conv1` is `separable.depthwise`, `.0.bn` `separable.norm`, `.0.pointwise`
        `separable.pointwise`, `.1` `norm`).

    Source: FastFCN, section 3.4 and figure 4; walkthrough 11, which builds it line by line.
    """

    def __init__(
        self,
        in_channels: tuple[int, int, int, int, int],
        *,
        levels: tuple[int, ...] = (3, 4, 5),
        width: int = 512,
        rates: tuple[int, ...] = (1, 2, 4, 8),
        norm: NormKind = "batch",
        order: Order = "deep_first",
        align_corners: bool = True,
    ) -> None:
        super().__init__()
        if len(levels) < 2 or list(levels) != sorted(set(levels)) or not set(levels) <= {1, 2, 3, 4, 5}:
            raise ValueError(
                f"JPU: levels={levels}; name two or more of 1 to 5 from shallow to deep, such as (3, 4, 5)"
            )
        if not rates:
            raise ValueError("JPU: rates=(); give at least one rate, such as (1, 2, 4, 8)")
        if order not in get_args(Order):
            raise ValueError(f"JPU: order={order!r}; choose one of {', '.join(get_args(Order))}")
        check_levels(in_channels, what="JPU")
        self.levels = tuple(levels)
        self.order = order
        self.align_corners = align_corners
        self.out_channels = width * len(rates)
        self.inputs = nn.ModuleDict(
            {f"c{level}": ConvBNReLU(in_channels[level - 1], width, norm=norm) for level in reversed(levels)}
        )
        self.branches = nn.ModuleList(
            SeparableBNReLU(width * len(levels), width, rate=rate, norm=norm) for rate in rates
        )

    def forward(self, features: Features) -> Float[Tensor, "B nw H3 W3"]:
        for name, block in self.inputs.items():
            check_channels(getattr(features, name), block.conv.in_channels, what=f"JPU: {name}")
        *deep, guide = [block(getattr(features, name)) for name, block in self.inputs.items()]
        size = guide.shape[-2:]
        maps = [*(resize(m, size=size, align_corners=self.align_corners) for m in deep), guide]
        if self.order == "shallow_first":
            maps.reverse()
        joined = torch.cat(maps, dim=1)
        return torch.cat([branch(joined) for branch in self.branches], dim=1)
