"""The matrix beside the grid shows the numbers that PyTorch computes, for every position of its sliders."""

import json
import re

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from jpu_edu.widgets.matrix import conv_matrix, matrix_of, output_size, taps_of

WEIGHT = [[1, 2, 1], [3, -1, 2], [-1, -2, 1]]
MAP = torch.arange(30).reshape(5, 6) % 7


@given(
    size=st.integers(1, 40),
    kernel=st.integers(1, 7),
    stride=st.integers(1, 5),
    padding=st.integers(0, 5),
    rate=st.integers(1, 4),
)
def test_output_size_is_pytorchs_and_zero_where_pytorch_refuses(size, kernel, stride, padding, rate):
    ours = output_size(size, kernel=kernel, stride=stride, padding=padding, rate=rate)
    x, weight = torch.zeros(1, 1, size), torch.zeros(1, 1, kernel)
    if ours == 0:
        with pytest.raises(RuntimeError, match="Kernel size"):
            F.conv1d(x, weight, stride=stride, padding=padding, dilation=rate)
    else:
        assert F.conv1d(x, weight, stride=stride, padding=padding, dilation=rate).shape[-1] == ours


def test_every_setting_multiplies_to_pytorchs_output():
    shown = conv_matrix(MAP, WEIGHT, strides=(1, 2), paddings=(0, 1, 2), rates=(1, 2))
    assert len(shown.settings) == 12
    for setting in shown.settings:
        matrix = matrix_of(setting, shown.weight, size=(5, 6))
        want = F.conv2d(
            shown.x[None, None], shown.weight[None, None],
            stride=setting.stride, padding=setting.padding, dilation=setting.rate,
        )[0, 0]  # fmt: skip
        assert torch.equal((matrix @ shown.x.flatten()).reshape(want.shape), want)
        assert torch.equal(setting.y, want)


def test_the_transposed_matrix_is_the_gradient():
    shown = conv_matrix(MAP, WEIGHT, paddings=(1,), strides=(2,))
    x = shown.x[None, None].clone().requires_grad_()
    y = F.conv2d(x, shown.weight[None, None], stride=2, padding=1)
    upstream = torch.randint(-3, 4, y.shape).double()
    y.backward(upstream)
    matrix = matrix_of(shown.settings[0], shown.weight, size=(5, 6))
    assert torch.equal((matrix.T @ upstream.flatten()).reshape(5, 6), x.grad[0, 0])


def test_taps_are_counted_from_the_unpadded_map():
    assert taps_of(5, kernel=3, stride=2, padding=1, rate=1) == ((-1, 0, 1), (1, 2, 3), (3, 4, 5))


def test_at_rate_2_rows_of_different_phases_share_no_column():
    shown = conv_matrix([[3, 1, 4, 1, 5, 9, 2]], [[2, 1, 1]], paddings=(2,), rates=(2,))
    used = matrix_of(shown.settings[0], shown.weight, size=(1, 7)) != 0
    assert not (used[0::2].any(0) & used[1::2].any(0)).any()


def test_the_page_is_given_whole_numbers_and_is_the_same_every_time():
    def page() -> str:
        return conv_matrix(MAP, WEIGHT, paddings=(0, 1), rates=(1, 2), start=(1, 1, 2))._repr_html_()

    assert page() == page()
    data = json.loads(re.search(r'<script type="application/json">(.*?)</script>', page()).group(1))
    assert data["x"] == MAP.tolist() and data["weight"] == WEIGHT
    assert data["settings"][data["start"]]["rate"] == [2, 2]
    assert data["colours"].keys() == {"2,2"}


def test_what_is_read_without_a_page_says_how_empty_the_matrix_is():
    shown = conv_matrix(MAP[:, :5], WEIGHT, paddings=(1,))
    assert "169 of its 625 entries are not zero" in repr(shown)
    bundle = shown._repr_mimebundle_()
    assert bundle["image/png"] and 'alt="A 5 by 5 map' in bundle["text/html"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": MAP, "weight": WEIGHT, "start": (3, 0, 1)}, r"start=\(3, 0, 1\)"),
        ({"x": [[1, 2]], "weight": [[1, 2, 3]]}, "no choice lets a 1 x 3 kernel fit a 1 x 2 map"),
        ({"x": [[0.5]], "weight": [[1]]}, "integers"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_errors_name_the_value(arguments, message):
    with pytest.raises(ValueError, match=message):
        conv_matrix(**arguments)
