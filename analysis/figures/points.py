"""One value a run along an axis: every run as a point, and what sums them up beside them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis import style
from analysis.axes import Labels, numeric, scale, title
from analysis.cautions import edge_warning
from analysis.figures.common import Layout, beyond, compared, finished_runs, in_order, layout, summarise
from analysis.findings import MOST_DISTINCT, Findings

WIDEST = 10.0  # inches, of panels beside one another
CHARACTER = 0.075  # inches


@dataclass(frozen=True)
class Places:
    """Where the conditions stand along the axis.

    place: of each condition. ticks: the words at each place. joined: whether the places are values of one numeric axis,
    so that a line between them means something. left_out: what is not shown, in words.
    """

    layout: Layout
    place: pd.Series
    ticks: dict[float, str]
    title: str
    joined: bool
    left_out: str


@dataclass(frozen=True)
class Panel:
    """What one panel shows; zero: a line at 0; percent: limits of 0 and 100; whole: ticks at whole numbers."""

    measure: str
    title: str
    unit: str
    zero: bool = False
    percent: bool = True
    whole: bool = False


@dataclass(frozen=True)
class Info:
    """What the figure shows.

    runs: one row per run and measure: condition, place, level (of the colours), seed, measure, value, fate ('',
    'diverged' or 'not reached'). table: one row per condition and measure: place, level, center, low, high, n, whole
    (none of its runs diverged). center: what stands beside the points, in words.
    """

    runs: pd.DataFrame
    table: pd.DataFrame
    places: Places
    panels: tuple[Panel, ...]
    center: str
    heading: str
    source: str


def places(findings: Findings, runs: pd.DataFrame) -> Places:
    """Lay conditions out along the axis asked for; of more than 12 groups those with the highest accuracy."""
    chosen = layout(findings)
    along = list(chosen.beside)
    table = in_order(findings.conditions, along)
    keys: list[tuple[Any, ...]] = [(level,) for level in chosen.hues]
    key_of: dict[int, tuple[Any, ...]]
    if not along:
        key_of = {int(number): (chosen.hue[number],) for number in table.index}
    else:
        key_of = {int(number): tuple(table.at[number, axis] for axis in along) for number in table.index}
        keys = list(dict.fromkeys(key_of.values()))
    measure = "validation_accuracy" if runs["validation_accuracy"].notna().any() else "test_accuracy"
    left_out = ""
    if len(keys) > MOST_DISTINCT:
        mean = runs[measure].groupby(runs["condition"].map(key_of)).mean()
        best = set(mean.nlargest(MOST_DISTINCT).index)
        left_out = f" The {len(best)} groups with the highest {measure.removesuffix('_accuracy')} accuracy; "
        left_out += f"{len(keys) - len(best)} more are in the tables."
        keys = [key for key in keys if key in best]
    at, name = _positions(along, keys)
    if not along and len(findings.axes) == 1:
        name = title(findings.axes[0])
        values = table[findings.axes[0]].groupby(chosen.hue).first()
        ticks = [findings.labels.text(findings.axes[0], values[level]) for level in chosen.hues]
    elif not along:
        ticks = [words.replace(", ", "\n") for words in chosen.hues.values()]
    else:
        ticks = [_tick(findings.labels, along, key) for key in keys]
    place = pd.Series({n: at[keys.index(key)] for n, key in key_of.items() if key in keys}, dtype="float64")
    joined = len(along) == 1 and numeric(along[0])
    return Places(chosen, place, dict(zip(at, ticks, strict=True)), name, joined, left_out)


def final(findings: Findings, panels: tuple[Panel, ...], heading: str) -> Info:
    """Return final values of every run, a panel a measure that any run has.

    Raises NoDataError when no run has ended, and as `common.compared` does.
    """
    findings = compared(findings)
    runs = finished_runs(findings)
    spots = places(findings, runs)
    runs = runs[runs["condition"].isin(spots.place.index)]
    runs = runs.assign(
        place=runs["condition"].map(spots.place),
        level=runs["condition"].map(spots.layout.hue),
        fate=runs["diverged"].map({True: "diverged", False: ""}),
    )
    columns = ["condition", "place", "level", "seed", "fate"]
    long = runs.melt(columns, [panel.measure for panel in panels], "measure", "value").dropna(subset="value")
    panels = tuple(panel for panel in panels if panel.measure in set(long["measure"]))
    table = summarise(long, ["measure", "place", "level", "condition"], "value").rename(columns={"mean": "center"})
    lost = set(runs.loc[runs["fate"] == "diverged", "condition"])
    table["whole"] = ~table["condition"].isin(lost)
    several = bool((table["n"] > 1).any())
    said = "; mean with 95 % Student-t interval." if several else "."
    cut = beyond([table[table["measure"].isin([panel.measure for panel in panels if panel.percent])]])
    warning = edge_warning(findings, spots.layout.beside[0]) if spots.joined else None
    note = f" Note: {warning}." if warning else ""
    source = f"{findings.source}. Every run a point{said}{spots.left_out}{cut}{note}"
    return Info(long, table, spots, panels, "mean, 95 % t-interval", heading, source)


def draw(info: Info) -> Figure:
    """Draw one panel a measure."""
    figure, axes = _panels(info)
    for ax, panel in zip(axes.ravel(), info.panels, strict=True):
        _draw_panel(ax, info, panel)
    _share(axes, info.panels)
    handles: list[Any] = list(info.places.layout.handles) if info.places.layout.beside else []
    for handle in handles:
        handle.set_linestyle("")
    if (info.table["n"] > 1).any():
        handles.append(style.line_handle(info.center, marker="_", ms=9))
    fates = set(info.runs["fate"])
    if "diverged" in fates:
        handles.append(style.line_handle("diverged run", color=style.BAD, marker="x", ls=""))
    if "not reached" in fates:
        handles.append(style.line_handle("not reached", color="0.4", marker="^", mfc="none", ls=""))
    return style.finish(figure, info.heading, info.source, handles)


def _panels(info: Info) -> tuple[Figure, np.ndarray]:
    """Panels as wide as the ticks and the points at each of them need; below one another where they are wide."""
    ticks = info.places.ticks
    line = max(len(line) for tick in ticks.values() for line in tick.split("\n"))
    hues = len(info.places.layout.hues) if info.places.layout.beside else 1
    each = max(CHARACTER * line + 0.2, 0.25 * max(hues, 2))
    width = max(3.4 if len(info.panels) == 1 else 2.5, 0.7 + each * (max(ticks) - min(ticks) + 1))
    fits = width * len(info.panels) <= WIDEST
    rows, columns = (1, len(info.panels)) if fits else (len(info.panels), 1)
    return style.grid(rows, columns, width, 2.7 if rows < 3 else 2.0)


def _draw_panel(ax: Axes, info: Info, panel: Panel) -> None:
    spots = info.places
    several = list(spots.layout.hues) if spots.layout.beside else ["all"]
    for number, level in enumerate(several):
        offset = (number - (len(several) - 1) / 2) * 0.8 / len(several)
        _draw_level(ax, info, panel.measure, None if level == "all" else level, offset, 0.5 / len(several))
    ax.set_xticks(list(spots.ticks), list(spots.ticks.values()))
    ax.set(
        xlabel=spots.title,
        ylabel=panel.unit,
        xlim=(min(spots.ticks) - 0.6, max(spots.ticks) + 0.6),
        title=panel.title if len(info.panels) > 1 else "",
    )
    ax.grid(False, axis="x")
    if panel.zero:
        style.zero_line(ax)
    if panel.percent:
        style.keep_within(ax)
    elif panel.whole:
        ax.yaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10], integer=True))


def _draw_level(ax: Axes, info: Info, measure: str, level: Any, offset: float, width: float) -> None:
    """Draw the runs of a level; of all levels, each in its colour, where level is None."""
    runs, table = (t[t["measure"] == measure] for t in (info.runs, info.table))
    if level is not None:
        runs, table = runs[runs["level"] == level], table[table["level"] == level]
    for name, look in info.places.layout.looks.items():
        chosen = runs[runs["level"] == name]
        points = chosen.assign(
            x=chosen["place"] + offset + style.jitter(chosen["place"], chosen["seed"], width / 2) - width / 4
        )
        for fate, rows in points.groupby("fate"):
            marker, color = {"diverged": ("x", style.BAD), "not reached": ("^", look.color)}.get(
                str(fate), (look.marker, look.color)
            )
            options: Any = {"facecolors": "none", "edgecolors": color} if fate == "not reached" else {"color": color}
            lines = 0 if fate == "" else 1.2
            ax.scatter(rows["x"], rows["value"], marker=marker, s=20, alpha=0.75, linewidths=lines, **options)
        centers = table[(table["level"] == name) & (table["n"] > 1)].sort_values("place")
        x = centers["place"] + offset + width / 2 + 0.03
        error = (centers["high"] - centers["center"]).fillna(0)
        ax.errorbar(x, centers["center"], yerr=error, fmt="_", color=look.color, ms=8, mew=2, lw=1.4, capsize=2)
        if info.places.joined:
            # A line to the mean of runs of which some diverged would show a course that no run took.
            ax.plot(x, centers["center"].where(centers["whole"]), color=look.color, lw=0.8, alpha=0.6)


def _share(axes: np.ndarray, panels: tuple[Panel, ...]) -> None:
    """Give panels of one unit the same limits; name the unit once in a row, and the places once in a column."""
    ends = [ax.get_ylim() for ax in axes.ravel()]
    for place, ax in enumerate(axes.ravel()):
        same = [n for n, panel in enumerate(panels) if panel.unit == panels[place].unit]
        ax.set_ylim(min(ends[n][0] for n in same), max(ends[n][1] for n in same))
        if axes.shape[0] == 1 and place and place - 1 in same:
            ax.set_ylabel("")
        if place < axes.shape[0] - 1:
            ax.set_xlabel("")


def _positions(along: list[str], keys: list[tuple[Any, ...]]) -> tuple[list[float], str]:
    """Where the groups stand, at least 1 apart, and the title of the axis."""
    even = [float(place) for place in range(len(keys))]
    if len(along) != 1:
        return even, ""
    axis, values = along[0], [key[0] for key in keys]
    if len(keys) < 2 or scale(axis, values) != "log":
        return even, title(axis)
    spaced = np.log10(values)
    spaced = (spaced - spaced[0]) / np.diff(spaced).min()
    if spaced[-1] > 2 * even[-1]:
        return even, f"{title(axis)} (not to scale)"
    return spaced.tolist(), title(axis)


def _tick(labels: Labels, axes: list[str], key: tuple[Any, ...]) -> str:
    if len(axes) == 1:
        return labels.text(axes[0], key[0])
    return "\n".join(labels.phrase(a, v) for a, v in zip(axes, key, strict=True))
