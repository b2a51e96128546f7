"""Which label picture belongs to which picture, from folders and lists. No picture is opened here."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

PICTURES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".gif"}
Pairs = tuple[tuple[Path, Path], ...]


class Published(NamedTuple):
    """How a public set lies on disk. {} in the name of a folder stands for a part of the set, such as train.

    Fields:
        name: for people.
        pictures, labels: two folders; that of the labels tells which set it is.
        below: where both may lie, if not in the folder that is given.
        splits: the parts of each split, and how many samples each has as published.
    """

    name: str
    pictures: str
    labels: str
    below: tuple[str, ...]
    splits: Mapping[str, Mapping[str, int]]

    def place(self, root: str | Path, split: str) -> Path | None:
        """The folder that holds the labels of a split: `root`, or one below it."""
        labels = self.labels.format(*self.splits[split])
        places = (Path(root, folder) for folder in ("", *self.below))
        return next((place for place in places if (place / labels).is_dir()), None)

    def find(self, root: str | Path, split: str) -> tuple[Path, int]:
        """The folder that holds the labels of a split, and how many samples are published."""
        if split not in self.splits:
            raise ValueError(f"split={split!r}; choose one of {', '.join(self.splits)}")
        place, labels = self.place(root, split), self.labels.format(*self.splits[split])
        if place is None:
            raise FileNotFoundError(
                f"{root}: no {self.name} here, there is no folder {labels}; pass the folder that holds {labels}"
            )
        return place, sum(self.splits[split].values())

    def paired(self, place: Path, split: str, *, endings: tuple[str, str] = ("", "")) -> Pairs:
        """The pictures and label pictures of all parts of a split by their names, see the function `paired`."""
        folders = [[place / name.format(part) for name in (self.pictures, self.labels)] for part in self.splits[split]]
        return tuple(pair for images, labels in folders for pair in paired(images, labels, endings=endings))


def lines(*places: Path) -> list[str]:
    """The lines with something in them of the first of these lists that exists."""
    place = next((place for place in places if place.is_file()), None)
    if place is None:
        raise FileNotFoundError(f"{' or '.join(map(str, places))}: no such list; put it there, one name a line")
    try:
        return [line.strip() for line in place.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise ValueError(f"{place}: no UTF-8 text ({error}); save it as UTF-8") from error


def _stems(place: Path, ending: str) -> dict[str, Path]:
    """Every picture below a folder by its path in it, without `ending` and the format."""
    if not place.is_dir():
        raise FileNotFoundError(f"{place}: no such folder; put the pictures of this split there")
    found: dict[str, Path] = {}
    for path in sorted(place.rglob(f"*{ending}.*")):
        if path.suffix.lower() in PICTURES and path.stem.endswith(ending) and not path.name.startswith("."):
            name = path.relative_to(place).with_suffix("").as_posix().removesuffix(ending)
            if name in found:
                raise ValueError(f"{path}: {found[name].name} has the same name; keep one of the two")
            found[name] = path
    return found


def paired(
    images: Path, labels: Path, *, endings: tuple[str, str] = ("", ""), only: Sequence[str] | None = None
) -> Pairs:
    """Pictures and label pictures of the same name. A partner that is missing keeps its place, under a likely name.

    Args:
        images, labels: folders; names count from there, folders within them too.
        endings: what follows the name, before the format.
        only: these names in this order, with or without a format; by default all, sorted.
    """
    pictures, maps = _stems(images, endings[0]), _stems(labels, endings[1])
    known, likely = pictures | maps, next((path.suffix for path in pictures.values()), ".jpg")
    names = sorted(known) if only is None else [n if n in known else _without_format(n) for n in only]
    return tuple(
        (pictures.get(n, images / f"{n}{endings[0]}{likely}"), maps.get(n, labels / f"{n}{endings[1]}.png"))
        for n in names
    )


def _without_format(name: str) -> str:
    return str(Path(name).with_suffix("")) if Path(name).suffix.lower() in PICTURES else name
