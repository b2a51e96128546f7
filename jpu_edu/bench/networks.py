"""The bill of every network on this machine, and how much sooner the same function can be had.

`python -m jpu_edu bench networks` prints it as tables, says which of the project's targets this machine reaches,
and writes JSON. Every ratio comes from one run in which the things compared took turns.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import torch

from jpu_edu.bench import ledger, speed
from jpu_edu.cost.record import machine
from jpu_edu.cost.timing import Timings
from jpu_edu.data.files import write_json

PARTS = ("ledger", "fuse", "encoding", "twins", "training", "size")
NO_BFLOAT16 = "not measured: no bf16 instructions on this processor"


@dataclass(frozen=True)
class Target:
    """A claim that a machine reaches or misses; `measured` is None, with the reason in `why`, where it cannot tell."""

    number: int
    claim: str
    measured: float | None
    limit: float
    most: bool = False  # whether the limit is the largest value allowed, and not the smallest
    why: str = ""

    @property
    def verdict(self) -> str:
        if self.measured is None:
            return self.why
        return "reached" if (self.measured <= self.limit if self.most else self.measured >= self.limit) else "missed"

    def line(self) -> str:
        sign = "<=" if self.most else ">="
        value = "" if self.measured is None else f"{self.measured:.3g}, "
        return f"{self.number}  {self.claim} {sign} {self.limit:g}: {value}{self.verdict}"


@dataclass(frozen=True)
class Plan:
    """How large and how long; `timed` are the ledger's groups, `pairs` the twins to fuse, with their targets."""

    size: int
    repeats: int
    train_size: int
    sizes: tuple[int, ...]
    timed: tuple[str, ...] | None
    pairs: tuple[tuple[str, float], ...]


FULL = Plan(512, 5, 256, (256, 384, 512, 768, 1024), None, (("EncNet-50", 1.8), ("EncNet-101", 2.2)))
QUICK = Plan(192, 2, 96, (96, 192), ("EncNet-50",), (("EncNet-50", 1.8),))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m jpu_edu bench networks`."""
    parser.add_argument("--quick", action="store_true", help="small images and one pair, under a minute")
    parser.add_argument("--size", type=int, metavar="N", help="of the square image (default: 512, quick: 192)")
    parser.add_argument("--repeats", type=int, metavar="N", help="rounds of each timing (default: 5, quick: 2)")
    parser.add_argument("--only", nargs="+", choices=PARTS, metavar="PART", help=f"some of: {', '.join(PARTS)}")
    parser.add_argument("--compile", action="store_true", help="time torch.compile too; it compiles for minutes")
    parser.add_argument("--threads", type=int, metavar="N", help="threads of PyTorch and ONNX Runtime")
    parser.add_argument("--seed", type=int, default=0, help="of the weights and images (default: 0)")
    parser.add_argument("--json", metavar="FILE", help="write all numbers and the machine to FILE too")
    parser.add_argument("--figure", metavar="FILE", help="draw the ledger, as .svg, .png or .pdf")


Draw = Callable[[Sequence[Sequence[dict]], str], None]


def main(arguments: argparse.Namespace, *, draw: Draw | None = None) -> int:
    """Measure, print tables and verdicts. Always 0 when it could measure: a slow machine is no error.

    Args:
        draw: (groups of bills, file name) -> None, for `--figure`; the command line hands it in, since drawing
            stands on another floor.
    """
    plan = QUICK if arguments.quick else FULL
    if arguments.figure and "ledger" not in (arguments.only or PARTS):
        print("bench networks: --figure draws the ledger; add it: --only ledger", file=sys.stderr)
        return 2
    size, repeats = arguments.size or plan.size, arguments.repeats or plan.repeats
    for name, value, least in (("size", size, 64), ("repeats", repeats, 1), ("threads", arguments.threads or 1, 1)):
        if value < least:
            print(f"bench networks: --{name} {value}; it must be at least {least}", file=sys.stderr)
            return 2
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    where = machine()
    print(f"{where['processor']}, {where['instructions']}, {where['threads']} threads, torch {where['torch']}")
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load > 0.5:
        print(f"Other programs use this machine (load {load:.1f}); with --threads 1 the ratios suffer least.")
    started, record, targets = time.perf_counter(), {}, []
    for part in arguments.only or PARTS:
        took = f"[{time.perf_counter() - started:4.0f} s]"
        print(f"{took} {part} ...", file=sys.stderr, flush=True)
        numbers, judged, text = _RUN[part](plan, size, repeats, arguments.compile)
        print(f"\n{text}", flush=True)
        record[part] = numbers
        targets += judged
    if targets:
        print("\nTargets (numbered as in the project's list)")
        print("\n".join(target.line() for target in targets))
    if plan is QUICK or size != FULL.size:
        print(f"The targets are about {FULL.size} x {FULL.size} and steps at {FULL.train_size}; this run was smaller.")
    seconds = time.perf_counter() - started
    print(f"{seconds:.0f} s")
    if arguments.json:
        whole = {
            "command": "python -m jpu_edu bench networks",
            "machine": where,
            "load_before": load,
            "seed": arguments.seed,
            "quick": arguments.quick,
            "size": size,
            "repeats": repeats,
            "seconds": seconds,
            **record,
            "targets": [{**asdict(target), "verdict": target.verdict} for target in targets],
        }
        try:
            print(f"Written to {write_json(arguments.json, whole)}.")
        except OSError as error:
            print(f"bench networks: {error}", file=sys.stderr)
            return 2
    if arguments.figure and draw:
        try:
            draw(ledger.groups(record["ledger"]), arguments.figure)
        except (OSError, ValueError) as error:  # a folder that is not there; a kind of file that is not drawn
            print(f"bench networks: cannot draw {arguments.figure} ({error}); name another file", file=sys.stderr)
            return 2
        print(f"Drawn to {arguments.figure}.")
    return 0


Result = tuple[object, Sequence[Target], str]


def _ledger(plan: Plan, size: int, repeats: int, _: bool) -> Result:
    bills = ledger.ledger(size=size, repeats=repeats, timed=plan.timed)
    title = f"Every network, eager, as built, {size} x {size}, one image"
    return [asdict(bill) for bill in bills], [], f"{title}\n{ledger.table(bills)}"


def _fuse(plan: Plan, size: int, repeats: int, compile: bool) -> Result:
    found, peaks = speed.inference(size=size, repeats=repeats, compile=compile), speed.peak_mib(size=size)
    times, best = found.times, "fused, compiled" if compile else "fused"
    has_onnx = "ONNX Runtime" in times.medians
    has_half = "fused, bfloat16" in times.medians
    onnx = times.ratio(best, "ONNX Runtime") if has_onnx else None
    half = times.ratio(speed.OFFICIAL, "fused, bfloat16") if has_half else None
    targets = [
        Target(1, "float32, official form / fused", times.ratio(speed.OFFICIAL, "fused"), 1.7),
        Target(1, f"{best} / ONNX Runtime", onnx, 1.25, most=True, why="not measured: ONNX Runtime is not installed"),
        Target(2, "official form / fused in bfloat16", half, 4.5, why=NO_BFLOAT16),
        Target(7, "peak memory, fused / official form", peaks["fused"] / peaks[speed.OFFICIAL], 0.45, most=True),
    ]
    lines = [f"EncNet + JPU, ResNet-50, {size} x {size}, one image, ways to the same scores", times.table()]
    lines += [
        f"{name}: logits differ by {error:.1e} of the largest, {100 * found.labels[name]:.2f} % of labels equal"
        for name, error in found.errors.items()
        if name != speed.OFFICIAL
    ]
    lines += ["peak MiB over the model: " + ", ".join(f"{name} {mib:.0f}" for name, mib in peaks.items())]
    if not has_half:
        lines += [f"bfloat16: {NO_BFLOAT16}"]
    numbers = {**times.as_dict(), "errors": found.errors, "labels": found.labels, "peak_mib": peaks}
    return numbers, targets, "\n".join(lines)


def _encoding(plan: Plan, size: int, repeats: int, _: bool) -> Result:
    cost = speed.encoding(size=size, repeats=max(5, repeats))
    ours, theirs = "two products", speed.OFFICIAL
    bytes_ratio = cost.kept_mib[theirs] / cost.kept_mib[ours]
    targets = [
        Target(3, "Encoding, forward, every residual / two products", cost.forward.ratio(theirs, ours), 10.0),
        Target(3, "Encoding, forward and backward", cost.both.ratio(theirs, ours), 5.0),
        Target(3, "Encoding, bytes kept", bytes_ratio, 30.0),
    ]
    kept = ", ".join(f"{name} {mib:.0f}" for name, mib in cost.kept_mib.items())
    text = f"The Encoding layer, forward\n{cost.forward.table()}\nforward and backward\n{cost.both.table()}"
    numbers = {"forward": cost.forward.as_dict(), "both": cost.both.as_dict(), "kept_mib": cost.kept_mib}
    return numbers, targets, f"{text}\nkept MiB: {kept}"


def _twins(plan: Plan, size: int, repeats: int, _: bool) -> Result:
    numbers, targets, lines = {}, [], [f"Dilated and FastFCN, both fused, {size} x {size}"]
    for group, limit in plan.pairs:
        times: Timings = speed.twins(group, size=size, repeats=repeats)
        slow, fast = times.medians
        numbers[group] = times.as_dict()
        targets.append(Target(5, f"{slow} / {fast}, both fused", times.ratio(slow, fast), limit))
        lines.append(times.table())
    return numbers, targets, "\n".join(lines)


def _training(plan: Plan, size: int, repeats: int, _: bool) -> Result:
    times = speed.training(size=plan.train_size, repeats=repeats)
    plain, half = "library, channels-last", "library, channels-last, bfloat16"
    measured = times.ratio(speed.OFFICIAL, half) if half in times.medians else None
    targets = [
        Target(6, "training step, official form / library", times.ratio(speed.OFFICIAL, plain), 1.35),
        Target(6, "training step in bfloat16", measured, 2.4, why=NO_BFLOAT16),
    ]
    title = f"A training step, two images of {plan.train_size} x {plan.train_size}"
    return times.as_dict(), targets, f"{title}\n{times.table()}"


def _size(plan: Plan, size: int, repeats: int, _: bool) -> Result:
    found = speed.against_size(plan.sizes, repeats=min(3, repeats))
    names = list(next(iter(found.values())))
    slopes = {name: speed.slope({n: row[name] for n, row in found.items()}) for name in names}
    lines = ["Seconds against size, both fused", "size   " + "   ".join(names) + "   ratio"]
    for n, row in found.items():
        cells = [f"{row[name]:{len(name)}.3f}" for name in names]
        lines.append(f"{n:<7}" + "   ".join(cells) + f"   {row[names[0]] / row[names[1]]:.2f}")
    lines.append("slope of log time over log pixels: " + ", ".join(f"{k} {v:.2f}" for k, v in slopes.items()))
    return {"seconds": found, "slope": slopes}, [], "\n".join(lines)


_RUN = {
    "ledger": _ledger, "fuse": _fuse, "encoding": _encoding, "twins": _twins, "training": _training, "size": _size,
}  # fmt: skip
