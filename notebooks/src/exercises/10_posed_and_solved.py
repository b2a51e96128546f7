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
# # Exercises 10 · A residual of zero
#
# In [the walkthrough](../10_posed_and_solved.ipynb) a kernel came back to twelve digits, from one phase of a cat. Here you
# write its equations, use the solution as equation 4 says, write the closed form for maps, and build the guide that is
# fitted without a residual and tells you nothing.
#
# **Time:** 45 minutes. **You need:** [10](../10_posed_and_solved.ipynb), sections 1 to 4.
#
# **How it works.** Run the first cell. Write your lines where `raise NotImplementedError()` stands, run the cell, run the
# check below it, read the answer. A check tries your function on many inputs, small ones first. It
# compares what comes out and never looks inside, so any correct way passes. More help is one argument away:
# `check_taps(taps, hint=2)`, then `hint=3`, then `hint="solution"`.

# %%
import torch
import torch.nn.functional as F

from jpu_edu.exercises.e10_posed_and_solved import (
    check_joint,
    check_riddle,
    check_solve,
    check_taps,
    given,
)
from jpu_edu.ops.phases import merge, split
from jpu_edu.ops.solve import fit_h

SEED = 0  # chooses sizes, rates, kernels and maps; a class has its own

# %% [markdown]
# ## Task 1 · One equation for each sample
#
# **Guided** · difficulty ●○○ · **Minutes:** 8 · **Points:** 4
#
# **Goal:** see equation 4 as a table of numbers: what is known, what is unknown, what is a row.
#
# `y_m0` and `y_s` are signals of one length. Sought are three taps, $h_0, h_1, h_2$, whose convolution of `y_m0` comes as close to
# `y_s` as three taps can, with zeros beyond the ends, so that the length stays. The solving stands there. Write the row of
# place `i`: the three numbers that the taps meet there.


# %% answer=1
def taps(y_m0, y_s):
    """y_m0, y_s: (n,), n >= 5. Returns the three taps, (3,), from left to right."""
    rows = y_s.new_zeros(len(y_s), 3)
    for i in range(len(y_s)):
        ### BEGIN SOLUTION
        for k in range(3):
            place = i + k - 1
            if 0 <= place < len(y_m0):
                rows[i, k] = y_m0[place]
        ### END SOLUTION
    return torch.linalg.lstsq(rows, y_s[:, None]).solution[:, 0]


# %% check=1 points=4
check_taps(taps, seed=SEED)
### BEGIN HIDDEN TESTS
check_taps.grade(taps, seed=SEED + 1000, points=4)
### END HIDDEN TESTS

# %% [markdown] why=1
# **Why it works.** Place $i$ of the convolution is $h_0\,y_{i-1} + h_1\,y_i + h_2\,y_{i+1}$: linear in the three *taps*, though one
# is used to think of it as linear in $y$. So each sample is one equation. If three taps made `y_s`, all $n$ equations hold and any three
# independent ones would do. If they did not, least squares shares the error out among all $n$, and then it matters that the first and the last
# have their say. *Other ways:* pad with a zero on each side and `unfold(0, 3, 1)`; the 3 x 3 normal equations, whose
# entries are correlations of `y_m0` with itself.

# %% [markdown] rubric=1
# **Rubric.** 4: all signals. The grader gives half of the points times the share of right cases to anything else: leaving the
# ends out is right where `y_s` was made by three taps, and earns part of that.

# %% [markdown]
# ## Task 2 · Equation 4
#
# **Faded** · difficulty ●●○ · **Minutes:** 10 · **Points:** 4
#
# **Goal:** say in code what is fitted to what, and to what the result is applied.
#
# $y = \{y_m^0, y_m^1, \dots\} \to \hat h \to M$ with $\hat h = \arg\min \lVert y_s - h(y_m^0) \rVert$. Let $H$ be the 3 x 3 convolutions
# with a constant: `h = fit_h(guide, target, bias=True)` finds the best, and `h(map)` applies it. The phases stand there, in
# the order of `split`.


# %% answer=2
def joint(y_m, y_s, rate):
    """y_m: (1, C, H, W), y_s: (1, D, h, w), h = ceil(H / rate). Returns y, (1, D, H, W)."""
    phases = split(y_m, rate=rate)
    ### BEGIN SOLUTION
    h = fit_h(phases[0], y_s, bias=True)
    return merge([h(phase) for phase in phases], rate=rate)
    ### END SOLUTION


# %% check=2 points=4
check_joint(joint, seed=SEED)
### BEGIN HIDDEN TESTS
check_joint.grade(joint, seed=SEED + 1000, points=4)
### END HIDDEN TESTS

# %% [markdown] why=2
# **Why it works.** The strided network computed $y_s$ from phase (0, 0) and from nothing else, so this is the pair on which $h$
# can be judged. All phases come from one layer and one picture, and look alike in their statistics; what is best on one is
# about as good on the others. That is an assumption, the only one, and with one linear layer it is not even needed: then $h$ *is*
# the layer. Note what does not occur: $y_d$, and $y_s$ as an input. *Other ways:* one dilated convolution of `y_m` with
# `h.weight` and `h.bias`; `fit_h(...).on_guide(y_m, rate=rate)`.

# %% [markdown] rubric=2
# **Rubric.** 4: all rates and sizes. Fitted rightly and applied without a split: 2 by hand. A student who puts `y_s` into
# phase (0, 0) has thought further than equation 4 goes; say so, and 3 by hand.

# %% [markdown]
# ## Task 3 · The closed form
#
# **Open** · difficulty ●●● · **Minutes:** 13 · **Points:** 6
#
# **Goal:** solve the problem for maps of many channels, with nothing but `torch.linalg.lstsq`.
#
# Write what `fit_h` does. Of all convolutions with kernels of `kernel` x `kernel` (odd), with a bias and zeros around the
# map, return the one that makes $\lVert y_s - h(y_m^0) \rVert$ smallest. The maps are rich enough that there is only one.


# %% answer=3
def solve(y_m0, y_s, kernel):
    """y_m0: (1, C, h, w), y_s: (1, D, h, w). Returns weight (D, C, kernel, kernel) and bias (D,)."""
    ### BEGIN SOLUTION
    rows = F.unfold(y_m0, kernel, padding=kernel // 2)[0].T
    rows = torch.cat([rows, torch.ones_like(rows[:, :1])], 1)
    target = y_s[0].flatten(1).T
    found = torch.linalg.lstsq(rows, target).solution
    weight = found[:-1].T.reshape(y_s.shape[1], y_m0.shape[1], kernel, kernel)
    return weight, found[-1]
    ### END SOLUTION


# %% check=3 points=6
check_solve(solve, seed=SEED)
### BEGIN HIDDEN TESTS
check_solve.grade(solve, seed=SEED + 1000, points=6)
### END HIDDEN TESTS

# %% [markdown] why=3
# **Why it works.** A pixel of $y_s$ is a row: $C k^2$ numbers under the kernel, and a 1 for the bias. The $D$ maps of $y_s$ have the
# same rows and different right-hand sides, so one solve serves them all, and its solution has one *column* for each.
# `unfold` lists the numbers under the kernel in the order in which `conv2d` stores its weights, so a reshape suffices, after the
# transposition. *Other ways:* two loops over the pixels; subtract from each column its mean, solve, and read the bias off the means;
# `fit_h(y_m0, y_s, kernel=kernel, bias=True)`.

# %% [markdown] rubric=3
# **Rubric.** 6: all maps and kernels. 3 by hand: right but for the bias, or for one map of $y_s$ only. A solution that calls
# `fit_h` passes the check; if you want to forbid it, read the cell.

# %% [markdown]
# ## Task 4 · Break it
#
# **Break-it** · difficulty ●●○ · **Minutes:** 14 · **Points:** 4, and 2 for the reason
#
# **Goal:** know when a residual of 0 is evidence, and when it is not.
#
# "More equations than unknowns," says a colleague, "and a residual of 0. So $h$ is the layer." Show two layers that their
# data cannot tell apart:

# %%
riddle = given(SEED)
print(riddle)


# %% [markdown]
# Return a guide $y_m$ of so many numbers, and two kernels of three taps; all of them whole numbers from −9 to 9. Phase 0 of the guide
# (every second number, from the first on) has at least three numbers that are not 0. On phase 0 both kernels give the same numbers at
# every place, with zeros beyond the ends. On phase 1 their results differ by at least the gap, at one place or more.


# %% answer=4
def twins(riddle):
    """riddle has size and gap. Returns y_m (a list of numbers) and two kernels, three taps each."""
    ### BEGIN SOLUTION
    n = (riddle.size + 1) // 2
    if n % 2:
        wave, difference = [1, 0, -1, 0], [9, 0, 9]
    else:  # n = 8
        wave, difference = [1, 1, 0, -1, -1, 0], [9, -9, 9]
    y_m = [wave[i // 2 % len(wave)] for i in range(riddle.size)]
    y_m[1:6:2] = difference  # as loud as it may be, with signs that add up
    return y_m, difference, [-tap for tap in difference]
    ### END SOLUTION


# %% check=4 points=4
check_riddle(twins, seed=SEED)
### BEGIN HIDDEN TESTS
check_riddle.grade(twins, seed=SEED, points=4)
### END HIDDEN TESTS

# %% [markdown]
# In two or three sentences: how can so many equations leave three unknowns open, and at what would you look instead of the
# residual?

# %% [markdown] answer=5 points=2
# The equations repeat one another: of the $n$ rows only two are independent, so their number says nothing. I would look at the **rank**:
# it has to be the number of unknowns. The residual cannot show it, since it speaks of phase 0 alone, and there both kernels are perfect;
# only other phases, or other photographs, tell them apart.

# %% [markdown] why=4
# **Why it works.** Two kernels agree on phase 0 if their difference $d$ gives 0 at each place. With $d = (1, 0, 1)$ the neighbours
# of every place have to cancel, and at the ends, where one neighbour is the 0 beyond, the other has to be 0 as well: $1, 0, -1, 0, 1,
# \dots$, with an odd number of places. With $d = (1, -1, 1)$ each number is the sum of its neighbours: $1, 1, 0, -1, -1, 0, 1, 1$.
# All $n$ rows are then combinations of two. Real maps do this too: one that is 0 behind its ReLU, or a sky of one colour, has
# equations in plenty and hardly any rank. `fit_h` counts the rank, says it, and refuses to guess. *Another way:* choose a difference
# and two numbers; each further one is forced; see which lengths end with a 0.

# %% [markdown] rubric=4
# **Rubric.** Twins, 4: as the check says; it gives 0 to any that fail. By hand 2: phase 0 cannot tell the kernels apart, and
# the gap is too small. Reason, 2: (1) the rows are not independent, or: the rank is too small; (1) the residual sees phase 0
# alone, or: look at the rank, at other phases or photographs.
