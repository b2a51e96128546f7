"""What "equal" means: the verdict must never be kinder than the numbers."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from jpu_edu.ops.compare import (
    TOLERANCE,
    Comparison,
    compare,
    describe_error,
    describe_shapes,
    max_error,
    table,
    tolerance_of,
    worst,
)

nan, inf = float("nan"), float("inf")


def t(*values, dtype=torch.float64):
    return torch.tensor(values, dtype=dtype)


# ----------------------------------------------------------------------------------------------- max_error


@pytest.mark.parametrize(
    ("got", "want", "error"),
    [
        ([1.0, 2.0], [1.0, 2.0], 0.0),
        ([0.0, 0.25], [0.0, 0.0], 0.25),  # absolute while |want| stays below 1
        ([0.5, 0.0], [0.25, 0.5], 0.5),
        ([101.0, 0.0], [100.0, 0.0], 0.01),  # relative to the largest |want| above
        ([0.0, -8.0], [0.0, -4.0], 1.0),
        ([inf, 1.0], [inf, 1.0], 0.0),
        ([inf], [-inf], inf),
        ([inf], [1.0], inf),
        ([1.0], [inf], inf),
        ([inf, 12.0], [inf, 10.0], 0.2),
    ],
)
def test_the_error_is_absolute_below_1_and_relative_to_the_largest_above(got, want, error):
    assert max_error(t(*got), t(*want)) == pytest.approx(error, abs=1e-15)


@pytest.mark.parametrize(("got", "want"), [([nan], [nan]), ([nan, 0], [0, 0]), ([0, 0], [0, nan]), ([inf], [nan])])
def test_nan_on_either_side_gives_nan(got, want):
    assert math.isnan(max_error(t(*got), t(*want)))


@given(values=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8), shift=st.floats(1e-6, 1e3))
def test_a_shift_of_one_value_is_found_at_its_size(values, shift):
    want = t(*values)
    for i in range(len(values)):
        got = want.clone()
        got[i] += shift
        moved = (got[i] - want[i]).item()
        assert max_error(got, want) == pytest.approx(moved / max(1.0, want.abs().max().item()), rel=1e-12)


@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.bool])
def test_integers_and_booleans_must_be_equal_to_the_last_bit(dtype):
    zero, one = t(0, 1, dtype=dtype), t(1, 1, dtype=dtype)
    assert tolerance_of(dtype) == 0
    assert compare("same", one, one).passed
    assert not compare("different", zero, one).passed
    assert max_error(zero, one) == 1


def test_large_integers_that_float64_cannot_tell_apart_are_not_equal():
    assert not compare("2^53", t(2**53, dtype=torch.int64), t(2**53 + 1, dtype=torch.int64)).passed


def test_two_empty_tensors_are_equal():
    assert max_error(torch.zeros(0, 3), torch.zeros(0, 3)) == 0


def test_nothing_is_broadcast_or_promoted():
    with pytest.raises(ValueError, match=r"compare: shapes differ, \(1,\) against \(2,\)"):
        max_error(t(1), t(1, 1))
    with pytest.raises(ValueError, match=r"dtypes differ, torch\.float32 against torch\.float64; cast one on purpose"):
        max_error(t(1, dtype=torch.float32), t(1))


def test_gradients_do_not_matter():
    assert max_error(t(1.0).requires_grad_(), t(1.0).requires_grad_()) == 0


# ------------------------------------------------------------------------------------------------- verdicts


@pytest.mark.parametrize("dtype", list(TOLERANCE))
def test_each_dtype_has_its_tolerance_and_it_is_a_bound(dtype):
    limit = tolerance_of(dtype)
    want = torch.zeros(3, dtype=dtype)
    assert compare("below", torch.full((3,), 0.9 * limit, dtype=dtype), want).passed
    assert not compare("above", torch.full((3,), 1.1 * limit, dtype=dtype), want).passed
    assert limit > 3 * torch.finfo(dtype).eps > 0


def test_a_dtype_without_tolerance_is_refused_with_the_choices():
    with pytest.raises(ValueError, match=r"compare: no tolerance for torch\.complex64; use one of .*torch\.float64"):
        tolerance_of(torch.complex64)


@pytest.mark.parametrize("breaks", [False, True])
@pytest.mark.parametrize("tolerance", [None, 1.0, inf])
def test_nan_never_passes_neither_as_identity_nor_as_counterexample(breaks, tolerance):
    for got, want in ((t(nan), t(0.0)), (t(0.0), t(nan)), (t(nan), t(nan))):
        assert not compare("nan", got, want, breaks=breaks, tolerance=tolerance).passed


@pytest.mark.parametrize("breaks", [False, True])
def test_infinity_against_a_number_never_passes(breaks):
    assert not compare("inf", t(inf), t(1.0), breaks=breaks).passed


@pytest.mark.parametrize(
    ("breaks", "error", "verdict"),
    [(False, 0.0, "holds"), (False, 1.0, "FAILS"), (True, 1.0, "breaks, as claimed"), (True, 0.0, "DOES NOT BREAK")],
)
def test_the_verdict_says_what_happened_and_what_was_claimed(breaks, error, verdict):
    row = compare("claim", t(error), t(0.0), breaks=breaks)
    assert row.verdict == verdict and row.passed == (verdict in ("holds", "breaks, as claimed"))


def test_a_stated_bound_replaces_the_rounding_tolerance():
    assert compare("close", t(0.4), t(0.0), label="approximate", tolerance=0.5).passed
    assert not compare("close", t(0.6), t(0.0), label="approximate", tolerance=0.5).passed
    assert not compare("none", t(1e-15), t(0.0), tolerance=0).passed


@pytest.mark.usefixtures("unchecked")
def test_an_unknown_label_is_refused_with_the_choices():
    with pytest.raises(ValueError, match=r"compare: label='true'; choose one of exact, approximate, learned"):
        compare("claim", t(0.0), t(0.0), label="true")


# ---------------------------------------------------------------------------------------------------- worst


def row(error, *, name="claim", breaks=False, tolerance=1e-12, shape=(1, 1, 4, 4), dtype="float64", label="exact"):
    return Comparison(name, label, (shape,), dtype, error, tolerance, breaks)


def test_the_worst_of_an_identity_is_its_largest_error():
    folded = worst([row(1e-16), row(3e-15, shape=(1, 1, 5, 4)), row(0.0)])
    assert folded.error == 3e-15 and folded.shapes == ((1, 1, 4, 4), (1, 1, 5, 4), (1, 1, 4, 4)) and folded.passed
    assert not worst([row(0.0), row(1e-3), row(0.0)]).passed


def test_the_worst_of_a_counterexample_is_its_smallest_error():
    assert worst([row(2.0, breaks=True), row(0.5, breaks=True)]).error == 0.5
    assert not worst([row(2.0, breaks=True), row(0.0, breaks=True)]).passed


@pytest.mark.parametrize("breaks", [False, True])
@pytest.mark.parametrize("order", [0, 1, 2])
def test_nan_wins_wherever_it_stands(breaks, order):
    errors = [1.0, 2.0]
    errors.insert(order, nan)
    folded = worst([row(e, breaks=breaks) for e in errors])
    assert math.isnan(folded.error) and not folded.passed


def test_the_worst_is_judged_by_the_strictest_tolerance():
    assert worst([row(0.0, tolerance=1.0), row(0.5, tolerance=0.1)]).tolerance == 0.1
    assert worst([row(1.0, tolerance=1.0, breaks=True), row(1.0, tolerance=0.1, breaks=True)]).tolerance == 1.0


def test_the_worst_of_nothing_or_of_different_claims_is_refused():
    with pytest.raises(ValueError, match="worst: no comparisons given; pass at least one"):
        worst([])
    for other in (row(0.0, name="b"), row(0.0, dtype="float32"), row(0.0, breaks=True), row(0.0, label="learned")):
        with pytest.raises(ValueError, match="worst: rows of different claims, 'claim' and"):
            worst([row(0.0), other])


# ---------------------------------------------------------------------------------------------------- table


@pytest.mark.parametrize(
    ("shapes", "text"),
    [
        ([(1, 64, 65, 97)], "1x64x65x97"),
        ([(7,)], "7"),
        ([()], "scalar"),
        ([(1, 3, 4, 4), (1, 3, 5, 4), (1, 3, 4, 5), (5, 3, 4, 4)], "4 shapes, 2 odd"),
    ],
)
def test_shapes_are_named_or_counted(shapes, text):
    assert describe_shapes(shapes) == text


def test_rounding_noise_is_printed_as_its_bound_so_that_every_machine_prints_the_same():
    assert describe_error(row(3.3e-16), bounds=True) == describe_error(row(0.0), bounds=True) == "<= 1e-12"
    assert describe_error(row(0.0, tolerance=0), bounds=True) == "0"
    assert describe_error(row(3.3e-16), bounds=False) == "3.3e-16"


def test_what_fails_breaks_or_is_learned_prints_its_own_number():
    assert describe_error(row(0.123), bounds=True) == "0.12"
    assert describe_error(row(0.123, breaks=True), bounds=True) == "0.12"
    assert describe_error(row(0.123, label="learned", tolerance=1), bounds=True) == "0.12"


def test_the_table_reads_as_it_always_did():
    rows = [
        compare("R(M(S(x))) = R(x)", torch.zeros(1, 2, 5, 4), torch.zeros(1, 2, 5, 4)),
        compare("labels", t(1, 2, dtype=torch.int64), t(1, 2, dtype=torch.int64)),
        compare("h_hat = h", t(0.25), t(0.0), label="learned", tolerance=0.5),
        compare("reflect padding", t(3.0), t(1.0), breaks=True),
        compare("a wrong claim", t(3.0), t(1.0)),
    ]
    assert table(rows).splitlines() == [
        "claim              label           shapes   dtype    max error  verdict",
        "-----------------  --------------  -------  -------  ---------  ------------------",
        "R(M(S(x))) = R(x)  exact           1x2x5x4  float32  <= 1e-05   holds",
        "labels             exact           2        int64    0          holds",
        "h_hat = h          learned         1        float64  0.25       holds",
        "reflect padding    counterexample  1        float64  2          breaks, as claimed",
        "a wrong claim      exact           1        float64  2          FAILS",
    ]


def test_without_bounds_the_table_prints_the_numbers():
    lines = table([compare("claim", t(1 + 2**-52), t(1.0))], bounds=False).splitlines()
    assert "2.2e-16" in lines[-1] and "<=" not in lines[-1]
