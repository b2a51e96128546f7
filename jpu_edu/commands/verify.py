"""`python -m jpu_edu verify`: the identities and the counterexamples as one table."""

import argparse
import sys

import torch

from jpu_edu.data.files import write_json
from jpu_edu.verify import Setting, record, report, verify

DTYPES = ("float64", "float32", "float16", "bfloat16")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `verify`."""
    parser.epilog = "exit status: 0 when all is as claimed, 1 when an identity fails or a counterexample holds"
    parser.add_argument("--device", default="cpu", help="a torch device, such as cpu or cuda (default: cpu)")
    parser.add_argument("--dtype", default="float64", choices=DTYPES, help="default: float64")
    parser.add_argument("--seed", type=int, default=0, help="shapes, maps and kernels follow from it (default: 0)")
    parser.add_argument("--json", metavar="FILE", help="write the rows and the machine to FILE too")


def main(arguments: argparse.Namespace) -> int:
    """Check, print and record; returns the exit status."""
    if not -(2**63) <= arguments.seed < 2**64:
        print(f"verify: --seed {arguments.seed}; choose one of 64 bits, such as 0", file=sys.stderr)
        return 2
    try:
        torch.zeros(1, device=arguments.device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        print(f"verify: --device {arguments.device} does not work here ({reason}); try --device cpu", file=sys.stderr)
        return 2
    torch.set_num_threads(1)  # the maps are small: threads that wait for one another on a busy machine cost minutes
    setting = Setting(arguments.device, getattr(torch, arguments.dtype), arguments.seed)
    found = verify(setting)
    print(report(found))
    if arguments.json:
        try:
            path = write_json(arguments.json, {"command": "python -m jpu_edu verify", **record(found, setting)})
        except OSError as error:
            print(f"verify: {error}", file=sys.stderr)
            return 2
        print(f"Written to {path}.")
    return 0 if all(row.passed for row in found) else 1


def rows(device: str, dtype: torch.dtype) -> list[dict[str, object]]:
    """The table as `bench gpu` keeps it: one record a row, and whether it is as claimed."""
    kept = ("name", "label", "dtype", "error", "tolerance", "breaks", "verdict")
    setting = Setting(device, dtype)
    found = verify(setting)
    told = record(found, setting)["rows"]
    return [{key: t[key] for key in kept} | {"passed": row.passed} for t, row in zip(told, found, strict=True)]
