"""The reformulation: native, each and once are one chain, and its phase 0 is the strided chain."""

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from jpu_edu.ops.chains import Layer, dilated_chain, guide, strided_chain
from jpu_edu.ops.compare import max_error
from jpu_edu.ops.phases import merge, rate_pair, reduce, split

KINDS = ("identity", "relu", "batchnorm", "1x1", "residual")
WAYS = ("native", "each", "once")


def relu(y, x):
    return y.relu()


def residual(y, x):
    return (y + x).relu()


def normal(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def batchnorm(channels, *, training):
    weight, shift, mean, variance = normal(channels), normal(channels), normal(channels), normal(channels).exp()
    return lambda y, x: F.batch_norm(y, mean.clone(), variance.clone(), weight, shift, training=training)


def layer(kind, inputs, outputs, *, kernel=(3, 3), groups=1, bias=True):
    """A layer with small weights and the pointwise step of that name after it."""
    weight = normal(outputs, inputs // groups, *kernel) / (inputs // groups * kernel[0] * kernel[1]) ** 0.5
    mix = normal(outputs, outputs, 1, 1)
    steps = {"relu": relu, "batchnorm": batchnorm(outputs, training=False), "residual": residual}
    steps["1x1"] = lambda y, x: F.conv2d(y, mix)
    return Layer(weight, normal(outputs) if bias else None, groups, **({"then": steps[kind]} if kind in steps else {}))


@st.composite
def chains(draw, *, rates=(2, 3, 4)):
    """A map of any size that has no empty phase, a rate, and one to four layers of any kind."""
    torch.manual_seed(draw(st.integers(0, 2**20)))
    rate = draw(st.one_of(st.sampled_from(rates), st.tuples(st.sampled_from(rates), st.sampled_from(rates))))
    size = [r + draw(st.integers(0, 9)) for r in rate_pair(rate)]
    channels = [2 * draw(st.integers(1, 2)) for _ in range(draw(st.integers(2, 5)))]
    layers = []
    for inputs, outputs in pairwise(channels):
        kind = draw(st.sampled_from(KINDS if inputs == outputs else KINDS[:-1]))
        kernel = draw(st.sampled_from([(3, 3), (1, 3), (5, 3), (1, 1)]))
        layers.append(
            layer(kind, inputs, outputs, kernel=kernel, groups=draw(st.sampled_from([1, 2])), bias=draw(st.booleans()))
        )
    return normal(draw(st.integers(1, 2)), channels[0], *size), layers, rate


def chain_by_pytorch(x, layers, rate):
    """y_d with F.conv2d and no name of ours: the first layer regular, the others dilated."""
    for i, one in enumerate(layers):
        rates = rate_pair(rate if i else 1)
        pads = [r * (k // 2) for r, k in zip(rates, one.weight.shape[-2:], strict=True)]
        x = one.then(F.conv2d(x, one.weight, one.bias, padding=pads, dilation=rates, groups=one.groups), x)
    return x


@given(case=chains())
def test_native_each_and_once_are_the_same_chain(case):
    x, layers, rate = case
    want = chain_by_pytorch(x, layers, rate)
    assert want.shape[-2:] == x.shape[-2:]
    for by in WAYS:
        assert max_error(dilated_chain(x, layers, rate=rate, by=by), want) <= 1e-12


@pytest.mark.parametrize("by", WAYS)
@given(case=chains())
def test_phase_0_of_the_dilated_chain_is_the_strided_chain(by, case):
    x, layers, rate = case
    y_s = strided_chain(x, layers, rate=rate)
    assert max_error(reduce(dilated_chain(x, layers, rate=rate, by=by), rate=rate), y_s) <= 1e-12


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rate", [2, 3, 4])
@pytest.mark.parametrize("size", [(8, 8), (9, 11), (12, 7), (5, 5)])
def test_every_pointwise_step_commutes_at_every_rate_and_at_odd_sizes(kind, rate, size):
    layers = [layer(kind, 4, 4) for _ in range(3)]
    x = normal(2, 4, *size)
    y_s = strided_chain(x, layers, rate=rate)
    for by in WAYS:
        assert max_error(reduce(dilated_chain(x, layers, rate=rate, by=by), rate=rate), y_s) <= 1e-12


@given(case=chains())
def test_the_strided_chain_is_y_m_reduced_and_pushed_through_the_other_layers(case):
    x, (first, *rest), rate = case
    y = reduce(guide(x, [first, *rest]), rate=rate)
    for one in rest:
        pads = [k // 2 for k in one.weight.shape[-2:]]
        y = one.then(F.conv2d(y, one.weight, one.bias, padding=pads, groups=one.groups), y)
    assert max_error(strided_chain(x, [first, *rest], rate=rate), y) <= 1e-12


def test_the_other_phases_are_the_same_layers_on_the_other_phases_of_the_guide():
    """Eq. of section 3.3: y_d = M(C_r^n(S(y_m))), and each phase of it can be had alone."""
    layers = [layer("relu", 2, 4), layer("relu", 4, 4), layer("identity", 4, 2)]
    x = normal(1, 2, 9, 10)
    y_d = dilated_chain(x, layers, rate=2)
    for y, phase in zip(split(y_d, rate=2), split(guide(x, layers), rate=2), strict=True):
        for one in layers[1:]:
            phase = one.regular(phase)
        assert max_error(y, phase) <= 1e-12


@pytest.mark.parametrize("by", WAYS)
def test_one_layer_is_the_guide_itself(by):
    x, layers = normal(1, 2, 7, 6), [layer("relu", 2, 3)]
    assert torch.equal(dilated_chain(x, layers, rate=2, by=by), guide(x, layers))
    assert max_error(strided_chain(x, layers, rate=2), guide(x, layers)[..., ::2, ::2]) <= 1e-12


@given(case=chains())
def test_the_gradients_agree_too(case):
    """Of the input, of every weight and of every bias, for the sum over y_s and over reduce(y_d)."""
    x, layers, rate = case
    gradients = []
    for run in (
        lambda x, layers: strided_chain(x, layers, rate=rate),
        *(lambda x, layers, by=by: reduce(dilated_chain(x, layers, rate=rate, by=by), rate=rate) for by in WAYS),
    ):
        leaves = [x.clone().requires_grad_()]
        copies = []
        for one in layers:
            weight = one.weight.clone().requires_grad_()
            bias = None if one.bias is None else one.bias.clone().requires_grad_()
            leaves += [weight] if bias is None else [weight, bias]
            copies.append(Layer(weight, bias, one.groups, one.then))
        y = run(leaves[0], copies)
        coefficients = torch.linspace(-1, 1, y.numel(), dtype=y.dtype).reshape(y.shape)
        gradients.append(torch.autograd.grad((y * coefficients).sum(), leaves))
    for other in gradients[1:]:
        for got, want in zip(other, gradients[0], strict=True):
            assert max_error(got, want) <= 1e-12


# ---------------------------------------------------------------------------------------- where it breaks


@pytest.mark.parametrize("by", ["each", "once"])
def test_batchnorm_in_train_mode_breaks_it(by):
    """Its mean and variance see all phases in the native chain, one phase in the other two."""
    torch.manual_seed(1)
    train = Layer(normal(4, 4, 3, 3), then=batchnorm(4, training=True))
    layers, x = [layer("relu", 4, 4), train], normal(1, 4, 9, 9)
    native = dilated_chain(x, layers, rate=2, by="native")
    assert max_error(dilated_chain(x, layers, rate=2, by=by), native) > 0.05
    assert max_error(reduce(native, rate=2), strided_chain(x, layers, rate=2)) > 0.05


def test_a_step_that_is_not_pointwise_breaks_it():
    """A 3x3 mean after the convolution looks at neighbours, which belong to other phases."""
    blur = Layer(normal(2, 2, 3, 3), then=lambda y, x: F.avg_pool2d(y, 3, stride=1, padding=1))
    layers, x = [layer("relu", 2, 2), blur], normal(1, 2, 8, 8)
    native = dilated_chain(x, layers, rate=2)
    assert max_error(dilated_chain(x, layers, rate=2, by="once"), native) > 0.05


def test_another_phase_is_not_the_strided_chain():
    layers, x = [layer("relu", 2, 2), layer("relu", 2, 2)], normal(1, 2, 8, 8)
    y_s = strided_chain(x, layers, rate=2)
    for phase in split(dilated_chain(x, layers, rate=2), rate=2)[1:]:
        assert max_error(phase, y_s) > 0.05


def test_swapped_phases_are_not_the_dilated_chain():
    layers, x = [layer("relu", 2, 2), layer("relu", 2, 2)], normal(1, 2, 8, 8)
    y_d = dilated_chain(x, layers, rate=2)
    first, second, third, fourth = split(y_d, rate=2)
    assert max_error(merge([first, third, second, fourth], rate=2), y_d) > 0.05


# ------------------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("guide", guide),
        ("strided_chain", lambda x, layers: strided_chain(x, layers, rate=2)),
        ("dilated_chain", lambda x, layers: dilated_chain(x, layers, rate=2)),
    ],
)
def test_no_layers_are_refused(name, call):
    with pytest.raises(ValueError, match=f"{name}: got no layers; pass the layer that makes y_m and then the n"):
        call(normal(1, 1, 4, 4), [])


@pytest.mark.usefixtures("unchecked")
def test_an_unknown_way_is_refused_with_the_choices():
    with pytest.raises(ValueError, match="dilated_chain: by='phases'; choose one of native, each, once"):
        dilated_chain(normal(1, 2, 4, 4), [layer("relu", 2, 2)], rate=2, by="phases")


@pytest.mark.parametrize("by", ["each", "once"])
@pytest.mark.parametrize("size", [(2, 9), (9, 2)])
def test_a_rate_above_the_size_of_the_map_is_refused_by_phases(by, size):
    layers, x = [layer("relu", 2, 2), layer("relu", 2, 2)], normal(1, 2, *size)
    assert dilated_chain(x, layers, rate=3, by="native").shape[-2:] == size
    with pytest.raises(ValueError, match=rf"rate=3 exceeds the map of {size[0]} x {size[1]}, so some phases are empty"):
        dilated_chain(x, layers, rate=3, by=by)


@pytest.mark.parametrize("by", WAYS)
def test_a_rate_below_1_is_refused(by):
    layers = [layer("relu", 2, 2), layer("relu", 2, 2)]
    with pytest.raises(ValueError, match=r"rate=0; rate must be an integer >= 1"):
        dilated_chain(normal(1, 2, 4, 4), layers, rate=0, by=by)
    with pytest.raises(ValueError, match=r"strided_chain: rate=-1; rate must be an integer >= 1"):
        strided_chain(normal(1, 2, 4, 4), layers, rate=-1)


def test_an_even_kernel_is_refused():
    with pytest.raises(ValueError, match="kernel 2 x 3 is even"):
        guide(normal(1, 2, 4, 4), [layer("relu", 2, 2, kernel=(2, 3))])
