"""A stack of layers seen from the side. Point at one sample: below it what it sees, above it what sees it.

Shape legend
    level      0 is the input; level l is what layer l makes
    position   where a sample sits, in input pixels: the middle of what it can see
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jpu_edu.cost.receptive import receptive_field
from jpu_edu.draw import style
from jpu_edu.widgets.matrix import taps_of
from jpu_edu.widgets.page import Page

Layer = tuple[int, int, int, int]
GAP = 4.0  # between two levels, in pixels of the input


@dataclass(frozen=True)
class Level:
    """The samples of one level.

    Attributes:
        name: such as "input" or "3 taps, stride 2".
        positions: where each sample sits.
        dropped: where the samples would sit that the layer's stride never computes.
        reads: for each sample, the samples of the level below that it reads; padding left out.
        size, stride, start: the receptive field: output i sees `size` pixels from start + i * stride on.
    """

    name: str
    positions: tuple[float, ...]
    dropped: tuple[float, ...]
    reads: tuple[tuple[int, ...], ...]
    size: int
    stride: int
    start: int


def levels(layers: Sequence[Layer], *, size: int) -> tuple[Level, ...]:
    """All levels of a stack of (kernel, stride, rate, padding) on an input of `size` pixels.

    Raises:
        ValueError: a layer whose kernel does not fit the level below it.
    """
    found = [Level("input", tuple(float(i) for i in range(size)), (), tuple(() for _ in range(size)), 1, 1, 0)]
    for depth, (kernel, stride, rate, padding) in enumerate(layers, 1):
        below = len(found[-1].positions)
        taps = taps_of(below, kernel=kernel, stride=stride, padding=padding, rate=rate)
        whole = taps_of(below, kernel=kernel, padding=padding, rate=rate)
        if not taps:
            raise ValueError(f"levels: layer {depth} spans {rate * (kernel - 1) + 1}, the padded level below has less")
        field = receptive_field(layers[:depth])
        jump = found[-1].stride
        name = f"{kernel} taps" + (f", stride {stride}" if stride > 1 else "") + (f", rate {rate}" if rate > 1 else "")
        found.append(
            Level(
                name,
                tuple(field.centre + i * field.stride for i in range(len(taps))),
                tuple(field.centre + i * jump for i in range(len(whole)) if i % stride),
                tuple(tuple(j for j in row if 0 <= j < below) for row in taps),
                field.size, field.stride, field.start,
            )
        )  # fmt: skip
    return tuple(found)


def cone(stack: Sequence[Level], *, level: int, index: int) -> list[set[int]]:
    """For each level from the input up to `level`, the samples that sample `index` of `level` is made of."""
    reached = [set() for _ in range(level)] + [{index}]
    for depth in range(level, 0, -1):
        reached[depth - 1] = {j for i in reached[depth] for j in stack[depth].reads[i]}
    return reached


def draw_fan(axes: Axes, stack: Sequence[Level], *, level: int, index: int) -> Axes:
    """Draw a stack from the side with the cone of one sample. Hollow dots are samples that a stride drops.

    Notice: a stride does not move any sample. It removes some, and the next layer's taps stand further apart.
    """
    lit = cone(stack, level=level, index=index) + [set() for _ in stack[level + 1 :]]
    pale, ink = style.mix(style.soft(), style.paper(), 0.28), style.ink()
    for depth, here in enumerate(stack):
        for i, reads in enumerate(here.reads):
            for j in reads:
                strong = i in lit[depth] and depth <= level
                ends = [here.positions[i], stack[depth - 1].positions[j]]
                axes.plot(
                    ends, [depth * GAP, (depth - 1) * GAP],
                    color=ink if strong else pale, lw=1.1 if strong else 0.5, zorder=2 if strong else 1,
                )  # fmt: skip
    for depth, here in enumerate(stack):
        if here.dropped:
            axes.plot(here.dropped, [depth * GAP] * len(here.dropped), "o", ms=4, mfc=style.paper(), mec=pale, zorder=3)
        for i, place in enumerate(here.positions):
            strong = i in lit[depth]
            axes.plot(place, depth * GAP, "o", ms=7 if strong else 5, color=ink if strong else style.soft(), zorder=4)
        axes.annotate(
            here.name, (-1, depth * GAP), xytext=(-10, 0), textcoords="offset points", ha="right", va="center",
            fontsize=10, color=style.soft(), annotation_clip=False,
        )  # fmt: skip
    last = len(stack[0].positions) - 1
    axes.set(xlim=(-1, last + 1), ylim=(-GAP * 0.4, GAP * (len(stack) - 0.6)))
    axes.axis("off")
    return axes


def describe(stack: Sequence[Level], *, level: int, index: int) -> str:
    """What a sample sees, in a sentence with its numbers."""
    here = stack[level]
    first = here.start + index * here.stride
    seen = cone(stack, level=level, index=index)[0]
    outside = [j for j in (first, first + here.size - 1) if not 0 <= j < len(stack[0].positions)]
    text = f"Level {level}, sample {index}, sits at {here.positions[index]:g}. "
    text += f"It sees pixels {first} to {first + here.size - 1}"
    text += f" ({here.size} wide), and reads {len(seen)} of them" if here.size > 1 else ""
    if outside:
        text += "; some are padding"
    return text + f". One step to the right is {here.stride} pixel{'s' if here.stride > 1 else ''}."


class ReceptiveFan(Page):
    """What `receptive_fan` returns; the last line of a cell shows it, with or without a kernel."""

    name = "fan"

    def __init__(self, stacks: Mapping[str, tuple[Level, ...]]) -> None:
        self.stacks = dict(stacks)

    @property
    def start(self) -> tuple[int, int]:
        """The sample that is lit first: the middle of the top level of the first stack."""
        stack = next(iter(self.stacks.values()))
        return len(stack) - 1, len(stack[-1].positions) // 2

    def data(self) -> dict[str, object]:
        """Everything that the page is given: places, edges and sentences."""
        return {
            "size": len(next(iter(self.stacks.values()))[0].positions),
            "stacks": [
                {
                    "name": name,
                    "levels": [
                        {
                            "name": here.name,
                            "positions": here.positions,
                            "dropped": here.dropped,
                            "reads": here.reads,
                            "says": [describe(stack, level=depth, index=i) for i in range(len(here.positions))],
                        }
                        for depth, here in enumerate(stack)
                    ],
                }
                for name, stack in self.stacks.items()
            ],
        }

    @property
    def alt(self) -> str:
        name, stack = next(iter(self.stacks.items()))
        level, index = self.start
        return f"A stack of {len(stack) - 1} layers from the side, {name}. {describe(stack, level=level, index=index)}"

    def figure(self) -> Figure:
        level, index = self.start
        stack = next(iter(self.stacks.values()))
        figure, axes = plt.subplots(figsize=(style.WIDTH, 0.75 * len(stack) + 0.4), layout="constrained")
        draw_fan(axes, stack, level=level, index=index)
        return figure

    def __repr__(self) -> str:
        return f"{self.alt}\nOn a page with scripts: point at any sample. Stacks: {', '.join(self.stacks)}."


def receptive_fan(stacks: Mapping[str, Sequence[Layer]], *, size: int) -> ReceptiveFan:
    """Show stacks of layers from the side; the reader points at a sample and sees its receptive field.

    Notice: with strides the upper levels have few samples, and each of them sits exactly above a pixel. Even
    kernels without padding put them between pixels.

    Args:
        stacks: name -> layers (kernel, stride, rate, padding), first layer first.
        size: pixels of the input, 2 to 48.

    Raises:
        ValueError: no stack; a size outside 2 to 48; layers that do not fit.

    Source: Araujo, Norris, Sim, Computing Receptive Fields of Convolutional Neural Networks, Distill 2019;
        walkthrough 02.
    """
    if not stacks or not all(stacks.values()):
        raise ValueError("receptive_fan: give at least one stack of at least one layer")
    if not 2 <= size <= 48:
        raise ValueError(f"receptive_fan: size={size}; the picture has room for 2 to 48 pixels")
    return ReceptiveFan({name: levels(layers, size=size) for name, layers in stacks.items()})
