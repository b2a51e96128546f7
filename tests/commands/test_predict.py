"""`python -m jpu_edu predict`: what it writes, and what it says of what it cannot."""

import os

import numpy as np
import pytest
from PIL import Image

from jpu_edu import cli
from jpu_edu.train.predict import predict


def test_the_command_writes_what_the_function_does(folder, tmp_path, capsys):
    pictures = [str(folder / "photo.png"), str(folder / "other.png")]
    assert cli.main(["predict", *pictures, "--model", str(folder / "best.safetensors"), "--out", str(tmp_path)]) == 0
    assert len(os.listdir(tmp_path)) == 6
    out = capsys.readouterr().out
    assert "photo.png (40 x 64, network" in out and "other.overlay.jpg" in out
    with Image.open(tmp_path / "other.labels.png") as labels:
        wanted = predict(folder / "best.safetensors", folder / "other.png").labels
        assert np.array_equal(np.array(labels), wanted.numpy())


def test_a_bad_picture_does_not_stop_the_others(folder, tmp_path, capsys):
    (tmp_path / "empty.jpg").write_bytes(b"")
    pictures = [str(tmp_path / "empty.jpg"), str(folder / "photo.png"), str(tmp_path / "gone.jpg")]
    out = str(tmp_path / "out")
    assert cli.main(["predict", *pictures, "--model", str(folder / "best.safetensors"), "--out", out]) == 1
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 2 and "empty.jpg: the file is empty" in errors[0] and "gone.jpg: no such file" in errors[1]
    assert len(os.listdir(out)) == 3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"--model": "gone.safetensors"}, "no file 'gone.safetensors'"),
        ({"--device": "abacus"}, "device 'abacus' does not work here"),
        ({"images": ["a/photo.png", "b/photo.png"]}, "two pictures are named 'photo'"),
        ({"--out": os.devnull}, f"cannot make the folder {os.devnull}"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_2(folder, tmp_path, capsys, change, words):
    options = {"--model": str(folder / "best.safetensors"), "--out": str(tmp_path)}
    images = change.pop("images", [str(folder / "photo.png")])
    pairs = [word for pair in (options | change).items() for word in pair]
    assert cli.main(["predict", *images, *pairs]) == 2
    error = capsys.readouterr().err
    assert (
        error.startswith("predict: ") and words in error and error.count("\n") == 1 and "predict: predict" not in error
    )
