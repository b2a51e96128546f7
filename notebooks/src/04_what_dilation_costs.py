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
# # 04 · Who pays for the holes?
#
# Two stacks of three layers, 3 x 3 kernels each: the same 27 weights, the same number of multiplications, the
# same window of 13 x 13 pixels. One dilates by 2, 2, 2, the other by 1, 2, 3. One of them reads every pixel of
# its window, and the other leaves out more than two thirds.
#
# And here is a second riddle. A ResNet-50 whose last two stages are dilated does 3.75 times as many
# multiplications as the plain one. But the same *dilations*, put into a JPU, cost as much as no dilation at
# all. Before you read on: what is it that you pay for?
#
# **The claim.** A hole costs nothing and hides something. Dilation is paid for in *coverage*, which you can
# calculate in your head; the multiplications are paid for by the *resolution* that comes with it.
#
# **You will be able to** say from a list of rates whether a stack has holes, recognise gridding in a picture
# and prove where it comes from, tell what in a dilated network costs, and say when a dilated convolution is
# faster by phases.
#
# **Time:** 40 minutes. **You need:** [02](02_stride_and_reduce.ipynb) (receptive field) and
# [03](03_split_conv_merge.ipynb) (phases).
#
# **Reads:** FastFCN (Wu et al., [arXiv 1903.11816](https://arxiv.org/abs/1903.11816)), section 3.1 ·
# [`jpu_edu/cost/receptive.py`](../jpu_edu/cost/receptive.py), [`jpu_edu/cost/macs.py`](../jpu_edu/cost/macs.py),
# [`jpu_edu/ops/fastest.py`](../jpu_edu/ops/fastest.py)

# %%
import json
from itertools import product
from pathlib import Path
from statistics import median

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F

from jpu_edu.cost.receptive import effective_size, gradient_support, receptive_field
from jpu_edu.data.photos import photo
from jpu_edu.draw import style
from jpu_edu.draw.coverage import draw_coverage
from jpu_edu.draw.show import show
from jpu_edu.ops import convs, phases
from jpu_edu.ops.compare import compare, table, worst
from jpu_edu.widgets.predict import Prediction, tally
from jpu_edu.widgets.quiz import Question, quiz

style.use()

# %% [markdown]
# ## Before you start

# %% tags=["hide-input"]
quiz(
    [
        Question(
            "A dilated convolution at rate 2 with padding 2, 3 x 3 kernel, on a 16 x 16 map. How large is the result?",
            ["8 x 8", "16 x 16", "18 x 18"],
            answer="B",
            why=[
                "Dilation spreads the taps. It is the stride that leaves outputs out.",
                "16 + 2 * 2 - 2 * (3 - 1) = 16. Padding r (k - 1) / 2 keeps the size, as in 03.",
                "That would need padding 3.",
            ],
        ),
        Question(
            "Which number means that a convolution is not dilated?",
            ["rate 0", "rate 1"],
            answer="B",
            why=[
                "The rate is the distance between neighbouring taps. At distance 0 all nine would read the same pixel.",
                "Neighbouring taps are one pixel apart: a regular convolution, and a single phase.",
            ],
        ),
        Question(
            "n dilated layers in a row at rate 2 are S, then n regular convolutions, then M. Which pixels can phase 0 of the result depend on?",
            [
                "all pixels within reach",
                "pixels of phase 0 only",
                "pixels of phase 0, and the borders of the others",
            ],
            answer="B",
            why=[
                "The phases are separated by S and meet again only in M. Nothing is exchanged on the way.",
                "Between S and M each phase runs alone. Today you will see what that does to a picture.",
                "Each phase is padded with zeros of its own. No border leads into another phase.",
            ],
        ),
    ]
)

# %% [markdown]
# ## 1. Which numbers can you reach?
#
# Forget networks for a minute. You stand on pixel 0 and may take three steps, one for each layer. A layer of
# rate $r$ with three taps lets you go $-r$, $0$ or $+r$. Where can you end up?


# %%
def reachable(rates):
    """All places that a walk can end on: one step of -r, 0 or +r for each rate."""
    places = {0}
    for r in rates:
        places = {place + step for place in places for step in (-r, 0, r)}
    return sorted(places)


print("rates 1, 1, 1:", reachable([1, 1, 1]))

# %% [markdown]
# Three ordinary layers reach 7 pixels in a row. Now dilate all of them.
#
# Rates 2, 2, 2 reach from $-6$ to $6$. That window has 13 pixels. How many of them are reached?

# %% tags=["hide-input"]
row = Prediction(
    "How many of the 13 pixels does a stack of rates 2, 2, 2 reach?",
    number=True,
    name="04-row",
)
row

# %% tags=["hide-input"]
row.reveal(
    7,
    because={
        13: "that is the span, from the first to the last pixel. Between them are holes.",
        27: "there are 3 x 3 x 3 walks, but many of them end on the same pixel.",
        9: "nine walks for two layers; the third only adds the two ends.",
    },
    explain="-6, -4, -2, 0, 2, 4, 6. Even numbers plus even numbers stay even: three layers and not one odd pixel.",
)

# %%
for rates in ([2, 2, 2], [1, 2, 3]):
    places = reachable(rates)
    span = places[-1] - places[0] + 1
    print(f"rates {rates}: span {span}, reached {len(places)}: {places}")

# %% [markdown]
# Both stacks span 13 pixels. In two dimensions you walk along both axes, so shares are squared:
# $(7/13)^2$ against $(13/13)^2$. **Span is not coverage.** The span is what papers report as *the* receptive field.
#
# The library keeps the whole account in one object: the span, what is touched, and along how many paths.

# %%
for rates in ([2, 2, 2], [1, 2, 3], [1, 2, 5], [2, 4, 8], [1, 2, 4, 8]):
    field = receptive_field([(3, 1, r) for r in rates])  # (kernel, stride, rate)
    mine = [place - reachable(rates)[0] for place in reachable(rates)]
    same = mine == list(field.touched)
    span = f"{field.size:2} x {field.size:<2}"
    print(f"rates {rates!s:13} span {span}  coverage {field.coverage:4.0%}", end="   ")
    print(f"the cell agrees: {same}")

# %% [markdown]
# That is arithmetic on lists. Does a *network* look at the same pixels? Ask the gradient: random weights, one
# output, and every input pixel that moves it.

# %%
generator = torch.Generator().manual_seed(4)


def normal(*shape):
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def stack(rates):
    """A linear network of 3 x 3 kernels at these rates, without padding."""
    weights = [normal(1, 1, 3, 3) for _ in rates]

    def f(x):
        for weight, r in zip(weights, rates, strict=True):
            x = F.conv2d(x, weight, dilation=r)
        return x

    return f


# %% [markdown]
# Every list of three rates from 1 to 4 is one network, 64 in all. For each: which pixels have a gradient, and
# which does the walk reach?

# %%
checks = []
for rates in product((1, 2, 3, 4), repeat=3):
    field = receptive_field([(3, 1, r) for r in rates])
    seen = gradient_support(
        stack(rates), normal(1, 1, field.size, field.size), position=(0, 0)
    )
    touched = torch.zeros(field.size, dtype=torch.bool)
    touched[list(field.touched)] = True
    want = touched[:, None] & touched[None, :]
    checks.append(
        compare(
            "pixels with a gradient = pixels reached",
            seen.double(),
            want.double(),
            tolerance=0,
        )
    )
print(table([worst(checks)]))

# %% tags=["hide-input"]
lists = ([2, 2, 2], [1, 2, 3], [1, 2, 9], [2, 4, 8])
figure, axes = plt.subplots(1, 4, figsize=(9.3, 2.75), layout="constrained")
for axis, rates in zip(axes, lists, strict=True):
    draw_coverage(axis, rates)
    field = receptive_field([(3, 1, r) for r in rates])
    axis.set_title(
        f"{', '.join(map(str, rates))}\n{field.coverage:.0%} of {field.size} x {field.size}",
        fontsize=10.5,
        loc="center",
    )
show(
    figure,
    alt="The windows of four stacks. Rates 2, 2, 2: a grid of 49 dark pixels with empty circles between. "
    "Rates 1, 2, 3: all 169 filled. Rates 1, 2, 9: nine filled blocks with gaps of two pixels between. "
    "Rates 2, 4, 8: a fine grid of one pixel in four.",
)

# %% [markdown]
# *Dark: many paths lead there. Empty circle: none does. A stack of equal rates sees a grid; 1, 2, 3 sees
# everything; 1, 2, 9 sees islands.*
#
# ## 2. A rule for your head
#
# When is a list of rates free of holes? Build the stack up from its smallest rate. Layers that already reach
# a stretch of $s$ pixels in a row are copied three times by the next layer, $r$ apart. If $r \le s$ the copies
# touch, and the stretch grows by $2r$. If $r > s$ there is a gap, and no later, larger rate can fill it.
#
# Rates 1, 2 and $r$, in this order. What is the largest $r$ without holes?

# %% tags=["hide-input"]
largest = Prediction(
    "Kernels 3 x 3, rates 1, 2, r. The largest r without holes?",
    number=True,
    name="04-largest",
)
largest

# %% tags=["hide-input"]
largest.reveal(
    7,
    because={
        3: "1, 2, 3 is the usual example, and it is far from the limit.",
        4: "doubling, 1, 2, 4, 8, is safe. Tripling would be too.",
        5: "1, 2, 5 is the example of the paper with the rule below. The rule itself allows more.",
        6: "rates 1 and 2 reach 1 + 2 * (1 + 2) pixels in a row. Count again.",
    },
    explain="Rates 1 and 2 reach 7 pixels in a row, -3 to 3. Copies 7 apart lie edge to edge.",
)


# %%
def has_no_holes(rates, kernel=3):
    """Sorted by size, no rate is longer than the stretch that the smaller ones already cover."""
    stretch = 1
    for r in sorted(rates):
        if r > stretch:
            return False
        stretch += (kernel - 1) * r
    return True


lists = [rates for n in (1, 2, 3, 4) for rates in product(range(1, 8), repeat=n)]
agree = sum(
    has_no_holes(rates) == (receptive_field([(3, 1, r) for r in rates]).coverage == 1)
    for rates in lists
)
print(f"the rule and the counted coverage agree on {agree} of {len(lists)} lists of rates")
print("1, 2, 7:", has_no_holes([1, 2, 7]), "   1, 2, 8:", has_no_holes([1, 2, 8]))
print("1, 3, 9, 27:", has_no_holes([1, 3, 9, 27]), "   2, 3:", has_no_holes([2, 3]))

# %% [markdown]
# **exact**, on all 2800 lists. Two things fall out of it. One layer of rate 1 must be somewhere: go in from the
# outermost pixel, and the first one that is reached lies one smallest rate away. And tripling, 1, 3, 9, 27, is the
# most economical list there is: every pixel is reached along exactly one path, like a number in base three.
#
# The rule in the literature is *hybrid dilated convolution* (Wang et al., 2018, equation 2). It goes from the
# last layer down: $M_i = \max(M_{i+1} - 2r_i,\ 2r_i - M_{i+1},\ r_i)$, and asks for $M_2 \le k$. It is
# meant for rates in rising order that begin with 1. How often is it right?


# %%
def hybrid(rates, kernel=3):
    """Wang et al. 2018, equation 2, with M_n = r_n."""
    m = rates[-1]
    for r in reversed(rates[1:-1]):
        m = max(m - 2 * r, 2 * r - m, r)
    return m <= kernel


def score(lists):
    hits = sum(hybrid(rates) == has_no_holes(rates) for rates in lists)
    return f"{hits} of {len(lists)}"


several = [rates for rates in lists if len(rates) > 1]
rising = [rates for rates in several if rates[0] == 1 and list(rates) == sorted(rates)]
print("rising, beginning with 1:", score(rising))
print("any order:               ", score(several))
print(
    "it accepts 2, 2, 2:",
    hybrid([2, 2, 2]),
    "   it refuses 1, 3, 1:",
    not hybrid([1, 3, 1]),
)

# %% [markdown]
# You have a stack of rates 5, 2, 1 and another of rates 1, 2, 5. Which covers more?

# %% tags=["hide-input"]
order = Prediction(
    "Rates 5, 2, 1 against 1, 2, 5: which window has fewer holes?",
    options=["5, 2, 1", "1, 2, 5", "both are equal"],
    name="04-order",
)
order

# %% tags=["hide-input"]
order.reveal(
    "C",
    because={
        "A": "the order of the steps of a walk does not change where it can end.",
        "B": "the usual advice is to begin small, for the borders and for what the middle layers see. The window is the same.",
    },
    explain="Both reach all 17 x 17 pixels. Which pixels are reached does not depend on the order; our rule sorts first.",
)

# %% [markdown]
# Now try to make holes, and to mend them with the fewest small rates. Look for a list without a common divisor
# that has holes all the same. Point at an input, or walk there with the arrow keys, to see a path to it through
# the three layers.

# %%
from jpu_edu.widgets.coverage import coverage_map

coverage_map(rates=(2, 2, 2), kernel=3)

# %% [markdown]
# *There are holes wherever a rate is longer than the stretch that the smaller ones reach; a common divisor is not
# needed.*
#
# ## 3. Gridding
#
# Holes in a window sound harmless: neighbouring outputs have their holes in other places. That is the trouble.
# Take a photograph with some noise, as a sensor has it, and smooth it three times with a 3 x 3 mean. Once at
# rates 1, 2, 3, and once at rates 2, 2, 2. Both average 27 x 27 paths over the same 13 x 13 window.

# %%
cameraman = photo("camera", size=(256, 256), dtype=torch.float64)[..., 40:168, 70:198]
noisy = cameraman + 0.12 * normal(*cameraman.shape)
mean = torch.full((1, 1, 3, 3), 1 / 9, dtype=torch.float64)


def smooth(x, rates):
    for r in rates:
        x = convs.dilated_conv(F.pad(x, (r, r, r, r), mode="replicate"), mean, rate=r)
    return x


def roughness(x):
    """The difference to the next pixel, over the difference to the next but one."""
    near = (x[..., :, 1:] - x[..., :, :-1]).abs().mean()
    far = (x[..., :, 2:] - x[..., :, :-2]).abs().mean()
    return (near / far).item()


gridded, clean = smooth(noisy, [2, 2, 2]), smooth(noisy, [1, 2, 3])
for name, picture in (("rates 1, 2, 3", clean), ("rates 2, 2, 2", gridded)):
    print(f"{name}: next pixel / next but one = {roughness(picture):.2f}")

# %% tags=["hide-input"]
part = (slice(40, 88), slice(30, 78))
figure, axes = plt.subplots(1, 4, figsize=(9.3, 2.6), layout="constrained")
for axis, picture, name in zip(
    axes,
    (
        noisy[0, 0],
        clean[0, 0][part],
        gridded[0, 0][part],
        phases.split(gridded, rate=2)[0][0, 0][20:44, 15:39],
    ),
    ("the photograph, with noise", "rates 1, 2, 3", "rates 2, 2, 2", "its phase 0 alone"),
    strict=True,
):
    axis.imshow(picture, cmap="gray", vmin=0, vmax=1)
    axis.set_title(name, fontsize=10.5)
    axis.set_axis_off()
axes[0].add_patch(plt.Rectangle((30, 40), 48, 48, fill=False, ec="#FFFFFF", lw=1.4))
show(
    figure,
    alt="A noisy photograph of a cameraman, and a part of it smoothed in two ways. Rates 1, 2, 3 give a soft picture. "
    "Rates 2, 2, 2 give a picture with a fine checked pattern. One phase of it, alone, is smooth again.",
)

# %% [markdown]
# *The right-hand pictures tell the story. The gridded picture is four smooth pictures dealt into one another,
# and they disagree.* In a smooth picture the next pixel is nearer than the next but one, so the ratio is
# below 1. In the gridded one it is the other way round: a pixel resembles its *second* neighbour, which is in
# its phase.
#
# You know the reason from 03: between S and M the phases run alone. So each of them has its own noise, and
# nothing ever mixes them. A proof by sabotage: ruin phase 3 of the input, and look at the others.

# %%
ruined = noisy.clone()
ruined[..., 1::2, 1::2] += 10.0
rows = []
for rates in ([2, 2, 2], [1, 2, 3]):
    before, after = smooth(noisy, rates), smooth(ruined, rates)
    inner = slice(
        8, -8
    )  # away from the border: replicate padding reads across phases, see 03
    for k in (0, 3):
        one, two = (phases.split(y[..., inner, inner], rate=2)[k] for y in (before, after))
        name = f"{', '.join(map(str, rates))}: phase {k}, once 3 is ruined"
        if rates == [2, 2, 2] and k == 0:
            rows.append(compare(name, two, one, tolerance=0))
        else:
            rows.append(compare(name, two, one, breaks=True, tolerance=0.01))
print(table(rows))

# %% [markdown]
# With rates 2, 2, 2 not one bit of phase 0 has changed. **exact**. It is the property that makes FastFCN possible,
# $y_s = R(y_d)$, seen from its ugly side.
#
# What helps? One layer of rate 1 behind the stack lets the phases talk. (The authors of FastFCN gave
# this advice to a user whose lane markings came out as dotted lines,
# [issue 64](https://github.com/wuhuikai/FastFCN/issues/64).)

# %%
for rates in ([2, 2, 2], [2, 2, 2, 1]):
    field = receptive_field([(3, 1, r) for r in rates])
    ratio = roughness(smooth(noisy, rates))
    print(f"rates {rates!s:13} coverage {field.coverage:4.0%},", end=" ")
    print(f"next pixel / next but one {ratio:.2f}")

# %% [markdown]
# ## 4. How much each pixel counts
#
# Coverage asks whether a pixel *can* matter. Walkthrough 02 asked how *much* it does, by the gradient of random
# ReLU networks. Six layers of 3 x 3, three ways. (A photograph is the input; the weights are random.)

# %% tags=["hide-input"]
from jpu_edu.widgets.effective import random_gradient

grey = photo("chelsea", grey=True)
stacks = {"rate 1": [1] * 6, "rate 2": [2] * 6, "1, 2, 3, 1, 2, 3": [1, 2, 3, 1, 2, 3]}
figure, axes = plt.subplots(1, 3, figsize=(9.3, 3.2), layout="constrained")
for axis, (name, rates) in zip(axes, stacks.items(), strict=True):
    layers = [(3, 1, r, r) for r in rates]
    field = receptive_field(layers)
    half = field.size // 2
    window = grey[..., 120 - half : 121 + half, 220 - half : 221 + half]
    strength = random_gradient(window, layers, nets=48)
    unreached = (strength == 0).float().mean().item()
    axis.imshow(strength**0.5, cmap="gray_r", vmin=0, vmax=1)
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set(visible=True, color=style.soft())
    side = effective_size(strength)
    axis.set_title(
        f"{name}\nspan {field.size}, effective about {side:.0f}",
        fontsize=10.5,
        loc="center",
    )
    print(f"{name:17} span {field.size:2}, pixels without any gradient {unreached:.0%}")
show(
    figure,
    alt="Gradient maps of three random networks of six layers. Rate 1: a small solid bell. Rate 2: a bell made of "
    "separate dots, one pixel in four. Rates 1, 2, 3 twice: a solid bell of the same width as the dotted one.",
)

# %% [markdown]
# *Darker: counts more (root of the gradient). Rate 2 throughout is the rate-1 bell with every pixel moved to
# twice its distance: as many pixels count as before, about 12 x 12.* Rates that vary give the same span
# without holes, and four times as many pixels have a say, for nothing.
#
# ## 5. Who pays?
#
# So dilation costs coverage. Now the bill that everybody talks about: multiplications.
#
# You have met this layer in [01](01_convolution.ipynb): 3 x 3, 256 channels to 256, on a 64 x 64 map, output of the same size.
# At rate 1 it costs 2.4 GMAC. At rate 8? From memory.

# %% tags=["hide-input"]
eight = Prediction(
    "The same convolution at rate 8, same output size. How many GMAC?",
    options=[
        "2.4",
        "19.3, eight times as many",
        "154.6, sixty-four times as many",
        "0.3, an eighth",
    ],
    name="04-eight",
)
eight

# %% tags=["hide-input"]
eight.reveal(
    "A",
    because={
        "B": "the kernel is spread, not enlarged. It still has nine taps.",
        "C": "a dense 17 x 17 kernel would cost 32 times as many. Between its taps this one has holes, and holes are not multiplied.",
        "D": "a stride saves outputs. Dilation keeps them all.",
    },
    explain="Outputs x channels x channels x nine. The rate does not occur in the formula.",
)

# %%
from jpu_edu.cost.macs import conv_macs

for r in (1, 2, 4, 8):
    macs = conv_macs(
        in_channels=256, out_channels=256, kernel=3, size=(64, 64), rate=r, padding=r
    )
    print(f"rate {r}: {macs / 1e9:.1f} GMAC")

# %% [markdown]
# Then why is a dilated ResNet expensive? Dilation is not put into a network for its own sake. It replaces a
# *stride*: the stride goes, so that the map stays large, and the rate comes, so that the kernels still see as
# far. Let us pay for the two separately. Below are three ResNet-50s on 512 x 512 pixels: the plain one at
# output stride 32, the dilated one at output stride 8, and one that nobody builds: the dilated one with all
# rates set back to 1.

# %%
import copy

from jpu_edu.backbones.dilate import dilate
from jpu_edu.cost.ledger import by_part, total
from jpu_edu.cost.macs import layer_costs
from jpu_edu.models.build import make_backbone

with torch.device("meta"):  # shapes without numbers: counting needs no weights
    plain = make_backbone("resnet50")
    dilated = dilate(plain, output_stride=8)
undilated = copy.deepcopy(dilated)
for module in undilated.modules():
    if isinstance(module, torch.nn.Conv2d) and module.kernel_size == (3, 3):
        module.dilation, module.padding = (1, 1), (1, 1)

image = torch.empty(1, 3, 512, 512, device="meta")
networks = {"plain": plain, "dilated": dilated, "dilated, rates set to 1": undilated}
bills = {name: by_part(layer_costs(net.eval(), image)) for name, net in networks.items()}
stages = [row.name for row in bills["plain"] if row.name.startswith("layer")]
print(f"{'GMAC':24}" + "".join(f"{stage:>9}" for stage in stages) + "    all")
for name, rows in bills.items():
    macs = {row.name: row.macs / 1e9 for row in rows}
    line = "".join(f"{macs[stage]:9.1f}" for stage in stages)
    print(f"{name:24}{line}{total(rows).macs / 1e9:7.1f}")

# %% [markdown]
# The second and third lines are equal to the last multiplication. **The rates are free. The resolution costs.**
# (`layer2`, `layer3` and `layer4` end in the maps c3, c4 and c5; what is missing in the sum is the stem.)
# Stage 4 (`layer3`) works on 4 times as many pixels, stage 5 (`layer4`) on 16 times as many; their ratios
# are a little below, since the first 1 x 1 of each stage ran before the stride already.

# %% tags=["hide-input"]
figure, axis = plt.subplots(figsize=(8.6, 2.3), layout="constrained")
for y, name in enumerate(("dilated", "plain")):
    left = 0.0
    for row in bills[name]:
        width = row.macs / 1e9
        if not width:
            continue
        number = {"layer2": "c3", "layer3": "c4", "layer4": "c5"}.get(row.name)
        face = style.LEVELS[number] if number else style.tint(style.soft(), 0.5)
        axis.barh(y, width, left=left, height=0.62, color=face, edgecolor=style.paper())
        if width > 2.5:
            light = number in ("c4", "c5")
            axis.text(
                left + width / 2,
                y,
                f"{number or ('c2' if row.name == 'layer1' else 'stem')}",
                ha="center",
                va="center",
                fontsize=9.5,
                color="#FFFFFF" if light else "#1B1F24",
            )
        left += width
    axis.text(left + 1.2, y, f"{left:.1f} GMAC", va="center")
axis.set(
    yticks=[0, 1],
    yticklabels=["dilated,\noutput stride 8", "plain,\noutput stride 32"],
    xlim=(0, 122),
    xticks=[],
)
axis.tick_params(axis="y", length=0)
axis.spines[:].set_visible(False)
show(
    figure,
    alt="Two bars: the dilated ResNet-50 with 106.7 GMAC, more than half of it in the last stage, and the plain one "
    "with 28.4, in which the last stage is a small part.",
)

# %% [markdown]
# *The last two stages are where a plain network is cheap and a dilated one spends five sixths of its work.*
# This is the bill that FastFCN does not want to pay: it takes the plain backbone, and pays 30 GMAC for a JPU.
#
# A JPU has dilated convolutions of its own, at rates 1, 2, 4 and 8. Users have asked why those are allowed
# ([issue 82](https://github.com/wuhuikai/FastFCN/issues/82), [110](https://github.com/wuhuikai/FastFCN/issues/110)).

# %%
from jpu_edu.models.build import fastfcn

with torch.device("meta"):
    network = fastfcn(classes=59, head="fcn", backbone="resnet50", aux=False)
rows = [row for row in layer_costs(network.eval(), image) if row.name.startswith("neck")]
jpu = total(rows).macs
print(f"JPU in all: {jpu / 1e9:.1f} GMAC")
for i, r in enumerate((1, 2, 4, 8)):
    branch = [row for row in rows if f"branches.{i}." in row.name]
    depthwise = sum(row.macs for row in branch if "depthwise" in row.name)
    print(
        f"branch of rate {r}: {total(branch).macs / 1e9:.2f} GMAC, its dilated (depthwise) "
        f"convolution {depthwise / 1e9:.3f}"
    )
depthwise = sum(row.macs for row in rows if "depthwise" in row.name)
print(f"all depthwise convolutions: {depthwise / jpu:.1%} of the JPU")

# %% [markdown]
# Four equal branches. The dilated convolutions in them are depthwise and take 0.8 % of the JPU's work; what costs
# are the 3 x 3 convolutions that bring c3, c4 and c5 to one width, and the 1 x 1 ones.
#
# ## 6. The same work, another time
#
# Multiplications are one thing and seconds another. In 03 a dilated convolution turned out to be a regular one
# on phases. It computes the same numbers with the same multiplications. Is it *faster*?
#
# Two cases on a CPU at rate 4, forward and backward: a *dense* convolution (256 to 256 channels)
# and a *depthwise* one (each channel for itself). Where does going by phases pay?

# %% tags=["hide-input"]
pays = Prediction(
    "Training through a dilated convolution on a CPU: where is split, conv, merge faster than the native kernel?",
    options=[
        "for both",
        "for neither: the work is the same, and S and M copy",
        "for the dense one, which has more work to save",
        "for the depthwise one",
    ],
    name="04-pays",
)
pays

# %% tags=["hide-input"]
pays.reveal(
    "D",
    because={
        "A": "a dense convolution does hundreds of multiplications for each number that it fetches. Nobody notices where the number lay.",
        "B": "the copies cost little, and the kernels that run are different ones.",
        "C": "no work is saved anywhere. Look at which kernel runs.",
    },
    explain="A depthwise convolution does about one multiplication for each byte that it moves, so what matters is how the bytes are fetched. "
    "PyTorch's fast routine for it expects neighbouring taps; for others a slow one steps in.",
)


# %%
def per_byte(channels_in, channels_out, groups):
    """MACs over the bytes of input, output and weights, float32, 3 x 3 on 64 x 64."""
    macs = conv_macs(
        in_channels=channels_in,
        out_channels=channels_out,
        kernel=3,
        size=(64, 64),
        padding=1,
        groups=groups,
    )
    numbers = (
        64 * 64 * (channels_in + channels_out) + 9 * channels_in * channels_out // groups
    )
    return macs / (4 * numbers)


print(f"dense, 256 to 256: {per_byte(256, 256, 1):6.1f} multiplications a byte")
print(f"depthwise, 256:    {per_byte(256, 256, 256):6.1f} multiplications a byte")

# %% [markdown]
# Now on your machine, in turn, forward and backward. The numbers below are those of the machine that built
# this page; run the cell for yours. They are ratios of medians, and they differ between processors.

# %% tags=["nbval-ignore-output"]
from jpu_edu.cost.timing import time_in_turn

threads = torch.get_num_threads()
torch.set_num_threads(1)  # other programs on this machine then disturb less


def step(by, x, weight, r, groups):
    def run():
        y = convs.dilated_conv(x, weight, rate=r, padding=r, groups=groups, by=by)
        torch.autograd.grad(y.sum(), (x, weight))

    return run


for name, groups in (("dense", 1), ("depthwise", 256)):
    for r in (2, 4, 8):
        x = (
            torch.randn(1, 256, 64, 64)
            .to(memory_format=torch.channels_last)
            .requires_grad_()
        )
        weight = torch.randn(256, 256 // groups, 3, 3).requires_grad_()
        tasks = {by: step(by, x, weight, r, groups) for by in ("native", "phases")}
        times = time_in_turn(tasks, repeats=5, warmup=1)
        print(f"{name:9} rate {r}: native / phases = {times.ratio('native', 'phases'):.1f}")
torch.set_num_threads(threads)

# %% [markdown]
# One machine and a few sizes are an anecdote, and so is a dense ratio somewhat above 1 among the lines above: one thread, one
# size, one layout. `python -m jpu_edu bench conv` measures a grid of them, and a stored run of it is in [`figures/data/bench_conv.json`](../figures/data/bench_conv.json).

# %% tags=["hide-input"]
stored = json.loads(Path("../figures/data/bench_conv.json").read_text("utf-8"))
machine = stored["machine"]
figure, axes = plt.subplots(1, 2, figsize=(9.0, 3.3), sharey=True, layout="constrained")
for axis, backward in zip(axes, (False, True), strict=True):
    for kind, marker, shift, face in (
        ("dense", "o", -0.09, style.paper()),
        ("depthwise", "D", 0.09, style.ink()),
    ):
        rows = [
            row
            for row in stored["rows"]
            if (row["kind"], row["backward"], row["dtype"]) == (kind, backward, "float32")
        ]
        for place, r in enumerate((2, 4, 8)):
            ratios = sorted(row["ratio"] for row in rows if row["rate"] == r)
            axis.plot(
                [place + shift] * len(ratios),
                ratios,
                marker,
                ms=4.6,
                mfc=face,
                mec=style.ink(),
                mew=0.7,
                alpha=0.75,
            )
        axis.plot([], [], marker, ms=5, mfc=face, mec=style.ink(), mew=0.8, label=kind)
    axis.axhline(1, color=style.soft(), lw=1)
    axis.set(
        yscale="log",
        xticks=[0, 1, 2],
        xticklabels=["rate 2", "rate 4", "rate 8"],
        xlim=(-0.8, 2.5),
    )
    axis.set_yticks(
        [0.1, 0.2, 0.5, 1, 2, 5, 10, 20], ["0.1", "0.2", "0.5", "1", "2", "5", "10", "20"]
    )
    axis.minorticks_off()
    axis.set_title("forward and backward" if backward else "forward", fontsize=11)
axes[0].set_ylabel("native time / time by phases")
axes[0].text(-0.76, 1.1, "phases\nfaster", va="bottom", fontsize=9.5, color=style.soft())
axes[0].text(-0.76, 0.9, "native\nfaster", va="top", fontsize=9.5, color=style.soft())
axes[1].legend(loc="upper left", fontsize=9.5, frameon=False)


def middle(kind, backward):
    return median(
        row["ratio"]
        for row in stored["rows"]
        if (row["kind"], row["backward"], row["dtype"]) == (kind, backward, "float32")
    )


show(
    figure,
    alt="Ratios of native time to time by phases, at three rates. Medians: forward, dense "
    f"{middle('dense', False):.1f}, depthwise {middle('depthwise', False):.1f}; forward and "
    f"backward, dense {middle('dense', True):.1f}, depthwise {middle('depthwise', True):.1f}.",
)
print(
    f"{machine['processor']}, {machine['instructions']}, {machine['threads']} threads, float32, {stored['command']}"
)

# %% [markdown]
# *Above the line phases are faster. Each mark is one size, width and memory layout.* With the backward pass, phases make
# depthwise layers 2.2 times as fast (median) and dense ones slower, 0.8. Without it they pay for depthwise layers at rate 8
# alone. The two marks far below the line on the right are
# maps of 16 x 16 at rate 8, whose 64 phases have four pixels each. The identity of the paper, used as an optimisation, is worth having for depthwise convolutions in training. So the library decides by a rule,
# [`ops/fastest.py`](../jpu_edu/ops/fastest.py), and the JPU's branches use it. Whatever it decides, the numbers
# are the same:

# %%
rows = []
for r in (2, 4, 8):
    for groups in (1, 12):
        x, weight = normal(2, 12, 33, 47).requires_grad_(), normal(12, 12 // groups, 3, 3)
        settings = {"rate": r, "padding": r, "groups": groups}
        native = convs.dilated_conv(x, weight, **settings)
        for by in ("phases", "padded", "auto"):
            got = convs.dilated_conv(x, weight, by=by, **settings)
            rows.append(compare(f'by="{by}" = native', got.detach(), native.detach()))
print(table([worst(rows[k::3]) for k in range(3)]))

# %% [markdown]
# ## Where it stops
#
# "Rates without a common divisor have no holes" is what many remember of hybrid dilation. It is not true, and
# you may have found out with the sliders: 1, 2, 9 has no common divisor. Nor is a *parallel* set of rates a stack.
# DeepLabv3's ASPP reads its input at rates 12, 24 and 36 side by side, and the JPU at 1, 2, 4, 8.


# %%
def beside(rates):
    """Pixels of the input that one output reads when the 3 x 3 layers stand side by side."""
    taps = {(i * r, j * r) for r in rates for i in (-1, 0, 1) for j in (-1, 0, 1)}
    return len(taps), 2 * max(rates) + 1


for name, rates in (
    ("ASPP at 12, 24, 36", (12, 24, 36)),
    ("JPU at 1, 2, 4, 8", (1, 2, 4, 8)),
):
    count, span = beside(rates)
    print(f"{name}: {count} of {span} x {span} pixels, {count / span**2:.1%}")
    stacked = receptive_field([(3, 1, r) for r in rates])
    print(f"   the same rates one behind the other: {stacked.coverage:.1%}", end=" ")
    print(f"of {stacked.size} x {stacked.size}")

islands = torch.tensor(receptive_field([(3, 1, r) for r in (1, 2, 9)]).coverage)
claim = "1, 2, 9: no common divisor, no holes"
print(table([compare(claim, islands, torch.tensor(1.0), breaks=True, tolerance=0.01)]))

# %% [markdown]
# ASPP reads half a percent of its window and is a good module. How so? Because what it reads are no pixels. At
# output stride 8 each place of c5 has itself looked at hundreds of pixels, so the windows of its 25 taps
# overlap. Holes hurt where a map is read at the scale of its detail: thin lines, at full resolution. Keep the
# two questions apart: *what does this layer skip*, and *was there anything between that the layer before had
# not already mixed in*.
#
# ## Ask your neighbour

# %% tags=["hide-input"]
quiz(
    [
        Question(
            "A colleague puts a JPU into a network whose backbone has output stride 8 already, and finds that nothing got faster. Why?",
            [
                "The JPU's dilated convolutions eat up the gain.",
                "The gain comes from a backbone at output stride 32. A JPU in front of a dilated backbone only adds work.",
                "It needs a GPU.",
            ],
            answer="B",
            why=[
                "They are 0.8 % of the JPU.",
                "Resolution costs, so the resolution of the backbone has to go. The JPU is what makes up for it (wuhuikai/FastFCN#22).",
                "106.7 against 28.4 GMAC is the same on every machine.",
            ],
            peer=True,
        ),
        Question(
            "A stack of rates 4, 4, 4 shows gridding. You may add one 3 x 3 layer. Which rate closes all holes?",
            ["rate 1", "rate 2", "rate 3", "none of these"],
            answer="D",
            why=[
                "Rate 1 reaches 3 pixels in a row, and the next step is 4: one pixel in four stays a hole along each axis.",
                "All rates would be even, so half of the pixels of a row stay out of reach.",
                "4 and 3 have no common divisor, and that is not enough: sorted the list is 3, 4, 4, 4, and 3 > 1.",
                "It takes two: rates 1 and 2 reach 7 in a row, or rates 1 and 1 reach 5, and 4 fits into both.",
            ],
            peer=True,
        ),
    ]
)

# %%
for extra in ([1], [2], [3], [1, 1], [1, 2]):
    field = receptive_field([(3, 1, r) for r in (4, 4, 4, *extra)])
    print(
        f"4, 4, 4 and {extra!s:6}: coverage {field.coverage:4.0%} of {field.size} x {field.size}"
    )

# %% [markdown]
# ## What you take with you
#
# - Span is not coverage: rates 2, 2, 2 read 29 % of their 13 x 13 window, rates 1, 2, 3 all of it. **Exact**.
# - A list has no holes exactly if, sorted, no rate exceeds $1 + (k-1)$ times the sum of those before it.
# - Gridding is the identity of 03 seen from behind: the phases of an equally dilated stack never exchange anything.
# - The rate does not occur in the number of multiplications. Resolution does: a dilated ResNet-50 costs 3.75
#   times the plain one, and with all its rates set back to 1 it costs the same.
# - By phases, a depthwise dilated convolution trains about twice as fast on a CPU; a dense one gains nothing that one could rely on. Same numbers.
#
# **Glossary.**
#
# - **span**: from the first to the last input that an output can see.
# - **coverage**: the share of the window inside the span that is really read.
# - **gridding**: a pattern with the period of the rate, because neighbouring outputs share no inputs.
# - **hybrid rates**: different rates in a row, chosen so that no holes remain.
# - **output stride**: size of the image over the size of the last map.
# - **MAC**: one multiplication and one addition.
#
# **References.** Wu et al., *FastFCN*, 2019, [arXiv 1903.11816](https://arxiv.org/abs/1903.11816), section 3.1. ·
# Wang et al., *Understanding Convolution for Semantic Segmentation*, WACV 2018,
# [arXiv 1702.08502](https://arxiv.org/abs/1702.08502), hybrid dilated convolution. ·
# Yu, Koltun and Funkhouser, *Dilated Residual Networks*, CVPR 2017,
# [arXiv 1705.09914](https://arxiv.org/abs/1705.09914), where gridding got its name. ·
# Luo, Li, Urtasun and Zemel, *Understanding the Effective Receptive Field*, NeurIPS 2016,
# [arXiv 1701.04128](https://arxiv.org/abs/1701.04128).
#
# **Exercises:** [four tasks](exercises/04_what_dilation_costs.ipynb), with checks that know the usual mistakes.
#
# **Next:** [05 · FCN](05_fcn.ipynb), where a classifier learns to paint.

# %% tags=["hide-input"]
tally()
