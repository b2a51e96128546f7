"""The numbers that papers report, read off a confusion matrix (rows truth, columns prediction).

Shape legend
    K    number of classes

A class that is neither in the truth nor predicted has no IoU: 0 / 0. What it counts in the mean is a choice:
    "skip"   it is left out, as in most evaluations today
    "zero"   it counts 0, as in the official FastFCN
On a whole validation set every class is usually there, and both are one number.
"""

from typing import Literal, get_args

from jaxtyping import Float64, Int64
from torch import Tensor
from torch.nn import functional as F

Absent = Literal["skip", "zero"]


def pixel_accuracy(matrix: Int64[Tensor, "K K"]) -> float:
    """The share of labelled pixels that are right; nan where nothing is labelled.

    Notice: a street scene is half road and sky. A network that finds nothing else is at 0.5.
    """
    counts = _counts(matrix, "pixel_accuracy")
    return (counts.trace() / counts.sum()).item()


def iou(matrix: Int64[Tensor, "K K"]) -> Float64[Tensor, " K"]:
    """Intersection over union of each class, n_ii / (t_i + p_i - n_ii); nan where a class is absent from both.

    Args:
        matrix: of a whole set. The IoU of a set is not the mean of its images' IoU.

    Source: FCN (Long et al. 2015), section 5; walkthrough 04.
    """
    counts = _counts(matrix, "iou")
    right = counts.diagonal()
    return right / (counts.sum(0) + counts.sum(1) - right)


def _counts(matrix: Tensor, what: str) -> Tensor:
    if not isinstance(matrix, Tensor) or matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        got = f"shape {tuple(matrix.shape)}" if isinstance(matrix, Tensor) else type(matrix).__name__
        raise ValueError(f"{what}: got {got}; pass a confusion matrix, a tensor (K, K)")
    return matrix.double()


def mean_iou(matrix: Int64[Tensor, "K K"], *, absent: Absent) -> float:
    """mIoU: every class counts the same, a bicycle as much as the road.

    Args:
        absent: what a class without pixels counts, "skip" or "zero" (above).

    Returns:
        A number in [0, 1]; nan where nothing is labelled and absent classes are skipped.

    Raises:
        ValueError: another `absent`.

    Convention: with "zero", the official FastFCN's number.
    """
    if absent not in get_args(Absent):
        raise ValueError(f"mean_iou: absent={absent!r}; choose one of {', '.join(get_args(Absent))}")
    each = iou(matrix)
    return (each.nanmean() if absent == "skip" else each.nan_to_num(0.0).mean()).item()


def with_background(matrix: Int64[Tensor, "K K"]) -> Int64[Tensor, "K_1 K_1"]:
    """The matrix with one class more, put first, that is never found: Pascal Context's 59 classes counted as 60.

    Notice: papers report either number. A network trained on 59 classes cannot say "background"; its pixels are
    void, and the class counts 0 in the mean: mean_iou(with_background(m), absent="zero") is 59/60 of
    mean_iou(m, absent="zero"), and the abstract's 53.13 is 54.03 of the table. This flatters: what the network
    paints over the background is not held against the other classes. For a network that knows background, take
    the set with 60 classes.

    Source: wuhuikai/FastFCN#39, PyTorch-Encoding#179.
    """
    return F.pad(matrix, (1, 0, 1, 0))
