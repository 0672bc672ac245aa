"""Which axes mattered in a search (Optuna's hyperparameter importance)."""

import warnings
from dataclasses import dataclass
from typing import Any

import optuna
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from analysis import style
from analysis.axes import FACTOR_TYPES, scale, title
from analysis.figures.common import NoDataError
from analysis.findings import Findings
from analysis.tried import OBJECTIVES, search_trials, varying

FEWEST = 8
TREES = 16


@dataclass(frozen=True)
class Info:
    """What the figure shows: table has one row per axis with its importance, a share of 1."""

    table: pd.DataFrame
    objective: str
    source: str


def info(findings: Findings) -> Info:
    """Return the importances by fANOVA (Hutter, Hoos & Leyton-Brown 2014), as Optuna computes it.

    Raises NoDataError with fewer than 8 configurations trained to the end, equal objectives, or one axis.
    """
    trials, objective = search_trials(findings)
    ended = trials[trials["finished"] & trials["value"].notna()]
    axes = [axis for axis in varying(findings) if ended[axis].nunique() > 1]
    if len(ended) < FEWEST:
        raise NoDataError(f"fewer than {FEWEST} configurations were trained to the end")
    if len(axes) < 2 or ended["value"].nunique() < 2:
        raise NoDataError("one axis, or one value of the objective: there is nothing to divide")
    shares = _importance(ended, axes)
    table = pd.DataFrame({"axis": list(shares), "importance": list(shares.values())})
    table["title"] = table["axis"].map(title)
    source = f"{findings.source}. fANOVA over {len(ended)} configurations trained to the end."
    return Info(table, objective, source)


def draw(info: Info) -> Figure:
    """Draw one bar an axis."""
    figure = style.new_figure(5.6, 1.3 + 0.32 * len(info.table))
    ax = figure.subplots()
    sns.barplot(data=info.table, x="importance", y="title", ax=ax, color=sns.color_palette("colorblind")[0])
    for place, share in enumerate(info.table["importance"]):
        ax.annotate(f"{share:.2f}", (share, place), (3, 0), textcoords="offset points", va="center", fontsize=8)
    objective = OBJECTIVES[info.objective].split(" (")[0].lower()
    ax.set(xlabel=f"Share of the variance of {objective}", ylabel="", xlim=(0, 1.08))
    ax.grid(False, axis="y")
    return style.finish(figure, "Search: importance of the axes", info.source)


def _importance(trials: pd.DataFrame, axes: list[str]) -> dict[str, float]:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize")
    spaces = {axis: _distribution(trials[axis], axis) for axis in axes}
    rows = trials[[*axes, "value"]].astype(object).to_dict("records")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.add_trials(
            [
                optuna.trial.create_trial(
                    params={axis: row[axis] for axis in axes},
                    distributions=spaces,
                    value=float(row["value"]),
                )
                for row in rows
            ]
        )
        evaluator = optuna.importance.FanovaImportanceEvaluator(n_trees=TREES, seed=0)
        return optuna.importance.get_param_importances(study, evaluator=evaluator)


def _distribution(values: pd.Series, axis: str) -> Any:
    log = scale(axis, values) == "log"
    if FACTOR_TYPES[axis] == "float64":
        return optuna.distributions.FloatDistribution(values.min(), values.max(), log=log)
    if FACTOR_TYPES[axis] == "int64":
        return optuna.distributions.IntDistribution(int(values.min()), int(values.max()), log=log)
    return optuna.distributions.CategoricalDistribution(sorted(values.unique().tolist()))
