"""The committed walkthroughs are their sources, executed: once, in order, without a mistake, in time, readable."""

from pathlib import Path

import nbformat
import pytest

from notebooks import build

SOURCES = build.sources()
SECONDS = {"11": 150}  # a walkthrough has 60 s on two cores; 11 trains a network
SLACK = 3  # for a machine that does other things meanwhile

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
def test_the_walkthrough_runs_in_time_and_its_checks_pass(source, record_property):
    _, row = build.run(source)
    record_property("walkthrough", build.format_row(row))
    assert row.problems == ()
    assert row.checks > 0, "no table of checks: print(compare.table([...]))"
    limit = SLACK * SECONDS.get(source.name[:2], 60)
    assert row.seconds < limit, f"{row.seconds:.0f} s; the limit is {limit} s"
