"""Markdown and formulas of the notebooks as HTML that needs no script and no request."""

import re

from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

# What is not prose: code, pictures, formulas, and whatever stands in a tag.
ELSEWHERE = re.compile(r"(<(script|style|pre|code|svg|math)\b.*?</\2>|<[^>]*>)", re.DOTALL)
# The letters of the course: one letter with what stands below it; the operators, and x, y, h beside an equals sign or
# before a bracket. Longer names are names of code.
LETTER = re.compile(r"(?<![\w.])(?:([A-Za-z])_([a-z]0?)|(h)_hat)(?!\w)(&#x27;|')?")
ALONE = re.compile(r"(?<![\w.'-])(?:(?<!\d )[SMRU]|[xyh](?= =|\))|(?<== )[xyh])(?![\w'-]|\.\w)")
ARROW = re.compile(r"\s*-&gt;\s*")
# What a sentence points to that stands somewhere else in the notebook.
POINTS = re.compile(
    r"\b(?:outlined|written out|shown|drawn|listed|printed|return|see|loop|parts|bill|kernels|cell|table)"
    r" (?:below|above)\b|\bnext cell\b"
)
SENTENCE = re.compile(r"(?<=[.?!:])\s+(?=[A-Z*$(`])")
# What the converter does not know, as what it knows. A bracket stretches as part of a pair, words stand under a brace.
SPELLINGS = [
    (re.compile(pattern), known)
    for pattern, known in (
        (r"\\dots\b", r"\\ldots"),
        (r"\\[bB]igl?(?=\\l|[(\[])", r"\\left"),
        (r"\\[bB]igr?(?=\\r|[)\]])", r"\\right"),
        (r"\\underbrace\{((?:[^{}]|\{[^{}]*\})*)\}_\{((?:[^{}]|\{[^{}]*\})*)\}", r"\\underset{\2}{\\underbrace{\1}}"),
    )
]


def formula(tex: str, *, block: bool) -> str:
    """A formula in TeX as MathML.

    Args:
        tex: without the dollars.
        block: True for a formula on a line of its own.

    Raises:
        ValueError: a command that the converter does not know.
    """
    spelt = tex.strip()
    for pattern, known in SPELLINGS:
        spelt = pattern.sub(known, spelt)
    try:
        return re.sub(r">\s+<", "><", tex2mathml(spelt, as_block=block).strip())
    except MathError as error:
        raise ValueError(f"formula: {tex.strip()!r}: {error}; write it with commands of docutils' math") from error


def _link(self, tokens, index, options, env) -> str:
    """Links to the web stay; links to files of the course become their text: a slide file travels alone."""
    opening = next(token for token in reversed(tokens[: index + 1]) if token.type == "link_open")
    return self.renderToken(tokens, index, options, env) if opening.attrs["href"].startswith("http") else ""


_MARKDOWN = (
    MarkdownIt("commonmark", {"html": False})
    .enable("table")
    .use(dollarmath_plugin, renderer=lambda tex, options: formula(tex, block=options["display_mode"]))
)
_MARKDOWN.add_render_rule("link_open", _link)
_MARKDOWN.add_render_rule("link_close", _link)


def html_of(markdown: str) -> str:
    """Markdown as HTML."""
    return _MARKDOWN.render(markdown)


def blocks(markdown: str) -> list[tuple[str, str]]:
    """The blocks of a text, each with its kind ("paragraph", "table", "math_block", ...) and its source."""
    lines = markdown.splitlines()
    return [
        (token.type.removesuffix("_open"), "\n".join(lines[slice(*token.map)]).strip())
        for token in _MARKDOWN.parse(markdown)
        if token.level == 0 and token.nesting >= 0 and token.map
    ]


def letters(markup: str) -> str:
    """HTML with the letters of the course as letters: `C_r` in italics with its subscript, `S`, `M`, `R`, `U`, `->`.

    Notice: code, what was printed, formulas and names such as `split_to_batch` stay as they are.
    """
    parts = ELSEWHERE.split(markup)
    for i in range(0, len(parts), 3):  # text, tag, name of the tag, text, ...
        parts[i] = LETTER.sub(_letter, ALONE.sub(r"<i>\g<0></i>", ARROW.sub(" → ", parts[i])))
    return "".join(part for i, part in enumerate(parts) if i % 3 != 2)


def _letter(match: re.Match[str]) -> str:
    base, below, hat, prime = match.groups()
    return f'<i class="letter">{"ĥ" if hat else f"{base}<sub>{below}</sub>"}{"′" if prime else ""}</i>'


def unpointed(text: str) -> str:
    """A text without the sentences that point to what stands elsewhere in the notebook ("is outlined below.")."""
    sentences = SENTENCE.split(" ".join(text.split()))
    whole = [not any(sentence.count(mark) % 2 for mark in ("**", "`", "$", "<")) for sentence in sentences]
    return " ".join(s for s, alone in zip(sentences, whole, strict=True) if not (alone and POINTS.search(s)))


def ending(text: str, most: int) -> str:
    """The last sentences of a text that fit into `most` characters, at least one. No emphasis or formula is cut."""
    sentences = SENTENCE.split(" ".join(text.split()))
    tails = [" ".join(sentences[i:]) for i in range(len(sentences))]
    whole = [tail for tail in tails if not any(tail.count(mark) % 2 for mark in ("**", "`", "$"))]
    return next((tail for tail in whole if len(tail) <= most), (whole or tails)[-1])
