"""The library on the site: a page for every file, a page for every folder, and the way back to the walkthroughs."""

import ast
import os
import re
import shutil
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from notebooks.site.links import PACKAGE, ROOT, cells, page_of, targets

INDEX = """# The library

```{eval-rst}
.. automodule:: jpu_edu
```

```{toctree}
:maxdepth: 1

NAMES
```
"""


def modules() -> list[Path]:
    """The files of the library, floor by floor. Not the exercises' (they hold the answers) and not the graders'."""
    table = ast.get_docstring(ast.parse((PACKAGE / "__init__.py").read_text("utf-8"))) or ""
    floors = re.findall(r"^    (\w+)(?:, (\w+))? ", table, re.MULTILINE)
    order = {name: k for k, name in enumerate(name for pair in floors for name in pair if name)}
    del order["exercises"]
    parts = {path: path.relative_to(PACKAGE).with_suffix("").parts for path in PACKAGE.rglob("*.py")}
    return sorted((p for p in parts if parts[p][0] in order), key=lambda p: (order[parts[p][0]], parts[p]))


def readers(walkthroughs: Sequence[Path]) -> dict[str, list[Path]]:
    """Page of a library file -> the walkthroughs that link to it or import from it."""
    found: defaultdict[str, list[Path]] = defaultdict(list)
    for book in walkthroughs:
        files = [path for path in targets(book) if path.is_relative_to(PACKAGE)]
        for cell in cells(book):
            files += imported("".join(cell["source"])) if cell["cell_type"] == "code" else ()
        for page in sorted({page_of(path) for path in files}):
            found[page].append(book)
    return found


def imported(code: str) -> Iterator[Path]:
    """Files of the library that a cell imports from."""
    lines = [line for line in code.splitlines() if not line.lstrip().startswith(("%", "!"))]
    for node in ast.walk(ast.parse("\n".join(lines))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "jpu_edu":
            base = PACKAGE.joinpath(*node.module.split(".")[1:])
            files = [base.with_suffix(".py"), *(base / f"{alias.name}.py" for alias in node.names)]
            yield from (file for file in files if file.is_file())


def title(notebook: Path) -> str:
    """Of a walkthrough: its first line."""
    texts = ("".join(cell["source"]) for cell in cells(notebook) if cell["cell_type"] == "markdown")
    return next(texts).splitlines()[0].removeprefix("# ")


def lay(tree: Path, walkthroughs: Sequence[Path]) -> None:
    """A page for every file: its docstrings, the walkthroughs that read it, its text. A page for every folder."""
    read_by = readers(walkthroughs)
    folders: defaultdict[Path, list[str]] = defaultdict(list)
    for path in modules():
        page, name = page_of(path), ".".join(path.relative_to(ROOT).with_suffix("").parts)
        docstring = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
        here = Path(page).parent
        back = [f"[{title(book)}]({os.path.relpath(f'notebooks/{book.name}', here)})" for book in read_by[page]]
        text = f"# `{path.relative_to(ROOT).as_posix().replace('/__init__.py', '')}`\n\n"
        text += f"Read in {', '.join(back)}.\n\n" if back else ""
        text += f"```{{eval-rst}}\n.. automodule:: {name.removesuffix('.__init__')}\n   :members:\n```\n"
        (tree / here).mkdir(parents=True, exist_ok=True)
        if path.name == "__init__.py":
            folders[path.parent].insert(0, text)
            continue
        shutil.copyfile(path, tree / here / path.name)
        text += f"\n## The file\n\n```{{literalinclude}} {path.name}\n:language: python\n```\n"
        orphan = "---\norphan: true\n---\n\n" if path.parent != PACKAGE else ""
        (tree / page).write_text(orphan + text, encoding="utf-8")
        if path.parent != PACKAGE:
            first = " ".join(docstring.partition("\n\n")[0].split())
            folders[path.parent].append(f"- [`{path.name}`]({path.stem}.md): {first}\n")
    for folder, texts in folders.items():
        (tree / page_of(folder)).write_text("".join(texts), encoding="utf-8")
    names = [f"{folder.name}/index" for folder in folders] + [p.stem for p in modules() if p.parent == PACKAGE]
    (tree / "library/index.md").write_text(INDEX.replace("NAMES", "\n".join(names)), encoding="utf-8")
