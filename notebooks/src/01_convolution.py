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
# # 01 · Nine numbers against sixty-eight billion
#
# A photograph of 512 x 512 pixels goes in, another of the same size comes out. If every output may depend
# on every input, the machine in between needs a table of 512⁴ numbers: 68 719 476 736 of them, 275
# gigabytes in single precision. A convolution does its work with nine.
#
# Before you read on: which of the sixty-eight billion entries did it leave out, and what did it decide
# about those that it kept?
#
# **The claim.** A convolution is one small sum, repeated at every place. Its output size, its matrix and
# its price all follow from one line that says which inputs the sum reads.
#
# **You will be able to** compute a convolution by hand, write it as a matrix, give its output size for
# any kernel, stride, padding and rate without looking it up, and count what it costs.
#
# **Time:** 35 minutes. **You need:** Python, tensors and indexing in PyTorch, matrix times vector.
#
# **Reads:** FastFCN (Wu et al., [arXiv 1903.11816](https://arxiv.org/abs/1903.11816)), section 3.3, the
# operator $C_r$ · [`jpu_edu/ops/convs.py`](../jpu_edu/ops/convs.py) ·
# [`jpu_edu/cost/macs.py`](../jpu_edu/cost/macs.py)

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from ipywidgets import IntSlider, interact

from jpu_edu.cost.macs import conv_macs
from jpu_edu.data.photos import photo
from jpu_edu.draw import grids, style
from jpu_edu.draw.show import show
from jpu_edu.ops.compare import compare, table, worst
from jpu_edu.ops.convs import dilated_conv, regular_conv, same_padding
from jpu_edu.widgets.matrix import conv_matrix
from jpu_edu.widgets.predict import Prediction, tally
from jpu_edu.widgets.quiz import Question, quiz
from jpu_edu.widgets.sizes import RANGES, draw_taps, explore_sizes, formula

style.use()

# %% [markdown]
# ## Before you start
#
# Three questions about what you bring along. Answer from memory.

# %% tags=["hide-input"]
quiz(
    [
        Question(
            "A tensor `x` holds 7 numbers. How many does `x[::2]` hold?",
            ["3", "4", "7, of which 3 are zero"],
            answer="B",
            why=[
                "7 / 2 rounded down. Count the indices: 0, 2, 4, 6.",
                "Indices 0, 2, 4, 6: rounded up. This very expression returns in 02 under the name R.",
                "Slicing drops numbers, it does not blank them.",
            ],
        ),
        Question(
            "What is the shape of the weight of `nn.Conv2d(3, 64, kernel_size=5)`?",
            ["(3, 64, 5, 5)", "(64, 3, 5, 5)", "(64, 5, 5)"],
            answer="B",
            why=[
                "Inputs first is how nn.ConvTranspose2d stores it. Conv2d puts the outputs first.",
                "64 outputs, each a sum over 3 input channels and 5 x 5 places.",
                "Each output channel has a 5 x 5 kernel for each of the 3 input channels.",
            ],
        ),
        Question(
            "`y = A @ x` with A of shape (4, 6). What does row 2 of A decide?",
            ["What output 2 is made of", "What input 2 is used for", "Neither, rows mix"],
            answer="A",
            why=[
                "y[2] is the dot product of row 2 with all of x.",
                "That is column 2. Both readings return in section 3, so keep them apart.",
                "y[2] needs row 2 and no other.",
            ],
        ),
    ]
)

# %% [markdown]
# ## 1. A sum that slides
#
# Take a signal $x$ of six numbers and a *kernel* $w$ of three. Lay the kernel on the first three numbers,
# multiply the pairs, add up: one output. Move the kernel on by one, and repeat until it would hang over
# the end.
#
# $$y_i = \sum_{k=0}^{K-1} w_k\, x_{i+k}$$

# %% tags=["hide-input"]
prediction = Prediction(
    "x = 3 1 4 1 5 9 and w = 2 1 -1. Type all outputs that PyTorch's conv1d gives, in order.",
    numbers=True,
    name="01-by-hand",
)
prediction

# %%
x = torch.tensor([3.0, 1, 4, 1, 5, 9], dtype=torch.float64)
w = torch.tensor([2.0, 1, -1], dtype=torch.float64)


def slide(x, w):
    places = range(len(x) - len(w) + 1)
    return torch.stack([sum(w[k] * x[i + k] for k in range(len(w))) for i in places])


print("by hand  ", slide(x, w).tolist())
print("conv1d   ", F.conv1d(x[None, None], w[None, None])[0, 0].tolist())

# %% tags=["hide-input"]
flipped, padded = (6, 5, 7, 22), (2, 3, 5, 4, -2, 19)
prediction.reveal(
    [3, 5, 4, -2],
    because={
        flipped: "the kernel was flipped to -1 1 2. Mathematics does that, PyTorch does not.",
        padded: "a zero in front and one behind: padding 1. The default is none.",
    },
    explain="2·3 + 1·1 - 1·4 = 3, then 5, 4, -2. Three taps on six numbers have four places.",
)

# %% tags=["hide-input"]
figure, axes = style.canvas(900.0, 250.0)
i, cell, left = 1, 48.0, 150.0
y = slide(x, w)
product_row = (x[i : i + 3] * w).to(torch.float64)
grids.draw_signal(axes, x, inputs=range(i, i + 3), at=(left, 24.0), cell=cell)
grids.draw_kernel(axes, w[None], at=(left + i * cell, 80.0), cell=cell)
grids.draw_signal(axes, product_row, at=(left + i * cell, 136.0), cell=cell)
grids.draw_signal(axes, y, highlight=[i], at=(left + 8.6 * cell, 136.0), cell=cell)
for row, name in ((24.0, "x"), (80.0, "w, at place 1"), (136.0, "products")):
    style.write(axes, left - 14, row + cell / 2, name, align="right", colour=style.soft())
    if row == 80.0:
        style.write(
            axes,
            left + 4.4 * cell,
            row + cell / 2,
            "multiply",
            align="left",
            colour=style.soft(),
        )
style.write(axes, left + 8.6 * cell, 118.0, "y", align="left", colour=style.soft())
axes.annotate(
    "",
    (left + 8.4 * cell, 160.0),
    (left + 4.25 * cell, 160.0),
    arrowprops={"arrowstyle": "-|>", "color": style.ink(), "lw": 1.2},
)
style.write(axes, left + 6.3 * cell, 148.0, "add: 2 + 4 − 1 = 5", size=11)
style.write(
    axes,
    450.0,
    222.0,
    "One output is one sum. The next output moves the same kernel one place to the right.",
    size=11,
)
show(
    figure,
    alt="The kernel 2, 1, −1 lies on the numbers 1, 4, 1 of the signal. The products 2, 4, −1 "
    "add up to 5, which is output 1 of the four outputs 3, 5, 4, −2.",
)

# %% [markdown]
# **A quarrel about names.** What mathematicians call convolution flips the kernel first; the sum without
# the flip they call *cross-correlation*. NumPy sides with the mathematicians, every deep learning library
# with the others. A network that learns its kernels cannot tell the difference. A person who copies a
# kernel from one world into the other can, and so can our tests, which therefore use kernels that are
# not symmetric.

# %%
print("numpy.convolve        ", np.convolve(x, w, mode="valid").tolist())
print("ours, kernel flipped  ", slide(x, w.flip(0)).tolist())
print("ours, as PyTorch      ", slide(x, w).tolist())

# %% [markdown]
# ## 2. Two axes, and the line to keep
#
# On a map the kernel has rows and columns, and the sum runs over both. Nothing else changes.

# %%
generator = torch.Generator().manual_seed(1)
x_map = torch.randint(0, 4, (6, 7), generator=generator).double()
weight = torch.tensor([[1.0, 2, 1], [0, 1, 0], [-1, -2, -1]], dtype=torch.float64)


def slide_2d(x, weight):
    (H, W), (k_h, k_w) = x.shape, weight.shape
    y = x.new_zeros(H - k_h + 1, W - k_w + 1)
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            y[i, j] = (x[i : i + k_h, j : j + k_w] * weight).sum()
    return y


by_library = regular_conv(x_map[None, None], weight[None, None])[0, 0]
print("6 x 7 map, 3 x 3 kernel:", tuple(by_library.shape))
print("the loops and the library agree:", torch.equal(slide_2d(x_map, weight), by_library))

# %% tags=["hide-input"]
y_map = slide_2d(x_map, weight)
figure, axes = style.canvas(900.0, 330.0)
cell, pick = 36.0, (2, 3)
under = [(pick[0] + u, pick[1] + v) for u in range(3) for v in range(3)]
grids.draw_map(axes, x_map, inputs=under, at=(40.0, 56.0), cell=cell)
grids.draw_kernel(axes, weight, at=(385.0, 56.0 + 1.5 * cell), cell=cell)
grids.draw_map(axes, y_map, highlight=[pick], at=(620.0, 56.0 + cell), cell=cell)
names = ((40.0, 36.0, "x"), (385.0, 90.0, "kernel"), (620.0, 72.0, "y"))
for place, height, name in names:
    style.write(axes, place, height, name, align="left", colour=style.soft())
style.write(axes, 342.0, 164.0, "∗", size=20)
style.write(axes, 560.0, 164.0, "=", size=20)
patch = x_map[pick[0] : pick[0] + 3, pick[1] : pick[1] + 3]
terms = [
    f"{'−' if b < 0 else '+'} {abs(int(b))}·{int(a)}"
    for a, b in zip(patch.flatten(), weight.flatten(), strict=True)
    if b
]
result = f"outlined: {' '.join(terms)[2:]} = {grids.number(y_map[pick].item())}"
style.write(axes, 450.0, 300.0, result, size=11)
show(
    figure,
    alt="Nine pixels of a 6 by 7 map lie under a 3 by 3 kernel and make one pixel of the 4 by 5 "
    "output. The nine products are written out under the maps.",
)

# %% [markdown]
# Three knobs complete the definition. The **stride** $s$ says how far the kernel moves from one output to
# the next, the **rate** $r$ how far apart its taps stand, the **padding** $p$ how many zeros are put
# around the map. All three fit in one line, and this line is worth more than all the rest of this
# notebook:
#
# > **Output $i$ reads the inputs $\;i \cdot s + k \cdot r - p\;$ for $k = 0, \dots, K-1$.** Where that is
# > outside the map, it reads 0.
#
# Here it is as code. Look at what is missing: there is no formula for the number of outputs. The loop
# goes on while the last tap still finds a pixel or a padded zero.


# %%
def conv(x, w, *, stride=1, padding=0, rate=1):
    y, i = [], 0
    while (i * stride + (len(w) - 1) * rate - padding) < len(x) + padding:
        reads = [i * stride + k * rate - padding for k in range(len(w))]
        inside = [(k, j) for k, j in enumerate(reads) if 0 <= j < len(x)]
        y.append(sum((w[k] * x[j] for k, j in inside), start=torch.zeros(()).double()))
        i += 1
    return torch.stack(y)


for knobs in ({}, {"padding": 1}, {"stride": 2, "padding": 1}, {"rate": 2, "padding": 2}):
    torchs = {"dilation" if name == "rate" else name: n for name, n in knobs.items()}
    same = torch.equal(
        conv(x, w, **knobs), F.conv1d(x[None, None], w[None, None], **torchs)[0, 0]
    )
    numbers = [int(value) for value in conv(x, w, **knobs)]
    print(f"{knobs or 'no knobs'!s:32} {numbers!s:26} PyTorch agrees: {same}")

# %% [markdown]
# ## 3. The same thing as a matrix
#
# Each output is a weighted sum of inputs. So a convolution is a matrix times a vector, $y = A x$, and the
# line to keep says where the weights stand: output $i$ reads the inputs $i s + k r - p$, so entry
# $(i,\, i s + k r - p)$ is $w_k$, and everything else is zero.

# %% tags=["hide-input"]
prediction = Prediction(
    "A 5 x 5 map, a 3 x 3 kernel without a zero in it, padding 1. The matrix has 25 x 25 = 625 entries. "
    "How many are not zero?",
    number=True,
    name="01-matrix-entries",
)
prediction


# %%
def as_matrix(n, w, *, stride=1, padding=0, rate=1):
    n_out = len(conv(torch.zeros(n).double(), w, stride=stride, padding=padding, rate=rate))
    A = w.new_zeros(n_out, n)
    for i in range(n_out):
        for k in range(len(w)):
            j = i * stride + k * rate - padding
            if 0 <= j < n:
                A[i, j] = w[k]
    return A


A = as_matrix(6, w, padding=1)
print(A.int().numpy())
print("A x equals the convolution:", torch.equal(A @ x, conv(x, w, padding=1)))

# %% [markdown]
# Now move it. The signal $x$ stands over its matrix, each number over its column. Point at an output in $y$, at a row, or
# at a pixel of $x$. Then move the sliders, one at a time, and watch what each does to the *rows*: the
# stride takes rows away, the padding adds rows with a weight cut off (drawn dashed, beside the matrix),
# the rate pulls the weights apart, and colours show which outputs still share inputs.

# %%
conv_matrix(
    [[3, 1, 4, 1, 5, 9, 2]],
    [[2, 1, -1]],
    strides=(1, 2, 3),
    paddings=(0, 1, 2),
    rates=(1, 2, 3),
    start=(1, 1, 1),
)

# %% [markdown]
# In two dimensions the map is written as one long column, row after row. The kernel's three rows land
# five columns apart, because the next row of the map begins five numbers later. Count the entries of
# the outlined row, then choose an output in a corner and count again.

# %%
picture = [
    [1, 0, 2, 1, 3],
    [0, 1, 1, 2, 0],
    [2, 1, 0, 1, 1],
    [1, 3, 1, 0, 2],
    [0, 1, 2, 1, 1],
]
kernel = [[1, 2, 1], [2, 3, -2], [-1, -2, -1]]
conv_matrix(
    picture, kernel, strides=(1, 2), paddings=(0, 1, 2), rates=(1, 2), start=(1, 1, 1)
)

# %% tags=["hide-input"]
prediction.reveal(
    169,
    because={
        225: "25 rows of 9. But rows of border outputs have taps on the padding, and those leave no entry.",
        81: "9 rows of 9: the inner outputs alone. The border outputs have rows too, only shorter ones.",
        9: "there are 9 different weights. Each of them stands in many rows.",
        625: "that is a fully connected layer.",
    },
    explain="An axis of 5 gives 5·3 - 2 = 13 pairs of output and input; two axes give 13·13 = 169.",
)

# %% [markdown]
# That answers the opening. For 512 x 512 the same count is (512·3 − 2)² = 2 353 156 entries out of
# 68 719 476 736, and among those there are nine different numbers. A convolution made two decisions:
# **look only nearby**, and **do the same everywhere**.
#
# You can have the matrix of *any* linear map without knowing its insides: feed it the unit vectors, one
# pixel lit at a time. Each answer is a column. Here are three convolutions on an 8 x 8 map, seen from
# outside in this way.


# %%
def matrix_of(linear, size):
    lit = torch.eye(size[0] * size[1], dtype=torch.float64).reshape(-1, 1, *size)
    return linear(lit).flatten(1).T


K = torch.tensor(kernel, dtype=torch.float64)[None, None]
convolutions = {
    "regular": lambda m: F.conv2d(m, K, padding=1),
    "stride 2: rows are missing": lambda m: F.conv2d(m, K, padding=1, stride=2),
    "rate 2: the bands spread": lambda m: F.conv2d(m, K, padding=2, dilation=2),
}
matrices = {name: matrix_of(layer, (8, 8)) for name, layer in convolutions.items()}
for name, A in matrices.items():
    print(f"{name:28} {A.shape[0]} x {A.shape[1]}, {int(A.count_nonzero()):3} not zero")

# %% tags=["hide-input"]
figure, panels = plt.subplots(1, 3, figsize=(9.375, 3.7), layout="constrained")
whole = matrices["regular"].nonzero()
for axes, (name, A) in zip(panels, matrices.items(), strict=True):
    entries = A.nonzero()
    if "stride" in name:  # its row (a, b) is row (2 a, 2 b) of the regular matrix
        axes.plot(
            whole[:, 1], whole[:, 0], "s", ms=1.5, mec="none", mfc=style.tint(style.soft())
        )
        entries[:, 0] = entries[:, 0] // 4 * 16 + entries[:, 0] % 4 * 2
    for k in range(4):
        rows, columns = entries.T
        phase = rows // 8 % 2 * 2 + rows % 2
        colour, mark = (
            (style.phase_colour(k), style.phase_marker(k))
            if "rate" in name
            else (style.ink(), "s")
        )
        chosen = phase == k
        axes.plot(columns[chosen], rows[chosen], mark, ms=2.9, mec="none", mfc=colour)
    axes.set(xlim=(-1, 64), ylim=(64, -1), aspect="equal")
    axes.set(xticks=range(0, 65, 16), yticks=range(0, 65, 16))
    axes.set_title(name, fontsize=11)
    axes.set_xlabel("input pixel", fontsize=10)
panels[0].set_ylabel("output pixel", fontsize=10)
show(
    figure,
    alt="Three matrices on an 8 by 8 map. The regular convolution has three thick bands. With "
    "stride 2 a quarter of its rows is left, each where it was. At rate 2 the bands stand apart; "
    "coloured by the phase of their output, the four colours never share a column.",
)

# %% [markdown]
# In the middle the sixteen rows are drawn where they stand in the regular matrix, which is pale behind
# them. They are the same rows. Keep that in mind for [02](02_stride_and_reduce.ipynb).
#
# The right panel is the seed of this whole course. At rate 2, outputs of one colour read pixels of one
# colour: four convolutions that do not know of one another live in one matrix. Notebook
# [03](03_split_conv_merge.ipynb) takes them apart.
#
# One more reading before we go on. Row $i$ says what output $i$ is made of; **column $j$ says what pixel
# $j$ is used for**. When a gradient flows back, it flows along the columns: the gradient of a convolution
# is the transposed matrix. Nothing to be proved, only to be checked:

# %%
A = matrices["stride 2: rows are missing"]
leaf = torch.randn(1, 1, 8, 8, dtype=torch.float64, generator=generator).requires_grad_()
out = convolutions["stride 2: rows are missing"](leaf)
upstream = torch.randn(out.shape, dtype=torch.float64, generator=generator)
out.backward(upstream)
transposed = (A.T @ upstream.flatten()).reshape(1, 1, 8, 8)
row_gradient = compare("A' g = gradient by autograd", transposed, leaf.grad)
print(table([row_gradient]))

# %% [markdown]
# ## 4. How many outputs?
#
# Ask the line. Counted from the first padded zero, the last tap of output $i$ stands at
# $i s + (K - 1) r$, and it must find one of the $n + 2p$ places:
#
# $$i\,s + (K-1)\,r \;\le\; n + 2p - 1 .$$
#
# The kernel **spans** $r(K-1)+1$ pixels. What is left over is its **room**, and each full stride that
# fits in the room is one more output after the first:
#
# $$n_\text{out} = \Big\lfloor \frac{n + 2p - r(K-1) - 1}{s} \Big\rfloor + 1 .$$

# %% tags=["hide-input"]
figure, panels = plt.subplots(1, 2, figsize=(9.375, 3.3), layout="constrained")
cases = (
    dict(size=8, kernel=3, stride=2, padding=1, rate=1),
    dict(size=8, kernel=3, stride=1, padding=1, rate=2),
)
for axes, case, name in zip(panels, cases, ("stride 2", "rate 2"), strict=True):
    draw_taps(axes, **case)
    axes.set(xlim=(-4.2, 11), ylim=(7, -1.7))
    count = formula(**case).split("+ 1 = ")[-1]
    axes.set_title(f"{name}: {count} outputs fit", fontsize=11)
show(
    figure,
    alt="Left: a kernel of 3 moves in steps of 2 over 8 pixels with padding 1; four outputs fit, and "
    "the fifth would need a pixel beyond the padding. Right: at rate 2 the taps stand two apart and "
    "six outputs fit. Hollow dots are taps on the padding.",
)

# %% tags=["hide-input"]
prediction = Prediction(
    "A signal of 7, kernel 3, padding 1, stride 1, and now rate 2. How many outputs?",
    options=["7, as at rate 1", "5", "4", "3"],
    name="01-dilated-size",
)
prediction

# %% tags=["hide-input"]
prediction.reveal(
    "B",
    because={
        "A": "padding 1 keeps the size at rate 1. To keep it at rate r takes padding r·(K - 1)/2, here 2.",
        "C": "dilation halves the output, as stride 2 would: half of 7, rounded up. It does no such thing.",
        "D": "the same idea, rounded down; or a padding of 0.",
    },
    explain="The span is 2·2 + 1 = 5, the room 7 + 2 - 5 = 4, so 4 / 1 + 1 = 5 outputs.",
)

# %% [markdown]
# Move the sliders until you can say the next number before you see it. Then try to find a setting with
# exactly one output, and one where changing the size by one changes nothing.

# %% tags=["nbval-ignore-output"]
sliders = {
    name: IntSlider(value=start, min=low, max=high, description=name)
    for name, (low, high, start) in RANGES.items()
}
_ = interact(explore_sizes, **sliders)

# %% [markdown]
# A formula that was derived should be attacked. Here are a thousand random settings, odd and even in
# everything; PyTorch is the judge, also of where no output exists.


# %%
def n_out(n, K, s, p, r):
    room = n + 2 * p - (r * (K - 1) + 1)
    return room // s + 1 if room >= 0 else 0


def pytorchs(n, K, s, p, r):
    try:
        y = F.conv1d(
            torch.zeros(1, 1, n), torch.zeros(1, 1, K), stride=s, padding=p, dilation=r
        )
        return y.shape[-1]
    except RuntimeError:  # the kernel is larger than the padded signal
        return 0


low, high = torch.tensor([1, 1, 1, 0, 1]), torch.tensor([60, 8, 5, 7, 6])
draws = [
    (low + (torch.rand(5, generator=generator) * (high - low + 1)).long())
    for _ in range(1000)
]
settings = [tuple(draw.tolist()) for draw in draws]
ours = torch.tensor([n_out(*setting) for setting in settings])
theirs = torch.tensor([pytorchs(*setting) for setting in settings])
row_sizes = compare("size formula = PyTorch, 1000 settings", ours, theirs)
even = sum(setting[1] % 2 == 0 for setting in settings)
print(table([row_sizes]))
print(f"even kernels: {even};  settings without an output: {int((theirs == 0).sum())}")

# %% [markdown]
# Four beliefs that cost people afternoons, each with the run that settles it.
#
# **"Dilation halves the output."** With the padding that belongs to it, $p = r (K-1)/2$, it leaves the size
# alone. With a padding that was forgotten at 1, it shaves off $2(r-1)$.

# %%
print("a signal of 65, kernel 3, stride 1\n")
print("rate   padding 1   padding r·(K - 1)/2")
for r in (1, 2, 4, 8):
    p = same_padding(3, rate=r)[0]
    print(f"{r:4}   {n_out(65, 3, 1, 1, r):9}   {n_out(65, 3, 1, p, r):9}   (p = {p})")

# %% [markdown]
# **"Dilation 0 means none."** The rate is the *distance* of neighbouring taps. Distance 1 is a kernel
# without holes; distance 0 would put all taps on one pixel.

# %%
try:
    dilated_conv(x_map[None, None], weight[None, None], rate=0)
except ValueError as error:
    print("ValueError:", error)
nothing = dilated_conv(x_map[None, None], weight[None, None], rate=1)[0, 0]
print("rate 1 is the regular convolution:", torch.equal(nothing, by_library))

# %% [markdown]
# **"There is always a padding that keeps the size."** For an even kernel, $r(K-1)/2$ can be a half. Then
# the same padding on both sides gives one output too few or one too many, and the output sits half a
# pixel beside its input.

# %%
for K in (2, 3, 4, 5):
    sizes = {p: n_out(65, K, 1, p, 1) for p in range(3)}
    verdict = f"padding {K // 2} keeps 65" if K % 2 else "no padding keeps 65"
    print(f"kernel {K}: sizes at padding 0, 1, 2 are {list(sizes.values())}: {verdict}")

# %% [markdown]
# **"From the output size I can compute the input size."** The floor forgets. At stride 2, inputs of 7
# and of 8 both give 4. Whoever goes back up has to be told which one it was. Remember this when you
# meet `output_padding` in 05 and odd phases in 03.

# %%
for n in (7, 8, 9, 10):
    print(f"{n:2} pixels, kernel 3, stride 2, padding 1: {n_out(n, 3, 2, 1, 1)} outputs")

# %% [markdown]
# ## 5. Channels, groups, depthwise
#
# A real layer has $C$ input and $D$ output channels. Each output channel has its own kernel for each
# input channel, and the results are added. With `groups=g` the channels are dealt into $g$ packs that do
# not look at one another; with as many groups as channels every channel is alone, which is called
# *depthwise*.

# %% tags=["hide-input"]
figure, panels = plt.subplots(1, 3, figsize=(9.375, 2.9), layout="constrained")
for axes, groups in zip(panels, (1, 2, 4), strict=True):
    pack = 4 // groups
    for out in range(4):
        for into in range(4):
            if out // pack == into // pack:
                axes.plot([0, 1], [into, out], color=style.soft(), lw=1.2, zorder=1)
    for place in (0, 1):
        axes.plot(
            [place] * 4, range(4), "s", ms=17, mfc=style.paper(), mec=style.ink(), mew=1.2
        )
        for channel in range(4):
            axes.text(place, channel, channel, ha="center", va="center", fontsize=10)
    axes.set(xlim=(-0.35, 1.35), ylim=(3.6, -0.9))
    axes.axis("off")
    name = {1: "dense", 2: "2 groups", 4: "depthwise"}[groups]
    axes.set_title(f"{name}: {4 * pack} kernels", loc="center", fontsize=11)
    axes.text(0, -0.7, "in", ha="center", fontsize=10, color=style.soft())
    axes.text(1, -0.7, "out", ha="center", fontsize=10, color=style.soft())
show(
    figure,
    alt="Four input and four output channels. Dense: every output is joined to every input, 16 "
    "kernels. Two groups: 8 kernels. Depthwise: each output to its own input, 4 kernels.",
)

# %%
C, D, groups = 6, 4, 2
features = torch.randn(1, C, 9, 11, dtype=torch.float64, generator=generator)
grouped_weight = torch.randn(D, C // groups, 3, 3, dtype=torch.float64, generator=generator)

packs = zip(features.chunk(groups, dim=1), grouped_weight.chunk(groups, dim=0), strict=True)
by_packs = torch.cat([regular_conv(pack, own, padding=1) for pack, own in packs], dim=1)
by_groups = regular_conv(features, grouped_weight, padding=1, groups=groups)
row_groups = compare("groups = separate convolutions", by_packs, by_groups)

mixing = torch.randn(D, C, 1, 1, dtype=torch.float64, generator=generator)
as_product = torch.einsum("dc,bchw->bdhw", mixing[:, :, 0, 0], features)
row_mixing = compare(
    "1 x 1 = matrix on channels", regular_conv(features, mixing), as_product
)
print(table([row_groups, row_mixing]))

# %% [markdown]
# The last row is worth a second look: a 1 x 1 convolution does not look at neighbours at all. It is a
# small matrix that mixes channels, the same one at every pixel.
#
# ## 6. On a photograph
#
# Numbers in cells are for understanding; this is what the sums are good for. Three of the four
# kernels that we use add up to zero, so a flat region gives zero, and what remains is change.

# %% tags=["hide-input"]
prediction = Prediction(
    "Rows of the kernel: −1 0 1 / −2 0 2 / −1 0 1. In a photograph of a man with a tripod on a lawn, which "
    "lines does it light up?",
    options=["upright lines", "level lines", "both alike"],
    name="01-sobel",
)
prediction

# %%
camera = photo("camera", dtype=torch.float64)
across = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]], dtype=torch.float64) / 4
blur = torch.ones(9, 9, dtype=torch.float64) / 81
centre = torch.zeros(3, 3, dtype=torch.float64)
centre[1, 1] = 1
filters = {
    "across": across,
    "down": across.T,
    "blur": blur,
    "minus its surroundings": centre - torch.ones(3, 3, dtype=torch.float64) / 9,
}
responses = {
    name: regular_conv(camera, own[None, None], padding=same_padding(tuple(own.shape)))[
        0, 0
    ]
    for name, own in filters.items()
}
for name, own in filters.items():
    print(f"{name:24} its weights add up to {own.sum().abs():.0f}")

# %% tags=["hide-input"]
figure, panels = plt.subplot_mosaic(
    [["photo", "across", "down"], ["photo", "blur", "minus its surroundings"]],
    figsize=(9.375, 4.85),
    width_ratios=[1.98, 1, 1],
    layout="constrained",
)
panels["photo"].imshow(camera[0, 0].numpy(), vmin=0, vmax=1)
panels["photo"].set_title("x", fontsize=11)
for name, response in responses.items():
    limit = 1.0 if name == "blur" else 0.45
    low = 0.0 if name == "blur" else -limit
    panels[name].imshow(response.numpy(), vmin=low, vmax=limit)
    panels[name].set_title(name, fontsize=11)
for axes in panels.values():
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
show(
    figure,
    alt="A photograph of a man with a camera and four responses. The kernel 'across' draws the upright "
    "lines, legs of the tripod and edges of towers, bright where the picture gets brighter to the "
    "right and dark where it gets darker; 'down' draws the level lines; 'blur' softens; 'minus its "
    "surroundings' keeps fine texture.",
)

# %% tags=["hide-input"]
prediction.reveal(
    "A",
    because={
        "B": "the numbers change from left to right, so it feels a change from left to right. On a level line "
        "there is none.",
        "C": "each row adds up to zero along the row, but all rows have the same sign: along a level line "
        "the sum is 0.",
    },
    explain="It subtracts what is left from what is right. An upright line is where these differ.",
)

# %% [markdown]
# One pixel of that response, computed as in section 1. The patch is real: seven rows and columns where
# the sky ends and the coat begins.

# %% tags=["hide-input"]
top, left = 147, 65
patch = (camera[0, 0, top : top + 7, left : left + 7] * 255).round()
part = regular_conv(patch[None, None], across[None, None] * 4)[0, 0]
pick = (2, 2)
figure, axes = style.canvas(900.0, 340.0)
cell = 36.0
under = [(pick[0] + u, pick[1] + v) for u in range(3) for v in range(3)]
grids.draw_map(axes, patch, inputs=under, at=(40.0, 50.0), cell=cell)
grids.draw_kernel(axes, across * 4, at=(375.0, 50.0 + 2 * cell), cell=cell)
grids.draw_map(axes, part, highlight=[pick], at=(620.0, 50.0 + cell), cell=cell)
style.write(axes, 40.0, 32.0, "grey values, 0 to 255", align="left", colour=style.soft())
style.write(axes, 375.0, 106.0, "across, times 4", align="left", colour=style.soft())
style.write(axes, 620.0, 68.0, "response", align="left", colour=style.soft())
style.write(axes, 334.0, 176.0, "∗", size=20)
style.write(axes, 552.0, 176.0, "=", size=20)
show(
    figure,
    alt="A 7 by 7 patch of grey values, bright sky left and dark coat right, the kernel, and the 5 by 5 response "
    "with one output outlined and its nine inputs.",
)

# %% [markdown]
# ## 7. What it costs
#
# Count. Every output is a sum of $K_h K_w C / g$ products, and there are $D\, h\, w$ outputs. One product
# and its addition are a **MAC**, a multiply-accumulate; "FLOPs" in papers mostly mean MACs, and counters
# that say "2 per MAC" explain many quarrels. This loop counts for real, one by one.


# %%
def counted(C, D, K, size, *, stride=1, padding=0, rate=1, groups=1):
    macs = 0
    places = n_out(size, K, stride, padding, rate) ** 2
    for _ in range(D):  # output channels
        for _ in range(places):  # output pixels
            for _ in range(C // groups):  # input channels that this output sees
                macs += K * K  # taps
    return macs


layer = dict(size=28, stride=2, padding=1)
by_loop = counted(16, 32, 3, **layer)
by_formula = conv_macs(
    in_channels=16, out_channels=32, kernel=3, size=(28, 28), stride=2, padding=1
)
print("counted one by one:", f"{by_loop:,}", "  by formula:", f"{by_formula:,}")

# %% tags=["hide-input"]
prediction = Prediction(
    "A 3 x 3 layer, 256 channels in and out, on a 64 x 64 map, output 64 x 64. You set the rate to 2 and the "
    "padding to 2. Its MACs are multiplied by",
    options=["1", "25/9, it now covers 5 x 5", "1/4", "4"],
    name="01-macs",
)
prediction


# %%
def bill(name, **layer):
    macs = conv_macs(
        in_channels=256, out_channels=256, **{"kernel": 3, "padding": 1} | layer
    )
    weights = 256 * 256 // layer.get("groups", 1) * layer.get("kernel", 3) ** 2
    print(f"{name:34} {macs / 1e9:8.3f} GMAC {weights:9,} weights")


bill("3 x 3 on 64 x 64", size=(64, 64))
bill("... at rate 2", size=(64, 64), rate=2, padding=2)
bill("... with stride 2", size=(64, 64), stride=2)
bill("... on 128 x 128", size=(128, 128))
bill("... depthwise", size=(64, 64), groups=256)
bill("1 x 1, mixing channels", size=(64, 64), kernel=1, padding=0)

# %% tags=["hide-input"]
prediction.reveal(
    "A",
    because={
        "B": "the kernel spans 5 x 5, and it still has nine taps. Holes are free.",
        "C": "dilation halves the output. Section 4 settled that one.",
        "D": "a dilated network costs more, because its maps are larger. Compare '... on 128 x 128'.",
    },
    explain="Nine taps, the same number of outputs: the same price. Resolution is what costs.",
)

# %% [markdown]
# Remember the line "on 128 x 128". In FastFCN's backbone, replacing strides by rates keeps the
# maps of the last two stages 2 and 4 times as large on each side, and *that* is what makes it slow. The
# dilation itself is innocent. Notebook 04 presents the evidence.
#
# ## The check

# %%
rows = []
cases = [(5, 5, 3, 3, 1), (6, 7, 2, 4, 0), (9, 4, 1, 3, 2), (7, 13, 4, 2, 3)]
for height, width, k_h, k_w, p in cases:
    x_any = torch.randn(height, width, dtype=torch.float64, generator=generator)
    k_any = torch.randn(k_h, k_w, dtype=torch.float64, generator=generator)
    want = F.conv2d(x_any[None, None], k_any[None, None], padding=p)[0, 0]
    rows.append(compare("loops = PyTorch", slide_2d(F.pad(x_any, (p,) * 4), k_any), want))
    A = matrix_of(
        lambda m, k=k_any, p=p: F.conv2d(m, k[None, None], padding=p), (height, width)
    )
    product = (A @ x_any.flatten()).reshape(want.shape)
    rows.append(compare("A x = convolution", product, want))

signals = []
for n, K, s, p, r in [setting for setting in settings if n_out(*setting)][:200]:
    x_any = torch.randn(n, dtype=torch.float64, generator=generator)
    w_any = torch.randn(K, dtype=torch.float64, generator=generator)
    got = conv(x_any, w_any, stride=s, padding=p, rate=r)
    want = F.conv1d(x_any[None, None], w_any[None, None], stride=s, padding=p, dilation=r)
    signals.append(compare("the line to keep = PyTorch", got, want[0, 0]))

loops = worst([row for row in rows if row.name.startswith("loops")])
products = worst([row for row in rows if row.name.startswith("A x")])
macs = compare("MACs counted = formula", torch.tensor(by_loop), torch.tensor(by_formula))
known = [row_gradient, row_sizes, row_groups, row_mixing]
print(table([loops, worst(signals), products, *known, macs]))

# %% [markdown]
# ## Where it stops
#
# "The same everywhere" has a proud consequence: move the picture, and the response moves along. Let us
# test it without mercy. Roll the photograph by 128 columns, so that what leaves on the right comes in on
# the left, and convolve; or convolve first and roll afterwards. The same?

# %%
roll_then_conv = regular_conv(camera.roll(128, dims=3), across[None, None], padding=1)
conv_then_roll = regular_conv(camera, across[None, None], padding=1).roll(128, dims=3)
gap = (roll_then_conv - conv_then_roll).abs()[0, 0]
columns = gap.amax(dim=0).nonzero().flatten().tolist()
print("columns that differ:", columns)
inside = torch.ones(512, dtype=torch.bool)
inside[columns] = False
rows = [
    compare("conv and roll, all columns", roll_then_conv, conv_then_roll, breaks=True),
    compare(
        "conv and roll, the other columns",
        roll_then_conv[..., inside],
        conv_then_roll[..., inside],
    ),
]
print(table(rows))

# %% tags=["hide-input"]
figure, panels = plt.subplots(1, 3, figsize=(9.375, 3.1), layout="constrained")
for axes, picture, name in (
    (panels[0], roll_then_conv, "roll, then convolve"),
    (panels[1], conv_then_roll, "convolve, then roll"),
):
    axes.imshow(picture[0, 0].numpy(), vmin=-0.45, vmax=0.45)
    axes.set(xticks=[], yticks=[])
    axes.set_title(name, fontsize=11)
    axes.spines[:].set_visible(False)
largest = gap.amax(dim=0)
panels[2].vlines(range(512), 0, largest, color=style.ink(), lw=1.6)
panels[2].set(
    xlim=(-16, 528), ylim=(0, 1.12), xticks=columns[:1] + columns[2:], yticks=[0, 0.5, 1]
)
panels[2].set_box_aspect(1)
panels[2].set_xlabel("column", fontsize=10)
panels[2].set_title("largest difference in a column", fontsize=11)
show(
    figure,
    alt="The two responses look alike. The largest difference in each column is 0 everywhere but in "
    "four: the outermost two, and the two where the old border of the picture now lies inside it.",
)

# %% [markdown]
# Four columns disagree and 508 do not. The kernel is the same everywhere; the *zeros* are not. A zero
# beside the border of a bright picture is an edge that nobody photographed, and one side has it where the
# other side has picture. Deep networks feel this too: a stack of padded layers knows where the frame is.
# So the exact claim is: **convolution commutes with a shift wherever no tap touches the padding.**
#
# With a stride it is worse. Shift by one pixel, and a stride-2 convolution answers with different
# numbers everywhere. Those are not wrong numbers, and not lost ones either. Whose they are is the
# subject of [02](02_stride_and_reduce.ipynb).
#
# ## Ask your neighbour

# %% tags=["hide-input"]
quiz(
    [
        Question(
            "A layer with kernel 3, padding 4 and rate 4 keeps a 64 x 64 map at 64 x 64. You change the rate to "
            "8 and nothing else. The output is",
            ["64 x 64", "56 x 56", "32 x 32", "72 x 72"],
            answer="B",
            why=[
                "Padding 4 belongs to rate 4. Rate 8 needs padding 8.",
                "The span grew from 9 to 17 pixels and the padding did not follow: 64 + 8 - 17 + 1 = 56.",
                "Stride 2 halves. A rate never does.",
                "A longer span leaves fewer places to stand, not more.",
            ],
            peer=True,
        ),
        Question(
            "Somebody mirrors a photograph left to right with one 3 x 3 convolution, stride 1, padding 1. This is",
            [
                "possible with the right nine numbers",
                "possible with a larger kernel",
                "impossible with any one kernel",
            ],
            answer="C",
            why=[
                "A mirrored pixel comes from the far side of the picture, which nine neighbours do not see.",
                "A kernel as large as the picture can see the far side. But the distance to the mirrored place "
                "differs from pixel to pixel, and a kernel is the same everywhere.",
                "The matrix of a mirror has one entry in each row, and they run along the other diagonal. In the "
                "matrix of a convolution all entries of one weight run along the main direction.",
            ],
            peer=True,
        ),
    ]
)

# %% [markdown]
# ## What you take with you
#
# - **Output $i$ reads the inputs $i s + k r - p$.** Everything else follows.
# - A convolution is a matrix with the same few weights in every row, moved along. Rows make outputs,
#   columns carry gradients.
# - $n_\text{out} = \lfloor (n + 2p - r(K-1) - 1)/s \rfloor + 1$, exact for odd sizes and even kernels.
# - The rate never halves anything, 1 means no holes, and the padding that keeps the size is $r(K-1)/2$.
# - The price is taps times channels times *outputs*. Holes are free, resolution is not.
#
# **Glossary.**
#
# - **kernel**: the weights with which a convolution adds up its inputs.
# - **tap**: one place where the kernel reads.
# - **rate**: distance of neighbouring taps; 1 means no holes.
# - **span**: pixels from the first tap to the last.
# - **stride**: distance of neighbouring outputs, in inputs.
# - **padding**: zeros put on each side.
# - **depthwise**: as many groups as channels.
# - **MAC**: one multiplication and its addition.
#
# **References.** V. Dumoulin, F. Visin, *A guide to convolution arithmetic for deep learning*,
# [arXiv 1603.07285](https://arxiv.org/abs/1603.07285) (sizes, and convolution as a matrix in section 4.1).
# H. Wu et al., *FastFCN*, [arXiv 1903.11816](https://arxiv.org/abs/1903.11816), section 3.3.
#
# **Exercises:** [four tasks](exercises/01_convolution.ipynb), with checks that know the usual mistakes.
#
# **Next:** [02 · Stride and reduce](02_stride_and_reduce.ipynb), in which three quarters of a computation turn out to be a choice.

# %%
tally()
