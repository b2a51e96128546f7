"""Figure: FastFCN arrow by arrow, each of them exact, approximate or learned."""

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle
from torch import nn

from jpu_edu.backbones.dilate import dilate
from jpu_edu.backbones.resnet import resnet50
from jpu_edu.cost.ledger import total
from jpu_edu.cost.macs import layer_costs
from jpu_edu.draw import style
from jpu_edu.draw.chains import draw_arrow
from jpu_edu.layers.features import Features
from jpu_edu.necks.jpu import JPU
from jpu_edu.ops.compare import Label

TITLE = "FastFCN, arrow by arrow"
CAPTION = (
    "The backbone's maps are exact, and c5 holds one place of sixteen; the resizes are approximate; the convolutions "
    "of the JPU and the head are learned, and what they are to replace is the dilated twin above, which is exact and "
    "whose backbone takes 3.8 times the work of the strided one."
)

CELL, SIDE = 11.0, 88.0
MAPS, WIDE, RESULT, LAST = 146.0, 412.0, 664.0, 836.0  # left edges of the maps, of the resized ones, of y; the head
LEVELS = {"c3": 196.0, "c4": 326.0, "c5": 456.0}  # upper edges
TOP = 62.0  # of y_d


def draw() -> Figure:
    """Left the maps of the strided backbone, in the middle the JPU, right the head; above it the dilated twin."""
    figure, ax = style.canvas(900, 640)
    middle = {name: top + SIDE / 2 for name, top in LEVELS.items()}
    twin, strided, neck = _work()

    # The backbone, and its dilated twin.
    style.write(ax, 62, middle["c3"], "image", size=12)
    _arrow(ax, (90, middle["c3"]), (MAPS - 5, middle["c3"]))
    style.write(ax, 112, middle["c3"] - 14, "exact", size=10, colour=style.soft())
    for k, (name, top) in enumerate(LEVELS.items()):
        _grid(ax, MAPS, top, pitch=2**k)
        style.write(ax, MAPS + SIDE + 16, top + 8, f"${name[0]}_{name[1]}$", size=14)
        style.write(ax, MAPS - 14, top + SIDE - 8, f"{16 // 4**k} of 16", size=10, colour=style.soft(), align="right")
    for above, below, stage in (("c3", "c4", "layer3"), ("c4", "c5", "layer4")):
        ends = LEVELS[above] + SIDE + 4, LEVELS[below] - 4
        _arrow(ax, (MAPS + SIDE / 2, ends[0]), (MAPS + SIDE / 2, ends[1]))
        style.write(ax, MAPS + SIDE / 2 - 10, sum(ends) / 2, f"{stage}, exact", size=10, align="right")
    path = TOP + SIDE / 2
    ax.plot([MAPS + SIDE / 2] * 2, [LEVELS["c3"] - 4, path], color=style.ink(), lw=1.8)
    _arrow(ax, (MAPS + SIDE / 2, path), (268, path))
    for left, words in ((272, "layer3 on 4 phases"), (470, "layer4 on 16 phases")):
        _box(ax, left, path, 160, words, "exact")
    _arrow(ax, (436, path), (466, path))
    _arrow(ax, (634, path), (RESULT - 5, path))
    _grid(ax, RESULT, TOP)
    style.write(ax, RESULT + SIDE + 18, path, "$y_d$", size=16)
    style.write(ax, 272, 36, f"the dilated twin, not run: {twin:.0f} instead of {strided:.0f} GMAC", align="left")

    # The JPU: 3 x 3 on each map, to one size, side by side, four branches.
    for k, (name, y) in enumerate(middle.items()):
        _arrow(ax, (MAPS + SIDE + 5, y), (260, y), "learned")
        _box(ax, 264, y, 46, "3 × 3", "learned")
        if k:
            _arrow(ax, (314, y), (337, y), "learned")
            _box(ax, 341, y, 36, f"× {2**k}", "approximate", below=False)
        _arrow(ax, (381 if k else 314, y), (WIDE - 5, y), "approximate" if k else "learned")
        _grid(ax, WIDE, LEVELS[name], pitch=2**k, filled=True)
        ax.plot([WIDE + SIDE + 6, 517, 517], [y, y, middle["c4"]], color=style.ink(), lw=1.8, ls=style.LINES["exact"])
    _arrow(ax, (517, middle["c4"]), (536, middle["c4"]))
    ax.add_patch(
        FancyBboxPatch(
            (540, middle["c4"] - 78), 84, 156, boxstyle="round,pad=0,rounding_size=8", fc="none", ec=style.soft(), lw=1
        )
    )
    for k, rate in enumerate((1, 2, 4, 8)):
        y = middle["c4"] - 54 + 36 * k
        corner = (548, y - 14)
        ax.add_patch(
            FancyBboxPatch(
                corner, 68, 28, boxstyle="round,pad=0,rounding_size=5", fc=style.paper(), ec=style.ink(), lw=1
            )
        )
        style.write(ax, 582, y, f"rate {rate}", size=10.5)
    style.write(ax, 582, middle["c4"] + 96, "learned", size=10, colour=style.soft())
    style.write(ax, 582, middle["c4"] - 96, f"JPU, {neck:.0f} GMAC", size=11)
    _arrow(ax, (628, middle["c4"]), (RESULT - 5, middle["c4"]), "learned")
    _grid(ax, RESULT, LEVELS["c4"], pitch=0)
    style.write(ax, RESULT + SIDE + 14, LEVELS["c4"] + 8, "$y$", size=16)

    # y against y_d, and what comes after it.
    centre = RESULT + SIDE / 2
    ax.plot(
        [centre, centre], [TOP + SIDE + 6, LEVELS["c4"] - 6], color=style.Y_D, lw=1.6, ls=style.LINES["approximate"]
    )
    place = (TOP + SIDE + LEVELS["c4"]) / 2
    ax.add_patch(Rectangle((centre - 70, place - 24), 140, 48, fc=style.paper(), lw=0, zorder=3))
    style.write(ax, centre, place - 10, "$y \\approx y_d$", size=15)
    style.write(ax, centre, place + 13, "never compared", size=10, colour=style.soft())
    _arrow(ax, (RESULT + SIDE + 5, middle["c4"]), (LAST - 34, middle["c4"]), "learned")
    _box(ax, LAST - 30, middle["c4"], 60, "head", "learned", below=False)
    _arrow(ax, (LAST, middle["c4"] + 18), (LAST, middle["c5"] - 20), "learned")
    _box(ax, LAST - 24, middle["c5"], 48, "× 8", "approximate", below=False, beside=True)
    _arrow(ax, (LAST, middle["c5"] + 18), (LAST, middle["c5"] + 46), "approximate")
    style.write(ax, LAST, middle["c5"] + 58, "labels", size=12)

    for left, label, words in (
        (60, "exact", "the dilated twin's numbers"),
        (330, "approximate", "a rule, the same for all data"),
        (626, "learned", "from labels, at the network's end"),
    ):
        _arrow(ax, (left - 24, 604), (left + 22, 604), label)
        style.write(ax, left + 30, 596, label, size=12, align="left")
        style.write(ax, left + 30, 615, words, size=10, colour=style.soft(), align="left")
    return figure


class _OnMaps(nn.Module):
    """A neck that takes its maps one by one, so that its layers can be counted."""

    def __init__(self, neck: nn.Module) -> None:
        super().__init__()
        self.neck = neck

    def forward(self, *maps: torch.Tensor) -> torch.Tensor:
        return self.neck(Features(*maps))


def _work() -> tuple[float, float, float]:
    """GMACs at 512 x 512: the backbone at stride 8, at stride 32, and the JPU."""
    with torch.device("meta"):
        image, backbone = torch.empty(1, 3, 512, 512), resnet50(stem="deep")
        sizes = [512 // stride for stride in backbone.strides]
        maps = [torch.empty(1, c, n, n) for c, n in zip(backbone.channels, sizes, strict=True)]
        costs = (
            layer_costs(dilate(backbone), image),
            layer_costs(backbone, image),
            layer_costs(_OnMaps(JPU(backbone.channels)), *maps),
        )
    return tuple(total(cost).macs / 1e9 for cost in costs)


def _grid(ax: Axes, left: float, top: float, *, pitch: int = 1, filled: bool = False) -> None:
    """8 x 8 places in the colours of their phases. Pitch 2 or 4: those that are left; 0: none is known."""
    for i in range(8):
        for j in range(8):
            known = pitch > 0 and i % pitch == 0 and j % pitch == 0
            if not (known or filled or pitch == 0):
                continue
            look = {"fc": style.paper(), "ec": style.soft(), "hatch": style.Y_HATCH, "lw": 0.5}
            if known:
                look = {"fc": style.phase_colour(i % 4 * 4 + j % 4, rate=4), "ec": style.paper(), "lw": 0.8}
            ax.add_patch(Rectangle((left + j * CELL, top + i * CELL), CELL, CELL, zorder=2, **look))
    ax.add_patch(Rectangle((left - 2, top - 2), SIDE + 4, SIDE + 4, fc="none", ec=style.soft(), lw=0.8))


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float], label: Label = "exact") -> None:
    draw_arrow(ax, start, end, label=label)
    ax.patches[-1].set(linewidth=1.8, color=style.ink())


def _box(
    ax: Axes, left: float, y: float, width: float, words: str, label: Label, *, below: bool = True, beside: bool = False
) -> None:
    look = {"boxstyle": "round,pad=0,rounding_size=6", "fc": style.paper(), "ec": style.ink(), "lw": 1.1, "zorder": 3}
    ax.add_patch(FancyBboxPatch((left, y - 15), width, 30, **look))
    style.write(ax, left + width / 2, y, words, size=11)
    if beside:
        style.write(ax, left - 8, y, label, size=10, colour=style.soft(), align="right")
    else:
        style.write(ax, left + width / 2, y + (28 if below else -28), label, size=10, colour=style.soft())
