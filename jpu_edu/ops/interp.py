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

from jpu_edu.ops.phases import Rate, rate_pair

Mode = Literal["bilinear", "bicubic", "area"]


def _check(x: Tensor, size: tuple[int, int], what: str) -> tuple[int, int]:
    if not isinstance(x, Tensor):
        raise TypeError(f"{what}: got {type(x).__name__}; pass a torch tensor of shape (B, C, H, W)")
    if x.ndim != 4:
        raise ValueError(f"{what}: got shape {tuple(x.shape)}; pass a tensor of shape (B, C, H, W)")
    if 0 in x.shape[-2:]:
        raise ValueError(f"{what}: got an empty map of shape {tuple(x.shape)}; H and W must be >= 1")
    integers = int | torch.SymInt
    if not isinstance(size, tuple | list) or any(isinstance(n, bool) or not isinstance(n, integers) for n in size):
        raise TypeError(f"{what}: size={size!r}; pass (H, W), two integers >= 1")
    if len(size) != 2 or min(size) < 1:
        raise ValueError(f"{what}: size={size!r}; pass (H, W), two integers >= 1")
    if isinstance(size[0], int) and isinstance(size[1], int) and size[0] * size[1] > 2**36:
        raise ValueError(f"{what}: size={size!r}; no memory holds that many pixels, give a smaller size")
    return size[0], size[1]  # not int(...): a size that stays free in an exported network is no int


def _check_floating(x: Tensor, what: str) -> None:
    if not x.is_floating_point():
        raise TypeError(f"{what}: x is {x.dtype}; pass floating point, for example x.float(), or use `nearest`")


def resize(
    x: Float[Tensor, "B C h w"], *, size: tuple[int, int], align_corners: bool | None = None, mode: Mode = "bilinear"
) -> Float[Tensor, "B C H W"]:
    """Resize a map to `size` with PyTorch's own interpolation; where the samples sit is the caller's choice.

    Notice: `align_corners` has no default for bilinear and bicubic. FastFCN's official code uses True,
    torchvision and mmsegmentation False, and they differ by up to 24 input pixels at 480 (walkthrough 06).

    Args:
        x: (B, C, h, w), floating point.
        size: (H, W), each >= 1.
        align_corners: True or False for bilinear and bicubic; must be left out for area.
        mode: "bilinear", "bicubic", or "area" (the mean over each output pixel's box, for shrinking).

    Raises:
        TypeError, ValueError: a wrong rank, an empty map, integers, a size below 1, an unknown mode, or
            `align_corners` missing.

    Convention: with align_corners=True the four corner samples are kept exactly.

    Source: walkthrough 06.
    """
    size = _check(x, size, "resize")
    _check_floating(x, "resize")
    if mode not in get_args(Mode):
        raise ValueError(f"resize: mode={mode!r}; choose one of {', '.join(get_args(Mode))} (or call `nearest`)")
    if (align_corners is None) != (mode == "area") or align_corners not in (None, True, False):
        remedy = "leave it out" if mode == "area" else "say True or False"
        raise ValueError(f"resize: align_corners={align_corners!r} with mode={mode!r}; {remedy}")
    return F.interpolate(x, size=size, mode=mode, align_corners=align_corners)


def nearest(x: Shaped[Tensor, "B C h w"], *, size: tuple[int, int]) -> Shaped[Tensor, "B C H W"]:
    """Resize by taking, for output pixel i, the sample floor(i * h / H): labels stay labels.

    Args:
        x: (B, C, h, w), any dtype, integer label maps included.
        size: (H, W), each >= 1.

    Convention: at an integer factor r it repeats each sample r times, from the top left.

    Source: walkthrough 06.
    """
    height, width = _check(x, size, "nearest")
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
        x: (B, C, h, w), floating point.
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
    _check(x, (1, 1), "phase_aligned")
    _check_floating(x, "phase_aligned")
    h, w = x.shape[-2:]
    height, width = _check(x, (h * rate_h, w * rate_w) if size is None else size, "phase_aligned")
    if (-(-height // rate_h), -(-width // rate_w)) != (h, w):
        raise ValueError(
            f"phase_aligned: size={(height, width)} at rate={rate!r} has a phase (0, 0) of "
            f"{-(-height // rate_h)} x {-(-width // rate_w)}, the map is {h} x {w}; "
            f"choose H from {(h - 1) * rate_h + 1} to {h * rate_h}, W from {(w - 1) * rate_w + 1} to {w * rate_w}"
        )
    spanned = ((h - 1) * rate_h + 1, (w - 1) * rate_w + 1)
    up = F.interpolate(x, size=spanned, mode="bilinear", align_corners=True)
    return F.pad(up, (0, width - spanned[1], 0, height - spanned[0]), mode="replicate")
