"""ResNets: five maps at their strides for every size, torchvision's names, and the published parameter counts."""

import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from jpu_edu.backbones.resnet import ResNet, resnet18, resnet34, resnet50, resnet101, resnet152
from jpu_edu.backbones.tiny import tiny

BUILDERS = {f.__name__: f for f in (resnet18, resnet34, resnet50, resnet101, resnet152)}


@given(height=st.integers(32, 70), width=st.integers(32, 70), stem=st.sampled_from(["7x7", "deep"]))
def test_every_map_has_the_image_size_over_its_stride_rounded_up(height: int, width: int, stem: str) -> None:
    net = tiny(width=4, stem=stem).eval()
    for x, channels, stride in zip(net(torch.randn(1, 3, height, width)), net.channels, net.strides, strict=True):
        assert x.shape == (1, channels, -(-height // stride), -(-width // stride))


@pytest.mark.parametrize("name", BUILDERS)
@pytest.mark.parametrize("stem", ["7x7", "deep"])
def test_attributes_state_what_comes_out(name: str, stem: str) -> None:
    with torch.device("meta"):
        net = BUILDERS[name](stem=stem)
        maps = net(torch.empty(2, 3, 97, 64))
    assert [m.shape[1] for m in maps] == list(net.channels)
    assert [-(-97 // s) for s in net.strides] == [m.shape[2] for m in maps]
    assert net.spec == {"name": name, "stem": stem, "norm": "batch", "width": 64}


@pytest.mark.parametrize(
    ("name", "with_fc"),
    [("resnet18", 11_689_512), ("resnet34", 21_797_672), ("resnet50", 25_557_032), ("resnet101", 44_549_160),
     ("resnet152", 60_192_808)],
)  # fmt: skip
def test_parameters_and_the_classifier_make_torchvisions_count(name: str, with_fc: int) -> None:
    with torch.device("meta"):
        net = BUILDERS[name]()
    classifier = 1000 * net.channels[-1] + 1000
    assert sum(p.numel() for p in net.parameters()) + classifier == with_fc


def test_the_deep_stem_adds_what_its_three_convolutions_weigh() -> None:
    counts = []
    with torch.device("meta"):
        for stem in ("7x7", "deep"):
            counts.append(sum(p.numel() for p in resnet50(stem=stem).parameters()))
    stem = 64 * 3 * 9 + 64 * 64 * 9 + 128 * 64 * 9 + 2 * (64 + 64 + 128)
    wider_first_block = 64 * (64 + 256)  # layer1.0.conv1 and its shortcut read 128 channels, not 64
    assert counts[1] - counts[0] == stem + wider_first_block - (64 * 3 * 49 + 2 * 64)


def test_convention_bottleneck_stride_is_on_the_3x3() -> None:
    with torch.device("meta"):
        block = resnet50().layer2[0]
    assert block.conv1.stride == (1, 1)
    assert block.conv2.stride == (2, 2)
    assert block.downsample[0].stride == (2, 2)


@pytest.mark.parametrize("norm", ["batch", "frozen", "group", "sync"])
def test_every_norm_trains(norm: str) -> None:
    net = tiny(width=4, norm=norm)
    net(torch.randn(2, 3, 64, 64)).c5.square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


def test_convolutions_start_at_the_official_spread() -> None:
    weight = resnet18().layer4[1].conv2.weight
    assert weight.std().item() == pytest.approx((2 / (9 * 512)) ** 0.5, rel=0.01)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("change", "message"),
    [({"stem": "3x3"}, "stem='3x3'.*7x7, deep"), ({"norm": "layer"}, "kind='layer'.*batch"),
     ({"blocks": (1, 1)}, "four numbers"), ({"width": 0}, "width=0"), ({"block": "wide"}, "basic, bottleneck")],
)  # fmt: skip
def test_errors_name_the_value_and_the_choices(change: dict, message: str) -> None:
    arguments = {"block": "basic", "blocks": (1, 1, 1, 1)} | change
    with pytest.raises(ValueError, match=message):
        ResNet(**arguments)


def test_convention_ResNet_names_are_torchvisions_without_fc(root) -> None:
    keys = json.loads((root / "tests" / "goldens" / "keys_torchvision_resnet50.json").read_text())
    assert list(resnet50().state_dict()) == [key for key, *_ in keys if not key.startswith("fc.")]
