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
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from jpu_edu.cost.record import machine
from jpu_edu.data.files import access, write_json
from jpu_edu.models import weights
from jpu_edu.models.segmenter import Segmenter
from jpu_edu.train import checkpoint
from jpu_edu.train.config import MAY_CHANGE
from jpu_edu.train.log import NAME as LOG
from jpu_edu.train.log import Log


class RunFolder:
    """A folder that one process trains into: `with RunFolder(path, about=..., resume=...) as run:`.

    Notice: the lock is the operating system's, on an open file. It goes with the process, however that ends, so
    there is no stale lock to delete after a crash.

    Args:
        path: made where it is missing.
        about: what the run is: `network`, `config`, `classes`, `images`. Goes into config.json and every checkpoint.
        resume: go on from the last checkpoint, if there is one.
        device: for config.json.

    Attributes:
        state: what to go on from, or None: from the beginning.
        notes: sentences for the user: damaged checkpoints that were passed over.

    Raises:
        BlockingIOError: another process trains into it.
        FileExistsError: it holds a run, and `resume` is False.
        ValueError: the run in it is another one; lists the differences. `checkpoint.Damaged`: none is whole.
        OSError: it cannot be written.
    """

    def __init__(self, path: str | Path, *, about: Mapping[str, Any], resume: bool, device: str = "cpu") -> None:
        self.path, self.resume, self.device = Path(path), resume, device
        self.about = json.loads(json.dumps(about))  # as it comes back: lists for tuples
        self.state: dict[str, Any] | None = None
        self.notes: list[str] = []

    def __enter__(self) -> "RunFolder":
        with access(self.path, "written"):
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(self.path)
        try:
            self._open()
        except BaseException:
            self._lock.close()
            raise
        return self

    def _open(self) -> None:
        begun = checkpoint.checkpoints(self.path)
        if not self.resume and (begun or (self.path / LOG).exists()):
            raise FileExistsError(
                f"train: {str(self.path)!r} holds a run ({checkpoint.steps_of(begun[-1]) if begun else 0} steps). "
                "Go on with --resume (resume=True), or name another folder"
            )
        self.state, self.notes = checkpoint.newest(self.path)
        if self.state is not None and "about" not in self.state:
            raise checkpoint.Damaged(
                f"train: the last checkpoint in {str(self.path)!r} is not ours, it does not say of which run it is. "
                "Move it away, or name another folder"
            )
        if self.state is not None and (
            lines := checkpoint.differences(_fixed(self.state["about"]), _fixed(self.about))
        ):
            raise ValueError(
                f"train: the run in {str(self.path)!r} is another one. Go on with its settings, or name another "
                "folder:\n  " + "\n  ".join(lines[:12])
            )
        for left in self.path.glob(".*"):  # what a killed process was writing
            if left.name.startswith((".step-", ".config.", ".best.", ".log.")):
                left.unlink(missing_ok=True)
        if begun and not self.notes:  # what a kill kept from being removed
            checkpoint.tidy(self.path, begun[-1])
        write_json(self.path / "config.json", {**self.about, "machine": machine(self.device)})
        self.log = Log(self.path, steps=self.state["step"] if self.state else 0)

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._lock.close()

    def save(self, state: Mapping[str, Any]) -> Path:
        """Write a checkpoint; what it belongs to is added.

        Raises:
            OSError: see `checkpoint.writing`.
        """
        with checkpoint.writing(self.path, f"the checkpoint after {state['step']} steps"):
            return checkpoint.save(self.path, {**state, "about": self.about})

    def save_best(self, model: Segmenter) -> None:
        """Write the network to best.safetensors; one that was put together by hand stays in the checkpoints alone."""
        if model.architecture is not None and model.architecture["backbone"] is not None:
            with checkpoint.writing(self.path, "best.safetensors"):
                weights.save(model, self.path / "best.safetensors")


def _fixed(about: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a run's description that may not change on the way."""
    return {**about, "config": {key: value for key, value in about["config"].items() if key not in MAY_CHANGE}}


def _locked(folder: Path) -> BinaryIO:
    """The lock file, open and locked."""
    path = folder / "run.lock"
    file = path.open("a+b")
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
