"""SIGKILL at any moment, also while a checkpoint is being written: the run that goes on ends with the same bytes.

The processes are forked from a server that has imported everything, so that each starts in milliseconds.
"""

import hashlib
import multiprocessing
import os
import random
import signal
import time
from pathlib import Path

import pytest
import torch

from jpu_edu.train import checkpoint
from jpu_edu.train.log import curve, read_log
from jpu_edu.train.loop import train
from tests.train import small

MOMENTS = ("fsync", "replace", "unlink")
SETTINGS = {"steps": 12, "save_every": 1, "evaluate_every": 3, "ema": 0.9}

processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["tests.conftest", "tests.train.test_killed"])


def child(folder: str, moment: str | None, event) -> None:
    """Train, going on where there is something to go on from; stand still at a moment of the third save."""
    torch.set_num_threads(1)
    if moment:
        calls, real = [], getattr(os, moment)

        def still(*arguments, **named):
            calls.append(1)
            if len(calls) == 3:
                event.set()
                time.sleep(60)
            return real(*arguments, **named)

        setattr(os, moment, still)
    train(
        small.network(), *small.sets(), small.config(**SETTINGS),
        folder=folder, resume=True, progress=False, watch=lambda record: event.set(),
    )  # fmt: skip


def start(folder: Path, moment: str | None = None):
    event = processes.Event()
    process = processes.Process(target=child, args=(str(folder), moment, event))
    process.start()
    return process, event


def weights(folder: Path) -> str:
    """A digest of all that the run ended with: weights, average, the optimiser's memory, the best score."""
    state, wrong = checkpoint.newest(folder)
    assert not wrong and state["step"] == SETTINGS["steps"]
    digest = hashlib.sha256()

    def add(value) -> None:
        if isinstance(value, torch.Tensor):
            digest.update(value.contiguous().numpy().tobytes())
        elif isinstance(value, dict):
            for key in sorted(value, key=str):
                digest.update(str(key).encode())
                add(value[key])
        elif isinstance(value, list):
            for item in value:
                add(item)
        else:
            digest.update(repr(value).encode())

    add(state)
    return digest.hexdigest()


def kill(process) -> bool:
    """SIGKILL; whether it was still at work."""
    process.kill()
    process.join(30)
    return process.exitcode == -signal.SIGKILL


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_killed_at_any_moment_and_gone_on_with_it_ends_bit_by_bit_the_same(tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    process, _ = start(whole)
    process.join(120)
    assert process.exitcode == 0

    kills = 0
    moments = random.Random(0)
    for n in range(6):
        moment = MOMENTS[n % 3] if n % 2 else None  # in turn: anywhere, and in the middle of saving
        process, event = start(cut, moment)
        assert event.wait(60)
        if moment is None:
            time.sleep(moments.uniform(0.0, 0.1))
        kills += kill(process)
        found, wrong = checkpoint.newest(cut) if cut.exists() else (None, [])
        assert not wrong, "a kill left a damaged checkpoint"
    assert kills >= 4
    assert found is not None and 0 < found["step"] < SETTINGS["steps"], "the kills came too late to matter"

    process, _ = start(cut)
    process.join(120)
    assert process.exitcode == 0
    assert weights(cut) == weights(whole)
    for name in ("loss", "lr", "miou"):
        assert curve(read_log(cut), name) == curve(read_log(whole), name), "a step is twice in the log, or missing"
    assert not list(cut.glob(".*"))
