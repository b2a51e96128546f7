"""Which parameter learns at which rate, and the check that none was left out.

The authors of FastFCN once left the JPU out of the optimiser. Nothing failed: the network trained around a
random JPU and lost 3 mIoU (wuhuikai/FastFCN#2). So here every run begins with this check.
"""

from collections import Counter, defaultdict
from typing import Any

from torch import nn
from torch.optim import Optimizer

from jpu_edu.ops.columns import columns


def paper_groups(model: nn.Module, *, lr: float, factor: float = 10.0) -> list[dict[str, Any]]:
    """One group for the backbone at `lr`, and one for each other part (neck, head, aux_head) at `factor * lr`.

    Notice: the backbone comes from ImageNet and should move little; the rest starts from nothing. Training all of
    it from nothing, give factor=1.

    Args:
        model: a module with a child `backbone`.

    Returns:
        Groups for a torch optimiser, with `name`, and `base_lr`, which the schedule multiplies.

    Raises:
        ValueError: a model without a backbone.

    Source: FastFCN, section 4.1, and the official code; walkthrough 11.
    """
    parts: dict[str, list[nn.Parameter]] = defaultdict(list)
    for name, parameter in model.named_parameters():
        parts[name.split(".")[0]].append(parameter)
    if "backbone" not in parts:
        raise ValueError(f"paper_groups: no part is called backbone; there are {', '.join(parts) or 'none'}")
    rates = {name: lr if name == "backbone" else factor * lr for name in parts}
    return [
        {"name": name, "params": params, "lr": rates[name], "base_lr": rates[name]} for name, params in parts.items()
    ]


def check_groups(model: nn.Module, optimiser: Optimizer) -> None:
    """Pass if every parameter of the model is in exactly one group, and no other is.

    Raises:
        ValueError: names the parameters that are in no group or in several; says how many are not the model's.
    """
    held = Counter(id(parameter) for group in optimiser.param_groups for parameter in group["params"])
    times = {name: held.pop(id(parameter), 0) for name, parameter in model.named_parameters()}
    wrong = [f"{name} is in {count} groups, so it would be moved twice" for name, count in times.items() if count > 1]
    if forgotten := [name for name, count in times.items() if not count]:
        rest = f" and {len(forgotten) - 3} more" if len(forgotten) > 3 else ""
        wrong.append(f"in no group, so they would keep their random values: {', '.join(forgotten[:3])}{rest}")
    if held:
        wrong.append(f"{len(held)} parameters of the optimiser are not the model's; make it for this model")
    if wrong:
        raise ValueError("check_groups: " + "; ".join(wrong) + ". `paper_groups(model, lr=...)` makes the groups")


def group_table(optimiser: Optimizer) -> str:
    """Aligned text for the reader: group, tensors, parameters, learning rate, weight decay, and the sums."""
    rows, groups = [("group", "tensors", "parameters", "lr", "weight decay")], optimiser.param_groups
    for number, group in enumerate(groups):
        rate, decay = group.get("base_lr", group["lr"]), group.get("weight_decay", 0)
        rows.append((group.get("name", str(number)), *_counts(group["params"]), f"{rate:g}", f"{decay:g}"))
    return columns([*rows, ("all", *_counts([p for group in groups for p in group["params"]]), "", "")])


def _counts(parameters: list[nn.Parameter]) -> tuple[str, str]:
    return str(len(parameters)), f"{sum(p.numel() for p in parameters):,}"
