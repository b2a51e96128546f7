"""`python -m jpu_edu predict`: pictures to labels, overlays and legends in a folder."""

import argparse
from pathlib import Path

from jpu_edu.commands.refused import refused
from jpu_edu.train.distributed import usable
from jpu_edu.train.predict import LONGEST, predict
from jpu_edu.train.source import network


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `predict`."""
    parser.description = "Label every pixel of pictures: an overlay, a palette picture of the labels, and a legend."
    parser.epilog = (
        "example: python -m jpu_edu predict street.jpg --model run/best.safetensors --out predicted. "
        "Exit status: 0 when every picture was labelled, 1 when some could not be, 2 when none was tried"
    )
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="pictures, in any format that Pillow reads")
    parser.add_argument(
        "--model", required=True, metavar="FILE",
        help="weights: run/best.safetensors, an official FastFCN checkpoint, or one of torchvision's",
    )  # fmt: skip
    parser.add_argument("--out", required=True, metavar="FOLDER", help="where to write; made where it is missing")
    parser.add_argument("--device", default="cpu", help="such as cpu or cuda (default: cpu)")
    parser.add_argument(
        "--longest", type=int, default=LONGEST, metavar="N",
        help=f"shrink longer pictures to this for the network, and enlarge the labels (default: {LONGEST}; 0: never)",
    )  # fmt: skip


def main(arguments: argparse.Namespace) -> int:
    """Predict, write and print a line a picture; returns the exit status."""
    names = [Path(image).stem for image in arguments.images]
    twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
    try:
        if twice is not None:
            raise ValueError(f"two pictures are named {twice!r}; give each a folder of its own by --out")
        model = network(arguments.model)
        model.to(usable(arguments.device, what="predict"))
        _make(arguments.out)
    except (OSError, ValueError, MemoryError) as error:
        return refused("predict", error)
    failed = 0
    for image in arguments.images:
        try:
            result = predict(model, image, longest=arguments.longest or None)
            files = result.save(arguments.out)
        except (OSError, ValueError, MemoryError) as error:
            failed = refused("predict", error, status=1)
            continue
        found = ", ".join(f"{name} {100 * share:.0f} %" for name, share in [*result.shares().items()][:4])
        height, width = result.labels.shape
        print(f"{image} ({height} x {width}, network {result.seconds:.2f} s): {found}")
        print(f"  {', '.join(map(str, files))}")
    return failed


def _make(folder: str) -> None:
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"cannot make the folder {folder} ({error.strerror}); name one you may write to") from error
