"""Backbones by name: what a module says of itself is what makes it again."""

import torch

from jpu_edu.backbones.by_name import BACKBONES, backbone_spec, make_backbone
from jpu_edu.backbones.dilate import dilate
from jpu_edu.backbones.resnet import resnet50
from jpu_edu.backbones.tiny import tiny


def test_a_spec_makes_its_backbone_again() -> None:
    with torch.device("meta"):
        for backbone in BACKBONES:
            assert make_backbone(backbone, norm="group").spec == backbone_spec(backbone, norm="group") or (
                backbone == "vgg16"  # without a norm, whatever is asked for
            )
        assert backbone_spec(resnet50(width=8)) == {"name": "resnet50", "stem": "7x7", "norm": "batch", "width": 8}
        assert backbone_spec(dilate(tiny())) is None
