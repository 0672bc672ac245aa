"""Final accuracy along the axis asked for, every run visible, and how far training accuracy lies above it."""

from analysis.figures import points
from analysis.figures.common import beyond, compared, finished_runs, summarise
from analysis.figures.points import Info, Panel, draw
from analysis.findings import Findings

__all__ = ["Info", "draw", "info"]


def info(findings: Findings) -> Info:
    """Return test accuracy and the generalisation gap as the study declared them, by run.

    With a validation set also the test accuracy at the epoch chosen by it. Raises NoDataError when no run has ended,
    and as `common.compared` does.
    """
    findings = compared(findings)
    runs = finished_runs(findings)
    last = findings.question.last
    mean = f"\n(mean of the last {last} epochs)" if last > 1 else ""
    panels = [Panel("test_accuracy", "Test", f"Final test accuracy (%){mean}")]
    if findings.has_validation:
        panels.append(Panel("selected_accuracy", "Test at best validation", panels[0].unit))
    unit = f"Training − test (points){mean}"
    panels.append(Panel("gap", "Generalisation gap", unit, zero=True, percent=False))
    spots = points.places(findings, runs)
    runs = runs[runs["condition"].isin(spots.place.index)]
    runs = runs.assign(
        place=runs["condition"].map(spots.place),
        level=runs["condition"].map(spots.layout.hue),
        fate=runs["diverged"].map({True: "diverged", False: ""}),
    )
    columns = ["condition", "place", "level", "seed", "fate"]
    long = runs.melt(columns, [panel.measure for panel in panels], "measure", "value").dropna(subset="value")
    table = summarise(long, ["measure", "place", "level", "condition"], "value").rename(columns={"mean": "center"})
    lost = set(runs.loc[runs["fate"] == "diverged", "condition"])
    table["whole"] = ~table["condition"].isin(lost)
    several = bool((table["n"] > 1).any())
    source = f"{findings.source}. Every run a point" + ("; mean with 95 % Student-t interval." if several else ".")
    accuracies = table[table["measure"] != "gap"]
    return Info(
        runs=long,
        table=table,
        places=spots,
        panels=tuple(panels),
        center="mean, 95 % t-interval",
        heading="Final accuracy",
        source=source + spots.left_out + beyond([accuracies]),
    )
