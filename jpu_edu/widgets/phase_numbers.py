"""Every number of the split / conv / merge animation, computed by the library before anything is drawn.

Shape legend
    H, W       the map; k_h, k_w the kernel; r_h, r_w the rate
    a, b       a row and a column of the map; i, j of phase k = p * r_w + q: a = i * r_h + p, b = j * r_w + q
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from jpu_edu.ops.convs import dilated_conv, regular_conv
from jpu_edu.ops.phases import merge, split
from jpu_edu.widgets.maps import kernel_padding


@dataclass(frozen=True)
class PhaseNumbers:
    """A map, its phases, and the outputs of both ways to convolve; all float64, all (rows, columns).

    Args:
        pad: zeros per side of a phase; the map has rate times as many (`wide`).
        phase_outputs: the regular convolution of each phase; `merged` is what M makes of them.
        dilated: the dilated convolution of x, computed without phases.
    """

    x: Tensor
    weight: Tensor
    rate: tuple[int, int]
    pad: tuple[int, int]
    phases: tuple[Tensor, ...]
    phase_outputs: tuple[Tensor, ...]
    merged: Tensor
    dilated: Tensor

    @classmethod
    def compute(cls, x: Tensor, weight: Tensor, *, rate: tuple[int, int]) -> "PhaseNumbers":
        pad = kernel_padding(weight)
        batch, kernel = x[None, None], weight[None, None]
        phases = split(batch, rate=rate)
        outputs = tuple(regular_conv(phase, kernel, padding=pad) for phase in phases)
        return cls(
            x=x,
            weight=weight,
            rate=rate,
            pad=pad,
            phases=tuple(phase[0, 0] for phase in phases),
            phase_outputs=tuple(output[0, 0] for output in outputs),
            merged=merge(outputs, rate=rate)[0, 0],
            dilated=dilated_conv(batch, kernel, rate=rate, padding=(rate[0] * pad[0], rate[1] * pad[1]))[0, 0],
        )

    @property
    def wide(self) -> tuple[int, int]:
        return self.rate[0] * self.pad[0], self.rate[1] * self.pad[1]

    def phase_of(self, a: int, b: int) -> int:
        return a % self.rate[0] * self.rate[1] + b % self.rate[1]

    def taps(self, k: int, i: int, j: int) -> list[tuple[int, int]]:
        """The pixels of the map under the kernel that makes output (i, j) of phase k; padding included."""
        p, q = divmod(k, self.rate[1])
        rows = [(i + u - self.pad[0]) * self.rate[0] + p for u in range(self.weight.shape[0])]
        columns = [(j + v - self.pad[1]) * self.rate[1] + q for v in range(self.weight.shape[1])]
        return [(a, b) for a in rows for b in columns]

    def patch(self, k: int, i: int, j: int) -> Tensor:
        """The values under those taps, in the shape of the kernel."""
        height, width = self.x.shape
        under = [self.x[a, b].item() if 0 <= a < height and 0 <= b < width else 0.0 for a, b in self.taps(k, i, j)]
        return torch.tensor(under, dtype=torch.float64).reshape(self.weight.shape)
