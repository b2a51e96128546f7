"""Pyramid pooling as a matrix product: PyTorch's bins at every size, and an exported size that stays free."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from jpu_edu.layers.pooling import adaptive_avg_pool, bin_weights


@given(h=st.integers(1, 20), w=st.integers(1, 20), bins=st.lists(st.integers(1, 8), min_size=1, max_size=4))
def test_every_level_is_pytorchs_adaptive_pooling(h, w, bins):
    x = torch.randn(2, 3, h, w, dtype=torch.float64)
    for n, means in zip(bins, adaptive_avg_pool(x, bins=tuple(bins)), strict=True):
        torch.testing.assert_close(means, nn.functional.adaptive_avg_pool2d(x, n), rtol=0, atol=1e-12)


def test_convention_bins_share_a_sample_where_they_do_not_divide_the_size():
    got = bin_weights(5, bins=2, like=torch.zeros(()))
    torch.testing.assert_close(got, torch.tensor([[1, 1, 1, 0, 0], [0, 0, 1, 1, 1]]) / 3)


def test_gradients():
    x = torch.randn(1, 2, 5, 7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: adaptive_avg_pool(x, bins=(1, 3)), (x,))


def test_the_exported_program_takes_any_size(unchecked):
    class Pool(nn.Module):
        def forward(self, x):
            return adaptive_avg_pool(x, bins=(1, 2, 3, 6))

    sizes = {2: torch.export.Dim("h", min=2, max=512), 3: torch.export.Dim("w", min=2, max=512)}
    program = torch.export.export(Pool(), (torch.randn(1, 3, 12, 17),), dynamic_shapes={"x": sizes}).module()
    x = torch.randn(1, 3, 41, 8)
    for n, means in zip((1, 2, 3, 6), program(x), strict=True):
        torch.testing.assert_close(means, nn.functional.adaptive_avg_pool2d(x, n))


@pytest.mark.parametrize("bins", [(), (2, 0)])
def test_bins_below_one_are_refused_by_name(bins):
    with pytest.raises(ValueError, match=r"adaptive_avg_pool: bins=.*integers >= 1"):
        adaptive_avg_pool(torch.zeros(1, 1, 4, 4), bins=bins)
