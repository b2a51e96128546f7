"""Readers: every layout gives the pairs and the classes that its publisher means."""

import numpy as np
import pytest
import torch
from PIL import Image

from jpu_edu.data import palettes, readers
from jpu_edu.data.classes import VOID
from jpu_edu.data.sets import ImageSet
from tests.data import tiny


def seen(images, index=0):
    """The labels of a sample in the order of its first pixels."""
    return list(dict.fromkeys(images[index].labels.flatten().tolist()))


@pytest.mark.parametrize("ending", [".png", ".jpg", ".JPG"])
def test_camvid_takes_png_or_jpeg_and_makes_11_void(tmp_path, ending):
    root = tiny.camvid(tmp_path, 0, 10, 11, ending=ending)
    images = readers.camvid(root, split="test")
    assert (images.name, images.split, images.classes, images.expected) == ("CamVid", "test", palettes.CAMVID, 233)
    assert len(images) == 2 and isinstance(images, ImageSet)
    assert seen(images) == [0, 10, VOID]
    assert images[0].image.shape == (3, tiny.H, tiny.W) and images[-1].labels.dtype == torch.uint8
    assert len(readers.camvid(root, split="trainval")) == 4


def test_voc_takes_its_lists_and_keeps_255_void(tmp_path):
    for root in (tiny.voc(tmp_path / "VOCdevkit" / "VOC2012"), tmp_path / "VOCdevkit", tmp_path):
        images = readers.voc(root)
        assert [pair[0].name for pair in images.pairs] == ["2007_1.jpg", "2007_2.jpg"]
    assert seen(images) == [0, 20, VOID] and images.classes == palettes.VOC and images.expected == 1464
    assert len(readers.voc(root, split="trainval")) == 3 and len(readers.voc(root, split="val")) == 1


def test_voc_train_aug_prefers_the_added_labels_and_falls_back_on_vocs_own(tmp_path):
    images = readers.voc(tiny.voc(tmp_path), split="train_aug")
    assert [pair[1].parent.name for pair in images.pairs] == ["SegmentationClassAug", "SegmentationClass"]
    assert seen(images) == [3] and seen(images, 1) == [0, 20, VOID] and images.expected == 10582


def test_pascal_context_with_59_classes_makes_background_void_and_with_60_keeps_it(tmp_path):
    root = tiny.pascal_context(tmp_path)
    without, with_it = readers.pascal_context(root), readers.pascal_context(root, split="val", background=True)
    assert (seen(without), len(without.classes), without.expected) == ([VOID, 0, 58], 59, 4998)
    assert (seen(with_it), len(with_it.classes), with_it.expected) == ([0, 1, 59], 60, 5105)


def test_ade20k_makes_0_void_and_shifts_the_rest(tmp_path):
    tiny.ade20k(tmp_path / "ADEChallengeData2016")
    images = readers.ade20k(tmp_path, split="val")
    assert (seen(images), len(images.classes), images.expected) == ([VOID, 0, 149], 150, 2000)
    assert len(readers.ade20k(tmp_path, split="trainval")) == 2


def test_cityscapes_maps_ids_to_train_ids_and_takes_train_ids_too(tmp_path):
    by_id = readers.cityscapes(tiny.cityscapes(tmp_path / "ids", numbers=(7, 33, 4, 255)))
    assert seen(by_id) == [0, 18, VOID] and len(by_id) == 1 and by_id.expected == 2975
    root = tiny.cityscapes(tmp_path / "train_ids", kind="labelTrainIds", numbers=(0, 18, 255))
    assert seen(readers.cityscapes(root, split="val")) == [0, 18, VOID]
    with pytest.raises(ValueError, match="have the number 34"):
        readers.cityscapes(tiny.cityscapes(tmp_path / "bad", numbers=(34,)))[0]


def test_cityscapes_ids_are_those_of_the_scripts():
    """Every id from 7 to 33 but the eight that do not count in the benchmark."""
    uncounted = {9, 10, 14, 15, 16, 18, 29, 30}
    assert tuple(k for k in range(7, 34) if k not in uncounted) == readers.CITYSCAPES_IDS


COLOURED = ("road 128 64 128", "car 0 0 142  # and lorries", "", "void 0 0 0")


def test_a_folder_with_colours(tmp_path):
    truth = np.zeros((tiny.H, tiny.W, 3), np.uint8)
    truth[0, :2] = (0, 0, 142), (128, 64, 128)
    images = readers.folder(tiny.folder(tmp_path / "mine", *COLOURED, truth=truth), split="all")
    assert images.name == "mine" and images.classes.names == ("road", "car") and len(images) == 2
    assert seen(images) == [1, 0, VOID] and images.expected is None


@pytest.mark.parametrize("palette", [False, True])
def test_a_folder_with_numbers_in_grey_or_in_a_palette(tmp_path, palette):
    root = tiny.folder(tmp_path, "void", "road", "car", truth=tiny.ramp(0, 1, 2, 255), palette=palette)
    assert seen(readers.folder(root, split="all")) == [VOID, 0, 1]


def test_splits_of_a_folder_are_lists_or_else_folders(tmp_path):
    root = tiny.folder(tmp_path, "a", "b", truth=tiny.ramp(0), names=("train/x", "train/y.1", "val/x"))
    assert readers.folder_splits(root) == ["train", "val", "all"]
    assert [pair[1].name for pair in readers.folder(root).pairs] == ["x.png", "y.1.png"]
    assert len(readers.folder(root, split="all")) == 3
    tiny.text(root / "splits" / "few.txt", "val/x.jpg", "train/y.1")
    assert readers.folder_splits(root) == ["few", "all"]
    assert [pair[1].name for pair in readers.folder(root, split="few").pairs] == ["x.png", "y.1.png"]
    with pytest.raises(ValueError, match=r"split='train'; there are few, all"):
        readers.folder(root)


def test_a_turned_picture_is_refused_in_a_folder_and_read_as_stored_in_a_public_set(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 3
    turned = Image.fromarray(np.zeros((tiny.H, tiny.W, 3), np.uint8))
    mine = tiny.folder(tmp_path / "mine", "a", truth=tiny.ramp(0))
    turned.save(mine / "images" / "a.jpg", exif=exif)
    with pytest.raises(ValueError, match="carries an EXIF turn"):
        readers.folder(mine, split="all")[0]
    public = tiny.camvid(tmp_path / "public")
    turned.save(public / "train" / "a.png", exif=exif)
    assert readers.camvid(public)[0].image.shape == (3, tiny.H, tiny.W)


READERS = (readers.camvid, readers.voc, readers.pascal_context, readers.ade20k, readers.cityscapes)
MAKERS = (tiny.camvid, tiny.voc, tiny.pascal_context, tiny.ade20k, tiny.cityscapes)


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
def test_another_folder_and_another_split_are_answered(tmp_path, reader):
    with pytest.raises(FileNotFoundError, match=r"no .* here, there is no folder \S+; pass the folder that holds"):
        reader(tmp_path)
    with pytest.raises(ValueError, match=r"split='dev'; choose one of train, val"):
        reader(tmp_path, split="dev")


@pytest.mark.parametrize(("reader", "maker"), list(zip(READERS, MAKERS, strict=True)))
@pytest.mark.parametrize("which", [0, 1])
def test_a_missing_file_is_named_at_once_or_when_it_is_read(tmp_path, reader, maker, which):
    root = maker(tmp_path)
    lost = reader(root, split="train").pairs[-1][which]
    lost.unlink()
    with pytest.raises(FileNotFoundError, match=r"no such file \(1 of .* missing\); .* data check") as caught:
        reader(root, split="train")
    assert str(lost.with_suffix("")) in str(caught.value)
    with pytest.raises(FileNotFoundError, match=r"no such file, the (image|labels) of .*; put it back"):
        reader(root, split="train", complete=False)[-1]


def test_an_empty_split_is_refused(tmp_path):
    root = tiny.camvid(tmp_path / "camvid")
    for path in [*(root / "val").iterdir(), *(root / "valannot").iterdir()]:
        path.unlink()
    with pytest.raises(ValueError, match=r"the split 'val' of CamVid is empty; it needs at least one image"):
        readers.camvid(root, split="val")
    voc = tiny.voc(tmp_path / "voc")
    tiny.text(voc / "ImageSets" / "Segmentation" / "val.txt", "", "  ")
    with pytest.raises(ValueError, match="the split 'val' of PASCAL VOC 2012 is empty"):
        readers.voc(voc, split="val")


def test_a_missing_list_a_list_in_another_coding_and_a_missing_folder_are_named(tmp_path):
    root = tiny.voc(tmp_path / "voc")
    place = root / "ImageSets" / "Segmentation" / "val.txt"
    place.write_bytes("2007_\xe9".encode("latin-1"))
    with pytest.raises(ValueError, match=r"val\.txt: no UTF-8 text"):
        readers.voc(root, split="val")
    place.unlink()
    with pytest.raises(FileNotFoundError, match=r"val\.txt: no such list"):
        readers.voc(root, split="val")
    camvid = tiny.camvid(tmp_path / "camvid", splits=("train",))
    (camvid / "train").rename(camvid / "images")
    with pytest.raises(FileNotFoundError, match="train: no such folder"):
        readers.camvid(camvid)


def test_two_pictures_of_one_name_are_refused(tmp_path):
    root = tiny.camvid(tmp_path)
    tiny.picture(root / "train" / "a.jpg")
    with pytest.raises(ValueError, match=r"a\.png: a\.jpg has the same name; keep one"):
        readers.camvid(root)


def test_files_that_are_no_pictures_do_not_count(tmp_path):
    root = tiny.camvid(tmp_path)
    for name in (".DS_Store", "._a.png", "Thumbs.db", "notes.txt"):
        (root / "train" / name).write_text("")
    assert len(readers.camvid(root)) == 2


def test_labels_of_another_size_name_both_files_and_both_sizes(tmp_path):
    root = tiny.camvid(tmp_path)
    tiny.labels(root / "trainannot" / "a.png", tiny.ramp(0, height=tiny.W, width=tiny.H))
    with pytest.raises(
        ValueError, match=r"a\.png: 8 x 6 labels \(H x W\) for an image of 6 x 8, .*train.a\.png.* turned"
    ):
        readers.camvid(root)[0]


def test_samples_outside_the_set_are_refused(tmp_path):
    images = readers.camvid(tiny.camvid(tmp_path))
    assert len(list(images)) == 2  # the for loop of Python ends at the IndexError
    for index in (2, -3):
        with pytest.raises(IndexError, match=f"CamVid train: sample {index} of 2"):
            images[index]


def test_the_real_camvid_has_the_published_number_of_pairs(camvid_root):
    for split in ("train", "val", "test"):
        images = readers.camvid(camvid_root, split=split)
        assert len(images) == images.expected
