"""Curves for TensorBoard: one of each run, over all sessions, under tensorboard/ of the results directory."""

import contextlib
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune.experiment import Trial

from study.contract.records import EpochLine, epochs_of
from study.results.ledger import Ledger, RunStatus
from study.tracking.naming import CURVES, curve_values, run_name
from study.tuning.event_file import append_events, hyperparameters, scalars


class TensorBoard(tune.Callback):
    """Writes each new epoch of each run to an event file of the run, and its axes as hyperparameters.

    It stands before the ledger's callback, which takes the lines out of a result: an epoch that the ledger holds
    already, trained again after a failure, is not written twice. A file that cannot be written is no reason to stop.

    Args:
        folder: with a folder for each run.
        ledger: knows the runs.
    """

    def __init__(self, folder: Path, ledger: Ledger) -> None:
        self._folder, self._ledger = folder, ledger
        self._files: dict[tuple[str, int], Path] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Ray pickles callbacks into its own state, which this project does not restore from."""
        return {}

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any
    ) -> None:
        """A pack reported an epoch of its runs."""
        lines: Sequence[tuple[str, EpochLine]] = result.get("lines", [])
        with contextlib.suppress(OSError):
            for trial_id, line in lines:
                for epoch in epochs_of(line):
                    status = self._ledger.runs.get((trial_id, epoch.seed))
                    if status is not None and not status.holds(epoch.epoch):
                        self._append(status, epoch.epoch, curve_values(epoch))

    def _append(self, status: RunStatus, epoch: int, values: Mapping[str, float]) -> None:
        key = status.planned.key
        events = [scalars(epoch, values)]
        if key not in self._files:
            # A file of its own for each session: the last one's may end in the middle of an event.
            folder = self._folder / run_name(status.planned)
            self._files[key] = folder / f"events.out.tfevents.{time.time_ns() // 1000}.study"
            folder.mkdir(parents=True, exist_ok=True)
            events = [*_hyperparameters(status), *events]
        append_events(self._files[key], *events)


def _hyperparameters(status: RunStatus) -> list[bytes]:
    """What the page HPARAMS shows: every axis under its own name, beside the mean of the seeds' last accuracies."""
    planned = status.planned
    values = {**planned.run.configuration.as_dict(), "stage": planned.stage}
    return hyperparameters(planned.trial_id, values, (CURVES["test_accuracy"], CURVES["validation_accuracy"]))
