"""A convolution as a matrix: the matrix beside the grid. Point at one output and see its inputs, weights and row.

Shape legend
    H, W       the map, at most 9 x 9; one row makes it a signal
    k_h, k_w   the kernel
    h, w       the output
    matrix     (h * w, H * W); row a * w + b makes output (a, b), column c * W + d holds what input (c, d) is used for
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import torch.nn.functional as F
from jaxtyping import Float
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from jpu_edu.draw import grids, style
from jpu_edu.widgets.frames import MARKERS, phase_swatches
from jpu_edu.widgets.maps import Numbers, integers
from jpu_edu.widgets.page import Page

Pair = tuple[int, int]


@dataclass(frozen=True)
class Setting:
    """One choice of stride, padding and rate, each an (axis H, axis W) pair, with all its numbers.

    Attributes:
        taps: for each axis, for each output, the input under each tap: i * s + k * r - p. It may lie outside.
        y: the output map.
    """

    stride: Pair
    padding: Pair
    rate: Pair
    taps: tuple[tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]]
    y: Float[Tensor, "h w"]


def output_size(size: int, *, kernel: int, stride: int = 1, padding: int = 0, rate: int = 1) -> int:
    """The number of outputs along one axis: how often the last tap still finds a (padded) pixel. 0: it never does.

    Source: Dumoulin, Visin, A guide to convolution arithmetic, arXiv 1603.07285; walkthrough 01.
    """
    room = size + 2 * padding - (rate * (kernel - 1) + 1)
    return 0 if room < 0 else room // stride + 1


def taps_of(size: int, *, kernel: int, stride: int = 1, padding: int = 0, rate: int = 1) -> tuple[tuple[int, ...], ...]:
    """Along one axis: for each output i the inputs i * stride + k * rate - padding. Outside the map: padding."""
    count = output_size(size, kernel=kernel, stride=stride, padding=padding, rate=rate)
    return tuple(tuple(i * stride + k * rate - padding for k in range(kernel)) for i in range(count))


def matrix_of(setting: Setting, weight: Float[Tensor, "kh kw"], *, size: Pair) -> Float[Tensor, "rows columns"]:
    """The matrix A with y.flatten() = A x.flatten(). A tap on the padding leaves no entry."""
    rows, columns = setting.taps
    matrix = weight.new_zeros(len(rows) * len(columns), size[0] * size[1])
    for (a, down), (b, along) in product(enumerate(rows), enumerate(columns)):
        for (u, c), (v, d) in product(enumerate(down), enumerate(along)):
            if 0 <= c < size[0] and 0 <= d < size[1]:
                matrix[a * len(columns) + b, c * size[1] + d] += weight[u, v]
    return matrix


class ConvMatrix(Page):
    """What `conv_matrix` returns; the last line of a cell shows it. It works without a kernel, on a static page too."""

    name = "matrix"

    def __init__(self, x: Tensor, weight: Tensor, settings: Sequence[Setting], start: int) -> None:
        self.x, self.weight, self.settings, self.start = x, weight, tuple(settings), start

    @property
    def signal(self) -> bool:
        return self.x.shape[0] == 1

    def data(self) -> dict[str, object]:
        """Everything that the page is given; it multiplies and adds nothing itself."""
        rates = sorted({setting.rate for setting in self.settings})
        return {
            "x": self.x.int().tolist(),
            "weight": self.weight.int().tolist(),
            "start": self.start,
            "colours": {
                f"{r[0]},{r[1]}": [[s.colour, MARKERS[s.marker]] for s in phase_swatches(r).values()]
                for r in rates
                if max(r) > 1
            },
            "settings": [
                {"stride": s.stride, "padding": s.padding, "rate": s.rate, "taps": s.taps, "y": s.y.int().tolist()}
                for s in self.settings
            ],
        }

    @property
    def alt(self) -> str:
        setting = self.settings[self.start]
        matrix = matrix_of(setting, self.weight, size=tuple(self.x.shape))
        filled = int(matrix.count_nonzero())
        return (
            f"A {self.x.shape[0]} by {self.x.shape[1]} map x, a {self.weight.shape[0]} by {self.weight.shape[1]} "
            f"kernel, the output y, and the {matrix.shape[0]} by {matrix.shape[1]} matrix with y = A x. "
            f"{filled} of its {matrix.numel()} entries are not zero."
        )

    def figure(self) -> Figure:
        """The starting setting as a still picture, with one output in the middle picked out."""
        setting, size = self.settings[self.start], tuple(self.x.shape)
        matrix = matrix_of(setting, self.weight, size=size)
        a, b = (n // 2 for n in setting.y.shape)
        inputs = [
            (c, d) for c in setting.taps[0][a] for d in setting.taps[1][b] if 0 <= c < size[0] and 0 <= d < size[1]
        ]
        place = a * setting.y.shape[1] + b
        rate = setting.rate if max(setting.rate) > 1 else None
        cell = 34.0 if self.signal else 26.0
        tall, wide = (max(x, y) for x, y in zip(size, setting.y.shape, strict=True))
        side = 34.0 if self.signal else min(17.0, 440 / max(matrix.shape))
        top = 40.0 + (cell + 30 if self.signal else 0)
        left = 24.0 if self.signal else 60 + cell * wide
        beneath = 40 + cell * tall + 34
        height = max(top + side * matrix.shape[0], 0 if self.signal else beneath + cell * (len(setting.y) + 1)) + 20
        width = left + side * matrix.shape[1] + (40 + 34 * max(2, self.weight.shape[1]) if self.signal else 24)
        figure, axes = style.canvas(float(width), float(height))
        grids.draw_map(axes, self.x, inputs=inputs, at=(24.0, 40.0), cell=cell)
        style.write(axes, 24.0, 26.0, "x", align="left")
        style.write(
            axes,
            left,
            top - 14,
            "A" if self.signal else "A, and the row that makes the outlined output",
            align="left",
        )
        grids.draw_matrix(axes, matrix, at=(left, top), cell=side)
        corner = (left - 2, top + place * side - 1)
        axes.add_patch(Rectangle(corner, side * matrix.shape[1] + 4, side + 2, fill=False, ec=style.ink(), lw=1.6))
        if self.signal:
            right = left + side * matrix.shape[1] + 30
            grids.draw_map(axes, setting.y.T, highlight=[(b, 0)], rate=rate and rate[::-1], at=(right, top), cell=side)
            style.write(axes, right + side / 2, top - 14, "y")
            grids.draw_kernel(axes, self.weight, at=(right, 40.0), cell=30.0)
            style.write(axes, right, 26.0, "kernel", align="left")
        else:
            grids.draw_map(axes, setting.y, highlight=[(a, b)], rate=rate, at=(24.0, beneath), cell=cell)
            style.write(axes, 24.0, beneath - 14, "y", align="left")
        return figure

    def __repr__(self) -> str:
        return f"{self.alt}\nOn a page with scripts: point at an output, an input or a row."


def conv_matrix(
    x: Numbers,
    weight: Numbers,
    *,
    strides: Sequence[int] = (1,),
    paddings: Sequence[int] = (0,),
    rates: Sequence[int] = (1,),
    start: tuple[int, int, int] | None = None,
) -> ConvMatrix:
    """Show a convolution twice: as a window on a map, and as a matrix on the map written as one long column.

    Notice: every row holds the same few weights, moved. A row that is short of some has taps on the padding.
    At rate 2 the rows fall into phases that share no column.

    Args:
        x: (H, W) integers, at most 9 x 9; one row makes it a signal, on which nothing happens along H.
        weight: (k_h, k_w) integers, at most 5 x 5.
        strides, paddings, rates: the choices of the sliders; combinations without an output are left out.
        start: (stride, padding, rate) that is shown first; the first possible one by default.

    Raises:
        ValueError: numbers that are not small integers; no combination fits; a start that is not among them.

    Source: Dumoulin, Visin, arXiv 1603.07285, section 4.1; walkthrough 01.
    """
    grid = integers(x, name="x", most=9, what="conv_matrix")
    kernel = integers(weight, name="weight", most=5, what="conv_matrix")
    flat = grid.shape[0] == 1
    settings = []
    for s, p, r in product(strides, paddings, rates):
        stride, padding, rate = ((1, s), (0, p), (1, r)) if flat else ((s, s), (p, p), (r, r))
        taps = tuple(
            taps_of(size, kernel=k, stride=step, padding=zeros, rate=hole)
            for size, k, step, zeros, hole in zip(grid.shape, kernel.shape, stride, padding, rate, strict=True)
        )
        if all(taps):
            y = F.conv2d(grid[None, None], kernel[None, None], stride=stride, padding=padding, dilation=rate)[0, 0]
            settings.append(Setting(stride, padding, rate, taps, y))
    if not settings:
        spans = " x ".join(map(str, kernel.shape))
        raise ValueError(
            f"conv_matrix: no choice lets a {spans} kernel fit a {' x '.join(map(str, grid.shape))} map; pad more"
        )
    chosen = [(s.stride[1], s.padding[1], s.rate[1]) for s in settings]
    if start is not None and start not in chosen:
        raise ValueError(f"conv_matrix: start={start}; (stride, padding, rate) must be one of {chosen}")
    return ConvMatrix(grid, kernel, settings, chosen.index(start) if start else 0)
