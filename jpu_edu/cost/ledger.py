"""Rows of a bill: one for each layer, added up by part, printed as a table."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from jpu_edu.ops.columns import columns


@dataclass(frozen=True)
class LayerCost:
    """One module that holds parameters or computes: what it costs in one forward pass.

    `macs` comes from shapes: weights times positions, for convolutions and linear layers, 0 for others.
    `counted` comes from the operators that ran in the module itself, not in its children.
    The two agree for a network of layers. Where `counted` is larger, the module multiplies without one:
    attention, an Encoding layer, a convolution called as a function.
    """

    name: str
    kind: str
    output: tuple[int, ...]
    params: int
    macs: int
    counted: int


def by_part(rows: Sequence[LayerCost], *, depth: int = 1) -> list[LayerCost]:
    """Add the rows up by the first `depth` words of their names: the parts of a network.

    The output of a part is the output of its last layer.
    """
    if depth < 1:
        raise ValueError(f"by_part: depth={depth}; depth must be >= 1 (1 adds up the root's children)")
    parts: dict[str, list[LayerCost]] = defaultdict(list)
    for row in rows:
        parts[".".join(row.name.split(".")[:depth])].append(row)
    return [total(group, name=name) for name, group in parts.items()]


def total(rows: Sequence[LayerCost], *, name: str = "total") -> LayerCost:
    """The sum of the rows as one row."""
    kind = rows[0].kind if len(rows) == 1 else f"{len(rows)} layers"
    output = next((row.output for row in reversed(rows) if row.output), ())
    sums = (sum(getattr(row, field) for row in rows) for field in ("params", "macs", "counted"))
    return LayerCost(name, kind, output, *sums)


def _column(numbers: Sequence[int], head: str) -> list[str]:
    """Its head with the unit in which the largest number has at least one digit before the point; the numbers."""
    units = (1e9, "G"), (1e6, "M"), (1e3, "k")
    size, name = next((unit for unit in units if max(numbers) >= unit[0]), (1, ""))
    digits = 0 if size == 1 else 3
    return [f"{head} ({name})" if name else head, *(f"{number / size:.{digits}f}" for number in numbers)]


def table(rows: Sequence[LayerCost]) -> str:
    """The rows and their total as aligned text: part, kind, output, parameters, MACs, counted MACs."""
    rows = [*rows, total(rows)]
    by_column = [
        ["part", *(row.name or "(root)" for row in rows)],
        ["kind", *(row.kind for row in rows)],
        ["output", *("x".join(map(str, row.output)) or "-" for row in rows)],
        _column([row.params for row in rows], "params"),
        _column([row.macs for row in rows], "MAC"),
        _column([row.counted for row in rows], "counted MAC"),
    ]
    head, *lines, last = zip(*by_column, strict=True)
    return columns([head, None, *lines, None, last], left=3)
