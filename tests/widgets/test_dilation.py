"""The slider of walkthrough 03 answers every position of its sliders, with a picture or with a reason."""

import itertools

import pytest
import torch

from jpu_edu.widgets import dilation

START = {name: start for name, (_, _, start) in dilation.RANGES.items()}
CORNERS = [
    dict(zip(dilation.RANGES, corner, strict=True))
    for corner in itertools.product(*((low, high) for low, high, _ in dilation.RANGES.values()))
]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The words of every figure that was shown; the figure itself is drawn and saved, then closed."""
    words = []

    def show(figure, *, alt):
        figure.canvas.draw()
        words.append(alt)
        dilation.plt.close(figure)

    monkeypatch.setattr(dilation, "show", show)
    return words


@pytest.mark.parametrize("corner", CORNERS, ids=lambda corner: "-".join(map(str, corner.values())))
def test_every_corner_of_the_ranges_draws_or_explains(shown, capsys, corner):
    """All 64 combinations of the ends: either the check with error 0, or the error that names the sizes."""
    dilation.explore_dilation(**corner)
    text = capsys.readouterr().out
    if shown:
        assert text.endswith("S -> C_r -> M against the dilated convolution: max error 0.\n")
    else:
        assert "spans" in text and "the padded map has" in text


def test_the_words_are_those_of_the_map(shown, capsys):
    dilation.explore_dilation(**START | {"rate": 3})
    assert "9 phases of x: 3 x 3, 3 x 2, 2 x 3, 2 x 2." in capsys.readouterr().out
    assert shown[0].startswith("A map of 7 x 7 and its convolution at rate 3, 5 x 5; output (2, 4)")


def test_one_more_slider_step_changes_the_picture(shown):
    for name in dilation.RANGES:
        dilation.explore_dilation(**START)
        dilation.explore_dilation(**START | {name: START[name] + 1})
    assert all(shown[i] != shown[i + 1] for i in range(0, len(shown), 2))


def test_the_numbers_are_whole_and_seeded():
    x = dilation.numbers(5, 6, low=-1, high=2)
    assert torch.equal(x, x.round()) and x.min() >= -1 and x.max() <= 2
    assert torch.equal(x, dilation.numbers(5, 6, low=-1, high=2))
