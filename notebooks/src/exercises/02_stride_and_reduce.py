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
# # Exercises 02 · What the stride left behind
#
# A strided network keeps one answer of four, or of nine, or of sixteen. In
# [the walkthrough](../02_stride_and_reduce.ipynb) you saw that the others are not lost in a blur; they have not been computed.
# Here you make a strided convolution yourself, measure windows, get *all* answers out of a network that gives one in
# four, and build the picture on which a popular short cut is as wrong as it can be.
#
# **Time:** 50 minutes. **You need:** [02](../02_stride_and_reduce.ipynb).
#
# **How it works.** Run the first cell. Write your lines where `raise NotImplementedError()` stands, run the cell, run the
# check below it, read the answer. A check tries your function on many inputs, small ones first. It
# compares what comes out and never looks inside, so any correct way passes. More help is one argument away:
# `check_strided(strided, hint=2)`, then `hint=3`, then `hint="solution"`.

# %%
import torch
import torch.nn.functional as F

from jpu_edu.exercises.e02_stride_and_reduce import (
    check_field,
    check_stitch,
    check_strided,
    check_worst,
    given,
)
from jpu_edu.ops import phases

SEED = 0  # chooses sizes, rates, kernels and pictures; a class has its own

# %% [markdown]
# ## Task 1 · A stride without a stride
#
# **Guided** · difficulty ●○○ · **Minutes:** 6 · **Points:** 3
#
# **Goal:** write $C_s = C_r \to R$, and know which of the samples survive.
#
# The regular convolution is there: all its outputs are in `full`. Return what `F.conv2d(..., stride=stride)` would
# return, by choosing from `full`.


# %% answer=1
def strided(x, weight, stride, padding):
    """x: (B, C, H, W), weight: (D, C, k, k). Returns the strided convolution."""
    full = F.conv2d(x, weight, padding=padding)
    ### BEGIN SOLUTION
    return full[..., ::stride, ::stride]
    ### END SOLUTION


# %% check=1 points=3
check_strided(strided, seed=SEED)
### BEGIN HIDDEN TESTS
check_strided.grade(strided, seed=SEED + 1000, points=3)
### END HIDDEN TESTS

# %% [markdown] why=1
# **Why it works.** Output $i$ with stride $s$ reads the inputs $i s + k - p$; so does output $i s$ without a stride. The
# same inputs, the same weights, the same sum. A slice with a step begins at 0 and rounds up, as the size formula
# does. *Other ways:* `phases.reduce(full, rate=stride)`; `phases.split(full, rate=stride)[0]`; a loop over the outputs.

# %% [markdown] rubric=1
# **Rubric.** 3: all sizes and strides. The grader gives half of the points times the share of right cases to anything
# else.

# %% [markdown]
# ## Task 2 · How far does it see?
#
# **Faded** · difficulty ●●○ · **Minutes:** 12 · **Points:** 4
#
# **Goal:** compute the window of any stack in three lines that you could also say aloud.
#
# For each layer in the list, update three numbers of one axis: the `size` of the window of sample 0, its `start` (the
# first pixel, negative inside the padding), and the `jump` in pixels from one sample to the next.


# %% answer=2
def window(layers):
    """layers: list of (kernel, stride, rate, padding), first layer first. Returns (size, jump, start)."""
    size, jump, start = 1, 1, 0
    for kernel, stride, rate, padding in layers:
        ### BEGIN SOLUTION
        start -= padding * jump
        size += (kernel - 1) * rate * jump
        jump *= stride
        ### END SOLUTION
    return size, jump, start


# %% check=2 points=4
check_field(window, seed=SEED)
### BEGIN HIDDEN TESTS
check_field.grade(window, seed=SEED + 1000, points=4)
### END HIDDEN TESTS

# %% [markdown] why=2
# **Why it works.** When a layer begins, neighbouring samples of the map it reads stand `jump` pixels apart. Its taps
# stand `rate` samples apart, so $(K-1) \cdot \text{rate} \cdot \text{jump}$ pixels join the window, and $p$ zeros in front
# move the start by $p \cdot \text{jump}$. Its own stride spreads *its outputs*, which matters to the next layer only:
# that is why the jump comes last. *Another way:* draw the fan: start from one output and go back layer by layer with
# $[a, b] \to [a s - p,\; b s - p + (K-1) r]$.

# %% [markdown] rubric=2
# **Rubric.** 4: all stacks. The grader compares the three numbers at once; where size and jump are right and the
# start is not ("padding in samples"), give 2 by hand.

# %% [markdown]
# ## Task 3 · Shift and stitch
#
# **Open** · difficulty ●●● · **Minutes:** 17 · **Points:** 6
#
# **Goal:** get every phase out of a network that gives you only one.
#
# `net` is a network that you cannot open. It has a stride of `stride` somewhere inside, and no padding at all. Without
# that stride it would give more outputs, at every position where its window fits into `x`. Return all of them, as one
# map, by calling `net` as often as you like.


# %% answer=3
def stitch(net, x, stride):
    """net: a function of a map. x: (1, 1, H, W). Returns the map that net would give without its stride."""
    ### BEGIN SOLUTION
    parts = [net(x[..., p:, q:]) for p in range(stride) for q in range(stride)]
    return phases.merge(parts, rate=stride)
    ### END SOLUTION


# %% check=3 points=6
check_stitch(stitch, seed=SEED)
### BEGIN HIDDEN TESTS
check_stitch.grade(stitch, seed=SEED + 1000, points=6)
### END HIDDEN TESTS

# %% [markdown] why=3
# **Why it works.** Cut $p$ rows off, and what was row $i s + p$ of the picture is row $i s$ now: the network's output $i$
# is the one that a network without the stride has at $i s + p$. So `net(x[..., p:, q:])` *is* phase $(p, q)$ of the
# full map, and $s \cdot s$ runs give all phases. The sizes take care of themselves: where fewer windows fit, that phase
# is one row or column smaller, which is what `merge` expects. The authors of FCN describe this trick and decide against
# it, since it costs $s^2$ runs. The dilated network computes the same map in one run, and repeats
# no layer in front of the stride.
# *Other ways:* write each answer into `y[..., p::stride, q::stride]` by hand.

# %% [markdown] rubric=3
# **Rubric.** 6: all sizes and strides. 3 at most where all phases are cut to one size. Zeros pushed in front of the picture
# (the other direction) is a sign error of the right idea: 2 by hand.

# %% [markdown]
# ## Task 4 · Break it
#
# **Break-it** · difficulty ●●● · **Minutes:** 15 · **Points:** 4, and 2 for the reason
#
# **Goal:** know which pixels each order of $C_r$ and $R$ reads, well enough to make them disagree as much as possible.
#
# "Reduce first, then convolve: it is cheaper and about the same." How wrong can it be? Build the worst picture for one
# kernel and one output. Its values may lie between −1 and 1. Your kernel:

# %%
orders = given(SEED)
print(orders)


# %% [markdown]
# Return a picture of `orders.size` x `orders.size` (float64) on which the two orders differ as much as they can, at
# output `orders.output` of the reduced map. `orders.both(x)` tells you both values: first `C_r` then `R`, second the other
# way round, each with padding 1.


# %% answer=4
def worst_picture(orders):
    """orders has weight (3, 3), rate, size and output (i, j). Returns (size, size), float64, in [-1, 1]."""
    x = torch.zeros(orders.size, orders.size, dtype=torch.float64)
    ### BEGIN SOLUTION
    i, j = (orders.rate * place for place in orders.output)
    for u in (-1, 0, 1):
        for v in (-1, 0, 1):
            sign = orders.weight[u + 1, v + 1].sign()
            x[i + u, j + v] = sign
            x[i + orders.rate * u, j + orders.rate * v] = -sign
    ### END SOLUTION
    return x


# %% check=4 points=4
check_worst(worst_picture, seed=SEED)
### BEGIN HIDDEN TESTS
check_worst.grade(worst_picture, seed=SEED, points=4)
### END HIDDEN TESTS

# %% [markdown]
# In two or three sentences: "reduce, then convolve" *is* a convolution of the full picture, followed by $R$. Which one,
# and what does the picture that you built exploit?

# %% [markdown] answer=5 points=2
# After $R$, neighbours are $r$ pixels apart, so the kernel reads the picture with holes: $R \to C_r = C_d \to R$ with
# dilation $r$. The two orders share the middle tap and nothing else. The picture puts the signs of the weights on
# the near pixels and the opposite signs on the far ones, so one sum is as large as possible and the other as small.

# %% [markdown] why=4
# **Why it works.** Around $(a, b) = (i r, j r)$, the first order reads the pixels at distance 1 and the second those at
# distance $r$; only $(a, b)$ is in both, where it adds the same to each. With the signs of the weights near and the
# opposite signs far, the difference is $2 \sum |w|$ over the eight outer taps, and no picture can do better, since each
# pixel contributes at most $|w|$. *Another way:* the difference is linear in the picture, so its gradient says what to
# do: take the sign of the gradient.

# %% [markdown] rubric=4
# **Rubric.** Picture, 4: the largest difference; 2 by hand for half of it ("one order only"). Reason, 2: (1) a dilated
# convolution with rate $r$; (1) the two orders read different pixels, apart from the middle one.
