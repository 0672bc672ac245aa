import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.statistics.survival import logrank_p, reached


def times(epochs: list[int], censored_from: int = 25) -> pd.DataFrame:
    """Runs that reached a threshold at these epochs; those at censored_from did not."""
    seen = pd.Series(epochs)
    flags = seen < censored_from
    return pd.DataFrame({"epochs": seen, "iterations": 391 * seen, "reached": flags})


def test_median_of_runs_that_all_reached_it() -> None:
    result = reached(times([3, 5, 8]))
    assert (result.reached, result.n, result.median, result.text) == (3, 3, 5, "5")


def test_median_with_censored_runs() -> None:
    assert reached(times([3, 5, 25, 25])).median == 5
    late = reached(times([3, 25, 25]))
    assert np.isnan(late.median)
    assert late.text == "> 25"
    assert (late.reached, late.n) == (1, 3)


def test_nobody_reached_it() -> None:
    result = reached(times([25, 25]))
    assert (result.reached, result.text) == (0, "> 25")


def test_median_in_steps() -> None:
    assert reached(times([3, 5, 8]), "iterations").median == 5 * 391


def test_median_uses_kaplan_meier_not_a_plain_median() -> None:
    # One run stopped (was censored) at epoch 2 before the others: 1/2 of the rest at epoch 4.
    table = pd.DataFrame({"epochs": [2, 4, 6], "reached": [False, True, True]})
    assert reached(table).median == 4


def test_logrank_agrees_with_scipy_without_censoring() -> None:
    a, b = [3, 4, 5, 6], [8, 9, 9, 11]
    assert logrank_p(times(a), times(b)) == pytest.approx(stats.logrank(a, b).pvalue)
    assert logrank_p(times(a), times(b)) < 0.05


def test_logrank_has_no_value_where_nothing_can_be_said() -> None:
    assert np.isnan(logrank_p(times([25, 25]), times([25, 25])))
    assert np.isnan(logrank_p(times([3]), times([4, 5])))
    assert np.isnan(logrank_p(times([4, 4]), times([4, 4])))


def test_logrank_sees_a_condition_that_never_reaches_it() -> None:
    assert logrank_p(times([3, 4, 5, 6, 6]), times([25] * 5)) < 0.01
