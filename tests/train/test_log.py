"""The log: one line a record, and no step twice."""

import pytest

from jpu_edu.train.log import NAME, add, curve, cut, read_log


def test_a_resumed_log_drops_the_steps_that_will_be_taken_again(tmp_path):
    cut(tmp_path, 0)
    for step in range(1, 6):
        add(tmp_path, {"step": step, "loss": step / 2})
    add(tmp_path, {"step": 4, "miou": 0.5})
    cut(tmp_path, 4)
    add(tmp_path, {"step": 5, "loss": 9.0})
    assert [record["step"] for record in read_log(tmp_path)] == [1, 2, 3, 4, 4, 5]
    assert curve(read_log(tmp_path), "loss") == ([1, 2, 3, 4, 5], [0.5, 1.0, 1.5, 2.0, 9.0])
    assert curve(read_log(tmp_path), "miou") == ([4], [0.5])


def test_a_line_that_was_cut_off_is_left_out(tmp_path):
    add(tmp_path, {"step": 1, "loss": 1.0})
    with (tmp_path / NAME).open("a") as file:
        file.write('{"step": 2, "lo')
    assert read_log(tmp_path) == [{"step": 1, "loss": 1.0}]
    cut(tmp_path, 1)
    add(tmp_path, {"step": 2, "loss": 2.0})
    assert [record["step"] for record in read_log(tmp_path)] == [1, 2]


def test_a_folder_without_a_log_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="name the folder of a run"):
        read_log(tmp_path)


def test_rubbish_in_a_log_is_left_out(tmp_path):
    (tmp_path / NAME).write_bytes(b'{"step": 1}\n{"st\n\xff\xfe\n[]\n{"loss": 2}\n')
    assert read_log(tmp_path) == [{"step": 1}]
