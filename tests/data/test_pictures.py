"""Pictures of labels: what is a class is coloured, what is void is not, and files come back as they were."""

import pytest
import torch

from jpu_edu.data.classes import VOID, Classes
from jpu_edu.data.decode import read_image, read_labels
from jpu_edu.data.palettes import ADE20K, CAMVID
from jpu_edu.data.pictures import contact_sheet, legend, overlay, save, save_labels
from jpu_edu.data.sets import Sample

TWO = Classes(("sky", "road"), ((0, 100, 200), (200, 100, 0)))
IMAGE = torch.tensor([30, 60, 90], dtype=torch.uint8)[:, None, None].expand(3, 4, 6).contiguous()
LABELS = torch.tensor([0, 1, VOID, VOID], dtype=torch.uint8)[:, None].expand(4, 6).contiguous()


def test_an_overlay_tints_the_grey_image_and_leaves_void_as_it_is():
    drawn = overlay(IMAGE, LABELS, TWO, opacity=0.5)
    assert drawn[:, 0, 0].tolist() == [30, 80, 130]  # half of grey 60, half of the class
    assert drawn[:, 1, 0].tolist() == [130, 80, 30]
    assert torch.equal(drawn[:, 2:], IMAGE[:, 2:])


def test_the_ends_of_the_opacity_are_the_grey_image_and_the_labels():
    assert torch.equal(overlay(IMAGE, LABELS, TWO, opacity=0)[:, :2], torch.full((3, 2, 6), 60, dtype=torch.uint8))
    assert torch.equal(overlay(IMAGE, LABELS.long(), TWO, opacity=1)[:, :2], TWO.picture(LABELS)[:, :2])


@pytest.mark.usefixtures("unchecked")
def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ValueError, match=r"image of \(4, 6\) \(H, W\), labels of \(3, 6\)"):
        overlay(IMAGE, LABELS[:3], TWO)
    with pytest.raises(ValueError, match="opacity=2"):
        overlay(IMAGE, LABELS, TWO, opacity=2)
    with pytest.raises(ValueError, match="have label 2"):
        legend(TWO, only=[2])
    with pytest.raises(ValueError, match="width=50; give 112 pixels or more"):
        legend(TWO, width=50)
    with pytest.raises(ValueError, match="no samples"):
        contact_sheet([], TWO)


def colours(picture):
    return {tuple(colour) for colour in picture.flatten(1).unique(dim=1).T.tolist()}


def test_a_legend_shows_the_colours_that_were_asked_for():
    assert {TWO.colours[0], TWO.colours[1], TWO.void} <= colours(legend(TWO))
    only = colours(legend(TWO, only=[1]))
    assert TWO.colours[1] in only and TWO.colours[0] not in only


@pytest.mark.parametrize("width", [120, 480, 1000])
def test_a_legend_is_as_wide_as_asked_and_shows_every_class(width):
    """In as many columns as fit: no swatch falls off the edge."""
    drawn = legend(ADE20K, width=width)
    assert drawn.shape[2] == width and set(ADE20K.colours) <= colours(drawn)


def test_names_of_a_legend_end_before_its_edge():
    names = tuple(f"a name of some length {k}" for k in range(10, 34))
    drawn = legend(Classes(names, ((1, 2, 3),) * len(names)), width=700)
    assert (drawn[:, :, -3:] == 255).all() and (drawn[:, :, 350:] < 255).any()


def test_a_legend_draws_names_beyond_ascii():
    """A font without the letters would draw the same box for both."""
    one, other = (legend(Classes((name,), ((1, 2, 3),)), only=[0]) for name in ("дом", "лес"))
    assert not torch.equal(one, other)


def test_a_contact_sheet_has_a_row_for_each_sample_and_takes_any_sizes():
    tall = Sample(torch.zeros(3, 40, 10, dtype=torch.uint8), torch.zeros(40, 10, dtype=torch.uint8))
    one = contact_sheet([("a", Sample(IMAGE, LABELS))], TWO, panel=60)
    two = contact_sheet([("a", Sample(IMAGE, LABELS)), ("b", tall)], TWO, panel=60)
    assert one.shape[2] == two.shape[2] and two.shape[1] >= one.shape[1] + 60
    assert set(TWO.colours) <= colours(one)


def test_saved_labels_come_back_as_numbers_and_as_colours(tmp_path):
    labels = torch.tensor([[0, 10, VOID]])
    path = save_labels(tmp_path / "new" / "a.png", labels, CAMVID)
    ids = {k: k for k in [*range(11), VOID]}
    assert torch.equal(read_labels(path, ids=ids).long(), labels)
    assert torch.equal(read_image(path), CAMVID.picture(labels))


def test_a_saved_picture_comes_back(tmp_path):
    assert torch.equal(read_image(save(tmp_path / "a.png", IMAGE)), IMAGE)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_endings_that_cannot_hold_the_picture_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"a\.txt; end the name in \.png or \.jpg"):
        save(tmp_path / "a.txt", IMAGE)
    with pytest.raises(ValueError, match=r"a\.jpg; labels are kept as \.png"):
        save_labels(tmp_path / "a.jpg", LABELS, TWO)
    with pytest.raises(ValueError, match="have label 2"):
        save_labels(tmp_path / "a.png", LABELS + 2, TWO)
    assert not list(tmp_path.iterdir())
