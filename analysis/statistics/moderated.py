"""The spread between seeds of many conditions -> variances that borrow strength from each other.

With three or five runs the variance of one condition is hardly known; that of all conditions together
is. Smyth (2004, section 6.2) estimates a common prior for the variances, scaled inverse chi-squared with
`df` degrees of freedom around one variance, and takes posterior means. His prior is a point estimate,
often infinite, and then one condition with another spread gets a far too small variance.
`cautious_prior` therefore takes the prior at the upper end of what the variances' heterogeneity
could be, and `moderate` never lowers a variance below its own estimate. docs/verdicts.md has the
false-claim rates of these and of the alternatives that were dropped.

Arrays are (..., conditions): any number of studies at once.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

CAUTION = 1.0  # standard errors added to the estimated heterogeneity
WITHHELD = 1.0  # degrees of freedom taken off the prior
FEWEST_CONDITIONS = 3  # fewer do not show how alike spreads are: no borrowing, Welch's variances
SMALLEST_RATIO = 1e-5  # a variance counts as at least this share of the median one (limma's fitFDist)
EQUAL = 1e-9  # runs that differ by less than this share of their mean are equal (rounding)


@dataclass(frozen=True)
class Prior:
    """What the conditions' variances have in common; df 0 is no prior, inf one variance.

    variance: shape (...,). df: shape (...,), or (..., conditions) where it differs between them.
    """

    variance: np.ndarray
    df: np.ndarray


@dataclass(frozen=True)
class Spread:
    """A variance between runs and its degrees of freedom for every condition, shape (..., conditions)."""

    variance: np.ndarray
    df: np.ndarray


def smyth_prior(variances: np.ndarray, df: np.ndarray) -> Prior:
    """Estimate the prior by moments of log variances (Smyth 2004, section 6.2; limma's `fitFDist`).

    variances, df: shape (..., conditions); conditions with a variance of 0 or a df below 1 are left out.
    """
    mean, excess, _, count = _log_moments(variances, df)
    prior_df = np.where((excess > 0) & (count > 1), _prior_df(excess), np.inf)
    finite = np.where(np.isfinite(prior_df), prior_df, 1.0)
    shift = np.where(np.isfinite(prior_df), special.digamma(finite / 2) - np.log(finite / 2), 0.0)
    return Prior(np.exp(mean + shift), prior_df)


def cautious_prior(variances: np.ndarray, df: np.ndarray) -> Prior:
    """Estimate a prior that claims little: shape and left-out conditions as for `smyth_prior`.

    Heterogeneity, the variance of the log variances beyond that of estimates of one variance, is taken
    CAUTION standard errors above its estimate (at least above 0), and WITHHELD degrees of freedom are
    taken off: equal spreads and 11 conditions leave 1.7 degrees of freedom at 3 runs, 5.5 at 5, 16 at 10.
    A condition with fewer runs than the others is given what it would get if all had as few: its own
    variance can contradict the prior less. So df has shape (..., conditions).
    The variance is the geometric mean (without the bias of logarithms), which a single wild condition
    moves little and which is the larger of the two usual centres.
    """
    mean, excess, error, count = _log_moments(variances, df)
    half = np.maximum(np.broadcast_to(df, np.shape(variances)), 1.0) / 2
    own = _standard_error(special.polygamma(1, half), special.polygamma(3, half), count[..., None])
    heterogeneity = np.maximum(excess, 0)[..., None] + CAUTION * np.maximum(error[..., None], own)
    prior_df = np.maximum(_prior_df(heterogeneity) - WITHHELD, 0.0)
    return Prior(np.exp(mean), np.where(count[..., None] < FEWEST_CONDITIONS, 0.0, prior_df))


def moderate(variances: np.ndarray, ns: np.ndarray) -> Spread:
    """Return the variance of every condition, moderated by `cautious_prior`, and its degrees of freedom.

    variances: of the runs of each condition, with n - 1 in the denominator, NaN where n < 2;
    ns: numbers of runs; shape (..., conditions). The variance is the larger of the condition's own and
    the posterior mean (Smyth 2004, section 3); its degrees of freedom are those of the posterior, at most those of all
    conditions together. A condition with fewer than 2 runs has NaN and 0.
    """
    df = np.maximum(np.broadcast_to(ns, np.shape(variances)) - 1.0, 0.0)
    own = np.where(df > 0, variances, 0.0)
    prior = cautious_prior(own, df)
    total = np.maximum(prior.df + df, 1e-300)
    posterior = (prior.df * prior.variance[..., None] + df * own) / total
    everything = df.sum(axis=-1, keepdims=True)
    enough = df > 0
    return Spread(
        np.where(enough, np.maximum(own, posterior), np.nan),
        np.where(enough, np.minimum(prior.df + df, everything), 0.0),
    )


def _log_moments(variances: np.ndarray, df: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Mean of the unbiased log variances, their variance beyond sampling, its standard error, their number.

    The logarithm of a variance estimate with df degrees of freedom has the cumulants of log chi-squared:
    mean digamma(df / 2) - log(df / 2), variance trigamma(df / 2), fourth cumulant polygamma(3, df / 2).
    The standard error is that of a sample variance under equal spreads.
    """
    variances, df = np.asarray(variances, float), np.broadcast_to(df, np.shape(variances)).astype(float)
    used = (df >= 1) & (variances > 0)
    count = used.sum(axis=-1)
    with np.errstate(invalid="ignore"):
        floor = SMALLEST_RATIO * _median(variances, used)[..., None]
    half = np.where(used, df, 1.0) / 2
    log = np.log(np.where(used, np.maximum(variances, floor), 1.0)) - special.digamma(half) + np.log(half)
    share = used / np.maximum(count, 1)[..., None]
    mean = (share * log).sum(axis=-1)
    rest = np.maximum(count - 1, 1)
    observed = (used * (log - mean[..., None]) ** 2).sum(axis=-1) / rest
    sampling = (share * special.polygamma(1, half)).sum(axis=-1)
    fourth = (share * special.polygamma(3, half)).sum(axis=-1)
    return mean, observed - sampling, _standard_error(sampling, fourth, count), count


def _standard_error(variance: np.ndarray, fourth: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Standard error of the sample variance of `count` values with a variance and a fourth cumulant."""
    return np.sqrt(2 * variance**2 / np.maximum(count - 1, 1) + fourth / np.maximum(count, 1))


def _median(values: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Median over the conditions in use, 0 where there is none."""
    ordered = np.sort(np.where(used, values, np.inf), axis=-1)
    count = used.sum(axis=-1)
    lower, upper = ((np.maximum(count - 1, 0) // 2), np.maximum(count, 1) // 2)
    picked = [np.take_along_axis(ordered, index[..., None], axis=-1)[..., 0] for index in (lower, upper)]
    picked = [np.where(np.isfinite(each), each, 0.0) for each in picked]
    return (picked[0] + picked[1]) / 2


_HALF_DF = np.geomspace(1e-3, 1e6, 4000)
_EXCESS = special.polygamma(1, _HALF_DF)  # falls with df


def _prior_df(excess: np.ndarray) -> np.ndarray:
    """Solve trigamma(df / 2) = excess, by interpolation on a logarithmic grid (relative error below 1e-4)."""
    safe = np.maximum(excess, _EXCESS[-1])
    return 2 * np.exp(np.interp(np.log(safe), np.log(_EXCESS[::-1]), np.log(_HALF_DF[::-1])))
