"""Which label picture belongs to which picture, from folders and lists. No picture is opened here."""

from collections.abc import Mapping, Sequence
from pathlib import Path

PICTURES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".gif"}
Pairs = list[tuple[Path, Path]]

#: For each split, the folders or lists it is made of, and how many samples it has as published.
Splits = Mapping[str, tuple[tuple[str, ...], int]]


def look_up(split: str, splits: Splits) -> tuple[tuple[str, ...], int]:
    """The parts and the published size of a split."""
    if split not in splits:
        raise ValueError(f"split={split!r}; choose one of {', '.join(splits)}")
    return splits[split]


def find(root: str | Path, name: str, marker: str, *below: str) -> Path:
    """The folder that holds `marker`: `root`, or one of those below it."""
    for place in (Path(root), *(Path(root) / part for part in below)):
        if (place / marker).is_dir():
            return place
    raise FileNotFoundError(f"{root}: no {name} here, there is no folder {marker}; pass the folder that holds {marker}")


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
    return [
        (pictures.get(n, images / f"{n}{endings[0]}{likely}"), maps.get(n, labels / f"{n}{endings[1]}.png"))
        for n in names
    ]


def _without_format(name: str) -> str:
    return str(Path(name).with_suffix("")) if Path(name).suffix.lower() in PICTURES else name
