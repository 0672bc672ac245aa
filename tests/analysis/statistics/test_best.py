import numpy as np
import pytest

from analysis.statistics.best import best_set

STUDIES = 3000


def _study(rng: np.random.Generator, true: np.ndarray, n: int, sd: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x = rng.normal(true[:, None], sd[:, None], (STUDIES, len(true), n))
    return x.mean(axis=2), x.var(axis=2, ddof=1)


@pytest.mark.parametrize("n", [3, 5, 10])
@pytest.mark.parametrize("spread", ["equal", "wild best", "half doubled"])
@pytest.mark.parametrize("lead", [0.0, 1.0])
def test_the_set_loses_the_best_in_at_most_5_percent_and_the_intervals_hold_together(
    n: int, spread: str, lead: float
) -> None:
    true = np.array([lead, 0, 0, 0, -1, -3.0])
    scale = {"equal": np.ones(6), "wild best": np.array([10, 1, 1, 1, 1, 1.0]), "half doubled": np.array([2, 1] * 3)}
    means, variances = _study(np.random.default_rng(n), true, n, 1.3 * scale[spread])
    found = best_set(means, variances, np.full(6, n))
    to_best = true - np.array([np.delete(true, i).max() for i in range(6)])
    held = ((found.low <= to_best + 1e-9) & (found.high >= to_best - 1e-9)).all(axis=1)
    assert 1 - found.member[:, 0].mean() <= 0.05 + 0.01
    assert 1 - held.mean() <= 0.05 + 0.012


def test_a_clear_best_is_alone_and_the_others_are_below_it() -> None:
    means, variances = np.array([50.0, 55.0, 60.0]), np.array([1.0, 1.2, 0.9])
    found = best_set(means, variances, np.full(3, 10))
    assert found.member.tolist() == [False, False, True]
    assert found.low[2] == 0
    assert (found.high[:2] == 0).all()
    assert found.low[0] < -10 < found.high[0] + 1


def test_a_condition_with_one_run_may_be_the_best() -> None:
    found = best_set(np.array([50.0, 60.0, 40.0]), np.array([1.0, 1.0, np.nan]), np.array([10, 10, 1]))
    assert found.member.tolist() == [False, True, True]


def test_only_live_conditions_are_compared() -> None:
    live = np.array([True, False, True])
    found = best_set(np.array([50.0, 60.0, 55.0]), np.ones(3), np.full(3, 10), live=live)
    assert found.member.tolist() == [False, True, True]


def test_the_best_of_one_condition_is_refused() -> None:
    with pytest.raises(ValueError, match="compare at least two"):
        best_set(np.array([50.0]), np.array([1.0]), np.array([5]))
