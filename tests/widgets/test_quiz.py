"""A quiz carries its reasons in the page, asks nothing of the network, and reads as text."""

import re

import pytest

from jpu_edu.widgets.quiz import Question, quiz

QUESTION = Question(
    "What does `split` compute?",
    ["sums", "nothing", "means"],
    "B",
    ["that is conv", "every phase is a view", "that is pooling"],
)


def test_the_page_is_the_same_bytes_twice_and_complete_without_the_script():
    page = quiz([QUESTION])._repr_html_()
    assert page == quiz([QUESTION])._repr_html_()
    before_script = page.split("<script>")[0]
    assert "<details>" in before_script and "every phase is a view" in before_script
    assert "<code>split</code>" in before_script


def test_the_page_asks_nothing_of_the_network():
    page = quiz([QUESTION])._repr_html_()
    assert re.findall(r"https?://[^\"' ;]+", page) == ["http://www.w3.org/2000/svg"]  # the name of SVG, not a request
    assert "src=" not in page and "@KEY@" not in page


def test_text_gives_questions_options_and_answers():
    assert repr(quiz([QUESTION])).splitlines() == [
        "1. What does `split` compute?", "   A. sums", "   B. nothing", "   C. means", "Answers: 1 B",
    ]  # fmt: skip


def test_markup_in_a_question_is_shown_not_run():
    page = quiz([Question("a < b & <script>", ["x", "y"], "A", ["", ""])])._repr_html_()
    assert "a &lt; b &amp; &lt;script&gt;" in page


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"answer": "D"}, "answer='D'; choose one of A, B, C"),
        ({"answer": "AB"}, "choose one of A, B, C"),
        ({"why": ["one"]}, "1 reasons for 3 options"),
        ({"options": ["only"], "why": ["one"]}, "1 options; give two to eight"),
    ],
)
def test_a_question_that_does_not_add_up_says_why(changes, message):
    given = {"text": "?", "options": ["a", "b", "c"], "answer": "A", "why": ["1", "2", "3"]} | changes
    with pytest.raises(ValueError, match=message):
        Question(**given)


def test_an_empty_quiz_and_a_foreign_question_are_refused(unchecked):
    with pytest.raises(ValueError, match="no questions"):
        quiz([])
    with pytest.raises(TypeError, match="got str"):
        quiz(["What?"])
