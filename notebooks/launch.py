"""Where the course starts without an installation: Binder, Colab, and the cell that makes Colab ready.

The address of the repository stands in one place, pyproject.toml, [tool.jpu_edu]. While it is empty, no notebook
has the cell and no page a button.
"""

import re
import tomllib
from pathlib import Path
from urllib.parse import quote

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

ROOT = Path(__file__).resolve().parent.parent
CLONE = "jpu_edu_course"  # not "jpu_edu": Python would take a folder of that name for the package

# Why a clone and no bare install: the walkthroughs read ../figures/data, 00 reads its neighbours, and the
# exercises' checks read notebooks/src. Why without [course]: Colab has its own Jupyter, which must stay.
CELL = """\
# On Colab: fetch the course, install it, go to its folder. Elsewhere this cell does nothing.
import importlib.util
import os
import subprocess
import sys

if importlib.util.find_spec("jpu_edu") is None:
    if not os.path.isdir({clone!r}):
        clone = ["git", "clone", "--quiet", "--depth", "1", "--branch", {branch!r}]
        subprocess.run([*clone, {repository!r}, {clone!r}], check=True)
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--editable", {clone!r}]
    subprocess.run(install, check=True)
    sys.path.append(os.path.abspath({clone!r}))  # this kernel started before the installation
if os.path.isdir({folder!r}):  # also after a restart of the kernel
    os.chdir({folder!r})"""


def settings(project: Path = ROOT / "pyproject.toml") -> tuple[str, str]:
    """(address of the repository, or "" as long as there is none; branch)."""
    given = tomllib.loads(project.read_text(encoding="utf-8")).get("tool", {}).get("jpu_edu", {})
    return given.get("repository", ""), given.get("branch", "main")


def owner(repository: str) -> str:
    """OWNER/NAME of a repository on GitHub.

    Raises:
        ValueError: another kind of address.
    """
    match = re.fullmatch(r"https://github\.com/([A-Za-z0-9-]+/[A-Za-z0-9._-]+)", repository)
    if not match or match[1].endswith(".git"):
        raise ValueError(
            f"launch: repository={repository!r}; Binder and Colab need https://github.com/OWNER/NAME "
            "(pyproject.toml, [tool.jpu_edu])"
        )
    return match[1]


def launch(repository: str, branch: str, path: str) -> dict[str, str]:
    """The addresses that open one file of the repository, by the name of the service.

    Notice: a branch with a slash is one word to Binder, and a path to Colab.

    Args:
        repository: https://github.com/OWNER/NAME.
        branch: or a tag.
        path: of a notebook, from the root of the repository, with slashes.

    Raises:
        ValueError: an address of another kind.

    Source: https://mybinder.readthedocs.io/en/latest/howto/user_interface.html,
        https://colab.research.google.com/github.
    """
    place = owner(repository)
    binder, colab = "https://mybinder.org/v2/gh", "https://colab.research.google.com/github"
    return {
        "binder": f"{binder}/{place}/{quote(branch, safe='')}?urlpath={quote(f'lab/tree/{path}', safe='')}",
        "colab": f"{colab}/{place}/blob/{quote(branch)}/{quote(path)}",
    }


def cell(repository: str, branch: str, folder: str) -> NotebookNode:
    """The first cell of a notebook that lives in `folder` of the repository.

    Notice: folded in JupyterLab, and left out of the site, which runs nothing.

    Raises:
        ValueError: an address of another kind.
    """
    owner(repository)
    source = CELL.format(repository=repository, branch=branch, clone=CLONE, folder=f"{CLONE}/{folder}")
    made = new_code_cell(source, metadata={"tags": ["hide-input", "remove-cell"]})
    made.metadata["jupyter"] = {"source_hidden": True}
    return made
