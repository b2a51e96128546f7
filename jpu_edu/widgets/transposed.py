"""A transposed convolution stamps: every input puts its kernel down, a stride further than the one before.

Shape legend
    n        inputs along an axis
    n_out    (n - 1) stride - 2 padding + kernel + output_padding
    tap k    of input i lands on output i * stride + k - padding
"""

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from jaxtyping import Float
from matplotlib.axes import Axes
from torch import Tensor

from jpu_edu.draw import style
from jpu_edu.draw.show import show

#: The sliders of `explore_transposed`: name -> (smallest, largest, start).
RANGES = {
    "size": (1, 7, 5),
    "kernel": (1, 8, 3),
    "stride": (1, 4, 2),
    "padding": (0, 3, 0),
    "output_padding": (0, 3, 0),
}

#: The largest side of the square whose counts are written out.
WRITTEN = 13


def transposed_size(size: int, *, kernel: int, stride: int = 1, padding: int = 0, output_padding: int = 0) -> int:
    """How many outputs a transposed convolution has; 0 where PyTorch refuses (none is left, or too much is added).

    Source: Dumoulin, Visin, arXiv 1603.07285, section 4.5; walkthrough 05.
    """
    count = (size - 1) * stride - 2 * padding + kernel + output_padding
    return max(0, count) if output_padding < stride else 0


def coverage(
    size: int, *, kernel: int, stride: int = 1, padding: int = 0, output_padding: int = 0
) -> Float[Tensor, " n_out"]:
    """How many stamps lie on each output: a transposed convolution of ones with ones."""
    ones = torch.ones(1, 1, size, dtype=torch.float64)
    kernels = torch.ones(1, 1, kernel, dtype=torch.float64)
    return F.conv_transpose1d(ones, kernels, stride=stride, padding=padding, output_padding=output_padding)[0, 0]


def even(*, kernel: int, stride: int) -> tuple[int, int]:
    """The least and the most stamps on an output that is far from both ends; equal when stride divides kernel."""
    return kernel // stride, -(-kernel // stride)


def draw_stamps(
    axes: Axes, *, size: int, kernel: int, stride: int = 1, padding: int = 0, output_padding: int = 0
) -> Axes:
    """Draw one row for each input with its taps above the outputs that they land on, and the stamps counted below.

    Notice: a colour is a phase of the *kernel*: taps whose numbers differ by the stride. All stamps on one output have
    one colour, so each phase of the output is made by its own small kernel.
    """
    settings = dict(kernel=kernel, stride=stride, padding=padding, output_padding=output_padding)
    counts = coverage(size, **settings)
    n_out, rate = len(counts), (1, stride)
    first, last = -padding, max((size - 1) * stride + kernel - 1 - padding, n_out - 1)
    axes.set(xlim=(first - 1.6 - 0.11 * (last - first), last + 0.7), ylim=(size + 1.6, -0.8), aspect="equal")
    axes.axis("off")
    for i in range(size):
        _name(axes, first, i, f"x[{i}]")
        for k in range(kernel):
            j = i * stride + k - padding
            kept = 0 <= j < n_out
            colour = style.phase_colour(k % stride, rate=rate)
            look = {"fc": style.tint(colour, 0.55), "ec": "none"}
            if not kept:  # cut off by the padding
                look = {"fc": "none", "ec": style.soft(), "ls": (0, (2, 2)), "lw": 0.7}
            axes.add_patch(plt.Rectangle((j - 0.46, i - 0.4), 0.92, 0.8, **look))
            style.write(axes, j, i, str(k), size=9, colour=None if kept else style.soft())
    _name(axes, first, size + 0.6, "stamps")
    for j, count in enumerate(counts.int().tolist()):
        k = (j + padding) % stride
        edge = style.phase_colour(k, rate=rate)
        axes.add_patch(plt.Rectangle((j - 0.46, size + 0.14), 0.92, 0.92, fc=style.paper(), ec=edge, lw=1.6))
        style.write(axes, j, size + 0.6, str(count), size=10)
    return axes


def _name(axes: Axes, first: int, row: float, text: str) -> None:
    """What a row is, at the left of its first cell, as far from it at every scale."""
    axes.annotate(
        text, (first - 0.5, row), xytext=(-8, 0), textcoords="offset points", ha="right", va="center",
        fontsize=10, color=style.soft(), annotation_clip=False,
    )  # fmt: skip


def explore_transposed(*, size: int, kernel: int, stride: int, padding: int, output_padding: int) -> None:
    """The redraw behind the sliders of walkthrough 05: the stamps, the output size, and how evenly they lie."""
    settings = dict(kernel=kernel, stride=stride, padding=padding, output_padding=output_padding)
    n_out = transposed_size(size, **settings)
    if output_padding >= stride:
        print(f"output_padding {output_padding} must be below the stride {stride}: it chooses among {stride} sizes.")
        return
    print(f"n_out = ({size} − 1)·{stride} − 2·{padding} + {kernel} + {output_padding} = {n_out}", end="")
    if not n_out:
        print(": the padding cuts every output off. Take a larger kernel or less padding.")
        return
    least, most = even(kernel=kernel, stride=stride)
    verdict = "even" if least == most else f"uneven: {kernel} is not a multiple of {stride}"
    print(f"\nfar from the ends {least} to {most} stamps, in two dimensions {least**2} to {most**2}: {verdict}")
    counts = coverage(size, **settings)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.375, 3.6), width_ratios=(1.7, 1))
    draw_stamps(left, size=size, **settings)
    square = torch.outer(counts, counts)
    # Lighter means more stamps, the middle grey none.
    most_of_all = max(1.0, square.max().item())
    right.imshow(square.numpy(), vmin=-most_of_all, vmax=most_of_all)
    right.set(xticks=[], yticks=[])
    right.spines[:].set_visible(False)
    if n_out <= WRITTEN:
        for i, row in enumerate(square.int().tolist()):
            for j, count in enumerate(row):
                right.text(j, i, count, ha="center", va="center", fontsize=9, color=style.LIGHT["ink"])
    right.set_title(f"stamps on each of {n_out} x {n_out} outputs", fontsize=11)
    figure.subplots_adjust(left=0.01, right=0.99, bottom=0.02, top=0.92, wspace=0.06)
    show(
        figure,
        alt=f"{size} inputs put down a kernel of {kernel} taps, {stride} apart. The {n_out} outputs receive "
        f"{int(counts.min())} to {int(counts.max())} stamps along an axis, {int(square.min())} to "
        f"{int(square.max())} in two dimensions.",
    )
