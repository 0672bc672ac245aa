import json
import os
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
    assert results.runs["state"].unique().tolist() == ["completed"]
    assert results.runs["trial_id"].unique().tolist() == [f"{n:04d}" for n in range(10)]
    assert results.runs["seed"].tolist() == [0, 1, 2, 3, 4] * 10
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


def change(directory: Path, trials: list[str], **values: str | int) -> None:
    """Change the rows of some configurations in trials.parquet."""
    table = pd.read_parquet(directory / "trials.parquet")
    for name, value in values.items():
        table.loc[table["trial_id"].isin(trials), name] = value
    table.to_parquet(directory / "trials.parquet")


def cut(directory: Path, trial: str, epochs: int) -> None:
    """Leave so many epochs in a record."""
    record = directory / "records" / f"{trial}.jsonl"
    record.write_text("\n".join(record.read_text().splitlines()[: epochs + 1]) + "\n")


def states(directory: Path) -> dict[str, set[str]]:
    return {str(trial): set(runs["state"]) for trial, runs in read(directory).runs.groupby("trial_id")}


@pytest.mark.parametrize(
    ("name", "state", "planned"), [("depth", "state", "planned"), ("format_1", "status", "not_started")]
)
def test_killed_driver_is_said_and_states_are_brought_up(copy, name: str, state: str, planned: str) -> None:
    directory = copy(name)
    change(directory, ["0000", "0001", "0002", "0003", "0004"], **{state: "running", "epochs_done": 3})
    change(directory, ["0005", "0006", "0007", "0008", "0009"], **{state: planned, "epochs_done": 0})
    provenance = json.loads((directory / "provenance.json").read_text())
    provenance["sessions"][-1]["ended"] = None
    (directory / "provenance.json").write_text(json.dumps(provenance))
    cut(directory, "0009", 7)
    results = read(directory)
    assert states(directory) == {f"{n:04d}": {"completed"} for n in range(9)} | {"0009": {"running"}}
    assert results.runs.groupby("trial_id")["epochs_done"].max().tolist() == [25] * 9 + [7]
    assert any("behind the records for 50 runs" in p for p in results.problems)
    assert any("still running, or its driver was killed" in p for p in results.problems)


def test_unfinished_run_of_an_ended_study_is_interrupted(copy) -> None:
    directory = copy("depth")
    change(directory, ["0002"], state="running", epochs_done=4)
    cut(directory, "0002", 4)
    assert states(directory)["0002"] == {"interrupted"}


def test_runs_of_one_configuration_stand_at_different_epochs(copy) -> None:
    """They may train in different packs; only what a record holds of a run counts for it."""
    directory = copy("depth")
    record = directory / "records" / "0002.jsonl"
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    for line in lines[11:]:
        for key in ("seeds", "seconds", "train_loss", "train_accuracy", "test_accuracy", "diverged"):
            line[key] = line[key][:3]
    record.write_text("\n".join(map(json.dumps, lines)))
    change(directory, ["0002"], state="running")
    runs = read(directory).runs
    mine = runs[runs["trial_id"] == "0002"]
    assert mine["epochs_done"].tolist() == [25, 25, 25, 10, 10]
    assert mine["state"].tolist() == ["completed"] * 3 + ["interrupted"] * 2


def test_a_run_that_was_stopped_when_it_diverged_is_completed(tmp_path: Path) -> None:
    study = Simulation(on_divergence="stop", diverges=lambda c, seed: seed == 2)
    directory = simulate(tmp_path, study)
    change(directory, ["0000"], state="running", epochs_done=0)
    results = read(directory)
    assert results.runs["state"].tolist() == ["completed"] * 5
    assert results.runs["epochs_done"].min() < 25


def test_derived_runs_are_marked_with_and_without_the_table(copy) -> None:
    directory = copy("epochs")
    expected = {"0000": {"derived"}, "0001": {"derived"}, "0002": {"completed"}}
    assert states(directory) == expected
    (directory / "trials.parquet").unlink()
    assert states(directory) == expected
    curves = read(directory).curves
    assert curves.groupby("trial_id")["derived"].all().tolist() == [True, True, False]


@pytest.mark.parametrize("name", ["killed"])
def test_runs_are_made_from_records_and_the_plan_when_their_table_is_gone(copy, name: str) -> None:
    directory = copy(name)
    (directory / "trials.parquet").unlink()
    (directory / "records" / "0005.jsonl").unlink()
    results = read(directory)
    assert "trials.parquet is missing" in results.problems
    found = states(directory)
    assert found["0000"] == {"completed"}
    assert found["0003"] == {"running"}
    assert found["0005"] == {"planned"}, "only plan.jsonl knows of these"
    assert len(results.runs) == 50


def test_a_torn_plan_costs_nothing_else(copy) -> None:
    directory = copy("depth")
    with (directory / "plan.jsonl").open("a") as file:
        file.write('{"event": "runs", "trial_id": "0003", "seeds": [9]}\n{"event": "runs", "trial_')
    results = read(directory)
    assert results.problems == []
    assert results.runs.loc[results.runs["seed"] == 9, ["trial_id", "state"]].values.tolist() == [["0003", "planned"]]


def test_runs_that_only_the_records_know_are_added_and_named(copy) -> None:
    directory = copy("depth")
    table = pd.read_parquet(directory / "trials.parquet")
    table[table["trial_id"] != "0009"].to_parquet(directory / "trials.parquet")
    results = read(directory)
    assert len(results.runs) == 50
    assert "trials.parquet does not know 5 runs found in the records: 0009" in results.problems


def test_lost_epochs_are_named(copy) -> None:
    directory = copy("depth")
    (directory / "records" / "0001.jsonl").unlink()
    assert any("fewer epochs than trials.parquet says for 5 runs: 0001" in p for p in read(directory).problems)


def test_a_copy_of_a_record_is_named_and_counts_once(copy) -> None:
    directory = copy("single")
    record = directory / "records" / "0000.jsonl"
    shutil.copy(record, record.with_name("0000 (copy).jsonl"))
    results = read(directory)
    assert len(results.curves) == 5 * 25
    assert results.problems == [
        "records/0000 (copy).jsonl, line 1: is a copy of the record of '0000' under another name; skipped"
    ]


def test_an_old_curves_table_is_read_with_the_shares_of_its_runs(copy) -> None:
    directory = copy("format_1")
    expected = read(directory).curves
    old = expected.drop(columns=["stage", "momentum", "weight_decay", "batch_size", "lr_schedule", "derived"])
    old.assign(seconds=old["seconds"] * 5).to_parquet(directory / "curves.parquet")
    shutil.rmtree(directory / "records")
    pd.testing.assert_frame_equal(read(directory).curves, expected)


def test_names_that_are_not_utf_8_are_written_as_escapes(copy) -> None:
    directory = copy("single")
    provenance = json.loads((directory / "provenance.json").read_text())
    provenance["data"]["classes"][0] = os.fsdecode(b"caf\xe9")
    (directory / "provenance.json").write_text(json.dumps(provenance))
    classes = read(directory).provenance["data"]["classes"]
    assert classes[0] == "caf\\udce9"
    json.dumps(classes, ensure_ascii=False).encode()


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
    assert len(results.runs) == 5


def test_directory_before_the_first_epoch(tmp_path: Path) -> None:
    directory = simulate(tmp_path, Simulation(stopped={0: 0}, ended=False), curves_too=False)
    shutil.rmtree(directory / "records")
    (directory / "records").mkdir()
    results = read(directory)
    assert results.curves.empty
    assert results.runs["epochs_done"].tolist() == [0] * 5


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


def test_a_directory_written_by_the_first_version() -> None:
    """tests/data/format1: digits, 0 and 1 blocks, seeds 0 and 1, 3 epochs; written by version 0.1.0."""
    results = read(Path(__file__).parents[1] / "data" / "format1")
    assert results.problems == []
    assert results.name == "first"
    assert results.runs[["trial_id", "seed", "state", "epochs_done"]].values.tolist() == [
        [trial, seed, "completed", 3] for trial in ("0000", "0001") for seed in (0, 1)
    ]
    last = results.curves[results.curves["epoch"] == 3]
    assert last["test_accuracy"].round(2).tolist() == [58.61, 70.28, 55.56, 41.39]
    assert last["seconds"].round(3).tolist() == [0.37, 0.37, 0.449, 0.449]
    assert results.curves[["momentum", "batch_size"]].drop_duplicates().values.tolist() == [[0, 128]]
