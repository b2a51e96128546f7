"""`python -m jpu_edu data check`: what is wrong with a labelled set on disk, and what is in it."""

import argparse
from dataclasses import asdict

from jpu_edu.commands.refused import refused
from jpu_edu.data import check, pictures, readers
from jpu_edu.data.files import write_json
from jpu_edu.data.layouts import LAYOUTS, recognise
from jpu_edu.data.sets import LabelledImages


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
            reports.append(check.examine(images, progress=True))
            print(reports[-1].table(), end="\n\n")
        for fault in faults:
            print(f"Wrong: {fault}")
        if arguments.sheet and any(report.readable for report in reports):
            print(f"Drawn to {pictures.save(arguments.sheet, check.sheet(sets, reports))}.")
        if arguments.json:
            splits = [{**asdict(r), "shares": r.shares, "notes": r.notes} for r in reports]
            record = {"command": "python -m jpu_edu data check", "layout": name, "faults": faults, "splits": splits}
            print(f"Written to {write_json(arguments.json, record)}.")
    except (OSError, ValueError) as error:
        return refused("data check", error)
    return int(bool(faults) or any(report.problems for report in reports))


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
