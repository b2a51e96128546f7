"""Scale, crop, flip and blur: against PyTorch's own resizing, and on images that are their own labels."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from jpu_edu.data.classes import VOID
from jpu_edu.data.transforms import MEAN, STD, Draws, augment, draw, normalise
from jpu_edu.ops.interp import resize


def draws_of(*, scale=1.0, top=0.0, left=0.0, flip=False, sigma=0.0, count: int = 1) -> Draws:
    numbers = [torch.full((count,), float(value), dtype=torch.float64) for value in (scale, top, left, sigma)]
    return Draws(*numbers[:3], torch.full((count,), flip), numbers[3])


def greys(normalised: torch.Tensor) -> torch.Tensor:
    """Undo the normalisation: 0 to 255."""
    return 255 * (normalised * torch.tensor(STD)[:, None, None] + torch.tensor(MEAN)[:, None, None])


def picture(height: int, width: int, *, count: int = 1) -> torch.Tensor:
    return torch.randint(0, 256, (count, 3, height, width), dtype=torch.uint8)


def blank(images: torch.Tensor) -> torch.Tensor:
    return torch.zeros_like(images[:, 0])


# ------------------------------------------------------------------------------------------ nothing is lost


def test_normalise_is_the_usual_formula():
    images = picture(5, 7, count=2)
    for c in range(3):
        expected = (images[:, c].double() / 255 - MEAN[c]) / STD[c]
        torch.testing.assert_close(normalise(images)[:, c].double(), expected, atol=1e-6, rtol=0)


@given(st.integers(1, 20), st.integers(1, 20), st.sampled_from([0.0, 1e-4]))
def test_without_augmentation_nothing_changes_bit_for_bit(height, width, sigma):
    """Both ways through: picking pixels, and (with a blur too small to reach a neighbour) the matrices."""
    images = picture(height, width, count=3)
    labels = torch.randint(0, 256, (3, height, width), dtype=torch.uint8)
    read, taken = augment(images, labels, draws_of(sigma=sigma, count=3), crop=(height, width))
    assert torch.equal(read, normalise(images))
    assert torch.equal(taken, labels)


def test_picking_pixels_equals_the_matrices():
    images, labels = picture(20, 31, count=8), torch.randint(0, 9, (8, 20, 31), dtype=torch.uint8)
    draws = draw(8, key=(3,), scale=(1, 1), flip=True, blur=False)
    fast = augment(images, labels, draws, crop=(16, 40))
    slow = augment(images, labels, draws._replace(sigma=torch.full((8,), 1e-4).double()), crop=(16, 40))
    assert all(torch.equal(a, b) for a, b in zip(fast, slow, strict=True))


# ------------------------------------------------------------------------------------- resizing and blurring


@given(st.integers(8, 40), st.integers(8, 40), st.floats(0.3, 2.5))
def test_convention_augment_resizes_as_align_corners_false_with_antialiasing(height, width, scale):
    images = picture(height, width)
    short = max(1, round(scale * min(height, width)))
    size = tuple(max(1, round(short / min(height, width) * n)) for n in (height, width))
    read, _ = augment(images, blank(images), draws_of(scale=scale), crop=size)
    expected = F.interpolate(images.float(), size=size, mode="bilinear", align_corners=False, antialias=True)
    torch.testing.assert_close(greys(read), expected, atol=2e-2, rtol=0)


def test_enlarging_is_the_bilinear_resize_of_the_course():
    images = picture(9, 12)
    read, _ = augment(images, blank(images), draws_of(scale=2), crop=(18, 24))
    expected = resize(images.float(), size=(18, 24), align_corners=False)
    torch.testing.assert_close(greys(read), expected, atol=1e-3, rtol=0)


def test_shrinking_does_not_alias():
    """Stripes of one pixel become grey at scale 1/2; reading single pixels would give black or white."""
    stripes = (255 * (torch.arange(32) % 2)).to(torch.uint8).expand(1, 3, 32, 32)
    read, _ = augment(stripes, blank(stripes), draws_of(scale=0.5), crop=(16, 16))
    assert (greys(read)[..., 1:-1] - 127.5).abs().max() < 1e-2


def test_the_blur_is_a_gaussian_in_pixels_of_the_crop():
    image = torch.zeros(1, 3, 21, 21, dtype=torch.uint8)
    image[..., 10, 10] = 255
    read, _ = augment(image, blank(image), draws_of(sigma=0.8), crop=(21, 21))
    x = torch.arange(21) - 10.0
    bell = torch.exp(-0.5 * (x / 0.8) ** 2)
    bell /= bell.sum()
    torch.testing.assert_close(greys(read)[0, 0], 255 * bell[:, None] * bell, atol=1e-3, rtol=0)


# ---------------------------------------------------------------------- the label goes where its pixel goes


@given(
    size=st.tuples(st.integers(5, 60), st.integers(5, 60)),
    crop=st.tuples(st.integers(1, 50), st.integers(1, 50)),
    scale=st.floats(1.0, 2.5),
    corner=st.tuples(st.floats(0, 0.999), st.floats(0, 0.999)),
    flip=st.booleans(),
)
def test_convention_augment_takes_the_label_of_the_nearest_pixel(size, crop, scale, corner, flip):
    """An image that is its label: a ramp of row or column numbers. What is read is the position itself."""
    height, width = size
    for ramp in (torch.arange(height)[:, None].expand(size), torch.arange(width).expand(size)):
        labels = ramp.to(torch.uint8)[None].contiguous()
        draws = draws_of(scale=scale, top=corner[0], left=corner[1], flip=flip)
        read, taken = augment(labels[:, None].expand(1, 3, *size).contiguous(), labels, draws, crop=crop)
        inside = taken != VOID
        assert inside.any()
        # beyond the centre of the last pixel the value is held, and the label too
        assert (greys(read)[:, 0] - taken)[inside].abs().max() <= 0.5 + 1e-2
        assert (read[(~inside)[:, None].expand_as(read)] == 0).all()


@pytest.mark.parametrize("scale", [0.5, 0.8, 1.0, 1.3, 2.0])
@pytest.mark.parametrize("flip", [False, True])
def test_the_middle_of_a_shape_stays_the_middle(scale, flip):
    """Image and label of one disc: their centres of mass agree to a fraction of a pixel, at every scale."""
    y, x = torch.meshgrid(torch.arange(61), torch.arange(83), indexing="ij")
    disc = ((y - 30) ** 2 + (x - 50) ** 2 < 15**2).to(torch.uint8)
    read, taken = augment(
        255 * disc.expand(1, 3, 61, 83), disc[None], draws_of(scale=scale, flip=flip), crop=(122, 166)
    )
    weights = (greys(read)[0, 0] / 255 * (taken[0] != VOID), (taken[0] == 1).float())
    for axis in (0, 1):
        position = torch.arange(weights[0].shape[axis]).float()
        centres = [(w.sum(1 - axis) * position).sum() / w.sum() for w in weights]
        # at scale 1/2 every position is a tie, won by the later pixel: a quarter of a pixel of the crop
        assert abs(centres[0] - centres[1]) < (0.3 if scale < 1 else 0.1)


def test_flipping_mirrors_image_and_label_left_to_right():
    images, labels = picture(6, 9), torch.randint(0, 9, (1, 6, 9), dtype=torch.uint8)
    read, taken = augment(images, labels, draws_of(flip=True), crop=(6, 9))
    assert torch.equal(read, normalise(images.flip(-1)))
    assert torch.equal(taken, labels.flip(-1))


def test_a_crop_is_a_window_of_the_image():
    images, labels = picture(10, 12), torch.arange(120, dtype=torch.uint8).view(1, 10, 12)
    read, taken = augment(images, labels, draws_of(top=0.99, left=0.5), crop=(4, 5))
    assert torch.equal(taken, labels[:, 6:, 4:9])
    assert torch.equal(read, normalise(images[..., 6:, 4:9]))


# ----------------------------------------------------------------------------------------------- padding


def official_padding(labels: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """What the official code does: zeros at the right and bottom."""
    return F.pad(labels, (0, size[1] - labels.shape[2], 0, size[0] - labels.shape[1]), value=0)


def test_convention_augment_pads_with_void_and_never_with_class_0():
    """On a picture without background the official padding makes background of 3/4 of the crop; ours makes none."""
    images, labels = picture(16, 16), torch.full((1, 16, 16), 15, dtype=torch.uint8)
    read, taken = augment(images, labels, draws_of(), crop=(32, 32))
    assert (official_padding(labels, (32, 32)) == 0).double().mean() == 0.75
    assert taken.unique().tolist() == [15, VOID]
    assert torch.equal(taken[:, :16, :16], labels)
    assert torch.equal(read[..., :16, :16], normalise(images))
    assert read[..., 16:, :].count_nonzero() + read[..., :, 16:].count_nonzero() == 0


@given(st.integers(0, 10**6))
def test_padding_is_void_at_every_draw(seed):
    images, labels = picture(20, 30, count=4), torch.ones(4, 20, 30, dtype=torch.uint8)
    read, taken = augment(images, labels, draw(4, key=(seed,), scale=(0.5, 2), flip=True, blur=False), crop=(33, 33))
    assert set(taken.unique().tolist()) <= {1, VOID}
    assert read[(taken == VOID)[:, None].expand_as(read)].count_nonzero() == 0


def test_blur_fades_into_padding_as_into_the_mean_colour():
    """The average over the crop is kept: nothing is darkened by the border as black padding would."""
    images = torch.full((1, 3, 8, 8), 200, dtype=torch.uint8)
    sharp, _ = augment(images, blank(images), draws_of(), crop=(24, 24))
    soft, _ = augment(images, blank(images), draws_of(sigma=0.9), crop=(24, 24))
    assert 0 < soft[0, 0, 8, 4] < sharp[0, 0, 7, 4]
    assert (soft >= -1e-6).all()


# ------------------------------------------------------------------------------------------------- draws


def test_draws_are_a_function_of_the_key_and_lie_in_their_ranges():
    one, two, other = (draw(4000, key=key, scale=(0.5, 2), flip=True, blur=True) for key in [(1, 2), (1, 2), (1, 3)])
    for first, again, third in zip(one, two, other, strict=True):
        assert torch.equal(first, again) and not torch.equal(first, third)
    assert 0.5 <= one.scale.min() < 0.51 < 1.99 < one.scale.max() <= 2
    assert abs(one.scale.mean() - 1.25) < 0.03
    assert abs(one.flip.double().mean() - 0.5) < 0.03
    assert abs((one.sigma > 0).double().mean() - 0.5) < 0.03
    assert 0.98 < one.sigma.max() < 1


def test_switched_off_nothing_is_drawn_but_the_place():
    draws = draw(100, key=(0,), scale=(1, 1), flip=False, blur=False)
    assert (draws.scale == 1).all()
    assert not draws.flip.any()
    assert not draws.sigma.any()


def test_the_base_is_the_short_side_that_scale_1_stands_for():
    """The official recipes bring the short side to 260 to 1040 whatever the image: base 520."""
    images = picture(30, 45)
    small, _ = augment(images, blank(images), draws_of(), crop=(10, 15), base=10)
    expected = F.interpolate(images.float(), size=(10, 15), mode="bilinear", align_corners=False, antialias=True)
    torch.testing.assert_close(greys(small), expected, atol=2e-2, rtol=0)


@pytest.mark.parametrize("scale", [(0, 1), (-1, 2), (2, 1)])
def test_a_scale_that_is_no_range_is_refused(scale):
    with pytest.raises(ValueError, match=r"draw: scale=.*; pass \(low, high\) with 0 < low <= high, \(1, 1\) for no"):
        draw(2, key=(0,), scale=scale, flip=False, blur=False)


# ------------------------------------------------------------------------------------- batches and devices


def test_a_batch_equals_its_images_one_by_one():
    images, labels = picture(25, 33, count=5), torch.randint(0, 9, (5, 25, 33), dtype=torch.uint8)
    draws = draw(5, key=(0,), scale=(0.5, 2), flip=True, blur=True)
    read, taken = augment(images, labels, draws, crop=(28, 28))
    for k in range(5):
        one = slice(k, k + 1)
        alone, label = augment(images[one], labels[one], draws.of(one), crop=(28, 28))
        torch.testing.assert_close(read[one], alone, atol=1e-5, rtol=0)
        assert torch.equal(taken[one], label)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_the_gpu_sees_the_same_crops():
    images, labels = picture(40, 50, count=6), torch.randint(0, 9, (6, 40, 50), dtype=torch.uint8)
    draws = draw(6, key=(0,), scale=(0.5, 2), flip=True, blur=True)
    read, taken = augment(images, labels, draws, crop=(45, 45))
    there, labels_there = augment(images.cuda(), labels.cuda(), draws, crop=(45, 45))
    assert torch.equal(labels_there.cpu(), taken)
    torch.testing.assert_close(there.cpu(), read, atol=1e-4, rtol=0)
