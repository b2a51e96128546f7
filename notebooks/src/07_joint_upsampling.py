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
# # 07 · Borrowed edges
#
# Here is a photograph of 49 152 pixels, and a mask that says *motorcycle* or *garage* for 768 of them. For
# the other 48 384 nobody has computed anything. A filter without one trained weight fills them in and gets
# 97.5 % of those right that can be checked. The samples do not say where the edges are. The photograph does.
#
# A second filter gets the same photograph and the same samples. It writes `YAMAHA` across the mask.
#
# Before you read on: both borrow their edges from the photograph. What must the second one have
# borrowed along with them?
#
# **The claim.** Joint upsampling is one sentence: find the $h$ that turns the small guide into the small
# target, and apply it to the large guide. The classic filters differ in which $h$ they allow, and that
# decides what each gets right and what it invents.
#
# **You will be able to** choose between joint bilateral upsampling and the guided filter for a given
# target, set their dials knowing what each is measured in, count what they cost, say where they invent
# texture, and say in what sense the JPU is their descendant and in what sense it is not.
#
# **Time:** 45 minutes. **You need:** [02](02_stride_and_reduce.ipynb) and
# [03](03_split_conv_merge.ipynb) (phases, $y_s$, $y_d$), and from
# [06](06_where_do_the_pixels_live.ipynb) where the samples of a small map sit.
#
# **Reads:** FastFCN (Wu et al., [arXiv 1903.11816](https://arxiv.org/abs/1903.11816)), section 3.3, on joint
# upsampling · [`jpu_edu/classic/bilateral.py`](../jpu_edu/classic/bilateral.py) ·
# [`jpu_edu/classic/box.py`](../jpu_edu/classic/box.py) ·
# [`jpu_edu/classic/guided.py`](../jpu_edu/classic/guided.py)

# %%
import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from ipywidgets import Dropdown, FloatLogSlider, FloatSlider, IntSlider, interact

from jpu_edu.draw import grids, style
from jpu_edu.draw.show import show
from jpu_edu.ops.compare import compare, table, worst
from jpu_edu.ops.interp import phase_aligned, resize
from jpu_edu.ops.phases import reduce, split
from jpu_edu.widgets.lift import RANGES, draw_picture, draw_profile, explore_lift, task
from jpu_edu.widgets.predict import Prediction, tally
from jpu_edu.widgets.quiz import Question, quiz

style.use()
generator = torch.Generator().manual_seed(7)


def normal(*shape):
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


# %% [markdown]
# ## Before you start
#
# Three questions about what came before. From memory.

# %% tags=["hide-input"]
quiz(
    [
        Question(
            "A photograph is shrunk by averaging blocks of 8 x 8. At which pixel does sample 3 sit?",
            ["24", "27.5", "3"],
            answer="B",
            why=[
                "That is where R leaves its sample 3: on pixel 3 * 8. A mean belongs to the centre of its block.",
                "The block covers pixels 24 to 31, and its centre is 27.5. Upsample it as if it sat on 24 and the "
                "picture moves by three and a half pixels.",
                "That is its index. One step of the small map is eight pixels.",
            ],
        ),
        Question(
            "A strided network at rate 2 computes y_s. Which part of y_d is that?",
            ["a blurred copy", "none: other features", "phase 0, to the last bits"],
            answer="C",
            why=[
                "Nothing is averaged anywhere on the way.",
                "Both paths run the same kernels over the same pixels.",
                "With the same weights, and in eval mode. The other three phases were never computed.",
            ],
        ),
        Question(
            "Phase 3 of an edge map, guessed from phase 0 by bilinear interpolation, is off by about",
            ["75 %", "3 %", "0: interpolation is exact"],
            answer="A",
            why=[
                "Walkthrough 02 measured half to three quarters. Between two samples an edge does what it wants.",
                "True of a blurred sky. These were edges.",
                "Exact at the samples, and a guess in between.",
            ],
        ),
    ]
)

# %% [markdown]
# ## 1. Nine numbers, three of them known
#
# A row of nine pixels, $x_h$, the **guide**. A **target** $y_l$ with three samples, at pixels 0, 4 and 8: what
# $R$ at rate 4 has left of it. Bilinear interpolation draws straight lines between the samples.

# %%
x_h = torch.tensor([1.0, 1, 2, 1, 1, 1, 5, 5, 5], dtype=torch.float64)
y_l = torch.tensor([0.0, 0, 8], dtype=torch.float64)
rate = 4


def row(x):
    """A signal as the map (1, 1, 1, N) that the library wants."""
    return x[None, None, None]


bilinear = phase_aligned(row(y_l), rate=(1, rate), size=(1, 9))[0, 0, 0]
print("x_h     ", x_h.int().tolist())
print("bilinear", bilinear.int().tolist())

# %% tags=["hide-input"]
cell, left = 46.0, 250.0


def strip(axes, x, top, name, **look):
    grids.draw_signal(axes, x, at=(left, top), cell=cell, **look)
    style.write(axes, left - 24, top + cell / 2, name, align="right")


figure, axes = style.canvas(900.0, 226.0)
strip(axes, x_h, 24.0, "the guide, $x_h$")
strip(axes, y_l, 90.0, "the target, $y_l$", pitch=rate, colour=style.Y_S)
strip(axes, bilinear, 156.0, "bilinear", hatch=style.Y_HATCH)
for k in range(3):
    place = left + (rate * k + 0.5) * cell
    axes.plot([place, place], [24 + cell, 90], color=style.soft(), lw=0.9, zorder=0)
show(
    figure,
    alt="Nine guide pixels 1 1 2 1 1 1 5 5 5; three samples 0, 0 and 8 under pixels 0, 4 and 8; and the "
    "bilinear result 0 0 0 0 0 2 4 6 8, a ramp of four pixels where the guide has a step.",
)

# %% [markdown]
# *Three samples are all that is known of the target. Where the guide has a step, interpolation draws a ramp.*
#
# Suppose that the target is a mask whose edge lies where the guide's edge lies.

# %% tags=["hide-input"]
wrong = Prediction(
    "How many of the nine bilinear values are then wrong?", number=True, name="07-wrong"
)
wrong  # or in code: wrong.answer = 4

# %% tags=["hide-input"]
wrong.reveal(
    3,
    because={
        4: "the sample at pixel 8 is right, as every sample is. The ramp has three pixels of its own.",
        1: "each value on the ramp is wrong: 2 should be 0, and 4 and 6 should be 8.",
        9: "bilinear interpolation is right at the samples and between two equal ones.",
    },
    explain="Pixels 5, 6 and 7. The guide's step stands between pixels 5 and 6, so the mask is 0 up to 5 and 8 from 6.",
)

# %% [markdown]
# **Idea A: who looks alike, is alike.** Every sample has a say in every pixel. Its weight falls with its
# distance from the pixel, as in any interpolation, *and* with how much its guide value differs from the
# pixel's. That is joint bilateral upsampling (Kopf et al., 2007).


# %%
def lift_by_likeness(x_h, y_l, rate, sigma_spatial, sigma_range):
    x_l = x_h[::rate]  # the guide at the samples
    k = torch.arange(len(y_l), dtype=x_h.dtype)  # the places of the samples
    y_h = torch.empty_like(x_h)
    for p in range(len(x_h)):
        near = (p / rate - k) ** 2 / (2 * sigma_spatial**2)
        unlike = (x_h[p] - x_l) ** 2 / (2 * sigma_range**2)
        weight = torch.exp(-near - unlike)
        y_h[p] = (weight * y_l).sum() / weight.sum()
    return y_h


alike = lift_by_likeness(x_h, y_l, rate, sigma_spatial=1.0, sigma_range=0.5)
print("by likeness", alike.round(decimals=3).int().tolist())

# %% [markdown]
# **Idea B: a formula that fits the samples fits between them.** Look at the three pairs of guide and target: (1, 0),
# (1, 0), (5, 8). A straight line goes through them. Find it by least squares, at low resolution, and read
# it off at every pixel of the guide. That is the idea of the guided filter (He, Sun and Tang, 2010). (Its dial
# `epsilon` makes steep lines expensive. It stays 0 here; section 3 turns it.)


# %%
def fit_line(x, y, epsilon=0.0):
    """The a and b with the smallest mean of (a x + b - y)^2, plus epsilon a^2."""
    covariance = (x * y).mean() - x.mean() * y.mean()
    variance = (x * x).mean() - x.mean() ** 2
    a = covariance / (variance + epsilon)
    return a, y.mean() - a * x.mean()


a, b = fit_line(x_h[::rate], y_l)
lined = a * x_h + b
print(f"the line: {a:.0f} x - {-b:.0f}")

# %% [markdown]
# The guide has a speck at pixel 2. By likeness that pixel gets a 0, like its neighbours. And by
# the line?

# %% tags=["hide-input"]
speck = Prediction(
    "What does the line through (1, 0), (1, 0), (5, 8) give to pixel 2, whose guide is 2?",
    number=True,
    name="07-speck",
)
speck

# %% tags=["hide-input"]
speck.reveal(
    2,
    because={
        0: "that is what its neighbours get. The line does not look at neighbours, it reads the guide: 2 * 2 - 2.",
        8: "8 belongs to a guide of 5.",
        4: "a * x is 4; the line also has an offset of -2.",
    },
    explain="y = 2 x - 2, and 2 * 2 - 2 = 2. A quarter of the guide's step becomes a quarter of the target's.",
)

# %%
from jpu_edu.classic.bilateral import joint_bilateral_upsample
from jpu_edu.classic.guided import fast_guided_filter

by_likeness = joint_bilateral_upsample(
    row(x_h), row(y_l), sigma_spatial=1.0, sigma_range=0.5, radius=2, rate=rate
)
by_lines = fast_guided_filter(row(x_h), row(y_l), radius=2, epsilon=0.5, rate=rate)
a, b = fit_line(x_h[::rate], y_l, epsilon=0.5)
rows_1d = [
    compare("nine numbers: cell = library, likeness", alike, by_likeness[0, 0, 0]),
    compare("nine numbers: cell = library, lines", a * x_h + b, by_lines[0, 0, 0]),
]
print(table(rows_1d))

# %% [markdown]
# Now the question on which the whole walkthrough turns. Is the 2 at pixel 2 a **detail** or a **defect**? Here
# are two targets that somebody may have wanted. Both have exactly the samples 0, 0, 8.

# %%
mask = torch.tensor([0.0, 0, 0, 0, 0, 0, 8, 8, 8], dtype=torch.float64)
tone = 2 * x_h - 2  # a brighter print of the photograph, speck and all
print("R(mask):", mask[::rate].int().tolist(), " R(tone):", tone[::rate].int().tolist())
rows = [
    compare(
        "the truth is the mask: by likeness",
        alike,
        mask,
        label="approximate",
        tolerance=1e-6,
    ),
    compare("the truth is the mask: by lines", lined, mask, breaks=True, tolerance=0.01),
    compare("the truth is the tone: by likeness", alike, tone, breaks=True, tolerance=0.01),
    compare("the truth is the tone: by lines", lined, tone),
]
print(table(rows))

# %% tags=["hide-input"]
figure, axes = style.canvas(900.0, 296.0)
strip(axes, mask, 24.0, "one truth: a mask", colour=style.Y_D)
strip(axes, alike, 84.0, "by likeness", hatch=style.Y_HATCH)
strip(axes, lined, 168.0, "by lines", hatch=style.Y_HATCH)
strip(axes, tone, 228.0, "another truth: a tone", colour=style.Y_D)
for top, good in ((24.0, "equal"), (168.0, "equal")):
    style.write(axes, left + 9 * cell + 22, top + cell + 7, good, align="left", size=11)
for top in (20.0, 164.0):
    axes.plot([left + 2 * cell - 4, left + 3 * cell + 4, left + 3 * cell + 4, left + 2 * cell - 4,
               left + 2 * cell - 4], [top, top, top + 2 * cell + 22, top + 2 * cell + 22, top],
              color=style.ink(), lw=1.0, ls=(0, (3, 2)))  # fmt: skip
show(
    figure,
    alt="Four strips of nine numbers. The mask and the result by likeness are 0 0 0 0 0 0 8 8 8. The "
    "result by lines and the tone are 0 0 2 0 0 0 8 8 8. They differ at pixel 2 alone, the speck.",
)

# %% [markdown]
# *Two truths with the same three samples. Likeness is right about the one, lines about the other, and they differ at
# the speck alone.*
#
# (The errors in the table are divided by the largest value, 8: the difference is 2, a quarter.)
#
# The samples cannot decide. The two truths agree on all of them, so no method can be right about both.
# **What is between the samples comes from an assumption**, and there are two of them:
#
# - *likeness*: pixels that look alike have the same value. Made for masks, labels, depth;
# - *lines*: near any place, the target is a straight-line function of the guide. Made for colours, tones, light.
#
# ## 2. By likeness: a mask of a motorcycle
#
# Two dimensions change nothing but the number of indices. Here is equation 3 of Kopf et al. with
# Gaussians for both weights, in as many lines as it takes, and the library's version beside it.


# %%
def lift_by_likeness_2d(x_h, y_l, rate, sigma_spatial, sigma_range):
    """x_h: (G, H, W), y_l: (h, w)."""
    x_l = x_h[:, ::rate, ::rate]
    places = (torch.arange(n, dtype=x_h.dtype) for n in y_l.shape)
    k, m = torch.meshgrid(*places, indexing="ij")
    y_h = x_h.new_empty(x_h.shape[1:])
    for i in range(x_h.shape[1]):
        for j in range(x_h.shape[2]):
            near = ((i / rate - k) ** 2 + (j / rate - m) ** 2) / (2 * sigma_spatial**2)
            unlike = (x_h[:, i, j, None, None] - x_l).square().sum(0) / (2 * sigma_range**2)
            weight = torch.exp(-near - unlike)
            y_h[i, j] = (weight * y_l).sum() / weight.sum()
    return y_h


guide, target = normal(3, 9, 11), normal(3, 4)
cell_2d = lift_by_likeness_2d(guide, target, 3, sigma_spatial=0.8, sigma_range=0.7)
library = joint_bilateral_upsample(
    guide[None], target[None, None], sigma_spatial=0.8, sigma_range=0.7, radius=4, rate=3
)
row_bilateral = compare("by likeness: the cell = the library", cell_2d, library[0, 0])
print(table([row_bilateral]))

# %% [markdown]
# Now the photograph. The mask was not drawn by hand and not read off the colours. It was *measured*: its
# pixels move by more than 25 between two cameras that stand side by side, because the motorcycle is near.
# (Where a pixel was hidden from one camera nothing was measured; 9 % are not scored.) $R$ at rate 8 leaves
# 24 x 32 of the 192 x 256 values.

# %%
motor = task("mask", dtype=torch.float64)  # picture x_h, target y_l, truth y_h, known
bilinear = motor.plain()
likened = motor.by_likeness(sigma_spatial=0.5, sigma_range=0.05, radius=1)


def wrong_side(y):
    """Percent of the pixels that a threshold at 1/2 puts on the wrong side."""
    return 100 * ((y > 0.5) != (motor.truth > 0.5))[motor.known].double().mean().item()


print("x_h", tuple(motor.picture.shape), " y_l", tuple(motor.target.shape))
for name, y in (("bilinear", bilinear), ("joint bilateral", likened)):
    print(
        f"{name:16} mean error {motor.error(y):.1f} %   wrong label {wrong_side(y):.1f} %"
    )

# %% tags=["hide-input"]
figure, panels = plt.subplots(2, 3, figsize=(9.375, 5.2), layout="constrained")
draw_picture(panels[0, 0], motor.picture, "$x_h$: the guide")
draw_picture(panels[0, 1], motor.target, "$y_l$: all that is known of the mask")
draw_picture(panels[0, 2], motor.truth, "$y_h$: the truth", row=72)
draw_picture(
    panels[1, 0], bilinear, f"bilinear: error {motor.error(bilinear):.1f} %", row=72
)
draw_picture(
    panels[1, 1], likened, f"by likeness: error {motor.error(likened):.1f} %", row=72
)
gap = (likened - motor.truth).abs() * motor.known
draw_picture(panels[1, 2], 1 - gap, "where it errs (black)")
show(
    figure,
    alt="A red motorcycle in a garage; its mask in 24 by 32 large pixels; the measured mask. Interpolated, the "
    "mask is a blur. By likeness it has the sharp outline of tank, headlamp, fork and fender, and errs "
    "at thin cables and where black parts stand before black shadows.",
)

# %% [markdown]
# *From 24 x 32 samples, likeness restores the outlines of tank, lamp and fork. It errs where the mask has an edge and
# the colours have none, and at cables thinner than a sample.*
#
# Look along the marked row, where the fork's bracket ends and a red box in the background begins. How many
# pixels does the edge take?

# %%
from_, to = 136, 168
print("pixels of the edge with a value between 0.1 and 0.9:")
for name, y in (("truth", motor.truth), ("bilinear", bilinear), ("by likeness", likened)):
    cut = y[0, 0, 72, from_:to]
    print(f"  {name:12} {int(((cut > 0.1) & (cut < 0.9)).sum())}")

# %% tags=["hide-input"]
figure, panels = plt.subplots(1, 2, figsize=(9.375, 2.3), layout="constrained")
for axes, y, name in zip(
    panels, (bilinear, likened), ("bilinear", "by likeness"), strict=True
):
    draw_profile(axes, y, motor.truth, row=72, columns=slice(from_, to))
    kept = range(from_, to, 8)
    axes.plot(kept, motor.target[0, 0, 9, from_ // 8 : to // 8], "o", color=style.Y_S, ms=7)
    axes.set_title(f"{name} (dashed), truth (blue), samples (dots)", fontsize=11)
    axes.set_xlabel("column")
show(
    figure,
    alt="The profile of one edge. Bilinear interpolation falls from 1 to 0 over eight pixels, from sample to "
    "sample. By likeness it falls within one pixel, at the column of the true edge.",
)

# %% [markdown]
# *Between two samples the interpolation is a ramp; by likeness the edge stands where the guide has it.*
#
# From seven pixels to none. The samples stand eight pixels apart, and their interpolation cannot be sharper
# than that. The guide is. (It holds for the depth itself, too, from which the mask was cut:
# [`test_photographs.py`](../tests/classic/test_photographs.py) checks that likeness beats interpolation there.)
#
# ## 3. By lines: the guided filter
#
# One line for a whole photograph would be a poor $h$. The guided filter fits one in *every window* of
# $(2r+1)^2$ pixels. A pixel lies in many windows; their lines are averaged. With $x$ for the guide and $y$ for
# the target (He, Sun and Tang write $I$ and $p$), in one window:
#
# $$\min_{a,\,b}\ \sum \left[(a x + b - y)^2 + \varepsilon a^2\right]
# \quad\Rightarrow\quad
# a = \frac{\operatorname{cov}(x, y)}{\operatorname{var}(x) + \varepsilon},\qquad b = \bar y - a \bar x .$$
#
# It is the `fit_line` of section 1. Every mean in it is a mean over windows, so the whole filter is a
# handful of box filters. First at one resolution:


# %%
from jpu_edu.classic.box import box_mean
from jpu_edu.classic.guided import guided_coefficients, guided_filter


def filter_by_lines(x, y, radius, epsilon):
    """x: the guide, y: the target, both (1, 1, H, W)."""

    def mean(z):  # over the window around each pixel
        return box_mean(z, radius=radius)

    a = (mean(x * y) - mean(x) * mean(y)) / (mean(x * x) - mean(x) ** 2 + epsilon)
    b = mean(y) - a * mean(x)
    return mean(a) * x + mean(b)


guide, target = normal(1, 1, 13, 18), normal(1, 1, 13, 18)
row_guided = compare(
    "by lines: the cell = the library",
    filter_by_lines(guide, target, 2, 0.1),
    guided_filter(guide, target, radius=2, epsilon=0.1),
)
print(table([row_guided]))

# %% [markdown]
# The library's version also takes colour guides (then $a$ has three numbers, found from a 3 x 3 system in
# each window), and computes in float64, because a variance is a small difference of large numbers.
#
# **What is $\varepsilon$?** It has the unit of the guide *squared*, as a variance does. It makes steep lines
# expensive. Go back to the nine pixels: at $\varepsilon = 0$ the step of the result is 8.

# %% tags=["hide-input"]
half = Prediction(
    "Set epsilon to the variance of the guide in the window. How high is the step then?",
    number=True,
    name="07-epsilon",
)
half

# %%
x_l = x_h[::rate]
variance = (x_l * x_l).mean() - x_l.mean() ** 2
print("epsilon / variance   slope a   step of the result")
for share in (0, 1 / 3, 1, 3, 7):
    a, b = fit_line(x_l, y_l, epsilon=share * variance)
    print(f"{share:18.2f} {a:9.2f} {4 * a:12.0f}")

# %% tags=["hide-input"]
half.reveal(
    4,
    because={
        0: "that takes an infinite epsilon: the fit would be the mean, 8/3 everywhere.",
        8: "that is epsilon 0.",
        2: "that takes three times the variance.",
    },
    explain="a = a0 v / (v + epsilon): with epsilon = v the slope halves, and the step with it.",
)

# %% [markdown]
# So $\varepsilon$ is a threshold for contrast. A window whose guide varies by much more than $\sqrt\varepsilon$
# keeps its edge, and one that varies by much less is flattened to its mean. Four identities follow,
# and each can be checked:
#
# 1. **A constant guide** has variance 0, so $a = 0$, and what is left is the plain filter: the mean of means.
# 2. **A target that is a line in the guide**, $y = a x + b$, comes back with slope $a\,v/(v+\varepsilon)$. The error is
#    at most $|a| \sqrt{n \varepsilon} / 2$, with $n = (2r+1)^2$, whatever the guide. As $\varepsilon \to 0$ it vanishes.
# 3. For likeness, a constant guide also gives the plain filter: a Gaussian of the distances alone.
# 4. **Likeness averages**, so its result stays between the smallest and the largest sample. Lines do not.

# %%
flat = torch.full_like(guide, 0.3)
plain = box_mean(box_mean(target, radius=2), radius=2)
line, v = 1.5 * guide - 0.4, guide.var(correction=0)
slope, _ = guided_coefficients(guide, line, radius=20, epsilon=0.25)  # one window holds all
small = normal(1, 2, 5, 6)


def alike(guide, sigma_range):
    return joint_bilateral_upsample(
        guide, small, sigma_spatial=0.7, sigma_range=sigma_range, rate=3
    )


averaged = alike(guide, 0.1)
rows_identities = [
    compare(
        "1. constant guide: the plain filter",
        guided_filter(flat, target, radius=2, epsilon=1e-4),
        plain,
    ),
    compare(
        "2. slope = a v / (v + epsilon)", slope, (1.5 * v / (v + 0.25)).expand_as(slope)
    ),
    compare("3. constant guide = no likeness asked", alike(flat, 0.1), alike(guide, 1e9)),
    compare(
        "4. likeness stays between its samples",
        averaged.clamp(small.min(), small.max()),
        averaged,
    ),
]
print(table(rows_identities))
print()
print("2. a line in the guide: epsilon   max error   bound |a| sqrt(n epsilon) / 2")
for power in (-2, -4, -6, -8):
    got = guided_filter(guide, line, radius=2, epsilon=10.0**power)
    error, bound = (got - line).abs().max().item(), 1.5 * 5 * 10 ** (power / 2) / 2
    assert error <= bound
    print(f"{f'1e{power}':>31} {error:11.0e} {bound:11.0e}")

# %% [markdown]
# The error falls with $\varepsilon$ itself, much faster than the bound. The bound holds for *every* guide, the
# almost flat ones included, where $v \approx \varepsilon$ and half of the slope is lost.
#
# At full resolution the filter has a classic use. In a dark room you take two pictures: one without the flash,
# with the light that you like and the noise that you do not, and one with the flash, sharp and clean. Let
# the second guide the first. (Here the dark picture is made from the sharp one, so the truth is known.)

# %%
flash = motor.picture
warm = torch.tensor([0.50, 0.38, 0.25], dtype=torch.float64).reshape(1, 3, 1, 1)
evening = flash**1.5 * warm
noisy = evening + 0.08 * normal(*evening.shape)
plain = box_mean(box_mean(noisy, radius=4), radius=4)
guided = guided_filter(flash, noisy, radius=4, epsilon=1e-3)


def off(y):
    return 100 * (y - evening).abs().mean().item()


for name, y in (("noisy", noisy), ("plain mean", plain), ("guided by the flash", guided)):
    print(f"{name:20} mean error {off(y):.1f} %")

# %% tags=["hide-input"]
figure, panels = plt.subplots(1, 4, figsize=(9.375, 1.85), layout="constrained")
pictures = (
    ("flash: the guide", flash),
    ("no flash, noisy", noisy),
    ("plain mean", plain),
    ("guided", guided),
)
for axes, (name, y) in zip(panels, pictures, strict=True):
    shown = y if y is flash else 1.7 * y
    error = "" if y is flash else f": {off(y):.1f} %"
    draw_picture(axes, shown[..., 8:104, 40:184], name + error)
show(
    figure,
    alt="Headlamp and tank four times. With the flash: sharp. Without: dark, warm and noisy. The plain mean "
    "over windows removes the noise and the edges. Guided by the flash picture, noise is gone and edges "
    "are sharp.",
)  # fmt: skip

# %% [markdown]
# *Guided by the flash picture, the dark one loses its noise and keeps its edges and its light.*
#
# ## 4. Fit low, apply high
#
# He and Sun noticed in 2015 that nothing forces the *fit* to run at full resolution. $a$ and $b$ are smooth, for
# each is an average over windows. So fit on the small pair, upsample **a and b**, and apply them to the
# large guide. The target itself is never interpolated.


# %%
def lift_by_lines(x_h, y_l, rate, radius, epsilon):
    x_l = reduce(x_h, rate=rate)
    a, b = guided_coefficients(x_l, y_l, radius=radius, epsilon=epsilon)  # fit low
    size = x_h.shape[-2:]
    a = phase_aligned(a.flatten(1, 2), rate=rate, size=size)  # one slope a channel of x_h
    b = phase_aligned(b, rate=rate, size=size)
    return (a * x_h).sum(1, keepdim=True) + b  # apply high


lined = motor.by_lines(radius=1, epsilon=1e-4)
row_fast = compare(
    "fit low, apply high: cell = library",
    lift_by_lines(motor.picture, motor.target, 8, 1, 1e-4),
    lined,
)
print(table([row_fast]))
small = resize(noisy, size=(48, 64), mode="area")  # 1/4 of the size, 1/16 of the pixels
quick = fast_guided_filter(flash, small, radius=1, epsilon=1e-3, rate=None)
print(
    f"flash, no flash: fitted on all {off(guided):.1f} %, on 1/16 of them {off(quick):.1f} %"
)

# %% [markdown]
# (A sixteenth of the fits, and no loss. The mean over 4 x 4 pixels had already removed noise.)
#
# Now a target for which lines were made. The **colours** of the photograph are to be changed by an $f$ that
# is expensive, or so we pretend: red becomes blue, dark corners are made lighter. We shrink the picture
# to 1/8, apply $f$ to *that*, 768 pixels in place of 49 152, and lift the result.
#
# You have seen both ideas on nine numbers.

# %% tags=["hide-input"]
which = Prediction(
    "Mask and new colours, both known at 1/8 of the size. Which filter has the smaller mean error?",
    options=[
        "likeness for both: it keeps edges best",
        "lines for both: they are the newer method",
        "likeness for the mask, lines for the colours",
        "lines for the mask, likeness for the colours",
    ],
    name="07-which",
)
which

# %%
paint = task("colours", dtype=torch.float64)
dials = (
    {"sigma_spatial": 0.5, "sigma_range": 0.05, "radius": 1},
    {"radius": 1, "epsilon": 1e-4},
)
errors = {}
print("mean error, %     mask   colours")
for name, lift in (
    ("bilinear", lambda t: t.plain()),
    ("by likeness", lambda t: t.by_likeness(**dials[0])),
    ("by lines", lambda t: t.by_lines(**dials[1])),
):
    errors[name] = [one.error(lift(one)) for one in (motor, paint)]
    print(f"{name:14} {errors[name][0]:7.1f} {errors[name][1]:9.1f}")

# %% tags=["hide-input"]
which.reveal(
    "C",
    because={
        "A": "edges are not all there is. A tank that is shaded from dark to bright has colours that no sample has.",
        "B": "on the mask, lines are worse than bilinear interpolation.",
        "D": "the other way round: a mask is constant where the guide shimmers, and colours follow the guide.",
    },
    explain="A mask has two values, and averaging alike samples keeps them. Colours have many, and a line makes "
    "the ones in between.",
)

# %% tags=["hide-input"]
figure, panels = plt.subplots(2, 3, figsize=(9.375, 5.2), layout="constrained")
results = {
    "bilinear": paint.plain(),
    "by likeness": paint.by_likeness(**dials[0]),
    "by lines": paint.by_lines(**dials[1]),
}
draw_picture(panels[0, 0], paint.picture, "$x_h$: the guide")
draw_picture(panels[0, 1], paint.target, "$y_l = f(x_l)$: new colours, 24 x 32")
draw_picture(panels[0, 2], paint.truth, "$f(x_h)$: the truth")
for axes, (name, y) in zip(panels[1], results.items(), strict=True):
    draw_picture(axes, y, f"{name}: error {paint.error(y):.1f} %")
show(
    figure,
    alt="The red motorcycle, 24 by 32 pixels of it in blue, and the full blue truth. Lifted bilinearly, a "
    "blur. By likeness, sharp outlines and flat patches, as in a poster. By lines, the truth to the eye.",
)

# %% [markdown]
# *By likeness the tank turns into a poster; by lines it looks like the truth.* A poster has patches of the few colours
# that the samples have, and borders between them that no object has. Each pixel *must* take a mean of samples. By lines it takes a formula. (Both
# filters had their dials set once here. Section 5 turns them: likeness gets down to 3.1 %.)
#
# Photography uses this every day in reverse: JPEG files store colour at a lower resolution than
# brightness. How far can one go? Below, the guide is **grey**, and there is one colour for 64 pixels.

# %% tags=["hide-input"]
from jpu_edu.data.photos import photo

cat = photo("chelsea", dtype=torch.float64)[..., :296, :448]
grey, colours = cat.mean(1, keepdim=True), resize(cat, size=(37, 56), mode="area")
spread = resize(colours, size=(296, 448), align_corners=False)
coloured = fast_guided_filter(grey, colours, radius=1, epsilon=1e-5, rate=None)
figure, panels = plt.subplots(1, 4, figsize=(9.375, 1.8), layout="constrained")
for axes, (y, name) in zip(
    panels,
    (
        (grey, "the guide, grey"),
        (colours, "1 colour for 64 pixels"),
        (coloured, f"by lines: {100 * (coloured - cat).abs().mean():.1f} %"),
        (cat, "the truth"),
    ),
    strict=True,
):
    draw_picture(axes, y, name)
show(
    figure,
    alt="A cat in grey; the same cat as 37 by 56 coloured squares; the colours lifted by lines on the grey "
    "guide; the true photograph. The last two look the same.",
)
print(f"bilinear {100 * (spread - cat).abs().mean():.1f} %, by lines {100 * (coloured - cat).abs().mean():.1f} %")  # fmt: skip

# %% [markdown]
# *One colour for 64 pixels is enough, where a grey guide says how light each pixel is.*
#
# ## 5. The dials
#
# Four dials, and each has a unit. $\sigma_s$ is measured in *samples* of the small map, $\sigma_r$ in the guide's
# units, $\varepsilon$ in their square, the radius in samples. Below is the error over each of them, on both
# targets; a ring marks the best.

# %%
sigmas, epsilons = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0), (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
curves = {}
for name in ("mask", "colours"):
    one = task(name)  # float32 is enough to draw
    for sigma_s in (0.3, 0.5, 1.0, 2.0):
        lift = [
            one.by_likeness(sigma_spatial=sigma_s, sigma_range=s, radius=2) for s in sigmas
        ]
        curves[name, "likeness", sigma_s] = [one.error(y) for y in lift]
    for radius in (1, 2, 4):
        lift = [one.by_lines(radius=radius, epsilon=e) for e in epsilons]
        curves[name, "lines", radius] = [one.error(y) for y in lift]

best = {}
for (name, kind, dial), values in curves.items():
    value, k = min((value, k) for k, value in enumerate(values))
    best[name, kind] = min(best.get((name, kind), (9e9,)), (value, dial, k))
for (name, kind), (value, dial, k) in best.items():
    at = (
        f"sigma_s {dial}, sigma_r {sigmas[k]}"
        if kind == "likeness"
        else f"radius {dial}, epsilon {epsilons[k]:g}"
    )
    print(f"{name:8} by {kind:9} best {value:.1f} % at {at}")
dial = {"sigma_spatial": 0.5, "sigma_range": 0.05}
mine = [task("mask").by_likeness(**dial, radius=radius) for radius in range(5)]
print(
    "mask     by likeness, radius 0 to 4:", *(f"{task('mask').error(y):.1f}" for y in mine)
)

# %% tags=["hide-input"]
figure, panels = plt.subplots(
    2, 2, figsize=(9.375, 6.0), layout="constrained", sharey="row"
)
for line, name in enumerate(("mask", "colours")):
    base = task(name).error(task(name).plain())
    for column, (kind, places) in enumerate((("likeness", sigmas), ("lines", epsilons))):
        axes = panels[line, column]
        mine = [(dial, v) for (n, k, dial), v in curves.items() if (n, k) == (name, kind)]
        top, names, height = (24, 16)[line], [], 0.0
        for number, (dial, values) in enumerate(mine):
            shade = style.mix(style.ink(), style.paper(), 1 - 0.2 * number)
            axes.plot(places, values, marker="os^D"[number], ms=4, color=shade)
            word = "$\\sigma_s$" if kind == "likeness" else "radius"
            names.append((values[-1], f"{word} {dial:g}"))
        for end, words in sorted(names):  # beside the last point, and not on one another
            height = max(end, height + 0.075 * top)
            axes.text(places[-1] * 1.25, height, words, fontsize=10, va="center")
        value, dial, k = best[name, kind]
        axes.plot(places[k], value, "o", ms=13, mfc="none", color=style.ink(), mew=1.2)
        axes.annotate(
            f"{value:.1f} %", (places[k], value), xytext=(0, -19), ha="center",
            textcoords="offset points", fontsize=10,
        )  # fmt: skip
        ends = places[0], places[-1]
        axes.plot(ends, (base, base), color=style.soft(), lw=1, ls=(0, (4, 2.5)))
        axes.text(
            places[0],
            base - 0.012 * top,
            "bilinear",
            color=style.soft(),
            fontsize=10,
            va="top",
        )
        axes.set(xscale="log", ylim=(-0.11 * top, top), yticks=range(0, top, 5))
        axes.set_title(f"{name}, by {kind}: error in %", fontsize=11)
        if line:
            axes.set_xlabel("$\\sigma_r$" if kind == "likeness" else "$\\varepsilon$")
        axes.set_xlim(places[0] / 1.9, places[-1] * 4)
show(
    figure,
    alt="Four panels of error curves. The mask by likeness has a valley at a sigma_range of about 0.05 and "
    "rises beyond 0.1; by lines it stays above bilinear everywhere. The colours by likeness stay above "
    "3 percent; by lines they fall to about 1.5 percent for every epsilon up to a thousandth.",
)

# %% [markdown]
# *The mask by lines never beats bilinear interpolation. The colours by lines beat likeness for every epsilon up to a
# thousandth.*
#
# Three things to read off. **Likeness is about $\sigma_r$**: too small, and a few odd pixels decide alone; too large,
# and the guide is ignored ($\sigma_r \to \infty$ is identity 3). On the mask the smallest $\sigma_s$ is best; for colours
# it is a large one, since with more samples to choose from more of the colours in between exist. The radius only has
# to be large enough for $\sigma_s$: at 0.5, nothing beyond one sample has a weight worth counting. **Lines are about
# $\varepsilon$ from above**: once it is below the contrast that matters it makes no difference, and larger
# windows are worse, since one line has to serve more. And **no dial turns a filter into the other one**.
#
# Here are both filters on a part of the picture, and below each of them its values along the marked row.

# %%
explore_lift(
    target="mask", sigma_spatial=0.5, sigma_range=0.05, radius=1, epsilon=1e-3, row=48
)

# %% [markdown]
# *Dashed: the filter; blue: the truth. Likeness steps with the mask, lines waver where the guide has texture.*
#
# The sliders of the next cell draw this picture anew, below themselves. Choose the colours, and find the setting at
# which likeness begins to draw a poster. Make the step of the mask fade with $\varepsilon$. Then move `radius` to 4 and
# watch the badge on the tank. (A part of the picture answers at once; its errors differ a little from those above.)

# %% tags=["nbval-ignore-output"]
import math

sliders = {"target": Dropdown(options=["mask", "colours"], description="target")}
for name, (low, high, start) in RANGES.items():
    look = {"description": name, "value": start, "continuous_update": False}
    if name in ("sigma_range", "epsilon"):
        ends = {"min": math.log10(low), "max": math.log10(high), "step": 0.1}
        sliders[name] = FloatLogSlider(**ends, readout_format=".1e", **look)
    elif isinstance(start, float):
        sliders[name] = FloatSlider(min=low, max=high, step=0.1, **look)
    else:
        sliders[name] = IntSlider(min=low, max=high, **look)
for slider in sliders.values():
    slider.style.description_width = "110px"  # room for the longest name
_ = interact(explore_lift, **sliders)

# %% [markdown]
# ## 6. The cost, counted
#
# By likeness each pixel asks $(2r+1)^2$ samples. Lines need means over windows. A mean over a window looks as if
# it cost $(2r+1)^2$ additions, too. It does not. Keep a *running total* of the row: the sum of any window is the
# total at its end minus the total before its beginning. Two reads and a subtraction, for a window of any
# size; then once more for the columns.


# %%
def box_row(x, radius):
    total = F.pad(x.cumsum(-1), (1, 0))  # total[i] = x[0] + ... + x[i - 1]
    i = torch.arange(x.shape[-1])
    first, last = (i - radius).clamp(min=0), (i + radius + 1).clamp(max=x.shape[-1])
    return (total[..., last] - total[..., first]) / (last - first)


x = normal(1, 1, 14, 19)
rows_then_columns = box_row(box_row(x, 3).mT, 3).mT
row_box = compare(
    "box by running totals: cell = library",
    rows_then_columns,
    box_mean(x, radius=3),
)
print(table([row_box]))

# %% [markdown]
# The same picture and the same target, radius 2 and then radius 8.

# %% tags=["hide-input"]
growth = Prediction(
    "By which factor does the guided filter's work grow when its radius goes from 2 to 8?",
    options=[
        "1: not at all",
        "about 3.4, the side of the window",
        "about 11.6, its area",
        "4",
    ],
    name="07-cost",
)
growth

# %% [markdown]
# To count, not to trust: this switch sees every operation that PyTorch runs while it is on, and adds up how
# many numbers were written. (A view writes none.)

# %%
from torch.utils._python_dispatch import TorchDispatchMode


class Written(TorchDispatchMode):
    numbers = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        if isinstance(out, torch.Tensor) and not function.is_view:
            self.numbers += out.numel()
        return out


def window_mean(x, radius):  # the obvious way: add up the whole window
    side, wide = range(2 * radius + 1), F.pad(x, (radius,) * 4)
    height, width = x.shape[-2:]
    return sum(wide[..., i : i + height, j : j + width] for i in side for j in side)


def written_per_pixel(call):
    with Written() as counter:
        call()
    return counter.numbers / 128**2


colour, grey, low = (
    torch.rand(1, 3, 128, 128),
    torch.rand(1, 1, 128, 128),
    torch.rand(1, 1, 16, 16),
)
tasks = {
    "mean, all of the window": lambda r: window_mean(grey, r),
    "mean, running totals": lambda r: box_mean(grey, radius=r),
    "joint bilateral": lambda r: joint_bilateral_upsample(
        colour, low, sigma_spatial=1.0, sigma_range=0.1, radius=r, rate=8
    ),
    "guided filter": lambda r: guided_filter(colour, grey, radius=r, epsilon=0.01),
    "fast guided filter, 1/8": lambda r: fast_guided_filter(
        colour, low, radius=r, epsilon=0.01, rate=8
    ),
}
print("numbers written for each pixel of the guide")
print(f"{'radius':26}" + "".join(f"{r:8}" for r in (1, 2, 4, 8)))
for name, call in tasks.items():
    counts = [written_per_pixel(lambda r=r, call=call: call(r)) for r in (1, 2, 4, 8)]
    print(f"{name:26}" + "".join(f"{count:8.0f}" for count in counts))

# %% tags=["hide-input"]
growth.reveal(
    "A",
    because={
        "B": "that would be a window summed along rows and then along columns, 17 / 5 each. Running totals do better.",
        "C": "17 * 17 / (5 * 5): true of joint bilateral upsampling, whose weights differ for every pixel.",
        "D": "the ratio of the radii. No part of the work is proportional to it.",
    },
    explain="Constant, at every radius. And the fast version does the same on 1/64 of the pixels, plus the "
    "interpolation of four maps.",
)

# %% [markdown]
# Two honest footnotes. The 24 numbers of the running totals include their copies, their borders and a division; at radius 1 the obvious mean writes *fewer* numbers than the clever one: $O(1)$ is a
# statement about growth. And the bilateral weights cannot be had from running totals, because they depend on the pixel
# that asks. As wall time, on this machine:

# %% tags=["nbval-ignore-output"]
from jpu_edu.cost.timing import time_in_turn

one = task("mask")
print(
    time_in_turn(
        {
            "joint bilateral, radius 4": lambda: one.by_likeness(
                sigma_spatial=0.5, sigma_range=0.05, radius=4
            ),
            "joint bilateral, radius 1": lambda: one.by_likeness(
                sigma_spatial=0.5, sigma_range=0.05, radius=1
            ),
            "fast guided, radius 4": lambda: one.by_lines(radius=4, epsilon=1e-3),
            "fast guided, radius 1": lambda: one.by_lines(radius=1, epsilon=1e-3),
        },
        repeats=5,
    ).table()
)

# %% [markdown]
# ## 7. Where it stops
#
# Here is the mask by lines again, for three radii. The badge on the tank is *motorcycle*, all of it, and the truth
# there is the constant 1.

# %% tags=["hide-input"]
lifted = {radius: motor.by_lines(radius=radius, epsilon=1e-4) for radius in (1, 2, 4)}
badge = (0, 0, slice(68, 84), slice(14, 66))
figure, panels = plt.subplots(1, 4, figsize=(9.375, 2.3), layout="constrained")
part = (..., slice(24, 136), slice(0, 128))
draw_picture(panels[0], motor.picture[part], "the guide")
for axes, (radius, y) in zip(panels[1:], lifted.items(), strict=True):
    draw_picture(axes, y[part], f"mask by lines, radius {radius}")
show(
    figure,
    alt="Tank and headlamp, and their mask by lines at radius 1, 2 and 4. At radius 1 the tank is white. At "
    "radius 4 the word YAMAHA stands in the mask, and so do the reflections in the headlamp.",
)

# %% [markdown]
# *The wider the windows, the more of the guide's texture stands in the mask.*

# %% tags=["hide-input"]
letters = Prediction(
    "The mask's samples are 1 all over the badge. Where does the writing come from, at radius 4?",
    options=[
        "rounding: epsilon is too small",
        "from the samples near the badge: some are 0, and their windows reach it",
        "from the badge's own samples",
        "from interpolating a and b",
    ],
    name="07-letters",
)
letters

# %%
print("the mask on the badge (truth: 1 everywhere)   lowest    spread")
for radius, y in lifted.items():
    print(f"by lines, radius {radius} {y[badge].min():33.2f} {y[badge].std():9.3f}")
print(f"by likeness, radius 1 {likened[badge].min():30.2f} {likened[badge].std():9.3f}")

rows_far = []
for radius in (1, 2, 4):
    away = 2 * radius  # a window, and the mean over windows
    reach = {"kernel_size": 2 * away + 1, "stride": 1, "padding": away}
    highest = F.max_pool2d(motor.target, **reach)
    lowest = -F.max_pool2d(-motor.target, **reach)
    y_low = guided_filter(
        reduce(motor.picture, rate=8), motor.target, radius=radius, epsilon=1e-4
    )
    calm = highest == lowest
    rows_far.append(
        compare("no edge within 2 radius: unchanged",
                torch.where(calm, y_low, motor.target), motor.target)
    )  # fmt: skip
row_far = worst(rows_far)
print()
print(table([row_far]))

# %% tags=["hide-input"]
letters.reveal(
    "B",
    because={
        "A": "rounding is below 1e-12 here.",
        "C": "a window of equal samples has covariance 0: slope 0, and nothing of the guide gets in.",
        "D": "an interpolated slope lies between its neighbours. If all are 0, it is 0.",
    },
    explain="A slope that was fitted to an edge, up to 2 radius samples away, is applied to the letters. "
    "Further away than that, no texture can be invented, whatever the guide shows.",
)

# %% [markdown]
# So texture is copied **only near edges of the target**, within $2r$ samples, and there all of it is. Small windows
# are the remedy. Many people reach for $\varepsilon$ first, which is said to remove weak texture and keep strong
# edges. Ask the nine pixels: the guide has a step of 4 and a speck of 1. The mask should have a step and
# no speck.

# %%
print("epsilon / variance    step    speck    step : speck")
for share in (0, 1 / 3, 1, 3, 7):
    a, b = fit_line(x_l, y_l, epsilon=share * variance)
    y = a * x_h + b
    step, dust = y[6] - y[5], y[2] - y[1]
    print(f"{share:18.2f} {step:7.2f} {dust:8.2f} {step / dust:11.0f}")

# %% [markdown]
# 4 to 1, always. In one window there is one slope, and it multiplies the edge and the texture alike.
# $\varepsilon$ tells *windows* apart, those that hold an edge from those that hold texture only; inside a window it
# can tell nothing apart.
#
# Now **the other way round**: a target that has an edge where the guide has none. Red paint beside green, of
# one brightness. A grey guide cannot see it.

# %%
paints = torch.zeros(1, 3, 16, 16, dtype=torch.float64)
paints[:, 0, :, :8], paints[:, 1, :, 8:] = 1.0, 1.0  # left red, right green
edge = paints[:, :1].clone()  # the target: where is red?
grey_paints = paints.mean(1, keepdim=True)
setting = {"radius": 2, "epsilon": 1e-6}
grey_motor = motor._replace(picture=motor.picture.mean(1, keepdim=True))
print("mask by likeness, colour guide and grey guide:",
      *(f"{one.error(one.by_likeness(**dials[0])):.1f} %" for one in (motor, grey_motor)))  # fmt: skip
written, poster = lifted[4], results["by likeness"]
unseen = guided_filter(grey_paints, edge, **setting)
breaks = {"breaks": True, "tolerance": 0.01}
rows_break = [
    compare("mask by lines = 1 on the badge", written[badge], motor.truth[badge], **breaks),
    compare("lines stay in the range 0 to 1", lined.clamp(0, 1), lined, **breaks),
    compare("colours by likeness = the truth", poster, paint.truth, **breaks),
    compare("grey guide: the edge is kept", unseen, edge, **breaks),
]
rows_kept = [
    compare(
        "grey guide: as without a guide",
        unseen,
        box_mean(box_mean(edge, radius=2), radius=2),
    ),
    compare(
        "colour guide: the edge is kept",
        guided_filter(paints, edge, **setting),
        edge,
        label="approximate",
        tolerance=1e-4,
    ),
]
print(f"mask by lines, radius 1: values from {lined.min():.1f} to {lined.max():.1f}")
print()
print(table(rows_break))
print()
print(table(rows_kept))

# %% [markdown]
# One more counterexample, this time to a number. By *mean error* the mask by lines is worse than bilinear interpolation. Now
# cut all three at one half and count wrong labels instead.

# %%
print("                mean error   wrong label after a cut at 1/2")
for name, y in (("bilinear", bilinear), ("by likeness", likened), ("by lines", lined)):
    print(f"{name:14} {motor.error(y):9.1f} % {wrong_side(y):13.1f} %")

# %% [markdown]
# The cut throws away nearly all of the invented grey, and lines become as good as likeness. Which filter is better
# depends on what the result is *for*. A segmentation network ends in such a cut, too: it takes the class with the
# largest score. Walkthrough 12 is about measuring the right thing.
#
# ## 8. One sentence for all of them
#
# This is joint upsampling in the words of the FastFCN paper (section 3.3). Given a guide at both resolutions,
# $x_l$ and $x_h$, and the target $y_l = f(x_l)$ at the low one,
#
# $$y_h = \hat f(x_h), \qquad \hat f = \arg\min_{h \in \mathcal H} \left\lVert\, y_l - h(x_l) \,\right\rVert .$$
#
# $f$ is expensive, so it ran on $x_l$ alone. $\hat f$ is cheap and imitates it. Everything is in two choices: the set
# $\mathcal H$ of functions that are allowed, and what $\lVert \cdot \rVert$ counts as an error.
#
# The fast guided filter *is* this sentence, with "a line in every window" for $\mathcal H$. Do not take that on
# trust. Forget its formula, hand every window to a least-squares solver, and compare.


# %%
def argmin_over_lines(x_l, y_l, radius, epsilon):
    """Every window's argmin of sum (a x_l + b - y_l)^2 + n epsilon |a|^2: (windows, G + 1)."""
    side, channels = 2 * radius + 1, x_l.shape[1]

    def windows(z):  # (windows, samples of one window, channels), zeros beyond the border
        parts = F.unfold(z, side, padding=radius)
        return parts.unflatten(1, (z.shape[1], side**2))[0].permute(2, 1, 0)

    inside = windows(torch.ones_like(y_l))
    n = inside.sum(1, keepdim=True)
    left = torch.cat([windows(x_l), inside], 2)  # unknowns: a for each channel, then b
    ridge = (n * epsilon).sqrt() * torch.eye(channels, channels + 1, dtype=x_l.dtype)
    right = torch.cat([windows(y_l), y_l.new_zeros(len(n), channels, 1)], 1)
    return torch.linalg.lstsq(torch.cat([left, ridge], 1), right).solution[..., 0]


# %% [markdown]
# $\hat f$ = `argmin` on $(x_l, y_l)$; then $y_h = \hat f(x_h)$: average the lines of overlapping windows,
# carry them to every pixel, read them off at $x_h$.

# %%
x_h, y_l = motor.picture, motor.target
x_l = reduce(x_h, rate=8)
f_hat = argmin_over_lines(x_l, y_l, radius=2, epsilon=1e-3)
lines = box_mean(f_hat.T.unflatten(1, y_l.shape[-2:])[None], radius=2)
lines = phase_aligned(lines, rate=8, size=x_h.shape[-2:])
y_h = (lines[:, :3] * x_h).sum(1, keepdim=True) + lines[:, 3:]
library = fast_guided_filter(x_h, y_l, radius=2, epsilon=1e-3, rate=8)
row_argmin = compare("guided = argmin over lines, at x_h", y_h, library, tolerance=1e-9)


def loss(lines):  # of one window in the middle of the map
    x, y = (z[0, :, 10:15, 14:19].flatten(1) for z in (x_l, y_l))
    a, b = lines[:, :3], lines[:, 3:]
    return (a @ x + b - y).square().sum(1) + 25 * 1e-3 * a.square().sum(1)


middle = f_hat[12 * 32 + 16][None]
others = middle + 0.1 * normal(10_000, 4)
better = int((loss(others) < loss(middle)).sum())
print(table([row_argmin]))
print("of 10 000 other lines, better than the argmin:", better)

# %% [markdown]
# And likeness? It is the same sentence with a *smaller* $\mathcal H$: constants. Each pixel has its own error measure, in
# which a sample counts as much as it is near and alike.

# %%
guide, target = normal(2, 9, 11), normal(3, 4)
x_low = guide[:, ::3, ::3]
k, m = torch.meshgrid(torch.arange(3.0).double(), torch.arange(4.0).double(), indexing="ij")
by_solver = torch.empty(9, 11, dtype=torch.float64)
for i in range(9):
    for j in range(11):
        near = ((i / 3 - k) ** 2 + (j / 3 - m) ** 2) / (2 * 0.8**2)
        unlike = (guide[:, i, j, None, None] - x_low).square().sum(0) / (2 * 0.7**2)
        root = torch.exp(-(near + unlike) / 2).reshape(-1, 1)  # the root of the weight
        by_solver[i, j] = torch.linalg.lstsq(
            root, root * target.reshape(-1, 1)
        ).solution.item()
library = joint_bilateral_upsample(
    guide[None], target[None, None], sigma_spatial=0.8, sigma_range=0.7, radius=4, rate=3
)
row_constants = compare("bilateral = argmin over constants", by_solver, library[0, 0])
print(table([row_constants]))

# %% [markdown]
# Now read the sentence once more, with other letters. The guide is $y_m$, a map of *features*. At low resolution it
# is phase 0, $y_m^0$. The target is $y_s$, what a strided network has computed from it, and the
# truth is $y_d$, what the dilated network would have computed. Nothing else changes.
#
# Take $y_m$ = eight maps of features of the cat, and a single 3 x 3 convolution between $y_m^0$ and $y_s$. Lift $y_s$.

# %% tags=["hide-input"]
features = Prediction(
    "Bilinear interpolation of y_s knows nothing of y_m. Which filter, guided by y_m, is clearly closer to y_d?",
    options=["likeness", "lines", "both", "neither"],
    name="07-features",
)
features

# %%
from jpu_edu.data.photos import edge_features
from jpu_edu.ops import chains

x = edge_features(photo("chelsea", size=(151, 227), dtype=torch.float64))
layers = [
    chains.Layer(normal(8, 8, 3, 3) / 8, then=lambda y, x: y.relu()),  # makes y_m
    chains.Layer(normal(8, 8, 3, 3) / 8),  # n = 1, linear
]
y_m, y_s = chains.guide(x, layers), chains.strided_chain(x, layers, rate=2)
y_d = chains.dilated_chain(x, layers, rate=2)


def by_phase(name, y):
    """Root mean square error of each phase, in percent of that phase's root mean square."""
    pairs = zip(split(y, rate=2), split(y_d, rate=2), strict=True)
    shares = [
        100 * ((a - b).square().sum() / b.square().sum()).sqrt().item() for a, b in pairs
    ]
    print(f"{name:28}" + "".join(f"{share:7.0f}" for share in shares))


def best_of(lift, first, second):
    """The lift with the smallest error over all pairs of dials."""
    tries = [lift(one, other) for one in first for other in second]
    return min(tries, key=lambda y: (y - y_d).square().sum().item())


likened_y = best_of(
    lambda s, t: joint_bilateral_upsample(y_m, y_s, sigma_spatial=s, sigma_range=t, rate=2),
    (0.2, 0.3, 0.5, 1.0),
    (0.05, 0.1, 0.2, 0.5, 1.0),
)
lined_y = best_of(
    lambda radius, e: fast_guided_filter(y_m, y_s, radius=radius, epsilon=e, rate=2),
    (1, 2, 4, 8),
    (1e-6, 1e-4, 1e-3, 1e-2, 1e-1),
)
print("error of phase, %                 0      1      2      3")
by_phase("bilinear", phase_aligned(y_s, rate=2, size=y_d.shape[-2:]))
by_phase("by likeness, best of 20", likened_y)
by_phase("by lines, best of 20", lined_y)

# %% tags=["hide-input"]
features.reveal(
    "D",
    because={
        "A": "likeness can only average y_s. At its best it ends up where bilinear interpolation is.",
        "B": "a line takes each pixel of y_m by itself. y_s was made from nine neighbours.",
        "C": "likeness is about as good as interpolation without a guide, lines are worse.",
    },
    explain="The sentence is right; neither H contains anything like the truth, a 3 x 3 convolution.",
)

# %% [markdown]
# A line in $y_m$ is, in the language of networks, a 1 x 1 convolution: one for each window. The truth was a 3 x 3 one.
# If it *had* been 1 x 1, lines would have recovered it (identity 2; one window for all, since in a small one eight
# features may not vary enough to tell their slopes apart). And if 3 x 3 convolutions are put into $\mathcal H$, the same sentence, solved by
# the same least squares, gives everything back.

# %%
from jpu_edu.ops.solve import fit_h

mix = normal(8, 8, 1, 1)
inside_H = F.conv2d(y_m, mix)
few = reduce(inside_H, rate=2)
got = fast_guided_filter(
    y_m, few, radius=200, epsilon=1e-12, rate=2
)  # one window holds all
h_hat = fit_h(reduce(y_m, rate=2), y_s, kernel=3)
rows_networks = [
    compare("y_d 1 x 1: by lines", got, inside_H, label="approximate", tolerance=1e-6),
    compare("y_d 3 x 3: by lines", lined_y, y_d, breaks=True, tolerance=0.01),
    compare("y_d 3 x 3: argmin over 3 x 3", h_hat.on_guide(y_m, rate=2), y_d),
]  # fmt: skip
print(table(rows_networks))

# %% [markdown]
# That is where the JPU comes from, and the last line is where [walkthrough 10](10_posed_and_solved.ipynb) begins. Its truth
# has several layers with ReLUs in between; then least squares is no longer enough, $h$ becomes a network, and the
# label changes from exact to **learned**.
#
# | | $\mathcal H$ | what is minimised | when |
# |---|---|---|---|
# | joint bilateral | a constant for each pixel | $\lVert y_l - h \rVert$, weighted by likeness | anew for every pixel |
# | guided filter | a line in every window | $\lVert y_l - h(x_l) \rVert$, and $\varepsilon a^2$ | anew for every picture |
# | least squares (10) | one $k \times k$ convolution | $\lVert y_s - h(y_m^0) \rVert$ | anew for every picture |
# | JPU | separable convolutions at rates 1, 2, 4, 8 | the *segmentation* error, in training | once; fixed afterwards |
#
# So the JPU **is** their descendant: it takes a small target and a large guide, and what it does with them is a function
# that was chosen from a set by minimising an error. And it **is not** in three ways. It never computes $\arg\min$ for
# the picture at hand. It never sees $y_d$, nor is it asked to reproduce $y_s$: the error that trained it sits at the end of
# the network. And it has two targets, c4 and c5 (conv4 and conv5 in the paper), and lifts them
# together. A guided filter adapts to
# every picture and knows nothing of pictures. A JPU knows pictures and does not adapt.
#
# ## The check

# %%
zero = torch.tensor(0.0, dtype=torch.float64)
mean_errors = [
    ("mask by likeness, mean error", motor.error(likened), 0.03),
    ("colours by lines, mean error", errors["by lines"][1], 0.02),
]
rows_error = [
    compare(name, zero + error / 100, zero, label="approximate", tolerance=bound)
    for name, error, bound in mean_errors
]
rows_same = [*rows_1d, row_bilateral, row_guided, row_fast, row_box]
rows_law = [*rows_identities, row_far, row_argmin, row_constants]
rows_hold = [
    *rows_same,
    *rows_law,
    *rows_kept,
    *rows_error,
    rows_networks[0],
    rows_networks[2],
]
print(table(rows_hold))
print()
print(table([*rows_break, rows_networks[1]]))

# %% [markdown]
# ## Ask your neighbour
#
# Choose alone, argue with somebody who chose otherwise, choose again. Then open the reasons.

# %% tags=["hide-input"]
quiz(
    [
        Question(
            "You lift a depth map of a tiled floor by lines, with a colour photograph as the guide. Next to a "
            "table leg the joints between the tiles appear in the depth. What removes them and keeps the edge of the leg?",
            [
                "A larger epsilon: joints have less contrast than the leg",
                "A larger radius: more pixels average the joints away",
                "Likeness in place of lines, or at least a smaller radius",
                "A sharper photograph",
            ],
            answer="C",
            why=[
                "Near the leg one window holds both, with one slope for both. Epsilon shrinks them in proportion: "
                "4 to 1 stayed 4 to 1.",
                "Texture is copied up to 2 radius samples from an edge. A larger radius carries it further, as the badge shows.",
                "Likeness only asks which samples to average, and both sides of a joint have samples of the floor. A smaller "
                "radius confines the damage to the leg's neighbourhood.",
                "The guide's detail is what is being copied.",
            ],
            peer=True,
        ),
        Question(
            "A trained FastFCN gets a picture such as it has never seen. Which error does its JPU minimise on it?",
            [
                "The distance between y_s and h(y_m0), as in the definition of joint upsampling",
                "The segmentation error",
                "None",
            ],
            answer="C",
            why=[
                "The guided filter does that, for every picture anew. A JPU could not even compute it without a solver inside.",
                "That was minimised in training. A new picture has no labels.",
                "Its h was fixed when training ended. It will be good here as far as this picture resembles those.",
            ],
            peer=True,
        ),
    ]
)

# %% [markdown]
# ## What you take with you
#
# - Joint upsampling: $y_h = \hat f(x_h)$ with $\hat f = \arg\min_{h \in \mathcal H} \lVert y_l - h(x_l) \rVert$. Samples alone decide
#   nothing in between; $\mathcal H$ does. **Exact**: joint bilateral upsampling is this with constants, the fast guided filter
#   with lines.
# - Likeness is for masks, labels and depth (error 6.0 % to 2.6 %), lines are for colours and light (9.1 % to 1.5 %).
#   **Approximate**, and each is bad at the other's task.
# - A constant guide leaves the plain filter. A line in the guide comes back with slope $a v / (v + \varepsilon)$.
# - The guided filter's cost does not depend on its radius, and the fast one fits on the small maps.
# - Texture is invented within $2r$ samples of the target's edges, in proportion to the edge; $\varepsilon$ does not help
#   there. An edge that the guide lacks is lost.
# - The JPU keeps the sentence, puts features in place of colours and a network in place of the line, and is fitted once.
#
# **Glossary.**
#
# - **guide**: the sharp map that says where things change; here $x_h$, in FastFCN $y_m$.
# - **target**: the coarse map that is to be made fine; here $y_l$, in FastFCN $y_s$.
# - **joint bilateral upsampling**: each pixel is a mean of samples, weighted by distance and by likeness of the guide.
# - **guided filter**: in every window the result is a straight-line function of the guide.
# - **fast guided filter**: a guided filter that is fitted at low resolution and applied at high.
# - **box filter**: the mean over a square window, at a cost that does not depend on its size.
# - **texture copying**: structure of the guide that turns up in a target which does not have it.
#
# **References.** Kopf, Cohen, Lischinski and Uyttendaele, *Joint Bilateral Upsampling*, SIGGRAPH 2007. ·
# He, Sun and Tang, *Guided Image Filtering*, ECCV 2010. ·
# He and Sun, *Fast Guided Filter*, 2015, [arXiv 1505.00996](https://arxiv.org/abs/1505.00996). ·
# Crow, *Summed-Area Tables for Texture Mapping*, SIGGRAPH 1984. ·
# Petschnigg et al., *Digital Photography with Flash and No-Flash Image Pairs*, SIGGRAPH 2004. ·
# Scharstein et al., *High-Resolution Stereo Datasets with Subpixel-Accurate Ground Truth*, GCPR 2014 (the motorcycle). ·
# Wu, Zheng, Zhang and Huang, *Fast End-to-End Trainable Guided Filter*, CVPR 2018,
# [arXiv 1803.05619](https://arxiv.org/abs/1803.05619), a step between these filters and the JPU by three of its authors. ·
# Wu et al., *FastFCN*, 2019, [arXiv 1903.11816](https://arxiv.org/abs/1903.11816), section 3.3.
#
# **Exercises:** [four tasks](exercises/07_joint_upsampling.ipynb), with checks that know the usual mistakes.
#
# **Next:** [08 · Two networks, one set of weights](08_two_networks.ipynb)

# %% tags=["hide-input"]
tally()
