"""`python -m jpu_edu train`: on somebody's own folder of two classes, from the first step to Ctrl-C and back."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from jpu_edu import cli
from jpu_edu.commands.train import chosen, told
from jpu_edu.data import readers
from jpu_edu.data.classes import VOID
from jpu_edu.metrics.confusion import confusion
from jpu_edu.train import loop
from jpu_edu.train.log import curve, read_log

SMALL = ["--set", "steps=4", "batch=2", "crop=32,32", "evaluate_every=4", "save_every=2", "log_every=1"]


@pytest.fixture
def own_set(tmp_path) -> Path:
    """Three pictures to train on and two to look at, of a bright thing before something dark."""
    folder = tmp_path / "my set"
    random = np.random.default_rng(0)
    for split, count in (("train", 3), ("val", 2)):
        for kind in ("images", "labels"):
            (folder / kind / split).mkdir(parents=True)
        for i in range(count):
            image = random.integers(0, 100, (48, 56, 3), dtype=np.uint8)
            labels = np.zeros((48, 56, 3), dtype=np.uint8)
            image[10:30, 8 * i : 8 * i + 20] = 240
            labels[10:30, 8 * i : 8 * i + 20] = (255, 0, 0)
            Image.fromarray(image).save(folder / "images" / split / f"{i}.png")
            Image.fromarray(labels).save(folder / "labels" / split / f"{i}.png")
    (folder / "classes.txt").write_text("ground 0 0 0\nthing 255 0 0\n")
    return folder


def arguments(own_set: Path, *more: str) -> list[str]:
    out = ["--out", str(own_set.parent / "run"), "--with", "backbone=tiny"]
    return ["train", "folder", "--data", str(own_set), *out, *SMALL, *more]


def test_a_folder_of_ones_own_is_trained_on_and_what_comes_out_is_said(own_set, capsys):
    assert cli.main(arguments(own_set)) == 0
    said = capsys.readouterr().out
    assert "folder_tiny in" in said and "A step takes 2 images" in said and "Advice: BatchNorm sees 2" in said
    assert "thing" in said and "Best: " in said and "images/s" in said
    assert (own_set.parent / "run" / "best.safetensors").exists()
    assert cli.main(arguments(own_set)) == 2
    assert "holds a run (4 steps). Go on with --resume" in capsys.readouterr().err


def test_out_of_time_says_how_to_go_on_and_that_goes_on(own_set, capsys):
    assert cli.main(arguments(own_set, "--minutes", "0")) == 0
    said = capsys.readouterr().out
    assert "Stopped after 1 of 4 steps (time). Go on with\n  python -m jpu_edu train folder --data '" in said
    again = said.strip().splitlines()[-1]
    assert again.endswith("--resume") and "--set steps=4 batch=2" in again and "--with backbone=tiny" in again
    assert cli.main(arguments(own_set, "--resume")) == 0
    assert "Going on after 1 steps" in capsys.readouterr().out
    assert curve(read_log(own_set.parent / "run"), "loss")[0] == [1, 2, 3, 4]


def test_training_evaluate_and_predict_measure_the_same_at_another_remainder(own_set, tmp_path):
    """Crops of 36 x 44 leave 4 by 8, pictures of 48 x 56 leave 0: filled up to 52 x 60, or another figure."""
    run, found = own_set.parent / "run", {}
    more = ["steps=40", "crop=36,44", "lr=0.01", "evaluate_every=40", "save_every=40", "schedule=poly"]
    assert cli.main(arguments(own_set, "--set", *more)) == 0
    asked = ["--model", str(run / "best.safetensors")]
    for name, words in (("filled", []), ("as it is", ["--no-fill"])):
        found[name] = tmp_path / f"{name}.json"
        assert cli.main(["evaluate", *asked, "--data", str(own_set), "--json", str(found[name]), *words]) == 0
        found[name] = json.loads(found[name].read_text())
    pictures = [str(own_set / "images" / "val" / f"{n}.png") for n in range(2)]
    assert cli.main(["predict", *pictures, *asked, "--out", str(tmp_path / "out")]) == 0
    matrix = torch.zeros(2, 2, dtype=torch.int64)
    for n, (_, labels) in enumerate(readers.folder(own_set, split="val")):
        said = torch.from_numpy(np.array(Image.open(tmp_path / "out" / f"{n}.labels.png"))).long()
        matrix += confusion(said, labels, classes=2, void=VOID)
    logged = read_log(run)[-1]
    assert {key: found["filled"][key] for key in ("miou", "band_miou", "pixel_accuracy", "iou", "band_iou")} == {
        key: logged[key] for key in ("miou", "band_miou", "pixel_accuracy", "iou", "band_iou")
    }
    assert matrix.tolist() == found["filled"]["matrix"] != found["as it is"]["matrix"]


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_ctrl_c_saves_says_how_to_go_on_and_exits_130(own_set):
    words = [sys.executable, "-m", "jpu_edu", *arguments(own_set)]
    words[words.index("steps=4")] = "steps=100000"
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    log = own_set.parent / "run" / "log.jsonl"
    until = time.monotonic() + 120
    while not (log.exists() and log.stat().st_size) and time.monotonic() < until:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "finishing this step" in err and "Traceback" not in err
    assert "(interrupted). Go on with" in out
    steps = curve(read_log(own_set.parent / "run"), "loss")[0]
    assert steps == list(range(1, steps[-1] + 1)) and f"Stopped after {steps[-1]} of 100000 steps" in out


@pytest.mark.parametrize(
    ("error", "status"), [(FloatingPointError, 1), (MemoryError, 1), (OSError, 2), (ValueError, 2)]
)
def test_a_fault_is_one_line_and_a_status(own_set, monkeypatch, capsys, error, status):
    def fail(*_):
        raise error("train: what to do")

    monkeypatch.setattr(loop, "gradients", fail)
    assert cli.main(arguments(own_set)) == status
    assert capsys.readouterr().err.splitlines()[-1] == "train: what to do"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "no recipe is named; choose one of shapes_minute, "),
        (["dance"], "there is no recipe 'dance'; choose one of shapes_minute, "),
        (["folder"], "name it with --data PATH"),
        (["folder", "--with", "neck=jpu"], "'neck=jpu'; the recipe folder takes NAME=VALUE for backbone"),
        (["folder", "--with", "backbone"], "'backbone'; the recipe folder takes NAME=VALUE for backbone"),
        (
            ["folder", "--set", "learning_rate=1"],
            "'learning_rate=1'; the configuration takes NAME=VALUE for steps, batch",
        ),
        (["folder", "--set", "batch=many"], "batch='many'; it must be int"),
        (["shapes_minute", "--device", "abacus"], "abacus"),
        (["folder", "--data", "/nowhere"], "/nowhere"),
    ],
)
def test_what_cannot_begin_is_answered_with_what_can(unchecked, tmp_path, monkeypatch, capsys, words, said):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["train", *words]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_settings_and_choices_reach_the_recipe():
    recipe = chosen(
        "pcontext", ["head=psp", "depth=101", "jpu=False"], ["lr=1e-2", "crop=64,96", "ema=None", "compile=True"]
    )
    assert recipe.name == "pcontext_psp_dilated_r101"
    assert (recipe.config.lr, recipe.config.crop, recipe.config.ema, recipe.config.compile) == (
        0.01,
        (64, 96),
        None,
        True,
    )


def test_the_list_names_every_recipe(capsys):
    assert cli.main(["train", "--list"]) == 0
    said = capsys.readouterr().out
    assert "shapes_minute" in said and "camvid_fastfcn_psp_r50" in said and "--with network=fastfcn" in said


def test_a_gpu_run_says_what_it_used():
    result = loop.Result(
        Path("run"), 10, None, None, 0.5, 10, 100.0,
        {"tflops": 100.0, "tflops_of_a_matrix_product": 400.0, "utilisation": 0.25, "peak_memory_gib": 12.345},
    )  # fmt: skip
    said = told(result)
    assert "100.0 TFLOP/s, 25 % of a bfloat16 matrix product here (400); peak memory 12.35 GiB" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["shapes_minute", "--steps", "5"], "--steps 5; did you mean --set steps=5?"),
        (["shapes_minute", "--lr-factor=1e-3"], "--lr-factor=1e-3; did you mean --set lr_factor=1e-3?"),
        (["shapes_minute", "--network", "fcn32s"], "--network fcn32s; did you mean --with network=fcn32s?"),
        (["--steps", "5"], "--steps; did you mean --set steps=...?"),
        (["shapes_minute", "--dance", "5"], "--dance 5\n"),
    ],
)
def test_a_setting_that_is_written_as_an_option_is_answered_with_what_it_is_called(words, said, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["train", *words])
    assert stop.value.code == 2 and f"unrecognized arguments: {said}" in capsys.readouterr().err


def test_settings_may_be_given_in_pieces(own_set, capsys):
    assert cli.main(arguments(own_set, "--set", "steps=2", "--set", "lr=0.5")) == 0
    assert "0.5" in capsys.readouterr().out and curve(read_log(own_set.parent / "run"), "loss")[0] == [1, 2]


def test_a_run_that_is_over_says_how_to_train_longer(own_set, capsys):
    assert cli.main(arguments(own_set)) == 0
    best = own_set.parent / "run" / "best.safetensors"
    capsys.readouterr()
    assert cli.main(arguments(own_set, "--resume")) == 0
    said = capsys.readouterr().out
    assert "All 4 steps are taken. To train longer, begin another run with --out FOLDER --set steps=NUMBER" in said
    assert cli.main(arguments(own_set, "--resume", "--set", "steps=9")) == 2
    refused = capsys.readouterr().err
    for text in (said, refused):
        assert f"--backbone {best} lets it start from the backbone trained here" in text
    assert "config.steps: 4 there, 9 now" in refused
    longer = [*arguments(own_set, "--set", "steps=5", "--backbone", str(best)), "--out", str(best.parent / "longer")]
    assert cli.main(longer) == 0


@pytest.mark.parametrize("minutes", ["nan", "-1", "inf"])
def test_minutes_that_would_never_end_are_refused(own_set, minutes, capsys):
    assert cli.main(arguments(own_set, f"--minutes={minutes}")) == 2
    assert f"--minutes {minutes}; give a number >= 0" in capsys.readouterr().err
