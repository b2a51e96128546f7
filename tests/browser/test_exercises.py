"""A student opens the exercises of 03, merges the wrong way round, reads the hint, mends it, and sees the yes."""

from collections.abc import Iterator

import pytest

from tests.browser.lab import IN_BROWSER, bring, opened

pytestmark = IN_BROWSER


@pytest.fixture(scope="module")
def page(server: str) -> Iterator:
    """The student's notebook, all cells run: every check says "not written yet"."""
    with opened(f"{server}/lab/tree/notebooks/exercises/03_split_conv_merge.ipynb", cells=15) as page:
        yield page


def write(page, old: str, lines: list[str]) -> None:
    """Type over a line of `merge` and run the cell, as a person does."""
    cell = bring(page, "def merge(")
    cell.locator(".cm-line", has_text=old).first.click()
    page.keyboard.press("End")
    page.keyboard.press("Shift+Home")
    page.keyboard.type(lines[0])
    for line in lines[1:]:
        page.keyboard.press("Enter")
        page.keyboard.type(line)
    page.keyboard.press("Control+Enter")


def check(page, words: str):
    """Run the check and return its output, once it says `words`."""
    from playwright.sync_api import expect

    cell = bring(page, "check_merge(merge, seed=")
    cell.locator(".cm-line").first.click()
    page.keyboard.press("Control+Enter")
    output = cell.locator(".jp-OutputArea-output").first
    expect(output).to_contain_text(words, timeout=30_000)
    return output


def test_from_the_blank_over_a_mistake_to_the_yes(page):
    assert "Fill the blank in merge" in check(page, "Not written yet.").inner_text()

    write(page, "raise NotImplementedError()", ["q, p = divmod(k, rate)", "merged[p::rate, q::rate] = phase"])
    output = check(page, "Not yet.")
    said = output.inner_text()
    assert "8 of its 16 numbers differ" in said
    assert "You deal the phases column by column." in said and "hint=2" in said
    picture = output.locator("img[alt]")
    assert picture.bounding_box()["width"] > 500
    assert "target, 4 x 4: " in picture.get_attribute("alt") and "8 of its cells outlined" in picture.get_attribute(
        "alt"
    )

    write(page, "q, p = divmod", ["p, q = divmod(k, rate)"])
    assert "merge is right for 13 cases" in check(page, "Yes.").inner_text()
