"""What a search spent: model-epochs by what became of the configurations."""

from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from analysis import style
from analysis.figures.common import NoDataError
from analysis.findings import Findings
from analysis.ledger import counted
from analysis.searching import fates
from analysis.tried import search_trials


@dataclass(frozen=True)
class Info:
    """What the figure shows: table as `searching.fates`."""

    table: pd.DataFrame
    source: str


def info(findings: Findings) -> Info:
    """Return what was spent. Raises NoDataError as `tried.search_trials` does, and where all had one fate."""
    search_trials(findings)
    table = fates(findings)
    if len(table) < 2:
        raise NoDataError(f"all {counted(int(table['configurations'].sum()), 'configuration')} had the same fate")
    return Info(table, f"{findings.source}. A model-epoch is one epoch of one run.")


def draw(info: Info) -> Figure:
    """Draw a bar a fate."""
    figure = style.new_figure(6.2, 1.2 + 0.34 * len(info.table))
    ax = figure.subplots()
    explored, confirmed = (style.looks(None, [0, 1])[number].color for number in (0, 1))
    colors = {"diverged": style.BAD, "stopped early": "0.6", "not finished": "0.85", "confirmed": confirmed}
    table = info.table
    for place, (fate, count, spent, share) in enumerate(
        zip(table["fate"], table["configurations"], table["model_epochs"], table["share"], strict=True)
    ):
        ax.barh(place, spent, color=colors.get(fate, explored), height=0.7)
        said = f"{spent:,} ({share:.0f} %), {counted(int(count), 'configuration')}"
        ax.annotate(said, (spent, place), (4, 0), textcoords="offset points", va="center", fontsize=8)
    ax.set_yticks(range(len(table)), table["fate"])
    ax.set(xlabel="Model-epochs", xlim=(0, 1.6 * float(table["model_epochs"].max())), ylim=(len(table) - 0.4, -0.6))
    ax.grid(False, axis="y")
    return style.finish(figure, "Search: what it spent", info.source)
