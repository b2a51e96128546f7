"""Exercises 01: the line on two axes, the gradient along the columns, the bill, and a size that is forgotten.

Shape legend
    x   (H, W)       a map
    w   (k_h, k_w)   a kernel; in one dimension (K,)
    g   (n_out,)     the gradient that arrives at the outputs
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from jpu_edu.cost.macs import conv_macs
from jpu_edu.exercises.draws import Draws
from jpu_edu.exercises.puzzle import left, once
from jpu_edu.exercises.task import Mistake, Task


def n_out(n: int, kernel: int, stride: int, padding: int, rate: int) -> int:
    """The number of outputs along one axis; 0 where the kernel does not fit."""
    room = n + 2 * padding - rate * (kernel - 1) - 1
    return room // stride + 1 if room >= 0 else 0


# ---- task 1: the line, on two axes -------------------------------------------------------------------------


def _conv(x: Tensor, w: Tensor, stride: int, padding: int, rate: int) -> Tensor:
    return F.conv2d(x[None, None], w[None, None], stride=stride, padding=padding, dilation=rate)[0, 0]


def _slide(
    x: Tensor, w: Tensor, stride: int, padding: int, rate: int, *, line: Callable, outside: str = "zero"
) -> Tensor:
    """A convolution whose output i reads along each axis the input line(i, k, s, p, r); outside the map as said."""
    y = x.new_zeros([n_out(n, k, stride, padding, rate) for n, k in zip(x.shape, w.shape, strict=True)])
    for (i, j), (u, v) in ((out, tap) for out in _pixels(y) for tap in _pixels(w)):
        a, b = line(i, u, stride, padding, rate), line(j, v, stride, padding, rate)
        inside = 0 <= a < x.shape[0] and 0 <= b < x.shape[1]
        below = a < x.shape[0] and b < x.shape[1]
        if inside or outside == "unchecked" or (outside == "wraps" and below):
            y[i, j] += w[u, v] * x[a, b]
    return y


def _pixels(x: Tensor) -> list[tuple[int, int]]:
    return [(i, j) for i in range(x.shape[0]) for j in range(x.shape[1])]


def _right(i: int, k: int, s: int, p: int, r: int) -> int:
    return i * s + k * r - p


def _by(line: Callable, outside: str = "zero") -> Callable:
    return partial(_slide, line=line, outside=outside)


def _conv_cases(draw: Draws) -> list[tuple]:
    small = [((3, 4), (2, 3), 1, 0, 1), ((4, 4), (3, 3), 1, 1, 1), ((5, 6), (3, 2), 2, 1, 1), ((5, 7), (2, 3), 1, 2, 2)]
    small += [((7, 6), (3, 2), 2, 1, 3), ((6, 7), (3, 3), 3, 2, 1)]
    cases = [(draw.distinct(*size), draw.kernel(*kernel), s, p, r) for size, kernel, s, p, r in small]
    while len(cases) < 12:
        s, p, r = draw.whole(1, 3), draw.whole(0, 3), draw.whole(1, 3)
        size, kernel = (draw.whole(7, 10), draw.whole(7, 10)), (draw.whole(1, 4), draw.whole(1, 4))
        if min(n_out(n, k, s, p, r) for n, k in zip(size, kernel, strict=True)) > 0:
            cases.append((draw.normal(*size), draw.normal(*kernel), s, p, r))
    return cases


check_conv = Task(
    name="check_conv", exercise="01", number=1, cases=_conv_cases, reference=_conv,
    mistakes=(
        Mistake("flipped kernel", "Your kernel is turned by half a turn: that is the mathematicians' convolution. In "
                "deep learning w[0, 0] meets the first pixel of the window, not the last.",
                lambda x, w, stride, padding, rate: _conv(x, w.flip(0, 1), stride, padding, rate)),
        Mistake("rows and columns exchanged", "Rows and columns are exchanged somewhere: the kernel's row u goes "
                "with the map's row, v with its column.",
                lambda x, w, stride, padding, rate: _conv(x, w.mT, stride, padding, rate)),
        Mistake("padding forgotten", "Your window of output 0 starts at pixel 0. With p zeros in front of the map it "
                "starts p pixels earlier.", _by(lambda i, k, s, p, r: i * s + k * r)),
        Mistake("no border test", "With padding some taps lie outside the map, before it or behind it. They read 0, "
                "so leave them out.", _by(_right, "unchecked")),
        Mistake("negative index wraps", "In Python, x[-1] is the last pixel, not a zero. The pixels before the map "
                "need a test, as those behind it.", _by(_right, "wraps")),
        Mistake("stride and rate exchanged", "Stride and rate are exchanged: the stride moves the window from output "
                "to output, the rate spreads taps.", _by(lambda i, k, s, p, r: i * r + k * s - p)),
        Mistake("rate forgotten", "Right wherever the rate is 1. Two neighbouring taps stand `rate` pixels apart.",
                _by(lambda i, k, s, p, r: i * s + k - p)),
        Mistake("stride forgotten", "Right wherever the stride is 1. From one output to the next the window moves by "
                "`stride` pixels.", _by(lambda i, k, s, p, r: i + k * r - p)),
    ),
    hints=(
        "Take the smallest case, choose the first number that differs, and list by hand which pixels it should read.",
        "The line of walkthrough 01, once for each axis: output i reads the inputs i·s + k·r − p, k = 0, 1, ...",
        "Inside the loops: compute a row and a column of x; if both lie inside the map, add w[u, v] · x[row, column].",
    ),
)  # fmt: skip

# ---- task 2: what a pixel is used for ----------------------------------------------------------------------


def _scatter(g: Tensor, w: Tensor, n: int, stride: int, padding: int, rate: int, *, wrong: str = "") -> Tensor:
    gradient = g.new_zeros(n)
    for i in range(len(g)):
        for k in range(len(w)):
            j = i * stride + k * rate - (0 if wrong == "padding forgotten" else padding)
            if wrong == "stride forgotten":
                j = i + k * rate - padding
            if 0 <= j < n or (wrong == "negative index wraps" and j < n):
                value = g[i] * w[len(w) - 1 - k if wrong == "flipped kernel" else k]
                gradient[j] = value if wrong == "overwritten" else gradient[j] + value
    return gradient


def _gather(g: Tensor, w: Tensor, n: int, stride: int, padding: int, rate: int) -> Tensor:
    """The same line read backwards without a thought: input j collects g at the places where an output j reads x."""
    gradient = g.new_zeros(n)
    for j in range(n):
        reads = [(k, j * stride + k * rate - padding) for k in range(len(w))]
        gradient[j] = sum(w[k] * g[i] for k, i in reads if 0 <= i < len(g))
    return gradient


def _gradient(g: Tensor, w: Tensor, n: int, stride: int, padding: int, rate: int) -> Tensor:
    x = torch.zeros(1, 1, n, dtype=g.dtype, requires_grad=True)
    y = F.conv1d(x, w[None, None], stride=stride, padding=padding, dilation=rate)
    return torch.autograd.grad(y, x, g[None, None])[0][0, 0]


def _gradient_cases(draw: Draws) -> list[tuple]:
    knobs = [(4, 2, 1, 0, 1), (5, 3, 1, 1, 1), (7, 3, 2, 1, 1), (6, 2, 1, 1, 2), (8, 3, 3, 2, 2)]
    while len(knobs) < 12:
        tried = (draw.whole(8, 20), draw.whole(1, 5), draw.whole(1, 3), draw.whole(0, 3), draw.whole(1, 3))
        knobs += [tried] if n_out(*tried) > 0 else []
    return [(draw.distinct(n_out(n, k, s, p, r)), draw.kernel(k), n, s, p, r) for n, k, s, p, r in knobs]


check_gradient = Task(
    name="check_gradient", exercise="01", number=2, cases=_gradient_cases, reference=_gradient, variants=_scatter,
    mistakes=(
        Mistake("overwritten", "A pixel lies under several windows, and your last one wipes out what the others "
                "wrote. Add, do not assign."),
        Mistake("row instead of column", "You read the line forwards, as if g were an input. Go through the outputs: "
                "each gives its gradient back to the inputs that it had read.", _gather),
        Mistake("flipped kernel", "The weight that output i multiplied input j with is the weight by which the "
                "gradient comes back. No flip."),
        Mistake("padding forgotten", "Everything arrives `padding` places too far to the right: the window of output "
                "0 starts before the signal."),
        Mistake("negative index wraps", "What belongs to a zero in front of the signal lands on its last place: a "
                "negative index counts from the end."),
        Mistake("stride forgotten", "Right wherever the stride is 1. Output i stood at i · stride, and gives its "
                "gradient back there."),
    ),
    hints=(
        "Light one output: let g be 1, 0, 0, ... The answer is then row 0 of the matrix, the kernel at its place.",
        "y = A x has the gradient Aᵀ g. Row i of A holds w[k] in column i·s + k·r − p; so g[i] · w[k] goes there.",
        "Two loops, over outputs i and taps k. Compute j by the line; where 0 <= j < n, gradient[j] += w[k] * g[i].",
    ),
)  # fmt: skip

# ---- task 3: the bill --------------------------------------------------------------------------------------


def _macs(
    c_in: int, c_out: int, kernel: int, size: tuple[int, int], stride: int, padding: int, rate: int, groups: int
) -> int:
    return conv_macs(
        in_channels=c_in, out_channels=c_out, kernel=kernel, size=size,
        stride=stride, padding=padding, rate=rate, groups=groups,
    )  # fmt: skip


def _bill(
    c_in: int, c_out: int, kernel: int, size: tuple[int, int], stride: int, padding: int, rate: int, groups: int,
    *, wrong: str,
) -> int:  # fmt: skip
    spans = 1 if wrong == "rate has no size" else rate
    high, wide = (n_out(n, kernel, stride, padding, spans) for n in size)
    if wrong == "input size":
        high, wide = size
    taps = {"span": (rate * (kernel - 1) + 1) ** 2, "one axis": kernel}.get(wrong, kernel**2)
    packs = {"groups forgotten": 1, "groups twice": groups**2}.get(wrong, groups)
    return (2 if wrong == "flops" else 1) * high * wide * c_out * c_in * taps // packs


def _macs_cases(draw: Draws) -> list[tuple]:
    cases = [(2, 3, 3, (5, 5), 1, 1, 1, 1), (2, 3, 3, (5, 6), 1, 2, 2, 1), (2, 3, 3, (7, 6), 2, 1, 1, 1)]
    cases += [(4, 6, 3, (6, 6), 1, 1, 1, 2), (8, 8, 3, (9, 9), 1, 3, 3, 8)]
    for _ in range(10):
        groups, kernel, rate = draw.choice((1, 2, 4)), draw.choice((1, 3, 5)), draw.whole(1, 4)
        size, padding = (draw.whole(20, 65), draw.whole(20, 65)), draw.whole(0, 4)
        channels = (4 * draw.whole(1, 16), 4 * draw.whole(1, 16))
        cases.append((*channels, kernel, size, draw.whole(1, 4), padding, rate, groups))
    return cases


check_macs = Task(
    name="check_macs", exercise="01", number=3, cases=_macs_cases, reference=_macs, variants=_bill,
    mistakes=(
        Mistake("span", "You count the holes as taps. A kernel at rate r spans r(K−1)+1 pixels and reads K."),
        Mistake("input size", "You count one sum for each input pixel. There is one for each *output* pixel."),
        Mistake("rate has no size", "The rate does not change what an output costs, but it changes how many outputs "
                "fit: the kernel spans more."),
        Mistake("groups forgotten", "With g groups an output channel sees c_in / g input channels, not all of them."),
        Mistake("groups twice", "The groups are divided out twice. There are still c_out output channels; each sees "
                "c_in / g inputs."),
        Mistake("one axis", "A K x K kernel has K · K taps; you count one axis."),
        Mistake("flops", "A MAC is a multiplication *and* its addition: count 1 for the pair, not 2."),
    ),
    hints=(
        "Say in words what one output number costs, and then how many output numbers there are.",
        "One output: K · K taps in each of c_in / groups channels. Outputs: c_out channels of H_out x W_out pixels.",
        "H_out = (H + 2p − r(K−1) − 1) // s + 1, the same for W. Multiply the five numbers.",
    ),
)  # fmt: skip

# ---- task 4: break it --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Layer:
    """A layer and a number of outputs, drawn for one class."""

    kernel: int
    stride: int
    padding: int
    rate: int
    outputs: int

    def __str__(self) -> str:
        knobs = f"kernel {self.kernel}, stride {self.stride}, padding {self.padding}, rate {self.rate}"
        return f"{knobs}: {self.outputs} outputs"

    @property
    def smallest(self) -> int:
        return (self.outputs - 1) * self.stride + self.rate * (self.kernel - 1) + 1 - 2 * self.padding


def given(seed: int) -> Layer:
    """The layer of task 4 for this seed."""
    draw = Draws(seed)
    return Layer(draw.choice((5, 7)), draw.whole(3, 4), draw.whole(1, 2), draw.whole(2, 3), draw.whole(5, 9))


def _sizes(layer: Layer, answer: list[int]) -> str | None:
    for n in answer:
        outputs = n_out(n, layer.kernel, layer.stride, layer.padding, layer.rate)
        if outputs != layer.outputs:
            return f"a signal of {n} has {outputs} outputs, not {layer.outputs}"
    return left(layer.stride, answer, "size{s} would give the same number of outputs")


def _shifted(by: Callable) -> Callable:
    return lambda layer: list(range(layer.smallest + by(layer), layer.smallest + by(layer) + layer.stride))


check_sizes = Task(
    name="check_sizes", exercise="01", number=4, cases=once(given), measure=_sizes,
    mistakes=(
        Mistake("the colleague's size alone", "That is what the formula says. Now add one pixel to it: does another "
                "window fit?", lambda layer: [layer.smallest]),
        Mistake("one too many", "The last one is too large. When the room has grown by a whole stride, one more "
                "window fits.", lambda layer: list(range(layer.smallest, layer.smallest + layer.stride + 1))),
        Mistake("downwards", "Counted in the wrong direction: the formula's size is the smallest.",
                _shifted(lambda layer: 1 - layer.stride)),
        Mistake("padding left in", "The zeros on both sides are no pixels of the signal: take 2p off.",
                _shifted(lambda layer: 2 * layer.padding)),
        Mistake("rate forgotten", "At rate r a kernel spans r(K−1)+1 pixels. You took its size at rate 1.",
                _shifted(lambda layer: (1 - layer.rate) * (layer.kernel - 1))),
    ),
    hints=(
        "Try sizes around the formula's one, and count the windows that fit.",
        "The floor in n_out throws away a remainder. Which remainders are there when you divide by the stride?",
        "The smallest size is (outputs − 1)·s + r(K−1) + 1 − 2p. Then s − 1 more, one pixel each.",
    ),
)  # fmt: skip
