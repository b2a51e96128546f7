"""Regular, dilated and strided convolution, and the last two from a regular one with S, M and R.

Shape legend
    B, C, D   batch, input channels, output channels
    H, W      height and width of the input map
    k_h, k_w  height and width of the kernel, odd or even
    p         zeros added on each side, p or (p_h, p_w)

As everywhere in deep learning, "convolution" is a cross-correlation: the kernel is not flipped.
"""

from typing import Literal, get_args

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from jpu_edu.ops.fastest import fastest_way
from jpu_edu.ops.maps import check_map, whole_pair
from jpu_edu.ops.phases import Rate, merge, merge_from_batch, rate_pair, reduce, split, split_to_batch

Padding = int | tuple[int, int]
By = Literal["native", "padded", "phases", "auto"]


def same_padding(kernel: Rate, *, rate: Rate = 1) -> tuple[int, int]:
    """The zeros per side that keep H and W at stride 1: rate * (k - 1) / 2.

    Raises:
        ValueError: an even kernel, which would need more zeros on one side than on the other.
    """
    kernel_h, kernel_w = whole_pair(kernel, what="same_padding", name="kernel")
    if kernel_h % 2 == 0 or kernel_w % 2 == 0:
        raise ValueError(f"same_padding: kernel {kernel_h} x {kernel_w} is even; give its padding as a number")
    rate_h, rate_w = rate_pair(rate, what="same_padding")
    return rate_h * (kernel_h // 2), rate_w * (kernel_w // 2)


def _check(
    x: Tensor, weight: Tensor, bias: Tensor | None, *, rate: Rate, padding: Padding, groups: int, what: str
) -> tuple[tuple[int, int], tuple[int, int]]:
    """One place that says what is wrong with a convolution's arguments; rate and padding come back as pairs."""
    for name, tensor, axes in (("x", x, "B, C, H, W"), ("weight", weight, "D, C / groups, k_h, k_w")):
        check_map(tensor, what=what, name=name, axes=axes)
    # Under autocast PyTorch itself casts all three to one dtype. The meta device has no autocast to ask for.
    casts = not x.is_meta and torch.is_autocast_enabled(x.device.type)
    for name, tensor in (("weight", weight), ("bias", bias)):
        if isinstance(tensor, Tensor) and ((tensor.dtype != x.dtype and not casts) or tensor.device != x.device):
            raise ValueError(
                f"{what}: x is {x.dtype} on {x.device}, {name} {tensor.dtype} on {tensor.device}; make them agree"
            )
    outputs, inputs_per_group = weight.shape[:2]
    if isinstance(groups, bool) or not isinstance(groups, int) or groups < 1 or outputs % groups:
        raise ValueError(
            f"{what}: groups={groups!r}; it must be an integer >= 1 that divides the {outputs} output channels"
        )
    if x.shape[1] != inputs_per_group * groups:
        raise ValueError(
            f"{what}: x has {x.shape[1]} channels, weight {tuple(weight.shape)} with groups={groups} "
            f"needs {inputs_per_group * groups}"
        )
    if bias is not None and (not isinstance(bias, Tensor) or tuple(bias.shape) != (outputs,)):
        got = f"has shape {tuple(bias.shape)}" if isinstance(bias, Tensor) else f"is {type(bias).__name__}"
        raise ValueError(f"{what}: bias {got}; weight has {outputs} output channels, it is a torch tensor ({outputs})")
    rates = rate_pair(rate, what=what)
    pads = whole_pair(padding, what=what, name="padding", least=0, remedy="crop the input instead")
    for axis, size, kernel, r, p in zip("HW", x.shape[-2:], weight.shape[-2:], rates, pads, strict=True):
        span = r * (kernel - 1) + 1
        if size + 2 * p < span:
            raise ValueError(
                f"{what}: along {axis} a kernel of {kernel} at rate {r} spans {span} pixels, the padded map has "
                f"{size + 2 * p}; pad more, lower the rate, or give a larger map"
            )
    return rates, pads


def regular_conv(
    x: Float[Tensor, "B C H W"],
    weight: Float[Tensor, "D _ kh kw"],
    bias: Float[Tensor, "D"] | None = None,
    *,
    padding: Padding = 0,
    groups: int = 1,
) -> Float[Tensor, "B D _ _"]:
    """C_r: a convolution with stride 1 and no holes, on a map with `padding` zeros around it.

    Args:
        weight: (D, C / groups, k_h, k_w), in the dtype of x.
        padding: zeros on each side, p or (p_h, p_w), >= 0.
        groups: 1 is dense, C is depthwise.

    Returns:
        (B, D, H + 2 p_h - k_h + 1, W + 2 p_w - k_w + 1).

    Raises:
        TypeError, ValueError: ranks, dtypes, channels or sizes that do not fit, with their numbers.

    Convention: the kernel is not flipped (a cross-correlation).

    Source: FastFCN, section 3.3, the operator C_r; walkthrough 01.
    """
    _, pads = _check(x, weight, bias, rate=1, padding=padding, groups=groups, what="regular_conv")
    return F.conv2d(x, weight, bias, padding=pads, groups=groups)


def strided_conv(
    x: Float[Tensor, "B C H W"],
    weight: Float[Tensor, "D _ kh kw"],
    bias: Float[Tensor, "D"] | None = None,
    *,
    stride: Rate,
    padding: Padding = 0,
    groups: int = 1,
) -> Float[Tensor, "B D _ _"]:
    """C_s: PyTorch's strided convolution. Output (i, j) sits on the input at (stride * i, stride * j) - padding.

    Args, Raises: as `regular_conv`; stride >= 1, or (s_h, s_w).

    Returns:
        (B, D, (H + 2 p_h - k_h) // s_h + 1, the same for W).

    Source: FastFCN, section 3.3, the operator C_s; walkthrough 02.
    """
    strides = whole_pair(stride, what="strided_conv", name="stride")
    _, pads = _check(x, weight, bias, rate=1, padding=padding, groups=groups, what="strided_conv")
    return F.conv2d(x, weight, bias, stride=strides, padding=pads, groups=groups)


def strided_by_reduce(
    x: Float[Tensor, "B C H W"],
    weight: Float[Tensor, "D _ kh kw"],
    bias: Float[Tensor, "D"] | None = None,
    *,
    stride: Rate,
    padding: Padding = 0,
    groups: int = 1,
) -> Float[Tensor, "B D _ _"]:
    """C_s = C_r -> R: convolve everywhere, then keep every s-th row and column.

    Notice: it computes s * s times as many outputs as it keeps. It is the meaning of C_s, not a way to compute it.

    Args, Returns, Raises: as `strided_conv`, to which it is equal up to rounding.

    Source: FastFCN, section 3.3, C_s = C_r -> R; walkthrough 02.
    """
    strides = whole_pair(stride, what="strided_by_reduce", name="stride")
    return reduce(regular_conv(x, weight, bias, padding=padding, groups=groups), rate=strides)


def dilated_by_phases(
    x: Float[Tensor, "B C H W"],
    weight: Float[Tensor, "D _ kh kw"],
    bias: Float[Tensor, "D"] | None = None,
    *,
    rate: Rate,
    padding: Padding = 0,
    groups: int = 1,
) -> Float[Tensor, "B D _ _"]:
    """C_d = S -> C_r -> M: the dilated convolution as one regular convolution on each phase.

    Notice: output phase k depends on input phase k alone. The phases never talk to one another.

    Args, Returns, Raises: as `dilated_conv`, to which it is equal up to rounding, at every size: the zeros
        of the border are split with the map, so a zero-padded border needs no special case.

    Source: FastFCN, section 3.3, C_d = S -> C_r -> M; walkthrough 03.
    """
    _, (pad_h, pad_w) = _check(x, weight, bias, rate=rate, padding=padding, groups=groups, what="dilated_by_phases")
    padded = F.pad(x, (pad_w, pad_w, pad_h, pad_h))
    return merge([_conv_phase(phase, weight, bias, groups) for phase in split(padded, rate=rate)], rate=rate)


def _conv_phase(phase: Tensor, weight: Tensor, bias: Tensor | None, groups: int) -> Tensor:
    """C_r on one phase. A phase that is one pixel too small for the kernel has no output: an empty map."""
    height, width = (size - kernel + 1 for size, kernel in zip(phase.shape[-2:], weight.shape[-2:], strict=True))
    if height < 1 or width < 1:
        return phase.new_empty((phase.shape[0], weight.shape[0], max(height, 0), max(width, 0)))
    return regular_conv(phase, weight, bias, groups=groups)


def dilated_conv(
    x: Float[Tensor, "B C H W"],
    weight: Float[Tensor, "D _ kh kw"],
    bias: Float[Tensor, "D"] | None = None,
    *,
    rate: Rate,
    padding: Padding = 0,
    groups: int = 1,
    by: By = "native",
) -> Float[Tensor, "B D _ _"]:
    """C_d: a convolution whose kernel has holes, rate - 1 of them between neighbouring taps.

    Notice: dilation does not change the number of multiplications an output costs, nor does it halve the output.

    Args:
        x, weight, bias, padding, groups: as `regular_conv`.
        rate: r >= 1, or (r_h, r_w); 1 is the regular convolution.
        by: "native" is PyTorch's own kernel; "padded" the same on a map that carries its zero columns already;
            "phases" is S -> C_r -> M with the phases on the batch axis; "auto" takes the fastest by the rule of
            `ops.fastest`. The numbers are the same up to rounding.

    Returns:
        (B, D, H + 2 p_h - r_h (k_h - 1), W + 2 p_w - r_w (k_w - 1)).

    Raises:
        TypeError, ValueError: as `regular_conv`; a rate below 1; an unknown `by`.

    Convention: padding counts input pixels; "same" needs r (k - 1) / 2, not (k - 1) / 2.

    Source: FastFCN, section 3.3, the operator C_d; walkthroughs 03 and 04.
    """
    rates, pads = _check(x, weight, bias, rate=rate, padding=padding, groups=groups, what="dilated_conv")
    if by not in get_args(By):
        raise ValueError(f"dilated_conv: by={by!r}; choose one of {', '.join(get_args(By))}")
    way = fastest_way(x, weight, rate=rates, padding=pads, groups=groups) if by == "auto" else by
    if way == "phases":
        return _dilated_in_batch(x, weight, bias, rates, pads, groups)
    if way == "padded":
        x, pads = F.pad(x, (pads[1], pads[1], 0, 0)), (pads[0], 0)
    return F.conv2d(x, weight, bias, padding=pads, dilation=rates, groups=groups)


def _dilated_in_batch(
    x: Tensor, weight: Tensor, bias: Tensor | None, rates: tuple[int, int], pads: tuple[int, int], groups: int
) -> Tensor:
    """S -> C_r -> M as one convolution over B * r_h * r_w small maps."""
    size = tuple(
        n + 2 * p - r * (k - 1) for n, p, r, k in zip(x.shape[-2:], pads, rates, weight.shape[-2:], strict=True)
    )
    # p zeros on each side are p / r zeros on each side of every phase, when r divides p; the convolution
    # then adds them itself and a copy is saved.
    inner = tuple(p // r if p % r == 0 else 0 for p, r in zip(pads, rates, strict=True))
    outer = tuple(0 if p % r == 0 else p for p, r in zip(pads, rates, strict=True))
    if any(outer):
        x = F.pad(x, (outer[1], outer[1], outer[0], outer[0]))
    phases = split_to_batch(x, rate=rates)
    return merge_from_batch(F.conv2d(phases, weight, bias, padding=inner, groups=groups), rate=rates, size=size)
