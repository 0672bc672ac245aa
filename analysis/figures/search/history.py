"""History of a search: every configuration's objective and the best so far."""

from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis import style
from analysis.findings import Findings
from analysis.tried import OBJECTIVES, search_trials


@dataclass(frozen=True)
class Info:
    """What the figure shows: table as `tried.search_trials`."""

    table: pd.DataFrame
    objective: str
    source: str


def info(findings: Findings) -> Info:
    """Return the configurations in order. Raises NoDataError as `tried.search_trials` does."""
    table, objective = search_trials(findings)
    return Info(table, objective, f"{findings.source}. A point is a configuration: the mean over its seeds.")


def draw(info: Info) -> Figure:
    """Draw points for configurations and steps for the best so far."""
    figure = style.new_figure(6.8, 3.2)
    ax = figure.subplots()
    blue = style.looks(None, [0])[0].color
    table = info.table
    ended = table[table["finished"] & ~table["diverged"]]
    early = table[~table["finished"] & ~table["diverged"]]
    lost = table[table["diverged"]]
    ax.plot(ended["number"], ended["value"], "o", color=blue, ms=4, alpha=0.8)
    ax.plot(early["number"], early["value"], "o", color="0.55", mfc="none", ms=4)
    ax.plot(lost["number"], lost["value"], "x", color=style.BAD, ms=5)
    handles = [style.line_handle("trained to the end", color=blue, marker="o", ls="")]
    if len(early):
        handles.append(style.line_handle("stopped before", color="0.55", marker="o", mfc="none", ls=""))
    if len(lost):
        handles.append(style.line_handle("diverged", color=style.BAD, marker="x", ls=""))
    if info.objective == "validation_accuracy" and table["best"].notna().any():
        ax.step(table["number"], table["best"], where="post", color="0.1", lw=1.4)
        handles.append(style.line_handle("best so far"))
    ax.set(xlabel="Configuration, in the order tried", ylabel=OBJECTIVES[info.objective])
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    return style.finish(figure, "Search history", info.source, handles)
