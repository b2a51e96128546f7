"""Why a run ends before its last step, and how: between two steps, with everything saved."""

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Literal

import torch

from jpu_edu.train.distributed import World

Reason = Literal["interrupted", "time"]
INTERRUPTED = 130  # the exit status: what a shell reports after Ctrl-C


class Stop:
    """Whether somebody asked the run to stop."""

    def __init__(self, seconds: float | None) -> None:
        self.deadline = None if seconds is None else time.monotonic() + seconds
        self.interrupted = False

    def reason(self, world: World) -> Reason | None:
        """The same answer in every process, so that none waits for one that has left."""
        late = self.deadline is not None and time.monotonic() > self.deadline
        interrupted = self.interrupted
        if world.size > 1:
            votes = torch.tensor([interrupted, late], dtype=torch.int32, device=world.device)
            interrupted, late = world.total(votes).tolist()
        return "interrupted" if interrupted else "time" if late else None

    def handle(self, number: int, frame: FrameType | None) -> None:
        """The first signal asks, the second insists."""
        if self.interrupted:
            signal.default_int_handler(number, frame)
        self.interrupted = True
        print("\ntrain: finishing this step, then saving. Once more to stop without.", file=sys.stderr, flush=True)


@contextmanager
def stopping(seconds: float | None = None) -> Iterator[Stop]:
    """Ctrl-C and SIGTERM become a question that the loop asks between two steps, and so does a time limit.

    Args:
        seconds: how long the run may take from now; None for as long as it takes.
    """
    stop = Stop(seconds)
    if threading.current_thread() is not threading.main_thread():  # signals reach the main thread alone
        yield stop
        return
    before = {number: signal.signal(number, stop.handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
