"""Yu and Koltun's context module: seven 3x3 convolutions on the score maps, at growing rates.

Shape legend
    C    channels of y
    K    number of classes, channels of every score map
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from jpu_edu.layers.blocks import Classifier
from jpu_edu.layers.checks import check_channels
from jpu_edu.layers.features import Features, SegOutput
from jpu_edu.ops.convs import same_padding


def make_identity(conv: nn.Conv2d) -> nn.Conv2d:
    """Give a convolution the weights of "do nothing": 1 on the centre tap of the own channel, 0 elsewhere.

    Raises:
        ValueError: another number of output than of input channels.

    Source: Yu and Koltun 2016, equation 4.
    """
    if conv.in_channels != conv.out_channels or conv.groups != 1:
        raise ValueError(
            f"make_identity: {conv.in_channels} -> {conv.out_channels} channels, groups={conv.groups}; "
            "the identity needs as many outputs as inputs, and groups=1"
        )
    nn.init.dirac_(conv.weight)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return conv


class ContextModule(nn.Module):
    """3x3 convolutions at rates 1, 1, 2, 4, 8, 16, 1, each with ReLU, then 1x1.

    Notice: the window seen grows to 67 x 67 while every layer has nine taps: 3, 5, 9, 17, 33, 65, 67.
    Random weights do not train here, says the paper; the identity does: at birth the module returns ReLU(x).

    Args:
        channels: of input and output, in the paper the class scores.
        rates: one 3x3 convolution each.

    Source: Yu and Koltun 2016, section 3 and table 1 ("basic"); walkthroughs 05 and 09.
    """

    def __init__(self, channels: int, *, rates: tuple[int, ...] = (1, 1, 2, 4, 8, 16, 1)) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            make_identity(nn.Conv2d(channels, channels, 3, padding=same_padding(3, rate=rate), dilation=rate))
            for rate in rates
        )
        self.last = make_identity(nn.Conv2d(channels, channels, 1))

    def forward(self, x: Float[Tensor, "B K H W"]) -> Float[Tensor, "B K H W"]:
        for conv in self.convs:
            x = torch.relu(conv(x))
        return self.last(x)


class ContextHead(nn.Module):
    """1x1 scores of y (the "front end"), refined by the context module.

    Args:
        in_channels, classes: C and K.

    Source: Yu and Koltun 2016, section 4; walkthrough 09.
    """

    def __init__(self, in_channels: int, classes: int) -> None:
        super().__init__()
        self.classifier = Classifier(in_channels, classes)
        self.context = ContextModule(classes)

    def forward(self, y: Float[Tensor, "B C H W"], features: Features) -> SegOutput:
        check_channels(y, self.classifier[1].in_channels, what="ContextHead")
        return SegOutput(self.context(self.classifier(y)))
