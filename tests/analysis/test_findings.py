import shutil
from pathlib import Path

import pytest

from analysis.findings import Findings, find
from analysis.results import read
from tests.analysis.simulate import Simulation, simulate


def test_axes_and_layout_come_from_the_study(findings: dict[str, Findings]) -> None:
    depth = findings["depth"]
    assert (depth.axes, depth.across, depth.within) == (
        ("num_blocks", "batch_norm"),
        "num_blocks",
        "batch_norm",
    )
    single = findings["single"]
    assert (single.axes, single.across, single.within) == ((), None, None)


def test_layout_is_chosen_when_the_study_does_not_say(tmp_path: Path) -> None:
    space = {"num_blocks": {"grid": [1, 3, 5]}, "block": {"grid": ["residual", "conv"]}}
    found = find(read(simulate(tmp_path, Simulation(space=space, seeds=(0,)))))
    assert (found.across, found.within) == ("num_blocks", "block")


def test_an_axis_that_does_not_vary_is_not_used(tmp_path: Path) -> None:
    study = Simulation(
        space={"lr": {"grid": [0.01, 0.1]}},
        compare={"across": "num_blocks", "within": "batch_norm"},
        seeds=(0,),
    )
    found = find(read(simulate(tmp_path, study)))
    assert (found.across, found.within) == ("lr", None)


def test_conditions_are_told_apart_by_what_varies(findings: dict[str, Findings]) -> None:
    assert findings["corners"].conditions["label"].tolist() == [
        "residual, no batch norm",
        "residual, batch norm",
        "conv, no batch norm",
        "conv, batch norm",
    ]


def test_labels_that_look_alike_get_the_trial(tmp_path: Path) -> None:
    plan = ({"lr": 0.010001}, {"lr": 0.010002})
    found = find(read(simulate(tmp_path, Simulation(configurations=plan, seeds=(0,)))))
    assert found.conditions["label"].tolist() == ["lr 0.01 (trial 0000)", "lr 0.01 (trial 0001)"]


def test_a_repeated_configuration_is_counted_once_and_said(tmp_path: Path) -> None:
    plan = ({"lr": 0.01}, {"lr": 0.1}, {"lr": 0.01})
    found = find(read(simulate(tmp_path, Simulation(configurations=plan, seeds=(0, 1)))))
    assert len(found.conditions) == 2
    assert len(found.runs) == 4
    assert any("trial 0002 repeats" in p for p in found.problems)


def test_source_says_data_fixed_axes_seeds_and_date(findings: dict[str, Findings]) -> None:
    source = findings["depth"].source
    assert source == "CIFAR-10, residual, lr 0.01, 25 epochs, 5 seeds, 2026-11-24"
    assert "1 seed," in findings["one_seed"].source


def test_other_measures_are_compared_without_exploratory_pairs(
    findings: dict[str, Findings],
) -> None:
    measures = findings["corners"].measures
    assert set(measures["measure"]) == {"train_accuracy", "aulc", "gap"}
    assert set(measures["family"]) == {"declared", "baseline"}
    assert "selected_accuracy" in set(findings["validated"].measures["measure"])


def test_nothing_at_all_has_been_trained(directories: dict[str, Path], tmp_path: Path) -> None:
    directory = Path(shutil.copytree(directories["depth"], tmp_path / "copy"))
    shutil.rmtree(directory / "records")
    (directory / "records").mkdir()
    (directory / "curves.parquet").unlink()
    found = find(read(directory))
    assert found.runs.empty
    assert found.times.empty
    assert len(found.conditions) == 10


@pytest.mark.parametrize("name", ["depth", "search", "killed", "learning_rate"])
def test_every_run_has_a_condition_and_a_time(findings: dict[str, Findings], name: str) -> None:
    found = findings[name]
    assert found.runs["condition"].isin(found.conditions.index).all()
    assert len(found.times) == len(found.runs) * len(found.question.thresholds)


def test_of_two_equal_trials_the_one_that_came_further_counts(tmp_path: Path) -> None:
    study = Simulation(configurations=({"lr": 0.01}, {"lr": 0.01}), seeds=(0, 1), failed={0: 3})
    found = find(read(simulate(tmp_path, study)))
    assert found.runs["trial_id"].tolist() == ["0001", "0001"]
    assert found.runs["complete"].all()
    assert any("trial 0000 repeats" in p for p in found.problems)
