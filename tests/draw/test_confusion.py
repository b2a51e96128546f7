"""Shares of the row in the right cells, numbers where they have room, names in order."""

import matplotlib
import pytest
import torch
from matplotlib.figure import Figure

from jpu_edu.draw import style
from jpu_edu.draw.confusion import draw_confusion

MATRIX = torch.tensor([[6, 2, 0], [1, 0, 99], [0, 0, 0]])


def drawn(matrix: torch.Tensor, side: float = 6):
    axes = Figure(figsize=(side, side)).add_subplot()
    return draw_confusion(axes, matrix, [f"class {k}" for k in range(len(matrix))])


def test_each_row_is_divided_by_its_sum():
    shown = drawn(MATRIX).images[0].get_array()
    torch.testing.assert_close(
        torch.from_numpy(shown.data), torch.tensor([[0.75, 0.25, 0], [0.01, 0, 0.99], [0, 0, 0]])
    )


def test_percent_stand_in_their_cells_and_the_absent_row_is_empty():
    written = {(round(text.xy[1]), round(text.xy[0])): text.get_text() for text in drawn(MATRIX).texts}
    assert written == {(0, 0): "75", (0, 1): "25", (1, 0): "1", (1, 2): "99"}


@pytest.mark.parametrize("dark", [False, True])
def test_numbers_stand_out_from_their_cell(dark):
    with matplotlib.rc_context(style.rc(dark=dark)):
        tones = {text.get_text(): text.get_color() for text in drawn(MATRIX).texts}
        assert tones["99"] == tones["25"] == style.paper() and tones["1"] == style.ink()


def test_names_are_in_order_on_both_axes_and_numbers_give_way_to_many_classes():
    axes = drawn(torch.eye(59).long(), side=9)
    for labels in (axes.get_yticklabels(), axes.get_xticklabels()):  # those of both sides
        assert [label.get_text() for label in labels] == 2 * [f"class {k}" for k in range(59)]
    assert not axes.texts and len(axes.patches) == 59


def test_another_number_of_names_is_refused():
    with pytest.raises(ValueError, match="2 names for 3 classes"):
        draw_confusion(Figure().add_subplot(), MATRIX, ["a", "b"])
