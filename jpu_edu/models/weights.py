"""Weights from elsewhere, and our own checkpoints. A file tells which network it belongs to; no flags.

    load_fastfcn       the official FastFCN's checkpoints        -> Segmenter
    load_torchvision   torchvision's fcn_resnet*, deeplabv3_*    -> Segmenter
    load_backbone      a ResNet or VGG-16 out of any of them     -> backbone
    imagenet           torchvision's ImageNet weights by name, downloaded and checked by hash
    save, load         our own: safetensors with the architecture, and the names of the classes, inside

Every loader returns a network in eval mode, in the dtype of the file, on the CPU.
"""

import errno
import json
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import safetensors
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from jpu_edu.backbones.by_name import make_backbone
from jpu_edu.data.classes import Classes
from jpu_edu.data.files import access, renamed
from jpu_edu.models import layouts
from jpu_edu.models.build import build
from jpu_edu.models.reading import Source, read, read_safetensors, readable
from jpu_edu.models.segmenter import Segmenter

#: GroupNorm is missing: its weights mean something else than BatchNorm's.
LoadNorm = Literal["batch", "frozen", "sync"]

HOST = "https://download.pytorch.org/models/"
#: torchvision's first ImageNet weights; the eight digits are the beginning of the file's sha256.
IMAGENET = {
    "resnet18": "resnet18-f37072fd.pth",
    "resnet34": "resnet34-b627a593.pth",
    "resnet50": "resnet50-0676ba61.pth",
    "resnet101": "resnet101-63fe2227.pth",
    "resnet152": "resnet152-394f9c45.pth",
    "vgg16": "vgg16-397923af.pth",
    "vgg16_bn": "vgg16_bn-6c64b313.pth",
}


def load_fastfcn(source: Source, *, norm: LoadNorm = "batch", into: Segmenter | None = None) -> Segmenter:
    """An official FastFCN checkpoint as our network, with the same outputs.

    Notice: which network it is, with which neck (JPU, JPU_X, or none: dilated) and head, is read from keys and shapes.

    Args:
        source: see `read`.
        norm: "batch"; "frozen" or "sync" for training on.
        into: a network to fill instead of a new one; it must be the same one.

    Raises:
        ValueError: another layout; for `into`, every difference and what to do.

    Source: wuhuikai/FastFCN; walkthrough 11.
    """
    return _fill(*layouts.official(read(source)), norm=norm, into=into)


def load_torchvision(source: Source, *, norm: LoadNorm = "batch", into: Segmenter | None = None) -> Segmenter:
    """torchvision's fcn_resnet50, fcn_resnet101, deeplabv3_resnet50 or deeplabv3_resnet101.

    Notice: 7x7 stem, and align_corners=False in every resize. Classes are VOC's 21 in the published files.

    Args:
        source, norm, into: as for `load_fastfcn`.

    Source: torchvision.models.segmentation; walkthrough 11.
    """
    return _fill(*layouts.torchvision(read(source)), norm=norm, into=into)


def load_backbone(source: Source, *, norm: LoadNorm = "batch", into: nn.Module | None = None) -> nn.Module:
    """The backbone alone: from an ImageNet file (either stem), or out of a whole network's checkpoint.

    Args:
        source: see `read`; torchvision's and PyTorch-Encoding's ResNets, torchvision's VGG-16, or a file that
            `load_fastfcn` or `load_torchvision` takes.
        norm: as for `load_fastfcn`.
        into: a backbone to fill instead of a new one.

    Raises:
        ValueError: no backbone in it; for `into`, which stem and depth the file has.
    """
    spec, state = layouts.backbone(read(source))
    if into is None:
        with torch.device("meta"):
            into = make_backbone(spec["name"], stem=spec["stem"], norm=norm, width=spec["width"])
    _assign(into, state, have=_words(spec), want=_words(getattr(into, "spec", None)))
    return into.eval()


def imagenet(name: str, *, norm: LoadNorm = "batch", progress: bool = True) -> nn.Module:
    """A backbone with torchvision's ImageNet weights, downloaded once and checked by hash.

    Notice: these have the 7x7 stem. The deep stem's ImageNet weights are no longer where the official code
    looked for them; a file that you have goes to `load_backbone`.

    Args:
        name: resnet18 to resnet152, vgg16, vgg16_bn.
        norm: as for `load_fastfcn`.
        progress: whether to show a bar while downloading.

    Raises:
        ValueError: a name without weights.
        RuntimeError: a file with another hash, from torch.
        urllib.error.URLError: no network.
    """
    if name not in IMAGENET:
        raise ValueError(f"imagenet: name={name!r}; choose one of {', '.join(IMAGENET)}, or load_backbone(file)")
    state = torch.hub.load_state_dict_from_url(
        HOST + IMAGENET[name], map_location="cpu", progress=progress, check_hash=True, weights_only=True
    )
    return load_backbone(state, norm=norm)


def save(model: Segmenter, path: str | Path) -> None:
    """Write weights, architecture and `model.classes` to one safetensors file; an interrupted run leaves the old one.

    Raises:
        ValueError: a network put together by hand, whose builder nobody knows; names for another number of classes.
    """
    if getattr(model, "architecture", None) is None or model.architecture["backbone"] is None:
        raise ValueError(
            f"save: this {type(model).__name__} does not know how it was built; make it with a function of "
            "models.build, and pass the backbone by name or from jpu_edu.backbones, not dilated. Or save "
            "model.state_dict() yourself"
        )
    metadata = {"jpu_edu": json.dumps(model.architecture)}
    if model.classes is not None:
        if len(model.classes) != model.architecture["classes"]:
            raise ValueError(
                f"save: model.classes names {len(model.classes)} classes, the network tells "
                f"{model.architecture['classes']}; set model.classes to the classes of its training set, or to None"
            )
        metadata["classes"] = json.dumps(asdict(model.classes))
    if model.crop is not None:
        metadata["crop"] = json.dumps(model.crop)
    path = Path(path)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    with access(path, "written"), renamed(path) as half:
        try:
            save_file(tensors, half, metadata=metadata)
            half.chmod(0o644)  # it writes for its owner's eyes alone
        except safetensors.SafetensorError as error:
            raise OSError(errno.EIO, str(error)) from error


def load(path: str | Path) -> Segmenter:
    """The network that `save` wrote, with its `classes` and `crop`, in eval mode. Nothing needs to be known about it.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a file of another origin.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"weights: no file {str(path)!r}")
    state, metadata = read_safetensors(Path(path))
    if "jpu_edu" not in metadata:
        raise ValueError(
            f"{path}: does not say which network it is; `save` writes that. "
            "Official checkpoints go to load_fastfcn, torchvision's to load_torchvision"
        )
    try:
        with torch.device("meta"):
            model = build(json.loads(metadata["jpu_edu"]))
        model.load_state_dict(state, assign=True)
        if "classes" in metadata:
            model.classes = _classes(json.loads(metadata["classes"]))
        if "crop" in metadata:
            model.crop = tuple(json.loads(metadata["crop"]))
    except (ValueError, TypeError, KeyError, AttributeError, RuntimeError) as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ValueError(f"{path}: holds no network as `save` writes it ({reason}); save it anew") from error
    return model.eval()


def is_ours(path: str | Path) -> bool:
    """Whether `save` wrote this file. Its header alone is read."""
    if Path(path).suffix != ".safetensors" or not Path(path).is_file():
        return False
    with readable(path), safetensors.safe_open(path, framework="pt") as file:
        return "jpu_edu" in (file.metadata() or {})


def _classes(record: dict) -> Classes:
    """From the lists that JSON keeps."""
    colours = tuple(tuple(colour) for colour in record["colours"])
    return Classes(names=tuple(record["names"]), colours=colours, void=tuple(record["void"]))


def _fill(architecture: dict, state: dict[str, Tensor], *, norm: str, into: Segmenter | None) -> Segmenter:
    """Build the network without initialising it, or take the one given, and put the weights in."""
    have = architecture | {"norm": norm, "backbone": architecture["backbone"] | {"norm": norm}}
    if into is None:
        with torch.device("meta"):
            into = build(have)
    _assign(into, state, have=_words(have), want=_words(into.architecture))
    return into.eval()


def _assign(model: nn.Module, state: dict[str, Tensor], *, have: str, want: str) -> None:
    """Load strictly. A new network takes copies of the tensors; a given one keeps its own, which an optimiser holds."""
    new = next(model.parameters()).is_meta
    try:
        model.load_state_dict({k: v.clone() for k, v in state.items()} if new else state, assign=new)
    except RuntimeError as error:
        raise ValueError(
            f"weights: the checkpoint does not fit. It holds {have}; the network is {want}. "
            "Leave out `into`, and the loader builds the network that fits; or build it with the checkpoint's numbers. "
            "For another number of classes take the backbone alone: load_backbone(checkpoint)"
        ) from error


def _words(architecture: dict | None) -> str:
    """An architecture in words: "fastfcn (head=enc, ...) on resnet50 (stem=deep, width=64), 59 classes"."""
    if architecture is None:
        return "one put together by hand"
    if "name" in architecture:
        stem = f"stem {architecture['stem']}, " if architecture["stem"] else ""
        return f"{architecture['name']} ({stem}width {architecture['width']})"
    names = ("head", "neck", "context", "lateral", "se", "aux")
    rest = ", ".join(f"{name}={architecture[name]}" for name in names if name in architecture)
    backbone = _words(architecture["backbone"])
    return f"{architecture['builder']} ({rest}) on {backbone}, {architecture['classes']} classes"
