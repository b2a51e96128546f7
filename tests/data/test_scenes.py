"""The synthetic scenes: the same bytes everywhere, labels that lie on what is drawn, and only form to go by."""

import hashlib

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.path import Path as Polygon

from jpu_edu.data import scenes
from jpu_edu.data.scenes import LARGE, REACH, SCENES, SMALL, Scenes
from jpu_edu.data.sets import ImageSet


def digest(*sets: Scenes) -> str:
    """The first 16 hexadecimal digits of SHA-256 over every byte of some sets."""
    sha = hashlib.sha256()
    for samples in sets:
        for i in range(len(samples)):
            for part in samples[i]:
                sha.update(part.numpy().tobytes())
    return sha.hexdigest()[:16]


# ------------------------------------------------------------------------------------------ the same bytes


def test_convention_scenes_are_the_same_bytes_on_every_machine():
    """Pinned. Should a release of NumPy change them, it is a new set, and recorded scores are of the old one."""
    assert digest(Scenes(20)) == "b5ebc04f3d22e19c"
    assert digest(Scenes(5, split="val"), Scenes(3, size=(75, 200), seed=3, difficulty=2.5)) == "ef7c00474918c2b4"


def test_convention_scenes_do_not_change_with_their_number_or_the_order_of_reading():
    few, many = Scenes(3), Scenes(1000)
    backwards = [many[i] for i in (2, 1, 0)][::-1]
    for i in range(3):
        assert all(torch.equal(a, b) for a, b in zip(few[i], backwards[i], strict=True))


def test_the_arithmetic_stays_in_single_precision():
    """Where a float64 slips in, its bytes would depend on the release of NumPy; the annotations are checked here."""
    brush = scenes._Brush(0, candidates=2)
    y, x = np.mgrid[:40, :40].astype(np.float32)
    for kind in (*LARGE, *SMALL):
        assert scenes._signed_distance(kind, y, x, brush.uniform, 0.9).dtype == np.float32
    assert all(brush.material(y, x, relief=0.1).dtype == np.float32 for _ in range(20))


def test_no_scene_is_in_two_splits_or_seeds():
    sets = [Scenes(100, split=split, seed=seed, size=(32, 32)) for split in ("train", "val") for seed in (0, 1)]
    pictures = [s.image.numpy().tobytes() for samples in sets for s in samples]
    assert len(set(pictures)) == 400


def test_it_is_a_set_and_ends():
    samples = Scenes(3, size=(32, 40), split="val")
    assert isinstance(samples, ImageSet)
    assert (samples.name, samples.split, len(samples), len(list(samples))) == ("scenes", "val", 3, 3)
    assert torch.equal(samples[-1].image, samples[2].image)
    assert samples[0].image.shape == (3, 32, 40)
    assert samples[0].labels.shape == (32, 40)
    for i in (3, -4):
        with pytest.raises(IndexError, match=rf"scene {i} of 3; choose one from 0 to 2"):
            samples[i]


# --------------------------------------------------------------------------------- labels are what is drawn


def polygon(*corners: tuple[float, float]):
    return lambda u, v: Polygon(corners).contains_points(np.stack([u.ravel(), v.ravel()], 1)).reshape(u.shape)


def box(a: float, b: float):
    return polygon((-a, -b), (a, -b), (a, b), (-a, b))


@pytest.mark.parametrize(
    ("name", "oracle"),
    [
        ("disc", lambda u, v: np.hypot(u, v) <= 22),
        ("rectangle", box(22, 17.5)),
        ("triangle", polygon((-25, -17.2), (25, -17.2), (0, 25.8))),
        ("line", box(55, 2.75)),
        ("ring", lambda u, v: abs(np.hypot(u, v) - 15) <= 3.75),
        ("cross", lambda u, v: box(17, 3.75)(u, v) | box(3.75, 17)(u, v)),
    ],
)
def test_a_distance_is_negative_exactly_inside_the_shape(name, oracle):
    """Against geometry: every measure in the middle of its range, on a turned grid, so that no pixel is a tie."""
    y, x = np.mgrid[-80:81, -80:81].astype(np.float32)
    u, v = 0.8 * x + 0.6 * y + np.float32(0.123), 0.8 * y - 0.6 * x + np.float32(0.0456)
    distance = scenes._signed_distance(SCENES.names.index(name), u, v, lambda low, high: (low + high) / 2, 1.0)
    assert (distance <= 0).sum() > 300
    np.testing.assert_array_equal(distance <= 0, oracle(u, v))


@pytest.mark.parametrize("kind", [*LARGE, *SMALL])
def test_the_largest_shape_fits_its_window(kind):
    v, u = np.mgrid[-120:121, -120:121].astype(np.float32)
    inside = scenes._signed_distance(kind, u, v, lambda low, high: high, 1.0) <= 0
    assert REACH[kind] - 2 <= np.hypot(u, v)[inside].max() <= REACH[kind]


def contrast(image: torch.Tensor, labels: torch.Tensor) -> float:
    """Mean jump of colour between neighbours of different labels, over that between neighbours of one label."""
    jump = image.float().diff(dim=-1).abs().mean(0)
    edge = labels.int().diff(dim=-1) != 0
    return (jump[edge].mean() / jump[~edge].mean()).item()


def test_convention_the_labels_of_scenes_lie_on_the_drawn_edges():
    """Shift the labels by one pixel and they fit worse, in every scene and direction."""
    for sample in Scenes(8, difficulty=0, size=(128, 160)):
        fits = contrast(*sample)
        assert fits > 8
        for shift, axis in [(1, 0), (-1, 0), (1, 1), (-1, 1)]:
            assert contrast(sample.image, sample.labels.roll(shift, axis)) < 0.9 * fits


def test_later_shapes_lie_on_top_and_no_pixel_is_void():
    brush = scenes._Brush(0, candidates=1)
    picture, labels = np.zeros((3, 64, 64), dtype=np.float32), np.zeros((64, 64), dtype=np.uint8)
    for kind in (1, 3, 6):
        brush.place = lambda height, width: np.array([32.0, 32.0])
        Scenes(1)._paint(kind, brush, picture, labels, 0.1)
        assert labels[32, 32] == kind
    assert set(np.unique(labels)) == {0, 1, 3, 6}
    every = torch.cat([s.labels.flatten() for s in Scenes(60)]).bincount(minlength=256)
    assert (every[:7] > 0.01 * every.sum()).all()
    assert every[7:].sum() == 0


@given(st.integers(0, 10**6), st.sampled_from(["train", "val"]), st.sampled_from([0.0, 1.0, 4.0]))
def test_every_scene_shows_something(seed, split, difficulty):
    image, labels = Scenes(1, seed=seed, split=split, difficulty=difficulty, size=(64, 96))[0]
    assert labels.count_nonzero() > 50
    assert image.float().std() > 3


# ------------------------------------------------------------------------------------------ only form tells


def test_colour_carries_no_class():
    """The mean colours of the classes agree; a classifier of mean colours is hardly better than chance."""
    samples = list(Scenes(400, size=(96, 96)))
    images = torch.stack([s.image for s in samples]).permute(0, 2, 3, 1)
    labels = torch.stack([s.labels for s in samples])
    means = torch.stack([images[labels == k].float().mean(0) for k in range(1, 7)])
    assert (means - means.mean(0)).abs().max() < 12
    pixels, truth = images[labels > 0][::50].float(), labels[labels > 0][::50]
    nearest = torch.cdist(pixels, means).argmin(1) + 1
    recall = torch.stack([(nearest[truth == k] == k).float().mean() for k in range(1, 7)]).mean()
    assert recall < 1 / 6 + 0.06


def test_difficulty_adds_noise_and_takes_contrast():
    easy, hard = (list(Scenes(40, difficulty=d)) for d in (0, 3))
    assert np.mean([contrast(*s) for s in easy]) > 3 * np.mean([contrast(*s) for s in hard])
    assert sum(s.labels.count_nonzero() for s in hard) > sum(s.labels.count_nonzero() for s in easy)


def test_a_larger_scene_holds_more_shapes_not_larger_ones():
    """The share of each class stays, though the area grows by nine."""
    small = torch.cat([s.labels.flatten() for s in Scenes(180)]).bincount(minlength=7).double()
    large = torch.cat([s.labels.flatten() for s in Scenes(20, size=(384, 384))]).bincount(minlength=7).double()
    assert 0.6 < large[0] / large.sum() < 0.9
    torch.testing.assert_close(large / large.sum(), small / small.sum(), atol=0.06, rtol=0)


# ------------------------------------------------------------------------------------------------ refused


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"count": 0}, r"count=0; there must be one scene or more"),
        ({"size": (31, 64)}, r"size=\(31, 64\); pass \(H, W\), each >= 32"),
        ({"seed": -1}, r"seed=-1, difficulty=1\.0; both must be >= 0"),
        ({"difficulty": -0.5}, r"difficulty=-0\.5; both must be >= 0"),
        ({"split": "test"}, r"split='test'; choose one of train, val"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_wrong_arguments_are_refused_with_their_value(wrong, message):
    with pytest.raises(ValueError, match=message):
        Scenes(**{"count": 4, **wrong})
