"""Files are written whole or not at all, and what the system refuses is said with the remedy."""

import json

import pytest

from jpu_edu.data.files import access, write_json, written_whole


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "new" / "a.txt"
    with written_whole(path) as half:
        half.write_text("first")
        assert not path.exists()
    with pytest.raises(RuntimeError), written_whole(path) as half:
        half.write_text("sec")
        raise RuntimeError
    assert path.read_text() == "first" and [p.name for p in path.parent.iterdir()] == ["a.txt"]


def test_a_record_is_written_whole_or_not_at_all(tmp_path):
    path = write_json(tmp_path / "new" / "a.json", {"x": [1, 2.5]})
    assert json.loads(path.read_text()) == {"x": [1, 2.5]}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"x": float("nan")})
    assert json.loads(path.read_text()) == {"x": [1, 2.5]} and [p.name for p in path.parent.iterdir()] == ["a.json"]


def test_what_the_system_says_gets_the_path_and_the_remedy(tmp_path):
    (tmp_path / "file").write_text("kept")
    nowhere = pytest.raises(OSError, match=r"file/a.png: cannot be written \(.*\); name a place where you may write")
    with nowhere, written_whole(tmp_path / "file" / "a.png"):
        pytest.fail("there is nowhere to write")
    with pytest.raises(IsADirectoryError, match=r"cannot be read .* allow it to you"), access(tmp_path, "read"):
        tmp_path.read_bytes()
    with pytest.raises(OSError, match=r"^words of ours$"), access(tmp_path, "read"):
        raise OSError("words of ours")
