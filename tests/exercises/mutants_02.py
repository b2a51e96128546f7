"""What students write for exercise 02: (task, the mistake that must be named or "right", the function)."""

import torch
import torch.nn.functional as F


def after(choose):
    return lambda x, weight, stride, padding: choose(F.conv2d(x, weight, padding=padding), stride)


def by_loops(x, weight, stride, padding):
    full = F.conv2d(x, weight, padding=padding)
    rows = [full[..., i, ::stride] for i in range(full.shape[-2]) if i % stride == 0]
    return torch.stack(rows, dim=-2)


def by_index(x, weight, stride, padding):
    full = F.conv2d(x, weight, padding=padding)
    rows, columns = (torch.arange(0, n, stride) for n in full.shape[-2:])
    return full.index_select(-2, rows).index_select(-1, columns)


def reduced_first(x, weight, stride, padding):
    return F.conv2d(x[:, :, ::stride, ::stride], weight, padding=padding)


def remainder_lost(x, weight, stride, padding):
    full = F.conv2d(x, weight, padding=padding)
    high, wide = full.shape[-2] // stride, full.shape[-1] // stride
    return full[..., ::stride, ::stride][..., :high, :wide]


def stack(step):
    def window(layers):
        size, jump, start = 1, 1, 0
        for layer in layers:
            size, jump, start = step(size, jump, start, *layer)
        return size, jump, start

    return window


def by_the_fan(layers):
    """From two neighbouring outputs back to their windows."""
    spans = []
    for output in (0, 1):
        low = high = output
        for kernel, stride, rate, padding in reversed(layers):
            low, high = low * stride - padding, high * stride - padding + (kernel - 1) * rate
        spans.append((low, high))
    (low, high), (following, _) = spans
    return high - low + 1, following - low, low


def as_tensors(layers):
    size, jump, start = by_the_fan(layers)
    return [torch.tensor(size), torch.tensor(jump), float(start)]


def stitched(move, order=lambda p, q: (p, q)):
    def stitch(net, x, stride):
        parts = {(p, q): net(move(x, p, q, stride)) for p in range(stride) for q in range(stride)}
        height = sum(parts[p, 0].shape[-2] for p in range(stride))
        width = sum(parts[0, q].shape[-1] for q in range(stride))
        y = x.new_zeros(*parts[0, 0].shape[:-2], height, width)
        for p in range(stride):
            for q in range(stride):
                y[..., p::stride, q::stride] = parts[order(p, q)]
        return y

    return stitch


def smallest_size(net, x, stride):
    parts = [[net(x[..., p:, q:]) for q in range(stride)] for p in range(stride)]
    high, wide = parts[-1][-1].shape[-2:]
    y = x.new_zeros(*parts[0][0].shape[:-2], high * stride, wide * stride)
    for p in range(stride):
        for q in range(stride):
            y[..., p::stride, q::stride] = parts[p][q][..., :high, :wide]
    return y


def enlarged(net, x, stride):
    y = net(x)
    dense = stitched(lambda x, p, q, s: x[..., p:, q:])(net, x, stride)
    return F.interpolate(y, scale_factor=stride, mode="nearest")[..., : dense.shape[-2], : dense.shape[-1]]


def one_pixel_at_a_time(net, x, stride):
    """Every output by itself: the picture cut so that this output is the first."""
    dense = stitched(lambda x, p, q, s: x[..., p:, q:])(net, x, stride)
    rows = [torch.cat([net(x[..., i:, j:])[..., :1, :1] for j in range(dense.shape[-1])], -1)
            for i in range(dense.shape[-2])]  # fmt: skip
    return torch.cat(rows, -2)


def painted(near, far):
    def picture(orders):
        x = torch.zeros(orders.size, orders.size, dtype=torch.float64)
        a, b = (orders.rate * n for n in orders.output)
        for u in (-1, 0, 1):
            for v in (-1, 0, 1):
                sign = orders.weight[u + 1, v + 1].sign()
                x[a + u, b + v] += near * sign
                x[a + orders.rate * u, b + orders.rate * v] += far * sign
        return x.clamp(-1, 1)

    return picture


def by_gradient(orders):
    x = torch.zeros(orders.size, orders.size, dtype=torch.float64, requires_grad=True)
    weight, (i, j), r = orders.weight[None, None], orders.output, orders.rate
    late = F.conv2d(x[None, None], weight, padding=1)[0, 0, i * r, j * r]
    early = F.conv2d(x[None, None, ::r, ::r], weight, padding=1)[0, 0, i, j]
    return torch.autograd.grad(late - early, x)[0].sign()


MUTANTS = [
    (1, "right", by_loops),
    (1, "right", by_index),
    (1, "reduced first", reduced_first),
    (1, "another phase", after(lambda y, s: y[..., s - 1 :: s, s - 1 :: s])),
    (1, "rows only", after(lambda y, s: y[:, :, ::s])),
    (1, "columns only", after(lambda y, s: y[:, :, :, ::s])),
    (1, "averaged", after(lambda y, s: F.avg_pool2d(y, s, s))),
    (1, "remainder cut off", remainder_lost),
    (2, "right", by_the_fan),
    (2, "right", as_tensors),
    (2, "own stride", stack(lambda n, j, a, k, s, r, p: (n + (k - 1) * r * j * s, j * s, a - p * j * s))),
    (2, "stride not accumulated", stack(lambda n, j, a, k, s, r, p: (n + (k - 1) * r * j, s, a - p * j))),
    (2, "jump forgotten", stack(lambda n, j, a, k, s, r, p: (n + (k - 1) * r, j * s, a - p))),
    (2, "rate forgotten", stack(lambda n, j, a, k, s, r, p: (n + (k - 1) * j, j * s, a - p * j))),
    (2, "padding in samples", stack(lambda n, j, a, k, s, r, p: (n + (k - 1) * r * j, j * s, a - p))),
    (2, "whole kernel", stack(lambda n, j, a, k, s, r, p: (n + k * r * j, j * s, a - p * j))),
    (2, "multiplied", stack(lambda n, j, a, k, s, r, p: (n * (1 + r * (k - 1)), j * s, a - p * j))),
    (3, "right", one_pixel_at_a_time),
    (3, "right", stitched(lambda x, p, q, s: x[..., p:, q:])),
    (3, "merged in swapped order", stitched(lambda x, p, q, s: x[..., p:, q:], order=lambda p, q: (q, p))),
    (3, "rolled", stitched(lambda x, p, q, s: torch.roll(x, shifts=(-p, -q), dims=(2, 3)))),
    (3, "shifted the other way", stitched(lambda x, p, q, s: F.pad(x, (q, 0, p, 0)))),
    (3, "split instead of shifted", stitched(lambda x, p, q, s: x[..., p::s, q::s])),
    (3, "enlarged", enlarged),
    (3, "phases cut to one size", smallest_size),
    (4, "right", by_gradient),
    (4, "right", lambda orders: by_gradient(orders).float()),
    (4, "one order only", lambda orders: painted(1, 0)(orders).float()),
    (4, "constant picture", lambda orders: torch.ones(orders.size, orders.size, dtype=torch.float64)),
    (4, "both pulled the same way", painted(1, 1)),
    (4, "one order only", painted(1, 0)),
    (4, "one order only", painted(0, -1)),
]
