"""One step: the rate, the gradients, however the batch is cut up, and the move.

Shape legend
    b       images of this process in a batch
    H, W    size of the crop
"""

from contextlib import nullcontext

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel
from torch.optim import SGD, AdamW, Optimizer

from jpu_edu.layers.norm import FrozenBatchNorm
from jpu_edu.train.config import Config
from jpu_edu.train.distributed import World
from jpu_edu.train.groups import group_table, paper_groups
from jpu_edu.train.loss import labelled, segmentation_loss
from jpu_edu.train.schedule import one_cycle, poly

SMALL = 8  #: images that BatchNorm should see at a time, or more


def make_optimiser(model: nn.Module, config: Config) -> Optimizer:
    """SGD with momentum as in the paper, or AdamW, over `paper_groups`."""
    groups = paper_groups(model, lr=config.lr, factor=config.lr_factor)
    if config.optimiser == "sgd":
        return SGD(groups, lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay)
    return AdamW(groups, lr=config.lr, weight_decay=config.weight_decay)


def set_rate(optimiser: Optimizer, config: Config, step: int) -> float:
    """Give every group its rate for this step; returns the backbone's."""
    if config.schedule == "poly":
        factor = poly(step, steps=config.steps, power=config.power, warmup=config.warmup)
    else:
        factor = one_cycle(step, steps=config.steps)
    for group in optimiser.param_groups:
        group["lr"] = group["base_lr"] * factor
    return config.lr * factor


def seed_step(config: Config, step: int, world: World) -> None:
    """Make every random number of this step (dropout) a function of seed, step and process: no state to restore."""
    torch.manual_seed(int(np.random.SeedSequence((config.seed, step, world.rank)).generate_state(1)[0]))


def gradients(
    net: nn.Module,
    images: Float[Tensor, "b 3 H W"],
    labels: UInt8[Tensor, "b H W"],
    config: Config,
    world: World,
) -> dict[str, Tensor]:
    """Add the gradient of the whole batch's loss to the parameters' `.grad`.

    Notice: every piece divides by the labelled pixels of the WHOLE batch, so the pieces' gradients add up to the
    batch's. DistributedDataParallel takes the mean over the processes where the sum is wanted: hence the factor
    `world.size`.

    Args:
        net: the network, or what `World.wrapped` or torch.compile made of it.
        images, labels: this process's part of the batch; `config.accumulate` divides b.

    Returns:
        This process's share of the loss, by part: `loss`, `main`, and `aux` and `se` where there are any.

    Convention: for networks without batch statistics (GroupNorm, frozen BatchNorm), gradients and weights are the same
        however the batch is cut into micro-batches and processes, up to rounding. Dropout draws anew for each piece.
    """
    counts = world.total(labelled(labels))
    layout = torch.channels_last if config.channels_last else torch.contiguous_format
    pieces = list(zip(images.chunk(config.accumulate), labels.chunk(config.accumulate), strict=True))
    told: dict[str, Tensor] = {}
    for number, (x, target) in enumerate(pieces):
        waits = isinstance(net, DistributedDataParallel) and number < len(pieces) - 1
        with net.no_sync() if waits else nullcontext():  # the processes exchange the sum once, with the last piece
            with torch.autocast(x.device.type, torch.bfloat16, enabled=config.precision == "bfloat16"):
                out = net(x.contiguous(memory_format=layout))
            loss = segmentation_loss(
                out, target, aux_weight=config.aux_weight, se_weight=config.se_weight, counts=counts
            )
            (loss.total * world.size).backward()
        for name, part in zip(("loss", "main", "aux", "se"), loss, strict=True):
            if part is not None:
                told[name] = told.get(name, 0) + part.detach()
    return told


def opening(optimiser: Optimizer, model: nn.Module, config: Config, world: World) -> str:
    """What the reader sees first: the groups, the batch and how it is cut up, and advice where it is cut too small.

    Raises:
        ValueError: processes and micro-batches do not divide the batch.
    """
    pieces = world.size * config.accumulate
    if config.batch % pieces:
        raise ValueError(
            f"train: batch={config.batch} on {world.size} processes with accumulate={config.accumulate}; the batch "
            f"must be a multiple of {pieces}"
        )
    at_once = config.batch // pieces
    processes = f"{world.size} process{'es' * (world.size > 1)}"
    micro = f"{config.accumulate} micro-batch{'es' * (config.accumulate > 1)}"
    lines = [group_table(optimiser), f"A step takes {config.batch} images: {processes} x {micro} x {at_once}."]
    norms = [m for m in model.modules() if isinstance(m, _BatchNorm) and not isinstance(m, FrozenBatchNorm)]
    seen = at_once * (world.size if any(isinstance(m, nn.SyncBatchNorm) for m in norms) else 1)
    if norms and seen < SMALL:
        lines.append(
            f"Advice: BatchNorm sees {seen} images at a time, and below about {SMALL} its statistics are noise. Take "
            "norm='group', or norm='frozen' with pretrained weights, or larger pieces."
        )
    return "\n".join(lines)
