"""One run (a configuration with one seed) -> the numbers that describe how it learned.

Definitions, with E the run's planned epochs. Training at another accuracy measure changes nothing:
every definition reads the recorded accuracy after each epoch.

- Final accuracy: the accuracy after epoch E, which is fixed before training, so that nothing is
  selected (Bouthillier et al. 2021, 'Accounting for Variance in Machine Learning Benchmarks'). A run
  that has not reached E has none.
- Selected accuracy: the test accuracy after the first epoch with the best validation accuracy
  (early stopping by validation, Prechelt 1998, 'Early Stopping - But When?'). Never the best test
  epoch: the maximum over test epochs is biased upwards (Cawley & Talbot 2010, 'On Over-fitting in
  Model Selection and Subsequent Selection Bias in Performance Evaluation').
- Area under the learning curve (AULC): trapezoid of the test accuracy over epochs 1..E divided by
  E - 1, so it is an accuracy in percent (after the ALC of Guyon et al. 2011, 'Results of the Active
  Learning Challenge', whose axis is logarithmic; this one is linear in epochs).
- Generalisation gap: train minus test accuracy after epoch E, in percentage points (as in Zhang et
  al. 2017, 'Understanding Deep Learning Requires Rethinking Generalization').
- Epochs to accuracy T: the first epoch at or above T (as time to accuracy in Coleman et al. 2017,
  'DAWNBench'), right-censored at the last epoch seen, E for a whole run (Kaplan & Meier 1958).
- Divergence: the loss was not finite (infinite or not a number, IEEE 754) at some epoch. Diverged runs stay in every
  mean of an accuracy: leaving them out would condition on success. A mean loss with one of them is not finite either,
  and is not given. Where the study stops such runs (`on_divergence: stop`) they count as complete: parameters that are
  not numbers stay so, and the last accuracy is carried on to epoch E.
- Final values may be declared as means over a run's last K epochs (`compare.measure`).
"""

from collections.abc import Iterator
from typing import cast

import numpy as np
import pandas as pd

from analysis.axes import STAGE
from study.contract.axes import AXES

RUN = ["trial_id", "seed"]


def run_table(curves: pd.DataFrame, carry: bool = False, last: int = 1) -> pd.DataFrame:
    """Return one row per run with its axes, seed and scalars.

    carry: whether runs end when they diverge, and count as complete. last: over how many of the last planned epochs
    the final values are averaged.

    Columns: trial_id, stage, the axes, seed, derived, epochs_done, complete, train_accuracy, test_accuracy,
    validation_accuracy, train_loss (all after epoch E), selected_accuracy, selected_epoch, aulc,
    gap, diverged, diverged_at, seconds and iterations (at the last epoch trained). Accuracies are in
    percent, gap in percentage points; seconds are the run's share of its process's time.
    """
    trained = curves.sort_values([*RUN, "epoch"], ignore_index=True)
    curves = carried(trained) if carry else trained
    groups = curves.groupby(RUN, sort=False)
    runs = trained.groupby(RUN, sort=False).tail(1).set_index(RUN)
    runs = runs.rename(columns={"epoch": "epochs_done"})
    runs["complete"] = groups["epoch"].last() >= runs["epochs"]
    # A member of a population that diverged may have taken over the state of one that did not.
    runs["diverged"] = groups["diverged"].last()
    first = curves[curves["diverged"]].groupby(RUN)["epoch"].min()
    runs["diverged_at"] = first.reindex(runs.index).where(runs["diverged"])
    runs["aulc"] = _area(curves)
    runs[["selected_accuracy", "selected_epoch"]] = _selected(curves)
    final = ["train_accuracy", "validation_accuracy", "test_accuracy", "train_loss"]
    ending = curves[curves["epoch"] > curves["epochs"] - last].groupby(RUN)[final]
    runs[final] = ending.mean() if last > 1 else ending.last(skipna=False)
    runs["train_loss"] = runs["train_loss"].where(~runs["diverged"])
    ended = [*final, "aulc", "selected_accuracy", "selected_epoch"]
    runs[ended] = runs[ended].where(runs["complete"])
    runs["gap"] = runs["train_accuracy"] - runs["test_accuracy"]
    order = ["derived", "epochs_done", "complete", *ended, "gap", "diverged", "diverged_at"]
    runs = runs.reset_index()
    return runs[["trial_id", STAGE, *AXES, "seed", *order, "seconds", "iterations"]]


def carried(curves: pd.DataFrame) -> pd.DataFrame:
    """Return the curves with those that ended in a diverged epoch before E carried on to E, at their last accuracy.

    Iterations and seconds stay what the run used; the loss stays missing.
    """
    last = curves.sort_values([*RUN, "epoch"]).groupby(RUN, sort=False).tail(1)
    ended = last[last["diverged"] & (last["epoch"] < last["epochs"])]
    if ended.empty:
        return curves
    missing = ended["epochs"] - ended["epoch"]
    more = ended.loc[ended.index.repeat(missing)].copy()
    more["epoch"] += more.groupby(RUN).cumcount() + 1
    more["train_loss"] = np.nan
    return pd.concat([curves, more], ignore_index=True).sort_values([*RUN, "epoch"], ignore_index=True)


def mean_loss(table: pd.DataFrame, by: list[str]) -> pd.Series:
    """Return the mean training loss of groups of runs; NaN where one of them has none that is finite."""
    groups = table.groupby(by, sort=True)["train_loss"]
    return groups.mean().where(groups.count() == groups.size())


def time_to(curves: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """Return one row per run: when its test accuracy first stood at or above a threshold.

    Columns: trial_id, seed, threshold (percent), reached, and epochs, iterations and seconds, which
    are those of the last epoch seen (right-censored there) where reached is false.
    """
    curves = curves.sort_values([*RUN, "epoch"], ignore_index=True)
    amounts = ["epoch", "iterations", "seconds"]
    last = curves.groupby(RUN, sort=False)[amounts].last()
    first = curves[curves["test_accuracy"] >= threshold].groupby(RUN, sort=False)[amounts].first()
    table = first.reindex(last.index)
    table["reached"] = table["epoch"].notna()
    table[amounts] = table[amounts].fillna(last)
    table.insert(0, "threshold", float(threshold))
    types = {"epoch": "int64", "iterations": "int64"}
    return table.astype(types).rename(columns={"epoch": "epochs"}).reset_index()


def by_condition(table: pd.DataFrame) -> Iterator[tuple[int, pd.DataFrame]]:
    """Yield (number of the condition, its rows) of a table with the column `condition`."""
    for number, rows in table.groupby("condition", sort=True):
        yield cast(int, number), rows


def _area(curves: pd.DataFrame) -> pd.Series:
    """Area under the learning curve of every run; the accuracy itself where E = 1."""
    same = (curves[RUN] == curves[RUN].shift()).all(axis=1)
    width = curves["epoch"].diff().where(same, 0.0)
    height = (curves["test_accuracy"] + curves["test_accuracy"].shift()) / 2
    pieces = (width * height).where(same, 0.0).groupby([curves[c] for c in RUN], sort=False)
    groups = curves.groupby(RUN, sort=False)
    span = groups["epoch"].last() - groups["epoch"].first()
    alone = groups["test_accuracy"].last().astype("float64")
    return (pieces.sum() / span.replace(0, np.nan)).where(span > 0, alone)


def _selected(curves: pd.DataFrame) -> pd.DataFrame:
    """Test accuracy and epoch at the first best validation epoch; NaN without validation."""
    seen = curves[curves["validation_accuracy"].notna()]
    best = seen.loc[seen.groupby(RUN, sort=False)["validation_accuracy"].idxmax()]
    names = {"test_accuracy": "selected_accuracy", "epoch": "selected_epoch"}
    return best.set_index(RUN)[list(names)].rename(columns=names).astype("float64")
