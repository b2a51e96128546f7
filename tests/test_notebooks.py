"""The committed walkthroughs are their sources, executed: once, in order, without a mistake, readable."""

from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest

from notebooks import build
from tests import walkthroughs

SOURCES = build.sources()

every_walkthrough = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)


def stored(source: Path) -> nbformat.NotebookNode:
    return nbformat.read(build.target(source), as_version=4)


def test_every_source_has_its_notebook_and_every_notebook_its_source():
    assert {path.stem for path in build.HERE.glob("*.ipynb")} == {source.stem for source in SOURCES}


@every_walkthrough
def test_the_notebook_is_its_source(source):
    """Cell by cell: kind, text and tags. If this fails: python run.py build."""
    both = [
        [(cell.cell_type, cell.source, cell.metadata.get("tags", [])) for cell in notebook.cells]
        for notebook in (stored(source), build.read(source))
    ]
    assert both[0] == both[1]


@every_walkthrough
def test_the_notebook_is_executed_whole_and_readable_without_eyes(source):
    """Counts 1, 2, 3 ...; no errors; words for every picture; no machine paths; a stated time; no failed check."""
    assert build.problems(stored(source)) == []


@every_walkthrough
def test_the_walkthrough_checks_what_it_claims(source):
    """That its checks pass, here and now, is shown by nbval: the same words come out again, in all cells."""
    notebook = stored(source)
    said = build.verdicts(notebook)
    assert said, "no table of checks: print(compare.table([...]))"
    assert set(said) <= set(build.PASSED)
    notebook.cells = [c for c in notebook.cells if "nbval-ignore-output" in c.metadata.get("tags", [])]
    assert build.verdicts(notebook) == [], "a check stands in a cell whose output nbval does not compare"


# ---- the time that nbval took for them (pytest_sessionfinish in conftest.py fails the run where it is too long) -----


def report(node: str, seconds: float) -> SimpleNamespace:
    return SimpleNamespace(nodeid=node, duration=seconds)


def test_the_seconds_of_a_walkthrough_are_those_of_all_its_cells():
    source = SOURCES[0]
    cells = sum(cell.cell_type == "code" for cell in stored(source).cells)
    run = [report(f"notebooks/{source.stem}.ipynb::Cell {k}", 2.0) for k in range(cells) for _ in range(3)]
    (row,) = walkthroughs.rows([*run, report("tests/test_cli.py::test_x", 9.0)])
    assert (row.name, row.seconds, row.cells, row.problems) == (source.stem, 6.0 * cells, cells, ())
    assert walkthroughs.rows(run[3:]) == []  # a part of a walkthrough says nothing about its time


@pytest.mark.parametrize(("number", "limit"), [("00", 180), ("11", 450)])
def test_a_walkthrough_that_takes_too_long_is_named(number, limit):
    (source,) = build.sources([number])
    cells = sum(cell.cell_type == "code" for cell in stored(source).cells)
    for seconds, slow in ((limit - 1, False), (limit + 1, True)):
        run = [report(f"notebooks/{source.stem}.ipynb::Cell {k}", seconds / cells) for k in range(cells)]
        assert [bool(row.problems) for row in walkthroughs.rows(run)] == [slow]
