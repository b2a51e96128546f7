"""How fast a run is, in images a second, and how much of the machine that uses.

MACs     multiply-accumulates; two floating point operations each
"""

import copy
import statistics
import time

import torch
from torch import nn

from jpu_edu.cost.ledger import total
from jpu_edu.cost.macs import layer_costs


class Clock:
    """Images a second between laps, waiting for the device first: a GPU's calls return before their work is done."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.rates: list[float] = []
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        self.start()

    def start(self) -> None:
        """Begin a lap here: what went before (evaluating, saving) is not counted."""
        self.images, self.since = 0, time.perf_counter()

    def lap(self) -> float:
        """End the lap; images a second in it."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        seconds = time.perf_counter() - self.since
        self.rates.append(self.images / seconds)
        self.start()
        return self.rates[-1]

    @property
    def rate(self) -> float:
        """The median over laps, the first one left out where there are more: it holds what happens once."""
        return statistics.median(self.rates[1:] or self.rates or [0.0])


def training_macs(model: nn.Module, crop: tuple[int, int]) -> int:
    """MACs to train on one image: 3 x forward, auxiliary head included.

    Notice: backward computes two products for each of forward's, one for the input's gradient and one for the weight's.
    """
    twin = copy.deepcopy(model).to("meta").train()
    return 3 * total(layer_costs(twin, torch.empty(2, 3, *crop, device="meta"))).counted // 2


def peak_flops(device: torch.device, *, size: int = 8192, repeats: int = 20) -> float:
    """Floating point operations a second of a bfloat16 matrix product, measured on this device now."""
    a, b = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    clock = Clock(device)
    for _ in range(3):  # the first product also chooses how to compute
        for _ in range(repeats):
            a @ b
        clock.images = repeats
        clock.lap()
    return 2 * size**3 * clock.rate


def report(model: nn.Module, crop: tuple[int, int], rate: float, device: torch.device) -> dict[str, float]:
    """On a GPU: TFLOP/s achieved and measured at most, their ratio, and peak memory in GiB. Elsewhere nothing."""
    if device.type != "cuda":
        return {}
    memory = torch.cuda.max_memory_allocated(device) / 2**30
    achieved, peak = 2 * training_macs(model, crop) * rate, peak_flops(device)
    return {
        "tflops": achieved / 1e12,
        "tflops_of_a_matrix_product": peak / 1e12,
        "utilisation": achieved / peak,
        "peak_memory_gib": memory,
    }
