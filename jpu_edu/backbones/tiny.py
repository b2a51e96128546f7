"""A ResNet for laptops: one basic block a stage, narrow, trained in a minute on two cores."""

from jpu_edu.backbones.resnet import ResNet, Stem, named
from jpu_edu.layers.norm import NormKind


def tiny(*, width: int = 16, stem: Stem = "7x7", norm: NormKind = "batch") -> ResNet:
    """ResNet-10: (1, 1, 1, 1) basic blocks; c5 has 8 * width channels.

    Notice: it is a ResNet in every respect that the course speaks of: five maps, the same strides,
    and `dilate` works on it. 0.3 M parameters at width 16.

    Args:
        width: channels of c1 and c2; c3, c4, c5 have 2, 4, 8 times as many.
        stem, norm: as for every ResNet.

    Source: walkthrough 11 trains it.
    """
    return named("tiny", stem=stem, norm=norm, width=width)
