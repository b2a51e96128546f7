"""A garage, a motorcycle, and two things to lift to its resolution: a measured mask, and other colours.

Shape legend
    H, W   192 x 256, a window of the photograph: tank, headlamp and fork in front of shelves
"""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from skimage import data
from skimage.segmentation import expand_labels
from torch import Tensor

from jpu_edu.ops.interp import resize

#: The window in the photograph of 500 x 741 pixels. Below it the floor is as near as the motorcycle.
ROWS, COLUMNS = slice(120, 312), slice(400, 656)

#: The motorcycle's pixels move further than this between the two cameras, those of the background less.
NEAR = 25.0


class Motorcycle(NamedTuple):
    """The photograph, the mask of the motorcycle, and the pixels where the mask was measured."""

    picture: Float[Tensor, "1 3 H W"]
    mask: Float[Tensor, "1 1 H W"]
    known: Bool[Tensor, "1 1 H W"]


def motorcycle(*, dtype: torch.dtype = torch.float32) -> Motorcycle:
    """A photograph of a motorcycle in a garage, and which pixels are motorcycle, measured by distance.

    Notice: the mask is not read off the colours. It says which pixels moved by more than 25 between two cameras that
    stand side by side, so a filter that follows the colours can be right or wrong about it.

    Returns:
        picture in [0, 1]; mask, 1 for motorcycle, 0 for what is behind it; known, the 91 % of the pixels that were
        measured. The others have the value of the nearest one that was.

    Source: Scharstein et al., High-Resolution Stereo Datasets with Subpixel-Accurate Ground Truth, GCPR 2014; at
        quarter size inside scikit-image. Walkthrough 07.
    """
    left, _, disparity = data.stereo_motorcycle()
    known = np.isfinite(disparity)
    labels = expand_labels(np.where(known, 1 + (disparity > NEAR), 0), distance=max(disparity.shape))
    picture = torch.from_numpy(left[ROWS, COLUMNS].copy()).permute(2, 0, 1)[None].to(dtype) / 255
    mask, known = (torch.from_numpy(x[ROWS, COLUMNS].copy())[None, None] for x in (labels == 2, known))
    return Motorcycle(picture, mask.to(dtype), known)


def repaint(picture: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 H W"]:
    """Other colours: what is red becomes blue, and then dark surroundings are made lighter and bright ones darker.

    Notice: it is the course's stand-in for an f that costs too much at full resolution. The surroundings are 3 x 4
    means, whatever the resolution, so a shrunken picture is repainted as its original is.

    Args:
        picture: values in [0, 1], as those of the result; at least 3 x 4.

    Source: the second half after Moroney, Local Color Correction Using Non-Linear Masking, Color Imaging Conference
        2000, with means in place of a blur; walkthrough 07.
    """
    red, green, blue = picture.split(1, dim=1)
    redness = (3 * (red - torch.maximum(green, blue))).clamp(0, 1)
    painted = picture.lerp(picture.flip(1), redness)
    around = resize(picture.mean(dim=1, keepdim=True), size=(3, 4), mode="area")
    around = resize(around, size=(picture.shape[-2], picture.shape[-1]), align_corners=False)
    return painted**2 ** (3 * around - 1.5)  # below 1/2 a power below 1, which lightens
