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
# # Exercises 05 · There and back again
#
# [The walkthrough](../05_fcn.ipynb) made a map out of a classifier, and a picture-sized answer out of that map. Here you do
# both: you turn the weights of a classifier into a kernel, cut the tent that enlarges a map, add what the finer maps
# know, and find out which kernels leave a checkerboard.
#
# **Time:** 45 minutes. **You need:** [05](../05_fcn.ipynb).
#
# **How it works.** Run the first cell. Write your lines where `raise NotImplementedError()` stands, run the cell, run the
# check below it, read the answer. A check tries your function on many inputs, small ones first. It
# compares what comes out and never looks inside, so any correct way passes. More help is one argument away:
# `check_heat(heat_map, hint=2)`, then `hint=3`, then `hint="solution"`.

# %%
import torch
import torch.nn.functional as F

from jpu_edu.exercises.e05_fcn import (
    check_even,
    check_fuse,
    check_heat,
    check_tent,
    given,
)
from jpu_edu.ops.interp import resize

SEED = 0  # chooses sizes, rates, kernels and pictures; a class has its own

# %% [markdown]
# ## Task 1 · A classifier, everywhere
#
# **Guided** · difficulty ●○○ · **Minutes:** 8 · **Points:** 4
#
# **Goal:** turn a fully-connected layer into a convolution without changing a weight.
#
# A classifier ends with a map of `C` channels, `size` = (h, w). It is flattened, and a fully-connected layer with `weight`,
# (D, C·h·w), makes D scores of it. Now `x` is a larger map. Give the scores for *every* window of `size` in it. The
# convolution stands there; its kernel is missing.


# %% answer=1
def heat_map(x, weight, size):
    """x: (1, C, H, W), weight: (D, C * h * w). Returns (1, D, H - h + 1, W - w + 1)."""
    ### BEGIN SOLUTION
    kernel = weight.reshape(len(weight), x.shape[1], *size)
    ### END SOLUTION
    return F.conv2d(x, kernel)


# %% check=1 points=4
check_heat(heat_map, seed=SEED)
### BEGIN HIDDEN TESTS
check_heat.grade(heat_map, seed=SEED + 1000, points=4)
### END HIDDEN TESTS

# %% [markdown] why=1
# **Why it works.** `flatten` writes a map channel by channel, row by row, so place $(c, i, j)$ of a window is number
# $c \cdot h w + i \cdot w + j$ of the row of weights. `reshape` reads it back in the same order. A dot product with a window
# is one output of a convolution; the other outputs are the same product with the other windows. *Other ways:* `F.unfold`
# and a matrix product; two loops over the places with `weight @ window.flatten()`.

# %% [markdown] rubric=1
# **Rubric.** 4: all sizes and channels. The grader gives half of the points times the share of right cases to anything
# else. Typical: channels last, which is right for one channel.

# %% [markdown]
# ## Task 2 · The tent
#
# **Faded** · difficulty ●●○ · **Minutes:** 12 · **Points:** 4
#
# **Goal:** know the kernel that makes a transposed convolution interpolate, for even and odd factors.
#
# A transposed convolution puts down a stamp for every sample, `factor` pixels apart, and adds. For bilinear enlargement the
# stamp is a tent: the weight falls by 1 / `factor` for each pixel of distance from the middle of the stamp, along rows and along
# columns, and the two are multiplied. Its size stands there.


# %% answer=2
def tent(factor):
    """factor: a whole number >= 2. Returns the stamp, (size, size), float64."""
    size = 2 * factor - factor % 2
    ### BEGIN SOLUTION
    places = torch.arange(size, dtype=torch.float64)
    weights = 1 - (places - (size - 1) / 2).abs() / factor
    ### END SOLUTION
    return weights[:, None] * weights[None, :]


# %% check=2 points=4
check_tent(tent, seed=SEED)
### BEGIN HIDDEN TESTS
check_tent.grade(tent, seed=SEED + 1000, points=4)
### END HIDDEN TESTS

# %% [markdown] why=2
# **Why it works.** Between two samples, linear interpolation gives each the share 1 − distance / factor. Seen from a sample,
# that is a tent, zero a whole factor away. For even factors the stamp has no middle pixel, the middle lies at
# $(\text{size} - 1)/2$, and the weights nearest to it are $1 - \tfrac{1}{2 f}$. Each output meets one or two taps of an axis, and
# their shares add up to 1. *Other ways:* convolve a row of `factor` ones with itself, cut and scaled; enlarge a single lit
# sample with `F.interpolate` and read the stamp off.

# %% [markdown] rubric=2
# **Rubric.** 4: all factors. Typical: right for odd factors only (the middle on a tap).

# %% [markdown]
# ## Task 3 · Three additions
#
# **Open** · difficulty ●●○ · **Minutes:** 12 · **Points:** 5
#
# **Goal:** write FCN's skips, for any number of maps and any size.
#
# `scores` holds maps of scores, (1, D, h, w) each, the coarsest first. FCN enlarges the coarsest to the size of the next one and
# adds that one, enlarges the sum, and so on; the last sum is enlarged to `size`, that of the image. One map alone is FCN-32s.
# Enlarge with `up(x, size)`.


# %%
def up(x, size):
    return resize(x, size=size, align_corners=False)


# %% answer=3
def fuse(scores, size):
    """scores: list of maps, the coarsest first; size: (H, W). Returns (1, D, H, W)."""
    ### BEGIN SOLUTION
    merged = scores[0]
    for finer in scores[1:]:
        merged = up(merged, finer.shape[-2:]) + finer
    return up(merged, size)
    ### END SOLUTION


# %% check=3 points=5
check_fuse(fuse, seed=SEED)
### BEGIN HIDDEN TESTS
check_fuse.grade(fuse, seed=SEED + 1000, points=5)
### END HIDDEN TESTS

# %% [markdown] why=3
# **Why it works.** One running map is enough, since each step needs the sum so far and one finer map. The size to enlarge to
# is that of the finer map, not the double: strides round up, so 9 pixels become 5, and 5 doubled are 10. Enlarging step by
# step and enlarging at once are *not* the same, because a bilinear enlargement of a bilinear enlargement is no
# bilinear enlargement. *Another way:* recursion, from the finest map down.

# %% [markdown] rubric=3
# **Rubric.** 5: all numbers of maps and all sizes. Every map straight to the image: 2 at most, and an interesting question,
# since many newer heads do just that.

# %% [markdown]
# ## Task 4 · Break it
#
# **Break-it** · difficulty ●●○ · **Minutes:** 13 · **Points:** 4, and 2 for the reason
#
# **Goal:** see a checkerboard coming before you train it.
#
# "Checkerboards come from gaps. Make the kernel of a transposed convolution larger than its stride, and they are gone."
# Most kernels larger than the stride refute that. All weights are 1, and so are all inputs. Your stride:

# %%
kernels = given(SEED)
print(kernels)

# %% [markdown]
# List *all* kernel sizes of this range for which the output, far from the border, is the same everywhere.


# %% answer=4
def even_kernels(kernels):
    """kernels has stride and largest (included). Returns a list of whole numbers."""
    ### BEGIN SOLUTION
    return list(range(kernels.stride, kernels.largest + 1, kernels.stride))
    ### END SOLUTION


# %% check=4 points=4
check_even(even_kernels, seed=SEED)
### BEGIN HIDDEN TESTS
check_even.grade(even_kernels, seed=SEED, points=4)
### END HIDDEN TESTS

# %% [markdown]
# In two or three sentences: why these, in terms of phases? And why is the tent of an odd factor fine, although its size
# is no multiple of the stride?

# %% [markdown] answer=5 points=2
# The outputs of phase $p$ are made by the taps $p, p + s, p + 2s, \dots$ alone. With equal weights all phases get the same
# only if they have equally many taps, that is if $s$ divides the size. What has to agree are the *sums* of the taps of
# each phase, not their number: in a tent they are 1 for every phase, also where one phase has one tap and the others two.

# %% [markdown] why=4
# **Why it works.** Tap $k$ of input $i$ lands on output $i s + k$, whose remainder is that of $k$. So the taps are dealt into
# $s$ piles, one for each phase of the output, and a checkerboard is a difference between piles. A kernel smaller than the
# stride has empty piles: gaps. *Another way:* run `F.conv_transpose1d` on ones for every size, and look at the middle.

# %% [markdown] rubric=4
# **Rubric.** Kernels, 4: all. Reason, 2: (1) taps of one remainder make the outputs of one phase; (1) the sums have to
# agree, which the tent achieves with unequal weights.
