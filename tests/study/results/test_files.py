import json
import os
import stat

import pytest

from study.results.files import append_lines, read_lines, replacing, write_json, write_text


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    file = tmp_path / "a.json"
    write_json(file, {"a": 1})
    with pytest.raises(TypeError):
        write_json(file, {"a": object()})
    with pytest.raises(UnicodeEncodeError):
        write_text(file, "\ud800")
    assert file.read_text() == '{\n  "a": 1\n}\n'
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_name_that_is_no_unicode_text_can_be_written_as_json(tmp_path):
    write_json(tmp_path / "a.json", {"class": "\udcff"})
    assert json.loads((tmp_path / "a.json").read_text()) == {"class": "\udcff"}


def test_others_may_read_what_the_umask_allows(tmp_path):
    with replacing(tmp_path / "a") as temporary:
        temporary.write_text("x")
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o666 & ~umask


def test_lines_are_added_and_read_back(tmp_path):
    file = tmp_path / "a.jsonl"
    append_lines(file, [{"n": 1}])
    append_lines(file, [{"n": 2}, {"n": 3}])
    assert read_lines(file) == ([{"n": 1}, {"n": 2}, {"n": 3}], [])
    assert read_lines(tmp_path / "none") == ([], [])


def test_a_torn_last_line_is_left_out_and_the_next_starts_a_line_of_its_own(tmp_path):
    file = tmp_path / "a.jsonl"
    append_lines(file, [{"n": 1}, {"n": 2}])
    whole = file.read_bytes()
    for cut in range(len(whole)):
        file.write_bytes(whole[:cut])
        append_lines(file, [{"n": 9}])
        assert [line["n"] for line in read_lines(file)[0]] in ([9], [1, 9], [1, 2, 9])


def test_a_value_that_standard_json_cannot_hold_is_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        append_lines(tmp_path / "a.jsonl", [{"n": 1}, {"n": float("nan")}])
    assert not (tmp_path / "a.jsonl").exists()


def test_a_file_is_not_made_where_its_folder_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError):
        append_lines(tmp_path / "nowhere" / "a.jsonl", [{"n": 1}])
