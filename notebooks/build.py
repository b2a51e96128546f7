"""Execute the walkthroughs: from notebooks/src/NN_*.py (what is edited) to notebooks/NN_*.ipynb (what is read).

    python notebooks/build.py [NN ...]        execute in a fresh kernel and write, unless something is wrong
    python notebooks/build.py --run [NN ...]  execute and print the table of times and checks; write nothing

A source is a jupytext py:percent file. Written or not, a walkthrough is refused when a cell raises (unless
its tag `raises-exception` says so), a check fails, a picture has no words, or an output names this machine.
"""

import argparse
import functools
import hashlib
import math
import os
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from queue import Empty

import jupytext
import nbformat
from jupyter_client.channels import AsyncZMQSocketChannel
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from notebooks import launch  # noqa: E402

SOURCES = HERE / "src"
CELL_SECONDS = 75
LOOK_AGAIN = 1.0  # seconds; a kernel's reply whose wake-up was lost is found at the next look
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}

# The verdict column of jpu_edu.ops.compare.table: two spaces, then one of these, then the end of the line.
VERDICT = re.compile(r"  (holds|breaks, as claimed|FAILS|DOES NOT BREAK)$", re.MULTILINE)
PASSED = ("holds", "breaks, as claimed")
TIME = re.compile(r"^\*\*Time:\*\* (\d+) minutes\b", re.MULTILINE)
PREDICTS = re.compile(r"^\w+ = Prediction\(", re.MULTILINE)
PIXELS = ("image/png", "image/jpeg")
WIDGET = "application/vnd.jupyter.widget-view+json"
MARKDOWN_IMAGE = re.compile(r"!\[([^\]]*)\]\(")


# ---- from source to notebook -------------------------------------------------------------------------------


def sources(numbers: Sequence[str] = (), *, folder: Path = SOURCES) -> list[Path]:
    """The sources with these numbers ("3" and "03" are the same), or all of them.

    Raises:
        ValueError: a number without a source.
    """
    every = sorted(folder.glob("[0-9][0-9]_*.py"))
    known = {path.name[:2]: path for path in every}
    for number in numbers:
        if number.zfill(2) not in known:
            raise ValueError(f"no walkthrough {number!r} in {folder}; choose from {', '.join(known) or 'none yet'}")
    return [known[number.zfill(2)] for number in numbers] if numbers else every


def target(source: Path) -> Path:
    """Where the notebook of a source is written: one folder up."""
    return source.parent.parent / f"{source.stem}.ipynb"


def read(source: Path) -> NotebookNode:
    """A source as a notebook without outputs. A cell's id depends on its text alone, so that diffs stay small.

    Notice: where the address of the repository is known, a first cell makes the notebook run on Colab. What stands
    between a prediction and its reveal has its stored output folded in JupyterLab; a cell that runs shows it.
    """
    notebook = jupytext.read(source, fmt="py:percent")
    repository, branch = launch.settings()
    if repository:
        folder = "notebooks/exercises" if source.parent.name == "exercises" else "notebooks"
        notebook.cells.insert(0, launch.cell(repository, branch, folder))
    notebook.metadata = NotebookNode(kernelspec=KERNEL, language_info={"name": "python"})
    notebook.nbformat_minor = 5
    seen: Counter[str] = Counter()
    predicted = False  # and not yet revealed
    for cell in notebook.cells:
        digest = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:12]
        cell.id = f"{digest}-{seen[digest]}" if seen[digest] else digest
        seen[digest] += 1
        if "hide-input" in cell.metadata.get("tags", []):  # folded in JupyterLab; the site's builder reads the tag
            cell.metadata["jupyter"] = {"source_hidden": True}
        if cell.cell_type == "code" and PREDICTS.search(cell.source):
            predicted = True
        elif cell.cell_type == "code" and ".reveal(" in cell.source:
            predicted = False
        elif cell.cell_type == "code" and predicted:
            cell.metadata.setdefault("jupyter", {})["outputs_hidden"] = True
    return notebook


def execute(notebook: NotebookNode, *, folder: Path) -> None:
    """Run every cell in a fresh kernel that starts in `folder`; the outputs stay in the notebook.

    Errors stay in it too, as outputs; `problems` finds them.
    """
    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
        allow_errors=True,
        coalesce_streams=True,
        extra_arguments=["--IPKernelApp.log_level=ERROR"],  # it warns of unencrypted talk with itself
    )
    client.on_notebook_start = lambda notebook: _look_again(client.kc.shell_channel, client.kc.iopub_channel)
    client.execute()  # the state of widgets goes with the rest of what nbclient puts into the metadata
    notebook.metadata = NotebookNode(kernelspec=KERNEL, language_info={"name": "python"})
    for output in outputs(notebook):
        if output.output_type == "error":
            output.traceback = [anonymous(line) for line in output.traceback]
        elif WIDGET in output.get("data", {}):
            del output.data[WIDGET]  # a random name of something that died with the kernel
            if output.data.get("text/plain", "").startswith("interactive("):
                output.data["text/plain"] = "Run this cell to move its sliders."


def _look_again(*channels: AsyncZMQSocketChannel) -> None:
    """Make a long wait for a message a row of short ones. On a busy machine the wake-up of a long one can be lost."""
    for channel in channels:
        channel.get_msg = functools.partial(_in_short_waits, channel.get_msg)


async def _in_short_waits(wait: Callable[..., Awaitable[dict]], timeout: float | None = None) -> dict:
    end = time.monotonic() + (math.inf if timeout is None else timeout)
    while True:
        try:
            return await wait(timeout=min(LOOK_AGAIN, max(0.0, end - time.monotonic())))
        except Empty:
            if time.monotonic() >= end:
                raise


def write(notebook: NotebookNode, path: Path) -> None:
    """Write the notebook in one move: a reader never meets half of it."""
    nbformat.validate(notebook)
    partial = path.with_suffix(".ipynb.tmp")
    nbformat.write(notebook, partial)
    os.replace(partial, path)


# ---- what must hold ----------------------------------------------------------------------------------------


def outputs(notebook: NotebookNode) -> Iterator[NotebookNode]:
    for cell in notebook.cells:
        if cell.cell_type == "code":
            yield from cell.outputs


def text_of(output: NotebookNode) -> str:
    """What a reader of plain text sees of an output."""
    if output.output_type == "stream":
        return output.text
    if output.output_type == "error":
        return "\n".join([f"{output.ename}: {output.evalue}", *output.traceback])
    return output.data.get("text/plain", "")


def places() -> list[str]:
    """Folders of this machine, which no output may name; the longest first."""
    here = {sys.prefix, sys.base_prefix, str(HERE.parent), str(Path.home()), tempfile.gettempdir()}
    return sorted((place for place in here if len(place) > 3), key=len, reverse=True)


def anonymous(text: str) -> str:
    """The text with the folders of this machine cut off its paths (tracebacks name files)."""
    text = re.sub(r"[^\s'\"]*site-packages[/\\]", "", text)
    for place in [f"{HERE.parent}{os.sep}", *(f"{place}{os.sep}" for place in places())]:
        text = text.replace(place, "")
    return text


class Pictures(HTMLParser):
    """Finds the pictures of an HTML text that have no words: <img> without alt, <svg> without a name."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.silent: list[str] = []
        self.depth = 0  # of nested <svg>: the outermost carries the name
        self.named = True
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: (value or "").strip() for name, value in attrs}
        hidden = given.get("aria-hidden") == "true"
        if tag == "img" and not hidden and not given.get("alt"):
            self.silent.append("an <img> without alt")
        elif tag == "svg":
            if self.depth == 0:
                self.named = hidden or bool(given.get("aria-label") or given.get("aria-labelledby"))
            self.depth += 1
        elif tag == "title" and self.depth:
            self.named = True

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag == "svg":
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag == "svg" and self.depth:
            self.depth -= 1
            if self.depth == 0 and not self.named:
                self.silent.append("an <svg> without aria-label or <title>")


def silent_pictures(cell: NotebookNode) -> list[str]:
    """The pictures of a cell that a reader who does not see them cannot read."""
    if cell.cell_type == "markdown":
        found = Pictures(cell.source).silent
        return found + ["![](...) without alt" for alt in MARKDOWN_IMAGE.findall(cell.source) if not alt.strip()]
    found = []
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        words = data.get("text/plain", "").strip()
        for kind in PIXELS:
            if kind in data and (not words or re.match(r"<.*>$", words)):
                found.append(f"an {kind} output without words (use jpu_edu.draw.show(fig, alt=...))")
        found += [words for kind in ("text/html", "image/svg+xml") for words in Pictures(data.get(kind, "")).silent]
    return found


def problems(notebook: NotebookNode) -> list[str]:
    """Everything that is wrong with an executed walkthrough, one line each."""
    found: list[str] = []
    count = 0
    for number, cell in enumerate(notebook.cells):
        where = f"cell {number} ({next(iter(cell.source.splitlines()), 'empty')[:50]})"
        found += [f"{where}: {picture}" for picture in silent_pictures(cell)]
        if cell.cell_type != "code":
            continue
        count += 1
        if cell.execution_count != count:
            found.append(f"{where}: execution count {cell.execution_count}, not {count}")
        expected = "raises-exception" in cell.metadata.get("tags", [])
        raised = [output for output in cell.outputs if output.output_type == "error"]
        if raised and not expected:
            found.append(f"{where}: {raised[0].ename}: {raised[0].evalue}")
        if expected and not raised:
            found.append(f"{where}: tagged raises-exception, and raises nothing")
        for output in cell.outputs:
            data = output.get("data", {})
            seen = "\n".join([text_of(output), *(str(data[kind]) for kind in data if kind not in PIXELS)])
            found += [f"{where}: an output names {place}" for place in places() if names(seen, place)][:1]
    if minutes(notebook) is None:
        found.append("no markdown cell states the time; write `**Time:** 25 minutes`")
    return found + [f"a check: {verdict}" for verdict in verdicts(notebook) if verdict not in PASSED]


def names(text: str, place: str) -> bool:
    """Whether the text holds a path below `place` (/tmp/x, but not the word /tmpfs or a/tmp/x)."""
    return re.search(rf"(?<![\w.]){re.escape(place)}(?![\w-])", text) is not None


def minutes(notebook: NotebookNode) -> int | None:
    """The reading time that the walkthrough states."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and (stated := TIME.search(cell.source)):
            return int(stated[1])
    return None


def verdicts(notebook: NotebookNode) -> list[str]:
    """The verdicts of all printed tables of checks, in order."""
    return [verdict for output in outputs(notebook) for verdict in VERDICT.findall(text_of(output))]


# ---- the table ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """One walkthrough after its run."""

    name: str
    minutes: int | None
    cells: int
    seconds: float
    passed: int
    checks: int
    problems: tuple[str, ...] = ()


def run(source: Path) -> tuple[NotebookNode, Row]:
    """Execute one walkthrough in a fresh kernel and judge it."""
    notebook = read(source)
    started = time.perf_counter()
    fatal = []
    try:
        execute(notebook, folder=source.parent.parent)
    except (CellTimeoutError, DeadKernelError) as error:
        fatal = [str(error).strip().splitlines()[0]]
    seconds = time.perf_counter() - started
    said = verdicts(notebook)
    cells = sum(cell.cell_type == "code" for cell in notebook.cells)
    passed = sum(verdict in PASSED for verdict in said)
    row = Row(source.stem, minutes(notebook), cells, seconds, passed, len(said), (*fatal, *problems(notebook)))
    return notebook, row


def format_row(row: Row) -> str:
    stated = "-" if row.minutes is None else f"{row.minutes} min"
    end = f"  problems: {len(row.problems)}" if row.problems else ""
    return f"{row.name:<36}{stated:>8}{row.cells:>7}{row.seconds:>9.1f}{row.passed:>7}/{row.checks}{end}"


HEAD = f"{'notebook':<36}{'reading':>8}{'cells':>7}{'seconds':>9}  checks passed"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("numbers", nargs="*", metavar="NN", help="two digits of a walkthrough; none means all")
    parser.add_argument("--run", action="store_true", help="execute and report; write nothing")
    options = parser.parse_args(arguments)
    try:
        chosen = sources(options.numbers, folder=SOURCES)
    except ValueError as error:
        parser.error(str(error))
    print(HEAD, flush=True)
    wrong = 0
    for source in chosen:
        notebook, row = run(source)
        print(format_row(row), flush=True)
        for problem in row.problems:
            print(f"    {problem}", flush=True)
        wrong += bool(row.problems)
        if not options.run and not row.problems:
            write(notebook, target(source))
    if wrong:
        print(f"{wrong} of {len(chosen)} walkthroughs have problems{'' if options.run else ' and were not written'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
