"""What one output looks at: by arithmetic on kernel, stride and rate, and by asking the gradient.

Everything theoretical is one axis. A square kernel does the same on the other axis, so a window of `size`
pixels is a square of size x size, and an input is touched where both of its coordinates are.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

Window = tuple[int, int, int] | tuple[int, int, int, int]


@dataclass(frozen=True)
class ReceptiveField:
    """The inputs that output i of a stack can see: `size` of them, from `start + i * stride` on.

    Attributes:
        size: pixels from the first to the last input that is touched, both included.
        stride: the jump, in input pixels, when the output moves by one.
        start: the first touched input of output 0; negative inside the padding.
        paths: for each of the `size` inputs, the number of ways through the stack that lead to it. 0 is a
            hole. It is the gradient of a stack whose weights are all 1.
    """

    size: int
    stride: int
    start: int
    paths: tuple[int, ...]

    @property
    def centre(self) -> float:
        """The middle of output 0's window, in input pixels; output i's is `i * stride` further."""
        return self.start + (self.size - 1) / 2

    @property
    def touched(self) -> tuple[int, ...]:
        """The offsets from the window's first pixel that at least one path reaches."""
        return tuple(offset for offset, count in enumerate(self.paths) if count)

    @property
    def coverage(self) -> float:
        """The share of the size x size square that is touched, 0 to 1. A span is no coverage."""
        return (len(self.touched) / self.size) ** 2

    def inputs_of(self, position: int) -> tuple[int, ...]:
        """The inputs that output `position` touches; those outside the map are padding.

        Notice: near the border it is an upper bound. A path through a zero that a *middle* layer padded
        with ends there, although its address may lie inside the picture.
        """
        return tuple(self.start + position * self.stride + offset for offset in self.touched)


def receptive_field(layers: Iterable[Window]) -> ReceptiveField:
    """The receptive field of a stack of windows: convolutions and poolings, first layer first.

    Notice: each layer adds rate * (kernel - 1) steps of the jump reached so far. Whether the steps meet
    every pixel is another matter: rates (2, 2, 2) span 13 pixels an axis and touch 7 of them, 29 % of the
    square; rates (1, 2, 3) span the same 13 and touch all.

    Args:
        layers: (kernel, stride, rate) or (kernel, stride, rate, padding), integers; kernel, stride and
            rate >= 1, padding >= 0 (0 where it is left out). Even kernels are fine.

    Raises:
        TypeError, ValueError: a layer of another form, with its place in the stack.

    Convention: output i of one layer reads the inputs i * stride + k * rate - padding, k = 0 .. kernel - 1.

    Source: size, stride and centre as in Araujo, Norris, Sim, Computing Receptive Fields of Convolutional
        Neural Networks, Distill 2019; holes: Wang et al., Understanding Convolution for Semantic Segmentation,
        WACV 2018, hybrid dilated convolution; walkthroughs 02 and 04.
    """
    paths, stride, start = [1], 1, 0
    for place, layer in enumerate(layers):
        kernel, step, rate, padding = _read(layer, place)
        start -= padding * stride
        reach = rate * stride
        longer = [0] * (len(paths) + (kernel - 1) * reach)
        for k in range(kernel):
            for offset, count in enumerate(paths):
                longer[k * reach + offset] += count
        paths = longer
        stride *= step
    return ReceptiveField(len(paths), stride, start, tuple(paths))


def _read(layer: Sequence[int], place: int) -> tuple[int, int, int, int]:
    if (
        not isinstance(layer, tuple | list)
        or len(layer) not in (3, 4)
        or any(isinstance(n, bool) or not isinstance(n, int) for n in layer)
    ):
        raise TypeError(
            f"receptive_field: layer {place} is {layer!r}; give (kernel, stride, rate) or "
            "(kernel, stride, rate, padding), integers"
        )
    kernel, step, rate, padding = (*layer, 0)[:4]
    if min(kernel, step, rate) < 1 or padding < 0:
        raise ValueError(
            f"receptive_field: layer {place} is {tuple(layer)}; kernel, stride and rate must be >= 1 "
            "(rate 1 means no dilation) and padding >= 0"
        )
    return kernel, step, rate, padding


def gradient_map(
    f: Callable[[Tensor], Tensor], x: Float[Tensor, "B C H W"], *, position: tuple[int, int]
) -> Float[Tensor, "H W"]:
    """How strongly each input pixel moves one output: |d f(x)[..., i, j] / dx|, added over channels and batch.

    Notice: the theory says which pixels *can* matter; this says how much they do. Near the middle there are
    more paths than at the rim, so the map falls off like a bell long before the theoretical border.

    Args:
        f: any differentiable function that returns a map (B, C', H', W'). A BatchNorm in training mode
            couples all pixels through its mean: put the model in eval mode.
        x: (B, C, H, W); it is not changed. For an average over inputs pass a batch.
        position: (i, j) in the output map; negative counts from the end.

    Returns:
        (H, W), without unit. The output's channels are added before the gradient is taken.

    Raises:
        ValueError: an output that is no map; a position outside it; an output that does not depend on x.

    Source: Luo, Li, Urtasun, Zemel, Understanding the Effective Receptive Field, NeurIPS 2016; walkthrough 02.
    """
    with torch.enable_grad():
        x = x.detach().clone().requires_grad_()
        y = f(x)
        if not isinstance(y, Tensor) or y.ndim != 4:
            found = tuple(y.shape) if isinstance(y, Tensor) else type(y).__name__
            raise ValueError(f"gradient_map: f returned {found}; it must return a map (B, C, H, W)")
        high, wide = y.shape[-2:]
        if not (-high <= position[0] < high and -wide <= position[1] < wide):
            raise ValueError(f"gradient_map: position={position}; the output is {high} x {wide}")
        if not y.requires_grad:
            raise ValueError("gradient_map: the output does not depend on x; is there a detach or an argmax in f?")
        (gradient,) = torch.autograd.grad(y[..., position[0], position[1]].sum(), x)
    return gradient.abs().sum((0, 1))


def gradient_support(
    f: Callable[[Tensor], Tensor], x: Float[Tensor, "B C H W"], *, position: tuple[int, int]
) -> Bool[Tensor, "H W"]:
    """Which input pixels move the output at `position` at all: where `gradient_map` is not 0.

    Notice: for a stack of convolutions with random weights it is exactly `ReceptiveField.inputs_of`, holes
    included, wherever no path meets a middle layer's padding. A ReLU that is off cuts its paths too.

    Args, Raises, Source: as for `gradient_map`.
    """
    return gradient_map(f, x, position=position) != 0


def effective_size(gradient: Float[Tensor, "H W"], *, share: float = 0.0455) -> float:
    """The side of a square with as many pixels as those whose gradient exceeds `share` of the largest.

    Args:
        gradient: (H, W), from `gradient_map`.
        share: 0 <= share < 1. The paper's 1 - 95.45 %, two standard deviations, is the default.

    Returns:
        Input pixels; 0 where the gradient vanishes.

    Raises:
        ValueError: a share outside [0, 1).

    Source: Luo et al. 2016, section 3; walkthrough 02.
    """
    if not 0 <= share < 1:
        raise ValueError(f"effective_size: share={share}; share must be in [0, 1), such as 0.0455")
    return (gradient > share * gradient.max()).sum().item() ** 0.5
