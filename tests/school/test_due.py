"""A deadline is kept with the exercise, says who came after it, and takes nothing off."""

import os
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

pytest.importorskip("nbgrader", reason="nbgrader is missing: pip install -e .[grading]")

import nbformat
from nbgrader.api import Gradebook

from jpu_edu import cli
from jpu_edu.school import collect, command, due, grade
from jpu_edu.school.course import Course, Refused
from tests.school.desk import WEEK, graded


@pytest.fixture
def berlin(monkeypatch):
    """One hour before UTC in winter."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    with command.prepared():
        return graded(tmp_path_factory.mktemp("made") / "course", {"anna": "So."}).folder


@pytest.fixture
def made(first, tmp_path):
    return Path(shutil.copytree(first, tmp_path / "course"))


@pytest.mark.parametrize(
    ("text", "end", "wanted"),
    [
        ("2027-03-01", True, (2027, 3, 1, 23)),
        ("2027-03-01", False, (2027, 2, 28, 23)),
        ("2027-03-01 18:30", True, (2027, 3, 1, 17, 30)),
        ("2027-03-01T18:00+00:00", True, (2027, 3, 1, 18)),
    ],
)
@pytest.mark.skipif(not hasattr(time, "tzset"), reason="Windows has one zone a process")
def test_a_date_is_of_this_machine_and_a_deadline_is_its_end(berlin, text, end, wanted):
    assert due.moment(text, "--due", end=end) == datetime(*wanted, tzinfo=UTC)


@pytest.mark.parametrize("text", ["1.3.2027", "2027-02-30", "tomorrow", "9999-12-31"])
def test_what_is_no_date_is_named(text):
    with pytest.raises(Refused, match=f"--due {text}; write a date such as 2027-03-01"):
        due.moment(text, "--due", end=True)


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="Windows has one zone a process")
def test_who_comes_after_the_deadline_is_named_and_keeps_all_points(made, berlin, capsys):
    """Anna came at 13:00 in Berlin. A release without --due keeps the deadline, with - it goes."""

    def graded_as(*release: str) -> str:
        assert cli.main(["class", "release", str(made), "01", *release]) == 0
        released = capsys.readouterr().out.strip()
        cli.main(["class", "grade", str(made), "01"])
        line = capsys.readouterr().out.splitlines()[0]
        assert "16 of 16, 2 to mark" in line, "a deadline took points off"
        return f"{released.partition('.ipynb')[2]} {line.partition('to mark')[2].strip()}".strip()

    assert graded_as() == "as it should be"
    late = "late: came 2027-03-01 13:00, due 2027-03-01 12:59"
    assert graded_as("--due", "2027-03-01 12:59") == f", due 2027-03-01 12:59 {late}"
    assert graded_as() == f", due 2027-03-01 12:59 {late}"
    assert graded_as("--due", "2027-02-28") == ", due 2027-02-28 late: came 2027-03-01 13:00, due 2027-02-28"
    assert graded_as("--due", "2027-03-01") == ", due 2027-03-01 as it should be"
    assert graded_as("--due", "2027-03-01 13:00") == ", due 2027-03-01 13:00 as it should be"
    assert graded_as("--due", "-") == "as it should be"
    assert cli.main(["class", "release", str(made), "--due", "1.3."]) == 2
    assert capsys.readouterr().err.startswith("class release: --due 1.3.; write a date")


def test_a_file_counts_from_the_date_that_is_given_or_its_own_and_never_later_than_before(made, tmp_path):
    def came(when: str | None, changed: str, words: str = "") -> str:
        notebook = Course(made).released(WEEK)
        notebook.cells[0].source += words
        (files := tmp_path / "files").mkdir(exist_ok=True)
        nbformat.write(notebook, path := files / "bert_01.ipynb")
        os.utime(path, (seconds := datetime.fromisoformat(f"{changed} 00:00Z").timestamp(), seconds))
        collect.collect(Course(made), files, when and datetime.fromisoformat(f"{when} 00:00Z"))
        return f"{due.came(made / 'submitted' / 'bert' / WEEK):%Y-%m-%d}"

    assert came(None, "2027-03-05") == "2027-03-05"
    assert came("2027-03-02", "2027-03-05") == "2027-03-02", "the archive had changed its time"
    assert came("2027-03-09", "2027-03-05") == "2027-03-02", "the same file, taken once more with a later one"
    assert came(None, "2027-03-01") == "2027-03-01"
    assert came("2027-03-09", "2027-03-05", "new") == "2027-03-09", "another file"


def test_the_date_of_a_file_that_is_graded_already_reaches_the_export(made, tmp_path):
    (made / "submitted" / "anna" / WEEK / "timestamp.txt").write_text("2027-02-01 08:00:00.0 UTC")
    with command.prepared():
        grade.grade(Course(made), [WEEK])
        with Gradebook(Course(made).gradebook) as book:
            assert book.find_submission(WEEK, "anna").timestamp == datetime(2027, 2, 1, 8)


@pytest.mark.parametrize("text", [None, "", "soon"])
def test_a_date_of_a_submission_that_says_nothing_is_none(tmp_path, text):
    if text is not None:
        (tmp_path / "timestamp.txt").write_text(text)
    assert due.came(tmp_path) is None
