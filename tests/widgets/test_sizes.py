"""The picture of the output size counts what PyTorch counts, at every end of every slider."""

from itertools import product

import matplotlib.pyplot as plt
import pytest
import torch
import torch.nn.functional as F

from jpu_edu.widgets.sizes import RANGES, draw_taps, explore_sizes, formula


@pytest.mark.parametrize("ends", list(product((0, 1), repeat=len(RANGES))))
def test_the_sliders_work_at_every_combination_of_their_ends(ends, capsys):
    explore_sizes(**{name: RANGES[name][end] for name, end in zip(RANGES, ends, strict=True)})
    assert "output" in capsys.readouterr().out


def test_one_row_of_dots_for_each_output_and_one_for_the_first_that_does_not_fit():
    figure, axes = plt.subplots()
    draw_taps(axes, size=9, kernel=3, stride=2, padding=1, rate=2)
    count = F.conv1d(torch.zeros(1, 1, 9), torch.zeros(1, 1, 3), stride=2, padding=1, dilation=2).shape[-1]
    rows = {line.get_ydata()[0] for line in axes.lines}
    assert rows == set(range(count + 1))
    crosses = [line for line in axes.lines if line.get_marker() == "x"]
    assert {line.get_ydata()[0] for line in crosses} == {count}
    assert all(line.get_xdata()[0] > 9 for line in crosses)
    plt.close(figure)


def test_the_formula_is_written_with_its_numbers():
    assert formula(size=7, kernel=3, stride=2, padding=1, rate=1).endswith("⌊room / 2⌋ + 1 = 4")
    assert "does not fit" in formula(size=3, kernel=3, stride=1, padding=0, rate=2)
