"""Population based training: the values of every member by epoch, and who went on from whose state."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import style
from analysis.axes import scale, title
from analysis.figures.common import NoDataError
from analysis.findings import Findings, population
from analysis.lineage import Stretch, path, perturbed
from analysis.tried import OBJECTIVES, explored, search_trials

NAME_HEIGHT = 0.07  # of a panel


@dataclass(frozen=True)
class Info:
    """What the figure shows.

    table: one row per member and stretch of epochs with the same values: trial_id, source (whose state it went on from;
    '' at its beginning), start (after which epoch), end, the axes, best (whether the best member's network was trained
    in it). curves: trial_id, epoch, value (mean over seeds of the objective). axes: those whose values change. best:
    the member that ended highest. way: what its network was trained in.
    """

    table: pd.DataFrame
    curves: pd.DataFrame
    axes: tuple[str, ...]
    best: str
    way: tuple[Stretch, ...]
    objective: str
    source: str


def info(findings: Findings) -> Info:
    """Return the stretches of all members. Raises NoDataError where no member has gone on from another one's state."""
    trials, objective = search_trials(findings)
    members = population(findings.results)
    axes = perturbed(members)
    if not axes:
        raise NoDataError("no member has gone on from another one's state (population based training alone does that)")
    best = str(trials["trial_id"].iloc[int(trials["value"].argmax())])
    way = path(best, members)
    on_the_way = {(each.trial_id, each.start) for each in way}
    rows = [
        {
            "trial_id": each.trial_id,
            "source": each.source or "",
            "start": each.start,
            "end": each.end,
            **{axis: each.values[axis] for axis in axes},
            "best": (each.trial_id, each.start) in on_the_way,
        }
        for stretches in members.values()
        for each in stretches
    ]
    curves = explored(findings).groupby(["trial_id", "epoch"])[objective].mean().reset_index()
    curves = curves.rename(columns={objective: "value"})
    source = (
        f"{findings.source}. Numbers are members; an arrow leads from a member to the one that went on from its state."
    )
    return Info(pd.DataFrame(rows), curves, tuple(axes), best, tuple(way), objective, source)


def draw(info: Info) -> Figure:
    """Draw a panel an axis, and the objective below."""
    figure, panels = style.grid(len(info.axes) + 1, 1, 6.6, 2.3, sharex=True)
    dark = style.looks(None, [0])[0].color
    for ax, axis in zip(panels[:-1, 0], info.axes, strict=True):
        _draw_values(ax, info, axis, dark)
    below: Axes = panels[-1, 0]
    for _, curve in info.curves.groupby("trial_id"):
        below.plot(curve["epoch"], curve["value"], color="0.65", lw=0.9)
    parts = [info.curves[info.curves["trial_id"] == each.trial_id] for each in info.way]
    way = pd.concat(
        [
            part[(part["epoch"] > each.start) & (part["epoch"] <= each.end)]
            for each, part in zip(info.way, parts, strict=True)
        ]
    )
    below.plot(way["epoch"], way["value"], color=dark, lw=2)
    below.set(xlabel="Epoch", ylabel=OBJECTIVES[info.objective].replace(" (", "\n("))
    style.whole_epochs(below)
    handles = [
        style.line_handle("a member", color="0.65", lw=0.9),
        style.line_handle(f"how the best network\nwas trained (member {_name(info.best)})", color=dark, lw=2),
        style.line_handle("goes on from this state", color="0.3", marker=">", ls=":", lw=0.9, ms=4),
    ]
    return style.finish(figure, "Search: lineage of the population", info.source, handles)


def _draw_values(ax: Axes, info: Info, axis: str, dark: object) -> None:
    """Each member as level lines, from exchange to exchange; the best network's way over them."""
    table = info.table
    for source, start, end, value in table[["source", "start", "end", axis]].itertuples(index=False, name=None):
        ax.plot([start, end], [value, value], color="0.65", lw=0.9, solid_capstyle="butt")
        theirs = table[(table["trial_id"] == source) & (table["start"] < start) & (table["end"] >= start)]
        if len(theirs):
            arrow = {"arrowstyle": "-|>", "color": "0.3", "lw": 0.7, "ls": ":", "shrinkA": 0, "shrinkB": 0}
            ax.annotate("", (start, value), (start, theirs[axis].iloc[0]), arrowprops=arrow)
    for each in info.way:
        ax.plot([each.start, each.end], [each.values[axis]] * 2, color=dark, lw=2, solid_capstyle="butt")
    ax.set_yscale("log" if scale(axis, table[axis]) == "log" else "linear")
    ax.set(ylabel=title(axis))
    ax.autoscale_view()
    last = table.groupby("trial_id").tail(1)
    _name_ends(ax, {_name(name): float(value) for name, value in zip(last["trial_id"], last[axis], strict=True)})


def _name_ends(ax: Axes, ends: Mapping[str, float]) -> None:
    """Write the members' numbers beside their lines' ends, those of one value side by side, none over another."""
    named: dict[float, list[str]] = {}
    for name, value in sorted(ends.items(), key=lambda each: each[1]):
        named.setdefault(value, []).append(name)
    own = [ax.transAxes.inverted().transform(ax.transData.transform((1.0, value)))[1] for value in named]
    top = 1.0
    for place in range(len(own) - 1, -1, -1):  # down from the top, then up from what lies below
        top = own[place] = min(own[place], top)
        top -= NAME_HEIGHT
    for place in range(1, len(own)):
        own[place] = max(own[place], own[place - 1] + NAME_HEIGHT)
    for height, names in zip(own, named.values(), strict=True):
        place = (1.0, height)
        ax.annotate(", ".join(names), place, (2, 0), "axes fraction", "offset points", va="center", fontsize=7)


def _name(trial_id: str) -> str:
    return trial_id.lstrip("0") or "0"
