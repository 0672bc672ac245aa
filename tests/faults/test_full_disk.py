"""A disk that is full while a study runs: the session ends with the cause, and goes on when there is room."""

import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.faults.namespaces import unshare
from tests.study.commands import environment, write_space
from tests.study.undisturbed import LONG, computed, numbers_of_long

# In a namespace of its own: results/ on a small disk; a session that finds it full; then there is room again.
SCRIPT = """
mount -t tmpfs -o size=8m none results
"$@"; echo "status $?"; echo "the second" >&2
rm results/filler
"$@" --no-report; echo "status $?"
cp -r results/small kept
"""


def fill(folder: Path, process: subprocess.Popen[str]) -> None:
    """Fill the disk, as soon as the study has trained a few epochs."""
    record = folder / "small" / "records" / "0000.jsonl"
    while not record.exists() or record.read_text().count('"epoch"') < 4:
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    with suppress(OSError), (folder / "filler").open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass


@pytest.mark.slow
def test_a_full_disk_breaks_the_session_with_the_cause_and_nothing_is_lost(tmp_path):
    (tmp_path / "results").mkdir()
    command = [*unshare("-m", script=SCRIPT), "sh", sys.executable, "-m", "study.run", "--resume", "--space"]
    process = subprocess.Popen(
        [*command, str(write_space(tmp_path, LONG))],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        fill(Path(f"/proc/{process.pid}/root{tmp_path}/results"), process)
        out, err = process.communicate(timeout=300)
    first, _, second = out.partition("status 3\n")
    assert "No space left on device: results/small" in err, out + err
    assert "the report could not be written; after correcting that: python -m analysis results/small" in first
    assert "the session broke off; what was trained is kept. To go on: " in first.splitlines()[-1]
    assert "Traceback" not in out + err
    assert second.endswith("status 0\n"), out + err
    assert computed(tmp_path / "kept") == numbers_of_long()
    shutil.rmtree(tmp_path / "kept")
