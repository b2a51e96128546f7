"""One step: cut up in micro-batches it is the same step; the opening words; the rates."""

import copy

import pytest
import torch

from jpu_edu.data.batches import Batches
from jpu_edu.layers.norm import FrozenBatchNorm
from jpu_edu.train.config import Config
from jpu_edu.train.distributed import World
from jpu_edu.train.step import gradients, make_optimiser, opening, seed_step, set_rate
from tests.train import small

ALONE = World(0, 1, torch.device("cpu"))


def batch(config: Config, **choices) -> tuple[torch.Tensor, torch.Tensor]:
    """Images whose labelled pixels differ in number, so that a mean of means would be wrong."""
    images, labels = Batches(small.sets()[0], batch=config.batch, crop=config.crop, seed=0, **choices).at(0)
    for i in range(len(labels)):
        labels[i, : 8 * i] = 255
    return images.double(), labels


def still(model: torch.nn.Module) -> torch.nn.Module:
    """Float64 and without dropout, which draws anew for every piece."""
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout2d):
            module.p = 0.0
    return model.double()


def after_two_steps(norm: str, config: Config) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """The gradients of the first step, and the weights after two."""
    model = still(small.network(norm=norm)).train()
    optimiser = make_optimiser(model, config)
    images, labels = batch(config)
    kept = None
    for _ in range(2):
        optimiser.zero_grad()
        gradients(model, images, labels, config, ALONE)
        kept = kept or [p.grad.clone() for p in model.parameters()]
        optimiser.step()
    return kept, [p.detach() for p in model.parameters()]


@pytest.mark.parametrize("norm", ["group", "frozen"])
@pytest.mark.parametrize("accumulate", [2, 4])
def test_convention_gradients_of_micro_batches_are_those_of_the_batch(norm, accumulate):
    whole = after_two_steps(norm, small.config())
    pieces = after_two_steps(norm, small.config(accumulate=accumulate))
    for got, want in zip((*pieces[0], *pieces[1]), (*whole[0], *whole[1]), strict=True):
        torch.testing.assert_close(got, want, rtol=1e-9, atol=1e-12)
    assert max(g.abs().max() for g in whole[0]) > 1e-3


def test_with_batch_statistics_they_are_not():
    whole, pieces = (after_two_steps("batch", small.config(accumulate=n))[0] for n in (1, 2))
    assert max((a - b).abs().max() for a, b in zip(whole, pieces, strict=True)) > 1e-3


def test_a_batch_without_labels_moves_nothing():
    config = small.config(weight_decay=0.0)
    model = still(small.network(norm="group")).train()
    before = copy.deepcopy(model.state_dict())
    optimiser = make_optimiser(model, config)
    images, labels = batch(config)
    parts = gradients(model, images, torch.full_like(labels, 255), config, ALONE)
    optimiser.step()
    assert parts["loss"].item() == 0
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_bfloat16_keeps_weights_and_gradients_in_float32_and_is_close():
    model = small.network(norm="group", head="fcn").train()
    images, labels = Batches(small.sets()[0], batch=4, crop=(32, 32), seed=0).at(0)
    found = {}
    for precision in ("float32", "bfloat16"):
        model.zero_grad()
        seed_step(small.config(), 0, ALONE)
        found[precision] = gradients(model, images, labels, small.config(precision=precision), ALONE)["loss"].item()
        assert {p.grad.dtype for p in model.parameters()} == {torch.float32}
    assert found["bfloat16"] == pytest.approx(found["float32"], rel=0.02)
    assert found["bfloat16"] != found["float32"]


def test_rates_follow_the_schedule_in_every_group():
    config = small.config(steps=100, lr=0.001, power=1.0)
    optimiser = make_optimiser(small.network(), config)
    assert set_rate(optimiser, config, 50) == pytest.approx(0.0005)
    assert {g["name"]: round(g["lr"], 9) for g in optimiser.param_groups} == {
        "backbone": 0.0005, "neck": 0.005, "head": 0.005, "aux_head": 0.005,
    }  # fmt: skip
    one = small.config(steps=100, schedule="one_cycle", optimiser="adamw", lr_factor=1.0)
    optimiser = make_optimiser(small.network(), one)
    assert isinstance(optimiser, torch.optim.AdamW)
    assert set_rate(optimiser, one, 29) == pytest.approx(0.01) and len({g["lr"] for g in optimiser.param_groups}) == 1


def test_the_random_numbers_of_a_step_depend_on_seed_step_and_process():
    def drawn(seed: int, step: int, rank: int) -> float:
        torch.rand(3)
        seed_step(small.config(seed=seed), step, World(rank, 4, torch.device("cpu")))
        return torch.rand(1).item()

    assert drawn(1, 7, 2) == drawn(1, 7, 2)
    assert len({drawn(1, 7, 2), drawn(2, 7, 2), drawn(1, 8, 2), drawn(1, 7, 3)}) == 4


@pytest.mark.parametrize(
    ("norm", "batch", "accumulate", "advised"),
    [("batch", 4, 1, True), ("batch", 16, 1, False), ("batch", 16, 4, True), ("group", 4, 1, False),
     ("frozen", 4, 1, False), ("sync", 4, 1, True)],
)  # fmt: skip
def test_the_opening_states_the_effective_batch_and_warns_where_batchnorm_sees_few(norm, batch, accumulate, advised):
    config = small.config(batch=batch, accumulate=accumulate)
    model = small.network(norm=norm)
    text = opening(make_optimiser(model, config), model, config, ALONE)
    assert f"A step takes {batch} images: 1 process x {accumulate} micro-batch" in text
    assert ("Advice: BatchNorm sees" in text) == advised
    assert text.startswith("group") and "neck" in text


def test_sync_batchnorm_sees_the_images_of_all_processes():
    config, model = small.config(batch=16), small.network(norm="sync")
    assert any(isinstance(m, torch.nn.SyncBatchNorm) for m in model.modules())
    assert not any(isinstance(m, FrozenBatchNorm) for m in model.modules())
    text = opening(make_optimiser(model, config), model, config, World(0, 4, torch.device("cpu")))
    assert "4 processes x 1 micro-batch x 4" in text and "Advice" not in text


def test_a_batch_that_cannot_be_divided_is_refused():
    config, model = small.config(batch=4, accumulate=2), small.network()
    with pytest.raises(ValueError, match=r"batch=4 on 4 processes with accumulate=2; .* multiple of 8"):
        opening(make_optimiser(model, config), model, config, World(0, 4, torch.device("cpu")))
