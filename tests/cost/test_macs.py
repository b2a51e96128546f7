"""MACs: the closed form, the shapes seen by hooks and torch's operator counter, each an oracle for the others."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from jpu_edu.cost.ledger import LayerCost, by_part, table, total
from jpu_edu.cost.macs import conv_macs, layer_costs

pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))


@st.composite
def configurations(draw):
    groups = draw(st.integers(1, 4))
    return {
        "in_channels": groups * draw(st.integers(1, 3)),
        "out_channels": groups * draw(st.integers(1, 3)),
        "kernel": draw(pairs),
        "stride": draw(pairs),
        "padding": draw(st.tuples(st.integers(0, 3), st.integers(0, 3))),
        "rate": draw(pairs),
        "groups": groups,
    }


def convolution(c):
    return nn.Conv2d(
        c["in_channels"], c["out_channels"], c["kernel"], c["stride"], c["padding"], c["rate"], c["groups"]
    )  # fmt: skip


@given(c=configurations(), size=st.tuples(st.integers(7, 20), st.integers(7, 20)), batch=st.integers(1, 3))
def test_the_closed_form_is_what_torch_counts(c, size, batch):
    with FlopCounterMode(display=False) as counter:
        convolution(c)(torch.zeros(batch, c["in_channels"], *size))
    assert 2 * conv_macs(**c, size=size, batch=batch) == counter.get_total_flops()


@given(c=configurations(), size=st.tuples(st.integers(7, 20), st.integers(7, 20)))
def test_hooks_and_counter_and_closed_form_agree_on_a_convolution(c, size):
    (row,) = layer_costs(convolution(c), torch.empty(2, c["in_channels"], *size, device="meta"))
    assert row.macs == row.counted == conv_macs(**c, size=size, batch=2)


@given(rate=st.integers(1, 6))
def test_a_dilated_convolution_costs_what_a_regular_one_costs(rate):
    setting = {"in_channels": 4, "out_channels": 8, "kernel": 3, "size": (32, 33)}
    assert conv_macs(**setting, rate=rate, padding=rate) == conv_macs(**setting, rate=1, padding=1)


def test_a_count_by_hand():
    """A 3x3 convolution, 2 to 5 channels, on 4x6 with padding 1: 24 positions, each 5 * 2 * 9 products."""
    assert conv_macs(in_channels=2, out_channels=5, kernel=3, size=(4, 6), padding=1) == 24 * 90


class Net(nn.Module):
    """Every kind of layer, a layer called twice, a tied layer, one that never runs, and a product of maps."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1, bias=False), nn.BatchNorm2d(6), nn.ReLU())
        self.body = nn.Sequential(nn.Conv2d(6, 6, 3, padding=2, dilation=2, groups=6), nn.Conv2d(6, 6, 1))
        self.tied = nn.Conv2d(6, 6, 1)
        self.tied.weight = self.body[1].weight
        self.up = nn.ConvTranspose2d(6, 4, 4, 2, 1, groups=2)
        self.idle = nn.Conv2d(9, 9, 3)
        self.classify = nn.Linear(4, 7)

    def forward(self, x):
        x = self.body(self.body(self.stem(x)))
        x = self.tied(x)
        tokens = x.flatten(2)
        x = (torch.softmax(tokens @ tokens.mT, -1) @ tokens).unflatten(2, x.shape[2:])
        return self.classify(self.up(x).mean((2, 3)))


def expected(batch, h, w):
    """Closed forms written out, (h, w) after the stem."""
    positions = batch * h * w
    return {
        "stem.0": positions * 6 * 3 * 9,
        "stem.1": 0,
        "body.0": 2 * positions * 6 * 9,
        "body.1": 2 * positions * 36,
        "tied": positions * 36,
        "up": positions * 6 * (4 // 2) * 16,
        "idle": 0,
        "classify": batch * 28,
    }


@pytest.mark.parametrize("device", ["meta", "cpu"])
def test_layer_by_layer_both_ways_agree_with_arithmetic(device):
    rows = {row.name: row for row in layer_costs(Net(), torch.zeros(2, 3, 17, 22, device=device))}
    want = expected(2, 9, 11)
    assert {name: rows[name].macs for name in want} == want
    assert {name: rows[name].counted for name in want} == want
    assert set(rows) == {*want, ""}


def test_products_outside_layers_are_counted_where_they_happen():
    rows = {row.name: row for row in layer_costs(Net(), torch.empty(2, 3, 17, 22, device="meta"))}
    assert rows[""].macs == 0
    assert rows[""].counted == 2 * (2 * 6 * 6 * 99)


def test_parameters_add_up_to_the_network_s_and_tied_ones_count_once():
    net = Net()
    rows = layer_costs(net, torch.empty(1, 3, 16, 16, device="meta"))
    assert total(rows).params == sum(p.numel() for p in net.parameters())
    assert next(row.params for row in rows if row.name == "tied") == 6  # the bias; the weight is body.1's
    assert next(row.params for row in rows if row.name == "idle") == 9 * 9 * 9 + 9


def test_counting_on_meta_leaves_the_network_alone():
    net = Net().train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    layer_costs(net, torch.empty(1, 3, 64, 64, device="meta"))
    after = net.state_dict()
    assert all(value.device.type == "cpu" for value in after.values())
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(not module._forward_hooks and not module._forward_pre_hooks for module in net.modules())


def test_a_network_built_on_meta_is_counted_without_a_single_weight():
    with torch.device("meta"):
        wide = nn.Sequential(nn.Conv2d(4096, 4096, 3, padding=1), nn.Conv2d(4096, 4096, 3, padding=1))
    rows = layer_costs(wide, torch.empty(1, 4096, 1024, 1024, device="meta"))
    assert total(rows).macs == total(rows).counted == 2 * 1024**2 * 4096**2 * 9


def test_parts_add_up_and_keep_their_order():
    rows = layer_costs(Net(), torch.empty(1, 3, 16, 16, device="meta"))
    parts = by_part(rows)
    assert [part.name for part in parts] == ["", "stem", "body", "tied", "up", "idle", "classify"]
    assert total(parts).macs == total(rows).macs
    assert parts[2].macs == rows[3].macs + rows[4].macs
    assert by_part(rows, depth=2)[1].name == "stem.0"


def test_the_table_shows_the_unit_and_the_total():
    text = table([LayerCost("a", "Conv2d", (1, 8, 4, 4), 1_500_000, 2_000_000_000, 2_000_000_000)])
    head, _, row, _, last = text.splitlines()
    assert head.split() == ["part", "kind", "output", "params", "(M)", "MAC", "(G)", "counted", "MAC", "(G)"]
    assert row.split() == ["a", "Conv2d", "1x8x4x4", "1.500", "2.000", "2.000"]
    assert last.startswith("total")


def test_a_wrong_configuration_is_named_with_its_remedy():
    setting = {"in_channels": 4, "out_channels": 6, "kernel": 3, "size": (8, 8)}
    with pytest.raises(ValueError, match=r"groups=4 divides not both of 4 and 6"):
        conv_macs(**setting, groups=4)
    with pytest.raises(ValueError, match=r"kernel \(3, 3\) at rate \(4, 4\) does not fit a map \(8, 8\)"):
        conv_macs(**setting, rate=4)
    with pytest.raises(ValueError, match=r"stride=0|rate=0"):
        conv_macs(**setting, stride=0)
    with pytest.raises(ValueError, match=r"by_part: depth=0"):
        by_part([], depth=0)


def test_inputs_are_all_meta_or_none():
    with pytest.raises(TypeError, match=r"got nothing; pass tensors"):
        layer_costs(Net())
    with pytest.raises(ValueError, match=r"inputs on \['cpu', 'meta'\]"):
        layer_costs(Net(), torch.empty(1), torch.empty(1, device="meta"))


def test_a_module_under_two_names_is_itself_again_after_a_dry_run():
    conv = nn.Conv2d(3, 3, 3, padding=1)
    twice = nn.Sequential(conv, nn.ReLU(), conv)
    before = conv.weight
    rows = layer_costs(twice, torch.empty(1, 3, 8, 8, device="meta"))
    assert conv.weight is before and not conv.weight.is_meta
    assert total(rows).macs == 2 * 8 * 8 * 27 * 3
