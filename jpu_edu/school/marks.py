"""Points and comments by hand: which answers wait for a person, and what a person gives.

An answer in words has its points in its own cell, task-5. Code that is answered in task-3 has its points in check-3.
"""

import zlib
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Literal, NamedTuple

import nbformat
from nbgrader import utils
from nbgrader.api import Grade, Gradebook, MissingEntry

from jpu_edu.school.course import Course, Refused


class Mark(NamedTuple):
    """What one student gets for one answer; None leaves as it is, "-" takes back what was given.

    Fields:
        points: without them code has the machine's again, and words wait.
        comment: Markdown, shown below the answer in the page that comes back.
        answer: the `Answer.version` that was read, if another one may have been graded since.
    """

    points: float | Literal["-"] | None
    comment: str | None = None
    answer: str | None = None


class Answer(NamedTuple):
    """An answer of a student with its points: those that count, those by hand and those of the machine."""

    student: str
    cell: str
    text: str
    score: float
    most: float
    by_hand: float | None
    machine: float | None
    waits: bool
    comment: str

    @property
    def version(self) -> str:
        """Another one for another text; no spreadsheet takes it for a number."""
        return f"v{zlib.crc32(self.text.encode()):08x}"

    def note(self, task: int | None) -> str:
        """What to know before giving points; `task` as in `answers`."""
        if task:
            scored = f"{self.score:g} of {self.most:g}"
            return scored if self.by_hand is None else f"{scored}, by hand; the machine gave {self.machine or 0:g}"
        what = f"task {_task(self.cell)}" if self.cell.startswith("check") else "the answer"
        return "" if self.by_hand is None or not self.waits else f"{what} has changed since you gave {self.by_hand:g}"


def waits(one: Grade) -> bool:
    """Whether a person has to decide: about words, and about points given for an answer that has changed since."""
    return one.needs_manual_grade and (one.cell_type != "code" or one.manual_score is not None)


def grades(book: Gradebook, week: str, student: str) -> dict[str, Grade]:
    """What a student has for each graded cell, by its name; nothing before the first grading."""
    try:
        return {one.name: one for one in book.find_submission_notebook(week, week, student).grades}
    except MissingEntry:
        return {}


def _task(cell: str) -> str:
    return cell.rpartition("-")[2]


def _texts(course: Course, week: str, student: str) -> dict[str, str]:
    """What was graded of a student, by task."""
    path = course.place("autograded", student, week, f"{week}.ipynb")
    cells = nbformat.read(path, as_version=4).cells if path.exists() else []
    return {_task(cell.metadata.nbgrader.grade_id): cell.source for cell in cells if utils.is_solution(cell)}


def decided(course: Course, week: str, student: str) -> dict[str, str | None]:
    """The answers for which a person has given points, by graded cell."""
    texts = _texts(course, week, student)
    with Gradebook(course.gradebook) as book:
        found = grades(book, week, student).items()
        given = [name for name, one in found if one.manual_score is not None and not one.needs_manual_grade]
    return {name: texts.get(_task(name)) for name in given}


def decide_again(course: Course, week: str, student: str, before: dict[str, str | None]) -> None:
    """After a grading nbgrader lets everything wait that has points by hand; only a changed answer has to."""
    texts = _texts(course, week, student)
    with Gradebook(course.gradebook) as book:
        for name, one in grades(book, week, student).items():
            if before.get(name) is not None and before[name] == texts.get(_task(name)):
                one.needs_manual_grade = False
        book.db.commit()


def answers(course: Course, week: str, task: int | None = None) -> list[Answer]:
    """The graded answers of a week, by student.

    Args:
        task: whose code is wanted; by default the words, and code that changed after points had been given for it.

    Raises:
        Refused: nothing is graded.
    """
    if not any(course.folder.glob(f"autograded/*/{week}")):
        raise Refused(f"nothing is graded in {week}; first: class grade {course.folder} {week[:2]}")
    found = []
    with Gradebook(course.gradebook) as book:
        for student in sorted(course.record["collected"].get(week, {})):
            texts = _texts(course, week, student)
            for name, one in sorted(grades(book, week, student).items()):
                if name == f"check-{task}" if task else one.cell_type == "markdown" or waits(one):
                    comment = book.find_comment(f"task-{_task(name)}", week, week, student).manual_comment
                    points = float(one.score), float(one.max_score), one.manual_score, one.auto_score
                    text = texts.get(_task(name), "(deleted)")
                    found.append(Answer(student, name, text, *points, waits(one), comment or ""))
    return found


def waiting(course: Course, week: str, task: int | None = None) -> list[Answer]:
    """Of `answers`, those that a person should read: whose points are not decided, and code without all points.

    Raises:
        Refused: nothing is graded.
    """
    return [one for one in answers(course, week, task) if one.waits or (task and one.score < one.most)]


def mark(course: Course, week: str, marks: Mapping[str, Mark], task: int | None = None) -> list[str]:
    """Give points and comments by student. All of them or, where one is refused, none.

    Args:
        task: whose code gets these points in place of the machine's; by default the answer in words gets them.

    Returns:
        Students who got nothing, since their answer is another one than the one that was read.

    Raises:
        Refused: nothing graded of a student, or more points than there are; all such students are named.
    """
    read = {one.student: one for one in answers(course, week, task) if task or one.cell.startswith("task")}
    wrong = []
    for student, (points, _, _) in marks.items():
        if student not in read:
            meant = get_close_matches(student, read, n=1)
            advice = f"did you mean {meant[0]}?" if meant else f"first: class grade {course.folder}"
            wrong.append(f"nothing of {student} is graded in {week}; {advice}")
        elif isinstance(points, float) and not 0 <= points <= read[student].most:
            wrong.append(f"{student}={points:g}; choose 0 to {read[student].most:g}")
    if wrong:
        raise Refused("\n  ".join(wrong))
    changed = [student for student, one in marks.items() if one.answer not in (None, read[student].version)]
    with Gradebook(course.gradebook) as book:
        for student, (points, comment, _) in marks.items():
            name = read[student].cell
            if student in changed:
                continue
            if points is not None:
                grade = grades(book, week, student)[name]
                grade.manual_score = None if points == "-" else points
                grade.needs_manual_grade = points == "-" and grade.auto_score is None
            if comment is not None:
                told = book.find_comment(f"task-{_task(name)}", week, week, student)
                told.manual_comment = None if comment == "-" else comment
        book.db.commit()
    return changed
