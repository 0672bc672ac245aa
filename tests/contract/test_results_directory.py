"""The results directory between its two sides: what study writes, analysis reads as it was meant."""

import json
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import pytest

from analysis.records import AXES, CURVE_TYPES, FORMAT
from analysis.results import TRIAL_COLUMNS, read, write_curves
from study.contract.axes import Configuration
from study.contract.files import trial_id
from study.results.directory import ResultsDirectory, TrialStatus, write_json
from study.results.records import FORMAT as WRITTEN_FORMAT
from study.results.records import TrialRecord
from study.space import load_study
from tests.analysis.simulate import Simulation, simulate

CONFIGURATION = Configuration(block="conv", num_blocks=3, batch_norm=True, lr=0.003, epochs=2)
SEEDS = (4, 1)


def line(epoch: int) -> dict[str, object]:
    return {
        "epoch": epoch,
        "iterations": 391 * epoch,
        "seconds": 1.25 * epoch,
        "train_loss": [2.1, None],
        "train_accuracy": [30.0 + epoch, 10.0],
        "validation_accuracy": [29.0 + epoch, 10.0],
        "test_accuracy": [28.0 + epoch, 10.0],
        "diverged": [False, True],
        "finished": "2026-11-24T03:00:00.123456+00:00",
        "host": "node1",
        "device": "cpu",
        "pid": 123,
    }


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    written = ResultsDirectory(tmp_path)
    written.records.mkdir()
    record = TrialRecord(written.records, trial_id(0), CONFIGURATION, SEEDS)
    for epoch in (1, 2, 1):
        record.append(line(epoch))
    statuses = [
        TrialStatus("0000", CONFIGURATION, SEEDS, "completed", 2, None, "2026-11-24T03:00:00+00:00"),
        TrialStatus("0001", CONFIGURATION, SEEDS),
    ]
    written.write_trials(statuses)
    space = tmp_path / "space.yaml"
    space.write_text("name: contract\nspace: {lr: {grid: [0.003, 0.01]}}\nseeds: [4, 1]\n")
    written.study.write_text(load_study(space).to_yaml())
    space.unlink()
    write_json(written.provenance, {"format": 1, "data": {"name": "digits"}, "sessions": []})
    return tmp_path


def test_both_sides_mean_the_same_format() -> None:
    assert FORMAT == WRITTEN_FORMAT == 1
    assert tuple(asdict(CONFIGURATION)) == AXES


def test_what_study_writes_is_read_without_a_problem(directory: Path) -> None:
    results = read(directory)
    assert results.problems == []
    assert results.name == "contract"
    assert tuple(results.trials.columns) == TRIAL_COLUMNS
    assert results.trials["status"].tolist() == ["completed", "not_started"]


def test_curves_are_one_row_per_trial_seed_and_epoch(directory: Path) -> None:
    curves = read(directory).curves
    assert list(curves.columns) == list(CURVE_TYPES)
    assert curves[["seed", "epoch"]].values.tolist() == [[1, 1], [1, 2], [4, 1], [4, 2]]
    assert curves["test_accuracy"].tolist() == [10.0, 10.0, 29.0, 30.0]
    assert curves["diverged"].tolist() == [True, True, False, False]
    assert curves["train_loss"].isna().tolist() == [True, True, False, False]
    assert curves["iterations"].tolist() == [391, 782, 391, 782]
    pd.testing.assert_frame_equal(pd.read_parquet(write_curves(directory)), curves)


def test_a_record_resumed_behind_a_torn_line_loses_no_epoch(directory: Path) -> None:
    path = directory / "records" / "0000.jsonl"
    with path.open("a") as file:
        file.write('{"epoch": 2, "iterations": 7')
    TrialRecord(path.parent, "0000", CONFIGURATION, SEEDS).append({**line(2), "seconds": 9.0})
    results = read(directory)
    assert len(results.curves) == 4
    assert results.curves.loc[1, "seconds"] == 9.0
    assert results.problems == ["records/0000.jsonl, line 5: torn or not JSON; skipped"]


def test_simulated_studies_are_written_as_study_writes(tmp_path: Path, directory: Path) -> None:
    simulated = simulate(tmp_path / "simulated", Simulation(seeds=(0, 1)))
    theirs = (simulated / "records" / "0000.jsonl").read_text().splitlines()
    ours = (directory / "records" / "0000.jsonl").read_text().splitlines()
    for mine, real in zip(theirs[:2], ours[:2], strict=True):
        assert set(json.loads(mine)) == set(json.loads(real))
    columns = pd.read_parquet(simulated / "trials.parquet").columns
    assert set(columns) == set(pd.read_parquet(directory / "trials.parquet").columns)
