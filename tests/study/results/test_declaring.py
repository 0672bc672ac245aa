"""study.yaml, and what plan.jsonl says where it asks another question than before."""

import json
from pathlib import Path

from study.results.declaring import declare
from study.results.opening import open_ledger
from study.results.paths import ResultsDirectory
from study.space import load_study
from tests.study.commands import SMALL
from tests.study.lines import line


def asked(folder: Path, *settings: str) -> list[dict]:
    """Declare the study with these settings, as each session does, and return what plan.jsonl holds of questions."""
    results = ResultsDirectory(folder / "results")
    results.records.mkdir(parents=True, exist_ok=True)
    (folder / "space.yaml").write_text(SMALL)
    study = load_study(folder / "space.yaml", settings)
    ledger, _ = open_ledger(results, stop_when_diverged=False)
    declare(study, ledger, results)
    assert load_study(results.study) == study
    lines = results.plan.read_text().splitlines() if results.plan.exists() else []
    return [found for text in lines if (found := json.loads(text))["event"] == "question"]


def train(folder: Path) -> None:
    results = ResultsDirectory(folder / "results")
    (results.records / "0000.jsonl").touch()
    ledger, _ = open_ledger(results, stop_when_diverged=False)
    ledger.record({"0000": [line(1, (0, 1))]})


def test_a_question_may_change_until_there_are_results(tmp_path: Path) -> None:
    assert asked(tmp_path) == []
    assert asked(tmp_path, "compare.meaningful_difference=2") == []


def test_what_was_asked_before_is_written_down_once_there_are(tmp_path: Path) -> None:
    asked(tmp_path, "compare.measure={last: 2}")
    train(tmp_path)
    assert asked(tmp_path, "compare.measure={last: 2}") == []
    # Layout and thresholds decide no verdict.
    assert asked(tmp_path, "compare.measure={last: 2}", "compare.across=null", "compare.thresholds=[]") == []
    (first,) = asked(tmp_path, "compare.meaningful_difference=2")
    assert first["begun"] == 2
    assert first["before"] == {
        "baseline": None,
        "meaningful_difference": 1.0,
        "measure": {"last": 2},
        "questions": [],
    }
    assert asked(tmp_path, "compare.meaningful_difference=2") == [first]
    assert len(asked(tmp_path, "compare.baseline={num_blocks: 0}")) == 2
