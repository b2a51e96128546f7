"""A set that is read once, shrunk on the way, and kept as bytes: for short runs on a laptop."""

from jpu_edu.data.sets import ImageSet, Sample
from jpu_edu.ops.interp import resize


class Held:
    """The samples of another set, smaller by a factor r, in memory: H // r rows and W // r columns.

    Notice: the image is the mean over boxes of r x r pixels, the label that of a pixel in the middle of the box. A
    mean of labels would be a class that is not there.

    Args:
        factor: r >= 1; 4 keeps a sixteenth of the pixels.
        count: how many samples, from the first; None for all.

    Raises:
        ValueError: a factor or a count below 1. What reading the set raises.

    Convention: the label at (i, j) is the one at (i r + r // 2, j r + r // 2).

    Source: `python -m jpu_edu bench training`.
    """

    def __init__(self, images: ImageSet, *, factor: int = 1, count: int | None = None) -> None:
        if factor < 1 or (count is not None and count < 1):
            raise ValueError(f"Held: factor={factor}, count={count}; both must be >= 1 (factor=1 keeps the size)")
        self.name, self.split, self.classes = images.name, images.split, images.classes
        number = len(images) if count is None else min(count, len(images))
        self.samples = [_smaller(images[i], factor) for i in range(number)]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Sample:
        return self.samples[index]


def _smaller(sample: Sample, factor: int) -> Sample:
    if factor == 1:
        return sample
    height, width = (n // factor for n in sample.labels.shape)
    if not (height and width):
        raise ValueError(f"Held: factor={factor} leaves nothing of {tuple(sample.labels.shape)} pixels; lower it")
    image = sample.image[None, :, : height * factor, : width * factor].float()
    labels = sample.labels[factor // 2 :: factor, factor // 2 :: factor][:height, :width]
    shrunk = resize(image, size=(height, width), mode="area").round()[0]
    return Sample(shrunk.to(sample.image.dtype), labels.contiguous())
