"""Draw the figures of the course again: python figures/build.py [name ...] [--check]

Every other script in this folder that has a CAPTION is a figure: `draw()` computes its numbers with the
library and returns the drawing. The caption is the figure's claim; it is stored in the SVG too, where a
screen reader finds it. The same matplotlib gives the same bytes.
"""

import argparse
import importlib
import io
import sys
from pathlib import Path
from types import ModuleType
from xml.sax.saxutils import escape

import matplotlib

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from jpu_edu.draw import style  # noqa: E402

NAMES = ("split_conv_merge", "conv_reduce", "reformulation", "symbols", "bill", "what_is_learned")


def load(name: str) -> ModuleType:
    """The script of one figure."""
    return importlib.import_module(name)


def render(name: str) -> str:
    """One figure as the text of its SVG."""
    script = load(name)
    buffer = io.StringIO()
    with matplotlib.rc_context(style.rc()):
        script.draw().savefig(buffer, format="svg", metadata={"Date": None, "Title": script.TITLE})
    title = f"<title>{escape(script.TITLE)}</title>"
    svg = buffer.getvalue().replace(title, f"{title}\n <desc>{escape(script.CAPTION)}</desc>", 1)
    svg = svg.replace("<svg ", '<svg role="img" ', 1)
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


def main() -> int:
    """Build the figures, or with --check compare them with the stored ones. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", choices=[[], *NAMES], metavar="name", help=", ".join(NAMES))
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a stored figure differs")
    asked = parser.parse_args()
    stale = 0
    for name in asked.names or NAMES:
        path, svg = HERE / f"{name}.svg", render(name)
        if not asked.check:
            path.write_text(svg, encoding="utf-8", newline="\n")
            print(f"{path.name}: {len(svg) // 1024} kB")
        elif not path.exists() or path.read_text(encoding="utf-8") != svg:
            stale += 1
            print(f"{path.name}: differs from its script; run python figures/build.py {name}")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
