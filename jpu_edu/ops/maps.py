"""What every operator asks of a map, and what it says of anything else."""

from torch import Tensor


def check_map(x: object, *, what: str, name: str = "x", axes: str = "B, C, H, W") -> None:
    """Pass if `x` is a floating point tensor of four axes, none of them empty.

    Args:
        what, name: the function and its argument, for the error.
        axes: what the four are.

    Raises:
        TypeError: no tensor; not floating point.
        ValueError: another number of axes; an axis of length 0.
    """
    if not isinstance(x, Tensor):
        raise TypeError(f"{what}: {name} is {type(x).__name__}; pass a torch tensor ({axes})")
    if x.ndim != 4:
        raise ValueError(f"{what}: {name} has shape {tuple(x.shape)}; it needs four axes ({axes})")
    if 0 in x.shape:
        raise ValueError(f"{what}: {name} is empty, shape {tuple(x.shape)}; every axis must be >= 1")
    if not x.is_floating_point():
        raise TypeError(f"{what}: {name} is {x.dtype}; pass floating point, for example {name}.float()")
