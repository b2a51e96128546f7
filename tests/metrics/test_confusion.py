"""The table of counts: against the reference and torchmetrics, and what it refuses."""

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given
from torchmetrics.functional.classification import multiclass_confusion_matrix

from jpu_edu.metrics.confusion import confusion
from tests.reference import array, record

VOID = 255


def drawn(seed: int, classes: int, shape: tuple[int, ...] = (2, 7, 9)) -> tuple[torch.Tensor, torch.Tensor]:
    """Predictions, and a truth of which a third is void."""
    g = torch.Generator().manual_seed(seed)
    truth = torch.randint(classes, shape, generator=g).to(torch.uint8)
    truth[torch.rand(shape, generator=g) < 1 / 3] = VOID
    return torch.randint(classes, shape, generator=g), truth


def test_it_counts_as_the_official_code_does():
    truth, wanted = array("metric_target"), record("metrics")
    matrix = confusion(array("metric_logits").argmax(1), truth, classes=5, void=-1)
    assert [matrix.trace().item(), matrix.sum().item()] == wanted["pix"]
    assert matrix.diagonal().tolist() == wanted["inter"]
    assert (matrix.sum(0) + matrix.sum(1) - matrix.diagonal()).tolist() == wanted["union"]


@given(seed=st.integers(0, 10**6), classes=st.integers(2, 20))
def test_it_is_the_matrix_of_torchmetrics(seed, classes):
    predicted, truth = drawn(seed, classes)
    wanted = multiclass_confusion_matrix(predicted, truth.long(), classes, ignore_index=VOID)
    assert torch.equal(confusion(predicted, truth, classes=classes), wanted)


@given(seed=st.integers(0, 10**6), parts=st.integers(1, 9))
def test_the_matrix_of_a_set_is_the_sum_over_its_parts(seed, parts):
    predicted, truth = drawn(seed, 4, (9, 5, 6))
    whole = confusion(predicted, truth, classes=4)
    pieces = zip(predicted.tensor_split(parts), truth.tensor_split(parts), strict=True)
    assert torch.equal(whole, sum(confusion(p, t, classes=4) for p, t in pieces))


@given(seed=st.integers(0, 10**6))
def test_other_class_numbers_only_move_rows_and_columns(seed):
    predicted, truth = drawn(seed, 6)
    order = torch.randperm(6, generator=torch.Generator().manual_seed(seed))
    renamed = torch.cat([order, torch.full((VOID - 5,), VOID)])
    matrix = confusion(renamed[predicted], renamed[truth.long()], classes=6)
    assert torch.equal(matrix[order][:, order], confusion(predicted, truth, classes=6))


def test_convention_rows_of_the_confusion_are_the_truth():
    matrix = confusion(torch.tensor([2, 2, 0]), torch.tensor([1, 1, VOID]), classes=3)
    assert matrix[1, 2] == 2 and matrix.sum() == 2


def test_nothing_labelled_counts_nothing():
    for shape in ((3, 4), (0,)):
        matrix = confusion(torch.zeros(shape, dtype=torch.int64), torch.full(shape, VOID), classes=2)
        assert matrix.tolist() == [[0, 0], [0, 0]]


def test_a_prediction_on_void_is_not_looked_at():
    assert confusion(torch.tensor([VOID, 1]), torch.tensor([VOID, 1]), classes=2).sum() == 1


@pytest.mark.parametrize(
    ("predicted", "truth", "classes", "void", "words"),
    [
        ([0, 11], [0, 1], 11, 255, r"predicted holds 11; with classes=11 a label is 0 to 10"),
        ([0, 1], [0, 12], 11, 255, r"truth holds 12; .* or void=255"),
        ([0, -3], [0, 1], 11, 255, r"predicted holds -3"),
        ([0, 1], [-1, 1], 2, 255, r"truth holds -1"),
        ([0, 1, 1], [0, 1], 2, 255, r"predicted is \(3,\), truth \(2,\); .* resize the scores"),
        ([0, 1], [0, 1], 0, 255, r"classes=0 with void=255; K must be >= 1"),
        ([0, 1], [0, 1], 300, 255, r"classes=300 with void=255; .* void none of"),
    ],
)
def test_wrong_labels_are_named(unchecked, predicted, truth, classes, void, words):
    with pytest.raises(ValueError, match=words):
        confusion(torch.tensor(predicted), torch.tensor(truth), classes=classes, void=void)


def test_scores_instead_of_classes_are_refused(unchecked):
    truth = torch.zeros(4, 4, dtype=torch.uint8)
    with pytest.raises(TypeError, match=r"predicted is torch.float32; pass class numbers, such as logits.argmax\(1\)"):
        confusion(torch.zeros(4, 4), truth, classes=2)
    with pytest.raises(TypeError, match=r"truth is torch.bool"):
        confusion(truth, truth.bool(), classes=2)
    with pytest.raises(TypeError, match="predicted is a ndarray"):
        confusion(np.zeros((4, 4)), truth, classes=2)
