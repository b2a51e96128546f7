"""Decoding: what is in the file comes out, and a bad file is named with what to do about it."""

import random
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from jpu_edu.data import decode
from jpu_edu.data.decode import read_image, read_labels
from tests.data import tiny

IDS = {0: 0, 1: 1, 255: 255}
COLOURS = {(10, 20, 30): 0, (255, 255, 255): 1, (0, 0, 0): 255}


def raw_png(bits: int, row: bytes, *, width: int = 4, height: int = 1) -> bytes:
    """A grey PNG of one row, written by hand, with any bit depth."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" + row)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P", "1", "CMYK"])
def test_a_picture_of_any_common_mode_comes_out_as_rgb(tmp_path, mode):
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    Image.fromarray(np.full((2, 3, 3), 255, np.uint8)).convert(mode).save(path)
    assert torch.equal(read_image(path), torch.full((3, 2, 3), 255, dtype=torch.uint8))


def test_convention_read_image_turns_a_picture_upright_unless_told_otherwise(tmp_path):
    pixels = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)
    exif = Image.Exif()
    exif[decode.EXIF_ORIENTATION] = 6  # stored on its side: a viewer turns it clockwise
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    stored = torch.from_numpy(pixels).permute(2, 0, 1)
    assert torch.equal(read_image(tmp_path / "a.png"), stored.rot90(-1, (1, 2)))
    assert torch.equal(read_image(tmp_path / "a.png", orientation="stored"), stored)
    with pytest.raises(ValueError, match=r"a\.png: carries an EXIF turn \(orientation 6\).* save it upright"):
        read_image(tmp_path / "a.png", orientation="refuse")


def test_convention_read_labels_takes_the_numbers_of_a_palette_and_not_its_colours(tmp_path):
    numbers = tiny.ramp(0, 1, 255)
    path = tiny.labels(tmp_path / "a.png", numbers, palette=True)
    with Image.open(path) as stored:
        assert stored.mode == "P"
    assert torch.equal(read_labels(path, ids=IDS), torch.from_numpy(numbers))
    colours = {(0, 0, 255): 5, (7, 31, 254): 6, (249, 225, 0): 255}
    assert read_labels(path, ids={}, colours=colours).unique().tolist() == [5, 6, 255]


def test_numbers_are_translated(tmp_path):
    path = tiny.labels(tmp_path / "a.png", tiny.ramp(7, 9, 0))
    assert read_labels(path, ids={7: 0, 9: 1, 0: 255})[0, :3].tolist() == [0, 1, 255]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_colours_are_translated(tmp_path, mode):
    pixels = np.array([[[10, 20, 30], [255, 255, 255], [0, 0, 0]]], np.uint8)
    Image.fromarray(pixels).convert(mode).save(tmp_path / "a.png")
    if mode == "P":
        Image.fromarray(pixels).quantize(3).save(tmp_path / "a.png")
    assert read_labels(tmp_path / "a.png", ids={}, colours=COLOURS).tolist() == [[0, 1, 255]]


@pytest.mark.parametrize("mode", ["L", "1"])
def test_black_and_white_is_read_by_colour_where_the_set_has_colours(tmp_path, mode):
    Image.fromarray(np.array([[0, 255]], np.uint8)).convert(mode).save(tmp_path / "a.png")
    assert read_labels(tmp_path / "a.png", ids={}, colours=COLOURS).tolist() == [[255, 1]]


def broken(path, how):
    """Make `path` a bad file of some kind."""
    tiny.labels(path, tiny.ramp(0, 1, height=40, width=40))
    whole = path.read_bytes()
    if how == "missing":
        path.unlink()
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "truncated":
        path.write_bytes(whole[: len(whole) * 2 // 3])
    elif how == "text":
        path.write_text("<html>404 not found</html>")
    elif how == "flipped bit":
        middle = whole.index(b"IDAT") + 8
        path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 16]) + whole[middle + 1 :])
    elif how == "too large":
        path.write_bytes(raw_png(8, b"\0" * 4, width=9000, height=9000))
    elif how == "bomb":
        path.write_bytes(raw_png(8, b"\0" * 4, width=60000, height=60000))
    elif how == "16 bits":
        path.write_bytes(raw_png(16, bytes(8)))
    return path


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("missing", "no such picture; look at the name"),
        ("empty", r"the file is empty \(0 bytes\); copy or download it again"),
        ("truncated", "no readable picture .* copy or download it again"),
        ("text", "no readable picture .* copy or download it again"),
        ("flipped bit", "no readable picture .* copy or download it again"),
        ("too large", "claims more than 80 million pixels; cut it"),
        ("bomb", "claims more than 80 million pixels; cut it"),
        ("16 bits", "16.*save it as 8-bit"),
    ],
)
def test_a_bad_file_is_named_with_the_remedy(tmp_path, how, words):
    path = broken(tmp_path / "name of file.png", how)
    for read in (read_image, lambda path: read_labels(path, ids=IDS)):
        with pytest.raises((ValueError, FileNotFoundError), match=words) as caught:
            read(path)
        assert str(path) in str(caught.value)


def test_no_damage_changes_a_label_in_silence(tmp_path):
    """200 label pictures, each cut at random or with one bit turned: refused, or read as they were."""
    draw = random.Random(0)
    numbers = np.random.default_rng(0).integers(0, 2, (30, 40)).astype(np.uint8)
    path = tiny.labels(tmp_path / "a.png", numbers)
    whole, refused = path.read_bytes(), 0
    for k in range(200):
        damaged = bytearray(whole)
        if k % 2:
            damaged = damaged[: draw.randrange(1, len(whole))]
        else:
            damaged[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
        path.write_bytes(damaged)
        try:
            assert torch.equal(read_labels(path, ids=IDS), torch.from_numpy(numbers))
        except ValueError as error:
            assert str(path) in str(error)
            refused += 1
    assert refused > 150


@pytest.mark.parametrize(("row", "bits"), [(b"\x50", 1), (b"\x1b", 2), (b"\x01\x01", 4)])
def test_grey_of_few_bits_is_refused_where_numbers_count(tmp_path, row, bits):
    """Pillow reads 4-bit 1 as 17, which may be another class."""
    (tmp_path / "a.png").write_bytes(raw_png(bits, row))
    with pytest.raises(ValueError, match="fewer than 8 bits"):
        read_labels(tmp_path / "a.png", ids=dict.fromkeys(range(256), 0))


def test_a_number_out_of_range_is_named_with_its_count(tmp_path):
    path = tiny.labels(tmp_path / "a.png", tiny.ramp(0, 1, 1, 7))
    with pytest.raises(ValueError, match=r"a\.png: 12 pixels have the number 7, .* 0 to 1 and void"):
        read_labels(path, ids=IDS)


def test_an_unknown_colour_is_named_with_its_count(tmp_path):
    pixels = np.zeros((3, 4, 3), np.uint8)
    pixels[0, :2] = (10, 20, 31)
    path = tiny.labels(tmp_path / "a.png", pixels)
    with pytest.raises(ValueError, match=r"a\.png: 2 pixels have the colour 10 20 31, .* table of classes"):
        read_labels(path, ids={}, colours=COLOURS)


def test_colours_where_numbers_are_expected_are_refused(tmp_path):
    path = tiny.labels(tmp_path / "a.png", np.zeros((2, 2, 3), np.uint8))
    with pytest.raises(ValueError, match=r"a\.png: a label picture of RGB pixels; .* the number of its class"):
        read_labels(path, ids=IDS)


def test_labels_as_jpeg_are_refused(tmp_path):
    path = tiny.labels(tmp_path / "a.jpg", tiny.ramp(0, 1))
    with pytest.raises(ValueError, match=r"a\.jpg: labels as JPEG, .* PNG"):
        read_labels(path, ids=IDS)


def test_transparent_labels_are_refused(tmp_path):
    path = tiny.labels(tmp_path / "a.png", np.zeros((2, 2, 4), np.uint8))
    with pytest.raises(ValueError, match="transparent"):
        read_labels(path, ids={}, colours=COLOURS)


@pytest.mark.usefixtures("unchecked")
def test_arguments_of_the_readers_that_mean_nothing_are_refused(tmp_path):
    Image.new("L", (2, 2)).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="orientation='left'; choose one of apply, stored, refuse"):
        read_image(tmp_path / "a.png", orientation="left")
    with pytest.raises(ValueError, match="ids has the number 300; a label picture holds 0 to 255"):
        read_labels(tmp_path / "a.png", ids={300: 0})
    with pytest.raises(ValueError, match=r"ids=\{\}; give the class of each number"):
        read_labels(tmp_path / "a.png", ids={})
    with pytest.raises(ValueError, match=r"colours=\{\}; give the class of each colour"):
        read_labels(tmp_path / "a.png", ids={}, colours={})
