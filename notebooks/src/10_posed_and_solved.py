# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 10 · Joint upsampling, posed and solved
#
# A strided network has computed one phase of sixteen, and computed it exactly. You want the other fifteen without
# paying for them. So you do what walkthrough 07 did: you look for a cheap function $h$ that gives the right answer
# *where it is known*, and apply it where it is not.
#
# You are generous. You let $h$ look at everything there is: the guide $y_m$ and the strided result $y_s$ itself.
# The fit is perfect, the residual is zero to the last digit. You apply it to the other fifteen phases.
#
# Before you read on: how good is it there, and what has it learned?
#
# **The claim.** Joint upsampling is a least-squares problem. For one linear layer it has a closed form, which finds the
# kernel and gives back $y_d$, exactly. With ReLU and depth it is an approximation, and its error can be drawn, phase by
# phase. The JPU does not solve this problem. It has the shape of its solution, and is **learned** on another one.
#
# **You will be able to** say of equations 1 to 4 what is minimised, over what, on which data, and to what the
# result is applied; solve them; tell which $h$ is worth its price; and label every arrow of FastFCN *exact*,
# *approximate* or *learned*.
#
# **Time:** 55 minutes. **You need:** [03](03_split_conv_merge.ipynb) (split, merge),
# [07](07_joint_upsampling.ipynb) (joint upsampling in one sentence) and [08](08_two_networks.ipynb) (the square of
# sixteen errors).
#
# **Reads:** FastFCN (Wu et al., [arXiv 1903.11816](https://arxiv.org/abs/1903.11816)), sections 3.3 and 3.4 ·
# [`jpu_edu/ops/solve.py`](../jpu_edu/ops/solve.py) ·
# [`jpu_edu/models/phase_error.py`](../jpu_edu/models/phase_error.py) ·
# [`jpu_edu/necks/jpu.py`](../jpu_edu/necks/jpu.py)

# %%
from itertools import product
from typing import NamedTuple

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jpu_edu.backbones.dilate import dilate
from jpu_edu.backbones.resnet import resnet50, resnet101
from jpu_edu.cost.ledger import total
from jpu_edu.cost.macs import layer_costs
from jpu_edu.data.photos import photo
from jpu_edu.draw import grids, style
from jpu_edu.draw.phase_bars import draw_phase_bars, draw_phase_map
from jpu_edu.draw.show import show
from jpu_edu.layers.features import Features
from jpu_edu.models.phase_error import phase_error
from jpu_edu.necks.encoder_decoder import EncoderDecoder
from jpu_edu.necks.fpn import FPN
from jpu_edu.necks.jpu import JPU
from jpu_edu.ops.chains import Layer, dilated_chain, guide, strided_chain
from jpu_edu.ops.compare import compare, table
from jpu_edu.ops.interp import nearest, phase_aligned, resize
from jpu_edu.ops.phases import merge, reduce, split, split_to_batch
from jpu_edu.ops.solve import fit_h
from jpu_edu.widgets.predict import Prediction, tally
from jpu_edu.widgets.quiz import Question, quiz
from jpu_edu.widgets.sixteen import Choice, sixteen_phases

style.use()
torch.set_grad_enabled(False)
torch.set_num_threads(1)  # the maps are small: threads would mostly wait for one another
torch.set_default_dtype(torch.float64)
generator = torch.Generator().manual_seed(10)

# %% [markdown]
# ## Before you start
#
# Three questions about earlier walkthroughs. From memory.

# %% tags=["hide-input"]
quiz(
    [
        Question(
            "From 08: y_s is copied to all 16 phases of y_d. Which of them are right?",
            [
                "phase (0, 0) alone",
                "all 16, roughly",
                "none: strided features are other features",
            ],
            answer="A",
            why=[
                "There y_s is y_d, to the last bit where nothing rounds. Three pixels away the copy is worse than a constant.",
                "Off by 0.8 to 1.1 standard deviations in the other fifteen.",
                "With the same weights they are the same features, at every fourth place.",
            ],
        ),
        Question(
            "From 07: what does a fast guided filter compute at low resolution, and what does it apply at high resolution?",
            [
                "It upsamples the target, and sharpens it with the guide",
                "It fits slopes and offsets on the small pair, and applies them to the large guide",
                "It shrinks the guide, and upsamples the product",
            ],
            answer="B",
            why=[
                "The target itself is never interpolated.",
                "Fit low, apply high. That is joint upsampling in four words.",
                "The small guide serves the fit alone.",
            ],
        ),
        Question(
            "From 09: a 3 x 3 kernel at a rate larger than the map. Which taps still read something other than zeros?",
            ["all nine", "the four corners", "the centre tap"],
            answer="C",
            why=[
                "Eight of them reach beyond the border, whatever the place.",
                "They are the first to leave the map.",
                "The other eight read padding everywhere: what is left is a 1 x 1 convolution.",
            ],
        ),
    ]
)

# %% [markdown]
# ## 1. Four equations, nine numbers
#
# The paper poses the problem in four equations. Here they are, one cell each, on the nine numbers of 08: a first layer
# with the kernel 1, 2, 1, then $n = 1$ more with the kernel 1, 1, −1, at rate 2. A row of numbers has two phases.


# %%
def conv(x, kernel, stride=1, rate=1):
    """A 1-D convolution with the zeros that keep the size."""
    kernel = torch.tensor(kernel, dtype=x.dtype)[None, None]
    return F.conv1d(x[None, None], kernel, stride=stride, dilation=rate, padding=rate)[0, 0]


def S(y):
    return y[0::2], y[1::2]


def M(even, odd):
    return merge([even[None], odd[None]], rate=(1, 2))[0]


x = torch.tensor([3.0, 1, 4, 1, 5, 9, 2, 6, 5])
first, second = (1, 2, 1), (1, 1, -1)

# %% [markdown]
# **Equation 1: joint upsampling.** $\quad y_h = \hat f(x_h), \quad \hat f = \arg\min_{h \in H} \lVert y_l - h(x_l) \rVert$
#
# You know it from 07. There is a guide at both resolutions, a target at the low one, and a set $H$ of functions that
# are allowed. Let $H$ be the 125 kernels of three taps that one can make of −2, −1, 0, 1, 2. Then $\arg\min$ is
# a word for *try them all*.

# %%
H = list(product((-2, -1, 0, 1, 2), repeat=3))


def argmin(H, guide, target):
    return min(H, key=lambda h: (target - conv(guide, h)).norm())


x_l, x_h = S(x)[0], x
y_l = conv(x_l, (0, 2, -1))  # somebody's f, which we are not told
f_hat = argmin(H, x_l, y_l)
print("f_hat:", f_hat, " residual:", (y_l - conv(x_l, f_hat)).norm().item())
print("y_h:  ", conv(x_h, f_hat).int().tolist())

# %% [markdown]
# **Equation 2: the dilated path.** $\quad y_d = x \to C_r \to C_d \to \dots \to C_d = y_m \to S \to C_r^n \to M$
#
# Nothing is minimised here. It says what we would like to have: compute $y_m$, split it, run the $n$ other layers on
# **every** phase, merge. (That $C_d$ is this, and that the inner $M$ and $S$ cancel, is walkthrough 03.)

# %%
y_m = conv(x, first)
y_d = M(*(conv(phase, second) for phase in S(y_m)))
print("y_m:", y_m.int().tolist())
print("its phases:", *(phase.int().tolist() for phase in S(y_m)))
print("y_d:", y_d.int().tolist())
print("the dilated convolution:", conv(y_m, second, rate=2).int().tolist())

# %% [markdown]
# **Equation 3: the strided path.** $\quad y_s = x \to C_s \to C_r \to \dots \to C_r = y_m \to R \to C_r^n = y_m^0 \to C_r^n$
#
# Nothing is minimised here either. It says what we have: the same layers on **one** phase.

# %%
y_m0 = S(y_m)[0]
y_s = conv(y_m0, second)
print("y_s:", y_s.int().tolist())
print("with a stride:", conv(conv(x, first, stride=2), second).int().tolist())

# %% [markdown]
# **Equation 4: joint upsampling again, in other letters.**
#
# $$y = \{y_m^0, y_m^1\} \to \hat h \to M$$
#
# $$\hat h = \arg\min_{h \in H} \lVert y_s - h(y_m^0) \rVert$$
#
# Lay it beside equation 1. The guide $x_l$ is $y_m^0$. The target $y_l$ is $y_s$. And the large guide, to which the result
# is applied, is all of $y_m$: here the phases $y_m^0$ and $y_m^1$.
#
# $\hat h$ will be found on phase 0 alone. Then it is applied to phase 1, of which it has not seen a number.

# %% tags=["hide-input"]
right = Prediction(
    "Phase 1 of y_d has four numbers. How many of them does h_hat give, exactly?",
    number=True,
    name="10-phase-1",
)
right

# %%
h_hat = argmin(H, y_m0, y_s)
y = M(*(conv(phase, h_hat) for phase in S(y_m)))
plain = phase_aligned(y_s[None, None, None], rate=(1, 2), size=(1, 9))[0, 0, 0]
print("h_hat:           ", h_hat)
print("y:               ", y.int().tolist())
print("y_d:             ", y_d.int().tolist())
print("y_s interpolated:", plain.int().tolist())
print(table([compare("nine numbers: y = y_d", y, y_d, tolerance=0)]))

# %% tags=["hide-input"]
right.reveal(
    4,
    because={
        0: "the kernel is the same for both phases. It does not know which one it works on.",
        1: "that is what interpolation gets right, by luck: the 17.",
        2: "all or none: the kernel is right or it is not.",
    },
    explain="h_hat is the second layer itself, found from phase 0. What is right for one phase is right for all.",
)

# %% tags=["hide-input"]
cell, left = 44.0, 262.0
figure, axes = style.canvas(900.0, 356.0)


def strip(x, top, name, look, pitch=1, shift=0):
    grids.draw_signal(
        axes, x, at=(left + shift * cell, top), cell=cell, pitch=pitch, **look
    )
    style.write(axes, left - 22, top + cell / 2, name, align="right")


strip(y_m, 24.0, "the guide, $y_m$", {"rate": 2})
strip(y_m0, 92.0, "its phase 0, $y_m^0$", {"rate": 2, "phase": 0}, pitch=2)
strip(
    y_s, 160.0, "the target, $y_s$", {"rate": 2, "phase": 0, "colour": style.Y_S}, pitch=2
)
strip(y, 228.0, r"$y = y_m \to S \to \hat{h} \to M$", {"hatch": style.Y_HATCH})
strip(y_d, 288.0, "$y_d$, never shown to $\\hat{h}$", {"rate": 2, "colour": style.Y_D})
for words, top in (
    (r"$\hat{h}$ is fitted", 148.0),
    (r"$\hat{h}$ is applied", 250.0),
    ("equal", 310.0),
):
    style.write(axes, left + 9 * cell + 24, top, words, align="left", size=12)
show(
    figure,
    alt="Five strips. The nine numbers of y_m; below it every second of them, y_m0, and under each the number of y_s to "
    "which h_hat is fitted; then y, which h_hat makes of both phases, and y_d. The last two are equal in all nine cells.",
)

# %% [markdown]
# That is the whole construction. Read it once more as a table; it answers a question that was asked when the paper was
# young ([wuhuikai/FastFCN#6](https://github.com/wuhuikai/FastFCN/issues/6)).
#
# | | equation 1 | equation 4 |
# |---|---|---|
# | minimised | $\lVert y_l - h(x_l) \rVert$ | $\lVert y_s - h(y_m^0) \rVert$ |
# | over | all $h$ in $H$ | all $h$ in $H$: the numbers in $h$, not those in the network |
# | on which data | the small pair | $y_m^0$ and $y_s$, which the strided network has at hand |
# | applied to | $x_h$ | **every** phase of $y_m$, then merged |
# | never used | $f(x_h)$ | $y_d$ |
#
# *What is "the rest of $y_m$"?* The other phases: $y_m^1$ here, three more at rate 2 in two dimensions, fifteen more at rate 4.
# They exist; the first layer made them, before the stride threw them away.
#
# *Is $f$ known?* Yes, to the last weight. It is $C_r^n$, the layers that stand in the strided network. If they are in $H$,
# the minimum is 0, and $\hat h$ **is** $C_r^n$, as just now. But to run *that* on all phases is to run the dilated network.
# So the question is not what $f$ is. It is what does nearly the same **for less**. All of joint upsampling is in the
# choice of $H$.
#
# ## 2. Least squares
#
# Real kernels are not made of five integers, and one cannot try them all. One need not. $h$ is three unknown numbers, and
# every number of $y_s$ is one equation for them:

# %%
rows = F.pad(y_m0, (1, 1)).unfold(0, 3, 1)
for row, want in zip(rows.int().tolist(), y_s.int().tolist(), strict=True):
    print("  +  ".join(f"{value:2} h{k}" for k, value in enumerate(row)), " = ", want)

# %% [markdown]
# Five equations. Somebody gives you only the first few.

# %% tags=["hide-input"]
enough = Prediction(
    "How many of the five equations are needed before h is found?",
    number=True,
    name="10-enough",
)
enough

# %%
print("equations    h                  residual   error on phase 1")
for count in range(1, 6):
    h = torch.linalg.pinv(rows[:count]) @ y_s[:count]  # the shortest h among the best ones
    residual = (rows[:count] @ h - y_s[:count]).abs().max().item()
    guess = F.pad(S(y_m)[1], (1, 1)).unfold(0, 3, 1) @ h
    error = (guess - S(y_d)[1]).abs().max().item()
    shown = "  ".join(f"{value + 0.0:5.2f}" for value in h.round(decimals=2).tolist())
    print(
        f"{count:5}     {shown}      {round(residual, 9) + 0.0:g} {round(error, 2) + 0.0:14g}"
    )

# %% tags=["hide-input"]
enough.reveal(
    3,
    because={
        5: "the last two only confirm it. They would matter if the numbers were noisy, or h were not the truth.",
        2: "two equations leave a line of solutions, each with residual 0 on phase 0. Phase 1 tells them apart.",
        1: "one equation, three unknowns.",
    },
    explain="Three unknowns, three independent equations. Below three the residual is 0 as well, and worth nothing.",
)

# %% [markdown]
# Look at the residual: 0 in every line. With too few equations some $h$ always fits, and which one you get says nothing about phase 1.
# **A small residual on phase 0 is no evidence** unless there are more samples than unknowns.
#
# Now the cat: 151 × 227 pixels, a first layer with 8 maps and a ReLU, then one linear 3 × 3 layer, $n = 1$, and rate 4:
# sixteen phases. (The folded cell draws the weights, cuts the photograph, and computes $y_m$, $y_s$ and $y_d$ as in 03.)


# %% tags=["hide-input"]
RATE = 4


class Maps(NamedTuple):
    y_m: Tensor
    y_s: Tensor
    y_d: Tensor


def relu(y, x):
    return y.relu()


def keep(y, x):
    return y


def shortcut(y, x):
    return (x + y).relu()  # as in a ResNet


def layers_of(n, then):
    """The layer that makes y_m, and n more: 3 x 3, drawn at random, always the same."""
    draw = torch.Generator().manual_seed(3)  # the first for which no map of y_m is mostly 0
    weights = [
        torch.randn(8, c, 3, 3, generator=draw) / (4.5 * c) ** 0.5 for c in (3, *[8] * n)
    ]
    return [
        Layer(weights[0], then=relu),
        *(Layer(weight, then=then) for weight in weights[1:]),
    ]


def picture(name, size):
    """A photograph, cut to 3 : 2 and shrunk."""
    whole = photo(name, dtype=torch.float64)
    height = min(whole.shape[-2], whole.shape[-1] * 2 // 3)
    return (
        resize(whole[..., :height, : height * 3 // 2], size=size, mode="area") - 0.45
    ) / 0.25


def maps_of(x, layers):
    """y_m, y_s, y_d of one set of layers."""
    paths = (path(x, layers, rate=RATE) for path in (strided_chain, dilated_chain))
    return Maps(guide(x, layers), *paths)


# %% [markdown]
# $h$ has 8 · 9 = 72 unknown numbers for each map of $y_s$. Every pixel of $y_s$ gives an equation, with the
# 72 pixels under the kernel in its row.


# %%
def least_squares(y_m0, y_s):
    rows = F.unfold(y_m0, 3, padding=1)[0].T  # a pixel of y_s in each row, 72 unknowns
    h = torch.linalg.lstsq(rows, y_s[0].flatten(1).T).solution
    return h.T.reshape(y_s.shape[1], y_m0.shape[1], 3, 3)


linear = layers_of(1, then=keep)
cat = maps_of(picture("chelsea", (151, 227)), linear)
y_m0 = reduce(cat.y_m, rate=RATE)
print("y_m", tuple(cat.y_m.shape), " y_m0", tuple(y_m0.shape), " y_s", tuple(cat.y_s.shape))
weight = least_squares(y_m0, cat.y_s)

# %% [markdown]
# The library's `fit_h` does the same. And is it the kernel? Does it make $y_d$, of the cat and of a picture that it has not seen?

# %%
fit = fit_h(y_m0, cat.y_s)
print(f"{fit.samples} equations, {fit.unknowns} unknowns, rank {fit.rank}")

astronaut = maps_of(picture("astronaut", (151, 227)), linear)
rows_linear = [
    compare("the cell = the library's fit_h", weight, fit.weight),
    compare("h_hat = the kernel of the layer", fit.weight, linear[1].weight),
    compare("y = y_d, all 16 phases", fit.on_guide(cat.y_m, rate=RATE), cat.y_d),
]
other = fit.on_guide(astronaut.y_m, rate=RATE)
rows_linear.append(
    compare("fitted to the cat, y = y_d of the astronaut", other, astronaut.y_d)
)
print(table(rows_linear))

# %% [markdown]
# **Exact.** 2 166 equations for 72 unknowns, all of them true, and the kernel comes back to rounding. It was found on one
# phase of a cat, and it makes all sixteen phases of an astronaut.
#
# So much for a problem whose answer is in $H$. Put a ReLU behind the layer, nothing else, and it is not in $H$ any more: no
# kernel of 72 numbers is a convolution followed by a ReLU. There will be a residual, and least squares will spread
# it as it can.
#
# With the ReLU, give the solver exactly 72 equations: as many as there are unknowns. The residual on those
# 72 pixels is 0. (The unit of error is the deviation of $y_d$, as in 08: a constant is wrong by 1.)

# %% tags=["hide-input"]
threshold = Prediction(
    "72 equations, 72 unknowns, residual 0, and a ReLU behind the layer. The error of y over all phases is ...",
    options=[
        "about as small as with all 2 166 equations",
        "about that of interpolating y_s",
        "far worse than a constant",
        "0, since the residual is 0",
    ],
    name="10-threshold",
)
threshold

# %% tags=["hide-input"]
counts = (9, 18, 36, 54, 63, 68, 71, 72, 73, 76, 84, 96, 120, 180, 360, 720, 2166)
curves, interpolated = {}, {}
for name, layers in (("linear", linear), ("with ReLU", layers_of(1, then=relu))):
    cat = maps_of(picture("chelsea", (151, 227)), layers)
    low = F.unfold(reduce(cat.y_m, rate=RATE), 3, padding=1)[0].T
    high = F.unfold(cat.y_m, 3, dilation=RATE, padding=RATE)[0].T[::7]  # all phases
    target, truth = cat.y_s[0].flatten(1).T, cat.y_d[0].flatten(1).T[::7]
    scale = (truth - truth.mean(0)).square().mean().sqrt()
    curves[name] = []
    for count in counts:
        tries = []
        draws = 1 if count == len(low) else 9  # draws of pixels; the middle one counts
        for _ in range(draws):
            some = torch.randperm(len(low), generator=generator)[:count]
            h = torch.linalg.pinv(low[some]) @ target[some]
            tries.append(((high @ h - truth).square().mean().sqrt() / scale).item())
        curves[name].append(sorted(tries)[draws // 2])
    plain = phase_aligned(cat.y_s, rate=RATE, size=(151, 227))
    interpolated[name] = phase_error("", plain, cat.y_d, rate=RATE).overall

# %%
for name, curve in curves.items():
    last = "below 1e-12" if curve[-1] < 1e-12 else f"{curve[-1]:.2f}"
    print(f"{name}: y_s interpolated {interpolated[name]:.2f}; h from all equations {last}")
at_72 = curves["with ReLU"][counts.index(72)]
shown = "above 1" if at_72 > 1 else f"{at_72:.2f}"
print(f"with ReLU, 72 equations: {shown} (a constant: 1)")

# %% tags=["hide-input"]
threshold.reveal(
    "C",
    because={
        "A": "those have 30 equations for each unknown. Errors average out; here each one is copied into h.",
        "B": "interpolation cannot be far off. A kernel that was bent to fit 72 pixels can.",
        "D": "on these 72 pixels. On the others it is what it is.",
    },
    explain="To make 72 errors vanish that no kernel explains, h takes huge values of both signs.",
)

# %% tags=["hide-input"]
figure, axes = plt.subplots(figsize=(9.375, 3.5), layout="constrained")
for (name, curve), mark, line in zip(curves.items(), "os", ("-", "--"), strict=True):
    axes.plot(
        counts,
        [max(value, 1e-14) for value in curve],
        line,
        marker=mark,
        ms=5,
        color=style.ink(),
    )
    place = {"linear": (92, 3e-13), "with ReLU": (92, 4.0)}[name]
    axes.text(
        *place,
        {
            "linear": "one linear layer: exact from 72 on",
            "with ReLU": "the same layer with a ReLU",
        }[name],
        fontsize=11,
    )
axes.axvline(72, color=style.soft(), lw=1, ls=(0, (4, 2.5)), zorder=0)
axes.text(70, 1e-7, "72 unknowns ", ha="right", fontsize=10, color=style.soft())
axes.set(
    xscale="log",
    yscale="log",
    ylim=(1e-15, 1e3),
    xlabel="equations: pixels of $y_s$ that the solver was given",
)
axes.set_title("error of y over all 16 phases", fontsize=11)
axes.set_xticks(
    [9, 18, 36, 72, 180, 720, 2166], ["9", "18", "36", "72", "180", "720", "2166"]
)
axes.minorticks_off()
show(
    figure,
    alt="Error of y against the number of equations, both on logarithmic scales. For a linear layer it falls from about 1 to rounding, "
    "vertically, at 72. With a ReLU it climbs to a sharp peak at 72 and falls again.",
)

# %% [markdown]
# The cliff and the peak stand at the same number, 72, and have one cause: from there on the data determine $h$. Where
# the truth is in $H$, that is salvation. Where it is not, the solver at 72 has *just* enough freedom to copy the ReLU's
# mistakes into $h$. What you want is many more equations than unknowns, or a small penalty on the size of $h$ (`fit_h(..., ridge=...)`).
# The library refuses to solve with too few:

# %%
try:
    fit_h(y_m0[..., :8, :8], cat.y_s[..., :8, :8])
except ValueError as refused:
    print(refused)

# %% [markdown]
# ## 3. ReLU and depth: the shape of the error
#
# From here on photographs are 76 × 112, and so is $y_m$; at rate 4 there are 19 × 28 = 532 samples, 7 for each unknown.
# There are $n$ = 1, 2 or 4 layers, each with a shortcut and a ReLU, as in a ResNet; their weights are drawn, not
# trained. $h$ is one 3 × 3 convolution with a constant, fitted to the cat's own
# $(y_m^0, y_s)$, as equation 4 says. Against it stand the three ways to resize that you know from 06: nearest, bilinear as FastFCN does it
# (`align_corners=True`), and phase-aligned, which puts sample $k$ at pixel $4k$.
#
# The sixteen errors of interpolation are those of 08: 0 at (0, 0), and growing with the distance from it.

# %% tags=["hide-input"]
shape = Prediction(
    "And the sixteen errors of the best linear h?",
    options=[
        "the same valley, not as deep: smallest at (0, 0), where h was fitted",
        "0 at (0, 0), and about equal elsewhere",
        "about equal in all sixteen phases",
        "smallest far from (0, 0)",
    ],
    name="10-shape",
)
shape

# %%
SIZE = (76, 112)
depths = {"n = 1, linear": layers_of(1, then=keep)}
depths |= {f"n = {n}": layers_of(n, then=shortcut) for n in (1, 2, 4)}
here = {
    depth: maps_of(picture("chelsea", SIZE), layers) for depth, layers in depths.items()
}


def plain_ways(m):
    return {
        "nearest": nearest(m.y_s, size=SIZE),
        "bilinear": resize(m.y_s, size=SIZE, align_corners=True),
        "phase-aligned": phase_aligned(m.y_s, rate=RATE, size=SIZE),
    }


# %%
errors = {}
print("error of y:       all   (0, 0)   smallest and largest of the other 15")
for depth, m in here.items():
    h = fit_h(reduce(m.y_m, rate=RATE), m.y_s, bias=True)
    ways = plain_ways(m) | {"one 3 x 3": h.on_guide(m.y_m, rate=RATE)}
    print(depth)
    for name, y in ways.items():
        e = errors[depth, name] = phase_error(name, y, m.y_d, rate=RATE)
        rest = e.phases[1:]
        line = f"  {name:14} {e.overall:5.2f} {e.phases[0]:8.2f}"
        print(f"{line} {min(rest):10.2f} {max(rest):6.2f}")

# %% tags=["hide-input"]
shape.reveal(
    "C",
    because={
        "A": "a little lower at (0, 0), 0.29 against 0.32 and more: seven samples for each unknown leave h some room. But there is no valley around it.",
        "B": "that would take an h that knows where it is, or that sees y_s.",
        "D": "it has no idea of a distance from (0, 0).",
    },
    explain="h does not know which phase it is given. The statistics of all sixteen are the same, and so, nearly, are the errors.",
)

# %% tags=["hide-input"]
figure, panels = plt.subplots(
    2, 2, figsize=(9.375, 4.6), layout="constrained", width_ratios=(2.6, 1)
)
for (bars, square), name in zip(panels, ("phase-aligned", "one 3 x 3"), strict=True):
    e = errors["n = 2", name]
    draw_phase_bars(bars, e.phases, top=1.0)
    draw_phase_map(square, e.phases, top=1.0)
    title = {
        "phase-aligned": "$y_s$ interpolated, phase-aligned",
        "one 3 x 3": "$y_m$ through the best linear $h$",
    }
    bars.set_title(f"{title[name]}: {e.overall:.2f}", fontsize=12)
show(
    figure,
    alt="The errors of the 16 phases as bars and as a map, n = 2. Interpolation: 0 in phase (0, 0), and higher the further from it. "
    "The linear h: sixteen bars of nearly one height, phase (0, 0) among them.",
)

# %% [markdown]
# Two errors of different shape. Interpolation knows *where* $y_s$ stands and nothing of what lies between. $\hat h$ knows
# what lies between, from $y_m$, and has no idea where $y_s$ stands: it does not even give back $y_s$ in phase (0, 0).
# (It is a little better there, 0.29 against 0.32 and more: seven samples for each unknown leave $h$ some room to fit itself to the
# pixels that it was shown. But there is no valley around it.)
# One must choose. Up to $n = 2$ the best linear $h$ is ahead over all phases, 0.34 against 0.38; at $n = 4$ it is behind,
# 0.58 against 0.43: nine taps cannot follow four layers. (`bilinear` with `align_corners=True` is
# off by 0.46 to 0.50 even in phase (0, 0): at 76 × 112 it does not put $y_s$ where it belongs. That was walkthrough 06.)
#
# ## 4. More to look at
#
# Should one not give $h$ both? Now to the opening of this walkthrough. Put $y_s$ beside $y_m$ (brought to its size
# phase-aligned, so that every phase has something to look at), and fit the linear $h$ again, on phase (0, 0), as equation 4 says.

# %% tags=["hide-input"]
both = Prediction(
    "n = 2. h may see y_m and y_s, and is fitted on phase (0, 0). Its error over all phases, compared with seeing y_m alone?",
    options=[
        "smaller: it has more to go by",
        "the same: y_s adds nothing to y_m",
        "larger: that of interpolating y_s",
        "0",
    ],
    name="10-both",
)
both


# %%
def given(m, sees):
    """What h is given, at the size of y_m."""
    up = phase_aligned(m.y_s, rate=RATE, size=tuple(m.y_m.shape[-2:]))
    return {"y_m": m.y_m, "y_s": up, "both": torch.cat([up, m.y_m], 1)}[sees]


m = here["n = 2"]
z = given(m, "both")
h = fit_h(reduce(z, rate=RATE), m.y_s, bias=True)
print(f"residual on phase (0, 0): {'below 1e-12' if h.residual < 1e-12 else h.residual}")
wanted = torch.zeros(8, 16, 3, 3)
wanted[:, :8, 1, 1] = torch.eye(8)
y, plain = h.on_guide(z, rate=RATE), plain_ways(m)["phase-aligned"]
rows_copy = [
    compare("h that sees both = 'copy y_s'", h.weight, wanted, tolerance=1e-10),
    compare("so y = y_s interpolated", y, plain, tolerance=1e-10),
]
print(table(rows_copy))

# %% tags=["hide-input"]
both.reveal(
    "C",
    because={
        "A": "it goes by the easiest thing, and on phase (0, 0) the easiest thing is perfect.",
        "B": "it adds the answer. That is the trouble.",
        "D": "0 on phase (0, 0). The rest is what a copy is worth.",
    },
    explain="On phase (0, 0) y_s is its own answer. h learns to copy it, and never looks at y_m.",
)

# %% [markdown]
# 0.38 in place of 0.34, and the guide might as well not be there. (At $n = 4$ the same $h$ does *better* than from $y_m$ alone, 0.43
# in place of 0.58. It has learned nothing there either: 0.43 is what interpolation gives.) Not a bug, and not
# overfitting: there are 532 samples for 145 unknowns. It is the one minimum of what was asked for.
# **Equation 4 must not show $y_s$ to $h$.** But the JPU sees both, conv5 upsampled and conv3, side by side. How does it get
# away with it? Nobody fits it to $y_s$. What would one fit it to?
#
# ## 5. A network for h
#
# To learn what to make of $y_s$ *between* its samples one needs a target between its samples. Somebody has to compute
# $y_d$, on some photographs, once. That is not equation 4 any more, and not free; but they need not be the photographs that
# one works on later. Ours are twelve views of three (`astronaut`, `coffee`, `rocket`: whole, mirrored, two details). The test is the cat, of
# which no $y_d$ is ever shown.
#
# And $H$ may grow. **Two layers**: the best linear $h$, and added to it a correction 3 × 3, ReLU, 3 × 3, which starts at
# zero; on every phase by itself. **JPU-like**: no phases; four separable convolutions side by side, at rates 1, 2, 4, 8, on the
# full map, and a 1 × 1 that joins them: $\hat h$ and $M$ at once.


# %%
class JPULike(nn.Module):
    """h and M at once: separable branches at rates 1, 2, 4, 8, joined by a 1 x 1."""

    def __init__(self, channels):
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(channels, channels, 3, padding=r, dilation=r, groups=channels),
                nn.Conv2d(channels, 8, 1),
            )
            for r in (1, 2, 4, 8)
        )
        self.join = nn.Conv2d(32, 8, 1)

    def forward(self, z):
        return self.join(torch.cat([branch(z) for branch in self.branches], 1).relu())


# %% [markdown]
# Three kinds of $h$ then: one 3 × 3, two layers, JPU-like. Each may see $y_m$, $y_s$ or both, and is fitted to the cat's own $y_s$, or to
# $y_d$ elsewhere, on the twelve views. That makes 18 fits at each depth. How they are done is folded; you can go on without
# reading it. The three short cells behind it take a while each.


# %% tags=["hide-input"]
class TwoLayers(nn.Module):
    """h: the best linear one, and what a 3 x 3, a ReLU and a 3 x 3 can add to it."""

    def __init__(self, best):
        super().__init__()
        channels = best.weight.shape[1]
        self.linear, self.first = (nn.Conv2d(channels, 8, 3, padding=1) for _ in range(2))
        self.second = nn.Conv2d(8, 8, 3, padding=1)
        start = (best.weight, best.bias, 0 * self.second.weight, 0 * self.second.bias)
        for p, value in zip(
            [*self.linear.parameters(), *self.second.parameters()], start, strict=True
        ):
            p.copy_(value)

    def forward(self, phase):
        return self.linear(phase) + self.second(self.first(phase).relu())


def fit(net, z, target, view=lambda y: y, rate=0.04, batch=3, steps=200):
    """AdamW on a few maps at a time, with a rate that falls to 0; view says what the target is compared with."""
    # float32: twice as fast, and precise enough
    net, z, target = net.float(), z.float(), target.float()
    optimiser = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    draw = torch.Generator().manual_seed(10)
    with torch.enable_grad():
        for _ in range(steps):
            some = torch.randperm(len(z), generator=draw)[:batch]
            optimiser.zero_grad()
            (view(net(z[some])) - target[some]).square().mean().backward()
            optimiser.step()
            schedule.step()
    return net.double()


# %% tags=["hide-input"]
def views(name):
    """A photograph whole and mirrored, and two details of it."""
    whole = picture(name, (144, 216))
    parts = whole, whole.flip(-1), whole[..., :96, :144], whole[..., 48:, 72:]
    return torch.cat([resize(part, size=(48, 72), mode="area") for part in parts])


twelve = torch.cat([views(name) for name in ("astronaut", "coffee", "rocket")])
there = {depth: maps_of(twelve, layers) for depth, layers in depths.items()}


def in_phases(z):
    return split_to_batch(z, rate=RATE)  # 4 divides all sizes here


def phase_by_phase(h, z):
    return merge([h(phase) for phase in split(z, rate=RATE)], rate=RATE)


def learned(depth, method, sees, fitted):
    """y of the cat, with h fitted to the cat's own y_s or to y_d of the others."""
    cat, many, own = here[depth], there[depth], fitted == "y_s here"
    z, z_many = given(cat, sees), given(many, sees)
    torch.manual_seed(10)
    if method == "JPU-like":
        data = (z, cat.y_s, lambda y: reduce(y, rate=RATE)) if own else (z_many, many.y_d)
        jpu_likes[depth, sees, fitted] = fit(JPULike(z.shape[1]), *data)
        return jpu_likes[depth, sees, fitted](z)
    data = (
        (reduce(z, rate=RATE), cat.y_s) if own else (in_phases(z_many), in_phases(many.y_d))
    )
    best = fit_h(*data, bias=True, ridge=1e-9)
    if method == "one 3 x 3":
        return phase_by_phase(best, z)
    return phase_by_phase(fit(TwoLayers(best), *data, rate=0.003, batch=48), z)


kinds, seen = ("one 3 x 3", "two layers", "JPU-like"), ("y_m", "y_s", "both")
fits = list(product(kinds, seen, ("y_s here", "y_d elsewhere")))
shown = ("n = 1, linear", "n = 2", "n = 4")
made, jpu_likes = {}, {}


def make_all(depth):
    """Three ways without a fit, and three kinds of h, each with six pairs of what it sees and is fitted to."""
    made[depth] = {Choice(name): y[0] for name, y in plain_ways(here[depth]).items()}
    made[depth] |= {Choice(*one): learned(depth, *one)[0] for one in fits}
    print(f"{depth}: {len(fits)} fits, and {len(made[depth]) - len(fits)} ways without one")


# %%
make_all("n = 1, linear")

# %%
make_all("n = 2")

# %%
make_all("n = 4")

# %% [markdown]
# Every method, every choice of what $h$ sees, and both targets. Choose. A dotted ring shows what $h$ was fitted to; the thin
# ticks are phase-aligned interpolation; the two pictures are the cat's face in one of the eight maps.

# %% tags=["hide-input", "nbval-ignore-output"]
sixteen_phases(
    {depth: here[depth].y_d[0] for depth in shown},
    made,
    start=("n = 2", Choice("two layers", "y_m", "y_s here")),
    channel=7,
    window=(slice(12, 68), slice(40, 96)),
)

# %% tags=["nbval-ignore-output"]
total_error = {
    (depth, choice): phase_error("", y[None], here[depth].y_d, rate=RATE).overall
    for depth, ys in made.items()
    for choice, y in ys.items()
}
print(f"{'error over all 16 phases':40}" + "".join(f"{depth:>15}" for depth in shown))
for choice in made["n = 2"]:
    plain = choice.fitted == "nothing"
    name = choice.method + ("" if plain else f", sees {choice.sees}, {choice.fitted}")
    print(f"{name:40}" + "".join(f"{total_error[depth, choice]:15.2f}" for depth in shown))

# %% [markdown]
# (These are numbers of small networks that were trained just now. Another processor may change a last digit.)
# The table has 21 rows. Read it in four steps.
#
# 1. **What equation 4 gives.** Fitted to the cat's own $y_s$, from $y_m$ alone, two layers get to 0.25 at $n = 2$, where
#    interpolation is at 0.38. At $n = 4$ it is a draw, 0.42 against 0.43. Never exact. And no $y_d$ was needed.
# 2. **What $y_s$ does to it.** Every "sees both, y_s here" is interpolation again, 0.38 and 0.43, whatever the network; even
#    the JPU-like one comes out within 0.01 of it. (For $n = 1$, linear, it is 0.30: there copying *and* convolving
#    explain $y_s$, and least squares takes the shortest mixture of the two. The residual is 0 all the while.)
# 3. **What $y_d$ elsewhere buys.** Now, and only now, it pays to see both. The linear $h$ goes from 0.36 to 0.27 at $n = 2$ and from 0.64 to
#    0.39 at $n = 4$, two layers from 0.48 to 0.37 at $n = 4$. (At $n = 2$ they reach 0.26 either way.) But $h$ was
#    fitted to other photographs. For $y_m$ alone that costs: at $n = 4$ the linear $h$ goes from 0.58 to 0.64.
# 4. **The JPU-like $h$** sees both, is fitted to $y_d$ elsewhere, is ahead of interpolation at $n = 2$, 0.34 against 0.38, and level
#    with it at $n = 4$. The plain linear $h$ with the same data does better, 0.27 and 0.39.
#
# What is claimed, whatever the last digits:

# %%
aligned = {depth: total_error[depth, Choice("phase-aligned")] for depth in shown}


def of(depth, *choice):
    return total_error[depth, Choice(*choice)]


copies = [of(d, h, "both", "y_s here") / aligned[d] for d in shown[1:] for h in kinds]
two_layers = of("n = 2", "two layers", "y_m", "y_s here") / aligned["n = 2"]
like_jpu, one_layer = (
    of("n = 2", h, "both", "y_d elsewhere") / aligned["n = 2"]
    for h in ("JPU-like", "one 3 x 3")
)
six = "sees both, y_s here: within 5 % of interpolation, six times"
verdicts = {
    "n = 2, two layers, y_m, y_s here: at most 3/4 of interpolation": two_layers < 0.75,
    six: max(abs(copy - 1) for copy in copies) < 0.05,
    "n = 2, JPU-like, both, y_d elsewhere: ahead of interpolation": like_jpu < 1,
    "and behind the linear h with the same data": like_jpu > one_layer,
}
for claim, held in verdicts.items():
    print(f"{claim}: {held}")

# %% [markdown]
# The last one is a disappointment, and is told as it is. Why? Not because it fits the twelve views and fails on the cat:

# %% tags=["nbval-ignore-output"]
z, truth = given(there["n = 2"], "both"), there["n = 2"].y_d
best = fit_h(in_phases(z), in_phases(truth), bias=True, ridge=1e-9)
jpu_like = jpu_likes["n = 2", "both", "y_d elsewhere"]
for name, y in (("one 3 x 3", phase_by_phase(best, z)), ("JPU-like", jpu_like(z))):
    error = phase_error("", y, truth, rate=RATE).overall
    print(f"{name:10} on the twelve views that it was fitted to: {error:.2f}")

# %% [markdown]
# It is behind on those as well. Its $H$ is *another* one: a separable branch has one 3 × 3 for each of its 16 maps, where the linear $h$ has one for each of
# 16 · 8 pairs; and rates 1 and 2 look where our truth, 3 × 3 layers at rate 4, never looks. Our linear $h$ was given the truth's own shape, which
# nobody has for a real backbone with its 1 × 1 convolutions, its BatchNorms and two different rates. What these numbers do *not* say is how
# good a JPU is in a network. There it is asked for something else, and 11 trains one.
#
# ## 6. What it costs
#
# An $h$ must be cheaper than $C_r^n$, or one could run $C_r^n$. In multiplications for each pixel of $y$, with the dilated
# layers as 1, and with the strided network's own work (1/16) added:

# %%
macs = {
    "y_s, interpolated": 0,
    "one 3 x 3, sees y_m": 8 * 8 * 9,
    "one 3 x 3, sees both": 16 * 8 * 9,
    "two layers, sees y_m": 3 * 8 * 8 * 9,
    "JPU-like, sees both": 4 * (9 * 16 + 16 * 8) + 32 * 8,
}
print(f"{'work, dilated = 1':22}" + "".join(f"{f'n = {n}':>8}" for n in (1, 2, 4, 8, 16)))
for name, work in macs.items():
    shares = ((work + n * 576 / 16) / (n * 576) for n in (1, 2, 4, 8, 16))
    print(f"{name:22}" + "".join(f"{share:8.2f}" for share in shares))

# %% [markdown]
# At $n = 1$ the exact solution costs *more* than what it replaces. It was a proof, not a bargain. Nor are the 0.25 of two layers at
# $n = 2$ a bargain, at 1.56 times the price of being exact. Go to the right: $h$ costs the same at every depth, and
# $C_r^n$ costs $n$ times as much. That is why FastFCN gains more with ResNet-101 than with ResNet-50, and why on a shallow backbone
# plain interpolation, for 0.06, is hard to beat.
#
# Now the real necks (what stands between backbone and head), at 512 × 512. "The dilated convolutions are the expensive part, you say; and your JPU has dilated
# convolutions at rates 1, 2, 4, 8" ([#82](https://github.com/wuhuikai/FastFCN/issues/82),
# [#110](https://github.com/wuhuikai/FastFCN/issues/110)). 04 has counted this. What do you remember?

# %% tags=["hide-input"]
dilations = Prediction(
    "The JPU makes 30 GMAC at 512 x 512. What share of it is in its dilated 3 x 3 convolutions?",
    options=["nearly all", "about half", "about a tenth", "less than a hundredth"],
    name="10-dilations",
)
dilations


# %%
class OnMaps(nn.Module):
    """A neck that takes its five maps one by one, so that its layers can be counted."""

    def __init__(self, neck):
        super().__init__()
        self.neck = neck

    def forward(self, *maps):
        return self.neck(Features(*maps))


with torch.device("meta"):  # shapes are enough to count
    nets = {"ResNet-50": resnet50(stem="deep"), "ResNet-101": resnet101(stem="deep")}
    image, channels = torch.empty(1, 3, 512, 512), nets["ResNet-50"].channels
    maps = [torch.empty(1, c, 256 >> k, 256 >> k) for k, c in enumerate(channels)]
    as_it_is, all_at_1 = (
        layer_costs(OnMaps(JPU(channels, rates=rates)), *maps)
        for rates in ((1, 2, 4, 8), (1, 1, 1, 1))
    )
jpu = total(as_it_is).macs
depthwise = sum(row.macs for row in as_it_is if "depthwise" in row.name)
for name, bill in (("JPU", as_it_is), ("JPU, all four at rate 1", all_at_1)):
    print(f"{name:24}{total(bill).macs / 1e9:5.1f} GMAC")
print(f"in its dilated 3 x 3: {depthwise / 1e9:.2f} GMAC, {100 * depthwise / jpu:.1f} %")
same = torch.tensor([total(bill).macs for bill in (all_at_1, as_it_is)])
rows_cost = [compare("MACs of the JPU: the rates do not count", same[:1], same[1:])]
print(table(rows_cost))

# %% tags=["hide-input"]
dilations.reveal(
    "D",
    because={
        "A": "a rate costs nothing, and these convolutions are separable: nine multiplications a channel.",
        "B": "the four 1 x 1 after them take nearly half. They have no rate.",
        "C": "an order of magnitude less.",
    },
    explain="At rate 1 in all four branches the JPU would cost the same to the last MAC. The backbone is dear because dilating it keeps 16 times the pixels.",
)

# %% [markdown]
# And the backbones that it goes with, in GMAC:

# %%
with torch.device("meta"):
    for name, net in nets.items():
        at_8, at_32 = (total(layer_costs(x, image)).macs / 1e9 for x in (dilate(net), net))
        print(f"{name}: dilated {at_8:.1f}; strided {at_32:.1f},", end=" ")
        with_jpu = at_32 + jpu / 1e9
        print(f"with the JPU {with_jpu:.1f}, {with_jpu / at_8:.2f} of the dilated one")

# %% [markdown]
# ## 7. Beside the JPU: FPN and encoder-decoder
#
# Neither is new in seeing both: every encoder-decoder does. They differ in how $y_s$ and the guide meet. The **FPN**
# adds them, after a 1 × 1 each, and then convolves once. The **encoder-decoder** puts them side by side and convolves twice.
# The **JPU** puts all levels side by side and looks at four distances at once. What they cost at 512 × 512:

# %%
with torch.device("meta"):
    necks = {"FPN": FPN, "encoder-decoder": EncoderDecoder, "JPU": JPU}
    for name, neck in necks.items():
        bill = total(layer_costs(OnMaps(neck(channels)), *maps))
        print(f"{name:16}{bill.macs / 1e9:5.1f} GMAC {bill.params / 1e6:5.1f} M parameters")

# %% [markdown]
# (The first two have their usual width, 256 maps. The JPU has 512 in each branch, and hands on 2,048.) Reduced to our case, where
# all hand on 8 maps:


# %%
class FPNLike(nn.Module):
    """1 x 1 on each, add, 3 x 3."""

    def __init__(self, r=1):
        super().__init__()
        self.lateral = nn.Conv2d(16, 8, 1)
        self.smooth = nn.Conv2d(8, 8, 3, padding=r, dilation=r)

    def forward(self, z):
        # a 1 x 1 on both side by side is the sum of two 1 x 1
        return self.smooth(self.lateral(z))


def decoder_like():
    first, second = nn.Conv2d(16, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
    return nn.Sequential(first, nn.ReLU(), second)


# %% [markdown]
# Fitted to $y_d$ elsewhere, with the same data and the same number of steps for all:

# %% tags=["nbval-ignore-output"]
print("error, fitted to y_d elsewhere   n = 2   n = 4")
for name, make, rate in (
    ("FPN-like", FPNLike, 0.04),
    ("encoder-decoder-like", decoder_like, 0.003),  # a larger rate is worse here
    ("JPU-like", None, None),  # fitted in section 5
    ("FPN-like, its 3 x 3 at rate 4", lambda: FPNLike(4), 0.04),
):
    errors_of = []
    for depth in ("n = 2", "n = 4"):
        torch.manual_seed(10)
        net = jpu_likes[depth, "both", "y_d elsewhere"]
        if make:
            net = fit(make(), given(there[depth], "both"), there[depth].y_d, rate=rate)
        y = net(given(here[depth], "both"))
        errors_of.append(phase_error("", y, here[depth].y_d, rate=RATE).overall)
    print(f"{name:30}" + "".join(f"{error:8.2f}" for error in errors_of))
plain = [total_error[depth, Choice("phase-aligned")] for depth in ("n = 2", "n = 4")]
print(f"{'y_s interpolated, no fit':30}" + "".join(f"{error:8.2f}" for error in plain))

# %% [markdown]
# The JPU-like one is ahead of the two others, 0.34 against 0.36 and 0.45 at $n = 2$. One reason is distance. What makes the phases differ are
# pixels of $y_m$ that lie *four* apart, since there $C_r$ finds its neighbours within a phase. A 3 × 3 at rate 1 looks one
# pixel far, two of them two. The JPU's third branch looks four far. Give the FPN's one 3 × 3 the rate 4, which costs nothing, and at $n = 2$ it
# goes from 0.36 to 0.33. At $n = 4$ it gains nothing: there one layer is too little, wherever it looks. (A real pyramid has more
# levels, and comes by distance that way, too.)
#
# ## 8. Arrow by arrow
#
# Here is FastFCN with everything that this course has proved or measured about it so far.
#
# ![FastFCN with every arrow labelled: the backbone's three maps are exact and hold 16, 4 and 1 places of 16; the resizes are approximate; the 3 x 3 convolutions, the four branches of the JPU and the head are learned; at the top of the picture the dilated twin, exact, that is not run](../figures/what_is_learned.svg)
#
# **Exact** are the three maps: $c_3$ is the dilated twin's own, $c_4$ is one phase of 4, $c_5$ one of 16 (walkthrough 08;
# the twin has the same weights, in eval mode). **Approximate** are the resizes, which know no data. **Learned** is the rest.
#
# Where is equation 4 in this picture? Only in its shape. $c_3$ plays the guide: $y_m$ itself, one $C_r$ further, is not
# computed, and the 3 × 3 of the JPU on $c_3$ takes the place of that $C_r$. $c_5$ plays $y_s$. Rates 1 and 2 relate its sixteen phases to one
# another, rates 4 and 8 stay within a phase, as $h$ does. (For $c_4$ and its four phases rate 2 stays within one, too.) But nowhere is $\lVert y_s - h(y_m^0) \rVert$ minimised, and
# $y$ is **never compared** with $y_d$ (until the end of [11](11_fastfcn.ipynb), where we do). The error that is minimised sits behind the head, at the labels, which are known at
# *every* pixel. That is why the JPU may see $y_s$ and our $h$ may not: copying $y_s$ is perfect for phase (0, 0) and bad for the labels of the
# other fifteen.
#
# ## 9. Where it stops
#
# The identity of section 2, and what breaks it. The second row of the counterexamples is the quiet one: the guide was made
# small by *resizing* it, as one would a photograph, and not by $R$.

# %%
cat = maps_of(picture("chelsea", (151, 227)), linear)
y_m0, size = reduce(cat.y_m, rate=RATE), tuple(cat.y_s.shape[-2:])
equations, target = F.unfold(y_m0, 3, padding=1)[0].T, cat.y_s[0].flatten(1).T
too_few = fit_h(y_m0, cat.y_s)
few = torch.linalg.pinv(equations[500:571]) @ target[500:571]
too_few.weight.copy_(few.T.reshape(8, 8, 3, 3))
resized = fit_h(resize(cat.y_m, size=size, align_corners=False), cat.y_s)
deep, ways = here["n = 2"], made["n = 2"]
copying = Choice("one 3 x 3", "both", "y_s here")
y_few, y_resized = (h.on_guide(cat.y_m, rate=RATE) for h in (too_few, resized))
alone = ways[Choice("one 3 x 3", "y_m", "y_s here")]
broken = {"breaks": True, "tolerance": 0.01}
rows_break = [
    compare("71 equations for 72 unknowns", y_few, cat.y_d, **broken),
    compare("guide resized, not reduced", y_resized, cat.y_d, **broken),
    compare("n = 2, one 3 x 3: y = y_d", alone, deep.y_d[0], label="learned", **broken),
    compare(
        "n = 2, h sees y_s too: y = y_d",
        ways[copying],
        deep.y_d[0],
        label="learned",
        **broken,
    ),
]
print(table([rows_linear[1], rows_linear[2], *rows_copy, *rows_cost]))
print()
print(table(rows_break))

# %%
jpu_choice = Choice("JPU-like", "both", "y_d elsewhere")
for choice in (Choice("bilinear"), Choice("phase-aligned"), jpu_choice):
    e = phase_error("", ways[choice][None], deep.y_d, rate=RATE)
    exact = sum(error < 1e-9 for error in e.phases)
    print(f"{choice.method}: phases that are exact: {exact} of 16")

# %% [markdown]
# "The JPU equals the dilated convolutions exactly" is off in all sixteen phases, (0, 0) included. The *decomposition* is exact:
# equations 2 and 3. The recovery is learned.
#
# ## Ask your neighbour
#
# Choose alone, argue with somebody who chose otherwise, choose again. Then open the reasons.

# %% tags=["hide-input"]
quiz(
    [
        Question(
            "A colleague wants to train a JPU without any labels. She minimises || y_s - R(JPU(c3, c4, c5)) ||, on a million photographs. What will she get?",
            [
                "The dilated network's y_d: equation 4, with enough data.",
                "A good approximation, since the JPU generalises from phase (0, 0) to the others.",
                "An elaborate way to resize c5.",
                "Nothing: the loss cannot be computed.",
            ],
            answer="C",
            why=[
                "Equation 4 does not show y_s to h. Here c5 is y_s, and it is an input.",
                "It need not generalise anything. The cheapest way to be right on phase (0, 0) is to copy c5.",
                "As in section 4: residual 0, guide unused. A million photographs only make it surer.",
                "It can: everything in it is computed by the strided network.",
            ],
            peer=True,
        ),
        Question(
            "Somebody says: the paper learns h because f, what the dilated layers do, is unknown. What do you answer?",
            [
                "True: otherwise there would be nothing to learn.",
                "f is the n layers of the strided network itself. h is learned because running f on all phases is what one wants to avoid.",
                "f is known for phase (0, 0) and unknown for the other fifteen.",
                "f is known, but not for new photographs.",
            ],
            answer="B",
            why=[
                "Every weight of f is in the strided network. Section 1 found it by trying.",
                "H must leave f out, or nothing is saved. What is in H decides how good y is and what it costs.",
                "It is one function, the same for all phases. Its *values* have been computed on one of them.",
                "Its weights do not depend on the photograph.",
            ],
            peer=True,
        ),
    ]
)

# %% [markdown]
# ## What you take with you
#
# - Equation 4 is equation 1 with $y_m^0$ for the small guide, $y_s$ for the small target and $y_m$ for the large guide. It
#   minimises over $h$, on phase (0, 0), and never sees $y_d$.
# - $f$ is known: it is $C_r^n$. What is sought is something cheaper that does nearly the same.
# - One linear layer: as many equations as unknowns, 72 here, give the kernel to 1e-12, and $y = y_d$. **Exact.** One fewer, and
#   the residual is still 0 and the result wrong.
# - With ReLU and depth $y$ is **learned**. Interpolation is exact in phase (0, 0) and has a valley around it; a fitted $h$ is
#   nearly level. At $n = 2$ two layers reach 0.25, interpolation 0.38; at $n = 4$ they are level.
# - Fitted on phase (0, 0), an $h$ that sees $y_s$ copies it. It needs a target on the other phases: $y_d$ of other photographs, or,
#   in FastFCN, the labels.
# - The JPU has the shape of equation 4 and is trained on another error. Its dilated convolutions are 0.8 % of its work.
#
# **Glossary.**
#
# - **$\hat h$**: the $h$ with the smallest $\lVert y_s - h(y_m^0) \rVert$ in $H$.
# - **$H$**: the set of functions among which one chooses; it decides what $y$ can be and what it costs.
# - **sample**: one pixel of $y_s$, which is one equation for the unknowns of $h$.
# - **residual of a fit**: what is left of $\lVert y_s - h(y_m^0) \rVert$; it speaks of phase (0, 0) alone.
# - **learned**: close because something was fitted to data; the third label, beside exact and approximate.
#
# **References.** Wu et al., *FastFCN: Rethinking Dilated Convolution in the Backbone for Semantic Segmentation*, 2019,
# [arXiv 1903.11816](https://arxiv.org/abs/1903.11816), sections 3.3 and 3.4. ·
# Lin et al., *Feature Pyramid Networks for Object Detection*, 2017, [arXiv 1612.03144](https://arxiv.org/abs/1612.03144). ·
# Ronneberger, Fischer and Brox, *U-Net: Convolutional Networks for Biomedical Image Segmentation*, 2015,
# [arXiv 1505.04597](https://arxiv.org/abs/1505.04597). ·
# Belkin, Hsu, Ma and Mandal, *Reconciling modern machine-learning practice and the classical bias-variance trade-off*,
# 2019, [arXiv 1812.11118](https://arxiv.org/abs/1812.11118), on the peak where equations and unknowns are equal in number.
#
# **Exercises:** [four tasks](exercises/10_posed_and_solved.ipynb), with checks that know the usual mistakes.
#
# **Next:** [11 · FastFCN](11_fastfcn.ipynb), where the dotted arrows are trained.

# %% tags=["hide-input"]
tally()
