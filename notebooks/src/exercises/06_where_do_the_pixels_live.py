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
# # Exercises 06 · Half a pixel here, half a rocket there
#
# In [the walkthrough](../06_where_do_the_pixels_live.ipynb) one argument moved a rocket by half its width. Here you write
# both of its meanings, then the resize that a strided network needs, then the ruler that says how far off the others are; and
# you find every size at which a colleague's rule of thumb is too narrow.
#
# **Time:** 45 minutes. **You need:** [06](../06_where_do_the_pixels_live.ipynb).
#
# **How it works.** Run the first cell. Write your lines where `raise NotImplementedError()` stands, run the cell, run the
# check below it, read the answer. A check tries your function on many inputs, small ones first. It
# compares what comes out and never looks inside, so any correct way passes. More help is one argument away:
# `check_enlarge(enlarge, hint=2)`, then `hint=3`, then `hint="solution"`.

# %%
import math

import torch.nn.functional as F

from jpu_edu.exercises.e06_where_do_the_pixels_live import (
    check_drift,
    check_enlarge,
    check_exact,
    check_fitting,
    given,
)

SEED = 0  # chooses sizes, rates, kernels and pictures; a class has its own

# %% [markdown]
# ## Task 1 · Where does output i look?
#
# **Guided** · difficulty ●○○ · **Minutes:** 10 · **Points:** 4
#
# **Goal:** know both meanings of `align_corners` by heart, as two straight lines.
#
# Output `i` of a linear interpolation looks at a place between two coarse samples and mixes them. The mixing stands
# there. Compute the place, counted in coarse samples: with `align_corners` the first samples meet and the last ones
# meet; without, samples are the middles of pixels, and the outer *edges* of the signals meet.


# %% answer=1
def enlarge(y, size, align_corners):
    """y: (h,), h >= 2. Returns (size,), size >= 2."""
    h = len(y)
    out = y.new_zeros(size)
    for i in range(size):
        ### BEGIN SOLUTION
        corners_meet = i * (h - 1) / (size - 1)
        edges_meet = (i + 0.5) * h / size - 0.5
        place = corners_meet if align_corners else edges_meet
        ### END SOLUTION
        place = min(max(place, 0), h - 1)  # beyond the ends: hold
        left = min(int(place), h - 2)
        share = place - left
        out[i] = (1 - share) * y[left] + share * y[left + 1]
    return out


# %% check=1 points=4
check_enlarge(enlarge, seed=SEED)
### BEGIN HIDDEN TESTS
check_enlarge.grade(enlarge, seed=SEED + 1000, points=4)
### END HIDDEN TESTS

# %% [markdown] why=1
# **Why it works.** A resize is a straight line from fine to coarse places, and two points fix it. Aligned corners:
# $0 \mapsto 0$ and $\text{size} - 1 \mapsto h - 1$. Aligned edges: $-\tfrac12 \mapsto -\tfrac12$ and $\text{size} - \tfrac12 \mapsto
# h - \tfrac12$. Neither knows anything about the network that made the samples. *Other ways:* `F.interpolate` on
# `y[None, None]` with `mode="linear"`; or `torch.linspace` between the two ends of the line.

# %% [markdown] rubric=1
# **Rubric.** 4: both cases, all sizes. The grader gives half of the points times the share of right cases to anything
# else, so one right case of two earns 1.

# %% [markdown]
# ## Task 2 · The resize that fits a stride
#
# **Faded** · difficulty ●●○ · **Minutes:** 10 · **Points:** 4
#
# **Goal:** put samples back where the stride left them.
#
# `x` was made by a stride of `rate` from a map of `size` = (H, W), so sample $k$ stands at pixel $k \cdot \text{rate}$. Return
# the map of `size` that has it there, interpolates between, and holds the last value behind the last sample. One
# call of `F.interpolate` and one of `F.pad` suffice; the first needs a size and a value of `align_corners`.


# %% answer=2
def fitting(x, rate, size):
    """x: (1, C, h, w) with h = ceil(H / rate), w = ceil(W / rate). Returns (1, C, H, W)."""
    h, w = x.shape[-2:]
    ### BEGIN SOLUTION
    high, wide = (h - 1) * rate + 1, (w - 1) * rate + 1
    up = F.interpolate(x, size=(high, wide), mode="bilinear", align_corners=True)
    return F.pad(up, (0, size[1] - wide, 0, size[0] - high), mode="replicate")
    ### END SOLUTION


# %% check=2 points=4
check_fitting(fitting, seed=SEED)
### BEGIN HIDDEN TESTS
check_fitting.grade(fitting, seed=SEED + 1000, points=4)
### END HIDDEN TESTS

# %% [markdown] why=2
# **Why it works.** From sample 0 at pixel 0 to sample $h - 1$ at pixel $(h-1) r$ there are $(h-1) r + 1$ pixels, and there first
# and last samples do meet: `align_corners=True` is exact at that size. What is left over at the far end, at most
# $r - 1$ pixels, has no sample behind it. Check it with $R$: `up[..., ::rate, ::rate]` is `x`. *Other ways:*
# `jpu_edu.ops.interp.phase_aligned`; two one-dimensional interpolations with the places $i / r$.

# %% [markdown] rubric=2
# **Rubric.** 4: all sizes and rates. Zeros instead of the held value: 2 by hand, the places are right.

# %% [markdown]
# ## Task 3 · A ruler
#
# **Open** · difficulty ●●● · **Minutes:** 13 · **Points:** 6
#
# **Goal:** measure a misalignment in pixels, for any network and any size, without running either.
#
# An image of `size` pixels (one axis) goes through a network with "same" padding. One map has the stride `coarse`, another
# the stride `fine`; the coarse one is resized to the size of the fine one. Fine sample $j$ stands at pixel $j \cdot
# \text{fine}$, and is shown what the coarse map holds at some other pixel. Return the largest distance of these two, in
# pixels, over the fine samples that do not lie behind the last coarse one.


# %% answer=3
def drift(size, coarse, fine, align_corners):
    """size, coarse, fine: whole numbers, size > coarse > fine. Returns pixels, >= 0."""
    ### BEGIN SOLUTION
    h, high = math.ceil(size / coarse), math.ceil(size / fine)
    largest = 0.0
    for j in range(high):
        if j * fine > (h - 1) * coarse:
            break
        corners_meet = j * (h - 1) / (high - 1)
        edges_meet = (j + 0.5) * h / high - 0.5
        place = min(max(corners_meet if align_corners else edges_meet, 0), h - 1)
        largest = max(largest, abs(place * coarse - j * fine))
    return largest
    ### END SOLUTION


# %% check=3 points=6
check_drift(drift, seed=SEED)
### BEGIN HIDDEN TESTS
check_drift.grade(drift, seed=SEED + 1000, points=6)
### END HIDDEN TESTS

# %% [markdown] why=3
# **Why it works.** Everything is in three numbers: how many samples each map has (strides round up), where the resize looks
# (task 1), and that a coarse place $p$ is pixel $p \cdot \text{coarse}$. At 480 pixels and strides 32 and 8, aligned
# edges are 12 pixels off nearly everywhere, a constant shift that the next convolution can learn to undo. Aligned
# corners are off by nothing at the left and by 22.8 pixels at the last coarse sample: a drift, which no convolution can
# undo. *Another way:* resize a ramp, and subtract the ramp that should have come out.

# %% [markdown] rubric=3
# **Rubric.** 6: all sizes and strides, both values. Right but in samples instead of pixels: 3 by hand.

# %% [markdown]
# ## Task 4 · Break it
#
# **Break-it** · difficulty ●●○ · **Minutes:** 12 · **Points:** 4, and 2 for the reason
#
# **Goal:** know at which sizes a network may use aligned corners with a clear conscience.
#
# A colleague has heard that `align_corners=True` lays the coarse map exactly on the fine one "only at sizes that leave
# one pixel over, such as 481". Too narrow. Your strides and sizes:

# %%
images = given(SEED)
print(images)

# %% [markdown]
# List *all* image sizes of this range at which aligned corners show every fine sample its own pixel.


# %% answer=4
def exact_sizes(images):
    """images has coarse, fine, low and high (both included). Returns a list of whole numbers."""
    ### BEGIN SOLUTION
    found = []
    for n in range(images.low, images.high + 1):
        last_coarse = (math.ceil(n / images.coarse) - 1) * images.coarse
        last_fine = (math.ceil(n / images.fine) - 1) * images.fine
        if last_coarse == last_fine:
            found.append(n)
    return found
    ### END SOLUTION


# %% check=4 points=4
check_exact(exact_sizes, seed=SEED)
### BEGIN HIDDEN TESTS
check_exact.grade(exact_sizes, seed=SEED, points=4)
### END HIDDEN TESTS

# %% [markdown]
# In two or three sentences: what do all these sizes have in common, and why is FastFCN's 480 not one of them?

# %% [markdown] answer=5 points=2
# At all of them the last sample of the coarse map and the last sample of the fine map stand on the same pixel, and aligned
# corners lay last on last. 480 is a multiple of 32: the last coarse sample stands at pixel 448, the last fine one at
# 472, and the resize pulls these 24 pixels together over the whole width.

# %% [markdown] why=4
# **Why it works.** Both grids begin at pixel 0. If they also end at one pixel, the straight line between is the right one, and
# else it is wrong everywhere but at the start. The ends agree at $n = \text{coarse} \cdot k + 1$, where both maps get a new
# sample, and stay in agreement until the fine map gets another: $\text{fine}$ sizes for each $k$. *Another way:* your
# function from task 3, and the sizes at which it returns 0.

# %% [markdown] rubric=4
# **Rubric.** Sizes, 4: all. Reason, 2: (1) the last samples stand on the same pixel; (1) at 480 they do not, with the
# distance (24 pixels) or both places.
