"""What is wrong with an answer, in words: the first of its type, its shape, NaN, its numbers, their dtype."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from jpu_edu.ops.compare import TOLERANCE


class Fault(NamedTuple):
    """A kind ("type", "shape", "nan", "values", "dtype"; of a call also "raised" and others), and words."""

    kind: str
    words: str


def fault(got: Any, want: Any) -> Fault | None:
    """Hold an answer against its target: a tensor, a number, or a list of such. None where it is right."""
    if got is None:
        return Fault("type", "it returned None; does it end in `return`")
    if isinstance(want, Tensor):
        return _of_tensors(got, want)
    if isinstance(want, tuple | list):
        if not isinstance(got, tuple | list):
            return Fault("type", f"it returned {type(got).__name__}; {_several(want)} wanted")
        if len(got) != len(want):
            return Fault("shape", f"it returned {len(got)} values; {_several(want)} wanted")
        places = [f"`{name}`" for name in getattr(want, "_fields", ())] or [f"place {k}" for k in range(len(want))]
        found = ((place, fault(*pair)) for place, *pair in zip(places, got, want, strict=True))
        faults = [Fault(one.kind, f"at {place}, {one.words}") for place, one in found if one]
        return min(faults, key=lambda one: one.kind == "dtype", default=None)
    got = got.item() if isinstance(got, Tensor) and got.numel() == 1 else got
    if isinstance(got, bool) or not isinstance(got, int | float):
        return Fault("type", f"it returned {type(got).__name__}; one number is wanted")
    if got != got:
        return Fault("nan", "it returned NaN, not a number")
    if abs(got - want) > (0 if isinstance(want, int) else 1e-6 * max(1.0, abs(want))):
        return Fault("values", "it returned {}; {} is wanted".format(*_apart(got, want)))
    return None


def _apart(got: float, want: float) -> tuple[str, str]:
    """Both numbers with as few digits as tell them apart, four at least."""
    fewest = min(17, max(4, *(len(f"{abs(value):.0f}") for value in (got, want))))
    pairs = [(f"{got:.{digits}g}", f"{want:.{digits}g}") for digits in range(fewest, 18)]
    return next((pair for pair in pairs if len(set(pair)) == 2), pairs[-1])


def _several(want: tuple | list) -> str:
    names = getattr(want, "_fields", ())
    return f"{len(want)} values, {' and '.join(names)}, are" if names else f"a list of {len(want)} is"


def _of_tensors(got: Any, want: Tensor) -> Fault | None:
    if not isinstance(got, Tensor):
        return Fault("type", f"it returned {type(got).__name__}; a tensor of {size(want)} is wanted")
    if got.shape != want.shape:
        return Fault("shape", f"its shape is {size(got)}; {size(want)} is wanted")
    if nans := int(got.isnan().sum()):
        return Fault("nan", f"{nans} of its {got.numel()} numbers are NaN (not a number)")
    wrong = wrong_cells(got, want)
    if wrong.any():
        place = tuple(wrong.nonzero()[0].tolist())
        mine, wanted = _apart(got[place].item(), want[place].item())
        first = f"the first at {list(place)}, {mine} where {wanted} is wanted"
        return Fault("values", f"{int(wrong.sum())} of its {want.numel()} numbers differ, {first}")
    if got.dtype != want.dtype:
        return Fault("dtype", f"its numbers are right, but they are {got.dtype} and not {want.dtype}; make each new "
                     f"tensor with `dtype={want.dtype}`, or from another one with `x.new_zeros(...)`")  # fmt: skip
    return None


def wrong_cells(got: Tensor, want: Tensor) -> Tensor:
    """Where two tensors of one shape differ by more than the coarser one's rounding; NaN differs from everything."""
    scale = max(1.0, want.abs().max().item()) if want.numel() else 1.0
    rounding = max(TOLERANCE.get(x.dtype, 0.0) for x in (got, want)) if want.is_floating_point() else 0.0
    common = torch.promote_types(got.dtype, want.dtype)
    return ~torch.isclose(got.detach().to(common), want.to(common), rtol=0, atol=10 * rounding * scale)


def size(x: Tensor) -> str:
    return " x ".join(map(str, x.shape)) or "a single number"
