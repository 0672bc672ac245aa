from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from study.contract.axes import Configuration
from study.contract.records import EpochLine
from study.contract.runs import Run
from study.plan.planned import Planned, RunKey
from study.results.ledger import Ledger
from study.results.opening import open_ledger
from study.results.paths import ResultsDirectory
from study.training.loop import Training
from study.tuning.checkpoints import find_states, next_session
from tests.helpers import tiny_data
from tests.study.lines import line

CONFIGURATION = Configuration(num_blocks=0, epochs=3)


@pytest.fixture(scope="module")
def trained() -> dict[int, object]:
    """The state of two runs after each number of epochs."""
    training = Training([Run(CONFIGURATION, seed) for seed in (0, 1)], tiny_data(130, 10))
    states = {}
    for epoch in (1, 2, 3):
        training.run_epoch()
        states[epoch] = training.state_dict()
    return states


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    results = ResultsDirectory(tmp_path)
    results.records.mkdir()
    ledger, _ = open_ledger(results, stop_when_diverged=False)
    ledger.ask_for([Planned(CONFIGURATION, (0, 1))])
    ledger.form_packs([ledger.remaining()], "session-001")
    ledger.record({"0000": [line(1, (0, 1)), line(2, (0, 1))]})
    return ledger


def checkpoint(
    folder: Path,
    number: int,
    state: object,
    *,
    pack: str = "p0000",
    runs: Sequence[RunKey] = (("0000", 0), ("0000", 1)),
    lines: Sequence[EpochLine] = (),
    session: int = 1,
) -> Path:
    file = folder / "trials" / f"session-{session:03d}" / f"{pack}_a" / f"checkpoint_{number:06d}" / "state.pt"
    file.parent.mkdir(parents=True)
    content = {"format": 2, "pack": pack, "runs": list(runs), "training": state}
    torch.save(content | {"lines": [("0000", each) for each in lines]}, file)
    return file


def find(ledger: Ledger, folder: Path):
    return find_states(ledger, ResultsDirectory(folder))


def test_the_newest_state_of_each_run_is_used(tmp_path, ledger, trained):
    checkpoint(tmp_path, 1, trained[1])
    new = checkpoint(tmp_path, 2, trained[2])
    found = find(ledger, tmp_path)
    assert found.states == {("0000", 0): (new, 0), ("0000", 1): (new, 1)}
    assert found.problems == []


@pytest.mark.parametrize("content", [b"", b"no archive at all", "torn", "foreign"])
def test_a_damaged_checkpoint_is_named_and_the_one_before_it_is_used(tmp_path, ledger, trained, content):
    old = checkpoint(tmp_path, 1, trained[1])
    new = checkpoint(tmp_path, 2, trained[2])
    if content == "foreign":
        torch.save({"weights": [1, 2]}, new)
    else:
        new.write_bytes(new.read_bytes()[:-2000] if content == "torn" else content)
    found = find(ledger, tmp_path)
    assert found.states == {("0000", 0): (old, 0), ("0000", 1): (old, 1)}
    assert [problem.startswith(f"{new}: damaged") for problem in found.problems] == [True]


def test_a_checkpoint_that_may_be_readable_later_stops_the_session(tmp_path, ledger):
    (tmp_path / "trials" / "session-001" / "p0000_a" / "checkpoint_000001" / "state.pt").mkdir(parents=True)
    with pytest.raises(IsADirectoryError):
        find(ledger, tmp_path)


def test_a_state_beyond_what_the_record_holds_is_not_used_unless_it_brings_the_rows(tmp_path, ledger, trained):
    file = checkpoint(tmp_path, 3, trained[3])
    assert find(ledger, tmp_path).states == {}
    file.unlink()
    file.parent.rmdir()
    checkpoint(tmp_path, 3, trained[3], lines=[line(3, (0, 1))])
    assert find(ledger, tmp_path).states.keys() <= {("0000", 0), ("0000", 1)}
    assert [status.state for status in ledger.runs.values()] == ["completed", "completed"]
    assert ledger.remaining() == []


def test_runs_of_one_pack_go_on_from_states_of_different_packs(tmp_path, ledger, trained):
    ledger.form_packs([[ledger.runs["0000", 1].planned]], "session-002")
    old = checkpoint(tmp_path, 1, trained[1])
    training = Training([Run(CONFIGURATION, 1)], tiny_data(130, 10))
    training.run_epoch()
    training.run_epoch()
    new = checkpoint(tmp_path, 2, training.state_dict(), pack="p0001", runs=[("0000", 1)], session=2)
    assert find(ledger, tmp_path).states == {("0000", 0): (old, 0), ("0000", 1): (new, 0)}


def test_a_run_without_a_checkpoint_starts_over(tmp_path, ledger):
    assert find(ledger, tmp_path).states == {}


def test_sessions_are_counted(tmp_path):
    assert next_session(tmp_path / "none") == "session-001"
    for name in ("session-009", "session-new"):
        (tmp_path / name).mkdir()
    assert next_session(tmp_path) == "session-010"
