"""From one image to what the network says about it: the whole image at once, or the official sliding windows.

Shape legend
    H, W    size of the image, any
    K       number of classes
    h, w    size of the image at one scale

Each of the three functions takes the image as it is read, uint8, and moves and normalises it for the network.
    whole_image      labels     the default, in training, evaluation and prediction: one forward pass
    probabilities    K x H x W  whole images at several scales, mirrored too, softmax averaged
    official         K x H x W  the numbers of the paper: windows of 480 on a long side of 520, exp(logits)
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor, nn
from torch.nn import functional as F

from jpu_edu.data.transforms import MEAN, STD, normalise
from jpu_edu.models.fuse import Fused
from jpu_edu.models.segmenter import Segmenter
from jpu_edu.ops.interp import resize

Network = Segmenter | Fused

#: (network, uint8 image) -> labels (H, W), or scores (K, H, W) of which the largest counts.
Score = Callable[[nn.Module, Tensor], Tensor]

#: The scales of the official multi-scale numbers, with flips.
OFFICIAL_SCALES = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75)
LEAST = 32  # the smallest side that a network takes
APART = 8  # pixels between the scores of a FastFCN and of a network at output stride 8


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Eval mode and no gradients inside; afterwards every module is in the mode that it was in, frozen ones too."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def whole_image(model: Network, image: UInt8[Tensor, "3 H W"], *, fill: bool = True) -> Int64[Tensor, "H W"]:
    """The class of every pixel from one forward pass over the whole image.

    Notice: the scores of all classes at all pixels are never formed, see `models.labels`.

    Args:
        model: in any mode; it works in eval mode and is left as it was.
        image: RGB, 0 to 255, on any device. A side below 32 is filled up with the mean colour, at the right and
            bottom, and cut off again.
        fill: repeat the last row and column until the sides have the remainders by 8 of the network's `crop`, and cut
            that off again. False, or a network whose `crop` is None, takes the image as it is. The scores lie 8
            pixels apart, and training learns where they lie in its crops; at other remainders they lie elsewhere.
            Trained at 128, the FastFCN of walkthrough 12 falls from 69.7 to 46.3 mIoU at 129; filled it has 72.3.

    Returns:
        0 to K - 1, on the device of the network.
    """
    with evaluating(model):
        x = _filled(_prepared(model, image), model, fill)
        return model.labels(x)[0, : image.shape[1], : image.shape[2]]


def probabilities(
    model: Network,
    image: UInt8[Tensor, "3 H W"],
    *,
    scales: Sequence[float] = (1.0,),
    flip: bool = False,
    fill: bool = True,
) -> Float[Tensor, "K H W"]:
    """softmax(logits), averaged over scales of the whole image and over the image and its mirror image.

    Notice: at scale 1 without flip its argmax is `whole_image`. Every scale counts the same, however sure it is;
    `official` multiplies an image with its mirror image and lets sure windows count more.

    Args:
        model, image: as for `whole_image`.
        scales: factors of the image's size; bilinear, align_corners as the network resizes its scores.
        flip: whether to average with the mirror image, left to right.
        fill: as for `whole_image`, at every scale.

    Returns:
        Sums to 1 over the classes; on the device of the network.

    Raises:
        ValueError: no scale, or one that is not > 0.
    """
    _check(scales, "probabilities")
    x = _prepared(model, image)
    total = 0
    with evaluating(model):
        for scale in scales:
            h, w = size = tuple(max(1, round(side * scale)) for side in x.shape[-2:])
            scaled = x if size == x.shape[-2:] else resize(x, size=size, align_corners=model.align_corners)
            for view in (scaled, scaled.flip(-1)) if flip else (scaled,):
                logits = model(_filled(view, model, fill)).logits[..., :h, :w]
                if view is not scaled:
                    logits = logits.flip(-1)
                total = total + resize(logits, size=x.shape[-2:], align_corners=model.align_corners).softmax(1)
    return (total / (len(scales) * (2 if flip else 1)))[0]


def official(
    model: Network,
    image: UInt8[Tensor, "3 H W"],
    *,
    scales: Sequence[float] = (1.0,),
    flip: bool = False,
    base: int = 520,
    crop: int = 480,
    batch: int = 1,
) -> Float[Tensor, "K H W"]:
    """The official FastFCN's evaluation: windows of `crop` slide over the image at a long side of `base`.

    Notice: even a single scale resizes the image to a long side of 520 and back, and cuts it into two windows or
    four. The last window is not moved back inside: what it lacks is filled up with black.

    Args:
        model, image: as for `whole_image`.
        scales: of the long side, ceil(base * scale); the paper's multi-scale numbers take OFFICIAL_SCALES and flips.
        flip: whether to add the logits of the mirrored window.
        base, crop: 520 and 480 in every official script; the windows' stride is 2/3 of `crop`.
        batch: how many windows at a time; the scores differ by rounding alone.

    Returns:
        Scores: exp(logits) averaged over windows, summed over scales; on the device of the network.

    Raises:
        ValueError: no scale, or one that is not > 0; crop below 32, base or batch below 1.
        OverflowError: exp(logits) beyond the dtype; the network's logits are no trained ones, or use model.double().

    Convention: align_corners=True in every resize, and exp without softmax, as the official code.

    Source: wuhuikai/FastFCN, MultiEvalModule; its sizes belong to networks trained at base 520, crop 480.
    """
    with evaluating(model):
        x = _prepared(model, image)
        return official_scores(model, x, scales=scales, flip=flip, base=base, crop=crop, batch=batch)[0]


def official_scores(
    model: nn.Module,
    x: Float[Tensor, "1 3 H W"],
    *,
    scales: Sequence[float] = (1.0,),
    flip: bool = False,
    base: int = 520,
    crop: int = 480,
    batch: int = 1,
) -> Float[Tensor, "1 K H W"]:
    """`official` for an image that is normalised already, and any module whose answer has `logits`."""
    _check(scales, "official")
    if crop < LEAST or base < 1 or batch < 1:
        raise ValueError(f"official: base={base}, crop={crop}, batch={batch}; base, batch >= 1 and crop >= {LEAST}")
    height, width = x.shape[-2:]
    total = 0
    for scale in scales:
        long = math.ceil(base * scale)
        size = tuple(max(1, int(side * long / max(height, width) + 0.5)) for side in (height, width))  # half up
        scores = _slide(model, resize(x, size=size, align_corners=True), crop=crop, flip=flip, batch=batch)
        total = total + resize(scores, size=(height, width), align_corners=True)
    if not total.isfinite().all():
        raise OverflowError(f"official: exp(logits) is beyond {total.dtype}; try model.double(), or `probabilities`")
    return total


def _slide(model: nn.Module, x: Tensor, *, crop: int, flip: bool, batch: int) -> Tensor:
    """exp(logits) of every window, averaged where windows overlap."""
    h, w = x.shape[-2:]
    stride = crop * 2 // 3
    rows, columns = (-(-max(0, side - crop) // stride) + 1 for side in (h, w))
    corners = [(stride * i, stride * j) for i in range(rows) for j in range(columns)]
    # large enough for the last window of each row and column, which sticks out
    black = (-x.new_tensor(MEAN) / x.new_tensor(STD))[None, :, None, None]
    canvas = black.repeat(1, 1, stride * (rows - 1) + crop, stride * (columns - 1) + crop)
    canvas[..., :h, :w] = x
    total, count = 0, canvas.new_zeros(canvas.shape[-2:])
    for start in range(0, len(corners), batch):
        some = corners[start : start + batch]
        windows = torch.cat([canvas[..., top : top + crop, left : left + crop] for top, left in some])
        logits = model(windows).logits
        if flip:
            logits = logits + model(windows.flip(-1)).logits.flip(-1)
        if start == 0:
            total = canvas.new_zeros(1, logits.shape[1], *canvas.shape[-2:])
        for (top, left), score in zip(some, logits.exp(), strict=True):
            total[..., top : top + crop, left : left + crop] += score
            count[top : top + crop, left : left + crop] += 1
    return (total / count)[..., :h, :w]


def _prepared(model: Network, image: Tensor) -> Float[Tensor, "1 3 H W"]:
    """Normalised, on the network's device; in its dtype, where a fused network takes any."""
    weight = next(model.parameters())
    x = normalise(image[None].to(weight.device))
    return x.to(weight.dtype) if isinstance(model, Segmenter) else x


def _filled(x: Tensor, model: nn.Module, fill: bool) -> Tensor:
    if fill and (crop := getattr(model, "crop", None)) is not None:
        bottom, right = ((trained - side) % APART for trained, side in zip(crop, x.shape[-2:], strict=True))
        x = F.pad(x, (0, right, 0, bottom), mode="replicate")
    height, width = x.shape[-2:]
    return F.pad(x, (0, max(0, LEAST - width), 0, max(0, LEAST - height)))  # 0 is the mean colour


def _check(scales: Sequence[float], what: str) -> None:
    if not scales or not all(0 < scale < math.inf for scale in scales):
        raise ValueError(f"{what}: scales={tuple(scales)}; give one or more factors > 0, such as (0.5, 1.0, 1.5)")
