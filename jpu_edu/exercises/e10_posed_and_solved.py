"""Exercises 10: one equation a sample, equation 4, its closed form, and a residual of 0 that means nothing.

Shape legend
    y_m0, y_s    (n,) in task 1, (1, C, h, w) and (1, D, h, w) in task 3: the small guide and the small target
    y_m          (1, C, H, W)    the large guide; y_m0 is its phase (0, 0) at `rate`
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from jpu_edu.exercises.draws import Draws
from jpu_edu.exercises.maps import by_phases, copied
from jpu_edu.exercises.puzzle import once
from jpu_edu.exercises.task import Mistake, Task, ruled
from jpu_edu.ops.interp import phase_aligned, resize
from jpu_edu.ops.phases import merge, reduce, split
from jpu_edu.ops.solve import Fit, fit_h

# ---- task 1: one equation a sample -------------------------------------------------------------------------


@ruled
def _fitted(rows: Callable, y_m0: Tensor, y_s: Tensor) -> Tensor:
    """Least squares with the rows that rows(y_m0) returns, (n, 3)."""
    found = rows(y_m0)
    start = (len(y_s) - len(found)) // 2
    return torch.linalg.lstsq(found, y_s[start : start + len(found), None]).solution[:, 0]


def _windows(y: Tensor, pad: tuple[int, int] = (1, 1), mode: str = "constant") -> Tensor:
    return F.pad(y[None], pad, mode=mode)[0].unfold(0, 3, 1)


def _convolved(y: Tensor, taps: Tensor) -> Tensor:
    return _windows(y) @ taps


def _signals(draw: Draws) -> list[tuple]:
    """Some that three taps explain, and some that they do not."""
    sizes, cases = (5, 6, 8, 9, 7, 9, draw.whole(10, 30), draw.whole(10, 30), draw.whole(30, 90)), []
    for k, n in enumerate(sizes):
        y_m0 = draw.distinct(n) - n // 2 if n < 10 else draw.normal(n)
        y_s = _convolved(y_m0, draw.kernel(3))
        cases.append((y_m0, y_s if k % 4 < 2 else y_s.relu()))
    return cases


check_taps = Task(
    name="check_taps", exercise="10", number=1, cases=_signals, reference=_fitted(_windows),
    mistakes=(
        Mistake("flipped", "Your taps come out in reverse order. h0 belongs to the number on the *left*: a network's "
                "convolution does not turn its kernel round.", _fitted(lambda y: _windows(y).flip(1))),
        Mistake("begins at i", "Your window begins at place i. Its middle tap stands there: i − 1, i, i + 1.",
                _fitted(lambda y: _windows(y, (0, 2)))),
        Mistake("ends at i", "Your window ends at place i. Its middle tap stands there: i − 1, i, i + 1.",
                _fitted(lambda y: _windows(y, (2, 0)))),
        Mistake("round the end", "y_m0[−1] is the *last* number, without an error. To the left of place 0 stands 0.",
                _fitted(lambda y: _windows(y, mode="circular"))),
        Mistake("ends held", "Beyond the ends you repeat the last number. The convolution that made y_s saw zeros "
                "there.", _fitted(lambda y: _windows(y, mode="replicate"))),
        Mistake("ends left out", "Right where three taps explain everything. Where they do not, each sample has its "
                "say, the first and the last too: with a 0 beyond the end.", _fitted(lambda y: y.unfold(0, 3, 1))),
    ),
    hints=(
        "Write out the equation of place 0 on paper, and that of the last place. What stands beyond the ends?",
        "Row i holds the three numbers under the kernel when it stands at place i, left to right, zeros beyond the "
        "ends.",
        "Put a 0 before y_m0 and one behind it; then row i is padded[i : i + 3].",
    ),
)  # fmt: skip

# ---- task 2: equation 4 ------------------------------------------------------------------------------------


def _joint(y_m: Tensor, y_s: Tensor, rate: int) -> Tensor:
    return _best(y_m, y_s, rate).on_guide(y_m, rate=rate)


def _best(y_m: Tensor, y_s: Tensor, rate: int) -> Fit:
    return fit_h(reduce(y_m, rate=rate), y_s, bias=True)


def _fitted_to(small: Callable, *, bias: bool = True) -> Callable:
    """Fitted on small(y_m, y_s, rate) in the place of y_m0, applied as it should be."""
    return lambda y_m, y_s, rate: fit_h(small(y_m, y_s, rate), y_s, bias=bias).on_guide(y_m, rate=rate)


def _exchanged(y_m: Tensor, y_s: Tensor, rate: int) -> Tensor:
    phases, h = split(y_m, rate=rate), _best(y_m, y_s, rate)
    return merge([h(phases[k % rate * rate + k // rate]) for k in range(rate * rate)], rate=rate)


def _kept(y_m: Tensor, y_s: Tensor, rate: int) -> Tensor:
    y = _joint(y_m, y_s, rate)
    y[..., ::rate, ::rate] = y_s
    return y


def _guides(draw: Draws) -> list[tuple]:
    cases = []
    for h, w, rate in ((8, 8, 2), (9, 9, 2), (9, 8, 2), (12, 13, 3), (12, 12, 3)):
        y_m, weight = draw.distinct(1, 1, h, w) % 19 - 9, draw.kernel(1, 1, 3, 3).clamp(-3, 3)
        cases.append((y_m, F.conv2d(reduce(y_m, rate=rate), weight, draw.distinct(1) + 9, padding=1), rate))
    for k in range(5):
        rate, channels = draw.whole(2, 4), draw.whole(1, 2)
        y_m = draw.normal(1, channels, *(rate * draw.whole(7, 10) - k % 2 * draw.whole(0, rate - 1) for _ in range(2)))
        y_s = F.conv2d(reduce(y_m, rate=rate), draw.normal(2, channels, 3, 3), draw.normal(2), padding=1)
        cases.append((y_m, y_s.relu() if k else y_s, rate))
    return cases


check_joint = Task(
    name="check_joint", exercise="10", number=2, cases=_guides, reference=_joint,
    mistakes=(
        Mistake("not split", "You apply h to y_m as it is. There the neighbours of a pixel belong to other phases; h "
                "was fitted to neighbours that are `rate` apart. Split first.",
                lambda y_m, y_s, rate: _best(y_m, y_s, rate)(y_m)),
        Mistake("another phase", "You fit h to phase (1, 1). y_s stands at (0, 0): phases begin at place 0.",
                _fitted_to(lambda y_m, y_s, rate: y_m[..., 1::rate, 1::rate])),
        Mistake("a later phase", "You fit h to a later phase. y_s was computed from the one in front, phase (0, 0): "
                "`phases[0]`.", _fitted_to(lambda y_m, y_s, rate: split(y_m, rate=rate)[1])),
        Mistake("wrong way round", "You fit a map from y_s to the guide. It is the guide that is known everywhere: "
                "fit_h(guide, target).",
                lambda y_m, y_s, rate: by_phases(fit_h(y_s, reduce(y_m, rate=rate), bias=True), y_m, rate)),
        Mistake("h of y_s", "You apply h to y_s. It was fitted to phases of the guide and is applied to phases of the "
                "guide.", lambda y_m, y_s, rate: by_phases(lambda phase: _best(y_m, y_s, rate)(y_s), y_m, rate)),
        Mistake("guide resized", "You make the guide small by resizing it, as one would a photograph. y_s was made "
                "from the *pixels* of phase (0, 0): R, every rate-th row and column.",
                _fitted_to(lambda y_m, y_s, rate: resize(y_m, size=tuple(y_s.shape[-2:]), align_corners=False))),
        Mistake("bias forgotten", "Your h has no constant. The layer behind y_s has one: `bias=True`.",
                _fitted_to(lambda y_m, y_s, rate: reduce(y_m, rate=rate), bias=False)),
        Mistake("merged in swapped order", "Every number is right and sits in a wrong place: the phases are merged "
                "with rows and columns exchanged.", _exchanged),
        Mistake("phase 0 for all", "You apply h to phase (0, 0) and copy the result. Apply it to each phase: that is "
                "what the rest of y_m is for.", lambda y_m, y_s, rate: copied(
                    _best(y_m, y_s, rate)(reduce(y_m, rate=rate)), rate, y_m.shape[-2:])),
        Mistake("y_s kept", "You put y_s itself into phase (0, 0). No bad idea, and not equation 4: there h is applied "
                "to *every* phase, (0, 0) too.", _kept),
        Mistake("a fit for each phase", "You fit an h to each phase, with y_s for its target. But y_s is the answer "
                "for (0, 0) alone: fit once, apply to all.",
                lambda y_m, y_s, rate: by_phases(lambda phase: fit_h(phase, y_s, bias=True)(phase), y_m, rate)),
        Mistake("y_s interpolated", "That is y_s interpolated, which is also what comes out if h may see y_s: it "
                "copies it. Show h the guide alone.",
                lambda y_m, y_s, rate: phase_aligned(y_s, rate=rate, size=tuple(y_m.shape[-2:]))),
    ),
    hints=(
        "Two lines of equation 4: to what is h fitted, and to what is it applied?",
        "fit_h(y_m0, y_s, bias=True) returns h, a function of a map. y_m0 is one of the phases of y_m.",
        "phases = split(y_m, rate=rate); h = fit_h(phases[0], y_s, bias=True); then h of each phase, in order, merged.",
    ),
)  # fmt: skip

# ---- task 3: the closed form -------------------------------------------------------------------------------


class Solution(NamedTuple):
    weight: Tensor
    bias: Tensor


def _solved(y_m0: Tensor, y_s: Tensor, kernel: int, *, bias: bool = True, ends: str | None = "constant") -> Solution:
    """Least squares over all samples, or over those whose window is inside (`ends` None)."""
    p, (h, w) = kernel // 2, y_s.shape[-2:]
    rows = F.unfold(F.pad(y_m0, (p,) * 4, mode=ends) if ends else y_m0, kernel)[0].T
    target = (y_s if ends else y_s[..., p : h - p, p : w - p])[0].flatten(1).T
    found = torch.linalg.lstsq(torch.cat([rows, torch.ones_like(rows[:, :1])[:, :bias]], 1), target).solution
    weight = found[: rows.shape[1]].T.reshape(y_s.shape[1], -1, kernel, kernel)
    return Solution(weight, found[-1] if bias else torch.zeros_like(found[-1]))


def _ones_first(y_m0: Tensor, y_s: Tensor, kernel: int) -> Solution:
    weight, bias = _solved(y_m0, y_s, kernel)
    found = torch.cat([bias[:, None], weight.flatten(1)], 1)
    return Solution(found[:, :-1].reshape(weight.shape), found[:, -1])


def _turned(turn: Callable) -> Callable:
    return lambda y_m0, y_s, kernel: [turn(_solved(y_m0, y_s, kernel)[0]), _solved(y_m0, y_s, kernel)[1]]


def _mean_first(y_m0: Tensor, y_s: Tensor, kernel: int) -> list[Tensor]:
    mean = y_s.mean((0, 2, 3))
    return [_solved(y_m0, y_s - mean[:, None, None], kernel, bias=False)[0], mean]


def _pairs(draw: Draws) -> list[tuple]:
    sizes = [(1, 1, 3, 6, 7), (1, 1, 1, 3, 4), (1, 2, 3, 7, 8), (2, 3, 1, 6, 6), (1, 2, 5, 14, 13), (2, 2, 3, 14, 12)]
    cases = []
    for k, (c, d, kernel, h, w) in enumerate([*sizes, (3, 2, 3, 16, 15), (2, 3, 3, 13, 13)]):
        y_m0 = draw.distinct(1, c, h, w) - c * h * w // 2 if h < 9 else draw.normal(1, c, h, w)
        y_s = F.conv2d(y_m0, draw.kernel(d, c, kernel, kernel), draw.distinct(d) + 9, padding=kernel // 2)
        cases.append((y_m0, y_s if k < 4 else y_s.relu(), kernel))
    return cases


check_solve = Task(
    name="check_solve", exercise="10", number=3, cases=_pairs, reference=_solved,
    mistakes=(
        Mistake("bias forgotten", "There is no constant in your equations. Give each row a 1 more; the unknown that "
                "belongs to it is the bias.", partial(_solved, bias=False)),
        Mistake("ones in front", "Your column of ones stands in front, so the *first* unknown is the bias. You read "
                "the last one.", _ones_first),
        Mistake("the mean as bias", "You take the mean of y_s for the bias, and fit the rest. The guide has a mean of "
                "its own: let least squares find both at once.", _mean_first),
        Mistake("ends left out", "Right where one kernel explains everything. Where it does not, the pixels at the "
                "border have their say as well: pad the guide with zeros.", partial(_solved, ends=None)),
        Mistake("ends held", "Beyond the border you repeat the last pixel. h sees zeros there.",
                partial(_solved, ends="replicate")),
        Mistake("kernel flipped", "Your kernel is turned by 180 degrees. `conv2d` does not turn it.",
                _turned(lambda w: w.flip(-2, -1))),
        Mistake("kernel transposed", "Rows and columns of your kernels are exchanged.", _turned(lambda w: w.mT)),
        Mistake("not transposed", "The solution has a *column* for each map of y_s. Transpose it before you reshape, "
                "or the taps of different maps are mixed.", _turned(lambda w: w.flatten(1).T.reshape(w.shape))),
        Mistake("kernel always 3", "Right for 3 x 3. The size is an argument, and the padding that belongs to it is "
                "kernel // 2.", lambda y_m0, y_s, kernel: _solved(y_m0, y_s, 3)),
    ),
    hints=(
        "Begin with one map in and one map out: a row for each pixel, a column for each unknown. How many unknowns has "
        "a 3 x 3 kernel with its bias?",
        "F.unfold(y_m0, kernel, padding=kernel // 2)[0].T has a row for each pixel, with the C · k · k numbers under "
        "the kernel. Add a column of ones. A column of the target for each map of y_s.",
        "torch.linalg.lstsq(rows, y_s[0].flatten(1).T).solution is (C · k · k + 1, D): its last row is the bias, the "
        "rest, transposed, reshapes to (D, C, k, k).",
    ),
)  # fmt: skip

# ---- task 4: break it --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Riddle:
    """The length of a guide at rate 2, and by how much two kernels are to differ on its phase 1."""

    size: int
    gap: int

    def __str__(self) -> str:
        return f"a guide of {self.size} numbers, {(self.size + 1) // 2} in phase 0; a gap of {self.gap}"


def given(seed: int) -> Riddle:
    """The riddle of task 4 for this seed."""
    draw = Draws(seed)
    return Riddle(2 * draw.choice((5, 7, 8, 9, 11, 13)) - draw.whole(0, 1), draw.whole(20, 200))


def _tried(riddle: Riddle, answer: tuple) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Phase 0, by how much the kernels differ, and by how much their results do on each phase."""
    y_m, one, other = (torch.as_tensor(part, dtype=torch.float64) for part in answer)
    whole = all(((part == part.round()) & (part.abs() <= 9)).all() for part in (y_m, one, other))
    if not whole or (tuple(y_m.shape), tuple(one.shape), tuple(other.shape)) != ((riddle.size,), (3,), (3,)):
        raise ValueError(f"{riddle.size}, 3 and 3 whole numbers from −9 to 9 are wanted")
    return y_m[::2], one - other, _convolved(y_m[::2], one - other).abs(), _convolved(y_m[1::2], one - other).abs()


def _answered(riddle: Riddle, answer: tuple) -> str | None:
    y_m0, _, here, there = _tried(riddle, answer)
    if (count := int(y_m0.count_nonzero())) < 3:
        return f"phase 0 has {count} numbers that are not 0; three are wanted"
    if here.max() > 0:
        return f"on phase 0 the kernels give different numbers, first at its place {int(here.nonzero()[0])}"
    return f"on phase 1 they differ by {there.max():g} at most, not {riddle.gap}" if there.max() < riddle.gap else None


def _when(test: Callable) -> Callable:
    return lambda riddle, answer: bool(test(*_tried(riddle, answer)))


check_riddle = Task(
    name="check_riddle", exercise="10", number=4, cases=once(given), measure=_answered,
    mistakes=(
        Mistake("one kernel twice", "These are the same kernel. Two different ones are wanted that phase 0 cannot tell "
                "apart.", when=_when(lambda y, kernel, here, there: not kernel.any())),
        Mistake("nothing to see", "A guide that is 0 nearly everywhere tells nothing about h, and nobody would trust "
                "it. Find one with more in it.", when=_when(lambda y, kernel, here, there: y.count_nonzero() < 3)),
        Mistake("right but for the ends", "In the middle phase 0 cannot tell them apart, at its ends it can: beyond "
                "them stand zeros. Find numbers of which it is true with a 0 before the first and behind the last.",
                when=_when(lambda y, kernel, here, there: here.any() and not here[1:-1].any())),
        Mistake("phase 0 tells", "Subtract one kernel from the other. The difference has to turn *all* of phase 0 into "
                "zeros. Choose a difference first, then numbers that it kills.",
                when=_when(lambda y, kernel, here, there: here.any())),
        Mistake("too near on phase 1", "Phase 0 cannot tell them apart: the claim is broken. Now let phase 1 be as "
                "loud as it may, and the kernels as different.", when=_when(lambda y, kernel, here, there: True)),
    ),
    hints=(
        "Two kernels agree on phase 0 if their *difference* gives 0 at each of its places.",
        "An odd number of places: with the difference (1, 0, 1) the left and the right neighbour have to cancel at "
        "every place, and at the ends one of them is a 0. Even: with (1, −1, 1) each is the sum of its neighbours.",
        "Odd phase 0: 1, 0, −1, 0, 1, ... and (1, 0, 1). Phase 0 of 8: 1, 1, 0, −1, −1, 0, 1, 1 and (1, −1, 1).",
    ),
)  # fmt: skip
