"""A file as a network, anything with pixels as an image; what is neither, with the remedy."""

from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image

from jpu_edu.data.palettes import ADE20K, CAMVID, VOC
from jpu_edu.models import build, weights
from jpu_edu.train.source import classes_of, image_of, network
from tests.models import official

# Networks


def saved(folder, **change) -> str:
    model = build.fcn32s(classes=11, backbone="tiny")
    model.classes = change.get("classes", CAMVID)
    weights.save(model, folder / "net.safetensors")
    return str(folder / "net.safetensors")


def test_our_own_file_brings_its_classes(tmp_path):
    model = network(saved(tmp_path))
    assert model.classes == CAMVID and not model.training


def test_our_own_file_is_read_once(tmp_path, monkeypatch):
    file, read, calls = saved(tmp_path), weights.read_safetensors, []
    monkeypatch.setattr(weights, "read_safetensors", lambda path: calls.append(path) or read(path))
    network(file)
    assert len(calls) == 1


def test_classes_that_nobody_named_have_numbers_and_colours(tmp_path):
    classes = classes_of(network(saved(tmp_path, classes=None)), 3)
    assert classes.names == ("class 0", "class 1", "class 2") and (0, 0, 0) not in classes.colours


@pytest.mark.parametrize(("count", "classes"), [(150, ADE20K), (7, None)])
def test_an_official_checkpoint_is_known_by_its_keys_and_its_classes_by_their_number(tmp_path, count, classes):
    shapes = official.official_shapes("resnet50", neck="jpu", head="fcn", classes=count)
    file = tmp_path / "official.pth.tar"
    torch.save({"state_dict": {k: torch.zeros(s) for k, s in shapes.items()}, "best_pred": np.float64(0.5)}, file)
    model = network(file)
    assert model.architecture["builder"] == "fastfcn" and model.classes == classes


def test_torchvision_s_network_is_known_too(tmp_path):
    shapes = official.torchvision_shapes("resnet50", head="fcn", classes=21)
    torch.save({key: torch.zeros(shape) for key, shape in shapes.items()}, tmp_path / "fcn.pth")
    assert network(tmp_path / "fcn.pth").classes == VOC


def test_a_file_without_a_network_is_named(tmp_path):
    def refused(name: str, words: str) -> None:
        with pytest.raises(ValueError, match=words) as caught:
            network(tmp_path / name)
        assert str(caught.value).startswith(str(tmp_path / name))

    whole = saved(tmp_path)
    (tmp_path / "half.safetensors").write_bytes(Path(whole).read_bytes()[:5000])
    (tmp_path / "noise.pth").write_bytes(b"noise")
    torch.save({"layer1.0.weight": torch.zeros(2)}, tmp_path / "other.pth")
    torch.save({"step": 3, "model": {"a": torch.zeros(1)}}, tmp_path / "step-00000003-0123456789abcdef.pt")
    safetensors.torch.save_file({"a": torch.zeros(1)}, tmp_path / "foreign.safetensors")
    refused("half.safetensors", "weights are damaged, or hold more than tensors")
    refused("noise.pth", "weights are damaged, or hold more than tensors")
    refused("other.pth", "neither an official FastFCN nor one of torchvision's")
    refused("step-00000003-0123456789abcdef.pt", r"no state dict.*its network is best\.safetensors beside it")
    refused("foreign.safetensors", "does not say which network it is")
    refused("", r"a folder; name the file of weights in it, such as .*best\.safetensors")
    with pytest.raises(FileNotFoundError, match="gone"):
        network(tmp_path / "gone.safetensors")


# Pictures

RGB = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
WANTED = torch.from_numpy(RGB).permute(2, 0, 1)


@pytest.mark.parametrize(
    "picture",
    [
        RGB,
        RGB[::-1][::-1],  # negative strides, which torch does not take
        RGB.astype(np.float32) / 255,
        RGB.astype(np.float64) / 255,
        np.dstack([RGB, np.full((5, 7), 9, np.uint8)]),
        WANTED,
        WANTED.float() / 255,
        torch.cat([WANTED, WANTED[:1]]),
        Image.fromarray(RGB),
        Image.fromarray(RGB).convert("RGBA"),
    ],
    ids=["uint8", "flipped", "float32", "float64", "four", "tensor", "float tensor", "four planes", "RGB", "RGBA"],
)
def test_convention_image_of_arrays_has_channels_last_and_of_tensors_first(picture):
    assert torch.equal(image_of(picture), WANTED) and image_of(picture).is_contiguous()


def test_grey_becomes_three_equal_channels():
    for grey in (RGB[..., 0], RGB[..., :1], WANTED[0], WANTED[:1], Image.fromarray(RGB[..., 0])):
        assert torch.equal(image_of(grey), WANTED[:1].expand(3, -1, -1))


def test_files_and_pillow_images_are_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its left side
    Image.fromarray(RGB).save(tmp_path / "turned.png", exif=exif)
    upright = torch.rot90(WANTED, -1, (1, 2))
    assert torch.equal(image_of(tmp_path / "turned.png"), upright)
    assert torch.equal(image_of(str(tmp_path / "turned.png")), upright)
    with Image.open(tmp_path / "turned.png") as picture:
        assert torch.equal(image_of(picture), upright)


@pytest.mark.parametrize(
    ("picture", "error", "words"),
    [
        (RGB.transpose(2, 0, 1), ValueError, r"shape \(3, 5, 7\).*x\.transpose\(1, 2, 0\)"),
        (torch.from_numpy(RGB), ValueError, r"shape \(5, 7, 3\).*x\.permute\(2, 0, 1\)"),
        (WANTED[None], ValueError, r"shape \(1, 3, 5, 7\), expected one image"),
        (np.zeros((0, 4, 3), np.uint8), ValueError, r"shape \(0, 4, 3\)"),
        (RGB.astype(np.float32), ValueError, "values from 0 to 104; .*divide by 255"),
        (WANTED.float() / 255 - 0.5, ValueError, r"values from -0\.5 .*undo the normalisation"),
        (np.full((4, 4), np.nan), ValueError, "values from nan"),
        (RGB.astype(np.uint16), TypeError, r"torch\.uint16; pass uint8, or divide .* x / 65535"),
        (RGB.astype(np.int64), TypeError, r"torch\.int64"),
        (Image.fromarray(RGB[..., 0].astype(np.uint16)), ValueError, "mode 'I;16'"),
        ([[0]], TypeError, "got list; pass a path"),
        ("nowhere.jpg", FileNotFoundError, r"nowhere\.jpg: no such file"),
        (".", FileNotFoundError, "a folder; name the pictures in it"),
    ],
)
def test_what_is_no_picture_is_refused_with_the_remedy(unchecked, picture, error, words):
    with pytest.raises(error, match=words):
        image_of(picture)


def test_a_file_of_16_bits_is_refused_by_name(tmp_path):
    Image.fromarray(RGB[..., 0].astype(np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(ValueError, match=r"deep\.png: more than 8 bits"):
        image_of(tmp_path / "deep.png")
