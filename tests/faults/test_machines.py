"""Odd machines: everything about the environment that is known to go wrong, in as few studies as possible."""

import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import pytest

from tests.faults.namespaces import unshare
from tests.study.commands import ROOT, SMALL, environment, write_space

ONE = SMALL.replace("grid: [0, 1]", "grid: [0]").replace("epochs: 3", "epochs: 1")
NOWHERE = "http://127.0.0.1:9"
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "grpc_proxy", "all_proxy")
ODD = "a [lr] [/b] 100% o'neil é"


def states(results: Path) -> set[str]:
    return set(pd.read_parquet(results / "trials.parquet")["state"])


def run_behind(
    command: Sequence[str], space: Path, *arguments: str, seconds: float = 300, changes: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """``study.run`` in the folder of the space file, started by another command, which gets it as its arguments."""
    return subprocess.run(
        [*command, sys.executable, "-m", "study.run", "--space", str(space), *arguments],
        cwd=space.parent,
        env=environment(**changes or {}),
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )


@pytest.mark.slow
def test_an_odd_environment_and_odd_paths(tmp_path):
    """No temporary folder, proxies, another cluster's address, ASCII alone, few open files, a package of ours there."""
    checkout = tmp_path / ODD / "checkout"
    for package in ("study", "analysis"):
        shutil.copytree(ROOT / package, checkout / package, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / ODD / "analysis").mkdir()
    (tmp_path / ODD / "analysis" / "__init__.py").write_text("raise RuntimeError('the wrong analysis')")
    changes = dict.fromkeys(PROXIES, NOWHERE) | {"TMPDIR": "/nowhere", "RAY_ADDRESS": "nowhere:1", "LC_ALL": "C"}
    changes |= {"PYTHONIOENCODING": "ascii", "PYTHONPATH": str(checkout)}
    space = write_space(tmp_path / ODD, ONE)
    limited = 'ulimit -Sn 256; exec "$0" "$@"'
    done = run_behind(["sh", "-c", limited], space, "--results", f"results/{ODD}", changes=changes)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert "TMPDIR (/nowhere) is no folder: Ray uses /tmp instead" in done.stdout
    assert "RAY_ADDRESS (nowhere:1) is not used" in done.stdout
    results = space.parent / "results" / ODD
    assert states(results) == {"completed"}
    assert (results / "report" / "report.html").exists()


@pytest.mark.slow
def test_a_user_who_is_nobody_with_little_shared_memory(tmp_path):
    """No entry in passwd, no home folder, and Docker's /dev/shm."""
    script = (
        "mount -t tmpfs -o size=16m,mode=1777 none /dev/shm && mount --bind /dev/null /etc/passwd && "
        'exec env -u HOME -u USER -u LOGNAME "$@"'
    )
    done = run_behind([*unshare("-m", script=script), "sh"], write_space(tmp_path, ONE))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "/dev/shm has 16 MB" in done.stdout
    assert "Traceback" not in done.stderr
    assert states(tmp_path / "results" / "small") == {"completed"}


def test_a_machine_that_cannot_talk_to_itself_is_told_so_within_a_minute(tmp_path):
    done = run_behind([*unshare("-n", "-m", script='"$@"'), "sh"], write_space(tmp_path, ONE), seconds=60)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert "127.0.0.1, which cannot be reached" in done.stderr
    assert not (tmp_path / "results" / "small").exists()
