"""Memory counted by hand on nets small enough to count."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from jpu_edu.cost.activations import kept_for_backward, peak_inference_bytes

FLOAT = 4
devices = pytest.mark.parametrize("device", ["cpu", "meta"])


@devices
def test_a_net_counted_by_hand(device):
    """conv keeps its input; BatchNorm its input, mean and 1/std; ReLU its output, which the second conv shares."""
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 2, 3, stride=2), nn.Flatten()
    )
    kept = kept_for_backward(net, torch.zeros(2, 3, 9, 10, device=device))
    image, maps = 2 * 3 * 90 * FLOAT, 2 * 8 * 90 * FLOAT
    assert kept.by_module == {"0": image, "1": maps + 2 * 8 * FLOAT, "2": maps}
    assert kept.bytes == image + 2 * maps + 64
    assert kept.mib == kept.bytes / 2**20


@given(layers=st.integers(1, 5), side=st.integers(1, 9), width=st.integers(1, 4))
def test_each_convolution_of_a_chain_keeps_its_input(layers, side, width):
    net = nn.Sequential(*(nn.Conv2d(width, width, 3, padding=1) for _ in range(layers)))
    kept = kept_for_backward(net, torch.empty(1, width, side, side, device="meta"))
    assert kept.bytes == layers * width * side * side * FLOAT


@devices
def test_views_of_one_storage_count_once_and_keep_all_of_it(device):
    def f(x):
        y = x * 1  # keeps nothing: the factor is a constant
        return y[:1, :1].sin() + y.T[:1, :1].sin()

    x = torch.zeros(50, 50, device=device, requires_grad=True)
    assert kept_for_backward(f, x).bytes == 2500 * FLOAT


def test_convention_a_storage_belongs_to_the_module_that_first_saved_it():
    """ReLU keeps its output and the convolution behind it keeps the same storage as its input: one count, ReLU's."""
    net = nn.Sequential(nn.ReLU(), nn.Conv2d(2, 2, 1))
    kept = kept_for_backward(net, torch.zeros(1, 2, 5, 5, requires_grad=True))
    assert kept.by_module == {"0": 50 * FLOAT} and kept.bytes == 50 * FLOAT


def test_an_in_place_relu_lowers_the_peak_and_keeps_as_much_for_backward():
    """ReLU keeps its output either way; what it saves is the moment when input and output both live."""

    def net(inplace):
        return nn.Sequential(nn.Conv2d(1, 4, 1), nn.ReLU(inplace=inplace))

    x = torch.empty(1, 1, 16, 16, device="meta")
    one_map = 4 * 256 * FLOAT
    assert kept_for_backward(net(False), x).bytes == kept_for_backward(net(True), x).bytes == one_map * 5 // 4
    assert peak_inference_bytes(net(False), x) == 2 * one_map
    assert peak_inference_bytes(net(True), x) == one_map


def test_the_caller_s_input_and_its_views_are_not_part_of_the_peak():
    assert peak_inference_bytes(lambda x: x.view(-1).relu_(), torch.empty(10, 10, device="meta")) == 0


def test_frozen_layers_keep_nothing():
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()).requires_grad_(False)
    assert kept_for_backward(net, torch.empty(1, 3, 8, 8, device="meta")).bytes == 0


def test_kept_without_gradients_is_an_error_and_not_a_zero():
    with torch.no_grad(), pytest.raises(ValueError, match="gradients are off, so nothing is kept"):
        kept_for_backward(nn.Conv2d(1, 1, 1), torch.zeros(1, 1, 2, 2))


def test_measuring_leaves_the_network_alone():
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)).train()
    before = net[1].running_mean.clone()
    x = torch.empty(1, 3, 8, 8, device="meta")
    kept_for_backward(net, x), peak_inference_bytes(net, x)
    assert torch.equal(net[1].running_mean, before)
    assert all(p.grad is None and p.device.type == "cpu" for p in net.parameters())


@devices
def test_peak_of_a_chain_is_one_map_in_and_one_map_out(device):
    def chain(x):
        for _ in range(10):
            x = x * 2
        return x

    assert peak_inference_bytes(chain, torch.zeros(100, device=device)) == 2 * 100 * FLOAT


@devices
def test_peak_pays_for_what_a_list_holds_on_to(device):
    def hoard(x):
        stages = []
        for _ in range(10):
            x = x * 2
            stages.append(x)
        return x

    assert peak_inference_bytes(hoard, torch.zeros(100, device=device)) == 10 * 100 * FLOAT


@devices
def test_peak_is_the_highest_moment_and_views_and_in_place_are_free(device):
    def f(x):
        wide = x.repeat(4).view(2, -1).t().relu_()  # 4 units, alone
        narrow = wide.sum()
        del wide
        return narrow + x  # far less

    assert peak_inference_bytes(f, torch.zeros(100, device=device)) == 4 * 100 * FLOAT + FLOAT


def test_peak_of_a_wide_middle_layer_by_hand():
    net = nn.Sequential(nn.Conv2d(1, 16, 1), nn.Conv2d(16, 16, 1), nn.Conv2d(16, 1, 1))
    x = torch.empty(1, 1, 10, 10, device="meta")
    assert peak_inference_bytes(net, x) == (16 + 16) * 100 * FLOAT


def test_peak_is_unchanged_by_what_ran_before():
    net, x = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()), torch.zeros(1, 3, 12, 12)
    assert peak_inference_bytes(net, x) == peak_inference_bytes(net, x) == 2 * 8 * 100 * FLOAT


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("measure", [kept_for_backward, peak_inference_bytes])
def test_inputs_must_be_tensors_on_one_kind_of_device(measure):
    with pytest.raises(TypeError, match=r"got list; pass tensors"):
        measure(nn.Identity(), [1, 2])
    with pytest.raises(ValueError, match="put all on the meta device, or none"):
        measure(nn.Identity(), torch.empty(1), torch.empty(1, device="meta"))
