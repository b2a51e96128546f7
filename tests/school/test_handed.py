"""What students hand in: names of files, files that are none, and cells that were renamed, deleted, edited."""

import copy
import json
from pathlib import Path

import nbformat
import pytest

from jpu_edu.school import sheets
from jpu_edu.school.handed import Unreadable, mend, read, whose

RELEASED = sheets.sheet(sheets.sources(["03"])[0], seed=2027)  # its solutions do no harm here


HALF = nbformat.writes(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("x")])).replace('"x"', r'"\ud800"')


def names(notebook) -> list:
    return [cell.metadata.nbgrader.grade_id for cell in notebook.cells if "nbgrader" in cell.metadata]


def without(*gone: str):
    """The notebook without these cells."""
    made = copy.deepcopy(RELEASED)
    made.cells = [cell for cell in made.cells if cell.metadata.get("nbgrader", {}).get("grade_id") not in gone]
    return made


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("anna_03.ipynb", ("anna", "03")),
        ("anna-03.ipynb", ("anna", "03")),
        ("anna_03_split_conv_merge.ipynb", ("anna", "03")),
        ("Anna Müller_12345_03_split (1).ipynb", ("Anna Müller_12345", "03")),
        ("anna/03_split_conv_merge.ipynb", ("anna", "03")),
        ("anna/03.ipynb", ("anna", "03")),
        ("group/anna_03.ipynb", ("anna", "03")),
        ("03_split_conv_merge.ipynb", None),
        ("anna.ipynb", None),
        ("a,b_03.ipynb", None),
        ("anna_2027.ipynb", None),
        ("*_03.ipynb", None),
    ],
)
def test_the_name_of_a_file_says_whose_and_which(path, wanted):
    assert whose(Path(path)) == wanted


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"cells": 3}', "\x00\x01", '{"nbformat": 4, "cells": [{}]}', HALF]
)
def test_a_file_that_is_no_notebook_is_refused_with_the_remedy(text, tmp_path):
    (tmp_path / "a_03.ipynb").write_text(text)
    with pytest.raises(Unreadable, match="ask for it again"):
        read(tmp_path / "a_03.ipynb")


def test_outputs_are_left_behind_and_an_old_notebook_without_ids_is_read(tmp_path):
    made = json.loads(nbformat.writes(RELEASED))
    made["nbformat_minor"] = 4
    for cell in made["cells"]:
        del cell["id"]
        if cell["cell_type"] == "code":
            cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "x" * 1000}]
    (tmp_path / "a_03.ipynb").write_text(json.dumps(made))
    found = read(tmp_path / "a_03.ipynb")
    assert len(found.cells) == len(RELEASED.cells)
    assert not any(cell.outputs for cell in found.cells if cell.cell_type == "code")


def test_an_untouched_notebook_needs_no_mending():
    mine = copy.deepcopy(RELEASED)
    assert mend(mine, RELEASED) == []
    assert mine == RELEASED


@pytest.mark.parametrize("rename", [lambda cell: cell.metadata.clear(), lambda cell: cell.metadata.update(nbgrader=7)])
def test_cells_without_their_names_are_found_by_what_stands_in_them(rename):
    """Answers by the function that they define, words by the question above them, the others by their text."""
    mine = copy.deepcopy(RELEASED)
    for cell in mine.cells:
        rename(cell)
        if cell.source.startswith("def merge("):
            cell.source = f"import math\n\n\n{cell.source}  # mine"
        if cell.source == RELEASED.cells[-1].source:
            cell.source = "Because of the zeros."
    (note,) = mend(mine, RELEASED)
    assert note.startswith("lost its name, found: given-1, given-2, task-1, check-1") and "task-5" in note
    assert names(mine) == names(RELEASED)
    assert "# mine" in next(cell.source for cell in mine.cells if "def merge(" in cell.source)


def test_a_deleted_check_stays_deleted_and_is_named():
    mine = without("check-2")
    assert mend(mine, RELEASED) == ["deleted, no points: check-2"]
    assert "check-2" not in names(mine)


def test_a_given_cell_that_was_deleted_is_back_in_its_place():
    mine = without("given-1", "given-3")
    assert mend(mine, RELEASED) == ["deleted, put back: given-1, given-3"]
    assert names(mine) == names(RELEASED)


def test_an_edited_check_and_changed_points_are_named_and_the_marks_are_the_released_ones():
    mine = copy.deepcopy(RELEASED)
    (check,) = [cell for cell in mine.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == "check-1"]
    check.source = "4.0"
    check.metadata.nbgrader.points, check.metadata.nbgrader.locked = 400, False
    assert mend(mine, RELEASED) == ["changed, the original counts: check-1"]
    assert check.metadata.nbgrader.points == 4 and check.metadata.nbgrader.locked


@pytest.mark.parametrize(
    "text",
    ["check_merge.grade = print", "merge = check_merge.reference", "import jpu_edu.exercises.task", "get_ipython()"],
)
def test_code_that_reaches_for_the_checks_is_named(text):
    mine = copy.deepcopy(RELEASED)
    mine.cells.append(nbformat.v4.new_code_cell(text))
    assert mend(mine, RELEASED) == ["read the code, it reaches for the checks"]


def test_a_check_that_a_student_calls_is_no_reaching():
    mine = copy.deepcopy(RELEASED)
    mine.cells.append(nbformat.v4.new_code_cell("check_merge(merge, hint=2)"))
    assert mend(mine, RELEASED) == []
