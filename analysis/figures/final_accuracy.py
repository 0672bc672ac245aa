"""Final accuracy along the axis asked for, every run visible."""

from analysis.figures import points
from analysis.figures.points import Info, draw
from analysis.findings import Findings

__all__ = ["Info", "draw", "info"]


def info(findings: Findings) -> Info:
    """Return test and training accuracy as the study declared them, by run.

    With a validation set also the test accuracy at the epoch chosen by it. Raises NoDataError as
    `points.info` does.
    """
    names = {"test_accuracy": "Test", "train_accuracy": "Training"}
    if findings.has_validation:
        names["selected_accuracy"] = "Test at best validation"
    what = findings.question.named("accuracy").capitalize()
    return points.info(findings, names, "Final accuracy", f"{what} (%)" if findings.question.last == 1 else what)
