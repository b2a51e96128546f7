"""The error of each phase, as bars in reading order and as a map of p and q.

Shape legend
    p, q   phase k = p * rate + q; its error is errors[k]
"""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from jpu_edu.draw import style
from jpu_edu.draw.grids import number

GAP = 0.7  # between the bars of two rows of phases, in bars


def _check(errors: Sequence[float], rate: int, what: str) -> None:
    if len(errors) != rate * rate:
        raise ValueError(f"{what}: {len(errors)} errors at rate={rate}; it needs {rate * rate}, one for each phase")


def draw_phase_bars(
    axes: Axes, errors: Sequence[float], *, rate: int = 4, baseline: Sequence[float] = (), top: float = 1.2
) -> Axes:
    """One bar a phase, p after p, in the colour and with the marker of the phase.

    Notice: a bar of height 0 is a phase that is exact; it is written out as "0", or nobody would see it.

    Args:
        errors: rate * rate of them, in the order of `split`.
        rate: phases on each axis.
        baseline: errors of another y, drawn as ticks; none by default.
        top: of the axes, in the units of the errors.

    Raises:
        ValueError: another number of errors.

    Source: walkthrough 10.
    """
    _check(errors, rate, "draw_phase_bars")
    places = [k + GAP * (k // rate) for k in range(rate * rate)]
    for k, (place, error) in enumerate(zip(places, errors, strict=True)):
        colour = style.phase_colour(k, rate=rate)
        axes.bar(place, error, width=0.82, color=colour, zorder=2)
        axes.plot(place, -0.045 * top, style.phase_marker(k, rate=rate), color=colour, ms=4, clip_on=False)
        if error < 5e-7:
            axes.text(place, 0.015 * top, "0", ha="center", va="bottom", fontsize=10)
    for place, error in zip(places, baseline, strict=bool(baseline)):
        axes.plot([place - 0.45, place + 0.45], [error, error], color=style.ink(), lw=1.3, zorder=3)
    for p in range(rate):
        middle = sum(places[p * rate : (p + 1) * rate]) / rate
        axes.text(middle, -0.09 * top, f"p = {p}", ha="center", va="top", fontsize=9, color=style.soft())
    axes.set(xlim=(-0.8, places[-1] + 0.8), ylim=(0, top), xticks=[])
    axes.spines["bottom"].set_visible(False)
    return axes


def draw_phase_map(axes: Axes, errors: Sequence[float], *, rate: int = 4, top: float = 1.2) -> Axes:
    """The same errors where their phases lie: row p, column q, darker where larger, each with its number.

    Args:
        errors, rate: as for `draw_phase_bars`.
        top: the error that is darkest.

    Raises:
        ValueError: another number of errors.

    Source: walkthrough 10.
    """
    _check(errors, rate, "draw_phase_map")
    for k, error in enumerate(errors):
        p, q = divmod(k, rate)
        shade = style.mix(style.ink(), style.paper(), 0.5 * min(error / top, 1.0))
        colour = style.phase_colour(k, rate=rate)
        axes.add_patch(Rectangle((q + 0.05, p + 0.05), 0.9, 0.9, fc=shade, ec=colour, lw=1.8))
        text = number(error) if error < 5e-7 else f"{error:.2f}"
        axes.text(q + 0.5, p + 0.52, text, ha="center", va="center", fontsize=10, color=style.ink())
    axes.set(xlim=(0, rate), ylim=(rate, 0), aspect="equal")
    axes.axis("off")
    return axes
