"""What the functions of several sheets do with maps."""

from collections.abc import Callable, Sequence

from torch import Tensor

from jpu_edu.ops.phases import merge, split


def by_phases(h: Callable, x: Tensor, rate: int) -> Tensor:
    """Split, h(phase) of each, merge."""
    return merge([h(phase) for phase in split(x, rate=rate)], rate=rate)


def copied(y: Tensor, rate: int, size: Sequence[int]) -> Tensor:
    """Each number as a block of rate x rate, cropped to `size`."""
    return y.repeat_interleave(rate, -2).repeat_interleave(rate, -1)[..., : size[0], : size[1]]
