import numpy as np
import pytest
from scipy import special, stats

from analysis.statistics.judging import Contrast
from analysis.statistics.needed import MOST_SEEDS, divergence_bound, does_not_train, seeds_to_decide


def _contrast(difference: float, se: float, df: float) -> Contrast:
    return Contrast(np.array([difference]), np.array([se]), np.array([df]))


def test_with_all_known_the_range_closes_on_the_textbook_number() -> None:
    """sd 1.3, difference 3 against d = 1, level 0.005: n = 2 (z sd / 2)^2."""
    z, sd = -special.ndtri(0.005), 1.3
    needed = 2 * (z * sd / 2) ** 2
    se = sd * np.sqrt(2 / 4)
    spread = [
        seeds_to_decide(_contrast(3.0, se, df), np.array([4]), np.array([4]), 1.0, np.array([0.005])) for df in (3, 30)
    ]
    assert spread[1].low[0] <= np.ceil(needed) - 4 <= spread[1].high[0]
    width = [each.high[0] - each.low[0] for each in spread]
    assert width[0] >= width[1]


def test_the_range_is_in_order_positive_and_bounded() -> None:
    rng = np.random.default_rng(1)
    found = Contrast(rng.normal(0, 3, 200), rng.uniform(0.2, 2, 200), rng.uniform(3, 30, 200))
    needed = seeds_to_decide(found, np.full(200, 5), np.full(200, 5), 1.0, np.full(200, 0.005))
    assert (needed.low >= 1).all()
    assert (needed.low <= needed.middle).all()
    assert (needed.middle <= needed.high).all()
    assert (needed.high <= MOST_SEEDS + 1).all()


def test_half_of_the_answers_lie_in_the_range() -> None:
    """Truths drawn as a flat prior leaves them: the number that each needs is in its range every other time."""
    rng = np.random.default_rng(2)
    studies, n, z = 1500, 5, -special.ndtri(0.005)
    true = rng.uniform(-8, 8, studies)
    x, y = rng.normal(true, 1.3, (n, studies)), rng.normal(0, 1.3, (n, studies))
    se = np.sqrt((x.var(axis=0, ddof=1) + y.var(axis=0, ddof=1)) / n)
    found = Contrast(x.mean(axis=0) - y.mean(axis=0), se, np.full(studies, 8.0))
    needed = seeds_to_decide(found, np.full(studies, n), np.full(studies, n), 1.0, np.full(studies, 0.005))
    answer = np.clip(np.ceil(2 * (z * 1.3 / (np.abs(true) - 1)) ** 2 - n), 1, MOST_SEEDS + 1)
    open_ = answer > 1  # those that a few runs more already decide are too easy to be informative
    inside = (needed.low <= answer) & (answer <= needed.high)
    assert 0.4 <= inside[open_].mean() <= 0.65


def test_a_condition_whose_runs_all_diverged_does_not_train() -> None:
    assert does_not_train(np.array([3, 2, 0, 1]), np.array([3, 3, 3, 1])).tolist() == [True, False, False, False]


@pytest.mark.parametrize(("diverged", "n"), [(0, 3), (0, 5), (2, 5), (4, 5)])
def test_the_bound_of_diverging_runs_is_clopper_and_pearson_s(diverged: int, n: int) -> None:
    expected = stats.binomtest(diverged, n).proportion_ci(0.90, method="exact").high
    assert float(divergence_bound(np.array(diverged), np.array(n))) == pytest.approx(expected)


def test_all_diverged_bounds_at_all() -> None:
    assert float(divergence_bound(np.array(3), np.array(3))) == 1
