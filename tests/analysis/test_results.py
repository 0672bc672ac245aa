import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from analysis.results import ResultsError, read, write_curves
from tests.analysis.simulate import Simulation, depth, simulate


@pytest.fixture
def copy(directories: dict[str, Path], tmp_path: Path):
    def copied(name: str) -> Path:
        return Path(shutil.copytree(directories[name], tmp_path / name))

    return copied


def test_whole_directory_has_no_problems(directories: dict[str, Path]) -> None:
    results = read(directories["depth"])
    assert results.problems == []
    assert len(results.curves) == 10 * 5 * 25
    assert results.trials["status"].unique().tolist() == ["completed"]
    assert results.trials["trial_id"].tolist() == [f"{n:04d}" for n in range(10)]
    assert results.study["name"] == "depth"
    assert not results.in_flight


def test_curves_come_back_from_the_parquet_file(copy) -> None:
    directory = copy("depth")
    expected = read(directory).curves
    shutil.rmtree(directory / "records")
    results = read(directory)
    pd.testing.assert_frame_equal(results.curves, expected)
    assert results.problems == ["records/ is missing: curves are taken from curves.parquet"]


def test_write_curves_rebuilds_what_records_say(copy) -> None:
    directory = copy("depth")
    (directory / "curves.parquet").write_bytes(b"old")
    path = write_curves(directory)
    pd.testing.assert_frame_equal(pd.read_parquet(path), read(directory).curves)
    assert [p.name for p in directory.iterdir() if p.name.startswith(".")] == []


def test_write_curves_keeps_an_existing_file_without_records(copy) -> None:
    directory = copy("depth")
    shutil.rmtree(directory / "records")
    before = (directory / "curves.parquet").read_bytes()
    assert write_curves(directory).read_bytes() == before


def test_killed_driver_is_said_and_statuses_are_brought_up(copy) -> None:
    directory = copy("depth")
    table = pd.read_parquet(directory / "trials.parquet")
    table.loc[:4, ["status", "epochs_done"]] = ["running", 3]
    table.loc[5:, ["status", "epochs_done"]] = ["not_started", 0]
    table.to_parquet(directory / "trials.parquet")
    provenance = json.loads((directory / "provenance.json").read_text())
    provenance["sessions"][-1]["ended"] = None
    (directory / "provenance.json").write_text(json.dumps(provenance))
    record = directory / "records" / "0009.jsonl"
    record.write_text("\n".join(record.read_text().splitlines()[:8]))
    results = read(directory)
    assert results.trials["status"].tolist() == ["completed"] * 9 + ["running"]
    assert results.trials["epochs_done"].tolist() == [25] * 9 + [7]
    assert any("behind the records for 10 trials" in p for p in results.problems)
    assert any("still running, or its driver was killed" in p for p in results.problems)


def test_unfinished_trial_of_an_ended_study_is_interrupted(copy) -> None:
    directory = copy("depth")
    table = pd.read_parquet(directory / "trials.parquet")
    table.loc[2, ["status", "epochs_done"]] = ["running", 4]
    table.to_parquet(directory / "trials.parquet")
    record = directory / "records" / "0002.jsonl"
    record.write_text("\n".join(record.read_text().splitlines()[:5]) + "\n")
    trials = read(directory).trials
    assert trials.loc[2, "status"] == "interrupted"
    assert trials.loc[2, "epochs_done"] == 4


def test_trials_are_made_from_records_when_their_table_is_gone(copy) -> None:
    directory = copy("killed")
    (directory / "trials.parquet").unlink()
    results = read(directory)
    assert "trials.parquet is missing" in results.problems
    status = results.trials.set_index("trial_id")["status"]
    assert status["0000"] == "completed"
    assert status["0003"] == "running"


def test_trial_only_the_records_know_is_added_and_named(copy) -> None:
    directory = copy("depth")
    pd.read_parquet(directory / "trials.parquet").iloc[:-1].to_parquet(directory / "trials.parquet")
    results = read(directory)
    assert len(results.trials) == 10
    assert "trials.parquet does not know trial 0009, found in the records" in results.problems


def test_lost_epochs_are_named(copy) -> None:
    directory = copy("depth")
    (directory / "records" / "0001.jsonl").unlink()
    assert any("fewer epochs" in p and "0001" in p for p in read(directory).problems)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("study.yaml", "name: [", "study.yaml cannot be read"),
        ("study.yaml", "- a list", "study.yaml is not a mapping"),
        ("study.yaml", None, "study.yaml is missing"),
        ("provenance.json", "{", "provenance.json cannot be read"),
        ("provenance.json", None, "provenance.json is missing"),
        ("trials.parquet", "PAR1", "trials.parquet cannot be read"),
    ],
)
def test_missing_or_broken_file_is_named(copy, name: str, content: str | None, said: str) -> None:
    directory = copy("single")
    (directory / name).unlink()
    if content is not None:
        (directory / name).write_text(content)
    results = read(directory)
    assert any(said in problem for problem in results.problems)
    assert len(results.curves) == 5 * 25
    assert len(results.trials) == 1


def test_directory_before_the_first_epoch(tmp_path: Path) -> None:
    directory = simulate(tmp_path, Simulation(stopped={0: 0}, ended=False), curves_too=False)
    shutil.rmtree(directory / "records")
    (directory / "records").mkdir()
    results = read(directory)
    assert results.curves.empty
    assert results.trials["epochs_done"].tolist() == [0]


def test_not_a_results_directory(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="no such directory"):
        read(tmp_path / "nowhere")
    with pytest.raises(ResultsError, match="not a results directory"):
        read(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultsError, match="not a directory"):
        read(tmp_path / "file")


def test_seeds_need_not_be_counted_from_zero(tmp_path: Path) -> None:
    directory = simulate(tmp_path, depth(seeds=(7, 3)))
    assert sorted(read(directory).curves["seed"].unique()) == [3, 7]
