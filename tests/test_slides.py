"""The slides hold what the walkthroughs hold: every prediction a poll, every figure a slide, nothing fetched."""

import ast
import re
from collections import Counter
from html import escape, unescape
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
import torch
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from jpu_edu.ops.compare import compare, table
from notebooks.slides import cells
from notebooks.slides import deck as rules
from notebooks.slides.build import build, formula, main, page, walkthroughs
from notebooks.slides.prose import letters, unpointed

SOURCES = walkthroughs()
NOTEBOOKS = {path.name[:2]: nbformat.read(path, as_version=4) for path in SOURCES}
DECKS = {path.name[:2]: rules.deck(NOTEBOOKS[path.name[:2]], path.parent) for path in SOURCES}
EVERY = pytest.mark.parametrize("number", list(DECKS))


def code_cells(number: str) -> list[nbformat.NotebookNode]:
    return [cell for cell in NOTEBOOKS[number].cells if cell.cell_type == "code"]


def text_of(markup: str) -> str:
    """What is read without opening anything."""
    return unescape(re.sub(r"<[^>]+>", " ", re.sub(r"<details>.*?</details>", " ", markup, flags=re.DOTALL))).strip()


def predictions(number: str) -> list[tuple[str, list[str], ast.expr]]:
    """Each prediction: question and options as a terminal shows them, and the truth as the source states it."""
    found, waiting = [], {}
    for cell in code_cells(number):
        names = re.findall(r"^(\w+) = Prediction\(", cell.source, re.MULTILINE)
        texts = [output.data["text/plain"] for output in cell.outputs if "data" in output]
        for name, text in zip(names, (text for text in texts if text.startswith("Predict: ")), strict=True):
            question, *options = text.removeprefix("Predict: ").split("\n")
            waiting[name] = question, options
        for node in ast.parse(cell.source).body:
            call = getattr(node, "value", None)
            if getattr(getattr(call, "func", None), "attr", "") == "reveal":
                found.append((*waiting.pop(call.func.value.id), call.args[0]))
    assert not waiting
    return found


# ---- what is on the slides -----------------------------------------------------------------------------------


@EVERY
def test_every_prediction_is_one_poll_with_the_truth_of_its_reveal(number: str) -> None:
    polls = [slide for slide in DECKS[number] if slide.kind == "poll"]
    for question, options, stated in predictions(number):
        (poll,) = [slide for slide in polls if f'<p class="question">{escape(question)}</p>' in slide.body]
        assert poll.body.count("<li data-letter=") == len(options)
        said = unescape(re.search(r'data-truth="([^"]*)"', poll.data)[1])
        try:
            truth = ast.literal_eval(stated)
        except ValueError:  # computed; that it is shown at all is what can be said
            assert said
            continue
        if options:
            letters = {option[:1]: option[3:] for option in options}
            assert truth in (said, letters[said])
            assert f'data-letter="{said}" data-right>' in poll.body
        else:
            wanted = truth if isinstance(truth, list | tuple) else [truth]
            assert said == ", ".join(f"{value:g}" for value in wanted)


@EVERY
def test_every_question_of_a_quiz_is_a_poll_with_its_reasons(number: str) -> None:
    quizzes = [
        output.data["text/html"]
        for cell in code_cells(number)
        for output in cell.outputs
        if 'class="jpu-quiz"' in output.get("data", {}).get("text/html", "")
    ]
    wanted = sum(markup.count("data-answer=") for markup in quizzes)
    polls = [slide for slide in DECKS[number] if slide.kind == "poll"]
    assert len(polls) == wanted + len(predictions(number))
    for poll in polls:
        if "data-letter" in poll.body:
            assert poll.body.count("data-right") == 1
            wrong = re.findall(r'<li data-letter="\w">.*?<p class="why">(.*?)</p>', poll.body, re.DOTALL)
            assert len(wrong) == poll.body.count("<li data-letter=") - 1
            assert all(wrong), poll.body


@EVERY
def test_every_figure_is_on_exactly_one_slide(number: str) -> None:
    shown = Counter(re.findall(r'<img[^>]*? src="(data:[^"]*)"', "".join(str(slide.body) for slide in DECKS[number])))
    outputs = [output.get("data", {}) for cell in code_cells(number) for output in cell.outputs]
    stored = Counter(
        re.findall(r'<img[^>]*? src="(data:[^"]*)"', "".join(data.get("text/html", "") for data in outputs))
    )
    linked = sum(len(cells.IMAGE.findall(c.source)) for c in NOTEBOOKS[number].cells if c.cell_type == "markdown")
    assert not any("image/png" in data and "<img" not in data.get("text/html", "") for data in outputs)
    assert not stored - shown
    assert len(list((shown - stored).elements())) == linked
    for slide in DECKS[number]:
        if slide.kind in ("figure", "interactive"):
            assert len(re.findall('<img [^>]*alt="[^"]+"', slide.body)) == 1
            assert (slide.kind == "figure") == ("<figcaption>" in slide.body)


@EVERY
def test_the_notes_say_something_and_a_deck_is_a_lecture(number: str) -> None:
    assert 20 <= len(DECKS[number]) <= rules.MOST
    kinds = [slide.kind for slide in DECKS[number]]
    assert kinds[:2] == ["title", "puzzle"]
    assert kinds[-2:] == ["summary", "summary"]
    for slide in DECKS[number]:
        assert len(text_of(slide.notes)) > 25, slide.heading
        assert slide.heading


@EVERY
def test_no_formula_is_left_in_tex(number: str) -> None:
    for slide in DECKS[number]:
        prose = re.sub(r"<(details|pre|script|style|code).*?</\1>", "", f"{slide.body}{slide.notes}", flags=re.DOTALL)
        assert "$" not in prose
        assert not re.search(r"\\[a-zA-Z]+", prose)


class Fetched(HTMLParser):
    """Collects what a browser would fetch by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        names = ("src", "srcset", "poster", "data", "href" if tag in ("link", "use", "image", "base") else "src")
        self.found += [given[name] for name in names if given.get(name)]
        self.found += [given["xlink:href"]] if given.get("xlink:href") else []


@EVERY
def test_a_deck_fetches_nothing_and_links_to_no_file(number: str) -> None:
    html = page(DECKS[number])
    parser = Fetched()
    parser.feed(html)
    assert parser.found
    assert all(address.startswith("data:image/") for address in parser.found)
    assert not re.search(r"url\((?!#)|@import|fetch\(|XMLHttpRequest|WebSocket", html)
    assert all(link.startswith("https://") for link in re.findall(r'<a [^>]*href="([^"]*)"', html))
    assert "default-src 'none'" in html


# ---- the rules -----------------------------------------------------------------------------------------------


def test_a_printed_table_is_read_back_as_its_rows() -> None:
    x = torch.zeros(3, dtype=torch.float64)
    rows = [
        compare("M(S(x)) = x", x, x),
        compare("a claim, with  two spaces", x + 0.1, x, label="approximate", tolerance=0.5),
        compare("reflect", x + 1, x, breaks=True),
    ]
    read = cells.claims(f"before\n{table(rows)}\nafter, on a line of its own\n")
    assert [(row[0], row[1], row[3], row[5]) for row in read] == [
        ("M(S(x)) = x", "exact", "float64", "holds"),
        ("a claim, with  two spaces", "approximate", "float64", "holds"),
        ("reflect", "counterexample", "float64", "breaks, as claimed"),
    ]
    assert cells.claims("claim  label\n") == []


def test_the_claims_of_a_section_are_one_slide_that_says_what_it_leaves_out() -> None:
    x = torch.zeros(3, dtype=torch.float64)
    rows = [compare(f"claim {i}", x, x) for i in range(rules.ROWS + 2)] + [compare("breaks", x + 1, x, breaks=True)]
    printed = [new_output("stream", text=table(part) + "\n") for part in (rows[:3], rows[3:])]
    slides = lecture(new_markdown_cell("## 1. A section"), *(new_code_cell("check()", outputs=[o]) for o in printed))
    (slide,) = [slide for slide in slides if slide.kind == "claims"]
    assert slide.body.count("<tr class=") == rules.ROWS
    assert "breaks, as claimed" in slide.body  # a kind of claim is never cut altogether
    assert f"{rules.ROWS} of {len(rows)} rows. All: {len(rows) - 1} exact, 1 counterexample." in slide.body
    assert all(row.name in slide.notes for row in rows)


def test_one_identity_alone_is_told_in_the_notes_and_one_counterexample_is_shown() -> None:
    x = torch.zeros(3, dtype=torch.float64)
    for row, shown in ((compare("the cell = the library", x, x), 0), (compare("reflect", x + 1, x, breaks=True), 1)):
        printed = new_output("stream", text=table([row]) + "\n")
        slides = lecture(new_markdown_cell("## 1. A section\n\nWords."), new_code_cell("check()", outputs=[printed]))
        assert [slide.kind for slide in slides].count("claims") == shown
        assert row.name in slides[-1].notes


def lecture(*then: nbformat.NotebookNode) -> list[cells.Slide]:
    first = "# 99 · A title\n\nOnce. Before you read on: why?\n\n**The claim.** It is so.\n\n**Time:** 5 minutes."
    return rules.deck(new_notebook(cells=[new_markdown_cell(first), *then]), Path())


def test_a_caption_is_the_italic_line_below_or_the_end_of_the_figures_words() -> None:
    figure = new_output(
        "display_data", data={"text/html": '<img alt="A cat. It sits." src="data:image/png;base64,AA==">'}
    )
    long = new_output(
        "display_data", data={"text/html": f'<img alt="{"A cat. " * 60}It sits." src="data:image/png;base64,AB==">'}
    )
    slides = lecture(
        new_markdown_cell("## 1. A cat"),
        new_code_cell("show()", outputs=[figure]),
        new_markdown_cell("*A cat is a claim.* And more."),
        new_code_cell("show()", outputs=[figure]),
        new_code_cell("show()", outputs=[long]),
    )
    captions = [
        re.search("<figcaption>(.*?)</figcaption>", slide.body, re.DOTALL)[1]
        for slide in slides
        if slide.kind == "figure"
    ]
    assert [text_of(caption) for caption in captions[:2]] == ["A cat is a claim.", "A cat. It sits."]
    assert text_of(captions[2]).endswith("A cat. It sits.")
    assert len(captions[2]) <= rules.CAPTION + len("<p></p>")


def asked_after(*before: nbformat.NotebookNode) -> str:
    """The body of the poll that follows these cells."""
    question = new_output(
        "display_data", data={"text/html": "<div><p><strong>Predict.</strong> How many are wrong?</p></div>"}
    )
    answer = "<details><summary>Show the answer</summary><p>The answer is 3.</p><p>Not 4: why not.</p></details>"
    reveal = new_output("display_data", data={"text/html": answer})
    slides = lecture(
        new_markdown_cell("## 1. A section"),
        *before,
        new_code_cell("wrong = Prediction('How many are wrong?', number=True)", outputs=[question]),
        new_code_cell("wrong.reveal(3, because={4: 'why not.'}, within=0.5)", outputs=[reveal]),
    )
    (poll,) = [slide for slide in slides if slide.kind == "poll"]
    assert poll.data == 'data-truth="3" data-within="0.5"'
    assert '<li data-value="4"><b>4</b> why not.</li>' in poll.body
    return poll.body


def test_a_poll_carries_what_its_question_builds_on() -> None:
    text = new_markdown_cell("Long ago.\n\n### Suspect A\n\nSuppose that the edge is *here*.")
    body = asked_after(text, new_code_cell("print(1)", outputs=[new_output("stream", text="x: 1 2 3\n")]))
    given = text_of(re.search('<div class="given">(.*?)</div>', body, re.DOTALL)[1])
    assert given.split() == ["Suppose", "that", "the", "edge", "is", "here", ".", "x:", "1", "2", "3"]
    long = new_output("stream", text="x\n" * 8)
    assert "given" not in asked_after(new_code_cell("print(1)", outputs=[long]))
    assert "def f(" in asked_after(new_code_cell("def f(x):\n    return x"))
    assert "given" not in asked_after(new_code_cell("x = 1"))


def test_a_section_to_look_things_up_in_is_no_slide() -> None:
    words = new_output("display_data", data={"text/markdown": "| word | meaning |", "text/plain": ""})
    cell = new_code_cell("glossary()", outputs=[words], metadata={"tags": ["hide-input"]})
    text = new_markdown_cell("## 1. Every word\n\nTo look things up in.")
    assert [slide.kind for slide in lecture(text)] == ["title", "puzzle", "idea"]
    assert [slide.kind for slide in lecture(text, cell)] == ["title", "puzzle"]


def test_the_puzzle_asks_before_the_claim_is_told() -> None:
    title, puzzle = lecture(new_markdown_cell("## 1. A section\n\nWords."))[:2]
    assert "It is so." in title.body
    assert "5 minutes" in title.body
    assert text_of(puzzle.body).split() == ["Once.", "Before", "you", "read", "on:", "why?"]


def test_a_prediction_without_a_reveal_is_refused() -> None:
    markup = "<div><p><strong>Predict.</strong> How many?</p></div>"
    cell = new_code_cell(
        "how = Prediction('How many?')", outputs=[new_output("display_data", data={"text/html": markup})]
    )
    with pytest.raises(ValueError, match="no reveal for how"):
        lecture(cell)


def test_a_notebook_without_a_title_is_refused_and_a_comment_is_none() -> None:
    with pytest.raises(ValueError, match="no first line"):
        rules.deck(new_notebook(cells=[new_code_cell("# On Colab: install"), new_markdown_cell("words")]), Path())


def test_a_question_does_not_say_below_of_what_is_on_another_slide() -> None:
    body = asked_after(new_markdown_cell("Output *3* reads 1, 3 and 5. Output 4 is outlined below."))
    assert text_of(body).startswith("Output  3  reads 1, 3 and 5.")
    assert "outlined" not in body
    # Where the words are about the thing itself, they stay.
    for kept in (
        "The product of the strides removed below.",
        "A share below one half.",
        "See <b>the loop below. It</b> counts.",
    ):
        assert unpointed(kept) == kept
    cut = unpointed("The loop below counts. See **the picture above. It** is so.")
    assert cut == "See **the picture above. It** is so."  # emphasis is not torn apart


@EVERY
def test_what_leads_to_a_question_points_to_nothing_below(number: str) -> None:
    for slide in DECKS[number]:
        for given in re.findall('<div class="given">(.*?)</div>', str(slide.body), re.DOTALL):
            prose = text_of(re.sub("<pre.*?</pre>", "", given, flags=re.DOTALL))
            assert not re.search(r"\b(below|above|next cell)[.!?]", prose), prose


# ---- formulas, files -----------------------------------------------------------------------------------------


def test_a_formula_becomes_mathml_and_an_unknown_command_is_named() -> None:
    assert formula("C_s = C_r \\to R", block=False).startswith("<math ")
    assert 'display="block"' in formula("x", block=True)
    assert formula("a, \\dots, b", block=False) == formula("a, \\ldots, b", block=False)
    words = formula("\\underbrace{S \\to C_r^{5}}_{\\text{4 phases}}", block=True)
    assert words.index("<munder><munder>") < words.index("4 phases")  # below the brace, not beside it
    with pytest.raises(ValueError, match=r"formula: '\\\\nonsense x'"):
        formula("\\nonsense x", block=False)


def test_the_letters_of_the_course_are_letters_and_names_of_code_are_not() -> None:
    def letter(base: str, below: str = "") -> str:
        return f'<i class="letter">{base}' + (f"<sub>{below}</sub>" if below else "")

    read = letters("<p>S -&gt; C_r -&gt; M makes y_d, not y_s&#x27; or y_m0; h_hat is fitted.</p>")
    assert read == (
        f"<p><i>S</i> → {letter('C', 'r')}</i> → <i>M</i> makes {letter('y', 'd')}</i>, not {letter('y', 's')}′</i> "
        f"or {letter('y', 'm0')}</i>; {letter('ĥ')}</i> is fitted.</p>"
    )
    assert letters("M(S(x)) = x") == "<i>M</i>(<i>S</i>(<i>x</i>)) = <i>x</i>"
    for kept in (
        "<p>7 x 7 and K x K numbers, the y axis</p>",
        "<p>split_to_batch, align_corners and dilated_conv of jpu_edu.y_d</p>",
        "<p>33.7 M of weights, R-50, M.2, JPU</p>",
        '<img alt="y_s -&gt; y_d"><pre>C_r -&gt; M</pre><code>y_m</code><math>y_s</math>',
        "<script>const y_s = 1;</script><style>.y_d { opacity: 1; }</style><svg><text>y_s</text></svg>",
    ):
        assert letters(kept) == kept


@EVERY
def test_no_letter_is_left_raw_and_no_name_of_code_is_broken(number: str) -> None:
    html = page(DECKS[number])
    prose = re.sub(r"<(details|pre|script|style|code|svg|math|title).*?</\1>|<[^>]+>", " ", html, flags=re.DOTALL)
    assert not re.search(r"\b[A-Za-z]_[a-z]\b|h_hat|-&gt;", prose)
    plain = " ".join(f"{slide.heading} {slide.body} {slide.notes}" for slide in DECKS[number])
    for name in ("split_to_batch", "align_corners", "dilated_conv", "linear_to_conv", "fit_h"):
        assert html.count(name) >= plain.count(name)


def test_a_number_without_a_walkthrough_names_the_choices(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match=r"no walkthrough '77'; choose from 00, 01, .*, 13"):
        build(["77"], tmp_path)
    assert main(["77", "--out", str(tmp_path)]) == 1
    assert "choose from 00" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_build_writes_one_file_a_walkthrough_and_the_same_again(tmp_path: Path) -> None:
    (path,) = build(["3"], tmp_path)
    assert path == tmp_path / "03_split_conv_merge.html"
    first = path.read_bytes()
    assert build(["03"], tmp_path) == [path]
    assert path.read_bytes() == first
    assert list(tmp_path.iterdir()) == [path]
