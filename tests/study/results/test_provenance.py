import json
import subprocess

import pytest

from study.results.machine import git_state
from study.results.provenance import Session, add_computation, hours_of_sessions, read_provenance
from tests.helpers import tiny_data

NODES = [{"host": "here", "cpu": "a CPU", "cores": 2, "memory_gib": 8.0, "gpus": []}]


def test_every_session_is_kept(tmp_path):
    file, data = tmp_path / "provenance.json", tiny_data(validation=30)
    first, second = Session(file), Session(file)
    first.begin(data, "float32", "first", NODES)
    assert json.loads(file.read_text())["sessions"][0]["outcome"] == "running"
    first.end("interrupted")
    second.begin(data, "float32", "second", NODES)
    second.end("completed")
    content = json.loads(file.read_text())
    assert content["data"]["validation"] == 30
    assert content["precision"] == "float32"
    assert [(s["command"], s["outcome"]) for s in content["sessions"]] == [
        ("first", "interrupted"),
        ("second", "completed"),
    ]
    assert all(s["started"] <= s["ended"] for s in content["sessions"])
    assert content["sessions"][0]["hardware"] == {"nodes": NODES}


def test_no_file_is_no_provenance(tmp_path):
    assert read_provenance(tmp_path / "provenance.json") is None
    Session(tmp_path / "provenance.json").end("completed")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", ["", "{", "[]", '{"sessions": []}'])
def test_a_file_of_something_else_is_an_error_that_names_it(tmp_path, content):
    file = tmp_path / "provenance.json"
    file.write_text(content)
    with pytest.raises(ValueError, match=r"provenance\.json"):
        read_provenance(file)


def test_the_state_of_a_checkout(tmp_path):
    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        subprocess.run(["git", "-C", str(tmp_path), *identity, *arguments], check=True, capture_output=True)

    file, nothing = tmp_path / "a.py", {"commit": None, "dirty": None}
    file.write_text("1")
    assert git_state(file) == nothing
    git("init")
    assert git_state(file) == nothing  # installed into an environment within somebody's repository
    git("add", "a.py")
    git("commit", "-m", "a")
    clean = git_state(file)
    assert len(clean["commit"]) == 40
    assert clean["dirty"] is False
    file.write_text("2")
    assert git_state(file) == clean | {"dirty": True}


def test_how_a_session_computes_is_noted_once(tmp_path):
    file = tmp_path / "provenance.json"
    Session(file).begin(tiny_data(), "float32", "study.run", [])
    for backend in ("kernels", "PyTorch", "kernels"):
        add_computation(file, {"backend": backend})
    content = read_provenance(file)
    assert content is not None
    assert content["sessions"][-1]["computation"] == [{"backend": "kernels"}, {"backend": "PyTorch"}]


def test_a_session_that_never_began_ends_no_other(tmp_path):
    file = tmp_path / "provenance.json"
    first = Session(file)
    first.begin(tiny_data(), "float32", "first", NODES)
    first.end("completed")
    whole = file.read_bytes()
    Session(file).end("interrupted")  # Ray died as it started
    assert file.read_bytes() == whole


def test_a_clock_that_was_set_makes_no_time(tmp_path):
    """Of a session that ended, a clock that nobody sets tells; of one that was killed, at least no negative time."""
    file, table = tmp_path / "provenance.json", tmp_path / "trials.parquet"
    for outcome in ("completed", "running"):
        session = Session(file)
        session.begin(tiny_data(), "float32", "study.run", NODES)
        if outcome == "completed":
            session.end(outcome)
    table.touch()
    content = json.loads(file.read_text())
    for each, year in zip(content["sessions"], ("1999", "2999"), strict=True):
        each["started"] = f"{year}{each['started'][4:]}"
    file.write_text(json.dumps(content))
    assert 0 <= hours_of_sessions(file, table) < 1
