"""Every widget on one page: an accessibility checker finds nothing serious in it, on a desk and on a phone."""

import pytest

from jpu_edu.widgets.bill import bill
from jpu_edu.widgets.coverage import coverage_map
from jpu_edu.widgets.matrix import conv_matrix
from jpu_edu.widgets.page import Page
from jpu_edu.widgets.quiz import Question, quiz
from jpu_edu.widgets.receptive import receptive_fan
from jpu_edu.widgets.ruler import ruler
from jpu_edu.widgets.split_conv_merge import split_conv_merge
from tests.widgets import test_in_browser, test_picking, test_sixteen, test_skips
from tests.widgets.test_in_browser import browser, pytestmark, visit

__all__ = ["browser", "pytestmark", "visit"]  # fixtures, found by name


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_an_accessibility_checker_finds_nothing_serious(visit, width, scheme):
    from axe_playwright_python.sync_playwright import Axe

    widgets = [
        bill(), coverage_map(), conv_matrix(test_in_browser.X, test_in_browser.WEIGHT, rates=(1, 2), paddings=(2,)),
        receptive_fan({"plain": [(3, 1, 1, 1)] * 2, "strided": [(3, 2, 1, 1)] * 2}, size=24), ruler(),
        split_conv_merge(test_in_browser.X, test_in_browser.WEIGHT), test_picking.picker(), test_sixteen.widget(),
        test_skips.toggles(), quiz([Question("One?", ["no", "yes"], "B", ["because a", "because b"])]),
    ]  # fmt: skip
    ours = {widget for widget in Page.__subclasses__() if widget.__module__.startswith("jpu_edu")}
    assert ours <= {type(widget) for widget in widgets}, "a new widget is checked, too"
    options = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme, "reduced_motion": "reduce"}
    page = visit(*widgets, **options)
    page.evaluate("document.title = 'widgets'")
    page.add_style_tag(content="body { background: Canvas; color: CanvasText; }")
    page.get_by_role("button", name="conv", exact=True).click()
    page.get_by_role("button", name="yes").click()
    problems = [one for one in Axe().run(page).response["violations"] if one["impact"] in ("serious", "critical")]
    assert [(one["id"], [node["target"] for node in one["nodes"][:3]]) for one in problems] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
