"""On one frozen backbone: how close a JPU comes to y_d when that is its task, and whether being close helps.

Shape legend
    B, D, H, W    images, channels and size of y_d
    n             residual blocks between the guide (c3) and the target
    pull          weight of "be close to a target" beside cross entropy

Two questions, each of which may be answered with no. `regress` trains a JPU to be y_d after n blocks and nothing else.
`CONDITIONS` train a neck and a head to segment, some of them pulled towards y_d; their mIoU stands beside their R2.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from jpu_edu.backbones.by_name import make_backbone
from jpu_edu.backbones.dilate import dilate
from jpu_edu.backbones.resnet import ResNet
from jpu_edu.bench.camvid import Sets, scores
from jpu_edu.bench.resemble import Look, check_apart, explain, in_batches, judge
from jpu_edu.bench.twin_maps import Aligned, looking
from jpu_edu.data.batches import Batches
from jpu_edu.data.sets import ImageSet
from jpu_edu.heads.fcn import FCNHead
from jpu_edu.layers.features import Features, SegOutput
from jpu_edu.models.segmenter import Segmenter
from jpu_edu.necks.fpn import FPN
from jpu_edu.necks.jpu import JPU
from jpu_edu.necks.last import Last
from jpu_edu.ops.interp import phase_aligned, resize
from jpu_edu.train.loss import segmentation_loss
from jpu_edu.train.schedule import one_cycle


@dataclass(frozen=True)
class Effort:
    """How long, on what, and at which rate the small networks on the frozen backbone learn (AdamW, one cycle)."""

    steps: int = 400
    batch: int = 16
    crop: tuple[int, int] = (360, 480)
    lr: float = 2e-3
    scale: tuple[float, float] = (0.75, 1.5)


@dataclass(frozen=True)
class Condition:
    """What stands between the frozen backbone and the head, and what pulls at it."""

    name: str
    neck: Literal["jpu", "fpn", "aligned", "y_d", "jpu, dilated"]
    pull: float = 0.0
    towards: Literal["y_d", "y_s"] = "y_d"


#: Two are controls. The last pull is the same extra loss, towards a map that has nothing of the other phases. The last
#: of all has as much to learn with as the first, and y_d to learn from.
CONDITIONS = (
    Condition("JPU", "jpu"),
    Condition("JPU, pulled to y_d by 1", "jpu", 1.0),
    Condition("JPU, pulled to y_d by 10", "jpu", 10.0),
    Condition("JPU, pulled to interpolated y_s by 10", "jpu", 10.0, "y_s"),
    Condition("FPN", "fpn"),
    Condition("interpolated y_s", "aligned"),
    Condition("y_d", "y_d"),
    Condition("JPU behind the dilated backbone", "jpu, dilated"),
)

#: Again on a backbone that learned dilated, where each sample of c5 had its own 8 x 8 pixels to speak for.
SWAPPED = tuple(c for c in CONDITIONS if not c.pull and c.neck in ("jpu", "y_d", "jpu, dilated"))


def strided(model: Segmenter) -> ResNet:
    """The backbone of a network at output stride 32, with its weights, at whichever stride it learned; in eval mode."""
    spec = model.architecture["backbone"]
    backbone = make_backbone(spec["name"], stem=spec["stem"], norm=spec["norm"], width=spec["width"])
    backbone.load_state_dict(model.backbone.state_dict())
    return backbone.eval()


def _learn(
    modules: Sequence[nn.Module], loss: Callable[[Tensor, Tensor], Tensor], images: ImageSet, effort: Effort,
    *, seed: int, device: torch.device,
) -> None:  # fmt: skip
    """Minimise a loss of (images, labels) over the parameters of the modules, which end in eval mode."""
    parameters = [p for module in modules for p in module.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=effort.lr, weight_decay=1e-2)
    batches = Batches(
        images, batch=effort.batch, crop=effort.crop, seed=seed, scale=effort.scale, blur=False, device=device,
        resident=True,
    )  # fmt: skip
    for module in modules:
        module.to(memory_format=torch.channels_last).train()
    for step, (x, labels) in enumerate(batches.stream(0, effort.steps)):
        for group in optimiser.param_groups:
            group["lr"] = effort.lr * one_cycle(step, steps=effort.steps)
        optimiser.zero_grad()
        loss(x.contiguous(memory_format=torch.channels_last), labels).backward()
        optimiser.step()
    for module in modules:
        module.eval()


@torch.no_grad()
def _standard(target: Callable[[Tensor], Tensor], images: ImageSet, device: torch.device) -> tuple[Tensor, Tensor]:
    """Mean and deviation of a target, by channel, over a set: (D, 1, 1). Where nothing varies the deviation is 1."""
    count, total, squares = 0, 0.0, 0.0
    for x in in_batches(images, device):
        y = target(x).double()
        count, total = count + y[:, 0].numel(), total + y.sum((0, 2, 3))
        squares = squares + y.square().sum((0, 2, 3))
    mean = total / count
    deviation = (squares / count - mean.square()).clamp(min=0).sqrt()
    deviation = deviation.where(deviation > 1e-6 * deviation.max(), 1.0)
    return mean.float()[:, None, None], deviation.float()[:, None, None]


def _half(device: torch.device) -> torch.autocast:
    """bfloat16 where it is fast; what is frozen stays in float32."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")


def train_condition(
    backbone: ResNet, condition: Condition, images: ImageSet, effort: Effort, *, seed: int, device: torch.device
) -> Segmenter:
    """A neck and a head for a frozen backbone, which itself does not change."""
    torch.manual_seed(seed)
    channels, classes = backbone.channels, len(images.classes)
    width, dilated = min(512, channels[4] // 4), dilate(backbone, output_stride=8, share=True)
    match condition.neck:
        case "jpu" | "jpu, dilated":
            neck = JPU(channels, width=width)
        case "fpn":
            neck = FPN(channels, width=width)
        case "aligned":
            neck = Aligned()
        case "y_d":
            neck = Last(channels)
    outputs = getattr(neck, "out_channels", channels[4])
    head = FCNHead(outputs, classes, width=width)
    body = dilated if condition.neck in ("y_d", "jpu, dilated") else backbone
    model = Segmenter(backbone=body, neck=neck, head=head).to(device)
    model.classes = images.classes
    learning, interpolated = [neck, head], Aligned()
    if condition.pull:
        mean, deviation = _standard(lambda x: dilated(x).c5, images, device)
        learning.append(project := nn.Conv2d(outputs, channels[4], 1).to(device))

    def loss(x: Tensor, labels: Tensor) -> Tensor:
        with torch.no_grad():
            features = model.backbone(x)
            if condition.pull:
                wanted = dilated(x).c5 if condition.towards == "y_d" else interpolated(features)
        with _half(device):
            y = neck(features)
            coarse = head(y, features).logits
            near = project(y) if condition.pull else y
        logits = resize(coarse.float(), size=tuple(x.shape[-2:]), align_corners=True)
        total = segmentation_loss(SegOutput(logits), labels).total
        if condition.pull:
            total = total + condition.pull * (near.float() - (wanted - mean) / deviation).square().mean()
        return total

    _learn(learning, loss, images, effort, seed=seed, device=device)
    return model.eval()


def nearness(
    backbone: ResNet, condition: Condition, sets: Sets, effort: Effort, *, seed: int, device: torch.device
) -> dict[str, Any]:
    """Train a condition; then the R2 of the linear map from its y to y_d, and its mIoU, on the test images."""
    model = train_condition(backbone, condition, sets.train, effort, seed=seed, device=device)
    frozen = looking(backbone, {})

    def look(x: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        return {condition.name: model.neck(model.backbone(x))}, frozen(x)[1]

    (found,) = explain(look, sets.train, sets.val, sets.test, rate=4, device=device)
    return {"seed": seed, **asdict(condition), **found.record(), "test": scores(model, sets.test, device)}


def depths(backbone: ResNet) -> tuple[int, ...]:
    """n worth looking at: the first blocks and the last of each of the two dilated stages."""
    third, fourth = (len(stage) for stage in backbone.stages)
    return tuple(sorted({1, min(2, third), min(3, third), third, third + 1, third + fourth}))


def after_blocks(backbone: ResNet, n: int) -> tuple[Look, int]:
    """What joint upsampling has after n blocks (guides, and y_s as the deepest map), the y_d to be found, and its rate.

    Returns:
        images -> ({"y_s": its own map, "c4", "c3"}, y_d), and the rate between y_s and y_d: 2 in the first stage, 4 in
        the second.

    Raises:
        ValueError: n outside the two stages.
    """
    third, fourth = backbone.stages
    if not 1 <= n <= len(third) + len(fourth):
        raise ValueError(f"after_blocks: n={n}; the two stages have {len(third) + len(fourth)} blocks, from 1")
    dilated = dilate(backbone, output_stride=8, share=True)
    wide, wider = dilated.stages

    def look(x: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        features = backbone(x)
        c3 = features.c3
        if n <= len(third):
            return {"c3": c3, "y_s": third[:n](c3)}, wide[:n](c3)
        k = n - len(third)
        return {"c3": c3, "c4": features.c4, "y_s": fourth[:k](features.c4)}, wider[:k](wide(c3))

    return look, 2 if n <= len(third) else 4


def regress(backbone: ResNet, n: int, sets: Sets, effort: Effort, *, seed: int, device: torch.device) -> dict[str, Any]:
    """A JPU that is trained to be y_d after n blocks, and nothing else: R2 by phase, beside interpolated y_s.

    Notice: here the answer itself is the teacher, which a network in use does not have. It is the most that joint
    upsampling of this form gets in this many steps.
    """
    check_apart(sets.train, sets.test)
    look, rate = after_blocks(backbone, n)
    torch.manual_seed(seed)
    channels, deep = backbone.channels, 4 if rate == 2 else 5
    width = min(512, channels[4] // 4)
    jpu = JPU(channels, levels=tuple(range(3, deep + 1)), width=width).to(device)
    project = nn.Conv2d(jpu.out_channels, channels[deep - 1], 1).to(device)
    mean, deviation = _standard(lambda x: look(x)[1], sets.train, device)

    def predicted(maps: dict[str, Tensor]) -> Tensor:
        y_s, c3 = maps["y_s"], maps["c3"]
        return project(jpu(Features(c3, c3, c3, maps.get("c4", y_s), y_s)))

    def loss(x: Tensor, labels: Tensor) -> Tensor:
        with torch.no_grad():
            maps, y_d = look(x)
        with _half(device):
            y = predicted(maps)
        return (y.float() - (y_d - mean) / deviation).square().mean()

    _learn([jpu, project], loss, sets.train, effort, seed=seed, device=device)

    def both(x: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        maps, y_d = look(x)
        aligned = phase_aligned(maps["y_s"], rate=rate, size=tuple(y_d.shape[-2:]))
        return {"JPU": predicted(maps) * deviation + mean, "interpolated y_s": aligned}, y_d

    same = {name: lambda m: m for name in ("JPU", "interpolated y_s")}
    found = judge(both, same, sets.test, mean=mean[:, 0, 0].double(), rate=rate, device=device)
    return {"seed": seed, "n": n, "rate": rate, **{e.name: e.record() for e in found}}
