"""A picture in steps: forwards and backwards, by button, keyboard and touch, in a notebook and on a static page.

Python computes every number and every place; the script only moves what it is given. Without the script the
page shows the poster, one frame as a picture.
"""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from jpu_edu.widgets import poster as still
from jpu_edu.widgets.frames import MARKERS, Frame, Swatch, packed
from jpu_edu.widgets.page import Page


class Stepper(Page):
    """An animation that a notebook shows; the base of `split_conv_merge` and `conv_reduce`.

    Notice: the HTML depends on the frames alone.

    Args:
        frames: the steps, at least two.
        size: (width, height) of the picture in its own units; the page scales it.
        alt: what the picture shows, for readers who do not see it.
        palette: colour key -> Swatch, for the keys that the marks use.
        views: colour keys that the reader may follow one at a time (the first one at the start).
        links: mark key -> (step, colour key): where a click on that mark leads, once the first marks light up.
        poster: the step that stands for the whole where no script runs.

    Raises:
        ValueError: fewer than two frames; an empty alt text; a poster, view, lit key or colour that is not there.

    Source: the course's figures; walkthroughs 02 and 03.
    """

    name = "stepper"

    def __init__(
        self,
        frames: Sequence[Frame],
        *,
        size: tuple[int, int],
        alt: str,
        palette: Mapping[str, Swatch],
        views: Sequence[str] = (),
        links: Mapping[str, tuple[int, str]] | None = None,
        poster: int = 0,
    ) -> None:
        if len(frames) < 2:
            raise ValueError(f"Stepper: {len(frames)} frames; give at least two")
        if not alt.strip():
            raise ValueError("Stepper: alt is empty; say in a sentence what the picture shows")
        if not 0 <= poster < len(frames):
            raise ValueError(f"Stepper: poster={poster}; the steps are 0 to {len(frames) - 1}")
        for number, frame in enumerate(frames):
            if missing := [key for key in frame.lit if key not in frame.marks]:
                raise ValueError(f"Stepper: step {number} lights up {missing[0]!r}, which is not among its marks")
            used = [mark.colour for mark in frame.marks.values()] + [colour for colour, _ in frame.notes]
            if unknown := sorted({colour for colour in [*used, *views] if colour and colour not in palette}):
                have = ", ".join(palette)
                raise ValueError(f"Stepper: step {number} uses the colour {unknown[0]!r}; palette has {have}")
        self.frames, self.size, self.alt, self.poster = tuple(frames), size, alt, poster
        self.palette, self.views, self.links = dict(palette), tuple(views), dict(links or {})

    def data(self) -> dict[str, object]:
        """Everything that the page is given, as plain lists and numbers."""
        return {
            "frames": packed(self.frames),
            "links": {key: list(target) for key, target in self.links.items()},
            "palette": {
                key: {"colour": s.colour, "ink": s.ink, "name": s.name, "outline": MARKERS[s.marker]}
                for key, s in self.palette.items()
            },
            "size": list(self.size),
            "views": list(self.views),
        }

    def _still(self) -> dict[str, object]:
        view = self.views[0] if self.views else ""
        return {"frame": self.frames[self.poster], "size": self.size, "palette": self.palette, "view": view}

    def figure(self) -> Figure:
        return still.drawing(**self._still())

    def source(self, png: str) -> str:
        return still.data_uri(still.svg(**self._still()))

    def __repr__(self) -> str:
        chapters = list(dict.fromkeys(frame.chapter for frame in self.frames))
        return f"{self.alt}\n{len(self.frames)} steps: {', '.join(chapters)}. Last: {self.frames[-1].caption}"
