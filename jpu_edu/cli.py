"""The command line: `python -m jpu_edu --help`."""

import argparse
import sys
from collections.abc import Sequence

import torch

from jpu_edu.bench import adversary, conv, gpu, networks, training
from jpu_edu.cost.record import write_json
from jpu_edu.data import check as check_data
from jpu_edu.school import bench as school_bench
from jpu_edu.school import command as school
from jpu_edu.train import command, evaluate, predict
from jpu_edu.verify import Setting, record, report, verify

DTYPES = ("float64", "float32", "float16", "bfloat16")


def parser() -> argparse.ArgumentParser:
    """Every subcommand with its options and an example."""
    top = argparse.ArgumentParser(
        prog="python -m jpu_edu",
        description="Joint upsampling and FastFCN, proved step by step.",
        epilog="example: python -m jpu_edu verify --dtype float32",
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="command")

    check = commands.add_parser(
        "verify",
        help="check every identity of the course, and that every counterexample breaks",
        epilog="exit status: 0 when all is as claimed, 1 when an identity fails or a counterexample holds",
    )
    check.add_argument("--device", default="cpu", help="a torch device, such as cpu or cuda (default: cpu)")
    check.add_argument("--dtype", default="float64", choices=DTYPES, help="default: float64")
    check.add_argument("--seed", type=int, default=0, help="shapes, maps and kernels follow from it (default: 0)")
    check.add_argument("--json", metavar="FILE", help="write the rows and the machine to FILE too")
    check.set_defaults(run=_verify)

    data = commands.add_parser("data", help="look at a labelled set on disk")
    one = data.add_subparsers(dest="data", required=True, metavar="what").add_parser(
        "check", help="read all of it: what is wrong, class shares, sizes, a contact sheet"
    )
    check_data.add_arguments(one)
    one.set_defaults(run=check_data.main)

    for name, module, what in (
        ("train", command, "a network as a recipe says; --list names the recipes"),
        ("evaluate", evaluate, "a network on a labelled set: mIoU, pixel accuracy, boundaries, class by class"),
        ("predict", predict, "label pictures: overlay, label picture, legend"),
    ):
        one = commands.add_parser(name, help=what)
        module.add_arguments(one)
        one.set_defaults(run=module.main)

    one = commands.add_parser("class", help="grade a class: a course folder from the first day to the grades")
    school.add_arguments(one)
    one.set_defaults(run=school.main)

    bench = commands.add_parser("bench", help="measure on this machine: ratios of things run in turn")
    benches = bench.add_subparsers(dest="bench", required=True, metavar="what")
    for name, module, what in (
        ("conv", conv, "dilated convolution: native against by phases"),
        (
            "networks",
            networks,
            "every network: cost, time, and the ratio to its dilated twin; fused against official form",
        ),
        ("training", training, "what a minute of training buys: networks at equal time and at equal steps"),
        ("class", school_bench, "thirty submissions, broken ones among them, graded in one go"),
        ("adversary", adversary, "malformed calls, hostile files, killed trainings: what becomes of each"),
        ("gpu", gpu, "the evidence from a GPU: precision, speed, CamVid, and whether a JPU resembles y_d"),
    ):
        one = benches.add_parser(name, help=what)
        module.add_arguments(one)
        one.set_defaults(run={networks: _networks, gpu: _gpu}.get(module, module.main))
    return top


def _networks(arguments: argparse.Namespace) -> int:
    from jpu_edu.draw.ledger import save_ledger  # drawing takes a second to import, and other commands do without

    return networks.main(arguments, draw=save_ledger)


def _gpu(arguments: argparse.Namespace) -> int:
    def rows(device: str, dtype: torch.dtype) -> list[dict[str, object]]:
        kept = ("name", "label", "dtype", "error", "tolerance", "breaks", "verdict")
        setting = Setting(device, dtype)
        found = verify(setting)
        told = record(found, setting)["rows"]
        return [{key: t[key] for key in kept} | {"passed": row.passed} for t, row in zip(told, found, strict=True)]

    return gpu.main(arguments, verify=rows)


def _verify(arguments: argparse.Namespace) -> int:
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
    rows = verify(setting)
    print(report(rows))
    if arguments.json:
        try:
            path = write_json(arguments.json, {"command": "python -m jpu_edu verify", **record(rows, setting)})
        except OSError as error:
            print(
                f"verify: cannot write {arguments.json} ({error.strerror}); name a folder you may write to",
                file=sys.stderr,
            )
            return 2
        print(f"Written to {path}.")
    return 0 if all(row.passed for row in rows) else 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand; returns the exit status."""
    chosen = parser().parse_args(arguments)
    return chosen.run(chosen)
