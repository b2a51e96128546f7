"""Timing in turn: order, counts and medians are exact; seconds are only compared where they differ widely."""

import json
import time

import pytest

from jpu_edu.cost.timing import Timings, time_in_turn


def test_the_slower_of_two_sleepers_is_found():
    measured = time_in_turn({"short": lambda: time.sleep(0.002), "long": lambda: time.sleep(0.02)}, repeats=5, warmup=0)
    assert measured.medians["long"] > measured.medians["short"] >= 0.002
    assert measured.ratio("long", "short") > 1.5
    assert measured.ratio("short", "long") < 1 / 1.5


def test_tasks_run_in_turn_and_the_order_turns_round():
    calls = []
    measured = time_in_turn({name: lambda name=name: calls.append(name) for name in "abc"}, repeats=3, warmup=1)
    assert "".join(calls) == "abc" + "abc" + "cba" + "abc"
    assert measured.rounds == 3


def test_min_seconds_adds_rounds():
    measured = time_in_turn({"a": lambda: time.sleep(0.001)}, repeats=1, warmup=0, min_seconds=0.02)
    assert sum(measured.seconds["a"]) >= 0.02
    assert sum(measured.seconds["a"][:-1]) < 0.02


def test_a_ratio_is_taken_within_rounds():
    """Round by round 5, 3 and 1/4: the median is 3. The medians, 5 and 2, come from different rounds."""
    measured = Timings({"a": (5.0, 6.0, 1.0), "b": (1.0, 2.0, 4.0)})
    assert measured.ratio("a", "b") == 3
    assert measured.medians == {"a": 5.0, "b": 2.0}


def test_a_machine_that_slows_down_half_way_does_not_show_in_the_spread():
    pace = (1, 1, 1, 8, 8)
    measured = Timings({"a": tuple(2.0 * p for p in pace), "b": tuple(1.0 * p for p in pace)})
    assert measured.spread("a", "b") == (2, 2)


def test_the_spread_holds_half_of_the_rounds():
    measured = Timings({"a": (1.0, 2.0, 3.0, 4.0, 5.0), "b": (1.0,) * 5})
    assert measured.ratio("a", "b") == 3
    assert measured.spread("a", "b") == (2, 4)
    assert Timings({"a": (3.0,), "b": (2.0,)}).spread("a", "b") == (1.5, 1.5)


def test_table_and_dictionary():
    measured = Timings({"slow one": (0.2, 0.2), "fast": (0.1, 0.1)})
    lines = measured.table().splitlines()
    assert "speed-up over slow one" in lines[0]
    assert lines[3].split() == ["fast", "100.000", "2.00", "2.00", "to", "2.00"]
    again = json.loads(json.dumps(measured.as_dict()))
    assert again == {
        "medians": {"slow one": 0.2, "fast": 0.1},
        "seconds": {"slow one": [0.2, 0.2], "fast": [0.1, 0.1]},
    }


def test_wrong_arguments_are_named_with_their_remedy():
    with pytest.raises(ValueError, match="no tasks"):
        time_in_turn({})
    with pytest.raises(ValueError, match=r"repeats=0, warmup=2; repeats must be >= 1"):
        time_in_turn({"a": lambda: None}, repeats=0)
    with pytest.raises(ValueError, match=r"no task 'c'; measured were a, b"):
        Timings({"a": (1.0,), "b": (1.0,)}).ratio("a", "c")


@pytest.mark.usefixtures("unchecked")
def test_a_result_instead_of_a_function_is_refused():
    with pytest.raises(TypeError, match=r"task 'a' is float; wrap it, as in lambda"):
        time_in_turn({"a": 3.0})
