"""The course as a static site: python -m notebooks.site.build [--out build/site]

Lays the executed walkthroughs, the exercises, the teacher's desk and a page for every file of the library out as
one tree, turns their links into links between pages, and lets Sphinx write it. Warnings are errors. The site needs
no server, no kernel and no network: open build/site/index.html.
"""

import argparse
import ast
import json
import os
import re
import shutil
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from sphinx.cmd.build import build_main

from figures import sheet
from notebooks.launch import launch, settings
from notebooks.slides import build as slides

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PACKAGE = ROOT / "jpu_edu"
LINK = re.compile(r"(\]\()([^)\s]+)(\))")
GLOSSARY = re.compile(r"^- \*\*(.+?)\*\*: (.+(?:\n  .+)*)", re.MULTILINE)


# ---- what there is -----------------------------------------------------------------------------------------


def walkthroughs() -> list[Path]:
    return sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))


def exercises() -> list[Path]:
    return sorted((ROOT / "notebooks" / "exercises").glob("[0-9][0-9]_*.ipynb"))


def modules() -> list[Path]:
    """The files of the library, floor by floor. Not the exercises' (they hold the answers) and not the graders'."""
    table = ast.get_docstring(ast.parse((PACKAGE / "__init__.py").read_text("utf-8"))) or ""
    floors = re.findall(r"^    (\w+)(?:, (\w+))? ", table, re.MULTILINE)
    order = {name: k for k, name in enumerate(name for pair in floors for name in pair if name)}
    del order["exercises"]
    parts = {path: path.relative_to(PACKAGE).with_suffix("").parts for path in PACKAGE.rglob("*.py")}
    return sorted((p for p in parts if parts[p][0] in order), key=lambda p: (order[parts[p][0]], parts[p]))


def page_of(path: Path) -> str:
    """The page of a file or folder of the library: library/ops/phases.md, library/ops/index.md."""
    inside = path.relative_to(PACKAGE)
    if path.is_dir() or path.name == "__init__.py":
        folder = inside if path.is_dir() else inside.parent
        return f"library/{folder.as_posix()}/index.md".replace("/./", "/")
    return f"library/{inside.with_suffix('.md').as_posix()}"


# ---- links -------------------------------------------------------------------------------------------------


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


def linked_files() -> Iterator[Path]:
    """Files of the repository that pages offer for download: records and tests."""
    for path in [*walkthroughs(), *exercises()]:
        for cell in json.loads(path.read_text("utf-8"))["cells"]:
            for _, target, _ in LINK.findall("".join(cell["source"])) if cell["cell_type"] == "markdown" else ():
                file = (path.parent / target).resolve()
                if file.is_file() and file.relative_to(ROOT).parts[0] in ("figures", "tests"):
                    yield file


# ---- pages -------------------------------------------------------------------------------------------------


def lay_notebook(path: Path, page: str, tree: Path) -> None:
    """A notebook with its links moved and, where the repository has an address, with buttons that start it."""
    notebook = json.loads(path.read_text("utf-8"))
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = relinked("".join(cell["source"]), source=path, page=page)
        for output in cell.get("outputs", ()):
            words = output.get("data", {}).get("text/markdown")
            if words:
                output["data"]["text/markdown"] = relinked("".join(words), source=path, page=page)
    repository, branch = settings()
    if repository:
        places = launch(repository, branch, path.relative_to(ROOT).as_posix())
        buttons = " ".join(f'<a class="launch" href="{url}">Open in {name.title()}</a>' for name, url in places.items())
        first = next(cell for cell in notebook["cells"] if cell["cell_type"] == "markdown")
        first["source"] += f"\n\n{buttons}"
    (tree / page).parent.mkdir(parents=True, exist_ok=True)
    (tree / page).write_text(json.dumps(notebook), encoding="utf-8")


def readers() -> dict[str, list[str]]:
    """Page of a library file -> the walkthroughs that link to it or import from it."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for path in walkthroughs():
        pages = set()
        for cell in json.loads(path.read_text("utf-8"))["cells"]:
            text = "".join(cell["source"])
            if cell["cell_type"] == "markdown":
                names = [target for _, target, _ in LINK.findall(text) if target.startswith("../jpu_edu")]
                pages |= {page_of((path.parent / name).resolve()) for name in names}
            else:
                pages |= {page_of(file) for file in imported(text)}
        for page in sorted(pages):
            found[page].append(path.stem)
    return found


def imported(code: str) -> Iterator[Path]:
    """Files of the library that a cell imports from."""
    lines = [line for line in code.splitlines() if not line.lstrip().startswith(("%", "!"))]
    for node in ast.walk(ast.parse("\n".join(lines))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "jpu_edu":
            base = PACKAGE.joinpath(*node.module.split(".")[1:])
            files = [base.with_suffix(".py"), *(base / f"{alias.name}.py" for alias in node.names)]
            yield from (file for file in files if file.is_file())


def title_of(stem: str) -> str:
    cells = json.loads((ROOT / "notebooks" / f"{stem}.ipynb").read_text("utf-8"))["cells"]
    return next("".join(c["source"]) for c in cells if c["cell_type"] == "markdown").splitlines()[0].removeprefix("# ")


def lay_library(tree: Path) -> None:
    """A page for every file: its docstrings, the walkthroughs that read it, its text. A page for every folder."""
    read_by = readers()
    folders: defaultdict[Path, list[str]] = defaultdict(list)
    for path in modules():
        page, name = page_of(path), ".".join(path.relative_to(ROOT).with_suffix("").parts)
        docstring = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
        here = Path(page).parent
        back = [f"[{title_of(stem)}]({os.path.relpath(f'notebooks/{stem}.ipynb', here)})" for stem in read_by[page]]
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
            folders[path.parent].append(
                f"- [`{path.name}`]({path.stem}.md): {' '.join(docstring.split(chr(10) * 2)[0].split())}\n"
            )
    for folder, texts in folders.items():
        (tree / page_of(folder)).write_text("".join(texts), encoding="utf-8")
    names = [f"{folder.name}/index" for folder in folders] + [p.stem for p in modules() if p.parent == PACKAGE]
    lines = "\n".join(names)
    text = (
        "# The library\n\n```{eval-rst}\n.. automodule:: jpu_edu\n```\n\n```{toctree}\n:maxdepth: 1\n\n"
        + lines
        + "\n```\n"
    )
    (tree / "library/index.md").write_text(text, encoding="utf-8")


def lay_glossary(tree: Path) -> None:
    """Every word of the glossaries, with the walkthrough that introduces it first."""
    words: dict[str, tuple[str, str, str]] = {}
    for path in walkthroughs():
        for cell in json.loads(path.read_text("utf-8"))["cells"]:
            for word, meaning in GLOSSARY.findall("".join(cell["source"]).partition("**Glossary.**")[2]):
                words.setdefault(word.partition(" (")[0].lower(), (word, " ".join(meaning.split()), path.stem))
    lines = ["# Every word", "", ":::{glossary}"]
    for _, (word, meaning, stem) in sorted(words.items()):
        meaning = relinked(meaning, source=ROOT / "notebooks" / "x", page="glossary.md")
        lines += [word, f"  {meaning} [{stem[:2]}](notebooks/{stem}.ipynb)", ""]
    (tree / "glossary.md").write_text("\n".join([*lines, ":::", ""]), encoding="utf-8")


def lay_index(tree: Path) -> None:
    """The first page: its words from pages/index.md, the animation of walkthrough 03 as it stands there."""
    (home,) = (path for path in walkthroughs() if path.name.startswith("03_"))
    outputs = [o for cell in json.loads(home.read_text("utf-8"))["cells"] for o in cell.get("outputs", ())]
    stepper = next(html for o in outputs if "jpu-stepper" in (html := "".join(o.get("data", {}).get("text/html", ""))))
    rows = "\n".join(f"notebooks/{path.stem}" for path in walkthroughs())
    sheets = "\n".join(f"exercises/{path.stem}" for path in exercises())
    text = (HERE / "pages" / "index.md").read_text("utf-8")
    text = text.replace("STEPPER", f"```{{raw}} html\n{stepper}\n```").replace("WALKTHROUGHS", rows)
    (tree / "index.md").write_text(text.replace("EXERCISES", sheets), encoding="utf-8")


def lay_figures(tree: Path) -> None:
    """The sheet of every figure; with all its SVGs where `python run.py sheet` has drawn them."""
    made = ROOT / "build" / "figures"
    figures = sheet.load(made) if (made / sheet.INDEX).exists() else sheet.stored(ROOT)
    sheet.save(figures, tree / "figures" / "sheet")
    (tree / "figures.md").write_text(sheet.page(figures, images="figures/sheet"), encoding="utf-8")


def lay(tree: Path) -> None:
    """Everything that Sphinx reads, in one new folder."""
    for path in walkthroughs():
        lay_notebook(path, f"notebooks/{path.name}", tree)
    for path in exercises():
        lay_notebook(path, f"exercises/{path.name}", tree)
    for file in linked_files():
        copy = tree / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
    shutil.copytree(HERE / "pages" / "teach", tree / "teach")
    lay_library(tree)
    lay_glossary(tree)
    lay_figures(tree)
    lay_index(tree)


def build(out: Path) -> int:
    """Write the site and the slides to `out`; return Sphinx's exit code. A failed build leaves the old site alone."""
    out = out.resolve()
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix="site-") as scratch:
        tree, new = Path(scratch, "source"), Path(scratch, "html")
        tree.mkdir()
        lay(tree)
        options = [
            "-b",
            "html",
            "-c",
            str(HERE),
            "-d",
            str(Path(scratch, "doctrees")),
            "-W",
            "--keep-going",
            "-q",
            "-j",
            "auto",
        ]
        failed = build_main([*options, str(tree), str(new)])
        if failed:
            return failed
        slides.build((), new / "slides")
        if out.exists():
            shutil.rmtree(out)
        new.rename(out)
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "site", help="default: build/site")
    out = parser.parse_args().out
    failed = build(out)
    if not failed:
        print(f"The site is at {out.resolve() / 'index.html'}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
