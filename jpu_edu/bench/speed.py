"""EncNet + JPU on ResNet-50 in official form against the ways to run it sooner, in inference and in training.

variant    one way to compute the same scores; all are timed in turn in one run
ratio      time of the official form / time of the variant
"""

import tempfile
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jpu_edu.bench.ledger import GROUPS, conditioned
from jpu_edu.bench.official import Official, SpelledOutEncoding
from jpu_edu.cost.activations import kept_for_backward, peak_inference_bytes
from jpu_edu.cost.timing import Timings, time_in_turn
from jpu_edu.layers.encoding import Encoding
from jpu_edu.models.build import fastfcn
from jpu_edu.models.export import to_onnx
from jpu_edu.models.fuse import fuse
from jpu_edu.models.segmenter import Segmenter

OFFICIAL = "official form"
MIB = 2**20


def has_bfloat16() -> bool:
    """Whether this processor has instructions that multiply bfloat16 (AMX, AVX-512 BF16, Arm BF16)."""
    known = getattr(torch.cpu, "get_capabilities", dict)()
    return any(value for name, value in known.items() if name.endswith("bf16"))


def network(*, aux: bool = True) -> Segmenter:
    """EncNet + JPU on ResNet-50 for 59 classes, random weights that neither grow nor shrink."""
    return conditioned(fastfcn(classes=59, head="enc", backbone="resnet50", aux=aux))


@dataclass(frozen=True)
class Inference:
    """Times, the largest difference of logits in units of the largest logit, and the share of equal labels."""

    times: Timings
    errors: dict[str, float]
    labels: dict[str, float]


def inference(*, size: int, repeats: int, compile: bool) -> Inference:
    """The official form, the network of the library, fused, compiled, ONNX Runtime, bfloat16.

    ONNX Runtime runs the unfused network's file, with as many threads; it is left out where it is not installed,
    bfloat16 where the processor has no instructions for it.
    """
    model, image = network(), torch.randn(1, 3, size, size)
    official, fused = Official(model), fuse(model)
    tasks: dict[str, Callable[[], Tensor]] = {
        OFFICIAL: lambda: official(image).logits,
        "library, unfused": lambda: model(image).logits,
        "fused": lambda: fused(image).logits,
    }
    if compile:
        compiled = fuse(model, compile=True)
        tasks["fused, compiled"] = lambda: compiled(image).logits
    if has_bfloat16():
        halved = fuse(model, dtype=torch.bfloat16)
        tasks["fused, bfloat16"] = lambda: halved(image).logits
    if (session := _onnx_session(model)) is not None:
        tasks["ONNX Runtime"] = lambda: torch.from_numpy(session.run(None, {"image": image.numpy()})[0])
    with torch.no_grad():
        want = tasks[OFFICIAL]()
        errors, same = {}, {}
        for name, task in tasks.items():
            got = task()
            errors[name] = ((got - want).abs().max() / want.abs().max()).item()
            same[name] = (got.argmax(1) == want.argmax(1)).float().mean().item()
        return Inference(time_in_turn(tasks, repeats=repeats, warmup=1), errors, same)


def _onnx_session(model: Segmenter) -> object | None:
    try:
        import onnxruntime
    except ImportError:
        return None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    with tempfile.TemporaryDirectory() as folder:
        path = to_onnx(model, Path(folder) / "network.onnx")
        return onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])


def peak_mib(*, size: int) -> dict[str, float]:
    """The most memory over the model in one inference, counted on the meta device."""
    image = torch.empty(1, 3, size, size, device="meta")
    with torch.device("meta"):
        model = network()
    fused = fuse(model)
    models = {OFFICIAL: Official(model), "library, unfused": model, "fused": fused, "fused, labels": fused.labels}
    return {name: peak_inference_bytes(m, image) / MIB for name, m in models.items()}


def twins(group: str, *, size: int, repeats: int) -> Timings:
    """A dilated network and its FastFCN, both fused."""
    image = torch.randn(1, 3, size, size)
    models = {name: fuse(conditioned(make())) for name, make in list(GROUPS[group].items())[:2]}
    return time_in_turn({name: lambda m=m: m(image) for name, m in models.items()}, repeats=repeats, warmup=1)


@dataclass(frozen=True)
class EncodingCost:
    """The Encoding layer alone: seconds forward, forward and backward, and MiB kept for the backward pass."""

    forward: Timings
    both: Timings
    kept_mib: dict[str, float]


def encoding(*, size: int, repeats: int) -> EncodingCost:
    """The layer on a map of 512 channels at stride 8, as two matrix products and with every residual formed."""
    ours = Encoding(512, 32)
    layers = {OFFICIAL: SpelledOutEncoding(ours), "two products": ours}
    x = torch.randn(1, 512, size // 8, size // 8).relu()
    trained = x.clone().requires_grad_()

    def both(layer: nn.Module) -> Callable[[], object]:
        return lambda: torch.autograd.grad(layer(trained).sum(), [trained, ours.codewords, ours.scale])

    with torch.no_grad():
        forward = time_in_turn({n: lambda m=m: m(x) for n, m in layers.items()}, repeats=repeats, warmup=1)
    times = time_in_turn({n: both(m) for n, m in layers.items()}, repeats=repeats, warmup=1)
    on_meta = torch.empty_like(x, device="meta").requires_grad_()
    return EncodingCost(forward, times, {n: kept_for_backward(m, on_meta).mib for n, m in layers.items()})


def training(*, size: int, repeats: int) -> Timings:
    """One step (forward, the three losses, backward) with two images: the official form and ours.

    Ours is the library's network in channels-last, whose depthwise convolutions run by phases; in bfloat16 under
    autocast where the processor has it.
    """
    image, truth = torch.randn(2, 3, size, size), torch.randint(59, (2, size, size))
    model = network()
    official = Official(model).train()
    ours = model.train().to(memory_format=torch.channels_last)

    def step(net: nn.Module, x: Tensor, *, halved: bool = False) -> Callable[[], None]:
        def run() -> None:
            net.zero_grad(set_to_none=True)
            with torch.autocast("cpu", torch.bfloat16) if halved else nullcontext():
                out = net(x)
            loss = F.cross_entropy(out.logits.float(), truth) + 0.2 * F.cross_entropy(out.aux.float(), truth)
            (
                loss + 0.2 * F.binary_cross_entropy_with_logits(out.se.float(), torch.ones_like(out.se.float()))
            ).backward()

        return run

    last = image.contiguous(memory_format=torch.channels_last)
    tasks = {OFFICIAL: step(official, image), "library, channels-last": step(ours, last)}
    if has_bfloat16():
        tasks["library, channels-last, bfloat16"] = step(ours, last, halved=True)
    return time_in_turn(tasks, repeats=repeats, warmup=1)


def against_size(sizes: tuple[int, ...], *, repeats: int) -> dict[int, dict[str, float]]:
    """Median seconds of the fused EncNet-50 pair at each size."""
    models = {name: fuse(conditioned(make())) for name, make in list(GROUPS["EncNet-50"].items())[:2]}
    found = {}
    for size in sizes:
        image = torch.randn(1, 3, size, size)
        tasks = {name: lambda m=m, x=image: m(x) for name, m in models.items()}
        found[size] = time_in_turn(tasks, repeats=repeats, warmup=1).medians
    return found


def slope(seconds: dict[int, float]) -> float:
    """The exponent of seconds = constant * pixels ^ slope, by least squares on logarithms. 1 is proportional."""
    x = torch.tensor([float(size) ** 2 for size in seconds]).log()
    y = torch.tensor(list(seconds.values())).log()
    x, y = x - x.mean(), y - y.mean()
    return ((x * y).sum() / x.square().sum()).item()
