"""What students write for exercise 06: (task, the mistake that must be named or "right", the function)."""

import math

import torch
import torch.nn.functional as F


def looking(place):
    def enlarge(y, size, align_corners):
        h, out = len(y), []
        for i in range(size):
            at = min(max(place(i, h, size, align_corners), 0), h - 1)
            k = min(math.floor(at), h - 2)
            out.append(y[k] + (at - k) * (y[k + 1] - y[k]))
        return torch.stack(out)

    return enlarge


def edges(i, h, size):
    return (2 * i + 1) * h / (2 * size) - 0.5


def corners(i, h, size):
    return i * (h - 1) / (size - 1)


def by_matrix(y, size, align_corners):
    """One row for each output, found by resizing unit vectors."""
    basis = F.interpolate(torch.eye(len(y), dtype=y.dtype)[:, None], size, mode="linear", align_corners=align_corners)
    return torch.einsum("h,hs->s", y, basis[:, 0])


def one_axis_after_the_other(x, rate, size):
    for axis, length in ((-2, size[0]), (-1, size[1])):
        places = (torch.arange(length, dtype=x.dtype) / rate).clamp(max=x.shape[axis] - 1)
        left = places.long()
        right = (left + 1).clamp(max=x.shape[axis] - 1)
        share = (places - left)[:, None] if axis == -2 else places - left
        x = x.index_select(axis, left) * (1 - share) + x.index_select(axis, right) * share
    return x


def zeros_behind(x, rate, size):
    y = x.new_zeros(*x.shape[:2], *size)
    h, w = ((n - 1) * rate + 1 for n in x.shape[-2:])
    y[..., :h, :w] = F.interpolate(x, (h, w), mode="bilinear", align_corners=True)
    return y


def wrong_in_between(x, rate, size):
    h, w = ((n - 1) * rate + 1 for n in x.shape[-2:])
    up = F.interpolate(x, (h, w), mode="bilinear", align_corners=False)
    rows, columns = (torch.arange(n).clamp(max=m - 1) for n, m in zip(size, (h, w), strict=True))
    return up[..., rows, :][..., columns]


def repeated(x, rate, size):
    return F.interpolate(x, scale_factor=rate, mode="nearest")[:, :, : size[0], : size[1]]


def ruler(finish, count=lambda n, s: -(-n // s), swap=False):
    def drift(size, coarse, fine, align_corners):
        h, high = count(size, coarse), count(size, fine)
        gaps = []
        for j in range((h - 1) * coarse // fine + 1):
            if j >= high:
                break
            at = corners(j, h, high) if align_corners != swap else edges(j, h, high)
            gaps.append(min(max(at, 0), h - 1) * coarse - j * fine)
        return finish(gaps, coarse, fine)

    return drift


def by_ramp(size, coarse, fine, align_corners):
    h, high = -(-size // coarse), -(-size // fine)
    ramp = torch.arange(h, dtype=torch.float64) * coarse
    shown = F.interpolate(ramp[None, None], high, mode="linear", align_corners=align_corners)[0, 0]
    own = torch.arange(high, dtype=torch.float64) * fine
    return (shown - own)[own <= (h - 1) * coarse].abs().max()


def those(test):
    return lambda images: [n for n in range(images.low, images.high + 1) if test(n, images.coarse, images.fine)]


MUTANTS = [
    (1, "right", by_matrix),
    (1, "right", looking(lambda i, h, size, flag: corners(i, h, size) if flag else edges(i, h, size))),
    (1, "align_corners the other way", looking(lambda i, h, s, flag: edges(i, h, s) if flag else corners(i, h, s))),
    (1, "no halves", looking(lambda i, h, s, flag: corners(i, h, s) if flag else i / s * h)),
    (1, "one half only", looking(lambda i, h, s, flag: corners(i, h, s) if flag else (i + 0.5) / s * h)),
    (1, "aligned corners divide by the size", looking(lambda i, h, s, flag: i / s * h if flag else edges(i, h, s))),
    (1, "flag ignored", looking(lambda i, h, s, flag: corners(i, h, s))),
    (1, "flag ignored, edges", lambda y, size, align_corners: F.interpolate(y[None, None], size, mode="linear")[0, 0]),
    (2, "right", one_axis_after_the_other),
    (2, "aligned at the full size", lambda x, r, size: F.interpolate(x, size, mode="bilinear", align_corners=True)),
    (2, "edges aligned", lambda x, r, size: F.interpolate(x, size, mode="bilinear", align_corners=False)),
    (2, "filled with zeros", zeros_behind),
    (2, "wrong corners in between", wrong_in_between),
    (2, "repeated", repeated),
    (3, "right", by_ramp),
    (3, "align_corners the other way", ruler(lambda gaps, c, f: max(map(abs, gaps)), swap=True)),
    (3, "sizes rounded down", ruler(lambda gaps, c, f: max(map(abs, gaps)), count=lambda n, s: n // s)),
    (3, "in coarse samples", ruler(lambda gaps, c, f: max(map(abs, gaps)) / c)),
    (3, "in fine samples", ruler(lambda gaps, c, f: max(map(abs, gaps)) / f)),
    (3, "with its sign", ruler(lambda gaps, c, f: max(gaps))),
    (4, "right", lambda images: [n for n in range(images.low, images.high + 1)
                                 if by_ramp(n, images.coarse, images.fine, True) < 1e-6]),
    (4, "one pixel over", those(lambda n, coarse, fine: (n - 1) % coarse == 0)),
    (4, "multiples", those(lambda n, coarse, fine: n % coarse == 0)),
    (4, "begun one too early", those(lambda n, coarse, fine: n - n // coarse * coarse < fine)),
    (4, "by the fine stride", those(lambda n, coarse, fine: (n - 1) % fine == 0)),
    (4, "end left out", lambda images: [n for n in range(images.low, images.high) if (n - 1) % images.coarse
                                        // images.fine == 0]),
    (4, "all", those(lambda n, coarse, fine: True)),
]  # fmt: skip
