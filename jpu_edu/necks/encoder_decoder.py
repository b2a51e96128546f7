"""The encoder-decoder: go back up one level at a time, and look at the encoder's map at each."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from jpu_edu.layers.blocks import ConvBNReLU
from jpu_edu.layers.checks import check_levels
from jpu_edu.layers.features import Features
from jpu_edu.layers.norm import NormKind
from jpu_edu.ops.interp import resize


class EncoderDecoder(nn.Module):
    """Resize the deep map to the next level, put that level's map beside it, convolve twice; repeat.

    Notice: the steps follow one another, from c5 to c4 to c3. The JPU looks at all levels in one step.

    Args:
        in_channels: channels of c1..c5.
        width: channels after every step, and of y.
        finest: the level to climb to, 1 to 4; 3 gives stride 8, as the JPU does, 1 the whole U.
        norm, align_corners: see `make_norm` and `ops.interp`.

    Raises:
        ValueError: `finest` outside 1..4.

    Source: U-Net (Ronneberger et al. 2015); FastFCN, figure 1 (b); walkthrough 10.
    """

    def __init__(
        self,
        in_channels: tuple[int, int, int, int, int],
        *,
        width: int = 256,
        finest: int = 3,
        norm: NormKind = "batch",
        align_corners: bool = True,
    ) -> None:
        super().__init__()
        if finest not in (1, 2, 3, 4):
            raise ValueError(f"EncoderDecoder: finest={finest}; choose the level to climb to, 1, 2, 3 or 4")
        check_levels(in_channels, what="EncoderDecoder")
        self.levels = tuple(range(4, finest - 1, -1))
        self.align_corners = align_corners
        self.out_channels = width
        self.steps = nn.ModuleList()
        deep = in_channels[4]
        for level in self.levels:
            shallow = in_channels[level - 1]
            first = ConvBNReLU(deep + shallow, width, norm=norm)
            self.steps.append(nn.Sequential(first, ConvBNReLU(width, width, norm=norm)))
            deep = width

    def forward(self, features: Features) -> Float[Tensor, "B D H W"]:
        y = features.c5
        for level, step in zip(self.levels, self.steps, strict=True):
            shallow = features[level - 1]
            up = resize(y, size=shallow.shape[-2:], align_corners=self.align_corners)
            y = step(torch.cat([up, shallow], dim=1))
        return y
