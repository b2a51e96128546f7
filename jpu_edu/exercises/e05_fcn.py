"""Exercises 05: a classifier as a map, the tent, three additions, and the kernels without checkerboards.

Shape legend
    x        (1, C, H, W)
    weight   (D, C * h * w), of a fully-connected layer behind a map of h x w
    scores   list of (1, D, h, w), the coarsest first; each is about twice as large as the one before
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from jpu_edu.exercises.draws import Draws
from jpu_edu.exercises.puzzle import left, once
from jpu_edu.exercises.task import Mistake, Task, ruled
from jpu_edu.ops.interp import resize

# ---- task 1: a classifier, everywhere ----------------------------------------------------------------------


def _everywhere(x: Tensor, weight: Tensor, size: tuple[int, int]) -> Tensor:
    """The layer applied to every window by itself, as a classifier would be."""
    windows = F.unfold(x, size)  # (1, C * h * w, places), each column flattened as `flatten` does
    places = [n - k + 1 for n, k in zip(x.shape[-2:], size, strict=True)]
    return (weight @ windows).reshape(1, len(weight), *places)


def _with(kernel: Callable) -> Callable:
    """A convolution whose kernel is made by kernel(weight, C, h, w)."""
    return lambda x, weight, size: F.conv2d(x, kernel(weight, x.shape[1], *size))


def _classifiers(draw: Draws) -> list[tuple]:
    cases = [
        (draw.distinct(1, c, n, m), draw.distinct(d, c * h * w) % 5 - 2, (h, w))
        for c, n, m, d, h, w in ((1, 4, 4, 1, 2, 3), (2, 4, 5, 1, 2, 2), (3, 4, 4, 2, 3, 3), (2, 5, 6, 3, 2, 3))
    ]
    for _ in range(6):
        c, h, w, d = draw.whole(1, 4), draw.whole(1, 5), draw.whole(1, 5), draw.whole(1, 6)
        x = draw.normal(1, c, draw.whole(h, h + 9), draw.whole(w, w + 9))
        cases.append((x, draw.normal(d, c * h * w), (h, w)))
    return cases


check_heat = Task(
    name="check_heat", exercise="05", number=1, cases=_classifiers, reference=_everywhere,
    mistakes=(
        Mistake("channels last", "The numbers are dealt out in another order. `flatten` runs through a map channel "
                "by channel, in each row by row: (D, C, h, w), with C in front.",
                _with(lambda weight, c, h, w: weight.reshape(-1, h, w, c).permute(0, 3, 1, 2))),
        Mistake("rows and columns exchanged", "Rows and columns of the kernel are exchanged: the last axis is the "
                "column.", _with(lambda weight, c, h, w: weight.reshape(-1, c, w, h).mT)),
        Mistake("flipped", "The kernel is turned by half a turn. A fully-connected layer does not flip, and neither "
                "does a convolution here.", _with(lambda weight, c, h, w: weight.reshape(-1, c, h, w).flip(-1, -2))),
        Mistake("inputs first", "Outputs and inputs are exchanged: a convolution's weight begins with the D outputs. "
                "(Inputs first is how a transposed convolution stores it.)",
                _with(lambda weight, c, h, w: weight.reshape(c, -1, h, w).transpose(0, 1))),
        Mistake("no axis for the outputs", "You make a single kernel, (C, h, w), of the weights of all outputs. A "
                "convolution's weight has one for each of the D outputs: (D, C, h, w), also where D is 1.",
                _with(lambda weight, c, h, w: weight.reshape(c, h, w))),
        Mistake("three axes", "Your kernel has three axes. A convolution's weight has four, D in front of C, h and w: "
                "(D, C, h, w).", _with(lambda weight, c, h, w: weight.reshape(-1, h, w))),
        Mistake("padded", "Your map is larger than the number of places where the window fits. No padding: the "
                "classifier has never seen a zero beyond a border.",
                lambda x, weight, size:
                    F.conv2d( x, weight.reshape(-1, x.shape[1], *size), padding=(size[0] // 2, size[1] // 2))),
    ),
    hints=(
        "Flatten a tiny map with the numbers 0, 1, 2, ... in it. At which place of the row is channel c, row i, "
        "column j?",
        "The row of weights of one class has the order of `x.flatten()`, that is C, then h, then w. A convolution "
        "wants (D, C, h, w).",
        "weight.reshape(len(weight), C, h, w), and nothing else.",
    ),
)  # fmt: skip

# ---- task 2: the tent --------------------------------------------------------------------------------------


def _tent(factor: int) -> Tensor:
    size = 2 * factor - factor % 2
    tent = 1 - (torch.arange(size, dtype=torch.float64) - (size - 1) / 2).abs() / factor
    return torch.outer(tent, tent)


@ruled
def _other_tent(change: Callable, factor: int) -> Tensor:
    """A kernel from change(places, size, factor), the weights along one axis."""
    size = 2 * factor - factor % 2
    tent = change(torch.arange(size, dtype=torch.float64), size, factor)
    return torch.outer(tent, tent)


def _cone(factor: int) -> Tensor:
    size = 2 * factor - factor % 2
    at = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    return 1 - torch.hypot(at[:, None], at) / factor


check_tent = Task(
    name="check_tent", exercise="05", number=2, cases=lambda draw: [(factor,) for factor in (2, 3, 4, 5, 8, 16, 32)],
    reference=_tent, show=lambda factor: ("the tent of one axis", _tent(factor).diagonal().sqrt()[None]),
    mistakes=(
        Mistake("top on a tap", "The top of the tent stands on a tap. For an even size the middle lies *between* two "
                "taps, at (size − 1) / 2.", _other_tent(lambda at, size, f: 1 - (at - size // 2).abs() / f)),
        Mistake("sums to one", "You divide by the sum. Each output meets only every factor-th tap of an axis, so the "
                "taps of *one phase* have to sum to 1, and all of them to factor².",
                lambda factor: _tent(factor) / _tent(factor).sum()),
        Mistake("flat", "All weights are equal: that repeats pixels (and where windows overlap, it adds them). The "
                "weight falls with the distance.", _other_tent(lambda at, size, f: torch.ones_like(at))),
        Mistake("falls too fast", "Your tent reaches zero at its last tap. It should do so one step further out, a "
                "whole factor from the middle.",
                _other_tent(lambda at, size, f: 1 - (at - (size - 1) / 2).abs() * 2 / (size - 1))),
        Mistake("a cone", "You take the distance in the plane. Rows and columns are *multiplied*.", _cone),
    ),
    hints=(
        "For factor 2 the weights of one axis are 1/4, 3/4, 3/4, 1/4. Why these?",
        "An output lies at some distance d from a sample, in outputs, and takes 1 − d / factor of it. The taps stand "
        "at 0, 1, ..., the middle at (size − 1) / 2.",
        "tent = 1 − |at − (size − 1) / 2| / factor; then the outer product of the tent with itself.",
    ),
)  # fmt: skip

# ---- task 3: three additions -------------------------------------------------------------------------------


def _up(x: Tensor, size: tuple[int, int]) -> Tensor:
    return resize(x, size=size, align_corners=False)


def _fused(scores: list[Tensor], size: tuple[int, int], *, add: Callable = torch.add) -> Tensor:
    merged = scores[0]
    for finer in scores[1:]:
        merged = add(_up(merged, finer.shape[-2:]), finer)
    return _up(merged, size)


def _straight(scores: list[Tensor], size: tuple[int, int], *, to: tuple[int, int] | None = None) -> Tensor:
    """Each map straight to one size, then added."""
    return _up(sum(_up(score, to or size) for score in scores), size)


def _backwards(scores: list[Tensor], size: tuple[int, int]) -> Tensor:
    return _fused(scores[::-1], size)


def _pyramids(draw: Draws) -> list[tuple]:
    cases = []
    for levels, H, W, unit in (
        (1, 4, 4, 16),  # in these units the targets of 4 and 5 pixels are whole numbers
        (2, 4, 4, 16),
        (2, 5, 5, 100),
        (3, 9, 9, 1),
        (3, 33, 41, None),
        (2, 30, 21, None),
        (3, 64, 50, None),
        (4, 70, 61, None),
    ):
        sizes = [(-(-H // 2**k), -(-W // 2**k)) for k in range(levels, 0, -1)]
        cases.append(([unit * draw.distinct(1, 1, *n) if unit else draw.normal(1, 3, *n) for n in sizes], (H, W)))
    return cases


check_fuse = Task(
    name="check_fuse", exercise="05", number=3, cases=_pyramids, reference=lambda scores, size: _fused(scores, size),
    mistakes=(
        Mistake("coarsest alone", "That is FCN-32s: the coarsest map, enlarged. The finer ones know where the edges "
                "are; add them on the way.", lambda scores, size: _up(scores[0], size)),
        Mistake("finest alone", "You use the finest map only. It knows where, and not what.",
                lambda scores, size: _up(scores[-1], size)),
        Mistake("averaged", "You average. Scores are added: evidence of one map on top of that of the other.",
                lambda scores, size: _fused(scores, size, add=lambda a, b: (a + b) / 2)),
        Mistake("each straight to the image", "Close, and not the same: you enlarge every map straight to the image. "
                "FCN goes by steps: enlarge to the next map, add, enlarge again.", _straight),
        Mistake("each straight to the finest", "Close, and not the same: you bring every map straight to the finest "
                "one. FCN goes by steps: enlarge to the next map, add, enlarge again.",
                lambda scores, size: _straight(scores, size, to=tuple(scores[-1].shape[-2:]))),
        Mistake("finest first", "You begin with the finest map and make it smaller. Begin with the coarsest, "
                "scores[0].", _backwards),
        Mistake("doubled", "You double each map. At odd sizes the next map is one pixel smaller than the double: "
                "enlarge to *its* size.", lambda scores, size: _doubled(scores, size)),
    ),
    hints=(
        "With one map it is a single resize. Write that first, then let a second map come in.",
        "Keep one running map. For each finer one: bring the running map to its size, and add.",
        "merged = scores[0]; for finer in scores[1:]: merged = up(merged, finer.shape[-2:]) + finer; at the end up "
        "to size.",
    ),
)  # fmt: skip


def _doubled(scores: list[Tensor], size: tuple[int, int]) -> Tensor:
    merged = scores[0]
    for finer in scores[1:]:
        merged = _up(merged, tuple(2 * n for n in merged.shape[-2:])) + finer
    return _up(merged, size)


# ---- task 4: break it --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kernels:
    """A stride, and the largest kernel that is asked for."""

    stride: int
    largest: int

    def __str__(self) -> str:
        return f"stride {self.stride}, kernels from 1 to {self.largest}"

    @property
    def even(self) -> list[int]:
        """Found by trying: the kernels of ones that make a constant map constant inside."""
        return [k for k in range(1, self.largest + 1) if self.spread(k) == 0]

    def spread(self, kernel: int) -> float:
        """Largest minus smallest output inside, for a map of ones."""
        ones = torch.ones(1, 1, 4 * kernel, dtype=torch.float64)
        y = F.conv_transpose1d(ones, torch.ones(1, 1, kernel, dtype=torch.float64), stride=self.stride)[0, 0]
        inside = y[kernel * self.stride : -kernel * self.stride]
        return (inside.max() - inside.min()).item()


def given(seed: int) -> Kernels:
    """The stride and the largest kernel of task 4 for this seed; 28 answers.

    Notice: the largest kernel is one of the answers, so a `range` that ends before it is never right by chance.
    """
    draw = Draws(seed)
    stride = draw.whole(3, 9)
    return Kernels(stride, draw.whole(3, 6) * stride)


def _kernels(kernels: Kernels, answer: list[int]) -> str | None:
    for k in answer:
        if not 1 <= k <= kernels.largest:
            return f"{k} is no kernel from 1 to {kernels.largest}"
        if k not in kernels.even:
            return f"with a kernel of {k} the outputs inside differ by {kernels.spread(k):g}"
    return left(len(kernels.even), answer, "kernel{s} make{v} no checkerboard")


def _those(test: Callable) -> Callable:
    return lambda kernels: [k for k in range(1, kernels.largest + 1) if test(k, kernels.stride)]


check_even = Task(
    name="check_even", exercise="05", number=4, cases=once(given), measure=_kernels,
    mistakes=(
        Mistake("the advice itself", "That is the advice. Count for the first of them how many stamps lie on output "
                "0, 1, 2, ... in the middle of the map.", _those(lambda k, s: k >= s)),
        Mistake("odd kernels", "Odd kernels have a middle, which is nice elsewhere. Here only the overlap counts.",
                _those(lambda k, s: k % 2 == 1)),
        Mistake("kernel of the stride alone", "Right, and not all: stamps may lie in two or three even layers.",
                _those(lambda k, s: k == s)),
        Mistake("end left out", "The largest kernel belongs to the range, and it makes no checkerboard. Python's "
                "`range` ends before its end.", lambda kernels: kernels.even[:-1]),
        Mistake("smaller than the stride", "A kernel smaller than the stride leaves gaps: outputs that no stamp "
                "reaches.", _those(lambda k, s: k % s == 0 or k < s)),
        Mistake("divisors", "Divisors of the stride are smaller than it and leave gaps. Turn it round.",
                _those(lambda k, s: s % k == 0)),
    ),
    hints=(
        "Draw the stamps of a kernel of 4 at stride 3 on a line, and count how many lie on each output.",
        "Output i is reached by the taps i mod s, i mod s + s, ... How many of these are there in a kernel of k?",
        "Every remainder must have equally many taps: k taps in s equal piles.",
    ),
)  # fmt: skip
