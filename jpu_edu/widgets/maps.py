"""Small maps of integers as marks: reading them, laying them out with their zero padding, writing their sums.

Shape legend
    H, W     rows and columns of a map, at most 9 x 9
    pad      (rows, columns) of zeros on each side, drawn as narrow slivers
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from jpu_edu.widgets.frames import CELL, Mark

Numbers = Tensor | Sequence[Sequence[int]]

Marks = dict[str, Mark]

SLIVER = 14  # how narrow a padded zero is drawn, in the units of CELL
TOP, TAP = 28, 26  # where a map begins below its title; a cell of a kernel


def integers(x: Numbers, *, name: str, most: int, what: str) -> Tensor:
    """Read a small map of integers as float64 (H, W); say clearly what does not fit in a drawn grid.

    Raises:
        ValueError: not one map; a size of 0 or above `most`; a number that is not an integer from -99 to 99.
    """
    try:
        grid = torch.as_tensor(x).detach().cpu().double()
    except (TypeError, ValueError):
        raise ValueError(f"{what}: {name} is {x!r}; pass a tensor or equally long rows: [[1, 2], [3, 4]]") from None
    while grid.ndim > 2 and grid.shape[0] == 1:
        grid = grid[0]
    if grid.ndim != 2 or not 1 <= min(grid.shape) <= max(grid.shape) <= most:
        raise ValueError(f"{what}: {name} has shape {tuple(grid.shape)}; pass one map of 1 to {most} rows and columns")
    if not torch.equal(grid, grid.round()) or grid.abs().max() > 99:
        raise ValueError(f"{what}: {name} must hold integers from -99 to 99, so that a reader can compute along")
    return grid


def kernel_padding(weight: Tensor) -> tuple[int, int]:
    """The zeros per side in steps of the kernel: half of an odd kernel ("same"), none of an even one."""
    return tuple(size // 2 if size % 2 else 0 for size in weight.shape)


def number(value: float) -> str:
    """An integer with a true minus sign."""
    return f"{int(value)}".replace("-", "\u2212")


def products(patch: Tensor, weight: Tensor) -> str:
    """The products and their sum, in reading order: "1·3 + 0·5 − 2·1 = 1"."""
    text = ""
    for w, v in zip(weight.flatten().tolist(), patch.flatten().tolist(), strict=True):
        sign = (" − " if w < 0 else " + ") if text else ("−" if w < 0 else "")
        text += f"{sign}{number(abs(w))}·{number(v) if v >= 0 else f'({number(v)})'}"
    return f"{text} = {number((patch * weight).sum().item())}"


def edge(index: int, size: int, pad: int) -> int:
    """Where row or column `index` of a padded map begins: slivers, then cells, then slivers again."""
    return SLIVER * (min(index, 0) + pad + max(index - size, 0)) + CELL * min(max(index, 0), size)


def extent(size: int, pad: int) -> int:
    """The length of a padded map's side."""
    return edge(size + pad, size, pad)


def cells(grid: Tensor) -> list[tuple[tuple[int, int], float]]:
    """((row, column), value) of a map, in reading order."""
    return [((a, b), value) for a, row in enumerate(grid.tolist()) for b, value in enumerate(row)]


def padded(
    grid: Tensor, pad: tuple[int, int], *, at: tuple[int, int], colour: Callable[[int, int], str]
) -> dict[tuple[int, int], Mark]:
    """A map in its cells with its padding around it: (row, column) -> mark, rows and columns from -pad on."""
    (rows, columns), marks = grid.shape, {}
    for a in range(-pad[0], rows + pad[0]):
        for b in range(-pad[1], columns + pad[1]):
            inside = (0 <= a < rows, 0 <= b < columns)
            marks[a, b] = Mark(
                at[0] + edge(b, columns, pad[1]),
                at[1] + edge(a, rows, pad[0]),
                number(grid[a, b].item()) if all(inside) else "0",
                colour(a, b),
                look="plain" if all(inside) else "zero",
                width=CELL if inside[1] else SLIVER,
                height=CELL if inside[0] else SLIVER,
            )
    return marks


def window(
    first: tuple[int, int],
    last: tuple[int, int],
    size: tuple[int, int],
    pad: tuple[int, int],
    *,
    at: tuple[int, int],
    colour: str,
    reach: bool = False,
) -> Mark:
    """The outline around all cells from `first` to `last` (both inside) of a padded map."""
    x, y = edge(first[1], size[1], pad[1]), edge(first[0], size[0], pad[0])
    right, bottom = edge(last[1] + 1, size[1], pad[1]), edge(last[0] + 1, size[0], pad[0])
    look = "reach" if reach else "plain"
    return Mark(at[0] + x, at[1] + y, "", colour, "window", look, right - x, bottom - y)


def labels(weight: Tensor, texts: Mapping[str, tuple[int, int, str]], *, kernel_at: tuple[int, int]) -> Marks:
    """The kernel with its name below it, and the titles of the maps: key -> (x, y, text)."""
    marks: Marks = {}
    for (u, v), value in cells(weight):
        place = (kernel_at[0] + TAP * v, kernel_at[1] + TAP * u)
        marks[f"w{u}_{v}"] = Mark(*place, number(value), width=TAP, height=TAP)
    name = {"label-kernel": (kernel_at[0], kernel_at[1] + TAP * weight.shape[0] + 18, "kernel")}
    for key, (x, y, text) in (name | dict(texts)).items():
        marks[key] = Mark(x, y, text, kind="label", look="title")
    return marks
