"""Ways to decide comparisons against a baseline with one look, old and new, for benchmarks/verdicts.py."""

from collections.abc import Callable

import numpy as np
from scipy import optimize, special, stats

from analysis.statistics.judging import LARGER, SMALLER, Contrast, contrasts, contrasts_of, judge, single_look
from analysis.statistics.moderated import Spread, smyth_prior
from benchmarks.verdict_cases import ALPHA, Arrays, against_baseline

Found = tuple[np.ndarray, np.ndarray]  # verdicts and differences, shape (studies, comparisons)
OUTLIER = 0.01  # a variance above this quantile of F against the median one is left out of the prior


def dunnett_critical(comparisons: int, df: float, alpha: float = ALPHA, two_sided: bool = True) -> float:
    """Return Dunnett's (1955) critical value for as many runs in each condition (correlation 1/2)."""
    z, weights = np.polynomial.hermite_e.hermegauss(64)
    weights = weights / weights.sum()
    s = np.sqrt(special.chdtri(df, (np.arange(400) + 0.5) / 400) / df)[:, None]  # quantiles of the pooled spread

    def above(c: float) -> float:
        inside = special.ndtr(np.sqrt(2) * c * s - z)
        if two_sided:
            inside = inside - special.ndtr(-np.sqrt(2) * c * s - z)
        return 1 - float(((inside**comparisons) @ weights).mean()) - alpha

    return float(optimize.brentq(above, 0.5, 30.0))  # type: ignore[arg-type]


def welch_bonferroni(seen: Arrays, true: np.ndarray, margin: float) -> Found:
    """Today's method: Welch's intervals at 1 - 0.05 / m."""
    found = _welch(seen, true)
    return _read(found, special.stdtrit(found.df, 1 - ALPHA / 2 / len(true)), margin)


def pooled_dunnett(seen: Arrays, true: np.ndarray, margin: float) -> Found:
    means, variances, ns, _ = seen
    df = np.maximum(ns - 1.0, 0)
    total = df.sum(axis=1, keepdims=True)
    pooled = (df * variances).sum(axis=1, keepdims=True) / total
    spread = Spread(np.broadcast_to(pooled, means.shape), np.broadcast_to(total, means.shape))
    found = contrasts_of(means + np.r_[0, true], spread, ns, against_baseline(len(true)))
    return _read(found, np.array(dunnett_critical(len(true), float(np.median(total)))), margin)


def smyth_bonferroni(seen: Arrays, true: np.ndarray, margin: float, robust: bool = False) -> Found:
    """limma's moderated variances with Welch's degrees of freedom; robust: outlying variances keep their own."""
    means, variances, ns, _ = seen
    df = np.maximum(ns - 1.0, 0)
    out = np.zeros(means.shape, bool)
    if robust:
        middle = np.median(variances, axis=1, keepdims=True)
        out = variances > middle * stats.f.ppf(1 - OUTLIER, df.max(), df.max())
    prior = smyth_prior(np.where(out, 0.0, variances), df)
    prior_df = np.where(out, 0.0, np.minimum(prior.df, 1e6)[:, None])
    total = prior_df + df
    posterior = (prior_df * np.where(prior_df > 0, prior.variance[:, None], 0) + df * variances) / np.maximum(
        total, 1e-9
    )
    pairs = against_baseline(len(true))
    spread = Spread(posterior, np.minimum(total, df.sum(axis=1, keepdims=True)))
    found = contrasts_of(means + np.r_[0, true], spread, ns, pairs)
    return _read(found, special.stdtrit(_welch_df(spread, ns), 1 - ALPHA / 2 / len(true)), margin)


def smyth_robust(seen: Arrays, true: np.ndarray, margin: float) -> Found:
    return smyth_bonferroni(seen, true, margin, robust=True)


def one_sided_welch(seen: Arrays, true: np.ndarray, margin: float) -> Found:
    """Welch's variances and degrees of freedom, one-sided levels, Holm."""
    return _judged(_welch(seen, true), seen, margin)


def new(seen: Arrays, true: np.ndarray, margin: float) -> Found:
    means, variances, ns, diverged = seen
    found = contrasts(means + np.r_[0, true], variances, ns, against_baseline(len(true)), diverged, 45.0)
    return _judged(found, seen, margin)


METHODS: dict[str, Callable[[Arrays, np.ndarray, float], Found]] = {
    "Welch, Bonferroni": welch_bonferroni,
    "pooled, Dunnett": pooled_dunnett,
    "Smyth, Bonferroni": smyth_bonferroni,
    "robust Smyth": smyth_robust,
    "Welch, one-sided Holm": one_sided_welch,
    "chosen": new,
}


def _welch(seen: Arrays, true: np.ndarray) -> Contrast:
    means, variances, ns, _ = seen
    df = np.maximum(ns - 1.0, 0)
    found = contrasts_of(means + np.r_[0, true], Spread(variances, df), ns, against_baseline(len(true)))
    return Contrast(found.difference, found.se, _welch_df(Spread(variances, df), ns))


def _welch_df(spread: Spread, ns: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        error = spread.variance / ns
        parts = error**2 / spread.df
        welch = (error[:, 1:] + error[:, :1]) ** 2 / (parts[:, 1:] + parts[:, :1])
    return np.where(np.isfinite(welch), welch, 1.0)


def _read(found: Contrast, critical: np.ndarray, margin: float) -> Found:
    half, size = critical * found.se, np.abs(found.difference)
    with np.errstate(invalid="ignore"):
        verdict = np.where(size - half > margin, LARGER, np.where(size + half <= margin, SMALLER, 0))
    return verdict, found.difference


def _judged(found: Contrast, seen: Arrays, margin: float) -> Found:
    there = (seen[2][:, 1:] > 0) & (seen[2][:, :1] > 0)
    judged = judge(found, margin, single_look(ALPHA, there.shape[1]), there, intervals=False)
    return judged.verdict, found.difference
