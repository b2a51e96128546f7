"""Multiply-accumulates and parameters of every layer, counted in two independent ways.

Shape legend
    B, C, D   batch, input channels, output channels
    H, W      height and width of the input map
    k         kernel, k_h x k_w

One MAC is one multiplication and the addition that follows it. Most "FLOPs" in papers are MACs; torch's
counter counts 2 for each. Bias, BatchNorm, ReLU, pooling and interpolation are not counted, in either way:
they are under one percent of the arithmetic (and much more of the time).
"""

from collections import defaultdict
from math import prod
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.utils.flop_counter import FlopCounterMode

from jpu_edu.cost.dry import following, prepare
from jpu_edu.cost.ledger import LayerCost
from jpu_edu.ops.maps import whole_pair
from jpu_edu.ops.phases import Rate


def conv_macs(
    *,
    in_channels: int,
    out_channels: int,
    kernel: Rate,
    size: tuple[int, int],
    stride: Rate = 1,
    padding: int | tuple[int, int] = 0,
    rate: Rate = 1,
    groups: int = 1,
    batch: int = 1,
) -> int:
    """MACs of one convolution: every weight is used once for each output position.

    Notice: the rate appears in the output size and nowhere else. At equal output size a dilated
    convolution costs exactly what a regular one costs. The resolution is what costs.

    Args:
        in_channels, out_channels: C and D; `groups` divides both.
        kernel, stride, rate, padding: integers, or pairs (vertical, horizontal).
        size: (H, W) of the *input* map.
        groups: C for a depthwise convolution.
        batch: B.

    Raises:
        TypeError, ValueError: numbers below 1; groups that do not divide; a kernel larger than the padded map.

    Source: B * H_out * W_out * D * (C / groups) * k_h * k_w; walkthroughs 04 and 13.
    """
    kernel, stride, rate = (
        whole_pair(value, what="conv_macs", name=name)
        for name, value in (("kernel", kernel), ("stride", stride), ("rate", rate))
    )
    padding = padding if isinstance(padding, tuple) else (padding, padding)
    if in_channels % groups or out_channels % groups:
        raise ValueError(f"conv_macs: groups={groups} divides not both of {in_channels} and {out_channels} channels")
    out = [
        (n + 2 * p - r * (k - 1) - 1) // s + 1
        for n, p, r, k, s in zip(size, padding, rate, kernel, stride, strict=True)
    ]
    if min(out) < 1:
        raise ValueError(f"conv_macs: kernel {kernel} at rate {rate} does not fit a map {size} padded by {padding}")
    return batch * prod(out) * out_channels * (in_channels // groups) * prod(kernel)


def _closed_form(module: nn.Module, inputs: tuple, output: Any) -> int:
    """Weights times the positions at which each is used."""
    if isinstance(module, _ConvTransposeNd):  # every weight meets every input position
        return module.weight.numel() * inputs[0].numel() // module.in_channels
    if isinstance(module, _ConvNd):
        return module.weight.numel() * output.numel() // module.out_channels
    if isinstance(module, nn.Linear):
        return module.weight.numel() * inputs[0].numel() // module.in_features
    return 0


def layer_costs(model: nn.Module, *inputs: Tensor) -> list[LayerCost]:
    """MACs and parameters of every module that holds parameters or multiplies, in the order they are defined.

    Notice: on the meta device nothing is computed and nothing allocated. The largest network here
    takes well under a second, at any resolution, and the model keeps its weights and running statistics.

    Args:
        model: any module; called as it is, in training or eval mode.
        inputs: tensors. Best `torch.empty(1, 3, 512, 512, device="meta")`; a real tensor works too.

    Returns:
        One `LayerCost` for each such module. A module that runs twice has both runs added and its parameters
        counted once; one that does not run has 0 MACs. Tied parameters belong to the first module.

    Raises:
        TypeError, ValueError: no tensors; some on the meta device and some not.

    Source: walkthrough 13.
    """
    _, run = prepare(model, *inputs, what="layer_costs")
    macs: dict[str, int] = defaultdict(int)
    counted: dict[str, int] = defaultdict(int)
    outputs: dict[str, tuple[int, ...]] = {}
    running: list[str] = []
    counter = FlopCounterMode(display=False)
    seen = 0

    def book() -> None:
        """Give what was counted since the last change of module to the module that was running."""
        nonlocal seen
        total = counter.get_total_flops()
        counted[running[-1] if running else ""] += total - seen
        seen = total

    def enter(name: str) -> None:
        book()
        running.append(name)

    def leave(name: str, module: nn.Module, given: tuple, output: Any) -> None:
        book()
        running.pop()
        macs[name] += _closed_form(module, given, output)
        outputs[name] = tuple(output.shape) if isinstance(output, Tensor) else ()

    with following(model, enter=enter, leave=leave), counter:
        run()

    rows, known = [], set()
    for name, module in model.named_modules():
        own = [p for p in module.parameters(recurse=False) if id(p) not in known]
        known.update(map(id, own))
        params = sum(p.numel() for p in own)
        if params or counted[name] or macs[name]:
            kind = type(module).__name__
            rows.append(LayerCost(name, kind, outputs.get(name, ()), params, macs[name], counted[name] // 2))
    return rows
