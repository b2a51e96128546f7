"""What students write for exercise 09: (task, the mistake that must be named or "right", the function)."""

from itertools import pairwise

import torch
import torch.nn.functional as F


def counted(height, width, rate):
    """Place by place, tap by tap."""
    steps = (-rate, 0, rate)
    rows = sum(0 <= i + step < height for i in range(height) for step in steps)
    columns = sum(0 <= j + step < width for j in range(width) for step in steps)
    return rows * columns / (height * width)


def by_convolution(height, width, rate):
    ones, kernel = torch.ones(1, 1, height, width).double(), torch.ones(1, 1, 3, 3).double()
    return F.conv2d(ones, kernel, padding=rate, dilation=rate).mean()


def both_axes(three):
    return lambda height, width, rate: three(height, rate) * three(width, rate)


def by_matrices(y, n):
    """The means of rows, then of columns."""
    for _ in range(2):
        size = y.shape[-1]
        means = y.new_zeros(size, n)
        for i in range(n):
            inside = [k for k in range(size) if (k + 1) * n > i * size and k * n < (i + 1) * size]
            means[inside, i] = 1 / len(inside)
        y = (y @ means).mT
    return y


def cut(bounds, of=torch.mean, transposed=False):
    def boxes(y, n):
        rows, columns = (bounds(size, n) for size in y.shape[-2:])
        grid = [[of(y[..., a:b, c:d].flatten(2), -1) for c, d in columns] for a, b in rows]
        out = torch.stack([torch.stack(line, -1) for line in grid], -2)
        return out.transpose(-1, -2) if transposed else out

    return boxes


def right_bounds(size, n):
    return [(i * size // n, (i * size + size + n - 1) // n) for i in range(n)]


def pieces(size, n):
    step = size // n
    return [(i * step, i * step + step) for i in range(n)]


def last_longer(size, n):
    return [*pieces(size, n)[:-1], ((n - 1) * (size // n), size)]


def down(size, n):
    edges = [int(size * i / n) for i in range(n + 1)]
    return list(pairwise(edges))


def up(size, n):
    edges = [(size * i + n - 1) // n for i in range(n + 1)]
    return list(pairwise(edges))


def two_products(x, codewords, scale, drop=False):
    pixels = x[0].flatten(1)
    squares = (codewords**2).sum(1, keepdim=True) - 2 * codewords @ pixels
    squares = squares if drop else squares + (pixels**2).sum(0)
    share = torch.softmax(scale[:, None] * squares, 0)
    return (share @ pixels.T - share.sum(1)[:, None] * codewords)[None]


def place_by_place(change=lambda squares, scale: scale * squares, gather=lambda a, place, c: a[:, None] * (place - c)):
    """A loop; change(squares, scale) goes into the softmax."""

    def code(x, codewords, scale):
        total = torch.zeros_like(codewords)
        for place in x[0].flatten(1).T:
            squares = torch.stack([(place - c).dot(place - c) for c in codewords])
            total += gather(change(squares, scale).softmax(0), place, codewords)
        return total[None]

    return code


def over_places(x, codewords, scale):
    gap = x[0].flatten(1).T[:, None] - codewords
    share = torch.softmax(scale * (gap**2).sum(2), dim=0)
    return torch.einsum("nk,nkd->kd", share, gap)[None]


def averaged(x, codewords, scale):
    return two_products(x, codewords, scale) / (x.shape[2] * x.shape[3])


def measured(branch):
    """Where only the middle tap of a kernel of ones meets a map of ones."""
    ones = torch.ones(1, 1, len(range(0, branch.pixels, branch.stride)))
    hits = F.conv1d(ones, torch.ones(1, 1, 3), padding=branch.rate, dilation=branch.rate)[0, 0]
    return [i for i, hit in enumerate(hits.tolist()) if hit == 1]


def rows(test, size=lambda b: -(-b.pixels // b.stride)):
    return lambda branch: [i for i in range(size(branch)) if test(i, size(branch), branch.rate)]


MUTANTS = [
    (1, "right", counted),
    (1, "right", by_convolution),
    (1, "negative beyond the map", both_axes(lambda n, r: (3 * n - 2 * r) / n)),
    (1, "centre leaves, too", both_axes(lambda n, r: 3 * max(n - r, 0) / n)),
    (1, "all three leave, below zero", both_axes(lambda n, r: 3 * (1 - r / n))),
    (1, "all or the centre alone", both_axes(lambda n, r: 3 if r < n else 1)),
    (1, "one neighbour", both_axes(lambda n, r: (n + max(n - r, 0)) / n)),
    (1, "both or none", both_axes(lambda n, r: sum(3 if r <= i < n - r else 1 for i in range(n)) / n)),
    (1, "a sum", both_axes(lambda n, r: sum(0 <= i + t < n for i in range(n) for t in (-r, 0, r)))),
    (1, "one output too few", both_axes(lambda n, r: 1 + 2 * len(range(r + 1, n)) / n)),
    (2, "right", by_matrices),
    (2, "right", lambda y, n: F.interpolate(y, size=(n, n), mode="area")),
    (2, "rest dropped", cut(pieces)),
    (2, "rest to the last box", cut(last_longer)),
    (2, "both ends down", cut(down)),
    (2, "both ends up", cut(up)),
    (2, "swapped axes", cut(right_bounds, transposed=True)),
    (2, "sums", cut(right_bounds, of=torch.sum)),
    (2, "the largest", lambda y, n: F.adaptive_max_pool2d(y, n)),
    (3, "right", two_products),
    (3, "right", place_by_place()),
    (3, "the other sign", place_by_place(lambda squares, s: -s * squares)),
    (3, "distances not squared", place_by_place(lambda squares, s: s * squares**0.5)),
    (3, "softmax over places", over_places),
    (3, "square of x dropped", lambda x, codewords, scale: two_products(x, codewords, scale, drop=True)),
    (3, "a mean", averaged),
    (3, "codeword not subtracted", place_by_place(gather=lambda a, place, c: torch.outer(a, place))),
    (3, "the wrong way round", place_by_place(gather=lambda a, place, c: a[:, None] * (c - place))),
    (3, "scales left out", place_by_place(lambda squares, s: -squares)),
    (4, "right", measured),
    (4, "none", lambda branch: []),
    (4, "size rounded down", rows(lambda i, n, r: n - r <= i < r, size=lambda b: b.pixels // b.stride)),
    (4, "one too many", rows(lambda i, n, r: n - r <= i <= r)),
    (4, "the upper tap only", rows(lambda i, n, r: i - r < 0)),
    (4, "the lower tap only", rows(lambda i, n, r: i + r >= n)),
    (4, "all", rows(lambda i, n, r: True)),
]
