"""The smallest run that has everything: EncNet head, auxiliary head, dropout; a few channels, 32 pixels."""

import dataclasses
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from jpu_edu.backbones.tiny import tiny
from jpu_edu.data.classes import Classes
from jpu_edu.data.palettes import CAMVID
from jpu_edu.data.sets import Sample
from jpu_edu.layers.norm import NormKind
from jpu_edu.models import build, weights
from jpu_edu.models.build import fastfcn
from jpu_edu.models.segmenter import Segmenter
from jpu_edu.train.config import Config


@dataclasses.dataclass(frozen=True)
class Bricks:
    """A set of three classes: a coloured brick or two before noise. Sample i is a function of i."""

    count: int
    split: str = "train"
    size: tuple[int, int] = (40, 40)
    name: str = "bricks"
    classes: Classes = Classes(("ground", "red", "blue"), ((0, 0, 0), (255, 0, 0), (0, 0, 255)))  # noqa: RUF009

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        g = torch.Generator().manual_seed(2 * index + (self.split == "val"))
        image = torch.randint(60, 190, (3, *self.size), generator=g, dtype=torch.uint8)
        labels = torch.zeros(self.size, dtype=torch.uint8)
        for kind, channel in ((1, 0), (2, 2)):
            top, left = torch.randint(0, 20, (2,), generator=g).tolist()
            labels[top : top + 16, left : left + 20] = kind
            image[:, top : top + 16, left : left + 20] = 30
            image[channel, top : top + 16, left : left + 20] = 220
        labels[:2] = 255
        return Sample(image, labels)


def network(*, norm: NormKind = "batch", seed: int = 0, head: str = "enc") -> Segmenter:
    torch.manual_seed(seed)
    return fastfcn(classes=3, backbone=tiny(width=4, norm=norm), head=head, width=8, norm=norm)


def sets() -> tuple[Bricks, Bricks]:
    return Bricks(12), Bricks(3, split="val")


def config(**changes) -> Config:
    small = {"steps": 6, "batch": 4, "crop": (32, 32), "lr": 0.01, "evaluate_every": 4, "save_every": 2, "log_every": 1}
    return Config(**small | changes)


def network_and_pictures(path: Path) -> Path:
    """A folder of best.safetensors, CamVid's classes, and two pictures: photo.png, other.png."""
    torch.manual_seed(0)
    model = build.fastfcn(classes=11, backbone="tiny", head="fcn")
    model.head.classifier[-1].weight.data *= 30  # else all pixels are of one class
    model.classes = CAMVID
    weights.save(model, path / "best.safetensors")
    pixels = np.random.default_rng(0).integers(256, size=(40, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path / "photo.png")
    Image.fromarray(pixels[:33, :50]).save(path / "other.png")
    return path
