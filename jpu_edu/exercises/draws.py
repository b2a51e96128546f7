"""Random numbers for exercises: one seed gives the same sizes, rates, kernels and pictures on every machine."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from jpu_edu.data.photos import photo


class Draws:
    """Draws, one after the other. All tensors are float64, in which "equal" can be asked strictly."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._generator = torch.Generator().manual_seed(seed)

    def whole(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return int(torch.randint(low, high + 1, (), generator=self._generator))

    def choice(self, options: Sequence[Any]) -> Any:
        return options[self.whole(0, len(options) - 1)]

    def distinct(self, *shape: int) -> Tensor:
        """1, 2, 3, ... shuffled: every pixel can be told from every other, and a reader can compute along."""
        count = torch.Size(shape).numel()
        return (torch.randperm(count, generator=self._generator) + 1).double().reshape(shape)

    def kernel(self, *shape: int) -> Tensor:
        """The same with random signs: no zero, and no symmetry that would hide a flip or a transposition."""
        return self.distinct(*shape) * (torch.randint(0, 2, shape, generator=self._generator) * 2 - 1)

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self._generator, dtype=torch.float64)

    def photograph(self, height: int, width: int) -> Tensor:
        """A random part of a photograph, (1, 1, height, width), values in [0, 1]."""
        whole = photo("camera", dtype=torch.float64)
        top, left = self.whole(0, 512 - height), self.whole(0, 512 - width)
        return whole[..., top : top + height, left : left + width].clone()
