"""How other projects name the same weights: their keys, our keys, and what a checkpoint's shapes give away.

A table names modules in pairs, theirs and ours. A key is translated by its longest beginning in the table:
"jpu.conv5.0.weight" -> "neck.inputs.c5.conv" + ".weight". No number changes on the way. Two marks save lines:
    *   a convolution and its norm, which are 0 and 1 in a Sequential there, `conv` and `norm` of a ConvBNReLU here
    #   a number, which counts from 1 there and from 0 here

Source: the official FastFCN (pretrained, jpu, head, auxlayer) and torchvision (backbone, classifier, aux_classifier).
"""

from collections.abc import Mapping, Sequence
from itertools import product

from torch import Tensor

from jpu_edu.backbones.resnet import DEPTHS

State = Mapping[str, Tensor]

#: The JPU's, and that of each of the two parts of JPU_X.
NECK = """
    conv5.*                   inputs.c5.*
    conv4.*                   inputs.c4.*
    conv3.*                   inputs.c3.*
    conv_l.*                  low.*
    conv_h.*                  high.*
    dilation#.0.conv1         branches.#.separable.depthwise
    dilation#.0.bn            branches.#.separable.norm
    dilation#.0.pointwise     branches.#.separable.pointwise
    dilation#.1               branches.#.norm
"""
HEADS = {
    "fcn": "conv5.* block.*   conv5.4 classifier.1",
    "psp": """
        conv5.0.conv#.*       pyramid.levels.#.*
        conv5.1 block.conv    conv5.2 block.norm    conv5.5 classifier.1
    """,
    "aspp": """
        aspp.b0.*             aspp.point.*
        aspp.b#.*             aspp.branches.#.*
        aspp.b4.gap.1         aspp.image.conv
        aspp.b4.gap.2         aspp.image.norm
        aspp.project.*        aspp.project.*
        block.* block.*       block.4 classifier.1
    """,
    "enc": """
        conv5.*               block.*
        connect.0.*           laterals.0.*
        connect.1.*           laterals.1.*
        fusion.*              fusion.*
        encmodule.encoding.*  context.reduce.*
        encmodule.encoding.3  context.encoding
        encmodule.encoding.4  context.code_norm
        encmodule.fc.0        context.gate
        encmodule.selayer     context.presence
        conv6.1               classifier.1
    """,
}
TORCHVISION_HEADS = {
    "fcn": "* block.*   4 classifier.1",
    "aspp": """
        0.convs.0.*           aspp.point.*
        0.convs.#.*           aspp.branches.#.*
        0.convs.4.1           aspp.image.conv
        0.convs.4.2           aspp.image.norm
        0.project.*           aspp.project.*
        1 block.conv          2 block.norm          4 classifier.1
    """,
}
#: The last convolution of each official head, by which it is known.
LAST = {"head.conv5.4": "fcn", "head.conv5.5": "psp", "head.block.4": "aspp", "head.conv6.1": "enc"}


def _translate(state: State, parts: Sequence[tuple[str, str, str]]) -> dict[str, Tensor]:
    """Rename the keys; the tensors are not copied. The classifier of ImageNet (`fc`) is left behind.

    Args:
        parts: the name of a part there and here, and the table of what is in it; an empty one where all names agree.
    """
    places = {theirs: ours for theirs, ours, table in parts if not table}
    for theirs, ours, table in parts:
        words = table.split()
        lines = zip(words[::2], words[1::2], strict=True)
        for (a, b), (i, name), n in product(lines, enumerate(("conv", "norm")), range(4)):
            place = f"{theirs}.{a}".replace("*", str(i)).replace("#", str(n + 1))
            places[place] = f"{ours}.{b}".replace("*", name).replace("#", str(n))
    renamed = {}
    for key, tensor in state.items():
        if key.startswith("pretrained.fc."):
            continue
        prefix = key
        while prefix not in places:
            prefix, _, _ = prefix.rpartition(".")
            if not prefix:
                raise ValueError(f"weights: the key {key!r} belongs to no part of this network; is the file complete?")
        renamed[places[prefix] + key[len(prefix) :]] = tensor
    return renamed


def _begin(state: State) -> str:
    """What the keys begin with, for an error."""
    return f"the keys begin with {', '.join(sorted({key.split('.')[0] for key in state})[:8])}"


def _resnet_spec(state: State, prefix: str) -> dict:
    """Name, stem and width of the ResNet whose weights stand under `prefix`."""
    deep = f"{prefix}conv1.0.weight" in state
    stem = state.get(f"{prefix}conv1.0.weight" if deep else f"{prefix}conv1.weight")
    if stem is None or f"{prefix}layer4.0.conv1.weight" not in state:
        raise ValueError(f"weights: no ResNet under {prefix!r}; {_begin(state)}")
    kind = "bottleneck" if f"{prefix}layer1.0.conv3.weight" in state else "basic"
    blocks = tuple(
        1 + max(int(key[len(start) :].split(".")[0]) for key in state if key.startswith(start))
        for start in (f"{prefix}layer{i}." for i in (1, 2, 3, 4))
    )
    names = {depth: name for name, depth in DEPTHS.items()}
    if (kind, blocks) not in names:
        raise ValueError(f"weights: a ResNet with {blocks} {kind} blocks; known are {', '.join(names.values())}")
    return {"name": names[kind, blocks], "stem": "deep" if deep else "7x7", "width": stem.shape[0]}


def official(state: State) -> tuple[dict, dict[str, Tensor]]:
    """An official state dict: the builder with its arguments, and the weights under our names.

    Notice: depth, stem, neck, head, lateral, presence scores, auxiliary head and class count all show in keys
    and shapes. One thing does not: without a JPU the backbone was dilated, as in every official network without one.
    """
    if not any(key.startswith("pretrained.") for key in state):
        raise ValueError(
            f"load_fastfcn: not the official layout (pretrained.*, jpu.*, head.*, auxlayer.*); {_begin(state)}. "
            "torchvision's files go to load_torchvision, a backbone alone to load_backbone, our own to load"
        )
    last = next((key for key in LAST if f"{key}.weight" in state), None)
    if last is None:
        raise ValueError(f"load_fastfcn: no head that is known; looked for {', '.join(LAST)}; is the file whole?")
    head, classes = LAST[last], state[f"{last}.weight"].shape[0]
    wide = {"jpu.conv5.0.weight": "jpu", "jpu.jum_2.conv_l.0.weight": "jpu_x"}
    neck, width = next(((name, state[key].shape[0]) for key, name in wide.items() if key in state), ("none", None))
    architecture = {"classes": classes, "backbone": _resnet_spec(state, "pretrained.")}
    architecture["aux"] = "auxlayer.conv5.4.weight" in state
    lateral = "head.connect.0.0.weight" in state
    if head == "enc":
        architecture["se"] = "head.encmodule.selayer.weight" in state
    if neck == "none":
        builder = {"fcn": "dilated_fcn", "psp": "pspnet", "aspp": "deeplabv3", "enc": "encnet"}[head]
        architecture |= {"builder": builder, **({"lateral": lateral} if head == "enc" else {})}
    elif lateral:
        raise ValueError(
            "load_fastfcn: lateral connections behind a JPU; the official code adds maps of stride 8 and 16 there "
            "and stops, so this checkpoint has no outputs to reproduce"
        )
    else:
        architecture |= {"builder": "fastfcn", "head": head, "neck": neck, "width": width}
    necks = ("jpu", "neck", NECK), ("jpu.jum_1", "neck.first", NECK), ("jpu.jum_2", "neck.second", NECK)
    heads = ("head", "head", HEADS[head]), ("auxlayer", "aux_head", HEADS["fcn"])
    return architecture, _translate(state, [("pretrained", "backbone", ""), *necks, *heads])


def torchvision(state: State) -> tuple[dict, dict[str, Tensor]]:
    """fcn_resnet* or deeplabv3_resnet* of torchvision, as `official`. Notice: align_corners is False there."""
    if not any(key.startswith("backbone.") for key in state):
        raise ValueError("load_torchvision: no backbone.* keys; a backbone alone goes to load_backbone")
    if "classifier.4.weight" not in state:
        raise ValueError("load_torchvision: no classifier.4.weight; known are fcn_resnet* and deeplabv3_resnet*")
    head = "aspp" if "classifier.0.convs.0.0.weight" in state else "fcn"
    architecture = {
        "builder": "deeplabv3" if head == "aspp" else "dilated_fcn",
        "classes": state["classifier.4.weight"].shape[0],
        "backbone": _resnet_spec(state, "backbone."),
        "aux": "aux_classifier.4.weight" in state,
        "align_corners": False,
    }
    heads = ("classifier", "head", TORCHVISION_HEADS[head]), ("aux_classifier", "aux_head", TORCHVISION_HEADS["fcn"])
    return architecture, _translate(state, [("backbone", "backbone", ""), *heads])


def backbone(state: State) -> tuple[dict, dict[str, Tensor]]:
    """Name, stem and width of the backbone in any of these files, and its weights under our names."""
    if "features.0.weight" in state:
        name = "vgg16_bn" if "features.1.weight" in state else "vgg16"
        return {"name": name, "stem": None, "width": state["features.0.weight"].shape[0]}, _vgg(state)
    prefix = next((p for p in ("pretrained.", "backbone.") if any(key.startswith(p) for key in state)), "")
    inside = {key.removeprefix(prefix): tensor for key, tensor in state.items() if key.startswith(prefix)}
    return _resnet_spec(state, prefix), {k: tensor for k, tensor in inside.items() if not k.startswith("fc.")}


def _vgg(state: State) -> dict[str, Tensor]:
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
