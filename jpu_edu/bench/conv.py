"""Dilated convolution: PyTorch's own kernel, S -> C_r -> M, and what "auto" makes of the two, timed in turn.

case     one convolution: rate, size, channels, dense or depthwise, forward or forward and backward, dtype, layout
ratio    native / phases: above 1, the identity of the paper is also the faster way
regret   auto / the faster of the two: 1 is a perfect choice, below 1 a third way ("padded") beats both
"""

import argparse
import itertools
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from jpu_edu.cost.record import machine
from jpu_edu.cost.timing import time_in_turn
from jpu_edu.data.files import write_json
from jpu_edu.ops.columns import columns
from jpu_edu.ops.convs import dilated_conv
from jpu_edu.ops.fastest import Way, fastest_way
from jpu_edu.train.progress import bar

Kind = Literal["dense", "depthwise"]
Layout = Literal["channels-first", "channels-last"]

WAYS = ("native", "phases", "auto")
FORMATS = {"channels-first": torch.contiguous_format, "channels-last": torch.channels_last}

#: The claims that the last lines of the table judge.
REGRET = 1.1  # auto / best, on every row
JPU_BOTH = 3.0  # native / auto on the JPU's branches, forward and backward, at every rate
JPU_FORWARD = 2.5  # the same, forward alone, at rate 8


@dataclass(frozen=True)
class Case:
    """A 3x3 convolution with "same" padding on a (batch, channels, size, size) map."""

    kind: Kind
    channels: int
    size: int
    rate: int
    backward: bool
    dtype: str
    layout: Layout
    batch: int = 1
    device: str = "cpu"

    @property
    def groups(self) -> int:
        return self.channels if self.kind == "depthwise" else 1

    def tensors(self) -> tuple[Tensor, Tensor, Tensor]:
        """The map, the weight, and the gradient of the output."""
        dtype, layout = getattr(torch, self.dtype), FORMATS[self.layout]
        shape = (self.batch, self.channels, self.size, self.size)
        draw = partial(torch.randn, device=self.device)
        x, upstream = (draw(shape).to(dtype).contiguous(memory_format=layout) for _ in range(2))
        weight = draw((self.channels, self.channels // self.groups, 3, 3)).to(dtype)
        return x.requires_grad_(self.backward), weight.requires_grad_(self.backward), upstream


@dataclass(frozen=True)
class Row:
    """A measured case: medians in milliseconds, and ratios that are medians of ratios within a round."""

    case: Case
    way: Way
    milliseconds: dict[str, float]
    ratio: float
    speedup: float
    regret: float
    rounds: int


def grid(*, quick: bool = False) -> list[Case]:
    """Rates 2, 4, 8 for small and large maps, dense and depthwise, both passes, dtypes and layouts.

    The largest maps are measured in float32 only: in bfloat16 they take minutes where there is no AVX-512.
    """
    maps: list[tuple[Kind, int, int]] = [
        ("dense", 64, 16),
        ("dense", 64, 64),
        ("depthwise", 64, 16),
        ("depthwise", 64, 64),
    ]
    if not quick:
        maps += [("dense", 64, 32), ("dense", 256, 16), ("dense", 256, 32)]
        maps += [("depthwise", 64, 32), ("depthwise", 64, 128)]
        maps += [("depthwise", 256, 16), ("depthwise", 256, 32), ("depthwise", 256, 64)]
    return [
        Case(kind, channels, size, rate, backward, dtype, layout)
        for dtype, (kind, channels, size), layout, rate, backward in itertools.product(
            ("float32",) if quick else ("float32", "bfloat16"),
            sorted(maps),
            FORMATS,
            (2, 8) if quick else (2, 4, 8),
            (False, True),
        )
        if dtype == "float32" or (kind, channels, size) not in {("dense", 256, 32), ("depthwise", 64, 128)}
    ]


def jpu_branches(*, quick: bool = False) -> list[Case]:
    """The depthwise convolutions of the JPU on a 512 x 512 picture: 3 levels of 512 channels, 64 x 64 pixels.

    In bfloat16 too where the processor has AVX-512; without it PyTorch has no fast kernels for that dtype.
    """
    bfloat16 = ("bfloat16",) if "AVX512" in torch.backends.cpu.get_cpu_capability() else ()
    return [
        Case("depthwise", 1536, 64, rate, backward, dtype, layout)
        for dtype, layout, rate, backward in itertools.product(
            ("float32",) if quick else ("float32", *bfloat16),
            FORMATS,
            (8,) if quick else (2, 4, 8),
            (False, True),
        )
    ]


def task(case: Case, by: str) -> Callable[[], object]:
    """One call of the convolution, with the backward pass where the case has one."""
    x, weight, upstream = case.tensors()

    def run() -> object:
        with torch.set_grad_enabled(case.backward):
            y = dilated_conv(x, weight, rate=case.rate, padding=case.rate, groups=case.groups, by=by)
            return torch.autograd.grad(y, (x, weight), upstream) if case.backward else y

    return run


def measure(case: Case, *, seconds: float) -> Row:
    """Native, phases and auto in turn, for at least `seconds` and three rounds.

    Notice: on a busy machine a row can look slow although "auto" ran the very function it is compared with. So a row
    that misses the target is measured once more, four times as long, and the longer measurement counts.
    """
    row = _measure(case, seconds=seconds, rounds=3)
    return _measure(case, seconds=4 * seconds, rounds=9) if row.regret > REGRET else row


def _measure(case: Case, *, seconds: float, rounds: int) -> Row:
    timings = time_in_turn({by: task(case, by) for by in WAYS}, repeats=rounds, warmup=1, min_seconds=seconds)
    medians = timings.medians
    better = min(("native", "phases"), key=medians.__getitem__)
    x, weight, _ = case.tensors()
    return Row(
        case=case,
        way=fastest_way(x, weight, rate=(case.rate,) * 2, padding=(case.rate,) * 2, groups=case.groups),
        milliseconds={by: 1e3 * median for by, median in medians.items()},
        ratio=timings.ratio("native", "phases"),
        speedup=timings.ratio("native", "auto"),
        regret=timings.ratio("auto", better),
        rounds=timings.rounds,
    )


def run(cases: Iterable[Case], *, seconds: float, seed: int = 0) -> list[Row]:
    """Measure every case, with a progress bar on standard error.

    Args:
        cases: such as `grid()`.
        seconds: the least time for a case; short convolutions then run often.
        seed: of the maps and weights.

    Raises:
        ValueError: `seconds` that is negative or no number.
    """
    if not 0 <= seconds < float("inf"):
        raise ValueError(f"bench conv: seconds={seconds!r}; the time for a case must be a number >= 0, such as 0.3")
    torch.manual_seed(seed)
    return [measure(case, seconds=seconds) for case in bar(iterable=list(cases), unit="case", leave=False)]


def table(rows: Sequence[Row]) -> str:
    """The rows as aligned text; a row in which auto is not within the target ends in "slow"."""
    head = ("kind", "channels", "size", "rate", "pass", "dtype", "layout")
    numbers = ("native ms", "phases ms", "native/phases", "auto takes", "auto/best")
    body = []
    for row in rows:
        case = row.case
        body.append(
            (
                case.kind,
                str(case.channels),
                str(case.size),
                str(case.rate),
                "both" if case.backward else "forward",
                case.dtype,
                case.layout,
                f"{row.milliseconds['native']:.2f}",
                f"{row.milliseconds['phases']:.2f}",
                f"{row.ratio:.2f}",
                row.way,
                f"{row.regret:.2f}" + (" slow" if row.regret > REGRET else ""),
            )
        )
    return columns([head + numbers, None, *body], left=len(head + numbers))


def verdict(rows: Sequence[Row], branches: Sequence[Row]) -> str:
    """Three claims: on how many rows auto is near the better way, and what it gains on the JPU's branches."""
    every = [*rows, *branches]
    near = sum(row.regret <= REGRET for row in every)
    both = [row for row in branches if row.case.backward]
    forward = [row for row in branches if not row.case.backward and row.case.rate == 8]
    return "\n".join(
        [
            f"auto is within {REGRET} of the better of native and phases on {near} of {len(every)} rows.",
            f"JPU's branches, forward and backward, native / auto, target {JPU_BOTH} at every rate:",
            *_gains(both, JPU_BOTH),
            f"JPU's branches, forward, native / auto, target {JPU_FORWARD} at rate 8:",
            *_gains(forward, JPU_FORWARD),
        ]
    )


def _gains(rows: Sequence[Row], target: float) -> list[str]:
    """One line a dtype: native / auto in channels-last at each rate, and each side in the layout that suits it best.

    The second comparison is the harder one: native is at its worst in channels-last.
    """
    lines = []
    for dtype in dict.fromkeys(row.case.dtype for row in rows):
        last, best = {}, {}
        for rate in dict.fromkeys(row.case.rate for row in rows):
            same = [row for row in rows if row.case.dtype == dtype and row.case.rate == rate]
            last[rate] = next(row.speedup for row in same if row.case.layout == "channels-last")
            native, auto = (min(row.milliseconds[by] for row in same) for by in ("native", "auto"))
            best[rate] = native / auto
        for what, gains in (("channels-last", last), ("best layout each", best)):
            numbers = ", ".join(f"{gain:.1f} at rate {rate}" for rate, gain in gains.items())
            lines.append(f"  {dtype}, {what}: {numbers} ({'reached' if min(gains.values()) >= target else 'missed'})")
    return lines


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m jpu_edu bench conv`."""
    parser.add_argument("--quick", action="store_true", help="a small grid in float32, under half a minute")
    parser.add_argument("--seconds", type=float, metavar="N", help="least time for a case (default: 0.25, quick: 0.15)")
    parser.add_argument("--threads", type=int, metavar="N", help="threads of PyTorch; 1 is steadiest on a busy machine")
    parser.add_argument("--seed", type=int, default=0, help="of the maps and weights (default: 0)")
    parser.add_argument("--json", metavar="FILE", help="write the rows and the machine to FILE too")


def main(arguments: argparse.Namespace) -> int:
    """Measure, print both tables and the verdict. Always 0 when it could measure: a slow machine is no error."""
    seconds = arguments.seconds if arguments.seconds is not None else (0.15 if arguments.quick else 0.25)
    if arguments.threads is not None:
        if arguments.threads < 1:
            print(f"bench conv: --threads {arguments.threads}; it must be at least 1", file=sys.stderr)
            return 2
        torch.set_num_threads(arguments.threads)
    try:
        rows = run(grid(quick=arguments.quick), seconds=seconds, seed=arguments.seed)
        branches = run(jpu_branches(quick=arguments.quick), seconds=8 * seconds, seed=arguments.seed)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    where = machine()
    print(f"{where['processor']}, {where['instructions']}, threads: {where['threads']}, torch {where['torch']}\n")
    print(table(rows))
    print("\nThe JPU's branches\n" + table(branches))
    if all(row.case.dtype != "bfloat16" for row in branches) and not arguments.quick:
        print("Not in bfloat16: without AVX-512 PyTorch has no fast kernels for it.")
    print("\n" + verdict(rows, branches))
    if arguments.json:
        record = {
            "command": "python -m jpu_edu bench conv",
            "machine": where,
            "seed": arguments.seed,
            "quick": arguments.quick,
            "seconds": seconds,
            "rows": [_flat(row) for row in rows],
            "jpu_branches": [_flat(row) for row in branches],
        }
        try:
            print(f"Written to {write_json(arguments.json, record)}.")
        except OSError as error:
            print(f"bench conv: {error}", file=sys.stderr)
            return 2
    return 0


def _flat(row: Row) -> dict[str, object]:
    """A row for JSON: the case's fields beside the numbers."""
    record = asdict(row)
    return {**record.pop("case"), **record}
