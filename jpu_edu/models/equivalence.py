"""The equivalence at network scale: one set of weights, and output stride 32 is phase (0, 0) of 8.

Shape legend
    B       batch
    H, W    size of the image
    y_s     c5 of the backbone as built, at stride 32
    y_d     c5 of its dilated twin, at stride 8 (16 phases of y_s's size) or 16 (4 phases)
"""

import copy
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from jpu_edu.backbones.dilate import dilate, set_multi_grid
from jpu_edu.backbones.resnet import Bottleneck, ResNet
from jpu_edu.ops.compare import Comparison, compare
from jpu_edu.ops.phases import merge, reduce, split


@torch.no_grad()
def phase_zero(backbone: nn.Module, x: Float[Tensor, "B 3 H W"], *, output_stride: int = 8) -> Comparison:
    """Is y_s phase (0, 0) of y_d? Runs both networks on one set of weights and compares.

    Notice: exact in eval mode, for every size, odd ones too. Rounding may differ in the last digit,
    since a convolution at another size may be summed in another order.

    Args:
        backbone: at output stride 32, in eval mode.
        x: images, in the dtype of the weights; float64 to see rounding noise alone.
        output_stride: of the dilated twin, 8 or 16.

    Returns:
        A row: reduce(y_d) against y_s.

    Source: FastFCN, section 3.3; walkthrough 08.
    """
    rate = 32 // output_stride
    y_s, y_d = backbone(x).c5, dilate(backbone, output_stride=output_stride, share=True)(x).c5
    return compare(f"OS{output_stride}[::{rate}, ::{rate}] = OS32", reduce(y_d, rate=rate).contiguous(), y_s)


@torch.no_grad()
def by_phases(backbone: ResNet, x: Float[Tensor, "B 3 H W"], *, output_stride: int = 8) -> Float[Tensor, "B C h w"]:
    """y_d without a single dilated convolution: the undilated blocks run on phases, which are merged.

    Notice: a stage is  first block at stride 1 -> S -> the other blocks on each phase -> M. The next
    stage starts inside the phases, and its own S makes 4 x 4 = 16. Between the stages M and S cancel.

    Args:
        backbone: a ResNet of bottlenecks at output stride 32, in eval mode.
        x: images, in the dtype of the weights.
        output_stride: 8 runs the last stage on 16 phases, 16 on 4.

    Returns:
        c5 at `output_stride`, equal to that of `dilate(backbone)`.

    Raises:
        ValueError: basic blocks, whose second 3x3 comes after the stride but inside the first block; a
            network in training mode, where BatchNorm would see one phase at a time.

    Source: FastFCN, section 3.3, C_d = S -> C_r -> M; walkthrough 08.
    """
    if backbone.training:
        raise ValueError("by_phases: the network is in training mode, where BatchNorm mixes phases; call .eval()")
    stages = list(backbone.stages) if output_stride == 8 else list(backbone.stages)[1:]
    if not all(isinstance(block, Bottleneck) for stage in stages for block in stage):
        raise ValueError("by_phases: needs blocks with a single 3x3 (ResNet-50, 101, 152), got other blocks")
    features = backbone(x)
    return _through(features.c3 if output_stride == 8 else features.c4, stages)


def _through(y: Tensor, stages: Sequence[nn.Sequential]) -> Tensor:
    if not stages:
        return y
    first, *others = stages[0]
    y = _at_stride_1(first, y)
    phases = [_through(nn.Sequential(*others)(phase), stages[1:]) for phase in split(y, rate=2)]
    return merge(phases, rate=2)


def _at_stride_1(block: Bottleneck, y: Tensor) -> Tensor:
    """A block without its stride."""
    block = copy.deepcopy(block)
    block.conv2.stride = block.downsample[0].stride = (1, 1)
    return block(y)


@torch.no_grad()
def counterexamples(backbone: ResNet, x: Float[Tensor, "B 3 H W"]) -> list[Comparison]:
    """Three ways to lose the equality at output stride 8, each with its error. A row passes if it breaks.

    Notice: none of the three is wrong in itself. A network may be trained that way; it is then another
    function, and y_s says nothing exact about its y_d.

    Args:
        backbone: a ResNet at output stride 32 with BatchNorm, in eval mode. It is not changed.
        x: images, in the dtype of the weights.

    Returns:
        Rows for: every block of both stages dilated; multi-grid (1, 2, 4) on the last stage (repeated or
        cut to its number of blocks); BatchNorm in training mode.

    Source: walkthrough 08.
    """
    blocks = len(backbone.layer4)
    every, grid = dilate(backbone), dilate(backbone, multi_grid=((1, 2, 4) * blocks)[:blocks])
    set_multi_grid(every.layer3, 2, (1,) * len(every.layer3))
    set_multi_grid(every.layer4, 4, (1,) * blocks)
    strided, dilated = copy.deepcopy(backbone).train(), dilate(backbone).train()
    y_s = backbone(x).c5
    pairs = {
        "every block dilated": (every(x).c5, y_s),
        "multi-grid (1, 2, 4)": (grid(x).c5, y_s),
        "BatchNorm in training mode": (dilated(x).c5, strided(x).c5),
    }
    return [compare(name, reduce(y_d, rate=4).contiguous(), y_s, breaks=True) for name, (y_d, y_s) in pairs.items()]
