"""Every resize of the project. Where a sample sits is decided here and nowhere else.

Shape legend
    (h, w) -> (H, W)   from a low to a high resolution, or back

Three conventions for the position, in low-resolution samples, of output pixel i:
    align_corners=True   i * (h - 1) / (H - 1)       first and last samples meet
    align_corners=False  (i + 1/2) * h / H - 1/2     the outer edges of the pixels meet
    phase-aligned        i / rate                    sample k meets pixel k * rate, as stride and R leave it
"""

from typing import Literal, get_args

import torch
import torch.nn.functional as F
from jaxtyping import Float, Shaped
from torch import Tensor

from jpu_edu.ops.maps import check_map
from jpu_edu.ops.phases import Rate, rate_pair

Mode = Literal["bilinear", "bicubic", "area"]


#: For `check_map`, of a map of integers.
CAST = "x.float(), or use `nearest`"


def _size(size: tuple[int, int], what: str) -> tuple[int, int]:
    """Refuse a size that no map has."""
    integers = int | torch.SymInt  # not int(...): a size that stays free in an exported network is no int
    whole = isinstance(size, tuple | list) and all(isinstance(n, integers) and not isinstance(n, bool) for n in size)
    if not whole or len(size) != 2 or min(size) < 1:
        raise (ValueError if whole else TypeError)(f"{what}: size={size!r}; pass (H, W), two integers >= 1")
    if all(isinstance(n, int) for n in size) and size[0] * size[1] > 2**36:
        raise ValueError(f"{what}: size={size!r}; no memory holds that many pixels, give a smaller size")
    return size[0], size[1]


def resize(
    x: Float[Tensor, "B C h w"], *, size: tuple[int, int], align_corners: bool | None = None, mode: Mode = "bilinear"
) -> Float[Tensor, "B C H W"]:
    """Resize a map to `size` with PyTorch's own interpolation; where the samples sit is the caller's choice.

    Notice: `align_corners` has no default for bilinear and bicubic. FastFCN's official code uses True,
    torchvision and mmsegmentation False, and they differ by up to 24 input pixels at 480 (walkthrough 06).

    Args:
        align_corners: True or False for bilinear and bicubic; must be left out for area.
        mode: "bilinear", "bicubic", or "area" (the mean over each output pixel's box, for shrinking).

    Raises:
        TypeError, ValueError: a wrong rank, an empty map, integers, a size below 1, an unknown mode, or
            `align_corners` missing.

    Convention: with align_corners=True the four corner samples are kept exactly.

    Source: walkthrough 06.
    """
    check_map(x, what="resize", cast=CAST)
    size = _size(size, "resize")
    if mode not in get_args(Mode):
        raise ValueError(f"resize: mode={mode!r}; choose one of {', '.join(get_args(Mode))} (or call `nearest`)")
    if (align_corners is None) != (mode == "area") or align_corners not in (None, True, False):
        remedy = "leave it out" if mode == "area" else "say True or False"
        raise ValueError(f"resize: align_corners={align_corners!r} with mode={mode!r}; {remedy}")
    return F.interpolate(x, size=size, mode=mode, align_corners=align_corners)


def nearest(x: Shaped[Tensor, "B C h w"], *, size: tuple[int, int]) -> Shaped[Tensor, "B C H W"]:
    """Resize by taking, for output pixel i, the sample floor(i * h / H): labels stay labels.

    Convention: at an integer factor r it repeats each sample r times, from the top left.

    Source: walkthrough 06.
    """
    check_map(x, what="nearest", cast=None)
    height, width = _size(size, "nearest")
    rows = torch.arange(height, device=x.device) * x.shape[-2] // height
    columns = torch.arange(width, device=x.device) * x.shape[-1] // width
    return x[..., rows, :][..., columns]


def phase_aligned(
    x: Float[Tensor, "B C h w"], *, rate: Rate, size: tuple[int, int] | None = None
) -> Float[Tensor, "B C H W"]:
    """Bilinear upsampling that puts sample k where stride left it: at high-resolution position k * rate.

    Notice: reduce(phase_aligned(x, rate=r), rate=r) equals x. Neither value of align_corners does that:
    False shifts every sample by (r - 1) / 2 pixels, True stretches the grid unless H = (h - 1) r + 1.

    Args:
        rate: r >= 1, or (r_h, r_w).
        size: (H, W) with ceil(H / r_h) = h and ceil(W / r_w) = w; by default (h * r_h, w * r_w).

    Returns:
        (B, C, H, W). Beyond the last sample there is nothing to interpolate to, so its value is held.

    Raises:
        ValueError: a size whose phase (0, 0) has another shape than `x`.

    Convention: phase (0, 0) of the result is the input, up to rounding.

    Source: the positions follow from R (FastFCN, section 3.3); walkthrough 06.
    """
    rate_h, rate_w = rate_pair(rate, what="phase_aligned")
    check_map(x, what="phase_aligned", cast=CAST)
    h, w = x.shape[-2:]
    height, width = _size((h * rate_h, w * rate_w) if size is None else size, "phase_aligned")
    spanned = (h - 1) * rate_h + 1, (w - 1) * rate_w + 1  # from the first sample to the last
    phase = -(-height // rate_h), -(-width // rate_w)  # rounded up
    if phase != (h, w):
        raise ValueError(
            f"phase_aligned: size={(height, width)} at rate={rate!r} has a phase (0, 0) of "
            f"{phase[0]} x {phase[1]}, the map is {h} x {w}; choose H from {spanned[0]} to {h * rate_h}, "
            f"W from {spanned[1]} to {w * rate_w}"
        )
    up = F.interpolate(x, size=spanned, mode="bilinear", align_corners=True)
    return F.pad(up, (0, width - spanned[1], 0, height - spanned[0]), mode="replicate")
