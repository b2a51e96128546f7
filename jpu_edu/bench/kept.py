"""Measurements by name, in a file that is written after each: a benchmark that was cut off loses one of them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jpu_edu.data.files import write_json
from jpu_edu.train.checkpoint import differences


class Unfinished(Exception):
    """A measurement that could not be made now, and why; the next call tries again, or goes on where it stopped."""


class Kept:
    """What was measured so far, by name.

    Args:
        path: of the JSON file; what is in it already is taken from there. None keeps nothing beyond this process.
        about: what goes into the file besides, `settings` and `machine` among it. Measurements that differ in these
            are no continuation.
        call: what may differ from one call to the next, such as commit and machine. The file lists the calls, and
            each measurement, which must then be a dictionary, says in `call` which of them made it.

    Raises:
        ValueError: a file of something else, or of other settings or another machine; lists the differences.
        OSError: it cannot be read.
    """

    def __init__(self, path: str | None, about: dict[str, Any], *, call: dict[str, Any] | None = None) -> None:
        self.path, self.call = path, call
        self.whole: dict[str, Any] = {**json.loads(json.dumps(about)), "found": {}}  # as it comes back
        if path is None or not Path(path).exists():
            return
        try:
            saved = json.loads(Path(path).read_text(encoding="utf-8"))
            before = {key: saved[key] for key in ("settings", "machine")}
            self.whole |= {key: saved[key] for key in ("found", "calls") if key in saved or key == "found"}
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is no record of this benchmark; name another file") from error
        if lines := differences(before, {key: self.whole[key] for key in before}):
            raise ValueError(f"{path} holds a run of another kind; name another file\n  " + "\n  ".join(lines))

    def once(self, name: str, measure: Callable[[], Any]) -> Any:
        """What is recorded under this name; measured now, and written, if nothing is."""
        if name not in self.whole["found"]:
            self.whole["found"][name] = self._signed(measure())
            self.write()
        return self.whole["found"][name]

    def _signed(self, found: Any) -> Any:
        if self.call is None:
            return found
        calls = self.whole.setdefault("calls", [])
        if self.call not in calls:
            calls.append(self.call)
        return {**found, "call": calls.index(self.call)}

    def write(self, **more: object) -> None:
        self.whole |= more
        if self.path:
            write_json(self.path, self.whole)
