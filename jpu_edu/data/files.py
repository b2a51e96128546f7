"""Files, written whole or not at all; what the system refuses, with the path and the remedy."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal


@contextmanager
def access(path: str | Path, done: Literal["read", "written"]) -> Iterator[None]:
    """An OSError of the system becomes one of the same class that names the file and the remedy."""
    try:
        yield
    except OSError as error:
        if error.strerror is None:  # it has words of ours
            raise
        remedy = "name a place where you may write, with room on its disk" if done == "written" else "allow it to you"
        raise type(error)(f"{path}: cannot be {done} ({error.strerror}); {remedy}") from error


@contextmanager
def renamed(path: Path) -> Iterator[Path]:
    """A temporary name beside `path`, renamed at the end: readers see the old file or the new one, whole."""
    half = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")  # the same ending: it tells Pillow the format
    try:
        yield half
        os.replace(half, path)
    except BaseException:
        half.unlink(missing_ok=True)
        raise


@contextmanager
def written_whole(path: str | Path) -> Iterator[Path]:
    """As `renamed`, in a folder that is made where it is missing; an OSError as `access` words it."""
    with access(path, "written"):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with renamed(Path(path)) as half:
            yield half


def write_json(path: str | Path, record: object) -> Path:
    """A record as text, written whole; a ValueError for a number that is not finite, which JSON does not have."""
    with written_whole(path) as half:
        half.write_text(json.dumps(record, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return Path(path)
