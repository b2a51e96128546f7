"""A file of marks: a line for each student with the answer to read, and places for points and a comment.

CSV as spreadsheets write it, with commas, semicolons or tabs. Only `student`, `points` and `comment` are taken back.
An empty place changes nothing, "-" takes back what was given. `answered` says which answer was read.
"""

import csv
import io
import locale
from pathlib import Path
from typing import Literal

from jpu_edu.data.files import written_whole
from jpu_edu.school import sheets
from jpu_edu.school.course import Course, Refused
from jpu_edu.school.marks import Mark, answers

COLUMNS = ("student", "points", "of", "comment", "answer", "note", "answered")
LONGEST = 30_000  # characters of an answer; a spreadsheet cuts a place off at 32767
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet computes what begins so, and a stranger wrote it


def write(course: Course, week: str, to: str | Path, task: int | None = None) -> None:
    """Write the file, with what was given so far and the rubric.

    Notice: points for an answer that has changed since are left out. They have to be given again.

    Raises:
        Refused: nothing is graded, or there is such a file, with marks perhaps.
    """
    if Path(to).exists():
        raise Refused(f"{to} is there already; take it in first (--from {to}), or name another file")
    comma = _decimal_comma()
    rows = [("(rubric)", "", "", "", _plain(sheets.rubric(week, task or 4)), "", "")]
    for one in answers(course, week, task):
        if not task and one.cell.startswith("check"):
            continue
        points = "" if one.waits or one.by_hand is None else f"{one.by_hand:g}"
        points, most = (number.replace(".", "," if comma else ".") for number in (points, f"{one.most:g}"))
        text = one.text if len(one.text) <= LONGEST else f"{one.text[:LONGEST]} ... (cut here)"
        rows.append((one.student, points, most, _plain(one.comment), _plain(text), one.note(task), one.version))
    with written_whole(to) as half, half.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, delimiter=";" if comma else ",").writerows([COLUMNS, *rows])


def read(path: str | Path) -> dict[str, Mark]:
    """The marks of a file, by student. Lines without a mark, and those in brackets, are for reading.

    Raises:
        Refused: no file, no marks in it, or some that cannot be read; all such lines are named.
    """
    if not Path(path).is_file():
        raise Refused(f"{path} is no file; --to {path} writes one")
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused(f"{path} is not UTF-8; save it as 'CSV UTF-8'") from error
    head = text.lstrip().partition("\n")[0].strip()
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=head.count))
    marks: dict[str, Mark] = {}
    wrong = []
    try:
        names = [name.strip().lower() for name in next(rows, [])]
        if "student" not in names or not {"points", "comment"} & set(names):
            raise Refused(f"{path} begins with {head!r}; name its columns student, points, comment")
        for row in rows:
            place = dict(zip(names, map(str.strip, row), strict=False))
            student, points, comment = (place.get(name, "") for name in ("student", "points", "comment"))
            if student.startswith("(") or not points + comment:
                continue
            if any(row[len(names) :]):
                wrong.append(f"{student}: more places than columns; put a text with commas in quotes")
            elif student in marks or not student:
                wrong.append(f"{student or points or comment}: keep one line a student, with the name")
            else:
                try:
                    marks[student] = Mark(_points(points), _text(comment), place.get("answered") or None)
                except ValueError:
                    wrong.append(f"{student}={points}; write a number, such as 1.5")
    except csv.Error as error:
        raise Refused(f"{path}, line {rows.line_num}: {error}; save it as 'CSV UTF-8'") from error
    if wrong:
        raise Refused("\n  ".join([f"{path}: {wrong[0]}", *wrong[1:]]))
    if not marks:
        raise Refused(f"{path}: no line has points or a comment")
    return marks


def _points(place: str) -> float | Literal["-"] | None:
    return "-" if place == "-" else float(place.replace(",", ".")) if place else None


def _text(place: str) -> str | None:
    """A comment without what `_plain` put in front."""
    return (place[1:] if place[:1] == "'" and place[1:].startswith(FORMULA) else place) or None


def _plain(text: str) -> str:
    """A text that a spreadsheet does not compute."""
    return f"'{text}" if text.startswith(FORMULA) else text


def _decimal_comma() -> bool:
    """Whether this machine writes 1,5. Its spreadsheets then want semicolons between places."""
    before = locale.setlocale(locale.LC_NUMERIC)
    try:
        locale.setlocale(locale.LC_NUMERIC, "")
        return locale.localeconv()["decimal_point"] == ","
    except locale.Error:
        return False
    finally:
        locale.setlocale(locale.LC_NUMERIC, before)
