import numpy as np
import pytest
from scipy import optimize, special

from analysis.statistics.moderated import cautious_prior, moderate, smyth_prior


def _smyth_by_root_finding(variances: np.ndarray, df: float) -> tuple[float, float]:
    """The moment equations of Smyth (2004, section 6.2), solved without the code under test."""
    e = np.log(variances) - special.digamma(df / 2) + np.log(df / 2)
    target = np.var(e, ddof=1) - special.polygamma(1, df / 2)
    half = optimize.brentq(lambda x: special.polygamma(1, x) - target, 1e-3, 1e5)
    return float(2 * half), float(np.exp(np.mean(e) + special.digamma(half) - np.log(half)))


@pytest.mark.parametrize(("df", "prior"), [(2, 3.0), (4, 4.0), (9, 20.0)])
def test_smyth_s_prior_solves_the_moment_equations(df: int, prior: float) -> None:
    rng = np.random.default_rng(1)
    true = 1.7 * prior / rng.chisquare(prior, 200)
    variances = true * rng.chisquare(df, 200) / df
    found = smyth_prior(variances, np.full(200, df))
    expected = _smyth_by_root_finding(variances, df)
    assert float(found.df) == pytest.approx(expected[0], rel=1e-3)
    assert float(found.variance) == pytest.approx(expected[1], rel=1e-3)


def test_smyth_s_prior_finds_the_prior_that_variances_were_drawn_from() -> None:
    rng = np.random.default_rng(2)
    true = 2.0 * 6 / rng.chisquare(6, 20_000)
    found = smyth_prior(true * rng.chisquare(4, 20_000) / 4, np.full(20_000, 4))
    assert float(found.df) == pytest.approx(6, rel=0.1)
    assert float(found.variance) == pytest.approx(2.0, rel=0.05)


def test_variances_more_alike_than_chance_give_smyth_an_infinite_prior_and_the_cautious_a_finite_one() -> None:
    variances, df = np.full(11, 1.69), np.full(11, 4)
    assert np.isinf(smyth_prior(variances, df).df)
    cautious = cautious_prior(variances, df)
    assert ((cautious.df > 4) & (cautious.df < 8)).all()
    assert float(cautious.variance) > 1.69  # the mean of logarithms is below the logarithm of the mean


def test_a_variance_is_never_below_its_own_estimate() -> None:
    variances = np.random.default_rng(3).chisquare(2, (500, 11))
    assert (moderate(variances, np.full(11, 3)).variance >= variances).all()


def test_alike_variances_lend_degrees_of_freedom_and_spread_ones_do_not() -> None:
    ns = np.full(10, 5)
    alike = moderate(np.linspace(1, 3, 10), ns)
    spread = moderate(np.geomspace(1e-3, 1e3, 10), ns)
    assert (alike.df > 7).all()
    assert (spread.df < 4.5).all()


def test_two_conditions_do_not_borrow() -> None:
    found = moderate(np.array([1.0, 1.1]), np.array([5, 7]))
    assert found.variance.tolist() == [1.0, 1.1]
    assert found.df.tolist() == [4, 6]


def test_degrees_of_freedom_are_at_most_those_of_all_conditions_together() -> None:
    assert (moderate(np.array([1.0, 1.0, 1.0]), np.array([2, 2, 2])).df <= 3).all()


def test_a_condition_with_one_run_has_no_spread_and_one_without_spread_gets_some() -> None:
    found = moderate(np.array([np.nan, 0.0, 1.0, 1.2, 0.9, 1.1]), np.array([1, 3, 3, 3, 3, 3]))
    assert np.isnan(found.variance[0])
    assert found.df[0] == 0
    assert found.variance[1] > 0


def test_many_studies_at_once_give_what_each_gives_alone() -> None:
    variances = np.random.default_rng(4).chisquare(4, (7, 6))
    ns = np.array([3, 4, 5, 5, 8, 2])
    together = moderate(variances, ns)
    for i, row in enumerate(variances):
        alone = moderate(row, ns)
        np.testing.assert_allclose(together.variance[i], alone.variance)
        np.testing.assert_allclose(together.df[i], alone.df)


@pytest.mark.parametrize("unit", [1e-3, 1e3])
def test_the_unit_of_accuracy_does_not_matter(unit: float) -> None:
    variances = np.random.default_rng(5).chisquare(4, 6)
    there, here = moderate(variances * unit**2, np.full(6, 5)), moderate(variances, np.full(6, 5))
    np.testing.assert_allclose(there.variance, here.variance * unit**2)
    np.testing.assert_allclose(there.df, here.df)


def test_a_condition_with_fewer_runs_than_the_others_borrows_no_more_than_if_all_had_as_few() -> None:
    variances = np.linspace(1, 2, 8)
    few = cautious_prior(variances, np.full(8, 2)).df[0]
    mixed = cautious_prior(variances, np.array([2, 9, 9, 9, 9, 9, 9, 9])).df
    assert mixed[0] <= few + 1e-9
    assert (mixed[1:] > mixed[0]).all()
