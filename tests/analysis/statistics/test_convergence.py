import numpy as np
import pandas as pd
import pytest

from analysis.records import CURVE_TYPES
from analysis.statistics.convergence import carried, run_table, time_to
from study.contract.axes import Configuration


def curves(
    test: list[float],
    epochs: int = 4,
    validation: list[float] | None = None,
    diverged: list[bool] | None = None,
    seed: int = 0,
    trial: str = "0000",
) -> pd.DataFrame:
    n = len(test)
    table = pd.DataFrame(
        {
            "trial_id": trial,
            "stage": "explore",
            **Configuration(num_blocks=3, epochs=epochs).as_dict(),
            "seed": seed,
            "epoch": range(1, n + 1),
            "iterations": [100 * (i + 1) for i in range(n)],
            "train_accuracy": [t + 5 for t in test],
            "validation_accuracy": validation or [np.nan] * n,
            "test_accuracy": test,
            "train_loss": 1.0,
            "seconds": [2.0 * (i + 1) for i in range(n)],
            "diverged": diverged or [False] * n,
            "derived": False,
        }
    )
    return table.astype(CURVE_TYPES)


def test_final_values_are_those_of_the_last_planned_epoch() -> None:
    run = run_table(curves([10, 50, 45, 40])).iloc[0]
    assert run["test_accuracy"] == 40
    assert run["train_accuracy"] == 45
    assert run["gap"] == 5
    assert run["complete"]
    assert run["seconds"] == 8


def test_aulc_is_the_trapezoid_over_the_planned_epochs() -> None:
    run = run_table(curves([10, 20, 40, 40])).iloc[0]
    assert run["aulc"] == pytest.approx((15 + 30 + 40) / 3)
    assert run_table(curves([33.0], epochs=1)).iloc[0]["aulc"] == 33


def test_aulc_spans_a_lost_epoch() -> None:
    whole = curves([10, 20, 30, 40])
    assert run_table(whole.drop(index=1)).iloc[0]["aulc"] == pytest.approx(25)


def test_unfinished_run_has_no_final_values() -> None:
    run = run_table(curves([10, 20], epochs=4, validation=[1, 2])).iloc[0]
    assert not run["complete"]
    final = ["test_accuracy", "train_accuracy", "aulc", "gap", "selected_accuracy"]
    assert run[final].isna().all()
    assert run["epochs_done"] == 2


def test_selected_accuracy_is_at_the_first_best_validation_epoch() -> None:
    run = run_table(curves([10, 60, 99, 40], validation=[1, 7, 3, 7])).iloc[0]
    assert run["selected_accuracy"] == 60
    assert run["selected_epoch"] == 2


def test_selected_accuracy_is_never_chosen_by_test() -> None:
    assert np.isnan(run_table(curves([10, 60, 99, 40])).iloc[0]["selected_accuracy"])


def test_diverged_run_is_marked_and_keeps_its_accuracy() -> None:
    run = run_table(curves([30, 10, 10, 10], diverged=[False, True, True, True])).iloc[0]
    assert run["diverged"]
    assert run["diverged_at"] == 2
    assert run["test_accuracy"] == 10


def test_runs_are_kept_apart() -> None:
    table = pd.concat([curves([1, 2, 3, 4], seed=1), curves([9, 9, 9, 9], seed=0)])
    runs = run_table(table)
    assert runs["seed"].tolist() == [0, 1]
    assert runs["aulc"].tolist() == [9, 2.5]


def test_time_to_counts_the_first_epoch_at_or_above() -> None:
    row = time_to(curves([10, 50, 40, 60]), 50).iloc[0]
    assert row["reached"]
    assert (row["epochs"], row["iterations"], row["seconds"]) == (2, 200, 4.0)


def test_time_to_is_censored_at_the_last_epoch_seen() -> None:
    row = time_to(curves([10, 20, 30]), 50).iloc[0]
    assert not row["reached"]
    assert (row["epochs"], row["iterations"]) == (3, 300)


def test_no_rows_give_empty_tables() -> None:
    empty = curves([]).iloc[:0]
    assert run_table(empty).empty
    assert time_to(empty, 50).empty


def test_a_run_stopped_when_it_diverged_is_complete_with_its_last_accuracy() -> None:
    stopped = curves([30, 10], diverged=[False, True])
    run = run_table(stopped, carry=True).iloc[0]
    assert run["complete"]
    assert run["test_accuracy"] == 10
    assert run["aulc"] == pytest.approx((20 + 10 + 10) / 3)
    assert (run["epochs_done"], run["iterations"], run["seconds"]) == (2, 200, 4.0)
    assert not run_table(stopped).iloc[0]["complete"]


def test_what_is_carried_on_is_an_epoch_each_to_the_last_planned_one() -> None:
    table = pd.concat([curves([30, 10], diverged=[False, True]), curves([1, 2, 3], seed=1)])
    whole = carried(table)
    assert whole[whole["seed"] == 0]["epoch"].tolist() == [1, 2, 3, 4]
    assert whole[whole["seed"] == 0]["train_loss"].isna().tolist() == [False, False, True, True]
    assert whole[whole["seed"] == 1]["epoch"].tolist() == [1, 2, 3], "a run that did not diverge ends where it ends"


def test_final_values_may_be_means_over_the_last_epochs() -> None:
    run = run_table(curves([10, 50, 45, 40]), last=3).iloc[0]
    assert run["test_accuracy"] == 45
    assert run["gap"] == 5
    assert np.isnan(run_table(curves([10, 50, 45]), last=3).iloc[0]["test_accuracy"])


def test_a_diverged_run_has_no_final_loss() -> None:
    run = run_table(curves([30, 10, 10, 10], diverged=[False, True, True, True])).iloc[0]
    assert np.isnan(run["train_loss"])
