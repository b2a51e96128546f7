"""Pointing at one output, in a real browser: the matrix beside the grid, and the stack from the side."""

import torch
import torch.nn.functional as F

from jpu_edu.widgets.matrix import conv_matrix
from jpu_edu.widgets.receptive import cone, levels, receptive_fan
from tests.widgets.test_in_browser import browser, pytestmark, visit

__all__ = ["browser", "pytestmark", "visit"]  # fixtures, found by name

X = torch.arange(25).reshape(5, 5).mul(3).remainder(7)
WEIGHT = torch.tensor([[1, 2, 1], [2, 3, -2], [-1, -2, -1]])


def slide(page, name: str, index: int) -> None:
    page.locator(f'input[data-name="{name}"]').evaluate(
        "(node, value) => { node.value = value; node.dispatchEvent(new Event('input')); }", index
    )


def numbers(page, kind: str) -> list[int]:
    texts = page.locator(f".jpu-matrix g.{kind} > text:not(.weight)").all_text_contents()
    return [int(text.replace("\u2212", "-")) for text in texts]


def test_the_page_shows_pytorchs_output_for_every_slider(visit):
    page = visit(conv_matrix(X, WEIGHT, strides=(1, 2), paddings=(0, 1), rates=(1, 2)))
    x, weight = X.double()[None, None], WEIGHT.double()[None, None]
    for s, p, r in [(1, 0, 1), (2, 0, 1), (2, 1, 1), (2, 1, 2), (1, 1, 2), (1, 0, 2)]:
        for name, index in (("stride", s - 1), ("padding", p), ("rate", r - 1)):
            slide(page, name, index)
        want = F.conv2d(x, weight, stride=s, padding=p, dilation=r)
        assert numbers(page, "y") == want.flatten().int().tolist()


def test_pointing_at_an_output_lights_its_inputs_and_writes_its_sum(visit):
    page = visit(conv_matrix(X, WEIGHT, paddings=(1,)))
    page.locator(".jpu-matrix g.y").nth(0).hover()
    want = int(F.conv2d(X.double()[None, None], WEIGHT.double()[None, None], padding=1)[0, 0, 0, 0])
    told = page.locator(".jpu-matrix .told").inner_text()
    assert told.startswith("y[0, 0] = 1·0") and f"= {want}.".replace("-", "\u2212") in told
    assert "5 taps fall on padding" in told
    assert page.locator(".jpu-matrix g.x.near").count() == 4
    assert page.locator(".jpu-matrix g.entry.near").count() == 4


def test_pointing_at_an_input_lights_the_outputs_that_read_it(visit):
    page = visit(conv_matrix(X, WEIGHT, paddings=(0,)))
    page.locator(".jpu-matrix g.x").nth(0).hover()
    assert page.locator(".jpu-matrix g.y.near").count() == 1
    page.locator(".jpu-matrix g.x").nth(12).hover()
    assert page.locator(".jpu-matrix g.y.near").count() == 9


def test_a_kernel_that_does_not_fit_is_said_in_words_and_can_be_left(visit):
    page = visit(conv_matrix([[1, 2, 3, 4]], [[1, 2, 1]], paddings=(0, 1), rates=(1, 2)))
    slide(page, "rate", 1)
    assert "does not fit: at rate 2 it spans 5 pixels" in page.locator(".told").inner_text()
    slide(page, "padding", 1)
    assert "y[1] =" in page.locator(".told").inner_text()


def test_pointing_at_a_sample_lights_its_cone(visit):
    stacks = {"plain": [(3, 1, 1, 1)] * 3, "strided": [(3, 2, 1, 1)] * 3}
    page = visit(receptive_fan(stacks, size=32))
    page.get_by_text("strided").click()
    page.locator('.jpu-fan [data-at="2,4"]').hover()
    found = cone(levels(stacks["strided"], size=32), level=2, index=4)
    assert page.locator(".jpu-fan circle.below").count() == len(found[0]) + len(found[1])
    assert "sits at 16. It sees pixels 13 to 19" in page.locator(".jpu-fan .told").inner_text()
    slide(page, "level", 3)
    assert page.locator(".jpu-fan").get_attribute("data-pick") == "3,3"


def test_on_a_phone_the_matrix_stands_below_its_map_as_wide_as_the_page(visit):
    page = visit(conv_matrix(X, WEIGHT), viewport={"width": 390, "height": 844})
    map_, matrix = (page.locator(f".jpu-matrix g.{kind} > rect") for kind in ("y", "entry"))
    lowest = max(one["y"] + one["height"] for one in map(lambda n: n.bounding_box(), map_.all()))
    boxes = [one.bounding_box() for one in matrix.all()]
    assert min(one["y"] for one in boxes) > lowest
    assert max(one["width"] for one in boxes) > 340 and max(one["x"] + one["width"] for one in boxes) <= 390


def test_on_a_phone_a_tap_on_a_sample_chooses_it(visit):
    stacks = {"strided": [(3, 2, 1, 1)] * 3}
    page = visit(receptive_fan(stacks, size=32), has_touch=True, viewport={"width": 390, "height": 844})
    for level, index in ((0, 0), (0, 17), (0, 31), (1, 8), (2, 3), (3, 1)):
        dot = page.locator(f'.jpu-fan [data-at="{level},{index}"]').bounding_box()
        page.touchscreen.tap(dot["x"] + dot["width"] / 2, dot["y"] + dot["height"] / 2)
        assert page.locator(".jpu-fan").get_attribute("data-pick") == f"{level},{index}"
    sizes = page.locator(".jpu-fan svg text").evaluate_all("all => all.map(one => one.getBoundingClientRect().height)")
    assert min(sizes) > 10  # pixels: it can be read
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_without_scripts_the_posters_are_there(visit):
    page = visit(conv_matrix(X, WEIGHT), receptive_fan({"plain": [(3, 1, 1, 1)]}, size=9), java_script_enabled=False)
    posters = page.locator("img.poster")
    assert [bool(posters.nth(i).get_attribute("alt")) for i in range(posters.count())] == [True, True]
