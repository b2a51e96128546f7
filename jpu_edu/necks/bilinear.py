"""Bilinear upsampling of the deepest map: joint upsampling without the guide."""

from jaxtyping import Float
from torch import Tensor, nn

from jpu_edu.layers.checks import check_levels
from jpu_edu.layers.features import Features
from jpu_edu.ops.interp import resize


class Bilinear(nn.Module):
    """y = c5, resized to the size of c3.

    Notice: y has the size of the map that a dilated backbone gives, and no detail that c5 did not have.
    It is the baseline that every other neck has to beat.

    Args:
        in_channels: channels of c1..c5.
        align_corners: where the samples sit, see `ops.interp`.

    Source: FastFCN, table 1; walkthrough 10.
    """

    def __init__(self, in_channels: tuple[int, int, int, int, int], *, align_corners: bool = True) -> None:
        super().__init__()
        check_levels(in_channels, what="Bilinear")
        self.out_channels = in_channels[4]
        self.align_corners = align_corners

    def forward(self, features: Features) -> Float[Tensor, "B C5 H3 W3"]:
        return resize(features.c5, size=features.c3.shape[-2:], align_corners=self.align_corners)
