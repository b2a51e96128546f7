"""The small numbers that the figures share, so that a reader who has computed one has computed them all."""

import torch

from jpu_edu.draw.grids import number

RATE = 2

#: A map, and a kernel without a zero, so that all nine taps are seen.
MAP = torch.tensor(
    [
        [2, 0, 1, 3, 0, 1],
        [1, 3, 0, 2, 1, 0],
        [0, 1, 2, 0, 3, 1],
        [3, 0, 1, 1, 0, 2],
        [1, 2, 0, 1, 2, 0],
        [0, 1, 3, 0, 1, 1],
    ],
    dtype=torch.float64,
)
KERNEL = torch.tensor([[1, -1, 2], [1, 2, -1], [-1, 1, 1]], dtype=torch.float64)

#: A signal, the kernel of the first convolution, and that of the N layers after it. With these, every number
#: on the way is a digit, and so is every number of the fitted h.
SIGNAL = torch.tensor([3, 0, 1, 2, 0, 0], dtype=torch.float64)
FIRST = torch.tensor([0, 1, 1], dtype=torch.float64)
NEXT = torch.tensor([1, 1, 0], dtype=torch.float64)
N = 2


def worked_sum(weights: torch.Tensor, values: torch.Tensor) -> str:
    """The sum of products as a reader would write it: 1·2 − 1·0 + 2·3 = 8."""
    terms = zip(weights.flatten().tolist(), values.flatten().tolist(), strict=True)
    products = " ".join(f"{'−' if w < 0 else '+'} {number(abs(w))}·{number(v)}" for w, v in terms)
    return f"{products.removeprefix('+ ')} = {number((weights * values).sum().item())}"


def as_map(signal: torch.Tensor) -> torch.Tensor:
    """A signal as the map (1, 1, 1, W) that the operators take; a kernel likewise."""
    return signal[None, None, None]
