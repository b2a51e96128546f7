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
# # Exercises 03 · The holes that are not there
#
# In [the walkthrough](../03_split_conv_merge.ipynb) you watched a dilated convolution fall apart into regular
# ones. Here you put it together yourself, then do to a network that you cannot open what FastFCN's
# argument does to a ResNet, and at the end you find out precisely where the argument fails.
#
# **Time:** 45 minutes. **You need:** [03](../03_split_conv_merge.ipynb).
#
# **How it works.** Run the first cell. Write your lines where `raise NotImplementedError()` stands, run the cell, run the
# check below it, read the answer. A check tries your function on many inputs, small ones first. It
# compares what comes out and never looks inside, so any correct way passes. More help is one argument away:
# `check_merge(merge, hint=2)`, then `hint=3`, then `hint="solution"`.

# %%
import torch
import torch.nn.functional as F

from jpu_edu.exercises.e03_split_conv_merge import (
    check_dilated,
    check_merge,
    check_places,
    check_twin,
    given,
)
from jpu_edu.ops import phases

SEED = 0  # chooses sizes, rates, kernels and pictures; a class has its own

# %% [markdown]
# ## Task 1 · Put the cards back
#
# **Guided** · difficulty ●○○ · **Minutes:** 8 · **Points:** 4
#
# **Goal:** say where each pixel of each phase belongs, without a picture in front of you.
#
# `split` is given. It deals a map into `rate * rate` phases, in the order $k = p \cdot r + q$. Write the inverse. The
# size of the map is worked out for you: the heights of the first column of phases add up to its height. What is
# missing is the one step that puts phase `k` back.


# %%
def split(x, rate):
    return [x[..., p::rate, q::rate] for p in range(rate) for q in range(rate)]


for k, phase in enumerate(split(torch.arange(20).reshape(4, 5), rate=2)):
    print(f"phase {k}: {phase.tolist()}")


# %% answer=1
def merge(phases, rate):
    """phases: rate * rate maps (h, w), in the order of split. Returns the map (H, W)."""
    height = sum(phases[p * rate].shape[-2] for p in range(rate))
    width = sum(phases[q].shape[-1] for q in range(rate))
    merged = phases[0].new_zeros(height, width)
    for k, phase in enumerate(phases):
        ### BEGIN SOLUTION
        p, q = divmod(k, rate)
        merged[p::rate, q::rate] = phase
        ### END SOLUTION
    return merged


# %% check=1 points=4
check_merge(merge, seed=SEED)
### BEGIN HIDDEN TESTS
check_merge.grade(merge, seed=SEED + 1000, points=4)
### END HIDDEN TESTS

# %% [markdown] why=1
# **Why it works.** `split` read phase $k$ with the slice `[p::rate, q::rate]`, $p$ the number of rows that fit into $k$
# and $q$ the rest. A slice names places, and it names the same places on the left of an `=`. Each pixel belongs to
# exactly one pair $(p, q)$, its remainders, so every place is written once: that is why $M \to S$ and $S \to M$ are
# both the identity. *Other ways:* two loops over the pixels with `phases[i % rate * rate + j % rate][i // rate, j //
# rate]`; or, where the rate divides the size, `F.pixel_shuffle`.

# %% [markdown] rubric=1
# **Rubric.** 4: all sizes and rates. The grader gives half of the points times the share of right cases to anything
# else. Typical: a merge that is right on square maps of even size only (pixel shuffle without a crop).

# %% [markdown]
# ## Task 2 · Split, convolve, merge
#
# **Faded** · difficulty ●●○ · **Minutes:** 10 · **Points:** 4
#
# **Goal:** compute a dilated convolution with regular ones, and get the padding right for every kernel.
#
# `F.conv2d(x, weight, dilation=rate, padding=rate * (k // 2))` keeps the size of a map. Return the same numbers without
# `dilation`: `phases.split(x, rate=rate)`, a regular convolution of each phase, and the merge, which stands there
# already. Kernels are `k` x `k` with odd `k`, not always 3.


# %% answer=2
def dilated(x, weight, rate):
    """x: (1, C, H, W), weight: (D, C, k, k). Returns (1, D, H, W)."""
    outputs = []
    ### BEGIN SOLUTION
    for phase in phases.split(x, rate=rate):
        outputs.append(F.conv2d(phase, weight, padding=weight.shape[-1] // 2))
    ### END SOLUTION
    return phases.merge(outputs, rate=rate)


# %% check=2 points=4
check_dilated(dilated, seed=SEED)
### BEGIN HIDDEN TESTS
check_dilated.grade(dilated, seed=SEED + 1000, points=4)
### END HIDDEN TESTS

# %% [markdown] why=2
# **Why it works.** Output $i$ of the dilated convolution reads $i + r(t - (k-1)/2)$. All of these leave the same remainder
# as $i$ when divided by $r$, so they lie in one phase, and there they are neighbours: position $i = r m + q$ reads
# positions $m + t - (k-1)/2$ of phase $q$. That is a regular convolution with padding $(k-1)/2$. The map's padding
# $r(k-1)/2$ has been divided among the $r$ phases, together with the map. *Other ways:* pad the whole map first, split,
# convolve without padding, merge; or write the taps as shifted slices and add them up.

# %% [markdown] rubric=2
# **Rubric.** 4: all kernels, rates and sizes. Half the points at most where only 3 x 3 kernels are right (a padding
# of 1 that is typed in). A solution that calls `dilation=` passes the check; if you want to forbid it, read the cell.

# %% [markdown]
# ## Task 3 · The twin of a network that you cannot open
#
# **Open** · difficulty ●●● · **Minutes:** 12 · **Points:** 6
#
# **Goal:** use the cancelling of $M$ and $S$ on a whole network.
#
# You get `net`, some regular 3 x 3 layers in a row, each with padding 1, bias and ReLU. You may call it on maps of
# any size, and that is all: no weights, no layers. Its *dilated twin* has the same weights, with dilation and padding
# set to `rate` in every layer. Return what the twin would return for `x`.


# %% answer=3
def twin(net, x, rate):
    """net: a function of a map (1, 1, H, W). Returns the output of its dilated twin, (1, 1, H, W)."""
    ### BEGIN SOLUTION
    outputs = [net(phase) for phase in phases.split(x, rate=rate)]
    return phases.merge(outputs, rate=rate)
    ### END SOLUTION


# %% check=3 points=6
check_twin(twin, seed=SEED)
### BEGIN HIDDEN TESTS
check_twin.grade(twin, seed=SEED + 1000, points=6)
### END HIDDEN TESTS

# %% [markdown] why=3
# **Why it works.** Each dilated layer is $S \to C_r \to M$. Between two layers stand a bias and a ReLU, which treat every
# pixel by itself and do not care where it lies, so the inner $M \to S$ cancel and $S \to \text{net} \to M$ is left. Read it
# once more with FastFCN in mind: `net` on phase 0 is the *strided* network, and it has been run on a quarter of the
# pixels only. The twin needs the other phases too. JPU's question is whether they can be *predicted* instead.
# *Other ways:* at sizes that the rate divides, the phases can go through `net` as one batch. Filling up a map with
# zeros to reach such a size fails from the second layer on: the bias turns the added zeros into numbers.

# %% [markdown] rubric=3
# **Rubric.** 6: all sizes, depths and rates. 3 at most: only sizes that the rate divides. A student who interpolates
# phase 0 has understood FastFCN's question and taken it for the answer; talk to them.

# %% [markdown]
# ## Task 4 · Break it
#
# **Break-it** · difficulty ●●○ · **Minutes:** 15 · **Points:** 4, and 2 for the reason
#
# **Goal:** predict exactly where an identity stops holding, and say why.
#
# With zeros beyond the ends, splitting changes nothing. Continue the signal by *reflection* instead: place $-m$ holds
# what place $m$ holds, and the same at the other end. One dilated convolution with three taps can be computed in two
# ways: reflect the whole signal, and convolve with holes; or split, reflect *each phase*, convolve, merge.
#
# At rate 2 the two differ at places 1 and $N-2$ and nowhere else. Your signal:

# %%
signal = given(SEED)
print(signal)


# %% [markdown]
# List all places, counted from 0, at which the two ways differ for a general signal. Pencil first; code is allowed.


# %% answer=4
def places(signal):
    """signal has signal.rate and signal.size. Returns a list of whole numbers."""
    ### BEGIN SOLUTION
    left = list(range(1, signal.rate))
    return left + [signal.size - 1 - place for place in left]
    ### END SOLUTION


# %% check=4 points=4
check_places(places, seed=SEED)
### BEGIN HIDDEN TESTS
check_places.grade(places, seed=SEED, points=4)
### END HIDDEN TESTS

# %% [markdown]
# In two or three sentences: why do zeros survive the split, and why does place 0 survive even the reflection?

# %% [markdown] answer=5 points=2
# A zero beyond the end is a zero for the whole signal and for every phase, so it does not matter who does the padding.
# Reflection puts *another number of the signal* there, and in general this number belongs to another phase, which the
# split has taken away. Place 0 reads place $-r$, reflected onto $r$; that is its own phase's second number, and it is also
# the number onto which the phase itself reflects.

# %% [markdown] why=4
# **Why it works.** On the left, place $q < r$ reads place $q - r$. The signal reflects it onto $r - q$; phase $q$ reflects
# the place before its first number onto its second, $q + r$. They are the same only for $q = 0$, so places
# $1, \dots, r-1$ differ. The right end is the left end of the mirrored signal: $N-1-i$ instead of $i$. Whether the rate
# divides $N$ plays no part. *Another way:* compute both for one random signal and look where they differ.

# %% [markdown] rubric=4
# **Rubric.** Places, 4: all. Reason, 2: (1) the zero is the same for map and phase, or: the reflected number belongs
# to another phase; (1) place 0 is reflected onto its own phase. Half a point off for "the border is special" alone.
