"""What a run tells while it goes on: one JSON object a line, which a killed process cannot spoil.

    {"step": 20, "loss": 1.91, "main": 1.52, "aux": 1.93, "lr": 0.01, "images_per_second": 84.1}
    {"step": 100, "miou": 0.41, "band_miou": 0.30, "pixel_accuracy": 0.83, ...}

`step` counts the steps taken. A line belongs to the run if its step does: a resumed run first drops the lines of
steps that it will take again, so no step is in the file twice.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from tqdm import tqdm

from jpu_edu.train.checkpoint import write, writing
from jpu_edu.train.evaluate import Evaluation

NAME = "log.jsonl"


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


class Log:
    """The log of a run that has taken `steps` steps, open for more."""

    def __init__(self, folder: str | Path, *, steps: int) -> None:
        self.path = Path(folder) / NAME
        kept = [r for r in read_log(folder) if r["step"] <= steps] if self.path.exists() else []
        write(self.path, "".join(map(_line, kept)).encode())

    def add(self, record: Mapping[str, Any]) -> None:
        with writing(self.path.parent, NAME), self.path.open("a", encoding="utf-8") as file:
            file.write(_line(record))


class Reporter:
    """Tells the log, the bar on the screen, and whoever watches. In all but the first process it tells nobody.

    Args:
        log: None for nobody.
        steps, taken: of the whole run, and so far.
        bar: whether to show one.
        watch: called with each record.
    """

    def __init__(
        self, log: Log | None, steps: int, taken: int, *, bar: bool, watch: Callable[[dict[str, Any]], None] | None
    ) -> None:
        self.log, self.watch, self.shown = log, watch, {}
        self.bar = tqdm(total=steps, initial=taken, unit="step", disable=not bar or log is None)

    def __enter__(self) -> "Reporter":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.bar.close()

    def step(self) -> None:
        self.bar.update()

    def loss(self, taken: int, parts: Mapping[str, float], lr: float, per_second: float) -> None:
        record = {"step": taken, **parts, "lr": lr, "images_per_second": round(per_second, 2)}
        self._tell(record, {"loss": f"{parts['loss']:.3f}", "images/s": f"{per_second:.1f}"})

    def scores(self, taken: int, evaluation: Evaluation) -> None:
        counts = ("classes", "matrix", "band_matrix")
        record = {key: value for key, value in evaluation.record().items() if key not in counts}
        self._tell({"step": taken, **record}, {"mIoU": f"{evaluation.miou:.3f}"})

    def _tell(self, record: dict[str, Any], shown: Mapping[str, str]) -> None:
        if self.log is None:
            return
        self.log.add(record)
        self.shown |= shown
        self.bar.set_postfix(self.shown)
        if self.watch:
            self.watch(record)


def _line(record: Mapping[str, Any]) -> str:
    return json.dumps(record, allow_nan=False) + "\n"
