"""What parts exchange: names give the depth, shapes the resolution."""

import pytest
import torch

from jpu_edu.layers.features import Features, SegOutput


def test_convention_features_are_named_by_depth_from_c1_to_c5():
    features = Features(*(torch.zeros(1, 4, 64 // 2**i, 64 // 2**i) for i in range(1, 6)))
    assert features._fields == ("c1", "c2", "c3", "c4", "c5")
    assert features.c3 is features[2]
    assert [64 // c.shape[-1] for c in features] == [2, 4, 8, 16, 32]


def test_an_output_has_logits_and_the_rest_only_where_asked_for():
    output = SegOutput(torch.zeros(2, 5, 3, 4))
    assert output.aux is None and output.se is None


def test_scores_of_another_number_of_classes_are_caught_by_the_annotations():
    with pytest.raises(Exception, match="se"):
        SegOutput(torch.zeros(2, 5, 3, 4), se=torch.zeros(2, 6))
