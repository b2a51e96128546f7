"""What students write for exercise 10: (task, the mistake that must be named or "right", the function)."""

from itertools import product

import torch
import torch.nn.functional as F

from jpu_edu.ops.interp import resize
from jpu_edu.ops.phases import merge, split
from jpu_edu.ops.solve import fit_h


def one_by_one(row):
    """The rows in a loop; row(y, i) returns three numbers."""

    def fit(y_m0, y_s):
        rows = torch.stack([torch.stack(row(y_m0, i)) for i in range(len(y_s))])
        return torch.linalg.pinv(rows) @ y_s

    return fit


def at(y, i, beyond=0):
    return y[i] if 0 <= i < len(y) else beyond * y[min(max(i, 0), len(y) - 1)]


def by_descent(y_m0, y_s):
    """Unusual: the normal equations, from correlations alone."""
    columns = [F.pad(y_m0, (1, 1))[k : k + len(y_m0)] for k in range(3)]
    products = torch.tensor([[float(a @ b) for b in columns] for a in columns], dtype=torch.float64)
    return torch.linalg.solve(products, torch.tensor([float(a @ y_s) for a in columns], dtype=torch.float64))


def inside(y_m0, y_s):
    rows = torch.stack([y_m0[i - 1 : i + 2] for i in range(1, len(y_m0) - 1)])
    return torch.linalg.pinv(rows) @ y_s[1:-1]


def eq4(small=lambda phases: phases[0], apply=None, **how):
    """Fitted on small(phases); applied by apply(h, y_m, phases, rate), or as it should be."""

    def joint(y_m, y_s, rate):
        phases = split(y_m, rate=rate)
        h = fit_h(small(phases), y_s, **({"bias": True} | how))
        return apply(h, y_m, phases, rate) if apply else merge([h(phase) for phase in phases], rate=rate)

    return joint


def with_holes(y_m, y_s, rate):
    """Unusual: h applied as one dilated convolution, which is the same."""
    h = fit_h(y_m[..., ::rate, ::rate], y_s, bias=True)
    return F.conv2d(y_m, h.weight, h.bias, padding=rate, dilation=rate)


def one_channel_at_a_time(y_m, y_s, rate):
    parts = [fit_h(y_m[..., ::rate, ::rate], one, bias=True) for one in y_s.split(1, 1)]
    phases = split(y_m, rate=rate)
    return torch.cat([merge([h(phase) for phase in phases], rate=rate) for h in parts], 1)


def in_columns(h, y_m, phases, rate):
    y = y_m.new_zeros(1, len(h.weight), *y_m.shape[2:])
    for p, q in product(range(rate), repeat=2):
        y[..., q::rate, p::rate] = F.conv2d(y_m[..., p::rate, q::rate], h.weight, h.bias, padding=1)
    return y


def copied(h, y_m, phases, rate):
    y = F.interpolate(h(phases[0]), scale_factor=rate, mode="nearest")
    return y[..., : y_m.shape[2], : y_m.shape[3]]


def kept(y_m, y_s, rate):
    h, phases = fit_h(y_m[..., ::rate, ::rate], y_s, bias=True), split(y_m, rate=rate)
    return merge([y_s, *(h(phase) for phase in phases[1:])], rate=rate)


def anew(y_m, y_s, rate):
    return merge([fit_h(phase, y_s, bias=True)(phase) for phase in split(y_m, rate=rate)], rate=rate)


def backwards(y_m, y_s, rate):
    phases = split(y_m, rate=rate)
    h = fit_h(y_s, phases[0], bias=True)
    return merge([h(phase) for phase in phases], rate=rate)


def on_the_target(y_m, y_s, rate):
    phases = split(y_m, rate=rate)
    h = fit_h(phases[0], y_s, bias=True)
    return merge([h(y_s) for _ in phases], rate=rate)


def interpolated(y_m, y_s, rate):
    high, wide = ((n - 1) * rate + 1 for n in y_s.shape[-2:])
    y = F.interpolate(y_s, (high, wide), mode="bilinear", align_corners=True)
    return F.pad(y, (0, y_m.shape[-1] - wide, 0, y_m.shape[-2] - high), mode="replicate")


def resized(y_m, y_s, rate):
    h = fit_h(resize(y_m, size=tuple(y_s.shape[-2:]), align_corners=False), y_s, bias=True)
    return h.on_guide(y_m, rate=rate)


def other_phase(y_m, y_s, rate):
    return fit_h(y_m[..., 1::rate, 1::rate], y_s, bias=True).on_guide(y_m, rate=rate)


def closed(finish=lambda w: w, *, bias=True, pad=lambda x, p: F.pad(x, (p,) * 4), inner=False, size=None):
    """A loop over the pixels; finish(weight) comes last."""

    def solve(y_m0, y_s, kernel):
        k = size or kernel
        p, (h, w) = k // 2, y_s.shape[-2:]
        padded, rows, targets = pad(y_m0, p)[0], [], []
        for i in range(h):
            for j in range(w):
                if inner and not (p <= i < h - p and p <= j < w - p):
                    continue
                window = padded[:, i : i + k, j : j + k].reshape(-1)
                rows.append(torch.cat([window, window.new_ones(int(bias))]))
                targets.append(y_s[0, :, i, j])
        found = torch.linalg.pinv(torch.stack(rows)) @ torch.stack(targets)
        count = y_m0.shape[1] * k * k
        weight = finish(found[:count].T.reshape(y_s.shape[1], y_m0.shape[1], k, k))
        return weight, found[count] if bias else y_s.new_zeros(y_s.shape[1])

    return solve


def mean_first(y_m0, y_s, kernel):
    mean = y_s.mean((0, 2, 3))
    return closed(bias=False)(y_m0, y_s - mean[None, :, None, None], kernel)[0], mean


def untransposed(y_m0, y_s, kernel):
    weight, bias = closed()(y_m0, y_s, kernel)
    return weight.reshape(len(weight), -1).T.contiguous().reshape(weight.shape), bias


def ones_in_front(y_m0, y_s, kernel):
    rows = F.unfold(y_m0, kernel, padding=kernel // 2)[0].T
    found = torch.linalg.lstsq(torch.cat([torch.ones_like(rows[:, :1]), rows], 1), y_s[0].flatten(1).T).solution
    return found[:-1].T.reshape(y_s.shape[1], y_m0.shape[1], kernel, kernel), found[-1]


def by_the_library(y_m0, y_s, kernel):
    fit = fit_h(y_m0, y_s, kernel=kernel, bias=True)
    return fit.weight, fit.bias


def riddle(wave, kernel, loud=(9, -9), scale=9):
    """Phase 0 repeats `wave`, phase 1 `loud`; the kernels are plus and minus `kernel`, times `scale`."""

    def pair(given):
        y_m = [(loud if i % 2 else wave)[i // 2 % len(loud if i % 2 else wave)] for i in range(given.size)]
        return y_m, [scale * tap for tap in kernel], [-scale * tap for tap in kernel]

    return pair


def suited(given, odd, other):
    return (odd if (given.size + 1) // 2 % 2 else other)(given)


WAVES = riddle((1, 0, -1, 0), (1, 0, 1)), riddle((1, 1, 0, -1, -1, 0), (1, -1, 1))


def searched(given):
    """Unusual: every small difference; one number after the other is forced, and the last must come out as 0."""
    n = (given.size + 1) // 2
    for left, middle, right in product((-2, -1, 1, 2), (-1, 0, 1), (-1, 1)):
        y = [0, 2]
        while len(y) < n + 2:
            y.append(-(left * y[-2] + middle * y[-1]) / right)
        if y[-1] == 0 and max(map(abs, y)) <= 9:
            taps, y_m = torch.tensor([left, middle, right]), torch.zeros(given.size)
            y_m[::2], y_m[1:6:2] = torch.tensor(y[1:-1]), 9.0 * taps.sign()
            taps *= 9 // taps.abs().max()
            return y_m, taps, -taps
    return None


MUTANTS = [
    (1, "right", one_by_one(lambda y, i: [at(y, i - 1), at(y, i), at(y, i + 1)])),
    (1, "right", by_descent),
    (1, "flipped", one_by_one(lambda y, i: [at(y, i + 1), at(y, i), at(y, i - 1)])),
    (1, "begins at i", one_by_one(lambda y, i: [at(y, i), at(y, i + 1), at(y, i + 2)])),
    (1, "ends at i", one_by_one(lambda y, i: [at(y, i - 2), at(y, i - 1), at(y, i)])),
    (1, "round the end", one_by_one(lambda y, i: [y[i - 1], y[i], y[(i + 1) % len(y)]])),
    (1, "ends held", one_by_one(lambda y, i: [at(y, i - 1, 1), at(y, i), at(y, i + 1, 1)])),
    (1, "ends left out", inside),
    (2, "right", with_holes),
    (2, "right", one_channel_at_a_time),
    (2, "not split", eq4(apply=lambda h, y_m, phases, rate: h(y_m))),
    (2, "another phase", other_phase),
    (2, "a later phase", eq4(small=lambda phases: phases[1])),
    (2, "wrong way round", backwards),
    (2, "h of y_s", on_the_target),
    (2, "guide resized", resized),
    (2, "bias forgotten", eq4(bias=False)),
    (2, "merged in swapped order", eq4(apply=in_columns)),
    (2, "phase 0 for all", eq4(apply=copied)),
    (2, "y_s kept", kept),
    (2, "a fit for each phase", anew),
    (2, "y_s interpolated", interpolated),
    (3, "right", by_the_library),
    (3, "right", closed()),
    (3, "bias forgotten", closed(bias=False)),
    (3, "ones in front", ones_in_front),
    (3, "the mean as bias", mean_first),
    (3, "ends left out", closed(inner=True)),
    (3, "ends held", closed(pad=lambda x, p: F.pad(x, (p,) * 4, mode="replicate"))),
    (3, "kernel flipped", closed(lambda weight: weight.flip((2, 3)))),
    (3, "kernel transposed", closed(lambda weight: weight.transpose(2, 3))),
    (3, "not transposed", untransposed),
    (3, "kernel always 3", closed(size=3)),
    (4, "right", lambda given: suited(given, *WAVES)),
    (4, "right", searched),
    (4, "one kernel twice", riddle((1, 2, 3), (1, 2, 1), scale=0)),
    (4, "nothing to see", riddle((0,), (1, 2, 1), scale=4)),
    (4, "right but for the ends", riddle((3,), (1, -2, 1), scale=4)),
    (4, "phase 0 tells", riddle((3, 1, 4), (1, 2, 1), scale=4)),
    (4, "too near on phase 1", lambda given: suited(given, riddle((1, 0, -1, 0), (1, 0, 1), loud=(0,)),
                                                    riddle((1, 1, 0, -1, -1, 0), (1, -1, 1), loud=(0,)))),
]  # fmt: skip
