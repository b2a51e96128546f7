"""Three lines from a picture to its classes.

    from jpu_edu.train.predict import predict
    result = predict("run/best.safetensors", "photo.jpg")
    result.save("out/")

Shape legend
    H, W    size of the picture
    h, w    size at which the network saw it
    K       number of classes
"""

import time
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from jpu_edu.data import pictures
from jpu_edu.data.classes import Classes
from jpu_edu.ops.interp import nearest, resize
from jpu_edu.train.distributed import usable
from jpu_edu.train.faults import out_of_memory
from jpu_edu.train.protocol import Network, Score, evaluating, whole_image
from jpu_edu.train.source import Picture, class_count, classes_of, image_of, network

#: Longer pictures are shrunk for the network: the published ones were trained on a long side of about 500.
LONGEST = 1024


@dataclass(frozen=True)
class Prediction:
    """What a network says about a picture. On the CPU.

    Fields:
        image: the picture, upright.
        labels: its classes, 0 to K - 1.
        classes: their names and colours.
        scores: (K, h, w) where the protocol gives scores, else None. Those of `protocol.probabilities` sum to 1.
        seen: (h, w).
        seconds: of the network, normalising and the argmax; the first call on a GPU includes its start.
        name: of the picture, for the files that `save` writes.
    """

    image: UInt8[Tensor, "3 H W"]
    labels: UInt8[Tensor, "H W"]
    classes: Classes
    scores: Float[Tensor, "K h w"] | None
    seen: tuple[int, int]
    seconds: float
    name: str

    def shares(self) -> dict[str, float]:
        """The classes that were found and their share of the pixels, the largest first."""
        numbers, counts = self.labels.unique(return_counts=True)
        order = counts.argsort(descending=True)
        return {self.classes.names[numbers[i]]: counts[i].item() / self.labels.numel() for i in order}

    def overlay(self, *, opacity: float = 0.55) -> UInt8[Tensor, "3 H W"]:
        """The colours of the classes over the picture in grey."""
        return pictures.overlay(self.image, self.labels, self.classes, opacity=opacity)

    def legend(self) -> UInt8[Tensor, "3 h_legend w_legend"]:
        """Swatch and name of each class that was found."""
        return pictures.legend(self.classes, only=self.labels.unique().tolist())

    def save(self, folder: str | Path) -> list[Path]:
        """Write NAME.labels.png (a palette picture of class numbers), NAME.overlay.jpg and NAME.legend.png.

        Each is written whole or not at all; the folder is made where it is missing.

        Raises:
            OSError: the folder cannot be made or written.
        """
        start = f"{folder}/{self.name}"
        return [
            pictures.save_labels(f"{start}.labels.png", self.labels, self.classes),
            pictures.save(f"{start}.overlay.jpg", self.overlay()),
            pictures.save(f"{start}.legend.png", self.legend()),
        ]


def predict(
    model: Network | str | Path,
    picture: Picture,
    *,
    score: Score = whole_image,
    longest: int | None = LONGEST,
    device: str | torch.device | None = None,
) -> Prediction:
    """The class of every pixel of a picture.

    Notice: a file of weights is read at every call. For many pictures: model = source.network(path), once.

    Args:
        model: a network in any mode, left in it; or a file, ours or a published one, see `source.network`.
        picture: a path, a Pillow image, an array (H, W, 3) or a tensor (3, H, W), see `source.image_of`. Smaller
            than 32 pixels is fine: it is filled up for the network.
        score: the protocol, such as `protocol.probabilities` to get the scores too, or partial(whole_image, fill=False)
            to take the picture as it is.
        longest: a longer side is shrunk to this for the network, by averaging, and the labels are enlarged to the
            picture again. Memory grows with the pixels that the network sees: FastFCN on ResNet-50 with 59 classes
            takes 0.9 GB at 1024 x 768 and 2.9 GB at 2048 x 1536 on a CPU. None never shrinks.
        device: where to compute, and where the network stays; None leaves it where it is.

    Raises:
        FileNotFoundError, ValueError, TypeError: what `source.network` and `source.image_of` refuse; a longest below
            32; a device that does not work here.
        MemoryError: says what to lower.

    Source: wuhuikai/FastFCN#36 asked for it; walkthrough 11.
    """
    if longest is not None and (not isinstance(longest, int) or longest < 32):
        raise ValueError(f"predict: longest={longest!r}; give 32 or more, or None (--longest 0), its own size")
    model = network(model) if isinstance(model, str | Path) else model
    if not isinstance(model, torch.nn.Module):
        raise TypeError(f"predict: model is {type(model).__name__}; pass a network, or the path of a file of weights")
    image = image_of(picture)
    if device is not None:
        model.to(usable(device, what="predict"))
    where = next(model.parameters()).device
    height, width = image.shape[1:]
    factor = 1 if longest is None else min(1, longest / max(height, width))
    h, w = size = max(1, round(height * factor)), max(1, round(width * factor))
    try:
        small = image if factor == 1 else resize(image[None].float(), size=size, mode="area").round().to(torch.uint8)[0]
        seen = small.to(where)
        if where.type != "cpu":
            torch.accelerator.synchronize()
        began = time.perf_counter()
        with evaluating(model):
            answer = score(model, seen)
        labels = (answer.argmax(0) if answer.ndim == 3 else answer).to("cpu", torch.uint8)
        finished = time.perf_counter()  # the copy to the CPU has waited for a GPU
    except RuntimeError as error:
        if not out_of_memory(error):
            raise
        raise MemoryError(
            f"predict: out of memory for {h} x {w} pixels on {where}; lower longest={longest} (--longest)"
        ) from error
    count = answer.shape[0] if answer.ndim == 3 else class_count(model)
    return Prediction(
        image=image,
        labels=nearest(labels[None, None], size=(height, width))[0, 0],
        classes=classes_of(model, count or int(labels.max()) + 1),
        scores=answer.cpu() if answer.ndim == 3 else None,
        seen=size,
        seconds=finished - began,
        name=Path(picture).stem if isinstance(picture, str | Path) else "picture",
    )
