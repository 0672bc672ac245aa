"""Means, spreads and numbers of runs of many conditions -> verdicts on differences against a margin.

A verdict on the difference delta against the margin d is one of three claims: delta > d or delta < -d
('larger'), |delta| <= d ('smaller'). Whatever the truth, the false ones lie on one side of one
margin, but for 'larger' on the far side: P(T > c) + P(T > c + 2 d / se) at |delta| = d, which is the size of
the test of an interval hypothesis (Lehmann & Romano 2005, section 4.2). So one-sided levels, not
halved ones, hold the error of a comparison: the partitioning principle (Stefansson, Kim & Hsu 1988;
Finner & Strassburger 2002), as in two one-sided tests at the full level (Schuirmann 1987).

Comparisons share the error by Holm's procedure (1979). Arrays are (..., comparisons).
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from analysis.statistics.moderated import Spread, moderate

UNDECIDED, SMALLER, LARGER = 0, 1, 2
BISECTIONS = 50


@dataclass(frozen=True)
class Contrast:
    """Differences of means: value, standard error and degrees of freedom, shape (..., comparisons).

    se is NaN where a side has fewer than 2 runs, or where neither condition nor prior has a spread.
    """

    difference: np.ndarray
    se: np.ndarray
    df: np.ndarray


@dataclass(frozen=True)
class Judgement:
    """Verdicts and what they were read off, shape (..., comparisons).

    verdict: UNDECIDED, SMALLER or LARGER (in the direction of the difference). p: one-sided, against the nearer margin.
    level: the one that p was held against. low, high: the interval at that level; 'larger' is where it lies
    beyond a margin, 'smaller' where it lies within both, exactly.
    """

    verdict: np.ndarray
    p: np.ndarray
    level: np.ndarray
    low: np.ndarray
    high: np.ndarray


def contrasts(
    means: np.ndarray,
    variances: np.ndarray,
    ns: np.ndarray,
    pairs: np.ndarray,
    diverged: np.ndarray | None = None,
    drop: float = 0.0,
) -> Contrast:
    """Return the differences of pairs of conditions, with moderated variances.

    means, variances, ns: shape (..., conditions): every condition of the study, compared or not; ns is 0
    for those whose runs all diverged. pairs: shape (comparisons, 2), numbers of conditions a and b; the
    difference is a - b. diverged: how many of the runs diverged, shape (..., conditions); drop: by how
    much a diverged run is lower than one that trained. They count in pairs with a diverged run on
    either side, see `least_variance`.
    """
    spread = moderate(variances, ns)
    plain = contrasts_of(means, spread, ns, pairs)
    if diverged is None or not np.any(diverged):
        return plain
    diverged = np.broadcast_to(diverged, np.shape(means))
    wide = Spread(np.maximum(spread.variance, least_variance(diverged, ns, drop)), spread.df)
    wider = contrasts_of(means, wide, ns, pairs)
    a, b = np.asarray(pairs).T
    some = (diverged[..., a] > 0) | (diverged[..., b] > 0)
    return Contrast(plain.difference, np.where(some, wider.se, plain.se), np.where(some, wider.df, plain.df))


def least_variance(diverged: np.ndarray, ns: np.ndarray, drop: float) -> np.ndarray:
    """Return the variance that a share of diverging runs gives alone: q (1 - q) drop^2.

    q = (diverged + 1) / (n + 2), as though one more run had diverged and one more had not (Agresti &
    Caffo 2000): a condition of a few runs without a diverged one may well have such runs, too, when those
    of the other side do.
    """
    share = (np.asarray(diverged) + 1.0) / (np.asarray(ns) + 2.0)
    return share * (1 - share) * drop**2


def contrasts_of(means: np.ndarray, spread: Spread, ns: np.ndarray, pairs: np.ndarray) -> Contrast:
    """Return the differences of pairs of conditions whose spreads are given; shapes as in `contrasts`."""
    a, b = np.asarray(pairs).T
    with np.errstate(divide="ignore", invalid="ignore"):
        error = spread.variance / np.broadcast_to(ns, np.shape(means))
        square = error[..., a] + error[..., b]
        df = cautious_df(error[..., a], error[..., b], spread.df[..., a], spread.df[..., b])
    return Contrast(means[..., a] - means[..., b], np.sqrt(np.where(square > 0, square, np.nan)), df)


def cautious_df(error_a: np.ndarray, error_b: np.ndarray, df_a: np.ndarray, df_b: np.ndarray) -> np.ndarray:
    """Return degrees of freedom for a difference of means whose squared standard errors are given.

    Halfway between Welch's (1947) and the smaller of the two: Welch's test is liberal for very few runs with
    very different spreads, far in the tails (3 runs, 20 comparisons: 7-8 % instead of 5); the smaller df is
    never liberal (Mickey & Brown 1966) but wastes much.
    """
    smaller = np.minimum(df_a, df_b)
    welch = (error_a + error_b) ** 2 / (error_a**2 / df_a + error_b**2 / df_b)
    return (smaller + np.where(np.isfinite(welch), welch, smaller)) / 2


def p_values(contrast: Contrast, margin: float) -> np.ndarray:
    """Return the p-value of the only claim that the data can support: beyond the margin, or within it.

    P(T > t) + P(T > t + 2 d / se) for t = ||difference| - d| / se. The second part belongs to 'larger'
    alone, where both directions are false at once; for 'smaller' it is small beside the first whenever
    a claim is near, and is kept so that one interval serves both. 1 where there is no standard error.
    """
    with np.errstate(invalid="ignore"):
        t = np.abs(np.abs(contrast.difference) - margin) / contrast.se
        p = _tail(t, 2 * margin / contrast.se, contrast.df)
    return np.where(np.isnan(p), 1.0, p)


def judge(
    contrast: Contrast,
    margin: float,
    levels: np.ndarray,
    undecided: np.ndarray | None = None,
    tested: np.ndarray | None = None,
    intervals: bool = True,
) -> Judgement:
    """Judge the undecided comparisons of a family at one look, step by step (Holm 1979).

    margin: d, above 0. levels: shape (comparisons,) or (comparisons, comparisons): the last axis holds the
    one-sided level for 1, 2, ... undecided comparisons (`boundaries.levels_by_open`, or `single_look`),
    the first the comparison where they differ. undecided: shape (..., comparisons), those that belong to
    the family and that no earlier look decided; all by default. tested: those of them that have the runs
    foreseen for this look; one that was given up still counts as undecided, because its earlier looks
    have spent error. intervals: whether to compute low and high too (NaN otherwise).
    """
    p = p_values(contrast, margin)
    m = p.shape[-1]
    table = np.broadcast_to(levels, (m, m))
    still = np.ones(p.shape, bool) if undecided is None else np.array(undecided, bool)
    candidates = still if tested is None else still & tested
    found = np.zeros(p.shape, bool)
    level = np.broadcast_to(table[:, -1], p.shape)
    for _ in range(m):
        number = np.maximum((still & ~found).sum(axis=-1, keepdims=True), 1)
        now = table[np.arange(m), number - 1]
        level = np.where(found, level, now)
        decided = candidates & ~found & (p <= now)
        if not decided.any():
            break
        found = found | decided
    beyond = np.abs(contrast.difference) > margin
    verdict = np.where(found, np.where(beyond, LARGER, SMALLER), UNDECIDED)
    half = half_widths(contrast, margin, level) if intervals else np.full(p.shape, np.nan)
    return Judgement(verdict, p, level, contrast.difference - half, contrast.difference + half)


def single_look(alpha: float, comparisons: int) -> np.ndarray:
    """Return the levels of a study that is looked at once: alpha / u for u undecided comparisons."""
    return alpha / np.arange(1, comparisons + 1)


def adjusted(p: np.ndarray) -> np.ndarray:
    """Return p-values adjusted for a family that is looked at once (Holm 1979): at most alpha where decided."""
    order = np.argsort(p, axis=-1)
    number = np.arange(p.shape[-1], 0, -1)
    running = np.maximum.accumulate(np.take_along_axis(p, order, axis=-1) * number, axis=-1)
    result = np.empty_like(p)
    np.put_along_axis(result, order, np.minimum(running, 1.0), axis=-1)
    return result


def half_widths(contrast: Contrast, margin: float, level: np.ndarray) -> np.ndarray:
    """Return half the width of the interval whose place against ±margin gives the verdict at a level.

    c se with P(T > c) + P(T > c + 2 d / se) = level: between Student's quantiles at 1 - level
    and 1 - level / 2. Infinite at level 0; NaN where there is no standard error.
    """
    gap = 2 * margin / contrast.se
    with np.errstate(invalid="ignore"):
        low = np.maximum(special.stdtrit(contrast.df, 1 - np.minimum(level, 0.5)), 0.0)
        high = special.stdtrit(contrast.df, 1 - np.minimum(level, 1.0) / 2)
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            above = _tail(middle, gap, contrast.df) > level
            low, high = np.where(above, middle, low), np.where(above, high, middle)
    return high * contrast.se


def _tail(t: np.ndarray, gap: np.ndarray, df: np.ndarray) -> np.ndarray:
    return special.stdtr(df, -t) + special.stdtr(df, -t - gap)
