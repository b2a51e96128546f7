"""The switches show FCN's own merge: the numbers and the pictures of every choice."""

import json
import re

import pytest
import torch
from torch import nn

from jpu_edu.data.cameraman import CAMERAMAN, GROUND, MAN, TRIPOD
from jpu_edu.heads.fcn_skip import FCNSkipHead
from jpu_edu.layers.features import Features
from jpu_edu.ops.interp import resize
from jpu_edu.widgets.skips import blend, merge, signed, skip_toggles


def scores(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(3, 2 * k, 3 * k, generator=generator, dtype=torch.float64) for k in (1, 2, 4))


TRUTH = torch.randint(0, 3, (64, 96), generator=torch.Generator().manual_seed(1))


def toggles(**options):
    picture = torch.rand(1, 1, 64, 96, generator=torch.Generator().manual_seed(2))
    sources = {"one": scores(1), "two": scores(2)}
    return skip_toggles(picture, TRUTH, sources, **({"classes": CAMERAMAN, "thin": TRIPOD} | options))


@pytest.mark.parametrize("skips", [0, 1, 2])
def test_the_merge_is_that_of_the_librarys_head(skips):
    c5, c4, c3 = scores()
    head = FCNSkipHead(3, 3, skip_channels=(3, 3)[:skips], dropout=0).double().eval()
    for conv in (head.score, *head.skips):
        nn.init.zeros_(conv.bias)
        conv.weight.data = torch.eye(3, dtype=torch.float64)[:, :, None, None]
    features = Features(c3[None], c3[None], c3[None], c4[None], c5[None])
    want = head(c5[None], features).logits
    got = merge((c5, c4, c3), TRUTH, on=(True, skips > 0, skips > 1))
    assert torch.equal(got.sums[skips], want[0])
    assert torch.equal(got.labels, resize(want, size=(64, 96), align_corners=False)[0].argmax(0))


def test_a_switched_off_map_counts_as_zero():
    c5, c4, c3 = scores()
    off = merge((c5, c4, c3), TRUTH, on=(True, False, True))
    zero = merge((c5, torch.zeros_like(c4), c3), TRUTH)
    assert torch.equal(off.sums[2], zero.sums[2]) and torch.equal(off.labels, zero.labels)
    nothing = merge((c5, c4, c3), TRUTH, on=(False,) * 3)
    assert nothing.labels.unique().tolist() == [0]
    assert nothing.accuracy == pytest.approx((TRUTH == 0).double().mean().item())


def test_sizes_that_do_not_fit_are_told():
    c5, c4, c3 = scores()
    with pytest.raises(ValueError, match=r"c4 must be twice c5.*eight times c3"):
        merge((c5, c3, c4), TRUTH)
    with pytest.raises(ValueError, match=r"\(64, 90\) labels"):
        merge((c5, c4, c3), TRUTH[:, :90])
    with pytest.raises(ValueError, match="no sources"):
        skip_toggles(torch.zeros(1, 1, 64, 96), TRUTH, {}, classes=CAMERAMAN, thin=TRIPOD)
    with pytest.raises(ValueError, match="thin=3; the classes are 0 to 2"):
        toggles(thin=3)


def test_a_certain_score_has_its_class_colour_a_tie_the_mean_and_none_is_grey():
    sure = torch.tensor([[[1.0, 0.5, 0.0]], [[0.0, 0.5, -1.0]], [[-2.0, 0.0, 0.0]]], dtype=torch.float64)
    picture = blend(sure, CAMERAMAN)
    assert picture[0, 0].tolist() == list(CAMERAMAN.colours[GROUND])
    mean = [(a + b) / 2 for a, b in zip(CAMERAMAN.colours[GROUND], CAMERAMAN.colours[MAN], strict=True)]
    assert picture[0, 1].tolist() == pytest.approx(mean, abs=1)
    assert picture[0, 2].tolist() == [160, 160, 160]


def test_what_a_skip_adds_is_coloured_and_what_it_takes_is_black():
    picture = signed(torch.tensor([[0.0, 2.0, -2.0]]), most=2.0, colour=CAMERAMAN.colours[TRIPOD])
    assert picture[0, 0].tolist() == [255] * 3 and picture[0, 1].tolist() == list(CAMERAMAN.colours[TRIPOD])
    assert picture[0, 2].max() < 40


def test_the_page_is_the_same_every_time_and_holds_every_choice():
    page = toggles()._repr_html_()
    assert page == toggles()._repr_html_()
    data = json.loads(re.search(r'<script type="application/json">(.*?)</script>', page).group(1))
    assert [one["name"] for one in data["sources"]] == ["one", "two"]
    assert all(len(one["states"]) == 8 for one in data["sources"])
    assert data["sources"][0]["states"][1]["says"].startswith("FCN-32s (c5). ")
    assert data["sources"][0]["states"][4]["says"].startswith("c3: no network has this. ")
