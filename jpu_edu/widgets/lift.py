"""The sliders of walkthrough 07: one target, lifted by likeness and by lines, with the profile of an edge.

Shape legend
    picture   (1, 3, H, W)   the guide x_h, 96 x 192
    truth     (1, C, H, W)   what the target is at full resolution
    target    (1, C, h, w)   what there is of it, y_l, 12 x 24
"""

from functools import cache
from typing import Literal, NamedTuple

import matplotlib.pyplot as plt
import torch
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from torch import Tensor

from jpu_edu.classic.bilateral import joint_bilateral_upsample
from jpu_edu.classic.guided import fast_guided_filter
from jpu_edu.data.motorcycle import motorcycle, repaint
from jpu_edu.draw import style
from jpu_edu.draw.show import show
from jpu_edu.ops.interp import phase_aligned, resize
from jpu_edu.ops.phases import reduce

Target = Literal["mask", "colours"]

FACTOR = 8

#: The part of the motorcycle on which the sliders work: badge, headlamp and fork.
ROWS, COLUMNS = slice(24, 120), slice(16, 208)

#: The range of each slider, both ends included, and where it starts. sigma_range and epsilon move by powers of 10.
RANGES = {
    "sigma_spatial": (0.2, 2.0, 0.5),
    "sigma_range": (0.01, 1.0, 0.05),
    "radius": (0, 4, 1),
    "epsilon": (1e-6, 1.0, 1e-3),
    "row": (0, 95, 48),
}


class Task(NamedTuple):
    """A guide, a target at 1/8 of its size, and the truth. `rate` says where the samples sit (see classic.pair)."""

    picture: Float[Tensor, "1 3 H W"]
    target: Float[Tensor, "1 C h w"]
    truth: Float[Tensor, "1 C H W"]
    known: Bool[Tensor, "1 1 H W"]
    rate: int | None

    def plain(self) -> Float[Tensor, "1 C H W"]:
        """The target interpolated without a guide."""
        size = (self.truth.shape[-2], self.truth.shape[-1])
        if self.rate is None:
            return resize(self.target, size=size, align_corners=False)
        return phase_aligned(self.target, rate=self.rate, size=size)

    def by_likeness(self, *, sigma_spatial: float, sigma_range: float, radius: int) -> Float[Tensor, "1 C H W"]:
        """The target by joint bilateral upsampling."""
        sigmas = {"sigma_spatial": sigma_spatial, "sigma_range": sigma_range}
        return joint_bilateral_upsample(self.picture, self.target, radius=radius, rate=self.rate, **sigmas)

    def by_lines(self, *, radius: int, epsilon: float) -> Float[Tensor, "1 C H W"]:
        """The target by the fast guided filter."""
        return fast_guided_filter(self.picture, self.target, radius=radius, epsilon=epsilon, rate=self.rate)

    def error(self, lifted: Float[Tensor, "1 C H W"]) -> float:
        """Mean absolute error over the pixels where the truth is known, in percent of the range."""
        return 100 * (lifted - self.truth).abs()[self.known.expand_as(lifted)].mean().item()


@cache
def task(target: Target, *, crop: bool = False, dtype: torch.dtype = torch.float32) -> Task:
    """The motorcycle's mask, phase 0 at rate 8, or its new colours, computed from a photograph of 1/8 the size.

    Args:
        target: "mask" or "colours".
        crop: the part of 96 x 192 pixels on which the sliders work, in place of all 192 x 256.
        dtype: floating point.

    Raises:
        ValueError: another target.
    """
    picture, mask, known = motorcycle(dtype=dtype)
    if target == "mask":
        full, rate = mask, FACTOR
        small = reduce(mask, rate=FACTOR)
    elif target == "colours":
        full, rate = repaint(picture), None
        height, width = picture.shape[-2:]
        small = repaint(resize(picture, size=(height // FACTOR, width // FACTOR), mode="area"))
        known = torch.ones_like(known)
    else:
        raise ValueError(f"task: target={target!r}; choose mask or colours")
    if not crop:
        return Task(picture, small, full, known, rate)
    large = (..., ROWS, COLUMNS)
    few = (..., *(slice(part.start // FACTOR, part.stop // FACTOR) for part in (ROWS, COLUMNS)))
    return Task(picture[large], small[few], full[large], known[large], rate)


def draw_picture(axes: Axes, picture: Float[Tensor, "1 C H W"], title: str = "", *, row: int | None = None) -> Axes:
    """A mask in grey or a photograph in colour, values cut to [0, 1]; a line marks the row of a profile."""
    shown = picture[0].detach().clamp(0, 1).permute(1, 2, 0).squeeze(-1)
    axes.imshow(shown.numpy(), vmin=0, vmax=1)
    if row is not None:
        axes.axhline(row, color=style.paper(), lw=2.6)
        axes.axhline(row, color=style.ink(), lw=1.2)
    axes.set(xticks=[], yticks=[])
    axes.set_title(title, fontsize=11)
    axes.spines[:].set_visible(False)
    return axes


def draw_profile(
    axes: Axes, lifted: Float[Tensor, "1 C H W"], truth: Float[Tensor, "1 C H W"], *, row: int, columns: slice
) -> Axes:
    """One row of the truth (wide, sky blue) and of what was made of it (dashed), means over the channels."""
    places = range(columns.start, columns.stop)
    want, got = (x[0, :, row, columns].detach().mean(0).numpy() for x in (truth, lifted))
    axes.plot(places, want, color=style.Y_D, lw=4, solid_capstyle="butt", gid="truth")
    axes.plot(places, got, color=style.ink(), lw=1.3, ls=style.LINES["approximate"], gid="lifted")
    axes.set(xlim=(columns.start, columns.stop - 1), ylim=(-0.3, 1.3), yticks=[0, 1])
    return axes


def explore_lift(
    *, target: Target, sigma_spatial: float, sigma_range: float, radius: int, epsilon: float, row: int
) -> None:
    """The redraw behind the sliders of walkthrough 07: two pictures, two profiles, three errors."""
    one = task(target, crop=True)
    bilateral = one.by_likeness(sigma_spatial=sigma_spatial, sigma_range=sigma_range, radius=radius)
    guided = one.by_lines(radius=radius, epsilon=epsilon)
    results = {"bilinear": one.plain(), "joint bilateral": bilateral, "fast guided": guided}
    errors = {name: one.error(lifted) for name, lifted in results.items()}
    figure, axes = plt.subplots(2, 3, figsize=(style.WIDTH, 3.3), height_ratios=(1.4, 1))
    for column, (name, lifted) in enumerate(results.items()):
        title = f"{name}: {errors[name]:.1f} %"
        if column:
            draw_picture(axes[0, column], lifted, title, row=row)
        else:  # in the place of a blur, what guides the other two
            draw_picture(axes[0, 0], one.picture, f"the guide ({title})", row=row)
        draw_profile(axes[1, column], lifted, one.truth, row=row, columns=slice(0, lifted.shape[-1]))
        axes[1, column].tick_params(labelleft=column == 0)
    figure.subplots_adjust(left=0.03, right=0.99, bottom=0.09, top=0.92, wspace=0.07, hspace=0.06)
    show(
        figure,
        alt=f"The {target} lifted from 1/8 of the size, with errors of {errors['bilinear']:.1f} % (bilinear), "
        f"{errors['joint bilateral']:.1f} % (by likeness) and {errors['fast guided']:.1f} % (by lines). Below each, "
        f"row {row}: the truth as a wide blue line, the result dashed.",
    )
    print(f"Beyond the range 0 to 1 by at most: bilateral {_outside(bilateral):.2f}, guided {_outside(guided):.2f}.")


def _outside(x: Tensor) -> float:
    return max(0.0, x.max().item() - 1, -x.min().item())
