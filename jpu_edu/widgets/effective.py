"""How much each pixel counts: the effective receptive field of random networks, lit up on a photograph."""

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from jaxtyping import Float
from matplotlib.axes import Axes
from torch import Tensor

from jpu_edu.cost.receptive import effective_size, receptive_field
from jpu_edu.data.photos import photo
from jpu_edu.draw import style
from jpu_edu.draw.show import show

Layer = tuple[int, int, int, int]

#: Networks in one redraw: few, so that a slider answers at once.
NETS = 8

#: The sliders of `explore_effective`: name -> (smallest, largest, start).
RANGES = {"depth": (1, 10, 8), "kernel": (2, 5, 3), "stride": (1, 3, 1), "at_layer": (1, 10, 1)}


def stack_of(*, depth: int, kernel: int = 3, stride: int = 1, at_layer: int = 1) -> list[Layer]:
    """A stack of (kernel, stride, rate, padding) with "same" padding and one strided layer, counted from 1."""
    return [(kernel, stride if layer == at_layer else 1, 1, kernel // 2) for layer in range(1, depth + 1)]


def random_gradient(
    window: Float[Tensor, "1 1 S S"], layers: list[Layer], *, nets: int, channels: int = 8
) -> Float[Tensor, "S S"]:
    """How strongly each pixel of a window moves the one output that sees all of it, over many random ReLU networks.

    Notice: the weights are drawn and never trained. The bell is there before any learning.

    Args:
        window: a square of a grey picture, as large as the receptive field of the layers.
        layers: (kernel, stride, rate, padding); the window replaces the padding.
        nets: how many networks; they run at once, as the groups of one convolution.
        channels: of every hidden layer. The last layer has one channel and no ReLU.

    Returns:
        The root mean square of the gradient over the networks, largest value 1.

    Raises:
        ValueError: a window of another size.

    Source: Luo, Li, Urtasun, Zemel, NeurIPS 2016, arXiv 1701.04128; walkthrough 02.
    """
    size = receptive_field(layers).size
    if window.shape[-1] != size:
        raise ValueError(f"random_gradient: a window of {window.shape[-1]}; these layers see {size} pixels a side")
    generator = torch.Generator().manual_seed(0)
    inputs = window.repeat(1, nets, 1, 1).requires_grad_()
    y, into = inputs, 1
    for number, (kernel, stride, rate, _) in enumerate(layers, 1):
        out = 1 if number == len(layers) else channels
        weight = torch.randn(nets * out, into, kernel, kernel, generator=generator, dtype=window.dtype)
        weight = weight * (2 / weight[0].numel()) ** 0.5
        y = F.conv2d(y if number == 1 else y.relu(), weight, stride=stride, dilation=rate, groups=nets)
        into = out
    (gradient,) = torch.autograd.grad(y.sum(), inputs)
    strength = gradient[0].square().mean(0).sqrt()
    return strength / strength.max()


def draw_spotlight(
    axes: Axes, picture: Float[Tensor, "H W"], strength: Float[Tensor, "S S"], *, corner: tuple[int, int]
) -> Axes:
    """The photograph, as bright as each pixel counts, and the theoretical receptive field as a dashed square."""
    size = strength.shape[0]
    light = torch.full_like(picture, 0.3)
    light[corner[0] : corner[0] + size, corner[1] : corner[1] + size] += 0.7 * strength
    axes.imshow((picture * light).numpy(), vmin=0, vmax=0.8)
    box = plt.Rectangle((corner[1] - 0.5, corner[0] - 0.5), size, size, fill=False, ec="#FFFFFF", lw=1.2)
    box.set_linestyle((0, (4, 2.5)))
    axes.add_patch(box)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    return axes


def centred(picture: Float[Tensor, "1 1 H W"], size: int) -> tuple[Float[Tensor, "1 1 S S"], tuple[int, int]]:
    """The square window of `size` pixels in the middle of the picture, and its top left corner."""
    top, left = ((side - size) // 2 for side in picture.shape[-2:])
    return picture[..., top : top + size, left : left + size], (top, left)


def explore_effective(*, depth: int, kernel: int, stride: int, at_layer: int) -> None:
    """The redraw behind the sliders of walkthrough 02: theory as a dashed square, importance as light."""
    layers = stack_of(depth=depth, kernel=kernel, stride=stride, at_layer=min(at_layer, depth))
    field = receptive_field(layers)
    picture = photo("chelsea", size=(150, 225), grey=True)[..., :128, 46:174]
    window, corner = centred(picture, field.size)
    strength = random_gradient(window, layers, nets=NETS, channels=4)
    side = effective_size(strength)
    print(f"theory {field.size} x {field.size};  effective about {side:.0f} x {side:.0f}")
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.6, 3.6), layout="constrained")
    draw_spotlight(left, picture[0, 0], strength, corner=corner)
    profile = strength.square().sum(0).sqrt()
    places = range(corner[1], corner[1] + field.size)
    right.fill_between(places, profile / profile.max(), color=style.tint(style.soft()), lw=0)
    right.plot(places, profile / profile.max(), color=style.ink())
    for edge in (corner[1] - 0.5, corner[1] + field.size - 0.5):
        right.axvline(edge, color=style.soft(), lw=1, ls=(0, (4, 2.5)))
    right.set(xlim=(0, 127), ylim=(0, 1.05), yticks=[0, 1], xlabel="column")
    right.set_title("how much each column counts", fontsize=11)
    show(
        figure,
        alt=f"The photograph is lit where the output looks. Theory says {field.size} pixels a side, "
        f"the light fills about {side:.0f}.",
    )
