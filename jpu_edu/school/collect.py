"""From a folder of files to submissions: whose is it, which exercise is it, can it be graded?

Nobody gets lost: a file that cannot be read, and one whose name says nothing, are named, and stay where they are.
"""

import re
import shutil
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from jpu_edu.school.course import Course, Refused

LARGEST = 50  # MB; a notebook of an exercise has 0.02
NAME = re.compile(r"\w[\w .@-]*")  # no comma: the names go into a CSV file; no *: nbgrader searches by them
#: Code that an exercise does not need and that can reach the checks.
MEDDLING = re.compile(r"jpu_edu\.exercises|\.grade\b|get_ipython|sys\.modules|__main__|gc\.get|_getframe")


@dataclass
class Collected:
    """What became of one file. `unread` says why it could not be read; `notes` what was found and done."""

    file: str
    notes: list[str] = field(default_factory=list)
    unread: str = ""


def whose(path: Path) -> tuple[str, str] | None:
    """Student and number of the exercise: anna_03.ipynb, anna_03_anything.ipynb, anna/03_anything.ipynb.

    Args:
        path: within the folder of files.
    """
    folder, stem = path.parent.name, path.stem.strip()
    if folder and (own := re.fullmatch(r"(\d\d)(?!\d).*", stem)) and NAME.fullmatch(folder):
        return folder.strip(), own[1]
    both = re.fullmatch(r"(.+?)[ _-]+(\d\d)(?!\d)(.*)", stem)
    return (both[1].strip(), both[2]) if both and NAME.fullmatch(both[1]) else None


def read(path: Path) -> NotebookNode:
    """A submitted notebook, without outputs.

    Raises:
        Refused: says what is wrong with the file.
    """
    size = path.stat().st_size / 1e6
    if size > LARGEST:
        raise Refused(f"{size:.0f} MB; ask for it with its outputs cleared")
    try:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
    except Exception as error:  # anything may be in a file
        raise Refused(f"no notebook ({type(error).__name__}); ask for it again") from error
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook


def mend(notebook: NotebookNode, released: NotebookNode) -> list[str]:
    """Find the released cells again, by name or by what stands in them, and give them their marks back.

    Notice: a check that is gone is not put back. It gives no points, and the report says so.

    Returns:
        What was found, for the report.
    """
    wanted = {cell.metadata.nbgrader["grade_id"]: cell for cell in released.cells if "nbgrader" in cell.metadata}
    place: dict[str, int] = {}
    notes: dict[str, list[str]] = defaultdict(list)
    for number, cell in enumerate(notebook.cells):
        name = _name(cell)
        cell.metadata.pop("nbgrader", None)
        if name in wanted:
            place[name] = number  # of copies the last one counts, as for nbgrader
    for name, theirs in wanted.items():
        free = [n for n in range(len(notebook.cells)) if n not in place.values()]
        found = place.get(name, next((n for n in free if _same(notebook.cells, n, theirs, released)), None))
        if found is not None and name not in place:
            place[name] = found
            notes["lost its name, found"].append(name)
    for name, theirs in wanted.items():
        role = theirs.metadata.nbgrader
        if name in place:
            mine = notebook.cells[place[name]]
            if not role.solution and mine.source.strip() != theirs.source.strip():
                notes["changed, the original counts"].append(name)
        elif role.grade:
            notes["deleted, no points"].append(name)
            continue
        elif role.solution:
            notes["deleted"].append(name)
            continue
        else:
            before = [place[one] for one in list(wanted)[: list(wanted).index(name)] if one in place]
            at = max(before, default=-1) + 1
            notebook.cells.insert(at, mine := theirs.copy())
            place = {one: n + (n >= at) for one, n in place.items()} | {name: at}
            notes["deleted, put back"].append(name)
        mine.metadata = NotebookNode({**mine.metadata, "nbgrader": role.copy()})
    kept = [cell for n, cell in enumerate(notebook.cells) if n not in place.values() or _answers(cell)]
    if any(MEDDLING.search(cell.source) for cell in kept if cell.cell_type == "code"):
        notes["read the code, it reaches for the checks"] = []
    return [f"{what}: {', '.join(names)}" if names else what for what, names in notes.items()]


def _answers(cell: NotebookNode) -> bool:
    return cell.metadata.nbgrader.solution


def _name(cell: NotebookNode) -> object:
    marks = cell.metadata.get("nbgrader")
    return marks.get("grade_id") if isinstance(marks, dict) else None


def _same(cells: list[NotebookNode], n: int, theirs: NotebookNode, released: NotebookNode) -> bool:
    """Whether the nameless cell n is this released one: its text, its function, or the words below its question."""
    mine, role = cells[n], theirs.metadata.nbgrader
    if mine.cell_type != theirs.cell_type:
        return False
    if not role.solution:
        return mine.source.strip() == theirs.source.strip()
    if mine.cell_type == "code":
        return any(head in mine.source for head in re.findall(r"^def \w+\(", theirs.source, re.MULTILINE)[-1:])
    question = released.cells[released.cells.index(theirs) - 1]
    return n > 0 and cells[n - 1].source.strip() == question.source.strip()


def collect(course: Course, files: str | Path) -> tuple[list[tuple[str, str, Collected]], list[str]]:
    """Take every notebook of a folder into the course; a file that changed replaces the one from before.

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
        except Refused as refused:
            became.unread = str(refused)
        else:
            _submit(course, week, student, nbformat.writes(notebook), path.stat().st_mtime)
        course.record["collected"].setdefault(week, {})[student] = asdict(became)
    course.save()
    return [(*key, became) for key, (_, became) in sorted(taken.items())], left


def _submit(course: Course, week: str, student: str, text: str, seconds: float) -> None:
    place = course.place("submitted", student, week)
    path = place / f"{week}.ipynb"
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    shutil.rmtree(course.place("autograded", student, week), ignore_errors=True)  # the grade of another file
    place.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    when = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S.%f UTC")
    (place / "timestamp.txt").write_text(when, encoding="utf-8")
