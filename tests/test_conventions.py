"""Every `Convention:` in the package is pinned by a test, so that a convention cannot change in silence."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def stated(root: Path) -> list[tuple[str, str]]:
    """(file, name) of each function, method or class of the package whose docstring has a `Convention:` block."""
    found = []
    for path in sorted((root / "jpu_edu").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and "Convention:" in (ast.get_docstring(node) or ""):
                found.append((path.relative_to(root).as_posix(), node.name))
    return found


def pins(folder: Path) -> list[tuple[str, set[str]]]:
    """Each `test_convention_*` below a folder, with every name that it uses."""
    tests = []
    for path in sorted(folder.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_convention_"):
                names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
                tests.append((node.name, names | {n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)}))
    return tests


def is_pinned(file: str, name: str, root: Path) -> bool:
    """Whether the folder of tests that mirrors `file` has a test_convention_* named after `name` or using it."""
    folder = root / "tests" / Path(file).parent.relative_to("jpu_edu")
    return any(test.startswith(f"test_convention_{name}") or name in names for test, names in pins(folder))


@pytest.mark.parametrize(("file", "name"), stated(ROOT))
def test_every_stated_convention_has_a_test(file, name):
    assert is_pinned(file, name, ROOT), (
        f"{file}: {name} states a Convention that no test pins; "
        f"write test_convention_{name.lower()}_... in {Path('tests') / Path(file).parent.relative_to('jpu_edu')}"
    )


def test_a_convention_without_a_test_would_be_noticed(tmp_path):
    """The rule itself, on a package of one function."""
    (tmp_path / "jpu_edu" / "ops").mkdir(parents=True)
    (tmp_path / "tests" / "ops").mkdir(parents=True)
    (tmp_path / "jpu_edu" / "ops" / "one.py").write_text(
        'def flip(x):\n    """Flip.\n\n    Convention: left.\n    """\n'
    )
    tests = tmp_path / "tests" / "ops" / "test_one.py"
    tests.write_text("def test_flip():\n    flip(1)\n")
    assert stated(tmp_path) == [("jpu_edu/ops/one.py", "flip")]
    assert not is_pinned("jpu_edu/ops/one.py", "flip", tmp_path)
    tests.write_text("def test_convention_it_turns_left():\n    flip(1)\n")
    assert is_pinned("jpu_edu/ops/one.py", "flip", tmp_path)
