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
# # Exercises 12 · Better in every picture, and worse
#
# In [the walkthrough](../12_measuring.ipynb) five of six suspects were convicted. Here you write the honest metric, count,
# average and band, and then you rig a contest: a network that wins every single picture loses the set.
#
# **Time:** 45 minutes. **You need:** [12](../12_measuring.ipynb), sections 1 to 5.
#
# **How it works.** Run the first cell. Write your lines where `raise NotImplementedError()` stands, run the cell, run the
# check below it, read the answer. A check tries your function on many inputs, small ones first. It
# compares what comes out and never looks inside, so any correct way passes. More help is one argument away:
# `check_count(count, hint=2)`, then `hint=3`, then `hint="solution"`.

# %%
import torch
import torch.nn.functional as F

from jpu_edu.exercises.e12_measuring import (
    check_contest,
    check_count,
    check_edges,
    check_mean,
    given,
)

VOID = 255
SEED = 0  # chooses sizes, classes and pictures; a class has its own

# %% [markdown]
# ## Task 1 · Count
#
# **Guided** · difficulty ●○○ · **Minutes:** 7 · **Points:** 4
#
# **Goal:** know which cell of a confusion matrix a pixel belongs to, and which pixels belong to none.
#
# The loop meets every pixel with its true class `t` and the class `s` that the network says. Rows are the truth, columns
# what is said. Where nobody labelled, `t` is `void`: 255 in most sets, −1 in the official code.


# %% answer=1
def count(says, truth, classes, void):
    """says, truth: (H, W), classes from 0. Returns the confusion matrix (K, K), int64."""
    counts = torch.zeros(classes, classes, dtype=torch.int64)
    for t, s in zip(truth.flatten().tolist(), says.flatten().tolist(), strict=True):
        ### BEGIN SOLUTION
        if t != void:
            counts[t, s] += 1
        ### END SOLUTION
    return counts


# %% check=1 points=4
check_count(count, seed=SEED)
### BEGIN HIDDEN TESTS
check_count.grade(count, seed=SEED + 1000, points=4)
### END HIDDEN TESTS

# %% [markdown] why=1
# **Why it works.** A labelled pixel is one event: class $t$ was called $s$. The matrix counts events, so its sum is the
# number of labelled pixels, a row sums to the pixels that a class has, a column to those that it was given. Void is no
# event, whatever is said there. With 255 a forgotten test stops with an error; with −1 it does not, since Python counts
# from the end. *Other ways:* `torch.bincount(t * classes + s)` over the labelled pixels; or two one-hot matrices,
# `hot(truth).T @ hot(says)`.

# %% [markdown] rubric=1
# **Rubric.** 4: both values of void, all sizes. The grader gives half of the points times the share of right cases to
# anything else.

# %% [markdown]
# ## Task 2 · Average
#
# **Faded** · difficulty ●●○ · **Minutes:** 9 · **Points:** 4
#
# **Goal:** read the mean IoU off the matrix, and decide what a class without pixels is worth.
#
# A class is *absent* when the truth has no pixel of it and the network says it nowhere. Leave absent classes out of the
# mean, and no others.


# %% answer=2
def mean_iou(matrix):
    """matrix: (K, K), int64, rows the truth. Returns a number."""
    both = matrix.diagonal().double()
    there, said = matrix.sum(1), matrix.sum(0)
    ### BEGIN SOLUTION
    either = there + said - both
    present = either > 0
    return (both[present] / either[present]).mean().item()
    ### END SOLUTION


# %% check=2 points=4
check_mean(mean_iou, seed=SEED)
### BEGIN HIDDEN TESTS
check_mean.grade(mean_iou, seed=SEED + 1000, points=4)
### END HIDDEN TESTS

# %% [markdown] why=2
# **Why it works.** Row and column of class $k$ have one cell in common, the diagonal. Their sum counts it twice, the union
# once. A class that is there and never found has 0 of some pixels, and so has one that is only invented: both are
# mistakes, and count 0. Only 0/0 is nobody's mistake. *Other ways:* `nanmean`; or
# `jpu_edu.metrics.scores.mean_iou(matrix, absent="skip")`.

# %% [markdown] rubric=2
# **Rubric.** 4: all matrices. Right while every class is there, absent ones counted 0 or 1: 2 by hand. Dice, recall or
# precision, computed correctly: 1 by hand.

# %% [markdown]
# ## Task 3 · Look at the edges
#
# **Open** · difficulty ●●● · **Minutes:** 15 · **Points:** 6
#
# **Goal:** score a set of pictures where upsampling matters, and nowhere else.
#
# A pixel is in the *band* if a pixel of another class lies at most `width` rows and at most `width` columns away, in
# the truth. Void (255) is no class: it is in no band, and it makes none. Return the mean IoU over the **set**, counted
# in the band alone, with absent classes left out. Your functions from tasks 1 and 2 may help.


# %% answer=3
def edge_score(says, truth, classes, width):
    """says, truth: (B, H, W), a set of B pictures. Returns a number."""
    ### BEGIN SOLUTION
    high, wide = truth.shape[-2:]
    padded = F.pad(truth, (width,) * 4, value=VOID)
    band = torch.zeros_like(truth, dtype=torch.bool)
    for i in range(2 * width + 1):
        for j in range(2 * width + 1):
            other = padded[:, i : i + high, j : j + wide]
            band |= (other != truth) & (other != VOID)
    near = truth.where(band, VOID)
    return mean_iou(
        sum(count(s, t, classes, VOID) for s, t in zip(says, near, strict=True))
    )
    ### END SOLUTION


# %% check=3 points=6
check_edges(edge_score, seed=SEED)
### BEGIN HIDDEN TESTS
check_edges.grade(edge_score, seed=SEED + 1000, points=6)
### END HIDDEN TESTS

# %% [markdown] why=3
# **Why it works.** Everything that is not in the band becomes void, and the count leaves void out by itself. A void pixel
# is different from all its neighbours too, and may be marked as near by the loop above; it stays void in `near`. The matrices of
# the pictures are added **before** anything is divided. *Other ways:* the largest and the smallest class in the window
# of each pixel, by two max-pools, as the library's `boundary_band` does it; a max-pool of each class's one-hot map.

# %% [markdown] rubric=3
# **Rubric.** 6: all sets, widths, with void. 3 by hand: the band is right, and the score a mean over pictures. 2 by
# hand: right without void.

# %% [markdown]
# ## Task 4 · Break it
#
# **Break-it** · difficulty ●●○ · **Minutes:** 14 · **Points:** 4, and 2 for the reason
#
# **Goal:** know what it is that a mean of pictures hides.
#
# A colleague compares the networks P and Q, picture by picture, by the IoU of class 1 (everything else is 0). "P has
# the larger IoU in *every* picture. So it has the larger IoU over the set." Prove them wrong:

# %%
contest = given(SEED)
print(contest)


# %% [markdown]
# Make a truth and two answers, each two pictures of 0 and 1. In either picture the IoU of class 1 is larger for P than
# for Q. Over the set (intersections added, unions added, divided once) P is behind, by at least so many points.


# %% answer=4
def rigged(contest):
    """contest has h, w and points. Returns truth, p, q, each (2, h, w) of 0 and 1."""
    ### BEGIN SOLUTION
    truth, p, q = torch.zeros(3, 2, contest.h * contest.w, dtype=torch.int64)
    truth[0, 0] = 1  # one pixel: P paints everything, Q nothing
    p[0] = 1
    third = contest.h * contest.w // 3
    truth[1, :third] = 1  # P finds all of it, Q all but one pixel
    p[1, :third] = 1
    q[1, 1:third] = 1
    return tuple(one.reshape(2, contest.h, contest.w) for one in (truth, p, q))
    ### END SOLUTION


# %% check=4 points=4
check_contest(rigged, seed=SEED)
### BEGIN HIDDEN TESTS
check_contest.grade(rigged, seed=SEED, points=4)
### END HIDDEN TESTS

# %% [markdown]
# In two or three sentences: what gives a picture its weight in the IoU of a set, and which kind of mistake makes your P
# lose?

# %% [markdown] answer=5 points=2
# In the sum a picture weighs as much as its union, and the union is made by the network as well: what it invents enlarges
# it, what it misses does not. P paints its bad picture all over, so that it is heavy; Q misses the same picture, and
# for Q it hardly counts.

# %% [markdown] why=4
# **Why it works.** $\frac{I_1 + I_2}{U_1 + U_2}$ is a mean of the two IoUs with the *weights* $U_1$ and $U_2$, and the two
# networks have different weights. In a map of $N$ pixels, with $m$ of class 1 in the second picture, P has $(1 + m)/(N
# + m)$ and Q has $(m - 1)/(m + 1)$, though $1/N > 0$ and $1 > (m-1)/m$. Statisticians know this as Simpson's paradox. If no network
# ever invents a pixel, unions are those of the truth, weights are equal, and the colleague is right. *Another way:* draw random
# maps until it happens; it takes patience.

# %% [markdown] rubric=4
# **Rubric.** Pictures, 4: as the check says; it gives 0 to any that fail. By hand 2: the claim is broken, by too few
# points. Reason, 2: (1) the union is the weight, and depends on the network; (1) invented pixels enlarge it, missed
# ones do not.
