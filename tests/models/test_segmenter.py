"""The Segmenter: scores at the image's size for every size, an auxiliary head only when wanted, errors that help."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from jpu_edu.backbones.tiny import tiny
from jpu_edu.heads.enc import EncHead
from jpu_edu.heads.fcn import FCNHead
from jpu_edu.models.segmenter import Segmenter
from jpu_edu.necks.jpu import JPU


def network(*, aux: bool = True, align_corners: bool = True) -> Segmenter:
    backbone = tiny(width=4)
    neck = JPU(backbone.channels, width=8)
    return Segmenter(
        backbone=backbone,
        neck=neck,
        head=EncHead(neck.out_channels, 3, width=8, codes=4),
        aux_head=FCNHead(backbone.channels[3], 3) if aux else None,
        align_corners=align_corners,
    ).eval()


@given(height=st.integers(32, 70), width=st.integers(32, 70))
def test_logits_and_aux_have_the_size_of_the_image(height: int, width: int) -> None:
    out = network()(torch.randn(2, 3, height, width), aux=True)
    assert out.logits.shape == out.aux.shape == (2, 3, height, width)
    assert out.se.shape == (2, 3)


@pytest.mark.parametrize("align_corners", [True, False])
def test_convention_logits_are_the_heads_scores_resized(align_corners: bool) -> None:
    net, x = network(align_corners=align_corners), torch.randn(1, 3, 45, 61)
    features = net.backbone(x)
    scores = net.head(net.neck(features), features).logits
    want = F.interpolate(scores, size=(45, 61), mode="bilinear", align_corners=align_corners)
    assert torch.equal(net(x).logits, want)


def test_the_auxiliary_head_runs_in_training_or_on_request() -> None:
    net, x, calls = network(), torch.randn(2, 3, 64, 64), []
    net.aux_head.register_forward_hook(lambda *_: calls.append(1))
    assert net(x).aux is None
    assert net.train()(x, aux=False).aux is None
    assert not calls
    assert net(x).aux is not None
    assert net.eval()(x, aux=True).aux is not None
    assert len(calls) == 2


def test_the_auxiliary_head_reads_c4() -> None:
    net, x, seen = network(), torch.randn(1, 3, 64, 64), []
    net.aux_head.register_forward_hook(lambda module, args, out: seen.append(args[0]))
    net(x, aux=True)
    assert torch.equal(seen[0], net.backbone(x).c4)


def test_gradients_reach_every_parameter() -> None:
    net = network().train()
    out = net(torch.randn(2, 3, 40, 33))
    (out.logits.square().mean() + out.aux.square().mean() + out.se.square().mean()).backward()
    assert [name for name, p in net.named_parameters() if p.grad is None] == []


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (torch.zeros(3, 64, 64), ValueError, r"\(3, 64, 64\); .*\(B, 3, H, W\); add the batch axis: x\[None\]"),
        (torch.zeros(64, 64), ValueError, r"\(64, 64\); it needs four axes"),
        (torch.zeros(1, 3, 64, 64, dtype=torch.uint8), TypeError, r"torch\.uint8; .*x\.float\(\) / 255"),
        (torch.zeros(1, 4, 64, 64), ValueError, "got 4 channels, the backbone reads 3$"),
        (torch.zeros(1, 64, 64, 3), ValueError, r"64 channels.*x\.permute\(0, 3, 1, 2\)"),
        (torch.zeros(1, 3, 31, 64), ValueError, "an image of 31 x 64; H and W must be >= 32"),
        (torch.zeros(1, 3, 64, 20), ValueError, "an image of 64 x 20; H and W"),
        ([[1.0]], TypeError, "x is list"),
    ],
)
def test_a_wrong_image_is_named_with_its_remedy(x: Tensor, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        network()(x)


class Bare(nn.Module):
    """A head of a user's own that forgets the wrapping."""

    def forward(self, y: Tensor, features: object) -> Tensor:
        return y[:, :3]


def test_a_head_that_returns_a_bare_tensor_is_told_what_to_return() -> None:
    net = network()
    net.head = Bare()
    for ask in (net, net.labels):
        with pytest.raises(TypeError, match=r"the head Bare returned Tensor; let it return SegOutput\(logits\)"):
            ask(torch.randn(1, 3, 64, 64))


def test_asking_for_scores_without_a_head_is_an_error() -> None:
    with pytest.raises(ValueError, match="no auxiliary head; build the network with aux=True"):
        network(aux=False)(torch.zeros(1, 3, 32, 32), aux=True)


def test_parts_may_be_anybodys() -> None:
    """A backbone of one's own needs five maps, `channels` and `strides`, and nothing from this package."""

    class Own(nn.Module):
        channels, strides = (2, 2, 2, 2, 2), (2, 4, 8, 16, 32)

        def __init__(self) -> None:
            super().__init__()
            self.convs = nn.ModuleList(nn.Conv2d(c, 2, 3, stride=2, padding=1) for c in (3, 2, 2, 2, 2))

        def forward(self, x: Tensor) -> tuple[Tensor, ...]:
            maps = []
            for conv in self.convs:
                x = conv(x)
                maps.append(x)
            from jpu_edu.layers.features import Features

            return Features(*maps)

    backbone = Own()
    net = Segmenter(backbone=backbone, neck=JPU(backbone.channels, width=4), head=FCNHead(16, 5))
    assert net(torch.randn(1, 3, 33, 50)).logits.shape == (1, 5, 33, 50)
