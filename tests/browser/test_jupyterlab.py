"""A student opens walkthrough 03 in JupyterLab, runs it all, drags a slider, and steps through the animation."""

from collections.abc import Iterator

import pytest

from tests.browser.lab import IN_BROWSER, PANEL, bring, opened

pytestmark = IN_BROWSER


@pytest.fixture(scope="module")
def page(server: str) -> Iterator:
    """Walkthrough 03, all cells run in a fresh kernel."""
    with opened(f"{server}/lab/tree/notebooks/03_split_conv_merge.ipynb", cells=20) as page:
        yield page


def test_everything_runs_without_an_error(page):
    errors = page.evaluate(
        f"""() => Array.from({PANEL}.model.cells).flatMap((cell) => cell.toJSON().outputs || [])
            .filter((output) => output.output_type === 'error').map((output) => output.evalue)"""
    )
    assert errors == []


def test_the_slider_redraws_the_map(page):
    from playwright.sync_api import expect

    cell = bring(page, "interact(")
    picture = cell.locator("img[alt]").first
    picture.wait_for()
    expect(cell).to_contain_text("4 phases of x", timeout=20_000)
    before = picture.get_attribute("src")
    handle = cell.locator(".noUi-handle").first
    handle.focus()
    handle.press("ArrowRight")
    page.wait_for_function(
        "([node, old]) => ![null, undefined, old].includes(node.querySelector('img[alt]')?.src)",
        arg=[cell.element_handle(), before],
    )
    expect(cell).to_contain_text("9 phases of x", timeout=20_000)  # printed after the picture


def test_the_animation_steps_by_button_and_by_key(page):
    from playwright.sync_api import expect

    cell = bring(page, "stepper(x")
    picture, caption = cell.locator("svg[role='img']").first, cell.locator(".caption").first
    seen = "(svg) => [...svg.querySelectorAll('g:not(.gone)')].map((g) => [g.className.baseVal, g.style.cssText])"

    def at(step: int) -> list:
        expect(caption).to_contain_text(f"Step {step} of", timeout=20_000)
        return picture.evaluate(seen)

    start = at(1)
    cell.get_by_role("button", name="Next", exact=True).click()
    assert at(2) != start
    cell.locator("input[type='range']").first.focus()
    page.keyboard.press("ArrowRight")
    assert at(3) != start
    for _ in range(2):
        page.keyboard.press("ArrowLeft")
    assert at(1) == start
