"""The necks that the JPU is compared with: what y is, at every size, with the announced channels."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from jpu_edu.necks.bilinear import Bilinear
from jpu_edu.necks.encoder_decoder import EncoderDecoder
from jpu_edu.necks.fpn import FPN
from jpu_edu.necks.jpu import JPU
from jpu_edu.necks.jpu_x import JPU_X
from jpu_edu.necks.last import Last
from tests.necks.test_jpu import TINY, pyramid

NECKS = {
    "last": Last(TINY),
    "bilinear": Bilinear(TINY),
    "encoder_decoder": EncoderDecoder(TINY, width=6, norm="group"),
    "fpn": FPN(TINY, width=6),
    "jpu": JPU(TINY, width=4, norm="group"),
    "jpu_x": JPU_X(TINY, width=4, norm="group"),
}


@pytest.mark.parametrize("name", NECKS)
@given(h=st.integers(32, 80), w=st.integers(32, 80))
def test_y_has_the_announced_channels_at_any_size(name, h, w):
    f, neck = pyramid(size=(h, w), batch=1), NECKS[name]
    want = f.c5 if name == "last" else f.c3
    assert neck(f).shape == (1, neck.out_channels, *want.shape[2:])


def test_last_is_c5_itself():
    f = pyramid()
    assert Last(TINY)(f) is f.c5


@pytest.mark.parametrize("align_corners", [True, False])
def test_convention_bilinear_is_pytorchs(align_corners):
    f = pyramid()
    want = nn.functional.interpolate(f.c5, size=f.c3.shape[2:], mode="bilinear", align_corners=align_corners)
    assert torch.equal(Bilinear(TINY, align_corners=align_corners)(f), want)


def test_the_pyramid_adds_levels_at_one_width():
    """With identity laterals and smoothing, y is c3 + up(c4 + up(c5)), nearest."""
    neck = FPN((2,) * 5, width=2)
    for conv in (*neck.laterals, neck.smooth):
        nn.init.dirac_(conv.weight)
        nn.init.zeros_(conv.bias)
    f = pyramid((2,) * 5, size=(64, 96))
    up = nn.UpsamplingNearest2d(scale_factor=2)
    torch.testing.assert_close(neck(f), f.c3 + up(f.c4 + up(f.c5)))


def test_the_bilinear_pyramid_resizes_with_the_chosen_alignment():
    neck = FPN((2,) * 5, width=2, upsampling="bilinear", align_corners=False)
    x = torch.randn(1, 2, 4, 5)
    want = nn.functional.interpolate(x, size=(7, 9), mode="bilinear", align_corners=False)
    assert torch.equal(neck.up(x, size=(7, 9)), want)


@pytest.mark.parametrize("make", [EncoderDecoder, FPN])
@pytest.mark.parametrize("finest", [1, 2, 3, 4])
def test_a_decoder_climbs_to_the_level_that_it_is_told(make, finest):
    f = pyramid(size=(61, 45))
    assert make(TINY, width=4, finest=finest)(f).shape[2:] == f[finest - 1].shape[2:]


@pytest.mark.parametrize("name", NECKS)
def test_every_map_that_a_neck_reads_gets_a_gradient(name):
    f = pyramid()
    for c in f:
        c.requires_grad_()
    NECKS[name](f).square().sum().backward()
    read = {"last": [f.c5], "bilinear": [f.c5]}.get(name, [f.c3, f.c4, f.c5])
    assert all(c.grad.abs().max() > 0 for c in read)
    assert f.c1.grad is None


@pytest.mark.parametrize("make", [EncoderDecoder, FPN])
def test_a_level_that_does_not_exist_is_refused_by_number(make):
    with pytest.raises(ValueError, match=r"finest=5; choose the level .* 1, 2, 3 or 4"):
        make(TINY, finest=5)


def test_an_unknown_upsampling_is_refused(unchecked):
    with pytest.raises(ValueError, match=r"upsampling='cubic'; choose nearest or bilinear"):
        FPN(TINY, upsampling="cubic")
