"""Shared set-up: annotations are checked while the tests run, and everything is seeded."""

import os
from pathlib import Path

import hypothesis
import matplotlib
import pytest
import torch
from jaxtyping import install_import_hook

install_import_hook("jpu_edu", "tests.typecheck.checker")
matplotlib.use("agg")  # not through the environment: the kernels of the notebooks would inherit it

from tests import typecheck  # noqa: E402  (the hook must be there before the package is imported)

hypothesis.settings.register_profile(
    "course",
    deadline=None,
    derandomize=True,
    max_examples=40,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("course")


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Switch the run-time type checker off, to see the error that a user sees."""
    monkeypatch.setattr(typecheck, "enabled", False)


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder that holds pyproject.toml."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def camvid_root(root: Path) -> Path:
    """The folder of CamVid: where JPU_EDU_CAMVID says, or beside the checkout."""
    place = Path(os.environ.get("JPU_EDU_CAMVID") or root.parent / "shared" / "data" / "camvid")
    if not (place / "trainannot").is_dir():
        pytest.skip(f"no CamVid at {place}; set JPU_EDU_CAMVID to the folder that holds train and trainannot")
    return place


def _reports(terminal: pytest.TerminalReporter) -> list[pytest.TestReport]:
    return [report for group in terminal.stats.values() for report in group]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run where a walkthrough took too long. (Workers have no terminal.)"""
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    if terminal and not hasattr(session.config, "workerinput"):
        from tests import walkthroughs

        if any(row.problems for row in walkthroughs.rows(_reports(terminal))):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Two tables: run times of the walkthroughs, and what each mistake in an exercise is told."""
    from notebooks.build import HEAD, format_row
    from tests import walkthroughs

    reports = _reports(terminalreporter)
    rows = walkthroughs.rows(reports)
    if rows:
        terminalreporter.section("walkthroughs")
        for line in [HEAD, *map(format_row, rows)]:
            terminalreporter.write_line(line)
        for line in (f"FAILED {row.name}: {problem}" for row in rows for problem in row.problems):
            terminalreporter.write_line(line, red=True)
    calls = [report for report in reports if getattr(report, "when", None) == "call"]
    mutants = sorted({row for report in calls for name, row in report.user_properties if name == "mutant"})
    if mutants:
        terminalreporter.section("exercises: task, mistake, hint")
        for row in mutants:
            terminalreporter.write_line(row)
