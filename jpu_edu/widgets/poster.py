"""One frame as a still picture: SVG for pages that run no script, a figure for those that show no SVG.

The poster is painted on a white card, because it cannot know the page around it.
"""

import base64
from collections.abc import Mapping
from html import escape

from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from jpu_edu.draw import style
from jpu_edu.widgets.frames import CELL, MARKERS, Frame, Mark, Swatch

INK = style.LIGHT["ink"]
MARGIN = 14  # of the card around the picture
CORNER = "translate(5.5 5.5) scale(2.1)"  # where a cell carries its marker, as in stepper.js


def marked(mark: Mark) -> bool:
    """Whether the corner of this cell carries the marker of its colour."""
    return mark.kind == "cell" and bool(mark.colour) and mark.marker and mark.look not in ("zero", "bare")


def _font(mark: Mark) -> int:
    """The size of a cell's text, in the units of the picture."""
    if min(mark.width, mark.height) < 22:
        return 10
    return 17 if len(mark.text) < (3 if mark.width >= CELL else 2) else 13


def _fill(mark: Mark, palette: Mapping[str, Swatch], *, lit: bool, strong: bool) -> tuple[str, str, str]:
    """(fill, edge, ink) of a cell, mixed with the white card."""
    if not mark.colour or mark.look == "bare":
        return ("#E3E6EA", "#767C85", INK) if lit else ("#FFFFFF", "#A9AFB8", INK)
    swatch = palette[mark.colour]
    if lit and strong:
        return swatch.colour, swatch.colour, swatch.ink
    return style.mix(swatch.colour, "#FFFFFF", 0.45 if lit else 0.15), swatch.colour, INK


def _seen(frame: Frame, view: str) -> list[tuple[str, Mark]]:
    def seen(mark: Mark) -> bool:
        return mark.look != "hidden" and not (mark.look == "reach" and mark.colour != view)

    return [(key, mark) for key, mark in frame.marks.items() if seen(mark)]


def svg(frame: Frame, *, size: tuple[int, int], palette: Mapping[str, Swatch], view: str) -> str:
    """The frame as SVG: the same text for the same frame. Shapes and looks that repeat are written once."""
    lit, parts, shapes, looks = set(frame.lit), [], {}, {}
    for key, mark in _seen(frame, view):
        text, w, h = escape(mark.text), mark.width, mark.height
        place = f'transform="translate({mark.x} {mark.y})"'
        if mark.kind == "label":
            weight = ' font-weight="600"' if mark.look == "title" else ""
            parts.append(f'<text x="{mark.x}" y="{mark.y}" class="l"{weight}>{text}</text>')
            continue
        if mark.kind == "window":
            edge = palette[mark.colour].colour if mark.colour else INK
            dash = ' stroke-dasharray="5 4"' if mark.look == "reach" else ""
            box = f'<rect width="{w}" height="{h}" rx="4" fill="none" stroke="{edge}" stroke-width="2"{dash}/>'
            parts.append(f"<g {place}>{box}</g>")
            continue
        fill, edge, ink = _fill(mark, palette, lit=key in lit, strong=view in ("", mark.colour))
        dash = ";stroke-dasharray:2 2" if mark.look == "zero" else ""
        look = looks.setdefault(f"fill:{fill};stroke:{edge}{dash}", f"a{len(looks)}")
        outline = f'<rect x="1" y="1" width="{w - 2}" height="{h - 2}" rx="3"'
        body = f'<use href="#{shapes.setdefault(outline, f"b{len(shapes)}")}" class="{look}"/>'
        if marked(mark):
            solid = ink if fill == edge else edge
            corner = f'<path transform="{CORNER}" fill="{solid}" d="{MARKERS[palette[mark.colour].marker]}"'
            body += f'<use href="#{shapes.setdefault(corner, f"b{len(shapes)}")}"/>'
        if text:
            paint = "" if ink == INK else f' fill="{ink}"'
            body += f'<text x="{w / 2:g}" y="{h / 2 + 1:g}" font-size="{_font(mark)}"{paint}>{text}</text>'
        faint = ' opacity=".35"' if mark.look == "faint" else ""
        parts.append(f"<g {place}{faint}>{body}</g>")
    rules = (
        f"text{{font-family:system-ui,sans-serif;text-anchor:middle;dominant-baseline:central;fill:{INK}}}"
        "text[fill]{fill:#FFF}text[fill='#000000']{fill:#000}"
        ".l{font-size:16px;text-anchor:start;dominant-baseline:auto}"
    )
    rules += "".join(f".{name}{{{look}}}" for look, name in looks.items())
    width, height = size[0] + 2 * MARGIN, size[1] + 2 * MARGIN
    stored = "".join(f'{shape} id="{name}"/>' for shape, name in shapes.items())
    box = f'width="{width}" height="{height}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{-MARGIN} {-MARGIN} {width} {height}" {box}>'
        f"<style>{rules}</style><defs>{stored}</defs>"
        f'<rect x="{-MARGIN}" y="{-MARGIN}" {box} rx="12" fill="#FFFFFF"/>{"".join(parts)}</svg>'
    )


def data_uri(picture: str) -> str:
    """The SVG as an address that needs no file."""
    return "data:image/svg+xml;base64," + base64.b64encode(picture.encode()).decode()


def drawing(frame: Frame, *, size: tuple[int, int], palette: Mapping[str, Swatch], view: str) -> Figure:
    """The frame as a figure, for readers of a notebook that show neither script nor SVG."""
    figure, axes = style.canvas(size[0] + 2 * MARGIN, size[1] + 2 * MARGIN)
    axes.set(xlim=(-MARGIN, size[0] + MARGIN), ylim=(size[1] + MARGIN, -MARGIN))
    lit = set(frame.lit)
    for key, mark in _seen(frame, view):
        if mark.kind == "label":
            axes.text(mark.x, mark.y, mark.text, fontsize=10.5, weight="bold" if mark.look == "title" else "normal")
            continue
        fill, edge, ink = _fill(mark, palette, lit=key in lit, strong=view in ("", mark.colour))
        window = mark.kind == "window"
        axes.add_patch(
            FancyBboxPatch(
                (mark.x + 1, mark.y + 1), mark.width - 2, mark.height - 2, boxstyle="round,pad=0,rounding_size=3",
                fc="none" if window else fill, ec=edge, lw=1.5 if window else 0.75,
                ls="--" if mark.look in ("zero", "reach") else "-", alpha=0.35 if mark.look == "faint" else 1,
            )
        )  # fmt: skip
        if mark.text:
            middle = (mark.x + mark.width / 2, mark.y + mark.height / 2)
            axes.text(*middle, mark.text, color=ink, fontsize=0.7 * _font(mark), ha="center", va="center_baseline")
        if marked(mark):
            solid = ink if fill == edge else edge
            axes.plot(mark.x + 5.5, mark.y + 5.5, palette[mark.colour].marker, color=solid, ms=3, mew=0)
    return figure
