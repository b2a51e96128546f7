"""What students write for exercise 11: (task, the mistake that must be named or "right", the function)."""

import torch
import torch.nn.functional as F
from torch import nn

from jpu_edu.ops.phases import merge, split


def resized(x, size, align_corners=True):
    return F.interpolate(x, size=size, mode="bilinear", align_corners=align_corners)


def depthwise_at(x, weight, rate):
    return F.conv2d(x, weight, padding=rate, dilation=rate, groups=x.shape[1])


def by_phases(x, weight, rate):
    """Split, convolve, merge: unusual, and right."""
    return merge([depthwise_at(phase, weight, 1) for phase in split(x, rate=rate)], rate=rate)


def jpu(*, up=resized, deep_first=True, deep=depthwise_at, last=torch.relu, join=lambda found: torch.cat(found, 1)):
    def joint(c3, c4, c5, depthwise, pointwise, rates):
        levels = [up(level, c3.shape[-2:]) for level in (c5, c4, c3)]
        joined = torch.cat(levels if deep_first else levels[::-1], 1)
        found = [deep(joined, weight, rate) for weight, rate in zip(depthwise, rates, strict=True)]
        return join([last(F.conv2d(x, weight)) for x, weight in zip(found, pointwise, strict=True)])

    return joint


def two(model, lr, factor, slow, fast):
    return [{"params": slow, "lr": lr}, {"params": fast, "lr": lr * factor}]


def by_identity(model, lr, factor):
    """A group for each parameter, sorted by identity."""
    inside = {id(p) for p in model.backbone.parameters()}
    return [{"params": p, "lr": lr * (1 if id(p) in inside else factor)} for p in model.parameters()]


def listed(model, lr, factor):
    parts = [part for part in (model.head, getattr(model, "aux_head", None)) if part is not None]
    fast = list(dict.fromkeys(p for part in parts for p in part.parameters()))
    return two(model, lr, factor, model.backbone.parameters(), fast)


def kernels_only(model, lr, factor):
    slow = [p for name, p in model.named_parameters() if p.ndim == 4 and name.startswith("backbone.")]
    fast = [p for name, p in model.named_parameters() if p.ndim == 4 and not name.startswith("backbone.")]
    return two(model, lr, factor, slow, fast)


def by_children(model, lr, factor):
    fast = [p for name, child in model.named_children() if name != "backbone" for p in child.parameters()]
    return two(model, lr, factor, model.backbone.parameters(), list(dict.fromkeys(fast)))


def tied_twice(model, lr, factor):
    named = list(model.named_parameters(remove_duplicate=False))
    slow = [p for name, p in named if name.startswith("backbone.")]
    return two(model, lr, factor, slow, [p for name, p in named if not name.startswith("backbone.")])


def everything_again(model, lr, factor):
    return two(model, lr, factor, model.backbone.parameters(), model.parameters())


def exchanged(model, lr, factor):
    groups = by_identity(model, lr, factor)
    return [{"params": group["params"], "lr": lr * factor if group["lr"] == lr else lr} for group in groups]


def trained(rate=lambda step, start, steps: (1 - step / steps) ** 0.9, seeds=lambda seed, step, start: seed + step):
    def go_on(weights, velocity, start, stop, steps, lr, seed, gradient):
        for step in range(start, stop):
            found = gradient(weights, torch.Generator().manual_seed(seeds(seed, step, start)))
            velocity = velocity * 0.9 + found
            weights = weights - velocity * (lr * rate(step, start, steps))
        return weights, velocity

    return go_on


def with_torch(weights, velocity, start, stop, steps, lr, seed, gradient):
    parameter = nn.Parameter(weights.clone())
    optimiser = torch.optim.SGD([parameter], lr=lr, momentum=0.9)
    optimiser.state[parameter]["momentum_buffer"] = velocity.clone()
    for step in range(start, stop):
        optimiser.param_groups[0]["lr"] = lr * (1 - step / steps) ** 0.9
        parameter.grad = gradient(parameter.detach(), torch.Generator().manual_seed(seed + step))
        optimiser.step()
    return [parameter.detach(), optimiser.state[parameter]["momentum_buffer"]]


def new_optimiser(weights, velocity, *run):
    return with_torch(weights, torch.zeros_like(velocity), *run)


def one_generator(weights, velocity, start, stop, steps, lr, seed, gradient):
    generator = torch.Generator().manual_seed(seed)
    for step in range(start, stop):
        velocity = 0.9 * velocity + gradient(weights, generator)
        weights = weights - lr * (1 - step / steps) ** 0.9 * velocity
    return weights, velocity


def rate_inside(weights, velocity, start, stop, steps, lr, seed, gradient):
    for step in range(start, stop):
        found = gradient(weights, torch.Generator().manual_seed(seed + step))
        velocity = 0.9 * velocity + lr * (1 - step / steps) ** 0.9 * found
        weights = weights - velocity
    return weights, velocity


def sides(guest):
    return sorted((torch.zeros(guest.picture.shape), torch.ones(guest.picture.shape)), key=guest.changed)


MUTANTS = [
    (1, "right", jpu(deep=by_phases)),
    (1, "right", jpu()),
    (1, "corners", jpu(up=lambda x, size: resized(x, size, align_corners=False))),
    (1, "order of the levels", jpu(deep_first=False)),
    (1, "rates forgotten", jpu(deep=lambda x, weight, rate: depthwise_at(x, weight, 1))),
    (1, "padding 1", jpu(deep=lambda x, w, rate: F.conv2d(x, w, padding=1, dilation=rate, groups=len(w)))),
    (1, "sum of the branches", jpu(join=sum)),
    (1, "ReLU forgotten", jpu(last=lambda x: x)),
    (2, "right", by_identity),
    (2, "a part forgotten", listed),
    (2, "a part forgotten", lambda model, lr, factor: [{"params": model.backbone.parameters(), "lr": lr}]),
    (2, "only some kinds", kernels_only),
    (2, "a lone one forgotten", by_children),
    (2, "a tied one twice", tied_twice),
    (2, "the backbone twice", everything_again),
    (2, "one rate", lambda model, lr, factor: [{"params": model.parameters(), "lr": lr}]),
    (2, "rates exchanged", exchanged),
    (3, "right", with_torch),
    (3, "right", trained()),
    (3, "the schedule anew", trained(rate=lambda step, start, steps: (1 - (step - start) / steps) ** 0.9)),
    (3, "one step late", trained(rate=lambda step, start, steps: (1 - (step + 1) / steps) ** 0.9)),
    (3, "power inside", trained(rate=lambda step, start, steps: 1 - (step / steps) ** 0.9)),
    (3, "the velocity forgotten", new_optimiser),
    (3, "the draws anew", trained(seeds=lambda seed, step, start: seed + step - start)),
    (3, "one generator", one_generator),
    (3, "the rate inside", rate_inside),
    (4, "right", lambda guest: sides(guest)[1]),
    (4, "no picture", lambda guest: torch.full(guest.picture.shape, 255.0)),
    (4, "nothing changes", lambda guest: guest.picture.flip(1)),
    (4, "the other side", lambda guest: sides(guest)[0]),
    (4, "not by enough", lambda guest: (sides(guest)[1] + guest.picture) / 2),
]
