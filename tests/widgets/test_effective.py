"""The light on the photograph: a bell inside the theoretical square, at every end of every slider."""

from itertools import product

import matplotlib.pyplot as plt
import pytest
import torch

from jpu_edu.cost.receptive import receptive_field
from jpu_edu.widgets import effective
from jpu_edu.widgets.effective import RANGES, draw_spotlight, explore_effective, random_gradient, stack_of


@pytest.mark.parametrize("ends", list(product((0, 1), repeat=len(RANGES))))
def test_the_sliders_work_at_every_combination_of_their_ends(ends, capsys, monkeypatch):
    monkeypatch.setattr(effective, "NETS", 1)
    explore_effective(**{name: RANGES[name][end] for name, end in zip(RANGES, ends, strict=True)})
    assert capsys.readouterr().out.startswith("theory")


def test_the_mean_square_gradient_of_random_networks_is_the_share_of_paths():
    layers = stack_of(depth=6, kernel=3, stride=2, at_layer=2)
    field = receptive_field(layers)
    window = torch.rand(1, 1, field.size, field.size, dtype=torch.float64)
    strength = random_gradient(window, layers, nets=200, channels=4).square()
    paths = torch.tensor(field.paths).double()
    assert (strength.sum(0) / strength.sum() - paths / paths.sum()).abs().max() < 0.25 * (paths / paths.sum()).max()
    assert torch.equal(strength.sum(0) > 0, paths > 0)


def test_pixels_outside_the_square_are_as_dark_as_its_rim_is_not():
    figure, axes = plt.subplots()
    draw_spotlight(axes, torch.ones(9, 9), torch.ones(3, 3), corner=(2, 4))
    shown = torch.as_tensor(axes.images[0].get_array().data)
    assert shown[2:5, 4:7].min() == 1 and shown.sum() == pytest.approx(9 + 72 * shown[0, 0].item(), rel=1e-5)
    plt.close(figure)


def test_a_window_of_another_size_is_refused():
    with pytest.raises(ValueError, match="window of 8; these layers see 7"):
        random_gradient(torch.ones(1, 1, 8, 8), stack_of(depth=3), nets=1)
