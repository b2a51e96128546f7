"""How a command says what it cannot do: one line on standard error, its name before what is wrong and what to do."""

import sys


def refused(command: str, error: BaseException, *, status: int = 2) -> int:
    """Say it, and return the exit status. Errors of the library begin with a name too, which is left out."""
    print(f"{command}: {str(error).removeprefix(f'{command}: ').removeprefix('train: ')}", file=sys.stderr)
    return status
