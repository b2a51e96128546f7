"""The page that a student gets back: nbgrader's, with the solutions, formulas without a script, and no way out.

A page holds a stranger's Markdown and output. It is shown under a policy that allows pictures in the page and nothing
else: no script runs, no request leaves.
"""

from typing import Any

import nbformat
from jinja2 import DictLoader, pass_context
from nbconvert.exporters import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor
from nbformat import NotebookNode
from nbgrader.converters import GenerateFeedback
from nbgrader.preprocessors import GetGrades, NbGraderPreprocessor
from traitlets import List, default

from jpu_edu.school import sheets

try:
    from docutils.utils.math import MathError
    from docutils.utils.math.latex2mathml import tex2mathml
except ImportError:  # it comes with the course, and not with nbgrader
    MathError = tex2mathml = None

#: nbgrader's template asks for MathJax in the head of its page; it gets this.
POLICY = """{% macro mathjax(url="") %}
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<style>
  summary { display: list-item; cursor: pointer; font-weight: bold; }
  pre, .output_html { overflow-x: auto; }
  p code { overflow-wrap: anywhere; }
  div.nbgrader_cell .panel-heading { height: auto !important; overflow: hidden; }
  .panel-heading a { color: inherit !important; text-decoration: underline; }
  .panel-footer { border-left: 4px solid #E69F00; }
  @media (max-width: 700px) {
    .container, .panel-body, div.cell, h4 { padding-left: 2px !important; padding-right: 2px !important; }
    div.nbgrader_cell .panel-body { padding: 6px !important; }
    .output_html img { max-width: none !important; width: 620px; }
  }
  @media (prefers-color-scheme: dark) {
    html { background: white; filter: invert(0.9) hue-rotate(180deg); }
    img { filter: invert(1) hue-rotate(180deg); }
  }
</style>
{% endmacro %}"""


class Prose(IPythonRenderer):
    """Markdown for a page that travels alone.

    TeX becomes MathML, which a browser draws by itself; what the converter does not know stays TeX. A link to a file of
    the course becomes its text.
    """

    def link(self, text: str, url: str, title: str | None = None) -> str:
        return super().link(text, url, title) if url.startswith("http") else text

    def inline_math(self, body: str) -> str:
        return self._formula(body, block=False)

    def block_math(self, body: str) -> str:
        return self._formula(body, block=True)

    def _formula(self, tex: str, *, block: bool) -> str:
        if tex2mathml:
            try:
                return tex2mathml(tex.strip(), as_block=block)
            except MathError:
                pass
        return f"<code>{self.escape_html(tex)}</code>"


class Page(HTMLExporter):
    """nbconvert's exporter with the policy and the prose of above."""

    def __init__(self, **more: Any) -> None:
        super().__init__(extra_loaders=[DictLoader({"mathjax.html.j2": POLICY})], **more)

    @pass_context
    def markdown2html(self, context: Any, source: str) -> str:
        attached = context.get("cell", {}).get("attachments", {})  # a scan of what was written with a pencil
        prose = Prose(escape=False, exclude_anchor_links=True, attachments=attached)
        return MarkdownWithMath(renderer=prose).render(source)


class Solutions(NbGraderPreprocessor):
    """Below each check, or the answer where the check was deleted, a solution of the task and why it works."""

    def preprocess(self, nb: NotebookNode, resources: Any) -> tuple[NotebookNode, Any]:
        names = [cell.metadata.get("nbgrader", {}).get("grade_id", "") for cell in nb.cells]
        told = sheets.solutions(resources["nbgrader"]["assignment"])
        told = {name if name in names else name.replace("check", "task"): text for name, text in told.items()}
        cells = []
        for cell, name in zip(nb.cells, names, strict=True):
            cells += [cell, *([nbformat.v4.new_markdown_cell(told[name])] if name in told else [])]
        nb.cells = cells
        return nb, resources


class GiveBack(GenerateFeedback):
    """nbgrader's step `generate_feedback`, with this page."""

    preprocessors = List([GetGrades, Solutions, CSSHTMLHeaderPreprocessor]).tag(config=True)

    @default("export_class")
    def _exporter_class_default(self) -> type[HTMLExporter]:
        return Page
