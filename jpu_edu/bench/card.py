"""A device to measure on: how precisely it multiplies, what its kernels take alone, how fast it can be at most.

eager    one call from Python, waited for: what a user waits for
alone    the kernels of that call as a CUDA graph, played back without Python: what the device needs
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial

import torch

from jpu_edu.cost.activations import MIB
from jpu_edu.cost.timing import time_in_turn
from jpu_edu.train.speed import peak_flops

Task = Callable[[], object]
LEAST = 2e-3  # seconds; shorter kernels are played back until this much has passed


@contextmanager
def computing(*, tf32: bool, benchmark: bool = True) -> Iterator[None]:
    """How products of float32 are computed inside; afterwards everything is as it was.

    Notice: PyTorch's own default on a GPU is in between. Convolutions take TF32, matrix products do not.

    Args:
        tf32: whether a GPU may round their inputs to 10 bits of mantissa (float32 has 23, bfloat16 7).
        benchmark: whether cuDNN tries its algorithms and takes the fastest. Not where bits are compared.
    """
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    wanted = ((matmul, "allow_tf32", tf32), (cudnn, "allow_tf32", tf32), (cudnn, "benchmark", benchmark))
    with warnings.catch_warnings():  # newer versions of PyTorch warn of an older name, older ones know no other
        warnings.simplefilter("ignore")
        before = [(where, name, getattr(where, name)) for where, name, _ in wanted]
        try:
            for where, name, value in wanted:
                setattr(where, name, value)
            yield
        finally:
            for where, name, value in before:
                setattr(where, name, value)


def recorded(task: Task, device: torch.device) -> Task:
    """The kernels of a task, recorded once as a CUDA graph; each call plays them back. On a CPU the task itself.

    Notice: the graph computes on the tensors that it was recorded with, and its results are overwritten next time.

    Args:
        task: takes its tensors from its closure, and does not wait for the device inside.
    """
    if device.type != "cuda":
        return task
    aside = torch.cuda.Stream(device)
    aside.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(aside):  # choices and first allocations are made here, and not recorded
        for _ in range(3):
            task()
    torch.cuda.current_stream(device).wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = task()

    def play() -> object:
        graph.replay()
        return result

    return play


def seconds_alone(tasks: Mapping[str, Task], device: torch.device, *, repeats: int) -> dict[str, float]:
    """Median seconds of the kernels of each task, in turn."""
    graphs = {name: recorded(task, device) for name, task in tasks.items()}
    rough = time_in_turn(graphs, repeats=3, warmup=2).medians
    often = {name: max(1, round(LEAST / rough[name])) for name in tasks}

    def several(play: Task, times: int) -> None:
        for _ in range(times):
            play()

    loops = {name: partial(several, play, often[name]) for name, play in graphs.items()}
    return {name: s / often[name] for name, s in time_in_turn(loops, repeats=repeats, warmup=1).medians.items()}


def limits(device: torch.device, *, size: int = 8192, mib: int = 1024) -> dict[str, float]:
    """What no network exceeds here, measured now.

    Returns:
        tflops: of a bfloat16 matrix product of `size`. gbytes: read and written in a second, by a copy of `mib` MiB.
    """
    source = torch.empty(mib * MIB, dtype=torch.uint8, device=device).random_()
    target = torch.empty_like(source)
    seconds = seconds_alone({"copy": lambda: target.copy_(source)}, device, repeats=9)["copy"]
    return {
        "tflops": peak_flops(device, size=size) / 1e12,
        "gbytes": 2 * source.numel() / seconds / 1e9,
        "size": size,
        "mib": mib,
    }


def peak_mib(task: Task, device: torch.device) -> float | None:
    """The most memory that a task takes beyond what is there before it; None where nobody counts, on a CPU."""
    if device.type != "cuda":
        return None
    task()  # cuDNN's workspace and what is made once
    torch.cuda.synchronize(device)
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    task()
    torch.cuda.synchronize(device)
    return (torch.cuda.max_memory_allocated(device) - before) / MIB
