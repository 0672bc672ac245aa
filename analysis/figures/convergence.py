"""Accuracy and loss while training, against epochs, SGD steps or seconds.

One panel for every combination of the axes but the one in colours; above 12 panels an overview with
one faint line a condition and, where a validation set allows to choose, the best five in colour.
"""

import textwrap
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from analysis import style
from analysis.axes import Labels
from analysis.figures.common import (
    MOST_FACETS,
    Facet,
    NoDataError,
    beyond,
    facets,
    levels,
    shape,
    summarise,
)
from analysis.findings import Findings
from analysis.statistics.convergence import mean_loss

AMOUNTS = {
    "epoch": "Epoch",
    "iterations": "SGD steps",
    "seconds": "Training time of a run (s)",
}
MEASURES = {"train_accuracy": "--", "test_accuracy": "-"}
HIGHLIGHTED = 5
LOG_ABOVE = 500  # times the smallest loss


@dataclass(frozen=True)
class Info:
    """What the figure shows.

    table: one row per (condition, epoch, measure): mean, low, high, sd, n, iterations, seconds;
    amount names the column along the x-axis.
    single: one row per (condition, seed, epoch): the amounts and the measures. diverged: where single
    runs lost their finite loss. facets: the panels; () for the overview. best: conditions in colour
    in the overview.
    """

    amount: str
    table: pd.DataFrame
    single: pd.DataFrame
    diverged: pd.DataFrame
    facets: tuple[Facet, ...]
    within: str | None
    hues: tuple[Any, ...]
    labels: Labels
    names: dict[int, str]
    best: tuple[int, ...]
    source: str

    @property
    def more(self) -> dict[str, pd.DataFrame]:
        """The single runs, where they are drawn, as a table beside `table`."""
        return {"_runs": self.single} if self.facets else {}


def info(findings: Findings, amount: str = "epoch") -> Info:
    """Return the means with intervals and the single runs; amount: epoch, iterations, seconds.

    Raises NoDataError before the first epoch has ended.
    """
    curves = findings.curves
    if curves.empty:
        raise NoDataError("no epoch has been trained yet")
    panels = facets(findings)
    overview = len(panels) > MOST_FACETS
    measures = [*MEASURES, "train_loss"]
    table = _means(curves, measures)
    first = curves[curves["diverged"]].groupby(["condition", "seed"])["epoch"].min().reset_index()
    diverged = first.merge(curves, on=["condition", "seed", "epoch"], how="left")
    columns = ["condition", "seed", "epoch", "iterations", "seconds"]
    cut = "" if overview else beyond([table[table["measure"] != "train_loss"]])
    return Info(
        amount=amount,
        table=table,
        single=curves[[*columns, *measures]],
        diverged=diverged[[*columns, "test_accuracy"]],
        facets=() if overview else panels,
        within=findings.within,
        hues=tuple(levels(findings, findings.within)),
        labels=findings.labels,
        names={n: findings.label(n) for n in range(len(findings.conditions))},
        best=_best(findings) if overview else (),
        source=f"{findings.source}. {_how(findings, overview)}{cut}",
    )


def draw(info: Info) -> Figure:
    """Draw accuracy above loss, panel by panel."""
    if not info.facets:
        return _draw_overview(info)
    rows, columns = shape(len(info.facets))
    width = 3.4 if columns == 1 else 1.95 if columns > 3 else 2.5
    figure, axes = style.grid(2 * rows, columns, max(width, 4.2 / columns), 2.0)
    styles = style.looks(info.within, info.hues)
    limits = _limits(info)
    for index, facet in enumerate(info.facets):
        row, column = divmod(index, columns)
        above, below = axes[2 * row, column], axes[2 * row + 1, column]
        for ax, measures in ((above, tuple(MEASURES)), (below, ("train_loss",))):
            for level, condition in facet.conditions.items():
                _draw_condition(ax, info, condition, styles[level], measures)
            ax.set(xlabel="", ylabel="", xlim=_range(info))
            ax.set_yscale("log" if measures == ("train_loss",) and limits.log_loss else "linear")
            ax.set_ylim(*(limits.loss if measures == ("train_loss",) else limits.accuracy))
        above.set_title(textwrap.fill(facet.title, int(9 * max(width, 4.2 / columns))))
        above.tick_params(labelbottom=False)
        if info.amount == "epoch":
            style.whole_epochs(below)
        else:
            below.locator_params(axis="x", nbins=4)
        if info.amount == "epoch" or columns <= 3 or column == columns // 2:
            below.set_xlabel(AMOUNTS[info.amount])  # once a row where it is as wide as two panels
        below.tick_params(labelbottom=True)
        for ax, name in ((above, "Accuracy (%)"), (below, "Training loss")):
            ax.set_ylabel(name if column == 0 else "")
            ax.tick_params(labelleft=column == 0)
    for ax in _unused(axes, len(info.facets), columns):
        ax.set_axis_off()
    return style.finish(figure, _title(info), info.source, _handles(info, styles))


def _means(curves: pd.DataFrame, measures: list[str]) -> pd.DataFrame:
    by = ["condition", "epoch"]
    tables = [summarise(curves, by, m).assign(measure=m) for m in measures]
    tables[-1].loc[mean_loss(curves, by).isna().to_numpy(), ["mean", "low", "high"]] = np.nan
    amounts = curves.groupby(by)[["iterations", "seconds"]].mean().reset_index()
    return pd.concat(tables, ignore_index=True).merge(amounts, on=by)


def _best(findings: Findings) -> tuple[int, ...]:
    """The conditions with the best final validation accuracy; never chosen by test accuracy."""
    mean = findings.runs.groupby("condition")["validation_accuracy"].mean().dropna()
    return tuple(int(n) for n in mean.nlargest(HIGHLIGHTED).index)


def _how(findings: Findings, overview: bool) -> str:
    if overview:
        return "One line a configuration: mean over its seeds."
    if findings.runs["seed"].nunique() == 1:
        said = "One run a configuration: no interval."
    else:
        said = "Mean over seeds, 95 % Student-t interval, single runs faint."
    if findings.runs["diverged"].any():
        said += " A mean loss ends where the first run diverged; losses far above those of the other runs are cut off."
    return said


def _title(info: Info) -> str:
    against = {"epoch": "", "iterations": " by SGD steps", "seconds": " by training time"}
    return "Convergence" + against[info.amount]


@dataclass(frozen=True)
class _Limits:
    """The range of the accuracies, and that of the losses with whether it is logarithmic."""

    accuracy: tuple[float, float]
    loss: tuple[float, float]
    log_loss: bool


def _limits(info: Info) -> _Limits:
    accuracy = info.single[list(MEASURES)].to_numpy()
    low, high = np.nanmin(accuracy), np.nanmax(accuracy)
    pad = max(0.04 * (high - low), 0.5)
    bottom, top = _losses(info)
    log = bottom > 0 and top > LOG_ABOVE * bottom
    edge = 0.05 * (top - bottom) + 0.01
    return _Limits(
        (max(low - pad, -1), min(high + pad, 101)),
        (bottom / 1.2, top * 1.2) if log else (bottom - edge, top + edge),
        log,
    )


def _losses(info: Info) -> tuple[float, float]:
    """The smallest and largest loss of the runs that never diverge: one that does would leave the others no room."""
    runs = pd.MultiIndex.from_frame(info.single[["condition", "seed"]])
    whole = ~runs.isin(pd.MultiIndex.from_frame(info.diverged[["condition", "seed"]]))
    loss = info.single["train_loss"]
    for chosen in (loss[whole].dropna(), loss.dropna()):
        if len(chosen):
            return float(chosen.min()), float(chosen.max())
    return 0.0, 1.0


def _range(info: Info) -> tuple[float, float]:
    """The range along the x-axis, the same in all panels, so that they compare."""
    end = float(info.single[info.amount].max())
    if info.amount != "epoch":
        return -0.03 * end, 1.03 * end
    edge = 0.03 * end + (0.5 if end == 1 else 0)
    return min(1.0, end) - edge, end + edge


def _draw_condition(ax: Axes, info: Info, condition: int, look: style.Look, measures: tuple[str, ...]) -> None:
    single = info.single[info.single["condition"] == condition]
    for measure in measures:
        dash = MEASURES.get(measure, "-")
        mean = info.table[(info.table["condition"] == condition) & (info.table["measure"] == measure)]
        ax.fill_between(mean[info.amount], mean["low"], mean["high"], color=look.color, alpha=0.18, lw=0)
        if single["seed"].nunique() > 1:
            lines = [g[[info.amount, measure]].to_numpy() for _, g in single.groupby("seed")]
            ax.add_collection(LineCollection(lines, colors=[look.color], linestyles=dash, lw=0.5, alpha=0.45))
        marked = measure != "train_accuracy"
        sns.lineplot(
            data=mean,
            x=info.amount,
            y="mean",
            ax=ax,
            color=look.color,
            linestyle=dash,
            marker=look.marker if marked else None,
            markevery=max(1, len(mean) // 6),
            markersize=4,
            markeredgewidth=0,
            errorbar=None,
            legend=False,
        )
        if measure == "test_accuracy":
            lost = info.diverged[info.diverged["condition"] == condition]
            ax.plot(lost[info.amount], lost[measure], "x", color=style.BAD, ms=5, zorder=5)


def _draw_overview(info: Info) -> Figure:
    figure, axes = style.grid(1, 2, 3.6, 3.0)
    colors = sns.color_palette("colorblind")
    for ax, measure, name in zip(
        axes[0], ("test_accuracy", "train_loss"), ("Test accuracy (%)", "Training loss"), strict=True
    ):
        table = info.table[info.table["measure"] == measure]
        lines = [g[[info.amount, "mean"]].to_numpy() for _, g in table.groupby("condition")]
        ax.add_collection(LineCollection(lines, colors="0.55", lw=0.4, alpha=0.5, rasterized=True))
        ax.plot([], [])
        for rank, condition in enumerate(info.best):
            mean = table[table["condition"] == condition]
            ax.plot(
                mean[info.amount],
                mean["mean"],
                color=colors[rank],
                marker=style.MARKERS[rank],
                ms=4,
                markevery=max(1, len(mean) // 6),
            )
        ax.autoscale_view()
        ax.set(xlabel=AMOUNTS[info.amount], ylabel=name)
    handles: list[Any] = [
        style.line_handle(info.names[n], color=colors[i], marker=style.MARKERS[i], ms=4)
        for i, n in enumerate(info.best)
    ]
    handles.append(style.line_handle("every configuration", color="0.55", lw=0.6))
    source = info.source + (" Coloured: best by final validation accuracy." if info.best else "")
    return style.finish(figure, _title(info), source, handles)


def _unused(axes: np.ndarray, panels: int, columns: int) -> list[Axes]:
    used = {(2 * (i // columns) + k, i % columns) for i in range(panels) for k in (0, 1)}
    return [ax for place, ax in np.ndenumerate(axes) if place not in used]


def _handles(info: Info, styles: dict[Any, style.Look]) -> list[Any]:
    plain = info.single.groupby("condition")["seed"].nunique().max() == 1
    handles: list[Any] = style.level_handles(info.within, styles, info.labels)
    handles += [style.line_handle("test"), style.line_handle("train", ls="--")]
    if not plain:
        handles += [style.line_handle("single run", lw=0.5), style.band_handle()]
    if len(info.diverged):
        handles.append(style.line_handle("loss not finite", color=style.BAD, marker="x", ls=""))
    return handles
