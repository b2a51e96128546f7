"""What students write for exercise 08: (task, the mistake that must be named or "right", the function)."""

import torch

from jpu_edu.exercises.e08_two_networks import survives


def by_products(layers, output_stride):
    """The rate of a layer is the stride in front of it, over what is kept of it."""
    twins, whole, kept = [], 1, 1
    for kernel, stride, padding in layers:
        rate = whole // kept
        keep = stride if kept * stride <= output_stride and whole == kept else 1
        twins.append([kernel, keep, rate, rate * padding])
        whole, kept = whole * stride, kept * keep
    return twins


def built(change):
    """The solution with one step of it changed."""

    def twin(layers, output_stride):
        twins, reached, rate = [], 1, 1
        for kernel, stride, padding in layers:
            row, reached, rate = change(kernel, stride, padding, reached, rate, output_stride)
            twins.append(row)
        return twins

    return twin


def own_stride(k, s, p, reached, rate, most):
    if reached * s <= most:
        return (k, s, rate, p * rate), reached * s, rate
    rate *= s
    return (k, 1, rate, p * rate), reached, rate


def set_rate(k, s, p, reached, rate, most):
    if reached * s <= most:
        return (k, s, rate, p * rate), reached * s, rate
    return (k, 1, rate, p * rate), reached, 2 if s == 2 else rate


def same_padding(k, s, p, reached, rate, most):
    if reached * s <= most:
        return (k, s, rate, p), reached * s, rate
    return (k, 1, rate, p), reached, rate * s


def no_strides(k, s, p, reached, rate, most):
    return (k, 1, rate, p * rate), reached, rate * s


def strides_left_in(k, s, p, reached, rate, most):
    if reached * s <= most:
        return (k, s, rate, p * rate), reached * s, rate
    return (k, s, rate, p * rate), reached, rate * s


def below(k, s, p, reached, rate, most):
    if reached * s < most:
        return (k, s, rate, p * rate), reached * s, rate
    return (k, 1, rate, p * rate), reached, rate * s


def kept_undilated(k, s, p, reached, rate, most):
    if reached * s <= most:
        return (k, s, 1, p), reached * s, rate
    return (k, 1, rate, p * rate), reached, rate * s


def padding_first(k, s, p, reached, rate, most):
    if reached * s <= most:
        return (k, s, p * rate, rate), reached * s, rate
    return (k, 1, p * rate, rate), reached, rate * s


def column(v):
    return v.reshape(1, -1, 1, 1)


def straight(x, mean, var, weight, bias, eps):
    return (x - column(mean)) / torch.sqrt(column(var) + eps) * column(weight) + column(bias)


def pixel_by_pixel(x, mean, var, weight, bias, eps):
    return torch.stack(
        [(x[:, c] - mean[c]) * weight[c] * (var[c] + eps) ** -0.5 + bias[c] for c in range(len(mean))], 1
    )


def of_the_batch(x, mean, var, weight, bias, eps):
    mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
    return straight(x, mean, var, weight, bias, eps)


def eps_outside(x, mean, var, weight, bias, eps):
    return (x - column(mean)) / (column(var).sqrt() + eps) * column(weight) + column(bias)


def mean_late(x, mean, var, weight, bias, eps):
    return x * column(weight) / (column(var) + eps).sqrt() - column(mean) + column(bias)


def searched(answer):
    def whose(y_s, y_d):
        for rate in range(1, 9):
            for p in range(rate):
                for q in range(rate):
                    phase = y_d[:, :, p::rate, q::rate]
                    if phase.shape == y_s.shape and (phase - y_s).abs().max() < 1e-9:
                        return answer(rate, p, q, y_s, y_d)
        return None

    return whose


def trial(fits):
    """The three loops, with another test."""

    def whose(y_s, y_d):
        for rate in range(1, 9):
            for p in range(rate):
                for q in range(rate):
                    if fits(y_d[..., p::rate, q::rate], y_s):
                        return rate, p, q
        return None

    return whose


def by_neighbours(y_s, y_d):
    """The places of the first number and of its neighbours in y_d."""

    def place(value):
        return (y_d[0, 0] - value).abs().flatten().argmin().item()

    (p, q), width = divmod(place(y_s[0, 0, 0, 0]), y_d.shape[-1]), y_d.shape[-1]
    return place(y_s[0, 0, 1, 0]) // width - p, p, q


def tried(candidates):
    return {name for name in candidates.names if survives(name)}


def without(*words):
    return lambda candidates: [name for name in candidates.names if not any(word in name for word in words)]


WHOLE = ("Instance", "gate", "over the map")
NEAR = ("not dilated", "reflected")

MUTANTS = [
    (1, "right", by_products),
    (1, "own stride", built(own_stride)),
    (1, "rate not accumulated", built(set_rate)),
    (1, "padding not scaled", built(same_padding)),
    (1, "all strides removed", built(no_strides)),
    (1, "strides kept", built(strides_left_in)),
    (1, "removed too early", built(below)),
    (1, "kept, so not dilated", built(kept_undilated)),
    (1, "exchanged", built(padding_first)),
    (2, "right", straight),
    (2, "right", pixel_by_pixel),
    (2, "train mode", of_the_batch),
    (2, "eps outside the root", eps_outside),
    (2, "eps forgotten", lambda x, mean, var, weight, bias, eps: straight(x, mean, var, weight, bias, 0)),
    (2, "eps typed in", lambda x, mean, var, weight, bias, eps: straight(x, mean, var, weight, bias, 1e-5)),
    (2, "mean forgotten", lambda x, mean, var, weight, bias, eps: straight(x, 0 * mean, var, weight, bias, eps)),
    (2, "mean added", lambda x, mean, var, weight, bias, eps: straight(x, -mean, var, weight, bias, eps)),
    (2, "root forgotten", lambda x, m, v, w, b, eps: (x - column(m)) / column(v + eps) * column(w) + column(b)),
    (2, "mean not scaled", mean_late),
    (2, "last axis", lambda x, mean, var, weight, bias, eps: (x - mean) * (weight / (var + eps) ** 0.5) + bias),
    (3, "right", by_neighbours),
    (3, "right", searched(lambda rate, p, q, y_s, y_d: [rate, p, q])),
    (3, "nothing found", trial(torch.equal)),
    (3, "shapes not compared", trial(torch.allclose)),
    (3, "rows and columns exchanged", searched(lambda rate, p, q, y_s, y_d: (rate, q, p))),
    (3, "always phase 0", searched(lambda rate, p, q, y_s, y_d: (rate, 0, 0))),
    (3, "counted from 1", searched(lambda rate, p, q, y_s, y_d: (rate, p + 1, q + 1))),
    (3, "rate rounded down", searched(lambda rate, p, q, y_s, y_d: (len(y_d[0, 0]) // len(y_s[0, 0]), p, q))),
    (4, "right", tried),
    (4, "a look at the whole map", without(*NEAR)),
    (4, "a look at the whole map", lambda candidates: list(candidates.names)),
    (4, "neighbours of the wrong phase", without(*WHOLE)),
    (4, "pooling left out", without(*WHOLE, *NEAR, "pooling")),
    (4, "nonlinear left out", lambda candidates: ["3 x 3 max pooling, dilated with the rate"]),
]
