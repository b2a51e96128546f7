"""A backbone from its name. The numbers are in the files beside this one; here stands which belong to which name."""

from torch import nn

from jpu_edu.backbones.resnet import DEPTHS, Stem, named
from jpu_edu.backbones.vgg import vgg16
from jpu_edu.layers.norm import NormKind

BACKBONES = (*DEPTHS, "vgg16", "vgg16_bn")
Backbone = str | nn.Module


def backbone_spec(
    backbone: Backbone, *, stem: Stem | None = None, norm: NormKind = "batch", width: int | None = None
) -> dict | None:
    """What `make_backbone` needs to make this backbone again; None for a module that does not say (or is dilated)."""
    if isinstance(backbone, nn.Module):
        return getattr(backbone, "spec", None)
    usual = {"tiny": "7x7", "vgg16": None, "vgg16_bn": None}.get(backbone, "deep")
    width = width or (16 if backbone == "tiny" else 64)
    return {"name": backbone, "stem": usual and (stem or usual), "norm": norm, "width": width}


def make_backbone(
    backbone: Backbone, *, stem: Stem | None = None, norm: NormKind = "batch", width: int | None = None
) -> nn.Module:
    """A backbone from its name; a module passes as it is.

    Args:
        backbone: one of BACKBONES. "vgg16" has no norm, "vgg16_bn" the given one.
        stem: "deep" (the official FastFCN) or "7x7" (torchvision); None means deep for the ResNets and 7x7 for tiny.
            VGG has no stem.
        norm: the kind of every normalisation, see `make_norm`.
        width: channels of the first stage; None for the usual 64, 16 for tiny.

    Raises:
        ValueError: an unknown name.
    """
    if isinstance(backbone, nn.Module):
        return backbone
    if backbone not in BACKBONES:
        raise ValueError(f"backbone={backbone!r}; choose one of {', '.join(BACKBONES)}, or pass a module")
    spec = backbone_spec(backbone, stem=stem, norm=norm, width=width)
    if backbone in DEPTHS:
        return named(backbone, stem=spec["stem"], norm=norm, width=spec["width"])
    return vgg16(norm=norm if backbone == "vgg16_bn" else None, width=spec["width"])
