"""What `bench gpu` measures: for every part a name and a function for each measurement.

A measurement is the piece that is made whole or not at all (a training, which goes on from its checkpoint, is the
exception), so none should take more than a minute or two.
"""

import itertools
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import KW_ONLY, dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch

from jpu_edu.bench import camvid, card, card_speed, nearness
from jpu_edu.bench.camvid import Sets
from jpu_edu.bench.conv import FORMATS, Case
from jpu_edu.bench.kept import Unfinished
from jpu_edu.bench.twin_maps import linear_maps
from jpu_edu.data import readers
from jpu_edu.data.held import Held
from jpu_edu.data.scenes import Scenes
from jpu_edu.models import weights
from jpu_edu.models.fuse import fuse
from jpu_edu.models.segmenter import Segmenter
from jpu_edu.train.recipes import Recipe

Measures = dict[str, Callable[[], dict[str, Any]]]
#: (device, dtype) -> the rows of `verify`; the command line hands it in, since it stands on another floor.
Verify = Callable[[str, torch.dtype], list[dict[str, Any]]]
SOURCE = "fastfcn_fcn"  # the row of camvid whose backbone and JPU are held against y_d
DILATED = "dilated"  # the row whose backbone learned at output stride 8


@dataclass(frozen=True)
class Plan:
    """How large, how long and how many."""

    _: KW_ONLY
    backbone: str | None = None  # in place of the ResNets
    width: int | None = None  # of its first stage
    size: int = 512
    repeats: int = 30
    pairs: tuple[str, ...] = tuple(card_speed.PAIRS)
    compiled: tuple[str, ...] = ("EncNet-50",)
    batches: tuple[int, ...] = (1, 2, 4, 8, 16, 32)
    product: int = 8192
    copied: int = 1024
    channels: int = 1536
    map: int = 64
    conv_batches: tuple[int, ...] = (1, 16)
    rates: tuple[int, ...] = (1, 2, 4, 8, 16)
    steps: int = 4600
    settings: dict[str, Any] = field(default_factory=lambda: {"log_every": 20})  # of the recipe's configuration
    rows: tuple[str, ...] = tuple(camvid.ROWS)
    seeds: int = 3
    count: int | None = None  # images of each set
    factor: int = 1  # by which they are shrunk
    frames: int = 8
    effort: nearness.Effort = field(default_factory=nearness.Effort)
    effort_seeds: int = 2


FULL = Plan()
QUICK = Plan(
    backbone="tiny", size=64, repeats=2, pairs=("EncNet-50",), compiled=(), batches=(1, 2), product=128, copied=8,
    channels=24, map=16, conv_batches=(1,), rates=(1, 2), steps=2,
    settings={"batch": 2, "crop": (64, 64), "warmup": 0, "precision": "float32", "log_every": 1},
    rows=camvid.SEEDED, seeds=1, count=4, factor=4, frames=2,
    effort=nearness.Effort(steps=2, batch=2, crop=(64, 64)), effort_seeds=1,
)  # fmt: skip
#: What two cores train in two hours: a ResNet-18 of width 24, and a quarter of CamVid's pixels.
SMALL = Plan(
    backbone="resnet18", width=24, steps=1500, factor=2,
    settings={
        "batch": 8, "crop": (180, 240), "optimiser": "adamw", "schedule": "one_cycle", "lr": 4e-3, "weight_decay": 1e-2,
        "warmup": 0, "scale": (0.75, 1.5), "blur": False, "precision": "float32", "log_every": 10,
    },
    effort=nearness.Effort(batch=8, crop=(180, 240)), effort_seeds=3,
)  # fmt: skip


@dataclass
class Bench:
    """One call: where it computes, where it writes, and until when."""

    device: torch.device
    plan: Plan
    data: str | None
    out: Path
    runs: Path
    seconds: float
    verify: Verify
    began: float = field(default_factory=time.monotonic)

    def left(self) -> float:
        """Seconds of this call."""
        return self.seconds - (time.monotonic() - self.began)

    @cached_property
    def sets(self) -> Sets:
        """CamVid, in memory; synthetic scenes in its place where a quick call has no data."""
        plan = self.plan
        if self.data is None and plan.count is None:
            raise Unfinished("needs CamVid; give its folder with --data")
        print("reading the images ...", file=sys.stderr, flush=True)
        if self.data is None:
            return Sets(*(Held(Scenes(plan.count, size=(64, 96), seed=seed)) for seed in range(3)))
        splits = (readers.camvid(self.data, split=split) for split in ("train", "val", "test"))
        return Sets(*(Held(images, factor=plan.factor, count=plan.count) for images in splits))

    @property
    def frames(self) -> list[int]:
        return self.sets.frames(self.plan.frames)

    def recipe(self, recipe: Recipe, seed: int = 0) -> Recipe:
        """As this plan trains it: ten evaluations, a checkpoint where a call ends and every thousand steps."""
        steps = self.plan.steps
        times = {"steps": steps, "save_every": 1000, "evaluate_every": max(1, steps // 10)}
        recipe = replace(recipe, config=replace(recipe.config, **self.plan.settings, **times, seed=seed))
        small = self.plan.backbone
        return recipe if small is None else camvid.shrunk(recipe, small, width=self.plan.width)

    def folder(self, row: str, seed: int = 0) -> Path:
        """Of a training."""
        return self.runs / f"{row}_{self.plan.steps}" / f"seed{seed}"

    def network(self, row: str) -> Segmenter:
        """A network that was trained on this machine."""
        path = self.folder(row) / "best.safetensors"
        if not path.is_file():
            raise Unfinished(f"needs {path}, which camvid writes when it trains {row}, seed 0, on this machine")
        return weights.load(path).to(self.device, memory_format=torch.channels_last)


def exact(bench: Bench) -> Measures:
    """The identities in four precisions."""

    def rows(dtype: torch.dtype, tf32: bool) -> dict[str, Any]:
        with card.computing(tf32=tf32, benchmark=False):
            return {"rows": bench.verify(str(bench.device), dtype)}

    precisions = {
        "float64": (torch.float64, False), "float32": (torch.float32, False), "float32, TF32": (torch.float32, True),
        "bfloat16": (torch.bfloat16, False),
    }  # fmt: skip
    return {name: partial(rows, *precision) for name, precision in precisions.items()}


def speed(bench: Bench) -> Measures:
    """The pairs with one image, then where the time of the first pair goes, then batches."""
    plan, device = bench.plan, bench.device
    common = {"size": plan.size, "repeats": plan.repeats, "backbone": plan.backbone}
    limits = partial(card.limits, device, size=plan.product, mib=plan.copied)

    def parts(name: str, count: int) -> dict[str, Any]:
        most, x = limits(), torch.randn(count, 3, plan.size, plan.size, device=device)
        halves = {w: fuse(m, dtype=torch.bfloat16) for w, m in card_speed.twins(name, device, **backbone).items()}
        found = {w: card_speed.parts(m, x, limits=most, repeats=plan.repeats) for w, m in halves.items()}
        return {"limits": most, **found}

    backbone = {"backbone": plan.backbone}
    first, counts = plan.pairs[0], (plan.batches[0], plan.batches[-1])
    return {
        "limits": limits,
        **{f"{name}, one image": partial(card_speed.pair, name, device, **common) for name in plan.pairs},
        **{f"{first}, parts, batch {count}": partial(parts, first, count) for count in counts},
        **{
            f"{name}, batches": partial(card_speed.batches, name, device, counts=plan.batches, **common)
            for name in plan.pairs[:2]
        },
        **{f"{name}, compiled": partial(card_speed.compiled, name, device, **common) for name in plan.compiled},
    }


def conv(bench: Bench) -> Measures:
    """The JPU's depthwise convolutions, and a dense one of a backbone's size for comparison."""
    plan = bench.plan

    def group(kind: str, channels: int, batch: int, dtype: str, layout: str) -> dict[str, Any]:
        torch.manual_seed(0)
        cases = [
            Case(kind, channels, plan.map, rate, backward, dtype, layout, batch, str(bench.device))
            for rate, backward in itertools.product(plan.rates, (False, True))
        ]
        return {"rows": card_speed.conv_rows(cases, repeats=plan.repeats)}

    layouts = tuple(reversed(FORMATS))  # channels-last first: that is what runs on a card
    groups = [
        ("depthwise", plan.channels, batch, dtype, layout)
        for batch, dtype, layout in itertools.product(plan.conv_batches, ("bfloat16", "float32"), layouts)
    ]
    groups.append(("dense", plan.channels // 3, plan.conv_batches[-1], "bfloat16", layouts[0]))
    return {f"{g[0]}, {g[1]} channels, batch {g[2]}, {g[3]}, {g[4]}": partial(group, *g) for g in groups}


def slim(bench: Bench) -> Measures:
    """The checkpoint for the notebooks."""

    def measure() -> dict[str, Any]:
        return camvid.slim(
            bench.recipe(camvid.slim_recipe()), bench.sets, folder=bench.folder("slim"), device=bench.device,
            seconds=bench.left(), out=bench.out / "slim_fastfcn.safetensors",
        )  # fmt: skip

    return {"slim": measure}


def networks(bench: Bench) -> Measures:
    """Every network of `camvid.ROWS` once, then three of them with other seeds."""

    def measure(row: str, seed: int) -> dict[str, Any]:
        recipe, folder = bench.recipe(camvid.ROWS[row](), seed), bench.folder(row, seed)
        found = camvid.trained(recipe, bench.sets, folder=folder, device=bench.device, seconds=bench.left())
        if seed == 0:
            labels = {"frames": bench.frames, "out": bench.out / "labels", "row": row}
            camvid.keep_labels(folder / "best.safetensors", bench.sets, device=bench.device, **labels)
        return found

    rows, seeds = bench.plan.rows, range(1, bench.plan.seeds)
    runs = [(row, 0) for row in rows] + [(row, seed) for seed in seeds for row in rows if row in camvid.SEEDED]
    return {f"{row}, seed {seed}": partial(measure, row, seed) for row, seed in runs}


def resemble(bench: Bench) -> Measures:
    """Linear maps to y_d; a JPU whose task is y_d, after n blocks; necks that are pulled to y_d, on two backbones."""
    plan, device = bench.plan, bench.device

    def within(measure: Callable[[Segmenter, Sets], dict[str, Any]], row: str = SOURCE) -> dict[str, Any]:
        model, sets = bench.network(row).eval(), bench.sets
        with card.computing(tf32=True):
            return measure(model, sets)

    def learned(condition: nearness.Condition, seed: int, row: str) -> dict[str, Any]:
        def measure(model: Segmenter, sets: Sets) -> dict[str, Any]:
            strided = nearness.strided(model).to(device, memory_format=torch.channels_last)
            return nearness.nearness(strided, condition, sets, plan.effort, seed=seed, device=device)

        return {"backbone": row} | within(measure, row)

    def task(n: int) -> dict[str, Any]:
        return within(lambda m, sets: nearness.regress(m.backbone, n, sets, plan.effort, seed=0, device=device))

    def runs(conditions: Iterable[nearness.Condition], seed: int, row: str) -> Measures:
        of = "" if row == SOURCE else ", on the backbone of the dilated twin"
        return {f"{c.name}{of}, seed {seed}": partial(learned, c, seed, row) for c in conditions}

    with torch.device("meta"):
        depths = nearness.depths(bench.recipe(camvid.ROWS[SOURCE]()).model(2).backbone)
    found = {"linear maps": partial(within, partial(linear_maps, device=device))}
    for seed in range(plan.effort_seeds):
        found |= runs(nearness.CONDITIONS, seed, SOURCE) | runs(nearness.SWAPPED, seed, DILATED)
        if seed == 0:
            found |= {f"y_d after {n} blocks": partial(task, n) for n in depths}
    return found


def pictures(bench: Bench) -> Measures:
    """The labels that `networks` kept, side by side."""

    def measure() -> dict[str, Any]:
        return camvid.compose(bench.sets, frames=bench.frames, labels=bench.out / "labels", out=bench.out / "pictures")

    return {"pictures": measure}


PARTS: dict[str, Callable[[Bench], Measures]] = {
    "exact": exact, "speed": speed, "conv": conv, "slim": slim, "camvid": networks, "resemble": resemble,
    "pictures": pictures,
}  # fmt: skip
