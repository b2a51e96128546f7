"""The stored figures are what their scripts draw, from numbers that PyTorch agrees with."""

import importlib.util
import json
import re
from collections import Counter
from itertools import combinations

import matplotlib
import pytest
import torch
import torch.nn.functional as F
from matplotlib.backends.backend_agg import FigureCanvasAgg

from jpu_edu.draw import style

NAMES = ("split_conv_merge", "conv_reduce", "reformulation", "symbols", "bill", "what_is_learned")


@pytest.fixture(scope="module")
def build(root):
    spec = importlib.util.spec_from_file_location("figures_build", root / "figures" / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def drawn(build):
    """Each figure, drawn and laid out."""
    with matplotlib.rc_context(style.rc()):
        figures = {name: build.load(name).draw() for name in NAMES}
    for figure in figures.values():
        FigureCanvasAgg(figure).draw()
    return figures


def numbers(figure) -> Counter:
    """Every text that is a number, with how often it is drawn."""
    texts = [text.get_text().replace("−", "-") for text in figure.axes[0].texts]
    return Counter(float(text) for text in texts if re.fullmatch(r"-?[\d.]+", text))


def tally(*tensors) -> Counter:
    return Counter(round(value, 2) + 0.0 for tensor in tensors for value in tensor.flatten().tolist())


def test_every_script_is_built(build, root):
    scripts = {path.stem for path in (root / "figures").glob("*.py") if "CAPTION = (" in path.read_text("utf-8")}
    assert scripts == set(build.NAMES) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_rebuild_gives_the_same_bytes(build, root, name):
    stored = (root / "figures" / f"{name}.svg").read_text("utf-8")
    first = build.render(name)
    assert build.render(name) == first
    maker = re.search(r"Matplotlib v[\d.]+", stored).group()
    if maker == f"Matplotlib v{matplotlib.__version__}":
        assert stored == first, f"figures/{name}.svg is stale; run python figures/build.py {name}"


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_states_its_claim_for_those_who_cannot_see_it(build, root, name):
    svg = (root / "figures" / f"{name}.svg").read_text("utf-8")
    script = build.load(name)
    assert f"<title>{script.TITLE}</title>" in svg
    assert f"<desc>{script.CAPTION}</desc>" in svg
    assert 'role="img"' in svg
    assert script.CAPTION.endswith(".")
    assert len(script.CAPTION.split()) >= 12
    assert "<dc:date>" not in svg


@pytest.mark.parametrize("name", NAMES)
def test_no_text_is_clipped_or_overlaps_another(drawn, name):
    figure = drawn[name]
    boxes = {text: text.get_window_extent() for text in figure.axes[0].texts if text.get_text()}
    sheet = figure.bbox
    for text, box in boxes.items():
        assert sheet.x0 + 12 < box.x0, text
        assert box.x1 < sheet.x1 - 12, text
        assert sheet.y0 + 12 < box.y0, text
        assert box.y1 < sheet.y1 - 12, text
    for (one, a), (other, b) in combinations(boxes.items(), 2):
        assert not a.overlaps(b), f"{one.get_text()!r} at {one.xy} overlaps {other.get_text()!r} at {other.xy}"


@pytest.mark.parametrize("name", NAMES)
def test_every_text_is_large_enough_at_half_size(drawn, name):
    assert min(text.get_fontsize() for text in drawn[name].axes[0].texts) >= 7


def test_the_bill_shows_the_stored_run_and_the_papers_ratios(build, drawn):
    bills = json.loads(build.load("bill").DATA.read_text("utf-8"))["ledger"]
    texts = Counter(text.get_text() for text in drawn["bill"].axes[0].texts)
    for bill in bills:
        assert texts[bill["name"]] == 1
        for text in (f"{bill['gmac']:.0f}", f"{bill['kept_mib']:.0f}", f"{bill['params']:.1f}"):
            assert texts[text] >= 1, (bill["name"], text)
    fast = [bill for bill in bills if "dilated" not in bill["name"]]
    shown = [f"{bill['ratio']:.1f}x" + (f" ({bill['paper']:.1f})" if bill["paper"] else "") for bill in fast]
    assert Counter(text for text in texts.elements() if re.match(r"\d\.\dx", text)) == Counter(shown)
    assert len(bills) - len(fast) == 5


def as_map(signal: torch.Tensor) -> torch.Tensor:
    return signal[None, None]


def test_split_conv_merge_shows_what_pytorch_computes(build, drawn):
    example = build.load("example")
    x, weight = example.MAP, example.KERNEL
    y = F.conv2d(as_map(x), as_map(weight), padding=2, dilation=2)
    assert numbers(drawn["split_conv_merge"]) == tally(x, x, y, y, weight, weight)


def test_conv_reduce_shows_what_pytorch_computes(build, drawn):
    example = build.load("example")
    x, weight = example.MAP, example.KERNEL
    everywhere = F.conv2d(as_map(x), as_map(weight), padding=1)
    kept = F.conv2d(as_map(x), as_map(weight), padding=1, stride=2)
    assert numbers(drawn["conv_reduce"]) == tally(x, weight, everywhere, kept)


def test_reformulation_shows_what_pytorch_computes(build, drawn):
    example = build.load("example")
    x, first, following = (as_map(t) for t in (example.SIGNAL, example.FIRST, example.NEXT))
    y_m, y_s = F.conv1d(x, first, padding=1), F.conv1d(x, first, padding=1, stride=2)
    y_d = y_m
    for _ in range(example.N):
        y_d, y_s = F.conv1d(y_d, following, padding=2, dilation=2), F.conv1d(y_s, following, padding=1)
    y_m0 = y_m[..., ::2]
    assert numbers(drawn["reformulation"]) == tally(x, first, y_m, y_m, y_m0, following, y_d, y_d, y_s)


def test_the_fitted_h_of_the_symbol_map_is_exact_on_phase_0_only(build, drawn):
    """With the figures' small numbers h = (3, 0, 1); y misses y_d by 1 in every pixel of phase 1."""
    example = build.load("example")
    x, first, following = (as_map(t) for t in (example.SIGNAL, example.FIRST, example.NEXT))
    y_m = F.conv1d(x, first, padding=1)
    y_d = y_m
    for _ in range(example.N):
        y_d = F.conv1d(y_d, following, padding=2, dilation=2)
    h = torch.tensor([[[3.0, 0.0, 1.0]]], dtype=torch.float64)
    y = torch.stack([F.conv1d(y_m[..., k::2], h, padding=1) for k in range(2)], dim=-1).flatten()
    assert (y - y_d.flatten()).abs().tolist() == [0, 1, 0, 1, 0, 1]
    texts = [text.get_text() for text in drawn["symbols"].axes[0].texts]
    strips = ["".join(texts[i : i + n]) for n in (3, 6) for i in range(len(texts) - n + 1)]
    assert "301" in strips
    assert "".join(str(int(value)) for value in y) in strips


@pytest.mark.parametrize(
    ("weights", "values", "text"),
    [([1, -1, 2], [2, 0, 3], "1·2 − 1·0 + 2·3 = 8"), ([-2, 1, 1], [1, 1, 0], "− 2·1 + 1·1 + 1·0 = −1")],
)
def test_a_worked_sum_is_right(build, weights, values, text):
    assert build.load("example").worked_sum(torch.tensor(weights), torch.tensor(values)) == text


def test_check_fails_when_a_stored_figure_is_stale(build, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(build, "HERE", tmp_path)
    monkeypatch.setattr("sys.argv", ["build.py", "conv_reduce", "--check"])
    assert build.main() == 1
    assert "run python figures/build.py conv_reduce" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["build.py", "conv_reduce"])
    assert build.main() == 0
    monkeypatch.setattr("sys.argv", ["build.py", "conv_reduce", "--check"])
    assert build.main() == 0


def test_what_is_learned_counts_the_places_that_each_map_holds_and_the_work_of_the_cost_room(build, drawn):
    axes = drawn["what_is_learned"].axes[0]
    texts = [text.get_text() for text in axes.texts]
    assert [text for text in texts if text.endswith(" of 16")] == ["16 of 16", "4 of 16", "1 of 16"]
    arrows = Counter(patch.get_gid() for patch in axes.patches if str(patch.get_gid()).startswith("arrow"))
    assert set(arrows) == {"arrow exact", "arrow approximate", "arrow learned"} and min(arrows.values()) >= 4
    assert "the dilated twin, not run: 107 instead of 28 GMAC" in texts and "JPU, 30 GMAC" in texts
