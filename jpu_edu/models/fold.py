"""Convolution and BatchNorm as one convolution, and where in a network that may be done."""

import copy
from collections import Counter

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from jpu_edu.cost.dry import following, prepare


def fold(conv: nn.Conv2d, norm: _BatchNorm) -> nn.Conv2d:
    """One convolution in the place of convolution -> BatchNorm in eval mode.

    Notice: with fixed statistics BatchNorm is a factor and a shift for each channel. The factor goes into the
    kernel, the shift into the bias. In training mode the statistics are those of the batch, and nothing folds.

    Args:
        conv: any groups, rate and stride; of any subclass, which is kept.
        norm: with running statistics, over the channels that `conv` gives.

    Returns:
        A copy of `conv` with a new weight and bias; computed in float64, rounded once.

    Raises:
        ValueError: another number of channels; a norm without running statistics.

    Source: norm(C x) = factor * (C x) + shift = (factor * C) x + shift; walkthrough 13.
    """
    if norm.num_features != conv.out_channels or norm.running_var is None:
        raise ValueError(
            f"fold: a norm of {norm.num_features} channels after a convolution to {conv.out_channels}; they must "
            "agree, and the norm needs running statistics"
        )
    mean, variance = norm.running_mean.double(), norm.running_var.double()
    factor = (variance + norm.eps).rsqrt() * (1.0 if norm.weight is None else norm.weight.double())
    shift = (0.0 if norm.bias is None else norm.bias.double()) - mean * factor
    if conv.bias is not None:
        shift = shift + conv.bias.double() * factor
    folded = copy.deepcopy(conv)
    weight = conv.weight.double() * factor[:, None, None, None]
    folded.weight = nn.Parameter(weight.to(conv.weight.dtype), requires_grad=False)
    folded.bias = nn.Parameter(shift.to(conv.weight.dtype), requires_grad=False)
    return folded


def conv_norm_pairs(model: nn.Module, x: Tensor) -> list[tuple[str, str]]:
    """Names of the convolutions whose result goes to one BatchNorm and to no other module: those that fold.

    Notice: nothing is declared. One dry run on the meta device shows which tensor goes where, so the rule holds
    for any network. It sees modules: a result that is also read by a plain function must not be folded, and no
    network here does that.
    """
    made: dict[int, tuple[str, Tensor, int]] = {}  # the tensor is kept, so that its id stays its own
    readers: dict[str, list[str]] = {}
    runs: Counter[str] = Counter()

    def leave(name: str, module: nn.Module, given: tuple, output: object) -> None:
        leaf = next(module.children(), None) is None
        runs[name] += 1
        for tensor in given:
            maker, kept, version = made.get(id(tensor), ("", None, 0))
            if leaf and kept is tensor:
                changed = tensor._version != version  # by an in-place ReLU, say
                readers[maker].append("" if changed else name)
        if isinstance(module, nn.Conv2d):
            made[id(output)] = (name, output, output._version)
            readers.setdefault(name, [])

    _, run = prepare(model, torch.empty_like(x, device="meta"), what="conv_norm_pairs")
    with torch.no_grad(), following(model, enter=lambda name: None, leave=leave):
        run()
    pairs = [(conv, norms[0]) for conv, norms in readers.items() if len(norms) == 1 and norms[0]]
    return [
        (conv, norm)
        for conv, norm in pairs
        if isinstance(model.get_submodule(norm), _BatchNorm) and runs[conv] == runs[norm] == 1
    ]
