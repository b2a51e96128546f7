"""Exercises 08: a network's dilated twin, BatchNorm as it must be, whose phase this is, and what may stand between.

Shape legend
    layers   list of (kernel, stride, padding), first layer first, strides 1 and 2
    x        (B, C, H, W); mean, var, weight, bias are (C,)
    y_s      (1, C, h, w), one phase of y_d (1, C, H, W)
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from jpu_edu.exercises.draws import Draws
from jpu_edu.exercises.puzzle import left, once
from jpu_edu.exercises.task import Mistake, Task
from jpu_edu.ops.phases import reduce, split

# ---- task 1: the twin --------------------------------------------------------------------------------------

Layers = list[tuple[int, int, int]]


class Twin(NamedTuple):
    kernel: int
    stride: int
    rate: int
    padding: int


def _twin(layers: Layers, output_stride: int, *, wrong: str = "") -> list[Twin]:
    twins, total, rate = [], 1, 1
    for kernel, stride, padding in layers:
        keeps = total * stride <= output_stride - (wrong == "removed too early") and wrong != "all strides removed"
        before = rate
        if keeps:
            total *= stride
        else:
            rate = stride * (1 if wrong == "rate not accumulated" and stride > 1 else rate)
        mine = rate if wrong == "own stride" else 1 if wrong == "kept, so not dilated" and keeps else before
        stride = stride if keeps or wrong == "strides kept" else 1
        padded = padding if wrong == "padding not scaled" else padding * mine
        twins.append(Twin(kernel, stride, *((padded, mine) if wrong == "exchanged" else (mine, padded))))
    return twins


def _networks(draw: Draws) -> list[tuple]:
    cases = [([(3, 2, 1), (3, 1, 1)], 1), ([(3, 2, 1), (3, 2, 1), (3, 1, 1)], 2)]
    cases += [
        ([(3, 2, 1), (3, 2, 1), (3, 2, 1), (3, 1, 1)], 2),
        ([(7, 2, 3), (3, 2, 1), (5, 2, 2), (3, 2, 1), (3, 1, 1)], 4),
    ]
    for _ in range(8):
        kernels = [draw.choice((1, 3, 5)) for _ in range(draw.whole(5, 9))]
        cases.append(([(k, draw.whole(1, 2), k // 2) for k in kernels], draw.choice((1, 2, 4))))
    return cases


check_twin = Task(
    name="check_twin", exercise="08", number=1, cases=_networks, reference=_twin, variants=_twin,
    mistakes=(
        Mistake("own stride", "A layer whose stride is removed keeps the rate of those before it. Its own stride had "
                "spread its outputs, so it concerns the layers behind."),
        Mistake("rate not accumulated", "Removed strides multiply: behind two of them the rate is 4, not 2."),
        Mistake("removed too early", "You remove a stride with which the output stride would be reached. Only beyond "
                "it strides have to go: `<=`."),
        Mistake("kept, so not dilated", "A layer that keeps its stride, 1 as a rule, needs the rate too: its "
                "neighbours stand as far apart as anybody's."),
        Mistake("exchanged", "Right numbers, exchanged places: (kernel, stride, rate, padding)."),
        Mistake("padding not scaled", "Strides and rates are right. Zeros count in pixels of the finer map now: the "
                "padding grows with the rate."),
        Mistake("all strides removed", "You remove every stride. Those that the output stride allows stay as they "
                "are."),
        Mistake("strides kept", "You give rates and leave the strides in. The map has to become finer: stride 1 "
                "where a stride is removed."),
    ),
    hints=(
        "Keep two numbers: the stride reached so far, and the rate for the next layer.",
        "A stride either multiplies the stride reached so far, or, where that would exceed the output stride, it "
        "becomes 1 and multiplies the rate *of the layers behind*.",
        "First append (kernel, 1 or stride, rate, padding * rate) with the rate as it is. Only then rate *= stride.",
    ),
)  # fmt: skip

# ---- task 2: BatchNorm in eval mode ------------------------------------------------------------------------


def _eval(x: Tensor, mean: Tensor, var: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    return F.batch_norm(x, mean, var, weight, bias, training=False, eps=eps)


def _norm(x: Tensor, mean: Tensor, var: Tensor, weight: Tensor, bias: Tensor, eps: float, *, wrong: str) -> Tensor:
    """The formula, with one mistake in it."""
    if wrong == "train mode":
        return F.batch_norm(x, None, None, weight, bias, training=True, eps=eps)
    if wrong == "last axis":
        return (x - mean) / (var + eps).sqrt() * weight + bias
    roots = {"eps outside the root": var.sqrt() + eps, "eps forgotten": var.sqrt(), "root forgotten": var + eps}
    scale = weight / {**roots, "eps typed in": (var + 1e-5).sqrt()}.get(wrong, (var + eps).sqrt())
    shifts = {"mean forgotten": bias, "mean added": bias + mean * scale, "mean not scaled": bias - mean}
    return x * scale[:, None, None] + shifts.get(wrong, bias - mean * scale)[:, None, None]


def _norm_cases(draw: Draws) -> list[tuple]:
    def case(b: int, c: int, h: int, w: int, eps: float) -> tuple:
        positive = draw.distinct(c) + 0.5
        return draw.distinct(b, c, h, w), draw.normal(c), positive, draw.normal(c) + 3, draw.normal(c), eps

    sizes = [(1, 2, 2, 2), (1, 3, 4, 3), (2, 3, 3, 5)] + [(2, draw.whole(1, 8), draw.whole(3, 9), 7) for _ in range(5)]
    return [case(*size, eps) for size in sizes for eps in (0.5, 1e-5)]


check_norm = Task(
    name="check_norm", exercise="08", number=2, cases=_norm_cases, reference=_eval, variants=_norm,
    mistakes=(
        Mistake("train mode", "You compute mean and variance of this map. That is what BatchNorm does while it "
                "*trains*, and it lets every phase see the others. Use the stored numbers."),
        Mistake("eps outside the root", "eps stands under the root, beside the variance."),
        Mistake("eps forgotten", "Nearly: eps is missing. It is small, and not always 1e-5."),
        Mistake("root forgotten", "You divide by the variance. The standard deviation is its root."),
        Mistake("eps typed in", "1e-5 is PyTorch's default. Here eps is an argument, and not always that small."),
        Mistake("mean forgotten", "The stored mean occurs nowhere. Take it off before the scaling, or mean · scale "
                "after it."),
        Mistake("mean added", "The mean has to be taken off, and you add it."),
        Mistake("mean not scaled", "The mean is taken off after the scaling. It is in the units of x: scale it as "
                "well."),
        Mistake("last axis", "(C,) meets (B, C, H, W) from the right, so your numbers go along W. Give them the "
                "shape (C, 1, 1)."),
    ),
    hints=(
        "One pixel, one channel: which four stored numbers does it meet, and in which order?",
        "(x − mean) / √(var + eps) · weight + bias, with the four numbers of the pixel's own channel.",
        "scale = weight / (var + eps).sqrt(), shift = bias − mean · scale, both as (C, 1, 1); then x · scale + shift.",
    ),
)  # fmt: skip

# ---- task 3: whose phase is this? --------------------------------------------------------------------------


class Phase(NamedTuple):
    rate: int
    p: int
    q: int


def _phase(y_s: Tensor, y_d: Tensor, *, same: Callable = lambda one, other: one.shape == other.shape) -> Phase:
    for rate in range(1, 9):
        for k, phase in enumerate(split(y_d, rate=rate)):
            if same(phase, y_s) and torch.allclose(phase, y_s):
                return Phase(rate, *divmod(k, rate))
    raise ValueError("no phase up to rate 8")


def _found(change: Callable) -> Callable:
    return lambda y_s, y_d: change(*_phase(y_s, y_d), y_s, y_d)


def _pairs(draw: Draws) -> list[tuple]:
    kinds = [(5, 5, 2, 0, 1), (4, 6, 2, 1, 0), (7, 8, 3, 1, 2), (6, 6, 2, 1, 1), (5, 4, 1, 0, 0), (7, 7, 2, 0, 0)]
    for _ in range(8):
        rate = draw.whole(2, 8)
        kinds.append((draw.whole(17, 40), draw.whole(17, 40), rate, draw.whole(0, rate - 1), draw.whole(0, rate - 1)))
    cases = []
    for H, W, rate, p, q in kinds:
        y_d = draw.distinct(1, 1, H, W) if H < 10 else draw.normal(1, 3, H, W)
        cases.append((y_d[..., p::rate, q::rate] * (1 + 1e-13), y_d))
    return cases


check_phase = Task(
    name="check_phase", exercise="08", number=3, cases=_pairs, reference=_phase,
    mistakes=(
        Mistake("nothing found", "Your search ends without an answer. Either a rate, a p or a q is never tried; or you "
                "ask for equality to the last bit, and they agree up to rounding: `torch.allclose`.",
                when=lambda y_s, y_d, answer: answer is None),
        Mistake("shapes not compared", "Most candidates have another size than y_s, and cannot be compared with it: "
                "compare the shapes first.", lambda y_s, y_d: _phase(y_s, y_d, same=lambda one, other: True)),
        Mistake("rows and columns exchanged", "Right numbers, exchanged places: first the row shift p, then the "
                "column shift q.", _found(lambda r, p, q, y_s, y_d: (r, q, p))),
        Mistake("always phase 0", "You take phase 0 for granted. Somebody has shifted the picture before the strided "
                "network saw it.", _found(lambda r, p, q, y_s, y_d: (r, 0, 0))),
        Mistake("counted from 1", "Shifts count from 0: phase 0 starts in row 0.",
                _found(lambda r, p, q, y_s, y_d: (r, p + 1, q + 1))),
        Mistake("rate rounded down", "H // h is the rate only where it divides H. 5 rows have 3 in phase 0 of rate "
                "2, and 5 // 3 is 1.", _found(lambda r, p, q, y_s, y_d: (y_d.shape[-2] // y_s.shape[-2], p, q))),
    ),
    hints=(
        "There are not many possibilities. Try them all, for the smallest case first.",
        "For a rate r and shifts p, q below r the candidate is y_d[..., p::r, q::r]. Two things must agree: the "
        "shape and the numbers.",
        "Three loops and torch.allclose. Compare the shapes first, or allclose will raise or broadcast.",
    ),
)  # fmt: skip

# ---- task 4: break it --------------------------------------------------------------------------------------


def _pool(y: Tensor, rate: int) -> Tensor:
    return F.max_pool2d(F.pad(y, (rate,) * 4, value=-torch.inf), 3, stride=1, dilation=rate)


POOLING = "3 x 3 max pooling, dilated with the rate"
#: What may stand between two layers: called with a map and the rate of the stage, 1 in the strided network.
BETWEEN: dict[str, Callable[[Tensor, int], Tensor]] = {
    "ReLU": lambda y, rate: y.relu(),
    "a bias": lambda y, rate: y + torch.arange(y.shape[1], dtype=y.dtype)[:, None, None],
    "a 1 x 1 convolution": lambda y, rate: torch.einsum("dc,bchw->bdhw", torch.ones(3, 3, dtype=y.dtype).triu(), y),
    "a residual": lambda y, rate: y + y.sin(),
    "softmax over the channels": lambda y, rate: y.softmax(1),
    "LayerNorm over the channels of each pixel": lambda y, rate: F.layer_norm(y.movedim(1, -1), (3,)).movedim(-1, 1),
    POOLING: _pool,
    "InstanceNorm": lambda y, rate: F.instance_norm(y),
    "a channel gate from the mean of the map": lambda y, rate: y * y.mean((-2, -1), keepdim=True).sigmoid(),
    "softmax over the map": lambda y, rate: y.flatten(2).softmax(-1).reshape(y.shape),
    "3 x 3 max pooling, not dilated": lambda y, rate: _pool(y, 1),
    "3 x 3 mean with reflected borders": lambda y, rate: F.avg_pool2d(F.pad(y, (1,) * 4, mode="reflect"), 3, stride=1),
}
WHOLE_MAP = ("InstanceNorm", "a channel gate from the mean of the map", "softmax over the map")
NEIGHBOURS = ("3 x 3 max pooling, not dilated", "3 x 3 mean with reflected borders")


def survives(name: str) -> bool:
    """Tried on a random map: C, then this, then C, strided and dilated; is y_s = R(y_d)?"""
    draw, between = Draws(8), BETWEEN[name]
    x, first, second = draw.normal(1, 3, 13, 14), draw.normal(3, 3, 3, 3), draw.normal(3, 3, 3, 3)

    def path(x: Tensor, rate: int) -> Tensor:
        y = between(F.conv2d(x, first, padding=rate, dilation=rate), rate)
        return F.conv2d(y, second, padding=rate, dilation=rate)

    return torch.allclose(path(reduce(x, rate=2).clone(), 1), reduce(path(x, 2), rate=2), atol=1e-9)


@dataclass(frozen=True)
class Candidates:
    """Some of what may stand between two layers."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        return f"{len(self.names)} candidates"

    @property
    def surviving(self) -> list[str]:
        return [name for name in self.names if survives(name)]


def given(seed: int) -> Candidates:
    """The candidates of task 4 for this seed: eight of twelve, at least one of each kind."""
    draw, names = Draws(seed), list(BETWEEN)
    order = sorted(names, key=lambda name: draw.whole(0, 10**6))
    chosen = [draw.choice(WHOLE_MAP), draw.choice(NEIGHBOURS), POOLING]
    chosen += [name for name in order if name not in chosen][:5]
    return Candidates(tuple(sorted(chosen, key=order.index)))


def _broken(candidates: Candidates, answer: Iterable[str]) -> list[str]:
    broken = (name for name in answer if name in candidates.names and name not in candidates.surviving)
    return sorted(broken, key=lambda name: name not in WHOLE_MAP)


def _left_out(candidates: Candidates, answer: Iterable[str]) -> set[str]:
    """What is missing, from an answer of nothing but survivors."""
    right = bool(answer) and set(answer) <= set(candidates.surviving)
    return set(candidates.surviving) - set(answer) if right else set()


def _names(candidates: Candidates, answer: Iterable[str]) -> str | None:
    if unknown := [name for name in answer if name not in candidates.names]:
        return f"{unknown[0]!r} is none of the candidates; return a list of their names"
    if broken := _broken(candidates, answer):
        return f"{broken[0]!r} breaks the equality"
    return left(len(candidates.surviving), answer, "candidate{s} survive{v}")


check_surviving = Task(
    name="check_surviving", exercise="08", number=4, cases=once(given), measure=_names,
    mistakes=(
        Mistake("a look at the whole map", "It computes one number from all pixels of the map it sees. In the "
                "dilated network that map holds the other phases too.",
                when=lambda candidates, answer: _broken(candidates, answer)[0] in WHOLE_MAP),
        Mistake("neighbours of the wrong phase", "It looks at the next pixels. In the strided network these are of "
                "one phase; in the dilated one the next pixels are of others, or lie beyond a border.",
                when=lambda candidates, answer: _broken(candidates, answer)[0] in NEIGHBOURS),
        Mistake("pooling left out", "You trust what treats each pixel by itself, and nothing else. A window may look "
                "at neighbours too, if it steps over the other phases.",
                when=lambda candidates, answer: _left_out(candidates, answer) == {POOLING}),
        Mistake("nonlinear left out", "It need not be linear. Ask only: which pixels does it mix?",
                when=lambda candidates, answer: bool(_left_out(candidates, answer))),
    ),
    hints=(
        "For each candidate: which pixels of the map does one output pixel depend on?",
        "Three kinds: the pixel itself (its channels may mix), a neighbourhood, the whole map. Which may M and S "
        "pass?",
        "Survives: each pixel by itself; and a window, if it is dilated with the rate and its border is neutral.",
    ),
)  # fmt: skip
