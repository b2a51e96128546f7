"""The sources of the exercises as tests use them: their cells, and the functions that they define."""

from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from nbformat import NotebookNode

from jpu_edu import exercises
from jpu_edu.exercises.task import Task
from notebooks import build, build_exercises

#: e01_convolution, e02_..., found by their names: a new exercise is tested as soon as its file is there.
MODULES = tuple(
    import_module(f"jpu_edu.exercises.{path.stem}")
    for path in sorted(Path(exercises.__file__).parent.glob("e[0-9][0-9]_*.py"))
)


def source(module: ModuleType) -> Path:
    """e03_split_conv_merge belongs to 03_split_conv_merge.py."""
    return build_exercises.SOURCES / f"{module.__name__.rsplit('.', 1)[1].removeprefix('e')}.py"


def tasks(module: ModuleType) -> list[Task]:
    """The four tasks of a module in order."""
    return sorted((value for value in vars(module).values() if isinstance(value, Task)), key=lambda task: task.number)


def answers(notebook: NotebookNode) -> dict[int, Any]:
    """Every cell run except the checks; the last function of each answer's cell, by task."""
    namespace: dict[str, Any] = {"print": lambda *_, **__: None}
    found = {}
    for cell in notebook.cells:
        if cell.cell_type != "code" or "check" in cell.metadata:
            continue
        before = set(namespace)
        exec(cell.source, namespace)
        if "answer" in cell.metadata:
            found[cell.metadata["answer"]] = namespace[(set(namespace) - before).pop()]
    return found


@cache
def solutions(module: ModuleType) -> dict[int, Any]:
    return answers(build_exercises.instructor(build.read(source(module))))


@cache
def blanks(module: ModuleType) -> dict[int, Any]:
    return answers(build_exercises.student(build.read(source(module))))
