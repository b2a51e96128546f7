"""The bill in a real browser: buttons, keyboard, touch and slider, from a file and without a kernel."""

import pytest

from jpu_edu.widgets.bill import PAIRS, bill
from jpu_edu.widgets.bill_lines import Choice, stored, total
from tests.widgets.test_in_browser import browser, pytestmark, visit

__all__ = ["browser", "pytestmark", "visit"]  # fixtures, found by name


def shown():
    return bill(depths=(18,), start="EncNet-18", measured={"EncNet-18": 1.25}, machine="a machine")


def ratio(page) -> str:
    return page.locator(".jpu-bill .large span").inner_text()


def sums(page, name: str) -> list[str]:
    return page.locator(f".jpu-bill {name} .sum").all_inner_texts()


def radio(page, side: str, group: str, value: str):
    return page.get_by_role("radiogroup", name=f"{group} of {side}").get_by_role("radio", name=value, exact=True)


def work(choice: Choice, size: int = 512) -> float:
    return total(choice, size=size)["gmac"]


@pytest.mark.parametrize("size", [128, 512, 1024])
def test_the_page_shows_the_numbers_of_the_library_at_every_size(visit, size):
    page = visit(shown(), reduced_motion="reduce")
    page.get_by_role("slider").fill(str(size))
    a, b = PAIRS["EncNet-18"]
    assert ratio(page) == f"{work(a, size) / work(b, size):.2f}×"
    digits = [2 if work(choice, size) < 10 else 1 for choice in (a, b)]
    want = [f"{work(choice, size):.{d}f} GMAC" for choice, d in zip((a, b), digits, strict=True)]
    assert sums(page, ".work") == want
    kept = [f"{total(choice, size=size)[key]:.{d}f} {unit}" for key, d, unit in
            (("params", 1, "M"), ("kept_mib", 0, "MiB"), ("peak_mib", 0, "MiB")) for choice in (a, b)]  # fmt: skip
    assert sums(page, ".measures") == kept


def test_lengths_are_shares_of_the_larger_bar_and_the_frame_is_as_long_as_a(visit):
    page = visit(shown(), reduced_motion="reduce")
    a, b = PAIRS["EncNet-18"]
    widths = {
        side: [box.bounding_box()["width"] for box in page.locator(f".jpu-bill .work .{side} .part").all()]
        for side in "ab"
    }
    counts = {"a": stored()[str(a)]["macs"], "b": stored()[str(b)]["macs"]}
    scale = sum(widths["a"]) / work(a)
    for side in "ab":
        want = [(fixed + 256 * growing) / 1e9 * scale for fixed, growing in counts[side]]
        assert widths[side] == pytest.approx(want, abs=2.1)  # a border is at least as wide as itself
    frame = page.locator(".jpu-bill .twin").bounding_box()
    assert frame["width"] == pytest.approx(sum(widths["a"]), abs=1)


def test_arrow_keys_change_a_network_and_the_pair_is_unmarked_when_it_is_left(visit):
    page = visit(shown(), reduced_motion="reduce")
    button = page.get_by_role("button", name="EncNet-18")
    assert button.get_attribute("aria-pressed") == "true"
    assert "1.25× on a machine" in page.locator(".beside").inner_text()
    radio(page, "B", "Form", "JPU").focus()
    assert page.evaluate("document.activeElement.dataset.lmSuppressShortcuts") == "true"
    page.keyboard.press("ArrowRight")
    now = Choice(18, "jpu_x", PAIRS["EncNet-18"][1].head)
    assert page.locator(".jpu-bill").get_attribute("data-b") == str(now)
    assert sums(page, ".work")[1].startswith(f"{work(now):.1f}"[:3])
    assert button.get_attribute("aria-pressed") == "false"
    assert page.locator(".beside").inner_text() == ""  # nobody has timed this one
    button.press("Enter")
    assert page.locator(".jpu-bill").get_attribute("data-b") == str(PAIRS["EncNet-18"][1])


def test_a_tap_on_a_phone_and_nothing_sticks_out(visit):
    page = visit(shown(), has_touch=True, viewport={"width": 380, "height": 900}, reduced_motion="reduce")
    radio(page, "A", "Head", "PSP").tap()
    assert page.locator(".jpu-bill").get_attribute("data-a") == "18 dilated psp"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    track, label = page.locator(".work .a .track").bounding_box(), page.locator(".work .a .sum").bounding_box()
    assert label["x"] + label["width"] <= track["x"] + track["width"] + 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_words_follow_the_page(visit, scheme):
    page = visit(shown(), color_scheme=scheme)
    ink = "getComputedStyle(document.querySelector('.jpu-bill .told')).color"
    assert page.evaluate(ink) == {"light": "rgb(0, 0, 0)", "dark": "rgb(255, 255, 255)"}[scheme]


def test_two_on_one_page_do_not_share_their_networks(visit):
    page = visit(shown(), shown(), reduced_motion="reduce")
    page.locator('.jpu-bill input[value="psp"]').first.check(force=True)
    assert page.locator(".jpu-bill").nth(0).get_attribute("data-a") == "18 dilated psp"
    assert page.locator(".jpu-bill").nth(1).get_attribute("data-a") == str(PAIRS["EncNet-18"][0])


def test_without_scripts_the_poster_is_there(visit):
    page = visit(shown(), java_script_enabled=False)
    assert "EncNet-18" in page.locator("img.poster").get_attribute("alt")
    assert page.locator("img.poster").bounding_box()["width"] > 500
