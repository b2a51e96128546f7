"""Sizes, fonts and the palette: one colour, one meaning, in every figure, widget and slide.

The colours are those of Okabe and Ito, chosen so that colour-blind readers can tell them apart; the
levels c3, c4, c5 get darker as the map gets coarser. Colour is never the only cue: phases differ in
marker, the kinds of claim in line, the approximation y in pattern.

Convention: text and lines take their colour from rcParams ("text.color"), and the paper is always
painted, so that a figure reads the same on a white and on a dark page.
"""

import matplotlib
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from jpu_edu.ops.phases import Rate, rate_pair

#: Phases 0 to 3 of rate 2; at other rates see `phase_colour`.
PHASES = ("#0072B2", "#E69F00", "#009E73", "#CC79A7")
MARKERS = ("o", "s", "^", "D")

#: The strided path y_s and the dilated path y_d. The approximation y is ink with the pattern Y_HATCH.
Y_S, Y_D = "#D55E00", "#56B4E9"
Y_HATCH = "///"

#: Feature levels of nominal stride 8, 16, 32.
LEVELS = {"c3": "#F0E442", "c4": "#8F5BEA", "c5": "#14147A"}

#: The line style of a claim.
LINES = {"exact": "-", "approximate": (0, (3, 2)), "learned": (0, (1, 1.6))}

#: A figure that fills a README or a notebook: 900 CSS pixels.
WIDTH = 9.375
POINTS_PER_PIXEL = 0.75

LIGHT = {"ink": "#1B1F24", "soft": "#5F6873", "paper": "#FFFFFF"}
DARK = {"ink": "#ECEFF3", "soft": "#A3ADB8", "paper": "#14181D"}


def rc(*, dark: bool = False) -> dict[str, object]:
    """The rcParams of all figures. `dark` is for slides; notebooks and the README keep the white paper."""
    tone = DARK if dark else LIGHT
    return {
        "figure.figsize": (WIDTH, WIDTH * 0.42),
        "figure.facecolor": tone["paper"],
        "figure.dpi": 96,
        "savefig.facecolor": "auto",
        "axes.facecolor": tone["paper"],
        "axes.edgecolor": tone["soft"],
        "axes.linewidth": 0.8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.labelcolor": tone["ink"],
        "axes.titlesize": 12,
        "axes.titlelocation": "left",
        "axes.prop_cycle": matplotlib.cycler(color=PHASES),
        "xtick.color": tone["soft"],
        "ytick.color": tone["soft"],
        "text.color": tone["ink"],
        "font.family": "DejaVu Sans",  # it comes with matplotlib: the same glyphs on every machine
        "font.size": 11,
        "mathtext.fontset": "stix",
        "lines.linewidth": 1.6,
        "hatch.linewidth": 0.7,
        "legend.frameon": False,
        "svg.fonttype": "path",  # outlines: no reader needs our fonts installed
        "svg.hashsalt": "jpu_edu",  # the same ids in every build
        "image.cmap": "gray",
        "image.interpolation": "nearest",
    }


def use(*, dark: bool = False) -> None:
    """Draw in this style from here on. `with matplotlib.rc_context(rc()):` does so for a few lines."""
    matplotlib.rcParams.update(rc(dark=dark))


def ink() -> str:
    """The colour of text and lines."""
    return to_hex(matplotlib.rcParams["text.color"])


def soft() -> str:
    """The colour of what is secondary: labels, ticks, things that are thrown away."""
    return to_hex(matplotlib.rcParams["xtick.color"])


def paper() -> str:
    """The colour of the page."""
    return to_hex(matplotlib.rcParams["figure.facecolor"])


def mix(colour: str, other: str, share: float) -> str:
    """`share` of `colour`, the rest `other`, as a hex colour."""
    return to_hex([share * a + (1 - share) * b for a, b in zip(to_rgb(colour), to_rgb(other), strict=True)])


def tint(colour: str, share: float = 0.4) -> str:
    """The colour thinned with paper, so that ink on it stays readable."""
    return mix(colour, paper(), share)


def _shift(k: int, rate: Rate) -> tuple[int, int, int, int]:
    rate_h, rate_w = rate_pair(rate, what="phase_colour")
    if not 0 <= k < rate_h * rate_w:
        raise ValueError(f"phase_colour: k={k}; rate={rate!r} has the phases 0 to {rate_h * rate_w - 1}")
    return *divmod(k, rate_w), rate_h, rate_w


def phase_colour(k: int, *, rate: Rate = 2) -> str:
    """The colour of phase k = p * r_w + q.

    Notice: the hue says in which direction the phase is shifted, at every rate: not at all (blue, phase 0
    alone), along the row (orange), down the column (green), both (purple). Lighter: shifted further
    along the row; darker: further down.

    Raises:
        ValueError: a k that the rate does not have.
    """
    p, q, rate_h, rate_w = _shift(k, rate)
    hue = PHASES[2 * (p > 0) + (q > 0)]
    lighter = (q - 1) / (rate_w - 1) if q > 1 else 0.0
    darker = (p - 1) / (rate_h - 1) if p > 1 else 0.0
    return mix(mix(hue, "#FFFFFF", 1 - 0.6 * lighter), "#000000", 1 - 0.5 * darker).upper()


def phase_marker(k: int, *, rate: Rate = 2) -> str:
    """The marker of phase k: the second cue, with the meaning of the hue."""
    p, q, _, _ = _shift(k, rate)
    return MARKERS[2 * (p > 0) + (q > 0)]


def canvas(width: float, height: float) -> tuple[Figure, Axes]:
    """An empty sheet for diagrams: one axes in CSS pixels, y downwards, on a rounded card of paper.

    Notice: the card is painted and its corners are not, so the figure sits on any page.
    """
    size = (width * POINTS_PER_PIXEL / 72, height * POINTS_PER_PIXEL / 72)
    figure = Figure(figsize=size, facecolor="none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    card = FancyBboxPatch((0, 0), width, height, boxstyle="round,pad=0,rounding_size=14", fc=paper(), lw=0)
    card.set(zorder=-10, clip_on=False, gid="card")
    axes.add_patch(card)
    return figure, axes


def write(
    axes: Axes, x: float, y: float, text: str, *, size: float = 11, colour: str | None = None, align: str = "center"
) -> None:
    """Put one line of text at a place. Its capitals and digits are centred on y, with or without subscripts."""
    drop = (0.33 if text.startswith("$") else 0.365) * size
    axes.annotate(
        text, (x, y), xytext=(0, -drop), textcoords="offset points", annotation_clip=False,
        fontsize=size, color=colour or ink(), ha=align, va="baseline", zorder=5,
    )  # fmt: skip
