"""Where every pixel of the split / conv / merge animation stands, at home and in its phase.

Shape legend
    H, W       the map; k_h, k_w the kernel; r_h, r_w the rate
    a, b       a row and a column of the map; i, j of phase k = p * r_w + q: a = i * r_h + p, b = j * r_w + q
"""

from dataclasses import replace

from jpu_edu.widgets.frames import CELL, Mark
from jpu_edu.widgets.maps import SLIVER, TAP, TOP, Marks, edge, extent, labels, number, padded
from jpu_edu.widgets.phase_numbers import PhaseNumbers

GAP = 14
LEAST = 520  # the narrowest picture: labels need room


class PhasePlaces:
    """Places for every mark: x and the outputs of C_d left, the phases and their outputs right."""

    def __init__(self, n: PhaseNumbers) -> None:
        self.n = n
        (height, width), (rate_h, rate_w) = n.x.shape, n.rate
        kernel_w = TAP * n.weight.shape[1]
        left = extent(width, n.wide[1])
        self.right = max(left + max(36, kernel_w + 28 - (n.wide[1] + n.pad[1]) * SLIVER), LEAST // 2)
        rows = [extent(n.phases[p * rate_w].shape[0], n.pad[0]) + GAP for p in range(rate_h)]
        columns = [extent(n.phases[q].shape[1], n.pad[1]) + GAP for q in range(rate_w)]
        self.origin = [
            (self.right + sum(columns[:q]), TOP + sum(rows[:p])) for p in range(rate_h) for q in range(rate_w)
        ]
        above = max(extent(height, n.wide[0]), sum(rows) - GAP)
        self.below = TOP + above + 44
        self.kernel_at = (edge(width, width, n.wide[1]), self.below)
        between = self.right + edge(0, 1, n.pad[1]) - self.kernel_at[0]
        self.kernel_at = (self.kernel_at[0] + (between - kernel_w) // 2, self.below)
        spread = CELL * n.merged.shape[0] + (rate_h - 1) * GAP
        tall = max(spread, TAP * n.weight.shape[0] + 24)
        self.size = (max(self.right + sum(columns) - GAP, LEAST) + 2, self.below + tall + 4)
        self.x = padded(n.x, n.wide, at=(0, TOP), colour=lambda a, b: str(n.phase_of(a, b)))

    def flown(self) -> dict[tuple[int, int], Mark]:
        """Every pixel of x, its padding too, at its place in its phase; keyed by its place in x."""
        n, places = self.n, {}
        for k, phase in enumerate(n.phases):
            p, q = divmod(k, n.rate[1])
            for (i, j), mark in padded(phase, n.pad, at=self.origin[k], colour=lambda _i, _j, k=k: str(k)).items():
                places[i * n.rate[0] + p, j * n.rate[1] + q] = mark
        return places

    def output(self, k: int, i: int, j: int, *, merged: bool) -> Mark:
        """Output (i, j) of phase k: under its phase, or at its place in the merged map."""
        n, (p, q) = self.n, divmod(k, self.n.rate[1])
        value = n.phase_outputs[k][i, j].item()
        if merged:
            a, b = i * n.rate[0] + p, j * n.rate[1] + q
            x = self.right + edge(0, 1, n.pad[1]) + CELL * b
            return Mark(x, self.below + CELL * a, number(n.merged[a, b].item()), str(k))
        before = sum(n.phase_outputs[m * n.rate[1]].shape[0] * CELL + GAP for m in range(p))
        x = self.origin[k][0] + edge(0, 1, n.pad[1])
        return Mark(x + CELL * j, self.below + before + CELL * i, number(value), str(k))

    def base(self, *, flown: bool, coloured: bool, padding: bool) -> Marks:
        """x, and its pixels at home or in their phases."""
        marks = {}
        for (a, b), mark in self.x.items():
            zero = mark.look == "zero"
            look = ("zero" if padding else "hidden") if zero else ("plain" if coloured else "bare")
            marks[f"x{a}_{b}"] = replace(mark, look=look)
        for (a, b), mark in self.flown().items():
            home, zero = self.x[a, b], mark.look == "zero"
            look = "hidden" if not flown or (zero and not padding) else mark.look
            place = mark if flown else home
            marks[f"s{a}_{b}"] = replace(mark, x=place.x, y=place.y, look=look)
        return marks

    def labels(self, *, top: str = "", left: str = "", right: str = "") -> Marks:
        texts = {
            "label-x": (edge(0, 1, self.n.wide[1]), TOP - 9, "x"),
            "label-top": (self.right + edge(0, 1, self.n.pad[1]), TOP - 9, top),
            "label-left": (edge(0, 1, self.n.wide[1]), self.below - 9, left),
            "label-right": (self.right + edge(0, 1, self.n.pad[1]), self.below - 9, right),
        }
        said = {key: label for key, label in texts.items() if label[2]}
        return labels(self.n.weight, said, kernel_at=self.kernel_at)
