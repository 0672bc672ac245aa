"""A disk that is full while a study runs: the session ends with the cause, and goes on when there is room."""

import json
import re
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from study.space import load_study
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


# Only what is replaced as a whole lies on the small disk: study.yaml, provenance.json, trials.parquet, curves.parquet.
SOME = """
mkdir -p big/records big/trials big/tensorboard; touch big/plan.jsonl
mount -t tmpfs -o size=256k none results/small
cp study.yaml results/small
for part in records trials tensorboard; do mkdir results/small/$part; mount --bind big/$part results/small/$part; done
touch results/small/plan.jsonl; mount --bind big/plan.jsonl results/small/plan.jsonl
head -c 1m /dev/zero > results/small/filler 2> /dev/null
"$@" --no-report; echo "status $?"
rm results/small/filler
"$@" --no-report; echo "status $?"
rm results/small/filler
"$@" --no-report; echo "status $?"
cp -r results/small kept
"""


def fill(results: Path, filler: Path, process: subprocess.Popen[str]) -> None:
    """Fill the disk, as soon as the study has trained a few epochs."""
    record = results / "records" / "0000.jsonl"
    while not record.exists() or record.read_text().count('"epoch"') < 4:
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass


def on_a_small_disk(script: str, folder: Path) -> subprocess.Popen[str]:
    command = [*unshare("-m", script=script), "sh", sys.executable, "-m", "study.run", "--resume", "--space"]
    return subprocess.Popen(
        [*command, str(write_space(folder, LONG))],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_a_full_disk_breaks_the_session_with_the_cause_and_nothing_is_lost(tmp_path):
    (tmp_path / "results").mkdir()
    with on_a_small_disk(SCRIPT, tmp_path) as process:
        results = Path(f"/proc/{process.pid}/root{tmp_path}/results")
        fill(results / "small", results / "filler", process)
        out, err = process.communicate(timeout=300)
    first, _, second = out.partition("status 3\n")
    assert "No space left on device: results/small" in err, out + err
    assert re.search(r"the report could not be written; after correcting that: \S+ -m analysis results/small", first)
    assert "the session broke off; what was trained is kept. To go on: " in first.splitlines()[-1]
    assert "Traceback" not in out + err
    assert second.endswith("status 0\n"), out + err
    assert computed(tmp_path / "kept") == numbers_of_long()
    shutil.rmtree(tmp_path / "kept")


@pytest.mark.slow
def test_a_disk_that_is_full_for_the_provenance_or_the_table_alone_is_likewise(tmp_path):
    """At the start of a session, and in its middle, while records and checkpoints still find room."""
    (tmp_path / "results" / "small").mkdir(parents=True)
    (tmp_path / "study.yaml").write_text(load_study(write_space(tmp_path, LONG)).to_yaml())
    with on_a_small_disk(SOME, tmp_path) as process:
        results = Path(f"/proc/{process.pid}/root{tmp_path}/results/small")
        fill(results, results / "filler", process)
        out, err = process.communicate(timeout=400)
    parts = out.split("status ")
    assert [part[:2] for part in parts[1:]] == ["3\n", "3\n", "0\n"], out + err
    assert err.count("the session broke off: No space left on device: ") == 2
    assert "Traceback" not in out + err
    assert computed(tmp_path / "kept") == numbers_of_long()
    # Whole, whichever session was the last that found room for it: where all had trained, the third adds none.
    assert json.loads((tmp_path / "kept" / "provenance.json").read_text())["sessions"]
    shutil.rmtree(tmp_path / "kept")
