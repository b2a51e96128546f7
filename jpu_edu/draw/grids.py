"""Maps, signals, kernels and matrices as cells with their numbers in them.

Shape legend
    H, W   height and width of a map; up to 9 x 9 its numbers are written out, beyond it is a picture
    N      length of a signal
    pixel  (row, column), counted from 0 at the top left

The y of the axes runs downwards. Without `at` a drawing takes the whole axes; with `at=(x, y)` its top left
corner is placed in a larger drawing, and the limits of the axes stay as they are.
"""

from collections.abc import Iterable

from jaxtyping import Shaped
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from torch import Tensor

from jpu_edu.draw import style
from jpu_edu.ops.maps import whole_pair
from jpu_edu.ops.phases import Rate, rate_pair

Pixel = tuple[int, int]
Place = tuple[float, float]

#: The largest side whose numbers are written out.
READABLE = 9


def number(value: float) -> str:
    """A number as short as it can be, at most two decimals, with a true minus sign: 3, −1, 0.5, 1.33."""
    short = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if short == "-0" else short.replace("-", "−")


def inputs_of(pixel: Pixel, *, kernel: Rate, size: Pixel, rate: Rate = 1, stride: Rate = 1) -> list[Pixel]:
    """The pixels that one output of a "same" convolution reads, in reading order; taps beyond the map left out.

    Args:
        pixel: (row, column) of the output.
        kernel: its size, odd.
        size: (H, W) of the input.
        rate, stride: of the convolution.
    """
    names = {"kernel": kernel, "rate": rate, "stride": stride}
    kernels, rates, strides = (whole_pair(value, what="inputs_of", name=name) for name, value in names.items())
    rows, columns = (
        [i for tap in range(k) if 0 <= (i := place * s + (tap - k // 2) * r) < length]
        for place, k, r, s, length in zip(pixel, kernels, rates, strides, size, strict=True)
    )
    return [(i, j) for i in rows for j in columns]


def _check(x: Tensor, what: str) -> None:
    if not isinstance(x, Tensor) or x.ndim != 2:
        got = f"shape {tuple(x.shape)}" if isinstance(x, Tensor) else type(x).__name__
        raise ValueError(f"{what}: got {got}; pass one channel as a torch tensor (H, W)")


def draw_map(
    axes: Axes,
    x: Shaped[Tensor, "H W"],
    *,
    rate: Rate | None = None,
    phase: int | None = None,
    highlight: Iterable[Pixel] = (),
    inputs: Iterable[Pixel] = (),
    ghost: Iterable[Pixel] = (),
    colour: str | None = None,
    hatch: str | None = None,
    at: Place | None = None,
    cell: float = 1.0,
    pitch: Rate = 1,
) -> Axes:
    """Draw a map: numbers in cells up to 9 x 9, a grey picture beyond.

    Args:
        x: (H, W), any dtype.
        rate: colours and marks each cell by its phase at this rate.
        phase: with `rate`, x is this one phase of a larger map and has its colour.
        highlight: the outputs in question, with a thick outline.
        inputs: the pixels that they read, with a thin outline.
        ghost: cells that are thrown away: pale.
        colour: outline of all cells, such as style.Y_S.
        hatch: pattern of all cells, such as style.Y_HATCH.
        at, cell: top left corner, and side of a cell, in the units of the axes.
        pitch: distance of two cells, in cells; the rate spreads a phase over the places that it came from.

    Raises:
        ValueError: `phase` without `rate`.
    """
    if phase is not None and rate is None:
        raise ValueError(f"draw_map: phase={phase} without a rate; a phase is counted at a rate, such as rate=2")
    _check(x, "draw_map")
    steps = tuple(step * cell for step in whole_pair(pitch, what="draw_map", name="pitch"))
    left, top = _place(axes, at, ((x.shape[0] - 1) * steps[0] + cell, (x.shape[1] - 1) * steps[1] + cell))
    pixels = [] if max(x.shape) > READABLE else [(i, j) for i in range(x.shape[0]) for j in range(x.shape[1])]

    def corner(pixel: Pixel) -> Place:
        return left + pixel[1] * steps[1], top + pixel[0] * steps[0]

    if max(x.shape) > READABLE:
        extent = (left, left + x.shape[1] * cell, top + x.shape[0] * cell, top)
        axes.imshow(x.detach().double().cpu().numpy(), extent=extent, aspect=axes.get_aspect(), zorder=1)
    else:
        marked: dict[int, list[Place]] = {}
        ghosts, numbers = set(ghost), {pixel: number(x[pixel].item()) for pixel in pixels}
        size = _font_size(axes, cell, numbers.values())
        for pixel, text in numbers.items():
            k = phase if phase is not None or rate is None else _phase_of(pixel, rate)
            _tile(axes, corner(pixel), cell, text, size, k=k, rate=rate, ghost=pixel in ghosts, hatch=hatch)
            if k is not None and pixel not in ghosts:
                marked.setdefault(k, []).append(corner(pixel))
        for k, corners in marked.items():  # one artist a phase: a marker for each cell would take most of the time
            _mark_phase(axes, corners, cell, k=k, rate=rate)
    for chosen, tone, width in ((pixels if colour else (), colour, 1.8), (inputs, None, 1.1), (highlight, None, 2.4)):
        for pixel in chosen:
            _outline(axes, corner(pixel), cell, tone or style.ink(), width, halo=not pixels)
    return axes


def draw_signal(
    axes: Axes,
    x: Shaped[Tensor, " N"],
    *,
    rate: int | None = None,
    phase: int | None = None,
    highlight: Iterable[int] = (),
    inputs: Iterable[int] = (),
    ghost: Iterable[int] = (),
    colour: str | None = None,
    hatch: str | None = None,
    at: Place | None = None,
    cell: float = 1.0,
    pitch: int = 1,
) -> Axes:
    """Draw a signal as a strip of cells. The arguments are those of `draw_map`, with one index for a cell."""
    rates = None if rate is None else (1, rate)
    row = ([(0, i) for i in places] for places in (highlight, inputs, ghost))
    marks = dict(zip(("highlight", "inputs", "ghost"), row, strict=True))
    look = {"colour": colour, "hatch": hatch, "at": at, "cell": cell, "pitch": (1, pitch)}
    return draw_map(axes, x[None], rate=rates, phase=phase, **marks, **look)


def draw_kernel(
    axes: Axes,
    weight: Shaped[Tensor, "kh kw"],
    *,
    rate: Rate = 1,
    taps: bool = False,
    at: Place | None = None,
    cell: float = 1.0,
) -> Axes:
    """Draw a kernel with its holes. A dot is a place where a dilated kernel reads nothing.

    Args:
        weight: (k_h, k_w).
        rate: distance of two taps; 1 means no holes.
        taps: number the taps 1, 2, ... in reading order instead of writing their weights.
        at, cell: as in `draw_map`.
    """
    rates = rate_pair(rate, what="draw_kernel")
    _check(weight, "draw_kernel")
    height, width = (r * (n - 1) + 1 for r, n in zip(rates, weight.shape, strict=True))
    left, top = _place(axes, at, (height * cell, width * cell))
    values = range(1, weight.numel() + 1) if taps else weight.flatten().tolist()
    texts = [number(value) for value in values]
    size, dark = _font_size(axes, cell, texts), style.mix(style.ink(), style.paper(), 0.82)
    where = [(i * rates[0], j * rates[1]) for i in range(weight.shape[0]) for j in range(weight.shape[1])]
    for (i, j), text in zip(where, texts, strict=True):
        _tile(axes, (left + j * cell, top + i * cell), cell, text, size, fill=dark, tone=style.paper())
    holes = [(i, j) for i in range(height) for j in range(width) if (i, j) not in where]
    _dots(axes, holes, (left, top), cell, name="holes")
    return axes


def draw_matrix(
    axes: Axes,
    matrix: Shaped[Tensor, "rows columns"],
    *,
    rate: int | None = None,
    at: Place | None = None,
    cell: float = 1.0,
) -> Axes:
    """Draw a matrix: its numbers where it is not zero, a dot where it is.

    Notice: with `rate`, a row has the colour of its output's phase. In the matrix of a dilated convolution
    a row touches only columns of its own phase.
    """
    left, top = _place(axes, at, (matrix.shape[0] * cell, matrix.shape[1] * cell))
    entries = {tuple(pixel): number(matrix[tuple(pixel)].item()) for pixel in matrix.nonzero().tolist()}
    size = _font_size(axes, cell, entries.values())
    for (i, j), text in entries.items():
        k = None if rate is None else i % rate
        _tile(axes, (left + j * cell, top + i * cell), cell, text, size, k=k, rate=(1, rate or 1))
    zeros = [(i, j) for i in range(matrix.shape[0]) for j in range(matrix.shape[1]) if (i, j) not in entries]
    _dots(axes, zeros, (left, top), cell, name="zeros")
    return axes


def _place(axes: Axes, at: Place | None, size: tuple[float, float]) -> Place:
    """The top left corner; without one, the axes become a frame around the drawing of (height, width)."""
    if at is not None:
        return at
    margin = 0.04 * max(size)
    axes.set(xlim=(-margin, size[1] + margin), ylim=(size[0] + margin, -margin), aspect="equal", xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    return 0.0, 0.0


def _points(axes: Axes, length: float) -> float:
    """A length along x, in the units of the axes, as points on paper."""
    axes.apply_aspect()
    (start, _), (end, _) = axes.transData.transform([(0, 0), (length, 0)])
    return abs(end - start) * 72 / axes.get_figure(root=True).dpi


def _font_size(axes: Axes, cell: float, texts: Iterable[str]) -> float:
    return _points(axes, cell) * min(0.5, 1.2 / max(map(len, texts), default=1))


def _phase_of(pixel: Pixel, rate: Rate) -> int:
    rate_h, rate_w = rate_pair(rate, what="draw_map")
    return pixel[0] % rate_h * rate_w + pixel[1] % rate_w


def _tile(
    axes: Axes,
    corner: Place,
    cell: float,
    text: str,
    size: float,
    *,
    k: int | None = None,
    rate: Rate | None = None,
    fill: str | None = None,
    tone: str | None = None,
    ghost: bool = False,
    hatch: str | None = None,
) -> None:
    """One cell: a tile with a thin gap around it, its number, and its phase's marker in the corner."""
    (x, y), grey = corner, style.mix(style.soft(), style.paper(), 0.35)
    fill = fill or style.mix(style.soft(), style.paper(), 0.13)
    if ghost:
        fill, tone = style.paper(), style.mix(style.soft(), style.paper(), 0.7)
    elif k is not None:
        colour = style.phase_colour(k, rate=rate)
        fill = style.tint(colour)
    inside, edge = cell * 0.94, style.mix(style.soft(), style.paper(), 0.75) if hatch else grey if ghost else "none"
    axes.add_artist(
        Rectangle((x + 0.03 * cell, y + 0.03 * cell), inside, inside, fc=fill, ec=edge, lw=0.8, hatch=hatch, zorder=1)
    )
    style.write(axes, x + cell / 2, y + cell / 2, text, size=size, colour=tone)


def _mark_phase(axes: Axes, corners: list[Place], cell: float, *, k: int, rate: Rate) -> None:
    """The marker of phase k in the corner of each of its cells: the second cue beside the colour."""
    xs, ys = zip(*((x + 0.16 * cell, y + 0.16 * cell) for x, y in corners), strict=True)
    look = {"marker": style.phase_marker(k, rate=rate), "s": (_points(axes, cell) * 0.16) ** 2, "lw": 0}
    axes.scatter(xs, ys, color=style.phase_colour(k, rate=rate), zorder=3, gid=f"phase {k}", **look)


def _outline(axes: Axes, corner: Place, cell: float, colour: str, width: float, *, halo: bool) -> None:
    """The frame of a cell; on a picture with a halo of paper, so that it is seen on dark and on light."""
    x, y = (value + 0.03 * cell for value in corner)
    line = {"edgecolor": colour, "lw": width, "joinstyle": "round", "gid": "outline"}
    if halo:
        line["path_effects"] = [withStroke(linewidth=width + 2.5, foreground=style.paper())]
    axes.add_artist(Rectangle((x, y), cell * 0.94, cell * 0.94, fill=False, zorder=4, **line))


def _dots(axes: Axes, pixels: list[Pixel], corner: Place, cell: float, *, name: str) -> None:
    if pixels:
        xs, ys = ([corner[axis] + (pixel[1 - axis] + 0.5) * cell for pixel in pixels] for axis in (0, 1))
        axes.scatter(xs, ys, s=(_points(axes, cell) * 0.12) ** 2, color=style.soft(), lw=0, gid=name)
