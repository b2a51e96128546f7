"""A whole set on disk, read once: everything that is wrong with it, and what is in it."""

from collections import Counter
from dataclasses import dataclass
from itertools import compress

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
    """What is in a split, and what is wrong with it.

    Fields:
        published: how many samples the split has as published.
        names, pixels, images: of each class, and last of void: its pixels, and the images in which it appears.
        unlabelled: label pictures that are all void.
        readable: the indices of the samples without fault.
    """

    name: str
    split: str
    samples: int
    published: int | None
    names: list[str]
    pixels: list[int]
    images: list[int]
    sizes: dict[str, int]
    unlabelled: list[str]
    problems: list[str]
    readable: list[int]

    @property
    def shares(self) -> list[float]:
        """Pixels of each class over all pixels, void included."""
        return [count / max(1, sum(self.pixels)) for count in self.pixels]

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
        sizes = ", ".join(f"{size} ({count})" for size, count in Counter(self.sizes).most_common(3))
        more = f" and {len(self.sizes) - 3} other sizes" if len(self.sizes) > 3 else ""
        wide = max(map(len, self.names))
        lines = [f"{self.name}, {self.split}: {self.samples} samples, {len(self.readable)} without fault"]
        lines += [f"H x W: {sizes or 'none'}{more}", "", f"{'class':{wide}}    share  images"]
        for name, share, count in zip(self.names, self.shares, self.images, strict=True):
            lines.append(f"{name:{wide}}  {share:6.2%}  {count:6}")
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
    numbers = [*range(len(images.classes)), VOID]
    counts, sizes, problems, readable = [], Counter(), [], []
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
        labels = parts[1]
        try:
            images.check_sizes(i, Sample(*parts))
        except ValueError as error:
            problems.append(str(error))
            continue
        counts.append(np.bincount(labels.numpy().ravel(), minlength=VOID + 1)[numbers])
        sizes[" x ".join(map(str, labels.shape))] += 1
        readable.append(i)
    table = np.array(counts, np.int64).reshape(-1, len(numbers))
    void = ~table[:, :-1].any(axis=1)
    return Report(
        name=images.name,
        split=images.split,
        samples=len(images),
        published=images.expected,
        names=[*images.classes.names, "void"],
        pixels=table.sum(0).tolist(),
        images=(table > 0).sum(0).tolist(),
        sizes=dict(sizes),
        unlabelled=[str(images.pairs[i][1]) for i in compress(readable, void)],
        problems=problems,
        readable=readable,
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
