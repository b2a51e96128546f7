"""`python -m jpu_edu evaluate`: the table, the numbers in a file, and what it says of what it cannot."""

import json
import os

import numpy as np
import pytest
import torch
from PIL import Image

from jpu_edu import cli
from jpu_edu.data import readers
from jpu_edu.data.classes import VOID
from jpu_edu.metrics.confusion import confusion
from jpu_edu.models import build, weights
from jpu_edu.train.predict import predict
from tests.train.together import torchrun


@pytest.fixture(scope="module")
def camvid(tmp_path_factory):
    """Three images in CamVid's layout."""
    root, draw = tmp_path_factory.mktemp("set"), np.random.default_rng(1)
    for name in "abc":
        for part, values in (("val", 256), ("valannot", 12)):
            shape = (36, 48, 3) if part == "val" else (36, 48)
            (root / part).mkdir(exist_ok=True)
            Image.fromarray(draw.integers(values, size=shape, dtype=np.uint8)).save(root / part / f"{name}.png")
    return root


def test_evaluate_prints_the_table_and_writes_the_numbers(folder, camvid, tmp_path, capsys):
    asked = ["evaluate", "--model", str(folder / "best.safetensors"), "--data", str(camvid), "--absent", "zero"]
    assert cli.main([*asked, "--json", str(tmp_path / "e.json")]) == 0
    out, record = capsys.readouterr().out, json.loads((tmp_path / "e.json").read_text())
    assert out.startswith("CamVid val, whole images as they are; the file notes no crops of the training\n")
    assert "bicyclist" in out and "absent classes: count 0" in out
    assert record["images"] == 3 and record["layout"] == "camvid" and record["machine"]["torch"] == torch.__version__
    matrix = torch.tensor(record["matrix"])
    assert record["pixel_accuracy"] == pytest.approx((matrix.trace() / matrix.sum()).item(), abs=1e-6)
    official = ["--protocol", "official", "--base", "52", "--crop", "48", "--scales", "0.5", "1", "--flip"]
    for more in (official, ["--scales", "0.75", "1", "--flip"]):
        assert cli.main([*asked, *more, "--json", str(tmp_path / "other.json")]) == 0
        assert json.loads((tmp_path / "other.json").read_text())["matrix"] != record["matrix"]


def test_evaluate_under_torchrun_counts_every_image_once(folder, camvid, tmp_path, root):
    command = ["evaluate", "--model", str(folder / "best.safetensors"), "--data", str(camvid), "--json"]
    assert cli.main([*command, str(tmp_path / "one.json")]) == 0
    done = torchrun(lambda _: ["-m", "jpu_edu", *command, str(tmp_path / "two.json")], root=root)
    assert done.returncode == 0, done.stderr[-2000:]
    one, two = (json.loads((tmp_path / name).read_text()) for name in ("one.json", "two.json"))
    assert two["matrix"] == one["matrix"] and two["band_matrix"] == one["band_matrix"] and two["images"] == 3
    assert done.stdout.count("mean IoU") == 1


def test_it_measures_what_predict_does_and_images_as_they_are_when_asked(folder, camvid, tmp_path, capsys):
    """36 x 48 with crops of 40 x 40 becomes 40 x 48."""
    model = weights.load(folder / "best.safetensors")
    model.crop = (40, 40)
    weights.save(model, tmp_path / "known.safetensors")
    asked = ["evaluate", "--data", str(camvid), "--json", str(tmp_path / "e.json"), "--model"]
    found = []
    for more in ([], ["--no-fill"], ["--scales", "1", "0.75"], ["--scales", "1", "0.75", "--no-fill"]):
        assert cli.main([*asked, str(tmp_path / "known.safetensors"), *more]) == 0
        said = capsys.readouterr().out
        assert ("images as they are\n" in said) == ("--no-fill" in more) != ("crops of 40 x 40 (--no-fill" in said)
        found.append(json.loads((tmp_path / "e.json").read_text()))
    images = readers.camvid(camvid, split="val")
    predicted = [predict(model, image).labels.long() for image, _ in images]
    counts = [confusion(p, t, classes=11, void=VOID) for p, (_, t) in zip(predicted, images, strict=True)]
    assert found[0]["matrix"] == sum(counts).tolist() != found[1]["matrix"]
    assert found[2]["matrix"] != found[3]["matrix"]
    assert [record["fill"] for record in found] == [[40, 40], None, [40, 40], None]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"--data": "nowhere"}, "nowhere: no such folder"),
        ({"--split": "dev"}, "split='dev'"),
        ({"--device": "abacus"}, "does not work here"),
        ({"--scales": "0"}, "scales=(0.0,)"),
        ({"--json": os.devnull + "/e.json"}, os.devnull),
    ],
)
def test_evaluate_says_in_one_line_what_it_cannot_do(folder, camvid, capsys, change, words):
    options = {"--model": str(folder / "best.safetensors"), "--data": str(camvid)} | change
    assert cli.main(["evaluate", *(word for pair in options.items() for word in pair)]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("evaluate: ") and words in error


def test_evaluate_notes_classes_of_another_name(folder, tmp_path, capsys):
    for part, shape in (("images", (40, 40, 3)), ("labels", (40, 40))):
        (tmp_path / part).mkdir()
        Image.fromarray(np.zeros(shape, np.uint8)).save(tmp_path / part / "a.png")
    names = ["sky", *(f"thing {k}" for k in range(1, 11))]
    (tmp_path / "classes.txt").write_text("\n".join(f"{k} {name}" for k, name in enumerate(names)))
    asked = ["evaluate", "--model", str(folder / "best.safetensors"), "--split", "all", "--data", str(tmp_path)]
    assert cli.main(asked) == 0
    assert "a class that the network knows as 'building' is 'thing 1' in the set" in capsys.readouterr().out


def test_pascal_context_is_counted_as_60_classes_too(tmp_path, capsys):
    (tmp_path / "ImageSets" / "SegmentationContext").mkdir(parents=True)
    (tmp_path / "ImageSets" / "SegmentationContext" / "val.txt").write_text("a\n")
    for part, name, shape in (("JPEGImages", "a.jpg", (40, 40, 3)), ("SegmentationClassContext", "a.png", (40, 40))):
        (tmp_path / part).mkdir()
        Image.fromarray(np.full(shape, 7, np.uint8)).save(tmp_path / part / name)
    model = build.fcn32s(classes=59, backbone="tiny")
    model.head.score.bias.data[6] = 100.0
    weights.save(model, tmp_path / "net.safetensors")
    asked = ["evaluate", "--model", str(tmp_path / "net.safetensors"), "--data", str(tmp_path), "--absent", "zero"]
    assert cli.main(asked) == 0
    out = capsys.readouterr().out
    assert f"mean IoU {1 / 59:.4f} of 59 classes, {1 / 60:.4f} of 60" in out
