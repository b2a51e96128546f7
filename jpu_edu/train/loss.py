"""What training makes small: cross entropy per labelled pixel, and two helpers beside it.

Shape legend
    B, K    batch, number of classes
    H, W    size of the image: scores are resized to it before the loss
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from jpu_edu.data.classes import VOID
from jpu_edu.layers.features import SegOutput


class Loss(NamedTuple):
    """The parts of the loss and their weighted sum. Backward starts from `total`; the others are for the log."""

    total: Float[Tensor, ""]
    main: Float[Tensor, ""]
    aux: Float[Tensor, ""] | None
    se: Float[Tensor, ""] | None


def presence(labels: UInt8[Tensor, "B H W"], *, classes: int) -> Float[Tensor, "B K"]:
    """The SE target: 1 for each class that has a pixel in the image, else 0.

    Notice: one pixel counts as much as a thousand. That is what the SE loss is for: small things.

    Source: EncNet (Zhang et al. 2018), section 3.2; walkthrough 09.
    """
    there = torch.zeros(len(labels), classes + 1, device=labels.device)
    place = labels.flatten(1).long().where(labels.flatten(1) != VOID, classes)
    return there.scatter_(1, place, 1.0)[:, :classes]


def labelled(labels: UInt8[Tensor, "B H W"]) -> Int64[Tensor, "2"]:
    """How many pixels, and how many images, have a label: what the loss is divided by."""
    seen = (labels != VOID).flatten(1).sum(1)
    return torch.stack([seen.sum(), (seen > 0).sum()])


def segmentation_loss(
    out: SegOutput,
    labels: UInt8[Tensor, "B H W"],
    *,
    aux_weight: float = 0.2,
    se_weight: float = 0.2,
    counts: Int64[Tensor, "2"] | None = None,
) -> Loss:
    """CE(logits) + aux_weight * CE(aux) + se_weight * BCE(sigmoid(se), presence).

    Notice: it is a mean over labelled pixels. A batch in pieces (micro-batches, processes) has that mean only if
    each piece divides by the pixels of the WHOLE batch. The mean of the pieces' means is something else.

    Args:
        out: logits (B, K, H, W); aux of the same shape and se (B, K), or None: then that part is left out.
        labels: 0 to K - 1, or VOID, which counts for nothing.
        aux_weight: 0.2 in the paper; the official code's PSP and DeepLab scripts later use 0.4.
        se_weight: 0.2 in the paper.
        counts: `labelled` of the whole batch, where `labels` are a piece of it. None: they are all of it.

    Returns:
        A `Loss`. Scores of 16 bits are cast to float32 first: a mean over a million pixels needs the digits.

    Raises:
        ValueError: labels of another size than the scores; on the CPU, a label that is no class and not void.

    Convention: a batch without a labelled pixel has loss 0 and gradient 0. The official code gives NaN, and one
        such batch ends the training. An image without a labelled pixel says nothing to the SE loss either.

    Source: EncNet (Zhang et al. 2018), section 3.2; PSPNet (Zhao et al. 2017), section 3.3; walkthrough 11.
    """
    if labels.shape != out.logits.shape[:1] + out.logits.shape[2:]:
        raise ValueError(
            f"segmentation_loss: scores of shape {tuple(out.logits.shape)}, labels of {tuple(labels.shape)}; "
            "they must agree in batch, height and width"
        )
    pixels, images = (labelled(labels) if counts is None else counts).clamp(min=1)
    target = labels.long()

    def cross_entropy(scores: Tensor) -> Tensor:
        return F.cross_entropy(_wide(scores), target, ignore_index=VOID, reduction="sum") / pixels

    try:
        main = cross_entropy(out.logits)
    except IndexError as error:  # a GPU does not look, and fails later; the readers in `data` look
        raise ValueError(
            f"segmentation_loss: {error} There are {out.logits.shape[1]} classes, and void is {VOID}; check the "
            "labels with `python -m jpu_edu data check PATH`"
        ) from error
    total, aux, se = main, None, None
    if out.aux is not None:
        aux = cross_entropy(out.aux)
        total = total + aux_weight * aux
    if out.se is not None:
        classes = out.se.shape[1]
        wanted = presence(labels, classes=classes).to(_wide(out.se))
        each = F.binary_cross_entropy_with_logits(_wide(out.se), wanted, reduction="none").sum(1)
        se = (each * wanted.amax(1)).sum() / (images * classes)
        total = total + se_weight * se
    return Loss(total, main, aux, se)


def _wide(scores: Tensor) -> Tensor:
    return scores.to(torch.promote_types(scores.dtype, torch.float32))
