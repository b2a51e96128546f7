"""The official FastFCN and torchvision's networks a second time: straight from a state dict, key by key.

Written from the layout alone, without a module of ours, so that it can disagree with them. Shapes say which keys a
network has, `official_outputs` and `torchvision_outputs` say what it computes in eval mode.
"""

import functools
import math

import torch
from torch import Tensor
from torch.nn import functional as F

from tests.reference import fill_value

State = dict[str, Tensor]
BLOCKS = {"resnet50": (3, 4, 6, 3), "resnet101": (3, 4, 23, 3)}


# Which keys, and their shapes


def _conv(key: str, out: int, inside: int, kernel: int = 1, *, bias: bool = False) -> dict:
    return {f"{key}.weight": (out, inside, kernel, kernel)} | ({f"{key}.bias": (out,)} if bias else {})


def _norm(key: str, channels: int, *, group: bool = False) -> dict:
    names = ("weight", "bias") if group else ("weight", "bias", "running_mean", "running_var")
    return {f"{key}.{name}": (channels,) for name in names} | ({} if group else {f"{key}.num_batches_tracked": ()})


def _block(key: str, out: int, inside: int, kernel: int = 1) -> dict:
    return _conv(f"{key}.0", out, inside, kernel) | _norm(f"{key}.1", out)


def _separable(key: str, out: int, inside: int, *, group: bool = False) -> dict:
    return (
        _conv(f"{key}.0.conv1", inside, 1, 3)
        | _norm(f"{key}.0.bn", inside, group=group)
        | _conv(f"{key}.0.pointwise", out, inside)
        | _norm(f"{key}.1", out, group=group)
    )


def resnet_shapes(name: str, *, stem: str, prefix: str = "", fc: bool = True) -> dict:
    if stem == "deep":
        inside, shapes = 128, _block("conv1", 64, 3, 3)
        shapes |= _conv("conv1.3", 64, 64, 3) | _norm("conv1.4", 64) | _conv("conv1.6", 128, 64, 3)
    else:
        inside, shapes = 64, _conv("conv1", 64, 3, 7)
    shapes |= _norm("bn1", inside)
    for stage, (count, width) in enumerate(zip(BLOCKS[name], (64, 128, 256, 512), strict=True), start=1):
        for block in range(count):
            key = f"layer{stage}.{block}"
            for i, (out, into, kernel) in enumerate([(width, inside, 1), (width, width, 3), (4 * width, width, 1)], 1):
                shapes |= _conv(f"{key}.conv{i}", out, into, kernel) | _norm(f"{key}.bn{i}", out)
            if block == 0:
                shapes |= _block(f"{key}.downsample", 4 * width, inside)
            inside = 4 * width
    shapes |= {"fc.weight": (1000, 2048), "fc.bias": (1000,)} if fc else {}
    return {prefix + key: shape for key, shape in shapes.items()}


def official_shapes(
    name: str, *, neck: str, head: str, classes: int, stem: str = "deep", lateral: bool = False, aux: bool = True
) -> dict:
    shapes = resnet_shapes(name, stem=stem, prefix="pretrained.")
    if neck == "jpu":
        for level, inside in ((5, 2048), (4, 1024), (3, 512)):
            shapes |= _block(f"jpu.conv{level}", 512, inside, 3)
        for i in (1, 2, 3, 4):
            shapes |= _separable(f"jpu.dilation{i}", 512, 1536)
    elif neck == "jpu_x":
        for jum, low, high, width in ((1, 1024, 512, 256), (2, 2048, 1024, 512)):
            shapes |= _block(f"jpu.jum_{jum}.conv_l", width, low, 3) | _block(f"jpu.jum_{jum}.conv_h", width, high, 3)
            for i in (1, 2, 3):
                shapes |= _separable(f"jpu.jum_{jum}.dilation{i}", width, 2 * width, group=True)
    if head == "fcn":
        shapes |= _block("head.conv5", 512, 2048, 3) | _conv("head.conv5.4", classes, 512, bias=True)
    elif head == "psp":
        for i in (1, 2, 3, 4):
            shapes |= _block(f"head.conv5.0.conv{i}", 512, 2048)
        shapes |= _conv("head.conv5.1", 512, 4096, 3) | _norm("head.conv5.2", 512)
        shapes |= _conv("head.conv5.5", classes, 512, bias=True)
    elif head == "aspp":
        for i, kernel in enumerate((1, 3, 3, 3)):
            shapes |= _block(f"head.aspp.b{i}", 256, 2048, kernel)
        shapes |= _conv("head.aspp.b4.gap.1", 256, 2048) | _norm("head.aspp.b4.gap.2", 256)
        shapes |= _block("head.aspp.project", 256, 1280) | _block("head.block", 256, 256, 3)
        shapes |= _conv("head.block.4", classes, 256, bias=True)
    else:
        shapes |= _block("head.conv5", 512, 2048, 3 if neck == "none" else 1)
        if lateral:
            shapes |= _block("head.connect.0", 512, 512) | _block("head.connect.1", 512, 1024)
            shapes |= _block("head.fusion", 512, 1536, 3)
        shapes |= _block("head.encmodule.encoding", 512, 512)
        shapes |= {"head.encmodule.encoding.3.codewords": (32, 512), "head.encmodule.encoding.3.scale": (32,)}
        shapes |= _norm("head.encmodule.encoding.4", 32)
        shapes |= {"head.encmodule.fc.0.weight": (512, 512), "head.encmodule.fc.0.bias": (512,)}
        shapes |= {"head.encmodule.selayer.weight": (classes, 512), "head.encmodule.selayer.bias": (classes,)}
        shapes |= _conv("head.conv6.1", classes, 512, bias=True)
    if aux:
        shapes |= _block("auxlayer.conv5", 256, 1024, 3) | _conv("auxlayer.conv5.4", classes, 256, bias=True)
    return shapes


def torchvision_shapes(name: str, *, head: str, classes: int, aux: bool = True) -> dict:
    shapes = resnet_shapes(name, stem="7x7", prefix="backbone.", fc=False)
    if head == "fcn":
        shapes |= _block("classifier", 512, 2048, 3) | _conv("classifier.4", classes, 512, bias=True)
    else:
        for i, kernel in enumerate((1, 3, 3, 3)):
            shapes |= _block(f"classifier.0.convs.{i}", 256, 2048, kernel)
        shapes |= _conv("classifier.0.convs.4.1", 256, 2048) | _norm("classifier.0.convs.4.2", 256)
        shapes |= _block("classifier.0.project", 256, 1280)
        shapes |= _conv("classifier.1", 256, 256, 3) | _norm("classifier.2", 256)
        shapes |= _conv("classifier.4", classes, 256, bias=True)
    if aux:
        shapes |= _block("aux_classifier", 256, 1024, 3) | _conv("aux_classifier.4", classes, 256, bias=True)
    return shapes


@functools.lru_cache(maxsize=1400)
def fill_b(key: str, shape: tuple[int, ...]) -> Tensor:
    """Rule B: the residual branches are quiet, so that activations stay near 1 through 101 layers."""
    quiet = key.endswith(("bn3.weight", "downsample.1.weight"))
    return fill_value(key, shape) * (0.2 if quiet else 1)


def filled_state(shapes: dict, dtype: torch.dtype = torch.float32) -> State:
    return cast({key: fill_b(key, shape) for key, shape in shapes.items()}, dtype)


def cast(state: State, dtype: torch.dtype) -> State:
    return {key: value.to(dtype) if value.is_floating_point() else value for key, value in state.items()}


# What it computes


def conv(s: State, key: str, x: Tensor, *, stride: int = 1, rate: int = 1) -> Tensor:
    w = s[f"{key}.weight"]
    groups = x.shape[1] // w.shape[1]
    return F.conv2d(x, w, s.get(f"{key}.bias"), stride, rate * (w.shape[2] // 2), rate, groups)


def norm(s: State, key: str, x: Tensor) -> Tensor:
    weight, bias = s[f"{key}.weight"], s[f"{key}.bias"]
    if f"{key}.running_mean" not in s:
        return F.group_norm(x, 32, weight, bias, 1e-5)
    return F.batch_norm(x, s[f"{key}.running_mean"], s[f"{key}.running_var"], weight, bias, False, 0.0, 1e-5)


def block(s: State, key: str, x: Tensor, *, rate: int = 1) -> Tensor:
    return norm(s, f"{key}.1", conv(s, f"{key}.0", x, rate=rate)).relu()


def separable(s: State, key: str, x: Tensor, rate: int) -> Tensor:
    x = norm(s, f"{key}.0.bn", conv(s, f"{key}.0.conv1", x, rate=rate))
    return norm(s, f"{key}.1", conv(s, f"{key}.0.pointwise", x)).relu()


def up(x: Tensor, like: Tensor, *, align_corners: bool = True) -> Tensor:
    return F.interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=align_corners)


def bottleneck(s: State, key: str, x: Tensor, *, stride: int, rate: int) -> Tensor:
    y = norm(s, f"{key}.bn1", conv(s, f"{key}.conv1", x)).relu()
    y = norm(s, f"{key}.bn2", conv(s, f"{key}.conv2", y, stride=stride, rate=rate)).relu()
    y = norm(s, f"{key}.bn3", conv(s, f"{key}.conv3", y))
    if f"{key}.downsample.0.weight" in s:
        x = norm(s, f"{key}.downsample.1", conv(s, f"{key}.downsample.0", x, stride=stride))
    return (x + y).relu()


def resnet(s: State, prefix: str, x: Tensor, name: str, *, dilated: bool) -> list[Tensor]:
    """layer1 to layer4. Dilated: layer3 at rates 1, 2, 2, ..., layer4 at 2, 4, 4, no stride in either."""
    if f"{prefix}conv1.weight" in s:
        x = conv(s, f"{prefix}conv1", x, stride=2)
    else:
        x = norm(s, f"{prefix}conv1.1", conv(s, f"{prefix}conv1.0", x, stride=2)).relu()
        x = norm(s, f"{prefix}conv1.4", conv(s, f"{prefix}conv1.3", x)).relu()
        x = conv(s, f"{prefix}conv1.6", x)
    x = F.max_pool2d(norm(s, f"{prefix}bn1", x).relu(), 3, 2, 1)
    maps = []
    for stage, count in enumerate(BLOCKS[name], start=1):
        first, rest = {3: (1, 2), 4: (2, 4)}.get(stage, (1, 1)) if dilated else (1, 1)
        for i in range(count):
            stride = 2 if i == 0 and stage > 1 and not (dilated and stage > 2) else 1
            x = bottleneck(s, f"{prefix}layer{stage}.{i}", x, stride=stride, rate=rest if i else first)
        maps.append(x)
    return maps


def jpu(s: State, c3: Tensor, c4: Tensor, c5: Tensor) -> Tensor:
    p5, p4, p3 = (block(s, f"jpu.conv{i}", c) for i, c in ((5, c5), (4, c4), (3, c3)))
    joined = torch.cat([up(p5, p3), up(p4, p3), p3], 1)
    return torch.cat([separable(s, f"jpu.dilation{i + 1}", joined, 2**i) for i in range(4)], 1)


def jum(s: State, key: str, low: Tensor, high: Tensor, rate: int) -> Tensor:
    low, high = block(s, f"{key}.conv_l", low), block(s, f"{key}.conv_h", high)
    low = up(low, high)
    joined = torch.cat([low, high], 1)
    return torch.cat([low, *(separable(s, f"{key}.dilation{i + 1}", joined, rate * 2**i) for i in range(3))], 1)


def fcn_head(s: State, key: str, y: Tensor) -> Tensor:
    return conv(s, f"{key}.4", block(s, key, y))


def psp_head(s: State, y: Tensor) -> Tensor:
    parts = [y]
    for i, bins in enumerate((1, 2, 3, 6), start=1):
        parts.append(up(block(s, f"head.conv5.0.conv{i}", F.adaptive_avg_pool2d(y, bins)), y))
    y = norm(s, "head.conv5.2", conv(s, "head.conv5.1", torch.cat(parts, 1))).relu()
    return conv(s, "head.conv5.5", y)


def aspp(s: State, y: Tensor, *, parallel: str, image: tuple[str, str], project: str) -> Tensor:
    parts = [block(s, parallel.format(i), y, rate=rate) for i, rate in enumerate((1, 12, 24, 36))]
    mean = norm(s, image[1], conv(s, image[0], F.adaptive_avg_pool2d(y, 1))).relu()
    return block(s, project, torch.cat([*parts, mean.expand_as(parts[0])], 1))


def enc_head(s: State, y: Tensor, c3: Tensor, c4: Tensor) -> tuple[Tensor, Tensor]:
    x = block(s, "head.conv5", y)
    if "head.fusion.0.weight" in s:
        laterals = [block(s, "head.connect.0", c3), block(s, "head.connect.1", c4)]
        x = block(s, "head.fusion", torch.cat([x, *laterals], 1))
    key = "head.encmodule"
    pixels = block(s, f"{key}.encoding", x).flatten(2).transpose(1, 2)[:, :, None]
    residuals = pixels - s[f"{key}.encoding.3.codewords"]
    assignment = (s[f"{key}.encoding.3.scale"] * residuals.square().sum(3)).softmax(2)
    codes = norm(s, f"{key}.encoding.4", (assignment[..., None] * residuals).sum(1)).relu().mean(1)
    gate = F.linear(codes, s[f"{key}.fc.0.weight"], s[f"{key}.fc.0.bias"]).sigmoid()[:, :, None, None]
    se = F.linear(codes, s[f"{key}.selayer.weight"], s[f"{key}.selayer.bias"])
    return conv(s, "head.conv6.1", (x + x * gate).relu()), se


def official_outputs(s: State, x: Tensor, maps: list[Tensor], *, neck: str, head: str) -> dict[str, Tensor]:
    """logits, aux and se of the official network, from the maps of `resnet`."""
    _, c3, c4, c5 = maps
    if neck == "jpu":
        y = jpu(s, c3, c4, c5)
    elif neck == "jpu_x":
        y = jum(s, "jpu.jum_2", c5, jum(s, "jpu.jum_1", c4, c3, 1), 2)
    else:
        y = c5
    out = {}
    if head == "enc":
        logits, out["se"] = enc_head(s, y, c3, c4)
    elif head == "psp":
        logits = psp_head(s, y)
    elif head == "aspp":
        image = ("head.aspp.b4.gap.1", "head.aspp.b4.gap.2")
        y = aspp(s, y, parallel="head.aspp.b{}", image=image, project="head.aspp.project")
        logits = fcn_head(s, "head.block", y)
    else:
        logits = fcn_head(s, "head.conv5", y)
    if "auxlayer.conv5.0.weight" in s:
        out["aux"] = up(fcn_head(s, "auxlayer.conv5", c4), x)
    return out | {"logits": up(logits, x)}


def torchvision_outputs(s: State, x: Tensor, name: str, *, head: str) -> dict[str, Tensor]:
    """logits and aux of torchvision's fcn_resnet* and deeplabv3_resnet*."""
    _, _, c4, c5 = resnet(s, "backbone.", x, name, dilated=True)
    if head == "fcn":
        logits = fcn_head(s, "classifier", c5)
    else:
        image = ("classifier.0.convs.4.1", "classifier.0.convs.4.2")
        y = aspp(s, c5, parallel="classifier.0.convs.{}", image=image, project="classifier.0.project")
        logits = conv(s, "classifier.4", norm(s, "classifier.2", conv(s, "classifier.1", y)).relu())
    out = {"logits": up(logits, x, align_corners=False)}
    if "aux_classifier.0.weight" in s:
        out["aux"] = up(fcn_head(s, "aux_classifier", c4), x, align_corners=False)
    return out


def golden_input(height: int, width: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(1, 3, height, width, generator=torch.Generator().manual_seed(0)).to(dtype)


def parameters(shapes: dict) -> int:
    """How many numbers an optimiser could move: BatchNorm's statistics are not among them."""
    buffers = ("running_mean", "running_var", "num_batches_tracked")
    return sum(math.prod(shape) for key, shape in shapes.items() if not key.endswith(buffers))
