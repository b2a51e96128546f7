"""FastFCN and its dilated twin on a device: every way to run them, batches, and where the time goes.

dilated, FastFCN   the two networks of a pair, always timed in turn
ratio              time of the dilated one / time of FastFCN
floor              of a convolution: the larger of its arithmetic at the device's matrix rate and its bytes (input,
                   weights and output once) at the device's copy rate
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from jpu_edu.bench import conv
from jpu_edu.bench.card import Task, computing, peak_mib, recorded, seconds_alone
from jpu_edu.bench.ledger import PAPER_RATIO, conditioned
from jpu_edu.bench.official import Official
from jpu_edu.cost.dry import following
from jpu_edu.cost.timing import Timings, time_in_turn
from jpu_edu.layers.blocks import DepthwiseConv
from jpu_edu.models import build
from jpu_edu.models.fuse import Fused, fuse
from jpu_edu.models.segmenter import Segmenter

#: Head and depth of the backbone; the paper timed all but the one with the head of FCN.
PAIRS = {
    "EncNet-50": ("enc", 50), "EncNet-101": ("enc", 101), "PSP-50": ("psp", 50), "DeepLabv3-50": ("aspp", 50),
    "FCN-50": ("fcn", 50),
}  # fmt: skip
DILATED = {"enc": build.encnet, "psp": build.pspnet, "aspp": build.deeplabv3, "fcn": build.dilated_fcn}
WARMUP = 5


def twins(pair: str, device: torch.device, *, backbone: str | None = None) -> dict[str, Segmenter]:
    """Both networks of a pair, for 59 classes, with random weights whose maps neither grow nor shrink."""
    head, depth = PAIRS[pair]
    torch.manual_seed(0)
    makes = {"dilated": DILATED[head], "FastFCN": partial(build.fastfcn, head=head)}
    with torch.device(device):
        return {
            name: conditioned(make(classes=59, backbone=backbone or f"resnet{depth}")) for name, make in makes.items()
        }


def _halved(model: Segmenter, x: Tensor) -> Task:
    net = copy.deepcopy(model).to(dtype=torch.bfloat16, memory_format=torch.channels_last)
    return partial(net, x.to(torch.bfloat16, memory_format=torch.channels_last))


#: How to run a network: (whether TF32 is on, (network, image) -> what to call).
WAYS: dict[str, tuple[bool, Callable[[Segmenter, Tensor], Task]]] = {
    "official form, float32": (False, lambda model, x: partial(Official(model), x)),
    "float32, auxiliary head": (False, lambda model, x: partial(model, x, aux=True)),
    "float32": (False, lambda model, x: partial(model, x)),
    "TF32": (True, lambda model, x: partial(model, x)),
    "bfloat16, channels-last": (True, _halved),
    "fused, TF32": (True, lambda model, x: partial(fuse(model), x)),
    "fused, bfloat16": (True, lambda model, x: partial(fuse(model, dtype=torch.bfloat16), x)),
    "fused, bfloat16, graph": (
        True, lambda model, x: recorded(partial(fuse(model, dtype=torch.bfloat16), x), x.device),
    ),
}  # fmt: skip


def told(times: Timings) -> dict[str, Any]:
    """Milliseconds of both networks, and the ratio with its quartiles."""
    slow, fast = times.medians
    return {
        "ms": {name: 1e3 * s for name, s in times.medians.items()},
        "ratio": times.ratio(slow, fast),
        "quartiles": times.spread(slow, fast),
        "rounds": times.rounds,
    }


@torch.no_grad()
def pair(name: str, device: torch.device, *, size: int, repeats: int, backbone: str | None = None) -> dict[str, Any]:
    """One image, every way of `WAYS`, eager unless it says graph, and the authors' ratio of frames a second."""
    models, x = twins(name, device, backbone=backbone), torch.randn(1, 3, size, size, device=device)
    ways = {}
    for way, (tf32, make) in WAYS.items():
        with computing(tf32=tf32):
            tasks = {which: make(model, x) for which, model in models.items()}
            ways[way] = told(time_in_turn(tasks, repeats=repeats, warmup=WARMUP))
    return {"size": size, "paper": PAPER_RATIO.get(f"{name} + JPU"), "ways": ways}


@torch.no_grad()
def compiled(
    name: str, device: torch.device, *, size: int, repeats: int, backbone: str | None = None
) -> dict[str, Any]:
    """One image through torch.compile, from Python and as a graph; fused, in bfloat16."""
    x = torch.randn(1, 3, size, size, device=device)
    with computing(tf32=True):
        models = twins(name, device, backbone=backbone)
        tasks = {which: partial(fuse(m, dtype=torch.bfloat16, compile=True), x) for which, m in models.items()}
        eager = time_in_turn(tasks, repeats=repeats, warmup=WARMUP)
        graphs = {which: recorded(task, device) for which, task in tasks.items()}
        return {"size": size, "ways": {
            "fused, bfloat16, compiled": told(eager),
            "fused, bfloat16, compiled, graph": told(time_in_turn(graphs, repeats=repeats, warmup=WARMUP)),
        }}  # fmt: skip


@torch.no_grad()
def batches(
    name: str, device: torch.device, *, size: int, counts: Sequence[int], repeats: int, backbone: str | None = None
) -> dict[str, Any]:
    """Images a second and peak memory over the model, fused in bfloat16, for several batches."""
    models = {which: fuse(m, dtype=torch.bfloat16) for which, m in twins(name, device, backbone=backbone).items()}
    found = {}
    with computing(tf32=True):
        for count in counts:
            x = torch.randn(count, 3, size, size, device=device)
            tasks = {which: partial(model, x) for which, model in models.items()}
            times = time_in_turn(tasks, repeats=repeats, warmup=2)
            found[str(count)] = told(times) | {
                "images_per_second": {which: count / s for which, s in times.medians.items()},
                "peak_mib": {which: peak_mib(task, device) for which, task in tasks.items()},
            }
    return {"size": size, "batches": found}


def _groups(net: Segmenter) -> dict[str, list[str]]:
    """Parts of a network by the names of their modules; the parts of the neck by the kind of convolution."""
    convs = {n: m for n, m in net.neck.named_modules(prefix="neck") if isinstance(m, nn.Conv2d)}
    deep = {n for n, m in convs.items() if isinstance(m, DepthwiseConv)}
    found = {
        "backbone": ["backbone"],
        "backbone, c4 and c5": ["backbone.layer3", "backbone.layer4"],
        "neck": ["neck"] if convs else [],
        "neck, 3x3": [n for n, m in convs.items() if m.kernel_size == (3, 3) and n not in deep],
        "neck, depthwise": [n for n in convs if n in deep],
        "neck, 1x1": [n for n, m in convs.items() if m.kernel_size == (1, 1)],
        "head": ["head"],
    }
    return {part: names for part, names in found.items() if names}


def _bytes(*tensors: Tensor) -> int:
    return sum(t.numel() * t.element_size() for t in tensors)


@torch.no_grad()
def parts(model: Fused, x: Tensor, *, limits: Mapping[str, float], repeats: int) -> dict[str, Any]:
    """Every part of a network by itself, on the inputs that it has in the network: milliseconds, TFLOP/s, floor.

    Notice: a part that takes much longer than its floor wastes the time in what is no convolution (resizing, joining,
    ReLU, the Encoding), in kernels that are far from the limit, or because it is too small for the device.

    Args:
        limits: see `card.limits`.

    Returns:
        `whole` and `parts`; MACs and floors are those of the convolutions.
    """
    net, calls, gmac, floor = model.trunk.net, {}, {}, {}

    def leave(name: str, module: nn.Module, given: tuple, output: Any) -> None:
        calls[name] = (module, given)
        if isinstance(module, nn.Conv2d):
            weights = [p for p in (module.weight, module.bias) if p is not None]
            macs = module.weight.numel() * output.numel() // module.out_channels
            moved = _bytes(given[0], output, *weights)
            gmac[name] = macs / 1e9
            floor[name] = max(2 * macs / (limits["tflops"] * 1e12), moved / (limits["gbytes"] * 1e9))

    with computing(tf32=True):
        with following(net, enter=lambda name: None, leave=leave):
            scores = model.trunk(x, False)[0]
        groups = _groups(net)

        def run(names: Sequence[str]) -> None:
            for name in names:
                module, given = calls[name]
                module(*given)

        tasks: dict[str, Task] = {part: partial(run, names) for part, names in groups.items()}
        tasks["upsampling"] = lambda: net._at_size_of(x, scores.to(x.dtype))
        tasks["whole"] = partial(model, x)
        eager = time_in_turn({"whole": tasks["whole"]}, repeats=repeats, warmup=2).medians["whole"]
        alone = seconds_alone(tasks, x.device, repeats=repeats)
    found = {}
    for part, seconds in alone.items():
        within = [""] if part == "whole" else [f"{name}." for name in groups.get(part, [])]
        inside = [name for name in gmac if any(f"{name}.".startswith(start) for start in within)]
        work = sum(gmac[name] for name in inside)
        found[part] = {
            "ms": 1e3 * seconds,
            "gmac": work,
            "tflops": 2 * work / seconds / 1e3,
            "floor_ms": 1e3 * sum(floor[name] for name in inside),
        }
    return {"batch": len(x), "size": x.shape[-1], "eager_ms": 1e3 * eager, "whole": found.pop("whole"), "parts": found}


#: Of a dilated convolution on the card; "auto" is one of them.
BY = ("native", "padded", "phases")


def conv_rows(cases: Sequence[conv.Case], *, repeats: int) -> list[dict[str, Any]]:
    """Each case native, padded and by phases: milliseconds of a call from Python, and of its kernels alone."""
    rows = []
    for case in cases:
        tasks = {by: conv.task(case, by) for by in BY}
        with computing(tf32=True):
            eager = time_in_turn(tasks, repeats=repeats, warmup=2).medians
            alone = seconds_alone(tasks, torch.device(case.device), repeats=repeats)
        rows.append({
            **asdict(case),
            "eager_ms": {by: 1e3 * s for by, s in eager.items()},
            "ms": {by: 1e3 * s for by, s in alone.items()},
            "native/phases": alone["native"] / alone["phases"],
        })  # fmt: skip
    return rows
