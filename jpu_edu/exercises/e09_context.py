"""Exercises 09: taps that land, boxes of a pyramid, a code, and the outputs that a large rate leaves alone.

Shape legend
    y           (1, C, H, W)       a map
    x           (1, D, H, W)       a map of descriptors
    codewords   (K, D)             with one scale each, (K,)
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from jpu_edu.exercises.draws import Draws
from jpu_edu.exercises.puzzle import left, once
from jpu_edu.exercises.task import Mistake, Task, ruled
from jpu_edu.layers.encoding import encode

# ---- task 1: taps that land --------------------------------------------------------------------------------


def landed(height: int, width: int, rate: int) -> Tensor:
    """How many of the nine taps of a 3 x 3 lie on the map, for every output."""
    ones, nine = (torch.ones(1, 1, *size, dtype=torch.float64) for size in ((height, width), (3, 3)))
    return F.conv2d(ones, nine, dilation=rate, padding=rate)[0, 0]


def _axes(three: Callable) -> Callable:
    """three(size, rate) of the three taps of one axis; the axes multiply."""
    return lambda height, width, rate: three(height, rate) * three(width, rate)


def _maps_and_rates(draw: Draws) -> list[tuple]:
    cases = [(3, 3, 1), (3, 5, 2), (4, 4, 2), (5, 4, 3), (5, 5, 5), (4, 7, 6), (60, 60, 36), (33, 47, 24)]
    return cases + [(draw.whole(8, 70), draw.whole(8, 70), draw.choice((6, 12, 18, 24, 36))) for _ in range(6)]


check_landing = Task(
    name="check_landing", exercise="09", number=1, cases=_maps_and_rates,
    reference=lambda height, width, rate: landed(height, width, rate).mean().item(),
    show=lambda height, width, rate: ("taps on the map, for every output", landed(height, width, rate)),
    mistakes=(
        Mistake("negative beyond the map", "Right up to rates as large as the map. From there on no outer tap lands at "
                "all; a share cannot fall below 0.", _axes(lambda n, r: 1 + 2 * (1 - r / n))),
        Mistake("centre leaves, too", "You treat all three taps alike. The middle one stands on the output's own place "
                "and always lands.", _axes(lambda n, r: 3 * max(0.0, 1 - r / n))),
        Mistake("all three leave, below zero", "You treat all three taps alike, and beyond the map their share falls "
                "below 0. The middle tap always lands. The outer two land for no output once the rate is as large as "
                "the map.", _axes(lambda n, r: 3 * (1 - r / n))),
        Mistake("all or the centre alone", "You decide once for the whole map. The taps land for some outputs and miss "
                "for others, also at a rate smaller than the map: count the outputs for which the left one lands.",
                _axes(lambda n, r: 3 if r < n else 1)),
        Mistake("one neighbour", "A centre and one neighbour. The kernel has a tap on either side, and each of them "
                "misses for `rate` outputs.", _axes(lambda n, r: 1 + max(0.0, 1 - r / n))),
        Mistake("both or none", "You count the outer taps only where both of them land. An output near the border has "
                "one: count each by itself.", _axes(lambda n, r: 1 + 2 * max(0.0, 1 - 2 * r / n))),
        Mistake("a sum", "That is the number of taps over the whole axis. Wanted is the mean: divide by its "
                "outputs.", _axes(lambda n, r: n + 2 * max(0, n - r))),
        Mistake("one output too few", "Off by one. Of `size` outputs the left tap misses for the first `rate`, so it "
                "lands for size − rate.", _axes(lambda n, r: 1 + 2 * max(0.0, (n - 1 - r) / n))),
    ),
    hints=(
        "Take 5 places and rate 2. Write down for each output which of i − 2, i, i + 2 lie on the map, and count.",
        "The left tap, i − rate, lands for the outputs from `rate` on: size − rate of them, and none if the rate is "
        "larger than that.",
        "1 + 2 · max(0, size − rate) / size.",
    ),
)  # fmt: skip

# ---- task 2: boxes -----------------------------------------------------------------------------------------


@ruled
def _boxed(
    box: Callable, y: Tensor, n: int, *, of: Callable = lambda part: part.mean((2, 3)), swap: bool = False
) -> Tensor:
    """Box i of an axis is slice(*box(i, size, n))."""
    out = y.new_zeros(*y.shape[:2], n, n)
    for i in range(n):
        for j in range(n):
            out[..., i, j] = of(y[..., slice(*box(i, y.shape[2], n)), slice(*box(j, y.shape[3], n))])
    return out.mT if swap else out


def _adaptive(i: int, size: int, n: int) -> tuple[int, int]:
    return i * size // n, -(-(i + 1) * size // n)


def _pool_cases(draw: Draws) -> list[tuple]:
    sizes = ((2, 4, 2), (4, 4, 2), (5, 4, 2), (3, 7, 3), (5, 7, 3))
    cases = [(12 * draw.distinct(1, 1, h, w), n) for h, w, n in sizes]
    for n in (1, 2, 3, 6, 6):
        cases.append((draw.normal(1, 2, draw.whole(n + 1, 20), draw.whole(n + 1, 20)), n))
    return [*cases, (draw.photograph(45, 61), 6)]


check_boxes = Task(
    name="check_boxes", exercise="09", number=2, cases=_pool_cases,
    reference=lambda y, n: F.adaptive_avg_pool2d(y, n),
    mistakes=(
        Mistake("rest dropped", "All your boxes are size // n long, and what is left over belongs to nobody. Let the "
                "boxes share the whole axis.", _boxed(lambda i, size, n: (i * (size // n), (i + 1) * (size // n)))),
        Mistake("rest to the last box", "Your last box takes all that is left over. Spread it: box i begins at i · "
                "size / n, rounded down.",
                _boxed(lambda i, size, n: (i * (size // n), (i + 1) * (size // n) if i < n - 1 else size))),
        Mistake("both ends down", "Where n divides the size it is right. Else you round both ends down, and no boxes "
                "overlap. The end is rounded *up*.",
                _boxed(lambda i, size, n: (i * size // n, (i + 1) * size // n))),
        Mistake("both ends up", "You round both ends up. The start is rounded *down*: a place that lies in two boxes "
                "in part counts in both.", _boxed(lambda i, size, n: (-(-i * size // n), -(-(i + 1) * size // n)))),
        Mistake("swapped axes", "Rows and columns are exchanged: box (i, j) is the i-th from above, the j-th from the "
                "left.", _boxed(_adaptive, swap=True)),
        Mistake("sums", "You add the places of a box up. Boxes differ in size: take means.",
                _boxed(_adaptive, of=lambda part: part.sum((2, 3)))),
        Mistake("the largest", "These are the maxima of the boxes. A pyramid takes means.",
                _boxed(_adaptive, of=lambda part: part.amax((2, 3)))),
    ),
    hints=(
        "Seven places, three boxes: where does box 1 begin and end, if a box is a third of the axis? It cuts places in "
        "two. Who gets those?",
        "Box i covers the axis from i · size / n to (i + 1) · size / n. A place that lies in it even in part belongs "
        "to it.",
        "From i * size // n to −(−(i + 1) * size // n), which rounds up; a slice ends before its end.",
    ),
)  # fmt: skip

# ---- task 3: a code ----------------------------------------------------------------------------------------


def _sum(shares: Tensor, gap: Tensor, x: Tensor) -> Tensor:
    return (shares[..., None] * gap).sum(1)


@ruled
def _coded(share: Callable, x: Tensor, codewords: Tensor, scale: Tensor, *, gather: Callable = _sum) -> Tensor:
    """share(squares, scale, x) of the distances (1, N, K); gather(shares, x - c, x) makes the code."""
    places = x.flatten(2).mT[:, :, None]
    gap = places - codewords
    return gather(share(gap.square().sum(-1), scale, places), gap, places)


def _nearest(squares: Tensor, scale: Tensor, x: Tensor) -> Tensor:
    return (scale * squares).softmax(-1)


def _code_cases(draw: Draws) -> list[tuple]:
    def scales(k: int) -> Tensor:
        return -(draw.distinct(k) - 0.5) / k

    sizes = [(1, 1, 2, 2), (1, 2, 3, 2), (2, 2, 2, 3)]
    cases = [(draw.distinct(1, d, h, w) / 4, draw.kernel(k, d) / 2, scales(k)) for d, h, w, k in sizes]
    for _ in range(5):
        d, k = draw.whole(2, 5), draw.whole(2, 6)
        cases.append((draw.normal(1, d, draw.whole(2, 9), draw.whole(2, 9)), draw.normal(k, d), scales(k)))
    return [*cases, (draw.photograph(20, 25), draw.normal(4, 1), scales(4))]


check_code = Task(
    name="check_code", exercise="09", number=3, cases=_code_cases, reference=encode,
    mistakes=(
        Mistake("the other sign", "Most of each place goes to the codeword that resembles it *least*: your minus meets "
                "scales that are negative already.", _coded(lambda q, s, x: (-s * q).softmax(-1))),
        Mistake("distances not squared", "The shares are made of distances. EncNet takes their squares: no root.",
                _coded(lambda q, s, x: (s * q.sqrt()).softmax(-1))),
        Mistake("softmax over places", "Your softmax runs over the places, so they compete for a codeword. It is the "
                "codewords that compete for a place: each place is shared out, and its shares add up to 1.",
                _coded(lambda q, s, x: (s * q).softmax(1))),
        Mistake("square of x dropped", "You leave |x|² out, since it is the same for all codewords. It would cancel in "
                "the softmax if all scales were equal. s_k multiplies it, and they differ.",
                _coded(lambda q, s, x: (s * (q - x.square().sum(-1))).softmax(-1))),
        Mistake("a mean", "You take the mean over the places. A code is a sum, and grows with the map.",
                _coded(_nearest, gather=lambda a, gap, x: (a[..., None] * gap).mean(1))),
        Mistake("codeword not subtracted", "You gather the places themselves. A code gathers how they *differ* from "
                "the codeword: x − c.", _coded(_nearest, gather=lambda a, gap, x: (a[..., None] * x).sum(1))),
        Mistake("the wrong way round", "Every number has the wrong sign: the differences are x − c, not c − x.",
                _coded(_nearest, gather=lambda a, gap, x: -(a[..., None] * gap).sum(1))),
        Mistake("scales left out", "Right if all scales were −1. Each codeword has its own: s_k times its squared "
                "distance.", _coded(lambda q, s, x: (-q).softmax(-1))),
    ),
    hints=(
        "Take one place and two codewords. Which gets the larger share, and over what does the softmax run?",
        "Differences first: x.flatten(2).mT[:, :, None] − codewords is (1, N, K, D). Its squares, summed over D, are "
        "(1, N, K).",
        "a = (scale * squares).softmax(-1); the code is the sum of a[..., None] * differences over the places, axis 1.",
    ),
)  # fmt: skip

# ---- task 4: break it --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Branch:
    """One axis of a picture in pixels, the output stride of the network, and the rate of a 3 x 3 on its map."""

    pixels: int
    stride: int
    rate: int

    def __str__(self) -> str:
        return f"{self.pixels} pixels, output stride {self.stride}, rate {self.rate}"

    @property
    def alone(self) -> list[int]:
        """Found by trying: the rows in which no tap but those of the middle row lands on the map."""
        size = math.ceil(self.pixels / self.stride)
        return landed(size, 1, self.rate)[:, 0].eq(1).nonzero().flatten().tolist()


def given(seed: int) -> Branch:
    """The branch of task 4 for this seed."""
    draw = Draws(seed)
    stride = draw.choice((8, 16))
    rate = draw.choice((24, 36) if stride == 8 else (12, 18))
    size = draw.whole(rate + 3, 2 * rate - 4)
    return Branch(stride * (size - 1) + draw.whole(1, stride - 1), stride, rate)


def _rows(branch: Branch, answer: list[int]) -> str | None:
    size = math.ceil(branch.pixels / branch.stride)
    for row in answer:
        if not 0 <= row < size:
            return f"the map has no row {row}; its rows are 0 to {size - 1}"
        if row not in branch.alone:
            return f"row {row} has a neighbour on the map"
    return left(len(branch.alone), answer, "row{s} {are} alone")


@ruled
def _between(first: Callable, end: Callable, branch: Branch, *, count: Callable = math.ceil) -> list[int]:
    """The rows from first(size, rate) to the one before end(size, rate)."""
    size = count(branch.pixels / branch.stride)
    return list(range(first(size, branch.rate), end(size, branch.rate)))


check_alone = Task(
    name="check_alone", exercise="09", number=4, cases=once(given), measure=_rows,
    mistakes=(
        Mistake("none", "That is your colleague's answer. Take the row in the middle of the map: on which rows do its "
                "taps fall?", lambda branch: []),
        Mistake("size rounded down", "You have the rule, on a map that is one row too small. A stride rounds *up*.",
                _between(lambda n, r: n - r, lambda n, r: r, count=math.floor)),
        Mistake("one too many", "The last one is not alone. Row `rate` reads row 0.",
                _between(lambda n, r: n - r, lambda n, r: r + 1)),
        Mistake("the upper tap only", "These have no neighbour above. Some of them have one below.",
                _between(lambda n, r: 0, lambda n, r: r)),
        Mistake("the lower tap only", "These have no neighbour below. Some of them have one above.",
                _between(lambda n, r: n - r, lambda n, r: n)),
        Mistake("all", "That takes a rate as large as the map. Here the first row has a neighbour, far below.",
                _between(lambda n, r: 0, lambda n, r: n)),
    ),
    hints=(
        "How many rows has the map? For row i, the taps fall on rows i − rate and i + rate.",
        "No row above: i − rate < 0. No row below: i + rate > last row. Both.",
        "Rows from size − rate to rate − 1, with size = ceil(pixels / stride).",
    ),
)  # fmt: skip
