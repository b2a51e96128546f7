"""What the networks of the bill cost at every size: two dry runs each, stored, and the line between them.

Shape legend
    n    side of the image in units of 32 pixels; MACs and bytes are fixed + n^2 * growing, exactly

`python -m jpu_edu.widgets.bill_lines` counts all networks anew, in a minute or two, into bill_lines.json.
"""

import functools
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import torch
from torch import nn
from tqdm import tqdm

from jpu_edu.cost.activations import MIB, kept_for_backward, peak_inference_bytes
from jpu_edu.cost.macs import layer_costs
from jpu_edu.models.build import deeplabv3, dilated_fcn, encnet, fastfcn, pspnet
from jpu_edu.models.segmenter import Segmenter

LINES = Path(__file__).with_suffix(".json")
Form = Literal["dilated", "jpu", "jpu_x", "bilinear"]
Head = Literal["fcn", "enc 3x3", "enc 1x1", "psp", "aspp"]

DEPTHS = (18, 50, 101, 152)
PARTS = {
    "stem": "stem", "layer1": "c2", "layer2": "c3", "layer3": "c4", "layer4": "c5", "neck": "neck", "head": "head",
}  # fmt: skip
LOW, HIGH = 8, 16  # two values of n; a third one would tell nothing new, as the tests say


class Choice(NamedTuple):
    """A network: ResNet of this depth, without strides or with a neck, and its head."""

    depth: int
    form: Form
    head: Head

    def __str__(self) -> str:
        return f"{self.depth} {self.form} {self.head}"


def choices(depths: Sequence[int] = DEPTHS) -> list[Choice]:
    """Every network of these depths."""
    return [Choice(d, f, h) for d in depths for f in get_args(Form) for h in get_args(Head)]


def network(choice: Choice, *, classes: int = 59) -> Segmenter:
    """The network on the meta device, without auxiliary head; EncNet's head with the kernel that is asked for.

    Raises:
        ValueError: a depth, form or head that is not offered.
    """
    for name, value, known in zip(choice._fields, choice, (DEPTHS, get_args(Form), get_args(Head)), strict=True):
        if value not in known:
            raise ValueError(f"bill: {name}={value!r}; choose one of {', '.join(map(str, known))}")
    family, _, kernel = choice.head.partition(" ")
    settings = {"classes": classes, "backbone": f"resnet{choice.depth}", "aux": False}
    with torch.device("meta"):
        if choice.form == "dilated":
            build = {"fcn": dilated_fcn, "enc": encnet, "psp": pspnet, "aspp": deeplabv3}[family]
            model = build(**settings)
        else:
            model = fastfcn(head=family, neck=choice.form, **settings)
        if kernel:
            conv, side = model.head.block.conv, int(kernel[0])
            model.head.block.conv = nn.Conv2d(conv.in_channels, conv.out_channels, side, padding=side // 2, bias=False)
    return model


@dataclass(frozen=True)
class Bill:
    """MACs and parameters of each part; bytes kept of two images in training, and most alive in inference."""

    macs: dict[str, int]
    params: dict[str, int]
    kept: int
    peak: int


def count(choice: Choice, *, n: int) -> Bill:
    """The bill of one network for images of 32 n x 32 n, by dry runs: nothing is computed or allocated."""
    model, image, pair = network(choice), *(torch.empty(k, 3, 32 * n, 32 * n, device="meta") for k in (1, 2))
    macs, params = dict.fromkeys(PARTS.values(), 0), dict.fromkeys(PARTS.values(), 0)
    for row in layer_costs(model.eval(), image):
        room, _, rest = row.name.partition(".")
        part = PARTS[room] if room in PARTS else PARTS.get(rest.partition(".")[0], "stem")
        macs[part] += row.macs
        params[part] += row.params
    peak = peak_inference_bytes(model, image)
    return Bill(macs, params, kept_for_backward(model.train(), pair).bytes, peak)


def line(low: int, high: int) -> list[int]:
    """[fixed, growing] of a count at n = LOW and n = HIGH.

    Raises:
        ValueError: the two cannot lie on fixed + n^2 * growing with whole numbers.
    """
    growing, rest = divmod(high - low, HIGH**2 - LOW**2)
    if rest:
        raise ValueError(f"bill: {low} at n = {LOW} and {high} at n = {HIGH} are not on one line in n^2")
    return [low - LOW**2 * growing, growing]


def count_lines(choice: Choice) -> dict[str, list]:
    """The bill at every size: (fixed, growing) of each part's MACs, of `kept` and of `peak`; and the parameters."""
    low, high = count(choice, n=LOW), count(choice, n=HIGH)
    return {
        "macs": [line(low.macs[part], high.macs[part]) for part in PARTS.values()],
        "params": list(low.params.values()),
        "kept": line(low.kept, high.kept),
        "peak": line(low.peak, high.peak),
    }


@functools.cache
def stored() -> dict[str, dict[str, list]]:
    """`count_lines` of every network that is offered, by the choice in words."""
    return json.loads(LINES.read_text(encoding="utf-8"))


def total(choice: Choice, *, size: int = 512) -> dict[str, float]:
    """GMAC, million parameters, MiB an image kept in training, MiB at the peak of inference, at this size.

    Raises:
        ValueError: a size that is no multiple of 32: between them every stride rounds up by itself.
    """
    if size % 32 or size < 32:
        raise ValueError(f"bill: size={size}; give a multiple of 32")
    square, lines = (size // 32) ** 2, stored()[str(choice)]

    def at(pair: list[int]) -> int:
        return pair[0] + square * pair[1]

    return {
        "gmac": sum(map(at, lines["macs"])) / 1e9,
        "params": sum(lines["params"]) / 1e6,
        "kept_mib": at(lines["kept"]) / 2 / MIB,
        "peak_mib": at(lines["peak"]) / MIB,
    }


def main() -> None:
    """Count every network anew and store the lines, a line of text for each."""
    rows = [f'"{c}": {json.dumps(count_lines(c), separators=(",", ":"))}' for c in tqdm(choices())]
    partial = LINES.with_suffix(".tmp")
    partial.write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")
    os.replace(partial, LINES)


if __name__ == "__main__":
    main()
