"""A prediction is recorded, revealed, and explained; with none recorded the text is the same every time."""

from types import SimpleNamespace

import ipywidgets
import pytest

from jpu_edu.widgets.predict import Prediction, forget, tally
from jpu_edu.widgets.predict_control import buttons_or_box


@pytest.fixture(autouse=True)
def _fresh() -> None:
    forget()


def sizes() -> Prediction:
    return Prediction("How large is phase 3 of a 7 x 7 map?", options=["4 x 4", "3 x 3", "3 x 4"], name="size")


def test_reveal_shows_theirs_beside_the_truth_and_explains_the_wrong_one(capsys):
    prediction = sizes()
    prediction.answer = "A"
    prediction.reveal("B", because={"A": "that is phase 0", "C": "one axis only"}, explain="7 // 2 = 3.")
    assert capsys.readouterr().out.splitlines() == [
        "You predicted A (4 x 4). The answer is B (3 x 3): not this time.",
        "7 // 2 = 3.",
        "Not A (4 x 4): that is phase 0",
    ]


def test_reveal_says_right_and_does_not_explain_what_was_not_believed(capsys):
    prediction = sizes()
    prediction.answer = "b"
    prediction.reveal("3 x 3", because={"A": "that is phase 0"})
    assert capsys.readouterr().out == "You predicted B (3 x 3). The answer is B (3 x 3): right.\n"


def test_run_all_tells_the_truth_and_invites_to_commit(capsys):
    outputs = []
    for _ in range(2):
        sizes().reveal("B", because={"A": "that is phase 0"})
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1]
    assert outputs[0].startswith("The answer is B (3 x 3).")
    assert "that is phase 0" in outputs[0] and 'prediction.answer = "A"' in outputs[0]


def test_in_a_notebook_the_answer_is_folded_until_a_prediction_is_recorded(monkeypatch):
    bundles = []
    monkeypatch.setattr("IPython.display.display", lambda bundle, **_: bundles.append(bundle))
    monkeypatch.setattr("IPython.core.interactiveshell.InteractiveShell.initialized", lambda: True)
    prediction = sizes()
    prediction.reveal("B", explain="7 // 2 < 4.")
    prediction.answer = "B"
    prediction.reveal("B", explain="7 // 2 < 4.")
    assert bundles[0]["text/html"].startswith("<details><summary>Show the answer</summary><p>The answer is B (3 x 3).")
    assert bundles[1]["text/html"].startswith("<div><p>You predicted B (3 x 3).")
    for bundle in bundles:
        assert "7 // 2 &lt; 4." in bundle["text/html"] and "7 // 2 < 4." in bundle["text/plain"]


def test_an_answer_that_comes_after_the_reveal_changes_what_is_shown(monkeypatch):
    shown = []
    handle = SimpleNamespace(update=lambda bundle, raw: shown.append(bundle["text/plain"]))
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw, display_id: handle)
    monkeypatch.setattr("IPython.core.interactiveshell.InteractiveShell.initialized", lambda: True)
    prediction = sizes()
    prediction.reveal("B", because={"A": "that is phase 0"})
    assert shown == []
    prediction.answer = "A"
    prediction.answer = "B"
    assert "You predicted A (4 x 4)" in shown[0] and "that is phase 0" in shown[0]
    assert "right" in shown[1] and len(shown) == 2


@pytest.mark.parametrize(
    ("given", "within", "verdict"),
    [(9, 0, "right"), (6, 0, "not this time"), (8.6, 0.5, "right"), (8.4, 0.5, "not this time")],
)
def test_a_number_is_right_within_its_bound(capsys, given, within, verdict):
    prediction = Prediction("How many phases at rate 3?", number=True)
    prediction.answer = given
    prediction.reveal(9, within=within)
    assert verdict in capsys.readouterr().out


def test_several_numbers_are_read_from_text_and_compared_one_by_one(capsys):
    prediction = Prediction("The four heights?", numbers=True)
    prediction.answer = "4, 3 4 3"
    assert prediction.answer == (4, 3, 4, 3)
    prediction.reveal([4, 4, 3, 3], because={(4, 3, 4, 3): "that is the widths"})
    assert "Not 4, 3, 4, 3: that is the widths" in capsys.readouterr().out


def test_the_record_survives_re_running_the_cell():
    sizes().answer = "C"
    assert sizes().answer == "C"
    forget()
    assert sizes().answer is None


def test_tally_counts_recorded_and_right(capsys):
    sizes().answer = "B"
    sizes().reveal("B")
    Prediction("another", number=True).reveal(3)
    capsys.readouterr()
    tally()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Predictions: 1 of 2 recorded before their reveal, 1 right."
    assert max(map(len, lines)) <= 100, "a page does not break them"


@pytest.mark.parametrize(("said", "read"), [("37/60", 37 / 60), ("4/2", 2), ("2.50", 2.5), ("1e3", 1000)])
def test_a_number_may_be_written_as_a_fraction(said, read):
    question = Prediction("how much?", number=True)
    question.answer = said
    assert question.answer == read
    question.reveal(read)
    for wrong in ("1/0", "3/x", "nan"):
        with pytest.raises(ValueError, match=f"answer='{wrong}' is not a number; write one such as 3, 2.5 or 37/60"):
            question.answer = wrong


def test_the_question_is_text_in_a_static_page_and_the_widget_is_named_in_words(monkeypatch):
    bundles = []
    monkeypatch.setattr("IPython.display.display", lambda bundle, **_: bundles.append(bundle))
    sizes()._ipython_display_()
    question, control = bundles
    assert "<li>4 x 4</li><li>3 x 3</li>" in question["text/html"]
    assert question["text/plain"].splitlines()[1:] == ["A. 4 x 4", "B. 3 x 3", "C. 3 x 4"]
    assert control["text/plain"] == ""  # no widget repr: it changes with the version
    assert "application/vnd.jupyter.widget-view+json" in control


def test_a_click_records_the_answer_in_the_kernel_and_says_so():
    prediction = sizes()
    buttons, status = buttons_or_box(prediction).children
    assert isinstance(buttons, ipywidgets.ToggleButtons) and buttons.value is None
    buttons.value = "C"
    assert prediction.answer == "C"
    assert "Recorded: C (3 x 4)" in status.value and 'aria-live="polite"' in status.value


def test_a_typed_number_is_recorded_and_nonsense_is_answered_in_place():
    prediction = Prediction("How many?", number=True)
    row, status = buttons_or_box(prediction).children
    box, button = row.children
    box.value = "nine"
    assert prediction.answer is None and "is not a number" in status.value
    box.value = "9"
    assert prediction.answer == 9
    prediction.answer = 4
    button.click()
    assert prediction.answer == 9


@pytest.mark.parametrize(
    ("value", "message"),
    [("D", "answer='D'; choose one of A, B, C"), (None, "choose one of A, B, C")],
)
def test_an_answer_that_is_no_option_names_the_options(value, message):
    with pytest.raises(ValueError, match=message):
        sizes().answer = value


@pytest.mark.parametrize(
    ("value", "message"), [([1, 2], "holds 2 numbers"), ("x", "is not a number"), (True, "write one number")]
)
def test_an_answer_that_is_no_number_says_what_to_write(value, message):
    with pytest.raises(ValueError, match=message):
        Prediction("How many?", number=True).answer = value


@pytest.mark.parametrize("kinds", [{}, {"number": True, "numbers": True}, {"options": ["a", "b"], "number": True}])
def test_a_prediction_has_exactly_one_kind_of_answer(kinds):
    with pytest.raises(ValueError, match="exactly one"):
        Prediction("?", **kinds)


def test_one_option_is_no_choice():
    with pytest.raises(ValueError, match="1 options; give two to eight"):
        Prediction("?", options=["only"])
