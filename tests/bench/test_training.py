"""The training benchmark: as many steps as fit, every run once, and a record that a cut-off run goes on from."""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from jpu_edu.bench import minute, training
from jpu_edu.bench.kept import Kept
from jpu_edu.cost.macs import layer_costs
from jpu_edu.models.fuse import Fused
from jpu_edu.train.loop import Result
from jpu_edu.train.recipes import Recipe, shapes_minute
from tests.train import small

PLAN = training.Plan(seconds=0.1, probe=0.02, seeds=2, count=6, camvid_seconds=0.1, repeats=1)


def make(classes: int):
    return small.network(seed=int(torch.initial_seed()), head="fcn")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int, int]]:
    """Every network is the smallest one, on bricks; returns (label, steps, seed) of each run that is made."""
    recipe = Recipe("bricks", make, lambda _: small.sets(), small.config())
    made, fit = [], minute.fit

    def counted(*arguments, steps: int, seed: int, label: str):
        made.append((label, steps, seed))
        return fit(*arguments, steps=steps, seed=seed, label=label)

    wider = {f"ResNet-18 width 24, {name}": make for name in ("dilated", "FastFCN")}
    for name, value in {
        "QUICK": PLAN, "shapes_minute": lambda network="fastfcn": recipe, "camvid_quarter": lambda network: recipe,
        "_wider": lambda: wider,
    }.items():  # fmt: skip
        monkeypatch.setattr(training, name, value)
    monkeypatch.setattr(minute, "fit", counted)
    return made


def run(*options: str) -> int:
    parser = argparse.ArgumentParser()
    training.add_arguments(parser)
    return training.main(parser.parse_args(["--quick", *options]))


def test_all_parts_are_measured_once_and_a_second_call_trains_nothing(quick, tmp_path, capsys):
    path = tmp_path / "training.json"
    assert run("--json", str(path), "--data", "anywhere") == 0
    printed, record = capsys.readouterr().out, json.loads(path.read_text())
    labels = [label for label, _, _ in quick]
    assert len(set(labels)) == len(labels), "a run was made twice"
    assert {label for label in labels if "seed" in label} == {
        *(f"{name}, 0.1 s, seed 0" for name in training.NETWORKS.values()),
        "FastFCN, 0.1 s, seed 1", "FCN-32s, 0.1 s, seed 1",
    }  # fmt: skip
    ours = record["found"]["FastFCN, 0.1 s, seed 0"]
    assert {steps for label, steps, _ in quick if label.endswith(" steps")} <= {ours["steps"]}
    assert not any(label.startswith("FastFCN") and label.endswith(" steps") for label in labels), "it has them already"
    assert (record["machine"]["torch"], record["settings"]["seconds"]) == (torch.__version__, 0.1)
    assert {"load", "config", "seed", "miou", "band_miou", "steps_per_second", "macs"} <= ours.keys()
    assert [t["claim"] for t in record["targets"]] and printed.count("0.1 s, seed") == 0
    for words in ("Equal time: 0.1 s", f"Equal steps: {ours['steps']} each", "CamVid, 6 images", "were shorter"):
        assert words in printed

    quick.clear()
    assert run("--json", str(path), "--data", "anywhere") == 0
    assert not quick and capsys.readouterr().out.splitlines()[2:-1] == printed.splitlines()[2:-1]


def test_a_run_that_was_cut_off_goes_on_with_what_is_missing(quick, tmp_path, capsys, monkeypatch):
    path, whole = tmp_path / "training.json", minute.fit

    def cut(*arguments, label: str, **more):
        if len(quick) == 3:
            raise KeyboardInterrupt
        return whole(*arguments, label=label, **more)

    monkeypatch.setattr(minute, "fit", cut)
    assert run("--json", str(path), "--only", "time") == 130
    assert f"goes on from {path}" in capsys.readouterr().err
    assert [label for label, _, _ in quick] == [n for n in json.loads(path.read_text())["found"] if "seed" in n]

    monkeypatch.setattr(minute, "fit", whole)
    before, quick[:] = list(quick), []
    assert run("--json", str(path), "--only", "time") == 0
    assert len(quick) == 8 - 3 and not {run[0] for run in quick} & {run[0] for run in before}


def test_another_file_is_named_where_this_one_holds_something_else(quick, tmp_path, capsys, monkeypatch):
    path = tmp_path / "training.json"
    assert run("--json", str(path), "--only", "camvid") == 0
    assert "left out; give its folder with --data" in capsys.readouterr().out
    assert run("--json", str(path), "--only", "camvid", "--seconds", "0.3") == 2
    assert "settings.seconds: 0.1 there, 0.3 now" in capsys.readouterr().err
    recipe = training.shapes_minute()
    monkeypatch.setattr(training, "shapes_minute", lambda: replace(recipe, config=small.config(crop=(40, 40))))
    assert run("--json", str(path), "--only", "camvid") == 2
    assert "settings.config.crop: [32, 32] there, [40, 40] now" in capsys.readouterr().err
    path.write_text('{"command": "another"}')
    assert run("--json", str(path), "--only", "camvid") == 2
    assert f"{path} is no record of this benchmark; name another file" in capsys.readouterr().err
    assert path.read_text() == '{"command": "another"}' and not quick


@pytest.mark.parametrize("option", ["--seconds", "--seeds", "--threads"])
def test_numbers_that_make_no_sense_are_refused(option, capsys):
    assert run(option, "0") == 2
    assert f"{option} 0; it must be at least" in capsys.readouterr().err


def test_nothing_is_lost_when_a_measurement_fails(tmp_path):
    path, about = str(tmp_path / "kept.json"), {"settings": {"a": 1}, "machine": {}}
    kept = Kept(path, about)
    assert kept.once("first", lambda: 1) == 1
    with pytest.raises(ZeroDivisionError):
        kept.once("second", lambda: 1 / 0)
    again = Kept(path, about)
    assert again.once("first", lambda: 2) == 1 and again.once("second", lambda: 3) == 3


def test_steps_follow_from_the_rate_and_a_probe_that_is_too_short_is_doubled(monkeypatch):
    asked = []

    def train(model, train_set, val_set, config, *, folder, seconds, progress) -> Result:
        asked.append(seconds)
        long_enough = seconds >= 2
        rate = 100.0 if long_enough else 0.0
        return Result(Path(folder), 9 if long_enough else 1, "time", None, -1.0, 0, rate, {})

    monkeypatch.setattr(minute, "train", train)
    steps = minute.steps_within(make, small.sets(), small.config(batch=4), seconds=10, probe=0.5)
    assert (steps, asked) == (242, [0.5, 1.0, 2.0])  # 0.97 * 10 s * 100 / 4


def test_a_run_ends_with_its_schedule_and_follows_from_its_seed():
    (a, first), (b, second), (c, _) = (
        minute.fit(make, small.sets(), small.config(), steps=3, seed=seed, label="") for seed in (1, 1, 2)
    )
    assert first["steps"] == 3 and first["config"]["steps"] == 3 and first["config"]["seed"] == 1
    assert first["seconds"] > 0 and first["steps_per_second"] == pytest.approx(3 / first["seconds"])
    weights = [model.head.state_dict() for model in (a, b, c)]
    assert all(torch.equal(x, y) for x, y in zip(weights[0].values(), weights[1].values(), strict=True))
    assert not all(torch.equal(x, y) for x, y in zip(weights[0].values(), weights[2].values(), strict=True))
    assert (first["miou"], first["loss"]) == (second["miou"], second["loss"])


def test_a_wrong_fused_network_is_found_out(monkeypatch):
    model, images = make(3).double(), small.sets()[1]
    monkeypatch.setattr(minute, "normalise", lambda x: x.double() / 255)
    right = minute.fused(model, images)
    assert right["error"] < 1e-12 and right["other_labels"] == 0 and right["images"] == 3
    monkeypatch.setattr(
        Fused, "_at_size_of", lambda self, x, scores: -torch.nn.functional.interpolate(scores, (40, 40))
    )
    wrong = minute.fused(model, images)
    assert wrong["error"] > 0.5 and wrong["other_labels"] > 0.5


def test_the_six_networks_are_those_of_the_recipe_and_their_bills_agree_with_a_real_pass():
    bills = {n: minute.bill(shapes_minute(n).model, 7, (128, 128)) for n in training.NETWORKS}
    macs = {name: bill["macs"] for name, bill in bills.items()}
    assert macs["fcn32s"] < macs["fcn8s"] < macs["fpn"] < macs["fastfcn"] < macs["dilated"] / 2
    model = shapes_minute("fastfcn").model(7).eval()
    rows = layer_costs(model, torch.zeros(1, 3, 128, 128))
    assert sum(row.counted for row in rows) == macs["fastfcn"] and model.neck.out_channels == 4 * 32
    assert sum(p.numel() for p in model.parameters()) == bills["fastfcn"]["parameters"]


def test_the_second_size_is_a_pair_of_twins():
    dilated, ours = (minute.bill(m, 7, (128, 128)) for m in training._wider().values())
    assert list(training._wider()) == ["ResNet-18 width 24, dilated", "ResNet-18 width 24, FastFCN"]
    assert dilated["macs"] > 2 * ours["macs"] and dilated["parameters"] < ours["parameters"]
