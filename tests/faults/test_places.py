"""Results directories that are read-only, another user's, behind a symbolic link, moved, or copied."""

import os
import pickle
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from study.plan.planned import planned_by
from study.results.files import write_text
from study.results.opening import open_ledger
from study.results.paths import ResultsDirectory
from study.space import load_study
from tests.analysis.simulate import Simulation, simulate
from tests.faults.damage import Attack
from tests.faults.namespaces import bound_by_permissions
from tests.study.commands import environment, run, start, wait_for_epoch, write_space
from tests.study.undisturbed import LONG, computed, numbers_of_long


@pytest.fixture
def begun(tmp_path: Path) -> Iterator[Path]:
    """A study that was planned, of which nothing is trained."""
    study = load_study(write_space(tmp_path))
    results = ResultsDirectory(tmp_path / "results" / "small")
    results.records.mkdir(parents=True)
    write_text(results.study, study.to_yaml())
    ledger, _ = open_ledger(results, stop_when_diverged=False)
    ledger.ask_for(planned_by(study))
    yield results.path
    for folder in (results.path, results.records):
        folder.chmod(0o755)


def bound(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """A command of this project, in a folder, with no right to write where that is not permitted."""
    command = [*bound_by_permissions(), sys.executable, "-m", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)


def resume(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return bound(folder, "study.run", "--space", "space.yaml", "--resume", *arguments)


@pytest.mark.parametrize("part", [".", "records"])
def test_one_that_cannot_be_written_to_is_refused_before_anything_starts(tmp_path, begun, part):
    (begun / part).chmod(0o555)
    refused = resume(tmp_path)
    assert (refused.returncode, refused.stdout) == (2, "")
    named = Path("results", "small", part)
    assert f"--results results/small: {named} cannot be written to (it belongs to " in refused.stderr
    assert f"this would stop the run: {refused.stderr}" in resume(tmp_path, "--dry-run").stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("part", ["records", "plan.jsonl"])
def test_a_part_of_another_user_is_named_with_its_owner(tmp_path, begun, part):
    os.chown(begun / part, 12345, 12345)
    refused = resume(tmp_path)
    assert refused.returncode == 2
    assert f"results/small/{part} cannot be written to (it belongs to user 12345)" in refused.stderr


def test_one_that_cannot_be_read_is_one_error(tmp_path, begun):
    begun.chmod(0o000)
    for done in (resume(tmp_path), bound(tmp_path, "analysis", "results/small")):
        assert (done.returncode, done.stdout) == (2, "")
        assert len(done.stderr.splitlines()) == 1
        assert "results/small/study.yaml: Permission denied" in done.stderr


def test_a_read_only_one_is_analysed_with_out_elsewhere(tmp_path):
    results = simulate(tmp_path / "results", Simulation())
    results.chmod(0o555)
    refused = bound(tmp_path, "analysis", "results")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "results/report: cannot write the report there (Permission denied)" in refused.stderr
    assert "--out DIR" in refused.stderr
    written = bound(tmp_path, "analysis", "results", "--out", "elsewhere")
    assert written.returncode == 0, written.stderr
    assert (tmp_path / "elsewhere" / "report.html").exists()


@pytest.mark.slow
def test_a_study_behind_a_link_is_moved_and_copied_and_both_go_on_to_the_undisturbed_numbers(tmp_path):
    space, real = write_space(tmp_path, LONG), tmp_path / "real"
    real.mkdir()
    (tmp_path / "link").symlink_to(real)
    with start(space, "--no-report", "--results", "link") as process:
        wait_for_epoch(real, 3, process)
        second = run(space, "--no-report", "--results", "real", "--resume")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    assert second.returncode == 2
    assert f"another process is running a study there (process {process.pid} " in second.stderr
    assert process.returncode == 130, out + err
    shutil.copytree(real, tmp_path / "copied")
    states = [*(tmp_path / "copied" / "trials").glob("**/*.pkl")]  # Ray's own, of a stranger who means harm
    assert states
    for file in states:
        file.write_bytes(pickle.dumps(Attack(tmp_path / "harm")))
    real.rename(tmp_path / "moved")
    for file in (tmp_path / "moved").rglob("*"):  # of a machine whose clock was wrong
        os.utime(file, (32503680000, 32503680000))
    with ThreadPoolExecutor() as pool:
        both = list(
            pool.map(lambda name: run(space, "--no-report", "--results", name, "--resume"), ("moved", "copied"))
        )
    for name, done in zip(("moved", "copied"), both, strict=True):
        assert done.returncode == 0, done.stdout + done.stderr
        assert "damaged" not in done.stdout
        assert computed(tmp_path / name) == numbers_of_long()
    assert not (tmp_path / "harm").exists()
