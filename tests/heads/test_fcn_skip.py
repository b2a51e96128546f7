"""FCN-32s, 16s, 8s: born bilinear, born without skips, and aligned at every parity."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from jpu_edu.heads.fcn_skip import FCNSkipHead, UpTwo, bilinear_kernel
from jpu_edu.layers.features import Features
from tests.heads.test_reference_heads import pyramid


@pytest.mark.parametrize("factor", [2, 3, 4, 8])
def test_the_bilinear_kernel_spreads_every_sample_with_total_weight_factor_squared(factor):
    kernel = bilinear_kernel(factor)
    assert kernel.shape == (2 * factor - factor % 2,) * 2
    assert kernel.sum().item() == pytest.approx(factor**2)
    torch.testing.assert_close(kernel, kernel.flip(0).T)


def test_convention_up_two_is_bilinear_with_half_pixel_alignment_inside():
    up, x = UpTwo(3), torch.randn(2, 3, 6, 7)
    want = nn.functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    got = up(x, size=(12, 14))
    torch.testing.assert_close(got[..., 1:-1, 1:-1], want[..., 1:-1, 1:-1])
    torch.testing.assert_close(got[..., 0, 1:-1], 0.75 * want[..., 0, 1:-1])


@given(h=st.integers(1, 6), w=st.integers(1, 6), dh=st.integers(-1, 1), dw=st.integers(-1, 1))
def test_an_odd_target_is_the_even_one_cropped_or_grown_not_shifted(h, w, dh, dw):
    up, x = UpTwo(2), torch.randn(1, 2, h, w)
    small = up(x, size=(2 * h + min(dh, 0), 2 * w + min(dw, 0)))
    got = up(x, size=(2 * h + dh, 2 * w + dw))
    assert got.shape[2:] == (2 * h + dh, 2 * w + dw)
    assert torch.equal(got[..., : small.shape[2], : small.shape[3]], small)


def test_a_new_skip_changes_nothing_until_it_is_trained():
    f = pyramid()
    coarse = FCNSkipHead(16, 3).eval()
    fine = FCNSkipHead(16, 3, skip_channels=(8,)).eval()
    fine.score.load_state_dict(coarse.score.state_dict())
    want = UpTwo(3)(coarse(f.c5, f).logits, size=f.c4.shape[2:])
    assert torch.equal(fine(f.c5, f).logits, want)
    nn.init.ones_(fine.skips[0].weight)
    torch.testing.assert_close(fine(f.c5, f).logits - want, f.c4.sum(1, keepdim=True).expand(-1, 3, -1, -1))


def test_fixed_upsampling_stays_bilinear_and_learnable_upsampling_gets_a_gradient():
    f = pyramid()
    for learnable in (True, False):
        head = FCNSkipHead(16, 3, skip_channels=(8, 4), learnable=learnable)
        head(f.c5, f).logits.sum().backward()
        assert [up.weight.grad is not None for up in head.ups] == [learnable] * 2


@pytest.mark.parametrize(("skips", "level"), [((), 5), ((8,), 4), ((8, 4), 3), ((8, 4, 2, 1), 1)])
def test_logits_have_the_size_of_the_finest_map_used(skips, level):
    f = pyramid((65, 98))
    assert FCNSkipHead(16, 3, skip_channels=skips)(f.c5, f).logits.shape[2:] == f[level - 1].shape[2:]


def test_errors_carry_the_numbers_and_the_remedy():
    f = pyramid((64, 64))
    with pytest.raises(ValueError, match=r"size=\(4, 9\) from a map of \(2, 2\); one step doubles"):
        UpTwo(1)(torch.zeros(1, 1, 2, 2), size=(4, 9))
    with pytest.raises(ValueError, match=r"skip on c3: got a map of shape \(2, 4, 8, 8\), expected \(B, 5, H, W\)"):
        FCNSkipHead(16, 3, skip_channels=(8, 5))(f.c5, f)
    with pytest.raises(ValueError, match=r"classes=0"):
        FCNSkipHead(16, 0)
    with pytest.raises(ValueError, match=r"one step doubles.*not dilated"):
        FCNSkipHead(16, 3, skip_channels=(8,))(f.c5, Features(f.c1, f.c2, f.c3, torch.zeros(2, 8, 16, 16), f.c5))
