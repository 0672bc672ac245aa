"""Seed spread: how far single runs lie from their condition's mean, and the standard deviations."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from scipy import stats

from analysis import style
from analysis.figures.common import NoDataError, compared, finished_runs, in_order, layout
from analysis.findings import Findings

MOST_CONDITIONS = 30
MOST_SEEDS = 8


@dataclass(frozen=True)
class Info:
    """What the figure shows.

    runs: one row per run: place (of its condition), seed, deviation (from the condition's mean test
    accuracy, percentage points), diverged. table: one row per condition: place, configuration, sd,
    low, high (95 % interval of the standard deviation), n.
    """

    runs: pd.DataFrame
    table: pd.DataFrame
    source: str


def info(findings: Findings) -> Info:
    """Return the deviations and standard deviations of the final test accuracy.

    The interval of a standard deviation is the chi-squared one for normal values (Snedecor &
    Cochran 1989, section 5.11). Raises NoDataError with one seed, one or more than 30 conditions, and as
    `common.compared` does.
    """
    findings = compared(findings)
    runs = finished_runs(findings)
    if runs["condition"].nunique() == 1:
        raise NoDataError("one condition: the final accuracy shows its runs")
    groups = runs.groupby("condition")["test_accuracy"]
    several = groups.transform("count") > 1
    if not several.any():
        raise NoDataError("one seed a condition: there is no spread to show")
    runs = runs[several]
    if runs["condition"].nunique() > MOST_CONDITIONS:
        raise NoDataError(f"more than {MOST_CONDITIONS} conditions; see sd in summary.csv")
    table = runs.groupby("condition")["test_accuracy"].agg(["std", "count"]).reset_index()
    table.columns = ["condition", "sd", "n"]
    order = [n for n in in_order(findings.conditions, layout(findings).beside).index if n in set(table["condition"])]
    table = table.set_index("condition").loc[order].reset_index()
    df = table["n"] - 1
    table["low"] = table["sd"] * np.sqrt(df / stats.chi2.ppf(0.975, df))
    table["high"] = table["sd"] * np.sqrt(df / stats.chi2.ppf(0.025, df))
    table["place"] = range(len(table))
    table["configuration"] = [findings.label(int(c)) for c in table["condition"]]
    mean = runs.groupby("condition")["test_accuracy"].transform("mean")
    shown = runs.assign(
        deviation=runs["test_accuracy"] - mean,
        place=runs["condition"].map(table.set_index("condition")["place"]),
    )
    return Info(
        runs=shown[["place", "seed", "deviation", "diverged"]],
        table=table,
        source=f"{findings.source}. {findings.question.measure.capitalize()}; sd with 95 % chi-squared interval.",
    )


def draw(info: Info) -> Figure:
    """Draw a row a condition: deviations left, standard deviation right."""
    figure = style.new_figure(_width(info.table), 1.4 + 0.24 * len(info.table))
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=[2, 1])
    style.zero_line(left, across=False)
    seeds = sorted(info.runs["seed"].unique())
    few = len(seeds) <= MOST_SEEDS
    # Greys: the colours of the other figures stand for the levels of an axis.
    shades = np.linspace(0.1, 0.6, len(seeds))
    markers = style.MARKERS if few else "o"
    looks = {s: style.Look(f"{shades[i]:.2f}", markers[i % len(markers)]) for i, s in enumerate(seeds)}
    for seed, rows in info.runs.groupby("seed"):
        look = looks[seed]
        sns.scatterplot(
            data=rows,
            x="deviation",
            y="place",
            ax=left,
            color=look.color,
            marker=look.marker,
            s=26,
            alpha=0.8,
            linewidth=0,
            legend=False,
        )
    table = info.table
    error = np.array([table["sd"] - table["low"], table["high"] - table["sd"]])
    right.errorbar(table["sd"], table["place"], xerr=error, fmt="o", color="0.2", ms=4, capsize=2)
    right.set_xlim(left=0)
    cut = _clip(right, table)
    left.set_yticks(table["place"], table["configuration"])
    left.set(xlabel="Deviation from the mean (points)", ylabel="")
    right.set(xlabel="sd (points)", ylabel="")
    left.set_ylim(len(table) - 0.4, -0.6)
    handles: list[Any] = [
        style.line_handle(f"seed {seed}", color=looks[seed].color, marker=looks[seed].marker, ls="")
        for seed in seeds
        if few
    ]
    return style.finish(figure, "Spread between seeds", info.source + cut, handles)


def _width(table: pd.DataFrame) -> float:
    return 6.2 + 0.065 * max(map(len, table["configuration"]))


def _clip(ax: Any, table: pd.DataFrame) -> str:
    """With two or three seeds the upper limits run away: keep the axis to what can be read, and say so."""
    top = float(table["sd"].max())
    if not float(table["high"].max()) > 6 * top > 0:
        return ""
    ax.set_xlim(0, 4 * top)
    return " Intervals that leave the panel are cut off."
