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
# # Exercises 09 · Whom may a pixel ask
#
# In [the walkthrough](../09_context.ipynb) DeepLabv3 asked eight neighbours and mostly found nobody at home. Here you
# say how many are at home on any map, build the boxes of PSP and the code of EncNet, and then find the outputs that are left
# alone by a rate that everybody calls small enough.
#
# **Time:** 45 minutes. **You need:** [09](../09_context.ipynb).
#
# **How it works.** Run the first cell. Write your lines where `raise NotImplementedError()` stands, run the cell, run the
# check below it, read the answer. A check tries your function on many inputs, small ones first. It
# compares what comes out and never looks inside, so any correct way passes. More help is one argument away:
# `check_landing(landing, hint=2)`, then `hint=3`, then `hint="solution"`.

# %%
import math

from jpu_edu.exercises.e09_context import (
    check_alone,
    check_boxes,
    check_code,
    check_landing,
    given,
)

SEED = 0  # chooses sizes, rates, codewords and pictures; a class has its own

# %% [markdown]
# ## Task 1 · Who is at home?
#
# **Guided** · difficulty ●○○ · **Minutes:** 8 · **Points:** 4
#
# **Goal:** say for any rate and any map how much of a 3 x 3 kernel works.
#
# A 3 x 3 convolution keeps the size of its map, with `rate` zeros around it. Some of its nine taps land on the map, others on
# the zeros. How many land, as a mean over all outputs? A tap has to hit on both axes, so two numbers multiply, and that
# stands there. Compute one of them: how many of *three* taps in a row, $i - r$, $i$ and $i + r$, land on an axis of `size`
# places, as a mean over $i$.


# %% answer=1
def landing(height, width, rate):
    """The mean number of the nine taps that land on a map of height x width."""
    taps = 1.0
    for size in (height, width):
        ### BEGIN SOLUTION
        on_axis = 1 + 2 * max(0, size - rate) / size
        ### END SOLUTION
        taps = taps * on_axis
    return taps


# %% check=1 points=4
check_landing(landing, seed=SEED)
### BEGIN HIDDEN TESTS
check_landing.grade(landing, seed=SEED + 1000, points=4)
### END HIDDEN TESTS

# %% [markdown] why=1
# **Why it works.** The middle tap stands on the output's own place. The left one misses for the first $r$ outputs and lands for
# the other $n - r$, the right one misses for the last $r$; if $r \ge n$ both miss for all. So $1 + 2 \max(0, n - r) / n$, and the
# number of taps that hit on both axes is the product, since rows and columns are chosen independently. *Another way:*
# convolve a map of ones with a kernel of ones, and take the mean.

# %% [markdown] rubric=1
# **Rubric.** 4: all maps and rates. The grader gives half of the points times the share of right cases to anything
# else. Typical: right up to the size of the map, and below 1 beyond it.

# %% [markdown]
# ## Task 2 · Boxes
#
# **Faded** · difficulty ●●○ · **Minutes:** 10 · **Points:** 4
#
# **Goal:** cut any map into n x n boxes, whether n divides its size or not.
#
# The pyramid of PSP takes the mean of `n` x `n` boxes. Every box is the same share of the axis, `size / n`, and where its end
# cuts a place in two, the place belongs to the boxes on both sides. Fill `means[..., i, j]` with the mean of box i from
# above, j from the left. (That is what adaptive average pooling does in PyTorch.)


# %% answer=2
def boxes(y, n):
    """y: (1, C, H, W), n <= H and n <= W. Returns the means, (1, C, n, n)."""
    height, width = y.shape[-2:]
    means = y.new_empty(*y.shape[:2], n, n)
    for i in range(n):
        for j in range(n):
            ### BEGIN SOLUTION
            rows = slice(i * height // n, math.ceil((i + 1) * height / n))
            columns = slice(j * width // n, math.ceil((j + 1) * width / n))
            means[..., i, j] = y[..., rows, columns].mean((2, 3))
            ### END SOLUTION
    return means


# %% check=2 points=4
check_boxes(boxes, seed=SEED)
### BEGIN HIDDEN TESTS
check_boxes.grade(boxes, seed=SEED + 1000, points=4)
### END HIDDEN TESTS

# %% [markdown] why=2
# **Why it works.** Box $i$ covers the axis from $i \cdot \text{size} / n$ to $(i + 1) \cdot \text{size} / n$. Start down, end up: then a
# place that is covered in part is in. Seven places in three boxes: 0 to 2, 2 to 4, 4 to 6, and places 2 and 4 count twice. A
# box is a share of the *picture*, so no map is too small or too large for it, unlike a rate. *Other ways:*
# `F.adaptive_avg_pool2d(y, n)`; `F.interpolate(y, size=(n, n), mode="area")`; or two matrix products with the means of
# each axis.

# %% [markdown] rubric=2
# **Rubric.** 4: all sizes. Sizes that n divides earn a part; boxes without overlap are a fair pooling and not this one: 2
# by hand where the student says so.

# %% [markdown]
# ## Task 3 · A code
#
# **Open** · difficulty ●●● · **Minutes:** 14 · **Points:** 6
#
# **Goal:** write the encoding layer of EncNet, with its sign the right way up.
#
# `x` holds a descriptor $x_i$ of D numbers for each place, `codewords` are $c_1, \dots, c_K$. Each place is shared out among
# the codewords, and each codeword collects the differences: $e_k = \sum_i a_{ik} (x_i - c_k)$. The shares are
#
# $$a_{ik} = \operatorname{softmax}_k \left(\pm\, s_k \lVert x_i - c_k \rVert^2\right).$$
#
# `scale` is $s_k$ as an official checkpoint holds it, numbers between −1 and 0, and the *nearer* of two codewords with the same
# scale has to get the larger share. Which sign, then, is for you to say.


# %% answer=3
def code(x, codewords, scale):
    """x: (1, D, H, W), codewords: (K, D), scale: (K,). Returns the code, (1, K, D)."""
    ### BEGIN SOLUTION
    places = x.flatten(2).transpose(1, 2)  # (1, N, D)
    difference = places[:, :, None] - codewords  # (1, N, K, D)
    squares = difference.square().sum(-1)
    share = (scale * squares).softmax(-1)
    return (share[..., None] * difference).sum(1)
    ### END SOLUTION


# %% check=3 points=6
check_code(code, seed=SEED)
### BEGIN HIDDEN TESTS
check_code.grade(code, seed=SEED + 1000, points=6)
### END HIDDEN TESTS

# %% [markdown] why=3
# **Why it works.** Softmax favours the largest number. A small distance has to become a large number, so what stands before it
# has to be negative, and the checkpoint's $s_k$ is: plus. (The paper writes $-s_k$ with a positive $s_k$. Mixed up, it runs
# and goes to the farthest.) The softmax is over $k$: the shares of one place add up to 1. The sum over $i$ is divided by
# nothing and knows no order: the code says what is there, and how much of it, and not where. *Other ways:* multiply the
# square out, $|x|^2 - 2 x c + |c|^2$, and collect with two matrix products, which is what `jpu_edu.layers.encoding.encode`
# does; a loop over places.

# %% [markdown] rubric=3
# **Rubric.** 6: all maps and codewords. 3 by hand: one step wrong (sign, axis of the softmax, mean for sum), with the shapes
# right. 2: shares right, collected wrongly.

# %% [markdown]
# ## Task 4 · Break it
#
# **Break-it** · difficulty ●●○ · **Minutes:** 13 · **Points:** 4, and 2 for the reason
#
# **Goal:** name the outputs for which a 3 x 3 at a large rate is a 1 x 1 already.
#
# A colleague: "Our rate is smaller than our map, so every output has a neighbour to ask. The trouble begins at rates as
# large as the map." Look along one axis, at rows only: the kernel has three taps, $i - r$, $i$ and $i + r$. Your picture and branch:

# %%
branch = given(SEED)
print(branch)

# %% [markdown]
# The map has one row for each `stride` pixels, and one more for what is left over. List all rows of it, counted from 0, whose
# output reads no row but its own.


# %% answer=4
def alone(branch):
    """branch has pixels, stride and rate. Returns a list of whole numbers."""
    ### BEGIN SOLUTION
    size = math.ceil(branch.pixels / branch.stride)
    return [i for i in range(size) if i - branch.rate < 0 and i + branch.rate >= size]
    ### END SOLUTION


# %% check=4 points=4
check_alone(alone, seed=SEED)
### BEGIN HIDDEN TESTS
check_alone.grade(alone, seed=SEED, points=4)
### END HIDDEN TESTS

# %% [markdown]
# In two or three sentences: which outputs train the outer taps at this size, and what happens to a branch that was trained
# on pictures so small that no output does, and is then shown larger ones?

# %% [markdown] answer=5 points=2
# Only outputs near the two ends train them, with neighbours at the opposite end; those in the middle are a 1 x 1. If the map is
# not larger than the rate, the outer taps meet zeros alone, get no gradient, and stay as they were born (or shrink, by weight
# decay). On a larger map they meet places for the first time, and add what is left of their random start.

# %% [markdown] why=4
# **Why it works.** Row $i$ has no neighbour above if $i < r$, and none below if $i \ge n - r$. Both hold for $n - r \le i < r$:
# $2r - n$ rows, as soon as $2r > n$. On the 60 places of a crop of 480 pixels, rate 36 leaves rows 24 to 35 alone: the *middle* of the
# picture. In two dimensions an output is a 1 x 1 if its row and its column are alone: there 12 · 12 = 144 of 3 600. That is
# why ASPP has the mean of the whole map beside its rates. *Another way:* convolve ones with ones, and look for 1.

# %% [markdown] rubric=4
# **Rubric.** Rows, 4: all. Reason, 2: (1) outputs near the ends, or: those for which a tap lands; (1) untrained taps wake
# up on a larger map. "It gets worse" without the untrained weights: half a point.
