"""A labelled set: a length, and sample i. Whatever has these two, and says which classes it has, can be trained on.

Shape legend
    image   (3, H, W), RGB, 0 to 255
    labels  (H, W), 0 to K - 1, or VOID = 255
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple, Protocol, runtime_checkable

from jaxtyping import UInt8
from torch import Tensor

from jpu_edu.data.classes import Classes, Colour
from jpu_edu.data.decode import Orientation, read_image, read_labels
from jpu_edu.data.pairs import Pairs


class Sample(NamedTuple):
    """An image and the class of each of its pixels."""

    image: UInt8[Tensor, "3 H W"]
    labels: UInt8[Tensor, "H W"]


@runtime_checkable
class ImageSet(Protocol):
    """What training and evaluation ask of a set. `Scenes` makes its samples, `LabelledImages` reads them."""

    name: str
    split: str
    classes: Classes

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...


@dataclass(frozen=True)
class LabelledImages:
    """Pictures and label pictures on disk, decoded when they are asked for. `data.readers` makes them.

    Notice: nothing is repaired. A file that is missing, damaged or mislabelled raises an error that names it; to
    see everything that is wrong with a set at once, run `python -m jpu_edu data check PATH`.

    Args:
        pairs: (picture, label picture), in the order of the samples.
        ids, colours: see `decode.read_labels`.
        orientation: see `decode.read_image`.
        expected: how many samples the published split has.

    Raises:
        IndexError: on reading, outside 0 to len - 1 (negative numbers count from the end).
        FileNotFoundError, ValueError: on reading, a file that is not what it should be.
    """

    name: str
    split: str
    classes: Classes
    pairs: Pairs = field(repr=False)
    ids: Mapping[int, int] = field(repr=False)
    colours: Mapping[Colour, int] | None = field(default=None, repr=False)
    orientation: Orientation = "stored"
    expected: int | None = None

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> Sample:
        if not -len(self) <= index < len(self):
            raise IndexError(f"{self.name} {self.split}: sample {index} of {len(self)}")
        sample = Sample(self.image(index), self.labels(index))
        self.check_sizes(index, sample)
        return sample

    def image(self, index: int) -> UInt8[Tensor, "3 H W"]:
        """The picture of sample `index` alone."""
        return read_image(self._file(index, "image"), orientation=self.orientation)

    def labels(self, index: int) -> UInt8[Tensor, "H W"]:
        """The labels of sample `index` alone."""
        return read_labels(self._file(index, "labels"), ids=self.ids, colours=self.colours)

    def _file(self, index: int, kind: Literal["image", "labels"]) -> Path:
        path, other = self.pairs[index] if kind == "image" else reversed(self.pairs[index])
        if not path.is_file():
            raise FileNotFoundError(
                f"{path}: no such file, the {kind} of {other}; put it back, or take its pair out of the set"
            )
        return path

    def check_sizes(self, index: int, sample: Sample) -> None:
        """Raise a ValueError where an image and its labels differ in size."""
        picture, label_picture = self.pairs[index]
        (height, width), labelled = sample.image.shape[1:], sample.labels.shape
        if labelled != (height, width):
            turned = " One of them may have been turned." if labelled == (width, height) else ""
            raise ValueError(
                f"{label_picture}: {labelled[0]} x {labelled[1]} labels (H x W) for an image of {height} x {width}, "
                f"{picture}; label it again, or resize the labels by nearest neighbour.{turned}"
            )
