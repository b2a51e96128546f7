"""Trainings that are killed, and go on: after each kill every checkpoint is whole, and none is lost.

    SIGKILL    at a random moment, or in the middle of a save: a file half written, before it is renamed, after, and
               before an old one is removed
    SIGTERM    and SIGINT: the step is finished, saved, and the exit status says so

The trainings are those of `python -m jpu_edu train`, each in a process forked from one that has imported torch. At
its end a run that was killed has the weights, bit by bit, of one that was not.
"""

import multiprocessing
import os
import random
import signal
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from jpu_edu import cli
from jpu_edu.data.scenes import Scenes
from jpu_edu.models import build, weights
from jpu_edu.train import checkpoint, recipes
from jpu_edu.train.config import Config
from jpu_edu.train.log import curve, read_log
from jpu_edu.train.stop import INTERRUPTED

STEPS = 60
LONGEST = 60  # seconds that a process may take
#: Where a save stands still, waiting for its end; "anywhere" is a random time after the start.
MOMENTS = ("anywhere", "half written", "before the rename", "after the rename", "before a removal")
ASKING = ("SIGTERM", "SIGINT")  # the step is finished first

#: What every training would import for itself otherwise; an optimiser imports the last two.
PRELOAD = ["tests.adversary.kills", "torch._dynamo", "torch.distributed.tensor"]
processes = multiprocessing.get_context("forkserver")


def killed() -> recipes.Recipe:
    """A network that trains in milliseconds a step, and saves after each second one."""
    return recipes.Recipe(
        name="killed",
        model=lambda classes: build.fcn32s(classes=classes, backbone="tiny"),
        sets=lambda _: (Scenes(8, size=(32, 32)), Scenes(2, size=(32, 32), split="val")),
        config=Config(
            steps=STEPS, batch=2, crop=(32, 32), lr=0.01, optimiser="adamw", schedule="one_cycle", ema=0.9,
            save_every=2, evaluate_every=6, log_every=1, resident=True,
        ),
    )  # fmt: skip


def train(folder: str, moment: str, nth: int, tell: Connection) -> None:
    """In a process of its own: go on with the run, tell each saved step; at the moment tell 0 and stand still."""
    torch.set_num_threads(1)
    tqdm.set_lock(threading.RLock())  # its own is a semaphore of the system, which a kill would leave there
    recipes.RECIPES = (killed,)
    real, saves = checkpoint.save, []

    def save(place: Path, state: dict[str, Any]) -> Path:
        path = real(place, state)
        tell.send(state["step"])
        saves.append(path)
        if moment == "after a save" and len(saves) == nth:
            tell.send(0)
        return path

    checkpoint.save = save
    match moment:
        case "anywhere":
            tell.send(0)
        case "half written":
            _standing("fsync", nth, tell, before=True)
        case "before the rename":
            _standing("replace", nth, tell, before=True)
        case "after the rename":
            _standing("replace", nth, tell, before=False)
        case "before a removal":
            _standing("unlink", nth, tell, before=True)
    with open(os.devnull, "w") as sys.stdout, open(os.devnull, "w") as sys.stderr:
        status = cli.main(["train", "killed", "--out", folder, "--resume"])
    os._exit(status)


def _standing(name: str, nth: int, tell: Connection, *, before: bool) -> None:
    """Replace a function of `os` by one that stands still at its nth call; a file that it was to sync loses half."""
    real, calls = getattr(os, name), []

    def still(*arguments: Any, **named: Any) -> Any:
        calls.append(arguments)
        stands = len(calls) == nth
        if stands and name == "fsync" and stat.S_ISREG(os.fstat(arguments[0]).st_mode):
            os.ftruncate(arguments[0], os.fstat(arguments[0]).st_size // 2)
        result = None if stands and before else real(*arguments, **named)
        if stands:
            tell.send(0)
            time.sleep(LONGEST)
        return result

    setattr(os, name, still)


def run(kills: int, *, seed: int) -> Iterator[dict[str, Any]]:
    """So many kills, with a row for each, and one for the end of every run: its weights are those of no kill."""
    processes.set_forkserver_preload(PRELOAD)
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="kills-") as place:
        whole, number, done = Path(place, "whole"), 0, 0
        kill(whole, "SIGKILL", "never", 0, 0.0, 0)  # the first also starts the server
        took = kill(Path(place, "again"), "SIGKILL", "never", 0, 0.0, 0)[0]["seconds"]
        while done < kills:
            folder, last, number, ended = Path(place, f"run{number}"), 0, number + 1, False
            while not ended:
                name, moment, nth = "SIGKILL", draw.choice(MOMENTS), draw.randrange(1, 12)
                if done % 10 in (4, 9) and last < STEPS - 12:
                    name, moment, nth = ASKING[done % 2], "after a save", draw.randrange(1, 4)
                if done == kills:
                    moment = "never"
                wait = draw.uniform(0, 0.05 if name in ASKING else took)
                row, last, ended = kill(folder, name, moment, nth, wait, last)
                if ended:
                    yield _end(folder, whole)
                else:
                    done += 1
                    yield row


def kill(folder: Path, name: str, moment: str, nth: int, wait: float, last: int) -> tuple[dict[str, Any], int, bool]:
    """Start, kill, look. Returns the row, the newest step that is saved, and whether the run came to its end first."""
    started = time.perf_counter()
    listen, tell = processes.Pipe(duplex=False)
    process = processes.Process(target=train, args=(str(folder), moment, nth, tell), daemon=True)
    process.start()
    tell.close()  # so that its end is heard
    steps = [last]
    while heard := _heard(listen):
        steps.append(heard)
    if heard == 0:
        process.join(wait if moment in ("anywhere", "after a save") else 0)
        if process.is_alive():
            os.kill(process.pid, getattr(signal, name))
    while heard is not None:
        steps.append(heard := _heard(listen))
    process.join(LONGEST)
    allowed = (0, INTERRUPTED if name in ASKING else -signal.SIGKILL)
    faults = [] if process.exitcode in allowed else [f"the process ended with {process.exitcode}"]
    process.kill()
    saved = max(filter(None, steps), default=0)
    newest, found = look(folder, saved)
    row = _row(f"{name} {moment}{f' of call {nth}' if moment in MOMENTS[1:] else ''}",
               "error: checkpoints whole, none lost", [*faults, *found],
               f"step {saved} was told saved, the newest is {newest}", started)  # fmt: skip
    return row, newest, process.exitcode == 0


def _heard(listen: Connection) -> int | None:
    """What the process tells: a step that is saved, or 0; None at its end."""
    try:
        return listen.recv() if listen.poll(LONGEST) else None
    except (EOFError, OSError):
        return None


def look(folder: Path, least: int) -> tuple[int, list[str]]:
    """The newest step in the folder of a run, and what is wrong: lost, damaged, or left behind."""
    if not folder.exists():
        return 0, []
    paths, wrong = checkpoint.checkpoints(folder), []
    for path in paths:
        try:
            checkpoint.load(path)
        except checkpoint.Damaged as error:
            wrong.append(str(error))
    newest = checkpoint.steps_of(paths[-1]) if paths else 0
    if newest < least:
        wrong.append(f"the checkpoint after {least} steps is lost")
    left = [path.name for path in folder.glob(".*")]
    if len(left) > 1:
        wrong.append(f"{', '.join(left)} pile up")
    if (best := folder / "best.safetensors").exists():
        weights.load(best)
    return newest, wrong


def _end(folder: Path, whole: Path) -> dict[str, Any]:
    """Whether a run that was killed on its way ended as the whole one did."""
    started = time.perf_counter()
    _, wrong = look(folder, STEPS)
    states = [checkpoint.newest(place)[0] for place in (folder, whole)]
    if not same(*states):
        wrong.append("the weights are not those of a run without kills")
    for name in ("loss", "lr", "miou"):
        if curve(read_log(folder), name) != curve(read_log(whole), name):
            wrong.append(f"the {name} in the log is another")
    wrong += [f"{path.name} is left behind" for path in folder.glob(".*")]
    if (count := len(checkpoint.checkpoints(folder))) > 2:
        wrong.append(f"{count} checkpoints pile up")
    return _row("the end of a run", "answer", wrong, f"{STEPS} steps, the same bits as without kills", started)


def same(a: Any, b: Any) -> bool:
    """Whether two states are equal, bit for bit."""
    if isinstance(a, torch.Tensor):
        return a.equal(b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


def _row(call: str, expected: str, wrong: list[str], said: str, started: float) -> dict[str, Any]:
    return {
        "kind": "kills", "call": call, "expected": expected, "happened": "; ".join([*wrong, said]),
        "seconds": round(time.perf_counter() - started, 3), "verdict": "FAILS" if wrong else "holds",
    }  # fmt: skip
