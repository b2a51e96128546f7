"""Scale, crop, flip and blur: one matrix for the rows and one for the columns, the same for image and label.

Shape legend
    B       images in the batch
    H, W    their size
    h, w    size of the crop
"""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Float64, Int64, UInt8
from torch import Tensor

from jpu_edu.data.classes import VOID

#: Mean and deviation of ImageNet's red, green and blue, on a scale from 0 to 1.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def _of_channels(values: tuple[float, ...], device: torch.device) -> Float32[Tensor, "3 1 1"]:
    return 255 * torch.tensor(values, device=device)[:, None, None]


def normalise(images: UInt8[Tensor, "B 3 H W"]) -> Float32[Tensor, "B 3 H W"]:
    """(image / 255 - MEAN) / STD, as every backbone trained on ImageNet expects it.

    Args:
        images: (B, 3, H, W), red first, 0 to 255.

    Source: FastFCN's official transforms use the same numbers.
    """
    return (images.float() - _of_channels(MEAN, images.device)) / _of_channels(STD, images.device)


class Draws(NamedTuple):
    """The random choices for a batch, one entry an image. They live on the CPU, so every device sees the same crops.

    Fields:
        scale: factor of the short side.
        top, left: where the crop lies in the scaled image, from 0 (at its start) to 1 (at its end).
        flip: whether the crop is mirrored, left to right.
        sigma: deviation of the Gaussian blur in pixels of the crop; 0 is none.
    """

    scale: Float64[Tensor, "B"]
    top: Float64[Tensor, "B"]
    left: Float64[Tensor, "B"]
    flip: Bool[Tensor, "B"]
    sigma: Float64[Tensor, "B"]

    def __getitem__(self, images: slice) -> "Draws":
        """The draws of some of the images."""
        return Draws(*(field[images] for field in tuple(self)))


def draw(count: int, *, key: tuple[int, ...], scale: tuple[float, float], flip: bool, blur: bool) -> Draws:
    """Draw for `count` images: a function of the arguments alone.

    Args:
        key: integers >= 0, such as (seed, step).
        scale: (low, high), drawn uniformly; (1, 1) for none.
        flip: mirror every other image.
        blur: blur every other image, sigma uniform from 0 to 1.

    Raises:
        ValueError: a scale that is not 0 < low <= high.

    Source: the official FastFCN draws the same way.
    """
    low, high = scale
    if not 0 < low <= high:
        raise ValueError(f"draw: scale={scale}; pass (low, high) with 0 < low <= high, (1, 1) for no scaling")
    uniform = torch.from_numpy(np.random.Generator(np.random.PCG64(key)).random((6, count)))
    return Draws(
        scale=low + (high - low) * uniform[0],
        top=uniform[1],
        left=uniform[2],
        flip=(uniform[3] < 0.5) & flip,
        sigma=uniform[5] * (uniform[4] < 0.5) * blur,
    )


class _Axis(NamedTuple):
    """Where the samples of one axis of the crop lie in the image."""

    nearest: Int64[Tensor, "B n"]  # the pixel of the image, any where outside
    inside: Bool[Tensor, "B n"]
    matrix: Float32[Tensor, "B n N"]


def _axis(
    length: int, scaled: Int64[Tensor, "B"], start: Float64[Tensor, "B"], flip: Bool[Tensor, "B"], draws: Draws,
    n: int, device: torch.device,
) -> _Axis:  # fmt: skip
    """Read one axis: `n` samples of an axis of `length` pixels that is resized to `scaled` pixels."""
    sample = torch.arange(n).expand(len(scaled), n)
    sample = torch.where(flip[:, None], n - 1 - sample, sample)
    position = sample + (start * ((scaled - n).clamp(min=0) + 1)).long()[:, None]
    inside = (position < scaled[:, None]).to(device)
    twice = (2 * position + 1) * length  # integers, so that a tie is a tie on every machine
    nearest = (twice // (2 * scaled[:, None])).clamp(max=length - 1).to(device)
    centre = twice / (2 * scaled[:, None]) - 0.5
    reach = (length / scaled).clamp(min=1)  # shrinking averages over all pixels that a sample stands for
    pixel = torch.arange(length, device=device)
    distance = (centre.float().to(device)[:, :, None] - pixel).abs() / reach.float().to(device)[:, None, None]
    matrix = (1 - distance).clamp(min=0) * inside[:, :, None]
    matrix = matrix / matrix.sum(-1, keepdim=True).clamp(min=1e-6)
    if draws.sigma.any():
        apart = torch.arange(n, device=device)[:, None] - torch.arange(n, device=device)
        sigma = draws.sigma.clamp(min=1e-3).float().to(device)
        gauss = (-0.5 * (apart / sigma[:, None, None]).square()).exp()
        matrix = gauss / gauss.sum(-1, keepdim=True) @ matrix
    return _Axis(nearest, inside, matrix)


def augment(
    images: UInt8[Tensor, "B 3 H W"],
    labels: UInt8[Tensor, "B H W"],
    draws: Draws,
    *,
    crop: tuple[int, int],
    base: int | None = None,
) -> tuple[Float[Tensor, "B 3 h w"], UInt8[Tensor, "B h w"]]:
    """Scale, crop, mirror and blur a batch and normalise it; the labels go where their pixels go.

    Notice: each of the four acts on rows and on columns by itself and is linear, so each axis needs one matrix, and a
    batch is rows @ image @ columns^T. With scale 1, no flip, no blur and the image's own size it is `normalise`,
    bit for bit.

    Args:
        images, labels: of one size, on any device; the work is done there.
        draws: from `draw`, one entry an image.
        crop: (h, w). An image that is smaller after scaling is filled up, at the right and bottom.
        base: the short side that scale 1 stands for (520 in the official recipes); None keeps each image's own.

    Returns:
        images, normalised, with 0 (the mean colour) in the padding; labels with VOID in the padding.

    Convention: pixel centres as with align_corners=False: sample i of an axis that is resized from N to n pixels lies
        at (i + 1/2) N / n - 1/2. The image is read there with a triangle as wide as a sample when it shrinks (bilinear
        with anti-aliasing, as Pillow does), else bilinearly; the label is that of the nearest pixel, of the later one
        in a tie. Padding is void and never class 0: the official code makes it class 0, background, for PASCAL VOC.

    Source: the official FastFCN's training transforms; walkthrough 11.
    """
    height, width = labels.shape[-2:]
    short = min(height, width)
    factor = (draws.scale * (base or short)).round().clamp(min=1) / short
    device, still = images.device, torch.zeros_like(draws.flip)
    tall, wide = ((factor * length).round().long().clamp(min=1) for length in (height, width))
    rows = _axis(height, tall, draws.top, still, draws, crop[0], device)
    columns = _axis(width, wide, draws.left, draws.flip, draws, crop[1], device)

    # Whole numbers to 255 survive any precision of a matrix product; the mean comes off afterwards.
    read = rows.matrix[:, None] @ images.float() @ columns.matrix[:, None].mT
    weight = rows.matrix.sum(-1)[:, None, :, None] * columns.matrix.sum(-1)[:, None, None, :]
    read = (read - weight * _of_channels(MEAN, device)) / _of_channels(STD, device)

    which = torch.arange(len(labels), device=device)[:, None, None]
    taken = labels[which, rows.nearest[:, :, None], columns.nearest[:, None, :]]
    return read, torch.where(rows.inside[:, :, None] & columns.inside[:, None, :], taken, VOID)
