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
# # 05 · The map inside the classifier
#
# VGG-16 was built for pictures of 224 x 224 pixels. Its first fully-connected layer holds 102 760 448
# weights, each of them bolted to one place of one channel; hand the network a picture of another size and
# PyTorch refuses. Now we change no weight. We change the *shape of the array* that holds them. The same
# network reads a picture of 512 x 512, and returns a hundred answers, laid out as a map.
#
# Before you read on: where had the other ninety-nine been? And what would it take to get, instead of a
# hundred, one answer for each of the 262 144 pixels?
#
# **The claim.** A fully-connected layer is a convolution whose kernel is as large as its map, so a classifier
# is a map that was only ever asked for one of its pixels. The way back up to the picture is the adjoint of
# a strided convolution. FCN is these two ideas and two additions.
#
# **You will be able to** turn a classifier into a map and say when its answers are those of a sliding
# window; predict size, place and checkerboards of any transposed convolution; say what a skip has to
# supply; and derive the numbers 19, 27 and 31, over which a generation of users has wondered.
#
# **Time:** 65 minutes, with a good place for a pause after section 5. **You need:** [01](01_convolution.ipynb) (a convolution is a matrix),
# [02](02_stride_and_reduce.ipynb) (where a sample sits), [03](03_split_conv_merge.ipynb) (phases).
#
# **Reads:** FCN (Long, Shelhamer, Darrell, [arXiv 1411.4038](https://arxiv.org/abs/1411.4038)), sections 3
# and 4 · [`jpu_edu/backbones/vgg.py`](../jpu_edu/backbones/vgg.py) ·
# [`jpu_edu/heads/fcn_skip.py`](../jpu_edu/heads/fcn_skip.py)

# %%
from dataclasses import replace

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from ipywidgets import IntSlider, interact
from torch import nn

from jpu_edu.backbones.vgg import linear_to_conv, vgg16
from jpu_edu.cost.macs import layer_costs
from jpu_edu.cost.receptive import receptive_field
from jpu_edu.cost.timing import time_in_turn
from jpu_edu.data.cameraman import CAMERAMAN, TRIPOD, cameraman_labels
from jpu_edu.data.photos import photo
from jpu_edu.draw import grids, style
from jpu_edu.draw.show import show
from jpu_edu.heads.fcn_skip import FCNSkipHead, UpTwo, bilinear_kernel
from jpu_edu.layers.features import Features
from jpu_edu.metrics.confusion import confusion
from jpu_edu.metrics.scores import iou
from jpu_edu.models.build import fcn8s, fcn16s, fcn32s
from jpu_edu.ops.compare import compare, table, worst
from jpu_edu.ops.interp import phase_aligned, resize
from jpu_edu.ops.phases import merge, split
from jpu_edu.widgets.predict import Prediction, tally
from jpu_edu.widgets.quiz import Question, quiz
from jpu_edu.widgets.skips import merge as merge_scores
from jpu_edu.widgets.skips import skip_toggles
from jpu_edu.widgets.transposed import RANGES, explore_transposed

style.use()
generator = torch.Generator().manual_seed(5)


def randn(*shape):
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


def randint(low, high):
    return int(torch.randint(low, high, (), generator=generator))


# %% [markdown]
# ## Before you start
#
# Three questions about [01](01_convolution.ipynb), [02](02_stride_and_reduce.ipynb) and
# [03](03_split_conv_merge.ipynb). From memory.

# %% tags=["hide-input"]
quiz(
    [
        Question(
            "A pooling with kernel 2 and stride 2, no padding. Where, in input pixels, does its sample 0 sit?",
            ["at 0", "at 0.5", "at 1"],
            answer="B",
            why=[
                "That is a 3 x 3 kernel with padding 1, whose middle tap stands on pixel 0.",
                "Between the two pixels that it reads. Even kernels sit between pixels, and VGG has five of them.",
                "One step of the coarse map is two pixels; its first sample stands in the middle of the first two.",
            ],
        ),
        Question(
            "y = A x is a strided convolution. What does the transposed matrix A' do with a vector of the size of y?",
            [
                "it undoes A",
                "it sends every entry back to the inputs that it was made from",
                "it convolves once more, with stride 1",
            ],
            answer="B",
            why=[
                "A has fewer rows than columns. What it dropped is gone.",
                "Columns of A are rows of A'. It is how the gradient goes back, and today's subject.",
                "A' has as many rows as x has entries: its result is larger than y.",
            ],
        ),
        Question(
            "M merges four phases of 5 x 5 at rate 2. How large is the result, and in which layer would you use it?",
            [
                "10 x 10; anything that makes four maps and wants one twice as large",
                "20 x 20; only in a dilated convolution",
                "5 x 5 with four channels; nowhere",
            ],
            answer="A",
            why=[
                "Four times 25 pixels are 100. Keep this in mind for section 5.",
                "Rate 2 doubles each side. And M does not care who made the phases.",
                "That is how the phases arrive. M lays them out in space.",
            ],
        ),
    ]
)

# %% [markdown]
# ## 1. A dot product with an address
#
# A fully-connected layer on three numbers is one dot product. Give it a signal of eight numbers, and it
# refuses; so cut out every window of three and ask it six times. Write the six dot products in a row.

# %%
weights, bias = torch.tensor([2.0, -1.0, 1.0], dtype=torch.float64), 1.0
signal = torch.tensor([3.0, 1, 4, 1, 5, 9, 2, 6], dtype=torch.float64)

asked_six_times = torch.stack([weights @ signal[i : i + 3] + bias for i in range(6)])
one_convolution = F.conv1d(signal[None, None], weights[None, None])[0, 0] + bias

print("six windows    ", asked_six_times.int().tolist())
print("one convolution", one_convolution.int().tolist())

# %% [markdown]
# There is nothing to prove. A fully-connected layer was a convolution all along, with a kernel as long as
# its input, and we had never let it move. In two dimensions the weights of one output, a row of
# `channels * k * k` numbers, are cut into `channels` kernels of k x k. That is a `view`: no number is touched.

# %%
channels, k, outputs = 5, 4, 6
layer = nn.Linear(channels * k * k, outputs, dtype=torch.float64)
wide = randn(2, channels, 9, 11)

kernels = layer.weight.view(outputs, channels, k, k)
as_map = F.conv2d(wide, kernels, layer.bias)
windows = wide.unfold(2, k, 1).unfold(3, k, 1).permute(0, 2, 3, 1, 4, 5).flatten(3)
row_fc = compare("fc at every window = conv", layer(windows).permute(0, 3, 1, 2), as_map)
library = linear_to_conv(layer, channels=channels)
row_lib = compare("the cell = linear_to_conv", as_map, library(wide))
print(f"weights {tuple(layer.weight.shape)} -> {tuple(kernels.shape)}")
print(f"answers {tuple(as_map.shape[2:])}")
print(table([row_fc, row_lib]))

# %% [markdown]
# Now the real one: VGG-16 at its full width, with random weights, since an identity does not ask where the
# numbers came from. `pool5` is the 7 x 7 map that the classifier flattens. Against the classifier's two matrix
# products stands the library's [`VGG16`](../jpu_edu/backbones/vgg.py), in which `fc6` and `fc7` are
# convolutions. (It pads `fc6` by 3, to keep the size of the map. The classifier's answer is the one in the middle.)

# %%
net = vgg16().eval()
fc6, fc7 = net.fc6[0], net.fc7[0]
picture = photo("astronaut")[..., 0:224, 112:336]
with torch.no_grad():
    pool5 = net.stage5(net.stage4(net.stage3(net.stage2(net.stage1(picture)))))
    # As in the classifier: flatten, and multiply by a matrix.
    h6 = F.linear(pool5.flatten(1), fc6.weight.flatten(1), fc6.bias).relu()
    h7 = F.linear(h6, fc7.weight.flatten(1), fc7.bias).relu()
    # As in the library: two convolutions.
    c5 = net.fc7(net.fc6(pool5))
row_vgg = compare("VGG-16: fc7 = middle pixel of c5", c5[..., 3, 3], h7)

total = sum(p.numel() for p in net.parameters())
print(f"pool5 {tuple(pool5.shape)}, c5 {tuple(c5.shape)}")
print(f"fc6: kernel {tuple(fc6.weight.shape)}, {fc6.weight.numel():,} of {total:,} weights")
print(table([row_vgg]))
del net, fc6, fc7  # half a gigabyte

# %% [markdown]
# Three quarters of the network sit in one 7 x 7 convolution. And now the larger picture.

# %% tags=["hide-input"]
prediction = Prediction(
    "A picture of 512 x 512. Five poolings halve it, and fc6 slides as a 7 x 7 kernel without padding. How many "
    "answers does the classifier give?",
    number=True,
    name="05-answers",
)
prediction

# %%
with torch.device("meta"):  # shapes without numbers
    vgg, relu = vgg16(), nn.ReLU()
    valid = nn.Sequential(nn.Conv2d(512, 4096, 7), relu, nn.Conv2d(4096, 4096, 1), relu)
    body = nn.Sequential(vgg.stage1, vgg.stage2, vgg.stage3, vgg.stage4, vgg.stage5)
    for size in (224, 256, 512):
        maps = body(torch.empty(1, 3, size, size))
        answers = valid(maps)
        print(f"{size}: pool5 {tuple(maps.shape[2:])}, answers {tuple(answers.shape[2:])}")

# %% tags=["hide-input"]
prediction.reveal(
    100,
    because={
        256: "that is pool5, 16 x 16. A 7 x 7 kernel without padding fits 10 times on each axis.",
        4: "512 / 224 windows side by side. The windows overlap: they move by 32 pixels.",
        83521: "one for each pixel at which a window of 224 could start, 289 x 289. The poolings have kept every "
        "32nd of them.",
        262144: "one for each pixel. The poolings have thrown away all phases but one of 1024.",
    },
    explain="(16 - 7 + 1) squared. Neighbouring answers belong to windows 32 pixels apart.",
)

# %% [markdown]
# ## 2. What a hundred answers cost
#
# You could have had these hundred answers without any of this: cut out the hundred windows of 224 x 224 and
# call the classifier on each.

# %% tags=["hide-input"]
prediction = Prediction(
    "Multiplications of a hundred calls, divided by those of the one pass over 512 x 512?",
    options=["about 1.2", "about 5", "about 17", "100"],
    name="05-sliding",
)
prediction

# %%
classifier = nn.Sequential(body, valid)


def giga_macs(network, size, dtype=torch.float32):
    picture = torch.empty(1, 3, *size, device="meta", dtype=dtype)
    return sum(cost.macs for cost in layer_costs(network, picture)) / 1e9


one_window, one_pass = giga_macs(classifier, (224, 224)), giga_macs(classifier, (512, 512))
print(f"one window        {one_window:7.1f} G")
print(f"a hundred windows {100 * one_window:7.1f} G")
print(f"one pass          {one_pass:7.1f} G     ratio {100 * one_window / one_pass:.1f}")

# %% tags=["hide-input"]
prediction.reveal(
    "C",
    because={
        "A": "the windows overlap by six sevenths on each axis; that work is done again and again.",
        "B": "that is the paper's factor, in time, for AlexNet, with a hundred windows too.",
        "D": "the one pass is not free: the picture has 5.2 times the pixels of a window.",
    },
    explain="Each 224-window shares most of its pixels with its neighbours, and the pass computes what they share once.",
)

# %% [markdown]
# (The paper's example, in section 3.1, has a hundred answers too: AlexNet, 22 ms for the pass, 1.2 ms for a window.)
#
# So, is the map the same as the sliding window, only cheaper? The layer is, exactly. Is the *network*? Test it:
# a narrow VGG, in double precision, on 320 x 320, whose sixteen windows we also cut out and ask one by one.

# %%
torch.manual_seed(0)
narrow = vgg16(width=8).eval().double()
scene = photo("astronaut", size=(320, 320), dtype=torch.float64) - 0.5
corners = [(32 * i, 32 * j) for i in range(4) for j in range(4)]
with torch.no_grad():
    field = narrow(scene).c5[0, :, 3:-3, 3:-3]  # without what saw fc6's padding
    cut = [narrow(scene[..., i : i + 224, j : j + 224]).c5[0, :, 3, 3] for i, j in corners]
one_by_one = torch.stack(cut, dim=1).reshape(field.shape)
gap = (field - one_by_one).norm() / one_by_one.norm()
row_cut = compare(
    "the pass = windows cut out", field, one_by_one, breaks=True, tolerance=0.01
)
print(f"answers {tuple(field.shape[1:])}; they differ by {100 * gap:.0f} % of their size")
print(table([row_cut]))

# %%
conv, pool = (3, 1, 1, 1), (2, 2, 1, 0)  # kernel, stride, rate, padding
stages = [[conv] * n + [pool] for n in (2, 2, 3, 3, 3)]
view = receptive_field([window for stage in stages for window in stage] + [(7, 1, 1, 0)])
print(f"one answer of VGG-16 can see {view.size} pixels; its window has 224")

# %% [markdown]
# There is the reason. An answer looks 90 pixels further on every side than the window reaches. On a window
# that was cut out, the thirteen 3 x 3 layers fill this margin with zeros, each at its own border; in the
# large picture the neighbourhood stands there. Neither is wrong, but they are not the same numbers: "FCN is a
# sliding window" is true of the layer and **not** of the network. Where no layer pads, it is true of the
# network as well. We use such a one next.
#
# ## 3. A heat map, learned in seconds
#
# An honest one, with no downloaded weights: a small classifier without padding, fitted to windows of 34 x 34
# from the **left part** of one photograph. The question is "eye or not eye?", and there is one eye in that part.
# Then we slide it over the whole picture.

# %%
cat = photo("chelsea", size=(150, 225), dtype=torch.float64)
BORDER, EYE, OTHER_EYE = 140, (57.0, 85.0), (68.0, 159.0)  # read off the photograph
side = 34

torch.manual_seed(1)
features = nn.Sequential(
    nn.Conv2d(3, 8, 3), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(8, 16, 3), nn.ReLU(), nn.MaxPool2d(2),
).double()  # fmt: skip
fc = nn.Linear(16 * 7 * 7, 1).double()


def windows_of(picture, step=1):
    """Every window of 34 x 34, and the row and column of its middle."""
    cut = picture.unfold(2, side, step).unfold(3, side, step)[0].permute(1, 2, 0, 3, 4)
    middles = [torch.arange(n) * step + (side - 1) / 2 for n in cut.shape[:2]]
    return cut, torch.cartesian_prod(*middles).reshape(*cut.shape[:2], 2)


seen, middles = windows_of(cat[..., :BORDER])
distance = (middles - torch.tensor(EYE)).norm(dim=-1)
eyes, others = seen[distance <= 3], seen[distance > 9]
print(
    f"{len(eyes)} windows with an eye, {len(others)} without, all left of column {BORDER}"
)

# %%
optimiser = torch.optim.Adam([*features.parameters(), *fc.parameters()], lr=3e-3)
answer = torch.cat([torch.ones(16), torch.zeros(48)]).double()
for _ in range(150):
    drawn = [torch.randint(len(some), (n,), generator=generator)
             for some, n in ((eyes, 16), (others, 48))]  # fmt: skip
    batch = torch.cat([eyes[drawn[0]], others[drawn[1]]])
    mirrored = torch.rand(64, 1, 1, 1, generator=generator) < 0.5  # as the other eye is
    light = 0.7 + 0.6 * torch.rand(64, 1, 1, 1, generator=generator, dtype=torch.float64)
    batch = light * torch.where(mirrored, batch.flip(3), batch)
    score = fc(features(batch).flatten(1))[:, 0]
    loss = F.binary_cross_entropy_with_logits(score, answer)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
print("loss below 0.05:", loss.item() < 0.05)

# %% tags=["hide-input"]
prediction = Prediction(
    "The network has never seen a pixel right of the border. Among the windows that lie there entirely, which gets "
    "the highest score?",
    options=[
        "one on the other eye",
        "one on the nose",
        "one on the ear",
        "one next to the border",
    ],
    name="05-cat",
)
prediction

# %% [markdown]
# Slide it: the fully-connected layer becomes a 7 x 7 convolution, and the whole photograph goes through at once.

# %%
slide = linear_to_conv(fc, channels=16)
with torch.no_grad():
    heat = slide(features(cat))
    every_fourth, places = windows_of(cat, step=4)
    asked = fc(features(every_fourth.flatten(0, 1)).flatten(1)).reshape(heat.shape)
row_heat = compare("no padding: the pass = windows", heat, asked)

eyes_at = (EYE, OTHER_EYE)
to_eyes = torch.stack([(places - torch.tensor(eye)).norm(dim=-1) for eye in eyes_at])
unseen = places[..., 1] - (side - 1) / 2 >= BORDER
best = heat[0, 0].where(unseen, heat.min()).argmax()
called = heat[0, 0] > 0
to_other = to_eyes[1].flatten()[best]
facts = {
    "the best unseen window is on the other eye, to 6 pixels": to_other < 6,
    "both eyes are called an eye": (called & (to_eyes < 15)).flatten(1).any(1).all(),
    "anything else is called an eye": (called & (to_eyes.amin(0) >= 15)).any(),
}
print(f"{tuple(heat.shape[2:])} answers, one for every fourth pixel")
for fact, holds in facts.items():
    print(f"{fact}: {bool(holds)}")
print(table([row_heat]))

# %% tags=["hide-input"]
prediction.reveal(
    "A",
    because={
        "B": "dark, and with a rim; but it has neither the colour nor the slit, and part of it was in the windows "
        "without an eye.",
        "C": "light fur on dark ground. Windows like that were among those without an eye.",
        "D": "the score knows nothing of the border. It falls where the picture looks less like an eye.",
    },
    explain="It found an eye it had never seen. A classifier of windows, asked everywhere, is a detector.",
)

# %% tags=["hide-input"]
figure, (left, right) = plt.subplots(1, 2, figsize=(9.375, 3.4), layout="constrained")
rgb = cat[0].permute(1, 2, 0).numpy()
left.imshow(rgb)
left.axvline(BORDER - 0.5, color="white", lw=1.6, ls=(0, (4, 3)))
box = plt.Rectangle((EYE[1] - 17, EYE[0] - 17), 34, 34, fill=False, ec="white", lw=1.6)
left.add_patch(box)
for x_place, words in ((BORDER / 2, "learned from"), ((BORDER + 225) / 2, "never seen")):
    left.text(x_place, 143, words, color="white", ha="center", fontsize=11, weight="bold")
left.set_title("the window of the eye, and the border", fontsize=11)
right.imshow(rgb, alpha=0.25)
first, half = (side - 1) / 2, 2.0  # sample (0, 0) sits at 16.5 and is drawn 4 x 4
down, across = (first - half + 4 * n for n in heat.shape[2:])
extent = (first - half, across, down, first - half)
right.imshow(heat[0, 0].clamp(-7, 3).numpy(), extent=extent)
right.set(xlim=left.get_xlim(), ylim=left.get_ylim())
for place in (EYE, OTHER_EYE):
    right.plot(place[1], place[0], "o", ms=44, mfc="none", mec="white", mew=1.6)
right.set_title("the score: 30 x 48 answers, and a rim without any", fontsize=11)
for axes in (left, right):
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
show(
    figure,
    alt="A cat's face. Left, the 34 pixel window on its left eye and the border beyond which nothing was "
    "learned. Right, the map of scores: light on the left eye and, without having seen it, on the right one.",
)

# %% [markdown]
# *White is a high score. The network was shown one eye, left of the border, and finds the other, right of it.*
#
# What did it cost? Here the windows overlap even more.

# %%
both = nn.Sequential(features, slide)
one, whole = (
    1e3 * giga_macs(both, size, torch.float64) for size in ((side, side), (150, 225))
)
all_windows = heat.numel() * one
print(f"{heat.numel()} windows: {all_windows:.0f} M; one pass: {whole:.1f} M;", end=" ")
print(f"ratio {all_windows / whole:.0f}")

# %% tags=["nbval-ignore-output"]
# Measured on this machine; it differs on yours, so this cell is not compared.
with torch.no_grad():
    tasks = {
        "windows": lambda: fc(features(every_fourth.flatten(0, 1)).flatten(1)),
        "one pass": lambda: slide(features(cat)),
    }
    print(time_in_turn(tasks, repeats=5).table())

# %% [markdown]
# The map is *coarse*: one answer for every fourth pixel here, for every 32nd in VGG. And it has a *rim*, 16 pixels
# wide, for which no window fits.
#
# There are three ways to more answers. Shift the picture and stitch the maps (02; FCN, section 3.2, describes it
# and decides against it). Dilate (03, 04). Or go *up* from the coarse map, which is what FCN does.
#
# ## 4. The transposed convolution
#
# A convolution *gathers*: an output collects from the inputs under its kernel. Turn the arrows round and it
# *stamps*: an input puts down its kernel, multiplied by its value, and where stamps overlap they add.
# With stride 2 the next stamp lands two places further on.


# %%
def stamp(x, kernel, stride, padding=0):
    y = torch.zeros((len(x) - 1) * stride + len(kernel), dtype=x.dtype)
    for i, value in enumerate(x):
        y[i * stride : i * stride + len(kernel)] += value * kernel
    return y[padding : len(y) - padding]  # padding takes away: in C_s it had been added


x = torch.tensor([1.0, 3.0, 2.0], dtype=torch.float64)
kernel = torch.tensor([1.0, 2.0, 1.0], dtype=torch.float64)
by_torch = F.conv_transpose1d(x[None, None], kernel[None, None], stride=2)[0, 0]
print("stamped ", stamp(x, kernel, stride=2).int().tolist())
print("PyTorch ", by_torch.int().tolist())
print("padding 1", stamp(x, kernel, stride=2, padding=1).int().tolist())

# %% [markdown]
# "Turn the arrows round" has an exact meaning. In [01](01_convolution.ipynb) a convolution became a matrix
# $A$: row = output, column = input. Reading it by columns, input by input, is the matrix $A'$, rows and columns
# exchanged. Here are both, for seven inputs, kernel (1, 2, 1), stride 2.

# %%
units = torch.eye(7, dtype=torch.float64)  # seven signals, one 1 in each
A = F.conv1d(units[:, None], kernel[None, None], stride=2)[:, 0].T  # the columns of A
print("A' x    ", (A.T @ x).int().tolist())

# %% tags=["hide-input"]
figure, axes = style.canvas(900.0, 330.0)
cell = 38.0
grids.draw_matrix(axes, A, at=(40.0, 120.0), cell=cell)
style.write(axes, 40.0, 100.0, "A: strided convolution, 7 → 3", align="left")
grids.draw_matrix(axes, A.T, at=(420.0, 50.0), cell=cell)
style.write(axes, 420.0, 30.0, "A': transposed, 3 → 7", align="left")
for (left, top), values in (((565.0, 126.0), x), ((655.0, 50.0), A.T @ x)):
    grids.draw_map(axes, values[:, None], at=(left, top), cell=cell)
style.write(axes, 584.0, 110.0, "x")
style.write(axes, 674.0, 30.0, "A' x")
style.write(axes, 632.0, 183.0, "=", size=14)
style.write(axes, 551.0, 183.0, "·", size=18)
style.write(axes, 40.0, 262.0, "a row of A gathers", align="left", colour=style.soft())
style.write(axes, 720.0, 183.0, "a column of A' stamps", align="left", colour=style.soft())
show(
    figure,
    alt="The 3 by 7 matrix A of a convolution with stride 2 has 1 2 1 in each row, two columns further each time. "
    "Its transpose has 1 2 1 in each column; times (1, 3, 2) it gives 1 2 4 6 5 4 2.",
)

# %% [markdown]
# *A gathers: each of its rows collects from three inputs. A' stamps: each of its columns lays down three numbers,
# and where two columns meet they add.*
#
# A transposed matrix has one property that defines it: it moves from one side of an inner product to the other,
#
# $$\langle A x,\; y\rangle \;=\; \langle x,\; A' y\rangle \qquad\text{for all } x, y .$$
#
# A map with this property is called the **adjoint** of $A$. So we can *prove* that `conv_transpose2d` is the
# adjoint of `conv2d` without looking into either: draw $x$ and $y$ at random, and compare two numbers. Random
# sizes, kernels, strides, paddings, rates and groups:

# %%
rows, sizes = [], []
for _ in range(60):
    size, (k_h, k_w) = (randint(8, 21), randint(8, 21)), (randint(1, 5), randint(1, 5))
    s, r, p, groups = randint(1, 4), randint(1, 3), randint(0, 3), randint(1, 3)
    knobs = dict(stride=s, padding=p, dilation=r, groups=groups)
    weight, x_any = randn(4, 4 // groups, k_h, k_w), randn(2, 4, *size)
    ax = F.conv2d(x_any, weight, **knobs)
    y_any = randn(*ax.shape)
    kernels = zip(size, (k_h, k_w), strict=True)
    left_over = [(n + 2 * p - r * (k - 1) - 1) % s for n, k in kernels]
    aty = F.conv_transpose2d(y_any, weight, output_padding=left_over, **knobs)
    products = (ax * y_any).sum(), (x_any * aty).sum()
    rows.append(replace(compare("<A x, y> = <x, A' y>", *products), shapes=(size,)))
    same_size = torch.tensor(aty.shape), torch.tensor(x_any.shape)
    sizes.append(replace(compare("A' y is as large as x", *same_size), shapes=(size,)))
row_adjoint, row_sizes = worst(rows), worst(sizes)
print(table([row_adjoint, row_sizes]))

# %% [markdown]
# Two inner products that agree for random vectors, sixty times: this is no accident. (If $A'$ were off
# anywhere, the difference would be a bilinear function of $x$ and $y$ that is not zero, and such a one vanishes on
# random vectors with probability zero.) It is also why PyTorch needs no new code for the layer: it is the *backward pass* of a
# convolution, run forwards.
#
# You may have noticed `output_padding=left_over`. First a prediction.

# %% tags=["hide-input"]
prediction = Prediction(
    "A convolution with kernel 3, stride 2, padding 1 turns 7 pixels into 4, and 8 pixels into 4 as well. What "
    "does the transposed convolution with the same numbers make of 4?",
    options=["7", "8", "9", "either, it depends on the values"],
    name="05-size",
)
prediction

# %% tags=["hide-input"]
print(" n   conv   transposed   left over = output_padding that gives n back")
for n in range(6, 12):
    down = (n + 2 * 1 - 3) // 2 + 1
    back = (down - 1) * 2 - 2 * 1 + 3
    print(f"{n:2} {down:5} {back:10} {n - back:12}")

# %% tags=["hide-input"]
prediction.reveal(
    "A",
    because={
        "B": "that is 'up by two means twice as large'. Stride is a step: four stamps are three steps apart.",
        "C": "(4 - 1)·2 + 3, before the padding takes one from each end.",
        "D": "a layer must know its size before it knows its values. output_padding=1 chooses 8.",
    },
    explain="(4 - 1)·2 - 2·1 + 3 = 7. The floor in the convolution's formula dropped something, and "
    "output_padding says how much: it can be anything below the stride.",
)

# %% [markdown]
# $$n_\text{out} \;=\; (n-1)\,s \;-\; 2p \;+\; r(K-1) + 1 \;+\; \text{output\_padding},$$
#
# the formula of 01 solved for $n$. Two misunderstandings hide in the names. `padding` makes the output
# *smaller*, and `output_padding` does not append zeros. It leaves outputs standing that the kernel has
# stamped, and the crop would have taken.

# %%
kernel_5, four = torch.tensor([[[1.0, 2, 3, 2, 1]]]), torch.tensor([[[1.0, 2, 3, 4]]])
knobs = dict(stride=2, padding=2)
plain = F.conv_transpose1d(four, kernel_5, **knobs)
longer = F.conv_transpose1d(four, kernel_5, output_padding=1, **knobs)
print("output_padding 0", plain[0, 0].int().tolist())
print("output_padding 1", longer[0, 0].int().tolist())
x_39 = torch.arange(39.0).sin()[None, None]
again = F.conv_transpose1d(F.conv1d(x_39, kernel_5, **knobs), kernel_5, **knobs)
bad = dict(
    breaks=True, tolerance=0.01
)  # a counterexample: it must differ by more than 0.01
row_zeros = compare(
    "output_padding = zeros at the end", longer, F.pad(plain, (0, 1)), **bad
)
row_inverse = compare("A' A x = x", again, x_39, **bad)
print(table([row_zeros, row_inverse]))

# %% [markdown]
# The last line deserves its place: the layer is often called "deconvolution", and it undoes **nothing**. $A'$
# gives back the *size*, and puts every number above the place that it came from. What the stride dropped is
# gone. At stride 32 one place in 1024 is left, and a stamp spreads what stands there.
#
# Below, each row is one input with the taps of its kernel, and the last row counts the stamps on each output. The
# colour is the phase of the tap.

# %%
explore_transposed(size=5, kernel=5, stride=2, padding=0, output_padding=0)

# %% [markdown]
# *Kernel 5 and stride 2: far from the ends, outputs of one colour get three stamps and outputs of the other two.*
#
# The sliders of the next cell draw this picture anew, below themselves. Can you find a kernel and a stride for which
# all outputs inside get equally many stamps? And a pair that leaves outputs without any?

# %% tags=["nbval-ignore-output"]
sliders = {
    name: IntSlider(value=start, min=low, max=high, description=name)
    for name, (low, high, start) in RANGES.items()
}
for slider in sliders.values():
    slider.style.description_width = "110px"  # room for the longest name
_ = interact(explore_transposed, **sliders)

# %% [markdown]
# ## 5. Checkerboards
#
# All weights 1, all inputs 1. What you get is the number of stamps on each output.

# %% tags=["hide-input"]
prediction = Prediction(
    "Kernel 3 x 3, stride 2, far from the border. How many times as many stamps lie on the most stamped output as on "
    "the least stamped?",
    number=True,
    name="05-checkers",
)
prediction

# %% tags=["hide-input"]
print("kernel  stride   stamps along one axis, far from the ends      in 2-D")
pairs = ((2, 2), (3, 2), (4, 2), (5, 2), (3, 3), (4, 3), (7, 4), (8, 4), (64, 32))
for k, s in pairs:
    ones, flat = torch.ones(1, 1, 12, 12), torch.ones(1, 1, k, k)
    inside = F.conv_transpose2d(ones, flat, stride=s)[0, 0, 4 * s : 8 * s, 4 * s : 8 * s]
    along = [f"{value**0.5:.0f}" for value in inside.diagonal()[: min(2 * s, 8)]]
    counts = f"{inside.min():.0f} to {inside.max():.0f}"
    verdict = "even" if inside.min() == inside.max() else "uneven"
    print(f"{k:6} {s:7}   {' '.join(along):40}{counts:10}{verdict}")

# %% tags=["hide-input"]
prediction.reveal(
    4,
    because={
        2: "along one axis. A map has two, and the counts multiply.",
        9: "nine taps, but they never all land on one output: 4 at most.",
        3: "that is the difference. 4 stamps stand against 1, and the question asks for the ratio.",
    },
    explain="1, 2, 1, 2 along an axis: 1, 2 and 4 in two dimensions. Even exactly where the stride divides the kernel.",
)

# %% [markdown]
# The colours in that picture say why. Taps of one colour land on outputs of one colour: tap $k$ of input $i$
# lands on output $i s + k$, and its remainder is that of $k$. So the outputs of phase $p$ are made by the
# taps $p, p+s, p+2s, \dots$ alone. A transposed convolution *is* $s^2$ ordinary convolutions with small
# kernels, one for each phase, and then $M$, the merge of [03](03_split_conv_merge.ipynb).


# %%
def by_phases(x, weight, stride):
    """x: (B, C, h, w), weight: (C, D, k_h, k_w) as ConvTranspose2d stores it."""
    phases = []
    for small in split(weight, rate=stride):  # S, on the kernel
        flipped = small.flip(-2, -1).transpose(0, 1)  # stamping reads the kernel backwards
        border = [n - 1 for n in small.shape[-2:]]
        phases.append(F.conv2d(x, flipped, padding=border))  # C_r
    return merge(phases, rate=stride)  # M


rows = []
for k_any, s in ((2, 2), (3, 2), (4, 2), (5, 3), (6, 3), (8, 4), (7, 4)):
    x_any, weight = randn(2, 3, randint(3, 9), randint(3, 9)), randn(3, 5, k_any, k_any)
    got, want = by_phases(x_any, weight, s), F.conv_transpose2d(x_any, weight, stride=s)
    rows.append(compare("C_t = small kernels -> M", got, want))
row_phases = worst(rows)
print(table([row_phases]))

# %% [markdown]
# Now checkerboards are no mystery: *neighbouring outputs come from different kernels*. Nothing makes these
# agree on what a grey area looks like. A grey area stays grey exactly when the small kernels have equal sums.
# A kernel that the stride divides gives them equally many *taps*, which is often called the cure. Is it?


# %%
def grey_area(weight, stride):
    """What becomes of a grey area: the value of each phase, far from the border."""
    out = F.conv_transpose2d(torch.full((1, 1, 9, 9), 0.5).double(), weight, stride=stride)
    return torch.stack([phase[0, 0, 4, 4] for phase in split(out, rate=stride)])


tent = bilinear_kernel(2).double()[None, None]
kernels_to_try = {
    "3 x 3, ones": torch.ones(1, 1, 3, 3).double(),
    "4 x 4, ones": torch.ones(1, 1, 4, 4).double(),
    "4 x 4, random": tent * (1 + 0.35 * randn(1, 1, 4, 4)),
    "4 x 4, bilinear": tent,
}
for name, weight in kernels_to_try.items():
    weight *= 4 / weight.sum()  # so that the mean of the four phases is right
    values = " ".join(f"{value:.2f}" for value in grey_area(weight, 2))
    print(f"{name:16} grey 0.5 becomes {values}")
grey, random_4 = torch.full((4,), 0.5).double(), kernels_to_try["4 x 4, random"]
row_grey = compare("equal sums: grey stays grey", grey_area(tent, 2), grey)
row_even = compare(
    "as many taps each: grey stays grey", grey_area(random_4, 2), grey, **bad
)
print()
print(table([row_grey, row_even]))

# %% tags=["hide-input"]
coarse = photo("camera", size=(128, 128), dtype=torch.float64)[..., 14:50, 34:82]
figure, panels = plt.subplots(1, 4, figsize=(9.375, 1.98), layout="constrained")
for axes, (name, weight) in zip(panels, kernels_to_try.items(), strict=True):
    up = F.conv_transpose2d(coarse, weight, stride=2)
    axes.imshow(up[0, 0, 4:-4, 4:-4].numpy(), vmin=0, vmax=1)
    axes.set_title(name, fontsize=11)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
show(
    figure,
    alt="A face, enlarged by four transposed convolutions. Ones in a 3 by 3 kernel give a strong checkerboard. Ones in a "
    "4 by 4 kernel and the bilinear kernel give none. A random 4 by 4 kernel gives one again.",
)

# %% [markdown]
# *Two kernels with four taps for each phase, ones and random numbers: the first leaves no checkerboard, the second
# does. What counts is the sum of the taps.*
#
# Divisibility makes it *possible*, with all weights alike, and is a good start. The cure is equal sums, and
# training may lose it again. Hence the advice of Odena and others: resize first, then convolve; there one
# kernel makes all outputs. FCN has another answer. It starts with the right kernel.
#
# ## 6. Born bilinear
#
# Linear interpolation by two, with pixels meeting edge to edge: each new sample lies a quarter of a step
# from one old sample and three quarters from the next, so it is 3/4 of the one and 1/4 of the other. As
# a stamp: (1, 3, 3, 1) / 4, a *tent*. For a factor $f$ the tent has $2f$ taps (one less for odd $f$), and
# each of its phases sums to 1.


# %%
def tent_1d(factor):
    size = 2 * factor - factor % 2
    return 1 - (torch.arange(size).double() - (size - 1) / 2).abs() / factor


rows = []
for factor in (2, 3, 4, 8, 32):
    taps = tent_1d(factor)
    sums = torch.stack([taps[p::factor].sum() for p in range(factor)])
    rows.append(
        compare("each phase of a tent sums to 1", sums[None], torch.ones_like(sums)[None])
    )
    by_library = bilinear_kernel(factor)
    assert torch.allclose(torch.outer(taps, taps).float(), by_library)
    print(
        f"factor {factor:2}:",
        " ".join(f"{tap:.3g}" for tap in taps) if factor < 5 else f"{len(taps)} taps",
    )
row_tent = worst(rows)
print(table([row_tent]))

# %% [markdown]
# The measuring device of [02](02_stride_and_reduce.ipynb) was a ramp, whose value is its place. A correct
# interpolation turns a ramp into a ramp. Ten samples of one that starts at 5, up by four:

# %%
factor, n = 4, 10
crop = factor // 2  # half of what the tent sticks out
ramp = torch.arange(n * 1.0).double()
stamped = F.conv_transpose1d(
    (5 + ramp)[None, None], tent_1d(factor)[None, None], stride=factor
)
up = stamped[0, 0, crop : crop + factor * n]
# Edges meet: output j sits at this place among the samples.
want = 5 + (torch.arange(factor * n).double() + 0.5) / factor - 0.5
row_ramp = compare("the ramp, inside", up[crop:-crop], want[crop:-crop])
row_rim = compare("the ramp, in the rim", up, want, **bad)
print("first six", " ".join(f"{value:.3f}" for value in up[:6]))
print("the ramp ", " ".join(f"{value:.3f}" for value in want[:6]))
print(table([row_ramp, row_rim]))

# %% [markdown]
# Inside it is exact. In the rim, half a step wide, it is not: there one of the two neighbours does not exist, a
# transposed convolution stamps nothing in its place, and the result *fades*. (`interpolate` does not know the
# missing neighbour either. It repeats the last sample, and says 5, 5 where the ramp has 4.625, 4.875.) How
# much is that for FCN-32s?

# %% tags=["hide-input"]
prediction = Prediction(
    "A score map that is 1 everywhere, up by 32 with the 64 x 64 tent, cropped by 16. What stands in the corner "
    "pixel?",
    options=["1", "about 0.52", "about 0.27", "0"],
    name="05-fade",
)
prediction

# %% tags=["hide-input"]
print("factor    rim     edge pixel    corner pixel")
for f in (2, 4, 8, 16, 32):
    ones = torch.ones(1, 1, 4, 4, dtype=torch.float64)
    faded = F.conv_transpose2d(ones, bilinear_kernel(f).double()[None, None], stride=f)
    faded = faded[0, 0, f // 2 : -(f // 2), f // 2 : -(f // 2)]
    rim = int((faded[len(faded) // 2] < 1 - 1e-9).sum()) // 2
    print(f"{f:6} {rim:3} pixels {faded[0, len(faded) // 2]:11.4f} {faded[0, 0]:14.4f}")

# %% tags=["hide-input"]
prediction.reveal(
    "C",
    because={
        "A": "that is `interpolate`, which repeats the last sample beyond the border.",
        "B": "that is the middle of an edge: a corner fades along both axes.",
        "D": "the tent is 0 only at its very end, one sample further out.",
    },
    explain="0.5156 along each axis, and 0.5156 squared is 0.27.",
)

# %% [markdown]
# Does it hurt? A score of 0.27 looks alarming. But in the rim *all classes* fade by the same factor, and the
# largest stays the largest. And who wants the numbers as well repeats the last sample before going up: then
# the transposed convolution is `interpolate`, everywhere.

# %%
f, scores = 32, randn(1, 21, 5, 7)
tents = bilinear_kernel(f).double()[None, None].expand(21, 1, -1, -1)
by_stamps = F.conv_transpose2d(scores, tents, stride=f, groups=21)[..., 16:-16, 16:-16]
repeated = F.pad(scores, (1, 1, 1, 1), mode="replicate")
no_fade = F.conv_transpose2d(repeated, tents, stride=f, groups=21)[..., 48:-48, 48:-48]
by_resize = resize(scores, size=(5 * f, 7 * f), align_corners=False)
inner = (..., slice(16, -16), slice(16, -16))
classes = by_stamps.argmax(1), by_resize.argmax(1)
row_inner = compare("tent = resize, inside", by_stamps[inner], by_resize[inner])
row_pad = compare("repeat, tent = resize, everywhere", no_fade, by_resize)
row_argmax = compare("largest class, rim included", *classes)
row_fade = compare("tent = resize, rim included", by_stamps, by_resize, **bad)
print(table([row_inner, row_pad, row_argmax, row_fade]))

# %% [markdown]
# It does hurt where a faded score meets one that has not faded, in the sum with a skip. There a skip
# has to learn the rim as well.
#
# The library's [`UpTwo`](../jpu_edu/heads/fcn_skip.py) is this layer for one factor of two: a transposed
# convolution 4 x 4 with stride 2 that is born as a tent for every class, learns from there if it is
# allowed to, and crops one pixel to reach the size of the next finer map, even or odd.

# %%
up_two = UpTwo(21).double()
with torch.no_grad():
    got, odd = up_two(scores, size=(10, 14)), up_two(scores, size=(9, 15))
small_tents = tent.expand(21, 1, -1, -1)
want = F.conv_transpose2d(scores, small_tents, stride=2, padding=1, groups=21)
row_up = compare("UpTwo = tent of factor 2", got, want)
row_odd = compare("an odd size is a crop, no shift", odd[..., :9, :14], got[..., :9, :14])
print("a 5 x 7 map reaches", tuple(got.shape[2:]), "and", tuple(odd.shape[2:]))
print(table([row_up, row_odd]))

# %% [markdown]
# One more question before we go up in steps: is *up two, then up two* the same as *up four*? Follow a single 1.


# %%
def up_1d(x, factor):
    """Up by a factor with its tent, cropped to factor times the size."""
    begin = factor // 2
    long = F.conv_transpose1d(x[None, None], tent_1d(factor)[None, None], stride=factor)
    return long[0, 0, begin : begin + factor * len(x)]


single = torch.tensor([0.0, 0, 1, 0, 0], dtype=torch.float64)
twice, once = up_1d(up_1d(single, 2), 2), up_1d(single, 4)
row_twice = compare("up two, up two = up four", twice, once, **bad)
signal = single[None, None, None]
kept = phase_aligned(phase_aligned(signal, rate=(1, 2)), rate=(1, 2))
row_kept = compare(
    "the same, samples kept in place", kept, phase_aligned(signal, rate=(1, 4))
)
print("up two, up two", " ".join(f"{value:.3g}" for value in twice[4:16]))
print("up four       ", " ".join(f"{value:.3g}" for value in once[4:16]))
print(table([row_kept, row_twice]))

# %% [markdown]
# It is not: 0.75 against 0.875 at the top. With edges meeting, no new sample falls on an old one, so the second
# step no longer knows where the peak was, and cuts it off. Where samples keep their places, as in the
# `phase_aligned` of 02, the steps do multiply; [06](06_where_do_the_pixels_live.ipynb) says when to use which.
#
# ## 7. 32s, 16s, 8s
#
# VGG's maps at stride 8, 16 and 32 are called c3, c4 and c5. FCN-32s takes the scores of c5 and goes up by 32 at once.
# FCN-16s goes up by two, adds the scores of c4, and then goes up by 16.
# FCN-8s does this once more with c3. In one dimension, with numbers that you can follow:

# %%
c5, c4, c3 = (
    torch.tensor(values, dtype=torch.float64)
    for values in ([4, 8], [1, -1, 1, -2], [1, 0, 0, -5, 2, 2, -4, 1])
)
score, steps = c5, []
for name, skip in (("c4", c4), ("c3", c3)):
    raised = up_1d(score, 2)
    score = raised + skip
    steps.append((raised, skip, score))
    numbers = [some.int().tolist() for some in steps[-1]]
    print("up two {} + {} {} = {}".format(numbers[0], name, *numbers[1:]))

# %% tags=["hide-input"]
figure, axes = style.canvas(900.0, 322.0)
unit, left = 76.0, 196.0
drawn = [("c5, stride 32", c5, 18.0)]
for (raised, skip, total), top, names in zip(
    steps,
    (70.0, 202.0),
    (("+ c4, stride 16", "= FCN-16s"), ("+ c3, stride 8", "= FCN-8s")),
    strict=True,
):
    drawn += [
        ("up two", raised, top),
        (names[0], skip, top + 40),
        (names[1], total, top + 80),
    ]
for name, values, top in drawn:
    edge = style.ink() if name.startswith("=") else None
    style.write(axes, left - 14, top + 17, name, align="right", colour=edge or style.soft())
    for i, value in enumerate(values):
        centre = left + (i + 0.5) * unit * 8 / len(values)
        grids.draw_map(
            axes, value[None, None], at=(centre - 17, top), cell=34.0, colour=edge
        )
for i in range(9):
    axes.plot(
        [left + i * unit] * 2, [12, 318], color=style.soft(), lw=0.5, alpha=0.35, zorder=0
    )
show(
    figure,
    alt="Two scores at stride 32, 4 and 8, go up to 3 5 7 6; with the skip 1 -1 1 -2 they become 4 4 8 4. These go "
    "up to 3 4 4 5 7 7 5 3, and with the second skip become 4 4 4 0 9 9 1 4. Every sample is drawn above its place.",
)

# %% [markdown]
# *Every number stands above its place. Two scores become four and then eight, and each skip corrects what going up
# could not know.*
#
# That is all of it. The head of the library, [`FCNSkipHead`](../jpu_edu/heads/fcn_skip.py), does the same with
# real maps. Its scores come from 1 x 1 convolutions on c5, c4 and c3.

# %%
c5, c4, c3 = (randn(1, 2, *size) for size in ((3, 4), (6, 8), (11, 16)))  # c3 is odd
by_hand = c5
for skip in (c4, c3):
    stamped = F.conv_transpose2d(by_hand, tent.expand(2, 1, -1, -1), stride=2, groups=2)
    by_hand = stamped[..., 1 : 1 + skip.shape[2], 1 : 1 + skip.shape[3]] + skip

head = FCNSkipHead(2, 2, skip_channels=(2, 2), dropout=0).double()
for conv_1x1 in (head.score, *head.skips):  # make every 1 x 1 the identity
    nn.init.zeros_(conv_1x1.bias)
    nn.init.dirac_(conv_1x1.weight)
with torch.no_grad():
    by_head = head(c5, Features(c3, c3, c3, c4, c5)).logits  # c1 and c2 are not used
row_head = compare("two sums by hand = FCNSkipHead", by_hand, by_head)
print(table([row_head]))

# %% tags=["hide-input"]
for builder in (fcn32s, fcn16s, fcn8s):
    with torch.device("meta"):
        network, image = builder(classes=21).eval(), torch.empty(1, 3, 375, 500)
        maps = network.backbone(image)
        fine = tuple(network.head(maps.c5, maps).logits.shape[2:])
        size = tuple(network(image).logits.shape[2:])
    weights_of = {
        name: sum(p.numel() for p in part.parameters())
        for name, part in network.head.named_children()
    }
    told = ", ".join(f"{name} {count:,}" for name, count in weights_of.items() if count)
    print(f"{builder.__name__:6} on 375 x 500: scores {fine}, then {size}; weights: {told}")

# %% [markdown]
# The skips are cheap: 10 773 weights for c4, 5 397 more for c3. They start at *zero*, so FCN-16s
# begins its training as FCN-32s, gone up in two steps, and can only leave it for something better. What do they
# have to learn? Suppose that the scores at stride 32 are *perfect*: every sample tells the exact share of each
# class in its 32 x 32 pixels. Here is a photograph, labelled by hand for this notebook. The legs of the tripod
# are 8 to 12 pixels wide.
#
# Scored is by **IoU**, intersection over union: the pixels that truth and network both call tripod, over the pixels that at
# least one of them calls so. ([12](12_measuring.ipynb) counts it by hand.)

# %%
camera, truth = photo("camera", dtype=torch.float64), cameraman_labels()
one_hot = F.one_hot(truth).permute(2, 0, 1)[None].double()
share = {stride: F.avg_pool2d(one_hot, stride) for stride in (8, 16, 32)}
for name, part in zip(CAMERAMAN.names, one_hot.mean((0, 2, 3)), strict=True):
    print(f"{name:7}{100 * part:3.0f} % of the pixels")

# %% tags=["hide-input"]
prediction = Prediction(
    "FCN-32s with perfect scores at stride 32. How well does it find the tripod? (IoU: 1 is perfect, 0 is nowhere)",
    options=["0.08", "0.35", "0.65", "0.90"],
    name="05-tripod",
)
prediction

# %%
up_three = UpTwo(3, learnable=False).double()
perfect_c5 = share[32]
perfect_c4 = share[16] - up_three(share[32], size=(32, 32))
perfect_c3 = share[8] - up_three(share[16], size=(64, 64))

at_16 = up_three(perfect_c5, size=(32, 32)) + perfect_c4
at_8 = up_three(at_16, size=(64, 64)) + perfect_c3
row_pyramid = compare("the sums restore the shares at 8", at_8, share[8])
print(table([row_pyramid]))

# %% tags=["hide-input"]
NETWORKS = {
    "FCN-32s": (True, False, False),
    "FCN-16s": (True, True, False),
    "FCN-8s": (True, True, True),
}
perfect = (perfect_c5[0], perfect_c4[0], perfect_c3[0])
print("perfect scores   pixels right   IoU of ground    man   tripod")
for name, on in NETWORKS.items():
    result = merge_scores(perfect, truth, on=on)
    ious = "".join(f"{value:9.2f}" for value in result.ious)
    print(f"{name:18}{100 * result.accuracy:8.1f} %   {ious}")

# %% tags=["hide-input"]
prediction.reveal(
    "A",
    because={
        "B": "the shares of the tripod are all there in the scores. But a share below one half seldom wins.",
        "C": "that is what the eye sees in the coarse map. The largest score is another matter.",
        "D": "pixel accuracy is 95.5 %. The tripod is 3 % of the picture, and accuracy hardly notices it.",
    },
    explain="A leg fills a third of a 32-pixel block, so the ground beats it almost everywhere. The score was perfect; "
    "the resolution was not.",
)

# %% [markdown]
# Now look at the two lines that made the skips: `perfect_c4` is *what is missing* after going up, and so is
# `perfect_c3`. A perfect skip is a **residual**. A coarse picture plus the residuals of each step restores the
# fine one, exactly. Burt and Adelson called this the Laplacian pyramid in 1983, and FCN's merge is its second
# half. It also answers why FCN *adds*: c5 says what, a skip says by how much c5 was wrong here.
#
# Switch them on and off. What is left with c3 alone? And is a perfect skip within reach of c4 and c3? The
# second choice tries: features of a VGG with **random** weights, and linear 1 x 1 scores fitted to this one
# photograph by least squares, one level after the other, as FCN trains.


# %% tags=["hide-input"]
def fitted(picture, ridge=100.0):
    """Scores that 1 x 1 convolutions read from random features, each fitted to what is still missing."""
    torch.manual_seed(0)
    random_net = vgg16(width=16).eval()
    normal = ((picture - picture.mean()) / picture.std()).expand(-1, 3, -1, -1).float()
    with torch.no_grad():
        maps = random_net(normal)
    score, found = 0, []
    for features_here, stride in ((maps.c5, 32), (maps.c4, 16), (maps.c3, 8)):
        missing = share[stride] - score
        columns = F.instance_norm(features_here.double()).flatten(2)[0].T
        columns = torch.cat([columns, torch.ones_like(columns[:, :1])], dim=1)
        gram = columns.T @ columns + ridge * torch.eye(columns.shape[1]).double()
        solution = torch.linalg.solve(gram, columns.T @ missing.flatten(2)[0].T)
        found.append((columns @ solution).T.reshape(missing.shape))
        score = up_three(score + found[-1], size=tuple(2 * n for n in missing.shape[2:]))
    return tuple(one[0] for one in found)


read_off = fitted(camera)

# %%
sources = {"perfect scores": perfect, "read from random features": read_off}
skip_toggles(camera, truth, sources, classes=CAMERAMAN, thin=TRIPOD)

# %% [markdown]
# *c5 says what is there, and each skip by how much that was wrong here. With c3 alone the man is hollow: a skip knows
# the outlines of everything and the inside of nothing.*
#
# Did the random features *see* the tripod, or can a hundred numbers be fitted to anything? The control: fit
# the same tripod to the features of *another* photograph, in which there is none.

# %% tags=["hide-input"]
astronaut = photo("astronaut", grey=True, dtype=torch.float64)
print("IoU of the tripod           " + "".join(f"{name:>10}" for name in NETWORKS))
for name, some in {
    "perfect": perfect,
    "fitted to this photograph": read_off,
    "fitted to an astronaut": fitted(astronaut),
}.items():
    ious = [merge_scores(some, truth, on=on).ious[TRIPOD] for on in NETWORKS.values()]
    print(f"{name:28}" + "".join(f"{value:10.2f}" for value in ious))
hollow = merge_scores(perfect, truth, on=(False, False, True))
print(
    f"perfect c3 alone: IoU of the tripod {hollow.ious[TRIPOD]:.2f}, of the man {hollow.ious[1]:.2f}"
)

# %% [markdown]
# The control stays where FCN-32s was: it is this photograph's features that know of this tripod, with weights
# that nobody trained. The line above it is **learned**, from the very picture on which it is scored, so it says
# what the maps *hold*, and nothing about pictures to come. (At stride 32 it beats the perfect shares: its errors lift
# the tripod above one half here and there. Perfect shares are not the scores with the best labels.)
#
# What networks make of it on held-out pictures is in the paper's Table 2, for VGG-16 on PASCAL VOC 2011: mean
# IoU 59.4 for FCN-32s, 62.4 for 16s, 62.7 for 8s. (With the last layer of 32s trained alone: 45.4.)
# The gain is small there, since large objects fill VOC. It is large where things are thin:

# %% tags=["hide-input"]
widths, recall = (2, 4, 6, 8, 10, 12, 16, 20, 24, 32), {32: [], 16: [], 8: []}
for width in widths:
    columns, starts = torch.arange(512), torch.arange(208, 240)[:, None]
    bars = (columns >= starts) & (columns < starts + width)  # one bar at 32 positions
    for stride, values in recall.items():
        shares = F.avg_pool1d(bars[:, None].double(), stride)  # perfect scores
        up = F.interpolate(shares, scale_factor=stride, mode="linear", align_corners=False)
        values.append(float(((up[:, 0] > 0.5) & bars).sum() / bars.sum()))
print("share of a bar that is found with perfect scores, mean over 32 positions")
print("width      " + "".join(f"{width:6}" for width in widths))
for stride, values in recall.items():
    print(f"stride {stride:3} " + "".join(f"{value:6.2f}" for value in values))

# %% tags=["hide-input"]
figure, axes = plt.subplots(figsize=(9.375, 2.9), layout="constrained")
for (stride, values), (level, marker) in zip(
    recall.items(), (("c5", "o"), ("c4", "s"), ("c3", "^")), strict=True
):
    colour = style.mix(style.LEVELS[level], style.ink(), 0.8)
    axes.plot(widths, values, marker=marker, color=colour, mfc=style.LEVELS[level])
    axes.axvline(stride / 2, color=colour, lw=0.8, ls=(0, (2, 3)))
    at = next(i for i, value in enumerate(values) if value > 0.4)
    axes.annotate(
        f"stride {stride}",
        (widths[at], values[at]),
        xytext=(9, -13),
        textcoords="offset points",
        fontsize=11,
    )
axes.set(
    xlabel="width of the bar in pixels (dotted: half a stride)",
    ylabel="found",
    ylim=(-0.04, 1.04),
    yticks=[0, 0.5, 1],
)
show(
    figure,
    alt="Share of a vertical bar that is found against its width, for perfect scores at stride 32, 16 and 8. Each curve "
    "leaves zero at half its stride: 16, 8 and 4 pixels.",
)

# %% [markdown]
# *A bar that is at most half a stride wide is never found, not even with perfect scores.* No block can be more than
# half bar: 16 pixels at stride 32; 4 at stride 8. Whoever asks "where did my thin line go?" may begin here.
#
# ## 8. Nineteen
#
# The original FCN pads the *picture* with 100 zeros on each side, pads `fc6` not at all, and crops what comes
# out, by offsets that stand in the code as plain numbers:
#
# | network | c4 scores from | c3 scores from | last crop from |
# |---|---|---|---|
# | FCN-32s | | | 19 |
# | FCN-16s | 5 | | 27 |
# | FCN-8s | 5 | 9 | 31 |
#
# Users have asked ever since. "Why you use 19 here or I can just replace it with 20 or 18?"
# (wkentaro/pytorch-fcn#51; also #50 and #97). One sent a correction: the scores have 568 x 568, the picture
# 500 x 500, so the crop "should shave off the 68x68, i.e. offset should be 34 (as Crop is central), not 31"
# (shelhamer/fcn.berkeleyvision.org#5).

# %% tags=["hide-input"]
prediction = Prediction(
    "FCN-8s, a picture of 500 x 500, scores of 568 x 568 after the last step up. Where should the crop begin?",
    options=[
        "at 31",
        "at 34, the centre",
        "at 0",
        "anywhere: the network learns the shift",
    ],
    name="05-crop",
)
prediction


# %% [markdown]
# You can answer with two rules. Going *down*, sample $i$ of a map sits at picture pixel `centre + stride * i`, and
# `receptive_field` of 02 knows both. Going *up*, sample $i$ is stamped around output $s\,i + (K-1)/2$. A crop is
# right when a pixel's scores end up on the pixel.


# %%
def place_of(level, *, pad, fc6_padding):
    """The picture pixel under sample 0 of c3, c4 or c5 (c5 after fc6)."""
    layers = [window for stage in stages[:level] for window in stage]
    layers[0] = (3, 1, 1, pad)
    return receptive_field(layers + [(7, 1, 1, fc6_padding)] * (level == 5)).centre


def up_by(jump, first, factor):
    """Jump and place of sample 0 after a transposed convolution with 2 * factor taps."""
    jump //= factor
    return jump, first - (2 * factor - 1) / 2 * jump


jump, first = 32, place_of(5, pad=100, fc6_padding=0)
print(f"c5 sits at pixel {first}.  FCN-32s: last crop {-up_by(jump, first, 32)[1]:.0f}")
for level in (4, 3):
    jump, first = up_by(jump, first, 2)
    skip = place_of(level, pad=100, fc6_padding=0)
    crop = (first - skip) / jump
    print(f"raised, it sits at {first}; c{level} at {skip}: crop {crop:.0f}.", end="  ")
    print(f"FCN-{jump}s: last crop {-up_by(jump, first, jump)[1]:.0f}")

# %% tags=["hide-input"]
prediction.reveal(
    "A",
    because={
        "B": "the centre would be right if the padding were symmetric in the end. Poolings round up, on one side only.",
        "C": "sample 0 was stamped beyond the picture's edge: its 100 zeros are still on board.",
        "D": "the last step is a fixed tent, and 3 of its 8 pixels are no shift by whole samples.",
    },
    explain="All five numbers, from kernel, stride and padding alone.",
)

# %% [markdown]
# All five are exact alignments. Let the ramp confirm it, with every layer in place. The kernels are symmetric
# and look at their middle tap on average, so the middle tap alone will do; the poolings take the mean of two.


# %%
def pyramid(size, pad):
    """c3, c4, c5 of a ramp that goes on into the padding: we measure places, not zeros."""
    x, levels = torch.arange(1.0 - pad, size + pad - 1, dtype=torch.float64)[None, None], []
    for _ in range(5):
        x = F.avg_pool1d(x, 2, ceil_mode=True)
        levels.append(x)
    return levels[2], levels[3], levels[4][..., 3:-3] if pad > 1 else levels[4]


def official(size, skips, offset=None):
    """The original on a ramp, with a mean for each sum. No offset: the central crop."""
    c3, c4, score = pyramid(size, pad=100)
    for skip, begin in ((c4, 5), (c3, 9))[:skips]:
        raised = F.conv_transpose1d(score, tent_1d(2)[None, None], stride=2)
        score = (raised + skip[..., begin : begin + raised.shape[-1]]) / 2
    factor = (32, 16, 8)[skips]
    long = F.conv_transpose1d(score, tent_1d(factor)[None, None], stride=factor)[0, 0]
    begin = (len(long) - size) // 2 if offset is None else offset
    return long[begin : begin + size]


def shift(places):
    """By how many pixels the content is off, away from the rim."""
    return (places - torch.arange(len(places), dtype=torch.float64))[64:-64]


# %% [markdown]
# Now every size from 480 to 544, all three networks, and beside them FCN-8s with a central crop:

# %%
rows, central = [], {}
for size in range(480, 545):
    for skips, offset in enumerate((19, 27, 31)):
        off = shift(official(size, skips, offset))
        rows.append(compare("crops of 19, 27, 31", off, torch.zeros_like(off)))
    central[size] = shift(official(size, 2))
row_official = worst(rows)
row_central = compare("central crop at 500", central[500], torch.zeros(372).double(), **bad)
means = {size: off.mean().item() for size, off in central.items()}
print(f"central crop: at 500 off by {means[500]:.1f} pixels,", end=" ")
print(f"from 480 to 544 by {min(means.values()):.0f} to {max(means.values()):.0f}")
print(table([row_official, row_central]))

# %% tags=["hide-input"]
figure, axes = plt.subplots(figsize=(9.375, 2.5), layout="constrained")
axes.plot(means.keys(), means.values(), ".", ms=6, color=style.ink())
axes.axhline(0, color=style.ink(), lw=1.4)
axes.text(508, 0.5, "crops of 19, 27, 31", va="bottom", fontsize=11)
axes.text(515, 13.2, "central crop", fontsize=11)
axes.annotate(
    "500: three pixels", (499.7, 3), (481, 1.9), fontsize=11, color=style.soft(),
    arrowprops={"arrowstyle": "-", "color": style.soft(), "lw": 0.8},
)  # fmt: skip
axes.set(xlim=(479, 545), ylim=(-1.2, 17), yticks=[0, 5, 10, 15])
axes.set(xlabel="size of the picture", ylabel="off by (pixels)")
show(
    figure,
    alt="By how many pixels a central crop is off, against the size of the picture: a sawtooth from 0 to 15 with period 32, "
    "3 at size 500. The original's crops are off by 0 at every size.",
)

# %% [markdown]
# *The original's crops are right at every size. A central crop is off by up to 15 pixels, depending on the size.*
#
# Three pixels do not sound like much. Take the perfect FCN-8s from above and shift its labels by three:

# %%
labels = merge_scores(perfect, truth).labels
for pixels in (0, 1, 3, 8, 15):
    moved, still = labels[: 512 - pixels, : 512 - pixels], truth[pixels:, pixels:]
    _, man, tripod = iou(confusion(moved, still, classes=3)).tolist()
    print(f"off by {pixels:2} pixels: IoU of the man {man:.2f}, of the tripod {tripod:.2f}")

# %% [markdown]
# ### Centred alignment
#
# The library pads `fc6` by 3 instead, and the picture not at all. Then where does c5 sit?

# %%
for level in (3, 4, 5):
    ours = place_of(level, pad=1, fc6_padding=3)
    print(f"c{level}: sample 0 at pixel {ours}, the middle of its block of {2**level}")

# %% [markdown]
# In the *middle of its block*, at every level. That is because VGG halves with 2 x 2 poolings, which sit between
# pixels. (In 02 every sample of a ResNet sat at the *corner* of its block, at pixel $32 i$. The same way up would
# be off by 15.5 pixels there.) "Middle of the block" is what the tent means, and `resize(...,
# align_corners=False)` as well. No offsets, no 100 zeros. Measured:


# %%
def centred(size):
    score = pyramid(size, pad=1)[2]
    return resize(score[None], size=(1, size), align_corners=False)[0, 0, 0]


off_512, off_500 = shift(centred(512)), shift(centred(500))
# The 500 padded to 512 first, and cropped at the end:
off_padded = shift(centred(512)[:500])
row_512, row_padded, row_500 = rows = [
    compare("centred, 512 = 16 x 32", off_512, torch.zeros_like(off_512)),
    compare("centred, 500 padded, cropped", off_padded, torch.zeros_like(off_padded)),
    compare("centred, 500 as it is", off_500, torch.zeros_like(off_500), **bad),
]
print(table(rows))
told = ", ".join(f"{off_500[i - 64]:.1f} px at {i}" for i in (100, 250, 400))
print(f"500 as it is: off by {told}")

# %% [markdown]
# There is the price: 16 samples of 32 pixels cover 512, and a resize that squeezes them into 500 drifts, up to 12
# pixels at the far end. Our `fcn32s` does so when you hand it 500. The remedy is one line: pad the picture at
# the right and below to a multiple of 32, and crop the scores. [06](06_where_do_the_pixels_live.ipynb) is
# about this drift, which is everywhere.
#
# And why 100? The authors' own answer: so that the output can be aligned with the picture at *any* size. Let
# us ask which padding does that.


# %% tags=["hide-input"]
def covers(size, pad):
    """Whether FCN-32s, padded so, has scores for every pixel of a picture."""
    pool5_size = size + 2 * pad - 2
    for _ in range(5):
        pool5_size = -(-pool5_size // 2)
    begin = 31.5 - (12.5 + 100 - pad)  # the crop offset: 19 at 100
    return pool5_size >= 7 and 0 <= begin <= 32 * (pool5_size - 7) + 64 - size


for least in (1, 32, 224):
    good = (pad for pad in range(200) if all(covers(n, pad) for n in range(least, 700)))
    print(f"pictures of {least:3} pixels and more need a padding of {next(good)}")
plain, around = giga_macs(body, (500, 500)), giga_macs(body, (698, 698))
print(
    f"500 x 500: {plain:.0f} G; with 100 zeros around: {around:.0f} G, {around / plain:.2f} times as many"
)

# %% [markdown]
# 81 from 224 pixels on, 97 for every picture, and 100 to be on the safe side. It nearly doubles the work, to
# convolve zeros.
#
# ## The check

# %%
exact = [row_fc, row_lib, row_vgg, row_heat, row_adjoint, row_sizes, row_phases, row_grey]
exact += [row_tent, row_ramp, row_inner, row_pad, row_argmax, row_up, row_odd, row_kept]
exact += [row_head, row_pyramid, row_official, row_512, row_padded]
print(table(exact))

# %% [markdown]
# ## Where it stops

# %%
breaking = [row_cut, row_zeros, row_inverse, row_even, row_rim, row_fade, row_twice]
print(table([*breaking, row_central, row_500]))

# %% [markdown]
# ## Ask your neighbour

# %% tags=["hide-input"]
quiz(
    [
        Question(
            "A decoder ends in a transposed convolution with kernel 5 and stride 2, and its pictures show a "
            "checkerboard. Which is true?",
            [
                "with 2 or 3 stamps on an output there is always a checkerboard",
                "it can learn to show none, but nothing forces it to",
                "with kernel 4 it could not show one",
            ],
            answer="B",
            why=[
                "Stamps are counted with all weights equal. Weights are free: where the four small kernels have "
                "equal sums, grey stays grey, with 9, 6, 6 and 4 taps too.",
                "Four kernels of different sizes make the four phases. Equal sums are four numbers agreeing, and only "
                "the data ask for it.",
                "Equally many taps are not equal sums: the random 4 x 4 kernel of section 5 shows one.",
            ],
            peer=True,
        ),
        Question(
            "A colleague replaces the tent of FCN-32s by five learnable transposed convolutions, without "
            "skips, 'to recover the detail that the strides threw away'. The scores at stride 1 now",
            [
                "have all the detail, if it is trained long enough",
                "may be sharper, but are still made from the coarse map alone",
                "cannot be sharper than a tent",
            ],
            answer="B",
            why=[
                "The transposed convolution is A', not the inverse of A. Numbers that were dropped are no longer there "
                "to be learned from.",
                "It may learn what edges usually look like. Where *this* edge runs must come from a finer map: from a "
                "skip, or from a guide. That is what joint upsampling is for.",
                "The tent is where they start. They may learn to stamp any shape.",
            ],
            peer=True,
        ),
    ]
)

# %% [markdown]
# ## What you take with you
#
# - A fully-connected layer is a convolution as large as its map; a `view` turns one into the other. The *layer* is
#   a sliding window, exactly. The *network* is, where nothing pads.
# - A transposed convolution is the adjoint: it stamps where the convolution gathers. It has the size of what went
#   in, not its content. $n_\text{out} = (n-1)s - 2p + r(K-1) + 1 + \text{output\_padding}$.
# - It is $s^2$ small kernels and a merge. Equal sums, no checkerboard; equally many taps are not enough.
# - The tent interpolates, exactly, inside. In a rim of half a step it fades, to 0.27 in the corner of a factor 32; the
#   largest class stays the largest.
# - FCN goes up by two and adds. A perfect skip is the residual. Below half a stride, perfect scores find nothing.
# - 19, 27, 31, 5 and 9 are alignments, exact at every size; the centre is not. With fc6 padded, VGG's samples sit in
#   the middle of their blocks and need no offset, at multiples of 32.
#
# **Glossary.**
#
# - **adjoint ($A'$)**: the map with $\langle Ax, y\rangle = \langle x, A'y\rangle$; here, the transposed matrix.
# - **transposed convolution**: the adjoint of a strided one; also called deconvolution, which it is not.
# - **output padding**: how many outputs beyond the smallest possible size to keep.
# - **checkerboard**: phases of an output that disagree on a constant.
# - **tent**: the bilinear stamp.
# - **skip**: scores of a finer map, added on the way up.
# - **residual**: what is missing after going up.
# - **crop offset**: where in the raised scores the picture begins.
#
# **References.** J. Long, E. Shelhamer, T. Darrell, *Fully Convolutional Networks for Semantic Segmentation*, CVPR 2015,
# [arXiv 1411.4038](https://arxiv.org/abs/1411.4038), sections 3.1 to 3.3, 4.1, 4.2 and Table 2; code at
# shelhamer/fcn.berkeleyvision.org. V. Dumoulin, F. Visin, [arXiv 1603.07285](https://arxiv.org/abs/1603.07285), chapter 4.
# A. Odena, V. Dumoulin, C. Olah, *Deconvolution and Checkerboard Artifacts*, Distill 2016,
# [doi 10.23915/distill.00003](https://distill.pub/2016/deconv-checkerboard). P. Burt, E. Adelson, *The Laplacian
# Pyramid as a Compact Image Code*, 1983. K. Simonyan, A. Zisserman, [arXiv 1409.1556](https://arxiv.org/abs/1409.1556) (VGG).
#
# **Exercises:** [four tasks](exercises/05_fcn.ipynb), with checks that know the usual mistakes.
#
# **Next:** [06 · Where do the pixels live?](06_where_do_the_pixels_live.ipynb), in which a photograph tears along its edges, and a ruler says why.

# %%
tally()
