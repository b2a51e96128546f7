"""Exercises 13: the price of any convolution, the worst moment of a network, its time, and less work that takes longer.

Shape legend
    size, kernel       (H, W) and (k_h, k_w)
    sizes, last        list of numbers in each map, and of the last map that is made from it
    slow, fast, head   list of (macs, bytes), one a layer
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from jpu_edu.cost.macs import conv_macs
from jpu_edu.exercises.draws import Draws
from jpu_edu.exercises.puzzle import once
from jpu_edu.exercises.task import Mistake, Task, ruled

# ---- task 1: the price of a layer --------------------------------------------------------------------------


def _macs(c_in: int, c_out: int, kernel: tuple, stride: int, padding: int, rate: int, groups: int, size: tuple) -> int:
    knobs = {"kernel": kernel, "stride": stride, "padding": padding, "rate": rate, "groups": groups}
    return conv_macs(in_channels=c_in, out_channels=c_out, size=size, **knobs)


def _wrong_macs(
    c_in: int, c_out: int, kernel: tuple, stride: int, padding: int, rate: int, groups: int, size: tuple, *, wrong: str
) -> int:
    spans = [1 + rate * (k - 1) for k in kernel]
    taps = {"holes paid": prod(spans), "one side twice": kernel[0] ** 2}.get(wrong, prod(kernel))
    step = 1 if wrong == "stride ignored" else stride
    reach = kernel if wrong == "rate left out of the size" else spans
    out = [(n + 2 * padding - span) // step + 1 for n, span in zip(size, reach, strict=True)]
    positions = prod(size if wrong == "input size" else out)
    channels = c_in * c_out // {"groups forgotten": 1, "groups twice": groups**2}.get(wrong, groups)
    return positions * channels * taps * (2 if wrong == "additions too" else 1)


def _layers(draw: Draws) -> list[tuple]:
    three = (3, 3)
    cases = [(2, 3, three, 1, 1, 1, 1, (4, 4)), (1, 1, three, 2, 1, 1, 1, (7, 7)), (1, 2, three, 1, 1, 2, 1, (7, 6))]
    cases += [(4, 6, three, 1, 1, 1, 2, (4, 5)), (3, 3, three, 1, 2, 2, 3, (5, 5)), (2, 2, (1, 3), 2, 0, 1, 1, (5, 7))]
    for _ in range(8):
        groups, kernel = draw.choice((1, 2, 3, 8)), (draw.whole(1, 5), draw.whole(1, 5))
        knobs = (draw.whole(1, 3), draw.whole(0, 4), draw.whole(1, 4), groups)
        size = (draw.whole(17, 90), draw.whole(17, 90))
        cases.append((groups * draw.whole(1, 9), groups * draw.whole(1, 9), kernel, *knobs, size))
    return cases


check_macs = Task(
    name="check_macs", exercise="13", number=1, cases=_layers, reference=_macs, variants=_wrong_macs,
    mistakes=(
        Mistake("holes paid", "You pay for the holes. At rate r a kernel *spans* r(k−1)+1 pixels a side, and "
                "multiplies at k of them."),
        Mistake("rate left out of the size", "The price of an output is right, their number is not. A kernel with "
                "holes is wide, r(k−1)+1 pixels, and with little padding it fits in fewer places."),
        Mistake("stride ignored", "Right at stride 1. A stride of s leaves every s-th position, on both axes."),
        Mistake("input size", "You count positions of the input. Every sum that is formed is an *output*, so its map "
                "is the one to count."),
        Mistake("groups forgotten", "Right for one group. With g groups an output channel reads c_in / g channels and "
                "not all of them."),
        Mistake("groups twice", "You divide by the groups twice. They shorten what one output reads; there are still "
                "c_out channels of outputs."),
        Mistake("one side twice", "Right for square kernels. A kernel of 1 x 3 has three taps: multiply its two "
                "sides."),
        Mistake("additions too", "Exactly twice as much. A MAC is a multiplication *with* its addition: one, not two."),
    ),
    hints=(
        "Two numbers: how many outputs are there, and what does one of them read? Check each on paper, 4 x 4 first.",
        "Outputs on an axis: (n + 2 · padding − span) // stride + 1 with span = rate · (k − 1) + 1. One output reads "
        "c_in / groups channels, at each tap.",
        "H_out · W_out · c_out · (c_in // groups) · k_h · k_w.",
    ),
)  # fmt: skip

# ---- task 2: the worst moment ------------------------------------------------------------------------------


def alive(sizes: list[int], last: list[int]) -> Tensor:
    """Row i: what is in memory while map i + 1 is made; the numbers of each map, 0 where it is not there."""
    moments = range(1, len(sizes))
    return torch.tensor([[n * (j <= i <= last[j]) for j, n in enumerate(sizes)] for i in moments])


@ruled
def _worst(there: Callable, sizes: list[int], last: list[int]) -> int:
    """The largest moment, where map j is in memory while map i is made if there(j, i, last[j])."""
    moments = range(1, len(sizes))
    return max(sum(n for j, n in enumerate(sizes) if there(j, i, last[j])) for i in moments)


def _chains(draw: Draws) -> list[tuple]:
    def chain(sizes: list[int], skips: dict[int, int] | None = None) -> tuple:
        last = [j + 1 for j in range(len(sizes))]
        for j, until in (skips or {}).items():
            last[j] = until
        return sizes, last

    cases = [chain([4, 6, 3, 2, 1]), chain([5, 1, 1]), chain([4, 6, 3, 2, 1], {2: 4}), chain([4, 6, 3, 2, 1], {1: 4})]
    cases += [chain([2, 3, 9, 1, 5, 6, 2], {1: 5}), chain([1, 8, 2, 3, 9, 9, 1], {1: 3, 2: 6})]
    for _ in range(8):
        count = draw.whole(5, 9)
        skips = {j: draw.whole(j + 1, count - 1) for j in range(count - 2) if draw.whole(0, 1)}
        cases.append(chain([draw.whole(1, 40) for _ in range(count)], skips))
    return cases


check_peak = Task(
    name="check_peak", exercise="13", number=2, cases=_chains,
    reference=_worst(lambda j, i, until: j <= i <= until),
    show=lambda sizes, last: ("in memory: a row a moment", alive(sizes, last)),
    mistakes=(
        Mistake("the sum", "That is the sum of all maps, which training keeps. In use a map is let go when nobody "
                "needs it any more, and it is not there before it is made.", lambda sizes, last: sum(sizes)),
        Mistake("the largest map", "That is the largest map. It was made from another one, which is there at the same "
                "moment.", lambda sizes, last: max(sizes)),
        Mistake("neighbours only", "Right for a chain. A map that is needed later stays in memory meanwhile: look into "
                "`last`.", _worst(lambda j, i, until: j in (i - 1, i))),
        Mistake("the new map forgotten", "You count what was there before. Map i itself needs its place *while* it is "
                "made.", _worst(lambda j, i, until: j < i <= until)),
        Mistake("let go too early", "You let a map go one moment too early. While map last[j] is made, map j is being "
                "read.", _worst(lambda j, i, until: j <= i < until)),
        Mistake("let go too late", "You keep a map one moment too long. Once map last[j] is there, nobody asks for map "
                "j again.", _worst(lambda j, i, until: j <= i <= until + 1)),
        Mistake("the last moment", "That is the last moment. Keep the largest of all.",
                lambda sizes, last: int(alive(sizes, last)[-1].sum())),
    ),
    hints=(
        "Make a table with a row for each moment and a column for each map, and cross what is in memory. Then add up "
        "the rows.",
        "While map i is made: which maps exist already, and which of these does somebody still need, now or later?",
        "Map j is there if j <= i and last[j] >= i.",
    ),
)  # fmt: skip

# ---- task 3: two times -------------------------------------------------------------------------------------


def _floor(layers: list[tuple], P: float, W: float, *, each: Callable = max) -> float:
    return sum(each(macs / P, moved / W) for macs, moved in layers)


@ruled
def _ratio(
    time: Callable, slow: list, fast: list, head: list, P: int, W: int, *, above: bool = True, below: bool = True
) -> float:
    """The ratio of two times; the head stands `above` and `below` the line."""
    return time(slow + head * above, P, W) / time(fast + head * below, P, W)


def _total_first(layers: list[tuple], P: float, W: float) -> float:
    macs, moved = map(sum, zip(*layers, strict=True))
    return max(macs / P, moved / W)


def _pairs(draw: Draws) -> list[tuple]:
    def network(layers: int, low: int) -> list[tuple]:
        return [(draw.whole(low, 10 * low), draw.choice((2, 5, 20, 60))) for _ in range(layers)]

    cases = [([(80, 2)], [(8, 1)], [(8, 1)], 8, 1), ([(80, 2)], [(8, 10)], [(8, 1)], 8, 1)]
    cases += [([(80, 2), (8, 10)], [(16, 2)], [(40, 2)], 8, 1), ([(64, 30)], [(16, 10), (32, 2)], [(16, 6)], 8, 3)]
    for count in (1, 1, 2, 2, 3, 3):
        bodies = network(count + 1, 60), network(count, 12)
        cases.append((*bodies, network(draw.whole(1, 2), 20), draw.whole(4, 16), draw.whole(2, 3)))
    return cases


check_speed_up = Task(
    name="check_speed_up", exercise="13", number=3, cases=_pairs, reference=_ratio(_floor),
    mistakes=(
        Mistake("work alone", "That is the ratio of the work. A layer that moves much and multiplies little takes the "
                "time of its bytes.", _ratio(lambda layers, P, W: sum(macs / P for macs, _ in layers))),
        Mistake("bytes alone", "You let every layer wait for its bytes. A dense one waits for its multiplications: the "
                "longer of the two counts.", _ratio(lambda layers, P, W: sum(moved / W for _, moved in layers))),
        Mistake("both added", "You add the two times of a layer. A machine multiplies while it fetches: take the "
                "longer one.", _ratio(lambda layers, P, W: _floor(layers, P, W, each=lambda a, b: a + b))),
        Mistake("the shorter time", "You take the shorter of the two times; a layer is done when *both* are over.",
                _ratio(lambda layers, P, W: _floor(layers, P, W, each=min))),
        Mistake("one limit for all", "You add up all MACs and all bytes and then take the longer time. Each layer has "
                "its own limit, and one cannot use the time in which another waits: max first, then the sum.",
                _ratio(_total_first)),
        Mistake("the head left out", "Without the head you return what the body gains. Both networks pay for the head "
                "as well.", _ratio(_floor, above=False, below=False)),
        Mistake("the head on one side", "The head stands on one side of the line. Both networks have it: above *and* "
                "below.", _ratio(_floor, above=False)),
        Mistake("upside down", "Upside down: the time of the slow network goes above the line, so that 2 means twice "
                "as fast.", lambda *bill: 1 / _ratio(_floor)(*bill)),
    ),
    hints=(
        "One layer first: 80 MACs and 2 bytes, on a machine with P = 8 and W = 1. How long? And 8 MACs and 10 bytes?",
        "The time of a network is the sum over its layers. The layers of the head belong to both networks.",
        "time = sum(max(macs / P, moved / W) for ...); then (slow + head) over (fast + head).",
    ),
)  # fmt: skip

# ---- task 4: break it --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Order:
    """A dense 3 x 3 on `channels` maps of side x side, a machine, and what is wanted instead of the layer."""

    channels: int
    side: int
    P: int
    W: int
    less: int
    longer: int

    def __str__(self) -> str:
        return (
            f"a dense 3 x 3 from {self.channels} to {self.channels} channels on {self.side} x {self.side}; a machine "
            f"of {self.P} GMAC and {self.W} GB a second.\nWanted: at most 1/{self.less} of its work, "
            f"and at least {self.longer} times its time"
        )

    def bill(self, layers: list) -> tuple[int, float]:
        """MACs, and seconds under the roof, of layers (kernel, groups) that keep channels and size."""
        rows = []
        for kernel, groups in layers:
            weights = self.channels * (self.channels // groups) * kernel**2
            rows.append((weights * self.side**2, 4 * (2 * self.channels * self.side**2 + weights)))
        return sum(macs for macs, _ in rows), _floor(rows, self.P * 1e9, self.W * 1e9)


def given(seed: int) -> Order:
    """The order of task 4 for this seed. Scaling channels, P / W of 12 and more: 8 P / W > less * longer."""
    draw = Draws(seed)
    bandwidth = draw.whole(4, 9)
    return Order(draw.choice((48, 64, 96)), draw.choice((32, 48, 64)), bandwidth * draw.whole(12, 20), bandwidth,
                 draw.whole(6, 12), draw.whole(2, 4))  # fmt: skip


def _odd(order: Order, layers: list) -> str | None:
    """What makes a layer of the list impossible."""
    for kernel, groups in layers:
        if not isinstance(kernel, int) or kernel < 1 or kernel % 2 == 0:
            return f"kernel {kernel} is no odd whole number"
        if not isinstance(groups, int) or groups < 1 or order.channels % groups:
            return f"{groups} groups do not divide {order.channels} channels"
    return None


def _held(order: Order, layers: list) -> str | None:
    if not layers:
        return "it has no layer"
    if impossible := _odd(order, layers):
        return impossible
    (dense, wanted), (macs, seconds) = order.bill([(3, 1)]), order.bill(layers)
    if macs * order.less > dense:
        return f"it does 1/{dense / macs:.1f} of the work; at most 1/{order.less} is wanted"
    if seconds < order.longer * wanted:
        return f"it takes {seconds / wanted:.2f} times as long; {order.longer} times is wanted"
    return None


@ruled
def _when(test: Callable, order: Order, layers: list) -> bool:
    """test(work, time) against the dense layer; the list is possible."""
    (dense, wanted), (macs, seconds) = order.bill([(3, 1)]), order.bill(layers)
    return not _odd(order, layers) and test(order, macs * order.less / dense, seconds / wanted)


check_order = Task(
    name="check_order", exercise="13", number=4, cases=once(given), measure=_held,
    mistakes=(
        Mistake("impossible layer", "Groups divide the channels, and a kernel is odd here. The two ends are always "
                "possible: 1 group, and as many groups as channels.", when=lambda *answer: bool(_odd(*answer))),
        Mistake("as much work", "It takes long because it works much; that breaks nothing. Make each layer *cheap*: "
                "what is the least that a layer can multiply?", when=_when(lambda order, work, time: work > 1)),
        Mistake("faster", "It does less work, and it is faster: the claim holds. Which cheap layer moves as many bytes "
                "as a dear one, and how many of them may you have?", when=_when(lambda order, work, time: time <= 1)),
        Mistake("not by enough", "It breaks the claim. You have not used up the work that you are allowed, or spend it "
                "on taps.", when=_when(lambda order, work, time: work <= 1 and time < order.longer)),
    ),
    hints=(
        "A layer reads a map and writes a map, whatever it does with them. Compare these bytes with its MACs.",
        "One MAC for each number of the map is the least: kernel 1, as many groups as channels. It is what BatchNorm "
        "does.",
        "n layers (1, channels): their time is n times the bytes of one over W. Choose n so that it is long enough.",
    ),
)  # fmt: skip
