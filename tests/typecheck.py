"""The run-time type checker of the tests: beartype, with a switch.

Tests that pass a wrong type or rank on purpose switch it off (fixture `unchecked`) to see the
error that a user sees, since users run without it.
"""

import functools
from collections.abc import Callable

from beartype import BeartypeConf, beartype

enabled = True

#: An annotation `float` accepts an int, as everywhere in Python.
ACCEPT_INT_AS_FLOAT = BeartypeConf(is_pep484_tower=True)


def checker(function: Callable) -> Callable:
    """What jaxtyping's import hook applies to every function and dataclass of the package."""
    checked = beartype(function, conf=ACCEPT_INT_AS_FLOAT)
    if isinstance(function, type):
        return checked

    @functools.wraps(function)
    def switchable(*args, **kwargs):
        return (checked if enabled else function)(*args, **kwargs)

    return switchable
