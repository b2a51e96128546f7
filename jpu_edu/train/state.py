"""Everything that a run changes, in one object that can be put into a checkpoint and taken out again."""

from typing import Any

from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from jpu_edu.train.config import Config
from jpu_edu.train.groups import check_groups
from jpu_edu.train.step import make_optimiser


class State:
    """Weights, their moving average, the optimiser's memory, the number of steps taken, and the best score so far.

    Notice: what is missing. Schedule, order, augmentation and dropout are functions of the step (`schedule`,
    `data.batches`, `step.seed_step`), so `taken` is the state of all four.

    Args:
        model: on its device already: the optimiser holds its parameters.
    """

    def __init__(self, model: nn.Module, config: Config) -> None:
        self.model, self.optimiser = model, make_optimiser(model, config)
        check_groups(model, self.optimiser)
        self.average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(config.ema)) if config.ema else None
        self.taken = 0
        self.best_miou, self.best_step = -1.0, 0

    @property
    def evaluated(self) -> nn.Module:
        """The network that is scored and kept: the moving average, where there is one."""
        return self.average.module if self.average else self.model

    def move(self) -> None:
        """One move of the optimiser, along the gradients that are there."""
        self.optimiser.step()
        if self.average:
            self.average.update_parameters(self.model)
        self.taken += 1

    def is_best(self, miou: float) -> bool:
        """Note the score; whether it is the best so far (NaN, of a set without labels, never is)."""
        if not miou > self.best_miou:
            return False
        self.best_miou, self.best_step = miou, self.taken
        return True

    def record(self) -> dict[str, Any]:
        """For a checkpoint: tensors, numbers and plain containers."""
        return {
            "step": self.taken,
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "average": self.average.state_dict() if self.average else None,
            "best": {"miou": self.best_miou, "step": self.best_step},
        }

    def restore(self, record: dict[str, Any]) -> None:
        """Become what `record` recorded, on this device."""
        self.model.load_state_dict(record["model"])
        self.optimiser.load_state_dict(record["optimiser"])
        if self.average:
            self.average.load_state_dict(record["average"])
        self.taken = record["step"]
        self.best_miou, self.best_step = record["best"]["miou"], record["best"]["step"]
