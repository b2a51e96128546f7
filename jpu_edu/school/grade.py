"""Release, grade, give back, export: nbgrader's own steps, one submission after the other, and a report.

A step that goes wrong for one submission stops no other one, and everybody who handed something in is in the report.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.converters import Autograde, GenerateAssignment
from nbgrader.plugins import CsvExportPlugin

from jpu_edu.data.files import write_json
from jpu_edu.school import due
from jpu_edu.school.course import Course, Refused
from jpu_edu.school.marks import decide_again, decided, grades, waits
from jpu_edu.school.page import GiveBack


@dataclass(frozen=True)
class Row:
    """One submission in the report.

    Attributes:
        points, most: of the code; None for `points` if there are none yet.
        by_hand: the points that a person still has to decide about.
        seconds: that the grading took; None if it was done before.
        happened: everything that a teacher should know.
        tasks: points by check, those given by hand where there are such.
        words, most_words: of the answer in words; None for `words` until somebody gave points.
    """

    week: str
    student: str
    points: float | None
    most: float
    by_hand: float
    seconds: float | None
    happened: tuple[str, ...]
    tasks: dict[str, float | None]
    words: float | None = None
    most_words: float = 0.0

    def __str__(self) -> str:
        points = "no points" if self.points is None else f"{self.points:g} of {self.most:g}"
        points += "" if self.words is None else f", words {self.words:g} of {self.most_words:g}"
        points += f", {self.by_hand:g} to mark" if self.by_hand else ""
        return f"{self.student:<20} {points:<26} {'; '.join(self.happened) or 'as it should be'}"


def release(course: Course, weeks: list[str]) -> list[Path]:
    """Make the notebooks for students: release/WEEK/WEEK.ipynb.

    Raises:
        Refused: nbgrader refuses.
    """
    for week in weeks:
        if complaint := course.nbgrader(GenerateAssignment, week, GenerateAssignment={"force": True}):
            raise Refused(f"{week} cannot be released: {complaint}")
    return [course.place("release", week, f"{week}.ipynb") for week in weeks]


def grade(
    course: Course,
    weeks: list[str],
    *,
    seconds: int | None = None,
    again: bool = False,
    told: Callable[[Row], None] = lambda row: None,
) -> list[Row]:
    """Grade what was collected, and not graded yet.

    Args:
        seconds: a cell may take; by default what nbgrader_config.py says.
        again: grade everything once more. Points given by hand stay; those of a changed answer wait for another look.
        told: called with each row as soon as it is there.
    """
    rows = []
    config = {"Autograde": {"force": True}, **({"Execute": {"timeout": seconds}} if seconds else {})}
    for week in weeks:
        for student, became in sorted(course.record["collected"].get(week, {}).items()):
            happened, took = list(became["notes"]), None
            if became["unread"]:
                happened.append(f"NOT GRADED, {became['file']}: {became['unread']}")
            if course.place("submitted", student, week).is_dir():
                if again or not became["graded"]:
                    became["graded"] = False  # until it came to an end
                    course.save()
                    started, before = time.perf_counter(), decided(course, week, student)
                    complaint = course.nbgrader(Autograde, week, student, **config)
                    decide_again(course, week, student, before)
                    took, became["graded"] = time.perf_counter() - started, not complaint
                    course.save()
                    happened += [f"NOT GRADED, nbgrader stopped: {complaint}"] if complaint else []
                done = course.place("autograded", student, week, f"{week}.ipynb")
                happened += _said(nbformat.read(done, as_version=4)) if done.exists() else []
            rows.append(_row(course, week, student, took, happened))
            told(rows[-1])
    return rows


def _row(course: Course, week: str, student: str, seconds: float | None, happened: list[str]) -> Row:
    """The points of a student, who is in the gradebook from now on, with or without a submission."""
    with Gradebook(course.gradebook) as book:
        book.update_or_create_student(student)
        cells = book.find_notebook(week, week).grade_cells
        kinds = "code", "markdown"
        most = {kind: sum(float(cell.max_score) for cell in cells if cell.cell_type == kind) for kind in kinds}
        found = grades(book, week, student)
        if not found:
            return Row(week, student, None, most["code"], 0.0, seconds, tuple(happened), {})
        happened = [*due.late(book, course, week, student), *happened]
        tasks = {}
        for name in (cell.name for cell in cells if cell.cell_type == "code"):
            given, machines = found[name].manual_score, found[name].auto_score
            tasks[name] = machines if given is None else given
            if given is not None:
                happened.append(f"{name}: {given:g} by hand, {machines or 0:g} by machine")
        by_hand = sum(float(one.max_score) for one in found.values() if waits(one))
        words = next(one for one in found.values() if one.cell_type == "markdown")
        said = None if words.manual_score is None and words.auto_score is None else float(words.score)
    points = sum(score or 0.0 for score in tasks.values())
    return Row(week, student, points, most["code"], by_hand, seconds, tuple(happened), tasks, said, most["markdown"])


def report(course: Course, weeks: list[str], rows: list[Row]) -> Path:
    """Write rows into report.json in place of those of the same weeks; other weeks keep theirs."""
    path = course.folder / "report.json"
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):  # none yet, or cut off: grading without a number writes all of it
        before = []
    kept = [row for row in before if row["week"] not in weeks]
    return write_json(path, sorted([*kept, *map(vars, rows)], key=lambda row: (row["week"], row["student"])))


def _said(notebook: NotebookNode) -> Iterator[str]:
    """What each check said that did not give all points; and errors in other cells."""
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        errors = [_in_words(one) for one in cell.outputs if one.output_type == "error"]
        shown = [one.data.get("text/plain", "") for one in cell.outputs if one.output_type == "display_data"]
        for text in (errors or [text for text in shown if text[:1] in "✗○" and text])[:1]:
            what = "not written" if text[0] == "○" else text.removeprefix("✗ Not yet. ").splitlines()[0]
            yield f"{cell.metadata.get('nbgrader', {}).get('grade_id', 'a cell of theirs')}: {what[:110]}"


def _in_words(error: NotebookNode) -> str:
    """An error of a cell; nbgrader ends a cell that takes too long by an interrupt."""
    stopped = error.ename == "KeyboardInterrupt"
    return "took too long and was stopped" if stopped else f"{error.ename}: {error.evalue}"


def feedback(course: Course, weeks: list[str]) -> list[Path]:
    """One page for each graded submission, with solutions: feedback/STUDENT/WEEK/WEEK.html.

    Raises:
        Refused: nothing is graded, or nbgrader refuses.
    """
    graded = [week for week in weeks if any(course.folder.glob(f"autograded/*/{week}"))]
    if not graded:
        raise Refused(f"nothing is graded yet; first: class grade {course.folder}")
    for week in graded:
        if complaint := course.nbgrader(GiveBack, week, GiveBack={"force": True}):
            raise Refused(f"no feedback for {week}: {complaint}")
    return sorted(path for week in graded for path in course.folder.glob(f"feedback/*/{week}/*.html"))


def export(course: Course, to: str | Path) -> Path:
    """All points as CSV by nbgrader's exporter: a line for each student and each exercise that was collected.

    Raises:
        Refused: nothing was collected.
    """
    if not course.record["collected"]:
        raise Refused(f"nothing was collected yet; first: class collect {course.folder} FILES")
    to = Path(to)
    to.parent.mkdir(parents=True, exist_ok=True)
    partial = to.with_name(f".{to.name}.tmp")
    with Gradebook(course.gradebook) as book:
        plugin = CsvExportPlugin(to=str(partial), assignment=list(course.record["collected"]))
        plugin.export(book)
    os.replace(partial, to)
    return to
