"""A set kept in memory: where its smaller labels and images come from."""

import pytest
import torch

from jpu_edu.data.held import Held
from jpu_edu.data.scenes import Scenes
from jpu_edu.data.sets import ImageSet, Sample


class Wide:
    """One sample of 5 x 7 whose labels count the pixels and whose image is ten times the row."""

    name, split, classes = "wide", "train", Scenes(1).classes

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> Sample:
        rows = 10 * torch.arange(5, dtype=torch.uint8)
        return Sample(rows[None, :, None].expand(3, 5, 7), torch.arange(35, dtype=torch.uint8).reshape(5, 7))


def test_convention_held_takes_the_label_in_the_middle_of_the_box_and_the_mean_of_the_image():
    image, labels = Held(Wide(), factor=2)[0]
    assert labels.tolist() == [[8, 10, 12], [22, 24, 26]]  # rows 1 and 3, columns 1, 3, 5
    assert image.tolist() == [[[5] * 3, [25] * 3]] * 3  # (0 + 10) / 2, (20 + 30) / 2; the odd row is left out
    assert [tuple(part.shape) for part in Held(Wide(), factor=5)[0]] == [(3, 1, 1), (1, 1)]


def test_held_reads_every_sample_once_and_keeps_its_size_at_factor_1():
    asked = []

    class Counted(Scenes):
        def __getitem__(self, i: int) -> Sample:
            asked.append(i)
            return super().__getitem__(i)

    scenes = Counted(3, size=(32, 40))
    held = Held(scenes, count=2)
    assert isinstance(held, ImageSet) and (len(held), asked) == (2, [0, 1])
    for _ in range(2):
        assert all(torch.equal(a, b) for a, b in zip(held[1], Scenes(3, size=(32, 40))[1], strict=True))
    assert asked == [0, 1] and len(Held(Scenes(3, size=(32, 32)), count=9)) == 3


@pytest.mark.parametrize("wrong", [{"factor": 0}, {"count": 0}])
def test_held_refuses_numbers_below_one(wrong):
    with pytest.raises(ValueError, match="both must be >= 1"):
        Held(Scenes(1, size=(32, 32)), **wrong)


def test_a_factor_that_leaves_no_pixel_is_refused():
    with pytest.raises(ValueError, match=r"factor=1000 leaves nothing of \(128, 128\) pixels; lower it"):
        Held(Scenes(1), factor=1000)
