"""Epochs to an accuracy as survival data: a run that never got there is censored, not dropped.

Kaplan-Meier estimate (Kaplan & Meier 1958) and logrank test (Mantel 1966), both SciPy's.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats


@dataclass(frozen=True)
class Reached:
    """How a condition's runs reached a threshold.

    reached of n runs did; median is the Kaplan-Meier median in the unit asked for, NaN when fewer
    than half of the runs are estimated to have reached it by the last time seen, `last`.
    """

    reached: int
    n: int
    median: float
    last: float

    @property
    def text(self) -> str:
        """The median in words: '12', '> 25' when censored."""
        return f"> {self.last:g}" if np.isnan(self.median) else f"{self.median:g}"


def censored(times: pd.DataFrame, unit: str = "epochs") -> stats.CensoredData:
    """Return `convergence.time_to` rows as SciPy's right-censored data."""
    values = times[unit].to_numpy(dtype=float)
    return stats.CensoredData.right_censored(values, ~times["reached"].to_numpy(dtype=bool))


def reached(times: pd.DataFrame, unit: str = "epochs") -> Reached:
    """Summarise the rows of one condition and threshold; unit: epochs, iterations or seconds."""
    count, last = int(times["reached"].sum()), float(times[unit].max())
    if count == 0:
        return Reached(0, len(times), np.nan, last)
    return Reached(count, len(times), _median(times, unit), last)


def logrank_p(a: pd.DataFrame, b: pd.DataFrame) -> float:
    """Return the logrank p-value between two conditions.

    NaN with fewer than 2 runs in a condition, or when no run of either reached the threshold.
    """
    if min(len(a), len(b)) < 2 or not (a["reached"].any() or b["reached"].any()):
        return float("nan")
    with np.errstate(invalid="ignore", divide="ignore"):  # all runs at one same epoch: 0 / 0
        return float(stats.logrank(censored(a), censored(b)).pvalue)


def _median(times: pd.DataFrame, unit: str) -> float:
    """Return the first time at which the Kaplan-Meier estimate is at or below one half."""
    flags = times["reached"].to_numpy(dtype=bool)
    values = times[unit].to_numpy(dtype=float)
    if values[~flags].min(initial=np.inf) >= values[flags].max():
        # Nobody left before the last one arrived: the estimate is the plain share. (Fast, for
        # thousands of conditions.)
        middle = np.sort(np.where(flags, values, np.nan))[(len(values) + 1) // 2 - 1]
        return float(middle)
    survival = stats.ecdf(censored(times, unit)).sf
    below = np.flatnonzero(survival.probabilities <= 0.5)
    return float(survival.quantiles[below[0]]) if len(below) else np.nan
