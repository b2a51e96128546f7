"""How fast: laps, and the arithmetic behind "achieved"."""

import time

import pytest
import torch

from jpu_edu.cost.ledger import total
from jpu_edu.cost.macs import layer_costs
from jpu_edu.train.speed import Clock, peak_flops, report, training_macs
from tests.train import small

CPU = torch.device("cpu")


def test_a_lap_counts_its_own_images_and_its_own_time():
    clock = Clock(CPU)
    clock.images = 1000
    time.sleep(0.02)
    first = clock.lap()
    assert 0 < first <= 1000 / 0.02
    clock.images = 10
    assert clock.lap() != first and clock.images == 0


def test_the_first_lap_is_left_out_of_the_rate():
    clock = Clock(CPU)
    assert clock.rate == 0
    clock.rates = [1.0]
    assert clock.rate == 1
    clock.rates = [1.0, 10.0, 12.0, 11.0]
    assert clock.rate == 11


def test_training_costs_three_forward_passes_auxiliary_head_included():
    model = small.network()
    x = torch.empty(1, 3, 64, 64, device="meta")
    forward = total(layer_costs(model.eval(), x)).counted
    aux = training_macs(model.train(), (64, 64)) / 3 - forward
    with torch.no_grad():
        c4 = model.backbone(torch.zeros(2, 3, 64, 64)).c4
    own = total(layer_costs(model.aux_head.block.eval(), torch.empty(1, *c4.shape[1:], device="meta"))).counted
    assert aux == pytest.approx(own + model.aux_head.classifier[1].weight.numel() * c4[0, 0].numel())
    assert model.training and not next(model.parameters()).is_meta


def test_a_matrix_product_is_measured_and_on_a_cpu_nothing_is_reported():
    assert peak_flops(CPU, size=64, repeats=2) > 0
    assert report(small.network(), (64, 64), 1.0, CPU) == {}
