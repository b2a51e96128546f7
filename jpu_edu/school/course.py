"""The folder of a course: what is in it, and nbgrader's view of it.

class.json          seed, weeks, and what became of every file that was collected
nbgrader_config.py  limits; plain `nbgrader` commands in this folder obey them too
gradebook.db        nbgrader's points
report.json         what `class grade` said, a row a submission
source, release, submitted, autograded, feedback    nbgrader's folders
"""

import json
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbgrader.coursedir import CourseDirectory
from nbgrader.utils import capture_log
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from jpu_edu.data.files import access, write_json
from jpu_edu.school import sheets

CONFIG = '''"""Read by every nbgrader command in this folder. jpu_edu has to be installed beside nbgrader."""

c = get_config()  # noqa: F821
c.CourseDirectory.course_id = "jpu_edu"
c.ClearSolutions.text_stub = "*Your answer, two or three sentences.*"
c.Execute.timeout = 60  # seconds a cell; a call that a check makes is stopped after 10
c.Execute.iopub_timeout = 20
c.Execute.extra_arguments = [
    "--HistoryManager.hist_file=:memory:",
    "--IPKernelApp.log_level=CRITICAL",
    "--IPKernelApp.exec_lines=__import__('jpu_edu.school.printed', fromlist=['limit']).limit(1000000)",
]
c.Autograde.autograde_preprocessors = [
    "jpu_edu.school.bounded.Bounded",
    "jpu_edu.school.bounded.Returned",
    "nbgrader.preprocessors.LimitOutput",
    "nbgrader.preprocessors.SaveAutoGrades",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]
'''


class Refused(Exception):
    """What cannot be done, and what to do about it, in one line."""


class Course:
    """A course folder that exists.

    Args:
        folder: made by `new`.

    Raises:
        Refused: it is no course folder.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder).resolve()
        try:
            self.record: dict[str, Any] = json.loads((self.folder / "class.json").read_text(encoding="utf-8"))
            self.weeks: list[str] = self.record["weeks"]
        except (OSError, ValueError, KeyError) as error:
            raise Refused(f"{folder} is no course; make one: class new {folder} --seed 2027 --weeks 6") from error

    def chosen(self, numbers: list[str]) -> list[str]:
        """The weeks with these numbers, "3" or "03"; all of them without any."""
        for number in numbers:
            if number.zfill(2) not in {week[:2] for week in self.weeks}:
                raise Refused(f"no exercise {number} in this course; it has {', '.join(w[:2] for w in self.weeks)}")
        return [week for week in self.weeks if not numbers or week[:2] in {number.zfill(2) for number in numbers}]

    def place(self, step: str, *parts: str) -> Path:
        return self.folder.joinpath(step, *parts)

    def released(self, week: str) -> nbformat.NotebookNode:
        """What students were given.

        Raises:
            Refused: not released.
        """
        path = self.place("release", week, f"{week}.ipynb")
        if not path.exists():
            raise Refused(f"exercise {week[:2]} is not released; first: class release {self.folder}")
        return nbformat.read(path, as_version=4)

    def save(self) -> None:
        write_json(self.folder / "class.json", self.record)

    @property
    def config(self) -> Config:
        config = PyFileConfigLoader("nbgrader_config.py", path=str(self.folder)).load_config()
        config.CourseDirectory.root = str(self.folder)
        return config

    @property
    def gradebook(self) -> str:
        """Its address, for nbgrader.api.Gradebook."""
        return CourseDirectory(config=self.config).db_url

    def nbgrader(self, converter: type, week: str, student: str = "*", **config: dict[str, Any]) -> str:
        """Run one of nbgrader's converters; returns what it complains about, "" if nothing is wrong."""
        asked = self.config
        asked.merge({name: Config(values) for name, values in config.items()})
        directory = CourseDirectory(config=asked, assignment_id=week, student_id=student)
        done = capture_log(converter(coursedir=directory, config=asked))
        if "KeyboardInterrupt" in done.get("error", "").rstrip().rsplit("\n", 1)[-1]:
            raise KeyboardInterrupt  # nbgrader takes a Ctrl-C for one more failure
        return "" if done["success"] else _reason(done.get("log", "") or done["error"])


def _reason(log: str) -> str:
    """The line of a log, tracebacks among it, that says what went wrong."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return next((line for line in reversed(lines) if re.match(r"[\w.]+(Error|Exception|Entry)\b", line)), lines[-1])


def new(folder: str | Path, *, seed: int, weeks: int) -> Course:
    """Make a course folder with the first exercises, one a week.

    Args:
        seed: of the class, at least 1; sizes, rates, kernels and pictures follow from it.
        weeks: how many exercises.

    Raises:
        Refused: too many weeks, a seed of 0 (the one of self-study), or a folder with something in it.
    """
    folder, known = Path(folder), sheets.sources()
    if not 1 <= weeks <= len(known):
        raise Refused(f"--weeks {weeks}; there are {len(known)} exercises here, so choose 1 to {len(known)}")
    if seed < 1:
        raise Refused(f"--seed {seed}; choose 1 or more, the year for example (0 is for learning alone)")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Refused(f"{folder} has something in it; name a new folder")
    with access(folder, "written"):
        folder.parent.mkdir(parents=True, exist_ok=True)
        half = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        for source in known[:weeks]:
            place = half / "source" / source.stem
            place.mkdir(parents=True)
            nbformat.write(sheets.sheet(source, seed=seed), place / f"{source.stem}.ipynb")
        (half / "nbgrader_config.py").write_text(CONFIG, encoding="utf-8")
        names = [source.stem for source in known[:weeks]]
        write_json(half / "class.json", {"seed": seed, "weeks": names, "collected": {}})
        half.chmod(0o755)
        if folder.exists():
            folder.rmdir()
        os.replace(half, folder)
    except BaseException:
        shutil.rmtree(half, ignore_errors=True)
        raise
    return Course(folder)
