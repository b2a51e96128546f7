"""Joint bilateral upsampling: average nearby low-resolution samples, but only those that look alike.

Shape legend
    B, G, C   batch, channels of the guide (1 grey, 3 colour), channels of the target
    H, W      high resolution, the guide's
    h, w      low resolution, the target's
    N         samples in the window, (2 * radius + 1) ** 2
"""

import torch
from jaxtyping import Float
from torch import Tensor

from jpu_edu.classic.pair import check_low, check_number, check_pair, check_radius, low_guide, low_positions
from jpu_edu.ops.phases import Rate, rate_pair


def _neighbours(position: Tensor, low: int, step: int) -> tuple[Tensor, Tensor, Tensor]:
    """Of one axis: the sample `step` after each pixel's nearest, its squared distance, whether it exists."""
    nearest = (position + 0.5).floor().clamp(0, low - 1)
    wanted = nearest + step
    inside = (wanted >= 0) & (wanted < low)
    return wanted.clamp(0, low - 1).long(), (position - wanted).square(), inside


def joint_bilateral_upsample(
    guide: Float[Tensor, "B G H W"],
    target: Float[Tensor, "B C h w"],
    *,
    sigma_spatial: float,
    sigma_range: float,
    radius: int = 2,
    rate: Rate | None,
) -> Float[Tensor, "B C H W"]:
    """y_h from (x_h, y_l): a bilateral filter whose samples are sparse and whose edges are the guide's.

    Notice: the guide decides *who is averaged*, never the value. The result stays between the smallest
    and the largest target sample in the window, so a colour or a depth that no sample has cannot appear.

    Equal resolutions (rate=1) give the joint bilateral filter. The window is O(radius ** 2) per pixel and
    keeps N maps of the high resolution in memory; compare `guided_filter`, which pays neither.

    Args:
        guide: (B, G, H, W), the paper's I. The range distance is the Euclidean norm over its G channels.
        target: (B, C, h, w), the paper's S, h <= H and w <= W.
        sigma_spatial: width of f, in low-resolution samples; > 0. Weights are exp(-d^2 / (2 sigma^2)).
            0.5 keeps to the nearest samples, and beyond `radius` nothing is averaged however large it is.
        sigma_range: width of g, in the guide's units; > 0. For a guide in [0, 1], about 0.1.
            Towards infinity the guide is ignored.
        radius: samples taken to each side of the nearest one; >= 0. 2 is a 5 x 5 window.
        rate: where the samples sit: r for phase 0 (a stride or R), None for a shrunken picture.

    Returns:
        (B, C, H, W). Samples outside the map get no weight; the others are normalised to 1.
        No weight can vanish: the normaliser 1 / k_p is a softmax, so a tiny sigma_range picks the most alike.

    Raises:
        TypeError, ValueError: a guide and a target that do not fit; sigma <= 0; radius < 0; a rate that does
            not lead from the guide's size to the target's.

    Convention: `rate=r` puts sample k on pixel k * r, `rate=None` on the centre of its share of the picture
        (align_corners=False). The guide at a sample is the pixel there (rate=r), or the mean over the share.

    Source: Kopf, Cohen, Lischinski, Uyttendaele, Joint Bilateral Upsampling, SIGGRAPH 2007, Eq. 3, with
        Gaussians for f and g; walkthrough 07. It is the h of the course's joint upsampling, chosen by hand.
    """
    what = "joint_bilateral_upsample"
    check_pair(guide, target, what=what)
    (height, width), (h, w) = guide.shape[-2:], target.shape[-2:]
    check_low(target, size=(height, width), rate=rate, what=what)
    check_number(sigma_spatial, name="sigma_spatial", what=what, remedy="in low-resolution samples, such as 0.5")
    check_number(sigma_range, name="sigma_range", what=what, remedy="in the guide's units, such as 0.1")
    check_radius(radius, what=what)

    rate_h, rate_w = (None, None) if rate is None else rate_pair(rate)
    at_samples = low_guide(guide, size=(h, w), rate=rate)
    down = low_positions(height, h, rate=rate_h, like=guide)
    across = low_positions(width, w, rate=rate_w, like=guide)

    logs, places = [], []
    for step_h in range(-radius, radius + 1):
        rows, far_h, inside_h = _neighbours(down, h, step_h)
        for step_w in range(-radius, radius + 1):
            columns, far_w, inside_w = _neighbours(across, w, step_w)
            spatial = (far_h[:, None] + far_w) / (2 * sigma_spatial**2)
            unlike = (guide - at_samples[..., rows, :][..., columns]).square().sum(1) / (2 * sigma_range**2)
            outside = ~(inside_h[:, None] & inside_w)
            logs.append((-spatial - unlike).masked_fill(outside, -torch.inf))
            places.append((rows, columns))
    weights = torch.stack(logs).softmax(0)  # (N, B, H, W), the paper's f * g / k_p

    lifted = torch.zeros_like(target[..., :1, :1])
    for weight, (rows, columns) in zip(weights, places, strict=True):
        lifted = lifted + weight[:, None] * target[..., rows, :][..., columns]
    return lifted
