"""Generalisation gap along the axis asked for, every run visible."""

from analysis.figures import points
from analysis.figures.points import Info, draw
from analysis.findings import Findings

__all__ = ["Info", "draw", "info"]


def info(findings: Findings) -> Info:
    """Return training minus test accuracy as the study declared them, by run.

    Raises NoDataError as `points.info` does.
    """
    unit = "Training − test (percentage points)"
    if findings.question.last > 1:
        unit += f",\nmean of the last {findings.question.last} epochs"
    return points.info(findings, {"gap": "Gap"}, "Generalisation gap", unit, zero=True)
