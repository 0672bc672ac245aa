"""Studies whose processes are killed, interrupted or fail, for real: nothing is lost, and they go on."""

import dataclasses
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from study.contract.axes import Configuration
from study.data.digits import load_digits
from study.run import command_line
from study.training.loop import EpochRecord, train
from tests.study.commands import SMALL, epoch_lines, run, start, wait_for_epoch, write_space

# Long enough for a test to see it running and kill it.
LONG = SMALL.replace("grid: [0, 1]", "grid: [6]").replace("epochs: 3", "epochs: 12")


def numbers(row: dict[str, Any] | EpochRecord) -> list[Any]:
    """What training computed, of a record's line or of an epoch of the loop; lists, as JSON has them."""
    values = row if isinstance(row, dict) else dataclasses.asdict(row)
    keys = ("epoch", "iterations", "train_loss", "train_accuracy", "test_accuracy", "diverged")
    return [list(values[key]) if isinstance(values[key], tuple) else values[key] for key in keys]


@pytest.fixture(scope="module")
def undisturbed() -> list[EpochRecord]:
    """What LONG gives without Ray, without a process that is killed: the loop itself."""
    assert torch.get_num_threads() == 1  # as a trial has: the last bit depends on it
    configuration = Configuration(block="residual", num_blocks=6, batch_norm=False, lr=0.05, epochs=12)
    return list(train(configuration, load_digits(), [0, 1]))


def test_a_killed_worker_is_started_again_at_the_exact_next_epoch(tmp_path, undisturbed):
    with start(write_space(tmp_path, LONG), "--no-report") as process:
        row = wait_for_epoch(tmp_path / "results" / "small", 3, process)
        os.kill(row["pid"], signal.SIGKILL)
        out, err = process.communicate(timeout=240)
    assert process.returncode == 0, out + err
    rows = epoch_lines(tmp_path / "results" / "small", "0000")
    assert len({row["pid"] for row in rows}) == 2
    # Killed between writing the row and the checkpoint, an epoch is trained again; the row is then the same.
    last_of_epoch = {row["epoch"]: row for row in rows}
    assert [numbers(row) for row in last_of_epoch.values()] == [numbers(record) for record in undisturbed]
    assert len(rows) <= 13


def test_rarer_checkpoints_and_a_trial_that_stops_when_it_has_diverged(tmp_path, undisturbed):
    """The killed trial goes back to epoch 4 or 8, and still gives every epoch once, the same as ever."""
    space, results = write_space(tmp_path, LONG.replace("lr: 0.05", "lr: {grid: [0.05, 1.0e+30]}")), tmp_path / "out"
    options = ["--set", "checkpoint={every: 4, keep: 1}", "--set", "on_divergence=stop", "--results", "out"]
    with start(space, *options) as process:
        row = wait_for_epoch(results, 6, process)
        os.kill(row["pid"], signal.SIGKILL)
        out, err = process.communicate(timeout=240)
    assert process.returncode == 0, out + err
    rows = epoch_lines(results, "0000")
    assert len(rows) > 12
    last_of_epoch = {row["epoch"]: row for row in rows}
    assert [numbers(row) for row in last_of_epoch.values()] == [numbers(record) for record in undisturbed]
    curves = pd.read_parquet(results / "curves.parquet")
    assert not curves.duplicated(["trial_id", "seed", "epoch"]).any()
    (diverged,) = epoch_lines(results, "0001")
    assert diverged["diverged"] == [True, True]
    assert diverged["train_loss"] == [None, None]
    trials = pd.read_parquet(results / "trials.parquet").set_index("trial_id")
    assert trials["status"].tolist() == ["completed", "completed"]
    assert trials["epochs_done"].tolist() == [12, 1]
    assert len(list(results.glob("trials/session-001/0000_*/checkpoint_*"))) == 1


def test_a_killed_driver_loses_nothing_and_resumes_bit_for_bit(tmp_path, undisturbed):
    space, results = write_space(tmp_path, LONG), tmp_path / "results" / "small"
    with start(space, "--no-report") as process:
        wait_for_epoch(results, 3, process)
        process.kill()
    # Worse: the newest checkpoint and the end of the record are torn, and Ray's own state is empty.
    newest = max(results.glob("trials/session-001/0000_*/checkpoint_*/state.pt"))
    newest.write_bytes(newest.read_bytes()[:1000])
    record = results / "records" / "0000.jsonl"
    record.write_bytes(record.read_bytes()[:-40])
    for state in results.glob("trials/session-001/experiment_state-*.json"):
        state.write_text("")
    resumed = run(space, "--no-report", "--resume")
    assert resumed.returncode == 0, resumed.stderr
    curves = pd.read_parquet(results / "curves.parquet")
    for position, seed in enumerate([0, 1]):
        of_seed = curves[curves["seed"] == seed]
        assert of_seed["epoch"].tolist() == [record.epoch for record in undisturbed]
        for measure in ("train_loss", "train_accuracy", "test_accuracy"):
            assert of_seed[measure].tolist() == [getattr(record, measure)[position] for record in undisturbed]
    sessions = json.loads((results / "provenance.json").read_text())["sessions"]
    assert [session["outcome"] for session in sessions] == ["running", "completed"]
    assert {path.name for path in (results / "trials").iterdir()} == {"session-001", "session-002"}


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
    space = write_space(folder, LONG.replace("epochs: 12", "epochs: 200"))
    with start(space) as process:
        wait_for_epoch(folder / "results" / "small", 2, process)
        interrupt(process)
        out, err = process.communicate(timeout=120)
    assert process.returncode == 130, out + err
    # The command that is printed depends on where it runs.
    assert f"To go on: {command_line(['--space', str(space), '--resume'])}" in out
    return out, err


@pytest.mark.parametrize("interrupt", [press_ctrl_c, subprocess.Popen.terminate])
def test_an_interrupted_study_keeps_its_results_and_says_how_to_go_on(tmp_path, monkeypatch, interrupt):
    monkeypatch.chdir(tmp_path)
    out, err = interrupt_in_the_middle(tmp_path, interrupt)
    results = tmp_path / "results" / "small"
    assert "interrupted: stopping the trials" in out
    assert "Traceback" not in out + err
    trials = pd.read_parquet(results / "trials.parquet")
    assert list(trials["status"]) == ["interrupted"]
    assert trials["epochs_done"].tolist() == [len(epoch_lines(results, "0000"))]
    assert len(pd.read_parquet(results / "curves.parquet")) >= 4
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


def test_a_failed_trial_gives_status_1_and_is_tried_again_by_resume(tmp_path):
    """The record of one trial cannot be written: a folder stands in its place."""
    results = tmp_path / "results" / "small"
    space = write_space(tmp_path)
    with start(space, "--no-report") as process:
        # Made as soon as the session has read the records: its trials take seconds to start.
        while not (results / "trials.parquet").exists():
            assert process.poll() is None
            time.sleep(0.05)
        (results / "records" / "0001.jsonl").mkdir(parents=True)
        out, err = process.communicate(timeout=240)
    assert process.returncode == 1, out + err
    assert "trial 0001" in out
    assert "1 of 2 trials failed" in out
    trials = pd.read_parquet(results / "trials.parquet").set_index("trial_id")
    assert list(trials["status"]) == ["completed", "failed"]
    assert "IsADirectoryError" in trials["error"]["0001"]
    (results / "records" / "0001.jsonl").rmdir()
    again = run(space, "--no-report", "--resume")
    assert again.returncode == 0, again.stderr
    assert "1 of 2 trials to run" in again.stdout
    assert list(pd.read_parquet(results / "trials.parquet")["status"]) == ["completed", "completed"]


def test_two_processes_cannot_run_in_one_results_directory(tmp_path):
    space, results = write_space(tmp_path, LONG), tmp_path / "results" / "small"
    with start(space, "--no-report") as process:
        wait_for_epoch(results, 1, process)
        second = run(space, "--no-report", "--resume")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)
    assert second.returncode == 2
    assert "another process is running a study there" in second.stderr
