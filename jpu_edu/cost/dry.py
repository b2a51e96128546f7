"""A dry run: all the shapes of a forward pass, none of its arithmetic.

With inputs on the meta device the parameters are swapped for meta twins during the call. A ResNet-101 at
1024 x 1024 then runs in milliseconds, and the model itself, with its running statistics, stays untouched.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn


def prepare(model: Callable, *inputs: Tensor, what: str) -> tuple[dict[str, Tensor], Callable[[], Any]]:
    """What a model owns, and its call: dry where the inputs are on the meta device, real where they are not.

    Args:
        model: a module or any function of the inputs.
        what: the function that asks, for the error.

    Returns:
        Parameters and buffers by name, or their meta twins (tied ones stay tied); none of a plain function.
        The call, without arguments.

    Raises:
        TypeError, ValueError: no tensors; some on the meta device and some not.
    """
    if not inputs or not all(isinstance(x, Tensor) for x in inputs):
        kinds = ", ".join(type(x).__name__ for x in inputs) or "nothing"
        raise TypeError(f'{what}: got {kinds}; pass tensors, such as torch.empty(1, 3, 512, 512, device="meta")')
    if len({x.is_meta for x in inputs}) > 1:
        raise ValueError(f"{what}: inputs on {[str(x.device) for x in inputs]}; put all on the meta device, or none")
    if not isinstance(model, nn.Module):
        return {}, partial(model, *inputs)
    owned = {  # each module once, under its first name: a swap under two names would not be undone
        f"{prefix}.{name}" if prefix else name: tensor
        for prefix, module in model.named_modules()
        for name, tensor in (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False))
    }
    if not inputs[0].is_meta:
        return owned, partial(model, *inputs)
    twins = {id(t): torch.empty_like(t, device="meta").requires_grad_(t.requires_grad) for t in owned.values()}
    owned = {name: twins[id(t)] for name, t in owned.items()}
    # every name of a tie is in it
    return owned, partial(torch.func.functional_call, model, owned, inputs, tie_weights=False)


@contextmanager
def following(
    model: Callable, *, enter: Callable[[str], Any], leave: Callable[[str, nn.Module, tuple, Any], Any]
) -> Iterator[None]:
    """Say which module runs: `enter(name)` before each forward, `leave(name, module, inputs, output)` after it.

    The root's name is "". A module that is called twice is announced twice.
    """
    hooks = []

    def before(name: str) -> None:
        enter(name)

    def after(name: str, module: nn.Module, inputs: tuple, output: Any) -> None:
        leave(name, module, inputs, output)  # and return nothing: what a hook returns replaces the output

    for name, module in model.named_modules() if isinstance(model, nn.Module) else ():
        hooks.append(module.register_forward_pre_hook(lambda _m, _x, name=name: before(name)))
        hooks.append(module.register_forward_hook(lambda m, x, y, name=name: after(name, m, x, y)))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
