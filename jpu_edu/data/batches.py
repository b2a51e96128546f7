"""Batch number `step` as a pure function of the step: to resume a run is to ask for the next number.

Shape legend
    b       images of this process in a batch: batch / world
    h, w    size of the crop
"""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count, islice

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from jpu_edu.data.sets import ImageSet, Sample
from jpu_edu.data.transforms import Draws, augment, draw

Batch = tuple[Float[Tensor, "b 3 h w"], UInt8[Tensor, "b h w"]]
ORDER, DRAWS = 0, 1  # keep the two uses of a seed apart


class Batches:
    """Augmented, normalised batches of a set, in an order that is shuffled anew every epoch.

    Notice: nothing is remembered from one batch to the next. `at(7)` is the same whether 0 to 6 were asked for or not,
    so a checkpoint needs the step number and no state of a sampler, and each of several processes takes its slice of
    the one batch that a single process would see.

    Args:
        batch: images in a batch, of all processes together.
        crop: (h, w) of what the network sees.
        seed: >= 0; decides order and augmentation.
        scale, flip, blur: see `transforms.draw`; (1, 1), False, False for none.
        base: see `transforms.augment`.
        device: where the batches are made. On CUDA the files are read and pinned here, the rest is done there.
        resident: keep the whole set on the device as bytes, 4 a pixel; for sets of one size.
        workers: threads that read ahead in `stream`; 0 reads when asked. A resident set needs none.
        rank, world: this process and how many there are.

    Raises:
        ValueError: an empty set, an argument outside its range, a resident set of two sizes.

    Convention: position p = step * batch + k of the endless sequence of images is the (p mod n)-th of epoch p // n. An
        epoch uses each of the n images once; a batch may straddle two epochs, and may be larger than the set.

    Source: walkthrough 11.
    """

    def __init__(
        self,
        images: ImageSet,
        *,
        batch: int,
        crop: tuple[int, int],
        seed: int,
        scale: tuple[float, float] = (0.5, 2.0),
        base: int | None = None,
        flip: bool = True,
        blur: bool = True,
        device: torch.device | str = "cpu",
        resident: bool = False,
        workers: int = 2,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.where = f"Batches of {images.name} ({images.split})"
        if len(images) == 0:
            raise ValueError(f"{self.where}: the set is empty; check its path and split with `jpu_edu data check`")
        if not 0 <= rank < world or batch < 1 or batch % world:
            raise ValueError(
                f"{self.where}: batch={batch}, rank={rank}, world={world}; the batch is that of all processes, "
                "a multiple of world, and 0 <= rank < world"
            )
        if not isinstance(crop, tuple | list) or len(crop) != 2 or min(crop) < 1:
            raise ValueError(f"{self.where}: crop={crop}; pass (height, width), each >= 1")
        if seed < 0 or workers < 0:
            raise ValueError(f"{self.where}: seed={seed}, workers={workers}; both must be >= 0")
        self.images, self.batch, self.seed = images, batch, seed
        self._draw = partial(draw, batch, scale=scale, flip=flip, blur=blur)
        self._draw(key=(seed,))  # refuses a wrong scale now rather than at the first step
        self._augment = partial(augment, crop=tuple(crop), base=base)
        self.device, self.workers = torch.empty(0, device=device).device, workers  # "cuda" becomes "cuda:0"
        self.slice = slice(rank * batch // world, (rank + 1) * batch // world)
        self._resident = self._load_all() if resident else None

    def indices(self, step: int) -> list[int]:
        """Which images of the set are in batch `step`, those of this rank."""
        if step < 0:
            raise ValueError(f"{self.where}: step={step}; steps are counted from 0, so it must be >= 0")
        size, first = len(self.images), step * self.batch
        places = [divmod(position, size) for position in range(first, first + self.batch)[self.slice]]
        seeds = {epoch: np.random.PCG64((self.seed, ORDER, epoch)) for epoch, _ in places}
        order = {epoch: np.random.Generator(seed).permutation(size) for epoch, seed in seeds.items()}
        return [int(order[epoch][place]) for epoch, place in places]

    def at(self, step: int) -> Batch:
        """Batch `step`, this rank's part: images (b, 3, h, w), normalised, and labels (b, h, w)."""
        indices = self.indices(step)
        draws = self._draw(key=(self.seed, DRAWS, step)).of(self.slice)
        if self._resident is None:
            return self._augmented([self._read(i) for i in indices], draws)
        chosen = torch.tensor(indices, device=self.device)
        return self._augment(*(part[chosen] for part in self._resident), draws)

    def _augmented(self, samples: list[Sample], draws: Draws) -> Batch:
        if len({sample.labels.shape for sample in samples}) > 1:  # one by one, then together
            parts = [self._augmented([sample], draws.of(slice(k, k + 1))) for k, sample in enumerate(samples)]
            return tuple(map(torch.cat, zip(*parts, strict=True)))
        return self._augment(*(self._send(torch.stack(part)) for part in zip(*samples, strict=True)), draws)

    def stream(self, start: int = 0, stop: int | None = None) -> Iterator[Batch]:
        """at(start), at(start + 1), ... to before `stop` (None: endless), read ahead on threads.

        What goes wrong on a thread is raised here. Closing the stream, or dropping it, ends its threads.
        """
        steps = iter(range(start, stop)) if stop is not None else count(start)
        if self._resident is not None or self.workers == 0:
            yield from map(self.at, steps)
            return
        with ThreadPoolExecutor(self.workers, thread_name_prefix="batches") as pool:
            waiting = deque(pool.submit(self.at, step) for step in islice(steps, 2 * self.workers))
            try:
                while waiting:
                    ready = waiting.popleft().result()
                    waiting.extend(pool.submit(self.at, step) for step in islice(steps, 1))
                    yield ready
            finally:
                for batch in waiting:
                    batch.cancel()

    def _read(self, i: int) -> Sample:
        try:
            return self.images[i]
        except Exception as error:
            error.add_note(f"{self.where}: while reading image {i} of {len(self.images)}")
            raise

    def _send(self, part: Tensor) -> Tensor:
        """To the device; from pinned memory, so that the copy does not wait for the device's work."""
        if self.device.type != "cuda":
            return part.to(self.device)
        with torch.cuda.device(self.device):  # a new thread is on GPU 0
            return part.pin_memory().to(self.device, non_blocking=True)

    def _load_all(self) -> tuple[UInt8[Tensor, "n 3 H W"], UInt8[Tensor, "n H W"]]:
        with ThreadPoolExecutor(max(1, self.workers)) as pool:
            samples = list(pool.map(self._read, range(len(self.images))))
        shape = samples[0].labels.shape
        for i, sample in enumerate(samples):
            if sample.labels.shape != shape:
                raise ValueError(
                    f"{self.where}: resident=True needs one size; image 0 is {tuple(shape)}, image {i} is "
                    f"{tuple(sample.labels.shape)}; pass resident=False"
                )
        return tuple(torch.stack(part).to(self.device) for part in zip(*samples, strict=True))
