"""Outputs of the official FastFCN on made-up weights, and the rule that made them.

The files in `goldens/` hold numbers alone. A weight is drawn from a generator whose seed is the CRC of
its official name, so a module of ours is filled by the name that its weight has over there.
"""

import functools
import json
import math
import re
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

FOLDER = Path(__file__).parent / "goldens"

#: Ours -> official, for the blocks that every neck and head is made of.
BLOCKS = {r"\.conv\.": ".0.", r"\.norm\.": ".1."}
SEPARABLE = {
    r"branches\.(\d)\.": lambda m: f"dilation{int(m[1]) + 1}.",
    r"separable\.depthwise": "0.conv1",
    r"separable\.norm": "0.bn",
    r"separable\.pointwise": "0.pointwise",
    r"^(.*dilation\d)\.norm": r"\1.1",
}


def fill_value(key: str, shape: tuple[int, ...]) -> Tensor:
    """The weight that the reference had under this name."""
    g = torch.Generator().manual_seed(zlib.crc32(key.encode()))
    match key.rsplit(".", 1)[-1], len(shape):
        case "num_batches_tracked", _:
            return torch.zeros(shape, dtype=torch.long)
        case "running_var", _:
            return 0.5 + torch.rand(shape, generator=g)
        case "running_mean" | "bias" | "codewords", _:
            return 0.1 * torch.randn(shape, generator=g)
        case "scale", _:
            return -0.01 * torch.rand(shape, generator=g)
        case "weight", 1:
            return 0.5 + torch.rand(shape, generator=g)
        case "weight", _:
            return torch.randn(shape, generator=g) * math.sqrt(2.0 / math.prod(shape[1:]))
    raise KeyError(key)


def official(key: str, *names: dict) -> str:
    """Our key under its official name."""
    for table in names:
        for ours, theirs in table.items():
            key = re.sub(ours, theirs, key)
    return key


def filled(module: nn.Module, *names: dict, run: str) -> nn.Module:
    """The module in float64 and eval mode, with the weights of the run; its keys and shapes must be the run's."""
    weights = {key: fill_value(official(key, *names), tuple(w.shape)) for key, w in module.state_dict().items()}
    ours = {official(key, *names): list(w.shape) for key, w in module.state_dict().items()}
    assert ours == dict(record(run)["keys"]), "keys or shapes differ from the reference"
    module.load_state_dict(weights)
    return module.double().eval()


def randn(*shape: int, seed: int) -> Tensor:
    """The inputs of the runs: drawn in float32, then cast."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).double()


@functools.cache
def _records() -> dict:
    return json.loads((FOLDER / "golden_modules.json").read_text())


@functools.cache
def _arrays() -> dict[str, np.ndarray]:
    with np.load(FOLDER / "golden_modules.npz") as file:
        return dict(file)


def record(run: str) -> dict:
    """What is written about a run: keys, notes, sums."""
    return _records()[run]


def array(name: str) -> Tensor:
    """A tensor of a run."""
    return torch.from_numpy(_arrays()[name])
