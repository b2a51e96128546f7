"""Which inputs a stack of dilated layers reaches, and along how many paths."""

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, LogNorm

from jpu_edu.cost.receptive import receptive_field
from jpu_edu.draw import style


def draw_coverage(axes: Axes, rates: Sequence[int], *, kernel: int = 3) -> Axes:
    """Draw the window of one output: dark where many paths lead to an input, a dot where none does.

    Notice: the number of paths is the gradient of a stack whose weights are all 1. Its grey scale is logarithmic.

    Args:
        rates: one a layer, >= 1; every layer has a kernel x kernel window at stride 1.
        kernel: >= 1.

    Raises:
        ValueError: what `receptive_field` refuses.
    """
    if not rates:
        raise ValueError("draw_coverage: rates=(); give one or more, one for each layer")
    field = receptive_field([(kernel, 1, rate) for rate in rates])
    paths = np.outer(field.paths, field.paths).astype(float)
    greys = LinearSegmentedColormap.from_list("paths", [style.tint(style.ink(), 0.16), style.ink()])
    shown = np.ma.masked_equal(paths, 0)
    axes.imshow(shown, cmap=greys, norm=LogNorm(1, max(2.0, paths.max())), extent=(0, field.size, field.size, 0))
    rows, columns = np.nonzero(paths == 0)
    area = (min(4.0, 60 / field.size)) ** 2
    axes.scatter(
        columns + 0.5, rows + 0.5, s=area, marker="o", facecolors="none", edgecolors=style.soft(), linewidths=0.6
    )
    axes.set(xticks=[], yticks=[], xlim=(0, field.size), ylim=(field.size, 0), aspect="equal")
    axes.spines[:].set(visible=True, color=matplotlib.rcParams["axes.edgecolor"])
    return axes
