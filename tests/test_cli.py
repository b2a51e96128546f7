"""The command line: the table, its exit status, its record, and answers to what cannot be done."""

import json
import os
import subprocess
import sys

import pytest
import torch

from jpu_edu import cli, verify
from jpu_edu.commands import verify as command
from jpu_edu.ops.compare import Comparison, compare


def row(*, breaks: bool, differs: bool) -> Comparison:
    """A row that compares 0 with 0 or with 1."""
    return compare("a claim", torch.zeros(1), torch.ones(1) * differs, breaks=breaks)


def test_every_identity_holds_and_every_counterexample_breaks():
    """In float64; the rows cover each label."""
    rows = verify.verify()
    assert [r.name for r in rows if not r.passed] == []
    assert {r.label for r in rows} == {"exact", "approximate", "learned"}
    assert sum(r.breaks for r in rows) >= 4 and any("photograph" in r.name for r in rows)
    assert any(size % 2 for r in rows if "C_d" in r.name for shape in r.shapes for size in shape[-2:])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("seed", [1, 2])
def test_they_do_in_other_precisions_and_on_other_numbers(dtype, seed):
    setting = verify.Setting(dtype=dtype, seed=seed)
    with torch.no_grad():
        rows = verify.identities(setting) + verify.counterexamples(setting)
    assert [r.name for r in rows if not r.passed] == []


def test_the_seed_decides_the_numbers():
    with torch.no_grad():
        errors = [[r.error for r in verify.counterexamples(verify.Setting(seed=seed))] for seed in (3, 3, 4)]
    assert errors[0] == errors[1] != errors[2]


@pytest.mark.parametrize(
    ("rows", "status"),
    [
        ([row(breaks=False, differs=False), row(breaks=True, differs=True)], 0),
        ([row(breaks=False, differs=True)], 1),
        ([row(breaks=True, differs=False)], 1),
    ],
)
def test_exit_status_is_1_when_an_identity_fails_or_a_counterexample_holds(monkeypatch, capsys, rows, status):
    monkeypatch.setattr(command, "verify", lambda setting: rows)
    assert cli.main(["verify"]) == status
    assert ("Not as claimed: a claim" in capsys.readouterr().out) == bool(status)


def test_json_holds_the_rows_and_the_machine(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(command, "verify", lambda setting: [row(breaks=False, differs=False)])
    file = tmp_path / "new folder" / "rows.json"
    assert cli.main(["verify", "--json", str(file), "--seed", "5"]) == 0
    record = json.loads(file.read_text())
    assert record["seed"] == 5 and record["rows"][0]["verdict"] == "holds"
    assert record["machine"]["torch"] == torch.__version__
    assert [path.name for path in file.parent.iterdir()] == ["rows.json"], "a temporary file was left behind"


def test_a_file_that_cannot_be_written_is_named(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(command, "verify", lambda setting: [row(breaks=False, differs=False)])
    (tmp_path / "file").write_text("")
    assert cli.main(["verify", "--json", str(tmp_path / "file" / "rows.json")]) == 2
    assert "rows.json: cannot be written" in capsys.readouterr().err


def test_an_unknown_device_is_answered_in_one_line(capsys):
    assert cli.main(["verify", "--device", "abacus"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("verify: --device abacus does not work here") and error.count("\n") == 1


@pytest.mark.parametrize("arguments", [["verify", "--dtype", "int8"], ["dance"], []])
def test_wrong_arguments_list_the_choices(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    assert stop.value.code == 2
    assert "float64" in capsys.readouterr().err or arguments[:1] != ["verify"]


@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_help_has_an_example(command, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main([command, "--help"])
    assert stop.value.code == 0
    assert f"python -m jpu_edu {command}" in " ".join(capsys.readouterr().out.split())


def test_the_module_runs_as_a_command():
    """python -m jpu_edu --help, in its own process."""
    run = subprocess.run([sys.executable, "-m", "jpu_edu", "--help"], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0 and "verify" in run.stdout and "bench" in run.stdout


def test_a_python_without_torch_is_told_in_one_line_what_to_run(root):
    """`-S` leaves out what was installed."""
    command = [sys.executable, "-S", "-m", "jpu_edu", "verify"]
    run = subprocess.run(command, cwd=root, capture_output=True, text=True, env={"PATH": os.environ["PATH"]})
    assert run.returncode == 1 and run.stderr.count("\n") == 1
    assert run.stderr.startswith("jpu_edu: ") and "run `python run.py` once" in run.stderr


def test_a_reader_who_has_seen_enough_is_no_error_to_report(root):
    """As `python -m jpu_edu train --list | head -1` does."""
    command = [sys.executable, "-m", "jpu_edu", "train", "--list"]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        run.stdout.close()
        assert run.stderr.read() == b""
