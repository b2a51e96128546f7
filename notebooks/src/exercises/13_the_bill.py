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
# # Exercises 13 · Four ways to pay
#
# [The walkthrough](../13_the_bill.ipynb) took a published speed-up apart: work, memory, time, and what both twins have to pay.
# Here you count the work of any convolution, find the worst moment of any network, say how long it must take,
# and then make a layer that multiplies less and takes longer.
#
# **Time:** 50 minutes. **You need:** [13](../13_the_bill.ipynb).
#
# **How it works.** Run the first cell. Write your lines where `raise NotImplementedError()` stands, run the cell, run the
# check below it, read the answer. A check tries your function on many inputs, small ones first. It
# compares what comes out and never looks inside, so any correct way passes. More help is one argument away:
# `check_macs(macs, hint=2)`, then `hint=3`, then `hint="solution"`.

# %%
from jpu_edu.exercises.e13_the_bill import (
    check_macs,
    check_order,
    check_peak,
    check_speed_up,
    given,
)

SEED = 0  # chooses sizes, networks and machines; a class has its own

# %% [markdown]
# ## Task 1 · The price of a layer
#
# **Guided** · difficulty ●○○ · **Minutes:** 10 · **Points:** 4
#
# **Goal:** price any convolution, and know where stride, rate and groups enter.
#
# The price is the number of outputs times what one output reads. The frame stands. Two lines are missing: how many positions
# a kernel of `k` taps has on an axis of `n` pixels, and how many numbers one output reads. `kernel` and `size`
# are pairs (vertical, horizontal), everything else is one number; `groups` divides both numbers of channels.


# %% answer=1
def macs(c_in, c_out, kernel, stride, padding, rate, groups, size):
    """The MACs of one convolution on a map of `size`: a whole number."""
    positions = 1
    for n, k in zip(size, kernel, strict=True):
        ### BEGIN SOLUTION
        span = rate * (k - 1) + 1
        positions *= (n + 2 * padding - span) // stride + 1
        ### END SOLUTION
    ### BEGIN SOLUTION
    reads = c_in // groups * kernel[0] * kernel[1]
    ### END SOLUTION
    return positions * c_out * reads


# %% check=1 points=4
check_macs(macs, seed=SEED)
### BEGIN HIDDEN TESTS
check_macs.grade(macs, seed=SEED + 1000, points=4)
### END HIDDEN TESTS

# %% [markdown] why=1
# **Why it works.** Every output is one sum, and a sum has one MAC for each number that it reads. Stride, padding and rate say
# where a kernel may stand, so they enter through the number of outputs and nowhere else. Groups say which channels an output
# reads, so they divide once. In 04 every layer was padded by `rate * (kernel // 2)`, and the rate cancelled; here it may
# cost outputs. *Another way:* run an `nn.Conv2d` on the device `meta`. Each weight is used once for each position, so the
# answer is the number of weights times the size of one output channel.

# %% [markdown] rubric=1
# **Rubric.** 4: all layers. The grader gives half of the points times the share of right cases to anything else. Typical: the
# rate forgotten in the size, which only shows when the padding does not follow it.

# %% [markdown]
# ## Task 2 · The worst moment
#
# **Faded** · difficulty ●●○ · **Minutes:** 12 · **Points:** 4
#
# **Goal:** find the memory that a network needs in use, and tell it from a sum.
#
# A network makes one map after the other. Map `j` has `sizes[j]` numbers, map 0 is the input, and `last[j]` is the number of the last
# map that is made from map `j`. (For the result of the network, `last` names a map that is never made: somebody
# outside wants it.) In a plain chain `last[j]` is `j + 1`; a map that a neck or a skip needs has a larger one. While a map is made, its
# own place is taken, and so are the places of all that was made before and is still needed for this map or a later
# one. Return how many numbers are in memory at the worst moment. The maximum stands there; the moment is missing.
#
# With pencil: sizes 4, 6, 3, 2, 1 in a chain need 10. If the 6 is needed for the last map, they need 13? Look at
# the moments: 10, 9, 11, 9. So it is 11.


# %% answer=2
def peak(sizes, last):
    """sizes, last: two lists of whole numbers, equally long. Returns a whole number."""
    worst = 0
    for i in range(1, len(sizes)):  # map i is being made
        ### BEGIN SOLUTION
        in_memory = sum(sizes[j] for j in range(i + 1) if last[j] >= i)
        ### END SOLUTION
        worst = max(worst, in_memory)
    return worst


# %% check=2 points=4
check_peak(peak, seed=SEED)
### BEGIN HIDDEN TESTS
check_peak.grade(peak, seed=SEED + 1000, points=4)
### END HIDDEN TESTS

# %% [markdown] why=2
# **Why it works.** A map lives from the moment in which it is made to the moment in which it is read for the last time, both
# included: $j \le i \le \mathrm{last}_j$. The peak is the largest sum over the maps that live at one moment. So a smaller map
# saves memory only if it lives at the worst moment, and a skip costs something only if it *crosses* it. That is why
# FastFCN, whose last stages make maps that are 4 and 16 times smaller, needs no less memory in use. *Another way:* walk through
# the network with one number, add each map when it is made, and take it off after its last reader.

# %% [markdown] rubric=2
# **Rubric.** 4: all networks. Typical: `last[j] > i`, which lets a map go while it is being read.

# %% [markdown]
# ## Task 3 · How much faster, at best
#
# **Open** · difficulty ●●○ · **Minutes:** 14 · **Points:** 4
#
# **Goal:** predict a speed-up from counts, with both limits of a machine and with the part that both twins pay.
#
# Two networks have the same head. `slow`, `fast` and `head` are lists of layers, each a pair `(macs, bytes)`. The machine does `P`
# MACs and moves `W` bytes a second, both at the same time; layers run one after the other. Return how many times as
# fast the fast network with its head is at best, compared with the slow one with its head, both under the roof.


# %% answer=3
def speed_up(slow, fast, head, P, W):
    """slow, fast, head: lists of (macs, bytes). Returns a number: 2.0 means twice as fast."""

    ### BEGIN SOLUTION
    def seconds(layers):
        return sum(max(macs / P, moved / W) for macs, moved in layers)

    return seconds(slow + head) / seconds(fast + head)
    ### END SOLUTION


# %% check=3 points=4
check_speed_up(speed_up, seed=SEED)
### BEGIN HIDDEN TESTS
check_speed_up.grade(speed_up, seed=SEED + 1000, points=4)
### END HIDDEN TESTS

# %% [markdown] why=3
# **Why it works.** A layer is done when its last product is computed and its last number moved, so it takes the larger of two
# times. The next layer needs its result and cannot use the other half of the machine meanwhile, so the *sum* comes after the
# maximum. The head stands above and below the line, as in Amdahl's law: the longer it takes, the closer the ratio is to 1.
# Try a `P` ten times as large. The sums over MACs shrink, the bytes stay, and most ratios fall. *Another way:* a tensor
# of layers, `torch.maximum` of two columns, and a sum.

# %% [markdown] rubric=3
# **Rubric.** 4: all machines. Typical: one maximum for the whole network, which is right as long as all layers wait for the
# same thing.

# %% [markdown]
# ## Task 4 · Break it
#
# **Break-it** · difficulty ●●○ · **Minutes:** 14 · **Points:** 4, and 2 for the reason
#
# **Goal:** know what a table of MACs does not say.
#
# "It does a tenth of the multiplications, so it will be faster." Break this. You get a dense layer and a machine, with the roof
# of the walkthrough: a layer reads its map and its weights and writes its map, four bytes a number. Your order:

# %%
order = given(SEED)
print(order)

# %% [markdown]
# Return what you would put in the place of the dense layer: a list of `(kernel, groups)`, layer after layer. All of them keep
# the channels and the size of the map (stride 1, padded, kernels odd). Together they may do only the share of the work that the
# order allows, and must take as long as it asks for. `order.bill(layers)` returns MACs and seconds of a list.


# %% answer=4
def detour(order):
    """order has channels, side, P, W, less and longer. Returns a list of (kernel, groups)."""
    ### BEGIN SOLUTION
    _, seconds = order.bill([(3, 1)])
    _, each = order.bill([(1, order.channels)])
    count = int(order.longer * seconds / each) + 1
    return [(1, order.channels)] * count
    ### END SOLUTION


# %% check=4 points=4
check_order(detour, seed=SEED)
### BEGIN HIDDEN TESTS
check_order.grade(detour, seed=SEED, points=4)
### END HIDDEN TESTS

# %% [markdown]
# In two or three sentences: how can less work take longer, and what becomes of your detour on a machine that multiplies ten
# times as fast and moves as many bytes as before?

# %% [markdown] answer=5 points=2
# A depthwise layer with one tap does one MAC for each number, and reads and writes eight bytes for it: it waits for the memory,
# whatever it multiplies. The dense layer uses each number hundreds of times, so its time is that of its MACs. On the other machine the
# dense layer gets faster, until it waits for its bytes, too; the detour takes as long as before. It loses by more.

# %% [markdown] why=4
# **Why it works.** Time under the roof is paid in MACs or in bytes, and a list of many thin layers pays in bytes: the map is read and
# written by each. With $C$ channels the dense layer takes $9 C^2 HW / P$, each thin one $8 C HW / W$, so $n$ of them take
# $\frac{8 n}{9 C} \cdot \frac{P}{W}$ times as long and do $\frac{n}{9 C}$ of the work. A tenth of the work takes longer as soon
# as $P / W$ is above 1.25 MACs a byte; section 6 of the walkthrough measured yours. It is what happens to
# depthwise networks and to a BatchNorm by itself, and why `fuse` helps. *Another way:* depthwise 3 x 3 layers, where the order leaves room
# for their nine taps; or add layers in a loop until `order.bill` says that it is long enough.

# %% [markdown] rubric=4
# **Rubric.** Detour, 4: within the work, and long enough; 2 by hand for any list that does less work and takes longer. Reason, 2: (1)
# few MACs a byte, hence the memory is the limit; (1) the dense layer gains from the faster machine and the detour does not.
