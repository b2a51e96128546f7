"""Numbers from a matrix: against the reference, torchmetrics and arithmetic; absent classes and the 60th class."""

import math

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given
from torchmetrics.functional.classification import multiclass_accuracy, multiclass_jaccard_index

from jpu_edu.metrics.confusion import confusion
from jpu_edu.metrics.scores import iou, mean_iou, pixel_accuracy, with_background
from tests.metrics.test_confusion import VOID, drawn
from tests.reference import array, record


def test_convention_mean_iou_with_zero_is_the_official_number():
    matrix = confusion(array("metric_logits").argmax(1), array("metric_target"), classes=5, void=-1)
    wanted = record("metrics")
    assert pixel_accuracy(matrix) == pytest.approx(wanted["pixAcc"], abs=1e-12)
    assert mean_iou(matrix, absent="zero") == pytest.approx(wanted["mIoU"], abs=1e-12)
    assert mean_iou(matrix, absent="skip") == pytest.approx(wanted["mIoU"] * 5 / 4, abs=1e-12)
    assert math.isnan(iou(matrix)[4]) and not iou(matrix)[:4].isnan().any()


@given(seed=st.integers(0, 10**6), classes=st.integers(2, 12))
def test_they_are_the_numbers_of_torchmetrics(seed, classes):
    predicted, truth = drawn(seed, classes)
    matrix = confusion(predicted, truth, classes=classes)
    arguments = {"preds": predicted, "target": truth.long(), "num_classes": classes, "ignore_index": VOID}
    each = multiclass_jaccard_index(**arguments, average="none").double()
    assert torch.allclose(iou(matrix).nan_to_num(0), each, atol=1e-6)
    assert pixel_accuracy(matrix) == pytest.approx(multiclass_accuracy(**arguments, average="micro").item(), abs=1e-6)


@given(seed=st.integers(0, 10**6), classes=st.integers(2, 12))
def test_the_order_of_the_classes_changes_no_mean(seed, classes):
    matrix = confusion(*drawn(seed, classes), classes=classes)
    order = torch.randperm(classes, generator=torch.Generator().manual_seed(seed))
    other = matrix[order][:, order]
    assert torch.equal(iou(other).nan_to_num(-1), iou(matrix)[order].nan_to_num(-1))
    assert mean_iou(other, absent="zero") == pytest.approx(mean_iou(matrix, absent="zero"), abs=1e-15)


def test_a_predicted_class_that_is_not_there_counts_zero_either_way():
    """Two pixels of class 0, one of them called 1; class 2 is nowhere."""
    matrix = torch.tensor([[1, 1, 0], [0, 0, 0], [0, 0, 0]])
    assert iou(matrix)[:2].tolist() == [0.5, 0.0]
    assert mean_iou(matrix, absent="skip") == 0.25 and mean_iou(matrix, absent="zero") == 0.5 / 3


@given(seed=st.integers(0, 10**6))
def test_the_60_class_number_is_59_sixtieths_of_the_59_class_number(seed):
    matrix = confusion(*drawn(seed, 59, (3, 20, 20)), classes=59)
    counted = with_background(matrix)
    assert counted.shape == (60, 60) and torch.equal(counted[1:, 1:], matrix)
    fraction = mean_iou(counted, absent="zero") / mean_iou(matrix, absent="zero")
    assert fraction == pytest.approx(59 / 60, abs=1e-12)
    assert round(54.03 * 59 / 60, 2) == 53.13  # the paper's table, and its abstract


def test_counting_the_real_background_gives_a_lower_number():
    """A 59-class network paints over background, class 0 of 60; the identity forgives that, the real set not."""
    predicted, truth = drawn(0, 59, (3, 20, 20))
    honest = torch.where(truth == VOID, 0, truth.long() + 1)  # what was void is background
    number = mean_iou(confusion(predicted + 1, honest, classes=60), absent="zero")
    assert number < mean_iou(with_background(confusion(predicted, truth, classes=59)), absent="zero")


def test_nothing_labelled_is_not_a_number():
    empty = torch.zeros(3, 3, dtype=torch.int64)
    assert math.isnan(pixel_accuracy(empty)) and math.isnan(mean_iou(empty, absent="skip"))
    assert mean_iou(empty, absent="zero") == 0


def test_another_choice_lists_the_two(unchecked):
    with pytest.raises(ValueError, match="absent='ignore'; choose one of skip, zero"):
        mean_iou(torch.eye(2).long(), absent="ignore")


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("matrix", "got"),
    [(torch.zeros(3, 2).long(), r"shape \(3, 2\)"), (torch.zeros(3).long(), r"shape \(3,\)"), ([[1]], "list")],
)
def test_what_is_no_confusion_matrix_is_refused(matrix, got):
    for score in (pixel_accuracy, iou, lambda m: mean_iou(m, absent="skip")):
        with pytest.raises(ValueError, match=rf"got {got}; pass a confusion matrix, a tensor \(K, K\)"):
            score(matrix)
