"""The bill as a figure: lengths are the numbers, and only what was measured is marked."""

import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from jpu_edu.draw import ledger, style


def bill(name, gmac, kept, ratio=None, paper=None):
    return {"name": name, "gmac": gmac, "params": 1.0, "kept_mib": kept, "ratio": ratio, "paper": paper}


BILLS = [[bill("Net dilated", 100.0, 400.0, 1.0), bill("Net + JPU", 40.0, 300.0, 2.5, 2.0), bill("Other", 25.0, 100.0)]]


def markers(axes):
    return [(line.get_marker(), round(line.get_xdata()[0], 3)) for line in axes.lines if line.get_marker() != "None"]


def test_a_bars_length_is_its_share_of_the_longest():
    axes = ledger.draw_ledger(BILLS).axes[0]
    bars = [patch.get_width() for patch in axes.patches if isinstance(patch, Rectangle) and patch.get_height() == 15]
    work, kept = bars[0::2], bars[1::2]
    assert [width / work[0] for width in work] == pytest.approx([1, 0.4, 0.25])
    assert [width / kept[0] for width in kept] == pytest.approx([1, 0.75, 0.25])


def test_only_what_was_measured_is_marked_and_in_its_place():
    axes = ledger.draw_ledger(BILLS).axes[0]
    legend = {(m, x) for m, x in markers(axes) if x in (ledger.TIME[0] + 5, ledger.TIME[0] + 84)}
    left, right = ledger.TIME
    assert set(markers(axes)) - legend == {("o", right), ("D", left + (right - left) * 2.0 / 2.5)}


def test_the_dilated_network_has_the_colour_of_y_d_and_the_jpu_the_pattern_of_y():
    axes = ledger.draw_ledger(BILLS).axes[0]
    dilated, _, jpu, *_ = (patch for patch in axes.patches if isinstance(patch, Rectangle) and patch.get_height() == 15)
    assert to_hex(dilated.get_facecolor()).upper() == style.Y_D
    assert jpu.get_hatch() == style.Y_HATCH and dilated.get_hatch() is None


def test_no_bills_are_refused():
    with pytest.raises(ValueError, match="no bills"):
        ledger.draw_ledger([])


def test_a_file_is_whole_or_not_there(tmp_path):
    ledger.save_ledger(BILLS, str(tmp_path / "bill.png"))
    assert (tmp_path / "bill.png").read_bytes()[:4] == b"\x89PNG"
    with pytest.raises(ValueError, match="nonsense"):
        ledger.save_ledger(BILLS, str(tmp_path / "bill.nonsense"))
    with pytest.raises(OSError):
        ledger.save_ledger(BILLS, str(tmp_path / "nowhere" / "bill.png"))
    assert [path.name for path in tmp_path.iterdir()] == ["bill.png"]
