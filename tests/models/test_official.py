"""load_fastfcn and load_torchvision: the reference's outputs, for every network that it can build."""

import functools
import itertools
import json

import numpy as np
import pytest
import torch
from torch import Tensor

from jpu_edu.layers.features import Features, SegOutput
from jpu_edu.models.weights import load_backbone, load_fastfcn, load_torchvision
from jpu_edu.ops.compare import max_error
from tests.models import official
from tests.reference import FOLDER

DEPTHS = ("resnet50", "resnet101")
COMBINATIONS = list(itertools.product(DEPTHS, ("none", "jpu", "jpu_x"), ("enc", "psp", "aspp", "fcn")))
SIZES = ((96, 96), (97, 129))
LIMIT = {torch.float64: 1e-9, torch.float32: 1e-4}


@functools.cache
@torch.no_grad()
def maps(name: str, dilated: bool, size: tuple[int, int]) -> list[Tensor]:
    """The reference's backbone, in float64, once for all heads and necks."""
    state = official.filled_state(official.resnet_shapes(name, stem="deep", prefix="pretrained."), torch.float64)
    return official.resnet(state, "pretrained.", official.golden_input(*size), name, dilated=dilated)


def check(got: SegOutput, want: dict[str, Tensor], limit: float) -> None:
    assert (got.se is not None) == ("se" in want)
    for name, tensor in want.items():
        assert max_error(getattr(got, name).double(), tensor.double()) <= limit, name


@torch.no_grad()
@pytest.mark.parametrize(("name", "neck", "head"), COMBINATIONS)
def test_every_official_network_has_the_same_outputs(name: str, neck: str, head: str) -> None:
    """Each is recognised without a flag, and agrees at an even and an odd size.

    The whole network in float32; neck and heads in float64 on the reference's maps. The backbone in float64
    is the next test.
    """
    state = official.filled_state(official.official_shapes(name, neck=neck, head=head, classes=59))
    model, wants = load_fastfcn(state), {}
    assert not model.training
    exact = official.cast({k: v for k, v in state.items() if not k.startswith("pretrained.")}, torch.float64)
    for size in SIZES:
        x, features = official.golden_input(*size), maps(name, neck == "none", size)
        wants[size] = official.official_outputs(exact, x, features, neck=neck, head=head)
        check(model(x.float(), aux=True), wants[size], 1e-4)
    model.neck.double(), model.head.double(), model.aux_head.double()
    for size in SIZES:
        features = Features(official.golden_input(*size), *maps(name, neck == "none", size))
        model.backbone.forward = lambda x, features=features: features
        check(model(features.c1, aux=True), wants[size], 1e-9)


@torch.no_grad()
@pytest.mark.parametrize("neck", ["jpu", "none"])
@pytest.mark.parametrize("name", DEPTHS)
def test_the_backbone_in_float64_has_the_same_maps(name: str, neck: str) -> None:
    shapes = official.official_shapes(name, neck=neck, head="fcn", classes=2)
    backbone = load_fastfcn(official.filled_state(shapes, torch.float64)).backbone
    for size in SIZES:
        for got, want in zip(backbone(official.golden_input(*size))[1:], maps(name, neck == "none", size), strict=True):
            assert max_error(got, want) <= 1e-9


@torch.no_grad()
@pytest.mark.parametrize(
    ("name", "neck", "head", "change"),
    [
        ("resnet50", "none", "enc", {"lateral": True}),
        ("resnet50", "jpu", "fcn", {"stem": "7x7", "aux": False, "classes": 21}),
    ],
    ids=["lateral", "7x7 without aux"],
)
def test_lateral_connections_other_stem_and_missing_aux_are_recognised(
    name: str, neck: str, head: str, change: dict
) -> None:
    shapes = official.official_shapes(name, neck=neck, head=head, **{"classes": 5} | change)
    state, x = official.filled_state(shapes, torch.float64), official.golden_input(97, 65)
    model = load_fastfcn(state)
    features = official.resnet(state, "pretrained.", x, name, dilated=neck == "none")
    want = official.official_outputs(state, x, features, neck=neck, head=head)
    check(model(x, aux="aux" in want), want, 1e-9)
    assert (model.aux_head is None) == ("aux" not in want)


@torch.no_grad()
@pytest.mark.parametrize("head", ["fcn", "aspp"])
def test_torchvisions_networks_have_the_same_outputs(head: str) -> None:
    """Both at ResNet-50 in float64 at two sizes, and at ResNet-101 in float32."""
    for name, dtype, sizes in (("resnet50", torch.float64, SIZES), ("resnet101", torch.float32, SIZES[1:])):
        state = official.filled_state(official.torchvision_shapes(name, head=head, classes=21), dtype)
        model = load_torchvision(state)
        for size in sizes:
            x = official.golden_input(*size, dtype)
            check(model(x, aux=True), official.torchvision_outputs(state, x, name, head=head), LIMIT[dtype])


# Recorded from the reference itself


@functools.cache
def recorded(run: str) -> tuple[dict, dict, dict]:
    """The recorded subsamples and whole-map statistics, and the state dict that they were made with (rule B)."""
    keys = json.loads((FOLDER / f"keys_{run}.json").read_text())
    statistics = json.loads((FOLDER / f"golden_{run}.json").read_text())["runs"]
    with np.load(FOLDER / f"golden_{run}.npz") as file:
        return dict(file), statistics, official.filled_state({key: tuple(shape) for key, shape, _ in keys})


#: Steps on (C, H, W) between the recorded values; at 480 x 480 five times as long in H and W.
STEPS = {
    "logits": (7, 9, 9), "aux": (7, 9, 9), "lowres": (7, 2, 2), "c3": (31, 3, 3), "c4": (61, 2, 2), "c5": (97, 1, 1),
    "jpu": (61, 3, 3), "layer1": (13, 5, 5), "layer2": (31, 3, 3), "layer3": (61, 2, 2), "layer4": (97, 1, 1),
    "fc": (7,), "se": (1,),
}  # fmt: skip


def check_recorded(run: str, size: tuple[int, int], got: dict[str, Tensor], limit: float) -> None:
    """Every recorded float64 value, and mean, spread and extremes of the whole map between them."""
    arrays, statistics, _ = recorded(run)
    name = f"B_{size[0]}x{size[1]}_f64"
    assert set(statistics[name]) == set(got)
    for part, tensor in got.items():
        tensor, whole = tensor.double(), statistics[name][part]
        assert list(tensor.shape) == whole["shape"]
        c, *steps = STEPS[part]
        h, w = (step * (5 if size == (480, 480) else 1) for step in steps or (1, 1))
        some = tensor[:, ::c, ::h, ::w] if steps else tensor[:, ::c]
        assert max_error(some, torch.from_numpy(arrays[f"{name}__{part}"])) <= limit, (name, part)
        summary = torch.stack([tensor.mean(), tensor.std(correction=0), tensor.min(), tensor.max()])
        wanted = torch.tensor([whole[key] for key in ("mean", "std", "min", "max")], dtype=torch.float64)
        assert max_error(summary, wanted) <= 10 * limit, (name, part, summary, wanted)


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_encnet_with_jpu_equals_the_recorded_official_network(dtype: torch.dtype) -> None:
    model = load_fastfcn(recorded("encnet_jpu_resnet50")[2]).to(dtype)
    for size in (*SIZES, (480, 480)) if dtype == torch.float32 else SIZES:
        x = official.golden_input(*size, dtype)
        features = model.backbone(x)
        y = model.neck(features)
        out = model(x, aux=True)
        got = {"c3": features.c3, "c4": features.c4, "c5": features.c5, "jpu": y, "logits": out.logits, "se": out.se}
        got |= {"aux": out.aux, "lowres": model.head(y, features).logits}
        check_recorded("encnet_jpu_resnet50", size, got, LIMIT[dtype])


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_7x7_resnet_equals_the_recorded_torchvision_network(dtype: torch.dtype) -> None:
    state = recorded("torchvision_resnet50")[2]
    net = load_backbone(state).to(dtype)
    for size in SIZES:
        maps = net(official.golden_input(*size, dtype))
        got = {f"layer{i}": maps[i] for i in (1, 2, 3, 4)}
        got["fc"] = maps.c5.mean((2, 3)) @ state["fc.weight"].to(dtype).T + state["fc.bias"].to(dtype)
        check_recorded("torchvision_resnet50", size, got, LIMIT[dtype])


def test_the_restatement_has_the_recorded_keys() -> None:
    """The shapes of `official.py`, from which all the other networks are made, are those of the real thing."""
    want = json.loads((FOLDER / "keys_encnet_jpu_resnet50.json").read_text())
    shapes = official.official_shapes("resnet50", neck="jpu", head="enc", classes=59)
    assert {key: tuple(shape) for key, shape, _ in want} == shapes
    want = json.loads((FOLDER / "keys_torchvision_resnet50.json").read_text())
    assert {key: tuple(shape) for key, shape, _ in want} == official.resnet_shapes("resnet50", stem="7x7")


@pytest.mark.parametrize(("name", "neck", "head"), COMBINATIONS)
def test_the_restatement_has_the_recorded_number_of_parameters(name: str, neck: str, head: str) -> None:
    rows = json.loads((FOLDER / "macs_params.json").read_text())["rows"]
    theirs = {"enc": "encnet", "aspp": "deeplab"}.get(head, head)
    row = rows[f"{theirs}_{name}_{({'none': 'dilated', 'jpu': 'JPU', 'jpu_x': 'JPU_X'})[neck]}"]
    shapes = official.official_shapes(name, neck=neck, head=head, classes=59)
    assert official.parameters(shapes) == row["params"]["total"]
