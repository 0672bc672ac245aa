"""Studies whose processes are killed, interrupted or fail, for real: nothing is lost, and they go on."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from study.process.commands import python_command
from study.results.paths import ResultsDirectory
from tests.study.commands import epoch_lines, run, start, wait_for_epoch, write_space
from tests.study.tracking.read import mlflow_runs
from tests.study.undisturbed import LONG, computed, numbers_of_long


@pytest.fixture(scope="module")
def undisturbed():
    return numbers_of_long()


def test_a_killed_worker_is_started_again_at_the_exact_next_epoch(tmp_path, undisturbed):
    with start(write_space(tmp_path, LONG), "--no-report") as process:
        row = wait_for_epoch(tmp_path / "results" / "small", 3, process)
        os.kill(row["pid"], signal.SIGKILL)
        out, err = process.communicate(timeout=240)
    assert process.returncode == 0, out + err
    rows = epoch_lines(tmp_path / "results" / "small", "0000")
    assert len({row["pid"] for row in rows}) == 3  # two packs of a seed each, and the process that replaced one
    assert computed(tmp_path / "results" / "small") == undisturbed
    assert len(rows) == 60


def test_rarer_checkpoints_and_a_run_that_stops_when_it_has_diverged(tmp_path, undisturbed):
    """The killed pack goes back to epoch 4 or 8, and still gives every epoch once, the same as ever."""
    space, results = write_space(tmp_path, LONG.replace("lr: 0.05", "lr: {grid: [0.05, 1.0e+30]}")), tmp_path / "out"
    options = ["--set", "checkpoint={every: 4, keep: 1}", "--set", "on_divergence=stop", "--results", "out"]
    with start(space, *options) as process:
        row = wait_for_epoch(results, 6, process)
        os.kill(row["pid"], signal.SIGKILL)
        out, err = process.communicate(timeout=240)
    assert process.returncode == 0, out + err
    assert sum(len(row["seeds"]) for row in epoch_lines(results, "0000")) == 60
    assert computed(results) == undisturbed
    diverged = epoch_lines(results, "0001")
    assert sorted(row["seeds"] for row in diverged) in ([[0], [1]], [[0, 1]])
    assert all(loss is None for row in diverged for loss in row["train_loss"])
    runs = pd.read_parquet(results / "trials.parquet")
    assert set(runs["state"]) == {"completed"}
    assert runs["epochs_done"].tolist() == [30, 30, 1, 1]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow uses what SQLAlchemy deprecates
def test_a_killed_driver_loses_nothing_and_resumes_bit_for_bit(tmp_path, undisturbed):
    space, results = write_space(tmp_path, LONG), tmp_path / "results" / "small"
    track = ["--set", "track=[mlflow]"]
    with start(space, "--no-report", *track) as process:
        wait_for_epoch(results, 3, process)
        process.kill()
    # Worse: the newest checkpoint and the end of the record are torn, and Ray's own state is empty.
    states = sorted(results.glob("trials/session-001/p*/checkpoint_*/state.pt"))
    newest_of_pack = {state.parents[1]: state for state in states}
    for newest in newest_of_pack.values():
        newest.write_bytes(newest.read_bytes()[:1000])
    record = results / "records" / "0000.jsonl"
    record.write_bytes(record.read_bytes()[:-40])
    for state in results.glob("trials/session-001/experiment_state-*.json"):
        state.write_text("")
    resumed = run(space, "--no-report", "--resume", *track)
    assert resumed.returncode == 0, resumed.stderr
    assert "damaged" in resumed.stdout
    assert computed(results) == undisturbed
    curves = pd.read_parquet(results / "curves.parquet")
    assert not curves.duplicated(["trial_id", "seed", "epoch"]).any()
    assert len(curves) == 60
    sessions = json.loads((results / "provenance.json").read_text())["sessions"]
    assert [session["outcome"] for session in sessions] == ["running", "completed"]
    assert {path.name for path in (results / "trials").iterdir()} == {"session-001", "session-002"}
    for kept in mlflow_runs(ResultsDirectory(results)):
        assert [epoch for epoch, _ in sorted(kept.history["accuracy/test"])] == list(range(1, 31))
        assert kept.status == "FINISHED"


def press_ctrl_c(process: subprocess.Popen[str]) -> None:
    """As a terminal does: SIGINT to every process of the group, Ray's included."""
    os.killpg(process.pid, signal.SIGINT)


def press_ctrl_c_twice(process: subprocess.Popen[str]) -> None:
    """A user who does not want to wait."""
    press_ctrl_c(process)
    time.sleep(1)
    press_ctrl_c(process)


def interrupt_in_the_middle(folder: Path, interrupt: Callable[[subprocess.Popen[str]], None]) -> tuple[str, str]:
    """What a study prints that is interrupted after two epochs and ends as it should; ``folder`` is where we are."""
    space = write_space(folder, LONG.replace("epochs: 30", "epochs: 200"))
    with start(space) as process:
        wait_for_epoch(folder / "results" / "small", 2, process)
        interrupt(process)
        out, err = process.communicate(timeout=120)
    assert process.returncode == 130, out + err
    # The command that is printed depends on where it runs.
    assert f"To go on: {python_command('study.run', ['--space', str(space), '--resume'])}" in out
    return out, err


@pytest.mark.parametrize("interrupt", [press_ctrl_c, subprocess.Popen.terminate])
def test_an_interrupted_study_keeps_its_results_and_says_how_to_go_on(tmp_path, monkeypatch, interrupt):
    monkeypatch.chdir(tmp_path)
    out, err = interrupt_in_the_middle(tmp_path, interrupt)
    results = tmp_path / "results" / "small"
    assert "interrupted: stopping the runs" in out
    assert "Traceback" not in out + err
    runs = pd.read_parquet(results / "trials.parquet")
    assert set(runs["state"]) <= {"interrupted", "planned"}
    assert runs["epochs_done"].tolist() == [len(computed(results).get(seed, [])) for seed in (0, 1)]
    assert len(pd.read_parquet(results / "curves.parquet")) == runs["epochs_done"].sum()
    assert json.loads((results / "provenance.json").read_text())["sessions"][-1]["outcome"] == "interrupted"


def test_a_second_ctrl_c_still_says_how_to_go_on(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    interrupt_in_the_middle(tmp_path, press_ctrl_c_twice)


@pytest.mark.parametrize("waited_for", ["", "loading the images"], ids=["imports", "ray starts"])
def test_ctrl_c_before_anything_runs_ends_at_once_and_well(tmp_path, waited_for):
    """While torch and Ray are imported, and while Ray starts, which does not survive it."""
    with start(write_space(tmp_path), "--no-report") as process:
        assert process.stdout is not None
        while waited_for and waited_for not in process.stdout.readline():
            assert process.poll() is None
        time.sleep(2)
        press_ctrl_c(process)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, out + err
    assert "interrupted before anything was started" in out
    assert err == ""
    assert not (tmp_path / "results" / "small").exists()


def test_a_record_that_cannot_be_written_breaks_the_session_and_it_goes_on(tmp_path):
    """A folder stands in the place of one configuration's record."""
    results = tmp_path / "results" / "small"
    space = write_space(tmp_path)
    with start(space, "--no-report") as process:
        # Made as soon as the session has read the records: its packs take seconds to start.
        while not (results / "plan.jsonl").exists():
            assert process.poll() is None
            time.sleep(0.05)
        (results / "records" / "0001.jsonl").mkdir(parents=True)
        out, err = process.communicate(timeout=240)
    assert process.returncode == 3, out + err
    assert "0001.jsonl" in err
    assert "the session broke off; what was trained is kept. To go on: " in out
    (results / "records" / "0001.jsonl").rmdir()
    again = run(space, "--no-report", "--resume")
    assert again.returncode == 0, again.stderr
    assert set(pd.read_parquet(results / "trials.parquet")["state"]) == {"completed"}


def test_a_failed_run_gives_status_1_and_is_tried_again_by_resume(tmp_path):
    """A pack is killed more often than it may be; the other one does not mind."""
    results = tmp_path / "results" / "small"
    space = write_space(tmp_path, LONG)
    with start(space, "--no-report") as process:
        killed = set[int]()
        while process.poll() is None:
            pids = {row["pid"] for row in epoch_lines(results, "0000") if row["seeds"] == [0]} - killed
            for pid in pids if len(killed) < 3 else ():
                os.kill(pid, signal.SIGKILL)
                killed.add(pid)
            time.sleep(0.02)
        out, err = process.communicate(timeout=240)
    assert process.returncode == 1, out + err
    assert "seed 0 failed: " in out
    assert "1 of 2 runs failed" in out
    runs = pd.read_parquet(results / "trials.parquet")
    assert list(runs["state"]) == ["failed", "completed"]
    again = run(space, "--no-report", "--resume")
    assert again.returncode == 0, again.stderr
    assert "1 of 2 runs to train" in again.stdout
    assert list(pd.read_parquet(results / "trials.parquet")["state"]) == ["completed", "completed"]


def test_two_processes_cannot_run_in_one_results_directory(tmp_path):
    space, results = write_space(tmp_path, LONG), tmp_path / "results" / "small"
    with start(space, "--no-report") as process:
        wait_for_epoch(results, 1, process)
        second = run(space, "--no-report", "--resume")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)
    assert second.returncode == 2
    assert "another process is running a study there" in second.stderr
