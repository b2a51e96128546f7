"""The checker itself, on a task that fits into a line: every way to fail has its own words, and help comes in steps."""

import contextlib
import time
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from jpu_edu.exercises import puzzle
from jpu_edu.exercises.attempt import attempt
from jpu_edu.exercises.draws import Draws
from jpu_edu.exercises.fault import fault
from jpu_edu.exercises.task import Mistake, Task
from jpu_edu.exercises.verdict import Panel, Verdict, draw_panels

ONE = torch.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=torch.float64)


def make(**changes) -> Task:
    settings = dict(
        name="check_doubled",
        exercise="99",
        number=1,
        cases=lambda draw: [(ONE,), (draw.normal(3, 4),), (torch.zeros(0, 2, dtype=torch.float64),)],
        reference=lambda x: 2 * x,
        mistakes=(
            Mistake("squared", "That is the square.", lambda x: x * x),
            Mistake("index", "Too far.", lambda x: x[99]),
            Mistake("negative", "It has become negative.", when=lambda x, y: bool((y < 0).all())),
        ),
        hints=("Think of two.", "Add it to itself.", "2 * x"),
        seconds=0.3,
    )
    return Task(**{**settings, **changes})


task = make()


def in_place(x):
    return x.mul_(2)


def blank(x):
    raise NotImplementedError()


def endless(x):
    while True:
        with contextlib.suppress(Exception):
            time.sleep(0.001)


def library_refuses(x):
    raise NotImplementedError("only 2D")


def leaves(x):
    raise SystemExit(3)


@pytest.mark.parametrize(
    ("function", "kind", "words"),
    [
        (lambda x: x + x, "right", "3 cases, from x of 2 x 2 to x of 0 x 2"),
        (blank, "blank", "your lines take the place of `raise NotImplementedError()`"),
        (None, "blank", "without brackets"),
        (..., "blank", "without brackets"),
        (ONE, "type", "takes the function itself"),
        (endless, "endless", "had not ended after 0.3 seconds"),
        (lambda x: 1 / 0, "raised", "ZeroDivisionError: division by zero, in the line `(lambda x: 1 / 0"),
        (library_refuses, "raised", "NotImplementedError: only 2D"),
        (leaves, "raised", "SystemExit"),
        (lambda x: None, "type", "returned None; does it end in `return`"),
        (lambda x: (2 * x).tolist(), "type", "returned list; a tensor of 2 x 2 is wanted"),
        (lambda x: 2 * x[:1], "shape", "its shape is 1 x 2; 2 x 2 is wanted"),
        (lambda x: (2 * x).float(), "dtype", "are right, but they are torch.float32 and not torch.float64"),
        (lambda x: (2 * x).float(), "dtype", "make each new tensor with `dtype=torch.float64`, or from another one"),
        (lambda x: (2 * x).float() + (len(x) == 3), "values", "With x of 3 x 4: 12 of its 12 numbers differ"),
        (lambda x: x / 0 * 0, "nan", "4 of its 4 numbers are NaN"),
        (lambda x: 2 * x + (x > 3), "values", "1 of its 4 numbers differ, the first at [1, 1], 9 where 8 is wanted"),
        (in_place, "changed", "it changed its input"),
    ],
)  # fmt: skip
def test_each_way_to_fail_has_its_own_words(function, kind, words):
    verdict = task(function)
    assert (verdict.kind, verdict.passed) == (kind, kind == "right")
    assert words in verdict.said


def test_a_known_mistake_gets_its_own_hint_and_an_unknown_one_the_first():
    assert "Hint. That is the square." in task(lambda x: x**2).help
    assert "Hint. Too far." in task(lambda x: x[99]).help
    assert "Hint. It has become negative." in task(lambda x: -x * x - 1).help
    assert "Hint. Think of two." in task(lambda x: x + 1).help
    assert not any("Hint" in line for line in task(in_place).help)


@pytest.mark.parametrize("other", [lambda x: x[7], lambda x: x.undefined, lambda x: x[99] if len(x) == 2 else x])
def test_an_error_is_called_by_the_name_of_a_mistake_only_if_it_is_the_same_error_each_time(other):
    verdict = task(other)
    assert (verdict.kind, verdict.mistake) == ("raised", None)
    assert "Hint. Think of two." in verdict.help


def test_a_mistake_is_named_in_float32_too_and_for_its_numbers_alone():
    assert task(lambda x: (x * x).float()).mistake == "squared"
    assert task(lambda x: (2 * x).float()).mistake is None
    large = make(
        cases=lambda draw: [(ONE,), (ONE + 9,)], mistakes=(Mistake("small", "S.", lambda x: x.clamp(max=9) * 2),)
    )
    assert large(lambda x: (2 * x).float() if x.max() < 9 else x.undefined).mistake is None


def test_a_right_float32_passes_where_only_numbers_are_given():
    stamps = make(
        cases=lambda draw: [(2,), (3,)], reference=lambda n: torch.eye(n, dtype=torch.float64) / 3, mistakes=()
    )
    assert stamps(lambda n: torch.eye(n) / 3).passed
    said = stamps(lambda n: torch.eye(n) / 2).said
    assert "2 of its 4 numbers differ, the first at [0, 0], 0.5 where 0.3333 is wanted" in said


class Pair(NamedTuple):
    weight: Tensor
    count: int


def test_a_part_of_a_named_tuple_is_called_by_its_name():
    want = Pair(ONE, 3)
    assert fault((ONE, 4), want).words == "at `count`, it returned 4; 3 is wanted"
    assert fault((ONE.float(), 4), want).words == "at `count`, it returned 4; 3 is wanted"  # the numbers count first
    assert "2 values, weight and count, are wanted" in fault(ONE, want).words
    assert "2 values, weight and count, are wanted" in fault((ONE,), want).words
    assert fault([ONE, 3], want) is None


def test_a_measured_answer_of_none_is_asked_for_its_return():
    measured = make(reference=None, measure=lambda x, answer: len(answer), mistakes=())
    assert "returned None; does it end in `return`" in measured(lambda x: None).said
    assert "00 ...: no answer (" in measured(lambda x: 10**99).said


def test_an_answer_that_fits_a_mistake_only_once_is_not_called_by_its_name():
    assert task(lambda x: x * x if len(x) == 2 else x + 7).mistake is None


def test_help_comes_in_steps_and_the_solution_last():
    wrong = [task(lambda x: x, hint=hint).help for hint in (1, 2, 3)]
    assert wrong[0] == ("Hint. Think of two.", "More help: add `hint=2` to the call.")
    assert wrong[1][1:] == ("Hint 2. Add it to itself.", "More help: add `hint=3` to the call.")
    assert wrong[2][2:] == ("Hint 3. 2 * x", 'More help: add `hint="solution"` to the call.')
    assert "not on this machine" in task(lambda x: x, hint="solution").help[-1]
    assert "graded" in task(lambda x: x, hint="solution", seed=2027).help[-1]
    assert task(lambda x: 2 * x).help == ()
    with pytest.raises(ValueError, match="choose 1, 2, 3 or 'solution'"):
        task(lambda x: x, hint=4)


def test_the_solution_of_a_real_task_is_the_one_in_its_source():
    from jpu_edu.exercises.e03_split_conv_merge import check_merge

    text = check_merge(blank, hint="solution").help[-1]
    assert "p, q = divmod(k, rate)" in text and "**Why it works.**" in text and "BEGIN" not in text


def test_the_picture_shows_input_target_and_answer_with_the_wrong_cells_outlined_and_says_so():
    verdict = task(lambda x: 2 * x + (x > 3))
    assert [panel.title for panel in verdict.panels] == ["x", "target", "yours"]
    assert verdict.panels[2].outlined == [(1, 1)]
    assert "x, 2 x 2: 1, 2, 3, 4. target, 2 x 2: 2, 4, 6, 8. yours, 2 x 2: 2, 4, 6, 9; 1 of its cells" in verdict.alt
    data = verdict._repr_mimebundle_()
    assert f'alt="{verdict.alt}"' in data["text/html"] and verdict.alt in data["text/plain"]
    assert len(draw_panels(verdict.panels).axes[0].texts) == 3 * 4 + 3


def test_of_several_channels_the_first_wrong_one_is_shown():
    channels = make(cases=lambda draw: [(torch.arange(12.0).reshape(1, 3, 2, 2),)])
    verdict = channels(lambda x: torch.stack([2 * x[:, 0], 2 * x[:, 1], x[:, 2]], dim=1))
    assert [panel.values.flatten().tolist() for panel in verdict.panels] == [
        [0, 1, 2, 3],
        [16, 18, 20, 22],
        [8, 9, 10, 11],
    ]


def test_a_solution_is_shown_as_code_with_its_lines_and_code_in_words_may_run_over_a_line():
    html = Verdict("values", "no", ("Solution.\n```\nfor k in x:\n    y *= 2\n```\n\nSee `a\nb`.",))._repr_html_()
    assert "<code>for k in x:\n    y *= 2</code>" in html and "<code>a\nb</code>" in html and "`" not in html


def test_words_are_shown_as_words_and_not_as_markup():
    html = Verdict("values", "it returned <b> & `a < b`", ("Hint. See `x[0]`, *not* 2 * 3 * 4.",))._repr_html_()
    assert "<em>not</em> 2 * 3 * 4" in html
    assert "&lt;b&gt; &amp; <code>a &lt; b</code>" in html and "<strong>Hint.</strong>" in html
    assert "<strong>✗ Not yet.</strong>" in html  # a word and a sign, no colour


@pytest.mark.parametrize(("right", "points"), [(3, 4.0), (2, 1.0), (1, 0.5), (0, 0.0)])
def test_points_are_all_or_at_most_half(right, points):
    kind = "right" if right == 3 else "values"
    assert Verdict(kind, "", share=right / 3).points(4) == points


def test_a_measured_task_says_what_it_saw_and_does_not_show_the_target():
    def even(x, n):
        if n > 100:
            raise ValueError("too large")
        return None if n % 2 == 0 else f"{n} is odd"

    measured = make(reference=None, measure=even)
    assert measured(lambda x: 4).passed
    assert "2 x 2: 5 is odd." in measured(lambda x: 5).said
    assert (measured(lambda x: 102).kind, measured(lambda x: "a").kind) == ("type", "type")
    assert not any(panel.title == "target" for panel in measured(lambda x: ONE).panels)


def test_grade_shows_the_verdict_and_returns_points(monkeypatch):
    from jpu_edu.exercises import task as module

    shown = []
    monkeypatch.setattr(module, "display", shown.append)
    assert task.grade(lambda x: 2 * x, seed=5, points=4) == 4.0
    assert task.grade(lambda x: x, seed=5, points=3) == 0.5  # the empty map is right
    assert [verdict.passed for verdict in shown] == [True, False]


@pytest.mark.parametrize(
    ("got", "want", "kind"),
    [
        (3, 3, None), (torch.tensor(3), 3, None), (3.0, 3, None), (True, 1, "type"), ("3", 3, "type"),
        (100_000_001, 100_000_000, "values"), (float("nan"), 1.0, "nan"), (1 / 3 + 1e-8, 1 / 3, None),
        ([1, 2], (1, 2), None), ((1, 3), (1, 2), "values"), ([1], (1, 2), "shape"), (7, (1, 2), "type"),
        ([ONE, ONE], [ONE, ONE + 1], "values"), (ONE.clone().requires_grad_(), ONE, None),
    ],
)  # fmt: skip
def test_numbers_and_lists_are_compared_as_a_reader_would(got, want, kind):
    found = fault(got, want)
    assert (found and found.kind) == kind


@pytest.mark.parametrize(
    ("got", "want", "words"),
    [
        (49 / 9, 2.04, "5.444; 2.04"),
        (1 / 3, 0.33333, "0.333333; 0.33333"),
        (100_000_001, 100_000_000, "100000001; 100000000"),
        (123456.7, 123.0, "123457; 123"),
        (float("inf"), 1.0, "inf; 1"),
    ],
)  # fmt: skip
def test_a_wrong_number_is_said_with_as_many_digits_as_tell_it_from_the_right_one(got, want, words):
    assert fault(got, want).words == f"it returned {words} is wanted"


def test_a_list_of_one_map_is_said_in_good_grammar():
    several = make(
        cases=lambda draw: [([ONE],), ([ONE, ONE, ONE],)], reference=lambda scores: 2 * scores[0], mistakes=()
    )
    assert (
        "2 cases, from one map in scores, of 2 x 2 to 3 scores, the first of 2 x 2." in several(lambda s: 2 * s[0]).said
    )


def test_the_numbers_of_a_picture_can_be_read_beside_a_large_map_and_with_all_their_digits():
    maps = [torch.full((9, 9), -123.25), torch.zeros(2, 27), torch.full((2, 2), 7.0)]
    axes = draw_panels([Panel("a map", one) for one in maps]).axes[0]
    sizes = [text.get_fontsize() for text in axes.texts]
    assert len(sizes) == 81 + 4 + 3 and min(sizes) > 5.5
    short = draw_panels([Panel("a map", torch.full((9, 9), 99.25))]).axes[0]
    assert min(text.get_fontsize() for text in short.texts) > 7.5


def test_a_call_that_does_not_end_is_stopped_and_leaves_no_thread_behind():
    import threading

    before = threading.active_count()
    assert attempt(endless, (ONE,), seconds=0.1).fault.kind == "endless"
    limit = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < limit:
        time.sleep(0.01)
    assert threading.active_count() == before


def test_the_input_of_a_call_stays_as_it_is_and_a_change_is_seen():
    x = [ONE.clone()]

    def change(parts):
        parts[0] += 1
        return parts[0]

    outcome = attempt(change, (x,), seconds=5)
    assert outcome.changed and torch.equal(x[0], ONE)
    assert not attempt(lambda parts: parts[0] + 1, (x,), seconds=5).changed


def test_draws_depend_on_the_seed_alone():
    one, same, other = Draws(3), Draws(3), Draws(4)
    first = [
        (d.whole(0, 99), d.choice("abc"), d.kernel(3, 3), d.normal(2), d.photograph(5, 6)) for d in (one, same, other)
    ]
    assert all(torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b for a, b in zip(*first[:2], strict=True))
    assert not torch.equal(first[0][2], first[2][2])
    kernel = one.kernel(3, 3)
    assert kernel.abs().unique().numel() == 9 and not torch.equal(kernel, kernel.flip(0, 1))
    assert first[0][4].shape == (1, 1, 5, 6)


def test_a_mistake_without_a_function_gets_the_variant_of_its_name():
    def powers(x, *, wrong):
        return {"squared": x**2, "cubed": x**3}[wrong]

    named = Task(
        name="check_double", exercise="03", number=1, cases=lambda draw: [(2.0,), (3.0,)],
        reference=lambda x: 2 * x, variants=powers, hints=("one", "two", "three"),
        mistakes=(Mistake("squared", "S."), Mistake("cubed", "C."), Mistake("halved", "H.", lambda x: x / 2)),
    )  # fmt: skip
    answers = (lambda x: x**2, lambda x: x**3, lambda x: x / 2)
    assert [named(answer).mistake for answer in answers] == ["squared", "cubed", "halved"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ([1, 2, 3], None),
        ([1, 2], "1 more size is exact"),
        ([1, 1], "2 more sizes are exact"),
        ([], "3 more sizes are exact"),
    ],
)
def test_what_is_left_of_a_list_is_said_in_good_grammar(answer, said):
    assert puzzle.left(3, answer, "size{s} {are} exact") == said
    assert puzzle.left(2, [1], "row{s} change{v}") == "1 more row changes"
