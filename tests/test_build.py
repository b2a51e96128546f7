"""The builder of the walkthroughs: what it writes, what it refuses, and that nbval then compares strictly."""

import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from notebooks import build

ROOT = Path(__file__).resolve().parent.parent
OPENING = "# %% [markdown]\n# # A walkthrough\n#\n# **Time:** 7 minutes\n\n"
GOOD = (
    OPENING
    + """# %%
import os
import matplotlib.pyplot as plt
import torch
from IPython.display import HTML
from jpu_edu.draw.show import show
from jpu_edu.ops import compare, phases

print(os.path.basename(os.getcwd()))

# %%
x = torch.arange(30.0).reshape(1, 1, 5, 6)
back = phases.merge(phases.split(x, rate=2), rate=2)
print(compare.table([compare.compare("M(S(x)) = x", back, x), compare.compare("x + 1", x + 1, x, breaks=True)]))
print("So the identity holds")

# %%
figure, axes = plt.subplots(figsize=(1, 1))
axes.plot([0, 1])
show(figure, alt="A line that rises from 0 to 1.")
HTML('<img alt="a dot" src="data:image/png;base64,aGk=">')

# %% tags=["raises-exception"]
phases.split(x, rate=0)

# %%
object()

# %% tags=["nbval-ignore-output"]
from ipywidgets import IntSlider, interact

interact(lambda rate: None, rate=IntSlider(2))
"""
)


def source(folder: Path, text: str, name: str = "03_probe") -> Path:
    path = folder / "notebooks" / "src" / f"{name}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, nbformat.NotebookNode, build.Row]:
    """A walkthrough with everything that the course uses: file, notebook, row of the table."""
    path = source(tmp_path_factory.mktemp("course"), GOOD)
    notebook, row = build.run(path)
    build.write(notebook, build.target(path))
    return path, nbformat.read(build.target(path), as_version=4), row


# ---- what is written ---------------------------------------------------------------------------------------


def test_a_good_source_has_no_problems_and_its_checks_are_counted(built):
    """Two verdicts in a table; the prose that says "holds" is not one."""
    _, _, row = built
    assert row.problems == ()
    assert (row.minutes, row.cells, row.checks, row.passed) == (7, 6, 2, 2)
    assert row.seconds > 0
    assert "2/2" in build.format_row(row)


def test_the_notebook_is_executed_in_its_folder_and_holds_nothing_of_this_machine(built):
    path, notebook, _ = built
    assert [c.execution_count for c in notebook.cells if c.cell_type == "code"] == [1, 2, 3, 4, 5, 6]
    assert notebook.cells[1].outputs[0].text == "notebooks\n"
    assert dict(notebook.metadata) == {"kernelspec": build.KERNEL, "language_info": {"name": "python"}}
    assert all("execution" not in cell.metadata for cell in notebook.cells)
    text = build.target(path).read_text()
    assert str(ROOT) not in text and sys.prefix not in text and str(Path.home()) + "/" not in text


def test_an_expected_error_keeps_its_traceback_without_this_machines_folders(built):
    _, notebook, _ = built
    (error,) = notebook.cells[4].outputs
    assert error.ename == "ValueError" and "rate=0" in error.evalue
    assert any("jpu_edu/ops/phases.py" in line.replace("\\", "/") for line in error.traceback)


def test_the_picture_carries_its_words(built):
    _, notebook, _ = built
    words = "A line that rises from 0 to 1."
    picture = notebook.cells[3].outputs[0]
    assert picture.data["text/plain"] == words
    assert f'alt="{words}"' in picture.data["text/html"] and "data:image/png;base64," in picture.data["text/html"]


def test_a_widget_leaves_words_and_no_random_name(built):
    """So that building twice gives the same file."""
    path, notebook, _ = built
    assert notebook.cells[6].outputs[0].data == {"text/plain": "Run this cell to move its sliders."}
    again, _ = build.run(path)
    address = re.compile(r"0x[0-9a-f]+")
    assert address.sub("", nbformat.writes(again)) == address.sub("", nbformat.writes(notebook))


def test_ids_follow_the_text_of_a_cell_and_not_its_place(tmp_path):
    before = build.read(source(tmp_path, OPENING + "# %%\na = 1\n\n# %%\na = 1\n"))
    after = build.read(source(tmp_path, OPENING + "# %%\nb = 2\n\n# %%\na = 1\n\n# %%\na = 1\n"))
    first, second = (cell.id for cell in before.cells[1:])
    assert first != second
    assert [cell.id for cell in after.cells[2:]] == [first, second]


def test_outputs_between_a_prediction_and_its_reveal_are_folded(tmp_path):
    """An opened notebook must not answer before it is asked."""
    cells = ("guess = Prediction(\n    'why'\n)", "1 + 1", "note()", "guess.reveal(2)", "2 + 2", "a = Prediction", "3")
    notebook = build.read(source(tmp_path, OPENING + "".join(f"# %%\n{text}\n\n" for text in cells)))
    folded = [cell.source for cell in notebook.cells if cell.metadata.get("jupyter", {}).get("outputs_hidden")]
    assert folded == ["1 + 1", "note()"]


def test_nothing_is_left_when_writing_fails(tmp_path, monkeypatch):
    """The name of the notebook is given to a whole file or not at all."""
    path = tmp_path / "01_x.ipynb"
    path.write_text("the old one")
    monkeypatch.setattr(build.os, "replace", lambda *names: (_ for _ in ()).throw(OSError("cut")))
    with pytest.raises(OSError, match="cut"):
        build.write(new_notebook(), path)
    assert path.read_text() == "the old one"


# ---- what is refused ---------------------------------------------------------------------------------------


def markdown(text: str) -> nbformat.NotebookNode:
    return new_markdown_cell(text)


def code(*outputs: nbformat.NotebookNode, count: int = 1, tags: tuple[str, ...] = ()) -> nbformat.NotebookNode:
    return new_code_cell("f()", execution_count=count, outputs=list(outputs), metadata={"tags": list(tags)})


def shown(**data: str) -> nbformat.NotebookNode:
    return new_output("display_data", data={kind.replace("_", "/"): value for kind, value in data.items()})


def printed(text: str) -> nbformat.NotebookNode:
    return new_output("stream", name="stdout", text=text)


RAISED = new_output("error", ename="KeyError", evalue="'y_m'", traceback=[])
SVG = "<svg {}><g><svg></svg></g>{}</svg>"


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        (code(count=2), "execution count 2, not 1"),
        (code(RAISED), "KeyError: 'y_m'"),
        (code(tags=("raises-exception",)), "raises nothing"),
        (code(shown(image_png="aGk=", text_plain="<Figure size 640x480 with 1 Axes>")), "without words"),
        (code(shown(image_png="aGk=")), "without words"),
        (code(shown(text_html="<p><img src='a.png'></p>")), "<img> without alt"),
        (code(shown(text_html="<img src='a.png' alt=' '/>")), "<img> without alt"),
        (code(shown(text_html=SVG.format("", ""))), "<svg> without"),
        (code(shown(**{"image_svg+xml": SVG.format("", "")})), "<svg> without"),
        (markdown("![](a.png)"), "![](...) without alt"),
        (markdown("text <img src='a.png'>"), "<img> without alt"),
        (code(printed(f"{ROOT}/jpu_edu/ops/phases.py:3: UserWarning")), "names"),
        (code(shown(text_html=f"<a href='{Path.home()}/x'>")), "names"),
        (code(shown(text_plain=f"PosixPath('{sys.prefix}')")), "names"),
        (code(printed("M(S(x)) = x  exact  1x3  float64  0.5  FAILS\n")), "FAILS"),
        (code(printed("reflect  exact  1x3  float64  0  DOES NOT BREAK")), "DOES NOT BREAK"),
    ],
)
def test_a_bad_cell_is_named(cell, reason):
    notebook = new_notebook(cells=[markdown("**Time:** 5 minutes"), cell])
    (problem,) = build.problems(notebook)
    assert reason in problem


@pytest.mark.parametrize(
    "cell",
    [
        code(RAISED, tags=("raises-exception",)),
        code(shown(image_png="aGk=", text_plain="Four maps.")),
        code(shown(text_html="<img src='a.png' alt='A map'>" + SVG.format("aria-label='Two maps'", ""))),
        code(shown(text_html=SVG.format("", "<title>Two maps</title>") + SVG.format("aria-hidden='true'", ""))),
        code(shown(text_html="<script>const a = \"<img src='x'>\"</script>")),
        markdown("![Four maps](a.png)"),
        code(printed("the identity holds\nholds\n  holds a row\n")),
    ],
)
def test_a_good_cell_is_accepted(cell):
    assert build.problems(new_notebook(cells=[markdown("**Time:** 5 minutes"), cell])) == []


@pytest.mark.parametrize("text", ["# A walkthrough", "Time: 5 minutes", "**Time:** some minutes"])
def test_a_walkthrough_must_state_its_time(text):
    (problem,) = build.problems(new_notebook(cells=[markdown(text)]))
    assert "**Time:** 25 minutes" in problem


@pytest.fixture
def course(tmp_path, monkeypatch) -> Path:
    """An empty course that the command works on."""
    monkeypatch.setattr(build, "SOURCES", tmp_path / "notebooks" / "src")
    return tmp_path


def test_the_command_writes_a_good_source_and_keeps_the_old_notebook_of_a_bad_one(course, capsys):
    old = build.target(source(course, OPENING + "# %%\n1 / 0\n", "02_bad"))
    old.write_text("the old one")
    new = build.target(source(course, OPENING + "# %%\n1 + 1\n", "01_good"))
    assert build.main([]) == 1
    said = capsys.readouterr().out
    assert "ZeroDivisionError: division by zero" in said and "1 of 2" in said
    assert old.read_text() == "the old one"
    assert nbformat.read(new, as_version=4).cells[1].outputs[0].data["text/plain"] == "2"
    assert not list(course.rglob("*.tmp"))


def test_run_reports_and_writes_nothing(course, capsys):
    path = source(course, OPENING + "# %%\nprint('a  exact  1x1  float64  9  FAILS')\n", "01_probe")
    assert build.main(["--run", "1"]) == 1
    assert "0/1" in capsys.readouterr().out
    assert not build.target(path).exists()


def test_a_kernel_that_dies_is_a_problem_and_not_a_traceback(course, capsys):
    source(course, OPENING + "# %%\nimport os\nos._exit(1)\n", "01_probe")
    assert build.main(["--run"]) == 1
    assert "died" in capsys.readouterr().out.lower()


def test_an_unknown_number_gets_the_list(course, capsys):
    source(course, OPENING, "01_probe")
    with pytest.raises(SystemExit):
        build.main(["7"])
    assert "no walkthrough '7'" in capsys.readouterr().err


# ---- nbval, as run.py calls it -----------------------------------------------------------------------------


def nbval(notebook: Path) -> subprocess.CompletedProcess[str]:
    strict = ["--nbval", "--nbval-current-env", f"--nbval-sanitize-with={ROOT / 'tests' / 'sanitize.cfg'}"]
    command = [sys.executable, "-m", "pytest", "-q", "-c", str(ROOT / "pyproject.toml"), *strict, str(notebook)]
    return subprocess.run(command, capture_output=True, text=True, cwd=notebook.parent)


def test_the_built_notebook_passes_nbval_though_pixels_and_addresses_differ(built, tmp_path):
    path, notebook, _ = built
    text = json.dumps(notebook).replace("base64,aGk=", "base64,aG8=")
    (tmp_path / "notebooks").mkdir()
    copy = tmp_path / "notebooks" / f"{path.stem}.ipynb"
    copy.write_text(text)
    result = nbval(copy)
    assert "6 passed" in result.stdout, result.stdout


def test_a_number_or_a_word_that_changed_fails_nbval(built, tmp_path):
    path, *_ = built
    notebook = nbformat.read(build.target(path), as_version=4)
    table, picture = notebook.cells[2].outputs[0], notebook.cells[3].outputs[0]
    assert "<= 1e-05" in table.text
    table.text = table.text.replace("<= 1e-05", "<= 1e-06")
    picture.data["text/plain"] = "A line that rises from 0 to 2."
    (tmp_path / "notebooks").mkdir()
    nbformat.write(notebook, tmp_path / "notebooks" / "03_probe.ipynb")
    result = nbval(tmp_path / "notebooks" / "03_probe.ipynb")
    assert "2 failed, 4 passed" in result.stdout, result.stdout
