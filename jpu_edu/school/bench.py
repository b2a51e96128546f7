"""`python -m jpu_edu bench class`: a class of broken notebooks, graded in one go, and what has to come out.

Each submission is the perfect one with one thing changed. A mutant has the function of a known mistake, the one that
the check compares with: it must lose at least half of that task's points, and no others.
"""

import argparse
import copy
import importlib
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from jpu_edu.cost.record import commit, machine
from jpu_edu.data.files import write_json
from jpu_edu.school import command

BLANK = "def {name}(*arguments):\n    raise NotImplementedError()"
CRASH = "import os\n{name} = lambda *arguments: os._exit(1)"
ENDLESS = "def {name}(*arguments):\n    while True:\n        pass"
ENDLESS_CELL = "while True:\n    pass"
GIGABYTE = "def {name}(*arguments):\n    for _ in range(1000):\n        print('x' * 1_000_000)"
REBINDS = f"{BLANK}\n\n\ndef {{check}}(*arguments, **more):\n    return {{points}}\n\n\n{{check}}.grade = {{check}}"
LAST_YEAR = "{solution}\n\n\nlast = {name}(given({before}))\n{name} = lambda *arguments: last"
WARNS = "import warnings\n\n\n{solution}\n\n\nright = {name}\n{name} = lambda *a: (warnings.warn('hm'), right(*a))[1]"
MUTANT = "{name} = {check}.mistakes[{k}].wrong"


class Submission(NamedTuple):
    """One of the class.

    Fields:
        student: a name that says what is wrong.
        text: of the file.
        points: the most that each check may give; those that are not here must give all.
        says: in the report.
    """

    student: str
    text: str
    points: Mapping[str, float]
    says: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--exercise", default="03", metavar="NN", help="default: 03")
    parser.add_argument("--seed", type=int, default=2027, help="of the class (default: 2027)")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these submissions only")
    parser.add_argument("--json", metavar="FILE", help="write the rows and the machine to FILE too")


def main(asked: argparse.Namespace) -> int:
    """Grade the class. Exit status 1 if something does not come out as it must, 2 without nbgrader."""
    if command.missing():
        print(command.MISSING, file=sys.stderr)
        return 2
    from jpu_edu.school import sheets

    started = time.perf_counter()
    if asked.exercise not in (known := [path.name[:2] for path in sheets.sources()]):
        print(f"bench class: --exercise {asked.exercise}; choose one of {', '.join(known)}", file=sys.stderr)
        return 2
    with command.prepared(), tempfile.TemporaryDirectory(prefix="class-") as place:
        rows = run(Path(place), asked.exercise, seed=asked.seed, only=asked.only)
    wrong = [row for row in rows if row["wrong"]]
    took = [row["seconds"] for row in rows if row["seconds"] is not None]
    print(
        f"\n{len(rows)} submissions, {len(wrong)} wrong; {sum(took) / max(1, len(took)):.1f} s a submission, "
        f"the slowest {max(took, default=0):.1f} s; all steps {time.perf_counter() - started:.0f} s."
    )
    if asked.json:
        about = {"command": "python -m jpu_edu bench class", "commit": commit(), "machine": machine()}
        try:
            print(f"Written to {write_json(asked.json, {**about, 'seed': asked.seed, 'rows': rows})}.")
        except OSError as error:
            print(f"bench class: {error}", file=sys.stderr)
            return 2
    return 1 if wrong else 0


def run(place: Path, exercise: str, *, seed: int, only: list[str] | None = None) -> list[dict[str, Any]]:
    """Make the class, collect, grade and export it; a line for each submission as soon as it is graded."""
    import nbformat

    from jpu_edu.school import collect, course, grade, sheets

    one = course.new(place / "course", seed=seed, weeks=sum(path.name[:2] <= exercise for path in sheets.sources()))
    (week,) = one.chosen([exercise])
    grade.release(one, [week])
    source = nbformat.read(one.place("source", week, f"{week}.ipynb"), as_version=4)
    everybody = {one.student: one for one in submissions(week, source, one.released(week), seed=seed)}
    everybody = {name: one for name, one in everybody.items() if only is None or name in only}
    (place / "files").mkdir()
    for name, submission in everybody.items():
        (place / "files" / f"{name}_{exercise}.ipynb").write_text(submission.text, encoding="utf-8")
    collect.collect(one, place / "files")
    full = {name: cell.metadata.nbgrader.points for name, cell in _named(source).items() if name.startswith("check")}
    rows: list[dict[str, Any]] = []

    def told(row: grade.Row) -> None:
        wrong = unlike(row, everybody[row.student], full)
        print("      -  " if row.seconds is None else f"{row.seconds:5.1f} s  ", row, sep="", flush=True)
        print(*(f"         MUST NOT BE: {line}" for line in wrong), sep="\n", end="\n" if wrong else "")
        rows.append({**vars(row), "wrong": wrong})

    grade.grade(one, [week], seconds=30, told=told)
    exported = grade.export(one, place / "grades.csv").read_text(encoding="utf-8")
    for name in everybody:
        if name not in {row["student"] for row in rows} or f",{name}," not in exported:
            rows.append({"student": name, "seconds": None, "wrong": ["lost"]})
            print(f"      -  {name}: LOST")
    return rows


def unlike(row: Any, submission: Submission, full: Mapping[str, float]) -> list[str]:
    """What in the report is not as it must be."""
    wrong = [] if submission.says in str(row) else [f"the report does not say {submission.says!r}"]
    for task, points in row.tasks.items():
        most = submission.points.get(task, full[task])
        least = 0 if task in submission.points else full[task]
        if not least <= (points or 0.0) <= most:
            wrong.append(f"{task} gave {points}, wanted {least:g} to {most:g}")
    return wrong


def _named(notebook: Any) -> dict[str, Any]:
    return {cell.metadata.nbgrader.grade_id: cell for cell in notebook.cells if "nbgrader" in cell.metadata}


def submissions(week: str, source: Any, released: Any, *, seed: int) -> Iterator[Submission]:
    """The class: perfect, blank, every mutant, and what else gets handed in."""
    import nbformat

    given, cells = _named(released), _named(source)
    checks = {name: float(cell.metadata.nbgrader.points) for name, cell in cells.items() if name.startswith("check")}
    nothing = dict.fromkeys(checks, 0.0)
    solved = copy.deepcopy(released)
    for name, cell in _named(solved).items():
        if name.startswith("task"):
            cell.source = re.sub(r"^ *### (BEGIN|END) SOLUTION\n?", "", cells[name].source, flags=re.MULTILINE)

    def with_answer(number: int, text: str, **more: object) -> str:
        made = copy.deepcopy(solved)
        answer, check = _named(made)[f"task-{number}"], given[f"check-{number}"].source
        known = {
            "name": re.findall(r"^def (\w+)\(", cells[f"task-{number}"].source, re.MULTILINE)[-1],
            "check": check.split("(")[0],
            "points": checks[f"check-{number}"],
        }
        answer.source = text.format(**known, week=week, solution=answer.source, before=seed - 1, **more)
        return nbformat.writes(made)

    def changed(notebook: Any, change: Any) -> str:
        made = copy.deepcopy(notebook)
        made.cells = [cell for cell in made.cells if change(cell) is not None]
        return nbformat.writes(made)

    def renamed(cell: Any) -> Any:
        if "nbgrader" in cell.metadata:
            cell.metadata.nbgrader.grade_id = f"mine-{cell.metadata.nbgrader.grade_id}"
        return cell

    def stripped(cell: Any) -> Any:
        cell.metadata.clear()
        return cell

    def deleted(cell: Any) -> Any:
        return None if cell.metadata.get("nbgrader", {}).get("grade_id", "") in checks else cell

    def edited(cell: Any) -> Any:
        if deleted(cell) is None:
            cell.source = f"{cell.metadata.nbgrader.points}.0"
        return cell

    yield Submission("perfect", nbformat.writes(solved), {})
    yield Submission("blank", nbformat.writes(released), nothing, "check-1: not written")
    module = importlib.import_module(f"jpu_edu.exercises.e{week}")
    for number in range(1, len(checks) + 1):
        check = getattr(module, given[f"check-{number}"].source.split("(")[0])
        for k, mistake in enumerate(check.mistakes):
            if mistake.wrong:
                half = {f"check-{number}": checks[f"check-{number}"] / 2}
                yield Submission(
                    f"mutant-{number}-{k + 1}", with_answer(number, MUTANT, k=k), half, f"check-{number}: "
                )
    yield Submission("crash", with_answer(1, CRASH), {"check-1": 0}, "Python itself ended")
    yield Submission("endless", with_answer(2, ENDLESS), {"check-2": 0}, "had not ended after 10 seconds")
    yield Submission("endless-cell", with_answer(3, ENDLESS_CELL), {"check-3": 0}, "took too long and was stopped")
    yield Submission("gigabyte", with_answer(1, GIGABYTE), {"check-1": 0}, "prints more than")
    yield Submission("warns", with_answer(1, WARNS), {})
    yield Submission("deletes-tests", changed(solved, deleted), nothing, "deleted, no points: check-1")
    yield Submission("edits-tests", changed(released, edited), nothing, "changed, the original counts: check-1")
    yield Submission("rebinds-test", with_answer(1, REBINDS), {"check-1": 0}, "check-1: not written")
    yield Submission("last-year", with_answer(len(checks), LAST_YEAR), {f"check-{len(checks)}": 0})
    yield Submission("renamed-cells", changed(solved, renamed), {}, "lost its name, found: ")
    yield Submission("stripped-cells", changed(solved, stripped), {}, "lost its name, found: ")
    yield Submission("corrupt", nbformat.writes(solved)[:1000], {}, "NOT GRADED, corrupt_")
