"""Binder and Colab: the addresses, and the cell that installs the course where it is missing and nowhere else."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from notebooks import build, build_exercises, launch

ADDRESS = "https://github.com/someone/jpu_edu"
WALKTHROUGH = build.SOURCES / "00_start_here.py"
EXERCISE = build_exercises.SOURCES / "03_split_conv_merge.py"


@pytest.fixture
def known(monkeypatch):
    monkeypatch.setattr(launch, "settings", lambda: (ADDRESS, "main"))


@pytest.fixture
def colab(monkeypatch, tmp_path):
    """A machine without the package, in an empty folder; `git` makes the folders and `pip` nothing. The calls."""
    calls = []

    def run(command, *, check):
        assert check, "a failed step must stop the cell"
        calls.append(command)
        if command[0] == "git":
            Path(command[-1], "notebooks", "exercises").mkdir(parents=True)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return calls


def first(source: Path) -> str:
    return build.read(source).cells[0].source


def test_the_project_says_where_it_lives_in_one_place(tmp_path):
    project = tmp_path / "pyproject.toml"
    project.write_text(f'[tool.jpu_edu]\nrepository = "{ADDRESS}"\nbranch = "course"\n')
    assert launch.settings(project) == (ADDRESS, "course")
    project.write_text("[project]\n")
    assert launch.settings(project) == ("", "main")
    repository, branch = launch.settings()
    assert branch
    assert not repository or launch.owner(repository)


def test_without_an_address_no_notebook_has_the_cell(monkeypatch):
    monkeypatch.setattr(launch, "settings", lambda: ("", "main"))
    for source in [*build.sources(), *build.sources(folder=build_exercises.SOURCES)]:
        assert launch.CLONE not in "".join(cell.source for cell in build.read(source).cells)


def test_with_an_address_every_notebook_begins_with_the_cell_and_goes_on_as_before(known, monkeypatch):
    for source in [*build.sources(), *build.sources(folder=build_exercises.SOURCES)]:
        cell, *rest = build.read(source).cells
        assert (cell.cell_type, cell.metadata.tags) == ("code", ["hide-input", "remove-cell"])
        assert cell.metadata.jupyter == {"source_hidden": True}
        assert cell.source == launch.cell(ADDRESS, "main", launched_folder(source)).source
        with monkeypatch.context() as without:
            without.setattr(launch, "settings", lambda: ("", "main"))
            assert rest == build.read(source).cells


def launched_folder(source: Path) -> str:
    """Where build.py and build_exercises.py write the notebook that students open."""
    folder = build_exercises.STUDENT if source.parent == build_exercises.SOURCES else build.target(source).parent
    return folder.relative_to(launch.ROOT).as_posix()


@pytest.mark.parametrize("source", [WALKTHROUGH, EXERCISE], ids=["walkthrough", "exercise"])
def test_the_cell_does_nothing_where_the_course_is_installed(known, monkeypatch, source, capfd):
    def never(*_, **__):
        raise AssertionError("the cell ran a program although the package is there")

    monkeypatch.setattr(subprocess, "run", never)
    monkeypatch.chdir(build.HERE)
    before = os.getcwd(), list(sys.path)
    exec(first(source), {})
    assert (os.getcwd(), list(sys.path)) == before
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("source", [WALKTHROUGH, EXERCISE], ids=["walkthrough", "exercise"])
def test_the_cell_fetches_installs_and_goes_to_the_notebook(known, colab, tmp_path, source):
    exec(first(source), {})
    clone, install = colab
    assert clone[:2] == ["git", "clone"]
    assert clone[-4:] == ["--branch", "main", ADDRESS, launch.CLONE]
    assert install == [sys.executable, "-m", "pip", "install", "--quiet", "--editable", launch.CLONE]
    assert sys.path[-1] == str(tmp_path / launch.CLONE)
    assert os.getcwd() == str(tmp_path / launch.CLONE / launched_folder(source))


def test_a_cell_run_twice_or_after_a_restart_installs_nothing_again(known, colab, monkeypatch, tmp_path):
    exec(first(WALKTHROUGH), {})
    monkeypatch.undo()
    monkeypatch.setattr(launch, "settings", lambda: (ADDRESS, "main"))
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("a second installation"))
    for folder in (tmp_path, tmp_path / launch.CLONE / "notebooks"):  # the kernel's, and where the cell went
        monkeypatch.chdir(folder)
        exec(first(WALKTHROUGH), {})
        assert os.getcwd() == str(tmp_path / launch.CLONE / "notebooks")


def test_an_installation_that_failed_goes_on_with_the_clone_it_has(known, colab, monkeypatch, tmp_path):
    exec(first(WALKTHROUGH), {})
    monkeypatch.chdir(tmp_path)
    exec(first(WALKTHROUGH), {})
    assert [call[0] for call in colab] == ["git", sys.executable, sys.executable]


def test_the_addresses():
    assert launch.launch(ADDRESS, "main", "notebooks/06_where.ipynb") == {
        "binder": "https://mybinder.org/v2/gh/someone/jpu_edu/main?urlpath=lab%2Ftree%2Fnotebooks%2F06_where.ipynb",
        "colab": "https://colab.research.google.com/github/someone/jpu_edu/blob/main/notebooks/06_where.ipynb",
    }
    both = launch.launch(ADDRESS, "course/2026", "a b.ipynb")
    assert both["binder"].endswith("/jpu_edu/course%2F2026?urlpath=lab%2Ftree%2Fa%20b.ipynb")
    assert both["colab"].endswith("/blob/course/2026/a%20b.ipynb")


@pytest.mark.parametrize(
    "wrong",
    ["", "github.com/a/b", "https://gitlab.com/a/b", "https://github.com/a", f"{ADDRESS}.git", f"{ADDRESS}/", "a'b"],
)
def test_another_kind_of_address_is_refused_and_named(wrong):
    for use in (launch.launch, launch.cell):
        with pytest.raises(ValueError, match=r"OWNER/NAME \(pyproject\.toml") as refused:
            use(wrong, "main", "notebooks")
        assert repr(wrong) in str(refused.value)
