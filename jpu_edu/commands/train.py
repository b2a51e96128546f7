"""`python -m jpu_edu train RECIPE`: a recipe by name, changes to its numbers, and how the run ended."""

import argparse
import ast
import inspect
import math
import os
import shlex
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from jpu_edu.commands.refused import refused
from jpu_edu.train import recipes
from jpu_edu.train.config import Config
from jpu_edu.train.loop import Result
from jpu_edu.train.stop import INTERRUPTED

SETTINGS = [field.name for field in fields(Config)]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `train`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = "Train a network as a recipe says, in a folder that keeps everything."
    parser.epilog = f"""examples:
  python -m jpu_edu train shapes_minute                       a minute on a laptop, no data needed
  python -m jpu_edu train shapes_minute --with network=fcn32s the same with another network
  python -m jpu_edu train camvid_fastfcn_r50 --data CamVid --device cuda --minutes 9
  python -m jpu_edu train camvid_fastfcn_r50 --data CamVid --device cuda --resume
  python -m jpu_edu train folder --data my_set --set steps=500 batch=4 crop=192,256
  torchrun --nproc-per-node 2 -m jpu_edu train ade20k --data ADE20K --device cuda

Ctrl-C finishes the step, saves, and says how to go on; so does --minutes.
exit status: 0 done or out of time, {INTERRUPTED} interrupted, 1 the run failed, 2 it could not begin"""
    parser.add_argument("recipe", nargs="?", metavar="RECIPE", help="a name from --list")
    parser.add_argument("--list", action="store_true", help="name the recipes and what they take, and stop")
    parser.add_argument("--data", metavar="PATH", help="the folder of the set")
    parser.add_argument("--out", metavar="FOLDER", help="of this run alone (default: runs/ and the recipe's name)")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint in the folder, if any")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    parser.add_argument("--backbone", metavar="FILE", help="pretrained weights for the backbone, .pth or .safetensors")
    parser.add_argument("--minutes", type=float, metavar="M", help="stop, saved, after this time")
    pairs = {"nargs": "+", "action": "extend", "default": [], "metavar": "NAME=VALUE"}
    parser.add_argument("--with", dest="choices", **pairs, help="of the recipe, see --list")
    parser.add_argument(
        "--set", dest="settings", **pairs,
        help=f"other numbers than the recipe's: {', '.join(SETTINGS)}",
    )  # fmt: skip


def main(arguments: argparse.Namespace) -> int:
    """Train and tell; returns the exit status."""
    first = os.environ.get("RANK", "0") == "0"
    if arguments.list:
        print(listing())
        return 0
    try:
        if arguments.minutes is not None and not 0 <= arguments.minutes < math.inf:
            raise ValueError(f"--minutes {arguments.minutes:g}; give a number >= 0, or leave it out")
        recipe = chosen(arguments.recipe, arguments.choices, arguments.settings)
        folder = Path(arguments.out or Path("runs", recipe.name))
        if first:
            print(f"{recipe.name} in {folder}", flush=True)
        result = recipes.run(
            recipe, folder=folder, data=arguments.data, backbone=arguments.backbone, device=arguments.device,
            resume=arguments.resume, seconds=None if arguments.minutes is None else 60 * arguments.minutes,
        )  # fmt: skip
    except (FloatingPointError, MemoryError, OSError, ValueError) as error:
        return refused("train", error, status=1 if isinstance(error, FloatingPointError | MemoryError) else 2)
    except KeyboardInterrupt:
        print("train: stopped at once; --resume goes on from the last checkpoint", file=sys.stderr)
        return INTERRUPTED
    if first:
        print(told(result))
        if result.stopped:
            print(f"Stopped after {result.steps} of {recipe.config.steps} steps ({result.stopped}). Go on with\n"
                  f"  {again(arguments)}")  # fmt: skip
    return INTERRUPTED if result.stopped == "interrupted" else 0


def listing() -> str:
    """Name, first line of the docstring, and the choices of every recipe."""
    width = max(len(recipe.__name__) for recipe in recipes.RECIPES)
    lines = []
    for recipe in recipes.RECIPES:
        lines.append(f"{recipe.__name__:{width}}  {inspect.getdoc(recipe).splitlines()[0]}")
        for name, parameter in _choices(recipe.__name__).items():
            lines.append(f"{'':{width}}    --with {name}={parameter.default}")
    return "\n".join(lines)


def meant(arguments: argparse.Namespace, unknown: Sequence[str]) -> str:
    """For options that `train` does not have: "; did you mean --set steps=5?", or nothing."""
    for word, following in zip(unknown, [*unknown[1:], "--"], strict=True):
        name, equals, value = word.removeprefix("--").partition("=")
        name = name.replace("-", "_")
        for option, names in (("--set", SETTINGS), ("--with", _choices(arguments.recipe))):
            if word.startswith("--") and name in names:
                value = value if equals else "..." if following.startswith("--") else following
                return f"; did you mean {option} {name}={value}?"
    return ""


def chosen(name: str | None, choices: Sequence[str] = (), settings: Sequence[str] = ()) -> recipes.Recipe:
    """The recipe of this name with these choices, and with these settings in place of its own.

    Args:
        choices, settings: "name=value", the value as in Python, quotation marks left out.

    Raises:
        ValueError: an unknown name or value; lists what there is.
    """
    known = {recipe.__name__: recipe for recipe in recipes.RECIPES}
    if name not in known:
        given = "no recipe is named" if name is None else f"there is no recipe {name!r}"
        raise ValueError(f"train: {given}; choose one of {', '.join(known)}")
    recipe = known[name](**_values(choices, _choices(name), f"the recipe {name}"))
    return replace(recipe, config=replace(recipe.config, **_values(settings, SETTINGS, "the configuration")))


def _choices(name: str | None) -> Mapping[str, inspect.Parameter]:
    """What this recipe takes, with its defaults; nothing where there is no such recipe."""
    return next((inspect.signature(recipe).parameters for recipe in recipes.RECIPES if recipe.__name__ == name), {})


def _values(pairs: Sequence[str], names: Collection[str], what: str) -> dict[str, Any]:
    found = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or name not in names:
            raise ValueError(f"train: {pair!r}; {what} takes NAME=VALUE for {', '.join(names) or 'no names'}")
        try:
            found[name] = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            found[name] = text
    return found


def told(result: Result) -> str:
    """The end of a run in words: scores by class, where the best network is, how fast it was."""
    lines = [result.evaluation.table()] if result.evaluation else []
    if result.best_step:
        lines.append(
            f"Best: {result.best_miou:.3f} mIoU after {result.best_step} steps, in {result.folder / 'best.safetensors'}"
        )
    if result.images_per_second:
        lines.append(f"{result.images_per_second:.1f} images/s")
    if result.speeds:
        s = result.speeds
        lines.append(
            f"{s['tflops']:.1f} TFLOP/s, {100 * s['utilisation']:.0f} % of a bfloat16 matrix product here "
            f"({s['tflops_of_a_matrix_product']:.0f}); peak memory {s['peak_memory_gib']:.2f} GiB"
        )
    return "\n".join(lines)


def again(arguments: argparse.Namespace) -> str:
    """The command that goes on with this run."""
    words = ["python", "-m", "jpu_edu", "train", arguments.recipe]
    for option in ("data", "out", "device", "backbone", "minutes"):
        if (value := getattr(arguments, option)) is not None:
            words += [f"--{option}", str(value)]
    for option, values in (("--with", arguments.choices), ("--set", arguments.settings)):
        words += [option, *values] if values else []
    return shlex.join([*words, "--resume"])
