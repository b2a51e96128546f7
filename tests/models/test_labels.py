"""A running maximum over the classes: the argmax of the resized scores, one class at a time."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from jpu_edu.cost.activations import peak_inference_bytes
from jpu_edu.models.labels import labels
from jpu_edu.ops.interp import resize

sizes = st.tuples(st.integers(1, 9), st.integers(1, 9))


@given(small=sizes, size=st.tuples(st.integers(1, 40), st.integers(1, 40)), classes=st.integers(1, 7),
       corners=st.booleans(), seed=st.integers(0, 99))  # fmt: skip
def test_labels_are_the_argmax_of_the_resized_scores(small, size, classes, corners, seed) -> None:
    scores = torch.randn(2, classes, *small, generator=torch.Generator().manual_seed(seed))
    want = resize(scores, size=size, align_corners=corners).argmax(1)
    assert torch.equal(labels(scores, size=size, align_corners=corners), want)


def test_labels_of_a_channels_last_map_are_the_same() -> None:
    scores = torch.randn(1, 6, 8, 9)
    laid_out = scores.contiguous(memory_format=torch.channels_last)
    assert torch.equal(labels(laid_out, size=(31, 40)), labels(scores, size=(31, 40)))


def test_convention_among_equal_scores_the_lowest_class_wins() -> None:
    assert labels(torch.zeros(1, 4, 2, 2), size=(5, 5)).unique().tolist() == [0]


def test_the_memory_does_not_grow_with_the_number_of_classes() -> None:
    def peak(classes: int) -> int:
        scores = torch.empty(1, classes, 8, 8, device="meta")
        return peak_inference_bytes(lambda s: labels(s, size=(256, 256)), scores)

    assert peak(100) == peak(2) < 256 * 256 * 4 * 100 / 10


def test_no_classes_is_an_error_that_says_so(unchecked: None) -> None:
    with pytest.raises(ValueError, match=r"labels: got logits of shape \(1, 0, 4, 4\)"):
        labels(torch.zeros(1, 0, 4, 4), size=(8, 8))
