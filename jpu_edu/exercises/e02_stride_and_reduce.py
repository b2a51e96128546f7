"""Exercises 02: a stride as a reduction, windows of a stack, all phases from a strided network, the worst picture.

Shape legend
    x        (B, C, H, W)
    weight   (D, C, k, k)
    layers   list of (kernel, stride, rate, padding), first layer first
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from jpu_edu.cost.receptive import receptive_field
from jpu_edu.exercises.draws import Draws
from jpu_edu.exercises.maps import copied
from jpu_edu.exercises.puzzle import once
from jpu_edu.exercises.task import Mistake, Task
from jpu_edu.ops.phases import merge

# ---- task 1: convolve, then reduce -------------------------------------------------------------------------


def _strided(x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    return F.conv2d(x, weight, stride=stride, padding=padding)


def _kept(keep: Callable) -> Callable:
    """Convolve everywhere, then keep(y, s)."""
    return lambda x, weight, stride, padding: keep(F.conv2d(x, weight, padding=padding), stride)


def _strided_cases(draw: Draws) -> list[tuple]:
    cases = [(draw.distinct(1, 1, n, m), draw.kernel(1, 1, 3, 3), s, p)
             for n, m, s, p in ((4, 4, 2, 1), (5, 5, 2, 1), (6, 7, 3, 1), (8, 7, 2, 0))]  # fmt: skip
    for _ in range(6):
        k, s, p = draw.whole(1, 5), draw.whole(1, 4), draw.whole(0, 3)
        x = draw.normal(2, 3, draw.whole(9, 20), draw.whole(9, 20))
        cases.append((x, draw.normal(4, 3, k, k), s, p))
    return [*cases, (draw.photograph(47, 61), draw.normal(2, 1, 3, 3), 4, 1)]


check_strided = Task(
    name="check_strided", exercise="02", number=1, cases=_strided_cases, reference=_strided,
    mistakes=(
        Mistake("reduced first", "You reduce before the kernel has seen the pixels. Then it reads every s-th pixel: "
                "a dilated convolution.",
                lambda x, weight, stride, padding: F.conv2d(x[..., ::stride, ::stride], weight, padding=padding)),
        Mistake("another phase", "You keep the last sample of each block. R begins to count with the first: rows and "
                "columns 0, s, 2s, ...", _kept(lambda y, s: y[..., s - 1 :: s, s - 1 :: s])),
        Mistake("rows only", "Rows are reduced, columns are not: the last axis needs the same.",
                _kept(lambda y, s: y[..., ::s, :])),
        Mistake("columns only", "Columns are reduced, rows are not: the last axis but one needs the same.",
                _kept(lambda y, s: y[..., ::s])),
        Mistake("averaged", "You average each block. A stride does not mix numbers: it keeps one of each block and "
                "computes no other.", _kept(lambda y, s: F.avg_pool2d(y, s))),
        Mistake("remainder cut off", "At sizes that s does not divide, the last kept row or column is missing. R "
                "rounds up: rows 0, 2, 4 of 5.",
                _kept(lambda y, s: y[..., : y.shape[-2] // s * s : s, : y.shape[-1] // s * s : s])),
    ),
    hints=(
        "Print `full` for the smallest case, and mark the numbers that the target contains.",
        "Output i of the strided layer reads the same inputs as output i·s of the regular one.",
        "Slices can have a step: x[..., a::s, b::s] begins with a and b. What are they?",
    ),
)  # fmt: skip

# ---- task 2: the window of a stack -------------------------------------------------------------------------


def _field(layers: list[tuple[int, int, int, int]]) -> tuple[int, int, int]:
    found = receptive_field(layers)
    return found.size, found.stride, found.start


def _touched(layers: list[tuple[int, int, int, int]]) -> Tensor:
    return torch.tensor([receptive_field(layers).paths]).gt(0).double()


def _window(layers: list[tuple[int, int, int, int]], *, wrong: str) -> tuple[int, int, int]:
    size, jump, start = 1, 1, 0
    for kernel, stride, rate, padding in layers:
        before = jump
        jump = stride if wrong == "stride not accumulated" else jump * stride
        step = {"own stride": jump, "jump forgotten": 1}.get(wrong, before)
        start -= padding * (1 if wrong == "padding in samples" else step)
        size += (kernel - 1) * (1 if wrong == "rate forgotten" else rate) * step
        if wrong == "whole kernel":
            size += rate * step
        if wrong == "multiplied":
            size = (size - (kernel - 1) * rate * step) * (rate * (kernel - 1) + 1)
    return size, jump, start


def _stacks(draw: Draws) -> list[tuple]:
    stacks = [[(3, 1, 1, 1)], [(3, 2, 1, 1), (3, 1, 1, 1)], [(3, 1, 2, 2), (3, 1, 1, 0)], [(3, 2, 1, 1)] * 3]
    stacks += [[(7, 2, 1, 3), (3, 2, 1, 1), (3, 1, 2, 2)]]
    for _ in range(8):
        stacks.append([(draw.whole(1, 5), draw.whole(1, 3), draw.whole(1, 3), draw.whole(0, 3))
                       for _ in range(draw.whole(3, 6))])  # fmt: skip
    return [(stack,) for stack in stacks]


check_field = Task(
    name="check_field", exercise="02", number=2, cases=_stacks, reference=_field, variants=_window,
    show=lambda layers: ("the window of sample 0: pixels that are read (1)", _touched(layers)),
    mistakes=(
        Mistake("own stride", "A layer's stride moves the *next* layer's taps apart, not its own. Change the jump "
                "after the size."),
        Mistake("stride not accumulated", "Strides multiply: behind two layers of stride 2, neighbouring samples "
                "stand 4 pixels apart."),
        Mistake("jump forgotten", "You add taps as if all maps were at full resolution. One step on a map with jump "
                "j is j pixels."),
        Mistake("rate forgotten", "Right wherever the rate is 1. Neighbouring taps stand `rate` samples apart."),
        Mistake("padding in samples", "Size and jump are right. The padding counts in samples of the map it is put "
                "around; each is `jump` pixels."),
        Mistake("whole kernel", "K taps have K − 1 steps between them. You add K."),
        Mistake("multiplied", "You multiply windows. Neighbouring windows overlap, so a layer *adds* what its taps "
                "reach further."),
    ),
    hints=(
        "Check the stack of one layer by hand, then that of two. Which of the three numbers is the first to be wrong?",
        "Three lines: start moves back by the padding, size grows by the steps between the taps, jump is multiplied. "
        "The first two happen on the map that the layer *reads*.",
        "start −= padding · jump, size += (kernel − 1) · rate · jump, and only then jump *= stride.",
    ),
)  # fmt: skip

# ---- task 3: shift and stitch ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Net:
    """A network whose inside is not shown: call it. It makes every s-th output, without padding."""

    stride: int
    weights: tuple[Tensor, Tensor] = field(repr=False)

    def __call__(self, x: Tensor) -> Tensor:
        return F.conv2d(F.conv2d(x, self.weights[0], stride=self.stride).relu(), self.weights[1])

    def dense(self, x: Tensor) -> Tensor:
        """All outputs, by holes instead of a stride."""
        return F.conv2d(F.conv2d(x, self.weights[0]).relu(), self.weights[1], dilation=self.stride)


def _shifts(net: Net, x: Tensor, stride: int, *, move: Callable) -> list[Tensor]:
    return [net(move(x, p, q)) for p in range(stride) for q in range(stride)]


def _cropped(x: Tensor, p: int, q: int) -> Tensor:
    return x[..., p:, q:]


def _stitched(net: Net, x: Tensor, stride: int, *, move: Callable = _cropped, swap: bool = False) -> Tensor:
    parts = _shifts(net, x, stride, move=move)
    if swap:
        parts = [parts[q * stride + p] for p in range(stride) for q in range(stride)]
    return merge(parts, rate=stride)


def _smallest(net: Net, x: Tensor, stride: int) -> Tensor:
    """All phases cut to the size of the last one."""
    parts = _shifts(net, x, stride, move=_cropped)
    height, width = parts[-1].shape[-2:]
    return merge([part[..., :height, :width] for part in parts], rate=stride)


def _net_cases(draw: Draws) -> list[tuple]:
    def case(n: int, m: int, stride: int, k: int, whole: bool) -> tuple:
        make = draw.kernel if whole else draw.normal
        last = torch.ones(1, 2, 1, 1, dtype=torch.float64) if whole else draw.normal(2, 2, 2, 2)
        x = draw.distinct(1, 1, n, m) if whole else draw.normal(1, 1, n, m)
        return Net(stride, (make(2, 1, k, k), last)), x, stride

    sizes = ((5, 5, 2, 2), (6, 6, 2, 2), (6, 7, 2, 2), (8, 9, 2, 3))
    cases = [case(*size, True) for size in sizes]
    cases += [case(draw.whole(16, 20), draw.whole(16, 20), s, 3, False) for s in (1, 2, 3, 4, 3)]
    return cases


check_stitch = Task(
    name="check_stitch", exercise="02", number=3, cases=_net_cases, reference=lambda net, x, stride: net.dense(x),
    phases=True,
    mistakes=(
        Mistake("merged in swapped order", "The numbers are right and sit in exchanged places: phase k has row shift "
                "k // s and column shift k % s.", lambda net, x, stride: _stitched(net, x, stride, swap=True)),
        Mistake("rolled", "torch.roll brings the first rows back in at the far end, and the network reads them "
                "there. Cut them off.",
                lambda net, x, stride: _stitched(net, x, stride, move=lambda x, p, q: x.roll((-p, -q), (-2, -1)))),
        Mistake("shifted the other way", "You push the picture away from the network, by zeros in front. Output i "
                "has to read i·s + p: cut p rows off.",
                lambda net, x, stride: _stitched(net, x, stride, move=lambda x, p, q: F.pad(x, (q, 0, p, 0)))),
        Mistake("split instead of shifted", "You take every s-th *pixel* of the picture. The network needs all of "
                "them, and takes every s-th output itself.",
                lambda net, x, stride: _stitched(net, x, stride, move=lambda x, p, q: x[..., p::stride, q::stride])),
        Mistake("enlarged", "You repeat the outputs of one run. The numbers between them are different ones; the "
                "network can compute them.",
                lambda net, x, stride: copied(net(x), stride, net.dense(x).shape[-2:])),
        Mistake("phases cut to one size", "Your map is too small at sizes that s does not divide. The first phases "
                "have one row or column more: keep it.", _smallest),
    ),
    hints=(
        "Run `net` on the whole picture, and on the picture without its first column. Where in the full map do the "
        "two answers belong?",
        "On x[..., p:, q:] output (i, j) reads what output (i·s + p, j·s + q) of the full map reads: phase (p, q).",
        "Collect net(x[..., p:, q:]) for p and q from 0 to s − 1, in the order of `split`, and merge at rate s.",
    ),
)  # fmt: skip

# ---- task 4: break it --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Orders:
    """A kernel, a rate, and one output at which the two orders of C_r and R are to differ."""

    weight: Tensor
    rate: int
    size: int
    output: tuple[int, int]

    def __str__(self) -> str:
        rows = "; ".join(" ".join(f"{value:g}" for value in row) for row in self.weight.tolist())
        return f"kernel {rows}, rate {self.rate}, a picture of {self.size} x {self.size}, output {self.output}"

    def both(self, x: Tensor) -> tuple[float, float]:
        """The output, convolved first and reduced first."""
        weight, (i, j), r, x = self.weight[None, None], self.output, self.rate, x.double()[None, None]
        late = F.conv2d(x, weight, padding=1)[0, 0, i * r, j * r]
        early = F.conv2d(x[..., ::r, ::r], weight, padding=1)[0, 0, i, j]
        return late.item(), early.item()

    @property
    def most(self) -> float:
        """The largest difference that a picture with values in [-1, 1] can make."""
        return 2 * (self.weight.abs().sum() - self.weight[1, 1].abs()).item()


def given(seed: int) -> Orders:
    """The kernel, rate and output of task 4 for this seed."""
    draw = Draws(seed)
    rate, height = draw.whole(2, 3), draw.whole(4, 5)
    return Orders(draw.kernel(3, 3), rate, rate * height, (draw.whole(1, height - 2), draw.whole(1, height - 2)))


def _difference(orders: Orders, x: Tensor) -> str | None:
    if tuple(x.shape) != (orders.size, orders.size):
        return f"it has shape {tuple(x.shape)}; {orders.size} x {orders.size} is wanted"
    if not x.abs().max() <= 1:
        return f"it holds a value of {x.abs().max():.3g} in size; values from -1 to 1 are allowed"
    late, early = orders.both(x)
    if abs(late - early) < orders.most - 1e-9:
        return f"the two orders give {late:.4g} and {early:.4g} at this output; a larger difference is possible"
    return None


def _one_sided(orders: Orders, x: Tensor) -> bool:
    return min(map(abs, orders.both(x))) < 1e-9 or orders.most / 2 - 1e-9 <= abs(orders.both(x)[0] - orders.both(x)[1])


check_worst = Task(
    name="check_worst", exercise="02", number=4, cases=once(given), measure=_difference,
    mistakes=(
        Mistake("constant picture", "On a constant picture both orders read the same numbers. Give the pixels that "
                "only *one* of them reads a sign of their own.",
                when=lambda orders, x: bool((x == x.flatten()[0]).all())),
        Mistake("both pulled the same way", "The two outputs come out equal. The near pixels should push their sum "
                "up, the far ones push theirs down.",
                when=lambda orders, x: abs(orders.both(x)[0] - orders.both(x)[1]) < 1e-9),
        Mistake("one order only", "Half of what is possible: one of the sums is as large as it can be, the other "
                "could go the other way.", when=_one_sided),
    ),
    hints=(
        "List the nine pixels that `C_r, then R` reads for this output, and the nine that `R, then C_r` reads.",
        "With (a, b) = (i·r, j·r): the first reads rows a−1, a, a+1, the second a−r, a, a+r. Only (a, b) is in both.",
        "Put the sign of each weight on the near pixel it meets, and the opposite sign on the far one.",
    ),
)  # fmt: skip
