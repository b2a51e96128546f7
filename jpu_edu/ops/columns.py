"""Rows of words as aligned columns: how every table of the project is printed."""

from collections.abc import Sequence


def columns(rows: Sequence[Sequence[str] | None], *, left: int = 1) -> str:
    """A line a row, every column as wide as its longest word, two blanks between columns.

    Args:
        rows: of one length; None draws a rule.
        left: how many columns, from the first, are flush left; the others, which hold numbers, are flush right.
    """
    widths = [max(map(len, column)) for column in zip(*(row for row in rows if row is not None), strict=True)]
    lines = []
    for row in rows:
        words = ["-" * width for width in widths] if row is None else row
        lines.append(
            "  ".join(
                word.ljust(width) if place < left else word.rjust(width)
                for place, (word, width) in enumerate(zip(words, widths, strict=True))
            ).rstrip()
        )
    return "\n".join(lines)
