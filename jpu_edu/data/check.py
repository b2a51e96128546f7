"""A whole set on disk, read once: everything that is wrong with it, and what is in it.

share    pixels of a class / all pixels, void included
images   images in which the class appears
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from torch import Tensor
from tqdm import tqdm

from jpu_edu.data import pictures
from jpu_edu.data.classes import VOID
from jpu_edu.data.sets import LabelledImages, Sample

ROWS = 6  # of a contact sheet
SHOWN = 50  # problems on the screen; a record keeps all


@dataclass(frozen=True)
class Report:
    """What is in a split, and what is wrong with it. The last entry of `names`, `pixels` and `images` is void."""

    name: str
    split: str
    samples: int
    published: int | None
    names: tuple[str, ...]
    pixels: tuple[int, ...]
    images: tuple[int, ...]
    sizes: dict[str, int]
    unlabelled: tuple[str, ...]
    problems: tuple[str, ...]
    readable: tuple[int, ...]

    @property
    def shares(self) -> tuple[float, ...]:
        """Pixels of each class over all pixels."""
        return tuple(count / max(1, sum(self.pixels)) for count in self.pixels)

    @property
    def notes(self) -> list[str]:
        """What is worth knowing and no fault."""
        absent = [name for name, count in zip(self.names[:-1], self.pixels, strict=False) if not count]
        found = []
        if self.published not in (None, self.samples):
            found.append(f"{self.samples} samples; the published split has {self.published}")
        if absent:
            found.append(f"classes that never appear: {', '.join(absent)}")
        if self.unlabelled:
            found.append(f"images that are all void: {len(self.unlabelled)}, the first {self.unlabelled[0]}")
        return found

    def table(self) -> str:
        """Sizes, shares, notes and the first problems as text."""
        common = sorted(self.sizes.items(), key=lambda item: -item[1])
        sizes = ", ".join(f"{size} ({count})" for size, count in common[:3])
        more = f" and {len(common) - 3} other sizes" if len(common) > 3 else ""
        wide = max(map(len, self.names))
        lines = [f"{self.name}, {self.split}: {self.samples} samples, {len(self.readable)} without fault"]
        lines += [f"H x W: {sizes or 'none'}{more}", "", f"{'class':{wide}}    share  images"]
        lines += [
            f"{name:{wide}}  {share:6.2%}  {count:6}"
            for name, share, count in zip(self.names, self.shares, self.images, strict=True)
        ]
        lines += ["", *(f"Note: {note}." for note in self.notes)]
        lines += [f"Wrong: {problem}" for problem in self.problems[:SHOWN]]
        if len(self.problems) > SHOWN:
            lines.append(f"Wrong: {len(self.problems) - SHOWN} more; --json FILE keeps all.")
        return "\n".join([*lines, f"{len(self.problems) or 'No'} problem{'s' * (len(self.problems) != 1)}."])


def examine(images: LabelledImages, *, progress: bool = False) -> Report:
    """Read every file of a split once.

    Notice: an image and its labels are read apart, so that a pair with two bad files gives two problems.

    Args:
        images: from a reader, with complete=False where missing files are to be listed too.
        progress: whether to draw a bar, on a terminal.
    """
    count = len(images.classes)
    pixels, present = np.zeros(count + 1, np.int64), np.zeros(count + 1, np.int64)
    sizes: Counter[str] = Counter()
    problems, unlabelled, readable = [], [], []
    quiet = None if progress else True  # None: only on a terminal
    for i in tqdm(range(len(images)), desc=f"{images.name} {images.split}", unit="image", disable=quiet, leave=False):
        parts = []
        for read in (images.image, images.labels):
            try:
                parts.append(read(i))
            except (OSError, ValueError) as error:
                problems.append(str(error))
        if len(parts) < 2:
            continue
        sample = Sample(*parts)
        try:
            images.check_sizes(i, sample)
        except ValueError as error:
            problems.append(str(error))
            continue
        found = np.bincount(sample.labels.numpy().ravel(), minlength=VOID + 1)
        found = np.append(found[:count], found[VOID])
        pixels += found
        present += found > 0
        sizes[" x ".join(map(str, sample.labels.shape))] += 1
        readable.append(i)
        if not found[:-1].any():
            unlabelled.append(str(images.pairs[i][1]))
    return Report(
        name=images.name,
        split=images.split,
        samples=len(images),
        published=images.expected,
        names=(*images.classes.names, "void"),
        pixels=tuple(pixels.tolist()),
        images=tuple(present.tolist()),
        sizes=dict(sizes),
        unlabelled=tuple(unlabelled),
        problems=tuple(problems),
        readable=tuple(readable),
    )


def sheet(sets: list[LabelledImages], reports: list[Report]) -> UInt8[Tensor, "3 H W"]:
    """A contact sheet of samples without fault, spread evenly over the splits and over each of them."""
    rows, each = [], max(1, ROWS // len(sets))
    for images, report in zip(sets, reports, strict=True):
        for place in range(min(each, len(report.readable))):
            i = report.readable[place * len(report.readable) // each]
            sample = images[i]
            size = " x ".join(map(str, sample.labels.shape))
            rows.append((f"{images.split}: {images.pairs[i][0].name}, {size}", sample))
    return pictures.contact_sheet(rows, sets[0].classes)
