"""The same function, sooner: what a network may skip when it is done with learning.

Shape legend
    B       batch
    H, W    size of the image
    K       number of classes
    w, N    channels of EncNet's head, and pixels of its map
"""

import copy

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from jpu_edu.heads.enc import EncHead
from jpu_edu.layers.features import Features, SegOutput
from jpu_edu.models.fold import conv_norm_pairs, fold
from jpu_edu.models.labels import labels
from jpu_edu.models.segmenter import Segmenter
from jpu_edu.necks.bilinear import Bilinear
from jpu_edu.necks.last import Last
from jpu_edu.ops.interp import resize


class FusedEncHead(nn.Module):
    """EncHead at inference: the gate in the classifier's weights, and a 1x1 convolution before the upsampling.

    Notice: two identities of the course at work.
        relu(x + x * gate) = x * (1 + gate), since x comes from a ReLU and the gate is positive. And a factor for
        each channel before a 1x1 convolution is a factor for each column of its matrix. K x w numbers are scaled
        instead of w x N.
        A 1x1 convolution with bias (and BatchNorm in eval mode) commutes with bilinear upsampling: each mixes
        channels or pixels, not both, and the weights of bilinear upsampling sum to 1, so a bias passes. It is
        done first, on 16 times fewer pixels. The ReLU does not commute, and stays behind.

    Args:
        head: folded, in eval mode.
        resizes: whether y comes as c5, and is to be brought to the size of c3 behind the first convolution.

    The code of the image, one sum over all pixels, is computed in float32 at least.
    """

    def __init__(self, head: EncHead, *, resizes: bool) -> None:
        super().__init__()
        self.head = head
        self.resizes = resizes

    def forward(self, y: Float[Tensor, "B C h w"], features: Features) -> SegOutput:
        head = self.head
        x = head.block.norm(head.block.conv(y))
        if self.resizes:
            x = resize(x, size=features.c3.shape[-2:], align_corners=head.align_corners)
        x, context = head.joined(x.relu_(), features), head.context
        gate, se = context.read(context.reduce(x).to(context.encoding.codewords.dtype))
        scores = head.classifier[1]
        weight = (scores.weight[:, :, 0, 0] * (1 + gate)[:, None]).to(x.dtype)
        logits = torch.baddbmm(scores.bias[None, :, None], weight, x.flatten(2))
        return SegOutput(logits.unflatten(2, x.shape[-2:]), se=se)


class Trunk(nn.Module):
    """The network up to the scores of its heads, in one dtype and in channels-last; what `compile` compiles."""

    def __init__(self, net: Segmenter, *, dtype: torch.dtype) -> None:
        super().__init__()
        self.net = net
        self.dtype = dtype

    def forward(
        self, x: Float[Tensor, "B _ H W"], aux: bool = True
    ) -> tuple[Float[Tensor, "B K h w"], Float[Tensor, "B K h_aux w_aux"] | None, Float[Tensor, "B K"] | None]:
        net = self.net
        features = net.backbone(x.to(self.dtype, memory_format=torch.channels_last))
        scores = net.aux_head(features.c4, features).logits if aux and net.aux_head is not None else None
        out = net.head(net.neck(features), features)
        return out.logits, scores, out.se


class Fused(nn.Module):
    """What `fuse` returns: called as the Segmenter that it was made from, and `labels` besides."""

    def __init__(self, net: Segmenter, *, dtype: torch.dtype) -> None:
        super().__init__()
        self.trunk = Trunk(net, dtype=dtype)
        self.align_corners, self.classes, self.crop = net.align_corners, net.classes, net.crop

    def train(self, mode: bool = True) -> "Fused":
        """Stay in eval mode.

        Raises:
            ValueError: training mode is asked for; the norms are gone.
        """
        if mode:
            raise ValueError("Fused: there is nothing left to train; train the network that it was made from")
        return super().train(False)

    @torch.no_grad()
    def forward(self, x: Float[Tensor, "B _ H W"], *, aux: bool = False) -> SegOutput:
        """As `Segmenter.forward`, in eval mode; the scores have the dtype of x."""
        self._check(x, aux)
        logits, scores, se = self.trunk(x, aux)
        return SegOutput(
            self._at_size_of(x, logits),
            aux=None if scores is None else self._at_size_of(x, scores),
            se=None if se is None else se.to(x.dtype),
        )

    @torch.no_grad()
    def labels(self, x: Float[Tensor, "B _ H W"]) -> Int64[Tensor, "B H W"]:
        """The class of every pixel: the argmax of forward's logits, which are never formed."""
        self._check(x, False)
        logits, _, _ = self.trunk(x, False)
        return labels(logits.to(x.dtype), size=tuple(x.shape[-2:]), align_corners=self.trunk.net.align_corners)

    def _check(self, x: Tensor, aux: bool) -> None:
        self.trunk.net.check_image(x)
        if aux and self.trunk.net.aux_head is None:
            raise ValueError("Fused: aux=True, but there is no auxiliary head here; fuse(model, aux=True) keeps it")

    def _at_size_of(self, x: Tensor, scores: Tensor) -> Tensor:
        return resize(scores.to(x.dtype), size=x.shape[-2:], align_corners=self.trunk.net.align_corners)


def fuse(model: Segmenter, *, dtype: torch.dtype | None = None, compile: bool = False, aux: bool = False) -> Fused:
    """An eval-only copy of a network that computes the same scores in less time and memory.

    What is done: BatchNorm folded into convolutions; weights and maps channels-last; the gate of EncNet's head in
    the weights of its classifier; a 1x1 convolution behind a Bilinear neck before the upsampling; no auxiliary
    head. The Encoding layer and the JPU's depthwise convolutions are sooner in the network itself already.

    Notice: every step is exact in real numbers and rounds differently. A trained network answers within 1e-4; one
    with random weights amplifies rounding, and says nothing about it.

    Args:
        model: a Segmenter, in any mode; it is not changed.
        dtype: of weights and maps, None for the model's own. torch.bfloat16 is faster on processors with
            instructions for it (AMX, AVX-512 BF16) and on GPUs, and slower on others; the scores are resized in
            the dtype of the image.
        compile: torch.compile with frozen weights; needs a C++ compiler, and a minute at the first call.
        aux: whether to keep the auxiliary head.

    Returns:
        `Fused`: (x, aux=False) -> SegOutput, and labels(x).

    Raises:
        TypeError: something other than a Segmenter; a dtype that is not floating point.

    Source: walkthrough 13; `python -m jpu_edu bench networks` measures it.
    """
    if not isinstance(model, Segmenter):
        raise TypeError(f"fuse: got {type(model).__name__}; pass a Segmenter, such as fastfcn(classes=21)")
    weight = next(model.parameters())
    dtype = weight.dtype if dtype is None else dtype
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise TypeError(f"fuse: dtype={dtype!r}; choose torch.bfloat16, or None for the model's own")
    net = copy.deepcopy(model).eval().requires_grad_(False)
    if not aux:
        net.aux_head = None
    whole = Trunk(net, dtype=weight.dtype)  # with the auxiliary head, if there is one
    for conv, norm in conv_norm_pairs(whole, weight.new_empty(1, net.in_channels, 64, 64)):
        whole.set_submodule(conv, fold(whole.get_submodule(conv), whole.get_submodule(norm)))
        whole.set_submodule(norm, nn.Identity())
    code: dict[str, nn.Module] = {}
    if isinstance(net.head, EncHead):
        code = {name: copy.deepcopy(m) for name, m in net.head.context.named_children() if name != "reduce"}
        block = net.head.block
        folded = isinstance(block.norm, nn.Identity)  # GroupNorm, say, sees other pixels and would not commute
        resizes = isinstance(net.neck, Bilinear) and block.conv.kernel_size == (1, 1) and folded
        if resizes:
            net.neck = Last(net.backbone.channels)
        net.head = FusedEncHead(net.head, resizes=resizes)
    net.to(dtype=dtype, memory_format=torch.channels_last)
    for name, module in code.items():
        setattr(net.head.head.context, name, module.to(torch.promote_types(dtype, torch.float32)))
    fused = Fused(net, dtype=dtype).eval()
    if compile:
        fused.trunk = torch.compile(fused.trunk, options={"freezing": True})
    return fused
