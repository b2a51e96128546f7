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
# # Exercises 07 · Borrowed edges
#
# In [the walkthrough](../07_joint_upsampling.ipynb) a photograph lent its edges to a mask, and its writing too. Here you
# write both filters, ask an expensive function about one pixel in sixteen, and then say to the pixel how far from an edge
# a mask can catch somebody else's texture.
#
# **Time:** 50 minutes. **You need:** [07](../07_joint_upsampling.ipynb).
#
# **How it works.** Run the first cell. Write your lines where `raise NotImplementedError()` stands, run the cell, run the
# check below it, read the answer. A check tries your function on many inputs, small ones first. It
# compares what comes out and never looks inside, so any correct way passes. More help is one argument away:
# `check_lift(lift, hint=2)`, then `hint=3`, then `hint="solution"`.

# %%
import torch

from jpu_edu.classic.box import box_mean
from jpu_edu.classic.guided import guided_coefficients
from jpu_edu.exercises.e07_joint_upsampling import (
    check_invented,
    check_lift,
    check_lines,
    check_paint,
    given,
)
from jpu_edu.ops.interp import phase_aligned
from jpu_edu.ops.phases import reduce

SEED = 0  # chooses sizes, rates, sigmas and pictures; a class has its own

# %% [markdown]
# ## Task 1 · Who looks alike, is alike
#
# **Guided** · difficulty ●○○ · **Minutes:** 10 · **Points:** 4
#
# **Goal:** write the weight of joint bilateral upsampling, and know what each sigma is measured in.
#
# A row of pixels `x_h` guides; of the target there are samples `y_l`, one for every `rate` pixels, the first at pixel 0. Each
# pixel gets a weighted mean of *all* samples. The mean stands there. Compute the weights of the samples for pixel `p`:
# a Gaussian of the distance, $\sigma_s$ in samples, times a Gaussian of the difference in the guide, $\sigma_r$ in the guide's
# units. (A Gaussian here is $e^{-d^2 / 2\sigma^2}$. Nothing has to be normalised, the mean does it.)


# %% answer=1
def lift(x_h, y_l, rate, sigma_s, sigma_r):
    """x_h: (H,), y_l: (h,), h = ceil(H / rate). Returns the lifted target, (H,)."""
    x_l = x_h[::rate]  # the guide at the samples
    k = torch.arange(len(y_l), dtype=x_h.dtype)  # 0, 1, 2, ..., h - 1
    y_h = torch.empty_like(x_h)
    for p in range(len(x_h)):
        ### BEGIN SOLUTION
        near = torch.exp(-((p / rate - k) ** 2) / (2 * sigma_s**2))
        alike = torch.exp(-((x_h[p] - x_l) ** 2) / (2 * sigma_r**2))
        weight = near * alike
        ### END SOLUTION
        y_h[p] = (weight * y_l).sum() / weight.sum()
    return y_h


# %% check=1 points=4
check_lift(lift, seed=SEED)
### BEGIN HIDDEN TESTS
check_lift.grade(lift, seed=SEED + 1000, points=4)
### END HIDDEN TESTS

# %% [markdown] why=1
# **Why it works.** Sample $k$ stands at pixel $k r$, so pixel $p$ lies at $p / r$ when one counts in samples. Near *and* alike is
# a product: it is small as soon as one factor is. Across an edge of the guide the second factor falls to nearly 0,
# and the mean is taken among the samples of one side: that is the borrowed edge. *Other ways:* add the two exponents
# and take a softmax over the samples; all pixels at once with `p[:, None]`;
# `jpu_edu.classic.bilateral.joint_bilateral_upsample` with a radius that holds every sample.

# %% [markdown] rubric=1
# **Rubric.** 4: all sizes, rates and sigmas. The grader gives half of the points times the share of right cases to
# anything else. By hand 3 where only the 2 of the Gaussian is missing: a matter of how sigma is defined.

# %% [markdown]
# ## Task 2 · A line in every window
#
# **Faded** · difficulty ●●○ · **Minutes:** 12 · **Points:** 4
#
# **Goal:** write the guided filter in a few means over windows.
#
# In every window the target `y` is fitted by a line in the guide `x`: $a x + b$ with the smallest mean of $(a x + b -
# y)^2$, plus $\varepsilon a^2$. A pixel lies in many windows, and the filter gives it the mean of all their lines, read
# off at its own $x$. `mean(z)` is the mean over the window around each pixel.


# %% answer=2
def by_lines(x, y, radius, epsilon):
    """x: the guide, y: the target, both (1, 1, H, W). Returns the filtered target, (1, 1, H, W)."""

    def mean(z):
        return box_mean(z, radius=radius)

    ### BEGIN SOLUTION
    covariance = mean(x * y) - mean(x) * mean(y)
    variance = mean(x * x) - mean(x) ** 2
    a = covariance / (variance + epsilon)
    b = mean(y) - a * mean(x)
    return mean(a) * x + mean(b)
    ### END SOLUTION


# %% check=2 points=4
check_lines(by_lines, seed=SEED)
### BEGIN HIDDEN TESTS
check_lines.grade(by_lines, seed=SEED + 1000, points=4)
### END HIDDEN TESTS

# %% [markdown] why=2
# **Why it works.** Set the derivative by $b$ to zero: the line goes through the means, $b = \bar y - a \bar x$. Put that in,
# set the derivative by $a$ to zero: $a = \operatorname{cov} / (\operatorname{var} + \varepsilon)$. At each pixel stands the line
# of the window *around* it; the windows in which it lies are those around its neighbours, so their mean is the same
# `mean` once more. Six window means, and none costs more when the radius grows. *Other ways:* a least-squares solver for
# every window; `jpu_edu.classic.guided.guided_filter`.

# %% [markdown] rubric=2
# **Rubric.** 4: all radii and epsilons. 3 by hand for everything right except the last average of the lines: that is
# the fit, not yet the filter.

# %% [markdown]
# ## Task 3 · An expensive function, asked at a few pixels
#
# **Open** · difficulty ●●● · **Minutes:** 13 · **Points:** 6
#
# **Goal:** carry out the sentence of joint upsampling: fit low, apply high.
#
# You get `f`, which repaints a picture of any size. It is slow, so you may call it on the small guide $x_l = R(x_h)$ only,
# `reduce(x_h, rate=rate)`. Fit lines to that pair, and return what the *fast guided filter* gives for the whole `x_h`.
#
# Yours to use: `guided_coefficients(x, y, radius=..., epsilon=...)` returns the averaged slopes (1, 1, 1, H, W), with one
# axis for the channels of the guide, and the averaged offsets (1, 1, H, W). `phase_aligned(y, rate=rate, size=(H, W))`
# interpolates samples that $R$ has left.


# %% answer=3
def paint(f, x_h, rate, radius, epsilon):
    """f: a function of a map (1, 1, h, w). x_h: (1, 1, H, W). Returns y_h, (1, 1, H, W)."""
    ### BEGIN SOLUTION
    x_l = reduce(x_h, rate=rate)
    y_l = f(x_l)
    a, b = guided_coefficients(x_l, y_l, radius=radius, epsilon=epsilon)
    size = x_h.shape[-2:]
    a = phase_aligned(a[:, 0], rate=rate, size=size)
    b = phase_aligned(b, rate=rate, size=size)
    return a * x_h + b
    ### END SOLUTION


# %% check=3 points=6
check_paint(paint, seed=SEED)
### BEGIN HIDDEN TESTS
check_paint.grade(paint, seed=SEED + 1000, points=6)
### END HIDDEN TESTS

# %% [markdown] why=3
# **Why it works.** $\hat f$ is the argmin over lines on $(x_l, y_l)$, and $y_h = \hat f(x_h)$. What is interpolated are $a$ and
# $b$, which are smooth because they are means over windows; the edges come from $x_h$, which is sharp. `f` has been asked
# at one of `rate`² pixels, and the fit has been made there too. FastFCN's approximation is built in the same way: fit
# on $(y_m^0, y_s)$, apply to $y_m$. *Other ways:* bring a and b up together, as two channels of one map;
# `jpu_edu.classic.guided.fast_guided_filter` on `f(reduce(x_h, rate=rate))`.

# %% [markdown] rubric=3
# **Rubric.** 6: all sizes and rates. 3 by hand: lines fitted low, but applied to the wrong guide or brought up to the
# wrong places. 1: the target interpolated, or `f` called on everything.

# %% [markdown]
# ## Task 4 · Break it
#
# **Break-it** · difficulty ●●○ · **Minutes:** 15 · **Points:** 4, and 2 for the reason
#
# **Goal:** predict exactly where the guided filter invents texture, and say why.
#
# A colleague smooths masks with the guided filter. "Where the mask is constant," they say, "nothing can happen to it: a
# constant has no slope." Your mask is a single row, filtered with windows of `radius` places to each side:

# %%
mask = given(SEED)
print(mask)

# %% [markdown]
# The guide is a row of random numbers, so no two places look alike. List all places, counted from 0, at which the
# result differs from the mask. Pencil first; code is allowed.


# %% answer=4
def invented(mask):
    """mask has radius, size and edges = (first 1, first 0 behind it). Returns a list of whole numbers."""
    ### BEGIN SOLUTION
    reach = 2 * mask.radius
    return [
        i for i in range(mask.size) if any(e - reach <= i < e + reach for e in mask.edges)
    ]
    ### END SOLUTION


# %% check=4 points=4
check_invented(invented, seed=SEED)
### BEGIN HIDDEN TESTS
check_invented.grade(invented, seed=SEED, points=4)
### END HIDDEN TESTS

# %% [markdown]
# In two or three sentences: how does texture of the guide get into places where the mask is constant, and why does a
# larger $\varepsilon$ not remove it without removing the edge as well?

# %% [markdown] answer=5 points=2
# A window that holds both a 0 and a 1 gets a slope, and this slope is used at all of its places, also where the mask is
# constant; the mean over windows carries it one radius further. $\varepsilon$ makes the slope of the window smaller, but in one
# window there is one slope: it multiplies the edge and the texture alike, and their ratio stays.

# %% [markdown] why=4
# **Why it works.** An edge lies between places $e - 1$ and $e$. The window around $c$ sees it when $c - r \le e - 1$ and $c + r \ge e$,
# so $c$ runs from $e - r$ to $e - 1 + r$. Place $i$ averages the lines of the windows around $i - r$ to $i + r$, so it hears of
# one of these if it lies between $e - 2r$ and $e - 1 + 2r$: $4r$ places for each edge. Everywhere else all covariances are 0,
# and what is left is a mean of equal numbers. *Another way:* filter the mask with one random guide, and look where it has
# changed.

# %% [markdown] rubric=4
# **Rubric.** Places, 4: all. Reason, 2: (1) a slope fitted to the edge is applied to the whole window, or to overlapping
# ones; (1) one slope multiplies edge and texture alike. "The window is too large" alone: half a point.
