"""From a picture to files, in Python and on the command line."""

import json
import os

import numpy as np
import pytest
import torch
from PIL import Image

from jpu_edu import cli
from jpu_edu.data.palettes import CAMVID
from jpu_edu.data.transforms import MEAN
from jpu_edu.models import build, weights
from jpu_edu.train.predict import predict
from jpu_edu.train.protocol import probabilities, whole_image
from tests.train.together import torchrun


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A network and two pictures."""
    path = tmp_path_factory.mktemp("run")
    torch.manual_seed(0)
    model = build.fastfcn(classes=11, backbone="tiny", head="fcn")
    model.head.classifier[-1].weight.data *= 30  # else all pixels are of one class
    model.classes = CAMVID
    weights.save(model, path / "best.safetensors")
    pixels = np.random.default_rng(0).integers(256, size=(40, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path / "photo.png")
    Image.fromarray(pixels[:33, :50]).save(path / "other.png")
    return path


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
    assert result.seconds > 0 and result.loading > 0


def test_it_is_what_the_protocol_says(folder):
    model = weights.load(folder / "best.safetensors").train()
    result = predict(model, folder / "photo.png")
    assert model.training
    assert torch.equal(result.labels.long(), whole_image(model, result.image))
    sure = predict(model, folder / "photo.png", score=probabilities)
    assert sure.scores.shape == (11, 40, 64) and torch.equal(sure.labels.long(), sure.scores.argmax(0))
    assert torch.equal(sure.scores, probabilities(model, result.image))


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


# The command line


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


@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_help_has_an_example(command, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main([command, "--help"])
    assert stop.value.code == 0
    assert f"python -m jpu_edu {command}" in " ".join(capsys.readouterr().out.split())


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
    assert out.startswith("CamVid val, whole protocol\n") and "bicyclist" in out and "absent classes: count 0" in out
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


@pytest.mark.usefixtures("unchecked")
def test_no_network_and_no_number_are_refused():
    image = torch.zeros(3, 40, 40, dtype=torch.uint8)
    with pytest.raises(TypeError, match="model is NoneType; pass a network"):
        predict(None, image)
    with pytest.raises(ValueError, match="longest=nan; give 32 or more"):
        predict(build.fcn32s(classes=2, backbone="tiny"), image, longest=float("nan"))
