"""One file of a student: whose it is, which exercise, and which of its cells are the ones that were handed out."""

import re
from collections import defaultdict
from copy import deepcopy
from pathlib import Path

import nbformat
from nbformat import NotebookNode

LARGEST = 50  # MB; a notebook of an exercise has 0.02
NAME = re.compile(r"\w[\w .@-]*")  # no comma: the names go into a CSV file; no *: nbgrader searches by them
#: Code that an exercise does not need and that can reach the checks.
MEDDLING = re.compile(r"jpu_edu\.exercises|\bcheck_\w+\s*\.|get_ipython|sys\.modules|__main__|gc\.get|_getframe")


class Unreadable(Exception):
    """Why a file cannot be graded, and what to ask its student for."""


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
        Unreadable: says what is wrong with the file.
    """
    size = path.stat().st_size / 1e6
    if size > LARGEST:
        raise Unreadable(f"{size:.0f} MB; ask for it with its outputs cleared")
    try:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        nbformat.writes(notebook).encode()  # half a character is JSON, and no text
    except Exception as error:  # anything may be in a file
        raise Unreadable(f"no notebook ({type(error).__name__}); ask for it again") from error
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
            notebook.cells.insert(at, mine := deepcopy(theirs))
            place = {one: n + (n >= at) for one, n in place.items()} | {name: at}
            notes["deleted, put back"].append(name)
        mine.metadata["nbgrader"] = deepcopy(role)
    kept = [cell for n, cell in enumerate(notebook.cells) if n not in place.values() or cell.metadata.nbgrader.solution]
    if any(MEDDLING.search(cell.source) for cell in kept if cell.cell_type == "code"):
        notes["read the code, it reaches for the checks"] = []
    return [f"{what}: {', '.join(names)}" if names else what for what, names in notes.items()]


def _name(cell: NotebookNode) -> str | None:
    marks = cell.metadata.get("nbgrader")
    name = marks.get("grade_id") if isinstance(marks, dict) else None
    return name if isinstance(name, str) else None


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
