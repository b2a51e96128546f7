"""The stack seen from the side: its cones are receptive fields, and its samples sit where a ramp says they sit."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from jpu_edu.cost.receptive import gradient_support, receptive_field
from jpu_edu.widgets.receptive import cone, levels, receptive_fan

layer = st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), st.integers(0, 2))


def _run(layers, x):
    for kernel, stride, rate, padding in layers:
        x = F.conv1d(x, x.new_ones(1, 1, kernel), stride=stride, dilation=rate, padding=padding)
    return x


@given(layers=st.lists(layer, min_size=1, max_size=3), size=st.integers(20, 34), data=st.data())
def test_a_cone_is_the_support_of_the_gradient(layers, size, data):
    try:
        stack = levels(layers, size=size)
    except ValueError:
        return  # the kernel does not fit
    index = data.draw(st.integers(0, len(stack[-1].positions) - 1))
    rows = gradient_support(
        lambda x: _run(layers, x[:, 0])[:, None], torch.ones(1, 1, 1, size).double(), position=(0, index)
    )
    seen = set(rows[0].nonzero().flatten().tolist())
    assert cone(stack, level=len(layers), index=index)[0] == seen
    assert seen <= set(receptive_field(layers).inputs_of(index))


def test_a_sample_sits_where_a_ramp_says():
    layers = [(3, 2, 1, 1), (2, 2, 1, 0), (3, 1, 2, 0)]
    ramp = torch.arange(40.0).double()[None, None]
    for depth, level in enumerate(levels(layers, size=40)):
        weights = torch.tensor([k for k, *_ in layers[:depth]]).prod()
        values = (_run(layers[:depth], ramp) / weights)[0, 0].tolist()
        assert values[2:-2] == pytest.approx(level.positions[2:-2])


def test_dropped_and_kept_samples_together_are_the_regular_convolution():
    _, level = levels([(3, 3, 1, 1)], size=10)
    assert sorted(level.positions + level.dropped) == [float(i) for i in range(10)]


def test_the_page_is_complete_and_the_same_every_time():
    def fan():
        return receptive_fan({"plain": [(3, 1, 1, 1)] * 2, "strided": [(3, 2, 1, 1)] * 2}, size=17)

    assert fan()._repr_html_() == fan()._repr_html_()
    assert "sees pixels 6 to 10 (5 wide), and reads 5 of them." in repr(fan())
    assert [stack["name"] for stack in fan().data()["stacks"]] == ["plain", "strided"]


@pytest.mark.parametrize(
    ("stacks", "size", "message"),
    [
        ({}, 9, "at least one stack"),
        ({"a": [(3, 1, 1, 0)]}, 99, "size=99"),
        ({"a": [(9, 1, 1, 0)]}, 5, "layer 1 spans 9"),
    ],
)
def test_errors_name_the_value(stacks, size, message):
    with pytest.raises(ValueError, match=message):
        receptive_fan(stacks, size=size)
