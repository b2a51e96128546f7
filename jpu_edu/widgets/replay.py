"""A run played back: what a network said about the same few scenes, step by step, and where it stood on its curves.

Shape legend
    n, H, W    scenes and their size
"""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import torch
from jaxtyping import UInt8
from matplotlib.axes import Axes
from torch import Tensor

from jpu_edu.data.classes import Classes
from jpu_edu.data.sets import ImageSet, Sample
from jpu_edu.draw import style
from jpu_edu.draw.show import show
from jpu_edu.metrics.confusion import confusion
from jpu_edu.metrics.scores import mean_iou
from jpu_edu.train.protocol import Network, whole_image

#: Colour and dashes of the runs in a picture, in their order.
STROKES = ((style.LIGHT["ink"], "-"), (style.Y_S, (0, (4, 1.5))), (style.LIGHT["soft"], (0, (1, 1.2))))


class Replay:
    """What a network says about a few scenes while it is trained: hand it to `train` as `watch`.

    Notice: it looks between two steps, in eval mode, and draws no random number. The run is the same without it.

    Args:
        name: of the run, for the pictures.
        model: the network that is trained.
        images: the first `scenes` of this set are looked at.
        every: look after each so many steps; the run has to log there. Step 0 is looked at now.

    Attributes:
        frames: steps taken -> labels (n, H, W).
        scores: steps taken -> mIoU over these scenes.
        losses: steps taken -> loss.

    Raises:
        ValueError: every, or scenes, below 1 or above the length of the set.
    """

    def __init__(self, name: str, model: Network, images: ImageSet, *, scenes: int = 4, every: int = 50) -> None:
        if every < 1 or not 1 <= scenes <= len(images):
            raise ValueError(
                f"Replay: every={every}, scenes={scenes} of {len(images)}; every must be >= 1, and there must be a "
                "scene or more, all of them in the set"
            )
        self.name, self.model, self.every, self.classes = name, model, every, images.classes
        self.samples = [images[i] for i in range(scenes)]
        self.truth = torch.stack([sample.labels for sample in self.samples])
        self.frames: dict[int, UInt8[Tensor, "n H W"]] = {}
        self.scores: dict[int, float] = {}
        self.losses: dict[int, float] = {}
        self._look(0)

    def __call__(self, record: Mapping[str, Any]) -> None:
        """Take in one record of the log, see `train.log`."""
        step = record["step"]
        if "loss" in record:
            self.losses[step] = record["loss"]
            if step % self.every == 0:
                self._look(step)

    def _look(self, step: int) -> None:
        said = [whole_image(self.model, sample.image).cpu().to(torch.uint8) for sample in self.samples]
        self.frames[step] = torch.stack(said)
        matrix = confusion(self.frames[step], self.truth, classes=len(self.classes))
        self.scores[step] = mean_iou(matrix, absent="skip")

    @property
    def steps(self) -> list[int]:
        """The steps at which it looked."""
        return sorted(self.frames)

    def right(self, step: int, scene: int) -> float:
        """The share of a scene's pixels that were right after this step, one of `steps`."""
        return (self.frames[step][scene] == self.truth[scene]).double().mean().item()


def ranges(replays: Sequence[Replay]) -> dict[str, tuple[int, int, int]]:
    """The sliders of `explore_replay`: name -> (smallest, largest, start). The runs must have been looked at alike.

    Raises:
        ValueError: no run, or runs with other steps or another number of scenes.
    """
    if not 1 <= len(replays) <= len(STROKES):
        raise ValueError(f"explore_replay: {len(replays)} runs; give 1 to {len(STROKES)}")
    if len({(tuple(replay.steps), len(replay.samples)) for replay in replays}) > 1:
        told = "; ".join(f"{r.name}: {len(r.samples)} scenes, steps to {r.steps[-1]}" for r in replays)
        raise ValueError(f"explore_replay: the runs were looked at differently ({told}); replay them one by one")
    last = len(replays[0].steps) - 1
    return {"frame": (0, last, last), "scene": (0, len(replays[0].samples) - 1, 0)}


def draw_classes(axes: Axes, classes: Classes) -> Axes:
    """The names of the classes in one row, each behind its colour."""
    axes.set(xlim=(0, len(classes)), ylim=(0, 1))
    axes.axis("off")
    for k, (name, colour) in enumerate(zip(classes.names, classes.colours, strict=True)):
        axes.add_patch(plt.Rectangle((k, 0.25), 0.12, 0.5, fc=[c / 255 for c in colour], ec=style.soft(), lw=0.5))
        axes.text(k + 0.16, 0.5, name, va="center", fontsize=9.5)
    return axes


def draw_curves(axes: tuple[Axes, Axes], replays: Sequence[Replay], *, step: int | None = None) -> None:
    """The loss of each run against its steps on a logarithmic scale, its mIoU beside it, and a line where `step` is."""
    left, right = axes
    for replay, (colour, dashes) in zip(replays, STROKES, strict=False):
        look = {"color": colour, "ls": dashes, "lw": 1.6}
        left.plot(*zip(*sorted(replay.losses.items()), strict=True), **look)
        scores = zip(*sorted(replay.scores.items()), strict=True)
        right.plot(*scores, **look, marker="o", ms=3, label=replay.name)
    left.set_yscale("log")
    low, high = left.get_ylim()
    ticks = [tick for tick in (0.1, 0.2, 0.3, 0.5, 0.7, 1, 2, 3) if low <= tick <= high]
    left.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    left.minorticks_off()
    left.set(ylabel="loss")
    right.legend(loc="upper left", fontsize=9.5, handlelength=2.6, borderaxespad=0.1)
    right.set(ylabel=f"mIoU, {len(replays[0].samples)} scenes", ylim=(0, 1))
    for panel in axes:
        panel.set(xlabel="steps", xlim=(0, None))
        if step is not None:
            panel.axvline(step, color=style.ink(), lw=1)


def explore_replay(*, replays: Sequence[Replay], frame: int, scene: int) -> None:
    """The redraw behind the sliders of walkthrough 11: a scene, its labels, what each run said, and its curves.

    Args:
        replays: one to three runs that were looked at alike.
        frame: which look, 0 for the one before the first step.
        scene: which of the scenes.

    Raises:
        ValueError: see `ranges`; a frame or a scene that is not there.
    """
    for name, (low, high, _) in ranges(replays).items():
        if not low <= (value := {"frame": frame, "scene": scene}[name]) <= high:
            raise ValueError(f"explore_replay: {name}={value}; choose {low} to {high}")
    step, sample, classes = replays[0].steps[frame], replays[0].samples[scene], replays[0].classes
    told = [f"{replay.name} {100 * replay.right(step, scene):.0f} %" for replay in replays]
    print(f"after {step} steps, scene {scene}, pixels right: {', '.join(told)}")
    figure = plt.figure(figsize=(9.375, 4.6))
    _draw_row(figure, sample, [replay.frames[step][scene] for replay in replays], [r.name for r in replays], classes)
    draw_classes(figure.add_axes((0.01, 0.41, 0.98, 0.06)), classes)
    curves = figure.add_axes((0.075, 0.115, 0.4, 0.26)), figure.add_axes((0.57, 0.115, 0.41, 0.26))
    draw_curves(curves, replays, step=step)
    show(
        figure,
        alt=f"Scene {scene}, its labels, and what {', '.join(r.name for r in replays)} said after {step} steps; "
        "below, loss and mIoU against the steps, with a line where this is.",
    )


def _draw_row(
    figure: plt.Figure, sample: Sample, said: Sequence[UInt8[Tensor, "H W"]], names: Sequence[str], classes: Classes
) -> None:
    pictures = [sample.image, *(classes.picture(labels) for labels in (sample.labels, *said))]
    width = min(0.235, 0.98 / len(pictures))
    for place, (picture, title) in enumerate(zip(pictures, ("scene", "labels", *names), strict=True)):
        axes = figure.add_axes((0.01 + place * width, 0.48, width - 0.015, 0.455))
        axes.imshow(picture.permute(1, 2, 0).numpy())
        axes.set_title(title, fontsize=11)
        axes.axis("off")
