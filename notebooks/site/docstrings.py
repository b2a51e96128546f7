"""The docstrings of jpu_edu as reStructuredText: plain text, `code`, and sections that end in a colon."""

import re
from collections.abc import Sequence
from itertools import takewhile

LISTED = ("Args:", "Attributes:", "Fields:", "Raises:")  # sections of "name: text" entries
LABEL = re.compile(r"^(Notice|Convention|Source|Returns|Note): ?(.*)$")
MARKUP = re.compile(r"[\\*|`]|_(?!\w)")  # what would be read as markup: also the end of name_
ENTRY = re.compile(r"^(\*{0,2}[\w.]+(?:, \*{0,2}[\w.]+)*): (.*)$")


def restructured(lines: Sequence[str]) -> list[str]:
    """A docstring's lines as Sphinx wants them. What is indented under a line of prose is kept as it is laid out."""
    out, rest = [], [line.rstrip() for line in lines]
    while rest:
        line = rest.pop(0)
        block = list(takewhile(lambda later: not later or later.startswith(" "), rest))
        while block and not block[-1]:
            block.pop()
        label = LABEL.match(line)
        if line in LISTED:
            out += [f":{line.removesuffix(':')}:", *_entries(_dedent(block)), ""]
        elif label:
            words = " ".join([label[2], *(part for part in _dedent(block) if part)])
            while rest[len(block) :] and rest[len(block)] and not block:  # a label over several lines, not indented
                words += f" {rest.pop(0)}"
            out += ["", f"**{label[1]}.** {inline(words.strip())}", ""]
        elif block and line:
            out += [inline(line), "", "::", "", *(f"    {part}" for part in _dedent(block)), ""]
        elif block:
            out += ["", "::", "", *(f"    {part}" for part in _dedent(block)), ""]
        else:
            out.append(inline(line))
        del rest[: len(block)]
    return out


def inline(text: str) -> str:
    """`code` becomes ``code``; what reStructuredText would read as markup is text."""
    parts = re.split(r"(`[^`]+`)", text)
    return "".join(f"`{part}`" if k % 2 else MARKUP.sub(r"\\\g<0>", part) for k, part in enumerate(parts))


def _dedent(block: Sequence[str]) -> list[str]:
    depth = min((len(line) - len(line.lstrip()) for line in block if line), default=0)
    return [line[depth:] for line in block]


def _entries(lines: Sequence[str]) -> list[str]:
    """ "name: text" with indented continuations, as a definition list inside a field."""
    out = []
    for line in lines:
        entry = ENTRY.match(line)
        if entry:
            out += [f"    ``{entry[1]}``", f"        {inline(entry[2])}"]
        elif line.startswith(" ") and out:
            out.append(f"        {inline(line.strip())}")
        elif line:
            out.append(f"    {inline(line)}")
    return out
