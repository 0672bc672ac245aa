"""Two conditions side by side: their curves, and the curve of their difference with its interval.

Two conditions that differ in their planned epochs alone are parts of the same runs: up to the end of the shorter one
they are equal. Shown is then what the further epochs change: the accuracy of each run minus its own at the end of the
shorter one.
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import style
from analysis.figures.common import NoDataError, beyond, compared, layout, summarise
from analysis.findings import Findings
from analysis.statistics.comparison import paired_bands, welch_bands
from analysis.statistics.families import Pair

MOST_PAIRS = 3
MEASURES = {"test_accuracy": "-", "train_accuracy": "--"}


@dataclass(frozen=True)
class Info:
    """What the figure shows, for each of at most three pairs.

    means: per pair, side (0 or 1), condition, measure and epoch: mean, low, high, n. table: per pair
    (a minus b), measure and epoch: difference, low, high (95 % interval), method (`comparison.Comparison`). labels: the
    two sides of each pair. titles: what the difference of each pair is.
    """

    means: pd.DataFrame
    table: pd.DataFrame
    labels: tuple[tuple[str, str], ...]
    titles: tuple[str, ...]
    looks: tuple[tuple[style.Look, style.Look], ...]
    meaningful: float
    source: str

    @property
    def banded(self) -> bool:
        """Whether there is any interval: one run on each side gives none."""
        return _banded(self.means, self.table)

    @property
    def more(self) -> dict[str, pd.DataFrame]:
        """The two sides' means as a table beside `table`."""
        return {"_means": self.means}


def info(findings: Findings) -> Info:
    """Return the curves of the declared questions, else of the comparisons with the baseline: all, or the plain ones.

    The plain ones differ in the colours' axis alone; of several numbers of epochs the longest are taken.

    Raises NoDataError when the study compares nothing, or before both sides have been trained.
    """
    pairs = _choose(findings)
    if not pairs:
        if findings.question.baseline is None and not findings.question.declared:
            raise NoDataError("the study declares no comparison: no baseline and no questions")
        if any(pair.family == "baseline" for pair in findings.chosen) and len(set(findings.curves["condition"])) > 1:
            raise NoDataError("no question is declared, and none of the comparisons with the baseline stands out")
        raise NoDataError("no two conditions to compare have been trained yet")
    if findings.curves["epoch"].max() == 1:
        raise NoDataError("one epoch has no course; the differences show all")
    means, differences = [], []
    for number, pair in enumerate(pairs):
        curves = [findings.curves[findings.curves["condition"] == c] for c in (pair.a, pair.b)]
        for measure in MEASURES:
            for side, table in enumerate(curves):
                mean = summarise(table, ["epoch"], measure)
                condition = (pair.a, pair.b)[side]
                means.append(mean.assign(pair=number, side=side, condition=condition, measure=measure))
            values = [c.pivot(index="seed", columns="epoch", values=measure) for c in curves]
            bands = _gain(findings, pair, values, measure) if pair.paired else _apart(*values)
            sides = {"pair": number, "a": findings.label(pair.a), "b": findings.label(pair.b), "measure": measure}
            method = "paired" if pair.paired else "Welch"
            differences.append(pd.DataFrame({**sides, **bands, "method": method}))
    cut = beyond(means) or beyond(differences, -100.0)
    methods = " and ".join(
        "of paired differences" if p else "Welch of a difference" for p in sorted({p.paired for p in pairs})
    )
    return Info(
        means=pd.concat(means, ignore_index=True),
        table=pd.concat(differences, ignore_index=True),
        labels=tuple((findings.label(pair.a), findings.label(pair.b)) for pair in pairs),
        titles=tuple(_title(findings, pair) for pair in pairs),
        looks=tuple(_looks(findings, pair) for pair in pairs),
        meaningful=findings.question.meaningful,
        source=f"{findings.source}. "
        + (
            f"Bands: 95 % intervals, Student-t of a mean, {methods}, epoch by epoch.{cut}"
            if _banded(*means, *differences)
            else "One run a side: no intervals."
        ),
    )


def draw(info: Info) -> Figure:
    """Draw a row a pair: the curves left, the difference right."""
    figure, axes = style.grid(len(info.labels), 2, 3.2, 2.5, sharex="row")
    for number, labels in enumerate(info.labels):
        left, right = axes[number]
        looks = info.looks[number]
        means = info.means[info.means["pair"] == number]
        for (side, measure), rows in means.groupby(["side", "measure"]):
            _curve(left, rows, "mean", looks[int(str(side))], MEASURES[str(measure)])
        _difference(right, info, number)
        style.whole_epochs(left)
        style.keep_within(left)
        style.keep_within(right, -100.0)
        left.set(ylabel="Accuracy (%)", xlabel="Epoch")
        right.set(ylabel="Difference (points)", xlabel="Epoch")
        handles: list[Any] = [
            style.line_handle(label, color=looks[side].color, marker=looks[side].marker, ms=4)
            for side, label in enumerate(labels)
        ]
        left.legend(handles=handles, loc="lower left", bbox_to_anchor=(-0.05, 1.0))
        right.set_title(info.titles[number])
    handles = [
        style.line_handle("test"),
        style.line_handle("train", ls="--"),
        *([style.band_handle("95 % interval")] if info.banded else []),
        style.zone_handle(info.meaningful),
    ]
    return style.finish(figure, "Head to head", info.source, handles)


def _looks(findings: Findings, pair: Pair) -> tuple[style.Look, style.Look]:
    """The colours that the two sides have in the other figures; where these are one, greys."""
    with suppress(NoDataError):
        findings = compared(findings)
    chosen = layout(findings)
    a, b = chosen.hue.get(pair.a), chosen.hue.get(pair.b)
    return (chosen.looks[a], chosen.looks[b]) if a != b else (style.Look("0.1", "o"), style.Look("0.55", "s"))


def _banded(*tables: pd.DataFrame) -> bool:
    return any(bool(table["low"].notna().any()) for table in tables)


def _apart(a: pd.DataFrame, b: pd.DataFrame) -> dict[str, Any]:
    """The difference of independent runs at each epoch that both sides have; a, b: a row a seed, a column an epoch."""
    both = a.columns.intersection(b.columns)
    return {"epoch": both, **welch_bands(a[both].to_numpy(), b[both].to_numpy())}


def _gain(findings: Findings, pair: Pair, values: list[pd.DataFrame], measure: str) -> dict[str, Any]:
    """What further epochs change: the longer runs from the end of the shorter on, less their own accuracy there."""
    ends = [findings.point(number)["epochs"] for number in (pair.a, pair.b)]
    longer = int(ends[1] > ends[0])
    end = min(ends)
    final = (
        findings.runs[findings.runs["condition"] == (pair.a, pair.b)[1 - longer]].set_index("seed")[measure].dropna()
    )
    curves = values[longer].loc[:, end:].dropna()
    seeds = curves.index.intersection(final.index)
    change = curves.loc[seeds].to_numpy() - final[seeds].to_numpy()[:, None]
    if not len(seeds):
        return {"epoch": [], "difference": [], "low": [], "high": []}
    return {"epoch": curves.columns, **paired_bands(-change if longer else change)}


def _title(findings: Findings, pair: Pair) -> str:
    if not pair.paired:
        return "first minus second condition"
    first, second = (findings.point(number)["epochs"] for number in (pair.a, pair.b))
    end = min(first, second)
    return f"since epoch {end}, run by run" if first > second else f"epoch {end} minus later, run by run"


def _choose(findings: Findings) -> list[Pair]:
    trained = set(findings.curves["condition"])
    pairs = [p for p in findings.chosen if p.a in trained and p.b in trained]
    declared = [p for p in pairs if p.family == "declared"]
    if declared:
        return declared[:MOST_PAIRS]
    axis = findings.within or ("epochs" if findings.across == "epochs" else None)
    baseline = [p for p in pairs if p.family == "baseline"]
    found = [p for p in baseline if _only_differ_in(findings, p, axis)] or baseline
    most = {pair: max(findings.point(n)["epochs"] for n in (pair.a, pair.b)) for pair in found}
    found = [pair for pair in found if most[pair] == max(most.values())]
    return found if len(found) <= MOST_PAIRS else []


def _only_differ_in(findings: Findings, pair: Pair, axis: str | None) -> bool:
    a, b = (findings.conditions.loc[number] for number in (pair.a, pair.b))
    return [name for name in findings.axes if bool(a[name] != b[name])] == [axis]


def _curve(ax: Axes, rows: pd.DataFrame, value: str, look: style.Look, dash: str) -> None:
    ax.fill_between(rows["epoch"], rows["low"], rows["high"], color=look.color, alpha=0.18, lw=0)
    marker = look.marker if dash == "-" else None
    every = max(1, len(rows) // 6)
    ax.plot(rows["epoch"], rows[value], dash, color=look.color, marker=marker, ms=4, markevery=every)


def _difference(ax: Axes, info: Info, number: int) -> None:
    style.zone(ax, info.meaningful)
    style.zero_line(ax)
    table = info.table[info.table["pair"] == number]
    look = style.Look("0.15", "")
    for measure, rows in table.groupby("measure", sort=False):
        shown = rows if measure == "test_accuracy" else rows.assign(low=np.nan, high=np.nan)
        _curve(ax, shown, "difference", look, MEASURES[str(measure)])
