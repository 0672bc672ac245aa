"""Generalisation gap along the axis asked for, every run visible."""

from analysis.figures.points import Info, Panel, draw, final
from analysis.findings import Findings

__all__ = ["Info", "draw", "info"]


def info(findings: Findings) -> Info:
    """Return training minus test accuracy as the study declared them, by run.

    Raises NoDataError as `points.final` does.
    """
    last = findings.question.last
    unit = "Training − test (points)" + (f",\nmean of the last {last} epochs" if last > 1 else "")
    panel = Panel("gap", "Gap", unit, zero=True, percent=False)
    return final(findings, (panel,), "Generalisation gap")
