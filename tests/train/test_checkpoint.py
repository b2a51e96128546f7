"""A checkpoint is whole or not there; what happens to it later is found; nothing in it runs."""

import errno
import hashlib
import os
import pickle
from pathlib import Path

import pytest
import torch

from jpu_edu.data.files import write_json
from jpu_edu.train import checkpoint
from jpu_edu.train.checkpoint import Damaged, checkpoints, differences, load, newest, save, steps_of
from jpu_edu.train.folder import opened


def state(step: int) -> dict:
    return {"step": step, "weights": {"w": torch.full((1000,), float(step))}, "name": "x", "none": None}


def steps(folder) -> list[int]:
    return [steps_of(path) for path in checkpoints(folder)]


def test_what_was_saved_comes_back(tmp_path):
    path = save(tmp_path, state(7))
    back = load(path)
    assert back["step"] == 7 and back["name"] == "x" and back["none"] is None
    assert torch.equal(back["weights"]["w"], torch.full((1000,), 7.0))
    assert [p.name for p in tmp_path.iterdir()] == [path.name], "a temporary file was left behind"


def test_the_last_two_are_kept(tmp_path):
    for step in (2, 4, 6, 8):
        save(tmp_path, state(step))
    assert steps(tmp_path) == [6, 8]


@pytest.mark.parametrize(
    "spoil", [lambda b: b[:-100], lambda b: b[:500] + bytes([b[500] ^ 1]) + b[501:], lambda b: b""]
)
def test_a_damaged_file_is_named_and_the_one_before_it_is_taken(tmp_path, spoil):
    save(tmp_path, state(2))
    last = save(tmp_path, state(4))
    last.write_bytes(spoil(last.read_bytes()))
    with pytest.raises(Damaged, match=rf"{last.name}.* is damaged"):
        load(last)
    found, wrong = newest(tmp_path)
    assert found["step"] == 2 and len(wrong) == 1 and last.name in wrong[0]


def test_going_on_from_the_one_before_never_leaves_a_damaged_one_as_the_only_other(tmp_path):
    save(tmp_path, state(2))
    last = save(tmp_path, state(4))
    last.write_bytes(b"")
    save(tmp_path, state(3))
    assert steps(tmp_path) == [2, 3]


def test_a_folder_of_damaged_files_alone_is_an_error_and_an_empty_one_is_not(tmp_path):
    assert newest(tmp_path) == (None, [])
    save(tmp_path, state(2)).write_bytes(b"")
    with pytest.raises(Damaged, match="no checkpoint is left"):
        newest(tmp_path)


def test_a_file_under_another_name_is_refused(tmp_path):
    path = save(tmp_path, state(2)).rename(tmp_path / "mine.pt")
    with pytest.raises(Damaged, match=r"mine.pt.* is not named"):
        load(path)


class Attack:
    """A pickle that writes a file when it is opened."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("protocol", ["torch", "pickle"])
def test_nothing_in_a_checkpoint_is_run(tmp_path, protocol):
    file, trace = tmp_path / "x.pt", tmp_path / "it ran"
    if protocol == "torch":
        torch.save({"step": 2, "attack": Attack(str(trace))}, file)
    else:
        file.write_bytes(pickle.dumps(Attack(str(trace)), protocol=2))
    digest = hashlib.sha256(file.read_bytes()).hexdigest()[:16]
    with pytest.raises(Damaged, match="holds more than tensors"):
        load(file.rename(tmp_path / f"step-00000002-{digest}.pt"))
    assert not trace.exists()


class Full:
    """A disk that takes some bytes and no more."""

    def __init__(self, file) -> None:
        self.file = file

    def __getattr__(self, name):
        return getattr(self.file, name)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()

    def write(self, content):
        self.file.write(content[:100])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def denied(*_):
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


@pytest.mark.parametrize("fault", ["disk full", "disk full at fsync", "folder not writable", "rename refused"])
def test_a_disk_that_refuses_costs_no_earlier_checkpoint(tmp_path, monkeypatch, fault):
    save(tmp_path, state(2))
    save(tmp_path, state(4))
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    with monkeypatch.context() as patch:
        match fault:
            case "disk full":
                patch.setattr(Path, "open", lambda *a, real=Path.open: Full(real(*a)))
            case "disk full at fsync":
                patch.setattr(checkpoint.os, "fsync", denied)
            case "folder not writable":
                patch.setattr(Path, "open", denied)
            case "rename refused":
                patch.setattr(checkpoint.os, "replace", denied)
        with pytest.raises(OSError):
            save(tmp_path, state(6))
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before
    assert steps_of(save(tmp_path, state(6))) == 6 and steps(tmp_path) == [4, 6]


def test_differences_are_told_one_by_one():
    there = {"config": {"lr": 0.1, "batch": 8}, "classes": ["a", "b"], "old": 1}
    now = {"config": {"lr": 0.1, "batch": 16}, "classes": ["a"], "new": 2}
    assert differences(there, there) == []
    assert differences(there, now) == [
        "config.batch: 8 there, 16 now",
        "classes: ['a', 'b'] there, ['a'] now",
        "old: 1 there, nothing now",
        "new: nothing there, 2 now",
    ]


def test_a_folder_that_is_not_there_and_a_checkpoint_of_something_else_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere'; name the folder of a run"):
        newest(tmp_path / "nowhere")
    save(tmp_path, {"step": 2})
    with pytest.raises(Damaged, match=r"is not ours.*or name another folder"):
        opened(tmp_path, about={"config": {}}, resume=True).__enter__()


def test_what_a_kill_kept_from_being_removed_goes_with_the_next_start(tmp_path, monkeypatch):
    with monkeypatch.context() as kill:
        kill.setattr(checkpoint, "tidy", lambda folder, last: None)
        for step in (2, 4, 6, 8):
            save(tmp_path, {"step": step, "about": {"config": {}}})
        kill.setattr(os, "replace", lambda half, path: half.rename(path.with_name(f"{half.name}.kept")))
        for name in ("config.json", "log.jsonl", "best.safetensors", "step-00000010-0123456789abcdef.pt"):
            write_json(tmp_path / name, {})
    assert len(list(tmp_path.glob(".*"))) == 4
    with opened(tmp_path, about={"config": {}}, resume=True) as run:
        assert run.state["step"] == 8 and list(map(steps_of, checkpoints(tmp_path))) == [6, 8]
    assert not list(tmp_path.glob(".*"))
