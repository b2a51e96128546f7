"""A network against a labelled set: two matrices, whatever the length of the set and the number of processes.

Shape legend
    H, W    size of an image; images of a set may differ
    K       number of classes
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import get_args

import torch
from jaxtyping import Float64, Int64
from torch import Tensor, nn

from jpu_edu.data.classes import VOID, Classes
from jpu_edu.data.sets import ImageSet, Sample
from jpu_edu.metrics import scores
from jpu_edu.metrics.boundary import boundary_band
from jpu_edu.metrics.confusion import confusion
from jpu_edu.ops.columns import columns
from jpu_edu.train.distributed import present, usable
from jpu_edu.train.progress import bar
from jpu_edu.train.protocol import Score, evaluating, whole_image
from jpu_edu.train.source import check_count


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation leaves: counts, and every number that follows from them.

    Fields:
        classes: names and colours.
        matrix: (K, K) pixels, row truth, column prediction.
        band_matrix: the same, over the pixels near a boundary alone.
        band: how near, in pixels.
        absent: what a class without pixels counts in the means, see `metrics.scores`.
        images: how many were evaluated.
    """

    classes: Classes
    matrix: Int64[Tensor, "K K"]
    band_matrix: Int64[Tensor, "K K"]
    band: int
    absent: scores.Absent
    images: int

    @cached_property
    def iou(self) -> Float64[Tensor, " K"]:
        return scores.iou(self.matrix)

    @cached_property
    def band_iou(self) -> Float64[Tensor, " K"]:
        return scores.iou(self.band_matrix)

    @property
    def miou(self) -> float:
        return scores.mean_iou(self.matrix, absent=self.absent)

    @property
    def band_miou(self) -> float:
        return scores.mean_iou(self.band_matrix, absent=self.absent)

    @property
    def pixel_accuracy(self) -> float:
        return scores.pixel_accuracy(self.matrix)

    @property
    def share(self) -> Float64[Tensor, " K"]:
        """How much of the labelled pixels belongs to each class."""
        return self.matrix.sum(1).double() / self.matrix.sum()

    def table(self) -> str:
        """A line a class: its share of the pixels, its IoU, and its IoU in the band. "-" where a class is absent."""
        found = zip(self.classes.names, self.share.tolist(), self.iou.tolist(), self.band_iou.tolist(), strict=True)
        rows = [("class", "share %", "IoU", "band IoU")]
        rows += [(name, f"{100 * share:.2f}", _short(iou), _short(near)) for name, share, iou, near in found]
        rows += [("mean IoU", "", _short(self.miou), _short(self.band_miou))]
        return (
            f"{columns(rows)}\npixel accuracy {_short(self.pixel_accuracy)}; {self.images} images; band: {self.band} "
            f"pixels or less from another class; absent classes: {'left out' if self.absent == 'skip' else 'count 0'}"
        )

    def numbers(self) -> dict[str, object]:
        """For the log: every number; None where there is none."""
        return {
            "images": self.images,
            "absent": self.absent,
            "band": self.band,
            "miou": _number(self.miou),
            "band_miou": _number(self.band_miou),
            "pixel_accuracy": _number(self.pixel_accuracy),
            "iou": [_number(value) for value in self.iou.tolist()],
            "band_iou": [_number(value) for value in self.band_iou.tolist()],
        }

    def record(self) -> dict[str, object]:
        """For JSON: the names of the classes, `numbers`, and the matrices they come from."""
        matrices = {"matrix": self.matrix.tolist(), "band_matrix": self.band_matrix.tolist()}
        return {"classes": list(self.classes.names), **self.numbers(), **matrices}


def evaluate(
    model: nn.Module,
    images: ImageSet,
    *,
    score: Score = whole_image,
    device: str | torch.device = "cpu",
    band: int = 3,
    absent: scores.Absent = "skip",
    progress: bool = False,
) -> Evaluation:
    """Run the network over a set, one image at a time, and count.

    Notice: one at a time, so that the result depends on neither a batch size nor the number of processes. Where
    torch.distributed is initialised, process r of w takes the images r, r + w, r + 2w, ..., and each gets the sum,
    which is exact. A sampler that fills up the last round, as DistributedSampler does, would count some images twice.

    Args:
        model: in any mode, restored afterwards; the network itself, `.module` of a DistributedDataParallel.
        images: what to evaluate on.
        score: (model, image) -> labels or scores, a function of `train.protocol` or one of yours. By default what
            `train` and `predict` take too, images filled up to the network's crops; as they are:
            functools.partial(whole_image, fill=False). The paper's: partial(official, scales=OFFICIAL_SCALES,
            flip=True).
        device: where the model goes, and the counting happens.
        band: width of the boundary band in pixels.
        absent: see `metrics.scores`; "zero" as the official code.
        progress: whether to show a bar, in the first process.

    Raises:
        ValueError: an empty set; a network with another number of classes; what `confusion` refuses.

    Source: walkthrough 12.
    """
    if absent not in get_args(scores.Absent):
        raise ValueError(f"evaluate: absent={absent!r}; choose one of {', '.join(get_args(scores.Absent))}")
    world = present(usable(device, what="evaluate"))
    classes, count = images.classes, len(images)
    if not count:
        raise ValueError(f"evaluate: {images.name} {images.split} has no images")
    check_count(model, images, "evaluate", "take the set that the network was trained for")
    model.to(world.device)
    matrices = torch.zeros(2, len(classes), len(classes), dtype=torch.int64, device=world.device)
    mine = range(world.rank, count, world.size)
    hide = not (progress and world.first)
    with evaluating(model):
        for image, labels in bar(iterable=_ahead(images, mine), total=len(mine), unit="image", disable=hide):
            predicted, truth = score(model, image.to(world.device)), labels.to(world.device)
            predicted = predicted.argmax(0) if predicted.ndim == 3 else predicted
            near = truth.masked_fill(~boundary_band(truth[None], width=band, void=VOID)[0], VOID)
            for matrix, counted in zip(matrices, (truth, near), strict=True):
                matrix += confusion(predicted, counted, classes=len(classes), void=VOID)
    whole, edges = world.total(matrices).cpu()
    return Evaluation(classes, whole, edges, band=band, absent=absent, images=count)


def _ahead(images: ImageSet, indices: range) -> Iterator[Sample]:
    """The samples in order; the next one is read while the network is busy with this one."""
    with ThreadPoolExecutor(1) as reader:
        now = reader.submit(images.__getitem__, indices[0]) if indices else None
        for i in indices[1:]:
            sample, now = now.result(), reader.submit(images.__getitem__, i)
            yield sample
        if now:
            yield now.result()


def _short(value: float) -> str:
    return "-" if value != value else f"{value:.3f}"


def _number(value: float) -> float | None:
    return None if value != value else value
