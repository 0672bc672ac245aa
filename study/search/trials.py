"""The configurations of a search as Optuna's trials: what its samplers learn from, and what its dashboard shows."""

from collections.abc import Iterable
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from study.growth.scores import Fate, Score, scores
from study.results.ledger import Ledger
from study.search.distributions import parameters_of
from study.space import Study

REASON = "search"  # in plan.jsonl, of what a search asks for

# A configuration of which every run has diverged is told as one that was stopped at its first epoch: Optuna's TPE holds
# any completed trial for better than any stopped one, so at 10 % it could count among the best.
_STATES: dict[Fate, TrialState] = {
    "running": TrialState.RUNNING,
    "completed": TrialState.COMPLETE,
    "stopped": TrialState.PRUNED,
    "diverged": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}


def suggested(ledger: Ledger) -> list[Score]:
    """What the search has asked for so far, in its order."""
    return [score for score in scores(ledger) if score.reason == REASON]


def as_trials(study: Study, explored: Iterable[Score], drawn: dict[str, BaseDistribution]) -> list[FrozenTrial]:
    """The trials of these configurations, in the same order.

    A value is the mean validation accuracy over the seeds, a finite number always: what a diverged network still
    classifies counts as measured.
    """
    return [as_trial(study, score, drawn) for score in explored]


def as_trial(study: Study, score: Score, drawn: dict[str, BaseDistribution]) -> FrozenTrial:
    """One of them; see ``as_trials``."""
    state = _STATES[score.fate]
    values = dict(score.values)
    if score.fate == "diverged":
        values = {1: values[max(values)]}
    return create_trial(
        state=state,
        value=score.value if state == TrialState.COMPLETE else None,
        params=parameters_of(study, score.configuration),
        distributions=drawn,
        user_attrs=attributes(score),
        intermediate_values=values,
    )


def attributes(score: Score) -> dict[str, Any]:
    """What the dashboard shows of a trial beside its values."""
    return {
        "trial_id": score.trial_id,
        "fate": score.fate,
        **{f"seed {seed}": value for seed, value in score.of_seeds.items()},
    }
