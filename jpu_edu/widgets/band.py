"""The sliders of walkthrough 12: a disc, a prediction that is a few pixels off, and three scores that disagree.

Shape legend
    S     side of the picture, 160
    R     radius of the disc, d its shift, w the width of the band, all in pixels
"""

from functools import lru_cache
from typing import NamedTuple

import matplotlib.pyplot as plt
import torch
from jaxtyping import Bool, Int64
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from torch import Tensor

from jpu_edu.draw import style
from jpu_edu.draw.show import show
from jpu_edu.metrics.boundary import boundary_band
from jpu_edu.metrics.confusion import confusion
from jpu_edu.metrics.scores import mean_iou, pixel_accuracy

#: The sliders of `explore_band`: name -> (smallest, largest, start).
RANGES = {"radius": (2, 60, 20), "shift": (0, 12, 1), "width": (1, 12, 3)}

SIZE, ROW, COLUMN, VOID = 160, 80, 74, 255
RADII = (2, 3, 4, 6, 9, 14, 20, 30, 44, 60)


class Shifted(NamedTuple):
    """A disc, what a network says that sees it `shift` pixels further right, the band, and the three scores."""

    truth: Int64[Tensor, "1 S S"]
    predicted: Int64[Tensor, "1 S S"]
    band: Bool[Tensor, "1 S S"]
    accuracy: float
    miou: float
    band_miou: float


def _disc(radius: int, *, column: int) -> Int64[Tensor, "1 S S"]:
    away = (torch.arange(SIZE)[:, None] - ROW) ** 2 + (torch.arange(SIZE) - column) ** 2
    return (away <= radius**2).long()[None]


@lru_cache(maxsize=256)
def shifted_disc(*, radius: int, shift: int, width: int) -> Shifted:
    """Score a disc of radius R against itself, d pixels further right, over all pixels and over the band.

    Notice: a disc loses 2Rd pixels and gains as many. So its IoU is about (πR - 2d) / (πR + 2d), a matter of size. In
    the band stand 8Rw pixels of each class, and R cancels: (4w - d) / (4w + d).

    Args:
        radius: R >= 1.
        shift: d >= 0.
        width: w >= 1, of `boundary_band`.

    Returns:
        Both maps, the band, pixel accuracy, mIoU of the two classes, and mIoU in the band.
    """
    truth, predicted = _disc(radius, column=COLUMN), _disc(radius, column=COLUMN + shift)
    band = boundary_band(truth, width=width, void=VOID)
    whole = confusion(predicted, truth, classes=2, void=VOID)
    near = confusion(predicted, truth.masked_fill(~band, VOID), classes=2, void=VOID)
    scores = pixel_accuracy(whole), mean_iou(whole, absent="skip"), mean_iou(near, absent="skip")
    return Shifted(truth, predicted, band, *scores)


def band_formula(*, shift: int, width: int) -> float:
    """(4w - d) / (4w + d): what a disc's mIoU in the band comes to, while d <= w and the disc is large."""
    return (4 * width - shift) / (4 * width + shift)


def draw_shifted(axes: Axes, found: Shifted, *, reach: int) -> Axes:
    """The disc, the band hatched, the wrong pixels black; solid blue is the truth, dashed the prediction.

    Args:
        axes: square.
        found: from `shifted_disc`.
        reach: half of the side that is shown, in pixels.
    """
    truth, predicted, band = (x[0].numpy() for x in (found.truth, found.predicted, found.band))
    light, mid, dark = style.paper(), style.tint(style.soft(), 0.35), style.ink()
    axes.set(xlim=(COLUMN - reach, COLUMN + reach), ylim=(ROW + reach, ROW - reach), aspect="equal")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(visible=True, color=style.soft(), linewidth=0.8)
    axes.contourf(truth, levels=[-0.5, 0.5, 1.5], colors=[light, mid])
    axes.contourf(band.astype(float), levels=[0.5, 1.5], colors=["none"], hatches=["////"])
    axes.imshow((truth != predicted).astype(float)[..., None] * to_rgba(dark), zorder=2)
    axes.contour(truth, levels=[0.5], colors=[style.Y_D], linewidths=2, zorder=3)
    axes.contour(predicted, levels=[0.5], colors=[dark], linewidths=1.4, linestyles=[(0, (3, 2))], zorder=4)
    axes.set(xlim=(COLUMN - reach, COLUMN + reach), ylim=(ROW + reach, ROW - reach))
    return axes


def explore_band(*, radius: int, shift: int, width: int) -> None:
    """The redraw behind the sliders of walkthrough 12: three scores of one mistake, at every size of the object."""
    found = shifted_disc(radius=radius, shift=shift, width=width)
    print(
        f"pixel accuracy {100 * found.accuracy:.1f} %   mIoU {100 * found.miou:.1f} %   "
        f"mIoU in the band {100 * found.band_miou:.1f} %"
    )
    figure = plt.figure(figsize=(8.6, 3.7))  # placed by hand: a layout engine takes as long as all the rest
    left, right = figure.add_axes((0.01, 0.03, 0.4, 0.88)), figure.add_axes((0.47, 0.15, 0.5, 0.76))
    draw_shifted(left, found, reach=min(74, radius + shift + width + 4))
    left.set_title(f"radius {radius}, off by {shift}, band of {width}", fontsize=11)
    curves = [shifted_disc(radius=r, shift=shift, width=width) for r in RADII]
    looks = (
        ("accuracy", "pixel accuracy", style.soft(), "-"),
        ("miou", "mIoU", style.ink(), "-"),
        ("band_miou", "mIoU in the band", style.Y_D, (0, (4, 2))),
    )
    for place, (field, name, colour, line) in enumerate(looks):
        right.plot(RADII, [getattr(one, field) for one in curves], color=colour, ls=line, lw=2)
        right.plot(radius, getattr(found, field), "os^"[place], ms=8, color=colour, mec=style.paper())
        style.write(right, 60, 0.30 - 0.09 * place, name, size=10, align="right")
        right.plot(62.5, 0.30 - 0.09 * place, "os^"[place], ms=7, color=colour, clip_on=False)
    right.axvline(radius, color=style.soft(), lw=0.8, ls=":", zorder=0)
    right.set(xlim=(0, 64), ylim=(0, 1.03), yticks=[0, 0.5, 1], xlabel="radius of the object, in pixels")
    right.set_title("the same mistake on objects of every size", fontsize=11)
    show(
        figure,
        alt=f"A disc of radius {radius} and its prediction, off to the right by {shift}: pixel accuracy "
        f"{100 * found.accuracy:.1f} percent, mIoU {100 * found.miou:.1f}, in the band {100 * found.band_miou:.1f}. "
        "Beside it the three over the radius.",
    )
