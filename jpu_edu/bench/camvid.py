"""CamVid on a device: every network with one recipe and as many steps, in pieces; a slim one for the notebooks.

row      a network, by the name that its recipe has between "camvid_" and "_r50"
frames   test images whose labels are kept as pictures, chosen by their distance in the set and not by their look
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from jpu_edu.bench import minute
from jpu_edu.bench.card import computing
from jpu_edu.bench.kept import Unfinished
from jpu_edu.data import pictures
from jpu_edu.data.classes import VOID
from jpu_edu.data.decode import read_labels
from jpu_edu.data.sets import ImageSet
from jpu_edu.models import build, weights
from jpu_edu.models.segmenter import Segmenter
from jpu_edu.train import recipes
from jpu_edu.train.evaluate import evaluate
from jpu_edu.train.log import curve, read_log
from jpu_edu.train.loop import train
from jpu_edu.train.protocol import whole_image
from jpu_edu.train.recipes import Recipe

#: In the order in which they are trained: the three that the course compares, then the rest of the paper's tables.
ROWS = {
    "fastfcn_fcn": recipes.camvid_fastfcn_fcn_r50,
    "fcn32s": recipes.camvid_fcn32s_r50,
    "dilated": recipes.camvid_dilated_r50,
    "fastfcn": recipes.camvid_fastfcn_r50,
    "encnet": recipes.camvid_encnet_r50,
    "fcn8s": recipes.camvid_fcn8s_r50,
    "fpn": recipes.camvid_fpn_r50,
    "encoder_decoder": recipes.camvid_encoder_decoder_r50,
    "fastfcn_aspp": recipes.camvid_fastfcn_aspp_r50,
    "deeplabv3": recipes.camvid_deeplabv3_r50,
    "fastfcn_psp": recipes.camvid_fastfcn_psp_r50,
    "pspnet": recipes.camvid_pspnet_r50,
}
SEEDED = ("fastfcn_fcn", "fcn32s", "dilated")  # with more than one seed
SHOWN = ("fcn32s", "dilated", "fastfcn_fcn")  # beside one another in the pictures
RESERVE = 25.0  # seconds kept back from training, to save and to evaluate


@dataclass(frozen=True)
class Sets:
    """The three parts of CamVid (or what stands for them), in memory."""

    train: ImageSet
    val: ImageSet
    test: ImageSet

    def frames(self, count: int) -> list[int]:
        """Indices of test images, evenly spaced."""
        return [int((k + 0.5) * len(self.test) / count) for k in range(count)]


def shrunk(recipe: Recipe, backbone: str, *, width: int | None = None) -> Recipe:
    """The same network on another backbone, such as "tiny", with the 7x7 stem."""
    with torch.device("meta"):
        architecture = recipe.model(2).architecture
    spec = build.backbone_spec(backbone, stem="7x7", width=width)
    return replace(recipe, model=lambda k: build.build(architecture | {"classes": k, "backbone": spec}))


def slim_recipe() -> Recipe:
    """FastFCN with EncNet's head on a ResNet-18 of half the width: small enough to lie beside the notebooks."""
    whole = recipes.camvid_fastfcn_r50()

    def model(classes: int) -> Segmenter:
        backbone = build.make_backbone("resnet18", width=32)
        return build.fastfcn(classes=classes, head="enc", backbone=backbone, width=96)

    return replace(whole, name="camvid_slim", model=model)


def scores(model: Segmenter, images: ImageSet, device: torch.device) -> dict[str, Any]:
    """mIoU, boundary-band IoU and pixel accuracy, and IoU by class."""
    found = evaluate(model, images, device=device).record()
    return {key: found[key] for key in ("miou", "band_miou", "pixel_accuracy", "iou", "band_iou", "images", "band")}


def trained(recipe: Recipe, sets: Sets, *, folder: Path, device: torch.device, seconds: float) -> dict[str, Any]:
    """Train, or go on; then measure on the test set what was the best on the validation set.

    Notice: the test set has no say in anything. It is looked at once, at the end.

    Args:
        folder: of the run; afterwards best.safetensors is there.
        seconds: for all of it.

    Raises:
        Unfinished: the time was used up; the run goes on in the next call.
        KeyboardInterrupt: Ctrl-C, after saving.
    """
    if seconds <= RESERVE:
        raise Unfinished("no time left to train")
    config = recipe.config
    torch.manual_seed(config.seed)
    model = recipe.model(len(sets.train.classes))
    with computing(tf32=True):
        result = train(
            model, sets.train, sets.val, config, folder=folder, device=str(device), resume=True,
            seconds=seconds - RESERVE, progress=False,
        )  # fmt: skip
        if result.stopped == "interrupted":
            raise KeyboardInterrupt
        if result.stopped:
            raise Unfinished(f"{result.steps} of {config.steps} steps taken")
        best = weights.load(folder / "best.safetensors")
        test = scores(best, sets.test, device)
    return {
        "recipe": recipe.name, "seed": config.seed, "steps": config.steps, "batch": config.batch, "crop": config.crop,
        "best_step": result.best_step, "val_miou": result.best_miou, "test": test,
        **minute.bill(recipe.model, len(sets.train.classes), config.crop), **told(folder), **result.speeds,
    }  # fmt: skip


def told(folder: Path) -> dict[str, Any]:
    """From the log of a run: images a second, the curve of the loss (about 100 points), and of the scores."""
    log = read_log(folder)
    speed = curve(log, "images_per_second")[1]
    steps, losses = curve(log, "loss")
    every = max(1, len(steps) // 100)
    return {
        "images_per_second": statistics.median(speed[1:] or speed),
        "curve": {"steps": steps[::every], "loss": [round(value, 4) for value in losses[::every]]},
        "val_curve": {
            "steps": curve(log, "miou")[0],
            **{name: [round(value, 4) for value in curve(log, name)[1]] for name in ("miou", "band_miou")},
        },
    }


def keep_labels(path: Path, sets: Sets, *, device: torch.device, frames: Sequence[int], out: Path, row: str) -> None:
    """Write what a network says about some test frames, as palette pictures `out/ROW_FRAME.png`."""
    model = weights.load(path).to(device)
    for frame in frames:
        labels = whole_image(model, sets.test[frame].image.to(device)).cpu()
        pictures.save_labels(out / f"{row}_{frame:03d}.png", labels, sets.test.classes)


def slim(recipe: Recipe, sets: Sets, *, folder: Path, device: torch.device, seconds: float, out: Path) -> dict:
    """Train the slim network, round it to half precision, and measure what was written."""
    found = trained(recipe, sets, folder=folder, device=device, seconds=seconds)
    whole = weights.load(folder / "best.safetensors")
    weights.save(whole.half(), out)
    model = weights.load(out).float()
    if not all(t.isfinite().all() for t in model.state_dict().values()):
        raise FloatingPointError(f"{out}: a weight is too large for half precision")
    with computing(tf32=True):
        return found | {"file": out.name, "bytes": out.stat().st_size, "half": scores(model, sets.test, device)}


def compose(sets: Sets, *, frames: Sequence[int], labels: Path, out: Path) -> dict[str, Any]:
    """A picture for each frame: image, truth, and what the networks of `SHOWN` say, from left to right.

    Raises:
        Unfinished: labels are missing; names the row that makes them.
    """
    classes, accuracy = sets.test.classes, {}
    ids = {k: k for k in (*range(len(classes)), VOID)}
    for frame in frames:
        image, truth = sets.test[frame]
        row: list[Tensor] = [image, classes.picture(truth)]
        for name in SHOWN:
            path = labels / f"{name}_{frame:03d}.png"
            if not path.is_file():
                raise Unfinished(f"needs the labels of {name}, seed 0, which camvid writes to {path}")
            said = read_labels(path, ids=ids)
            row.append(pictures.overlay(image, said, classes))
            known = truth != VOID
            accuracy.setdefault(name, []).append((said == truth)[known].float().mean().item())
        gap = torch.full((3, image.shape[1], 6), 255, dtype=torch.uint8)
        strips = [part for panel in row for part in (panel, gap)][:-1]
        pictures.save(out / f"frame_{frame:03d}.jpg", torch.cat(strips, dim=2))
    seen = pictures.legend(classes)
    pictures.save(out / "legend.png", seen)
    return {"frames": list(frames), "panels": ["image", "truth", *SHOWN], "pixel_accuracy": accuracy}
