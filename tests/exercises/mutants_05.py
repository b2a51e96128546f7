"""What students write for exercise 05: (task, the mistake that must be named or "right", the function)."""

import torch
import torch.nn.functional as F


def by_windows(x, weight, size):
    """The classifier run on one window after the other."""
    h, w = size
    rows = [
        torch.stack([weight @ x[0, :, i : i + h, j : j + w].flatten() for j in range(x.shape[3] - w + 1)], 1)
        for i in range(x.shape[2] - h + 1)
    ]
    return torch.stack(rows, 1)[None]


def by_einsum(x, weight, size):
    windows = x[0].unfold(1, size[0], 1).unfold(2, size[1], 1)
    return torch.einsum("cijhw,dchw->dij", windows, weight.view(-1, len(x[0]), *size))[None]


def kernel(make):
    return lambda x, weight, size: F.conv2d(x, make(weight, x.shape[1], *size))


def padded(x, weight, size):
    own = weight.reshape(-1, x.shape[1], *size)
    return F.conv2d(x, own, padding=tuple(n // 2 for n in size))


def along(change):
    def tent(factor):
        size = 2 * factor - factor % 2
        weights = torch.tensor([change(i, size, factor) for i in range(size)], dtype=torch.float64)
        return torch.einsum("i,j->ij", weights, weights)

    return tent


def by_enlarging(factor):
    """The stamp of one lit sample, read off an enlargement; an even stamp has its middle between two pixels."""
    size = 2 * factor - factor % 2
    lit = F.pad(torch.ones(1, 1, 1, 1, dtype=torch.float64), (2, 2, 2, 2))
    whole = F.interpolate(lit, scale_factor=factor, mode="bilinear", align_corners=False)[0, 0]
    start = (len(whole) - size) // 2
    return whole[start : start + size, start : start + size]


def cone(factor):
    size = 2 * factor - factor % 2
    middle = (size - 1) / 2
    rows = [[1 - ((i - middle) ** 2 + (j - middle) ** 2) ** 0.5 / factor for j in range(size)] for i in range(size)]
    return torch.tensor(rows, dtype=torch.float64)


def up(x, size):
    return F.interpolate(x, size=tuple(size), mode="bilinear", align_corners=False)


def recursive(scores, size):
    if len(scores) == 1:
        return up(scores[0], size)
    *coarser, finest = scores
    return up(recursive(coarser, finest.shape[-2:]) + finest, size)


def averaged(scores, size):
    now = scores[0]
    for other in scores[1:]:
        now = torch.stack([up(now, other.shape[-2:]), other]).mean(0)
    return up(now, size)


def doubled(scores, size):
    now = scores[0]
    for other in scores[1:]:
        now = F.interpolate(now, scale_factor=2, mode="bilinear", align_corners=False) + other
    return up(now, size)


def to_the_finest(scores, size):
    return up(torch.stack([up(one, scores[-1].shape[-2:]) for one in scores]).sum(0), size)


def backwards(scores, size):
    now = scores[-1]
    for other in reversed(scores[:-1]):
        now = up(now, other.shape[-2:]) + other
    return up(now, size)


def those(test):
    return lambda kernels: [k for k in range(1, kernels.largest + 1) if test(k, kernels.stride)]


def counted(kernels):
    """Stamps counted on one period of the outputs."""
    return [
        k for k in range(1, kernels.largest + 1)
        if len({sum(tap % kernels.stride == phase for tap in range(k)) for phase in range(kernels.stride)}) == 1
    ]  # fmt: skip


MUTANTS = [
    (1, "right", by_windows),
    (1, "right", by_einsum),
    (1, "channels last", kernel(lambda m, c, h, w: m.view(-1, h, w, c).permute(0, 3, 1, 2))),
    (1, "rows and columns exchanged", kernel(lambda m, c, h, w: m.view(-1, c, w, h).transpose(2, 3))),
    (1, "flipped", kernel(lambda m, c, h, w: m.view(-1, c, h, w).flip((2, 3)))),
    (1, "inputs first", kernel(lambda m, c, h, w: m.view(c, -1, h, w).permute(1, 0, 2, 3))),
    (1, "no axis for the outputs", kernel(lambda m, c, h, w: m.view(c, h, w))),
    (1, "three axes", kernel(lambda m, c, h, w: m[0].view(c, h, w))),
    (1, "three axes", kernel(lambda m, c, h, w: m.view(len(m) * c, h, w))),
    (1, "padded", padded),
    (2, "right", by_enlarging),
    (2, "right", along(lambda i, n, f: 1 - abs(2 * i - n + 1) / (2 * f))),
    (2, "right", lambda factor: by_enlarging(factor).float()),
    (2, "top on a tap", lambda factor: along(lambda i, n, f: 1 - abs(i - n // 2) / f)(factor).float()),
    (2, "top on a tap", along(lambda i, n, f: 1 - abs(i - n // 2) / f)),
    (2, "sums to one", lambda f: along(lambda i, n, f: (1 - abs(i - (n - 1) / 2) / f) / f)(f)),
    (2, "flat", along(lambda i, n, f: 1)),
    (2, "falls too fast", along(lambda i, n, f: 1 - abs(i - (n - 1) / 2) / ((n - 1) / 2))),
    (2, "a cone", cone),
    (3, "right", recursive),
    (3, "coarsest alone", lambda scores, size: up(scores[0], size)),
    (3, "finest alone", lambda scores, size: up(scores[-1], size)),
    (3, "averaged", averaged),
    (3, "each straight to the image", lambda scores, size: sum(up(one, size) for one in scores)),
    (3, "each straight to the finest", to_the_finest),
    (3, "finest first", backwards),
    (3, "doubled", doubled),
    (4, "right", counted),
    (4, "the advice itself", those(lambda k, s: k >= s)),
    (4, "odd kernels", those(lambda k, s: k % 2)),
    (4, "kernel of the stride alone", lambda kernels: [kernels.stride]),
    (4, "end left out", lambda kernels: list(range(kernels.stride, kernels.largest, kernels.stride))),
    (4, "end left out", lambda kernels: [k for k in range(1, kernels.largest) if kernels.spread(k) == 0]),
    (4, "smaller than the stride", those(lambda k, s: k < s or k % s == 0)),
    (4, "divisors", those(lambda k, s: s % k == 0)),
]
