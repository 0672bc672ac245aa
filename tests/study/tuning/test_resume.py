import dataclasses

import pytest
import torch

from study.contract.axes import Configuration
from study.plan.trials import PlannedTrial
from study.results.directory import ResultsDirectory
from study.results.records import TrialRecord
from study.space import Study, load_study
from study.tuning.resume import is_finished, newest_checkpoints, next_session, put_back_rows, statuses_before
from tests.study.commands import write_space

TRIAL = PlannedTrial(3, Configuration(block="residual", num_blocks=1, batch_norm=False, lr=0.01, epochs=3))


def row(epoch: int, diverged: list[bool] | None = None) -> dict[str, object]:
    return {"epoch": epoch, "diverged": diverged or [False, False], "host": "here", "device": "cpu"}


def recorded(results: ResultsDirectory, *epochs: int, diverged: list[bool] | None = None) -> None:
    results.records.mkdir(exist_ok=True)
    record = TrialRecord(results.records, TRIAL.trial_id, TRIAL.configuration, [0, 1])
    for epoch in epochs:
        record.append(row(epoch, diverged))


@pytest.mark.parametrize(
    ("epochs", "finished"), [((), False), ((1, 2), False), ((1, 2, 3), True), ((2, 3), False), ((1, 2, 2, 3), True)]
)
def test_a_trial_is_finished_when_its_record_holds_every_epoch(tmp_path, epochs, finished):
    results = ResultsDirectory(tmp_path)
    if epochs:
        recorded(results, *epochs)
    assert is_finished(TRIAL, results, stop_when_diverged=False) is finished


def test_a_trial_that_stops_when_all_its_seeds_diverge_is_finished_then(tmp_path):
    results = ResultsDirectory(tmp_path)
    recorded(results, 1, diverged=[True, True])
    assert is_finished(TRIAL, results, stop_when_diverged=True)
    assert not is_finished(TRIAL, results, stop_when_diverged=False)
    recorded(results, 2, diverged=[True, False])
    assert not is_finished(TRIAL, results, stop_when_diverged=True)


def checkpoint(folder, session: int, number: int, content: object, trial: str = "0003"):
    file = folder / f"session-{session:03d}" / f"{trial}_residual1_abc" / f"checkpoint_{number:06d}" / "state.pt"
    file.parent.mkdir(parents=True)
    torch.save(content, file)
    return file


def test_the_newest_readable_checkpoint_is_used(tmp_path):
    old = checkpoint(tmp_path, 1, 7, {"epoch": 8})
    assert newest_checkpoints([TRIAL], tmp_path) == {"0003": old}
    new = checkpoint(tmp_path, 2, 0, {"epoch": 9})
    assert newest_checkpoints([TRIAL], tmp_path) == {"0003": new}
    torn = checkpoint(tmp_path, 2, 1, {"epoch": 10})
    for content in (torn.read_bytes()[:200], b"", b"no archive at all"):
        torn.write_bytes(content)
        assert newest_checkpoints([TRIAL], tmp_path) == {"0003": new}


def test_a_trial_without_a_checkpoint_starts_over(tmp_path):
    checkpoint(tmp_path, 1, 0, {}, trial="0030")
    other = dataclasses.replace(TRIAL, number=4)
    assert newest_checkpoints([TRIAL, other], tmp_path) == {}


def test_sessions_are_counted(tmp_path):
    assert next_session(tmp_path / "none") == "session-001"
    (tmp_path / "session-009").mkdir()
    assert next_session(tmp_path) == "session-010"


def study_of(tmp_path, seeds: str = "2") -> Study:
    """Its one trial is TRIAL, but for the number."""
    space = "{num_blocks: {grid: [1]}, epochs: 3}"
    return load_study(write_space(tmp_path, f"name: a\nspace: {space}\nseeds: {seeds}\n"))


def test_a_row_that_only_the_checkpoint_has_is_put_back_and_the_trial_is_finished(tmp_path):
    results = ResultsDirectory(tmp_path)
    recorded(results, 1, 2)
    checkpoint(results.trials, 1, 2, {"rows": [row(1), row(2), row(3)]})
    put_back_rows([TRIAL], results)
    assert is_finished(TRIAL, results, stop_when_diverged=False)


def test_what_the_last_table_said_is_kept(tmp_path):
    results, study = ResultsDirectory(tmp_path), study_of(tmp_path)
    recorded(results, 1, 2)
    before = statuses_before(study, [TRIAL], results)["0003"]
    before.status, before.started, before.directory = "running", "2026-01-01", "session-001/0003_a"
    results.write_trials([before])
    after = statuses_before(study, [TRIAL], results)["0003"]
    assert (after.status, after.started, after.ended) == ("interrupted", "2026-01-01", None)
    assert (after.epochs_done, after.host, after.directory) == (2, "here", "session-001/0003_a")
    after.status, after.error = "failed", "out of memory"
    results.write_trials([after])
    again = statuses_before(study, [TRIAL], results)["0003"]
    assert (again.status, again.error) == ("failed", "out of memory")
    recorded(results, 3)
    done = statuses_before(study, [TRIAL], results)["0003"]
    assert (done.status, done.error) == ("completed", None)


def test_a_record_of_another_trial_is_refused(tmp_path):
    results = ResultsDirectory(tmp_path)
    recorded(results, 1)
    other = dataclasses.replace(TRIAL, configuration=dataclasses.replace(TRIAL.configuration, lr=0.5))
    with pytest.raises(ValueError, match=r"0003\.jsonl is of another trial .* 'lr': 0\.01.* planned is .* 'lr': 0\.5"):
        statuses_before(study_of(tmp_path), [other], results)
    with pytest.raises(ValueError, match=r"seeds \[0, 1\], planned .* seeds \[0, 1, 2\]"):
        statuses_before(study_of(tmp_path, seeds="3"), [TRIAL], results)
