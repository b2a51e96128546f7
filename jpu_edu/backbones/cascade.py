"""DeepLabv3 going deeper: further copies of the last stage, at growing rates, on a map that stays fine.

Shape legend
    B      batch
    h, w   size of c5, image size over the output stride
"""

from collections.abc import Sequence

from torch import Tensor, nn

from jpu_edu.backbones.dilate import dilate, set_multi_grid
from jpu_edu.backbones.resnet import Bottleneck, ResNet, stage
from jpu_edu.layers.features import Features
from jpu_edu.layers.norm import NormKind


class Cascade(nn.Module):
    """A ResNet whose c5 goes through blocks 5, 6, 7: replicas of its last stage with new weights.

    Notice: undilated, each block would halve the map again, to stride 256 after block 7. Here the map
    stays and the rate doubles instead: at output stride 16 the blocks 4, 5, 6, 7 have the rates
    2, 4, 8, 16, times `multi_grid` inside each block.

    Args:
        backbone: a ResNet at output stride 32.
        output_stride: 8 or 16.
        multi_grid: one factor for each of the residual blocks inside block 4, 5, 6, 7; None for (1, 2, 1), cut to
            their number.
        blocks: the number of the last block, 4 (none added) to 7.
        norm: of the added blocks.

    Attributes:
        channels, strides: those of the dilated backbone.

    Raises:
        ValueError: blocks outside 4..7.

    Source: DeepLabv3, section 3.2 and table 3 (best: block 7, multi_grid (1, 2, 1)); walkthrough 09.
    """

    def __init__(
        self,
        backbone: ResNet,
        *,
        output_stride: int = 16,
        multi_grid: Sequence[int] | None = None,
        blocks: int = 7,
        norm: NormKind = "batch",
    ) -> None:
        super().__init__()
        if not 4 <= blocks <= 7:
            raise ValueError(f"Cascade: blocks={blocks}; the last block is 4 (none added), 5, 6 or 7")
        multi_grid = (1, 2, 1)[: len(backbone.layer4)] if multi_grid is None else multi_grid
        self.backbone = dilate(backbone, output_stride=output_stride, multi_grid=multi_grid)
        self.channels, self.strides = self.backbone.channels, self.backbone.strides
        last = self.backbone.layer4
        kind = "bottleneck" if isinstance(last[0], Bottleneck) else "basic"
        width = self.channels[-1] // last[0].expansion
        self.added = nn.ModuleList()
        for number in range(5, blocks + 1):
            block = stage(kind, self.channels[-1], width, blocks=len(last), stride=1, norm=norm)
            set_multi_grid(block, 32 // output_stride * 2 ** (number - 4), tuple(multi_grid))
            self.added.append(block)

    def forward(self, x: Tensor) -> Features:
        features = self.backbone(x)
        c5 = features.c5
        for block in self.added:
            c5 = block(c5)
        return features._replace(c5=c5)
