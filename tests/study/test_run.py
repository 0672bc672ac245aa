"""The command line, for real: whole studies on the digits, processes killed, files broken."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import ruamel.yaml
import torch

from study.data_digits import load_digits
from study.run import command_line
from study.space import Configuration
from study.training import EpochRecord, train
from tests.study.commands import (
    SMALL,
    environment,
    epoch_lines,
    run,
    start,
    wait_for_epoch,
    write_space,
)

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


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished study with its process, in a folder of its own."""
    folder = tmp_path_factory.mktemp("finished")
    return run(write_space(folder)), folder / "results" / "small"


def test_a_study_ends_well_and_says_where_its_results_are(finished):
    process, results = finished
    assert process.returncode == 0, process.stderr
    assert "2 of 2 trials to run, 2 seeds each side by side" in process.stdout
    assert f"results: {results.relative_to(results.parents[1])}" in process.stdout
    assert process.stderr == ""


def test_the_records_hold_every_epoch_once(finished):
    _, results = finished
    for trial_id in ("0000", "0001"):
        rows = epoch_lines(results, trial_id)
        assert [row["epoch"] for row in rows] == [1, 2, 3]
        assert [row["iterations"] for row in rows] == [12, 24, 36]
        assert all(len(row["test_accuracy"]) == 2 for row in rows)
        assert rows[-1]["train_accuracy"][0] > rows[0]["train_accuracy"][0]


def test_the_curves_are_one_row_a_trial_seed_and_epoch(finished):
    _, results = finished
    curves = pd.read_parquet(results / "curves.parquet")
    assert list(curves.columns) == [
        *("trial_id", "block", "num_blocks", "batch_norm", "lr", "epochs", "seed", "epoch", "iterations"),
        *("train_accuracy", "validation_accuracy", "test_accuracy", "train_loss", "seconds", "diverged"),
    ]
    assert len(curves) == 2 * 2 * 3
    assert not curves.duplicated(["trial_id", "seed", "epoch"]).any()
    last = epoch_lines(results, "0001")[-1]
    row = curves.query("trial_id == '0001' and seed == 1 and epoch == 3").iloc[0]
    assert row["test_accuracy"] == last["test_accuracy"][1]
    assert row["train_loss"] == last["train_loss"][1]


def test_the_trials_are_all_completed(finished):
    _, results = finished
    trials = pd.read_parquet(results / "trials.parquet")
    assert list(trials["status"]) == ["completed", "completed"]
    assert list(trials["epochs_done"]) == [3, 3]
    assert all((results / "trials" / name).is_dir() for name in trials["directory"])


def test_ray_tunes_own_directory_holds_checkpoints_and_tensorboard_events(finished):
    _, results = finished
    for trial in (results / "trials" / "session-001").glob("0*"):
        assert list(trial.glob("events.out.tfevents*"))
        assert len(list(trial.glob("checkpoint_*/state.pt"))) == 2


def test_the_study_is_written_with_every_default(finished):
    _, results = finished
    study = ruamel.yaml.YAML(typ="safe").load((results / "study.yaml").read_text())
    assert study["space"]["num_blocks"] == {"grid": [0, 1]}
    assert study["space"]["block"] == "residual"
    assert study["checkpoint"] == {"every": 1, "keep": 2}
    assert study["precision"] == "float32"


def test_the_provenance_names_versions_hardware_and_data(finished):
    _, results = finished
    content = json.loads((results / "provenance.json").read_text())
    assert content["data"]["name"] == "digits"
    assert content["data"]["train"] == 1437
    (session,) = content["sessions"]
    assert session["outcome"] == "completed"
    assert session["ended"] > session["started"]
    assert {"python", "torch", "ray"} <= session["versions"].keys()
    assert session["git"]["commit"] is None or len(session["git"]["commit"]) == 40
    assert session["hardware"]["nodes"][0]["cores"] == os.cpu_count()
    assert "study.run --space" in session["command"]


def test_the_figures_and_tables_are_there(finished):
    process, results = finished
    for name in ("figures/convergence.svg", "figures/convergence.png", "tables/summary.csv"):
        assert (results / "report" / name).stat().st_size > 0
    assert "few seeds" in process.stdout


def test_a_second_run_does_not_touch_the_first(finished):
    _, results = finished
    before = {path: path.stat().st_mtime_ns for path in results.rglob("*")}
    space = write_space(results.parents[1])
    again = run(space)
    other = run(space, "--resume", "--set", "space.lr=0.1")
    assert (again.returncode, other.returncode) == (2, 2)
    assert "already holds this study; continue it with --resume" in again.stderr
    assert "holds another study (different: space)" in other.stderr
    assert {path: path.stat().st_mtime_ns for path in results.rglob("*")} == before


def test_a_finished_study_resumed_trains_nothing_and_draws_again(finished):
    _, results = finished
    before = (results / "records" / "0000.jsonl").read_bytes()
    (results / "curves.parquet").unlink()
    again = run(write_space(results.parents[1]), "--resume")
    assert again.returncode == 0, again.stderr
    assert "0 of 2 trials to run, all are completed" in again.stdout
    assert (results / "records" / "0000.jsonl").read_bytes() == before
    assert (results / "curves.parquet").exists()
    trials = pd.read_parquet(results / "trials.parquet")
    assert list(trials["status"]) == ["completed", "completed"]


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


def test_a_lost_last_row_is_put_back_from_the_checkpoint(tmp_path, finished):
    _, results = finished
    copy = tmp_path / "copy"
    shutil.copytree(results, copy)
    record = copy / "records" / "0001.jsonl"
    lines = record.read_text().splitlines(keepends=True)
    record.write_text("".join(lines[:-1]) + lines[-1][:-20])
    again = run(write_space(tmp_path), "--results", "copy", "--resume", "--no-report")
    assert again.returncode == 0, again.stderr
    assert "0 of 2 trials to run" in again.stdout
    assert [json.dumps(row) for row in epoch_lines(copy, "0001")] == [line.strip() for line in lines[1:]]


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


def test_a_dry_run_prints_every_configuration_and_starts_nothing(tmp_path):
    shown = run(write_space(tmp_path), "--dry-run", "--set", "seeds=[4, 7]")
    assert shown.returncode == 0, shown.stderr
    lines = shown.stdout.splitlines()
    assert lines[:2] == [
        "0000  0 residual blocks, no batch norm, lr 0.05, 3 epochs",
        "0001  1 residual block, no batch norm, lr 0.05, 3 epochs",
    ]
    assert lines[2] == "small: 2 trials of 2 seeds (seeds 4, 7): 4 runs, 12 model-epochs"
    assert not (tmp_path / "results").exists()


BAD_INPUT = {
    "unknown key": (["--set", "epoch=3"], "epoch"),
    "negative lr": (["--set", "space.lr=-1"], "lr"),
    "no epochs": (["--set", "space.epochs=0"], "epochs"),
    "empty grid": (["--set", "space.num_blocks={grid: []}"], "num_blocks"),
    "no such data": (["--data", "nowhere"], "nowhere"),
    "nothing to resume": (["--resume"], "holds no study"),
    "results is a file": (["--results", "space.yaml"], "is a file"),
    "results hold other files": (["--results", "."], "holds no study"),
    "too many CPUs": (["--set", "resources.cpus=1000"], "1000 CPUs"),
    "no GPUs": (["--set", "resources.gpus=64"], "64 GPUs"),
    "too large a validation set": (["--set", "validation=1437"], "validation"),
    "no cluster": (["--address", "127.0.0.1:1"], "127.0.0.1:1"),
    "not yet": (["--set", "validation=100", "--set", "scheduler={name: asha}"], "not yet"),
    "tf32 on a CPU": (["--set", "precision=tf32"], "tf32"),
    "unknown option": (["--speed"], "--speed"),
}


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_gives_status_2_and_starts_nothing(tmp_path, case):
    arguments, words = BAD_INPUT[case]
    before = write_space(tmp_path).read_text()
    process = run(tmp_path / "space.yaml", *arguments)
    assert process.returncode == 2, process.stdout + process.stderr
    assert words in process.stderr
    assert "Traceback" not in process.stderr
    assert [path.name for path in tmp_path.iterdir() if path.name not in {"data", "results"}] == ["space.yaml"]
    assert not list(tmp_path.glob("results/*"))
    assert (tmp_path / "space.yaml").read_text() == before


def test_a_missing_space_file_is_named(tmp_path):
    process = run(tmp_path / "nowhere.yaml")
    assert process.returncode == 2
    assert "nowhere.yaml" in process.stderr


def test_help_needs_no_ray(tmp_path):
    """``--help`` and ``--dry-run`` answer at once: they import neither ray nor torch."""
    import subprocess

    code = "import study.run, sys; sys.exit(bool({'ray', 'torch'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], env=environment(), check=False).returncode == 0
