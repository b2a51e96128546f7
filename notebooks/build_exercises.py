"""Make the exercise notebooks: one source that holds the solutions, two notebooks.

    python -m notebooks.build_exercises [NN ...]    (python run.py build does it after the walkthroughs)

    src/exercises/NN_*.py  ->  exercises/NN_*.ipynb             students': executed, checks say "not written yet"
                               exercises/solutions/NN_*.ipynb   instructors': executed, all points

What a cell of the source is stands in its header:

    # %% answer=n                   a function with ### BEGIN SOLUTION ... ### END SOLUTION where students find a blank
    # %% check=n points=k           its check; ### BEGIN HIDDEN TESTS ... ### END HIDDEN TESTS give the points
    # %% [markdown] answer=n points=k    a model answer in words, graded by a person
    # %% [markdown] why=n           the solution explained; not for students
    # %% [markdown] rubric=n        for who grades; not for students
"""

import re
import sys
from collections.abc import Callable, Sequence
from copy import deepcopy
from pathlib import Path

from nbformat import NotebookNode

from notebooks import build

SOURCES = build.SOURCES / "exercises"
STUDENT, INSTRUCTOR = build.HERE / "exercises", build.HERE / "exercises" / "solutions"
BLANK = "# YOUR CODE HERE\nraise NotImplementedError()"  # the stub of nbgrader
WORDS = "*Your answer, two or three sentences.*"
SOLUTION = re.compile(r"^([ \t]*)### BEGIN SOLUTION\n.*?### END SOLUTION$", re.MULTILINE | re.DOTALL)
HIDDEN = re.compile(r"\n### BEGIN HIDDEN TESTS\n.*?### END HIDDEN TESTS$", re.MULTILINE | re.DOTALL)
MARKER = re.compile(r"^[ \t]*### (BEGIN|END) (SOLUTION|HIDDEN TESTS)\n?", re.MULTILINE)


def student(notebook: NotebookNode) -> NotebookNode:
    """The notebook without solutions, hidden tests, explanations and rubrics."""
    made = deepcopy(notebook)
    made.cells = [cell for cell in made.cells if not {"why", "rubric"} & set(cell.metadata)]
    for cell in made.cells:
        if cell.cell_type == "markdown" and "answer" in cell.metadata:
            cell.source = WORDS
        cell.source = HIDDEN.sub("", SOLUTION.sub(_blank, cell.source))
    return made


def _blank(region: re.Match) -> str:
    return "\n".join(region[1] + line for line in BLANK.splitlines())


def instructor(notebook: NotebookNode) -> NotebookNode:
    """The notebook with everything, in a folder one deeper."""
    made = deepcopy(notebook)
    for cell in made.cells:
        cell.source = MARKER.sub("", cell.source).rstrip("\n")
        if cell.cell_type == "markdown":
            cell.source = cell.source.replace("](../", "](../../")
    return made


VERSIONS: dict[Path, Callable[[NotebookNode], NotebookNode]] = {STUDENT: student, INSTRUCTOR: instructor}


def said(notebook: NotebookNode) -> dict[int, str]:
    """What each check printed, by its task."""
    checks = [cell for cell in notebook.cells if "check" in cell.metadata]
    return {cell.metadata["check"]: "\n".join(map(build.text_of, cell.outputs)) for cell in checks}


def problems(notebook: NotebookNode, folder: Path) -> list[str]:
    """What is wrong with an executed exercise notebook: all that `build` finds, and checks that say something else."""
    found = build.problems(notebook)
    checks = [cell.metadata for cell in notebook.cells if "check" in cell.metadata]
    points = {check["check"]: float(check["points"]) for check in checks}
    for task, text in said(notebook).items():
        wanted = "Not written yet." if folder == STUDENT else f"Yes.*\n{points[task]}$"
        if not re.search(wanted, text, re.DOTALL):
            found.append(f"task {task}: the check says {text[:80]!r}; wanted {wanted!r}")
    return found


def main(numbers: Sequence[str]) -> int:
    wanted = {number.zfill(2) for number in numbers}
    wrong = 0
    for source in build.sources(folder=SOURCES):
        if wanted and source.name[:2] not in wanted:
            continue
        for folder, version in VERSIONS.items():
            notebook = version(build.read(source))
            build.execute(notebook, folder=folder)
            found = problems(notebook, folder)
            print(f"{folder.relative_to(build.HERE)}/{source.stem}", *found, sep="\n    ", flush=True)
            if not found:
                folder.mkdir(parents=True, exist_ok=True)
                build.write(notebook, folder / f"{source.stem}.ipynb")
            wrong += bool(found)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
