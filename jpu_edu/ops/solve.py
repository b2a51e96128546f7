"""h_hat in closed form: the convolution h that makes h(y_m0) closest to y_s.

Shape legend
    y_m0     (B, C, h, w)   phase (0, 0) of the guide
    y_s      (B, D, h, w)   the strided output, the target
    weight   (D, C, k, k)   the convolution that is sought
    samples  B * h * w      one equation per output pixel, for each of the D channels
    unknowns C * k * k (+ 1 with a bias), for each of the D channels
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from jpu_edu.ops.convs import regular_conv, same_padding
from jpu_edu.ops.maps import check_map, whole_pair
from jpu_edu.ops.phases import Rate, merge, split


@dataclass(frozen=True)
class Fit:
    """What least squares found, and how well the data determined it.

    residual is the root mean square of y_s - h(y_m0), in the units of y_s; rank counts the independent
    equations; unknowns and samples are per output channel.
    """

    weight: Tensor
    bias: Tensor | None
    residual: float
    rank: int
    unknowns: int
    samples: int

    def __call__(self, y_m0: Float[Tensor, "B C h w"]) -> Float[Tensor, "B D h w"]:
        """h(y_m0): the fitted convolution on one map."""
        padding = same_padding(tuple(self.weight.shape[-2:]))
        return regular_conv(y_m0, self.weight, self.bias, padding=padding)

    def on_guide(self, y_m: Float[Tensor, "B C H W"], *, rate: Rate) -> Float[Tensor, "B D H W"]:
        """y: y_m -> S -> h -> M, the fitted map applied to every phase of the guide (FastFCN, Eq. 4)."""
        return merge([self(phase) for phase in split(y_m, rate=rate)], rate=rate)


def fit_h(
    y_m0: Float[Tensor, "B C h w"],
    y_s: Float[Tensor, "B D h w"],
    *,
    kernel: Rate = 3,
    bias: bool = False,
    ridge: float = 0.0,
) -> Fit:
    """h_hat = argmin over convolutions h of || y_s - h(y_m0) ||, by linear least squares.

    Notice: where y_s really is one convolution of y_m0, its kernel comes back to rounding, and applying it
    to all phases gives y_d. Where ReLU or more layers lie between, the best h is only an approximation.

    Args:
        y_m0, y_s: finite, of one dtype, equal in B, h and w.
        kernel: odd size of h, k or (k_h, k_w); zero padding keeps the size of the map.
        bias: whether h has a constant term.
        ridge: lambda >= 0; adds lambda * ||weight||^2 * samples, which makes any system solvable.
            The bias is not penalised.

    Returns:
        A `Fit`, callable as h.

    Raises:
        ValueError: shapes that do not belong together, NaN or infinity, an even kernel, a negative ridge,
            or an under-determined system (rank below the number of unknowns) without a ridge.

    Convention: the data term is a mean over samples, so `ridge` has the same meaning for any number of them.

    Source: FastFCN, Eq. 3 and 4, with H the set of k x k convolutions; walkthrough 10.
    """
    for name, tensor in (("y_m0", y_m0), ("y_s", y_s)):
        check_map(tensor, what="fit_h", name=name, axes="B, C, h, w")
        if not tensor.isfinite().all():
            raise ValueError(
                f"fit_h: {name} holds {int((~tensor.isfinite()).sum())} NaN or infinite values; remove them first"
            )
    if (y_m0.shape[0], *y_m0.shape[2:]) != (y_s.shape[0], *y_s.shape[2:]) or y_m0.dtype != y_s.dtype:
        raise ValueError(
            f"fit_h: y_m0 {tuple(y_m0.shape)} {y_m0.dtype} and y_s {tuple(y_s.shape)} {y_s.dtype} must share "
            "B, h, w and dtype; is y_m0 = reduce(y_m, rate=...)?"
        )
    if y_s.dtype not in (torch.float64, torch.float32):
        raise TypeError(f"fit_h: the maps are {y_s.dtype}; least squares needs float64 or float32: y_m0.double()")
    if isinstance(ridge, bool) or not isinstance(ridge, int | float) or not 0 <= ridge < float("inf"):
        raise ValueError(f"fit_h: ridge={ridge!r}; ridge must be a number >= 0 (0 is plain least squares)")
    size = whole_pair(kernel, what="fit_h", name="kernel")
    if not all(n % 2 for n in size):
        raise ValueError(f"fit_h: kernel={kernel!r}; its size must be odd, so that h keeps the size of the map")
    padding = same_padding(size)

    # One row per output pixel: the C * k_h * k_w inputs under the kernel (im2col), and 1 for the bias.
    rows = F.unfold(y_m0, size, padding=padding).transpose(1, 2).flatten(0, 1)
    if bias:
        rows = torch.cat([rows, rows.new_ones(len(rows), 1)], dim=1)
    targets = y_s.flatten(2).transpose(1, 2).flatten(0, 1)
    samples, unknowns = rows.shape
    rank = int(torch.linalg.matrix_rank(rows))
    if rank < unknowns and ridge == 0:
        raise ValueError(
            f"fit_h: under-determined, {samples} samples of rank {rank} for {unknowns} unknowns per output channel; "
            "give a larger or less regular map, more images, a smaller kernel, or a ridge such as ridge=1e-6"
        )
    system, right = rows, targets
    if ridge:  # as extra equations sqrt(lambda * samples) * w = 0: better conditioned than the normal equations
        penalty = torch.eye(unknowns, dtype=rows.dtype, device=rows.device)[: unknowns - bias]
        system = torch.cat([rows, penalty * (ridge * samples) ** 0.5])
        right = torch.cat([targets, targets.new_zeros(len(penalty), targets.shape[1])])
    solution = torch.linalg.lstsq(system, right).solution
    residual = (rows @ solution - targets).square().mean().sqrt().item()
    weight = solution[: unknowns - bias].T.reshape(y_s.shape[1], y_m0.shape[1], *size)
    return Fit(weight, solution[-1] if bias else None, residual, rank, unknowns, samples)
