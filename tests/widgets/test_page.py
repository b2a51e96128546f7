"""Data that looks like HTML stays data, and the id of a widget follows from what it is asked to."""

import json
import re

from jpu_edu.widgets.page import packed, page


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
