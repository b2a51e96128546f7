"""One call of somebody else's function: it may fail, change what it was given, or never end.

The call runs in a thread of its own, which can be stopped on every system and leaves the notebook usable.
"""

import ctypes
import threading
import traceback
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any, NamedTuple

from torch import Tensor

from jpu_edu.exercises.fault import Fault, fault


class _TooLong(BaseException):
    """Thrown into a call that does not end. No `except Exception` in it holds this up."""


class Outcome(NamedTuple):
    """What a call returned; or, where it returned nothing, why. `changed` tells whether its input is another now."""

    value: Any = None
    fault: Fault | None = None
    changed: bool = False


def attempt(function: Callable, args: Sequence[Any], *, seconds: float) -> Outcome:
    """Call `function` on copies of `args` and say what became of it.

    Notice: a blank is a bare `raise NotImplementedError()`, the line that stands in a student's notebook.

    Args:
        function: anything callable.
        args: positional; they stay as they are.
        seconds: after which the call is stopped. A call stuck inside a compiled routine is left behind.
    """
    mine, kept = deepcopy(list(args)), []

    def work() -> None:
        try:
            value = function(*mine)
        except _TooLong:
            return
        except BaseException as error:
            blank = isinstance(error, NotImplementedError) and not error.args
            kept.append(Outcome(fault=Fault("blank", "") if blank else Fault("raised", in_words(error, function))))
        else:
            pairs = [(now, was) for now, was in zip(mine, args, strict=True) if isinstance(was, Tensor | list)]
            kept.append(Outcome(value, changed=any(fault(*pair) for pair in pairs)))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        thread.join(seconds)
    finally:
        if thread.is_alive():
            throw = ctypes.pythonapi.PyThreadState_SetAsyncExc
            throw(ctypes.c_ulong(thread.ident), ctypes.py_object(_TooLong))
    if kept:
        return kept[0]
    return Outcome(fault=Fault("endless", f"it had not ended after {seconds:g} seconds; one of its loops may not stop"))


def in_words(error: BaseException, function: Callable | None = None) -> str:
    """The error and the last line of the student's own code that it passed."""
    file = getattr(getattr(function, "__code__", None), "co_filename", None)
    lines = [frame.line for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file and frame.line]
    message = "".join(f": {line.strip()}" for line in str(error).splitlines()[:1])
    return f"it stopped with {type(error).__name__}{message}" + (f", in the line `{lines[-1]}`" if lines else "")
