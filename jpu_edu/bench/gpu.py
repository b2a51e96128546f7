"""The evidence from a GPU, in pieces that fit into minutes; and the part of it that a CPU can have, with --small.

  exact      every identity in four precisions, and what TF32 does to "exact"
  speed      FastFCN against its dilated twin, every way to run them; where the time goes; batches
  conv       dilated convolution native against by phases, at rates 1 to 16
  slim       a FastFCN of a few megabytes for the notebooks
  camvid     every network, one recipe, as many steps
  resemble   does a trained JPU resemble y_d, how close can one come, and does it help
  pictures   test frames, their labels, and what three networks say

Each part is a JSON file, written after every measurement. Called again, the same command goes on with what is
missing, and trainings go on from their checkpoints. The order is that of what a minute buys.
"""

import argparse
import sys
import time
import traceback
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from jpu_edu.bench import camvid, gpu_tables
from jpu_edu.bench.gpu_parts import FULL, PARTS, QUICK, SMALL, Bench, Plan, Verify
from jpu_edu.bench.kept import Kept, Unfinished
from jpu_edu.cost.record import commit, machine

#: Those whose numbers depend on the length of the training.
TRAINED = ("slim", "camvid", "resemble", "pictures")
LEAST = 10.0  # seconds that must be left to begin a measurement


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m jpu_edu bench gpu`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = __doc__
    parser.epilog = """examples:
  python -m jpu_edu bench gpu --out figures/data/gpu --only exact speed conv
  python -m jpu_edu bench gpu --data ../data/camvid --out figures/data/gpu --only camvid --rows fastfcn_fcn fcn32s
  python -m jpu_edu bench gpu --small --data ../data/camvid --out figures/data/small --seconds 9000
  python -m jpu_edu bench gpu --quick --device cpu --out /tmp/gpu
exit status: 0 all was measured or the time was used up, 1 a measurement failed, 2 it could not begin"""
    parser.add_argument("--data", metavar="PATH", help="CamVid's folder")
    parser.add_argument("--out", required=True, metavar="FOLDER", help="of the JSON files and pictures")
    parser.add_argument("--only", nargs="+", choices=tuple(PARTS), metavar="PART", help="some parts, in this order")
    parser.add_argument("--rows", nargs="+", choices=tuple(camvid.ROWS), metavar="ROW", help="of camvid, in this order")
    parser.add_argument("--seeds", type=int, metavar="N", help="of the rows with several (default: 3, quick: 1)")
    parser.add_argument("--steps", type=int, metavar="N", help="of every training (default: 4600, small 1500, quick 2)")
    parser.add_argument("--seconds", type=float, default=540.0, metavar="S", help="begin nothing later (default: 540)")
    parser.add_argument("--device", help="cuda or cpu (default: cuda, small: cpu)")
    parser.add_argument("--runs", default="runs/gpu", metavar="FOLDER", help="of checkpoints (default: runs/gpu)")
    parser.add_argument("--commit", metavar="NAME", help="of the code, where there is no git to ask")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--small", action="store_true", help="what trains, by small networks: two hours of a CPU")
    size.add_argument("--quick", action="store_true", help="toy sizes, no data needed: whether all works")


def main(arguments: argparse.Namespace, *, verify: Verify) -> int:
    """Measure what is missing until the time is used up; print a table for each part, and what is missing then."""
    plan = QUICK if arguments.quick else SMALL if arguments.small else FULL
    parts = arguments.only or (TRAINED if arguments.small else PARTS)
    if arguments.small and (others := set(parts) - set(TRAINED)):
        print(
            f"bench gpu: --small is about what trains, and has no {', '.join(sorted(others))}; "
            "`bench networks` and `bench conv` measure speed on a CPU, `verify` the identities",
            file=sys.stderr,
        )
        return 2
    arguments.device = arguments.device or ("cpu" if arguments.small else "cuda")
    for name in ("steps", "seeds"):
        value = getattr(arguments, name)
        if value is not None and value < 1:
            print(f"bench gpu: --{name} {value}; it must be at least 1", file=sys.stderr)
            return 2
    plan = replace(
        plan, steps=arguments.steps or plan.steps, seeds=arguments.seeds or plan.seeds,
        rows=tuple(arguments.rows or plan.rows),
    )  # fmt: skip
    try:
        device = torch.device(arguments.device)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        print(f"bench gpu: --device {arguments.device} does not work here ({reason}); try cpu", file=sys.stderr)
        return 2
    out = Path(arguments.out)
    bench = Bench(device, plan, arguments.data, out, Path(arguments.runs), arguments.seconds, verify)
    call = {"commit": arguments.commit or commit(), "machine": machine(arguments.device)}
    print(", ".join(f"{key} {value}" for key, value in call["machine"].items()) + f", commit {call['commit']}")
    missing: dict[str, str] = {}
    for part in parts:
        try:
            record = Kept(str(out / f"{part}.json"), _about(part, plan, arguments), call=call)
            missing |= _measure(part, bench, record)
        except KeyboardInterrupt:
            print("\nbench gpu: stopped; the same command goes on", file=sys.stderr)
            return 130
        except (OSError, ValueError) as error:
            print(f"bench gpu: {error}", file=sys.stderr)
            return 2
        print(f"\n{part}\n{gpu_tables.TABLES[part](record.whole['found'])}\n", flush=True)
    print(f"Missing: {len(missing)}" + "".join(f"\n  {label}: {why}" for label, why in missing.items()))
    return int(any(why.startswith("failed") for why in missing.values()))


def _measure(part: str, bench: Bench, record: Kept) -> dict[str, str]:
    """What is missing of a part, as far as the time goes; returns what is missing then, and why."""
    missing = {}
    for name, measure in PARTS[part](bench).items():
        label, start = f"{part}: {name}", time.monotonic()
        if name in record.whole["found"]:
            continue
        if bench.left() < LEAST:
            missing[label] = "no time left"
            continue
        try:
            record.once(name, measure)
            print(f"[{time.monotonic() - bench.began:4.0f} s] {label}: {time.monotonic() - start:.1f} s", flush=True)
        except Unfinished as error:
            missing[label] = str(error)
        except Exception as error:  # whatever a device comes up with: the other measurements need not suffer
            traceback.print_exc()
            missing[label] = f"failed: {type(error).__name__}: {str(error)[:200]}"
        if bench.device.type == "cuda":
            torch.cuda.empty_cache()
    return missing


def _about(part: str, plan: Plan, arguments: argparse.Namespace) -> dict[str, Any]:
    """What a file of this part says of itself; the settings decide whether it may be gone on with.

    The seed is that of identities, maps and random weights; each training names its own.
    """
    settings = asdict(plan)
    for name in ("seeds", "rows", "effort_seeds") + (() if part in TRAINED else ("steps",)):
        settings.pop(name)  # more of them add measurements and change none
    settings |= {"quick": arguments.quick, "device": torch.device(arguments.device).type}
    command = f"python -m jpu_edu bench gpu{' --small' if arguments.small else ''} --only {part}"
    return {"command": command, "seed": 0, "settings": settings, "machine": {}}
