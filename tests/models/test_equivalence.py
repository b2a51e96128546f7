"""The equivalence at network scale: float64, eval, odd sizes; and the three ways to lose it."""

import pytest
import torch
from torch import Tensor, nn

from jpu_edu.backbones.dilate import dilate
from jpu_edu.backbones.resnet import resnet18, resnet50, resnet101
from jpu_edu.backbones.tiny import tiny
from jpu_edu.backbones.vgg import vgg16
from jpu_edu.models.equivalence import by_phases, counterexamples, phase_zero
from jpu_edu.ops.compare import compare


def lived_in(net: nn.Module) -> nn.Module:
    """Float64, eval mode, and BatchNorm statistics that are not 0 and 1."""
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
            if module.num_features > 128:
                nn.init.constant_(module.weight, 0.5)
    return net.double().eval()


def image(height: int, width: int) -> Tensor:
    return torch.randn(1, 3, height, width, dtype=torch.float64)


@pytest.mark.parametrize(
    ("make", "size"),
    [*((make, size) for make in (resnet50, resnet101) for size in ((97, 97), (64, 96))), (resnet50, (225, 301))],
)
def test_os32_is_phase_zero_of_os8_at_full_width(make, size: tuple[int, int]) -> None:
    row = phase_zero(lived_in(make()), image(*size))
    assert row.error <= 1e-12, row


@pytest.mark.parametrize("size", [(97, 129), (64, 96), (33, 50)])
@pytest.mark.parametrize("output_stride", [8, 16])
@pytest.mark.parametrize("make", [tiny, resnet18, resnet50, resnet101, vgg16])
def test_os32_is_phase_zero_for_every_backbone_and_stride(make, output_stride: int, size: tuple[int, int]) -> None:
    row = phase_zero(lived_in(make(width=8)), image(*size), output_stride=output_stride)
    assert row.error <= 1e-12, row


@pytest.mark.parametrize("size", [(97, 97), (64, 96)])
@pytest.mark.parametrize("output_stride", [8, 16])
@pytest.mark.parametrize(("make", "width"), [(resnet50, 64), (resnet101, 16)])
def test_the_dilated_map_is_16_undilated_ones_merged(
    make, width: int, output_stride: int, size: tuple[int, int]
) -> None:
    net, x = lived_in(make(width=width)), image(*size)
    runs = []
    net.layer4[1].register_forward_hook(lambda module, args, out: runs.append(module.conv2.dilation))
    merged = by_phases(net, x, output_stride=output_stride)
    assert runs[1:] == [(1, 1)] * (16 if output_stride == 8 else 4)  # the first run is the network as built
    dilated = dilate(net, output_stride=output_stride, share=True)
    with torch.no_grad():
        assert compare("whole map", merged, dilated(x).c5).error <= 1e-12


@pytest.mark.parametrize("make", [resnet50, resnet101])
def test_counterexamples_break_by_far_more_than_rounding(make) -> None:
    net, x = lived_in(make(width=16)), image(97, 97)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    rows = counterexamples(net, x)
    assert [row.name for row in rows] == [
        "every block dilated", "multi-grid (1, 2, 4)", "BatchNorm in training mode",
    ]  # fmt: skip
    assert all(row.passed and row.error > 1e-3 for row in rows), rows
    assert all(torch.equal(net.state_dict()[name], tensor) for name, tensor in before.items())
    assert not net.training


def test_by_phases_leaves_the_strides_as_they_were() -> None:
    net = lived_in(resnet50(width=4))
    by_phases(net, image(33, 40))
    assert net.layer3[0].conv2.stride == net.layer4[0].downsample[0].stride == (2, 2)


def test_by_phases_says_what_it_cannot_do() -> None:
    with pytest.raises(ValueError, match=r"call \.eval\(\)"):
        by_phases(resnet50(width=4), image(32, 32))
    with pytest.raises(ValueError, match="single 3x3"):
        by_phases(lived_in(tiny(width=4)), image(32, 32))
