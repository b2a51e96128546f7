"""Set up the course and run it. Needs Python 3.11 to 3.13 and nothing else.

    python run.py                       open the course in JupyterLab (options go on to JupyterLab)
    python run.py test [ARGS]           every test, the notebooks included; paths and pytest options narrow it
    python run.py walkthrough [NN ...]  execute walkthroughs; print cells, seconds and checks passed
    python run.py build [NN ...]        rebuild notebooks/NN_*.ipynb and the exercises from notebooks/src
    python run.py figures [NAME ...]    redraw the figures
    python run.py sheet [NN ...]        every figure of the course as SVG and PNG, with captions: build/figures
    python run.py slides [NN ...]       lecture slides of the walkthroughs: build/slides
    python run.py site                  the whole course as pages to read without a kernel: build/site
    python run.py --help                this text

The first start makes .venv and installs the pinned versions; later starts take seconds.
Linux without a GPU: PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu makes the download much smaller.
"""

# Standard library only, and syntax that Python 3.8 parses: an old Python must reach the line that says so.
from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import queue
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / "jpu_edu.json"
LOG = VENV / "pip.log"
OLDEST, NEWEST = (3, 11), (3, 13)
INDEX = os.environ.get("PIP_EXTRA_INDEX_URL", "") + os.environ.get("PIP_INDEX_URL", "")
NEED_GB = 8 if sys.platform == "linux" and "/cpu" not in INDEX else 3  # on Linux PyTorch brings CUDA by default

# What pip says, and what it means. The first match counts.
DIAGNOSES = (
    (
        r"No space left on device|not enough space on the disk|Errno 28\b|Errno 122\b|WinError 112",
        "the disk is full: make {need} GB free at {venv} and at {temp}, then start again",
    ),
    (
        r"Temporary failure in name resolution|Name or service not known|nodename nor servname|getaddrinfo failed"
        r"|Failed to establish a new connection|NewConnectionError|Network is unreachable|Connection refused"
        r"|Connection reset|ConnectTimeout|Read timed out|ProxyError|Max retries exceeded",
        "the network is down: pip cannot reach the package index; connect (behind a proxy: set HTTPS_PROXY), "
        "then start again",
    ),
    (
        r"Permission denied|Access is denied|Errno 13\b|WinError 5\b|WinError 32\b",
        "no permission to write {venv}: close what uses it, or move the project to a folder of your own",
    ),
)

# What pip says of pins that do exist when a page of the index came late or not whole.
MAY_PASS = re.compile(r"ResolutionImpossible|No matching distribution")


class Problem(Exception):
    """What is wrong and what to do, in one line."""


# ---- before anything is installed --------------------------------------------------------------------------


def check_python(version: tuple[int, ...]) -> None:
    """Refuse a Python for which there are no pinned packages."""
    if OLDEST <= version[:2] <= NEWEST:
        return
    age = "old" if version[:2] < OLDEST else "new"
    names = [f"python3.{minor}" for minor in range(NEWEST[1], OLDEST[1] - 1, -1)]
    found = [name for name in names if runs(name)]
    remedy = f"run `{found[0]} run.py`" if found else "install Python 3.12 from python.org and run this with it"
    raise Problem(f"Python {version[0]}.{version[1]} is too {age}, the course needs 3.11 to 3.13: {remedy}")


def runs(program: str | Path) -> bool:
    """Whether this Python starts and has what it needs (a version manager's stub may not)."""
    with contextlib.suppress(OSError):
        return subprocess.run([str(program), "-c", "import pip"], capture_output=True).returncode == 0
    return False


def check_venv() -> None:
    """Refuse a Python that cannot make environments (Debian and Ubuntu ship that part separately)."""
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError as missing:
        package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
        raise Problem(
            f"this Python lacks {missing.name}, which makes environments: install it "
            f"(Debian, Ubuntu: `sudo apt install {package}`), then start again"
        ) from None


def check_disk(free: int) -> None:
    """Refuse to start an installation that cannot end. `free` is in bytes."""
    if free < NEED_GB * 1e9:
        raise Problem(
            f"the disk is full: {free / 1e9:.1f} GB free at {ROOT}, the environment needs {NEED_GB} GB; "
            "make room, then start again"
        )


def explain(output: str) -> str:
    """One line for a failed step of the installation, from all that it printed."""
    for pattern, words in DIAGNOSES:
        if re.search(pattern, output):
            return words.format(need=NEED_GB, venv=VENV, temp=tempfile.gettempdir())
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")] or lines[-1:] or ["it printed nothing"]
    more = f" (everything that was printed: {LOG})" if LOG.exists() else ""
    return f"the installation failed: {errors[-1]}{more}"


# ---- the environment ---------------------------------------------------------------------------------------


def venv_python() -> Path:
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def wanted() -> dict[str, str]:
    """What a complete environment is made from: this Python, this folder, these pins."""
    pins = hashlib.sha256()
    for name in ("pyproject.toml", "constraints.txt"):
        pins.update((ROOT / name).read_text(encoding="utf-8").encode())  # text: the same on Windows
    return {
        "python": f"{sys.version_info[0]}.{sys.version_info[1]}",
        "machine": f"{platform.system()} {platform.machine()}",
        "root": str(ROOT),
        "pins": pins.hexdigest(),
    }


def state() -> str:
    """'ready'; 'outdated' (complete, for other pins); 'unusable' (absent, cut short, moved or broken)."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "unusable"
    goal = wanted()
    if not runs(venv_python()):
        return "unusable"
    if stamp == goal:
        return "ready"
    return "outdated" if {**stamp, "pins": ""} == {**goal, "pins": ""} else "unusable"


def step(title: str, command: list[str], started: float) -> None:
    """Run one step of the installation and show that it lives: the seconds, and the last thing it said.

    Raises:
        Problem: the step failed; everything it printed is then in the log.
    """
    lines: queue.Queue[str | None] = queue.Queue()
    child = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        env=environment(),
        text=True,
        errors="replace",
    )

    def read() -> None:
        for line in child.stdout:
            lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    live = sys.stdout.isatty()
    output: list[str] = []
    shown, pause = title, 0.5 if live else 15.0
    print(f"{time.monotonic() - started:5.0f} s  {title}", end="" if live else "\n", flush=True)
    try:
        due = time.monotonic() + pause
        while True:
            with contextlib.suppress(queue.Empty):
                line = lines.get(timeout=max(0.0, due - time.monotonic()))
                if line is None:
                    break
                output.append(line)
                if re.match(r"Installing collected packages", line):
                    shown = f"{title}: unpacking {line.count(',') + 1}"
                elif re.match(r"\s*(Downloading|Using cached|Building|Installing)", line):
                    shown = f"{title}: {line.strip()}"
            if time.monotonic() >= due:
                status = f"{time.monotonic() - started:5.0f} s  {shown}"
                width = shutil.get_terminal_size().columns - 1
                print(f"\r{status[:width]:<{width}}" if live else status[:110], end="" if live else "\n", flush=True)
                due = time.monotonic() + pause
    finally:
        if live:
            print()
        if child.poll() is None and sys.exc_info()[0] is not None:
            child.kill()
    if child.wait():
        with contextlib.suppress(OSError):
            LOG.write_text("".join(output), encoding="utf-8")
        raise Problem(explain("".join(output)))


def install(*, fresh: bool) -> None:
    """Make the environment (`fresh`: from nothing) and stamp it last, in one move."""
    check_venv()
    started = time.monotonic()
    print(f"Setting up {VENV} (once; one to five minutes, up to {NEED_GB} GB)", flush=True)
    with contextlib.suppress(FileNotFoundError):
        STAMP.unlink()  # from here on until the end this is no environment
    if fresh:
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(VENV)
        check_disk(shutil.disk_usage(ROOT).free)
        step("making the environment", [sys.executable, "-m", "venv", str(VENV)], started)
    pip = [str(venv_python()), "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off"]
    packages = ["-e", f"{ROOT}[dev,grading]", "-c", str(ROOT / "constraints.txt")]
    try:
        step("installing the pinned packages", [*pip, *packages], started)
    except Problem as problem:
        if not MAY_PASS.search(str(problem)):
            raise
        step("the index did not answer in full; once more", [*pip, *packages], started)
    quiet_jupyterlab()
    partial = STAMP.with_suffix(".tmp")
    partial.write_text(json.dumps(wanted(), indent=1), encoding="utf-8")
    os.replace(partial, STAMP)
    print(f"{time.monotonic() - started:5.0f} s  ready", flush=True)


def quiet_jupyterlab() -> None:
    """No news, no update checks, no grader's buttons; what a reader has set by hand comes before these defaults."""
    folder = VENV / "share" / "jupyter" / "lab" / "settings"
    folder.mkdir(parents=True, exist_ok=True)
    quiet = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}}
    (folder / "overrides.json").write_text(json.dumps(quiet), encoding="utf-8")
    # Classes are graded from the command line: neither the grader's menu nor its server is of use to students.
    folder = VENV / "etc" / "jupyter"
    parts = ("formgrader", "validate_assignment", "assignment_list", "course_list")
    off = {"ServerApp": {"jpserver_extensions": {f"nbgrader.server_extensions.{part}": False for part in parts}}}
    menu = {"disabledExtensions": {"@jupyter/nbgrader": True}}
    # The name sorts behind nbgrader.json, which switches them on.
    for place, said in (("labconfig/page_config.json", menu), ("jupyter_server_config.d/quiet.json", off)):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_text(json.dumps(said), encoding="utf-8")


def environment() -> dict[str, str]:
    """The environment of every child: the venv's programs first, no foreign Python paths."""
    env = {key: value for key, value in os.environ.items() if key not in ("PYTHONHOME", "PYTHONPATH")}
    env["VIRTUAL_ENV"] = str(VENV)
    env["PATH"] = str(venv_python().parent) + os.pathsep + env.get("PATH", "")
    env["PYTHONUTF8"] = "1"
    return env


# ---- the jobs ----------------------------------------------------------------------------------------------


def python(*arguments: str, **extra: str) -> int:
    """Run the venv's Python in the project's folder and pass its exit code on."""
    return subprocess.call([str(venv_python()), *arguments], cwd=ROOT, env={**environment(), **extra})


def test(arguments: list[str]) -> int:
    """Everything that must hold. Paths among the arguments replace the default `tests notebooks`."""
    paths = [a for a in arguments if not a.startswith("-") and (ROOT / a.split("::")[0]).exists()]
    workers = str(min(4, os.cpu_count() or 1))
    nbval = ["--nbval", "--nbval-current-env", "--nbval-sanitize-with=tests/sanitize.cfg", "--nbval-cell-timeout=120"]
    spread = ["-n", workers, "--dist", "loadscope"]  # loadscope keeps the cells of a notebook together
    everything = [] if paths else ["tests", "notebooks"]
    # One thread a worker: the cores are shared out already, and sums come out in the same order everywhere.
    slowest = [] if paths else ["--durations=25", "--durations-min=5"]
    return python("-m", "pytest", *nbval, *slowest, *spread, *everything, *arguments, OMP_NUM_THREADS="1")


def build(numbers: list[str]) -> int:
    """The walkthroughs, and then the exercises to them."""
    return python("notebooks/build.py", *numbers) or python("-m", "notebooks.build_exercises", *numbers)


def course(arguments: list[str]) -> int:
    """Start JupyterLab at the first notebook, print its address, and stop it cleanly on Ctrl-C."""
    first = next(iter(sorted((ROOT / "notebooks").glob("00_*.ipynb"))), None)
    page = first.relative_to(ROOT).as_posix() if first else ""
    options = [f"--ServerApp.root_dir={ROOT}", "--ServerApp.answer_yes=True", "--allow-root"]
    options += [f"--{app}.log_level=ERROR" for app in ("ServerApp", "LabApp")]
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        options.append("--no-browser")  # else a text browser may take the terminal
    print("Starting JupyterLab ...", flush=True)
    trust_notebooks()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="jpu_edu-", ignore_cleanup_errors=True) as runtime:
        command = [str(venv_python()), "-m", "jupyterlab", *([page] if page else []), *options, *arguments]
        # A runtime folder of our own: the server's note about itself is then the only one in it.
        # A token of our own: the server leaves it to us to print the address.
        token = os.environ.get("JUPYTER_TOKEN") or secrets.token_hex(24)
        own = {"JUPYTER_RUNTIME_DIR": runtime, "JUPYTER_TOKEN": token}
        server = subprocess.Popen(command, cwd=ROOT, env={**environment(), **own})
        try:
            said = None
            while server.poll() is None:  # server.wait() may miss a Ctrl-C that comes just before it
                if said is None and (said := listening(Path(runtime))):
                    print(f"\nThe course is open at\n    {address(said, page)}\nCtrl-C stops it.\n", flush=True)
                time.sleep(0.5 if said else 0.1)
            if said:
                return server.returncode
            raise Problem(f"JupyterLab stopped with exit code {server.returncode}; its message is above")
        except KeyboardInterrupt:
            print("\nStopping JupyterLab ...", flush=True)
            stop(server)
            return 0


def trust_notebooks() -> None:
    """Sign the course's own notebooks, so that their animations move before their cells are run."""
    notebooks = [str(path) for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]
    command = [str(venv_python()), "-m", "jupyter", "trust", *notebooks]
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):  # unsigned they show still pictures
        subprocess.run(command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)


def listening(runtime: Path) -> dict | None:
    """What the Jupyter server says about itself, as soon as it answers."""
    for note in runtime.glob("jpserver-*.json"):
        with contextlib.suppress(ValueError, OSError):  # half written; not listening yet
            said = json.loads(note.read_text(encoding="utf-8"))
            socket.create_connection((said["hostname"] or "localhost", said["port"]), timeout=1).close()
            return said
    return None


def address(server: dict, page: str) -> str:
    """The address of `page` from what a Jupyter server says about itself."""
    token = f"?token={server['token']}" if server.get("token") else ""
    return server["url"] + "lab" + (f"/tree/{page}" if page else "") + token


def stop(server: subprocess.Popen) -> None:
    """Let the server end its kernels and itself; insist only when it does not."""
    for patience, insist in ((2, server.terminate), (10, server.kill)):
        try:
            server.wait(patience)  # in a terminal the server got Ctrl-C too
            return
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            insist()
    server.wait()


def main(arguments: list[str]) -> int:
    job, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if job in ("-h", "--help", "help"):
        print(__doc__.strip())
        return 0
    check_python(sys.version_info)
    jobs = {
        "test": test,
        "walkthrough": lambda chosen: python("notebooks/build.py", "--run", *chosen),
        "build": build,
        "figures": lambda chosen: python("figures/build.py", *chosen),
        "sheet": lambda chosen: python("-m", "figures.sheet", *chosen),
        "slides": lambda chosen: python("-m", "notebooks.slides.build", *chosen),
        "site": lambda chosen: python("-m", "notebooks.site.build", *chosen),
    }
    if job and not job.startswith("-") and job not in jobs:
        raise Problem(f"no job {job!r}; choose one of {', '.join(jobs)}, or none to open the course")
    started, now = time.monotonic(), state()
    if now != "ready":
        install(fresh=now == "unusable")
    ready = time.monotonic()
    code = jobs[job](rest) if job in jobs else course(arguments)
    if job == "test":
        kind = {"ready": "warm", "outdated": "renewed", "unusable": "cold"}[now]
        for what, seconds in ((f"set-up, {kind}", ready - started), ("tests", time.monotonic() - ready)):
            print(f"{what:16}{seconds:6.0f} s")
    return code


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Problem as problem:
        sys.exit(f"run.py: {problem}")
    except OSError as error:
        sys.exit(f"run.py: {explain(str(error))}")
    except KeyboardInterrupt:
        sys.exit("run.py: stopped; start it again to continue")
