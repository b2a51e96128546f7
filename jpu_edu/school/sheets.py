"""From the one source of an exercise to nbgrader's notebook: the marks that it reads, and the seed of the class.

# %% answer=n                       task-n: the student's; its solution is taken out for the release
# %% check=n points=k               check-n: locked, k points; its hidden tests come back for grading
# %% [markdown] answer=n points=k   task-n: words, graded by a person
# %%                                given-n: locked
# %% [markdown] why=n, rubric=n     left out; they stand in notebooks/exercises/solutions
"""

import re
from collections.abc import Sequence
from pathlib import Path

import jupytext
from nbformat import NotebookNode, from_dict

SOURCES = Path(__file__).resolve().parents[2] / "notebooks" / "src" / "exercises"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
HIDDEN = re.compile(r"### BEGIN HIDDEN TESTS\n(.*?)### END HIDDEN TESTS", re.DOTALL)


def sources(numbers: Sequence[str] = ()) -> list[Path]:
    """The sources of all exercises in order, or of these ("3" and "03" are the same)."""
    wanted = {number.zfill(2) for number in numbers}
    return [path for path in sorted(SOURCES.glob("[0-9][0-9]_*.py")) if not wanted or path.name[:2] in wanted]


def sheet(source: Path, *, seed: int) -> NotebookNode:
    """An exercise as nbgrader's source notebook.

    Notice: its hidden tests import the check anew and hold the seed as a number. Whoever writes `SEED = 0` or
    `check_merge = ...` into an answer changes nothing for them.

    Args:
        source: notebooks/src/exercises/NN_*.py.
        seed: of the class; sizes, rates, kernels and pictures follow from it.
    """
    notebook = jupytext.read(source, fmt="py:percent")
    notebook.metadata = NotebookNode(kernelspec=KERNEL, language_info={"name": "python"})
    notebook.nbformat_minor = 5
    notebook.cells = [cell for cell in notebook.cells if not {"why", "rubric"} & set(cell.metadata)]
    given = 0
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
        marks, code = cell.metadata, cell.cell_type == "code"
        if "answer" in marks:
            points = marks.get("points")
            own = _role(f"task-{marks['answer']}", solution=True, grade=points is not None, points=points)
        elif "check" in marks:
            own = _role(f"check-{marks['check']}", grade=True, locked=True, points=marks["points"])
            cell.source = HIDDEN.sub(lambda region: _hidden(region, source.stem, seed), cell.source)
        elif code:
            given += 1
            own = _role(f"given-{given}", locked=True)
            cell.source = re.sub(r"^SEED = 0\b.*", f"SEED = {seed}", cell.source, flags=re.MULTILINE)
        else:
            continue
        cell.metadata = from_dict({"nbgrader": own})
    return notebook


def solutions(week: str) -> dict[str, str]:
    """A solution of each task and why it works, as Markdown to be opened by a click.

    Returns:
        By the cell below which it belongs: check-1 to check-4 for code, task-5 for words.
    """
    found: dict[str, str] = {}
    for cell in jupytext.read(SOURCES / f"{week}.py", fmt="py:percent").cells:
        marks, text = cell.metadata, re.sub(r"^ *### (BEGIN|END) SOLUTION\n?", "", cell.source, flags=re.MULTILINE)
        if "answer" in marks:
            words = cell.cell_type == "markdown"
            found[f"{'task' if words else 'check'}-{marks['answer']}"] = text if words else f"```python\n{text}\n```"
        elif "why" in marks:
            found[f"check-{marks['why']}"] += f"\n\n{text}"
    opened = "<details>\n<summary>A solution</summary>\n\n{}\n\n</details>"
    return {name: opened.format(text.strip()) for name, text in found.items()}


def rubric(week: str, task: int) -> str:
    """What the points of a task are for, as Markdown; that of task 4 is for its words too."""
    cells = jupytext.read(SOURCES / f"{week}.py", fmt="py:percent").cells
    return next(cell.source for cell in cells if cell.metadata.get("rubric") == task).removeprefix("**Rubric.** ")


def _role(
    name: str, *, grade: bool = False, locked: bool = False, solution: bool = False, points: float | None = None
) -> dict[str, object]:
    """The metadata of one cell, as nbgrader wants it."""
    role = dict(schema_version=3, grade_id=name, grade=grade, locked=locked, solution=solution, task=False)
    return role | ({} if points is None else {"points": points})


def _hidden(region: re.Match, stem: str, seed: int) -> str:
    checks = re.findall(r"^(\w+)\.grade\(", region[1], re.MULTILINE)
    anew = f"from jpu_edu.exercises.e{stem} import {', '.join(checks)}\n"
    tests = re.sub(r"\bSEED\b", str(seed), region[1])
    return f"### BEGIN HIDDEN TESTS\n{anew}{tests}### END HIDDEN TESTS"
