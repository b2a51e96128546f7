"""The folder of a run: who may write into it, and what is there to go on from.

config.json         network, configuration, classes, set, machine
log.jsonl           see `log`
step-*.pt           the last two checkpoints, see `checkpoint`
best.safetensors    the network that scored best, for `models.weights.load`
run.lock            locked by the process that trains
"""

import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from jpu_edu.cost.record import machine
from jpu_edu.data.files import access, write_json
from jpu_edu.models import weights
from jpu_edu.models.segmenter import Segmenter
from jpu_edu.train import checkpoint, log
from jpu_edu.train.config import MAY_CHANGE

NETWORK = "best.safetensors"
TEMPORARY = (".step-", ".config.", ".best.", ".log.")  # how the names of half-written files begin, see `files.renamed`


@dataclass(frozen=True)
class RunFolder:
    """A folder that this process trains into, made by `opened`.

    Fields:
        about: what the run is; goes into every checkpoint.
        state: what to go on from, or None: from the beginning.
        notes: sentences for the user: damaged checkpoints that were passed over, and where the run stands.
    """

    path: Path
    about: Mapping[str, Any]
    state: dict[str, Any] | None
    notes: list[str]

    def save(self, state: Mapping[str, Any]) -> Path:
        """Write a checkpoint.

        Raises:
            OSError: see `checkpoint.writing`.
        """
        with checkpoint.writing(self.path, f"the checkpoint after {state['step']} steps"):
            return checkpoint.save(self.path, {**state, "about": self.about})

    def save_best(self, model: Segmenter) -> None:
        """Write the network to best.safetensors; one that was put together by hand stays in the checkpoints alone."""
        if model.architecture is not None and model.architecture["backbone"] is not None:
            with checkpoint.writing(self.path, NETWORK):
                weights.save(model, self.path / NETWORK)


@contextmanager
def opened(path: str | Path, *, about: Mapping[str, Any], resume: bool, device: str = "cpu") -> Iterator[RunFolder]:
    """The folder of a run, for this process alone while the block lasts.

    Notice: the lock is the operating system's, on an open file. It goes with the process, however that ends, so
    there is no stale lock to delete after a crash.

    Args:
        path: made where it is missing.
        about: what the run is: `network`, `config`, `classes`, `images`. Goes into config.json too.
        resume: go on from the last checkpoint, if there is one.
        device: for config.json.

    Raises:
        BlockingIOError: another process trains into it.
        FileExistsError: it holds a run, and `resume` is False.
        ValueError: the run in it is another one; lists the differences. `checkpoint.Damaged`: none is whole.
        OSError: it cannot be written.
    """
    path, about = Path(path), json.loads(json.dumps(about))  # as it comes back: lists for tuples
    with access(path, "written"):
        path.mkdir(parents=True, exist_ok=True)
        lock = _locked(path)
    with lock:
        begun = checkpoint.checkpoints(path)
        if not resume and (begun or (path / log.NAME).exists()):
            raise FileExistsError(
                f"train: {str(path)!r} holds a run ({checkpoint.steps_of(begun[-1]) if begun else 0} steps). "
                "Go on with --resume (resume=True), or name another folder"
            )
        state, notes = checkpoint.newest(path)
        if state is not None:
            _check_same(path, state, about)
        for left in path.glob(".*"):  # what a killed process was writing
            if left.name.startswith(TEMPORARY):
                left.unlink(missing_ok=True)
        if begun and not notes:  # what a kill kept from being removed
            checkpoint.tidy(path, begun[-1])
        write_json(path / "config.json", {**about, "machine": machine(device)})
        taken = state["step"] if state else 0
        log.cut(path, taken)
        over = taken == about["config"].get("steps")
        stands = f"All {taken} steps are taken. {_anew(path)}." if over else f"Going on after {taken} steps."
        yield RunFolder(path, about, state, [*notes, stands])


def _check_same(path: Path, state: Mapping[str, Any], about: Mapping[str, Any]) -> None:
    """Pass if the checkpoint is one of this run: where it computes, and when it reports, may differ."""
    if "about" not in state:
        raise checkpoint.Damaged(
            f"train: the last checkpoint in {str(path)!r} is not ours, it does not say of which run it is. "
            "Move it away, or name another folder"
        )
    there, now = (
        {**run, "config": {key: value for key, value in run["config"].items() if key not in MAY_CHANGE}}
        for run in (state["about"], about)
    )
    if lines := checkpoint.differences(there, now):
        longer = there["config"].get("steps") != now["config"].get("steps")
        raise ValueError(
            f"train: the run in {str(path)!r} is another one. Go on with its settings, or name another folder:\n  "
            + "\n  ".join(lines[:12])
            + ("\nAnother number of steps gives each step another rate. " + _anew(path) if longer else "")
        )


def _anew(path: Path) -> str:
    """How to train longer than a run was planned for."""
    begin = "To train longer, begin another run with --out FOLDER --set steps=NUMBER"
    best = path / NETWORK
    return begin + (f"; --backbone {best} lets it start from the backbone trained here" if best.exists() else "")


def _locked(folder: Path) -> BinaryIO:
    """The lock file, open and locked."""
    file = (folder / "run.lock").open("a+b")
    try:
        if os.name == "posix":
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            import msvcrt

            file.seek(1 << 20)  # a byte far behind the text, which others may read
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    except OSError as error:
        file.seek(0)
        holder = file.read().decode(errors="replace").strip() or "a process"
        file.close()
        raise BlockingIOError(
            f"train: {holder} trains into {str(folder)!r} ({error.strerror}). Wait for it, or name another folder"
        ) from error
    file.truncate(0)
    file.write(f"process {os.getpid()} on {socket.gethostname()}".encode())
    file.flush()
    return file
