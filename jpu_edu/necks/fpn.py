"""The feature pyramid: bring every level to one width, then add from the deepest to the finest."""

from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from jpu_edu.layers.checks import check_levels
from jpu_edu.layers.features import Features
from jpu_edu.ops.interp import nearest, resize

Upsampling = Literal["nearest", "bilinear"]


class FPN(nn.Module):
    """p5 = lateral(c5); p_i = lateral(c_i) + up(p_(i+1)); y = 3x3 convolution of the finest p.

    Notice: adding is a fixed fusion, with the position of the coarse samples baked in. The JPU
    concatenates and lets its convolutions choose.

    Args:
        in_channels: channels of c1..c5.
        width: channels of every level, and of y.
        finest: the level of y, 1 to 4; 3 gives stride 8, 2 the stride 4 of the original.
        upsampling: "nearest", as published, or "bilinear".
        align_corners: for "bilinear", see `ops.interp`.

    Raises:
        ValueError: `finest` outside 1..4.

    Source: Lin et al. 2017, section 3 (no norm, no ReLU); FastFCN, table 1; walkthrough 10.
    """

    def __init__(
        self,
        in_channels: tuple[int, int, int, int, int],
        *,
        width: int = 256,
        finest: int = 3,
        upsampling: Upsampling = "nearest",
        align_corners: bool = True,
    ) -> None:
        super().__init__()
        if finest not in (1, 2, 3, 4):
            raise ValueError(f"FPN: finest={finest}; choose the level of the output, 1, 2, 3 or 4")
        if upsampling not in ("nearest", "bilinear"):
            raise ValueError(f"FPN: upsampling={upsampling!r}; choose nearest or bilinear")
        check_levels(in_channels, what="FPN")
        self.levels = tuple(range(5, finest - 1, -1))
        self.upsampling = upsampling
        self.align_corners = align_corners
        self.out_channels = width
        self.laterals = nn.ModuleList(nn.Conv2d(in_channels[level - 1], width, 1) for level in self.levels)
        self.smooth = nn.Conv2d(width, width, 3, padding=1)

    def up(self, x: Float[Tensor, "B D h w"], *, size: tuple[int, int]) -> Float[Tensor, "B D H W"]:
        """The deeper level at the size of the next one."""
        if self.upsampling == "nearest":
            return nearest(x, size=size)
        return resize(x, size=size, align_corners=self.align_corners)

    def forward(self, features: Features) -> Float[Tensor, "B D H W"]:
        deep, *shallow = [
            lateral(features[level - 1]) for level, lateral in zip(self.levels, self.laterals, strict=True)
        ]
        for finer in shallow:
            deep = finer + self.up(deep, size=finer.shape[-2:])
        return self.smooth(deep)
