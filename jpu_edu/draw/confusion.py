"""What is taken for what: a confusion matrix as shares of each true class.

Shape legend
    K    number of classes
"""

from collections.abc import Sequence

from jaxtyping import Int64
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, PowerNorm
from matplotlib.patches import Rectangle
from torch import Tensor

from jpu_edu.draw import style

#: The smallest letters, in points, that are still read on a page.
SMALLEST = 5.5


def draw_confusion(axes: Axes, matrix: Int64[Tensor, "K K"], names: Sequence[str]) -> Axes:
    """Row: the true class. Column: what the network called it. Shade: the share of the row.

    Notice: the shade grows with the root of the share, so that the few percent beside the diagonal are seen: 4 % is a
    fifth of black. Where the cells have room, up to about 15 classes on a whole figure, the percent stand in them. A
    class that is not in the truth has an empty row.

    Args:
        axes: a square of 900 pixels shows 60 classes with their names, on both sides.
        matrix: counts, from `metrics.confusion`.
        names: of the classes, K of them.

    Raises:
        ValueError: another number of names.
    """
    count = len(matrix)
    if len(names) != count:
        raise ValueError(f"draw_confusion: {len(names)} names for {count} classes; give one a class, in their order")
    totals = matrix.sum(1, keepdim=True)
    shares = (matrix / totals.clamp(min=1)).numpy()
    shades = LinearSegmentedColormap.from_list("shades", [style.paper(), style.ink()])
    axes.imshow(shares, cmap=shades, norm=PowerNorm(0.5, 0, 1), aspect="equal")
    axes.apply_aspect()
    cell = axes.get_window_extent().width / count * 72 / axes.get_figure(root=True).dpi
    label = min(11, max(SMALLEST, 0.8 * cell))
    axes.set_xticks(range(count), names, rotation=90, fontsize=label)
    axes.set_yticks(range(count), names, fontsize=label)
    both = count > 20  # names on both sides, where a cell is far from the first
    axes.tick_params(length=0, pad=3, labelcolor=style.ink(), labeltop=True, labelbottom=both, labelright=both)
    axes.xaxis.set_label_position("top")
    axes.set(xlabel="the network says", ylabel="the truth is")
    axes.spines[:].set_visible(False)
    for k in range(count):  # the diagonal, framed: what is right
        axes.add_patch(Rectangle((k - 0.5, k - 0.5), 1, 1, fill=False, ec=style.soft(), lw=min(1, cell / 12)))
    if (size := 0.36 * cell) >= SMALLEST:
        for (i, j), share in [((i, j), shares[i, j]) for i in range(count) for j in range(count)]:
            if share >= 0.005:
                tone = style.paper() if share > 0.2 else style.ink()
                style.write(axes, j, i, f"{100 * share:.0f}", size=min(11, size), colour=tone)
    return axes
