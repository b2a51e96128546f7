"""Labels made visible: over the image, beside it, with a legend, and as files. Pictures are RGB, 0 to 255."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
import torch
from jaxtyping import Integer, UInt8
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from jpu_edu.data.classes import VOID, Classes
from jpu_edu.data.files import written_whole
from jpu_edu.data.sets import Sample

PAPER, INK, EDGE = (255, 255, 255), (27, 31, 36), (150, 156, 163)
GAP, TEXT = 10, 14  # between things; the height of letters


def overlay(
    image: UInt8[Tensor, "3 H W"], labels: Integer[Tensor, "H W"], classes: Classes, *, opacity: float = 0.55
) -> UInt8[Tensor, "3 H W"]:
    """The classes' colours over the image, in grey where the colours lie.

    Notice: the image is turned to grey first, so that every colour in the result is a class. Void pixels keep the
    image's own colours.

    Args:
        opacity: 0 shows the image, 1 the labels.

    Raises:
        ValueError: sizes that differ; a label that is no class; an opacity outside 0 to 1.
    """
    if image.shape[1:] != labels.shape:
        raise ValueError(
            f"overlay: image of {tuple(image.shape[1:])} (H, W), labels of {tuple(labels.shape)}; give one size"
        )
    if not 0 <= opacity <= 1:
        raise ValueError(f"overlay: opacity={opacity}; give a number from 0 (image) to 1 (labels)")
    colours = classes.picture(labels).float()
    grey = image.float().mean(dim=0, keepdim=True) * (1 - opacity) + colours * opacity
    return torch.where(labels == VOID, image, grey.round().to(torch.uint8))


def legend(classes: Classes, *, only: Sequence[int] | None = None, width: int = 480) -> UInt8[Tensor, "3 H W"]:
    """A swatch and a name for each class, in as many columns as fit.

    Args:
        only: the classes to list, VOID among them where wanted; by default all, and void.
        width: in pixels; a name that is too long for it is cut.

    Raises:
        ValueError: a number in `only` that is no class; a width below 8 letters.
    """
    chosen = [*range(len(classes)), VOID] if only is None else list(only)
    classes.check(torch.tensor(chosen))
    if width < 8 * TEXT:
        raise ValueError(f"legend: width={width}; give {8 * TEXT} pixels or more")
    font = _font()
    entries = [("void", classes.void) if k == VOID else (classes.names[k], classes.colours[k]) for k in chosen]
    longest = max((font.getlength(name) for name, _ in entries), default=0)
    columns = max(1, int((width - GAP) // (longest + TEXT + 2.5 * GAP)))
    line, rows = round(1.6 * TEXT), -(-len(entries) // columns)
    picture = Image.new("RGB", (width, rows * line + 2 * GAP), PAPER)
    draw = ImageDraw.Draw(picture)
    for place, (name, colour) in enumerate(entries):
        column, row = divmod(place, max(1, rows))  # the order runs down a column, as in a book
        left, top = GAP + column * ((width - GAP) // columns), GAP + row * line
        draw.rectangle((left, top, left + TEXT, top + TEXT), fill=colour, outline=EDGE)
        draw.text((left + TEXT + 0.7 * GAP, top + TEXT / 2), name, fill=INK, font=font, anchor="lm")
    return _tensor(picture)


def contact_sheet(
    samples: Sequence[tuple[str, Sample]], classes: Classes, *, panel: int = 320
) -> UInt8[Tensor, "3 H W"]:
    """Image, labels and overlay of some samples, each row under its title, and a legend of the classes in them.

    Args:
        samples: (title, sample), one a row; sizes may differ.
        panel: the longest side of a picture on the sheet, in pixels.

    Raises:
        ValueError: no samples; what `overlay` and `legend` refuse.
    """
    if not samples:
        raise ValueError("contact_sheet: no samples; give one or more")
    rows, width = [], 3 * panel + 4 * GAP
    for title, (image, labels) in samples:
        size = tuple(max(1, round(side * panel / max(labels.shape))) for side in reversed(labels.shape))
        strip = Image.new("RGB", (width, size[1] + 4 * GAP), PAPER)
        ImageDraw.Draw(strip).text((GAP, 1.5 * GAP), title, fill=INK, font=_font(), anchor="lm")
        for place, picture in enumerate((image, classes.picture(labels), overlay(image, labels, classes))):
            way = Image.Resampling.NEAREST if place == 1 else Image.Resampling.BILINEAR
            strip.paste(_pillow(picture).resize(size, way), (GAP + place * (panel + GAP), 3 * GAP))
        rows.append(_tensor(strip))
    seen = sorted({int(k) for _, sample in samples for k in sample.labels.unique()})
    return torch.cat([*rows, legend(classes, only=seen, width=width)], dim=1)


def save(path: str | Path, picture: UInt8[Tensor, "3 H W"]) -> Path:
    """Write a picture in the format of its ending, whole or not at all.

    Raises:
        ValueError: an ending that is no picture format.
        OSError: the folder cannot be made or written.
    """
    drawn = _pillow(picture)
    if Path(path).suffix.lower() not in Image.registered_extensions():
        raise ValueError(f"save: {path}; end the name in .png or .jpg")
    with written_whole(path) as half:
        drawn.save(half)
    return Path(path)


def save_labels(path: str | Path, labels: Integer[Tensor, "H W"], classes: Classes) -> Path:
    """Write labels as a palette PNG: the numbers are the classes (255 is void), the palette their colours.

    Raises:
        ValueError: an ending other than .png; a label that is no class.
        OSError: the folder cannot be made or written.
    """
    if Path(path).suffix.lower() != ".png":
        raise ValueError(f"save_labels: {path}; labels are kept as .png, which changes no number")
    classes.check(labels)
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(classes)], palette[VOID] = classes.colours, classes.void
    picture = Image.fromarray(labels.to("cpu", torch.uint8).numpy())
    picture.putpalette(palette.tobytes())
    with written_whole(path) as half:
        picture.save(half)
    return Path(path)


def _font() -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib and has letters beyond the Latin ones."""
    return ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"), TEXT)


def _pillow(picture: Tensor) -> Image.Image:
    if picture.dtype != torch.uint8 or picture.ndim != 3 or picture.shape[0] != 3:
        raise ValueError(f"picture: {picture.dtype} of shape {tuple(picture.shape)}; pass uint8 (3, H, W), 0 to 255")
    return Image.fromarray(picture.cpu().permute(1, 2, 0).contiguous().numpy())


def _tensor(picture: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous()
