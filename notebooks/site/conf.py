"""How Sphinx reads the pages that `python -m notebooks.site.build` lays out. One build, no request, no warning."""

import sys
import tomllib
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT))

from notebooks.launch import settings  # noqa: E402
from notebooks.site import docstrings  # noqa: E402
from notebooks.slides.prose import formula  # noqa: E402

with (ROOT / "pyproject.toml").open("rb") as file:
    META = tomllib.load(file)["project"]
REPOSITORY, BRANCH = settings()

project, author, release = "jpu_edu", "the authors of jpu_edu", META["version"]
copyright = f"{author}, MIT licence"
extensions = [
    "myst_nb",
    "sphinx_design",
    "sphinx.ext.autodoc",
]
myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist", "dollarmath", "html_image"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # the committed outputs are the ones that the tests compare
nb_merge_streams = True
nb_render_markdown_format = "myst"  # links in outputs lead to pages, too

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "mixed"
autodoc_preserve_defaults = True
autodoc_inherit_docstrings = False
suppress_warnings = ["ref.python"]  # two classes may have one name in two files; each page knows its own
python_use_unqualified_type_names = True

highlight_language = "none"  # of blocks in docstrings: most are tables of letters
add_module_names = False

html_theme = "sphinx_book_theme"
html_context = {"default_mode": "auto"}
html_title = "jpu_edu"
html_static_path = [str(HERE / "static")]
html_css_files = ["site.css"]
html_js_files = [("site.js", {"defer": "defer"})]
html_copy_source = True  # the notebooks, for the download button
html_show_sourcelink = False
html_show_search_summary = False  # a page opened from a file may not fetch the others
html_theme_options = {
    "navbar_persistent": [],
    "show_navbar_depth": 1,
    "show_toc_level": 2,
    "home_page_in_toc": True,
    "use_download_button": True,
    "use_fullscreen_button": False,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
if REPOSITORY:
    html_theme_options |= {"repository_url": REPOSITORY, "repository_branch": BRANCH, "use_repository_button": True}


def tidy(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Our docstrings are plain text with `code`; make them reStructuredText."""
    lines[:] = docstrings.restructured(lines)


def mathml(visitor: object, node: nodes.Node) -> None:
    """Formulas as MathML, which browsers draw by themselves: no script, and screen readers can read them."""
    block = isinstance(node, nodes.math_block)
    drawn = formula(node.astext(), block=block)
    long = " long" if len(node.astext()) > 30 else ""  # may be wider than a phone
    visitor.body.append(f'<div class="math">{drawn}</div>' if block else f'<span class="math{long}">{drawn}</span>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    app.connect("autodoc-process-docstring", tidy)
    app.add_html_math_renderer("mathml", (mathml, None), (mathml, None))


html_math_renderer = "mathml"
