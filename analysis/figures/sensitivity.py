"""Final accuracy against a numeric axis: learning rate (log) or planned epochs."""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import style
from analysis.axes import Labels, scale, title
from analysis.cautions import edge_warning
from analysis.figures.common import NoDataError, beyond, finished_runs, summarise
from analysis.findings import Findings
from analysis.tried import check_fixed
from study.contract.axes import AXES

MOST_LINES = 8
MOST_TICKS = 9
WIDE = 1e4
BESIDE = 0.012  # parts of the axis
MEASURES = {"test_accuracy": "-", "train_accuracy": "--"}


@dataclass(frozen=True)
class Info:
    """What the figure shows.

    runs: one row per run: x (the axis's value), series, diverged, test_accuracy, train_accuracy.
    table: per (series, x, measure): mean, low, high, n. series: how the lines are called; one
    unnamed series of points alone when there would be more than eight lines.
    """

    axis: str
    runs: pd.DataFrame
    table: pd.DataFrame
    series: tuple[str, ...]
    lines: bool
    warning: str | None
    labels: Labels
    heading: str
    unit: str
    source: str

    @property
    def values(self) -> list[float]:
        """The values of the axis, ascending."""
        return sorted(float(x) for x in self.runs["x"].unique())

    @property
    def even(self) -> bool:
        """Whether the values stand at even distances: few, but too far apart to be read on a scale."""
        values = self.values
        return len(values) <= MOST_TICKS and values[0] > 0 and values[-1] > WIDE * values[0]

    @property
    def log(self) -> bool:
        """Whether they stand on a logarithmic scale."""
        return not self.even and scale(self.axis, self.values) == "log"

    def place(self, x: pd.Series, name: str) -> pd.Series:
        """Where values of a series stand along the axis: a little beside those of the others."""
        aside = BESIDE * (self.series.index(name) - (len(self.series) - 1) / 2)
        first, last = self.values[0], self.values[-1]
        if self.even:
            return x.map({value: place for place, value in enumerate(self.values)}) + aside * (len(self.values) - 1)
        return x * (last / first) ** aside if self.log else x + aside * (last - first)


def info(findings: Findings, axis: str, heading: str) -> Info:
    """Return every run's final accuracy along an axis, one series for the rest of the conditions.

    Raises NoDataError when the axis does not vary, or does within a run.
    """
    if axis not in findings.axes:
        raise NoDataError(f"the study has one value of the {title(axis).lower()}")
    check_fixed(findings)
    runs = finished_runs(findings)
    if runs[axis].nunique() < 2:
        raise NoDataError(f"runs have finished at one value of the {title(axis).lower()}")
    rest = tuple(a for a in findings.axes if a != axis)
    points = findings.conditions[list(rest)].to_dict("records") if rest else []
    names = [findings.labels.condition(cast(dict[str, Any], point), rest) for point in points]
    series = tuple(dict.fromkeys(names)) if len(set(names)) <= MOST_LINES else ()
    number = pd.Series(names or [""] * len(findings.conditions), index=findings.conditions.index)
    named = runs["condition"].map(number) if series else pd.Series("", index=runs.index)
    shown = runs.assign(x=runs[axis], series=named)
    tables = [summarise(shown, ["series", "x"], m).assign(measure=m) for m in MEASURES]
    lines = bool(series) or not rest
    return Info(
        axis=axis,
        runs=shown[["x", "series", "seed", "diverged", *MEASURES]],
        table=pd.concat(tables, ignore_index=True),
        series=series or ("",),
        lines=lines,
        warning=edge_warning(findings, axis),
        labels=findings.labels,
        heading=heading,
        unit=f"{findings.question.named('accuracy').capitalize()} (%)",
        source=f"{findings.source}. Every run a point"
        + (f"; mean with 95 % Student-t interval.{beyond(tables)}" if lines else ".")
        + (" Lines stand a little beside each other." if len(series) > 1 else ""),
    )


def draw(info: Info) -> Figure:
    """Draw test accuracy; for planned epochs training accuracy dashed beside it."""
    figure = style.new_figure(6.4, 3.4)
    ax = figure.subplots()
    looks = style.looks(None, info.series)
    measures = list(MEASURES) if info.axis == "epochs" else ["test_accuracy"]
    for name in info.series:
        for measure in measures:
            _draw_series(ax, info, name, measure, looks[name])
    style.keep_within(ax)
    values = info.values
    if info.log:
        ax.set_xscale("log")
    if len(values) <= MOST_TICKS:
        places = range(len(values)) if info.even else values
        ax.set_xticks(list(places), [info.labels.text(info.axis, AXES[info.axis].kind(value)) for value in values])
        ax.minorticks_off()
    ax.set(
        xlabel=title(info.axis) + (" (not to scale)" if info.even else ""),
        ylabel=info.unit.replace(" (mean", "\n(mean"),
    )
    handles: list[Any] = [
        style.line_handle(name, color=looks[name].color, marker=looks[name].marker, ms=4)
        for name in info.series
        if name
    ]
    if len(measures) > 1:
        handles += [style.line_handle("test"), style.line_handle("train", ls="--")]
    if info.runs["diverged"].any():
        handles.append(style.line_handle("diverged run", color=style.BAD, marker="x", ls=""))
    if info.warning:
        ax.set_title(f"Note: {info.warning}", fontsize=7.5, color=style.BAD, loc="left")
    return style.finish(figure, info.heading, info.source, handles)


def _draw_series(ax: Axes, info: Info, name: str, measure: str, look: style.Look) -> None:
    runs = info.runs[info.runs["series"] == name]
    for lost, marker, color in ((False, look.marker, look.color), (True, "x", style.BAD)):
        chosen = runs[runs["diverged"] == lost]
        size = 5 if lost else 3.5
        ax.plot(info.place(chosen["x"], name), chosen[measure], marker, color=color, ms=size, alpha=0.55, lw=0)
    if not info.lines:
        return
    rows = (info.table["series"] == name) & (info.table["measure"] == measure)
    table = info.table[rows].sort_values("x")
    error = np.abs(table["high"] - table["mean"])
    place = info.place(table["x"], name)
    ax.errorbar(place, table["mean"], yerr=error, ls="", color=look.color, lw=1.4, capsize=2)
    # A line to the mean of runs of which some diverged would show a course that no run took.
    whole = ~table["x"].isin(runs.loc[runs["diverged"], "x"])
    ax.plot(place, table["mean"].where(whole), ls=MEASURES[measure], color=look.color, lw=1.4)
