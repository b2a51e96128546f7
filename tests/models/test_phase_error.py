"""Errors by phase: what is exact is 0, what a row has seen is what it says, and the numbers add up."""

import pytest
import torch
from torch import Tensor, nn

from jpu_edu.backbones.resnet import resnet18, resnet50
from jpu_edu.backbones.tiny import tiny
from jpu_edu.models.phase_error import phase_error
from jpu_edu.models.phase_report import PhaseReport, _guide, phase_errors
from jpu_edu.ops.phases import reduce


def image(seed: int, *, height: int = 128, width: int = 120) -> Tensor:
    """Smooth noise: neighbouring pixels agree, as in a photograph."""
    coarse = torch.randn(1, 3, 16, 15, generator=torch.Generator().manual_seed(seed))
    return nn.functional.interpolate(coarse, size=(height, width), mode="bicubic")


@pytest.fixture(scope="module")
def reports() -> dict[int, PhaseReport]:
    torch.manual_seed(0)
    backbone = tiny()
    return {stride: phase_errors(backbone, image(1), output_stride=stride, steps=150) for stride in (8, 16)}


def row(report: PhaseReport, start: str):
    return next(r for r in report.rows if r.name.startswith(start))


def test_an_approximation_that_is_y_d_has_no_error_and_the_mean_has_error_one() -> None:
    y_d = torch.randn(2, 3, 9, 7, dtype=torch.float64)
    exact = phase_error("y_d", y_d, y_d, rate=2)
    assert (exact.overall, exact.phases) == (0.0, (0.0,) * 4)
    mean = phase_error("mean", y_d.mean((0, 2, 3), keepdim=True).expand_as(y_d), y_d, rate=4)
    assert mean.overall == pytest.approx(1.0, abs=1e-12)
    assert len(mean.phases) == 16


def test_an_error_on_one_pixel_is_found_in_its_phase_and_on_the_map() -> None:
    y_d = torch.randn(1, 2, 8, 8, dtype=torch.float64)
    y = y_d.clone()
    y[0, 0, 5, 2] += 1.0
    found = phase_error("one pixel", y, y_d, rate=4)
    assert [k for k, e in enumerate(found.phases) if e > 0] == [4 * (5 % 4) + 2 % 4]
    assert found.map.nonzero().tolist() == [[5, 2]]


def test_the_phases_make_up_the_whole() -> None:
    y, y_d = torch.randn(2, 2, 3, 9, 11, dtype=torch.float64)
    found = phase_error("noise", y, y_d, rate=2)
    pixels = [5 * 6, 5 * 5, 4 * 6, 4 * 5]
    whole = sum(n * e**2 for n, e in zip(pixels, found.phases, strict=True)) / 99
    assert found.overall**2 == pytest.approx(whole, rel=1e-12)
    assert found.overall**2 == pytest.approx(found.map.square().mean().item(), rel=1e-12)


@torch.no_grad()
@pytest.mark.parametrize("make", [resnet18, resnet50, tiny])
def test_the_guide_reduced_leads_to_y_s(make) -> None:
    """y_m0 is what the strided network computes on its way: its remaining layers turn it into y_s."""
    backbone = make(width=8).double().eval()
    features = backbone(image(0).double())
    first, *others = backbone.layer4
    y_m0 = reduce(_guide(first, features.c4), rate=2).contiguous()
    if make is resnet50:
        y_s = nn.Sequential(*others)(y_m0)
    else:
        main, shortcut = y_m0.chunk(2, dim=1)
        y_s = nn.Sequential(*others)(torch.relu(first.bn2(first.conv2(main)) + shortcut))
    torch.testing.assert_close(y_s, features.c5, atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("stride", [8, 16])
def test_what_keeps_y_s_in_its_place_is_exact_on_phase_zero_and_nowhere_else(reports, stride: int) -> None:
    for name in ("nearest", "bilinear, phase-aligned"):
        found = row(reports[stride], name)
        assert found.phases[0] < 1e-5
        assert min(found.phases[1:]) > 0.1
    for corners in ("True", "False"):
        assert row(reports[stride], f"bilinear, align_corners={corners}").phases[0] > 0.1


@pytest.mark.parametrize("stride", [8, 16])
def test_h_is_good_where_it_was_fitted_and_worse_where_it_is_used(reports, stride: int) -> None:
    for name in ("h: one 3x3", "h: 3x3, ReLU, 3x3"):
        found = row(reports[stride], name)
        assert found.fitted == "y_m0, y_s"
        assert found.phases[0] < 0.7 * min(found.phases[1:])


def test_a_jpu_that_was_shown_the_answer_beats_all_interpolation(reports) -> None:
    for report in reports.values():
        assert row(report, "JPU").overall < min(r.overall for r in report.rows if r.fitted == "nothing")


def test_the_table_has_a_row_for_each_and_a_column_for_each_phase(reports) -> None:
    head, _, *lines = reports[8].table().splitlines()
    assert head.split()[-16:] == [f"{p},{q}" for p in range(4) for q in range(4)]
    assert len(lines) == len(reports[8].rows) + 2
    assert f"{100 * reports[8].kept:.0f} % of its variance kept; fitted on the image itself" in lines[-1]


def test_a_report_repeats_and_leaves_network_and_generator_alone() -> None:
    backbone, state = tiny().train(), torch.random.get_rng_state()
    first, second = (phase_errors(backbone, image(1), output_stride=16, fit_on=image(2), steps=3) for _ in range(2))
    for one, other in zip(first.rows, second.rows, strict=True):
        assert one.phases == pytest.approx(other.phases, rel=1e-4, abs=1e-4)
    assert first.held_out
    assert backbone.training and all(layer.stride == (2, 2) for layer in [backbone.layer4[0].conv1])
    assert torch.equal(state, torch.random.get_rng_state())


def test_errors_say_what_to_do(unchecked: None) -> None:
    y = torch.zeros(1, 2, 4, 4)
    with pytest.raises(ValueError, match="resize y to y_d first"):
        phase_error("y", y, y[..., :3], rate=2)
    with pytest.raises(TypeError, match=r"got Identity; pass a ResNet, such as network\.backbone"):
        phase_errors(nn.Identity(), image(0))
    with pytest.raises(ValueError, match="channels=0, steps=200; both must be >= 1"):
        phase_errors(tiny(), image(0), channels=0)
    with pytest.raises(ValueError, match="output_stride=4; choose 8 or 16"):
        phase_errors(tiny(), image(0), output_stride=4)
