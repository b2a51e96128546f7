"""Reading checkpoints safely, saying what a wrong one holds, and our own files that know their network."""

import hashlib
import json
import pickle

import numpy as np
import pytest
import safetensors
import torch
from torch import nn

from jpu_edu.backbones.by_name import BACKBONES
from jpu_edu.backbones.dilate import dilate
from jpu_edu.backbones.resnet import resnet18, resnet50
from jpu_edu.backbones.tiny import tiny
from jpu_edu.data.palettes import CAMVID, VOC
from jpu_edu.models import build, weights
from jpu_edu.ops.compare import compare
from tests.models import official
from tests.models.test_build import VARIANTS


def official_state(**change) -> dict[str, torch.Tensor]:
    """A whole official checkpoint of zeros: enough to be recognised."""
    arguments = {"neck": "jpu", "head": "fcn", "classes": 7} | change
    shapes = official.official_shapes("resnet50", **arguments)
    return {key: torch.zeros(1).expand(shape) if shape else torch.zeros(()) for key, shape in shapes.items()}


# Reading


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "the format of 2019"])
@pytest.mark.parametrize("module_name", ["numpy.core.multiarray", "numpy._core.multiarray"])
def test_a_checkpoint_with_a_numpy_number_is_read(tmp_path, zipped: bool, module_name: str, monkeypatch) -> None:
    """`best_pred` is a numpy float64, as in the official files, under either numpy's name."""
    scalar = np.float64(0).__reduce__()[0]
    monkeypatch.setattr(scalar, "__module__", module_name, raising=False)
    file = tmp_path / "checkpoint.pth.tar"
    content = {"epoch": 80, "state_dict": {"module.a": torch.ones(2)}, "optimizer": {}, "best_pred": np.float64(0.5)}
    torch.save(content, file, _use_new_zipfile_serialization=zipped)
    with pytest.raises(pickle.UnpicklingError):
        torch.load(file)
    assert list(weights.read(file)) == ["a"]
    with pytest.raises(pickle.UnpicklingError):  # the permission was for that one file
        torch.load(file)


@pytest.mark.parametrize("text", ["road 128 64 128\nsky\n", "hello 1\n", "background\nforeground\n"])
def test_any_text_is_refused_in_our_words(tmp_path, text: str) -> None:
    """To the unpickler it is a program, which fails with an IndexError, a KeyError, ..."""
    (tmp_path / "classes.txt").write_text(text)
    with pytest.raises(ValueError, match=r"classes.txt: these weights are damaged"):
        weights.read(tmp_path / "classes.txt")


def test_a_checkpoint_that_runs_code_is_refused(tmp_path) -> None:
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "trapped"), "w"))

    file = tmp_path / "trap.pth"
    torch.save({"state_dict": {"a": torch.ones(2)}, "best_pred": Trap()}, file)
    with pytest.raises(
        ValueError, match=r"trap.pth: these weights are damaged, or hold more than tensors alone"
    ) as refused:
        weights.read(file)
    assert not (tmp_path / "trapped").exists()
    assert "weights_only" not in str(refused.value), "torch's advice is to run the file"


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        ({}, ValueError, "no state dict"),
        ({"a": 1}, ValueError, "no state dict"),
        ("no.pth", FileNotFoundError, "no.pth"),
    ],
)
def test_what_is_no_checkpoint_is_said_to_be_none(content, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        weights.read(content)


# Recognising


def test_load_fastfcn_reads_files_and_leaves_the_state_dict_alone(tmp_path) -> None:
    state = {key: value.clone() for key, value in official_state().items()}
    torch.save({"state_dict": state, "best_pred": np.float64(0.5)}, tmp_path / "model.pth.tar")
    net = weights.load_fastfcn(tmp_path / "model.pth.tar", norm="frozen")
    assert net.architecture == {
        "builder": "fastfcn", "head": "fcn", "neck": "jpu", "width": 512, "se": True, "classes": 7, "norm": "frozen",
        "align_corners": True, "aux": True,
        "backbone": {"name": "resnet50", "stem": "deep", "width": 64, "norm": "frozen"},
    }  # fmt: skip
    again = weights.load_fastfcn(state)
    with torch.no_grad():
        again.head.block.conv.weight.fill_(1)
    assert not state["head.conv5.0.weight"].any()


def test_into_a_given_network_the_parameters_stay_the_optimisers() -> None:
    state = official_state(neck="none")
    net = build.dilated_fcn(classes=7)
    held = dict(net.named_parameters())
    assert weights.load_fastfcn(state, into=net) is net
    assert all(parameter is held[name] for name, parameter in net.named_parameters())
    assert not net.head.classifier[1].weight.any()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: build.fastfcn(classes=9, head="fcn"), ["7 classes; the network", "9 classes", "load_backbone"]),
        (lambda: build.fastfcn(classes=7, head="fcn", stem="7x7"), [r"resnet50 \(stem deep", r"resnet50 \(stem 7x7"]),
        (lambda: build.fastfcn(classes=7, head="fcn", backbone="resnet101"), [r"on resnet50", r"on resnet101"]),
        (lambda: build.fastfcn(classes=7, head="psp"), ["head=fcn", "head=psp"]),
    ],
)
def test_a_misfit_names_both_networks_and_the_remedy(make, words: list[str]) -> None:
    with torch.device("meta"):
        net = make()
    with pytest.raises(ValueError, match=".*".join(words)):
        weights.load_fastfcn(official_state(), into=net)


def without(prefix: str) -> dict[str, torch.Tensor]:
    return {key: value for key, value in official_state().items() if not key.startswith(prefix)}


@pytest.mark.parametrize(
    ("load", "state", "message"),
    [
        (weights.load_fastfcn, {"backbone.conv1.weight": torch.zeros(1)}, "keys begin with backbone.*load_torchvision"),
        (weights.load_fastfcn, without("head."), "no head that is known"),
        (weights.load_fastfcn, without("pretrained.layer4"), "no ResNet under 'pretrained.'"),
        (weights.load_fastfcn, without("pretrained.layer3.5"), r"\(3, 4, 5, 3\) bottleneck blocks; known are resnet18"),
        (
            weights.load_fastfcn,
            official_state() | {"head.new.weight": torch.zeros(1)},
            "'head.new.weight' belongs to no",
        ),
        (weights.load_fastfcn, without("jpu.dilation2"), "does not fit"),
        (weights.load_fastfcn, official_state(head="enc", lateral=True), "lateral connections behind a JPU"),
        (weights.load_torchvision, official_state(), "no backbone"),
        (weights.load_backbone, {"a.weight": torch.zeros(1)}, "no ResNet under ''; the keys begin with a"),
    ],
)
def test_a_file_that_does_not_fit_is_explained(load, state: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load(state)


# Backbones


@pytest.mark.parametrize("prefix", ["", "pretrained.", "backbone."])
@pytest.mark.parametrize("make", [resnet18, resnet50, tiny])
@pytest.mark.parametrize("stem", ["7x7", "deep"])
def test_a_backbone_is_found_in_any_layout(make, stem: str, prefix: str) -> None:
    net = make(stem=stem, width=8)
    state = {prefix + key: value for key, value in net.state_dict().items()}
    state |= {f"{prefix}fc.weight": torch.zeros(1000, 8), "other.weight": torch.zeros(1)} if prefix else {}
    loaded = weights.load_backbone(state, norm="frozen")
    x = torch.randn(1, 3, 40, 50)
    assert compare("c5", loaded(x).c5, net.eval()(x).c5).passed
    assert loaded.spec == net.spec | {"norm": "frozen"}


def test_a_backbone_that_does_not_fit_says_which_it_is() -> None:
    state = resnet18(width=8).state_dict()
    message = r"holds resnet18 \(stem 7x7, width 8\); the network is resnet18 \(stem deep, width 8\)"
    with pytest.raises(ValueError, match=message):
        weights.load_backbone(state, into=resnet18(stem="deep", width=8))


@pytest.mark.parametrize("norm", [False, True])
def test_vgg_from_torchvisions_layout_computes_the_classifier(norm: bool) -> None:
    """features.* and two Linear layers, run as torchvision runs them, against pixel (3, 3) of c5."""
    features, inside = [], 3
    for channels, convs in ((4, 2), (8, 2), (16, 3), (32, 3), (32, 3)):
        for _ in range(convs):
            features += [nn.Conv2d(inside, channels, 3, padding=1), *([nn.BatchNorm2d(channels)] if norm else [])]
            features.append(nn.ReLU())
            inside = channels
        features.append(nn.MaxPool2d(2))
    theirs = nn.ModuleDict(
        {
            "features": nn.Sequential(*features),
            "classifier": nn.Sequential(
                nn.Linear(32 * 49, 256), nn.ReLU(), nn.Dropout(), nn.Linear(256, 256), nn.ReLU(), nn.Dropout(),
                nn.Linear(256, 10),
            ),
        }
    ).double().eval()  # fmt: skip
    net = weights.load_backbone(theirs.state_dict())
    x = torch.randn(1, 3, 224, 224, dtype=torch.float64)
    with torch.no_grad():
        want = theirs["classifier"][:6](theirs["features"](x).flatten(1))
        assert compare("fc7", net(x).c5[:, :, 3, 3], want).passed
    assert net.spec["name"] == ("vgg16_bn" if norm else "vgg16")


def test_imagenet_downloads_by_name_and_checks_the_hash(tmp_path, monkeypatch) -> None:
    net = resnet18(width=8)
    torch.save(net.state_dict() | {"fc.weight": torch.zeros(1000, 64), "fc.bias": torch.zeros(1000)}, tmp_path / "f")
    digest = hashlib.sha256((tmp_path / "f").read_bytes()).hexdigest()[:8]
    (tmp_path / "f").rename(tmp_path / f"resnet18-{digest}.pth")
    (tmp_path / "resnet50-00000000.pth").write_bytes(b"something else")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(weights, "HOST", tmp_path.as_uri() + "/")
    files = {"resnet18": f"resnet18-{digest}.pth", "resnet50": "resnet50-00000000.pth"}
    monkeypatch.setattr(weights, "IMAGENET", files)
    x = torch.randn(1, 3, 40, 50)
    assert compare("c5", weights.imagenet("resnet18", progress=False)(x).c5, net.eval()(x).c5).passed
    with pytest.raises(RuntimeError, match="invalid hash"):
        weights.imagenet("resnet50", progress=False)
    with pytest.raises(ValueError, match="name='resnet5'; choose one of resnet18, resnet50"):
        weights.imagenet("resnet5")


def test_every_imagenet_name_is_a_backbone_and_carries_a_hash() -> None:
    for name, file in weights.IMAGENET.items():
        assert name in BACKBONES
        assert len(file.removeprefix(f"{name}-").removesuffix(".pth")) == 8


# Our own files


@pytest.mark.parametrize("name", VARIANTS)
def test_save_and_load_need_no_flags(tmp_path, name: str) -> None:
    builder, change = VARIANTS[name]
    net = builder(classes=4, backbone=tiny(width=8, stem="deep"), **change).eval()
    weights.save(net, tmp_path / "net.safetensors")
    again = weights.load(tmp_path / "net.safetensors")
    assert not again.training
    assert again.architecture == json.loads(json.dumps(net.architecture))
    assert all(torch.equal(again.state_dict()[key], value) for key, value in net.state_dict().items())
    x = torch.randn(1, 3, 33, 50)
    assert torch.equal(again(x).logits, net(x).logits)
    again.train()(torch.randn(2, 3, 64, 64)).logits.mean().backward()


def test_the_names_and_colours_of_the_classes_travel_along(tmp_path) -> None:
    net = build.fcn32s(classes=11, backbone="tiny")
    weights.save(net, tmp_path / "unnamed.safetensors")
    assert weights.load(tmp_path / "unnamed.safetensors").classes is None
    net.classes = CAMVID
    weights.save(net, tmp_path / "named.safetensors")
    assert weights.load(tmp_path / "named.safetensors").classes == CAMVID
    net.classes = VOC
    with pytest.raises(ValueError, match=r"model\.classes names 21 classes, the network tells 11"):
        weights.save(net, tmp_path / "named.safetensors")
    assert weights.load(tmp_path / "named.safetensors").classes == CAMVID


def test_the_dtype_is_kept(tmp_path) -> None:
    net = build.fcn32s(classes=2, backbone="tiny").double()
    weights.save(net.to(memory_format=torch.channels_last), tmp_path / "net.safetensors")
    assert {p.dtype for p in weights.load(tmp_path / "net.safetensors").parameters()} == {torch.float64}


def test_an_interrupted_save_leaves_the_old_file(tmp_path, monkeypatch) -> None:
    file = tmp_path / "net.safetensors"
    weights.save(build.fcn32s(classes=2, backbone="tiny"), file)
    before = file.read_bytes()

    def half(tensors: dict, path: str, metadata: dict) -> None:
        with open(path, "wb") as out:
            out.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(weights, "save_file", half)
    with pytest.raises(KeyboardInterrupt):
        weights.save(build.fcn32s(classes=2, backbone="tiny"), file)
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["net.safetensors"]


def test_a_network_without_a_record_is_not_saved(tmp_path) -> None:
    net = build.fcn32s(classes=2, backbone="tiny")
    by_hand = type(net)(backbone=net.backbone, neck=net.neck, head=net.head)
    dilated = build.pspnet(classes=2, backbone=dilate(tiny()))
    for unknown in (by_hand, dilated):
        with pytest.raises(ValueError, match=r"does not know how it was built.*models\.build"):
            weights.save(unknown, tmp_path / "net.safetensors")
    assert not list(tmp_path.iterdir())


def test_a_foreign_file_is_not_loaded(tmp_path) -> None:
    safetensors.torch.save_file({"a": torch.zeros(1)}, tmp_path / "a.safetensors")
    with pytest.raises(ValueError, match=r"does not say which network it is.*load_fastfcn"):
        weights.load(tmp_path / "a.safetensors")
    with pytest.raises(FileNotFoundError):
        weights.load(tmp_path / "b.safetensors")


@pytest.mark.parametrize(
    "metadata",
    [
        {"jpu_edu": "{"},
        {"jpu_edu": "[1]"},
        {"jpu_edu": '{"builder": "fcn32s", "classes": 3}'},
        {"jpu_edu": '{"builder": "fcn32s", "classes": 3, "colour": 1, "backbone": null}'},
        {"classes": '{"names": ["one"]}'},
        {"jpu_edu": '{"builder": "system"}'},
    ],
)
def test_a_file_whose_description_is_no_network_is_named(tmp_path, metadata: dict[str, str]) -> None:
    model = build.fcn32s(classes=3, backbone="tiny")
    about = {"jpu_edu": json.dumps(model.architecture)} | metadata
    safetensors.torch.save_file(model.state_dict(), tmp_path / "a.safetensors", metadata=about)
    with pytest.raises(ValueError, match=r"a.safetensors: holds no network as `save` writes it .*; save it anew"):
        weights.load(tmp_path / "a.safetensors")


def test_an_onnx_file_is_told_apart_from_a_damaged_one(tmp_path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"\x08\x0a")
    with pytest.raises(ValueError, match=r"net.onnx: an ONNX file, which onnxruntime runs; give the .safetensors"):
        weights.read(tmp_path / "net.onnx")


@pytest.mark.parametrize("name", ["half.safetensors", "half.pth"])
def test_half_a_file_is_said_to_be_damaged(tmp_path, name: str) -> None:
    model = build.fcn32s(classes=3, backbone="tiny")
    weights.save(model, tmp_path / "whole.safetensors")
    torch.save(model.state_dict(), tmp_path / "whole.pth")
    (tmp_path / name).write_bytes((tmp_path / name.replace("half", "whole")).read_bytes()[:3000])
    with pytest.raises(ValueError, match=f"{name}: these weights are damaged.* Copy the file again"):
        weights.read(tmp_path / name)


def test_saving_names_a_place_that_is_not_there_and_others_may_read_what_is_saved(tmp_path) -> None:
    model = build.fcn32s(classes=3, backbone="tiny")
    with pytest.raises(OSError, match=r"nowhere/a.safetensors: cannot be written .*; name a place"):
        weights.save(model, tmp_path / "nowhere" / "a.safetensors")
    weights.save(model, tmp_path / "a.safetensors")
    assert (tmp_path / "a.safetensors").stat().st_mode & 0o777 == 0o644
