"""Two processes make the step that one makes: the same gradients, the same weights, one folder, one log."""

import multiprocessing
import os
import shutil
import socket
from pathlib import Path

import pytest
import torch

from jpu_edu.data.batches import Batches
from jpu_edu.train import checkpoint
from jpu_edu.train.distributed import World, joined
from jpu_edu.train.log import curve, read_log
from jpu_edu.train.loop import train
from jpu_edu.train.step import gradients
from tests.train import small
from tests.train.together import SECONDS, TRIES

processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["tests.conftest", "tests.train.test_distributed"])


def network(norm: str) -> torch.nn.Module:
    """Without dropout, which draws different channels in different processes."""
    model = small.network(norm=norm)
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout2d):
            module.p = 0.0
    return model


def gradients_of(world: World, norm: str, accumulate: int) -> list[torch.Tensor]:
    """Of a batch whose images have different numbers of labelled pixels, in float64."""
    config = small.config(batch=8, accumulate=accumulate, crop=(32, 40))
    model = world.wrapped(network(norm).double().train())
    images, labels = Batches(
        small.Bricks(12), batch=8, crop=config.crop, seed=0, rank=world.rank, world=world.size
    ).at(0)  # fmt: skip
    first = world.rank * len(labels)
    for i in range(len(labels)):
        labels[i, : 4 * (first + i)] = 255
    gradients(model, images.double(), labels, config, world)
    return [p.grad for p in model.parameters()]


def run_gradients(folder: Path, norm: str, accumulate: int) -> None:
    with joined("cpu") as world:
        torch.save(gradients_of(world, norm, accumulate), folder / f"{world.rank}.pt")


def run_training(folder: Path, norm: str, resume: bool, seconds: float | None) -> None:
    """Each process has its own folder in mind, as on two machines: the second's is never made."""
    rank = int(os.environ["RANK"])
    model = network(norm)
    train(
        model, small.Bricks(12), small.Bricks(3, split="val"), small.config(lr=0.005, ema=0.9),
        folder=folder / ("run" if rank == 0 else "elsewhere"), resume=resume, seconds=seconds, progress=False,
    )  # fmt: skip
    torch.save(model.state_dict(), folder / f"weights {rank}.pt")


def run_refused(folder: Path) -> None:
    with joined("cpu") as world:
        try:
            world.wrapped(small.network(norm="sync"))
        except ValueError as error:
            (folder / f"{world.rank}.txt").write_text(str(error))


def entry(rank: int, port: int, target, arguments: tuple) -> None:
    os.environ.update(
        MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE="2"
    )
    torch.set_num_threads(1)
    target(*arguments)


def two(target, *arguments, begun: Path | None = None) -> None:
    """Run it in two processes with the environment that torchrun gives them. Who never meets the other starts anew.

    Args:
        begun: what a try that hangs may leave behind, and the next one must not find.
    """
    for attempt in range(TRIES):
        if begun and attempt:
            shutil.rmtree(begun, ignore_errors=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        started = [processes.Process(target=entry, args=(rank, port, target, arguments)) for rank in range(2)]
        for process in started:
            process.start()
        for process in started:
            process.join(SECONDS)
        if not any(process.is_alive() for process in started):
            break
        for process in started:
            process.kill()
            process.join()
    assert [process.exitcode for process in started] == [0, 0]


@pytest.mark.parametrize(("norm", "accumulate"), [("group", 1), ("frozen", 2)])
def test_two_processes_have_the_gradients_of_one(tmp_path, norm, accumulate):
    two(run_gradients, tmp_path, norm, accumulate)
    want = gradients_of(World(0, 1, torch.device("cpu")), norm, 1)
    for rank in range(2):
        got = torch.load(tmp_path / f"{rank}.pt")
        for a, b in zip(got, want, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)
    assert max(g.abs().max() for g in want) > 1e-3


def test_two_processes_end_with_the_weights_of_one_and_go_on_together(tmp_path):
    model = network("group")
    config = small.config(lr=0.005, ema=0.9)
    train(model, small.Bricks(12), small.Bricks(3, split="val"), config, folder=tmp_path / "one", progress=False)
    two(run_training, tmp_path, "group", False, 0.0, begun=tmp_path / "run")
    assert [checkpoint.steps_of(p) for p in checkpoint.checkpoints(tmp_path / "run")] == [1]
    two(run_training, tmp_path, "group", True, None)
    assert not (tmp_path / "elsewhere").exists()

    ours, others = (torch.load(tmp_path / f"weights {rank}.pt") for rank in range(2))
    for name, weight in model.state_dict().items():
        torch.testing.assert_close(ours[name], weight, rtol=1e-4, atol=1e-6)
        assert torch.equal(ours[name], others[name])
    for name in ("loss", "main", "aux", "se", "miou"):
        (steps, got), (same_steps, want) = (curve(read_log(tmp_path / run), name) for run in ("run", "one"))
        assert steps == same_steps and got == pytest.approx(want, rel=1e-3)


def test_sync_batchnorm_on_cpus_is_refused_with_the_remedy(tmp_path):
    two(run_refused, tmp_path)
    for rank in range(2):
        assert "Build the network with norm='group' or norm='frozen'" in (tmp_path / f"{rank}.txt").read_text()


def test_alone_there_is_nothing_to_join():
    with joined("cpu") as world:
        assert world == World(0, 1, torch.device("cpu")) and world.first
        assert not torch.distributed.is_initialized()
        assert torch.equal(world.total(torch.ones(2)), torch.ones(2)) and world.from_first("x") == "x"
        model = small.network()
        assert world.wrapped(model) is model
