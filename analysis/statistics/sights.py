"""The runs that a look at a study sees -> means, spreads and differences of its conditions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.statistics.judging import Contrast, contrasts
from analysis.statistics.moderated import EQUAL
from analysis.statistics.needed import does_not_train

Asked = Mapping[int, frozenset[int]]  # the seeds of each condition


@dataclass(frozen=True)
class Sight:
    """What one look sees; arrays have shape (conditions,).

    runs: the finished runs, with the columns condition, seed, diverged and value. counts: how many were asked for.
    means, variances (n - 1 in the denominator, NaN below 2 runs), ns, diverged: of the finished runs. fails: conditions
    whose runs all diverged, of 2 or more.
    """

    runs: pd.DataFrame
    counts: np.ndarray
    means: np.ndarray
    variances: np.ndarray
    ns: np.ndarray
    diverged: np.ndarray
    fails: np.ndarray

    @property
    def drop(self) -> float:
        """How much lower a diverged run can be than one that trains, points; what the data show at most."""
        lost = self.runs["diverged"]
        if not lost.any() or lost.all():
            return 0.0
        best = self.runs[~lost].groupby("condition")["value"].mean().max()
        return max(0.0, float(best - self.runs.loc[lost, "value"].min()))


def sights(runs: pd.DataFrame, measure: str, conditions: int, looks: Sequence[Asked]) -> list[Sight]:
    """Return what every look sees; one that sees all runs where no look is known.

    runs: condition, seed, diverged and the measure, NaN where a run has not finished. conditions: how many there are.
    """
    table = runs[["condition", "seed", "diverged"]].assign(value=runs[measure].astype(float))
    if not looks:
        counts = table.groupby("condition")["seed"].nunique().reindex(range(conditions)).fillna(0).astype(int)
        return [_sight(table, dict(enumerate(counts)), conditions)]
    seen = []
    for asked in looks:
        keys = pd.MultiIndex.from_tuples([(c, s) for c, seeds in asked.items() for s in seeds], names=["c", "s"])
        part = table[pd.MultiIndex.from_frame(table[["condition", "seed"]]).isin(keys)]
        seen.append(_sight(part, {c: len(seeds) for c, seeds in asked.items()}, conditions))
    return seen


def _sight(table: pd.DataFrame, asked: Mapping[int, int], conditions: int) -> Sight:
    finished = table[table["value"].notna()]
    groups = finished.groupby("condition")["value"]
    every = range(conditions)
    stats = groups.agg(["mean", "var", "count", "min", "max"]).reindex(every)
    flat = stats["max"] - stats["min"] <= EQUAL * stats["mean"].abs().clip(lower=1.0)
    ns = stats["count"].fillna(0).to_numpy(int)
    diverged = finished.groupby("condition")["diverged"].sum().reindex(every).fillna(0).to_numpy(int)
    return Sight(
        runs=finished,
        counts=np.array([asked.get(number, 0) for number in every], int),
        means=stats["mean"].to_numpy(),
        variances=stats["var"].mask(flat & (stats["count"] > 1), 0.0).to_numpy(),
        ns=ns,
        diverged=diverged,
        fails=does_not_train(diverged, ns),
    )


def contrast(sight: Sight, pairs: np.ndarray, paired: Sequence[int]) -> Contrast:
    """Return the differences of pairs; those of parts of the same runs by their differences (Student 1908).

    pairs: shape (comparisons, 2), numbers of conditions a and b. paired: which of them are such parts. Conditions whose
    runs all diverged lend no spread.
    """
    ns = np.where(sight.fails, 0, sight.ns)
    diverged = np.where(sight.fails, 0, sight.diverged)
    found = contrasts(sight.means, sight.variances, ns, pairs, diverged, sight.drop)
    difference, se, df = (np.array(each) for each in (found.difference, found.se, found.df))
    for place in paired:
        difference[place], se[place], df[place] = _paired(sight.runs, *pairs[place])
    return Contrast(difference, se, df)


def _paired(runs: pd.DataFrame, first: int, second: int) -> tuple[float, float, float]:
    """Mean, standard error and degrees of freedom of the differences of the seeds that both sides have."""
    a, b = (runs[runs["condition"] == number].set_index("seed")["value"] for number in (first, second))
    differences = (a - b).dropna().to_numpy()
    n = len(differences)
    if n == 0:
        return np.nan, np.nan, np.nan
    sd = float(np.std(differences, ddof=1)) if n > 1 else np.nan
    flat = float(np.ptp(differences)) <= EQUAL * max(1.0, float(np.abs(differences).max()))
    return float(differences.mean()), np.nan if flat else sd / np.sqrt(n), float(n - 1)
