"""Tables: what is flush where, and a rule as wide as what it divides."""

import pytest

from jpu_edu.ops.columns import columns


def test_words_are_flush_left_numbers_flush_right_and_a_rule_fills_its_columns():
    assert columns([("name", "n"), None, ("a", "10"), ("", "2")]).splitlines() == [
        "name   n",
        "----  --",
        "a     10",
        "       2",
    ]  # fmt: skip


def test_no_line_ends_in_blanks():
    assert (
        columns([("name", "verdict"), ("a long name", "holds")], left=2) == "name         verdict\na long name  holds"
    )


def test_rows_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="shorter"):
        columns([("a", "b"), ("c",)])
