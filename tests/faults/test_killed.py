"""One study whose parts are killed one after the other: nothing is lost, left over or puzzling."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from tests.faults.processes import Seen, below, left_after, listening
from tests.study.commands import epoch_lines, run, start, wait_for_epoch, write_space
from tests.study.undisturbed import LONG, computed, numbers_of_long

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are looked for in /proc")


@pytest.fixture
def short() -> Iterator[Path]:
    """A temporary folder short enough for Ray's sockets."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="t") as folder:
        yield Path(folder)


LOOPBACK = "0100007F"  # 127.0.0.1, also as part of an address of IPv6

Strike = Callable[[subprocess.Popen[str], list[Seen]], None]


def kill(name: str) -> Strike:
    def strike(process: subprocess.Popen[str], seen: list[Seen]) -> None:
        (pid,) = (each.pid for each in seen if each.name == name)
        os.kill(pid, signal.SIGKILL)

    return strike


def end_group(process: subprocess.Popen[str], seen: list[Seen]) -> None:
    os.killpg(process.pid, signal.SIGTERM)


# Who is struck, by what, and how the session ends.
STRIKES: list[tuple[Strike, int, str]] = [
    (kill("raylet"), 3, r"the session broke off: Ray's raylet died, .* To go on: .* --resume\n\Z"),
    (end_group, 130, r"interrupted; what was trained is kept. To go on: .* --resume\n\Z"),
    (kill("gcs_server"), 3, r"the session broke off: Ray's gcs_server died, .* To go on: .* --resume\n\Z"),
    (lambda process, _: process.send_signal(signal.SIGHUP), 130, r"interrupted; .* To go on: .* --resume\n\Z"),
    (lambda process, _: process.kill(), -signal.SIGKILL, ""),
]


@pytest.mark.slow
def test_a_study_that_is_struck_again_and_again_ends_with_the_undisturbed_numbers(tmp_path, short):
    # Enough epochs for every strike to find some left, however fast the machine is.
    space = write_space(tmp_path, LONG.replace("epochs: 30", "epochs: 80"))
    results = tmp_path / "results" / "small"
    for strike, status, last_words in STRIKES:
        done = max((row["epoch"] for row in epoch_lines(results, "0000")), default=0)
        with start(space, "--no-report", "--resume", TMPDIR=str(short)) as process:
            wait_for_epoch(results, done + 2, process)
            seen = below(process.pid)
            addresses = listening([process.pid, *(each.pid for each in seen)])
            assert addresses
            assert all(address.endswith(LOOPBACK) for address in addresses), addresses
            strike(process, seen)
            out, err = process.communicate(timeout=120)
            assert process.returncode == status, out + err
            assert re.search(last_words, out), out
            assert "Traceback" not in out + err
            assert left_after(10, seen) == []
            assert list(short.iterdir()) == []
    last = run(space, "--no-report", "--resume", TMPDIR=str(short))
    assert last.returncode == 0, last.stderr
    assert computed(results) == numbers_of_long(80)
    curves = pd.read_parquet(results / "curves.parquet")
    assert not curves.duplicated(["trial_id", "seed", "epoch"]).any()
    assert len(curves) == 160
