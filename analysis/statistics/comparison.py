"""Two conditions -> difference, intervals and tests.

The unit of every statistic is the run (one seed); runs of different seeds are independent.
Accuracies and differences are in percent and percentage points.

Two methods. Welch's t (Welch 1947) for independent conditions. The paired t (Student 1908) for two conditions whose
runs with one seed are parts of the same run: with a constant learning rate a run of 25 epochs is the beginning of the
run of 51 epochs with its seed, so the two accuracies are two readings of one run, and their differences, a run each,
are what is independent. Which method applies follows from the design of the study, never from its results.
"""

import math
import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import stats

Check = Literal["larger", "smaller", "undecided"]
Method = Literal["Welch", "paired"]
Interval = tuple[float, float]
NO_INTERVAL: Interval = (math.nan, math.nan)


@dataclass(frozen=True)
class Comparison:
    """Condition a against condition b in one measure; difference = mean of a - mean of b.

    method: of the interval, the test and all that follows from them; "paired" counts the seeds that both sides have,
    and n_a, n_b, the means and the rest are over these alone. interval: 95 % interval of the difference.
    check_interval: the same at 1 - 0.05 / m (Bonferroni) for a family of m comparisons, and check: what it says of
    the margin; both beside the verdict of `verdicts`, which borrows strength. improvement: probability that a run of a
    beats a run of b, ties counted half; paired: the share of seeds. effect: difference in pooled standard deviations.
    p: of the t-test, not adjusted. paired_interval, correlation: over the seeds that both conditions have.
    note: why something is missing, else ''.
    """

    method: Method
    n_a: int
    n_b: int
    mean_a: float
    mean_b: float
    difference: float
    interval: Interval
    check_interval: Interval
    check: Check
    p: float
    improvement: float
    effect: float
    paired_n: int
    paired_interval: Interval
    correlation: float
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

    a, b: shape (runs, columns); NaN, as of a run that has not come so far, is left out, and each column has a value on
    both sides. low and high are NaN where `welch_interval` is.
    """
    difference = np.nanmean(a, axis=0) - np.nanmean(b, axis=0)
    low, high = np.full(len(difference), np.nan), np.full(len(difference), np.nan)
    several = np.minimum(*((~np.isnan(side)).sum(axis=0) for side in (a, b))) >= 2
    varied = np.any([np.nanmax(side, axis=0) > np.nanmin(side, axis=0) for side in (a, b)], axis=0)
    told = several & varied
    if told.any():
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Precision loss")
            result: Any = stats.ttest_ind(a[:, told], b[:, told], equal_var=False, nan_policy="omit")
        low[told], high[told] = result.confidence_interval(confidence)
    return {"difference": difference, "low": low, "high": high}


def paired_interval(differences: np.ndarray, confidence: float = 0.95) -> Interval:
    """Return the interval of a mean of differences, one a pair of runs (Student 1908).

    differences: shape (pairs,). NaN with fewer than 2 pairs, or when all are equal: no spread can be estimated.
    """
    if len(differences) < 2 or constant(differences):
        return NO_INTERVAL
    return mean_interval(differences, confidence)


def paired_bands(differences: np.ndarray, confidence: float = 0.95) -> dict[str, np.ndarray]:
    """Return `difference`, `low` and `high`, column by column: `paired_interval` of each.

    differences: shape (pairs, columns).
    """
    intervals = np.array([paired_interval(column, confidence) for column in differences.T]).reshape(-1, 2)
    return {"difference": differences.mean(axis=0), "low": intervals[:, 0], "high": intervals[:, 1]}


def constant(values: np.ndarray) -> bool:
    """Say whether the values are all equal, up to rounding."""
    return bool(np.ptp(values) <= 1e-9 * max(1.0, float(np.abs(values).max())))


def compare(a: pd.Series, b: pd.Series, meaningful: float, family: int | None = 1, paired: bool = False) -> Comparison:
    """Compare two conditions.

    a, b: the measure of each run, indexed by seed; NaN (unfinished runs) is left out.
    meaningful: the smallest difference that matters, d. family: the number of comparisons that are
    made together; None for one that claims nothing, which is not checked. paired: whether the runs with one seed are
    parts of the same run.

    Welch interval (Welch 1947), paired interval (Student 1908); probability of improvement is U / (n_a n_b) of Mann &
    Whitney (1947) as in rliable (Agarwal et al. 2021); effect as Cohen (1988, p. 66).
    """
    a, b = a.dropna().astype(float), b.dropna().astype(float)
    pairs = pd.concat([a, b], axis=1, join="inner").to_numpy()
    if paired:
        a, b = pd.Series(pairs[:, 0]), pd.Series(pairs[:, 1])
    x, y = a.to_numpy(), b.to_numpy()
    differences = pairs[:, 0] - pairs[:, 1]
    test = _paired_test(differences) if paired else _welch_test(x, y)
    joint = NO_INTERVAL if family is None else test.interval(1 - 0.05 / family)
    return Comparison(
        method="paired" if paired else "Welch",
        n_a=len(x),
        n_b=len(y),
        mean_a=float(x.mean()) if len(x) else math.nan,
        mean_b=float(y.mean()) if len(y) else math.nan,
        difference=float(x.mean() - y.mean()) if len(x) and len(y) else math.nan,
        interval=test.interval(0.95),
        check_interval=joint,
        check=decide(joint, meaningful),
        p=test.p,
        improvement=_share_higher(differences) if paired else improvement(x, y),
        effect=_effect(x, y),
        paired_n=len(pairs),
        paired_interval=mean_interval(differences),
        correlation=_correlation(pairs),
        note=_note(x, y, differences if paired else None),
    )


def decide(interval: Interval, meaningful: float) -> Check:
    """Say what an interval of a difference says of the margin.

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


@dataclass(frozen=True)
class _Test:
    """A t-test of no difference: its p-value and, from SciPy's result, its intervals; without one neither."""

    p: float = math.nan
    result: Any = None

    def interval(self, confidence: float) -> Interval:
        if self.result is None:
            return NO_INTERVAL
        low, high = self.result.confidence_interval(confidence)
        return float(low), float(high)


def _welch_test(a: np.ndarray, b: np.ndarray) -> _Test:
    if not _tested(a, b):
        return _Test()
    result = _welch(a, b)
    return _Test(float(result.pvalue), result)


def _paired_test(differences: np.ndarray) -> _Test:
    if len(differences) < 2 or constant(differences):
        return _Test()
    result: Any = stats.ttest_1samp(differences, 0.0)
    return _Test(float(result.pvalue), result)


def _share_higher(differences: np.ndarray) -> float:
    return float(np.mean((differences > 0) + 0.5 * (differences == 0))) if len(differences) else math.nan


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


def _correlation(pairs: np.ndarray) -> float:
    if len(pairs) < 3 or constant(pairs[:, 0]) or constant(pairs[:, 1]):
        return math.nan
    return float(np.corrcoef(pairs.T)[0, 1])


def _note(a: np.ndarray, b: np.ndarray, differences: np.ndarray | None) -> str:
    """Why something is missing; differences: of a paired comparison, a and b holding the runs of the common seeds."""
    fewest = min(len(a), len(b))
    where = "on a side" if differences is None else "with a seed that both sides have"
    if fewest == 0:
        return "no finished run on one side" if differences is None else "no seed has finished on both sides"
    if fewest == 1:
        return f"one finished run {where}: the spread between seeds is unknown"
    if differences is not None and constant(differences):
        return "the difference is the same for every seed: its spread cannot be estimated"
    if differences is None and constant(a) and constant(b):
        return "all runs of a condition are equal: the spread between seeds cannot be estimated"
    return f"two finished runs {where}: the interval is very wide" if fewest == 2 else ""
