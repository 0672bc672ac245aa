"""Runs that ended early: what the ledger knows of them, in later sessions too."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest

from study.contract.axes import Configuration
from study.plan.planned import Planned
from study.results.ledger import Ledger
from study.results.opening import open_ledger
from study.results.paths import ResultsDirectory
from study.space.sections import Plateau, Stop
from tests.study.lines import line

SHORT, LONG = Configuration(epochs=3), Configuration(epochs=6)
TARGET = Stop(target=50)


def opened(folder: Path, wanted: Sequence[Planned] = (), stop: Stop = TARGET) -> Ledger:
    results = ResultsDirectory(folder)
    results.records.mkdir(exist_ok=True)
    ledger, problems = open_ledger(results, stop_when_diverged=False, stop=stop)
    assert problems == []
    ledger.ask_for(wanted)
    ledger.copy_beginnings()
    return ledger


def begun(folder: Path, wanted: Sequence[Planned], stop: Stop = TARGET) -> Ledger:
    ledger = opened(folder, wanted, stop)
    (pack,) = ledger.form_packs([ledger.remaining()], "session-001")
    ledger.start(pack, None)
    return ledger


def ends(folder: Path) -> list[tuple[str, str, list[list[object]]]]:
    lines = [json.loads(text) for text in (folder / "plan.jsonl").read_text().splitlines()]
    return [(each["state"], each["reason"], each["runs"]) for each in lines if each["event"] == "end"]


def test_a_run_that_met_its_target_is_stopped_for_that_reason_and_stays_so(tmp_path):
    ledger = begun(tmp_path, [Planned(LONG, (0, 1))])
    ledger.record({"0000": [line(1, (0, 1), validation=30)]})
    ledger.record({"0000": [line(2, (0,), validation=49.9), line(2, (1,), validation=50)]})
    for each in (ledger, opened(tmp_path)):
        assert (each.runs["0000", 1].state, each.runs["0000", 1].reason) == ("stopped", "target")
        assert [run.key for run in each.remaining()] == [("0000", 0)]
    assert ends(tmp_path) == [("stopped", "target", [["0000", 1]])]
    ledger.interrupt()
    table = pd.read_parquet(tmp_path / "trials.parquet")
    assert table["state"].tolist() == ["interrupted", "stopped"]
    assert table["reason"].fillna("").tolist() == ["", "target"]


def test_a_run_that_rises_no_more_is_stopped_and_one_with_all_its_epochs_is_complete(tmp_path):
    rule = Stop(plateau=Plateau(epochs=2, by=0.5))
    ledger = begun(tmp_path, [Planned(SHORT, (0,)), Planned(Configuration(lr=0.1, epochs=6), (0,))], rule)
    for epoch, value in enumerate([40, 40.5, 40.2], start=1):
        ledger.record({"0000": [line(epoch, validation=value)], "0001": [line(epoch, validation=value)]})
    assert [status.state for status in ledger.runs.values()] == ["completed", "stopped"]
    assert ledger.runs["0001", 0].reason == "plateau"


def test_a_driver_that_dies_before_it_writes_the_end_down_finds_it_in_the_record(tmp_path):
    ledger = begun(tmp_path, [Planned(LONG, (0,))])
    before = (tmp_path / "plan.jsonl").read_bytes()
    ledger.record({"0000": [line(1, validation=60)]})
    (tmp_path / "plan.jsonl").write_bytes(before)
    again = opened(tmp_path)
    assert (again.runs["0000", 0].state, again.runs["0000", 0].reason) == ("stopped", "target")
    assert opened(tmp_path, stop=Stop()).runs["0000", 0].state == "interrupted"


@pytest.mark.parametrize("stopped_at", [2, 5])
def test_the_shorter_runs_of_a_family_end_with_the_longest(tmp_path, stopped_at):
    ledger = begun(tmp_path, [Planned(SHORT, (0,)), Planned(LONG, (0,))])
    for epoch in range(1, stopped_at + 1):
        ledger.record({"0001": [line(epoch, validation=60 if epoch == stopped_at else 30)]})
    short = "stopped" if stopped_at < 3 else "derived"
    for each in (ledger, opened(tmp_path)):
        assert [status.state for status in each.runs.values()] == [short, "stopped"]
        assert each.outcome == "completed"


def test_an_extension_to_more_epochs_does_not_wake_a_run_that_met_its_target(tmp_path):
    begun(tmp_path, [Planned(SHORT, (0,))]).record({"0000": [line(1, validation=30), line(2, validation=60)]})
    extended = opened(tmp_path, [Planned(LONG, (0,))])
    assert extended.remaining() == []
    assert extended.runs["0001", 0].reason == "target"


def test_runs_that_wait_can_be_stopped_and_those_that_have_ended_stay(tmp_path):
    ledger = opened(tmp_path, [Planned(SHORT, (0, 1))])
    ledger.record({"0000": [line(epoch, (0,), validation=30) for epoch in (1, 2, 3)]})
    ledger.stop([("0000", 0), ("0000", 1)], "scheduler")
    assert ends(tmp_path) == [("stopped", "scheduler", [["0000", 1]])]
    assert [status.state for status in opened(tmp_path).runs.values()] == ["completed", "stopped"]


def test_an_end_of_an_older_study_was_a_schedulers(tmp_path):
    ledger = begun(tmp_path, [Planned(SHORT, (0,))])
    ledger.record({"0000": [line(1)]})
    ledger.stop([("0000", 0)], "scheduler")
    file = tmp_path / "plan.jsonl"
    file.write_text(re.sub(', "(reason|crc32)": "[0-9a-z]+"(?=[,}])', "", file.read_text()))
    assert "reason" not in file.read_text().splitlines()[-1]
    assert opened(tmp_path).runs["0000", 0].reason == "scheduler"
