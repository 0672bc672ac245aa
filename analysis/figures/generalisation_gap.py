"""Generalisation gap along the axis asked for, every run visible."""

from analysis.figures import points
from analysis.figures.points import Info, draw
from analysis.findings import Findings

__all__ = ["Info", "draw", "info"]


def info(findings: Findings) -> Info:
    """Return training minus test accuracy after the last planned epoch, by run.

    Raises NoDataError as `points.info` does.
    """
    unit = "Training − test (percentage points)"
    return points.info(findings, {"gap": "Gap"}, "Generalisation gap", unit, zero=True)
