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
# # 13 · The bill
#
# The first page of this course asked a question. Here is a network. We add a module with twenty million
# parameters, and it runs twice as fast. *Where must the time have gone?*
#
# Twelve walkthroughs later you know what the module does. Now look at what its authors measured when they put it
# into four networks, in frames a second, on one GPU, at 512 × 512:
#
# | | dilated | with JPU | |
# |---|---|---|---|
# | EncNet, ResNet-101 | 10.51 | 32.02 | 3.0 times |
# | EncNet, ResNet-50 | 18.77 | 37.56 | 2.0 times |
# | PSPNet, ResNet-50 | 18.08 | 28.48 | 1.6 times |
# | DeepLabv3, ResNet-50 | 15.99 | 20.67 | 1.3 times |
#
# Before you read on: one module, one trick, four results. What decides?
#
# **The claim.** Work can be counted before a single number is computed, exactly, and on every machine the same.
# What a network gains is decided by what *both* twins have to pay. And time is not work: between the two stands
# what a layer waits for.
#
# **You will be able to** write the bill of a network by hand, layer by layer; take a published speed-up apart
# into its causes; say before you measure which layers a faster processor will not help; and choose a network for
# a budget and defend the choice with numbers.
#
# **Time:** 70 minutes. **You need:** [04](04_what_dilation_costs.ipynb) (who pays for dilation),
# [08](08_two_networks.ipynb) (the two networks) and [11](11_fastfcn.ipynb) (the JPU, line by line).
#
# **Reads:** FastFCN (Wu et al., [arXiv 1903.11816](https://arxiv.org/abs/1903.11816)), section 4 ·
# [`jpu_edu/cost/macs.py`](../jpu_edu/cost/macs.py),
# [`jpu_edu/cost/activations.py`](../jpu_edu/cost/activations.py),
# [`jpu_edu/cost/timing.py`](../jpu_edu/cost/timing.py), [`jpu_edu/models/fuse.py`](../jpu_edu/models/fuse.py)

# %%
import json
import time
import weakref
from pathlib import Path

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode, flop_registry

from jpu_edu.bench.ledger import GROUPS, PAPER_RATIO, conditioned, count
from jpu_edu.bench.official import Official
from jpu_edu.cost.activations import MIB, peak_inference_bytes
from jpu_edu.cost.ledger import by_part, total
from jpu_edu.cost.macs import conv_macs, layer_costs
from jpu_edu.cost.timing import time_in_turn
from jpu_edu.draw import style
from jpu_edu.draw.show import show
from jpu_edu.models.build import encnet, fastfcn
from jpu_edu.models.fuse import fuse
from jpu_edu.ops.compare import compare, table
from jpu_edu.widgets.bill import bill
from jpu_edu.widgets.bill_lines import Choice, network
from jpu_edu.widgets.bill_lines import total as bill_of
from jpu_edu.widgets.predict import Prediction, tally
from jpu_edu.widgets.quiz import Question, quiz

style.use()
torch.set_num_threads(1)  # other programs on this machine then disturb a timing less
generator = torch.Generator().manual_seed(13)

# %% [markdown]
# ## Before you start
#
# Three questions about earlier walkthroughs. From memory.

# %% tags=["hide-input"]
quiz(
    [
        Question(
            "From 04: a ResNet-50 at output stride 8, and the same network with all its rates set back to 1, the strides still gone. Which does more multiplications?",
            ["the dilated one", "the one with rates 1", "neither"],
            answer="C",
            why=[
                "A kernel with holes has nine weights, like any other 3 x 3 kernel.",
                "Nothing became smaller or larger: the maps have the same size at rate 1.",
                "Equal to the last multiplication. The rates are free; the resolution costs.",
            ],
        ),
        Question(
            "From 11: EncNet on ResNet-50 with a JPU, 512 x 512. Which part does the most work?",
            ["the backbone", "the JPU", "the head"],
            answer="B",
            why=[
                "28.4 GMAC. It was the largest part before its strides came back.",
                "30.0 GMAC, more than the whole backbone behind which it stands.",
                "5.5 GMAC. It lost its 3 x 3.",
            ],
        ),
        Question(
            "From 12: one network reaches mIoU 51.05, another 50.89, on the same set, each trained once. What follows?",
            [
                "the first one is better, by 0.16",
                "nothing about which is better, until you know what another seed would change",
                "the second one is better at boundaries",
            ],
            answer="B",
            why=[
                "By 0.16 in these two runs. A second seed moves a network by as much, or more.",
                "A difference is worth what its spread allows. Keep this for the end of the page.",
                "mIoU counts areas; it says nothing about where the errors lie.",
            ],
        ),
    ]
)

# %% [markdown]
# ## 1. One layer, with a pencil
#
# The unit of the bill is the **MAC**: one multiplication, and the addition that follows it. Begin with a layer
# that is small enough to be counted with a pencil. Five positions, two channels in, three out, three taps.


# %%
def convolve_and_count(x, weight):
    """x: (C, W), weight: (D, C, k), zeros that keep the size. The result, and how often it multiplied."""
    D, C, k = weight.shape
    padded, macs = F.pad(x, (k // 2, k // 2)), 0
    y = torch.zeros(D, x.shape[1], dtype=x.dtype)
    for d in range(D):  # every output channel
        for i in range(x.shape[1]):  # every position
            for c in range(C):  # reads every input channel
                for tap in range(k):  # at every tap
                    y[d, i] += weight[d, c, tap] * padded[c, i + tap]
                    macs += 1
    return y, macs


x = torch.tensor([[3, 1, 4, 1, 5], [9, 2, 6, 5, 3]], dtype=torch.float64)
weight = torch.randint(-2, 3, (3, 2, 3), generator=generator).double()
y, macs = convolve_and_count(x, weight)
want = F.conv1d(x[None], weight, padding=1)[0]
print(f"{macs} multiplications; 3 x 5 x 2 x 3 = {3 * 5 * 2 * 3}")
print(table([compare("the four loops are the convolution", y, want, tolerance=0)]))

# %% [markdown]
# Four loops, four factors. In two dimensions positions and taps have two axes each:
#
# $$\mathrm{MAC} \;=\; H_{out}\, W_{out} \cdot D \cdot \frac{C}{g} \cdot k_h\, k_w$$
#
# with $g$ groups ($g = C$ for a depthwise layer). Three things are *not* in the formula: the rate, the stride and
# the size of the input. They act through the size of the output alone.
#
# A 3 × 3 convolution from 4 to 6 channels with stride 2 and padding 1, on a 7 × 7 map.

# %% tags=["hide-input"]
strided = Prediction(
    "How many MACs? 3 x 3, 4 to 6 channels, stride 2, padding 1, on 7 x 7.",
    number=True,
    name="13-strided",
)
strided

# %% tags=["hide-input"]
strided.reveal(
    3456,
    because={
        10584: "that is the layer without its stride, 49 outputs a channel. With it there are 16.",
        1944: "nine outputs a channel: the last row and column are easily forgotten. Rows 0, 2, 4, 6 make four.",
        864: "every output channel reads all 4 input channels.",
        576: "that is one output channel. There are 6.",
    },
    explain="4 x 4 outputs, 6 channels, each reading 4 channels at 9 taps: 16 * 6 * 4 * 9.",
)

# %% [markdown]
# PyTorch can count as well: it looks at every operator that runs, not at the layers. So there are two
# independent counts, and they have to agree.

# %%
formula, library, counted = [], [], []
for _ in range(60):
    k, stride, rate, groups = (
        int(torch.randint(1, most, (), generator=generator)) for most in (5, 4, 4, 3)
    )
    size = tuple(torch.randint(14, 40, (2,), generator=generator).tolist())
    knobs = {"stride": stride, "padding": 1, "groups": groups}
    layer = nn.Conv2d(6, 12, k, dilation=rate, device="meta", **knobs)
    with FlopCounterMode(display=False) as counter:
        out = layer(torch.empty(1, 6, *size, device="meta"))
    formula.append(out.shape[2] * out.shape[3] * 12 * (6 // groups) * k * k)
    counted.append(counter.get_total_flops() // 2)
    library.append(
        conv_macs(in_channels=6, out_channels=12, kernel=k, rate=rate, size=size, **knobs)
    )
formula, library, counted = map(torch.tensor, (formula, library, counted))
rows = [
    compare("60 layers: formula = counted while it ran", formula, counted, tolerance=0),
    compare("60 layers: conv_macs = counted", library, counted, tolerance=0),
]
print(table(rows))

# %% [markdown]
# (The counter says *FLOPs* and counts the addition by itself, hence `// 2`. Papers write FLOPs and mean MACs,
# mostly. Before you compare two papers, find out which.)
#
# The layer was on the device `meta`: tensors that have a shape and no numbers. That is why a bill costs
# nothing. The largest network of this page is counted at any size in about a second.
#
# ## 2. Where did the work go?
#
# Now the network of the first page: EncNet on a ResNet-50, dilated, and its twin with a JPU. At 512 × 512, one
# photograph.

# %%
image = torch.empty(1, 3, 512, 512, device="meta")
dilated = network(Choice(50, "dilated", "enc 3x3"))
joint = network(Choice(50, "jpu", "enc 1x1"))


def parts(model):
    """GMAC of the stem with c2, of c3, c4, c5, of the neck and of the head."""
    names = {"layer2": "c3", "layer3": "c4", "layer4": "c5"}
    found = dict.fromkeys(("stem, c2", "c3", "c4", "c5", "JPU", "head"), 0.0)
    for row in by_part(layer_costs(model.eval(), image), depth=2):
        room, _, rest = row.name.partition(".")
        name = {"neck": "JPU", "head": "head"}.get(room) or names.get(rest, "stem, c2")
        found[name] += row.macs / 1e9
    return found


work = {"dilated": parts(dilated), "with JPU": parts(joint)}
print(f"{'GMAC':10}" + "".join(f"{part:>9}" for part in work["dilated"]) + "      all")
for name, found in work.items():
    line = "".join(f"{value:9.1f}" for value in found.values())
    print(f"{name:10}{line}{sum(found.values()):9.1f}")

# %% [markdown]
# The JPU takes 30.0 GMAC, more than the whole plain backbone behind which it stands (28.4). It is dear because it works at
# stride 8, and not dearer because it does not do everything there: c5 comes with 2048 channels at stride 32. First a 3 × 3 brings them to 512, for 2.4 GMAC. Then the map is made larger.
#
# The other order: first make c5 four times as wide and high, then bring it to 512 channels.

# %% tags=["hide-input"]
swapped = Prediction(
    "The 3 x 3 from 2048 to 512 channels after the upsampling and not before it. How many GMAC, where it was 2.4?",
    number=True,
    name="13-swapped",
)
swapped

# %%
c5 = {"in_channels": 2048, "out_channels": 512, "kernel": 3, "padding": 1}
for name, side in (("before", 16), ("after", 64)):
    print(f"{name:6} the upsampling: {conv_macs(size=(side, side), **c5) / 1e9:4.1f} GMAC")

# %% tags=["hide-input"]
swapped.reveal(
    38.7,
    because={
        9.7: "four times as wide, and four times as high: 16 times as many outputs.",
        4.8: "that is c4's convolution, from 1024 channels at stride 16.",
        2.4: "the weights are the same. They are used once at every place, and there are more places.",
    },
    explain="16 times 2.4. One layer in the wrong place, and the JPU would cost more than twice as much.",
    within=0.5,
)

# %% [markdown]
# So the answer to the first page, as a bill: what falls away, what is added, what is left.

# %% tags=["hide-input"]
before, after = work["dilated"], work["with JPU"]
steps = [("dilated", sum(before.values()))]
steps += [
    (part, after[part] - before[part])
    for part in before
    if abs(after[part] - before[part]) > 0.05
]
order = {"c4": 0, "c5": 1, "head": 2, "JPU": 3}
steps[1:] = sorted(steps[1:], key=lambda step: order[step[0]])
names = {
    "dilated": "dilated",
    "c4": "c4 at\nstride 16",
    "c5": "c5 at\nstride 32",
    "head": "head:\n3 × 3 to 1 × 1",
    "JPU": "the JPU",
}
colours = {
    "dilated": style.Y_D,
    "c4": style.LEVELS["c4"],
    "c5": style.LEVELS["c5"],
    "head": style.soft(),
}
figure, axis = plt.subplots(figsize=(9.3, 3.6), layout="constrained")
level = 0.0
for place, (part, change) in enumerate([*steps, ("left", 0.0)]):
    low, high = sorted((level, level + change))
    if part == "left":
        low, high = 0.0, level
    hatch = style.Y_HATCH if part in ("JPU", "left") else None
    face = colours.get(part, style.tint(style.soft(), 0.15))
    axis.bar(
        place,
        high - low,
        bottom=low,
        width=0.62,
        color=face,
        hatch=hatch,
        ec=style.ink(),
        lw=0.6,
    )
    text = (
        f"{high - low:.1f}"
        if part in ("dilated", "left")
        else f"{change:+.1f}".replace("-", "−")
    )
    axis.text(place, high + 2.5, text, ha="center", fontsize=11, weight="bold")
    level += change
    if part != "left":
        axis.plot([place + 0.31, place + 0.69], [level, level], color=style.soft(), lw=0.8)
labels = [names[part] for part, _ in steps] + ["EncNet-50\n+ JPU"]
labels[0] = "EncNet-50\ndilated"
axis.set(xticks=range(len(labels)), xticklabels=labels, yticks=[], ylim=(0, 163))
axis.tick_params(axis="x", length=0, labelsize=10.5)
axis.spines[["left", "bottom"]].set_visible(False)
axis.set_title("GMAC at 512 × 512", fontsize=11)
show(
    figure,
    alt=f"A waterfall from {steps[0][1]:.1f} GMAC down to {level:.1f}. "
    + ", ".join(f"{part} {change:+.1f}" for part, change in steps[1:])
    + ".",
)

# %% [markdown]
# *The last two stages give back 78 GMAC, and the JPU takes 30 of them again. And there is a third bar: the head.*
#
# ### The small print
#
# You met that bar in 11: behind the JPU the first convolution of EncNet's head is 1 × 1, in the dilated network it is 3 × 3.
# The ratio has two authors, 11 said. Divide the royalties.
#
# How much of the saving is owed to that one kernel?

# %% tags=["hide-input"]
kernel = Prediction(
    "Of the GMACs that EncNet-50 saves with the JPU, how many percent come from the head's 3 x 3 that became 1 x 1?",
    number=True,
    name="13-kernel",
)
kernel

# %%
ways = {
    (form, size): bill_of(Choice(50, form, f"enc {size}"))["gmac"]
    for form in ("dilated", "jpu")
    for size in ("3x3", "1x1")
}
print(f"{'GMAC':22}{'head 3 x 3':>12}{'head 1 x 1':>12}")
for form, name in (("dilated", "dilated"), ("jpu", "plain + JPU")):
    print(f"{name:22}{ways[form, '3x3']:12.1f}{ways[form, '1x1']:12.1f}")
saved = ways["dilated", "3x3"] - ways["jpu", "1x1"]
small = ways["dilated", "3x3"] - ways["dilated", "1x1"]
print(f"saved {saved:.1f}, of which the kernel {small:.1f}: {small / saved:.0%}")
print(f"as published:             {ways['dilated', '3x3'] / ways['jpu', '1x1']:.2f} times")
print(f"both with a 3 x 3 head:   {ways['dilated', '3x3'] / ways['jpu', '3x3']:.2f} times")
print(f"both with a 1 x 1 head:   {ways['dilated', '1x1'] / ways['jpu', '1x1']:.2f} times")

# %% tags=["hide-input"]
kernel.reveal(
    42,
    because={
        0: "the head is part of the network, and it is not the same in both.",
        100: "the backbone saves more than that, and the JPU takes less.",
    },
    explain="34.4 of 82.7 GMAC. It has nothing to do with joint upsampling: the dilated network could have it, too.",
    within=3,
)

# %% [markdown]
# Do not conclude that somebody cheated. The JPU's branches have already looked at neighbours, at four rates, so
# a 3 × 3 behind them is less needed, and the paper's mIoU was reached *with* the 1 × 1. But two changes came under
# one name. A fair sentence is: *EncNet-50 does 2.29 times less work; 1.49 times less if its head is left as it
# was.* (Differences can be divided among causes, 42 % here. Factors cannot: 2.29 is 1.49 × 1.54 if the kernel
# changes last, and 1.31 × 1.76 if it changes first.)
#
# It is also one answer to the users who saw hardly any gain with ResNet-50 in another codebase (mmsegmentation,
# [PR 885](https://github.com/open-mmlab/mmsegmentation/pull/885); FastFCN,
# [issue 106](https://github.com/wuhuikai/FastFCN/issues/106)): that port keeps the 3 × 3.
#
# ### Two counts of sixteen networks
#
# The bill above came from shapes. Does it agree with what runs, layer by layer? Sixteen networks: every one that
# the benchmark of this course knows.

# %%
layers, silent = [], {}
for makes in GROUPS.values():
    for name, make in makes.items():
        with torch.device("meta"):
            model = make()
        rows = layer_costs(model.eval(), image)
        layers += [(row.macs, row.counted) for row in rows if row.macs]
        silent[name] = {
            row.name: row.counted for row in rows if row.counted and not row.macs
        }
from_shapes, counted = torch.tensor(layers).T
claim = f"{len(layers)} layers of {len(silent)} networks: shapes = counted"
print(table([compare(claim, from_shapes, counted, tolerance=0)]))
found = {(kind, macs) for modules in silent.values() for kind, macs in modules.items()}
for kind, macs in sorted(found):
    print(f"multiplies without being a layer: {kind}, {macs / 1e9:.3f} GMAC")
encoding = torch.tensor([macs for _, macs in sorted(found)])
rows = [
    compare(
        "shapes of layers tell everything",
        torch.zeros_like(encoding),
        encoding,
        breaks=True,
        tolerance=0.01,
    )
]
print(table(rows))

# %% [markdown]
# **exact**, and with a counterexample. EncNet's Encoding (which compares each pixel with 32 codewords) and
# PSPNet's pooling multiply matrices without being convolutions. A bill made from the list of layers leaves them
# out. They are a few thousandths of the work, so who cares? Remember the Encoding: in section 7 it will be
# the largest thing in memory.
#
# ## 3. Every network on one sheet
#
# Choose two networks. Bars are GMACs by part; the dashed frame is as long as A. The first four buttons are the pairs of the authors' table,
# the others a light backbone, and the kernel of the head by itself.
#
# Three things to try. What happens to the ratio when you move the size? With which head is a JPU worth least? And
# give A and B the *same* head for EncNet.

# %% tags=["nbval-ignore-output"]
stored = json.loads(Path("../figures/data/bench_networks.json").read_text("utf-8"))
here = stored["machine"]
measured = {
    row["name"].removesuffix(" + JPU"): row["ratio"]
    for row in stored["ledger"]
    if row["name"] in PAPER_RATIO
}
bill(measured=measured, machine=here["processor"])

# %% [markdown]
# *Counted, at 512 × 512: with JPU each pair of the authors' table has more parameters and does less work, by a factor of
# 1.4 to 2.7.*
#
# What you saw when you moved the slider is a law: at multiples of 32, MACs are proportional to the number of pixels,
# for both twins (section 8 checks it, layer by layer). So the *ratio* of the work does not depend on the picture. It depends on the network alone. On
# what?
#
# ## 4. Why 3 is sometimes 1.3
#
# Small numbers. A dilated backbone costs 8, its plain twin 2, the JPU 2. Both get the same head. Let the head
# cost 0, 1, 4 or 16:


# %%
def gain(backbone, plain, jpu, head):
    return (backbone + head) / (plain + jpu + head)


for head in (0, 1, 4, 16):
    print(f"head {head:2}: {8 + head:2} / {4 + head:2} = {gain(8, 2, 2, head):.2f}")

# %% [markdown]
# It is Amdahl's law. The head stands above and below the line, and it pulls the ratio towards 1. What the trick
# could save is fixed, 8 against 4; how much that *matters* is decided by what it does not touch. So a network
# gains more, the deeper its backbone (more above the line) and the lighter its head.
#
# ResNet-50 costs 106.7 GMAC dilated and 28.4 plain; the JPU 30.0. DeepLabv3's head costs 64.0 on
# either. By how much does its work fall?

# %% tags=["hide-input"]
deeplab = Prediction(
    "DeepLabv3-50: work of the dilated network over work with JPU, to one decimal?",
    number=True,
    name="13-deeplab",
)
deeplab

# %%
heads = {
    "FCN": "fcn",
    "Enc 1 × 1": "enc 1x1",
    "Enc 3 × 3": "enc 3x3",
    "PSP": "psp",
    "ASPP": "aspp",
}
bodies = {}
for depth in (50, 101):
    lone = {}
    for form in ("dilated", "jpu"):
        rows = by_part(layer_costs(network(Choice(depth, form, "fcn")).eval(), image))
        lone[form] = {row.name: row.macs / 1e9 for row in rows}
    bodies[depth] = (
        lone["dilated"]["backbone"],
        lone["jpu"]["backbone"] + lone["jpu"]["neck"],
    )
rows = []
for depth, (slow, fast) in bodies.items():
    for name, head in heads.items():
        both = [bill_of(Choice(depth, form, head))["gmac"] for form in ("dilated", "jpu")]
        alone = both[0] - slow
        rows.append(
            (depth, name, alone, both[0] / both[1], (slow + alone) / (fast + alone))
        )
law = torch.tensor([row[4] for row in rows], dtype=torch.float64)
counted = torch.tensor([row[3] for row in rows], dtype=torch.float64)
print(table([compare("(backbone + head) / (plain + JPU + head)", law, counted)]))
for depth, (slow, fast) in bodies.items():
    print(
        f"ResNet-{depth}: body {slow:.1f} dilated, {fast:.1f} plain + JPU: at most {slow / fast:.2f}"
    )

# %% tags=["hide-input"]
deeplab.reveal(
    1.4,
    because={
        3.8: "that is the backbone alone, 106.7 / 28.4. The JPU and the head are to be paid as well.",
        1.8: "that is the body, without a head: 106.7 / (28.4 + 30.0).",
        1.7: "the JPU stands below the line, with the plain backbone.",
    },
    explain="(106.7 + 64.0) / (28.4 + 30.0 + 64.0) = 170.7 / 122.4 = 1.39.",
    within=0.05,
)

# %% tags=["hide-input"]
figure, axis = plt.subplots(figsize=(9.3, 3.9), layout="constrained")
grid = torch.linspace(0, 90, 200)
for depth, line in ((101, "-"), (50, (0, (6, 2)))):
    slow, fast = bodies[depth]
    axis.plot(grid, (slow + grid) / (fast + grid), color=style.soft(), ls=line, lw=1.4)
    axis.text(91, (slow + 90) / (fast + 90), f"ResNet-{depth}", va="center", fontsize=10)
for depth, name, alone, ratio, _ in rows:
    axis.plot(alone, ratio, "o", ms=6.5, mfc=style.ink(), mec=style.paper(), mew=0.8)
    side = {"FCN": "right", "Enc 3 × 3": "left"}.get(name, "center")
    if depth == 101:
        axis.annotate(
            name, (alone, ratio), xytext=({"right": -4, "left": 6}.get(side, 0), 9 if side != "left" else -15),
            textcoords="offset points", ha=side, fontsize=10,
        )  # fmt: skip
for depth in (50, 101):
    swap = [
        bill_of(Choice(depth, *way))["gmac"]
        for way in (("dilated", "enc 3x3"), ("jpu", "enc 1x1"))
    ]
    start = next(row for row in rows if row[:2] == (depth, "Enc 3 × 3"))
    x, top = (
        start[2] + (1.1 if depth == 101 else -1.1),
        swap[0] / swap[1],
    )  # beside one another
    axis.annotate(
        "", (x, top), xytext=(x, start[3] + 0.04),
        arrowprops={"arrowstyle": "->", "color": style.Y_S, "lw": 1.5},
    )  # fmt: skip
    axis.plot(x, top, "D", ms=6.5, mfc=style.Y_S, mec=style.paper(), mew=0.8)
    axis.annotate(
        f"EncNet-{depth} as published: {top:.2f}", (x, top), xytext=(10 if depth == 101 else -10, 0),
        textcoords="offset points", ha="left" if depth == 101 else "right", va="center", fontsize=10, color=style.Y_S,
    )  # fmt: skip
axis.axhline(1, color=style.soft(), lw=0.7)
axis.set(
    xlim=(-2, 104),
    ylim=(0.95, 3.0),
    xlabel="work of the head, GMAC",
    ylabel="dilated / with JPU, work",
)
show(
    figure,
    alt="Two falling curves, the ratio of work against the work of the head, for ResNet-101 above and ResNet-50 below. The heads FCN, "
    "Enc, PSP and ASPP lie on them. The published EncNets lie above the curves, since their head changes with the JPU.",
)

# %% [markdown]
# *The heavier the head, the smaller the gain: PSP and ASPP lie far to the right. The published EncNets, at 2.29 and 2.69,
# are off their curves: they changed the head as well.* The spread of the paper's speed-ups, from 1.3 to 3.0, is
# head and depth, and a kernel. And look at the left ends of the curves. With no head at all a ResNet-50 gains 1.83, a ResNet-101 2.37 (10 wrote the same upside down, 0.55 and 0.42): in work, the argument
# of this course cannot give more. Whatever lies above has another cause.
#
# The same line says what *not* to do, in two cases that users met.

# %%
from jpu_edu.backbones.dilate import dilate
from jpu_edu.models.build import make_backbone
from jpu_edu.models.segmenter import Segmenter
from jpu_edu.necks.jpu import JPU

with torch.device("meta"):
    net = dilate(make_backbone("resnet50"))
    head = fastfcn(classes=59, head="fcn", backbone="resnet50", aux=False).head
    useless = Segmenter(backbone=net, neck=JPU(net.channels), head=head)
    wide = fastfcn(classes=59, head="fcn", backbone="resnet18", width=512, aux=False)
    narrow = fastfcn(classes=59, head="fcn", backbone="resnet18", aux=False)
rows = [
    ("ResNet-50 dilated, FCN head", network(Choice(50, "dilated", "fcn"))),
    ("... and a JPU in front of the head", useless),
    ("ResNet-18 dilated, FCN head", network(Choice(18, "dilated", "fcn"))),
    ("ResNet-18 plain + JPU, width 512", wide),
    ("ResNet-18 plain + JPU, width 128", narrow),
]
for name, model in rows:
    print(f"{name:36}{total(layer_costs(model.eval(), image)).macs / 1e9:7.1f} GMAC")

# %% [markdown]
# A JPU behind a backbone that *still* has output stride 8 saves nothing (11), and now you know what it costs: 81 GMAC and not
# 30, since all three of its inputs are large ([issue 22](https://github.com/wuhuikai/FastFCN/issues/22)). And a light
# backbone, a ResNet-18 or a ShuffleNet ([issue 47](https://github.com/wuhuikai/FastFCN/issues/47)), needs a light JPU:
# at the official width of 512 the joint network is dearer than its dilated twin. The library makes a JPU a quarter as wide
# as c5, unless you say otherwise.
#
# ## 5. Now the clock
#
# So far nothing has been computed. Here are the authors' ratios beside the counted ones:

# %%
counted_ratio = {}
for group in GROUPS:
    name = f"{group} + JPU"
    if name in PAPER_RATIO:
        head = {
            "EncNet": ("enc 3x3", "enc 1x1"),
            "PSP": ("psp",) * 2,
            "DeepLabv3": ("aspp",) * 2,
        }
        family, depth = group.rsplit("-", 1)
        slow, fast = (
            bill_of(Choice(int(depth), form, kind))["gmac"]
            for form, kind in zip(("dilated", "jpu"), head[family], strict=True)
        )
        counted_ratio[group] = slow / fast
        print(
            f"{group:13} counted {slow / fast:.2f}   the paper's frames {PAPER_RATIO[name]:.2f}"
        )

# %% [markdown]
# The order is nearly right and the numbers are not: two gain more than was counted, two less. Work is no time. So
# measure. Three rules, each of which has embarrassed somebody:
#
# - **In turn.** A for a minute and then B for a minute compares two minutes. `time_in_turn` runs A B, B A, A B.
# - **A ratio from within a round**, and then the median over rounds.
# - **Wait for the machine.** A GPU returns from a call before it has done the work. The official script did not
#   wait ([SparseMask, issue 1](https://github.com/wuhuikai/SparseMask/issues/1)); the author measured a difference
#   below 1 frame a second in ten passes. For a single pass it can be all the difference.
#
# Your machine, 256 × 256, one thread, weights drawn at random:

# %% tags=["nbval-ignore-output"]
photo = torch.randn(1, 3, 256, 256)
timed = {}
with torch.no_grad():
    for group in ("EncNet-50", "DeepLabv3-50"):
        slow, fast, *_ = GROUPS[group].items()
        models = {name: conditioned(make()) for name, make in (slow, fast)}
        tasks = {name: lambda model=model: model(photo) for name, model in models.items()}
        timed[group] = time_in_turn(tasks, repeats=2, warmup=1)
        here_ = timed[group].ratio(slow[0], fast[0])
        paper = PAPER_RATIO[fast[0]]
        print(
            f"{group:13} counted {counted_ratio[group]:.2f}   paper {paper:.2f}   here {here_:.2f}"
        )
        if group == "EncNet-50":
            twins = models

# %% [markdown]
# And *where* did the time go? Put a stopwatch around every part of the two EncNets, and lay the seconds beside the MACs.


# %% tags=["nbval-ignore-output"]
def seconds_by_part(model, rounds=3):
    """The best time of each part of a network: the backbone's children, the neck, the head."""
    watched = {f"backbone.{name}": child for name, child in model.backbone.named_children()}
    watched |= {"neck": model.neck, "head": model.head}
    best, began, hooks = {}, {}, []
    for name, module in watched.items():

        def stop(*_, name=name):
            best[name] = min(best.get(name, 9e9), time.perf_counter() - began[name])

        def go(*_, name=name):
            began[name] = time.perf_counter()

        hooks += [module.register_forward_pre_hook(go), module.register_forward_hook(stop)]
    with torch.no_grad():
        for _ in range(rounds):
            model(photo)
    for hook in hooks:
        hook.remove()
    return best


names = {"backbone.layer2": "c3", "backbone.layer3": "c4", "backbone.layer4": "c5"}
names |= {"neck": "JPU", "head": "head"}
clock = []
for model in twins.values():
    found = dict.fromkeys(work["dilated"], 0.0)
    for name, seconds in seconds_by_part(model).items():
        found[names.get(name, "stem, c2")] += seconds
    clock.append(found)
print(f"{'':10}{'dilated':>9}{'with JPU':>10}     saved, of the dilated network's")
for part in work["dilated"]:
    slow, fast = (found[part] for found in clock)
    time_ = (slow - fast) / sum(clock[0].values())
    macs_ = (work["dilated"][part] - work["with JPU"][part]) / sum(work["dilated"].values())
    print(f"{part:10}{slow:7.3f} s{fast:8.3f} s     {time_:+5.0%} time {macs_:+5.0%} work")

# %% [markdown]
# Two or three rounds are an anecdote. `python -m jpu_edu bench networks` measures all networks with more patience, and
# a stored run of it is in [`figures/data/bench_networks.json`](../figures/data/bench_networks.json):

# %% tags=["nbval-ignore-output", "hide-input"]
figure, axis = plt.subplots(figsize=(9.3, 2.9), layout="constrained")
looks = {
    "counted": ("s", style.Y_D),
    "measured": ("o", style.ink()),
    "in the paper": ("D", style.paper()),
}
ranked = sorted(counted_ratio.items(), key=lambda item: item[1])
for place, (group, ratio) in enumerate(ranked):
    values = (ratio, measured[group], PAPER_RATIO[f"{group} + JPU"])
    axis.plot(
        [min(values), max(values)], [-place] * 2, color=style.soft(), lw=0.9, zorder=1
    )
    for value, (name, (marker, face)) in zip(values, looks.items(), strict=True):
        axis.plot(
            value,
            -place,
            marker,
            ms=8,
            mfc=face,
            mec=style.ink(),
            mew=1,
            label=None if place else name,
        )
axis.set(
    yticks=[-k for k in range(4)],
    yticklabels=[group for group, _ in ranked],
    xlim=(0.9, 3.3),
    ylim=(-3.6, 0.6),
)
axis.set_xlabel("dilated / with JPU")
axis.tick_params(axis="y", length=0)
axis.spines["left"].set_visible(False)
axis.legend(loc="upper right", fontsize=10)
show(
    figure,
    alt="Four pairs and three ratios each: counted, measured in the stored run, and in the paper. They agree in which pairs gain much, "
    "and not in how much.",
)
print(
    stored["command"],
    "·",
    here["processor"],
    "·",
    here["instructions"],
    "·",
    here["threads"],
    "threads",
)
for row in stored["ledger"]:
    if row["ratio"] is not None:
        print(
            f"{row['name']:22}{row['gmac']:7.1f} GMAC{row['ms']:8.0f} ms   {row['gmac'] / row['ms'] * 1e3:4.0f} GMAC a second"
        )

# %% [markdown]
# *Counted, measured and published ratios agree in which pairs gain much, the EncNets, and not in how much.*
#
# Look at the last column of the list. If time were work, it would be one number. The networks do not get the same service:
# some layers make the machine multiply, and others make it wait.
#
# ## 6. What a layer waits for
#
# A processor can do two things at once: multiply, and fetch numbers from memory. A layer takes at least as long as
# the slower of the two:
#
# $$t \;\ge\; \max\left(\frac{\mathrm{MACs}}{P},\ \frac{\mathrm{bytes}}{W}\right)$$
#
# with $P$ the MACs a second that the machine can do and $W$ the bytes a second that it can move. What decides is the
# **intensity**, MACs for each byte. Above $P / W$ the processor is busy; below, it waits. Pencil again, with a
# machine that does 8 MACs and moves 1 byte a second: a layer of 80 MACs and 2 bytes takes 10 seconds, and so does
# a layer of 8 MACs and 10 bytes.
#
# In a JPU, the dilated convolutions are depthwise. In 04 they were 0.8 % of its multiplications. What share of
# its *time* do they take on your machine?

# %% tags=["hide-input"]
share = Prediction(
    "The depthwise convolutions: 0.8 % of the JPU's work. Of its time on your machine?",
    options=[
        "0.8 %, what else",
        "less, they are simple",
        "several times as much",
        "nearly all",
    ],
    name="13-share",
)
share

# %% [markdown]
# First the limits of your machine. The densest work there is, is a product of two matrices. It is asked for in two ways: as
# `a @ b`, and as a 1 × 1 convolution, which is the same product and goes through another library. The better one counts.

# %% tags=["nbval-ignore-output"]
side, words = 768, 2**24
a, b = torch.randn(side, side), torch.randn(side, side)
as_map, as_kernel = b.reshape(1, side, 24, 32), a.reshape(side, side, 1, 1)
source, target = torch.randn(words), torch.empty(words)
tasks = {
    "a @ b": lambda: a @ b,
    "1 x 1 convolution": lambda: F.conv2d(as_map, as_kernel),
    "copy": lambda: target.copy_(source),
}
# a limit is the best that was ever done: the shortest time counts, not the median
tries = time_in_turn(tasks, repeats=40, warmup=2).seconds
for name in ("a @ b", "1 x 1 convolution"):
    print(f"{name:18}{side**3 / min(tries[name]) / 1e9:5.0f} GMAC a second")
P = side**3 / min(*tries["a @ b"], *tries["1 x 1 convolution"])
W = 2 * 4 * words / min(tries["copy"])
print(f"P = {P / 1e9:.0f} GMAC a second, W = {W / 1e9:.0f} GB a second")
print(f"a layer needs {P / W:.1f} MACs for each byte, or the processor waits")

# %%
layers = {  # what runs, MACs, floats in, out and weights
    "3 × 3 of c5, dilated": ((512, 512, 3, 1, 64, 4), 512 * 512 * 9 * 64**2),
    "the same, plain (16 × 16)": ((512, 512, 3, 1, 16, 1), 512 * 512 * 9 * 16**2),
    "JPU, 1 × 1": ((1536, 512, 1, 1, 64, 1), 1536 * 512 * 64**2),
    "JPU, depthwise, rate 4": ((1536, 1536, 3, 1536, 64, 4), 1536 * 9 * 64**2),
    "stem, 3 × 3": ((64, 128, 3, 1, 256, 1), 64 * 128 * 9 * 256**2),
}
intensity = {}
for name, ((C, D, k, groups, side, rate), macs) in layers.items():
    numbers = C * side**2 + D * side**2 + D * (C // groups) * k * k
    intensity[name] = macs / (4 * numbers)
    same = macs == conv_macs(
        in_channels=C, out_channels=D, kernel=k, size=(side, side), rate=rate, padding=rate * (k // 2), groups=groups
    )  # fmt: skip
    print(
        f"{name:28}{macs / 1e9:7.3f} GMAC{intensity[name]:8.1f} MACs a byte   conv_macs agrees: {same}"
    )
intensity["BatchNorm"] = 1 / 8  # one MAC a number, which is read and written
intensity["ReLU, in place"] = intensity["ReLU, new map"] = 1 / 8
print("BatchNorm, ReLU, adding:           0.1 MACs a byte, or less")

# %% tags=["nbval-ignore-output", "hide-input"]
norm = nn.BatchNorm2d(2048).eval()
wide_map = torch.randn(1, 2048, 64, 64)
tasks = {}
for name, ((C, D, k, groups, side, rate), _) in layers.items():
    x, kernel_ = torch.randn(1, C, side, side), torch.randn(D, C // groups, k, k)
    pad = rate * (k // 2)
    tasks[name] = lambda x=x, w=kernel_, pad=pad, rate=rate, groups=groups: F.conv2d(
        x, w, padding=pad, dilation=rate, groups=groups
    )
tasks["BatchNorm"] = lambda: norm(wide_map)
tasks["ReLU, in place"] = lambda: wide_map.relu_()
tasks["ReLU, new map"] = lambda: wide_map.relu()
dense = {name: task for name, task in tasks.items() if intensity[name] > 50}
short = {name: task for name, task in tasks.items() if name not in dense}
with torch.no_grad():
    took = time_in_turn(dense, repeats=3, warmup=1).seconds
    took |= time_in_turn(short, repeats=25, warmup=3).seconds
macs = {name: value for name, (_, value) in layers.items()}
macs |= dict.fromkeys(("BatchNorm", "ReLU, in place", "ReLU, new map"), wide_map.numel())
rates = {name: macs[name] / min(seconds) for name, seconds in took.items()}
P = max(P, *rates.values())  # a layer that beats the product raises the roof

figure, axis = plt.subplots(figsize=(9.3, 4.2), layout="constrained")
across = torch.logspace(-2.3, 3.8, 300)
roof = torch.minimum(across * W, torch.tensor(P)) / 1e9
lowest = min(rates.values()) / 1e9
axis.plot(across, roof, color=style.ink(), lw=1.6)
axis.fill_between(across, roof, 1e5, color=style.soft(), alpha=0.12, lw=0)
shifts = {
    "the same, plain (16 × 16)": (-9, -1),
    "3 × 3 of c5, dilated": (-6, 11),
    "ReLU, in place": (-9, 2),
    "ReLU, new map": (9, 8),
    "BatchNorm": (9, -10),
}
for name, reached in rates.items():
    part = reached / min(P, intensity[name] * W)
    axis.plot(
        intensity[name], reached / 1e9, "o", ms=8, mfc=style.Y_D, mec=style.ink(), mew=0.9
    )
    shift = shifts.get(name, (9, -1))
    axis.annotate(
        f"{name}, {part:.0%}", (intensity[name], reached / 1e9), xytext=shift, textcoords="offset points",
        ha="right" if shift[0] == -9 else "left", va="center", fontsize=9.5,
    )  # fmt: skip
axis.set(
    xscale="log", yscale="log", xlim=(0.006, 6000), ylim=(lowest * 0.5, P / 1e9 * 2),
    xlabel="intensity: MACs for each byte", ylabel="GMAC a second",
)  # fmt: skip
show(
    figure,
    alt="The roof of this machine: a slope, where memory is the limit, and a flat part, where multiplying is. BatchNorm, ReLU and the "
    "depthwise convolution stand on the left, at the slope or far below it, the dense convolutions under the flat part.",
)

# %% [markdown]
# *Each point is a layer, with the share of its limit that it reaches. Only the dense convolutions stand under the flat
# part, where work is time.* The slope is where bytes are time: BatchNorm, ReLU, additions, upsampling, depthwise
# convolutions. One above the slope has found its numbers in the
# cache, which is faster than the memory that was measured. One far below both limits wastes something. Compare ReLU in place with
# ReLU into a new map: the same arithmetic. Where they lie far apart, it is the system that takes the time. It hands out new memory
# page by page, on first touch. For the depthwise ones there is a slow routine besides (04).
#
# Now the JPU, whole, and its four depthwise convolutions:

# %% tags=["nbval-ignore-output"]
jpu = JPU((64, 256, 512, 1024, 2048)).eval()
maps = [
    None,
    None,
    *(torch.randn(1, C, n, n) for C, n in ((512, 64), (1024, 32), (2048, 16))),
]
from jpu_edu.layers.features import Features

features = Features(*(torch.zeros(1, 1, 1, 1) if m is None else m for m in maps))
joined = torch.randn(1, 1536, 64, 64)
with torch.no_grad():
    tasks = {
        "the JPU": lambda: jpu(features),
        "depthwise": lambda: [
            branch.separable.depthwise(joined) for branch in jpu.branches
        ],
    }
    both = time_in_turn(tasks, repeats=2, warmup=1)
print(
    f"the depthwise convolutions: {both.ratio('depthwise', 'the JPU'):.0%} of its time, 0.8 % of its work"
)

# %% tags=["hide-input"]
share.reveal(
    "C",
    because={
        "A": "that would be so if every multiplication took the same time. Look where they stand under the roof.",
        "B": "simple for you. For the machine they are a lot of fetching for little work.",
        "D": "the dense 3 x 3 and 1 x 1 convolutions still take most of it.",
    },
    explain="They do about one MAC for each byte, and a dense layer fifty or more. Where bytes are the limit, counting MACs tells nothing.",
)

# %% [markdown]
# ### The roof over a whole network
#
# With the two limits you can predict a *time* from counts alone. Watch every operator that runs, note its MACs and its
# bytes, and add up the larger of the two times. What comes out is a floor for a program that runs these operators one by
# one, as long as their maps do not fit into the cache.


# %%
class Traffic(TorchDispatchMode):
    """MACs and bytes (read and written) of every operator that is not a mere view."""

    def __init__(self):
        super().__init__()
        self.rows = []

    def __torch_dispatch__(self, op, types, args=(), kwargs=None):
        out = op(*args, **(kwargs or {}))
        counts = flop_registry.get(op.overloadpacket)
        macs = counts(*args, **(kwargs or {}), out_val=out) // 2 if counts else 0
        tensors = [t for t in tree_leaves((args, out)) if isinstance(t, torch.Tensor)]
        if not op.is_view:
            self.rows.append((macs, sum(t.nbytes for t in tensors)))
        return out


def traffic(model, size):
    with torch.no_grad(), Traffic() as seen:
        model(torch.empty(1, 3, size, size, device="meta"))
    return seen.rows


def floor(rows, P, W):
    return sum(max(macs / P, moved / W) for macs, moved in rows)


pairs = {}
for group in counted_ratio:
    makes = list(GROUPS[group].items())[:2]
    with torch.device("meta"):
        models = {name: make().eval() for name, make in makes}
    pairs[group] = [traffic(model, 512) for model in models.values()]
print("a machine of 50 GMAC and 10 GB a second, then one that multiplies ten times as fast")
for group, (slow, fast) in pairs.items():
    ratios = [floor(slow, P_, 10e9) / floor(fast, P_, 10e9) for P_ in (50e9, 500e9)]
    print(
        f"{group:13} counted {counted_ratio[group]:.2f}   floor {ratios[0]:.2f}   then {ratios[1]:.2f}"
    )

# %% tags=["nbval-ignore-output"]
for group, times in timed.items():
    makes = list(GROUPS[group].items())[:2]
    with torch.device("meta"):
        floors = [floor(traffic(make().eval(), 256), P, W) for _, make in makes]
    for (name, _), least in zip(makes, floors, strict=True):
        took = min(times.seconds[name])
        print(f"{name:22} floor {least:5.2f} s, measured {took:5.2f} s: {least / took:.0%}")

# %% [markdown]
# Two things to take from this. On a machine that does nothing else, a handful of counts and two numbers predict the time of a network to
# within a factor of two or three. Most networks stay above their floor, since every layer loses some, to a slow routine or to new memory; a share above
# 100 % says that the cache, or a quieter moment, has beaten the limits that were measured. And the first table is a warning: *on a machine that multiplies ten times as fast and fetches as before, the
# JPU is worth less*, in all four pairs. The dilated network is dense work, which gets faster. The JPU's upsampling,
# concatenating and depthwise convolving does not. A speed-up has a date and a machine on it.
#
# ## 7. Memory: the number that does not fall
#
# "Lighter" is what one reads about FastFCN. Parameters it has more, by 11 million with EncNet's smaller head and by 20 million
# with any other. Work it has less. And memory? There are two, and they obey different laws. Small numbers: a chain of maps with
# 4, 6, 3, 2 and 1 numbers, each computed from the one before.


# %%
def at_once(sizes, hold=()):
    """Inference: numbers alive while map i is made from map i - 1; maps in `hold` stay to the end."""
    moments = []
    for i in range(1, len(sizes)):
        held = sum(sizes[j] for j in hold if j < i - 1)
        moments.append(sizes[i - 1] + sizes[i] + held)
    return moments


chain = [4, 6, 3, 2, 1]
for name, hold in (("", []), (", the 3 held for a neck", [2]), (", the 6 held", [1])):
    moments = at_once(chain, hold)
    print(f"inference{name}: {moments}, so {max(moments)}")
print(f"training keeps every map: {sum(chain)}")

# %% [markdown]
# To **use** a network you need the largest moment. To **train** it you need the sum, since the backward pass asks for
# every map again. Holding a map for a neck costs something only if it is alive *at the worst moment*. The 3 is free, the 6 is not.
#
# So removing dilation, which makes the maps of the last two stages 4 and 16 times smaller, must save memory in
# training. In use it saves nothing unless the worst moment was *there*.

# %%
MODELS = {
    "ResNet-50, EncNet dilated": Choice(50, "dilated", "enc 3x3"),
    "ResNet-50, EncNet + JPU": Choice(50, "jpu", "enc 1x1"),
    "ResNet-101, EncNet dilated": Choice(101, "dilated", "enc 3x3"),
    "ResNet-101, EncNet + JPU": Choice(101, "jpu", "enc 1x1"),
}
for name, choice in MODELS.items():
    print(
        f"{name:27} keeps {bill_of(choice)['kept_mib']:5.0f} MiB an image for the backward pass"
    )

# %% [markdown]
# And in use? `Official` is EncNet as the authors' code runs it, the Encoding layer written out residual by residual.

# %% tags=["hide-input"]
use = Prediction(
    "EncNet-50 in official form, 512 x 512: the most memory that is alive at one moment, dilated against JPU?",
    options=[
        "JPU needs a quarter",
        "JPU needs a little less",
        "the same, within a few percent",
        "JPU needs more",
    ],
    name="13-use",
)
use


# %%
class Alive(TorchDispatchMode):
    """The bytes alive after every operator: what was made and has not been let go of."""

    def __init__(self):
        super().__init__()
        self.now, self.curve, self.known = 0, [], set()

    def let_go(self, key, size):
        self.now -= size
        self.known.discard(key)

    def __torch_dispatch__(self, op, types, args=(), kwargs=None):
        inputs = [t for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)]
        given = {t.untyped_storage()._cdata for t in inputs}
        out = op(*args, **(kwargs or {}))
        for t in tree_leaves(out):
            storage = t.untyped_storage()
            key = storage._cdata  # what makes two views one memory
            if key not in given | self.known:
                self.known.add(key)
                self.now += storage.nbytes()
                weakref.finalize(storage, self.let_go, key, storage.nbytes())
        self.curve.append(self.now)
        return out


def over_time(model):
    with torch.no_grad(), Alive() as seen:
        model(image)
    return torch.tensor(seen.curve) / MIB


with torch.device("meta"):
    pair = {"dilated": encnet(classes=59), "+ JPU": fastfcn(classes=59)}
forms = {}
for name, model in pair.items():
    model = conditioned(model)
    forms[f"{name}, official form"] = Official(model)
    forms[f"{name}, this library"] = model
    forms[f"{name}, fused"] = fuse(model)
    forms[f"{name}, fused, labels"] = fuse(model).labels
peaks = {name: peak_inference_bytes(model, image) / MIB for name, model in forms.items()}
for name, peak in peaks.items():
    print(f"{name:26}{peak:6.0f} MiB")

# %% tags=["hide-input"]
use.reveal(
    "C",
    because={
        "A": "the maps of two stages are 4 and 16 times smaller, and the worst moment is not there.",
        "B": "that is true of training, where every map is kept: 926 of 1112 MiB.",
        "D": "true in the library's form, by 5 percent. In the official form something else is the worst moment.",
    },
    explain="641 and 631 MiB. Both have the same worst moment, and it does not lie in the backbone.",
)

# %%
curves = {name: over_time(model) for name, model in forms.items() if "labels" not in name}
tops = torch.stack([curve.max() for curve in curves.values()]).double()
want = torch.tensor([peaks[name] for name in curves], dtype=torch.float64)
print(table([compare("top of the curve = peak_inference_bytes", tops, want, tolerance=0)]))

# %% tags=["hide-input"]
figure, panels = plt.subplots(1, 2, figsize=(9.3, 3.5), sharey=True, layout="constrained")
looks = {
    "official form": (style.Y_S, (0, (1, 1.4))),
    "this library": (style.ink(), "-"),
    "fused": (style.PHASES[2], (0, (5, 2))),
}
for axis, short in zip(panels, ("dilated", "+ JPU"), strict=True):
    for name, (colour, line) in looks.items():
        curve = curves[f"{short}, {name}"]
        place = torch.linspace(0, 1, len(curve))
        axis.plot(place, curve, color=colour, ls=line, lw=1.7)
        top = int(curve.argmax())
        axis.plot(place[top], curve[top], "o", ms=5, color=colour)
        shift, side = ((6, 13), "right") if name == "this library" else ((-6, 4), "right")
        axis.annotate(
            f"{name} {curve.max():.0f}", (place[top], curve[top]), xytext=shift, textcoords="offset points",
            ha=side, fontsize=9.5, color=colour,
        )  # fmt: skip
    axis.set(
        title=f"EncNet-50 {short}", xticks=[0, 1], xticklabels=["first operator", "last"]
    )
panels[0].set_ylabel("MiB alive")
show(
    figure,
    alt="Memory alive over one forward pass, for the dilated network and the one with JPU, in three forms. The official form has a tower "
    "near the end, which is the Encoding layer. Without it the curves stay low.",
)

# %% [markdown]
# *The dilated backbone climbs, the plain one lies flat, and it makes no difference: the worst moment stands further right,
# at 641 and 631 MiB in the official form.* The tower is
# the Encoding layer, that layer of a few thousandths of the work. Written as in its formula, it forms the difference of every pixel from every codeword, for every channel:
# 4096 × 32 × 512 numbers, 256 MiB, and has two such tensors at once. So memory falls in training, to the surprise of
# a user who saw a module *added* ([issue 55](https://github.com/wuhuikai/FastFCN/issues/55)), and not in use.
#
# How can it fall?
#
# - **Do not form what you only sum.** $\sum_i a_{ik}(x_i - c_k) = \sum_i a_{ik} x_i - c_k \sum_i a_{ik}$ is two matrix products and no
#   tower (09; 641 to 176 MiB). *Exact.*
# - **Let go.** In `fuse`, BatchNorm is folded into the convolution before it, and a map less is alive (176 to 147, 185 to 176).
# - **Then stop.** `labels` never forms the scores at full size, 59 MiB of them. It changes nothing here: at the worst moment they do
#   not exist yet. Only the worst moment counts.
#
# ## 8. Growth
#
# Take a photograph of 512 × 512, and one of 513 × 513.
#
# How much more work is one pixel?

# %% tags=["hide-input"]
pixel = Prediction(
    "From 512 to 513 pixels a side: by how many percent does the work of EncNet-50 + JPU grow?",
    number=True,
    name="13-pixel",
)
pixel


# %%
def macs_of(model, size):
    square = torch.empty(1, 3, size, size, device="meta")
    return torch.tensor([row.macs for row in layer_costs(model.eval(), square)])


lines, counts = [], []
for model in (dilated, joint):
    low, high = macs_of(model, 128), macs_of(model, 256)
    growing = (high - low) // (256**2 - 128**2)
    for size in (160, 352, 512):
        lines.append(low + growing * (size**2 - 128**2))
        counts.append(macs_of(model, size))
claim = "each layer, 3 sizes: fixed + pixels x constant"
print(table([compare(claim, torch.cat(lines), torch.cat(counts), tolerance=0)]))

for name, model in (("dilated", dilated), ("with JPU", joint)):
    even, odd = (macs_of(model, size).sum().item() / 1e9 for size in (512, 513))
    print(
        f"EncNet-50 {name:9} 512: {even:6.2f} GMAC, 513: {odd:6.2f} GMAC, {odd / even - 1:.1%} more"
    )
even, odd = (macs_of(joint, size).double() for size in (512, 513))
one = compare(
    "513: proportional to pixels", odd, even * (513 / 512) ** 2, breaks=True, tolerance=0.01
)
print(table([one]))

# %% tags=["hide-input"]
pixel.reveal(
    4.3,
    because={
        0: "the pixels grow by 0.4 percent, and the maps round up.",
        0.4: "that would be so if maps had fractions of pixels. 513 / 32 makes 17 columns and not 16.",
    },
    explain="One pixel makes a 65th column at stride 8 and a 17th at stride 32. The coarse maps grow by 13 percent.",
    within=0.7,
)

# %% [markdown]
# At multiples of 32, work is proportional to pixels, **exactly** (what is fixed are a few layers on pooled maps). So the ratio does not
# depend on the picture, and twice the side is four times the bill. One pixel more and every map gets a row and a column; the coarser the map, the
# dearer they are. So the *dilated* network pays less for it, 3.0 %, than the one with JPU, 4.3 %. In 06 you met $32k + 1$ as the size at
# which `align_corners=True` is right. It has a price.
#
# ### How often does the bill come?
#
# A user found that one photograph of 640 × 480 took four to five seconds
# ([issue 57](https://github.com/wuhuikai/FastFCN/issues/57)). The network makes 30 frames a second, says the table. Count
# how often the official evaluation *calls* it, as 12 did for a photograph of 375 × 500.

# %%
from jpu_edu.layers.features import SegOutput
from jpu_edu.train.protocol import OFFICIAL_SCALES, official_scores


class Counter(nn.Module):
    """A network that only counts its calls."""

    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, x):
        self.calls += len(x)
        return SegOutput(torch.zeros(len(x), 1, *x.shape[2:]))


each = bill_of(Choice(101, "jpu", "enc 1x1"), size=480)["gmac"]
for name, scales, flip in (
    ("one scale", (1.0,), False),
    ("six scales, mirrored", OFFICIAL_SCALES, True),
):
    stub = Counter()
    official_scores(stub, torch.zeros(1, 3, 480, 640), scales=scales, flip=flip)
    print(
        f"{name:21}{stub.calls:3} calls of 480 x 480, {stub.calls * each:6.0f} GMAC with EncNet-101 + JPU"
    )

# %% [markdown]
# The mIoU of a table come from *two* forward passes over such a photograph, or, in the rows with the best ones, from 36. A frame a second
# is a property of one pass of one size. Before you quote it, ask how often the result needs it.
#
# ## 9. Capstone: three clients
#
# You have a bill for every network. Three clients come, each with a budget. All want 512 × 512, ResNet-50, and the
# best mIoU that is known. The mIoU are the authors' on Pascal Context, at one scale, one number each; where
# nobody has measured one, there is none.

# %%
MIOU = {
    "EncNet dilated": 49.91,
    "EncNet + JPU": 51.05,
    "PSP dilated": 50.58,
    "PSP + JPU": 50.89,
    "DeepLabv3 dilated": 49.19,
    "DeepLabv3 + JPU": 50.07,
}
KINDS = {
    "EncNet": ("enc 3x3", "enc 1x1"),
    "PSP": ("psp", "psp"),
    "DeepLabv3": ("aspp", "aspp"),
}
offers = {}
for name, heads_of in KINDS.items():
    for form, end, kind in zip(
        ("dilated", "jpu"), ("dilated", "+ JPU"), heads_of, strict=True
    ):
        offers[f"{name} {end}"] = bill_of(Choice(50, form, kind))
offers["EncNet + bilinear"] = bill_of(Choice(50, "bilinear", "enc 1x1"))
for name in ("FCN-8s-50", "FPN-50"):
    make = GROUPS["FCN-50"][name]
    found = count(name, make, size=512)
    with torch.device("meta"):
        peak = peak_inference_bytes(make().eval(), image) / MIB
    offers[name.removesuffix("-50")] = {
        "gmac": found.gmac, "params": found.params, "kept_mib": found.kept_mib, "peak_mib": peak
    }  # fmt: skip
# eight images kept; weights, gradients and momentum, 4 bytes each
for offer in offers.values():
    offer["train_gib"] = (8 * offer["kept_mib"] + 3 * 4e6 * offer["params"] / MIB) / 1024

COLUMNS = {
    "gmac": "GMAC",
    "params": "M weights",
    "peak_mib": "MiB in use",
    "train_gib": "GiB to train",
}
print(f"{'':20}" + "".join(f"{title:>14}" for title in COLUMNS.values()) + f"{'mIoU':>9}")
for name, offer in offers.items():
    cells = "".join(f"{offer[key]:14.1f}" for key in COLUMNS)
    print(f"{name:20}{cells}{MIOU.get(name, float('nan')):9.2f}".replace("nan", "  -"))

# %% [markdown]
# | client | budget |
# |---|---|
# | **the robot** | at most 70 GMAC a frame, at most 200 MiB in use |
# | **the download** | at most 36 million weights |
# | **the laptop** | trains on 8 images at a time in 6 GiB |
#
# Somebody offers EncNet + JPU to all three. Whom does it suit?

# %% tags=["hide-input"]
suits = Prediction(
    "EncNet-50 + JPU fits the budget of ...",
    options=["all three", "the robot and the laptop", "the robot alone", "none of them"],
    name="13-clients",
)
suits

# %%
BUDGETS = {
    "the robot": {"gmac": 70, "peak_mib": 200},
    "the download": {"params": 36},
    "the laptop": {"train_gib": 6},
}


def fits(name, budget):
    return all(offers[name][key] <= limit for key, limit in budget.items())


def defend(name, client):
    """Every limit with its number, and who within the budget is known to be better."""
    budget = BUDGETS[client]
    for key, limit in budget.items():
        value = offers[name][key]
        print(
            f"  {value:6.1f} of {limit} {COLUMNS[key]}: {'kept' if value <= limit else 'BROKEN'}"
        )
    inside = [other for other in offers if fits(other, budget)]
    better = [other for other in inside if MIOU.get(other, 0) > MIOU.get(name, 0)]
    if name not in inside:
        print(f"  Not within the budget. These are: {', '.join(inside)}.")
    elif name not in MIOU:
        print(
            "  Within the budget, and nobody has published its mIoU: measure it (11, 12)."
        )
    elif better:
        print(f"  Within the budget; but a higher mIoU is known for {', '.join(better)}.")
    else:
        print("  Within the budget, and no higher mIoU is known there.")


my_choice = dict.fromkeys(BUDGETS, "EncNet + JPU")  # yours: change it, run again
for client, name in my_choice.items():
    print(f"{client}: {name}")
    defend(name, client)

# %% tags=["hide-input"]
suits.reveal(
    "C",
    because={
        "A": "it has 45 million weights, and keeps 926 MiB an image.",
        "B": "8 x 926 MiB alone are 7.2 GiB.",
        "D": "63.9 of 70 GMAC, and the peak is the library's, not the official one.",
    },
    explain="A network is good for a budget, not in itself.",
)

# %% [markdown]
# The robot can be served, and EncNet + JPU is the answer; in the official form it would need 631 MiB, and it would not. The
# download goes to the dilated network: of those with a published mIoU it has the fewest weights. For the laptop there is
# *no* answer in the literature: three networks fit, and nobody has measured them on this set. You know how (11, 12).
#
# Can every network be somebody's answer? One that another beats or equals in all five columns cannot, whatever the budget.
#
# Of the six networks with a published mIoU, how many are left?

# %% tags=["hide-input"]
front = Prediction(
    "Of the six networks with a published mIoU, how many are not beaten in all columns by another one of them?",
    number=True,
    name="13-front",
)
front


# %%
def beats(one, other):
    """At least as good in every column, and better in one: less of each cost, more mIoU."""
    mine, theirs = (
        [offers[name][key] for key in COLUMNS] + [-MIOU[name]] for name in (one, other)
    )
    return mine != theirs and all(a <= b for a, b in zip(mine, theirs, strict=True))


for name in MIOU:
    by = [other for other in MIOU if beats(other, name)]
    print(f"{name:18} {'beaten by ' + ', '.join(by) if by else 'not beaten'}")

# %% tags=["hide-input"]
front.reveal(
    2,
    because={
        1: "EncNet + JPU has more weights than its dilated twin, and a little more memory in use.",
        3: "PSP + JPU comes close in mIoU, and EncNet + JPU is better in every column.",
        6: "compare PSP dilated with EncNet + JPU, column by column.",
    },
    explain="EncNet, dilated and with JPU. The other four are never the answer, if you believe every digit of the last column.",
)

# %% [markdown]
# Do you? Change `my_choice`, and find for each client a network that you would sign for. Then three questions for two. PSP + JPU
# is 0.16 below EncNet + JPU: after 12, is it beaten? Which of the numbers in this table hold for your pictures,
# and which only for Pascal Context? And what did the robot forget to ask for?
#
# ## Ask your neighbour
#
# Choose alone, argue with somebody who chose otherwise, choose again. Then open the reasons.

# %% tags=["hide-input"]
quiz(
    [
        Question(
            "A headline says: FastFCN is a lighter network. In which sense is that true of EncNet-50, dilated against JPU, as published?",
            [
                "fewer parameters",
                "less work, and less memory in training",
                "less work, and less memory in training and in use",
                "in every sense",
            ],
            answer="B",
            why=[
                "It has 11 million more.",
                "146.6 to 63.9 GMAC, and 1112 to 926 MiB kept an image. Parameters rise by 11 million, and the peak in use stays.",
                "641 against 631 MiB in official form, 176 against 185 in the library: the worst moment does not lie in the backbone.",
                "Four numbers, two of them fall.",
            ],
            peer=True,
        ),
        Question(
            "You move from a processor to one that multiplies ten times as fast and fetches as before. What happens to the speed-up of FastFCN over its dilated twin?",
            ["it grows", "it stays: both do the same work as before", "it shrinks"],
            answer="C",
            why=[
                "The faster machine helps where multiplying was the limit, and that is the dilated network most of all.",
                "The work stays, and so do the bytes. The time is the larger of the two.",
                "The dilated stages are dense 3 x 3: they get faster. Upsampling, joining and depthwise layers wait as before. In section 6 the floor of EncNet-50 went from 2.15 to 1.64.",
            ],
            peer=True,
        ),
    ]
)

# %% [markdown]
# ## Where must the time have gone?
#
# That was the first question of the course. You can answer it now, in one breath and with labels.
#
# It went into the pixels that dilation kept. The last two stages of a dilated ResNet-50 work on 4 and 16 times as many
# (04, **exact**), and all but one phase of that work can be left out without changing a bit of the one that stays (03 and
# 08, **exact**). What is left out has to be guessed from $y_s$ and $y_m$ (10, **approximate**), and a JPU learns to guess it (11,
# **learned**), for 30 GMAC. Of the 83 GMAC that EncNet-50 saves, 48 are owed to that argument and 34 to a kernel. How many
# seconds it makes is a matter of head, depth and machine, and that you now measure yourself.
#
# ## What you take with you
#
# - MACs = outputs × channels × channels in a group × taps. **Exact**, layer by layer, by two independent counts.
# - A speed-up is (backbone + head) / (plain + JPU + head). Deep backbones gain much, heavy heads little.
# - EncNet-50: 2.29 times less work as published, 1.49 with the head unchanged.
# - A JPU in front of a backbone at output stride 8 only costs. A light backbone needs a light JPU.
# - Time is the larger of work over $P$ and bytes over $W$, at best. Depthwise layers, upsampling and norms do little work for
#   each byte, and a processor that multiplies faster does not help them.
# - Memory to train is a sum and falls. Memory in use is a maximum, and falls only if you take away its worst moment.
# - Give size, head, machine and seeds with every ratio, or do not give the ratio.
#
# **Glossary.**
#
# - **MAC**: one multiplication and the addition that follows; many FLOPs in papers are MACs.
# - **intensity**: MACs for each byte that a layer moves.
# - **roofline**: the two limits of a machine, multiplying and moving, drawn over the intensity.
# - **kept memory**: what the forward pass must hold for the backward pass, a sum over layers.
# - **peak memory**: the most that is alive at one moment of inference, a maximum.
# - **Amdahl's law**: what is not made faster bounds the gain of the whole.
#
# **References.** Wu et al., *FastFCN: Rethinking Dilated Convolution in the Backbone for Semantic Segmentation*, 2019,
# [arXiv 1903.11816](https://arxiv.org/abs/1903.11816), section 4; frames a second and mIoU from the authors'
# [repository](https://github.com/wuhuikai/FastFCN). ·
# Williams, Waterman and Patterson, *Roofline: an insightful visual performance model for multicore architectures*,
# Communications of the ACM, 2009. ·
# Amdahl, *Validity of the single processor approach to achieving large scale computing capabilities*, 1967. ·
# Zhang et al., *Context Encoding for Semantic Segmentation*, 2018,
# [arXiv 1803.08904](https://arxiv.org/abs/1803.08904), the Encoding layer.
#
# **Exercises:** [four tasks](exercises/13_the_bill.ipynb), with checks that know the usual mistakes.
#
# **Next:** nothing new. Go back to [00 · Start here](00_start_here.ipynb), and read the guess that you made there.

# %% tags=["hide-input"]
tally()
