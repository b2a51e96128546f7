"""Where samples stand and are shown: the formulas against the resize itself, and the slider at its extremes."""

import itertools
from typing import get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from jpu_edu.widgets import alignment
from jpu_edu.widgets.alignment import RANGES, STRIPES, Way, explore_alignment, launch_pad, read_at, shown_at, torn

WAYS = get_args(Way)
START = {name: start for name, (_, _, start) in RANGES.items()}
CORNERS = [
    dict(zip((*RANGES, "way"), corner, strict=True))
    for corner in itertools.product(*((low, high) for low, high, _ in RANGES.values()), WAYS)
]
maps = st.tuples(st.integers(200, 600), st.sampled_from([(32, 8), (16, 8), (8, 1), (4, 2)]), st.sampled_from(WAYS))


@given(choice=maps)
def test_a_coarse_sample_is_shown_where_the_resize_reads_it(choice):
    """The resized ramp is a line between its held ends, with the value k * coarse where sample k is shown."""
    size, (coarse, fine), way = choice
    shown, read = (f(size=size, coarse=coarse, fine=fine, way=way) for f in (shown_at, read_at))
    first, second = (shown[2] // fine + 1).int(), (shown[-3] // fine - 1).int()  # two fine samples far from the ends
    slope = (read[second] - read[first]) / (second - first)
    line = read[first] + (shown / fine - first) * slope
    assert line.tolist() == pytest.approx([k * coarse for k in range(len(shown))], abs=1e-9)


@pytest.mark.parametrize(
    ("size", "way", "first", "last"),
    [
        (480, WAYS[0], 0, 24), (481, WAYS[0], 0, 0), (512, WAYS[0], 0, 24), (513, WAYS[0], 0, 0),
        (480, WAYS[1], 12, 12), (481, WAYS[1], 11.25, -11.25), (512, WAYS[1], 12, 12),
        (480, WAYS[2], 0, 0), (497, WAYS[2], 0, 0),
    ],
)  # fmt: skip
def test_the_numbers_of_the_course_from_stride_32_to_8(size, way, first, last):
    shown = shown_at(size=size, coarse=32, fine=8, way=way)
    gaps = shown - 32 * torch.arange(len(shown))
    assert gaps[[0, -1]].tolist() == pytest.approx([first, last], abs=1e-9)


def test_true_is_exact_at_16_sizes_between_stride_32_and_8_and_at_two_to_the_end():
    low, high, _ = RANGES["size"]
    exact = {
        fine: [n for n in range(low, high + 1) if read_at(size=n, coarse=32, fine=fine, way=WAYS[0])[-1] % 32 == 0
               and torch.equal(shown_at(size=n, coarse=32, fine=fine, way=WAYS[0]) % 32, torch.zeros(-(-n // 32)))]
        for fine in (8, 1)
    }  # fmt: skip
    assert exact == {8: [*range(481, 489), *range(513, 521)], 1: [481, 513]}


def test_stripes_without_a_bar_stay_and_the_others_move_by_what_the_ramp_says():
    picture = launch_pad()
    assert picture.shape == (1, 3, alignment.ROWS, 520)
    tall = alignment.ROWS // STRIPES
    result = torn(picture, size=480, coarse=32, fine=8, way="align_corners=False")
    before = picture[0, :, :, :480].permute(1, 2, 0)
    assert torch.equal(result[:tall], before[:tall])
    assert torch.equal(result[tall : 2 * tall, 100:400], before[tall : 2 * tall, 88:388])


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The words of every figure that was shown; the figure itself is drawn, then closed."""
    words = []

    def show(figure, *, alt):
        figure.canvas.draw()
        words.append(alt)
        alignment.plt.close(figure)

    monkeypatch.setattr(alignment, "show", show)
    return words


@pytest.mark.parametrize("corner", CORNERS, ids=lambda corner: "-".join(map(str, corner.values())))
def test_every_corner_of_the_ranges_draws_and_reports(shown, capsys, corner):
    explore_alignment(**corner)
    assert len(shown) == 1 and "a gap of" in shown[0]
    assert "The ramp: fine samples read" in capsys.readouterr().out


def test_the_report_is_the_ramps(shown, capsys):
    explore_alignment(**START, way="align_corners=True")
    text = capsys.readouterr().out
    assert "Sample 14 stands at pixel 448 and is shown at 472, a gap of 24." in text
    assert "read -22.8 to 0.0 pixels beside their place, 3 beyond" in text
    explore_alignment(**START | {"size": 481}, way="align_corners=True")
    assert "read 0.0 to 0.0 pixels beside their place.\n" in capsys.readouterr().out


def test_another_way_is_refused_with_the_choices(unchecked):
    with pytest.raises(ValueError, match="way='corners'; choose one of align_corners=True"):
        alignment.upsample(torch.zeros(1, 1, 2, 2), size=(4, 4), rate=2, way="corners")
