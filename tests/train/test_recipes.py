"""Every recipe builds, and the official ones have the numbers of the facts."""

import os
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

from jpu_edu.data.held import Held
from jpu_edu.models import weights
from jpu_edu.models.build import fcn8s, make_backbone
from jpu_edu.train import recipes
from jpu_edu.train.groups import paper_groups
from tests.train import small


@pytest.mark.parametrize("recipe", recipes.RECIPES, ids=lambda r: r.__name__)
def test_every_recipe_builds_its_network_and_says_what_it_is(recipe):
    made = recipe()
    with torch.device("meta"):
        model = made.model(7)
    assert model.architecture["classes"] == 7 and model.architecture["backbone"] is not None
    assert model(torch.empty(2, 3, 64, 64, device="meta")).logits.shape == (2, 7, 64, 64)
    assert len(paper_groups(model, lr=made.config.lr)) >= 2
    assert made.name.startswith(recipe.__name__) and recipe.__doc__.splitlines()[0].endswith(".")


def test_names_differ():
    names = [recipe().name for recipe in recipes.RECIPES]
    assert len(set(names)) == len(names) and {recipe.__name__ for recipe in recipes.RECIPES} <= set(dir(recipes))


@pytest.mark.parametrize(
    ("recipe", "classes", "steps", "lr"),
    [(recipes.pcontext, 59, 80 * 312, 0.001), (recipes.ade20k, 150, 120 * 1263, 0.01)],
)
def test_the_official_recipes_have_the_official_numbers(unchecked, recipe, classes, steps, lr):
    config = recipe().config
    assert (config.steps, config.lr, config.lr_factor, config.batch, config.crop) == (steps, lr, 10, 16, (480, 480))
    assert (config.momentum, config.weight_decay, config.power, config.warmup) == (0.9, 1e-4, 0.9, 0)
    assert (config.aux_weight, config.se_weight, config.seed) == (0.2, 0.2, 1)
    assert (config.base, config.scale, config.flip, config.blur) == (520, (0.5, 2.0), True, True)
    assert (config.optimiser, config.schedule) == ("sgd", "poly")
    for head, jpu, depth, builder in (
        ("enc", True, 50, "fastfcn"), ("psp", True, 101, "fastfcn"), ("aspp", True, 50, "fastfcn"),
        ("enc", False, 50, "encnet"), ("psp", False, 50, "pspnet"), ("aspp", False, 101, "deeplabv3"),
    ):  # fmt: skip
        with torch.device("meta"):
            told = recipe(head=head, jpu=jpu, depth=depth).model(classes).architecture
        assert (told["builder"], told["backbone"]["name"]) == (builder, f"resnet{depth}")
        assert (told["norm"], told["backbone"]["stem"], told["aux"]) == ("sync", "deep", True)
        assert not jpu or told["head"] == head
    with pytest.raises(ValueError, match="head='fcn', depth=50; choose enc, psp or aspp"):
        recipe(head="fcn")


@pytest.mark.parametrize("recipe", [recipes.pcontext, recipes.ade20k, recipes.folder])
def test_the_norm_is_a_choice(recipe):
    """SyncBatchNorm needs GPUs, and BatchNorm batches of 8."""
    made = recipe(norm="group")
    with torch.device("meta"):
        model = made.model(7)
    assert any(isinstance(module, nn.GroupNorm) for module in model.modules())
    assert not any(isinstance(module, nn.BatchNorm2d | nn.SyncBatchNorm) for module in model.modules())


def test_the_official_recipes_take_torchvision_s_stem():
    with torch.device("meta"):
        assert recipes.ade20k(stem="7x7").model(150).architecture["backbone"]["stem"] == "7x7"


@pytest.mark.parametrize("recipe", [recipes.shapes_minute, recipes.camvid_quarter])
def test_a_network_that_is_not_there_is_refused_with_the_choices(unchecked, recipe):
    with pytest.raises(ValueError, match=r"network='unet'; choose one of fcn32s, .*fastfcn"):
        recipe(network="unet")


def test_the_networks_of_the_minute_differ_in_their_necks_alone():
    sizes = {}
    for name in ("fcn32s", "fcn8s", "bilinear", "encoder_decoder", "fpn", "dilated", "fastfcn"):
        recipe = recipes.shapes_minute(name)
        assert recipe.config == recipes.shapes_minute().config
        sizes[name] = recipe.model(7)
    first = sizes["fcn32s"].backbone.state_dict()
    assert all(model.backbone.state_dict().keys() == first.keys() for model in sizes.values())
    assert all(model.aux_head is None for model in sizes.values())


def test_the_camvid_recipes_share_every_number():
    names = [r for r in recipes.RECIPES if r.__name__.endswith("_r50")]
    assert len(names) == 12 and len({recipe().config for recipe in names}) == 1
    config = names[0]().config
    assert config.resident and config.precision == "bfloat16" and config.crop == (360, 480)


def test_data_that_nobody_named_is_asked_for():
    with pytest.raises(ValueError, match=r"reads camvid from a folder; name it with --data PATH"):
        recipes.camvid_fastfcn_r50().sets(None)


def test_camvid_is_read_at_a_quarter_of_its_pixels(camvid_root, monkeypatch):
    monkeypatch.setattr(recipes, "Held", partial(Held, count=2))  # the whole set takes seconds
    train_set, val_set = recipes.camvid_quarter().sets(camvid_root)
    assert (train_set.split, val_set.split, train_set[0].labels.shape) == ("train", "val", (180, 240))


@pytest.fixture
def camvid_root(root) -> Path:
    path = Path(os.environ.get("JPU_EDU_CAMVID", root.parent / "shared" / "data" / "camvid"))
    if not path.is_dir():
        pytest.skip("no CamVid: set JPU_EDU_CAMVID to its folder")
    return path


def bricks(**changes) -> recipes.Recipe:
    return recipes.Recipe(
        name="bricks",
        model=lambda classes: fcn8s(classes=classes, backbone="tiny", stem="7x7"),
        sets=lambda _: small.sets(),
        config=small.config(steps=2, **changes),
    )


def test_the_seed_decides_the_weights(tmp_path):
    ends = []
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        recipes.run(bricks(seed=seed), folder=tmp_path / name, progress=False)
        ends.append(weights.load(tmp_path / name / "best.safetensors").state_dict())
    assert all(torch.equal(ends[0][key], ends[1][key]) for key in ends[0])
    assert not torch.equal(ends[0]["backbone.conv1.weight"], ends[2]["backbone.conv1.weight"])


def test_a_backbone_from_a_file_is_where_it_starts(tmp_path):
    torch.manual_seed(9)
    pretrained = make_backbone("resnet18", stem="7x7", width=8)
    torch.save(pretrained.state_dict(), tmp_path / "resnet18.pth")
    recipe = replace(
        bricks(),
        model=lambda classes: fcn8s(classes=classes, backbone=make_backbone("resnet18", stem="7x7", width=8)),
        config=small.config(steps=1, lr=1e-12, weight_decay=0.0),
    )
    recipes.run(recipe, folder=tmp_path / "run", backbone=tmp_path / "resnet18.pth", progress=False)
    ours = weights.load(tmp_path / "run" / "best.safetensors").backbone
    torch.testing.assert_close(ours.layer4[1].conv2.weight, pretrained.layer4[1].conv2.weight)
    with pytest.raises(FileNotFoundError, match="no file"):
        recipes.run(recipe, folder=tmp_path / "other", backbone=tmp_path / "missing.pth", progress=False)
