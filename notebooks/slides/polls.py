"""Predictions and retrieval questions of a notebook as polls: the room votes, then the truth."""

import re
from dataclasses import dataclass
from html import escape

from notebooks.slides.prose import unpointed

LETTERS = "ABCDEFGH"
QUESTION = re.compile(
    r'<li data-answer="(.)"(?: data-peer=\'\')?><p>(.*?)</p>(?:<p><em>.*?</p>)?<ol type="A">(.*?)</ol>'
    r'<details>.*?<ol type="A">(.*?)</ol></details></li>',
    re.DOTALL,
)


@dataclass
class Poll:
    """A question for the room. All texts are HTML.

    `truth` is a letter, or numbers as a notebook prints them; `reasons` say of an answer why it is wrong, or right.
    """

    question: str
    options: list[str]
    truth: str
    reasons: dict[str, str]
    explain: str = ""
    within: float = 0.0

    def html(self, given: str = "") -> str:
        """The body of the slide. `given` is what one has to know before one can answer."""
        answer = f'<div class="explain">{self._answer(unpointed(self.explain))}</div>'
        tools = '<div class="tools"><button type="button" class="reveal" aria-expanded="false">Reveal</button>'
        if not self.options:
            wrong = "".join(
                f'<li data-value="{key}"><b>{key}</b> {unpointed(why)}</li>' for key, why in self.reasons.items()
            )
            return (
                f'{given}<p class="question">{self.question}</p><form class="guess"><label>The room says '
                '<input type="text" inputmode="text" autocomplete="off" size="12"></label> '
                '<button type="submit">Add</button></form><ul class="heard" aria-live="polite"></ul>'
                f'{answer}<ul class="wrong">{wrong}</ul>{tools}</div>'
            )
        rows = "".join(
            f'<li data-letter="{letter}"{" data-right" if letter == self.truth else ""}>'
            f'<button type="button"><b>{letter}</b><span>{option}</span><output>0</output></button>'
            f'<p class="why">{unpointed(self.reasons.get(letter, ""))}</p></li>'
            for letter, option in zip(LETTERS, self.options, strict=False)
        )
        return (
            f'{given}<p class="question">{self.question}</p><ol class="options">{rows}</ol>{answer}'
            f'{tools}<button type="button" class="again">Vote again</button></div>'
        )

    def data(self) -> str:
        """The attributes of the slide."""
        return f'data-truth="{escape(self.truth)}" data-within="{self.within}"'

    def notes(self) -> str:
        """What the speaker knows before the room does."""
        others = "".join(f"<li><b>{key}</b>: {why}</li>" for key, why in self.reasons.items() if why)
        return f"{self._answer(self.explain)}<ul>{others}</ul>"

    def _answer(self, explain: str) -> str:
        said = f"<b>{self.truth}</b>"
        if self.options:
            said += f" · {self.options[LETTERS.index(self.truth)]}"
        return f"<p>The answer is {said}.</p>" + (f"<p>{explain}</p>" if explain else "")


def asked(markup: str) -> Poll:
    """The poll of a prediction's HTML, still without its truth."""
    question = re.search(r"<p><strong>Predict\.</strong> (.*?)</p>", markup, re.DOTALL)[1]
    return Poll(question, re.findall(r"<li>(.*?)</li>", markup, re.DOTALL), "", {})


def told(poll: Poll, markup: str, within: float) -> None:
    """Complete a poll with the HTML of its reveal."""
    poll.within = within
    for line in re.findall(r"<p>(.*?)</p>", markup, re.DOTALL):
        if line.startswith("The answer is ") and not poll.truth:
            said = line.removeprefix("The answer is ").removesuffix(".")
            poll.truth = said[0] if poll.options else said
        elif match := _wrong(poll, line):
            poll.reasons[match[0]] = match[1]
        elif not line.startswith("Next time commit first"):
            poll.explain = line


def _wrong(poll: Poll, line: str) -> tuple[str, str] | None:
    """("B", reason) from "Not B (its words): reason"."""
    for letter, option in zip(LETTERS, poll.options, strict=False):
        start = f"Not {letter} ({option}): "
        if line.startswith(start):
            return letter, line.removeprefix(start)
    match = None if poll.options else re.match(r"Not ([-+.,\de ]+): (.*)", line, re.DOTALL)
    return (match[1], match[2]) if match else None


def questions(markup: str) -> list[Poll]:
    """The polls of a quiz's HTML."""
    polls = []
    for truth, question, options, reasons in QUESTION.findall(markup):
        lists = [re.findall(r"<li>(.*?)</li>", part, re.DOTALL) for part in (options, reasons)]
        why = [reason.removeprefix("Right. ").removeprefix("Not this one. ") for reason in lists[1]]
        polls.append(Poll(question, lists[0], truth, dict(zip(LETTERS, why, strict=False))))
    return polls
