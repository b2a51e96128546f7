"""The Encoding layer of EncNet: how an image differs, in sum, from K learned codewords.

Shape legend
    B, D    batch and channels of the map
    N       number of pixels, H * W
    K       number of codewords
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from jpu_edu.layers.checks import check_channels


def encode(
    x: Float[Tensor, "B D H W"], codewords: Float[Tensor, "K D"], scale: Float[Tensor, "K"]
) -> Float[Tensor, "B K D"]:
    """Soft-assign every pixel to the codewords and sum the residuals: e_k = sum_i a_ik (x_i - c_k).

    a_ik is the softmax over k of s_k * |x_i - c_k|^2. The scales s_k are learned, and start negative,
    so that the nearest codeword weighs most.

    Notice: no residual is ever formed. With |x - c|^2 = |x|^2 - 2 x.c + |c|^2 and
    e_k = (sum_i a_ik x_i) - (sum_i a_ik) c_k, two matrix products do all the work, and the largest
    tensor is B x K x N instead of B x N x K x D (256 MiB at 512 x 512). |x|^2 is the same for every
    codeword, yet it cannot be dropped: s_k multiplies it.

    Args:
        codewords: the c_k.
        scale: the s_k; any sign, zero included.

    Returns:
        The e_k; the order of the pixels does not matter.

    Raises:
        ValueError: channels of x and codewords that differ; another number of scales than codewords.

    Source: EncNet (Zhang et al. 2018), section 3.1, equation 1 (there with -s_k); walkthrough 09.
    """
    check_channels(x, codewords.shape[-1], what="encode")
    if scale.shape != codewords.shape[:1]:
        raise ValueError(
            f"encode: scale has shape {tuple(scale.shape)}, there are {codewords.shape[0]} codewords; "
            "one scale a codeword"
        )
    pixels = x.flatten(2)
    squares = pixels.square().sum(1, keepdim=True)
    distance = squares - 2 * (codewords @ pixels) + codewords.square().sum(1, keepdim=True)
    assignment = (scale[:, None] * distance).softmax(1)
    return assignment @ pixels.transpose(1, 2) - assignment.sum(2, keepdim=True) * codewords


class Encoding(nn.Module):
    """`encode` with K learned codewords of D channels.

    Official keys: `codewords`, `scale`.

    Source: as `encode`; initial values uniform, codewords within 1 / sqrt(K D), scales in (-1, 0).
    """

    def __init__(self, channels: int, codes: int) -> None:
        super().__init__()
        if channels < 1 or codes < 1:
            raise ValueError(f"Encoding: channels={channels}, codes={codes}; both must be >= 1")
        bound = (channels * codes) ** -0.5
        self.codewords = nn.Parameter(torch.empty(codes, channels).uniform_(-bound, bound))
        self.scale = nn.Parameter(torch.empty(codes).uniform_(-1, 0))

    def forward(self, x: Float[Tensor, "B D H W"]) -> Float[Tensor, "B K D"]:
        return encode(x, self.codewords, self.scale)
