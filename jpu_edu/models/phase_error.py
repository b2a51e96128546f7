"""How far from y_d, phase by phase: the error of any way to make a fine map from a coarse one.

Shape legend
    B, C     images, channels
    H, W     size of y_d, rate times that of y_s, rounded to the image
    rate     2 at output stride 16, 4 at 8; there are rate * rate phases
"""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from jpu_edu.ops.phases import split


@dataclass(frozen=True)
class PhaseError:
    """One approximation y of y_d.

    Fields:
        name: how y is made.
        fitted: to what: "nothing", "y_m0, y_s" (what the strided network has), or "y_d" (the answer itself).
        overall: root mean square of y - y_d over the standard deviation of y_d. 0 is exact; 1 is no better
            than the mean of y_d.
        phases: the same for each phase, row by row; the first is (0, 0), where y_s stands.
        map: the same for each pixel (over images and channels), (H, W).
    """

    name: str
    fitted: str
    overall: float
    phases: tuple[float, ...]
    map: Tensor


def phase_error(
    name: str, y: Float[Tensor, "B C H W"], y_d: Float[Tensor, "B C H W"], *, rate: int, fitted: str = "nothing"
) -> PhaseError:
    """The error of any approximation of y_d, per phase and per pixel.

    Raises:
        ValueError: shapes that differ.

    Source: walkthrough 10.
    """
    if y.shape != y_d.shape:
        raise ValueError(f"phase_error: y has shape {tuple(y.shape)}, y_d {tuple(y_d.shape)}; resize y to y_d first")
    scale = (y_d - y_d.mean((0, 2, 3), keepdim=True)).square().mean().sqrt()
    squares = ((y - y_d) / scale).square().mean((0, 1))
    phases = tuple(phase.mean().sqrt().item() for phase in split(squares, rate=rate))
    return PhaseError(name, fitted, squares.mean().sqrt().item(), phases, squares.sqrt())
