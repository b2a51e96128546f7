"""The builders: the official sizes, any image size, every norm, the meta device, and two images learned by heart."""

import itertools
import json
import time

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from jpu_edu.backbones.by_name import BACKBONES
from jpu_edu.backbones.dilate import dilate
from jpu_edu.backbones.tiny import tiny
from jpu_edu.layers.norm import FrozenBatchNorm
from jpu_edu.models import build
from jpu_edu.models.build import BUILDERS
from jpu_edu.models.segmenter import Segmenter
from tests.reference import FOLDER

#: Each builder, and again for every part that it lets choose.
VARIANTS = {builder.__name__: (builder, {}) for builder in BUILDERS} | {
    "dilated_fcn context": (build.dilated_fcn, {"head": "context"}),
    "dilated_fcn criss_cross": (build.dilated_fcn, {"head": "criss_cross"}),
    "deeplabv3 cascade": (build.deeplabv3, {"context": "cascade", "output_stride": 16}),
    "encnet lateral": (build.encnet, {"lateral": True, "se": False}),
    "fastfcn fcn": (build.fastfcn, {"head": "fcn"}),
    "fastfcn psp jpu_x": (build.fastfcn, {"head": "psp", "neck": "jpu_x"}),
    "fastfcn aspp": (build.fastfcn, {"head": "aspp"}),
    "fastfcn bilinear": (build.fastfcn, {"neck": "bilinear"}),
}


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


ROWS = json.loads((FOLDER / "macs_params.json").read_text())["rows"]
DILATED = {"encnet": build.encnet, "psp": build.pspnet, "deeplab": build.deeplabv3, "fcn": build.dilated_fcn}
HEADS = {"encnet": "enc", "psp": "psp", "deeplab": "aspp", "fcn": "fcn"}


@pytest.mark.parametrize("row", ROWS)
def test_parameters_are_the_official_ones_part_by_part(row: str) -> None:
    head, backbone, neck = row.split("_", 2)
    with torch.device("meta"):
        if neck == "dilated":
            net = DILATED[head](classes=59, backbone=backbone)
        else:
            net = build.fastfcn(classes=59, head=HEADS[head], neck=neck.lower(), backbone=backbone)
    want = ROWS[row]["params"]
    unused = 1000 * 2048 + 1000  # the official network keeps ImageNet's classifier
    assert count(net.backbone) + unused == want["pretrained"]
    assert count(net.neck) == want["jpu"]
    assert count(net.head) == want["head"]
    assert count(net.aux_head) == want["aux"]
    assert count(net) + unused == want["total"]


@pytest.mark.parametrize("name", VARIANTS)
def test_every_network_takes_every_size(name: str) -> None:
    builder, change = VARIANTS[name]
    net = builder(classes=4, backbone=tiny(width=8), **change).eval()
    for height, width in ((32, 32), (33, 47), (64, 95), (97, 40)):
        out = net(torch.randn(1, 3, height, width))
        assert out.logits.shape == (1, 4, height, width)
        assert out.logits.isfinite().all()
        assert out.aux is None


def has_se(name: str) -> bool:
    return (name.startswith("fastfcn") and name.split()[-1] in ("fastfcn", "bilinear")) or name == "encnet"


@pytest.mark.parametrize("name", VARIANTS)
def test_aux_and_se_are_there_where_asked_for(name: str) -> None:
    builder, change = VARIANTS[name]
    out = builder(classes=4, backbone=tiny(width=8), aux=True, **change)(torch.randn(2, 3, 64, 64))
    assert out.aux.shape == (2, 4, 64, 64)
    assert (out.se is not None) == has_se(name)
    assert builder(classes=4, backbone=tiny(width=8), aux=False, **change).aux_head is None


@pytest.mark.parametrize("norm", ["frozen", "group", "sync"])
@pytest.mark.parametrize("builder", BUILDERS, ids=lambda b: b.__name__)
def test_the_norm_is_the_same_everywhere(builder, norm: str) -> None:
    net = builder(classes=3, backbone="tiny", norm=norm)
    kinds = {type(m) for m in net.modules() if isinstance(m, nn.modules.batchnorm._NormBase | nn.GroupNorm)}
    wanted = {"frozen": FrozenBatchNorm, "group": nn.GroupNorm, "sync": nn.SyncBatchNorm}[norm]
    assert kinds == {wanted}
    out = net(torch.randn(2, 3, 64, 64))
    out.logits.square().mean().backward()


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("name", VARIANTS)
def test_align_corners_is_the_same_everywhere(name: str, align_corners: bool) -> None:
    builder, change = VARIANTS[name]
    net = builder(classes=3, backbone=tiny(width=8), align_corners=align_corners, **change)
    assert {m.align_corners for m in net.modules() if hasattr(m, "align_corners")} == {align_corners}


@pytest.mark.parametrize("builder", BUILDERS, ids=lambda b: b.__name__)
def test_construction_on_the_meta_device_takes_milliseconds(builder) -> None:
    """The best of five stays under a quarter of a second (filling the weights takes seconds); nothing is allocated."""
    best = float("inf")
    for _ in range(5):
        start = time.process_time()
        with torch.device("meta"):
            net = builder(classes=59)
        best = min(best, time.process_time() - start)
    assert best < 0.25
    assert all(t.is_meta for t in itertools.chain(net.parameters(), net.buffers()))


@pytest.mark.parametrize("backbone", BACKBONES)
def test_every_backbone_goes_with_fastfcn(backbone: str) -> None:
    with torch.device("meta"):
        net = build.fastfcn(classes=7, backbone=backbone).eval()
        out = net(torch.empty(1, 3, 65, 97))
    assert out.logits.shape == (1, 7, 65, 97)


def test_the_official_stem_is_the_default_and_the_other_one_a_word_away() -> None:
    with torch.device("meta"):
        assert build.fastfcn(classes=2).backbone.channels[0] == 128
        assert build.fastfcn(classes=2, stem="7x7").backbone.channels[0] == 64
        assert build.fastfcn(classes=2, backbone="tiny").architecture["backbone"]["stem"] == "7x7"
        assert isinstance(build.pspnet(classes=2, backbone="resnet18").backbone.conv1, nn.Sequential)


def test_a_dilated_network_leaves_the_backbone_that_it_was_given() -> None:
    backbone = tiny(width=4)
    net = build.pspnet(classes=2, backbone=backbone)
    assert net.backbone.strides == (2, 4, 8, 8, 8)
    assert backbone.strides == (2, 4, 8, 16, 32)
    assert build.fastfcn(classes=2, backbone=backbone).backbone is backbone
    already = dilate(backbone, output_stride=8)
    assert build.pspnet(classes=2, backbone=already).backbone is already


def test_deeplab_at_output_stride_16_halves_its_rates() -> None:
    with torch.device("meta"):
        fine, coarse = (build.deeplabv3(classes=2, output_stride=s, multi_grid=(1, 2, 4)) for s in (8, 16))
    assert [b.conv.dilation[0] for b in fine.head.aspp.branches] == [12, 24, 36]
    assert [b.conv.dilation[0] for b in coarse.head.aspp.branches] == [6, 12, 18]
    assert [b.conv2.dilation[0] for b in coarse.backbone.layer4] == [2, 4, 8]


def test_an_architecture_builds_the_same_network_again() -> None:
    for name, (builder, change) in VARIANTS.items():
        net = builder(classes=4, backbone=tiny(width=8, norm="group"), norm="group", **change)
        again = build.build(json.loads(json.dumps(net.architecture)))
        assert again.architecture == net.architecture, name
        assert {k: v.shape for k, v in again.state_dict().items()} == {k: v.shape for k, v in net.state_dict().items()}


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: build.fastfcn(classes=2, backbone="resnet5"),
            "backbone='resnet5'; choose one of resnet18",
        ),
        (lambda: build.fastfcn(classes=2, backbone="tiny", head="deeplab"), "head='deeplab'; choose one of enc, aspp"),
        (lambda: build.fastfcn(classes=2, backbone="tiny", neck="fpn"), "neck='fpn'; choose one of jpu, jpu_x"),
        (lambda: build.dilated_fcn(classes=2, backbone="tiny", head="x"), "head='x'; choose one of fcn, context"),
        (lambda: build.deeplabv3(classes=2, backbone="tiny", context="x"), "context='x'; choose one of aspp, cascade"),
        (lambda: build.pspnet(classes=2, backbone="tiny", output_stride=4), "output_stride=4; choose 8 or 16"),
        (lambda: build.dilated_fcn(classes=2, backbone="tiny", output_stride=32), "output_stride=32; choose 8 or 16"),
        (lambda: build.fastfcn(classes=2, backbone="tiny", norm="layer"), "kind='layer'; choose one of batch"),
        (lambda: build.fastfcn(classes=2, backbone="tiny", stem="3x3"), "stem='3x3'; choose one of 7x7, deep"),
        (lambda: build.fpn(classes=0, backbone="tiny"), "classes=0"),
        (lambda: build.build({"builder": "unet"}), "builder='unet'; choose one of fcn32s"),
    ],
)
def test_an_unknown_value_lists_the_choices(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_arguments_are_keyword_only() -> None:
    with pytest.raises(TypeError):
        build.fastfcn(59)


@pytest.mark.parametrize("name", VARIANTS)
def test_two_images_are_learned_by_heart(name: str) -> None:
    """Quadrants in three classes, not told apart by colour: the pixel accuracy rises above 0.95."""
    builder, change = VARIANTS[name]
    net: Segmenter = builder(classes=3, backbone=tiny(width=8), aux=False, **change)
    x = torch.randn(2, 3, 64, 65)
    target = torch.tensor([[[0, 1], [2, 0]], [[1, 2], [0, 1]]]).repeat_interleave(32, 1).repeat_interleave(33, 2)
    target = target[:, :, :65]
    optimiser = torch.optim.AdamW(net.parameters(), lr=0.01)
    for _ in range(60):
        logits = net(x).logits
        loss = F.cross_entropy(logits, target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        accuracy = (logits.argmax(1) == target).double().mean().item()
        if accuracy > 0.95:
            break
    assert accuracy > 0.95, (accuracy, loss.item())
