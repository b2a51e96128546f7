"""The records that the course and the README show: they fit the code that is here, and are quoted right."""

import json
import re
import statistics
from pathlib import Path

import pytest
import torch

from jpu_edu.bench import camvid, minute, nearness
from jpu_edu.bench.gpu_parts import SMALL, Bench
from jpu_edu.data.decode import read_image

ROOT = Path(__file__).parents[2]
SMALL_RECORDS = ROOT / "figures" / "data" / "small"
README = (ROOT / "README.md").read_text("utf-8")


def record(part: str) -> dict:
    return json.loads((SMALL_RECORDS / f"{part}.json").read_text("utf-8"))


@pytest.mark.parametrize("part", ["camvid", "resemble", "pictures"])
def test_every_measurement_says_which_command_commit_and_machine_made_it(part):
    kept = record(part)
    assert kept["command"] == f"python -m jpu_edu bench gpu --small --only {part}"
    assert kept["settings"]["steps"] == SMALL.steps and not kept["settings"]["quick"]
    for one in kept["found"].values():
        call = kept["calls"][one["call"]]
        assert re.fullmatch(r"[0-9a-f]{7,40}", call["commit"]), "a commit, without changes on top of it"
        assert call["machine"]["processor"] and call["machine"]["torch"]


def test_the_networks_of_the_record_are_those_that_the_plan_builds(tmp_path):
    bench = Bench(torch.device("cpu"), SMALL, None, tmp_path, tmp_path, 0.0, lambda device, dtype: [])
    for name, run in record("camvid")["found"].items():
        recipe = bench.recipe(camvid.ROWS[name.split(",")[0]](), run["seed"])
        assert (recipe.config.steps, recipe.config.batch) == (run["steps"], run["batch"])
        bill = minute.bill(recipe.model, 11, recipe.config.crop)
        assert bill == {key: run[key] for key in bill}, name
        assert run["test"]["images"] == 233
        known = [value for value in run["test"]["iou"] if value is not None]
        assert run["test"]["miou"] == pytest.approx(statistics.mean(known), abs=1e-9)


def test_every_condition_was_run_with_every_seed():
    found = record("resemble")["found"]
    for seed in range(SMALL.effort_seeds):
        assert {f"{c.name}, seed {seed}" for c in nearness.CONDITIONS} <= found.keys()
        assert {f"{c.name}, on the backbone of the dilated twin, seed {seed}" for c in nearness.SWAPPED} <= found.keys()
    for n in (1, 2, 3, 4):
        run = found[f"y_d after {n} blocks"]
        assert len(run["JPU"]["r2_by_phase"]) == run["rate"] ** 2
        assert run["interpolated y_s"]["r2_by_phase"][0] == pytest.approx(1), "y_s is phase (0, 0), exactly"


def test_the_pictures_are_those_of_the_record():
    (told,) = record("pictures")["found"].values()
    frames = {int(path.stem[-3:]): read_image(path).shape for path in (SMALL_RECORDS / "pictures").glob("frame_*.jpg")}
    assert sorted(frames) == told["frames"] and set(frames.values()) == {(3, 180, 5 * 240 + 4 * 6)}


def test_the_readme_quotes_the_record():
    rows: list[tuple[int, str]] = []
    runs: dict[str, list[dict]] = {}
    for name, run in record("camvid")["found"].items():
        runs.setdefault(name.split(",")[0], []).append(run)
    for same in runs.values():
        scores = [statistics.mean(run["test"][key] for run in same) for key in ("miou", "band_miou", "pixel_accuracy")]
        rows.append((round(same[0]["macs"] / 1e6), " ".join(f"{score:.3f}" for score in scores)))
    quoted = re.findall(r"^\| .+? \| (\d+) \| (0\.\d{3})(?: \([^)]*\))? \| (0\.\d{3}) \| (0\.\d{3}) \|$", README, re.M)
    assert sorted((int(macs), " ".join(scores)) for macs, *scores in quoted) == sorted(rows)
    maps = record("resemble")["found"]["linear maps"]["maps"]
    (line,) = re.findall(r"A linear map finds (.+?) interpolated\.", README, re.S)
    names = ("JPU", "c3, c4, c5", "interpolated y_s")
    assert re.findall(r"0\.\d\d", line) == [f"{maps[name]['r2_new_phases']:.2f}" for name in names]
