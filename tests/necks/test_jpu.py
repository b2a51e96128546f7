"""The JPU: the official numbers, gradients and parameters; its conventions; any size, any levels."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from jpu_edu.layers.features import Features
from jpu_edu.necks.jpu import JPU
from jpu_edu.ops.phases import merge, split
from tests import reference

JPU_NAMES = {r"inputs\.c(\d)": r"conv\1"}
TINY = (1, 4, 8, 16, 32)


def tiny(run: str = "jpu_tiny") -> JPU:
    return reference.filled(JPU(TINY, width=16), reference.SEPARABLE, JPU_NAMES, reference.BLOCKS, run=run)


def odd_features() -> Features:
    maps = [
        reference.randn(2, *shape, seed=10 + i)
        for i, shape in enumerate([(4, 26, 34), (8, 13, 17), (16, 7, 9), (32, 4, 5)])
    ]
    return Features(torch.zeros(2, 1, 1, 1).double(), *maps)


def pyramid(channels=TINY, *, size=(40, 56), batch=2, dtype=torch.float32) -> Features:
    """Maps as a backbone gives them: each the size of the one before over two, rounded up."""
    maps, (h, w) = [], size
    for c in channels:
        h, w = -(-h // 2), -(-w // 2)
        maps.append(torch.randn(batch, c, h, w, dtype=dtype))
    return Features(*maps)


def test_it_is_the_official_module_at_odd_sizes():
    want = reference.array("jpu_tiny__out0")
    torch.testing.assert_close(tiny()(odd_features())[:, ::3], want, rtol=1e-9, atol=1e-9)


def test_it_is_the_official_module_at_even_sizes():
    c3, c4, c5 = (
        reference.randn(1, *shape, seed=s) for s, shape in [(14, (8, 16, 24)), (15, (16, 8, 12)), (16, (32, 4, 6))]
    )
    y = tiny("jpu_tiny_even")(Features(c3, c3, c3, c4, c5))
    torch.testing.assert_close(y[:, ::3], reference.array("jpu_tiny_even__out0"), rtol=1e-9, atol=1e-9)


def test_written_out_line_by_line_it_is_the_same_function():
    jpu, features = tiny().eval(), odd_features()
    w = jpu.state_dict()

    def norm(x, name):
        return F.batch_norm(x, *(w[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")))

    names = {part.split(".")[1] for part in w if part.startswith("inputs.")}
    assert names == {"c3", "c4", "c5"}
    size, maps = features.c3.shape[-2:], []
    for name in ("c5", "c4", "c3"):  # each level to one width, then to the size of c3, the deepest first
        conv = F.conv2d(getattr(features, name), w[f"inputs.{name}.conv.weight"], padding=1)
        y = F.relu(norm(conv, f"inputs.{name}.norm"))
        maps.append(F.interpolate(y, size=size, mode="bilinear", align_corners=True))
    guide, branches = torch.cat(maps, dim=1), []
    for i, rate in enumerate((1, 2, 4, 8)):
        path = f"branches.{i}"
        depthwise = F.conv2d(
            guide, w[f"{path}.separable.depthwise.weight"], padding=rate, dilation=rate, groups=guide.shape[1]
        )
        pointwise = F.conv2d(norm(depthwise, f"{path}.separable.norm"), w[f"{path}.separable.pointwise.weight"])
        branches.append(F.relu(norm(pointwise, f"{path}.norm")))
    torch.testing.assert_close(jpu(features), torch.cat(branches, dim=1), rtol=1e-12, atol=1e-12)


def test_training_gives_the_official_loss_gradients_and_running_statistics():
    want, jpu = reference.record("jpu_tiny_train"), tiny().train()
    features = Features(*(c.requires_grad_() for c in odd_features()))
    y = jpu(features)
    torch.testing.assert_close(y[:, ::3], reference.array("jpu_tiny_train__out"), rtol=1e-9, atol=1e-9)
    loss = (y * torch.linspace(-1, 1, y.numel(), dtype=y.dtype).view_as(y)).sum()
    assert loss.item() == pytest.approx(want["loss_value"], rel=1e-9)
    loss.backward()
    for name, c in (("c2", features.c3), ("c3", features.c4), ("c4", features.c5)):
        torch.testing.assert_close(c.grad, reference.array(f"jpu_tiny_train__grad_{name}"), rtol=1e-9, atol=1e-9)
    names = (reference.SEPARABLE, JPU_NAMES, reference.BLOCKS)
    for key, parameter in jpu.named_parameters():
        got = [parameter.grad.sum().item(), parameter.grad.norm().item()]
        assert got == pytest.approx(want["grad_sums"][reference.official(key, *names)], rel=1e-9, abs=1e-9)
    statistics = {reference.official(k, *names): b.sum().item() for k, b in jpu.named_buffers() if "running" in k}
    assert statistics == pytest.approx(want["running_mean_after"], rel=1e-9)


def test_it_has_as_many_parameters_as_the_official_one():
    with torch.device("meta"):
        jpu = JPU((64, 256, 512, 1024, 2048))
    assert sum(p.numel() for p in jpu.parameters()) == 19_735_552
    assert jpu.out_channels == 2048


def test_convention_the_deepest_level_comes_first():
    """[c5, c4, c3] as in the official code: with c3 and c4 silent, only the first third of the channels speaks."""
    jpu = JPU(TINY, width=2, norm="frozen").eval()
    seen = []
    jpu.branches[0].register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    f = pyramid()
    jpu(f._replace(c3=torch.zeros_like(f.c3), c4=torch.zeros_like(f.c4)))
    assert seen[0][:, :2].abs().max() > 0
    assert seen[0][:, 2:].abs().max() == 0


def test_convention_shallow_first_is_the_same_function_with_permuted_weights():
    """What a checkpoint from mmsegmentation needs."""
    deep, shallow = JPU(TINY, width=3).double().eval(), JPU(TINY, width=3, order="shallow_first").double().eval()
    weights = deep.state_dict()
    for key, value in weights.items():
        if "depthwise" in key or ("separable.norm" in key and value.ndim):
            weights[key] = torch.cat(value.chunk(3, dim=0)[::-1], dim=0)
        elif "pointwise" in key:
            weights[key] = torch.cat(value.chunk(3, dim=1)[::-1], dim=1)
    f = pyramid(dtype=torch.float64)
    before = shallow(f)
    shallow.load_state_dict(weights)
    torch.testing.assert_close(shallow(f), deep(f), rtol=0, atol=1e-12)
    assert (before - deep(f)).abs().max() > 1e-3


@pytest.mark.parametrize("align_corners", [True, False])
def test_convention_align_corners_is_the_callers_choice(align_corners):
    jpu = JPU(TINY, width=2, norm="frozen", align_corners=align_corners).eval()
    seen = []
    jpu.branches[0].register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    f = pyramid()
    jpu(f)
    want = nn.functional.interpolate(
        jpu.inputs["c5"](f.c5), size=f.c3.shape[2:], mode="bilinear", align_corners=align_corners
    )
    torch.testing.assert_close(seen[0][:, :2], want, rtol=0, atol=0)


def test_the_branch_at_rate_4_works_on_each_of_the_16_phases_alone():
    """Split and merge in disguise: phase k of the result needs phase k of the joined map and no other."""
    branch = JPU(TINY, width=4, norm="frozen").eval().double().branches[2]
    x = torch.randn(1, 12, 23, 30, dtype=torch.float64)
    weight = branch.separable.depthwise.weight
    phases = [nn.functional.conv2d(p, weight, padding=1, groups=12) for p in split(x, rate=4)]
    torch.testing.assert_close(branch.separable.depthwise(x), merge(phases, rate=4), rtol=0, atol=1e-12)


@given(h=st.integers(32, 90), w=st.integers(32, 90))
def test_any_size_gives_the_size_of_c3(h, w):
    f = pyramid(size=(h, w), batch=1)
    assert JPU(TINY, width=2, norm="group")(f).shape == (1, 8, *f.c3.shape[2:])


def test_a_rate_larger_than_the_map_leaves_the_centre_tap():
    jpu = JPU(TINY, width=4, rates=(64,), norm="frozen").double().eval()
    f = pyramid(dtype=torch.float64)
    centre = JPU(TINY, width=4, rates=(1,), norm="frozen").double().eval()
    weights = jpu.state_dict()
    weights["branches.0.separable.depthwise.weight"] = nn.functional.pad(
        weights["branches.0.separable.depthwise.weight"][:, :, 1:2, 1:2], (1, 1, 1, 1)
    )
    centre.load_state_dict(weights)
    torch.testing.assert_close(jpu(f), centre(f), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("levels", "rates"), [((2, 3, 4, 5), (1, 2, 4, 8, 16)), ((4, 5), (1, 2)), ((1, 5), (3,))])
def test_any_number_of_levels_and_rates(levels, rates):
    f = pyramid()
    jpu = JPU(TINY, levels=levels, rates=rates, width=4)
    assert jpu(f).shape == (2, jpu.out_channels, *f[levels[0] - 1].shape[2:])
    assert jpu.out_channels == 4 * len(rates)


@pytest.mark.parametrize("norm", ["batch", "frozen", "group", "sync"])
def test_every_norm_trains_and_every_level_gets_a_gradient(norm):
    f = Features(*(c.requires_grad_() for c in pyramid()))
    jpu = JPU(TINY, width=4, norm=norm).train()
    jpu(f).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in jpu.parameters())
    assert all(c.grad.abs().max() > 0 for c in (f.c3, f.c4, f.c5))


def test_errors_carry_the_numbers_and_the_remedy(unchecked):
    with pytest.raises(ValueError, match=r"levels=\(5, 4, 3\); name two or more of 1 to 5 from shallow to deep"):
        JPU(TINY, levels=(5, 4, 3))
    with pytest.raises(ValueError, match=r"rates=\(\); give at least one rate"):
        JPU(TINY, rates=())
    with pytest.raises(ValueError, match=r"order='c3'; choose one of deep_first, shallow_first"):
        JPU(TINY, order="c3")
    with pytest.raises(ValueError, match=r"JPU: c4: got a map of shape \(2, 8, 3, 4\), expected \(B, 16, H, W\)"):
        f = pyramid()
        JPU(TINY, width=2)(f._replace(c4=f.c4[:, :8]))
