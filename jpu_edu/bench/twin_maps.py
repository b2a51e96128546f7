"""The maps that are held against y_d: a trained JPU's, and those that nobody trained to be anything.

Shape legend
    B          images
    C345       channels of c3, c4 and c5 together
    H3, W3     size of c3 and of y_d, at stride 8
"""

import copy
from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from jpu_edu.backbones.dilate import dilate
from jpu_edu.bench.camvid import Sets
from jpu_edu.bench.resemble import Look, difference, explain, in_batches
from jpu_edu.layers.features import Features
from jpu_edu.models.segmenter import Segmenter
from jpu_edu.necks.fpn import FPN
from jpu_edu.ops.interp import phase_aligned

Neck = Callable[[Features], Tensor]


class Aligned(nn.Module):
    """y = c5 interpolated so that every sample stays where stride left it: the best that y_s alone can do.

    Notice: its phase (0, 0) is y_s, and so that of y_d, exactly.
    """

    def forward(self, features: Features) -> Float[Tensor, "B C5 H3 W3"]:
        return phase_aligned(features.c5, rate=4, size=tuple(features.c3.shape[-2:]))


def pyramid(features: Features) -> Float[Tensor, "B C345 H3 W3"]:
    """c3, c4 and c5 side by side: everything that a neck sees. What it explains, no learning was needed for."""
    size = tuple(features.c3.shape[-2:])
    coarse = [phase_aligned(c, rate=r, size=size) for c, r in ((features.c4, 2), (features.c5, 4))]
    return torch.cat([features.c3, *coarse], dim=1)


def looking(backbone: nn.Module, necks: Mapping[str, Neck]) -> Look:
    """What these necks make of a backbone at output stride 32, beside y_d of the same weights at 8; in eval mode."""
    dilated = dilate(backbone, output_stride=8, share=True)

    def look(x: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        features = backbone(x)
        return {name: neck(features) for name, neck in necks.items()}, dilated(x).c5

    return look


def untrained(neck: nn.Module, run: Callable[[nn.Module], object], *, seed: int = 0) -> nn.Module:
    """The same neck with new random weights, whose BatchNorm has the statistics of real maps; in eval mode.

    Args:
        run: calls the neck on real features, once or several times.
    """
    fresh = copy.deepcopy(neck)
    torch.manual_seed(seed)
    for module in fresh.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # the plain average of all calls
    with torch.no_grad():
        run(fresh.train())
    return fresh.eval()


@torch.no_grad()
def linear_maps(model: Segmenter, sets: Sets, *, device: torch.device, seed: int = 0) -> dict[str, object]:
    """How much of y_d a trained JPU's map explains, beside maps that were never trained to be anything.

    Notice: the answer can be no in three ways. The untrained JPU may explain as much (then it is the architecture and
    the backbone), the three maps side by side may (then the neck adds nothing that was not there), and interpolated
    y_s may (then there is no joint upsampling). "Shifted" is the JPU's map moved by half the image: what is explained
    by the row that a pixel is in.

    Args:
        model: FastFCN, trained, on the device.
        sets: the linear maps are fitted on train, their ridges chosen on val, R2 is that of test.

    Returns:
        R2 by map; the JPU's minus each, with its interval, see `difference`.
    """
    model.eval()
    backbone, jpu = model.backbone, model.neck

    def run(neck: nn.Module) -> None:
        for _, x in zip(range(4), in_batches(sets.train, device), strict=False):
            neck(backbone(x))

    necks: dict[str, Neck] = {
        "JPU": jpu,
        "JPU, untrained": untrained(jpu, run, seed=seed),
        "FPN, untrained": untrained(FPN(backbone.channels, width=jpu.out_channels // 4).to(device), run, seed=seed),
        "interpolated y_s": Aligned(),
        "c3, c4, c5": pyramid,
        "c3": lambda features: features.c3,
        "JPU, shifted": lambda features: (y := jpu(features)).roll(y.shape[-1] // 2, -1),
    }
    rows = explain(looking(backbone, necks), sets.train, sets.val, sets.test, rate=4, device=device)
    found = {row.name: row for row in rows}
    return {
        "maps": {name: explained.record() for name, explained in found.items()},
        "JPU minus": {name: difference(found["JPU"], e) for name, e in found.items() if name != "JPU"},
    }
