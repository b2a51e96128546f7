"""Scale, crop, flip and blur: one matrix for the rows and one for the columns, the same for image and label.

Shape legend
    B       images in the batch
    H, W    their size
    h, w    size of the crop
"""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float32, Float64, Int64, UInt8
from torch import Tensor

from jpu_edu.data.classes import VOID

#: Mean and deviation of ImageNet's red, green and blue, on a scale from 0 to 1.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
_MEAN, _STD = (255 * torch.tensor(values)[:, None, None] for values in (MEAN, STD))


def normalise(images: UInt8[Tensor, "B 3 H W"]) -> Float32[Tensor, "B 3 H W"]:
    """(image / 255 - MEAN) / STD, red first, as every backbone trained on ImageNet expects it.

    Source: FastFCN's official transforms use the same numbers.
    """
    return (images.float() - _MEAN.to(images.device)) / _STD.to(images.device)


class Draws(NamedTuple):
    """The random choices for a batch, one entry an image. They live on the CPU, so every device sees the same crops.

    Fields:
        scale: factor of the size.
        top, left: where the crop lies in the scaled image, from 0 (at its start) to 1 (at its end).
        flip: whether the crop is mirrored, left to right.
        sigma: deviation of the Gaussian blur in pixels of the crop; 0 is none.
    """

    scale: Float64[Tensor, " B"]
    top: Float64[Tensor, " B"]
    left: Float64[Tensor, " B"]
    flip: Bool[Tensor, " B"]
    sigma: Float64[Tensor, " B"]

    def of(self, images: slice) -> "Draws":
        """The draws of some of the images."""
        return Draws(*(numbers[images] for numbers in self))


def draw(count: int, *, key: tuple[int, ...], scale: tuple[float, float], flip: bool, blur: bool) -> Draws:
    """Draw for `count` images: a function of the arguments alone.

    Args:
        key: integers >= 0, such as (seed, step).
        scale: (low, high), drawn uniformly; (1, 1) for none.
        flip: mirror an image with probability 1/2.
        blur: blur it with probability 1/2, sigma uniform from 0 to 1.

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
    """Where the samples of one axis of the crop lie on that axis of the image, in pixels."""

    nearest: Int64[Tensor, "B n"]
    inside: Bool[Tensor, "B n"]  # outside lies padding, and `nearest` means nothing
    centre: Float32[Tensor, "B n"]
    reach: Float32[Tensor, "B 1"]  # half the base of the triangle that reads a sample

    def to(self, device: torch.device) -> "_Axis":
        return _Axis(*(part.to(device) for part in self))


def _axis(
    length: int, scaled: Int64[Tensor, " B"], start: Float64[Tensor, " B"], flip: Bool[Tensor, " B"], *, n: int
) -> _Axis:
    """`n` samples of an axis of `length` pixels that is resized to `scaled` pixels, from `start` (0 to 1) on."""
    sample = torch.arange(n).expand(len(scaled), n)
    sample = torch.where(flip[:, None], n - 1 - sample, sample)
    position = sample + (start * ((scaled - n).clamp(min=0) + 1)).long()[:, None]
    scaled = scaled[:, None]
    twice = (2 * position + 1) * length  # an integer, so that a tie is a tie on every machine
    nearest = (twice // (2 * scaled)).clamp(max=length - 1)
    reach = (length / scaled.double()).clamp(min=1)  # shrinking averages over the pixels that a sample stands for
    return _Axis(nearest, position < scaled, (twice / (2.0 * scaled) - 0.5).float(), reach.float())


def _matrix(axis: _Axis, sigma: Float64[Tensor, " B"], *, length: int) -> Float32[Tensor, "B n N"]:
    """Row i holds the weights by which sample i reads the pixels of the axis. A row of padding is zero."""
    pixel, sample = (torch.arange(n, device=axis.centre.device) for n in (length, axis.centre.shape[1]))
    away = (axis.centre[:, :, None] - pixel).abs() / axis.reach[:, :, None]
    weights = (1 - away).clamp(min=0)
    weights = weights / weights.sum(-1, keepdim=True).clamp(min=1e-6) * axis.inside[:, :, None]
    if sigma.any():
        spread = sigma.clamp(min=1e-3).to(weights)[:, None, None]
        gauss = (-0.5 * ((sample[:, None] - sample) / spread).square()).exp()
        weights = gauss / gauss.sum(-1, keepdim=True) @ weights
    return weights


def augment(
    images: UInt8[Tensor, "B 3 H W"],
    labels: UInt8[Tensor, "B H W"],
    draws: Draws,
    *,
    crop: tuple[int, int],
    base: int | None = None,
) -> tuple[Float32[Tensor, "B 3 h w"], UInt8[Tensor, "B h w"]]:
    """Scale, crop, mirror and blur a batch, and normalise it; every label goes where its pixel goes.

    Notice: all four are linear and treat rows and columns each by itself, so they are one matrix an axis, and a batch
    is rows @ image @ columns^T. With scale 1, no flip, no blur and the image's own size that is `normalise`, bit for
    bit.

    Args:
        images, labels: on any device; the work is done there.
        crop: (h, w). An image that is smaller after scaling is filled up at the right and bottom, and then mirrored.
        base: the short side that scale 1 stands for (520 in the official recipes); None keeps each image's own.

    Convention: pixel centres as with align_corners=False: sample i of an axis resized from N to n pixels lies at
        (i + 1/2) N / n - 1/2. The image is read there by a triangle: bilinearly, and when it shrinks with a triangle as
        wide as two samples, against aliasing, as Pillow does. The label is that of the nearest pixel, in a tie of the
        later one. Padding is 0 in the image, the mean colour, and void in the labels, never class 0; the official code
        pads PASCAL VOC with 0, which is background.

    Source: the official FastFCN's training transforms; walkthrough 11.
    """
    height, width = labels.shape[-2:]
    short = min(height, width)
    factor = (draws.scale * (base or short)).round().clamp(min=1) / short
    tall, wide = ((factor * length).round().long().clamp(min=1) for length in (height, width))
    rows = _axis(height, tall, draws.top, torch.zeros_like(draws.flip), n=crop[0]).to(images.device)
    columns = _axis(width, wide, draws.left, draws.flip, n=crop[1]).to(images.device)

    pixel = (rows.nearest[:, :, None] * width + columns.nearest[:, None, :]).flatten(1)
    inside = rows.inside[:, :, None] & columns.inside[:, None, :]
    labels = torch.where(inside, labels.flatten(1).gather(1, pixel).unflatten(1, crop), VOID)
    if (factor == 1).all() and not draws.sigma.any():  # each sample is a pixel: what the matrices would do, but faster
        picked = images.flatten(2).gather(2, pixel[:, None].expand(-1, 3, -1)).unflatten(2, crop)
        return normalise(picked) * inside[:, None], labels

    rows, columns = _matrix(rows, draws.sigma, length=height), _matrix(columns, draws.sigma, length=width)
    # Whole numbers up to 255 survive any precision of a matrix product, so the mean comes off afterwards.
    read = rows[:, None] @ images.float() @ columns[:, None].mT
    weight = rows.sum(-1)[:, None, :, None] * columns.sum(-1)[:, None, None, :]
    return (read - weight * _MEAN.to(images.device)) / _STD.to(images.device), labels
