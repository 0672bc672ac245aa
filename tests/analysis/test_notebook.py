import doctest
import shutil
from pathlib import Path

import pytest

import analysis.notebook
from analysis import load
from study.networks import NetworkError, accuracy, images_of

ROOT = Path(__file__).parents[2]
WRITTEN = ROOT / "tests" / "data" / "format1"


def test_the_examples_in_its_documentation_are_true(monkeypatch):
    monkeypatch.chdir(ROOT)
    failed, tried = doctest.testmod(analysis.notebook)
    assert failed == 0
    assert tried > 4


def test_a_network_of_the_first_version_classifies_as_its_record_says():
    study = load(WRITTEN)
    data = images_of(WRITTEN)
    for trial_id in ("0000", "0001"):
        for seed in (0, 1):
            row = study.curves.query("trial_id == @trial_id and seed == @seed and epoch == 3").iloc[0]
            found = accuracy(study.network(trial_id, seed), data)
            assert found == pytest.approx(row["test_accuracy"], abs=300 / len(data.test_labels))


def test_what_names_no_run_or_several_is_refused():
    study = load(WRITTEN)
    with pytest.raises(KeyError, match=r"2 configurations have lr 0.05: 0000, 0001"):
        study.network({"lr": 0.05}, 0)
    with pytest.raises(KeyError, match="no configuration has"):
        study.network({"num_blocks": 7}, 0)
    with pytest.raises(KeyError, match="not an axis: depth"):
        study.network({"depth": 7}, 0)
    with pytest.raises(NetworkError, match="no run of configuration 0001 with seed 5"):
        study.network("0001", 5)


def test_a_checkpoint_that_is_gone_is_said_and_the_one_before_it_not_taken_for_it(tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(WRITTEN, copy)
    for checkpoint in copy.glob("trials/*/0001_*/checkpoint_000002"):
        shutil.rmtree(checkpoint)
    with pytest.raises(NetworkError, match=r"after epoch 3 \(that of epoch 2 is the newest\)"):
        load(copy).network("0001", 0)


def test_several_directories_are_one_study(tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(WRITTEN, copy)
    assert len(load(WRITTEN, copy).trials) == 4


def test_tables_of_the_findings():
    study = load(WRITTEN)
    assert list(study.summary["n"]) == [2, 2]
    assert {"a", "b", "difference", "verdict"} <= set(study.verdicts.columns)
