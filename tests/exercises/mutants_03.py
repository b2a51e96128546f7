"""What students write for exercise 03: (task, the mistake that must be named or "right", the function)."""

import torch
import torch.nn.functional as F

from jpu_edu.ops import phases as ops


def empty(phases, rate):
    height = sum(phases[p * rate].shape[-2] for p in range(rate))
    width = sum(phases[q].shape[-1] for q in range(rate))
    return phases[0].new_zeros(height, width)


def swapped(phases, rate):
    merged = empty(phases, rate)
    for k, phase in enumerate(phases):
        merged[k % rate :: rate, k // rate :: rate] = phase
    return merged


def reverse(phases, rate):
    merged = empty(phases, rate)
    for k, phase in enumerate(reversed(phases)):
        merged[k // rate :: rate, k % rate :: rate] = phase
    return merged


def off_by_one(phases, rate):
    merged = empty(phases, rate)
    for k, phase in enumerate(phases):
        p, q = divmod(k, rate)
        merged[(p + 1) % rate :: rate, (q + 1) % rate :: rate] = phase
    return merged


def assigned(where):
    """merge with the line `merged[where(k, rate)] = phase`."""

    def merge(phases, rate):
        merged = empty(phases, rate)
        for k, phase in enumerate(phases):
            merged[where(k, rate)] = phase
        return merged

    return merge


def tiles(phases, rate):
    merged = empty(phases, rate)
    top = 0
    for p in range(rate):
        left = 0
        for phase in phases[p * rate : (p + 1) * rate]:
            merged[top : top + len(phase), left : left + phase.shape[1]] = phase
            left += phase.shape[1]
        top += len(phases[p * rate])
    return merged


def shuffled(phases, rate):
    """pixel_shuffle, which wants phases of one size: filled up, and not cropped."""
    high, wide = phases[0].shape
    filled = [F.pad(phase, (0, wide - phase.shape[1], 0, high - phase.shape[0])) for phase in phases]
    return F.pixel_shuffle(torch.stack(filled)[None], rate)[0, 0]


def shuffled_and_cropped(phases, rate):
    high, wide = empty(phases, rate).shape
    return shuffled(phases, rate)[:high, :wide]


def pixel_by_pixel(phases, rate):
    merged = empty(phases, rate)
    for i in range(merged.shape[0]):
        for j in range(merged.shape[1]):
            merged[i, j] = phases[i % rate * rate + j % rate][i // rate, j // rate]
    return merged


def by_phases(conv):
    def dilated(x, weight, rate):
        outputs = [conv(phase, weight, rate) for phase in ops.split(x, rate=rate)]
        return ops.merge(outputs, rate=rate)

    return dilated


def same_for_all(x, weight, rate):
    parts = ops.split(x, rate=rate)
    out = F.conv2d(parts[0], weight, padding=len(weight[0, 0]) // 2)
    return ops.merge([out[:, :, : part.shape[2], : part.shape[3]] for part in parts], rate=rate)


def columns_first(x, weight, rate):
    outputs = []
    for q in range(rate):
        for p in range(rate):
            outputs.append(F.conv2d(x[..., p::rate, q::rate], weight, padding="same"))
    return ops.merge(outputs, rate=rate)


def taps_as_slices(x, weight, rate):
    k = weight.shape[-1]
    padded = F.pad(x, (rate * (k // 2),) * 4)
    high, wide = x.shape[-2:]
    y = 0
    for u in range(k):
        for v in range(k):
            window = padded[..., u * rate : u * rate + high, v * rate : v * rate + wide]
            y = y + torch.einsum("dc,bchw->bdhw", weight[:, :, u, v], window)
    return y


def pad_first(x, weight, rate):
    padded = F.pad(x, (rate * (weight.shape[-1] // 2),) * 4)
    return ops.merge([F.conv2d(phase, weight) for phase in ops.split(padded, rate=rate)], rate=rate)


def swapped_twin(net, x, rate):
    y = torch.zeros_like(x)
    for p in range(rate):
        for q in range(rate):
            y[..., p::rate, q::rate] = net(x[..., q::rate, p::rate])
    return y


def repeated(net, x, rate):
    y = F.interpolate(net(x[..., ::rate, ::rate]), scale_factor=rate, mode="nearest")
    return y[..., : x.shape[-2], : x.shape[-1]]


def interpolated(corners):
    def twin(net, x, rate):
        return F.interpolate(net(ops.reduce(x, rate=rate)), x.shape[-2:], mode="bilinear", align_corners=corners)

    return twin


def filled(net, x, rate):
    high, wide = x.shape[-2:]
    padded = F.pad(x, (0, (rate - wide % rate) % rate, 0, (rate - high % rate) % rate))
    batch = F.pixel_unshuffle(padded, rate).transpose(0, 1)
    return F.pixel_shuffle(net(batch).transpose(0, 1), rate)[..., :high, :wide]


def cut(net, x, rate):
    high, wide = (n - n % rate for n in x.shape[-2:])
    return ops.merge([net(phase) for phase in ops.split(x[..., :high, :wide], rate=rate)], rate=rate)


def in_place(net, x, rate):
    """Right, and unusual: written back into a copy, phase by phase, in another order."""
    y = x.clone()
    for q in range(rate):
        for p in range(rate):
            y[..., p::rate, q::rate] = net(x[..., p::rate, q::rate])
    return y


def measured(signal):
    x, w = torch.rand(1, 1, signal.size, dtype=torch.float64), torch.rand(1, 1, 3, dtype=torch.float64)
    whole = F.conv1d(F.pad(x, (signal.rate,) * 2, mode="reflect"), w, dilation=signal.rate)[0, 0]
    parts = torch.empty_like(whole)
    for q in range(signal.rate):
        parts[q :: signal.rate] = F.conv1d(F.pad(x[..., q :: signal.rate], (1, 1), mode="reflect"), w)[0, 0]
    return [i for i in range(signal.size) if abs(whole[i] - parts[i]) > 1e-9]


def right_end_shifted(signal):
    return [*range(1, signal.rate), *range(signal.size - signal.rate + 1, signal.size)]


def ring(signal):
    n, r = signal.size, signal.rate
    return [i for i in range(n) if i - r < 0 or i + r >= n]


MUTANTS = [
    (1, "right", pixel_by_pixel),
    (1, "right", shuffled_and_cropped),
    (1, "swapped axes", swapped),
    (1, "reverse order", reverse),
    (1, "off by one", off_by_one),
    (1, "one colon", assigned(lambda k, r: (slice(k // r, r), slice(k % r, r)))),
    (1, "beyond the end", assigned(lambda k, r: (slice(k // r + 1, None, r), slice(k % r + 1, None, r)))),
    (1, "rate fixed at 2", assigned(lambda k, r: (slice(k // 2, None, 2), slice(k % 2, None, 2)))),
    (1, "tiles", tiles),
    (1, "size from phase 0", shuffled),
    (2, "right", taps_as_slices),
    (2, "right", pad_first),
    (2, "padding of the map", by_phases(lambda x, w, r: F.conv2d(x, w, padding=r * (w.shape[-1] - 1) // 2))),
    (2, "no padding", by_phases(lambda x, w, r: F.conv2d(x, w))),
    (2, "padding fixed at 1", by_phases(lambda x, w, r: F.conv2d(x, w, padding=1))),
    (2, "dilated twice", by_phases(lambda x, w, r: F.conv2d(x, w, padding="same", dilation=r))),
    (2, "not split", lambda x, weight, rate: F.conv2d(x, weight, padding="same")),
    (2, "dealt by columns", columns_first),
    (2, "phase 0 for all", same_for_all),
    (3, "right", in_place),
    (3, "not split", lambda net, x, rate: net(x)),
    (3, "one phase repeated", repeated),
    (3, "one phase, align_corners=True", interpolated(True)),
    (3, "one phase, align_corners=False", interpolated(False)),
    (3, "merged in swapped order", swapped_twin),
    (3, "filled with zeros", filled),
    (3, "remainder cut off", cut),
    (4, "right", measured),
    (4, "the outermost", lambda signal: [0, signal.size - 1]),
    (4, "all that read beyond the end", ring),
    (4, "as at rate 2", lambda signal: [1, signal.size - 2]),
    (4, "left end only", lambda signal: [n for n in range(signal.rate) if n]),
    (4, "right end shifted", right_end_shifted),
    (4, "none", lambda signal: []),
]
