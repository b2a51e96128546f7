"""Data that looks like HTML stays data, and the id of a widget follows from what it is asked to."""

import json
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from jpu_edu.widgets import page as module
from jpu_edu.widgets.page import packed, page

HERE = Path(module.__file__).parent


def made(data: object, about: str = "") -> str:
    return page("ruler", look="jpu-ruler", alt='a "b" < c', png="", data=packed(data), about=about)


def test_data_cannot_end_its_script_and_comes_back():
    data = {"says": "</script><b>"}
    (inside,) = re.findall(r'<script type="application/json">(.*?)</script>', made(data))
    assert json.loads(inside) == data
    assert 'alt="a &quot;b&quot; &lt; c"' in made(data)


def test_the_id_follows_from_all_data_or_from_what_is_named():
    def key(*said) -> str:
        return re.search(r'data-key="(\w{10})"', made(*said))[1]

    assert key([1]) != key([2]) and key([1], "one") == key([2], "one") != key([1], "two")
    assert key([1]) in made([1]).partition("</div>")[2] and "KEY" not in made([1]), "the script knows its widget"


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
