"""A machine that is short of memory: Ray ends workers before the kernel does, or the kernel does."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest

from tests.faults.processes import below
from tests.study.commands import SMALL, run, start, wait_for_epoch, write_space
from tests.study.undisturbed import LONG, computed, numbers_of_long

CGROUPS = Path("/sys/fs/cgroup")


@pytest.fixture
def no_memory() -> Iterator[Path]:
    """A control group whose processes may use no memory beyond what they have; the kernel kills the one that does."""
    below, limit = CGROUPS / "memory", "memory.limit_in_bytes"
    if not below.is_dir():  # version 2
        below, limit = CGROUPS, "memory.max"
    group = below / f"residual-study-{os.getpid()}"
    try:
        group.mkdir()
    except OSError:
        pytest.skip("control groups cannot be made here")
    try:
        if not (group / limit).exists():
            pytest.skip("there is no control group of memory here")
        (group / limit).write_text(str(2**20))
        yield group
    finally:
        deadline = time.monotonic() + 30
        while (group / "cgroup.procs").read_text() and time.monotonic() < deadline:
            time.sleep(0.1)  # what was killed is not gone at once
        group.rmdir()


@pytest.mark.slow
def test_what_ray_ended_for_want_of_memory_says_so_and_what_to_do(tmp_path):
    """Ray's monitor with a threshold that the machine is above already."""
    space = write_space(tmp_path, SMALL)
    low = {"RAY_memory_usage_threshold": "0.01", "RAY_memory_monitor_refresh_ms": "100"}
    ended = run(space, "--no-report", **low)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "seeds 0-1 failed: out of memory: Ray ended the process" in ended.stdout
    assert "--resume --set resources.cpus=2, or smaller packs: --set resources.pack=1)" in ended.stdout
    assert "to try the failed runs again: " in ended.stdout.splitlines()[-1]
    assert "Traceback" not in ended.stdout + ended.stderr
    again = run(space, "--no-report", "--resume", "--set", "resources.cpus=2")
    assert again.returncode == 0, again.stdout + again.stderr
    assert set(pd.read_parquet(tmp_path / "results" / "small" / "trials.parquet")["state"]) == {"completed"}


@pytest.mark.slow
def test_what_the_kernel_kills_for_want_of_memory_says_so_and_goes_on_to_the_undisturbed_numbers(tmp_path, no_memory):
    space, results = write_space(tmp_path, LONG), tmp_path / "results" / "small"
    with start(space, "--no-report") as process:
        wait_for_epoch(results, 1, process)
        while process.poll() is None:
            for worker in below(process.pid):
                if worker.name.startswith("ray::Resource"):
                    with suppress(OSError):
                        (no_memory / "cgroup.procs").write_text(str(worker.pid))
            time.sleep(0.1)
        out, err = process.communicate()
    assert process.returncode == 1, out + err
    assert "seed 0 failed: the process was killed, perhaps by the kernel for want of memory" in out
    assert "Fewer processes at once need less (--resume --set resources.cpus=2)" in out
    assert "to try the failed runs again: " in out.splitlines()[-1]
    assert "Traceback" not in out + err
    with start(space, "--no-report", "--resume") as process:
        wait_for_epoch(results, 5, process)
        (no_memory / "cgroup.procs").write_text(str(process.pid))
        process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    last = run(space, "--no-report", "--resume")
    assert last.returncode == 0, last.stderr
    assert computed(results) == numbers_of_long()
