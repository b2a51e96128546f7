"""The benchmark compares like with like: the official form gives the same scores, and the bills are the reference's."""

import argparse
import json
from pathlib import Path

import pytest
import torch

from jpu_edu.bench import networks, speed
from jpu_edu.bench.ledger import GROUPS, PAPER_RATIO, count, ledger, table
from jpu_edu.bench.networks import Target
from jpu_edu.bench.official import Official, SpelledOutEncoding
from jpu_edu.layers.blocks import DepthwiseConv
from jpu_edu.layers.encoding import Encoding
from jpu_edu.models.build import fastfcn


def run(*options: str) -> int:
    parser = argparse.ArgumentParser()
    networks.add_arguments(parser)
    return networks.main(parser.parse_args(options))


def test_the_official_form_is_the_same_function_in_another_form() -> None:
    model = fastfcn(classes=5, backbone="tiny").double().eval()
    official, x = Official(model), torch.randn(2, 3, 65, 97, dtype=torch.float64)
    got, want = official(x), model(x, aux=True)
    for name in ("logits", "aux", "se"):
        torch.testing.assert_close(getattr(got, name), getattr(want, name), atol=1e-10, rtol=1e-10)
    assert not any(isinstance(m, Encoding | DepthwiseConv) for m in official.modules())
    assert any(isinstance(m, Encoding) for m in model.modules()), "the model itself is left alone"
    for mine, theirs in zip(official.parameters(), model.parameters(), strict=True):
        assert mine is not theirs and torch.equal(mine, theirs)


def test_the_spelled_out_encoding_has_the_same_gradients() -> None:
    layer, x = Encoding(6, 4).double(), torch.randn(2, 6, 5, 3, dtype=torch.float64, requires_grad=True)
    leaves = [x, layer.codewords, layer.scale]
    weight = torch.randn(2, 4, 6, dtype=torch.float64)
    ours, theirs = (torch.autograd.grad((m(x) * weight).sum(), leaves) for m in (layer, SpelledOutEncoding(layer)))
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, atol=1e-12, rtol=1e-10)


@pytest.mark.parametrize(
    ("name", "gmac", "kept"),
    [("FCN-50 dilated", 145.5, 1079), ("FCN-50 + JPU", 97.2, 893), ("EncNet-50 dilated", 146.6, 1112),
     ("EncNet-50 + JPU", 63.9, 926), ("PSP-50 dilated", 184.2, 1144), ("DeepLabv3-50 + JPU", 122.4, 945),
     ("EncNet-101 dilated", 224.2, 1929), ("EncNet-101 + JPU", 83.3, 1131)],
)  # fmt: skip
def test_the_counted_part_of_the_ledger_is_the_references(name: str, gmac: float, kept: int) -> None:
    (make,) = (group[name] for group in GROUPS.values() if name in group)
    bill = count(name, make, size=512)
    assert round(bill.gmac, 1) == gmac
    assert bill.kept_mib == pytest.approx(kept, abs=1.0)


def test_each_group_begins_with_its_dilated_network_and_the_papers_ratios_have_a_row() -> None:
    names = [name for group in GROUPS.values() for name in group]
    assert all(next(iter(group)).endswith(" dilated") for group in GROUPS.values())
    assert len(names) == len(set(names))
    assert set(PAPER_RATIO) <= set(names)


def test_a_network_that_was_not_timed_has_no_time_in_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jpu_edu.bench.ledger.GROUPS", {"EncNet-101": GROUPS["EncNet-101"]})
    bills = ledger(size=64, repeats=1, timed=())
    assert [b.name for b in bills] == list(GROUPS["EncNet-101"])
    line = next(text for text in table(bills).splitlines() if text.startswith("EncNet-101 + JPU"))
    assert line.split()[-3:] == ["-", "-", "3.05"]


def test_the_fused_network_peaks_below_the_target_at_full_size() -> None:
    peaks = speed.peak_mib(size=512)
    assert peaks["fused"] <= 0.45 * peaks[speed.OFFICIAL]
    assert peaks["fused, labels"] <= peaks["fused"]


@pytest.mark.parametrize(
    ("target", "verdict"),
    [(Target(1, "x", 1.8, 1.7), "reached"), (Target(1, "x", 1.6, 1.7), "missed"),
     (Target(7, "x", 0.4, 0.45, most=True), "reached"), (Target(7, "x", 0.5, 0.45, most=True), "missed"),
     (Target(2, "x", None, 4.5, why=networks.NO_BFLOAT16), networks.NO_BFLOAT16)],
)  # fmt: skip
def test_a_target_is_reached_missed_or_not_measured(target: Target, verdict: str) -> None:
    assert target.verdict == verdict
    assert target.line().endswith(verdict)


@pytest.mark.parametrize("power", [0.5, 1.0, 1.5])
def test_the_slope_is_the_exponent(power: float) -> None:
    assert speed.slope({size: 3e-6 * (size**2) ** power for size in (256, 512, 1024)}) == pytest.approx(power, abs=1e-5)


@pytest.mark.parametrize(("found", "has"), [({"amx_bf16": True}, True), ({"avx2": True, "avx512_bf16": False}, False)])
def test_bfloat16_is_timed_where_the_processor_multiplies_it(
    monkeypatch: pytest.MonkeyPatch, found: dict, has: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found)
    assert speed.has_bfloat16() is has


def test_a_run_prints_verdicts_and_writes_the_numbers_with_the_machine(tmp_path: Path, capsys) -> None:
    path = tmp_path / "bench.json"
    assert run("--only", "encoding", "--size", "128", "--repeats", "1", "--json", str(path)) == 0
    printed, record = capsys.readouterr().out, json.loads(path.read_text())
    assert "Encoding, forward, every residual / two products >= 10" in printed
    assert "this run was smaller" in printed
    assert record["machine"]["torch"] == torch.__version__
    assert {t["number"] for t in record["targets"]} == {3}
    assert record["encoding"]["kept_mib"][speed.OFFICIAL] > 30 * record["encoding"]["kept_mib"]["two products"]


def test_options_that_make_no_sense_are_refused(capsys) -> None:
    assert run("--size", "32") == 2
    assert "--size 32; it must be at least 64" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run("--only", "nothing")
    assert "choose from" in capsys.readouterr().err


def test_the_weights_neither_grow_nor_shrink() -> None:
    """Timings on infinities would be timings of another arithmetic."""
    with torch.no_grad():
        logits = speed.network(aux=False)(torch.randn(1, 3, 64, 64)).logits
    assert logits.isfinite().all() and logits.abs().max() < 100
