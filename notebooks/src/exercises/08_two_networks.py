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
# # Exercises 08 · Twins
#
# [The walkthrough](../08_two_networks.ipynb) proved it for fifty layers: the strided network is phase (0, 0) of its dilated
# twin. Here you build the twin of any stack, write the layer on which the proof depends in training, play the detective
# with a map of unknown origin, and decide what may stand between two layers without breaking the equality.
#
# **Time:** 50 minutes. **You need:** [08](../08_two_networks.ipynb).
#
# **How it works.** Run the first cell. Write your lines where `raise NotImplementedError()` stands, run the cell, run the
# check below it, read the answer. A check tries your function on many inputs, small ones first. It
# compares what comes out and never looks inside, so any correct way passes. More help is one argument away:
# `check_twin(twin, hint=2)`, then `hint=3`, then `hint="solution"`.

# %%
import torch

from jpu_edu.exercises.e08_two_networks import (
    check_norm,
    check_phase,
    check_surviving,
    check_twin,
    given,
)

SEED = 0  # chooses sizes, rates, kernels and pictures; a class has its own

# %% [markdown]
# ## Task 1 · Build the twin
#
# **Guided** · difficulty ●●○ · **Minutes:** 12 · **Points:** 4
#
# **Goal:** give every layer of a dilated network the right stride, rate and padding, whatever the network.
#
# A network is a list of (kernel, stride, padding), first layer first; its strides are 1 or 2. Its twin may not get coarser
# than `output_stride`: strides are kept as long as their product stays within it, and removed from there on. What a removed
# stride would have done, rates have to do. The loop and the two numbers to keep stand there.


# %% answer=1
def twin(layers, output_stride):
    """Returns a list of (kernel, stride, rate, padding)."""
    twins = []
    reached = 1  # the stride of the twin so far
    rate = 1  # of the next layer
    for kernel, stride, padding in layers:
        ### BEGIN SOLUTION
        if reached * stride <= output_stride:
            reached *= stride
            twins.append((kernel, stride, rate, padding * rate))
        else:
            twins.append((kernel, 1, rate, padding * rate))
            rate *= stride
        ### END SOLUTION
    return twins


# %% check=1 points=4
check_twin(twin, seed=SEED)
### BEGIN HIDDEN TESTS
check_twin.grade(twin, seed=SEED + 1000, points=4)
### END HIDDEN TESTS

# %% [markdown] why=1
# **Why it works.** Where a stride has been removed, samples that were neighbours stand `stride` pixels apart, for every layer
# *behind* it; they multiply, and a layer with rate $r$ finds them again. The layer that had the stride still reads
# the finer map, as it did before: hence the old rate, and hence the famous first block of a stage that must not be
# dilated. The padding is a number of zeros on that finer map, $r$ for each one before. *Another way:* two products, of
# all strides in front and of the kept ones among them; the rate is their quotient.

# %% [markdown] rubric=1
# **Rubric.** 4: all networks. The grader gives half of the points times the share of right cases to anything else. A layer
# that takes its own removed stride as its rate is *the* mistake of this course: talk about it.

# %% [markdown]
# ## Task 2 · The layer that must be put to sleep
#
# **Faded** · difficulty ●○○ · **Minutes:** 10 · **Points:** 4
#
# **Goal:** write BatchNorm in eval mode, and see that it treats every pixel by itself.
#
# While a network trains, BatchNorm computes mean and variance of the map that it sees, and the twins part. Afterwards
# it uses numbers that it has stored. Write that second form: four numbers for each channel, and `eps` for a variance of 0.


# %% answer=2
def norm(x, mean, var, weight, bias, eps):
    """x: (B, C, H, W); mean, var, weight, bias: (C,). Returns (B, C, H, W)."""
    ### BEGIN SOLUTION
    scale = weight / (var + eps).sqrt()
    shift = bias - mean * scale
    ### END SOLUTION
    return x * scale[:, None, None] + shift[:, None, None]


# %% check=2 points=4
check_norm(norm, seed=SEED)
### BEGIN HIDDEN TESTS
check_norm.grade(norm, seed=SEED + 1000, points=4)
### END HIDDEN TESTS

# %% [markdown] why=2
# **Why it works.** $(x - \mu) / \sqrt{v + \varepsilon} \cdot \gamma + \beta$, sorted by $x$, is $x$ times a scale plus a shift, both
# fixed numbers of the channel. No pixel asks after another one, so $S$ and $M$ pass. It also shows why the layer can be
# folded into the convolution before it: scale its weights, shift its bias. *Other ways:* the formula as it stands, with the
# four vectors as `(C, 1, 1)`; or `F.batch_norm(..., training=False)`.

# %% [markdown] rubric=2
# **Rubric.** 4: all sizes, and `eps` at its place. Statistics of the batch: 0 from the grader, and the best discussion.

# %% [markdown]
# ## Task 3 · Whose phase is this?
#
# **Open** · difficulty ●●○ · **Minutes:** 13 · **Points:** 5
#
# **Goal:** use $y_s = R(y_d)$ as an instrument, the way a debugger would.
#
# `y_d` is the output of a dilated network. `y_s` comes from a strided one with the same weights, but nobody knows its stride,
# and somebody has shifted its picture. It is therefore *some* phase of `y_d`, up to rounding. Return its rate (1 to 8) and its
# shifts: the rows `p` and the columns `q` of `y_d` where the phase begins.


# %% answer=3
def whose(y_s, y_d):
    """y_s: (1, C, h, w), y_d: (1, C, H, W). Returns (rate, p, q)."""
    ### BEGIN SOLUTION
    for rate in range(1, 9):
        for p in range(rate):
            for q in range(rate):
                phase = y_d[..., p::rate, q::rate]
                if phase.shape == y_s.shape and torch.allclose(phase, y_s):
                    found = rate, p, q
    ### END SOLUTION
    return found


# %% check=3 points=5
check_phase(whose, seed=SEED)
### BEGIN HIDDEN TESTS
check_phase.grade(whose, seed=SEED + 1000, points=5)
### END HIDDEN TESTS

# %% [markdown] why=3
# **Why it works.** A phase is a rate and two shifts, at most $1 + 4 + \dots + 64 = 204$ candidates, and real features agree with
# the right one only. When a network of yours disagrees with its twin, this search tells a shift (another phase fits) from
# a wrong weight (none does). *Another way:* the first number of `y_s` and its right and lower neighbours stand somewhere in
# `y_d`; their places give shift and rate without a search.

# %% [markdown] rubric=3
# **Rubric.** 5: all cases. The rate from `H // h`, which rounds: 2 at most.

# %% [markdown]
# ## Task 4 · Break it
#
# **Break-it** · difficulty ●●○ · **Minutes:** 15 · **Points:** 4, and 2 for the reason
#
# **Goal:** judge any layer that you meet from now on: does the equality survive it?
#
# Two 3 x 3 layers, strided and dilated, with something between them. With which of these things does $y_s = R(y_d)$ still
# hold, at any size? The convolutions are padded with zeros, and nothing is trained.

# %%
candidates = given(SEED)
print(*candidates.names, sep="\n")


# %% [markdown]
# Return the names of all that survive. (Max pooling is padded with $-\infty$.) Think first; then try it if you like.


# %% answer=4
def surviving(candidates):
    """candidates.names holds the names. Returns a list of those that survive."""
    ### BEGIN SOLUTION
    whole_map = ("InstanceNorm", "mean of the map", "over the map")
    neighbours = ("not dilated", "reflected")
    return [
        name
        for name in candidates.names
        if not any(words in name for words in whole_map + neighbours)
    ]
    ### END SOLUTION


# %% check=4 points=4
check_surviving(surviving, seed=SEED)
### BEGIN HIDDEN TESTS
check_surviving.grade(surviving, seed=SEED, points=4)
### END HIDDEN TESTS

# %% [markdown]
# In two or three sentences: give the rule by which you decided, and one layer of a network that you know and that breaks it.

# %% [markdown] answer=5 points=2
# A layer survives if $S$ and $M$ may pass it: it treats every pixel by itself, or it looks at neighbours with the
# dilation of its stage and a border that is neutral for every phase. Whatever computes one number from the whole map
# breaks it, for example BatchNorm in train mode, the gate of squeeze-and-excitation, or self-attention.

# %% [markdown] why=4
# **Why it works.** The dilated network is $S$, the strided one's layers on each phase, $M$. A layer fits into that picture if
# doing it on the map is doing it on each phase. Pixel by pixel: always. A window: when its steps are multiples of the
# rate, so that it stays inside a phase, and when what it finds beyond the border is the same for both, $0$ for a sum
# and $-\infty$ for a maximum. The whole map: never, because the map of the dilated network holds the other phases.
# *Another way:* run both paths on a random map, as the check does.

# %% [markdown] rubric=4
# **Rubric.** Names, 4: all. Reason, 2: (1) by itself, or within a phase, against the whole map; (1) an example that
# breaks.
