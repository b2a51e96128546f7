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
# # 03 · The holes that are not there
#
# A dilated kernel is drawn with holes in it. Now meet a function that returns the same numbers as
# PyTorch's dilated convolution, whole numbers to the last bit, and knows nothing of holes. It deals the pixels into four
# piles as you would deal cards, slides an *ordinary* 3 x 3 kernel over each pile, and puts the cards back.
#
# Before you read on: where would you expect it to go wrong? At the border, where the kernel hangs over the
# edge? At odd sizes, where the piles are not equal? Nowhere?
#
# **The claim.** A dilated convolution *is* split, regular convolution, merge: $C_d = S \to C_r \to M$.
# In a chain of them, neighbouring $M$ and $S$ cancel. That is the whole engine of FastFCN.
#
# **You will be able to** take any dilated convolution apart and put it together again, say what survives
# of a chain of them, and name the paddings and the layers for which this stops being true.
#
# **Time:** 35 minutes. **You need:** [01](01_convolution.ipynb) (convolution, padding) and
# [02](02_stride_and_reduce.ipynb) (reduce).
#
# **Reads:** FastFCN (Wu et al., [arXiv 1903.11816](https://arxiv.org/abs/1903.11816)), section 3.3 ·
# [`jpu_edu/ops/phases.py`](../jpu_edu/ops/phases.py), [`jpu_edu/ops/convs.py`](../jpu_edu/ops/convs.py),
# [`jpu_edu/ops/chains.py`](../jpu_edu/ops/chains.py)

# %%
import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F

from jpu_edu.draw import style
from jpu_edu.draw.grids import draw_map, draw_signal
from jpu_edu.draw.show import show
from jpu_edu.ops.compare import compare, table, worst
from jpu_edu.widgets.dilation import numbers
from jpu_edu.widgets.predict import Prediction, tally
from jpu_edu.widgets.quiz import Question, quiz

style.use()

# %% [markdown]
# ## Before you start
#
# Three questions about what came before. Answer from memory; looking back is allowed afterwards.

# %% tags=["hide-input"]
quiz(
    [
        Question(
            "A 3 x 3 kernel, padding 1, stride 1, on a 7 x 7 map. How large is the result?",
            ["5 x 5", "7 x 7", "9 x 9"],
            answer="B",
            why=[
                "That is without padding: 7 - 3 + 1 = 5.",
                "7 + 2 * 1 - 3 + 1 = 7. Padding (k - 1) / 2 keeps the size.",
                "That would need padding 2.",
            ],
        ),
        Question(
            "R at rate 2 turns a 7 x 7 map into ...",
            ["3 x 3", "4 x 4", "7 x 7 with zeros in between"],
            answer="B",
            why=[
                "Rows 0, 2, 4, 6 are kept, and that is four. The last one is easily forgotten.",
                "Rows and columns 0, 2, 4, 6: ceil(7 / 2) = 4.",
                "R keeps pixels and drops the others. It leaves no gaps.",
            ],
        ),
        Question(
            "Which is a strided convolution?",
            ["R, then C_r", "C_r, then R"],
            answer="B",
            why=[
                "This throws pixels away before the kernel has seen them. Walkthrough 02 measures how wrong it is.",
                "Convolve everywhere, keep every second result: C_s = C_r -> R.",
            ],
        ),
    ]
)

# %% [markdown]
# ## 1. Nine numbers in a row
#
# Begin with one dimension and whole numbers that you can check by hand. The kernel has three taps, and
# at **rate 2** it reads every second number: output $i$ is
# $w_0\,x_{i-2} + w_1\,x_i + w_2\,x_{i+2}$, with zeros beyond both ends.

# %%
x = torch.tensor([3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0, 5.0], dtype=torch.float64)
w = torch.tensor([1.0, 2.0, -1.0], dtype=torch.float64)


def dilated_1d(x, w, rate):
    """Straight from the formula: output i reads i - rate, i and i + rate."""
    y = torch.zeros_like(x)
    for i in range(len(x)):
        for tap in range(3):
            place = i + (tap - 1) * rate
            if 0 <= place < len(x):  # beyond the ends there are zeros
                y[i] += w[tap] * x[place]
    return y


y = dilated_1d(x, w, rate=2)
print("x", x.int().tolist())
print("y", y.int().tolist())

# %% [markdown]
# Output 4 is outlined below. List the inputs it reads. Then look at what the outputs 0, 2, 6
# and 8 read, and at what none of them ever reads.

# %% tags=["hide-input"]
reads = Prediction(
    "Which positions of x does output 4 read, at rate 2? Type three numbers.",
    numbers=True,
    name="03-reads",
)
reads  # or in code: reads.answer = [3, 4, 5]

# %% tags=["hide-input"]
reads.reveal(
    [2, 4, 6],
    because={
        (3, 4, 5): "those are the neighbours: rate 1, a regular convolution.",
        (1, 4, 7): "that leaves two numbers out between the taps: rate 3.",
    },
    explain="An even output reads even inputs only. An odd output reads odd ones only.",
)

# %% tags=["hide-input"]
figure, (top, bottom) = plt.subplots(2, 1, figsize=(7.0, 2.6))
draw_signal(top, x, rate=2, inputs=[2, 4, 6])
draw_signal(bottom, y, rate=2, highlight=[4])
top.set_title("x: even positions blue, odd positions orange", fontsize=11)
bottom.set_title("y at rate 2: output 4 reads three blue numbers", fontsize=11)
figure.tight_layout()
show(
    figure,
    alt="A signal of nine numbers in two alternating colours, blue for even and orange for odd positions, and its "
    "dilated convolution below. Output 4 and its inputs 2, 4 and 6 are outlined: all four are blue.",
)

# %% [markdown]
# *The blue outputs never read an orange number.* Two computations share one strip of memory and do not know
# of one another. So nothing is lost if we give each its own strip. In the paper's letters that is **S**,
# *split*; the strips are the **phases**. On its own strip, "every second number" has become "the neighbour":
# the holes are gone, and what remains is a regular convolution, $C_r$. Then **M**, *merge*, puts the numbers
# back where they came from.

# %%
even, odd = x[0::2], x[1::2]  # S
even_out, odd_out = dilated_1d(even, w, rate=1), dilated_1d(odd, w, rate=1)  # C_r on each
merged = torch.empty_like(x)
merged[0::2], merged[1::2] = even_out, odd_out  # M

print("even phase", even.int().tolist(), "->", even_out.int().tolist())
print("odd phase ", odd.int().tolist(), "   ->", odd_out.int().tolist())
print("merged    ", merged.int().tolist())
print("dilated   ", y.int().tolist())
print(table([compare("M(C_r(S(x))) = C_d(x), nine numbers", merged, y, tolerance=0)]))

# %% [markdown]
# Nine is odd, so the even phase has five numbers and the odd phase four. It made no difference. Nor did the
# ends: the zero at position $-2$, which output 0 reads, is the zero at position $-1$ of the even phase. The
# border is split together with the signal.

# %% [markdown]
# ## 2. Two dimensions
#
# A map has two axes, so "even or odd" is asked twice, and rate 2 makes $2 \times 2 = 4$ phases. Phase
# $k = 2p + q$ holds the pixels `x[p::2, q::2]`. Phase 0 is even-even: the one that **R** keeps.
#
# You split a 7 x 7 map at rate 2. How large are its four phases?

# %% tags=["hide-input"]
sizes = Prediction(
    "Type the number of pixels of phases 0, 1, 2 and 3, in this order (a 4 x 3 phase has 12).",
    numbers=True,
    name="03-sizes",
)
sizes

# %% tags=["hide-input"]
sizes.reveal(
    [16, 12, 12, 9],
    because={
        (
            12,
            12,
            12,
            12,
        ): "12.25 on average, but pixels come whole: 49 does not divide by 4.",
        (9, 9, 9, 9): "that takes 3 x 3 of every phase and loses 13 pixels.",
        (
            16,
            16,
            16,
            16,
        ): "that is 64 pixels; the map has 49. Only with padding to 8 x 8 would it be true.",
        (
            9,
            12,
            12,
            16,
        ): "the right sizes in the reverse order: phase 0 starts at the first pixel, so it is the largest.",
    },
    explain="Phases (p, q): 4 x 4, 4 x 3, 3 x 4 and 3 x 3. Together 16 + 12 + 12 + 9 = 49: every pixel once.",
)

# %% tags=["hide-input"]
x = numbers(7, 7, low=0, high=4)
weight = torch.tensor([[1, -1, 2], [0, 2, -1], [-1, 1, 1]], dtype=torch.float64)

# %% tags=["hide-input"]
figure, axes = style.canvas(880, 312)
draw_map(axes, x, rate=2, at=(40, 52), cell=34)
style.write(axes, 159, 28, "x, 7 x 7", size=11)
places = {0: (430, 52), 1: (690, 52), 2: (430, 206), 3: (690, 206)}
for k, (left, top) in places.items():
    p, q = divmod(k, 2)
    draw_map(axes, x[p::2, q::2], rate=2, phase=k, at=(left, top), cell=28)
    height, width = x[p::2, q::2].shape
    note = f"phase {k} = x[{p}::2, {q}::2]: {height} x {width}"
    style.write(axes, left + 14 * width, top - 16, note, size=9, colour=style.soft())
show(
    figure,
    alt="A 7 x 7 map of whole numbers, its cells in four colours in a 2 x 2 pattern, and beside it the "
    "four phases: blue 4 x 4, orange 4 x 3, green 3 x 4 and purple 3 x 3.",
)

# %% [markdown]
# *Each pixel lies in exactly one phase, and neighbours in a phase stand two apart in the map.*
#
# Here is the idea in nine lines. Read them once as the paper would write them: $S \to C_r \to M$.


# %%
def split_conv_merge(x, weight, rate):
    """x: (H, W), weight: (k, k) with odd k; zero padding that keeps the size."""
    y = torch.empty_like(x)
    for p in range(rate):
        for q in range(rate):
            phase = x[p::rate, q::rate]  # S
            pad = weight.shape[0] // 2
            out = F.conv2d(phase[None, None], weight[None, None], padding=pad)  # C_r
            y[p::rate, q::rate] = out[0, 0]  # M
    return y


y = F.conv2d(x[None, None], weight[None, None], dilation=2, padding=2)[0, 0]
print(
    table(
        [
            compare(
                "the cell against PyTorch's dilation=2",
                split_conv_merge(x, weight, rate=2),
                y,
                tolerance=0,
            )
        ]
    )
)

# %% [markdown]
# Step through it, forwards and backwards, with the buttons, or press "conv" and use the arrow keys. Watch the nine numbers that
# light up in the map with its holes, and the nine that light up in the phase without any: they are the same
# nine numbers.

# %%
from jpu_edu.widgets.split_conv_merge import split_conv_merge as stepper

stepper(x, weight, rate=2)

# %% [markdown]
# *Each phase is convolved without holes, and what is merged equals the dilated convolution: exact, in whole numbers.*
#
# ## 3. The library's version
#
# [`phases.py`](../jpu_edu/ops/phases.py) has `split`, `merge` and `reduce`;
# [`convs.py`](../jpu_edu/ops/convs.py) has the convolutions with the paper's names. `split` copies nothing:
# each phase is a *view* of the map, with one offset and strides twice as long.

# %%
from jpu_edu.ops import convs, phases

batch, kernel = x[None, None], weight[None, None]
four = phases.split(batch, rate=2)
merged = phases.merge(
    [convs.regular_conv(phase, kernel, padding=1) for phase in four], rate=2
)

print("sizes of the phases:", [tuple(phase.shape[-2:]) for phase in four])
print(
    "same memory as x:   ",
    all(
        phase.untyped_storage().data_ptr() == batch.untyped_storage().data_ptr()
        for phase in four
    ),
)
print()
rows = [
    compare(
        "the cell = the library",
        split_conv_merge(x, weight, rate=2),
        merged[0, 0],
        tolerance=0,
    ),
    compare("the library = PyTorch", merged[0, 0], y, tolerance=0),
    compare("M(S(x)) = x", phases.merge(four, rate=2), batch, tolerance=0),
    compare("R(x) = phase 0", phases.reduce(batch, rate=2), four[0], tolerance=0),
]
print(table(rows))

# %% [markdown]
# Now rate 3, on the same 7 x 7 map.

# %% tags=["hide-input"]
count = Prediction(
    "How many phases has a 7 x 7 map at rate 3?", number=True, name="03-count"
)
count

# %% tags=["hide-input"]
count.reveal(
    9,
    because={
        3: "3 counts one axis; a map has two.",
        4: "4 is rate 2.",
        49: "that is rate 7, where each phase is a single pixel.",
    },
    explain="3 x 3 offsets. The largest phase is 3 x 3, the smallest 2 x 2, and they still add up to 49.",
)

# %% [markdown]
# One output of that map, what it reads, and the check:

# %%
from jpu_edu.widgets.dilation import RANGES, explore_dilation

explore_dilation(rate=3, size=7, kernel=3, padding=3, row=3, column=3)

# %% [markdown]
# *At rate 3 an output spans 7 x 7 pixels, and reads the nine of them that belong to its own phase.*
#
# The sliders of the next cell draw this picture anew, below themselves. Try to make the last line say anything but 0.
# When a combination has no output, you see the error that the library gives; it names the number that is too large.

# %% tags=["nbval-ignore-output"]
from ipywidgets import IntSlider, interact

sliders = {
    name: IntSlider(
        value=start, min=low, max=high, description=name, continuous_update=False
    )
    for name, (low, high, start) in RANGES.items()
}
_ = interact(explore_dilation, **sliders)
# %% [markdown]
# Two things are worth a second look while you play. The number of **multiplications an output costs** does
# not depend on the rate: nine taps are nine taps. And padding counts in pixels of the *map*: to keep the
# size you need $r(k-1)/2$, which is 2 at rate 2 and 3 at rate 3, where a regular convolution needs 1.

# %% [markdown]
# ## 4. The check
#
# One map proves little. Here are random maps, odd and even, at four rates, with square and oblong kernels,
# dense and depthwise, with a bias, at two paddings, in double precision; forwards, and backwards.

# %%
generator = torch.Generator().manual_seed(7)


def normal(*shape):
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


shapes = [
    (16, 24, (3, 3), 1),
    (21, 17, (3, 3), 6),
    (31, 26, (2, 4), 1),
    (19, 23, (1, 5), 3),
]
forward, backward = [], []
for rate in (2, 3, 4, 8):
    for height, width, size, groups in shapes:
        for padding in (2 * rate, 3 * rate + 1):
            maps = normal(2, 6, height, width).requires_grad_()
            taps, bias = normal(6, 6 // groups, *size).requires_grad_(), normal(6)
            settings = {"rate": rate, "padding": padding, "groups": groups}
            got = convs.dilated_by_phases(maps, taps, bias, **settings)
            want = convs.dilated_conv(maps, taps, bias, **settings)
            forward.append(compare("C_d = S -> C_r -> M", got.detach(), want.detach()))

            weights = normal(*want.shape)
            one, two = (
                torch.autograd.grad((y * weights).sum(), (maps, taps)) for y in (got, want)
            )
            backward.append(compare("its gradient by x", one[0], two[0]))
            backward.append(compare("its gradient by the kernel", one[1], two[1]))
print(table([worst(forward), worst(backward[0::2]), worst(backward[1::2])]))

# %% [markdown]
# **exact**, at every size, in both directions. The gradient had to follow: if two functions are equal, so
# are their derivatives. It also means that a network may be *trained* either way. (Which of the two is
# faster, and for which layers? Walkthrough 04 asks, and measures.)

# %% [markdown]
# ## 5. A photograph
#
# Whole numbers are easy to check, but what does a phase look like? Below, a photograph of 300 x 451 pixels,
# split at rate 2.

# %% tags=["hide-input"]
from jpu_edu.data.photos import edge_features, photo

cat = photo("chelsea", grey=True, dtype=torch.float64)
pieces = phases.split(cat, rate=2)

figure, axes = plt.subplots(1, 5, figsize=(9.3, 2.1), width_ratios=(2, 1, 1, 1, 1))
axes[0].imshow(cat[0, 0], cmap="gray", vmin=0, vmax=1)
axes[0].set_title(f"x, {cat.shape[-2]} x {cat.shape[-1]}", fontsize=10)
for k, (axis, piece) in enumerate(zip(axes[1:], pieces, strict=True)):
    axis.imshow(piece[0, 0], cmap="gray", vmin=0, vmax=1)
    axis.set_title(
        f"phase {k}, {piece.shape[-2]} x {piece.shape[-1]}",
        fontsize=10,
        color=style.phase_colour(k),
    )
for axis in axes:
    axis.set_axis_off()
figure.tight_layout()
show(
    figure,
    alt="A photograph of a cat and its four phases. The phases look like four small copies of the photograph: by eye they "
    "cannot be told apart.",
)

# %% [markdown]
# *Four small photographs of the same cat: by eye, the phases cannot be told apart.* Keep this picture in mind. A strided
# network looks at the first of them only. The dilated network looks at all four, each by itself, and pays four times as much.
# If they are so alike, could one of them be enough to *predict* the others? That question is called **joint
# upsampling**, and FastFCN is an answer to it.
#
# How alike are they? Take phase 0 for each of the other three, and measure.

# %%
whole = pieces[0][..., :150, :225]
for k, piece in enumerate(pieces):
    other = piece[..., :150, :225]
    correlation = torch.corrcoef(torch.stack([whole.flatten(), other.flatten()]))[
        0, 1
    ].item()
    print(f"phase 0 against phase {k}: correlation {correlation:.3f}")

# %% [markdown]
# Now convolve. The input are eight edge maps of the photograph at an odd size, the kernel is random, and
# the two results are computed as differently as they can be: native, and by phases.

# %% tags=["hide-input"]
features = edge_features(photo("chelsea", size=(151, 227), dtype=torch.float64))
taps = normal(4, 8, 3, 3) / 8
native = convs.dilated_conv(features, taps, rate=2, padding=2)
by_phases = convs.dilated_by_phases(features, taps, rate=2, padding=2)

figure, axes = plt.subplots(1, 3, figsize=(9.3, 2.5))
for axis, picture, name in zip(
    axes,
    (features[0].sum(dim=0), native[0, 0], by_phases[0, 0]),
    ("edges of x (sum of 8 maps)", "dilated, rate 2", "split, conv, merge"),
    strict=True,
):
    axis.imshow(picture, cmap="gray")
    axis.set_title(name, fontsize=10)
    axis.set_axis_off()
figure.tight_layout()
show(
    figure,
    alt="Edges of the photograph, and one channel of their dilated convolution computed natively and by split, conv, merge. "
    "The last two pictures are the same.",
)
print(table([compare("photograph: S -> C_r -> M = C_d", by_phases, native)]))

# %% [markdown]
# *Native and by phases, the dilated convolution makes one and the same picture: exact, up to rounding.*
#
# ## 6. Neighbours cancel
#
# A dilated network does not stop after one such layer. ResNet's last stage has three blocks. Write two
# dilated convolutions in a row, each taken apart:
#
# $$S \to C_r \to M \to S \to C_r \to M$$
#
# Look at the middle. What does $M \to S$ do?

# %% tags=["hide-input"]
middle = Prediction(
    "n dilated layers in a row, each S -> C_r -> M: how many S and M are left when all that can has cancelled?",
    options=["n of each", "one S and one M", "none", "it depends on the size of the map"],
    name="03-cancel",
)
middle

# %% tags=["hide-input"]
middle.reveal(
    "B",
    because={
        "A": "merging the phases and splitting them again gives back the phases, so each inner pair may go.",
        "C": "the first S and the last M have no partner: the map comes in whole and goes out whole.",
        "D": "S and M undo one another at every size.",
    },
    explain="S -> C_r -> C_r -> ... -> C_r -> M. The phases are separated once and stay apart through the whole stage.",
)

# %% [markdown]
# Between the convolutions of a real network stand other steps: ReLU, BatchNorm, a 1 x 1 convolution, a
# residual. All of them treat each pixel by itself (BatchNorm in eval mode only; see below), so it is all the
# same to them whether the pixels lie in one map or in four. [`chains.py`](../jpu_edu/ops/chains.py) builds
# the chain of the paper in three ways.

# %%
from jpu_edu.ops.chains import Layer, dilated_chain, guide, strided_chain

mix = normal(8, 8, 1, 1) / 3
scale, shift = normal(8, 1, 1), normal(8, 1, 1)
layers = [
    Layer(normal(8, 8, 3, 3) / 8, then=lambda y, x: y.relu()),  # the first layer makes y_m
    Layer(normal(8, 8, 3, 3) / 8, then=lambda y, x: (y + x).relu()),  # a residual
    Layer(
        normal(8, 8, 3, 3) / 8, then=lambda y, x: (y * scale + shift).relu()
    ),  # BatchNorm in eval mode
    Layer(
        normal(8, 8, 3, 3) / 8, then=lambda y, x: F.conv2d(y, mix)
    ),  # a 1 x 1 convolution
]
y_d = dilated_chain(features, layers, rate=2)  # x -> C_r -> C_d -> C_d -> C_d
rows = [
    compare(
        "S, C_r, M in every layer = y_d",
        dilated_chain(features, layers, rate=2, by="each"),
        y_d,
    ),
    compare(
        "S once, C_r three times, M once = y_d",
        dilated_chain(features, layers, rate=2, by="once"),
        y_d,
    ),
]
print(table(rows))

# %% [markdown]
# ## 7. What it was all for
#
# Look at the chain with everything cancelled, and at the strided network beside it:
#
# $$y_d:\quad x \to C_r \to S \to C_r^n \to M \qquad\qquad y_s:\quad x \to C_r \to R \to C_r^n$$
#
# Both compute $y_m = C_r(x)$. Then one splits $y_m$ into its phases and pushes *each* through $C_r^n$. The
# other keeps phase 0, which is what $R$ does, and pushes *it* through the very same $C_r^n$.
#
# ![The dilated path and the strided path from x to y_d and y_s: the strided output lies exactly on phase 0 of the dilated one](../figures/reformulation.svg)
#
# *Six numbers through both paths: the kernels are the same, and the paths part where one has $S$ and the other $R$.*
#
# One set of weights, two networks. How do their outputs relate?

# %% tags=["hide-input"]
relation = Prediction(
    "The strided network's output y_s, compared with y_d, is ...",
    options=[
        "similar, up to a few percent",
        "y_d averaged over 2 x 2 pixels",
        "every second row and column of y_d, to the last bits",
        "unrelated: another receptive field",
    ],
    name="03-relation",
)
relation

# %% tags=["hide-input"]
relation.reveal(
    "C",
    because={
        "A": "nothing has been approximated anywhere on the way.",
        "B": "R keeps pixels, it does not average them.",
        "D": "both paths run the same kernels over the same pixels; the strided one leaves three phases out.",
    },
)

# %%
y_m, y_s = guide(features, layers), strided_chain(features, layers, rate=2)
print("y_m", tuple(y_m.shape), " y_d", tuple(y_d.shape), " y_s", tuple(y_s.shape))
print(table([compare("y_s = R(y_d)", y_s, phases.reduce(y_d, rate=2))]))

for k, phase in enumerate(phases.split(y_d, rate=2)):
    height, width = phase.shape[-2:]
    gap = (phase - y_s[..., :height, :width]).abs().max().item()
    print(
        f"phase {k} of y_d against y_s: largest difference {'below 1e-12' if gap < 1e-12 else f'{gap:.1f}'}"
    )

# %% [markdown]
# The strided network has computed a quarter of the dilated network's output, for a quarter of the work, and
# not one number of it is wrong. The other three quarters are missing. FastFCN's Joint Pyramid Upsampling
# *estimates* them, from $y_s$ and the guide $y_m$. The split is **exact**; the estimate will be **learned**.
# Walkthrough 08 shows the identity for a whole ResNet, and 10 poses and solves the estimation.

# %% [markdown]
# ## 8. Where it stops
#
# So far the border was padded with **zeros**. Some networks pad by *reflection* instead. It looks harmless.
#
# Pad each phase by reflecting *it*, or reflect the whole map and convolve with holes. Same result?

# %% tags=["hide-input"]
reflect = Prediction(
    "With reflect padding, at rate 2: where does split-conv-merge differ from the dilated convolution?",
    options=[
        "nowhere",
        "everywhere",
        "in the outermost rows and columns",
        "one pixel further in, and not in the outermost",
    ],
    name="03-reflect",
)
reflect

# %% tags=["hide-input"]
reflect.reveal(
    "D",
    because={
        "A": "try pixel -1. The map reflects it onto pixel 1. But pixel -1 belongs to the odd phase, which "
        "begins with pixel 1 and has to reflect onto its next one: pixel 3.",
        "B": "further inside, no output reads the padding.",
        "C": "output 0 reads pixel -2, which the map reflects onto pixel 2. Phase 0 does the same: its next "
        "pixel is pixel 2. The outermost pixels are right.",
    },
    explain="Row 1 reads row -1, and there the two disagree. At the far end it is row 14 of 16.",
)

# %% tags=["hide-input"]
x = normal(1, 1, 16, 16)
kernel = normal(1, 1, 3, 3)
pictures, gaps = {}, {}
for mode in ("constant", "reflect", "replicate", "circular"):
    dilated = convs.dilated_conv(F.pad(x, (2, 2, 2, 2), mode=mode), kernel, rate=2)
    parts = [
        convs.regular_conv(F.pad(phase, (1, 1, 1, 1), mode=mode), kernel)
        for phase in phases.split(x, rate=2)
    ]
    pictures[mode] = dilated, phases.merge(parts, rate=2)
    gaps[mode] = (pictures[mode][1] - dilated).abs()[0, 0]

figure, axes = plt.subplots(1, 4, figsize=(9.3, 2.7))
for axis, (mode, gap) in zip(axes, gaps.items(), strict=True):
    axis.imshow(gap, cmap="gray_r", vmin=0, vmax=6)
    axis.set_title(
        ("zeros" if mode == "constant" else mode) + f": {gap.max():.1f}", fontsize=10
    )
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set(visible=True, color=style.soft())
figure.tight_layout()
show(
    figure,
    alt="Four maps of the difference between split-conv-merge and the dilated convolution, one for each "
    "padding. Zeros and circular: blank. Reflect and replicate: a ring of dark marks, one pixel in from "
    "the edge.",
)

rows = [compare("zeros", pictures["constant"][1], pictures["constant"][0])]
rows += [
    compare(f"{mode}, each phase by itself", *pictures[mode], breaks=True, tolerance=0.01)
    for mode in ("reflect", "replicate")
]
rows += [
    compare(
        "circular, 16 pixels at rate 2", pictures["circular"][1], pictures["circular"][0]
    )
]
inner = [picture[..., 2:-2, 2:-2] for picture in pictures["reflect"]]
rows += [compare("reflect, without the outer ring of 2", inner[1], inner[0])]
print(table(rows))

# %% [markdown]
# *Zero padding is exact, and so is circular padding on 16 pixels. Reflection and replication are off by up to 3.2 and
# 3.3, in rows and columns 1 and 14 alone.*
#
# (The pictures name the largest difference; `max error` divides it by the largest value, where that is above 1.)
#
# Zeros are special because a zero is a zero in every phase. Reflection and replication make a phase read
# pixels of *another* phase, which it does not have. Circular padding is a borderline case, and an instructive
# one: on 16 pixels, going round keeps even pixels even. On 17 it does not.

# %%
x = normal(1, 1, 17, 17)
dilated = convs.dilated_conv(F.pad(x, (2, 2, 2, 2), mode="circular"), kernel, rate=2)
parts = [
    convs.regular_conv(F.pad(phase, (1, 1, 1, 1), mode="circular"), kernel)
    for phase in phases.split(x, rate=2)
]
merged = phases.merge(parts, rate=2)

out = [
    convs.regular_conv(phase, kernel, padding=1)
    for phase in phases.split(x[..., :16, :16], rate=2)
]
swapped = phases.merge([out[0], out[2], out[1], out[3]], rate=2)
right = convs.dilated_conv(x[..., :16, :16], kernel, rate=2, padding=2)

norm = torch.nn.BatchNorm2d(8, affine=False).double().train()
trained = [Layer(layers[0].weight, then=lambda y, x: norm(y)), layers[1]]
rows = [
    compare("circular, 17 pixels at rate 2", merged, dilated, breaks=True, tolerance=0.01),
    compare(
        "phases 1 and 2 merged in swapped order",
        swapped,
        right,
        breaks=True,
        tolerance=0.01,
    ),
    compare(
        "y_s = R(y_d) with BatchNorm in train mode",
        strided_chain(features, trained, rate=2),
        phases.reduce(dilated_chain(features, trained, rate=2), rate=2),
        breaks=True,
        tolerance=0.01,
    ),
]
print(table(rows))

# %% [markdown]
# The last line deserves a pause. BatchNorm in *train* mode subtracts the mean of the map it sees. The strided
# network's mean runs over phase 0, the dilated network's over all phases. So the two networks agree up to
# rounding when they are used, and differ while they are trained. In eval mode BatchNorm is a fixed scale and
# shift, and the identity is back (section 6 had one).

# %% [markdown]
# ## Ask your neighbour
#
# Choose alone, argue with somebody who chose otherwise, choose again. Then open the reasons.

# %% tags=["hide-input"]
quiz(
    [
        Question(
            "Somebody says: the dilated layers of a network are expensive because of their large kernels. What do you answer?",
            [
                "True: at rate 4 the kernel is 9 x 9, so it has 81 weights.",
                "Each output costs the same nine multiplications at any rate; there are more outputs, since no pixel was thrown away.",
                "True on the CPU, false on a GPU.",
            ],
            answer="B",
            why=[
                "It spans 9 x 9 pixels and reads nine of them. The holes cost nothing.",
                "At rate 2 there are four phases to convolve and the strided network has one. Resolution costs, dilation does not.",
                "The number of multiplications is the same on every machine.",
            ],
            peer=True,
        ),
        Question(
            "Two dilated layers in a row, the first at rate 2, the second at rate 4. Does the inner M -> S cancel?",
            [
                "Yes, M and S always cancel.",
                "Not wholly: M at rate 2 followed by S at rate 4 is S at rate 2 of each phase.",
                "No, so the identity fails.",
            ],
            answer="B",
            why=[
                "M at rate 2 undoes S at rate 2. S at rate 4 deals into 16 piles, not 4.",
                "Splitting at rate 4 is splitting at rate 2 twice. One of the two cancels, the other remains: ResNet's last stage does this.",
                "Every dilated layer can still be taken apart. There is only one more split on the way.",
            ],
            peer=True,
        ),
    ]
)

# %% [markdown]
# The second answer, as a number: sixteen phases of rate 4, against the four phases of each of the four phases
# of rate 2.

# %%
x = normal(1, 3, 21, 30)
sixteen = phases.split(x, rate=4)
twice = [phases.split(phase, rate=2) for phase in phases.split(x, rate=2)]
rows = []
for k, phase in enumerate(sixteen):
    p, q = divmod(k, 4)
    outer, inner = (p % 2) * 2 + q % 2, (p // 2) * 2 + q // 2
    rows.append(
        compare("S at rate 4 = S at rate 2, twice", twice[outer][inner], phase, tolerance=0)
    )
print(table([worst(rows)]))

# %% [markdown]
# ## What you take with you
#
# - A dilated convolution is split, regular convolution, merge: $C_d = S \to C_r \to M$. **Exact**, at every
#   size, rate and kernel, with zero padding.
# - Neighbouring $M$ and $S$ cancel, so a dilated stage is $S \to C_r^n \to M$: the phases never meet.
# - The strided network is phase 0 of the dilated one: $y_s = R(y_d)$. **Exact** in eval mode with shared weights.
# - The rate does not change what an output costs. Keeping all the phases does.
# - Reflect and replicate padding break it near the border, circular padding when the rate does not divide
#   the size, BatchNorm in train mode everywhere.
#
# **Glossary.**
#
# - **phase**: the pixels of a map whose row and column leave the same remainders when divided by the rate.
# - **split ($S$)**: take a map apart into its phases.
# - **merge ($M$)**: put the phases back, the inverse of S.
# - **rate ($r$)**: distance between neighbouring taps of a dilated kernel; 1 means no dilation.
# - **guide ($y_m$)**: the last map that the strided and the dilated path have in common at full resolution.
#
# **References.** Wu et al., *FastFCN: Rethinking Dilated Convolution in the Backbone for Semantic
# Segmentation*, 2019, [arXiv 1903.11816](https://arxiv.org/abs/1903.11816), section 3.3. ·
# Yu and Koltun, *Multi-Scale Context Aggregation by Dilated Convolutions*, 2016,
# [arXiv 1511.07122](https://arxiv.org/abs/1511.07122). ·
# Holschneider, Kronland-Martinet, Morlet and Tchamitchian, *A Real-Time Algorithm for Signal Analysis with
# the Help of the Wavelet Transform*, 1989, where the holes come from ("à trous"). ·
# Shelhamer, Long and Darrell, *Fully Convolutional Networks for Semantic Segmentation*, 2017,
# [arXiv 1605.06211](https://arxiv.org/abs/1605.06211), where the same decomposition is called shift-and-stitch.
#
# **Exercises:** [four tasks](exercises/03_split_conv_merge.ipynb), with checks that know the usual mistakes.
#
# **Next:** [04 · What dilation costs](04_what_dilation_costs.ipynb). And `python -m jpu_edu verify` checks every
# identity of this page on other shapes.

# %% tags=["hide-input"]
tally()
