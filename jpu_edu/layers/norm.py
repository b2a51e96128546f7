"""Normalisation by name, so that every network can be built with the norm that its batch size allows.

Shape legend
    C    channels, always axis 1: of a map (B, C, H, W), or the codes of the Encoding layer (B, K, D)
"""

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from jpu_edu.layers.checks import check_count

NormKind = Literal["batch", "frozen", "group", "sync"]


class FrozenBatchNorm(nn.BatchNorm2d):
    """BatchNorm as a constant: scale, shift and statistics are buffers, and training never touches them.

    Notice: it stays in eval mode, whatever `train()` says, and it has no parameters, so that no optimiser
    can move it and no weight decay can shrink it. A pretrained network then trains with any batch size.

    Convention: the state_dict has BatchNorm's keys, `num_batches_tracked` included, so checkpoints pass
        both ways.

    Source: the usual remedy for small batches (wuhuikai/FastFCN#19); walkthrough 11.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, affine=False)
        del self.weight, self.bias
        self.register_buffer("weight", torch.ones(channels))
        self.register_buffer("bias", torch.zeros(channels))
        self.train(False)

    def train(self, mode: bool = True) -> "FrozenBatchNorm":
        """Stay in eval mode."""
        return super().train(False)

    def _check_input_dim(self, input: Tensor) -> None:
        """Any rank, maps and codes alike."""


def group_count(channels: int) -> int:
    """The largest divisor of C that is at most 32 and leaves two channels or more in a group.

    Notice: a group of one channel on a 1x1 map is a single number, and nothing is left of it once
    its mean is subtracted. From 64 channels on the answer is 32 wherever 32 divides.
    """
    return max(g for g in range(1, 33) if channels % g == 0 and (channels // g > 1 or g == 1))


def make_norm(kind: NormKind, channels: int, *, dims: int = 2) -> nn.Module:
    """A norm layer for C channels on axis 1.

    Notice: FastFCN trains with statistics over all GPUs ("sync"). On one process "sync" behaves as
    "batch" and runs on a CPU too; the official code's own version stops there with an error.

    Args:
        kind: "batch"  statistics of the batch; needs more than one value a channel in training.
              "frozen" `FrozenBatchNorm`.
              "group"  GroupNorm with `group_count` groups, 32 for most widths; no batch statistics.
              "sync"   BatchNorm over all processes, where several train together.
        channels: C >= 1.
        dims: 2 for maps (B, C, H, W), 1 for codes (B, K, D).

    Raises:
        ValueError: an unknown kind, channels below 1, dims other than 1 and 2.

    Source: "group": Wu and He 2018; "sync": Zhang et al. 2018 (EncNet); walkthrough 11.
    """
    check_count(channels, name="channels", what="make_norm")
    if dims not in (1, 2):
        raise ValueError(f"make_norm: dims={dims}; 2 for maps (B, C, H, W), 1 for codes (B, K, D)")
    match kind:
        case "batch":
            return nn.BatchNorm2d(channels) if dims == 2 else nn.BatchNorm1d(channels)
        case "frozen":
            return FrozenBatchNorm(channels)
        case "group":
            return nn.GroupNorm(group_count(channels), channels)
        case "sync":
            return nn.SyncBatchNorm(channels)
    raise ValueError(f"make_norm: kind={kind!r}; choose one of {', '.join(get_args(NormKind))}")
