"""The command line: `python -m jpu_edu --help`."""

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from types import ModuleType

from jpu_edu.bench import conv, gpu, networks, training
from jpu_edu.commands import data, evaluate, predict, train, verify
from jpu_edu.school import bench as school_bench
from jpu_edu.school import command as school


def parser() -> argparse.ArgumentParser:
    """Every subcommand with its options and an example."""
    top = argparse.ArgumentParser(
        prog="python -m jpu_edu",
        description="Joint upsampling and FastFCN, proved step by step.",
        epilog="example: python -m jpu_edu verify --dtype float32",
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="command")
    add = partial(_add, commands)
    add("verify", verify, "check every identity of the course, and that every counterexample breaks")
    sets = commands.add_parser("data", help="look at a labelled set on disk")
    sets = sets.add_subparsers(dest="data", required=True, metavar="what")
    _add(sets, "check", data, "read all of it: what is wrong, class shares, sizes, a contact sheet")
    add("train", train, "a network as a recipe says; --list names the recipes")
    add("evaluate", evaluate, "a network on a labelled set: mIoU, pixel accuracy, boundaries, class by class")
    add("predict", predict, "label pictures: overlay, label picture, legend")
    add("class", school, "grade a class: a course folder from the first day to the grades")

    bench = commands.add_parser("bench", help="measure on this machine: ratios of things run in turn")
    add = partial(_add, bench.add_subparsers(dest="bench", required=True, metavar="what"))
    add("conv", conv, "dilated convolution: native against by phases")
    add("networks", networks,
        "every network: cost, time, and the ratio to its dilated twin; fused against official form",
        run=_networks)  # fmt: skip
    add("training", training, "what a minute of training buys: networks at equal time and at equal steps")
    add("class", school_bench, "thirty submissions, broken ones among them, graded in one go")
    add("gpu", gpu, "the evidence from a GPU: precision, speed, CamVid, and whether a JPU resembles y_d",
        run=partial(gpu.main, verify=verify.rows))  # fmt: skip
    return top


def _add(
    commands: argparse._SubParsersAction, name: str, module: ModuleType, what: str,
    *, run: Callable[[argparse.Namespace], int] | None = None,
) -> None:  # fmt: skip
    """A subcommand: options from `module.add_arguments`, and `module.main`, or `run`, behind it."""
    one = commands.add_parser(name, help=what)
    module.add_arguments(one)
    one.set_defaults(run=run or module.main)


def _networks(arguments: argparse.Namespace) -> int:
    from jpu_edu.draw.ledger import save_ledger  # drawing takes a second to import, and other commands do without

    return networks.main(arguments, draw=save_ledger)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand; returns the exit status."""
    top = parser()
    chosen, unknown = top.parse_known_args(arguments)
    if unknown:
        hint = train.meant(chosen, unknown) if chosen.command == "train" else ""
        top.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
    return chosen.run(chosen)
