"""The schedules against the official code's numbers and against PyTorch's."""

import warnings

import pytest
import torch

from jpu_edu.train.schedule import one_cycle, poly
from tests import reference


@pytest.mark.parametrize(("name", "warmup"), [("poly", 0), ("poly_warmup5", 5)])
def test_convention_poly_is_the_official_schedule_step_by_step(name, warmup):
    run = reference.record("lr")
    per_epoch, steps = run["iters_per_epoch"], run["epochs"] * run["iters_per_epoch"]
    for epoch, i, backbone, others in run["values"][name]:
        factor = poly(epoch * per_epoch + i, steps=steps, power=0.9, warmup=warmup * per_epoch)
        assert factor * run["base_lr"] == pytest.approx(backbone, rel=1e-9, abs=1e-15)
        assert factor * 10 * run["base_lr"] == pytest.approx(others, rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("steps", [10, 37, 1000])
def test_convention_one_cycle_is_pytorchs(steps):
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=1.0, total_steps=steps, cycle_momentum=False)
    for step in range(steps):
        assert one_cycle(step, steps=steps) == pytest.approx(optimiser.param_groups[0]["lr"], rel=1e-9)
        with warnings.catch_warnings():  # it wants an optimiser step first, and this one has no gradient
            warnings.simplefilter("ignore")
            if step + 1 < steps:
                theirs.step()


@pytest.mark.parametrize("factor", [poly, one_cycle])
@pytest.mark.parametrize("steps", [1, 2, 3, 10])
def test_short_runs_have_a_factor_at_every_step(factor, steps):
    assert all(0 < factor(step, steps=steps) <= 1 for step in range(steps))


@pytest.mark.parametrize("factor", [poly, one_cycle])
@pytest.mark.parametrize("step", [-1, 10])
def test_a_step_outside_the_run_is_refused(factor, step):
    with pytest.raises(ValueError, match=f"step={step}; a run of 10 steps has steps 0 to 9"):
        factor(step, steps=10)
