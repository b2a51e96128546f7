"""The counts of the phase picker are those of a loop over bits, and only phase (0, 0) has none."""

import json
import re

import pytest
import torch

from jpu_edu.ops.chains import Layer, dilated_chain, strided_chain
from jpu_edu.ops.phases import split
from jpu_edu.widgets.phase_picker import differing, phase_picker


def two_maps(
    height: int = 13, width: int = 18, *, channels: int = 3, rate: int = 4
) -> tuple[torch.Tensor, torch.Tensor]:
    """y_s and y_d of one chain whose numbers are integers, brought to 8 bits at the end."""
    draw = torch.Generator().manual_seed(8)
    layers = [
        Layer(torch.randint(-2, 4, (channels, channels, 3, 3), generator=draw).double(), then=lambda y, x: y.relu())
        for _ in range(3)
    ]
    x = torch.randint(0, 50, (1, channels, height, width), generator=draw).double()
    paths = strided_chain(x, layers, rate=rate), dilated_chain(x, layers, rate=rate)
    return tuple(y[0].remainder(256).to(torch.uint8) for y in paths)


def by_hand(y_s: torch.Tensor, phase: torch.Tensor) -> tuple[int, int, int]:
    _, height, width = phase.shape
    pairs = list(zip(y_s[:, :height, :width].flatten().tolist(), phase.flatten().tolist(), strict=True))
    return len(pairs), sum(a != b for a, b in pairs), sum((a ^ b).bit_count() for a, b in pairs)


@pytest.mark.parametrize("size", [(13, 18), (16, 16), (9, 12)])
def test_the_counts_are_those_of_a_loop_and_only_phase_0_has_no_bit_that_differs(size):
    y_s, y_d = two_maps(*size)
    counts = [differing(y_s, phase) for phase in split(y_d, rate=4)]
    assert counts == [by_hand(y_s, phase) for phase in split(y_d, rate=4)]
    assert counts[0] == (y_s.numel(), 0, 0)
    assert all(bits > 20 for _, _, bits in counts[1:])


def test_the_page_has_the_maps_and_the_counts_and_is_the_same_every_time():
    y_s, y_d = two_maps()
    page = phase_picker(y_s, y_d, channel=1)._repr_html_()
    assert page == phase_picker(y_s, y_d, channel=1)._repr_html_()
    data = json.loads(re.search(r'<script type="application/json">(.*?)</script>', page)[1])
    assert data["y_s"] == y_s[1].tolist() and data["y_d"] == y_d[1].tolist()
    assert [tuple(phase["counts"]) for phase in data["phases"]] == [differing(y_s, part) for part in split(y_d, rate=4)]


def test_the_words_say_what_the_badge_says():
    y_s, y_d = two_maps()
    _, _, bits = differing(y_s, y_d[:, 2::4, 3::4])
    text = repr(phase_picker(y_s, y_d, start=(2, 3)))
    assert text.startswith("Left y_s, 4 by 5; right y_d of the same weights, 13 by 18. Of y_d, laid over y_s, ")
    assert f"phase (0, 0) differs in 0 of 480 bits; phase (2, 3) differs in {bits} of 288 bits." in text


@pytest.mark.parametrize("rate", [2, 4])
def test_the_still_picture_is_a_png_at_any_rate(rate):
    picker = phase_picker(*two_maps(rate=rate), rate=rate, start=(1, 1))
    assert len(picker.figure().axes) == 3


def test_wrong_arguments_are_answered_with_their_numbers():
    y_s, y_d = two_maps()
    with pytest.raises(ValueError, match=r"at rate=2 this y_d needs a y_s of \(3, 7, 9\)"):
        phase_picker(y_s, y_d, rate=2)
    with pytest.raises(ValueError, match="channel=3; the maps have the channels 0 to 2"):
        phase_picker(y_s, y_d, channel=3)
    with pytest.raises(ValueError, match=r"start=\(0, 4\); p and q go from 0 to 3"):
        phase_picker(y_s, y_d, start=(0, 4))
