"""Follows Ray Tune's trials: the table of their statuses, and whoever wants to hear of progress."""

import signal
import time
from collections.abc import Mapping
from types import FrameType
from typing import Any, Protocol

from ray import tune
from ray.tune.experiment import Trial

from study.contract.files import trial_id
from study.results.directory import ResultsDirectory, TrialStatus
from study.results.records import now

SECONDS_BETWEEN_WRITES = 10.0


class Listener(Protocol):
    """Hears of every change; see study.progress."""

    def started(self, trial: TrialStatus) -> None:
        """A trial began, or began again after a failure."""

    def epoch(self, trial: TrialStatus, metrics: Mapping[str, Any]) -> None:
        """A trial finished an epoch."""

    def interrupted(self) -> None:
        """The user pressed Ctrl-C."""

    def ended(self, trial: TrialStatus, metrics: Mapping[str, Any]) -> None:
        """A trial completed, was stopped or failed."""


class StatusCallback(tune.Callback):
    """Keeps trials.parquet true while trials start, report and end.

    Args:
        statuses: every trial of the plan by trial_id; changed in place.
        results: where the table is written.
        listener: is told of every change.
    """

    def __init__(self, statuses: dict[str, TrialStatus], results: ResultsDirectory, listener: Listener) -> None:
        self._statuses, self._results, self._listener = statuses, results, listener
        self._written = 0.0

    def __getstate__(self) -> dict[str, Any]:
        """Ray pickles callbacks into its own state, which this project does not restore from."""
        return {}

    def setup(
        self, stop: Any = None, num_samples: int | None = None, total_num_samples: int | None = None, **info: Any
    ) -> None:
        """Acknowledge Ctrl-C at once: Ray Tune takes seconds to stop its trials, and says nothing meanwhile."""
        tune_handler = signal.getsignal(signal.SIGINT)
        if not callable(tune_handler):
            return

        def acknowledge(number: int, frame: FrameType | None) -> None:
            self._listener.interrupted()
            tune_handler(number, frame)  # which puts back the handler that was there before Ray Tune's

        signal.signal(signal.SIGINT, acknowledge)

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Ray gave the trial its resources."""
        status = self._status_of(trial)
        status.status = "running"
        status.started, status.ended, status.error = now(), None, None
        if trial.storage is not None:
            status.directory = f"{trial.storage.experiment_dir_name}/{trial.storage.trial_dir_name}"
        self._write()
        self._listener.started(status)

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any
    ) -> None:
        """The trial reported an epoch."""
        status = self._status_of(trial)
        status.epochs_done = result["epoch"]
        status.host, status.device = result.get("hostname"), result.get("device")
        if time.monotonic() - self._written > SECONDS_BETWEEN_WRITES:
            self._write()
        self._listener.epoch(status, result)

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """The trial ended by itself or by its scheduler."""
        result = trial.last_result
        self._end(trial, "completed" if result.get("finished") else "stopped")

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """The trial failed more often than it may."""
        error = trial.get_error()
        self._status_of(trial).error = str(error).strip() if error else "unknown error"
        self._end(trial, "failed")

    def _end(self, trial: Trial, how: Any) -> None:
        status = self._status_of(trial)
        status.status, status.ended = how, now()
        self._write()
        self._listener.ended(status, trial.last_result or {})

    def _status_of(self, trial: Trial) -> TrialStatus:
        return self._statuses[trial_id(trial.config["trial"]["number"])]

    def _write(self) -> None:
        self._results.write_trials(self._statuses.values())
        self._written = time.monotonic()
