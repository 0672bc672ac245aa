"""Two conditions -> difference, intervals, tests and a verdict.

The unit of every statistic is the run (one seed); runs of different seeds are independent.
Accuracies and differences are in percent and percentage points.
"""

import math
import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import stats

Verdict = Literal["larger", "smaller", "undecided", "no data"]
Interval = tuple[float, float]
NO_INTERVAL: Interval = (math.nan, math.nan)
MOST_SEEDS = 1000


@dataclass(frozen=True)
class Comparison:
    """Condition a against condition b in one measure; difference = mean of a - mean of b.

    interval: 95 % Welch interval of the difference. joint_interval: the same at the confidence that
    keeps the whole family of m comparisons at 95 % (Bonferroni: 1 - 0.05 / m); the verdict reads it.
    improvement: probability that a run of a beats a run of b, ties counted half.
    effect: difference in pooled standard deviations. p: Welch's t-test, not adjusted.
    paired_interval, correlation: over the seeds that both conditions have; a check beside the rest.
    seeds_needed: about how many seeds per condition would decide; None when decided or unknown,
    MOST_SEEDS + 1 when more than MOST_SEEDS. verdict: 'no data' when a side has no finished run.
    note: why something is missing, else ''.
    """

    n_a: int
    n_b: int
    mean_a: float
    mean_b: float
    difference: float
    interval: Interval
    joint_interval: Interval
    p: float
    improvement: float
    effect: float
    paired_n: int
    paired_interval: Interval
    correlation: float
    verdict: Verdict
    seeds_needed: int | None
    note: str


def mean_interval(values: np.ndarray, confidence: float = 0.95) -> Interval:
    """Return the Student-t interval of a mean over seeds (Student 1908); NaN below 2 values.

    values: shape (n,). Values that are all equal give an interval without width.
    """
    values = np.asarray(values, dtype=float)
    values = values[~np.isnan(values)]
    if len(values) < 2:
        return NO_INTERVAL
    half = float(half_width(float(np.std(values, ddof=1)), len(values), confidence))
    return float(values.mean() - half), float(values.mean() + half)


def half_width(
    sd: np.ndarray | pd.Series | float, n: np.ndarray | pd.Series | int, confidence: float = 0.95
) -> np.ndarray:
    """Return half the width of the Student-t interval of a mean, for arrays of sd and n.

    NaN where n < 2.
    """
    n = np.asarray(n, dtype=float)
    enough = np.where(n > 1, n, np.nan)
    return stats.t.ppf((1 + confidence) / 2, enough - 1) * np.asarray(sd) / np.sqrt(enough)


def welch_interval(a: np.ndarray, b: np.ndarray, confidence: float = 0.95) -> Interval:
    """Return the interval of mean(a) - mean(b) without equal variances (Welch 1947).

    NaN when a side has fewer than 2 values, or when neither varies: no spread can be estimated.
    """
    if not _tested(a, b):
        return NO_INTERVAL
    low, high = _welch(a, b).confidence_interval(confidence)
    return float(low), float(high)


def welch_bands(a: np.ndarray, b: np.ndarray, confidence: float = 0.95) -> dict[str, np.ndarray]:
    """Return `difference`, `low` and `high` of mean(a) - mean(b), column by column.

    a, b: shape (runs, columns). low and high are NaN where `welch_interval` is.
    """
    difference = a.mean(axis=0) - b.mean(axis=0)
    low, high = np.full(len(difference), np.nan), np.full(len(difference), np.nan)
    varied = (np.ptp(a, axis=0) > 0) | (np.ptp(b, axis=0) > 0)
    if min(len(a), len(b)) >= 2 and varied.any():
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Precision loss")
            result: Any = stats.ttest_ind(a[:, varied], b[:, varied], equal_var=False)
        low[varied], high[varied] = result.confidence_interval(confidence)
    return {"difference": difference, "low": low, "high": high}


def constant(values: np.ndarray) -> bool:
    """Say whether the values are all equal, up to rounding."""
    return bool(np.ptp(values) <= 1e-9 * max(1.0, float(np.abs(values).max())))


def compare(a: pd.Series, b: pd.Series, meaningful: float, family: int = 1) -> Comparison:
    """Compare two conditions.

    a, b: the measure of each run, indexed by seed; NaN (unfinished runs) is left out.
    meaningful: the smallest difference that matters, d. family: the number of comparisons that are
    made together.

    Welch interval (Welch 1947); probability of improvement is U / (n_a n_b) of Mann & Whitney (1947)
    as in rliable (Agarwal et al. 2021); effect as Cohen (1988, p. 66); the interval over pairs of runs
    with the same seed is that of the paired t-test (Student 1908).
    """
    a, b = a.dropna().astype(float), b.dropna().astype(float)
    x, y = a.to_numpy(), b.to_numpy()
    interval, joint, p = NO_INTERVAL, NO_INTERVAL, math.nan
    if _tested(x, y):
        test = _welch(x, y)
        p = float(test.pvalue)
        interval, joint = (
            (float(low), float(high)) for low, high in map(test.confidence_interval, (0.95, 1 - 0.05 / family))
        )
    difference = float(x.mean() - y.mean()) if len(x) and len(y) else math.nan
    verdict = decide(joint, meaningful) if len(x) and len(y) else "no data"
    paired, correlation, pairs = _paired(a, b)
    needed = None
    if verdict == "undecided" and not math.isnan(joint[0]):
        needed = seeds_needed(x, y, meaningful, family)
    return Comparison(
        n_a=len(x),
        n_b=len(y),
        mean_a=float(x.mean()) if len(x) else math.nan,
        mean_b=float(y.mean()) if len(y) else math.nan,
        difference=difference,
        interval=interval,
        joint_interval=joint,
        p=p,
        improvement=improvement(x, y),
        effect=_effect(x, y),
        paired_n=pairs,
        paired_interval=paired,
        correlation=correlation,
        verdict=verdict,
        seeds_needed=needed,
        note=_note(x, y),
    )


def decide(interval: Interval, meaningful: float) -> Verdict:
    """Read the verdict off an interval of a difference.

    'larger': the interval lies outside [-d, d] on one side. 'smaller': it lies within ±d, which is
    equivalence by two one-sided tests (Schuirmann 1987). Otherwise 'undecided'.
    """
    low, high = interval
    if low > meaningful or high < -meaningful:
        return "larger"
    if low >= -meaningful and high <= meaningful:
        return "smaller"
    return "undecided"


def holm(p: np.ndarray) -> np.ndarray:
    """Return the p-values of a family adjusted so that its family-wise error is bounded (Holm 1979).

    p: shape (m,). A NaN, where no test was possible, stays and does not count to the family.
    """
    p = np.asarray(p, dtype=float)
    order = np.argsort(p)[: np.count_nonzero(~np.isnan(p))]  # NaN sorts last
    adjusted = np.full(len(p), np.nan)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)))
    return adjusted


def improvement(a: np.ndarray, b: np.ndarray) -> float:
    """Return the share of pairs (run of a, run of b) in which a is higher, ties counted half."""
    if not len(a) or not len(b):
        return math.nan
    u = stats.mannwhitneyu(a, b, method="asymptotic").statistic
    return float(u) / (len(a) * len(b))


def seeds_needed(a: np.ndarray, b: np.ndarray, meaningful: float, family: int = 1) -> int:
    """Return about how many seeds per condition would decide, if mean and sd stay as observed.

    The smallest n at which an interval of the width that the observed standard deviations lead to
    no longer holds +d or -d, around the observed difference: the sample size of a test against a
    margin at even odds, power 1/2 (Chow, Shao & Wang 2008, section 3.2). MOST_SEEDS + 1 when more
    are needed.
    """
    variances = np.array([np.var(a, ddof=1), np.var(b, ddof=1)])
    n = np.arange(max(len(a), len(b)) + 1, MOST_SEEDS + 1)
    df = (n - 1) * variances.sum() ** 2 / (variances**2).sum()
    half = stats.t.ppf(1 - 0.025 / family, df) * np.sqrt(variances.sum() / n)
    distance = abs(abs(float(np.mean(a) - np.mean(b))) - meaningful)
    decided = np.flatnonzero(half < distance)
    return int(n[decided[0]]) if len(decided) else MOST_SEEDS + 1


def _tested(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether a spread can be estimated at all."""
    return min(len(a), len(b)) >= 2 and not (constant(a) and constant(b))


def _welch(a: np.ndarray, b: np.ndarray) -> Any:
    with warnings.catch_warnings():
        if constant(a) or constant(b):  # a variance of 0 is meant here
            warnings.filterwarnings("ignore", message="Precision loss")
        return stats.ttest_ind(_steady(a), _steady(b), equal_var=False)


def _steady(values: np.ndarray) -> np.ndarray:
    """Make values that differ by rounding alone exactly equal."""
    return np.full_like(values, values[0]) if constant(values) else values


def _effect(a: np.ndarray, b: np.ndarray) -> float:
    if not _tested(a, b):
        return math.nan
    weights = np.array([len(a) - 1, len(b) - 1])
    pooled = np.average([np.var(a, ddof=1), np.var(b, ddof=1)], weights=weights)
    return float((a.mean() - b.mean()) / math.sqrt(pooled))


def _paired(a: pd.Series, b: pd.Series) -> tuple[Interval, float, int]:
    """Interval of the mean difference over common seeds, their correlation and number."""
    pairs = pd.concat([a, b], axis=1, join="inner").to_numpy()
    interval = mean_interval(pairs[:, 0] - pairs[:, 1])
    if len(pairs) < 3 or constant(pairs[:, 0]) or constant(pairs[:, 1]):
        return interval, math.nan, len(pairs)
    return interval, float(np.corrcoef(pairs.T)[0, 1]), len(pairs)


def _note(a: np.ndarray, b: np.ndarray) -> str:
    fewest = min(len(a), len(b))
    if fewest == 0:
        return "no finished run on one side"
    if fewest == 1:
        return "one finished run on a side: the spread between seeds is unknown"
    if constant(a) and constant(b):
        return "all runs of a condition are equal: the spread between seeds cannot be estimated"
    if fewest == 2:
        return "two finished runs on a side: the interval is very wide"
    return ""
