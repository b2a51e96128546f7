"""Task 4 of a sheet: one case, drawn for one class, and most often a list that has to be complete."""

from collections.abc import Callable, Collection


def once(given: Callable) -> Callable:
    """The cases of a task with one argument: what given(seed) draws."""
    return lambda draw: [(given(draw.seed),)]


def left(count: int, answer: Collection, words: str) -> str | None:
    """How many of `count` are missing from an answer without a wrong one; None where it is complete.

    Args:
        words: what is said of them. {s} ends a noun and {v} a verb, {are} is one: "size{s} {are} exact".
    """
    missing = count - len(set(answer))
    several = missing > 1
    said = words.format(s="s" if several else "", v="" if several else "s", are="are" if several else "is")
    return f"{missing} more {said}" if missing else None
