"""What every network costs: counted at any size on the meta device, and timed here in turn with its twin.

GMAC, M      multiply-accumulates of an image, and parameters, both without the auxiliary head
kept MiB     what a training step keeps for the backward pass
ratio        time of the dilated network of the group / time of the network, both as built, eager and in float32
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from jpu_edu.backbones.resnet import BasicBlock, Bottleneck
from jpu_edu.cost.activations import kept_for_backward
from jpu_edu.cost.ledger import total
from jpu_edu.cost.macs import layer_costs
from jpu_edu.cost.timing import Timings, time_in_turn
from jpu_edu.models import build
from jpu_edu.models.segmenter import Segmenter
from jpu_edu.ops.columns import columns
from jpu_edu.train.progress import bar

Make = Callable[[], Segmenter]


def _fastfcn(head: str, depth: int, neck: str = "jpu") -> Make:
    return lambda: build.fastfcn(classes=59, head=head, neck=neck, backbone=f"resnet{depth}", aux=False)


def _built(builder: Callable[..., Segmenter], depth: int) -> Make:
    return lambda: builder(classes=59, backbone=f"resnet{depth}", aux=False)


#: Networks that are timed together; the first of a group is the dilated one, with which the others are compared.
GROUPS: dict[str, dict[str, Make]] = {
    "FCN-50": {
        "FCN-50 dilated": _built(build.dilated_fcn, 50),
        "FCN-50 + JPU": _fastfcn("fcn", 50),
        "FCN-32s-50": _built(build.fcn32s, 50),
        "FCN-8s-50": _built(build.fcn8s, 50),
        "Encoder-decoder-50": _built(build.encoder_decoder, 50),
        "FPN-50": _built(build.fpn, 50),
    },
    "EncNet-50": {
        "EncNet-50 dilated": _built(build.encnet, 50),
        "EncNet-50 + JPU": _fastfcn("enc", 50),
        "EncNet-50 + JPU_X": _fastfcn("enc", 50, "jpu_x"),
        "EncNet-50 + bilinear": _fastfcn("enc", 50, "bilinear"),
    },
    "PSP-50": {"PSP-50 dilated": _built(build.pspnet, 50), "PSP-50 + JPU": _fastfcn("psp", 50)},
    "DeepLabv3-50": {"DeepLabv3-50 dilated": _built(build.deeplabv3, 50), "DeepLabv3-50 + JPU": _fastfcn("aspp", 50)},
    "EncNet-101": {"EncNet-101 dilated": _built(build.encnet, 101), "EncNet-101 + JPU": _fastfcn("enc", 101)},
}

#: Frames a second on Pascal Context, one image of 512 x 512, from the official README: with JPU / dilated.
PAPER_RATIO = {
    "EncNet-50 + JPU": 37.56 / 18.77,
    "PSP-50 + JPU": 28.48 / 18.08,
    "DeepLabv3-50 + JPU": 20.67 / 15.99,
    "EncNet-101 + JPU": 32.02 / 10.51,
}


@dataclass(frozen=True)
class Bill:
    """One network. `ms` and `ratio` are None where it was not timed, `paper` where the authors did not time it."""

    name: str
    gmac: float
    params: float
    kept_mib: float
    ms: float | None = None
    ratio: float | None = None
    paper: float | None = None


def conditioned(model: Segmenter) -> Segmenter:
    """Eval mode, and residual branches scaled by 0.2: random weights whose activations stay of one size."""
    for block in model.modules():
        if isinstance(block, Bottleneck | BasicBlock):
            torch.nn.init.constant_((block.bn3 if isinstance(block, Bottleneck) else block.bn2).weight, 0.2)
    return model.eval()


def count(name: str, make: Make, *, size: int) -> Bill:
    """The counted part of a bill, in a second or two and without memory."""
    with torch.device("meta"):
        model = make()
    image = torch.empty(1, 3, size, size, device="meta")
    costs = total(layer_costs(model.eval(), image))
    pair = torch.empty(2, 3, size, size, device="meta")  # some BatchNorm sees a single pixel, and needs two images
    kept = kept_for_backward(model.train(), pair)
    return Bill(name, costs.macs / 1e9, costs.params / 1e6, kept.mib / 2, paper=PAPER_RATIO.get(name))


def time_group(makes: Mapping[str, Make], image: Tensor, *, repeats: int) -> Timings:
    """The networks of a group in turn, eager, as built."""
    models = {name: conditioned(make()) for name, make in makes.items()}
    with torch.no_grad():
        return time_in_turn(
            {name: lambda model=model: model(image) for name, model in models.items()}, repeats=repeats, warmup=1
        )


def ledger(*, size: int, repeats: int, timed: Sequence[str] | None = None) -> list[Bill]:
    """A bill for every network.

    Args:
        size: of the square image, 64 or more.
        repeats: rounds of each timing.
        timed: the groups to time (the others are counted only); None for all.
    """
    image = torch.randn(1, 3, size, size)
    bills: list[Bill] = []
    for group, makes in bar(iterable=GROUPS.items(), desc="ledger", leave=False):
        rows = [count(name, make, size=size) for name, make in makes.items()]
        if timed is None or group in timed:
            times = time_group(makes, image, repeats=repeats)
            first = next(iter(makes))
            rows = [replace(b, ms=1e3 * times.medians[b.name], ratio=times.ratio(first, b.name)) for b in rows]
        bills += rows
    return bills


def groups(rows: Sequence[dict]) -> list[list[dict]]:
    """Stored rows in their groups, each of which begins with its dilated network."""
    firsts = {next(iter(makes)) for makes in GROUPS.values()}
    found: list[list[dict]] = []
    for row in rows:
        if row["name"] in firsts:
            found.append([])
        found[-1].append(row)
    return found


def table(bills: Sequence[Bill]) -> str:
    """Aligned text, a row a network."""
    head = ("network", "GMAC", "M params", "kept MiB", "ms", "ratio", "paper")

    def cell(value: float | None, digits: int) -> str:
        return "-" if value is None else f"{value:.{digits}f}"

    rows = [
        (b.name, *map(cell, (b.gmac, b.params, b.kept_mib, b.ms, b.ratio, b.paper), (1, 1, 0, 0, 2, 2))) for b in bills
    ]
    note = "ratio: time of the dilated network of the group over its own; paper: the authors' ratio, on their GPU"
    return f"{columns([head, None, *rows])}\n{note}"
