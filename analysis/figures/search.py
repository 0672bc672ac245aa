"""What the figures of a search share: one row per trial with its objective and its fate."""

import pandas as pd

from analysis.figures.common import NoDataError
from analysis.findings import Findings
from analysis.records import AXES

OBJECTIVES = {
    "validation_accuracy": "Validation accuracy (%)",
    "test_accuracy": "Test accuracy (%), no validation set",
}


def search_trials(findings: Findings) -> tuple[pd.DataFrame, str]:
    """Return the trials of a search, in the order they were made, and the name of the objective.

    Columns: number, trial_id, the axes, value (mean over seeds of the objective at the last epoch
    seen; percent), finished (reached its planned epochs), diverged (any seed), best (the best
    value of the finished trials so far). The objective is validation accuracy; test accuracy only
    where there is no validation set, and then nothing must be selected by it.
    Raises NoDataError when the study is no search or has no results.
    """
    if not findings.question.searches:
        raise NoDataError("the study is a grid, not a search")
    if findings.curves.empty:
        raise NoDataError("no epoch has been trained yet")
    objective = "validation_accuracy" if findings.has_validation else "test_accuracy"
    last = findings.curves.groupby(["trial_id", "seed"], sort=True).tail(1)
    means = last.groupby("trial_id").agg(
        value=(objective, "mean"), epoch=("epoch", "max"), diverged=("diverged", "any")
    )
    trials = findings.results.trials[["trial_id", *AXES]].merge(means.reset_index(), on="trial_id")
    trials = trials.sort_values("trial_id", ignore_index=True)
    trials["finished"] = trials["epoch"] >= trials["epochs"]
    trials["number"] = range(len(trials))
    trials["best"] = trials["value"].where(trials["finished"]).cummax().ffill()
    return trials, objective
