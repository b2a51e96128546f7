"""The slides in a real browser, from a file: keys, polls, interactives, notes; no slide is larger than its stage."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from notebooks.slides.build import build
from tests.browser.lab import CHROMIUM, IN_BROWSER

pytestmark = IN_BROWSER

# Everything that a room could not see: a body that would scroll, an element that sticks out of its stage.
TOO_LARGE = """() => [...document.querySelectorAll(".slide")].flatMap((slide) => {
  const body = slide.querySelector(".body"), stage = slide.querySelector(".stage"), found = [];
  const widget = body.querySelector(".widget"), place = (widget || stage).getBoundingClientRect();
  const say = (what) => found.push(slide.id + " " + what);
  if (stage.scrollHeight > stage.clientHeight + 1) say("is cut off");
  if (!widget && body.scrollHeight > body.clientHeight + 1) say("scrolls");
  if (!widget && body.scrollWidth > body.clientWidth + 1) say("scrolls sideways");
  if (!widget && parseFloat(getComputedStyle(body).fontSize) < 20) say("is too small to read");
  for (const element of (widget || stage).querySelectorAll("*:not(svg *, math *)")) {
    const box = element.getBoundingClientRect(), across = box.left < place.left - 1 || box.right > place.right + 1;
    if (box.width && box.height && (across || box.top < place.top - 1 || box.bottom > place.bottom + 1))
      say(element.tagName + "." + element.className);
  }
  return found;
})"""


@pytest.fixture(scope="module")
def decks(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return build([], tmp_path_factory.mktemp("slides"))


@contextmanager
def opened() -> Iterator:
    """A page that collects what goes wrong in it and what it asks for."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        page = browser.new_page(viewport={"width": 1280, "height": 720}, has_touch=True)
        page.set_default_timeout(10_000)
        wrong = []
        page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda asked: None if re.match("file:|data:|blob:", asked.url) else wrong.append(asked.url))
        yield page
        browser.close()
        assert wrong == []


def to_first(page, selector: str) -> None:
    """Go to the first slide that holds this."""
    found = "(what) => [...document.querySelectorAll('.slide')].findIndex((slide) => slide.querySelector(what)) + 1"
    number = page.evaluate(found, selector)
    page.evaluate(f"location.hash = {number}")
    page.wait_for_selector(f"#s{number}.here")


def at(page) -> int:
    return int(page.inner_text("footer .number").split(" / ")[0])


def test_no_slide_of_any_deck_is_larger_than_its_stage(decks: list[Path]) -> None:
    with opened() as page:
        for deck in decks:
            page.goto(deck.as_uri())
            page.wait_for_function("[...document.querySelectorAll('.widget')].every((box) => box.dataset.grow)")
            assert page.evaluate(TOO_LARGE) == [], deck.stem
            page.evaluate("document.querySelectorAll('.reveal').forEach((button) => button.click())")
            assert page.evaluate(TOO_LARGE) == [], f"{deck.stem}, polls revealed"
            page.set_viewport_size({"width": 1920, "height": 1080})
            page.evaluate(
                "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
            )  # it fits again
            assert page.evaluate(TOO_LARGE) == [], f"{deck.stem}, on a large screen"
            page.set_viewport_size({"width": 1280, "height": 720})


# The smallest words of a stepper in pixels of the screen, its picture as a share of its place, and what sticks out.
STEPPER = """(root) => {
  const place = root.parentElement.getBoundingClientRect(), box = root.getBoundingClientRect();
  const grown = box.width / root.offsetWidth;
  const words = [...root.querySelectorAll("button, .caption, .follow:not([hidden]) label, .notes li")];
  const cells = [...root.querySelectorAll("g.cell:not(.gone, .hidden)")].map((cell) => cell.getBoundingClientRect());
  const top = Math.min(...cells.map((cell) => cell.top)), row = cells.filter((cell) => cell.top < top + 2);
  const picture = root.querySelector('svg[role="img"]').getBoundingClientRect();
  return {
    words: Math.min(...words.map((word) => parseFloat(getComputedStyle(word).fontSize) * grown)),
    height: picture.height / place.height, below: box.bottom - place.bottom,
    row: (Math.max(...row.map((cell) => cell.right)) - Math.min(...row.map((cell) => cell.left))) / innerWidth,
  };
}"""


def test_a_stepper_fills_its_slide_and_is_read_from_the_back(decks: list[Path]) -> None:
    (deck,) = [path for path in decks if path.stem.startswith("03")]
    with opened() as page:
        page.emulate_media(reduced_motion="reduce")
        for width, height in ((1280, 720), (1920, 1080)):
            page.set_viewport_size({"width": width, "height": height})
            page.goto(deck.as_uri())
            to_first(page, ".jpu-stepper")
            stepper = page.locator(".here .jpu-stepper")
            for name in stepper.locator(".chapters button").all_inner_texts():
                stepper.get_by_role("button", name=name, exact=True).click()
                page.wait_for_timeout(100)
                seen = stepper.evaluate(STEPPER)
                assert seen["words"] >= 19.99 * width / 1280, (width, name)
                assert seen["height"] > 0.99, (width, name)
                assert seen["below"] <= 1, (width, name)
                assert seen["row"] > (0.2 if name == "map" else 0.15), (width, name)


def test_a_lecture_by_keys_mouse_and_touch(decks: list[Path]) -> None:
    (deck,) = [path for path in decks if path.stem.startswith("03")]
    with opened() as page:
        page.goto(deck.as_uri())
        last = page.locator(".slide").count()
        press = page.keyboard.press

        # There and back again.
        forth = {"ArrowRight": 2, " ": 3, "PageDown": 4, "ArrowLeft": 3, "PageUp": 2, "End": last}
        for key, wanted in [*forth.items(), ("ArrowRight", last), ("Home", 1), ("ArrowLeft", 1)]:
            press(key)
            assert at(page) == wanted, key
        page.click("[aria-label=Next]")
        assert at(page) == 2
        assert page.url.endswith("#2")
        page.goto(deck.as_uri() + "#7")
        assert at(page) == 7
        assert page.locator(".slide:visible").count() == 1
        assert page.locator("footer .number").get_attribute("aria-live") == "polite"
        page.evaluate("""() => { for (const [type, x] of [["touchstart", 600], ["touchend", 300]]) {
            const touch = new Touch({ identifier: 1, target: document.body, clientX: x, clientY: 300 });
            document.body.dispatchEvent(new TouchEvent(type, { bubbles: true, changedTouches: [touch],
              touches: type === "touchstart" ? [touch] : [] })); } }""")
        assert at(page) == 8

        # A poll: hands are counted, a bar grows, the truth is told beside the counts.
        to_first(page, "[data-letter=D]")
        poll = page.locator(".slide.here")
        counts = poll.locator("output")
        for key in ("a", "b", "Shift+B", "d", "d", "d", "-"):
            press(key)
        assert counts.all_inner_texts() == ["1", "0", "0", "2"]  # one taken away by Shift, one by the minus
        poll.locator("[data-letter=C] button").click()
        assert counts.all_inner_texts() == ["1", "0", "1", "2"]
        share = "(button) => button.style.getPropertyValue('--share')"
        assert [button.evaluate(share) for button in poll.locator("[data-letter] button").all()] == [
            "50%",
            "0%",
            "50%",
            "100%",
        ]
        assert poll.locator(".why:visible").count() == 0
        press("r")
        assert poll.locator(".why:visible").count() == 3
        right = poll.get_attribute("data-truth")
        assert poll.locator("[data-right]").get_attribute("data-letter") == right
        press("v")
        assert counts.all_inner_texts() == ["0", "0", "0", "0"]
        assert not page.evaluate("document.documentElement.classList.contains('dark')")
        number = at(page)
        press("ArrowRight")
        assert at(page) == number + 1

        # Numbers of the room.
        to_first(page, ".guess")
        poll, number = page.locator(".slide.here"), at(page)
        truth = poll.get_attribute("data-truth")
        for said in ("1 2 3", truth):
            poll.locator("input").fill(said)
            press("Enter")
        assert poll.locator("ul.heard button").all_inner_texts() == ["1, 2, 3", truth]
        assert poll.locator("ul.heard .right").inner_text() == truth
        assert not poll.locator(".explain").is_visible()
        poll.locator(".reveal").click()
        assert truth in poll.locator(".explain").inner_text()
        poll.locator("input").focus()
        press("ArrowRight")
        press(" ")
        press("n")
        assert at(page) == number

        # An interactive keeps its keys until Escape.
        to_first(page, ".jpu-stepper")
        number, stepper = at(page), page.locator(".here .jpu-stepper")
        stepper.get_by_role("button", name="Next").click()
        press("ArrowRight")
        assert stepper.get_attribute("data-step") == "2"
        assert at(page) == number
        for key, seen in (("d", "html.dark"), ("n", "#notes:visible"), ("?", "dialog:visible")):
            press(key)
            assert page.locator(seen).count() == 1, key
            press("Escape" if key == "?" else key)
            assert page.locator(seen).count() == 0, key
        stepper.get_by_role("button", name="Next").focus()
        press(" ")
        assert (stepper.get_attribute("data-step"), at(page)) == ("3", number)  # a button has its space
        stepper.locator("input[type=range]").focus()
        press("ArrowLeft")
        assert (stepper.get_attribute("data-step"), at(page)) == ("2", number)
        press(" ")
        assert at(page) == number + 1  # a slider has none
        press("ArrowLeft")
        stepper.get_by_role("button", name="Next").click()
        press("Escape")
        press("ArrowRight")
        assert at(page) == number + 1

        # Notes, dark, keys.
        notes = page.locator("#notes")
        assert not notes.is_visible()
        press("n")
        assert len(notes.inner_text()) > 25
        press("Home")
        assert "You will be able to" in notes.inner_text()
        assert page.locator(".slide.here .stage").bounding_box()["height"] < 500
        press("n")
        press("d")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 24, 29)"
        press("?")
        assert page.get_by_role("dialog").is_visible()
        press("Escape")

        # The speaker's window goes along, and leads.
        with page.expect_popup() as popup:
            press("w")
        window = popup.value
        assert window.inner_text("header b").startswith("1. ")
        window.keyboard.press("ArrowRight")
        assert at(page) == 2
        assert window.inner_text("header b").startswith("2. ")
        assert len(window.inner_text(".said")) > 25


def test_printed_a_slide_begins_its_page_with_the_notes_below(decks: list[Path]) -> None:
    deck = decks[0]
    with opened() as page:
        page.goto(deck.as_uri())
        slides = page.locator(".slide").count()
        pages = max(int(count) for count in re.findall(rb"/Count (\d+)", page.pdf()))
        assert slides <= pages <= 2 * slides
        page.emulate_media(media="print")
        assert page.locator(".slide > .notes:visible").count() == slides
        assert page.locator("footer:visible, .edge:visible").count() == 0
