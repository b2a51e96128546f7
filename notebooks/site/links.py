"""Where the links of the repository lead in the site."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGE = ROOT / "jpu_edu"
LINK = re.compile(r"(\]\()([^)\s]+)(\))")


def cells(notebook: Path) -> list[dict]:
    """The cells of a notebook file."""
    return json.loads(notebook.read_text("utf-8"))["cells"]


def page_of(path: Path) -> str:
    """The page of a file or folder of the library: library/ops/phases.md, library/ops/index.md."""
    inside = path.relative_to(PACKAGE)
    if path.is_dir() or path.name == "__init__.py":
        folder = inside if path.is_dir() else inside.parent
        return f"library/{folder.as_posix()}/index.md".replace("/./", "/")
    return f"library/{inside.with_suffix('.md').as_posix()}"


def moved(target: str, *, source: Path, page: str) -> str:
    """Where a link of the repository leads in the site.

    Args:
        target: of a link in `source`, a file of the repository.
        page: the page that `source` becomes, such as notebooks/03_split_conv_merge.ipynb.

    Raises:
        ValueError: a target that is no file.
    """
    if re.match(r"[a-z]+:|#", target):
        return target
    name, anchor = [*target.split("#"), ""][:2]
    path = (source.parent / name).resolve()
    if not path.exists():
        raise ValueError(f"{source.relative_to(ROOT)}: a link leads to {target}, which does not exist")
    inside = path.relative_to(ROOT)
    if inside.parts[0] == "jpu_edu":
        place = page_of(path)
    elif inside.as_posix() == "README.md":
        place = "index.md"
    elif inside.parts[:2] == ("notebooks", "exercises"):
        place = f"exercises/{path.name}"
    else:
        place = inside.as_posix()
    return os.path.relpath(place, Path(page).parent).replace(os.sep, "/") + (f"#{anchor}" if anchor else "")


def relinked(text: str, *, source: Path, page: str) -> str:
    """Markdown with its links moved. Code spans are left alone."""
    parts = re.split(r"(```.*?```|`[^`\n]+`)", text, flags=re.DOTALL)
    for k in range(0, len(parts), 2):
        parts[k] = LINK.sub(lambda m: f"{m[1]}{moved(m[2], source=source, page=page)}{m[3]}", parts[k])
    return "".join(parts)


def targets(notebook: Path) -> Iterator[Path]:
    """The files and folders of the repository that a notebook's text links to."""
    for cell in cells(notebook):
        if cell["cell_type"] == "markdown":
            for _, target, _ in LINK.findall("".join(cell["source"])):
                path = (notebook.parent / target.partition("#")[0]).resolve()
                if path.exists() and path != notebook.parent:
                    yield path
