"""The phase picker: lay each phase of y_d over y_s, and count the bits that differ. Only phase (0, 0) lands on itself.

Shape legend
    C       channels; one of them is drawn, all of them are counted
    h, w    y_s, the map at stride 32
    H, W    y_d, the map at stride 32 / rate of the same weights
    p, q    phase k = p * rate + q is y_d[:, p::rate, q::rate]
"""

import matplotlib.pyplot as plt
from jaxtyping import UInt8
from matplotlib.figure import Figure
from torch import Tensor

from jpu_edu.draw import style
from jpu_edu.ops.phases import split
from jpu_edu.widgets.frames import MARKERS, phase_swatches
from jpu_edu.widgets.page import Page

INSET = 0.62  # of a cell of y_s: the side of a pixel that has landed on it


def differing(y_s: UInt8[Tensor, "C h w"], phase: UInt8[Tensor, "C h2 w2"]) -> tuple[int, int, int]:
    """(values compared, values that differ, bits that differ). A phase may be a row or a column short of y_s."""
    flipped = y_s[:, : phase.shape[1], : phase.shape[2]] ^ phase
    return flipped.numel(), int(flipped.count_nonzero()), sum(int((flipped >> bit & 1).sum()) for bit in range(8))


class PhasePicker(Page):
    """What `phase_picker` returns; the last line of a cell shows it, on a static page too."""

    name = "picker"

    def __init__(self, y_s: Tensor, y_d: Tensor, rate: int, channel: int, start: int) -> None:
        self.y_s, self.y_d, self.rate, self.start = y_s[channel], y_d[channel], rate, start
        self.counts = [differing(y_s, phase) for phase in split(y_d, rate=rate)]

    def data(self) -> dict[str, object]:
        """Everything that the page is given: the two maps, and the counts."""
        swatches = phase_swatches((self.rate, self.rate)).values()
        phases = [
            {"counts": counts, "colour": s.colour, "ink": s.ink, "mark": MARKERS[s.marker]}
            for counts, s in zip(self.counts, swatches, strict=True)
        ]
        maps = {"y_s": self.y_s.tolist(), "y_d": self.y_d.tolist()}
        return {"rate": self.rate, "start": self.start, "inset": INSET, "phases": phases, **maps}

    def _says(self, k: int) -> str:
        values, _, bits = self.counts[k]
        return f"phase {divmod(k, self.rate)} differs in {bits:,} of {8 * values:,} bits"

    @property
    def alt(self) -> str:
        sizes = " by ".join(map(str, self.y_s.shape)), " by ".join(map(str, self.y_d.shape))
        maps = f"Left y_s, {sizes[0]}; right y_d of the same weights, {sizes[1]}."
        return f"{maps} Of y_d, laid over y_s, {self._says(0)}; {self._says(self.start)}."

    def figure(self) -> Figure:
        """The still picture: y_d with a phase framed, and two phases inset in the cells of y_s."""
        figure, axes = plt.subplots(1, 3, figsize=(9.375, 2.6), layout="constrained", width_ratios=(1, 1, 1.12))
        grey = plt.Normalize(int(self.y_d.min()), int(self.y_d.max()))
        for panel, k, spread in zip(axes, (0, self.start, self.start), (1, 1, self.rate), strict=True):
            panel.imshow((self.y_s if spread == 1 else self.y_d).numpy(), norm=grey)
            panel.set_title(self._says(k) if spread == 1 else "y_d, and this phase of it", fontsize=8.5)
            panel.set_axis_off()
            phase, (p, q) = split(self.y_d, rate=self.rate)[k], divmod(k, self.rate)
            side, first = (INSET, (0, 0)) if spread == 1 else (1, (p, q))
            for i, j in ((i, j) for i in range(phase.shape[0]) for j in range(phase.shape[1])):
                corner = (first[1] + j * spread - side / 2, first[0] + i * spread - side / 2)
                tone = plt.cm.gray(grey(phase[i, j].item()))
                framed = spread > 1 or phase[i, j] != self.y_s[i, j]
                edge = style.phase_colour(k, rate=self.rate) if framed else tone
                panel.add_patch(plt.Rectangle(corner, side, side, fc=tone, ec=edge, lw=1.2 * framed))
        return figure

    def __repr__(self) -> str:
        return f"{self.alt}\nOn a page with scripts: pick one of {len(self.counts)} phases."


def phase_picker(
    y_s: UInt8[Tensor, "C h w"],
    y_d: UInt8[Tensor, "C H W"],
    *,
    rate: int = 4,
    channel: int = 0,
    start: tuple[int, int] = (1, 2),
) -> PhasePicker:
    """Two maps of the same weights; the reader picks a phase of the fine one and lays it over the coarse one.

    Notice: the maps hold 8-bit integers, whose sums are exact in every order. So "0 bits differ" is true on
    every machine; floating point would add rounding noise that depends on the processor.

    Args:
        y_s: (C, h, w), at stride 32.
        y_d: (C, H, W), with h = ceil(H / rate) and w = ceil(W / rate).
        rate: 4 for 16 phases, 2 for 4.
        channel: the one that is drawn; the counts run over all of them.
        start: the phase (p, q) that is picked first.

    Raises:
        ValueError: sizes that do not belong together; a channel or a start that is not there.

    Source: FastFCN, section 3.3: y_s = y_m^0 -> C_r^n; walkthrough 08.
    """
    fits = tuple(-(-n // rate) for n in y_d.shape[-2:])
    if y_s.shape[0] != y_d.shape[0] or fits != tuple(y_s.shape[-2:]):
        raise ValueError(
            f"phase_picker: y_s is {tuple(y_s.shape)}, y_d {tuple(y_d.shape)}; at rate={rate} this y_d needs a y_s of "
            f"{(y_d.shape[0], *fits)}"
        )
    if not 0 <= channel < y_s.shape[0]:
        raise ValueError(f"phase_picker: channel={channel}; the maps have the channels 0 to {y_s.shape[0] - 1}")
    if not all(0 <= place < rate for place in start):
        raise ValueError(f"phase_picker: start={start}; p and q go from 0 to {rate - 1}")
    return PhasePicker(y_s, y_d, rate, channel, start[0] * rate + start[1])
