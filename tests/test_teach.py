"""The teacher's desk tells the truth: its minutes, points, numbers, links and commands are those of the course."""

import argparse
import csv
import functools
import json
import os
import re
import shlex
import tomllib
from copy import deepcopy
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import get_args

import nbformat
import pytest
from myst_parser.mdit_to_docutils.base import default_slugify
from skimage import data

from jpu_edu import cli
from jpu_edu.data.photos import Photo
from jpu_edu.exercises import e03_split_conv_merge, e13_the_bill
from jpu_edu.school import command, sheets
from notebooks import build

ROOT = Path(__file__).resolve().parent.parent
DESK = ROOT / "notebooks" / "site" / "pages" / "teach"
PAGES = {path.stem: path.read_text("utf-8") for path in sorted(DESK.glob("*.md"))}
WALKTHROUGHS = {path.name[:2]: path for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))}
SHEETS = {path.name[:2]: path for path in sorted((ROOT / "notebooks" / "exercises").glob("[0-9][0-9]_*.ipynb"))}
TASK = re.compile(r"\*\*Minutes:\*\* (\d+) · \*\*Points:\*\* (\d+)(?:, and (\d+) for the reason)?")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|href=\"([^\"]+)\"")
#: What a path takes of a walkthrough that it does not take whole.
PARTS = {("one_hour", "13"), ("one_day", "07"), ("one_day", "11")}

each_page = pytest.mark.parametrize("page", PAGES)


# ---- what the course says ----------------------------------------------------------------------------------


@functools.cache
def words(path: Path) -> str:
    """The Markdown of a notebook."""
    return "\n\n".join(cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "markdown")


@functools.cache
def outputs(path: Path) -> str:
    """What the cells of a notebook print, apart from those that differ from machine to machine."""
    cells = [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    strict = [cell for cell in cells if "nbval-ignore-output" not in cell.metadata.get("tags", [])]
    found = [output for cell in strict for output in cell.outputs]
    return "\n".join(output.get("text") or output.get("data", {}).get("text/plain", "") for output in found)


def time(path: Path) -> int:
    return int(build.TIME.search(words(path))[1])


def tasks(number: str) -> list[tuple[int, int, int]]:
    """Minutes, points by machine and points in words of each task of a sheet."""
    return [tuple(int(part or 0) for part in found) for found in TASK.findall(words(SHEETS[number]))]


def points(number: str) -> int:
    return sum(code + reason for _, code, reason in tasks(number))


def slugs(text: str) -> set[str]:
    return {default_slugify(re.sub(r"[`$]", "", title)) for title in re.findall(r"^#{1,3} (.+)$", text, re.MULTILINE)}


# ---- what the pages say ------------------------------------------------------------------------------------


def tables(page: str) -> list[tuple[list[dict[str, str]], str]]:
    """The tables of a page, a dictionary a row, each with the text that follows it."""
    found = []
    for table in re.finditer(r"(?:^ *\|.*\|\n)+", PAGES[page], re.MULTILINE):
        head, _, *rows = (
            [cell.strip() for cell in line.strip().strip("|").split("|")] for line in table[0].splitlines()
        )
        found.append(([dict(zip(head, row, strict=True)) for row in rows], PAGES[page][table.end() :].lstrip()))
    return found


def those_with(page: str, *columns: str) -> list[dict[str, str]]:
    return [row for rows, _ in tables(page) if set(columns) <= set(rows[0]) for row in rows]


def number(cell: str) -> str:
    """The number of the notebook that a cell links to."""
    return re.search(r"\[(\d\d)\]", cell)[1]


def sessions(page: str) -> dict[str, int]:
    """Minutes by walkthrough."""
    found: dict[str, int] = {}
    for row in those_with(page, "walkthrough", "minutes"):
        if row["walkthrough"]:
            found[number(row["walkthrough"])] = found.get(number(row["walkthrough"]), 0) + int(row["minutes"])
    return found


@pytest.mark.parametrize("path", ["one_hour", "one_day", "six_weeks"])
def test_a_walkthrough_has_the_minutes_that_it_states(path):
    for one, minutes in sessions(path).items():
        stated = time(WALKTHROUGHS[one])
        assert minutes < stated if (path, one) in PARTS else minutes == stated, f"{one}: {minutes}, it states {stated}"


def test_the_paths_are_those_of_00():
    row = dict(
        re.findall(r"^\| \*\*(one hour|one day|six weeks)\*\* \| (.+?) \|", words(WALKTHROUGHS["00"]), re.MULTILINE)
    )
    assert set(sessions("one_hour")) == set(re.findall(r"\d\d", row["one hour"]))
    assert set(sessions("one_day")) == set(re.findall(r"\d\d", row["one day"]))
    parts = {cell["sections"] for cell in those_with("one_hour", "from") if number(cell["walkthrough"]) == "13"}
    assert {digit for part in parts for digit in re.findall(r"\d", part)} == {"1", "2"}, "the first two sections of 13"
    assert [cell["sections"] for cell in those_with("one_day", "from") if "[07]" in cell["walkthrough"]] == ["8"]
    weeks: dict[str, list[str]] = {}
    for cell in those_with("six_weeks", "week", "walkthrough"):
        weeks.setdefault(cell["week"], []).append(number(cell["walkthrough"]))
    groups = [re.findall(r"\d\d", group) for group in row["six weeks"].split("·")]
    assert [[week[0], week[-1]] for week in weeks.values()] == [[group[0], group[-1]] for group in groups]
    assert [one for week in weeks.values() for one in week] == list(WALKTHROUGHS), "each walkthrough once, in order"


@pytest.mark.parametrize("path", ["one_hour", "one_day"])
def test_the_clock_agrees_with_the_minutes(path):
    rows = those_with(path, "from")
    starts = [60 * int(hour) + int(minute) for hour, minute in (row["from"].split(":") for row in rows)]
    assert [b - a for a, b in pairwise(starts)] == [int(row["minutes"]) for row in rows][:-1]


@each_page
def test_sums_add_up(page):
    checked = 0
    for rows, after in tables(page):
        if not (sums := re.match(r"\*\*Sum:\*\* (.+?)\.(?:\s|$)", after, re.DOTALL)):
            assert "minutes" not in rows[0] or "path" in rows[0], f"{page}: a table of minutes without a sum"
            continue
        checked += 1
        for column, unit in (("minutes", "minutes"), ("together", "minutes"), ("points", "points")):
            if column in rows[0]:
                total = sum(int(row[column]) for row in rows)
                assert f"{total} {unit}" in sums[1], f"{page}: {total} {unit}, it says {sums[1]}"
        if "sheet" in rows[0]:
            reasons = sum(task[2] for one in {number(row["sheet"]) for row in rows} for task in tasks(one))
            assert re.search(rf"\b{reasons} (?:of them for|in words)", sums[1]), f"{page}: {reasons} for reasons"
    assert checked == PAGES[page].count("**Sum:**"), f"{page}: a sum below no table"


def test_the_desk_and_the_weeks_repeat_the_sums():
    told = {re.search(r"\((\w+)\.md\)", row["path"])[1]: int(row["minutes"]) for row in those_with("index", "path")}
    assert told == {path: sum(sessions(path).values()) for path in ("one_hour", "one_day", "six_weeks")}
    assert f"{told['one_day']} of them in walkthroughs" in PAGES["one_day"]
    for row in those_with("six_weeks", "week", "together"):
        this = [cell for cell in those_with("six_weeks", "week", "minutes") if cell["week"] == row["week"]]
        walked = sum(int(cell["minutes"]) for cell in this if "walkthrough" in cell)
        solved = sum(int(cell["minutes"]) for cell in this if "sheet" in cell)
        earned = sum(int(cell["points"]) for cell in this if "sheet" in cell)
        assert [int(row[key]) for key in ("walkthrough minutes", "sheet minutes", "together", "points")] == [
            walked, solved, walked + solved, earned
        ]  # fmt: skip


@pytest.mark.parametrize("page", ["one_hour", "one_day", "six_weeks", "rubric"])
def test_sheets_and_tasks_have_the_minutes_and_points_that_they_state(page):
    rows = those_with(page, "sheet", "points")
    assert rows
    for row in rows:
        one = number(row["sheet"])
        if "task" in row:
            minutes, code, reason = tasks(one)[int(row["task"]) - 1]
            assert (int(row["minutes"]), int(row["points"])) == (minutes, code + reason)
            continue
        assert int(row["points"]) == points(one), one
        if "minutes" in row:
            assert int(row["minutes"]) == time(SHEETS[one]) == sum(task[0] for task in tasks(one)), one
        if "by machine" in row:
            assert [int(row[f"task {k}"]) for k in (1, 2, 3, 4)] == [code + reason for _, code, reason in tasks(one)]
            assert [int(row[name]) for name in ("by machine", "in words")] == [
                sum(task[k] for task in tasks(one)) for k in (1, 2)
            ]


def test_the_totals_of_the_rubric_are_those_of_all_sheets():
    every = [task for one in SHEETS for task in tasks(one)]
    code, reason = (sum(task[k] for task in every) for k in (1, 2))
    assert f"**Sum:** {code + reason} points, {code} by machine, {reason} in words." in PAGES["rubric"]
    assert {number(row["sheet"]) for row in those_with("rubric", "sheet")} == set(SHEETS)
    rows = those_with("rubric", "criterion")
    assert f"**Sum:** {sum(int(row['points']) for row in rows)} points." in PAGES["rubric"]


@each_page
def test_predictions_and_sections_that_are_named_exist(page):
    for name in set(re.findall(r"`((\d\d)-[a-z0-9-]+)`", PAGES[page])):
        code = "\n".join(cell.source for cell in nbformat.read(WALKTHROUGHS[name[1]], 4).cells)
        assert f'name="{name[0]}"' in code, f"{page}: {name[0]} is no prediction"
    named = re.findall(r"sections? ([\d, and]+?) of (?:\[)?(\d\d)\b", " ".join(PAGES[page].split()))
    named += [
        (row["sections"], number(row["walkthrough"])) for row in those_with(page, "sections") if row["walkthrough"]
    ]
    for listed, one in named:
        there = set(re.findall(r"^## (\d+)\.", words(WALKTHROUGHS[one]), re.MULTILINE))
        missing = set(re.findall(r"\d+", listed)) - there
        assert not missing, f"{page}: {one} has no section {', '.join(sorted(missing))}"


def predictions(path: Path) -> dict[str, tuple[str, str, str]]:
    """Section, question and answer of each prediction of a walkthrough, by name."""
    found, asked, section = {}, {}, ""
    for cell in nbformat.read(path, 4).cells:
        if cell.cell_type == "markdown":
            section = next(iter(re.findall(r"^## (\d+)\.", cell.source, re.MULTILINE)[-1:]), section)
            continue
        text = "\n".join(one.get("text") or one.get("data", {}).get("text/plain", "") for one in cell.outputs)
        if made := re.search(r"(\w+) = Prediction\(", cell.source):
            name = re.search(r'name="([^"]+)"', cell.source)[1]
            asked[made[1]] = name, section, re.search(r"^Predict: (.*)$", text, re.MULTILINE)[1]
        if revealed := re.search(r"^(\w+)\.reveal\(", cell.source, re.MULTILINE):
            name, *about = asked[revealed[1]]
            found[name] = (*about, re.search(r"^The answer is (.*)\.$", text, re.MULTILINE)[1])
    return found


@pytest.mark.parametrize("one", WALKTHROUGHS)
def test_every_prediction_is_listed_with_its_question_and_answer(one):
    wanted = predictions(WALKTHROUGHS[one])
    rows = {row["name"].strip("`"): row for row in those_with("predictions", "name")}
    told = {
        name: tuple(re.sub(r"\\([\W_])", r"\1", row[column]) for column in ("section", "question", "answer"))
        for name, row in rows.items()
        if name.startswith(f"{one}-")
    }
    assert told == wanted


# ---- numbers -----------------------------------------------------------------------------------------------

MISCONCEPTIONS = re.split(r"^## ", PAGES["misconceptions"], flags=re.MULTILINE)[1:]


def test_there_are_fifteen():
    assert [int(re.search(r"\*\*(\d+)\. The student says:\*\*", one)[1]) for one in MISCONCEPTIONS] == list(
        range(1, 16)
    )


@pytest.mark.parametrize("section", MISCONCEPTIONS, ids=lambda section: section.splitlines()[0])
def test_every_quoted_number_is_in_the_walkthrough_that_is_named(section):
    named = set(re.findall(r"\.\./notebooks/(\d\d)_", section.partition("**The number,**")[2]))
    said = {one: re.sub(r" +", " ", outputs(WALKTHROUGHS[one])) for one in named}  # columns may be narrower
    block = re.search(r"```text\n(.*?)```", section, re.DOTALL)[1]
    quoted = [" ".join(line.split()) for line in block.splitlines()]
    for line in quoted:
        assert any(line in text for text in said.values()), f"not in the outputs of {', '.join(sorted(named))}: {line}"
    for one, text in said.items():
        assert any(line in text for line in quoted), f"{one} is named and nothing of it is quoted"
    asked, _, told = section.partition("**Ask:**")[2].partition(f"```text\n{block}```")
    for prose, sources in ((asked, said.values()), (told, [" ".join(quoted)])):
        plain = re.sub(r"\[[^\]]*\]\([^)]*\)|`[^`]*`|\$[^$]*\$", "", prose)
        for figure in re.findall(r"\d+(?:[.,]\d+)*", plain):
            whole = re.compile(rf"(?<![\d.]){re.escape(figure)}(?![\d]|[.,]\d)")
            assert any(whole.search(text) for text in sources), f"{figure} is not in the evidence"


# ---- links -------------------------------------------------------------------------------------------------


@each_page
def test_every_link_leads_somewhere(page):
    targets = [a or b for a, b in LINK.findall(PAGES[page])]
    for target in targets:
        name, _, anchor = target.partition("#")
        if target.startswith("https://"):
            continue
        if deck := re.fullmatch(r"\.\./slides/(\w+)\.html", name):
            assert deck[1] in {path.stem for path in WALKTHROUGHS.values()}, target
            continue
        if name in ("../glossary.md", "../figures.md"):
            continue  # made when the site is built
        folder = {"../notebooks": ROOT / "notebooks", "../exercises": ROOT / "notebooks" / "exercises"}
        file = folder.get(str(Path(name).parent), DESK) / Path(name).name
        assert file.is_file(), f"{page}: {target}"
        if anchor:
            text = words(file) if file.suffix == ".ipynb" else file.read_text("utf-8")
            assert anchor in slugs(text), f"{page}: {target}; there are {', '.join(sorted(slugs(text)))}"


def test_every_page_is_in_the_contents_of_the_desk():
    listed = re.search(r"```\{toctree\}\n:hidden:\n\n(.*?)```", PAGES["index"], re.DOTALL)[1].split()
    assert sorted([*listed, "index"]) == sorted(PAGES)
    assert {f"{page}.md" for page in listed} <= set(re.findall(r"\((\w+\.md)\)", PAGES["index"]))


# ---- commands ----------------------------------------------------------------------------------------------


@each_page
def test_every_command_is_known(page, monkeypatch):
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    monkeypatch.setattr(argparse.ArgumentParser, "error", lambda self, said: pytest.fail(f"{line}: {said}"))
    for line in re.findall(r"python -m jpu_edu class ([^`]+?)(?:`|\n[^ ])", PAGES[page]):
        parser.parse_args(shlex.split(line))
    for step in set(re.findall(r"`class (\w+)", PAGES[page])):
        assert step in parser.format_help(), f"{page}: class {step}"


def handed_in(course: Path, folder: Path, *, again: bool) -> None:
    """What Anna, Bert and Cem hand in."""
    week = "03_split_conv_merge"
    released = nbformat.read(course / "release" / week / f"{week}.ipynb", 4)
    source = sheets.sheet(sheets.sources(["03"])[0], seed=2027)
    solved = {c.metadata.nbgrader.grade_id: c.source for c in source.cells if "nbgrader" in c.metadata}
    solved = {name: re.sub(r"\s*### (BEGIN|END) SOLUTION", "", text) for name, text in solved.items()}
    blank = {c.metadata.nbgrader.grade_id: c.source for c in released.cells if "nbgrader" in c.metadata}
    shuffle = "    merged = F.pixel_shuffle(torch.stack(phases), rate)[0]\n    return merged"
    reasons = re.search(r"---- anna\n(.*)\n---- bert\n(.*)\n---- cem\n(.*)\n```", PAGES["assignments"])
    theirs = {
        "anna_03": {},
        "bert_03": {"task-1": solved["task-1"].partition("    for k, phase")[0] + shuffle},
        "cem/03_split_conv_merge": {"task-3": blank["task-3"]},
    }
    for (name, changed), reason in zip(theirs.items(), reasons.groups(), strict=True):
        notebook, path = deepcopy(released), folder / f"{name}.ipynb"
        for cell in notebook.cells:
            key = cell.metadata.get("nbgrader", {}).get("grade_id", "")
            if key.startswith("task-"):
                cell.source = {**solved, "task-5": reason, **changed}[key]
        path.parent.mkdir(parents=True, exist_ok=True)
        text = nbformat.writes(notebook)
        path.write_text(text[:9000] if name.startswith("cem") and not again else text, encoding="utf-8")
        came = datetime(2027, 3, 2, 8, 15) if again and name.startswith("cem") else datetime(2027, 3, 1, 20, 0)
        os.utime(path, (came.timestamp(), came.timestamp()))


def filled(path: Path) -> None:
    """The file of marks as the page's table has it."""
    told = {row["student"]: row for row in those_with("assignments", "student", "comment")}
    text = path.read_text("utf-8-sig")
    rows = list(csv.DictReader(text.splitlines(keepends=True), delimiter=text.removeprefix("student")[0]))
    assert [row["student"] for row in rows] == ["(rubric)", *told]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(row | told.get(row["student"], {}) for row in rows)


@pytest.mark.skipif(command.missing(), reason="nbgrader is missing: pip install -e .[grading]")
def test_the_commands_print_what_the_page_shows(tmp_path, monkeypatch, capsys):
    """One class from the first day to the grades. Seconds and the folder are left out of the comparison."""
    monkeypatch.chdir(tmp_path)
    seconds = re.compile(r"\b\d+ s\.")
    shown = "".join(re.findall(r"```console\n(.*?)```", PAGES["assignments"], re.DOTALL))
    collected = 0
    for line, wanted in re.findall(r"^\$ python -m jpu_edu (.+)\n((?:[^$].*\n)*)", shown, re.MULTILINE):
        if " collect " in line:
            handed_in(tmp_path / "course", tmp_path / "handed_in", again=collected > 0)
            collected += 1
        if " --from " in line:
            filled(tmp_path / "marks.csv")
        cli.main(shlex.split(line))
        printed = "".join(capsys.readouterr()).replace(str(tmp_path), "...").strip()
        assert seconds.sub("S", printed) == seconds.sub("S", wanted.strip()), line
    with (tmp_path / "grades.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    wanted = those_with("assignments", "student_id")
    assert [{name: row[name] for name in wanted[0]} for row in rows] == wanted
    assert {row["student"] for row in json.loads((tmp_path / "course" / "report.json").read_text("utf-8"))} == {
        "anna", "bert", "cem"
    }  # fmt: skip
    there = str(tmp_path / "course" / "feedback" / "bert" / "03_split_conv_merge" / "03_split_conv_merge.html")
    page = Path(there).read_text("utf-8")
    assert "HIDDEN TESTS" in page and page.count("Why it works") == 4, "as the page says of the feedback"
    (comment,) = (row["comment"] for row in those_with("assignments", "comment") if row["student"] == "bert")
    assert comment in page, "the comment of the table"


def test_the_seeds_give_what_the_page_says():
    rows = those_with("assignments", "seed")
    assert [row["seed"] for row in rows] == ["0", "2027", "2028"]
    for row in rows:
        assert str(e03_split_conv_merge.given(int(row["seed"]))) == row["03"]
        assert str(e13_the_bill.given(int(row["seed"]))).endswith(f"Wanted: {row['13']}")


# ---- how to cite -------------------------------------------------------------------------------------------


def test_the_photographs_are_those_that_the_course_uses_with_the_words_of_their_documentation():
    rows = {
        row["`skimage.data`"].strip("`"): row["what its documentation says"] for row in those_with("cite", "photograph")
    }
    assert set(rows) == {*get_args(Photo), "stereo_motorcycle"}
    for name, said in rows.items():
        documented = " ".join(getattr(data, name).__doc__.split())
        for quoted in re.findall(r'"([^"]+)"', said):
            assert quoted in documented.replace("`", ""), f"{name}: {quoted}"


def test_the_version_to_cite_is_this_one():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert f"Version {version}." in PAGES["cite"]
