"""The page that comes back: it holds the solutions, shows formulas without a script, and calls nobody."""

import http.server
import io
import threading

import pytest

pytest.importorskip("nbgrader", reason="nbgrader is missing: pip install -e .[grading]")

from matplotlib.figure import Figure
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from nbgrader.coursedir import CourseDirectory
from PIL import Image

from jpu_edu.draw.show import picture
from jpu_edu.school import sheets
from jpu_edu.school.page import GiveBack, Page, Solutions
from tests.browser.lab import CHROMIUM

ABOUT = {"notebook": "03", "assignment": "03_split_conv_merge", "score": 1.0, "max_score": 2.0, "late_penalty": 0.0}


def page(*cells) -> str:
    config = GiveBack(coursedir=CourseDirectory()).config
    return Page(config=config).from_notebook_node(new_notebook(cells=list(cells)), resources={"nbgrader": ABOUT})[0]


def graded(name: str):
    return new_code_cell("check()", metadata={"nbgrader": {"grade_id": name}})


@pytest.mark.parametrize("source", sheets.sources(), ids=lambda path: path.stem)
def test_each_check_and_the_words_have_a_solution_without_marks(source):
    told = sheets.solutions(source.stem)
    assert list(told) == ["check-1", "check-2", "check-3", "check-4", "task-5"]
    for name, text in told.items():
        assert ("```python\n" in text and "**Why it works.**" in text) == name.startswith("check"), name
        assert "SOLUTION" not in text and "Rubric" not in text and "HIDDEN" not in text


def test_a_solution_stands_below_its_check_or_below_the_answer_whose_check_is_gone():
    names = ["task-2", "check-2", "task-3", "other", "task-5"]
    made, _ = Solutions().preprocess(new_notebook(cells=[graded(name) for name in names]), {"nbgrader": ABOUT})
    found = [cell.metadata.get("nbgrader", {}).get("grade_id") or cell.source for cell in made.cells]
    told = sheets.solutions(ABOUT["assignment"])
    wanted = ["task-2", "check-2", told["check-2"], "task-3", told["check-3"], "other", "task-5", told["task-5"]]
    assert found == wanted


def test_formulas_are_mathml_or_stay_as_they_were_written():
    pytest.importorskip("docutils")
    made = page(new_markdown_cell("Read $x_{i-r}$ and $$S \\to C_r$$ and $\\nonsense{x}$ and `$plain$`."))
    assert made.count("<math") == 2 and "<msub>" in made
    assert r"<code>\nonsense{x}</code>" in made and "<code>$plain$</code>" in made


def test_a_link_to_a_file_that_the_page_does_not_have_is_its_text():
    made = page(new_markdown_cell("See [03](../03_split.ipynb) and [PyTorch](https://pytorch.org)."))
    assert "See 03 and" in made and 'href="https://pytorch.org"' in made and "ipynb" not in made


def test_a_scan_that_a_student_put_into_the_answer_is_in_the_page():
    cell = new_markdown_cell("![pencil](attachment:a.png)", attachments={"a.png": {"image/png": "iVBORw0KGgo="}})
    assert "data:image/png;base64,iVBORw0KGgo=" in page(cell)


class Asked(http.server.BaseHTTPRequestHandler):
    """Writes down who calls."""

    def do_GET(self) -> None:
        self.server.calls.append(self.path)
        self.send_error(404)

    def log_message(self, *words: object) -> None: ...


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium")
def test_nothing_that_a_student_writes_runs_in_the_page_or_calls_out(tmp_path):
    from playwright.sync_api import sync_playwright

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Asked) as server, sync_playwright() as playwright:
        server.calls = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        there = f"http://127.0.0.1:{server.server_port}"
        writes = (
            f"<script>document.title = 'theirs'</script><img src='{there}/a.png'><script src='{there}/b.js'></script>"
        )
        shown = new_output("display_data", data={"text/html": f"{writes}<link rel=stylesheet href='{there}/c.css'>"})
        text = page(new_markdown_cell(f"$x_i$\n\n{writes}"), new_code_cell("1", outputs=[shown]))
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        for name, html in (("open", text.replace("Content-Security-Policy", "")), ("feedback", text)):
            (tmp_path / f"{name}.html").write_text(html, encoding="utf-8")
            (opened := browser.new_page()).goto((tmp_path / f"{name}.html").as_uri(), wait_until="networkidle")
            assert opened.locator("math").bounding_box()["width"] > 5, "the formula is not drawn"
            if name == "open":
                assert opened.title() == "theirs" and {"/a.png", "/b.js", "/c.css"} <= set(server.calls)
                server.calls.clear()
        assert opened.title() == "03" and server.calls == []
        browser.close()
        server.shutdown()


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium")
def test_a_picture_stays_readable_on_a_phone_and_the_page_is_dark_where_the_reader_wants_it_dark(tmp_path):
    """Two thirds of its width at least, in a box that scrolls; white paper stays bright on a dark page."""
    from playwright.sync_api import sync_playwright

    paper = Figure(figsize=(900 / 96, 1), facecolor="white")
    shown = new_output("display_data", data={"text/html": picture(paper, alt="White paper.")})
    (tmp_path / "page.html").write_text(page(new_code_cell("1", outputs=[shown])), encoding="utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        for scheme, dark in (("light", False), ("dark", True)):
            opened = browser.new_page(viewport={"width": 390, "height": 800}, color_scheme=scheme)
            opened.goto((tmp_path / "page.html").as_uri())
            assert opened.locator("img").bounding_box()["width"] >= 600
            assert opened.evaluate("document.documentElement.scrollWidth") == 390, "the page scrolls sideways"
            assert opened.evaluate("(b => b.scrollWidth > b.clientWidth)(document.querySelector('.output_html'))")
            corner, paper = (
                Image.open(io.BytesIO(one.screenshot())).convert("L").getpixel((20, 20))
                for one in (opened, opened.locator("img"))
            )
            assert (corner < 60) == dark and paper > 200, f"{scheme}: page {corner}, paper {paper}"
        browser.close()
