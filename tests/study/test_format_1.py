"""A results directory of the first version (tests/data/format1): resumed, extended, nothing trained again."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from study.contract.records import read_record
from tests.study.commands import run, write_space

WRITTEN = Path(__file__).parents[1] / "data" / "format1"
SPACE = """\
name: first
question: Written by the first version
data: digits
space: {num_blocks: {grid: [0, 1]}, lr: 0.05, epochs: 3}
seeds: 2
compare: {across: num_blocks, thresholds: [20, 40]}
"""


@pytest.fixture
def results(tmp_path: Path) -> Path:
    shutil.copytree(WRITTEN, tmp_path / "results")
    return tmp_path / "results"


def epochs_of(results: Path, trial_id: str) -> dict[int, list[int]]:
    record, problems = read_record(results / "records" / f"{trial_id}.jsonl")
    assert problems == []
    assert record is not None
    return {seed: list(epochs) for seed, epochs in record.runs().items()}


def test_an_interrupted_one_goes_on_from_its_checkpoint(tmp_path: Path, results: Path) -> None:
    record = results / "records" / "0001.jsonl"
    lines = record.read_text().splitlines(keepends=True)
    record.write_text("".join(lines[:3]))  # its header and two epochs
    for newest in (results / "trials" / "session-001").glob("0001_*/checkpoint_000002"):
        shutil.rmtree(newest)
    resumed = run(write_space(tmp_path, SPACE), "--results", "results", "--resume", "--no-report")
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert "2 of 4 runs to train, 2 model-epochs" in resumed.stdout
    assert record.read_text().startswith("".join(lines[:3]))
    assert epochs_of(results, "0001") == {0: [1, 2, 3], 1: [1, 2, 3]}
    runs = pd.read_parquet(results / "trials.parquet")
    assert runs["state"].tolist() == ["completed"] * 4


@pytest.mark.slow
def test_it_is_extended_by_seeds_values_and_epochs(tmp_path: Path, results: Path) -> None:
    before = (results / "records" / "0000.jsonl").read_text()
    more = ["--set", "seeds=3", "--set", "space.num_blocks={grid: [0, 1, 2]}", "--set", "space.epochs=4"]
    extended = run(write_space(tmp_path, SPACE), "--results", "results", "--extend", "--no-report", *more)
    assert extended.returncode == 0, extended.stdout + extended.stderr
    # Four runs go on from three epochs to four; five start from nothing.
    assert "9 of 13 runs to train, 24 model-epochs" in extended.stdout
    assert (results / "records" / "0000.jsonl").read_text() == before
    assert epochs_of(results, "0002") == {seed: [1, 2, 3, 4] for seed in (0, 1, 2)}
    plan = [json.loads(line) for line in (results / "plan.jsonl").read_text().splitlines()]
    named = {line["trial_id"]: line["configuration"] for line in plan if line["event"] == "configuration"}
    assert [(each["num_blocks"], each["epochs"]) for each in named.values()] == [(0, 3), (1, 3), (0, 4), (1, 4), (2, 4)]


def test_a_finished_one_answers_another_question(tmp_path: Path, results: Path) -> None:
    again = run(
        *(write_space(tmp_path, SPACE), "--results", "results", "--resume", "--no-report"),
        *("--set", "compare.meaningful_difference=7"),
    )
    assert again.returncode == 0, again.stderr
    assert "nothing to train, all 4 runs have ended" in again.stdout
    assert "meaningful_difference: 7.0" in (results / "study.yaml").read_text()
