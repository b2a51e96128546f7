"""S, M and R: split a map into its phases, merge them back, or keep only phase 0.

Shape legend
    H, W    height and width of the map, any size >= 1
    r       the rate; r_h and r_w where the axes differ
    phase   k = p * r_w + q holds x[..., p::r_h, q::r_w]; phase 0 starts at the top left pixel
"""

from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Shaped
from torch import Tensor

from jpu_edu.ops.maps import check_map, whole_pair

Rate = int | tuple[int, int]


def rate_pair(rate: Rate, *, what: str = "split") -> tuple[int, int]:
    """Read a rate as (r_h, r_w). A pair such as (1, 2) handles a signal: a map that is one pixel high.

    Raises:
        TypeError, ValueError: no integer >= 1 and no pair of them.
    """
    return whole_pair(rate, what=what, name="rate", remedy="1 means no dilation")


def _to_split(x: Tensor, rate: Rate, what: str, axes: str) -> tuple[int, int]:
    """Check the map; return the rate as a pair, if `x` can be split with it.

    Any rate has a meaning, but a view for each of a million phases takes seconds, for more of them days.
    """
    rate_h, rate_w = rate_pair(rate, what=what)
    check_map(x, what=what, axes=axes, cast=None)
    count, (height, width) = rate_h * rate_w, x.shape[-2:]
    if count > 2**20:
        raise ValueError(
            f"{what}: rate={rate!r} makes {count} phases, all but {height * width} of them empty, of a map of "
            f"{height} x {width}; give a rate of {max(height, width)} or less"
        )
    return rate_h, rate_w


def split(x: Shaped[Tensor, "*batch H W"], *, rate: Rate) -> tuple[Shaped[Tensor, "*batch _ _"], ...]:
    """S: take a map apart into r * r small maps, one for each phase.

    Notice: nothing is computed. Every phase is a view of `x`: one offset, and strides r times as long.

    Args:
        x: any dtype, any H and W >= 1, any leading axes.
        rate: r >= 1, or (r_h, r_w).

    Returns:
        r_h * r_w views, in the order k = p * r_w + q, of shape (..., ceil((H - p) / r_h), ceil((W - q) / r_w)).

    Raises:
        TypeError, ValueError: a rate that is no integer >= 1; a map without H and W; an empty map.

    Convention: phase k = p * r_w + q is x[..., p::r_h, q::r_w]. Where r does not divide H or W, the first
        phases are one pixel larger than the last; where r exceeds H or W, the last phases are empty.

    Source: FastFCN, section 3.3, the operator S (drawn there in 1-D with two groups); walkthrough 03.
    """
    rate_h, rate_w = _to_split(x, rate, "split", "..., H, W")
    return tuple(x[..., p::rate_h, q::rate_w] for p in range(rate_h) for q in range(rate_w))


def merge(phases: Sequence[Shaped[Tensor, "*batch _ _"]], *, rate: Rate) -> Shaped[Tensor, "*batch _ _"]:
    """M: put the phases back where `split` took them from. The inverse of S, for every size.

    Notice: the size of the map follows from the phases: H is the sum of the heights of the r_h in the first column.

    Args:
        phases: r_h * r_w maps in the order of `split`, equal in all leading axes, dtype and device.
        rate: the rate that they were split with.

    Returns:
        (..., H, W), a new tensor through which gradients flow to every phase.

    Raises:
        ValueError: another number of phases than the rate needs; sizes that no split could have given;
            leading axes, dtypes or devices that differ.

    Convention: merge(split(x, rate=r), rate=r) equals x bit for bit.

    Source: FastFCN, section 3.3, the operator M; walkthrough 03.
    """
    rate_h, rate_w = rate_pair(rate, what="merge")
    if not isinstance(phases, Iterable):
        raise TypeError(f"merge: got {type(phases).__name__}; pass the phases in the order of split, as a list")
    phases = list(phases)
    if len(phases) != rate_h * rate_w:
        root = round(len(phases) ** 0.5)
        hint = f" Did you mean rate={root}?" if root >= 1 and root * root == len(phases) else ""
        raise ValueError(
            f"merge: got {len(phases)} phases for rate={rate!r}; "
            f"rate {rate!r} needs {rate_h * rate_w} ({rate_h} x {rate_w}).{hint}"
        )
    for k, phase in enumerate(phases):
        if not isinstance(phase, Tensor) or phase.ndim < 2:
            got = tuple(phase.shape) if isinstance(phase, Tensor) else type(phase).__name__
            raise TypeError(f"merge: phase {k} is {got}; every phase must be a torch tensor of shape (..., H, W)")
    first = phases[0]
    height = sum(phases[p * rate_w].shape[-2] for p in range(rate_h))
    width = sum(phases[q].shape[-1] for q in range(rate_w))
    for k, phase in enumerate(phases):
        p, q = divmod(k, rate_w)
        want = (*first.shape[:-2], len(range(p, height, rate_h)), len(range(q, width, rate_w)))
        if tuple(phase.shape) != want:
            raise ValueError(
                f"merge: phase {k} (p={p}, q={q}) has shape {tuple(phase.shape)}; "
                f"in a map of {height} x {width} it must have {want}. Are the phases in the order of split?"
            )
        if phase.dtype != first.dtype or phase.device != first.device:
            raise ValueError(
                f"merge: phase {k} is {phase.dtype} on {phase.device}, phase 0 is {first.dtype} on {first.device}; "
                "all phases must agree"
            )
    merged = first.new_empty((*first.shape[:-2], height, width))
    for k, phase in enumerate(phases):
        p, q = divmod(k, rate_w)
        merged[..., p::rate_h, q::rate_w] = phase
    return merged


def reduce(x: Shaped[Tensor, "*batch H W"], *, rate: Rate) -> Shaped[Tensor, "*batch _ _"]:
    """R: keep phase 0, the pixels whose row and column are multiples of the rate.

    Notice: reduce(x) is split(x)[0]. What R throws away are the other r * r - 1 phases.

    Args, Raises: as for `split`.

    Returns:
        A view of shape (..., ceil(H / r_h), ceil(W / r_w)).

    Convention: reduce keeps phase 0, the even rows and columns at rate 2.

    Source: FastFCN, section 3.3, the operator R; walkthrough 02.
    """
    rate_h, rate_w = rate_pair(rate, what="reduce")
    check_map(x, what="reduce", axes="..., H, W", cast=None)
    return x[..., ::rate_h, ::rate_w]


def split_to_batch(x: Shaped[Tensor, "B C H W"], *, rate: Rate) -> Shaped[Tensor, "rB C h w"]:
    """S with the phases on the batch axis, so that one convolution works on all of them at once.

    Notice: where r does not divide H or W the map is first filled with zeros at the bottom and right,
    so that all phases have one size. The memory layout of `x` (channels first or last) is kept: in
    channels-last the copy moves whole rows of C numbers, which is why it is cheap.

    Returns:
        (B * r_h * r_w, C, ceil(H / r_h), ceil(W / r_w)); element b * r_h * r_w + k is phase k of image b.

    Convention: for sizes that r divides, it equals torch.stack(split(x), dim=1).flatten(0, 1).

    Source: FastFCN, section 3.3; walkthrough 04.
    """
    rate_h, rate_w = _to_split(x, rate, "split_to_batch", "B, C, H, W")
    batch, channels, height, width = x.shape
    fill = (-width % rate_w, -height % rate_h)
    if any(fill):
        x = torch.nn.functional.pad(x, (0, fill[0], 0, fill[1]))
    h, w = x.shape[-2] // rate_h, x.shape[-1] // rate_w
    if x.is_contiguous(memory_format=torch.channels_last):
        grid = x.permute(0, 2, 3, 1).reshape(batch, h, rate_h, w, rate_w, channels)
        return grid.permute(0, 2, 4, 1, 3, 5).reshape(-1, h, w, channels).permute(0, 3, 1, 2)
    grid = x.reshape(batch, channels, h, rate_h, w, rate_w)
    return grid.permute(0, 3, 5, 1, 2, 4).reshape(-1, channels, h, w)


def merge_from_batch(
    phases: Shaped[Tensor, "rB C h w"], *, rate: Rate, size: tuple[int, int]
) -> Shaped[Tensor, "B C H W"]:
    """M for phases on the batch axis: the inverse of `split_to_batch`, cropped to `size`.

    Args:
        phases: (B * r_h * r_w, C, h, w), ordered as `split_to_batch` orders them.
        rate: the rate that they were split with.
        size: (H, W) of the merged map, at most (h * r_h, w * r_w).

    Raises:
        ValueError: a batch that r_h * r_w does not divide; a size that the phases cannot fill.

    Source: FastFCN, section 3.3; walkthrough 04.
    """
    rate_h, rate_w = rate_pair(rate, what="merge_from_batch")
    check_map(phases, what="merge_from_batch", name="phases", axes="B * r_h * r_w, C, h, w", cast=None)
    count, channels, h, w = phases.shape
    if count % (rate_h * rate_w):
        raise ValueError(
            f"merge_from_batch: batch of {count} phases; rate={rate!r} needs a multiple of {rate_h * rate_w}"
        )
    if not isinstance(size, tuple | list) or len(size) != 2:
        raise TypeError(f"merge_from_batch: size={size!r}; pass (H, W)")
    if not (0 < size[0] <= h * rate_h and 0 < size[1] <= w * rate_w):
        raise ValueError(
            f"merge_from_batch: size={size}; phases of {h} x {w} at rate={rate!r} fill {(h * rate_h, w * rate_w)}"
        )
    if phases.is_contiguous(memory_format=torch.channels_last):
        grid = phases.permute(0, 2, 3, 1).reshape(-1, rate_h, rate_w, h, w, channels)
        merged = grid.permute(0, 3, 1, 4, 2, 5).reshape(-1, h * rate_h, w * rate_w, channels).permute(0, 3, 1, 2)
    else:
        grid = phases.reshape(-1, rate_h, rate_w, channels, h, w)
        merged = grid.permute(0, 3, 4, 1, 5, 2).reshape(-1, channels, h * rate_h, w * rate_w)
    return merged[..., : size[0], : size[1]]
