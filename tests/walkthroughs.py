"""What nbval's run of the walkthroughs took. They are executed once in a test run: that compares, and is timed."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Protocol

import nbformat

from notebooks import build

SECONDS = {"11": 150}  # a walkthrough has 60 s on two cores; 11 trains a network
SLACK = 3  # for a machine that does other things meanwhile


class Report(Protocol):
    nodeid: str
    duration: float


def rows(reports: Iterable[Report]) -> list[build.Row]:
    """A row for each walkthrough of which every cell ran; too many seconds are a problem of it."""
    seconds: Counter[str] = Counter()
    cells: defaultdict[str, set[str]] = defaultdict(set)
    for report in reports:
        file, _, cell = getattr(report, "nodeid", "").partition(".ipynb::")
        if cell and file.rpartition("/")[0] == "notebooks":
            seconds[file] += report.duration
            cells[file].add(cell)
    found = []
    for file in sorted(seconds):
        notebook = nbformat.read(build.HERE.parent / f"{file}.ipynb", as_version=4)
        if len(cells[file]) == sum(cell.cell_type == "code" for cell in notebook.cells):
            name = file.rpartition("/")[2]
            said, limit = build.verdicts(notebook), SLACK * SECONDS.get(name[:2], 60)
            slow = (f"{seconds[file]:.0f} s; the limit is {limit} s",) if seconds[file] > limit else ()
            passed = sum(verdict in build.PASSED for verdict in said)
            minutes = build.minutes(notebook)
            found.append(build.Row(name, minutes, len(cells[file]), seconds[file], passed, len(said), slow))
    return found
