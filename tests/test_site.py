"""The site: written without a warning, complete, self-contained, and its interactives work in a page of it."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.browser.lab import CHROMIUM, IN_BROWSER

pytestmark = [pytest.mark.timeout(900), pytest.mark.slow]
SITE = "notebooks.site.build"


def in_browser(test):
    for mark in IN_BROWSER:
        test = mark(test)
    return test


@pytest.fixture(scope="module")
def site(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole site, as `python run.py site` writes it."""
    out = tmp_path_factory.mktemp("site") / "html"
    command = [sys.executable, "-m", SITE, "--out", str(out)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=850)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""  # Sphinx writes its warnings there
    return out


class Tags(HTMLParser):
    """Every address of a page: what it loads, and where it leads."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.leads: list[str] = []
        self.without_words: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        if tag in ("script", "img", "source", "iframe") and given.get("src"):
            self.loads.append(given["src"])
        if tag == "link" and given.get("rel") in ("stylesheet", "preload", "icon", "shortcut icon"):
            self.loads.append(given["href"] or "")
        if tag == "a" and given.get("href"):
            self.leads.append(given["href"])
        if tag == "img" and not given.get("alt"):
            self.without_words.append(str(given.get("src"))[:60])


def read(page: Path) -> Tags:
    tags = Tags()
    tags.feed(page.read_text("utf-8"))
    return tags


def pages(site: Path) -> list[Path]:
    return sorted(path for path in site.rglob("*.html") if "_static" not in path.parts)


# ---- what is written ---------------------------------------------------------------------------------------


def test_every_walkthrough_sheet_deck_and_file_of_the_library_has_its_page(site, root):
    for folder in ("notebooks", "notebooks/exercises"):
        for path in (root / folder).glob("[0-9][0-9]_*.ipynb"):
            assert (site / folder.rpartition("/")[2] / f"{path.stem}.html").is_file()
            assert (site / "slides" / f"{path.stem}.html").is_file()
    for floor in (
        "ops",
        "classic",
        "cost",
        "layers",
        "data",
        "metrics",
        "backbones",
        "necks",
        "heads",
        "models",
        "train",
    ):
        for path in (root / "jpu_edu" / floor).glob("*.py"):
            name = "index" if path.stem == "__init__" else path.stem
            assert (site / "library" / floor / f"{name}.html").is_file(), path
    assert not list((site / "library").rglob("e0*.html"))  # the answers of the exercises are not for everybody
    assert {"index.html", "search.html", "glossary.html", "figures.html"} <= {path.name for path in site.iterdir()}


def test_no_page_loads_anything_from_elsewhere_and_every_link_within_the_site_leads_somewhere(site):
    outside, dead, silent = [], [], []
    ids = {path: set(re.findall(r'\bid="([^"]+)"', path.read_text("utf-8"))) for path in pages(site)}
    for path in ids:
        tags = read(path)
        silent += [f"{path.name}: {src}" for src in tags.without_words]
        outside += [f"{path.name}: {src}" for src in tags.loads if re.match(r"(https?:)?//", src)]
        for link in tags.leads:
            name, _, anchor = link.partition("#")
            if re.match(r"[a-z]+:", link) or path.name in ("genindex.html", "search.html"):
                continue
            target = (path.parent / name).resolve() if name else path
            if not target.exists() or (anchor and target in ids and anchor not in ids[target]):
                dead.append(f"{path.relative_to(site)}: {link}")
    assert not outside
    assert not silent
    assert not dead


def test_a_walkthrough_leads_to_the_file_it_reads_and_the_file_leads_back(site):
    assert "../library/ops/phases.html" in read(site / "notebooks/03_split_conv_merge.html").leads
    phases = site / "library/ops/phases.html"
    assert "../../notebooks/03_split_conv_merge.html" in read(phases).leads
    text = phases.read_text("utf-8")
    assert 'id="jpu_edu.ops.phases.merge"' in text
    assert "The inverse of S, for every size." in text and "def merge" in re.sub(r"<[^>]+>", "", text)


def test_formulas_are_mathml_and_words_are_terms(site):
    text = (site / "notebooks/10_posed_and_solved.html").read_text("utf-8")
    assert text.count("<math ") > 40
    assert not re.search(r"\\(to|hat|frac|min)\b", re.sub(r"<(script|pre)\b.*?</\1>", "", text, flags=re.DOTALL))
    assert 'id="term-joint-upsampling"' in (site / "glossary.html").read_text("utf-8")


def test_links_move_with_their_pages(root):
    from notebooks.site.links import moved, relinked

    source, page = root / "notebooks" / "03_split_conv_merge.ipynb", "notebooks/03_split_conv_merge.ipynb"
    assert moved("../jpu_edu/ops/phases.py", source=source, page=page) == "../library/ops/phases.md"
    assert moved("../jpu_edu/heads/__init__.py", source=source, page=page) == "../library/heads/index.md"
    assert moved("../jpu_edu/classic", source=source, page=page) == "../library/classic/index.md"
    assert moved("exercises/03_split_conv_merge.ipynb", source=source, page=page) == (
        "../exercises/03_split_conv_merge.ipynb"
    )
    assert moved("https://arxiv.org/abs/1903.11816", source=source, page=page).startswith("https:")
    code = "`f[0](x)` and [`phases`](../jpu_edu/ops/phases.py)"
    assert relinked(code, source=source, page=page) == "`f[0](x)` and [`phases`](../library/ops/phases.md)"
    with pytest.raises(ValueError, match=r"03_split_conv_merge.ipynb: a link leads to \.\./nowhere\.py"):
        moved("../nowhere.py", source=source, page=page)


def test_docstrings_become_what_sphinx_reads():
    from notebooks.site.docstrings import inline, restructured

    assert inline("`x_` times y_ and *args | z") == r"``x_`` times y\_ and \*args \| z"
    out = restructured(
        ["One line.", "", "Notice: this", "    goes on.", "", "Args:", "    x, y: both", "        of them."]
    )
    assert "**Notice.** this goes on." in out
    assert out[-5:-1] == [":Args:", "    ``x, y``", "        both", "        of them."]


def test_a_failed_build_leaves_the_old_site_alone(tmp_path, monkeypatch):
    from notebooks.site import build

    old = tmp_path / "site"
    old.mkdir()
    (old / "index.html").write_text("old")
    (old / build.MARK).write_text("")
    monkeypatch.setattr(build, "lay", lambda tree: None)
    monkeypatch.setattr(build, "build_main", lambda options: 2)
    assert build.build(old) == 2
    assert (old / "index.html").read_text() == "old" and os.listdir(tmp_path) == ["site"]


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path, monkeypatch):
    from notebooks.site import build

    monkeypatch.setattr(build, "lay", lambda tree: pytest.fail("began to build"))
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(FileExistsError, match="holds something else than a site; name a new folder with --out"):
        build.build(tmp_path)
    assert os.listdir(tmp_path) == ["thesis.tex"]


def test_with_an_address_every_notebook_can_be_started_elsewhere(root, tmp_path, monkeypatch):
    from notebooks.site import build

    source, page = root / "notebooks/03_split_conv_merge.ipynb", "notebooks/03_split_conv_merge.ipynb"
    build.lay_notebook(source, page, tmp_path)
    assert "mybinder" not in (tmp_path / page).read_text("utf-8")  # no address is set
    monkeypatch.setattr(build, "settings", lambda: ("https://github.com/someone/jpu_edu", "main"))
    build.lay_notebook(source, page, tmp_path)
    text = (tmp_path / page).read_text("utf-8")
    assert "https://mybinder.org/v2/gh/someone/jpu_edu/main?urlpath=lab" in text
    assert "https://colab.research.google.com/github/someone/jpu_edu/blob/main/notebooks/03_split" in text


# ---- in a browser ------------------------------------------------------------------------------------------

# walkthrough: the widget, what the mouse (on a phone: the finger) presses, what the keyboard reaches and presses
INTERACTIVES = {
    "01_convolution": ("matrix", "input[type=range] >> nth=2", "input[type=range] >> nth=3", "ArrowRight"),
    "02_stride_and_reduce": ("stepper", "button:text-is('conv')", "button:text-is('Next')", "Enter"),
    "03_split_conv_merge": ("stepper", "button:text-is('split')", "input[type=range]", "ArrowRight"),
    "04_what_dilation_costs": ("coverage", "input[type=range] >> nth=1", "input[type=range] >> nth=0", "ArrowLeft"),
    "05_fcn": ("skips", "label >> nth=1", "input[type=checkbox] >> nth=0", "Space"),
    "06_where_do_the_pixels_live": ("ruler", "button:text-is('512')", "input[type=range]", "ArrowRight"),
    "08_two_networks": ("picker", "[aria-label='phase 2, 1']", "[aria-label='phase 3, 3']", "Enter"),
    "10_posed_and_solved": ("sixteen", "label:has-text('nearest')", "input[type=radio] >> nth=0", "Space"),
    "13_the_bill": ("bill", "button:text-is('DeepLabv3-50')", "input[type=radio] >> nth=0", "Space"),
}
#: What is seen of a widget: drawings, canvases, pictures, and bars made of boxes.
SEEN = """(root) => JSON.stringify([
  [...root.querySelectorAll("svg")].map((one) => one.outerHTML),
  [...root.querySelectorAll("canvas")].map((one) => one.toDataURL()),
  [...root.querySelectorAll("img")].map((one) => [one.src, getComputedStyle(one).opacity, one.offsetWidth]),
  [...root.querySelectorAll("div[style], div[title]")].map((one) => [one.style.cssText, one.title])])"""


@pytest.fixture(scope="module")
def browser() -> Iterator:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield browser
        browser.close()


def watched(browser, *, width: int, scheme: str = "light", **options):
    """A page that writes down what goes wrong in it, and every request that is not for a file of the site."""
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme, **options)
    page.wrong = []
    page.on("console", lambda m: page.wrong.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    page.on("requestfailed", lambda request: page.wrong.append(f"not there: {request.url}"))
    page.on("request", lambda r: None if r.url.startswith(("file:", "data:", "blob:")) else page.wrong.append(r.url))
    return page


@in_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_every_page_loads_in_silence_and_fits_the_screen(site, browser, width, scheme):
    page, bad = watched(browser, width=width, scheme=scheme), []
    for path in pages(site):
        inside = path.relative_to(site).parts
        if inside[0] == "slides" or (
            inside[0] == "library" and len(inside) == 3 and path.stem not in ("index", "phases")
        ):
            continue  # slides have tests of their own; pages of files are made alike
        page.goto(path.as_uri())
        page.wait_for_load_state()
        theme, over = page.evaluate(
            "[document.documentElement.dataset.theme, document.documentElement.scrollWidth - innerWidth]"
        )
        if page.wrong or over > 0 or theme != scheme:
            bad.append((path.name, theme, over, page.wrong.copy()))
            page.wrong.clear()
    page.close()
    assert not bad


@in_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", INTERACTIVES)
def test_an_interactive_answers_mouse_or_finger_and_keyboard_with_another_picture(site, browser, name, width, scheme):
    widget, pressed, reached, key = INTERACTIVES[name]
    touch = width < 600
    page = watched(browser, width=width, scheme=scheme, has_touch=touch, reduced_motion="reduce")
    page.goto((site / "notebooks" / f"{name}.html").as_uri())
    root = page.locator(f".jpu-{widget}").first
    root.scroll_into_view_if_needed()
    assert root.locator("img.poster").count() == 0  # the script has taken its place
    before = root.evaluate(SEEN)
    target = root.locator(pressed).first
    place = {"x": target.bounding_box()["width"] * (0.95 if "range" in pressed else 0.5), "y": 12}
    target.tap(position=place) if touch else target.click(position=place)
    page.wait_for_function(
        "([root, seen, before]) => eval(seen)(root) !== before", arg=[root.element_handle(), SEEN, before]
    )
    before = root.evaluate(SEEN)
    root.locator(reached).first.focus()
    page.keyboard.press(key)
    page.wait_for_function(
        "([root, seen, before]) => eval(seen)(root) !== before", arg=[root.element_handle(), SEEN, before]
    )
    assert root.evaluate("(root) => root.getBoundingClientRect().right <= innerWidth")
    assert not page.wrong
    page.close()


@in_browser
def test_a_prediction_is_kept_beside_the_truth(site, browser):
    page = watched(browser, width=1280)
    page.goto((site / "notebooks/00_start_here.html").as_uri())
    choice = page.get_by_role("radio", name="dilated kernels are large, and it has none")
    choice.focus()
    page.keyboard.press("Enter")
    assert choice.get_attribute("aria-checked") == "true"
    page.get_by_text("Show the answer").first.click()
    answer = page.locator("details[open]", has_text="The answer is C")
    assert "You predict: B. dilated kernels are large" in answer.inner_text()
    page.close()


@in_browser
def test_the_search_finds_words_of_notebooks_and_names_of_functions_without_a_server(site, browser):
    page = watched(browser, width=1280)
    for words, found in (
        ("gridding", "04 · Who pays for the holes?"),
        ("split_to_batch", "jpu_edu.ops.phases.split_to_batch"),
    ):
        page.goto(f"{(site / 'search.html').as_uri()}?q={words}")
        page.locator("#search-results li").filter(has_text=found).first.wait_for()
    assert not page.wrong
    page.close()


CHECKED = (
    "index", "notebooks/03_split_conv_merge", "notebooks/10_posed_and_solved", "notebooks/13_the_bill",
    "exercises/03_split_conv_merge", "teach/index", "library/ops/phases", "glossary", "figures",
    "slides/03_split_conv_merge",
)  # fmt: skip


@in_browser
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "dark")])
def test_an_accessibility_checker_finds_nothing_serious(site, browser, width, scheme):
    from axe_playwright_python.sync_playwright import Axe

    # A page that stands still: colours are read while the theme fades from one to the other, otherwise.
    page, found = watched(browser, width=width, scheme=scheme, reduced_motion="reduce"), []
    for name in CHECKED:
        page.goto((site / f"{name}.html").as_uri())
        page.wait_for_load_state()
        for problem in Axe().run(page).response["violations"]:
            if problem["impact"] in ("serious", "critical"):
                found += [f"{name}: {problem['id']} at {node['target']}" for node in problem["nodes"][:3]]
    page.close()
    assert not found


@in_browser
def test_on_paper_there_is_the_text_alone_and_nothing_stays_folded(site, browser):
    page = watched(browser, width=800)
    page.goto((site / "notebooks/04_what_dilation_costs.html").as_uri())
    folded = page.locator("details", has_text="Show the answer").first
    before = folded.bounding_box()["height"]
    page.emulate_media(media="print")
    assert folded.bounding_box()["height"] > 3 * before
    for part in (".bd-sidebar-primary", ".bd-header-article", ".prev-next-footer"):
        assert not page.locator(part).first.is_visible()
    page.close()
