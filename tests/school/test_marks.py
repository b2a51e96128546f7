"""Points and comments by a file: what a spreadsheet makes of it is taken, and what is wrong is named."""

import csv
import io
import locale
import shutil
from pathlib import Path

import pytest

pytest.importorskip("nbgrader", reason="nbgrader is missing: pip install -e .[grading]")

from nbgrader.api import Gradebook

from jpu_edu import cli
from jpu_edu.school import command, marks, marks_file, sheets
from jpu_edu.school.course import Course
from jpu_edu.school.marks import Mark
from tests.school.desk import WEEK, answer, graded

WORDS = {"bert": "=1+1", "cem": "Because.", "Änne K": 'The "window" stays,\nand moves.'}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    with command.prepared():
        return graded(tmp_path_factory.mktemp("made") / "course", WORDS).folder


@pytest.fixture
def course(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(locale, "localeconv", lambda: {"decimal_point": "."})
    shutil.copytree(made, tmp_path / "course")
    with command.prepared():
        yield Course(tmp_path / "course")


def given(course: Course) -> dict[str, tuple[float | None, str]]:
    return {one.student: (one.by_hand, one.comment) for one in marks.answers(course, WEEK)}


def told(capsys, *asked: str) -> tuple[int, str]:
    """Exit status and what is printed by `class mark course 01 ...`."""
    capsys.readouterr()
    status = cli.main(["class", "mark", "course", "01", *asked])
    return status, "".join(capsys.readouterr())


def lines(path: str, delimiter: str = ",") -> list[dict[str, str]]:
    text = Path(path).read_bytes().decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))


@pytest.mark.parametrize("comma", [False, True], ids=["1.5 and commas", "1,5 and semicolons"])
def test_the_file_comes_back_as_a_spreadsheet_saves_it(course, capsys, monkeypatch, comma):
    """Written for this machine's spreadsheet, filled in, saved with a BOM: every mark arrives, and stands there."""
    monkeypatch.setattr(locale, "localeconv", lambda: {"decimal_point": "," if comma else "."})
    assert told(capsys, "--to", "marks.csv")[0] == 0
    delimiter = ";" if comma else ","
    rows = lines("marks.csv", delimiter)
    assert [(row["student"], row["points"], row["of"]) for row in rows[1:]] == [(name, "", "2") for name in WORDS]
    assert rows[0]["student"] == "(rubric)" and rows[0]["answer"] == sheets.rubric(WEEK, 4)
    assert [row["answer"] for row in rows[1:]] == ["'=1+1", "Because.", WORDS["Änne K"]], "no formula of a stranger"
    rows[3] |= {"points": "1,5" if comma else "1.5", "comment": 'Say "why",\nnot where; and draw it.'}
    rows[1] |= {"points": "2", "comment": "'- both ideas"}
    with open("marks.csv", "w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, rows[0], delimiter=delimiter, quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows(rows)
    status, said = told(capsys, "--from", "marks.csv")
    assert status == 0 and said.startswith("marks.csv: points for 2, comments for 2.\n---- (rubric)\n")
    assert said.endswith("---- cem\nBecause.\n")
    wanted = {"Änne K": (1.5, 'Say "why",\nnot where; and draw it.'), "bert": (2.0, "- both ideas"), "cem": (None, "")}
    assert given(course) == wanted
    told(capsys, "--to", "again.csv")
    assert told(capsys, "--from", "again.csv")[0] == 0 and given(course) == wanted, "a file written now changes nothing"


def test_what_was_given_stays_where_a_place_is_empty_and_goes_with_a_minus(course):
    marks.mark(course, WEEK, {"bert": Mark(1.5, "Good."), "cem": Mark(1.0, "So so.")})
    file = course.folder / "marks.csv"
    for text, wanted in (
        ("student,points,comment\nbert,,Better.\ncem,2,\n", {"bert": (1.5, "Better."), "cem": (2.0, "So so.")}),
        ("Student\tPoints\r\ncem\t0.5\r\n", {"bert": (1.5, "Better."), "cem": (0.5, "So so.")}),
        ("student,points,comment\nbert,-,\ncem,,-\n", {"bert": (None, "Better."), "cem": (0.5, "")}),
    ):
        file.write_text(text, encoding="utf-8")
        marks.mark(course, WEEK, marks_file.read(file))
        assert {name: given(course)[name] for name in wanted} == wanted
    assert [one.student for one in marks.waiting(course, WEEK)] == ["bert", "Änne K"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("student,points cem,1 bert,3", ["bert=3; choose 0 to 2"]),
        ("student,points cem,1 bert,nan", ["bert=nan; choose 0 to 2"]),
        ("student,points cem,1 bert,two ,1", ["bert=two; write a number, such as 1.5", "1: keep one line a student"]),
        ("student,points cem,1 bret,1 zoe,1", ["bret is graded in", "did you mean bert?", "zoe is graded in"]),
        ("student,points cem,1 bert,1 bert,2", ["bert: keep one line a student"]),
        ("student,points cem,1,5", ["cem: more places than columns; put a text with commas in quotes"]),
        ("student,points,comment cem,1,so Änne,1,\udcc4", ["is not UTF-8; save it as 'CSV UTF-8'"]),
        ("name,points cem,1", ["begins with 'name,points'; name its columns student, points, comment"]),
        ("student,points,comment bert,,", ["no line has points or a comment"]),
        ("", ["begins with ''"]),
        (None, ["is no file; --to marks.csv writes one"]),
    ],
)
def test_a_wrong_file_changes_nothing_and_every_wrong_line_is_named(course, capsys, text, words):
    if text is not None:
        (course.folder.parent / "marks.csv").write_text(text.replace(" ", "\n"), "utf-8", "surrogateescape")
    status, said = told(capsys, "--from", "marks.csv")
    assert status == 2 and said.startswith("class mark: ") and all(one in said for one in words), said
    assert set(given(course).values()) == {(None, "")}


def test_an_answer_that_changed_after_the_file_was_written_waits(course, capsys):
    told(capsys, "--to", "marks.csv")
    answer(course, "bert", "Another one.")
    rows = (course.folder.parent / "marks.csv").read_text("utf-8-sig")
    for name in ("bert", "cem"):
        rows = rows.replace(f"{name},,", f"{name},2,")
    (course.folder.parent / "marks.csv").write_text(rows, "utf-8")
    status, said = told(capsys, "--from", "marks.csv")
    assert status == 1 and "points for 1, comments for 0.\nNOT TAKEN  bert: the answer has changed" in said
    assert "---- bert\nAnother one.\n" in said, "the new answer is shown at once"
    assert given(course)["bert"] == (None, "") and given(course)["cem"] == (2.0, "")


def test_a_file_that_is_there_is_not_written_over(course, capsys):
    (course.folder.parent / "marks.csv").write_text("mine")
    assert told(capsys, "--to", "marks.csv") == (
        2, "class mark: marks.csv is there already; take it in first (--from marks.csv), or name another file\n"
    )  # fmt: skip
    assert (course.folder.parent / "marks.csv").read_text() == "mine"
    assert "three ways" in told(capsys, "bert=1", "--from", "marks.csv")[1]


def test_the_code_of_a_task_has_marks_too_and_its_comment_stands_below_it(course, capsys):
    """In the gradebook beside the answer, where the page looks; the machine's points are named in the file."""
    with Gradebook(course.gradebook) as book:
        book.find_grade("check-3", WEEK, WEEK, "bert").auto_score = 0
        book.db.commit()
    assert told(capsys, "--task", "3", "--to", "code.csv")[0] == 0
    (row,) = (row for row in lines("code.csv") if row["student"] == "bert")
    assert row["note"] == f"0 of {row['of']}" and "NotImplementedError" in row["answer"]
    (course.folder.parent / "code.csv").write_text("student,points,comment\nbert,1.5,**Half** of it.\n")
    assert told(capsys, "--task", "3", "--from", "code.csv")[0] == 0
    (code,) = (one for one in marks.answers(course, WEEK, 3) if one.student == "bert")
    assert (code.score, code.comment) == (1.5, "**Half** of it.")
    assert cli.main(["class", "feedback", "course", "01"]) == 0
    page = (course.folder / "feedback" / "bert" / WEEK / f"{WEEK}.html").read_text("utf-8")
    assert page.count("<strong>Half</strong> of it.") == 1
    assert "<strong>Half" not in (course.folder / "feedback" / "cem" / WEEK / f"{WEEK}.html").read_text("utf-8")


def test_an_answer_that_no_spreadsheet_holds_is_cut_and_is_still_the_same_answer(course, capsys):
    answer(course, "cem", "long " * 10_000)
    told(capsys, "--to", "marks.csv")
    text = Path("marks.csv").read_bytes().decode("utf-8-sig")
    assert lines("marks.csv")[2]["answer"].endswith(" ... (cut here)") and len(text) < 32_767
    Path("marks.csv").write_text(text.replace("cem,,", "cem,1,"), "utf-8")
    assert "points for 1" in told(capsys, "--from", "marks.csv")[1] and given(course)["cem"] == (1.0, "")


def test_code_that_changed_waits_beside_the_words_and_keeps_its_own_points(course, capsys):
    with Gradebook(course.gradebook) as book:
        one = book.find_grade("check-3", WEEK, WEEK, "bert")
        one.manual_score, one.needs_manual_grade = 1.0, True
        book.db.commit()
    said = told(capsys)[1]
    assert "---- bert, task 3 has changed since you gave 1\n" in said and "---- bert\n=1+1\n" in said
    told(capsys, "--to", "marks.csv")
    assert [line["student"] for line in lines("marks.csv")] == ["(rubric)", *WORDS], "a file is about one answer"
    told(capsys, "bert=2")
    mine = {one.cell: one.by_hand for one in marks.answers(course, WEEK) if one.student == "bert"}
    assert mine == {"check-3": 1.0, "task-5": 2.0}


def test_the_rubric_stands_above_the_answers(course, capsys):
    for task, asked in ((4, ()), (3, ("--task", "3"))):
        if task == 3:
            marks.mark(course, WEEK, {"bert": Mark(0.0)}, 3)
        assert told(capsys, *asked)[1].startswith(f"---- (rubric)\n{sheets.rubric(WEEK, task)}\n---- ")


@pytest.mark.parametrize("source", sheets.sources(), ids=lambda path: path.stem)
def test_every_task_has_a_rubric_of_its_own(source):
    found = {sheets.rubric(source.stem, task) for task in (1, 2, 3, 4)}
    assert len(found) == 4 and not any("**Rubric" in text for text in found)
