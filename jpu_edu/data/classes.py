"""What the numbers in a label map mean: the class names, their colours, and one number for "no class".

Shape legend
    labels   (H, W), 0 to K - 1, or VOID where nobody knows or nobody asked
    picture  (3, H, W), RGB, 0 to 255
"""

from dataclasses import dataclass

import torch
from jaxtyping import Integer, UInt8
from torch import Tensor

#: The label of a pixel that counts neither in the loss nor in a score. No set keeps another number for it here.
VOID = 255

#: Red, green and blue, 0 to 255.
Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Classes:
    """The K classes of a set: class k is names[k], drawn in colours[k].

    Args:
        void: colour of void pixels.

    Raises:
        ValueError: another number of colours than names, a name twice, no class or more than 254, a value outside 0
            to 255.
    """

    names: tuple[str, ...]
    colours: tuple[Colour, ...]
    void: Colour = (0, 0, 0)

    def __post_init__(self) -> None:
        if len(self.names) != len(self.colours):
            raise ValueError(
                f"Classes: {len(self.names)} names and {len(self.colours)} colours; every class has one of each"
            )
        if not 1 <= len(self.names) < VOID:
            raise ValueError(f"Classes: {len(self.names)} classes; a label map holds 1 to {VOID - 1} ({VOID} is void)")
        twice = [name for k, name in enumerate(self.names) if name in self.names[:k]]
        if twice:
            raise ValueError(f"Classes: {twice[0]!r} stands there twice; names must differ")
        for name, colour in zip((*self.names, "void"), (*self.colours, self.void), strict=True):
            if len(colour) != 3 or not all(0 <= value <= 255 for value in colour):
                raise ValueError(f"Classes: {name!r} has colour {colour}; give three numbers from 0 to 255")

    def __len__(self) -> int:
        return len(self.names)

    def picture(self, labels: Integer[Tensor, "H W"]) -> UInt8[Tensor, "3 H W"]:
        """The label map in the colours of its classes, on its device; a ValueError as for `check`."""
        self.check(labels)
        colours = torch.tensor([*self.colours, self.void], dtype=torch.uint8, device=labels.device)
        return colours[labels.long().where(labels != VOID, len(self))].permute(2, 0, 1).contiguous()

    def check(self, labels: Integer[Tensor, "*shape"]) -> None:
        """Raise a ValueError that names the first label which is neither a class nor VOID."""
        strange = labels[((labels < 0) | (labels >= len(self))) & (labels != VOID)]
        if strange.numel():
            raise ValueError(
                f"labels: {strange.numel()} pixels have label {int(strange[0])}; "
                f"the classes are 0 to {len(self) - 1}, void is {VOID}"
            )


def coloured(text: str) -> Classes:
    """Classes from "sky 808080, traffic light faaa1e": names, and their colours in hexadecimal digits."""
    rows = [entry.split() for entry in text.split(",")]
    return Classes(tuple(" ".join(row[:-1]) for row in rows), tuple(tuple(bytes.fromhex(row[-1])) for row in rows))


def distinct_colours(count: int) -> tuple[Colour, ...]:
    """As many colours as wanted, all different: the bits of k are dealt out to the high bits of R, G and B in turn.

    Source: PASCAL VOC development kit, VOCcolormap.
    """
    return tuple(
        tuple(sum((k >> (3 * place + channel) & 1) << (7 - place) for place in range(8)) for channel in range(3))
        for k in range(count)
    )
