"""The evidence from a GPU, rehearsed on the CPU: whole in toy size, in pieces, and with things that go wrong."""

import argparse
import json
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

from jpu_edu import cli
from jpu_edu.bench import camvid, card, card_speed, gpu, gpu_parts, gpu_tables
from jpu_edu.bench.conv import Case
from jpu_edu.bench.gpu_parts import FULL, PARTS, QUICK, SMALL, Bench
from jpu_edu.bench.kept import Kept, Unfinished
from jpu_edu.commands import verify as command
from jpu_edu.cost import record
from jpu_edu.cost.ledger import total
from jpu_edu.cost.macs import layer_costs
from jpu_edu.cost.timing import Timings
from jpu_edu.data.decode import read_image
from jpu_edu.data.scenes import Scenes
from jpu_edu.models import weights
from jpu_edu.models.fuse import fuse
from jpu_edu.train import recipes

CPU = torch.device("cpu")


def claims(device: str, dtype: torch.dtype) -> list[dict[str, object]]:
    """A table of `verify` in which bfloat16 misses an identity."""
    half = dtype == torch.bfloat16
    row = {"label": "exact", "dtype": str(dtype), "tolerance": 1e-5, "verdict": ""}
    return [
        {"name": "C_d = S -> C_r -> M", "error": 0.1 if half else 0.0, "breaks": False, "passed": not half, **row},
        {"name": "reflect padding", "error": None, "breaks": True, "passed": True, **row},
    ]


def run(out: Path, *options: str, verify=claims) -> int:
    parser = argparse.ArgumentParser()
    gpu.add_arguments(parser)
    words = ["--quick", "--device", "cpu", "--out", str(out), "--runs", str(out / "runs"), *options]
    return gpu.main(parser.parse_args(words), verify=verify)


def bench(out: Path, **changes) -> Bench:
    return Bench(CPU, replace(QUICK, **changes), None, out, out / "runs", 1e6, claims)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One toy run of everything, on synthetic scenes."""
    out = tmp_path_factory.mktemp("gpu")
    assert run(out) == 0
    return out


def found(out: Path, part: str) -> dict:
    return json.loads((out / f"{part}.json").read_text())["found"]


# ------------------------------------------------------------------------------------------------ the whole, and pieces


def test_every_part_leaves_a_file_that_says_what_how_and_where(whole):
    for part in PARTS:
        kept = json.loads((whole / f"{part}.json").read_text())
        assert set(kept["found"]) == set(PARTS[part](bench(whole))), part
        (call,) = kept["calls"]
        assert call["machine"]["torch"] == torch.__version__ and call["commit"]
        assert kept["settings"]["quick"] and kept["settings"]["device"] == "cpu" and part in kept["command"]
        assert all(one["call"] == 0 for one in kept["found"].values())


def test_a_second_call_measures_nothing_and_prints_the_same_tables(whole, monkeypatch, capsys):
    def never(self, name, measure):
        raise AssertionError(f"{name} was measured again")

    monkeypatch.setattr(Kept, "once", never)
    assert run(whole) == 0
    printed = capsys.readouterr().out
    assert printed.endswith("Missing: 0\n") and "seconds" not in printed
    for words in (
        "C_d = S -> C_r -> M",
        "1.0e-01!",
        "EncNet-50, one image; the paper's ratio 2.00",
        "A JPU whose task",
    ):
        assert words in printed


def test_where_the_time_is_used_up_it_stops_and_says_what_is_missing(tmp_path, capsys):
    assert run(tmp_path, "--only", "exact", "camvid", "--seconds", "1") == 0
    printed = capsys.readouterr().out
    assert "Missing: 7" in printed and "exact: float32, TF32: no time left" in printed
    assert not list(tmp_path.glob("*.json"))


def test_a_training_goes_on_where_the_time_was_used_up(tmp_path, monkeypatch):
    """In three pieces: one without time, one that stops after some steps, one that ends it."""
    steps, pieces = 6, []
    whole, parts = (bench(tmp_path / name, steps=steps, rows=("fcn32s",)) for name in ("whole", "parts"))
    (wanted,) = (measure() for measure in PARTS["camvid"](whole).values())
    (measure,) = PARTS["camvid"](parts).values()
    parts.seconds = 0.0
    with pytest.raises(Unfinished, match="no time left to train"):
        measure()
    parts.seconds = 1e6
    train = camvid.train

    def slow(*arguments, seconds, **more):
        pieces.append(seconds)
        return train(*arguments, seconds=0.0 if len(pieces) < 3 else seconds, **more)

    monkeypatch.setattr(camvid, "train", slow)
    for taken in (1, 2):
        with pytest.raises(Unfinished, match=f"{taken} of 6 steps taken"):
            measure()
    got = measure()
    assert len(pieces) == 3 and got["curve"] == wanted["curve"] and got["test"] == wanted["test"]
    assert wanted["curve"]["steps"] == [1, 2, 3, 4, 5, 6] and len(wanted["val_curve"]["miou"]) == 6


def test_what_fails_is_listed_and_the_rest_goes_on(tmp_path, capsys):
    def broken(device, dtype):
        if dtype == torch.float32:
            raise RuntimeError("no kernel for this")
        return claims(device, dtype)

    assert run(tmp_path, "--only", "exact", verify=broken) == 1
    printed = capsys.readouterr()
    assert "exact: float32: failed: RuntimeError: no kernel for this" in printed.out
    assert list(found(tmp_path, "exact")) == ["float64", "bfloat16"] and "Traceback" in printed.err


def test_ctrl_c_ends_it_and_keeps_what_was_measured(tmp_path, capsys):
    def stopped(device, dtype):
        if dtype == torch.bfloat16:
            raise KeyboardInterrupt
        return claims(device, dtype)

    assert run(tmp_path, "--only", "exact", verify=stopped) == 130
    assert "the same command goes on" in capsys.readouterr().err and len(found(tmp_path, "exact")) == 3


def test_a_file_of_other_settings_is_not_gone_on_with(tmp_path, capsys):
    assert run(tmp_path, "--only", "exact") == 0
    assert run(tmp_path, "--only", "exact", "--steps", "3") == 0, "the length of training is nothing to exact"
    assert run(tmp_path, "--only", "slim") == 0
    capsys.readouterr()
    assert run(tmp_path, "--only", "slim", "--steps", "3") == 2
    assert "settings.steps: 2 there, 3 now" in capsys.readouterr().err
    assert run(tmp_path, "--only", "camvid", "--rows", "fcn32s", "--seeds", "2") == 0
    assert list(found(tmp_path, "camvid")) == ["fcn32s, seed 0", "fcn32s, seed 1"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--steps", "0"), "--steps 0; it must be at least 1"),
        (("--device", "abacus"), "--device abacus does not work here"),
    ],
)
def test_what_cannot_begin_is_said_in_one_line(tmp_path, capsys, options, said):
    assert run(tmp_path, *options) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_what_needs_something_says_what(tmp_path):
    with pytest.raises(Unfinished, match="needs CamVid; give its folder with --data"):
        bench(tmp_path, count=None).sets  # noqa: B018
    with pytest.raises(Unfinished, match=r"fastfcn_fcn_2/seed0/best.safetensors, which camvid writes"):
        PARTS["resemble"](bench(tmp_path))["linear maps"]()
    with pytest.raises(Unfinished, match="needs the labels of fcn32s, seed 0"):
        PARTS["pictures"](bench(tmp_path))["pictures"]()


def test_the_command_line_hands_the_identities_in(tmp_path, monkeypatch):
    monkeypatch.setattr(command, "verify", lambda setting: [])
    words = ["--quick", "--device", "cpu", "--only", "exact", "--out", str(tmp_path)]
    assert cli.main(["bench", "gpu", *words]) == 0
    assert set(found(tmp_path, "exact")) == {"float64", "float32", "float32, TF32", "bfloat16"}


def test_calls_that_differ_are_listed_and_measurements_say_which_made_them(tmp_path):
    path, about = str(tmp_path / "kept.json"), {"settings": {}, "machine": {}}
    Kept(path, about, call={"commit": "a"}).once("first", lambda: {"x": 1})
    later = Kept(path, about, call={"commit": "b"})
    assert later.once("first", lambda: {"x": 2}) == {"x": 1, "call": 0}
    assert later.once("second", lambda: {"x": 3}) == {"x": 3, "call": 1}
    assert [call["commit"] for call in json.loads(Path(path).read_text())["calls"]] == ["a", "b"]


# ------------------------------------------------------------------------------------------------------- the full plan


def test_the_full_plan_holds_what_the_evidence_needs(tmp_path):
    full = Bench(CPU, FULL, None, tmp_path, tmp_path, 0.0, claims)
    runs = PARTS["camvid"](full)
    assert len(camvid.ROWS) == 12 and len(runs) == 12 + 2 * 3
    assert list(runs)[:3] == ["fastfcn_fcn, seed 0", "fcn32s, seed 0", "dilated, seed 0"]
    for row, make in camvid.ROWS.items():
        recipe = full.recipe(make())
        assert recipe.name == f"camvid_{row}_r50"
        assert (recipe.config.steps, recipe.config.batch, recipe.config.crop) == (4600, 16, (360, 480))
        assert recipe.config == full.recipe(recipes.camvid_fcn32s_r50()).config, "one recipe for all"
    assert {1, 2, 4, 8, 16} == set(FULL.rates) and FULL.batches == (1, 2, 4, 8, 16, 32)
    names = PARTS["resemble"](full)
    assert "linear maps" in names and {f"y_d after {n} blocks" for n in (1, 2, 3, 6, 7, 9)} <= set(names)


def test_the_small_plan_has_the_same_networks_on_a_narrow_resnet_18_and_one_recipe(tmp_path):
    small = Bench(CPU, SMALL, None, tmp_path, tmp_path, 0.0, claims)
    assert list(PARTS["camvid"](small)) == list(
        PARTS["camvid"](Bench(CPU, FULL, None, tmp_path, tmp_path, 0.0, claims))
    )
    for make in camvid.ROWS.values():
        recipe = small.recipe(make())
        assert recipe.config == small.recipe(recipes.camvid_fcn32s_r50()).config
        with torch.device("meta"):
            backbone = recipe.model(11).backbone
        assert backbone.channels == (24, 24, 48, 96, 192)
    assert recipe.config.crop == tuple(n // SMALL.factor for n in (360, 480)) and recipe.config.precision == "float32"
    assert {f"y_d after {n} blocks" for n in (1, 2, 3, 4)} <= set(PARTS["resemble"](small))


def small(out: Path, *options: str) -> int:
    parser = argparse.ArgumentParser()
    gpu.add_arguments(parser)
    return gpu.main(
        parser.parse_args(["--small", "--out", str(out), "--runs", str(out / "runs"), *options]), verify=claims
    )


def test_small_is_about_what_trains_on_a_cpu(tmp_path, capsys, monkeypatch):
    assert small(tmp_path, "--only", "speed", "camvid", "exact") == 2
    assert "--small is about what trains, and has no exact, speed" in capsys.readouterr().err
    monkeypatch.setattr(gpu, "SMALL", replace(QUICK, width=24, backbone="resnet18", rows=("fcn32s",)))
    assert small(tmp_path, "--only", "camvid") == 0
    kept = json.loads((tmp_path / "camvid.json").read_text())
    assert kept["command"].endswith("bench gpu --small --only camvid") and kept["settings"]["device"] == "cpu"
    assert kept["found"]["fcn32s, seed 0"]["parameters"] > 1e6


def test_each_backbone_has_a_table_of_its_own():
    """The record of the small networks: no run of one backbone stands among those of another."""
    kept = json.loads((Path(__file__).parents[2] / "figures" / "data" / "small" / "resemble.json").read_text())["found"]
    first, second = gpu_tables.resemble(kept).split("Does being closer to y_d help? The frozen backbone of ")[1:]
    for name, text, other in (("fastfcn_fcn", first, "FPN"), ("dilated", second, "y_d")):
        assert text.startswith(name)
        runs = [r for r in kept.values() if "pull" in r and r.get("backbone", "fastfcn_fcn") == name]
        scores = {r["seed"]: r["test"]["miou"] for r in runs if r["name"] == "JPU"}
        assert " ".join(f"{scores[seed]:.4f}" for seed in range(3)) in text
        gains = [r["test"]["miou"] - scores[r["seed"]] for r in runs if r["name"] == other]
        assert f"mIoU of {other!r} minus 'JPU', by seed: {', '.join(f'{gain:+.4f}' for gain in gains)}" in text
    assert "FPN" not in second


def test_the_slim_network_fits_into_8_megabytes_in_half_precision():
    with torch.device("meta"):
        model = camvid.slim_recipe().model(11)
    assert 2 * sum(t.numel() for t in model.state_dict().values()) < 7.8e6
    assert model.architecture["builder"] == "fastfcn" and model.architecture["head"] == "enc"


def test_a_recipe_on_another_backbone_keeps_everything_else():
    recipe = recipes.camvid_fastfcn_psp_r50()
    tiny = camvid.shrunk(recipe, "tiny")
    model = tiny.model(7)
    assert model.architecture["head"] == "psp" and model.architecture["classes"] == 7
    assert model.architecture["backbone"]["name"] == "tiny" and tiny.config == recipe.config


def test_frames_are_spread_over_the_test_set():
    sets = camvid.Sets(*[Scenes(233)] * 3)
    assert sets.frames(8) == [14, 43, 72, 101, 131, 160, 189, 218]


# -------------------------------------------------------------------------------------------- precision, and the device


def test_the_switches_are_as_before_afterwards_whatever_happens():
    def now() -> tuple[bool, ...]:
        return (
            torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32, torch.backends.cudnn.benchmark,
        )  # fmt: skip

    before = now()
    for tf32 in (True, False):
        with card.computing(tf32=tf32, benchmark=tf32):
            assert now() == (tf32, tf32, tf32)
            with pytest.raises(ZeroDivisionError), card.computing(tf32=not tf32, benchmark=not tf32):
                assert now() == (not tf32,) * 3
                1 / 0  # noqa: B018
            assert now() == (tf32, tf32, tf32)
    assert now() == before


def test_tf32_is_on_where_it_is_asked_for_and_nowhere_else(tmp_path):
    seen = {}

    def look(device, dtype):
        seen.setdefault(dtype, []).append((torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32))
        return claims(device, dtype)

    run(tmp_path, "--only", "exact", verify=look)
    assert seen[torch.float32] == [(False, False), (True, True)] and seen[torch.float64] == [(False, False)]
    assert {way for way, (tf32, _) in card_speed.WAYS.items() if not tf32} == {
        "official form, float32", "float32, auxiliary head", "float32",
    }  # fmt: skip


def test_limits_are_positive_and_memory_is_unknown_on_a_cpu():
    assert min(card.limits(CPU, size=64, mib=1).values()) > 0
    assert card.peak_mib(lambda: None, CPU) is None


def test_on_a_gpu_a_task_is_warmed_up_aside_recorded_once_and_played_back(monkeypatch):
    """With the calls to CUDA replaced by notes of them, in the order that PyTorch asks for."""
    notes = []

    class Stream:
        def wait_stream(self, other):
            notes.append("wait")

    class Graph:
        def replay(self):
            notes.append("play")

    @contextmanager
    def within(thing):
        notes.append(f"in {type(thing).__name__}")
        yield

    for name, value in {
        "Stream": lambda device: Stream(), "current_stream": lambda device: Stream(), "CUDAGraph": Graph,
        "stream": within, "graph": within,
    }.items():  # fmt: skip
        monkeypatch.setattr(torch.cuda, name, value)
    play = card.recorded(lambda: notes.append("task") or "result", torch.device("cuda"))
    assert notes == ["wait", "in Stream", "task", "task", "task", "wait", "in Graph", "task"]
    assert play() == play() == "result" and notes[-2:] == ["play", "play"]


def test_memory_is_the_peak_of_a_warm_call_over_what_was_there(monkeypatch):
    state = {"now": 10 * 2**20, "peak": 0}
    for name, value in {
        "synchronize": lambda device: None, "reset_peak_memory_stats": lambda device: state.update(peak=state["now"]),
        "memory_allocated": lambda device: state["now"], "max_memory_allocated": lambda device: state["peak"],
    }.items():  # fmt: skip
        monkeypatch.setattr(torch.cuda, name, value)
    steps = iter((500, 3))  # the first call needs a workspace that stays

    def task():
        state["peak"] = max(state["peak"], state["now"] + next(steps) * 2**20)

    assert card.peak_mib(task, torch.device("cuda")) == 3


def test_short_kernels_are_played_back_often_and_the_time_is_that_of_one(monkeypatch):
    seconds, calls = {"short": 1e-5, "long": 0.5}, {"short": 0, "long": 0}

    def pretend(tasks, *, repeats, warmup):
        """A clock that counts the calls of each task."""
        told = {}
        for name, task in tasks.items():
            before = calls[name]
            task()
            told[name] = ((calls[name] - before) * seconds[name],)
        return Timings(told)

    def count(name):
        calls[name] += 1

    monkeypatch.setattr(card, "time_in_turn", pretend)
    got = card.seconds_alone({name: partial(count, name) for name in seconds}, CPU, repeats=1)
    assert got == pytest.approx(seconds) and calls == {"short": 1 + 200, "long": 1 + 1}


def test_a_machine_with_a_gpu_names_its_software(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "a card")
    monkeypatch.setattr(record, "_said", lambda *command: "580.1" if command[0] == "nvidia-smi" else "")
    told = record.machine("cuda")
    assert told["gpu"] == "a card" and told["driver"] == "580.1" and {"cuda", "cudnn"} <= told.keys()
    assert record.commit() == "unknown"


def test_a_commit_is_marked_where_files_differ(monkeypatch):
    monkeypatch.setattr(record, "_said", lambda *command: "abc123" if "rev-parse" in command else " M file")
    assert record.commit() == "abc123+"
    monkeypatch.undo()
    assert record._said("no such program", "x") == ""


# ------------------------------------------------------------------------------------------------------- the parts


def test_every_way_to_run_a_pair_gives_the_same_scores():
    models, x = card_speed.twins("EncNet-50", CPU, backbone="tiny"), torch.randn(1, 3, 64, 64)
    assert set(models) == {"dilated", "FastFCN"}
    for model in models.values():
        with torch.no_grad():
            want = model(x).logits
            for way, (_, make) in card_speed.WAYS.items():
                got = make(model, x)().logits.float()
                error = ((got - want).abs().max() / want.abs().max()).item()
                assert error < (0.1 if "bfloat16" in way else 1e-4), way


@pytest.mark.parametrize("which", ["dilated", "FastFCN"])
def test_the_parts_add_up_to_the_network(which):
    model = fuse(card_speed.twins("EncNet-50", CPU, backbone="tiny")[which], dtype=torch.bfloat16)
    x = torch.randn(2, 3, 64, 96)
    told = card_speed.parts(model, x, limits={"tflops": 1.0, "gbytes": 100.0}, repeats=2)
    parts, whole = told["parts"], told["whole"]
    convolutions = total(layer_costs(model, torch.empty(x.shape, device="meta"))).macs / 1e9
    assert whole["gmac"] == pytest.approx(convolutions, rel=0.02), "the rest are the head's linear layers"
    assert whole["gmac"] == pytest.approx(
        sum(parts[p]["gmac"] for p in ("backbone", "head") + ("neck",) * ("neck" in parts))
    )
    assert ("neck, depthwise" in parts) == (which == "FastFCN") == ("neck" in parts)
    if which == "FastFCN":
        kinds = [parts[f"neck, {kind}"] for kind in ("3x3", "depthwise", "1x1")]
        for key in ("gmac", "floor_ms"):
            assert sum(kind[key] for kind in kinds) == pytest.approx(parts["neck"][key])
        # 4 branches x 3 levels x 32 channels x 9 taps, 2 images of 8 x 12 pixels
        assert kinds[1]["gmac"] == pytest.approx(4 * 96 * 9 * 2 * 8 * 12 / 1e9)
        # read and written once, in two bytes, with weights and shift: at 100 GB/s that takes longer than the arithmetic
        assert kinds[1]["floor_ms"] == pytest.approx(4 * 2 * (2 * 2 * 96 * 96 + 96 * 9 + 96) / 100e9 * 1e3)
    assert parts["upsampling"]["gmac"] == 0 and min(p["ms"] for p in parts.values()) > 0


def test_a_case_of_convolution_may_have_a_batch_and_a_device():
    case = Case("depthwise", 6, 9, 2, True, "float32", "channels-last", 3, "cpu")
    x, weight, upstream = case.tensors()
    assert x.shape == upstream.shape == (3, 6, 9, 9) and weight.shape == (6, 1, 3, 3)
    (row,) = card_speed.conv_rows([case], repeats=2)
    assert set(row["ms"]) == set(row["eager_ms"]) == {"native", "padded", "phases"}
    assert row["native/phases"] == pytest.approx(row["ms"]["native"] / row["ms"]["phases"]) and row["batch"] == 3


def test_the_table_of_convolutions_names_where_phases_gain():
    row = {"rate": 8, "backward": True, "ms": {"native": 3, "padded": 3, "phases": 2},
           "eager_ms": {"native": 3, "padded": 3, "phases": 3}, "native/phases": 1.5}  # fmt: skip
    said = gpu_tables.conv({"depthwise": {"rows": [row, row | {"rate": 2, "native/phases": 1.05}]}})
    assert said.endswith("Phases are faster by 1.1 or more: depthwise, rate 8, both.")


def test_the_answer_about_y_d_can_be_no():
    """What is printed follows the intervals and the seeds, whichever way they fall."""
    a = {"channels": 8, "r2": 0.5, "r2_new_phases": 0.4, "r2_by_phase": [0.3, 0.6]}
    minus = {
        "bilinear": {"difference": 0.2, "low": 0.1, "high": 0.3},
        "pyramid": {"difference": 0.01, "low": -0.1, "high": 0.1},
    }
    runs = {
        f"{name}, seed {seed}": {"name": name, "pull": 1.0, "seed": seed, **a, "test": {"miou": miou}}
        for name, seed, miou in (("JPU", 0, 0.60), ("JPU", 1, 0.62), ("near", 0, 0.59), ("near", 1, 0.63))
    }
    maps = {name: a for name in ("JPU", "bilinear", "pyramid")}
    said = gpu_tables.resemble({"linear maps": {"maps": maps, "JPU minus": minus}, **runs})
    assert "The trained JPU explains more than bilinear; not more than pyramid." in said
    assert said.endswith("mIoU of 'near' minus 'JPU', by seed: -0.0100, +0.0100")


def test_a_slim_checkpoint_is_what_was_measured(whole):
    told = found(whole, "slim")["slim"]
    path = whole / told["file"]
    model = weights.load(path)
    assert path.stat().st_size == told["bytes"] and {p.dtype for p in model.parameters()} == {torch.float16}
    again = camvid.scores(model.float(), bench(whole).sets.test, CPU)
    assert again == told["half"]


def test_a_network_is_measured_on_images_that_training_never_saw(whole):
    sets = bench(whole).sets
    told = found(whole, "camvid")["fastfcn_fcn, seed 0"]
    best = weights.load(whole / "runs" / "fastfcn_fcn_2" / "seed0" / "best.safetensors")
    assert camvid.scores(best, sets.test, CPU) == told["test"]
    assert told["test"]["images"] == 4 and told["macs"] > 0 and told["images_per_second"] > 0


def test_pictures_show_frame_truth_and_three_networks_side_by_side(whole):
    told = found(whole, "pictures")["pictures"]
    assert told["panels"] == ["image", "truth", "fcn32s", "dilated", "fastfcn_fcn"]
    sets, files = bench(whole).sets, sorted((whole / "pictures").glob("frame_*.jpg"))
    height, width = sets.test[0].labels.shape
    assert [read_image(file).shape for file in files] == [(3, height, 5 * width + 4 * 6)] * len(told["frames"])
    assert len(list((whole / "labels").glob("*.png"))) == 3 * len(told["frames"])
    assert set(told["pixel_accuracy"]) == set(camvid.SHOWN)


def test_the_curves_are_thinned_and_the_speed_is_the_median(tmp_path):
    lines = [{"step": s, "loss": 1 / s, "images_per_second": 5.0 if s == 1 else 100.0 + s % 2} for s in range(1, 501)]
    lines += [{"step": 500, "miou": 0.51239, "band_miou": 0.4}]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    told = camvid.told(tmp_path)
    assert len(told["curve"]["steps"]) == len(told["curve"]["loss"]) == 100 and told["images_per_second"] in (100, 101)
    assert told["val_curve"] == {"steps": [500], "miou": [0.5124], "band_miou": [0.4]}


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_was_not_measured_has_an_empty_table(part):
    assert isinstance(gpu_tables.TABLES[part]({}), str) and gpu_parts.PARTS.keys() == gpu_tables.TABLES.keys()


def test_parts_of_camvid_itself_can_be_rehearsed(camvid_root, tmp_path):
    assert run(tmp_path, "--only", "camvid", "--rows", "fastfcn_fcn", "--data", str(camvid_root)) == 0
    assert found(tmp_path, "camvid")["fastfcn_fcn, seed 0"]["test"]["images"] == 4
