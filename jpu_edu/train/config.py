"""Every number of a training run in one frozen record: what is not in here does not change the weights.

step     one move of the optimiser, on `batch` images
batch    images of a step, of all processes and micro-batches together
"""

import math
from dataclasses import KW_ONLY, dataclass, fields
from types import UnionType
from typing import Any, Literal, get_args, get_origin

#: What may differ between a run and its continuation: where it computes, and when it reports; not what.
MAY_CHANGE = frozenset({"accumulate", "resident", "evaluate_every", "save_every", "log_every"})


@dataclass(frozen=True)
class Config:
    """The training half of an experiment (the other half is the network, which knows its own numbers).

    Notice: `batch` is the EFFECTIVE batch. Two processes with 4 micro-batches each take batch / 8 images at a time,
    and compute the same step as one process that takes them all. BatchNorm is the exception: it sees the images that
    are taken at a time and no others. Below about 8 of them its statistics are noise; then build with norm="group",
    or train on from pretrained weights with norm="frozen". Over several GPUs take norm="sync".

    Args:
        steps: length of the run; the schedule ends there.
        batch: images of a step.
        crop: (height, width) of what the network sees; its remainders by 8 are those of all evaluation, see
            `protocol.whole_image`.
        lr: of the backbone; other parts have lr_factor times as much.
        lr_factor: 10 in the paper; 1 where nothing is pretrained.
        optimiser: "sgd" (with `momentum`, as in the paper) or "adamw".
        schedule: "poly" (with `power` and `warmup`, as in the paper) or "one_cycle".
        momentum, weight_decay, power: 0.9, 1e-4, 0.9 in the paper.
        warmup: steps in which the rate rises from 0.
        aux_weight, se_weight: of the losses beside cross entropy, 0.2 in the paper.
        scale: how much an image is scaled at random, (low, high).
        base: short side that scale 1 stands for; None keeps each image's own.
        flip, blur: mirror, and blur, every other image.
        accumulate: micro-batches a step and process. For a batch that does not fit into memory.
        precision: "bfloat16" runs convolutions in 16 bits, keeps weights and sums in 32.
        channels_last: memory layout; faster on GPUs and with oneDNN.
        compile: torch.compile. Minutes at the start, for a faster step.
        ema: decay of a running average of the weights, such as 0.999, which is then what is evaluated; None for none.
        seed: of order, augmentation and dropout. The weights were initialised before, see `recipes`.
        evaluate_every, save_every, log_every: in steps. The run is evaluated and saved at its end in any case.
        resident: keep the training set on the device, where its images have one size.

    Raises:
        ValueError: a value of another type, a number out of range; says which and what is possible.

    Source: FastFCN, section 4.1; walkthrough 11, which has small batches too.
    """

    _: KW_ONLY
    steps: int
    batch: int
    crop: tuple[int, int]
    lr: float
    lr_factor: float = 10.0
    optimiser: Literal["sgd", "adamw"] = "sgd"
    schedule: Literal["poly", "one_cycle"] = "poly"
    momentum: float = 0.9
    weight_decay: float = 1e-4
    power: float = 0.9
    warmup: int = 0
    aux_weight: float = 0.2
    se_weight: float = 0.2
    scale: tuple[float, float] = (0.5, 2.0)
    base: int | None = None
    flip: bool = True
    blur: bool = True
    accumulate: int = 1
    precision: Literal["float32", "bfloat16"] = "float32"
    channels_last: bool = True
    compile: bool = False
    ema: float | None = None
    seed: int = 0
    evaluate_every: int = 1000
    save_every: int = 1000
    log_every: int = 10
    resident: bool = False

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not _is(value, field.type):
                raise ValueError(f"Config: {field.name}={value!r}; {_words(field.type)}")
        low, high = self.scale
        for fine, names, remedy in (
            (min(self.steps, self.batch, self.accumulate) >= 1, "steps batch accumulate", "each must be >= 1"),
            (min(self.crop) >= 32, "crop", "height and width must be >= 32, the largest stride"),
            (0 < self.lr < math.inf and 0 < self.lr_factor < math.inf, "lr lr_factor", "both must be > 0"),
            (0 <= self.momentum < 1 and 0 <= self.weight_decay < 1, "momentum weight_decay", "0 <= value < 1"),
            (self.power >= 0 and 0 <= self.warmup < self.steps, "power warmup", "power >= 0 and 0 <= warmup < steps"),
            (min(self.aux_weight, self.se_weight) >= 0, "aux_weight se_weight", "both must be >= 0"),
            (0 < low <= high and (self.base is None or self.base >= 1), "scale base", "0 < low <= high and base >= 1"),
            (self.batch % self.accumulate == 0, "batch accumulate", "accumulate must divide the batch"),
            (self.ema is None or 0 < self.ema < 1, "ema", "0 < ema < 1, such as 0.999, or None"),
            (self.seed >= 0, "seed", "seed must be >= 0"),
            (min(self.evaluate_every, self.save_every, self.log_every) >= 1, "evaluate_every save_every log_every",
             "each must be >= 1; a number above steps means at the end alone"),
        ):  # fmt: skip
            if not fine:
                given = ", ".join(f"{name}={getattr(self, name)!r}" for name in names.split())
                raise ValueError(f"Config: {given}; {remedy}")


def _is(value: Any, kind: Any) -> bool:
    """Whether a value is of a field's type; a setting may come from a command line, where all is text."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Literal:
        return value in parts
    if origin is tuple:
        return isinstance(value, tuple) and len(value) == len(parts) and all(map(_is, value, parts))
    if origin is UnionType:
        return any(_is(value, part) for part in parts)
    if kind is float:
        return isinstance(value, float | int) and not isinstance(value, bool)
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _words(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return f"choose one of {', '.join(get_args(kind))}"
    if get_origin(kind) is tuple:
        names = ", ".join(part.__name__ for part in get_args(kind))
        return f"it must be ({names}); on a command line the numbers with a comma between, such as 128,128"
    return f"it must be {kind.__name__ if isinstance(kind, type) and not get_args(kind) else kind}"
