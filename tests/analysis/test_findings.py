import shutil
from pathlib import Path

import pandas as pd
import pytest

from analysis.findings import Findings, find
from analysis.results import read
from analysis.statistics.comparison import mean_interval
from tests.analysis.simulate import Simulation, search, simulate


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


def test_values_are_written_with_the_digits_that_tell_them_apart(tmp_path: Path) -> None:
    plan = ({"lr": 0.010001}, {"lr": 0.010002})
    found = find(read(simulate(tmp_path, Simulation(configurations=plan, seeds=(0,)))))
    assert found.conditions["label"].tolist() == ["lr 0.010001", "lr 0.010002"]


def test_a_repeated_configuration_is_counted_once_and_said(tmp_path: Path) -> None:
    plan = ({"lr": 0.01}, {"lr": 0.1}, {"lr": 0.01})
    found = find(read(simulate(tmp_path, Simulation(configurations=plan, seeds=(0, 1)))))
    assert len(found.conditions) == 2
    assert len(found.runs) == 4
    assert any("configuration 0002 repeats" in p for p in found.problems)


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


def test_of_two_equal_configurations_the_one_that_came_further_counts(tmp_path: Path) -> None:
    study = Simulation(configurations=({"lr": 0.01}, {"lr": 0.01}), seeds=(0, 1), failed={0: 3})
    found = find(read(simulate(tmp_path, study)))
    assert found.runs["trial_id"].tolist() == ["0001", "0001"]
    assert found.runs["complete"].all()
    assert any("configuration 0000 repeats" in p for p in found.problems)


def test_runs_of_different_stages_are_never_pooled(tmp_path: Path) -> None:
    found = find(read(simulate(tmp_path, search(8, stopped={}, confirmed=(2, 5), compare={"baseline": {"lr": 0.01}}))))
    assert len(found.conditions) == 10
    assert found.axes[-1] == "stage"
    confirmed = found.runs[found.runs["stage"] == "confirm"]
    assert confirmed["seed"].min() == 3
    assert found.label(8) == found.label(2).removesuffix(", explored")
    both = found.conditions["stage"].to_dict()
    assert all(both[pair.a] == both[pair.b] for pair in found.chosen)


def test_conditions_that_differ_in_epochs_alone_are_paired(findings: dict[str, Findings]) -> None:
    found = findings["epochs"]
    assert found.comparisons["method"].unique().tolist() == ["paired"]
    runs = found.runs.pivot(index="seed", columns="epochs", values="test_accuracy")
    row = found.comparisons.iloc[1]
    assert row["interval"] == pytest.approx(mean_interval((runs[51] - runs[25]).to_numpy()))
    assert set(found.measures["method"]) == {"paired"}
    assert set(findings["depth"].comparisons["method"]) == {"Welch"}
    assert found.runs.groupby("epochs")["derived"].all().to_dict() == {13: True, 25: True, 51: False}


def test_runs_with_a_schedule_are_not_parts_of_longer_ones(tmp_path: Path) -> None:
    study = Simulation(space={"epochs": {"grid": [5, 9]}, "lr_schedule": "cosine"}, seeds=(0, 1, 2))
    found = find(read(simulate(tmp_path, study)))
    assert found.comparisons["method"].tolist() == ["Welch"]
    assert not found.runs["derived"].any()
    assert "cosine lr" in found.source


def test_format_1_gives_the_same_findings_as_format_2(findings: dict[str, Findings]) -> None:
    old, new = findings["format_1"], findings["depth"]
    assert old.problems == new.problems == ()
    pd.testing.assert_frame_equal(old.runs, new.runs)
    pd.testing.assert_frame_equal(old.comparisons, new.comparisons)
    assert old.source == new.source


def test_old_trials_of_two_budgets_are_paired_too(tmp_path: Path) -> None:
    study = Simulation(space={"epochs": {"grid": [5, 9]}}, seeds=(0, 1, 2), format=1)
    found = find(read(simulate(tmp_path, study)))
    assert found.comparisons["method"].tolist() == ["paired"]
    assert not found.runs["derived"].any()
