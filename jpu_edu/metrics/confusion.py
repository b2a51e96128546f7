"""Every pixel in one K x K table: the only thing that an evaluation has to remember.

Shape legend
    shape    of the two label maps: (H, W), (B, H, W), any other
    K        number of classes
"""

import torch
from jaxtyping import Int64, Integer
from torch import Tensor


def confusion(
    predicted: Integer[Tensor, "*shape"], truth: Integer[Tensor, "*shape"], *, classes: int, void: int = 255
) -> Int64[Tensor, "K K"]:
    """How often class i was called class j.

    Notice: the matrix of two images together is the sum of their matrices. So a set of any length needs K x K
    integers, several processes add theirs up exactly, and every score comes from the sum. A mean of the images'
    scores would be another number.

    Args:
        predicted: the classes that the network tells, 0 to K - 1.
        truth: the classes that a human drew, 0 to K - 1, or `void`. What is predicted on void is not counted.
        classes: K.
        void: the label of pixels that nobody labelled; 255 in most sets, -1 in the official code.

    Returns:
        Row: truth. Column: prediction. On the device of `truth`.

    Raises:
        TypeError: scores or other floating-point labels.
        ValueError: shapes differ; a label that is no class; K below 1, or so large that `void` is a class.

    Convention: rows are the truth, as in torchmetrics and scikit-learn.

    Source: FCN (Long et al. 2015), section 5, n_ij; walkthrough 04.
    """
    for name, labels in (("predicted", predicted), ("truth", truth)):
        if not isinstance(labels, Tensor):
            raise TypeError(f"confusion: {name} is a {type(labels).__name__}; pass a torch tensor of class numbers")
        if labels.is_floating_point() or labels.dtype == torch.bool:
            raise TypeError(f"confusion: {name} is {labels.dtype}; pass class numbers, such as logits.argmax(1)")
    if predicted.shape != truth.shape:
        raise ValueError(
            f"confusion: predicted is {tuple(predicted.shape)}, truth {tuple(truth.shape)}; they must be one shape, "
            "so resize the scores to the size of the labels before the argmax"
        )
    if isinstance(classes, bool) or not isinstance(classes, int):
        raise TypeError(f"confusion: classes={classes!r}; it must be an integer >= 1")
    if classes < 1 or 0 <= void < classes:
        raise ValueError(f"confusion: classes={classes} with void={void}; K must be >= 1, and void none of 0 to K - 1")
    counted = truth != void
    rows, columns = truth[counted].long(), predicted[counted].long()
    for name, labels in (("truth", rows), ("predicted", columns)):
        if labels.numel() and not 0 <= (least := labels.min().item()) <= (most := labels.max().item()) < classes:
            wrong = least if least < 0 else most
            raise ValueError(
                f"confusion: {name} holds {wrong}; with classes={classes} a label is 0 to {classes - 1} or void={void}"
            )
    return torch.bincount(rows * classes + columns, minlength=classes**2).view(classes, classes)
