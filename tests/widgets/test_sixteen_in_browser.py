"""Choosing how y is made, in a real browser: by mouse, keyboard and touch, from a file and without a kernel."""

import pytest

from jpu_edu.widgets.sixteen import Choice, short
from tests.widgets.test_in_browser import browser, pytestmark, visit
from tests.widgets.test_sixteen import H, widget

__all__ = ["browser", "pytestmark", "visit"]  # fixtures, found by name

HEIGHTS = """() => [...document.querySelectorAll('.jpu-sixteen .error')]
  .map(node => new DOMMatrix(getComputedStyle(node).transform).d)"""


def told(page) -> str:
    """What is said, with y_s for an italic y and its subscript."""
    html = page.locator(".jpu-sixteen .told").inner_html()
    return html.replace("<i>y</i><sub>", "y_").replace("<i>n</i>", "n").replace("</sub>", "")


def choose(page, text: str) -> None:
    page.locator(".jpu-sixteen label", has_text=text).first.click()


def test_each_choice_moves_the_bars_to_its_errors_and_says_them(visit):
    shown = widget()
    page = visit(shown, reduced_motion="reduce")
    assert page.locator("img.poster").count() == 0  # the script has replaced the poster
    for choice in (H, Choice("nearest"), Choice("phase-aligned")):
        choose(page, choice.method)
        errors = shown.errors["n = 2"][choice].phases
        assert page.evaluate(HEIGHTS) == pytest.approx([min(error, 1) for error in errors], abs=1e-3)
        assert told(page) == shown.says("n = 2", choice)
        assert page.locator(".pad button").all_inner_texts() == [short(error) for error in errors]
        assert page.locator("text.kind").text_content() == ("learned" if choice == H else "approximate")


def test_what_h_sees_and_is_fitted_to_can_be_chosen_for_a_fitted_h_alone(visit):
    shown = widget()
    page = visit(shown)
    choose(page, "both")
    choose(page, "elsewhere")
    assert told(page) == shown.says("n = 2", H._replace(sees="both", fitted="y_d elsewhere"))
    assert page.locator(".ring.on").get_attribute("class") == "ring y_d on"
    choose(page, "nearest")
    assert page.locator("fieldset:disabled").count() == 2 and page.locator(".ring.on").count() == 0


def test_an_exact_h_is_called_exact_with_sixteen_zeros(visit):
    page = visit(widget())
    choose(page, "n = 1")
    assert page.locator("text.kind").text_content() == "exact"
    assert page.locator("text.gap").text_content() == "= 0"
    assert page.locator(".pad button").all_inner_texts() == ["0"] * 16
    assert page.locator("path.made").get_attribute("class") == "arrow made exact"


def test_the_keyboard_alone_reaches_every_question_and_every_phase(visit):
    shown = widget()
    page = visit(shown, reduced_motion="reduce")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.dataset.lmSuppressShortcuts") == "true"
    page.keyboard.press("ArrowLeft")
    assert told(page) == shown.says("n = 1", H)
    for _ in range(4):
        page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    assert page.locator('.pad button[aria-pressed="true"]').get_attribute("aria-label") == "phase 1, 1: 0"
    assert told(page).endswith(" Phase (1, 1): 0; phase-aligned " +
        short(shown.errors["n = 1"][Choice("phase-aligned")].phases[5]) + ".")  # fmt: skip
    page.keyboard.press("Escape")
    assert page.locator('.pad button[aria-pressed="true"]').count() == 0


def test_a_tap_on_a_bar_picks_its_phase_and_its_pixels_on_a_phone(visit):
    page = visit(widget(), has_touch=True, viewport={"width": 390, "height": 1200})
    page.locator(".jpu-sixteen .bar").nth(6).tap()
    assert page.locator('.pad button[aria-pressed="true"]').get_attribute("aria-label").startswith("phase 1, 2")
    alpha = page.evaluate(
        """() => [...document.querySelectorAll('.jpu-sixteen canvas')].map(canvas => {
          const { data, width } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
          return [...data].filter((_, n) => n % 4 === 3).map((a, n) => [Math.floor(n / width) % 4, n % width % 4, a]);
        })"""
    )
    for canvas in alpha:
        assert {(p, q) for p, q, a in canvas if a == 255} == {(1, 2)}
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_words_follow_the_page(visit, scheme):
    page = visit(widget(), color_scheme=scheme)
    ink = "getComputedStyle(document.querySelector('.jpu-sixteen text.gap')).fill"
    assert page.evaluate(ink) == {"light": "rgb(0, 0, 0)", "dark": "rgb(255, 255, 255)"}[scheme]


def test_two_on_one_page_do_not_share_their_choices(visit):
    page = visit(widget(), widget())
    choose(page, "nearest")
    states = [page.locator(".jpu-sixteen").nth(k).get_attribute("data-state").split("|")[1] for k in (0, 1)]
    assert states == ["nearest", "one 3 x 3"]


def test_without_the_script_the_poster_stands(visit):
    page = visit(widget(), java_script_enabled=False)
    poster = page.get_by_role("img", name="The error of y in each of 16 phases")
    assert poster.is_visible() and poster.bounding_box()["width"] > 500
