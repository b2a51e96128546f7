"""What an animation is made of: marks with a place, frames of marks, and how they become JSON.

All numbers are integers in picture units, so the same scene gives the same bytes on every machine.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from jpu_edu.draw import style

Kind = Literal["cell", "label", "window"]
Look = Literal["plain", "bare", "faint", "hidden", "zero", "title", "reach"]

CELL = 30


@dataclass(frozen=True)
class Mark:
    """One thing in a frame: a number in its cell, a label, or a window that slides.

    Notice: a mark keeps its key from frame to frame; where its place changes, the page moves it there.

    Args:
        x, y: the top left corner of a cell or window; the left end of a label's baseline.
        text: a short text.
        colour: a key of the stepper's palette, or "" for the page's own ink.
        kind: "cell", "label" or "window".
        look: "plain"; "bare" (its colour is not shown yet); "faint"; "hidden" (there, but not seen); "zero" (a
            padded cell); "title" (a label); "reach" (a window seen only for the colour that the reader follows).
        width, height: of a cell or window.
        marker: False for a coloured cell without its corner marker.
    """

    x: int
    y: int
    text: str = ""
    colour: str = ""
    kind: Kind = "cell"
    look: Look = "plain"
    width: int = CELL
    height: int = CELL
    marker: bool = True

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind) or self.look not in get_args(Look):
            choices = f"{', '.join(get_args(Kind))} and {', '.join(get_args(Look))}"
            raise ValueError(f"Mark: kind={self.kind!r}, look={self.look!r}; choose one each of {choices}")

    def packed(self) -> list[object]:
        return [self.kind, self.x, self.y, self.width, self.height, self.text, self.colour, self.look, int(self.marker)]


@dataclass(frozen=True)
class Frame:
    """One step: its marks, what it says, and which marks light up.

    Args:
        marks: key -> mark. Later marks are painted over earlier ones.
        caption: one or two sentences; read aloud by a screen reader at every step.
        chapter: the button that leads here; a chapter is a run of frames.
        lit: keys of the marks that light up.
        notes: (colour, text) lines below the picture, such as the products and their sum.
        hold: how long "play" stays here, in milliseconds.
    """

    marks: Mapping[str, Mark]
    caption: str
    chapter: str
    lit: Sequence[str] = ()
    notes: Sequence[tuple[str, str]] = ()
    hold: int = 1400


@dataclass(frozen=True)
class Swatch:
    """A colour with its second cue: the marker drawn in the corner of its cells, and its name."""

    colour: str
    marker: str
    name: str
    ink: str = field(init=False)  # what is readable on the full colour

    def __post_init__(self) -> None:
        if self.marker not in MARKERS:
            raise ValueError(f"Swatch: marker={self.marker!r}; choose one of {', '.join(MARKERS)}")
        red, green, blue = (int(self.colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        light = 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2  # relative luminance
        object.__setattr__(self, "ink", "#FFFFFF" if light < 0.179 else "#000000")


#: Outlines in a box of -1 to 1, by matplotlib's letter: round, square, triangle, diamond.
MARKERS = {
    "o": "M-1 0a1 1 0 1 0 2 0a1 1 0 1 0-2 0z",
    "s": "M-.9-.9h1.8v1.8h-1.8z",
    "^": "M0-1.1L1.1.8H-1.1z",
    "D": "M0-1.2L1.2 0L0 1.2L-1.2 0z",
}


def phase_swatches(rate: tuple[int, int]) -> dict[str, Swatch]:
    """The palette of an animation about phases: "0" to "r_h * r_w - 1", as every figure draws them."""
    return {
        str(k): Swatch(style.phase_colour(k, rate=rate), style.phase_marker(k, rate=rate), f"phase {k}")
        for k in range(rate[0] * rate[1])
    }


def packed(frames: Sequence[Frame]) -> list[dict[str, object]]:
    """The frames as plain lists, each with only what changes from the one before (null: gone)."""
    out, before = [], {}
    for frame in frames:
        now = {key: mark.packed() for key, mark in frame.marks.items()}
        change: dict[str, object] = {key: mark for key, mark in now.items() if before.get(key) != mark}
        change |= {key: None for key in before if key not in now}
        out.append(
            {
                "caption": frame.caption,
                "chapter": frame.chapter,
                "change": change,
                "hold": frame.hold,
                "lit": list(frame.lit),
                "notes": [list(note) for note in frame.notes],
            }
        )
        before = now
    return out
