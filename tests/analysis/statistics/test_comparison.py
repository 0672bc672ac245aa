import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from analysis.statistics.comparison import (
    compare,
    decide,
    half_width,
    holm,
    improvement,
    mean_interval,
    paired_bands,
    paired_interval,
    welch_bands,
    welch_interval,
)

A = np.array([53.1, 54.0, 52.2, 53.8, 53.3])
B = np.array([50.9, 51.5, 50.1, 52.0, 50.7])


def series(values: np.ndarray | list[float]) -> pd.Series:
    return pd.Series(values, index=range(len(values)))


def test_mean_interval_is_students_t() -> None:
    result = stats.ttest_1samp(A, 0).confidence_interval(0.95)
    assert mean_interval(A) == pytest.approx((result.low, result.high))


def test_mean_interval_needs_two_values() -> None:
    assert np.isnan(mean_interval(np.array([53.0]))).all()
    assert np.isnan(mean_interval(np.array([]))).all()
    assert mean_interval(np.array([10.0, 10.0])) == (10.0, 10.0)
    assert np.isnan(half_width(np.array([1.0]), np.array([1]))).all()


def test_comparison_of_two_conditions() -> None:
    result = compare(series(A), series(B), meaningful=1.0)
    welch = stats.ttest_ind(A, B, equal_var=False)
    assert result.difference == pytest.approx(A.mean() - B.mean())
    assert result.interval == pytest.approx(tuple(welch.confidence_interval()))
    assert result.check_interval == pytest.approx(result.interval)
    assert result.p == pytest.approx(welch[1])
    assert result.improvement == 1.0
    assert result.check == "larger"
    pooled = math.sqrt((A.var(ddof=1) + B.var(ddof=1)) / 2)
    assert result.effect == pytest.approx((A.mean() - B.mean()) / pooled)


def test_comparison_is_antisymmetric() -> None:
    one, other = compare(series(A), series(B), 1.0), compare(series(B), series(A), 1.0)
    assert one.difference == -other.difference
    assert one.interval == pytest.approx((-other.interval[1], -other.interval[0]))
    assert one.check == other.check
    assert one.improvement == 1 - other.improvement


def test_what_claims_nothing_is_not_checked() -> None:
    result = compare(series(A), series(B), 1.0, family=None)
    assert math.isnan(result.check_interval[0])
    assert result.check == "undecided"


def test_larger_families_get_wider_intervals() -> None:
    alone, among = compare(series(A), series(B), 1.0), compare(series(A), series(B), 1.0, family=9)
    assert among.check_interval[0] < alone.check_interval[0]
    assert among.check_interval[1] > alone.check_interval[1]
    assert among.interval == alone.interval


def test_pairs_are_matched_by_seed() -> None:
    noise = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    a = pd.Series(50 + noise, index=[0, 1, 2, 3, 4])
    b = pd.Series((49 + noise)[::-1], index=[4, 3, 2, 1, 0]) + 0.1 * a.index.to_series() % 0.2
    result = compare(a, b, 1.0)
    width = result.interval[1] - result.interval[0]
    assert result.correlation > 0.99
    assert result.paired_interval[1] - result.paired_interval[0] < width / 4


def test_pairs_are_the_common_seeds_only() -> None:
    result = compare(pd.Series(A), pd.Series(B, index=[3, 4, 5, 6, 7]), 1.0)
    assert result.paired_n == 2
    assert math.isnan(result.correlation)


def test_unfinished_runs_are_left_out() -> None:
    result = compare(series([*A, np.nan]), series(B), 1.0)
    assert result.n_a == 5
    assert result.difference == pytest.approx(A.mean() - B.mean())


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [
        ((1.1, 3.0), "larger"),
        ((-3.0, -1.1), "larger"),
        ((-0.9, 0.9), "smaller"),
        ((-1.0, 1.0), "smaller"),
        ((0.2, 0.8), "smaller"),
        ((0.5, 1.5), "undecided"),
        ((1.0, 1.5), "undecided"),
        ((-5.0, 5.0), "undecided"),
        ((math.nan, math.nan), "undecided"),
    ],
)
def test_verdict_is_read_off_the_interval(interval: tuple[float, float], verdict: str) -> None:
    assert decide(interval, 1.0) == verdict


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        ([1.0], [1.0, 2.0], "one finished run"),
        ([1.0], [2.0], "one finished run"),
        ([5.0, 5.0, 5.0], [7.0, 7.0, 7.0], "all runs of a condition are equal"),
        ([1.0, 2.0], [3.0, 4.0], "two finished runs"),
    ],
)
def test_too_little_is_said_and_undecided(a: list[float], b: list[float], said: str) -> None:
    result = compare(series(a), series(b), 1.0)
    assert said in result.note
    assert result.check == "undecided"


def test_a_side_without_a_finished_run_is_said() -> None:
    for a, b in (([], [1.0, 2.0]), ([1.0, 2.0], [math.nan]), ([], [])):
        result = compare(series(a), series(b), 1.0)
        assert "no finished run" in result.note
        assert math.isnan(result.difference)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_equal_constant_data_behave(n: int) -> None:
    result = compare(series([10.0] * n), series([10.0] * n), 1.0)
    assert (result.difference, result.improvement, result.check) == (0.0, 0.5, "undecided")
    assert math.isnan(result.interval[0])
    assert math.isnan(result.effect)


def test_one_constant_side_still_gives_an_interval() -> None:
    result = compare(series(A), series([10.0] * 5), 1.0)
    assert result.interval == pytest.approx(
        (mean_interval(A)[0] - 10, mean_interval(A)[1] - 10)
    )  # Welch's degrees of freedom are then those of the other side
    assert result.check == "larger"


def test_values_that_differ_by_rounding_alone_count_as_constant() -> None:
    nearly = [10.0, 10.0 + 1e-14, 10.0]
    assert np.isnan(welch_interval(np.array(nearly), np.array(nearly))).all()


def test_ties_count_half() -> None:
    assert improvement(np.array([1.0, 2.0]), np.array([1.0, 2.0])) == 0.5
    assert improvement(np.array([3.0]), np.array([1.0, 3.0])) == 0.75
    assert math.isnan(improvement(np.array([]), np.array([1.0])))


def test_holm_is_that_of_statsmodels_and_leaves_out_what_was_not_tested() -> None:
    p = np.random.default_rng(4).uniform(0, 0.2, 12)
    p[3] = p[7]
    assert holm(p) == pytest.approx(np.asarray(multipletests(p, method="holm")[1]))
    with_gaps = holm(np.array([math.nan, 0.01, 0.04, math.nan, 0.03]))
    assert with_gaps == pytest.approx([math.nan, 0.03, 0.06, math.nan, 0.06], nan_ok=True)
    assert holm(np.array([])).shape == (0,)
    assert np.isnan(holm(np.array([math.nan]))).all()


def test_bands_are_the_welch_interval_of_each_column() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(50, 2, (5, 3)), rng.normal(48, 1, (4, 3))
    bands = welch_bands(a, b)
    for column in range(3):
        low, high = welch_interval(a[:, column], b[:, column])
        assert (bands["low"][column], bands["high"][column]) == pytest.approx((low, high))


def test_bands_leave_out_runs_that_have_not_come_so_far() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(50, 2, (5, 3)), rng.normal(48, 1, (4, 3))
    a[4, 1:], a[1:, 2] = np.nan, np.nan
    bands = welch_bands(a, b)
    assert bands["difference"] == pytest.approx(
        [a[:, 0].mean() - b[:, 0].mean(), a[:4, 1].mean() - b[:, 1].mean(), a[0, 2] - b[:, 2].mean()]
    )
    assert (bands["low"][1], bands["high"][1]) == pytest.approx(welch_interval(a[:4, 1], b[:, 1]))
    assert np.isnan(bands["low"]).tolist() == [False, False, True]


def test_bands_without_spread_or_with_one_run_have_no_interval() -> None:
    flat = np.full((3, 2), 10.0)
    assert np.isnan(welch_bands(flat, flat)["low"]).all()
    assert np.isnan(welch_bands(flat[:1], flat)["low"]).all()


def test_parts_of_the_same_runs_are_compared_by_their_differences() -> None:
    short, long = series(B), series(B + np.array([1.4, 1.6, 1.5, 1.3, 1.7]))
    result = compare(long, short, 1.0, family=3, paired=True)
    test = stats.ttest_rel(long, short)
    assert result.method == "paired"
    assert result.p == pytest.approx(test[1])
    assert result.interval == pytest.approx(tuple(test.confidence_interval()))
    assert result.check_interval == pytest.approx(tuple(test.confidence_interval(1 - 0.05 / 3)))
    assert (result.check, result.improvement) == ("larger", 1.0)
    assert compare(long, short, 1.0, family=3).check == "undecided"


def test_a_paired_comparison_is_over_the_common_seeds_alone() -> None:
    long, short = pd.Series([3.0, 5.0, 9.0], index=[0, 1, 2]), pd.Series([1.0, 2.0, 4.0, 99.0], index=[0, 1, 2, 3])
    result = compare(long, short, 1.0, paired=True)
    assert (result.n_a, result.n_b, result.mean_b) == (3, 3, pytest.approx(7 / 3))
    assert result.difference == pytest.approx(10 / 3)


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        ({0: 1.0}, {1: 2.0}, "no seed has finished on both sides"),
        ({0: 1.0, 1: 2.0}, {0: 3.0}, "one finished run with a seed that both sides have"),
        ({0: 10.0, 1: 10.0}, {0: 10.0, 1: 10.0}, "the difference is the same for every seed"),
        ({0: 1.0, 1: 2.0}, {0: 0.0, 1: 1.5}, "two finished runs with a seed"),
    ],
)
def test_too_few_pairs_are_said(a: dict, b: dict, said: str) -> None:
    result = compare(pd.Series(a), pd.Series(b), 1.0, paired=True)
    assert said in result.note


def test_paired_bands_are_the_interval_of_each_column() -> None:
    differences = np.random.default_rng(0).normal(1, 2, (5, 3))
    bands = paired_bands(differences)
    for column in range(3):
        assert (bands["low"][column], bands["high"][column]) == pytest.approx(paired_interval(differences[:, column]))
    assert np.isnan(paired_bands(np.zeros((5, 1)))["low"]).all()
