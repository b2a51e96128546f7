"""What goes wrong while training, said in the words of the configuration."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from jpu_edu.data.sets import ImageSet
from jpu_edu.train.config import Config
from jpu_edu.train.source import check_count


class Finite:
    """Watches that the loss stays a number, without waiting for the GPU at every step."""

    def __init__(self, device: torch.device) -> None:
        self.first = torch.tensor(-1, device=device)  # step at which it was not

    def look(self, loss: Tensor, step: int) -> None:
        self.first = self.first.where(loss.isfinite() | (self.first >= 0), step)

    def check(self, config: Config) -> None:
        """
        Raises:
            FloatingPointError: says at which step, and what to lower.
        """
        if (step := int(self.first)) >= 0:
            raise FloatingPointError(f"train: the loss of step {step} is not a number. {_lower(config)}")


def check_weights(model: nn.Module, config: Config, step: int) -> None:
    """Pass if all weights and statistics are finite: a checkpoint of others would be the last good one's successor.

    Raises:
        FloatingPointError: names the first that is not.
    """
    tensors = {name: t for name, t in model.state_dict().items() if t.is_floating_point()}
    fine = torch.stack([t.isfinite().all() for t in tensors.values()]).tolist()
    if not all(fine):
        name = list(tensors)[fine.index(False)]
        raise FloatingPointError(f"train: after {step} steps {name} is not finite. {_lower(config)}")


def _lower(config: Config) -> str:
    warm = "" if config.warmup else ", or give warmup steps"
    half = ", or precision='float32'" if config.precision == "bfloat16" else ""
    return (
        f"The checkpoints before it are untouched and good. Start in another folder with lr below {config.lr:g}"
        f"{warm}{half}; with data of your own, look at the labels: `python -m jpu_edu data check PATH`"
    )


def check_sets(model: nn.Module, train_set: ImageSet, val_set: ImageSet) -> None:
    """Pass if network, training set and validation set speak of the same classes, and there is something to score.

    Raises:
        ValueError: says who has which.
    """
    if len(val_set) == 0:
        raise ValueError(f"train: {val_set.name} {val_set.split} has no images; look with `jpu_edu data check PATH`")
    ours, theirs = train_set.classes.names, val_set.classes.names
    if ours != theirs:
        raise ValueError(
            f"train: {train_set.name} {train_set.split} has the classes {', '.join(ours)}; {val_set.name} "
            f"{val_set.split} has {', '.join(theirs)}. Names and order must agree"
        )
    check_count(model, train_set, "train", f"build it with classes={len(ours)}")


def out_of_memory(error: RuntimeError) -> bool:
    """Whether that is what PyTorch says; its allocator on the CPU has no class of error of its own."""
    words = ("allocate memory", "not enough memory")
    return isinstance(error, torch.OutOfMemoryError) or any(text in str(error) for text in words)


@contextmanager
def memory_advice(config: Config) -> Iterator[None]:
    """Turn "out of memory" into which setting to lower.

    Raises:
        MemoryError: in place of PyTorch's error, on GPU and CPU.
    """
    try:
        yield
    except RuntimeError as error:
        if not out_of_memory(error):
            raise
        half = "" if config.precision == "bfloat16" else ", precision='bfloat16'"
        raise MemoryError(
            f"train: out of memory with batch={config.batch}, accumulate={config.accumulate}, crop={config.crop}. "
            f"Raise accumulate to {2 * config.accumulate} (same batch in smaller pieces; --resume goes on), or lower "
            f"batch or crop{half}"
        ) from error
