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
# # 06 · Where do the pixels live?
#
# Two maps of one photograph lie before you. The photograph is 480 pixels wide; one map has 60 numbers in
# a row, the other has 15. You want to lay the second on the first. That is one line,
# `F.interpolate`, and one argument which nobody reads: `align_corners`. It is True or False.
#
# Before you read on: somewhere in the middle of the photograph stands a rocket, 25 pixels wide. How far
# from its place will the resized map show it: nowhere near noticeable, half a pixel, or half a rocket?
#
# **The claim.** A coarse map has its places from whoever made it. A resize that assumes other places
# moves the picture. A strided network puts sample $k$ at pixel $k s$; neither value of `align_corners`
# knows that, except at sizes that leave one pixel over.
#
# **You will be able to** say for any backbone where its samples stand, read a misalignment in pixels off
# a ramp, choose or write the resize that fits, name the layers that may change places with a resize, and
# say what that saves.
#
# **Time:** 55 minutes. **You need:** [02](02_stride_and_reduce.ipynb), above all its section 4, and
# [03](03_split_conv_merge.ipynb) (phases).
#
# **Reads:** FastFCN (Wu et al., [arXiv 1903.11816](https://arxiv.org/abs/1903.11816)), section 3.4, the
# step "upsampled and concatenated" · [`jpu_edu/ops/interp.py`](../jpu_edu/ops/interp.py), where every
# resize of this project stands · [`jpu_edu/widgets/alignment.py`](../jpu_edu/widgets/alignment.py)

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from ipywidgets import Dropdown, IntSlider, interact

from jpu_edu.cost.macs import conv_macs
from jpu_edu.cost.receptive import receptive_field
from jpu_edu.data.photos import photo
from jpu_edu.draw import style
from jpu_edu.draw.show import show
from jpu_edu.models.phase_error import phase_error
from jpu_edu.ops.compare import compare, table, worst
from jpu_edu.ops.convs import dilated_conv, regular_conv
from jpu_edu.ops.interp import nearest, phase_aligned, resize
from jpu_edu.ops.phases import reduce
from jpu_edu.widgets.alignment import (
    RANGES,
    explore_alignment,
    read_at,
    shown_at,
    upsample,
)
from jpu_edu.widgets.predict import Prediction, tally
from jpu_edu.widgets.quiz import Question, quiz
from jpu_edu.widgets.ruler import ruler

style.use()
generator = torch.Generator().manual_seed(6)
TRUE, FALSE, ALIGNED = "align_corners=True", "align_corners=False", "phase-aligned"
WAYS = (TRUE, FALSE, ALIGNED)


def randn(*shape):
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


# %% [markdown]
# ## Before you start
#
# Three questions about [01](01_convolution.ipynb), [02](02_stride_and_reduce.ipynb) and
# [03](03_split_conv_merge.ipynb). From memory.

# %% tags=["hide-input"]
quiz(
    [
        Question(
            "Five layers, each 3 x 3 with padding 1 and stride 2. Over which input pixel does sample 3 of "
            "the last map stand?",
            ["15", "96", "111.5, the middle of its block of 32"],
            answer="B",
            why=[
                "3 · 5: strides multiply, they do not add.",
                "The stride is 32 in all, and with odd kernels and this padding sample i stands at pixel i · 32.",
                "The blocks of 32 are imagined. No tap of these layers is centred there.",
            ],
        ),
        Question(
            "The same five layers on 480 pixels, and on 481. How many samples have the last maps?",
            ["15 and 15", "15 and 16", "16 and 16"],
            answer="B",
            why=[
                "Rounded down. A stride of 2 with this padding rounds up: 481 → 241 → 121 → 61 → 31 → 16.",
                "The size divided by 32, rounded up. One more pixel makes one more sample.",
                "480 / 32 = 15 without a remainder.",
            ],
        ),
        Question(
            "Which of these may stand between two dilated convolutions without disturbing that M and S cancel?",
            ["only linear layers", "every layer that treats each pixel by itself", "none"],
            answer="B",
            why=[
                "ReLU is not linear, and it does not disturb.",
                "1 x 1, ReLU, BatchNorm in eval mode: they do not care in which map a pixel lies. "
                "Remember this answer. For a resize it will be wrong.",
                "Then no network could be taken apart.",
            ],
        ),
    ]
)

# %% [markdown]
# ## 1. Sixteen places
#
# Notebook 02 had a measuring device, the **ramp**: a signal whose value is its place. Sixteen pixels,
# stride 4. What is left are four samples, and their values say where they stand: 0, 4, 8, 12.
#
# Now bring them back to sixteen. Each of the sixteen outputs has to decide where on the coarse map to
# look. If it decides right, the ramp comes back, and output 8 says 8.

# %%
prediction = Prediction(
    "F.interpolate([0, 4, 8, 12], size 16, bilinear, align_corners=True). What does output 8 say?",
    options=["8", "6.5", "6.4", "6"],
    name="06-output-8",
)
prediction


# %%
def position(i, h, H, way):
    """Where output i of H looks, counted in samples of the coarse map of h."""
    if way == TRUE:
        return i * (h - 1) / (H - 1)  # the first samples meet, and the last ones
    if way == FALSE:
        return (i + 0.5) * h / H - 0.5  # the outer edges meet
    return i * h / H  # sample k meets output k * H / h


def by_hand(y, H, way):
    h, out = len(y), []
    for i in range(H):
        p = min(max(position(i, h, H, way), 0), h - 1)  # beyond the ends: hold
        k = min(int(p), h - 2)
        out.append((1 - (p - k)) * y[k] + (p - k) * y[k + 1])
    return torch.stack(out)


y_s = torch.arange(16, dtype=torch.float64)[::4]
print("output              " + "".join(f"{i:5}" for i in range(16)))
for way in WAYS:
    print(f"{way:20}" + "".join(f"{v:5.1f}" for v in by_hand(y_s, 16, way)))

# %% tags=["hide-input"]
prediction.reveal(
    "C",
    because={
        "A": "that would be the ramp. Only the third row has it.",
        "B": "that is False: one and a half pixels behind, everywhere.",
        "D": "half way between 4 and 8. Position 8 · 3/15 = 1.6 is further than that.",
    },
    explain="Output 8 looks at 8 · 3/15 = 1.6 samples, and there the ramp says 1.6 · 4 = 6.4.",
)

# %% [markdown]
# Three rules, three ramps. With True the first and the last samples meet, and in between the ramp is too
# flat: it has to reach 12 at output 15, while sample 3 stands at pixel 12. With False all outputs are one
# and a half behind. The third row is the ramp, as far as there is one: beyond pixel 12 stands no sample, and
# the last value is held.

# %%
rows = []
for way in WAYS:
    for h, rate in ((4, 4), (7, 2), (5, 8)):
        y = randn(h)
        theirs = upsample(y[None, None, None], size=(1, h * rate), rate=rate, way=way)
        rows.append(
            compare(
                f"the cell = the library, {way}", by_hand(y, h * rate, way), theirs[0, 0, 0]
            )
        )
per_way = [worst([row for row in rows if row.name.endswith(way)]) for way in WAYS]
print(table(per_way))

# %% tags=["hide-input"]
figure, axes = plt.subplots(figsize=(9.375, 3.0), layout="constrained")
axes.plot(range(16), [3] * 16, "|", ms=10, color=style.soft())
axes.plot(range(0, 16, 4), [3] * 4, "o", ms=9, color=style.Y_S)
for i in range(0, 16, 4):
    axes.text(i, 3.28, f"sample {i // 4}", ha="center", fontsize=10)
for level, way in zip((2, 1, 0), WAYS, strict=True):
    axes.plot([0, 15], [level] * 2, color=style.soft(), lw=0.6, zorder=0)
    shown = shown_at(size=16, coarse=4, fine=1, way=way)
    axes.plot(shown, [level] * 4, "D", ms=8, color=style.ink())
    for stands, place in zip(range(0, 16, 4), shown.tolist(), strict=True):
        axes.plot([stands] * 2, [level, 3], color=style.Y_S, lw=0.7, zorder=0)
        if place != stands:
            axes.annotate(
                f"+{place - stands:.2g}",
                (place, level),
                (0, -15),
                textcoords="offset points",
                ha="center",
                fontsize=10,
            )
labels = ((3, "16 pixels, stride 4"), (2, TRUE), (1, FALSE), (0, ALIGNED))
for level, name in labels:
    axes.text(-0.9, level, name, ha="right", va="center", fontsize=10.5)
axes.set(xlim=(-5.2, 15.5), ylim=(-0.5, 3.6))
axes.axis("off")
show(
    figure,
    alt="Four samples stand at pixels 0, 4, 8, 12. align_corners=True shows them 0, 1, 2 and 3 pixels "
    "too far right, align_corners=False all of them 1.5 too far right, the phase-aligned resize in place.",
)

# %% [markdown]
# *Vermilion is where the stride left a sample, black is where the resize shows it. True moves sample $k$ by $k$ pixels,
# False each of them by 1.5, the phase-aligned resize none.*
#
# At stride $s$, False moves by $(s - 1)/2$, everywhere alike; what True does grows with $k$. A
# picture that is moved is a nuisance. A picture that is *stretched* is a different nuisance at every place.
#
# ## 2. The last sample of 480
#
# Back to the two maps. FastFCN trains on crops of 480 pixels. Its backbone ends with c5, at stride 32,
# and the JPU resizes c5 to the size of c3, at stride 8. The official code says `align_corners=True`.

# %%
prediction = Prediction(
    "480 pixels: c5 has 15 samples, c3 has 60. Resized with align_corners=True, how many input pixels "
    "from its place is the last sample of c5 shown?",
    number=True,
    name="06-drift",
)
prediction

# %%
print(
    "from c5 (stride 32) to c3 (stride 8): first and last sample are shown ... pixels right"
)
print(
    "size    c5   c3    last of c5   last of c3       True          False    phase-aligned"
)
for size in (480, 481, 512, 513):
    h, H = -(-size // 32), -(-size // 8)
    line = f"{size} {h:7} {H:4} {(h - 1) * 32:13} {(H - 1) * 8:12}"
    for way in WAYS:
        gaps = shown_at(size=size, coarse=32, fine=8, way=way) - 32 * torch.arange(h)
        first, last = (round(gap, 2) + 0.0 for gap in gaps[[0, -1]].tolist())
        line += f"{first:9g}{last:7g}"
    print(line)
print()
for way in (TRUE, FALSE):
    shown = shown_at(size=480, coarse=32, fine=8, way=way).numpy()
    rocket = np.interp(210, 32 * np.arange(15), shown)
    print(f"{way}: the rocket stands at 210 and is shown at {rocket:.1f}")

# %% tags=["hide-input"]
prediction.reveal(
    24,
    because={
        0: "the corners are aligned: the two last samples meet. But one stands at 448 and the other at 472.",
        12: "that is False, and it is 12 everywhere.",
        8: "that is one sample of c3. It is three of them.",
        31: "448 against pixel 479. The last sample of c3 stands at 472.",
    },
    explain="Sample 14 of c5 stands at 14 · 32 = 448. It is laid on sample 59 of c3, which stands at 59 · 8 = 472.",
)

# %% [markdown]
# There it is. **The corner samples do not stand in the corners.** They stand where the strides ended, and
# the two maps end at different places. `align_corners=True` nails 448 to 472. With one pixel more, at 481,
# both maps end at pixel 480, and the same line of code is exact.
#
# And the rocket? It stands at pixel 210, and both values show it 11 or 12 pixels off: half of its width.
#
# Take the right end in your hand, or use the slider and its arrow keys. Then switch the resize. What
# happens between 480 and 481? And with False, why is the tear gone in the middle at 481, and not elsewhere?

# %%
ruler()

# %% [markdown]
# *480 pixels, `align_corners=True`: the photograph is torn by more, the further right, from 0 pixels at the first sample
# to 24 at the last.*
#
# Look at the right tower while you switch to "phase-aligned" at 480. Everything is in its place up to
# pixel 448; to the right of it the stripes smear. There is nothing to interpolate *to*: the last coarse sample
# stands at 448, and 31 pixels of the photograph lie behind it. True hides that by stretching, False by
# shifting. At 481 nobody has to hide anything.
#
# (False at 481 lays the outer edges of 16 samples on those of 61. Both maps now begin *and* end with a sample, so the two
# are symmetrical, and right in the middle only: 11 pixels too far right at one end, 11 too far left at the other.)
#
# The numbers above are places by formula. Do the tensors agree? Send a ramp through the resize itself.

# %%
print(
    "a ramp of input pixels at stride 32, resized to stride 8: read at ..., minus its own place"
)
print("size   way                    first   quarter    middle     three quarters    last")
ramps = {}
for size in (480, 481, 513):
    for way in WAYS:
        read = read_at(size=size, coarse=32, fine=8, way=way)
        error = ramps[size, way] = read - 8 * torch.arange(len(read))
        spots = [round(v, 1) + 0.0 for v in error[[0, 15, 30, 45, -1]].tolist()]
        print(
            f"{size}    {way:20} {spots[0]:7} {spots[1]:9} {spots[2]:9} {spots[3]:18} {spots[4]:7}"
        )


def in_place(name, error, *, breaks=False):
    """The error itself, in pixels, against zero."""
    limit = 0.01 if breaks else None
    return compare(name, error, torch.zeros_like(error), breaks=breaks, tolerance=limit)


rows = [
    in_place("phase-aligned at 480, up to pixel 448", ramps[480, ALIGNED][:57]),
    in_place("phase-aligned at 481", ramps[481, ALIGNED]),
    in_place("align_corners=True at 481", ramps[481, TRUE]),
    in_place("align_corners=True at 513", ramps[513, TRUE]),
]
wrong = [
    in_place(
        f"{way.removeprefix('align_corners=')} at 480, up to pixel 448",
        ramps[480, way][:57],
        breaks=True,
    )
    for way in (TRUE, FALSE)
]
row_ramp, rows_480 = rows, wrong
print()
print(table([*rows, *wrong]))

# %% [markdown]
# A minus means: it reads too far left, so things are shown too far right. At the very end, −24 stands in
# every row of 480, in the third too: beyond the last sample everybody holds, and pixel 472 gets what stands at 448. Inside, the third row is zero, the second is −12, and the first
# *drifts*: every sample of c5 is joined with a different part of the guide c3. A convolution that comes next can
# learn to undo a constant shift, since it has the same weights everywhere. For the same reason it
# cannot learn to undo a drift.
#
# What does an accident of one pixel look like from further away?

# %%
prediction = Prediction(
    "Of the 51 sizes from 470 to 520: at how many does align_corners=True put c5 exactly onto c3?",
    number=True,
    name="06-sizes",
)
prediction

# %%
sizes = range(470, 521)


def largest_gap(size, fine, way, coarse=32):
    shown = shown_at(size=size, coarse=coarse, fine=fine, way=way)
    return (shown - coarse * torch.arange(len(shown))).abs().max().item()


exact_c3 = [n for n in sizes if largest_gap(n, 8, TRUE) < 1e-9]
exact_all = [n for n in exact_c3 if largest_gap(n, 1, TRUE, coarse=8) < 1e-9]
first, second = exact_c3[:8], exact_c3[8:]
print(
    f"c5 onto c3: exact at {len(exact_c3)} sizes: {first[0]} to {first[-1]} and {second[0]} to {second[-1]}"
)
print(f"c5 onto c3, then c3 onto the pixels: exact at {exact_all}")

# %% tags=["hide-input"]
prediction.reveal(
    16,
    because={
        2: "481 and 513 are the two at which the way on to the pixels is exact as well.",
        0: "at 481 it is exact, as the ramp said.",
        51: "at 480 it was off by 24.",
        4: "the multiples of 16 and their neighbours? The sizes of the maps only change every 8 pixels.",
    },
    explain="c3 changes its size every 8 pixels: 481 to 488 all have 16 and 61 samples, and 60 = 15 · 4.",
)

# %% tags=["hide-input"]
figure, axes = plt.subplots(figsize=(9.375, 3.3), layout="constrained")
looks = {
    TRUE: ("-", style.ink(), 2),
    FALSE: (":", style.soft(), 2),
    ALIGNED: ("-", style.Y_S, 2),
}
for way, (line, colour, width) in looks.items():
    gaps = [largest_gap(n, 8, way) for n in sizes]
    axes.step(sizes, gaps, line, where="mid", color=colour, lw=width)
axes.text(474.5, 21.6, "True", fontsize=11)
axes.text(507.5, 8.6, "False", fontsize=11, color=style.soft())
axes.text(491, 0.9, "phase-aligned", fontsize=11, color=style.Y_S)
for n in (480, 481, 512, 513):
    gap = largest_gap(n, 8, TRUE)
    axes.plot(n, gap, "o", ms=6, color=style.ink())
    axes.annotate(str(n), (n, gap), (-4 if n in (480, 512) else 4, 7), textcoords="offset points",
                  ha="right" if n in (480, 512) else "left", fontsize=10)  # fmt: skip
axes.set(
    ylim=(-1, 28),
    yticks=(0, 8, 12, 16, 24),
    xlabel="size of the picture in pixels",
    xlim=(470, 520),
)
axes.set_title(
    "largest gap between a sample of c5 and where c3 gets it, in pixels", fontsize=11
)
show(
    figure,
    alt="align_corners=True climbs a staircase of 0, 8, 16, 24 pixels and falls back to 0 at 481 and at "
    "513; it is worst just before, at 480 and 512. False stays between 11 and 12. The "
    "phase-aligned resize stays at 0.",
)

# %% [markdown]
# *480 and 512, the sizes that everybody chooses because they divide so well, are as bad as True can get: 24 pixels. One
# pixel more, and True is exact.*
#
# This is why DeepLab's authors crop to 513 = 16 · 32 + 1: their rule for crops is "output stride
# times $k$ plus one" ([FAQ, question 8](https://github.com/tensorflow/models/blob/master/research/deeplab/g3doc/faq.md)).
# `align_corners=True` belongs to that rule. True with 480 is half of it.
#
# And c5 is resized twice. After the JPU, the scores go from stride 8 to the pixels, again with True.

# %%
ramp = torch.arange(480, dtype=torch.float64)[None, None, None]
print(
    "c5 -> c3 -> pixels at 480: how far right of a pixel its scores come from (minus: left)"
)
print("way                   pixel 0     100     240     400     448     479")
twice = {}
for way in WAYS:
    on_c3 = upsample(ramp[..., ::32], size=(1, 60), rate=4, way=way)
    twice[way] = (upsample(on_c3, size=(1, 480), rate=8, way=way) - ramp)[0, 0, 0]
    spots = twice[way][[0, 100, 240, 400, 448, 479]].tolist()
    print(f"{way:20}" + "".join(f"{round(v, 1) + 0.0:8}" for v in spots))

# %% [markdown]
# At pixel 448 that is 29 pixels with True, 15.5 with False, and nothing in the third row. (The last pixel lies 31 beyond
# the last sample, so everybody is off by 31 there.)
#
# How much accuracy does that cost a trained
# network? Nobody knows from geometry alone: a network is trained and used with the same error, and its next
# layers see a few pixels to each side. What a *perfect* network would lose, section 4
# measures. And whoever carries weights from here to mmsegmentation, whose port says False everywhere, should carry the
# flag along: its layers have learned on maps that were laid otherwise.
#
# ## 3. The resize that fits a stride
#
# The third row has been called "phase-aligned" all along. Here it is. Sample $k$ of phase 0 goes back to place
# $k r$, where $R$ took it from, and what lies between is interpolated. True does that at size
# $(h - 1) r + 1$, so use True at that size, and hold the last value for the pixels that are left.


# %%
def aligned(x, rate, size):
    H, W = ((n - 1) * rate + 1 for n in x.shape[-2:])
    up = F.interpolate(x, size=(H, W), mode="bilinear", align_corners=True)
    return F.pad(up, (0, size[1] - W, 0, size[0] - H), mode="replicate")


rows, keeps, loses = [], [], {TRUE: [], FALSE: []}
for height, width, rate in [(16, 16, 4), (15, 22, 2), (25, 31, 8), (60, 61, 4), (13, 9, 3)]:
    x = reduce(randn(1, 3, height, width), rate=rate)
    up = aligned(x, rate, (height, width))
    library = phase_aligned(x, rate=rate, size=(height, width))
    rows.append(compare("the cell = the library", up, library))
    keeps.append(compare("R(U x) = x, phase-aligned", reduce(up, rate=rate), x))
    for way in loses:
        other = reduce(upsample(x, size=(height, width), rate=rate, way=way), rate=rate)
        if (height - 1) % rate:  # else True is the phase-aligned resize
            loses[way].append(
                compare(f"R(U x) = x, {way[14:]}", other, x, breaks=True, tolerance=0.01)
            )
row_keeps = worst(keeps)
rows_lose = [worst(group) for group in loses.values()]
print(table([worst(rows), row_keeps, *rows_lose]))

# %% [markdown]
# "Upsample, then reduce, and you have what you had" should go without saying. With True and False it is
# false. What does it mean for a photograph? Take a smooth map of one, keep phase 0 at rate 4, bring it
# back, and compare with what was there, for all pixels and for phase $(0, 0)$ alone. The unit is the
# deviation of the map: 1 is as bad as the mean value everywhere.

# %%
camera = photo("camera", dtype=torch.float64)
blur = torch.full((1, 1, 9, 9), 1 / 81, dtype=torch.float64)
y_d = regular_conv(camera, blur, padding=4)
y_s = reduce(y_d, rate=4)
size = tuple(y_d.shape[-2:])
guesses = {"nearest": nearest(y_s, size=size)}
guesses |= {way: upsample(y_s, size=size, rate=4, way=way) for way in WAYS}
print("rate 4, 512 x 512     all pixels   phase (0, 0)")
for name, guess in guesses.items():
    error = phase_error(name, guess, y_d, rate=4)
    print(f"{name:20} {error.overall:11.3f} {error.phases[0]:14.3f}")

# %% tags=["hide-input"]
figure, panels = plt.subplots(1, 4, figsize=(9.375, 2.75), layout="constrained")
crop = (0, 0, slice(60, 260), slice(130, 330))
for panel, (name, guess) in zip(panels, guesses.items(), strict=True):
    panel.imshow((guess - y_d)[crop].abs().numpy(), vmin=0, vmax=0.2, cmap="gray_r")
    panel.set_title(name, fontsize=11)
    panel.set(xticks=[], yticks=[])
    panel.spines[:].set(visible=True, color=style.soft())
show(
    figure,
    alt="The error of four ways to bring a reduced map back. Nearest, True and False leave thick dark "
    "lines along every edge of the man and his camera; the phase-aligned resize leaves faint, thin ones.",
)

# %% [markdown]
# *What has been moved shows along the edges. Over all pixels the error is 0.064 phase-aligned, 0.106 with True, 0.119 with
# False, and 0.142 by nearest.*
#
# All three bilinear rows mix the same few neighbours. Weighted for the right place, the error falls by 40 %
# and more, and where a sample was known it is still known. This is **approximate**, and it is the line to
# beat: in [02](02_stride_and_reduce.ipynb) it was the guess from phase 0, and whatever the JPU learns has to be
# better than this.
#
# **Nearest has an offset too.** It also keeps phase 0, since it copies sample $k$ to the places $k r$ to
# $k r + r - 1$. But then the middle of the copies is $(r - 1)/2$ places to the right: on average nearest is off
# exactly as False is. A feature pyramid (FPN, see
# [10](10_posed_and_solved.ipynb)) that adds its levels by nearest, as published, has this built in.

# %%
for coarse, fine in ((32, 8), (16, 8), (8, 1)):
    rate = coarse // fine
    ramp = torch.arange(480, dtype=torch.float64)[None, None, None]
    read = nearest(ramp[..., ::coarse], size=(1, 480 // fine))[0, 0, 0]
    error = read - fine * torch.arange(480 // fine)
    keeps_0 = torch.equal(read[::rate], ramp[0, 0, 0, ::coarse])
    low, high, mean = error.min(), error.max(), error.mean()
    print(
        f"nearest, stride {coarse:2} to {fine}: off by {low:3.0f} to {high:.0f} pixels, "
        f"{mean:5.1f} on average; keeps phase 0: {keeps_0}"
    )

# %% [markdown]
# Ruler, ramp and photograph once more, and this time all three come from tensors. Dots are fine samples between
# coarse ones; crosses lie beyond the last one.

# %%
explore_alignment(size=480, coarse_halvings=5, fine_halvings=3, way=TRUE)

# %% [markdown]
# *Where the ruler shows a sample too far right, the ramp reads too far left, by as many pixels, and there the photograph is
# torn.*
#
# The sliders of the next cell draw this picture anew, below themselves: other strides, other sizes. *coarse* and *fine*
# count halvings: 5 is stride 32, 3 is stride 8, 0 is the pixels. Is there a pair of strides at which True is exact at
# 480? (Every stride up to 32 divides 480. That is the trouble.)

# %% tags=["nbval-ignore-output"]
sliders = {
    name: IntSlider(
        value=start,
        min=low,
        max=high,
        description=name.split("_")[0],
        continuous_update=False,
    )
    for name, (low, high, start) in RANGES.items()
}
_ = interact(
    explore_alignment,
    **sliders,
    way=Dropdown(options=WAYS, value=FALSE, description="resize"),
)

# %% [markdown]
# ## 4. Whose map is it?
#
# So False is wrong, and True is wrong unless the size fits? Not so fast. They are wrong *for a map that a
# stride with odd kernels has made*. Others make maps too.

# %%
prediction = Prediction(
    "For which of these is align_corners=False exactly right, at 512 pixels?",
    options=[
        "none: it is always (s - 1)/2 off",
        "ResNet-50 (7 x 7 stem, strided 3 x 3)",
        "VGG-16 (3 x 3, and 2 x 2 poolings)",
        "all that divide 512",
    ],
    name="06-makers",
)
prediction

# %%
same = (3, 1, 1, 1)  # kernel, stride, rate, padding: moves nothing, so a few stand for all
half = (3, 2, 1, 1)
vgg = [layer for n in (2, 2, 3, 3, 3) for layer in [same] * n + [(2, 2, 1, 0)]]
resnet = [(7, 2, 1, 3), half] + [same] * 6 + ([half] + [same] * 3) * 3
makers = {
    "ResNet-50, c5": resnet,
    "SegFormer, overlapping patches": [(7, 4, 1, 3), half, half, half],
    "VGG-16, pool5": vgg,
    "Swin, ConvNeXt: patch 4, merge 2, 2, 2": [(4, 4, 1, 0)] + [(2, 2, 1, 0)] * 3,
    "ViT, patches of 16": [(16, 16, 1, 0)],
    # TensorFlow's SAME pads an even map on the right only
    "TensorFlow's SAME, 3 x 3 stride 2": [(3, 2, 1, 0)] * 5,
}
print(
    "on 512 pixels, up to the pixels        sample 0  step    off by, at pixel 128 and at 384"
)
print(" " * 57 + "True           False       phase-aligned")
for name, stack in makers.items():
    field = receptive_field(stack)
    stands = field.centre + field.stride * torch.arange(512 // field.stride).double()
    line = f"{name:38} {field.centre:7g} {field.stride:6}"
    for way in WAYS:
        up = upsample(stands[None, None, None], size=(1, 512), rate=field.stride, way=way)
        errors = (up[0, 0, 0] - torch.arange(512))[[128, 384]].tolist()
        line += "".join(f"{round(v, 1) + 0.0:8g}" for v in errors)
    print(line)

# %% tags=["hide-input"]
prediction.reveal(
    "C",
    because={
        "A": "off by (s - 1)/2 against pixel k·s. A 2 x 2 pooling puts its output between two pixels.",
        "B": "odd kernels with same padding: sample k stands at 32 k, and False shows it at 32 k + 15.5.",
        "D": "ResNet divides 512 as well as VGG does. What counts is where its samples stand.",
    },
    explain="Five poolings of 2 move a sample by 0.5 + 1 + 2 + 4 + 8 = 15.5 pixels: the middle of its block of 32.",
)

# %% [markdown]
# A table to keep. Sample 0 at pixel 0: phase-aligned. Sample 0 in the middle of its block: False. FCN
# was built on VGG, where half-pixel centres are right; most of what followed was built on ResNet, where
# they are 15.5 pixels off.
#
# And the last row? TensorFlow's "SAME" pads an even map on the right only, so every strided layer moves
# its samples to the right by half of its stride; five of them by 1 + 2 + 4 + 8 + 16 = 31 pixels. No resize of the three fits. At 513 all
# maps are odd, "SAME" pads both sides, and sample 0 is at 0. The 513 of DeepLab mends *two* things at once.
#
# The theory says where samples stand. Does a stack of tensors agree? Averages on a ramp, away from the border:

# %%
rows = []
for stack in makers.values():
    x = torch.arange(2048, dtype=torch.float64)[None, None]
    for kernel, stride, rate, padding in stack:
        mean = torch.full((1, 1, kernel), 1 / kernel, dtype=torch.float64)
        x = F.conv1d(x, mean, stride=stride, dilation=rate, padding=padding)
    field, k = receptive_field(stack), slice(20, 40)
    want = field.centre + field.stride * torch.arange(20, 40).double()
    rows.append(compare("sample k stands at centre + k · step", x[0, 0, k], want))
row_makers = worst(rows)
print(table([row_makers]))

# %% [markdown]
# What is it worth? Let a perfect network look at a photograph. It knows the man's black coat exactly, but tells it
# only once in 8 pixels, as the share of coat in the window around its sample: once with windows of
# 9 x 9 centred on pixel $8k$, as a stride does, once with the blocks of 8 x 8, as poolings and patches do. Then the
# scores are resized and cut at one half.

# %%
dark = (F.avg_pool2d(camera, 5, stride=1, padding=2) < 0.2)[..., -480:, :480]
coat = dark.double()
centred = F.avg_pool2d(F.pad(coat, (4, 4, 4, 4), mode="replicate"), 9, stride=1)
scores = {"stride 8": reduce(centred, rate=8), "blocks of 8": F.avg_pool2d(coat, 8)}


def iou(mask):
    return 100 * ((mask & dark).sum() / (mask | dark).sum()).item()


print("IoU with the coat, 480 x 480, in %")
print("made by            True     False   phase-aligned   nearest")
masks = {}
for maker, y in scores.items():
    ways = [upsample(y, size=(480, 480), rate=8, way=way) > 0.5 for way in WAYS]
    ways.append(nearest(y, size=(480, 480)) > 0.5)
    masks[maker] = ways
    a, b, c, d = (iou(mask) for mask in ways)
    print(f"{maker:14} {a:8.1f} {b:9.1f} {c:15.1f} {d:9.1f}")

# %% tags=["hide-input"]
figure, panels = plt.subplots(2, 3, figsize=(9.375, 6.1), layout="constrained")
top, left, side = 90, 40, 200
window = (slice(top, top + side), slice(left, left + side))
for row, (maker, ways) in zip(panels, masks.items(), strict=True):
    for panel, way, mask in zip(row, WAYS, ways, strict=False):
        panel.imshow(camera[0, 0, -480:, :480][window].numpy(), vmin=-0.3, vmax=1.2)
        panel.contour(dark[0, 0][window].numpy(), [0.5], colors=[style.Y_D], linewidths=1.6)
        lines = panel.contour(
            mask[0, 0][window].numpy(), [0.5], colors=["#FFFFFF"], linewidths=1.4
        )
        lines.set_linestyle((0, (3, 2)))
        panel.set_title(f"{maker}, {way.removeprefix('align_corners=')}", fontsize=11)
        panel.set(xticks=[], yticks=[])
        panel.spines[:].set_visible(False)
show(
    figure,
    alt="The outline of the man's coat in sky blue, and in dashed white the outline after the resize. "
    "For the map made by a stride the two agree when the resize is phase-aligned, for the map made of "
    "blocks when align_corners is False; elsewhere the dashed line is moved down and to the right, or "
    "up and to the left.",
)

# %% [markdown]
# *Solid blue is the coat, dashed white what comes back. Each maker has one bilinear resize that fits, with an IoU of
# 96.7 %, and what fits the one is the worst of the three for the other.* A mirror. Up to six points of IoU, for
# a network *without a single mistake*.
#
# ## 5. "Is `F.upsample` the same as `tf.image.resize`?"
#
# A user asked the authors of FastFCN this question
# ([wuhuikai/FastFCN#22](https://github.com/wuhuikai/FastFCN/issues/22)) to port the JPU. The answer was: yes,
# equivalent. You have the instrument to check. Send the ramp 0, 4, 8, 12 through everything that is installed
# here; what TensorFlow 2.21 and OpenCV 5.0 made of it was recorded, and stands in the cell.

# %%
from PIL import Image
from scipy import ndimage
from skimage.transform import resize as skimage_resize

y = np.arange(0.0, 16.0, 4.0)
tensor = torch.tensor(y)[None, None, None]
pillow = Image.fromarray(y[None].astype(np.float32)).resize((16, 1), Image.BILINEAR)
recorded = {
    "tf.image.resize": "0 0 .5 1.5 2.5 3.5 4.5 5.5 6.5 7.5 8.5 9.5 10.5 11.5 12 12",
    "cv2.resize": "0 0 .5 1.5 2.5 3.5 4.5 5.5 6.5 7.5 8.5 9.5 10.5 11.5 12 12",
    "tf.compat.v1 resize_bilinear": "0 1 2 3 4 5 6 7 8 9 10 11 12 12 12 12",
    "  ... align_corners=True": "0 .8 1.6 2.4 3.2 4 4.8 5.6 6.4 7.2 8 8.8 9.6 10.4 11.2 12",
}
calls = {
    "F.interpolate(align_corners=True)": F.interpolate(
        tensor, size=(1, 16), mode="bilinear", align_corners=True
    ),
    "F.interpolate(align_corners=False)": F.interpolate(
        tensor, size=(1, 16), mode="bilinear", align_corners=False
    ),
    "scipy.ndimage.zoom(order=1)": ndimage.zoom(y, 4, order=1),
    "  ... grid_mode=True": ndimage.zoom(y, 4, order=1, grid_mode=True, mode="nearest"),
    "skimage.transform.resize": skimage_resize(y[None], (1, 16), order=1, mode="edge"),
    "PIL Image.resize(BILINEAR)": np.asarray(pillow),
}
calls |= {
    f"{name} (recorded)": np.fromstring(text, sep=" ") for name, text in recorded.items()
}
rules = {way: by_hand(tensor[0, 0, 0], 16, way) for way in WAYS}
rows = []
for name, values in calls.items():
    values = torch.tensor(np.asarray(values).ravel(), dtype=torch.float64)
    rule = min(rules, key=lambda way: (values - rules[way]).abs().max())
    rows.append(
        compare(f"every call of this kind = {rule}", values, rules[rule], tolerance=1e-6)
    )
    print(f"{name:40} output 8 says {values[8]:4.1f}   {rule}")
print()
print(table([worst([row for row in rows if row.name.endswith(way)]) for way in WAYS]))

# %% [markdown]
# So the answer is: **no, unless you say so.** FastFCN passes True to `F.upsample` (today `F.interpolate`).
# `tf.image.resize` of TensorFlow 2 uses half-pixel centres, as PyTorch's False. And in TensorFlow 1, which the
# thread was about, the default was a third thing: no half pixels, no corners, position $i\,h/H$. Many have
# called it a bug, and TensorFlow 2 dropped it. At multiples of the stride it is the phase-aligned resize, the
# one that fits a ResNet.
#
# | What you read | Rule |
# |---|---|
# | PyTorch `align_corners=False`, `tf.image.resize`, OpenCV, Pillow, scikit-image, scipy with `grid_mode=True`, ONNX `half_pixel` | edges meet |
# | PyTorch `align_corners=True`, scipy `zoom`, ONNX `align_corners` | corner samples meet |
# | TensorFlow 1 by default, ONNX `asymmetric`, `phase_aligned` at multiples of the rate | sample $k$ stays at $k r$ |
#
# **A remark on shrinking.** All this was about making maps larger. Where a picture gets *smaller*, the places follow
# the same rules, but a second question appears: which pixels are read at all? PyTorch's bilinear reads two
# on each axis, however many it has to stand for.

# %%
leaf = randn(1, 1, 64, 64).requires_grad_()
for antialias in (False, True):
    small = F.interpolate(
        leaf, size=(8, 8), mode="bilinear", align_corners=False, antialias=antialias
    )
    (gradient,) = torch.autograd.grad(small.sum(), leaf)
    share = (gradient != 0).double().mean().item()
    stripes = (torch.arange(64) % 8 < 4).double()[None, None, None].expand(1, 1, 64, 64)
    moved = [
        F.interpolate(
            s, size=(8, 8), mode="bilinear", align_corners=False, antialias=antialias
        )
        for s in (stripes, stripes.roll(2, -1))
    ]
    means = ", ".join(f"{m[..., 2:-2].mean():.2f}" for m in moved)
    print(f"antialias={antialias!s:5}  64 -> 8 reads {100 * share:5.2f} % of the pixels; "
          f"stripes of 4, and the same moved by 2: mean {means}")  # fmt: skip

# %% [markdown]
# Without antialiasing 15 of 16 pixels have no say, and stripes that are half white come out grey, or
# white, depending on where they begin. Pillow always averages, PyTorch and TensorFlow only on request. The
# photographs of this course are shrunk by averaging (`mode="area"`).
#
# ## 6. Who may change places with a resize?
#
# A resize is a matrix $U$ along each axis, the same for all channels: every output is a weighted mean of
# neighbours. Which layers $f$ can be moved past it, $f(U x) = U f(x)$? If one can, it may be computed on the
# *small* map.

# %%
prediction = Prediction(
    "Which layers change places with bilinear upsampling, exactly?",
    options=[
        "every layer that treats each pixel by itself: 1 x 1, BatchNorm in eval mode, ReLU",
        "every linear layer: 1 x 1, BatchNorm in eval mode, 3 x 3, depthwise",
        "1 x 1 and BatchNorm in eval mode",
        "none: upsampling makes new values",
    ],
    name="06-commute",
)
prediction

# %%
channels, cases = 6, [(15, 20, 4, 60, 80), (16, 20, 4, 61, 77), (7, 9, 2, 13, 18)]
one, bias = randn(channels, channels, 1, 1), randn(channels)
three, alone = randn(channels, channels, 3, 3) / 7, randn(channels, 1, 3, 3) / 3
mean, deviation = randn(channels), randn(channels).exp()
gain, offset = randn(channels), randn(channels)
layers = {
    "1 x 1 with bias": lambda x: F.conv2d(x, one, bias),
    "BatchNorm, eval": lambda x: F.batch_norm(x, mean, deviation, gain, offset),
    "ReLU": F.relu,
    "softmax": lambda x: x.softmax(1),
    "3 x 3": lambda x: F.conv2d(x, three, padding=1),
    "3 x 3 depthwise": lambda x: F.conv2d(x, alone, padding=1, groups=channels),
    "BatchNorm, train": lambda x: F.batch_norm(x, None, None, gain, offset, training=True),
}
commute = {}
for name, f in layers.items():
    breaks = name not in ("1 x 1 with bias", "BatchNorm, eval")
    commute[name] = worst(
        [
            compare(f"{name}: f(U x) = U f(x)", f(U(x)), U(f(x)), breaks=breaks,
                    tolerance=0.01 if breaks else None)
            for h, w, rate, H, W in cases
            for way in WAYS
            for x in [randn(2, channels, h, w)]
            for U in [lambda z, r=rate, s=(H, W), v=way: upsample(z, size=s, rate=r, way=v)]
        ]
    )  # fmt: skip
print(table(list(commute.values())))

# %% tags=["hide-input"]
prediction.reveal(
    "C",
    because={
        "A": "that was the rule for split and merge, which only move values. A resize mixes them, and ReLU "
        "of a mean is not the mean of ReLUs.",
        "B": "linear is not enough: a 3 x 3 mixes neighbours too, and after U the neighbours are others.",
        "D": "new values, but by a rule that no channel sees. A 1 x 1 mixes channels, U mixes places.",
    },
    explain="1 x 1 acts on channels, U on places, so they do not meet; and the bias passes because the weights of U add up to 1.",
)

# %% [markdown]
# Two conditions, then. The layer must treat each pixel by itself, *and* it must be affine. Its bias passes
# because each row of $U$ adds up to one. ReLU fails the second, the 3 x 3 fails the first.
#
# How does ReLU fail? Between a sample at −1 and one at +2 the line crosses zero. Interpolate first, and
# ReLU cuts the line at zero. Cut first, and the line runs from 0 to 2 without a kink. It lies *above*,
# always: ReLU bends upwards, and the mean of bent values is at least the bent mean.

# %%
x = randn(2, channels, 15, 20)
up_then_cut = F.relu(upsample(x, size=(60, 80), rate=4, way=ALIGNED))
cut_then_up = upsample(F.relu(x), size=(60, 80), rate=4, way=ALIGNED)
difference = cut_then_up - up_then_cut
below, above = difference < -1e-12, difference > 1e-12
print(f"U relu(x) is below relu(U x) at {int(below.sum())} of {below.numel()} places")
print(
    f"and above it at {100 * above.double().mean():.0f} %, by up to {difference.max():.2f}"
)
row_kept = compare(
    "ReLU: equal at phase (0, 0)", reduce(cut_then_up, rate=4), reduce(up_then_cut, rate=4)
)
copies = [randn(2, channels, 7, 9) for _ in range(3)]
row_copy = worst(
    [compare("ReLU and nearest change places", F.relu(nearest(c, size=(20, 31))),
             nearest(F.relu(c), size=(20, 31)), tolerance=0) for c in copies]
)  # fmt: skip
print(table([row_kept, row_copy]))

# %% tags=["hide-input"]
figure, axes = plt.subplots(figsize=(9.375, 2.9), layout="constrained")
samples = np.array([1.2, -1.0, 2.0, 0.7, -1.3, -0.4, 1.6])
fine = np.linspace(0, 6, 601)
line = np.interp(fine, range(7), samples)
first = np.maximum(line, 0)
after = np.interp(fine, range(7), np.maximum(samples, 0))
axes.axhline(0, color=style.soft(), lw=0.8)
axes.plot(fine, line, color=style.soft(), lw=1, ls=":")
axes.fill_between(
    fine, first, after, facecolor="none", hatch="///", edgecolor=style.soft(), lw=0
)
axes.plot(fine, after, color=style.ink(), lw=1.8, ls=style.LINES["approximate"])
axes.plot(fine, first, color=style.Y_D, lw=2.2)
axes.plot(range(7), samples, "o", ms=8, color=style.Y_S)
axes.text(1.55, 1.75, "ReLU, then U", fontsize=11, ha="right")
axes.text(2.3, 0.35, "U, then ReLU", fontsize=11, ha="center")
axes.set(xticks=[], yticks=[0], xlim=(-0.1, 6.1))
axes.spines["bottom"].set_visible(False)
show(
    figure,
    alt="Seven samples above and below zero with the line between them. Interpolating first and cutting at "
    "zero gives the solid curve; cutting first gives the dashed one, which lies above it wherever the "
    "line crosses zero, and meets it at every sample.",
)

# %% [markdown]
# *The hatched gap opens wherever the line crosses zero, and closes at every sample: phase $(0, 0)$ is exact.*
#
# And the 3 x 3? After $U$ its neighbours stand $r$ times closer. In [02](02_stride_and_reduce.ipynb) a
# convolution could pass a reduction if it took on holes: $R \to C_r = C_d \to R$. Try the same here: let the
# kernel reach as far as it did on the small map, with rate $r$.

# %%
holes, others = [], {}
weight = randn(4, 3, 3, 3) / 5
for way, h, rate, H in [(ALIGNED, 15, 4, 60), (ALIGNED, 16, 4, 61), (ALIGNED, 9, 2, 18),
                        (FALSE, 15, 4, 60), (FALSE, 9, 2, 18), (TRUE, 16, 4, 61),
                        (TRUE, 15, 4, 60), (FALSE, 16, 4, 61)]:  # fmt: skip
    x = randn(1, 3, h, h)
    late = dilated_conv(
        upsample(x, size=(H, H), rate=rate, way=way), weight, rate=rate, padding=rate
    )
    early = upsample(regular_conv(x, weight, padding=1), size=(H, H), rate=rate, way=way)
    inside = (..., slice(2 * rate, -2 * rate), slice(2 * rate, -2 * rate))
    fits = way == ALIGNED or h * rate - (0 if way == FALSE else rate - 1) == H
    if fits:
        holes.append(compare("U → C_d = C_r → U, inside", late[inside], early[inside]))
    else:
        others[f"U → C_d, {way[14:]}, {h} to {H}"] = late[inside], early[inside]
row_holes = worst(holes)
rows_others = [
    compare(name, *pair, breaks=True, tolerance=0.01) for name, pair in others.items()
]
print(table([row_holes, *rows_others]))

# %% [markdown]
# $U \to C_d = C_r \to U$, exactly, away from the border, whenever one step of the coarse map is exactly $r$
# steps of the fine one. With True at 480 it is 59/14 = 4.21 steps, and no kernel has a rate of 4.21.
#
# This says something about the JPU that its drawing hides. Its branch with rate 4 looks at c5 after upsampling by 4. At
# 481 pixels, what that branch's depthwise kernel does to the channels from c5 *is a plain 3 x 3 on the 16 samples of c5*,
# interpolated afterwards; with rate 8 it is a 3 x 3 with rate 2. At 480 it is neither. Only rates 1 and 2 reach
# between the samples of c5.
#
# ## 7. What it buys
#
# MACs. A 1 x 1 after a resize by $r$ is computed $r^2$ times as often as before it, for the same result.

# %%
prediction = Prediction(
    "FastFCN at 480 x 480: 512 channels at stride 8, a 1 x 1 classifier to 59 classes, and a resize to the "
    "pixels. How many times as many MACs has the classifier if it comes after the resize?",
    number=True,
    name="06-macs",
)
prediction


# %%
def one_by_one(inputs, outputs, size):
    macs = conv_macs(in_channels=inputs, out_channels=outputs, kernel=1, size=(size, size))
    return macs / 1e9


before, behind = one_by_one(512, 59, 60), one_by_one(512, 59, 480)
print("1 x 1 convolutions           after the resize   before it")
print(f"classifier, 512 to 59 {behind:17.2f} G {before:9.2f} G   {behind / before:6.2f} x")
joined = one_by_one(3 * 512, 512, 60)
parts = one_by_one(512, 512, 60) + one_by_one(512, 512, 30) + one_by_one(512, 512, 15)
print(f"c3, c4, c5 joined to 512 {joined:14.2f} G {parts:9.2f} G   {joined / parts:6.2f} x")

# %% tags=["hide-input"]
prediction.reveal(
    64,
    because={
        8: "8 along one axis. A map has two.",
        1: "the result is the same. The number of places at which it is computed is not.",
        16: "from stride 32 to 8. The scores go from stride 8 to 1.",
    },
    explain="8 · 8 places for each sample of the small map. The numbers that come out are equal.",
)

# %% [markdown]
# The second line is worth writing out. A 1 x 1 on joined maps is a sum of 1 x 1 on its parts, and each part may be
# moved before its own resize: $W\,[c_3;\,U c_4;\,U c_5] = W_3\,c_3 + U\,(W_4\,c_4) + U\,(W_5\,c_5)$.
# Networks that fuse their levels like that (SegFormer's head, for one) can be rewritten without
# touching a weight. The JPU cannot: between its joining and its 1 x 1 stands a depthwise 3 x 3.

# %%
c3, c4, c5 = randn(1, 8, 60, 60), randn(1, 8, 30, 30), randn(1, 8, 15, 15)
w3, w4, w5 = randn(5, 8, 1, 1), randn(5, 8, 1, 1), randn(5, 8, 1, 1)


def to_c3(x):
    return resize(x, size=(60, 60), align_corners=True)  # any resize will do


drawn = F.conv2d(torch.cat([c3, to_c3(c4), to_c3(c5)], 1), torch.cat([w3, w4, w5], 1))
moved = F.conv2d(c3, w3) + to_c3(F.conv2d(c4, w4)) + to_c3(F.conv2d(c5, w5))
row_joined = compare("join, then 1 x 1 = 1 x 1 on each part, then add", moved, drawn)
logits = randn(1, 59, 60, 60)
full = resize(logits, size=(480, 480), align_corners=True)
labels = nearest(logits.argmax(1, keepdim=True), size=(480, 480))
differ = (full.argmax(1, keepdim=True) != labels).double().mean().item()
print(table([row_joined]))
print(
    f"\nargmax before the resize instead of after: {100 * differ:.0f} % of the pixels differ"
)

# %% [markdown]
# (Random scores, so nearly every pixel lies on an edge between classes; the number is large for that reason.
# The order matters all the same: resize scores, then decide.)
#
# ## The check

# %%
linear = [commute["1 x 1 with bias"], commute["BatchNorm, eval"], row_joined, row_holes]
print(table([*per_way, row_keeps, *row_ramp, row_makers, row_kept, row_copy, *linear]))

# %% [markdown]
# ## Where it stops
#
# The resizes that do not fit, the layers that do not pass, and one thing that no resize can do: at 480 the
# last 31 pixels lie beyond the last sample of c5. The phase-aligned resize holds the last value there, and
# is off by 24 at the last sample of c3, as everybody else.

# %%
held = in_place(
    "phase-aligned at 480, beyond 448",
    ramps[480, ALIGNED][57:],
    breaks=True,
)
not_passing = [row for name, row in commute.items() if row.breaks]
print(table([*rows_480, *rows_lose, *not_passing, *rows_others, held]))
print(
    "\nbeyond pixel 448 it is off by", (-ramps[480, ALIGNED][57:]).int().tolist(), "pixels"
)

# %% [markdown]
# ## Ask your neighbour

# %% tags=["hide-input"]
quiz(
    [
        Question(
            "A colleague replaces the ResNet of a network by a ViT with patches of 16, on 512 x 512, and keeps "
            "the phase-aligned upsampling of the scores. The masks come out",
            [
                "right: phase-aligned has no error, whatever the map",
                "7.5 pixels too far to the left and to the top",
                "7.5 pixels too far to the right and to the bottom",
            ],
            answer="B",
            why=[
                "It has none for samples at k · 16. A patch speaks for its middle, which is at 16 k + 7.5.",
                "What stands at 16 k + 7.5 is shown at 16 k. False would be exact here.",
                "The other way round: that is what False does to a ResNet.",
            ],
            peer=True,
        ),
        Question(
            "To save time, somebody moves a block of 3 x 3, BatchNorm, ReLU and 1 x 1 classifier from after an "
            "upsampling by 4 to before it, with the same weights. What changes?",
            [
                "Nothing: convolution and resize are both linear, so their order is free",
                "Only the border",
                "The classifier and the BatchNorm would pass by themselves. The 3 x 3 now reaches four times as far, and "
                "the ReLU cuts before the mixing",
                "Nothing, once it has been trained again",
            ],
            answer="C",
            why=[
                "Linear maps need not commute, and ReLU is not linear.",
                "Near the border it differs too. Inside, the 3 x 3 would need rate 4 after U to be what it is before.",
                "The block may be a good idea, at a sixteenth of the MACs. It is another network.",
                "It may become as accurate. That is an experiment, not an identity.",
            ],
            peer=True,
        ),
    ]
)

# %% [markdown]
# ## What you take with you
#
# - A sample has a place, and whoever made the map decided it: $k s$ for odd kernels with "same" padding, the middle
#   of the block for 2 x 2 poolings and patches. Then there is one resize that fits.
# - From stride 32 to 8 at 480 pixels, `align_corners=True` drifts up to 24 pixels, False is 12 off
#   everywhere. At 481 and 513 True is exact; it belongs to sizes of the form $32 k + 1$. FastFCN uses it with 480.
# - The phase-aligned resize keeps phase 0: $R(U x) = x$. Beyond the last sample nobody knows anything.
# - A ramp measures any resize of any library in one line.
# - 1 x 1 with bias and BatchNorm in eval mode pass a resize exactly. ReLU does not, and neither does a 3 x 3 without
#   holes. A classifier before the last resize costs one 64th.
#
# **Glossary.**
#
# - **sample centre**: the input pixel over which a sample stands.
# - **align_corners**: whether a resize lays corner samples (True) or outer edges (False) on each other.
# - **half-pixel centres**: the rule of `align_corners=False`: sample $k$ of a map stands at $(k + 1/2)$ steps, minus 1/2.
# - **phase-aligned**: sample $k$ goes back to place $k r$.
# - **drift**: a misalignment that grows along the picture.
# - **hold**: repeat the last value where there is nothing to interpolate.
# - **antialias**: read all pixels when shrinking.
#
# **References.** H. Wu et al., *FastFCN*, [arXiv 1903.11816](https://arxiv.org/abs/1903.11816), section 3.4, and its
# code (crop 480, `align_corners=True`). [wuhuikai/FastFCN#22](https://github.com/wuhuikai/FastFCN/issues/22). L.-C. Chen et
# al., *Rethinking Atrous Convolution*, [arXiv 1706.05587](https://arxiv.org/abs/1706.05587), crops of 513. A. Araujo, W. Norris, J. Sim,
# *Computing Receptive Fields of Convolutional Neural Networks*, Distill 2019,
# [doi 10.23915/distill.00021](https://distill.pub/2019/computing-receptive-fields), centres of samples. E. Xie et
# al., *SegFormer*, [arXiv 2105.15203](https://arxiv.org/abs/2105.15203), section 3. ONNX, operator
# [Resize](https://onnx.ai/onnx/operators/onnx__Resize.html), `coordinate_transformation_mode`.
#
# **Exercises:** [four tasks](exercises/06_where_do_the_pixels_live.ipynb), with checks that know the usual mistakes.
#
# **Next:** [07 · Joint upsampling, the classic way](07_joint_upsampling.ipynb). The best resize still blurs every
# edge. A guide that knows where the edges are can do better.

# %% tags=["hide-input"]
tally()
