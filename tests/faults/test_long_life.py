"""A driver that lives long: many packs, one after the other, in one session."""

import re
import sys
import time
from pathlib import Path

import pytest

from tests.study.commands import SMALL, start, write_space

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory and files are looked up in /proc")
# A thousand packs, measured: see docs/reliability.md.
PACKS = 150
SETTLED = 50  # what is loaded or made once is there by then
# Ray Tune keeps a trial for each pack, the ledger a row for each run, and Python gives little memory back.
MOST_A_PACK = 100 * 2**10  # bytes; 40 KiB were measured, and 150 where each thread has an arena of its own


def held_by(pid: int) -> tuple[int, int]:
    """Bytes of memory, and open files."""
    status = Path(f"/proc/{pid}/status").read_text()
    (memory,) = re.findall(r"VmRSS:\s+(\d+) kB", status)
    return int(memory) * 2**10, len(list(Path(f"/proc/{pid}/fd").iterdir()))


@pytest.mark.slow
def test_memory_and_open_files_of_the_driver_are_bounded(tmp_path):
    rates = ", ".join(f"{0.01 + number / 10_000:.4f}" for number in range(PACKS))
    text = SMALL.replace("grid: [0, 1]", "grid: [0]").replace("lr: 0.05", f"lr: {{grid: [{rates}]}}")
    text = text.replace("epochs: 3", "epochs: 1").replace("seeds: 2", "seeds: 1").replace("num_blocks,", "lr,")
    records, found = tmp_path / "results" / "small" / "records", []
    with start(write_space(tmp_path, text), "--no-report", "--set", "resources.pack=1") as process:
        for count in (SETTLED, PACKS - 1):
            while len(list(records.glob("*.jsonl"))) < count:
                assert process.poll() is None, process.communicate()
                time.sleep(0.05)
            found.append(held_by(process.pid))
        out, err = process.communicate(timeout=240)
    assert process.returncode == 0, out + err
    (memory, files), (memory_then, files_then) = found
    assert memory_then - memory < MOST_A_PACK * (PACKS - SETTLED)
    assert files_then < files + 10
    assert len(out.splitlines()) < 40
    assert re.search(r"^results: results/small \([\d.]+ MiB\)$", out, re.M), out
