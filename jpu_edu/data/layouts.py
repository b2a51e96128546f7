"""Which of the layouts lies in a folder, for commands that are given a path alone."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from jpu_edu.data import readers
from jpu_edu.data.sets import LabelledImages


class Layout(NamedTuple):
    """A reader, the splits to look for, and what lies in a folder of this kind."""

    reader: Callable[..., LabelledImages]
    splits: tuple[str, ...]
    signs: tuple[str, ...]


#: The first whose sign is there is taken. VOC's folder of PASCAL Context also holds VOC's own labels.
LAYOUTS = {
    "folder": Layout(readers.folder, (), ("classes.txt",)),
    "camvid": Layout(readers.camvid, ("train", "val", "test"), ("trainannot", "valannot", "testannot", "CamVid")),
    "pascal_context": Layout(
        readers.pascal_context,
        ("train", "val"),
        tuple(f"{place}SegmentationClassContext" for place in ("", "VOC2010/", "VOCdevkit/VOC2010/")),
    ),
    "pascal_context_60": Layout(partial(readers.pascal_context, background=True), ("train", "val"), ()),
    "voc": Layout(
        readers.voc,
        ("train", "val", "train_aug"),
        tuple(f"{place}SegmentationClass" for place in ("", "VOC2012/", "VOCdevkit/VOC2012/")),
    ),
    "ade20k": Layout(
        readers.ade20k, ("train", "val"), ("annotations/training", "annotations/validation", "ADEChallengeData2016")
    ),
    "cityscapes": Layout(readers.cityscapes, ("train", "val"), ("gtFine", "cityscapes/gtFine")),
}


def recognise(root: str | Path) -> str:
    """The name of the layout of a folder.

    Raises:
        FileNotFoundError: no such folder.
        ValueError: none of the layouts.
    """
    if not Path(root).is_dir():
        raise FileNotFoundError(f"{root}: no such folder; name the folder of the set")
    for name, layout in LAYOUTS.items():
        if any(Path(root, sign).exists() for sign in layout.signs):
            return name
    raise ValueError(
        f"{root}: none of the layouts {', '.join(LAYOUTS)}. For a set of your own, put a classes.txt there, beside "
        "the folders images and labels (see jpu_edu.data.readers.folder)"
    )
