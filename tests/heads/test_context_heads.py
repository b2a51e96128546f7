"""What each way to gather context does to a map: means, rates, codes, growing windows, crosses."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from jpu_edu.heads.aspp import ASPP
from jpu_edu.heads.context import ContextHead, ContextModule, make_identity
from jpu_edu.heads.criss_cross import CrissCrossAttention, CrissCrossHead, criss_cross
from jpu_edu.heads.enc import ContextEncoding, EncHead
from jpu_edu.heads.psp import PyramidPooling
from tests.heads.test_reference_heads import NOTHING, pyramid


def columns_seen(module: nn.Module, *, channels: int, size: int) -> int:
    """How many columns of the input the centre output depends on, by its gradient."""
    x = torch.rand(1, channels, size, size, requires_grad=True)
    module(x)[0, 0, size // 2, size // 2].backward()
    return int((x.grad.abs().sum((0, 1)) > 0).any(0).sum())


def test_convention_the_pyramid_puts_the_map_first_and_the_means_in_order_behind():
    pool = PyramidPooling(4, bins=(1, 2), norm="frozen").eval()
    assert pool.out_channels == 8
    x = torch.rand(1, 4, 6, 8)
    y = pool(x)
    assert torch.equal(y[:, :4], x)
    mean = pool.levels[0](x.mean((2, 3), keepdim=True))
    torch.testing.assert_close(y[:, 4:6], mean.expand(-1, -1, 6, 8))


def test_convention_aspp_joins_1x1_then_rates_in_order_then_image():
    """Each part filled with its own constant, read back from what the last 1x1 is given."""
    module = ASPP(2, 1, rates=(2, 3), norm="frozen").eval()
    parts = [module.point, *module.branches, module.image]
    for number, part in enumerate(parts):
        part.conv.weight.data.zero_()
        part.norm.bias.fill_(number + 1.0)
    seen = []
    module.project.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    module(torch.rand(1, 2, 6, 7))
    assert seen[0][0, :, 3, 4].tolist() == [1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize("align_corners", [True, False])
def test_convention_the_pyramid_resizes_with_the_chosen_alignment(align_corners):
    pool = PyramidPooling(2, bins=(2, 2), norm="frozen", align_corners=align_corners).eval()
    x = torch.rand(1, 2, 6, 8)
    means = pool.levels[0](nn.functional.adaptive_avg_pool2d(x, 2))
    want = nn.functional.interpolate(means, size=(6, 8), mode="bilinear", align_corners=align_corners)
    torch.testing.assert_close(pool(x)[:, 2:3], want)


def test_a_rate_as_large_as_the_map_leaves_the_centre_tap_of_an_aspp_branch():
    branch = ASPP(3, 2, rates=(17,), norm="frozen").eval().branches[0]
    x = torch.randn(1, 3, 13, 17)
    want = nn.functional.conv2d(x, branch.conv.weight[:, :, 1:2, 1:2])
    torch.testing.assert_close(branch.conv(x), want)


@pytest.mark.parametrize(("image_pooling", "columns"), [(False, 3), (True, 31)])
def test_the_image_mean_lets_aspp_see_across_the_map(image_pooling, columns):
    """At rate 2 alone a pixel depends on three columns, 2 apart."""
    aspp = ASPP(2, 4, rates=(2,), image_pooling=image_pooling, norm="frozen").eval()
    for module in aspp.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.uniform_(module.weight)
    assert columns_seen(aspp, channels=2, size=31) == columns


def test_the_context_module_sees_67_pixels_with_nine_taps_a_layer():
    module = ContextModule(1)
    for conv in module.convs:
        nn.init.ones_(conv.weight)
    assert columns_seen(module, channels=1, size=101) == 67


def test_the_context_module_is_born_as_relu():
    x = torch.randn(2, 5, 9, 7)
    assert torch.equal(ContextModule(5)(x), x.relu())
    head = ContextHead(4, 3).eval()
    y = torch.randn(2, 4, 9, 7)
    assert torch.equal(head(y, NOTHING).logits, head.classifier(y).relu())


def test_only_a_square_convolution_can_be_the_identity():
    with pytest.raises(ValueError, match=r"make_identity: 3 -> 4 channels, groups=1; .* as many outputs as inputs"):
        make_identity(nn.Conv2d(3, 4, 3))


def test_the_gate_of_encnet_multiplies_every_channel_by_a_number_between_one_and_two():
    module = ContextEncoding(6, classes=4, codes=3).eval()
    x = torch.rand(2, 6, 5, 4) + 0.1
    y, se = module(x)
    ratio = y / x
    assert se.shape == (2, 4)
    assert ratio.min() > 1 and ratio.max() < 2
    torch.testing.assert_close(ratio, ratio[..., :1, :1].expand_as(ratio))


def test_presence_scores_do_not_depend_on_where_things_are():
    head = EncHead(6, 4, width=8, codes=3).double().eval()
    y = torch.randn(1, 6, 5, 4).double()
    shuffled = y.flatten(2)[:, :, torch.randperm(20)].view_as(y)
    torch.testing.assert_close(head(shuffled, NOTHING).se, head(y, NOTHING).se, rtol=0, atol=1e-12)
    assert EncHead(6, 4, width=8, codes=3, se=False).eval()(y.float(), NOTHING).se is None


def test_lateral_maps_of_another_size_are_resized_to_y():
    """The official head stops here when y comes from the JPU at stride 8 and c4 is at stride 16."""
    f = pyramid()
    head = EncHead(6, 3, width=8, codes=4, lateral=(4, 8)).eval()
    y = torch.randn(2, 6, *f.c3.shape[2:])
    logits = head(y, f).logits
    assert logits.shape[2:] == y.shape[2:]
    assert not torch.equal(logits, head(y, f._replace(c4=f.c4 + 1)).logits)


def criss_cross_by_loops(query, key, value):
    out = torch.zeros_like(value)
    batch, _, height, width = value.shape
    for b, i, j in itertools.product(range(batch), range(height), range(width)):
        cross = [(m, j) for m in range(height) if m != i] + [(i, n) for n in range(width)]
        scores = torch.stack([query[b, :, i, j] @ key[b, :, m, n] for m, n in cross])
        out[b, :, i, j] = sum(a * value[b, :, m, n] for a, (m, n) in zip(scores.softmax(0), cross, strict=True))
    return out


@given(h=st.integers(1, 5), w=st.integers(1, 5), b=st.integers(1, 2))
def test_criss_cross_attention_equals_its_definition_by_loops(h, w, b):
    query, key, value = (torch.randn(b, c, h, w).double() for c in (3, 3, 4))
    got = criss_cross(query, key, value)
    torch.testing.assert_close(got, criss_cross_by_loops(query, key, value), rtol=0, atol=1e-12)


def test_gradients_of_criss_cross_attention():
    inputs = [torch.randn(1, c, 3, 4, dtype=torch.float64, requires_grad=True) for c in (2, 2, 3)]
    assert torch.autograd.gradcheck(criss_cross, inputs)


def test_criss_cross_attention_is_born_as_the_identity():
    x = torch.randn(2, 16, 5, 6)
    assert torch.equal(CrissCrossAttention(16)(x), x)


def test_one_pass_sees_a_cross_and_two_passes_see_the_whole_map():
    attention = CrissCrossAttention(8).double()
    nn.init.ones_(attention.gamma)

    def seen(passes: int) -> int:
        x = torch.randn(1, 8, 7, 9, dtype=torch.float64, requires_grad=True)
        y = x
        for _ in range(passes):
            y = attention(y)
        y[0, :, 2, 3].sum().backward()
        return int((x.grad.abs().sum((0, 1)) > 0).sum())

    assert seen(1) == 7 + 9 - 1
    assert seen(2) == 7 * 9


def test_attention_that_never_happens_is_refused():
    with pytest.raises(ValueError, match=r"recurrence=0; attend at least once"):
        CrissCrossHead(16, 3, recurrence=0)
