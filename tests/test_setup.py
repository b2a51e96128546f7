"""run.py makes the environment, knows when it must do so again, and says in one line what is wrong.

The installations here are real, of a project without dependencies: venv, pip, stamp and job, in seconds and offline.
"""

import ast
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import run

RUN = Path(run.__file__)
BACKEND = """
import os, time, zipfile

def build_editable(folder, config_settings=None, metadata_directory=None):
    open(os.environ.get("BUILDING", os.devnull), "w").close()
    time.sleep(float(os.environ.get("SLOW", "0")))
    name, info = "tiny-1-py3-none-any.whl", "tiny-1.dist-info"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        wheel.writestr(info + "/METADATA", "Metadata-Version: 2.1\\nName: tiny\\nVersion: 1\\nProvides-Extra: dev\\n")
        wheel.writestr(info + "/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(info + "/RECORD", "")
    return name
"""
TOML = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "tiny"
version = "1"
[project.optional-dependencies]
dev = []
"""
JOB = "import shutil, sys; print('drawn', *sys.argv[1:]); sys.exit(3 if 'fail' in sys.argv else 0)"


def start(project: Path, *arguments: str, prelude: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    """Run the project's run.py as a person does; `prelude` is Python that makes the machine worse first."""
    script = f"import sys, runpy, shutil\n{prelude}\nsys.argv = ['run.py', *{list(arguments)!r}]\n"
    command = [sys.executable, "-c", f"{script}runpy.run_path({str(project / 'run.py')!r}, run_name='__main__')"]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **env}, timeout=120)


def complaint(result: subprocess.CompletedProcess[str]) -> str:
    """The one line that a failed start ends with."""
    assert result.returncode == 1, result.stdout + result.stderr
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("run.py: ")
    return lines[0]


def tiny(folder: Path) -> Path:
    """A project like ours, without dependencies."""
    (folder / "figures").mkdir(parents=True)
    shutil.copy(RUN, folder)
    (folder / "backend.py").write_text(BACKEND)
    (folder / "pyproject.toml").write_text(TOML)
    (folder / "constraints.txt").write_text("")
    (folder / "figures" / "build.py").write_text(JOB)
    return folder


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny project after its first start."""
    project = tiny(tmp_path_factory.mktemp("set up") / "tiny")  # the space in the path is meant
    result = start(project, "figures")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "ready" in result.stdout and result.stdout.endswith("drawn\n")
    return project


def ready(project: Path) -> Path:
    assert start(project, "figures").returncode == 0
    (project / ".venv" / "mark").touch()
    return project / ".venv" / "mark"


# ---- what an old Python, a bare Python, a full disk and a cut cable get ------------------------------------


def test_an_old_python_can_read_run_py_and_it_needs_the_standard_library_alone():
    tree = ast.parse(RUN.read_text("utf-8"), feature_version=(3, 8))
    names = [a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names]
    names += [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert {name.split(".")[0] for name in names} <= set(sys.stdlib_module_names)


@pytest.mark.parametrize(("version", "word"), [("3.8.18", "old"), ("3.10.13", "old"), ("3.14.0", "new")])
def test_a_wrong_python_is_told_in_one_line_and_nothing_is_made(tmp_path, version, word):
    project = tiny(tmp_path / "p")
    result = start(project, prelude=f"sys.version_info = {tuple(map(int, version.split('.')))}")
    said = complaint(result)
    assert f"too {word}" in said and "3.11 to 3.13" in said
    assert not (project / ".venv").exists()


@pytest.mark.parametrize("minor", [11, 12, 13])
def test_the_right_pythons_pass(minor):
    run.check_python((3, minor, 0))


@pytest.mark.parametrize("module", ["venv", "ensurepip"])
def test_a_python_without_venv_is_told_what_to_install(tmp_path, module):
    project = tiny(tmp_path / "p")
    said = complaint(start(project, "figures", prelude=f"sys.modules[{module!r}] = None"))
    assert module in said and "apt install python3." in said
    assert not (project / ".venv").exists()


def test_a_full_disk_is_seen_before_anything_is_made(tmp_path):
    project = tiny(tmp_path / "p")
    full = "from collections import namedtuple as n\nshutil.disk_usage = lambda p: n('U', 'total used free')(9, 9, 4e8)"
    said = complaint(start(project, "figures", prelude=full))
    assert "disk is full" in said and "0.4 GB free" in said and "make room" in said
    assert not (project / ".venv").exists()


def test_a_disk_that_fills_up_during_the_installation_is_told(tmp_path):
    project = tiny(tmp_path / "p")
    backend = BACKEND.replace("name, info =", "raise OSError(28, os.strerror(28))\n    name, info =")
    (project / "backend.py").write_text(backend)
    said = complaint(start(project, "figures"))
    assert "disk is full" in said and str(project) in said
    assert "Errno 28" in (project / ".venv" / "pip.log").read_text()


def test_no_network_is_told_in_one_line_and_leaves_no_stamp(tmp_path):
    project = tiny(tmp_path / "p")
    (project / "pyproject.toml").write_text(TOML.replace("requires = []", 'requires = ["setuptools"]'))
    nowhere = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_FIND_LINKS": ""}
    said = complaint(start(project, "figures", **nowhere, PIP_EXTRA_INDEX_URL="", PIP_RETRIES="1"))
    assert "the network is down" in said and "start again" in said
    assert not (project / ".venv" / "jpu_edu.json").exists()


@pytest.mark.parametrize(("empty", "code"), [(1, 0), (2, 1)])
def test_an_index_that_answered_in_part_is_asked_once_more(tmp_path, empty, code):
    """The page of a pinned package comes without its versions, once or each time."""
    pages = []

    class Index(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "application/octet-stream" if "whl" in self.path else "text/html")
            self.end_headers()
            if "whl" in self.path:
                self.wfile.write(brick.getvalue())
                return
            pages.append(self.path)
            link = '<a href="/brick-1-py3-none-any.whl">brick-1-py3-none-any.whl</a>' * (len(pages) > empty)
            self.wfile.write(f"<!DOCTYPE html><html><body>{link}</body></html>".encode())

        def log_message(self, *arguments):
            pass

    project = tiny(tmp_path / "p")
    needs = "Provides-Extra: dev\\nRequires-Dist: brick==1; extra == 'dev'\\n"
    (project / "backend.py").write_text(BACKEND.replace("Provides-Extra: dev\\n", needs))
    brick = io.BytesIO()
    with zipfile.ZipFile(brick, "w") as wheel:
        wheel.writestr("brick-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: brick\nVersion: 1\n")
        wheel.writestr("brick-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("brick-1.dist-info/RECORD", "")
    with ThreadingHTTPServer(("127.0.0.1", 0), Index) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        index = f"http://127.0.0.1:{server.server_port}/simple"
        alone = {
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_FIND_LINKS": "",
            "PIP_EXTRA_INDEX_URL": "",
            "NO_PROXY": "127.0.0.1",
        }
        result = start(project, "figures", **alone, PIP_INDEX_URL=index)
        server.shutdown()
    assert result.returncode == code, result.stdout + result.stderr
    assert pages == ["/simple/brick/"] * 2 and "the index did not answer in full; once more" in result.stdout
    assert (project / ".venv" / "jpu_edu.json").exists() == (code == 0)


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk is full"),
        ("WARNING: Retrying: Temporary failure in name resolution\nERROR: No matching distribution", "network is down"),
        ("ERROR: [WinError 5] Access is denied: 'C:\\\\x'", "no permission"),
        ("Collecting a\nERROR: No matching distribution for b==9\n", "No matching distribution for b==9"),
        ("", "it printed nothing"),
    ],
)  # fmt: skip
def test_what_pip_says_becomes_one_line(output, reason):
    said = run.explain(output)
    assert reason in said and "\n" not in said


# ---- when the environment is made again --------------------------------------------------------------------


def test_a_second_start_installs_nothing_and_takes_seconds(installed):
    ready(installed)
    began = time.monotonic()
    result = start(installed, "figures", "a", "b")
    assert result.stdout == "drawn a b\n"
    assert time.monotonic() - began < 10


def test_new_pins_are_installed_into_the_same_environment(installed):
    mark = ready(installed)
    with (installed / "constraints.txt").open("a") as pins:
        pins.write("# another\n")
    result = start(installed, "figures")
    assert "installing the pinned packages" in result.stdout and "making" not in result.stdout
    assert mark.exists()


def test_an_installation_that_was_killed_is_done_again_from_nothing(installed, tmp_path):
    mark = ready(installed)
    with (installed / "constraints.txt").open("a") as pins:
        pins.write("# yet another\n")
    building = tmp_path / "building"
    env = {**os.environ, "SLOW": "60", "BUILDING": str(building), "TMPDIR": str(tmp_path)}  # a killed pip leaves files
    group = {"start_new_session": True} if os.name == "posix" else {}
    command = [sys.executable, str(installed / "run.py"), "figures"]
    child = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **group)
    limit = time.monotonic() + 60
    while not building.exists() and time.monotonic() < limit:
        time.sleep(0.05)
    assert building.exists(), "pip never came as far as building"
    os.killpg(child.pid, signal.SIGKILL) if os.name == "posix" else child.kill()
    child.wait()
    assert (installed / ".venv").exists() and not (installed / ".venv" / "jpu_edu.json").exists()
    result = start(installed, "figures")
    assert "making the environment" in result.stdout and result.stdout.endswith("drawn\n")
    assert not mark.exists()


@pytest.mark.skipif(os.name == "nt", reason="a venv on Windows holds a copy of Python, not a link")
def test_an_environment_whose_python_is_gone_is_made_again(installed):
    mark = ready(installed)
    for link in (installed / ".venv" / "bin").glob("python*"):
        link.unlink()
        link.symlink_to("/nowhere/python")
    result = start(installed, "figures")
    assert "making the environment" in result.stdout and result.stdout.endswith("drawn\n")
    assert not mark.exists()


def test_an_environment_of_another_folder_or_python_is_made_again(installed, monkeypatch):
    ready(installed)
    monkeypatch.setattr(run, "ROOT", installed)
    monkeypatch.setattr(run, "VENV", installed / ".venv")
    monkeypatch.setattr(run, "STAMP", installed / ".venv" / "jpu_edu.json")
    assert run.state() == "ready"
    stamp = json.loads(run.STAMP.read_text())
    for key, value in (("root", "/elsewhere"), ("python", "3.1"), ("machine", "Abacus"), ("more", "")):
        run.STAMP.write_text(json.dumps({**stamp, key: value}))
        assert run.state() == "unusable", key
    run.STAMP.write_text(json.dumps(stamp)[:-9])
    assert run.state() == "unusable"
    run.STAMP.write_text(json.dumps({**stamp, "pins": "others"}))
    assert run.state() == "outdated"


# ---- the jobs ----------------------------------------------------------------------------------------------


def test_the_exit_code_of_a_job_is_passed_on(installed):
    ready(installed)
    assert start(installed, "figures", "fail").returncode == 3


def test_a_job_sees_the_programs_of_the_environment_first(installed):
    """nbgrader, for one, calls programs by name."""
    ready(installed)
    job = installed / "figures" / "build.py"
    job.write_text("import shutil, sys; print(shutil.which('pip')); print(sys.path)")
    try:
        program, path = start(installed, "figures", PYTHONPATH="/strange").stdout.splitlines()
    finally:
        job.write_text(JOB)
    assert Path(program).is_relative_to(installed / ".venv")
    assert "/strange" not in path


def test_help_names_every_job_and_an_unknown_job_gets_the_list(tmp_path):
    project = tiny(tmp_path / "p")
    result = start(project, "--help")
    assert result.returncode == 0
    for job in ("test", "walkthrough", "build", "figures"):
        assert f"python run.py {job}" in result.stdout
    said = complaint(start(project, "tset"))
    assert "'tset'" in said and "test, walkthrough, build, figures" in said
    assert not (project / ".venv").exists()


@pytest.mark.parametrize(
    ("given", "everything"),
    [([], True), (["-k", "phases"], True), (["tests/ops"], False), (["tests/test_setup.py::test_x", "-x"], False)],
)
def test_paths_given_to_the_tests_replace_the_default(monkeypatch, given, everything):
    seen: list[str] = []
    monkeypatch.setattr(run, "python", lambda *arguments, **extra: seen.extend(arguments) or 0)
    assert run.test(given) == 0
    assert (seen[seen.index("loadscope") + 1 :] == ["tests", "notebooks", *given]) == everything
    assert "--nbval" in seen


# ---- JupyterLab --------------------------------------------------------------------------------------------


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """The course, started with the Python that runs this test in the place of the one in .venv."""
    pytest.importorskip("jupyterlab")
    script = f"import run; run.venv_python = lambda: run.Path({sys.executable!r}); run.course(['--no-browser'])"
    child = subprocess.Popen(
        [sys.executable, "-c", script], cwd=RUN.parent, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={**os.environ, "JUPYTER_CONFIG_DIR": str(tmp_path)}, start_new_session=True,
    )  # fmt: skip
    yield child
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
    child.communicate()


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C cannot be sent to one process group on Windows")
@pytest.mark.parametrize("whole_terminal", [True, False], ids=["ctrl-c", "signal to run.py alone"])
def test_the_course_prints_an_address_that_answers_and_stops_cleanly(lab, whole_terminal):
    said = ""
    for line in lab.stdout:
        said += line
        if "Ctrl-C" in line:
            break
    (address,) = re.findall(r"http://\S+", said)
    assert "/lab/tree/notebooks/00_" in address and "?token=" in address
    with urllib.request.urlopen(address) as page:
        assert page.status == 200 and b"jupyter" in page.read().lower()
    with pytest.raises(subprocess.TimeoutExpired):  # it stays open
        lab.wait(timeout=2)
    os.killpg(lab.pid, signal.SIGINT) if whole_terminal else os.kill(lab.pid, signal.SIGTERM)
    rest, _ = lab.communicate(timeout=30)
    assert lab.returncode == 0 and "Traceback" not in rest, rest
    with pytest.raises(OSError):
        urllib.request.urlopen(address)
    with pytest.raises(ProcessLookupError):
        os.killpg(lab.pid, 0)


def test_jupyterlab_asks_about_news_and_updates_never(installed):
    quiet = json.loads((installed / ".venv/share/jupyter/lab/settings/overrides.json").read_text())
    assert quiet["@jupyterlab/apputils-extension:notification"] == {"fetchNews": "false", "checkForUpdates": False}


def test_jupyterlab_shows_no_buttons_of_the_grader(installed):
    page = json.loads((installed / ".venv/etc/jupyter/labconfig/page_config.json").read_text())
    assert page["disabledExtensions"] == {"@jupyter/nbgrader": True}
    config = pytest.importorskip("jupyter_server.extension.config")
    folder = installed / ".venv/etc/jupyter/jupyter_server_config.d"
    on = {"ServerApp": {"jpserver_extensions": {"nbgrader.server_extensions.formgrader": True, "other": True}}}
    (folder / "nbgrader.json").write_text(json.dumps(on))  # as nbgrader's installation does
    found = config.ExtensionConfigManager(read_config_path=[str(folder.parent)]).get_jpserver_extensions()
    assert found["other"] and not found["nbgrader.server_extensions.formgrader"]


def test_the_course_is_trusted_so_that_its_animations_move_before_anything_is_run(tmp_path, monkeypatch):
    nbformat = pytest.importorskip("nbformat")
    from nbformat.sign import NotebookNotary

    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(run, "venv_python", lambda: Path(sys.executable))
    course = nbformat.read(RUN.parent / "notebooks" / "03_split_conv_merge.ipynb", as_version=4)
    assert not NotebookNotary(data_dir=str(tmp_path)).check_signature(course)
    run.trust_notebooks()
    assert NotebookNotary(data_dir=str(tmp_path)).check_signature(course)
