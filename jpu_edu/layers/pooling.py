"""Adaptive average pooling as one matrix product, which exports with a dynamic size.

Shape legend
    B, C    batch and channels
    H, W    height and width of the map
    n       bins a side, so n * n boxes
"""

import torch
from jaxtyping import Float
from torch import Tensor

from jpu_edu.ops.maps import check_map


def bin_weights(size: int, *, bins: int, like: Tensor) -> Float[Tensor, "n size"]:
    """The averaging matrix of one axis: row i is 1 / length inside bin i and 0 outside.

    Convention: bin i runs from floor(i * size / n) to ceil((i + 1) * size / n), as in PyTorch. Where n does
        not divide the size, neighbouring bins share a sample; where n exceeds it, they repeat samples.
    """
    i = torch.arange(bins, device=like.device)[:, None]
    start, stop = i * size // bins, ((i + 1) * size + bins - 1) // bins
    position = torch.arange(size, device=like.device)
    inside = (position >= start) & (position < stop)
    return inside.to(like.dtype) / (stop - start).to(like.dtype)


def adaptive_avg_pool(x: Float[Tensor, "B C H W"], *, bins: tuple[int, ...]) -> tuple[Float[Tensor, "B C _ _"], ...]:
    """For every n in `bins`, the means of an n x n grid of boxes: what nn.AdaptiveAvgPool2d(n) gives.

    Notice: a mean is a dot product, so the whole pyramid is one matrix product: (C x HW) with a matrix of
    one column a box. PyTorch's operator visits the boxes in a loop that ONNX cannot write down for a size
    known only at run time; the matrix it can. One pass over x also takes no longer than four.

    Args:
        bins: the n, each >= 1.

    Returns:
        One map (B, C, n, n) for every n, in their order.

    Raises:
        ValueError: no bins, or bins below 1.

    Source: PSPNet (Zhao et al. 2017), section 3.2; open-mmlab/mmsegmentation#1310; walkthrough 09.
    """
    check_map(x, what="adaptive_avg_pool")
    whole = isinstance(bins, tuple | list) and all(isinstance(n, int) and n >= 1 for n in bins)
    if not bins or not whole:
        raise ValueError(f"adaptive_avg_pool: bins={bins}; give one or more integers >= 1, such as (1, 2, 3, 6)")
    boxes = []
    for n in bins:
        rows, columns = (bin_weights(size, bins=n, like=x) for size in x.shape[2:])
        boxes.append((rows.T[:, None, :, None] * columns.T[None, :, None, :]).flatten(2))
    means = x.flatten(2) @ torch.cat(boxes, dim=2).flatten(0, 1)
    parts = means.split([n * n for n in bins], dim=2)
    return tuple(part.unflatten(2, (n, n)) for part, n in zip(parts, bins, strict=True))
