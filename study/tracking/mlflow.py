"""MLflow: an experiment for a study, an MLflow run for each run, one curve over all its sessions."""

import logging
import os
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from study.contract.records import RunEpoch
from study.plan.planned import RunKey
from study.results.run_status import RunStatus
from study.tracking.identity import Identity
from study.tracking.naming import configuration_name, curve_values, run_name

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

# What MLflow takes at once.
MOST_METRICS = 1000
# Its words for how a run stands; RUNNING for what is not among these.
STATUS = {
    "completed": "FINISHED",
    "derived": "FINISHED",
    "stopped": "FINISHED",
    "failed": "FAILED",
    "interrupted": "KILLED",
}
STUDY_TAG = "study_id"
# Every epoch has it, whatever became of the loss: where it is, the epoch is.
MARK = "accuracy/test"


class MlflowTracker:
    """Adds epochs to MLflow as they come.

    An epoch has the time at which it was trained: one that is added a second time is the same to MLflow.

    Args:
        uri: of the tracking server or its database.
        experiment: its name; made where there is none.
        identity: tells this study's runs from others of the experiment.
    """

    name = "MLflow"
    live = True

    def __init__(self, uri: str, experiment: str, identity: Identity) -> None:
        self._uri, self._experiment, self._identity = uri, experiment, identity
        self._opened: tuple[MlflowClient, str] | None = None
        self._runs: dict[RunKey, str] = {}  # MLflow's ids
        self._held: dict[RunKey, set[int]] = {}
        self._status: dict[RunKey, str] = {}

    def show(self, status: RunStatus, epochs: Sequence[RunEpoch]) -> None:
        """See ``study.tracking.mirror.Tracker``."""
        from mlflow.entities import Metric

        client, _ = self._open()
        key = status.planned.key
        run = self._runs.get(key) or self._begin(status)
        if key not in self._held:
            self._take_up(run, status)
        new = [epoch for epoch in epochs if epoch.epoch not in self._held[key]]
        metrics = [
            Metric(name, value, _milliseconds(epoch.line["finished"]), epoch.epoch)
            for epoch in new
            # The mark comes last: where it is, the others are.
            for name, value in sorted(curve_values(epoch).items(), key=lambda each: each[0] == MARK)
        ]
        for first in range(0, len(metrics), MOST_METRICS):
            client.log_batch(run, metrics=metrics[first : first + MOST_METRICS])
        self._held[key] |= {epoch.epoch for epoch in new}
        self._say_state(run, status)

    def _open(self) -> "tuple[MlflowClient, str]":
        """The client and the id of the experiment, with the runs of earlier sessions taken up."""
        if self._opened is not None:
            return self._opened
        # It writes of its tables to standard error, and reports who uses it to its makers.
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        logging.getLogger("mlflow").setLevel(logging.WARNING)
        from mlflow.tracking import MlflowClient

        client = MlflowClient(self._uri)
        there = client.get_experiment_by_name(self._experiment)
        experiment = there.experiment_id if there else client.create_experiment(self._experiment)
        if not self._identity.file.exists():
            self._identity.write()
        token = None
        while True:
            wanted = f"tags.{STUDY_TAG} = '{self._identity.study_id}'"
            page = client.search_runs([experiment], wanted, page_token=token)
            for run in page:
                key = run.data.tags["trial_id"], int(run.data.tags["seed"])
                self._runs[key], self._status[key] = run.info.run_id, run.info.status
            token = page.token
            if not token:
                break
        self._opened = client, experiment
        return self._opened

    def _begin(self, status: RunStatus) -> str:
        client, experiment = self._open()
        planned = status.planned
        tags = {
            STUDY_TAG: self._identity.study_id,
            "study": self._experiment,
            "trial_id": planned.trial_id,
            "configuration": configuration_name(planned),
            "seed": str(planned.run.seed),
        }
        begun = _milliseconds(status.started) if status.started else None
        run: str = client.create_run(experiment, begun, tags, run_name(planned)).info.run_id
        self._runs[planned.key], self._status[planned.key] = run, "RUNNING"
        return run

    def _take_up(self, run: str, status: RunStatus) -> None:
        """Say once a session what the run is, and see which epochs MLflow has of it."""
        from mlflow.entities import Param

        client, _ = self._open()
        planned = status.planned
        values = {**planned.run.configuration.as_dict(), "seed": planned.run.seed, "stage": planned.stage}
        client.log_batch(run, params=[Param(name, str(value)) for name, value in values.items()])
        self._held[planned.key] = {metric.step for metric in client.get_metric_history(run, MARK)}

    def _say_state(self, run: str, status: RunStatus) -> None:
        client, _ = self._open()
        key, word = status.planned.key, STATUS.get(status.state, "RUNNING")
        if word == self._status[key]:
            return
        if word == "RUNNING":
            client.update_run(run, status=word)
        else:
            client.set_tag(run, "state", status.state)
            client.set_tag(run, "diverged", "yes" if status.diverged else "no")
            client.set_terminated(run, word, _milliseconds(status.ended) if status.ended else None)
        self._status[key] = word


def _milliseconds(time: str) -> int:
    """A time of a record, since 1970; 0 where an old record has none."""
    return int(datetime.fromisoformat(time).timestamp() * 1000) if time else 0
