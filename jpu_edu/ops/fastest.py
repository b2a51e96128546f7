"""Which of three equal ways to a dilated convolution is the fastest: the rule behind `dilated_conv(by="auto")`.

    native   PyTorch's own kernel
    padded   the same kernel on a map that carries its zero columns already
    phases   S -> C_r -> M, with the phases on the batch axis

The rule is a table of what `python -m jpu_edu bench conv` measured, on CPUs with AVX2 and with AVX-512.
"""

from typing import Literal

import torch
from torch import Tensor

Way = Literal["native", "padded", "phases"]

#: More zero columns on a side than this, and PyTorch (its oneDNN) leaves the fast kernel for a slow one. For
#: depthwise convolutions the limit is 4 with AVX2 and 6 with AVX-512; for dense ones 3 with AVX2.
DEPTHWISE_COLUMNS, DENSE_COLUMNS = 4, 3

#: The instructions of this processor. Asked once: torch.compile cannot look through the question.
CAPABILITY = torch.backends.cpu.get_cpu_capability()


def fastest_way(x: Tensor, weight: Tensor, *, rate: tuple[int, int], padding: tuple[int, int], groups: int = 1) -> Way:
    """The way that was the fastest for such a map and kernel when it was measured.

    Notice: what gains most is the backward pass of a depthwise convolution: PyTorch's kernel for it knows no
    dilation, so every rate above 1 falls to a slow one, and phases need no dilation. In a forward pass the culprit
    is not the rate but the wide padding that goes with it, and putting the zeros into the map is a cheaper cure.

    The rule for a rate above 1 on a CPU, "-" where the native way stays the best:
                                 a gradient is needed                 none is needed
        depthwise                phases of 4 x 4 pixels or more       padded, if more than 4 zero columns; but phases
                                                                      in channels-last from 1024 channels on
        dense, with AVX-512      -                                    -
        dense, without, float32  phases, from 64 x 64 pixels on       padded, if channels-first and more than 3
                                                                      zero columns
    A dense convolution at rate 2 in channels-last gains without AVX-512 already on smaller maps.

    bfloat16 without AVX-512, and float64, have no fast kernels. Then depthwise goes by phases of 4 x 4 pixels or more
    in channels-last, 16 x 16 in channels-first (8 x 8 without a gradient on maps from 32 x 32), and dense bfloat16 by
    phases with a gradient (of 4 x 4 or more in channels-first), without one in channels-first.

    On a GPU the answer is "native" until it has been measured there, and in an exported network too, whose runtime
    knows the native convolution.

    Args:
        x, weight, groups: as `dilated_conv`; only shapes, dtype, layout and requires_grad are looked at.
        rate, padding: pairs (rows, columns).

    Source: the identity is the paper's (section 3.3), the use of it as an optimisation is ours; walkthrough 04.
    """
    depthwise = weight.shape[0] == x.shape[1] == groups > 1
    if x.device.type != "cpu" or max(rate) < 2 or torch.compiler.is_exporting() or not (depthwise or groups == 1):
        return "native"
    avx512 = "AVX512" in CAPABILITY
    last = x.is_contiguous(memory_format=torch.channels_last)
    gradient = torch.is_grad_enabled() and (x.requires_grad or weight.requires_grad)
    pixels = min(size // r for size, r in zip(x.shape[-2:], rate, strict=True))
    if depthwise:
        if not (x.dtype == torch.float32 or (x.dtype == torch.bfloat16 and avx512)):
            least = 4 if last else 16 if gradient or min(x.shape[-2:]) < 32 else 8
            return "phases" if pixels >= least else "native"
        if gradient:
            return "phases" if pixels >= 4 else "native"
        if padding[1] <= DEPTHWISE_COLUMNS:
            return "native"
        return "phases" if last and x.shape[1] >= 1024 else "padded"
    if avx512:
        return "native"
    if x.dtype == torch.bfloat16:
        return "phases" if (last or pixels >= 4 if gradient else not last) else "native"
    if x.dtype != torch.float32:
        return "native"
    rate_2_last = last and max(rate) == 2 and x[0].numel() >= 2**16
    if gradient:
        return "phases" if rate_2_last or min(x.shape[-2:]) >= 64 else "native"
    return "padded" if rate_2_last or (not last and padding[1] > DENSE_COLUMNS) else "native"
