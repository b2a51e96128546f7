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
# # Exercises 04 · Holes, and who pays for them
#
# [The walkthrough](../04_what_dilation_costs.ipynb) separated two bills that are usually mixed up: what dilation hides, and what
# resolution costs. Here you compute both, for any list of rates and any network, and you break a rule that
# is often quoted.
#
# **Time:** 45 minutes. **You need:** [04](../04_what_dilation_costs.ipynb).
#
# **How it works.** Run the first cell. Write your lines where `raise NotImplementedError()` stands, run the cell, run the
# check below it, read the answer. A check tries your function on many inputs, small ones first. It
# compares what comes out and never looks inside, so any correct way passes. More help is one argument away:
# `check_coverage(coverage, hint=2)`, then `hint=3`, then `hint="solution"`.

# %%
from jpu_edu.exercises.e04_what_dilation_costs import (
    check_bill,
    check_coverage,
    check_largest,
    check_list,
    given,
)

SEED = 0  # chooses sizes, rates, kernels and pictures; a class has its own

# %% [markdown]
# ## Task 1 · Span is not coverage
#
# **Guided** · difficulty ●○○ · **Minutes:** 8 · **Points:** 4
#
# **Goal:** say how much of its window a stack of layers really reads.
#
# A walk takes one step for each layer, and ends on a place that the output reads. The walking stands there, for one
# axis. Two things are missing: the steps that a layer with a `kernel` x `kernel` window (odd) and this `rate` allows,
# and the share of the *two-dimensional* window, between 0 and 1.


# %% answer=1
def coverage(rates, kernel):
    """rates: one a layer. Returns the share of the window that is read."""
    places = {0}
    for rate in rates:
        ### BEGIN SOLUTION
        half = kernel // 2
        steps = [tap * rate for tap in range(-half, half + 1)]
        ### END SOLUTION
        places = {place + step for place in places for step in steps}
    span = max(places) - min(places) + 1
    ### BEGIN SOLUTION
    return (len(places) / span) ** 2
    ### END SOLUTION


# %% check=1 points=4
check_coverage(coverage, seed=SEED)
### BEGIN HIDDEN TESTS
check_coverage.grade(coverage, seed=SEED + 1000, points=4)
### END HIDDEN TESTS

# %% [markdown] why=1
# **Why it works.** One axis is a walk on whole numbers, and a set keeps each place once, however many walks end there. A
# pixel of the window is read where its row *and* its column are reached, so the shares of the axes multiply. *Other
# ways:* start from $[1]$ and convolve with the kernel of each layer, zeros between its taps, then count what is not
# zero; or light one output of a network and count the pixels with a gradient.

# %% [markdown] rubric=1
# **Rubric.** 4: all lists and kernels. The grader gives half of the points times the share of right cases to anything
# else. Typical: right for 3 x 3 kernels only.

# %% [markdown]
# ## Task 2 · How far may the next layer reach?
#
# **Faded** · difficulty ●●○ · **Minutes:** 12 · **Points:** 4
#
# **Goal:** decide about holes by a rule that needs no counting.
#
# Layers with these rates are given, and you may add one more. Return the largest rate for which the *whole* list has
# no holes, or 0 if there is none. The search stands there; the test of a list is missing. (Rates 1 and 2 at kernel 3: the
# answer is 7. Rate 2 alone: the answer is 1, and that is no misprint.)


# %% answer=2
def largest_rate(rates, kernel):
    """rates: a list of whole numbers >= 1; kernel: odd. Returns a whole number >= 0."""
    for rate in range(1 + (kernel - 1) * sum(rates), 0, -1):
        no_holes = True
        ### BEGIN SOLUTION
        stretch = 1
        for one in sorted([*rates, rate]):
            if one > stretch:
                no_holes = False
            stretch += (kernel - 1) * one
        ### END SOLUTION
        if no_holes:
            return rate
    return 0


# %% check=2 points=4
check_largest(largest_rate, seed=SEED)
### BEGIN HIDDEN TESTS
check_largest.grade(largest_rate, seed=SEED + 1000, points=4)
### END HIDDEN TESTS

# %% [markdown] why=2
# **Why it works.** Build the stack from its smallest rate; the order changes nothing about what is reached. Layers that
# cover a stretch of $s$ pixels are copied $K$ times by the next one, $r$ apart. For $r \le s$ the copies touch and the
# stretch grows by $(K-1) r$. For $r > s$ there is a gap, and all later rates are at least as large: a gap next to the
# centre is out of their reach. A list such as [4, 4] cannot be mended by one layer at all. *Another way:* your function
# from task 1 returns 1 exactly when there are no holes.

# %% [markdown] rubric=2
# **Rubric.** 4: all lists and kernels. Using task 1 as the test is a full solution, and a wise one.

# %% [markdown]
# ## Task 3 · The bill of a network
#
# **Open** · difficulty ●●○ · **Minutes:** 12 · **Points:** 4
#
# **Goal:** see in numbers that strides save and rates are free.
#
# Return a list with the MACs of each layer of a network, in order. Each layer has a square kernel (odd) and the padding that
# goes with it, `rate * (kernel // 2)`, so that at stride 1 it keeps the size of the map. The first layer reads a map of
# `size` = (H, W).


# %% answer=3
def bill(layers, size):
    """layers: list of (c_in, c_out, kernel, stride, rate). Returns a list of whole numbers."""
    ### BEGIN SOLUTION
    high, wide = size
    macs = []
    for c_in, c_out, kernel, stride, _ in layers:
        high, wide = -(-high // stride), -(-wide // stride)
        macs.append(high * wide * c_in * c_out * kernel**2)
    return macs
    ### END SOLUTION


# %% check=3 points=4
check_bill(bill, seed=SEED)
### BEGIN HIDDEN TESTS
check_bill.grade(bill, seed=SEED + 1000, points=4)
### END HIDDEN TESTS

# %% [markdown] why=3
# **Why it works.** With the padding $r(K-1)/2$ the size formula becomes $\lfloor (n - 1)/s \rfloor + 1 = \lceil n/s \rceil$: the
# rate has cancelled, and it is not in the price either. In the solution it is read into a variable named `_`, which is
# the whole of walkthrough 04 in one character. Replace a stride of 2 by 1 and give the following layers rate 2: the rates
# change nothing, and every later entry is multiplied by 4. *Another way:* `jpu_edu.cost.macs.conv_macs`, layer by layer.

# %% [markdown] rubric=3
# **Rubric.** 4: all networks. Typical: sizes rounded down, which only odd maps reveal.

# %% [markdown]
# ## Task 4 · Break it
#
# **Break-it** · difficulty ●●○ · **Minutes:** 13 · **Points:** 4, and 2 for the reason
#
# **Goal:** replace a rule that sounds right by one that is right.
#
# "Choose rates without a common divisor, and there are no holes." Break this advice as thoroughly as your limits allow.
# All kernels are 3 x 3. Your limits:

# %%
limits = given(SEED)
print(limits)

# %% [markdown]
# Return a list of rates within the limits, without a common divisor, that covers the smallest possible share of its window.


# %% answer=4
def worst_list(limits):
    """limits has layers (how many rates) and largest (no rate above it). Returns a list of whole numbers."""
    ### BEGIN SOLUTION
    return [limits.largest - 1] + [limits.largest] * (limits.layers - 1)
    ### END SOLUTION


# %% check=4 points=4
check_list(worst_list, seed=SEED)
### BEGIN HIDDEN TESTS
check_list.grade(worst_list, seed=SEED, points=4)
### END HIDDEN TESTS

# %% [markdown]
# In two or three sentences: why is it not enough that no number divides all rates, and what is enough?

# %% [markdown] answer=5 points=2
# Without a common divisor the steps *could* reach every pixel, if one could take as many of each as one likes. A stack takes
# exactly one step for each layer, so most combinations do not exist. Enough, and necessary, is that sorted by size no rate
# is longer than the stretch which the smaller ones cover already; in particular, one rate has to be 1.

# %% [markdown] why=4
# **Why it works.** Equal rates waste steps: $m$ layers of rate $L$ reach $2m + 1$ places, not $3^m$. One layer of rate $L - 1$
# makes the common divisor 1 and multiplies the places by three at most, while the window keeps growing with every rate. So few
# places stand in a long window. Rate 1 in its place reaches as many places in a *shorter* window, hence covers more.
# *Another way:* try all lists; there are only a few hundred.

# %% [markdown] rubric=4
# **Rubric.** List, 4: the smallest coverage; 2 by hand for any list that breaks the claim. Reason, 2: (1) one step a layer, so
# not all combinations are available; (1) the rule with the stretch, or "one rate must be 1" at least.
