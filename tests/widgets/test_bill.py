"""The bill of two networks: the lines are the dry runs at every size, and the numbers those of the ledger."""

import json
import re

import pytest
import torch

from jpu_edu.bench.ledger import GROUPS
from jpu_edu.bench.ledger import count as count_of_the_ledger
from jpu_edu.cost.ledger import total as total_of_layers
from jpu_edu.cost.macs import layer_costs
from jpu_edu.widgets.bill import PAIRS, SIZES, bill
from jpu_edu.widgets.bill_lines import Choice, choices, count, count_lines, line, network, stored, total

SMALL = Choice(18, "jpu", "enc 1x1")


def data(shown) -> dict:
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', shown._repr_html_())[1])


@pytest.mark.parametrize(
    "choice",
    [
        SMALL,
        Choice(18, "dilated", "psp"),
        Choice(18, "jpu_x", "aspp"),
        Choice(18, "bilinear", "fcn"),
        PAIRS["PSP-50"][1],
    ],
    ids=str,
)
@pytest.mark.parametrize("n", [SIZES[0] // 32, 11, SIZES[1] // 32])
def test_the_stored_line_meets_a_dry_run_at_another_size(choice, n):
    found, at = count(choice, n=n), lambda pair: pair[0] + n * n * pair[1]
    assert [at(pair) for pair in stored()[str(choice)]["macs"]] == list(found.macs.values())
    assert stored()[str(choice)]["params"] == list(found.params.values())
    assert (at(stored()[str(choice)]["kept"]), at(stored()[str(choice)]["peak"])) == (found.kept, found.peak)


@pytest.mark.parametrize("name", ["EncNet-50", "PSP-50", "DeepLabv3-50"])
@pytest.mark.parametrize("side", [0, 1])
def test_the_papers_pairs_have_the_numbers_of_the_ledger(name, side):
    full = list(GROUPS[name])[side]
    want, got = count_of_the_ledger(full, GROUPS[name][full], size=512), total(PAIRS[name][side])
    assert (got["gmac"], got["params"], got["kept_mib"]) == pytest.approx((want.gmac, want.params, want.kept_mib))


@pytest.mark.slow
@pytest.mark.parametrize("choice", [*choices((50,)), PAIRS["EncNet-101"][1], Choice(152, "dilated", "aspp")], ids=str)
def test_what_is_stored_is_what_is_counted(choice):
    assert stored()[str(choice)] == count_lines(choice)


def test_every_network_that_is_offered_is_stored_and_no_other():
    assert list(stored()) == [str(choice) for choice in choices()]


def test_the_parts_are_the_network_whole():
    found = count(SMALL, n=8)
    whole = total_of_layers(layer_costs(network(SMALL).eval(), torch.empty(1, 3, 256, 256, device="meta")))
    assert (sum(found.macs.values()), sum(found.params.values())) == (whole.macs, whole.params)
    assert all(found.macs.values()) and count(Choice(18, "dilated", "fcn"), n=8).macs["neck"] == 0


@pytest.mark.parametrize("form", ["dilated", "jpu"])
def test_the_kernel_of_encnets_head_is_the_one_asked_for(form):
    for side in (1, 3):
        model = network(Choice(18, form, f"enc {side}x{side}")).eval()
        assert model.head.block.conv.kernel_size == (side, side)
        assert model(torch.empty(1, 3, 65, 97, device="meta")).logits.shape == (1, 59, 65, 97)


def test_the_page_holds_every_network_and_is_the_same_every_time():
    shown = bill(depths=(18,), start="EncNet-18", measured={"EncNet-18": 1.25}, machine="a machine")
    assert shown._repr_html_() == shown._repr_html_()
    page = data(shown)
    assert len(page["networks"]) == 4 * 5
    assert page["networks"][str(SMALL)]["macs"] == stored()[str(SMALL)]["macs"]
    assert [(pair["name"], pair["paper"], pair["measured"]) for pair in page["pairs"]] == [("EncNet-18", None, 1.25)]


def test_the_still_picture_shows_the_pairs_and_its_words_say_the_counted_work():
    shown = bill(depths=(18,), start="EncNet-18")
    assert shown.figure().axes
    a, b = (total(choice)["gmac"] for choice in PAIRS["EncNet-18"])
    assert f"EncNet-18 {a:.1f} to {b:.1f}" in repr(shown)


def test_a_count_that_is_no_line_is_refused():
    assert line(5 + 3 * 64, 5 + 3 * 256) == [5, 3]
    with pytest.raises(ValueError, match="197 at n = 8 and 774 at n = 16 are not on one line"):
        line(197, 774)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"depths": (18, 20)}, r"depths=\(18, 20\); choose some of 18, 50, 101, 152"),
        ({"depths": (18,), "start": "PSP-50"}, "start='PSP-50'; choose one of EncNet-18"),
        ({"size": 500}, "size=500; choose a multiple of 32 from 128 to 1024"),
        ({"size": 96}, "size=96"),
    ],
)
def test_errors_name_the_value_and_the_remedy(wrong, says):
    with pytest.raises(ValueError, match=says):
        bill(**wrong)


def test_a_network_that_is_not_offered_is_refused(unchecked):
    with pytest.raises(ValueError, match="depth=20; choose one of 18, 50, 101, 152"):
        network(Choice(20, "jpu", "fcn"))
    with pytest.raises(ValueError, match="head='ocr'; choose one of fcn, enc 3x3"):
        network(Choice(18, "jpu", "ocr"))
    with pytest.raises(ValueError, match="size=513; give a multiple of 32"):
        total(SMALL, size=513)
