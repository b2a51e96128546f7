"""Questions that answer back, without a kernel: retrieval questions and peer instruction.

The page is complete without JavaScript (the answers sit in <details>); the script turns the options into buttons.
"""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass

from jpu_edu.widgets.page import element


@dataclass(frozen=True)
class Question:
    """One question with lettered options, the right letter, and a reason for every option.

    Args:
        text: the question; `words in backticks` become code, nothing else is markup.
        options: two to eight answers.
        answer: the right letter, "A" for the first option.
        why: one reason for each option, in the same order: why it is right, or the idea that it comes from.
        peer: True for peer instruction: the first vote is kept, the reader argues with a neighbour and votes
            again; only then come the reasons.

    Raises:
        ValueError: fewer than two options or more than eight; an answer that is not among them; a missing reason.
    """

    text: str
    options: Sequence[str]
    answer: str
    why: Sequence[str]
    peer: bool = False

    def __post_init__(self) -> None:
        if not 2 <= len(self.options) <= 8:
            raise ValueError(f"Question: {len(self.options)} options; give two to eight")
        letters = "ABCDEFGH"[: len(self.options)]
        if len(self.answer) != 1 or self.answer not in letters:
            raise ValueError(f"Question: answer={self.answer!r}; choose one of {', '.join(letters)}")
        if len(self.why) != len(self.options):
            raise ValueError(f"Question: {len(self.why)} reasons for {len(self.options)} options; each needs its own")


class Quiz:
    """What `quiz` returns; a notebook shows it as a page with buttons, a terminal as text."""

    def __init__(self, questions: Sequence[Question]) -> None:
        self.questions = tuple(questions)

    def __repr__(self) -> str:
        lines = []
        for number, question in enumerate(self.questions, 1):
            lines.append(f"{number}. {question.text}")
            lines += [f"   {letter}. {option}" for letter, option in zip("ABCDEFGH", question.options, strict=False)]
        answers = ", ".join(f"{number} {question.answer}" for number, question in enumerate(self.questions, 1))
        return "\n".join([*lines, f"Answers: {answers}"])

    def _repr_html_(self) -> str:
        body = "".join(_question(question) for question in self.questions)
        return element("quiz", f"<ol>{body}</ol>", about=body)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": repr(self)}


def quiz(questions: Sequence[Question]) -> Quiz:
    """Show questions; last line of a cell.

    Raises:
        ValueError: no questions.
        TypeError: something that is no Question.
    """
    if not questions:
        raise ValueError("quiz: no questions; pass a list of Question(text, options, answer, why)")
    for question in questions:
        if not isinstance(question, Question):
            raise TypeError(f"quiz: got {type(question).__name__}; pass a list of Question(text, options, answer, why)")
    return Quiz(questions)


def _markup(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))


def _question(question: Question) -> str:
    options = "".join(f"<li>{_markup(option)}</li>" for option in question.options)
    reasons = "".join(
        f"<li>{'Right. ' if letter == question.answer else 'Not this one. '}{_markup(reason)}</li>"
        for letter, reason in zip("ABCDEFGH", question.why, strict=False)
    )
    kind = " data-peer=''" if question.peer else ""
    note = "<p><em>Vote, argue with a neighbour, vote again.</em></p>" if question.peer else ""
    return (
        f'<li data-answer="{question.answer}"{kind}><p>{_markup(question.text)}</p>{note}<ol type="A">{options}</ol>'
        f"<details><summary>Answer: open after you have chosen</summary><p>{question.answer} is right.</p>"
        f'<ol type="A">{reasons}</ol></details></li>'
    )
