"""Accuracy and loss while training, against epochs, SGD steps or seconds.

One panel for every combination of the axes but the one in colours (`common.layout`); above 12 panels an overview with
one faint line a condition and, where a validation set allows to choose, the best five in colour.

Steps and seconds are drawn where they are more than another scale for the epochs.
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
from analysis.figures.common import (
    MOST_FACETS,
    Facet,
    Layout,
    NoDataError,
    beyond,
    compared,
    facets,
    layout,
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
SAME = 1.001
SLOWER = 1.5  # times the fastest configuration


@dataclass(frozen=True)
class Info:
    """What the figure shows.

    table: one row per (condition, epoch, measure): mean, low, high, sd, n, iterations, seconds;
    amount names the column along the x-axis.
    single: one row per (condition, seed, epoch): the amounts and the measures. diverged: where single
    runs lost their finite loss. facets: the panels; () for the overview. layout: their colours. best: conditions in
    colour in the overview.
    """

    amount: str
    table: pd.DataFrame
    single: pd.DataFrame
    diverged: pd.DataFrame
    facets: tuple[Facet, ...]
    layout: Layout
    names: dict[int, str]
    best: tuple[int, ...]
    source: str

    @property
    def more(self) -> dict[str, pd.DataFrame]:
        """The single runs, where they are drawn, as a table beside `table`."""
        return {"_runs": self.single} if self.facets else {}


def info(findings: Findings, amount: str = "epoch") -> Info:
    """Return the means with intervals and the single runs; amount: epoch, iterations, seconds.

    Raises NoDataError where there is no curve to draw, or the same one as by epoch.
    """
    if findings.curves.empty:
        raise NoDataError("no epoch has been trained yet")
    findings = _shown(findings)
    curves = findings.curves
    if curves["epoch"].max() == 1:
        raise NoDataError("one epoch has no course; the final accuracy says all")
    _check(curves, amount)
    panels, lost = _that_train(facets(findings), findings)
    overview = len(panels) > MOST_FACETS
    if overview and amount != "epoch":
        raise NoDataError(f"more than {MOST_FACETS} panels: their overview is drawn by epoch alone")
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
        layout=layout(findings),
        names={int(n): findings.label(int(n)) for n in findings.conditions.index},
        best=_best(findings) if overview else (),
        source=f"{findings.source}. {_how(findings, panels, overview)}{'' if overview else lost}{cut}",
    )


def _shown(findings: Findings) -> Findings:
    """Of a search what it has confirmed; all that it tried where nothing else shows those curves."""
    try:
        return compared(findings)
    except NoDataError:
        if findings.results.history.exchanges:
            raise
        if (findings.results.runs["state"] == "stopped").any():
            raise NoDataError("early stopping shows the curves of the search") from None
        return findings


def _check(curves: pd.DataFrame, amount: str) -> None:
    """Raise NoDataError where an amount goes with the epochs alike for every configuration."""
    if amount == "epoch":
        return
    last = curves.sort_values("epoch").groupby(["condition", "seed"]).tail(1)
    each = (last[amount] / last["epoch"]).groupby(last["condition"]).mean()
    apart = float(each.max() / each.min()) if each.min() > 0 else 1.0
    if amount == "iterations" and apart < SAME:
        raise NoDataError("an epoch has as many steps for every configuration: the curves by epoch with another scale")
    if amount == "seconds" and apart < SLOWER:
        raise NoDataError(
            f"an epoch of the slowest configuration took {apart:.1f} times as long as one of the fastest: "
            "about the curves by epoch with another scale"
        )


def _that_train(panels: tuple[Facet, ...], findings: Findings) -> tuple[tuple[Facet, ...], str]:
    """Leave out the panels in which every run diverged, and say which."""
    alive = set(findings.runs.loc[~findings.runs["diverged"].astype(bool), "condition"])
    lost = [panel for panel in panels if not any(alive.intersection(chain) for chain in panel.conditions.values())]
    if not lost or len(lost) == len(panels):
        return panels, ""
    named = "; ".join(panel.title for panel in lost)
    return tuple(panel for panel in panels if panel not in lost), f" Left out, since all runs diverged: {named}."


def draw(info: Info) -> Figure:
    """Draw accuracy above loss, panel by panel."""
    if not info.facets:
        return _draw_overview(info)
    rows, columns = shape(len(info.facets))
    width = 3.4 if columns == 1 else 1.95 if columns > 3 else 2.5
    figure, axes = style.grid(2 * rows, columns, max(width, 4.2 / columns), 2.0)
    limits = _limits(info)
    for index, facet in enumerate(info.facets):
        row, column = divmod(index, columns)
        above, below = axes[2 * row, column], axes[2 * row + 1, column]
        for ax, measures in ((above, tuple(MEASURES)), (below, ("train_loss",))):
            for level, chain in facet.conditions.items():
                ends = [0, *(info.single.loc[info.single["condition"] == n, "epoch"].max() for n in chain[:-1])]
                for condition, begin in zip(chain, ends, strict=True):
                    _draw_condition(ax, info, condition, begin, info.layout.looks[level], measures)
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
    return style.finish(figure, _title(info), info.source, _handles(info))


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


def _how(findings: Findings, panels: tuple[Facet, ...], overview: bool) -> str:
    if overview:
        one = findings.runs["seed"].nunique() == 1
        return f"One line a configuration: {'its run' if one else 'the mean over its seeds'}."
    if findings.runs["seed"].nunique() == 1:
        said = "One run a configuration: no interval."
    else:
        said = "Mean over seeds, 95 % Student-t interval, single runs faint."
    if any(len(chain) > 1 for panel in panels for chain in panel.conditions.values()):
        said += " Runs of more epochs go on where those of fewer end."
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


def _draw_condition(
    ax: Axes, info: Info, condition: int, begin: int, look: style.Look, measures: tuple[str, ...]
) -> None:
    """Draw a condition's curves from an epoch on."""
    single = info.single[(info.single["condition"] == condition) & (info.single["epoch"] >= begin)]
    table = info.table[(info.table["condition"] == condition) & (info.table["epoch"] >= begin)]
    for measure in measures:
        dash = MEASURES.get(measure, "-")
        mean = table[table["measure"] == measure]
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
            lost = info.diverged[(info.diverged["condition"] == condition) & (info.diverged["epoch"] >= begin)]
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
        if info.amount == "epoch":
            style.whole_epochs(ax)
    limits = _limits(info)
    axes[0, 1].set_yscale("log" if limits.log_loss else "linear")
    axes[0, 0].set_ylim(*limits.accuracy)
    axes[0, 1].set_ylim(*limits.loss)
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


def _handles(info: Info) -> list[Any]:
    plain = info.single.groupby("condition")["seed"].nunique().max() == 1
    handles: list[Any] = list(info.layout.handles)
    handles += [style.line_handle("test"), style.line_handle("train", ls="--")]
    if not plain:
        handles += [style.line_handle("single run", lw=0.5), style.band_handle()]
    if len(info.diverged):
        handles.append(style.line_handle("loss not finite", color=style.BAD, marker="x", ls=""))
    return handles
