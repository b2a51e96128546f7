"""`python -m jpu_edu class`: a course folder from the first day to the grades."""

import argparse
import contextlib
import importlib.util
import os
import sys
import sysconfig
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HELP = """\
One command for each step. nbgrader does the work; no server, no account, no network.

  python -m jpu_edu class new course --seed 2027 --weeks 6
                                          once: a folder for this year's class, and its own numbers
  python -m jpu_edu class release course  course/release/NN_*/NN_*.ipynb is what you hand out
                                          (students save it in notebooks/exercises, send back NAME_NN.ipynb);
                                          with a deadline: class release course 03 --due 2027-03-01

  python -m jpu_edu class collect course handed_in        \\
  python -m jpu_edu class grade course                     } three commands grade a class
  python -m jpu_edu class export course --to grades.csv   /

  python -m jpu_edu class feedback course course/feedback/NAME/NN_*/NN_*.html is what you give back

Files may be called anna_03.ipynb or lie in folders, anna/03_split_conv_merge.ipynb. Notebooks are programs:
grade them as a user whose files you could lose. `class grade` says what happened to each, and course/report.json
keeps it, for all exercises. The reason that task 4 asks for is in words:

  python -m jpu_edu class mark course 03 --to marks.csv     every answer, with a place for points and a comment
  python -m jpu_edu class mark course 03 --from marks.csv   takes them; the comments stand in the feedback

Without a file, `class mark course 03` prints the rubric and the answers that wait, and `class mark course 03 anna=2
bert=1.5` gives points. With `--task 3` all of this is about the code of task 3, and the points count in place of the
machine's. Repeat any step at any time: only what is new is graded, and what was given by hand stays. `class grade`
says who came after the deadline, and takes nothing off for it.
"""
MISSING = "class: nbgrader is missing; install it: pip install -e .[grading] -c constraints.txt"


class AnyOrder(argparse.ArgumentParser):
    """Takes `mark course 03 --task 1 anna=2` too; argparse alone ends the list of students at the option."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        self.parse_known_args = super().parse_known_args  # the next line calls it, twice
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            del self.parse_known_args


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = HELP
    steps = parser.add_subparsers(dest="step", required=True, metavar="step", parser_class=AnyOrder)
    one = steps.add_parser("new", help="make a course folder")
    one.add_argument("folder")
    one.add_argument("--seed", type=int, required=True, help="changes every size, rate, kernel and picture")
    one.add_argument("--weeks", type=int, required=True, help="how many exercises, from the first on, one a week")
    for name, what in (
        ("release", "make the notebooks for students"),
        ("collect", "take the students' files into the course"),
        ("grade", "grade what was collected and is new"),
        ("feedback", "make a page for each graded notebook"),
    ):
        one = steps.add_parser(name, help=what)
        one.add_argument("folder", help="of the course")
        if name == "collect":
            one.add_argument("files", help="a folder of files such as anna_03.ipynb or anna/03_split_conv_merge.ipynb")
            one.add_argument("--came", metavar="DATE", help="of all these files (default: when each was last changed)")
            continue
        one.add_argument("numbers", nargs="*", metavar="NN", help="numbers of exercises (default: all)")
        if name == "release":
            one.add_argument("--due", metavar="DATE", help="2027-03-01, its end, or '2027-03-01 18:00'; - for none")
        if name == "grade":
            one.add_argument("--seconds", type=int, help="a cell may take (default: in nbgrader_config.py, 60)")
            one.add_argument("--again", action="store_true", help="grade everything once more")
    one = steps.add_parser("mark", help="read answers; give points and comments by hand")
    one.add_argument("folder", help="of the course")
    one.add_argument("numbers", nargs=1, metavar="NN", help="number of the exercise")
    one.add_argument(
        "points", nargs="*", metavar="STUDENT=POINTS", help="without any: print what waits; anna=- takes points back"
    )
    one.add_argument(
        "--task", type=int, choices=range(1, 5), help="its code, with points in place of the machine's (default: words)"
    )
    one.add_argument("--to", metavar="FILE", help="write the answers and the rubric into a CSV file, to be filled in")
    one.add_argument("--from", dest="file", metavar="FILE", help="take points and comments from a CSV file")
    one = steps.add_parser("export", help="write all points into a CSV file")
    one.add_argument("folder")
    one.add_argument("--to", metavar="FILE", help="default: grades.csv in the course folder")


def missing() -> bool:
    """Whether something of the extra `grading` is not installed."""
    return not all(importlib.util.find_spec(name) for name in ("nbgrader", "jupytext"))


@contextlib.contextmanager
def prepared() -> Iterator[None]:
    """What nbgrader needs, and without its warnings, which no teacher can act on."""
    before = os.environ.get("PATH", "")
    # it calls alembic by name, and this Python may have been started without its environment
    os.environ["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), before])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        os.environ["PATH"] = before


def main(arguments: argparse.Namespace) -> int:
    """Run one step. Exit status 1 if a file could not be taken or graded, 2 if the step cannot be done."""
    if missing():
        print(MISSING, file=sys.stderr)
        return 2
    with prepared():
        from jpu_edu.school.course import Refused  # needs nbgrader

        try:
            return _step(arguments)
        except (Refused, OSError) as problem:
            print(f"class {arguments.step}: {problem}", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print(f"class {arguments.step}: stopped; the same command goes on from here", file=sys.stderr)
            return 130


def _step(asked: argparse.Namespace) -> int:
    from jpu_edu.school import collect, course, due, grade

    if asked.step == "new":
        made = course.new(asked.folder, seed=asked.seed, weeks=asked.weeks)
        print(
            f"{asked.folder}: {len(made.weeks)} exercises, {', '.join(made.weeks)}. Next: class release {asked.folder}"
        )
        return 0
    one = course.Course(asked.folder)
    if asked.step == "collect":
        came = due.moment(asked.came, "--came") if asked.came else None
        taken, left = collect.collect(one, asked.files, came)
        for week, student, became in taken:
            said = "; ".join(filter(None, [became.unread, *became.notes]))
            print(f"{student:<20} {week:<32} {said or ('as before' if became.graded else 'taken')}")
        print(*(f"NOT TAKEN  {line}" for line in left), sep="\n", end="\n" if left else "")
        print(f"{len(taken)} submissions, {len(left)} files not taken. Next: class grade {asked.folder}")
        return 1 if left or any(became.unread for _, _, became in taken) else 0
    if asked.step == "export":
        print(f"Written to {grade.export(one, asked.to or Path(asked.folder) / 'grades.csv')}.")
        _to_mark(one, one.weeks, asked.folder)
        return 0
    weeks = one.chosen(asked.numbers)
    if asked.step == "mark":
        return _mark(one, weeks[0], asked)
    if asked.step == "release":
        until = due.moment(asked.due, "--due", end=True) if asked.due not in (None, "-") else None
        for week, path in zip(weeks, grade.release(one, weeks), strict=True):
            if asked.due:
                due.set_deadline(one, week, until)
            print(f"{path}, due {said}" if (said := due.deadline(one, week)) else path)
        return 0
    if asked.step == "feedback":
        print(*grade.feedback(one, weeks), sep="\n")
        _to_mark(one, weeks, asked.folder)
        return 0
    if asked.seconds is not None and asked.seconds < 1:
        raise course.Refused(f"--seconds {asked.seconds}; a cell needs time, give >= 1")
    started = time.perf_counter()
    rows = grade.grade(one, weeks, seconds=asked.seconds, again=asked.again, told=lambda row: print(row, flush=True))
    taken = [row.seconds for row in rows if row.seconds is not None]
    to_mark = next((row.week[:2] for row in rows if row.by_hand), None)
    following = f"mark {asked.folder} {to_mark}" if to_mark else f"feedback {asked.folder}"
    print(
        f"{len(rows)} submissions, {len(taken)} graded now, {time.perf_counter() - started:.0f} s. "
        f"Next: class {following if rows else f'collect {asked.folder} FILES'}"
    )
    grade.report(one, weeks, rows)
    return 1 if any("NOT GRADED" in line for row in rows for line in row.happened) else 0


def _mark(one: Any, week: str, asked: argparse.Namespace) -> int:
    """Take marks, if there are any; then print the rubric and what waits, or write both into a file."""
    from jpu_edu.school import course, marks, marks_file, sheets

    if sum(map(bool, (asked.points, asked.file, asked.to))) > 1:
        raise course.Refused("STUDENT=POINTS, --from and --to are three ways; use one at a time")
    again = f"class mark {asked.folder} {week[:2]}" + (f" --task {asked.task}" if asked.task else "")
    if asked.to:
        marks_file.write(one, week, asked.to, asked.task)
        print(f"Written to {asked.to}. Fill in points and comment; then: {again} --from {asked.to}")
        return 0
    try:
        pairs = (pair.rsplit("=", 1) for pair in asked.points)
        given = {name: marks.Mark("-" if number == "-" else float(number)) for name, number in pairs}
    except ValueError as error:
        raise course.Refused(f"{' '.join(asked.points)}; write STUDENT=POINTS, such as anna=1.5") from error
    given = marks_file.read(asked.file) if asked.file else given
    changed = marks.mark(one, week, given, asked.task)
    if asked.file:
        taken = [mark for student, mark in given.items() if student not in changed]
        points, comments = (sum(mark[k] is not None for mark in taken) for k in (0, 1))
        print(f"{asked.file}: points for {points}, comments for {comments}.")
        for student in changed:
            print(f"NOT TAKEN  {student}: the answer has changed since this file was written")
    if found := marks.waiting(one, week, asked.task):
        print(f"---- (rubric)\n{sheets.rubric(week, asked.task or 4)}")
        for answer in found:
            print("---- " + ", ".join(filter(None, [answer.student, answer.note(asked.task)])), answer.text, sep="\n")
    else:
        print(f"{week}: {'nobody has less than all points' if asked.task else 'no answer waits for points'}.")
    return 1 if changed else 0


def _to_mark(one: Any, weeks: list[str], folder: str) -> None:
    """A line for each exercise with answers that nobody has marked: so far they count as they are."""
    from jpu_edu.school import marks

    for week in weeks:
        if any(one.folder.glob(f"autograded/*/{week}")) and (found := marks.waiting(one, week)):
            print(f"{week}: {len(found)} not marked yet: class mark {folder} {week[:2]}")
