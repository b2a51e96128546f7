"""What a minute of training buys on this machine: networks at equal time and at equal steps, on synthetic scenes.

`python -m jpu_edu bench training` trains FCN-32s, FCN-8s, a bilinear neck, FPN, the dilated twin and the JPU on one
tiny backbone, says which targets are reached, and writes JSON after every run: a benchmark that was cut off goes on
with what is missing when it is called with the same file.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from jpu_edu.bench import minute
from jpu_edu.bench.kept import Kept
from jpu_edu.bench.networks import NO_BFLOAT16, Target
from jpu_edu.cost.record import machine
from jpu_edu.data.held import Held
from jpu_edu.models.build import dilated_fcn, fastfcn, make_backbone
from jpu_edu.models.segmenter import Segmenter
from jpu_edu.train.recipes import camvid_quarter, shapes_minute

PARTS = ("time", "steps", "fused", "twins", "camvid")
#: As shapes_minute calls them, and as people do.
NETWORKS = {
    "fcn32s": "FCN-32s", "fcn8s": "FCN-8s", "bilinear": "bilinear", "fpn": "FPN", "dilated": "dilated",
    "fastfcn": "FastFCN",
}  # fmt: skip
OURS, BASE, TWIN = "fastfcn", "fcn32s", "dilated"


@dataclass(frozen=True)
class Plan:
    """How long and how much: seconds of a run, of finding its rate, of CamVid; samples of each set (None: all)."""

    seconds: float
    probe: float
    seeds: int
    count: int | None
    camvid_seconds: float
    repeats: int


FULL = Plan(75.0, 5.0, 3, None, 180.0, 9)
QUICK = Plan(2.0, 1.0, 1, 60, 4.0, 3)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m jpu_edu bench training`."""
    parser.description = "Networks trained for the same time and for the same number of steps, on synthetic scenes."
    parser.epilog = (
        "examples: python -m jpu_edu bench training --quick | "
        "python -m jpu_edu bench training --data ../data/camvid --json training.json (cut off, it goes on with what is "
        "missing in training.json when called again)"
    )
    parser.add_argument("--quick", action="store_true", help="runs of two seconds: whether all works, in a minute")
    parser.add_argument("--seconds", type=float, metavar="S", help="of each run at equal time (default: 75, quick: 2)")
    parser.add_argument("--seeds", type=int, metavar="N", help="of FastFCN and FCN-32s (default: 3, quick: 1)")
    parser.add_argument("--only", nargs="+", choices=PARTS, metavar="PART", help=f"some of: {', '.join(PARTS)}")
    parser.add_argument("--data", metavar="PATH", help="CamVid's folder; without it that part is left out")
    parser.add_argument("--threads", type=int, metavar="N", help="threads of PyTorch")
    parser.add_argument("--json", metavar="FILE", help="write all numbers to FILE after every run; go on from it")


class Bench:
    """The runs, each made once, whichever part asks for it first."""

    def __init__(self, plan: Plan, record: Kept, data: str | None) -> None:
        self.plan, self.record, self.data = plan, record, data
        self._sets: minute.Sets | None = None

    @property
    def sets(self) -> minute.Sets:
        """The scenes, made once for all runs."""
        if self._sets is None:
            print("making the scenes ...", file=sys.stderr, flush=True)
            self._sets = tuple(Held(images, count=self.plan.count) for images in shapes_minute().sets(None))
        return self._sets

    def _fit(self, network: str, *, steps: int, seed: int, label: str) -> dict[str, Any]:
        recipe = shapes_minute(network)
        model, numbers = minute.fit(recipe.model, self.sets, recipe.config, steps=steps, seed=seed, label=label)
        numbers |= minute.bill(recipe.model, len(self.sets[0].classes), recipe.config.crop)
        if network == OURS:
            numbers["fused"] = minute.fused(model, self.sets[1])
        return {"network": network, **numbers}

    def steps(self, network: str) -> int:
        """Of this network in the time of a run."""
        recipe, plan = shapes_minute(network), self.plan
        time = {"seconds": plan.seconds, "probe": plan.probe}
        return self.record.once(
            f"steps within {plan.seconds:g} s, {network}",
            lambda: minute.steps_within(recipe.model, self.sets, recipe.config, **time),
        )

    def timed(self, network: str, seed: int = 0) -> dict[str, Any]:
        """A run of `plan.seconds`."""
        label = f"{NETWORKS[network]}, {self.plan.seconds:g} s, seed {seed}"
        return self.record.once(label, lambda: self._fit(network, steps=self.steps(network), seed=seed, label=label))

    def counted(self, network: str) -> dict[str, Any]:
        """A run of as many steps as FastFCN made in the time."""
        steps = self.timed(OURS)["steps"]
        if self.timed(network)["steps"] == steps:
            return self.timed(network)
        label = f"{NETWORKS[network]}, {steps} steps"
        return self.record.once(label, lambda: self._fit(network, steps=steps, seed=0, label=label))

    def time(self) -> tuple[str, Sequence[Target]]:
        seeds = {n: range(self.plan.seeds if n in (OURS, BASE) else 1) for n in NETWORKS}
        runs = {n: [self.timed(n, seed) for seed in seeds[n]] for n in NETWORKS}
        mean = {
            (n, score): statistics.mean(run[score] for run in found)
            for n, found in runs.items()
            for score in ("miou", "band_miou")
        }
        what, of = f"after {self.plan.seconds:g} s", f"mean of {self.plan.seeds}"
        targets = [
            Target(8, f"FastFCN, mIoU {what}, {of}", mean[OURS, "miou"], 0.80),
            Target(8, f"FastFCN - FCN-32s, mIoU {what}, {of}", mean[OURS, "miou"] - mean[BASE, "miou"], 0.20),
            Target(
                8, f"FastFCN - FCN-32s, IoU near boundaries, {of}",
                mean[OURS, "band_miou"] - mean[BASE, "band_miou"], 0.25,
            ),
        ]  # fmt: skip
        title = f"Equal time: {self.plan.seconds:g} s of training each"
        return f"{title}\n{_table([run for found in runs.values() for run in found])}", targets

    def equal_steps(self) -> tuple[str, Sequence[Target]]:
        runs = [self.counted(network) for network in NETWORKS]
        return f"Equal steps: {runs[-1]['steps']} each\n{_table(runs)}", []

    def fused(self) -> tuple[str, Sequence[Target]]:
        found = self.timed(OURS)["fused"]
        half = found["other_labels_bfloat16"]
        what = f"trained for {self.plan.seconds:g} s, fused"
        targets = [
            Target(1, f"{what}: logits differ, of the largest", found["error"], 1e-4, most=True),
            Target(1, f"{what}: other labels, %", 100 * found["other_labels"], 0.0, most=True),
            Target(
                2, f"{what}, bfloat16: other labels, %", None if half is None else 100 * half, 0.1, most=True,
                why=NO_BFLOAT16,
            ),
        ]  # fmt: skip
        return f"The trained FastFCN against itself fused: {found['images']} scenes", targets

    def twins(self) -> tuple[str, Sequence[Target]]:
        config = shapes_minute(OURS).config
        tiny = {f"tiny, {NETWORKS[n]}": shapes_minute(n).model for n in (TWIN, OURS)}
        images = self.sets[0]

        def measure() -> dict[str, Any]:
            times = minute.steps_in_turn({**_wider(), **tiny}, images, config, repeats=self.plan.repeats)
            ratios = {a: times.ratio(a, b) for a, b in (tuple(_wider()), tuple(tiny))}
            return {**times.as_dict(), "ratios": ratios, "table": times.table(), "load": minute.load()}

        found = self.record.once("a training step in turn", measure)
        slow, fast = _wider()
        h, w = config.crop
        title = f"A training step, {config.batch} images of {h} x {w}, dilated against FastFCN at two sizes"
        return f"{title}\n{found['table']}", [Target(8, f"step, {slow} / {fast}", found["ratios"][slow], 1.0)]

    def camvid(self) -> tuple[str, Sequence[Target]]:
        if self.data is None:
            return "CamVid: left out; give its folder with --data", []
        plan, recipe, place = self.plan, camvid_quarter(OURS), Path(self.data)

        def measure() -> dict[str, Any]:
            print("reading CamVid ...", file=sys.stderr, flush=True)
            sets = tuple(Held(images, count=plan.count) for images in recipe.sets(place))
            time = {"seconds": plan.camvid_seconds, "probe": plan.probe}
            steps = minute.steps_within(recipe.model, sets, recipe.config, **time)
            _, numbers = minute.fit(recipe.model, sets, recipe.config, steps=steps, seed=0, label="CamVid")
            size = tuple(sets[0][0].labels.shape)
            about = {"network": OURS, "size": size, "train_images": len(sets[0]), "val_images": len(sets[1])}
            return {**about, **numbers, **minute.bill(recipe.model, len(sets[0].classes), size)}

        found = self.record.once(f"CamVid, {plan.camvid_seconds:g} s", measure)
        height, width = found["size"]
        title = (
            f"CamVid, {found['train_images']} images to train on, {found['val_images']} to evaluate on, a quarter of "
            f"their pixels ({height} x {width}), a tiny backbone, {found['wall_seconds']:.0f} s in all"
        )
        return f"{title}\n{_table([found])}", []


def _wider() -> dict[str, Callable[[int], Segmenter]]:
    """The dilated network and its FastFCN at ResNet-18, width 24, JPU width 48."""

    def make(builder: Callable[..., Segmenter], classes: int, **more: object) -> Segmenter:
        backbone = make_backbone("resnet18", stem="7x7", width=24)
        return builder(classes=classes, head="fcn", backbone=backbone, aux=False, **more)

    return {
        "ResNet-18 width 24, dilated": partial(make, dilated_fcn),
        "ResNet-18 width 24, FastFCN": partial(make, fastfcn, width=48),
    }


def _table(runs: Sequence[Mapping[str, Any]]) -> str:
    """Aligned text, a line a run."""
    lines = ["network    seed   M MAC  k param  steps  steps/s  seconds    mIoU    band"]
    lines += [
        f"{NETWORKS[run['network']]:10}{run['seed']:5}{run['macs'] / 1e6:8.1f}{run['parameters'] / 1e3:9.0f}"
        f"{run['steps']:7}{run['steps_per_second']:9.1f}{run['seconds']:9.1f}{run['miou']:8.3f}{run['band_miou']:8.3f}"
        for run in runs
    ]
    return "\n".join(lines)


_RUN = {
    "time": Bench.time, "steps": Bench.equal_steps, "fused": Bench.fused, "twins": Bench.twins,
    "camvid": Bench.camvid,
}  # fmt: skip


def main(arguments: argparse.Namespace) -> int:
    """Train, print tables and verdicts. 0 when it could measure: a slow machine is no error."""
    plan = QUICK if arguments.quick else FULL
    plan = replace(plan, seconds=arguments.seconds or plan.seconds, seeds=arguments.seeds or plan.seeds)
    given = {"seconds": (arguments.seconds, 0.1), "seeds": (arguments.seeds, 1), "threads": (arguments.threads, 1)}
    for name, (value, least) in given.items():
        if value is not None and value < least:
            print(f"bench training: --{name} {value:g}; it must be at least {least}", file=sys.stderr)
            return 2
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    where, load = machine(), minute.load()
    settings = {**asdict(plan), "quick": arguments.quick, "config": asdict(shapes_minute().config)}
    settings.pop("seeds")  # more of them add runs and change none
    print(f"{where['processor']}, {where['instructions']}, {where['threads']} threads, torch {where['torch']}")
    if load and load > 0.5:
        print(f"Other programs use this machine (load {load:.1f}): fewer steps fit into the time.")
    started, targets = time.perf_counter(), []
    try:
        about = {"command": "python -m jpu_edu bench training", "settings": settings, "machine": where}
        record = Kept(arguments.json, {**about, "load_before": load})
        bench = Bench(plan, record, arguments.data)
        for part in arguments.only or PARTS:
            print(f"[{time.perf_counter() - started:4.0f} s] {part} ...", file=sys.stderr, flush=True)
            text, judged = _RUN[part](bench)
            print(f"\n{text}", flush=True)
            targets += judged
        seconds = time.perf_counter() - started
        judged = [{**asdict(target), "verdict": target.verdict} for target in targets]
        record.write(seeds=plan.seeds, seconds_of_the_last_call=seconds, targets=judged)
    except (OSError, ValueError) as error:
        print(f"bench training: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        kept = f"; the same command goes on from {arguments.json}" if arguments.json else ""
        print(f"\nbench training: stopped{kept}", file=sys.stderr)
        return 130
    if targets:
        print("\nTargets (numbered as in the project's list)\n" + "\n".join(target.line() for target in targets))
    if plan.seconds < FULL.seconds:
        print(f"The targets are about runs of {FULL.seconds:g} s; these were shorter.")
    print(f"{seconds:.0f} s" + (f". Written to {arguments.json}." if arguments.json else ""))
    return 0
