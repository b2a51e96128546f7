"""FCN-32s, 16s and 8s: score the deep map, then add the scores of finer maps on the way up.

Shape legend
    K       number of classes, channels of every score map
    h, w    size of a score map
    H, W    size of the next finer one, at most 2 h + 1 by 2 w + 1
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from jpu_edu.layers.checks import check_channels, check_count
from jpu_edu.layers.features import Features, SegOutput


def bilinear_kernel(factor: int) -> Float[Tensor, "k k"]:
    """The tent that makes a transposed convolution with stride `factor` interpolate: size 2 * factor - factor % 2."""
    check_count(factor, name="factor", what="bilinear_kernel")
    size = 2 * factor - factor % 2
    tent = 1 - (torch.arange(size) - (size - 1) / 2).abs() / factor
    return tent[:, None] * tent[None, :]


class UpTwo(nn.ConvTranspose2d):
    """Upsampling by two as a transposed convolution, born bilinear.

    Notice: every class starts with its own tent and no weight between classes. Away from the border it
    equals bilinear resizing with align_corners=False; at the border it fades, since beyond it are zeros.

    Args:
        channels: K.
        learnable: False keeps the bilinear weights for good.

    Convention: the crop starts one pixel in, which is half-pixel alignment whatever the parity of H and W.

    Raises:
        ValueError: in forward, a size above 2 h + 1.

    Source: FCN (Long et al. 2015), section 3.3; walkthrough 05.
    """

    def __init__(self, channels: int, *, learnable: bool = True) -> None:
        super().__init__(channels, channels, 4, stride=2, bias=False)
        with torch.no_grad():
            self.weight.zero_()
            self.weight[range(channels), range(channels)] = bilinear_kernel(2)
        self.weight.requires_grad_(learnable)

    def forward(self, x: Float[Tensor, "B K h w"], *, size: tuple[int, int]) -> Float[Tensor, "B K H W"]:
        height, width = size
        if height > 2 * x.shape[2] + 1 or width > 2 * x.shape[3] + 1:
            raise ValueError(
                f"UpTwo: size={tuple(size)} from a map of {tuple(x.shape[2:])}; one step doubles, so the finer "
                "map must have at most 2 h + 1 rows. Are the levels next to one another, and not dilated?"
            )
        return super().forward(x)[:, :, 1 : 1 + height, 1 : 1 + width]


class FCNSkipHead(nn.Module):
    """Scores of y, and for every skip: up by two, plus the scores of the next finer map.

    Notice: a skip starts at zero, so that FCN-16s begins as FCN-32s upsampled, and 8s as 16s.

    Args:
        in_channels: channels of y, which is c5.
        classes: K.
        skip_channels: () is FCN-32s, (channels of c4,) FCN-16s, (channels of c4, of c3) FCN-8s.
        learnable: whether the upsampling learns; see `UpTwo`.
        dropout: before the scores of y.

    Returns:
        Logits at the size of the finest map used. The last step, to the image's size, is the Segmenter's
        resize: bilinear and not learned, as published.

    Raises:
        ValueError: more than four skips; fewer than one class; in forward, channels that do not fit.

    Source: FCN (Long et al. 2015), section 4.2 and figure 3; walkthrough 05.
    """

    def __init__(
        self,
        in_channels: int,
        classes: int,
        *,
        skip_channels: tuple[int, ...] = (),
        learnable: bool = True,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if classes < 1 or len(skip_channels) > 4:
            raise ValueError(
                f"FCNSkipHead: classes={classes}, skip_channels={skip_channels}; "
                "needs one class or more, and at most the four skips c4, c3, c2, c1"
            )
        self.dropout = nn.Dropout2d(dropout)
        self.score = nn.Conv2d(in_channels, classes, 1)
        self.skips = nn.ModuleList(nn.Conv2d(channels, classes, 1) for channels in skip_channels)
        self.ups = nn.ModuleList(UpTwo(classes, learnable=learnable) for _ in skip_channels)
        for skip in self.skips:
            nn.init.zeros_(skip.weight)
            nn.init.zeros_(skip.bias)

    def forward(self, y: Float[Tensor, "B C H W"], features: Features) -> SegOutput:
        check_channels(y, self.score.in_channels, what="FCNSkipHead")
        score = self.score(self.dropout(y))
        finer = (features.c4, features.c3, features.c2, features.c1)
        for i, (skip, up) in enumerate(zip(self.skips, self.ups, strict=True)):
            check_channels(finer[i], skip.in_channels, what=f"FCNSkipHead: skip on c{4 - i}")
            score = up(score, size=finer[i].shape[-2:]) + skip(finer[i])
        return SegOutput(score)
