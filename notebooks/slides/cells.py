"""An executed notebook as a row of events: texts, what cells printed, and what can be a slide of its own."""

import ast
import base64
import mimetypes
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape, unescape
from pathlib import Path

from nbformat import NotebookNode

from notebooks.slides import polls

RULE = re.compile(r"^-+(?:  -+){5}$", re.MULTILINE)
IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)]+)\)")
ALT = re.compile(r'<img[^>]*? alt="([^"]*)"')
LABELS = ("exact", "approximate", "learned", "counterexample")


@dataclass(eq=False)
class Slide:
    """One slide. `body` and `notes` are HTML; `kind` is its class in the style sheet; `data` its attributes.

    Before it is laid out, the body of a poll is a `Poll`, and the data of a figure are the words of its picture.
    """

    kind: str
    heading: str
    body: str | polls.Poll
    data: str = ""
    rows: list[tuple[str, ...]] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    seen: str = ""
    after: list[str] = field(default_factory=list)
    code: str = ""

    @property
    def notes(self) -> str:
        said = f'<div class="seen">{self.seen}</div>' if self.seen else ""
        return "".join([*self.before, said, *self.after, self.code])


@dataclass
class Text:
    """Markdown between two slides."""

    source: str


@dataclass
class Printed:
    """A cell without a slide of its own, and what it printed; `notes` is the HTML of both."""

    source: str
    output: str
    notes: str


Event = Slide | Text | Printed


def sections(cells: list[NotebookNode], folder: Path) -> Iterator[tuple[str, list[Event]]]:
    """The sections ("## ...") of a notebook: heading and events. What stands before the first is left out.

    Raises:
        ValueError: a prediction without a reveal.
    """
    heading, events, open_polls = "", [], {}
    for cell in cells:
        if cell.cell_type == "code":
            events += _events(cell, heading, open_polls)
            continue
        for part in re.split(r"^(?=## )", cell.source, flags=re.MULTILINE):
            if part.startswith("## "):
                if heading and events:
                    yield heading, events
                title, _, part = part.partition("\n")
                heading, events = title.removeprefix("## ").strip(), []
            events += _texts(part, heading, folder)
    yield heading, events
    if open_polls:
        raise ValueError(f"deck: no reveal for {', '.join(open_polls)}")


def _texts(source: str, heading: str, folder: Path) -> list[Event]:
    """A text and the pictures in it, in their order."""
    events, start = [], 0
    for match in IMAGE.finditer(source):
        events.append(Text(source[start : match.start()].strip()))
        picture = base64.b64encode((folder / match[2]).read_bytes()).decode()
        kind = mimetypes.guess_type(match[2])[0]
        image = f'<img alt="{escape(match[1])}" src="data:{kind};base64,{picture}">'
        events.append(_figure(heading, image, match[1]))
        start = match.end()
    events.append(Text(source[start:].strip()))
    return [event for event in events if not isinstance(event, Text) or event.source]


def _events(cell: NotebookNode, heading: str, open_polls: dict[str, polls.Poll]) -> list[Event]:
    """What a code cell put out: slides, or what it printed."""
    tree = ast.parse(cell.source)
    names = iter([n.targets[0].id for n in tree.body if isinstance(n, ast.Assign) and _calls(n.value, "Prediction")])
    reveals = iter([n.value for n in tree.body if isinstance(n, ast.Expr) and _calls(n.value, "reveal")])
    slides, printed = [], []
    for output in cell.outputs:
        if output.output_type == "stream":
            table = claims(output.text)
            printed += [] if table else [output.text.rstrip()]
            if table:
                slides.append(Slide("claims", heading, "", rows=table, seen=preformatted(output.text)))
            continue
        markup = output.get("data", {}).get("text/html", "")
        if markup.startswith("<div><p><strong>Predict."):
            if (name := next(names)) in open_polls:
                raise ValueError(f"deck: no reveal for {name}, and it is asked again")
            open_polls[name] = poll = polls.asked(markup)
            slides.append(Slide("poll", heading, poll))
        elif "<p>The answer is " in markup and not markup.startswith('<div class="jpu-quiz"'):
            call = next(reveals)
            polls.told(open_polls.pop(call.func.value.id), markup, _within(call))
        elif 'class="jpu-quiz"' in markup:
            slides += [Slide("poll", heading, poll) for poll in polls.questions(markup)]
        elif 'class="jpu-' in markup or markup.startswith("<img"):
            slides.append(_figure(heading, markup, unescape(ALT.search(markup)[1])))
    if not slides:
        hidden = "hide-input" in cell.metadata.get("tags", [])
        if hidden and not any("text/markdown" in output.get("data", {}) for output in cell.outputs):
            return []
        text = "\n".join(printed)
        return [Printed(cell.source, text, (preformatted(text) if text else "") + _code(cell.source))]
    if any(slide.kind != "poll" for slide in slides):
        slides[0].code = _code(cell.source)
    if printed:
        slides[0].after.append(preformatted("\n".join(printed)))
    return slides


def _figure(heading: str, markup: str, alt: str) -> Slide:
    widget = "<script" in markup
    markup = re.sub(r'(<img[^>]*?) width="\d+" style="[^"]*"', r"\1", markup)
    body = f'<div class="widget">{markup}</div>' if widget else f'<div class="picture">{markup}</div>'
    return Slide("interactive" if widget else "figure", heading, body, data=alt, seen=f"<p>{escape(alt)}</p>")


def _calls(node: ast.expr, name: str) -> bool:
    function = getattr(node, "func", None)
    return name in (getattr(function, "id", None), getattr(function, "attr", None))


def _within(call: ast.Call) -> float:
    return next((float(ast.literal_eval(word.value)) for word in call.keywords if word.arg == "within"), 0.0)


def _code(source: str) -> str:
    return f"<details><summary>Code</summary><pre>{escape(source)}</pre></details>"


def preformatted(text: str) -> str:
    """Text as it was printed."""
    return f'<pre class="printed">{escape(text.rstrip())}</pre>'


def claims(text: str) -> list[tuple[str, ...]]:
    """The rows of the check tables in a printed text: claim, label, shapes, dtype, error, verdict."""
    rows = []
    for rule in RULE.finditer(text):
        spans = [match.span() for match in re.finditer("-+", rule[0])]
        for line in text[rule.end() + 1 :].split("\n"):
            cells = (*(line[start:stop].strip() for start, stop in spans[:-1]), line[spans[-1][0] :].strip())
            if cells[1] not in LABELS:
                break
            rows.append(cells)
    return rows
