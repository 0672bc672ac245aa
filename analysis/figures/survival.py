"""Share of the runs that have reached an accuracy, by epoch (one minus Kaplan-Meier)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis import style
from analysis.axes import Labels, title
from analysis.figures.common import NoDataError, levels, shape
from analysis.findings import Findings
from analysis.statistics.survival import survival_steps
from analysis.tables import groups_of_times

MOST_CONDITIONS = 14
SHIFT = 0.3  # epochs; curves that coincide would hide one another
DASHES = ("-", (0, (4, 1.5)), (0, (1, 1)), "-.")


@dataclass(frozen=True)
class Info:
    """What the figure shows.

    table: per condition and threshold the steps (time in epochs, share in percent) with the levels
    `across` and `within`.
    """

    table: pd.DataFrame
    thresholds: tuple[float, ...]
    across: str | None
    within: str | None
    hues: tuple[Any, ...]
    dashes: tuple[Any, ...]
    labels: Labels
    source: str


def info(findings: Findings) -> Info:
    """Return the curves of every condition at every threshold that some run reached.

    Raises NoDataError when no run reached any, or there are more than 14 conditions.
    """
    times = findings.times
    if times.empty or not times["reached"].any():
        raise NoDataError("no run has reached any of the study's accuracy thresholds")
    if times["condition"].nunique() > MOST_CONDITIONS:
        raise NoDataError(f"more than {MOST_CONDITIONS} conditions; see time_to_accuracy.csv")
    useful = times[times["reached"]]["threshold"].unique()
    across = findings.across
    others = [a for a in findings.axes if a != across]
    if len(others) > 1:
        raise NoDataError("more than two axes vary; see time_to_accuracy.csv")
    within = others[0] if others else None
    steps = []
    for (condition, threshold), rows in groups_of_times(findings):
        if threshold in useful:
            point = findings.conditions.loc[condition]
            curve = survival_steps(rows)
            curve["share"] *= 100
            curve["across"] = point[across] if across else "all"
            curve["within"] = point[within] if within else "all"
            steps.append(curve.assign(condition=condition, threshold=threshold))
    return Info(
        table=pd.concat(steps, ignore_index=True),
        thresholds=tuple(sorted(float(t) for t in useful)),
        across=across,
        within=within,
        hues=tuple(levels(findings, across)) if across else ("all",),
        dashes=tuple(levels(findings, within)) if within else ("all",),
        labels=findings.labels,
        source=f"{findings.source}. Kaplan-Meier; a curve that ends below 100 % is censored there. "
        "Curves are offset by less than half an epoch, so that none hides another.",
    )


def draw(info: Info) -> Figure:
    """Draw one panel a threshold."""
    rows, columns = shape(len(info.thresholds), 4)
    # A lone panel is made wide enough for the title and the caption above and below it.
    figure, axes = style.grid(rows, columns, {1: 4.6, 2: 3.0}.get(columns, 2.3), 2.4, sharex=True, sharey=True)
    # Where another axis varies, that one has the colours in the other figures.
    looks = style.looks(info.across, info.hues, ordered=bool(info.within))
    dashes = {level: DASHES[i % len(DASHES)] for i, level in enumerate(info.dashes)}
    keys = [(hue, level) for hue in info.hues for level in info.dashes]
    shift = dict(zip(keys, np.linspace(-SHIFT, SHIFT, len(keys)) if len(keys) > 1 else [0.0], strict=True))
    for index, threshold in enumerate(info.thresholds):
        ax = axes.ravel()[index]
        table = info.table[info.table["threshold"] == threshold]
        for (hue, level), steps in table.groupby(["across", "within"], sort=False):
            look, last = looks[hue], steps.iloc[-1]
            time = steps["time"] + shift[hue, level]
            ax.step(time, steps["share"], where="post", color=look.color, ls=dashes[level])
            ax.plot(time.iloc[-1], last["share"], look.marker, color=look.color, ms=4, clip_on=False)
        ax.set(title=f"{threshold:g} % test accuracy", ylim=(-3, 103), xlabel="Epoch")
        style.whole_epochs(ax)
    for ax in axes[:, 0]:
        ax.set_ylabel("Runs that reached it (%)")
    for ax in axes.ravel()[len(info.thresholds) :]:
        ax.set_axis_off()
    handles: list[Any] = style.level_handles(info.across, looks, info.labels)
    if info.within:
        handles += [
            style.line_handle(info.labels.phrase(info.within, level), ls=dash) for level, dash in dashes.items()
        ]
    heading = "Epochs to an accuracy"
    if info.across:
        heading += f", by {title(info.across).lower()}"
    return style.finish(figure, heading, info.source, handles)
