"""Picking a phase in a real browser: by mouse, keyboard and touch, from a file and without a kernel."""

import pytest

from jpu_edu.ops.phases import split
from jpu_edu.widgets.phase_picker import differing, phase_picker
from tests.widgets.test_in_browser import browser, pytestmark, visit
from tests.widgets.test_phase_picker import two_maps

__all__ = ["browser", "pytestmark", "visit"]  # fixtures, found by name

Y_S, Y_D = two_maps()
COUNTS = [differing(Y_S, phase) for phase in split(Y_D, rate=4)]

CENTRES = """name => [...document.querySelectorAll('.jpu-picker .' + name + ' rect')].map(node => {
  const box = node.getBoundingClientRect();
  return [box.x + box.width / 2, box.y + box.height / 2, node.getAttribute('fill'), node.getAttribute('class')];
})"""


def picker():
    return phase_picker(Y_S, Y_D, channel=1)


def landed(page) -> None:
    page.wait_for_function("document.querySelector('.jpu-picker.landed') && !document.getAnimations().length")


@pytest.mark.parametrize("k", [0, 6, 15])
def test_a_picked_phase_lies_on_the_cells_of_y_s_and_keeps_a_frame_where_it_differs(visit, k):
    page = visit(picker(), reduced_motion="reduce")
    page.get_by_role("radio", name=f"phase {k // 4}, {k % 4}").click()
    landed(page)
    cells, flyers = page.evaluate(CENTRES, "y_s"), page.evaluate(CENTRES, "flyers")
    phase = split(Y_D[1], rate=4)[k]
    height, width = phase.shape
    over = [cells[i * 5 + j] for i in range(height) for j in range(width)]
    assert [flyer[:2] for flyer in flyers] == [pytest.approx(cell[:2], abs=0.6) for cell in over]
    differs = (phase != Y_S[1, :height, :width]).flatten().tolist()
    assert [flyer[3] == "differs" for flyer in flyers] == differs
    assert all(flyer[2] == cell[2] for flyer, cell, wrong in zip(flyers, over, differs, strict=True) if not wrong)


def test_the_arrow_keys_reach_all_16_phases_and_the_badge_counts_each(visit):
    page = visit(picker(), reduced_motion="reduce")
    assert page.locator("img.poster").count() == 0  # the script has replaced the poster
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.dataset.lmSuppressShortcuts") == "true"
    seen = {}
    for _ in range(4):
        for _ in range(4):
            k = int(page.locator(".jpu-picker").get_attribute("data-pick"))
            landed(page)
            seen[k] = page.locator(".count").text_content()
            page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowDown")
    assert seen == {k: f"{bits:,} bits differ" for k, (_, _, bits) in enumerate(COUNTS)}
    assert page.locator('button[aria-checked="true"]').count() == page.locator('button[tabindex="0"]').count() == 1


def test_the_badge_is_marked_for_phase_0_alone(visit):
    page = visit(picker(), reduced_motion="reduce")
    marked = []
    for k in range(16):
        page.get_by_role("radio").nth(k).click()
        marked.append(page.locator(".tally.none").count())
    assert marked == [1] + [0] * 15


def test_a_tap_on_a_pixel_of_y_d_picks_its_phase_on_a_phone(visit):
    page = visit(picker(), has_touch=True, viewport={"width": 390, "height": 900})
    page.locator(".jpu-picker .y_d rect").nth(18 * 6 + 11).tap()
    assert page.locator(".jpu-picker").get_attribute("data-pick") == str(4 * (6 % 4) + 11 % 4)
    assert page.locator(".told").inner_text().startswith("Phase (2, 3), 3 × 4. In the map shown")
    assert "pixels differ from <i>y</i><sub>s</sub>;" in page.locator(".told").inner_html()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    left, right = (page.locator(f".jpu-picker .{name} rect").first.bounding_box() for name in ("y_s", "y_d"))
    assert right["y"] > left["y"] + 100  # one above the other


def test_a_phase_is_lit_at_home_before_it_slides(visit):
    page = visit(picker())
    page.get_by_role("radio", name="phase 0, 0").click()
    at_home, homes = page.evaluate(CENTRES, "flyers"), page.evaluate(CENTRES, "home")
    assert [flyer[:2] for flyer in at_home] == [pytest.approx(place[:2], abs=0.6) for place in homes]
    landed(page)
    assert page.evaluate(CENTRES, "flyers") != at_home


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_words_follow_the_page(visit, scheme):
    page = visit(picker(), color_scheme=scheme)
    ink = "getComputedStyle(document.querySelector('.jpu-picker text.count')).fill"
    assert page.evaluate(ink) == {"light": "rgb(0, 0, 0)", "dark": "rgb(255, 255, 255)"}[scheme]


def test_without_the_script_the_poster_stands(visit):
    page = visit(picker(), java_script_enabled=False)
    poster = page.get_by_role("img", name="phase (0, 0) differs in 0 of 480 bits")
    assert poster.is_visible() and poster.bounding_box()["width"] > 500
