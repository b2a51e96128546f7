"""The coverage map in a real browser: it counts what the library counts, and each path that it shows is one."""

import re
from itertools import product

import pytest

from jpu_edu.cost.receptive import receptive_field
from jpu_edu.widgets.coverage import RATE, SIZE, coverage_map
from tests.widgets.test_in_browser import browser, pytestmark, visit

__all__ = ["browser", "pytestmark", "visit"]  # fixtures, found by name

# Every choice of the sliders, the last one changing fastest: what the page says, and the paths that it counts.
ALL = """([low, high, least, most]) => {
  const root = document.querySelector('.jpu-coverage'), sliders = [...root.querySelectorAll('input')], seen = [];
  const each = (k) => {
    if (k === 4) return seen.push([root.querySelector('.told').textContent, root.dataset.paths]);
    for (let value = k < 3 ? low : least; value <= (k < 3 ? high : most); value++) {
      sliders[k].value = value;
      sliders[k].dispatchEvent(new Event('input'));
      each(k + 1);
    }
  };
  each(0);
  return seen;
}"""
# The pixels that are drawn, as [row, column, opacity], and the rectangles of holes, as [x, y, width].
DRAWN = r"""() => [
  [...document.querySelectorAll('.jpu-coverage .pixels path')].flatMap(path =>
    [...path.getAttribute('d').matchAll(/M([\d.]+) ([\d.]+)h/g)].map(([, x, y]) =>
      [Math.floor(y), Math.floor(x), Number(path.getAttribute('fill-opacity'))])),
  [...document.querySelector('.jpu-coverage svg > path').getAttribute('d').matchAll(/M(\d+) (\d+)h(\d+)/g)]
    .map(([, ...numbers]) => numbers.map(Number)),
]"""


def said(page, part: str) -> str:
    return page.locator(f".jpu-coverage .{part}").inner_text().replace("\xa0", " ")


def at(page, row: int, column: int) -> None:
    """Point at an input, counted from the window's first one."""
    picture = page.locator(".jpu-coverage svg")
    box, span = picture.bounding_box(), len(page.locator(".jpu-coverage").get_attribute("data-paths").split())
    scale = box["width"] / (span + 0.2)
    picture.hover(position={"x": (column + 0.6) * scale, "y": (row + 0.6) * scale})


def numbers(text: str) -> list[float]:
    return [float(n.replace("\u2212", "-")) for n in re.findall(r"[\d.\u2212]*\d", text)]


def test_every_choice_of_the_sliders_has_the_paths_and_the_words_of_the_library(visit):
    page = visit(coverage_map())
    seen = iter(page.evaluate(ALL, [*RATE, *SIZE]))
    for *rates, kernel in product(*[range(RATE[0], RATE[1] + 1)] * 3, range(SIZE[0], SIZE[1] + 1)):
        words, paths = next(seen)
        field = receptive_field([(kernel, 1, rate) for rate in rates])
        assert paths == " ".join(map(str, field.paths)), (rates, kernel)
        assert words.replace("\xa0", " ") == coverage_map(rates=tuple(rates), kernel=kernel).says
    assert next(seen, None) is None


@pytest.mark.parametrize(("rates", "kernel"), [((2, 2, 2), 3), ((1, 2, 9), 3), ((4, 1, 7), 2), ((1, 2, 3), 5)])
def test_a_reached_input_is_filled_the_stronger_the_more_paths_and_a_hole_is_a_circle(visit, rates, kernel):
    field = receptive_field([(kernel, 1, rate) for rate in rates])
    pixels, holes = visit(coverage_map(rates=rates, kernel=kernel)).evaluate(DRAWN)
    filled = {(row, column): opacity for row, column, opacity in pixels}
    assert set(filled) == set(product(field.touched, repeat=2)) and len(pixels) == len(filled)
    circles = [(y, x + step) for x, y, width in holes for step in range(width)]
    assert sorted(circles + list(filled)) == list(product(range(field.size), repeat=2))
    count = {place: field.paths[place[0]] * field.paths[place[1]] for place in filled}
    for one, other in product(filled, repeat=2):
        assert (count[one] > count[other]) == (filled[one] > filled[other])


@pytest.mark.parametrize(("rates", "kernel"), [((2, 2, 2), 3), ((1, 2, 5), 3), ((1, 3, 2), 4)])
def test_the_path_to_an_input_is_one_step_a_layer_and_ends_there(visit, rates, kernel):
    page = visit(coverage_map(rates=rates, kernel=kernel))
    field = receptive_field([(kernel, 1, rate) for rate in rates])
    middle = (field.size - 1) / 2
    steps = {rate: {(k - (kernel - 1) / 2) * rate for k in range(kernel)} for rate in rates}
    for row, column in product(range(0, field.size, 3), range(1, field.size, 2)):
        at(page, row, column)
        words = said(page, "path")
        count = field.paths[row] * field.paths[column]
        assert words.startswith("Row ") and numbers(words)[:2] == [row - middle, column - middle]
        if not count:
            assert "no path" in words and page.locator(".walk .line").count() == 0
            continue
        assert numbers(words)[2:5] == [count, field.paths[row], field.paths[column]]
        down, across = numbers(words)[5::2], numbers(words)[6::2]
        assert sum(down) == row - middle and sum(across) == column - middle
        for rate, *both in zip(reversed(rates), down, across, strict=True):  # the last layer steps first
            assert set(both) <= steps[rate]
        line = numbers(page.locator(".walk .line").get_attribute("d"))
        assert line[:2] == [middle + 0.5] * 2 and line[-2:] == [column + 0.5, row + 0.5]


def test_the_keyboard_reaches_every_control_and_the_arrows_walk_over_the_map(visit):
    page = visit(coverage_map(), viewport={"width": 900, "height": 300})
    for _ in range(2):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert said(page, "large").startswith("100 %")
    assert page.locator("button[aria-pressed='true']").inner_text() == "1, 2, 3"
    page.get_by_role("slider", name="third rate").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator(".jpu-coverage").get_attribute("data-paths") == " ".join(
        map(str, receptive_field([(3, 1, rate) for rate in (1, 2, 4)]).paths)
    )
    page.get_by_role("application").focus()
    down = page.evaluate("scrollY")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowUp")
    page.wait_for_timeout(200)
    assert page.evaluate("scrollY") == down > 0  # the page stays where it is
    assert said(page, "path").startswith("Row \u22121, column \u22121, from the middle: ")
    for _ in range(30):
        page.keyboard.press("ArrowLeft")
    assert said(page, "path").startswith("Row \u22121, column \u22127, from the middle: ")
    for part in ("told", "path"):
        assert page.locator(f".{part}").get_attribute("aria-live") == "polite"
    inert = "[...document.querySelectorAll('button, input, .map')].filter(n => !('lmSuppressShortcuts' in n.dataset))"
    assert page.evaluate(f"{inert}.length") == 0  # JupyterLab leaves these keys alone


def test_a_tap_shows_a_path_and_a_phone_is_wide_enough(visit):
    page = visit(coverage_map(), has_touch=True, viewport={"width": 390, "height": 844})
    box = page.locator(".jpu-coverage svg").bounding_box()
    page.touchscreen.tap(box["x"] + 5, box["y"] + 5)
    assert said(page, "path").startswith("Row \u22126, column \u22126, from the middle: 1 path, 1 for the row")
    page.get_by_role("slider", name="kernel").fill("5")
    assert said(page, "path") == ""  # another window, another point
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_ink_follows_the_page_while_it_is_open(visit):
    page = visit(coverage_map())
    fill = "getComputedStyle(document.querySelector('.jpu-coverage .pixels path')).fill"
    assert page.evaluate(fill) == "rgb(0, 0, 0)"
    page.evaluate("document.documentElement.style.color = '#DDDDDD'")
    assert page.evaluate(fill) == "rgb(221, 221, 221)"


def test_two_on_one_page_do_not_share_their_rates(visit):
    page = visit(coverage_map(), coverage_map())
    page.get_by_role("button", name="1, 3, 9").nth(1).click()
    large = page.locator(".large span").all_inner_texts()
    assert [text.replace("\xa0", " ") for text in large] == ["29 %", "100 %"]
    assert page.locator("pattern").evaluate_all("all => new Set(all.map(one => one.id)).size") == 2


def test_without_the_script_the_poster_stands(visit):
    page = visit(coverage_map(), java_script_enabled=False)
    poster = page.get_by_role("img", name="holes are empty circles")
    assert poster.is_visible() and poster.bounding_box()["width"] > 300
