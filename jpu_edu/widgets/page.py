"""A widget as a page shows it, with or without a kernel: its style, a poster, its data and its script."""

import base64
import hashlib
import io
import json
from html import escape
from pathlib import Path
from typing import ClassVar

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import UInt8
from matplotlib.figure import Figure
from PIL import Image

from jpu_edu.draw import style
from jpu_edu.draw.show import SCREEN_DPI

_HERE = Path(__file__).parent


def packed(data: object) -> str:
    """JSON that may stand inside a <script>."""
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")


def uri(pixels: UInt8[np.ndarray, "H W C"]) -> str:
    """A picture in 256 colours as an address that needs no file."""
    small = io.BytesIO()
    Image.fromarray(pixels).quantize(256).save(small, format="png", optimize=True)
    return "data:image/png;base64," + base64.b64encode(small.getvalue()).decode()


def element(name: str, body: str, *, about: str) -> str:
    """The HTML of a widget: its body, and what stands in page.css, NAME.css, page.js and NAME.js.

    Notice: each output of a notebook is whole. It asks nothing of the network, and several fit on one page.

    Args:
        name: of the two files beside this one; the class of the element is "jpu-NAME".
        body: HTML.
        about: what the id of the widget follows from.
    """
    key, code = hashlib.sha256(about.encode()).hexdigest()[:10], {}
    for kind in ("css", "js"):  # without the indentation, which is for readers of the files
        texts = (_HERE.joinpath(f"{file}.{kind}").read_text(encoding="utf-8") for file in ("page", name))
        lines = (line.strip() for text in texts for line in text.splitlines())
        code[kind] = "\n".join(lines).replace("@NAME@", name).replace("@KEY@", key)
    return (
        f'<div class="jpu-{name}" data-key="{key}"><style>{code["css"]}</style>{body}</div>\n'
        f"<script>(function () {{\n{code['js']}\n}})();</script>"
    )


class Page:
    """What the last line of a cell shows, with or without a kernel: a script brings it to life, else it is a poster.

    A widget says `alt`, which is the poster in words; it draws the poster in `figure`, and `data` holds all that its
    script is given. Its `__repr__` is for a terminal.
    """

    name: ClassVar[str]  # of the style and the script: NAME.css, NAME.js
    alt: str

    def figure(self) -> Figure:
        raise NotImplementedError

    def data(self) -> dict[str, object]:
        raise NotImplementedError

    def about(self) -> str:
        """What the id follows from; "" for all data. What is said alone, where rounding may move a pixel."""
        return ""

    def source(self, png: str) -> str:
        """The address of the poster in the HTML: that of its PNG, unless there is a better one."""
        return png

    def _png(self) -> str:
        drawn = io.BytesIO()
        with matplotlib.rc_context(style.rc()):
            figure = self.figure()
            figure.savefig(drawn, format="png", dpi=SCREEN_DPI, facecolor=style.paper())
            plt.close(figure)
        return uri(np.asarray(Image.open(drawn).convert("RGB")))

    def _repr_html_(self) -> str:
        return self._repr_mimebundle_()["text/html"]

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        png, data = self._png(), packed(self.data())
        poster = f'<img class="poster" alt="{escape(self.alt)}" src="{self.source(png)}">'
        body = f'{poster}<script type="application/json">{data}</script>'
        html = element(self.name, body, about=self.about() or data)
        return {"text/html": html, "image/png": png.partition(",")[2], "text/plain": repr(self)}
