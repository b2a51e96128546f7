"""Stride to dilation: the same weights, a finer map, and phase 0 of it is the old map.

Shape legend
    output stride   stride of c5: 32 as built, 16 or 8 after `dilate`
    rate            distance of a kernel's taps; 1 means no dilation
"""

import copy
from collections.abc import Iterator, Sequence
from typing import Literal

from torch import nn

from jpu_edu.backbones.resnet import BasicBlock, Bottleneck
from jpu_edu.backbones.vgg import Pool


def dilate(
    backbone: nn.Module,
    *,
    output_stride: Literal[8, 16] = 8,
    multi_grid: Sequence[int] | None = None,
    share: bool = False,
) -> nn.Module:
    """C_s becomes C_r, and every C_r after it becomes C_d: a new network with the same weights.

    Notice: a convolution that had a stride keeps the rate of the layers BEFORE it; the layers after it
    take twice that rate. So the first block of a stage keeps the previous rate, and with the same
    weights in eval mode c5[..., ::4, ::4] at output stride 8 equals c5 at 32. Dilating "every block
    of the stage" breaks that.

    Args:
        backbone: ResNet, tiny or VGG16 at output stride 32 (any module with `stages` and `strides` made
            of residual blocks, convolutions and `Pool`).
        output_stride: 8 (c4 and c5 lose their stride) or 16 (c5 does).
        multi_grid: one factor for each block of the last stage; all 3x3 convolutions of block i, the
            first included, then have the rate 32 / output_stride * multi_grid[i]. DeepLabv3 uses
            (1, 2, 4) or (1, 2, 1). It changes the function: phase 0 is no longer the strided network.
        share: False copies the weights. True makes a second view of the same parameters: training one
            network trains the other, and no memory is used twice.

    Returns:
        A new backbone whose `strides` state the real ones: (2, 4, 8, 8, 8) or (2, 4, 8, 16, 16).
        The one passed in is left as it was.

    Raises:
        ValueError: an output stride other than 8 or 16; a backbone that is already dilated; a multi_grid
            that does not fit the last stage.
        TypeError: a backbone without `stages`.

    Convention: rates at output stride 8 are, in ResNet-50: layer3 1, 2, 2, 2, 2, 2; layer4 2, 4, 4.

    Source: Yu and Koltun 2016; DeepLabv3, section 3.2; FastFCN, section 3.1. Walkthrough 08.
    """
    if output_stride not in (8, 16):
        raise ValueError(f"dilate: output_stride={output_stride!r}; choose 8 or 16 (32 is the backbone as it is)")
    if not hasattr(backbone, "stages") or not hasattr(backbone, "strides"):
        raise TypeError(
            f"dilate: {type(backbone).__name__} has no `stages`; it needs a property `stages`, the modules "
            "that make c4 and c5 in the order in which they run, and `strides`"
        )
    if backbone.strides[-1] != 32:
        raise ValueError(
            f"dilate: this backbone has strides {tuple(backbone.strides)}, so it is dilated already; "
            "pass the one at output stride 32"
        )
    shared = [*backbone.parameters(), *backbone.buffers()] if share else []
    net = copy.deepcopy(backbone, {id(tensor): tensor for tensor in shared})
    rate, strides = 1, list(backbone.strides)
    for level, stage in zip((3, 4), net.stages, strict=True):
        if strides[level] > output_stride:
            rate = _undo_strides(stage, rate)
            strides[level] = output_stride
    if multi_grid is not None:
        set_multi_grid(net.stages[-1], rate, tuple(multi_grid))
    net.strides = tuple(strides)
    net.spec = None  # a checkpoint names the undilated network and the builder that dilated it
    return net


def _undo_strides(stage: nn.Sequential, rate: int) -> int:
    """Turn the strides of one stage into rates. Takes the rate before the stage, returns the one after it."""
    for block in stage:
        before = rate
        for path in _paths(block):
            rate = before
            for layer in path:
                rate = _undo_stride(layer, rate)
    return rate


def _paths(block: nn.Module) -> Iterator[list[nn.Module]]:
    """The parallel paths through a block, each as its layers in order; the main path comes last."""
    if isinstance(block, BasicBlock | Bottleneck):
        if block.downsample is not None:
            yield list(block.downsample)
        yield [layer for layer in block.children() if isinstance(layer, nn.Conv2d)]
    else:
        yield [block]


def _undo_stride(layer: nn.Module, rate: int) -> int:
    """Give one layer the rate so far and stride 1. Returns the rate for the layers after it."""
    if isinstance(layer, nn.Conv2d):
        stride = layer.stride[0]
        layer.stride = (1, 1)
        _set_rate(layer, rate)
        return rate * stride
    if isinstance(layer, Pool):
        stride, layer.stride, layer.rate = layer.stride, 1, rate
        return rate * stride
    return rate


def _set_rate(conv: nn.Conv2d, rate: int) -> None:
    if conv.kernel_size != (1, 1):
        conv.dilation = (rate, rate)
        conv.padding = tuple(rate * (kernel // 2) for kernel in conv.kernel_size)


def set_multi_grid(stage: nn.Sequential, rate: int, multi_grid: tuple[int, ...]) -> None:
    """Give the 3x3 convolutions of block i the rate `rate * multi_grid[i]`, in place."""
    if not all(isinstance(block, BasicBlock | Bottleneck) for block in stage):
        raise ValueError(f"dilate: multi_grid={multi_grid} multiplies the rates of residual blocks; VGG has none")
    if len(multi_grid) != len(stage) or min(multi_grid) < 1:
        raise ValueError(
            f"dilate: multi_grid={multi_grid}; the last stage has {len(stage)} blocks, give {len(stage)} factors >= 1"
        )
    for block, factor in zip(stage, multi_grid, strict=True):
        for layer in block.children():
            if isinstance(layer, nn.Conv2d):
                _set_rate(layer, rate * factor)
