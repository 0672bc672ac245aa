"""The results directory between its two sides: what study writes, analysis reads as it was meant."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis.axes import FACTORS
from analysis.ledger import RUN_TYPES
from analysis.records import CURVE_TYPES
from analysis.results import read, write_curves
from study.contract.axes import AXES, Configuration
from study.contract.files import FORMAT, READABLE_FORMATS, trial_id
from study.contract.records import EpochLine, Header
from study.plan.planned import Planned
from study.results.opening import open_ledger
from study.results.paths import ResultsDirectory
from tests.analysis.simulate import Simulation, simulate

CONFIGURATION = Configuration(block="conv", num_blocks=3, batch_norm=True, lr=0.003, epochs=2, momentum=0.9)
SEEDS = [4, 1]
STUDY = "name: contract\nspace: {lr: {grid: [0.003, 0.01]}}\nseeds: [4, 1]\n"


def header() -> Header:
    configuration = CONFIGURATION.as_dict()
    return {"format": FORMAT, "trial_id": trial_id(0), "stage": "explore", "configuration": configuration}


def line(epoch: int, seconds: float = 0.625) -> EpochLine:
    return {
        "epoch": epoch,
        "seeds": SEEDS,
        "iterations": 391 * epoch,
        "seconds": [seconds * epoch, seconds * epoch],
        "train_loss": [2.1, None],
        "train_accuracy": [30.0 + epoch, 10.0],
        "validation_accuracy": [29.0 + epoch, 10.0],
        "test_accuracy": [28.0 + epoch, 10.0],
        "diverged": [False, True],
        "finished": "2026-11-24T03:00:00.123456+00:00",
        "host": "node1",
        "device": "cpu",
        "pid": 123,
        "pack": "p0000",
    }


def run(number: int, seed: int, state: str, epochs_done: int) -> dict[str, Any]:
    """A row of trials.parquet."""
    texts = dict.fromkeys(("error", "started", "ended", "host", "device", "pack", "directory"))
    row = {"trial_id": trial_id(number), "stage": "explore", **CONFIGURATION.as_dict()}
    return {**row, "seed": seed, "state": state, "epochs_done": epochs_done, **texts}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "records").mkdir()
    lines = [header(), line(1), line(2), line(1)]
    (tmp_path / "records" / f"{trial_id(0)}.jsonl").write_text("".join(json.dumps(each) + "\n" for each in lines))
    rows = [run(0, seed, "completed", 2) for seed in SEEDS] + [run(1, seed, "planned", 0) for seed in SEEDS]
    pd.DataFrame(rows).to_parquet(tmp_path / "trials.parquet", index=False)
    (tmp_path / "study.yaml").write_text(STUDY)
    provenance = {"format": FORMAT, "data": {"name": "digits"}, "sessions": []}
    (tmp_path / "provenance.json").write_text(json.dumps(provenance))
    return tmp_path


def test_both_sides_mean_the_same_axes_and_formats() -> None:
    assert (*AXES, "stage") == FACTORS
    assert {*CURVE_TYPES} >= {*FACTORS}
    assert {*RUN_TYPES} >= {*FACTORS}
    assert FORMAT in READABLE_FORMATS


def test_what_study_writes_is_read_without_a_problem(directory: Path) -> None:
    results = read(directory)
    assert results.problems == []
    assert results.name == "contract"
    assert tuple(results.runs.columns) == tuple(RUN_TYPES)
    assert results.runs["state"].tolist() == ["completed", "completed", "planned", "planned"]
    assert results.runs["momentum"].tolist() == [0.9] * 4


def test_curves_are_one_row_per_run_and_epoch(directory: Path) -> None:
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
        file.write('{"epoch": 2, "iterations": 7\n' + json.dumps(line(2, seconds=4.5)) + "\n")
    results = read(directory)
    assert len(results.curves) == 4
    assert results.curves.loc[1, "seconds"] == 9.0
    assert results.problems == ["records/0000.jsonl, line 5: torn or not JSON; skipped"]


def test_simulated_studies_are_written_as_the_contract_says(tmp_path: Path, directory: Path) -> None:
    simulated = simulate(tmp_path / "simulated", Simulation(seeds=(0, 1)))
    theirs = (simulated / "records" / "0000.jsonl").read_text().splitlines()
    ours = (directory / "records" / "0000.jsonl").read_text().splitlines()
    for mine, real in zip(theirs[:2], ours[:2], strict=True):
        assert set(json.loads(mine)) == set(json.loads(real))
    columns = pd.read_parquet(simulated / "trials.parquet").columns
    assert set(columns) == set(pd.read_parquet(directory / "trials.parquet").columns)


def test_how_runs_ended_is_read_from_the_plan_where_the_table_does_not_know_it_yet(tmp_path: Path) -> None:
    """A driver that was killed leaves trials.parquet as it was some seconds before, or none."""
    results = ResultsDirectory(tmp_path)
    results.records.mkdir()
    ledger, _ = open_ledger(results, stop_when_diverged=False)
    ledger.ask_for([Planned(CONFIGURATION, (0, 1, 2, 3))])
    packs = ledger.form_packs([[run] for run in ledger.remaining()], "session-001")
    for pack in packs:
        ledger.start(pack, None)
    ledger.write_table(at_once=True)
    ledger.end(packs[0], error="Traceback\nRuntimeError: the GPU fell off")
    ledger.end(packs[1])
    ledger.end(packs[2], error="the first time")
    ledger.form_packs([packs[2].runs], "session-002")

    def states() -> list[str]:
        return read(tmp_path).runs["state"].tolist()

    assert pd.read_parquet(results.trials_table)["state"].tolist() == ["running"] * 4
    assert states() == ["failed", "stopped", "planned", "planned"]  # the last two have no epoch yet
    assert read(tmp_path).runs["error"].tolist() == ["RuntimeError: the GPU fell off", None, None, None]
    results.trials_table.unlink()
    assert states() == ["failed", "stopped", "planned", "planned"]
    ledger.write_table(at_once=True)
    assert pd.read_parquet(results.trials_table)["state"].tolist()[:2] == ["failed", "stopped"]
    assert states()[:2] == ["failed", "stopped"]
