"""What `examine` counts. What it finds wrong is listed by the command: see tests/commands/test_data.py."""

from jpu_edu.data import check, readers
from tests.data import tiny


def test_shares_and_images_are_counted_over_all_pixels_with_void(tmp_path):
    root = tiny.camvid(tmp_path, splits=("train",))
    tiny.labels(root / "trainannot" / "a.png", tiny.ramp(0, 0, 0, 11))
    tiny.labels(root / "trainannot" / "b.png", tiny.ramp(0, 2, 11, 11))
    report = check.examine(readers.camvid(root))
    assert report.names[0] == "sky" and report.names[-1] == "void"
    assert [report.shares[k] for k in (0, 1, 2, -1)] == [0.5, 0, 0.125, 0.375]
    assert [report.images[k] for k in (0, 1, 2, -1)] == [2, 0, 1, 2]
    assert report.sizes == {"6 x 8": 2} and report.problems == [] and report.readable == [0, 1]


def test_void_is_counted_apart_from_every_class(tmp_path):
    """With 150 classes too, where 149 and 255 are far apart."""
    report = check.examine(readers.ade20k(tiny.ade20k(tmp_path)))
    assert len(report.pixels) == 151 and report.pixels[149] == report.pixels[-1] == tiny.H * tiny.W // 3
