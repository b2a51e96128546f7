"""Exercises 07: weights by likeness, a line in every window, fit low and apply high, and where lines invent.

Shape legend
    x_h, y_l   (H,), (h,)      a guide and the samples of a target, h = ceil(H / rate)
    x, y       (1, 1, H, W)    a guide and a target of one size
    f          an expensive function of pictures, any size in, the same size out
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from jpu_edu.classic.box import box_mean
from jpu_edu.classic.guided import fast_guided_filter, guided_coefficients, guided_filter
from jpu_edu.exercises.draws import Draws
from jpu_edu.exercises.puzzle import left, once
from jpu_edu.exercises.task import Mistake, Task, ruled
from jpu_edu.ops.interp import phase_aligned, resize
from jpu_edu.ops.phases import reduce

# ---- task 1: who looks alike, is alike ---------------------------------------------------------------------


def _bell(distance: Tensor, sigma: float) -> Tensor:
    return torch.exp(-(distance**2) / (2 * sigma**2))


@ruled
def _weighed(weigh: Callable, x_h: Tensor, y_l: Tensor, rate: int, sigma_s: float, sigma_r: float) -> Tensor:
    """The mean of all samples with weights weigh(far, unlike, rate, sigma_s, sigma_r), each (H, h)."""
    pixels, samples = (torch.arange(len(x), dtype=x.dtype) for x in (x_h, y_l))
    far, unlike = pixels[:, None] / rate - samples, x_h[:, None] - x_h[::rate]
    weight = weigh(far, unlike, rate, sigma_s, sigma_r)
    return (weight * y_l).sum(1) / weight.sum(1)


def _lift_cases(draw: Draws) -> list[tuple]:
    first = ((3, 2, 1.0, 0.5), (4, 3, 0.5, 2.0), (5, 2, 1.0, 3.0), (9, 4, 0.5, 2.0))
    cases = [(draw.distinct(high), 10 * draw.distinct(-(-high // rate)), rate, *s) for high, rate, *s in first]
    for _ in range(6):
        rate, sigmas = draw.whole(2, 5), draw.choice(((0.5, 0.8), (0.7, 1.5), (2.0, 0.6)))
        high = draw.whole(2 * rate, 30)
        cases.append((draw.normal(high), draw.normal(-(-high // rate)), rate, *sigmas))
    return [*cases, (draw.photograph(1, 64)[0, 0, 0], draw.normal(8), 8, 0.5, 0.1)]


check_lift = Task(
    name="check_lift", exercise="07", number=1, cases=_lift_cases,
    reference=_weighed(lambda d, u, r, s, t: _bell(d, s) * _bell(u, t)),
    mistakes=(
        Mistake("distance in pixels", "Your distances are in pixels. sigma_s is measured in samples, which stand "
                "`rate` pixels apart: pixel p lies at p / rate.",
                _weighed(lambda d, u, r, s, t: _bell(d * r, s) * _bell(u, t))),
        Mistake("likeness ignored", "That is interpolation by distance: the guide has no say. Compare the pixel's "
                "guide value with the one at each sample.", _weighed(lambda d, u, r, s, t: _bell(d, s))),
        Mistake("distance ignored", "Everybody who looks alike has the same say, however far away. The weight falls "
                "with the distance, too.", _weighed(lambda d, u, r, s, t: _bell(u, t))),
        Mistake("added", "You add the two weights, so one of them is enough. A sample must be near *and* alike: "
                "multiply.", _weighed(lambda d, u, r, s, t: _bell(d, s) + _bell(u, t))),
        Mistake("sigmas exchanged", "sigma_s, in samples, belongs to the distance; sigma_r, in units of the guide, to "
                "the likeness. Yours are exchanged.", _weighed(lambda d, u, r, s, t: _bell(d, t) * _bell(u, s))),
        Mistake("the 2 forgotten", "Nearly. The bell is exp(−d² / (2 σ²)); the 2 is missing, which makes every sigma "
                "smaller by a factor of 1.4.", _weighed(lambda d, u, r, s, t: (_bell(d, s) * _bell(u, t)) ** 2)),
        Mistake("sigma not squared", "You divide by 2 σ. Distances are squared in a bell, and so is its width: 2 σ².",
                _weighed(lambda d, u, r, s, t: _bell(d, s**0.5) * _bell(u, t**0.5))),
    ),
    hints=(
        "Take pixel 1 of the first case. How far is it from each sample, and how unlike? Small numbers, large weight.",
        "Two bells, exp(−d² / (2 σ²)): one of the distance p / rate − k, one of the difference x_h[p] − x_l.",
        "weight = exp(−(p / rate − k)² / (2 sigma_s²)) · exp(−(x_h[p] − x_l)² / (2 sigma_r²)), k = 0, 1, ..., h − 1.",
    ),
)  # fmt: skip

# ---- task 2: a line in every window ------------------------------------------------------------------------


@ruled
def _lined(
    line: Callable, x: Tensor, y: Tensor, radius: int, epsilon: float, *, apply: Callable | None = None
) -> Tensor:
    """A slope and an offset by line(x, y, epsilon, mean), averaged over windows, or used as `apply` says."""

    def mean(z: Tensor) -> Tensor:
        return box_mean(z, radius=radius)

    a, b = line(x, y, epsilon, mean)
    return apply(a, b, x, y, mean) if apply else mean(a) * x + mean(b)


def _fit(x: Tensor, y: Tensor, epsilon: float, mean: Callable) -> tuple[Tensor, Tensor]:
    a = (mean(x * y) - mean(x) * mean(y)) / (mean(x * x) - mean(x) ** 2 + epsilon)
    return a, mean(y) - a * mean(x)


def _through_zero(x: Tensor, y: Tensor, epsilon: float, mean: Callable) -> tuple[Tensor, Tensor]:
    a = mean(x * y) / (mean(x * x) + epsilon)  # means not taken off
    return a, mean(y) - a * mean(x)


def _line_cases(draw: Draws) -> list[tuple]:
    sizes = [(1, 5, 1, 2.0), (3, 4, 1, 3.0), (4, 4, 1, 0.5), (5, 6, 2, 4.0)]
    cases = [(draw.distinct(1, 1, n, m), draw.distinct(1, 1, n, m), r, e) for n, m, r, e in sizes]
    for _ in range(5):
        n, m = draw.whole(4, 20), draw.whole(4, 20)
        epsilon = draw.choice((0.01, 0.1, 2.0))
        cases.append((draw.normal(1, 1, n, m), draw.normal(1, 1, n, m), draw.whole(1, 4), epsilon))
    flash = draw.photograph(30, 41) + 0.02 * draw.normal(1, 1, 30, 41)  # flat windows would have no slope at all
    return [*cases, (flash, flash**2 + 0.1 * draw.normal(1, 1, 30, 41), 3, 0.01)]


check_lines = Task(
    name="check_lines", exercise="07", number=2, cases=_line_cases,
    reference=lambda x, y, radius, epsilon: guided_filter(x, y, radius=radius, epsilon=epsilon),
    mistakes=(
        Mistake("lines not averaged", "You use the line of the one window around each pixel. A pixel lies in many "
                "windows, and all of their lines have a say: average a and b over windows before you apply them.",
                _lined(_fit, apply=lambda a, b, x, y, mean: a * x + b)),
        Mistake("slopes averaged, offsets not", "The slopes are averaged, the offsets are not. A line is two numbers; "
                "average both.", _lined(_fit, apply=lambda a, b, x, y, mean: mean(a) * x + b)),
        Mistake("results averaged", "You apply each window's line to its own pixel and average the *results*. That "
                "blurs them. Average the lines, and apply them to the sharp guide.",
                _lined(_fit, apply=lambda a, b, x, y, mean: mean(a * x + b))),
        Mistake("offset from the averaged slope", "You average the slope first and work out the offset from that. Each "
                "window has its own line: b belongs to the a of the same window. Then average both.",
                _lined(_fit, apply=lambda a, b, x, y, mean: mean(a) * (x - mean(x)) + mean(y))),
        Mistake("means not subtracted", "You divide mean(x y) by mean(x²). That is the slope of a line through zero: "
                "covariance and variance have the product of the means taken off.", _lined(_through_zero)),
        Mistake("epsilon squared", "You square epsilon. It has the unit of the guide squared already, as the variance "
                "has: add it as it is.", _lined(lambda x, y, e, mean: _fit(x, y, e**2, mean))),
        Mistake("epsilon left out", "Your lines are as steep as they like. epsilon makes steepness expensive: it is "
                "added to the variance.", _lined(lambda x, y, e, mean: _fit(x, y, 0.0, mean))),
        Mistake("guide and target exchanged", "You fit the guide as a line in the target. It is the target that "
                "follows the guide.",
                lambda x, y, radius, epsilon: guided_filter(y, x, radius=radius, epsilon=epsilon)),
    ),
    hints=(
        "Fit one line by hand: three guide values, three targets. Which two numbers do you need, and which means?",
        "a = covariance(x, y) / (variance(x) + epsilon), b = mean(y) − a · mean(x), each of them for every window. "
        "The covariance is mean(x y) − mean(x) mean(y).",
        "After a and b: mean(a) · x + mean(b).",
    ),
)  # fmt: skip

# ---- task 3: fit low, apply high ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Painter:
    """A curve for brightness, and a light that grows over the picture. It is slow, or so we pretend."""

    bend: float
    light: float

    def __str__(self) -> str:
        return "an expensive f"

    def __call__(self, x: Tensor) -> Tensor:
        rows, columns = (torch.linspace(0, 1, n, dtype=x.dtype) for n in x.shape[-2:])
        return self.bend * x**2 - x + self.light * (rows[:, None] + 2 * columns)


@ruled
def _painted(finish: Callable, f: Callable, x_h: Tensor, rate: int, radius: int, epsilon: float) -> Tensor:
    """finish(x_h, x_l, y_l, lines, up) with lines = (a, b) at low resolution, and `up` back to full size."""
    x_l = reduce(x_h, rate=rate)
    y_l = f(x_l)
    a, b = guided_coefficients(x_l, y_l, radius=radius, epsilon=epsilon)
    return finish(x_h, x_l, y_l, (a[:, 0], b), lambda z: phase_aligned(z, rate=rate, size=tuple(x_h.shape[-2:])))


def _half_pixels(x_h: Tensor, x_l: Tensor, y_l: Tensor, lines: Sequence[Tensor], up: Callable) -> Tensor:
    a, b = (resize(z, size=tuple(x_h.shape[-2:]), align_corners=False) for z in lines)
    return a * x_h + b


def _fitted_high(f: Callable, x_h: Tensor, rate: int, radius: int, epsilon: float) -> Tensor:
    y_h = phase_aligned(f(reduce(x_h, rate=rate)), rate=rate, size=tuple(x_h.shape[-2:]))
    return guided_filter(x_h, y_h, radius=radius, epsilon=epsilon)


def _paint_cases(draw: Draws) -> list[tuple]:
    cases = [(Painter(0.1, 3.0), draw.distinct(1, 1, n, m), r, 1, 0.5) for n, m, r in ((4, 5, 2), (5, 5, 2), (7, 8, 3))]
    for _ in range(5):
        rate, f = draw.whole(2, 4), Painter(draw.choice((0.5, 2.0)), draw.choice((-3.0, 4.0)))
        x_h = draw.normal(1, 1, draw.whole(3 * rate, 30), draw.whole(3 * rate, 30))
        cases.append((f, x_h, rate, draw.whole(1, 2), draw.choice((0.01, 0.1))))
    return [*cases, (Painter(2.0, 0.5), draw.photograph(60, 75), 4, 1, 1e-3)]


check_paint = Task(
    name="check_paint", exercise="07", number=3, cases=_paint_cases,
    reference=lambda f, x_h, rate, radius, epsilon: fast_guided_filter(
        x_h, f(reduce(x_h, rate=rate)), radius=radius, epsilon=epsilon, rate=rate),
    mistakes=(
        Mistake("f on everything", "That is f(x_h) itself: exact, and at the price that we wanted to avoid. Call f on "
                "the small guide only.", lambda f, x_h, rate, radius, epsilon: f(x_h)),
        Mistake("target interpolated", "You interpolate the target, and the guide's edges are lost. It is the *lines*, "
                "a and b, that are carried to the large size.", _painted(lambda x_h, x_l, y_l, lines, up: up(y_l))),
        Mistake("applied low", "You apply the lines to the small guide and interpolate the result. Turn it round: "
                "bring a and b up, and apply them to x_h.",
                _painted(lambda x_h, x_l, y_l, lines, up: up(lines[0] * x_l + lines[1]))),
        Mistake("applied to a blurred guide", "The lines are right, and you read them off at an interpolated x_l. The "
                "sharp edges are in x_h.",
                _painted(lambda x_h, x_l, y_l, lines, up: up(lines[0]) * up(x_l) + up(lines[1]))),
        Mistake("edges aligned", "Lines and guide are right, the places are not: you bring a and b up as if samples "
                "were the middles of blocks. R left sample k at pixel k · rate.", _painted(_half_pixels)),
        Mistake("fitted high", "You bring the target up first and fit at the large size: to a blur, and at `rate`² "
                "times the cost. Fit low, on (x_l, y_l).", _fitted_high),
    ),
    hints=(
        "Which of these may happen at the large size: f, the fit, the line? Only one of them is cheap and needs x_h.",
        "x_l = R(x_h), y_l = f(x_l), fit lines there. Then y_h = a x_h + b, with an a and a b for every large pixel.",
        "a, b = guided_coefficients(x_l, y_l, ...); a[:, 0] is the slope of a grey guide; both go through "
        "phase_aligned(..., rate=rate, size=x_h.shape[-2:]).",
    ),
)  # fmt: skip

# ---- task 4: break it --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mask:
    """A target of 0s and 1s with two edges. edges: the first place of the ones, and the first zero behind them."""

    radius: int
    size: int
    edges: tuple[int, int]

    def __str__(self) -> str:
        on, off = self.edges
        return f"radius {self.radius}, {self.size} places: 1 from {on} to {off - 1}, 0 elsewhere"

    @property
    def differ(self) -> list[int]:
        """Found by trying: the places that a guide of random numbers changes."""
        target = torch.zeros(1, 1, 1, self.size, dtype=torch.float64)
        target[..., slice(*self.edges)] = 1
        guide = Draws(self.size).normal(1, 1, 1, self.size)
        changed = guided_filter(guide, target, radius=self.radius, epsilon=0.1) - target
        return changed[0, 0, 0].abs().gt(1e-9).nonzero().flatten().tolist()


def given(seed: int) -> Mask:
    """The mask of task 4 for this seed."""
    draw = Draws(seed)
    radius = draw.whole(2, 3)
    on = draw.whole(2 * radius + 3, 4 * radius + 4)
    off = on + draw.whole(4 * radius + 3, 5 * radius + 6)
    return Mask(radius, off + draw.whole(2 * radius + 4, 4 * radius + 4), (on, off))


def _listed(mask: Mask, answer: list[int]) -> str | None:
    wrong = [place for place in answer if place not in mask.differ]
    if wrong:
        return f"place {wrong[0]} keeps its value, whatever the guide"
    return left(len(mask.differ), answer, "place{s} can change")


def _around(radii: int, *, less: int = 0, more: int = 0, edges: int = 2) -> Callable:
    """The places up to some radii before and behind an edge, `less` earlier and `more` later."""
    return lambda mask: sorted(
        {i for e in mask.edges[:edges] for i in range(e - radii * mask.radius - less, e + radii * mask.radius + more)}
    )


check_invented = Task(
    name="check_invented", exercise="07", number=4, cases=once(given), measure=_listed,
    mistakes=(
        Mistake("one window", "You go as far as one window reaches. The lines of overlapping windows are *averaged*: a "
                "place also hears of windows that see the edge when its own does not.", _around(1)),
        Mistake("counted from the first place", "Nearly: one place too many behind each edge. The edge lies *between* "
                "two places, and the reach is 2 · radius on both sides of it.",
                _around(2, more=1)),
        Mistake("the edge only", "These change, and so do others: a slope that was fitted to the edge is used in the "
                "whole window, on every wiggle of the guide.", _around(0, less=1, more=1)),
        Mistake("first edge only", "The first edge is right. What happens where the ones end?",
                _around(2, edges=1)),
        Mistake("everywhere", "Not so bad. Where all windows that a place lies in hold nothing but equal values, every "
                "covariance is 0, and nothing of the guide gets in.", lambda mask: list(range(mask.size))),
        Mistake("nowhere", "That is your colleague's answer. What is the slope in a window that holds an edge?",
                lambda mask: []),
    ),
    hints=(
        "Which windows have a slope other than 0? And which places lie in such a window?",
        "A window around c has a slope when it holds both c − r <= e − 1 and c + r >= e, for an edge between e − 1 "
        "and e.",
        "Windows from e − r to e − 1 + r; each of them reaches r further.",
    ),
)  # fmt: skip
