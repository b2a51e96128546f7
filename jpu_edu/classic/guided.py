"""The guided filter: in every window the result is a straight-line function of the guide.

Shape legend
    B, G, C   batch, channels of the guide (1 grey, 3 colour), channels of the target
    H, W      high resolution, the guide's
    h, w      low resolution, the target's
    a         (B, G, C, H, W), one slope for each pair of channels;  b  (B, C, H, W), the offset
"""

import torch
from jaxtyping import Float
from torch import Tensor

from jpu_edu.classic.box import box_mean
from jpu_edu.classic.pair import check_low, check_number, check_pair, check_radius, low_guide
from jpu_edu.ops.interp import phase_aligned, resize
from jpu_edu.ops.phases import Rate


def _solve(matrix: list[list[Tensor]], right: list[Tensor]) -> list[Tensor]:
    """Gaussian elimination of one G x G system per pixel. Positive definite, so no pivots are exchanged."""
    size = len(right)
    for k in range(size):
        for i in range(k + 1, size):
            factor = matrix[i][k] / matrix[k][k]
            matrix[i] = [lower - factor * upper for lower, upper in zip(matrix[i], matrix[k], strict=True)]
            right[i] = right[i] - factor * right[k]
    solution: list[Tensor] = [torch.empty(0)] * size
    for k in reversed(range(size)):
        known = sum((matrix[k][j] * solution[j] for j in range(k + 1, size)), torch.zeros_like(right[k]))
        solution[k] = (right[k] - known) / matrix[k][k]
    return solution


def guided_coefficients(
    guide: Float[Tensor, "B G H W"], target: Float[Tensor, "B C H W"], *, radius: int, epsilon: float
) -> tuple[Float[Tensor, "B G C H W"], Float[Tensor, "B C H W"]]:
    """a-bar and b-bar: the slope and the offset of the line fitted in each window, averaged over windows.

    Notice: each window solves a least-squares fit of target = a * guide + b, with epsilon * a^2 against
    steep slopes. This is the h of joint upsampling, found in closed form, once for every window.

    Args:
        guide, target: the paper's I and p.
        radius: windows reach `radius` pixels to each side; >= 0.
        epsilon: > 0, in squared units of the guide. A window whose guide varies by much less than
            sqrt(epsilon) is flattened to its mean; one that varies by much more keeps its edges.
            Below about 1e-12 * guide ** 2 the rounding of the variances shows.

    Returns:
        a-bar (B, G, C, H, W) and b-bar (B, C, H, W), float64: variances are differences of nearly equal
        numbers, and float32 has too few digits for them.

    Raises:
        TypeError, ValueError: shapes, dtypes, radius or epsilon that do not fit.

    Source: He, Sun, Tang, Guided Image Filtering, ECCV 2010, Eqs. 5 and 6 (grey), 14 and 15 (colour),
        averaged as in Eqs. 8 and 16; walkthrough 07.
    """
    what = "guided_filter"
    check_pair(guide, target, what=what)
    check_radius(radius, what=what)
    check_number(epsilon, name="epsilon", what=what, remedy="in squared units of the guide, such as 0.1 ** 2")
    if guide.shape[-2:] != target.shape[-2:]:
        raise ValueError(
            f"{what}: guide is {tuple(guide.shape[-2:])}, target is {tuple(target.shape[-2:])}; "
            "sizes must agree (to lift a smaller target, call fast_guided_filter)"
        )
    guide, target = guide.double(), target.double()
    channels = range(guide.shape[1])

    def mean(x: Tensor) -> Tensor:
        return box_mean(x, radius=radius)

    mean_guide, mean_target = mean(guide), mean(target)
    x = [guide[:, g : g + 1] for g in channels]
    mean_x = [mean_guide[:, g : g + 1] for g in channels]
    spread = [
        [mean(x[i] * x[j]) - mean_x[i] * mean_x[j] + (epsilon if i == j else 0.0) for j in channels] for i in channels
    ]
    shared = [mean(x[i] * target) - mean_x[i] * mean_target for i in channels]
    slopes = _solve(spread, shared)
    offset = mean_target - sum(slope * centre for slope, centre in zip(slopes, mean_x, strict=True))
    return torch.stack([mean(slope) for slope in slopes], dim=1), mean(offset)


def guided_filter(
    guide: Float[Tensor, "B G H W"], target: Float[Tensor, "B C H W"], *, radius: int, epsilon: float
) -> Float[Tensor, "B C H W"]:
    """q = a-bar * I + b-bar: the target, smoothed inside regions and sharp where the guide is sharp.

    Notice: unlike a bilateral filter it can leave the target's range, because it copies the guide's
    *structure* and not only its edges. A target a * guide + b comes back with an error of at most
    |a| * sqrt(n * epsilon) / 2, n = (2 * radius + 1) ** 2, whatever the guide: a shrinks to
    a * v / (v + epsilon) in a window of variance v, and no pixel is further than sqrt(n * v) from its mean.

    Args:
        guide: grey (G = 1), colour (G = 3) or any features.
        radius: >= 0, in pixels. The cost does not depend on it.
        epsilon: > 0, in squared units of the guide: (0.1) ** 2 for a guide in [0, 1] is moderate.

    Returns:
        (B, C, H, W), in the target's dtype; the arithmetic is float64.

    Raises:
        TypeError, ValueError: as for `guided_coefficients`.

    Convention: windows are cut off at the border and their means divide by the pixels left.

    Source: He, Sun, Tang, ECCV 2010, Eqs. 8 and 16; walkthrough 07.
    """
    slope, offset = guided_coefficients(guide, target, radius=radius, epsilon=epsilon)
    return ((slope * guide.double()[:, :, None]).sum(1) + offset).to(target.dtype)


def fast_guided_filter(
    guide: Float[Tensor, "B G H W"], target: Float[Tensor, "B C h w"], *, radius: int, epsilon: float, rate: Rate | None
) -> Float[Tensor, "B C H W"]:
    """Joint upsampling by lines: fit a and b at low resolution, upsample *them*, apply them to the guide.

    Notice: the target itself is never interpolated. a and b are smooth where the target is not, so
    bilinear interpolation harms them little; the edges come from the high-resolution guide. FastFCN's
    approximation has the same shape: fit h on (y_m^0, y_s), apply it to all of y_m.

    Args:
        target: h <= H and w <= W. To only speed up the filter of a full-resolution target,
            shrink the target first.
        radius: >= 0, in low-resolution pixels: the paper's r divided by its subsampling ratio s.
        epsilon: > 0, in squared units of the guide.
        rate: where the target's samples sit: r for phase 0 (a stride or R), None for a shrunken picture.

    Returns:
        (B, C, H, W), in the target's dtype. With rate=1 it equals `guided_filter`.

    Raises:
        TypeError, ValueError: as for `guided_coefficients`; a rate that does not lead from the guide's
            size to the target's.

    Convention: `rate=r` puts sample k on pixel k * r (`phase_aligned`), `rate=None` on the centre of its
        share of the picture (`resize(align_corners=False)`). The guide is brought down the same way.

    Source: He, Sun, Fast Guided Filter, arXiv 1505.00996, Algorithm 2; walkthrough 07.
    """
    check_pair(guide, target, what="fast_guided_filter")
    size = (guide.shape[-2], guide.shape[-1])
    check_low(target, size=size, rate=rate, what="fast_guided_filter")
    below = low_guide(guide, size=(target.shape[-2], target.shape[-1]), rate=rate)
    slope, offset = guided_coefficients(below, target, radius=radius, epsilon=epsilon)
    packed = torch.cat([slope.flatten(1, 2), offset], dim=1)
    if rate is None:
        lifted = resize(packed, size=size, align_corners=False)
    else:
        lifted = phase_aligned(packed, rate=rate, size=size)
    count = guide.shape[1] * target.shape[1]
    slope, offset = lifted[:, :count].unflatten(1, slope.shape[1:3]), lifted[:, count:]
    return ((slope * guide.double()[:, :, None]).sum(1) + offset).to(target.dtype)
