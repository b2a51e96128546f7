"""Linear maps to y_d: what must come out where the answer is known, and that what is judged was held out."""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from jpu_edu.backbones.dilate import dilate
from jpu_edu.bench import nearness, resemble, twin_maps
from jpu_edu.bench.camvid import Sets
from jpu_edu.bench.nearness import CONDITIONS, Condition, Effort
from jpu_edu.bench.resemble import Explained, Moments, check_apart, difference, explain, in_batches, judge
from jpu_edu.data.classes import Classes
from jpu_edu.data.sets import Sample
from jpu_edu.models.build import dilated_fcn, fastfcn
from jpu_edu.ops.phases import merge, reduce
from jpu_edu.ops.solve import fit_h

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Noise:
    """Random images with random labels; two seeds share none."""

    count: int
    seed: int = 0
    size: tuple[int, int] = (40, 52)
    name: str = "noise"
    split: str = "train"
    classes: Classes = Classes(("a", "b"), ((0, 0, 0), (255, 255, 255)))  # noqa: RUF009

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        g = torch.Generator().manual_seed(100 * self.seed + index)
        image = torch.randint(0, 256, (3, *self.size), generator=g, dtype=torch.uint8)
        return Sample(image, (image[0] > 127).to(torch.uint8))


FIT, CHOOSE, HELD_OUT = (Noise(count, seed) for count, seed in ((10, 1), (5, 2), (9, 3)))
SETS = Sets(FIT, CHOOSE, HELD_OUT)


def look(x: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    """y_d is the image; the maps are what can be known about it."""
    g = torch.Generator().manual_seed(int(x.abs().sum() * 1e3) % 2**31)
    noise = torch.randn(x.shape, generator=g)
    mixed = torch.einsum("kc,bchw->bkhw", torch.tensor([[2.0, 1, 0], [0, 1, -1], [1, 0, 3]]), x) + 5
    return {"y_d": x, "linear": mixed, "noise": noise, "half": x + x.std() * noise, "two of three": x[:, :2]}, x


def explained(name: str = "", errors: Tensor | None = None, totals: Tensor | None = None) -> Explained:
    errors = torch.zeros(6, 4, dtype=torch.float64) if errors is None else errors
    return Explained(name, 1, None, errors, torch.ones_like(errors) if totals is None else totals)


def network(*, seed: int = 0):
    torch.manual_seed(seed)
    return fastfcn(classes=2, backbone="tiny", head="fcn", aux=False).eval()


# ------------------------------------------------------------------------------------------ the linear map itself


def test_the_sums_give_the_map_that_least_squares_gives():
    x, y = torch.randn(3, 5, 6, 7, dtype=torch.float64), torch.randn(3, 4, 6, 7, dtype=torch.float64)
    moments = Moments()
    for a, b in zip(x.split(2), y.split(2), strict=True):  # in pieces, as images come
        moments.add(a, b)
    got, want = moments.fit(), fit_h(x, y, kernel=1, bias=True)
    torch.testing.assert_close(got[:, :-1], want.weight[:, :, 0, 0], atol=1e-10, rtol=1e-10)
    torch.testing.assert_close(got[:, -1], want.bias, atol=1e-10, rtol=1e-10)
    torch.testing.assert_close(moments.mean, y.mean((0, 2, 3)))


def test_the_sums_give_the_squared_error_of_any_map():
    x, y = torch.randn(2, 5, 6, 7).double(), torch.randn(2, 4, 6, 7).double()
    moments, linear = Moments(), torch.randn(4, 6).double()
    moments.add(x, y)
    rest = torch.einsum("dc,bchw->bdhw", linear[:, :-1], x) + linear[:, -1, None, None] - y
    assert moments.error(linear) == pytest.approx(rest.square().sum().item())
    errors = [moments.error(moments.fit(ridge=ridge)) for ridge in (0.0, 1e-2, 1.0)]
    assert errors == sorted(errors) and errors[0] < errors[-1], "a ridge costs on the images of the fit"


def test_the_ridge_leaves_the_constant_alone():
    x, y = torch.randn(2, 3, 8, 8).double(), torch.full((2, 1, 8, 8), 7.0).double()
    moments = Moments()
    moments.add(x, y)
    assert moments.error(moments.fit(ridge=1e3)) == pytest.approx(0, abs=1e-9)


# --------------------------------------------------------------------------------------------- what is explained


def test_y_d_explains_itself_noise_explains_nothing_and_a_linear_relation_is_recovered():
    found = {e.name: e for e in explain(look, FIT, CHOOSE, HELD_OUT, rate=2, device=CPU)}
    assert found["y_d"].r2() == pytest.approx(1, abs=1e-6) and found["linear"].new == pytest.approx(1, abs=1e-6)
    assert abs(found["noise"].r2()) < 0.01
    assert found["half"].r2() == pytest.approx(0.5, abs=0.05)
    assert found["two of three"].r2() == pytest.approx(2 / 3, abs=0.05)
    assert found["noise"].errors.shape == (len(HELD_OUT), 4)


def test_what_was_learned_by_heart_explains_nothing_of_other_images():
    """48 random channels for the pixels of one small image: a fit without a judge would call that resemblance."""
    small = [Noise(1, seed, size=(8, 8)) for seed in (1, 2, 3)]

    def many(x: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        g = torch.Generator().manual_seed(int(x.abs().sum() * 1e3) % 2**31)
        return {"many": torch.randn(1, 48, 8, 8, generator=g)}, x

    moments = Moments()
    for x in in_batches(small[0], CPU):
        moments.add(many(x)[0]["many"], x)
    plain = moments.fit(ridge=1e-9)
    variance = moments.yy - moments.count * moments.mean.square().sum()
    assert 1 - moments.error(plain) / variance.item() > 0.6, "on the image of the fit it looks like resemblance"
    (found,) = explain(many, *small, rate=2, device=CPU)
    assert found.r2() < 0.1 and found.ridge == max(resemble.RIDGES)


def test_r2_by_phase_is_that_of_the_phase():
    spoiled = [torch.zeros(9, 3, 20, 26), torch.ones(9, 3, 20, 26), *(torch.zeros(9, 3, 20, 26) for _ in "ab")]
    error = merge(spoiled, rate=2)
    done = []

    def wrong(x: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        start = sum(done)
        done.append(len(x))
        return {"m": x + error[start : start + len(x)]}, x

    (found,) = judge(wrong, {"m": lambda m: m}, HELD_OUT, mean=torch.zeros(3), rate=2, device=CPU)
    by_phase = found.record()["r2_by_phase"]
    assert [round(r, 6) for r in by_phase[:1] + by_phase[2:]] == [1, 1, 1] and by_phase[1] < 0.9
    assert found.record()["r2_new_phases"] < found.r2() < 1


def test_images_that_were_seen_are_refused():
    check_apart(FIT, CHOOSE, HELD_OUT)
    with pytest.raises(ValueError, match=r"noise train \[0\] is noise train \[2\] too; hold out other images"):
        check_apart(FIT, CHOOSE, _From(FIT, 2))
    with pytest.raises(ValueError, match="hold out other images"):
        explain(look, FIT, CHOOSE, FIT, rate=2, device=CPU)


class _From(Noise):
    """The images of another set from one on."""

    def __init__(self, images: Noise, first: int) -> None:
        super().__init__(images.count - first, images.seed)
        object.__setattr__(self, "first", first)

    def __getitem__(self, index: int) -> Sample:
        return super().__getitem__(index + self.first)


def test_a_difference_is_paired_and_its_interval_tells_better_from_equal():
    hard = torch.rand(60, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    b = explained("b", hard)
    better = difference(explained("a", 0.9 * hard), b)
    assert better["low"] > 0 and better["low"] <= better["difference"] <= better["high"]
    assert better["difference"] == pytest.approx(0.1 * hard[:, 1:].mean().item())
    same = difference(b, b)
    assert same == {"difference": 0, "low": 0, "high": 0}
    jitter = 0.2 * (torch.rand(60, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(2)) - 0.5)
    unclear = difference(explained("a", hard + jitter - jitter[:, 1:].mean()), b)
    assert unclear["low"] < 0 < unclear["high"]
    assert difference(explained("a", 0.9 * hard), b) == better, "the same images are drawn every time"


# --------------------------------------------------------------------------------------------- maps of the twins


def test_the_twins_share_their_weights_and_interpolated_y_s_is_exact_on_phase_0_alone():
    model, x = network(), next(in_batches(HELD_OUT, CPU))
    with torch.no_grad():
        maps, y_d = twin_maps.looking(model.backbone, {"up": twin_maps.Aligned(), "all": twin_maps.pyramid})(x)
        torch.testing.assert_close(reduce(maps["up"], rate=4), reduce(y_d, rate=4), atol=1e-5, rtol=1e-5)
        assert (maps["up"] - y_d).abs().max() > 0.01
    assert maps["all"].shape[1] == sum(model.backbone.channels[2:]) and maps["all"].shape[-2:] == y_d.shape[-2:]
    (found,) = judge(
        lambda x: twin_maps.looking(model.backbone, {"up": twin_maps.Aligned()})(x), {"up": lambda m: m}, HELD_OUT,
        mean=y_d.mean((0, 2, 3)), rate=4, device=CPU,
    )  # fmt: skip
    assert found.record()["r2_by_phase"][0] == pytest.approx(1) and found.new < 0.95


def test_an_untrained_neck_is_another_network_and_the_trained_one_stays():
    model, x = network(), torch.randn(4, 3, 64, 64)
    before = {name: t.clone() for name, t in model.neck.state_dict().items()}
    with torch.no_grad():
        features = model.backbone(x)
        fresh = twin_maps.untrained(model.neck, lambda neck: neck(features), seed=5)
        again = twin_maps.untrained(model.neck, lambda neck: neck(features), seed=5)
        y = fresh(features)
    assert all(torch.equal(t, before[name]) for name, t in model.neck.state_dict().items())
    assert not torch.equal(fresh.inputs.c3.conv.weight, model.neck.inputs.c3.conv.weight) and not fresh.training
    assert torch.equal(y, again(features))
    assert (fresh.inputs.c3.norm.running_mean.abs() > 1e-3).any(), "BatchNorm has the statistics of real maps"


def test_linear_maps_hold_the_jpu_against_what_was_never_trained():
    found = twin_maps.linear_maps(network(), SETS, device=CPU)
    maps = found["maps"]
    assert set(found["JPU minus"]) == set(maps) - {"JPU"} and len(maps) == 7
    assert maps["c3, c4, c5"]["r2"] > max(maps[part]["r2"] for part in ("c3", "interpolated y_s"))
    assert maps["JPU, shifted"]["r2"] < maps["JPU"]["r2"]
    assert all(row["low"] <= row["high"] for row in found["JPU minus"].values())


# ------------------------------------------------------------------------------------------- nearness as a task

EFFORT = Effort(steps=3, batch=2, crop=(40, 52))


@pytest.mark.parametrize("n", [1, 2])
def test_after_every_block_y_s_is_phase_0_of_what_is_to_be_found(n):
    backbone, x = network().backbone, torch.randn(1, 3, 65, 97)
    with torch.no_grad():
        look_n, rate = nearness.after_blocks(backbone, n)
        maps, y_d = look_n(x)
    assert rate == (2 if n == 1 else 4) and y_d.shape[-2:] == maps["c3"].shape[-2:]
    torch.testing.assert_close(reduce(y_d, rate=rate), maps["y_s"], atol=1e-5, rtol=1e-5)
    if n == 2:
        assert torch.equal(y_d, twin_maps.looking(backbone, {})(x)[1])


def test_a_depth_that_is_not_there_is_refused_and_a_resnet_50_is_looked_at_in_six_places():
    with pytest.raises(ValueError, match="n=3; the two stages have 2 blocks, from 1"):
        nearness.after_blocks(network().backbone, 3)
    with torch.device("meta"):
        assert nearness.depths(fastfcn(classes=2).backbone) == (1, 2, 3, 6, 7, 9)


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda c: c.name)
def test_every_condition_learns_and_leaves_the_backbone_as_it_was(condition):
    model = network()
    before = {name: t.clone() for name, t in model.backbone.state_dict().items()}
    trained = nearness.train_condition(model.backbone, condition, FIT, EFFORT, seed=1, device=CPU)
    assert all(torch.equal(t, before[name]) for name, t in model.backbone.state_dict().items())
    assert not any(p.grad is not None for p in model.backbone.parameters())
    other = nearness.train_condition(model.backbone, condition, FIT, Effort(1, 2, (40, 52)), seed=1, device=CPU)
    assert not torch.equal(trained.head.classifier[1].weight, other.head.classifier[1].weight)
    assert not trained.training and trained.labels(torch.randn(1, 3, 40, 52)).shape == (1, 40, 52)
    assert trained.backbone.strides[-1] == (8 if condition.neck in ("y_d", "jpu, dilated") else 32)


def test_a_backbone_that_learned_dilated_is_strided_again_with_the_same_weights():
    torch.manual_seed(0)
    twin, x = dilated_fcn(classes=2, backbone="tiny", aux=False).eval(), torch.randn(1, 3, 65, 97)
    backbone = nearness.strided(twin)
    with torch.no_grad():
        assert torch.equal(dilate(backbone)(x).c5, twin.backbone(x).c5)
        torch.testing.assert_close(backbone(x).c5, reduce(twin.backbone(x).c5, rate=4), atol=1e-5, rtol=1e-5)
    assert [c.neck for c in nearness.SWAPPED] == ["jpu", "y_d", "jpu, dilated"] and not backbone.training


def test_the_pull_brings_a_jpu_closer_and_y_d_itself_is_there_already():
    backbone = network().backbone
    effort = Effort(steps=60, batch=4, crop=(40, 52), lr=1e-2, scale=(1.0, 1.0))
    free, pulled, there = (
        nearness.nearness(backbone, c, SETS, effort, seed=0, device=CPU)
        for c in (Condition("free", "jpu"), Condition("pulled", "jpu", 10.0), Condition("there", "y_d"))
    )
    assert pulled["r2_new_phases"] > free["r2_new_phases"] + 0.02
    assert there["r2"] == pytest.approx(1, abs=1e-3)
    assert {"miou", "band_miou", "pixel_accuracy"} <= free["test"].keys() and pulled["pull"] == 10


def test_a_jpu_whose_task_is_y_d_learns_it_phase_by_phase():
    backbone = network().backbone
    short, long = (
        nearness.regress(backbone, 2, SETS, Effort(steps, 4, (40, 52), 1e-2, (1.0, 1.0)), seed=0, device=CPU)
        for steps in (1, 60)
    )
    assert len(long["JPU"]["r2_by_phase"]) == 16 and long["rate"] == 4
    assert long["JPU"]["r2_new_phases"] > max(0.05, short["JPU"]["r2_new_phases"])
    assert long["interpolated y_s"] == short["interpolated y_s"], "nothing is fitted there"
