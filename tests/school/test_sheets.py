"""The notebook for nbgrader: every cell has its role, the hidden tests stand on their own feet, the seed is in it."""

import re

import pytest

from jpu_edu.school import sheets

each_source = pytest.mark.parametrize("source", sheets.sources(), ids=lambda path: path.stem)


def named(notebook) -> dict:
    return {cell.metadata.nbgrader.grade_id: cell for cell in notebook.cells if "nbgrader" in cell.metadata}


@each_source
def test_every_code_cell_has_a_role_and_only_answers_are_open(source):
    notebook = sheets.sheet(source, seed=2027)
    cells = named(notebook)
    assert len(cells) == sum("nbgrader" in cell.metadata for cell in notebook.cells), "two cells of one name"
    assert all("nbgrader" in cell.metadata for cell in notebook.cells if cell.cell_type == "code")
    for name, cell in cells.items():
        role, kind = cell.metadata.nbgrader, name.split("-")[0]
        graded = kind == "check" or cell.cell_type == "markdown"
        assert (role.solution, role.locked, role.grade) == (kind == "task", kind != "task", graded)
        assert ("points" in role) == graded
    assert {f"{kind}-{n}" for kind in ("task", "check") for n in (1, 2, 3, 4)} <= set(cells)


@each_source
def test_hidden_tests_import_their_check_anew_and_hold_the_seed_as_a_number(source):
    """So that neither `SEED = 0` nor `check_merge = ...` in an answer reaches them."""
    cells = named(sheets.sheet(source, seed=2027))
    for number in (1, 2, 3, 4):
        hidden = re.search("BEGIN HIDDEN TESTS\n(.*)### END HIDDEN TESTS", cells[f"check-{number}"].source, re.DOTALL)[
            1
        ]
        check = re.search(r"^(\w+)\.grade\(", hidden, re.MULTILINE)[1]
        assert hidden.startswith(f"from jpu_edu.exercises.e{source.stem} import {check}\n")
        assert "SEED" not in hidden and "seed=2027" in hidden


@each_source
def test_the_seed_of_the_class_is_in_the_locked_cells(source):
    assert "SEED = 2027" in named(sheets.sheet(source, seed=2027))["given-1"].source
    both = [[cell.source for cell in sheets.sheet(source, seed=seed).cells] for seed in (2027, 2028)]
    assert both[0] != both[1]


@each_source
def test_reasons_and_rubrics_are_left_out(source):
    text = "\n".join(cell.source for cell in sheets.sheet(source, seed=1).cells)
    assert "**Why it works.**" not in text and "**Rubric.**" not in text and "BEGIN SOLUTION" in text
