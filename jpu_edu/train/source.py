"""What a user has in hand, a file of weights and a picture, as a network and an image.

Shape legend
    H, W    size of the picture
    image   (3, H, W), RGB, 0 to 255
"""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image, ImageOps
from torch import Tensor, nn

from jpu_edu.data.classes import Classes, distinct_colours
from jpu_edu.data.decode import read_image
from jpu_edu.data.palettes import ADE20K, CITYSCAPES, PASCAL_CONTEXT, PASCAL_CONTEXT_60, VOC
from jpu_edu.data.sets import ImageSet
from jpu_edu.models import weights
from jpu_edu.models.segmenter import Segmenter

Picture = str | Path | Image.Image | np.ndarray | Tensor

#: What a published network was trained on, by its number of classes.
PUBLISHED = {len(classes): classes for classes in (CITYSCAPES, VOC, PASCAL_CONTEXT, PASCAL_CONTEXT_60, ADE20K)}


def network(path: str | Path) -> Segmenter:
    """The network in a file: our own, an official FastFCN checkpoint, or one of torchvision's; in eval mode.

    Notice: nothing else needs to be said. Our files know their architecture and classes. In the others keys and
    shapes give the architecture away, and the number of classes the set: 21 is PASCAL VOC, 59 Pascal Context, and
    so on; their crops are taken to be 480 x 480. Where a guess is wrong, set `model.classes` or `model.crop`.

    Args:
        path: such as run/best.safetensors, or a .pth or .pth.tar from elsewhere.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a file that is damaged or holds no whole network, by path, with the remedy.
    """
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{path}: a folder; name the file of weights in it, such as {path / 'best.safetensors'}")
    try:
        if weights.is_ours(path):
            return weights.load(path)
        state = weights.read(path)
        if any(key.startswith("pretrained.") for key in state):
            model = weights.load_fastfcn(state)
        elif any(key.startswith("classifier.") for key in state):
            model = weights.load_torchvision(state)
        elif path.suffix == ".safetensors":
            return weights.load(path)  # which says what it misses
        else:
            raise ValueError("no network known here, neither an official FastFCN nor one of torchvision's weights")
    except ValueError as error:
        hint = " (a checkpoint of a run in progress is for going on; its network is best.safetensors beside it)"
        where = "" if str(error).startswith(str(path)) else f"{path}: "
        raise ValueError(f"{where}{error}{hint if path.name.startswith('step-') else ''}") from error
    model.classes, model.crop = PUBLISHED.get(model.architecture["classes"]), (480, 480)  # in either project's scripts
    return model


def class_count(model: nn.Module) -> int | None:
    """How many classes a network tells, where its builder noted it."""
    return (getattr(model, "architecture", None) or {}).get("classes")


def check_count(model: nn.Module, images: ImageSet, what: str, remedy: str) -> None:
    """Pass if the network tells as many classes as the set has, or does not say how many.

    Raises:
        ValueError: both numbers, and the remedy.
    """
    told, names = class_count(model), images.classes.names
    if told not in (None, len(names)):
        raise ValueError(
            f"{what}: the network tells {told} classes, {images.name} {images.split} has {len(names)} "
            f"({', '.join(names[:3])}, ...); {remedy}"
        )


def classes_of(model: Segmenter, count: int) -> Classes:
    """The network's classes; "class 0", "class 1", ... where nobody said."""
    known = getattr(model, "classes", None)
    return known or Classes(tuple(f"class {k}" for k in range(count)), distinct_colours(count + 1)[1:])


def image_of(picture: Picture) -> UInt8[Tensor, "3 H W"]:
    """A picture as the networks' protocols take it. Grey becomes three channels; an alpha channel is dropped.

    Args:
        picture: a path; a Pillow image; an array (H, W), (H, W, 3) or (H, W, 4); a tensor (H, W), (1, H, W),
            (3, H, W) or (4, H, W). Numbers: uint8, or floating point from 0 to 1. A file's or a Pillow image's EXIF
            turn is applied.

    Raises:
        FileNotFoundError: no such file.
        TypeError: something else; integers that are not uint8, since nobody knows their white.
        ValueError: a damaged file; another shape; values outside 0 to 1; more than 8 bits in a file.

    Convention: arrays have their channels last, tensors first.
    """
    if isinstance(picture, str | Path):
        if not Path(picture).is_file():
            kind = "a folder; name the pictures in it" if Path(picture).is_dir() else "no such file; check the path"
            raise FileNotFoundError(f"{picture}: {kind}")
        return read_image(picture)
    if isinstance(picture, Image.Image):
        if picture.mode.startswith(("I", "F")):
            raise ValueError(f"picture: a Pillow image of mode {picture.mode!r}; divide by its white, to 0 to 1")
        picture = np.array(ImageOps.exif_transpose(picture).convert("RGB"))
    if isinstance(picture, np.ndarray):
        pixels = torch.from_numpy(np.ascontiguousarray(picture))
        pixels = pixels.permute(2, 0, 1) if pixels.ndim == 3 else pixels
        remedy = "an array is (H, W, 3); is it (3, H, W)? then x.transpose(1, 2, 0)"
    elif isinstance(picture, Tensor):
        pixels, remedy = picture.detach().cpu(), "a tensor is (3, H, W); is it (H, W, 3)? then x.permute(2, 0, 1)"
    else:
        raise TypeError(f"picture: got {type(picture).__name__}; pass a path, an array, a tensor or a Pillow image")
    pixels = pixels[None] if pixels.ndim == 2 else pixels
    if pixels.ndim != 3 or pixels.shape[0] not in (1, 3, 4) or 0 in pixels.shape:
        raise ValueError(f"picture: got shape {tuple(picture.shape)}, expected one image; {remedy}")
    rgb = pixels[:3].expand(3, -1, -1)
    if rgb.is_floating_point():
        least, most = rgb.min().item(), rgb.max().item()
        if not (least >= 0 and most <= 1):  # NaN is neither
            raise ValueError(
                f"picture: values from {least:g} to {most:g}; floating point is 0 to 1: divide by 255, or undo the "
                "normalisation, which happens inside"
            )
        rgb = (255 * rgb).round().to(torch.uint8)
    if rgb.dtype != torch.uint8:
        raise TypeError(f"picture: {rgb.dtype}; pass uint8, or divide by the value of white, such as x / 65535")
    return rgb.contiguous()
