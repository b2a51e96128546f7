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
    apart = ("pip", python_line())
    listed = [Requirement(line) for line in CONDA["dependencies"] if isinstance(line, str) and line not in apart]
    assert {r.name: r.specifier for r in listed} == wanted


def python_line() -> str:
    (line,) = [line for line in CONDA["dependencies"] if isinstance(line, str) and re.match(r"python\b", line)]
    return line


# repo2docker, which Binder runs, reads the Python version off environment.yml with the pattern below. A range such as
# `>=3.11,<3.14` does not match it, and it then builds on Python 3.10. It has a base environment for each of VERSIONS.
# Source: repo2docker 2026.4.0, buildpacks/conda/__init__.py (PYTHON_REGEX, python_version, environment_yaml_path),
# buildpacks/base.py (binder_dir), utils.py (is_local_pip_requirement), app.py (the order of packs).
PYTHON_REGEX = re.compile(r"python\s*=+\s*([\d\.]*)")
VERSIONS = ("3.11", "3.12", "3.13", "3.14")


def test_binder_takes_a_python_that_the_course_accepts():
    found = PYTHON_REGEX.match(python_line())
    assert found, f"Binder reads no version in {python_line()!r}; write python =3.12"
    assert re.fullmatch(r"\d+\.\d+", found[1]), f"{found[1]}: give major.minor, Binder drops the rest"
    assert found[1] in VERSIONS
    assert Requirement(f"python{PROJECT['requires-python']}").specifier.contains(found[1])


def test_binder_finds_environment_yml_and_nothing_that_comes_before_it():
    """It looks in .binder or binder alone where there is one; Docker, Julia, Nix and R come before conda."""
    earlier = (
        "Dockerfile",
        "Project.toml",
        "JuliaProject.toml",
        "REQUIRE",
        "default.nix",
        "DESCRIPTION",
        "runtime.txt",
    )
    for name in (".binder", "binder", *earlier):
        assert not (ROOT / name).exists(), f"with {name} there, Binder does not read environment.yml"


def test_binder_copies_the_sources_before_it_installs_them():
    """It installs before it copies, unless a line under pip: names a local path as `-e .` does."""
    (pip,) = [entry["pip"] for entry in CONDA["dependencies"] if isinstance(entry, dict)]
    assert any(line.removeprefix("-e ").startswith(".") for line in pip), f"{pip}: no local path"


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
