"""How many seeds would decide a comparison, as a range; and what runs that diverged allow to say."""

from dataclasses import dataclass

import numpy as np
from scipy import special

from analysis.statistics.judging import Contrast

MOST_SEEDS = 1000
NODES = 25


@dataclass(frozen=True)
class SeedsNeeded:
    """More seeds for each of both conditions, shape (...): from `low` to `high`, about `middle`.

    Half of what the data leave possible lies between low and high. Above MOST_SEEDS: MOST_SEEDS + 1.
    """

    low: np.ndarray
    middle: np.ndarray
    high: np.ndarray


def seeds_to_decide(
    contrast: Contrast, runs_a: np.ndarray, runs_b: np.ndarray, margin: float, level: np.ndarray
) -> SeedsNeeded:
    """Return the range of seeds, beyond the present ones, with which a comparison is decided at even odds.

    contrast: shape (...), as judged; runs_a, runs_b: numbers of runs behind it, shape (...); level: the
    one-sided level that it will be judged at.

    For a true difference delta and a standard error se of today, the interval at n seeds each has half
    the width z se sqrt(h / n) with h the harmonic mean of the runs, and decides at even odds when that is
    the distance of |delta| to the margin (the sample size of Chow, Shao & Wang 2008, section 3.2, at
    power 1/2). What is not known is averaged over, delta normal around the difference and se^2 as
    se^2 df / chi^2(df), on a grid of NODES x NODES quantiles; the quartiles are returned.
    """
    grid = (np.arange(NODES) + 0.5) / NODES
    df = np.asarray(contrast.df)[..., None, None]
    se = np.asarray(contrast.se)[..., None, None]
    # (..., spread, difference): a quantile of the spread in each row, of the difference in each column
    real = se * np.sqrt(df / special.chdtri(df, grid[:, None]))
    delta = np.asarray(contrast.difference)[..., None, None] + real * special.ndtri(grid)
    distance = np.abs(np.abs(delta) - margin)
    mean_runs = (2 / (1 / np.asarray(runs_a) + 1 / np.asarray(runs_b)))[..., None, None]
    z = -special.ndtri(np.asarray(level))[..., None, None]
    with np.errstate(divide="ignore"):
        total = mean_runs * (z * real / distance) ** 2
    more = np.ceil(total - np.maximum(runs_a, runs_b)[..., None, None])
    more = np.clip(more, 1, MOST_SEEDS + 1).reshape(*np.shape(contrast.se), NODES * NODES)
    low, middle, high = np.quantile(more, [0.25, 0.5, 0.75], axis=-1, method="higher").astype(int)
    return SeedsNeeded(low, middle, high)


def does_not_train(diverged: np.ndarray, ns: np.ndarray) -> np.ndarray:
    """Say for which conditions all runs diverged, of 2 or more: 'does not train', a verdict of its own.

    diverged, ns: numbers of diverged and of all runs, shape (..., conditions). Such a condition takes part
    in no family and lends no spread: its runs are alike because none trained.
    """
    return (np.asarray(ns) >= 2) & (np.asarray(diverged) == np.asarray(ns))


def divergence_bound(diverged: np.ndarray, ns: np.ndarray, confidence: float = 0.95) -> np.ndarray:
    """Return the upper bound of the share of runs that diverge (Clopper & Pearson 1934), one-sided.

    0 of 3 runs leave up to 63 % possible, 0 of 5 up to 45 %, 0 of 40 up to 7 %: what no run has shown, no
    interval of means accounts for.
    """
    diverged, ns = np.broadcast_arrays(np.asarray(diverged, float), np.asarray(ns, float))
    inside = np.where(diverged < ns, diverged, 0.0)
    return np.where(diverged < ns, special.betaincinv(inside + 1, np.maximum(ns - inside, 1e-9), confidence), 1.0)
