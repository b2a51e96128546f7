"""The ruler of walkthrough 06: its page is complete, and in a browser its marks are those of the library."""

import math
from typing import get_args

import pytest

from jpu_edu.widgets.alignment import Way, shown_at
from jpu_edu.widgets.ruler import ruler
from tests.widgets.test_in_browser import browser, visit
from tests.widgets.test_in_browser import pytestmark as in_browser

__all__ = ["browser", "visit"]  # fixtures, found by name
TRUE, FALSE, ALIGNED = get_args(Way)


def on_a_page(test):
    for mark in in_browser:
        test = mark(test)
    return test


def marks(page) -> list[float]:
    return [float(mark.get_attribute("data-at")) for mark in page.locator(".jpu-ruler path.shown").all()]


def gap(page) -> float:
    return float(page.locator(".jpu-ruler .gap span").inner_text())


def slide(page, size: int) -> None:
    page.get_by_role("slider").fill(str(size))


def torn_columns(page, x: float) -> int:
    """How many of the pixels of one torn stripe, around a share x of the width, differ from the stripe above it."""
    return page.evaluate(
        """x => {
          const canvas = document.querySelector('.jpu-ruler canvas'), { width, height } = canvas;
          const row = (y) => canvas.getContext('2d')
            .getImageData(Math.round(x * width) - 40, Math.round(y * height), 80, 1).data;
          const [a, b] = [row(0.62), row(0.63)];
          let count = 0;
          for (let i = 0; i < a.length; i += 4) count += Math.abs(a[i] - b[i]) > 40;
          return count;
        }""",
        x,
    )


def test_the_page_is_complete_and_the_same_every_time():
    assert ruler()._repr_html_() == ruler()._repr_html_()
    assert "Sample 14 stands at pixel 448 and is shown at 472, a gap of 24." in repr(ruler())
    assert ruler().alt in ruler()._repr_html_()


@pytest.mark.parametrize(("size", "way"), [(469, TRUE), (521, TRUE), (480, "corners")])
def test_errors_name_the_value(size, way, unchecked):
    with pytest.raises(ValueError, match=f"size={size}, way='{way}'; choose 470 to 520"):
        ruler(size=size, way=way)


@on_a_page
def test_the_marks_are_the_librarys_at_every_size_and_way(visit):
    page = visit(ruler(), reduced_motion="reduce")
    for way in (TRUE, FALSE, ALIGNED):
        page.get_by_text(way, exact=True).click()
        for size in (470, 473, 480, 481, 488, 489, 500, 512, 513, 520):
            slide(page, size)
            want = shown_at(size=size, coarse=32, fine=8, way=way).tolist()
            assert marks(page) == pytest.approx(want, abs=1e-9)
            worst = max(abs(there - 32 * k) for k, there in enumerate(want))
            assert math.isclose(gap(page), worst, abs_tol=0.0051)
            assert float(page.locator(".jpu-ruler").get_attribute("data-gap")) == gap(page)


@on_a_page
def test_the_keyboard_reaches_the_sizes_and_the_ways(visit):
    page = visit(ruler(), reduced_motion="reduce")
    slider = page.get_by_role("slider")
    assert slider.get_attribute("data-lm-suppress-shortcuts") == "true"
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert gap(page) == 0 and slider.get_attribute("aria-valuetext") == "481 pixels, largest gap 0"
    page.keyboard.press("ArrowLeft")
    assert gap(page) == 24
    page.get_by_role("radio").first.focus()
    page.keyboard.press("ArrowDown")
    assert gap(page) == 12
    assert (
        page.locator(".told")
        .inner_text()
        .startswith("480 pixels, align_corners=False. Every sample is shown 12 too far")
    )


@on_a_page
def test_the_grip_drags_the_size_by_mouse_and_by_touch(visit):
    page = visit(ruler(), has_touch=True, viewport={"width": 390, "height": 844})
    box = page.locator(".grip circle").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 200, y)
    page.mouse.up()
    assert page.locator(".jpu-ruler output").inner_text() == "520"
    box = page.locator(".grip circle").bounding_box()
    touch = page.context.new_cdp_session(page)
    x = box["x"] + box["width"] / 2
    for kind, left in (("touchStart", x), ("touchMove", x - 15), ("touchMove", x - 300), ("touchEnd", None)):
        points = [] if left is None else [{"x": left, "y": y}]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    assert page.locator(".jpu-ruler output").inner_text() == "470"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@on_a_page
@pytest.mark.parametrize("scale", [0.6, 1, 1.5])
def test_the_grip_stays_under_the_pointer_where_a_slide_is_scaled(visit, scale):
    page = visit(ruler(size=510), viewport={"width": 1000, "height": 900})
    root, output = page.locator(".jpu-ruler"), page.locator(".jpu-ruler output")
    root.evaluate("(root, scale) => root.style.cssText = `width: 640px; transform-origin: 0 0; scale: ${scale}`", scale)
    page.wait_for_function("document.querySelector('.jpu-ruler canvas').width === 640")
    box = page.locator(".grip circle").bounding_box()
    x, y = box["x"] + 0.7 * box["width"], box["y"] + box["height"] / 2  # not in its middle
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y + 1)
    assert output.inner_text() == "510"
    page.mouse.move(x - 30 * scale, y)
    assert page.locator(".grip circle").bounding_box()["x"] == pytest.approx(box["x"] - 30 * scale, abs=scale)
    page.mouse.up()


@on_a_page
def test_the_photograph_is_torn_exactly_when_there_is_a_gap(visit):
    page = visit(ruler(), reduced_motion="reduce")
    page.wait_for_function("document.querySelector('.jpu-ruler canvas').width > 500")
    page.wait_for_timeout(300)  # the photograph is decoded
    rocket = 0.41
    assert torn_columns(page, rocket) > 20
    page.get_by_role("button", name="481").click()
    assert torn_columns(page, rocket) <= 5
    page.get_by_text(FALSE, exact=True).click()
    page.get_by_role("button", name="512").click()
    assert torn_columns(page, rocket) > 20
    page.get_by_text(ALIGNED, exact=True).click()
    assert torn_columns(page, rocket) <= 5


@on_a_page
def test_switching_slides_the_marks_and_ends_in_place(visit):
    page = visit(ruler())
    page.get_by_text(FALSE, exact=True).click()
    page.wait_for_function("document.querySelector('.jpu-ruler .gap span').textContent === '12'")
    there = pytest.approx([32 * k + 12 for k in range(15)])
    for _ in range(100):  # the number says 12 a frame or two before the marks stand still
        if marks(page) == there:
            break
        page.wait_for_timeout(20)
    assert marks(page) == there


@on_a_page
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_marks_have_the_ink_of_the_page(visit, scheme):
    page = visit(ruler(), color_scheme=scheme)
    ink = page.evaluate("getComputedStyle(document.querySelector('.jpu-ruler path.shown')).fill")
    assert ink == {"light": "rgb(0, 0, 0)", "dark": "rgb(255, 255, 255)"}[scheme]


@on_a_page
def test_without_the_script_the_poster_stands(visit):
    page = visit(ruler(), java_script_enabled=False)
    poster = page.get_by_role("img", name="photograph torn by the resize")
    assert poster.is_visible() and poster.bounding_box()["width"] > 500


@on_a_page
def test_two_on_one_page_do_not_share_their_choice(visit):
    page = visit(ruler(), ruler(), reduced_motion="reduce")
    page.get_by_text(FALSE, exact=True).nth(1).click()
    gaps = page.locator(".jpu-ruler").evaluate_all("all => all.map(one => one.dataset.gap)")
    assert gaps == ["24", "12"]
