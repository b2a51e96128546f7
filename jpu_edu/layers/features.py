"""What the parts of a network hand to one another: Features from the backbone, SegOutput from the head.

Shape legend
    B         batch
    C1..C5    channels of the five maps
    H_i, W_i  size of map i: the input's size over the map's stride, rounded up
    K         number of classes
"""

from dataclasses import dataclass
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor


class Features(NamedTuple):
    """The five maps of a backbone, c1 (shallow, fine) to c5 (deep, coarse), as in the paper's conv1..conv5.

    Notice: the names give the NOMINAL strides 2, 4, 8, 16, 32. A dilated backbone returns c4 and c5
    at its real stride (8 at output stride 8): the name says the depth, the shape says the resolution.

    Convention: c3, c4, c5 feed the JPU's conv3, conv4, conv5. The official code calls the same three
        maps c2, c3, c4.

    Source: FastFCN, figure 2; walkthrough 08.
    """

    c1: Float[Tensor, "B C1 H1 W1"]
    c2: Float[Tensor, "B C2 H2 W2"]
    c3: Float[Tensor, "B C3 H3 W3"]
    c4: Float[Tensor, "B C4 H4 W4"]
    c5: Float[Tensor, "B C5 H5 W5"]


@dataclass
class SegOutput:
    """What a head or a whole network returns. Logits are scores before the softmax.

    Notice: a head returns `logits` at the resolution of the map that it read. The Segmenter resizes
    them to the image.

    Fields:
        logits: the class scores.
        aux: the class scores of the auxiliary head, where asked for.
        se: one score a class for the whole image, before the sigmoid: "is this class present?" (EncNet).
    """

    logits: Float[Tensor, "B K H W"]
    aux: Float[Tensor, "B K H_aux W_aux"] | None = None
    se: Float[Tensor, "B K"] | None = None
