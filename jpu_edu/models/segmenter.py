"""The whole network: backbone -> neck -> head, and the scores back at the size of the image.

Shape legend
    B, H, W    batch and size of the image, H and W >= 32, odd ones too
    K          number of classes
"""

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from jpu_edu.data.classes import Classes
from jpu_edu.layers.features import Features, SegOutput
from jpu_edu.models.labels import labels
from jpu_edu.ops.interp import resize
from jpu_edu.ops.maps import check_map


class Segmenter(nn.Module):
    """features = backbone(x); y = neck(features); logits = resize(head(y, features)).

    Notice: the parts meet only here. Swap the neck and you have swapped FCN for FastFCN; nothing else moves.

    Args:
        backbone: x -> Features, with `channels` and `strides`.
        neck: Features -> y, one map.
        head: (y, Features) -> SegOutput at the size of y.
        aux_head: a head that reads c4, or None.
        align_corners: of the last resize, see `ops.interp`; True as the official code.

    Attributes:
        architecture: the builder in `models.build` and its arguments, which checkpoints carry; None for a
            network put together by hand.
        classes: names and colours of what it was trained to find, which checkpoints carry too; None where nobody
            said.
        crop: (height, width) of the crops that it was trained on, which checkpoints carry; None where nobody said.

    Source: FastFCN, figure 2; walkthrough 11.
    """

    def __init__(
        self,
        *,
        backbone: nn.Module,
        neck: nn.Module,
        head: nn.Module,
        aux_head: nn.Module | None = None,
        align_corners: bool = True,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.neck = neck
        self.head = head
        self.aux_head = aux_head
        self.align_corners = align_corners
        self.architecture: dict | None = None
        self.classes: Classes | None = None
        self.crop: tuple[int, int] | None = None

    @property
    def in_channels(self) -> int:
        """Of the images that the backbone reads."""
        return next(m for m in self.backbone.modules() if isinstance(m, nn.Conv2d)).in_channels

    def forward(self, x: Float[Tensor, "B _ H W"], *, aux: bool | None = None) -> SegOutput:
        """The class scores of a batch of images.

        Args:
            x: (B, 3, H, W), floating point, normalised as the backbone was trained.
            aux: whether to compute the auxiliary scores; None means in training mode only.

        Returns:
            logits (B, K, H, W); aux of the same shape, or None; se (B, K) from an EncNet head.

        Raises:
            TypeError: an integer image.
            ValueError: not four axes, another number of channels, H or W below 32; aux=True without such a head.
        """
        if aux and self.aux_head is None:
            raise ValueError("Segmenter: aux=True, but there is no auxiliary head; build the network with aux=True")
        features, out = self._scores(x)
        logits = self._at_size_of(x, out.logits)
        if self.aux_head is None or not (self.training if aux is None else aux):
            return SegOutput(logits, se=out.se)
        return SegOutput(logits, aux=self._at_size_of(x, self.aux_head(features.c4, features).logits), se=out.se)

    @torch.no_grad()
    def labels(self, x: Float[Tensor, "B _ H W"]) -> Int64[Tensor, "B H W"]:
        """The class of every pixel: the argmax of forward's logits, which are never formed."""
        _, out = self._scores(x)
        return labels(out.logits, size=tuple(x.shape[-2:]), align_corners=self.align_corners)

    def _scores(self, x: Tensor) -> tuple[Features, SegOutput]:
        self.check_image(x)
        features = self.backbone(x)
        out = self.head(self.neck(features), features)
        if not isinstance(out, SegOutput):
            name = type(self.head).__name__
            raise TypeError(
                f"Segmenter: the head {name} returned {type(out).__name__}; let it return SegOutput(logits)"
            )
        return features, out

    def _at_size_of(self, x: Tensor, scores: Tensor) -> Tensor:
        return resize(scores, size=x.shape[-2:], align_corners=self.align_corners)

    def check_image(self, x: Tensor) -> None:
        """Refuse what is no batch of images for this network, with the remedy."""
        how = "x.float() / 255, then subtract the mean and divide by the deviation that the backbone was trained with"
        check_map(x, what="Segmenter", axes="B, 3, H, W", cast=how)
        _, channels, height, width = x.shape
        if channels != self.in_channels:
            remedy = "; is it (B, H, W, C)? then x.permute(0, 3, 1, 2)" if width == self.in_channels else ""
            raise ValueError(f"Segmenter: got {channels} channels, the backbone reads {self.in_channels}{remedy}")
        if min(height, width) < 32:
            raise ValueError(f"Segmenter: got an image of {height} x {width}; H and W must be >= 32, pad or resize it")
