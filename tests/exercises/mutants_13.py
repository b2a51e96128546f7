"""What students write for exercise 13: (task, the mistake that must be named or "right", the function)."""

from itertools import pairwise

import torch
from torch import nn


def priced(price, axis=lambda n, k, s, p, r: (n + 2 * p - (r * (k - 1) + 1)) // s + 1):
    def macs(c_in, c_out, kernel, stride, padding, rate, groups, size):
        high, wide = (axis(n, k, stride, padding, rate) for n, k in zip(size, kernel, strict=True))
        return high * wide * price(c_in, c_out, kernel, rate, groups)

    return macs


def plain(c_in, c_out, kernel, rate, groups):
    return c_in * c_out * kernel[0] * kernel[1] // groups


def holes(c_in, c_out, kernel, rate, groups):
    high, wide = (rate * k - rate + 1 for k in kernel)
    return c_in // groups * c_out * high * wide


def each_group_by_itself(c_in, c_out, kernel, rate, groups):
    """The price of one group, says this student, is the price of all."""
    return (c_in // groups) * (c_out // groups) * kernel[0] * kernel[1]


def by_running(c_in, c_out, kernel, stride, padding, rate, groups, size):
    layer = nn.Conv2d(c_in, c_out, kernel, stride, padding, rate, groups, device="meta")
    return layer.weight.numel() * layer(torch.empty(1, c_in, *size, device="meta"))[0, 0].numel()


def by_walking(sizes, last):
    """One number: each map is added when it is made and taken off after its last reader."""
    now = worst = sizes[0]
    for i in range(1, len(sizes)):
        now += sizes[i]
        worst = max(worst, now)
        now -= sum(n for n, until in zip(sizes, last, strict=True) if until == i)
    return worst


def kept(needed):
    def peak(sizes, last):
        moments = [[n for j, n in enumerate(sizes[: i + 1]) if needed(j, i, last)] for i in range(1, len(sizes))]
        return max(map(sum, moments))

    return peak


def freed_before(sizes, last):
    """Takes maps off before the one that reads them is made."""
    now, moments = sizes[0], []
    for i in range(1, len(sizes)):
        now -= sum(n for n, until in zip(sizes, last, strict=True) if until == i)
        now += sizes[i]
        moments.append(now)
    return max(moments)


def timed(layer, ratio=lambda slow, fast, head: (slow + head) / (fast + head)):
    def speed_up(slow, fast, head, P, W):
        return ratio(*(sum(layer(macs / P, moved / W) for macs, moved in part) for part in (slow, fast, head)))

    return speed_up


def with_tensors(slow, fast, head, P, W):
    def seconds(layers):
        limits = torch.tensor(layers, dtype=torch.float64) / torch.tensor([P, W])
        return limits.amax(1).sum()

    return seconds(slow + head) / seconds(fast + head)


def totals(slow, fast, head, P, W):
    def seconds(layers):
        return max(sum(macs for macs, _ in layers) / P, sum(moved for _, moved in layers) / W)

    return seconds(slow + head) / seconds(fast + head)


def by_trying(order):
    """Adds layers until it is long enough."""
    layers = [[1, order.channels]]
    _, dense = order.bill([(3, 1)])
    while order.bill(layers)[1] < order.longer * dense:
        layers.append([1, order.channels])
    return layers


def all_the_work(order):
    """As many as the work allows, and a last one of two groups if there is room for it."""
    return [(1, order.channels)] * (9 * order.channels // order.less)


def a_bit_longer(order):
    """Just longer than the dense layer."""
    layers = []
    while order.bill(layers)[1] <= order.bill([(3, 1)])[1]:
        layers.append((1, order.channels))
    return layers


MUTANTS = [
    (1, "right", by_running),
    (1, "right", priced(plain)),
    (1, "holes paid", priced(holes)),
    (1, "rate left out of the size", priced(plain, lambda n, k, s, p, r: (n + 2 * p - k) // s + 1)),
    (1, "stride ignored", priced(plain, lambda n, k, s, p, r: n + 2 * p - r * (k - 1))),
    (1, "input size", priced(plain, lambda n, *_: n)),
    (1, "groups forgotten", priced(lambda c_in, c_out, kernel, rate, groups: c_in * c_out * kernel[0] * kernel[1])),
    (1, "groups twice", priced(each_group_by_itself)),
    (1, "one side twice", priced(lambda c_in, c_out, kernel, rate, groups: c_in * c_out // groups * kernel[0] ** 2)),
    (1, "additions too", priced(lambda *layer: 2 * plain(*layer))),
    (2, "right", by_walking),
    (2, "right", kept(lambda j, i, last: j == i or last[j] >= i)),
    (2, "the sum", kept(lambda j, i, last: True)),
    (2, "the largest map", lambda sizes, last: sorted(sizes)[-1]),
    (2, "neighbours only", lambda sizes, last: max(a + b for a, b in pairwise(sizes))),
    (2, "the new map forgotten", kept(lambda j, i, last: j != i and last[j] >= i)),
    (2, "let go too early", freed_before),
    (2, "let go too early", kept(lambda j, i, last: last[j] > i)),
    (2, "let go too late", kept(lambda j, i, last: last[j] + 1 >= i)),
    (
        2,
        "the last moment",
        lambda sizes, last: sum(n for n, until in zip(sizes, last, strict=True) if until >= len(sizes) - 1),
    ),
    (3, "right", with_tensors),
    (3, "right", timed(max)),
    (3, "work alone", timed(lambda work, move: work)),
    (3, "bytes alone", timed(lambda work, move: move)),
    (3, "both added", timed(lambda work, move: work + move)),
    (3, "the shorter time", timed(min)),
    (3, "one limit for all", totals),
    (3, "the head left out", timed(max, lambda slow, fast, head: slow / fast)),
    (3, "the head on one side", timed(max, lambda slow, fast, head: slow / (fast + head))),
    (3, "upside down", timed(max, lambda slow, fast, head: (fast + head) / (slow + head))),
    (4, "right", by_trying),
    (4, "right", all_the_work),
    (4, "impossible layer", lambda order: [(1, order.channels + 1)]),
    (4, "impossible layer", lambda order: [(2, 1)] * 3),
    (4, "as much work", lambda order: [(3, 1)] * order.longer),
    (4, "as much work", lambda order: [(3, 2), (3, 2)] * order.longer),
    (4, "faster", lambda order: [(3, order.channels), (1, order.channels)]),
    (4, "not by enough", a_bit_longer),
]
