"""Does a map resemble y_d? The linear map from it to y_d, fitted on some images and judged on others.

Shape legend
    B, C, D    images, channels of a map, and of y_d
    H, W       size of y_d and of every map, at stride 8
    N, P       images that are judged, and phases: rate * rate
    R2         1 - squared error / squared distance of y_d from its mean over the images of the fit

1 is y_d itself, up to a linear map; 0 is no better than a constant; below 0 is worse. Nothing here knows of a GPU.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float32, Float64
from torch import Tensor

from jpu_edu.data.sets import ImageSet
from jpu_edu.data.transforms import normalise
from jpu_edu.ops.phases import split

#: Normalised images -> maps by name, all of the size of y_d, and y_d.
Look = Callable[[Float32[Tensor, "B 3 h w"]], tuple[dict[str, Tensor], Tensor]]
#: Tried on images that are neither of the fit nor of the judgement, in units of the map's mean variance.
RIDGES = (1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)


class Moments:
    """Sums over pixels, from which every linear map x -> y and its squared error follow, in float64.

    Notice: `ops.solve.fit_h` keeps every pixel, and wants more memory than there is for a million of them with
    thousands of channels. These sums have C * (C + D) numbers, whatever the number of images.
    """

    def __init__(self) -> None:
        self.count = 0
        self.xx = self.xy = self.y = self.yy = torch.zeros((), dtype=torch.float64)

    def add(self, x: Float[Tensor, "B C H W"], y: Float[Tensor, "B D H W"]) -> None:
        """Add the pixels of a batch."""
        rows, wanted = (t.detach().transpose(0, 1).flatten(1).double() for t in (x, y))
        rows = torch.cat([rows, torch.ones_like(rows[:1])])  # the last entry of every sum is about the constant
        self.count += rows.shape[1]
        self.xx = self.xx.to(rows) + rows @ rows.T
        self.xy = self.xy.to(rows) + rows @ wanted.T
        self.yy = self.yy.to(rows) + wanted.square().sum()

    @property
    def mean(self) -> Float64[Tensor, " D"]:
        """Of y."""
        return self.xy[-1] / self.count

    def fit(self, *, ridge: float = 0.0) -> Float64[Tensor, "D C1"]:
        """The linear map with the least squared error, its constant in the last column.

        Args:
            ridge: adds ridge * (mean variance of x) * ||weight||^2 * pixels; the constant is not penalised.

        Raises:
            torch.linalg.LinAlgError: fewer independent pixels than channels, without a ridge.
        """
        sums, mean = self.xx[-1, :-1], self.xx[-1, :-1] / self.count
        spread = self.xx[:-1, :-1] - torch.outer(sums, mean)
        spread.diagonal().add_(ridge * spread.diagonal().mean())
        joint = self.xy[:-1] - torch.outer(mean, self.xy[-1])
        weight = torch.cholesky_solve(joint, torch.linalg.cholesky(spread)).T
        return torch.cat([weight, (self.mean - weight @ mean)[:, None]], dim=1)

    def error(self, linear: Float64[Tensor, "D C1"]) -> float:
        """The squared error of a map over these pixels and all channels."""
        return (self.yy - 2 * (linear * self.xy.T).sum() + ((linear @ self.xx) * linear).sum()).item()


@dataclass(frozen=True)
class Explained:
    """How much of y_d a map explains, on images that had no part in the fit.

    Fields:
        name, channels: of the map.
        ridge: that was chosen; None where nothing was fitted.
        errors, totals: squared error, and squared distance of y_d from its mean, by image and phase.
    """

    name: str
    channels: int
    ridge: float | None
    errors: Float64[Tensor, "N P"]
    totals: Float64[Tensor, "N P"]

    def r2(self, phases: slice = slice(None)) -> float:
        """Over all pixels of these phases; by default of all."""
        return 1 - (self.errors[:, phases].sum() / self.totals[:, phases].sum()).item()

    @property
    def new(self) -> float:
        """R2 on the phases that y_s does not have: all but (0, 0)."""
        return self.r2(slice(1, None))

    def record(self) -> dict[str, object]:
        """For JSON; phases row by row."""
        by_phase = (1 - self.errors.sum(0) / self.totals.sum(0)).tolist()
        told = {"channels": self.channels, "r2": self.r2(), "r2_new_phases": self.new, "r2_by_phase": by_phase}
        return told if self.ridge is None else told | {"ridge": self.ridge}


def difference(a: Explained, b: Explained, *, resamples: int = 2000, seed: int = 0) -> dict[str, float]:
    """R2 of a minus R2 of b on the new phases, and where 95 % of it lie when the images are drawn anew.

    Notice: both see the same images in each drawing, so what makes an image hard cancels. Frames of one video are
    alike; the interval is narrower than one over videos would be.
    """
    draws = torch.Generator().manual_seed(seed)
    number = len(a.errors)
    chosen = torch.randint(number, (resamples, number), generator=draws)
    errors, others, totals = (t[:, 1:].sum(1).cpu()[chosen].sum(1) for t in (a.errors, b.errors, a.totals))
    gains = (others - errors) / totals
    low, high = torch.quantile(gains, torch.tensor([0.025, 0.975], dtype=gains.dtype)).tolist()
    return {"difference": a.new - b.new, "low": low, "high": high}


def in_batches(images: ImageSet, device: torch.device, *, count: int = 8) -> Iterator[Float32[Tensor, "B 3 h w"]]:
    """The images of a set, normalised, a few at a time; they have one size."""
    for start in range(0, len(images), count):
        stop = min(start + count, len(images))
        x = normalise(torch.stack([images[i].image for i in range(start, stop)]).to(device))
        yield x.contiguous(memory_format=torch.channels_last)


def check_apart(*sets: ImageSet) -> None:
    """Pass if no image is in two of the sets: what is held out must not have been seen.

    Raises:
        ValueError: names the first two places of one picture.
    """
    seen: dict[bytes, str] = {}
    for number, images in enumerate(sets):
        for i in range(len(images)):
            digest = hashlib.sha256(images[i].image.numpy().tobytes()).digest()
            where = f"{images.name} {images.split} [{i}]"
            if not seen.setdefault(digest, f"{number} {where}").startswith(f"{number} "):
                raise ValueError(f"resemble: {where} is {seen[digest][2:]} too; hold out other images")


def judge(
    look: Look,
    predict: Mapping[str, Callable[[Tensor], Tensor]],
    images: ImageSet,
    *,
    mean: Float[Tensor, " D"],
    rate: int,
    device: torch.device,
    ridges: Mapping[str, float] | None = None,
) -> list[Explained]:
    """Squared errors of predictions of y_d, by image and phase.

    Args:
        look: what to predict from, and y_d.
        predict: by name of a map: map -> prediction, (B, D, H, W).
        mean: of y_d over the images of the fit.
        ridges: for the record.
    """
    errors: dict[str, list[Tensor]] = {name: [] for name in predict}
    totals, channels = [], {}

    def by_phase(difference: Tensor) -> Tensor:
        squares = difference.double().square().sum(1)
        return torch.stack([phase.sum((1, 2)) for phase in split(squares, rate=rate)], dim=1)

    with torch.no_grad():
        for x in in_batches(images, device):
            maps, y_d = look(x)
            totals.append(by_phase(y_d.double() - mean[:, None, None]))
            for name, make in predict.items():
                channels[name] = maps[name].shape[1]
                errors[name].append(by_phase(make(maps[name]).double() - y_d))
    return [
        Explained(name, channels[name], (ridges or {}).get(name), torch.cat(parts), torch.cat(totals))
        for name, parts in errors.items()
    ]


@torch.no_grad()
def explain(
    look: Look, fit: ImageSet, choose: ImageSet, held_out: ImageSet, *, rate: int, device: torch.device
) -> list[Explained]:
    """For each map: a linear map to y_d from `fit`, its ridge from `choose`, and what it explains on `held_out`.

    Notice: a map with more channels can explain more by chance alone. The ridge, chosen where it was not fitted, is
    what keeps it from that.
    """
    check_apart(fit, choose, held_out)
    sums: list[dict[str, Moments]] = []
    for images in (fit, choose):
        moments: dict[str, Moments] = {}
        for x in in_batches(images, device):
            maps, y_d = look(x)
            for name, m in maps.items():
                moments.setdefault(name, Moments()).add(m, y_d)
        sums.append(moments)
    linear, ridges = {}, {}
    for name, moments in sums[0].items():
        fits = {ridge: moments.fit(ridge=ridge) for ridge in RIDGES}
        ridges[name] = min(fits, key=lambda ridge: sums[1][name].error(fits[ridge]))
        linear[name] = fits[ridges[name]]

    def applied(map: Tensor, weights: Tensor) -> Tensor:
        return torch.einsum("dc,bchw->bdhw", weights[:, :-1], map.double()) + weights[:, -1, None, None]

    predict = {name: lambda m, w=weights: applied(m, w) for name, weights in linear.items()}
    mean = next(iter(sums[0].values())).mean
    return judge(look, predict, held_out, mean=mean, rate=rate, device=device, ridges=ridges)
