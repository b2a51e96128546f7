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
from torch import Tensor, distributed, nn
from tqdm import tqdm

from jpu_edu.data.classes import VOID, Classes
from jpu_edu.data.sets import ImageSet, Sample
from jpu_edu.metrics import scores
from jpu_edu.metrics.boundary import boundary_band
from jpu_edu.metrics.confusion import confusion
from jpu_edu.train.distributed import usable
from jpu_edu.train.protocol import Score, evaluating, whole_image
from jpu_edu.train.source import class_count


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
        width = max(len(name) for name in (*self.classes.names, "mean IoU"))
        rows = zip(self.classes.names, self.share.tolist(), self.iou.tolist(), self.band_iou.tolist(), strict=True)
        lines = [f"{'class':{width}}  share %    IoU  band IoU"]
        lines += [f"{name:{width}}  {100 * share:7.2f}  {_short(a)}     {_short(b)}" for name, share, a, b in rows]
        return "\n".join(
            [
                *lines,
                f"{'mean IoU':{width}}           {_short(self.miou)}     {_short(self.band_miou)}",
                f"pixel accuracy {_short(self.pixel_accuracy)}; {self.images} images; band: {self.band} pixels or less "
                f"from another class; absent classes: {'left out' if self.absent == 'skip' else 'count 0'}",
            ]
        )

    def record(self) -> dict[str, object]:
        """For JSON: every number, and the matrices they come from."""
        return {
            "classes": list(self.classes.names),
            "images": self.images,
            "absent": self.absent,
            "band": self.band,
            "miou": _number(self.miou),
            "band_miou": _number(self.band_miou),
            "pixel_accuracy": _number(self.pixel_accuracy),
            "iou": [_number(value) for value in self.iou.tolist()],
            "band_iou": [_number(value) for value in self.band_iou.tolist()],
            "matrix": self.matrix.tolist(),
            "band_matrix": self.band_matrix.tolist(),
        }


def evaluate(
    model: nn.Module,
    images: ImageSet,
    *,
    score: Score = whole_image,
    device: str | torch.device = "cpu",
    band: int = 3,
    absent: scores.Absent = "skip",
    rank: int | None = None,
    world: int | None = None,
    progress: bool = False,
) -> Evaluation:
    """Run the network over a set, one image at a time, and count.

    Notice: one at a time, so that the result depends on neither a batch size nor the number of processes: process
    r of w takes the images r, r + w, r + 2w, ..., each image once, and the sum of integers is exact. A sampler that
    fills up the last round, as DistributedSampler does, would count some images twice.

    Args:
        model: in any mode, restored afterwards; the network itself, `.module` of a DistributedDataParallel.
        images: what to evaluate on.
        score: (model, image) -> labels or scores, such as functions of `train.protocol`; with arguments,
            functools.partial(official, scales=OFFICIAL_SCALES, flip=True).
        device: where the model goes, and the counting happens.
        band: width of the boundary band in pixels.
        absent: see `metrics.scores`; "zero" as the official code.
        rank, world: which part of the set; by default this process's, where torch.distributed is initialised, else
            all. With world > 1 every process must call it; each gets the sum over all. Without torch.distributed
            it is the part's.
        progress: whether to show a bar, on rank 0.

    Raises:
        ValueError: an empty set; a network with another number of classes; a rank outside 0 to world - 1; what
            `confusion` refuses.

    Source: walkthrough 12.
    """
    together = distributed.is_available() and distributed.is_initialized()
    world = world if world is not None else distributed.get_world_size() if together else 1
    rank = rank if rank is not None else distributed.get_rank() if together and world > 1 else 0
    if not 0 <= rank < world:
        raise ValueError(f"evaluate: rank={rank} of world={world}; ranks run from 0 to world - 1")
    if absent not in get_args(scores.Absent):
        raise ValueError(f"evaluate: absent={absent!r}; choose one of {', '.join(get_args(scores.Absent))}")
    device = usable(device, what="evaluate")
    classes, count = images.classes, len(images)
    if not count:
        raise ValueError(f"evaluate: {images.name} {images.split} has no images")
    told = class_count(model)
    if told not in (None, len(classes)):
        raise ValueError(
            f"evaluate: the network tells {told} classes, {images.name} {images.split} has {len(classes)} "
            f"({', '.join(classes.names[:3])}, ...); take the set that the network was trained for"
        )
    model.to(device)
    matrices = torch.zeros(2, len(classes), len(classes), dtype=torch.int64, device=device)
    mine = range(rank, count, world)
    with evaluating(model):
        for image, labels in tqdm(
            _ahead(images, mine), total=len(mine), unit="image", disable=not progress or rank > 0
        ):
            predicted, truth = score(model, image.to(device)), labels.to(device)
            predicted = predicted.argmax(0) if predicted.ndim == 3 else predicted
            near = truth.masked_fill(~boundary_band(truth[None], width=band, void=VOID)[0], VOID)
            for matrix, counted in zip(matrices, (truth, near), strict=True):
                matrix += confusion(predicted, counted, classes=len(classes), void=VOID)
    if together and world > 1:
        distributed.all_reduce(matrices)
    whole, edges = matrices.cpu()
    return Evaluation(classes, whole, edges, band=band, absent=absent, images=count if together else len(mine))


def _ahead(images: ImageSet, indices: range) -> Iterator[Sample]:
    """The samples in order; the next one is read while the network is busy with this one."""
    with ThreadPoolExecutor(1) as reader:
        coming = [reader.submit(images.__getitem__, i) for i in indices[:1]]
        for i in indices[1:]:
            sample = coming.pop().result()
            coming.append(reader.submit(images.__getitem__, i))
            yield sample
        for last in coming:
            yield last.result()


def _short(value: float) -> str:
    return "   - " if value != value else f"{value:.3f}"


def _number(value: float) -> float | None:
    return None if value != value else value
