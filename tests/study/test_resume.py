import dataclasses

import pytest
import torch

from study.plan import PlannedTrial
from study.records import TrialRecord
from study.results import ResultsDirectory
from study.resume import is_finished, newest_checkpoints, next_session
from study.space import Configuration

TRIAL = PlannedTrial(3, Configuration(block="residual", num_blocks=1, batch_norm=False, lr=0.01, epochs=3))


def recorded(results: ResultsDirectory, *epochs: int, diverged: list[bool] | None = None) -> None:
    record = TrialRecord(results.records, TRIAL.trial_id, TRIAL.configuration, [0, 1])
    for epoch in epochs:
        record.append({"epoch": epoch, "diverged": diverged or [False, False]})


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
