"""Wall time, measured so that a ratio means something: in turn, with medians, in one run.

A processor warms up, clocks down and serves others. Measure A for a minute and then B for a minute, and
the difference between the minutes is in the result. Measured in turn, both see the same minutes.
"""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from jpu_edu.ops.columns import columns


@dataclass(frozen=True)
class Timings:
    """Seconds of every task in every round. Round k of all tasks ran within the same short time."""

    seconds: dict[str, tuple[float, ...]]

    @property
    def rounds(self) -> int:
        return len(next(iter(self.seconds.values())))

    @property
    def medians(self) -> dict[str, float]:
        """Seconds, the middle one of each task's rounds."""
        return {name: statistics.median(values) for name, values in self.seconds.items()}

    def ratio(self, slow: str, fast: str) -> float:
        """How many times longer `slow` takes than `fast`: the median over rounds of the ratio within a round.

        Notice: a disturbance that lasts several rounds slows both sides and cancels.
        """
        return statistics.median(self._ratios(slow, fast))

    def spread(self, slow: str, fast: str) -> tuple[float, float]:
        """The ratio's lower and upper quartile: half of the rounds lie between. With one round, the ratio twice."""
        values = self._ratios(slow, fast)
        if len(values) == 1:
            return values[0], values[0]
        low, _, high = statistics.quantiles(values, n=4, method="inclusive")
        return low, high

    def _ratios(self, slow: str, fast: str) -> list[float]:
        for name in (slow, fast):
            if name not in self.seconds:
                raise ValueError(f"ratio: no task {name!r}; measured were {', '.join(self.seconds)}")
        return [a / b for a, b in zip(self.seconds[slow], self.seconds[fast], strict=True)]

    def table(self) -> str:
        """Aligned text: task, median in ms, and how many times faster than the first task, with quartiles."""
        first = next(iter(self.seconds))
        lines = [("task", "median ms", f"speed-up over {first}", "half of the rounds"), None]
        for name, median in self.medians.items():
            low, high = self.spread(first, name)
            lines.append((name, f"{1e3 * median:.3f}", f"{self.ratio(first, name):.2f}", f"{low:.2f} to {high:.2f}"))
        return columns(lines)

    def as_dict(self) -> dict[str, dict]:
        """Medians and all seconds, ready for JSON; `record.machine()` says what they were measured on."""
        return {"medians": self.medians, "seconds": {name: list(values) for name, values in self.seconds.items()}}


def _wait() -> None:
    """Wait until the accelerator has done what it was given; a GPU's calls return before their work is done."""
    if torch.accelerator.is_available():
        torch.accelerator.synchronize()


def time_in_turn(
    tasks: Mapping[str, Callable[[], object]], *, repeats: int = 9, warmup: int = 2, min_seconds: float = 0.0
) -> Timings:
    """Measure several tasks in turn: A B C, C B A, A B C, and so on.

    Notice: the order turns round after every round, so that no task always runs on what another left in
    the caches. Ratios carry over to other machines far better than seconds do.

    Args:
        tasks: a name and a function without arguments for each; the first is what the table compares with.
        repeats: rounds, at least 1.
        warmup: rounds that are run and forgotten, >= 0: compilation, first touch of memory, cuDNN's choice.
        min_seconds: keep adding rounds until this much time is measured: short tasks need many rounds.

    Returns:
        `Timings`: medians, ratios, a table, a dictionary for JSON.

    Raises:
        TypeError, ValueError: no tasks; a task that cannot be called; repeats < 1; warmup < 0.

    Source: walkthrough 13.
    """
    if not tasks:
        raise ValueError("time_in_turn: no tasks; pass {'name': function, ...}")
    for name, task in tasks.items():
        if not callable(task):
            raise TypeError(f"time_in_turn: task {name!r} is {type(task).__name__}; wrap it, as in lambda: model(x)")
    if repeats < 1 or warmup < 0:
        raise ValueError(f"time_in_turn: repeats={repeats}, warmup={warmup}; repeats must be >= 1 and warmup >= 0")
    for _ in range(warmup):
        for task in tasks.values():
            task()
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    spent, done = 0.0, 0
    while done < repeats or spent < min_seconds:
        order = list(tasks) if done % 2 == 0 else list(reversed(tasks))
        for name in order:
            _wait()
            start = time.perf_counter()
            tasks[name]()
            _wait()
            seconds[name].append(time.perf_counter() - start)
            spent += seconds[name][-1]
        done += 1
    return Timings({name: tuple(values) for name, values in seconds.items()})
