"""What "equal" means here: one error, one tolerance per dtype, one verdict.

Each claim of the course carries a label:
    exact        equal up to rounding, whatever the numbers
    approximate  close, by a stated bound
    learned      close because something was fitted to data

Source: the course's rule that a claim is a number on the reader's machine.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import torch
from torch import Tensor

from jpu_edu.ops.columns import columns

Label = Literal["exact", "approximate", "learned"]

#: The largest `max_error` that still counts as "equal up to rounding".
TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5, torch.float16: 4e-3, torch.bfloat16: 3e-2}


def tolerance_of(dtype: torch.dtype) -> float:
    """The tolerance for `dtype`: the table above, and 0 for integers and booleans."""
    if dtype in TOLERANCE:
        return TOLERANCE[dtype]
    if dtype.is_floating_point or dtype.is_complex:
        raise ValueError(f"compare: no tolerance for {dtype}; use one of {[str(d) for d in TOLERANCE]}")
    return 0.0


def max_error(got: Tensor, want: Tensor) -> float:
    """Largest absolute difference, divided by the largest |want| where that exceeds 1.

    Notice: a NaN on either side gives NaN, which no tolerance accepts; equal infinities are equal.

    Returns:
        A number >= 0 without unit, or NaN. Two empty tensors have error 0.

    Raises:
        TypeError, ValueError: no tensors; shapes or dtypes that differ (nothing is broadcast or promoted).
    """
    for tensor in (got, want):
        if not isinstance(tensor, Tensor):
            raise TypeError(f"compare: got {type(tensor).__name__}; pass two torch tensors")
    if got.shape != want.shape:
        raise ValueError(f"compare: shapes differ, {tuple(got.shape)} against {tuple(want.shape)}")
    if got.dtype != want.dtype:
        raise ValueError(f"compare: dtypes differ, {got.dtype} against {want.dtype}; cast one on purpose")
    if got.numel() == 0:
        return 0.0
    smallest = 0.0 if want.is_floating_point() else 1.0  # two integers above 2^53 may be one number in float64
    got, want, equal = got.detach().double(), want.detach().double(), got == want
    difference = torch.where(equal, 0.0, (got - want).abs().clamp(min=smallest))
    finite = want[want.isfinite()].abs()
    scale = max(1.0, finite.max().item()) if finite.numel() else 1.0
    return difference.max().item() / scale


@dataclass(frozen=True)
class Comparison:
    """One row of a table of claims: what was compared, how far apart it is, and the verdict.

    `breaks` marks a counterexample: it passes when the two sides differ by more than the tolerance.
    """

    name: str
    label: Label
    shapes: tuple[tuple[int, ...], ...]
    dtype: str
    error: float
    tolerance: float
    breaks: bool = False

    @property
    def passed(self) -> bool:
        if self.breaks:
            return math.isfinite(self.error) and self.error > self.tolerance
        return self.error <= self.tolerance

    @property
    def verdict(self) -> str:
        if self.breaks:
            return "breaks, as claimed" if self.passed else "DOES NOT BREAK"
        return "holds" if self.passed else "FAILS"


def compare(
    name: str, got: Tensor, want: Tensor, *,
    label: Label = "exact", breaks: bool = False, tolerance: float | None = None,
) -> Comparison:  # fmt: skip
    """Compare two tensors and keep the result as a row.

    Args:
        name: the claim in words or symbols, such as "M(C_r(S(x))) = C_d(x)".
        label: "exact", "approximate" or "learned".
        breaks: True for a counterexample, which passes when the two sides differ.
        tolerance: the bound that is claimed; by default the dtype's rounding tolerance.

    Raises:
        ValueError: an unknown label; shapes or dtypes differ.
    """
    if label not in get_args(Label):
        raise ValueError(f"compare: label={label!r}; choose one of {', '.join(get_args(Label))}")
    limit = tolerance_of(want.dtype) if tolerance is None else float(tolerance)
    dtype = str(want.dtype).removeprefix("torch.")
    return Comparison(name, label, (tuple(want.shape),), dtype, max_error(got, want), limit, breaks)


def worst(rows: Sequence[Comparison]) -> Comparison:
    """Fold the comparisons of one claim over many shapes into its row: the largest error of an identity.

    For a counterexample it keeps the *smallest* error, since it must break every time. NaN always wins.
    """
    if not rows:
        raise ValueError("worst: no comparisons given; pass at least one")
    first = rows[0]
    for other in rows:
        if any(getattr(other, field) != getattr(first, field) for field in ("name", "label", "dtype", "breaks")):
            raise ValueError(f"worst: rows of different claims, {first.name!r} and {other.name!r}")
    errors = [row.error for row in rows]
    pick = min if first.breaks else max
    error = math.nan if any(math.isnan(e) for e in errors) else pick(errors)
    tolerance = (max if first.breaks else min)(row.tolerance for row in rows)
    shapes = tuple(shape for row in rows for shape in row.shapes)
    return replace(first, shapes=shapes, error=error, tolerance=tolerance)


def describe_shapes(shapes: Sequence[tuple[int, ...]]) -> str:
    """One shape as "1x64x65x97"; several as "12 shapes, 5 odd" (odd: an odd last or next-to-last size)."""
    if len(shapes) == 1:
        return "x".join(map(str, shapes[0])) or "scalar"
    odd = sum(any(size % 2 for size in shape[-2:]) for shape in shapes)
    return f"{len(shapes)} shapes, {odd} odd"


def describe_error(row: Comparison, *, bounds: bool) -> str:
    """The error as text. With `bounds`, rounding noise is printed as the bound that it keeps.

    Rounding noise differs from processor to processor; the bound does not, so a stored notebook
    that prints bounds compares equal on another machine.
    """
    if bounds and not row.breaks and row.passed and row.label == "exact":
        return "0" if row.tolerance == 0 else f"<= {row.tolerance:.0e}"
    return f"{row.error:.2g}" if bounds else f"{row.error:.1e}"


def table(rows: Sequence[Comparison], *, bounds: bool = True) -> str:
    """The rows as aligned text: claim, label, shapes, dtype, max error, verdict.

    Args:
        bounds: print rounding noise as its bound (for stored notebooks); False prints the number itself.
    """
    lines = [("claim", "label", "shapes", "dtype", "max error", "verdict"), None]
    for row in rows:
        label = "counterexample" if row.breaks else row.label
        error = describe_error(row, bounds=bounds)
        lines.append((row.name, label, describe_shapes(row.shapes), row.dtype, error, row.verdict))
    return columns(lines, left=6)
