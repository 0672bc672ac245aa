"""Final accuracy along the axis asked for, every run visible."""

from analysis.figures.points import Info, Panel, draw, final
from analysis.findings import Findings

__all__ = ["Info", "draw", "info"]


def info(findings: Findings) -> Info:
    """Return test and training accuracy as the study declared them, by run.

    With a validation set also the test accuracy at the epoch chosen by it. Raises NoDataError as `points.final` does.
    """
    last = findings.question.last
    unit = "Final accuracy (%)" if last == 1 else f"Accuracy (%),\nmean of the last {last} epochs"
    names = {"test_accuracy": "Test", "train_accuracy": "Training"}
    if findings.has_validation:
        names["selected_accuracy"] = "Test at best validation"
    return final(findings, tuple(Panel(measure, name, unit) for measure, name in names.items()), "Final accuracy")
