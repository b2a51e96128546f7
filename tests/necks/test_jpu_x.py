"""JPU_X: the official numbers and parameters, and the coupling of widths that is gone."""

import pytest
import torch
from torch import nn

from jpu_edu.necks.jpu_x import JPU_X, JUM
from tests import reference
from tests.necks.test_jpu import TINY, pyramid

JUM_NAMES = {r"\blow\.": "conv_l.", r"\bhigh\.": "conv_h."}
JPU_X_NAMES = {r"^first": "jum_1", r"^second": "jum_2"}


def with_32_groups(module: nn.Module) -> nn.Module:
    """The official code takes 32 groups at every width; ours takes 16 at 32 channels, which only a test uses."""
    for parent in module.modules():
        for name, child in parent.named_children():
            if isinstance(child, nn.GroupNorm):
                setattr(parent, name, nn.GroupNorm(32, child.num_channels))
    return module


def test_one_joint_upsampling_is_the_official_one():
    jum = reference.filled(
        with_32_groups(JUM(16, 8, width=32, rate=1)), reference.SEPARABLE, JUM_NAMES, reference.BLOCKS, run="jum_tiny"
    )
    got = jum(reference.randn(2, 16, 7, 9, seed=12), reference.randn(2, 8, 13, 17, seed=11))
    torch.testing.assert_close(got[:, ::3], reference.array("jum_tiny__out0"), rtol=1e-9, atol=1e-9)


def test_it_is_the_official_module():
    names = (reference.SEPARABLE, JPU_X_NAMES, JUM_NAMES, reference.BLOCKS)
    neck = reference.filled(with_32_groups(JPU_X((1, 4, 8, 128, 32), width=64)), *names, run="jpux_tiny")
    shapes = [(11, (8, 13, 17)), (18, (128, 7, 9)), (13, (32, 4, 5))]
    c3, c4, c5 = (reference.randn(2, *shape, seed=seed) for seed, shape in shapes)
    got = neck(pyramid(dtype=torch.float64)._replace(c3=c3, c4=c4, c5=c5))
    torch.testing.assert_close(got[:, ::3], reference.array("jpux_tiny__out0"), rtol=1e-9, atol=1e-9)


def test_it_has_as_many_parameters_as_the_official_one():
    with torch.device("meta"):
        neck = JPU_X((64, 256, 512, 1024, 2048))
    assert sum(p.numel() for p in neck.parameters()) == 19_719_168
    assert neck.out_channels == 2048


def test_convention_the_resized_low_map_comes_first_and_passes_through():
    jum = JUM(3, 4, width=2, rate=1).eval()
    low, high = torch.randn(1, 3, 4, 5), torch.randn(1, 4, 8, 9)
    want = torch.nn.functional.interpolate(jum.low(low), size=(8, 9), mode="bilinear", align_corners=True)
    torch.testing.assert_close(jum(low, high)[:, :2], want, rtol=0, atol=0)


@pytest.mark.parametrize("width", [2, 6, 16])
def test_any_even_width_fits_any_channels(width):
    """The official JPU_X works only where the channels of c4 are twice the width."""
    f = pyramid(size=(45, 67))
    neck = JPU_X(TINY, width=width)
    assert neck(f).shape == (2, 4 * width, *f.c3.shape[2:])


def test_errors_carry_the_numbers():
    with pytest.raises(ValueError, match=r"JPU_X: width=5; the first JUM has half the width, so it must be even"):
        JPU_X(TINY, width=5)
    with pytest.raises(ValueError, match=r"JUM: low: got a map of shape \(2, 2, 4, 5\), expected \(B, 3, H, W\)"):
        JUM(3, 4, width=2, rate=1)(torch.zeros(2, 2, 4, 5), torch.zeros(2, 4, 8, 9))
