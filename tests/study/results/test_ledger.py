import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest

from study.contract.axes import Configuration
from study.contract.lines import CHECKSUM, sealed
from study.contract.records import read_record
from study.plan.packs import Pack
from study.plan.planned import Planned
from study.results.ledger import Ledger
from study.results.opening import DamagedError, open_ledger
from study.results.paths import ResultsDirectory
from tests.study.lines import line

SHORT, LONG = Configuration(epochs=2), Configuration(epochs=4)


def opened(folder: Path, wanted: Sequence[Planned] = (), *, stop: bool = False) -> Ledger:
    results = ResultsDirectory(folder)
    results.records.mkdir(exist_ok=True)
    ledger, problems = open_ledger(results, stop_when_diverged=stop)
    assert problems == []
    ledger.ask_for(wanted)
    ledger.copy_beginnings()
    return ledger


def pack_of(ledger: Ledger) -> Pack:
    (pack,) = ledger.form_packs([ledger.remaining()], "session-001")
    return pack


def states(ledger: Ledger) -> dict[tuple[str, int], str]:
    return {key: status.state for key, status in ledger.runs.items()}


def test_a_run_is_planned_running_and_completed_and_its_record_holds_it(tmp_path):
    ledger = opened(tmp_path, [Planned(SHORT, (0, 1))])
    assert set(states(ledger).values()) == {"planned"}
    pack = pack_of(ledger)
    ledger.start(pack, "session-001/p0000_a")
    assert set(states(ledger).values()) == {"running"}
    ledger.record({"0000": [line(1, (0, 1)), line(2, (0,))]})
    assert states(ledger) == {("0000", 0): "completed", ("0000", 1): "running"}
    ledger.record({"0000": [line(2, (1,))]})
    ledger.end(pack)
    assert set(states(ledger).values()) == {"completed"}
    assert ledger.remaining() == []
    record, problems = read_record(tmp_path / "records" / "0000.jsonl")
    assert problems == []
    assert record is not None
    assert {seed: list(epochs) for seed, epochs in record.runs().items()} == {0: [1, 2], 1: [1, 2]}
    assert (record.configuration, record.stage) == (SHORT, "explore")


def test_a_pack_that_failed_before_it_ran_has_failed(tmp_path):
    ledger = opened(tmp_path, [Planned(SHORT, (0, 1))])
    ledger.end(pack_of(ledger), error="no memory to start a process")
    assert set(states(ledger).values()) == {"failed"}
    assert ledger.outcome == "failed"
    assert set(states(opened(tmp_path)).values()) == {"failed"}


def test_opened_again_it_knows_what_was_trained(tmp_path):
    ledger = opened(tmp_path, [Planned(SHORT, (0, 1, 2))])
    ledger.start(pack_of(ledger), None)
    ledger.record({"0000": [line(1, (0, 1)), line(2, (0,))]})
    again = opened(tmp_path)
    assert list(states(again).values()) == ["completed", "interrupted", "planned"]
    assert [again.runs["0000", seed].epochs_left for seed in range(3)] == [0, 1, 2]
    assert [run.key for run in again.remaining()] == [("0000", 1), ("0000", 2)]
    assert again.runs["0000", 1].device == "cpu (kernels)"


def test_an_epoch_that_is_trained_again_is_not_written_again(tmp_path):
    ledger = opened(tmp_path, [Planned(SHORT, (0, 1))])
    ledger.record({"0000": [line(1, (0,))]})
    ledger.record({"0000": [line(1, (0, 1)), line(1, (1,))]})
    seeds = [json.loads(text)["seeds"] for text in (tmp_path / "records" / "0000.jsonl").read_text().splitlines()[1:]]
    assert seeds == [[0], [1]]


def test_a_lost_epoch_is_a_gap_that_the_run_is_trained_from(tmp_path):
    ledger = opened(tmp_path, [Planned(LONG, (0,))])
    ledger.record({"0000": [line(epoch) for epoch in (1, 3, 4)]})
    assert (ledger.runs["0000", 0].epochs_done, states(ledger)["0000", 0]) == (1, "planned")
    ledger.record({"0000": [line(2)]})
    assert (ledger.runs["0000", 0].epochs_done, states(ledger)["0000", 0]) == (4, "completed")


def test_the_shorter_run_is_derived_as_the_longer_one_is_trained(tmp_path):
    ledger = opened(tmp_path, [Planned(SHORT, (0,)), Planned(LONG, (0, 1))])
    assert [run.key for run in ledger.remaining()] == [("0001", 0), ("0001", 1)]
    for epoch in (1, 2, 3):
        ledger.record({"0001": [line(epoch, (0, 1))]})
    assert states(ledger)["0000", 0] == "derived"
    record, _ = read_record(tmp_path / "records" / "0000.jsonl")
    assert record is not None
    assert [each.line.get("derived_from") for each in record.runs()[0].values()] == ["0001", "0001"]
    assert record.runs().keys() == {0}
    assert states(opened(tmp_path))["0000", 0] == "derived"


def test_a_longer_run_begins_with_what_was_trained_of_a_shorter_one(tmp_path):
    ledger = opened(tmp_path, [Planned(SHORT, (0,))])
    ledger.record({"0000": [line(1), line(2)]})
    extended = opened(tmp_path, [Planned(LONG, (0,))])
    assert (extended.runs["0001", 0].epochs_done, extended.runs["0000", 0].state) == (2, "completed")
    assert [run.key for run in extended.remaining()] == [("0001", 0)]
    extended.record({"0001": [line(3), line(4)]})
    again = opened(tmp_path)
    assert states(again) == {("0000", 0): "completed", ("0001", 0): "completed"}
    record, _ = read_record(tmp_path / "records" / "0001.jsonl")
    assert record is not None
    assert [each.line.get("derived_from") for each in record.runs()[0].values()] == ["0000", "0000", None, None]


def test_a_copy_that_was_lost_is_made_again(tmp_path):
    """The driver dies between writing the longer run's record and the shorter one's."""
    ledger = opened(tmp_path, [Planned(SHORT, (0,)), Planned(LONG, (0,))])
    ledger.record({"0001": [line(1), line(2)]})
    (tmp_path / "records" / "0000.jsonl").unlink()
    assert states(opened(tmp_path))["0000", 0] == "derived"


def test_a_diverged_run_is_complete_only_where_it_stops_then(tmp_path):
    ledger = opened(tmp_path, [Planned(LONG, (0, 1))])
    ledger.record({"0000": [line(1, (0,), diverged=True), line(1, (1,))]})
    assert states(opened(tmp_path))["0000", 0] == "interrupted"
    assert states(opened(tmp_path, stop=True)) == {("0000", 0): "completed", ("0000", 1): "interrupted"}


def test_a_failure_is_remembered_until_it_is_tried_again(tmp_path):
    ledger = opened(tmp_path, [Planned(SHORT, (0, 1))])
    pack = pack_of(ledger)
    ledger.start(pack, None)
    ledger.record({"0000": [line(1, (0,)), line(2, (0,))]})
    ledger.end(pack, error="out of memory")
    assert states(ledger) == {("0000", 0): "completed", ("0000", 1): "failed"}
    again = opened(tmp_path)
    assert again.runs["0000", 1].error == "out of memory"
    assert [run.key for run in again.remaining()] == [("0000", 1)]
    again.start(pack_of(again), None)
    assert (again.runs["0000", 1].state, again.runs["0000", 1].error) == ("running", None)


def test_a_run_that_a_scheduler_stopped_stays_stopped(tmp_path):
    ledger = opened(tmp_path, [Planned(LONG, (0,))])
    pack = pack_of(ledger)
    ledger.start(pack, None)
    ledger.record({"0000": [line(1)]})
    ledger.end(pack)
    assert states(opened(tmp_path)) == {("0000", 0): "stopped"}
    assert opened(tmp_path).runs["0000", 0].reason == "scheduler"
    assert opened(tmp_path).remaining() == []


def test_what_runs_at_the_end_of_a_session_was_interrupted(tmp_path):
    ledger = opened(tmp_path, [Planned(LONG, (0,))])
    ledger.start(pack_of(ledger), None)
    ledger.interrupt()
    assert states(ledger) == {("0000", 0): "interrupted"}


def test_the_table_has_a_row_for_every_run(tmp_path):
    ledger = opened(tmp_path, [Planned(SHORT, (0, 1))])
    ledger.start(pack_of(ledger), "session-001/p0000_a")
    ledger.record({"0000": [line(1, (0,))]})
    ledger.interrupt()
    table = pd.read_parquet(tmp_path / "trials.parquet")
    assert list(table.columns) == [
        *("trial_id", "stage", "block", "num_blocks", "batch_norm", "lr", "epochs"),
        *("momentum", "weight_decay", "batch_size", "lr_schedule"),
        *("seed", "state", "epochs_done", "reason", "error", "started", "ended", "host", "device", "pack", "directory"),
    ]
    assert table["seed"].tolist() == [0, 1]
    assert table["epochs_done"].tolist() == [1, 0]
    assert table["pack"].tolist() == ["p0000", "p0000"]


def test_a_table_of_many_runs_is_not_written_at_every_event(tmp_path):
    ledger = opened(tmp_path, [Planned(LONG, (0,))])
    pack = pack_of(ledger)
    ledger.start(pack, None)
    (tmp_path / "trials.parquet").unlink()
    ledger.record({"0000": [line(1)]})
    assert not (tmp_path / "trials.parquet").exists()


def test_packs_that_can_have_a_runs_state_are_found_the_newest_first(tmp_path):
    ledger = opened(tmp_path, [Planned(SHORT, (0, 1)), Planned(LONG, (0,))])
    ledger.form_packs([ledger.remaining()], "session-001")
    ledger.form_packs([[ledger.runs["0000", 1].planned], [ledger.runs["0001", 0].planned]], "session-002")
    assert ledger.packs_with(("0000", 0)) == ["p0002", "p0000"]
    assert opened(tmp_path).packs_with(("0000", 1)) == ["p0001", "p0000"]


def test_a_record_of_another_configuration_than_the_plan_has_is_refused(tmp_path):
    ledger = opened(tmp_path, [Planned(SHORT, (0,)), Planned(Configuration(lr=0.5), (0,))])
    ledger.record({"0000": [line(1)], "0001": [line(1)]})
    header, rest = (tmp_path / "records" / "0001.jsonl").read_text().split("\n", 1)
    described = {name: value for name, value in json.loads(header).items() if name != CHECKSUM}
    (tmp_path / "records" / "0000.jsonl").write_text(sealed({**described, "trial_id": "0000"}) + "\n" + rest)
    with pytest.raises(DamagedError, match=r"0000\.jsonl is of another configuration"):
        open_ledger(ResultsDirectory(tmp_path), stop_when_diverged=False)


def test_a_lost_plan_is_made_again_from_the_records(tmp_path):
    ledger = opened(tmp_path, [Planned(SHORT, (0, 1))])
    ledger.record({"0000": [line(1, (0, 1))]})
    (tmp_path / "plan.jsonl").unlink()
    again = opened(tmp_path, [Planned(SHORT, (0, 1, 2))])
    assert list(again.runs) == [("0000", 0), ("0000", 1), ("0000", 2)]
    assert again.runs["0000", 1].epochs_done == 1
    assert list(opened(tmp_path).runs) == [("0000", 0), ("0000", 1), ("0000", 2)]
