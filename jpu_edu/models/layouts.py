"""How other projects name the same weights: their keys, our keys, and what a checkpoint's shapes give away.

A layout is a table {their module: our module}. A key is translated by its longest prefix in the table:
"jpu.conv5.0.weight" -> "neck.inputs.c5.conv" + ".weight". No number changes on the way.

Source: the official FastFCN (pretrained, jpu, head, auxlayer) and torchvision (backbone, classifier, aux_classifier).
"""

from collections.abc import Mapping, Sequence

from torch import Tensor

from jpu_edu.backbones.resnet import DEPTHS

Layout = dict[str, str]
State = Mapping[str, Tensor]


def _under(theirs: str, ours: str, table: Layout) -> Layout:
    """The table of a part, placed below its names in the whole network."""
    return {f"{theirs}.{a}": f"{ours}.{b}" for a, b in table.items()}


def _pair(theirs: str, ours: str) -> Layout:
    """Sequential(conv, norm, ReLU) there, ConvBNReLU here."""
    return {f"{theirs}.0": f"{ours}.conv", f"{theirs}.1": f"{ours}.norm"}


def _pairs(theirs: Sequence[str], ours: str) -> Layout:
    """Several of them, which have names there and numbers here."""
    return {k: v for i, name in enumerate(theirs) for k, v in _pair(name, f"{ours}.{i}").items()}


def _branches(count: int) -> Layout:
    inside = {
        "0.conv1": "separable.depthwise",
        "0.bn": "separable.norm",
        "0.pointwise": "separable.pointwise",
        "1": "norm",
    }
    return {k: v for i in range(count) for k, v in _under(f"dilation{i + 1}", f"branches.{i}", inside).items()}


_JUM = _pair("conv_l", "low") | _pair("conv_h", "high") | _branches(3)
_FCN = {"0": "block.conv", "1": "block.norm", "4": "classifier.1"}

NECKS: dict[str, Layout] = {
    "jpu": _pair("conv5", "inputs.c5") | _pair("conv4", "inputs.c4") | _pair("conv3", "inputs.c3") | _branches(4),
    "jpu_x": _under("jum_1", "first", _JUM) | _under("jum_2", "second", _JUM),
    "none": {},
}
HEADS: dict[str, Layout] = {
    "fcn": {f"conv5.{a}": b for a, b in _FCN.items()},
    "psp": _pairs(["conv5.0.conv1", "conv5.0.conv2", "conv5.0.conv3", "conv5.0.conv4"], "pyramid.levels")
    | {"conv5.1": "block.conv", "conv5.2": "block.norm", "conv5.5": "classifier.1"},
    "aspp": _pair("aspp.b0", "aspp.point")
    | _pairs(["aspp.b1", "aspp.b2", "aspp.b3"], "aspp.branches")
    | {"aspp.b4.gap.1": "aspp.image.conv", "aspp.b4.gap.2": "aspp.image.norm"}
    | _pair("aspp.project", "aspp.project")
    | {"block.0": "block.conv", "block.1": "block.norm", "block.4": "classifier.1"},
    "enc": _pair("conv5", "block")
    | _pairs(["connect.0", "connect.1"], "laterals")
    | _pair("fusion", "fusion")
    | _pair("encmodule.encoding", "context.reduce")
    | {
        "encmodule.encoding.3": "context.encoding",
        "encmodule.encoding.4": "context.code_norm",
        "encmodule.fc.0": "context.gate",
        "encmodule.selayer": "context.presence",
        "conv6.1": "classifier.1",
    },
}
TORCHVISION_HEADS: dict[str, Layout] = {
    "fcn": _FCN,
    "aspp": _pair("0.convs.0", "aspp.point")
    | _pairs(["0.convs.1", "0.convs.2", "0.convs.3"], "aspp.branches")
    | {"0.convs.4.1": "aspp.image.conv", "0.convs.4.2": "aspp.image.norm"}
    | _pair("0.project", "aspp.project")
    | {"1": "block.conv", "2": "block.norm", "4": "classifier.1"},
}


def official_layout(*, neck: str, head: str) -> Layout:
    """The whole official network: pretrained, jpu, head, auxlayer."""
    return (
        {"pretrained": "backbone"}
        | _under("jpu", "neck", NECKS[neck])
        | _under("head", "head", HEADS[head])
        | _under("auxlayer", "aux_head", HEADS["fcn"])
    )


def torchvision_layout(*, head: str) -> Layout:
    """torchvision's segmentation networks: backbone, classifier, aux_classifier."""
    return (
        {"backbone": "backbone"}
        | _under("classifier", "head", TORCHVISION_HEADS[head])
        | _under("aux_classifier", "aux_head", TORCHVISION_HEADS["fcn"])
    )


def translate(state: State, layout: Layout) -> dict[str, Tensor]:
    """Rename the keys. The classifier of ImageNet (`fc`) is left behind; the tensors are not copied.

    Raises:
        ValueError: a key without a place in the layout.
    """
    renamed = {}
    for key, tensor in state.items():
        if key in ("pretrained.fc.weight", "pretrained.fc.bias"):
            continue
        parts = key.split(".")
        prefixes = (".".join(parts[:n]) for n in range(len(parts) - 1, 0, -1))
        prefix = next((p for p in prefixes if p in layout), None)
        if prefix is None:
            raise ValueError(f"weights: the key {key!r} belongs to no part of this network; is the file complete?")
        renamed[layout[prefix] + key[len(prefix) :]] = tensor
    return renamed


def resnet_spec(state: State, prefix: str = "") -> dict:
    """Name, stem and width of the ResNet whose weights stand under `prefix`.

    Raises:
        ValueError: no ResNet, or one of a depth that is none of ours.
    """
    deep = f"{prefix}conv1.0.weight" in state
    stem_key = f"{prefix}conv1.0.weight" if deep else f"{prefix}conv1.weight"
    if stem_key not in state or f"{prefix}layer4.0.conv1.weight" not in state:
        heads = sorted({key.split(".")[0] for key in state})
        raise ValueError(f"weights: no ResNet under {prefix!r}; the keys begin with {', '.join(heads[:8])}")
    kind = "bottleneck" if f"{prefix}layer1.0.conv3.weight" in state else "basic"
    blocks = tuple(
        1 + max(int(key[len(start) :].split(".")[0]) for key in state if key.startswith(start))
        for start in (f"{prefix}layer{i}." for i in (1, 2, 3, 4))
    )
    names = {depth: name for name, depth in DEPTHS.items()}
    if (kind, blocks) not in names:
        raise ValueError(f"weights: a ResNet with {blocks} {kind} blocks; known are {', '.join(names.values())}")
    return {"name": names[kind, blocks], "stem": "deep" if deep else "7x7", "width": state[stem_key].shape[0]}


def official_architecture(state: State) -> tuple[dict, Layout]:
    """Read the network off an official state dict: the builder with its arguments, and the layout.

    Notice: depth, stem, neck, head, lateral, presence scores, auxiliary head and class count all show in keys
    and shapes. No flag has to be remembered. One thing does not show: without a JPU the backbone was
    dilated, as every official network without one is.

    Raises:
        ValueError: keys of another project, or a head that the official code cannot run.
    """
    if not any(key.startswith("pretrained.") for key in state):
        raise ValueError(
            "load_fastfcn: not the official layout (pretrained.*, jpu.*, head.*, auxlayer.*); the keys begin with "
            f"{', '.join(sorted({key.split('.')[0] for key in state})[:8])}. torchvision's files go to "
            "load_torchvision, a backbone alone to load_backbone, our own to load"
        )
    neck = _first(state, {"jpu.conv5.0.weight": "jpu", "jpu.jum_1.conv_l.0.weight": "jpu_x"}, "none")
    last = {
        "head.conv6.1.weight": "enc",
        "head.block.4.weight": "aspp",
        "head.conv5.5.weight": "psp",
        "head.conv5.4.weight": "fcn",
    }
    head = _first(state, last, None)
    if head is None:
        raise ValueError(f"load_fastfcn: no head that is known; looked for {', '.join(last)}; is the file whole?")
    classes = next(state[key].shape[0] for key in last if key in state)
    shared = {
        "classes": classes,
        "backbone": resnet_spec(state, "pretrained."),
        "aux": "auxlayer.conv5.4.weight" in state,
    }
    enc = {"se": "head.encmodule.selayer.weight" in state} if head == "enc" else {}
    lateral = "head.connect.0.0.weight" in state
    if neck == "none":
        builder = {"fcn": "dilated_fcn", "psp": "pspnet", "aspp": "deeplabv3", "enc": "encnet"}[head]
        architecture = {"builder": builder, **shared, **enc, **({"lateral": lateral} if enc else {})}
    elif lateral:
        raise ValueError(
            "load_fastfcn: lateral connections behind a JPU; the official code adds maps of stride 8 and 16 there "
            "and stops, so this checkpoint has no outputs to reproduce"
        )
    else:
        width_key = {"jpu": "jpu.conv5.0.weight", "jpu_x": "jpu.jum_2.conv_l.0.weight"}[neck]
        width = state[width_key].shape[0]
        architecture = {"builder": "fastfcn", "head": head, "neck": neck, "width": width, **shared, **enc}
    return architecture, official_layout(neck=neck, head=head)


def torchvision_architecture(state: State) -> tuple[dict, Layout]:
    """Read fcn_resnet* or deeplabv3_resnet* off torchvision's state dict. Notice: align_corners is False there.

    Raises:
        ValueError: keys of another project.
    """
    if not any(key.startswith("backbone.") for key in state):
        raise ValueError("load_torchvision: no backbone.* keys; a backbone alone goes to load_backbone")
    head = "aspp" if "classifier.0.convs.0.0.weight" in state else "fcn"
    if "classifier.4.weight" not in state:
        raise ValueError("load_torchvision: no classifier.4.weight; known are fcn_resnet* and deeplabv3_resnet*")
    architecture = {
        "builder": "deeplabv3" if head == "aspp" else "dilated_fcn",
        "classes": state["classifier.4.weight"].shape[0],
        "backbone": resnet_spec(state, "backbone."),
        "aux": "aux_classifier.4.weight" in state,
        "align_corners": False,
    }
    return architecture, torchvision_layout(head=head)


def _first(state: State, names: dict[str, str], default: str | None) -> str | None:
    return next((name for key, name in names.items() if key in state), default)


def vgg_state(state: State) -> dict[str, Tensor]:
    """torchvision's VGG-16 as ours: `features` cut into five stages, two Linear layers as convolutions.

    Notice: the third Linear, to ImageNet's 1000 classes, is left behind.
    """
    norm = "features.1.weight" in state
    lengths = [(3 if norm else 2) * convs + 1 for convs in (2, 2, 3, 3, 3)]
    renamed = {}
    for key, tensor in state.items():
        parts = key.split(".")
        if len(parts) != 3 or not parts[1].isdecimal():
            raise ValueError(f"weights: the key {key!r} belongs to no VGG of torchvision; is it another network?")
        module, index, name = parts
        place = int(index)
        if module == "features":
            stage = next(i for i in range(5) if place < sum(lengths[: i + 1]))
            renamed[f"stage{stage + 1}.{place - sum(lengths[:stage])}.{name}"] = tensor
        elif place in (0, 3):
            top = tensor.shape[0]
            kernel = (top, -1, 7, 7) if place == 0 else (top, -1, 1, 1)
            renamed[f"fc{6 + place // 3}.0.{name}"] = tensor.reshape(kernel) if name == "weight" else tensor
    return renamed
