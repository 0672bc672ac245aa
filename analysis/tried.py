"""What the figures of a search share: one row per configuration it tried, with its objective and its fate."""

import pandas as pd

from analysis.axes import STAGE, numeric
from analysis.findings import MOST_DISTINCT, Findings, NoDataError
from study.contract.axes import AXES

OBJECTIVES = {
    "validation_accuracy": "Validation accuracy (%)",
    "test_accuracy": "Test accuracy (%), no validation set",
}


def search_trials(findings: Findings) -> tuple[pd.DataFrame, str]:
    """Return the configurations of a search, in the order they were tried, and the name of the objective.

    Columns: number, trial_id, the axes, value (mean over seeds of the objective at the last epoch
    seen; percent), epoch (the last one seen), finished (all its runs are complete), diverged (any seed), best (the best
    value of the finished ones so far). The objective is validation accuracy; test accuracy only
    where there is no validation set, and then nothing must be selected by it. Runs that confirm winners are no part.
    Raises NoDataError when the study is no search or has no results.
    """
    if not findings.question.searches:
        raise NoDataError("the study is a grid, not a search")
    curves = explored(findings)
    if curves.empty:
        raise NoDataError("no epoch has been trained yet")
    objective = "validation_accuracy" if findings.has_validation else "test_accuracy"
    last = curves.groupby(["trial_id", "seed"], sort=True).tail(1)
    means = last.groupby("trial_id").agg(
        value=(objective, "mean"), epoch=("epoch", "max"), diverged=("diverged", "any")
    )
    means["finished"] = findings.runs.groupby("trial_id")["complete"].all()
    planned = findings.results.runs.drop_duplicates("trial_id")
    trials = planned[["trial_id", *AXES]].merge(means.reset_index(), on="trial_id")
    trials = trials.sort_values("trial_id", ignore_index=True)
    trials["number"] = range(len(trials))
    trials["best"] = trials["value"].where(trials["finished"]).cummax().ffill()
    return trials, objective


def explored(findings: Findings) -> pd.DataFrame:
    """Return the curves of the search itself."""
    return findings.curves[findings.curves[STAGE] == "explore"]


def check_fixed(findings: Findings) -> None:
    """Raise NoDataError where values change while a configuration trains, so that none goes with its accuracy."""
    if findings.results.history.exchanges:
        raise NoDataError("members of a population change their values; the lineage shows them")


def categorical(findings: Findings, axis: str) -> bool:
    """Whether an axis is drawn as categories: it has no order, or few values and is not drawn from an interval."""
    space = findings.results.study.get("space")
    form = space.get(axis) if isinstance(space, dict) else None
    if isinstance(form, dict) and not form.keys().isdisjoint({"uniform", "loguniform"}):
        return False
    return not numeric(axis) or findings.conditions[axis].nunique() <= MOST_DISTINCT


def varying(findings: Findings) -> tuple[str, ...]:
    """Return the axes that vary, without the stage."""
    return tuple(axis for axis in findings.axes if axis in AXES)
