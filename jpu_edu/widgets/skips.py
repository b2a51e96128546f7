"""The merge of FCN with a switch for each score map: what c5, c4 and c3 bring, alone and together.

Shape legend
    K          classes
    c5         (K, h, w), scores at stride 32
    c4, c3     (K, 2 h, 2 w) and (K, 4 h, 4 w), scores at stride 16 and 8
    H, W       the photograph, 32 h x 32 w
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import torch
from jaxtyping import Float, Integer, UInt8
from matplotlib.figure import Figure
from torch import Tensor

from jpu_edu.data.classes import Classes
from jpu_edu.heads.fcn_skip import UpTwo
from jpu_edu.metrics.confusion import confusion
from jpu_edu.metrics.scores import iou, pixel_accuracy
from jpu_edu.ops.interp import nearest, resize
from jpu_edu.widgets.page import Page, uri

LEVELS = ("c5", "c4", "c3")
Scores = tuple[Float[Tensor, "K h5 w5"], Float[Tensor, "K h4 w4"], Float[Tensor, "K h3 w3"]]
Pixels = UInt8[np.ndarray, "h w c"]

#: What the three switches make; other choices have no name.
NAMES = {
    (True, False, False): "FCN-32s",
    (True, True, False): "FCN-16s",
    (True, True, True): "FCN-8s",
    (False, False, False): "nothing is on",
}
SHOWN = 256  # the side at which labels and photograph are shown


@dataclass(frozen=True)
class Merge:
    """One choice of switches: the sums on the way up, and what they say.

    Attributes:
        sums: the scores at stride 32, 16 and 8.
        labels: (H, W), the class with the highest score.
        accuracy: the share of the pixels that are right.
        ious: intersection over union of each class, nan for one that is neither there nor told.
    """

    sums: Scores
    labels: Integer[Tensor, "H W"]
    accuracy: float
    ious: tuple[float, ...]


def merge(scores: Scores, truth: Integer[Tensor, "H W"], *, on: Sequence[bool] = (True, True, True)) -> Merge:
    """FCN's merge: c5, up by two, plus c4, up by two, plus c3; then up by eight to the size of the truth.

    Args:
        scores: of c5, c4 and c3, each twice as large as the one before.
        truth: the labels, eight times as large as c3.
        on: which of the three are switched on; the others count as zero.

    Raises:
        ValueError: sizes that do not fit.

    Source: FCN (Long et al. 2015), section 4.2 and figure 3; walkthrough 05.
    """
    sizes = [tuple(score.shape[1:]) for score in scores]
    high, wide = sizes[0]
    if sizes[1:] != [(2 * high, 2 * wide), (4 * high, 4 * wide)] or truth.shape != (32 * high, 32 * wide):
        raise ValueError(
            f"merge: scores of {sizes} for {tuple(truth.shape)} labels; c4 must be twice c5, c3 twice c4, "
            "and the labels eight times c3"
        )
    c5, c4, c3 = (score if switch else torch.zeros_like(score) for score, switch in zip(scores, on, strict=True))
    classes = len(c5)
    up = UpTwo(classes, learnable=False).to(c5)
    at_16 = up(c5[None], size=sizes[1])[0] + c4
    at_8 = up(at_16[None], size=sizes[2])[0] + c3
    finest = at_8 if on[2] else at_16 if on[1] else c5  # each network leaves the way up at its own stride
    labels = resize(finest[None], size=tuple(truth.shape), align_corners=False)[0].argmax(0)
    table = confusion(labels, truth, classes=classes)
    return Merge((c5, at_16, at_8), labels, pixel_accuracy(table), tuple(iou(table).tolist()))


def blend(scores: Float[Tensor, "K h w"], classes: Classes) -> Pixels:
    """Scores as one picture: the colours of the classes, mixed by what each has of the sum.

    Negative scores count 0, and where no score is above it, the picture is grey.
    """
    share = scores.clamp(min=0)
    total = share.sum(0)[..., None]
    mixed = torch.einsum("khw,kc->hwc", share, torch.tensor(classes.colours).to(scores)) / total.clamp(min=1e-12)
    return torch.where(total > 0, mixed, 160.0).round().to(torch.uint8).numpy()


def signed(score: Float[Tensor, "h w"], *, most: float, colour: tuple[int, int, int]) -> Pixels:
    """What a skip adds to one class and takes from it: white 0, `colour` at +most, black at -most."""
    strength = (score / most).clamp(-1, 1)[..., None]
    end = torch.where(strength > 0, torch.tensor(colour).to(score), torch.tensor([20, 24, 30]).to(score))
    return (255 + strength.abs() * (end - 255)).round().to(torch.uint8).numpy()


class SkipToggles(Page):
    """What `skip_toggles` returns; the last line of a cell shows it, with or without a kernel."""

    name = "skips"

    def __init__(
        self,
        picture: Float[Tensor, "1 C H W"],
        truth: Integer[Tensor, "H W"],
        sources: Mapping[str, Scores],
        classes: Classes,
        thin: int,
    ) -> None:
        self.classes, self.thin = classes, thin
        self.picture = resize(picture, size=(SHOWN, SHOWN), mode="area")[0].mean(0)
        small = nearest(truth[None, None], size=(SHOWN, SHOWN))[0, 0] == thin
        inner = -torch.nn.functional.max_pool2d(-small[None].float(), 3, stride=1, padding=1)[0] > 0
        self.edge = small & ~inner  # the outline of what is thin, in the truth
        self.choices = tuple((bool(n & 1), bool(n & 2), bool(n & 4)) for n in range(8))
        self.scores = dict(sources)
        self.merges = {
            name: tuple(merge(scores, truth, on=on) for on in self.choices) for name, scores in sources.items()
        }

    def says(self, source: str, number: int) -> str:
        """One choice in words, with its numbers."""
        on, result = self.choices[number], self.merges[source][number]
        names = " + ".join(name for name, switch in zip(LEVELS, on, strict=True) if switch)
        title = NAMES.get(on, f"{names}: no network has this")
        title += f" ({names})" if on in NAMES and names else ""
        thin = result.ious[self.thin]
        return (
            f"{title}. {100 * result.accuracy:.1f} % of the pixels are right; "
            f"IoU of the {self.classes.names[self.thin]} {0.0 if thin != thin else thin:.2f}."
        )

    @property
    def alt(self) -> str:
        name = next(iter(self.scores))
        told = " ".join(self.says(name, number) for number in (1, 3, 7))
        return f"The merge of FCN on a photograph, {name}: scores of c5, c4 and c3, their sums, and the labels. {told}"

    def images(self, source: str, number: int | None = None) -> dict[str, Pixels]:
        """The pictures of the three score maps, or, for a choice of switches, of the sums and the labels."""
        if number is None:
            c5, c4, c3 = self.scores[source]
            colour = self.classes.colours[self.thin]
            most = max(c4[self.thin].abs().max().item(), c3[self.thin].abs().max().item(), 1e-12)
            skips = {name: signed(s[self.thin], most=most, colour=colour) for name, s in (("c4", c4), ("c3", c3))}
            return {"c5": blend(c5, self.classes), **skips}
        result = self.merges[source][number]
        labels = nearest(result.labels[None, None], size=(SHOWN, SHOWN))[0, 0]
        flat = self.classes.picture(labels).permute(1, 2, 0).numpy()
        sums = {f"sum{k}": blend(s, self.classes) for k, s in zip((32, 16, 8), result.sums, strict=True)}
        return sums | {"labels": flat}

    def _photograph(self) -> Pixels:
        grey = (self.picture * 255).round().clamp(0, 255).to(torch.uint8)
        return grey[..., None].expand(-1, -1, 3).numpy()

    def _outline(self) -> Pixels:
        clear = np.zeros((*self.edge.shape, 4), dtype=np.uint8)
        clear[self.edge.numpy()] = (0, 0, 0, 255)
        return clear

    def data(self) -> dict[str, object]:
        """Everything that the page is given: pictures and sentences."""
        return {
            "photograph": uri(self._photograph()),
            "outline": uri(self._outline()),
            "thin": self.classes.names[self.thin],
            "colours": {
                name: "#" + bytes(colour).hex()
                for name, colour in zip(self.classes.names, self.classes.colours, strict=True)
            },
            "sources": [
                {
                    "name": name,
                    **{key: uri(pixels) for key, pixels in self.images(name).items()},
                    "states": [
                        {
                            **{key: uri(pixels) for key, pixels in self.images(name, number).items()},
                            "says": self.says(name, number),
                        }
                        for number in range(len(self.choices))
                    ],
                }
                for name in self.scores
            ],
        }

    def about(self) -> str:
        return repr(self)

    def figure(self) -> Figure:
        """The first source with all switches on, as a still picture."""
        name = next(iter(self.scores))
        maps, result = self.images(name), self.images(name, 7)
        above = {"photograph": self._photograph(), "c4": maps["c4"], "c3": maps["c3"]}
        titles = {
            "photograph": "photograph", "c4": f"c4: {self.classes.names[self.thin]}; black: taken away",
            "c3": "c3: the same", "sum32": "c5", "sum16": "up two + c4", "sum8": "up two + c3",
            "labels": "up eight, argmax",
        }  # fmt: skip
        figure, panels = plt.subplots(2, 4, figsize=(9.375, 5.1), layout="constrained")
        shown = zip(panels.flat, (None, "c4", "c3", "photograph", "sum32", "sum16", "sum8", "labels"), strict=True)
        for axes, key in shown:
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(key in ("c4", "c3"))
            if key is None:
                for k, (label, colour) in enumerate(zip(self.classes.names, self.classes.colours, strict=True)):
                    patch = plt.Rectangle((0.05, 0.7 - 0.16 * k), 0.12, 0.1, fc=[c / 255 for c in colour])
                    axes.add_patch(patch)
                    axes.text(0.23, 0.75 - 0.16 * k, label, va="center")
                continue
            axes.imshow(above.get(key, result.get(key)))
            if key == "labels":
                axes.imshow(self._outline())
            axes.set_title(titles[key], fontsize=11)
        return figure

    def __repr__(self) -> str:
        return f"{self.alt}\nOn a page with scripts: switch c5, c4 and c3 on and off. Scores: {', '.join(self.scores)}."


def skip_toggles(
    picture: Float[Tensor, "1 C H W"],
    truth: Integer[Tensor, "H W"],
    sources: Mapping[str, Scores],
    *,
    classes: Classes,
    thin: int,
) -> SkipToggles:
    """Show the merge of FCN with a switch for each of the three score maps.

    Notice: with c5 alone the large shapes are there and the thin one is not. With the skips alone it is the other
    way round: outlines stand there, and the large shapes are hollow.

    Args:
        picture: the photograph; its channels are averaged.
        truth: its labels, 0 to K - 1.
        sources: name -> scores of c5, c4 and c3.
        classes: names and colours of the K classes.
        thin: the class whose outline is drawn, and whose scores the two skips show.

    Raises:
        ValueError: no source; sizes that do not fit, see `merge`; a `thin` that is no class.

    Source: FCN (Long et al. 2015), figure 3; walkthrough 05.
    """
    if not sources:
        raise ValueError("skip_toggles: no sources; pass {name: (c5, c4, c3)} with at least one")
    if not 0 <= thin < len(classes):
        raise ValueError(f"skip_toggles: thin={thin}; the classes are 0 to {len(classes) - 1}")
    return SkipToggles(picture, truth, sources, classes, thin)
