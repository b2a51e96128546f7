"""Batches as a function of the step: order, ranks, resuming, threads, errors."""

import hashlib
import subprocess
import sys
import threading
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from jpu_edu.data.batches import DRAWS, Batches
from jpu_edu.data.classes import VOID, Classes
from jpu_edu.data.scenes import Scenes
from jpu_edu.data.sets import LabelledImages, Sample
from jpu_edu.data.transforms import augment, draw, normalise

SCENES = Scenes(10, size=(40, 48))
TWO = Classes(("a", "b"), ((0, 0, 0), (1, 1, 1)))


@dataclass
class Numbered:
    """Sample i is grey i with label i; `sizes` in turn."""

    count: int
    sizes: tuple[tuple[int, int], ...] = ((8, 8),)
    broken: int | None = None
    name: str = "numbered"
    split: str = "train"
    classes: Classes = TWO

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, i: int) -> Sample:
        if i == self.broken:
            raise ValueError(f"pictures/{i}.png: truncated; copy it again")
        size = self.sizes[i % len(self.sizes)]
        return Sample(torch.full((3, *size), i, dtype=torch.uint8), torch.full(size, i, dtype=torch.uint8))


def make(images=SCENES, *, batch: int = 4, crop: tuple[int, int] = (32, 32), seed: int = 0, **more) -> Batches:
    return Batches(images, batch=batch, crop=crop, seed=seed, **more)


def equal(one, other) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


# ---------------------------------------------------------------------------------- a function of the step


def test_a_batch_has_images_and_labels_of_the_crop():
    images, labels = make().at(0)
    assert (images.shape, images.dtype) == ((4, 3, 32, 32), torch.float32)
    assert (labels.shape, labels.dtype) == ((4, 32, 32), torch.uint8)


def test_a_batch_depends_on_step_and_seed_and_on_nothing_before():
    batches = make()
    forwards = [batches.at(step) for step in range(6)]
    backwards = [make().at(step) for step in range(5, -1, -1)][::-1]
    assert all(map(equal, forwards, backwards))
    assert not equal(forwards[0], make(seed=1).at(0))
    assert len({images.numpy().tobytes() for images, _ in forwards}) == 6


def test_another_process_makes_the_same_batch():
    code = """
import hashlib
from jpu_edu.data.batches import DRAWS, Batches
from jpu_edu.data.scenes import Scenes
images, labels = Batches(Scenes(10, size=(40, 48)), batch=4, crop=(32, 32), seed=0).at(7)
print(hashlib.sha256(images.numpy().tobytes() + labels.numpy().tobytes()).hexdigest())
"""
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    images, labels = make().at(7)
    assert hashlib.sha256(images.numpy().tobytes() + labels.numpy().tobytes()).hexdigest() == there


def test_switched_off_the_batch_is_the_images():
    batches = make(crop=(40, 48), scale=(1, 1), flip=False, blur=False)
    images, labels = batches.at(3)
    samples = [SCENES[i] for i in batches.indices(3)]
    assert torch.equal(images, normalise(torch.stack([s.image for s in samples])))
    assert torch.equal(labels, torch.stack([s.labels for s in samples]))


@given(n=st.integers(1, 12), batch=st.integers(1, 30), seed=st.integers(0, 9))
def test_convention_batches_use_every_image_once_an_epoch(n, batch, seed):
    """Batches that straddle epochs and batches larger than the set included."""
    batches = Batches(Numbered(n), batch=batch, crop=(8, 8), seed=seed)
    order = [i for step in range(-(-3 * n // batch)) for i in batches.indices(step)]
    for epoch in range(3):
        assert sorted(order[epoch * n : (epoch + 1) * n]) == list(range(n))


def test_the_order_is_pinned():
    """Should a release of NumPy shuffle otherwise, a run cannot go on where it was stopped."""
    assert [make(Numbered(7)).indices(step) for step in (0, 1, 1000)] == [[2, 4, 3, 6], [5, 0, 1, 3], [1, 6, 3, 0]]


def test_every_epoch_has_its_own_order():
    batches = make(Numbered(50), batch=50)
    assert len({tuple(batches.indices(step)) for step in range(10)}) == 10


def test_an_image_meets_another_augmentation_each_time():
    batches = make(Numbered(1, sizes=((40, 40),)), batch=2, crop=(20, 20))
    seen = [labels.numpy().tobytes() + images.numpy().tobytes() for images, labels in map(batches.at, range(3))]
    assert len(set(seen)) == 3


# ------------------------------------------------------------------------------------------------- ranks


@pytest.mark.parametrize("world", [2, 3, 6])
@pytest.mark.parametrize("resident", [False, True])
def test_the_ranks_slices_together_are_the_batch_of_one_process(world, resident):
    whole = make(batch=6)
    ranks = [make(batch=6, rank=rank, world=world, resident=resident) for rank in range(world)]
    for step in (0, 1, 5):
        images, labels = whole.at(step)
        parts = [rank.at(step) for rank in ranks]
        assert all(len(part[0]) == 6 // world for part in parts)
        assert torch.equal(torch.cat([part[1] for part in parts]), labels)
        # the matrix products of a smaller batch may round in another order
        torch.testing.assert_close(torch.cat([part[0] for part in parts]), images, atol=1e-5, rtol=0)
        assert [i for rank in ranks for i in rank.indices(step)] == whole.indices(step)


# ---------------------------------------------------------------------------------- resident and different sizes


def test_a_resident_set_gives_the_same_batches():
    resident, read = make(resident=True), make()
    assert all(equal(resident.at(step), read.at(step)) for step in range(4))


def test_a_resident_set_reads_its_images_once():
    reads = Counter()

    class Counted(Numbered):
        def __getitem__(self, i):
            reads[i] += 1
            return super().__getitem__(i)

    batches = make(Counted(5), resident=True, crop=(8, 8))
    list(batches.stream(0, 9))
    assert reads == dict.fromkeys(range(5), 1)


def test_images_of_different_sizes_meet_in_one_batch():
    """Each has its own geometry and its own draws; where its labels end is void."""
    batches = make(Numbered(6, sizes=((50, 20), (20, 50), (33, 33))), batch=6, scale=(0.5, 1.0))
    images, labels = batches.at(0)
    assert images.shape == (6, 3, 32, 32)
    draws = draw(6, key=(0, DRAWS, 0), scale=(0.5, 1.0), flip=True, blur=True)
    for k, i in enumerate(batches.indices(0)):
        assert set(labels[k].unique().tolist()) <= {i, VOID}
        sample = batches.images[i]
        alone = augment(sample.image[None], sample.labels[None], draws.of(slice(k, k + 1)), crop=(32, 32))
        assert equal(alone, (images[k : k + 1], labels[k : k + 1]))


def test_a_resident_set_of_two_sizes_is_refused():
    with pytest.raises(ValueError, match=r"one size; image 0 is \(8, 8\), image 1 is \(9, 8\); pass resident=False"):
        make(Numbered(4, sizes=((8, 8), (9, 8))), resident=True)


# ------------------------------------------------------------------------------------------------ streams


@pytest.mark.parametrize("how", [{"workers": 0}, {"workers": 1}, {"workers": 3}, {"resident": True}])
def test_a_stream_is_the_batches_in_order(how):
    batches = make(**how)
    streamed = list(batches.stream(2, 11))
    assert len(streamed) == 9
    assert all(map(equal, streamed, map(batches.at, range(2, 11))))
    assert list(batches.stream(5, 5)) == []


def test_a_stream_without_end_goes_on():
    batches = make()
    assert all(map(equal, islice(batches.stream(3), 12), map(batches.at, range(3, 15))))


def workers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("batches")]


def test_closing_a_stream_early_leaves_no_thread():
    stream = make(workers=3).stream(0)
    next(stream)
    assert workers()
    stream.close()
    assert not workers()
    for _ in make(workers=3).stream(0):
        break
    assert not workers()


def test_closing_a_stream_does_not_read_what_was_only_waiting():
    """One worker, at most in the middle of the second batch when the stream is closed: the third is not begun."""
    reads, go_on = [], threading.Event()

    class Slow(Numbered):
        def __getitem__(self, i):
            reads.append(i)
            assert len(reads) < 2 or go_on.wait(60)
            return super().__getitem__(i)

    stream = make(Slow(9), batch=1, crop=(8, 8), workers=1).stream(0, 9)
    next(stream)
    release = threading.Timer(0.5, go_on.set)
    release.start()
    stream.close()
    release.join()
    assert len(reads) <= 2


def test_what_fails_on_a_thread_reaches_the_caller_with_the_path(tmp_path: Path):
    """A real file, cut short after the set was made."""
    pairs = []
    for i in range(4):
        pair = tmp_path / f"{i}.png", tmp_path / f"{i}_labels.png"
        Image.new("RGB", (40, 40), (i, i, i)).save(pair[0])
        Image.new("L", (40, 40), 1).save(pair[1])
        pairs.append(pair)
    images = LabelledImages("mine", "train", TWO, tuple(pairs), ids={0: 0, 1: 1})
    pairs[2][0].write_bytes(pairs[2][0].read_bytes()[:50])
    with pytest.raises(ValueError, match=r"2\.png") as error:
        list(make(images, batch=2).stream(0, 2))
    assert any("Batches of mine (train): while reading image 2 of 4" in note for note in error.value.__notes__)
    assert not workers()
    with pytest.raises(ValueError, match=r"2\.png"):
        make(images, batch=2, resident=True)


def test_batches_before_the_broken_one_arrive():
    """Reading ahead must not lose what was read."""
    batches = make(Numbered(12, broken=7), batch=1, crop=(8, 8))
    bad = next(step for step in range(12) if batches.indices(step) == [7])
    stream = batches.stream(0, 12)
    for _ in range(bad):
        next(stream)
    with pytest.raises(ValueError, match=r"pictures/7\.png: truncated"):
        next(stream)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("resident", [False, True])
def test_batches_on_the_gpu_are_those_of_the_cpu(resident):
    for there, here in zip(make(device="cuda", resident=resident).stream(0, 4), make().stream(0, 4), strict=True):
        assert there[0].is_cuda
        assert torch.equal(there[1].cpu(), here[1])
        torch.testing.assert_close(there[0].cpu(), here[0], atol=1e-4, rtol=0)


# ------------------------------------------------------------------------------------------------ refused


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"images": Numbered(0)}, r"Batches of numbered \(train\): the set is empty; check its path and split"),
        ({"batch": 0}, r"batch=0, rank=0, world=1"),
        ({"batch": 5, "world": 2}, r"batch=5, rank=0, world=2.*a multiple of world"),
        ({"rank": 2, "world": 2}, r"batch=4, rank=2, world=2; .*0 <= rank < world"),
        ({"crop": (0, 32)}, r"crop=\(0, 32\); pass \(height, width\), each >= 1"),
        ({"seed": -1}, r"seed=-1, workers=2; both must be >= 0"),
        ({"workers": -1}, r"seed=0, workers=-1; both must be >= 0"),
        ({"scale": (2.0, 0.5)}, r"draw: scale=\(2\.0, 0\.5\); pass \(low, high\)"),
    ],
)
def test_wrong_arguments_are_refused_with_their_value(wrong, message):
    with pytest.raises(ValueError, match=message):
        make(**wrong)
