"""The animations and quizzes in a real browser, from a file and without a kernel."""

import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from jpu_edu.ops.convs import dilated_conv
from jpu_edu.widgets.conv_reduce import conv_reduce
from jpu_edu.widgets.quiz import Question, quiz
from jpu_edu.widgets.split_conv_merge import split_conv_merge

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium")]

X = torch.arange(49).reshape(7, 7).mul(5).remainder(11)
WEIGHT = torch.tensor([[1, 0, 2], [0, 1, -1], [2, 1, 0]])
SEEN = """() => [...document.querySelectorAll('.jpu-stepper svg[role="img"] g')]
  .filter(g => !g.matches('.gone, .hidden'))
  .map(g => [g.dataset.key, g.getAttribute('class'), g.style.transform, g.textContent])"""


@pytest.fixture(scope="module")
def browser() -> Iterator:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield started
        started.close()


@pytest.fixture
def visit(browser, tmp_path: Path) -> Iterator:
    """Open objects as one static page; afterwards there were no errors and no requests beyond the file."""
    complaints, requests, contexts = [], [], []

    def open_page(*objects, **options):
        context = browser.new_context(**({"viewport": {"width": 900, "height": 1000}} | options))
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        body = "".join(thing._repr_html_() for thing in objects)
        head = '<!doctype html><html lang="en"><meta charset="utf-8"><style>:root{color-scheme:light dark}</style>'
        path = tmp_path / "page.html"
        path.write_text(head + body, encoding="utf-8")
        page.goto(path.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []


def step_of(page) -> int:
    return int(page.locator(".jpu-stepper").first.get_attribute("data-step"))


def outputs(page, letter: str) -> dict[tuple[int, int], int]:
    """The numbers that the page shows in the cells whose key is letter + row_column."""
    found = {}
    for key, _, _, text in page.evaluate(SEEN):
        if key[0] == letter and "_" in key:
            a, b = key[1:].split("_")
            found[int(a), int(b)] = int(text.replace("\u2212", "-"))
    return found


def test_next_walks_through_every_step_and_each_one_changes_the_picture(visit):
    page = visit(split_conv_merge(X, WEIGHT), reduced_motion="reduce")  # no need to wait for the moves
    assert page.locator("img.poster").count() == 0  # the script has replaced the poster
    pictures = [page.evaluate(SEEN)]
    while page.get_by_role("button", name="Next").is_enabled():
        page.get_by_role("button", name="Next").click()
        pictures.append(page.evaluate(SEEN))
    assert len(pictures) == 21
    assert all(before != after for before, after in pairwise(pictures))
    while page.get_by_role("button", name="Back").is_enabled():
        page.get_by_role("button", name="Back").click()
    assert page.evaluate(SEEN) == pictures[0]


def test_the_numbers_on_the_page_are_the_librarys(visit):
    page = visit(split_conv_merge(X, WEIGHT))
    want = dilated_conv(X[None, None].double(), WEIGHT[None, None].double(), rate=2, padding=2)[0, 0]
    expected = {(a, b): int(want[a, b]) for a in range(7) for b in range(7)}
    page.get_by_role("button", name="merge").click()
    assert outputs(page, "d") == outputs(page, "m") == expected
    page.get_by_role("button", name="difference").click()
    page.wait_for_timeout(1200)
    assert step_of(page) == 20  # a chapter of one frame stays there
    assert outputs(page, "e") == dict.fromkeys(expected, 0)
    assert "exact" in page.locator(".caption").inner_text()


FLIGHT = """() => {  // where pixel (0, 6) is before, halfway through and after its flight, and how long that takes
  const pixel = document.querySelector('g[data-key="s0_6"]'), at = () => pixel.getBoundingClientRect().x;
  const places = [at()];
  [...document.querySelectorAll('button')].find(button => button.textContent === 'Next').click();
  const flight = pixel.getAnimations().find(animation => animation.transitionProperty === 'transform');
  const length = flight.effect.getTiming().duration;
  flight.pause();
  flight.currentTime = length / 2;
  places.push(at());
  flight.finish();
  places.push(at());
  return [places, length];
}"""


def test_a_split_pixel_flies_to_its_phase(visit):
    page = visit(split_conv_merge(X, WEIGHT))
    page.get_by_role("slider").fill("1")
    page.wait_for_function("document.querySelector('.jpu-stepper.moving') && !document.getAnimations().length")
    (before, halfway, after), milliseconds = page.evaluate(FLIGHT)
    assert before < halfway < after
    assert milliseconds == 400


def test_the_keyboard_alone_reaches_every_step_and_every_phase(visit):
    page = visit(split_conv_merge(X, WEIGHT))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.dataset.lmSuppressShortcuts") == "true"
    page.keyboard.press("ArrowRight")
    assert step_of(page) == 1
    page.keyboard.press("End")
    assert step_of(page) == 20
    page.keyboard.press("Home")
    page.keyboard.press("ArrowLeft")
    assert step_of(page) == 0
    page.get_by_role("slider").focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    assert step_of(page) == 5
    assert page.get_by_role("slider").get_attribute("aria-valuetext").startswith("Step 6 of 21. Conv")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    assert page.locator(".jpu-stepper").get_attribute("data-view") == "1"
    assert page.locator(".notes .followed").inner_text().startswith("row 0, column 5")


def test_touch_swipes_forwards_and_back_and_a_tap_goes_on(visit):
    page = visit(split_conv_merge(X, WEIGHT), has_touch=True, viewport={"width": 390, "height": 844})
    page.get_by_role("slider").fill("1")
    touch = page.context.new_cdp_session(page)

    def swipe(start: int, end: int) -> None:
        for kind, x in (
            ("touchStart", start),
            ("touchMove", (start + end) // 2),
            ("touchMove", end),
            ("touchEnd", None),
        ):
            points = [] if x is None else [{"x": x, "y": 200}]
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        page.wait_for_timeout(100)

    swipe(300, 120)
    assert step_of(page) == 2
    swipe(120, 300)
    assert step_of(page) == 1
    page.touchscreen.tap(200, 330)
    page.wait_for_function("document.querySelector('.jpu-stepper').dataset.step === '2'", timeout=5000)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_click_on_an_output_shows_how_it_was_made(visit):
    page = visit(split_conv_merge(X, WEIGHT))
    page.get_by_role("button", name="difference").click()
    page.locator('g[data-key="d3_4"]').click()
    assert page.locator(".notes .followed").inner_text().startswith("row 3, column 4")
    assert page.locator('g[data-key="d3_4"].lit.followed').count() == 1
    assert page.locator('g[data-key^="x"].lit.followed').count() == 9


def test_a_chapter_plays_to_its_end_and_stops_there(visit):
    page = visit(split_conv_merge(X, WEIGHT))
    page.get_by_role("button", name="split").click()
    page.wait_for_function("document.querySelector('.jpu-stepper').dataset.step === '2'")
    page.wait_for_timeout(1600)
    assert step_of(page) == 2 and page.get_by_role("button", name="Play").count() == 1


def test_reduced_motion_neither_plays_nor_moves(visit):
    page = visit(split_conv_merge(X, WEIGHT), reduced_motion="reduce")
    page.get_by_role("button", name="split").click()
    page.wait_for_timeout(900)
    assert step_of(page) == 1
    moving = "getComputedStyle(document.querySelector('.jpu-stepper g')).transitionDuration"
    assert set(page.evaluate(moving).split(", ")) == {"0s"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_ink_and_tints_follow_the_page(visit, scheme):
    page = visit(split_conv_merge(X, WEIGHT), color_scheme=scheme)
    ink = "getComputedStyle(document.querySelector('.jpu-stepper .cell text')).fill"
    assert page.evaluate(ink) == {"light": "rgb(0, 0, 0)", "dark": "rgb(255, 255, 255)"}[scheme]
    assert page.locator(".jpu-stepper.dark").count() == (scheme == "dark")


def test_tints_follow_a_page_that_changes_while_it_is_open(visit):
    page = visit(split_conv_merge(X, WEIGHT))
    for ink, dark in (("#DDDDDD", 1), ("#111111", 0), ("#EEEEEE", 1)):
        page.evaluate("ink => { document.documentElement.style.color = ink; }", ink)
        page.wait_for_function(f"document.querySelectorAll('.jpu-stepper.dark').length === {dark}", timeout=5000)


def test_several_on_one_page_step_on_their_own_even_when_equal(visit):
    page = visit(split_conv_merge(X, WEIGHT), conv_reduce(X, WEIGHT), split_conv_merge(X, WEIGHT))
    page.get_by_role("button", name="Next").nth(2).click()
    steps = page.locator(".jpu-stepper").evaluate_all("all => all.map(one => one.dataset.step)")
    assert steps == ["0", "0", "1"]


def test_without_the_script_the_poster_stands(visit):
    page = visit(split_conv_merge(X, WEIGHT), java_script_enabled=False)
    poster = page.get_by_role("img", name="splits into 4 phases")
    assert poster.is_visible() and poster.bounding_box()["width"] > 500


def test_conv_reduce_counts_and_drops(visit):
    page = visit(conv_reduce(X, WEIGHT))
    page.get_by_role("slider").fill("2")
    assert page.locator('g[data-key="count-left"]').text_content() == "2 × 9 = 18 MACs"
    assert page.locator('g[data-key="count-right"]').text_content() == "1 × 9 = 9 MACs"
    page.keyboard.press("End")
    assert len(outputs(page, "d")) == len(outputs(page, "s")) == 16


def test_a_quiz_answers_in_words_by_keyboard_and_its_peer_question_waits_for_two_votes(visit):
    first = Question("One?", ["no", "yes"], "B", ["because a", "because b"])
    page = visit(quiz([first, Question("Two?", ["no", "yes"], "A", ["because c", "because d"], peer=True)]))
    assert page.locator("details").count() == 0
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.locator(".told").first.inner_text() == "A. Not this one. because a Choose again."
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    assert page.locator(".told").first.inner_text() == "B. Right. because b"
    peer = page.locator(".told").nth(1)
    page.get_by_role("button", name="yes").nth(1).click()
    assert peer.inner_text().startswith("First vote: B. Now turn to a neighbour")
    page.get_by_role("button", name="no").nth(1).click()
    assert peer.inner_text() == "A. Right. because c Your first vote was B."


def test_a_quiz_without_the_script_keeps_its_answers_in_details(visit):
    page = visit(quiz([Question("One?", ["no", "yes"], "B", ["because a", "because b"])]), java_script_enabled=False)
    assert page.locator("details").count() == 1 and page.locator("button").count() == 0
