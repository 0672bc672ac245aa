from pathlib import Path

from study.contract.axes import Configuration
from study.plan.planned import Planned
from study.results.ledger import Ledger
from study.results.opening import open_ledger
from study.results.paths import ResultsDirectory
from study.terminal.pace import Pace
from study.terminal.standing import stand
from tests.study.lines import line


def ledger_of(folder: Path, *planned: Planned, stop_when_diverged: bool = False) -> Ledger:
    results = ResultsDirectory(folder)
    results.records.mkdir()
    ledger, _ = open_ledger(results, stop_when_diverged=stop_when_diverged)
    ledger.ask_for(planned)
    return ledger


def test_the_beginning_of_a_longer_run_is_not_trained_and_not_counted(tmp_path):
    ledger = ledger_of(tmp_path, Planned(Configuration(epochs=2), (0,)), Planned(Configuration(epochs=5), (0,)))
    (pack,) = ledger.form_packs([ledger.remaining()], "session-001")
    ledger.start(pack, None)
    ledger.record({"0001": [line(1), line(2), line(3)]})
    standing = stand(ledger, [pack], Pace(0.0))
    assert (standing.model_epochs, standing.planned) == (3, 5)
    assert (standing.runs, standing.ended) == (2, 1)
    (row,) = standing.rows
    assert (row.words, row.epochs, row.planned) == ("5 epochs", 3, 5)
    assert standing.best is not None
    assert standing.best.words == "2 epochs"


def test_a_plan_that_grows_is_followed_and_what_is_expected_counts(tmp_path):
    ledger = ledger_of(tmp_path, Planned(Configuration(epochs=2), (0, 1)))
    assert stand(ledger, [], Pace(0.0)).planned == 4
    assert stand(ledger, [], Pace(0.0), expected=20).planned == 20
    ledger.ask_for([Planned(Configuration(num_blocks=3, epochs=2), (0, 1))])
    assert stand(ledger, [], Pace(0.0)).planned == 8
    assert stand(ledger, [], Pace(0.0), expected=6).planned == 8


def test_a_run_that_was_stopped_leaves_nothing_to_train(tmp_path):
    ledger = ledger_of(tmp_path, Planned(Configuration(epochs=9), (0,)), Planned(Configuration(lr=0.1, epochs=9), (0,)))
    first, second = ledger.form_packs([[run] for run in ledger.remaining()], "session-001")
    for pack in (first, second):
        ledger.start(pack, None)
    ledger.record({"0000": [line(1)], "0001": [line(1), line(2)]})
    ledger.end(first)
    ledger.end(second, error="gone")
    standing = stand(ledger, [], Pace(0.0))
    assert (standing.model_epochs, standing.planned, standing.ended) == (3, 3, 1)
    assert standing.best is None  # none has all its epochs
    # What was stopped early was foreseen with all its epochs, and is not still to come.
    assert stand(ledger, [], Pace(0.0), expected=18).planned == 3
    assert stand(ledger, [], Pace(0.0), expected=27).planned == 12


def test_the_best_is_that_of_validation_where_there_is_one(tmp_path):
    ledger = ledger_of(
        tmp_path, Planned(Configuration(epochs=1), (0, 1)), Planned(Configuration(lr=0.1, epochs=1), (0, 1))
    )
    packs = ledger.form_packs([[r for r in ledger.remaining() if r.trial_id == t] for t in ("0000", "0001")], "s")
    for pack in packs:
        ledger.start(pack, None)
    for trial_id, test, validation in (("0000", 90.0, 40.0), ("0001", 80.0, 60.0)):
        ledger.record(
            {trial_id: [{**line(1, (0, 1), value=test), "validation_accuracy": [validation, validation + 2]}]}
        )
    best = stand(ledger, [], Pace(0.0)).best
    assert best is not None
    assert (best.words, best.measure, best.value.mean, best.value.runs) == ("lr 0.1", "validation", 61.0, 2)
    # A confirmation has no validation set; its test accuracy is no match for what was selected by validation.
    ledger.ask_for([Planned(Configuration(epochs=1), (7,), "confirm")])
    (pack,) = ledger.form_packs([ledger.remaining()], "s")
    ledger.start(pack, None)
    assert [row.words for row in stand(ledger, [pack], Pace(0.0)).rows] == ["lr 0.01 (confirm)"]
    ledger.record({"0002": [line(1, (7,), value=99.0)]})
    assert stand(ledger, [], Pace(0.0)).best == best


def test_values_are_as_short_as_tells_them_apart(tmp_path):
    rates = (0.1555538802069936, 0.1556, 0.02)
    ledger = ledger_of(tmp_path, *(Planned(Configuration(lr=lr, epochs=1), (0,)) for lr in rates))
    packs = ledger.form_packs([[run] for run in ledger.remaining()], "session-001")
    for pack in packs:
        ledger.start(pack, None)
    assert [row.words for row in stand(ledger, packs, Pace(0.0)).rows] == ["lr 0.15555", "lr 0.1556", "lr 0.02"]
