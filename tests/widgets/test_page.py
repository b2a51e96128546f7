"""Data that looks like HTML stays data, and the id of a widget follows from what it is asked to."""

import base64
import io
import json
import re
from importlib.util import find_spec
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from PIL import Image

from jpu_edu.draw import style
from jpu_edu.widgets import page as module
from jpu_edu.widgets.page import Page, element

HERE = Path(module.__file__).parent


class Dot(Page):
    """The smallest widget."""

    name, alt = "ruler", 'a "b" < c'

    def __init__(self, said: object, named: str = "") -> None:
        self.said, self.named = said, named

    def figure(self) -> Figure:
        return style.canvas(40, 20)[0]

    def data(self) -> dict[str, object]:
        return {"says": self.said}

    def about(self) -> str:
        return self.named


def test_data_cannot_end_its_script_and_comes_back():
    html = Dot("</script><b>")._repr_html_()
    (inside,) = re.findall(r'<script type="application/json">(.*?)</script>', html)
    assert json.loads(inside) == {"says": "</script><b>"}
    assert 'alt="a &quot;b&quot; &lt; c"' in html


def test_the_id_follows_from_all_data_or_from_what_is_named():
    def key(*said) -> str:
        return re.search(r'data-key="(\w{10})"', Dot(*said)._repr_html_())[1]

    assert key(1) != key(2) and key(1, "one") == key(2, "one") != key(1, "two")
    html = Dot(1)._repr_html_()
    assert key(1) in html.partition("</div>")[2] and "@" not in re.sub("@media", "", html), (
        "the script knows its widget"
    )


def test_the_poster_is_stored_small_on_white_paper_for_readers_of_html_and_for_others():
    shown = Dot(1)._repr_mimebundle_()
    assert f'src="data:image/png;base64,{shown["image/png"]}"' in shown["text/html"]
    picture = Image.open(io.BytesIO(base64.b64decode(shown["image/png"])))
    assert (
        picture.size == (60, 30) and picture.mode == "P" and picture.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
    )


@pytest.mark.parametrize("name", sorted(path.stem for path in HERE.glob("*.js") if path.stem != "page"))
def test_what_widgets_share_is_written_once_and_goes_with_each(name):
    own, shared = (HERE.joinpath(f"{file}.js").read_text() for file in (name, "page"))
    helpers = re.findall(r"^(?:function|const) (\w+)", shared, re.MULTILINE)
    assert "begin" in helpers and not set(helpers) & set(re.findall(r"^(?:function|const) (\w+)", own, re.MULTILINE))
    html = element(name, "", about="")
    assert all(f"function {one}(" in html or f"const {one} = " in html for one in helpers)
    assert html.count("begin((root") == 1


def test_the_sites_theme_has_no_look_for_a_class_of_a_widget():
    """It has one for .row and .badge, and a widget with such a class looks right in a notebook alone."""
    themes = [find_spec(name) for name in ("sphinx", "pydata_sphinx_theme", "sphinx_book_theme", "myst_nb")]
    if None in themes:
        pytest.skip("no theme here: pip install -e .[docs]")
    sheets = [
        sheet for theme in themes for sheet in Path(theme.origin).parent.rglob("*.css*") if sheet.suffix != ".map"
    ]
    rules = "".join(re.sub(r"/[*].*?[*]/", "", sheet.read_text(), flags=re.S) for sheet in sheets)
    selectors = {one.strip() for group in re.findall(r"([^{}]+){", rules) for one in group.split(",")}
    ours = {name for sheet in HERE.glob("*.css") for name in re.findall(r"[.]([a-z][\w-]*)", sheet.read_text())}
    around = {"bd-content", "bd-article", "cell_output", "output", "text_html"}
    found = []
    for selector in selectors:  # those that end in a bare class: .row, .row>*, .bd-content .row:hover; not div.note
        last = re.search(r"(?:^|[ >])[.]([a-zA-Z][\w-]*)(?:[:>][^ ]*)?$", selector)
        names = set(re.findall(r"[.]([a-zA-Z][\w-]*)", selector))
        if last and last[1] in ours and names <= ours | around:
            found.append(selector)
    assert len(selectors) > 2000 and found == []
