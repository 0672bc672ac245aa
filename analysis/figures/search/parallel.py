"""Parallel coordinates of a search: one line a configuration through every axis to its objective."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from analysis import style
from analysis.axes import FACTOR_TYPES, scale, title
from analysis.figures.common import NoDataError, levels
from analysis.findings import Findings
from analysis.tried import OBJECTIVES, categorical, check_fixed, search_trials, varying


@dataclass(frozen=True)
class Info:
    """What the figure shows.

    table: one row per configuration that was trained to the end: a column in [0, 1] per axis, and value.
    ticks: per axis the places in [0, 1] and their labels.
    """

    table: pd.DataFrame
    axes: tuple[str, ...]
    ticks: dict[str, list[tuple[float, str]]]
    objective: str
    source: str


def info(findings: Findings) -> Info:
    """Return the scaled configurations. Raises NoDataError with fewer than 3 or fewer than 2 axes."""
    trials, objective = search_trials(findings)
    check_fixed(findings)
    axes = varying(findings)
    ended = trials[trials["finished"] & trials["value"].notna()]
    if len(ended) < 3:
        raise NoDataError("fewer than 3 configurations were trained to the end")
    if len(axes) < 2:
        raise NoDataError("fewer than two axes vary")
    ticks: dict[str, list[tuple[float, str]]] = {}
    columns: dict[str, Any] = {}
    for axis in axes:
        columns[axis], ticks[axis] = _scaled(findings, ended[axis], axis)
    table = pd.DataFrame(columns).assign(trial_id=ended["trial_id"], value=ended["value"])
    source = f"{findings.source}. Configurations trained to the end; a line is the mean over its seeds."
    return Info(table, axes, ticks, objective, source)


def draw(info: Info) -> Figure:
    """Draw the lines, the better the darker and the more on top."""
    figure = style.new_figure(1.6 * len(info.axes) + 2.4, 3.2)
    ax = figure.subplots()
    table = info.table.sort_values("value")
    values = table["value"].to_numpy()
    lines = [np.column_stack([range(len(info.axes)), row]) for row in table[list(info.axes)].values]
    norm = Normalize(float(values.min()), float(values.max()))
    map_ = sns.color_palette("crest", as_cmap=True)
    collection = LineCollection(lines, cmap=map_, norm=norm, lw=1.1, alpha=0.75)
    collection.set_array(values)
    collection.set_rasterized(len(lines) > 200)
    ax.add_collection(collection)
    for place, axis in enumerate(info.axes):
        ax.axvline(place, color="0.3", lw=0.8)
        for height, label in info.ticks[axis]:
            ax.annotate(
                label, (place, height), (3, 0), textcoords="offset points", va="center", fontsize=7,
                bbox={"boxstyle": "square,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.8},
            )  # fmt: skip
    ax.set_xticks(range(len(info.axes)), [title(axis) for axis in info.axes])
    ax.set(xlim=(-0.15, len(info.axes) - 0.6), ylim=(-0.05, 1.05), yticks=[])
    ax.grid(False)
    for spine in ax.spines.values():
        spine.set_visible(False)
    figure.colorbar(collection, ax=ax, label=OBJECTIVES[info.objective], pad=0.02)
    return style.finish(figure, "Search: parallel coordinates", info.source)


def _scaled(findings: Findings, values: pd.Series, axis: str) -> tuple[pd.Series, list[tuple[float, str]]]:
    every = levels(findings, axis)
    if categorical(findings, axis):
        places = {value: i / max(len(every) - 1, 1) for i, value in enumerate(every)}
        return values.map(places), [(p, findings.labels.text(axis, v)) for v, p in places.items()]
    log = scale(axis, every) == "log"
    spaced = np.log10 if log else np.asarray
    low, high = spaced(min(every)), spaced(max(every))
    heights = np.linspace(0, 1, 5)
    at = low + heights * (high - low)
    values_at = 10**at if log else at
    labels = [f"{v:.0f}" if FACTOR_TYPES[axis] == "int64" else f"{v:.3g}" for v in values_at]
    scaled = pd.Series((spaced(values.to_numpy()) - low) / (high - low), index=values.index)
    return scaled, list(zip(heights.tolist(), labels, strict=True))
