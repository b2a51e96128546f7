"""Synthetic scenes with labels, made by rule from a seed: a set to train on that nobody has to download.

Shape legend
    h, w    size of the window that a shape is drawn in
    u, v    position relative to a shape's centre, turned by the shape's angle, in pixels

The bytes are the same on every machine: of floating point only + - * / and square root are used, which IEEE 754
rounds exactly, and no sum whose order a machine may choose. Angles are drawn without sine and cosine.
"""

import math
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar, Literal, get_args

import numpy as np
import torch
from jaxtyping import Float, Float32

from jpu_edu.data.classes import Classes, coloured
from jpu_edu.data.sets import Sample

Split = Literal["train", "val"]
Grid = Float32[np.ndarray, "h w"]

SCENES = coloured("""
    background 444c5e, disc 0072b2, rectangle e69f00, triangle 009e73, line d55e00, ring 56b4e9, cross cc79a7
""")
# Muted colours of earth, water, leaf, brick and chalk; shapes and ground take theirs from the same list.
_PALETTE = bytes.fromhex("""
    2f3a4a 4f6272 708ca0 a2bac4 26545c 4a8080 80ac9e 3a523c 627a54 94a26e bebe8c ded0a8 eee4ce ceac76 d69654 ba7042
    aa523e 783a36 c47c6e d8a698 8c6858 5c4840 7e607a 544462 a892ac 3c383a 969490 cececa
""")
PALETTE = np.array([*_PALETTE], np.float64).reshape(-1, 3)
LARGE, SMALL = (1, 2, 3), (4, 5, 6)


def _signed_distance(kind: int, u: Grid, v: Grid, draw: Callable[[float, float], float], small: float) -> Grid:
    """Pixels from the outline of a new shape of this class, negative inside; `draw(low, high)` chooses its measures."""
    match kind:
        case 1:  # disc
            return np.sqrt(u * u + v * v) - draw(14, 30) * small
        case 2:  # rectangle
            return np.maximum(abs(u) - draw(14, 30) * small, abs(v) - draw(11, 24) * small)
        case 3:  # triangle with its base below: a flat side, and two sides that mirror each other
            base, height = draw(18, 32) * small, draw(32, 54) * small
            slope = math.sqrt(base * base + height * height)  # np.sqrt would make float64 of what follows
            side = (abs(u) * height + (v - height * 0.6) * base) / slope
            return np.maximum(-v - height * 0.4, side)
        case 4:  # line, 4 to 7 pixels wide whatever the difficulty
            return np.maximum(abs(u) - draw(30, 80), abs(v) - draw(2, 3.5))
        case 5:  # ring
            return abs(np.sqrt(u * u + v * v) - draw(12, 18)) - draw(3, 4.5)
        case _:  # cross
            arm, half = draw(14, 20), draw(3, 4.5)
            return np.minimum(np.maximum(abs(u) - arm, abs(v) - half), np.maximum(abs(u) - half, abs(v) - arm))


REACH = {1: 30, 2: 39, 3: 39, 4: 81, 5: 23, 6: 21}  # no shape extends further than this from its centre


class _Brush:
    """The random choices of one scene, and what is made of them: directions, colours, patterns."""

    def __init__(self, *key: int, candidates: int) -> None:
        self.random = np.random.Generator(np.random.PCG64(key))
        self.candidates = candidates
        self.colours: list[np.ndarray] = []
        self.places: list[np.ndarray] = []

    def uniform(self, low: float, high: float) -> float:
        return low + (high - low) * self.random.random()

    def direction(self) -> tuple[float, float]:
        """(cosine, sine) of an angle, by the half-angle formula."""
        t, sign = self.uniform(-1, 1), 1 if self.random.random() < 0.5 else -1
        return sign * (1 - t * t) / (1 + t * t), sign * 2 * t / (1 + t * t)

    def apart(self, new: Callable[[], np.ndarray], used: list[np.ndarray]) -> np.ndarray:
        """Of a few candidates, the one that lies farthest from all in use; now it is in use too."""
        drawn = np.stack([new() for _ in range(self.candidates)])
        gaps = abs(drawn[:, None] - np.stack(used)).max(-1).min(-1) if used else np.zeros(1)
        used.append(drawn[gaps.argmax()])
        return used[-1]

    def colour(self) -> Float[np.ndarray, "3"]:
        """A colour of the palette, lighter or darker, that differs from those in use."""
        return self.apart(lambda: PALETTE[int(self.uniform(0, len(PALETTE)))] * self.uniform(0.8, 1.1), self.colours)

    def place(self, height: int, width: int) -> Float[np.ndarray, "2"]:
        """(y, x) of a centre, away from the other centres."""
        return self.apart(lambda: np.array([self.uniform(0.05, 0.95) * n for n in (height, width)]), self.places)

    def pattern(self, y: Grid, x: Grid) -> Grid:
        """Stripes, checks or clouds with values from -1 to 1."""
        kind, period = int(self.uniform(0, 3)), self.uniform(5, 13)
        c, s = self.direction()
        if kind == 2:
            return self.clouds(y, x, cell=period)
        stripes = self.wave((c * x + s * y) / period)
        return stripes if kind == 0 else stripes * self.wave((c * y - s * x) / period)

    def wave(self, t: Grid) -> Grid:
        t = t + self.random.random()
        return abs(t - np.floor(t) - 0.5) * 4 - 1

    def clouds(self, y: Grid, x: Grid, *, cell: float) -> Grid:
        """Random numbers on a coarse grid, joined smoothly."""
        rows, columns = (y[:, 0] - y[0, 0]) / cell, (x[0] - x[0, 0]) / cell
        i, j = rows.astype(np.int64), columns.astype(np.int64)
        a, b = rows - np.floor(rows), columns - np.floor(columns)
        a, b = (a * a * (3 - 2 * a))[:, None], b * b * (3 - 2 * b)
        knots = self.random.random((int(i[-1]) + 2, int(j[-1]) + 2)).astype(np.float32) * 2 - 1
        knots = knots[:, j] + b * (knots[:, j + 1] - knots[:, j])
        return knots[i] + a * (knots[i + 1] - knots[i])

    def material(self, y: Grid, x: Grid, *, relief: float) -> Float32[np.ndarray, "3 h w"]:
        """A colour, shaded from one side to the other, with a pattern on it."""
        colour, (c, s) = self.colour(), self.direction()
        middle, reach = (y[y.shape[0] // 2, 0], x[0, x.shape[1] // 2]), max(x.shape)
        shade = ((x - middle[1]) * c + (y - middle[0]) * s) * (self.uniform(0.1, 0.4) / reach)
        light = 1 + shade + self.uniform(0.02, relief) * self.pattern(y, x)
        return colour.astype(np.float32)[:, None, None] * light


@dataclass(frozen=True)
class Scenes:
    """`count` pictures of overlapping shapes on a textured ground, labelled pixel by pixel.

    Notice: colour, shading and texture are drawn without a look at the class, so only form tells a disc from a ring.
    Lines are 4 to 7 pixels wide, rings and crosses 6 to 9, a fifth of a sample of a map at stride 32: the resolution
    of the features shows in the score.

    Args:
        count: how many scenes, 1 or more.
        size: (H, W), each >= 32. A larger scene holds more shapes, not larger ones.
        seed: >= 0; another seed, other scenes.
        split: "train" or "val"; the two never share a scene.
        difficulty: 0 (clean, strong contrast, few shapes) and up: more noise, texture and overlap, smaller shapes,
            weaker contrast.

    Raises:
        ValueError: an argument outside its range.
        IndexError: outside 0 to count - 1 (negative numbers count from the end).

    Convention: scene i is a function of (seed, split, i, size, difficulty) alone, the same bytes on every machine.
        A pixel has the class of the topmost shape that its centre lies in. No pixel is void.

    Source: walkthrough 11 trains on them.
    """

    count: int
    _: KW_ONLY
    size: tuple[int, int] = (128, 128)
    seed: int = 0
    split: Split = "train"
    difficulty: float = 1.0
    name: ClassVar[str] = "scenes"
    classes: ClassVar[Classes] = SCENES

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"Scenes: count={self.count}; there must be one scene or more")
        if len(self.size) != 2 or min(self.size) < 32:
            raise ValueError(f"Scenes: size={self.size}; pass (H, W), each >= 32")
        if self.seed < 0 or not 0 <= self.difficulty < math.inf:
            raise ValueError(f"Scenes: seed={self.seed}, difficulty={self.difficulty}; both must be >= 0")
        if self.split not in get_args(Split):
            raise ValueError(f"Scenes: split={self.split!r}; choose one of {', '.join(get_args(Split))}")

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, i: int) -> Sample:
        if not -self.count <= i < self.count:
            raise IndexError(f"Scenes: scene {i} of {self.count}; choose one from 0 to {self.count - 1}")
        height, width = self.size
        key = self.seed, get_args(Split).index(self.split), i % self.count
        brush = _Brush(*key, candidates=max(1, round(9 - 3 * self.difficulty)))
        relief = 0.04 + 0.06 * self.difficulty
        y, x = np.mgrid[:height, :width].astype(np.float32)
        picture = brush.material(y, x, relief=relief)
        labels = np.zeros(self.size, dtype=np.uint8)
        area = height * width / 128**2
        for group, few in ((LARGE, 1.5), (SMALL, 2)):
            for _ in range(max(1, round(area * (few + brush.uniform(-1, 1) + 0.5 * self.difficulty)))):
                self._paint(group[int(brush.uniform(0, 3))], brush, picture, labels, relief)
        noise = brush.random.integers(0, 256, (4, 3, height, width), dtype=np.uint8)
        picture += (noise.astype(np.float32).sum(0) - 510) * (0.03 * self.difficulty)
        picture = np.clip(np.floor(picture + 0.5), 0, 255).astype(np.uint8)
        return Sample(torch.from_numpy(picture), torch.from_numpy(labels))

    def _paint(self, kind: int, brush: _Brush, picture: np.ndarray, labels: np.ndarray, relief: float) -> None:
        """Draw one shape of this class on top, with a soft shadow below it."""
        height, width = labels.shape
        cy, cx = brush.place(height, width).tolist()
        c, s = brush.direction()
        reach = REACH[kind] + 6
        window = np.s_[max(0, int(cy) - reach) : int(cy) + reach, max(0, int(cx) - reach) : int(cx) + reach]
        y, x = np.mgrid[:height, :width][(slice(None), *window)].astype(np.float32)
        u, v = c * (x - cx) + s * (y - cy), c * (y - cy) - s * (x - cx)
        distance = _signed_distance(kind, u, v, brush.uniform, 1 / (1 + 0.1 * self.difficulty))
        target = picture[(slice(None), *window)]
        target[:, 2:, 2:] *= 1 - 0.35 * np.clip(0.5 - distance[:-2, :-2] / 5, 0, 1)
        cover = np.clip(0.5 - distance, 0, 1)
        target += cover * (brush.material(y, x, relief=relief) - target)
        labels[window][distance <= 0] = kind
