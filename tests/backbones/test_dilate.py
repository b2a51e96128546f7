"""dilate: the rates, the real strides, the same weights; and what it refuses."""

import pytest
import torch
from torch import nn

from jpu_edu.backbones.cascade import Cascade
from jpu_edu.backbones.dilate import dilate
from jpu_edu.backbones.resnet import Bottleneck, resnet18, resnet50
from jpu_edu.backbones.tiny import tiny
from jpu_edu.backbones.vgg import vgg16


def rates(stage: nn.Module) -> list[int]:
    return [m.dilation[0] for m in stage.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3)]


def test_convention_the_first_block_keeps_the_previous_rate() -> None:
    with torch.device("meta"):
        eight, sixteen = (dilate(resnet50(), output_stride=s) for s in (8, 16))
    assert (rates(eight.layer2), rates(eight.layer3), rates(eight.layer4)) == ([1] * 4, [1] + [2] * 5, [2, 4, 4])
    assert (rates(sixteen.layer3), rates(sixteen.layer4)) == ([1] * 6, [1, 2, 2])


def test_in_a_basic_block_the_rate_starts_after_the_stride() -> None:
    net = dilate(tiny(width=4), output_stride=8)
    assert (rates(net.layer3), rates(net.layer4)) == ([1, 2], [2, 4])


def test_multi_grid_multiplies_the_rate_of_every_block_of_the_last_stage() -> None:
    with torch.device("meta"):
        net = dilate(resnet50(), output_stride=16, multi_grid=(1, 2, 4))
    assert (rates(net.layer3), rates(net.layer4)) == ([1] * 6, [2, 4, 8])


@pytest.mark.parametrize(("output_stride", "strides"), [(8, (2, 4, 8, 8, 8)), (16, (2, 4, 8, 16, 16))])
@pytest.mark.parametrize("make", [tiny, resnet18, resnet50, vgg16])
def test_the_stated_strides_are_the_real_ones(make, output_stride: int, strides: tuple[int, ...]) -> None:
    with torch.device("meta"):
        before = make()
        net = dilate(before, output_stride=output_stride)
        maps = net.eval()(torch.empty(1, 3, 97, 66))
    assert net.strides == strides
    assert before.strides == (2, 4, 8, 16, 32)
    assert [m.shape[2:] for m in maps] == [(-(-97 // s), -(-66 // s)) for s in strides]


def test_copies_by_default_and_shares_on_request() -> None:
    net = tiny(width=4)
    copied, shared = dilate(net), dilate(net, share=True)
    for name, weight in net.state_dict(keep_vars=True).items():
        assert torch.equal(copied.state_dict()[name], weight)
        assert copied.state_dict()[name].data_ptr() != weight.data_ptr()
        assert shared.state_dict(keep_vars=True)[name] is weight
    assert net.layer4[0].conv1.stride == (2, 2)


def test_cascade_doubles_the_rate_from_block_to_block() -> None:
    with torch.device("meta"):
        net = Cascade(resnet50(), output_stride=16, blocks=7, multi_grid=(1, 2, 1))
        c5 = net.eval()(torch.empty(1, 3, 97, 65)).c5
    assert [rates(block) for block in net.added] == [[4, 8, 4], [8, 16, 8], [16, 32, 16]]
    assert isinstance(net.added[0][0], Bottleneck)
    assert c5.shape == (1, net.channels[-1], 7, 5)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: dilate(tiny(), output_stride=4), ValueError, "output_stride=4; choose 8 or 16"),
        (lambda: dilate(dilate(tiny())), ValueError, r"\(2, 4, 8, 8, 8\), so it is dilated already"),
        (lambda: dilate(nn.Conv2d(3, 3, 3)), TypeError, "Conv2d has no `stages`"),
        (lambda: dilate(tiny(), multi_grid=(1, 2, 4)), ValueError, "last stage has 1 block"),
        (lambda: dilate(vgg16(width=2), multi_grid=(1, 2)), ValueError, "VGG has none"),
        (lambda: Cascade(tiny(), blocks=8), ValueError, "blocks=8"),
    ],
)
def test_errors_say_what_to_do(make, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()
