"""A task: what a student's function is compared with, and what is said about each way of getting it wrong.

No check looks inside. A function is called on random inputs, small ones first, and what it returns is held
against a reference (PyTorch or arithmetic) or measured. A known mistake is a second, *wrong* reference: answers
that agree with it everywhere come from that mistake.
"""

import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from IPython.display import display
from torch import Tensor

from jpu_edu.draw.grids import READABLE
from jpu_edu.exercises.attempt import Outcome, attempt, in_words
from jpu_edu.exercises.draws import Draws
from jpu_edu.exercises.fault import Fault, fault, size, wrong_cells
from jpu_edu.exercises.verdict import Panel, Verdict, as_map

SOURCES = Path(__file__).resolve().parents[2] / "notebooks" / "src" / "exercises"
HINTED = ("raised", "endless", "type", "shape", "nan", "values")  # where the words alone do not say what to do
NEXT = {1: "hint=2", 2: "hint=3", 3: 'hint="solution"'}


class Mistake(NamedTuple):
    """A way to get a task wrong, and what to say to it. Give `wrong` or `when`, or let the task's `variants` know it.

    name: short, for tables. hint: for this mistake, in a sentence or two. wrong: what a function with this
    mistake returns; it may raise where that function would. when: called with the arguments and a wrong
    answer; True where the answer shows this mistake.
    """

    name: str
    hint: str
    wrong: Callable | None = None
    when: Callable | None = None


def ruled(function: Callable) -> Callable:
    """For a family of functions: called with a rule, its first argument, it returns the function of the others."""
    return lambda *rules, **more: partial(function, *rules, **more)


class Trial(NamedTuple):
    """One case: the arguments, the target, what became of the call, and what is wrong with it."""

    args: tuple
    want: Any
    outcome: Outcome
    fault: Fault | None


@dataclass(frozen=True)
class Task:
    """One graded task. Calling it checks a function: `check_merge(merge)`.

    Args:
        name: of the check, as a notebook calls it.
        exercise, number: "03" and 1 to 4; where the solution is found.
        cases: draws the arguments of every case, small ones first.
        mistakes: the first that explains all answers is named.
        hints: one for an unknown mistake, a second and a third on request, each saying more.
        reference: returns the target.
        variants: called with the arguments and wrong=NAME, it returns what a function with the mistake of that name
            returns. It serves the mistakes without `wrong` and `when`.
        measure: instead of a reference, where many answers are right or the target must not be shown: called with
            the arguments and the answer, it returns what is wrong in words, or None.
        phases: whether the picture colours maps by their phase at the argument `rate`.
        show: for arguments that are no tensors: a title and a map of them, for the picture.
        seconds: after which a call counts as endless.
    """

    name: str
    exercise: str
    number: int
    cases: Callable[[Draws], Sequence[tuple]]
    mistakes: tuple[Mistake, ...]
    hints: tuple[str, str, str]
    reference: Callable | None = None
    variants: Callable | None = None
    measure: Callable | None = None
    phases: bool = False
    show: Callable | None = None
    seconds: float = 10.0

    def __post_init__(self) -> None:
        def whole(one: Mistake) -> Mistake:
            return one if one.wrong or one.when else one._replace(wrong=partial(self.variants, wrong=one.name))

        object.__setattr__(self, "mistakes", tuple(map(whole, self.mistakes)))

    def __call__(self, answer: Any, *, seed: int = 0, hint: int | str = 1) -> Verdict:
        """Try the student's function `answer` on all cases of this seed.

        Args:
            seed: of the cases; a class has its own.
            hint: 2 and 3 give more help, "solution" the solution (not in a class).

        Raises:
            ValueError: another `hint`.
        """
        if hint not in (*NEXT, "solution"):
            raise ValueError(f"{self.name}: hint={hint!r}; choose 1, 2, 3 or 'solution'")
        more = tuple(f"Hint {n}. {self.hints[n - 1]}" for n in (2, 3) if hint != "solution" and n <= hint)
        more += (f"More help: add `{NEXT[hint]}` to the call.",) if hint in NEXT else (self._solution(seed),)
        if not callable(answer):
            said = f"{self.name} takes the function itself, its name without brackets; it got {answer!r:.60}."
            return Verdict("blank" if answer in (None, ...) else "type", said, more)
        cases, trials = list(self.cases(Draws(seed))), []
        for args in cases:
            trials.append(self._try(answer, args))
            if trials[-1].fault and trials[-1].fault.kind in ("blank", "endless"):
                break
        name = getattr(answer, "__name__", "your function")
        faulty = [trial for trial in trials if trial.fault]
        failed = min(faulty, key=lambda trial: trial.fault.kind == "dtype", default=None)  # the numbers count first
        if failed is None:
            tried = self._in_words(cases[0])
            if len(cases) > 1:
                tried = f"{len(cases)} cases, from {tried} to {self._in_words(cases[-1])}"
            return Verdict("right", f"`{name}` is right for {tried}.", more[:-1] if hint in NEXT else more, share=1.0)
        kind, words = failed.fault
        if kind == "blank":
            said = f"Fill the blank in `{name}`: your lines take the place of `raise NotImplementedError()`. "
            return Verdict(kind, said + "Run its cell, then this one again.", more)
        mistake = next((one for one in self.mistakes if explains(one, trials)), None)
        first = (f"Hint. {mistake.hint if mistake else self.hints[0]}",) if kind in HINTED else ()
        share = sum(trial.fault is None for trial in trials) / len(cases)
        said = f"With {self._in_words(failed.args)}: {words}."
        return Verdict(kind, said, first + more, tuple(self._panels(failed)), share, mistake and mistake.name)

    def grade(self, answer: Any, *, seed: int, points: float) -> float:
        """For hidden tests: show the verdict and return the points, which a grader reads."""
        verdict = self(answer, seed=seed)
        display(verdict)
        return verdict.points(points)

    def _try(self, answer: Callable, args: tuple) -> Trial:
        outcome = attempt(answer, args, seconds=self.seconds)
        want = self.reference(*deepcopy(args)) if self.reference else None
        if outcome.fault:
            return Trial(args, want, outcome, outcome.fault)
        found = fault(outcome.value, want) if self.reference else self._measured(args, outcome.value)
        if found and found.kind == "dtype" and all(isinstance(part, int | float) for part in args):
            found = None  # numbers that were given have no dtype to keep
        if found is None and outcome.changed:
            found = Fault("changed", "the answer is right, but it changed its input; work on a copy, `x.clone()`")
        return Trial(args, want, outcome, found)

    def _measured(self, args: tuple, value: Any) -> Fault | None:
        try:
            words = self.measure(*deepcopy(args), value)
        except Exception as error:  # the answer is of a kind that nobody thought of
            shown = repr(value) if len(repr(value)) <= 60 else f"{value!r:.60} ..."
            return fault(None, 0) if value is None else Fault("type", f"it returned {shown}: no answer ({error})")
        return words and Fault("values", words)

    def _named(self, args: tuple) -> dict[str, Any]:
        return dict(zip(inspect.signature(self.reference or self.measure).parameters, args, strict=False))

    def _in_words(self, args: tuple) -> str:
        return ", ".join(filter(None, (_said(name, value) for name, value in self._named(args).items())))

    def _solution(self, seed: int) -> str:
        if seed:
            return "Solution. This sheet is graded; the solution comes back with the points."
        return f"Solution.\n{solution(self.exercise, self.number)}"

    def _panels(self, trial: Trial) -> Iterator[Panel]:
        """Input, target and answer as maps; of several channels the first one that is wrong."""
        named, got, want = self._named(trial.args), trial.outcome.value, trial.want
        rate = named.get("rate") if self.phases else None
        for name, value in named.items():
            several = isinstance(value, list) and isinstance(value[0], Tensor)
            for k, part in enumerate(value if several else [value]):
                if (values := as_map(part)) is not None:
                    title, mine = f"{name}[{k}]" if several else name, None if name == "weight" else rate
                    yield Panel(title, values, rate=mine, phase=k if several and mine else None)
        if self.show:
            yield Panel(*self.show(*trial.args))
        alike = isinstance(got, Tensor) and isinstance(want, Tensor) and got.shape == want.shape
        wrong = wrong_cells(got, want) if alike else None
        channel = wrong.nonzero()[0][:-2].tolist() if wrong is not None and wrong.any() else ()
        for title, value in (("target", want), ("yours", got)):
            if (values := as_map(value, channel)) is not None:
                mark = wrong is not None and title == "yours" and max(values.shape) <= READABLE
                cells = as_map(wrong, channel).nonzero().tolist() if mark else []
                yield Panel(title, values, [tuple(cell) for cell in cells], rate)


def explains(mistake: Mistake, trials: Sequence[Trial]) -> bool:
    """Whether this mistake gives all these answers, and at least one of the wrong ones.

    Notice: from answers that stopped with an error nothing is concluded, unless all of them stopped with the error of
    the wrong reference, word for word.
    """
    named, same_error = False, []
    for args, _, outcome, found in trials:
        returned, args = outcome.fault is None, deepcopy(args)
        try:
            theirs = mistake.when(*args, outcome.value) if mistake.when else mistake.wrong(*args)
        except Exception as error:
            if returned and mistake.wrong:
                return False
            same_error.append(not returned and f"{outcome.fault.words}, ".startswith(f"{in_words(error)}, "))
            continue
        other = fault(outcome.value, theirs) if returned and mistake.wrong else None
        if other and other.kind != "dtype":
            return False
        if not returned:
            same_error.append(False)
        named |= bool(returned and found and found.kind != "dtype" and (mistake.wrong or theirs))
    return named or bool(mistake.wrong and same_error and all(same_error))


def _said(name: str, value: Any) -> str:
    """An argument in words: "x of 3 x 5", "4 phases, the first of 2 x 3", "one map in scores, of 2 x 3", "rate=2"."""
    if isinstance(value, Tensor):
        return f"{name} of {size(value)}"
    if isinstance(value, list) and isinstance(value[0], Tensor):
        which = f"{len(value)} {name}, the first" if len(value) > 1 else f"one map in {name},"
        return f"{which} of {size(value[0])}"
    plain = isinstance(value, int | float | tuple | list)
    return "" if callable(value) else f"{name}={value}" if plain else str(value)


def solution(exercise: str, number: int) -> str:
    """The solution of a task and why it works, from the one source that holds it."""
    for path in SOURCES.glob(f"{exercise}_*.py"):
        text = path.read_text(encoding="utf-8")
        parts = (rf"^# %% answer={number}$\n(.*?)(?=^# %%)", rf"^# %% \[markdown\] why={number}$\n(.*?)(?=^# %%)")
        code, why = (re.search(part, text, re.DOTALL | re.MULTILINE)[1].strip() for part in parts)
        code = re.sub(r"^ *### (BEGIN|END) SOLUTION(\n|\Z)", "", code, flags=re.MULTILINE).rstrip()
        why = " ".join(line.removeprefix("#").strip() for line in why.splitlines())
        return f"```\n{code}\n```\n\n{why}"
    return "It is not on this machine; ask whoever gave you the sheet."
