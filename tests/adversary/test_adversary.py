"""The adversary: every call comes out as it must, and what would be wrong is noticed."""

import json
import os
from pathlib import Path

import pytest

from jpu_edu.train import checkpoint
from tests.adversary import judge, kills
from tests.adversary.judge import KINDS, _outcome, judged, summary

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and limits of POSIX")


@pytest.mark.parametrize("kind", KINDS)
def test_every_malformed_call_has_an_error_with_value_and_remedy_or_a_right_answer(kind):
    rows = list(judge.run(kind))
    wrong = [f"{row['call']}: {row['happened']}" for row in rows if row["verdict"] != "holds"]
    assert len(rows) == len(KINDS[kind]) and not wrong, "\n".join(wrong)


def test_three_kills_lose_no_checkpoint_and_the_run_ends_with_the_same_bits():
    rows = list(kills.run(3, seed=0))
    assert sum(row["expected"] != "answer" for row in rows) == 3 and rows[-1]["expected"] == "answer"
    assert [row["happened"] for row in rows if row["verdict"] != "holds"] == []


def test_there_are_two_hundred_different_calls():
    calls = [call[0] for kind in KINDS for call in KINDS[kind]]
    assert len(set(calls)) == len(calls) >= 200
    for kind in KINDS:
        assert all(len(call) in (1, 3) and all(call) for call in KINDS[kind]), "a value or a remedy is not named"


# ------------------------------------------------------------------------------- what would be wrong is noticed


@pytest.mark.parametrize(
    ("text", "words", "fine"),
    [
        ("raised(ValueError('rate=0; give 1'))", ("rate=0", "give"), True),
        ("raised(ValueError('rate=0'))", ("rate=0", "give"), False),
        ("raised(KeyError('rate=0; give 1'))", ("rate=0", "give"), False),
        ("1", ("rate=0", "give"), False),
        ("1 == 1", (), True),
        ("1", (), False),
        ("raised(ValueError('rate=0; give 1'))", (), False),
    ],
)
def test_only_an_error_of_a_kind_for_users_with_both_words_or_true_will_do(text, words, fine):
    def raised(error):
        raise error

    assert _outcome(lambda: eval(text, {"raised": raised}), list(words))[1] is fine


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("(here / 'canary').touch() is None", "code of a file was run"),
        ("(here / 'kept').unlink() is None", "kept is lost or changed"),
        ("(here / 'kept').write_text('2') == 1", "kept is lost or changed"),
        ("(here / '.half').touch() is None", ".half is left behind"),
        ("(here / 'new').touch() is None", ""),
    ],
)
def test_a_call_that_runs_code_or_loses_a_file_fails_whatever_it_says(tmp_path, text, said):
    (tmp_path / "kept").write_text("one")
    row = judged("calls", (text,), {"here": tmp_path}, tmp_path)
    assert row["verdict"] == ("FAILS" if said else "holds") and said in row["happened"]


@pytest.mark.parametrize(("worker", "said"), [("exit 3", "Python itself ended (3)"), ("sleep 9", "no end after")])
def test_a_call_that_does_not_end_or_ends_python_fails_and_the_next_one_is_made(monkeypatch, tmp_path, worker, said):
    (tmp_path / "python").write_text(f"#!/bin/sh\nexec sh -c '{worker}'\n")
    (tmp_path / "python").chmod(0o755)
    monkeypatch.setattr(judge.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(judge, "SECONDS", 0.2)
    monkeypatch.setitem(KINDS, "calls", (("1",), ("2",)))
    rows = list(judge.run("calls"))
    assert [row["call"] for row in rows] == ["1", "2"] and {row["verdict"] for row in rows} == {"FAILS"}
    assert all(row["happened"].startswith(said) for row in rows)


def test_a_lost_and_a_damaged_checkpoint_are_noticed(tmp_path):
    path = checkpoint.save(tmp_path, {"step": 4})
    assert kills.look(tmp_path, 4) == (4, [])
    assert kills.look(tmp_path, 6)[1] == ["the checkpoint after 6 steps is lost"]
    path.write_bytes(path.read_bytes()[:-1])
    assert "is damaged" in kills.look(tmp_path, 4)[1][0]
    for name in (".a.tmp", ".b.tmp"):
        (tmp_path / name).touch()
    assert "pile up" in kills.look(tmp_path, 4)[1][-1]


def test_the_command_prints_a_table_and_writes_the_rows(monkeypatch, tmp_path, capsys):
    rows = [
        {"kind": "calls", "call": "f(0)", "expected": "error: 0 ... >= 1", "happened": "0; >= 1", "seconds": 0.1,
         "verdict": verdict}
        for verdict in ("holds", "FAILS")
    ]  # fmt: skip
    monkeypatch.setattr(judge, "run", lambda kind: iter(rows))
    file = tmp_path / "rows.json"
    assert judge.main(["--only", "calls", "--json", str(file)]) == 1
    assert "calls      error          1      1" in capsys.readouterr().out
    record = json.loads(Path(file).read_text())
    assert [row["number"] for row in record["rows"]] == [1, 2] and {"seed", "commit", "machine"} < set(record)
    assert summary(rows[:1]).endswith("1      0")
    assert judge.main(["--kills", "-1"]) == 2
