"""The sheet holds every figure once, with words and a licence, and its SVGs are the same in every build."""

import json
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from typing import get_args
from xml.etree import ElementTree

import nbformat
import pytest

from figures import photographs, sheet
from jpu_edu.data.photos import Photo
from notebooks import build

SVG = "{http://www.w3.org/2000/svg}"
TINY = r"""# %% [markdown]
# # 91 · A tiny walkthrough
#
# **Time:** 1 minutes

# %%
import matplotlib.pyplot as plt
import torch
from ipywidgets import interact

from jpu_edu.data.photos import photo
from jpu_edu.draw import style
from jpu_edu.draw.show import show
from jpu_edu.widgets.split_conv_merge import split_conv_merge

assert "_keep" not in globals()
cat = photo("chelsea", size=(30, 45), grey=True)

# %% [markdown]
# ## 1. Lines & *stripes*

# %%
figure, axes = plt.subplots(figsize=(3, 2), layout="constrained")
axes.plot([0, 1], color=style.PHASES[0])
axes.fill_between([0, 1], [1, 2], hatch=style.Y_HATCH)
show(figure, alt="A line from 0 to 1; it is < 2.")

# %% [markdown]
# *The line* rises. It is no caption: text follows, "and *this* is none either".
#
# ## 2. A cat

# %%
figure, axes = plt.subplots(figsize=(3, 2))
axes.imshow(cat[0, 0])
show(figure, alt="A cat.")

# %% [markdown]
# *All cats
# are grey.* So is this one.

# %% tags=["nbval-ignore-output"]
def draw(k):
    figure, axes = plt.subplots(figsize=(1, 1))
    axes.plot([k])
    show(figure, alt="Shown for a slider, in no cell.")


interact(draw, k=(1, 3));

# %% [markdown]
# ### A thing to move

# %%
split_conv_merge(torch.arange(49).view(1, 1, 7, 7), torch.ones(1, 1, 3, 3, dtype=torch.long))
"""


@pytest.fixture(scope="module")
def stored():
    return sheet.stored()


def tiny(folder, text=TINY):
    path = folder / "notebooks" / "src" / "91_tiny.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """The tiny walkthrough, executed twice, in two folders."""
    return [sheet.execute(tiny(tmp_path_factory.mktemp(name))) for name in ("one", "other")]


class Images(HTMLParser):
    """The alternative texts of all <img>."""

    def __init__(self, html):
        super().__init__()
        self.alts = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        if tag == "img":
            self.alts.append(dict(attrs)["alt"])


# ---- what the committed notebooks hold ---------------------------------------------------------------------


def test_every_image_of_every_notebook_is_a_figure(stored):
    for source in build.sources():
        notebook = nbformat.read(build.target(source), as_version=4)
        pages = [output.get("data", {}).get("text/html", "") for output in build.outputs(notebook)]
        there = Counter(alt for page in pages for alt in Images(page).alts)
        assert Counter(figure.alt for figure in stored if figure.walkthrough == source.name[:2]) == there
    assert {figure.name for figure in stored if figure.kind == "drawing"} == set(sheet.drawings.NAMES)


def test_every_figure_has_words_a_licence_and_a_file(stored):
    for figure in stored:
        assert figure.caption and figure.alt and figure.section and figure.title, figure
        assert figure.licence.startswith("MIT, the jpu_edu authors")
        assert figure.files
        assert figure.png is None or figure.png.startswith(b"\x89PNG")
        assert figure.svg is None or ElementTree.fromstring(figure.svg).tag == f"{SVG}svg"


def test_names_are_unique_and_say_where_the_figure_stands(stored):
    assert len({figure.name for figure in stored}) == len(stored)
    shown = [figure for figure in stored if figure.walkthrough]
    running = Counter()
    for figure in shown:
        running[figure.walkthrough] += 1
        start = f"{figure.walkthrough}_{running[figure.walkthrough]:02}_"
        assert re.fullmatch(rf"{start}[a-z0-9]+(_[a-z0-9]+)*", figure.name), figure
    assert [figure.name for figure in shown] == sorted(figure.name for figure in shown)
    assert sheet.stored() == stored


def test_a_figure_that_shows_a_photograph_names_it(stored):
    for figure in stored:
        if re.search(r"\b(photograph|cat|motorcycle|astronaut)\b", figure.alt):
            assert "Made with a photograph: " in figure.licence, figure.alt


def test_a_project_without_notebooks_is_refused(tmp_path, root):
    (tmp_path / "figures").symlink_to(root / "figures")
    with pytest.raises(FileNotFoundError, match=r"no notebook in .*; python run\.py build"):
        sheet.stored(tmp_path)


# ---- photographs -------------------------------------------------------------------------------------------


def test_the_terms_of_every_photograph_of_the_course_are_known():
    assert set(photographs.TERMS) == {*get_args(Photo), "stereo_motorcycle"}
    assert "Lav Varshney, CC0 (skimage.data.camera)" in photographs.licence(["camera"])
    assert photographs.licence([]) == photographs.COURSE
    with pytest.raises(ValueError, match="look up its terms"):
        photographs.licence(["moon"])


@pytest.mark.parametrize(
    ("cells", "origin"),
    [
        ('x = photo("camera")|y = x + 1|show(y)', "camera"),
        ('x = photo("camera")|x = 1|show(x)', ""),
        ('x = photo("camera")|def f(x): return x|f(1)', ""),
        ('x = photo("camera")|def f(): return x|f()', "camera"),
        ("from skimage import data|x = data.coffee()|show(x)", "coffee"),
        ("from jpu_edu.data.motorcycle import motorcycle|m = motorcycle()|show(m)", "stereo_motorcycle"),
        ("from jpu_edu.widgets.ruler import ruler||ruler()", "rocket"),
        ("from jpu_edu.data.photos import photo||show(photo)", ""),
        ('a = []|a.append(photo("rocket"))|show(a)', "rocket"),
        ('a = {}|a["x"], b = photo("rocket"), 1|show(a)', "rocket"),
        ('x = photo("camera")|axes.imshow(x)|axes', ""),
        ('x = photo("camera")|[x for x in (1, 2)]|[x for x in (1, 2)]', ""),
        ('x, y = photo("camera"), photo("chelsea")|z = x|y + z', "camera chelsea"),
    ],
)
def test_what_is_made_from_a_photograph_keeps_its_name(cells, origin):
    assert photographs.of_cells(cells.split("|"))[-1] == set(origin.split())


# ---- executed ----------------------------------------------------------------------------------------------


def test_a_walkthrough_gives_its_figures_in_both_formats(executed):
    figures, wrong = executed[0]
    assert wrong == []
    assert [(figure.name, figure.kind, figure.caption) for figure in figures] == [
        ("91_01_lines_stripes", "figure", "A line from 0 to 1; it is < 2."),
        ("91_02_a_cat", "figure", "All cats are grey."),
        ("91_03_a_thing_to_move", "interactive", figures[2].alt),
    ]
    assert figures[0].title == "91 · A tiny walkthrough"
    assert all(figure.svg and figure.png for figure in figures)
    assert "Chelsea" in figures[1].licence
    assert "Made with" not in figures[0].licence + figures[2].licence


def test_two_builds_give_the_same_bytes(executed):
    (one, _), (other, _) = executed
    assert one == other


def test_an_svg_names_describes_and_licences_itself(executed):
    for figure in executed[0][0]:
        svg = ElementTree.fromstring(figure.svg)
        assert svg.get("role") == "img"
        assert svg.findtext(f"{SVG}title") == f"91 · A tiny walkthrough: {figure.section}"
        assert svg.findtext(f"{SVG}desc") == figure.alt
        assert figure.kind == "interactive" or figure.licence in "".join(svg.itertext())
        assert b"<dc:date>" not in figure.svg


def test_a_walkthrough_that_fails_gives_no_figure_and_says_why(tmp_path):
    figures, wrong = sheet.execute(tiny(tmp_path, TINY.replace("axes.imshow(cat[0, 0])", "axes.imshow(dog)")))
    assert figures == []
    assert any("NameError: name 'dog' is not defined" in line for line in wrong)


# ---- written -----------------------------------------------------------------------------------------------


def test_the_sheet_is_written_whole_and_read_back(executed, tmp_path):
    figures = executed[0][0]
    (tmp_path / "mine.txt").write_text("kept")
    sheet.write([*figures, replace(figures[0], name="91_09_gone")], tmp_path)
    assert (tmp_path / "91_09_gone.svg").exists()
    sheet.write(figures, tmp_path)
    there = {name for figure in figures for name in figure.files} | {"figures.json", "index.html", "mine.txt"}
    assert {path.name for path in tmp_path.iterdir()} == there
    assert sheet.load(tmp_path) == figures
    entries = json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))
    assert entries[1]["files"] == ["91_02_a_cat.svg", "91_02_a_cat.png"]
    with pytest.raises(FileNotFoundError, match=r"no figures\.json in .*nowhere; python figures/sheet\.py"):
        sheet.load(tmp_path / "nowhere")


def test_the_contact_sheet_needs_no_other_file(stored, executed):
    html = sheet.sheet([*stored, *executed[0][0]])
    sources = re.findall(r'\bsrc="([^"]{0,20})', html)
    assert len(sources) == len(stored) + 3
    assert all(source.startswith("data:image/") for source in sources)
    assert not re.search(r"<script|<iframe|@import|url\(", html)
    links = set(re.findall(r'\bhref="(?!#|data:)([^"]*)"', html))
    assert links == {name for figure in [*stored, *executed[0][0]] for name in figure.files}
    assert "prefers-color-scheme:dark" in html and "@media print" in html
    assert len(Images(html).alts) == len(sources) and all(Images(html).alts)


def test_the_page_of_the_site_is_built_without_a_warning(stored, executed, tmp_path):
    pytest.importorskip("myst_parser")
    from sphinx.cmd.build import build_main

    figures = [*stored, *executed[0][0]]
    (tmp_path / "conf.py").write_text('extensions = ["myst_parser"]\nmyst_enable_extensions = ["dollarmath"]\n')
    (tmp_path / "index.md").write_text(sheet.page(figures, images="pictures"), encoding="utf-8")
    sheet.save(figures, tmp_path / "pictures")
    assert build_main(["-W", "-q", "-b", "html", str(tmp_path), str(tmp_path / "out")]) == 0
    html = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    alts = Images(html).alts
    assert len(alts) == len(figures) and all(alts)
    named = [figure for figure in figures if figure.kind != "drawing" and figure.caption != figure.alt]
    assert named and {figure.alt for figure in named} <= set(alts)
    assert len(re.findall(r'href="_downloads/', html)) == sum(len(figure.files) for figure in figures)


def test_the_command_refuses_a_walkthrough_that_is_not_there(capsys):
    with pytest.raises(SystemExit):
        sheet.main(["77"])
    assert "no walkthrough '77'" in capsys.readouterr().err


def test_the_command_says_what_failed_and_leaves_it_out(tmp_path, monkeypatch, capsys):
    good, bad = tiny(tmp_path), tiny(tmp_path / "bad", TINY.replace("photo(", "foto("))
    figure = sheet.stored()[6]
    results = {good: ([replace(figure, walkthrough="91")], [], 1.0), bad: ([], ["cell 2: NameError"], 1.0)}

    class Pool:
        def __init__(self, max_workers):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def submit(self, _, source):
            job = sheet.build.functools.partial(results.get, source)
            job.result = job
            return job

    monkeypatch.setattr(sheet, "ProcessPoolExecutor", Pool)
    monkeypatch.setattr(sheet, "as_completed", list)
    monkeypatch.setattr(sheet.build, "sources", lambda _: [good, bad])
    assert sheet.main(["91", "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().out
    assert "FAILED: cell 2: NameError" in said
    assert "1 of 2 walkthroughs failed; their figures are not in the sheet" in said
    assert [figure.walkthrough for figure in sheet.load(tmp_path / "out")] == ["91"]
