import pytest

from study.contract.axes import Configuration
from study.growth.scores import ranked, scores
from study.plan.planned import Planned
from study.results.ledger import Ledger
from study.results.opening import open_ledger
from study.results.paths import ResultsDirectory
from tests.study.lines import line


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    """Three configurations with two seeds and three epochs each: 0000, 0001 and 0002, in one pack."""
    results = ResultsDirectory(tmp_path)
    results.records.mkdir()
    ledger, _ = open_ledger(results, stop_when_diverged=True)
    ledger.ask_for([Planned(Configuration(lr=lr, epochs=3), (0, 1), reason="search") for lr in (0.1, 0.2, 0.3)])
    (pack,) = ledger.form_packs([ledger.remaining()], "session-001")
    ledger.start(pack, None)
    return ledger


def test_a_value_is_the_mean_over_the_seeds_up_to_the_epoch_that_all_have(ledger):
    ledger.record({"0000": [line(1, (0,), validation=50), line(2, (0,), validation=60)]})
    assert scores(ledger)[0].values == {}
    ledger.record({"0000": [line(1, (1,), validation=40)]})
    assert scores(ledger)[0].values == {1: 45}
    ledger.record({"0000": [line(2, (1,), validation=44), line(3, (0, 1), validation=70)]})
    first = scores(ledger)[0]
    assert (first.fate, first.values, first.value) == ("completed", {1: 45, 2: 52, 3: 70}, 70)
    assert first.of_seeds == {0: 70, 1: 70}
    assert [score.fate for score in scores(ledger)] == ["completed", "running", "running"]


def test_a_diverged_run_counts_with_its_last_accuracy(ledger):
    ledger.record({"0000": [line(1, (0,), validation=10, diverged=True), line(1, (1,), validation=40)]})
    ledger.record({"0000": [line(2, (1,), validation=50), line(3, (1,), validation=60)]})
    first = scores(ledger)[0]
    assert (first.fate, first.values) == ("completed", {1: 25, 2: 30, 3: 35})


def test_a_configuration_of_which_all_runs_have_diverged_is_no_winner(ledger):
    ledger.record({"0000": [line(1, (0, 1), validation=99, diverged=True)]})
    ledger.record({"0001": [line(epoch, (0, 1), validation=20) for epoch in (1, 2, 3)]})
    ledger.record({"0002": [line(epoch, (0, 1), validation=30) for epoch in (1, 2, 3)]})
    assert [score.fate for score in scores(ledger)] == ["diverged", "completed", "completed"]
    assert [score.trial_id for score in ranked(scores(ledger))] == ["0002", "0001"]


def test_what_a_scheduler_ended_comes_after_what_was_trained_to_its_end(tmp_path, ledger):
    ledger.record({"0000": [line(1, (0, 1), validation=80)]})
    ledger.record({"0001": [line(epoch, (0, 1), validation=20) for epoch in (1, 2, 3)]})
    ledger.record({"0002": [line(epoch, (0, 1), validation=30) for epoch in (1, 2)]})
    again, _ = open_ledger(ResultsDirectory(tmp_path), stop_when_diverged=True)
    (pack,) = again.form_packs([again.remaining()], "session-002")
    again.start(pack, None)
    again.end(pack)
    assert [score.fate for score in scores(again)] == ["stopped", "completed", "stopped"]
    assert [score.trial_id for score in ranked(scores(again))] == ["0001", "0002", "0000"]


def test_a_configuration_without_a_value_has_failed(tmp_path, ledger):
    (pack,) = ledger.form_packs([ledger.remaining()], "session-002")
    ledger.start(pack, None)
    ledger.end(pack, error="no memory")
    assert {score.fate for score in scores(ledger)} == {"failed"}
    assert ranked(scores(ledger)) == []


def test_stages_are_apart(ledger):
    ledger.ask_for([Planned(Configuration(lr=0.1, epochs=3), (10_000,), "confirm", "confirm")])
    assert len(scores(ledger)) == 3
    assert [(score.trial_id, score.reason) for score in scores(ledger, "confirm")] == [("0003", "confirm")]
