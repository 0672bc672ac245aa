"""Timeline: which pack of runs trained where and when; a gap is an idle device."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from analysis import style
from analysis.figures.common import NoDataError
from analysis.findings import Findings

MOST_NAMED = 60
UNITS = (("Days", 1440.0), ("Hours", 60.0), ("Minutes", 1.0), ("Seconds", 1 / 60))
# Colours of the states; of a pack's runs the first in this order gives its bar the colour.
STATES = {
    "failed": "#b2182b",
    "interrupted": "#949494",
    "running": "#de8f05",
    "stopped": "#56b4e9",
    "completed": "#0173b2",
}


@dataclass(frozen=True)
class Info:
    """What the figure shows.

    table: one row per stretch of a pack in one process: pack, trials (the configurations of its runs), state, place
    (host and device), lane (row of the figure), start and end in minutes from the first.
    """

    table: pd.DataFrame
    lanes: tuple[str, ...]
    busy: float
    source: str


def info(findings: Findings) -> Info:
    """Return who trained where and when, from the records' clock.

    Packs that share a device at one time get lanes of their own. Raises NoDataError without
    records.
    """
    log = findings.results.log
    if log.empty:
        raise NoDataError("the records that say when each epoch ended are missing")
    table = _stretches(log)
    if table.empty:
        raise NoDataError("the records do not say when an epoch ended")
    table = table.merge(_states(findings, log), on="pack", how="left")
    origin = table["start"].min()
    for name in ("start", "end"):
        table[name] = (table[name] - origin).dt.total_seconds() / 60
    table, lanes = _lanes(table)
    width = float((table["end"] - table["start"]).sum())
    busy = width / (float(table["end"].max()) * len(lanes)) if table["end"].max() > 0 else 1.0
    return Info(
        table=table,
        lanes=tuple(lanes),
        busy=busy,
        source=f"{findings.source}. A bar is a pack of runs, named by its configurations; "
        f"lanes busy {100 * busy:.0f} % of the time.",
    )


def draw(info: Info) -> Figure:
    """Draw a lane a device slot, a bar a stretch."""
    figure = style.new_figure(7.6, 1.5 + 0.34 * len(info.lanes))
    ax = figure.subplots()
    unit, minutes = next((name, m) for name, m in UNITS if info.table["end"].max() > 3 * m or m < 1)
    table = info.table.assign(start=info.table["start"] / minutes, end=info.table["end"] / minutes)
    bars = [
        [(s, lane - 0.38), (e, lane - 0.38), (e, lane + 0.38), (s, lane + 0.38)]
        for s, e, lane in zip(table["start"], table["end"], table["lane"], strict=True)
    ]
    colors = [STATES.get(str(status), "0.7") for status in table["state"]]
    ax.add_collection(PolyCollection(bars, facecolors=colors, edgecolors="white", lw=0.6))
    end = float(table["end"].max()) or 1.0
    if len(table) <= MOST_NAMED:
        for row in table.itertuples():
            if row.end - row.start > 0.03 * end:  # type: ignore[operator]
                ax.annotate(
                    str(row.trials),
                    ((row.start + row.end) / 2, row.lane),  # type: ignore[operator]
                    ha="center",
                    va="center",
                    fontsize=7,
                    color="white",
                )
    ax.set_yticks(range(len(info.lanes)), info.lanes)
    ax.set(xlim=(-0.01 * end, 1.01 * end), ylim=(len(info.lanes) - 0.4, -0.6))
    ax.set_xlabel(f"{unit} since the first epoch began")
    ax.grid(False, axis="y")
    seen = set(table["state"])
    handles = [Patch(color=color, label=name) for name, color in STATES.items() if name in seen]
    return style.finish(figure, "Who trained where and when", info.source, handles)


def _stretches(log: pd.DataFrame) -> pd.DataFrame:
    """One row per pack and process, from the start of its first epoch to the end of its last.

    The runs of a pack train side by side and share its time: together their shares of the first epoch in a process are
    how long that epoch took.
    """
    log = log.assign(end=pd.to_datetime(log["finished"], errors="coerce", utc=True, format="ISO8601"))
    log = log[log["end"].notna()]
    keys = ["pack", "host", "device", "pid"]
    first = log.groupby([*keys, "trial_id", "seed"], sort=False)["spent"].first().groupby(keys, sort=False).sum()
    table = log.groupby(keys, sort=False).agg(start=("end", "min"), end=("end", "max"), trials=("trial_id", _named))
    table["start"] -= pd.to_timedelta(first.reindex(table.index), unit="s")
    return table.reset_index()


def _named(trials: pd.Series) -> str:
    """The numbers of a pack's configurations, short enough for a bar."""
    names = [str(name).lstrip("0") or "0" for name in sorted(set(trials))]
    return (
        names[0] if len(names) == 1 else f"{names[0]}, {names[1]}" if len(names) == 2 else f"{names[0]} … {names[-1]}"
    )


def _states(findings: Findings, log: pd.DataFrame) -> pd.DataFrame:
    """Per pack the state that its bar shows."""
    runs = log[["pack", "trial_id", "seed"]].drop_duplicates()
    runs = runs.merge(findings.results.runs[["trial_id", "seed", "state"]], on=["trial_id", "seed"])
    order = {state: place for place, state in enumerate(STATES)}
    place = runs["state"].map(order).fillna(len(order)).groupby(runs["pack"]).min()
    names = dict(enumerate(STATES))
    return pd.DataFrame({"pack": place.index, "state": [names.get(int(p), "planned") for p in place]})


def _lanes(table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Give each stretch the first lane of its device that is free when it starts."""
    names: list[str] = []
    lane = np.zeros(len(table), dtype=int)
    table = table.sort_values(["host", "device", "start"], ignore_index=True)
    slack = 1e-3
    for (host, device), rows in table.groupby(["host", "device"], sort=True):
        free: list[float] = []
        for index, start, end in zip(rows.index, rows["start"], rows["end"], strict=True):
            slot = next((i for i, until in enumerate(free) if until <= start + slack), len(free))
            free[slot : slot + 1] = [end]
            lane[index] = len(names) + slot
        names += [f"{host} {device}" + (f", place {i + 1}" if len(free) > 1 else "") for i in range(len(free))]
    return table.assign(lane=lane, place=table["host"] + " " + table["device"]), names
