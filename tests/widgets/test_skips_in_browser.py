"""The switches of FCN's merge in a real browser, from a file and without a kernel."""

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


def test_without_scripts_the_poster_is_there(visit):
    page = visit(toggles(), java_script_enabled=False)
    assert "FCN-8s" in page.locator("img.poster").get_attribute("alt")


def test_two_on_one_page_do_not_share_their_switches(visit):
    page = visit(toggles(), toggles())
    page.locator('input[data-name="c5"]').nth(0).uncheck()
    assert page.locator(".jpu-skips").nth(0).get_attribute("data-state") == "6"
    assert page.locator(".jpu-skips").nth(1).get_attribute("data-state") == "7"
