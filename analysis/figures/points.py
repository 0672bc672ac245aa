"""One value a run along an axis: every run as a point, the mean and its interval beside them."""

import textwrap
from dataclasses import dataclass
from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import style
from analysis.axes import Labels, title
from analysis.figures.common import beyond, finished_runs, in_order, levels, summarise
from analysis.findings import MOST_DISTINCT, Findings

WIDE = 6.0  # inches
LEGEND = 1.6  # inches
LONGEST_LINE = 9  # characters of a tick of several axes


@dataclass(frozen=True)
class Info:
    """What the figure shows.

    runs: one row per run: condition, place (position along the axis), level (of the colour axis),
    seed, measure, value, diverged. table: one row per (place, level, measure): condition, mean, low,
    high, sd, n.
    ticks: the labels of the places. names: the measures and their panels' titles. zero: whether to
    draw the line at 0.
    """

    runs: pd.DataFrame
    table: pd.DataFrame
    ticks: tuple[str, ...]
    title: str
    within: str | None
    hues: tuple[Any, ...]
    labels: Labels
    names: dict[str, str]
    heading: str
    unit: str
    zero: bool
    source: str


def info(findings: Findings, names: dict[str, str], heading: str, unit: str, zero: bool = False) -> Info:
    """Return every run's value by the axis asked for; other axes are spelled out in the ticks.

    Of more than MOST_DISTINCT groups those with the highest accuracy. Raises NoDataError when no run has ended.
    """
    runs = finished_runs(findings)
    across, within = findings.across, findings.within
    others = [a for a in findings.axes if a not in (across, within)]
    along = [a for a in (across, *others) if a]
    places = findings.conditions[along].drop_duplicates() if along else None
    if places is not None:
        places = in_order(places, along)
    keys = [tuple(row) for row in places.itertuples(index=False)] if places is not None else [()]
    rows = list(zip(*(runs[a] for a in along), strict=True)) if along else [()] * len(runs)
    measure = "validation_accuracy" if findings.has_validation else "test_accuracy"
    keys, left_out = _selected(keys, rows, runs[measure])
    kept = [key in keys for key in rows]
    runs, rows = runs[kept], [key for key in rows if key in keys]
    ticks = [_tick(findings.labels, along, key) for key in keys]
    place_of = {key: number for number, key in enumerate(keys)}
    marked = runs.assign(place=[place_of[key] for key in rows], level=runs[within] if within else "all")
    columns = ["condition", "place", "level", "seed", "diverged"]
    long = marked.melt(columns, list(names), "measure", "value").dropna(subset="value")
    table = summarise(long, ["measure", "place", "level", "condition"], "value")
    chosen = measure.removesuffix("_accuracy")
    return Info(
        runs=long,
        table=table,
        ticks=tuple(ticks),
        title=title(along[0]) if len(along) == 1 else "",
        within=within,
        hues=tuple(levels(findings, within)) if within else ("all",),
        labels=findings.labels,
        names=names,
        heading=heading,
        unit=unit,
        zero=zero,
        source=f"{findings.source}. Every run a point; mean with 95 % Student-t interval."
        + (
            f" The {len(keys)} groups with the highest {chosen} accuracy; {left_out} more are in the tables."
            if left_out
            else ""
        )
        + ("" if zero else beyond([table])),
    )


def _selected(
    keys: list[tuple[Any, ...]], rows: list[tuple[Any, ...]], values: pd.Series
) -> tuple[list[tuple[Any, ...]], int]:
    """The groups to show, in their order, and how many are left out."""
    if len(keys) <= MOST_DISTINCT:
        return keys, 0
    mean = values.groupby(pd.Series(rows, index=values.index)).mean()
    best = set(mean.nlargest(MOST_DISTINCT).index)
    return [key for key in keys if key in best], len(keys) - len(best)


def draw(info: Info) -> Figure:
    """Draw one panel a measure."""
    each = 0.95 if any("\n" in tick for tick in info.ticks) else 0
    width = max(
        3.4 if len(info.names) == 1 else 2.8,
        each * len(info.ticks),
        0.5 + 0.36 * len(info.ticks) * max(len(info.hues), 1.5),
    )
    panels = (len(info.names), 1) if width > WIDE else (1, len(info.names))  # wide ones below each other
    # The legend beside the panels takes its room from them; for a paper it stands below.
    width += 0 if style.for_paper() else LEGEND / panels[1]
    figure, axes = style.grid(*panels, width, 2.9, sharey=True)
    styles = style.looks(info.within, info.hues)
    for ax, (measure, name) in zip(axes.ravel(), info.names.items(), strict=True):
        for number, level in enumerate(info.hues):
            offset = (number - (len(info.hues) - 1) / 2) * 0.8 / len(info.hues)
            _draw_level(ax, info, measure, level, styles[level], offset)
        ax.set_xticks(range(len(info.ticks)), info.ticks)
        if max(map(len, info.ticks)) > 12:
            ax.tick_params(axis="x", labelsize=6.5)
        ax.set(
            xlabel=info.title, ylabel="", xlim=(-0.6, len(info.ticks) - 0.4), title=name if len(info.names) > 1 else ""
        )
        ax.grid(False, axis="x")
        if info.zero:
            style.zero_line(ax)
    for ax in axes[:, 0]:
        ax.set_ylabel(info.unit)
    if not info.zero:
        style.keep_within(axes[0, 0])
    handles: list[Any] = style.level_handles(info.within, styles, info.labels)
    for handle in handles:
        handle.set_linestyle("")
    if (info.table["n"] > 1).any():
        handles.append(style.line_handle("mean, 95 % t-interval", marker="_", ms=9))
    if info.runs["diverged"].any():
        handles.append(style.line_handle("diverged run", color=style.BAD, marker="x", ls=""))
    return style.finish(figure, info.heading, info.source, handles)


def _draw_level(ax: Axes, info: Info, measure: str, level: Any, look: style.Look, offset: float) -> None:
    runs = info.runs[(info.runs["measure"] == measure) & (info.runs["level"] == level)]
    width = 0.5 / len(info.hues)
    x = runs["place"] + offset + style.jitter(runs["place"], runs["seed"], width / 2) - width / 4
    points = runs.assign(x=x)
    for lost, marker, color in ((False, look.marker, look.color), (True, "x", style.BAD)):
        chosen = points[points["diverged"] == lost]
        sns.scatterplot(
            data=chosen,
            x="x",
            y="value",
            ax=ax,
            marker=marker,
            color=color,
            s=20,
            alpha=0.75,
            linewidth=1.2 if lost else 0,
            legend=False,
        )
    table = info.table[(info.table["measure"] == measure) & (info.table["level"] == level)]
    table = table[table["n"] > 1]
    place = table["place"] + offset + width / 2 + 0.03
    ax.errorbar(
        place,
        table["mean"],
        yerr=table["high"] - table["mean"],
        fmt="_",
        color=look.color,
        ms=8,
        mew=2,
        lw=1.4,
        capsize=2,
    )


def _tick(labels: Labels, axes: list[str], key: tuple[Any, ...]) -> str:
    if not axes:
        return ""
    if len(axes) == 1:
        return labels.text(axes[0], key[0])
    phrases = (labels.phrase(a, v) for a, v in zip(axes, key, strict=True))
    return "\n".join(line for phrase in phrases for line in textwrap.wrap(phrase, LONGEST_LINE))
