"""The three lists of packages agree: pyproject.toml (bounds), environment.yml (conda), constraints.txt (pins)."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text())


def requirements(*extras: str) -> list[Requirement]:
    """The direct requirements of the project with these extras, the project's own name left out."""
    lines = list(PROJECT["dependencies"])
    for extra in extras:
        lines += PROJECT["optional-dependencies"][extra]
    found = [Requirement(line) for line in lines]
    inner = sorted(extra for requirement in found if requirement.name == "jpu_edu" for extra in requirement.extras)
    own = [requirement for requirement in found if requirement.name != "jpu_edu"]
    return own + ([r for r in requirements(*inner) if r not in own] if inner else [])


def pins() -> dict[str, str]:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    parsed = [re.fullmatch(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.!]+)", line) for line in lines]
    assert all(parsed), [line for line, match in zip(lines, parsed, strict=True) if not match]
    return {canonicalize_name(match[1]): match[2] for match in parsed if match}


def test_conda_installs_what_the_course_needs_with_the_same_bounds():
    wanted = {CONDA_NAMES.get(r.name, r.name): r.specifier for r in requirements("course")}
    wanted["python"] = Requirement(f"python{PROJECT['requires-python']}").specifier
    listed = [Requirement(line) for line in CONDA["dependencies"] if isinstance(line, str) and line != "pip"]
    assert {r.name: r.specifier for r in listed} == wanted


def test_conda_takes_everything_from_conda_forge_and_only_the_project_through_pip():
    assert CONDA["channels"] == ["conda-forge"]
    assert CONDA["dependencies"][-1] == {"pip": ["-e ."]}


@pytest.mark.parametrize("requirement", requirements("dev", "grading", "docs"), ids=lambda r: r.name)
def test_every_requirement_is_pinned_within_its_bounds(requirement):
    pinned = pins().get(canonicalize_name(requirement.name))
    assert pinned, f"{requirement.name} has no pin: remake constraints.txt"
    assert requirement.specifier.contains(pinned), f"{requirement.name}=={pinned} is outside {requirement.specifier}"


def test_no_pin_names_one_build_of_pytorch():
    """A local version such as 2.13.0+cpu exists on one index only."""
    assert "+" not in pins()["torch"]
    assert not [name for name in pins() if name.startswith(("nvidia", "cuda", "triton"))]


def test_run_py_accepts_the_pythons_that_pyproject_accepts():
    import run

    bounds = Requirement(f"python{PROJECT['requires-python']}").specifier
    for minor in range(8, 18):
        accepted = run.OLDEST <= (3, minor) <= run.NEWEST
        assert bounds.contains(f"3.{minor}") == accepted, f"3.{minor}"
