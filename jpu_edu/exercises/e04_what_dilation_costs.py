"""Exercises 04: coverage, the largest rate that leaves no hole, the bill of a network, and the worst list of rates.

Shape legend
    rates    list of rates, one a layer
    layers   list of (c_in, c_out, kernel, stride, rate); every layer is padded by rate * (kernel // 2)
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations_with_replacement, pairwise

import torch
from torch import Tensor

from jpu_edu.cost.macs import conv_macs
from jpu_edu.cost.receptive import receptive_field
from jpu_edu.exercises.draws import Draws
from jpu_edu.exercises.puzzle import once
from jpu_edu.exercises.task import Mistake, Task, ruled


def share(rates: list[int], kernel: int = 3) -> float:
    """The share of its window that a stack reads."""
    return receptive_field([(kernel, 1, rate) for rate in rates]).coverage


def seen(rates: list[int], kernel: int) -> Tensor:
    """The window: 1 where a pixel is read, 0 in a hole."""
    paths = torch.tensor(receptive_field([(kernel, 1, rate) for rate in rates]).paths)
    return (torch.outer(paths, paths) > 0).double()


# ---- task 1: coverage --------------------------------------------------------------------------------------


@ruled
def _walked(steps: Callable, rates: list[int], kernel: int, *, axes: int = 2) -> float:
    """Coverage with the steps of one layer given by steps(rate, half)."""
    places = {0}
    for rate in rates:
        places = {place + step for place in places for step in steps(rate, kernel // 2)}
    return (len(places) / (max(places) - min(places) + 1)) ** axes


def _right(rate: int, half: int) -> list[int]:
    return [rate * tap for tap in range(-half, half + 1)]


def _walks(rates: list[int], kernel: int) -> float:
    """Every walk counted, not every place."""
    return (kernel ** len(rates) / (1 + (kernel - 1) * sum(rates))) ** 2


def _rate_lists(draw: Draws) -> list[tuple]:
    lists = [([1], 3), ([2], 3), ([2, 2], 3), ([1, 2, 3], 3), ([2, 2, 2], 3), ([2], 5), ([3, 3], 5), ([1, 2, 9], 3)]
    return lists + [([draw.whole(1, 7) for _ in range(draw.whole(2, 4))], draw.choice((3, 5, 7))) for _ in range(8)]


check_coverage = Task(
    name="check_coverage", exercise="04", number=1, cases=_rate_lists,
    reference=lambda rates, kernel: share(rates, kernel),
    show=lambda rates, kernel: ("read (1) and not read (0)", seen(rates, kernel)),
    mistakes=(
        Mistake("one axis", "That is the share of one axis. A pixel is read where its row *and* its column are: "
                "square it.", _walked(_right, axes=1)),
        Mistake("holes filled", "You take every step from −r to r. A layer of rate r steps to −r, 0 or r and to "
                "nothing between: those are the holes.",
                _walked(lambda rate, half: range(-rate * half, rate * half + 1))),
        Mistake("kernel always 3", "Right for 3 x 3 kernels. One of K taps steps to −(K−1)/2, ..., (K−1)/2 times the "
                "rate.", _walked(lambda rate, half: (-rate, 0, rate))),
        Mistake("middle tap forgotten", "Your layers step left or right and cannot stay: the middle tap is missing.",
                _walked(lambda rate, half: [step for step in _right(rate, half) if step])),
        Mistake("walks counted", "You count walks. Several of them end on one place, and a place is read or it is "
                "not: use a set.", _walks),
    ),
    hints=(
        "Print the places for rates [2] and kernel 3: −2, 0, 2. How long is that window, and how much of it is read?",
        "The steps of a layer: one for each tap, `rate` apart, the middle one 0. Then two axes.",
        "steps = [rate * tap for tap in range(-(kernel // 2), kernel // 2 + 1)]; the share of one axis, squared.",
    ),
)  # fmt: skip

# ---- task 2: the largest rate ------------------------------------------------------------------------------


def _stretch_rule(rates: list[int], kernel: int, *, strict: bool = False, order: Callable = sorted) -> bool:
    stretch = 1
    for rate in order(rates):
        if rate > stretch or (strict and rate == stretch and rate > 1):
            return False
        stretch += (kernel - 1) * rate
    return True


@ruled
def _largest(accepts: Callable, rates: list[int], kernel: int) -> int:
    """The largest rate that may join the list by the rule accepts(rates, kernel); 0 where none may."""
    for rate in range(1 + (kernel - 1) * sum(rates), 0, -1):
        if accepts([*rates, rate], kernel):
            return rate
    return 0


def _joined(draw: Draws) -> list[tuple]:
    lists = [([1], 3), ([1, 2], 3), ([1], 5), ([1, 3], 3), ([2], 3), ([4, 4], 3), ([2, 1], 3), ([1, 9], 3)]
    lists += [([3, 1, 9], 3)]
    more = [[draw.whole(1, 3), *(draw.whole(1, 6) for _ in range(draw.whole(0, 2)))] for _ in range(8)]
    return lists + [(rates, draw.choice((3, 5))) for rates in more]


check_largest = Task(
    name="check_largest", exercise="04", number=2, cases=_joined,
    reference=_largest(lambda rates, kernel: share(rates, kernel) == 1.0),
    show=lambda rates, kernel: ("reached so far: 1, holes: 0", seen(rates, kernel)[:1]),
    mistakes=(
        Mistake("old holes overlooked", "You take 1 + (K−1) times the sum of the rates, or what has no common divisor. "
                "Both are fine only while the list has no holes; these stay, and a small rate has to come in.",
                lambda rates, kernel: 1 + (kernel - 1) * sum(rates)),
        Mistake("kernel always 3", "Right for 3 x 3 kernels. A layer of K taps makes a stretch longer by (K−1) · "
                "rate.", _largest(lambda rates, kernel: _stretch_rule(rates, 3))),
        Mistake("one too careful", "One too small. Copies that lie edge to edge leave no hole: a rate as long as the "
                "stretch is fine.", _largest(lambda rates, kernel: _stretch_rule(rates, kernel, strict=True))),
        Mistake("not sorted", "You build the stack in the order of the list. What is reached does not depend on the "
                "order, so begin with the smallest rate.",
                _largest(lambda rates, kernel: _stretch_rule(rates, kernel, order=list))),
        Mistake("gives up", "You return 0 as soon as the list has holes. Rate 2 alone has some, and rate 1 mends them: "
                "test the list *with* the new rate.",
                lambda rates, kernel: 1 + (kernel - 1) * sum(rates) if _stretch_rule(rates, kernel) else 0),
        Mistake("doubling", "Doubling is safe and not the limit: rates 1, 2 reach seven in a row, so 7 may follow.",
                lambda rates, kernel: 2 * max(rates)),
    ),
    hints=(
        "For rates 1 and 2 list the places that are reached. How far apart may three copies of that stretch lie?",
        "Go through the list from its smallest rate. `stretch` says how many pixels in a row are covered so far. A "
        "rate that is longer leaves a hole; any other makes the stretch longer.",
        "for one in sorted(...): if one > stretch there is a hole, else stretch += (kernel − 1) · one.",
    ),
)  # fmt: skip

# ---- task 3: the bill --------------------------------------------------------------------------------------


def _bill(layers: list[tuple], size: tuple[int, int]) -> list[int]:
    bill = []
    for c_in, c_out, kernel, stride, rate in layers:
        padding = rate * (kernel // 2)
        settings = {"kernel": kernel, "stride": stride, "padding": padding, "rate": rate}
        bill.append(conv_macs(in_channels=c_in, out_channels=c_out, size=size, **settings))
        size = tuple((n - 1) // stride + 1 for n in size)
    return bill


def _wrong_bill(layers: list[tuple], size: tuple[int, int], *, wrong: str) -> list[int]:
    rows = []
    for c_in, c_out, kernel, stride, rate in layers:
        after = tuple(n // stride if wrong == "rounded down" else -(-n // stride) for n in size)
        if wrong == "one axis":
            after = (after[0], size[1])
        if wrong == "rate halves":
            after = tuple(-(-n // (stride * rate)) for n in size)
        high, wide = size if wrong == "input size" else after
        taps = {"span": (rate * (kernel - 1) + 1) ** 2, "rate multiplies": rate * kernel**2}.get(wrong, kernel**2)
        rows.append(high * wide * c_in * c_out * taps)
        size = size if wrong == "size not carried on" else after
    return rows


def _networks(draw: Draws) -> list[tuple]:
    cases = [([(2, 3, 3, 1, 1)], (4, 4)), ([(2, 3, 3, 1, 2)], (5, 5)), ([(2, 3, 3, 2, 1), (3, 4, 3, 1, 1)], (6, 6))]
    cases += [([(2, 3, 3, 2, 1), (3, 4, 3, 2, 2), (4, 4, 1, 1, 1)], (7, 9))]
    for _ in range(8):
        channels = [draw.whole(1, 40) for _ in range(draw.whole(3, 6))]
        layers = [(c, d, draw.choice((1, 3, 5)), draw.whole(1, 3), draw.whole(1, 4))
                  for c, d in pairwise(channels)]  # fmt: skip
        cases.append((layers, (draw.whole(33, 90), draw.whole(33, 90))))
    return cases


check_bill = Task(
    name="check_bill", exercise="04", number=3, cases=_networks, reference=_bill, variants=_wrong_bill,
    mistakes=(
        Mistake("span", "You pay for the holes. At rate r a kernel spans r(K−1)+1 pixels a side and multiplies K · K."),
        Mistake("rate multiplies", "The rate is in your price. It occurs in none: the padding grows with it, the "
                "output stays as large as it was."),
        Mistake("rate halves", "A rate does not make the map smaller; the stride does. That belief is number one on "
                "the list of misconceptions."),
        Mistake("input size", "A layer with a stride computes as many sums as it has *outputs*. You count its inputs."),
        Mistake("size not carried on", "The first layer is right. The next one works on the map that the first one "
                "left."),
        Mistake("rounded down", "Right where the stride divides the size. With this padding an odd map keeps its "
                "half pixel: 7 becomes 4 at stride 2."),
        Mistake("one axis", "A stride acts on both axes; you divide one."),
    ),
    hints=(
        "Write the size of the map after each layer beside the list. Is it the one that you use?",
        "A layer costs outputs x c_out x c_in x K x K, with the outputs of *its own* map: rounded up, n / stride a "
        "side.",
        "Keep `size` in a variable. In the loop: first the new size, then the price, then on with the new size.",
    ),
)  # fmt: skip

# ---- task 4: break it --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Limits:
    """What a list of rates may be: its length, and the largest rate in it."""

    layers: int
    largest: int

    def __str__(self) -> str:
        return f"{self.layers} layers, rates from 1 to {self.largest}"

    @property
    def least(self) -> float:
        """The smallest coverage that a list without a common divisor can have: found by trying all."""
        lists = combinations_with_replacement(range(1, self.largest + 1), self.layers)
        return min(share(list(rates)) for rates in lists if math.gcd(*rates) == 1)


def given(seed: int) -> Limits:
    """The limits of task 4 for this seed."""
    draw = Draws(seed)
    return Limits(draw.whole(3, 4), draw.whole(6, 10))


def _list(limits: Limits, rates: list[int]) -> str | None:
    if len(rates) != limits.layers:
        return f"it has {len(rates)} rates, not {limits.layers}"
    if not all(isinstance(rate, int) and 1 <= rate <= limits.largest for rate in rates):
        return f"its rates {rates} are not all whole numbers from 1 to {limits.largest}"
    if (divisor := math.gcd(*rates)) > 1:
        return f"its rates have the common divisor {divisor}"
    covered = share(rates)
    return f"it covers {covered:.1%}; a list with less is allowed" if covered > limits.least + 1e-12 else None


check_list = Task(
    name="check_list", exercise="04", number=4, cases=once(given), measure=_list,
    mistakes=(
        Mistake("common divisor", "That this one has holes surprises nobody: all its steps are multiples of one "
                "number. The claim is about lists that have none.", when=lambda limits, rates: math.gcd(*rates) > 1),
        Mistake("no holes", "This list has no holes at all, so it does not break the claim. Make its steps large "
                "beside the stretch that its small rates cover.", when=lambda limits, rates: share(rates) == 1.0),
        Mistake("a breach, not the worst", "It breaks the claim. Now make it as bad as it can be: which of the rates "
                "help to fill holes, and which only make the window longer?",
                when=lambda limits, rates: len(rates) == limits.layers and max(rates) <= limits.largest),
    ),
    hints=(
        "A list with rate 1 in it has no common divisor, whatever the others are. It need not be 1, though: think of "
        "neighbours.",
        "Equal rates land on the same places again and again. That is bad for coverage, and good for you.",
        "You may also try all lists: itertools.combinations_with_replacement, and your function from task 1.",
    ),
)  # fmt: skip
