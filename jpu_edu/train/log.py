"""What a run tells while it goes on: one JSON object a line, which a killed process cannot spoil.

    {"step": 20, "loss": 1.91, "main": 1.52, "aux": 1.93, "lr": 0.01, "images_per_second": 84.1}
    {"step": 100, "miou": 0.41, "band_miou": 0.30, "pixel_accuracy": 0.83, ...}

`step` counts the steps taken. A line belongs to the run if its step does: a resumed run first drops the lines of
steps that it will take again, so no step is in the file twice.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from jpu_edu.train.checkpoint import write, writing
from jpu_edu.train.progress import bar

NAME = "log.jsonl"
#: What of a record is shown beside the bar, as what, and how.
SHOWN = {"loss": ("loss", ".3f"), "images_per_second": ("images/s", ".1f"), "miou": ("mIoU", ".3f")}


def read_log(folder: str | Path) -> list[dict[str, Any]]:
    """The records of a run, oldest first. A line that was cut off while being written is left out.

    Raises:
        FileNotFoundError: the folder has no log.
    """
    path = Path(folder) / NAME
    if not path.is_file():
        raise FileNotFoundError(f"log: no {NAME} in {str(folder)!r}; name the folder of a run")
    records = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return [record for record in records if isinstance(record, dict) and "step" in record]


def curve(records: Iterable[Mapping[str, Any]], name: str) -> tuple[list[int], list[float]]:
    """Steps and values of one number, to be drawn: `curve(read_log(folder), "miou")`. Also while the run goes on."""
    points = [(record["step"], record[name]) for record in records if record.get(name) is not None]
    return [step for step, _ in points], [value for _, value in points]


def cut(folder: Path, steps: int) -> None:
    """Keep what belongs to the first `steps` steps; where there is no log, begin one."""
    kept = [r for r in read_log(folder) if r["step"] <= steps] if (folder / NAME).exists() else []
    write(folder / NAME, "".join(map(_line, kept)).encode())


def add(folder: Path, record: Mapping[str, Any]) -> None:
    """Add a line.

    Raises:
        OSError: see `checkpoint.writing`.
    """
    with writing(folder, NAME), (folder / NAME).open("a", encoding="utf-8") as file:
        file.write(_line(record))


class Reporter:
    """Tells the log, the bar, and whoever watches. In all but the first process it tells nobody.

    Args:
        folder: of the log; None for nobody.
        steps, taken: of the whole run, and so far.
        show: whether to show a bar.
        watch: called with each record.
    """

    def __init__(
        self, folder: Path | None, steps: int, taken: int, *, show: bool, watch: Callable[[dict[str, Any]], None] | None
    ) -> None:
        self.folder, self.watch, self.shown = folder, watch, {}
        self.bar = bar(total=steps, initial=taken, unit="step", disable=not show or folder is None)
        self.step, self.close = self.bar.update, self.bar.close

    def tell(self, record: dict[str, Any]) -> None:
        if self.folder is None:
            return
        add(self.folder, record)
        found = {key: how for key, how in SHOWN.items() if record.get(key) is not None}
        self.shown |= {name: f"{record[key]:{digits}}" for key, (name, digits) in found.items()}
        self.bar.set_postfix(self.shown, refresh="miou" in record)
        if self.watch:
            self.watch(record)


def _line(record: Mapping[str, Any]) -> str:
    return json.dumps(record, allow_nan=False) + "\n"
