"""A class from the first day to the grades, by the commands that a teacher types."""

import argparse
import csv
import json
import shutil

import pytest

from jpu_edu import cli
from jpu_edu.school import bench, command

grading = pytest.mark.skipif(command.missing(), reason="nbgrader is missing: pip install -e .[grading]")
#: Of the benchmark's class; every way of getting lost is among them.
SOME = ["perfect", "crash", "gigabyte", "deletes-tests", "renamed-cells", "corrupt", "last-year"]


def test_without_nbgrader_one_line_says_how_to_get_it(monkeypatch, capsys):
    monkeypatch.setattr(command, "missing", lambda: True)
    for asked in (["class", "release", "course"], ["bench", "class"]):
        assert cli.main(asked) == 2
        error = capsys.readouterr().err
        assert "pip install -e .[grading]" in error and error.count("\n") == 1


@pytest.mark.parametrize(
    "asked", ["mark c 03 a=1 b=2 --task 3", "mark c 03 --task 3 a=1 b=2", "mark --task 3 c 03 a=1 b=2"]
)
def test_an_option_may_stand_anywhere(asked):
    command.add_arguments(parser := argparse.ArgumentParser())
    found = parser.parse_args(asked.split())
    assert (found.folder, found.numbers, found.points, found.task) == ("c", ["03"], ["a=1", "b=2"], 3)
    assert parser.parse_args(["grade", "c", "--again", "03"]).numbers == ["03"]
    assert parser.parse_args(["grade", "c"]).numbers == parser.parse_args(["mark", "c", "3"]).points == []


@pytest.mark.parametrize(
    ("asked", "words"), [("mark", "folder, NN"), ("mark c 3 --task 5", "choose from 1"), ("new", "folder")]
)
def test_what_is_missing_is_named(asked, words, capsys):
    command.add_arguments(parser := argparse.ArgumentParser())
    with pytest.raises(SystemExit):
        parser.parse_args(asked.split())
    assert words in capsys.readouterr().err


@grading
@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (["new", "COURSE", "--seed", "1", "--weeks", "99"], "--weeks 99; there are"),
        (["new", "COURSE", "--seed", "0", "--weeks", "1"], "--seed 0; choose 1 or more"),
        (["new", "FULL", "--seed", "1", "--weeks", "1"], "has something in it"),
        (["release", "FULL"], "is no course; make one: class new"),
        (["release", "MADE", "09"], "no exercise 09 in this course; it has 01"),
        (["collect", "MADE", "nowhere"], "nowhere is no folder"),
        (["collect", "MADE", "FULL"], "exercise 01 is not released; first: class release"),
        (["mark", "MADE", "01"], "nothing is graded in 01_convolution"),
        (["feedback", "MADE"], "nothing is graded yet"),
        (["export", "MADE"], "nothing was collected yet"),
    ],
)
def test_what_cannot_be_done_is_answered_in_one_line(asked, words, tmp_path, capsys):
    (tmp_path / "FULL").mkdir()
    (tmp_path / "FULL" / "anna_01.ipynb").write_text("")
    if "MADE" in asked:
        assert cli.main(["class", "new", str(tmp_path / "MADE"), "--seed", "5", "--weeks", "1"]) == 0
        capsys.readouterr()
    places = [str(tmp_path / one) if one.isupper() else one for one in asked]
    assert cli.main(["class", *places]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == [], "half a course was left"


@grading
@pytest.mark.slow
def test_everybody_gets_a_grade_and_the_report_says_why(tmp_path, capsys):
    """The benchmark, on some of its class: it holds points and words against what they must be."""
    with command.prepared():
        rows = bench.run(tmp_path, "03", seed=2028, only=SOME)
    assert {row["student"]: row["wrong"] for row in rows} == {name: [] for name in SOME}
    assert {row["student"] for row in rows if row["points"] == 18} == {"perfect", "renamed-cells"}
    lines = list(csv.DictReader((tmp_path / "grades.csv").read_text().splitlines()))
    assert {line["student_id"]: float(line["score"]) for line in lines} == {
        row["student"]: row["points"] or 0.0 for row in rows
    }
    course = str(tmp_path / "course")
    capsys.readouterr()
    assert cli.main(["class", "mark", course, "3", "perfect=1.5"]) == 0
    said = capsys.readouterr().out
    assert "---- crash\n" in said and "---- perfect\n" not in said, "who has points does not wait"
    for wrong, words in (
        ("perfect=3", "choose 0 to 2"),
        ("zoe=1", "nothing of zoe is graded"),
        ("zoe", "STUDENT=POINTS"),
    ):
        assert cli.main(["class", "mark", course, "3", "crash=1", wrong]) == 2
        assert words in capsys.readouterr().err
    assert cli.main(["class", "export", course, "--to", str(tmp_path / "grades.csv")]) == 0
    lines = list(csv.DictReader((tmp_path / "grades.csv").read_text().splitlines()))
    scores = {line["student_id"]: float(line["score"]) for line in lines}
    assert scores["perfect"] == 19.5 and scores["crash"] == 14, "a refused call gave points"
    assert cli.main(["class", "feedback", course, "3"]) == 0
    pages = list((tmp_path / "course" / "feedback").glob("*/*/*.html"))
    assert (
        len(pages) == len(SOME) - 1
        and "Yes." in pages[0].parents[2].joinpath("perfect", pages[0].parent.name, pages[0].name).read_text()
    )
    assert all("cdnjs" not in page.read_text() and "Why it works" in page.read_text() for page in pages)
    # Nothing is new: nothing is graded, and the report is the same.
    assert cli.main(["class", "grade", course, "3"]) == 1  # one file cannot be read
    said = capsys.readouterr().out
    assert "0 graded now" in said and "NOT GRADED, corrupt_03.ipynb" in said
    # A grading that was cut off left the notebook as nbgrader begins with it.
    record = json.loads((tmp_path / "course" / "class.json").read_text())
    record["collected"]["03_split_conv_merge"]["perfect"]["graded"] = False
    (tmp_path / "course" / "class.json").write_text(json.dumps(record))
    shutil.rmtree(tmp_path / "course" / "autograded" / "perfect")
    cli.main(["class", "grade", course, "3"])
    assert "1 graded now" in capsys.readouterr().out
    report = {row["student"]: row for row in json.loads((tmp_path / "course" / "report.json").read_text())}
    assert report["perfect"]["points"] == 18 and report["deletes-tests"]["points"] == 0


@grading
@pytest.mark.slow
def test_points_by_hand_stay_until_the_answer_changes(tmp_path, capsys):
    """Of words and of code: a grading once more lets nobody wait whose answer is the same, and everybody else."""
    with command.prepared():
        bench.run(tmp_path, "03", seed=2028, only=["mutant-1-1"])
    course, week, name = tmp_path / "course", "03_split_conv_merge", "mutant-1-1"

    def said(step: str, *more: str) -> str:
        capsys.readouterr()
        assert cli.main(["class", step, str(course), *more]) == 0
        return capsys.readouterr().out

    def report() -> dict:
        return {row["week"]: row for row in json.loads((course / "report.json").read_text())}

    def scores() -> list[float]:
        said("export", "--to", str(tmp_path / "grades.csv"))
        return [float(line["score"]) for line in csv.DictReader((tmp_path / "grades.csv").read_text().splitlines())]

    assert said("grade", "3").endswith(f"Next: class mark {course} 03\n")
    machine = report()[week]["points"]
    assert machine < 18 and report()[week]["by_hand"] == 2
    assert f"---- {name}, {machine - 14:g} of 4\nmerge = " in said("mark", "3", "--task", "1")
    assert said("mark", "3", "--task", "2") == f"{week}: nobody has less than all points.\n"
    assert cli.main(["class", "mark", str(course), "3", f"{name}=5", "--task", "1"]) == 2
    assert "choose 0 to 4" in capsys.readouterr().err
    for step in (["export", "--to", str(tmp_path / "grades.csv")], ["feedback", "3"]):
        assert said(*step).endswith(f"{week}: 1 not marked yet: class mark {course} 03\n")
    given = said("mark", "3", f"{name}=2.5", "--task", "1")
    assert f"---- {name}, 2.5 of 4, by hand; the machine gave {machine - 14:g}\n" in given
    assert said("mark", "3", f"{name}=1.5") == f"{week}: no answer waits for points.\n"
    assert scores() == [18.0]

    assert "1 graded now" in (once_more := said("grade", "3", "--again"))
    assert f"{name:<20} 16.5 of 18, words 1.5 of 2 " in once_more
    assert f"check-1: 2.5 by hand, {machine - 14:g} by machine" in once_more and "to mark" not in once_more
    assert once_more.endswith(f"Next: class feedback {course}\n")
    assert report()[week]["points"] == 16.5 and report()[week]["by_hand"] == 0
    assert "no answer waits" in said("mark", "3") and scores() == [18.0]
    assert "not marked" not in said("feedback")

    (path,) = (tmp_path / "files").iterdir()  # the same code, another text
    sheet = json.loads(path.read_text())
    for cell in sheet["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == "task-5":
            cell["source"] = "Something else."
    path.write_text(json.dumps(sheet))
    said("collect", str(tmp_path / "files"))
    assert f"{name:<20} 16.5 of 18, words 1.5 of 2, 2 to mark " in said("grade", "3")
    said("grade", "3", "--again")  # it goes on waiting until somebody has looked
    waiting = f"---- {name}, the answer has changed since you gave 1.5\nSomething else.\n"
    assert said("mark", "3").endswith(waiting) and scores() == [18.0]
    assert said("mark", "3", f"{name}=-").endswith(f"---- {name}\nSomething else.\n") and scores() == [16.5]
    said("mark", "3", f"{name}=-", "--task", "1")
    assert scores() == [machine]

    # Another sheet, which nobody handed in, takes nothing out of the report; a report that was cut off is made anew.
    before = report()
    said("release", "1")
    assert said("grade", "1").startswith("0 submissions, 0 graded now")
    assert report() == before and week in before
    (course / "report.json").write_text("[{")
    said("grade")
    assert report()[week]["points"] == machine


@grading
def test_the_benchmark_notices_a_lost_point_and_a_silent_report():
    from jpu_edu.school.grade import Row

    row = Row("03", "anna", 7.0, 8.0, 0.0, 1.0, ("check-1: wrong",), {"check-1": 3.0, "check-2": 4.0})
    full = {"check-1": 4.0, "check-2": 4.0}
    assert bench.unlike(row, bench.Submission("anna", "", {"check-1": 3.0}, "wrong"), full) == []
    assert bench.unlike(row, bench.Submission("anna", "", {}), full) == ["check-1 gave 3.0, wanted 4 to 4"]
    assert bench.unlike(row, bench.Submission("anna", "", {"check-1": 2.0}), full) == [
        "check-1 gave 3.0, wanted 0 to 2"
    ]
    silent = bench.unlike(row, bench.Submission("anna", "", {"check-1": 3.0}, "endless"), full)
    assert silent == ["the report does not say 'endless'"]
