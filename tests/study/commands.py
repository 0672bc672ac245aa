"""Real runs of ``python -m study.run`` as a user starts them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

# Ray's workers are nice to others (15 by default): beside other tests on two cores they would hardly run.
FAIR_SHARE = {"RAY_worker_niceness": "0"}

SMALL = """\
name: small
question: Does a block help?
data: digits
space:
  num_blocks: {grid: [0, 1]}
  lr: 0.05
  epochs: 3
seeds: 2
compare: {across: num_blocks, thresholds: [20, 40]}
"""


def write_space(folder: Path, text: str = SMALL) -> Path:
    """A space file of its own folder."""
    file = folder / "space.yaml"
    file.write_text(text)
    return file


@contextmanager
def start(space: Path, *arguments: str, **changes: str) -> Iterator[subprocess.Popen[str]]:
    """``study.run`` started in the folder of the space file; with all it started it is gone at the end."""
    # A shell that runs the tests in its background ignores Ctrl-C for them, and nohup the end of a terminal; what they
    # start would inherit that.
    for number, handler in {signal.SIGINT: signal.default_int_handler, signal.SIGHUP: signal.SIG_DFL}.items():
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)
    process = subprocess.Popen(
        [sys.executable, "-m", "study.run", "--space", str(space), *arguments],
        cwd=space.parent,
        env=environment(**changes),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def run(space: Path, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end."""
    with start(space, *arguments, **changes) as process:
        out, err = process.communicate(timeout=240)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def environment(**changes: str) -> dict[str, str]:
    """This one, with the checkout importable and nothing of another Ray in it."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
    return inherited | {"PYTHONPATH": str(ROOT)} | FAIR_SHARE | changes


def epoch_lines(results: Path, trial_id: str) -> list[dict[str, Any]]:
    """The lines of a trial's record that hold an epoch; a process killed while it writes leaves a torn one."""
    file = results / "records" / f"{trial_id}.jsonl"
    rows = []
    for line in file.read_text().splitlines() if file.exists() else []:
        with suppress(json.JSONDecodeError):
            rows.append(json.loads(line))
    return [row for row in rows if "epoch" in row]


def wait_for_epoch(results: Path, epoch: int, process: subprocess.Popen[str], trial_id: str = "0000") -> dict[str, Any]:
    """The row of an epoch, as soon as the trial has recorded it."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        for row in epoch_lines(results, trial_id):
            if row["epoch"] >= epoch:
                return row
        if process.poll() is not None:
            raise AssertionError(f"the study ended before epoch {epoch}: {process.communicate(timeout=60)}")
        time.sleep(0.05)
    raise AssertionError(f"no epoch {epoch} within two minutes")
