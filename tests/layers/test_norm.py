"""Norms: each kind keeps its promise about statistics, and every kind fits maps and codes."""

import pytest
import torch
from torch import nn

from jpu_edu.layers.norm import FrozenBatchNorm, group_count, make_norm

KINDS = ["batch", "frozen", "group", "sync"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("dims", "shape"), [(2, (2, 12, 5, 4)), (1, (2, 12, 7))])
def test_every_kind_fits_maps_and_codes(kind, dims, shape):
    norm = make_norm(kind, 12, dims=dims)
    for training in (True, False):
        assert norm.train(training)(torch.randn(shape)).shape == shape


def test_a_frozen_norm_is_a_constant_affine_map_that_training_cannot_change():
    norm = make_norm("frozen", 3)
    norm.running_mean.copy_(torch.tensor([1.0, 2.0, 3.0]))
    norm.running_var.fill_(4.0)
    norm.weight.fill_(10.0)
    norm.bias.fill_(1.0)
    before = {key: value.clone() for key, value in norm.state_dict().items()}
    x = torch.randn(2, 3, 4, 5)
    y = norm.train()(x)
    mean = torch.tensor([1.0, 2.0, 3.0])[:, None, None]
    torch.testing.assert_close(y, 10 * (x - mean) / (4.0 + norm.eps) ** 0.5 + 1)
    assert not norm.training
    assert not list(norm.parameters())
    assert all(torch.equal(before[key], value) for key, value in norm.state_dict().items())


def test_a_frozen_norm_stays_in_eval_mode_inside_a_network_that_trains():
    network = nn.Sequential(nn.Conv2d(3, 3, 1), make_norm("frozen", 3)).train()
    assert network.training and not network[1].training


def test_convention_frozen_and_batch_norm_exchange_checkpoints():
    batch = nn.BatchNorm2d(6)
    batch(torch.randn(4, 6, 5, 5))
    frozen = FrozenBatchNorm(6)
    frozen.load_state_dict(batch.state_dict())
    x = torch.randn(2, 6, 3, 3)
    torch.testing.assert_close(frozen(x), batch.eval()(x), rtol=0, atol=0)
    nn.BatchNorm2d(6).load_state_dict(frozen.state_dict())


def test_sync_norm_on_one_process_is_batch_norm():
    x = torch.randn(4, 6, 5, 5)
    sync, batch = make_norm("sync", 6), make_norm("batch", 6)
    torch.testing.assert_close(sync(x), batch(x), rtol=0, atol=0)
    torch.testing.assert_close(sync.running_var, batch.running_var, rtol=0, atol=0)


def test_group_norm_does_not_look_at_the_other_images():
    norm = make_norm("group", 64).train()
    x = torch.randn(3, 64, 4, 4)
    torch.testing.assert_close(norm(x)[:1], norm(x[:1]), rtol=0, atol=1e-6)


def test_convention_32_groups_or_the_largest_divisor_with_two_channels_a_group():
    assert [group_count(c) for c in (2048, 64, 48, 32, 30, 12, 37, 1)] == [32, 32, 24, 16, 15, 6, 1, 1]


def test_a_group_norm_works_on_a_single_pixel_of_a_single_image():
    assert make_norm("group", 32).eval()(torch.randn(1, 32, 1, 1)).abs().max() > 0.1


def test_errors_name_the_value_and_the_choices(unchecked):
    with pytest.raises(ValueError, match=r"kind='instance'; choose one of batch, frozen, group, sync"):
        make_norm("instance", 4)
    with pytest.raises(ValueError, match=r"channels=0"):
        make_norm("batch", 0)
    with pytest.raises(ValueError, match=r"dims=3; 2 for maps"):
        make_norm("batch", 4, dims=3)
