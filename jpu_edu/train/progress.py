"""How far it is: a bar where it can be drawn over itself; in a log file, where it would be one endless line, lines."""

import sys
from collections.abc import Callable
from typing import Any

from tqdm import tqdm

EVERY = 30.0  #: seconds between two lines


class Lines(tqdm):
    """tqdm's numbers without its bar: a line at the beginning, one every `EVERY` seconds, and one at the end."""

    def __init__(self, **options: Any) -> None:
        words = "{unit} {n_fmt} of {total_fmt}, {elapsed} gone, {remaining} left{postfix}"
        words = "{desc}: " + words if options.get("desc") else words
        super().__init__(**options | {"leave": True}, bar_format=words, mininterval=EVERY, maxinterval=EVERY)

    @staticmethod
    def status_printer(file: Any) -> Callable[[str], None]:
        """tqdm's way to show a line, without the return to its start, and none twice."""
        last = ""

        def show(line: str) -> None:
            nonlocal last
            if line != last:
                print(line, file=file, flush=True)
            last = line

        return show


def bar(**options: Any) -> tqdm:
    """A bar on a terminal or in a notebook, `Lines` elsewhere. Options as tqdm's."""
    drawn_over = sys.stderr.isatty() or type(sys.stderr).__module__.startswith("ipykernel")
    return (tqdm if drawn_over else Lines)(**options)
