"""One source, two notebooks: the student's gives nothing away, the instructor's has everything."""

import re

import nbformat
import pytest

from jpu_edu.exercises.task import solution
from notebooks import build, build_exercises
from notebooks.build_exercises import INSTRUCTOR, STUDENT, VERSIONS
from tests.exercises.sheets import MODULES, source, tasks

KINDS = ("Guided", "Faded", "Open", "Break-it")
each_sheet = pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.rsplit(".", 1)[1])
each_version = pytest.mark.parametrize("folder", VERSIONS, ids=["student", "instructor"])


def stored(folder, module):
    return nbformat.read(folder / f"{source(module).stem}.ipynb", as_version=4)


def cells(module, *keys: str) -> list:
    """The cells of the source whose header has one of these keys."""
    return [cell for cell in build.read(source(module)).cells if set(keys) & set(cell.metadata)]


def test_every_source_has_its_two_notebooks_its_module_and_its_walkthrough():
    stems = {path.stem for path in build_exercises.SOURCES.glob("*.py")}
    assert stems == {source(module).stem for module in MODULES}
    assert stems <= {path.stem for path in build.sources()}
    for folder in VERSIONS:
        assert {path.stem for path in folder.glob("*.ipynb")} == stems


@each_version
@each_sheet
def test_the_notebook_is_made_from_its_source(module, folder):
    """Cell by cell: kind, text and header. If this fails: python run.py build."""
    notebooks = stored(folder, module), VERSIONS[folder](build.read(source(module)))
    both = [[(cell.cell_type, cell.source, dict(cell.metadata)) for cell in one.cells] for one in notebooks]
    assert both[0] == both[1]


@each_version
@each_sheet
def test_it_runs_to_its_end_and_every_check_says_what_it_should(module, folder):
    """The student's: no error, "not written yet" four times. The instructor's: yes, and all points, four times."""
    notebook = stored(folder, module)
    assert build_exercises.problems(notebook, folder) == []
    assert sorted(build_exercises.said(notebook)) == [1, 2, 3, 4]


def test_a_check_that_says_something_else_is_a_problem():
    notebook = stored(INSTRUCTOR, MODULES[0])
    assert build_exercises.problems(notebook, STUDENT)
    (cell,) = [cell for cell in notebook.cells if cell.metadata.get("check") == 2]
    cell.outputs[-1].data["text/plain"] = "1.5"
    assert any("task 2" in problem for problem in build_exercises.problems(notebook, INSTRUCTOR))


@each_sheet
def test_the_student_sees_no_solution_no_hidden_test_and_no_rubric(module):
    notebook = stored(STUDENT, module)
    seen = "\n".join(cell.source for cell in notebook.cells)
    assert not re.search("SOLUTION|HIDDEN|grade\\(|Rubric|Why it works", seen)
    assert seen.count("raise NotImplementedError()") >= 4
    for cell in cells(module, "answer"):
        regions = re.findall(r"### BEGIN SOLUTION\n(.*?)\n *### END", cell.source, re.DOTALL) or [cell.source]
        assert not any(region in seen for region in regions)
    for cell in cells(module, "why", "rubric"):
        assert cell.source not in seen


@each_sheet
def test_who_asks_for_a_solution_gets_code_and_reason_without_marks(module):
    for task in tasks(module):
        text = solution(task.exercise, task.number)
        assert "**Why it works.**" in text and "SOLUTION" not in text


@each_sheet
def test_every_task_states_its_goal_minutes_difficulty_points_and_has_a_rubric_and_a_reason(module):
    text = "\n".join(cell.source for cell in build.read(source(module)).cells)
    marks = r"difficulty ([●○]{3}) · \*\*Minutes:\*\* (\d+) · \*\*Points:\*\* (\d)(.*)"
    headers = re.findall(rf"## Task (\d) · .*\n\n\*\*(.+?)\*\* · {marks}\n\n\*\*Goal:\*\* ", text)
    assert [(int(number), kind) for number, kind, *_ in headers] == list(enumerate(KINDS, 1))
    assert sum(int(minutes) for *_, minutes, _, _ in headers) == build.minutes(build.read(source(module)))
    assert [int(points) for *_, points, _ in headers] == [cell.metadata["points"] for cell in cells(module, "check")]
    assert headers[3][-1] == ", and 2 for the reason" and cells(module, "answer")[-1].metadata["points"] == 2
    for key, start in (("why", "**Why it works.**"), ("rubric", "**Rubric.**")):
        assert [cell.metadata[key] for cell in cells(module, key)] == [1, 2, 3, 4]
        assert all(cell.source.startswith(start) for cell in cells(module, key))


@each_sheet
def test_each_check_is_called_for_its_own_task_with_the_seed_of_the_class(module):
    """And in the hidden tests on other cases, except where the numbers of the class are the task."""
    for cell, task in zip(cells(module, "check"), tasks(module), strict=True):
        assert (task.number, task.exercise) == (cell.metadata["check"], source(module).stem[:2])
        visible, hidden = re.findall(rf"^{task.name}(\.grade)?\(\w+, seed=(SEED[+ 0-9]*)", cell.source, re.MULTILINE)
        assert visible == ("", "SEED") and hidden == (".grade", "SEED" if task.measure else "SEED + 1000")


@each_sheet
def test_the_seed_changes_the_given_numbers(module):
    assert len({repr(module.given(seed)) for seed in range(2020, 2030)}) > 5


def test_the_command_refuses_a_source_whose_solution_is_wrong(tmp_path, monkeypatch, capsys):
    text = source(MODULES[2]).read_text("utf-8").replace("p, q = divmod(k, rate)", "q, p = divmod(k, rate)")
    (tmp_path / "03_probe.py").write_text(text, encoding="utf-8")
    monkeypatch.setattr(build_exercises, "SOURCES", tmp_path)
    monkeypatch.setattr(build_exercises, "VERSIONS", {INSTRUCTOR: build_exercises.instructor})
    assert build_exercises.main(["3"]) == 1
    assert "task 1: the check says" in capsys.readouterr().out
    assert not (INSTRUCTOR / "03_probe.ipynb").exists()
    assert build_exercises.main(["7"]) == 0  # no exercises yet: nothing to do
