"""How the configurations of a search stand: the mean over their seeds, epoch by epoch."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from study.contract.axes import Configuration
from study.contract.states import ENDED, Stage
from study.results.ledger import Ledger
from study.results.run_status import RunStatus

# running: not all of its runs have ended. completed: they have all their epochs, or met a stop rule of their own.
# stopped: a scheduler ended it. diverged: every run's loss has left the numbers. failed: none has a value.
Fate = Literal["running", "completed", "stopped", "diverged", "failed"]


@dataclass(frozen=True)
class Score:
    """A configuration with what its runs have reached.

    Attributes:
        trial_id: its name.
        configuration: what it is.
        reason: what asked for it.
        fate: how it ended, or that it has not.
        values: by epoch, the mean validation accuracy over its runs, in percent, as far as all of them have one. A run
            that ended before the others, because it diverged or met a stop rule, counts with its last accuracy.
        of_seeds: the last validation accuracy of each run.
    """

    trial_id: str
    configuration: Configuration
    reason: str
    fate: Fate
    values: Mapping[int, float]
    of_seeds: Mapping[int, float]

    @property
    def value(self) -> float | None:
        """The mean at its last epoch; None before the first."""
        return self.values[max(self.values)] if self.values else None


def scores(ledger: Ledger, stage: Stage = "explore") -> list[Score]:
    """Every configuration of a stage, in the order in which it was asked for."""
    runs: dict[str, list[RunStatus]] = {}
    for (trial_id, _), status in ledger.runs.items():
        if status.planned.stage == stage:
            runs.setdefault(trial_id, []).append(status)
    reasons = ledger.reasons
    return [
        Score(
            trial_id,
            statuses[0].planned.run.configuration,
            reasons[trial_id],
            _fate(statuses),
            _means(statuses),
            {status.planned.run.seed: last for status in statuses if (last := _last(status)) is not None},
        )
        for trial_id, statuses in runs.items()
    ]


def ranked(explored: Iterable[Score]) -> list[Score]:
    """Those that can be selected, the best first: the completed ones, then those that a scheduler ended.

    The longer one of these trained, the more its value says; of equal ones the first asked for goes first.
    """
    able = [score for score in explored if score.fate in ("completed", "stopped") and score.values]

    def key(score: Score) -> tuple[bool, int, float]:
        completed = score.fate == "completed"
        return not completed, 0 if completed else -max(score.values), -(score.value or 0.0)

    return sorted(able, key=key)


def _fate(statuses: list[RunStatus]) -> Fate:
    states = {status.state for status in statuses}
    if states - ENDED - {"failed"}:
        return "running"
    if all(_last(status) is None for status in statuses):
        return "failed"
    if all(status.diverged for status in statuses):
        return "diverged"
    return "stopped" if any(status.reason == "scheduler" for status in statuses) else "completed"


def _last(status: RunStatus) -> float | None:
    return status.validation.get(status.epochs_done)


def _means(statuses: list[RunStatus]) -> dict[int, float]:
    """By epoch, up to the last that all runs which still train have reached."""
    measured = [status for status in statuses if _last(status) is not None]
    waiting = [status for status in statuses if status not in measured and status.state != "failed"]
    if not measured or waiting:
        return {}
    under_way = [status.epochs_done for status in measured if status.state not in ENDED and status.state != "failed"]
    reached = min(under_way) if under_way else max(status.epochs_done for status in measured)
    return {
        epoch: sum(status.validation[min(epoch, status.epochs_done)] for status in measured) / len(measured)
        for epoch in range(1, reached + 1)
    }
