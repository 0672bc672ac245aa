"""Slices of a search: the objective against every axis, one panel each."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis import style
from analysis.axes import FACTOR_TYPES, Labels, scale, title
from analysis.figures.common import NoDataError, levels, shape
from analysis.findings import Findings
from analysis.tried import OBJECTIVES, categorical, check_fixed, search_trials, varying


@dataclass(frozen=True)
class Info:
    """What the figure shows: table as `tried.search_trials`; the values of every categorical axis.

    An axis is drawn as categories when it has few values or is not numeric.
    """

    table: pd.DataFrame
    objective: str
    categories: dict[str, tuple[Any, ...]]
    axes: tuple[str, ...]
    labels: Labels
    source: str


def info(findings: Findings) -> Info:
    """Return the configurations and the varying axes. Raises NoDataError when none varies, or no search."""
    table, objective = search_trials(findings)
    check_fixed(findings)
    axes = varying(findings)
    if not axes:
        raise NoDataError("no axis varies")
    categories = {axis: tuple(levels(findings, axis)) for axis in axes if categorical(findings, axis)}
    source = f"{findings.source}. A point is a configuration, the mean over its seeds; lighter ones are later."
    return Info(table, objective, categories, axes, findings.labels, source)


def draw(info: Info) -> Figure:
    """Draw one panel an axis; stopped ones are open, diverged ones crosses."""
    rows, columns = shape(len(info.axes), 4)
    figure, axes = style.grid(rows, columns, 2.2, 2.5, sharey=True)
    shade = info.table["number"] / max(float(info.table["number"].max()), 1.0)
    for index, axis in enumerate(info.axes):
        ax = axes.ravel()[index]
        x = info.table[axis]
        if axis in info.categories:
            values = info.categories[axis]
            place = x.map({value: i for i, value in enumerate(values)})
            x = place + (shade - 0.5) * 0.5
            ax.set_xticks(range(len(values)), [info.labels.text(axis, value) for value in values])
            ax.set_xlim(-0.6, len(values) - 0.4)
        elif scale(axis, x) == "log":
            ax.set_xscale("log")
        elif FACTOR_TYPES[axis] == "int64":
            ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        _points(ax, info.table, x, shade)
        ax.set_xlabel(title(axis))
    for ax in axes[:, 0]:
        ax.set_ylabel(OBJECTIVES[info.objective])
    for ax in axes.ravel()[len(info.axes) :]:
        ax.set_axis_off()
    handles = [
        style.line_handle("trained to the end", color="0.3", marker="o", ls=""),
    ]
    if not (info.table["finished"] | info.table["diverged"]).all():
        handles.append(style.line_handle("stopped before", color="0.3", marker="o", mfc="none", ls=""))
    if info.table["diverged"].any():
        handles.append(style.line_handle("diverged", color=style.BAD, marker="x", ls=""))
    return style.finish(figure, "Search: slices", info.source, handles)


def _points(ax: Any, table: pd.DataFrame, x: pd.Series, shade: pd.Series) -> None:
    lost = table["diverged"].to_numpy()
    finished = table["finished"].to_numpy()
    options: dict[str, Any] = {"cmap": "viridis", "vmin": 0, "vmax": 1.1, "alpha": 0.85}
    for chosen, filled in ((finished & ~lost, True), (~finished & ~lost, False)):
        colors = ax.scatter(x[chosen], table["value"][chosen], c=shade[chosen], s=16, lw=0 if filled else 1, **options)
        if not filled:
            colors.set_edgecolor(colors.to_rgba(np.asarray(shade[chosen])))
            colors.set_array(None)
            colors.set_facecolor("none")
    ax.plot(x[lost], table["value"][lost], "x", color=style.BAD, ms=4.5)
