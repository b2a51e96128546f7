"""The course as a static site: python -m notebooks.site.build [--out build/site]

Lays the executed walkthroughs, the exercises, the teacher's desk and a page for every file of the library out as
one tree, turns their links into links between pages, and lets Sphinx write it. Warnings are errors. The site needs
no server, no kernel and no network: open build/site/index.html.
"""

import argparse
import json
import re
import shutil
import sys
import tempfile
from pathlib import Path

from sphinx.cmd.build import build_main

from figures import sheet
from notebooks.launch import launch, settings
from notebooks.site import library
from notebooks.site.links import ROOT, cells, relinked, targets
from notebooks.slides import build as slides

HERE = Path(__file__).resolve().parent
MARK = ".buildinfo"  # Sphinx leaves it in what it writes
GLOSSARY = re.compile(r"^- \*\*(.+?)\*\*: (.+(?:\n  .+)*)", re.MULTILINE)


def exercises() -> list[Path]:
    return sorted((ROOT / "notebooks" / "exercises").glob("[0-9][0-9]_*.ipynb"))


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


def lay_glossary(tree: Path) -> None:
    """Every word of the glossaries, with the walkthrough that introduces it first."""
    words: dict[str, tuple[str, str, str]] = {}
    for path in slides.walkthroughs():
        for cell in cells(path):
            for word, meaning in GLOSSARY.findall("".join(cell["source"]).partition("**Glossary.**")[2]):
                words.setdefault(word.partition(" (")[0].lower(), (word, " ".join(meaning.split()), path.stem))
    lines = ["# Every word", "", ":::{glossary}"]
    for _, (word, meaning, stem) in sorted(words.items()):
        meaning = relinked(meaning, source=ROOT / "notebooks" / "x", page="glossary.md")
        lines += [word, f"  {meaning} [{stem[:2]}](notebooks/{stem}.ipynb)", ""]
    (tree / "glossary.md").write_text("\n".join([*lines, ":::", ""]), encoding="utf-8")


def lay_index(tree: Path) -> None:
    """The first page: its words from pages/index.md, the animation of walkthrough 03 as it stands there."""
    (home,) = slides.walkthroughs(["03"])
    outputs = [output for cell in cells(home) for output in cell.get("outputs", ())]
    stepper = next(html for o in outputs if "jpu-stepper" in (html := "".join(o.get("data", {}).get("text/html", ""))))
    rows = "\n".join(f"notebooks/{path.stem}" for path in slides.walkthroughs())
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
    books = {path: f"notebooks/{path.name}" for path in slides.walkthroughs()}
    books |= {path: f"exercises/{path.name}" for path in exercises()}
    for path, page in books.items():
        lay_notebook(path, page, tree)
    offered = [
        file for path in books for file in targets(path) if file.relative_to(ROOT).parts[0] in ("figures", "tests")
    ]
    for file in offered:  # drawings to show; records and tests to download
        copy = tree / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
    shutil.copytree(HERE / "pages" / "teach", tree / "teach")
    library.lay(tree, slides.walkthroughs())
    lay_glossary(tree)
    lay_figures(tree)
    lay_index(tree)


def build(out: Path) -> int:
    """Write the site and the slides to `out`; return Sphinx's exit code. A failed build leaves the old site alone.

    Raises:
        FileExistsError: `out` holds something else than a site; nothing of it is touched.
    """
    out = out.resolve()
    if out.exists() and not (out / MARK).is_file() and not (out.is_dir() and not any(out.iterdir())):
        raise FileExistsError(f"site: {out} holds something else than a site; name a new folder with --out")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix="site-") as scratch:
        tree, new = Path(scratch, "source"), Path(scratch, "html")
        tree.mkdir()
        lay(tree)
        doctrees = str(Path(scratch, "doctrees"))
        options = ["-b", "html", "-W", "--keep-going", "-q", "-j", "auto", "-c", str(HERE), "-d", doctrees]
        failed = build_main([*options, str(tree), str(new)])
        if failed:
            return failed
        slides.build((), new / "slides")
        if out.exists():
            out.rename(Path(scratch, "old"))
        new.rename(out)
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "site", help="default: build/site")
    out = parser.parse_args().out
    try:
        failed = build(out)
    except FileExistsError as error:
        print(error, file=sys.stderr)
        return 1
    if not failed:
        print(f"The site is at {out.resolve() / 'index.html'}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
