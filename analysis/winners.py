"""What a search chose, and what fresh seeds confirm of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.axes import STAGE
from study.contract.axes import AXES


@dataclass(frozen=True)
class Winner:
    """A configuration that was trained again with fresh seeds.

    condition: its number among the findings' conditions. baseline: whether it is what the winners are compared with.
    selected: the mean validation accuracy over the seeds of the search, by which it was chosen, in percent; None of a
    baseline that was not tried. seeds: of the search. confirmed: the test accuracies of the fresh seeds.
    """

    condition: int
    baseline: bool
    selected: float | None
    seeds: int
    confirmed: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Of the confirmed accuracies; NaN before the first."""
        return sum(self.confirmed) / len(self.confirmed) if self.confirmed else float("nan")

    @property
    def spread(self) -> float:
        """Their standard deviation; NaN of fewer than two."""
        return float(pd.Series(self.confirmed).std()) if len(self.confirmed) > 1 else float("nan")

    @property
    def optimism(self) -> float | None:
        """By how much the selection promised more than fresh seeds keep, in percentage points."""
        return None if self.selected is None or not self.confirmed else self.selected - self.mean


def winners(
    conditions: pd.DataFrame, runs: pd.DataFrame, curves: pd.DataFrame, baseline: Mapping[str, Any] | None
) -> tuple[Winner, ...]:
    """Return the confirmed configurations, the best of the search first and the baseline last; empty without any.

    conditions, runs, curves: as in `findings.Findings`. baseline: the values that make a configuration the baseline.
    """
    confirmed = conditions[conditions[STAGE] == "confirm"]
    if confirmed.empty:
        return ()
    chosen, found = _selected(curves), []
    for number, point in zip(confirmed.index.tolist(), confirmed[list(AXES)].to_dict("records"), strict=True):
        value, seeds = chosen.get(tuple(point.values()), (None, 0))
        values = tuple(map(float, runs.loc[runs["condition"] == number, "test_accuracy"].dropna()))
        is_baseline = bool(baseline) and all(point[axis] == wanted for axis, wanted in (baseline or {}).items())
        found.append(Winner(int(number), is_baseline, value, seeds, values))
    return tuple(sorted(found, key=lambda each: (each.baseline, -(each.selected or 0.0))))


def _selected(curves: pd.DataFrame) -> dict[tuple[object, ...], tuple[float, int]]:
    """By configuration, the value that the search saw and its number of seeds."""
    curves = curves[(curves[STAGE] == "explore") & curves["validation_accuracy"].notna()]
    last = curves.sort_values("epoch").groupby(["trial_id", "seed"]).tail(1)
    return {
        tuple(rows[axis].iloc[0] for axis in AXES): (float(rows["validation_accuracy"].mean()), len(rows))
        for _, rows in last.groupby("trial_id")
    }
