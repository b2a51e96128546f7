"""The network as the official code runs it: the baseline that `bench networks` compares with.

Shape legend
    B, N     batch and pixels of the map, H * W
    K, D     codewords and channels
"""

import copy

import torch
from jaxtyping import Float
from torch import Tensor, nn

from jpu_edu.layers.blocks import DepthwiseConv
from jpu_edu.layers.encoding import Encoding
from jpu_edu.layers.features import SegOutput
from jpu_edu.models.segmenter import Segmenter


class SpelledOutEncoding(nn.Module):
    """e_k = sum_i a_ik (x_i - c_k) with every residual formed: B x N x K x D numbers, twice.

    Notice: at 512 x 512 one such tensor is 256 MiB, and arithmetic is not what takes the time.

    Source: the official repository, `encoding/functions/encoding.py`.
    """

    def __init__(self, encoding: Encoding) -> None:
        super().__init__()
        self.codewords, self.scale = encoding.codewords, encoding.scale

    def forward(self, x: Float[Tensor, "B D H W"]) -> Float[Tensor, "B K D"]:
        pixels = x.flatten(2).transpose(1, 2).contiguous()
        spread = pixels[:, :, None].expand(-1, -1, len(self.codewords), -1)
        distance = (spread - self.codewords).square().sum(3)
        assignment = (self.scale * distance).softmax(2)
        return (assignment[..., None] * (spread - self.codewords)).sum(1)


class Official(nn.Module):
    """Native depthwise convolutions, the Encoding layer spelled out, and the auxiliary head in every forward pass.

    The weights are copies. Everything else (eager, BatchNorm by itself, NCHW) is PyTorch's default.
    """

    def __init__(self, model: Segmenter) -> None:
        super().__init__()
        self.net = copy.deepcopy(model)
        for name, module in list(self.net.named_modules()):
            if isinstance(module, Encoding):
                self.net.set_submodule(name, SpelledOutEncoding(module))
            elif isinstance(module, DepthwiseConv):
                self.net.set_submodule(name, _native(module))

    def forward(self, x: Float[Tensor, "B _ H W"]) -> SegOutput:
        return self.net(x, aux=True)


def _native(conv: DepthwiseConv) -> nn.Conv2d:
    with torch.device("meta"):
        plain = nn.Conv2d(
            conv.in_channels, conv.out_channels, conv.kernel_size, padding=conv.padding,
            dilation=conv.dilation, groups=conv.groups, bias=conv.bias is not None,
        )  # fmt: skip
    plain.load_state_dict(conv.state_dict(), assign=True)
    return plain.train(conv.training)
