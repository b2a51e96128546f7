"""Classes: what the numbers of a label map mean, and the tables of the public sets."""

import pytest
import torch

from jpu_edu.data import palettes
from jpu_edu.data.classes import VOID, Classes, distinct_colours

TWO = Classes(("sky", "road"), ((1, 2, 3), (4, 5, 6)), void=(7, 8, 9))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64])
def test_a_picture_shows_each_pixel_in_the_colour_of_its_class(dtype):
    labels = torch.tensor([[0, 1], [VOID, 0]], dtype=dtype)
    picture = TWO.picture(labels)
    assert picture.dtype == torch.uint8
    assert picture.permute(1, 2, 0).tolist() == [[[1, 2, 3], [4, 5, 6]], [[7, 8, 9], [1, 2, 3]]]


@pytest.mark.parametrize("strange", [2, 254, -1])
def test_a_label_that_is_no_class_is_named(strange):
    with pytest.raises(ValueError, match=rf"1 pixels have label {strange}; the classes are 0 to 1, void is 255"):
        TWO.picture(torch.tensor([[0, strange]]))


@pytest.mark.parametrize(
    ("names", "colours", "words"),
    [
        (("a", "b"), ((0, 0, 0),), "2 names and 1 colours"),
        ((), (), "0 classes"),
        (tuple(map(str, range(255))), ((0, 0, 0),) * 255, "255 classes; a label map holds 1 to 254"),
        (("a", "a"), ((0, 0, 0),) * 2, "'a' stands there twice"),
        (("a",), ((0, 0, 256),), r"'a' has colour \(0, 0, 256\)"),
    ],
)
def test_tables_that_cannot_be_are_refused(names, colours, words):
    with pytest.raises(ValueError, match=words):
        Classes(names, colours)


def test_distinct_colours_are_those_of_the_voc_kit():
    """The first nine as printed in the development kit, and all 256 differ."""
    assert distinct_colours(9) == (
        (0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128),
        (128, 0, 128), (0, 128, 128), (128, 128, 128), (64, 0, 0),
    )  # fmt: skip
    assert len(set(distinct_colours(256))) == 256


@pytest.mark.parametrize(
    ("classes", "count", "first", "last"),
    [
        (palettes.CAMVID, 11, ("sky", (128, 128, 128)), ("bicyclist", (0, 128, 192))),
        (palettes.VOC, 21, ("background", (0, 0, 0)), ("tvmonitor", (0, 64, 128))),
        (palettes.PASCAL_CONTEXT, 59, ("aeroplane", (128, 0, 0)), ("wood", (192, 192, 64))),
        (palettes.PASCAL_CONTEXT_60, 60, ("background", (0, 0, 0)), ("wood", (192, 192, 64))),
        (palettes.ADE20K, 150, ("wall", (120, 120, 120)), ("flag", (92, 0, 255))),
        (palettes.CITYSCAPES, 19, ("road", (128, 64, 128)), ("bicycle", (119, 11, 32))),
    ],
)
def test_the_public_sets_have_their_published_classes(classes, count, first, last):
    assert len(classes) == count
    assert (classes.names[0], classes.colours[0]) == first and (classes.names[-1], classes.colours[-1]) == last
    assert all(name == " ".join(name.split()) for name in classes.names), "a line break inside a name"
    assert classes.void not in classes.colours


def test_context_without_background_keeps_the_colours_of_context_with_it():
    assert palettes.PASCAL_CONTEXT_60.names[1:] == palettes.PASCAL_CONTEXT.names
    assert palettes.PASCAL_CONTEXT_60.colours[1:] == palettes.PASCAL_CONTEXT.colours
