"""Whole images and sliding windows: against the reference's scores, for every builder and any size."""

import functools
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from jpu_edu.backbones.tiny import tiny
from jpu_edu.data.classes import VOID
from jpu_edu.data.held import Held
from jpu_edu.data.scenes import Scenes
from jpu_edu.layers.features import SegOutput
from jpu_edu.layers.norm import FrozenBatchNorm
from jpu_edu.metrics.confusion import confusion
from jpu_edu.metrics.scores import mean_iou
from jpu_edu.models import build, weights
from jpu_edu.models.fuse import fuse
from jpu_edu.train import protocol
from jpu_edu.train.protocol import evaluating, official, official_scores, probabilities, whole_image
from tests.models.test_build import VARIANTS
from tests.reference import fill_value, randn, record

DATA = Path(__file__).parents[2] / "figures" / "data"
LARGE = Held(Scenes(8, split="val", size=(192, 192)))
NETWORK = functools.partial(build.fastfcn, classes=4, backbone="tiny", head="fcn")


def picture(height: int, width: int) -> torch.Tensor:
    return torch.randint(256, (3, height, width), dtype=torch.uint8)


class Stub(nn.Module):
    """The network of the reference's run: 0.3 times a 5x5 convolution. It notes the sizes that it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(fill_value("c.weight", (5, 3, 5, 5)).double())
        self.bias = nn.Parameter(fill_value("c.bias", (5,)).double())
        self.sizes = []

    def forward(self, x: torch.Tensor) -> SegOutput:
        self.sizes.append(tuple(x.shape))
        return SegOutput(0.3 * F.conv2d(x, self.weight, self.bias, padding=2))


# The official protocol


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(
    "run", ["landscape_ss", "landscape_ms", "portrait_ss", "portrait_ms", "square_ss", "square_ms"]
)
def test_convention_official_scores_are_the_reference_s(run, batch):
    """Base 52, crop 48, randn with seed 70; "ms" is the six scales with flips."""
    wanted = record("multi_eval")[run]
    more = {"scales": protocol.OFFICIAL_SCALES, "flip": True} if run.endswith("ms") else {}
    with torch.no_grad():
        scores = official_scores(Stub(), randn(1, 3, *wanted["size"], seed=70), base=52, crop=48, batch=batch, **more)
    assert list(scores.shape) == wanted["shape"]
    assert scores.sum().item() == pytest.approx(wanted["sum"], rel=1e-9)
    assert scores.argmax(1).flatten().bincount(minlength=5).tolist() == wanted["argmax_hist"]


@pytest.mark.parametrize(
    ("size", "windows"), [((375, 500), 2), ((500, 375), 2), ((500, 500), 4), ((100, 100), 4), ((10, 500), 2)]
)
def test_it_slides_windows_of_480_over_a_long_side_of_520(size, windows):
    """375 x 500 becomes 390 x 520: one row of two windows."""
    stub = Stub().float()
    official_scores(stub, torch.zeros(1, 3, *size))
    assert stub.sizes == [(1, 3, 480, 480)] * windows


def test_a_long_side_of_half_a_pixel_is_rounded_up():
    """97 / 2 = 48.5: at 49 windows of 48 no longer hold the image, and there are four."""
    stub = Stub().float()
    official_scores(stub, torch.zeros(1, 3, 40, 40), base=97, crop=48, scales=(0.5,))
    assert len(stub.sizes) == 4


def test_official_takes_a_picture_as_it_is_read():
    model, image = NETWORK().eval(), picture(40, 61)
    scores = official(model, image, base=65, crop=48, scales=(0.5, 1), flip=True)
    x = protocol.normalise(image[None])
    with torch.no_grad():
        wanted = official_scores(model, x, base=65, crop=48, scales=(0.5, 1), flip=True)[0]
    assert scores.shape == (4, 40, 61) and torch.equal(scores, wanted) and not scores.requires_grad


def test_scores_beyond_the_dtype_are_not_passed_on():
    model = NETWORK()
    nn.init.constant_(model.head.classifier[-1].bias, 90.0)
    with pytest.raises(OverflowError, match=r"beyond torch.float32; try model.double\(\)"):
        official(model, picture(40, 40), base=52, crop=48)
    assert official(model.double(), picture(40, 40), base=52, crop=48).isfinite().all()


# Whole images


@pytest.mark.parametrize("name", VARIANTS)
def test_every_network_labels_any_size_at_any_scale(name):
    builder, change = VARIANTS[name]
    model = builder(classes=4, backbone=tiny(width=8, stem="deep"), **change).eval()
    for size in ((37, 51), (1, 1), (20, 70)):
        image = picture(*size)
        labels, scores = whole_image(model, image), probabilities(model, image)
        assert labels.shape == size and labels.dtype == torch.int64
        best, told = scores.max(0).values, scores.gather(0, labels[None])[0]
        torch.testing.assert_close(told, best)  # equal classes, up to ties
        many = probabilities(model, image, scales=(0.5, 1.3), flip=True)
        torch.testing.assert_close(many.sum(0), torch.ones(size))


def test_one_scale_is_the_softmax_of_the_network():
    model, image = NETWORK().eval(), picture(64, 45)
    with torch.no_grad():
        logits = model(protocol.normalise(image[None])).logits[0]
    torch.testing.assert_close(probabilities(model, image), logits.softmax(0))
    assert torch.equal(whole_image(model, image), logits.argmax(0))


def test_with_the_crop_of_the_training_the_sides_get_its_remainders():
    """45 x 61 with a crop of 64 x 33 becomes 48 x 65 by repeating the last row and column."""
    model, image = NETWORK().eval(), picture(45, 61)
    model.crop = (64, 33)
    model.head.classifier[-1].weight.data *= 30  # else all pixels are of one class
    larger = image[:, torch.arange(48).clamp(max=44)][:, :, torch.arange(65).clamp(max=60)]
    for one in (model, fuse(model)):
        assert torch.equal(whole_image(one, image), whole_image(one, larger, fill=False)[:45, :61])
        scores = probabilities(one, image)
        torch.testing.assert_close(scores, probabilities(one, larger, fill=False)[:, :45, :61])
        assert not torch.allclose(scores, probabilities(one, image, fill=False))
        assert torch.equal(whole_image(one, larger), whole_image(one, larger, fill=False)), "nothing to fill"
        assert whole_image(one, picture(1, 1)).shape == (1, 1)


def test_a_pixel_more_costs_a_network_20_points_and_none_with_its_crop():
    """The FastFCN of walkthrough 12, trained at 128 x 128. Learned, so measured: 8 scenes."""
    model = weights.load(DATA / "fastfcn_scenes.safetensors").float()
    found = {}
    model.crop = (128, 128)  # the file is older than the note
    for name, fill in (("as it is", False), ("filled", True)):
        for size in (128, 129):
            matrix = torch.zeros(7, 7, dtype=torch.int64)
            for image, labels in LARGE:
                said = whole_image(model, image[:, :size, :size], fill=fill)
                matrix += confusion(said, labels[:size, :size], classes=7, void=VOID)
            found[name, size] = mean_iou(matrix, absent="skip")
    assert found["filled", 128] == found["as it is", 128]
    assert found["as it is", 129] < found["as it is", 128] - 0.15
    assert found["filled", 129] > found["as it is", 128] - 0.02


def test_flips_make_it_blind_to_mirroring():
    model, image = NETWORK(), picture(70, 90)
    scores = probabilities(model, image, scales=(0.5, 1, 1.5), flip=True)
    mirrored = probabilities(model, image.flip(-1), scales=(0.5, 1, 1.5), flip=True)
    torch.testing.assert_close(mirrored.flip(-1), scores)
    alone = probabilities(model, image.flip(-1)).flip(-1) - probabilities(model, image)
    assert alone.abs().max() > 1e-3


def test_a_small_picture_is_filled_up_with_the_mean_colour_and_cut_again():
    model, image = NETWORK().eval(), picture(10, 40)
    x = F.pad(protocol.normalise(image[None]), (0, 0, 0, 22))
    with torch.no_grad():
        assert torch.equal(whole_image(model, image), model(x).logits[0, :, :10].argmax(0))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_the_image_takes_the_dtype_of_the_network(dtype):
    assert probabilities(NETWORK().to(dtype), picture(40, 40)).dtype == dtype


def test_a_fused_network_answers_alike():
    model, image = NETWORK().eval(), picture(64, 80)
    fused = fuse(model)
    assert (whole_image(fused, image) == whole_image(model, image)).float().mean() > 0.99
    torch.testing.assert_close(probabilities(fused, image), probabilities(model, image), atol=1e-4, rtol=0)
    assert official(fused, image, base=52, crop=48).shape == (4, 64, 80)
    assert fused.classes is None and not fused.training


def test_every_module_is_left_in_the_mode_that_it_was_in():
    model = NETWORK(norm="frozen")
    model.train()
    model.backbone.eval()
    modes = [module.training for module in model.modules()]
    assert True in modes and any(isinstance(module, FrozenBatchNorm) for module in model.modules())
    image = picture(40, 40)
    for run in (whole_image, probabilities, functools.partial(official, base=52, crop=48)):
        run(model, image)
        assert [module.training for module in model.modules()] == modes
    with pytest.raises(KeyError), evaluating(model):
        assert not model.training and not torch.is_grad_enabled()
        raise KeyError
    assert [module.training for module in model.modules()] == modes and torch.is_grad_enabled()


@pytest.mark.parametrize("scales", [(), (0.5, 0), (-1,), (float("nan"),), (float("inf"),)])
@pytest.mark.parametrize("run", [probabilities, official])
def test_scales_that_are_none_are_named(run, scales):
    with pytest.raises(ValueError, match=r"scales=\(.*give one or more factors > 0"):
        run(NETWORK(), picture(40, 40), scales=scales)


def test_sizes_that_cannot_be_are_named():
    for wrong in ({"crop": 31}, {"base": 0}, {"batch": 0}):
        with pytest.raises(ValueError, match=rf"{next(iter(wrong))}={next(iter(wrong.values()))}"):
            official(NETWORK(), picture(40, 40), **wrong)
