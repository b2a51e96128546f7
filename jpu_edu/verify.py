"""Every identity of the course as one table, and every counterexample beside it.

An identity must hold on random odd and even shapes and on a photograph; a counterexample must break.
`python -m jpu_edu verify` prints both and exits with 1 when either does otherwise.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jpu_edu.backbones.dilate import dilate
from jpu_edu.backbones.resnet import ResNet, resnet50
from jpu_edu.cost.record import machine
from jpu_edu.data.photos import edge_features, photo
from jpu_edu.models import equivalence
from jpu_edu.ops.chains import Layer, dilated_chain, guide, identity, strided_chain
from jpu_edu.ops.compare import Comparison, compare, table, worst
from jpu_edu.ops.convs import dilated_by_phases, dilated_conv, regular_conv, strided_by_reduce, strided_conv
from jpu_edu.ops.interp import phase_aligned, resize
from jpu_edu.ops.phases import merge, reduce, split
from jpu_edu.ops.solve import fit_h

RATES = (2, 3, 4, 8)


@dataclass(frozen=True)
class Setting:
    """Where and in what the identities are checked; every random number follows from `seed`."""

    device: str = "cpu"
    dtype: torch.dtype = torch.float64
    seed: int = 0


class Source:
    """Seeded random maps and layers, drawn on the CPU in float64 so that every device sees the same numbers."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.generator = torch.Generator().manual_seed(setting.seed)

    def integer(self, low: int, high: int) -> int:
        """A random integer from low to high, both included."""
        return int(torch.randint(low, high + 1, (), generator=self.generator))

    def normal(self, *shape: int) -> Tensor:
        drawn = torch.randn(shape, generator=self.generator, dtype=torch.float64)
        return drawn.to(self.setting.device, self.setting.dtype)

    def map(self, channels: int, *, odd: bool) -> Tensor:
        """A random map of 16 to 47 pixels a side, odd or even as asked."""
        height, width = (2 * self.integer(8, 23) + odd for _ in "HW")
        return self.normal(1, channels, height, width)

    def kernel(self, outputs: int, inputs: int, height: int = 3, width: int = 3) -> Tensor:
        """A random kernel whose outputs have about the size of its inputs."""
        return self.normal(outputs, inputs, height, width) / (inputs * height * width) ** 0.5

    def layers(self, channels: int, n: int) -> list[Layer]:
        """The first layer and n more, with ReLU, a residual, eval BatchNorm and a 1x1 in turn between them."""
        mix, scale, shift = self.kernel(channels, channels, 1, 1), self.normal(channels), self.normal(channels)
        between: Sequence[Callable[[Tensor, Tensor], Tensor]] = (
            lambda y, x: y.relu(),
            lambda y, x: (y + x).relu(),
            lambda y, x: y * scale[:, None, None] + shift[:, None, None],
            lambda y, x: regular_conv(y, mix),
        )
        return [Layer(self.kernel(channels, channels), then=between[i % 4]) for i in range(n + 1)]

    def photograph(self) -> Tensor:
        """Edge features of a photograph at an odd size, (1, 8, 75, 113)."""
        features = edge_features(photo("chelsea", size=(75, 113), dtype=torch.float64))
        return features.to(self.setting.device, self.setting.dtype)


def identities(setting: Setting) -> list[Comparison]:
    """What holds exactly: one row a claim, the largest error over random shapes; then the same on a photograph."""
    source = Source(setting)
    maps = [source.map(channels, odd=odd) for channels in (1, 8) for odd in (True, False, True)]
    features = source.photograph()
    claims: dict[str, list[Comparison]] = {}
    for name, got, want in _exact(source, maps, features):
        claims.setdefault(name, []).append(compare(name, got, want))
    return [worst(rows) for rows in claims.values()] + _upsampled(source, features)


def _exact(source: Source, maps: Sequence[Tensor], features: Tensor) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Claims with their two sides; a claim comes once for each shape."""
    for x, r in product(maps, RATES):
        yield "M(S(x)) = x", merge(split(x, rate=r), rate=r), x
        yield "R(x) = phase 0 of S(x)", reduce(x, rate=r), split(x, rate=r)[0]
    for x, r, (height, width) in product(maps, RATES, ((3, 3), (2, 4), (1, 5))):
        weight, bias = source.kernel(4, x.shape[1], height, width), source.normal(4)
        got, want = (conv(x, weight, bias, stride=r, padding=1) for conv in (strided_by_reduce, strided_conv))
        yield "C_s = C_r -> R", got, want
        padding = (4 * height, 4 * width)
        got, want = (conv(x, weight, bias, rate=r, padding=padding) for conv in (dilated_by_phases, dilated_conv))
        yield "C_d = S -> C_r -> M", got, want
    for x, r in product(maps, RATES):
        kernel, channels = source.kernel(x.shape[1], 1), x.shape[1]
        got, want = (dilated_conv(x, kernel, rate=r, padding=r, groups=channels, by=by) for by in ("phases", "native"))
        yield "the same, phases in the batch, depthwise", got, want
    for x, (r, n) in product([x for x in maps if x.shape[1] == 8], ((2, 1), (2, 4), (3, 2), (4, 4))):
        layers = source.layers(8, n)
        y_d = dilated_chain(x, layers, rate=r)
        for by in ("each", "once"):
            yield "M -> S cancel: S -> C_r^n -> M = y_d", dilated_chain(x, layers, rate=r, by=by), y_d
        yield "y_s = phase 0 of y_d, n layers", strided_chain(x, layers, rate=r), reduce(y_d, rate=r)
    for x, r in product(maps, RATES):
        yield "phase-aligned upsampling keeps y_s", reduce(phase_aligned(x, rate=r), rate=r), x
    for r in RATES:
        got, want = _padded_both_ways(source, size=24, rate=r, mode="circular")
        yield "circular padding, the rate divides the size", got, want
    layers = source.layers(8, 3)
    y_d = dilated_chain(features, layers)
    yield "photograph: y_s = phase 0 of y_d, n = 3", strided_chain(features, layers), reduce(y_d, rate=2)
    yield "photograph: S -> C_r^3 -> M = y_d", dilated_chain(features, layers, by="once"), y_d


def _upsampled(source: Source, features: Tensor) -> list[Comparison]:
    """y_s lifted to y: exact for one linear layer, approximate by interpolation, learned through a ReLU.

    Least squares needs float32 or float64: in half precision the fit is made in float32.
    """
    if features.dtype not in (torch.float32, torch.float64):
        features = features.float()
    first, second = (Layer(source.kernel(8, 8).to(features.dtype)) for _ in "12")
    y_m, y_s, y_d = (path(features, [first, second]) for path in (guide, strided_chain, dilated_chain))
    h_hat = fit_h(reduce(y_m, rate=2), y_s)
    # A fit loses about as many digits as its equations are ill-conditioned, hence the factor 100.
    tolerance = 100 * compare("", y_d, y_d).tolerance
    rows = [
        compare("photograph: h_hat = C_r, n = 1 linear", h_hat.weight, second.weight, tolerance=tolerance),
        compare("photograph: y = y_d, n = 1 linear", h_hat.on_guide(y_m, rate=2), y_d, tolerance=tolerance),
    ]
    bent = [Layer(first.weight, then=lambda y, x: y.relu()), Layer(second.weight, then=lambda y, x: y.relu())]
    y_m, y_s, y_d = (path(features, bent) for path in (guide, strided_chain, dilated_chain))
    height, width = y_d.shape[-2:]
    ups: list[tuple[str, Literal["approximate", "learned"], Tensor]] = [
        ("bilinear y_s, align_corners=False", "approximate", resize(y_s, size=(height, width), align_corners=False)),
        ("bilinear y_s, phase-aligned", "approximate", phase_aligned(y_s, rate=2, size=(height, width))),
        ("h_hat on y_m through a ReLU", "learned", fit_h(reduce(y_m, rate=2), y_s, bias=True).on_guide(y_m, rate=2)),
    ]
    # An error of 1 is what the mean of y_d alone would make. Each way must beat the one before it.
    bound, dtype = 1.0, str(y_d.dtype).removeprefix("torch.")
    for name, label, up in ups:
        error = ((up - y_d).square().mean() / (y_d - y_d.mean()).square().mean()).sqrt().item()
        rows.append(Comparison(f"photograph: {name} ~ y_d", label, (tuple(y_d.shape),), dtype, error, bound))
        bound = error
    return rows


def _padded_both_ways(source: Source, *, size: int, rate: int, mode: str) -> tuple[Tensor, Tensor]:
    """One convolution with `mode` padding: on the phases, each padded by itself, and dilated on the padded map."""
    x, weight = source.normal(1, 4, size, size), source.kernel(4, 4)
    want = dilated_conv(F.pad(x, (rate,) * 4, mode=mode), weight, rate=rate)
    phases = [regular_conv(F.pad(phase, (1,) * 4, mode=mode), weight) for phase in split(x, rate=rate)]
    return merge(phases, rate=rate), want


def counterexamples(setting: Setting) -> list[Comparison]:
    """Where the identity stops: each row must differ, by far more than rounding."""
    source = Source(setting)
    x, weight = source.map(8, odd=True), source.kernel(8, 8)
    y_d = dilated_conv(x, weight, rate=2, padding=2)
    phases = [regular_conv(phase, weight, padding=1) for phase in split(x[..., :16, :16], rate=2)]
    swapped = merge([phases[0], phases[2], phases[1], phases[3]], rate=2)
    norm = nn.BatchNorm2d(8, affine=False).to(setting.device, setting.dtype).train()
    layers = [Layer(source.kernel(8, 8), then=lambda y, x: norm(y)), Layer(source.kernel(8, 8), then=identity)]
    features = source.photograph()
    broken = [
        ("reflect padding, phase by phase", *_padded_both_ways(source, size=24, rate=2, mode="reflect")),
        ("replicate padding, phase by phase", *_padded_both_ways(source, size=24, rate=2, mode="replicate")),
        ("circular padding, 25 pixels at rate 2", *_padded_both_ways(source, size=25, rate=2, mode="circular")),
        ("phases 1 and 2 merged in swapped order", swapped, dilated_conv(x[..., :16, :16], weight, rate=2, padding=2)),
        (
            "y_s is not phase 3 of y_d",
            strided_conv(x, weight, stride=2, padding=1)[..., :8, :8],
            y_d[..., 1::2, 1::2][..., :8, :8],
        ),
        (
            "BatchNorm in train mode, on a photograph",
            strided_chain(features, layers),
            reduce(dilated_chain(features, layers), rate=2),
        ),
    ]
    return [compare(name, got, want, breaks=True, tolerance=0.01) for name, got, want in broken]


def network(setting: Setting) -> list[Comparison]:
    """The same for a whole ResNet-50 with one set of weights: identities, then counterexamples."""
    source, backbone = Source(setting), _resnet(setting)
    maps = [source.normal(1, 3, 65, 65), source.normal(1, 3, 64, 96)]
    named = "ResNet-50: y_s = phase (0, 0) of y_d"
    rows = [
        worst([replace(equivalence.phase_zero(backbone, x, output_stride=stride), name=named) for x in maps])
        for stride in (16, 8)
    ]
    rows = [replace(row, name=f"{named}, output stride {stride}") for row, stride in zip(rows, (16, 8), strict=True)]
    merged, y_d = equivalence.by_phases(backbone, maps[0]), dilate(backbone, share=True)(maps[0]).c5
    rows.append(compare("ResNet-50: 16 runs on phases, merged = y_d", merged, y_d))
    broken = equivalence.counterexamples(backbone, maps[0])
    return rows + [replace(row, name=f"ResNet-50: {row.name}", tolerance=0.01) for row in broken]


def _resnet(setting: Setting) -> ResNet:
    """A ResNet-50 whose random weights follow from the seed, in eval mode."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(setting.seed)
        return resnet50().eval().to(setting.device, setting.dtype)


def verify(setting: Setting | None = None) -> list[Comparison]:
    """All rows, identities first. Every one must have `passed`."""
    setting = setting or Setting()
    with torch.no_grad():
        rows = identities(setting) + counterexamples(setting) + network(setting)
    return sorted(rows, key=lambda row: row.breaks)


def report(rows: Sequence[Comparison]) -> str:
    """The two tables and a sentence that counts them."""
    holding = [row for row in rows if not row.breaks]
    breaking = [row for row in rows if row.breaks]
    failed = [row for row in rows if not row.passed]
    summary = (
        f"{sum(row.passed for row in holding)} of {len(holding)} identities hold, "
        f"{sum(row.passed for row in breaking)} of {len(breaking)} counterexamples break."
    )
    if failed:
        summary += " Not as claimed: " + "; ".join(row.name for row in failed) + "."
    tables = [table(rows, bounds=False) for rows in (holding, breaking)]
    return f"Identities\n{tables[0]}\n\nCounterexamples\n{tables[1]}\n\n{summary}"


def record(rows: Sequence[Comparison], setting: Setting) -> dict[str, object]:
    """The rows for a JSON file, with the seed and the machine that made them. NaN is written as null."""
    return {
        "seed": setting.seed,
        "device": setting.device,
        "machine": machine(setting.device),
        "rows": [
            {**asdict(row), "error": row.error if row.error == row.error else None, "verdict": row.verdict}
            for row in rows
        ],
    }
