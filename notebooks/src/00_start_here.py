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
# # 00 · Start here
#
# A segmentation network says for each pixel of a picture what it shows; its backbone turns the picture into maps.
# Here is one. We take the dilated convolutions out of its backbone and put a
# module with twenty million parameters behind it. It has more weights than before. It runs twice as fast,
# and it labels pictures as well as before.
#
# Before you read on: where must the time have gone?
#
# That network is **FastFCN** (Wu et al., [arXiv 1903.11816](https://arxiv.org/abs/1903.11816)), and the
# module is called Joint Pyramid Upsampling. The reason why it works is one short argument about which pixel
# meets which. This course builds that argument from a single convolution, and checks each step of it with a
# number, on your machine.
#
# **You will be able to** say what the course proves, find the walkthrough that you need, read its
# notation, and see that your machine agrees.
#
# **Time:** 10 minutes. **You need:** to have used a convolution in PyTorch once.
#
# **Reads:** [`README.md`](../README.md) · [`jpu_edu/verify.py`](../jpu_edu/verify.py)

# %%
from jpu_edu.draw import style
from jpu_edu.widgets.predict import Prediction, tally
from jpu_edu.widgets.quiz import Question, quiz

style.use()

# %% [markdown]
# ## 1. Commit to a guess
#
# Every walkthrough asks you to predict before it shows. A guess that you have written down teaches you
# something when it is wrong; a guess that you have only thought adapts itself to the answer. Nobody sees what
# you type; it stays in this notebook, on your machine.
#
# Go on with Shift+Enter, a cell at a time: buttons and sliders appear when their cell has run. What would answer a
# question too early is folded to a line with three dots until then. To see no output before its time, choose Edit,
# Clear Outputs of All Cells.

# %% tags=["hide-input"]
guess = Prediction(
    "The dilated network has 38 million parameters, FastFCN 49 million. Why is FastFCN the faster one?",
    options=[
        "its new module is implemented in C++",
        "dilated kernels are large, and it has none",
        "its backbone works on smaller maps",
        "it needs fewer layers",
    ],
    name="00-why",
)
guess

# %% tags=["hide-input"]
guess.reveal(
    "C",
    because={
        "A": "both run on the same PyTorch layers.",
        "B": "a dilated 3 x 3 kernel has nine weights and costs nine multiplications an output, as ever.",
        "D": "the backbone keeps every layer, and the module comes on top.",
    },
    explain=(
        "EncNet on ResNet-50 at 512 x 512: 146.6 billion multiply-accumulates with the dilated backbone, "
        "63.9 billion with JPU. The last two stages of the backbone alone fall from 90.2 to 11.9 billion, since "
        "they see maps of 1/16 and 1/32 of the picture's height and width and not of 1/8."
    ),
)

# %% [markdown]
# (Twenty million more in the module, and only eleven million more in all? Behind a JPU the head of EncNet begins with
# a 1 x 1 convolution in place of a 3 x 3, and that saves 8.4 million.)
#
# Small maps are cheap, and they are coarse. So the question of the course is: **how can the fine map be had
# from the coarse one?** The answer has an exact half and a learned half, and the art is to know which is
# which. Each claim of the course carries one of three labels.
#
# | label | meaning | example |
# |---|---|---|
# | **exact** | equal up to rounding, whatever the numbers | the strided network's output is phase 0 of the dilated one's |
# | **approximate** | close, by a stated bound | the fine map interpolated from the coarse one |
# | **learned** | close because something was fitted to data | the fine map from JPU |
#
# ## 2. Five lines
#
# The exact half fits in five lines. A dilated convolution of a random map of odd size, computed by
# PyTorch, and again without any dilation: split the map into four small ones, convolve each, merge.

# %%
import torch

from jpu_edu.ops import convs, phases

x, weight = torch.randn(1, 3, 33, 47).double(), torch.randn(8, 3, 3, 3).double()
dilated = torch.nn.functional.conv2d(x, weight, dilation=2, padding=2)
parts = [convs.regular_conv(phase, weight, padding=1) for phase in phases.split(x, rate=2)]
again = phases.merge(parts, rate=2)
print("largest difference below 1e-12:", (again - dilated).abs().max().item() < 1e-12)

# %% [markdown]
# Take a moment over the third and the fourth line: split and convolve, then merge. There is no `dilation` in them.
# [03](03_split_conv_merge.ipynb) shows, number by number, why there does not have to be.
#
# ## 3. The letters
#
# The course writes tensors in the paper's letters, in text, in figures and in code. A **phase** is every second pixel
# of every second row (at rate 2); there are four, and phase 0 holds the corner.
#
# ![The symbols of the course: the operators C_r, C_d, C_s, S, M, R and the tensors x, y_m, y_s, y_d, h-hat and y, each with a small picture](../figures/symbols.svg)
#
# *$S$, $M$ and $R$ only move numbers; $C_r$, $C_d$ and $C_s$ compute them. Only $\hat h$ is fitted, so only $y$ is an
# approximation.*
#
# | letter | in code | what it is |
# |---|---|---|
# | $C_r$ | `regular_conv` | a convolution with stride 1 and no holes |
# | $C_d$ | `dilated_conv` | a convolution whose taps lie `rate` pixels apart |
# | $C_s$ | `strided_conv` | a convolution that computes every `stride`-th output |
# | $S$ | `split` | takes a map apart into its phases |
# | $M$ | `merge` | puts the phases back |
# | $R$ | `reduce` | keeps phase 0 |
# | $x$ | `x` | what goes into the stage |
# | $y_m$ | `y_m` | the guide, $x \to C_r$: the last map at full resolution |
# | $y_s$ | `y_s` | what the strided network computes, small |
# | $y_d$ | `y_d` | what the dilated network computes, large |
# | $\hat h$ | `h_hat` | the map fitted so that $\hat h(y_m^0)$ is close to $y_s$ |
# | $y$ | `y` | the approximation of $y_d$: $y_m \to S \to \hat h \to M$ |
# | $c_3, c_4, c_5$ | `c3`, `c4`, `c5` | the last three maps of a backbone: at output stride 8, 16 and 32, and all three at 8 once it is dilated |
#
# Arrows apply from left to right: $x \to C_r \to S$ means `split(regular_conv(x))`. And here is
# the whole argument; it takes the course to earn it.
#
# ![The dilated and the strided path from x: the strided output is phase 0 of the dilated one, exactly](../figures/reformulation.svg)
#
# *Six numbers through both paths: the inner $M$ and $S$ cancel, and $y_s$ is phase 0 of $y_d$, exactly.*
#
# ## 4. The map of the course
#
# | | walkthrough | the question it answers | claim |
# |---|---|---|---|
# | **00** | Start here | where must the time have gone? | |
# | **01** | [Convolution](01_convolution.ipynb) | which inputs make this output? | exact |
# | **02** | [Stride and reduce](02_stride_and_reduce.ipynb) | what does a stride throw away? | exact |
# | **03** | [Split, conv, merge](03_split_conv_merge.ipynb) | are the holes really there? | exact |
# | **04** | [What dilation costs](04_what_dilation_costs.ipynb) | who pays, dilation or resolution? | exact, measured |
# | **05** | [FCN](05_fcn.ipynb) | how does a classifier become a map? | exact |
# | **06** | [Where do the pixels live?](06_where_do_the_pixels_live.ipynb) | by how many pixels is an upsampling off? | exact |
# | **07** | [Joint upsampling, the classic way](07_joint_upsampling.ipynb) | can a sharp picture sharpen another one? | approximate |
# | **08** | [Two networks, one set of weights](08_two_networks.ipynb) | does it hold for a whole ResNet? | exact |
# | **09** | [Context](09_context.ipynb) | whom may a pixel ask? | exact, counted |
# | **10** | [Joint upsampling, posed and solved](10_posed_and_solved.ipynb) | how well can $y_d$ be had from $y_s$ and $y_m$? | all three |
# | **11** | [FastFCN, line by line, trained](11_fastfcn.ipynb) | does it work? | learned |
# | **12** | [Measuring](12_measuring.ipynb) | is that difference a difference? | exact |
# | **13** | [The bill](13_the_bill.ipynb) | where did the time go, on your machine? | counted, measured |
#
# Three ways through it. Type every prediction; a walkthrough takes the minutes that its first lines state.
# On a shorter path, pass over questions about walkthroughs that you left out.
#
# | | what | |
# |---|---|---|
# | **one hour** | 00, 03, and the first two sections of 13 | the argument, and what it saves |
# | **one day** | 00, 02, 03, 04, sections 1 and 8 of 07, 08, 10, 11, 13 | from a stride to a trained FastFCN |
# | **six weeks** | 00 to 02 · 03, 04 · 05, 06 · 07, 08 · 09, 10 · 11 to 13, a group a week | all of it, with time to argue with a neighbour |
#
# ## 5. Where should you begin?
#
# Five questions. Answer them in order. The first one that you get wrong names the walkthrough to begin with. If you get
# all of them right, begin with 07, where joint upsampling begins.

# %% tags=["hide-input"]
quiz(
    [
        Question(
            "A 5 x 5 kernel, no padding, stride 1, on a 12 x 12 map. How many outputs, and what does each read?",
            [
                "8 x 8 outputs, 25 inputs each",
                "12 x 12 outputs, 25 inputs each",
                "8 x 8 outputs, all of them",
            ],
            answer="A",
            why=[
                "12 - 5 + 1 = 8 along each axis, and 5 * 5 = 25. You may skip 01.",
                "That needs padding 2. Begin with 01: where outputs come from.",
                "A convolution is local. Begin with 01, which draws it as a sparse matrix.",
            ],
        ),
        Question(
            "A convolution with stride 2, compared with the same one at stride 1 ...",
            [
                "blurs over 2 x 2 outputs",
                "computes every second output of every second row",
                "skips every second input",
            ],
            answer="B",
            why=[
                "Nothing is averaged: that would be pooling. Begin with 02.",
                "It is the regular convolution, then reduce. You may skip 02.",
                "All inputs are read, by overlapping windows. Begin with 02.",
            ],
        ),
        Question(
            "Rate 4, a 3 x 3 kernel. How many multiplications does one output cost?",
            ["81", "36", "9"],
            answer="C",
            why=[
                "It spans 9 x 9 pixels and reads nine of them. Begin with 03.",
                "The rate changes where the nine taps lie, not how many there are. Begin with 03.",
                "Nine taps are nine taps. Read 03 for what the holes are good for.",
            ],
        ),
        Question(
            "A map at output stride 32 of a picture of 480 pixels is resized to stride 8 with "
            "align_corners=True. Do its samples stay over the pixels that they came from?",
            [
                "Yes: the corners are aligned",
                "No, they drift, and the last ones are 24 pixels off",
                "It makes no difference that anybody could see",
            ],
            answer="B",
            why=[
                "Corners of maps are not corners of pictures. Begin with 06.",
                "At 481 pixels they would stay. You may skip 06.",
                "It is three samples of the fine map. Begin with 06, which has a ruler for it.",
            ],
        ),
        Question(
            "A ResNet at output stride 32 and its dilated twin at 8, with the same weights, in eval mode. "
            "Where their maps have a sample for the same pixel, the two values are ...",
            [
                "equal",
                "alike, since the weights are",
                "unrelated: every layer reads other neighbours",
            ],
            answer="A",
            why=[
                "Up to rounding, through all layers. You may skip 08.",
                "More than that. Begin with 03, and see 08 for fifty layers.",
                "They read the same neighbours, found elsewhere. Begin with 03, then 08.",
            ],
        ),
    ]
)

# %% [markdown]
# ## 6. Your machine
#
# The next cell checks every identity that the course is about, on random maps and on a photograph, and then
# every *counterexample*: places where an identity must break. The same table is printed, with the
# rounding errors of your own processor, by `python -m jpu_edu verify`. (`~` reads: approximately. Its error is
# the root mean square of the difference, in standard deviations of $y_d$.)

# %%
from jpu_edu.ops.compare import table
from jpu_edu.verify import verify

rows = verify()
print(table([row for row in rows if not row.breaks]))

# %%
print(table([row for row in rows if row.breaks]))

# %% [markdown]
# And this is what the numbers were computed with. (It differs from machine to machine, so the stored copy
# of this notebook is not compared here.)

# %% tags=["nbval-ignore-output"]
from jpu_edu.cost.record import machine

for name, value in machine().items():
    print(f"{name:14}{value}")

# %% [markdown]
# No line of it had to be compiled, and nothing was downloaded. (Many who tried the original code stopped at a compiler:
# FastFCN issues [13](https://github.com/wuhuikai/FastFCN/issues/13), [17](https://github.com/wuhuikai/FastFCN/issues/17),
# [33](https://github.com/wuhuikai/FastFCN/issues/33), [51](https://github.com/wuhuikai/FastFCN/issues/51).)

# %%
import sys
from pathlib import Path

import jpu_edu

files = [path for path in Path(jpu_edu.__file__).parent.rglob("*") if path.is_file()]
compiled = [path for path in files if path.suffix in {".c", ".cpp", ".cu", ".so", ".pyd"}]
print("files that need a compiler:", len(compiled))
print("torchvision was imported:", "torchvision" in sys.modules)

# %% [markdown]
# ## 7. Every word, and where it is introduced
#
# To look things up in. The cell below gathers the glossaries of all walkthroughs; a word that several of them use
# stands with the first.

# %% tags=["hide-input"]
import json
import re

from IPython.display import Markdown

words = {}
for path in sorted(Path().glob("[01][0-9]_*.ipynb")):
    for cell in json.loads(path.read_text("utf-8"))["cells"]:
        glossary = "".join(cell["source"]).partition("**Glossary.**")[2]
        for word, meaning in re.findall(
            r"^- \*\*(.+?)\*\*: (.+(?:\n  .+)*)", glossary, re.MULTILINE
        ):
            key = word.partition(" (")[0].lower()
            words.setdefault(
                key, (word, " ".join(meaning.split()).replace("|", "\\|"), path.name)
            )
lines = [
    f"| **{word}** | {meaning} | [{name[:2]}]({name}) |"
    for _, (word, meaning, name) in sorted(words.items())
]
Markdown("\n".join(["| word | what it means | in |", "|---|---|---|", *lines]))

# %% [markdown]
# ## What you take with you
#
# - FastFCN is faster because its backbone works on small maps; the number of weights has little to do with it.
# - Three labels: **exact**, **approximate**, **learned**. Ask of every claim which one it is.
# - Predict first, in writing.
#
# **Glossary.**
#
# - **backbone**: the part of a network that turns a picture into maps, usually a classifier without its last layer.
# - **output stride**: how many pixels of the picture lie between two neighbouring outputs.
# - **dilated backbone**: one that was given output stride 8 in place of 32, by dilated convolutions.
# - **joint upsampling**: making a coarse map fine with the help of another map that is fine already, the guide.
#
# **References.** Wu, Zhang, Huang, Liang and Yu, *FastFCN: Rethinking Dilated Convolution in the Backbone for
# Semantic Segmentation*, 2019, [arXiv 1903.11816](https://arxiv.org/abs/1903.11816). The multiply-accumulates
# and parameters above count the convolutions and linear layers of the official code at 512 x 512 with 59
# classes; the two totals of parameters include the auxiliary head.
#
# **Next:** [01 · Convolution](01_convolution.ipynb)

# %% tags=["hide-input"]
tally()
