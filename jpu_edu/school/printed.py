"""A limit on what one cell prints, set inside the kernel: what was never sent needs no memory where it is read."""

import sys
from collections.abc import Callable


def limit(characters: int) -> None:
    """From the next cell on, one that prints more is stopped by an error. Called in a kernel."""
    from IPython import get_ipython

    printed = [0]

    def counted(write: Callable[[str], object]) -> Callable[[str], object]:
        def write_some(text: str) -> object:
            printed[0] += len(text)
            if printed[0] > characters:
                raise RuntimeError(f"this cell prints more than {characters} characters")
            return write(text)

        write_some.counts = True
        return write_some

    def begin(info: object) -> None:  # for each cell: IPython replaces the streams' methods around every one
        printed[0] = 0
        for stream in (sys.stdout, sys.stderr):
            if not hasattr(stream.write, "counts"):
                stream.write = counted(stream.write)

    get_ipython().events.register("pre_run_cell", begin)
