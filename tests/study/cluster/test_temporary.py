import json
import subprocess
import sys
from dataclasses import asdict

import pytest

from study.cluster import temporary
from study.cluster.temporary import NoFolderError, base_folder, ray_folder
from study.process.locking import Owner


def test_the_environments_folder_is_used_where_it_will_do(tmp_path, monkeypatch):
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.delenv("TMPDIR", raising=False)
    assert base_folder() == (temporary.Path("/tmp"), None)
    monkeypatch.setenv("TMPDIR", "/var/tmp")
    assert base_folder() == (temporary.Path("/var/tmp"), None)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("RAY_TMPDIR", "/tmp/" + "a" * 90, "is no folder"),
        ("TMPDIR", "/nowhere", r"TMPDIR \(/nowhere\) is no folder: Ray uses /tmp instead"),
        ("TMPDIR", ".", "is no absolute path"),
        ("RAY_TMPDIR", None, "RAY_TMPDIR .* is too long for Ray's sockets"),
    ],
)
def test_another_is_used_where_it_will_not_and_why_is_said(tmp_path, monkeypatch, name, value, words):
    monkeypatch.delenv("TMPDIR", raising=False)
    if value is None:
        value = str(tmp_path / ("é" * 20))
        temporary.Path(value).mkdir()
    monkeypatch.setenv(name, value)
    folder, reason = base_folder()
    assert folder == temporary.Path("/tmp")
    with pytest.raises(ValueError, match=words):
        raise ValueError(reason)


def test_no_folder_will_do(tmp_path, monkeypatch):
    monkeypatch.setattr(temporary, "_LONGEST", 1)
    with pytest.raises(NoFolderError, match="set RAY_TMPDIR to a short folder"):
        base_folder()


def test_the_longest_folder_that_is_taken_leaves_room_for_rays_sockets():
    longest = "/" + "a" * (temporary._LONGEST - 1)
    path = f"{longest}/rs-12345678/session_2026-11-27_20-54-08_629649_4194304/sockets/plasma_store"
    assert len(path) == temporary.LONGEST_SOCKET


def test_what_killed_processes_left_is_removed_and_nothing_else(tmp_path):
    gone = subprocess.run(
        [
            sys.executable,
            "-c",
            "import json, dataclasses, study.process.locking as l\n"
            "print(json.dumps(dataclasses.asdict(l.Owner.this_process())))",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name, owner in (("rs-gone", gone), ("rs-alive", json.dumps(asdict(Owner.this_process()))), ("rs-other", "")):
        (tmp_path / name / "session").mkdir(parents=True)
        (tmp_path / name / "owner.json").write_text(owner)
    with ray_folder(tmp_path) as folder:
        assert folder.is_dir()
        assert not (tmp_path / "rs-gone").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"rs-alive", "rs-other"}
