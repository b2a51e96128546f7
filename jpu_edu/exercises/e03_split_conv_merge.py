"""Exercises 03: merge, split-conv-merge, the dilated twin of a black box, and where reflection breaks it.

Shape legend
    phases   list of rate * rate maps, in the order of `split`
    x        (1, C, H, W)
    weight   (D, C, k, k), k odd
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from jpu_edu.exercises.draws import Draws
from jpu_edu.exercises.maps import by_phases, copied
from jpu_edu.exercises.puzzle import left, once
from jpu_edu.exercises.task import Mistake, Task, ruled
from jpu_edu.ops import phases as ops

# ---- task 1: merge -----------------------------------------------------------------------------------------


def _placed(phases: list[Tensor], rate: int, *, where: Callable, size: tuple[int, int] | None = None) -> Tensor:
    """Phases written to the rows and columns that where(p, q) names, on a map of the right size or of `size`."""
    merged = torch.zeros_like(ops.merge(phases, rate=rate)) if size is None else phases[0].new_zeros(size)
    for k, phase in enumerate(phases):
        rows, columns = where(*divmod(k, rate))
        merged[..., rows, columns] = phase
    return merged


@ruled
def _steps(begin: Callable, phases: list[Tensor], rate: int) -> Tensor:
    """Every rate-th row and column from begin(p, q, rate) on."""
    return _placed(phases, rate, where=lambda p, q: tuple(slice(n, None, rate) for n in begin(p, q, rate)))


def _tiled(phases: list[Tensor], rate: int) -> Tensor:
    return torch.cat([torch.cat(phases[p * rate : (p + 1) * rate], -1) for p in range(rate)], -2)


def _from_the_first(phases: list[Tensor], rate: int) -> Tensor:
    """A map that would be right if all phases were as large as phase 0."""
    size = tuple(rate * n for n in phases[0].shape[-2:])
    high, wide = phases[0].shape
    padded = [F.pad(one, (0, wide - one.shape[1], 0, high - one.shape[0])) for one in phases]
    return _placed(padded, rate, where=lambda p, q: (slice(p, None, rate), slice(q, None, rate)), size=size)


def _merge_cases(draw: Draws) -> list[tuple]:
    sizes = [(4, 4, 2), (4, 6, 2), (5, 5, 2), (6, 6, 3), (5, 7, 2), (7, 8, 3)]
    sizes += [(draw.whole(r, 20), draw.whole(r, 20), r) for r in (2, 3, 4, 5, 2, 3)]
    cases = [(list(ops.split(draw.distinct(n, m), rate=r)), r) for n, m, r in sizes]
    return [*cases, (list(ops.split(draw.photograph(50, 61)[0, 0], rate=3)), 3)]


check_merge = Task(
    name="check_merge", exercise="03", number=1, cases=_merge_cases, phases=True,
    reference=lambda phases, rate: ops.merge(phases, rate=rate),
    mistakes=(
        Mistake("swapped axes", "You deal the phases column by column. Phase k = p · rate + q starts in row p = k // "
                "rate and column q = k % rate; yours has p and q exchanged.", _steps(lambda p, q, r: (q, p))),
        Mistake("reverse order", "You begin with the last phase. Phase 0 holds the pixel in the corner, row 0, "
                "column 0.", _steps(lambda p, q, r: (r - 1 - p, r - 1 - q))),
        Mistake("off by one", "Every phase has moved on by one: phase 0 starts at row 0 and column 0, not at 1.",
                _steps(lambda p, q, r: ((p + 1) % r, (q + 1) % r))),
        Mistake("one colon", "`p:rate` is one piece of the map. Every rate-th row from p on is `p::rate`.",
                lambda phases, rate: _placed(phases, rate, where=lambda p, q: (slice(p, rate), slice(q, rate)))),
        Mistake("beyond the end", "Your last phase lies outside the map: phase 0 starts at row 0 and column 0, and p "
                "and q are at most rate − 1.", _steps(lambda p, q, r: (p + 1, q + 1))),
        Mistake("rate fixed at 2", "Right at rate 2. At rate 3 there are nine phases, three in a row: use `rate`.",
                lambda phases, rate: _placed(phases, rate, where=lambda p, q: tuple(
                    slice(n, None, 2) for n in divmod(p * rate + q, 2)))),
        Mistake("tiles", "You lay the phases side by side, like tiles. They belong *between* one another: neighbours "
                "in a phase are `rate` pixels apart in the map.", _tiled),
        Mistake("size from phase 0", "You take all phases to be as large as phase 0. At sizes that the rate does not "
                "divide the last ones are smaller: add up the heights of the first column of phases, and the widths "
                "of the first row.", _from_the_first),
    ),
    hints=(
        "Split a map whose pixels are numbered 0, 1, 2, ... and look where each number has to go back to.",
        "`split` made phase k with x[..., p::rate, q::rate]. The same slice, on the left of an =, puts it back.",
        "p, q = divmod(k, rate); then assign the phase to every rate-th row from p on and every rate-th column from "
        "q on.",
    ),
)  # fmt: skip

# ---- task 2: split, conv, merge ----------------------------------------------------------------------------


def _dilated(x: Tensor, weight: Tensor, rate: int) -> Tensor:
    return F.conv2d(x, weight, dilation=rate, padding=rate * (weight.shape[-1] // 2))


def _misread(x: Tensor, weight: Tensor, rate: int, *, wrong: str) -> Tensor:
    """Split, a convolution with a wrong padding or with holes, merge."""
    half, holes = weight.shape[-1] // 2, rate if wrong == "dilated twice" else 1
    padding = {"no padding": 0, "padding fixed at 1": 1}.get(wrong, rate * half)
    return by_phases(lambda phase: F.conv2d(phase, weight, padding=padding, dilation=holes), x, rate)


def _first_for_all(x: Tensor, weight: Tensor, rate: int) -> Tensor:
    """Phase 0 convolved, and used in the place of every phase."""
    phases = ops.split(x, rate=rate)
    first = F.conv2d(phases[0], weight, padding=weight.shape[-1] // 2)
    return ops.merge([first[..., : one.shape[-2], : one.shape[-1]] for one in phases], rate=rate)


def _by_columns(x: Tensor, weight: Tensor, rate: int) -> Tensor:
    parts = [x[..., p::rate, q::rate] for q in range(rate) for p in range(rate)]
    return ops.merge([F.conv2d(part, weight, padding=weight.shape[-1] // 2) for part in parts], rate=rate)


def _dilated_cases(draw: Draws) -> list[tuple]:
    sizes = [(4, 4, 3, 2), (6, 6, 5, 2), (6, 6, 3, 3), (5, 7, 3, 2), (8, 7, 5, 3)]
    cases = [(draw.distinct(1, 1, n, m), draw.kernel(1, 1, k, k), r) for n, m, k, r in sizes]
    for _ in range(5):
        k, rate = draw.choice((1, 3, 5)), draw.whole(2, 4)
        x = draw.normal(1, 3, draw.whole(12, 20), draw.whole(12, 20))
        cases.append((x, draw.normal(2, 3, k, k), rate))
    return [*cases, (draw.photograph(40, 51), draw.normal(2, 1, 3, 3), 2)]


check_dilated = Task(
    name="check_dilated", exercise="03", number=2, cases=_dilated_cases, phases=True, reference=_dilated,
    variants=_misread,
    mistakes=(
        Mistake("padding of the map", "You pad each phase with r(k−1)/2 zeros, which is what the whole map needs. In "
                "a phase the taps are neighbours again: (k−1)/2."),
        Mistake("no padding", "Your phases shrink, and the map with them. A regular convolution needs (k−1)/2 zeros "
                "to keep the size of a phase."),
        Mistake("padding fixed at 1", "Right for 3 x 3 kernels. A padding of 1 belongs to k = 3; in general it is "
                "(k−1)/2."),
        Mistake("dilated twice", "You split *and* dilate. The split has taken the holes away already: in a phase the "
                "taps are neighbours, and the convolution there is a regular one."),
        Mistake("not split", "That is the regular convolution of the whole map. The kernel should meet one phase at "
                "a time.", lambda x, weight, rate: F.conv2d(x, weight, padding=weight.shape[-1] // 2)),
        Mistake("dealt by columns", "Every number is right and sits in a wrong place. `merge` wants the phases row by "
                "row: p in the outer loop, q in the inner one.", _by_columns),
        Mistake("phase 0 for all", "You convolve phase 0 and use the result for every phase. They look alike and are "
                "not: convolve each.", _first_for_all),
    ),
    hints=(
        "Follow one output: which pixels does it read in the map, and which are they in its phase?",
        "Three steps, S → C_r → M. Inside a phase there are no holes: which padding keeps the size of a *regular* "
        "convolution with a k x k kernel?",
        "phases.split(x, rate=rate); F.conv2d(phase, weight, padding=k // 2) for each; the merge is written already.",
    ),
)  # fmt: skip

# ---- task 3: the dilated twin of a network that you cannot open --------------------------------------------


@dataclass(frozen=True)
class Net:
    """Regular 3 x 3 layers with bias and ReLU, each padded by 1. Its inside is not shown: call it."""

    layers: Sequence[tuple[Tensor, Tensor]] = field(repr=False)

    def __call__(self, x: Tensor) -> Tensor:
        return self.dilated(x, 1)

    def dilated(self, x: Tensor, rate: int) -> Tensor:
        for weight, bias in self.layers:
            x = F.conv2d(x, weight, bias, padding=rate, dilation=rate).relu()
        return x


def _interpolated(net: Net, x: Tensor, rate: int, *, corners: bool) -> Tensor:
    return F.interpolate(net(x[..., ::rate, ::rate]), size=x.shape[-2:], mode="bilinear", align_corners=corners)


def _filled(net: Net, x: Tensor, rate: int) -> Tensor:
    """The map filled with zeros up to a multiple of the rate, the result cropped."""
    padded = F.pad(x, (0, -x.shape[-1] % rate, 0, -x.shape[-2] % rate))
    return by_phases(net, padded, rate)[..., : x.shape[-2], : x.shape[-1]]


def _net_cases(draw: Draws) -> list[tuple]:
    def whole(*shape: int) -> Tensor:
        return draw.distinct(*shape) % 4 - 1

    def net(layers: int, width: int, make: Callable = draw.normal) -> Net:
        channels = [1, *[width] * (layers - 1), 1]
        return Net([(make(d, c, 3, 3), draw.distinct(d)) for c, d in pairwise(channels)])

    cases = [(net(1, 1, whole), draw.distinct(1, 1, n, m), r) for n, m, r in ((4, 4, 2), (6, 4, 2), (5, 5, 2))]
    cases += [(net(2, 2, whole), draw.distinct(1, 1, 7, 6), 3)]
    cases += [(net(3, 4), draw.normal(1, 1, draw.whole(9, 18), draw.whole(9, 18)), draw.whole(2, 4)) for _ in range(5)]
    return [*cases, (net(2, 3), draw.photograph(37, 49), 2)]


check_twin = Task(
    name="check_twin", exercise="03", number=3, cases=_net_cases, phases=True,
    reference=lambda net, x, rate: net.dilated(x, rate),
    mistakes=(
        Mistake("not split", "That is the network as it is. Its dilated twin reads every rate-th pixel: give it maps "
                "in which these are neighbours.", lambda net, x, rate: net(x)),
        Mistake("one phase repeated", "You run phase 0 and repeat its outputs. That is upsampling by copying: phase "
                "0 of the answer is right, the others are guesses. Run the other phases too.",
                lambda net, x, rate: copied(net(x[..., ::rate, ::rate]), rate, x.shape[-2:])),
        Mistake("one phase, align_corners=True", "You run phase 0 and interpolate, the corners aligned. It is a "
                "guess, and shifted: sample i sits at pixel i · rate. Run the other phases.",
                partial(_interpolated, corners=True)),
        Mistake("one phase, align_corners=False", "You run phase 0 and interpolate as if samples were block centres. "
                "It is a guess, and shifted. Run the other phases.", partial(_interpolated, corners=False)),
        Mistake("merged in swapped order", "Every number is right and sits in a wrong place: the outputs are merged "
                "with rows and columns exchanged.",
                lambda net, x, rate: _steps(lambda p, q, r: (q, p))([net(y) for y in ops.split(x, rate=rate)], rate)),
        Mistake("filled with zeros", "Right while the rate divides the size, or the network has one layer. You fill "
                "the map with zeros first; after one layer with a bias these are no zeros any more, and the next "
                "layer reads them. Let the phases have different sizes.", _filled),
        Mistake("remainder cut off", "Your map is too small at sizes that the rate does not divide. The phases may "
                "differ in size by one; nothing has to be cut.", lambda net, x, rate: by_phases(
                    net, x[..., : x.shape[-2] // rate * rate, : x.shape[-1] // rate * rate], rate)),
    ),
    hints=(
        "You need nothing but split, net and merge. In which order, and how often is `net` called?",
        "In a chain S → C_r → M → S → C_r → M the inner M and S cancel. What remains is S, the whole net, M.",
        "Call net on each phase of split(x, rate=rate), keep the order, merge.",
    ),
)  # fmt: skip

# ---- task 4: break it --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reflected:
    """A signal, a rate and three taps; beyond its ends the signal is continued by reflection."""

    rate: int
    size: int

    def __str__(self) -> str:
        return f"rate {self.rate}, a signal of {self.size} numbers"

    @property
    def differ(self) -> list[int]:
        """Found by trying: the outputs at which both ways disagree on a random signal."""
        draw, r = Draws(self.rate), self.rate
        x, w = draw.normal(1, 1, self.size), draw.normal(1, 1, 3)
        whole = F.conv1d(F.pad(x, (r, r), mode="reflect"), w, dilation=r)[0, 0]
        parts = [F.conv1d(F.pad(x[..., q::r], (1, 1), mode="reflect"), w) for q in range(r)]
        merged = ops.merge(parts, rate=(1, r))[0, 0]
        return (merged - whole).abs().gt(1e-9).nonzero().flatten().tolist()


def given(seed: int) -> Reflected:
    """The signal of task 4 for this seed."""
    draw = Draws(seed)
    return Reflected(draw.whole(3, 5), draw.whole(21, 30))


def _places(signal: Reflected, answer: list[int]) -> str | None:
    if beyond := [place for place in answer if place not in range(signal.size)]:
        return f"{beyond[0]} is no place of this signal; they count from 0 to {signal.size - 1}"
    if wrong := [place for place in answer if place not in signal.differ]:
        return f"at place {wrong[0]} both ways give the same number"
    return left(len(signal.differ), answer, "place{s} differ")


def _both_ends(signal: Reflected, places: Sequence[int]) -> list[int]:
    return sorted({*places, *(signal.size - 1 - place for place in places)})


check_places = Task(
    name="check_places", exercise="03", number=4, cases=once(given), measure=_places,
    mistakes=(
        Mistake("the outermost", "The two ends are right! Place 0 reads place −r, which is reflected onto r; its "
                "phase reflects onto its next number, and that is r as well. Look one place further in.",
                lambda signal: [0, signal.size - 1]),
        Mistake("all that read beyond the end", "Nearly. All these read beyond the ends, but reading there is not "
                "yet reading something *else*. Follow place 0.",
                lambda signal: _both_ends(signal, range(signal.rate))),
        Mistake("as at rate 2", "That was the answer at rate 2. At this rate more phases have to reflect.",
                lambda signal: _both_ends(signal, [1])),
        Mistake("left end only", "The left end is right. What happens at the other one?",
                lambda signal: list(range(1, signal.rate))),
        Mistake("right end shifted", "The left end is right. The right end is its mirror image: what place i is there, "
                "place N − 1 − i is here. N − 1 itself mirrors place 0.", when=lambda signal, answer: {
                    place for place in answer if place < signal.size // 2} == set(range(1, signal.rate))),
        Mistake("none", "With zeros it would be none. Take place 1: which number does the whole signal put at place "
                "1 − r, and which one does the phase that begins with place 1 put there?", lambda signal: []),
    ),
    hints=(
        "Take place 1. Which place of the signal does it read beyond the end, once for each way?",
        "The signal reflects place −m onto m. Phase q = 0 .. r−1 reflects the place before its first, q − r, onto "
        "its second, q + r. For which q is r − q the same as r + q?",
        "On the left it is every phase but one. The right end mirrors the left: place i there is place N − 1 − i.",
    ),
)  # fmt: skip
