"""The table of classes of a folder: four forms of lines, and what is wrong with others."""

import pytest

from jpu_edu.data.classes import VOID, distinct_colours
from jpu_edu.data.table import read_classes
from tests.data import tiny


def read(tmp_path, *lines):
    return read_classes(tiny.text(tmp_path / "classes.txt", *lines))


def test_convention_read_classes_takes_colours_only_where_lines_have_no_numbers(tmp_path):
    classes, ids, colours = read(tmp_path, "sky 1 2 3", "void 0 0 0", "traffic light, 4, 5, 6")
    assert classes.names == ("sky", "traffic light") and classes.colours == ((1, 2, 3), (4, 5, 6))
    assert ids == {} and colours == {(1, 2, 3): 0, (0, 0, 0): VOID, (4, 5, 6): 1}

    classes, ids, colours = read(tmp_path, "7 sky 1 2 3", "9 road 4 5 6", "0 void 9 9 9")
    assert classes.colours == ((1, 2, 3), (4, 5, 6)) and classes.void == (9, 9, 9)
    assert ids == {7: 0, 9: 1, 0: VOID, 255: VOID} and colours is None


def test_lines_without_numbers_count_from_0_and_get_colours(tmp_path):
    classes, ids, colours = read(tmp_path, "# mine", "sky", "void", "road  # grey")
    assert classes.names == ("sky", "road") and colours is None
    assert ids == {0: 0, 1: VOID, 2: 1, 255: VOID}
    assert set(classes.colours) <= set(distinct_colours(3))


def test_255_is_a_class_when_the_table_says_so(tmp_path):
    assert read(tmp_path, "0 background", "255 leaf")[1] == {0: 0, 255: 1}


def test_several_lines_may_be_void(tmp_path):
    classes, _, colours = read(tmp_path, "void 0 0 0", "road 1 1 1", "void 2 2 2")
    assert classes.names == ("road",) and colours == {(0, 0, 0): VOID, (1, 1, 1): 0, (2, 2, 2): VOID}


def test_a_byte_order_mark_and_letters_beyond_ascii_are_read(tmp_path):
    (tmp_path / "classes.txt").write_bytes("Straße 1 2 3\r\nдом 4 5 6\r\n".encode("utf-8-sig"))
    assert read_classes(tmp_path / "classes.txt")[0].names == ("Straße", "дом")


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["sky 1 2 3", "road"], "'sky' and 'road' are of different forms; write all lines as"),
        (["sky 1 2 3", "2 road 1 2 3"], "different forms"),
        (["sky 1 2 3", "road 1 2 3"], r"\(1, 2, 3\) stands for 'sky' and for another"),
        (["1 sky", "1 road"], "1 stands for 'sky' and for another"),
        (["sky 1 2 3", "sky 1 2 4"], "'sky' stands there twice"),
        (["sky 1 2 256"], r"'sky' has colour \(1, 2, 256\)"),
        (["300 sky"], "number 300; a label picture of 8 bits holds 0 to 255"),
        (["# nothing"], "0 classes"),
        (["void 0 0 0"], "0 classes"),
    ],
)
def test_a_bad_table_is_named_with_what_is_wrong(tmp_path, lines, words):
    with pytest.raises(ValueError, match=words) as caught:
        read(tmp_path, *lines)
    assert "classes.txt" in str(caught.value)


def test_a_missing_table_says_what_to_write(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"classes\.txt: no such file; write one class a line, such as: road"):
        read_classes(tmp_path / "classes.txt")


def test_a_line_that_would_take_minutes_is_refused(tmp_path):
    (tmp_path / "classes.txt").write_text("a" + " " * 100_000 + "b")
    with pytest.raises(ValueError, match="a line of 100002 characters; write one class a line"):
        read_classes(tmp_path / "classes.txt")
