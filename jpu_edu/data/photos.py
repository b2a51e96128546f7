"""Real photographs without a download, and simple features of them."""

from typing import Literal, get_args

import torch
from jaxtyping import Float
from skimage import data
from torch import Tensor

from jpu_edu.ops.convs import regular_conv
from jpu_edu.ops.interp import resize

Photo = Literal["astronaut", "camera", "chelsea", "coffee", "rocket"]


def photo(
    name: Photo, *, size: tuple[int, int] | None = None, grey: bool = False, dtype: torch.dtype = torch.float32
) -> Float[Tensor, "1 C H W"]:
    """A photograph that ships inside scikit-image, values in [0, 1].

    Args:
        name: "astronaut" (512 x 512), "camera" (512 x 512, grey), "chelsea" (300 x 451, a cat),
            "coffee" (400 x 600) or "rocket" (427 x 640).
        size: (H, W) of the result, shrunk by averaging; by default the picture's own size.
        grey: the mean of the three channels as one channel.

    Raises:
        ValueError: another name.
    """
    if name not in get_args(Photo):
        raise ValueError(f"photo: name={name!r}; choose one of {', '.join(get_args(Photo))}")
    pixels = torch.from_numpy(getattr(data, name)().copy()).to(dtype) / 255
    picture = pixels[None, None] if pixels.ndim == 2 else pixels.permute(2, 0, 1)[None]
    if grey:
        picture = picture.mean(dim=1, keepdim=True)
    return picture if size is None else resize(picture, size=size, mode="area")


def edge_features(picture: Float[Tensor, "1 C H W"]) -> Float[Tensor, "1 8 H W"]:
    """What a first layer finds in a photograph: edges in four directions, each for both signs, after ReLU.

    Notice: these filters are written by hand and read the mean of the channels, so a figure drawn with them needs no
    trained weights. Trained networks learn much the same in their first layer.
    """
    across = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])
    falling = torch.tensor([[-2.0, -1.0, 0.0], [-1.0, 0.0, 1.0], [0.0, 1.0, 2.0]])
    bank = torch.stack([across, across.T, falling, falling.flip(1)])
    weight = torch.cat([bank, -bank])[:, None].to(picture) / 4
    return regular_conv(picture.mean(dim=1, keepdim=True), weight, padding=1).relu()
