"""What the three filters share: a guide and a target that fit together, and where the target's samples sit.

Shape legend
    B, G, C   batch, channels of the guide (1 grey, 3 colour), channels of the target
    H, W      high resolution, the guide's
    h, w      low resolution, the target's

Where low-resolution sample k sits, in high-resolution pixels, is said by `rate`:
    rate=None   (k + 1/2) * H / h - 1/2   the centre of its share of the picture: a shrunken photograph
    rate=r      k * r                     phase 0: what a stride, or R, leaves behind
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from jpu_edu.ops.interp import resize
from jpu_edu.ops.maps import check_map
from jpu_edu.ops.phases import Rate, rate_pair, reduce


def check_pair(guide: Tensor, target: Tensor, *, what: str) -> None:
    """Refuse a guide and a target that cannot belong together, and say what differs.

    Raises:
        TypeError: not tensors, or not floating point.
        ValueError: not four axes, an empty axis, or another batch, dtype or device.
    """
    for name, tensor in (("guide", guide), ("target", target)):
        check_map(tensor, what=what, name=name, axes="B, channels, H, W")
    if guide.shape[0] != target.shape[0]:
        raise ValueError(
            f"{what}: {guide.shape[0]} guides for {target.shape[0]} targets; expand one to the other's batch"
        )
    if (guide.dtype, guide.device) != (target.dtype, target.device):
        raise ValueError(
            f"{what}: guide is {guide.dtype} on {guide.device}, target is {target.dtype} on {target.device}; "
            "both must agree"
        )


def check_low(target: Tensor, *, size: tuple[int, int], rate: Rate | None, what: str) -> None:
    """Refuse a low-resolution target that cannot come from a map of `size`.

    Raises:
        ValueError: larger than `size`; or, with a rate, another size than phase 0 of `size` has.
    """
    low = (target.shape[-2], target.shape[-1])
    if rate is None:
        if low[0] > size[0] or low[1] > size[1]:
            raise ValueError(f"{what}: target {low} is larger than guide {size}; the guide is the high resolution")
        return
    rate_h, rate_w = rate_pair(rate, what=what)
    phase = (math.ceil(size[0] / rate_h), math.ceil(size[1] / rate_w))
    if low != phase:
        raise ValueError(
            f"{what}: at rate={rate!r} phase 0 of a guide {size} is {phase}, the target is {low}; "
            "give the rate that it was reduced with, or rate=None for samples at the centres of equal shares"
        )


def check_number(value: float, *, name: str, what: str, remedy: str) -> None:
    """Refuse a parameter that is no finite number above 0.

    Raises:
        TypeError, ValueError: with the value and the remedy.
    """
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 < value < math.inf:
        raise (ValueError if number else TypeError)(
            f"{what}: {name}={value!r}; {name} must be a finite number > 0 ({remedy})"
        )


def check_radius(radius: int, *, what: str) -> None:
    """Refuse a radius that is no integer >= 0.

    Raises:
        TypeError, ValueError: with the value and the remedy.
    """
    whole = isinstance(radius, int) and not isinstance(radius, bool)
    if not whole or radius < 0:
        raise (ValueError if whole else TypeError)(
            f"{what}: radius={radius!r}; radius must be an integer >= 0 (0 is a window of one pixel)"
        )


def low_positions(high: int, low: int, *, rate: int | None, like: Tensor) -> Float[Tensor, "high"]:
    """Where each high-resolution pixel of one axis sits, measured in low-resolution samples.

    Notice: with `rate=None` the first pixel sits *before* the first sample; with a rate, on it.

    Args:
        high, low: the number of pixels and of samples along the axis.
        rate: r, or None for centres of equal shares.
        like: gives dtype and device.

    Convention: i / r with a rate, (i + 1/2) * low / high - 1/2 without: the positions of `phase_aligned`
        and of `resize(align_corners=False)`.

    Source: Kopf et al. 2007, section 3 (their p with a down arrow); walkthroughs 06 and 07.
    """
    index = torch.arange(high, dtype=like.dtype, device=like.device)
    return (index + 0.5) * (low / high) - 0.5 if rate is None else index / rate


def low_guide(guide: Float[Tensor, "B G H W"], *, size: tuple[int, int], rate: Rate | None) -> Float[Tensor, "B G h w"]:
    """The guide at the target's resolution: the mean over each sample's share, or phase 0.

    Args:
        size: (h, w) of the target.
        rate: None takes means over shares, r takes every r-th pixel.
    """
    return resize(guide, size=size, mode="area") if rate is None else reduce(guide, rate=rate)
