"""Memory: what the forward pass keeps for the backward pass, and the most it holds when nothing is kept.

Both count storages, once each, in bytes: two views of one tensor are one storage, and a small view keeps
the whole of its storage alive. Both run on the meta device, where nothing is allocated.
"""

import weakref
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from jpu_edu.cost.dry import following, prepare

MIB = 2**20


def _key(tensor: Tensor) -> int:
    """What makes a storage the same storage; on the meta device every address is 0."""
    return tensor.untyped_storage()._cdata


@dataclass(frozen=True)
class Kept:
    """Bytes that autograd keeps from the forward to the backward pass, and which module asked for them first."""

    bytes: int
    by_module: dict[str, int]

    @property
    def mib(self) -> float:
        return self.bytes / MIB


def kept_for_backward(model: Callable, *inputs: Tensor) -> Kept:
    """The activations that a training step holds while it waits for the backward pass.

    Notice: this, not the parameters, is why a dilated backbone needs a large GPU. Halving the stride of
    the last stages makes each of their kept maps 4 or 16 times larger.

    Args:
        model: a module or any function of the inputs. Its mode counts: BatchNorm keeps more when training.
        inputs: tensors, best on the meta device.

    Returns:
        `Kept`. Parameters and buffers are not counted. The input is, where a layer keeps it. An output
        that nobody keeps (a last convolution's) is not: the loss may keep it.

    Raises:
        TypeError, ValueError: no tensors; some on the meta device and some not; gradients switched off.

    Convention: a storage is counted once, for the module that first saved it.

    Source: torch.autograd.graph.saved_tensors_hooks; walkthrough 13.
    """
    owned, run = prepare(model, *inputs, what="kept_for_backward")
    if not torch.is_grad_enabled():
        raise ValueError("kept_for_backward: gradients are off, so nothing is kept; call it outside torch.no_grad()")
    own = {_key(t) for t in owned.values()}
    kept: dict[int, torch.UntypedStorage] = {}  # holding the storage keeps its key from being used again
    by_module: dict[str, int] = defaultdict(int)
    running = [""]

    def pack(tensor: Tensor) -> Tensor:
        key = _key(tensor)
        if key not in own and key not in kept:
            kept[key] = tensor.untyped_storage()
            by_module[running[-1]] += kept[key].nbytes()
        return tensor.detach()

    follow = following(model, enter=running.append, leave=lambda *_: running.pop())
    with follow, torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        run()
    return Kept(sum(by_module.values()), dict(by_module))


class _Alive(TorchDispatchMode):
    """Adds up the storages that operators make, and takes them off when the last reference is gone."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._seen: dict[int, weakref.finalize] = {}

    def _free(self, key: int, size: int) -> None:
        self.now -= size
        del self._seen[key]

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        given = {_key(t) for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)}
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, Tensor) and (key := _key(tensor)) not in given and key not in self._seen:
                storage = tensor.untyped_storage()
                self.now += storage.nbytes()
                finalizer = weakref.finalize(storage, self._free, key, storage.nbytes())
                finalizer.atexit = False
                self._seen[key] = finalizer
        self.peak = max(self.peak, self.now)
        return out


def peak_inference_bytes(model: Callable, *inputs: Tensor) -> int:
    """The most bytes of activations alive at one moment of a forward pass without gradients.

    Notice: a map dies when the last Python variable lets go of it, so the code's *form* decides. A list of
    all stages, kept for a neck that needs one of them, is paid for until the function returns.

    How: a TorchDispatchMode sees the result of every operator and follows the life of its storage.
    Limits: it does not see what a kernel allocates inside (im2col, cuDNN's workspace), nor what the
    allocator rounds up or caches, and torch.compile's plans are another program.

    Args:
        model: a module or any function of the inputs.
        inputs: tensors, best on the meta device.

    Returns:
        Bytes beyond the model and its inputs, outputs included.

    Raises:
        TypeError, ValueError: no tensors; some on the meta device and some not.

    Source: walkthrough 13.
    """
    _, run = prepare(model, *inputs, what="peak_inference_bytes")
    alive = _Alive()
    with torch.no_grad(), alive:
        out = run()
    del out
    return alive.peak
