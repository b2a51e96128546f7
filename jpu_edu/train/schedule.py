"""The learning rate over a run, as a factor of the step alone.

step     0 .. steps - 1, the step about to be taken
"""

import math


def poly(step: int, *, steps: int, power: float = 0.9, warmup: int = 0) -> float:
    """(1 - step / steps) ^ power, and during a warm-up min(1, step / warmup) of it.

    Notice: with power 0.9 it is a straight line, almost; the last step still moves. With a warm-up the very first
    step has the factor 0, as in the official code (which has the option and never uses it).

    Raises:
        ValueError: a step outside 0 .. steps - 1.

    Convention: per step, not per epoch, and the exponent is on the whole fraction.

    Source: DeepLab (Chen et al. 2016), section 4.1; FastFCN, section 4.1.
    """
    _check(step, steps)
    return (1 - step / steps) ** power * (min(1.0, step / warmup) if warmup else 1.0)


def one_cycle(step: int, *, steps: int) -> float:
    """Up from 1/25 to 1 along a cosine in 30 % of the steps, then down to 1/250000 along another.

    Notice: it reaches high rates, which only pays where the whole run is short and planned; stopping early
    leaves a network that never saw the small rates.

    Raises:
        ValueError: a step outside 0 .. steps - 1.

    Convention: the numbers are those of torch.optim.lr_scheduler.OneCycleLR.

    Source: Smith and Topin 2017.
    """
    _check(step, steps)
    first, last, top = 1 / 25, 1e-4 / 25, 0.3 * steps - 1
    if step < top:
        return first + (1 - first) * (1 - _fall(step / top))
    return last + (1 - last) * _fall((step - top) / (steps - 1 - top))


def _fall(share: float) -> float:
    """Half a cosine: 1 at share 0, 0 at share 1."""
    return (1 + math.cos(math.pi * share)) / 2


def _check(step: int, steps: int) -> None:
    if not 0 <= step < steps:
        raise ValueError(f"schedule: step={step}; a run of {steps} steps has steps 0 to {steps - 1}")
