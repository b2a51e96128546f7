"""Every way to make a fine map from a coarse one, measured on one network: from copied pixels to a fitted JPU.

Shape legend
    B        images
    y_m, y_s, y_d   guide, strided and dilated map, see `phase_error`
    rate     2 at output stride 16, 4 at 8; there are rate * rate phases
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from jpu_edu.backbones.dilate import dilate
from jpu_edu.backbones.resnet import BasicBlock, ResNet
from jpu_edu.layers.features import Features
from jpu_edu.models.phase_error import PhaseError, phase_error
from jpu_edu.necks.fpn import FPN
from jpu_edu.necks.jpu import JPU
from jpu_edu.ops.columns import columns
from jpu_edu.ops.interp import nearest, phase_aligned, resize
from jpu_edu.ops.phases import merge, reduce, split
from jpu_edu.ops.solve import fit_h


@dataclass(frozen=True)
class PhaseReport:
    """The rows of one network and image; `kept` is the share of y_d's variance in the components compared."""

    rate: int
    kept: float
    held_out: bool
    rows: tuple[PhaseError, ...]

    def table(self) -> str:
        """Aligned text: a row for each approximation, a column for each phase."""
        where = [f"{p},{q}" for p in range(self.rate) for q in range(self.rate)]
        lines = [["y", "fitted to", "all", *where], None]
        lines += [[row.name, row.fitted, *(f"{e:.2f}" for e in (row.overall, *row.phases))] for row in self.rows]
        images = "on other images" if self.held_out else "on the image itself"
        note = f"rms error / deviation of y_d; {100 * self.kept:.0f} % of its variance kept; fitted {images}"
        return f"{columns(lines, left=2)}\n\n{note}"


class _Maps(NamedTuple):
    """What the strided network has (y_m; features, with y_s as c5) and what the dilated one has (y_d)."""

    y_m: Tensor
    y_d: Tensor
    features: Features


def _guide(block: nn.Module, x: Tensor) -> Tensor:
    """y_m = C_r x: the first block of a stage without its stride, up to where the rate begins."""
    block = copy.deepcopy(block)
    for layer in block.modules():
        if isinstance(layer, nn.Conv2d):
            layer.stride = (1, 1)
    if isinstance(block, BasicBlock):  # its second 3x3 is dilated already: main path and shortcut side by side
        return torch.cat([block.relu(block.bn1(block.conv1(x))), block.downsample(x)], dim=1)
    return block(x)


def _maps(backbone: ResNet, x: Tensor, output_stride: int) -> _Maps:
    features = backbone(x)
    stage, before = (0, features.c3) if output_stride == 8 else (1, features.c4)
    y_d = dilate(backbone, output_stride=output_stride, share=True)(x).c5
    return _Maps(_guide(backbone.stages[stage][0], before), y_d, features)


class _Components:
    """Projection to the leading principal components of a map, each scaled to deviation 1."""

    def __init__(self, x: Tensor, count: int) -> None:
        rows = x.transpose(0, 1).flatten(1).T
        self.mean = rows.mean(0)
        _, singular, basis = torch.linalg.svd(rows - self.mean, full_matrices=False)
        deviation = singular[:count] / len(rows) ** 0.5
        self.basis = basis[: int((deviation > 1e-6 * deviation[0]).sum())]
        self.deviation = deviation[: len(self.basis)]

    def __call__(self, x: Tensor) -> Tensor:
        """As a 1x1 convolution: it mixes channels and no pixels, so upsampling and splitting pass through it."""
        centred = x - self.mean[:, None, None]
        return torch.einsum("kc,bchw->bkhw", self.basis / self.deviation[:, None], centred)

    def kept(self, x: Tensor) -> float:
        """The share of the variance of x that the components carry."""
        centred = x - x.mean((0, 2, 3), keepdim=True)
        return (torch.einsum("kc,bchw->bkhw", self.basis, centred).square().sum() / centred.square().sum()).item()


def _train(net: nn.Module, predict: Callable[[], Tensor], target: Tensor, steps: int) -> None:
    """Least squares by AdamW, full batch, with a cosine schedule."""
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-2, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    with torch.enable_grad():
        for _ in range(steps):
            optimiser.zero_grad()
            (predict() - target).square().mean().backward()
            optimiser.step()
            schedule.step()


@torch.no_grad()
def phase_errors(
    backbone: ResNet,
    x: Float[Tensor, "B 3 H W"],
    *,
    output_stride: int = 8,
    fit_on: Float[Tensor, "B2 3 H2 W2"] | None = None,
    channels: int = 16,
    steps: int = 200,
) -> PhaseReport:
    """Every approximation of y_d, from copying pixels to a JPU fitted to the answer.

    Notice: three kinds of row. Interpolation sees y_s alone. h is fitted where the strided network knows the
    result, on phase (0, 0), and trusted on the others: the paper's step from equation 3 to 4. An FPN and a JPU are
    fitted to y_d itself, which a network in use does not have. What h gives away on the other phases is the price
    of that step; it is exact only where y_s is a function of y_m0 of h's form.

    Args:
        backbone: a ResNet at output stride 32, trained or not.
        x: the images to measure on.
        output_stride: 8 (16 phases) or 16 (4).
        fit_on: images for the components and for all fits; None for x itself, and then the fits to y_d have
            seen what they are measured on.
        channels: principal components kept of every map; the share that they carry is reported.
        steps: of AdamW for each of the three small networks.

    Returns:
        `PhaseReport`, of the backbone in eval mode; every call gives the same, and the global generator is left alone.

    Raises:
        TypeError: a backbone other than a ResNet.
        ValueError: an output stride other than 8 or 16; fewer than one component or step.

    Source: FastFCN, equations 2 to 4 and section 3.4; walkthrough 10.
    """
    if not isinstance(backbone, ResNet):
        raise TypeError(f"phase_errors: got {type(backbone).__name__}; pass a ResNet, such as network.backbone")
    if output_stride not in (8, 16):
        raise ValueError(f"phase_errors: output_stride={output_stride}; choose 8 or 16")
    if channels < 1 or steps < 1:
        raise ValueError(f"phase_errors: channels={channels}, steps={steps}; both must be >= 1")
    backbone, rate = copy.deepcopy(backbone).eval(), 32 // output_stride
    here = _maps(backbone, x, output_stride)
    there = here if fit_on is None else _maps(backbone, fit_on, output_stride)
    on_guide = _Components(there.y_m, channels)
    deep = {name: _Components(getattr(there.features, name), channels) for name in ("c3", "c4", "c5")}
    maps, fit_maps = (
        m.features._replace(**{name: of(getattr(m.features, name)) for name, of in deep.items()}) for m in (here, there)
    )
    y_m, y_d, y_s = on_guide(here.y_m), deep["c5"](here.y_d), maps.c5
    fit_m, fit_d, fit_s = on_guide(there.y_m), deep["c5"](there.y_d), fit_maps.c5
    size = tuple(y_d.shape[-2:])

    def row(name: str, y: Tensor, fitted: str = "nothing") -> PhaseError:
        return phase_error(name, y, y_d, rate=rate, fitted=fitted)

    # without a ridge a small map is learned by heart, and the other phases pay for it
    linear = fit_h(reduce(fit_m, rate=rate).contiguous(), fit_s, kernel=3, bias=True, ridge=0.1)
    rows = [
        row("nearest", nearest(y_s, size=size)),
        row("bilinear, align_corners=True", resize(y_s, size=size, align_corners=True)),
        row("bilinear, align_corners=False", resize(y_s, size=size, align_corners=False)),
        row("bilinear, phase-aligned", phase_aligned(y_s, rate=rate, size=size)),
        row("h: one 3x3", linear.on_guide(y_m, rate=rate), "y_m0, y_s"),
    ]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        width, outputs = 2 * channels, y_s.shape[1]
        dtype, device = y_s.dtype, y_s.device
        h = nn.Sequential(
            nn.Conv2d(y_m.shape[1], width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, outputs, 3, padding=1)
        ).to(device, dtype)
        y_m0 = reduce(fit_m, rate=rate)
        _train(h, lambda: h(y_m0), fit_s, steps)
        y = merge([h(phase) for phase in split(y_m, rate=rate)], rate=rate)
        rows.append(row("h: 3x3, ReLU, 3x3", y, "y_m0, y_s"))
        finest = 3 if output_stride == 8 else 4
        given = tuple(c.shape[1] for c in maps)
        necks = {
            "FPN": FPN(given, width=width, finest=finest, upsampling="bilinear"),
            "JPU": JPU(given, levels=tuple(range(finest, 6)), width=width, norm="group"),
        }
        for name, neck in necks.items():
            net = nn.Sequential(neck, nn.Conv2d(neck.out_channels, outputs, 1)).to(device, dtype)
            _train(net, lambda net=net: net(fit_maps), fit_d, steps)
            rows.append(row(f"{name}, then 1x1", net(maps), "y_d"))
    return PhaseReport(rate, deep["c5"].kept(here.y_d), fit_on is not None, tuple(rows))
