"""What the parts of a network refuse, and what they say then."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn


def check_count(count: int, *, name: str, what: str) -> None:
    """Refuse what counts nothing: channels, a stride, classes.

    Raises:
        ValueError: no integer, or below 1.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ValueError(f"{what}: {name}={count!r}; {name} must be an integer >= 1")


def require_batch_statistics(x: Float[Tensor, "B C H W"], norm: nn.Module, *, what: str) -> None:
    """Stop with a remedy where BatchNorm would meet one value a channel: a 1x1 map of a single image.

    Raises:
        ValueError: training, BatchNorm, and B * H * W = 1.
    """
    batch_norm = isinstance(norm, nn.modules.batchnorm._BatchNorm)
    if batch_norm and norm.training and x.shape[0] * x.shape[2] * x.shape[3] == 1:
        raise ValueError(
            f"{what}: training with a batch of {x.shape[0]} pools the map to {tuple(x.shape[2:])}, one value "
            'a channel, and BatchNorm needs two; use a batch of 2 or more, or norm="group" or "frozen"'
        )


def check_levels(in_channels: Sequence[int], *, what: str) -> None:
    """Refuse what are not the channels of c1 to c5.

    Raises:
        ValueError: another number of levels.
    """
    if len(in_channels) != 5:
        raise ValueError(f"{what}: in_channels={tuple(in_channels)}; give those of c1..c5, five numbers")


def check_channels(x: Tensor, channels: int, *, what: str) -> None:
    """Say which map does not fit, before a convolution says it in its own words.

    Raises:
        ValueError: `x` is not (B, channels, H, W).
    """
    if x.ndim != 4 or x.shape[1] != channels:
        raise ValueError(
            f"{what}: got a map of shape {tuple(x.shape)}, expected (B, {channels}, H, W); "
            "build it with in_channels equal to the channels that come in"
        )
