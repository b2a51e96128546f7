"""`python -m jpu_edu evaluate`: a network on a labelled set, class by class."""

import argparse
from collections.abc import Iterator
from functools import partial
from typing import get_args

from torch import nn

from jpu_edu.commands.refused import refused
from jpu_edu.cost.record import machine
from jpu_edu.data.files import write_json
from jpu_edu.data.layouts import LAYOUTS, recognise
from jpu_edu.data.palettes import PASCAL_CONTEXT
from jpu_edu.metrics import scores
from jpu_edu.train.distributed import joined
from jpu_edu.train.evaluate import Evaluation, evaluate
from jpu_edu.train.protocol import official, probabilities, whole_image
from jpu_edu.train.source import network


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `evaluate`."""
    parser.description = "mIoU, pixel accuracy and IoU near boundaries of a network on a labelled set, class by class."
    parser.epilog = (
        "examples: python -m jpu_edu evaluate --model run/best.safetensors --data ../data/camvid --split test | "
        "python -m jpu_edu evaluate --model encnet.pth.tar --data VOCdevkit --protocol official "
        "--scales 0.5 0.75 1 1.25 1.5 1.75 --flip --absent zero (the paper's numbers). "
        "Under torchrun each process takes its part of the set. Exit status: 0, or 2 when it could not be done"
    )
    parser.add_argument("--model", required=True, metavar="FILE", help="weights: ours, official FastFCN, torchvision")
    parser.add_argument("--data", required=True, metavar="PATH", help="the folder of the set")
    parser.add_argument("--layout", choices=LAYOUTS, help="default: recognised by what lies in the folder")
    parser.add_argument("--split", default="val", help="default: val")
    parser.add_argument(
        "--protocol", choices=("whole", "official"), default="whole",
        help="whole images (default), or windows that slide over a long side of --base",
    )  # fmt: skip
    parser.add_argument("--scales", type=float, nargs="+", default=[1.0], metavar="S", help="default: 1")
    parser.add_argument("--flip", action="store_true", help="mirror images too")
    parser.add_argument(
        "--no-fill", dest="fill", action="store_false",
        help="of --protocol whole: images as they are; by default filled up to the remainders by 8 of the crops of the "
        "training, where the file notes them, as train and predict do",
    )  # fmt: skip
    parser.add_argument("--base", type=int, default=520, metavar="N", help="of --protocol official (default: 520)")
    parser.add_argument("--crop", type=int, default=480, metavar="N", help="of --protocol official (default: 480)")
    parser.add_argument("--band", type=int, default=3, metavar="N", help="pixels from a boundary (default: 3)")
    parser.add_argument(
        "--absent", choices=get_args(scores.Absent), default="skip",
        help="a class without pixels is left out of means (default), or counts zero as in the official code",
    )  # fmt: skip
    parser.add_argument("--device", default="cpu", help="such as cpu or cuda (default: cpu)")
    parser.add_argument("--json", metavar="FILE", help="write every number to FILE too")


def main(arguments: argparse.Namespace) -> int:
    """Evaluate, print and record; returns the exit status."""
    try:
        model = network(arguments.model)
        layout = arguments.layout or recognise(arguments.data)
        images = LAYOUTS[layout].reader(arguments.data, split=arguments.split)
        filled = model.crop if arguments.fill and arguments.protocol == "whole" else None
        more = {"scales": arguments.scales, "flip": arguments.flip}
        if arguments.protocol == "official":
            score = partial(official, **more, base=arguments.base, crop=arguments.crop)
        elif more == {"scales": [1.0], "flip": False}:
            score = partial(whole_image, fill=arguments.fill)
        else:
            score = partial(probabilities, **more, fill=arguments.fill)
        with joined(arguments.device) as world:
            result = evaluate(
                model, images, score=score, device=world.device, band=arguments.band, absent=arguments.absent,
                progress=True,
            )  # fmt: skip
        if world.first:
            how = "official protocol" if arguments.protocol == "official" else _sizes(filled, arguments.fill)
            print(f"{images.name} {images.split}, {how}\n{result.table()}")
            print(*_notes(model, result), sep="", end="")
        if arguments.json and world.first:
            asked = {key: value for key, value in vars(arguments).items() if key not in ("run", "command", "json")}
            asked |= {"layout": layout, "fill": filled}
            record = {"command": "python -m jpu_edu evaluate", **asked, **result.record()}
            print(f"Written to {write_json(arguments.json, {**record, 'machine': machine(str(world.device))})}.")
    except (OSError, ValueError, OverflowError) as error:
        return refused("evaluate", error)
    return 0


def _sizes(filled: tuple[int, int] | None, asked: bool) -> str:
    """How the whole images came to the network."""
    if filled:
        height, width = filled
        return f"whole images, filled up to the remainders by 8 of crops of {height} x {width} (--no-fill: as they are)"
    return "whole images as they are" + ("; the file notes no crops of the training" if asked else "")


def _notes(model: nn.Module, result: Evaluation) -> Iterator[str]:
    """What a reader of the numbers should know about the classes."""
    known = model.classes.names if model.classes else result.classes.names
    for ours, theirs in zip(known, result.classes.names, strict=True):
        if ours != theirs:
            yield f"Note: a class that the network knows as {ours!r} is {theirs!r} in the set; is it the same set?\n"
            break
    if result.classes == PASCAL_CONTEXT:
        number = scores.mean_iou(result.matrix, absent="zero")
        sixty = scores.mean_iou(scores.with_background(result.matrix), absent="zero")
        yield f"Absent classes counted 0: mean IoU {number:.4f} of 59 classes, {sixty:.4f} of 60 (with background, 0)\n"
