"""What students write for exercise 01: (task, the mistake that must be named or "right", the function)."""

import torch
import torch.nn.functional as F


def room(n, k, stride, padding, rate):
    return (n + 2 * padding - rate * (k - 1) - 1) // stride + 1


def loops(x, w, stride, padding, rate, add):
    """The loops of the sheet around one line of the student's."""
    y = x.new_zeros([room(n, k, stride, padding, rate) for n, k in zip(x.shape, w.shape, strict=True)])
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            for u in range(w.shape[0]):
                for v in range(w.shape[1]):
                    add(y, x, w, i, j, u, v)
    return y


def flipped(x, w, stride, padding, rate):
    def add(y, x, w, i, j, u, v):
        a, b = i * stride + u * rate - padding, j * stride + v * rate - padding
        if 0 <= a < len(x) and 0 <= b < x.shape[1]:
            y[i, j] += w[w.shape[0] - 1 - u, w.shape[1] - 1 - v] * x[a, b]

    return loops(x, w, stride, padding, rate, add)


def no_padding(x, w, stride, padding, rate):
    def add(y, x, w, i, j, u, v):
        a, b = i * stride + u * rate, j * stride + v * rate
        if a < len(x) and b < x.shape[1]:
            y[i, j] += w[u, v] * x[a, b]

    return loops(x, w, stride, padding, rate, add)


def wraps(x, w, stride, padding, rate):
    def add(y, x, w, i, j, u, v):
        a, b = i * stride + u * rate - padding, j * stride + v * rate - padding
        if a < len(x) and b < x.shape[1]:
            y[i, j] += w[u, v] * x[a, b]

    return loops(x, w, stride, padding, rate, add)


def unchecked(x, w, stride, padding, rate):
    def add(y, x, w, i, j, u, v):
        y[i, j] += w[u, v] * x[i * stride + u * rate - padding, j * stride + v * rate - padding]

    return loops(x, w, stride, padding, rate, add)


def exchanged(x, w, stride, padding, rate):
    def add(y, x, w, i, j, u, v):
        a, b = i * rate + u * stride - padding, j * rate + v * stride - padding
        if 0 <= a < len(x) and 0 <= b < x.shape[1]:
            y[i, j] += w[u, v] * x[a, b]

    return loops(x, w, stride, padding, rate, add)


def transposed(x, w, stride, padding, rate):
    return F.conv2d(x[None, None], w.t()[None, None], stride=stride, padding=padding, dilation=rate)[0, 0]


def no_rate(x, w, stride, padding, rate):
    def add(y, x, w, i, j, u, v):
        a, b = i * stride + u - padding, j * stride + v - padding
        if 0 <= a < len(x) and 0 <= b < x.shape[1]:
            y[i, j] += w[u, v] * x[a, b]

    return loops(x, w, stride, padding, rate, add)


def no_stride(x, w, stride, padding, rate):
    def add(y, x, w, i, j, u, v):
        a, b = i + u * rate - padding, j + v * rate - padding
        if 0 <= a < len(x) and 0 <= b < x.shape[1]:
            y[i, j] += w[u, v] * x[a, b]

    return loops(x, w, stride, padding, rate, add)


def by_unfold(x, w, stride, padding, rate):
    shape = [room(n, k, stride, padding, rate) for n, k in zip(x.shape, w.shape, strict=True)]
    columns = F.unfold(x[None, None], tuple(w.shape), stride=stride, padding=padding, dilation=rate)
    return torch.einsum("k,bkn->bn", w.flatten(), columns).reshape(shape)


def by_slices(x, w, stride, padding, rate):
    padded = F.pad(x, (padding,) * 4)
    high, wide = (room(n, k, stride, padding, rate) for n, k in zip(x.shape, w.shape, strict=True))
    y = 0
    for u in range(w.shape[0]):
        for v in range(w.shape[1]):
            y = y + w[u, v] * padded[u * rate :, v * rate :][::stride, ::stride][:high, :wide]
    return y


def scatter(g, w, n, stride, padding, rate, put):
    gradient = g.new_zeros(n)
    for i in range(len(g)):
        for k in range(len(w)):
            j = i * stride + k * rate - padding
            put(gradient, i, k, j)
    return gradient


def overwritten(g, w, n, stride, padding, rate):
    def put(gradient, i, k, j):
        if 0 <= j < n:
            gradient[j] = g[i] * w[k]

    return scatter(g, w, n, stride, padding, rate, put)


def as_a_convolution(g, w, n, stride, padding, rate):
    gradient = g.new_zeros(n)
    for j in range(n):
        for k in range(len(w)):
            i = j * stride + k * rate - padding
            if 0 <= i < len(g):
                gradient[j] += w[k] * g[i]
    return gradient


def flipped_back(g, w, n, stride, padding, rate):
    def put(gradient, i, k, j):
        if 0 <= j < n:
            gradient[j] += g[i] * w[-1 - k]

    return scatter(g, w, n, stride, padding, rate, put)


def wrapped_back(g, w, n, stride, padding, rate):
    def put(gradient, i, k, j):
        if j < n:
            gradient[j] += g[i] * w[k]

    return scatter(g, w, n, stride, padding, rate, put)


def without_padding(g, w, n, stride, padding, rate):
    return scatter(g, w, n, stride, 0, rate, lambda x, i, k, j: x[j : j + 1].add_(g[i] * w[k]))


def without_stride(g, w, n, stride, padding, rate):
    def put(gradient, i, k, j):
        if 0 <= j < n:
            gradient[j] += g[i] * w[k]

    return scatter(g, w, n, 1, padding, rate, put)


def by_transposed_conv(g, w, n, stride, padding, rate):
    whole = F.conv_transpose1d(g[None, None], w[None, None], stride=stride, dilation=rate)[0, 0]
    return F.pad(whole, (0, n + 2 * padding))[padding : padding + n]


def price(change):
    def macs(c_in, c_out, kernel, size, stride, padding, rate, groups):
        high, wide = (room(n, kernel, stride, padding, rate) for n in size)
        return change(high, wide, c_in, c_out, kernel, size, stride, padding, rate, groups)

    return macs


def by_a_module(c_in, c_out, kernel, size, stride, padding, rate, groups):
    layer = torch.nn.Conv2d(c_in, c_out, kernel, stride, padding, rate, groups, device="meta")
    out = layer(torch.empty(1, c_in, *size, device="meta"))
    return layer.weight.numel() * out[0, 0].numel()


def found_by_trying(layer):
    return [
        n for n in range(1, 200)
        if n + 2 * layer.padding > layer.rate * (layer.kernel - 1)
        and room(n, layer.kernel, layer.stride, layer.padding, layer.rate) == layer.outputs
    ]  # fmt: skip


def colleague(layer):
    return (layer.outputs - 1) * layer.stride + layer.rate * (layer.kernel - 1) + 1 - 2 * layer.padding


MUTANTS = [
    (1, "right", by_unfold),
    (1, "right", by_slices),
    (1, "flipped kernel", flipped),
    (1, "padding forgotten", no_padding),
    (1, "negative index wraps", wraps),
    (1, "no border test", unchecked),
    (1, "stride and rate exchanged", exchanged),
    (1, "rows and columns exchanged", transposed),
    (1, "rate forgotten", no_rate),
    (1, "stride forgotten", no_stride),
    (2, "right", by_transposed_conv),
    (2, "overwritten", overwritten),
    (2, "row instead of column", as_a_convolution),
    (2, "flipped kernel", flipped_back),
    (2, "negative index wraps", wrapped_back),
    (2, "padding forgotten", without_padding),
    (2, "stride forgotten", without_stride),
    (3, "right", by_a_module),
    (3, "span", price(lambda h, w, c, d, k, n, s, p, r, g: h * w * d * c // g * (1 + r * (k - 1)) ** 2)),
    (3, "input size", price(lambda h, w, c, d, k, n, s, p, r, g: n[0] * n[1] * d * (c // g) * k * k)),
    (3, "rate has no size", price(lambda h, w, c, d, k, n, s, p, r, g:
        room(n[0], k, s, p, 1) * room(n[1], k, s, p, 1) * d * (c // g) * k * k)),
    (3, "groups forgotten", price(lambda h, w, c, d, k, n, s, p, r, g: h * w * d * c * k * k)),
    (3, "groups twice", price(lambda h, w, c, d, k, n, s, p, r, g: h * w * (d // g) * (c // g) * k * k)),
    (3, "one axis", price(lambda h, w, c, d, k, n, s, p, r, g: h * w * d * (c // g) * k)),
    (3, "flops", price(lambda h, w, c, d, k, n, s, p, r, g: 2 * h * w * d * (c // g) * k * k)),
    (4, "right", found_by_trying),
    (4, "the colleague's size alone", lambda layer: [colleague(layer)]),
    (4, "one too many", lambda layer: list(range(colleague(layer), colleague(layer) + layer.stride + 1))),
    (4, "downwards", lambda layer: [colleague(layer) - n for n in reversed(range(layer.stride))]),
    (4, "padding left in", lambda layer: [colleague(layer) + 2 * layer.padding + n for n in range(layer.stride)]),
    (4, "rate forgotten", lambda layer: [
        (layer.outputs - 1) * layer.stride + layer.kernel - 2 * layer.padding + n for n in range(layer.stride)
    ]),
]  # fmt: skip
