"""How many epochs the runs took to an accuracy, every run visible."""

from dataclasses import replace

import pandas as pd

from analysis.axes import FACTORS
from analysis.figures import points
from analysis.figures.common import NoDataError, compared
from analysis.figures.points import Info, Panel, draw
from analysis.findings import Findings
from analysis.statistics.families import shorter_are_beginnings
from analysis.statistics.survival import reached

__all__ = ["Info", "draw", "info"]


def info(findings: Findings) -> Info:
    """Return the epochs to every threshold that some run reached; runs that did not, at their last epoch.

    Raises NoDataError when no run reached any, after a single epoch, and as `common.compared` does.
    """
    findings = compared(findings)
    times = findings.times
    times = times[times["condition"].isin(findings.conditions.index)]
    times = times[times["threshold"].isin(times.loc[times["reached"], "threshold"])]
    if times.empty:
        raise NoDataError("no run has reached any of the study's accuracy thresholds")
    if times["epochs"].max() == 1:
        raise NoDataError("every run ends after one epoch")
    findings, times = _whole_runs(findings, times)
    spots = points.places(findings, findings.runs[findings.runs["condition"].isin(times["condition"])])
    times = times[times["condition"].isin(spots.place.index)]
    times = times.assign(
        measure=times["threshold"].map("{:g}".format),
        value=times["epochs"],
        fate=times["reached"].map({True: "", False: "not reached"}),
        place=times["condition"].map(spots.place),
        level=times["condition"].map(spots.layout.hue),
    )
    rows = []
    for (measure, place, level, condition), group in times.groupby(["measure", "place", "level", "condition"]):
        result = reached(group)
        key = {"measure": measure, "place": place, "level": level, "condition": condition}
        rows.append({**key, "center": result.median, "reached": result.reached, "n": result.n})
    table = pd.DataFrame(rows).assign(low=float("nan"), high=float("nan"), whole=True)
    thresholds = sorted(times["threshold"].unique())
    return Info(
        runs=times[["condition", "place", "level", "seed", "measure", "value", "fate"]],
        table=table,
        places=spots,
        panels=tuple(
            Panel(f"{t:g}", f"{t:g} % test accuracy", "Epochs", percent=False, whole=True) for t in thresholds
        ),
        center="median (Kaplan-Meier)",
        heading="Epochs to an accuracy",
        source=f"{findings.source}. Every run a point; open where it had not got there by its last epoch."
        f"{spots.left_out}",
    )


def _whole_runs(findings: Findings, times: pd.DataFrame) -> tuple[Findings, pd.DataFrame]:
    """Put runs that are parts of the same together, under the condition of the most epochs: each counts once."""
    if "epochs" not in findings.axes or not shorter_are_beginnings(findings.conditions):
        return findings, times
    rest = [factor for factor in FACTORS if factor != "epochs"]
    longest = findings.conditions.sort_values("epochs").reset_index(names="longest")
    longest = longest.groupby(rest, sort=False)["longest"].last().reset_index()
    table = findings.conditions.reset_index(names="condition").merge(longest, on=rest)
    times = times.merge(table[["condition", "longest"]], on="condition").sort_values("epochs", kind="stable")
    times = times.assign(condition=times["longest"]).sort_values("reached", kind="stable")
    times = times.drop_duplicates(["condition", "seed", "threshold"], keep="last")
    axes = tuple(axis for axis in findings.axes if axis != "epochs")
    across = findings.across if findings.across in axes else next((a for a in axes if a != findings.within), None)
    kept = findings.conditions.loc[findings.conditions.index.isin(times["condition"])]
    return replace(findings, axes=axes, across=across, conditions=kept), times
