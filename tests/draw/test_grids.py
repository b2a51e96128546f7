"""The right number stands in the right cell, in the colour of its phase."""

import matplotlib
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from jpu_edu.draw import grids, style
from jpu_edu.ops.phases import split


@pytest.fixture
def ax() -> Axes:
    return Figure(figsize=(4, 4)).add_subplot()


def written(axes: Axes) -> dict[tuple[float, float], str]:
    """The text in each cell, keyed by (row, column)."""
    return {(text.xy[1] - 0.5, text.xy[0] - 0.5): text.get_text() for text in axes.texts}


def tiles(axes: Axes) -> dict[tuple[int, int], Rectangle]:
    filled = [p for p in axes.patches if isinstance(p, Rectangle) and p.get_fill()]
    return {(round(p.get_y() - 0.03), round(p.get_x() - 0.03)): p for p in filled}


def outlines(axes: Axes) -> list[tuple[int, int, float]]:
    drawn = [p for p in axes.patches if p.get_gid() == "outline"]
    return [(round(p.get_y() - 0.03), round(p.get_x() - 0.03), p.get_linewidth()) for p in drawn]


@given(height=st.integers(1, 9), width=st.integers(1, 9), rate=st.integers(1, 4))
def test_every_number_stands_in_its_cell_in_the_colour_of_its_phase(height, width, rate):
    x = torch.randint(-9, 99, (height, width))
    axes = grids.draw_map(Figure().add_subplot(), x, rate=rate)
    text = {k: int(v.replace("−", "-")) for k, v in written(axes).items()}
    assert text == {(i, j): int(x[i, j]) for i in range(height) for j in range(width)}
    for (i, j), tile in tiles(axes).items():
        k = i % rate * rate + j % rate
        assert to_hex(tile.get_facecolor()) == style.tint(style.phase_colour(k, rate=rate))
    markers = {c.get_gid() for c in axes.collections}
    assert markers == {f"phase {k}" for k, phase in enumerate(split(x, rate=rate)) if phase.numel()}


def test_a_map_without_a_rate_has_no_phase(ax):
    assert grids.draw_map(ax, torch.eye(3)) is ax
    assert not ax.collections
    assert len({to_hex(tile.get_facecolor()) for tile in tiles(ax).values()}) == 1


def test_one_phase_keeps_its_colour_and_its_places(ax):
    x = torch.arange(16.0).reshape(4, 4)
    grids.draw_map(ax, split(x, rate=2)[3], rate=2, phase=3, pitch=2)
    assert written(ax) == {(0, 0): "5", (0, 2): "7", (2, 0): "13", (2, 2): "15"}
    assert {to_hex(t.get_facecolor()) for t in tiles(ax).values()} == {style.tint(style.PHASES[3])}


def test_outputs_are_outlined_thicker_than_the_inputs_that_they_read(ax):
    grids.draw_map(ax, torch.zeros(5, 5), highlight=[(2, 2)], inputs=[(0, 0), (4, 4)])
    thin, thick = outlines(ax)[0][2], outlines(ax)[-1][2]
    assert outlines(ax) == [(0, 0, thin), (4, 4, thin), (2, 2, thick)]
    assert thick > thin


def test_what_is_thrown_away_is_pale_and_unmarked(ax):
    grids.draw_map(ax, torch.ones(2, 2), rate=2, ghost=[(0, 1), (1, 0), (1, 1)])
    assert [c.get_gid() for c in ax.collections] == ["phase 0"]
    colours = [text.get_color() for text in ax.texts]
    assert colours[0] == style.ink()
    assert style.ink() not in colours[1:]


def test_a_map_larger_than_9_is_a_picture_with_its_pixels_outlined(ax):
    x = torch.rand(12, 20, requires_grad=True)
    grids.draw_map(ax, x, highlight=[(3, 17)])
    assert not ax.texts
    assert torch.equal(torch.from_numpy(ax.images[0].get_array().data), x.detach().double())
    assert ax.images[0].get_extent() == [0, 20, 12, 0]
    assert outlines(ax)[0][:2] == (3, 17)


def test_a_placed_map_leaves_the_axes_alone():
    with matplotlib.rc_context(style.rc()):
        _, axes = style.canvas(200, 100)
        grids.draw_map(axes, torch.ones(2, 3), at=(50, 20), cell=10)
    assert axes.get_xlim() == (0, 200)
    assert {text.xy for text in axes.texts} == {(x, y) for x in (55, 65, 75) for y in (25, 35)}


def test_a_phase_without_a_rate_is_refused(ax):
    with pytest.raises(ValueError, match="phase=1 without a rate"):
        grids.draw_map(ax, torch.ones(2, 2), phase=1)


@given(length=st.integers(1, 9), rate=st.integers(1, 3))
def test_a_signal_is_a_map_that_is_one_pixel_high(length, rate):
    x = torch.randint(0, 9, (length,))
    axes = grids.draw_signal(Figure().add_subplot(), x, rate=rate, highlight=[length - 1])
    assert written(axes) == {(0, i): str(int(x[i])) for i in range(length)}
    assert outlines(axes)[0][:2] == (0, length - 1)


def test_a_pattern_marks_the_approximation(ax):
    grids.draw_signal(ax, torch.ones(3), hatch=style.Y_HATCH)
    assert {tile.get_hatch() for tile in tiles(ax).values()} == {style.Y_HATCH}


def test_a_dilated_kernel_has_its_weights_rate_apart_and_dots_between(ax):
    weight = torch.arange(1.0, 7.0).reshape(2, 3)
    grids.draw_kernel(ax, weight, rate=3)
    assert written(ax) == {(3 * i, 3 * j): str(int(weight[i, j])) for i in range(2) for j in range(3)}
    (holes,) = ax.collections
    assert len(holes.get_offsets()) == 4 * 7 - 6


def test_taps_are_numbered_in_reading_order(ax):
    grids.draw_kernel(ax, torch.zeros(3, 3), taps=True)
    assert [written(ax)[i, j] for i in range(3) for j in range(3)] == list("123456789")
    assert not ax.collections


def test_a_matrix_shows_what_is_not_zero_in_the_colour_of_its_row(ax):
    grids.draw_matrix(ax, torch.tensor([[2.0, 0.0, 1.0], [0.0, -1.0, 0.0]]), rate=2)
    assert written(ax) == {(0, 0): "2", (0, 2): "1", (1, 1): "−1"}
    rows = {i: to_hex(tile.get_facecolor()) for (i, _), tile in tiles(ax).items()}
    assert rows == {0: style.tint(style.PHASES[0]), 1: style.tint(style.PHASES[1])}
    assert len(ax.collections[0].get_offsets()) == 3


def test_a_zero_matrix_has_dots_only(ax):
    grids.draw_matrix(ax, torch.zeros(2, 2))
    assert not ax.texts
    assert len(ax.collections[0].get_offsets()) == 4


@pytest.mark.parametrize(
    ("value", "text"),
    [(3.0, "3"), (-1, "−1"), (0.5, "0.5"), (4 / 3, "1.33"), (-1e-9, "0"), (100, "100"), (-0.25, "−0.25")],
)
def test_numbers_are_as_short_as_they_can_be(value, text):
    assert grids.number(value) == text


@given(
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    kernel=st.sampled_from([1, 3, 5, (1, 3)]),
    rate=st.integers(1, 3),
    stride=st.integers(1, 3),
    data=st.data(),
)
def test_the_inputs_of_an_output_are_those_with_a_gradient(size, kernel, rate, stride, data):
    shape = (kernel, kernel) if isinstance(kernel, int) else kernel
    x = torch.zeros(1, 1, *size, requires_grad=True)
    padding = [rate * (k // 2) for k in shape]
    y = torch.nn.functional.conv2d(x, torch.ones(1, 1, *shape), padding=padding, dilation=rate, stride=stride)[0, 0]
    pixel = tuple(data.draw(st.integers(0, n - 1)) for n in y.shape)
    y[pixel].backward()
    reached = [tuple(place) for place in x.grad[0, 0].nonzero().tolist()]
    assert grids.inputs_of(pixel, kernel=kernel, size=size, rate=rate, stride=stride) == reached
