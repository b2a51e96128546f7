"""The bill: two networks side by side, part by part, at any size. Python has counted, the page draws."""

from collections.abc import Mapping
from typing import get_args

from matplotlib.figure import Figure

from jpu_edu.bench.ledger import PAPER_RATIO
from jpu_edu.draw.ledger import draw_ledger
from jpu_edu.widgets.bill_lines import DEPTHS, PARTS, Choice, Form, Head, choices, stored, total
from jpu_edu.widgets.page import Page

SIZES = (128, 1024)  # of the slider, in steps of 32

#: What the buttons choose: the four pairs that the authors timed, a light backbone, and the head's kernel alone.
PAIRS = {
    "EncNet-50": (Choice(50, "dilated", "enc 3x3"), Choice(50, "jpu", "enc 1x1")),
    "EncNet-101": (Choice(101, "dilated", "enc 3x3"), Choice(101, "jpu", "enc 1x1")),
    "PSP-50": (Choice(50, "dilated", "psp"), Choice(50, "jpu", "psp")),
    "DeepLabv3-50": (Choice(50, "dilated", "aspp"), Choice(50, "jpu", "aspp")),
    "EncNet-18": (Choice(18, "dilated", "enc 3x3"), Choice(18, "jpu", "enc 1x1")),
    "the 1x1 alone": (Choice(50, "dilated", "enc 3x3"), Choice(50, "dilated", "enc 1x1")),
}


class BillOfTwo(Page):
    """What `bill` returns; the last line of a cell shows it, with or without a kernel."""

    name = "bill"

    def __init__(
        self, depths: tuple[int, ...], start: str, size: int, measured: Mapping[str, float], machine: str
    ) -> None:
        self.start, self.size, self.measured, self.machine = start, size, dict(measured), machine
        self.choices = choices(depths)
        self.depths = depths
        self.pairs = {name: pair for name, pair in PAIRS.items() if pair[0].depth in depths}

    def _paper(self, name: str) -> float | None:
        return PAPER_RATIO.get(f"{name} + JPU")

    def data(self) -> dict[str, object]:
        """Everything that the page is given: the lines of all networks, and which pairs were timed."""
        return {
            "depths": self.depths,
            "forms": get_args(Form),
            "heads": get_args(Head),
            "parts": list(PARTS.values()),
            "sizes": SIZES,
            "size": self.size,
            "start": self.start,
            "machine": self.machine,
            "networks": {str(choice): stored()[str(choice)] for choice in self.choices},
            "pairs": [
                {
                    "name": name, "a": a._asdict(), "b": b._asdict(),
                    "paper": self._paper(name), "measured": self.measured.get(name),
                }
                for name, (a, b) in self.pairs.items()
            ],
        }  # fmt: skip

    def _twins(self) -> dict[str, tuple[Choice, Choice]]:
        return {name: pair for name, pair in self.pairs.items() if pair[1].form == "jpu"}

    @property
    def alt(self) -> str:
        said = []
        for name, pair in self._twins().items():
            a, b = (total(choice, size=self.size)["gmac"] for choice in pair)
            said.append(f"{name} {a:.1f} to {b:.1f}")
        return f"GMAC at {self.size} x {self.size}, dilated and with JPU: {'; '.join(said)}."

    def figure(self) -> Figure:
        """All twins as one sheet."""
        groups = [
            [
                {"name": f"{name}{end}", "ratio": self.measured.get(name), "paper": self._paper(name),
                 **total(choice, size=self.size)}
                for choice, end in zip(pair, (" dilated", " + JPU"), strict=True)
            ]
            for name, pair in self._twins().items()
        ]  # fmt: skip
        return draw_ledger(groups)

    def __repr__(self) -> str:
        return f"{self.alt}\nOn a page with scripts: choose two networks and a size."


def bill(
    *,
    depths: tuple[int, ...] = DEPTHS,
    start: str = "EncNet-50",
    size: int = 512,
    measured: Mapping[str, float] | None = None,
    machine: str = "",
) -> BillOfTwo:
    """Two networks, A and B: their work part by part, their parameters and their memory, at the size of a slider.

    Notice: change one thing at a time. EncNet's kernel alone, from 3x3 to 1x1, saves more than a whole JPU costs.

    Args:
        depths: of the ResNets to choose from; some of DEPTHS.
        start: the pair that is shown first; one of PAIRS whose depth is offered.
        size: of the square image at the start.
        measured: pair -> time of the dilated network / time of its twin, at 512 x 512; shown beside the paper's.
        machine: where that was measured, in a few words.

    Raises:
        ValueError: a depth, pair or size that is not offered.

    Source: FastFCN, section 4; walkthrough 13.
    """
    if not depths or not set(depths) <= set(DEPTHS):
        raise ValueError(f"bill: depths={depths}; choose some of {', '.join(map(str, DEPTHS))}")
    shown = BillOfTwo(depths, start, size, measured or {}, machine)
    if start not in shown.pairs:
        raise ValueError(f"bill: start={start!r}; choose one of {', '.join(shown.pairs)}")
    if size % 32 or not SIZES[0] <= size <= SIZES[1]:
        raise ValueError(f"bill: size={size}; choose a multiple of 32 from {SIZES[0]} to {SIZES[1]}")
    return shown
