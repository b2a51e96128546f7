"""The ruler of sample centres: drag the size, switch align_corners, and watch a photograph tear. Needs no kernel."""

import json
from typing import get_args

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from jpu_edu.draw import style
from jpu_edu.widgets.alignment import RANGES, STRIPES, Way, describe, draw_ruler, launch_pad, torn
from jpu_edu.widgets.page import Page, uri


class Ruler(Page):
    """What `ruler` returns; the last line of a cell shows it. The page computes its places itself, live."""

    name = "ruler"

    def __init__(self, size: int, way: Way) -> None:
        self.choice = {"size": size, "way": way, "coarse": 32, "fine": 8}
        self.alt = f"Sample centres on a ruler, and a photograph torn by the resize. {describe(**self.choice)}"

    def _start(self) -> dict[str, object]:
        return self.choice | {"sizes": RANGES["size"][:2], "ways": get_args(Way), "stripes": STRIPES}

    def data(self) -> dict[str, object]:
        """Everything that the page is given."""
        pixels = (launch_pad()[0].permute(1, 2, 0) * 255).round().byte().numpy()
        return self._start() | {"colour": style.Y_S, "photo": uri(pixels)}

    def about(self) -> str:
        return json.dumps(self._start())

    def figure(self) -> Figure:
        figure, (top, bottom) = plt.subplots(
            2, 1, figsize=(style.WIDTH, 4.5), layout="constrained", height_ratios=(1, 2.9), sharex=True
        )
        draw_ruler(top, **self.choice)
        picture = torn(launch_pad(), **self.choice).numpy()
        bottom.imshow(picture, extent=(-0.5, self.choice["size"] - 0.5, len(picture), 0))
        bottom.axis("off")
        return figure

    def __repr__(self) -> str:
        return f"{self.alt}\nOn a page with scripts: drag the size, and switch align_corners."


def ruler(*, size: int = 480, way: Way = "align_corners=True") -> Ruler:
    """Show the sample centres of c5 and c3 on one ruler in input pixels; the reader drags the size.

    Notice: align_corners=True is right at 481 and 513, and most wrong just before; False is 12 pixels off at 480.

    Args:
        size: pixels at the start, 470 to 520.
        way: the resize at the start.

    Raises:
        ValueError: a size or a way that is no choice.

    Source: walkthrough 06.
    """
    low, high, _ = RANGES["size"]
    if not low <= size <= high or way not in get_args(Way):
        raise ValueError(
            f"ruler: size={size}, way={way!r}; choose {low} to {high}, and one of {', '.join(get_args(Way))}"
        )
    return Ruler(size, way)
