"""Fusing changes the time and the memory, and nothing that a trained network answers."""

import copy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from jpu_edu.cost.activations import peak_inference_bytes
from jpu_edu.cost.ledger import total
from jpu_edu.cost.macs import layer_costs
from jpu_edu.models import build
from jpu_edu.models.fold import conv_norm_pairs, fold
from jpu_edu.models.fuse import fuse
from jpu_edu.models.segmenter import Segmenter

HEADS, NECKS = ("fcn", "psp", "aspp", "enc"), ("jpu", "jpu_x", "bilinear")
NETWORKS = {
    "fcn32s": lambda: build.fcn32s(classes=5, backbone=build.make_backbone("vgg16_bn", width=4)),
    "fcn8s": lambda: build.fcn8s(classes=5, backbone="tiny"),
    "context": lambda: build.dilated_fcn(classes=5, backbone="tiny", head="context"),
    "criss_cross": lambda: build.dilated_fcn(classes=5, backbone="tiny", head="criss_cross"),
    "cascade": lambda: build.deeplabv3(classes=5, backbone="tiny", context="cascade"),
    "deep stem": lambda: build.deeplabv3(classes=5, backbone="tiny", stem="deep"),
    "pspnet": lambda: build.pspnet(classes=5, backbone="tiny"),
    "lateral": lambda: build.encnet(classes=5, backbone="tiny", lateral=True),
    "encoder_decoder": lambda: build.encoder_decoder(classes=5, backbone="tiny"),
    "fpn": lambda: build.fpn(classes=5, backbone="tiny"),
    "frozen": lambda: build.fastfcn(classes=5, backbone="tiny", norm="frozen", align_corners=False),
    "sync": lambda: build.fastfcn(classes=5, backbone="tiny", norm="sync"),
    "group bilinear": lambda: build.fastfcn(classes=5, backbone="tiny", norm="group", neck="bilinear"),
    "group": lambda: build.fastfcn(classes=5, backbone="tiny", norm="group", se=False),
} | {
    f"{neck} {head}": lambda head=head, neck=neck: build.fastfcn(classes=5, backbone="tiny", head=head, neck=neck)
    for head in HEADS
    for neck in NECKS
}


def lived_in(net: nn.Module) -> nn.Module:
    """BatchNorm whose statistics, factors and shifts are not 0 and 1."""
    for module in net.modules():
        if isinstance(module, _BatchNorm):
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
            for value in (module.weight, module.bias):
                value.data.add_(0.1 * torch.randn_like(value))
    return net


@given(groups=st.integers(1, 3), rate=st.integers(1, 3), stride=st.integers(1, 2), bias=st.booleans(),
       affine=st.booleans(), seed=st.integers(0, 99))  # fmt: skip
def test_one_convolution_does_what_convolution_and_norm_did(groups, rate, stride, bias, affine, seed) -> None:
    torch.manual_seed(seed)
    conv = nn.Conv2d(2 * groups, 3 * groups, 3, stride, rate, rate, groups, bias).double()
    norm = nn.BatchNorm2d(3 * groups, affine=affine).double()
    nn.init.normal_(norm.running_mean), nn.init.uniform_(norm.running_var, 0.1, 2.0)
    if affine:
        nn.init.normal_(norm.weight), nn.init.normal_(norm.bias)
    x = torch.randn(2, 2 * groups, 9, 7, dtype=torch.float64)
    torch.testing.assert_close(fold(conv, norm)(x), norm.eval()(conv(x)), atol=1e-12, rtol=1e-12)


@torch.no_grad()
@pytest.mark.parametrize("name", NETWORKS)
def test_a_fused_network_gives_the_same_scores_and_labels(name: str) -> None:
    """In float64, where what rounding there is cannot hide an error. Every norm behind a convolution is gone."""
    model = lived_in(NETWORKS[name]()).double().eval()
    fused, x = fuse(model, aux=model.aux_head is not None), torch.randn(2, 3, 65, 97, dtype=torch.float64)
    want, got = model(x, aux=model.aux_head is not None), fused(x, aux=model.aux_head is not None)
    torch.testing.assert_close(got.logits, want.logits, atol=1e-10, rtol=1e-10)
    for ours, theirs in ((got.aux, want.aux), (got.se, want.se)):
        assert (ours is None) == (theirs is None)
        if theirs is not None:
            torch.testing.assert_close(ours, theirs, atol=1e-10, rtol=1e-10)
    assert torch.equal(fused.labels(x), want.logits.argmax(1))
    left = [key for key, m in fused.named_modules() if isinstance(m, _BatchNorm)]
    assert all("code_norm" in key for key in left), "only EncNet's norm over codes has no convolution before it"


def scene(seed: int, *, batch: int = 8) -> tuple[Tensor, Tensor]:
    """Discs of three kinds of texture on a fourth: class 0 smooth, 1 fine stripes, 2 coarse stripes, 3 checks."""
    g = torch.Generator().manual_seed(seed)
    row, column = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    textures = torch.stack([0 * row, torch.sin(2.1 * row), torch.sin(0.7 * row), torch.sin(row) * torch.sin(column)])
    truth = torch.zeros(batch, 64, 64, dtype=torch.long)
    for labels in truth:
        for k in (1, 2, 3):
            y, x, r = (torch.rand(3, generator=g) * torch.tensor([48.0, 48.0, 10.0]) + 8).tolist()
            labels[(row - y) ** 2 + (column - x) ** 2 < r**2] = k
    pictures = textures[truth, row.long(), column.long()] + 0.1 * torch.randn(batch, 64, 64, generator=g)
    return pictures[:, None].expand(-1, 3, -1, -1).contiguous(), truth


@pytest.fixture(scope="module")
def trained() -> Segmenter:
    torch.manual_seed(0)
    model = build.fastfcn(classes=4, backbone="tiny", aux=False)
    optimiser = torch.optim.AdamW(model.parameters(), lr=4e-3)
    for step in range(60):
        x, truth = scene(step)
        optimiser.zero_grad()
        F.cross_entropy(model(x).logits, truth).backward()
        optimiser.step()
    model.eval()
    with torch.no_grad():
        x, truth = scene(10_000)
        assert (model(x).logits.argmax(1) == truth).float().mean() > 0.9, "it learned nothing"
    return model


@torch.no_grad()
def test_a_trained_network_answers_within_1e_4_and_labels_alike(trained: Segmenter) -> None:
    x, _ = scene(20_000)
    want, got = trained(x).logits, fuse(trained)(x).logits
    assert (got - want).abs().max() <= 1e-4
    assert torch.equal(fuse(trained).labels(x), want.argmax(1))


@torch.no_grad()
def test_bfloat16_keeps_999_labels_of_1000_on_a_trained_network(trained: Segmenter) -> None:
    fused, (x, _) = fuse(trained, dtype=torch.bfloat16), scene(20_000)
    assert {p.dtype for p in fused.trunk.net.backbone.parameters()} == {torch.bfloat16}
    assert fused(x).logits.dtype == torch.float32
    same = fused.labels(x) == trained(x).logits.argmax(1)
    assert same.float().mean() >= 0.999


def test_the_network_itself_is_left_as_it_was(trained: Segmenter) -> None:
    before = copy.deepcopy(trained.state_dict())
    fuse(trained, dtype=torch.bfloat16)
    assert all(torch.equal(value, before[key]) for key, value in trained.state_dict().items())
    assert all(p.requires_grad and p.dtype == torch.float32 for p in trained.parameters())
    assert fuse(build.fcn8s(classes=2, backbone="tiny").train()).training is False


@torch.no_grad()
def test_a_pointwise_convolution_commutes_with_bilinear_upsampling_and_relu_does_not() -> None:
    x, conv = torch.randn(1, 6, 5, 7, dtype=torch.float64), nn.Conv2d(6, 4, 1).double()
    for corners in (True, False):
        up = nn.Upsample((19, 30), mode="bilinear", align_corners=corners)
        torch.testing.assert_close(up(conv(x)), conv(up(x)), atol=1e-12, rtol=0)
        assert (up(x.relu()) - up(x).relu()).abs().max() > 0.1


def test_behind_a_bilinear_neck_the_first_convolution_runs_on_sixteen_times_fewer_pixels() -> None:
    model = build.fastfcn(classes=5, backbone="tiny", neck="bilinear", aux=False).eval()
    x = torch.empty(1, 3, 64, 64, device="meta")
    before, after = (
        {row.name.split("block.")[-1]: row.macs for row in layer_costs(m, x) if "head.block.conv" in row.name}
        for m in (model, fuse(model))
    )
    assert before == {"conv": 16 * after["conv"]}
    assert total(layer_costs(fuse(model), x)).macs < total(layer_costs(model, x)).macs


def test_fused_peaks_no_higher_and_labels_lower_still() -> None:
    model, x = build.fastfcn(classes=60, backbone="tiny").eval(), torch.empty(1, 3, 256, 256, device="meta")
    fused = fuse(model)

    class Labels(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fused = fused

        def forward(self, image: Tensor) -> Tensor:
            return self.fused.labels(image)

    plain, full, least = (peak_inference_bytes(m, x) for m in (model, fused, Labels()))
    assert full <= plain
    assert least < 0.6 * full


class Tangle(nn.Module):
    """Three convolutions that must not be folded, and one that must."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(3, 3, 1) for _ in range(4))
        self.norms = nn.ModuleList(nn.BatchNorm2d(3) for _ in range(4))
        self.relu = nn.ReLU(inplace=True)
        self.pool = nn.AvgPool2d(1)

    def forward(self, x: Tensor) -> Tensor:
        rectified = self.norms[0](self.relu(self.convs[0](x)))
        shared = self.convs[1](x)
        twice = self.norms[2](self.convs[2](x)) + self.norms[2](self.convs[2](rectified))
        return self.norms[1](shared) + self.pool(shared) + twice + self.norms[3](self.convs[3](x))


def test_only_a_convolution_that_one_norm_alone_reads_is_folded() -> None:
    """An in-place ReLU between, a second reader, a second run: each forbids it."""
    assert conv_norm_pairs(Tangle().eval(), torch.zeros(1, 3, 4, 4)) == [("convs.3", "norms.3")]


COMPILED = """
import torch
from jpu_edu.models.build import fastfcn
from jpu_edu.models.fuse import fuse

torch.manual_seed(0)
model, x = fastfcn(classes=5, backbone="tiny").eval(), torch.randn(2, 3, 96, 64)
with torch.no_grad():
    want = model(x).logits
fused = fuse(model, compile=True)
assert (fused(x).logits - want).abs().max() <= 1e-4
assert torch.equal(fused.labels(x), want.argmax(1))
assert not torch._dynamo.utils.counters["graph_break"], "cut into pieces, and PyTorch 2.13 cannot compile each"
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("c++") is None, reason="torch.compile needs a C++ compiler")
def test_compiled_it_still_answers_within_1e_4(root: Path) -> None:
    """In a process of its own, without the run-time type checker, which the compiler cannot look through."""
    done = subprocess.run([sys.executable, "-c", COMPILED], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_errors_say_what_to_do(unchecked: None) -> None:
    model = build.fcn8s(classes=2, backbone="tiny", aux=True)
    with pytest.raises(TypeError, match="got Conv2d; pass a Segmenter"):
        fuse(nn.Conv2d(3, 3, 1))
    with pytest.raises(TypeError, match=r"dtype=torch.int8; choose torch.bfloat16"):
        fuse(model, dtype=torch.int8)
    with pytest.raises(ValueError, match=r"fuse\(model, aux=True\) keeps it"):
        fuse(model)(torch.zeros(1, 3, 32, 32), aux=True)
    with pytest.raises(ValueError, match="train the network that it was made from"):
        fuse(model).train()
    with pytest.raises(ValueError, match="a norm of 4 channels after a convolution to 3"):
        fold(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(4))
    with pytest.raises(ValueError, match="H and W must be >= 32"):
        fuse(model)(torch.zeros(1, 3, 16, 32))
