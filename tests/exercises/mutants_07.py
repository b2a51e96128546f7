"""What students write for exercise 07: (task, the mistake that must be named or "right", the function)."""

import torch
import torch.nn.functional as F

from jpu_edu.classic.bilateral import joint_bilateral_upsample
from jpu_edu.classic.box import box_mean
from jpu_edu.classic.guided import guided_coefficients, guided_filter
from jpu_edu.ops.interp import phase_aligned


def weighed(weight):
    """One pixel after the other; weight(p, k, x_h[p], x_l, rate, s, t)."""

    def lift(x_h, y_l, rate, sigma_s, sigma_r):
        k, out = torch.arange(len(y_l)).double(), []
        for p, pixel in enumerate(x_h):
            w = weight(p, k, pixel, x_h[::rate], rate, sigma_s, sigma_r)
            out.append((w * y_l).sum() / w.sum())
        return torch.stack(out)

    return lift


def by_softmax(x_h, y_l, rate, sigma_s, sigma_r):
    pixels, samples = torch.arange(len(x_h)).double(), torch.arange(len(y_l)).double()
    far = (pixels[:, None] - samples * rate) / (rate * sigma_s)
    unlike = (x_h[:, None] - x_h[::rate]) / sigma_r
    return (-(far**2 + unlike**2) / 2).softmax(1) @ y_l


def by_library(x_h, y_l, rate, sigma_s, sigma_r):
    guide, target = x_h[None, None, None], y_l[None, None, None]
    sigmas = {"sigma_spatial": sigma_s, "sigma_range": sigma_r}
    return joint_bilateral_upsample(guide, target, radius=len(y_l), rate=(1, rate), **sigmas)[0, 0, 0]


def window(z, radius):
    """The mean over windows by two poolings: sums with zeros around, divided by the pixels that are there."""
    side = {"kernel_size": 2 * radius + 1, "stride": 1, "padding": radius, "divisor_override": 1}
    return F.avg_pool2d(z, **side) / F.avg_pool2d(torch.ones_like(z), **side)


def lines(finish, slope=lambda cov, var, e: cov / (var + e)):
    """The fit with pooled windows; finish(a, x, y, mean)."""

    def filtered(x, y, radius, epsilon):
        def mean(z):
            return window(z, radius)

        a = slope(mean(x * y) - mean(x) * mean(y), mean(x * x) - mean(x).square(), epsilon)
        return finish(a, x, y, mean)

    return filtered


def done(a, x, y, mean):
    return mean(a) * x + mean(mean(y) - a * mean(x))


def slow_fit(x, y, radius, epsilon):
    """One window after the other, each by least squares."""
    high, wide = x.shape[-2:]
    a, b = torch.zeros_like(x), torch.zeros_like(x)
    for i in range(high):
        for j in range(wide):
            cut = (..., slice(max(i - radius, 0), i + radius + 1), slice(max(j - radius, 0), j + radius + 1))
            u, v = x[cut].flatten(), y[cut].flatten()
            centred = u - u.mean()
            a[..., i, j] = (centred * v).sum() / ((centred**2).sum() + len(u) * epsilon)
            b[..., i, j] = v.mean() - a[..., i, j] * u.mean()
    return window(a, radius) * x + window(b, radius)


def through_zero(x, y, radius, epsilon):
    a = window(x * y, radius) / (window(x * x, radius) + epsilon)
    return done(a, x, y, lambda z: window(z, radius))


def swapped(x, y, radius, epsilon):
    return lines(done)(y, x, radius, epsilon)


def painted(finish):
    def paint(f, x_h, rate, radius, epsilon):
        x_l = x_h[..., ::rate, ::rate]
        a, b = guided_coefficients(x_l, f(x_l), radius=radius, epsilon=epsilon)
        return finish(x_h, x_l, a.squeeze(1), b, lambda z: phase_aligned(z, rate=rate, size=x_h.shape[-2:]))

    return paint


def paint_by_hand(f, x_h, rate, radius, epsilon):
    """Lines by window means, both brought up as two channels of one map."""
    x, mean = x_h[..., ::rate, ::rate], lambda z: box_mean(z, radius=radius)
    y = f(x)
    a = (mean(x * y) - mean(x) * mean(y)) / (mean(x**2) - mean(x) ** 2 + epsilon)
    both = torch.cat([mean(a), mean(mean(y) - a * mean(x))], 1)
    a, b = phase_aligned(both, rate=rate, size=x_h.shape[-2:]).split(1, 1)
    return a * x_h + b


def interpolated(f, x_h, rate, radius, epsilon):
    return phase_aligned(f(x_h[..., ::rate, ::rate]), rate=rate, size=x_h.shape[-2:])


def half_pixels(x_h, x_l, a, b, up):
    a, b = (F.interpolate(z, size=x_h.shape[-2:], mode="bilinear", align_corners=False) for z in (a, b))
    return a * x_h + b


def high(f, x_h, rate, radius, epsilon):
    return guided_filter(x_h, interpolated(f, x_h, rate, radius, epsilon), radius=radius, epsilon=epsilon)


def measured(mask):
    target, guide = torch.zeros(1, 1, 1, mask.size).double(), torch.rand(1, 1, 1, mask.size).double()
    target[..., mask.edges[0] : mask.edges[1]] = 1
    changed = slow_fit(guide, target, mask.radius, 1e-3) - target
    return [i for i, gap in enumerate(changed.flatten().tolist()) if abs(gap) > 1e-9]


def around(before, behind, edges=2):
    return lambda mask: [
        i
        for i in range(mask.size)
        if any(e - before * mask.radius <= i < e + behind(mask.radius) for e in mask.edges[:edges])
    ]


def bell(d, s):
    return torch.exp(-0.5 * (d / s) ** 2)


MUTANTS = [
    (1, "right", by_softmax),
    (1, "right", by_library),
    (1, "distance in pixels", weighed(lambda p, k, x, x_l, r, s, t: bell(p - r * k, s) * bell(x - x_l, t))),
    (1, "likeness ignored", weighed(lambda p, k, x, x_l, r, s, t: bell(p / r - k, s))),
    (1, "distance ignored", weighed(lambda p, k, x, x_l, r, s, t: bell(x - x_l, t))),
    (1, "added", weighed(lambda p, k, x, x_l, r, s, t: bell(p / r - k, s) + bell(x - x_l, t))),
    (1, "sigmas exchanged", weighed(lambda p, k, x, x_l, r, s, t: bell(p / r - k, t) * bell(x - x_l, s))),
    (1, "the 2 forgotten", weighed(
        lambda p, k, x, x_l, r, s, t: torch.exp(-((p / r - k) ** 2) / s**2 - (x - x_l) ** 2 / t**2))),
    (1, "sigma not squared", weighed(
        lambda p, k, x, x_l, r, s, t: torch.exp(-((p / r - k) ** 2) / (2 * s) - (x - x_l) ** 2 / (2 * t)))),
    (2, "right", slow_fit),
    (2, "lines not averaged", lines(lambda a, x, y, mean: mean(y) + a * (x - mean(x)))),
    (2, "slopes averaged, offsets not", lines(lambda a, x, y, mean: mean(a) * x + mean(y) - a * mean(x))),
    (2, "results averaged", lines(lambda a, x, y, mean: mean(a * (x - mean(x)) + mean(y)))),
    (2, "offset from the averaged slope", lines(lambda a, x, y, mean: mean(a) * x + mean(y) - mean(a) * mean(x))),
    (2, "means not subtracted", through_zero),
    (2, "epsilon squared", lines(done, lambda cov, var, e: cov / (var + e * e))),
    (2, "epsilon left out", lines(done, lambda cov, var, e: cov / var)),
    (2, "guide and target exchanged", swapped),
    (3, "right", paint_by_hand),
    (3, "f on everything", lambda f, x_h, rate, radius, epsilon: f(x_h)),
    (3, "target interpolated", interpolated),
    (3, "applied low", painted(lambda x_h, x_l, a, b, up: up(a * x_l + b))),
    (3, "applied to a blurred guide", painted(lambda x_h, x_l, a, b, up: up(a) * up(x_l) + up(b))),
    (3, "edges aligned", painted(half_pixels)),
    (3, "fitted high", high),
    (4, "right", measured),
    (4, "one window", around(1, lambda r: r)),
    (4, "counted from the first place", around(2, lambda r: 2 * r + 1)),
    (4, "the edge only", lambda mask: [place for e in mask.edges for place in (e - 1, e)]),
    (4, "first edge only", around(2, lambda r: 2 * r, edges=1)),
    (4, "everywhere", lambda mask: [*range(mask.size)]),
    (4, "nowhere", lambda mask: []),
]  # fmt: skip
