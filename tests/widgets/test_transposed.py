"""The stamps are PyTorch's transposed convolution, at every end of every slider."""

from itertools import product

import matplotlib.pyplot as plt
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from jpu_edu.widgets.transposed import RANGES, coverage, draw_stamps, even, explore_transposed, transposed_size


@pytest.mark.parametrize("ends", list(product((0, 1), repeat=len(RANGES))))
def test_the_sliders_work_at_every_combination_of_their_ends(ends, capsys):
    explore_transposed(**{name: RANGES[name][end] for name, end in zip(RANGES, ends, strict=True)})
    assert capsys.readouterr().out.startswith(("n_out", "output_padding"))


@given(
    size=st.integers(1, 9),
    kernel=st.integers(1, 8),
    stride=st.integers(1, 4),
    padding=st.integers(0, 4),
    output_padding=st.integers(0, 4),
)
def test_the_output_size_is_pytorchs_and_zero_where_pytorch_refuses(size, kernel, stride, padding, output_padding):
    settings = dict(stride=stride, padding=padding, output_padding=output_padding)
    ours = transposed_size(size, kernel=kernel, **settings)
    try:
        count = F.conv_transpose1d(torch.ones(1, 1, size), torch.ones(1, 1, kernel), **settings).shape[-1]
    except RuntimeError:
        count = 0
    assert ours == count


@given(size=st.integers(1, 7), kernel=st.integers(1, 8), stride=st.integers(1, 4), padding=st.integers(0, 3))
def test_one_cell_is_drawn_for_every_tap_and_the_kept_ones_add_up_to_the_coverage(size, kernel, stride, padding):
    settings = dict(kernel=kernel, stride=stride, padding=padding)
    if not transposed_size(size, **settings):
        return
    figure, axes = plt.subplots()
    draw_stamps(axes, size=size, **settings)
    counts = coverage(size, **settings)
    assert len(axes.patches) == size * kernel + len(counts)
    kept = [patch for patch in axes.patches[: size * kernel] if patch.get_facecolor()[3] > 0]
    for j, count in enumerate(counts.tolist()):
        assert sum(abs(patch.get_x() + 0.46 - j) < 1e-6 for patch in kept) == count
    plt.close(figure)


@given(kernel=st.integers(1, 12), stride=st.integers(1, 5))
def test_the_coverage_is_even_inside_exactly_when_the_stride_divides_the_kernel(kernel, stride):
    inside = coverage(40, kernel=kernel, stride=stride)[2 * kernel : -2 * kernel]
    assert (inside.min().item(), inside.max().item()) == even(kernel=kernel, stride=stride)
    assert (inside.min() == inside.max()) == (kernel % stride == 0)


def test_the_size_formula_in_words(capsys):
    explore_transposed(size=5, kernel=3, stride=2, padding=1, output_padding=1)
    assert capsys.readouterr().out.splitlines()[:2] == [
        "n_out = (5 − 1)·2 − 2·1 + 3 + 1 = 10",
        "far from the ends 1 to 2 stamps, in two dimensions 1 to 4: uneven: 3 is not a multiple of 2",
    ]
    explore_transposed(size=1, kernel=1, stride=1, padding=1, output_padding=0)
    assert "cuts every output off" in capsys.readouterr().out
