import numpy as np
import pytest
from scipy import stats

from analysis.statistics.comparison import holm
from analysis.statistics.judging import (
    LARGER,
    SMALLER,
    UNDECIDED,
    Contrast,
    adjusted,
    cautious_df,
    contrasts,
    half_widths,
    judge,
    p_values,
    single_look,
)


def _contrast(difference: float | list[float], se: float = 1.0, df: float = 10.0) -> Contrast:
    d = np.atleast_1d(np.asarray(difference, float))
    return Contrast(d, np.full(d.shape, se), np.full(d.shape, df))


def test_the_p_value_is_that_of_the_interval_hypothesis() -> None:
    """At the margin itself, |difference| is as large or larger with the p-value as probability."""
    p = p_values(_contrast(3.0, se=0.8, df=7), 1.0)
    upper = stats.t.sf((3.0 - 1.0) / 0.8, 7) + stats.t.sf((3.0 + 1.0) / 0.8, 7)
    assert p == pytest.approx(upper)


def test_a_margin_far_below_the_standard_error_makes_the_test_two_sided_and_one_far_above_one_sided() -> None:
    assert p_values(_contrast(2.0), 1e-9) == pytest.approx(2 * stats.t.sf(2.0, 10), rel=1e-6)
    assert p_values(_contrast(102.0), 100.0) == pytest.approx(stats.t.sf(2.0, 10), rel=1e-6)


def test_the_verdict_is_where_the_interval_lies() -> None:
    rng = np.random.default_rng(1)
    found = Contrast(rng.normal(0, 3, (400, 6)), rng.uniform(0.1, 1, (400, 6)), rng.uniform(2, 20, (400, 6)))
    judged = judge(found, 1.0, single_look(0.05, 6))
    beyond = (judged.low > 1) | (judged.high < -1)
    within = (judged.low >= -1) & (judged.high <= 1)
    np.testing.assert_array_equal(judged.verdict == LARGER, beyond)
    np.testing.assert_array_equal(judged.verdict == SMALLER, within)
    assert all((judged.verdict == kind).any() for kind in (UNDECIDED, SMALLER, LARGER))


def test_adjusted_p_values_agree_with_the_verdicts_and_with_holm() -> None:
    rng = np.random.default_rng(2)
    found = Contrast(rng.normal(0, 3, (300, 5)), np.full((300, 5), 0.7), np.full((300, 5), 8.0))
    p = p_values(found, 1.0)
    np.testing.assert_array_equal(judge(found, 1.0, single_look(0.05, 5)).verdict > 0, adjusted(p) <= 0.05)
    np.testing.assert_allclose(adjusted(p)[0], holm(p[0]))


def test_a_decided_comparison_leaves_its_error_to_the_others() -> None:
    clear, close = 9.0, 1.0 + stats.t.isf(0.04, 10)  # p of the second is a little above 0.04
    found = _contrast([clear, close])
    assert judge(found, 1.0, single_look(0.05, 2)).verdict.tolist() == [LARGER, LARGER]
    assert judge(_contrast([1.2, close]), 1.0, single_look(0.05, 2)).verdict.tolist() == [UNDECIDED, UNDECIDED]


def test_a_comparison_that_was_given_up_still_counts_and_one_decided_before_does_not() -> None:
    close = 1.0 + stats.t.isf(0.04, 10)
    found, levels = _contrast([close, 1.2]), single_look(0.05, 2)
    given_up = judge(found, 1.0, levels, np.array([True, True]), np.array([True, False]))
    assert given_up.verdict.tolist() == [UNDECIDED, UNDECIDED]
    decided = judge(found, 1.0, levels, np.array([True, False]))
    assert decided.verdict.tolist() == [LARGER, UNDECIDED]


def test_the_half_width_solves_its_equation() -> None:
    found, level = _contrast(0.0, se=0.6, df=5), np.array([0.005])
    c = half_widths(found, 1.0, level) / 0.6
    assert stats.t.sf(c, 5) + stats.t.sf(c + 2 / 0.6, 5) == pytest.approx(0.005, rel=1e-6)


def test_a_level_of_nothing_decides_nothing() -> None:
    judged = judge(_contrast([9.0]), 1.0, np.array([0.0]))
    assert judged.verdict.tolist() == [UNDECIDED]
    assert np.isinf(judged.high).all()


def test_the_degrees_of_freedom_lie_between_the_smaller_and_welch_s() -> None:
    a, b = np.random.default_rng(3).normal(size=(2, 6)) * [[1], [3]]
    welch = stats.ttest_ind(a, b, equal_var=False).df  # type: ignore[attr-defined]
    error_a, error_b = (np.array([np.var(x, ddof=1) / 6]) for x in (a, b))
    found = cautious_df(error_a, error_b, np.array([5.0]), np.array([5.0]))
    assert found == pytest.approx((5 + welch) / 2)


def test_one_run_and_runs_without_any_spread_stay_undecided() -> None:
    means, pairs = np.array([50.0, 60.0]), np.array([(1, 0)])
    for variances, ns in (([1.0, np.nan], [5, 1]), ([0.0, 0.0], [5, 5])):
        found = contrasts(means, np.array(variances), np.array(ns), pairs)
        assert judge(found, 1.0, single_look(0.05, 1)).verdict.tolist() == [UNDECIDED]


def test_a_diverged_run_on_one_side_widens_the_spread_of_the_other() -> None:
    means, variances, ns = np.array([50.0, 58.0, 59.0]), np.array([300.0, 1.0, 1.0]), np.array([20, 5, 5])
    pairs = np.array([(1, 0), (2, 1)])
    plain = contrasts(means, variances, ns, pairs)
    aware = contrasts(means, variances, ns, pairs, diverged=np.array([3, 0, 0]), drop=45.0)
    assert aware.se[0] > plain.se[0]
    assert aware.se[1] == plain.se[1]
