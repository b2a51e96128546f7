"""Every parameter in exactly one group: the fault that cost the authors 3 mIoU is found by name."""

import pytest
import torch
from torch import nn

from jpu_edu.models.build import BUILDERS
from jpu_edu.train.groups import check_groups, group_table, paper_groups


def network(builder=BUILDERS[-1]) -> nn.Module:
    return builder(classes=3, backbone="tiny")


@pytest.mark.parametrize("builder", BUILDERS, ids=lambda b: b.__name__)
def test_backbone_at_the_rate_everything_else_at_ten_times_and_nothing_left_out(builder):
    model = network(builder)
    groups = paper_groups(model, lr=0.001)
    rates = {id(p): group["lr"] for group in groups for p in group["params"]}
    assert len(rates) == sum(len(group["params"]) for group in groups) == len(list(model.parameters()))
    for name, parameter in model.named_parameters():
        assert rates[id(parameter)] == pytest.approx(0.001 if name.startswith("backbone.") else 0.01), name
    check_groups(model, torch.optim.SGD(groups, lr=0.001))


def test_a_forgotten_neck_is_named():
    model = network()
    groups = [g for g in paper_groups(model, lr=0.001) if g["name"] != "neck"]
    with pytest.raises(ValueError, match=r"in no group.*: neck\.inputs\.c5\.conv\.weight, .* and 30 more"):
        check_groups(model, torch.optim.SGD(groups, lr=0.001))


def test_a_parameter_in_two_groups_is_named():
    model = network()
    optimiser = torch.optim.SGD(paper_groups(model, lr=0.001), lr=0.001)  # torch itself refuses to make one
    optimiser.param_groups[1]["params"].append(model.backbone.conv1.weight)
    with pytest.raises(ValueError, match=r"backbone\.conv1\.weight is in 2 groups"):
        check_groups(model, optimiser)


def test_an_optimiser_of_another_copy_of_the_model_is_found():
    model, other = network(), network()
    with pytest.raises(ValueError, match=r"parameters of the optimiser are not the model's"):
        check_groups(model, torch.optim.SGD(paper_groups(other, lr=0.001), lr=0.001))


def test_the_table_adds_up():
    model = network()
    lines = group_table(torch.optim.SGD(paper_groups(model, lr=0.001), lr=0.1, weight_decay=1e-4)).splitlines()
    assert [line.split()[0] for line in lines] == ["group", "backbone", "neck", "head", "aux_head", "all"]
    assert lines[2].split()[-2:] == ["0.01", "0.0001"] and lines[1].split()[-2] == "0.001"
    assert lines[-1].split()[-1] == f"{sum(p.numel() for p in model.parameters()):,}"


def test_a_model_without_a_backbone_is_refused():
    with pytest.raises(ValueError, match="no part is called backbone; there are 0, 1"):
        paper_groups(nn.Sequential(nn.Conv2d(1, 1, 1), nn.Conv2d(1, 1, 1)), lr=0.1)
