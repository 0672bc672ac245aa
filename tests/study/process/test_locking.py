"""Locks between real processes, on a file system with locks and on one without."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from study.process.locking import HeldError, Lock, Owner, hold
from tests.study.commands import ROOT

# Takes the lock of the file it is given, says how that went, and keeps it until its standard input ends.
TAKE = """
import logging, sys
from pathlib import Path
from study.process.locking import HeldError, Lock
logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
lock = Lock(Path(sys.argv[1]))
try:
    lock.take()
    print("taken", flush=True)
    sys.stdin.read()
    lock.release()
except HeldError as error:
    print("held by", error, flush=True)
"""
# flock as a file system without locks has it.
NO_LOCKS = "#include <errno.h>\nint flock(int file, int operation) { errno = %s; return -1; }\n"


@contextmanager
def taker(file: Path, preload: Path | None) -> Iterator[subprocess.Popen[str]]:
    environment = dict(os.environ) | ({"LD_PRELOAD": str(preload)} if preload else {})
    process = subprocess.Popen(
        [sys.executable, "-c", TAKE, str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment | {"PYTHONPATH": str(ROOT)},
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.fixture(params=["locks", "ENOLCK", "ENOSYS"])
def preload(request, tmp_path) -> Path | None:
    """A library that takes locks away from the processes that load it."""
    if request.param == "locks":
        return None
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("a file system without locks is made with a C compiler, on Linux")
    source, library = tmp_path / "nolocks.c", tmp_path / "nolocks.so"
    source.write_text(NO_LOCKS % request.param)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True)
    return library


def test_one_process_has_it_until_it_ends_or_is_killed(tmp_path, preload):
    file = tmp_path / "results" / ".lock"
    file.parent.mkdir()
    with taker(file, preload) as first:
        if preload:
            assert f"{file.parent}: this file system has no locks (" in said(first)
        assert said(first) == "taken"
        with taker(file, preload) as second:
            assert f"held by process {first.pid} on " in said(second)
        os.kill(first.pid, signal.SIGKILL)  # and nobody waits for it yet: a zombie holds nothing
        os.waitid(os.P_PID, first.pid, os.WEXITED | os.WNOWAIT)
        with taker(file, preload) as third:
            assert "taken" in (said(third), said(third) if preload else "")
            third.communicate("", timeout=60)
        with taker(file, preload) as fourth:
            assert "taken" in (said(fourth), said(fourth) if preload else "")
    assert {path.name for path in file.parent.iterdir()} <= {".lock", ".lock.owner"}


def test_within_a_process_it_is_held_once_too(tmp_path):
    with hold(tmp_path / "lock"), pytest.raises(HeldError, match=f"process {os.getpid()} on"):
        Lock(tmp_path / "lock").take()
    with hold(tmp_path / "lock"):
        pass


def test_a_lock_whose_file_was_removed_is_another_lock(tmp_path):
    file = tmp_path / "lock"
    with hold(file):
        file.unlink()
        with hold(file):
            assert file.exists()


def test_who_is_gone():
    this = Owner.this_process()
    assert not this.is_gone()
    assert not Owner("elsewhere", this.pid, this.boot, this.born, "").is_gone()  # nobody here can tell
    if sys.platform.startswith("linux"):
        assert Owner(this.host, this.pid, this.boot, "1", "").is_gone()  # another process has its number now
        start, processes = this.boot.split()
        assert Owner(this.host, this.pid, f"another-start {processes}", this.born, "").is_gone()
        assert not Owner(this.host, this.pid, f"{start} another-container", this.born, "").is_gone()


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"host": 1}', "\x00"])
def test_a_file_that_names_nobody(tmp_path, content):
    (tmp_path / "owner").write_text(content)
    assert Owner.read(tmp_path / "owner") is None
    assert Owner.read(tmp_path / "none") is None
