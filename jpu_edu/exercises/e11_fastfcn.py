"""Exercises 11: a JPU from its parts, groups that miss nobody, a run that goes on, and a picture in bad company.

Shape legend
    c3, c4, c5   (1, w, H, W) and smaller: the levels behind their first convolutions
    depthwise    (n, 3w, 1, 3, 3), pointwise (n, w, 3w, 1, 1), rates: one for each of the n branches
    weights      (k,), and so is velocity
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jpu_edu.exercises.draws import Draws
from jpu_edu.exercises.puzzle import once
from jpu_edu.exercises.task import Mistake, Task
from jpu_edu.ops.interp import resize

# ---- task 1: a JPU from its parts --------------------------------------------------------------------------


def _joint(
    c3: Tensor, c4: Tensor, c5: Tensor, depthwise: Tensor, pointwise: Tensor, rates: list[int], *, wrong: str = ""
) -> Tensor:
    levels = [resize(level, size=c3.shape[-2:], align_corners=wrong != "corners") for level in (c5, c4)] + [c3]
    joined, found = torch.cat(levels[::-1] if wrong == "order of the levels" else levels, 1), []
    for deep, point, rate in zip(depthwise, pointwise, rates, strict=True):
        rate = 1 if wrong == "rates forgotten" else rate
        y = F.conv2d(F.conv2d(joined, deep, None, 1, rate, rate, joined.shape[1]), point)
        found.append(y if wrong == "ReLU forgotten" else y.relu())
    return torch.stack(found).sum(0) if wrong == "sum of the branches" else torch.cat(found, 1)


def _parts(draw: Draws) -> list[tuple]:
    sizes = [(1, 5, 5, [1]), (1, 5, 7, [2]), (1, 6, 5, [1, 2])]
    sizes += [(draw.whole(1, 4), draw.whole(9, 20), draw.whole(9, 20), [1, 2, 4, 8]) for _ in range(5)]
    cases = []
    for w, high, wide, rates in sizes:
        n, levels = len(rates), [draw.distinct(1, w, -(-high // s), -(-wide // s)) for s in (1, 2, 4)]
        cases.append((*levels, draw.normal(n, 3 * w, 1, 3, 3), draw.normal(n, w, 3 * w, 1, 1), rates))
    return cases


check_joint = Task(
    name="check_joint", exercise="11", number=1, cases=_parts, reference=_joint, variants=_joint,
    mistakes=(
        Mistake("corners", "Your corners are the other way: FastFCN resizes with align_corners=True, and no error "
                "tells you where it matters."),
        Mistake("order of the levels", "You join c3 first. The official order is c5, c4, c3, and the kernels are made "
                "for it: channel 0 of them belongs to c5."),
        Mistake("rates forgotten", "Every branch has rate 1 here. Branch n has rates[n], as dilation and as padding."),
        Mistake("padding 1", "With padding 1 a branch gets smaller, the more the larger its rate. A 3 x 3 at rate r "
                "needs padding r.", when=lambda c3, c4, c5, d, p, rates, got: got[..., 0, :].shape[-1] < c3.shape[-1]),
        Mistake("sum of the branches", "You add the branches. They are laid on one another: n times w channels."),
        Mistake("ReLU forgotten", "Right, up to the sign: a branch ends with a ReLU."),
    ),
    hints=(
        "Print the shapes on the way: three levels of the size of c3, 3w channels joined, w from each branch.",
        "Three steps: resize c5 and c4 (bilinear, ends meeting); join c5, c4, c3; for each branch depthwise, "
        "pointwise, ReLU, and join the results.",
        "F.conv2d(joined, depthwise[n], padding=rate, dilation=rate, groups=joined.shape[1]), then F.conv2d(..., "
        "pointwise[n]).relu().",
    ),
)  # fmt: skip

# ---- task 2: nobody is forgotten ---------------------------------------------------------------------------


class Parts(nn.Module):
    """A network of parts with a weight and a bias each, and perhaps parameters that belong to no part."""

    def __init__(self, parts: str, lone: bool, tied: bool) -> None:
        super().__init__()
        for name in parts.split():
            setattr(self, name, nn.Sequential(nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2)))
        if lone:
            self.temperature = nn.Parameter(torch.zeros(1))
        if tied:  # two parts share a kernel
            self.aux_head[0].weight = self.head[0].weight
        self.tied = tied
        for number, parameter in enumerate(self.parameters(), 1):
            nn.init.constant_(parameter, number)  # by which it is recognised, in any copy

    def __repr__(self) -> str:
        names = [name for name, _ in self.named_children()] + [f"its own parameter {name}" for name in self._parameters]
        return f"a network with {', '.join(names)}{', one kernel in two parts' * self.tied}"


def _models(draw: Draws) -> list[tuple]:
    rest, more = "neck head aux_head", draw.choice(("shape", "edges"))
    kinds = [("backbone head", False, False), (f"backbone {rest}", False, False), (f"backbone {rest}", True, False)]
    kinds += [(f"{more} backbone {rest}", False, True), (f"backbone {more} {rest}", True, True)]
    return [(Parts(*kind), draw.whole(1, 9) / 1000, float(draw.whole(2, 20))) for kind in kinds]


def _rates(model: Parts, groups: list[dict]) -> dict[str, list[float]]:
    """For each parameter the rates that it learns at. A generator in a group can be read once, so it becomes a list."""
    known = {parameter.flatten()[0].item(): name for name, parameter in model.named_parameters()}
    found: dict[str, list[float]] = {name: [] for name in known.values()}
    for group in groups:
        params = group["params"]
        group["params"] = [params] if isinstance(params, Tensor) else list(params)
        for parameter in group["params"]:
            found[known[parameter.flatten()[0].item()]].append(group["lr"])
    return found


def _wrong_groups(model: Parts, lr: float, factor: float, groups: list[dict]) -> str | None:
    for name, rates in _rates(model, groups).items():
        want = lr if name.startswith("backbone.") else factor * lr
        if len(rates) != 1:
            return f"in {model}, {name} is in {len(rates) or 'no'} group{'s' * (len(rates) > 1)}; one is wanted"
        if abs(rates[0] - want) > 1e-9:
            return f"in {model}, {name} learns at {rates[0]:g}; {want:g} is wanted"
    return None


def _grouped(test: Callable) -> Callable:
    return lambda model, lr, factor, groups: test(_rates(model, groups))


def _in(rates: dict, groups: int) -> list[str]:
    return [name for name, found in rates.items() if len(found) == groups]


def _forgotten(rates: dict, *, whole: bool) -> list[str]:
    """Parameters in no group, of parts of which nothing learns (whole) or something does."""
    learning = {name.split(".")[0] for name, found in rates.items() if found}
    return [name for name in _in(rates, 0) if "." in name and (name.split(".")[0] not in learning) == whole]


check_groups = Task(
    name="check_groups", exercise="11", number=2, cases=_models, measure=_wrong_groups,
    mistakes=(
        Mistake("only some kinds", "Biases and norms learn, too. Take every parameter of a part, not only kernels.",
                when=_grouped(lambda rates: _forgotten(rates, whole=False))),
        Mistake("a part forgotten", "A whole part is in no group. It keeps its random weights, without an error. That "
                "is how a JPU was once lost: do not list parts by name.",
                when=_grouped(lambda rates: _forgotten(rates, whole=True))),
        Mistake("a lone one forgotten", "The parts are complete. A parameter may also belong to the model itself and "
                "to no part: ask the model for its parameters, not for its children.",
                when=_grouped(lambda rates: _in(rates, 0))),
        Mistake("a tied one twice", "One kernel belongs to two parts, and you found it in both. The model lists each "
                "parameter once: model.named_parameters().",
                when=_grouped(lambda rates: len(_in(rates, 2)) == 1)),
        Mistake("the backbone twice", "The backbone is in two groups. Torch refuses such groups; the second one is for "
                "the rest.", when=_grouped(lambda rates: _in(rates, 2))),
        Mistake("one rate", "All parts learn at one rate. The backbone comes from ImageNet, everything else from "
                "nothing: `factor` times as fast.",
                when=_grouped(lambda rates: len({one for found in rates.values() for one in found}) == 1)),
        Mistake("rates exchanged", "The rates are exchanged: it is the backbone that should move little.",
                when=_grouped(lambda rates: rates["backbone.0.weight"] > rates["head.0.weight"])),
    ),
    hints=(
        "Write down every name of model.named_parameters() for a small network, and tick those that you have.",
        "Two groups are enough: names that begin with `backbone.`, and all others.",
        "for name, p in model.named_parameters(): (slow if name.startswith('backbone.') else fast).append(p)",
    ),
)  # fmt: skip

# ---- task 3: a run that goes on ----------------------------------------------------------------------------


def gradient(weights: Tensor, generator: torch.Generator) -> Tensor:
    """The gradient of one step: batch and dropout are drawn from the generator."""
    return weights + torch.randn(weights.shape, generator=generator, dtype=weights.dtype)


def _run(
    weights: Tensor, velocity: Tensor, start: int, stop: int, steps: int, lr: float, seed: int, gradient: Callable,
    *, wrong: str = "",
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Steps start, ..., stop - 1 of a run of SGD."""
    velocity = torch.zeros_like(velocity) if wrong == "the velocity forgotten" else velocity
    generator = torch.Generator().manual_seed(seed)
    for step in range(start, stop):
        at = {"the schedule anew": step - start, "one step late": step + 1}.get(wrong, step) / steps
        rate = lr * (1 - at**0.9 if wrong == "power inside" else (1 - at) ** 0.9)
        if wrong != "one generator":
            generator.manual_seed(seed + (step - start if wrong == "the draws anew" else step))
        found, inside = gradient(weights, generator), wrong == "the rate inside"
        velocity = 0.9 * velocity + found * (rate if inside else 1)
        weights = weights - velocity * (1 if inside else rate)
    return weights, velocity


def _states(draw: Draws) -> list[tuple]:
    """Cut runs: the state is that of a run that was never cut."""
    plans, cases = [(0, 1, 4), (0, 3, 4), (1, 2, 4), (2, 4, 4)], []
    for start in [draw.whole(1, 20) for _ in range(7)]:
        plans.append((start, draw.whole(start + 2, start + 8), start + 8))
    for start, stop, steps in plans:
        plan = (steps, draw.whole(1, 9) / 20, draw.whole(0, 99), gradient)
        state = _run(draw.normal(4), torch.zeros(4).double(), 0, start, *plan)
        cases.append((*state, start, stop, *plan))
    return cases


check_resume = Task(
    name="check_resume", exercise="11", number=3, cases=_states, reference=_run, variants=_run,
    mistakes=(
        Mistake("the schedule anew", "The schedule begins again where you go on, with its largest rate. The factor "
                "belongs to the step: 1 − step / steps, counted from the very first."),
        Mistake("one step late", "The schedule is one step ahead: the first step, number 0, has the whole rate."),
        Mistake("power inside", "The power is on step / steps alone. It is (1 − step / steps) to the power of 0.9."),
        Mistake("the velocity forgotten", "Right from a standing start. The optimiser's memory is part of the state: "
                "go on with the velocity that you were given."),
        Mistake("the draws anew", "After the cut you draw the batches of the beginning once more. The generator of a "
                "step is seeded by seed + step, wherever you start."),
        Mistake("one generator", "One generator for all steps: what it draws depends on where you began. Seed it anew "
                "at each step, by seed + step."),
        Mistake("the rate inside", "You put the rate into the velocity. Here the velocity adds up gradients, and the "
                "rate of *this* step multiplies all of it."),
    ),
    hints=(
        "Take start = 0 and stop = 1 first, with a pencil: one draw, one velocity, one rate.",
        "Where does each number in a step come from? All but two are functions of `step`; these two are the state.",
        "for step in range(start, stop): generator of seed + step; velocity = 0.9 · velocity + gradient; rate = lr · "
        "(1 − step / steps)^0.9; weights = weights − rate · velocity.",
    ),
)  # fmt: skip

# ---- task 4: break it --------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Guest:
    """A picture, and a network of one BatchNorm left in train mode: a pixel is found if its result is above 0."""

    picture: Tensor

    def __str__(self) -> str:
        high, wide = self.picture.shape
        return f"a picture of {high} x {wide}, {int(self.found().sum())} of its pixels found when it is alone"

    def found(self, company: Tensor | None = None) -> Tensor:
        """Which pixels of the picture are found, alone or in the company of another picture."""
        batch = [self.picture] if company is None else [self.picture, company.to(self.picture)]
        return F.batch_norm(torch.stack(batch)[:, None], None, None, training=True)[0, 0] > 0

    def changed(self, company: Tensor) -> int:
        """How many pixels of the picture become something else in this company."""
        return int((self.found(company) != self.found()).sum())

    @property
    def most(self) -> int:
        """More than this nobody can change: the mean of the batch is furthest away for all 0 or all 1."""
        return max(self.changed(torch.full_like(self.picture, value)) for value in (0.0, 1.0))


def given(seed: int) -> Guest:
    """The picture of task 4 for this seed: values from 0 to 1, many dark ones or many bright ones."""
    draw = Draws(seed)
    values = draw.distinct(draw.whole(4, 6), draw.whole(4, 6))
    return Guest(((values / (values.numel() + 1)) ** draw.choice((0.4, 2.5))).round(decimals=2))


def _company(guest: Guest, company: Tensor) -> str | None:
    if company.shape != guest.picture.shape:
        return f"the company has the shape {list(company.shape)}; the picture has {list(guest.picture.shape)}"
    if company.min() < 0 or company.max() > 1:
        return f"its values reach from {company.min():.3g} to {company.max():.3g}; pictures have 0 to 1"
    changed = guest.changed(company)
    return f"{changed} pixels change; {guest.most} can" if changed < guest.most else None


check_company = Task(
    name="check_company", exercise="11", number=4, cases=once(given), measure=_company,
    show=lambda guest: ("the picture", guest.picture),
    mistakes=(
        Mistake("no picture", "Values below 0 or above 1 would change even more, and no picture has them. Stay within.",
                when=lambda guest, company: company.min() < 0 or company.max() > 1),
        Mistake("nothing changes", "In this company nothing changes. What does BatchNorm compute over the batch? "
                "Choose company that moves *that*.", when=lambda guest, company: guest.changed(company) == 0),
        Mistake("the other side", "As far as one can go, to the wrong side. On the other side of the mean there are "
                "more pixels to be changed: how many are there of each?",
                when=lambda guest, company: guest.changed(company) and company.unique().tolist() in ([0], [1])),
        Mistake("not by enough", "It breaks the claim, and more pixels can change. How far can you move the mean?",
                when=lambda guest, company: guest.changed(company) > 0),
    ),
    hints=(
        "A pixel is found if it is above the mean of the *batch*. Try guest.found() and guest.found(company).",
        "Only the mean of the company matters here, and it reaches furthest in two pictures. Which?",
        "All zeros or all ones: try both, and return the one with the larger guest.changed(...).",
    ),
)  # fmt: skip
