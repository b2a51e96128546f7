"""The state of a run in one file that is either whole or not there, and says itself whether it is damaged.

    step-00001200-1a2b3c4d5e6f7a8b.pt      steps taken, and the beginning of the sha256 of the content

A file is written under a temporary name, forced to the disk, then renamed: at every moment the last complete
checkpoint is there. The digest finds what happens later: a truncated copy, a bit that flipped.
"""

import hashlib
import io
import os
import pickle
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from jpu_edu.data.files import renamed

NAME = re.compile(r"step-(\d{8,})-([0-9a-f]{16})\.pt")


class Damaged(ValueError):
    """A checkpoint that is not what was written."""


def write(path: Path, content: bytes) -> None:
    """Write a file at once or not at all, and not before it has reached the disk.

    Raises:
        OSError: no space, no permission; whatever was under that name is untouched.
    """
    with renamed(path) as half, half.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if os.name == "posix":  # the new name is an entry of the folder, which has to reach the disk too
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@contextmanager
def writing(folder: str | Path, what: str) -> Iterator[None]:
    """
    Raises:
        OSError: in place of what failed inside; says that the earlier checkpoints are untouched, and what to do.
    """
    try:
        yield
    except (OSError, SafetensorError) as error:
        held = checkpoints(folder)
        kept = f"The checkpoint after {steps_of(held[-1])} steps is untouched" if held else "There is no checkpoint yet"
        reason = getattr(error, "strerror", None) or error
        raise OSError(
            f"train: {what} could not be written to {str(folder)!r} ({reason}). {kept}; make room or give permission, "
            "then go on with --resume"
        ) from error


def save(folder: str | Path, state: Mapping[str, Any]) -> Path:
    """Add a checkpoint, then remove all but it and the last one before it.

    Notice: removing comes last. Interrupted anywhere, a folder holds what it held, or that and the new one.

    Args:
        state: tensors, numbers, strings and plain containers of them; `step` says how many steps were taken.

    Raises:
        OSError: the checkpoint could not be written; the older ones are untouched.
    """
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    content = buffer.getvalue()
    path = Path(folder) / f"step-{state['step']:08d}-{_digest(content)}.pt"
    write(path, content)
    tidy(folder, path)
    return path


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def tidy(folder: str | Path, last: Path) -> None:
    """Remove all checkpoints but this one, which is whole, and the last one before it."""
    there = checkpoints(folder)
    before = [old for old in there if steps_of(old) < steps_of(last)][-1:]
    for old in {*there} - {*before, last}:
        old.unlink(missing_ok=True)


def load(path: str | Path) -> dict[str, Any]:
    """The state in a checkpoint, checked against its digest, on the CPU.

    Notice: a .pt file is a pickle, and a pickle can run code. It is read with weights_only=True, which builds
    tensors and plain containers and nothing else, so a checkpoint from a stranger can do no harm.

    Raises:
        FileNotFoundError: no such file.
        Damaged: another name than `save` gives, another content than the name says, or objects in it.
    """
    path = Path(path)
    if not (name := NAME.fullmatch(path.name)):
        raise Damaged(f"checkpoint: {str(path)!r} is not named step-<steps>-<digest>.pt; give it its name back")
    content = path.read_bytes()
    if (digest := _digest(content)) != name[2]:
        raise Damaged(
            f"checkpoint: {str(path)!r} is damaged: its content ({len(content)} bytes) has the digest {digest}. "
            "Copy it again, or delete it and go on from an earlier one"
        )
    try:
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise Damaged(f"checkpoint: {str(path)!r} holds more than tensors and numbers; it is not ours") from error


def checkpoints(folder: str | Path) -> list[Path]:
    """The checkpoints in a folder, by steps, the last one last. Their content is not looked at.

    Raises:
        FileNotFoundError: no such folder.
    """
    if not Path(folder).is_dir():
        raise FileNotFoundError(f"checkpoint: no folder {str(folder)!r}; name the folder of a run")
    return sorted((p for p in Path(folder).iterdir() if NAME.fullmatch(p.name)), key=lambda p: (steps_of(p), p.name))


def steps_of(path: Path) -> int:
    """The steps in the name of a checkpoint."""
    return int(NAME.fullmatch(path.name)[1])


def newest(folder: str | Path) -> tuple[dict[str, Any] | None, list[str]]:
    """The state in the last checkpoint that is whole (None without any), and a sentence about each later one.

    Raises:
        Damaged: there are checkpoints, and all are damaged.
    """
    wrong = []
    for path in reversed(checkpoints(folder)):
        try:
            return load(path), wrong
        except Damaged as error:
            wrong.append(str(error))
    if wrong:
        raise Damaged("no checkpoint is left to go on from; start again in another folder.\n" + "\n".join(wrong))
    return None, wrong


def differences(saved: Mapping[str, Any], now: Mapping[str, Any], *, prefix: str = "") -> list[str]:
    """What two records of a run disagree in, a line each: "config.batch: 8 there, 16 now"."""
    lines = []
    for key in dict.fromkeys([*saved, *now]):
        there, here = saved.get(key, "nothing"), now.get(key, "nothing")
        if isinstance(there, Mapping) and isinstance(here, Mapping):
            lines += differences(there, here, prefix=f"{prefix}{key}.")
        elif there != here:
            lines.append(f"{prefix}{key}: {there} there, {here} now")
    return lines
