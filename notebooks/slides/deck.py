"""From the cells of an executed notebook to slides, by rules alone: what is shown is what the notebook computed.

    the first cell                title and claim; the puzzle
    a picture or an interactive   one slide, its caption the italic line below it, or else what its words end with
    a prediction and its reveal   one poll, with what leads to the question; each question of a quiz, too
    the check tables of a section one table: claim, label, error, dtype, verdict
    a formula, quotation, table   one slide with the words that lead to it
    a section with none of these  its first words, and what it printed; not if it is there to look things up in
    the last section              what you take with you; the words

Everything else (text, code, what it printed) goes into the speaker notes of the nearest slide of its section.
"""

import re
from html import escape
from pathlib import Path

from nbformat import NotebookNode

from notebooks.slides.cells import LABELS, Event, Printed, Slide, Text, preformatted, sections
from notebooks.slides.prose import blocks, ending, html_of, unpointed

PUZZLE = "Before you read on"
CAPTION, LEAD, GIVEN = 260, 320, 420  # characters that a room reads below a figure, before a formula, before a question
ALONE = 800  # of a slide that holds nothing but words
MOST = 45  # slides; past that, the shortest check tables go into the notes
ROWS = 8  # of a table that can be read from the back
LINES, SHORT, WIDE = 18, 12, 90  # of printed numbers, likewise; beside something else; characters of such a line
NAMED = re.compile(r"^(\*\*[^*\n]+\*\*)\s+\$\\quad (.+)\$$", re.MULTILINE)  # a formula with a name before it
SHOWN = {"math_block", "blockquote", "table"}  # the kinds of blocks that a room should see


def deck(notebook: NotebookNode, folder: Path) -> list[Slide]:
    """The slides of an executed notebook. `folder` is where its pictures are found.

    Raises:
        ValueError: no title; a prediction without a reveal.
    """
    cells = list(notebook.cells)
    titles = [cell.cell_type == "markdown" and cell.source.startswith("# ") for cell in cells]
    first = titles.index(True) if True in titles else None
    if first is None:
        raise ValueError("deck: the notebook has no first line '# NN · Title'")
    slides, seen = _opening(cells[first].source), set()
    for heading, events in sections(cells[first + 1 :], folder):
        slides += _closing(events) if heading == "What you take with you" else _laid_out(heading, events, seen)
    return _at_most(slides)


def _at_most(slides: list[Slide]) -> list[Slide]:
    tables = sorted((slide for slide in slides if slide.kind == "claims"), key=lambda slide: len(slide.rows))
    spare = tables[: max(0, len(slides) - MOST)]
    for slide in spare:
        slides[slides.index(slide) - 1].after.append(slide.notes)
    return [slide for slide in slides if slide not in spare]


# ---- from events to slides ---------------------------------------------------------------------------------


def _laid_out(heading: str, events: list[Event], seen: set[tuple[str, ...]]) -> list[Slide]:
    """The slides of a section. `seen` are the claims of the slides before it."""
    events = _one_table(events, seen)
    laid: list[Event] = []
    for i, event in enumerate(events):
        if isinstance(event, Text):
            shown = _idea(heading, event.source)
            laid += shown or [event]
            continue
        if isinstance(event, Slide) and event.kind in ("figure", "interactive"):
            following = events[i + 1] if i + 1 < len(events) else None
            _caption(event, following.source if isinstance(following, Text) else "")
            event.data = ""
        if isinstance(event, Slide) and event.kind == "poll":
            event.body, event.data, event.seen = (
                event.body.html(_given(laid, 5 if event.body.options else 7)),
                event.body.data(),
                event.body.notes(),
            )
        laid.append(event)
    if not any(isinstance(event, Slide) for event in laid):
        if any(isinstance(event, Printed) and event.source and not event.output for event in laid):
            return []  # a table to look things up in
        laid.insert(0, _words(heading, laid))
    _hand_out(laid)
    return [event for event in laid if isinstance(event, Slide)]


def _one_table(events: list[Event], seen: set[tuple[str, ...]]) -> list[Event]:
    """All check tables of a section as one, where the last of them stood."""
    tables = [event for event in events if isinstance(event, Slide) and event.rows]
    if not tables:
        return events
    last = tables[-1]
    rows = list(dict.fromkeys(row for table in tables for row in table.rows))
    if len(rows) == 1 and rows[0][1] == "exact":  # "the cell = the library" is for the notes
        return [Printed("", "", event.notes) if event in tables else event for event in events]
    new = [row not in seen and row[1] not in {r[1] for r in rows[:i]} for i, row in enumerate(rows)]
    order = sorted(range(len(rows)), key=lambda i: (rows[i] in seen, not new[i], i))
    shown = [rows[i] for i in sorted(order[:ROWS])]
    seen.update(rows)
    last.rows, last.body = rows, _claims(shown, rows)
    last.seen = "".join(table.seen for table in tables)
    last.code = "".join(table.code for table in tables)
    last.after = [text for table in tables for text in table.after]
    return [event for event in events if event not in tables[:-1]]


def _claims(shown: list[tuple[str, ...]], rows: list[tuple[str, ...]]) -> str:
    lines = "".join(
        f'<tr class="{row[1]}"><th scope="row">{escape(row[0])}</th><td><span class="label">{row[1]}</span></td>'
        f'<td class="error">{escape(row[4].replace("<=", "≤"))}</td><td class="dtype">{row[3]}</td>'
        f'<td class="verdict">{row[5]}</td></tr>'
        for row in shown
    )
    head = "".join(f'<th scope="col">{name}</th>' for name in ("claim", "label", "max error", "dtype", "verdict"))
    counts = [(label, sum(row[1] == label for row in rows)) for label in LABELS]
    told = ", ".join(f"{count} {label}" + "s" * (label == LABELS[-1] and count > 1) for label, count in counts if count)
    cut = f'<p class="cut">{len(shown)} of {len(rows)} rows. All: {told}.</p>' if len(shown) < len(rows) else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>{cut}"


def _caption(slide: Slide, following: str) -> None:
    """Put the caption under a figure: the italic paragraph that follows, or the end of the figure's own words."""
    opening = following.split("\n\n")[0]
    italic = re.match(r"\*(?!\*)([^*]+)\*", opening)
    caption = (
        html_of(words)
        if (words := unpointed(italic[1] if italic else ""))
        else f"<p>{escape(ending(slide.data, CAPTION))}</p>"
    )
    if slide.kind == "interactive":  # it has words of its own
        return
    slide.body = f"<figure>{slide.body}<figcaption>{caption}</figcaption></figure>"


def _idea(heading: str, source: str) -> list[Event]:
    """The slides for the formulas, quotations and tables of a text, and what comes after; nothing where it has none."""
    parts = blocks(NAMED.sub(r"\1\n\n$$\2$$", source))
    shown = [i for i, (kind, _) in enumerate(parts) if kind in SHOWN]
    if not shown:
        return []
    lead = ending(parts[shown[0] - 1][1], LEAD) if shown[0] and parts[shown[0] - 1][0] == "paragraph" else ""
    pages = [[lead]]
    for kind, text in (parts[i] for i in shown):
        first, *rest = _cut(text) if kind == "table" else [text]
        if kind == "table" and pages[-1] != [lead]:
            pages.append([])
        pages[-1].append(first)
        pages += [[piece] for piece in rest]
    slides = [Slide("idea", heading, html_of("\n\n".join(page))) for page in pages]
    for slide in slides:
        slide.before.append(html_of("\n\n".join(text for _, text in parts[: shown[-1] + 1])))
    rest = "\n\n".join(text for _, text in parts[shown[-1] + 1 :])
    return [*slides, Text(rest)] if rest else slides


def _cut(table: str) -> list[str]:
    """A Markdown table as tables of at most `ROWS` rows each, about equally long."""
    head, rule, *rows = table.splitlines()
    count = -(-len(rows) // ROWS)
    size = -(-len(rows) // count)
    return ["\n".join([head, rule, *rows[i : i + size]]) for i in range(0, len(rows), size)]


def _given(laid: list[Event], lines: int) -> str:
    """What was said, and defined or printed in at most so many lines, between the last slide and a question."""
    since = laid[max((i + 1 for i, event in enumerate(laid) if isinstance(event, Slide)), default=0) :]
    said = [part for event in since if isinstance(event, Text) for part in blocks(event.source)]
    heads = [i + 1 for i, (kind, _) in enumerate(said) if kind == "heading"]
    paragraphs = [text for kind, text in said[max(heads, default=0) :] if kind == "paragraph" and not text[0].islower()]
    paragraphs = [text for text in map(unpointed, paragraphs) if text]
    kept = [ending(paragraphs.pop(), GIVEN)] if paragraphs else []
    if paragraphs and len(kept[0]) + len(paragraphs[-1]) < GIVEN:
        kept.insert(0, paragraphs.pop())
    cell = next((event for event in reversed(since) if isinstance(event, Printed)), Printed("", "", ""))
    shown = cell.output or (cell.source.split("\n\n\n")[0] if cell.source.startswith("def ") else "")
    told = html_of("\n\n".join(kept))
    fits = shown and shown.count("\n") < lines and max(map(len, shown.split("\n"))) <= WIDE
    shown = preformatted(shown) if fits else ""
    return f'<div class="given">{told}{shown}</div>' if kept or shown else ""


def _words(heading: str, events: list[Event]) -> Slide:
    """The slide of a section that has no other: its first words, and the first thing that it printed."""
    printed = next((event for event in events if isinstance(event, Printed) and event.output), None)
    before = events[: events.index(printed)] if printed else events
    body = ""
    for _, text in (part for event in before if isinstance(event, Text) for part in blocks(event.source)):
        if body and len(body) + len(text) > (LEAD if printed else ALONE):
            break
        body += html_of(text)
    if printed:
        shown = [printed.source] if printed.source.count("\n") < SHORT else []
        body += "".join(map(preformatted, [*shown, "\n".join(printed.output.splitlines()[:LINES])]))
    return Slide("idea", heading, body)


def _hand_out(laid: list[Event]) -> None:
    """Give every text, and what was printed, to the notes of the slide that it follows or leads to."""
    for i, event in enumerate(laid):
        if isinstance(event, Slide):
            continue
        last = next((e for e in reversed(laid[:i]) if isinstance(e, Slide)), None)
        coming = next((e for e in laid[i:] if isinstance(e, Slide)), None)
        if isinstance(event, Printed):
            (coming.before if coming else last.after).append(event.notes)
            continue
        looks_back, leads_on = bool(last) and laid[i - 1] is last, bool(coming) and laid[i + 1] is coming
        parts = [text for _, text in blocks(event.source)]
        if looks_back and leads_on and len(parts) > 1:  # the last paragraph leads on
            last.after.append(html_of("\n\n".join(parts[:-1])))
            coming.before.append(html_of(parts[-1]))
            continue
        if last and (looks_back or not coming):
            last.after.append(html_of(event.source))
        if coming and (leads_on or not looks_back):
            coming.before.append(html_of(event.source))


# ---- the first slides and the last -------------------------------------------------------------------------


def _opening(source: str) -> list[Slide]:
    """Title, claim and time; and the puzzle."""
    title, *parts = [text for _, text in blocks(source)]
    title = title.removeprefix("# ").strip()
    named = {match[1]: text for text in parts if (match := re.match(r"\*\*([^*]+?)[.:]?\*\*", text))}
    claim = named.get("The claim") or named["You will be able to"]
    time = named["Time"].split("**You need")[0]
    asks = next(i for i, text in enumerate(parts) if PUZZLE in text)
    told, _, question = parts[asks].partition(PUZZLE)
    puzzle = html_of("\n\n".join([*parts[:asks], told.strip()]))
    number, _, name = title.partition(" · ")
    first = Slide(
        "title",
        name,
        f'<p class="number" data-number="{number}"></p>{html_of(claim)}<div class="time">{html_of(time)}</div>',
    )
    first.after = [html_of(text) for text in parts[asks + 1 :] if text != claim]
    second = Slide("puzzle", "The puzzle", f'{puzzle}<div class="asked">{html_of(PUZZLE + question)}</div>')
    second.before = [puzzle, html_of(PUZZLE + question)]
    return [first, second]


def _closing(events: list[Event]) -> list[Slide]:
    """What you take with you, and the words."""
    parts = blocks("\n\n".join(event.source for event in events if isinstance(event, Text)))
    summary = Slide("summary", "What you take with you", "")
    words = Slide("summary", "The words", "")
    into = summary
    for kind, text in parts:
        if text.startswith("**Glossary"):
            into = words
        elif kind == "bullet_list" and not into.body:
            into.body = html_of(text)
        else:
            into.after.append(html_of(text))
    slides = [slide for slide in (summary, words) if slide.body]
    for slide in slides:
        slide.before.insert(0, slide.body)
    return slides
