"""What several figures share: means with intervals, facets, and how a figure says it has no data."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from analysis import style
from analysis.axes import FACTOR_TYPES, STAGE, numeric
from analysis.findings import Findings, NoDataError
from analysis.statistics.comparison import half_width
from analysis.statistics.families import shorter_are_beginnings
from analysis.tried import check_fixed

MOST_FACETS = 12
MOST_TOGETHER = 4  # configurations with a colour each


@dataclass(frozen=True)
class Layout:
    """What stands beside one another, in panels or along an axis, and what in colours; the same in all figures.

    beside: the axes of the panels, the one asked for first. hues: the words of every colour's level; '' where colours
    mean nothing. hue: the level of each condition. looks: of every level.
    """

    beside: tuple[str, ...]
    hues: dict[Any, str]
    hue: pd.Series
    looks: dict[Any, style.Look]

    @property
    def handles(self) -> list[Line2D]:
        """Legend entries for the colours."""
        return [
            style.line_handle(words, color=self.looks[level].color, marker=self.looks[level].marker, ms=4)
            for level, words in self.hues.items()
            if words
        ]


@dataclass(frozen=True)
class Facet:
    """One panel: its title, and at each level of the colours the conditions, those of fewer epochs first.

    Several conditions of a level are parts of the same runs: each goes on where the one before it ends.
    """

    title: str
    conditions: dict[Any, tuple[int, ...]]


def compared(findings: Findings) -> Findings:
    """Return the part of a study whose final values and curves mean something: of a search what it has confirmed.

    Raises NoDataError for a search that has confirmed nothing, and for a population.
    """
    check_fixed(findings)
    if not findings.question.searches:
        return findings
    trained = findings.curves[findings.curves[STAGE] == "confirm"]
    if trained.empty:
        raise NoDataError(
            "the search has confirmed nothing with fresh seeds: its history and slices show what it tried"
        )
    conditions = findings.conditions[findings.conditions[STAGE] == "confirm"]
    axes = tuple(axis for axis in findings.axes if conditions[axis].nunique() > 1)
    return replace(
        findings,
        axes=axes,
        across=findings.across if findings.across in axes else next(iter(axes), None),
        within=findings.within if findings.within in axes and findings.across in axes else None,
        conditions=conditions,
        curves=trained,
        runs=findings.runs[findings.runs["condition"].isin(conditions.index)],
    )


def layout(findings: Findings) -> Layout:
    """Lay a study out by the axes asked for, or with a colour for each configuration.

    The latter where these are few and would stand alone in most of the panels. Planned epochs make no configuration:
    the runs of one are parts of the same.
    """
    within, table = findings.within, in_order(findings.conditions, findings.axes)
    beside = [axis for axis in findings.axes if axis != within]
    if findings.across in beside:
        beside = [findings.across, *(axis for axis in beside if axis != findings.across)]
    words = [axis for axis in findings.axes if axis != "epochs"]
    panels = [axis for axis in beside if axis != "epochs"]
    if words:
        named = table[list(words)].apply(lambda row: findings.labels.condition(row, words), axis=1)
        alone = named.groupby([table[axis] for axis in panels]).nunique() == 1 if panels else pd.Series([False])
        if named.nunique() <= MOST_TOGETHER and alone.mean() > 0.5:
            epochs = tuple(axis for axis in beside if axis == "epochs")
            names = {str(name): str(name) for name in named.unique()}
            return Layout(epochs, names, named, style.looks(None, list(names)))
    if within is None:
        return Layout(tuple(beside), {"all": ""}, pd.Series("all", index=table.index), style.looks(None, ["all"]))
    hues = {level: findings.labels.phrase(within, level) for level in levels(findings, within)}
    return Layout(tuple(beside), hues, table[within], style.looks(within, list(hues)))


def facets(findings: Findings) -> tuple[Facet, ...]:
    """Split the conditions that were trained into panels; those that differ in their epochs alone share one."""
    chosen = layout(findings)
    table = in_order(findings.conditions, chosen.beside)
    table = table[table.index.isin(findings.curves["condition"])].sort_values("epochs", kind="stable")
    shared = shorter_are_beginnings(table)
    axes = [axis for axis in chosen.beside if axis != "epochs" or not shared]
    panels: dict[tuple[Any, ...], dict[Any, tuple[int, ...]]] = {}
    for number in in_order(table, axes).index:
        key = tuple(table.at[number, axis] for axis in axes)
        panel = panels.setdefault(key, {})
        level = chosen.hue[number]
        panel[level] = (*panel.get(level, ()), number)
    return tuple(
        Facet(", ".join(findings.labels.phrase(a, v) for a, v in zip(axes, key, strict=True)), panel)
        for key, panel in panels.items()
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
