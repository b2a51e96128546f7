"""Make lecture slides from the executed walkthroughs: one file each, which needs no kernel and asks for nothing.

    python -m notebooks.slides.build [NN ...] [--out build/slides]

How a notebook is read stands in `cells.py`, by which rules its cells become slides in `deck.py`. Nothing is copied
by hand: when a walkthrough changes, so do its slides.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from html import escape
from pathlib import Path

import nbformat

from notebooks.slides.cells import Slide
from notebooks.slides.deck import deck
from notebooks.slides.prose import formula, letters

__all__ = ["build", "formula", "page", "walkthroughs"]

HERE = Path(__file__).resolve().parent
NOTEBOOKS = HERE.parent
OUT = Path("build/slides")
# Nothing is fetched, whatever stands in a notebook; the browser sees to it.
POLICY = "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
TOOLS = (("notes", "n", "Notes"), ("speaker", "w", "Speaker"), ("dark", "d", "Dark"), ("keys", "?", "Keys"))


def walkthroughs(numbers: Sequence[str] = ()) -> list[Path]:
    """The executed walkthroughs with these numbers ("3" and "03" are the same), or all of them.

    Raises:
        ValueError: a number without a walkthrough.
    """
    known = {path.name[:2]: path for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))}
    for number in numbers:
        if number.zfill(2) not in known:
            raise ValueError(f"slides: no walkthrough {number!r}; choose from {', '.join(known)}")
    return [known[number.zfill(2)] for number in numbers] if numbers else list(known.values())


def build(numbers: Sequence[str] = (), out: Path = OUT) -> list[Path]:
    """Write the slides of these walkthroughs, or of all, as NN_name.html into `out`.

    Raises:
        ValueError: a number without a walkthrough; a walkthrough that the rules cannot read.
    """
    sources = walkthroughs(numbers)
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for source in sources:
        try:
            slides = deck(nbformat.read(source, as_version=4), source.parent)
        except ValueError as error:
            raise ValueError(f"slides: {source.name}: {error}") from error
        target = out / f"{source.stem}.html"
        partial = target.with_suffix(".html.tmp")
        partial.write_text(page(slides), encoding="utf-8")
        os.replace(partial, target)
        written.append(target)
    return written


def page(slides: Sequence[Slide]) -> str:
    """The slides as one HTML file with its style and its player."""
    style, script = (HERE.joinpath(f"slides.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
    title = escape(slides[0].heading)
    sections = "".join(_section(number, slide) for number, slide in enumerate(slides, 1))
    tools = "".join(
        f'<button type="button" data-tool="{name}" title="{word} ({key})">{word}</button>' for name, key, word in TOOLS
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{style}</style></head><body><main>{sections}</main>"
        '<button type="button" class="edge back" aria-label="Back">‹</button>'
        '<button type="button" class="edge next" aria-label="Next">›</button>'
        f'<footer><span class="deck">{title}</span><span class="tools">{tools}</span>'
        '<span class="number" role="status" aria-live="polite"></span></footer>'
        f'<aside id="notes" aria-label="Speaker notes" hidden></aside><script>{script}</script></body></html>'
    )


def _section(number: int, slide: Slide) -> str:
    data = f" {slide.data}" if slide.data else ""
    heading, body, notes = (letters(text) for text in (escape(slide.heading), slide.body, slide.notes))
    return (
        f'<section class="slide {slide.kind}" id="s{number}" aria-labelledby="h{number}"{data}>'
        f'<div class="stage"><h2 id="h{number}">{heading}</h2><div class="body">{body}</div></div>'
        f'<div class="notes">{notes}</div></section>\n'
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="slides", description="Make lecture slides from the executed walkthroughs.")
    parser.add_argument("numbers", nargs="*", metavar="NN", help="which walkthroughs (all)")
    parser.add_argument("--out", type=Path, default=OUT, help=f"the folder to write into ({OUT})")
    options = parser.parse_args(arguments)
    try:
        for path in build(options.numbers, options.out):
            print(path)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
