"""The neck that does nothing: y is the deepest map."""

from jaxtyping import Float
from torch import Tensor, nn

from jpu_edu.layers.checks import check_levels
from jpu_edu.layers.features import Features


class Last(nn.Module):
    """y = c5, at its real stride: 32 for FCN-32s, 8 for a dilated backbone.

    Args:
        in_channels: channels of c1..c5.

    Source: FCN (Long et al. 2015); DilatedFCN in FastFCN, figure 1; walkthrough 08.
    """

    def __init__(self, in_channels: tuple[int, int, int, int, int]) -> None:
        super().__init__()
        check_levels(in_channels, what="Last")
        self.out_channels = in_channels[4]

    def forward(self, features: Features) -> Float[Tensor, "B C5 H5 W5"]:
        return features.c5
