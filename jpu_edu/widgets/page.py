"""A widget as a page shows it, with or without a kernel: its style, a poster, its data and its script."""

import hashlib
import json
from html import escape
from pathlib import Path

_HERE = Path(__file__).parent


def packed(data: object) -> str:
    """JSON that may stand inside a <script>."""
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")


def page(name: str, *, look: str, alt: str, png: str, data: str, about: str = "") -> str:
    """The HTML of a widget; what stands in NAME.css and NAME.js goes with it.

    Args:
        name: of the two files beside this one.
        look: the class of the element that the style and the script look for.
        alt, png: the poster, in words and in base64, for readers without scripts.
        data: JSON for the script, such as `packed` makes.
        about: what the id of the widget follows from, "" for all data. Rounding may move a pixel by one step from
            machine to machine; then the id should depend on what is said alone.
    """
    css, script = (_HERE.joinpath(f"{name}.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
    key = hashlib.sha256((about or data).encode()).hexdigest()[:10]
    return (
        f'<div class="{look}" data-key="{key}"><style>{css}</style>'
        f'<img class="poster" alt="{escape(alt)}" src="data:image/png;base64,{png}">'
        f'<script type="application/json">{data}</script></div>\n<script>{script.replace("KEY", key)}</script>'
    )
