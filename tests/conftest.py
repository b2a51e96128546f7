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


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Two tables from the rows that tests recorded: run times of the walkthroughs, and what each mistake is told."""
    reports = [report for group in terminalreporter.stats.values() for report in group]
    calls = [report for report in reports if getattr(report, "when", None) == "call"]
    rows = sorted(row for report in calls for name, row in report.user_properties if name == "walkthrough")
    if rows:
        from notebooks.build import HEAD

        terminalreporter.section("walkthroughs")
        for row in [HEAD, *rows]:
            terminalreporter.write_line(row)
    mutants = sorted({row for report in calls for name, row in report.user_properties if name == "mutant"})
    if mutants:
        terminalreporter.section("exercises: task, mistake, hint")
        for row in mutants:
            terminalreporter.write_line(row)
