"""CCNet's head: every pixel attends to its row and its column; twice, and it has seen the whole map.

Shape legend
    B       batch
    q, C    channels of queries and keys, and of values
    H, W    height and width of the map
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from jpu_edu.layers.blocks import Classifier, ConvBNReLU
from jpu_edu.layers.checks import check_channels
from jpu_edu.layers.features import Features, SegOutput
from jpu_edu.layers.norm import NormKind


def criss_cross(
    query: Float[Tensor, "B q H W"], key: Float[Tensor, "B q H W"], value: Float[Tensor, "B C H W"]
) -> Float[Tensor, "B C H W"]:
    """Softmax attention of every pixel over the H + W - 1 pixels of its column and row.

    Notice: B * H * W * (H + W) weights instead of B * (H * W)^2: at 64 x 64, 32 times fewer. The pixel
    itself lies on both lines, so the column leaves it out.

    Returns:
        At every pixel a weighted mean of the values on its cross.

    Source: CCNet (Huang et al. 2019), section 3.2; walkthrough 09.
    """
    height = query.shape[2]
    column = torch.einsum("bqhw,bqiw->bhwi", query, key)
    itself = torch.eye(height, dtype=torch.bool, device=query.device)[:, None, :]
    column = column.masked_fill(itself, float("-inf"))
    row = torch.einsum("bqhw,bqhj->bhwj", query, key)
    weights = torch.cat([column, row], dim=3).softmax(3)
    down, along = weights[..., :height], weights[..., height:]
    return torch.einsum("bhwi,bciw->bchw", down, value) + torch.einsum("bhwj,bchj->bchw", along, value)


class CrissCrossAttention(nn.Module):
    """x + gamma * criss_cross(query(x), key(x), value(x)); gamma starts at 0, so it starts as x.

    Args:
        channels: C; queries and keys have an eighth.

    Source: CCNet (Huang et al. 2019), section 3.2; walkthrough 09.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = max(channels // 8, 1)
        self.query = nn.Conv2d(channels, inner, 1)
        self.key = nn.Conv2d(channels, inner, 1)
        self.value = nn.Conv2d(channels, channels, 1)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        return x + self.gamma * criss_cross(self.query(x), self.key(x), self.value(x))


class CrissCrossHead(nn.Module):
    """3x3 -> criss-cross attention, `recurrence` times with the same weights -> 3x3 -> beside y -> scores.

    Notice: after one pass (0, 0) knows its row and column. After two it knows the whole map, since every
    pixel shares a row with some pixel of its column.

    Args:
        in_channels, classes: channels of y, and K.
        width: channels of the last 3x3.
        recurrence: how often the attention is applied.
        norm: see `make_norm`.

    Raises:
        ValueError: recurrence below 1.

    Source: CCNet (Huang et al. 2019), figure 2; walkthrough 09.
    """

    def __init__(
        self, in_channels: int, classes: int, *, width: int = 512, recurrence: int = 2, norm: NormKind = "batch"
    ) -> None:
        super().__init__()
        if recurrence < 1:
            raise ValueError(f"CrissCrossHead: recurrence={recurrence}; attend at least once, 2 sees the whole map")
        inner = max(in_channels // 4, 1)
        self.recurrence = recurrence
        self.before = ConvBNReLU(in_channels, inner, norm=norm)
        self.attention = CrissCrossAttention(inner)
        self.after = ConvBNReLU(inner, inner, norm=norm)
        self.block = ConvBNReLU(in_channels + inner, width, norm=norm)
        self.classifier = Classifier(width, classes)

    def forward(self, y: Float[Tensor, "B C H W"], features: Features) -> SegOutput:
        check_channels(y, self.before.conv.in_channels, what="CrissCrossHead")
        x = self.before(y)
        for _ in range(self.recurrence):
            x = self.attention(x)
        return SegOutput(self.classifier(self.block(torch.cat([y, self.after(x)], dim=1))))
