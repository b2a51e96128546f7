"""The reformulation: from x to y_m, y_s and y_d with one set of layers.

Letters and shapes
    x      (B, C, H, W)     the input of the stage
    y_m    (B, D, H, W)     x -> C_r                     the guide, at full resolution
    y_s    (B, D', h, w)    x -> C_s -> C_r^n            the strided path, h = ceil(H / rate)
    y_d    (B, D', H, W)    x -> C_r -> C_d^n            the dilated path
    n      the number of layers after the first

With the same layers in both paths, y_s is phase (0, 0) of y_d: reduce(y_d, rate) == y_s, exactly.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from torch import Tensor

from jpu_edu.ops.convs import dilated_conv, regular_conv, same_padding, strided_conv
from jpu_edu.ops.phases import Rate, merge, rate_pair, reduce, split

Pointwise = Callable[[Tensor, Tensor], Tensor]
DilatedBy = Literal["native", "each", "once"]


def identity(y: Tensor, x: Tensor) -> Tensor:
    """The pointwise step that does nothing."""
    return y


@dataclass(frozen=True)
class Layer:
    """A convolution and the pointwise step after it.

    Notice: `then` may be anything that treats each pixel by itself: ReLU, a 1x1 convolution, BatchNorm in
    eval mode, a residual. Such a step commutes with S, M and R. BatchNorm in train mode does not: its
    statistics see the other phases.

    Args:
        weight, bias, groups: as in `regular_conv`, with odd k_h and k_w; the padding keeps the size of the map.
        then: called as then(y, x) with the convolution's output and the layer's input (reduced like y in
            a strided layer); returns a map of y's height and width.

    Source: FastFCN, section 3.3: "C_r^n" with the pointwise steps written out; walkthroughs 03 and 08.
    """

    weight: Tensor
    bias: Tensor | None = None
    groups: int = 1
    then: Pointwise = identity

    def padding(self, rate: Rate = 1) -> tuple[int, int]:
        """The zeros that keep the size of the map at this rate."""
        return same_padding(tuple(self.weight.shape[-2:]), rate=rate)

    def regular(self, x: Tensor) -> Tensor:
        """C_r, then the pointwise step."""
        y = regular_conv(x, self.weight, self.bias, padding=self.padding(), groups=self.groups)
        return self.then(y, x)

    def strided(self, x: Tensor, *, stride: Rate) -> Tensor:
        """C_s, then the pointwise step."""
        y = strided_conv(x, self.weight, self.bias, stride=stride, padding=self.padding(), groups=self.groups)
        return self.then(y, reduce(x, rate=stride))

    def dilated(self, x: Tensor, *, rate: Rate) -> Tensor:
        """C_d, then the pointwise step."""
        y = dilated_conv(x, self.weight, self.bias, rate=rate, padding=self.padding(rate), groups=self.groups)
        return self.then(y, x)


def _first_and_rest(layers: Sequence[Layer], what: str) -> tuple[Layer, Sequence[Layer]]:
    if not layers:
        raise ValueError(f"{what}: got no layers; pass the layer that makes y_m and then the n that follow")
    if strange := [layer for layer in layers if not isinstance(layer, Layer)]:
        raise TypeError(f"{what}: a layer is {type(strange[0]).__name__}; pass each as chains.Layer(weight, ...)")
    return layers[0], layers[1:]


def guide(x: Tensor, layers: Sequence[Layer]) -> Tensor:
    """y_m: x -> C_r. The last map that both paths have at full resolution, and the guide of joint upsampling."""
    first, _ = _first_and_rest(layers, "guide")
    return first.regular(x)


def strided_chain(x: Tensor, layers: Sequence[Layer], *, rate: Rate = 2) -> Tensor:
    """y_s: x -> C_s -> C_r -> ... -> C_r, the strided path.

    Notice: it never computes y_m; what it computes is y_m's phase (0, 0), pushed through the n layers.

    Args:
        layers: the first one strides, the other n are regular.
        rate: the stride of the first layer.

    Returns:
        (B, D', ceil(H / rate), ceil(W / rate)).

    Source: FastFCN, section 3.3, the chain of y_s; walkthrough 03.
    """
    first, rest = _first_and_rest(layers, "strided_chain")
    return _regular(first.strided(x, stride=rate_pair(rate, what="strided_chain")), rest)


def dilated_chain(x: Tensor, layers: Sequence[Layer], *, rate: Rate = 2, by: DilatedBy = "native") -> Tensor:
    """y_d: x -> C_r -> C_d -> ... -> C_d, the dilated path, in one of three equal ways.

    Notice: between two dilated layers stands M followed by S. They cancel, so "once" splits once, runs n
    regular layers on every phase, and merges once. The phases stay apart all the way.

    Args:
        layers: the first one is regular, the other n are dilated.
        rate: the rate of the n layers.
        by: "native" runs dilated convolutions; "each" runs S -> C_r -> M for every layer; "once" runs
            S -> C_r^n -> M, with the inner M and S cancelled.

    Returns:
        (B, D', H, W).

    Raises:
        ValueError: no layers; an unknown `by`; by phases, a map smaller than the rate.

    Source: FastFCN, section 3.3, the chain of y_d; walkthrough 03.
    """
    if by not in get_args(DilatedBy):
        raise ValueError(f"dilated_chain: by={by!r}; choose one of {', '.join(get_args(DilatedBy))}")
    first, rest = _first_and_rest(layers, "dilated_chain")
    y = first.regular(x)
    if by == "once":
        return _on_phases(y, rest, rate) if rest else y
    for layer in rest:
        y = layer.dilated(y, rate=rate) if by == "native" else _on_phases(y, [layer], rate)
    return y


def _regular(y: Tensor, layers: Sequence[Layer]) -> Tensor:
    """C_r^n."""
    for layer in layers:
        y = layer.regular(y)
    return y


def _on_phases(y: Tensor, layers: Sequence[Layer], rate: Rate) -> Tensor:
    """S -> C_r^n -> M."""
    rates = rate_pair(rate, what="dilated_chain")
    if rates[0] > y.shape[-2] or rates[1] > y.shape[-1]:
        raise ValueError(
            f"dilated_chain: rate={rate!r} exceeds the map of {y.shape[-2]} x {y.shape[-1]}, "
            "so some phases are empty; lower the rate or give a larger map"
        )
    return merge([_regular(phase, layers) for phase in split(y, rate=rate)], rate=rate)
