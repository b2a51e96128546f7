"""The benchmark of the convolutions: what it measures, what it says about it, and what it writes."""

import argparse
import json

import pytest
import torch

from jpu_edu.bench import conv
from jpu_edu.bench.conv import Case, Row, grid, jpu_branches, main, measure, run, table, task, verdict
from jpu_edu.ops.compare import max_error

SMALL = Case("depthwise", 8, 12, 2, True, "float32", "channels-last")


def row(*, rate=8, backward=True, dtype="float32", layout="channels-last", native=30.0, auto=3.0, regret=1.0):
    """A row with made-up times, to see what is said about it."""
    case = Case("depthwise", 1536, 64, rate, backward, dtype, layout)
    milliseconds = {"native": native, "phases": auto, "auto": auto}
    return Row(case, "phases", milliseconds, native / auto, native / auto, regret, 5)


def options(*words):
    parser = argparse.ArgumentParser()
    conv.add_arguments(parser)
    return parser.parse_args(words)


# ------------------------------------------------------------------------------------------------ the cases


def test_the_grid_varies_everything_that_the_choice_depends_on():
    cases = grid()
    assert {c.rate for c in cases} == {2, 4, 8} and {16, 32, 64} <= {c.size for c in cases}
    for name, values in {
        "kind": {"dense", "depthwise"},
        "backward": {True, False},
        "dtype": {"float32", "bfloat16"},
        "layout": {"channels-first", "channels-last"},
    }.items():
        assert {getattr(c, name) for c in cases} == values
    assert len(set(cases)) == len(cases) and set(grid(quick=True)) < set(cases)


@pytest.mark.parametrize(("capability", "dtypes"), [("AVX2", {"float32"}), ("AVX512", {"float32", "bfloat16"})])
def test_the_branches_are_the_jpus_in_each_dtype_that_has_fast_kernels(monkeypatch, capability, dtypes):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    cases = jpu_branches()
    assert {(c.kind, c.channels, c.size) for c in cases} == {("depthwise", 1536, 64)}
    assert {c.rate for c in cases} == {2, 4, 8} and {c.dtype for c in cases} == dtypes
    assert set(jpu_branches(quick=True)) < set(cases)


@pytest.mark.parametrize("case", [SMALL, Case("dense", 4, 9, 3, True, "float64", "channels-first")])
def test_a_case_has_the_shapes_dtype_and_layout_that_it_names(case):
    x, weight, upstream = case.tensors()
    layout = conv.FORMATS[case.layout]
    assert x.shape == upstream.shape == (1, case.channels, case.size, case.size)
    assert weight.shape == (case.channels, 1 if case.kind == "depthwise" else case.channels, 3, 3)
    for tensor in (x, upstream):
        assert tensor.is_contiguous(memory_format=layout)
    assert {t.dtype for t in (x, weight, upstream)} == {getattr(torch, case.dtype)}
    assert x.requires_grad and weight.requires_grad


def test_a_task_is_the_convolution_and_its_gradients_where_the_case_has_a_backward_pass():
    results = []
    for by in conv.WAYS:
        torch.manual_seed(3)
        results.append(task(SMALL, by)())
    for gradients in results[1:]:
        for got, want in zip(gradients, results[0], strict=True):
            assert max_error(got, want) <= 1e-5
    assert [g.shape for g in results[0]] == [(1, 8, 12, 12), (8, 1, 3, 3)]
    forward = task(Case("depthwise", 8, 12, 2, False, "float32", "channels-last"), "native")()
    assert forward.shape == (1, 8, 12, 12) and not forward.requires_grad


# ------------------------------------------------------------------------------------------- what is measured


def test_a_row_holds_times_and_ratios_of_one_run():
    got = measure(SMALL, seconds=0)
    assert got.case == SMALL and got.way == "phases" and got.rounds >= 3
    assert set(got.milliseconds) == {"native", "phases", "auto"} and min(got.milliseconds.values()) > 0
    assert min(got.ratio, got.speedup, got.regret) > 0


def test_a_row_that_looks_slow_is_measured_again_and_longer(monkeypatch):
    asked = []

    def pretend(case, *, seconds, rounds):
        asked.append((seconds, rounds))
        return row(regret=1.5 if len(asked) == 1 else 1.0)

    monkeypatch.setattr(conv, "_measure", pretend)
    assert measure(SMALL, seconds=0.1).regret == 1.0
    assert len(asked) == 2 and asked[1][0] > asked[0][0] and asked[1][1] > asked[0][1]
    assert measure(SMALL, seconds=0.1).regret == 1.0 and len(asked) == 3


def test_the_same_seed_measures_the_same_maps(monkeypatch):
    seen = []

    def pretend(case, *, seconds):
        seen.append(case.tensors()[0])
        return row()

    monkeypatch.setattr(conv, "measure", pretend)
    for seed in (1, 1, 2):
        run([SMALL], seconds=0, seed=seed)
    assert torch.equal(seen[0], seen[1]) and not torch.equal(seen[0], seen[2])


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf")])
def test_a_time_that_cannot_be_is_refused_with_its_value(seconds):
    with pytest.raises(ValueError, match=f"bench conv: seconds={seconds}; the time for a case must be a number >= 0"):
        run([SMALL], seconds=seconds)


# ------------------------------------------------------------------------------------------------ what is said


def test_the_table_shows_each_row_and_marks_what_is_slow():
    head, rule, first, second = table([row(), row(native=4.0, auto=5.0, regret=1.25)]).splitlines()
    assert head.split()[:3] == ["kind", "channels", "size"] and set(rule) == {"-", " "}
    assert " ".join(first.split()) == "depthwise 1536 64 8 both float32 channels-last 30.00 3.00 10.00 phases 1.00"
    assert second.endswith("1.25 slow")


def test_the_verdict_counts_the_rows_near_the_best_and_judges_the_least_gain_over_the_rates():
    rows = [row(regret=1.0), row(regret=1.1), row(regret=1.11)]
    branches = [row(rate=2, native=30), row(rate=8, native=8.7), row(rate=8, native=8.7, backward=False)]
    said = verdict(rows, branches).splitlines()
    assert said[0] == "auto is within 1.1 of the better of native and phases on 5 of 6 rows."
    assert said[2] == "  float32, channels-last: 10.0 at rate 2, 2.9 at rate 8 (missed)"
    assert said[5] == "  float32, channels-last: 2.9 at rate 8 (reached)"


def test_the_verdict_compares_the_best_layout_of_each_side_too():
    """Native is twice as fast in channels-first: against that the gain is half as large."""
    branches = [
        row(backward=backward, layout=layout, native=native, auto=auto)
        for backward in (True, False)
        for layout, native, auto in [("channels-last", 30, 3), ("channels-first", 15, 6)]
    ]
    said = verdict([], branches).splitlines()
    assert "  float32, channels-last: 10.0 at rate 8 (reached)" in said
    assert "  float32, best layout each: 5.0 at rate 8 (reached)" in said


# ------------------------------------------------------------------------------------------- the command line


@pytest.fixture
def few(monkeypatch):
    """The command on four small cases."""
    branches = [
        Case("depthwise", 8, 12, 8, backward, "float32", layout)
        for backward in (True, False)
        for layout in conv.FORMATS
    ]
    monkeypatch.setattr(conv, "grid", lambda quick: [SMALL])
    monkeypatch.setattr(conv, "jpu_branches", lambda quick: branches)
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("few")
def test_the_command_prints_and_writes_what_it_measured(tmp_path, capsys):
    path = tmp_path / "new" / "rows.json"
    assert main(options("--seconds", "0", "--seed", "5", "--threads", "1", "--json", str(path))) == 0
    printed = capsys.readouterr().out
    assert "native/phases" in printed and "The JPU's branches" in printed and f"Written to {path}." in printed
    record = json.loads(path.read_text())
    assert record["machine"]["threads"] == 1 and record["machine"]["torch"] == torch.__version__
    assert record["machine"]["instructions"] and record["machine"]["processor"] and record["seed"] == 5
    assert len(record["rows"]) == 1 and len(record["jpu_branches"]) == 4
    assert record["rows"][0]["layout"] == "channels-last" and record["rows"][0]["milliseconds"]["native"] > 0
    assert [p.name for p in path.parent.iterdir()] == ["rows.json"]


@pytest.mark.usefixtures("few")
def test_what_cannot_be_done_gives_one_line_and_status_2(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    for words, said in [
        (("--seconds", "-1"), "bench conv: seconds=-1.0; the time for a case must be a number >= 0"),
        (("--threads", "0"), "bench conv: --threads 0; it must be at least 1"),
        (("--seconds", "0", "--json", str(tmp_path / "file" / "x.json")), "x.json: cannot be written"),
    ]:
        assert main(options(*words)) == 2
        assert said in capsys.readouterr().err
