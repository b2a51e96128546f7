"""The training loop, from the first step to the last, on one page.

step     0 .. steps - 1; `taken` = step + 1 is what logs and checkpoints count
"""

from collections.abc import Callable
from contextlib import closing, nullcontext
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch

from jpu_edu.data.batches import Batches
from jpu_edu.data.sets import ImageSet
from jpu_edu.models.segmenter import Segmenter
from jpu_edu.train import speed
from jpu_edu.train.config import Config
from jpu_edu.train.distributed import joined
from jpu_edu.train.evaluate import Evaluation, evaluate
from jpu_edu.train.faults import Finite, check_sets, check_weights, memory_advice
from jpu_edu.train.folder import opened
from jpu_edu.train.log import Reporter
from jpu_edu.train.state import State
from jpu_edu.train.step import gradients, opening, seed_step, set_rate
from jpu_edu.train.stop import Reason, stopping


@dataclass(frozen=True)
class Result:
    """How a run ended.

    Fields:
        folder: where everything is.
        steps: taken so far.
        stopped: None at the end of the schedule, else why before.
        evaluation: the last one, or None.
        best_miou, best_step: of the network in best.safetensors.
        images_per_second: median, of this process's images times the number of processes.
        speeds: what `speed.report` says.
    """

    folder: Path
    steps: int
    stopped: Reason | None
    evaluation: Evaluation | None = field(repr=False)
    best_miou: float
    best_step: int
    images_per_second: float
    speeds: dict[str, float]


def train(
    model: Segmenter,
    train_set: ImageSet,
    val_set: ImageSet,
    config: Config,
    *,
    folder: str | Path,
    device: str = "cpu",
    resume: bool = False,
    seconds: float | None = None,
    progress: bool = True,
    watch: Callable[[dict[str, Any]], None] | None = None,
) -> Result:
    """Train a network on a set, evaluate it on another, and keep everything in a folder.

    Notice: a run that was killed at any moment and goes on with `resume` ends with the bytes of one that never was
    (on a CPU, with as many threads).

    Args:
        model: trained in place. Where it starts from is where it is: initialised after torch.manual_seed, or loaded.
        config: every number.
        folder: of this run alone; see `folder` for what is in it afterwards.
        device: "cpu" or "cuda". Under torchrun each process takes its own GPU; see `distributed`.
        resume: go on from the last checkpoint in the folder; without one, begin.
        seconds: stop, saved, at the first step after this time.
        progress: whether to print and to show a bar.
        watch: called with every record that goes into the log, such as to draw a curve.

    Raises:
        ValueError: settings that do not fit one another, the set, or the run in the folder.
        FileExistsError, BlockingIOError: a run is in the folder, or is being made there.
        FloatingPointError: the loss became NaN or infinite. MemoryError: says what to lower.
        OSError: a checkpoint could not be written. In each case the earlier ones are untouched.

    Source: FastFCN, section 4.1; walkthrough 11.
    """
    check_sets(model, train_set, val_set)
    model.classes, model.crop = train_set.classes, config.crop  # they travel with best.safetensors
    shapes = {name: list(tensor.shape) for name, tensor in model.state_dict().items()}
    about = {
        "network": model.architecture or shapes,
        "config": asdict(config),
        "classes": list(train_set.classes.names),
        "images": {"set": train_set.name, "split": train_set.split, "count": len(train_set)},
    }
    with joined(device) as world, stopping(seconds) as stop, memory_advice(config):
        kept = opened(folder, about=about, resume=resume, device=device) if world.first else nullcontext()
        with kept as run:
            say = partial(print, flush=True) if progress and run else lambda words: None
            layout = torch.channels_last if config.channels_last else torch.contiguous_format
            model.to(world.device, memory_format=layout).train()
            state = State(model, config)
            say(opening(state.optimiser, model, config, world))
            if (saved := world.from_first(run.state if run else None)) is not None:
                state.restore(saved)
                if run:
                    say("\n".join(run.notes))

            net = world.wrapped(torch.compile(model) if config.compile else model)
            batches = Batches(
                train_set, batch=config.batch, crop=config.crop, seed=config.seed, scale=config.scale, base=config.base,
                flip=config.flip, blur=config.blur, device=world.device, resident=config.resident,
                rank=world.rank, world=world.size,
            )  # fmt: skip
            clock, finite = speed.Clock(world.device), Finite(world.device)
            reporter = Reporter(run and run.path, config.steps, state.taken, show=progress, watch=watch)
            evaluation = reason = None
            with closing(batches.stream(state.taken, config.steps)) as stream, closing(reporter):
                for images, labels in stream:
                    seed_step(config, state.taken, world)
                    rate = set_rate(state.optimiser, config, state.taken)
                    state.optimiser.zero_grad()
                    parts = gradients(net, images, labels, config, world)
                    finite.look(parts["loss"], state.taken)
                    state.move()
                    clock.images += config.batch
                    reporter.step()

                    log, score, save = (
                        state.taken % every == 0 or state.taken == config.steps
                        for every in (config.log_every, config.evaluate_every, config.save_every)
                    )
                    reason = stop.reason(world) if log or world.size == 1 else None
                    if log or score or save or reason or world.device.type == "cpu":  # a GPU would have to wait
                        finite.check(config)
                    if log:
                        sums = world.total(torch.stack(list(parts.values()))).tolist()
                        told = dict(zip(parts, sums, strict=True)) | {"lr": rate}
                        reporter.tell({"step": state.taken, **told, "images_per_second": round(clock.lap(), 2)})
                    if score:
                        evaluation = evaluate(state.evaluated, val_set, device=world.device)
                        if state.is_best(evaluation.miou) and run:
                            run.save_best(state.evaluated)
                        reporter.tell({"step": state.taken, **evaluation.numbers()})
                    if run and (save or reason):
                        check_weights(model, config, state.taken)
                        run.save(state.record())
                    if score or save:
                        clock.start()
                    if reason:
                        break
            speeds = speed.report(model, config.crop, clock.rate / world.size, world.device)
            stopped = reason if state.taken < config.steps else None
            return Result(
                Path(folder), state.taken, stopped, evaluation, state.best_miou, state.best_step, clock.rate, speeds
            )
