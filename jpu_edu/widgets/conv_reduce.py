"""A strided convolution is a convolution whose outputs are mostly never computed: conv, then reduce, in steps.

Shape legend
    H, W       the map, at most 9 x 9, integers
    k_h, k_w   the kernel, at most 3 x 3; odd sides are padded with zeros, even sides are not
    s_h, s_w   the stride; output (a, b) of the convolution is kept where s_h divides a and s_w divides b
"""

from dataclasses import replace

from torch import Tensor

from jpu_edu.ops.convs import regular_conv, strided_conv
from jpu_edu.ops.maps import whole_pair
from jpu_edu.ops.phases import Rate, reduce
from jpu_edu.widgets.frames import CELL, Frame, Mark, phase_swatches
from jpu_edu.widgets.maps import (
    SLIVER,
    TAP,
    Marks,
    Numbers,
    cells,
    edge,
    extent,
    integers,
    kernel_padding,
    labels,
    number,
    padded,
    products,
    window,
)
from jpu_edu.widgets.stepper import Stepper

LEAST = 480  # the narrowest picture: labels need room
TOP = 54  # where x begins: the counts stand above its title, in sight while the rest is scrolled


def conv_reduce(x: Numbers, weight: Numbers, *, stride: Rate = 2) -> Stepper:
    """Show reduce(conv(x)) = strided(x) in steps, with the multiply-accumulates of both sides counting up.

    Notice: the numbers are the same; the work is not. At stride 2 the left side computes four outputs for
    each one that it keeps.

    Args:
        x: (H, W) integers, H and W up to 9; a signal is a map of one row.
        weight: (k_h, k_w) integers, at most 3 x 3, no larger than x where a side is even.
        stride: 1 to 3, or a pair such as (1, 2) for a signal.

    Returns:
        A Stepper: the last line of a cell shows it.

    Raises:
        ValueError: maps, kernels or strides that do not fit; numbers that are not small integers.

    Convention: every tap counts as one multiply-accumulate, also where it falls on padding.

    Source: FastFCN, section 3.3, C_s = C_r, R; walkthrough 02.
    """
    what = "conv_reduce"
    pair = whole_pair(stride, what=what, name="stride")
    if max(pair) > 3:
        raise ValueError(f"{what}: stride={stride!r}; the picture has room for strides 1 to 3")
    grid = integers(x, name="x", most=9, what=what)
    kernel = integers(weight, name="weight", most=3, what=what)
    for axis, name in enumerate(("rows", "columns")):
        if kernel.shape[axis] % 2 == 0 and grid.shape[axis] < kernel.shape[axis]:
            raise ValueError(f"{what}: x has {grid.shape[axis]} {name}, the kernel {kernel.shape[axis]}; enlarge x")
    return _Scene(grid, kernel, pair).stepper()


class _Scene:
    """Left: x, all outputs, then what R keeps. Right: x and the outputs of the strided convolution."""

    def __init__(self, x: Tensor, weight: Tensor, stride: tuple[int, int]) -> None:
        self.x, self.weight, self.stride, self.pad = x, weight, stride, kernel_padding(weight)
        batch, kernel = x[None, None], weight[None, None]
        full = regular_conv(batch, kernel, padding=self.pad)
        self.full, self.kept = full[0, 0], reduce(full, rate=stride)[0, 0]
        self.strided = strided_conv(batch, kernel, stride=stride, padding=self.pad)[0, 0]
        kernel_w, margin = TAP * weight.shape[1], edge(0, 1, self.pad[1])
        between = max(40, kernel_w + 32 - 2 * self.pad[1] * SLIVER)
        self.right = max(extent(x.shape[1], self.pad[1]) + between, LEAST // 2)
        self.below = TOP + extent(x.shape[0], self.pad[0]) + 44
        self.left_at, self.right_at = (margin, self.below), (self.right + margin, self.below)
        free = margin + CELL * self.full.shape[1]
        self.kernel_at = (free + (self.right + margin - free - kernel_w) // 2, self.below)
        tall = max(CELL * self.full.shape[0], TAP * weight.shape[0] + 24)
        self.size = (max(self.right + extent(x.shape[1], self.pad[1]), LEAST) + 2, self.below + tall + 4)

    def stage(self, *, padding: bool, steps: int, computed: int) -> Marks:
        """Both copies of x, the kernel, the labels, and the two counts so far."""
        marks: Marks = {}
        for side, at in (("x", 0), ("z", self.right)):
            for (a, b), mark in padded(self.x, self.pad, at=(at, TOP), colour=lambda _a, _b: "").items():
                hidden = mark.look == "zero" and not padding
                marks[f"{side}{a}_{b}"] = replace(mark, look="hidden") if hidden else mark
        taps = self.weight.numel()
        texts = {
            "label-x": (self.left_at[0], TOP - 9, "x: conv, then reduce"),
            "label-z": (self.right_at[0], TOP - 9, "x: strided conv"),
            "count-left": (self.left_at[0], 16, f"{steps} × {taps} = {steps * taps} MACs"),
            "count-right": (self.right_at[0], 16, f"{computed} × {taps} = {computed * taps} MACs"),
        }
        return marks | labels(self.weight, texts, kernel_at=self.kernel_at)

    def conv_frames(self) -> list[Frame]:
        """One frame for each output of the left side; the right side moves only where the stride lets it."""
        frames, done, computed = [], {}, 0
        (k_h, k_w), (p_h, p_w), (s_h, s_w) = self.weight.shape, self.pad, self.stride
        for step, ((a, b), value) in enumerate(cells(self.full), 1):
            colour = str(a % s_h * s_w + b % s_w)
            first, last = (a - p_h, b - p_w), (a - p_h + k_h - 1, b - p_w + k_w - 1)
            taps = [(c, d) for c in range(first[0], last[0] + 1) for d in range(first[1], last[1] + 1)]
            keeps = a % s_h == 0 and b % s_w == 0
            done[f"d{a}_{b}"] = Mark(self.left_at[0] + CELL * b, self.below + CELL * a, number(value), colour)
            size = tuple(self.x.shape)
            windows = {"f": window(first, last, size, self.pad, at=(0, TOP), colour=colour)}
            lit = [f"w{u}_{v}" for (u, v), _ in cells(self.weight)] + [f"x{c}_{d}" for c, d in taps] + [f"d{a}_{b}"]
            if keeps:
                i, j = a // s_h, b // s_w
                computed += 1
                place = (self.right_at[0] + CELL * j, self.below + CELL * i)
                done[f"s{i}_{j}"] = Mark(*place, number(self.strided[i, j].item()), "0")
                windows["g"] = window(first, last, size, self.pad, at=(self.right, TOP), colour="0")
                lit += [f"z{c}_{d}" for c, d in taps] + [f"s{i}_{j}"]
            rows, columns = size
            inside = [self.x[c, d].item() if 0 <= c < rows and 0 <= d < columns else 0.0 for c, d in taps]
            note = f"row {a}, column {b}: {products(self.x.new_tensor(inside).reshape(k_h, k_w), self.weight)}"
            says = "Both sides compute it." if keeps else "The strided convolution skips it: R would drop it."
            marks = self.stage(padding=True, steps=step, computed=computed) | done | windows
            caption = f"Conv, output {step} of {self.full.numel()}. {says}"
            frames.append(Frame(marks, caption, "conv", tuple(lit), ((colour, note),), 700 if keeps else 350))
        return frames

    def stepper(self) -> Stepper:
        s_h, s_w = self.stride
        start = Frame(
            self.stage(padding=False, steps=0, computed=0),
            f"The same map x of {' × '.join(map(str, self.x.shape))} twice. Left: every output, then R. Right: stride "
            f"{s_w if s_h in (1, s_w) else f'{s_h} × {s_w}'}. Above: their multiply-accumulates (MACs).",
            "map",
        )
        conv = self.conv_frames()
        stage = {key: mark for key, mark in conv[-1].marks.items() if mark.kind != "window"}
        outputs = {(a, b): stage[f"d{a}_{b}"] for (a, b), _ in cells(self.full)}
        dropped = {
            f"d{a}_{b}": replace(mark, y=mark.y + 40, look="hidden")
            for (a, b), mark in outputs.items()
            if a % s_h or b % s_w
        }
        together = {
            f"d{i * s_h}_{j * s_w}": Mark(self.left_at[0] + CELL * j, self.below + CELL * i, number(value), "0")
            for (i, j), value in cells(self.kept)
        }
        difference = self.kept - self.strided
        zeros = {
            f"e{i}_{j}": Mark(self.right_at[0] + CELL * j, TOP + edge(0, 1, self.pad[0]) + CELL * i, number(value))
            for (i, j), value in cells(difference)
        }
        gone = {key: replace(mark, look="hidden") for key, mark in stage.items() if key.startswith("z")}
        title = {"label-z": replace(stage["label-z"], text="difference: left − right")}
        largest, all_outputs, some = difference.abs().max().item(), self.full.numel(), self.kept.numel()
        verdict = "reduce(conv(x)) = strided(x), exact." if largest == 0 else "The two sides differ."
        taps = self.weight.numel()
        end = [
            Frame(stage | dropped, f"Reduce: {all_outputs - some} of {all_outputs} outputs drop away.", "reduce"),
            Frame(
                stage | dropped | together,
                f"Phase 0 is left: {some} outputs. They close up into a small map.",
                "reduce",
            ),
            Frame(
                stage | dropped | together | gone | zeros | title,
                f"Difference: {some} numbers, the largest is {number(largest)}. {verdict} The price differs: "
                f"{all_outputs * taps} multiply-accumulates against {some * taps}.",
                "difference",
                tuple(zeros),
            ),
        ]
        return Stepper(
            [start, *conv, *end],
            size=self.size,
            alt=f"Left, a convolution computes {all_outputs} outputs and R keeps {some} of them; right, the strided "
            f"convolution computes only those {some}.",
            palette=phase_swatches(self.stride),
            links={f"d{a}_{b}": (1 + n, "") for n, ((a, b), _) in enumerate(cells(self.full))},
            poster=len(conv),
        )
