"""The floor rule: a folder imports only from floors below it, so that the library can be read from the ground up."""

import ast
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "jpu_edu"
FLOORS = (
    ("ops",),
    ("classic", "cost", "layers", "data", "metrics"),
    ("backbones", "necks", "heads"),
    ("models",),
    ("train",),
    ("bench", "draw"),
    ("widgets", "exercises", "school"),
    ("verify", "commands", "cli", "__main__"),
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
TOP = len(FLOORS) - 1  # its rooms use one another: the command line calls the commands, they the identities
#: Notebooks and figures use them, nobody else; the command line draws what a user asks it to draw.
ONLY_FOR = {"draw": {"widgets", "exercises", "cli"}, "widgets": set(), "exercises": set()}
GROUND = {"torch", "jaxtyping", *sys.stdlib_module_names}


def imports(source: str, module: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    """Line and full dotted name of everything that a module imports, inside functions too.

    Args:
        module: its dotted name in parts; the last is the file (`__init__` for a package).
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(module[: len(module) - node.level]) if node.level else ""
            origin = ".".join(part for part in (base, node.module) if part)
            # `from jpu_edu import ops` names a room in the alias
            yield from ((node.lineno, f"{origin}.{alias.name}") for alias in node.names)


def violations(files: Mapping[str, str]) -> list[str]:
    """What breaks the rule, one line each.

    Args:
        files: source text by path below the package, such as "ops/phases.py".
    """
    found = []
    for path, source in files.items():
        parts = tuple(path.removesuffix(".py").split("/"))
        room = parts[0]
        if room == "__init__":
            found += [f"{path}:{line} imports {name}; the package re-exports nothing"
                      for line, name in imports(source, ("jpu_edu", *parts)) if name.startswith("jpu_edu")]  # fmt: skip
            continue
        if room not in FLOOR:
            found.append(f"{path}: {room} stands on no floor; give it one in FLOORS")
            continue
        for line, name in imports(source, ("jpu_edu", *parts)):
            where = f"{path}:{line} imports {name}"
            first, *rest = name.split(".")
            if first != "jpu_edu":
                if room == "ops" and first not in GROUND:
                    found.append(f"{where}; ops stands on torch alone")
                continue
            other = rest[0] if rest else ""
            if other not in FLOOR:
                if other not in ("__version__", ""):
                    found.append(f"{where}, which is no room of the package")
            elif other != room:
                mine, theirs = FLOOR[room], FLOOR[other]
                if theirs >= mine and mine != TOP:
                    found.append(f"{where}; floor {mine} may only stand on lower ones, {other} is on {theirs}")
                if other in ONLY_FOR and room not in ONLY_FOR[other]:
                    found.append(f"{where}; {other} is for notebooks and figures")
    return found


def test_every_folder_imports_only_from_the_floors_below():
    files = {path.relative_to(PACKAGE).as_posix(): path.read_text("utf-8") for path in PACKAGE.rglob("*.py")}
    assert len(files) > 10
    assert violations(files) == []


@pytest.mark.parametrize(
    ("path", "source", "reason"),
    [
        ("ops/phases.py", "from jpu_edu.layers import blocks", "floor 0"),
        ("ops/phases.py", "import numpy as np", "torch alone"),
        ("layers/blocks.py", "from jpu_edu.data import photos", "floor 1"),
        ("layers/blocks.py", "from jpu_edu import metrics", "floor 1"),
        ("layers/blocks.py", "from ..heads.fcn import FCNHead", "floor 1"),
        ("necks/jpu.py", "def f():\n    import jpu_edu.heads.fcn", "floor 2"),
        ("widgets/stepper.py", "from jpu_edu.exercises import hints", "floor 6"),
        ("bench/conv.py", "import jpu_edu.draw", "floor 5"),
        ("bench/conv.py", "from jpu_edu.commands import train", "floor 5"),
        ("verify.py", "from jpu_edu.draw import style", "for notebooks and figures"),
        ("__init__.py", "from jpu_edu.ops import phases", "re-exports nothing"),
        ("utils/helpers.py", "", "no floor"),
        ("ops/phases.py", "from jpu_edu.nowhere import x", "no room"),
    ],
)
def test_a_breach_is_found(path, source, reason):
    assert any(reason in line for line in violations({path: source}))


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("ops/convs.py", "import math, torch\nfrom jpu_edu.ops import phases\nfrom .phases import split"),
        ("widgets/stepper.py", "from jpu_edu.draw import style\nimport matplotlib"),
        ("models/build.py", "from jpu_edu.heads import fcn\nfrom ..necks.jpu import JPU"),
        ("cli.py", "from jpu_edu import __version__, verify\nfrom jpu_edu.bench import conv"),
    ],
)  # fmt: skip
def test_what_the_rule_allows_passes(path, source):
    assert violations({path: source}) == []
