"""The box filter: the mean over a square window, at a cost that does not depend on its size.

Shape legend
    B, C, H, W   any map
    radius       the window is (2 * radius + 1) square, cut off at the border
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from jpu_edu.classic.pair import check_radius
from jpu_edu.ops.maps import check_map


def _sum_along(x: Tensor, radius: int, axis: int) -> Tensor:
    """Sums over windows of one axis: a running total, read at the window's two ends and subtracted."""
    size = x.shape[axis]
    front = (1, 0) if axis == -1 else (0, 0, 1, 0)
    total = F.pad(x.cumsum(axis), front)
    index = torch.arange(size, device=x.device)
    last = (index + radius + 1).clamp(max=size)
    first = (index - radius).clamp(min=0)
    return total.index_select(axis, last) - total.index_select(axis, first)


def box_count(size: tuple[int, int], *, radius: int, like: Tensor) -> Float[Tensor, "H W"]:
    """How many pixels each window holds: (2 * radius + 1) ** 2 inside, fewer at the border.

    Args:
        like: gives dtype and device.
    """
    ones = torch.ones(1, 1, *size, dtype=like.dtype, device=like.device)
    return _sum_along(_sum_along(ones, radius, -1), radius, -2)[0, 0]


def box_mean(x: Float[Tensor, "B C H W"], *, radius: int) -> Float[Tensor, "B C H W"]:
    """The mean over the window around each pixel, in O(1) per pixel whatever the radius.

    Notice: at the border the window is cut off and the sum is divided by what is left, so a constant
    stays constant up to the last pixel. Dividing by (2 * radius + 1) ** 2 would darken the frame.

    Args:
        x: sums run in float64, so that a float32 map of any size keeps its digits.
        radius: >= 0; 0 gives `x` back. Windows may be larger than the map.

    Returns:
        The means, in the dtype of `x`.

    Raises:
        TypeError, ValueError: a radius that is no integer >= 0; another rank than 4.

    Convention: the window of pixel i holds the pixels i - radius to i + radius that exist.

    Source: Crow 1984, summed-area tables, one axis at a time; He et al. 2010, section 3.6; walkthrough 07.
    """
    check_radius(radius, what="box_mean")
    check_map(x, what="box_mean")
    wide = x.double()
    total = _sum_along(_sum_along(wide, radius, -1), radius, -2)
    return (total / box_count((x.shape[-2], x.shape[-1]), radius=radius, like=wide)).to(x.dtype)
