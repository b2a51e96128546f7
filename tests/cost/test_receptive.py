"""The receptive field by arithmetic equals the one that the gradient shows, path by path."""

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import nn

from jpu_edu.cost.receptive import effective_size, gradient_map, gradient_support, receptive_field

windows = st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), st.integers(0, 2))
stacks = st.lists(windows, min_size=1, max_size=4)


def network(layers, *, ones):
    convs = [nn.Conv2d(1, 1, k, s, p, r, bias=False).double() for k, s, r, p in layers]
    if ones:
        for conv in convs:
            nn.init.ones_(conv.weight)
    return nn.Sequential(*convs)


def output_size(layers, size):
    for k, s, r, p in layers:
        size = (size + 2 * p - r * (k - 1) - 1) // s + 1
        if size < 1:
            return 0
    return size


def meets_padding_in_the_middle(layers, size, position):
    """Follow the output's span down through the layers: does it leave a map below the top and above the input?"""
    sizes = [size]
    for layer in layers:
        sizes.append(output_size([layer], sizes[-1]))
    first = last = position
    for (k, s, r, p), below in zip(reversed(layers[1:]), reversed(sizes[1:-1]), strict=True):
        first, last = first * s - p, last * s + (k - 1) * r - p
        if first < 0 or last >= below:
            return True
    return False


@given(layers=stacks, size=st.integers(5, 40), share=st.floats(0, 1))
def test_theory_equals_gradient_support_with_padding_strides_and_even_kernels(layers, size, share):
    outputs = output_size(layers, size)
    assume(outputs > 0)
    position = min(int(share * outputs), outputs - 1)
    x = torch.zeros(1, 1, size, size, dtype=torch.float64)
    support = gradient_support(network(layers, ones=False), x, position=(position, position))
    axis = torch.zeros(size, dtype=torch.bool)
    axis[[i for i in receptive_field(layers).inputs_of(position) if 0 <= i < size]] = True
    want = axis[:, None] & axis
    assert not (support & ~want).any()
    if not meets_padding_in_the_middle(layers, size, position):
        assert torch.equal(support, want)


def test_a_path_through_the_padding_of_a_middle_layer_ends_there():
    """Two 3x3 layers at the corner: the theory's 3 x 3 visible inputs are all reached, though by fewer paths;
    with a 1x1 layer that pads, output 0 is padding alone and sees nothing."""
    x = torch.zeros(1, 1, 5, 5, dtype=torch.float64)
    layers = [(3, 1, 1, 1), (3, 1, 1, 1)]
    counted = gradient_map(network(layers, ones=True), x, position=(0, 0))
    assert receptive_field(layers).paths == (1, 2, 3, 2, 1)
    assert counted[0, :3].tolist() == [4, 4, 2]  # rows give a factor 2 in place of 3, columns 2, 2, 1
    blind = [(2, 1, 1, 0), (1, 1, 1, 1)]
    assert receptive_field(blind).inputs_of(0) == (-1, 0)
    assert not gradient_support(network(blind, ones=True), x, position=(0, 0)).any()


@given(layers=st.lists(windows.map(lambda w: (*w[:3], 0)), min_size=1, max_size=4))
def test_with_all_weights_one_the_gradient_counts_the_paths(layers):
    """Without padding every path ends on a pixel, and the gradient is their number."""
    field = receptive_field(layers)
    x = torch.zeros(1, 1, field.size, field.size, dtype=torch.float64)
    paths = torch.tensor(field.paths, dtype=torch.float64)
    assert torch.equal(gradient_map(network(layers, ones=True), x, position=(0, 0)), torch.outer(paths, paths))


@given(layers=stacks)
def test_size_and_stride_follow_the_known_recursion(layers):
    size, jump, start = 1, 1, 0
    for k, s, r, p in layers:
        size, start, jump = size + r * (k - 1) * jump, start - p * jump, jump * s
    field = receptive_field(layers)
    assert (field.size, field.stride, field.start) == (size, jump, start)
    assert field.inputs_of(2)[0] == start + 2 * jump
    assert field.inputs_of(2)[-1] == start + 2 * jump + size - 1


@pytest.mark.parametrize(
    ("rates", "size", "touched"),
    [((2, 2, 2), 13, 7), ((1, 2, 3), 13, 13), ((1, 1, 1), 7, 7), ((1, 2, 4), 15, 15), ((2, 4, 8), 29, 15)],
)
def test_span_is_not_coverage(rates, size, touched):
    field = receptive_field([(3, 1, r) for r in rates])
    assert field.size == size
    assert len(field.touched) == touched
    assert field.coverage == (touched / size) ** 2


def test_rates_2_2_2_cover_29_percent_and_rates_1_2_3_all():
    assert f"{receptive_field([(3, 1, 2)] * 3).coverage:.0%}" == "29%"
    assert receptive_field([(3, 1, r) for r in (1, 2, 3)]).coverage == 1


def test_convention_padding_by_half_the_kernel_centres_output_0_on_input_0():
    """Odd kernels at 'same' padding sit on their pixel whatever the stride; an even kernel sits half a pixel off."""
    assert receptive_field([(3, 2, 1, 1), (3, 1, 2, 2), (7, 2, 1, 3)]).centre == 0
    assert receptive_field([(4, 2, 1, 1)]).centre == 0.5
    assert receptive_field([(3, 1, 1, 0)]).centre == 1


def test_no_layers_see_one_pixel():
    field = receptive_field([])
    assert (field.size, field.stride, field.centre, field.coverage, field.paths) == (1, 1, 0, 1, (1,))


def test_resnet_stem_and_vgg_have_the_sizes_of_the_literature():
    """VGG-16 up to pool5 sees 212 pixels at stride 32 (Araujo et al., Distill 2019)."""
    conv, pool = (3, 1, 1, 1), (2, 2, 1, 0)
    vgg = [conv, conv, pool] * 2 + [conv, conv, conv, pool] * 3
    field = receptive_field(vgg)
    assert (field.size, field.stride) == (212, 32)


def test_the_effective_field_is_smaller_than_the_theoretical_and_grows_more_slowly():
    sizes = []
    for depth in (5, 20):
        layers = [(3, 1, 1, 0)] * depth
        theory = receptive_field(layers).size
        x = torch.zeros(1, 1, theory, theory, dtype=torch.float64)
        sizes.append(effective_size(gradient_map(network(layers, ones=True), x, position=(0, 0))) / theory)
    assert 1 > sizes[0] > 1.5 * sizes[1]


def test_effective_size_counts_pixels_above_the_share():
    gradient = torch.zeros(9, 9)
    gradient[2:5, 2:5] = 1.0
    gradient[0, 0] = 0.04
    assert effective_size(gradient) == 3
    assert effective_size(gradient, share=0.03) == 10**0.5
    assert effective_size(torch.zeros(4, 4)) == 0


def test_the_gradient_adds_over_channels_and_batch_and_leaves_x_alone():
    conv = nn.Conv2d(2, 3, 1, bias=False)
    x = torch.randn(4, 2, 5, 5)
    with torch.no_grad():
        got = gradient_map(conv, x, position=(-1, 2))
    assert x.grad is None and not x.requires_grad
    want = torch.zeros(5, 5)
    want[4, 2] = 4 * conv.weight.sum(0).abs().sum()
    torch.testing.assert_close(got, want)


def test_a_wrong_layer_is_named_with_its_place():
    with pytest.raises(ValueError, match=r"layer 1 is \(3, 1, 0\); .* \(rate 1 means no dilation\)"):
        receptive_field([(3, 1, 1), (3, 1, 0)])
    with pytest.raises(ValueError, match=r"padding >= 0"):
        receptive_field([(3, 1, 1, -1)])


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("layer", [(3, 1), 3, (3, 1.5, 1), "313"])
def test_a_layer_of_another_form_is_refused(layer):
    with pytest.raises(TypeError, match=r"layer 0 is .*; give \(kernel, stride, rate\)"):
        receptive_field([layer])


def test_questions_without_an_answer_are_refused():
    x = torch.zeros(1, 1, 4, 4)
    with pytest.raises(ValueError, match=r"position=\(4, 0\); the output is 4 x 4"):
        gradient_map(nn.Identity(), x, position=(4, 0))
    with pytest.raises(ValueError, match=r"f returned \(1, 1, 4\); it must return a map"):
        gradient_map(lambda x: x[..., 0], x, position=(0, 0))
    with pytest.raises(ValueError, match=r"does not depend on x"):
        gradient_map(lambda x: x.detach(), x, position=(0, 0))
    with pytest.raises(ValueError, match=r"share=1\.0"):
        effective_size(torch.ones(2, 2), share=1.0)
