"""The slider of walkthrough 03: one dilated convolution, its phases, and what one output reads.

Shape legend
    x   (size, size) integers
    y   (size + 2 p - r (k - 1), the same)
"""

import matplotlib.pyplot as plt
import torch

from jpu_edu.draw.grids import draw_map
from jpu_edu.draw.show import show
from jpu_edu.ops.convs import dilated_by_phases, dilated_conv
from jpu_edu.ops.phases import split

#: The range of each slider, both ends included, and where it starts.
RANGES = {
    "rate": (1, 8, 2),
    "size": (3, 15, 7),
    "kernel": (1, 5, 3),
    "padding": (0, 8, 2),
    "row": (0, 14, 2),
    "column": (0, 14, 4),
}


def numbers(*shape: int, low: int, high: int) -> torch.Tensor:
    """Whole numbers from low to high, drawn alike every time, as float64: sums of them are exact."""
    generator = torch.Generator().manual_seed(3)
    return torch.randint(low, high + 1, shape, generator=generator).double()


def explore_dilation(*, rate: int, size: int, kernel: int, padding: int, row: int, column: int) -> None:
    """Draw x and y coloured by phase, outline one output and the inputs that it reads, and print the check.

    A combination that has no output prints the library's own error, which says what to change.
    """
    x, weight = numbers(size, size, low=0, high=4), numbers(kernel, kernel, low=-1, high=2)
    arguments = {"rate": rate, "padding": padding}
    try:
        y = dilated_conv(x[None, None], weight[None, None], **arguments)
    except ValueError as error:
        print(error)
        return
    by_phases = dilated_by_phases(x[None, None], weight[None, None], **arguments)
    height = y.shape[-1]
    i, j = min(row, height - 1), min(column, height - 1)
    rows, columns = ([place - padding + tap * rate for tap in range(kernel)] for place in (i, j))
    read = [(a, b) for a in rows for b in columns if 0 <= a < size and 0 <= b < size]
    zeros = kernel * kernel - len(read)

    figure, (left, right) = plt.subplots(1, 2, figsize=(7.5, 3.7), width_ratios=(size, height))
    draw_map(left, x, rate=rate, inputs=read)
    draw_map(right, y[0, 0], rate=rate, highlight=[(i, j)])
    left.set_title(f"x, {size} x {size}")
    right.set_title(f"y, {height} x {height}")
    figure.subplots_adjust(left=0.02, right=0.98, bottom=0.02, top=0.9, wspace=0.12)
    show(
        figure,
        alt=f"A map of {size} x {size} and its convolution at rate {rate}, {height} x {height}; output ({i}, {j}) is "
        f"outlined, and so are the {len(read)} inputs that it reads.",
    )
    sizes = sorted({tuple(phase.shape) for phase in split(x, rate=rate)}, reverse=True)
    shapes = ", ".join(f"{a} x {b}" for a, b in sizes)
    print(f"{rate * rate} phases of x: {shapes}. Each output costs {kernel * kernel} multiplications.")
    print(f"Output ({i}, {j}) reads {len(read)} pixels of the map and {zeros} zeros of the border.")
    print(f"S -> C_r -> M against the dilated convolution: max error {(by_phases - y).abs().max():.0f}.")
