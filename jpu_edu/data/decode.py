"""Pictures from disk, decoded whole or refused with the path and the remedy. Nothing is repaired in silence.

Shape legend
    image   (3, H, W), RGB, 0 to 255
    labels  (H, W), 0 to K - 1, or VOID = 255
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image, ImageOps
from torch import Tensor

from jpu_edu.data.classes import VOID, Colour
from jpu_edu.data.files import access

Orientation = Literal["apply", "stored", "refuse"]

#: A picture above this is an error: no network here takes it whole, and a small file can claim any size.
MOST_PIXELS = 80_000_000
EXIF_ORIENTATION = 0x0112
UNKNOWN = 254  # in the tables below: neither a class (K <= 254, so at most 253) nor VOID


def _decode(path: Path) -> tuple[Image.Image, str, int]:
    """The whole picture, how the file stores its pixels, and its EXIF turn (1 is upright).

    Pillow raises whatever its decoders meet; here it becomes one kind of error that names the file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such picture; look at the name and the folder")
    if path.stat().st_size == 0:
        raise ValueError(f"{path}: the file is empty (0 bytes); copy or download it again")
    try:
        with access(path, "read"), Image.open(path) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise Image.DecompressionBombError
            stored = str(picture.tile[0][3]) if picture.tile else picture.mode
            picture.load()
            turn = picture.getexif().get(EXIF_ORIENTATION, 1)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        most = f"{MOST_PIXELS // 10**6} million pixels"
        raise ValueError(f"{path}: claims more than {most}; cut it into smaller pictures") from error
    except PermissionError:
        raise
    except Exception as error:
        raise ValueError(f"{path}: no readable picture ({error}); copy or download it again") from error
    return picture, stored, turn if turn in range(2, 9) else 1


def read_image(path: str | Path, *, orientation: Orientation = "apply") -> UInt8[Tensor, "3 H W"]:
    """A picture as RGB. Grey is spread over three channels, an alpha channel is dropped.

    Args:
        path: anything that Pillow reads: JPEG, PNG, WebP, TIFF, BMP ...
        orientation: what becomes of a camera's EXIF turn. "apply" shows the picture as a viewer does, "stored" takes
            the pixels as they lie in the file, "refuse" raises: nobody can tell on which of the two labels were drawn.

    Raises:
        FileNotFoundError: no such file.
        ValueError: empty, damaged, truncated, too large, 16 bits a channel in grey; a turn, when refused.

    Convention: the default is upright, as a viewer shows it; samples of the public sets are read as stored.
    """
    if orientation not in get_args(Orientation):
        raise ValueError(f"read_image: orientation={orientation!r}; choose one of {', '.join(get_args(Orientation))}")
    path = Path(path)
    picture, stored, turn = _decode(path)
    if picture.mode.startswith(("I", "F")):
        raise ValueError(f"{path}: more than 8 bits a pixel ({stored}); save it as 8-bit grey or RGB")
    if turn != 1 and orientation == "refuse":
        raise ValueError(
            f"{path}: carries an EXIF turn (orientation {turn}), and its labels may belong to the picture before "
            "or after it; save it upright without the tag, and look at it over its labels"
        )
    upright = ImageOps.exif_transpose(picture) if turn != 1 and orientation == "apply" else picture
    return torch.from_numpy(np.array(upright.convert("RGB"))).permute(2, 0, 1).contiguous()


def read_labels(
    path: str | Path, *, ids: Mapping[int, int], colours: Mapping[Colour, int] | None = None
) -> UInt8[Tensor, "H W"]:
    """A label picture as classes.

    Notice: a palette picture shows colours but stores numbers. scikit-image and OpenCV hand out the colours.

    Args:
        path: PNG or another lossless format.
        ids: the class, or VOID, that each number means. Unused where `colours` is given.
        colours: the class, or VOID, that each colour means; grey and palette pictures are then read by colour too.

    Raises:
        FileNotFoundError: no such file.
        ValueError: empty, damaged, truncated or too large; a number or a colour that means nothing; 16 bits or fewer
            than 8 bits a pixel in grey; colours where numbers are expected; JPEG, which smears; a transparent picture.

    Convention: without `colours`, a palette picture is read by its numbers, whatever its palette looks like.
    """
    path = Path(path)
    picture, stored, _ = _decode(path)
    if picture.format in ("JPEG", "MPO"):
        raise ValueError(f"{path}: labels as JPEG, which changes them near edges; make them again as PNG")
    if colours is not None and picture.mode in ("1", "L", "P", "RGB", "RGBA"):
        if picture.mode == "RGBA" and picture.getchannel("A").getextrema() != (255, 255):
            raise ValueError(f"{path}: some pixels are transparent; fill them with the colour of a class or of void")
        return _by_colour(path, np.array(picture.convert("RGB")), colours)
    if stored in ("1", "L;2", "L;4"):
        raise ValueError(
            f"{path}: grey of fewer than 8 bits ({stored}), in which programs write numbers or shades; save 8 bits"
        )
    if colours is None and picture.mode in ("L", "P"):
        return _by_number(path, np.array(picture), ids)
    wanted = "the number of its class in every pixel" if colours is None else "colours from the table of classes"
    raise ValueError(f"{path}: a label picture of {stored} pixels; save it as 8-bit PNG with {wanted}")


def _look_up(codes: np.ndarray, meaning: Mapping[int, int], *, size: int) -> np.ndarray:
    """The class of each code from 0 to size - 1, UNKNOWN where it means nothing."""
    table = np.full(size, UNKNOWN, np.uint8)
    table[list(meaning)] = list(meaning.values())
    return table[codes]


def _by_number(path: Path, numbers: np.ndarray, ids: Mapping[int, int]) -> Tensor:
    if not ids:
        raise ValueError("read_labels: ids={}; give the class of each number")
    if beyond := [number for number in ids if not 0 <= number <= 255]:
        raise ValueError(f"read_labels: ids has the number {beyond[0]}; a label picture holds 0 to 255")
    labels = _look_up(numbers, ids, size=256)
    strange = numbers[labels == UNKNOWN]
    if strange.size:
        known = sorted(ids)
        raise ValueError(
            f"{path}: {strange.size} pixels have the number {strange[0]}, which is no class; known are {known[0]} to "
            f"{max(set(known) - {VOID})} and void; correct the label, or the table of classes"
        )
    return torch.from_numpy(labels)


def _by_colour(path: Path, rgb: np.ndarray, colours: Mapping[Colour, int]) -> Tensor:
    if not colours:
        raise ValueError("read_labels: colours={}; give the class of each colour, or None for pictures of numbers")
    meaning = {red << 16 | green << 8 | blue: label for (red, green, blue), label in colours.items()}
    labels = _look_up(rgb.astype(np.int32) @ np.array([65536, 256, 1], np.int32), meaning, size=256**3)
    strange = rgb[labels == UNKNOWN]
    if len(strange):
        raise ValueError(
            f"{path}: {len(strange)} pixels have the colour {' '.join(map(str, strange[0]))}, which is no class; paint "
            "it over (soft edges come from a brush or a resize that blends), or add it to the table of classes"
        )
    return torch.from_numpy(labels)
