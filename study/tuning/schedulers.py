"""Schedulers: which configurations end early, because others do better at the same epoch.

Ray's own rules decide, asynchronous successive halving (Li et al., MLSys 2020) and the median rule (Golovin et al., KDD
2017). They hear of configurations, not of Ray's trials: the mean validation accuracy over the seeds. So they can be
told again what the records hold, and a later session decides as an undisturbed one would have.
"""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
from ray.tune.experiment import Trial
from ray.tune.schedulers import AsyncHyperBandScheduler, FIFOScheduler, MedianStoppingRule, TrialScheduler

from study.contract.records import EpochLine
from study.contract.states import ENDED
from study.results.ledger import Ledger
from study.results.run_status import RunStatus
from study.space import Study
from study.space.sections import AshaScheduler, MedianScheduler

_EPOCH, _VALUE = "epoch", "score"
_NO_CONTROLLER = cast(Any, None)  # Ray's rules ask it for nothing, as they are set up here


class Judge:
    """Ray's rule, told of one configuration and epoch after another.

    Args:
        scheduler: which rule, with its settings.
        epochs: that every configuration is planned to have.

    Attributes:
        stopped: trial_ids of the configurations that it has ended.
    """

    def __init__(self, scheduler: AshaScheduler | MedianScheduler, epochs: int) -> None:
        self._rule, self._epochs = _rays_rule(scheduler, epochs), epochs
        self._trials: dict[str, Trial] = {}
        self._told: dict[str, int] = {}
        self.stopped: set[str] = set()

    def ends(self, trial_id: str, epoch: int, value: float) -> bool:
        """Whether a configuration ends with this epoch; the same answer when it is asked again.

        Args:
            trial_id: names it.
            epoch: epochs that were told before say nothing new.
            value: mean validation accuracy, in percent; the higher, the better.
        """
        if trial_id in self.stopped:
            return True
        if epoch >= self._epochs:  # Ray's rules would say that it ends, which it does anyway
            self.remember(trial_id, epoch, value)
        if epoch <= self._told.get(trial_id, 0):
            return False
        decision = self._rule.on_trial_result(_NO_CONTROLLER, *self._result(trial_id, epoch, value))
        if decision != TrialScheduler.CONTINUE:
            self.stopped.add(trial_id)
        return trial_id in self.stopped

    def remember(self, trial_id: str, epoch: int, value: float) -> None:
        """Others are compared with this epoch of a configuration, about which nothing is to be decided any more."""
        if epoch <= self._told.get(trial_id, 0):
            return
        trial, result = self._result(trial_id, epoch, value)
        if isinstance(self._rule, MedianStoppingRule):
            self._rule.on_trial_complete(_NO_CONTROLLER, trial, result)
        else:
            self._rule.on_trial_result(_NO_CONTROLLER, trial, result)

    def _result(self, trial_id: str, epoch: int, value: float) -> tuple[Trial, dict[str, Any]]:
        self._told[trial_id] = epoch
        if trial_id not in self._trials:
            self._trials[trial_id] = self._added(trial_id)
        return self._trials[trial_id], {_EPOCH: epoch, _VALUE: value}

    def _added(self, trial_id: str) -> Trial:
        trial = Trial("configuration", trial_id=trial_id, stub=True)
        # Ray draws the bracket of a trial from numpy's global generator.
        before = np.random.get_state()
        np.random.seed(zlib.crc32(trial_id.encode()))
        try:
            self._rule.on_trial_add(_NO_CONTROLLER, trial)
        finally:
            np.random.set_state(before)
        return trial


def _rays_rule(scheduler: AshaScheduler | MedianScheduler, epochs: int) -> TrialScheduler:
    if isinstance(scheduler, AshaScheduler):
        return AsyncHyperBandScheduler(
            time_attr=_EPOCH,
            metric=_VALUE,
            mode="max",
            max_t=epochs,
            grace_period=scheduler.grace_period,
            reduction_factor=scheduler.reduction_factor,
            brackets=scheduler.brackets,
        )
    return MedianStoppingRule(
        time_attr=_EPOCH,
        metric=_VALUE,
        mode="max",
        grace_period=scheduler.grace_period,
        min_samples_required=scheduler.min_samples,
        # A trial that has too few others to compare with goes on: it never makes way for one that waits.
        min_time_slice=cast(Any, float("inf")),
    )


class ConfigurationScheduler(FIFOScheduler):
    """A scheduler to Ray Tune: ends the pack of a configuration that is doing worse than others.

    A pack must hold runs of one configuration alone. Runs of the stage ``confirm`` train to their end.

    Args:
        judge: decides.
        ledger: holds what the records hold.
    """

    def __init__(self, judge: Judge, ledger: Ledger) -> None:
        super().__init__()
        self._judge, self._ledger = judge, ledger

    def __getstate__(self) -> dict[str, Any]:
        """Ray pickles schedulers into its own state, which this project does not restore from."""
        return {}

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """A pack has reported an epoch, which no record holds yet."""
        trial_id = self._explored(trial)
        lines: list[tuple[str, EpochLine]] = result.get("lines", [])
        fresh: dict[int, dict[int, float]] = {}
        for _, line in lines:
            values = zip(line["seeds"], line["validation_accuracy"] or (), strict=False)
            fresh.setdefault(line["epoch"], {}).update(values)
        if trial_id is None or not fresh:
            return TrialScheduler.CONTINUE
        epoch = max(fresh)
        value = mean_accuracy(_statuses(self._ledger, trial_id), epoch, fresh[epoch])
        if value is not None and self._judge.ends(trial_id, epoch, value):
            return TrialScheduler.STOP
        return TrialScheduler.CONTINUE

    def on_trial_complete(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> None:
        """A pack has ended; Ray does not ask about an epoch that is a pack's last by itself."""
        trial_id = self._explored(trial)
        if trial_id is not None:
            statuses = _statuses(self._ledger, trial_id)
            epoch = max(status.epochs_done for status in statuses)
            value = mean_accuracy(statuses, epoch)
            if value is not None:
                self._judge.remember(trial_id, epoch, value)

    def _explored(self, trial: Trial) -> str | None:
        """The configuration of a pack, unless it is none that a scheduler looks at."""
        runs = {(run["trial_id"], run["seed"]) for run in trial.config["pack"]["runs"]}
        if any(self._ledger.runs[key].planned.stage != "explore" for key in runs):
            return None
        (trial_id,) = {name for name, _ in runs}
        return trial_id


def make_scheduler(study: Study, ledger: Ledger) -> ConfigurationScheduler | None:
    """The scheduler of a study, knowing all that the records hold; None where it has none.

    What a driver that died could not do any more is done: configurations whose last recorded epoch ends them, and later
    seeds of those that were ended, are stopped.

    Args:
        study: names the scheduler; gives every configuration the same number of epochs.
        ledger: with all runs that were asked for so far, and every row that a checkpoint has put back.
    """
    scheduler = study.scheduler
    if not isinstance(scheduler, AshaScheduler | MedianScheduler):
        return None
    judge = Judge(scheduler, max(map(int, study.axis_values("epochs") or ())))
    found = explored(ledger)
    for report in sorted(report for name, statuses in found.items() for report in _reports(name, statuses)):
        if report.decided:
            judge.remember(report.trial_id, report.epoch, report.value)
        else:
            judge.ends(report.trial_id, report.epoch, report.value)
    for name, statuses in found.items():
        if name in judge.stopped or any(status.reason == "scheduler" for status in statuses):
            judge.stopped.add(name)
            ledger.stop([status.planned.key for status in statuses], "scheduler")
    return ConfigurationScheduler(judge, ledger)


class _Report(NamedTuple):
    """An epoch of a configuration, in the order in which a scheduler heard of them.

    Attributes:
        finished: when the first of its runs had it.
        epoch: 1 for the first.
        trial_id: of the configuration.
        value: mean validation accuracy over its runs.
        decided: whether later epochs, or the state of its runs, show that the configuration went on, or that it ended.
    """

    finished: str
    epoch: int
    trial_id: str
    value: float
    decided: bool


def _reports(trial_id: str, statuses: list[RunStatus]) -> Iterator[_Report]:
    last = max(status.epochs_done for status in statuses)
    ended = all(status.state in ENDED for status in statuses)
    finished = ""
    for epoch in range(1, last + 1):
        value = mean_accuracy(statuses, epoch)
        if value is not None:
            # A clock that was set back puts no epoch before the one that it follows.
            now = min(status.finished[epoch] for status in statuses if epoch <= status.epochs_done)
            finished = max(finished, now)
            yield _Report(finished, epoch, trial_id, value, decided=epoch < last or ended)


def explored(ledger: Ledger) -> dict[str, list[RunStatus]]:
    """The runs of each configuration that is no beginning of a longer one."""
    found: dict[str, list[RunStatus]] = {}
    for key, status in ledger.runs.items():
        if status.planned.stage == "explore" and ledger.family(key).longest.key == key:
            found.setdefault(key[0], []).append(status)
    return found


def _statuses(ledger: Ledger, trial_id: str) -> list[RunStatus]:
    return [status for (name, _), status in ledger.runs.items() if name == trial_id]


def mean_accuracy(statuses: Sequence[RunStatus], epoch: int, fresh: Mapping[int, float] | None = None) -> float | None:
    """The mean validation accuracy of a configuration after an epoch, in percent; None where nothing is known.

    A run that ended before, because it diverged or met a stop rule, counts with its last accuracy; one that has not
    come so far, because it was asked for later, not at all.

    Args:
        statuses: of its runs.
        epoch: 1 for the first.
        fresh: by seed, what is not in the ledger yet.
    """
    values = []
    for status in statuses:
        seed, known = status.planned.run.seed, status.validation
        if fresh and seed in fresh:
            values.append(fresh[seed])
        elif epoch in known:
            values.append(known[epoch])
        elif status.state in ENDED and status.epochs_done in known:
            values.append(known[status.epochs_done])
    return sum(values) / len(values) if values else None
