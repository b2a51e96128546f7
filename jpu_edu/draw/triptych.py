"""Two pictures and their difference, side by side, with the largest error in words."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Shaped
from matplotlib.axes import Axes
from torch import Tensor

from jpu_edu.draw import style
from jpu_edu.ops.compare import max_error


def draw_triptych(
    axes: Sequence[Axes] | np.ndarray,
    got: Shaped[Tensor, "H W"],
    want: Shaped[Tensor, "H W"],
    *,
    names: tuple[str, str],
) -> Sequence[Axes] | np.ndarray:
    """Draw `got`, `want` and |got - want| on three axes.

    Notice: both pictures share one grey scale. The difference has its own, from 0 to its largest value,
    which is printed: a faint difference is seen, and its size is read.

    Args:
        axes: three of them, as `figure.subplots(1, 3)` gives them.
        got, want: (H, W), one shape and dtype.
        names: what the two are, such as ("by phases", "native").

    Raises:
        ValueError: not three axes; shapes or dtypes that differ.
    """
    if len(axes) != 3:
        raise ValueError(f"draw_triptych: got {len(axes)} axes; it needs 3: two pictures and their difference")
    error = max_error(got, want)
    first, second = got.detach().double().cpu(), want.detach().double().cpu()
    low = min(first.min(), second.min()).item()
    high = max(first.max(), second.max()).item()
    gap = (first - second).abs()
    words = "max error 0" if error == 0 else f"max error {error:.1e}"
    pictures = (
        (first, low, high, names[0]),
        (second, low, high, names[1]),
        (gap, 0.0, gap.max().item() or 1.0, words),
    )
    for ax, (picture, bottom, top, title) in zip(axes, pictures, strict=True):
        ax.imshow(picture.numpy(), cmap="gray", vmin=bottom, vmax=top)
        ax.set(xticks=[], yticks=[])
        ax.set_title(title, color=style.ink())
        ax.spines[:].set_visible(False)
    return axes
