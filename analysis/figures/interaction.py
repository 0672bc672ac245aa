"""Interaction of two axes: does the effect of one depend on the other (depth x batch norm)?"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis import style
from analysis.axes import Labels, title
from analysis.figures.common import NoDataError, beyond, finished_runs, levels, summarise
from analysis.findings import Findings
from analysis.statistics.comparison import compare
from analysis.statistics.families import same_runs


@dataclass(frozen=True)
class Info:
    """What the figure shows.

    means: per (place along the axis, level): mean, low, high, n of the final test accuracy.
    table: per (place, level but the first): the value of `across` there, the difference from the
    first level, its 95 % interval low, high, and the method of that (`comparison.Comparison`).
    """

    means: pd.DataFrame
    table: pd.DataFrame
    across: str
    within: str
    places: tuple[Any, ...]
    hues: tuple[Any, ...]
    labels: Labels
    meaningful: float
    source: str

    @property
    def more(self) -> dict[str, pd.DataFrame]:
        """The cell means as a table beside `table`."""
        return {"_means": self.means}


def info(findings: Findings) -> Info:
    """Return the cell means and the effect of `within` at every value of `across`.

    Raises NoDataError unless exactly two axes vary and two cells side by side have finished.
    """
    runs = finished_runs(findings)
    across, within = findings.across, findings.within
    if across is None or within is None or len(findings.axes) != 2:
        raise NoDataError("an interaction needs exactly two varying axes")
    places, hues = levels(findings, across), levels(findings, within)
    rows = []
    for place, value in enumerate(places):
        cell = runs[runs[across] == value]
        first = cell[cell[within] == hues[0]]
        for level in hues[1:]:
            other = cell[cell[within] == level]
            if len(first) and len(other):
                ours, theirs = (table.set_index("seed")["test_accuracy"] for table in (other, first))
                paired = same_runs(*(findings.point(table["condition"].iloc[0]) for table in (other, first)))
                result = compare(ours, theirs, findings.question.meaningful, paired=paired)
                rows.append((place, value, level, result.difference, *result.interval, result.method))
    if not rows:
        raise NoDataError("no two cells side by side have finished runs")
    means = summarise(runs, [across, within], "test_accuracy")
    means["place"] = means[across].map({value: place for place, value in enumerate(places)})
    table = pd.DataFrame(rows, columns=["place", across, "level", "difference", "low", "high", "method"])
    cut = beyond([means]) or beyond([table], -100.0)
    return Info(
        means=means.rename(columns={within: "level"}),
        table=table,
        across=across,
        within=within,
        places=tuple(places),
        hues=tuple(hues),
        labels=findings.labels,
        meaningful=findings.question.meaningful,
        source=f"{findings.source}. {findings.question.measure.capitalize()}; 95 % intervals, Student-t left, "
        f"{_methods(table)} right. Without an interaction the lines "
        f"are parallel and the difference is the same everywhere.{cut}",
    )


def draw(info: Info) -> Figure:
    """Draw the cell means left and the differences right."""
    figure, axes = style.grid(1, 2, max(3.0, 0.5 * len(info.places) + 1.2), 2.7)
    left, right = axes[0]
    looks = style.looks(info.within, info.hues)
    style.zone(right, info.meaningful)
    style.zero_line(right)
    for number, level in enumerate(info.hues):
        look = looks[level]
        shift = (number - (len(info.hues) - 1) / 2) * 0.08
        _line(left, info.means[info.means["level"] == level], "mean", look, shift)
        if number:
            _line(right, info.table[info.table["level"] == level], "difference", look, shift)
    style.keep_within(left)
    style.keep_within(right, -100.0)
    for ax in (left, right):
        ticks = [info.labels.text(info.across, value) for value in info.places]
        ax.set_xticks(range(len(ticks)), ticks)
        ax.set(xlabel=title(info.across), xlim=(-0.4, len(ticks) - 0.6))
        ax.grid(False, axis="x")
    left.set_ylabel("Test accuracy (%)")
    right.set_ylabel("Difference (points)")
    right.set_title(f"difference from {info.labels.phrase(info.within, info.hues[0])}")
    handles: list[Any] = [*style.level_handles(info.within, looks, info.labels)]
    handles.append(style.zone_handle(info.meaningful))
    heading = f"{title(info.across)} × {title(info.within).lower()}"
    return style.finish(figure, heading, info.source, handles)


def _methods(table: pd.DataFrame) -> str:
    return " and ".join(sorted(set(table["method"])))


def _line(ax: Any, table: pd.DataFrame, value: str, look: style.Look, shift: float) -> None:
    table = table.sort_values("place")
    error = np.abs([table[value] - table["low"], table["high"] - table[value]])
    ax.errorbar(
        table["place"] + shift,
        table[value],
        yerr=error,
        color=look.color,
        marker=look.marker,
        ms=5,
        lw=1.4,
        capsize=2,
    )
