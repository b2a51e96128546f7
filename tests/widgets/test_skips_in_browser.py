"""The switches of FCN's merge in a real browser, from a file and without a kernel."""

from itertools import pairwise

import pytest

from tests.widgets.test_in_browser import browser, pytestmark, visit
from tests.widgets.test_skips import toggles

__all__ = ["browser", "pytestmark", "visit"]  # fixtures, found by name


def test_switches_change_the_pictures_and_what_is_said(visit):
    shown = toggles()
    page = visit(shown)
    told = page.locator(".jpu-skips .told")
    source_of = "node => node.src"
    labels = page.locator(".jpu-skips figure").nth(6).locator("img").nth(0)
    assert told.inner_text() == shown.says("one", 7)
    before = labels.evaluate(source_of)
    page.locator('input[data-name="c3"]').uncheck()
    assert told.inner_text() == shown.says("one", 3)
    assert labels.evaluate(source_of) != before
    page.locator('input[data-name="c4"]').focus()
    page.keyboard.press("Space")
    assert told.inner_text() == shown.says("one", 1)
    page.get_by_text("two", exact=True).click()
    assert told.inner_text() == shown.says("two", 1)
    assert page.locator(".jpu-skips figure.off").count() == 4  # c4, c3 and the two sums that they make


@pytest.mark.parametrize("width", [390, 900])
def test_the_outline_lies_on_the_labels_and_every_map_below_or_beside_its_source(visit, width):
    page = visit(toggles(), viewport={"width": width, "height": 900})
    box = {
        key: page.locator(f'.jpu-skips [data-key="{key}"] img').first.bounding_box()
        for key in ("c5", "c4", "c3", "sum16", "sum8", "labels")
    }
    assert page.locator(".jpu-skips .over").bounding_box() == pytest.approx(box["labels"])
    flow, sides = ("y", "x") if width < 560 else ("x", "y")
    steps = [box[key] for key in ("c5", "sum16", "sum8", "labels")]
    assert all(a[flow] + a["width"] < b[flow] and a[sides] == b[sides] for a, b in pairwise(steps))
    for side, into in (("c4", "sum16"), ("c3", "sum8")):
        assert box[side][flow] == pytest.approx(box[into][flow], abs=1)
        assert box[side][sides] + box[side]["width"] < box[into][sides]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_without_scripts_the_poster_is_there(visit):
    page = visit(toggles(), java_script_enabled=False)
    assert "FCN-8s" in page.locator("img.poster").get_attribute("alt")


def test_two_on_one_page_do_not_share_their_switches(visit):
    page = visit(toggles(), toggles())
    page.locator('input[data-name="c5"]').nth(0).uncheck()
    assert page.locator(".jpu-skips").nth(0).get_attribute("data-state") == "6"
    assert page.locator(".jpu-skips").nth(1).get_attribute("data-state") == "7"
