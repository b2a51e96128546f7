"""The plain head: one 3x3 convolution, then scores. Main head of FCN, auxiliary head of every network."""

from jaxtyping import Float
from torch import Tensor, nn

from jpu_edu.layers.blocks import Classifier, ConvBNReLU
from jpu_edu.layers.checks import check_channels
from jpu_edu.layers.features import Features, SegOutput
from jpu_edu.layers.norm import NormKind


class FCNHead(nn.Module):
    """Conv 3x3 to a quarter of the channels -> norm -> ReLU -> dropout -> 1x1 scores.

    Notice: as the auxiliary head it reads c4 and gives the deep half of the backbone a short way to the
    loss. At inference nobody needs it.

    Args:
        in_channels: channels of y.
        classes: K.
        width: channels between; a quarter of `in_channels` by default.
        norm: see `make_norm`.

    Official keys: `conv5.0` is `block.conv`, `conv5.1` is `block.norm`, `conv5.4` is `classifier.1`;
        in torchvision's FCNHead `0`, `1`, `4`.

    Source: FCN (Long et al. 2015), as in PSPNet's auxiliary loss (Zhao et al. 2017, section 3.3);
        walkthrough 08.
    """

    def __init__(self, in_channels: int, classes: int, *, width: int | None = None, norm: NormKind = "batch") -> None:
        super().__init__()
        width = in_channels // 4 if width is None else width
        if width < 1:
            raise ValueError(f"FCNHead: in_channels={in_channels} leave width={width}; give width >= 1")
        self.block = ConvBNReLU(in_channels, width, norm=norm)
        self.classifier = Classifier(width, classes)

    def forward(self, y: Float[Tensor, "B C H W"], features: Features) -> SegOutput:
        check_channels(y, self.block.conv.in_channels, what="FCNHead")
        return SegOutput(self.classifier(self.block(y)))
