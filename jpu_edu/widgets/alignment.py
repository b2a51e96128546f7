"""Where a stride leaves the samples of a coarse map and where a resize shows them, measured by sending a ramp through.

Shape legend
    size    N, pixels of the input along one axis
    coarse  stride of the map with h = ceil(N / coarse) samples; sample k stands at pixel k * coarse
    fine    stride of the map with H = ceil(N / fine) samples that it is resized to
"""

from typing import Literal, get_args

import matplotlib.pyplot as plt
import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from torch import Tensor

from jpu_edu.data.photos import photo
from jpu_edu.draw import style
from jpu_edu.draw.show import show
from jpu_edu.ops.interp import phase_aligned, resize

Way = Literal["align_corners=True", "align_corners=False", "phase-aligned"]

#: Every second one of so many stripes of the photograph goes through the resize.
STRIPES, ROWS = 8, 176

#: The sliders of `explore_alignment`: name -> (smallest, largest, start). A stride is 2 to the power of its halvings.
RANGES = {"size": (470, 520, 480), "coarse_halvings": (1, 5, 5), "fine_halvings": (0, 4, 3)}


def upsample(x: Float[Tensor, "B C h w"], *, size: tuple[int, int], rate: int, way: Way) -> Float[Tensor, "B C H W"]:
    """The resize of that name; all of them stand in `ops.interp`.

    Raises:
        ValueError: another name.
    """
    if way not in get_args(Way):
        raise ValueError(f"upsample: way={way!r}; choose one of {', '.join(get_args(Way))}")
    if way == "phase-aligned":
        return phase_aligned(x, rate=rate, size=size)
    return resize(x, size=size, align_corners=way == "align_corners=True")


def read_at(*, size: int, coarse: int, fine: int, way: Way) -> Float[Tensor, " H"]:
    """For each fine sample the input pixel at which the resize looks: the resize of a ramp.

    Notice: fine sample i stands at pixel i * fine, so `read_at(...)[i] - i * fine` is its error in pixels.
    """
    ramp = torch.arange(size, dtype=torch.float64)[None, None, None]
    return upsample(ramp[..., ::coarse], size=(1, -(-size // fine)), rate=coarse // fine, way=way)[0, 0, 0]


def shown_at(*, size: int, coarse: int, fine: int, way: Way) -> Float[Tensor, " h"]:
    """For each coarse sample the input pixel at which the resize shows it; it stands at k * coarse.

    Source: the positions of `ops.interp`, solved for the sample; walkthrough 06.
    """
    h, H = -(-size // coarse), -(-size // fine)
    k = torch.arange(h, dtype=torch.float64)
    if way == "align_corners=True":
        return k * fine * (H - 1) / max(h - 1, 1)
    return ((k + 0.5) * H / h - 0.5) * fine if way == "align_corners=False" else k * coarse


def describe(*, size: int, coarse: int, fine: int, way: Way) -> str:
    """The largest gap between where a sample stands and where it is shown, in words."""
    shown = shown_at(size=size, coarse=coarse, fine=fine, way=way)
    gaps = (shown - coarse * torch.arange(len(shown))).abs()
    k = int(gaps.argmax())
    return (
        f"{size} pixels, {len(shown)} coarse and {-(-size // fine)} fine samples, {way}. "
        f"Sample {k} stands at pixel {k * coarse} and is shown at {shown[k]:.5g}, a gap of {gaps[k]:.4g}."
    )


def launch_pad() -> Float[Tensor, "1 3 R N"]:
    """A picture full of upright lines: 520 columns of the photograph "rocket", a little lighter than it is."""
    return photo("rocket")[..., 112 : 112 + ROWS, 112 : 112 + RANGES["size"][1]] ** 0.7


def torn(picture: Float[Tensor, "1 3 R N"], *, size: int, coarse: int, fine: int, way: Way) -> Float[Tensor, "R n 3"]:
    """The picture in stripes. Every second one has its columns where the resize shows them; its blur is left out."""
    read = read_at(size=size, coarse=coarse, fine=fine, way=way)[None, None, None]
    columns = phase_aligned(read, rate=fine, size=(1, size))[0, 0, 0].round().long()
    result = picture[0, :, :, :size].clone()
    for number, stripe in enumerate(result.tensor_split(STRIPES, dim=1)):
        if number % 2:
            stripe.copy_(stripe[..., columns])
    return result.permute(1, 2, 0)


def draw_ruler(axes: Axes, *, size: int, coarse: int, fine: int, way: Way) -> Axes:
    """Dots: where the stride left the samples. Diamonds: where the resize shows them. Ticks: the fine samples."""
    shown = shown_at(size=size, coarse=coarse, fine=fine, way=way).tolist()
    stand = [k * coarse for k in range(len(shown))]
    axes.plot([-0.5, size - 0.5], [0, 0], color=style.soft(), lw=1)
    axes.vlines(range(0, size, fine), -0.14, 0.14, color=style.soft(), lw=0.7)
    leans = [
        x for a, b in zip(stand, shown, strict=True) for x in (a, a, b, float("nan"))
    ]  # one line: many would be slow
    axes.plot(leans, [1, 0.55, 0, 0] * len(stand), color=style.ink(), lw=0.8, zorder=1)
    small = min(1.0, coarse / 16)
    axes.plot(stand, [1] * len(stand), "o", ms=7 * small, color=style.Y_S, zorder=3)
    axes.plot(shown, [0] * len(shown), "D", ms=6 * small, color=style.ink(), zorder=3)
    for place in stand[:: -(-32 // coarse)]:
        axes.text(place, 1.32, str(place), ha="center", fontsize=9, color=style.soft())
    axes.set(xlim=(-6, RANGES["size"][1]), ylim=(-0.5, 1.8))
    axes.axis("off")
    return axes


def explore_alignment(*, size: int, coarse_halvings: int, fine_halvings: int, way: Way) -> None:
    """The redraw behind the sliders of walkthrough 06: ruler, ramp and photograph, all from tensors."""
    coarse, fine = 2**coarse_halvings, 2 ** min(fine_halvings, coarse_halvings - 1)
    choice = dict(size=size, coarse=coarse, fine=fine, way=way)
    read = read_at(**choice)
    place = fine * torch.arange(len(read))
    inside = place <= (size - 1) // coarse * coarse  # beyond the last coarse sample its value is held
    error = read - place
    figure, (top, middle, bottom) = plt.subplots(3, 1, figsize=(9.375, 5.2), height_ratios=(1, 1.2, 2.4), sharex=True)
    figure.subplots_adjust(left=0.08, right=0.99, bottom=0.01, top=0.99, hspace=0.1)  # a layout engine takes 40 ms
    draw_ruler(top, **choice)
    middle.plot(place[inside], error[inside], ".", ms=5, color=style.ink())
    middle.plot(place[~inside], error[~inside], "x", ms=5, color=style.soft())
    middle.axhline(0, color=style.soft(), lw=0.8)
    middle.set(ylabel="reads off by", ylim=(-30, 30), yticks=(-24, -12, 0, 12, 24))
    middle.spines["bottom"].set_visible(False)
    middle.tick_params(bottom=False, labelbottom=False)
    bottom.imshow(torn(launch_pad(), **choice).numpy(), extent=(-0.5, size - 0.5, ROWS, 0), aspect="auto")
    bottom.axis("off")
    show(figure, alt=f"A ruler, the errors of a ramp, and a photograph torn by the resize. {describe(**choice)}")
    print(f"Stride {coarse} to stride {fine}. {describe(**choice)}".replace(way + ". ", way + ".\n"))
    low, high = (f"{value:.1f}".replace("-0.0", "0.0") for value in (error[inside].min(), error[inside].max()))
    held = f", {int((~inside).sum())} beyond the last sample (crosses)" if (~inside).any() else ""
    print(f"The ramp: fine samples read {low} to {high} pixels beside their place{held}.")
