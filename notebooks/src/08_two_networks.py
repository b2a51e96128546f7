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
# # 08 · Two networks, one set of weights
#
# Show a ResNet-50 a cat. Its last map has 8 × 10 places. Now take the strides out of its last two stages,
# pull the kernels there apart, and load the same weights, number for number. The last map has 29 × 38
# places, and making it takes 4.5 times the work.
#
# Before you read on: how much of the first network's answer is in the second's? Something alike? Nothing,
# since every layer after the first change sees other neighbours? Or all of it?
#
# **The claim.** The strided network is phase (0, 0) of the dilated one, through all fifty layers:
# $y_s = R(y_d)$. In exact arithmetic not a bit differs, at any size. And four small, sensible-looking changes
# destroy it.
#
# **You will be able to** turn any strided backbone into its dilated twin and say which layer gets which
# rate, tell rounding from a mistake by its size, run the dilated network without a dilated convolution,
# and name what breaks the equality before you train with it.
#
# **Time:** 50 minutes. **You need:** [02](02_stride_and_reduce.ipynb) ($C_s = C_r \to R$) and
# [03](03_split_conv_merge.ipynb) ($C_d = S \to C_r \to M$, and $M \to S$ cancels).
#
# **Reads:** FastFCN (Wu et al., [arXiv 1903.11816](https://arxiv.org/abs/1903.11816)), sections 3.1 and 3.3 ·
# FCN (Shelhamer et al., [arXiv 1605.06211](https://arxiv.org/abs/1605.06211)), section 3.2 ·
# [`jpu_edu/backbones/dilate.py`](../jpu_edu/backbones/dilate.py) ·
# [`jpu_edu/models/equivalence.py`](../jpu_edu/models/equivalence.py)

# %%
import copy
from dataclasses import replace
from unittest.mock import patch

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from matplotlib.colors import PowerNorm
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from jpu_edu.backbones.dilate import dilate, set_multi_grid
from jpu_edu.backbones.resnet import ResNet, resnet50, resnet101
from jpu_edu.cost.ledger import total
from jpu_edu.cost.macs import layer_costs
from jpu_edu.cost.receptive import receptive_field
from jpu_edu.data.photos import photo
from jpu_edu.draw import style
from jpu_edu.draw.show import show
from jpu_edu.models.equivalence import by_phases, counterexamples, phase_zero
from jpu_edu.models.phase_error import phase_error
from jpu_edu.ops.compare import compare, table, worst
from jpu_edu.ops.phases import merge, reduce, split
from jpu_edu.widgets.phase_picker import phase_picker
from jpu_edu.widgets.predict import Prediction, tally
from jpu_edu.widgets.quiz import Question, quiz

style.use()
torch.set_grad_enabled(False)
torch.set_num_threads(1)  # the maps are small: threads would mostly wait for one another
generator = torch.Generator().manual_seed(8)

# %% [markdown]
# ## Before you start
#
# Three questions about earlier walkthroughs. From memory.

# %% tags=["hide-input"]
quiz(
    [
        Question(
            "From 03: three dilated layers in a row, each taken apart into S, C_r, M. What is left when all that can has cancelled?",
            ["S, C_r, M, three times", "S, C_r, C_r, C_r, M", "C_r, C_r, C_r"],
            answer="B",
            why=[
                "Between two layers stand M and then S. They undo one another.",
                "The map is split once, the phases stay apart, and it is merged once.",
                "The first S and the last M have no partner.",
            ],
        ),
        Question(
            "From 02: sample k of a map at stride 32 stands in the photograph at pixel",
            ["32 k", "32 k + 15.5", "32 k + 16"],
            answer="A",
            why=[
                "Every layer keeps the samples 0, s, 2s of the one below, and those stood at multiples already.",
                "That is the middle of a block of 32 pixels. Nothing here averages over blocks.",
                "Half a stride would need a layer that starts between two samples.",
            ],
        ),
        Question(
            "From 06: for which widths do the last samples of the stride-32 map and of the stride-8 map stand at the same, last pixel?",
            ["32 k", "32 k + 1", "any odd width"],
            answer="B",
            why=[
                "At 64 the stride-32 map ends at pixel 32 and the stride-8 map at pixel 56.",
                "Pixel 32 k is the last one, and a multiple of 32 is a multiple of 8.",
                "At 67 they end at 64 and 64, but the picture ends at 66. At 75 they end at 64 and 72.",
            ],
        ),
    ]
)

# %% [markdown]
# ## 1. Two layers, by hand
#
# Nine numbers, two layers, and each has stride 2. The first has the kernel 1, 2, 1, the second 1, 1, -1, and
# both pad with a zero on either side. Take a pencil: the first layer computes five numbers, the second three.
#
# Now the twin. Neither layer may have a stride. So the first one computes all nine. The second must not read
# its direct neighbours any more: what was next to it in the strided network is now *two* places away. So it
# gets rate 2.


# %%
def conv(x, weight, stride=1, rate=1):
    """A 1-D convolution with the zeros that keep the size."""
    weight = torch.tensor(weight, dtype=x.dtype)[None, None]
    return F.conv1d(x[None, None], weight, stride=stride, dilation=rate, padding=rate)[0, 0]


x = torch.tensor([3.0, 1, 4, 1, 5, 9, 2, 6, 5])
first, second = [1.0, 2, 1], [1.0, 1, -1]

y_s = conv(conv(x, first, stride=2), second, stride=2)
y_d = conv(conv(x, first), second, rate=2)
both = conv(conv(x, first, rate=2), second, rate=2)

print("strided twice:", y_s.int().tolist())
for name, y in (("rates 1 and 2", y_d), ("rate 2 twice", both)):
    print(f"{name}: {y.int().tolist()}, every 4th: {y[::4].int().tolist()}")

# %% [markdown]
# The three numbers of the strided pair are numbers 0, 4 and 8 of the dilated pair. Not because we were lucky:
# look at who reads what. The strided network is a *part* of the dilated one. The other circles compute what it
# leaves out, and nothing they compute flows back into it.

# %% tags=["hide-input"]
figure, panels = plt.subplots(1, 2, figsize=(9.375, 3.5), layout="constrained")
for axes, rates, title in (
    (panels[0], (1, 2), "rates 1 and 2"),
    (panels[1], (2, 2), "rate 2 in both layers"),
):
    middle = conv(x, first, rate=rates[0])
    rows = [x, middle, conv(middle, second, rate=rates[1])]
    kept = [set(), set(), {0, 4, 8}]
    for level in (1, 0):
        reach = (-rates[level], 0, rates[level])
        kept[level] = {i + j for i in kept[level + 1] for j in reach if 0 <= i + j < 9}
    for level, rate in enumerate(rates, 1):
        for i in range(9):
            for j in (i - rate, i, i + rate):
                if 0 <= j < 9:
                    strong = i in kept[level]
                    axes.plot(
                        [i, j],
                        [level, level - 1],
                        color=style.PHASES[0] if strong else style.soft(),
                        alpha=0.9 if strong else 0.22,
                        lw=1.5 if strong else 0.8,
                        zorder=1,
                    )
    for level, values in enumerate(rows):
        for i, value in enumerate(values.int().tolist()):
            strong = i in kept[level]
            axes.plot(
                i,
                level,
                "o",
                ms=21,
                mfc=style.tint(style.PHASES[0]) if strong else style.paper(),
                mec=style.PHASES[0] if strong else style.tint(style.soft()),
                zorder=2,
            )
            tone = style.ink() if strong else style.soft()
            style.write(axes, i, level, str(value).replace("-", "−"), size=10, colour=tone)
    for i, value in zip((0, 4, 8), y_s.int().tolist(), strict=True):
        same = rows[2][i] == value
        text = f"{'=' if same else '≠'} {value}".replace("-", "−")
        style.write(axes, i, 2.5, text, size=11, colour=style.ink() if same else style.Y_S)
    for level, name in enumerate(("$x$", "$y_m$" if rates == (1, 2) else "", "")):
        style.write(axes, -1.0, level, name, size=12)
    style.write(axes, -1.0, 2.5, "$y_s$", size=12)
    axes.set(xlim=(-1.5, 8.6), ylim=(-0.4, 2.75), title=title)
    axes.axis("off")
show(
    figure,
    alt="Left, rates 1 and 2: the circles and lines of the strided pair lie inside the dilated pair, and its outputs 0, 4, 8 "
    "are -3, 11, 35, equal to y_s. Right, rate 2 in both layers: the outputs are -6, 18, 26, not those of y_s.",
)

# %% [markdown]
# *Left, outputs 0, 4 and 8 are those of the strided pair, −3, 11 and 35: exact. Right, they are −6, 18 and 26.*
#
# On the right somebody was generous and gave the first layer its rate as well. But the first layer never had
# a strided layer below it. Its neighbours had not moved. Now it steps over them, and the outputs 0, 4, 8 no longer
# see half of the numbers.
#
# Four layers with the strides 2, 1, 2, 1. All strides are removed.

# %% tags=["hide-input"]
rates = Prediction(
    "Layers with strides 2, 1, 2, 1, from the bottom. Their rates, when all strides are removed?",
    numbers=True,
    name="08-rates",
)
rates


# %%
def rates_after(strides):
    rates, rate = [], 1
    for stride in strides:
        rates.append(rate)  # what was removed below me
        rate *= stride  # my own stride concerns those above me
    return rates


print("strides 2, 1, 2, 1 -> rates", rates_after([2, 1, 2, 1]))

rows = []
for _ in range(200):
    layers, size = (
        int(torch.randint(*ends, (), generator=generator)) for ends in ((1, 6), (5, 40))
    )
    strides = torch.randint(1, 4, (layers,), generator=generator).tolist()
    kernels = torch.randint(-3, 4, (layers, 3), generator=generator).tolist()
    start = torch.randint(-9, 10, (1, size), generator=generator)[0].double()
    strided = dilated = start
    for kernel, stride, rate in zip(kernels, strides, rates_after(strides), strict=True):
        strided = conv(strided, kernel, stride=stride)
        dilated = conv(dilated, kernel, rate=rate)
    kept = dilated[:: int(torch.tensor(strides).prod())]
    rows.append(
        compare("integers: y_s = every r-th of y_d", kept[None], strided[None], tolerance=0)
    )
print(table([worst(rows)]))

# %% tags=["hide-input"]
rates.reveal(
    (1, 2, 2, 4),
    because={
        (2, 2, 4, 4): "a layer's own stride moves its outputs apart, not its inputs.",
        (1, 2, 4, 4): "the third layer's own stride only concerns those above it.",
        (2, 1, 2, 1): "a rate makes up for the strides below, not for one's own.",
        (1, 2, 1, 2): "removed strides multiply up: 2 x 2 for the fourth layer.",
    },
    explain="The product of the strides removed below. A layer's own stride counts for those above.",
)

# %% [markdown]
# Two hundred random stacks, up to five layers, strides 1 to 3: error 0, without a tolerance. That is the whole
# rule. Everything below is this rule, fifty layers deep.
#
# ## 2. Fifty layers
#
# A ResNet has its strides in the stem and in the first blocks of `layer2`, `layer3` and `layer4`. Remove the last two,
# and the last map has stride 8 instead of 32. The rule says which 3 × 3 convolution gets which rate: inside a first block the
# strided convolution keeps the rate of the stage below. The library's `dilate` walks through the network with the
# same two lines.

# %%
torch.manual_seed(8)
net = resnet50().eval()
twin = dilate(net, share=True)  # the same tensors in memory, not a copy

for name in ("layer3", "layer4"):
    print(name, "rates", [block.conv2.dilation[0] for block in twin.get_submodule(name)])
strides = [block.conv2.stride[0] for stage in net.stages for block in stage]
print("the rule:    ", rates_after(strides))
print("strides", net.strides, "->", twin.strides)
shared = all(a is b for a, b in zip(net.parameters(), twin.parameters(), strict=True))
millions = sum(p.numel() for p in twin.parameters()) / 1e6
print(f"one set of weights, {millions:.1f} M: {shared}")

# %% [markdown]
# The weights are drawn, not trained: nothing here depends on what they are. What comes in is a photograph of
# an unkind size, 225 × 301, and on its way up the network rounds 301 to 151, 76, 38, 19, 10. From 02 you know where the
# samples of the last map stand: at the multiples of 32 in one network, of 8 in the other.

# %% tags=["hide-input"]
cat = photo("chelsea")[..., 20:245, 75:376]  # 225 x 301, cut out and not resized
figure, panels = plt.subplots(1, 2, figsize=(9.375, 3.6), layout="constrained")
for axes, stride in zip(panels, (32, 8), strict=True):
    axes.imshow(cat[0].permute(1, 2, 0).numpy())
    places = [(i, j) for i in range(0, 225, stride) for j in range(0, 301, stride)]
    others = [(j, i) for i, j in places if i % 32 or j % 32]
    kept = [(j, i) for i, j in places if not (i % 32 or j % 32)]
    if others:
        axes.scatter(*zip(*others, strict=True), s=5, c=style.Y_D, lw=0, clip_on=False)
    axes.scatter(
        *zip(*kept, strict=True), s=34, c=style.PHASES[0], ec="white", lw=0.9, clip_on=False
    )
    axes.set_title(f"stride {stride}: {len(places):,} places", fontsize=11)
    axes.set_axis_off()
show(
    figure,
    alt="The photograph twice, a cat's face. Left the 8 by 10 places at multiples of 32 pixels. Right the 29 by 38 places at "
    "multiples of 8, among them the same 80.",
)

# %% [markdown]
# *The 80 places of stride 32 are among the 1,102 of stride 8.*
#
# Compare the map at stride 32 with every fourth row and column of the map at stride 8.

# %% tags=["hide-input"]
gap = Prediction(
    "ResNet-50, 225 x 301, float32: how large is the largest difference between y_s and R(y_d), with the largest value as 1?",
    options=[
        "exactly 0",
        "rounding: below 0.00001",
        "a percent, from the odd sizes and the borders",
        "of the order of 1, since the layers read other neighbours",
    ],
    name="08-gap",
)
gap

# %%
images = {
    "225 x 301": cat,
    "97 x 97": cat[..., 40:137, 40:137],
    "224 x 256": cat[..., 1:, :256],
}


def normalised(picture, dtype=torch.float64):
    return (picture.to(dtype) - 0.45) / 0.25


def row(name, network, dtype, sizes, stride=8):
    network = copy.deepcopy(network).to(dtype)
    xs = [normalised(images[size], dtype) for size in sizes]
    found = worst([phase_zero(network, x, output_stride=stride) for x in xs])
    return replace(found, name=f"{name}: y_s = R(y_d), stride 32 and {stride}")


torch.manual_seed(8)
deeper = resnet101().eval()
print("photographs:", ", ".join(images), "and in the last two rows 97 x 97")
rows = [
    row("ResNet-50", net, torch.float32, images),
    row("ResNet-50", net, torch.float64, images),
    row("ResNet-50", net, torch.float64, ["97 x 97"], stride=16),
    row("ResNet-101", deeper, torch.float64, ["97 x 97"]),
]
print(table(rows))

# %% tags=["hide-input"]
gap.reveal(
    "B",
    because={
        "A": "true on paper. Why a computer gives nearly 0 instead is the next section.",
        "C": "a border zero is a zero in every phase, and R rounds an odd size up at every stride, in both networks alike.",
        "D": "they read the same neighbours. The neighbours stand further apart, and so does the kernel.",
    },
)

# %% [markdown]
# The same holds with stride 16, and in a network twice as deep. Strided features are not *other*
# features. They are some of the dilated ones.
#
# ## 3. To the last bit?
#
# The table says "rounding", with a bound. Is there really nothing else in it? Let us look at the bits themselves.

# %% tags=["nbval-ignore-output"]
x = normalised(images["97 x 97"], torch.float32)
y_s, y_d = net(x).c5, reduce(twin(x).c5, rate=4)
print(f"as the library computes: {(y_s != y_d).sum():,} of {y_s.numel():,} values differ,")
print(
    f"by at most {(y_s - y_d).abs().max():.0e}, where the largest value is {y_s.max():.1f}"
)

# %% [markdown]
# On the machine where this page was made more than half of the values differ, all of them in their last digits. On
# yours it may be another count. A computer rounds each sum, so the *order* of a sum matters:

# %%
print("(0.1 + 0.2) + 0.3 == 0.1 + (0.2 + 0.3):", (0.1 + 0.2) + 0.3 == 0.1 + (0.2 + 0.3))

# %% [markdown]
# A fast convolution library chooses the order by the size of the map, and the two maps have different sizes. If
# that is all, then a convolution that always adds up in the same order must leave no difference. Here is one.
# It is slow, and it puts tap after tap and channel after channel onto a sum.


# %%
def in_order(layer, x):
    """A convolution whose sums run over rows, columns and channels of the kernel, in that order."""
    kernel, stride, rate, zeros = (
        pair[0] for pair in (layer.kernel_size, layer.stride, layer.dilation, layer.padding)
    )
    x = F.pad(x, (zeros,) * 4)[0]
    height, width = (size - rate * (kernel - 1) for size in x.shape[-2:])
    y = 0.0
    for u in range(0, kernel * rate, rate):
        for v in range(0, kernel * rate, rate):
            seen = x[:, u : u + height : stride, v : v + width : stride]
            for weight, channel in zip(
                layer.weight[..., u // rate, v // rate].T, seen, strict=True
            ):
                y = y + weight[:, None, None] * channel
    return y[None]


rows = []
for dtype, bits in ((torch.float32, torch.int32), (torch.float64, torch.int64)):
    one, x = copy.deepcopy(net).to(dtype), normalised(images["97 x 97"], dtype)
    with patch.object(nn.Conv2d, "forward", in_order):
        y_s, y_d = one(x).c5, reduce(dilate(one, share=True)(x).c5, rate=4).contiguous()
    differ = int((y_s.view(bits) != y_d.view(bits)).sum())
    print(f"{dtype}: {differ} of {y_s.numel():,} values differ in any bit")
    rows.append(compare("one order: y_s = R(y_d)", y_d, y_s, tolerance=0))
print(table(rows))

# %% [markdown]
# Not one. After fifty layers each of the 32,768 values agrees in all its 32 or 64 bits.
#
# There is a second way to have no rounding: have nothing to round. Networks on phones compute with 8-bit
# integers, and integers add up to the same in any order. Here is such a ResNet-50: weights from -7 to 7; in the
# place of BatchNorm a division by a power of two, rounded; in the place of ReLU a clamp to 0 ... 255. Each of
# these treats every pixel by itself. No sum exceeds 7 · 255 · 4608, and `float64` holds integers up to
# $2^{53}$ exactly, so any order will do. (`extra` makes the residual branches small beside the shortcuts, so the
# shortcuts carry the picture through and the maps of a network that never learned anything still look like the cat.)


# %%
class Rescale(nn.Module):
    """BatchNorm of an 8-bit network: divide by a power of two, fixed at the first call; round."""

    def __init__(self, extra):
        super().__init__()
        self.extra, self.bits = extra, None

    def forward(self, y):
        if self.bits is None:
            self.bits = max(0, int(y.abs().max()).bit_length() - 7) + self.extra
        return (y / 2**self.bits).round()


def in_8_bits(net):
    for path, layer in list(net.named_modules()):
        parent, name = net.get_submodule(path.rpartition(".")[0]), path.rpartition(".")[2]
        if isinstance(layer, nn.Conv2d):
            drawn = torch.randint(-7, 8, layer.weight.shape, generator=generator)
            layer.weight.data = drawn.double()
        elif isinstance(layer, nn.BatchNorm2d):
            setattr(parent, name, Rescale(extra=2 if name == "bn3" else 0))
        elif isinstance(layer, nn.ReLU):
            setattr(parent, name, nn.Hardtanh(0, 255))
    return net


def pixels_of(picture):
    return (picture.double() * 255).round() - 128


generator.manual_seed(8)
phone = in_8_bits(resnet50().double().eval())
phone(pixels_of(cat))  # the first call fixes the divisors
maps = {}
for size, picture in images.items():
    x = pixels_of(picture)
    y_s, y_d = maps[size] = phone(x).c5, dilate(phone, share=True)(x).c5
    differ = int((y_s != reduce(y_d, rate=4)).sum())
    print(
        f"{size}: {differ} of {y_s.numel():,} values differ, which lie between 0 and {y_s.max():.0f}"
    )
name = "8-bit ResNet-50: y_s = R(y_d)"
rows = [
    compare(name, reduce(d, rate=4).contiguous(), s, tolerance=0) for s, d in maps.values()
]
print(table([worst(rows)]))

# %% [markdown]
# So this is what "equal" means, and when:
#
# | numbers | sums taken | $y_s$ and $R(y_d)$ |
# |---|---|---|
# | integers | in any order | **0.0**, not a bit differs |
# | `float32`, `float64` | in one fixed order | **0.0**, not a bit differs |
# | `float64` | as the library likes | within 1e-12 of the largest value |
# | `float32` | as the library likes | within 1e-5 of the largest value |
#
# It is a useful table to carry around. If your two networks differ by 1e-6 in `float32`, go on. If they differ
# by 1e-6 in `float64`, or by 1e-3 in `float32`, something is *wrong*, and section 7 lists the suspects.
#
# ## 4. Pick a phase
#
# Rate 4 has 16 phases, all made by one network with one set of weights.

# %% tags=["hide-input"]
which = Prediction(
    "Lay each of the 16 phases of y_d over y_s. How many agree with it in every value?",
    number=True,
    name="08-how-many-phases",
)
which

# %% [markdown]
# Left the stride-32 map, right the stride-8 map, of the 8-bit network: one channel of 2,048. Pick a phase (arrow
# keys work too, and so does a tap on the right map). Its pixels light up, slide together, and come to lie on
# $y_s$. A pixel keeps its frame where it differs from what is below it.

# %% tags=["hide-input"]
y_s, y_d = maps["225 x 301"]
phase_picker(y_s[0].to(torch.uint8), y_d[0].to(torch.uint8), channel=198)

# %% [markdown]
# *Phase (1, 2) of $y_d$, laid over $y_s$, differs from it in 187,750 of 1,032,192 bits. Is there one that differs in none?*

# %% tags=["hide-input"]
which.reveal(
    1,
    because={
        16: "one set of weights, but 16 sets of pixels. Phase (0, 1) sees the photograph 8 pixels further right.",
        4: "the phases (0, 0), (0, 2), (2, 0), (2, 2) share the stride-16 map. Only one of them survives the next stride.",
        0: "not even (0, 0)? Every number that the strided network computes, the dilated one computes too.",
    },
    explain="Phase (0, 0), whose pixels stand where the strided network looks. The other 15 are what it never computes.",
)

# %% [markdown]
# Wrong by how much, then, if somebody takes $y_s$ for the other phases? The root mean square of the
# difference, with the standard deviation of $y_d$ as 1:

# %%
copied = y_s.repeat_interleave(4, dim=-2).repeat_interleave(4, dim=-1)
copied = copied[..., : y_d.shape[-2], : y_d.shape[-1]].contiguous()
errors = phase_error("y_s copied", copied, y_d, rate=4).phases
for p in range(4):
    print(f"p = {p}:", "  ".join(f"{errors[4 * p + q]:.2f}" for q in range(4)))
agree, zero = [], []
for phase in split(y_d, rate=4)[1:]:
    below = y_s[..., : phase.shape[-2], : phase.shape[-1]]
    agree.append(float((phase == below).double().mean()))
    zero.append(float(((phase == 0) & (below == 0)).double().mean()))
print(f"values that agree all the same: {100 * min(agree):.0f} to {100 * max(agree):.0f} %")
print(f"zeros on both sides:            {100 * min(zero):.0f} to {100 * max(zero):.0f} %")

# %% [markdown]
# Exactly 0 in one corner, and large wherever one steps away from it: **exact** for one phase, **approximate** for
# fifteen. Three pixels away, a copy of $y_s$ is worse than the mean of $y_d$, whose error would be 1. (Some values
# agree even there. Most of them are zeros that ReLU left, and a zero is a zero.)
#
# Remember this square. FastFCN's whole business is to make those 15 numbers small without computing the 15 phases, and
# walkthrough 10 draws the same square for the JPU.
#
# ## 5. Sixteen runs of the plain stages
#
# If one phase of $y_d$ is a run of the plain stages, what are the others? Sixteen runs of the plain stages, each on
# its own phase. Write it with $S$ and $M$, stage by stage:
#
# $$c_3 \;\to\; C_r \;\to\; \underbrace{S \to C_r^{5}}_{\text{layer3, 4 phases}} \to\; C_r \;\to\;
# \underbrace{S \to C_r^{2}}_{\text{layer4, 16 phases}} \to\; M \to M$$
#
# (One $C_r$ is a whole block here, with its three convolutions, BatchNorm, ReLU and shortcut: of these the 3 × 3 alone looks at
# neighbours.) Between the stages stands no merge: $M$ and $S$ have cancelled. What was a stride became $C_r$ followed by $S$
# instead of $R$. That is the only change: *keep* all phases where the strided network keeps one.

# %% tags=["hide-input"]
work = Prediction(
    "Sixteen runs of the plain stages, against one run of the dilated stages: how many multiplications, relative to it?",
    options=[
        "16 times as many",
        "4 times as many",
        "the same number, exactly",
        "fewer, since small maps are cheaper",
    ],
    name="08-work",
)
work


# %%
def trunk(net, x):
    return net.layer2(net.layer1(net.maxpool(net.relu(net.bn1(net.conv1(x))))))


def without_stride(block):
    block = copy.deepcopy(block)
    block.conv2.stride = block.downsample[0].stride = (1, 1)
    return block


def sixteen_runs(net, x):
    y_m = without_stride(net.layer3[0])(trunk(net, x))
    fours = []
    for phase in split(y_m, rate=2):  # 4 phases, and the rest of layer3 on each
        y = without_stride(net.layer4[0])(net.layer3[1:](phase))
        fours.append(merge([net.layer4[1:](part) for part in split(y, rate=2)], rate=2))
    return merge(fours, rate=2)


with FlopCounterMode(display=False) as counted:
    merged = sixteen_runs(phone, pixels_of(cat))
sixteen = counted.get_total_flops() // 2
shape = torch.empty(1, 3, 225, 301, device="meta")  # shapes are enough to count the others
strided, dilated = (
    total(layer_costs(one, shape)).macs for one in (net, dilate(net, share=True))
)
for name, macs in (("16 runs", sixteen), ("dilated", dilated), ("strided", strided)):
    print(f"{name}: {macs / 1e9:.2f} GMAC")
print("16 runs and dilated, equal to the last MAC:", sixteen == dilated)
print(f"dilated / strided: {dilated / strided:.2f}")

net = net.double()
x = normalised(images["97 x 97"])
y_d97 = dilate(net, share=True)(x).c5
rows = [
    compare("8-bit, 225 x 301: 16 runs, merged = y_d", merged, y_d, tolerance=0),
    compare("97 x 97: 16 runs, merged = y_d", sixteen_runs(net, x), y_d97),
    compare("97 x 97: the library's by_phases = y_d", by_phases(net, x), y_d97),
]
print(table(rows))

# %% tags=["hide-input"]
work.reveal(
    "C",
    because={
        "A": "each run has a sixteenth of the pixels.",
        "B": "layer3 runs on 4 phases of a quarter each, layer4 on 16 of a sixteenth each. Nothing is done twice.",
        "D": "a MAC is a MAC. The number of outputs times the kernel is the same, however the outputs are grouped.",
    },
    explain="The dilated network pays for the phases, not for the dilation. The strided one computes 1 of 16.",
)

# %% tags=["hide-input"]
figure = plt.figure(figsize=(9.375, 3.5), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=(1.12, 1))
grey = {"vmin": 0, "vmax": float(y_d[0, 198].max())}
for k, (axes, phase) in enumerate(
    zip(left.subplots(4, 4).flat, split(y_d[0, 198], rate=4), strict=True)
):
    axes.imshow(phase.numpy(), **grey)
    frame = plt.Rectangle(
        (-0.5, -0.5), phase.shape[1], phase.shape[0], fill=False, clip_on=False
    )
    frame.set(edgecolor=style.phase_colour(k, rate=4), linewidth=4 if k == 0 else 1.8)
    axes.add_patch(frame)
    axes.set(xlim=(-0.5, 9.5), ylim=(7.5, -0.5))
    axes.set_axis_off()
axes = right.subplots()
axes.imshow(y_d[0, 198].numpy(), **grey)
axes.set_axis_off()
left.suptitle("16 runs; the first is $y_s$", x=0.02, ha="left", fontsize=11)
right.suptitle("merged: $y_d$", x=0.02, ha="left", fontsize=11)
show(
    figure,
    alt="Left, the 16 small maps that the plain stages make of the 16 phases: each a coarse cat, each slightly different. "
    "Right, the 16 maps merged: the eyes and the nose of the cat are recognisable.",
)

# %% [markdown]
# *The dilated network makes 16 maps, of which the strided network makes the first. Merged, they are $y_d$, bit for bit.*
#
# Somebody who wants the dilated network's map without a dilated convolution can have it, for the same work. And
# somebody who asks why it is slow has the answer in the picture. That is also why a JPU behind a backbone of stride 8
# saves nothing, as somebody once reported ([wuhuikai/FastFCN#22](https://github.com/wuhuikai/FastFCN/issues/22)): the 16 maps have been made by then.
#
# ## 6. An old acquaintance: shift and stitch
#
# Before dilated convolutions had their name, there was a trick for getting dense predictions from a coarse network.
# It stands in section 3.2 of the FCN paper: shift the photograph by a few pixels, run the network, shift again, run
# again, and interlace the outputs. The paper adds that filters with zeros between their taps reproduce this, and that
# one can do so "efficiently by processing subsampled versions of the upsampled input". You know all three by now: phases,
# dilation, and sixteen runs.
#
# Here it is, on the whole photograph of 300 × 451. To go from stride 32 to stride 8 takes 16 runs, shifted by 0, 8,
# 16, 24 pixels on each axis. The network is a small one, whose receptive field fits into the picture.

# %% tags=["hide-input"]
where = Prediction(
    "Shift-and-stitch with the strided network, against y_d of the dilated one. Where do they differ?",
    options=[
        "everywhere: it is a different method",
        "nowhere",
        "near the top and left edges only",
        "near all four edges",
    ],
    name="08-stitch",
)
where

# %%
torch.manual_seed(8)
small = ResNet(block="bottleneck", blocks=(1, 1, 2, 2), width=16).double().eval()
x = normalised(photo("chelsea"))
shifts = [(p, q) for p in range(4) for q in range(4)]
with FlopCounterMode(display=False) as dilated_work:
    y_d = dilate(small, share=True)(x).c5
with FlopCounterMode(display=False) as stitched_work:
    stitched = merge([small(x[..., 8 * p :, 8 * q :]).c5 for p, q in shifts], rate=4)
c3 = small(x).c3
later = merge([small.layer4(small.layer3(c3[..., p:, q:])) for p, q in shifts], rate=4)
ways = {
    "shift the photograph": stitched,
    "shift c3": later,
    "split y_m": sixteen_runs(small, x),
}

inside = (..., slice(12, None), slice(12, None))
broken = dict(breaks=True, tolerance=0.01)
rows = [
    compare("shift the photograph: from 12 on", stitched[inside], y_d[inside]),
    compare("shift the photograph: everywhere", stitched, y_d, **broken),
    compare("shift c3: everywhere", later, y_d, **broken),
    compare("split y_m: everywhere", ways["split y_m"], y_d),
]
print(table(rows))
work = stitched_work.get_total_flops() / dilated_work.get_total_flops()
windows = [(7, 2, 1, 3)] + [(3, stride, 1, 1) for stride in (2, 1, 2, 2, 1, 2, 1)]
print("receptive field:", receptive_field(windows).size, "pixels")
print(f"shifting the photograph takes {work:.1f} times the work of the dilated network")

# %% tags=["hide-input"]
where.reveal(
    "C",
    because={
        "A": "the shifts of the photograph become shifts of c3 by one pixel, and those are the phases.",
        "B": "nearly. A shifted photograph has lost its first rows, and every layer sees zeros in their place.",
        "D": "at the right and at the bottom all shifted copies end where the photograph ends. So do the phases.",
    },
    explain="Same decomposition, another place for the split. What lies inside agrees to rounding.",
)

# %% tags=["hide-input"]
figure, panels = plt.subplots(1, 3, figsize=(9.375, 2.35), layout="constrained")
for axes, (name, y) in zip(panels, ways.items(), strict=True):
    error = ((y - y_d).abs().amax(dim=1)[0] / y_d.abs().max()).numpy()
    axes.imshow(error, cmap="gray_r", vmin=0, vmax=0.25)
    axes.set_title(f"{name}: {(error > 1e-12).sum()} of {error.size} differ", fontsize=10)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(visible=True, color=style.soft(), linewidth=0.8)
show(
    figure,
    alt="Where the three ways differ from y_d. Shifting the photograph, or c3: a band along the top and the left edge, with every "
    "fourth row and column free of it. Splitting y_m: blank.",
)

# %% [markdown]
# *Shift the photograph, or $c_3$, and 774 of 2,166 places differ from $y_d$, all near the top and the left edge. Split
# $y_m$, and none does: exact, up to rounding.*
#
# Shift and stitch *is* the decomposition of FastFCN, with the split moved down to the photograph. It pays twice for
# that. It repeats the lower layers 16 times, although their results only shift. And a photograph that has been cut
# meets its zero padding in the wrong place: the first layers see zeros where rows 0 to 7 were. Half a receptive field, 85
# pixels or 11 rows of the map, is how far that reaches. Every fourth row and column is free of it, since there nothing was
# cut. Splitting $y_m$ avoids both. By then all pixels have been read,
# and from then on a phase never asks for a pixel of another.
#
# ## 7. Break it, four ways
#
# Four changes, all of them plausible, three of them in daily use:
#
# 1. **Every block dilated.** Each 3 × 3 of a stage gets the stage's rate, the first block's too.
# 2. **BatchNorm in train mode.** Both networks, as they are while they are trained.
# 3. **Multi-grid.** The blocks of the last stage get 1, 2, 4 times the rate, as in DeepLabv3.
# 4. **Reflect padding** in the two stages, of both networks, because zeros at the border look ugly.

# %% tags=["hide-input"]
harmless = Prediction(
    "One of the four leaves half of the 80 pixels of y_s exactly as they were, on the photograph of 225 x 301. Which?",
    options=[
        "every block dilated",
        "BatchNorm in train mode",
        "multi-grid",
        "reflect padding",
    ],
    name="08-four",
)
harmless


# %%
def reflecting(network):
    network = copy.deepcopy(network)
    for layer in [*network.layer3.modules(), *network.layer4.modules()]:
        if isinstance(layer, nn.Conv2d) and layer.kernel_size == (3, 3):
            layer.padding_mode = "reflect"  # and what the constructor derives from it:
            layer._reversed_padding_repeated_twice = [layer.padding[0]] * 4
    return network


def four_ways(net, x):
    """Name -> (y_d of the changed network, y_s)."""
    every, y_s = dilate(net), net(x).c5
    set_multi_grid(every.layer3, 2, (1,) * len(every.layer3))
    set_multi_grid(every.layer4, 4, (1,) * len(every.layer4))
    return {
        "every block dilated": (every(x).c5, y_s),
        "BatchNorm in training mode": (
            dilate(net).train()(x).c5,
            copy.deepcopy(net).train()(x).c5,
        ),
        "multi-grid (1, 2, 4)": (dilate(net, multi_grid=(1, 2, 4))(x).c5, y_s),
        "reflect padding": (reflecting(dilate(net))(x).c5, reflecting(net)(x).c5),
    }


single = copy.deepcopy(net).float()
changed = four_ways(single, normalised(cat, torch.float32))
rows = []
for name, (y_d, y_s) in changed.items():
    rows.append(compare(name, reduce(y_d, rate=4).contiguous(), y_s, **broken))
print(table(rows))

# %% [markdown]
# The library keeps the first three as `counterexamples`. On the small picture it finds what this cell finds:

# %%
tiny_x = normalised(images["97 x 97"])
mine, library = four_ways(net, tiny_x), counterexamples(net, tiny_x)
for found in library:
    y_d, y_s = mine[found.name]
    error = compare(found.name, reduce(y_d, rate=4).contiguous(), y_s).error
    print(f"97 x 97, {found.name}: the library agrees:", abs(error - found.error) < 1e-9)

# %% tags=["hide-input"]
harmless.reveal(
    "D",
    because={
        "A": "the very first layer of the stage reads other pixels, everywhere.",
        "B": "a mean over the map belongs to all of its pixels.",
        "C": "rates 4, 8, 16 instead of 2, 4, 4: no pixel of the last stage keeps its neighbours.",
    },
    explain="It breaks at the border alone, and walks in by one tap a layer. Why only from the right, see below.",
)

# %% tags=["hide-input"]
figure, panels = plt.subplots(1, 4, figsize=(9.375, 2.35), layout="constrained")
for axes, (name, (d, s)) in zip(panels, changed.items(), strict=True):
    error = ((reduce(d, rate=4) - s).abs().amax(dim=1)[0] / s.abs().max()).numpy()
    axes.imshow(error, cmap="gray_r", norm=PowerNorm(0.6, vmin=0, vmax=0.6))
    axes.set_title(
        f"{name.replace('ining mode', 'in mode')}\nlargest {error.max():.2f}", fontsize=9.5
    )
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(visible=True, color=style.soft(), linewidth=0.8)
    axes.set_xlabel(f"{(error < 1e-5).sum()} of {error.size} pixels untouched", fontsize=9)
show(
    figure,
    alt="The error of R(y_d) against y_s on the 8 by 10 map for the four changes. The first three are grey all over. "
    "With reflect padding the left half is blank and the error grows towards the right edge.",
)

# %% [markdown]
# *Three of the changes leave no pixel of $y_s$ as it was. Reflect padding leaves 40 of 80, and errs more, the further
# right.*
#
# ### Every block dilated: the first block has no strided layer below it
#
# Off by 0.14 of the largest value. This is the right half of the first picture. In the strided network `layer3.0` reads
# pixels of $c_3$ that stand one apart; at rate 2 it reads others. Trained weights were trained for the former. Both
# choices are in use: mmsegmentation's ResNet dilates every block of a stage unless it is told `contract_dilation=True`, and
# torchvision keeps the `previous_dilation` for the first block. The two are different functions of one set of weights.
#
# ### BatchNorm in train mode: the mean sees the other phases
#
# Off by 0.59, the most of the four. In training, BatchNorm computes a mean and a variance for each channel over all
# pixels of the map that it sees. So:

# %% tags=["hide-input"]
bn = Prediction(
    "In train mode, on one photograph: the output of which BatchNorm is the first in which the two networks differ?",
    options=["bn1, after the stem", "layer3.0.bn1", "layer3.0.bn2", "layer4.0.bn2"],
    name="08-bn",
)
bn


# %%
def norms(network, x):
    """Input and output of every BatchNorm in train mode, by name."""
    network, seen = copy.deepcopy(network).train(), {}
    for name, layer in network.named_modules():
        if isinstance(layer, nn.BatchNorm2d):

            def keep(_, given, out, name=name):
                seen[name] = given[0], out

            layer.register_forward_hook(keep)
    network(x)
    return seen


def aligned(fine, coarse):
    return next(y for r in (1, 2, 4) if (y := reduce(fine, rate=r)).shape == coarse.shape)


strided, dilated = norms(net, tiny_x), norms(dilate(net, share=True), tiny_x)
differ = [
    name
    for name, (_, out) in strided.items()
    if (aligned(dilated[name][1], out) - out).abs().max() > 1e-9
]
name = differ[0]
print(f"{len(differ)} of {len(strided)} differ, the first is {name}")
(given, out), (given_d, out_d) = strided[name], dilated[name]
rows = [
    compare(f"{name}: the inputs agree", aligned(given_d, given).contiguous(), given),
    compare(f"{name}: the outputs", aligned(out_d, out).contiguous(), out, **broken),
]
print(table(rows))
shift = (given.mean((0, 2, 3)) - given_d.mean((0, 2, 3))).abs() / given_d.std((0, 2, 3))
print("pixels averaged:", given[0, 0].numel(), "against", given_d[0, 0].numel())
print(f"the two means are up to {shift.max():.2f} standard deviations apart")

# %% tags=["hide-input"]
bn.reveal(
    "C",
    because={
        "A": "up to layer2 the two networks are one: same layers, same maps.",
        "B": "it stands before the 3 x 3 that lost its stride. Both networks have the whole map there.",
        "D": "true as well, but by then the damage is done.",
    },
    explain="The first BatchNorm after the first removed stride: one network averages over phase 0, the other over all four.",
)

# %% [markdown]
# In eval mode the statistics are stored numbers, the same for both, and the equality is exact again. It does not
# matter which of the two networks collected them. Freezing BatchNorm while fine-tuning keeps it exact as well.
#
# ### Multi-grid: other neighbours, on purpose
#
# Off by 0.5. DeepLabv3 changes the rates of the last stage to gather context at several distances, and then trains it.
# That is a design, not an error. But its $y_d$ says nothing exact about a strided network, and the strided network nothing
# about it.
#
# ### Reflect padding: where does the mirror stand?
#
# Off by 0.1, and only on the right. A mirror stands in the last pixel of the map. The strided network's last pixel is
# the last one of *its own* grid; the dilated network's is the last of the fine grid. On the left and at the top both
# are pixel 0, and a reflection about pixel 0 takes multiples of 4 to multiples of 4. So nothing is wrong there. At the far end it depends on the size.

# %%
torch.manual_seed(8)
slim = resnet50(width=16).double().eval()
strided, dilated = reflecting(slim), reflecting(dilate(slim))
whole = normalised(photo("chelsea"))
rows = []
for size in ((225, 289), (232, 296), (233, 297), (224, 288)):
    x = whole[..., : size[0], : size[1]]
    y_s, y_d = strided(x).c5, dilated(x).c5
    holds = all(-(-n // 8) % 4 == 1 for n in size)
    knobs = {} if holds else broken
    name = f"reflect, {size[0]} x {size[1]}: y_s = R(y_d)"
    rows.append(compare(name, reduce(y_d, rate=4).contiguous(), y_s, **knobs))
x = whole[..., :225, :289]
rows.append(
    compare(
        "reflect, 225 x 289: 16 runs, merged = y_d",
        sixteen_runs(strided, x),
        dilated(x).c5,
        **broken,
    )
)
print(table(rows))

# %% [markdown]
# From $32k + 1$ to $32k + 8$ pixels, both grids end in the same pixel, both mirrors stand in the same place, and phase
# (0, 0) is exact *with* reflect padding. You have met the first of these sizes in 06: at $32k + 1$
# `align_corners=True` is right, and for the same reason. 225 is one of them and 301 is not: that is why the picture is
# wrong from the right and nowhere else. But this saves one phase of 16. The last row runs all of them, each with its own
# mirrors, and they do not make $y_d$. Zeros need no such care: a zero is a zero in every phase.
#
# ## Ask your neighbour
#
# Choose alone, argue with somebody who chose otherwise, choose again. Then open the reasons.

# %% tags=["hide-input"]
quiz(
    [
        Question(
            "A dilated network has been trained at stride 8, BatchNorm in train mode. You load its weights and running statistics into the strided network and set both to eval mode. Is y_s = R(y_d)?",
            [
                "No: the statistics were collected over all 16 phases, and the strided network has one.",
                "Yes, up to rounding.",
                "Only for odd sizes.",
            ],
            answer="B",
            why=[
                "True while they are collected. In eval mode they are two stored numbers a channel, and both networks use the same two.",
                "In eval mode every BatchNorm is a scale and a shift of each pixel by itself. Who measured the numbers does not matter.",
                "Sizes matter for reflect padding. With zeros every size will do.",
            ],
            peer=True,
        ),
        Question(
            "Two codebases load the same trained weights. In one, layer4's first block has rate 2, in the other rate 4; all else is equal. What do you expect before any fine-tuning?",
            [
                "The same maps: the first block once had the stride, and it has none now.",
                "Rate 4 is better, since the context is larger.",
                "Only the first one computes what the weights were trained for.",
                "Neither: removing a stride needs retraining.",
            ],
            answer="C",
            why=[
                "Its 3 x 3 still reads neighbours. Below it one stride has been removed, so they are two apart.",
                "It reads pixels that these weights have never been fitted to. Fine-tuning may mend that; loading does not.",
                "The rate is the product of the strides removed below: 2 for layer4.0, then 4.",
                "Its phase (0, 0) is the strided network's output to the last digits, without a step of training.",
            ],
            peer=True,
        ),
    ]
)

# %% [markdown]
# ## What you take with you
#
# - A layer's rate is the product of the strides that were removed *below* it. The first block of a stage keeps the
#   previous rate.
# - $y_s = R(y_d)$ through 50 and 101 layers, at every size. **Exact**: not a bit differs where sums do not round or run
#   in one order; 1e-12 in `float64` and 1e-5 in `float32` otherwise.
# - $y_d$ is 16 runs of the plain stages, merged, for exactly the same work. The strided network makes 1 of the 16.
# - Shift and stitch is the same decomposition, split at the photograph: more work, and wrong near two borders.
# - It breaks with every block dilated, with multi-grid, with BatchNorm in train mode, and with reflect padding unless
#   both grids end in one pixel.
# - $y_s$ copied to the other 15 phases is off by 0.8 to 1.1 standard deviations here. That is the gap that joint
#   upsampling has to close.
#
# **Glossary.**
#
# - **output stride**: pixels of the photograph for each pixel of the last map; 32 as built, 16 or 8 when dilated.
# - **rate**: distance of neighbouring taps; 1 means no dilation.
# - **phase (p, q)**: the pixels `[p::4, q::4]` of the stride-8 map.
# - **multi-grid**: different rates for the blocks of one stage.
# - **shift-and-stitch**: run a coarse network on shifted photographs and interlace the outputs.
#
# **References.** Wu et al., *FastFCN: Rethinking Dilated Convolution in the Backbone for Semantic Segmentation*, 2019,
# [arXiv 1903.11816](https://arxiv.org/abs/1903.11816). ·
# Shelhamer, Long and Darrell, *Fully Convolutional Networks for Semantic Segmentation*, 2017,
# [arXiv 1605.06211](https://arxiv.org/abs/1605.06211), section 3.2, "Shift-and-stitch is filter dilation". ·
# Yu, Koltun and Funkhouser, *Dilated Residual Networks*, 2017, [arXiv 1705.09914](https://arxiv.org/abs/1705.09914). ·
# Chen et al., *Rethinking Atrous Convolution for Semantic Image Segmentation*, 2017,
# [arXiv 1706.05587](https://arxiv.org/abs/1706.05587), where multi-grid comes from. ·
# Jacob et al., *Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference*, 2018,
# [arXiv 1712.05877](https://arxiv.org/abs/1712.05877), for networks of 8-bit integers.
#
# **Exercises:** [four tasks](exercises/08_two_networks.ipynb), with checks that know the usual mistakes.
#
# **Next:** [09 · Context](09_context.ipynb). And [10](10_posed_and_solved.ipynb) takes up the square of section 4.

# %% tags=["hide-input"]
tally()
