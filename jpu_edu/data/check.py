"""A whole set on disk, read once: everything that is wrong with it, and what is in it.

share    pixels of a class / all pixels, void included
images   images in which the class appears
"""

import argparse
import json
import sys
from collections import Counter
from dataclasses import asdict, dataclass

import numpy as np
from jaxtyping import UInt8
from torch import Tensor
from tqdm import tqdm

from jpu_edu.data import pictures, readers
from jpu_edu.data.classes import VOID
from jpu_edu.data.files import written_whole
from jpu_edu.data.layouts import LAYOUTS, recognise
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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `data check`."""
    parser.description = "Read every file of a labelled set and list what is wrong, the share of each class, and sizes."
    parser.epilog = (
        "example: python -m jpu_edu data check ../data/camvid --sheet camvid.png. "
        "Exit status: 0 when nothing is wrong, 1 when something is, 2 when it could not be checked"
    )
    parser.add_argument("path", metavar="PATH", help="the folder of the set")
    parser.add_argument("--layout", choices=LAYOUTS, help="default: recognised by what lies in the folder")
    parser.add_argument("--split", help="such as train; default: all that are there")
    parser.add_argument("--sheet", metavar="FILE", help="draw some samples, with labels and legend, to this picture")
    parser.add_argument("--json", metavar="FILE", help="write what was found to FILE too")


def main(arguments: argparse.Namespace) -> int:
    """Check, print, draw and record; returns the exit status."""
    try:
        name = arguments.layout or recognise(arguments.path)
        sets, faults = _open(name, arguments.path, arguments.split)
        reports = []
        for images in sets:
            reports.append(examine(images, progress=True))
            print(reports[-1].table(), end="\n\n")
        for fault in faults:
            print(f"Wrong: {fault}")
        if arguments.sheet and any(report.readable for report in reports):
            print(f"Drawn to {pictures.save(arguments.sheet, sheet(sets, reports))}.")
        if arguments.json:
            splits = [{**asdict(r), "shares": r.shares, "notes": r.notes} for r in reports]
            record = {"command": "python -m jpu_edu data check", "layout": name, "faults": faults, "splits": splits}
            with written_whole(arguments.json) as half:
                half.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
            print(f"Written to {arguments.json}.")
    except (OSError, ValueError) as error:
        print(f"data check: {error}", file=sys.stderr)
        return 2
    return int(bool(faults) or any(report.problems for report in reports))


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


def _open(name: str, root: str, split: str | None) -> tuple[list[LabelledImages], list[str]]:
    """The split that was named, or all that are there; and what keeps one of these from being read at all."""
    layout = LAYOUTS[name]
    if split is not None:
        return [layout.reader(root, split=split, complete=False)], []
    sets, faults, absent = [], [], []
    for one in layout.splits or readers.folder_splits(root)[:-1] or ["all"]:
        try:
            sets.append(layout.reader(root, split=one, complete=False))
        except FileNotFoundError as error:
            absent.append(error)
        except ValueError as error:
            faults.append(str(error))
    if absent and not sets and not faults:
        raise absent[0]
    for error in absent:
        print(f"Not looked at: {error}")
    return sets, faults
