"""Sixteen phases: choose how y is made, and see its error in every phase, as bars, as a map, and in the picture.

Shape legend
    C, H, W   channels and size of y_d and of every y; the errors run over all channels, one channel is drawn
    p, q      phase k = p * rate + q is y[:, p::rate, q::rate]
"""

import base64
from collections.abc import Mapping
from typing import NamedTuple

import matplotlib.pyplot as plt
from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor

from jpu_edu.draw.phase_bars import draw_phase_bars, draw_phase_map
from jpu_edu.models.phase_error import PhaseError, phase_error
from jpu_edu.widgets.frames import MARKERS, phase_swatches
from jpu_edu.widgets.page import Page

TOP = 1.0  # the error at the upper end of the bars
EXACT = 1e-6


class Choice(NamedTuple):
    """How a y is made.

    Fields:
        method: its name.
        sees: what h is given, such as "y_m", "y_s" or "both".
        fitted: the target that it was fitted to, or "nothing".
    """

    method: str
    sees: str = "y_s"
    fitted: str = "nothing"


def label(error: PhaseError) -> str:
    """exact, approximate or learned: what the arrow from h to y is."""
    if error.overall < EXACT:
        return "exact"
    return "approximate" if error.fitted == "nothing" else "learned"


def short(error: float) -> str:
    """Two digits after the point; "0" is kept for what is zero up to rounding."""
    return "0" if error < EXACT else f"{error:.2f}" if error >= 0.005 else "<.01"


class SixteenPhases(Page):
    """What `sixteen_phases` returns; the last line of a cell shows it, with or without a kernel."""

    name = "sixteen"

    def __init__(
        self,
        truths: Mapping[str, Tensor],
        made: Mapping[str, Mapping[Choice, Tensor]],
        rate: int,
        channel: int,
        window: tuple[slice, slice],
        start: tuple[str, Choice],
    ) -> None:
        self.truths, self.made, self.rate, self.start = truths, made, rate, start
        self.part = (channel, *window)
        self.errors = {
            depth: {
                choice: phase_error(choice.method, y[None], truths[depth][None], rate=rate, fitted=choice.fitted)
                for choice, y in ys.items()
            }
            for depth, ys in made.items()
        }

    def says(self, depth: str, choice: Choice) -> str:
        """One choice in words, with its numbers."""
        error = self.errors[depth][choice]
        told = f"{depth}: {choice.method}"
        if choice.fitted != "nothing":
            told += f", sees {'y_m and y_s' if choice.sees == 'both' else choice.sees}, fitted to {choice.fitted}"
        worst = max(range(len(error.phases)), key=error.phases.__getitem__)
        return (
            f"{told}. Error {short(error.overall)} over all phases, {short(error.phases[0])} in (0, 0), "
            f"{short(error.phases[worst])} in the worst, {divmod(worst, self.rate)}. {label(error).capitalize()}."
        )

    @property
    def alt(self) -> str:
        return f"The error of y in each of {self.rate**2} phases, and y beside y_d. {self.says(*self.start)}"

    def _grey(self, depth: str, y: Tensor) -> tuple[int, int, bytes]:
        """One channel of y in the window, 0 to 255 on the scale of y_d, but for the outermost percent."""
        truth = self.truths[depth][self.part]
        low, high = truth.flatten().quantile(truth.new_tensor([0.01, 0.99]))
        shown = ((y[self.part] - low) / (high - low).clamp(min=1e-12) * 255).round().clamp(0, 255)
        return *shown.shape, bytes(shown.int().flatten().tolist())

    def data(self) -> dict[str, object]:
        """Everything that the page is given: names, errors, pictures and sentences."""

        def pixels(depth: str, y: Tensor) -> str:
            return base64.b64encode(self._grey(depth, y)[2]).decode()

        swatches = phase_swatches((self.rate, self.rate)).values()
        height, width, _ = self._grey(self.start[0], self.truths[self.start[0]])
        states = {
            "|".join((depth, *choice)): {
                "all": round(error.overall, 7),
                "phases": [round(one, 7) if one >= EXACT else 0 for one in error.phases],
                "label": label(error),
                "says": self.says(depth, choice),
                "pixels": pixels(depth, self.made[depth][choice]),
            }
            for depth, errors in self.errors.items()
            for choice, error in errors.items()
        }
        choices = [choice for choice in self.made[self.start[0]]]
        return {
            "rate": self.rate,
            "top": TOP,
            "size": [height, width],
            "corner": [
                self.part[axis].indices(self.truths[self.start[0]].shape[axis])[0] % self.rate for axis in (1, 2)
            ],
            "start": [self.start[0], *self.start[1]],
            "depths": {depth: pixels(depth, truth) for depth, truth in self.truths.items()},
            "methods": {choice.method: choice.fitted != "nothing" for choice in choices},
            "sees": list(dict.fromkeys(choice.sees for choice in choices if choice.fitted != "nothing")),
            "fitted": list(dict.fromkeys(choice.fitted for choice in choices if choice.fitted != "nothing")),
            "phases": [{"colour": s.colour, "mark": MARKERS[s.marker]} for s in swatches],
            "states": states,
        }

    def about(self) -> str:
        return repr([(depth, *map(tuple, ys)) for depth, ys in self.made.items()])

    def figure(self) -> Figure:
        """The still picture: bars, map, and both pictures, of the choice that the page starts with."""
        depth, choice = self.start
        error = self.errors[depth][choice]
        figure, axes = plt.subplots(1, 4, figsize=(9.375, 2.5), layout="constrained", width_ratios=(2.2, 1.25, 1, 1))
        draw_phase_bars(axes[0], error.phases, rate=self.rate, top=TOP)
        draw_phase_map(axes[1], error.phases, rate=self.rate, top=TOP)
        axes[0].set_title(f"{choice.method}: {short(error.overall)}", fontsize=11)
        for panel, y, name in ((axes[2], self.made[depth][choice], "y"), (axes[3], self.truths[depth], "y_d")):
            height, width, grey = self._grey(depth, y)
            panel.imshow([list(grey[i * width : (i + 1) * width]) for i in range(height)], vmin=0, vmax=255)
            panel.set_title(name, fontsize=11)
            panel.set_axis_off()
        return figure

    def __repr__(self) -> str:
        return f"{self.alt}\nOn a page with scripts: choose among {sum(map(len, self.made.values()))} ways to make y."


def sixteen_phases(
    truths: Mapping[str, Float[Tensor, "C H W"]],
    made: Mapping[str, Mapping[Choice, Float[Tensor, "C H W"]]],
    *,
    start: tuple[str, Choice],
    rate: int = 4,
    channel: int = 0,
    window: tuple[slice, slice] = (slice(None), slice(None)),
) -> SixteenPhases:
    """Every y beside its y_d, and its error in each of the phases; the reader chooses how y is made.

    Notice: interpolation is 0 in phase (0, 0) and grows with the distance from it. A fitted h has no such valley: it
    has no memory of where y_s stands.

    Args:
        truths: depth (a name such as "n = 2") -> y_d.
        made: depth -> how it is made -> y. The same depths as `truths`, each with the same choices.
        start: depth and choice that are shown first.
        rate: phases on each axis.
        channel: the one that is drawn; the errors run over all of them.
        window: rows and columns of the part that is drawn.

    Raises:
        ValueError: depths or choices that do not belong together; a start or a channel that is not there.

    Source: FastFCN, equation 4; walkthrough 10.
    """
    if not truths or list(truths) != list(made):
        raise ValueError(f"sixteen_phases: truths for {list(truths)}, made for {list(made)}; both need the same depths")
    first = next(iter(made.values()))
    for depth, ys in made.items():
        if list(ys) != list(first):
            raise ValueError(
                f"sixteen_phases: {depth!r} has {len(ys)} choices, others {len(first)}; give each the same"
            )
    if start[0] not in made or start[1] not in first:
        raise ValueError(f"sixteen_phases: start={start!r} is not among the choices of {list(made)}")
    channels = min(truth.shape[0] for truth in truths.values())
    if not 0 <= channel < channels:
        raise ValueError(f"sixteen_phases: channel={channel}; the maps have the channels 0 to {channels - 1}")
    return SixteenPhases(truths, made, rate, channel, window, start)
