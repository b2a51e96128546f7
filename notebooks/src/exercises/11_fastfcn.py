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
# # Exercises 11 · What raises no error
#
# [The walkthrough](../11_fastfcn.ipynb) built FastFCN, lost its JPU without noticing, and cut a run in two. Here you do the same with
# your own lines: a JPU from its parts, groups in which nobody is missing, and a run that goes on as if nothing had happened. Then you
# find out what a picture is called in bad company.
#
# **Time:** 50 minutes. **You need:** [11](../11_fastfcn.ipynb).
#
# **How it works.** Run the first cell. Write your lines where `raise NotImplementedError()` stands, run the cell, run the
# check below it, read the answer. A check tries your function on many inputs, small ones first. It
# compares what comes out and never looks inside, so any correct way passes. More help is one argument away:
# `check_joint(joint, hint=2)`, then `hint=3`, then `hint="solution"`.

# %%
import torch
import torch.nn.functional as F

from jpu_edu.exercises.e11_fastfcn import (
    check_company,
    check_groups,
    check_joint,
    check_resume,
    given,
)

SEED = 0  # chooses sizes, kernels, networks and runs; a class has its own

# %% [markdown]
# ## Task 1 · A JPU from its parts
#
# **Guided** · difficulty ●○○ · **Minutes:** 12 · **Points:** 4
#
# **Goal:** write the forward pass of a JPU, with the two things that stand in no checkpoint.
#
# The three levels have passed their first convolutions and have the same number of channels. Resize $c_5$ and $c_4$ to the
# size of $c_3$ and join the levels, as the official code does. Then there is a branch for each rate: a depthwise
# 3 x 3, a pointwise 1 x 1, a ReLU. The norms are left out. The frame stands; the joining and the branch are missing.


# %% answer=1
def joint(c3, c4, c5, depthwise, pointwise, rates):
    """depthwise[n] is (3w, 1, 3, 3) and pointwise[n] is (w, 3w, 1, 1) for branch n. Returns (1, n * w, H, W)."""
    ### BEGIN SOLUTION
    same = dict(size=c3.shape[-2:], mode="bilinear", align_corners=True)
    joined = torch.cat([F.interpolate(c5, **same), F.interpolate(c4, **same), c3], dim=1)
    ### END SOLUTION
    branches = []
    for n, rate in enumerate(rates):
        ### BEGIN SOLUTION
        knobs = dict(padding=rate, dilation=rate, groups=joined.shape[1])
        branch = F.conv2d(F.conv2d(joined, depthwise[n], **knobs), pointwise[n]).relu()
        ### END SOLUTION
        branches.append(branch)
    return torch.cat(branches, dim=1)


# %% check=1 points=4
check_joint(joint, seed=SEED)
### BEGIN HIDDEN TESTS
check_joint.grade(joint, seed=SEED + 1000, points=4)
### END HIDDEN TESTS

# %% [markdown] why=1
# **Why it works.** All levels come to the size of the guide, $c_3$, and every branch reads the same joined map. With `groups` equal to
# the channels each channel is convolved by itself, so the 1 x 1 behind it is the only place where the levels meet. Two lines cannot be
# read off the weights: the order $c_5, c_4, c_3$, and `align_corners=True`. Their shapes fit either way, which is why another
# framework can load the file and be wrong. *Another way:* two matrices a level for the resize (06), or the dilated convolution
# as split, convolve, merge (03).

# %% [markdown] rubric=1
# **Rubric.** 4: all shapes and rates. The grader gives half of the points times the share of right cases to anything else. Typical:
# `align_corners` left at its default.

# %% [markdown]
# ## Task 2 · Nobody is forgotten
#
# **Faded** · difficulty ●●○ · **Minutes:** 10 · **Points:** 4
#
# **Goal:** make parameter groups that are complete whatever the network has.
#
# Every parameter of the model belongs to exactly one group: what lies in `model.backbone` learns at `lr`, everything else at
# `factor * lr`. The groups stand there, and they are empty. Not every network has the same parts. One of those that come
# has a parameter that belongs to no part, in another two parts share a kernel.


# %% answer=2
def groups(model, lr, factor):
    """model has a part called backbone. Returns groups as a torch optimiser takes them."""
    slow, fast = [], []
    ### BEGIN SOLUTION
    for name, parameter in model.named_parameters():
        (slow if name.startswith("backbone.") else fast).append(parameter)
    ### END SOLUTION
    return [{"params": slow, "lr": lr}, {"params": fast, "lr": factor * lr}]


# %% check=2 points=4
check_groups(groups, seed=SEED)
### BEGIN HIDDEN TESTS
check_groups.grade(groups, seed=SEED, points=4)
### END HIDDEN TESTS

# %% [markdown] why=2
# **Why it works.** The model knows all of its parameters, each once, so nothing can be missing or double if *it* is asked and every
# answer goes to one of two lists. A list of parts written by hand is right until somebody adds a part. That somebody were the authors, the
# part was the JPU, and the loss fell all the same. *Another way:* collect the `id` of each parameter of the backbone, and sort by
# whether an `id` is among them.

# %% [markdown] rubric=2
# **Rubric.** 4: all networks. Typical: `model.children()` in a loop, which misses the lone parameter and takes the shared kernel twice.

# %% [markdown]
# ## Task 3 · A run that goes on
#
# **Open** · difficulty ●●● · **Minutes:** 16 · **Points:** 4
#
# **Goal:** go on from a state so that nobody can tell that the run was ever cut.
#
# You get the state of a run before step `start`: its weights and its velocity. Take the steps `start`, ..., `stop - 1` of a run of `steps`
# steps and return the new state. A step of this run does the following:
#
# - A generator is made, `torch.Generator().manual_seed(...)`, with the seed `seed + step`; `gradient(weights, generator)` draws
#   its batch from it.
# - The velocity becomes 0.9 times itself plus the gradient (momentum, as in `torch.optim.SGD`).
# - The weights move by the velocity times the rate, against its direction. The rate is `lr` times $(1 - \mathrm{step} / \mathrm{steps})^{0.9}$.


# %% answer=3
def go_on(weights, velocity, start, stop, steps, lr, seed, gradient):
    """Returns (weights, velocity) after step stop - 1."""
    ### BEGIN SOLUTION
    for step in range(start, stop):
        generator = torch.Generator().manual_seed(seed + step)
        velocity = 0.9 * velocity + gradient(weights, generator)
        weights = weights - lr * (1 - step / steps) ** 0.9 * velocity
    return weights, velocity
    ### END SOLUTION


# %% check=3 points=4
check_resume(go_on, seed=SEED)
### BEGIN HIDDEN TESTS
check_resume.grade(go_on, seed=SEED + 1000, points=4)
### END HIDDEN TESTS

# %% [markdown] why=3
# **Why it works.** Rate and batch are functions of the step alone, so it does not matter where you began to count. What is *not* a function of the
# step is the state: weights and velocity. A checkpoint needs these and the number of the step, and nothing else. Had the run one generator
# from beginning to end, its position would belong to the state as well. *Another way:* `torch.optim.SGD` with
# `momentum=0.9`, the velocity put into its state as `momentum_buffer`, and the rate set before each step.

# %% [markdown] rubric=3
# **Rubric.** 4: all runs. Typical: a schedule or a generator that begins anew. Both are right for runs that were never cut, which are the
# first ones that the check tries.

# %% [markdown]
# ## Task 4 · Break it
#
# **Break-it** · difficulty ●●○ · **Minutes:** 12 · **Points:** 4, and 2 for the reason
#
# **Goal:** see what a forgotten `model.eval()` does to a prediction.
#
# "What a network says about one picture cannot depend on the others in the batch." Break it. This network is one BatchNorm, left
# in train mode; a pixel is found if its result is above 0. Your picture:

# %%
guest = given(SEED)
print(guest)
print(guest.picture)

# %% [markdown]
# Return a second picture of the same size, values from 0 to 1, that joins it in the batch: one in whose company as many pixels of the
# first one as possible become something else. `guest.found(company)` shows what is found then, and `guest.changed(company)`
# counts the pixels that changed.


# %% answer=4
def company(guest):
    """guest.picture is (H, W), values from 0 to 1. Returns a picture of the same shape."""
    ### BEGIN SOLUTION
    dark, bright = torch.zeros_like(guest.picture), torch.ones_like(guest.picture)
    return max(dark, bright, key=guest.changed)
    ### END SOLUTION


# %% check=4 points=4
check_company(company, seed=SEED)
### BEGIN HIDDEN TESTS
check_company.grade(company, seed=SEED, points=4)
### END HIDDEN TESTS

# %% [markdown]
# In two or three sentences: why does the company matter here, and why does it not matter once the network is in eval mode?

# %% [markdown] answer=5 points=2
# In train mode BatchNorm takes off the mean of the whole *batch*, so a bright neighbour raises the bar for every pixel of
# the other picture, and a dark one lowers it. In eval mode it takes off a stored mean, collected in training, which no neighbour can change. So
# each picture is computed by itself.

# %% [markdown] why=4
# **Why it works.** The result is above 0 where the pixel is above the mean of the batch, $(m + m')/2$; dividing by the deviation changes
# no sign. The pixels that change lie between $m$ and that number, and the further it moves, the more they are. It is
# furthest away for $m' = 0$ or $m' = 1$, and which side has more pixels depends on the picture. *Another way:* if you know that most
# pixels lie just below the mean, take the dark company at once.

# %% [markdown] rubric=4
# **Rubric.** Company, 4: as many as possible; 2 by hand for any company that changes a pixel. Reason, 2: (1) mean (and variance) of the batch in train
# mode; (1) stored numbers in eval mode.
