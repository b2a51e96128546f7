"""From a picture to its classes and to files, in Python."""

import os
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image

from jpu_edu.data.palettes import CAMVID
from jpu_edu.data.transforms import MEAN
from jpu_edu.models import build, weights
from jpu_edu.models.fuse import fuse
from jpu_edu.train.predict import predict
from jpu_edu.train.protocol import probabilities, whole_image
from tests.train import small


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A network and two pictures."""
    return small.network_and_pictures(tmp_path_factory.mktemp("run"))


def test_three_lines(folder, tmp_path):
    result = predict(folder / "best.safetensors", folder / "photo.png")
    files = result.save(tmp_path / "out")
    assert [file.name for file in files] == ["photo.labels.png", "photo.overlay.jpg", "photo.legend.png"]
    assert sorted(os.listdir(tmp_path / "out")) == sorted(file.name for file in files), "a temporary file was left"
    with Image.open(files[0]) as labels:
        assert labels.mode == "P" and np.array_equal(np.array(labels), result.labels.numpy())
        seen = int(result.labels[0, 0])
        assert tuple(labels.convert("RGB").getpixel((0, 0))) == CAMVID.colours[seen]
    assert result.classes == CAMVID and result.scores is None
    assert result.seconds > 0


def test_it_is_what_the_protocol_says(folder):
    model = weights.load(folder / "best.safetensors").train()
    result = predict(model, folder / "photo.png")
    assert model.training
    assert torch.equal(result.labels.long(), whole_image(model, result.image))
    sure = predict(model, folder / "photo.png", score=probabilities)
    assert sure.scores.shape == (11, 40, 64) and torch.equal(sure.labels.long(), sure.scores.argmax(0))
    assert torch.equal(sure.scores, probabilities(model, result.image))


def test_it_fills_up_to_the_crop_that_the_network_was_trained_on(folder, tmp_path):
    model = weights.load(folder / "best.safetensors")
    picture = torch.randint(256, (3, 41, 50), dtype=torch.uint8)
    assert model.crop is None and torch.equal(predict(model, picture).labels.long(), whole_image(model, picture))
    model.crop = (64, 64)
    weights.save(model, tmp_path / "known.safetensors")
    filled, as_it_is = whole_image(model, picture), whole_image(model, picture, fill=False)
    assert not torch.equal(filled, as_it_is), "else there is nothing to see"
    for network in (model, tmp_path / "known.safetensors"):
        assert torch.equal(predict(network, picture).labels.long(), filled)
    assert torch.equal(predict(model, picture, score=partial(whole_image, fill=False)).labels.long(), as_it_is)
    assert fuse(model).crop == (64, 64)


def test_shares_are_the_found_classes_by_size(folder):
    labels = torch.tensor([[3, 3, 3, 0]])
    result = predict(folder / "best.safetensors", torch.rand(3, 1, 4), score=lambda model, image: labels)
    assert list(result.shares().items()) == [("road", 0.75), ("sky", 0.25)]
    assert result.name == "picture" and result.overlay().shape == (3, 1, 4)


def test_a_long_picture_is_shrunk_for_the_network_and_its_labels_enlarged():
    seen = []

    def score(model, image):
        seen.append(image)
        return (image[0] > 128).long()

    half = np.zeros((100, 300, 3), np.uint8)
    half[:, 150:] = 255
    result = predict(build.fcn32s(classes=2, backbone="tiny"), half, score=score, longest=60)
    assert result.seen == (20, 60) == seen[0].shape[1:]
    assert torch.equal(result.labels, torch.from_numpy(half[..., 0] // 255)) and result.image.shape == (3, 100, 300)
    predict(build.fcn32s(classes=2, backbone="tiny"), half, score=score, longest=None)
    assert seen[1].shape == (3, 100, 300)


def test_one_pixel_is_a_picture():
    mean = torch.tensor(MEAN).reshape(3, 1, 1)
    result = predict(build.fastfcn(classes=4, backbone="tiny"), mean)
    assert result.labels.shape == (1, 1) and result.classes.names[0] == "class 0"
    assert len(predict(build.fastfcn(classes=4, backbone="tiny"), torch.rand(3, 1, 3000)).labels[0]) == 3000


def test_saving_fails_whole(folder, tmp_path):
    result = predict(folder / "best.safetensors", folder / "photo.png")
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        result.save(tmp_path / "file")


def test_what_cannot_be_is_named(folder):
    model, picture = weights.load(folder / "best.safetensors"), torch.rand(3, 40, 40)
    with pytest.raises(ValueError, match="longest=31; give 32 or more, or None"):
        predict(model, picture, longest=31)
    with pytest.raises(ValueError, match=r"device 'abacus' does not work here .*try 'cpu'"):
        predict(model, picture, device="abacus")


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("DefaultCPUAllocator: can't allocate memory")]
)
def test_out_of_memory_says_what_to_lower(folder, error):
    def score(model, image):
        raise error

    with pytest.raises(MemoryError, match=r"out of memory for 40 x 50 pixels on cpu; lower longest=1024"):
        predict(folder / "best.safetensors", torch.rand(3, 40, 50), score=score)


def test_other_errors_are_not_disguised(folder):
    def score(model, image):
        raise RuntimeError("sizes do not match")

    with pytest.raises(RuntimeError, match="sizes do not match"):
        predict(folder / "best.safetensors", torch.rand(3, 40, 50), score=score)


@pytest.mark.usefixtures("unchecked")
def test_no_network_and_no_number_are_refused():
    image = torch.zeros(3, 40, 40, dtype=torch.uint8)
    with pytest.raises(TypeError, match="model is NoneType; pass a network"):
        predict(None, image)
    with pytest.raises(ValueError, match="longest=nan; give 32 or more"):
        predict(build.fcn32s(classes=2, backbone="tiny"), image, longest=float("nan"))
