"""show: the one way a notebook shows a figure. The words for who cannot see it travel with the picture."""

import base64
import io
from html import escape

import matplotlib.pyplot as plt
from IPython.display import display
from matplotlib.figure import Figure

SCREEN_DPI = 144
CSS_DPI = 96


def show(figure: Figure, *, alt: str) -> None:
    """Show the figure as a picture whose alternative text is `alt`, and close it.

    Notice: the output is an HTML image, since notebooks drop the alternative text of a bare PNG. The text is also
    the plain form of the output, and is compared when the notebook is checked. Say what is seen and what
    follows from it, with numbers that hold on every machine.

    Args:
        figure: drawn in any style.
        alt: one or two full sentences.

    Raises:
        ValueError: an empty `alt`.
    """
    display({"text/html": picture(figure, alt=alt), "text/plain": alt}, raw=True)


def picture(figure: Figure, *, alt: str) -> str:
    """The figure as an HTML image, closed; for what shows more than a figure. Raises as `show` does."""
    if not alt.strip():
        raise ValueError("show: alt is empty; say in a sentence what the figure shows and what follows from it")
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=SCREEN_DPI)
    plt.close(figure)
    pixels = base64.b64encode(png.getvalue()).decode()
    width = round(figure.get_figwidth() * CSS_DPI)
    return (
        f'<img alt="{escape(alt)}" width="{width}" style="max-width: 100%; height: auto" '
        f'src="data:image/png;base64,{pixels}">'
    )
