"""Interaction of two axes: does the effect of one depend on the other (depth x batch norm)?

The cell means themselves stand in the final accuracy.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis import style
from analysis.axes import Labels, title
from analysis.figures.common import NoDataError, beyond, finished_runs, levels
from analysis.findings import Findings
from analysis.statistics.comparison import compare
from analysis.statistics.families import same_runs


@dataclass(frozen=True)
class Info:
    """What the figure shows.

    table: per (place along the axis, level but the first): the value of `across` there, the difference from the
    first level, its 95 % interval low, high, and the method of that (`comparison.Comparison`).
    """

    table: pd.DataFrame
    across: str
    within: str
    places: tuple[Any, ...]
    hues: tuple[Any, ...]
    labels: Labels
    meaningful: float
    source: str


def info(findings: Findings) -> Info:
    """Return the effect of `within` at every value of `across`, between cells that train.

    Raises NoDataError unless exactly two axes vary, not in a search, and two cells have finished at two values.
    """
    if findings.question.searches:
        raise NoDataError("a search is no table of two axes")
    runs = finished_runs(findings)
    fails = runs.groupby("condition")["diverged"].transform("all")
    runs = runs[~fails.astype(bool)]
    across, within = findings.across, findings.within
    if across is None or within is None or len(findings.axes) != 2:
        raise NoDataError("an interaction needs exactly two varying axes")
    places, hues = levels(findings, across), levels(findings, within)
    rows = []
    for value in places:
        cell = runs[runs[across] == value]
        first = cell[cell[within] == hues[0]]
        for level in hues[1:]:
            other = cell[cell[within] == level]
            if len(first) and len(other):
                ours, theirs = (table.set_index("seed")["test_accuracy"] for table in (other, first))
                paired = same_runs(*(findings.point(table["condition"].iloc[0]) for table in (other, first)))
                result = compare(ours, theirs, findings.question.meaningful, paired=paired)
                rows.append((value, level, result.difference, *result.interval, result.method))
    if len({row[0] for row in rows}) < 2:
        raise NoDataError("an effect at two values needs finished runs that train, at two levels of each")
    table = pd.DataFrame(rows, columns=[across, "level", "difference", "low", "high", "method"])
    places = [value for value in places if value in set(table[across])]
    table.insert(0, "place", table[across].map(places.index))
    return Info(
        table=table,
        across=across,
        within=within,
        places=tuple(places),
        hues=tuple(hues),
        labels=findings.labels,
        meaningful=findings.question.meaningful,
        source=f"{findings.source}. {findings.question.measure.capitalize()}; 95 % intervals ({_methods(table)}). "
        f"Without an interaction the difference is the same everywhere.{beyond([table], -100.0)}",
    )


def draw(info: Info) -> Figure:
    """Draw the differences from the first level."""
    figure, axes = style.grid(1, 1, max(3.4, 0.5 * len(info.places) + 1.2), 2.7)
    ax = axes[0, 0]
    looks = style.looks(info.within, info.hues)
    style.zone(ax, info.meaningful)
    style.zero_line(ax)
    others = info.hues[1:]
    for number, level in enumerate(others):
        shift = (number - (len(others) - 1) / 2) * 0.08
        _line(ax, info.table[info.table["level"] == level], looks[level], shift)
    style.keep_within(ax, -100.0)
    ticks = [info.labels.text(info.across, value) for value in info.places]
    ax.set_xticks(range(len(ticks)), ticks)
    ax.set(xlabel=title(info.across), xlim=(-0.4, len(ticks) - 0.6))
    ax.grid(False, axis="x")
    first = info.labels.phrase(info.within, info.hues[0])
    ax.set_ylabel(f"Test accuracy (points),\ndifference from {first}")
    handles: list[Any] = [
        style.line_handle(info.labels.phrase(info.within, level), color=looks[level].color, marker=looks[level].marker)
        for level in others
    ]
    handles.append(style.zone_handle(info.meaningful))
    heading = f"Effect of {title(info.within).lower()} by {title(info.across).lower()}"
    return style.finish(figure, heading, info.source, handles)


def _methods(table: pd.DataFrame) -> str:
    return " and ".join(sorted(set(table["method"])))


def _line(ax: Any, table: pd.DataFrame, look: style.Look, shift: float) -> None:
    table = table.sort_values("place")
    value = table["difference"]
    error = np.abs([value - table["low"], table["high"] - value])
    ax.errorbar(
        table["place"] + shift,
        value,
        yerr=error,
        color=look.color,
        marker=look.marker,
        ms=5,
        lw=1.4,
        capsize=2,
    )
