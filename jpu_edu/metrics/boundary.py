"""Where upsampling matters: the pixels near a boundary of two classes.

Shape legend
    B       batch
    H, W    size of the label map
"""

import torch
from jaxtyping import Bool, Integer
from torch import Tensor
from torch.nn import functional as F


def boundary_band(truth: Integer[Tensor, "B H W"], *, width: int, void: int = 255) -> Bool[Tensor, "B H W"]:
    """The pixels that have another class within `width` pixels, rows and columns counted apart (Chebyshev).

    Notice: a pixel is in the band when the largest class in its window of 2 width + 1 differs from the smallest.
    Two max-pools, a row and a column at a time, answer that on any device, whatever the width.

    Args:
        truth: classes, or `void`.
        width: in pixels, >= 1. At 1 the band is the two pixels on either side of each boundary, corners included.
        void: never in the band, and no class: where void meets a class there is no boundary. Two classes that
            meet across a thin line of void, as VOC draws its objects, do have one, if the line is thinner than
            the width.

    Returns:
        True in the band. The IoU there: iou(confusion(predicted, truth.masked_fill(~band, void), ...)).

    Raises:
        TypeError: floating-point labels.
        ValueError: another rank, a width below 1.

    Convention: Chebyshev distance to the nearest pixel of another class <= width.

    Source: the trimap of Kohli et al. 2009, section 5; walkthrough 06.
    """
    if not isinstance(truth, Tensor) or truth.is_floating_point():
        raise TypeError(f"boundary_band: got {getattr(truth, 'dtype', type(truth).__name__)}; pass class numbers")
    if truth.ndim != 3:
        raise ValueError(f"boundary_band: got shape {tuple(truth.shape)}; pass (B, H, W), one image as labels[None]")
    if isinstance(width, bool) or not isinstance(width, int) or width < 1:
        raise ValueError(f"boundary_band: width={width!r}; it must be a whole number of pixels >= 1")
    width = min(width, max(truth.shape[1:]))  # further apart are no two pixels
    unlabelled, classes = truth == void, truth.float()
    largest = _window_max(classes.masked_fill(unlabelled, -torch.inf), width)
    smallest = -_window_max((-classes).masked_fill(unlabelled, -torch.inf), width)
    return (largest != smallest) & ~unlabelled


def _window_max(x: Tensor, width: int) -> Tensor:
    rows = F.max_pool2d(x[:, None], (1, 2 * width + 1), stride=1, padding=(0, width))
    return F.max_pool2d(rows, (2 * width + 1, 1), stride=1, padding=(width, 0))[:, 0]
