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
# # 02 · Compute four, keep one
#
# Run a convolution over every pixel of a photograph. Then throw three of four results away, without so
# much as a look at them. That is a scandalous waste of work. It is also, number for number, what a
# convolution with stride 2 returns, the layer that makes every network fast.
#
# Before you read on: if the two are equal, then a strided network has *not computed* three quarters of
# its answers. It has not blurred them, and not mixed them into the others. Could somebody who needs them
# later get them back? FastFCN is a bet that the answer is yes.
#
# **The claim.** A strided convolution is a regular convolution and a reduction, $C_s = C_r \to R$. The
# stride changes no number. It chooses which numbers exist.
#
# **You will be able to** replace a stride by a reduction and say what that costs, say to a fraction of
# a pixel where each sample of a network sits, compute a receptive field in your head, and explain why
# most of it hardly counts.
#
# **Time:** 40 minutes. **You need:** [01](01_convolution.ipynb), above all the line
# "output $i$ reads the inputs $i s + k r - p$".
#
# **Reads:** FastFCN (Wu et al., [arXiv 1903.11816](https://arxiv.org/abs/1903.11816)), section 3.3, the
# operators $R$ and $C_s$ · [`jpu_edu/ops/phases.py`](../jpu_edu/ops/phases.py) ·
# [`jpu_edu/ops/convs.py`](../jpu_edu/ops/convs.py) ·
# [`jpu_edu/cost/receptive.py`](../jpu_edu/cost/receptive.py)

# %%
import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from ipywidgets import IntSlider, interact

from jpu_edu.cost.macs import conv_macs
from jpu_edu.cost.receptive import effective_size, gradient_support, receptive_field
from jpu_edu.data.photos import edge_features, photo
from jpu_edu.draw import grids, style
from jpu_edu.draw.show import show
from jpu_edu.ops.compare import compare, table, worst
from jpu_edu.ops.convs import dilated_conv, regular_conv, strided_by_reduce, strided_conv
from jpu_edu.ops.interp import phase_aligned
from jpu_edu.ops.phases import merge, reduce, split
from jpu_edu.widgets.conv_reduce import conv_reduce
from jpu_edu.widgets.effective import (
    RANGES,
    centred,
    draw_spotlight,
    explore_effective,
    random_gradient,
    stack_of,
)
from jpu_edu.widgets.predict import Prediction, tally
from jpu_edu.widgets.quiz import Question, quiz
from jpu_edu.widgets.receptive import receptive_fan

style.use()
generator = torch.Generator().manual_seed(2)


def randn(*shape):
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


# %% [markdown]
# ## Before you start
#
# Three questions about [01](01_convolution.ipynb). From memory.

# %% tags=["hide-input"]
quiz(
    [
        Question(
            "Kernel 3, stride 2, padding 1, rate 1. Which inputs does output 3 read?",
            ["5, 6, 7", "6, 7, 8", "2, 3, 4"],
            answer="A",
            why=[
                "3·2 + k - 1 for k = 0, 1, 2.",
                "The padding moves the window back by one.",
                "That is stride 1.",
            ],
        ),
        Question(
            "In the matrix of a convolution, what does stride 2 do on one axis?",
            [
                "It removes every second column",
                "It removes every second row",
                "It sets every second weight to zero",
            ],
            answer="B",
            why=[
                "Columns belong to inputs. The input is all there, and nearly all of it is read.",
                "Rows belong to outputs. Every second output does not exist; the others are what they were.",
                "The weights stay. Rate 2 is the one that puts zeros between them.",
            ],
        ),
        Question(
            "A 3 x 3 layer goes from rate 1 to rate 2, with the padding that keeps the size. Its MACs",
            ["stay the same", "grow by 25/9", "fall to a quarter"],
            answer="A",
            why=[
                "Nine taps for each output, the same number of outputs.",
                "The kernel spans 5 x 5, but still has nine taps.",
                "A rate does not shrink the output.",
            ],
        ),
    ]
)

# %% [markdown]
# ## 1. Reduce
#
# $R$ keeps the samples whose index is a multiple of the rate and forgets the others. In one dimension it
# is `x[::r]`. The samples with the same remainder form a **phase**: $R$ keeps phase 0.

# %% tags=["hide-input"]
prediction = Prediction(
    "A 7 x 7 map has 49 pixels. How many are left after R at rate 2?",
    number=True,
    name="02-reduced-pixels",
)
prediction


# %%
def keep_phase_0(x, rate):
    return x[..., ::rate, ::rate]


signal = torch.tensor([[3.0, 1, 4, 1, 5, 9, 2, 6, 5]], dtype=torch.float64)
x = torch.arange(49, dtype=torch.float64).reshape(7, 7)
print("signal  ", signal[0].int().tolist(), "->", keep_phase_0(signal, 2)[0].int().tolist())
print("map     ", tuple(x.shape), "->", tuple(keep_phase_0(x, 2).shape))
print("as the library:", torch.equal(keep_phase_0(x, 2), reduce(x, rate=2)))

# %% tags=["hide-input"]
prediction.reveal(
    16,
    because={
        12: "49 / 4 rounded down. R works on rows and on columns, 4 of 7 each.",
        9: "7 / 2 rounded down, squared. Count the kept rows: 0, 2, 4, 6.",
        25: "49 / 2 rounded up: half of the pixels. Two axes make it about a quarter.",
    },
    explain="Rows 0, 2, 4, 6 and the same columns: 4 x 4. On odd sizes R rounds up.",
)

# %% tags=["hide-input"]
figure, axes = style.canvas(900.0, 380.0)
cell = 40.0
dropped = [(i, j) for i in range(7) for j in range(7) if i % 2 or j % 2]
grids.draw_map(axes, x, rate=2, at=(30.0, 60.0), cell=cell)
grids.draw_map(axes, x, rate=2, ghost=dropped, at=(345.0, 60.0), cell=cell)
grids.draw_map(
    axes, reduce(x, rate=2), rate=2, phase=0, at=(705.0, 60.0 + 1.5 * cell), cell=cell
)
style.write(axes, 30.0, 38.0, "x, coloured by phase", align="left", colour=style.soft())
style.write(axes, 345.0, 38.0, "what R keeps", align="left", colour=style.soft())
style.write(axes, 705.0, 98.0, "R x", align="left", colour=style.soft())
axes.annotate(
    "",
    (695.0, 200.0),
    (636.0, 200.0),
    arrowprops={"arrowstyle": "-|>", "color": style.ink(), "lw": 1.2},
)
line = "The kept pixels move together. Their values do not change, and no other pixel leaves a trace in them."
style.write(axes, 450.0, 360.0, line, size=11)
show(
    figure,
    alt="A 7 by 7 map whose pixels have four colours by the remainders of row and column. R keeps the "
    "blue ones, rows and columns 0, 2, 4, 6, and packs them into a 4 by 4 map.",
)

# %% [markdown]
# ## 2. A stride is a reduction that came early
#
# Ask the line from 01. With stride $s$, output $i$ reads the inputs $i s + k - p$. Without a stride,
# output $i s$ reads the inputs $i s + k - p$. The same inputs, the same weights, the same sum:
#
# $$C_s(x)_i \;=\; C_r(x)_{i s}\qquad\text{that is}\qquad C_s = C_r \to R .$$
#
# Step through it. Left, all outputs are computed and then reduced; right, the stride never computes
# them. Two counters say what the difference costs.

# %%
x_small = (torch.arange(49) * 5 % 9).reshape(7, 7).tolist()
kernel = [[1, 0, -1], [2, 1, 0], [0, 1, 1]]
conv_reduce(x_small, kernel, stride=2)

# %% [markdown]
# Does it survive odd sizes, even kernels, paddings that are too large, strides larger than the kernel?
# There is no reason in the argument why it should not.

# %%
weight = randn(4, 3, 3, 3)
features = randn(2, 3, 13, 10)
by_hand = F.conv2d(features, weight, padding=1)[..., ::3, ::3]
by_torch = F.conv2d(features, weight, padding=1, stride=3)
print("max difference below 1e-12:", bool((by_hand - by_torch).abs().max() < 1e-12))

rows = []
for _ in range(60):
    height, width, k_h, k_w, stride, padding = (
        int(torch.randint(low, high, (), generator=generator))
        for low, high in ((5, 30), (5, 30), (1, 6), (1, 6), (1, 6), (0, 4))
    )
    map_, own = randn(1, 4, height, width), randn(6, 2, k_h, k_w)
    knobs = dict(stride=stride, padding=padding, groups=2)
    got, want = strided_by_reduce(map_, own, **knobs), strided_conv(map_, own, **knobs)
    rows.append(compare("C_r -> R = C_s", got, want))
row_reduce = worst(rows)
print(table([row_reduce]))

# %% [markdown]
# ## 3. What the stride saves, and what it leaves behind
#
# The numbers are equal. The work is not.

# %% tags=["hide-input"]
prediction = Prediction(
    "C_r then R against C_s with stride 2, both 3 x 3 with padding 1, on a 15 x 15 map. By which factor does "
    "the reduction after the fact cost more?",
    options=["2", "3.52", "4", "9"],
    name="02-waste",
)
prediction

# %%
print("size       C_r -> R      C_s       factor   (64 channels, M MACs)")
for size in (7, 8, 15, 64, 65, 512):
    layer = dict(in_channels=64, out_channels=64, kernel=3, padding=1, size=(size, size))
    everything, kept = conv_macs(**layer), conv_macs(stride=2, **layer)
    print(f"{size:4} {everything / 1e6:14.2f} {kept / 1e6:11.2f} {everything / kept:9.2f}")

# %% tags=["hide-input"]
prediction.reveal(
    "B",
    because={
        "A": "a stride of 2 acts on both axes.",
        "C": "right for even sizes, and nearly right for large ones. Here 225 outputs stand against 64.",
        "D": "9 is the number of taps. Both sides use all of them.",
    },
    explain="15 x 15 = 225 sums against 8 x 8 = 64. The factor tends to stride squared as the map grows.",
)

# %% [markdown]
# That is why nobody computes $C_r \to R$. It is the *meaning* of a strided convolution, not a recipe.
# And it says precisely what was left behind: three maps of features, as good as the one we kept. Here
# are all four for a photograph. A strided network has the blue one.

# %%
camera = photo("camera", dtype=torch.float64)
everywhere = edge_features(camera)  # eight maps: edges in eight directions
phases = split(everywhere, rate=2)
energy = torch.stack([phase.square().sum() for phase in phases])
print(
    "share of the energy in each phase:",
    [f"{share:.2f}" for share in energy / energy.sum()],
)

guessed = phase_aligned(phases[0], rate=2)
gap = (guessed - everywhere).square()
for k, (error, phase) in enumerate(zip(split(gap, rate=2), phases, strict=True)):
    relative = (error.sum() / phase.square().sum()).sqrt()
    print(f"phase {k} guessed from phase 0 by interpolation: off by {100 * relative:.0f} %")

# %% tags=["hide-input"]
figure, panels = plt.subplots(1, 5, figsize=(9.375, 2.35), layout="constrained")
crop = (slice(40, 104), slice(110, 174))
panels[0].imshow(camera[0, 0, 80:208, 220:348].numpy(), vmin=0, vmax=1)
panels[0].set_title("x, a part", fontsize=11)
for k, (axes, phase) in enumerate(zip(panels[1:], phases, strict=True)):
    axes.imshow(phase[0, 0][crop].numpy(), vmin=0, vmax=0.6)
    axes.set_title(f"phase {k}" + (": kept" if k == 0 else ""), fontsize=11)
for number, axes in enumerate(panels):
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(number > 0)
    if number:
        for spine in axes.spines.values():
            spine.set(edgecolor=style.phase_colour(number - 1), linewidth=3)
show(
    figure,
    alt="The four phases of an edge response, side by side. At a glance they are the same picture; at "
    "the edges they differ, because each looks one pixel further.",
)

# %% [markdown]
# Every phase has about a quarter of the energy: none is better than the others, and phase 0 was kept because
# somebody has to start counting somewhere. Guessing the missing three from the kept one by interpolation
# is **approximate**, and off by half to three quarters, because what these maps show are edges, and between
# two samples an edge does what it wants. Edges are where a segmentation needs to be right. Doing better than
# interpolation is called *joint upsampling*; it is the J and the U of JPU.
#
# ## 4. Where a sample sits
#
# A small question with long consequences: the coarse map has a sample number 3. Over which input pixel
# does it stand? We need a measuring device, and the cheapest one is a **ramp**: a signal whose value *is*
# its position. A layer whose weights add up to one, applied to a ramp, reports where it looked.

# %% tags=["hide-input"]
prediction = Prediction(
    "Kernel 3 with padding 1 and stride 4. Where, in input pixels, does output 3 sit?",
    options=["at 12", "at 13.5, the middle of its block of 4", "at 3"],
    name="02-where",
)
prediction

# %%
ramp = torch.arange(40, dtype=torch.float64)[None, None]
mean = {K: torch.full((1, 1, K), 1 / K, dtype=torch.float64) for K in (2, 3, 4, 7)}
layers = {
    "kernel 3, stride 2, padding 1": F.conv1d(ramp, mean[3], stride=2, padding=1),
    "kernel 3, stride 4, padding 1": F.conv1d(ramp, mean[3], stride=4, padding=1),
    "kernel 7, stride 2, padding 3": F.conv1d(ramp, mean[7], stride=2, padding=3),
    "patches: kernel 2, stride 2": F.conv1d(ramp, mean[2], stride=2),
    "patches: kernel 4, stride 4": F.conv1d(ramp, mean[4], stride=4),
}
for name, y in layers.items():
    places = "  ".join(f"{value:4.1f}" for value in y[0, 0, 2:7])
    print(f"{name:32} outputs 2 to 6 sit at {places}")

# %% tags=["hide-input"]
prediction.reveal(
    "A",
    because={
        "B": "the coarse pixel is imagined as a block of four fine ones. True for patches, false here.",
        "C": "that is its index on the coarse map. One step there is four pixels here.",
    },
    explain="i·s + (K - 1)/2 - p = 3·4 + 1 - 1 = 12: the middle tap stands on a multiple of the stride.",
)

# %% tags=["hide-input"]
figure, axes = plt.subplots(figsize=(9.375, 2.5), layout="constrained")
axes.plot(range(17), [3] * 17, "o", ms=6, color=style.soft())
kept, blocks = range(0, 17, 4), [1.5 + 4 * i for i in range(4)]
for i in range(4):
    axes.add_patch(
        plt.Rectangle((4 * i - 0.5, 1.62), 4, 0.76, fc="none", ec=style.soft(), lw=0.8)
    )
axes.plot(kept, [1] * 5, style.phase_marker(0), ms=9, color=style.phase_colour(0))
axes.plot(blocks, [2] * 4, "x", ms=9, mew=2, color=style.ink())
for i, place in enumerate(kept):
    axes.plot([place, place], [1, 3], color=style.phase_colour(0), lw=0.8, zorder=0)
    axes.text(place, 0.45, f"{i} at {place}", ha="center", fontsize=10)
labels = ((3, "input pixels"), (2, "if they were block centres"), (1, "C_r → R at rate 4"))
for height, name in labels:
    axes.text(-0.9, height, name, ha="right", va="center", fontsize=10.5)
axes.set(xlim=(-6.2, 17), ylim=(0, 3.5))
axes.axis("off")
show(
    figure,
    alt="Input pixels 0 to 16 on a ruler. The samples that R keeps at rate 4 stand exactly at pixels "
    "0, 4, 8, 12, 16. The centres of blocks of four would be at 1.5, 5.5, 9.5, 13.5, one and a half "
    "pixels to the right.",
)

# %% [markdown]
# So in every network built from odd kernels with "same" padding, and the ResNets are such, sample $i$ of
# a map with stride $s$ sits **at pixel $i s$**, at the corner of its block and not in the middle. The
# distance is $(s-1)/2$: half a pixel at stride 2, three and a half at stride 8, fifteen and a half at
# stride 32. Somebody who upsamples as if samples were block centres shifts the picture by that much.
# Notebook 06 measures who does.
#
# ## 5. The receptive field, in theory
#
# Put layers on top of one another. Three numbers describe which inputs sample $i$ of the top sees: the
# **size** of the window, the **jump** from one window to the next, and the **start** of the first one.
# How does a layer change them? Work it out for three layers, with a pencil and three rows of dots.

# %% tags=["hide-input"]
prediction = Prediction(
    "Three layers, each 3 x 3 with stride 2. How many input pixels does one output see along an axis?",
    number=True,
    name="02-field",
)
prediction


# %%
def field(layers):
    size, jump, start = 1, 1, 0
    for kernel, stride, rate, padding in layers:
        start -= padding * jump
        size += (kernel - 1) * rate * jump  # the new taps stand `jump` pixels apart
        jump *= stride
    return size, jump, start


print("layers, kernel 3     size  jump  start")
for name, stack in {
    "1, stride 2": [(3, 2, 1, 1)],
    "2, stride 2": [(3, 2, 1, 1)] * 2,
    "3, stride 2": [(3, 2, 1, 1)] * 3,
    "3, stride 1": [(3, 1, 1, 1)] * 3,
    "3, rates 1, 2, 4": [(3, 1, 1, 1), (3, 1, 2, 2), (3, 1, 4, 4)],
}.items():
    print(f"{name:20} {field(stack)[0]:4} {field(stack)[1]:5} {field(stack)[2]:6}")

# %% tags=["hide-input"]
prediction.reveal(
    15,
    because={
        7: "that is without strides: each layer adds 2.",
        27: "3·3·3: windows multiplied. They overlap, so they add, in steps of the jump.",
        13: "1 + 3·4: every layer at the last jump but one. The jumps are 1, 2, 4.",
        31: "the third stride counted too. A stride moves the next layer's taps apart, not its own.",
    },
    explain="1 + 2·1 + 2·2 + 2·4 = 15. A layer's own stride takes effect one layer later.",
)

# %% [markdown]
# Here are such stacks from the side. Point at any sample: solid is what it is made of, dashed is what it is
# used for. Hollow dots are samples that a stride dropped. Compare "stride 2 in every layer" with "rates
# 1, 2, 4", at the top: the same windows, at every eighth place or at all of them.

# %%
receptive_fan(
    {
        "no stride": [(3, 1, 1, 1)] * 3,
        "stride 2 in the first": [(3, 2, 1, 1), (3, 1, 1, 1), (3, 1, 1, 1)],
        "stride 2 in every layer": [(3, 2, 1, 1)] * 3,
        "rates 1, 2, 4": [(3, 1, 1, 1), (3, 1, 2, 2), (3, 1, 4, 4)],
        "patches of 2": [(2, 2, 1, 0)] * 3,
    },
    size=32,
)

# %% [markdown]
# Is that arithmetic true of tensors? Ask one: perturb the inputs and see which of them move the output.
# The gradient does it for all inputs at once. Where it is not zero is its **support**, and for
# random weights it must be the theoretical window, pixel by pixel, holes included.

# %%
rows = []
for _ in range(12):
    draw = [
        torch.randint(low, high, (3,), generator=generator)
        for low, high in ((1, 5), (1, 3), (1, 4))
    ]
    stack = [
        (k, s, r, 1)
        for k, s, r in zip(*(numbers.tolist() for numbers in draw), strict=True)
    ]
    weights = [randn(1, 1, k, k) for k, *_ in stack]

    def net(x, stack=stack, weights=weights):
        for (_, s, r, p), own in zip(stack, weights, strict=True):
            x = F.conv2d(x, own, stride=s, padding=p, dilation=r)
        return x

    picture = randn(1, 1, 41, 46)
    i, j = (n // 2 for n in net(picture).shape[-2:])
    support = gradient_support(net, picture, position=(i, j))
    theory = receptive_field(stack)
    want = torch.zeros(41, 46, dtype=torch.bool)
    rows_in = [n for n in theory.inputs_of(i) if 0 <= n < 41]
    columns_in = [n for n in theory.inputs_of(j) if 0 <= n < 46]
    want[torch.tensor(rows_in)[:, None], torch.tensor(columns_in)] = True
    rows.append(compare("gradient support = theory", support, want))
    assert (theory.size, theory.stride, theory.start) == field(stack)
row_support = worst(rows)
print(table([row_support]))

# %% [markdown]
# Now for a real network. ResNet-50 as a list of windows, one axis: the 7 x 7 stem, the pooling, and the
# three convolutions of each block, of which the 1 x 1 see no neighbours. Its dilated twin, the backbone
# of DeepLab, PSPNet and EncNet, trades the last two strides for rates. The third is the network as it was
# first published, with the stride of a block in its first 1 x 1.


# %%
def stage(blocks, *, stride=1, rate=1, first_rate=1, early=False):
    """The windows of one stage: its first block has the stride, and keeps the rate of the stage before."""
    steps = (
        [(1, stride, 1, 0), (3, 1, 1, 1)]
        if early
        else [(3, stride, first_rate, first_rate)]
    )
    return steps + [(3, 1, rate, rate)] * (blocks - 1)


stem = [(7, 2, 1, 3), (3, 2, 1, 1)]
start = stem + stage(3) + stage(4, stride=2)
networks = {
    "ResNet-50": start + stage(6, stride=2) + stage(3, stride=2),
    "... dilated": start + stage(6, rate=2) + stage(3, first_rate=2, rate=4),
    "... strides in the 1 x 1": stem
    + stage(3)
    + [w for blocks in (4, 6, 3) for w in stage(blocks, stride=2, early=True)],
}
fields = {name: receptive_field(windows) for name, windows in networks.items()}
for name, one in fields.items():
    print(
        f"{name:25} sees {one.size} pixels, jump {one.stride:2}, sample 0 sits at {one.centre:g}"
    )
same_paths = fields["ResNet-50"].paths == fields["... dilated"].paths
print("ResNet-50 and its dilated twin have the same windows, path for path:", same_paths)

# %% [markdown]
# 427 pixels. Araujo, Norris and Sim report 483 for ResNet-50, and both are right: they measure the first
# version, where a stride acts one layer *earlier*, before the 3 x 3. PyTorch and FastFCN put it into the
# 3 x 3. Whoever says "a stride acts one layer later" out loud knows why that makes a difference of 56.
#
# And look at the last line. The two backbones have not just windows of one size: sample 0 of both is
# reached by the same paths. It is a first hint that the dilated network computes *everything the strided
# one does*, plus what lies between. Notebook 08 proves it with all weights in place.
#
# ## 6. The receptive field, in practice
#
# A theoretical window says which pixels *can* matter. How much they do is another question. A pixel in
# the middle has many paths to the output, a pixel at the rim has one. So count the paths, and say from which
# share of the strongest on a pixel counts. Luo et al. take 4.55 %: what a bell curve has left beyond two
# standard deviations.

# %% tags=["hide-input"]
prediction = Prediction(
    "Twenty layers of 3 x 3 see 41 x 41 = 1681 pixels. With equal weights, how many of these pixels count at "
    "least 4.55 % of what the strongest counts?",
    options=["all 1681", "about 1300", "about 260", "about 40"],
    name="02-effective",
)
prediction

# %%
print("layers   theory    effective   share of the pixels")
for n in (1, 2, 5, 10, 20, 40):
    theory = receptive_field([(3, 1, 1, 1)] * n)
    paths = torch.tensor(theory.paths, dtype=torch.float64)
    side = effective_size(torch.outer(paths, paths))
    print(f"{n:6} {theory.size:8} {side:12.1f} {100 * (side / theory.size) ** 2:14.0f} %")

# %% tags=["hide-input"]
prediction.reveal(
    "C",
    because={
        "A": "that is the support. On each axis a pixel at the rim has one path of 3 486 784 401.",
        "B": "a window with soft edges. The bell is much narrower than the window.",
        "D": "too narrow: that would be 6 x 6 pixels. The width grows with the root of the depth.",
    },
    explain="261 pixels, 16 x 16. The window grows like n, the bell inside like the root of n.",
)

# %% [markdown]
# Adding up many small random steps gives a bell curve; that is the central limit theorem, and it does not
# care that the steps are convolutions. With equal weights the variance is exactly $n (K^2-1)/12$ for each
# axis. Real networks have unequal weights and ReLUs that switch paths off. So we draw 64 random ReLU
# networks of depth 10 and let them look at a cat.

# %%
depth = 10
stack = stack_of(depth=depth)
theory = receptive_field(stack)
cat = photo("chelsea", size=(150, 225), grey=True, dtype=torch.float64)[..., :128, 46:174]
window, corner = centred(cat, theory.size)
strength = random_gradient(window, stack, nets=64, channels=8)

paths = torch.tensor(theory.paths, dtype=torch.float64)
paths = paths / paths.sum()
place = torch.arange(theory.size, dtype=torch.float64) - theory.size // 2
bell = torch.exp(-(place**2) / (2 * depth * (3**2 - 1) / 12))
bell = bell / bell.sum()
measured = strength.square().sum(0) / strength.square().sum()
row_bell = compare("paths = Gaussian", paths, bell, label="approximate", tolerance=0.005)
row_random = compare(
    "random ReLU networks = paths", measured, paths, label="approximate", tolerance=0.04
)
variance = (paths * place**2).sum()
row_variance = compare(
    "variance = n (K K - 1) / 12",
    variance,
    torch.tensor(depth * 8 / 12, dtype=torch.float64),
)
print(table([row_variance, row_bell, row_random]))

# %% tags=["hide-input"]
figure, (left, right) = plt.subplots(
    1, 2, figsize=(9.375, 3.9), layout="constrained", width_ratios=[1, 1.25]
)
draw_spotlight(left, cat[0, 0], strength, corner=corner)
left.set_title("light: how much a pixel counts", fontsize=11)
right.fill_between(place, measured, color=style.tint(style.soft()), lw=0)
right.plot(place, paths, "o", ms=5, color=style.ink())
right.plot(place, bell, color=style.ink(), lw=1.2, ls=style.LINES["approximate"])
for edge in (-0.5 - theory.size // 2, 0.5 + theory.size // 2):
    right.axvline(edge, color=style.soft(), lw=1, ls=(0, (4, 2.5)))
right.text(3.4, 0.122, "paths (dots),\nGaussian (dashed)", fontsize=10)
right.annotate(
    "64 random\nReLU networks",
    (-2.7, 0.085),
    (-9.6, 0.115),
    fontsize=10,
    color=style.soft(),
    arrowprops={"arrowstyle": "-", "color": style.soft(), "lw": 0.8},
)
right.text(10.3, 0.05, "theoretical\nborder", fontsize=10, ha="right", color=style.soft())
right.set(xlim=(-12, 12), ylim=(0, 0.18), yticks=[0, 0.1], xlabel="pixels from the middle")
right.set_title("share of the squared gradient", fontsize=11)
show(
    figure,
    alt="A photograph of a cat. The dashed square is the theoretical receptive field of 21 by 21 "
    "pixels; the light inside fills its middle only. The profile of 64 random networks follows the "
    "counted paths, and these follow a Gaussian.",
)

# %% [markdown]
# Try it yourself. What does depth do to the square, and what to the light? Put a stride of 2 in layer 1,
# then move it up to the last layer. And look closely at the profile with a stride of 2 or 3 in the first
# layer: it has teeth. Some pixels lie under two windows of the strided layer, others under one.

# %% tags=["nbval-ignore-output"]
sliders = {
    name: IntSlider(value=start, min=low, max=high, description=name)
    for name, (low, high, start) in RANGES.items()
}
_ = interact(explore_effective, **sliders)

# %% [markdown]
# ## 7. Shift by one pixel
#
# At the end of 01 a stride-2 convolution answered a shifted picture with different numbers everywhere. Now
# you can say whose numbers they are. If the picture comes one pixel closer, output $i$ reads what output
# $2i + 1$ of the regular convolution read. That is **phase 1**.
#
# Four shifts give all four phases, and merged they are the map that the stride had dropped. The padding
# has to shift along with the picture, so we pad first.

# %%
weight = randn(1, 1, 3, 3)
padded = F.pad(camera[..., :301, :211], (1, 1, 1, 1))  # odd on purpose
shifted = [
    strided_conv(padded[..., p:, q:], weight, stride=2) for p in (0, 1) for q in (0, 1)
]
full = regular_conv(padded, weight)
row_shift = worst(
    [compare("shift, then C_s = a phase", got, want)
     for got, want in zip(shifted, split(full, rate=2), strict=True)]
)  # fmt: skip
row_stitch = compare("4 shifts merged = C_r", merge(shifted, rate=2), full)
print(table([row_shift, row_stitch]))

# %% tags=["hide-input"]
figure, axes = style.canvas(900.0, 300.0)
demo = torch.tensor([[3.0, 1, 4, 1, 5, 9, 2, 6, 5]], dtype=torch.float64)
kernel_1d = torch.tensor([[[[1.0, 0, -1]]]], dtype=torch.float64)
wide = F.pad(demo, (1, 1))
regular = F.conv2d(wide[None, None], kernel_1d)[0, 0]
cell = 36.0
grids.draw_signal(axes, regular[0], rate=2, at=(60.0, 52.0), cell=cell)
style.write(
    axes, 60.0, 32.0, "regular: all nine outputs", align="left", colour=style.soft()
)
for k in (0, 1):
    got = F.conv2d(wide[None, None, :, k:], kernel_1d, stride=(1, 2))[0, 0, 0]
    top = 130.0 + 84.0 * k
    left = 60.0 + k * cell
    grids.draw_signal(axes, got, rate=2, phase=k, pitch=2, at=(left, top), cell=cell)
    words = "stride 2" if k == 0 else "stride 2 on the picture shifted by one"
    style.write(axes, 430.0, top + cell / 2, words, align="left", colour=style.ink())
    for n in range(len(got)):
        x0 = 60.0 + (2 * n + k + 0.5) * cell
        axes.plot(
            [x0, x0],
            [52.0 + cell + 3, top - 3],
            color=style.phase_colour(k),
            lw=0.9,
            zorder=0,
        )
show(
    figure,
    alt="Nine outputs of a regular convolution in two alternating colours. The strided convolution has "
    "the five blue ones; the same strided convolution on the shifted signal has the four orange ones.",
)

# %% [markdown]
# This trick has a name, *shift-and-stitch*, and a history: the authors of FCN describe it in section 3.2
# of their paper and decide against it. It is split and merge, on the outside of a network. Notebook 03
# brings it inside.
#
# ## The check

# %%
kept_phase = compare("R = phase 0 of S", reduce(full, rate=3), split(full, rate=3)[0])
interior = layers["kernel 3, stride 4, padding 1"][..., 1:]
row_ramp = compare("sample i sits at i s", interior, reduce(ramp, rate=(1, 4))[..., 1:])
leaf = randn(1, 2, 9, 12).requires_grad_()
own = randn(3, 2, 3, 3)
gradients = [
    torch.autograd.grad(layer(leaf, own, stride=2, padding=1).square().sum(), leaf)[0]
    for layer in (strided_by_reduce, strided_conv)
]
row_gradient = compare("gradients of both forms", *gradients)
exact = [kept_phase, row_reduce, row_gradient, row_ramp, row_support, row_variance]
print(table([*exact, row_shift, row_stitch, row_bell, row_random]))

# %% [markdown]
# ## Where it stops
#
# Convolve, then reduce. Why not the other way round? It computes as few outputs as the stride does, on a map
# of the same size, and it does not even need a strided convolution. Let us look.

# %%
sobel = (
    torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]], dtype=torch.float64)[None, None]
    / 4
)
conv_first = reduce(regular_conv(camera, sobel, padding=1), rate=2)
reduce_first = regular_conv(reduce(camera, rate=2), sobel, padding=1)
other_phase = split(regular_conv(camera, sobel, padding=1), rate=2)[3]
rows = [
    compare("R -> C_r instead of C_r -> R", reduce_first, conv_first, breaks=True),
    compare("phase (1, 1) instead of phase 0", other_phase, conv_first, breaks=True),
]
print(table(rows))

# %% tags=["hide-input"]
figure, panels = plt.subplots(1, 3, figsize=(9.375, 3.35), layout="constrained")
difference = (reduce_first - conv_first).abs()
crop = (0, 0, slice(40, 140), slice(90, 190))
for axes, (picture, name, low, high) in zip(
    panels,
    (
        (conv_first, "C_r, then R", -0.5, 0.5),
        (reduce_first, "R, then C_r", -0.5, 0.5),
        (difference, f"difference, at most {difference.max():.2f}", 0, 0.5),
    ),
    strict=True,
):
    axes.imshow(picture[crop].numpy(), vmin=low, vmax=high)
    axes.set_title(name, fontsize=11)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
show(
    figure,
    alt="Head and camera of the man. Convolving first gives thin edges; reducing first gives coarse, "
    "doubled edges. The difference is large along every edge.",
)

# %% [markdown]
# The two orders are not equal, and now that we know the line from 01 we can say what the wrong order
# *is*. After $R$, neighbours are two pixels apart. A kernel on the reduced map reads $x$ at distance 2:
# it is a **dilated** kernel. So
#
# $$R \to C_r \;=\; C_d \to R .$$
#
# The mistake of a moment ago is a law, and the most useful one in this course: it lets a reduction move
# *forward* past a convolution if that convolution takes on holes. Push the $R$ of a strided network
# forward through all its layers, and what stands before it is the dilated network.

# %%
rows = []
for height, width, k, rate in [
    (9, 12, 3, 2),
    (13, 13, 3, 3),
    (20, 17, 5, 2),
    (16, 31, 3, 4),
]:
    x_any, own = randn(1, 2, height, width), randn(3, 2, k, k)
    p = k // 2
    late = reduce(dilated_conv(x_any, own, rate=rate, padding=rate * p), rate=rate)
    early = regular_conv(reduce(x_any, rate=rate), own, padding=p)
    rows.append(compare("R -> C_r = C_d -> R", early, late))
photo_row = compare(
    "the same, on the photograph",
    reduce_first,
    reduce(dilated_conv(camera, sobel, rate=2, padding=2), rate=2),
)
print(table([worst(rows), photo_row]))

# %% [markdown]
# ## Ask your neighbour

# %% tags=["hide-input"]
quiz(
    [
        Question(
            "You replace the stride 2 of one layer in the middle of a trained network by 1, and change nothing "
            "else. The next layers",
            [
                "compute the same features at twice the resolution",
                "see windows that are half as wide as before, and compute other features",
                "raise an error",
            ],
            answer="B",
            why=[
                "This layer does: it now has all phases. But the next kernel was trained on samples that stood "
                "two steps apart.",
                "Their taps stand half as far apart in the picture. To give them back what they saw, they need "
                "rate 2: that is the dilated network.",
                "A convolution accepts any map that is large enough.",
            ],
            peer=True,
        ),
        Question(
            "A stride-32 backbone keeps one phase of how many, compared with the same network at stride 8?",
            ["4", "16", "1024"],
            answer="B",
            why=[
                "4 along an axis, and a map has two axes.",
                "4 x 4 offsets. The stride-32 map is one phase of sixteen, and the other fifteen have never "
                "been computed.",
                "32 x 32 counts against the input. Against stride 8 it is 4 x 4.",
            ],
            peer=True,
        ),
    ]
)

# %% [markdown]
# ## What you take with you
#
# - $C_s = C_r \to R$, exactly, for every size, kernel, stride and padding. A stride chooses outputs, it
#   does not change them.
# - It saves a factor of about stride squared, and what it does not compute are complete maps: the other
#   phases.
# - With odd kernels and "same" padding, sample $i$ sits at pixel $i s$. Not in the middle of a block.
# - Theory: size grows by (kernel − 1) · rate · jump, and a stride acts one layer later. Practice: a bell
#   in the middle, as wide as the root of the depth.
# - $R \to C_r = C_d \to R$. Reducing early is paid for with holes.
#
# **Glossary.**
#
# - **reduce ($R$)**: keep phase 0.
# - **phase**: the samples with one remainder of row and column.
# - **jump**: distance, in input pixels, of two neighbouring samples of a map.
# - **receptive field**: the inputs that can move an output.
# - **support**: where a gradient is not zero.
# - **effective receptive field**: how much each input of the receptive field moves the output.
# - **shift-and-stitch**: the phases of a strided network by shifting its input.
#
# **References.** H. Wu et al., *FastFCN*, [arXiv 1903.11816](https://arxiv.org/abs/1903.11816), section 3.3.
# A. Araujo, W. Norris, J. Sim, *Computing Receptive Fields of Convolutional Neural Networks*, Distill 2019,
# [doi 10.23915/distill.00021](https://distill.pub/2019/computing-receptive-fields). W. Luo et al.,
# *Understanding the Effective Receptive Field*, NeurIPS 2016,
# [arXiv 1701.04128](https://arxiv.org/abs/1701.04128). E. Shelhamer, J. Long, T. Darrell, *Fully Convolutional
# Networks*, [arXiv 1605.06211](https://arxiv.org/abs/1605.06211) (shift-and-stitch). M. J. Shensa, *The
# discrete wavelet transform: wedding the à trous and Mallat algorithms*, 1992 (filters with holes, and why).
#
# **Exercises:** [four tasks](exercises/02_stride_and_reduce.ipynb), with checks that know the usual mistakes.
#
# **Next:** [03 · Split, conv, merge](03_split_conv_merge.ipynb), in which a dilated convolution turns out to have no holes.

# %%
tally()
