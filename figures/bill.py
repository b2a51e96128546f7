"""Figure: the bill of every network, from the stored run of `python -m jpu_edu bench networks`.

For the bill of your own machine: `python -m jpu_edu bench networks --json FILE --figure FILE.svg`.
"""

import json
from pathlib import Path

from matplotlib.figure import Figure

from jpu_edu.bench.ledger import groups
from jpu_edu.draw.ledger import draw_ledger

TITLE = "The bill of every network"
CAPTION = (
    "Without dilation the backbone's work falls to about a quarter and the JPU takes part of the gain back, so how "
    "much faster FastFCN is than its dilated twin depends on the head and on the depth."
)

DATA = Path(__file__).resolve().parent / "data" / "bench_networks.json"


def draw() -> Figure:
    """One row a network, one group a dilated network."""
    return draw_ledger(groups(json.loads(DATA.read_text("utf-8"))["ledger"]))
