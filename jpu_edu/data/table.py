"""The table of classes that lies in a folder of your own: `classes.txt`, one class a line."""

import re
from pathlib import Path

from jpu_edu.data.classes import VOID, Classes, Colour, distinct_colours
from jpu_edu.data.pairs import lines

LONGEST = 200  #: characters of a line; the pattern below takes their square in time
#: perhaps a number, a name, perhaps three numbers
LINE = re.compile(r"(?:(\d+)[\s,]+)?(.+?)(?:[\s,]+(\d+)[\s,]+(\d+)[\s,]+(\d+))?")


def read_classes(path: str | Path) -> tuple[Classes, dict[int, int], dict[Colour, int] | None]:
    """Read the classes, and what stands for each of them in a label picture. All lines have one of four forms:

        road 128 64 128      label pictures hold these colours
        7 road 128 64 128    label pictures hold these numbers; the colours are for drawing
        7 road               the same, drawn in colours of our choice
        road                 label pictures hold 0 for the first line, 1 for the second ...

    Notice: a line called `void` is no class. Its number or colour means that nobody knows. There may be several.

    Args:
        path: UTF-8 text; commas may stand between the parts, # begins a comment.

    Returns:
        The classes, in the order of their lines. The class (or VOID) of each number; 255 is VOID unless the table
        gives it to a class. The class (or VOID) of each colour, or None where label pictures hold numbers.

    Raises:
        FileNotFoundError: no such file.
        ValueError: lines of different forms; no class; a name, a number or a colour twice; a number above 255.

    Convention: label pictures hold colours exactly where the lines have colours and no numbers.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; write one class a line, such as: road 128 64 128")
    texts = [line.split("#")[0].strip() for line in lines(path)]
    if (longest := max(map(len, texts), default=0)) > LONGEST:
        raise ValueError(f"{path}: a line of {longest} characters; write one class a line, in {LONGEST} or fewer")
    rows = [LINE.fullmatch(text).groups() for text in texts if text]
    forms = {(number is not None, red is not None): name for number, name, red, _, _ in rows}
    if len(forms) > 1:
        raise ValueError(
            f"{path}: the lines of {' and '.join(map(repr, forms.values()))} are of different forms; write all lines "
            "as `name r g b`, `number name r g b`, `number name`, or `name`"
        )
    numbered, coloured = next(iter(forms), (False, False))
    names = [row[1] for row in rows]
    numbers = [int(row[0]) for row in rows] if numbered else range(len(rows))
    colours = [tuple(map(int, row[2:])) for row in rows] if coloured else distinct_colours(len(rows))
    codes = list(colours if coloured and not numbered else numbers)
    for i, code in enumerate(codes):
        if code in codes[:i]:
            raise ValueError(f"{path}: {code} stands for {names[codes.index(code)]!r} and for another; use each once")
    if max(numbers, default=0) > 255:
        raise ValueError(f"{path}: number {max(numbers)}; a label picture of 8 bits holds 0 to 255")
    real = [i for i, name in enumerate(names) if name != "void"]
    void = next((colours[i] for i, name in enumerate(names) if name == "void"), (0, 0, 0))
    try:
        classes = Classes(tuple(names[i] for i in real), tuple(colours[i] for i in real), void)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    meaning = {code: real.index(i) if i in real else VOID for i, code in enumerate(codes)}
    return (classes, {}, meaning) if coloured and not numbered else (classes, {VOID: VOID} | meaning, None)
