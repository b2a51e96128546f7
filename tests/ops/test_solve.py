"""h_hat: a kernel that exists is found to rounding, and what the data cannot decide is refused."""

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import gradcheck

from jpu_edu.ops.chains import Layer, dilated_chain, guide, strided_chain
from jpu_edu.ops.compare import max_error
from jpu_edu.ops.phases import reduce, split
from jpu_edu.ops.solve import Fit, fit_h


def normal(*shape):
    return torch.randn(*shape, dtype=torch.float64)


@given(
    kernel=st.sampled_from([1, 3, 5, (1, 3), (3, 5)]),
    channels=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    with_bias=st.booleans(),
    seed=st.integers(0, 999),
)
def test_a_linear_layer_comes_back_to_rounding(kernel, channels, with_bias, seed):
    torch.manual_seed(seed)
    size = (kernel, kernel) if isinstance(kernel, int) else kernel
    weight, y_m0 = normal(channels[1], channels[0], *size), normal(2, channels[0], 13, 12)
    bias = normal(channels[1]) if with_bias else None
    y_s = F.conv2d(y_m0, weight, bias, padding=(size[0] // 2, size[1] // 2))
    fit = fit_h(y_m0, y_s, kernel=kernel, bias=with_bias)
    assert max_error(fit.weight, weight) <= 1e-12
    assert (fit.bias is None) == (bias is None)
    if with_bias:
        assert max_error(fit.bias, bias) <= 1e-12
    assert fit.residual <= 1e-12
    assert fit.rank == fit.unknowns == channels[0] * size[0] * size[1] + with_bias
    assert fit.samples == 2 * 13 * 12
    assert max_error(fit(y_m0), y_s) <= 1e-12


@pytest.mark.parametrize("rate", [2, 3, 4, (1, 2)])
@pytest.mark.parametrize("size", [(26, 26), (27, 25)])
def test_applied_to_every_phase_of_the_guide_it_gives_y_d(rate, size):
    """Eq. 4 with a layer that is linear: solved on phase (0, 0) alone, right on all the others."""
    layers = [Layer(normal(2, 3, 3, 3), then=lambda y, x: y.relu()), Layer(normal(3, 2, 3, 3), normal(3))]
    x = normal(2, 3, *size)
    y_m, y_s = guide(x, layers), strided_chain(x, layers, rate=rate)
    fit = fit_h(reduce(y_m, rate=rate), y_s, bias=True)
    assert max_error(fit.on_guide(y_m, rate=rate), dilated_chain(x, layers, rate=rate)) <= 1e-11


def test_behind_a_relu_the_best_h_is_only_an_approximation():
    layers = [Layer(normal(2, 3, 3, 3), then=lambda y, x: y.relu()) for _ in range(1)]
    layers.append(Layer(normal(3, 2, 3, 3), then=lambda y, x: y.relu()))
    x = normal(1, 3, 24, 24)
    y_m, y_s = guide(x, layers), strided_chain(x, layers)
    fit = fit_h(reduce(y_m, rate=2), y_s, bias=True)
    assert fit.residual > 0.05
    assert max_error(fit.on_guide(y_m, rate=2), dilated_chain(x, layers)) > 0.05


@pytest.mark.parametrize("bias", [False, True])
def test_no_other_kernel_leaves_less_than_the_fit(bias):
    """The definition of argmin, tried in random directions."""
    y_m0, y_s = normal(1, 2, 10, 11), normal(1, 3, 10, 11)
    fit = fit_h(y_m0, y_s, bias=bias)
    assert fit.residual == pytest.approx((fit(y_m0) - y_s).square().mean().sqrt().item(), rel=1e-12)
    for _ in range(20):
        shift = normal(3) * 1e-3 if bias else None
        other = Fit(
            fit.weight + 1e-3 * normal(*fit.weight.shape),
            fit.bias + shift if bias else None,
            fit.residual, fit.rank, fit.unknowns, fit.samples,
        )  # fmt: skip
        assert (other(y_m0) - y_s).square().mean().sqrt() > fit.residual


# ------------------------------------------------------------------------------- when the data do not suffice


def test_too_few_samples_are_refused_with_their_numbers():
    with pytest.raises(ValueError) as error:
        fit_h(normal(1, 4, 5, 5), normal(1, 1, 5, 5))
    assert str(error.value) == (
        "fit_h: under-determined, 25 samples of rank 25 for 36 unknowns per output channel; "
        "give a larger or less regular map, more images, a smaller kernel, or a ridge such as ridge=1e-6"
    )


def test_a_map_that_shows_too_little_is_refused_however_large_it_is():
    """Two equal channels: no data can tell their kernels apart. A constant map likewise, but for its border."""
    channel = normal(1, 1, 20, 20)
    with pytest.raises(ValueError, match=r"400 samples of rank 9 for 18 unknowns"):
        fit_h(torch.cat([channel, channel], 1), channel)
    with pytest.raises(ValueError, match=r"400 samples of rank 0 for 9 unknowns"):
        fit_h(torch.zeros_like(channel), channel)


def test_a_ridge_makes_an_under_determined_system_solvable():
    y_m0, weight = normal(1, 4, 5, 5), normal(2, 4, 3, 3)
    y_s = F.conv2d(y_m0, weight, padding=1)
    fit = fit_h(y_m0, y_s, ridge=1e-9)
    assert (fit.rank, fit.unknowns, fit.samples) == (25, 36, 25)
    assert fit.residual < 1e-6
    assert fit.weight.norm() < weight.norm()  # of all kernels that explain y_s it takes about the smallest


@pytest.mark.parametrize("bias", [False, True])
def test_the_ridge_solution_tends_to_the_plain_one(bias):
    y_m0, y_s = normal(2, 2, 9, 9), 3 + normal(2, 3, 9, 9)
    plain = fit_h(y_m0, y_s, bias=bias)
    errors = [max_error(fit_h(y_m0, y_s, bias=bias, ridge=10.0**-k).weight, plain.weight) for k in (1, 3, 5, 7, 9)]
    assert all(later < earlier / 50 for earlier, later in pairwise(errors))
    assert errors[-1] < 1e-8


def test_the_ridge_is_the_penalty_that_the_docstring_states():
    """Its solution is where the gradient of mean square + ridge * ||weight||^2 vanishes, summed over channels."""
    y_m0, y_s, ridge = normal(2, 2, 9, 9), 3 + normal(2, 3, 9, 9), 0.3
    fit = fit_h(y_m0, y_s, bias=True, ridge=ridge)
    weight, bias = fit.weight.clone().requires_grad_(), fit.bias.clone().requires_grad_()
    residual = F.conv2d(y_m0, weight, bias, padding=1) - y_s
    loss = residual.square().sum() / fit.samples + ridge * weight.square().sum()
    for gradient in torch.autograd.grad(loss, [weight, bias]):
        assert gradient.abs().max() < 1e-12


def test_the_bias_is_not_penalised():
    y_s = torch.full((1, 1, 9, 9), 5.0, dtype=torch.float64)
    fit = fit_h(normal(1, 1, 9, 9), y_s, bias=True, ridge=1e6)
    assert fit.bias.item() == pytest.approx(5, abs=1e-6) and fit.weight.abs().max() < 1e-5


@pytest.mark.parametrize("bias", [False, True])
def test_convention_fit_h_ridge_means_the_same_for_any_number_of_samples(bias):
    """The data term is a mean: the same images twice give the same kernel."""
    y_m0, y_s = normal(1, 2, 9, 9), normal(1, 3, 9, 9)
    once = fit_h(y_m0, y_s, bias=bias, ridge=0.1)
    twice = fit_h(torch.cat([y_m0, y_m0]), torch.cat([y_s, y_s]), bias=bias, ridge=0.1)
    assert twice.samples == 2 * once.samples
    assert max_error(twice.weight, once.weight) <= 1e-12


# ------------------------------------------------------------------------------------------- gradients, dtypes


def test_gradcheck_of_the_fit_applied():
    fit = fit_h(normal(1, 2, 8, 8), normal(1, 2, 8, 8), bias=True)
    assert gradcheck(fit, normal(1, 2, 4, 5).requires_grad_())
    assert gradcheck(lambda y_m: fit.on_guide(y_m, rate=2), normal(1, 2, 5, 4).requires_grad_())


def test_float32_stays_float32_and_within_its_tolerance():
    weight, y_m0 = torch.randn(2, 2, 3, 3), torch.randn(2, 2, 16, 16)
    fit = fit_h(y_m0, F.conv2d(y_m0, weight, padding=1))
    assert fit.weight.dtype == torch.float32
    assert max_error(fit.weight, weight) <= 1e-5


def test_on_guide_works_where_some_sizes_are_odd():
    fit = fit_h(normal(1, 1, 8, 8), normal(1, 2, 8, 8))
    y_m = normal(1, 1, 7, 5)
    y = fit.on_guide(y_m, rate=2)
    assert y.shape == (1, 2, 7, 5)
    for got, phase in zip(split(y, rate=2), split(y_m, rate=2), strict=True):
        assert max_error(got, F.conv2d(phase, fit.weight, padding=1)) <= 1e-12


# ------------------------------------------------------------------------------------------- what is refused


def with_one(value):
    y = normal(1, 1, 8, 8)
    y[0, 0, 3, 4] = value
    return y


good = torch.ones(1, 1, 8, 8, dtype=torch.float64)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("y_m0", "y_s", "options", "error", "words"),
    [
        (with_one(float("nan")), good, {}, ValueError, "y_m0 holds 1 NaN or infinite values; remove them first"),
        (good, with_one(float("inf")), {}, ValueError, "y_s holds 1 NaN or infinite values; remove them first"),
        (good[0], good, {}, ValueError, "y_m0 has shape (1, 8, 8); it needs four axes (B, C, h, w)"),
        (good, good.long(), {}, TypeError, "y_s is torch.int64; pass floating point"),
        (good.tolist(), good, {}, TypeError, "y_m0 is list; pass a torch tensor (B, C, h, w)"),
        (good[:0], good[:0], {}, ValueError, "y_m0 is empty, shape (0, 1, 8, 8); every axis must be >= 1"),
        (good, good[..., :7], {}, ValueError, "must share B, h, w and dtype; is y_m0 = reduce(y_m, rate=...)?"),
        (good, good.repeat(2, 1, 1, 1), {}, ValueError, "y_m0 (1, 1, 8, 8) torch.float64 and y_s (2, 1, 8, 8)"),
        (good, good.float(), {}, ValueError, "y_s (1, 1, 8, 8) torch.float32 must share B, h, w and dtype"),
        (good, good, {"kernel": 2}, ValueError, "kernel=2; its size must be odd"),
        (good, good, {"kernel": (3, 4)}, ValueError, "kernel=(3, 4); its size must be odd"),
        (good, good, {"kernel": 0}, ValueError, "kernel=0; kernel must be an integer >= 1"),
        (good, good, {"kernel": 3.0}, TypeError, "kernel=3.0; kernel must be an integer >= 1"),
        (good, good, {"ridge": -0.1}, ValueError, "ridge=-0.1; ridge must be a number >= 0 (0 is plain least squares)"),
        (good, good, {"ridge": float("nan")}, ValueError, "ridge=nan; ridge must be a number >= 0"),
        (good, good, {"ridge": float("inf")}, ValueError, "ridge=inf; ridge must be a number >= 0"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_with_their_numbers(y_m0, y_s, options, error, words):
    with pytest.raises(error) as caught:
        fit_h(y_m0, y_s, **options)
    assert str(caught.value).startswith("fit_h: ") and words in str(caught.value)
