"""From a folder of files to submissions. Nobody gets lost.

A file that cannot be read, and one whose name says nothing, are named, and stay where they are.
"""

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import nbformat

from jpu_edu.school import due
from jpu_edu.school.course import Course, Refused
from jpu_edu.school.handed import Unreadable, mend, read, whose


@dataclass
class Collected:
    """What became of one file.

    Attributes:
        notes: what was found and done.
        unread: why it could not be read.
        graded: whether its grading came to an end; one that was cut off is done again.
    """

    file: str
    notes: list[str] = field(default_factory=list)
    unread: str = ""
    graded: bool = False


def collect(
    course: Course, files: str | Path, came: datetime | None = None
) -> tuple[list[tuple[str, str, Collected]], list[str]]:
    """Take every notebook of a folder into the course; a file that changed replaces the one from before.

    Args:
        came: when; by default each file at the time at which it was last changed. A file that is the same as before
            keeps the earlier of both times.

    Returns:
        Exercise, student and what became of the file, for all files taken; and the files that were not, with reasons.

    Raises:
        Refused: no such folder, or an exercise that was not released.
    """
    files = Path(files)
    if not files.is_dir():
        raise Refused(f"{files} is no folder; name the one that holds the students' files")
    weeks, taken, left = {week[:2]: week for week in course.weeks}, {}, []
    paths = (path for path in files.rglob("*") if path.is_file() and path.name[0] != ".")
    for path in sorted(paths, key=lambda path: (path.stat().st_mtime, path)):  # the newest last
        inside = path.relative_to(files)
        if any(part.startswith(".") for part in inside.parts):
            continue
        said = whose(inside) if path.suffix == ".ipynb" else None
        if said is None or said[1] not in weeks:
            why = "no notebook" if path.suffix != ".ipynb" else "name it STUDENT_NN.ipynb, NN the exercise"
            left.append(f"{inside}: {why}" if said is None else f"{inside}: this course has no exercise {said[1]}")
            continue
        key = weeks[said[1]], said[0]
        if key in taken:
            left.append(f"{taken[key][0].relative_to(files)}: {inside} is newer")
        taken[key] = path, Collected(inside.as_posix())
    for (week, student), (path, became) in sorted(taken.items()):
        released = course.released(week)
        try:
            notebook = read(path)
            became.notes = mend(notebook, released)
        except Unreadable as reason:
            became.unread = str(reason)
        else:
            when = came or datetime.fromtimestamp(path.stat().st_mtime, UTC)
            new = _submit(course, week, student, nbformat.writes(notebook), when)
            became.graded = not new and course.record["collected"].get(week, {}).get(student, {}).get("graded", False)
        course.record["collected"].setdefault(week, {})[student] = asdict(became)
    course.save()
    return [(*key, became) for key, (_, became) in sorted(taken.items())], left


def _submit(course: Course, week: str, student: str, text: str, when: datetime) -> bool:
    """Write the submission and when it came; False if it is there already."""
    place = course.place("submitted", student, week)
    path = place / f"{week}.ipynb"
    new = not path.exists() or path.read_text(encoding="utf-8") != text
    place.mkdir(parents=True, exist_ok=True)
    before = None if new else due.came(place)
    stamp = min(when, before) if before else when
    (place / "timestamp.txt").write_text(f"{stamp:%Y-%m-%d %H:%M:%S.%f} UTC", encoding="utf-8")
    if new:
        path.write_text(text, encoding="utf-8")
    return new
