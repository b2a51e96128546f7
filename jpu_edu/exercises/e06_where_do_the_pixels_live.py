"""Exercises 06: where an output looks, the resize that fits a stride, how far off the others are, and when not.

Shape legend
    y      (h,)             a coarse signal
    x      (1, C, h, w)     a coarse map
    size   of the fine signal, the fine map (H, W), or the image in pixels
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from jpu_edu.exercises.draws import Draws
from jpu_edu.exercises.maps import copied
from jpu_edu.exercises.puzzle import left, once
from jpu_edu.exercises.task import Mistake, Task, ruled
from jpu_edu.ops import interp

# ---- task 1: where an output looks -------------------------------------------------------------------------


def position(i: int, h: int, size: int, align_corners: bool) -> float:
    """Where output i looks, in coarse samples, before it is held inside the signal."""
    return i * (h - 1) / (size - 1) if align_corners else (i + 0.5) * h / size - 0.5


@ruled
def _looking(where: Callable, y: Tensor, size: int, align_corners: bool) -> Tensor:
    """Linear interpolation whose output i looks at where(i, h, size, align_corners)."""
    places = [where(i, len(y), size, align_corners) for i in range(size)]
    place = torch.tensor(places, dtype=y.dtype).clamp(0, len(y) - 1)
    left = place.long().clamp(max=len(y) - 2)
    return y[left] * (1 - (place - left)) + y[left + 1] * (place - left)


def _half(i: int, h: int, size: int, align_corners: bool, *, first: float, last: float) -> float:
    """As `position`, with other halves where the corners are not aligned."""
    return position(i, h, size, True) if align_corners else (i + first) * h / size - last


def _enlarge_cases(draw: Draws) -> list[tuple]:
    sizes = [(2, 4), (3, 6), (3, 5), (4, 9), (5, 3)]
    cases = [(10 * draw.distinct(h), size, corners) for h, size in sizes for corners in (True, False)]
    more = [(draw.normal(draw.whole(2, 12)), draw.whole(2, 40), corners) for _ in range(3) for corners in (True, False)]
    return cases + more


check_enlarge = Task(
    name="check_enlarge", exercise="06", number=1, cases=_enlarge_cases,
    reference=lambda y, size, align_corners: F.interpolate(
        y[None, None], size=size, mode="linear", align_corners=align_corners)[0, 0],
    mistakes=(
        Mistake("align_corners the other way", "The two cases are exchanged. Aligned corners: the first *samples* "
                "meet, and the last ones. Not aligned: the outer *edges* of the signals meet.",
                _looking(lambda i, h, size, corners: position(i, h, size, not corners))),
        Mistake("no halves", "With aligned corners it is right. Without, a sample is the middle of a pixel: add a "
                "half before you scale, and take a half off afterwards.",
                _looking(lambda i, h, size, corners: _half(i, h, size, corners, first=0, last=0))),
        Mistake("one half only", "You add a half before scaling and never take it off. The edges meet at −1/2, in "
                "both signals.", _looking(lambda i, h, size, corners: _half(i, h, size, corners, first=0.5, last=0))),
        Mistake("aligned corners divide by the size", "Without aligned corners it is right. h samples have h − 1 "
                "steps between them, and so have the outputs: the last output, size − 1, looks at sample h − 1.",
                _looking(lambda i, h, size, corners: i * h / size if corners else position(i, h, size, False))),
        Mistake("flag ignored", "Both cases look at the same places. One of them is right: which one?",
                _looking(lambda i, h, size, corners: position(i, h, size, True))),
        Mistake("flag ignored, edges", "Both cases look at the same places, those without aligned corners.",
                _looking(lambda i, h, size, corners: position(i, h, size, False))),
    ),
    hints=(
        "Take y of 2 and size 4, aligned. Where do outputs 0 and 3 look, and where therefore 1 and 2?",
        "Aligned: a straight line from (0, 0) to (size − 1, h − 1). Not aligned: one from (−1/2, −1/2) to (size − "
        "1/2, h − 1/2).",
        "i * (h − 1) / (size − 1), and (i + 1/2) * h / size − 1/2.",
    ),
)  # fmt: skip

# ---- task 2: the resize that fits a stride -----------------------------------------------------------------


def _resized(corners: bool) -> Callable:
    return lambda x, rate, size: F.interpolate(x, size=size, mode="bilinear", align_corners=corners)


def _spanned(x: Tensor, rate: int, size: tuple[int, int], *, corners: bool = True, mode: str = "constant") -> Tensor:
    """Interpolated to the pixels from the first to the last sample, the rest filled."""
    high, wide = ((n - 1) * rate + 1 for n in x.shape[-2:])
    up = F.interpolate(x, size=(high, wide), mode="bilinear", align_corners=corners)
    return F.pad(up, (0, size[1] - wide, 0, size[0] - high), mode=mode)


def _coarse_maps(draw: Draws) -> list[tuple]:
    sizes = [(3, 5, 2), (4, 4, 2), (5, 7, 3), (7, 6, 3)]
    cases = [(12 * draw.distinct(1, 1, -(-H // r), -(-W // r)), r, (H, W)) for H, W, r in sizes]
    for rate in (2, 3, 4, 5, 8):
        H, W = draw.whole(rate + 1, 40), draw.whole(rate + 1, 40)
        cases.append((draw.normal(1, 2, -(-H // rate), -(-W // rate)), rate, (H, W)))
    return [*cases, (draw.photograph(12, 15), 4, (47, 60))]


check_fitting = Task(
    name="check_fitting", exercise="06", number=2, cases=_coarse_maps,
    reference=lambda x, rate, size: interp.phase_aligned(x, rate=rate, size=size),
    mistakes=(
        Mistake("aligned at the full size", "You stretch: the last sample lands on the last pixel. It belongs to "
                "pixel (h − 1) · rate, which is the last one only at some sizes.", _resized(True)),
        Mistake("edges aligned", "Every sample stands in the middle of its block. A stride leaves it at the first "
                "pixel of the block, half a block earlier.", _resized(False)),
        Mistake("filled with zeros", "Right up to the last sample. Behind it there is nothing to interpolate to: "
                "hold the last value, do not fall to zero.", _spanned),
        Mistake("wrong corners in between", "The right size in between, and the wrong rule: from the first to the "
                "last sample, the corners *are* aligned.",
                lambda x, rate, size: _spanned(x, rate, size, corners=False, mode="replicate")),
        Mistake("repeated", "You repeat each sample. Between two samples the values should go over into one another.",
                lambda x, rate, size:
                    copied(x, rate, size)),
    ),
    hints=(
        "Where has sample k to end up? Mark these pixels in the target: they hold the coarse numbers unchanged.",
        "From the first to the last sample there are (h − 1) · rate + 1 pixels. At that size one of the two values "
        "of align_corners is exactly right.",
        'F.interpolate to that size with align_corners=True; then F.pad(..., mode="replicate") to `size`.',
    ),
)  # fmt: skip

# ---- task 3: how far off -----------------------------------------------------------------------------------


def drift(size: int, coarse: int, fine: int, align_corners: bool, *, count: Callable = math.ceil) -> list[float]:
    """For every fine sample up to the last coarse one: the pixel that it is shown, minus its own."""
    h, H = (count(size / stride) for stride in (coarse, fine))
    inside = [j for j in range(H) if j * fine <= (h - 1) * coarse]
    places = [min(max(position(j, h, H, align_corners), 0), h - 1) for j in inside]
    return [place * coarse - j * fine for place, j in zip(places, inside, strict=True)]


def _largest(**wrong: Callable) -> Callable:
    return lambda size, coarse, fine, align_corners: max(map(abs, drift(size, coarse, fine, align_corners, **wrong)))


def _images(draw: Draws) -> list[tuple]:
    cases = [(n, 32, 8, corners) for n in (64, 65, 480, 481, 512) for corners in (True, False)]
    cases += [(70, 16, 4, True), (100, 16, 8, False)]
    for _ in range(8):
        fine = draw.choice((4, 8))
        cases.append((draw.whole(100, 800), fine * draw.choice((2, 4)), fine, draw.choice((True, False))))
    return cases


check_drift = Task(
    name="check_drift", exercise="06", number=3, cases=_images, reference=_largest(),
    mistakes=(
        Mistake("align_corners the other way", "The two cases are exchanged.",
                lambda size, coarse, fine, align_corners: _largest()(size, coarse, fine, not align_corners)),
        Mistake("sizes rounded down", "A stride rounds up: 481 pixels have 16 samples at stride 32, not 15.",
                _largest(count=math.floor)),
        Mistake("in coarse samples", "That is the distance in coarse samples. One of them is `coarse` pixels.",
                lambda size, coarse, fine, align_corners: _largest()(size, coarse, fine, align_corners) / coarse),
        Mistake("with its sign", "You take the largest number, and most of these are negative. Take the largest "
                "*size*: abs.",
                lambda size, coarse, fine, align_corners: max(drift(size, coarse, fine, align_corners))),
        Mistake("in fine samples", "That is the distance in fine samples. One of them is `fine` pixels.",
                lambda size, coarse, fine, align_corners: _largest()(size, coarse, fine, align_corners) / fine),
    ),
    hints=(
        "Print, for 64 pixels and strides 32 and 8, the pixel of each fine sample and the pixel that it is shown.",
        "h = ceil(size / coarse) and H = ceil(size / fine). Fine sample j belongs to pixel j · fine; it is shown "
        "coarse place p, your task 1, which is pixel p · coarse.",
        "For j with j · fine <= (h − 1) · coarse: hold p between 0 and h − 1, and take the largest |p · coarse − j · "
        "fine|.",
    ),
)  # fmt: skip

# ---- task 4: break it --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sizes:
    """A range of image sizes, and the strides of two maps."""

    coarse: int
    fine: int
    low: int
    high: int

    def __str__(self) -> str:
        return f"strides {self.coarse} and {self.fine}, sizes from {self.low} to {self.high}"

    @property
    def exact(self) -> list[int]:
        """Found by trying: the sizes at which aligned corners show every fine sample its own pixel."""
        sizes = range(self.low, self.high + 1)
        return [n for n in sizes if max(map(abs, drift(n, self.coarse, self.fine, True))) < 1e-9]


def given(seed: int) -> Sizes:
    """The strides and sizes of task 4 for this seed."""
    draw = Draws(seed)
    coarse, low = draw.choice((16, 32)), draw.whole(200, 400)
    fine = coarse // draw.choice((2, 4))
    low += (low - 1) % fine - (low - 1) % coarse  # exact, and so is `high`: who leaves an end out is told so
    return Sizes(coarse, fine, low, low + 3 * coarse)


def _list(sizes: Sizes, answer: list[int]) -> str | None:
    for n in answer:
        if not sizes.low <= n <= sizes.high:
            return f"{n} is no size from {sizes.low} to {sizes.high}"
        if n not in sizes.exact:
            off = max(map(abs, drift(n, sizes.coarse, sizes.fine, True)))
            return f"at {n} pixels it is off by up to {off:.1f} pixels"
    return left(len(sizes.exact), answer, "size{s} {are} exact")


def _those(test: Callable) -> Callable:
    return lambda sizes: [n for n in range(sizes.low, sizes.high + 1) if test(n, sizes.coarse, sizes.fine)]


check_exact = Task(
    name="check_exact", exercise="06", number=4, cases=once(given), measure=_list,
    mistakes=(
        Mistake("one pixel over", "These are exact, and they are your colleague's. What changes in the two maps when "
                "the picture gets one pixel more?", _those(lambda n, coarse, fine: n % coarse == 1)),
        Mistake("multiples", "At a multiple of the stride the last fine sample lies behind the last coarse one, and "
                "aligned corners pull them together. That is where it is worst.",
                _those(lambda n, coarse, fine: n % coarse == 0)),
        Mistake("begun one too early", "A multiple of the coarse stride is not exact, the size behind it is. Move "
                "your ranges by one.", _those(lambda n, coarse, fine: n % coarse < fine)),
        Mistake("by the fine stride", "One pixel over a multiple of the *fine* stride is not enough: both last "
                "samples have to stand on the same pixel.", _those(lambda n, coarse, fine: n % fine == 1)),
        Mistake("end left out", "The largest size belongs to the range, and it is exact. Python's `range` ends before "
                "its end.", lambda sizes: sizes.exact[:-1]),
        Mistake("all", "Then nobody would have noticed. Try the smallest size with your function from task 3.",
                _those(lambda n, coarse, fine: True)),
    ),
    hints=(
        "When are two grids of samples the same? Compare their first and their last samples.",
        "The last samples stand at (ceil(n / coarse) − 1) · coarse and (ceil(n / fine) − 1) · fine.",
        "n = coarse · k + 1, and the sizes behind it for as long as the fine map gets no further sample.",
    ),
)  # fmt: skip
