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
from analysis.tried import OBJECTIVES, check_fixed, search_trials, varying

FEWEST = 8
TREES = 16
RESAMPLES = 20


@dataclass(frozen=True)
class Info:
    """What the figure shows: table has one row per axis with its importance, a share of 1, and low and high."""

    table: pd.DataFrame
    objective: str
    source: str


def info(findings: Findings) -> Info:
    """Return the importances by fANOVA (Hutter, Hoos & Leyton-Brown 2014), as Optuna computes it.

    low, high: the 10th and 90th percentile over resamples of the configurations with replacement (Efron 1979).
    Raises NoDataError with fewer than 8 configurations trained to the end, equal objectives, or one axis.
    """
    trials, objective = search_trials(findings)
    check_fixed(findings)
    ended = trials[trials["finished"] & trials["value"].notna()]
    axes = [axis for axis in varying(findings) if ended[axis].nunique() > 1]
    if len(ended) < FEWEST:
        raise NoDataError(f"fewer than {FEWEST} configurations were trained to the end")
    if len(axes) < 2 or ended["value"].nunique() < 2:
        raise NoDataError("one axis, or one value of the objective: there is nothing to divide")
    shares = _importance(ended, axes)
    table = pd.DataFrame({"axis": list(shares), "importance": list(shares.values())})
    table["title"] = table["axis"].map(title)
    table = table.merge(_spread(ended, axes), on="axis")
    source = (
        f"{findings.source}. fANOVA over {len(ended)} configurations trained to the end; lines: 10th to 90th "
        f"percentile over {RESAMPLES} resamples of them."
    )
    return Info(table, objective, source)


def draw(info: Info) -> Figure:
    """Draw one bar an axis."""
    figure = style.new_figure(5.6, 1.3 + 0.32 * len(info.table))
    ax = figure.subplots()
    sns.barplot(data=info.table, x="importance", y="title", ax=ax, color=sns.color_palette("colorblind")[0])
    for place, row in enumerate(info.table[["importance", "low", "high"]].to_numpy(dtype=float)):
        share, low, high = map(float, row)
        ax.plot([low, high], [place, place], color="0.2", lw=1.2)
        text = (max(share, high), place), (4, 0)
        ax.annotate(f"{share:.2f}", *text, textcoords="offset points", va="center", fontsize=8)
    objective = OBJECTIVES[info.objective].split(" (")[0].lower()
    ax.set(xlabel=f"Share of the variance of {objective}", ylabel="", xlim=(0, 1.08))
    ax.grid(False, axis="y")
    return style.finish(figure, "Search: importance of the axes", info.source)


def _spread(ended: pd.DataFrame, axes: list[str]) -> pd.DataFrame:
    """How far the shares move when the configurations are drawn again."""
    drawn = []
    for seed in range(RESAMPLES):
        sample = ended.sample(len(ended), replace=True, random_state=seed)
        if sample["value"].nunique() > 1:
            drawn.append(dict.fromkeys(axes, 0.0) | _importance(sample, [a for a in axes if sample[a].nunique() > 1]))
    table = pd.DataFrame(drawn, columns=axes)
    return pd.DataFrame({"axis": axes, "low": table.quantile(0.1).to_numpy(), "high": table.quantile(0.9).to_numpy()})


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
