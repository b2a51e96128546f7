"""The sheet: every figure of the course as SVG and PNG, with its caption and its licence.

    python figures/sheet.py [NN ...] [--out FOLDER]    draw all again, or those of some walkthroughs (minutes)
    python figures/sheet.py --quick                    only what the committed files hold (seconds)

The figures are the drawings of figures/build.py, what the walkthroughs show, and posters of their interactives. A
walkthrough holds PNGs; for SVGs it is executed again, and gives the same bytes again, but for what it measures (the
roof of the machine in 13). Most interactives have a PNG only. FOLDER (build/figures)
receives NAME.svg, NAME.png, figures.json and index.html, a contact sheet that needs no other file.

For a page of the site:

    stored(root)            the figures of the committed files, in order; nothing is executed
    load(folder)            the figures of a sheet that was built, with all SVGs
    save(figures, folder)   their files, NAME.svg and NAME.png as far as there are any; a list of the paths
    page(figures, images=)  the sheet as MyST Markdown; `images` is that folder as seen from the page
"""

import argparse
import base64
import hashlib
import io
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from html import escape, unescape
from itertools import groupby
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from figures import build as drawings  # noqa: E402
from figures.photographs import COURSE, licence, of_cells  # noqa: E402
from jpu_edu.data.files import written_whole  # noqa: E402
from jpu_edu.draw import style  # noqa: E402
from jpu_edu.draw.show import CSS_DPI, SCREEN_DPI  # noqa: E402
from notebooks import build  # noqa: E402

OUT = ROOT / "build" / "figures"
DPI = 200  # of the drawings' PNGs; the walkthroughs' are those that they show
THUMB = 720  # pixels, the longest side of a picture inside index.html
INDEX = "figures.json"

IMAGE = re.compile(r'<img (class="poster" )?alt="([^"]*)"[^>]*?src="data:image/(png|svg\+xml);base64,([^"]+)">')
HEADING = re.compile(r"^(#{1,3}) (.+)$", re.MULTILINE)
CAPTION = re.compile(r"\*([^*]+[.?])\*(?!\*)")  # whole sentences; "*Split* means" is none

# Runs before the first cell of a walkthrough, and leaves no name behind. The file's name is what `picture` returned:
# a figure that is drawn for a slider and shown in no cell is found by nobody.
HOOK = """\
def _keep(folder):
    import hashlib, io, pathlib
    import matplotlib
    from jpu_edu.draw import show, style
    plain, rc = show.picture, style.rc()
    def picture(figure, *, alt):
        html, svg = plain(figure, alt=alt), io.BytesIO()
        with matplotlib.rc_context({{key: rc[key] for key in ("svg.fonttype", "svg.hashsalt")}}):
            figure.savefig(svg, format="svg", metadata={{"Date": None}})
        pathlib.Path(folder, hashlib.sha256(html.encode()).hexdigest()).write_bytes(svg.getvalue())
        return html
    show.picture = picture
_keep({folder!r})
del _keep"""


@dataclass(frozen=True)
class Figure:
    """One figure of the course.

    name: of its files; walkthrough, place in it, and its section's first words.
    walkthrough, title: "03" and the walkthrough's heading; "" and "Drawings" for those of figures/build.py.
    section: the heading above it; of a drawing, its title.
    kind: "drawing", "figure" or "interactive" (a poster, the still picture of a thing to move).
    caption: the claim printed below it, as Markdown; where nothing is printed there, its alternative text.
    alt: what is seen, for who does not see it.
    licence: whose it is, and whose the photographs in it are.
    svg, png: the files' bytes; None where there is no such file.
    """

    name: str
    walkthrough: str
    title: str
    section: str
    kind: str
    caption: str
    alt: str
    licence: str
    svg: bytes | None = field(default=None, repr=False)
    png: bytes | None = field(default=None, repr=False)

    @property
    def files(self) -> dict[str, bytes]:
        """Bytes by file name."""
        both = {f"{self.name}.svg": self.svg, f"{self.name}.png": self.png}
        return {name: data for name, data in both.items() if data is not None}


# ---- collecting --------------------------------------------------------------------------------------------


def stored(root: Path = ROOT) -> list[Figure]:
    """What the committed files hold: drawings as SVG, the walkthroughs' figures as PNG. Executes nothing.

    Raises:
        FileNotFoundError: a drawing or all walkthroughs are not there.
    """
    found = [_drawing(name, (root / "figures" / f"{name}.svg").read_bytes(), None) for name in drawings.NAMES]
    notebooks = sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    if not notebooks:
        raise FileNotFoundError(f"stored: no notebook in {root / 'notebooks'}; python run.py build makes them")
    for path in notebooks:
        found += of_notebook(nbformat.read(path, as_version=4), path.stem[:2])
    return found


def _drawing(name: str, svg: bytes, png: bytes | None) -> Figure:
    script = drawings.load(name)
    return Figure(name, "", "Drawings", script.TITLE, "drawing", script.CAPTION, script.TITLE, COURSE, svg, png)


def drawn() -> list[Figure]:
    """The drawings of figures/build.py, drawn again."""
    import matplotlib

    found = []
    for name in drawings.NAMES:
        png = io.BytesIO()
        with matplotlib.rc_context(style.rc()):
            drawings.load(name).draw().savefig(png, format="png", dpi=DPI)
        found.append(_drawing(name, drawings.render(name).encode(), png.getvalue()))
    return found


def of_notebook(notebook: NotebookNode, walkthrough: str, svgs: Mapping[str, bytes] | None = None) -> list[Figure]:
    """The figures and posters in the outputs of an executed walkthrough, in order.

    Args:
        notebook: with outputs.
        walkthrough: its number, two digits.
        svgs: what the hook has kept, by the digest of the HTML that shows it.
    """
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    photographs = dict(zip(map(id, code), of_cells(cell.source for cell in code), strict=True))
    found: list[Figure] = []
    title = section = f"Walkthrough {walkthrough}"
    for cell, after in zip(notebook.cells, [*notebook.cells[1:], None], strict=True):
        if cell.cell_type == "markdown":
            for level, words in HEADING.findall(cell.source):
                title, section = (words, words) if level == "#" else (title, words)
            continue
        terms = licence(photographs[id(cell)])
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            for image in IMAGE.finditer(data.get("text/html", "")):
                poster, alt, kind, packed = image.groups()
                alt, pixels = unescape(alt), base64.b64decode(packed)
                if kind == "png":
                    svg, png = (svgs or {}).get(hashlib.sha256(image[0].encode()).hexdigest()), pixels
                else:  # an animation's poster; beside it stands the same as PNG
                    svg, png = pixels, base64.b64decode(data["image/png"])
                found.append(
                    Figure(
                        name=f"{walkthrough}_{len(found) + 1:02}_{_slug(section)}",
                        walkthrough=walkthrough,
                        title=title,
                        section=section,
                        kind="interactive" if poster else "figure",
                        caption=_caption(after) or alt,
                        alt=alt,
                        licence=terms,
                        svg=svg and described(svg, f"{title}: {section}", alt, terms),
                        png=png,
                    )
                )
    return found


def _slug(heading: str) -> str:
    """The first words of a heading, in letters that every file system takes."""
    words = re.findall(r"[a-z0-9]+", re.sub(r"^\d+\. ", "", heading).replace("'", "").lower())
    return "_".join(words[:4]) or "figure"


def _caption(cell: NotebookNode | None) -> str:
    """The italic sentences that begin the text below a figure, or ""."""
    match = CAPTION.match(cell.source) if cell and cell.cell_type == "markdown" else None
    return " ".join(match[1].split()) if match else ""


def described(svg: bytes, title: str, words: str, terms: str) -> bytes:
    """The SVG with a name and a description where a screen reader finds them, and its licence where programs look."""
    rights = f"<dc:rights><cc:Agent><dc:title>{escape(terms)}</dc:title></cc:Agent></dc:rights>"
    text = svg.decode().replace("</cc:Work>", f"{rights}</cc:Work>", 1)  # an animation's poster has no such place
    start = text.index(">", text.index("<svg")) + 1
    opening = text[:start].replace("<svg ", '<svg role="img" ', 1)
    return f"{opening}\n<title>{escape(title)}</title>\n<desc>{escape(words)}</desc>{text[start:]}".encode()


def execute(source: Path) -> tuple[list[Figure], list[str]]:
    """Execute a walkthrough from its source and collect its figures with their SVGs.

    Returns:
        The figures, and what went wrong, a line each. With problems there are no figures.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # the cores are shared out already
    notebook = build.read(source)
    with tempfile.TemporaryDirectory(prefix="jpu_edu-") as folder:
        notebook.cells.insert(0, new_code_cell(HOOK.format(folder=folder)))
        try:
            build.execute(notebook, folder=source.parent.parent)
        except (build.CellTimeoutError, build.DeadKernelError) as error:
            return [], [str(error).strip().splitlines()[0]]
        svgs = {path.name: path.read_bytes() for path in Path(folder).iterdir()}
    hook = notebook.cells.pop(0)
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.execution_count:
            cell.execution_count -= 1
    wrong = [build.text_of(output) for output in hook.outputs] + build.problems(notebook)
    figures = of_notebook(notebook, source.stem[:2], svgs)
    wrong += [f"{figure.name}: no SVG" for figure in figures if figure.kind == "figure" and not figure.svg]
    return ([], wrong) if wrong else (figures, [])


# ---- writing -----------------------------------------------------------------------------------------------


def save(figures: Iterable[Figure], folder: Path) -> list[Path]:
    """Write the figures' files, each in one move."""
    paths = []
    for figure in figures:
        for name, data in figure.files.items():
            with written_whole(folder / name) as half:
                half.write_bytes(data)
            paths.append(folder / name)
    return paths


def load(folder: Path) -> list[Figure]:
    """The figures of a sheet that was built in this folder.

    Raises:
        FileNotFoundError: there is no sheet, or one of its files is missing.
    """
    if not (folder / INDEX).is_file():
        raise FileNotFoundError(f"load: no {INDEX} in {folder}; python figures/sheet.py makes the sheet")
    found = []
    for entry in json.loads((folder / INDEX).read_text(encoding="utf-8")):
        files = {Path(name).suffix[1:]: (folder / name).read_bytes() for name in entry.pop("files")}
        found.append(Figure(**entry, **files))
    return found


def write(figures: Sequence[Figure], folder: Path) -> None:
    """The whole sheet. What an older sheet in this folder had and this one has not is removed; nothing else is."""
    index = folder / INDEX
    before = json.loads(index.read_text(encoding="utf-8")) if index.is_file() else []
    old = {Path(name).name for entry in before for name in entry["files"]}
    save(figures, folder)
    entries = [
        {key: value for key, value in asdict(figure).items() if key not in ("svg", "png")}
        | {"files": list(figure.files)}
        for figure in figures
    ]
    for name, text in (("index.html", sheet(figures)), (INDEX, json.dumps(entries, ensure_ascii=False, indent=1))):
        with written_whole(folder / name) as half:
            half.write_text(text + "\n", encoding="utf-8", newline="\n")
    for name in old - {name for figure in figures for name in figure.files}:
        (folder / name).unlink(missing_ok=True)


def _groups(figures: Iterable[Figure]) -> list[tuple[str, list[Figure]]]:
    return [(title, list(group)) for title, group in groupby(figures, key=lambda figure: figure.title)]


KINDS = {"drawing": "Drawing", "figure": "Figure", "interactive": "Poster of an interactive"}
INTRO = (
    "Every figure of the course, for slides and papers. Each SVG names and describes itself to a screen reader. "
    "Most interactives have a PNG only: they move on the walkthrough's page."
)


def page(figures: Iterable[Figure], *, images: str) -> str:
    """The sheet as MyST Markdown: a heading a walkthrough; picture, words, links and licence a figure.

    Args:
        figures: from `stored` or `load`.
        images: the folder that `save` wrote to, as seen from the page, such as "figures".
    """
    lines = ["# Every figure", "", INTRO, ""]
    for title, group in _groups(figures):
        lines += [f"## {title}", ""]
        for figure in group:
            shown, drawing = f"{figure.name}.{'png' if figure.png else 'svg'}", figure.kind == "drawing"
            words = figure.caption if figure.alt != figure.caption and not drawing else _literal(figure.caption)
            head = _literal(figure.section) if drawing else figure.section
            links = " · ".join(
                f"{{download}}`{Path(name).suffix[1:].upper()} <{images}/{name}>`" for name in figure.files
            )
            lines += [
                f"```{{figure}} {images}/{shown}",
                f":alt: {json.dumps(_alt(figure), ensure_ascii=False)}",
                *([f":width: {_width(figure.png)}px"] if figure.png else []),
                "",
                f"**{head}{'' if head[-1] in '.?' else '.'}** {words}",
                "",
                f"{KINDS[figure.kind]} `{figure.name}` · {links} · {_literal(figure.licence)}",
                "```",
                "",
            ]
    return "\n".join(lines)


def _alt(figure: Figure) -> str:
    """What a screen reader says in place of the picture: not the same words that stand below it."""
    return figure.alt if figure.alt != figure.caption else f"{figure.section}; described below."


def _literal(text: str) -> str:
    """Text that Markdown shows as it is."""
    return re.sub(r"([\\`*_{}\[\]<>$|#~])", r"\\\1", text)


def _width(png: bytes) -> int:
    """At which a picture is shown, in CSS pixels."""
    return round(Image.open(io.BytesIO(png)).width * CSS_DPI / SCREEN_DPI)


def _thumb(figure: Figure) -> str:
    """A small picture inside the page: whatever the file's size."""
    if not figure.png:
        return f"data:image/svg+xml;base64,{base64.b64encode(figure.svg or b'').decode()}"
    small, packed = Image.open(io.BytesIO(figure.png)).convert("RGBA"), io.BytesIO()
    small.thumbnail((THUMB, THUMB))
    small.save(packed, format="webp", quality=82)
    return f"data:image/webp;base64,{base64.b64encode(packed.getvalue()).decode()}"


STYLE = """
:root{color-scheme:light dark;--paper:#fff;--card:#f6f7f9;--ink:#1b1f24;--soft:#5f6873;--line:#d9dde2;--link:#0b63a5}
@media (prefers-color-scheme:dark){
:root{--paper:#14181d;--card:#1d232a;--ink:#eceff3;--soft:#a3adb8;--line:#343c46;--link:#7cc0f2}}
body{margin:0 auto;max-width:1240px;padding:16px 20px 60px;background:var(--paper);color:var(--ink);
font:16px/1.5 system-ui,sans-serif}
h1{font-size:1.7rem;margin:.4em 0}h2{font-size:1.25rem;margin:2em 0 .6em;scroll-margin-top:8px}
a{color:var(--link)}nav{display:flex;flex-wrap:wrap;gap:4px 18px}
.grid{display:grid;gap:18px;grid-template-columns:repeat(auto-fill,minmax(min(100%,360px),1fr));align-items:start}
figure{margin:0;background:var(--card);border:1px solid var(--line);border-radius:10px;overflow:hidden}
figure>a{display:block;background:#fff}
img{display:block;width:100%;max-height:340px;object-fit:contain;padding:8px;box-sizing:border-box}
figcaption{padding:10px 14px 12px;font-size:.92rem;overflow-wrap:anywhere}
figcaption p{margin:.35em 0}.small{color:var(--soft);font-size:.8rem}summary{cursor:pointer}
@media print{
body{background:#fff;color:#000;max-width:none;padding:0;font-size:10pt}nav,summary{display:none}
.grid{grid-template-columns:1fr 1fr}figure{break-inside:avoid;border-color:#bbb;background:#fff}h2{break-after:avoid}}
""".strip()


def sheet(figures: Sequence[Figure]) -> str:
    """index.html: the contact sheet with small pictures inside it and links to the files beside it."""
    groups = _groups(figures)
    links = "".join(f'<a href="#g{k}">{_text(title)}</a>' for k, (title, _) in enumerate(groups))
    body = []
    for k, (title, group) in enumerate(groups):
        cards = "\n".join(map(_card, group))
        body.append(f'<section id="g{k}"><h2>{_text(title)}</h2><div class="grid">\n{cards}\n</div></section>')
    newline = "\n"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><title>Every figure</title>'
        f'<link rel="icon" href="data:,"><style>{STYLE}</style></head><body>\n<h1>Every figure</h1>\n<p>{INTRO}</p>\n'
        f"<nav>{links}</nav>\n{newline.join(body)}\n</body></html>"
    )


def _card(figure: Figure) -> str:
    files = " · ".join(
        f'<a href="{name}">{Path(name).suffix[1:].upper()}</a> {len(data) / 1024:,.0f} kB'
        for name, data in figure.files.items()
    )
    more = ""
    if figure.caption != figure.alt and figure.kind != "drawing":
        more = f"<details><summary>In words</summary><p>{escape(figure.alt)}</p></details>"
    return (
        f'<figure id="{figure.name}"><a href="{next(iter(figure.files))}">'
        f'<img loading="lazy" alt="{escape(_alt(figure))}" src="{_thumb(figure)}"></a><figcaption>'
        f"<p><b>{_text(figure.section)}</b></p><p>{_text(figure.caption)}</p>{more}"
        f'<p>{files}</p><p class="small">{KINDS[figure.kind]} <code>{figure.name}</code>. {escape(figure.licence)}</p>'
        "</figcaption></figure>"
    )


def _text(markdown: str) -> str:
    """A line of Markdown as HTML, as far as headings and captions use it: code, and marks that are left out."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", escape(markdown))
    return re.sub(r"[*$]", "", re.sub(r"`([^`]*)`", r"<code>\1</code>", text))


# ---- the command -------------------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the sheet. Returns the exit code: 1 where a walkthrough failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("numbers", nargs="*", metavar="NN", help="two digits of a walkthrough; none means all")
    parser.add_argument("--out", type=Path, default=OUT, metavar="FOLDER", help="default: build/figures")
    parser.add_argument("--quick", action="store_true", help="execute nothing; SVGs only where they are stored")
    options = parser.parse_args(arguments)
    try:
        sources = build.sources(options.numbers)
    except ValueError as error:
        parser.error(str(error))
    started, failed = time.perf_counter(), 0
    chosen = {source.stem[:2] for source in sources}
    if options.quick:
        figures = [figure for figure in stored() if not options.numbers or figure.walkthrough in chosen]
    else:
        kept = load(options.out) if options.numbers and (options.out / INDEX).is_file() else []
        figures = [figure for figure in kept if figure.walkthrough not in chosen]
        if not options.numbers:
            figures = drawn()
            print(f"{'drawings':<36}{len(figures):>3} figures", flush=True)
        workers = min(len(sources), len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2)
        with ProcessPoolExecutor(max_workers=workers) as pool:
            jobs = {pool.submit(_timed, source): source for source in sources}
            for job in as_completed(jobs):
                found, wrong, seconds = job.result()
                print(f"{jobs[job].stem:<36}{len(found):>3} figures{seconds:>8.1f} s", flush=True)
                for problem in wrong:
                    print(f"    FAILED: {problem}", flush=True)
                failed += bool(wrong)
                figures += found
        order = {name: k for k, name in enumerate(drawings.NAMES)}
        figures.sort(key=lambda figure: (figure.walkthrough, order.get(figure.name, 0), figure.name))
    write(figures, options.out)
    sizes = {kind: sum(len(getattr(figure, kind) or b"") for figure in figures) / 1e6 for kind in ("svg", "png")}
    counts = {kind: sum(getattr(figure, kind) is not None for figure in figures) for kind in ("svg", "png")}
    print(
        f"{len(figures)} figures in {time.perf_counter() - started:.0f} s: "
        f"{counts['svg']} SVG ({sizes['svg']:.1f} MB), {counts['png']} PNG ({sizes['png']:.1f} MB); "
        f"open {options.out / 'index.html'}"
    )
    if failed:
        print(f"{failed} of {len(sources)} walkthroughs failed; their figures are not in the sheet")
    return 1 if failed else 0


def _timed(source: Path) -> tuple[list[Figure], list[str], float]:
    started = time.perf_counter()
    found, wrong = execute(source)
    return found, wrong, time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
