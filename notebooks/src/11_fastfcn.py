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
# # 11 · FastFCN, line by line, trained
#
# In March 2019 somebody ran the official code of FastFCN as its README says, on four GPUs, and waited. No error, no
# warning, a loss that fell. The result: a mIoU of 47.85 (the IoU of 05, in percent, averaged over all classes; 12 takes it apart). The authors, with the same script: 51.05. Two days later they had
# found it ([wuhuikai/FastFCN#2](https://github.com/wuhuikai/FastFCN/issues/2)). One line was missing. The parameters
# of the JPU, the module that the paper is about, had never been handed to the optimiser. Nearly twenty million numbers
# in the middle of the network were as the random generator had left them.
#
# Before you read on: how much worse should a network be whose middle is noise? Somebody who had made the same
# mistake elsewhere mended it and wrote that the results "almost not change"
# ([Tramac/awesome-semantic-segmentation-pytorch#85](https://github.com/Tramac/awesome-semantic-segmentation-pytorch/issues/85)).
#
# **The claim.** FastFCN is forty lines, and every one of them you know. What can go wrong stands around them: a
# parameter that nobody moves, a run that cannot go on, a number without its command. Each has a check that
# takes seconds.
#
# **You will be able to** write FastFCN so that official checkpoints fit it, say what each head costs behind it, write
# the training loop and prove that it trains *everything*, kill a run and lose nothing, train on a folder
# of your own photographs, and say what a trained JPU is, and what it is not.
#
# **Time:** 70 minutes. **You need:** [03](03_split_conv_merge.ipynb) (dilation is split and merge),
# [09](09_context.ipynb) (the heads), [10](10_posed_and_solved.ipynb) (what the JPU has to estimate).
#
# **Reads:** FastFCN (Wu et al., [arXiv 1903.11816](https://arxiv.org/abs/1903.11816)), sections 3.4 and 4.1 ·
# [`jpu_edu/necks/jpu.py`](../jpu_edu/necks/jpu.py), [`jpu_edu/models/build.py`](../jpu_edu/models/build.py) ·
# [`jpu_edu/train/loop.py`](../jpu_edu/train/loop.py), the whole loop on one page

# %%
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from ipywidgets import IntSlider, fixed, interact
from torch import nn
from torch.optim import AdamW

from jpu_edu.backbones.dilate import dilate
from jpu_edu.bench.resemble import explain, in_batches
from jpu_edu.bench.twin_maps import Aligned, looking, pyramid, untrained
from jpu_edu.cost.ledger import by_part, total
from jpu_edu.cost.macs import layer_costs
from jpu_edu.data import pictures, readers
from jpu_edu.data.batches import Batches
from jpu_edu.data.cameraman import CAMERAMAN, cameraman_labels
from jpu_edu.data.check import examine
from jpu_edu.data.decode import read_image
from jpu_edu.data.held import Held
from jpu_edu.data.palettes import CAMVID
from jpu_edu.data.photos import photo
from jpu_edu.data.scenes import SCENES, Scenes
from jpu_edu.draw import style
from jpu_edu.draw.show import show
from jpu_edu.layers.features import Features
from jpu_edu.models import build
from jpu_edu.models.weights import load_fastfcn
from jpu_edu.necks.jpu import JPU
from jpu_edu.ops.compare import compare, table
from jpu_edu.ops.phases import reduce
from jpu_edu.train import checkpoint, recipes
from jpu_edu.train.distributed import World
from jpu_edu.train.evaluate import evaluate
from jpu_edu.train.groups import check_groups, group_table, paper_groups
from jpu_edu.train.log import curve, read_log
from jpu_edu.train.loop import train
from jpu_edu.train.loss import segmentation_loss
from jpu_edu.train.predict import predict
from jpu_edu.train.schedule import one_cycle
from jpu_edu.train.step import gradients, seed_step
from jpu_edu.widgets.predict import Prediction, tally
from jpu_edu.widgets.quiz import Question, quiz
from jpu_edu.widgets.replay import Replay, explore_replay, ranges

style.use()
torch.set_num_threads(1)  # the maps are small: threads would mostly wait for one another
broken = dict(breaks=True, tolerance=0.01)
work = tempfile.TemporaryDirectory()  # for all that is written here
folder = Path(work.name)

# %% [markdown]
# ## Before you start
#
# Three questions about earlier walkthroughs. From memory.

# %% tags=["hide-input"]
quiz(
    [
        Question(
            "From 03: a 3 x 3 convolution at rate 4. Which pixels does one output read?",
            [
                "all 81 of a 9 x 9 window",
                "nine, all of one phase out of sixteen",
                "nine, of nine different phases",
            ],
            answer="B",
            why=[
                "The window spans 9 x 9. The kernel has nine taps, and the holes cost nothing.",
                "Its taps are 4 apart on both axes, and so are the pixels of a phase at rate 4.",
                "Nine neighbours would be of nine phases. That is rate 1.",
            ],
        ),
        Question(
            "From 08: c5 of the strided network holds how many of the sixteen phases of the dilated network's c5?",
            ["one", "four", "sixteen, mixed"],
            answer="A",
            why=[
                "Phase (0, 0), exactly. The other fifteen are what joint upsampling has to estimate.",
                "c4 holds one of four. Between c4 and c5 stands another stride.",
                "Nothing is mixed: R keeps pixels, and does not average them.",
            ],
        ),
        Question(
            "From 05: scores at stride 32, perfect ones, resized. A bar of 6 pixels crosses the picture. How much of it is found?",
            ["all of it, a little blurred", "about 6 / 32 of it", "nothing"],
            answer="C",
            why=[
                "The shares are right, but the largest share wins, and the bar has at most 6 / 32 of a block.",
                "That is its share of a block, and it never wins with that.",
                "At most half a stride wide, it never wins a block. At stride 8 the border lies at 4 pixels.",
            ],
        ),
    ]
)

# %% [markdown]
# ## 1. A JPU with one channel
#
# Take the smallest JPU that there is: three levels with one channel each, and a single branch, at rate 2. Its guide
# $c_3$ has eight samples, $c_4$ four and $c_5$ two. Both are resized to eight, with their ends meeting (`align_corners=True`, from 06),
# and the three are laid on one another.

# %%
levels = {
    "c5": torch.tensor([7.0, 0]),
    "c4": torch.tensor([0.0, 7, 14, 21]),
    "c3": torch.tensor([0.0, 0, 0, 8, 8, 8, 8, 8]),
}


def up(x):
    return F.interpolate(x[None, None], size=8, mode="linear", align_corners=True)[0, 0]


joined = torch.stack([up(x) for x in levels.values()])  # the deepest first
for name, row in zip(levels, joined, strict=True):
    print(f"{name} at eight samples: {row.round().int().tolist()}")

# %% [markdown]
# Then comes the branch. First each row is convolved *by itself* (that is "depthwise"), with a kernel of its own, at rate 2:
# 0, 1, 0 for $c_5$, and -1, 0, 1 for $c_4$, and 1, -2, 1 for $c_3$. Then the three rows are added up (a 1 × 1 convolution,
# "pointwise", all of its weights 1), and negative sums become 0.
#
# A pencil will do.

# %% tags=["hide-input"]
by_hand = Prediction(
    "Output 3 of this branch. Positions are counted from 0, so c3 has its first 8 there.",
    number=True,
    name="11-by-hand",
)
by_hand

# %%
kernels = torch.tensor([[0.0, 1, 0], [-1, 0, 1], [1, -2, 1]])
depthwise = F.conv1d(joined[None], kernels[:, None], padding=2, dilation=2, groups=3)[0]
y = depthwise.sum(0).relu()  # pointwise, ReLU
print("y:", y.round().int().tolist())

# %% tags=["hide-input"]
by_hand.reveal(
    8,
    because={
        2: "that is rate 1: the direct neighbours.",
        11: "c5 was repeated, 7 7 7 7 0 0 0 0. Resized it falls evenly: 4 stands at position 3.",
        16: "the middle tap of c3's kernel is -2, and it stands on the 8 at position 3.",
        -8: "that is what c3 brings, alone. c5 brings 4 and c4 brings 15 - 3.",
    },
    explain="c5: 4. c4, two places to either side: 15 - 3 = 12. c3: 0 - 2 · 8 + 8 = -8. Together 8.",
)

# %% [markdown]
# The same from the library. Its first convolutions are 3 × 3 and learned; here they are the identity. Its norms do
# nothing here, and a map of one row is one-dimensional enough.

# %%
small = JPU((1, 1, 1, 1, 1), width=1, rates=(2,)).double().eval()
with torch.no_grad():
    for module in small.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_var.fill_(1 - module.eps)  # sqrt(var + eps) = 1
    for block in small.inputs.values():
        nn.init.dirac_(block.conv.weight)
    branch = small.branches[0].separable
    branch.depthwise.weight.zero_()[:, 0, 1] = kernels.double()  # the middle row
    branch.pointwise.weight.fill_(1)
    rows = [x.double().view(1, 1, 1, -1) for x in levels.values()]
    c5, c4, c3 = rows
    library = small(Features(c3, c3, c3, c4, c5))[0, 0, 0]
print(table([compare("by hand = the library's JPU", y.double(), library, tolerance=1e-5)]))

# %% [markdown]
# That is a JPU. The real one has 512 channels instead of one and four branches, at rates 1, 2, 4, 8, whose
# results are laid on one another: $4 \cdot 512 = 2048$ channels, as many as $c_5$ has. Hence the head of a dilated network fits as it is.
#
# Rate 1 mixes neighbours, which belong to different phases: it relates $y_m^0$ to the rest of $y_m$. The taps of rates 4
# and 8 stay within one of the sixteen phases of which $c_5$ holds one, as the map from $y_m^0$ to $y_s$ does. Rate 2 mixes those, and
# stays within one of the *four* phases that matter to $c_4$. (The paper draws two phases; there 2, 4 and 8 all stay within one.) Split and
# merge are nowhere to be seen, since a dilated convolution *is* both (03).

# %% tags=["hide-input"]
figure, axes = style.canvas(900, 392)


def box(x, y, width, height, text, colour=None, size=10):
    face = style.tint(colour, 0.35) if colour else style.paper()
    edge = colour or style.soft()
    axes.add_patch(plt.Rectangle((x, y), width, height, fc=face, ec=edge, lw=1.2))
    style.write(axes, x + width / 2, y + height / 2, text, size=size)


def arrow(x0, y0, x1, y1):
    axes.annotate(
        "", (x1, y1), (x0, y0),
        arrowprops={"arrowstyle": "-|>", "color": style.soft(), "lw": 1.1, "shrinkA": 2, "shrinkB": 2},
    )  # fmt: skip


for level, (side, middle, words) in {
    "c5": (22, 80, "stride 32"),
    "c4": (40, 180, "stride 16"),
    "c3": (72, 290, "stride 8"),
}.items():
    colour = style.LEVELS[level]
    box(120 - side / 2, middle - side / 2, side, side, "", colour)
    style.write(axes, 18, middle - 9, f"${level[0]}_{level[1]}$", size=13, align="left")
    style.write(axes, 18, middle + 12, words, size=8.5, align="left", colour=style.soft())
    arrow(120 + side / 2, middle, 186, middle)
    box(186, middle - 18, 92, 36, "3 × 3, 512", colour)
    if level != "c3":
        arrow(278, middle, 306, middle)
        box(306, middle - 18, 66, 36, "resize")
        arrow(372, middle, 416, {"c5": 130, "c4": 190}[level])
    else:
        arrow(278, middle, 416, 252)
for top, level in ((92, "c5"), (158, "c4"), (224, "c3")):
    box(420, top, 34, 64, "512", style.LEVELS[level], size=9)
style.write(axes, 437, 306, "joined", size=10)
style.write(axes, 437, 324, "1536", size=10, colour=style.soft())
for place, rate in enumerate((1, 2, 4, 8)):
    middle = 64 + 84 * place
    arrow(456, 190, 524, middle)
    box(524, middle - 22, 190, 44, f"rate {rate}: 3 × 3, then 1 × 1")
    arrow(714, middle, 790, 112 + 52 * place)
    box(792, 86 + 52 * place, 34, 52, "512", size=9)
style.write(axes, 850, 182, "$y$", size=15)
style.write(axes, 809, 318, "2048", size=10, colour=style.soft())
style.write(axes, 809, 336, "stride 8", size=8.5, colour=style.soft())
show(
    figure,
    alt="The JPU: c5, c4 and c3 each pass a 3 by 3 convolution to 512 channels, c5 and c4 are resized to the size of c3, the three "
    "are joined to 1536 channels. Four branches at rates 1, 2, 4, 8 read them, and their results of 512 channels each are y.",
)

# %% [markdown]
# *Three levels are joined once; four branches read the same joined map.* Is it not odd to replace dilated
# convolutions, because they are expensive, by a module full of dilated convolutions? More than one reader has asked
# ([#82](https://github.com/wuhuikai/FastFCN/issues/82), [#110](https://github.com/wuhuikai/FastFCN/issues/110)); 04 and 10 counted the whole JPU. A single branch can be done with a pencil.

# %% tags=["hide-input"]
share = Prediction(
    "Of the multiplications in one branch (1536 channels in, 512 out), which share has a rate at all?",
    options=["nearly all of them", "about half", "about a tenth", "below 2 %"],
    name="11-share",
)
share

# %%
depthwise, pointwise = 1536 * 9, 1536 * 512  # for each pixel of the map
print(f"a pixel: {depthwise:,} depthwise, {pointwise:,} pointwise")
print(f"share with a rate: {100 * depthwise / (depthwise + pointwise):.1f} %")
print(
    f"a dense 3 x 3 would take {(9 * pointwise) / (depthwise + pointwise):.1f} times as many"
)

# %% tags=["hide-input"]
share.reveal(
    "D",
    because={
        "A": "the pictures show the rates, and so one thinks that they are the work.",
        "B": "depthwise has 9 weights a channel, pointwise 512.",
        "C": "9 / 521 is what depthwise has.",
    },
    explain="9 of 521. The JPU's dilation is nearly free; what costs is 512 output channels at stride 8.",
)

# %% [markdown]
# ## 2. FastFCN in forty lines
#
# Here it is, from nothing but PyTorch; the modules carry the names that the official code gave them. Read it against the
# picture: every line of `forward` is one column.


# %%
def block(into, out):
    conv = nn.Conv2d(into, out, 3, padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out), nn.ReLU())


class Separable(nn.Module):
    def __init__(self, into, out, rate):
        super().__init__()
        knobs = dict(padding=rate, dilation=rate, groups=into, bias=False)
        self.conv1 = nn.Conv2d(into, into, 3, **knobs)
        self.bn = nn.BatchNorm2d(into)
        self.pointwise = nn.Conv2d(into, out, 1, bias=False)

    def forward(self, x):
        return self.pointwise(self.bn(self.conv1(x)))  # no ReLU inside


class JPUHere(nn.Module):
    def __init__(self, channels, width):
        super().__init__()
        self.conv5, self.conv4, self.conv3 = (block(c, width) for c in channels[:1:-1])
        for n, rate in enumerate((1, 2, 4, 8), 1):
            branch = Separable(3 * width, width, rate), nn.BatchNorm2d(width), nn.ReLU()
            self.add_module(f"dilation{n}", nn.Sequential(*branch))

    def forward(self, c3, c4, c5):
        maps = self.conv5(c5), self.conv4(c4), self.conv3(c3)
        same = dict(size=c3.shape[-2:], mode="bilinear", align_corners=True)
        joined = torch.cat([F.interpolate(m, **same) for m in maps], dim=1)
        branches = self.dilation1, self.dilation2, self.dilation3, self.dilation4
        return torch.cat([branch(joined) for branch in branches], dim=1)


# %% [markdown]
# A backbone, the JPU, and a head; this one is FCN's, a 3 × 3 and a 1 × 1. The auxiliary head is another one of these, on
# $c_4$. It gives the lower half of the backbone a short way to the loss, and nobody needs it afterwards.


# %%
def fcn_head(into, classes):
    last = nn.Dropout2d(0.1), nn.Conv2d(into // 4, classes, 1)
    return nn.ModuleDict({"conv5": nn.Sequential(*block(into, into // 4), *last)})


class FastFCNHere(nn.Module):
    def __init__(self, backbone, width, classes):
        super().__init__()
        self.pretrained = backbone
        self.jpu = JPUHere(backbone.channels, width)
        self.head = fcn_head(4 * width, classes)
        self.auxlayer = fcn_head(backbone.channels[3], classes)

    def forward(self, x):
        _, _, c3, c4, c5 = self.pretrained(x)
        scores = self.head["conv5"](self.jpu(c3, c4, c5))
        size = x.shape[-2:]
        return F.interpolate(scores, size=size, mode="bilinear", align_corners=True)


# %% [markdown]
# Is it FastFCN? There is a hard test. An official checkpoint is a file of names and numbers, and the library's
# `load_fastfcn` reads such files: from names and shapes alone it finds out which network it is, and rebuilds it from its own parts,
# which are named and grouped differently. So we write a file as the official code does, with an ImageNet classifier that nobody uses and
# a score that is a numpy number (with which today's `torch.load` refuses the original files), and let the library read it.

# %%
torch.manual_seed(11)
backbone = build.make_backbone("resnet18", stem="deep")
mine = FastFCNHere(backbone, width=128, classes=59).double()
cat = photo("chelsea", dtype=torch.float64)[..., 20:245, 75:376]  # 225 x 301, odd
x = (cat - 0.45) / 0.25
with torch.no_grad():
    mine.train()(torch.cat([x, x.flip(-1)]))  # so that the norms have something to say
    mine.eval()
    state = mine.state_dict() | {"pretrained.fc.weight": torch.zeros(1000, 512)}
    content = {"epoch": 80, "state_dict": state, "best_pred": np.float64(0.5)}
    torch.save(content, folder / "official.pth.tar")

    theirs = load_fastfcn(folder / "official.pth.tar")
    features = theirs.backbone(x)
    rows = [
        compare(
            "JPU: the cell = the library",
            mine.jpu(*features[2:]),
            theirs.neck(features),
        ),
        compare("FastFCN: the cell = the file, loaded", mine(x), theirs(x).logits),
    ]
told = {
    k: v
    for k, v in theirs.architecture.items()
    if k in ("builder", "head", "neck", "width", "classes")
}
print("read off the file:", told, theirs.architecture["backbone"]["name"])
counts = [sum(p.numel() for p in net.parameters()) for net in (mine, theirs)]
print(f"parameters: {counts[0]:,} and {counts[1]:,}; names, for example:")
for a, b in (
    ("jpu.dilation3.0.conv1.weight", "neck.branches.2.separable.depthwise.weight"),
):
    same = torch.equal(mine.state_dict()[a], theirs.state_dict()[b])
    print(f"  {a} -> {b}: {same}")
print(table(rows))

# %% [markdown]
# The same parameters, the same outputs, on a photograph of odd size. (The course's tests do this with each head, and
# against outputs that the official code itself computed.)
#
# A file for the backbone alone can miss in one more way. The official ResNet has a *deep stem*, three 3 × 3 where torchvision's has one 7 × 7, so
# torchvision's ImageNet weights do not fit it ([#86](https://github.com/wuhuikai/FastFCN/issues/86)). And the official ones are gone from where the code looks
# for them ([#108](https://github.com/wuhuikai/FastFCN/issues/108)). `load_backbone` reads files of either kind, and builds the stem that they need.
#
# A name is half the truth, though. Two things do not stand in a checkpoint: in
# which **order** the levels are joined, and whether the resize aligns **corners**. mmsegmentation's FastFCN joins them the other way round, $c_3$
# first, and resizes with `align_corners=False`. Weights from here fit there, every one of them. No error is raised.


# %%
def jpu_with(state, **knobs):
    other = JPU(backbone.channels, width=128, **knobs).double().eval()
    other.load_state_dict(state)
    return other


weights = theirs.neck.state_dict()
shallow = jpu_with(weights, order="shallow_first")
edges = jpu_with(weights, align_corners=False)


def reorder(state, width):
    """The three groups of a branch's input channels, the other way round."""
    turned = torch.arange(3 * width).view(3, width).flip(0).flatten()
    return {
        name: tensor[:, turned] if "pointwise" in name else tensor[turned]
        for name, tensor in state.items()
        if "separable" in name and tensor.ndim
    }


mended = jpu_with(weights | reorder(weights, 128), order="shallow_first")
with torch.no_grad():
    want = theirs.neck(features)
    rows = [
        compare("joined the other way round", shallow(features), want, **broken),
        compare("joined so, channels reordered", mended(features), want),
        compare("align_corners=False", edges(features), want, **broken),
    ]
print(table(rows))

# %% [markdown]
# The order is a matter of taste: reorder the channels, and it is the same function, exactly. The corners are not; no
# reordering of weights mends a shift in space.
#
# ## 3. Four heads, and what they cost
#
# Now at full size: ResNet-50, width 512, 59 classes, 512 × 512 pixels. Each head behind the JPU, and behind the dilated backbone
# for which it was made. In 09 the four pairs showed that the head stays; here we ask for the ratio. Multiply-accumulates of all convolutions and linear layers, without the auxiliary head. The networks are built on the meta device, which has shapes and no numbers, so this takes
# no memory and hardly any time.

# %% tags=["hide-input"]
gain = Prediction(
    "For which head does the JPU save the largest share of the multiplications?",
    options=[
        "fcn: one 3 x 3",
        "psp: pools to 1, 4, 9 and 36 boxes",
        "aspp: 3 x 3 at rates 12, 24, 36",
        "enc: encodes the image, weighs the channels",
    ],
    name="11-gain",
)
gain


# %%
def bill(builder, **knobs):
    with torch.device("meta"):
        net = builder(classes=59, aux=False, **knobs).eval()
    rows = layer_costs(net, torch.empty(1, 3, 512, 512, device="meta"))
    return net, {row.name: row for row in by_part(rows)} | {"all": total(rows)}


def show_row(name, net, parts, twin):
    neck = parts["neck"].params / 1e6 if "neck" in parts else 0.0
    head, every = parts["head"].params / 1e6, parts["all"]
    ratio = twin["all"].macs / every.macs
    print(
        f"{name:24}{net.neck.out_channels:6}{neck:8.2f}{head:8.2f}{every.params / 1e6:8.2f}"
        f"{every.macs / 1e9:9.1f}{twin['all'].macs / 1e9:9.1f}{ratio:7.2f}"
    )


twins = {
    "fcn": build.dilated_fcn,
    "psp": build.pspnet,
    "aspp": build.deeplabv3,
    "enc": build.encnet,
}
print("head                         y  neck M  head M   all M     GMAC  dilated  ratio")
bills = {}
for head, builder in twins.items():
    bills[head] = bill(build.fastfcn, head=head), bill(builder)
    (net, parts), (_, twin) = bills[head]
    show_row(head, net, parts, twin)
for head in ("fcn", "enc"):
    net, parts = bill(build.fastfcn, head=head, backbone="resnet101")
    show_row(f"{head}, ResNet-101", net, parts, bill(twins[head], backbone="resnet101")[1])
net, parts = bill(build.fastfcn, neck="jpu_x")
show_row("enc, JPU_X", net, parts, bills["enc"][1][1])
with torch.device("meta"):
    os8 = dilate(build.make_backbone("resnet50"))
net, parts = bill(build.fastfcn, backbone=os8)
show_row("enc, dilated and JPU", net, parts, bills["enc"][1][1])

# %% tags=["hide-input"]
gain.reveal(
    "D",
    because={
        "A": "its 3 x 3 on 2048 channels stays as it was. The ratio is 1.50.",
        "B": "its pooling is cheap, its 3 x 3 on 4096 channels is not, and that stays where it was.",
        "C": "three 3 x 3 on 2048 channels at stride 8. The JPU does not touch them.",
    },
    explain="But read the parts below before you praise the JPU for it.",
)

# %%
for name, (_, parts) in zip(("FastFCN", "EncNet, dilated"), bills["enc"], strict=True):
    told = ", ".join(
        f"{part} {parts[part].macs / 1e9:.1f}"
        for part in ("backbone", "neck", "head")
        if part in parts
    )
    print(f"{name:16} {told}")

# %% [markdown]
# The backbone falls from 106.7 to 28.4 GMAC, and the JPU takes 30.0 of that again, more than the whole backbone behind which it
# stands. But EncNet's *head* fell as well, from 39.9 to 5.5. It lost a 3 × 3: behind the JPU its first convolution is 1 × 1 (09). The paper's
# best ratio has two authors. (In the loss there is a third term with this head, the SE loss of 09. The other heads
# have none, [#16](https://github.com/wuhuikai/FastFCN/issues/16).)
#
# The last two rows answer two more questions. *JPU_X*, which the authors added later, joins in two steps, $c_4$ into $c_3$
# and then $c_5$ ([#73](https://github.com/wuhuikai/FastFCN/issues/73)); it has as many parameters and more work. And a JPU behind
# a backbone that is *dilated already* saves nothing, it only adds
# ([#22](https://github.com/wuhuikai/FastFCN/issues/22)): the ratio is below 1. The time is saved by the stride, not by the JPU. The JPU makes
# up for it.
#
# Can it stand behind *any* backbone, such as ShuffleNet, as somebody wanted
# ([#47](https://github.com/wuhuikai/FastFCN/issues/47))? It asks for five maps and the list of their channels.

# %%
channels = 24, 24, 116, 232, 464  # such as ShuffleNetV2's
sizes = 240, 120, 60, 30, 15
maps = Features(*(torch.randn(2, c, n, n) for c, n in zip(channels, sizes, strict=True)))
light = JPU(channels, width=116)
print(
    f"y {tuple(light(maps).shape)}, {sum(p.numel() for p in light.parameters()):,} parameters"
)

# %% [markdown]
# ## 4. The loop
#
# A training loop has few lines that matter. For each step: take a batch; set the rate; compute scores and loss;
# go back; move. Two of the lines are less usual. `Batches.at(step)` is a *function of the step*: batch 700 can be had without the 699
# before it. And `seed_step` makes dropout a function of the step as well. Section 7 lives on both.

# %%
alone = World(0, 1, torch.device("cpu"))


def fit(model, optimiser, config, images, start=0, stop=None, watch=None):
    """`train` without its folder."""
    knobs = dict(crop=config.crop, seed=config.seed, scale=config.scale)
    knobs |= dict(flip=config.flip, blur=config.blur, resident=True)
    batches = Batches(images, batch=config.batch, **knobs)
    model.to(memory_format=torch.channels_last).train()
    for step in range(start, stop or config.steps):
        x, labels = batches.at(step)
        seed_step(config, step, alone)
        for group in optimiser.param_groups:
            group["lr"] = group["base_lr"] * one_cycle(step, steps=config.steps)
        optimiser.zero_grad()
        x = x.contiguous(memory_format=torch.channels_last)
        loss = segmentation_loss(model(x), labels).total
        loss.backward()
        optimiser.step()
        if watch and (step + 1) % config.log_every == 0:
            watch({"step": step + 1, "loss": loss.item()})


# %% [markdown]
# What is it fed with? Pictures that a rule draws from a number: discs, rectangles, triangles, crosses, rings, and lines that are
# 4 to 7 pixels wide, in any colour, on any texture.

# %%
STEPS = 600
scenes = Held(Scenes(1200))
held_out = Held(Scenes(60, split="val"))
recipe = recipes.shapes_minute("fastfcn")
config = replace(recipe.config, steps=STEPS)
print(f"{len(scenes)} scenes to train on, {len(held_out)} to evaluate on, {config.crop}")
print("classes:", ", ".join(SCENES.names))

# %% tags=["hide-input"]
figure, panels = plt.subplots(2, 6, figsize=(9.375, 3.35))
for place, (above, below) in enumerate(panels.T):
    sample = held_out[place]
    above.imshow(sample.image.permute(1, 2, 0).numpy())
    below.imshow(SCENES.picture(sample.labels).permute(1, 2, 0).numpy())
for axes in panels.flat:
    axes.axis("off")
figure.subplots_adjust(0.005, 0.01, 0.995, 0.99, wspace=0.03, hspace=0.03)
show(
    figure,
    alt="Six scenes and, below, their labels: large discs, rectangles and triangles, and thin lines, rings and crosses, overlapping, "
    "in colours that do not tell the class.",
)

# %% [markdown]
# *Only the form tells the class: what is a line below has any colour above.*
#
# And the library's `train` does the same with checkpoints, a log, evaluation, a lock on the folder, several processes, a
# bar. The same? To the bit, after thirty steps from the same seed:


# %%
def fresh(network="fastfcn", seed=0):
    """A network as its recipe draws it."""
    torch.manual_seed(seed)
    return recipes.shapes_minute(network).model(len(SCENES))


def optimiser_of(model, without=()):
    groups = paper_groups(model, lr=config.lr, factor=1)
    kept = [group for group in groups if group["name"] not in without]
    return AdamW(kept, weight_decay=config.weight_decay)


def flat(model):
    return torch.cat([t.flatten().double() for t in model.state_dict().values()])


short = replace(config, steps=30)
some, few = Held(scenes, count=120), Held(held_out, count=4)
by_cell, by_library = fresh(), fresh()
fit(by_cell, optimiser_of(by_cell), short, some)
train(by_library, some, few, short, folder=folder / "short", progress=False)
both = flat(by_cell), flat(by_library)
print(table([compare("30 steps: the cell = train", *both, tolerance=0)]))

# %% [markdown]
# The paper's own numbers stand in the recipes `pcontext` and `ade20k`: SGD with momentum 0.9, weight decay 0.0001, the rate
# $(1 - t/T)^{0.9}$, 80 or 120 epochs with 16 images a step, and *ten times the rate* for all but the backbone, which comes from
# ImageNet. Nothing here comes from ImageNet, so all parts have one rate, and a schedule made for short runs.
#
# ## 5. One line is missing
#
# The official code listed the groups by hand: the backbone, the head, the auxiliary head. Let us make that list
# for our network, without its JPU (the library calls it `neck`), and train.

# %% tags=["hide-input"]
forgotten = Prediction(
    "All learns but the JPU, which keeps its random weights; 600 steps from the same seed. Against the whole network ...",
    options=[
        "the loss does not fall: nothing passes the noise",
        "the loss falls, and the mIoU ends more than 0.05 lower",
        "the loss falls, and the mIoU ends within 0.05: random features are good enough",
        "the mIoU ends higher: fewer parameters, less to fit",
    ],
    name="11-forgotten",
)
forgotten

# %%
LOOK = dict(scenes=8, every=50)  # what the replay below shows
lame = fresh()
lame_optimiser = optimiser_of(lame, without=("neck",))
before = {name: p.detach().clone() for name, p in lame.named_parameters()}
lame_run = Replay("JPU forgotten", lame, held_out, **LOOK)
fit(lame, lame_optimiser, config, scenes, stop=STEPS // 2, watch=lame_run)

# %% [markdown]
# That was the first half; each of the four training cells takes a while and prints nothing. (A cell should not take minutes on a slow machine; and since everything is a function of the step, the
# second half is a cell like the first.)

# %%
fit(lame, lame_optimiser, config, scenes, start=STEPS // 2, watch=lame_run)

# %% [markdown]
# No error and no warning. Now the same network with all of its groups: same seed, same batches, same steps. (*Near
# boundaries* is the mIoU over the pixels within 3 of an outline alone. 12 says why one looks there.)

# %%
whole = fresh()
whole_optimiser = optimiser_of(whole)
whole_run = Replay("FastFCN", whole, held_out, **LOOK)
fit(whole, whole_optimiser, config, scenes, stop=STEPS // 2, watch=whole_run)

# %%
fit(whole, whole_optimiser, config, scenes, start=STEPS // 2, watch=whole_run)

# %% tags=["nbval-ignore-output"]
# Measured when this page was made; other processors round differently, and the runs part.
scores = {"FastFCN": evaluate(whole, held_out), "JPU forgotten": evaluate(lame, held_out)}
for name, found in scores.items():
    print(f"{name:14} mIoU {found.miou:.3f}, near boundaries {found.band_miou:.3f}")

# %% tags=["hide-input"]
lost = scores["FastFCN"].miou - scores["JPU forgotten"].miou
losses = [list(run.losses.values()) for run in (whole_run, lame_run)]
falls = all(np.mean(told[-10:]) < 0.5 * np.mean(told[:10]) for told in losses)
print("the loss fell to less than half, in both runs:", falls)
print("mIoU lost, more than 0.05:", lost > 0.05)

# %% tags=["hide-input"]
forgotten.reveal(
    "B",
    because={
        "A": "a random convolution is no wall. It mixes what comes in, and the layers around it learn to live with that.",
        "C": "that is what was reported of the other network. It is not so here, nor was it for FastFCN's users.",
        "D": "it loses on scenes that it has seen as well: look at the loss. That is no overfitting.",
    },
    explain="The loss falls, to another value. That is why nobody noticed: who knows which value is right?",
)

# %% [markdown]
# The network *learned around* the noise. A random convolution lets much of what it is given through, its norm goes on measuring means
# (statistics are no parameters), and the layers before and after it adapt. So the loss curve looks like a loss curve. How much is lost depends on
# the network and on the time that it has; on PASCAL Context it was 3.2 points of 51. There are two
# ways to find out without waiting for a number. One works in any code: which parameters are where they were?

# %%
still = [name for name, p in lame.named_parameters() if torch.equal(p, before[name])]
count = sum(before[name].numel() for name in still)
every = sum(p.numel() for p in before.values())
print(
    f"after {STEPS} steps {len(still)} tensors have not moved, {count:,} of {every:,} numbers"
)
print("all of them in:", sorted({name.split(".")[0] for name in still}))

# %% [markdown]
# The other one needs no step at all: every parameter of the model is in exactly one group of the optimiser. The library
# asks this before each run, and prints the groups.

# %%
try:
    check_groups(lame, lame_optimiser)
except ValueError as error:
    print(error)
print()
print(group_table(optimiser_of(lame)))

# %% [markdown]
# ## 6. Six hundred steps
#
# FCN-32s now: the same backbone and 600 steps, but its scores are made at stride 32 and resized. The lines of the scenes are
# 4 to 7 pixels wide. The strokes of rings and crosses have 6 to 9, and a whole ring is 30 to 45 across.

# %% tags=["hide-input"]
thin = Prediction(
    "Of which class does FCN-32s find least, after 600 steps?",
    options=["triangle", "line", "ring", "cross"],
    name="11-thin",
)
thin

# %%
coarse = fresh("fcn32s")
coarse_run = Replay("FCN-32s", coarse, held_out, **LOOK)
coarse_optimiser = optimiser_of(coarse)
fit(coarse, coarse_optimiser, config, scenes, stop=STEPS // 2, watch=coarse_run)

# %%
fit(coarse, coarse_optimiser, config, scenes, start=STEPS // 2, watch=coarse_run)

# %% tags=["nbval-ignore-output"]
scores["FCN-32s"] = evaluate(coarse, held_out)
print(f"{'':13}", "".join(f"{name:>11}" for name in SCENES.names), "       mIoU")
for name in ("FCN-32s", "JPU forgotten", "FastFCN"):
    ious = "".join(f"{value:11.2f}" for value in scores[name].iou.tolist())
    print(f"{name:13} {ious} {scores[name].miou:11.3f}")

# %% tags=["hide-input"]
fine, rough = scores["FastFCN"], scores["FCN-32s"]
line = SCENES.names.index("line")
print("FCN-32s finds least of:", SCENES.names[int(rough.iou.argmin())])
print("FastFCN: mIoU above 0.45:", fine.miou > 0.45)
print("FCN-32s: mIoU below 0.35:", rough.miou < 0.35)
print("FastFCN is ahead by more than 0.1:", fine.miou - rough.miou > 0.1)
print("IoU of lines, FCN-32s below 0.1:", bool(rough.iou[line] < 0.1))
print("IoU of lines, FastFCN above 0.2:", bool(fine.iou[line] > 0.2))
noise = scores["JPU forgotten"].iou[line]
print("IoU of lines, JPU forgotten above FCN-32s:", bool(noise > rough.iou[line] + 0.05))
print(
    "near boundaries FastFCN is ahead by more than 0.1:",
    fine.band_miou - rough.band_miou > 0.1,
)

# %% tags=["hide-input"]
thin.reveal(
    "B",
    because={
        "A": "30 to 60 pixels across: it fills whole blocks of 32. What frays is its edge.",
        "C": "next to nothing is found of it. But a ring fills a block as a whole, and sometimes a block is called a ring.",
        "D": "the same as with the ring: thin strokes, but a figure as large as a block.",
    },
    explain="Far below half a stride of 32 in width, and nothing around it to go by: the rule of 05, now with a trained network.",
)

# %% [markdown]
# Look at the middle row again. With a JPU of random numbers the network finds lines that FCN-32s, in which everything has learned, does
# not find. What learning cannot make up for is resolution that is not there; a random mixture at stride 8 still has it.
#
# One scene, with what the three networks say of it after 600 steps, and how they got there:

# %% tags=["nbval-ignore-output"]
explore_replay(replays=[whole_run, coarse_run, lame_run], frame=12, scene=1)

# %% [markdown]
# *Learned, in 600 steps: FastFCN finds the lines, the network with the forgotten JPU parts of them, FCN-32s none.*
#
# Replay it: the sliders of the next cell draw this picture anew, below themselves. Move the step, choose a scene, and watch
# *when* each network finds something. Once the first noise is gone, everything is background, which is right for most
# pixels. Then come blobs where shapes are, of a class that still changes. Lines come later. And look at the two curves: the
# loss of the run with the forgotten JPU is a curve that one would not stop for.

# %% tags=["nbval-ignore-output"]
played = [whole_run, coarse_run, lame_run]
sliders = {
    name: IntSlider(
        value=start, min=low, max=high, description=name, continuous_update=False
    )
    for name, (low, high, start) in ranges(played).items()
}
_ = interact(explore_replay, replays=fixed(played), **sliders)

# %% [markdown]
# For readers without a kernel: one scene, at five moments.

# %% tags=["hide-input"]
moments = [0, 50, 150, 300, STEPS]
figure, panels = plt.subplots(3, 6, figsize=(9.375, 4.95))
for row, run in zip(panels, played, strict=True):
    shown = [run.frames[step][1] for step in moments] + [run.samples[1].labels]
    for axes, labels in zip(row, shown, strict=True):
        axes.imshow(SCENES.picture(labels).permute(1, 2, 0).numpy())
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    row[0].set_ylabel(run.name, fontsize=10.5)
for axes, title in zip(
    panels[0], [*(f"after {n}" for n in moments), "labels"], strict=True
):
    axes.set_title(title, fontsize=10.5)
figure.subplots_adjust(0.035, 0.01, 0.998, 0.945, wspace=0.03, hspace=0.03)
show(
    figure,
    alt="What the three networks say about one scene after 0, 50, 150, 300 and 600 steps, beside its labels: first noise, then nearly "
    "all is background, then blobs appear, then, in FastFCN, lines. FCN-32s shows no line at any time.",
)

# %% [markdown]
# *The line comes last: first to FastFCN, then in pieces to the forgotten JPU, to FCN-32s never.*
#
# ### The full run
#
# 600 steps are what this page can afford. `python -m jpu_edu bench training` gives each network 75 seconds, and then as many
# steps as FastFCN made in them, with 3,000 scenes to train on and 200 to evaluate on. A stored run of it:

# %% tags=["hide-input"]
stored = json.loads(Path("../figures/data/bench_training.json").read_text("utf-8"))
runs = {
    label: run
    for label, run in stored["found"].items()
    if isinstance(run, dict) and "miou" in run
}


def listing(title, chosen):
    print(title)
    print("network        seed  M MAC  steps   mIoU   near boundaries   line")
    for label, run in chosen:
        print(
            f"{label.split(',')[0]:14}{run['seed']:5}{run['macs'] / 1e6:7.1f}{run['steps']:7}{run['miou']:7.3f}"
            f"{run['band_miou']:18.3f}{run['iou'][line]:7.2f}"
        )
    print()


seconds = f"{stored['settings']['seconds']:g} s"
timed = [item for item in runs.items() if seconds in item[0]]
ours = runs[f"FastFCN, {seconds}, seed 0"]["steps"]
counted = [
    item for item in runs.items() if item[1]["steps"] == ours and item[1]["seed"] == 0
]
listing(f"equal time, {seconds} each", timed)
listing(f"equal steps, {ours} each", counted)
machine = stored["machine"]
print(
    f"{stored['command']}; {machine['processor']}, {machine['instructions']}, {machine['threads']} threads, torch {machine['torch']}"
)

# %% [markdown]
# Read it honestly. From FCN-32s to FastFCN it is far, and the network called *bilinear* says why. It is FastFCN with $c_5$
# merely resized in the place of the JPU: the same backbone, the same head, the same stride of 8. It has no guide, and
# most of the way is still before it. It is the *guide* that finds lines, not the number of scores.
#
# But FCN-8s and FPN have that guide too, and so does the dilated twin, from whose $c_3$ no stride takes anything away. By how much is FastFCN
# ahead of them?


# %% tags=["hide-input"]
def mean(chosen, name):
    return np.mean([run["miou"] for label, run in chosen if label.startswith(name)])


others = "FCN-32s", "bilinear", "FPN", "FCN-8s", "dilated"
print("mIoU of FastFCN minus that of    at equal steps   at equal time")
for name in others:
    gaps = [mean(chosen, "FastFCN") - mean(chosen, name) for chosen in (counted, timed)]
    print(f"{name:30}{gaps[0]:+17.3f}{gaps[1]:+16.3f}")
ratios = stored["found"]["a training step in turn"]["ratios"]
print("\ntime of a training step, dilated over FastFCN:")
for name, ratio in ratios.items():
    print(f"  {name.removesuffix(', dilated'):22} {ratio:.2f}")

# %% [markdown]
# On these scenes the JPU is one good way among several. A network of 16 channels, scenes of 128 pixels and seven classes do not decide between
# them, and we do not claim it. And at this width FastFCN is not even *fast*: its twin multiplies more than twice as much, and
# makes its step in less time, for a step of such a small network is hardly made of multiplications. The saving needs
# a network large enough to be made of them: a ResNet-18 of width 24, with a JPU of 48 channels, has it. (13 has the whole bill.)
#
# ## 7. Your own photographs, and a power cut
#
# The question under half of the threads of any such project is: how do I train it on *my* pictures? The official answer was to
# write a class ([#19](https://github.com/wuhuikai/FastFCN/issues/19), [#36](https://github.com/wuhuikai/FastFCN/issues/36)). Here it is a folder:
# `images/train`, `labels/train`, the same for `val`, and a table of your classes. The label pictures may hold numbers or colours.
# Ours hold colours. The photograph is the one from 05, and is cut into pieces.

# %%
mine = folder / "my_set"
mine.mkdir()
lines = [
    f"{n} {r} {g} {b}"
    for n, (r, g, b) in zip(CAMERAMAN.names, CAMERAMAN.colours, strict=True)
]
(mine / "classes.txt").write_text("\n".join(lines) + "\n", "utf-8")
camera = (255 * photo("camera")[0]).round().to(torch.uint8).expand(3, -1, -1)
truth = cameraman_labels()
cuts = {"train": [(0, 0), (0, 192), (192, 0), (192, 192)], "val": [(96, 96)]}
for split, corners in cuts.items():
    for n, (i, j) in enumerate(corners):
        window = (slice(i, i + 320), slice(j, j + 320))
        pictures.save(mine / "images" / split / f"{n}.png", camera[:, *window])
        labels = CAMERAMAN.picture(truth[window])
        pictures.save(mine / "labels" / split / f"{n}.png", labels)
print((mine / "classes.txt").read_text("utf-8"))
for path in sorted(mine.rglob("*")):
    if path.is_file():
        print(path.relative_to(folder).as_posix())

# %% [markdown]
# Look before you train. `python -m jpu_edu data check my_set` reads every file and says what is there and what is
# wrong; here it is in Python. And since wrong labels are what most often goes wrong, let us spoil one pixel.

# %%
print(examine(readers.folder(mine, split="train")).table())
spoilt = labels.clone()
spoilt[:, 7, 9] = 3
pictures.save(mine / "labels" / "val" / "0.png", spoilt)
(problem,) = examine(readers.folder(mine, split="val")).problems
print("\nspoilt:", problem.replace(str(folder) + os.sep, ""))
_ = pictures.save(mine / "labels" / "val" / "0.png", labels)  # mended

# %% [markdown]
# (It *is* one photograph, and the piece in `val` overlaps those in `train`. Its score will say that the way works,
# and nothing about another photograph.)
#
# Now train, three times. Once to the end. Once until, in the middle, the process is killed: no signal that could be caught, no time to
# save, as in a power cut. And once more the same command with `--resume`.

# %%
COMMAND = (
    "python -m jpu_edu train folder --data my_set --with backbone=tiny --set steps=120 batch=4 "
    "crop=128,128 lr=0.006 scale=0.75,1.5 blur=False save_every=20 evaluate_every=60"
)
print(COMMAND)


def start(out, *more):
    words = [sys.executable, *COMMAND.split()[1:], "--out", out, *more]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return subprocess.Popen(words, cwd=folder, env=environment, **pipes)


straight = start("straight")
straight.communicate()
cut = start("cut")
while not list(folder.glob("cut/step-*.pt")) and cut.poll() is None:
    time.sleep(0.005)
cut.kill()
cut.communicate()
reached = checkpoint.steps_of(checkpoint.checkpoints(folder / "cut")[-1])
print("killed, and not finished:", cut.returncode != 0 and reached < 120)

# %% tags=["hide-input"]
resumed_guess = Prediction(
    "It goes on from the last checkpoint. How much will its final weights differ from those of the run that was not killed?",
    options=[
        "noticeably: another order of the images, another dropout",
        "a little: rounding",
        "not in a single bit",
    ],
    name="11-resume",
)
resumed_guess

# %%
resumed = start("cut", "--resume")
words = resumed.communicate()[0].decode()
states = [checkpoint.newest(folder / run)[0] for run in ("cut", "straight")]


def numbers(tree):
    """All tensors in nested containers, as one."""
    if isinstance(tree, torch.Tensor):
        return [tree.flatten().double()]
    items = (
        tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else []
    )
    return [tensor for item in items for tensor in numbers(item)]


rows = [
    compare(
        f"after the cut: {part}",
        *(torch.cat(numbers(state[part])) for state in states),
        tolerance=0,
    )
    for part in ("model", "optimiser")
]
logs = [curve(read_log(folder / run), "loss") for run in ("cut", "straight")]
rows.append(
    compare("after the cut: the losses", *(torch.tensor(log) for log in logs), tolerance=0)
)
print("it said so:", f"Going on after {reached} steps." in words)
print(table(rows))

# %% tags=["hide-input"]
resumed_guess.reveal(
    "C",
    because={
        "A": "true where order and dropout come from a generator that runs on. Here both are functions of the step.",
        "B": "the same sums in the same order, on the same machine with as many threads: nothing rounds differently.",
    },
    explain="Weights, the optimiser's memory, every loss in the log: the same bits.",
)

# %% [markdown]
# How? A checkpoint is written under a temporary name, forced to the disk and renamed, so at every moment there is
# a whole one. Its name carries a digest, so a damaged one is noticed and the one before it is taken. And what is in it? The weights, the *number of the step*, and one
# more thing that is easily forgotten. Thirty steps, cut after fifteen, and gone on with, twice:

# %%
for name, kept in (("the weights and the optimiser", True), ("the weights alone", False)):
    again = fresh()
    optimiser = optimiser_of(again)
    fit(again, optimiser, short, some, stop=15)
    optimiser = optimiser if kept else optimiser_of(again)
    fit(again, optimiser, short, some, start=15)
    found = compare(name, flat(again), flat(by_cell), tolerance=0)
    print(f"gone on from {name}: {'the same bits' if found.passed else 'another network'}")
    if not kept:
        print("off by more than a tenth of the largest number:", found.error > 0.1)

# %% [markdown]
# The optimiser has a memory: momentum, and the sizes of past gradients. A run that goes on without it makes steps of another
# size and direction, and is another run from there on.
#
# And now three lines, from a file and a picture to its classes
# ([#36](https://github.com/wuhuikai/FastFCN/issues/36), [#5](https://github.com/wuhuikai/FastFCN/issues/5)):

# %%
result = predict(folder / "straight" / "best.safetensors", camera)
result.save(folder / "out")
print(sorted(path.name for path in (folder / "out").iterdir()))

# %% tags=["hide-input"]
right = (result.labels == truth).double().mean().item()
print("more than 85 % of the pixels are right:", right > 0.85)
figure, panels = plt.subplots(1, 3, figsize=(9.375, 3.4))
shown = (camera, CAMERAMAN.picture(truth), result.overlay())
for axes, picture, title in zip(
    panels, shown, ("photograph", "labels, by hand", "predicted"), strict=True
):
    axes.imshow(picture.permute(1, 2, 0).numpy())
    axes.set_title(title, fontsize=11)
    axes.axis("off")
figure.subplots_adjust(0.005, 0.01, 0.995, 0.92, wspace=0.03)
show(
    figure,
    alt="The photograph of a man with a camera on a tripod, its labels, and the prediction laid over it: the man is found, and a part of "
    "the tripod.",
)

# %% [markdown]
# *Learned, from four pieces of this very photograph: more than 85 % of its pixels are right, and a part of the tripod is
# found.*
#
# The file knows its architecture and its classes; nothing else has to be said. (Give the official code a checkpoint and the wrong
# `--backbone`, and it stops with a list of keys, [#40](https://github.com/wuhuikai/FastFCN/issues/40).) It runs on a CPU, and no backbone is
# downloaded.
#
# ## 8. One GPU, and runs that were recorded
#
# "Will 12 GB of single GPU be enough?" ([#19](https://github.com/wuhuikai/FastFCN/issues/19)). The authors: yes, with
# BatchNorm frozen. Why frozen? A batch that does not fit is cut into pieces, whose gradients are added up: `accumulate=4`. That is the
# same step, exactly, unless a layer looks at the whole batch. BatchNorm does.


# %%
def step_gradient(norm, pieces):
    torch.manual_seed(0)
    model = build.fastfcn(
        classes=7, backbone="tiny", norm=norm, head="fcn", width=32, aux=False
    ).double()
    for module in model.modules():
        if isinstance(module, nn.Dropout2d):
            module.p = 0.0  # it draws anew for each piece
    x, labels = Batches(scenes, batch=8, crop=(96, 96), seed=0).at(0)
    knobs = replace(config, accumulate=pieces, channels_last=False)
    gradients(model.train(), x.double(), labels, knobs, alone)
    return torch.cat([p.grad.flatten() for p in model.parameters()])


rows = []
for norm in ("frozen", "group", "batch"):
    one, four = (step_gradient(norm, pieces) for pieces in (1, 4))
    knobs = broken if norm == "batch" else {}
    rows.append(compare(f'norm="{norm}": 4 pieces of 2 = 8 at once', four, one, **knobs))
print(table(rows))

# %% [markdown]
# With frozen or group norm a small GPU makes the step of a large one. With BatchNorm in pieces of two it makes another one, from
# noisier statistics. The library says so when a run begins.
#
# A message that users of the official code met again and again belongs here: `'NoneType' object has no attribute 'run_slave'`
# ([#10](https://github.com/wuhuikai/FastFCN/issues/10), [#34](https://github.com/wuhuikai/FastFCN/issues/34),
# [#59](https://github.com/wuhuikai/FastFCN/issues/59)). Its BatchNorm over several GPUs wants several GPUs, and to do without took edits in three places
# ([#12](https://github.com/wuhuikai/FastFCN/issues/12)). Here the norm is an argument: `"batch"`, `"frozen"`, `"group"`, or `"sync"`, which
# is the BatchNorm over all GPUs, and an ordinary one where there is one process.
#
# ### And real streets?
#
# CamVid: 367 frames that a car filmed, labelled by hand in 11 classes, 101 more to choose the best step by, and 233 to judge. For the
# networks of the paper, with ResNet-50 and whole frames, a CPU is too slow; their recipes are there, and what a GPU makes of them goes to
# `figures/data/gpu`. What two cores can do has been done: networks of all kinds, on a ResNet-18 with 24 channels in place of 64 and a quarter of the
# pixels, from random weights, one recipe and 1,500 steps for all.


# %% tags=["hide-input"]
def recorded(place, part):
    path = Path("../figures/data") / place / f"{part}.json"
    return json.loads(path.read_text("utf-8")) if path.exists() else None


def tested(runs, score="miou"):
    return [run["test"][score] for run in runs]


streets, rows = recorded("small", "camvid"), {}
for name, run in streets["found"].items():
    rows.setdefault(name.split(",")[0], []).append(run)
rows = dict(sorted(rows.items(), key=lambda row: -np.mean(tested(row[1]))))
print("on 233 test frames  M MAC  M param   pixels right   near boundaries    mIoU")
for name, runs in rows.items():
    every = " ".join(f"{value:.3f}" for value in tested(runs)) if len(runs) > 1 else ""
    print(
        f"{name:16}{runs[0]['macs'] / 1e6:9.0f}{runs[0]['parameters'] / 1e6:9.1f}"
        f"{np.mean(tested(runs, 'pixel_accuracy')):15.3f}{np.mean(tested(runs, 'band_miou')):18.3f}"
        f"{np.mean(tested(runs)):8.3f}" + (f"  (seeds: {every})" if every else "")
    )
(call, *_) = streets["calls"]
print(
    f"\n{streets['command']}; {call['machine']['processor']}, torch {call['machine']['torch']}, commit {call['commit'][:12]}"
)
there = "not recorded yet" if recorded("gpu", "camvid") is None else "recorded"
print(f"the networks of the paper, on a GPU, figures/data/gpu/camvid.json: {there}")

# %% [markdown]
# FCN-32s is 0.03 behind FastFCN, twice as much as three seeds of FastFCN differ by. A FastFCN is behind its dilated twin, by 0.015 with the head of FCN, 0.011 with
# EncNet's and 0.012 with PSPNet's, at a quarter to a third of the multiplications; with ASPP the two are level. With one head there are three seeds of each, and the best FastFCN is behind the worst twin. The
# paper, with ImageNet weights and whole frames, found the two level. Here they are not.
#
# And look at FCN-8s, of 2015: as good as the twin, for a fifth of its work. On pictures of this size, and with a backbone of this depth, to add up scores of three levels is
# enough. Near the end stand the two with ASPP. Its rates 12, 24 and 36 were made for larger maps; on 23 × 30 most of their taps read zeros (09). What of all
# this holds for the networks of the paper, the table cannot say.

# %% tags=["hide-input"]
chosen = [43, 131, 218]
titles = "frame", "labels, by hand", "FCN-32s", "dilated twin", "FastFCN"
figure, panels = plt.subplots(3, 1, figsize=(9.375, 4.65))
for axes, frame in zip(panels, chosen, strict=True):
    strip = read_image(f"../figures/data/small/pictures/frame_{frame:03d}.jpg")
    axes.imshow(strip.permute(1, 2, 0).numpy(), interpolation="antialiased")
    axes.axis("off")
for place, title in enumerate(titles):
    panels[0].text(246 * place + 120, -8, title, ha="center", fontsize=10.5)
colours = [np.array(colour) / 255 for colour in CAMVID.colours]
patches = [
    plt.Rectangle((0, 0), 1, 1, fc=colour, label=name)
    for colour, name in zip(colours, CAMVID.names, strict=True)
]
figure.legend(
    handles=patches,
    ncols=11,
    loc="lower center",
    fontsize=9,
    handlelength=0.9,
    columnspacing=1,
)
figure.subplots_adjust(0.005, 0.07, 0.995, 0.94, hspace=0.04)
show(
    figure,
    alt="Three test frames, their labels by hand, and what FCN-32s, the dilated twin and FastFCN say. All three find road, sky, houses and cars. FCN-32s has blurred outlines; the other two are sharper. Of the poles none finds more than a piece.",
)

# %% [markdown]
# *All three find road, sky, houses and trees. FCN-32s blurs what is small; of the poles, which are a pixel or two wide here, none finds more than a piece.* (Frames: CamVid,
# Brostow et al. 2009, in SegNet's split, CC BY-NC 4.0; the 2nd, 5th and 8th of eight that are evenly spaced in the test set.)
#
# "Not recorded yet" is a result too: it is what we know. A number that nobody measured does not get better by
# standing in a table.
#
# ## 9. What has it become?
#
# One question of 10 is still open. The JPU has the shape of a solution of equation 4. But nobody asks it for one: it is
# asked for labels, and is never shown $y_d$. Has it become $\hat h$ all the same? That can be looked up. Dilate the backbone that you have
# trained, with the same weights (08), and there is *its* $y_d$ to hold the JPU's $y$ against.
#
# Hold how? The channels of $y$ may come in any order and mixture, and the head does not mind. So a linear map may make up for that: a 1 × 1
# convolution with a constant, the best one from $y$ to $y_d$, found by least squares on 400 scenes and judged on 60 others. What it gets
# right is its $R^2$: 1 is $y_d$ itself, 0 is no better than a constant.

# %% tags=["hide-input"]
resembles = Prediction(
    "From which of these can y_d best be had, by a linear map, on scenes that it was not fitted to?",
    options=[
        "c5, interpolated: one pixel in sixteen is y_d exactly",
        "y of the JPU, trained for 600 steps",
        "y of the same JPU with random weights",
        "c3, c4 and c5 side by side: what the JPU is given",
    ],
    name="11-resembles",
)
resembles


# %%
def pixels(x):
    """A pixel a row, its channels, and a 1 for the constant."""
    rows = x.movedim(1, -1).flatten(0, 2)
    return torch.cat([rows, torch.ones_like(rows[:, :1])], 1)


@torch.no_grad()
def explained(y_of, seen, unseen):
    """R2 of y_d, from a linear map of y that was fitted to what was seen."""
    dilated = dilate(whole.backbone, output_stride=8, share=True)
    (y, y_d), (y_new, y_d_new) = (
        (pixels(y_of(whole.backbone(x))), pixels(dilated(x).c5)) for x in (seen, unseen)
    )
    h = torch.linalg.lstsq(y, y_d).solution
    constant = y_d.mean(0)
    return 1 - ((y_d_new - y_new @ h).norm() / (y_d_new - constant).norm()) ** 2


# %% tags=["nbval-ignore-output"]
whole.eval()
seen, unseen = (
    torch.cat(list(in_batches(images, alone.device)))
    for images in (Held(scenes, count=400), held_out)
)
random_jpu = untrained(whole.neck, lambda neck: neck(whole.backbone(seen[:32])))
ways = {
    "c5, interpolated": Aligned(),
    "JPU": whole.neck,
    "JPU, random weights": random_jpu,
    "c3, c4, c5": pyramid,
}
r2 = {name: explained(y_of, seen, unseen).item() for name, y_of in ways.items()}
for name, value in r2.items():
    print(f"{name:20} {value:.2f}")

# %% tags=["hide-input"]
others = [r2[name] for name in ways if name != "c3, c4, c5"]
print(
    "c3, c4, c5 ahead of all others by more than 0.1:", r2["c3, c4, c5"] > max(others) + 0.1
)
print("JPU ahead of its random weights:", r2["JPU"] > r2["JPU, random weights"])
parts = Held(scenes, count=400), Held(Scenes(60, split="val", seed=1)), held_out
found = explain(looking(whole.backbone, ways), *parts, rate=4, device=alone.device)
(by_library,) = (one.r2() for one in found if one.name == "JPU")
with torch.no_grad():
    features = whole.backbone(unseen)
    y_d = dilate(whole.backbone, output_stride=8, share=True)(unseen).c5
    phase = reduce(Aligned()(features), rate=4), reduce(y_d, rate=4)
print(
    "the library's R2 of the JPU is that of the cell:", abs(by_library - r2["JPU"]) < 0.01
)
print(table([compare("c5 interpolated: phase (0, 0) is that of y_d", *phase)]))

# %% tags=["hide-input"]
resembles.reveal(
    "D",
    because={
        "A": "one pixel in sixteen, and the others are guessed from it.",
        "B": "it was asked for labels. Nothing in its loss asks for the rest.",
        "C": "a random mixture keeps a good part of what goes in, and learning has kept little more.",
    },
    explain="The JPU reads these three maps and nothing else. A linear map finds more of y_d in what goes in than in what comes out.",
)

# %% [markdown]
# **It has not**, as far as a linear map can see: of $y_d$ more is to be found in what the JPU is given than in what it makes of it.
#
# Discs, 600 steps, a tiny network. Is it different on streets? The stored run asked FastFCN of the table above the same, and went on to ask more.
# *Could* a JPU become $y_d$, if that were its only task? It was shown $y_d$ of 367 frames, 400 times a batch of 8, after $n$ = 1, 2, 3 and
# 4 residual blocks (1 and 2 lie in the stage at rate 2, 3 and 4 in that at rate 4).

# %% tags=["hide-input"]
asked = recorded("small", "resemble")["found"]
maps, tasks = asked["linear maps"]["maps"], [run for run in asked.values() if "n" in run]
new = "r2_new_phases"  # of all but (0, 0), which y_s has
print("R2 of y_d on the 15 phases that y_s does not have, 233 test frames\n")
print("from a linear map of")
for name in sorted(maps, key=lambda name: -maps[name][new]):
    print(f"  {name:20} {maps[name]['channels']:4} channels {maps[name][new]:8.2f}")
print("\nafter n blocks                  1     2     3     4")
for who, words in (
    ("JPU", "a JPU that was shown y_d"),
    ("interpolated y_s", "y_s interpolated, as it is"),
):
    print(f"  {words:27}" + "".join(f"{run[who][new]:6.2f}" for run in tasks))

# %% tags=["hide-input"]
figure, (left, right) = plt.subplots(
    1, 2, figsize=(9.375, 3.3), layout="constrained", width_ratios=(1.55, 1)
)
words = {
    "c3, c4, c5": "$c_3$, $c_4$, $c_5$: what goes in",
    "interpolated y_s": "$y_s$ interpolated",
    "JPU": "the JPU's $y$",
    "JPU, untrained": "a JPU with random weights",
    "FPN, untrained": "an FPN with random weights",
    "JPU, shifted": "the JPU's $y$, moved half an image",
    "c3": "$c_3$ alone",
}
shown = sorted(maps, key=lambda name: maps[name][new])
faces = {"interpolated y_s": style.Y_S, "JPU": style.ink(), "c3": style.LEVELS["c3"]}
for place, name in enumerate(shown):
    value, colour = maps[name][new], faces.get(name, style.soft())
    left.barh(place, value, height=0.62, color=style.tint(colour, 0.55), ec=colour)
    left.text(value + 0.012, place, f"{value:.2f}", va="center", fontsize=10)
left.patches[shown.index("JPU")].set_hatch(style.Y_HATCH)
left.axvline(1, color=style.Y_D, lw=2)
left.text(0.985, -0.75, "$y_d$", ha="right", fontsize=12)
left.set_yticks(range(len(shown)), [words[name] for name in shown], color=style.ink())
left.set(
    xlim=(0, 1.02),
    ylim=(-1.1, len(shown) - 0.5),
    xlabel="$R^2$ of $y_d$ on the other 15 phases",
)
left.set_title("from a linear map of", fontsize=11)
blocks = [run["n"] for run in tasks]
for who, label, colour, kind, height in (
    ("JPU", "a JPU that is shown $y_d$", style.ink(), "learned", 0.87),
    ("interpolated y_s", "$y_s$ interpolated, as it is", style.Y_S, "approximate", 0.55),
):
    values = [run[who][new] for run in tasks]
    right.plot(blocks, values, color=colour, ls=style.LINES[kind], marker="o", ms=5)
    right.text(2.5, height, label, ha="center", fontsize=10)
for start, rate in ((1, 2), (3, 4)):
    right.plot([start, start + 1], [0.12, 0.12], color=style.soft(), lw=1)
    right.text(
        start + 0.5, 0.04, f"rate {rate}", ha="center", fontsize=10, color=style.soft()
    )
right.axhline(1, color=style.Y_D, lw=2)
right.set(xticks=blocks, ylim=(0, 1.04), xlabel="after $n$ residual blocks")
right.set_title("when $y_d$ is the task", fontsize=11)
show(
    figure,
    alt="Left: seven bars. c3, c4 and c5 side by side explain 0.83 of y_d, y_s interpolated 0.76, the trained JPU 0.55, one with random weights 0.51, "
    "a random FPN 0.41, the JPU moved half an image 0.25, c3 alone 0.23. Right: after 1 to 4 blocks a JPU that is shown y_d stays at 0.8, "
    "and y_s interpolated lies below it, between 0.64 and 0.75.",
)

# %% [markdown]
# *In what a trained JPU makes a linear map finds less of $y_d$ than in one of its three inputs.* On streets it is plainer still:
# 0.55 against 0.76, and a JPU of random numbers has 0.51. (Moved by half an image, all that still fits is the row of a pixel and the average
# scene. The FPN has 48 channels where the others have 192.)
#
# And it can come nearer than it does. A JPU that is shown $y_d$ gets to 0.8 in 400 steps, after four blocks as after one; as near as
# a plain linear map of what it is given, 0.83. It does so in every phase alike, $(0, 0)$ among them, where $y_s$ as it is has 1.00: like the $h$ of 10 it
# does not know where $y_s$ stands.
#
# *Should* it come nearer? Freeze the backbone of this FastFCN, and let only what stands behind it learn to label streets, for 400 steps, three times
# from other seeds. (The networks of the table learned as a whole, and longer; compare these lines with one another alone.) There is a JPU; and a JPU that is *pulled*: its loss has one more term,
# how far a linear map of its $y$ is from $y_d$, with weight 1 or 10. As a control the same pull towards $y_s$ interpolated, in which there is
# nothing new. In the place of a JPU there is an FPN, $y_s$ interpolated, or $y_d$ itself, computed. Last, so that nobody can say that a head on
# $y_d$ has less to learn with: $y_d$ *and* a JPU, which stands behind the dilated backbone then.

# %% tags=["hide-input"]
pulled_guess = Prediction(
    "Pulled by 10, the JPU's R2 goes from 0.56 to 0.83. And its mIoU on the test frames, in the mean of three seeds?",
    options=[
        "it rises by more than 0.01: at last the JPU does what it is for",
        "it stays within 0.01",
        "it falls by more than 0.01",
    ],
    name="11-pulled",
)
pulled_guess


# %% tags=["hide-input"]
def by_name(backbone):
    """The runs on one backbone, by what stands behind it."""
    found = {}
    for run in asked.values():
        if "pull" in run and run.get("backbone", "fastfcn_fcn") == backbone:
            found.setdefault(run["name"], []).append(run)
    return dict(sorted(found.items(), key=lambda item: np.mean([r[new] for r in item[1]])))


def told(pulls):
    plain = {run["seed"]: run["test"]["miou"] for run in pulls["JPU"]}
    for name, runs in pulls.items():
        gains = [f"{run['test']['miou'] - plain[run['seed']]:+.3f}" for run in runs]
        print(
            f"{name:38}{np.mean([run[new] for run in runs]):13.2f}{np.mean(tested(runs)):7.3f}   "
            + ("" if name == "JPU" else " ".join(gains))
        )


print(f"{'behind the frozen backbone':38}R2, 15 phases   mIoU   minus 'JPU', seed by seed")
told(pulls := by_name("fastfcn_fcn"))

# %% tags=["hide-input"]
figure, axes = plt.subplots(figsize=(9.375, 4.0), layout="constrained")
axes.margins(y=0.16)
kinds = {  # a word, a marker, where the word stands
    "JPU": ("JPU, labels alone", "s", (-66, -4)),
    "JPU, pulled to y_d by 1": ("JPU, pulled to $y_d$", "s", (30, 14)),
    "JPU, pulled to y_d by 10": ("by ten times as much", "s", (68, -4)),
    "JPU, pulled to interpolated y_s by 10": (
        "JPU, pulled to $y_s$\ninterpolated",
        "v",
        (-70, -8),
    ),
    "FPN": ("FPN", "^", (0, 18)),
    "interpolated y_s": ("$y_s$ interpolated", "o", (0, -20)),
    "y_d": ("$y_d$ itself", "D", (0, -22)),
    "JPU behind the dilated backbone": ("$y_d$ and a JPU", "P", (52, 10)),
}
colours = {"interpolated y_s": style.Y_S, "y_d": style.Y_D}
for name, runs in pulls.items():
    label, marker, away = kinds[name]
    colour = colours.get(name, style.ink())
    x = [run[new] for run in runs]
    axes.plot(x, tested(runs), marker, color=style.tint(colour, 0.45), ms=5)
    place = np.mean(x), np.mean(tested(runs))
    axes.plot(*place, marker, color=colour, ms=10)
    axes.annotate(label, place, away, textcoords="offset points", ha="center", fontsize=10)
pull = [
    [np.mean(values(pulls[name])) for name in list(kinds)[:3]]
    for values in (lambda runs: [run[new] for run in runs], tested)
]
axes.plot(*pull, color=style.soft(), lw=1, zorder=0)
axes.set(
    xlim=(0.35, 1.06),
    xlabel="$R^2$ of $y_d$ on the 15 phases that $y_s$ does not have",
    ylabel="mIoU",
)
show(
    figure,
    alt="mIoU against R2, eight kinds of map, three seeds each. Highest, and at 0.56, are the JPU that learned from labels alone and the JPU that was given "
    "y_d. Pulled to y_d a JPU moves to 0.79, then to 0.83, and down. y_d itself, at 1, is lower, and y_s interpolated the lowest.",
)

# %% tags=["hide-input"]
pulled_guess.reveal(
    "C",
    because={
        "A": "it would, if y_d were what labels ask for.",
        "B": "by 0.018 in the mean, and by more than 0.01 with each seed. The weaker pull stays within 0.01, and is below zero with each seed.",
    },
    explain="The control loses as much, and nothing new was in it. Either y is less free, or the labels get a smaller part of 400 steps; these runs do not tell which.",
)

# %% [markdown]
# *Closer to $y_d$ is not better: the two highest are among the furthest from it.* Is it a matter of room? The JPU squeezes $c_5$ to a quarter of its channels before it does anything else. But the same JPU, pulled, holds 0.83. There is room.
#
# Now look at the two that share a place. The JPU behind the *dilated* backbone is given $y_d$, all sixteen phases, exactly. A linear map finds no more
# of it in its $y$, 0.56, and it labels streets hardly better: 0.411 against 0.409, ahead with two seeds, behind with one. If the fifteen phases that the stride threw away are
# missed, then by too little to be seen in three runs.
#
# Is that so because this backbone has learned with the stride? The backbone of the dilated twin has not. Take *its* weights, once with strides and once dilated (08),
# freeze them, and ask again.

# %% tags=["hide-input"]
print(f"{'behind the frozen backbone':38}R2, 15 phases   mIoU   minus 'JPU', seed by seed")
for backbone, words in (("fastfcn_fcn", "FastFCN"), ("dilated", "the dilated twin")):
    print(f"it learned as that of {words}:")
    three = "JPU", "y_d", "JPU behind the dilated backbone"
    found = by_name(backbone)
    told({name: found[name] for name in three})

# %% [markdown]
# Here the phases are worth something: 0.427 against 0.411, ahead with each seed. (Four fifths of it are three rare classes, pedestrians, bicyclists and signs. The share of
# right pixels does not rise.) Behind the *stride* a JPU labels alike on both, 0.411 and 0.409. So it is $y_d$ that differs.
#
# Why? All sixteen phases come from the same weights; away from the borders each is $y_s$ of a shifted picture (08, section 6). Nobody can put something into one phase alone. What training
# decides is what *one sample* of $c_5$ speaks for. FastFCN's loss lets it speak for 32 × 32 pixels, the twin's for 8 × 8, and then its neighbours may say other things than it does, about a
# pedestrian for example. This is an explanation. It was not measured.
#
# What is left of the argument? **Exact**: $y_s$ is phase $(0, 0)$ of $y_d$, with any weights. **Approximate**: of the other phases $y_s$ interpolated
# has 0.76 already, and the guides bring it to 0.83. **Learned** is another thing. What a JPU makes of these maps is not $y_d$; on FastFCN's own weights it labels no better for being pulled there,
# and not to be seen better for being given it. How good FastFCN is cannot be read off $y_d$. It can be read off the labels: in the table above its mean is 0.015
# behind that of its twin, with 0.3 of the multiplications.
#
# How far does that carry? There is one trained backbone of each kind, and the three seeds are of what stands behind it; two FastFCNs of the table differ by 0.015, as much
# as the effects here. FastFCN's backbone had learned with a JPU behind it, which favours the JPU. The JPU resizes with `align_corners=True`, up to two
# pixels of $y_d$ off (06). And a backbone that learns along *while* it is pulled was not tried. All of it is one kind of network with 1.9 million parameters, and frames of 180 × 240. For the
# networks of the paper nobody has measured it. With a GPU, `python -m jpu_edu bench gpu --data CamVid --out out --only camvid resemble` does. The answer could be another.
#
# ## Ask your neighbour
#
# Choose alone, argue with somebody who chose otherwise, choose again. Then open the reasons.

# %% tags=["hide-input"]
quiz(
    [
        Question(
            "A colleague replaces layer4 in a network that trains well, restarts, and the loss falls exactly as before, digit by digit. What do you do first?",
            [
                "Congratulate: the replacement is as good.",
                "Look whether the changed file is the one that is imported, and whether layer4's parameters moved.",
                "Lower the learning rate.",
            ],
            answer="B",
            why=[
                "As good would still be different in the third digit. The same digits mean that the same code ran.",
                "Somebody deleted the whole JPU and trained on happily: an installed copy was imported (wuhuikai/FastFCN#47).",
                "The rate changes what a step does. Here the question is whether the code was ever reached.",
            ],
            peer=True,
        ),
        Question(
            "You add a JPU behind your own network, whose last map has stride 8, and measure no gain in speed. Why?",
            [
                "The JPU's dilated branches are too slow on your machine.",
                "The JPU saves nothing by itself. The backbone has to go back to stride 32 for it.",
                "The gain only shows in training.",
            ],
            answer="B",
            why=[
                "They are under 2 % of its multiplications.",
                "The saving is the strides that the backbone may keep. Behind stride 8 all sixteen phases have been paid for.",
                "Fewer pixels are fewer pixels, forwards and backwards.",
            ],
            peer=True,
        ),
    ]
)

# %% [markdown]
# ## What you take with you
#
# - The JPU: three 3 × 3, a resize, a concatenation, four separable branches at rates 1, 2, 4, 8. **Exact**: the same
#   parameters and outputs as the official layout. Order and corners do not stand in a checkpoint.
# - Under 2 % of a branch's work has a rate. The JPU costs 30.0 GMAC at 512 × 512, ResNet-50 28.4 GMAC at stride 32 and 106.7 at stride 8.
# - A parameter that is in no group of the optimiser raises no error, and the loss falls. Two checks find it: what
#   has not moved after a step, and what is in no group.
# - **Learned**: in 600 steps FastFCN finds lines; FCN-32s hardly finds them in 3,500.
# - A run is a function of its step. Weights, the optimiser's memory and one number go on bit for bit.
# - Micro-batches make the step of the whole batch, exactly, where no layer looks at the batch.
# - **Learned, and not $\hat h$**: a linear map finds less of $y_d$ in what a JPU makes, which was trained on labels, than in what it is given. On FastFCN's own, frozen weights
#   neither a pull to $y_d$ nor $y_d$ itself made it label better; on those of the dilated twin $y_d$ did. (Small networks; for large ones nobody knows.)
#
# **Glossary.**
#
# - **joined map**: the three levels at one size, laid on one another; 3 × 512 channels.
# - **separable convolution**: depthwise 3 × 3, then pointwise 1 × 1.
# - **auxiliary head**: a second head, on c4, that only the loss reads.
# - **parameter group**: parameters that the optimiser moves at one rate.
# - **checkpoint**: all that a run needs to go on: weights, the optimiser's memory, the number of the step.
# - **effective batch**: the images whose gradients make one step, however they are cut up.
# - **micro-batch**: the piece of a batch that is computed at a time.
# - **explained ($R^2$)**: the share of a map that a linear map of another one gets right: 1 minus squared error over squared distance from the mean.
# - **pulled**: trained with one more term in the loss, the distance to a map that is given.
# - **frozen**: not moved by training, neither weights nor statistics.
#
# **References.** Wu et al., *FastFCN: Rethinking Dilated Convolution in the Backbone for Semantic Segmentation*, 2019,
# [arXiv 1903.11816](https://arxiv.org/abs/1903.11816), sections 3.4 and 4.1; code and threads at
# [wuhuikai/FastFCN](https://github.com/wuhuikai/FastFCN). ·
# Chollet, *Xception: Deep Learning with Depthwise Separable Convolutions*, 2017, [arXiv 1610.02357](https://arxiv.org/abs/1610.02357). ·
# Zhang et al., *Context Encoding for Semantic Segmentation*, 2018, [arXiv 1803.08904](https://arxiv.org/abs/1803.08904). ·
# Loshchilov and Hutter, *Decoupled Weight Decay Regularization* (AdamW), 2019, [arXiv 1711.05101](https://arxiv.org/abs/1711.05101). ·
# Smith and Topin, *Super-Convergence* (one cycle), 2017, [arXiv 1708.07120](https://arxiv.org/abs/1708.07120). ·
# Wu and He, *Group Normalization*, 2018, [arXiv 1803.08494](https://arxiv.org/abs/1803.08494). ·
# Brostow, Fauqueur and Cipolla, *Semantic object classes in video: a high-definition ground truth database* (CamVid), Pattern Recognition Letters, 2009.
#
# **Exercises:** [four tasks](exercises/11_fastfcn.ipynb), with checks that know the usual mistakes.
#
# **Next:** [12 · Measuring](12_measuring.ipynb), which asks what a mIoU is, and how far one can be trusted.

# %% tags=["hide-input"]
work.cleanup()
tally()
