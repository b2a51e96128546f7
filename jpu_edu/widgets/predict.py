"""A prediction is a commitment: say it, have it recorded, then see the truth beside it.

The record lives in the kernel, under the prediction's name, so re-running the cell does not erase it.
"Run All" records nothing; then the reveal tells the truth and invites the reader to commit next time.
"""

import html
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from jpu_edu.widgets.predict_control import buttons_or_box

Number = int | float
Answer = str | int | float | tuple[int | float, ...]

_recorded: dict[str, Answer] = {}
_truths: dict[str, bool | None] = {}  # name -> was it right; None where nothing was recorded


def tally() -> None:
    """Print, for the end of a notebook, how many predictions were recorded, and how many of them held."""
    right = [held for held in _truths.values() if held is not None]
    print(
        f"Predictions: {len(right)} of {len(_truths)} recorded before their reveal, {sum(right)} right.\n"
        "A wrong prediction that you committed to teaches more than a right one that you read."
    )


def forget() -> None:
    """Erase every record, to start a notebook afresh in the same kernel."""
    _recorded.clear()
    _truths.clear()


class Prediction:
    """A question that records the reader's answer before the reveal.

    Notice: the question and its options are text, so they are there in a static page too. The buttons are
    a convenience: `prediction.answer = "B"` records the same thing.

    Args:
        question: plain text.
        options: two to eight answers; they get the letters A, B, C, ...
        number: True where the answer is one number.
        numbers: True where the answer is several numbers.
        name: the key of the record, unique in the notebook; the question itself by default.

    Raises:
        ValueError: not exactly one of options, number, numbers; fewer than two options or more than eight.

    Source: the course's rhythm, step 3; used by every walkthrough.
    """

    def __init__(
        self,
        question: str,
        *,
        options: Sequence[str] | None = None,
        number: bool = False,
        numbers: bool = False,
        name: str | None = None,
    ) -> None:
        if [options is not None, number, numbers].count(True) != 1:
            raise ValueError("Prediction: give exactly one of options=[...], number=True, numbers=True")
        if options is not None and not 2 <= len(options) <= 8:
            raise ValueError(f"Prediction: {len(options)} options; give two to eight")
        self.question, self.name = question, name or question
        self.options = dict(zip("ABCDEFGH", options or (), strict=False))
        self.many = numbers
        self._tell_again: Callable[[], None] | None = None  # once revealed, a new answer changes what was shown

    @property
    def answer(self) -> Answer | None:
        """What the reader committed to; None before that. Assign to it to record without buttons."""
        return _recorded.get(self.name)

    @answer.setter
    def answer(self, value: Any) -> None:
        _recorded[self.name] = self._read(value, "prediction")
        if self._tell_again:
            self._tell_again()

    def _read(self, value: Any, what: str) -> Answer:
        """Bring an answer into its one form: a letter, a number, or a tuple of numbers."""
        if self.options:
            text = str(value).strip()
            letter = next((key for key, option in self.options.items() if option == text), text.upper())
            if letter not in self.options:
                raise ValueError(f"{what}: answer={value!r}; choose one of {', '.join(self.options)}")
            return letter
        if isinstance(value, str):
            value = [_number(word, what) for word in value.replace(",", " ").split()]
        values = tuple(value) if isinstance(value, tuple | list) else (value,)
        if not values or any(isinstance(v, bool) or not isinstance(v, int | float) for v in values):
            wanted = "numbers such as 4, 3" if self.many else "one number"
            raise ValueError(f"{what}: answer={value!r}; write {wanted}")
        if self.many:
            return values
        if len(values) != 1:
            raise ValueError(f"{what}: answer={value!r} holds {len(values)} numbers; this question asks for one")
        return values[0]

    def say(self, answer: Answer) -> str:
        """The answer in words: "B (3 x 3)", "9", "4, 4, 3, 3"."""
        if isinstance(answer, tuple):
            return ", ".join(f"{value:g}" for value in answer)
        return f"{answer} ({self.options[answer]})" if isinstance(answer, str) else f"{answer:g}"

    def reveal(
        self, truth: Any, *, because: Mapping[Any, str] | None = None, explain: str = "", within: float = 0.0
    ) -> None:
        """Show the reader's answer beside the truth, and say why a wrong one is wrong.

        Notice: with nothing recorded the answer is folded away, so that a page that somebody else has run
        does not give it away. Who commits after "Run All" sees the reveal change.

        Args:
            truth: a letter or an option's text; a number; or a sequence of numbers.
            because: wrong answer -> why it is wrong (keys: letters, numbers, tuples of numbers).
            explain: why the truth is true, shown in every case.
            within: how far a number may be off and still count as right.

        Raises:
            ValueError: a truth or a key of `because` that is no possible answer.
        """
        right = self._read(truth, "reveal")
        reasons = {self._read(wrong, "reveal: because"): idea for wrong, idea in (because or {}).items()}
        shown = _say(*self._told(right, reasons, explain, within))
        if shown:
            self._tell_again = lambda: shown.update(_bundle(*self._told(right, reasons, explain, within)), raw=True)

    def _told(self, right: Answer, reasons: Mapping[Answer, str], explain: str, within: float) -> tuple[list, bool]:
        """The lines of the reveal, and whether they are folded away."""
        given = self.answer
        held = given is not None and _close(given, right, within)
        _truths[self.name] = None if given is None else held
        if given is None:
            lines = [f"The answer is {self.say(right)}."]
        else:
            verdict = "right" if held else "not this time"
            lines = [f"You predicted {self.say(given)}. The answer is {self.say(right)}: {verdict}."]
        lines += [explain] if explain else []
        if given is None:
            lines += [f"Not {self.say(wrong)}: {reason}" for wrong, reason in reasons.items()]
            example = f'"{next(iter(self.options))}"' if self.options else ("[4, 3]" if self.many else "3")
            lines.append(
                f"Next time commit first: answer above, or write prediction.answer = {example} before this cell."
            )
        elif not held and given in reasons:
            lines.append(f"Not {self.say(given)}: {reasons[given]}")
        return lines, given is None

    def _ipython_display_(self) -> None:
        from IPython.display import display

        letters = [f"{letter}. {option}" for letter, option in self.options.items()]
        items = "".join(f"<li>{html.escape(option)}</li>" for option in self.options.values())
        listing = f'<ol type="A" style="list-style-type:upper-alpha">{items}</ol>' if items else ""
        text = "\n".join(["Predict: " + self.question, *letters])
        markup = f"<div><p><strong>Predict.</strong> {html.escape(self.question)}</p>{listing}</div>"
        display({"text/plain": text, "text/html": markup}, raw=True)
        control = buttons_or_box(self)
        if control is not None:  # the widget view is for a live kernel; its text is the same on every machine
            view = control._repr_mimebundle_()
            view["text/plain"] = ""
            display(view, raw=True)


def _say(lines: Sequence[str], folded: bool) -> Any:
    """Print the lines; in a notebook show them, and return the handle with which they can be changed."""
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.display import display

    if not InteractiveShell.initialized():
        print("\n".join(lines))
        return None
    return display(_bundle(lines, folded), raw=True, display_id=True)


def _bundle(lines: Sequence[str], folded: bool) -> dict[str, str]:
    """The lines as text and as HTML that wraps, and that is opened by a click when `folded`."""
    text = "".join(f"<p>{html.escape(line)}</p>" for line in lines)
    markup = f"<details><summary>Show the answer</summary>{text}</details>" if folded else f"<div>{text}</div>"
    return {"text/plain": "\n".join(lines), "text/html": markup}


def _number(word: str, what: str) -> Number:
    try:
        value = Fraction(word)
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"{what}: answer={word!r} is not a number; write one such as 3, 2.5 or 37/60") from None
    return int(value) if value.denominator == 1 else float(value)


def _close(given: Answer, right: Answer, within: float) -> bool:
    if isinstance(given, str) or isinstance(right, str):
        return given == right
    pair = [value if isinstance(value, tuple) else (value,) for value in (given, right)]
    return len(pair[0]) == len(pair[1]) and all(abs(a - b) <= within for a, b in zip(*pair, strict=True))
