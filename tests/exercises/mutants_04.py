"""What students write for exercise 04: (task, the mistake that must be named or "right", the function)."""

import math
from itertools import product

import torch


def walked(steps, axes=2):
    def coverage(rates, kernel):
        places = {0}
        for rate in rates:
            places = {place + step for place in places for step in steps(rate, kernel)}
        return (len(places) / (max(places) - min(places) + 1)) ** axes

    return coverage


def taps(rate, kernel):
    return [rate * tap for tap in range(kernel)]


def with_a_list(rates, kernel):
    places = [0]
    for rate in rates:
        places = [place + step for place in places for step in taps(rate, kernel)]
    return (len(places) / (max(places) + 1)) ** 2


def by_gradient(rates, kernel):
    span = 1 + (kernel - 1) * sum(rates)
    x = torch.zeros(1, 1, span, requires_grad=True)
    y = x
    for rate in rates:
        y = torch.nn.functional.conv1d(y, torch.ones(1, 1, kernel), dilation=rate)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    return ((gradient > 0).float().mean().double() ** 2).item()


def searched(holes_free):
    def largest(rates, kernel):
        accepted = [r for r in range(1, 2 + (kernel - 1) * sum(rates)) if holes_free([*rates, r], kernel)]
        return max(accepted, default=0)

    return largest


def by_task_one(rates, kernel):
    return walked(taps)(rates, kernel) == 1


def rule(rates, kernel):
    covered = 1
    for rate in rates:
        if rate > covered:
            return False
        covered += rate * (kernel - 1)
    return True


def below(rates, kernel):
    """Copies must overlap, says this student."""
    covered = 1
    for rate in sorted(rates):
        if rate >= covered and rate > 1:
            return False
        covered += rate * (kernel - 1)
    return True


def gives_up(rates, kernel):
    if not rule(sorted(rates), kernel):
        return 0
    return 1 + (kernel - 1) * sum(rates)


def charged(price, shrink=lambda n, s: -(-n // s), carry=True):
    def bill(layers, size):
        rows, now = [], size
        for c_in, c_out, kernel, stride, rate in layers:
            after = tuple(shrink(n, stride) for n in now)
            rows.append(price(after, now, c_in * c_out, kernel, rate))
            now = after if carry else now
        return rows

    return bill


def plain(after, before, channels, kernel, rate):
    return after[0] * after[1] * channels * kernel * kernel


def rate_shrinks(layers, size):
    rows = []
    for c_in, c_out, kernel, stride, rate in layers:
        size = tuple(math.ceil(n / (stride * rate)) for n in size)
        rows.append(size[0] * size[1] * c_in * c_out * kernel**2)
    return rows


def one_axis(layers, size):
    rows, (high, wide) = [], size
    for c_in, c_out, kernel, stride, _ in layers:
        high = math.ceil(high / stride)
        rows.append(high * wide * c_in * c_out * kernel**2)
    return rows


def by_running(layers, size):
    x, rows = torch.empty(1, layers[0][0], *size, device="meta"), []
    for c_in, c_out, kernel, stride, rate in layers:
        layer = torch.nn.Conv2d(c_in, c_out, kernel, stride, rate * (kernel // 2), rate, device="meta")
        x = layer(x)
        rows.append(layer.weight.numel() * x[0, 0].numel())
    return tuple(rows)


def by_trying(limits):
    lists = product(range(1, limits.largest + 1), repeat=limits.layers)
    return min((list(rates) for rates in lists if math.gcd(*rates) == 1), key=lambda rates: walked(taps)(rates, 3))


MUTANTS = [
    (1, "right", by_gradient),
    (1, "right", walked(taps)),
    (1, "one axis", walked(taps, axes=1)),
    (1, "holes filled", walked(lambda rate, kernel: range(rate * (kernel - 1) + 1))),
    (1, "kernel always 3", walked(lambda rate, kernel: (0, rate, 2 * rate))),
    (
        1,
        "middle tap forgotten",
        walked(lambda rate, kernel: [n for n in taps(rate, kernel) if n != rate * (kernel // 2)]),
    ),
    (1, "walks counted", with_a_list),
    (2, "right", searched(by_task_one)),
    (2, "old holes overlooked", searched(lambda rates, kernel: math.gcd(*rates) == 1)),
    (2, "kernel always 3", searched(lambda rates, kernel: rule(sorted(rates), 3))),
    (2, "one too careful", searched(below)),
    (2, "not sorted", searched(rule)),
    (2, "old holes overlooked", lambda rates, kernel: 1 + sum((kernel - 1) * rate for rate in rates)),
    (2, "gives up", gives_up),
    (2, "doubling", lambda rates, kernel: 2 * max(rates)),
    (3, "right", by_running),
    (3, "span", charged(lambda after, before, c, k, r: after[0] * after[1] * c * (1 + r * (k - 1)) ** 2)),
    (3, "rate multiplies", charged(lambda after, before, c, k, r: after[0] * after[1] * c * k * k * r)),
    (3, "rate halves", rate_shrinks),
    (3, "input size", charged(lambda after, before, c, k, r: before[0] * before[1] * c * k * k)),
    (3, "size not carried on", charged(plain, carry=False)),
    (3, "rounded down", charged(plain, shrink=lambda n, s: n // s)),
    (3, "one axis", one_axis),
    (4, "right", by_trying),
    (4, "common divisor", lambda limits: [2] * limits.layers),
    (4, "no holes", lambda limits: [1] * limits.layers),
    (4, "a breach, not the worst", lambda limits: [1] + [limits.largest] * (limits.layers - 1)),
]
