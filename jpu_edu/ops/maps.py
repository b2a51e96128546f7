"""What an operator asks of its arguments, and what it says of anything else: is this a map, is this a size?"""

from torch import Tensor


def check_map(x: object, *, what: str, name: str = "x", axes: str = "B, C, H, W", cast: str | None = "") -> None:
    """Pass if `x` is a tensor with these axes, none of them empty, and of floating point.

    Args:
        what, name: the function and its argument, for the error.
        axes: four, as the error names them; "..., H, W" is two with any others before them, even empty ones.
        cast: how to make floating point of something else; by default x.float(). None where any dtype will do.

    Raises:
        TypeError: no tensor; not floating point.
        ValueError: another number of axes; an axis of length 0.
    """
    if not isinstance(x, Tensor):
        raise TypeError(f"{what}: {name} is {type(x).__name__}; pass a torch tensor ({axes})")
    shape, any_before = tuple(x.shape), axes.startswith("...")
    if x.ndim < 2 or (x.ndim != 4 and not any_before):
        needs = "at least the two axes H and W" if any_before else f"four axes ({axes})"
        remedy = f"; add the batch axis: {name}[None]" if x.ndim == 3 and axes.startswith("B,") else ""
        raise ValueError(f"{what}: {name} has shape {shape}; it needs {needs}{remedy}")
    if 0 in (shape[-2:] if any_before else shape):
        rule = "H and W" if any_before else "every axis"
        raise ValueError(f"{what}: {name} is empty, shape {shape}; {rule} must be >= 1")
    if cast is not None and not x.is_floating_point():
        raise TypeError(f"{what}: {name} is {x.dtype}; pass floating point, for example {cast or f'{name}.float()'}")


def whole_pair(
    value: int | tuple[int, int], *, what: str, name: str, least: int = 1, remedy: str = ""
) -> tuple[int, int]:
    """Read an integer, or a pair (vertical, horizontal), as a pair.

    Args:
        what, name: the function and its argument, for the error.
        least: the smallest that is allowed.
        remedy: what to do instead of going below it.

    Raises:
        TypeError: not an integer or a pair of integers.
        ValueError: below `least`; 2^31 or more, where PyTorch's strides overflow.
    """
    pair = tuple(value) if isinstance(value, tuple | list) else (value, value)
    rule = f"{what}: {name}={value!r}; {name} must be an integer >= {least}"
    if len(pair) != 2 or any(isinstance(n, bool) or not isinstance(n, int) for n in pair):
        raise TypeError(f"{rule} or a pair of them, such as 2 or (1, 2)")
    if min(pair) < least:
        raise ValueError(rule + (f" ({remedy})" if remedy else ""))
    if max(pair) >= 2**31:
        raise ValueError(f"{what}: {name}={value!r}; no map is that large, give a {name} below {2**31}")
    return pair
