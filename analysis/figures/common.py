"""What several figures share: means with intervals, facets, and how a figure says it has no data."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.axes import FACTOR_TYPES, numeric
from analysis.findings import Findings, NoDataError
from analysis.statistics.comparison import half_width

MOST_FACETS = 12


@dataclass(frozen=True)
class Facet:
    """One panel: its title, and the number of the condition at each level of the colour axis."""

    title: str
    conditions: dict[Any, int]


def facets(findings: Findings) -> tuple[Facet, ...]:
    """Split the conditions into panels by every varying axis but the one shown in colours."""
    axes = [a for a in findings.axes if a != findings.within]
    if findings.across in axes:
        axes = [findings.across, *(a for a in axes if a != findings.across)]
    table = findings.conditions[findings.conditions.index.isin(findings.curves["condition"])]
    if not axes:
        groups: Any = [((), table)]
    else:
        ordered = in_order(table, axes)
        groups = ordered.groupby(axes, sort=False)
    return tuple(
        Facet(
            ", ".join(findings.labels.phrase(a, v) for a, v in zip(axes, key, strict=True)),
            {row[findings.within] if findings.within else None: n for n, row in group.iterrows()},
        )
        for key, group in groups
    )


def levels(findings: Findings, axis: str | None) -> list[Any]:
    """Return the values of an axis in order; [None] for no axis."""
    if axis is None:
        return [None]
    values = list(findings.conditions[axis].unique())
    return values if FACTOR_TYPES[axis] == "str" else sorted(values)


def in_order(table: pd.DataFrame, axes: Sequence[str]) -> pd.DataFrame:
    """Return a table sorted by the numeric ones of its axes."""
    by = [axis for axis in axes if numeric(axis)]
    return table.sort_values(by, kind="stable") if by else table


def summarise(table: pd.DataFrame, by: Sequence[str], value: str) -> pd.DataFrame:
    """Return mean, low, high (95 % Student-t interval over runs), sd and n of a column by groups.

    low and high are NaN where a group has one value.
    """
    stats = table.groupby(list(by), sort=True)[value].agg(["mean", "std", "count"])
    half = half_width(stats["std"].to_numpy(), stats["count"].to_numpy())
    stats = stats.rename(columns={"std": "sd", "count": "n"})
    stats["low"], stats["high"] = stats["mean"] - half, stats["mean"] + half
    return stats.reset_index()


def finished_runs(findings: Findings, measure: str = "test_accuracy") -> pd.DataFrame:
    """Return the runs that have a final value.

    Raises NoDataError when there is none.
    """
    runs = findings.runs[findings.runs[measure].notna()]
    if runs.empty:
        raise NoDataError("no run has reached its planned epochs yet")
    return runs


def beyond(tables: Sequence[pd.DataFrame], low: float = 0.0, high: float = 100.0) -> str:
    """Return a sentence for the source line when an interval leaves what a percentage can be, else ''.

    tables: with columns low and high; low, high: the limits, -100 and 100 for differences.
    """
    if not any(bool((t["low"] < low).any() or (t["high"] > high).any()) for t in tables):
        return ""
    limits = "0 to 100 %" if low == 0 else f"±{high:g} points"
    return f" Some intervals reach beyond {limits}, where nothing can be: too few runs, or too far apart."


def shape(count: int, widest: int = 5) -> tuple[int, int]:
    """Return (rows, columns) for a number of panels, balanced, at most `widest` a row."""
    rows = int(np.ceil(count / widest))
    return rows, int(np.ceil(count / rows))
