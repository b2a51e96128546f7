"""One network trained for a time, or for a number of steps, on this machine, and what there is to say about it.

K        number of classes
steps    of the optimiser; the schedule ends with them, so they are chosen before a run and not while it goes on
"""

import os
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

import torch
from torch import nn

from jpu_edu.bench.speed import has_bfloat16
from jpu_edu.cost.ledger import total
from jpu_edu.cost.macs import layer_costs
from jpu_edu.cost.timing import Timings, time_in_turn
from jpu_edu.data.batches import Batches
from jpu_edu.data.sets import ImageSet
from jpu_edu.data.transforms import normalise
from jpu_edu.models.fuse import fuse
from jpu_edu.models.segmenter import Segmenter
from jpu_edu.train import progress
from jpu_edu.train.config import Config
from jpu_edu.train.distributed import World
from jpu_edu.train.loop import train
from jpu_edu.train.state import State
from jpu_edu.train.step import gradients

NEVER = 10**9
Sets = tuple[ImageSet, ImageSet]  # to train on, to evaluate on
Make = Callable[[int], Segmenter]  # K -> network


def load() -> float | None:
    """Processes that wanted this machine in the last minute, this one among them; None where it does not say."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def steps_within(make: Make, sets: Sets, config: Config, *, seconds: float, probe: float) -> int:
    """How many steps of the training loop fit into a time, from the median step of its first `probe` seconds.

    Notice: 3 % are kept back, since some steps take longer than the median. The very first, which is not counted,
    may take longer than the probe; then that is doubled.
    """
    probing, rate = replace(config, steps=NEVER, evaluate_every=NEVER, save_every=NEVER, log_every=1), 0.0
    while rate == 0:
        model = make(len(sets[0].classes))
        with tempfile.TemporaryDirectory() as folder:
            result = train(model, *sets, probing, folder=folder, seconds=probe, progress=False)
        if result.stopped != "time":
            raise KeyboardInterrupt
        rate = result.images_per_second if result.steps > 2 else 0.0
        probe *= 2
    return max(1, int(0.97 * seconds * rate / config.batch))


def fit(
    make: Make, sets: Sets, config: Config, *, steps: int, seed: int, label: str
) -> tuple[Segmenter, dict[str, Any]]:
    """Train once from this seed. Returns the network, and the numbers of the run for JSON.

    Notice: `seconds` is the time of the steps, their batches included; `wall_seconds` has evaluation and the last
    checkpoint besides.

    Raises:
        KeyboardInterrupt: Ctrl-C, which the training loop would take for "save and stop".
    """
    torch.manual_seed(seed)
    model = make(len(sets[0].classes))
    config = replace(
        config, steps=steps, seed=seed, evaluate_every=steps, save_every=steps, log_every=min(steps, 20)
    )  # fmt: skip
    told: list[Mapping[str, Any]] = []
    began = time.perf_counter()
    with (
        tempfile.TemporaryDirectory() as folder,
        progress.bar(total=steps, desc=label, unit="step", leave=False) as bar,
    ):

        def watch(record: Mapping[str, Any]) -> None:
            if "loss" in record:
                told.append(record)
                bar.update(record["step"] - bar.n)

        result = train(model, *sets, config, folder=folder, progress=False, watch=watch)
    if result.stopped:
        raise KeyboardInterrupt
    laps = zip([0, *(r["step"] for r in told)], told, strict=False)
    seconds = sum((record["step"] - before) * config.batch / record["images_per_second"] for before, record in laps)
    found = result.evaluation
    return model, {
        "seed": seed,
        "steps": steps,
        "seconds": seconds,
        "steps_per_second": steps / seconds,
        "wall_seconds": time.perf_counter() - began,
        "load": load(),
        "loss": told[-1]["loss"],
        "miou": found.miou,
        "band_miou": found.band_miou,
        "pixel_accuracy": found.pixel_accuracy,
        "iou": found.record()["iou"],
        "band_iou": found.record()["band_iou"],
        "config": asdict(config),
    }


def bill(make: Make, classes: int, crop: tuple[int, int]) -> dict[str, int]:
    """Multiply-accumulates of one image in inference, and parameters, both counted."""
    with torch.device("meta"):
        sums = total(layer_costs(make(classes).eval(), torch.empty(1, 3, *crop)))
    return {"macs": sums.counted, "parameters": sums.params}


def fused(model: Segmenter, images: ImageSet) -> dict[str, float | None]:
    """A trained network against itself fused, in float32 and, where the processor has it, in bfloat16.

    Returns:
        error: largest difference of the logits in units of the largest logit; other_labels, other_labels_bfloat16:
        share of the pixels whose label changes.
    """
    model = model.eval()
    forms = {"": fuse(model)} | ({"_bfloat16": fuse(model, dtype=torch.bfloat16)} if has_bfloat16() else {})
    most = error = pixels = 0.0
    other = dict.fromkeys(forms, 0)
    with torch.no_grad():
        for i in range(len(images)):
            x = normalise(images[i].image[None])
            want = model(x).logits
            most, pixels = max(most, want.abs().max().item()), pixels + want[:, 0].numel()
            for name, form in forms.items():
                got = form(x).logits
                other[name] += (got.argmax(1) != want.argmax(1)).sum().item()
                if not name:
                    error = max(error, (got - want).abs().max().item())
    shares = {f"other_labels{name}": other[name] / pixels if name in other else None for name in ("", "_bfloat16")}
    return {"error": error / most, **shares, "images": len(images)}


def steps_in_turn(makes: Mapping[str, Make], images: ImageSet, config: Config, *, repeats: int) -> Timings:
    """Whole training steps of several networks (forward, loss, backward, move) on one batch, in turn."""
    world = World(0, 1, torch.device("cpu"))
    x, labels = Batches(
        images, batch=config.batch, crop=config.crop, seed=config.seed, scale=config.scale, base=config.base
    ).at(0)  # fmt: skip

    def step(model: nn.Module) -> Callable[[], None]:
        model.to(memory_format=torch.channels_last if config.channels_last else torch.contiguous_format).train()
        state = State(model, config)

        def run() -> None:
            state.optimiser.zero_grad()
            gradients(model, x, labels, config, world)
            state.move()

        return run

    tasks = {name: step(make(len(images.classes))) for name, make in makes.items()}
    return time_in_turn(tasks, repeats=repeats, warmup=2)
