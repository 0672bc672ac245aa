"""Timeline: which trial trained where and when; a gap is an idle device."""

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
STATES = {
    "completed": "#0173b2",
    "stopped": "#56b4e9",
    "failed": "#b2182b",
    "running": "#de8f05",
    "interrupted": "#949494",
}


@dataclass(frozen=True)
class Info:
    """What the figure shows.

    table: one row per stretch of a trial in one process: trial_id, status, place (host and device),
    lane (row of the figure), start and end in minutes from the first.
    """

    table: pd.DataFrame
    lanes: tuple[str, ...]
    busy: float
    source: str


def info(findings: Findings) -> Info:
    """Return who trained where and when, from the records' clock.

    Trials that share a device at one time get lanes of their own. Raises NoDataError without
    records.
    """
    log = findings.results.log
    if log.empty:
        raise NoDataError("the records that say when each epoch ended are missing")
    table = _stretches(log)
    if table.empty:
        raise NoDataError("the records do not say when an epoch ended")
    status = findings.results.trials.set_index("trial_id")["status"]
    table["status"] = table["trial_id"].map(status)
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
        source=f"{findings.source}. A bar is a trial with all its seeds; lanes busy {100 * busy:.0f} % of the time.",
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
    colors = [STATES.get(str(status), "0.7") for status in table["status"]]
    ax.add_collection(PolyCollection(bars, facecolors=colors, edgecolors="white", lw=0.6))
    end = float(table["end"].max()) or 1.0
    if len(table) <= MOST_NAMED:
        for row in table.itertuples():
            if row.end - row.start > 0.03 * end:  # type: ignore[operator]
                ax.annotate(
                    str(row.trial_id).lstrip("0") or "0",
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
    seen = set(table["status"])
    handles = [Patch(color=color, label=name) for name, color in STATES.items() if name in seen]
    return style.finish(figure, "Who trained where and when", info.source, handles)


def _stretches(log: pd.DataFrame) -> pd.DataFrame:
    """One row per (trial, process): from the start of its first epoch to the end of its last."""
    log = log.assign(ended=pd.to_datetime(log["finished"], errors="coerce", utc=True, format="ISO8601"))
    log = log[log["ended"].notna()]
    before = log.groupby("trial_id")["seconds"].shift().fillna(0.0)
    log = log.assign(began=log["ended"] - pd.to_timedelta(log["seconds"] - before, unit="s"))
    keys = ["trial_id", "host", "device", "pid"]
    table = log.groupby(keys, sort=False).agg(start=("began", "min"), end=("ended", "max"))
    return table.reset_index()


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
