"""A run: it learns, it can be stopped and gone on with, it looks after its folder, and its faults are explained."""

import errno
import functools
import json
import os
import signal
import subprocess
import sys
import threading

import pytest
import torch
from safetensors import SafetensorError
from torch import nn

from jpu_edu.data.classes import Classes
from jpu_edu.models import weights
from jpu_edu.train import checkpoint, log, loop
from jpu_edu.train.evaluate import evaluate
from jpu_edu.train.log import curve, read_log
from jpu_edu.train.loop import Result, train
from tests.train import small


def run(
    folder, *, model=None, sets=None, resume=False, seconds=None, watch=None, **settings
) -> tuple[Result, nn.Module]:
    model = model or small.network()
    result = train(
        model, *(sets or small.sets()), small.config(**settings),
        folder=folder, resume=resume, seconds=seconds, watch=watch, progress=False,
    )  # fmt: skip
    return result, model


def same(one: nn.Module, other: nn.Module) -> bool:
    """Whether all weights and statistics have the same bits."""
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


def steps(folder) -> list[int]:
    return [checkpoint.steps_of(path) for path in checkpoint.checkpoints(folder)]


def at(taken: int, act):
    """A watcher that acts once, when this many steps are taken."""
    return lambda record: act() if record["step"] == taken and "loss" in record else None


def test_it_learns(tmp_path):
    result, _ = run(
        tmp_path, model=small.network(head="fcn"), steps=60, batch=6, lr=0.01, lr_factor=1.0, optimiser="adamw",
        scale=(1.0, 1.0), blur=False, evaluate_every=60, save_every=60, log_every=1,
    )  # fmt: skip
    _, losses = curve(read_log(tmp_path), "main")
    assert sum(losses[-5:]) < 0.5 * sum(losses[:5])
    assert result.evaluation.miou == result.best_miou > 0.5


def test_what_a_run_leaves(tmp_path):
    result, model = run(tmp_path / "new" / "run", log_every=2)
    folder = result.folder
    assert (result.steps, result.stopped, steps(folder)) == (6, None, [4, 6])
    records = read_log(folder)
    assert curve(records, "loss")[0] == [2, 4, 6] and curve(records, "miou")[0] == [4, 6]
    assert {"main", "aux", "se", "lr", "images_per_second"} <= records[0].keys()
    assert {"band_miou", "pixel_accuracy", "iou"} <= records[-1].keys() and "matrix" not in records[-1]
    told = json.loads((folder / "config.json").read_text())
    assert told["config"]["batch"] == 4 and told["classes"] == ["ground", "red", "blue"]
    assert told["network"]["builder"] == "fastfcn" and told["images"]["count"] == 12 and "torch" in told["machine"]
    best = weights.load(folder / "best.safetensors")
    assert evaluate(best, small.sets()[1]).miou == result.best_miou == max(curve(records, "miou")[1])
    assert best.classes == small.sets()[0].classes and list(best.crop) == told["config"]["crop"]
    assert model.training and result.images_per_second > 0


SETTINGS = [
    {},
    {"ema": 0.9, "accumulate": 2, "channels_last": False},
    {"optimiser": "adamw", "schedule": "one_cycle", "precision": "bfloat16"},
]


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_the_run_goes_on_bit_by_bit(tmp_path, settings, number, capsys):
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    whole, expected = run(tmp_path / "whole", **settings)
    part, _ = run(tmp_path / "cut", watch=at(2, lambda: os.kill(os.getpid(), number)), **settings)
    assert (part.steps, part.stopped) == (3, "interrupted")
    assert steps(tmp_path / "cut") == [2, 3] and "finishing this step" in capsys.readouterr().err
    rest, got = run(tmp_path / "cut", model=small.network(seed=5), resume=True, **settings)
    assert (rest.steps, rest.stopped, rest.best_miou) == (6, None, whole.best_miou)
    assert same(got, expected)
    for name in ("loss", "miou"):
        assert curve(read_log(tmp_path / "cut"), name) == curve(read_log(tmp_path / "whole"), name)
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_second_ctrl_c_stops_at_once(tmp_path):
    def twice():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, watch=at(3, twice))
    assert steps(tmp_path) == [2]


def test_a_time_limit_ends_a_piece_and_pieces_make_the_run(tmp_path):
    _, expected = run(tmp_path / "whole")
    for taken in range(1, 6):
        result, _ = run(tmp_path / "cut", seconds=0.0, resume=True)
        assert (result.steps, result.stopped) == (taken, "time")
    result, got = run(tmp_path / "cut", seconds=0.0, resume=True)
    assert (result.steps, result.stopped) == (6, None) and same(got, expected)
    result, got = run(tmp_path / "cut", model=small.network(seed=5), resume=True)
    assert result.steps == 6 and same(got, expected), "a run that is over gives its weights"


def test_it_runs_in_a_thread_which_has_no_signals(tmp_path):
    done = []
    thread = threading.Thread(target=lambda: done.append(run(tmp_path, steps=2)[0].steps))
    thread.start()
    thread.join()
    assert done == [2]


def test_a_folder_with_a_run_is_refused_without_resume_and_stays_as_it_is(tmp_path):
    run(tmp_path, steps=2)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    with pytest.raises(FileExistsError, match=r"holds a run \(2 steps\)\. Go on with --resume"):
        run(tmp_path, steps=2)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_two_runs_into_one_folder_are_refused(tmp_path):
    def another():
        with pytest.raises(BlockingIOError, match=rf"process {os.getpid()} on .* trains into") as refused:
            run(tmp_path, resume=True)
        assert "name another folder" in str(refused.value)
        met.append(True)

    met = []
    run(tmp_path, watch=at(3, another))
    assert met
    run(tmp_path, resume=True)  # the lock went with the run


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"model": functools.partial(small.network, head="fcn")}, "network.head: enc there, fcn now"),
        ({"lr": 0.02}, "config.lr: 0.01 there, 0.02 now"),
        ({"crop": (32, 40)}, r"config.crop: \[32, 32\] there, \[32, 40\] now"),
        ({"sets": (small.Bricks(13), small.Bricks(3))}, "images.count: 12 there, 13 now"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused_with_the_differences(tmp_path, change, line):
    run(tmp_path, steps=2)
    change = dict(change)
    if "model" in change:
        change["model"] = change["model"]()
    with pytest.raises(ValueError, match=line):
        run(tmp_path, resume=True, **{"steps": 2} | change)


def test_a_network_put_together_by_hand_is_known_by_its_shapes(tmp_path):
    model, other = small.network(), small.network(head="fcn")
    model.architecture = other.architecture = None
    run(tmp_path, model=model, steps=2)
    with pytest.raises(ValueError, match=r"network\.head\..*: .* there, nothing now"):
        run(tmp_path, model=other, steps=2, resume=True)
    assert not (tmp_path / "best.safetensors").exists()


def test_where_it_computes_and_when_it_reports_may_change(tmp_path):
    _, expected = run(tmp_path / "whole", model=small.network(norm="group", head="fcn"))
    run(tmp_path / "cut", model=small.network(norm="group", head="fcn"), seconds=0.0)
    result, got = run(
        tmp_path / "cut", model=small.network(norm="group", head="fcn"), resume=True,
        save_every=5, log_every=3, evaluate_every=6, resident=True,
    )  # fmt: skip
    assert result.steps == 6 and same(got, expected)


def test_a_damaged_checkpoint_is_passed_over_and_said(tmp_path, capsys):
    _, expected = run(tmp_path)
    last = checkpoint.checkpoints(tmp_path)[-1]
    last.write_bytes(last.read_bytes()[:1000])
    model = small.network(seed=5)
    train(model, *small.sets(), small.config(), folder=tmp_path, resume=True)
    assert same(model, expected)
    said = capsys.readouterr().out
    assert f"{last.name}' is damaged" in said and "Going on after 4 steps" in said


def poisoned(call: int) -> nn.Module:
    """A network that computes NaN in its n-th training step."""
    model, calls = small.network(), []

    def poison(module, inputs, output):
        calls.append(1)
        return output * float("nan") if len(calls) == call else output

    model.neck.register_forward_hook(poison)
    return model


def test_nan_stops_the_run_says_where_and_keeps_the_last_good_checkpoint(tmp_path):
    with pytest.raises(FloatingPointError, match=r"the loss of step 4 is not a number.*lr below 0\.01, or give warmup"):
        run(tmp_path, model=poisoned(5), save_every=1, evaluate_every=6)
    assert steps(tmp_path) == [3, 4]
    state, wrong = checkpoint.newest(tmp_path)
    assert not wrong and all(t.isfinite().all() for t in state["model"].values())
    _, expected = run(tmp_path / "whole", save_every=1, evaluate_every=6)
    _, got = run(tmp_path, save_every=1, evaluate_every=6, resume=True)
    assert same(got, expected)


def test_weights_that_are_not_finite_are_not_saved(tmp_path):
    model = small.network()

    def spoil():
        with torch.no_grad():
            model.neck.branches[0].norm.weight[0] = float("inf")

    with pytest.raises(FloatingPointError, match=r"after 6 steps neck\.branches\.0\.norm\.weight is not finite"):
        run(tmp_path, model=model, watch=at(6, spoil), evaluate_every=100)
    assert steps(tmp_path) == [2, 4]


def out_of_memory(kind: str) -> None:
    if kind == "gpu":
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
    torch.empty(1 << 46)  # more than any machine has


@pytest.mark.parametrize("kind", ["gpu", "cpu"])
def test_out_of_memory_says_what_to_lower(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(loop, "gradients", lambda *_: out_of_memory(kind))
    with pytest.raises(MemoryError, match=r"batch=4, accumulate=1, crop=\(32, 32\)\. Raise accumulate to 2.*bfloat16"):
        run(tmp_path)


def test_another_runtime_error_passes_as_it_is(tmp_path, monkeypatch):
    def fail(*_):
        raise RuntimeError("something else")

    monkeypatch.setattr(loop, "gradients", fail)
    with pytest.raises(RuntimeError, match=r"^something else$"):
        run(tmp_path)


def test_a_full_disk_stops_the_run_and_it_goes_on_when_there_is_room(tmp_path, monkeypatch):
    _, expected = run(tmp_path / "whole")
    real = checkpoint.write

    def full(path, content):
        if path.name.startswith("step-00000004"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "write", full)
        with pytest.raises(
            OSError, match=r"after 4 steps could not be written.*No space left.*after 2 steps is untouched"
        ):
            run(tmp_path / "cut")
    assert steps(tmp_path / "cut") == [2]
    _, got = run(tmp_path / "cut", resume=True)
    assert same(got, expected)
    losses = curve(read_log(tmp_path / "cut"), "loss")
    assert losses == curve(read_log(tmp_path / "whole"), "loss")


@pytest.mark.parametrize("what", ["best.safetensors", "log.jsonl"])
def test_whatever_cannot_be_written_is_named_and_costs_nothing(tmp_path, monkeypatch, what):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left") if what == "log.jsonl" else SafetensorError("No space left")

    with monkeypatch.context() as patch:
        patch.setattr(*((log, "_line") if what == "log.jsonl" else (weights, "save_file")), full)
        with pytest.raises(OSError, match=rf"train: {what} could not be written to .*No space left.*--resume"):
            run(tmp_path / "cut")
    _, expected = run(tmp_path / "whole")
    _, got = run(tmp_path / "cut", resume=True)
    assert same(got, expected)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        run(tmp_path / "file" / "run")


def test_what_a_killed_process_was_writing_is_cleared_away(tmp_path):
    run(tmp_path, steps=2)
    (tmp_path / ".step-00000004-0123456789abcdef.pt.abc.tmp").write_text("half")
    (tmp_path / ".best.safetensors.xyz").write_text("half")
    (tmp_path / ".mine").write_text("")
    run(tmp_path, steps=2, resume=True)
    assert sorted(p.name for p in tmp_path.glob(".*")) == [".mine"]


def test_classes_that_do_not_fit_are_refused_before_anything_is_made(tmp_path):
    other = Classes(("ground", "blue", "red"), ((0, 0, 0),) * 3)
    with pytest.raises(ValueError, match=r"has the classes ground, red, blue; .* ground, blue, red"):
        run(tmp_path / "run", sets=(small.Bricks(4), small.Bricks(4, classes=other)))
    two = small.Bricks(4, classes=Classes(("ground", "brick"), ((0, 0, 0),) * 2))
    with pytest.raises(ValueError, match=r"the network tells 3 classes, bricks train has 2.*build it with classes=2"):
        run(tmp_path / "run", sets=(two, two))
    with pytest.raises(ValueError, match=r"bricks val has no images"):
        run(tmp_path / "run", sets=(small.Bricks(4), small.Bricks(0, split="val")))
    assert not (tmp_path / "run").exists()


def test_an_unknown_device_is_refused(tmp_path):
    with pytest.raises(ValueError, match="device 'cuda:99' does not work here"):
        train(small.network(), *small.sets(), small.config(), folder=tmp_path, device="cuda:99", progress=False)


def test_the_moving_average_is_what_is_scored_and_kept(tmp_path):
    kept, model = [], small.network(norm="group", head="fcn")
    parameter = model.head.classifier[1].weight
    result, _ = run(
        tmp_path, model=model, ema=0.8, evaluate_every=6, watch=lambda r: kept.append(parameter.detach().clone())
    )
    average = kept[0]
    for weight in kept[1:6]:
        average = 0.8 * average + 0.2 * weight
    best = weights.load(result.folder / "best.safetensors")
    torch.testing.assert_close(best.head.classifier[1].weight.detach(), average)
    assert (average - parameter).abs().max() > 1e-4
    assert torch.equal(evaluate(best, small.sets()[1]).matrix, result.evaluation.matrix)
    assert not torch.equal(evaluate(model, small.sets()[1]).matrix, result.evaluation.matrix)


COMPILED = """
import functools, sys, torch
from tests.train import small
from jpu_edu.train.loop import train

torch.compile = functools.partial(torch.compile, backend="eager")
weights = []
for compiled in (False, True):
    model = small.network()
    folder = f"{sys.argv[1]}/{compiled}"
    result = train(model, *small.sets(), small.config(steps=2, compile=compiled), folder=folder, progress=False)
    assert result.evaluation.miou >= 0
    weights.append(model.state_dict())
assert weights[0].keys() == weights[1].keys() and all(torch.equal(weights[0][k], weights[1][k]) for k in weights[0])
print("calls of the tracer:", torch._dynamo.utils.counters["stats"]["unique_graphs"])
"""


@pytest.mark.slow
def test_the_compiled_network_is_the_same_network(tmp_path, root):
    """Traced without the code generator; in its own process, since tracing would look into the type checker."""
    done = subprocess.run(
        [sys.executable, "-c", COMPILED, str(tmp_path)], cwd=root, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout.split()[-1]) >= 1
