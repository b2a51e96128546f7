"""The box filter against a loop over windows, and against what a mean must do."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from jpu_edu.classic.box import box_count, box_mean

sizes = st.tuples(st.integers(1, 9), st.integers(1, 9))


def mean_by_loop(x, radius):
    out = torch.empty_like(x)
    for i in range(x.shape[-2]):
        for j in range(x.shape[-1]):
            window = x[..., max(i - radius, 0) : i + radius + 1, max(j - radius, 0) : j + radius + 1]
            out[..., i, j] = window.mean((-2, -1))
    return out


@given(size=sizes, radius=st.integers(0, 11))
def test_equals_the_mean_of_every_window_by_loop(size, radius):
    x = torch.randn(2, 3, *size, dtype=torch.float64)
    torch.testing.assert_close(box_mean(x, radius=radius), mean_by_loop(x, radius), rtol=0, atol=1e-13)


@given(size=sizes, radius=st.integers(0, 11))
def test_convention_windows_are_cut_off_at_the_border(size, radius):
    like = torch.empty(0, dtype=torch.float64)
    count = box_count(size, radius=radius, like=like)
    for i in range(size[0]):
        for j in range(size[1]):
            high = min(i + radius, size[0] - 1) - max(i - radius, 0) + 1
            wide = min(j + radius, size[1] - 1) - max(j - radius, 0) + 1
            assert count[i, j] == high * wide


def test_a_constant_stays_constant_up_to_the_last_pixel():
    x = torch.full((1, 1, 7, 12), 0.3)
    torch.testing.assert_close(box_mean(x, radius=3), x, rtol=0, atol=1e-7)


def test_float32_keeps_its_digits_on_a_long_bright_row():
    """A float32 running total over 100 000 pixels near 1 would be off by several percent."""
    x = torch.rand(1, 1, 1, 100_000)
    torch.testing.assert_close(box_mean(x, radius=1), mean_by_loop_1d(x), rtol=0, atol=2e-7)


def mean_by_loop_1d(x):
    padded = torch.nn.functional.pad(x.double(), (1, 1))
    total = padded[..., :-2] + padded[..., 1:-1] + padded[..., 2:]
    count = torch.full_like(total, 3.0)
    count[..., 0] = count[..., -1] = 2.0
    return (total / count).float()


def test_the_time_does_not_grow_with_the_window():
    """O(1) per pixel: the operators and the elements they make are the same for every radius."""

    class Elements(torch.utils._python_dispatch.TorchDispatchMode):
        total = 0

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            out = func(*args, **(kwargs or {}))
            self.total += out.numel() if isinstance(out, torch.Tensor) else 0
            return out

    made = []
    for radius in (1, 25):
        with Elements() as elements:
            box_mean(torch.ones(1, 1, 64, 64), radius=radius)
        made.append(elements.total)
    assert made[0] == made[1] > 64 * 64


def test_gradcheck():
    x = torch.randn(1, 2, 4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: box_mean(x, radius=2), x)


@pytest.mark.parametrize("radius", [-1, -7])
def test_a_negative_radius_is_refused_with_its_value(radius):
    with pytest.raises(ValueError, match=f"radius={radius}; radius must be an integer >= 0"):
        box_mean(torch.ones(1, 1, 4, 4), radius=radius)


@pytest.mark.usefixtures("unchecked")
def test_wrong_types_and_ranks_are_refused():
    with pytest.raises(TypeError, match=r"radius=1\.5; radius must be an integer"):
        box_mean(torch.ones(1, 1, 4, 4), radius=1.5)
    with pytest.raises(ValueError, match=r"x has shape \(4, 4\); it needs four axes"):
        box_mean(torch.ones(4, 4), radius=1)
