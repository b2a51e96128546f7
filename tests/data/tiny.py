"""Tiny sets on disk, in every layout that the readers know: pictures of 6 x 8 whose labels are given."""

from pathlib import Path

import numpy as np
from PIL import Image

H, W = 6, 8


def ramp(*numbers: int, height: int = H, width: int = W) -> np.ndarray:
    """A label map in which these numbers take turns from pixel to pixel, row by row."""
    return np.resize(np.array(numbers, np.uint8), (height, width))


def picture(path: Path, *, value: int = 100, height: int = H, width: int = W) -> Path:
    """A grey-valued RGB picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((height, width, 3), value, np.uint8)).save(path)
    return path


def labels(path: Path, numbers: np.ndarray, *, palette: bool = False) -> Path:
    """A label picture: (H, W) in grey or with VOC's palette, (H, W, 3) in colours."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(numbers)
    if palette:
        image.putpalette([value for k in range(256) for value in (k * 7 % 256, k * 31 % 256, 255 - k)])
    image.save(path)
    return path


def text(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def camvid(root: Path, *numbers: int, ending: str = ".png", splits: tuple[str, ...] = ("train", "val", "test")) -> Path:
    for split in splits:
        for name in ("a", "b"):
            picture(root / split / f"{name}{ending}")
            labels(root / f"{split}annot" / f"{name}.png", ramp(*numbers or (0, 10, 11)))
    return root


def voc(root: Path) -> Path:
    """Two training images and one for validation; the second image of the added list has its labels in VOC alone."""
    names = {"train": ["2007_1", "2007_2"], "val": ["2007_3"], "trainval": ["2007_1", "2007_2", "2007_3"]}
    for split, which in names.items():
        text(root / "ImageSets" / "Segmentation" / f"{split}.txt", *which)
    for name in names["trainval"]:
        picture(root / "JPEGImages" / f"{name}.jpg")
        labels(root / "SegmentationClass" / f"{name}.png", ramp(0, 20, 255), palette=True)
    picture(root / "JPEGImages" / "2008_9.jpg")
    labels(root / "SegmentationClassAug" / "2008_9.png", ramp(3))
    both = "/JPEGImages/{0}.jpg /SegmentationClassAug/{0}.png"
    text(root / "ImageSets" / "SegmentationAug" / "train_aug.txt", both.format("2008_9"), both.format("2007_2"))
    return root


def pascal_context(root: Path) -> Path:
    for split, name in (("train", "2008_1"), ("val", "2008_2")):
        text(root / "ImageSets" / "SegmentationContext" / f"{split}.txt", name)
        picture(root / "JPEGImages" / f"{name}.jpg")
        labels(root / "SegmentationClassContext" / f"{name}.png", ramp(0, 1, 59))
    return root


def ade20k(root: Path) -> Path:
    for part in ("training", "validation"):
        picture(root / "images" / part / "ADE_1.jpg")
        labels(root / "annotations" / part / "ADE_1.png", ramp(0, 1, 150))
    return root


def cityscapes(root: Path, *, kind: str = "labelIds", numbers: tuple[int, ...] = (7, 33, 4, 255)) -> Path:
    for split, city in (("train", "ulm"), ("val", "bonn")):
        stem = f"{city}_0_1"
        picture(root / "leftImg8bit" / split / city / f"{stem}_leftImg8bit.png")
        truth = root / "gtFine" / split / city
        labels(truth / f"{stem}_gtFine_{kind}.png", ramp(*numbers))
        picture(truth / f"{stem}_gtFine_color.png")
        labels(truth / f"{stem}_gtFine_instanceIds.png", ramp(1))
        text(truth / f"{stem}_gtFine_polygons.json", "{}")
    return root


def folder(
    root: Path, *table: str, truth: np.ndarray, palette: bool = False, names: tuple[str, ...] = ("a", "b")
) -> Path:
    text(root / "classes.txt", *table)
    for name in names:
        picture(root / "images" / f"{name}.jpg")
        labels(root / "labels" / f"{name}.png", truth, palette=palette)
    return root
