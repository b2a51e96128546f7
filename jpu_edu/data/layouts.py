"""Which of the layouts lies in a folder, for commands that are given a path alone."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from jpu_edu.data import readers
from jpu_edu.data.pairs import Published
from jpu_edu.data.sets import LabelledImages


class Layout(NamedTuple):
    """A reader, and how such a set lies on disk; None for a folder of your own."""

    reader: Callable[..., LabelledImages]
    files: Published | None = None

    @property
    def splits(self) -> list[str]:
        """Those to look for: "trainval" holds what others hold, and a folder of your own has what it has."""
        return [split for split in self.files.splits if split != "trainval"] if self.files else []

    def lies_in(self, root: str | Path) -> bool:
        """Whether any of its splits does."""
        if self.files is None:
            return Path(root, "classes.txt").exists()
        return any(self.files.place(root, split) for split in self.splits)


#: The first that lies in a folder is taken. VOC's folder of PASCAL Context also holds VOC's own labels.
LAYOUTS = {
    "folder": Layout(readers.folder),
    "camvid": Layout(readers.camvid, readers.CAMVID_FILES),
    "pascal_context": Layout(readers.pascal_context, readers.CONTEXT_FILES),
    "pascal_context_60": Layout(partial(readers.pascal_context, background=True), readers.CONTEXT_FILES),
    "voc": Layout(readers.voc, readers.VOC_FILES),
    "ade20k": Layout(readers.ade20k, readers.ADE20K_FILES),
    "cityscapes": Layout(readers.cityscapes, readers.CITYSCAPES_FILES),
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
        if layout.lies_in(root):
            return name
    raise ValueError(
        f"{root}: none of the layouts {', '.join(LAYOUTS)}. For a set of your own, put a classes.txt there, beside "
        "the folders images and labels (see jpu_edu.data.readers.folder)"
    )
