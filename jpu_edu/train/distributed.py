"""Several processes, one step: what `torchrun` sets up, and the three things that training asks of it.

Every process takes its part of the one batch, DistributedDataParallel averages the gradients, and all make the same
move. Started without torchrun there is one process, and everything here does nothing.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True)
class World:
    """This process, number `rank` of `size`, and the device that it computes on."""

    rank: int
    size: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and prints."""
        return self.rank == 0

    def total(self, numbers: Tensor) -> Tensor:
        """The sum over all processes, in every process."""
        if self.size > 1:
            distributed.all_reduce(numbers)
        return numbers

    def from_first(self, thing: Any) -> Any:
        """What the first process has, in every process: the others may have no access to its files."""
        if self.size == 1:
            return thing
        box = [thing]
        distributed.broadcast_object_list(box, src=0, device=self.device if self.device.type == "cuda" else None)
        return box[0]

    def wrapped(self, model: nn.Module) -> nn.Module:
        """The model with its gradients averaged over the processes. All start with the first one's weights.

        Raises:
            ValueError: SyncBatchNorm on CPUs, which PyTorch does not have.
        """
        if self.size == 1:
            return model
        if self.device.type == "cpu" and any(isinstance(m, nn.SyncBatchNorm) for m in model.modules()):
            raise ValueError(
                f"train: norm='sync' on {self.size} CPU processes; PyTorch has SyncBatchNorm on GPUs alone. "
                "Build the network with norm='group' or norm='frozen' (--with norm=group)"
            )
        return DistributedDataParallel(model, device_ids=[self.device] if self.device.type == "cuda" else None)


def usable(device: str | torch.device, *, what: str = "train") -> torch.device:
    """The device, with this process's number where several share a machine.

    Raises:
        ValueError: a device that this machine does not have.
    """
    try:
        found = torch.device(device)
        if found.type == "cuda" and found.index is None:
            found = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.zeros(1, device=found)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"{what}: device {str(device)!r} does not work here ({reason}); try 'cpu'") from error
    return found


def present(device: torch.device) -> World:
    """This process among those that have joined already; alone, where none has."""
    if not distributed.is_initialized():
        return World(0, 1, device)
    return World(distributed.get_rank(), distributed.get_world_size(), device)


@contextmanager
def joined(device: str | torch.device) -> Iterator[World]:
    """Join the processes that torchrun started, and leave them at the end.

    Args:
        device: "cpu" or "cuda"; with several GPUs each process takes the one of its LOCAL_RANK.
    """
    device = usable(device)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    join = int(os.environ.get("WORLD_SIZE", "1")) > 1 and not distributed.is_initialized()
    if join:
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield present(device)
    finally:
        if join:
            distributed.destroy_process_group()
