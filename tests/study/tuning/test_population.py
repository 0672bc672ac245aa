"""The population without Ray: who trains when, and from which state."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch

from study.contract.axes import Configuration
from study.contract.plan import Move
from study.contract.runs import Run
from study.plan.packs import Pack
from study.plan.planned import Planned
from study.results.ledger import Ledger
from study.results.opening import open_ledger
from study.results.paths import ResultsDirectory
from study.space import Study, load_study
from study.training.loop import Training
from study.tuning.checkpoints import LostStateError, States
from study.tuning.population import Population
from tests.helpers import tiny_data
from tests.study.commands import write_space
from tests.study.lines import line

RATES = (0.1, 0.2, 0.3, 0.4)


@pytest.fixture(scope="module")
def states() -> dict[int, object]:
    """The state of a run after each of five epochs."""
    training = Training([Run(Configuration(num_blocks=0, epochs=5), 0)], tiny_data(130, 10))
    found = {}
    for epoch in range(1, 6):
        training.run_epoch()
        found[epoch] = training.state_dict()
    return found


def opened(folder: Path) -> Ledger:
    results = ResultsDirectory(folder)
    results.records.mkdir(exist_ok=True)
    ledger, problems = open_ledger(results, stop_when_diverged=False)
    assert problems == []
    ledger.ask_for([Planned(Configuration(num_blocks=0, lr=lr, epochs=5), (0,)) for lr in RATES])
    return ledger


def checkpoint(folder: Path, pack: str, trial_id: str, epoch: int, states: dict[int, object]) -> Path:
    file = folder / "trials" / "session-001" / f"{pack}_a" / f"checkpoint_{epoch:06d}" / "state.pt"
    file.parent.mkdir(parents=True)
    torch.save({"format": 2, "pack": pack, "runs": [(trial_id, 0)], "training": states[epoch], "lines": []}, file)
    return file


def study(folder: Path) -> Study:
    text = "name: a\nspace: {num_blocks: 0, lr: {grid: [0.1, 0.2, 0.3, 0.4]}, epochs: 5}\nseeds: 1\nvalidation: 10\n"
    return load_study(write_space(folder, text + "scheduler: {name: pbt, perturbation_interval: 2}\n"))


def test_a_member_goes_on_from_the_state_whose_place_it_took_and_then_from_its_own(tmp_path, states):
    ledger, results = opened(tmp_path), ResultsDirectory(tmp_path)
    ledger.form_packs([[ledger.runs["0000", 0].planned], [ledger.runs["0001", 0].planned]], "session-001")
    own = [checkpoint(tmp_path, "p0000", "0000", epoch, states) for epoch in (1, 2)]
    theirs = [checkpoint(tmp_path, "p0001", "0001", epoch, states) for epoch in (1, 2)]

    def of_member(done: int) -> tuple[Path, int] | None:
        return States(ledger, results).of_member(("0000", 0), done)

    assert of_member(0) is None
    assert (of_member(1), of_member(2)) == ((own[0], 0), (own[1], 0))
    ledger.exchange(2, [Move(trial_id="0000", source="0001", values={"lr": 0.3})])
    assert of_member(2) == (theirs[1], 0)
    ledger.form_packs([[ledger.runs["0000", 0].planned]], "session-001")
    after = checkpoint(tmp_path, "p0002", "0000", 3, states)
    assert (of_member(3), of_member(4)) == ((after, 0), (after, 0))
    after.write_bytes(b"torn")
    assert of_member(4) == (theirs[1], 0)
    theirs[1].unlink()
    with pytest.raises(LostStateError, match="of 0001, seed 0, after epoch 2 is gone or damaged"):
        of_member(4)


def trained_to_the_first_exchange(tmp_path, states) -> tuple[Ledger, ResultsDirectory, Population]:
    ledger, results = opened(tmp_path), ResultsDirectory(tmp_path)
    source = Population(study(tmp_path), ledger, results, "session-001", lambda: False)
    for pack, accuracy in zip(all_of(source), (30.0, 10.0, 20.0, 25.0), strict=True):
        train(ledger, pack, tmp_path, states, accuracy)
        source.ended(pack)
    return ledger, results, source


def test_a_lost_state_that_others_go_on_from_is_trained_again(tmp_path, states):
    ledger, results, source = trained_to_the_first_exchange(tmp_path, states)
    assert len(source.begin()) == 4
    (move,) = ledger.exchanges[2]
    assert (move["trial_id"], move["source"]) == ("0001", "0000")
    kept, lost = (tmp_path / f"trials/session-001/p0000_a/checkpoint_{epoch:06d}/state.pt" for epoch in (1, 2))
    lost.write_bytes(lost.read_bytes()[:100])
    again = Population(study(tmp_path), opened(tmp_path), results, "session-002", lambda: False)
    (pack,) = all_of(again)
    assert (pack.runs[0].trial_id, pack.until, pack.values["lr"]) == ("0000", 2, RATES[0])
    assert pack.states == {("0000", 0): (kept, 0)}
    remade = checkpoint(tmp_path, pack.pack_id, "0000", 2, states)
    again.ended(pack)
    second = all_of(again)
    assert [(each.runs[0].trial_id, each.until) for each in second] == [(f"{number:04d}", 4) for number in range(4)]
    assert [each.states for each in second[:2]] == [{("0000", 0): (remade, 0)}, {("0001", 0): (remade, 0)}]


def test_one_that_is_lost_again_at_once_ends_the_session(tmp_path, states):
    _, results, source = trained_to_the_first_exchange(tmp_path, states)
    source.begin()
    for file in tmp_path.glob("trials/*/p0000_a/*/state.pt"):
        file.unlink()
    again = Population(study(tmp_path), opened(tmp_path), results, "session-002", lambda: False)
    (pack,) = all_of(again)
    assert (pack.runs[0].trial_id, pack.states) == ("0000", {})
    again.ended(pack)
    with pytest.raises(OSError, match="after epoch 2 is gone or damaged, though it was made again"):
        again.next()


def train(ledger: Ledger, pack: Pack, folder: Path, states: dict[int, object], accuracy: float) -> None:
    """To the epoch at which the pack makes way."""
    assert pack.until is not None
    ledger.start(pack, None)
    (run,) = pack.runs
    for epoch in range(ledger.runs[run.key].epochs_done + 1, pack.until + 1):
        ledger.record({run.trial_id: [line(epoch, validation=accuracy)]})
        checkpoint(folder, pack.pack_id, run.trial_id, epoch, states)
    ledger.end(pack)


def all_of(source: Population) -> list[Pack]:
    found = []
    while (pack := source.next()) is not None:
        found.append(pack)
    return found


def test_the_population_waits_for_its_last_member_and_a_failed_one_is_left_out(tmp_path, states):
    spent: Callable[[], bool] = lambda: False  # noqa: E731
    ledger = opened(tmp_path)
    source = Population(study(tmp_path), ledger, ResultsDirectory(tmp_path), "session-001", spent)
    first = all_of(source)
    assert [(pack.runs[0].trial_id, pack.until, pack.values["lr"]) for pack in first] == [
        (f"{number:04d}", 2, rate) for number, rate in enumerate(RATES)
    ]
    for pack, accuracy in zip(first[:3], (30.0, 10.0, 20.0), strict=True):
        train(ledger, pack, tmp_path, states, accuracy)
        source.ended(pack)
        assert source.next() is None
        assert not source.finished
    ledger.start(first[3], None)
    ledger.end(first[3], error="out of memory")
    source.ended(first[3])
    second = all_of(source)
    (move,) = ledger.exchanges[2]
    assert (move["trial_id"], move["source"]) == ("0001", "0000")
    assert [(pack.runs[0].trial_id, pack.until) for pack in second] == [("0000", 4), ("0001", 4), ("0002", 4)]
    assert second[1].values == move["values"]
    assert second[1].states is not None
    assert second[1].states["0001", 0][0].parent.parent.name == "p0000_a"
    end(source, ledger, second, tmp_path, states)
    end(source, ledger, all_of(source), tmp_path, states)
    assert source.finished
    assert [status.state for status in ledger.runs.values()] == ["completed"] * 3 + ["failed"]
    # A later session tries it again, alone.
    again = Population(study(tmp_path), opened(tmp_path), ResultsDirectory(tmp_path), "session-002", spent)
    assert [(pack.runs[0].trial_id, pack.until) for pack in again.begin()] == [("0003", 2)]


def end(source: Population, ledger: Ledger, packs: Sequence[Pack], folder: Path, states: dict[int, object]) -> None:
    for pack in packs:
        train(ledger, pack, folder, states, 50.0)
        source.ended(pack)
