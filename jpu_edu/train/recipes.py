"""Whole experiments, one function each: a network, its sets and every number. Read one, change it, run it.

    from jpu_edu.train import recipes
    recipes.run(recipes.shapes_minute(), folder="runs/minute")

or `python -m jpu_edu train shapes_minute`. `python -m jpu_edu train --list` names them all.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch

from jpu_edu.backbones.resnet import Stem
from jpu_edu.data import readers
from jpu_edu.data.held import Held
from jpu_edu.data.scenes import Scenes
from jpu_edu.data.sets import ImageSet
from jpu_edu.layers.norm import NormKind
from jpu_edu.models import build, weights
from jpu_edu.models.segmenter import Segmenter
from jpu_edu.train.config import Config
from jpu_edu.train.loop import Result, train

Network = Callable[..., Segmenter]
Sets = Callable[[Path | None], tuple[ImageSet, ImageSet]]
Tiny = Literal["fcn32s", "fcn8s", "bilinear", "encoder_decoder", "fpn", "dilated", "fastfcn"]

#: On the tiny backbone (width 16), each with the head of FCN where it has a choice.
TINY: dict[Tiny, Network] = {
    "fcn32s": build.fcn32s,
    "fcn8s": build.fcn8s,
    "bilinear": partial(build.fastfcn, neck="bilinear", head="fcn", aux=False),
    "encoder_decoder": partial(build.encoder_decoder, aux=False),
    "fpn": partial(build.fpn, aux=False),
    "dilated": partial(build.dilated_fcn, aux=False),
    "fastfcn": partial(build.fastfcn, head="fcn", width=32, aux=False),
}


@dataclass(frozen=True)
class Recipe:
    """An experiment.

    Fields:
        name: of its folder.
        model: number of classes -> network, with weights drawn from torch's random numbers.
        sets: path of the data (None where there is none) -> training set, validation set.
        config: the rest.
    """

    name: str
    model: Callable[[int], Segmenter]
    sets: Sets
    config: Config


def run(
    recipe: Recipe,
    *,
    folder: str | Path,
    data: str | Path | None = None,
    backbone: str | Path | None = None,
    device: str = "cpu",
    resume: bool = False,
    seconds: float | None = None,
    progress: bool = True,
    watch: Callable[[dict[str, Any]], None] | None = None,
) -> Result:
    """Make the sets, draw the network from the recipe's seed, and train.

    Args:
        data: where the set is, for recipes that read one.
        backbone: a file with pretrained weights for the backbone, see `weights.load_backbone`; None starts from
            random ones.
        folder, device, resume, seconds, progress, watch: see `train`.

    Raises:
        FileNotFoundError, ValueError: data that cannot be read; weights that do not fit. What `train` raises.
    """
    train_set, val_set = recipe.sets(None if data is None else Path(data))
    torch.manual_seed(recipe.config.seed)
    model = recipe.model(len(train_set.classes))
    if backbone is not None:
        weights.load_backbone(backbone, into=model.backbone)
    return train(
        model, train_set, val_set, recipe.config, folder=folder, device=device, resume=resume, seconds=seconds,
        progress=progress, watch=watch,
    )  # fmt: skip


def _on_disk(reader: Callable[..., ImageSet], factor: int = 1) -> Sets:
    """Training and validation split of a public layout; with a factor, in memory and smaller."""

    def sets(path: Path | None) -> tuple[ImageSet, ImageSet]:
        if path is None:
            raise ValueError(f"recipes: this recipe reads {reader.__name__} from a folder; name it with --data PATH")
        train_set, val_set = reader(path, split="train"), reader(path, split="val")
        return (train_set, val_set) if factor == 1 else (Held(train_set, factor=factor), Held(val_set, factor=factor))

    return sets


def _tiny(name: str, network: Tiny, sets: Sets, config: Config) -> Recipe:
    """A short run of one of the TINY networks."""
    if network not in TINY:
        raise ValueError(f"{name}: network={network!r}; choose one of {', '.join(TINY)}")
    return Recipe(f"{name}_{network}", lambda classes: TINY[network](classes=classes, backbone="tiny"), sets, config)


def shapes_minute(network: Tiny = "fastfcn") -> Recipe:
    """Synthetic scenes, a tiny backbone, about a minute on a laptop, no download.

    Notice: nothing is pretrained, so every part has the same rate. One-cycle AdamW gets there in half the steps of the
    paper's schedule, which is made for long runs.
    """
    config = Config(
        steps=2400, batch=8, crop=(128, 128), optimiser="adamw", schedule="one_cycle", lr=1e-2, lr_factor=1.0,
        weight_decay=1e-4, scale=(1.0, 1.0), blur=False, resident=True, evaluate_every=1200, save_every=400,
    )  # fmt: skip
    return _tiny("shapes_minute", network, lambda _: (Scenes(3000), Scenes(200, split="val")), config)


def camvid_quarter(network: Tiny = "fastfcn") -> Recipe:
    """CamVid with a quarter of its pixels (180 x 240) and a tiny backbone: minutes on a CPU.

    Notice: its scores are those of a small network on small images, and comparable among themselves alone.
    """
    config = Config(
        steps=1200, batch=8, crop=(160, 160), optimiser="adamw", schedule="one_cycle", lr=6e-3, lr_factor=1.0,
        weight_decay=1e-2, scale=(0.75, 1.5), blur=False, resident=True, evaluate_every=400, save_every=400,
    )  # fmt: skip
    return _tiny("camvid_quarter", network, _on_disk(readers.camvid, factor=2), config)


def _camvid(row: str, network: Network, what: str) -> Callable[[], Recipe]:
    """The recipe camvid_ROW_r50: CamVid at 360 x 480 on a ResNet-50, 200 epochs of 367 images, one setting for all.

    Notice: without --backbone it starts from random weights; so every part has the same rate. The set lives on the
    device as bytes (254 MB), and no file is read after the first minute.
    """

    def recipe() -> Recipe:
        return Recipe(
            name=recipe.__name__,
            model=lambda classes: network(classes=classes, backbone="resnet50"),
            sets=_on_disk(readers.camvid),
            config=Config(
                steps=4600, batch=16, crop=(360, 480), lr=0.02, lr_factor=1.0, weight_decay=5e-4, warmup=200,
                scale=(0.5, 2.0), precision="bfloat16", resident=True, evaluate_every=460, save_every=230,
            ),
        )  # fmt: skip

    recipe.__name__, recipe.__doc__ = f"camvid_{row}_r50", f"{what} on CamVid."
    return recipe


camvid_fcn32s_r50 = _camvid("fcn32s", build.fcn32s, "FCN-32s")
camvid_fcn8s_r50 = _camvid("fcn8s", build.fcn8s, "FCN-8s")
camvid_fpn_r50 = _camvid("fpn", build.fpn, "FPN")
camvid_encoder_decoder_r50 = _camvid("encoder_decoder", build.encoder_decoder, "Encoder-decoder")
camvid_dilated_r50 = _camvid("dilated", build.dilated_fcn, "DilatedFCN at output stride 8")
camvid_deeplabv3_r50 = _camvid("deeplabv3", build.deeplabv3, "DeepLabv3 at output stride 8")
camvid_pspnet_r50 = _camvid("pspnet", build.pspnet, "PSPNet at output stride 8")
camvid_encnet_r50 = _camvid("encnet", build.encnet, "EncNet at output stride 8")
camvid_fastfcn_r50 = _camvid("fastfcn", partial(build.fastfcn, head="enc"), "The paper's FastFCN, with EncNet's head,")
camvid_fastfcn_fcn_r50 = _camvid("fastfcn_fcn", partial(build.fastfcn, head="fcn"), "FastFCN with the head of FCN")
camvid_fastfcn_psp_r50 = _camvid("fastfcn_psp", partial(build.fastfcn, head="psp"), "FastFCN with PSPNet's head")
camvid_fastfcn_aspp_r50 = _camvid("fastfcn_aspp", partial(build.fastfcn, head="aspp"), "FastFCN with DeepLabv3's head")


def _official(
    name: str, head: str, jpu: bool, depth: int, stem: Stem, norm: NormKind,
    reader: Callable[..., ImageSet], images: int, epochs: int, lr: float,
) -> Recipe:  # fmt: skip
    """What both sets share: batch 16, crops of 480 of a short side of 520 x 0.5 to 2, and the paper's losses and rates.

    An incomplete last batch is left out of an epoch there; here it is completed from the next epoch.
    """
    dilated = {"enc": build.encnet, "psp": build.pspnet, "aspp": build.deeplabv3}
    if head not in dilated or depth not in (50, 101):
        raise ValueError(f"{name}: head={head!r}, depth={depth}; choose enc, psp or aspp, and 50 or 101")
    network = partial(build.fastfcn, head=head) if jpu else dilated[head]
    per_epoch = images // 16
    return Recipe(
        name=f"{name}_{head}_{'jpu' if jpu else 'dilated'}_r{depth}",
        model=lambda classes: network(classes=classes, backbone=f"resnet{depth}", stem=stem, norm=norm),
        sets=_on_disk(reader),
        config=Config(
            steps=epochs * per_epoch, batch=16, crop=(480, 480), lr=lr, lr_factor=10.0, momentum=0.9, weight_decay=1e-4,
            power=0.9, warmup=0, aux_weight=0.2, se_weight=0.2, scale=(0.5, 2.0), base=520, flip=True, blur=True,
            seed=1, evaluate_every=10 * per_epoch, save_every=per_epoch,
        ),
    )  # fmt: skip


def pcontext(
    *, head: Literal["enc", "psp", "aspp"] = "enc", jpu: bool = True, depth: Literal[50, 101] = 50,
    stem: Stem = "deep", norm: NormKind = "sync",
) -> Recipe:  # fmt: skip
    """PASCAL Context, 59 classes, as the official FastFCN trains: 80 epochs at a rate of 0.001.

    Notice: the official code starts from ImageNet weights of the deep stem; give them with --backbone. It took
    4 GPUs and SyncBatchNorm: `torchrun --nproc-per-node 4 -m jpu_edu train pcontext ...`.

    Args:
        head, depth: the networks of table 2.
        jpu: False for the dilated twin.
        stem: "7x7" for torchvision's ImageNet weights, which are not those of the paper.
        norm: "group" or "frozen" on CPUs, which have no SyncBatchNorm.

    Source: FastFCN, section 4.1, and its official code.
    """
    return _official("pcontext", head, jpu, depth, stem, norm, readers.pascal_context, 4998, 80, 0.001)


def ade20k(
    *, head: Literal["enc", "psp", "aspp"] = "enc", jpu: bool = True, depth: Literal[50, 101] = 50,
    stem: Stem = "deep", norm: NormKind = "sync",
) -> Recipe:  # fmt: skip
    """ADE20K, 150 classes, as the official FastFCN trains: 120 epochs at a rate of 0.01. Else as `pcontext`.

    Source: FastFCN, section 4.1, and its official code.
    """
    return _official("ade20k", head, jpu, depth, stem, norm, readers.ade20k, 20210, 120, 0.01)


def folder(*, backbone: str = "resnet18", norm: NormKind = "batch") -> Recipe:
    """Your own images: FastFCN on a folder as `data.readers.folder` describes it, two classes or more.

    Notice: made to start from. With a few hundred images take a small backbone, pretrained weights if you can
    (--backbone FILE), and `accumulate` where memory is short.

    Args:
        backbone: see `backbones.by_name.BACKBONES`; with the 7x7 stem, which torchvision's weights have.
        norm: "group" for batches below 8, "frozen" for them with pretrained weights.
    """
    return Recipe(
        name=f"folder_{backbone}",
        model=lambda classes: build.fastfcn(classes=classes, backbone=backbone, stem="7x7", norm=norm),
        sets=_on_disk(readers.folder),
        config=Config(
            steps=3000, batch=8, crop=(256, 256), optimiser="adamw", schedule="one_cycle", lr=1e-3, lr_factor=1.0,
            weight_decay=1e-2, evaluate_every=300, save_every=300,
        ),
    )  # fmt: skip


#: Every recipe, in the order of the list.
RECIPES: tuple[Callable[..., Recipe], ...] = (
    shapes_minute, camvid_quarter, camvid_fcn32s_r50, camvid_fcn8s_r50, camvid_fpn_r50, camvid_encoder_decoder_r50,
    camvid_dilated_r50, camvid_deeplabv3_r50, camvid_pspnet_r50, camvid_encnet_r50, camvid_fastfcn_r50,
    camvid_fastfcn_fcn_r50, camvid_fastfcn_psp_r50, camvid_fastfcn_aspp_r50, pcontext, ade20k, folder,
)  # fmt: skip
