"""torchrun starts the processes anew when one is killed, and the run goes on from its last checkpoint."""

import json
import os
import subprocess
import sys

import pytest
import torch

from jpu_edu.data import pictures
from jpu_edu.models import weights
from jpu_edu.train import checkpoint
from jpu_edu.train.log import curve, read_log
from tests.train import small
from tests.train.test_distributed import run_training, two
from tests.train.together import torchrun

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="SIGKILL")]

#: The second process kills itself after its fifth move: the last checkpoint holds four steps.
WORKER = """
import os, signal, sys
from pathlib import Path
import torch
from jpu_edu.train.state import State
from tests.train.test_distributed import run_training

torch.set_num_threads(1)
folder, restart, rank = Path(sys.argv[1]), os.environ["TORCHELASTIC_RESTART_COUNT"], os.environ["RANK"]
move = State.move

def dying(self):
    move(self)
    if (restart, rank, self.taken) == ("0", "1", 5):
        os.kill(os.getpid(), signal.SIGKILL)

State.move = dying
with (folder / f"starts {rank}").open("a") as file:
    file.write(restart)
run_training(folder, "group", True, None)
"""


def test_a_killed_worker_restarts_and_the_run_ends_as_one_that_was_not_killed(tmp_path, root):
    whole, worker, tries = tmp_path / "whole", tmp_path / "worker.py", []
    whole.mkdir()
    worker.write_text(WORKER)

    def words(attempt: int) -> list[str]:
        tries.append(tmp_path / f"cut {attempt}")
        tries[-1].mkdir()
        return ["--max-restarts", "1", str(worker), str(tries[-1])]

    run = torchrun(words, root=root)
    cut = tries[-1]
    assert run.returncode == 0, run.stderr[-9000:]
    assert [(cut / f"starts {rank}").read_text() for rank in range(2)] == ["01", "01"], "both start anew, once"

    two(run_training, whole, "group", False, None, begun=whole / "run")
    last, wrong = checkpoint.newest(cut / "run")
    assert last["step"] == small.config().steps and not wrong
    for rank in range(2):
        ours, theirs = (torch.load(folder / f"weights {rank}.pt") for folder in (cut, whole))
        for name, weight in theirs.items():
            assert torch.equal(ours[name], weight), f"{name} differs in process {rank}"
    for name in ("loss", "lr", "miou"):
        assert curve(read_log(cut / "run"), name) == curve(read_log(whole / "run"), name)


def test_evaluating_on_two_processes_writes_the_counts_of_one(tmp_path, root):
    images = small.Bricks(5, split="val")
    for i in range(len(images)):
        image, labels = images[i]
        pictures.save(tmp_path / "set" / "images" / "val" / f"{i}.png", image)
        pictures.save_labels(tmp_path / "set" / "labels" / "val" / f"{i}.png", labels, images.classes)
    (tmp_path / "set" / "classes.txt").write_text("0 ground\n1 red\n2 blue\n255 void\n")
    weights.save(small.network(), tmp_path / "net.safetensors")
    words = ["-m", "jpu_edu", "evaluate", "--model", str(tmp_path / "net.safetensors"), "--data", str(tmp_path / "set")]
    both = torchrun(lambda _: [*words, "--json", str(tmp_path / "both.json")], root=root)
    assert both.returncode == 0, both.stderr[-2000:]
    assert both.stdout.count("mean IoU") == 1, "one process prints"
    subprocess.run([sys.executable, *words, "--json", str(tmp_path / "one.json")], cwd=root, check=True)
    two_processes, one = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("both", "one"))
    assert one["images"] == 5 and sum(map(sum, one["matrix"])) > 0
    assert all(two_processes[key] == one[key] for key in ("images", "matrix", "band_matrix", "miou"))
