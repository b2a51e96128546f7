"""Lines in a log file, a bar on a terminal."""

import io
import sys
import time

from jpu_edu.train import progress


def test_a_log_file_gets_lines_at_intervals_and_no_returns(monkeypatch, capsys):
    monkeypatch.setattr(progress, "EVERY", 0.2)
    with progress.bar(total=50, initial=10, unit="step") as bar:
        for _ in range(40):
            time.sleep(0.01)
            bar.set_postfix({"loss": "1.234"}, refresh=False)
            bar.update()
    text = capsys.readouterr().err
    lines = text.split("\n")
    assert lines[0] == "step 10 of 50, 00:00 gone, ? left" and lines[-3].startswith("step 50 of 50, 00:0")
    assert 3 <= len(lines) - 2 <= 12, "not a line a step"
    assert all(line.endswith(" left, loss=1.234") for line in lines[1:-2])
    assert "\r" not in text and "%" not in text


def test_a_terminal_gets_a_bar_that_is_drawn_over(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    with progress.bar(total=3, unit="step") as bar:
        bar.update(3)
    assert "\r100%|" in sys.stderr.getvalue()
