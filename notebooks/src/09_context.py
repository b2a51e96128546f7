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
# # 09 · Context
#
# A white patch, 8 × 8 pixels. Is it a wall, a sleeve, a space shuttle? The patch does not know. It has to *ask*,
# and a context head decides whom.
#
# DeepLabv3 asks eight neighbours who stand 36 places away. FastFCN trains it on crops of 480 pixels, at output stride
# 8: a map of 60 × 60 places. Before you read on: of the nine taps of that kernel, how many find somebody at home,
# averaged over the map? All nine? Six?
#
# **The claim.** Every context head is an answer to one question, *whom may a pixel ask*, and the answer can be
# drawn: it is the gradient of one output. Drawn side by side, the heads stop being names. One
# asks fewer and fewer the smaller the map is, until a 3 × 3 kernel is a 1 × 1. One asks everybody and forgets where they
# stood. And none of them is what a JPU does.
#
# **You will be able to** say for any rate and any map how many taps meet it, build the seven usual heads in a few lines
# each, name the size at which each of them breaks, say what the SE loss trains (and what it does not), and tell which sign
# the scale of an encoding layer must have.
#
# **Time:** 65 minutes. **You need:** [03](03_split_conv_merge.ipynb) (rates), [04](04_what_dilation_costs.ipynb) (coverage,
# MACs) and [08](08_two_networks.ipynb) (output stride, multi-grid).
#
# **Reads:** DeepLabv3 (Chen et al., [arXiv 1706.05587](https://arxiv.org/abs/1706.05587)), sections 3.2 and 3.3 ·
# PSPNet ([arXiv 1612.01105](https://arxiv.org/abs/1612.01105)), section 3.2 ·
# EncNet ([arXiv 1803.08904](https://arxiv.org/abs/1803.08904)), section 3 ·
# FastFCN ([arXiv 1903.11816](https://arxiv.org/abs/1903.11816)), section 4 ·
# [`jpu_edu/heads/`](../jpu_edu/heads/__init__.py), [`jpu_edu/layers/encoding.py`](../jpu_edu/layers/encoding.py),
# [`jpu_edu/backbones/cascade.py`](../jpu_edu/backbones/cascade.py)

# %%
import textwrap

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from torch import nn

from jpu_edu.backbones.cascade import Cascade
from jpu_edu.backbones.resnet import ResNet, he_init
from jpu_edu.cost.ledger import total
from jpu_edu.cost.macs import layer_costs
from jpu_edu.cost.receptive import gradient_map, gradient_support, receptive_field
from jpu_edu.data.photos import photo
from jpu_edu.data.scenes import Scenes
from jpu_edu.draw import style
from jpu_edu.draw.show import show
from jpu_edu.heads.aspp import ASPP, ASPPHead
from jpu_edu.heads.context import ContextHead, ContextModule
from jpu_edu.heads.criss_cross import CrissCrossHead, criss_cross
from jpu_edu.heads.enc import ContextEncoding, EncHead
from jpu_edu.heads.fcn import FCNHead
from jpu_edu.heads.psp import PSPHead, PyramidPooling
from jpu_edu.layers.encoding import encode
from jpu_edu.layers.features import Features
from jpu_edu.layers.pooling import adaptive_avg_pool
from jpu_edu.models.build import deeplabv3, dilated_fcn, encnet, fastfcn, pspnet
from jpu_edu.models.segmenter import Segmenter
from jpu_edu.necks.jpu import JPU
from jpu_edu.necks.last import Last
from jpu_edu.ops.compare import compare, table, worst
from jpu_edu.ops.interp import resize
from jpu_edu.train.loss import presence, segmentation_loss
from jpu_edu.train.protocol import OFFICIAL_SCALES, probabilities
from jpu_edu.widgets.context import RANGES, draw_taps, explore_context, mean_taps
from jpu_edu.widgets.predict import Prediction, tally
from jpu_edu.widgets.quiz import Question, quiz

style.use()
torch.set_grad_enabled(False)
torch.set_num_threads(1)  # the maps are small: threads would mostly wait for one another
generator = torch.Generator().manual_seed(9)
broken = {"breaks": True, "tolerance": 0.01}


def normal(*shape):
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


# %% [markdown]
# ## Before you start
#
# Three questions about earlier walkthroughs. From memory.

# %% tags=["hide-input"]
quiz(
    [
        Question(
            "From 04: seven 3 x 3 layers in a row at rates 1, 1, 2, 4, 8, 16, 1. Does their window have holes?",
            [
                "Yes: the rates 2, 4, 8, 16 are all even.",
                "No.",
                "Only at the border.",
            ],
            answer="B",
            why=[
                "They would have, without the layers of rate 1. Sort the list before you judge it.",
                "Sorted, no rate is longer than the stretch that the smaller ones already cover. This stack returns today.",
                "Coverage is about the window. The border is another matter, and today's.",
            ],
        ),
        Question(
            "From 06: which of these may change places with a bilinear resize without changing a number?",
            [
                "a 1 x 1 convolution and BatchNorm in eval mode",
                "ReLU",
                "a 3 x 3 convolution",
            ],
            answer="A",
            why=[
                "Both treat each place by itself and are linear up to a constant, and a resize is a weighted mean.",
                "A mean of two signs is not the mean after cutting one of them off.",
                "Its neighbours stand elsewhere after the resize.",
            ],
        ),
        Question(
            "From 08: you give the three blocks of layer4 the rates 4, 8, 16 in place of 2, 4, 4 (multi-grid). What becomes of y_s = R(y_d)?",
            [
                "It holds, since the weights are the same.",
                "It is off by half of the largest value.",
                "It is off near the border only.",
            ],
            answer="B",
            why=[
                "The weights are, their neighbours are not.",
                "No place of the last stage keeps its neighbours. It is a design, and it has to be trained.",
                "That was reflect padding.",
            ],
        ),
    ]
)

# %% [markdown]
# ## 1. Nine places in a row
#
# Here is the patch of the first line. Each picture shows eight times as much, in each direction, as the one before.

# %% tags=["hide-input"]
astronaut = photo("astronaut")[0].permute(1, 2, 0).numpy()
figure, panels = plt.subplots(1, 3, figsize=(7.6, 2.75), layout="constrained")
for axes, (rows, columns), title in (
    (panels[0], ((192, 200), (376, 384)), "8 × 8: white"),
    (panels[1], ((164, 228), (348, 412)), "64 × 64: a wing?"),
    (panels[2], ((0, 512), (0, 512)), "512 × 512: a shuttle"),
):
    axes.imshow(astronaut[slice(*rows), slice(*columns)])
    if rows != (192, 200):
        box = plt.Rectangle((376 - columns[0] - 0.5, 192 - rows[0] - 0.5), 8, 8, fill=False)
        box.set(edgecolor=style.ink(), linewidth=1.4)
        axes.add_patch(box)
    axes.set_title(title, fontsize=11)
    axes.set_axis_off()
show(
    figure,
    alt="Three cuts of one photograph. 8 by 8 pixels: nothing but white. 64 by 64: the white edge of something winged. 512 by 512: "
    "an astronaut before a model of the space shuttle; the patch lies on the shuttle.",
)

# %% [markdown]
# *What the patch is, is decided outside the patch.*
#
# Whom must it ask, then, and how far away do they stand? The usual tool for asking far away is a rate.
#
# A kernel with three taps, at rate $r$, reads the places $i - r$, $i$ and $i + r$. Beyond the ends of the map are
# zeros. You have seen what that means for rates 2 and 4. Today's rates are larger.

# %% tags=["hide-input"]
reads = Prediction(
    "Nine places, 0 to 8, and a kernel of three taps at rate 6. On which places does output 4 put its taps, as far as they lie on the map?",
    numbers=True,
    name="09-reads",
)
reads

# %%
x = torch.tensor([3.0, 1, 4, 1, 5, 9, 2, 6, 5])
kernel = torch.tensor([1.0, 2, -1])


def reads_of(place, rate, size=9):
    return [p for p in (place - rate, place, place + rate) if 0 <= p < size]


print("x        ", x.int().tolist())
for rate in (1, 3, 6, 8, 9, 20):
    y = F.conv1d(x[None, None], kernel[None, None], dilation=rate, padding=rate)[0, 0]
    landed = sum(len(reads_of(place, rate)) for place in range(9))
    print(f"rate {rate:2}: y = {y.int().tolist()},  {landed:2} of 27 taps land on the map")
print("2 x      ", (2 * x).int().tolist())

# %% tags=["hide-input"]
reads.reveal(
    [4],
    because={
        (
            -2,
            4,
            10,
        ): "right places, but -2 and 10 are no places of this map. There are zeros.",
        (1, 4, 7): "that is rate 3.",
        (3, 4, 5): "that is rate 1.",
    },
    explain="At rate 6 the middle output is alone. Outputs 0 to 2 have one neighbour, 6 to 8 have one, and nobody has two.",
)

# %% [markdown]
# From rate 9 on, $y$ is $2x$: the kernel's centre, and nothing else. Each outer tap misses the map for $r$ of the $n$ outputs, so
# of three taps the map receives, on average,
#
# $$1 + 2\left(1 - \frac{r}{n}\right) \quad\text{for } r \le n, \qquad\text{and } 1 \text{ from there on.}$$
#
# In two dimensions both axes have to hit, so the mean number of the nine taps is the square of it.
#
# ## 2. A rate as large as the map
#
# Back to the puzzle: 60 × 60 places, rate 36.

# %% tags=["hide-input"]
puzzle = Prediction(
    "How many of the nine taps land on a map of 60 x 60 at rate 36, as a mean over all outputs?",
    number=True,
    name="09-puzzle",
)
puzzle

# %%
sizes, rates = (33, 60, 64, 65, 97), (12, 24, 36, 64)
print("map " + "".join(f"{f'rate {rate}':>10}" for rate in rates) + "   of nine taps")
gaps = []
for size in sizes:
    cells = []
    for rate in rates:
        ones, nine = (torch.ones(1, 1, n, n, dtype=torch.float64) for n in (size, 3))
        landed = F.conv2d(ones, nine, dilation=rate, padding=rate)  # counts taps on the map
        want = torch.tensor(mean_taps(size, rate=rate), dtype=torch.float64)
        gaps.append(compare("taps counted = (1 + 2 (1 - r / n))^2", landed.mean(), want))
        cells.append(f"{landed.mean():10.2f}")
    print(f"{size:3} " + "".join(cells))
row_taps = worst(gaps)
print(table([row_taps]))

# %% tags=["hide-input"]
puzzle.reveal(
    3.24,
    because={
        9: "only where all of them fit, and at rate 36 on 60 places that is nowhere: i - 36 and i + 36 cannot both be on it.",
        3.6: "that is 9 times (1 - 36/60). The centre tap always lands, and the two axes multiply.",
        1.8: "right for one axis. There are two: 1.8 squared.",
        1: "that takes a rate of 60.",
    },
    explain="1 + 2 (1 - 36/60) = 1.8 on each axis, squared. Nearly two thirds of the branch's multiplications are with zeros.",
    within=0.15,
)

# %% [markdown]
# Here are the three branches for the patch on the shuttle, on a map of 60 × 60. A dot is a tap on the map,
# a cross is one on the padding.

# %% tags=["hide-input"]
figure, panels = plt.subplots(1, 3, figsize=(9.375, 3.4), layout="constrained")
for axes, rate in zip(panels, (12, 24, 36), strict=True):
    landed = draw_taps(
        axes, photo("astronaut", size=(240, 240))[0], size=60, rate=rate, place=(22, 44)
    )
    axes.set_title(
        f"rate {rate}: {landed} of 9 here, mean {mean_taps(60, rate=rate):.2f}",
        fontsize=11,
    )
show(
    figure,
    alt="The photograph of an astronaut as a map of 60 by 60 places, three times, with the nine taps of the output at row 22, "
    "column 44. At rate 12 all nine land on it, at rate 24 four, at rate 36 four. The others fall on the padding around it.",
)

# %% [markdown]
# *The larger the rate, the fewer taps land, as a mean over the outputs: the branch that was meant to look farthest
# meets the most zeros.*
#
# Any rate on any map, for one output on the left and for the mean over all of them on the right:

# %%
explore_context(size=60, rate=36, row=22, column=44)

# %% [markdown]
# *The mean number of taps that land depends on one number alone, the rate over the size of the map.*
#
# The sliders of the next cell draw this picture anew, below themselves. Find the largest rate at which some output
# still has all nine taps, and the smallest at which no output has more than one.

# %% tags=["nbval-ignore-output"]
from ipywidgets import IntSlider, interact

sliders = {
    name: IntSlider(
        value=start, min=low, max=high, description=name, continuous_update=False
    )
    for name, (low, high, start) in RANGES.items()
}
_ = interact(explore_context, **sliders)

# %% [markdown]
# (Nine taps fit somewhere as long as $2r < n$. Only the centre is left from $r = n$ on, not only beyond it.)
#
# Is the branch then *exactly* a 1 × 1 convolution? On random maps of odd and even sizes, with the centre of the same weights. An
# oblong map can be too small in one direction only; then a row of three taps is left.

# %%
collapse, one_way, short = [], [], []
for height, width in ((5, 7), (8, 8), (13, 6), (16, 21), (30, 30)):
    x, w = normal(1, 4, height, width), normal(6, 4, 3, 3)
    centre, rows, columns = w[..., 1:2, 1:2], w[..., 1:2, :], w[..., 1:2]
    for rate in (max(height, width), 40):
        y = F.conv2d(x, w, dilation=rate, padding=rate)
        collapse.append(compare("rate >= map: the centre tap", y, F.conv2d(x, centre)))
    if width != height:
        small = min(height, width)
        y = F.conv2d(x, w, dilation=small, padding=small)
        part, pad = (rows, (0, small)) if height < width else (columns, (small, 0))
        one = F.conv2d(x, part, dilation=small, padding=pad)
        one_way.append(compare("rate >= one side: three taps", y, one))
    rate = max(height, width) - 1
    y = F.conv2d(x, w, dilation=rate, padding=rate)
    short.append(
        compare("rate = map - 1: the centre tap", y, F.conv2d(x, centre), **broken)
    )
rows_collapse = [worst(collapse), worst(one_way)]
row_short = worst(short)
print(table([*rows_collapse, row_short]))

# %% [markdown]
# **exact**: from $r = n$ on, eight ninths of the weights multiply zeros. One step below, the outermost places still
# reach the opposite edge.
#
# Eight weights that never meet a place receive no gradient either. So what do they hold after training? What they were
# born with. A small experiment: train a 3 × 3 at rate 8 on maps of 8 × 8 to be a given 1 × 1 convolution. Then show it a map of
# 16 × 16.

# %%
torch.manual_seed(9)
wanted = normal(4, 4, 1, 1) / 2
branch = nn.Conv2d(4, 4, 3, dilation=8, padding=8, bias=False).double()
born = branch.weight.detach().clone()
descent = torch.optim.SGD(branch.parameters(), lr=0.3)
with torch.enable_grad():
    for _ in range(200):
        x = normal(8, 4, 8, 8)
        loss = (branch(x) - F.conv2d(x, wanted)).square().mean()
        descent.zero_grad()
        loss.backward()
        descent.step()
outer = torch.ones(3, 3, dtype=torch.bool)
outer[1, 1] = False
moved = int((branch.weight != born)[..., outer].sum())
print(f"loss below 1e-9: {loss.item() < 1e-9}")
print(f"weights outside the centre that moved: {moved} of {8 * 16}")
rows_untrained = []
for size, knobs in ((8, {"label": "learned", "tolerance": 0}), (16, broken)):
    x = normal(1, 4, size, size)
    claim = f"fitted at 8, shown {size}; 6 digits"
    got, want = (y.round(decimals=6) for y in (branch(x), F.conv2d(x, wanted)))
    rows_untrained.append(compare(claim, got, want, **knobs))
print(table(rows_untrained))

# %% [markdown]
# Perfect where it was trained, and wrong where its other taps wake up. At output stride 8 the branch of rate 36 needs crops of more
# than 288 pixels to train all its taps even a little. Nobody warns you: the network runs at any size.
#
# "But weight decay shrinks what gets no gradient." It does. Whether that is enough depends on the schedule. FastFCN's: SGD with momentum 0.9, decay 1e-4, and for the head ten times
# the learning rate, which falls to zero.


# %%
def left_of_a_sleeping_weight(images, epochs, lr, batch=16, decay=1e-4, momentum=0.9):
    weight, speed, steps = 1.0, 0.0, epochs * (images // batch)
    for step in range(steps):
        speed = momentum * speed + decay * weight
        weight -= lr * (1 - step / steps) ** 0.9 * speed
    return weight


for name, images, epochs, lr in (
    ("ADE20K", 20210, 120, 0.1),
    ("Pascal Context", 4998, 80, 0.01),
):
    left = left_of_a_sleeping_weight(images, epochs, lr)
    print(f"{name}: {left:.2%} of a sleeping weight is left")

# %% [markdown]
# On the long schedule with the large steps the sleeping taps die out. On the other one they stay as they were born, almost.
#
# ## 3. In parallel: ASPP
#
# *Atrous spatial pyramid pooling* puts five answers side by side: a 1 × 1, three 3 × 3 at rates 12, 24, 36, and one that does not
# depend on any rate, the **mean of the whole map**. DeepLabv3 added the mean for the reason of section 2: with a rate near the size of the
# map, the branch meant for the widest view has the narrowest.
#
# In the cell the layers are written out with plain functions; the weights come from the library's head.


# %%
def conv_bn(x, conv, norm, rate=1):
    """A convolution of the size-keeping kind, then BatchNorm in eval mode."""
    weight, pad = conv.weight, rate * (conv.kernel_size[0] // 2)
    return norm(F.conv2d(x, weight, dilation=rate, padding=pad))


def aspp(net, y, rates):
    own = conv_bn(y, net.point.conv, net.point.norm).relu()
    rings = [
        conv_bn(y, b.conv, b.norm, rate).relu()
        for b, rate in zip(net.branches, rates, strict=True)
    ]
    mean = conv_bn(y.mean((2, 3), keepdim=True), net.image.conv, net.image.norm).relu()
    parts = torch.cat([own, *rings, mean.expand_as(own)], dim=1)
    return conv_bn(parts, net.project.conv, net.project.norm).relu()


torch.manual_seed(9)
maps = [normal(4, 16, *size) for size in ((33, 47), (20, 20))]


def ready(module, batch):
    """Random weights, and BatchNorms whose statistics are those of one batch."""
    module = module.double().train()
    for layer in module.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            layer.momentum = 1.0
    module(batch)
    return module.eval()


net = ready(ASPP(16, 8), maps[0])
row_aspp = worst(
    [
        compare("ASPP: the cell = the library", aspp(net, y, (12, 24, 36)), net(y))
        for y in maps
    ]
)
print(table([row_aspp]))

# %% [markdown]
# On the map of 64 × 64 (a picture of 512), on whom does the output on the shuttle depend, at row 24, column 47? Without the image mean: a
# 1 × 1 and three times nine taps, with a common centre. That is at most 25 places.

# %% tags=["hide-input"]
places = Prediction(
    "ASPP at rates 12, 24, 36 without the image mean, 64 x 64 places: on how many of them does output (24, 47) depend?",
    number=True,
    name="09-places",
)
places

# %%
HERE = (24, 47)
y64 = normal(1, 16, 64, 64)
seen = {}
for name, pooling in (("without", False), ("with", True)):
    torch.manual_seed(9)
    net = ready(ASPP(16, 8, image_pooling=pooling), maps[0])
    seen[name] = int(gradient_support(net, y64, position=HERE).sum())
    print(
        f"ASPP {name} the image mean: output {HERE} depends on {seen[name]} of 4096 places"
    )

# %% tags=["hide-input"]
places.reveal(
    17,
    because={
        25: "if all taps landed. Column 47 + 24 is off the map, and so are row 24 - 36 and column 47 + 36.",
        28: "1 + 27 counts the common centre four times.",
        9: "that is the branch of rate 12 alone.",
        19: "9 + 6 + 4 counts the common centre three times.",
    },
    explain="9 from rate 12, 5 more from rate 24 (one column of taps is off the map), 3 more from rate 36 (a row and a column are).",
)

# %% [markdown]
# Seventeen, and with the mean all 4,096. And what does the head pay for the taps that miss?

# %%
branch = 2048 * 256 * 9 * 64 * 64  # MACs of one branch at full size, 512 pixels
landing = sum(mean_taps(64, rate=rate) / 9 for rate in (12, 24, 36))
on_zeros = (3 - landing) * branch
print(f"three branches: {3 * branch / 1e9:.1f} GMAC, of which", end=" ")
print(f"{on_zeros / 1e9:.1f} multiply zeros")

# %% [markdown]
# They are in every count of MACs, this course's too.
#
# The mean makes up for what the rates lose. It brings a trap of its own: pooled to 1 × 1, one image has **one** value a channel, and BatchNorm in train mode would subtract it from itself.

# %%
try:
    ASPPHead(16, 5).train()(torch.randn(1, 16, 8, 8), None)
except ValueError as error:
    print(*textwrap.wrap(str(error), 90), sep="\n")

# %% [markdown]
# ## 4. In a row: the cascade with multi-grid
#
# The other half of the DeepLabv3 paper goes *deeper*: three more copies of the last stage, blocks 5, 6 and 7. (DeepLabv3 says *block* for what 08 calls
# a stage: three bottlenecks, with one 3 × 3 each.) Each of them would have halved the map; instead the map stays and the rate doubles, as in 08. At output stride 8 block 4 has rate 4, so blocks 5, 6, 7 have
# 8, 16, 32. Inside a block the three 3 × 3 get different multiples, the **multi-grid**; the paper's best is (1, 2, 1).

# %% tags=["hide-input"]
block7 = Prediction(
    "Output stride 8, multi-grid (1, 2, 1): the rates of the three 3 x 3 convolutions in block 7?",
    numbers=True,
    name="09-block7",
)
block7


# %%
def cascade_rates(output_stride, multi_grid=(1, 2, 1)):
    """Block number -> the rates of its three 3x3."""
    base = 32 // output_stride
    return {n: [base * 2 ** (n - 4) * g for g in multi_grid] for n in range(4, 8)}


def bottleneck(block, x, rate):
    y = conv_bn(x, block.conv1, block.bn1).relu()
    y = conv_bn(y, block.conv2, block.bn2, rate).relu()
    return (x + conv_bn(y, block.conv3, block.bn3)).relu()


def cascade(added, x, output_stride=8):
    for number, stage in enumerate(added, 5):
        for block, rate in zip(stage, cascade_rates(output_stride)[number], strict=True):
            x = bottleneck(block, x, rate)
    return x


torch.manual_seed(9)
slim = ResNet(block="bottleneck", blocks=(1, 1, 1, 3), width=2)  # c5 has 64 channels
whole = Cascade(slim, output_stride=8)
for number, stage in enumerate(whole.added, 5):
    listed = [block.conv2.dilation[0] for block in stage]
    same = listed == cascade_rates(8)[number]
    print(f"block {number}: rates {listed}, the cell agrees: {same}")
added = nn.Sequential(*whole.added).double().eval()
y = normal(1, 64, 40, 40)
row_cascade = compare("cascade: the cell = the library", cascade(whole.added, y), added(y))
print(table([row_cascade]))

# %% tags=["hide-input"]
block7.reveal(
    [32, 64, 32],
    because={
        (1, 2, 1): "those are the factors. They multiply the block's own rate.",
        (8, 16, 8): "that is block 5.",
        (16, 32, 16): "that is block 6, or block 7 at output stride 16.",
        (4, 8, 4): "that is block 4.",
    },
    explain="4 for block 4, doubled three times, times 1, 2, 1.",
)

# %% [markdown]
# Rate 64. Which map is as large as that? That of a picture of 512 pixels has 64 places. DeepLabv3 trains on 513 pixels, which makes 65:

# %%
for stride in (8, 16):
    rates = cascade_rates(stride)[7]
    for pixels in (480, 512, 513):
        size = -(-pixels // stride)
        means = ", ".join(f"{mean_taps(size, rate=rate):.2f}" for rate in rates)
        print(
            f"output stride {stride:2}, {pixels} pixels: map {size}, block 7 lands {means} of 9"
        )

# %% [markdown]
# At 480 and 512 pixels the middle 3 × 3 of block 7 **is** a 1 × 1, at either stride: 2.4 million weights of a ResNet-50's block (512 · 512 · 9), of which 2.1 million
# multiply zeros. At 513 an outer tap lands for one row or column of outputs, of 65. Whoever runs the cascade on 480 pixels should know that its
# widest convolution looks at nobody.
#
# ## 5. Boxes: PSP
#
# PSPNet asks nobody in particular. It cuts the map into boxes, 1, 2 × 2, 3 × 3 and 6 × 6 of them, and takes the mean of
# each. A box is a share of the *picture*, so there is no rate that could be too large: the coarsest box is the whole map, at any
# size.
#
# Seven numbers into three boxes, though: 7 does not divide by 3.

# %% tags=["hide-input"]
bins = Prediction(
    "Adaptive pooling of seven numbers (places 0 to 6) into three boxes. Which places belong to the middle box?",
    numbers=True,
    name="09-bins",
)
bins


# %%
def boxes_of(size, n):
    """Box i runs from floor(i size / n) to ceil((i + 1) size / n)."""
    return [slice(i * size // n, -(-(i + 1) * size // n)) for i in range(n)]


x = torch.tensor([3.0, 1, 4, 1, 5, 9, 2])
for box in boxes_of(7, 3):
    print(
        f"places {box.start} to {box.stop - 1}: {x[box].int().tolist()}, mean {x[box].mean():.2f}"
    )
print(
    "PyTorch:",
    [round(v, 2) for v in F.adaptive_avg_pool1d(x[None, None], 3)[0, 0].tolist()],
)

# %% tags=["hide-input"]
bins.reveal(
    [2, 3, 4],
    because={
        (
            2,
            3,
        ): "rounding both ends down loses nothing here, but PyTorch rounds the end up.",
        (3, 4): "the start is rounded down: floor(7/3) = 2.",
        (2, 3, 4, 5): "the end is ceil(14/3) = 5, and a slice ends before it.",
    },
    explain="From floor(7/3) = 2 up to, and without, ceil(14/3) = 5. The boxes overlap: places 2 and 4 count twice.",
)


# %%
def pyramid(net, y):
    """y beside its means over 1, 4, 9 and 36 boxes, each laid out again over the map."""
    (height, width), parts = y.shape[-2:], [y]
    for level, n in zip(net.levels, net.bins, strict=True):
        means = y.new_empty(*y.shape[:2], n, n)
        for i, rows in enumerate(boxes_of(height, n)):
            for j, columns in enumerate(boxes_of(width, n)):
                means[..., i, j] = y[..., rows, columns].mean((2, 3))
        answer = conv_bn(means, level.conv, level.norm).relu()
        parts.append(resize(answer, size=(height, width), align_corners=True))
    return torch.cat(parts, dim=1)


torch.manual_seed(9)
net = ready(PyramidPooling(16), maps[0])
row_psp = worst(
    [compare("pyramid: the cell = the library", pyramid(net, y), net(y)) for y in maps]
)
pools = []
for y in maps:
    for n, got in zip((1, 2, 3, 6), adaptive_avg_pool(y, bins=(1, 2, 3, 6)), strict=True):
        want = F.adaptive_avg_pool2d(y, n)
        pools.append(compare("pooling as one matrix product = PyTorch's", got, want))
row_pool = worst(pools)
print(table([row_psp, row_pool]))

# %% [markdown]
# The last line is about export. A loop over boxes whose borders depend on the size of the picture cannot be written down in ONNX for an
# unknown size, and so PSP heads did not export with a dynamic shape
# ([mmsegmentation#1310](https://github.com/open-mmlab/mmsegmentation/issues/1310)). But a mean is a dot product, and so all fifty boxes
# together are one matrix product. It gives the same numbers, and it exports.
#
# ## 6. A code: EncNet
#
# EncNet asks everybody and does not care where they stand. It has $K$ learned **codewords** $c_k$, typical feature vectors, and asks how the
# picture differs from them, in sum. Every place $x_i$ is shared out among the codewords, and each codeword collects the differences:
#
# $$e_k = \sum_i a_{ik}\,(x_i - c_k), \qquad a_{ik} = \operatorname{softmax}_k\left(\,\pm\, s_k \lVert x_i - c_k\rVert^2\right).$$
#
# Plus or minus? The paper has $-s_k$. The official code has $+s_k$. Take one number by hand: $x = 1$, codewords 0 and 3. The squared distances are 1 and 4.

# %% tags=["hide-input"]
sign = Prediction(
    "The official code: softmax over k of scale_k * distance_k squared. With both scales +1, which codeword gets most of x = 1?",
    options=[
        "0, the nearer one",
        "3, the farther one",
        "both the same",
    ],
    name="09-sign",
)
sign

# %%
squares = torch.tensor([1.0, 4.0])
for scale in (-1.0, 0.0, 1.0):
    near, far = (scale * squares).softmax(0).tolist()
    print(f"scale {scale:4.1f}: codeword 0 gets {near:.2f}, codeword 3 gets {far:.2f}")

# %% tags=["hide-input"]
sign.reveal(
    "B",
    because={
        "A": "softmax prefers the largest number, and here the largest is the largest distance.",
        "C": "that is scale 0.",
    },
    explain="A positive scale prefers the farthest codeword. The official code draws its scales from -1 to 0, so there the nearest wins, as in the paper.",
)

# %% [markdown]
# So both are right, each with its own $s_k$. Mix them and the layer is upside down: take a checkpoint's negative scales and put the paper's
# minus before them, and every place goes to the codeword that resembles it *least*. It runs, and nothing tells you.
#
# Let colours show it. The descriptors are the colours of the photograph, three numbers a place; the codewords are three colours. How much of each place goes to
# each codeword?


# %%
def shares(x, codewords, scale):
    """a_ik, and the residuals x_i - c_k: (B, N, K) and (B, N, K, D)."""
    residual = x.flatten(2).transpose(1, 2)[:, :, None] - codewords
    return (scale * residual.square().sum(-1)).softmax(-1), residual


def encode_by_hand(x, codewords, scale):
    share, residual = shares(x, codewords, scale)
    return (share[..., None] * residual).sum(1)


def as_in_the_paper(x, codewords, s):
    """Equation 1: exp(-s d) over its sum."""
    residual = shares(x, codewords, s)[1]
    weight = torch.exp(-s * residual.square().sum(-1))
    return (weight / weight.sum(-1, keepdim=True))[..., None].mul(residual).sum(1)


colours = photo("astronaut", size=(64, 64), dtype=torch.float64)
codewords = torch.tensor([[0.08, 0.06, 0.08], [0.85, 0.42, 0.20], [0.88, 0.87, 0.86]])
codewords = codewords.double()

# %% tags=["hide-input"]
figure, panels = plt.subplots(2, 4, figsize=(9.375, 4.75), layout="constrained")
names = ("black", "orange", "white")
for line, (axes_row, scale) in enumerate(zip(panels, (-12.0, 12.0), strict=True)):
    share, _ = shares(colours, codewords, torch.full((3,), scale).double())
    axes_row[0].imshow(colours[0].permute(1, 2, 0).numpy())
    axes_row[0].set_title("the photograph" if line == 0 else "the same", fontsize=11)
    for k, axes in enumerate(axes_row[1:]):
        axes.imshow(share[0, :, k].view(64, 64).numpy(), vmin=0, vmax=1)
        axes.add_patch(
            plt.Rectangle((1.5, 1.5), 11, 11, fc=codewords[k].tolist(), ec="white", lw=1.5)
        )
        way = "scale < 0" if line == 0 else "scale > 0"
        axes.set_title(f"{way}: share of {names[k]}", fontsize=11)
    for axes in axes_row:
        axes.set_axis_off()
show(
    figure,
    alt="How much of each place of the photograph goes to a black, an orange and a white codeword. With a negative scale the helmet goes to "
    "black, the suit to orange, wall and shuttle to white. With a positive scale the helmet goes to white, wall and shuttle to black, and "
    "orange gets nothing.",
)

# %% [markdown]
# *White: all of it goes there. Above, like goes to like. Below, with the other sign, the black helmet goes to the white codeword and the light wall to the black one; orange is
# never the farthest, so nobody comes.*
#
# In the library no residual is ever formed; two matrix products do the work. Same numbers:

# %%
torch.manual_seed(9)
x, c, s = normal(2, 6, 9, 11), normal(5, 6), -torch.rand(5, dtype=torch.float64)
by_hand, library = encode_by_hand(x, c, s), encode(x, c, s)
shuffled = x.flatten(2)[..., torch.randperm(99)].view_as(x)
rows_encode = [
    compare("encoding: the cell = the library", by_hand, library),
    compare("the paper's formula with s negated", as_in_the_paper(x, c, -s), library),
    compare("the places shuffled: the same code", encode(shuffled, c, s), library),
]
row_sign = compare(
    "the code's s, the paper's minus", as_in_the_paper(x, c, s), library, **broken
)
print(table([*rows_encode, row_sign]))

# %% [markdown]
# The third line is what a code *is*: you may cut the map into its places and shake them in a bag. EncNet learns **what** is there and forgets **where**.
#
# And how does it take a change of size? Put four copies of the picture together, two by two. Nothing new is in it.

# %% tags=["hide-input"]
copies = Prediction(
    "Four copies of one map, two by two. What happens to EncNet's code e_k?",
    options=[
        "nothing: the same things are there, in the same shares",
        "it is four times as large",
        "it is half as large",
    ],
    name="09-copies",
)
copies

# %%
torch.manual_seed(9)
net = ready(ContextEncoding(16, classes=5, codes=8), maps[1])
four = maps[1].repeat(1, 1, 2, 2)
once, tiled = (net.encoding(net.reduce(y)) for y in (maps[1], four))
row_sum = compare("four copies of the picture: e_k times 4", tiled, 4 * once)
row_tiled = compare("four copies: presence scores", net(four)[1], net(maps[1])[1], **broken)
print(table([row_sum, row_tiled]))

# %% tags=["hide-input"]
copies.reveal(
    "B",
    because={
        "A": "true of a mean. Look at the formula: the sum over i is divided by nothing.",
        "C": "there are four times as many places, and each adds its difference.",
    },
    explain="A code is a sum. PSP's and ASPP's means would not have noticed.",
)

# %% [markdown]
# BatchNorm in eval mode expects codes as large as those it saw in training. So EncNet, which asks everybody, is tied to the size of its crops after all.
# (The official code evaluates in windows of 480, the size of its crops.)
#
# What does it do with the code? The mean over the codewords, one linear layer and a sigmoid give a gate $\gamma$ between 0 and 1 for each channel, and the
# map becomes $\operatorname{relu}(x + \gamma x)$. All places get the same gates.


# %%
def context_encoding(net, x):
    reduced = conv_bn(x, net.reduce.conv, net.reduce.norm).relu()
    codes = encode_by_hand(reduced, net.encoding.codewords, net.encoding.scale)
    code = net.code_norm(codes).relu().mean(1)
    gate = torch.sigmoid(code @ net.gate.weight.T + net.gate.bias)[:, :, None, None]
    se = code @ net.presence.weight.T + net.presence.bias
    return (x + x * gate).relu(), se, gate


torch.manual_seed(9)
net, gates = ready(ContextEncoding(16, classes=5, codes=8), maps[1]), []
both = []
for y in maps:
    mine, se, gate = context_encoding(net, y)
    gates.append(gate)
    both.append((mine, net(y)[0]))
    both.append((se, net(y)[1]))
row_gate = worst(
    [compare("EncNet's module: the cell = the library", *pair) for pair in both]
)
print(table([row_gate]))
factors = 1 + torch.cat(gates)
print(
    f"every channel is multiplied by 1 to 2: {bool(((factors > 1) & (factors < 2)).all())}"
)

# %% [markdown]
# So the module can stress a channel, at most twofold, and never silence one.
#
# Why 32 codewords? The author's answer is that the number was
# [chosen empirically](https://github.com/zhanghang1989/PyTorch-Encoding/issues/384). What is certain is that it is cheap: the mean over $k$ comes right after, so
# nothing behind it grows.

# %%
for k in (8, 32, 128):
    with torch.device("meta"):
        head = EncHead(2048, 59, codes=k, kernel=3)
    rows = layer_costs(
        head.eval(),
        torch.empty(1, 2048, 64, 64, device="meta"),
        torch.empty(1, device="meta"),
    )
    code = total([row for row in rows if row.name.startswith("context.encoding")])
    print(
        f"K = {k:3}: {code.params:6,} of {total(rows).params / 1e6:.2f} M parameters, "
        f"{code.counted / 1e9:.2f} of {total(rows).counted / 1e9:.1f} GMAC"
    )

# %% [markdown]
# ## 7. What the SE loss supervises
#
# "What are the SE loss and the aux loss for?" a user asks in
# [FastFCN#64](https://github.com/wuhuikai/FastFCN/issues/64). FastFCN adds up three losses:
#
# - **main**: cross entropy of the scores, a mean over pixels;
# - **aux**, times 0.2 (0.4 in later scripts for PSP and DeepLab): the same for the scores of a plain head on $c_4$, half-way up;
# - **se**, times 0.2: "is this class anywhere in the picture?", one yes or no a class, read from EncNet's code by a linear layer.
#
# Which weights does each of them train? (Below, the *neck* is what stands between backbone and head. Here it is the JPU.)

# %% tags=["hide-input"]
supervised = Prediction(
    "The SE loss alone sends a gradient into which of these?",
    options=[
        "the presence layer only",
        "presence layer, codewords, neck and backbone; not the gate, not the classifier",
        "the whole head, gate and classifier included, and the backbone",
        "the head, but not the backbone",
    ],
    name="09-se",
)
supervised

# %%
torch.manual_seed(9)
net = fastfcn(classes=7, head="enc", backbone="tiny").double().train()
samples = [Scenes(40, split="val")[i] for i in (0, 1)]
pictures = torch.stack([sample.image for sample in samples]).double() / 255 - 0.5
labels = torch.stack([sample.labels for sample in samples])
names, parameters = zip(*net.named_parameters(), strict=True)
reached = {}
with torch.enable_grad():
    losses = segmentation_loss(net(pictures), labels)
    for part in ("main", "aux", "se"):
        loss = getattr(losses, part)
        found = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
        hit = [g is not None and bool(g.any()) for g in found]
        reached[part] = {name for name, yes in zip(names, hit, strict=True) if yes}

# %% tags=["hide-input"]
LOWER = tuple(f"backbone.{name}" for name in ("conv1", "layer1", "layer2", "layer3"))
PARTS = {
    "backbone up to c4": LOWER,
    "backbone, c5": "backbone.layer4",
    "neck (JPU)": "neck",
    "head: codewords, scales": "head.context.encoding",
    "head: presence layer": "head.context.presence",
    "head: gate": "head.context.gate",
    "head: classifier": "head.classifier",
    "aux head": "aux_head",
}
print(f"{'':26}" + "".join(f"{part:>6}" for part in reached))
for part, starts in PARTS.items():
    hits = [any(key.startswith(starts) for key in keys) for keys in reached.values()]
    print(f"{part:26}" + "".join(f"{'x' if hit else '.':>6}" for hit in hits))

# %% tags=["hide-input"]
supervised.reveal(
    "B",
    because={
        "A": "the presence layer reads the code, and the code is made of everything below it.",
        "C": "the gate and the classifier come after the code. The presence layer does not read them.",
        "D": "nothing cuts the gradient between head and backbone.",
    },
    explain="It trains the code to know what is in the picture. What the gate makes of the code is the main loss's business.",
)

# %% [markdown]
# The table answers the aux question too: a short way from the loss to the deep middle of the backbone. It touches neither $c_5$ nor the neck nor the head. Neither helper is
# needed once training is over (the official code computes both all the same, in its speed test too).
#
# Why ask for presence? Because of the weights. In a mean over pixels a small thing has a small vote:

# %%
smallest = []
for i, sample in enumerate(Scenes(40, split="val")):
    counts = torch.bincount(sample.labels.flatten().long(), minlength=7)
    least = counts.where(counts > 0, 1 << 30).argmin()
    smallest.append((int(counts[least]), i, int(least)))
count, scene, kind = min(smallest)
labels = Scenes(40, split="val")[scene].labels
name, pixels = Scenes.classes.names[kind], labels.numel()
there = presence(labels[None], classes=7)[0]
print(f"scene {scene}: {name}, {count} of {pixels:,} pixels")
print(f"its say in the main loss: {count / pixels:.2%}")
print(f"its say in the SE loss:   {1 / 7:.0%}  (target {there.int().tolist()})")

# %% [markdown]
# Seven classes, seven equal votes: a class with one pixel has the same say as a class with a thousand. The authors' word in that thread is that the SE loss helps against unequal areas "in a degree". It is for EncNet alone:
# PSP and ASPP have no code to read presence from ([FastFCN#16](https://github.com/wuhuikai/FastFCN/issues/16)).
#
# ## 8. Growing windows, and crosses
#
# **Yu and Koltun's context module** (2016) is the oldest of the seven. It works on the score maps, not on features: seven 3 × 3 convolutions at rates 1, 1, 2, 4, 8, 16, 1, then a 1 × 1.
# Each layer has nine taps, and the window grows without holes, as the retrieval question said:

# %%
rates = (1, 1, 2, 4, 8, 16, 1)
for layers in range(1, 8):
    field = receptive_field([(3, 1, rate) for rate in rates[:layers]])
    print(
        f"{layers} layers, the last at rate {rates[layers - 1]:2}: "
        f"{field.size:2} x {field.size}, coverage {field.coverage:.0%}"
    )


def context_module(net, x):
    for conv, rate in zip(net.convs, rates, strict=True):
        x = F.conv2d(x, conv.weight, conv.bias, dilation=rate, padding=rate).relu()
    return F.conv2d(x, net.last.weight, net.last.bias)


torch.manual_seed(9)
net = ContextModule(16).double()
row_born = worst(
    [compare("Yu and Koltun's module at birth = relu", net(y), y.relu()) for y in maps]
)
he_init(net)
row_yu = worst(
    [
        compare("Yu and Koltun: the cell = the library", context_module(net, y), net(y))
        for y in maps
    ]
)
print(table([row_born, row_yu]))

# %% [markdown]
# At birth it does nothing: its kernels are identities, since the paper found that random ones did not train. So before training it listens to nobody.
#
# **Criss-cross attention** (CCNet) lets the picture decide. Each place compares itself with the places of its row and its column, and takes a mean of them,
# weighted by likeness. It is the only head here whose weights between places are computed from the picture. Here it is in six lines, as full attention with everything off the cross forbidden:


# %%
def attention_on_cross(query, key, value):
    height, width = query.shape[-2:]
    i, j = torch.arange(height * width) // width, torch.arange(height * width) % width
    cross = (i[:, None] == i) | (j[:, None] == j)
    scores = query.flatten(2).transpose(1, 2) @ key.flatten(2)
    weights = scores.masked_fill(~cross, float("-inf")).softmax(-1)
    return (value.flatten(2) @ weights.transpose(1, 2)).view_as(value)


crosses = []
for height, width in ((5, 7), (12, 9), (1, 6)):
    q, k, v = (normal(2, channels, height, width) for channels in (3, 3, 8))
    got, want = attention_on_cross(q, k, v), criss_cross(q, k, v)
    crosses.append(compare("criss-cross: the cell = the library", got, want))
row_cross = worst(crosses)
print(table([row_cross]))

# %% tags=["hide-input"]
passes = Prediction(
    "On 64 x 64 places a criss-cross looks at 127 of 4096. Applied twice, in a row: on how many does an output depend?",
    number=True,
    name="09-passes",
)
passes


# %%
def passes_of(x, count):
    for _ in range(count):
        x = x + criss_cross(x, x, x)
    return x


x = normal(1, 4, 64, 64) / 2
for count in (1, 2):
    support = gradient_support(lambda x, n=count: passes_of(x, n), x, position=HERE)
    print(f"passes: {count}, places: {int(support.sum())} of 4096")

# %% tags=["hide-input"]
passes.reveal(
    4096,
    because={
        254: "the second pass does not add another cross. It adds the crosses of all places on the first one.",
        16129: "127 squared counts ways, not places.",
        127: "the second pass asks 127 places, each of which has asked 127 by then.",
    },
    explain="Every place shares a row with some place of my column. 254 weights for each place in place of 4,096.",
)

# %% [markdown]
# ## 9. Smaller pictures: multi-scale input
#
# The last way needs no head at all. Show the network the picture at several sizes and average what it says. At half the size the same 3 × 3 covers twice as much.
# The paper's numbers with "MS" use the six scales 0.5, 0.75, ..., 1.75, each with its mirror image.


# %%
class Patches(nn.Module):
    """The smallest backbone there is: each block of 8 x 8 pixels becomes 64 numbers."""

    channels, strides = (64,) * 5, (8,) * 5

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 64, 8, stride=8)

    def forward(self, x):
        y = self.conv(x).relu()
        return Features(y, y, y, y, y)


def at_scales(net, x, scales):
    """softmax(scores), averaged over sizes of the picture and over its mirror image."""
    answers, size = [], x.shape[-2:]
    for scale in scales:
        small = resize(x, size=[round(n * scale) for n in size], align_corners=False)
        for turn in (lambda t: t, lambda t: t.flip(-1)):
            scores = turn(net(turn(small)).logits)
            answers.append(resize(scores, size=size, align_corners=False).softmax(1))
    return sum(answers) / len(answers)


torch.manual_seed(9)
net = Segmenter(
    backbone=Patches(), neck=Last((64,) * 5), head=FCNHead(64, 5), align_corners=False
)
net = net.double().eval()
picture = (photo("chelsea", size=(96, 128))[0] * 255).to(torch.uint8)
mean, deviation = (
    torch.tensor(v)[:, None, None] for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
)
prepared = ((picture[None].float() - 255 * mean) / (255 * deviation)).double()
mine = at_scales(net, prepared, OFFICIAL_SCALES)[0]
library = probabilities(net, picture, scales=OFFICIAL_SCALES, flip=True)
row_scales = compare("multi-scale: the cell = the library", mine, library, tolerance=1e-5)
print(table([row_scales]))
times = 2 * sum(scale**2 for scale in OFFICIAL_SCALES)
print(f"work, relative to one pass: {times:.1f}")

# %% [markdown]
# No parameter, and 17 times the work of the *whole network*. (Cut into the official windows it is more still: 12 counts 36 passes for one photograph.) When you compare two numbers in a paper, look first whether both are MS. (The official code sums the scores of picture and
# mirror image and then applies `exp`, in windows; `jpu_edu.train.protocol.official` does so too.)
#
# ## 10. Seven footprints
#
# Now all of them on one photograph. Below the heads stands the smallest backbone: each block of 8 × 8 pixels becomes 64 numbers, by one random matrix and a ReLU.
# It sees nothing outside its block. So whatever a picture shows beyond one block is the *head's* doing. The heads are the library's, narrow, with random weights and BatchNorms
# that have measured five photographs; the footprint is a mean over several draws.

# %%
names = ("astronaut", "camera", "chelsea", "coffee", "rocket")
five = torch.cat([photo(n, size=(512, 512)).expand(1, 3, -1, -1) for n in names])
five = (five.double() - 0.45) / 0.25


class Net(nn.Module):
    def __init__(self, head, added=(), scales=(1.0,)):
        super().__init__()
        self.patches, self.added, self.head = Patches(), nn.Sequential(*added), head
        self.scales = scales

    def forward(self, x):
        answers = 0
        for scale in self.scales:
            small = resize(x, size=[round(512 * scale)] * 2, align_corners=False)
            features = self.patches(small)
            scores = self.head(self.added(features.c5), features).logits
            answers = answers + resize(scores, size=(64, 64), align_corners=False)
        return answers


# %% tags=["hide-input"]
def cascade_blocks():
    slim = ResNet(block="bottleneck", blocks=(1, 1, 1, 3), width=2)
    return Cascade(slim, output_stride=8).added


def yu_and_koltun():
    head = ContextHead(64, 8)
    he_init(head.context)  # at birth it would see one place
    return Net(head)


def crossing():
    head = CrissCrossHead(64, 8, width=16)
    nn.init.ones_(head.attention.gamma)  # at birth it is 0
    return Net(head)


MAKERS = {
    "3 × 3 alone": lambda: Net(FCNHead(64, 8)),
    "multi-scale input": lambda: Net(FCNHead(64, 8), scales=OFFICIAL_SCALES),
    "Yu and Koltun": yu_and_koltun,
    "cascade": lambda: Net(FCNHead(64, 8), added=cascade_blocks()),
    "ASPP": lambda: Net(ASPPHead(64, 8, width=16)),
    "PSP": lambda: Net(PSPHead(64, 8)),
    "EncNet": lambda: Net(EncHead(64, 8, width=32, codes=8, kernel=3)),
    "criss-cross, twice": crossing,
}


# %%
def footprint(make, draws=4):
    """|gradient| of the output at HERE, on blocks of 8 x 8 pixels; mean over random networks."""
    strength = torch.zeros(64, 64, dtype=torch.float64)
    for seed in range(draws):
        torch.manual_seed(seed)
        net = ready(make(), five)
        pixels = gradient_map(net, five[:1], position=HERE)
        blocks = F.avg_pool2d(pixels[None, None], 8)[0, 0]
        strength += blocks / blocks.sum()
    return strength / draws


footprints = {name: footprint(make) for name, make in MAKERS.items()}
near = torch.zeros(64, 64, dtype=torch.bool)
near[HERE[0] - 1 : HERE[0] + 2, HERE[1] - 1 : HERE[1] + 2] = True
for name, strength in footprints.items():
    print(
        f"{name:19} depends on {int((strength > 0).sum()):4} of 4096 places; "
        f"{strength[~near].sum():4.0%} of the gradient lies beyond its 3 × 3"
    )

# %% [markdown]
# Two of these numbers can be had by hand. Yu and Koltun's window is 67 × 67, cut off by the border of the map. And the cascade: all its rates are multiples of 8, so each of its outputs reads
# one *phase* of rate 8, the gridding of 04, and a phase has 8 × 8 places. The 3 × 3 before the scores reads nine such outputs, in nine phases: 576. (In the real network the blocks below have rates 1, 2 and 4 and fill the gaps.)
# EncNet's 5 % are no mistake either: each of the 4,096 places has a tiny share in a code that only turns the gates.

# %%
i = torch.arange(64)
window = [(i - here).abs() <= 33 for here in HERE]
lattice = [((i - here + 1) % 8 <= 2) for here in HERE]
rows_seen = []
for name, (rows, columns), claim in (
    ("Yu and Koltun", window, "Yu and Koltun: a window of 67 x 67"),
    ("cascade", lattice, "cascade: nine phases of 8 x 8 places"),
):
    seen, want = footprints[name] > 0, rows[:, None] & columns
    rows_seen.append(compare(claim, seen.double(), want.double(), tolerance=0))
print(table(rows_seen))

# %% [markdown]
# And the bill: the same heads at full size, with 2,048 channels in, 59 classes, on 64 × 64 places, counted by running their shapes (pooling, encoding and attention included).

# %%
image = torch.empty(1, 3, 512, 512, device="meta")
with torch.device("meta"):  # shapes without numbers
    whole = {
        "3 × 3 alone": dilated_fcn(classes=59, aux=False),
        "Yu and Koltun": dilated_fcn(classes=59, head="context", aux=False),
        "cascade": deeplabv3(classes=59, context="cascade", aux=False),
        "ASPP": deeplabv3(classes=59, aux=False),
        "PSP": pspnet(classes=59, aux=False),
        "EncNet": encnet(classes=59, aux=False),
        "criss-cross, twice": dilated_fcn(classes=59, head="criss_cross", aux=False),
    }
bills = {}
for name, net in whole.items():
    rows = layer_costs(net.eval(), image)
    head = total([row for row in rows if row.name.startswith(("head", "backbone.added"))])
    bills[name] = head.params, head.counted
plain = whole["3 × 3 alone"]
more = 0
for scale in OFFICIAL_SCALES:
    size = round(512 * scale)
    more += (
        2 * total(layer_costs(plain, torch.empty(1, 3, size, size, device="meta"))).counted
    )
once = total(layer_costs(plain, image)).counted
bills["multi-scale input"] = bills["3 × 3 alone"][0], bills["3 × 3 alone"][1] + more - once
for name in MAKERS:
    params, macs = bills[name]
    print(f"{name:19} {params / 1e6:6.2f} M parameters  {macs / 1e9:8.2f} GMAC")

# %% tags=["hide-input"]
grey = photo("astronaut", grey=True)[0, 0]
figure, panels = plt.subplots(2, 4, figsize=(9.375, 5.9), layout="constrained")
for axes, (name, strength) in zip(panels.flat, footprints.items(), strict=True):
    decades = (strength / strength.max()).clamp(min=1e-30).log10()
    light = ((decades + 5) / 5).clamp(0, 1)  # five powers of ten
    light = light.repeat_interleave(8, 0).repeat_interleave(8, 1)
    axes.imshow((grey * (0.12 + 0.88 * light)).numpy(), vmin=0, vmax=1)
    box = plt.Rectangle((HERE[1] * 8 - 8, HERE[0] * 8 - 8), 24, 24, fill=False)
    box.set(edgecolor="#FFFFFF", linewidth=1.2)
    axes.add_patch(box)
    axes.set_title(name, fontsize=11, loc="center")
    params, macs = bills[name]
    axes.set_xlabel(
        f"{(strength > 0).double().mean():.1%} of the map\n"
        f"{params / 1e6:.1f} M, {macs / 1e9:,.{1 if macs < 1e10 else 0}f} GMAC",
        fontsize=9.5,
    )
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
show(
    figure,
    alt="The photograph eight times, lit where one output looks. 3 by 3: one small square. Multi-scale input: nested squares, a "
    "little larger. Yu and Koltun: a soft square of half the map. Cascade: a wide lattice. ASPP: separate squares at distances "
    "12, 24, 36 on a faint even light. PSP: light in boxes. EncNet: faint even light everywhere. Criss-cross: a bright cross on a fainter map.",
)

# %% [markdown]
# *Light: how strongly a place moves the one output in the small white square, over five powers of ten. Below: the share of the map it depends on, and parameters and MACs at full size
# (for multi-scale input those of the plain head, and of the network's passes beyond the first).* The weights are drawn, so the picture shows whom a head *can* hear and how loud they are at birth. Training decides whom it listens to; it
# cannot make a dark place light.
#
# ## 11. Does the JPU replace the head?
#
# A JPU has four branches of dilated convolutions and joins them, as ASPP does. So people take it for another context head, and ask whether FastFCN still needs PSP behind it.

# %% tags=["hide-input"]
replaced = Prediction(
    "FastFCN with PSP's head on ResNet-50 takes 135.9 GMAC at 512 x 512, its dilated twin 184.2. How many of FastFCN's are the PSP head?",
    options=[
        "0: the JPU stands in its place",
        "30.0",
        "77.5, as in the twin",
        "4.8: a sixteenth of the twin's",
    ],
    name="09-replaced",
)
replaced

# %%
kinds = {"fcn": dilated_fcn, "aspp": deeplabv3, "psp": pspnet, "enc": encnet}
print("GMAC, layers  backbone  JPU   head    all  parameters of the head")
for kind, twin in kinds.items():
    with torch.device("meta"):
        pair = twin(classes=59, aux=False), fastfcn(classes=59, head=kind, aux=False)
    for name, net in zip(("dilated", "JPU"), pair, strict=True):
        rows = layer_costs(net.eval(), image)
        of = {
            p: [r for r in rows if r.name.startswith(p)]
            for p in ("backbone", "neck", "head")
        }
        macs = [sum(row.macs for row in part) / 1e9 for part in of.values()]
        line = "".join(f"{value:7.1f}" for value in (*macs, sum(macs)))
        print(f"{kind:4} {name:10}{line}  {total(of['head']).params:,}")

# %% tags=["hide-input"]
replaced.reveal(
    "C",
    because={
        "A": "the head is there, layer for layer.",
        "B": "that is the JPU.",
        "D": "the JPU brings the map back to stride 8. The head sees as many places as before.",
    },
    explain="What got cheaper is the backbone. The head is the same to the last MAC, and it is the largest part of FastFCN-PSP.",
)

# %% [markdown]
# The same head, so the same weights fit. Take them out of the dilated network, put them behind the JPU, and show both the same map.

# %%
torch.manual_seed(9)
rows_swap, left_over = [], {}
for kind, twin in kinds.items():
    old = twin(classes=7, backbone="tiny", aux=False).double().eval()
    new = fastfcn(classes=7, head=kind, backbone="tiny", aux=False).double().eval()
    want = {key: value.shape for key, value in new.head.state_dict().items()}
    fits = {k: v for k, v in old.head.state_dict().items() if want[k] == v.shape}
    left_over[kind] = [key for key in want if key not in fits]
    new.head.load_state_dict(fits, strict=False)
    if not left_over[kind]:
        y = normal(1, 128, 16, 16)
        got, given = new.head(y, None).logits, old.head(y, None).logits
        rows_swap.append(compare("the twin's head behind the JPU", got, given, tolerance=0))
print("weights that do not fit:", {kind: keys for kind, keys in left_over.items() if keys})
print(table([worst(rows_swap)]))

# %% [markdown]
# Then look at what a JPU asks. With all weights positive nothing cancels and no ReLU is shut, so the gradient shows every place that can matter. At two sizes of the picture:

# %%
jpu = JPU((8,) * 5, width=8).double().eval()
for parameter in jpu.parameters():
    parameter.data.abs_()
seen = {}
for n in (64, 128):
    c3, c4, c5 = (torch.rand(1, 8, n // k, n // k, dtype=torch.float64) for k in (1, 2, 4))
    for name, one, fill in (
        ("c3", c3, lambda c, c4=c4, c5=c5: Features(c, c, c, c4, c5)),
        ("c5", c5, lambda c, c3=c3, c4=c4: Features(c, c, c3, c4, c)),
    ):
        seen[name, n] = gradient_support(lambda c, f=fill: jpu(f(c)), one, position=HERE)
        count, places = int(seen[name, n].sum()), seen[name, n].numel()
        print(f"{8 * n:4} pixels: an output of the JPU depends on", end=" ")
        print(f"{count:3} of {places:5} places of {name}")

# %% tags=["hide-input"]
figure, panels = plt.subplots(1, 3, figsize=(7.6, 2.9), layout="constrained")
for axes, mask, title in (
    (panels[0], seen["c3", 64], "the JPU, in $c_3$"),
    (panels[1], seen["c5", 64], "the JPU, in $c_5$"),
    (panels[2], footprints["PSP"] > 0, "the PSP head behind it"),
):
    light = mask.double().repeat_interleave(512 // len(mask), 0)
    light = light.repeat_interleave(512 // len(mask), 1)
    axes.imshow((grey * (0.15 + 0.85 * light)).numpy(), vmin=0, vmax=1)
    axes.set_title(title, fontsize=11)
    axes.set_axis_off()
show(
    figure,
    alt="The photograph three times, lit where one output looks. The JPU in c3: a small pattern of squares around the output. The JPU in c5: "
    "a square of a quarter of the picture. The PSP head behind it: everywhere.",
)

# %% [markdown]
# *A JPU sees a neighbourhood. The head behind it sees the whole picture.*
#
# PSP, ASPP and the plain head move over as they are. EncNet's head differs in one layer: FastFCN makes its first 3 × 3 a 1 × 1, which saves 34 of its 39.9 GMAC and has nothing to do with context. And the
# JPU's own view is a neighbourhood, the same number of places however large the picture is. Nothing in it looks at the whole map. (Each place of $c_5$ has itself seen hundreds of pixels. So has each place that a head reads.) It answers *where exactly*; the head behind it still has to ask *what is this a part of*.
#
# To compare the two fairly, then: `pspnet(...)`, `deeplabv3(...)` and `encnet(...)` are the dilated networks, `fastfcn(head="psp")`, `"aspp"`, `"enc"` the ones with JPU. In the official scripts that is `--dilated` in place of `--jpu`, and
# `--se-loss` for EncNet only.
#
# ## The check

# %%
rows_heads = [row_aspp, row_cascade, row_psp, row_pool, *rows_encode, row_sum, row_gate]
rows_others = [row_born, row_yu, row_cross, row_scales, *rows_seen, worst(rows_swap)]
print(table([row_taps, *rows_collapse, *rows_heads, *rows_others]))

# %% [markdown]
# ## Where it stops
#
# One place short of the map, the 3 × 3 is not a 1 × 1 yet. Trained where eight taps sleep, it is wrong where they wake. With the wrong sign, the encoding is another one, and with four copies of a picture its scores are. And two more: a PSP head does care where things stand, and a code
# that drops $\lVert x\rVert^2$, "since it is the same for all codewords", is wrong, because $s_k$ multiplies it and differs.

# %%
torch.manual_seed(9)
net = ready(PyramidPooling(16), maps[0])
y = maps[1]
turned = net(y.flip(-1)).flip(-1)
order = torch.randperm(400)
mixed = (
    net(y.flatten(2)[..., order].view_as(y))
    .flatten(2)[..., order.argsort()]
    .view(4, 32, 20, 20)
)
x, c, s = normal(2, 6, 9, 11), normal(5, 6), -torch.rand(5, dtype=torch.float64)
pixels = x.flatten(2)
dropped = (s[:, None] * (-2 * c @ pixels + c.square().sum(1, keepdim=True))).softmax(1)
without = dropped @ pixels.transpose(1, 2) - dropped.sum(2, keepdim=True) * c
rows_break = [
    row_short,
    rows_untrained[1],
    row_sign,
    row_tiled,
    compare("pyramid: shuffled and back", mixed, net(y), **broken),
    compare("encoding without x squared", without, encode(x, c, s), **broken),
]
print(table(rows_break))
print(table([compare("pyramid: mirrored and back", turned, net(y))]))

# %% [markdown]
# ## Ask your neighbour
#
# Choose alone, argue with somebody who chose otherwise, choose again. Then open the reasons.

# %% tags=["hide-input"]
quiz(
    [
        Question(
            "To save memory you train DeepLabv3 (output stride 8, rates 12, 24, 36) on crops of 256 x 256 and then run it on whole pictures of 1024 x 1024. What about the branch of rate 36?",
            [
                "Nothing: convolutions do not care about sizes.",
                "Its receptive field has become too large; use smaller crops.",
                "Its eight outer taps never met a place in training. Now they add what is left of their random start.",
                "It was useless in training and is useless now.",
            ],
            answer="C",
            why=[
                "The layer runs at any size. What it was trained to do does not extend to it.",
                "The window is as wide as it was meant to be. The weights in it are not trained.",
                "The map was 32 x 32, and 36 > 32: a 1 x 1 with eight sleeping taps. On 128 x 128 they land in six of ten cases.",
                "In training it was a 1 x 1, which is of some use. Now it is that plus noise.",
            ],
            peer=True,
        ),
        Question(
            "A colleague wants to drop the PSP head of a FastFCN: 'the JPU has dilated branches, so it gathers context already, and we save 77 GMAC.' What do you answer?",
            [
                "Right: rates 1, 2, 4, 8 do what the pyramid does.",
                "The saving is real, but what is lost is the whole-picture view: the JPU's outputs see a neighbourhood, the head's see everything.",
                "The saving is not real: the head costs nothing at output stride 32.",
            ],
            answer="B",
            why=[
                "Count the places: 177 of 4,096 in c3 and 64 of 256 in c5, at any size of picture no more. The pyramid reads all of them.",
                "It may be worth it for some task. It is another network, and the comparison is with the plain 3 x 3 head behind a JPU.",
                "The head does not run at 32. The JPU has brought the map back to 8 by then.",
            ],
            peer=True,
        ),
    ]
)

# %% [markdown]
# ## What you take with you
#
# - Of the nine taps of a 3 × 3 at rate $r$, $(1 + 2(1 - r/n))^2$ land on a map of $n \times n$: 3.24 for ASPP's rate 36 at 480 pixels. From $r = n$ on the
#   centre alone is left. **Exact**. Taps that never land are never trained.
# - What a change of size does to each head:
#
# | head | whom it asks | a smaller or larger map |
# |---|---|---|
# | ASPP | up to 25 places, and the mean | a branch is a 1 × 1 where $n \le r$; the mean serves every size |
# | cascade | a lattice | the middle of block 7 is a 1 × 1 up to 512 pixels |
# | PSP | boxes, shares of the picture | none too small or too large; boxes overlap |
# | EncNet | everybody, without a place | the code grows with the number of places |
# | Yu and Koltun | a window of 67 × 67 | the window stays |
# | criss-cross | row and column, twice | serves every size |
#
# - EncNet's code knows what is there and not where. The code's scale is negative, the paper writes $-s_k$ with a positive one; mixed up, everything goes to the farthest codeword.
# - The SE loss trains the code and everything below it to know which classes are present, each with the same say. It trains neither the gate nor the classifier. The aux loss trains the backbone up to $c_4$.
# - A criss-cross reaches the whole map in two passes. Multi-scale input needs no weights and 17 times the work.
# - The JPU replaces the *dilation of the backbone*. The head behind it is the same to the last MAC (EncNet's first 3 × 3 excepted).
#
# **Glossary.**
#
# - **context head**: the layers between the last map and the scores that let a place ask others.
# - **footprint**: the gradient of one output; whom it asks.
# - **ASPP**: a 1 × 1, several 3 × 3 at large rates and the mean of the map, side by side.
# - **neck**: what stands between backbone and head, such as the JPU.
# - **image pooling**: the mean over the whole map, as one branch of a head.
# - **cascade**: more copies of the last stage, at rates that double.
# - **multi-grid**: different multiples of the rate for the three 3 × 3 of one stage, which DeepLabv3 calls a block.
# - **codeword**: one of $K$ learned feature vectors with which every place is compared.
# - **SE loss**: cross entropy of "is this class in the picture?", read from the code.
# - **aux loss**: the main loss once more, from scores of $c_4$; deep supervision.
# - **multi-scale input**: the network's answers to several sizes of the picture, averaged.
#
# **References.** Chen et al., *Rethinking Atrous Convolution for Semantic Image Segmentation*, 2017,
# [arXiv 1706.05587](https://arxiv.org/abs/1706.05587). ·
# Zhao et al., *Pyramid Scene Parsing Network*, CVPR 2017, [arXiv 1612.01105](https://arxiv.org/abs/1612.01105). ·
# Zhang et al., *Context Encoding for Semantic Segmentation*, CVPR 2018, [arXiv 1803.08904](https://arxiv.org/abs/1803.08904). ·
# Yu and Koltun, *Multi-Scale Context Aggregation by Dilated Convolutions*, 2016, [arXiv 1511.07122](https://arxiv.org/abs/1511.07122). ·
# Huang et al., *CCNet: Criss-Cross Attention for Semantic Segmentation*, ICCV 2019, [arXiv 1811.11721](https://arxiv.org/abs/1811.11721). ·
# Wu et al., *FastFCN*, 2019, [arXiv 1903.11816](https://arxiv.org/abs/1903.11816).
#
# **Exercises:** [four tasks](exercises/09_context.ipynb), with checks that know the usual mistakes.
#
# **Next:** [10 · Joint upsampling, posed and solved](10_posed_and_solved.ipynb)

# %% tags=["hide-input"]
tally()
