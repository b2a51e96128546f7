"""`data check`: everything that is wrong is listed, what is in the set is counted, and the exit status says which."""

import json
import re

import numpy as np
import pytest

from jpu_edu import cli
from jpu_edu.data import check, layouts, readers
from jpu_edu.data.decode import read_image
from tests.data import tiny

#: Pixel shares of the training images, ids 0 to 11, as the set's README gives them.
README = [0.1685, 0.2326, 0.0098, 0.3166, 0.0449, 0.0972, 0.0117, 0.0113, 0.0587, 0.0064, 0.0029, 0.0395]


def test_the_whole_of_camvid_is_sound_and_its_shares_are_the_published_ones(camvid_root, capsys):
    """All 367 training images, through the command line; about two seconds."""
    assert cli.main(["data", "check", str(camvid_root), "--split", "train"]) == 0
    out = capsys.readouterr().out
    assert "CamVid, train: 367 samples, 367 without fault\nH x W: 360 x 480 (367)\n" in out and "No problems." in out
    report = check.examine(readers.camvid(camvid_root))
    assert [round(share, 4) for share in report.shares] == README and report.notes == []


def spoilt(root):
    """A CamVid of seven training pairs of which one is sound; returns what each of the others should be blamed for."""
    for name in "abcdefg":
        tiny.picture(root / "train" / f"{name}.png")
        tiny.labels(root / "trainannot" / f"{name}.png", tiny.ramp(0, 1))
    (root / "train" / "b.png").unlink()
    (root / "trainannot" / "c.png").write_bytes(b"")
    whole = (root / "train" / "d.png").read_bytes()
    (root / "train" / "d.png").write_bytes(whole[: len(whole) // 2])
    tiny.labels(root / "trainannot" / "d.png", tiny.ramp(12))  # both files of d are bad
    tiny.labels(root / "trainannot" / "e.png", tiny.ramp(0, height=3))
    tiny.labels(root / "trainannot" / "f.png", np.zeros((tiny.H, tiny.W, 3), np.uint8))
    tiny.labels(root / "trainannot" / "g.png", tiny.ramp(0, 1).astype(np.uint16))
    return [
        ("train/b.png", "no such file"),
        ("trainannot/c.png", "empty"),
        ("train/d.png", "no readable picture"),
        ("trainannot/d.png", "number 12"),
        ("trainannot/e.png", "3 x 8 labels"),
        ("trainannot/f.png", "RGB pixels"),
        ("trainannot/g.png", "I;16"),
    ]


def test_every_problem_is_listed_with_its_path_and_not_only_the_first(tmp_path, capsys):
    blamed = spoilt(tmp_path / "set")
    assert cli.main(["data", "check", str(tmp_path / "set"), "--json", str(tmp_path / "new" / "a.json")]) == 1
    out = capsys.readouterr().out
    wrong = [line for line in out.splitlines() if line.startswith("Wrong: ")]
    assert "7 samples, 1 without fault" in out and "7 problems." in out
    for line, (path, words) in zip(wrong, blamed, strict=True):
        assert f"{tmp_path / 'set' / path}: " in line and words in line
    record = json.loads((tmp_path / "new" / "a.json").read_text())
    assert record["layout"] == "camvid" and [f"Wrong: {p}" for p in record["splits"][0]["problems"]] == wrong


def test_a_long_list_is_cut_on_the_screen_and_kept_in_the_record(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(check, "SHOWN", 3)
    spoilt(tmp_path)
    assert cli.main(["data", "check", str(tmp_path), "--json", str(tmp_path / "a.json")]) == 1
    wrong = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Wrong: ")]
    assert len(wrong) == 4 and wrong[-1] == "Wrong: 4 more; --json FILE keeps all."
    assert len(json.loads((tmp_path / "a.json").read_text())["splits"][0]["problems"]) == 7


def test_what_is_no_fault_is_noted(tmp_path, capsys):
    root = tiny.camvid(tmp_path, 0, 10, splits=("train",))
    tiny.labels(root / "trainannot" / "b.png", tiny.ramp(11))
    assert cli.main(["data", "check", str(root)]) == 0
    out = capsys.readouterr().out
    assert "Note: 2 samples; the published split has 367." in out
    assert "Note: classes that never appear: building, pole," in out
    assert "Note: images that are all void: 1, the first" in out and "b.png" in out
    assert "Not looked at: " in out and "valannot" in out


@pytest.mark.parametrize(
    ("maker", "name", "splits"),
    [
        (tiny.camvid, "camvid", ["train", "val", "test"]),
        (tiny.voc, "voc", ["train", "val", "train_aug"]),
        (tiny.pascal_context, "pascal_context", ["train", "val"]),
        (tiny.ade20k, "ade20k", ["train", "val"]),
        (tiny.cityscapes, "cityscapes", ["train", "val"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_layout_is_recognised_and_all_its_splits_are_read(tmp_path, maker, name, splits):
    root = maker(tmp_path / "set")
    assert layouts.recognise(root) == name
    assert cli.main(["data", "check", str(root), "--json", str(tmp_path / "a.json")]) == 0
    assert [split["split"] for split in json.loads((tmp_path / "a.json").read_text())["splits"]] == splits


@pytest.mark.parametrize(
    ("maker", "below", "name"),
    [
        (tiny.voc, "VOCdevkit/VOC2012", "voc"),
        (tiny.pascal_context, "VOCdevkit/VOC2010", "pascal_context"),
        (tiny.ade20k, "ADEChallengeData2016", "ade20k"),
        (tiny.cityscapes, "cityscapes", "cityscapes"),
        (tiny.camvid, "CamVid", "camvid"),
    ],
)
def test_a_layout_is_recognised_from_the_folder_above(tmp_path, maker, below, name, capsys):
    maker(tmp_path / below)
    assert layouts.recognise(tmp_path) == name and cli.main(["data", "check", str(tmp_path)]) == 0


def test_one_split_is_enough_to_recognise_a_set_and_a_folder_of_json_is_no_ade20k(tmp_path, capsys):
    assert layouts.recognise(tiny.camvid(tmp_path / "a", splits=("test",))) == "camvid"
    (tmp_path / "b" / "annotations").mkdir(parents=True)
    assert cli.main(["data", "check", str(tmp_path / "b")]) == 2
    assert "none of the layouts" in capsys.readouterr().err


def test_a_named_layout_counts_background_as_a_class(tmp_path, capsys):
    root = tiny.pascal_context(tmp_path)
    assert cli.main(["data", "check", str(root), "--layout", "pascal_context_60", "--split", "val"]) == 0
    assert "PASCAL Context (60), val" in capsys.readouterr().out


def test_a_folder_without_splits_is_read_whole_and_one_with_lists_list_by_list(tmp_path, capsys):
    root = tiny.folder(tmp_path / "mine", "leaf", "stem", truth=tiny.ramp(0, 1))
    assert cli.main(["data", "check", str(root)]) == 0
    assert "mine, all: 2 samples, 2 without fault" in capsys.readouterr().out
    tiny.text(root / "splits" / "train.txt", "a", "b")
    tiny.text(root / "splits" / "val.txt")
    assert cli.main(["data", "check", str(root)]) == 1
    out = capsys.readouterr().out
    assert "mine, train: 2 samples" in out and "mine, all" not in out
    assert "Wrong: " in out and "the split 'val' of mine is empty" in out


def test_a_sheet_shows_the_sound_samples_of_every_split(tmp_path, capsys):
    root = tiny.camvid(tmp_path / "set", 0, 10, splits=("train", "val"))
    (root / "train" / "a.png").write_bytes(b"")
    assert cli.main(["data", "check", str(root), "--sheet", str(tmp_path / "sheets" / "a.png")]) == 1
    colours = {tuple(c) for c in read_image(tmp_path / "sheets" / "a.png").flatten(1).unique(dim=1).T.tolist()}
    assert {(128, 128, 128), (0, 128, 192)} <= colours and (128, 0, 0) not in colours
    whole = check.sheet([readers.camvid(root, split="val")], [check.examine(readers.camvid(root, split="val"))])
    assert whole.shape[1] < read_image(tmp_path / "sheets" / "a.png").shape[1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "no such folder; name the folder of the set"),
        (["."], "none of the layouts folder, camvid, .* put a classes.txt there"),
        ([".", "--layout", "voc"], "no PASCAL VOC here"),
        (["set", "--split", "dev"], "split='dev'; choose one of train, val, test"),
        (["set", "--sheet", "a.txt"], "end the name in .png"),
        (["set", "--json", "file/a.json"], "file"),
    ],
)
def test_what_cannot_be_checked_is_answered_in_one_line(tmp_path, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(tmp_path)
    tiny.camvid(tmp_path / "set")
    (tmp_path / "file").write_text("")
    assert cli.main(["data", "check", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("data check: ") and error.count("\n") == 1
    assert re.search(words, error)
