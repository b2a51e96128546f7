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
# # Exercises 01 · One line, four uses
#
# [The walkthrough](../01_convolution.ipynb) asked you to keep one line: *output $i$ reads the inputs $i s + k r - p$*. Here
# it earns its keep. You write a convolution with it, send a gradient back through it, present the bill for a
# layer, and show a colleague that one thing cannot be got out of it.
#
# **Time:** 45 minutes. **You need:** [01](../01_convolution.ipynb).
#
# **How it works.** Run the first cell. Write your lines where `raise NotImplementedError()` stands, run the cell, run the
# check below it, read the answer. A check tries your function on many inputs, small ones first. It
# compares what comes out and never looks inside, so any correct way passes. More help is one argument away:
# `check_conv(conv, hint=2)`, then `hint=3`, then `hint="solution"`.

# %%
from jpu_edu.exercises.e01_convolution import (
    check_conv,
    check_gradient,
    check_macs,
    check_sizes,
    given,
)

SEED = 0  # chooses sizes, rates, kernels and pictures; a class has its own

# %% [markdown]
# ## Task 1 · The line, on two axes
#
# **Guided** · difficulty ●○○ · **Minutes:** 10 · **Points:** 4
#
# **Goal:** turn the line into code that PyTorch agrees with, borders included.
#
# The size of the result and the four loops stand there: over the outputs (`i`, `j`), and over the taps (`u`, `v`). Fill
# in what one tap adds to one output. What lies outside the map is zero.


# %% answer=1
def conv(x, w, stride, padding, rate):
    """x: (H, W), w: (k_h, k_w). Returns the convolution, the kernel not flipped."""
    shape = [
        (n + 2 * padding - rate * (k - 1) - 1) // stride + 1
        for n, k in zip(x.shape, w.shape, strict=True)
    ]
    y = x.new_zeros(shape)
    for i in range(shape[0]):
        for j in range(shape[1]):
            for u in range(w.shape[0]):
                for v in range(w.shape[1]):
                    ### BEGIN SOLUTION
                    row = i * stride + u * rate - padding
                    column = j * stride + v * rate - padding
                    if 0 <= row < x.shape[0] and 0 <= column < x.shape[1]:
                        y[i, j] += w[u, v] * x[row, column]
                    ### END SOLUTION
    return y


# %% check=1 points=4
check_conv(conv, seed=SEED)
### BEGIN HIDDEN TESTS
check_conv.grade(conv, seed=SEED + 1000, points=4)
### END HIDDEN TESTS

# %% [markdown] why=1
# **Why it works.** The line holds for each axis by itself, so a tap $(u, v)$ of output $(i, j)$ reads row
# $i s + u r - p$ and column $j s + v r - p$. Both tests are needed: in Python `x[-1]` is no error but the *last* row,
# so a missing lower test gives a map that wraps around in silence. *Other ways:* `F.pad` the map first and leave out
# the tests; or loop over the taps only and add up shifted slices `x[u * rate :: stride, v * rate :: stride]` of the
# padded map, which is much faster.

# %% [markdown] rubric=1
# **Rubric.** 4: all settings. The grader gives half of the points times the share of right cases to anything else.
# Typical: right without padding only (no test for the border).

# %% [markdown]
# ## Task 2 · What a pixel is used for
#
# **Faded** · difficulty ●●○ · **Minutes:** 12 · **Points:** 4
#
# **Goal:** read the matrix of a convolution by its columns, as a gradient does.
#
# One dimension. A layer with kernel `w` has turned `n` inputs into some outputs. Now the gradient `g` arrives, one
# number for each *output*. Return the gradient of the *inputs*: $A^{\mathsf T} g$, where $A$ is the matrix of the layer. No
# autograd is needed, and no matrix.


# %% answer=2
def input_gradient(g, w, n, stride, padding, rate):
    """g: (n_out,), w: (K,). Returns the gradient of the n inputs, (n,)."""
    gradient = g.new_zeros(n)
    ### BEGIN SOLUTION
    for i in range(len(g)):
        for k in range(len(w)):
            j = i * stride + k * rate - padding
            if 0 <= j < n:
                gradient[j] += w[k] * g[i]
    ### END SOLUTION
    return gradient


# %% check=2 points=4
check_gradient(input_gradient, seed=SEED)
### BEGIN HIDDEN TESTS
check_gradient.grade(input_gradient, seed=SEED + 1000, points=4)
### END HIDDEN TESTS

# %% [markdown] why=2
# **Why it works.** Row $i$ of $A$ has $w_k$ in column $i s + k r - p$. In $A^{\mathsf T} g$ this entry carries $g_i w_k$ to input
# $i s + k r - p$: the same line, with the arrow turned round. A pixel lies under several windows, so contributions
# *add up*. You have just written a transposed convolution, which [05](../05_fcn.ipynb) uses to make maps larger.
# *Other ways:* `F.conv_transpose1d`, cut to `n`; or the matrix itself, from unit vectors, transposed.

# %% [markdown] rubric=2
# **Rubric.** 4: all settings. Typical: assignment instead of addition, which is right wherever windows do not overlap.

# %% [markdown]
# ## Task 3 · The bill
#
# **Open** · difficulty ●●○ · **Minutes:** 10 · **Points:** 4
#
# **Goal:** price any convolution, and say which of its settings are free.
#
# Return the number of MACs of a layer with a square kernel, on a map of `size` = (H, W). Before you write: which two of
# the eight arguments can change without changing the price, as long as the output keeps its size?


# %% answer=3
def macs(c_in, c_out, kernel, size, stride, padding, rate, groups):
    """All arguments are whole numbers, size is a pair. groups divides c_in and c_out. Returns a whole number."""
    ### BEGIN SOLUTION
    outputs = 1
    for n in size:
        outputs *= (n + 2 * padding - rate * (kernel - 1) - 1) // stride + 1
    return outputs * c_out * (c_in // groups) * kernel * kernel
    ### END SOLUTION


# %% check=3 points=4
check_macs(macs, seed=SEED)
### BEGIN HIDDEN TESTS
check_macs.grade(macs, seed=SEED + 1000, points=4)
### END HIDDEN TESTS

# %% [markdown] why=3
# **Why it works.** One output number is a sum of $K \cdot K \cdot C/g$ products, and there are $D \cdot H_\text{out} \cdot
# W_\text{out}$ of them. The rate and the padding occur only in the size of the output: at a given output size they are
# free. Holes cost nothing; resolution does. *Another way:* run the layer on the meta device and multiply
# `weight.numel()` by the number of output pixels, since every weight is used once at each.

# %% [markdown] rubric=3
# **Rubric.** 4: all settings. Ask for the two free arguments (padding and rate) in class; they are the point of
# the task.

# %% [markdown]
# ## Task 4 · Break it
#
# **Break-it** · difficulty ●●○ · **Minutes:** 13 · **Points:** 4, and 2 for the reason
#
# **Goal:** know what a layer forgets, before you build one that goes the other way.
#
# A colleague wants to go back from the output to the input. He solves the size formula for $n$,
#
# $$n = (n_\text{out} - 1)\,s + r(K-1) + 1 - 2p,$$
#
# and says: now I can compute the size of the input. Show him *all* sizes for which he is wrong, and his own. Your layer:

# %%
layer = given(SEED)
print(layer)

# %% [markdown]
# List every input size for which this layer has exactly that many outputs.


# %% answer=4
def sizes(layer):
    """layer has kernel, stride, padding, rate and outputs. Returns a list of whole numbers."""
    ### BEGIN SOLUTION
    span = layer.rate * (layer.kernel - 1) + 1
    smallest = (layer.outputs - 1) * layer.stride + span - 2 * layer.padding
    return list(range(smallest, smallest + layer.stride))
    ### END SOLUTION


# %% check=4 points=4
check_sizes(sizes, seed=SEED)
### BEGIN HIDDEN TESTS
check_sizes.grade(sizes, seed=SEED, points=4)
### END HIDDEN TESTS

# %% [markdown]
# In two or three sentences: where does the formula lose the size, how many candidates are there in general, and what
# must a layer that goes the other way be told?

# %% [markdown] answer=5 points=2
# The floor in $\lfloor \text{room} / s \rfloor + 1$ throws the remainder away, and a remainder by $s$ has $s$ values: so $s$
# sizes share one output size. A layer that goes back up has to be told which of them it was; PyTorch's
# transposed convolution calls that number `output_padding`.

# %% [markdown] why=4
# **Why it works.** The colleague's formula belongs to a room without remainder, the smallest size. Up to $s - 1$
# further pixels do not suffice for another window, so they change nothing: $s$ sizes in all. With stride 1 the
# colleague is right. *Another way:* try all sizes up to a hundred, and keep those that fit.

# %% [markdown] rubric=4
# **Rubric.** Sizes, 4: all. Reason, 2: (1) the floor, or the remainder, and that there are $s$ candidates; (1) the
# missing number is told to the layer (`output_padding`), or the size of the input is handed over.
